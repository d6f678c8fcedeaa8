"""FUNC with kind_flag and a trailing u32: where the function is, counted from the kernel's base.

Half of what `btf_func` adds, and nothing to relocate when KASLR moves the kernel. Andrii Nakryiko asked for offsets
from the base, uniformly, when the location kinds were reviewed (October 2025).
"""

import numpy as np

from harness.encodings.encoding import Encoding, Written, in_order
from harness.encodings.formulas import nbytes_of_each, near
from harness.encodings.pairs import func_rows_with
from harness.model import STANDARD, Kind

LAYOUT = STANDARD.with_kind_flag_words(Kind.FUNC, 1, "offset", "btf_func32", "entry, from the base of the image")


def write(pairs, first_id, first_off):
    """FUNCs told apart by name, FUNC_PROTO and place, each with its offset; those beyond 32 bits stay without."""
    offset, fits = pairs.image.offsets(pairs.address)
    table, func_id, *_ = func_rows_with(pairs, first_id, pairs.known & fits, offset[:, None])
    return Written(table, func_id)


def read(file, sections, image):
    """The offsets after FUNCs with kind_flag, from the base."""
    func_id, offset = file.trailing_values()
    return in_order(func_id, offset + np.uint64(image.base))


ENCODING = Encoding(
    name="btf_func32",
    summary="FUNC with kind_flag and a trailing u32 offset from the kernel's base, one per address",
    proposed="btf_func with the offsets that were asked for in review of the location kinds, October 2025",
    formula="4 per (FUNC, address) pair + 12 per FUNC that no longer merges",
    write=write,
    read=read,
    growth=nbytes_of_each(4, near),
    told=near,
    kinds=(Kind.FUNC, Kind.DECL_TAG),
    colour="#88CCEE",
    rank=9,
    stores="base offset",
    default=False,
    layout=LAYOUT,
)
