"""Compiled readers of what an attribute's value means: offsets of members, enumerators, dimensions, range lists, texts.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import fused, inline
from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.dwarf.form_kernels import indexed_address, is_constant, is_text, read_sized, sum_of, uleb
from harness.dwarf.reference_kernels import type_byte_size

LOW_32 = np.uint64(0xFFFFFFFF)
BEYOND = np.uint64(1 << 32)
"""Instead of a number of elements that 32 bits cannot say."""


@inline
def name_of(die, mask):
    """The name of a DIE; 0 is nameless."""
    return np.uint32(die[sc.AT_NAME]) if mask & sc.HAS_NAME else np.uint32(0)


@inline
def flag_of(die, mask, has, attribute):
    """Whether a DIE has an attribute whose value is not 0."""
    return mask & has != 0 and die[attribute] != 0


@inline
def block_of(die, attribute):
    """(index of its first byte in `info`, bytes) of an attribute that is a block; 0 bytes if it is none."""
    if die[sc.FORM + attribute] & sc.BLOCK_FLAG:
        return np.int64(die[attribute]), np.int64(die[sc.FORM + attribute] ^ sc.BLOCK_FLAG)
    return np.int64(0), np.int64(0)


@inline
def text_value(die, mask):
    """The name that DW_AT_const_value holds, 0 if it holds no text."""
    form = die[sc.FORM + sc.AT_CONST_VALUE]
    if mask & sc.HAS_CONST_VALUE and is_text(form):
        return np.uint32(die[sc.AT_CONST_VALUE])
    return np.uint32(0)


@inline
def enumerator_value(die, mask):
    """Value of an enumerator as two's complement; 0 when it has none."""
    if not mask & sc.HAS_CONST_VALUE or not is_constant(die[sc.FORM + sc.AT_CONST_VALUE]):
        return np.uint64(0)
    return die[sc.AT_CONST_VALUE]


@inline
def dimension(die, mask, top):
    """Elements of a DW_TAG_subrange_type, 0 if it does not say (DWARF 5 section 5.13); BEYOND if 32 bits cannot.

    `top` is the highest address.
    """
    if mask & sc.HAS_UPPER_BOUND:
        if is_constant(die[sc.FORM + sc.AT_UPPER_BOUND]):
            bound = die[sc.AT_UPPER_BOUND]
            if bound == top or bound == ~np.uint64(0):
                return np.uint64(0)  # -1: how compilers say that there are none
            return bound + np.uint64(1) if bound < LOW_32 else BEYOND
    elif mask & sc.HAS_COUNT and is_constant(die[sc.FORM + sc.AT_COUNT]):
        return die[sc.AT_COUNT] if die[sc.AT_COUNT] <= LOW_32 else BEYOND
    return np.uint64(0)


@inline
def product_of_dimensions(one, more):
    """Elements of an array of arrays; BEYOND if 32 bits cannot say."""
    if one == 0 or more == 0:
        return np.uint64(0)
    if one >= BEYOND or more >= BEYOND or one * more > LOW_32:
        return BEYOND
    return one * more


@fused
def member_byte_offset(s, mask):
    """(DW_AT_data_member_location of the member in s.die, 0 without one; whether it is a number that BTF can say)."""
    die = s.die
    if not mask & sc.HAS_MEMBER_LOCATION:
        return np.uint64(0), True
    if is_constant(die[sc.FORM + sc.AT_MEMBER_LOCATION]):
        return die[sc.AT_MEMBER_LOCATION], die[sc.AT_MEMBER_LOCATION] <= LOW_32
    # an expression: DW_OP_plus_uconst N or DW_OP_constu N; others are of members behind one of variable size
    at, n = block_of(die, sc.AT_MEMBER_LOCATION)
    if n > 1 and (s.info[at] == dw.DW_OP_plus_uconst or s.info[at] == dw.DW_OP_constu):
        offset, behind = uleb(s.info, at + 1)
        return offset, offset <= LOW_32 and behind == at + n
    return np.uint64(0), False


@fused
def member_bits(s, mask):
    """(bit offset, bitfield size, whether they are numbers of 32 and 8 bits) of the member in s.die.

    DWARF 5 section 5.7.6, and DW_AT_bit_offset of DWARF 4, which counts from the most significant bit of the storage.
    Where that is as large as a type in another unit, RUN_FAR_TYPE and RUN_FAR_BITS say what is known for now.
    """
    die = s.die
    bits = np.uint64(0)
    known = True
    if mask & sc.HAS_BIT_SIZE:
        bits = die[sc.AT_BIT_SIZE]
        known = is_constant(die[sc.FORM + sc.AT_BIT_SIZE]) and bits < 256
    if mask & sc.HAS_DATA_BIT_OFFSET:
        where = die[sc.AT_DATA_BIT_OFFSET]
        return where & LOW_32, bits, known and is_constant(die[sc.FORM + sc.AT_DATA_BIT_OFFSET]) and where <= LOW_32
    offset, said = member_byte_offset(s, mask)
    known &= said
    where = np.int64(offset & LOW_32) * 8
    if mask & sc.HAS_BIT_OFFSET:
        s.unit[sc.RUN_FAR_TYPE] = 0
    if bits != 0 and mask & sc.HAS_BIT_OFFSET and known:
        known = is_constant(die[sc.FORM + sc.AT_BIT_OFFSET])
        skip = np.int64(min(die[sc.AT_BIT_OFFSET], np.uint64(1 << 40)))
        if die[sc.AT_BIT_OFFSET] >> np.uint64(63):
            skip = -np.int64(min(~die[sc.AT_BIT_OFFSET] + np.uint64(1), np.uint64(1 << 40)))  # before its storage
        if s.unit[sc.SEC_BIG_ENDIAN]:
            where += skip
        else:
            storage = np.int64(0)
            if mask & sc.HAS_BYTE_SIZE:
                storage = np.int64(die[sc.AT_BYTE_SIZE] & np.uint64(0xFFFF))
            elif mask & sc.HAS_TYPE:
                storage = type_byte_size(s, die[sc.AT_TYPE], die[sc.FORM + sc.AT_TYPE])
            where += storage * 8 - skip - np.int64(bits)
            if s.unit[sc.RUN_FAR_TYPE] != 0:
                s.unit[sc.RUN_FAR_BITS] = where
                return np.uint64(0), bits, known
            known &= storage > 0
    if where < 0 or where > np.int64(LOW_32):
        return np.uint64(0), bits, False
    return np.uint64(where), bits, known


@inline
def ranges_at(s, value, form):
    """(section offset of the list that a DW_AT_ranges names, status); the offset is checked where the list is read."""
    if value >= sc.MAX_OFF:
        return np.int64(-1), sc.BAD_RANGES
    at = np.int64(value)
    unit = s.unit
    if unit[sc.U_VERSION] < 5:
        return at + unit[sc.U_LENT_RANGES_BASE], sc.OK
    if form == dw.DW_FORM_rnglistx:
        offset_size = unit[sc.U_OFFSET_SIZE]
        pos = unit[sc.U_RNG_BASE] + at * offset_size
        if at > (1 << 40) or pos < 0 or pos + offset_size > unit[sc.SEC_RNGLISTS_NBYTES]:
            return np.int64(-1), sc.BAD_RANGES
        relative = read_sized(s.sections, unit[sc.SEC_RNGLISTS] + pos, offset_size, unit[sc.SEC_BIG_ENDIAN])
        if relative >= sc.MAX_OFF:
            return np.int64(-1), sc.BAD_RANGES
        at = unit[sc.U_RNG_BASE] + np.int64(relative)
    return at, sc.OK


@inline
def range_entry(s, at):
    """(first address of the ranges in the list at a section offset, status): a function's entry when it has no
    DW_AT_low_pc (DWARF 5 section 2.17.3)."""
    if s.unit[sc.U_VERSION] < 5:
        return first_range(s, at)
    return first_range_5(s, at)


@fused
def first_range(s, at):
    """(start of the first range that is not empty, status) of a list in .debug_ranges (DWARF 4 section 2.17.3)."""
    unit = s.unit
    size = unit[sc.U_ADDRESS_SIZE]
    big = unit[sc.SEC_BIG_ENDIAN]
    base = np.uint64(unit[sc.U_LOW_PC])
    top = np.uint64(0xFFFFFFFF) if size == 4 else ~np.uint64(0)
    while True:
        unit[sc.RUN_WORK] -= 1
        if at < 0 or at + 2 * size > unit[sc.SEC_RANGES_NBYTES] or unit[sc.RUN_WORK] < 0:
            return np.uint64(0), sc.BAD_RANGES
        first = read_sized(s.sections, unit[sc.SEC_RANGES] + at, size, big)
        last = read_sized(s.sections, unit[sc.SEC_RANGES] + at + size, size, big)
        at += 2 * size
        if first == top:
            base = last
        elif first == 0 and last == 0:
            return np.uint64(0), sc.OK
        elif first != last:
            return sum_of(base, first) & top, sc.OK


@fused
def first_range_5(s, at):
    """The same of a list in .debug_rnglists (DWARF 5 section 7.25)."""
    unit = s.unit
    size = unit[sc.U_ADDRESS_SIZE]
    big = unit[sc.SEC_BIG_ENDIAN]
    lists = unit[sc.SEC_RNGLISTS]
    base = np.uint64(unit[sc.U_LOW_PC])
    top = np.uint64(0xFFFFFFFF) if size == 4 else ~np.uint64(0)
    while True:
        unit[sc.RUN_WORK] -= 1
        if at < 0 or at >= unit[sc.SEC_RNGLISTS_NBYTES] or unit[sc.RUN_WORK] < 0:
            return np.uint64(0), sc.BAD_RANGES
        pos = lists + at
        entry = s.sections[pos]
        pos += 1
        if entry == dw.DW_RLE_end_of_list:
            return np.uint64(0), sc.OK
        if entry == dw.DW_RLE_base_addressx:
            index, pos = uleb(s.sections, pos)
            base, found = indexed_address(s.sections, s.unit, index)
            if not found:
                return np.uint64(0), sc.BAD_RANGES
        elif entry == dw.DW_RLE_startx_endx or entry == dw.DW_RLE_startx_length:
            index, pos = uleb(s.sections, pos)
            first, found = indexed_address(s.sections, s.unit, index)
            return first, sc.OK if found else sc.BAD_RANGES
        elif entry == dw.DW_RLE_offset_pair:
            first, pos = uleb(s.sections, pos)
            last, pos = uleb(s.sections, pos)
            if first != last:
                return sum_of(base, first) & top, sc.OK
        elif entry == dw.DW_RLE_base_address:
            base = read_sized(s.sections, pos, size, big)
            pos += size
        elif entry == dw.DW_RLE_start_end or entry == dw.DW_RLE_start_length:
            return read_sized(s.sections, pos, size, big), sc.OK
        else:
            return np.uint64(0), sc.BAD_RANGES
        at = pos - lists
