"""`btf_func` only where a name needs it: FUNCs of names with several addresses have theirs, all others are as today."""

from harness.encodings.btf_func import LAYOUT, read, tells, write_addresses
from harness.encodings.encoding import Encoding
from harness.encodings.formulas import ambiguous, nbytes_of_each, somewhere
from harness.model import Kind


def told(functions):
    """Those of names with several places."""
    return somewhere(ambiguous(functions))


ENCODING = Encoding(
    name="btf_func_ambiguous",
    summary="btf_func for names with several addresses; other names, which kallsyms resolves, as today",
    proposed="the counter-proposal of May 2023, where a name needs it",
    formula="8 per (FUNC, address) pair of an ambiguous name + 12 per FUNC that no longer merges",
    write=write_addresses(lambda pairs: pairs.ambiguous),
    read=read,
    growth=nbytes_of_each(8, told),
    told=told,
    kinds=(Kind.FUNC, Kind.DECL_TAG),
    colour="#5E3C99",
    rank=4,
    stores="address",
    only="where a name is ambiguous",
    default=False,
    layout=LAYOUT,
    tells=tells,
)
