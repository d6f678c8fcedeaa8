"""Which word of a row each field is, as plain ints for kernels and loops; they follow from harness.model.layout.

Of struct btf_type and of fields that a type has once: counted from the row's first word. Of a member, parameter,
enumerator or variable: from its own first word, which `harness.model.layout_kernels.entry_word` and `entries` give.
"""

from __future__ import annotations

from harness.model.kinds import Kind
from harness.model.layout import HEAD_WORDS, INFO_WORD, NAME_WORD, SIZE_TYPE_WORD, STANDARD

NAME, INFO, SIZE_TYPE = NAME_WORD, INFO_WORD, SIZE_TYPE_WORD


def _fixed(kind, field):
    return HEAD_WORDS + STANDARD[kind].fixed.index(field)


def _entry(kind, field):
    return STANDARD[kind].entry.index(field)


INT_DATA = _fixed(Kind.INT, "BTF_INT_*")
ARRAY_TYPE = _fixed(Kind.ARRAY, "type")
ARRAY_INDEX_TYPE = _fixed(Kind.ARRAY, "index_type")
ARRAY_NELEMS = _fixed(Kind.ARRAY, "nelems")
VAR_LINKAGE = _fixed(Kind.VAR, "linkage")
FUNC_ADDR_LO, FUNC_ADDR_HI = _fixed(Kind.FUNC_ADDR, "addr_lo32"), _fixed(Kind.FUNC_ADDR, "addr_hi32")
COMPONENT_IDX = _fixed(Kind.DECL_TAG, "component_idx")

ENTRY_NAME = _entry(Kind.STRUCT, "name_off")
"""Of all entries that have a name."""
MEMBER_TYPE = _entry(Kind.STRUCT, "type")
MEMBER_OFFSET = _entry(Kind.STRUCT, "offset")
PARAM_TYPE = _entry(Kind.FUNC_PROTO, "type")
ENUM_VAL = _entry(Kind.ENUM, "val")
ENUM64_LO, ENUM64_HI = _entry(Kind.ENUM64, "val_lo32"), _entry(Kind.ENUM64, "val_hi32")
SECINFO_TYPE = _entry(Kind.DATASEC, "type")
SECINFO_OFFSET = _entry(Kind.DATASEC, "offset")
SECINFO_SIZE = _entry(Kind.DATASEC, "size")
LOC_FUNC = _entry(Kind.LOCSEC, "type")
LOC_PROTO = _entry(Kind.LOCSEC, "loc_proto")
LOC_OFFSET = _entry(Kind.LOCSEC, "offset")


def entries(kind, at, vlen):
    """The first word of each entry of a row that begins at word `at`, a range."""
    first = at + HEAD_WORDS + STANDARD[kind].fixed_words
    width = STANDARD[kind].entry_words
    return range(first, first + width * vlen, width)


def entries_of(kind, row):
    """The entries of a row, an array of its words without trailing ones: (vlen, words of an entry)."""
    return row[HEAD_WORDS + STANDARD[kind].fixed_words :].reshape(-1, STANDARD[kind].entry_words)
