"""Compiled part of the writer: names to new offsets, and the string section. Arrays and scalars only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.accelerate import inline, njit
from harness.model import words as wd
from harness.model.hash_kernels import bytes_hash, same_run, string_end
from harness.model.layout import HEAD_WORDS, N_KINDS
from harness.model.layout_kernels import (
    kind_of,
    n_names,
    n_references,
    name_word,
    reference_word,
    row_words_of,
    trailing_words_of,
)

OK = 0
ROW_SHORT = 1
KIND_UNKNOWN = 2
ROW_LENGTH = 3
NAME_PAST_END = 4
STRINGS_FULL = 5
STRINGS_TOO_LONG = 6

EMPTY = -1
"""A free slot of the hash table."""


# What Interned.used counts
N_STRINGS = 0
NBYTES = 1


class Names(NamedTuple):
    """The strings that names are offsets in, and the room that there is for them.

    Attributes
    ----------
    blob : uint8 (nbytes,)
        Of the StringTable; ends with NUL.
    first_off : int
        Offset of the blob's first byte, and of the new section's. Names below it are a base's and stay as they are.
    max_nbytes : int
        Largest length of the new section.
    """

    blob: np.ndarray
    first_off: int
    max_nbytes: int


class Interned(NamedTuple):
    """The distinct strings met so far, in order of first reference.

    Attributes
    ----------
    new_off : uint32 (blob,)
        Offset of the string in the file by offset in the blob; 0 is "not met yet", or the empty string.
    slot : int32 (slots,)
        Open-addressed hash table, a power of two long: string id or EMPTY.
    blob_off, nbytes, off, digest : int64 (strings,)
        Where the string is in the blob, its length without NUL, its place in the new section, its hash.
    used : int64 (2,)
        How many strings there are, and the length of the new section.
    """

    new_off: np.ndarray
    slot: np.ndarray
    blob_off: np.ndarray
    nbytes: np.ndarray
    off: np.ndarray
    digest: np.ndarray
    used: np.ndarray


@inline
def intern(names, at, interned):
    """(id of the string at blob[at], status); it is entered if it is new."""
    blob = names.blob
    stop = string_end(blob, at)
    nbytes = stop - at
    digest = np.int64(bytes_hash(blob, at, stop))
    mask = np.int64(len(interned.slot) - 1)
    place = digest & mask
    while interned.slot[place] != EMPTY:
        known = np.int64(interned.slot[place])
        if (
            interned.digest[known] == digest
            and interned.nbytes[known] == nbytes
            and same_run(blob, interned.blob_off[known], blob, at, nbytes)
        ):
            return known, OK
        place = (place + 1) & mask
    new, off = interned.used[N_STRINGS], interned.used[NBYTES]
    # at most half full, so that a search always ends
    if 2 * (new + 1) > len(interned.slot):
        return new, STRINGS_FULL
    if off + nbytes + 1 > names.max_nbytes:
        return new, STRINGS_TOO_LONG
    interned.slot[place] = new
    interned.blob_off[new] = at
    interned.nbytes[new] = nbytes
    interned.off[new] = off
    interned.digest[new] = digest
    interned.used[N_STRINGS] = new + 1
    interned.used[NBYTES] = off + nbytes + 1
    return new, OK


@njit
def intern_names(first, names, interned):
    """Enter some names, offsets as in types, in their order: (status, 0 or the name that it is about)."""
    for i in range(len(first)):
        name = np.int64(first[i]) - names.first_off
        if name < 0 or name >= len(names.blob):
            return NAME_PAST_END, np.int64(first[i])
        if interned.new_off[name] == 0 and names.blob[name] != 0:
            string_id, status = intern(names, name, interned)
            if status != OK:
                return status, np.int64(first[i])
            interned.new_off[name] = np.uint32(names.first_off + interned.off[string_id])
    return OK, np.int64(0)


@njit
def encode_rows(words, start, names, columns, swap, interned, out):
    """Copy all rows with names replaced by offsets into the new string section.

    Parameters
    ----------
    words, start
        Of the TypeTable; `start` is valid for `words`.
    names : Names
    columns : Columns
        Of the layout.
    swap : bool
        Exchange the halves of trailing u64s: file byte order is big endian.
    interned : Interned
        Of the rows before; filled in place.
    out : uint32 (words,)
        Filled in place, native byte order.

    Returns
    -------
    status, row, detail : int
        Rows count from 1.
    """
    for row in range(1, len(start) - 1):
        begin = start[row]
        row_words = start[row + 1] - begin
        if row_words < HEAD_WORDS:
            return ROW_SHORT, row, row_words
        info = words[begin + wd.INFO]
        kind = kind_of(info)
        if kind < 1 or kind >= N_KINDS or columns.known[kind] == 0:
            return KIND_UNKNOWN, row, kind
        expected = row_words_of(columns, info)
        if row_words != expected:
            return ROW_LENGTH, row, expected
        for at in range(begin, begin + row_words):
            out[at] = words[at]
        if swap and trailing_words_of(columns, info) == 2:
            out[begin + row_words - 2] = words[begin + row_words - 1]
            out[begin + row_words - 1] = words[begin + row_words - 2]
        for k in range(n_names(info)):
            at = begin + name_word(kind, k)
            name = np.int64(words[at]) - names.first_off
            if name < 0:
                continue
            if name >= len(names.blob):
                return NAME_PAST_END, row, np.int64(words[at])
            new_off = np.int64(interned.new_off[name])
            if new_off == 0 and names.blob[name] != 0:
                string_id, status = intern(names, name, interned)
                if status != OK:
                    return status, row, string_id
                new_off = names.first_off + interned.off[string_id]
                interned.new_off[name] = new_off
            out[at] = np.uint32(new_off)
    return OK, 0, 0


@njit
def order_strings(words, start, order, first_off, string_at, nbytes, off, used):
    """Give strings offsets in the order in which rows name them, and the rows these.

    Parameters
    ----------
    words, start : uint32, int64 (rows + 1,)
        Of rows that encode_rows wrote; names are replaced in place.
    order : int64 (rows,)
        The rows in the order in which their names are looked at.
    string_at : int32
        By offset in the section that the names are of: the string there.
    nbytes, off : int64 (strings,)
        Length of each string without NUL; its new offset, -1 where it has none yet: filled in.
    used : int64 (2,)
        As in Interned; NBYTES is that of the new section, and grows.
    """
    for i in range(len(order)):
        begin = start[order[i]]
        info = words[begin + wd.INFO]
        kind = kind_of(info)
        for k in range(n_names(info)):
            at = begin + name_word(kind, k)
            name = np.int64(words[at]) - first_off
            if name < 0 or words[at] == 0:
                continue
            string = string_at[name]
            if off[string] < 0:
                off[string] = used[NBYTES]
                used[NBYTES] += nbytes[string] + 1
            words[at] = np.uint32(first_off + off[string])


@njit
def place_rows(words, start, order, id_map, out, new_start):
    """Copy rows in another order, type_ids renumbered; those that id_map does not have stay as they are.

    `start` is int64 (rows + 1,); `new_start`, int64 (rows,), gets where each row begins in `out`.
    """
    at = np.int64(0)
    for i in range(len(order)):
        begin = start[order[i]]
        n = start[order[i] + 1] - begin
        new_start[order[i]] = at
        for k in range(n):
            out[at + k] = words[begin + k]
        info = words[begin + wd.INFO]
        kind = kind_of(info)
        for r in range(n_references(info)):
            k = at + reference_word(kind, r)
            if out[k] < len(id_map):
                out[k] = id_map[out[k]]
        at += n


@njit
def fill_section(blob, blob_off, nbytes, off, section):
    """Copy each distinct string to its place in `section`, which is zero before."""
    for string_id in range(len(blob_off)):
        source = blob_off[string_id]
        target = off[string_id]
        for i in range(nbytes[string_id]):
            section[target + i] = blob[source + i]
