"""BTF without addresses: one FUNC for all addresses of a function."""

from harness.encodings.encoding import NO_ADDRESSES, Encoding, Written
from harness.encodings.pairs import func_rows


def write(pairs, first_id, first_off):
    """FUNCs told apart by name and FUNC_PROTO."""
    table, func_id, _ = func_rows(pairs, first_id)
    return Written(table, func_id)


def read(file, sections, image):
    """No FUNC has an address."""
    return NO_ADDRESSES


ENCODING = Encoding(
    name="plain",
    summary="BTF without addresses: one FUNC per name and prototype",
    formula="0",
    write=write,
    read=read,
    growth=lambda functions: 0,
    told=lambda functions: functions[:0],
    proposed="pahole today",
    kinds=(),
    colour="#000000",
    rank=0,
    stores="nothing",
)
