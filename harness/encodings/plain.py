"""BTF without addresses: one FUNC for all addresses of a function."""

import numpy as np

from harness.encodings.encoding import Encoding, FunctionRows, func_rows


def rows(pairs, first_id, n_blob):
    """FUNCs told apart by name and FUNC_PROTO."""
    table, func = func_rows(pairs, first_id, "proto")
    return FunctionRows(table, np.zeros(0, np.uint8), func)


ENCODING = Encoding(
    name="plain",
    summary="BTF without addresses: one FUNC per name and prototype",
    identity="proto",
    rows=rows,
    growth=lambda pairs: 0,
    formula="0",
    rank=0,
)
