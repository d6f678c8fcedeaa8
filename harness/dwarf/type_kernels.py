"""Compiled writers of type rows, one function for each sort of DIE; the layout is Documentation/bpf/btf.rst 2.2, v6.12.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import fused, inline, part
from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.dwarf import walk_tables as wt
from harness.dwarf.die_kernels import class_at, has_children, malformed, read_child, read_code, read_die
from harness.dwarf.form_kernels import is_constant
from harness.dwarf.reference_kernels import note_far, signed_underneath, type_reference
from harness.dwarf.value_kernels import (
    dimension,
    enumerator_value,
    member_bits,
    name_of,
    product_of_dimensions,
    text_value,
)
from harness.model import kind_numbers as kn
from harness.model import words as wd
from harness.model.layout import BIT_OFFSET_MASK as OFFSET_MASK
from harness.model.layout import BITFIELD_SIZE_SHIFT, KFLAG_SHIFT, KIND_MASK, IntEncoding
from harness.model.layout_kernels import entry_word, info_word_of, int_word, standard_row_words

KIND_FLAG = np.uint32(1 << KFLAG_SHIFT)
SIGNED = int(IntEncoding.SIGNED)
BOOL = int(IntEncoding.BOOL)
LOW_32 = np.uint64(0xFFFFFFFF)
BIT_OFFSET_MASK = np.uint64(OFFSET_MASK)
MOST_BYTES = np.uint64(OFFSET_MASK >> 3)
"""A struct of no more than these has no offset that needs more bits."""


@inline
def row_words(kind, vlen):
    """Words of a row, whose kind may be GNU_TYPE_TAG or INNER_ARRAY."""
    return standard_row_words(np.int64(kind) & KIND_MASK, vlen)


@inline
def fill_int(s, words, w, mask, fake_int):
    """Write an INT at words[w:]."""
    size = s.die[sc.AT_BYTE_SIZE] if mask & sc.HAS_BYTE_SIZE else np.uint64(0)
    encoding = s.die[sc.AT_ENCODING] if mask & sc.HAS_ENCODING else np.uint64(0)
    meaning = 0
    if encoding == dw.DW_ATE_signed or encoding == dw.DW_ATE_signed_char:
        meaning = SIGNED
    elif encoding == dw.DW_ATE_boolean:
        meaning = BOOL
    if size == 0 or size > 16 or (size & (size - np.uint64(1))) != 0:
        # sizes that only expressions use (DW_ATE_unsigned_24): pahole writes this stand-in, so do we
        words[w] = fake_int
        size = np.uint64(4)
    words[w + wd.SIZE_TYPE] = np.uint32(size)
    words[w + wd.INT_DATA] = int_word(meaning, np.int64(size) * 8)


@fused
def fill_reference(s, words, mask, at):
    """Write the type_id of what the DIE in s.die refers to at words[at]; a status."""
    type_id, status = type_reference(s, mask, sc.XREF_WORDS, at)
    words[at] = type_id
    return status


@inline
def row_position(s, row):
    """Where the DIE of one of the unit's rows stands in `info`."""
    unit = s.unit
    return np.int64(s.row_off[unit[sc.RUN_FIRST_ROW] + row]) + unit[sc.U_START] - unit[sc.SEC_INFO_BASE]


@inline
def n_type_tags(kinds, row):
    """(how many rows of type tags belong to the pointer of `row`, whether they are gcc's)."""
    n = np.int64(0)
    while row + n + 1 < len(kinds) and kinds[row + n + 1] == wt.GNU_TYPE_TAG:
        n += 1
    if n > 0:
        return n, True
    while row + n + 1 < len(kinds) and kinds[row + n + 1] == kn.TYPE_TAG:
        n += 1
    return n, False


@inline
def fill_type_tag(s, types, row, type_id, ref):
    """Write the TYPE_TAG whose DIE `row` of the unit names, referring to `ref`; a status."""
    w = types.start[type_id]
    pos = row_position(s, row)
    code, pos = read_code(s.info, s.abbrevs, pos)
    if code <= 0:
        return sc.BAD_ABBREV_CODE
    mask, pos, status = read_die(s, s.other, code, pos, sc.RESOLVE)
    types.words[w] = text_value(s.other, mask)
    types.words[w + wd.INFO] = info_word_of(kn.TYPE_TAG, 0, 0)
    types.words[w + wd.SIZE_TYPE] = ref
    return status


@fused
def fill_pointer(s, types, kinds, row, type_id, mask):
    """Write a PTR and the rows of its type tags: (how many those are, status).

    gcc's chain of tags runs from the pointer to the pointee; clang's children stand in source order and are chained
    backwards. The row that ends the chain refers to the pointee.
    """
    n, from_gcc = n_type_tags(kinds, row)
    inner = type_id
    if n > 0:
        inner = type_id + n if from_gcc else type_id + 1
    pointee, status = type_reference(s, mask, sc.XREF_WORDS, types.start[inner] + 2)
    for k in range(1, n + 1):
        if status != sc.OK:
            break
        ref = pointee
        if type_id + k != inner:
            ref = np.uint32(type_id + k + 1 if from_gcc else type_id + k - 1)
        status = fill_type_tag(s, types, row + k, type_id + k, ref)
    w = types.start[type_id]
    types.words[w + wd.SIZE_TYPE] = pointee
    if n > 0:
        types.words[w + wd.SIZE_TYPE] = np.uint32(type_id + 1 if from_gcc else type_id + n)
    return n, status


@inline
def n_inner_arrays(kinds, row):
    """How many rows from `row` on are ARRAYs of the dimensions of the array behind them."""
    n = np.int64(0)
    while row + n + 1 < len(kinds) and kinds[row + n] == wt.INNER_ARRAY:
        n += 1
    return n


@inline
def fill_nothing(s, words, w):
    """Write what stands for a type that BTF has no form for: a FWD without a name, which is in no BTF."""
    words[w] = 0
    words[w + wd.INFO] = info_word_of(kn.FWD, 0, 0)
    words[w + wd.SIZE_TYPE] = 0
    s.unit[sc.U_N_UNSUPPORTED] += 1
    s.unit[sc.U_N_SHORT] += 1
    return sc.OK


@fused
def fill_array(s, types, type_id, n, code, pos, mask, index_id):
    """Write the ARRAY of a DIE at row type_id + n, and before it those of its `n` further dimensions; a status.

    The rows stand from the innermost array to the outermost. Where there is one row for all dimensions, it has as many
    elements as they have together.
    """
    words = types.words
    status = fill_reference(s, words, mask, types.start[type_id] + wd.ARRAY_TYPE)
    more = has_children(s.abbrevs, code)
    top = LOW_32 if s.unit[sc.U_ADDRESS_SIZE] == 4 else ~np.uint64(0)
    for k in range(n + 1):
        nelems = np.uint64(1)
        none = True
        while more and status == sc.OK and (none or k == n):
            child, mask, pos, _, status = read_child(s, pos, sc.SUBRANGES, sc.AS_IS)
            more = child > 0
            if more and status == sc.OK:
                nelems = product_of_dimensions(nelems, dimension(s.die, mask, top))
                none = False
        if k > 0 and none and status == sc.OK:
            status = sc.ROW_MISMATCH
        w = types.start[type_id + n - k]
        if nelems > LOW_32:
            fill_nothing(s, words, w)
            continue
        words[w] = 0
        words[w + wd.INFO] = info_word_of(kn.ARRAY, 0, 0)
        words[w + wd.SIZE_TYPE] = 0
        words[w + wd.ARRAY_INDEX_TYPE] = index_id
        words[w + wd.ARRAY_NELEMS] = np.uint32(nelems)
        if k < n:
            words[w + wd.ARRAY_TYPE] = np.uint32(type_id + n - k - 1)
    return status


@fused
def has_bitfields(s, vlen, pos):
    """(whether a member of the struct whose children begin at `pos` is a bit-field whose offset fits, status)."""
    for _ in range(vlen):
        code, mask, pos, _, status = read_child(s, pos, sc.MEMBERS, sc.RESOLVE)
        if status != sc.OK:
            return False, status
        if code == 0:
            return False, sc.ROW_MISMATCH
        bit_offset, bit_size, known = member_bits(s, mask)
        if known and bit_offset <= BIT_OFFSET_MASK and (bit_size != 0 or bit_offset & np.uint64(7) != 0):
            return True, sc.OK
    return False, sc.OK


@fused
def fill_members(s, words, w, vlen, pos, mask):
    """Write a STRUCT or UNION at words[w:]; a status. Members whose place BTF cannot say are left out.

    An offset has 24 bits, and not 32, in a struct that has bit-fields (btf.rst 2.2.4).
    """
    size = s.die[sc.AT_BYTE_SIZE] if mask & sc.HAS_BYTE_SIZE else np.uint64(0)
    sized = mask & sc.HAS_BYTE_SIZE != np.uint64(0) or vlen == 0
    if mask & sc.HAS_BYTE_SIZE and (size > LOW_32 or not is_constant(s.die[sc.FORM + sc.AT_BYTE_SIZE])):
        return fill_nothing(s, words, w)
    words[w + wd.SIZE_TYPE] = np.uint32(size)
    with_bitfields = False
    if size > MOST_BYTES:
        with_bitfields, status = has_bitfields(s, vlen, pos)
        if status != sc.OK:
            return status
    kind_flag = False
    far = np.int64(-1)
    n = np.int64(0)
    for _ in range(vlen):
        code, mask, pos, start, status = read_child(s, pos, sc.MEMBERS, sc.RESOLVE)
        if status != sc.OK:
            return status
        if code == 0:
            return sc.ROW_MISMATCH
        bit_offset, bit_size, known = member_bits(s, mask)
        bitfield = bit_size != 0 or bit_offset & np.uint64(7) != 0
        if not known or (bit_offset > BIT_OFFSET_MASK and (bitfield or with_bitfields)):
            s.unit[sc.U_N_MEMBERS_LEFT_OUT] += 1
            continue
        at = w + entry_word(kn.STRUCT, n)
        words[at + wd.ENTRY_NAME] = name_of(s.die, mask)
        words[at + wd.MEMBER_TYPE], status = type_reference(s, mask, sc.XREF_WORDS, at + wd.MEMBER_TYPE)
        if status != sc.OK:
            return status
        words[at + wd.MEMBER_OFFSET] = np.uint32(bit_offset | (bit_size << np.uint64(BITFIELD_SIZE_SHIFT)))
        if mask & sc.HAS_BIT_OFFSET and s.unit[sc.RUN_FAR_TYPE] != 0:
            status = note_far(s, sc.XREF_BITS, at + wd.MEMBER_OFFSET, np.uint64(s.unit[sc.RUN_FAR_TYPE]),
                              np.uint64(s.unit[sc.RUN_FAR_BITS]))
            if status != sc.OK:
                return status
        kind_flag |= bitfield
        if bit_offset > BIT_OFFSET_MASK:
            far = start
        n += 1
    if kind_flag and far >= 0:
        return malformed(s.unit, far, sc.MEMBER_OUTSIDE)  # megabytes behind a struct of few bytes
    if not sized:
        return fill_nothing(s, words, w)  # known at run time only
    if n < vlen:
        s.unit[sc.U_N_SHORT] += 1
    words[w + wd.INFO] |= np.uint32(n)
    if kind_flag:
        words[w + wd.INFO] |= KIND_FLAG
    return sc.OK


@inline
def enum_size(die, mask):
    """Bytes of an enum, 0 for those that BTF does not have."""
    size = die[sc.AT_BYTE_SIZE] if mask & sc.HAS_BYTE_SIZE else np.uint64(4)
    if size != 1 and size != 2 and size != 4 and size != 8:
        return np.uint64(0)
    return size


@inline
def fits_enum(value):
    """Whether a value (two's complement) fits 32 bits, signed or not."""
    high = value >> np.uint64(31)
    return high == 0 or high == 1 or high == np.uint64(0x1FFFFFFFF)


@fused
def fill_enumerators(s, words, w, kind, vlen, pos, mask):
    """Write an ENUM or ENUM64 at words[w:]; a status. Enumerators whose value is no number of 64 bits are left out."""
    size = enum_size(s.die, mask)
    if size == 0:
        return fill_nothing(s, words, w)
    words[w + wd.SIZE_TYPE] = np.uint32(size)
    signed = False
    if kind == kn.ENUM64 and mask & sc.HAS_TYPE:
        signed, status = signed_underneath(s, w + wd.INFO)
        if status != sc.OK:
            return status
    n = np.int64(0)
    for _ in range(vlen):
        code, mask, pos, start, status = read_child(s, pos, sc.ENUMERATORS, sc.RESOLVE)
        if status != sc.OK:
            return status
        if code == 0:
            return sc.ROW_MISMATCH
        if mask & sc.HAS_CONST_VALUE and not is_constant(s.die[sc.FORM + sc.AT_CONST_VALUE]):
            s.unit[sc.U_N_MEMBERS_LEFT_OUT] += 1  # of 16 bytes, say
            continue
        value = enumerator_value(s.die, mask)
        at = w + entry_word(kind, n)
        n += 1
        words[at + wd.ENTRY_NAME] = name_of(s.die, mask)
        words[at + wd.ENUM_VAL] = np.uint32(value & LOW_32)  # or wd.ENUM64_LO, which is the same word
        if kind == kn.ENUM64:
            words[at + wd.ENUM64_HI] = np.uint32(value >> np.uint64(32))
        elif not fits_enum(value):
            return malformed(s.unit, start, sc.ENUM_RANGE)
        elif value >= np.uint64(1 << 63):
            signed = True
    if n < vlen:
        s.unit[sc.U_N_SHORT] += 1
    words[w + wd.INFO] |= np.uint32(n)
    if signed:
        words[w + wd.INFO] |= KIND_FLAG
    return sc.OK


@fused
def fill_prototype(s, words, w, vlen, pos, mask):
    """Write a FUNC_PROTO at words[w:]; a status. An ellipsis is a parameter without name and type."""
    status = fill_reference(s, words, mask, w + wd.SIZE_TYPE)
    if status != sc.OK:
        return status
    for m in range(vlen):
        code, mask, pos, _, status = read_child(s, pos, sc.PARAMETERS, sc.RESOLVE)
        if status != sc.OK:
            return status
        if code == 0:
            return sc.ROW_MISMATCH
        at = w + entry_word(kn.FUNC_PROTO, m)
        words[at + wd.ENTRY_NAME] = 0
        words[at + wd.PARAM_TYPE] = 0
        if s.abbrevs[sc.A_COLUMNS * code + sc.A_CLASS] == sc.C_PARAMETER:
            words[at + wd.ENTRY_NAME] = name_of(s.die, mask)
            status = fill_reference(s, words, mask, at + wd.PARAM_TYPE)
            if status != sc.OK:
                return status
    words[w + wd.INFO] |= np.uint32(vlen)
    return sc.OK


@part
def fill_type(s, types, kinds, row, vlen, fake_int, index_id):
    """Write one row of the unit, and those that belong to it: (rows written, status)."""
    unit = s.unit
    words = types.words
    kind = np.int64(kinds[row]) & KIND_MASK
    type_id = unit[sc.RUN_FIRST_ID] + row
    w = types.start[type_id]
    n_more = n_inner_arrays(kinds, row)
    at = row_position(s, row + n_more)
    code, pos = read_code(s.info, s.abbrevs, at)
    if code <= 0:
        return np.int64(1), malformed(s.unit, at, sc.BAD_ABBREV_CODE)  # the file changed since the first pass
    malformed(s.unit, at, sc.OK)
    mask, pos, status = read_die(s, s.die, code, pos, sc.RESOLVE)
    if status != sc.OK:
        return np.int64(1), status
    named = kind != kn.CONST and kind != kn.VOLATILE and kind != kn.RESTRICT and kind != kn.PTR and (
        kind != kn.ARRAY and kind != kn.FUNC_PROTO)
    words[w] = name_of(s.die, mask) if named else np.uint32(0)
    words[w + wd.INFO] = info_word_of(kind, 0, 0)
    if kind == kn.CONST or kind == kn.VOLATILE or kind == kn.RESTRICT or kind == kn.TYPEDEF:
        status = fill_reference(s, words, mask, w + wd.SIZE_TYPE)
    elif kind == kn.PTR:
        n_more, status = fill_pointer(s, types, kinds, row, type_id, mask)
    elif kind == kn.STRUCT or kind == kn.UNION:
        status = fill_members(s, words, w, vlen, pos, mask)
    elif kind == kn.ENUM or kind == kn.ENUM64:
        status = fill_enumerators(s, words, w, kind, vlen, pos, mask)
    elif kind == kn.FUNC_PROTO:
        status = fill_prototype(s, words, w, vlen, pos, mask)
    elif kind == kn.ARRAY:
        status = fill_array(s, types, type_id, n_more, code, pos, mask, index_id)
    elif kind == kn.INT:
        fill_int(s, words, w, mask, fake_int)
    elif kind == kn.FLOAT:
        words[w + wd.SIZE_TYPE] = np.uint32(s.die[sc.AT_BYTE_SIZE])
    elif kind == kn.FWD:
        words[w + wd.SIZE_TYPE] = 0
        if class_at(s.abbrevs, code) != sc.C_STRUCT:
            words[w] = 0  # no declaration, but a type that BTF has no form for: see fill_nothing
        elif s.abbrevs[sc.A_COLUMNS * code + sc.A_TAG] == dw.DW_TAG_union_type:
            words[w + wd.INFO] |= KIND_FLAG
    else:
        status = sc.ROW_MISMATCH  # a type tag, which is always written with its pointer
    if words[w] == 0 and (kind == kn.INT or kind == kn.FLOAT):
        status = malformed(s.unit, at, sc.NAMELESS)
    return n_more + 1, status


@inline
def fill_types(s, types, kinds, vlens, first_word, fake_int, index_id):
    """Write the type rows of one unit; a status.

    Parameters
    ----------
    types : TypeWords
    kinds, vlens : uint8, uint32 (rows of the unit,)
    first_word : int64
        Where its words begin in types.words.
    fake_int, index_id : uint32
        Name of the stand-in for integers of odd size; type_id of the array index type.
    """
    w = first_word
    for row in range(len(kinds)):
        types.start[s.unit[sc.RUN_FIRST_ID] + row] = w
        w += row_words(np.int64(kinds[row]), vlens[row])
    row = np.int64(0)
    while row < len(kinds):
        n, status = fill_type(s, types, kinds, row, np.int64(vlens[row]), fake_int, index_id)
        if status != sc.OK:
            return status
        row += n
    return sc.OK
