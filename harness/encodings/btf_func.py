"""Alan Maguire's counter-proposal of May 2023: FUNC with kind_flag and a trailing struct btf_func { __u64 addr; }."""

import numpy as np

from harness.encodings.encoding import Addresses, Encoding, Fixup, Written
from harness.encodings.pairs import func_rows
from harness.functions.annotations import TAG_SEPARATOR
from harness.model import NOWHERE, STANDARD, Kind
from harness.model.layout import HEAD_WORDS

LAYOUT = STANDARD.with_kind_flag_words(Kind.FUNC, 2, "addr", "btf_func", "entry address")
"""Not in btf.rst: kernels refuse a FUNC with kind_flag, and readers that do not know it get out of step."""


def write(pairs, first_id, first_off):
    """FUNCs told apart by name, FUNC_PROTO and place, each with its address."""
    address = np.column_stack([pairs.address & np.uint64(0xFFFFFFFF), pairs.address >> np.uint64(32)])
    table, func_id, pair = func_rows(pairs, first_id, by_place=True, trailing=(pairs.known, address.astype(np.uint32)))
    known = pairs.known[pair]
    words = table.row_starts()[: len(pair)][known] + HEAD_WORDS
    return Written(table, func_id, fixups=(Fixup("types", words, pair[known], "u64"),))


def read(file, sections):
    """The addresses after FUNCs with kind_flag."""
    return Addresses(*file.trailing_values())


def growth(functions):
    """8 bytes per FUNC that has an address, 12 for each FUNC that no longer merges, 16 for each of its annotations."""
    apart, merged = ["name", "proto_id", "place"], ["name", "proto_id"]
    funcs = functions[apart].drop_duplicates()
    extra = len(funcs) - len(functions[merged].drop_duplicates())
    tagged = functions[functions.tags != ""]
    tagged = tagged.assign(tags=tagged.tags.str.split(TAG_SEPARATOR)).explode("tags")
    tags = len(tagged[[*apart, "tags"]].drop_duplicates()) - len(tagged[[*merged, "tags"]].drop_duplicates())
    return 8 * int((funcs.place != NOWHERE).sum()) + 12 * extra + 16 * tags


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
    write=write,
    read=read,
    growth=growth,
    kinds=(Kind.FUNC, Kind.DECL_TAG),  # an annotation of a FUNC is repeated for each FUNC that it becomes
    colour="#0072B2",
    sign="f",
    rank=3,
    layout=LAYOUT,
    tells=tells,
)
