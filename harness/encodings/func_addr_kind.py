"""A kind of its own for functions with an address, FUNC_ADDR: a reader that knows layout sections can skip it.

What FUNC with kind_flag cannot have: a layout section has one size per kind. So the file always has one.
"""

import numpy as np

from harness.btf.wire import HDR_LEN, HDR_LEN_LAYOUT, LAYOUT_ENTRY_NBYTES
from harness.encodings.encoding import Encoding, Fixup, Written, in_order
from harness.encodings.formulas import LAYOUT_SECTION, n_pairs, nbytes_of_each, somewhere
from harness.encodings.pairs import func_rows_with, two_words
from harness.model import STANDARD, Kind, TypeTable, info_word
from harness.model import words as wd
from harness.model.layout import LAST_KIND

LAYOUT = STANDARD.with_kinds(Kind.FUNC_ADDR)


def write(pairs, first_id, first_off):
    """FUNC_ADDRs told apart by name, FUNC_PROTO and place; a FUNC for what is nowhere."""
    table, func_id, start, pair = func_rows_with(pairs, first_id, pairs.known, two_words(pairs.address))
    words = table.words.copy()
    words[start + wd.INFO] = info_word(Kind.FUNC_ADDR)
    return Written(TypeTable.of(words, table.start[1:]), func_id,
                   fixups=(Fixup("types", start + wd.FUNC_ADDR_LO, pair, "lohi"),))


def read(file, sections, image):
    """The addresses in FUNC_ADDRs."""
    ids = file.types.ids_of(Kind.FUNC_ADDR)
    start = file.types.row_starts()[ids - file.types.first_id]
    low, high = (file.types.words[start + word].astype(np.uint64) for word in (wd.FUNC_ADDR_LO, wd.FUNC_ADDR_HI))
    return in_order(ids, high << np.uint64(32) | low)


of_funcs = nbytes_of_each(8, somewhere)


def growth(functions):
    """8 bytes per FUNC_ADDR, the FUNCs that no longer merge, and what a layout section takes that has its kind."""
    n_funcs = n_pairs(somewhere(functions))
    kinds = (Kind.FUNC_ADDR if n_funcs else LAST_KIND) + 1
    section = HDR_LEN_LAYOUT - HDR_LEN + LAYOUT_ENTRY_NBYTES * kinds
    if functions.attrs.get(LAYOUT_SECTION):  # the baseline has one, too
        section = LAYOUT_ENTRY_NBYTES * (kinds - LAST_KIND - 1)
    return of_funcs(functions) + section


ENCODING = Encoding(
    name="func_addr_kind",
    summary="a new kind in place of FUNC, with a u64 address, whose size a layout section tells",
    proposed="what the layout section of 2026 makes possible; no one's yet",
    formula="8 per (FUNC, address) pair + 12 per FUNC that no longer merges + 104 for the layout section",
    write=write,
    read=read,
    growth=growth,
    kinds=(Kind.FUNC, Kind.FUNC_ADDR, Kind.DECL_TAG),
    colour="#1B9E77",
    rank=13,
    stores="address",
    default=False,
    layout=LAYOUT,
    layout_section=True,
)
