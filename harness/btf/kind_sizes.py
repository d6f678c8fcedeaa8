"""The layout section: how many bytes the types of each kind have, for readers that do not know the kind.

A type of a kind takes 12 bytes, info_sz more, and elem_sz for each of its vlen entries. Readers consult this only for
kinds that they do not know. The section has one entry (struct btf_layout) per kind, by its number, so it cannot say
that only some types of a kind have a field.

Source: include/uapi/linux/btf.h, v7.1; libbpf 462733ec, 815411ad (2026). libbpf writes it as this does: 20 entries.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np

from harness.btf import wire
from harness.errors import EncodeError
from harness.model import STANDARD, Kind, Layout, TypeTable
from harness.model.layout import HEAD_WORDS, INFO_WORD, KIND_MASK, KIND_SHIFT, LAST_KIND, VLEN_MASK

INFO_SZ, ELEM_SZ, FLAGS = range(3)
"""Columns of a table of sizes."""


def kind_sizes(parts: Iterable[tuple[TypeTable, Layout]]) -> np.ndarray:
    """The sizes that are true of all types of some tables: int64 (kinds, 3), info_sz, elem_sz, flags.

    Parameters
    ----------
    parts : iterable of (TypeTable, Layout)

    Raises
    ------
    EncodeError
        Some types of a kind have a field that kind_flag adds, others have not.
    """
    columns = STANDARD.columns
    sizes = np.stack([columns.fixed_words, columns.entry_words, np.zeros(len(Kind), np.int64)], axis=1)
    n_types, n_longer = np.zeros(len(Kind), np.int64), np.zeros(len(Kind), np.int64)
    added = np.zeros(len(Kind), np.int64)
    for types, layout in parts:
        kind = types.kind()
        own = layout.columns.trailing_words
        added = np.maximum(added, own)
        n_types += np.bincount(kind, minlength=len(Kind))
        n_longer += np.bincount(kind[types.kind_flag() & (own[kind] > 0)], minlength=len(Kind))
    for kind in np.flatnonzero((n_longer > 0) & (n_longer < n_types)).tolist():
        raise EncodeError(f"a layout section has one size for all {Kind(kind).name}s, and of {n_types[kind]:,} only "
                          f"{n_longer[kind]:,} have {wire.WORD_NBYTES * added[kind]} bytes more")
    sizes[n_longer > 0, INFO_SZ] += added[n_longer > 0]
    sizes[:, [INFO_SZ, ELEM_SZ]] *= wire.WORD_NBYTES
    last = max(LAST_KIND, int(np.flatnonzero(n_types).max(initial=0)))  # further kinds only where there are types
    return sizes[: last + 1]


def describe(entry: np.ndarray) -> str:
    """One kind's sizes for people: '12 bytes, 12 per entry'."""
    info_sz, elem_sz, flags = entry.tolist()
    return f"{info_sz} bytes, {elem_sz} per entry" + (f", flags {flags:#x}" if flags else "")


def pack(sizes: np.ndarray, byteorder: str) -> bytes:
    """Sizes as a layout section."""
    one = struct.Struct(wire.prefix(byteorder) + wire.LAYOUT_ENTRY)
    return b"".join(one.pack(*entry) for entry in sizes.tolist())


def unpack(section: bytes | memoryview, byteorder: str) -> np.ndarray:
    """The sizes in a layout section, int64 (entries, 3): those of the kinds that it has and an info word can name."""
    one = struct.Struct(wire.prefix(byteorder) + wire.LAYOUT_ENTRY)
    return np.array(list(one.iter_unpack(section[: one.size * (KIND_MASK + 1)])), np.int64).reshape(-1, 3)


def with_section(data: bytes, header: wire.Header, byteorder: str, sizes: np.ndarray | None) -> bytes:
    """The bytes of a file with another layout section, its types and strings as they are.

    Parameters
    ----------
    data : bytes
        A whole .btf file.
    header : harness.btf.wire.Header
        Its own.
    byteorder : {"little", "big"}
    sizes : int64 (entries, 3) or None
        None for no layout section, and a header of 24 bytes.
    """
    types, strings = (data[header.hdr_len + off :][:nbytes] for off, nbytes in
                      ((header.type_off, header.type_len), (header.str_off, header.str_len)))
    section = b"" if sizes is None else pack(sizes, byteorder)
    new = header._replace(hdr_len=wire.HDR_LEN if sizes is None else wire.HDR_LEN_LAYOUT, type_off=0,
                          str_off=len(types) + len(section), layout_off=0 if sizes is None else len(types),
                          layout_len=len(section))
    return new.pack(byteorder) + types + section + strings


def count_by_kind(words: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """How many types of each kind there are by the sizes alone, int64 (kinds,), up to the first that they do not tell.

    Parameters
    ----------
    words : uint32
        Of the type section, in native byte order.
    sizes : int64 (entries, 3)
    """
    counts, at, told = np.zeros(KIND_MASK + 1, np.int64), 0, sizes.tolist()
    while len(words) - at >= HEAD_WORDS:
        info = int(words[at + INFO_WORD])
        kind, vlen = info >> KIND_SHIFT & KIND_MASK, info & VLEN_MASK
        if kind >= len(told):
            break
        nbytes = told[kind][INFO_SZ] + told[kind][ELEM_SZ] * vlen
        at += HEAD_WORDS + nbytes // wire.WORD_NBYTES
        if nbytes % wire.WORD_NBYTES or at > len(words):
            break
        counts[kind] += 1
    return counts


def first_wrong(types: TypeTable, sizes: np.ndarray) -> tuple[int, int] | None:
    """The first of a table's types whose length is not what the sizes say of its kind: its row and the length that they
    say, in bytes; None where there is none. What they say nothing of is not wrong."""
    kind = types.kind()
    known = np.flatnonzero(kind < len(sizes))
    info_sz, elem_sz = sizes[kind[known], INFO_SZ], sizes[kind[known], ELEM_SZ]
    said = wire.WORD_NBYTES * HEAD_WORDS + info_sz + elem_sz * types.vlen()[known]
    wrong = np.flatnonzero(said != wire.WORD_NBYTES * np.diff(types.start[1:])[known])
    return (int(known[wrong[0]]), int(said[wrong[0]])) if len(wrong) else None
