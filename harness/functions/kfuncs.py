"""Kernel functions that BPF programs may call: the kfuncs that a file registers, found through its .BTF_ids section.

The kernel's macros lay out a set as {u32 cnt; u32 flags; {u32 id; u32 flags} pairs[]} and leave symbols behind: one for
the set, `__BTF_ID__set8__SET`, whose st_size covers header and pairs, and one for each pair, `__BTF_ID__func__NAME__N`.
All words are in the file's byte order. The compiler leaves cnt and id 0; `resolve_btfids`, which runs after the BTF is
made, fills them in and sorts the pairs of each set by id, but leaves the symbols where they were. So in a finished
vmlinux the name of a pair is that of the FUNC with its id, in the file's own .BTF; in a file that did not go through
`resolve_btfids` it is that of the symbol.

Source: include/linux/btf_ids.h (BTF_SET8_START, BTF_KFUNCS_START, BTF_ID_FLAGS) and include/linux/btf.h (KF_*), v7.3;
BTF_SET8_KFUNCS is there since v6.9, so earlier kernels have no kfuncs that could be told from other sets; sets_patch()
in tools/bpf/resolve_btfids/main.c, v7.3.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from harness.errors import ElfError

BTF, BTF_IDS = ".BTF", ".BTF_ids"
SET8_PREFIX = b"__BTF_ID__set8__"
FUNC_PREFIX = b"__BTF_ID__func__"

BTF_SET8_KFUNCS = 1 << 0
"""Flag of a set: its functions are kfuncs."""
KF_FASTCALL = 1 << 12
"""Flag of a kfunc: it clobbers no more registers than its arguments need (v6.13)."""
KF_ARENA_RET, KF_ARENA_ARG1, KF_ARENA_ARG2 = 1 << 13, 1 << 14, 1 << 15
"""Flags of a kfunc: what it returns, or takes as its first or second argument, points into an arena (v6.15)."""
KF_IMPLICIT_ARGS = 1 << 16
"""Flag of a kfunc: its last arguments come from the verifier, not from the program that calls it (v7.0)."""

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


class Kfuncs(NamedTuple):
    """What a file's .BTF_ids section says of its kfuncs.

    Attributes
    ----------
    flags : dict of bytes to int
        KF_* flags by name, sorted by name. Those of a function in several sets are or-ed.
    unusable : str or None
        Why the section is set aside; then there are no kfuncs.
    unsure : str or None
        Why the flags may be those of other functions of the same set.
    """

    flags: dict[bytes, int]
    unusable: str | None = None
    unsure: str | None = None


class KfuncSet(NamedTuple):
    """Bytes [start, stop) of the section: the header and the pairs of one set."""

    start: int
    stop: int


class Pairs(NamedTuple):
    """One set: the names that symbols give its pairs, in the order of the symbols, and (id, flags) of each pair.

    Attributes
    ----------
    start : int
        Offset of the set in the section.
    named : list of (int, bytes)
        Which pair, and the function's name.
    pairs : list of (int, int)
    """

    start: int
    named: list
    pairs: list


def read_kfuncs(image, symbols, name_of: Callable[[int], bytes | None] | None = None) -> Kfuncs:
    """The Kfuncs of a kernel or module. What is wrong with the section is said and stops nothing.

    Parameters
    ----------
    image : harness.elf.ElfImage
    symbols : harness.elf.SymbolTable
    name_of : callable, optional
        The name of the FUNC with a type_id in the file's own .BTF, or None where the id is not a FUNC's; without it
        that section cannot be read by itself.

    Notes
    -----
    A pair of id 0 is that of a function without a FUNC in .BTF. Where a set has several of these and their flags
    differ, the functions get the flags that all of them have.
    """
    try:
        sets = read_sets(image, symbols)
    except ElfError as error:
        return Kfuncs({}, unusable=error.message)
    found, unsure = _by_symbol(sets), None
    if any(type_id for one in sets for type_id, _ in one.pairs):
        if name_of is None:
            unsure = "the pairs are sorted by the ids of a .BTF that cannot be read by itself"
        else:
            try:
                found = _by_id(sets, name_of)
            except LookupError as error:
                unsure = str(error)
    return Kfuncs(dict(sorted(found.items())), unsure=unsure)


def _by_symbol(sets):
    """Flags by name, dict, as they are found at the symbols; those of a function in several sets are or-ed."""
    found = {}
    for one in sets:
        for at, func in one.named:
            found[func] = found.get(func, 0) | one.pairs[at][1]
    return found


def _by_id(sets, name_of):
    """Flags by name, dict, as the ids say; a LookupError if they are not those of the functions that symbols name."""
    found = {}
    for one in sets:
        names = Counter(func for _, func in one.named)
        unresolved = []
        for type_id, flags in one.pairs:
            if not type_id:
                unresolved.append(flags)
                continue
            func = name_of(type_id)
            if func is None or not names[func]:
                what = "no FUNC" if func is None else f"the FUNC {_text(func)}"
                raise LookupError(f"expected the id of a function of the set at {one.start:#x}, found [{type_id}], "
                                  f"{what} in {BTF}")
            names[func] -= 1
            found[func] = found.get(func, 0) | flags
        left = list(names.elements())
        if len(left) != len(unresolved):
            raise LookupError(f"expected {len(left)} pairs of id 0 in the set at {one.start:#x}, one for each function "
                              f"that no id names, found {len(unresolved)}")
        common = -1
        for flags in unresolved:
            common &= flags
        for func in left:
            found[func] = found.get(func, 0) | common
    return found


def read_sets(image, symbols):
    """The Pairs of each set that is marked as holding kfuncs: list, by their place in the section.

    Parameters
    ----------
    image : harness.elf.ElfImage
    symbols : harness.elf.SymbolTable

    Raises
    ------
    ElfError
        A set reaches past the section, by its st_size or by its cnt; its st_size is no whole number of pairs; sets
        overlap; a function of a set does not lie at one of its pairs; a name is longer than any symbol's; or the
        section has no bytes in this file (SHT_NOBITS) although it has sets.

    Notes
    -----
    Names are read only of symbols that lie in the section, about 700 of a kernel's 150,000.
    """
    section = image.section(BTF_IDS)
    if section is None:
        return []
    sets, funcs = [], []
    base = section.addr
    for row in np.flatnonzero(symbols.shndx == section.index).tolist():
        name = symbol_name(image, symbols, row)
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
    out = [Pairs(r.start, [], list(two_words.iter_unpack(data[r.start + HEADER_NBYTES : r.stop]))) for r in ranges]
    for offset, func in funcs:
        at = bisect_right(starts, offset) - 1
        if at < 0 or offset >= ranges[at].stop:
            continue
        within = offset - ranges[at].start
        if within < HEADER_NBYTES or within % PAIR_NBYTES:
            raise ElfError(f"expected kfunc {_text(func)} at a pair of its set at {ranges[at].start:#x}, found it "
                           f"{within} bytes after the set's start", image.path, BTF_IDS, offset)
        out[at].named.append(((within - HEADER_NBYTES) // PAIR_NBYTES, func))
    return out


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


def symbol_name(image, symbols, row):
    """Name of a symbol, bytes; an ElfError if it is longer than any symbol's."""
    at = int(symbols.name_off[row])
    name, end, _ = symbols.strtab[at : at + NAME_LIMIT + 1].tobytes().partition(b"\0")
    if not end:
        raise ElfError(f"expected a symbol's name of at most {NAME_LIMIT} bytes, found {_text(name[:40])}...",
                       image.path, ".strtab", at)
    return name


def _text(name):
    return name.decode("utf-8", "backslashreplace")
