"""`btf_func` only where the kernel does not find the function by its name, as it does today for all.

That is where a name has several addresses, as in `btf_func_ambiguous`, or where the function's symbol has another name:
a suffix of the compiler's (`f.isra.0`), or for `f_impl`, which the kernel's own step adds, that of the kfunc.
"""

from harness.encodings.btf_func import LAYOUT, read, tells, write_addresses
from harness.encodings.encoding import Encoding
from harness.encodings.formulas import nbytes_of_each, not_by_name
from harness.model import Kind

ENCODING = Encoding(
    name="btf_func_needed",
    summary="btf_func for FUNCs whose name is not that of exactly one function symbol (several have it, or none, as "
            "of f.isra.0); the others are looked up by name, as today",
    proposed="the counter-proposal of May 2023, where a lookup by name fails",
    formula="8 per (FUNC, address) pair that the name does not lead to + 12 per FUNC that no longer merges",
    write=write_addresses(lambda pairs: ~pairs.by_name),
    read=read,
    growth=nbytes_of_each(8, not_by_name),
    told=not_by_name,
    kinds=(Kind.FUNC, Kind.DECL_TAG),
    colour="#332288",
    rank=5,
    stores="address",
    only="where the name alone does not lead to the function",
    default=False,
    layout=LAYOUT,
    tells=tells,
)
