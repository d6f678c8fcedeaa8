"""Compiled part of the reader: where each type begins. Arrays and scalars only."""

from __future__ import annotations

import numpy as np

from harness.accelerate import njit
from harness.model import words as wd
from harness.model.layout import HEAD_WORDS, N_KINDS
from harness.model.layout_kernels import kind_of, row_words_of, trailing_words_of

OK = 0
HEAD_CUT = 1
KIND_UNKNOWN = 2
BODY_CUT = 3


@njit
def find_rows(words, columns, swap, start):
    """Find the start of each type, and bring the two words of each trailing u64 in order.

    Parameters
    ----------
    words : uint32 (words,)
        The type section in native byte order. The halves of big-endian u64s are exchanged in place.
    columns : Columns
        Of the layout.
    swap : bool
        The file is big endian: the high half of a u64 comes first.
    start : int64 (at least words // 3 + 2,)
        Filled in place as in TypeTable: void, the types, and the end.

    Returns
    -------
    status, n_types, at, detail : int
        On an error `at` is the word index of the type after `n_types` others.
    """
    start[0] = 0
    start[1] = 0
    n_types = 0
    at = np.int64(0)
    stop = np.int64(len(words))
    while at < stop:
        if stop - at < HEAD_WORDS:
            return HEAD_CUT, n_types, at, stop - at
        info = words[at + wd.INFO]
        kind = kind_of(info)
        if kind < 1 or kind >= N_KINDS or columns.known[kind] == 0:
            return KIND_UNKNOWN, n_types, at, kind
        row_words = row_words_of(columns, info)
        if row_words > stop - at:
            return BODY_CUT, n_types, at, row_words
        at += row_words
        if swap and trailing_words_of(columns, info) == 2:
            high = words[at - 2]
            words[at - 2] = words[at - 1]
            words[at - 1] = high
        n_types += 1
        start[n_types + 1] = at
    return OK, n_types, at, 0
