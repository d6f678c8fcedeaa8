"""BTF without addresses: one FUNC for all addresses of a function."""

import numpy as np

from harness.encodings.encoding import Addresses, Encoding, Written
from harness.encodings.pairs import func_rows


def write(pairs, first_id, first_off):
    """FUNCs told apart by name and FUNC_PROTO."""
    table, func_id, _ = func_rows(pairs, first_id)
    return Written(table, func_id)


def read(file, sections):
    """No FUNC has an address."""
    return Addresses(np.zeros(0, np.int64), np.zeros(0, np.uint64))


ENCODING = Encoding(
    name="plain",
    summary="BTF without addresses: one FUNC per name and prototype",
    formula="0",
    write=write,
    read=read,
    growth=lambda functions: 0,
    kinds=(),
    colour="#000000",
    sign="",
    rank=0,
)
