"""Alan Maguire's counter-proposal of May 2023: FUNC with kind_flag and a trailing struct btf_func { __u64 addr; }."""

from harness.encodings.encoding import Addresses, Encoding, Fixup, Written
from harness.encodings.formulas import nbytes_of_each, somewhere
from harness.encodings.pairs import func_rows_with, two_words
from harness.model import STANDARD, Kind
from harness.model.layout import HEAD_WORDS

LAYOUT = STANDARD.with_kind_flag_words(Kind.FUNC, 2, "addr", "btf_func", "entry address")
"""Not in btf.rst: kernels refuse a FUNC with kind_flag, and readers that do not know it get out of step."""


def write_addresses(which):
    """The `write` of an encoding whose FUNCs of the pairs that `which` selects, bool (pairs,) of Pairs, have theirs."""

    def write(pairs, first_id, first_off):
        has = pairs.known & which(pairs)
        table, func_id, start, pair = func_rows_with(pairs, first_id, has, two_words(pairs.address))
        return Written(table, func_id, fixups=(Fixup("types", start + HEAD_WORDS, pair, "u64"),))

    return write


def read(file, sections, image):
    """The addresses after FUNCs with kind_flag."""
    return Addresses(*file.trailing_values())


def tells(ids):
    """Each id names one address; of a relocatable file, an offset that several sections may have."""
    if max(ids.stand_for) > 1:
        return f"{ids.how_many} with an offset that several sections have: a reader cannot tell which is meant"
    if ids.n_ids == 1:
        return f"{ids.how_many} with its own address: a kernel that reads it gets exactly that one"
    return f"{ids.how_many}, each with its own address: a kernel that reads them gets exactly that one"


ENCODING = Encoding(
    name="btf_func",
    summary="FUNC with kind_flag and a trailing struct btf_func { __u64 addr; }, one per address",
    formula="8 per (FUNC, address) pair + 12 per FUNC that no longer merges",
    proposed="Alan Maguire, bpf list, May 2023",
    write=write_addresses(lambda pairs: pairs.known),
    read=read,
    growth=nbytes_of_each(8, somewhere),
    kinds=(Kind.FUNC, Kind.DECL_TAG),  # an annotation of a FUNC is repeated for each FUNC that it becomes
    colour="#0072B2",
    rank=3,
    stores="address",
    layout=LAYOUT,
    tells=tells,
)
