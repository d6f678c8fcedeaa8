"""Compiled part of the writer: names to new offsets, and the string section. Arrays and scalars only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.accelerate import inline, njit
from harness.model import words as wd
from harness.model.hash_kernels import bytes_hash, same_run, string_end
from harness.model.layout import HEAD_WORDS, N_KINDS
from harness.model.layout_kernels import kind_of, n_names, name_word, row_words_of, trailing_words_of

OK = 0
ROW_SHORT = 1
KIND_UNKNOWN = 2
ROW_LENGTH = 3
NAME_PAST_END = 4
STRINGS_FULL = 5
STRINGS_TOO_LONG = 6

EMPTY = -1
"""A free slot of the hash table."""


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
    """

    new_off: np.ndarray
    slot: np.ndarray
    blob_off: np.ndarray
    nbytes: np.ndarray
    off: np.ndarray
    digest: np.ndarray


@inline
def find_string(blob, name, interned, n_strings):
    """The id of the string at `name`, n_strings if it is new; its length, its hash and its slot."""
    stop = string_end(blob, name)
    nbytes = stop - name
    digest = np.int64(bytes_hash(blob, name, stop))
    mask = np.int64(len(interned.slot) - 1)
    place = digest & mask
    while interned.slot[place] != EMPTY:
        known = np.int64(interned.slot[place])
        if (
            interned.digest[known] == digest
            and interned.nbytes[known] == nbytes
            and same_run(blob, interned.blob_off[known], blob, name, nbytes)
        ):
            return known, nbytes, digest, place
        place = (place + 1) & mask
    return np.int64(n_strings), nbytes, digest, place


@njit
def encode_rows(words, start, blob, first_off, columns, swap, max_section, interned, n_strings, section_nbytes, out):
    """Copy all rows with names replaced by offsets into the new string section.

    Parameters
    ----------
    words, start, blob
        Of the TypeTable and the StringTable; the blob ends with NUL and `start` is valid for `words`.
    first_off : int
        Offset of the blob's first byte, and of the new section's. Names below it are a base's and stay as they are.
    columns : Columns
        Of the layout.
    swap : bool
        Exchange the halves of trailing u64s: file byte order is big endian.
    max_section : int
        Largest length of the string section.
    interned : Interned
        Of the rows before; filled in place.
    n_strings, section_nbytes : int
        Distinct strings so far, and the length of the string section.
    out : uint32 (words,)
        Filled in place, native byte order.

    Returns
    -------
    status, row, detail, n_strings, section_nbytes : int
        Rows count from 1.
    """
    n_strings, section_nbytes = np.int64(n_strings), np.int64(section_nbytes)
    for row in range(1, len(start) - 1):
        begin = start[row]
        row_words = start[row + 1] - begin
        if row_words < HEAD_WORDS:
            return ROW_SHORT, row, row_words, n_strings, section_nbytes
        info = words[begin + wd.INFO]
        kind = kind_of(info)
        if kind < 1 or kind >= N_KINDS:
            return KIND_UNKNOWN, row, kind, n_strings, section_nbytes
        expected = row_words_of(columns, info)
        if row_words != expected:
            return ROW_LENGTH, row, expected, n_strings, section_nbytes
        for at in range(begin, begin + row_words):
            out[at] = words[at]
        if swap and trailing_words_of(columns, info) == 2:
            out[begin + row_words - 2] = words[begin + row_words - 1]
            out[begin + row_words - 1] = words[begin + row_words - 2]
        for k in range(n_names(info)):
            at = begin + name_word(kind, k)
            name = np.int64(words[at]) - first_off
            if name < 0:
                continue
            if name >= len(blob):
                return NAME_PAST_END, row, name + first_off, n_strings, section_nbytes
            new_off = np.int64(interned.new_off[name])
            if new_off == 0 and blob[name] != 0:
                string_id, nbytes, digest, place = find_string(blob, name, interned, n_strings)
                if string_id == n_strings:
                    # at most half full, so that a search always ends
                    if 2 * (n_strings + 1) > len(interned.slot):
                        return STRINGS_FULL, row, n_strings, n_strings, section_nbytes
                    if section_nbytes + nbytes + 1 > max_section:
                        return STRINGS_TOO_LONG, row, section_nbytes, n_strings, section_nbytes
                    interned.slot[place] = string_id
                    interned.blob_off[string_id] = name
                    interned.nbytes[string_id] = nbytes
                    interned.off[string_id] = section_nbytes
                    interned.digest[string_id] = digest
                    n_strings += 1
                    section_nbytes += nbytes + 1
                new_off = first_off + interned.off[string_id]
                interned.new_off[name] = new_off
            out[at] = np.uint32(new_off)
    return OK, 0, 0, n_strings, section_nbytes


@njit
def fill_section(blob, blob_off, nbytes, off, section):
    """Copy each distinct string to its place in `section`, which is zero before."""
    for string_id in range(len(blob_off)):
        source = blob_off[string_id]
        target = off[string_id]
        for i in range(nbytes[string_id]):
            section[target + i] = blob[source + i]
