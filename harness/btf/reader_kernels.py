"""Compiled part of the reader: where each type begins. Arrays and scalars only."""

from __future__ import annotations

import numpy as np

from harness.accelerate import njit
from harness.btf.wire import BTF_FUNC_WORDS
from harness.model import Kind
from harness.model.tables import KFLAG_SHIFT, KIND_MASK, KIND_SHIFT, VLEN_MASK

OK = 0
HEAD_CUT = 1
KIND_UNKNOWN = 2
BODY_CUT = 3

FUNC = int(Kind.FUNC)
N_KINDS = len(Kind)


@njit
def find_rows(words, fixed_words, vlen_words, swap_addr, start):
    """Find the start of each type, and bring the two words of a FUNC's address in order.

    Parameters
    ----------
    words : uint32 (words,)
        The type section in native byte order. Big-endian addresses are exchanged in place.
    fixed_words, vlen_words : int64 (kinds,)
        Columns of wire.KIND_LAYOUT.
    swap_addr : bool
        The file is big endian: the high half of a u64 comes first.
    start : int64 (at least words // 3 + 2,)
        Filled in place as in TypeTable: void, the types, and the end.

    Returns
    -------
    status, n_types, at, detail : int
        On a fault `at` is the word index of the type with id n_types + 1.
    """
    start[0] = 0
    start[1] = 0
    n_types = 0
    at = np.int64(0)
    stop = np.int64(len(words))
    while at < stop:
        if stop - at < 3:
            return HEAD_CUT, n_types, at, stop - at
        info = np.int64(words[at + 1])
        kind = (info >> KIND_SHIFT) & KIND_MASK
        if kind < 1 or kind >= N_KINDS:
            return KIND_UNKNOWN, n_types, at, kind
        row_words = 3 + fixed_words[kind] + vlen_words[kind] * (info & VLEN_MASK)
        has_addr = kind == FUNC and (info >> KFLAG_SHIFT) != 0
        if has_addr:
            row_words += BTF_FUNC_WORDS
        if row_words > stop - at:
            return BODY_CUT, n_types, at, row_words
        if has_addr and swap_addr:
            high = words[at + 3]
            words[at + 3] = words[at + 4]
            words[at + 4] = high
        at += row_words
        n_types += 1
        start[n_types + 1] = at
    return OK, n_types, at, 0
