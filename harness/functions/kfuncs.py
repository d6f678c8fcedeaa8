"""Kernel functions that BPF programs may call: the kfuncs that a file registers, found through its .BTF_ids section.

The kernel's macros lay out a set as {u32 cnt; u32 flags; {u32 id; u32 flags} pairs[]} and leave symbols behind: one for
the set, `__BTF_ID__set8__SET`, whose st_size covers header and pairs, and one for each pair, `__BTF_ID__func__NAME__N`.
All words are in the file's byte order. The compiler leaves cnt and id 0; `resolve_btfids`, which runs after the BTF is
made, fills them in.

Source: include/linux/btf_ids.h (BTF_SET8_START, BTF_KFUNCS_START, BTF_ID_FLAGS) and include/linux/btf.h (KF_*), v6.12;
BTF_SET8_KFUNCS is there since v6.9, so earlier kernels have no kfuncs that could be told from other sets.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import NamedTuple

import numpy as np

from harness.errors import ElfError

BTF_IDS = ".BTF_ids"
SET8_PREFIX = b"__BTF_ID__set8__"
FUNC_PREFIX = b"__BTF_ID__func__"

BTF_SET8_KFUNCS = 1 << 0
"""Flag of a set: its functions are kfuncs."""
KF_FASTCALL = 1 << 12
"""Flag of a kfunc: it clobbers no more registers than its arguments need (v6.13)."""

BPF_KFUNC = b"bpf_kfunc"
BPF_FASTCALL = b"bpf_fastcall"

HEADER_NBYTES = 8
PAIR_NBYTES = 8

NAME_LIMIT = 1024
"""Longest name of a symbol, bytes; twice what the kernel allows (KSYM_NAME_LEN)."""


class Kfunc(NamedTuple):
    """A kfunc: the function's name, and the KF_* flags of its pairs."""

    name: bytes
    flags: int


class KfuncSet(NamedTuple):
    """Bytes [start, stop) of the section: the header and the pairs of one set."""

    start: int
    stop: int


def kfuncs(image, symbols):
    """The kfuncs of a kernel or module: list of Kfunc, sorted by name, each name once.

    Parameters
    ----------
    image : harness.elf.ElfImage
    symbols : harness.elf.SymbolTable

    Returns
    -------
    list of Kfunc
        The flags of a function in several sets are or-ed. Empty when there is no .BTF_ids section, or no set in it is
        marked as holding kfuncs.

    Raises
    ------
    ElfError
        A set reaches past the section, by its st_size or by its cnt; its st_size is no whole number of pairs; sets
        overlap; a function of a set does not lie at one of its pairs; a name is longer than any symbol's; or the
        section has no bytes in this file (SHT_NOBITS) although it has sets.

    Notes
    -----
    Names are read only of symbols that lie in the section, about 700 of a kernel's 150,000.

    `resolve_btfids` sorts the pairs of a set by id but leaves the symbols where they were. So in a finished vmlinux
    every name is still in its set, but the flags found at a symbol may be those of another function of the set; only
    in a file that did not go through `resolve_btfids` (all cnt are 0) do they belong to the name. pahole, made for
    such files, reads them at the symbol too.
    """
    section = image.section(BTF_IDS)
    if section is None:
        return []
    sets, funcs = [], []
    base = section.addr
    for row in np.flatnonzero(symbols.shndx == section.index).tolist():
        name = _name(image, symbols, row)
        if name.startswith(SET8_PREFIX):
            sets.append((int(symbols.value[row]) - base, int(symbols.size[row]), name))
        elif name.startswith(FUNC_PREFIX):
            func = func_name(name)
            if func:
                funcs.append((int(symbols.value[row]) - base, func))
    if not sets:
        return []
    data = image.read(section).tobytes()
    two_words = struct.Struct(("<" if image.little_endian else ">") + "2I")
    ranges = _kfunc_sets(image, data, two_words, sets)
    starts = [r.start for r in ranges]
    found = {}
    for offset, func in funcs:
        at = bisect_right(starts, offset) - 1
        if at < 0 or offset >= ranges[at].stop:
            continue
        within = offset - ranges[at].start
        if within < HEADER_NBYTES or within % PAIR_NBYTES:
            raise ElfError(f"expected kfunc {_text(func)} at a pair of its set at {ranges[at].start:#x}, found it "
                           f"{within} bytes after the set's start", image.path, BTF_IDS, offset)
        _, flags = two_words.unpack_from(data, offset)
        found[func] = found.get(func, 0) | flags
    return [Kfunc(*item) for item in sorted(found.items())]


def tags(kfunc):
    """Names of the DECL_TAGs that the kfunc's FUNC gets, as a tuple of bytes in pahole's order."""
    return (BPF_KFUNC, BPF_FASTCALL) if kfunc.flags & KF_FASTCALL else (BPF_KFUNC,)


def func_name(symbol):
    """The function that a `__BTF_ID__func__NAME__N` symbol stands for (bytes), or None for other names.

    N is what follows the last underscore: a counter and a line number as one number. NAME may hold double underscores
    and end with underscores.

    >>> func_name(b"__BTF_ID__func__bpf__x___815657")
    b'bpf__x_'
    """
    if not symbol.startswith(FUNC_PREFIX):
        return None
    stem = symbol[len(FUNC_PREFIX) :].rpartition(b"_")[0]
    return stem[:-1] or None if stem.endswith(b"_") else None


def _kfunc_sets(image, data, two_words, sets):
    """The KfuncSets among (offset, st_size, name) of set symbols, by offset; none overlaps another."""
    out = set()
    for start, size, name in sets:
        if not 0 <= start <= len(data) - HEADER_NBYTES:
            raise ElfError(f"expected the {HEADER_NBYTES} bytes of a set's header within {len(data)} bytes, found "
                           f"{_text(name)} {start} bytes from the section's start", image.path, BTF_IDS,
                           min(max(start, 0), len(data)))
        count, flags = two_words.unpack_from(data, start)
        if not flags & BTF_SET8_KFUNCS:
            continue
        room = (len(data) - start - HEADER_NBYTES) // PAIR_NBYTES
        if count > room:
            raise ElfError(f"expected at most {room} pairs in {_text(name)}, found a cnt of {count}", image.path,
                           BTF_IDS, start)
        # the range is st_size, as cnt is 0 until the ids are resolved
        if size > len(data) - start or size % PAIR_NBYTES:
            raise ElfError(f"expected {_text(name)} to be at most {room} whole pairs and a header, found an st_size of "
                           f"{size} bytes", image.path, BTF_IDS, start)
        if size:
            out.add(KfuncSet(start, start + size))
    out = sorted(out)
    for before, after in zip(out, out[1:], strict=False):
        if after.start < before.stop:
            raise ElfError(f"expected sets that do not overlap, found one at {before.start:#x} to {before.stop:#x} "
                           f"and one to {after.stop:#x}", image.path, BTF_IDS, after.start)
    return out


def _name(image, symbols, row):
    """Name of a symbol, bytes."""
    at = int(symbols.name_off[row])
    name, end, _ = symbols.strtab[at : at + NAME_LIMIT + 1].tobytes().partition(b"\0")
    if not end:
        raise ElfError(f"expected a symbol's name of at most {NAME_LIMIT} bytes, found {_text(name[:40])}...",
                       image.path, ".strtab", at)
    return name


def _text(name):
    return name.decode("utf-8", "backslashreplace")
