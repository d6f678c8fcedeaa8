"""Alan Maguire's counter-proposal of May 2023: FUNC with kind_flag and a trailing struct btf_func { __u64 addr; }."""

import numpy as np

from harness.encodings.encoding import Encoding, FunctionRows, distinct_funcs, func_rows
from harness.model import STANDARD, Kind

LAYOUT = STANDARD.with_kind_flag_words(Kind.FUNC, 2, "addr", "btf_func", "entry address")
"""In no btf.rst: kernels refuse a FUNC with kind_flag, and readers that do not know it lose step."""


def rows(pairs, first_id, n_blob):
    """FUNCs told apart by name, FUNC_PROTO and address, each with its address."""
    address = np.column_stack([pairs.address & np.uint64(0xFFFFFFFF), pairs.address >> np.uint64(32)])
    table, func = func_rows(pairs, first_id, "address", (pairs.known, address.astype(np.uint32)))
    return FunctionRows(table, np.zeros(0, np.uint8), func)


def growth(pairs):
    """8 bytes per FUNC that has an address, 12 for each FUNC that no longer merges (and 16 for its annotations)."""
    merged, _ = distinct_funcs(pairs, "proto")
    apart, first = distinct_funcs(pairs, "address")
    extra = len(first) - (int(merged.max()) + 1 if len(merged) else 0)
    tags = len({(name, int(apart[p]), c) for p, name, c in pairs.tags})
    shared = len({(name, int(merged[p]), c) for p, name, c in pairs.tags})
    return 8 * int(pairs.known[first].sum()) + 12 * extra + 16 * (tags - shared)


ENCODING = Encoding(
    name="btf_func",
    summary="FUNC with kind_flag and a trailing struct btf_func { __u64 addr; }, one per address",
    identity="address",
    rows=rows,
    growth=growth,
    formula="8 per (FUNC, address) pair + 12 per FUNC that no longer merges",
    rank=3,
    layout=LAYOUT,
)
