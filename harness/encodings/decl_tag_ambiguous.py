"""`decl_tag` only where a name needs it: one DECL_TAG per address of names that have several."""

from harness.encodings.btf_func_ambiguous import told
from harness.encodings.decl_tag import PADDED, cost, padded, read_tags, tells, write_tags
from harness.encodings.encoding import Encoding
from harness.model import Kind

ENCODING = Encoding(
    name="decl_tag_ambiguous",
    summary="one DECL_TAG 'address=0x<16 digits>' per address, for names with several addresses only",
    proposed="the RFC of May 2023, where a name needs it",
    formula="16 per (FUNC, address) pair of an ambiguous name + 27 per distinct address of these",
    write=write_tags(padded, PADDED, lambda pairs: pairs.ambiguous),
    read=read_tags(PADDED),
    growth=cost(lambda address: 27, told),
    told=told,
    kinds=(Kind.DECL_TAG,),
    colour="#FDB863",
    rank=6,
    stores="address",
    only="where a name is ambiguous",
    default=False,
    tells=tells,
)
