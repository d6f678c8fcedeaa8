"""Compiled readers of what a DIE says about others: references, children, offsets of members, ranges.

They read the unit at hand only; a reference into another unit is noted and resolved when all units are read.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline
from harness.dwarf import constants as dw
from harness.dwarf.die_kernels import (
    A_CHILDREN,
    A_CLASS,
    A_COLUMNS,
    A_FLAGS,
    A_SPECS,
    AS_IS,
    AUX,
    BAD_RANGES,
    BAD_REFERENCE,
    BLOCK_FLAG,
    C_ALIAS,
    C_INT,
    C_STRUCT,
    C_UNSUPPORTED,
    C_VOID,
    F_SIBLING,
    G_BIG,
    G_DETAIL,
    G_FAULT,
    G_FIRST_ID,
    G_INFO_BASE,
    G_N_RANGES,
    G_N_RNGLISTS,
    G_N_ROWS,
    G_RANGES,
    G_RNGLISTS,
    G_WORK,
    G_XREF,
    G_XREF_STOP,
    M_BIT_OFFSET,
    M_BIT_SIZE,
    M_BYTE_SIZE,
    M_CONST_VALUE,
    M_DATA_BIT_OFFSET,
    M_MEMBER_LOCATION,
    M_SIGNATURE,
    M_TYPE,
    MAX_CODE,
    OK,
    REFERENCE_LOOP,
    S_BIT_OFFSET,
    S_BIT_SIZE,
    S_BYTE_SIZE,
    S_CONST_VALUE,
    S_DATA_BIT_OFFSET,
    S_MEMBER_LOCATION,
    S_SIBLING,
    S_SIGNATURE,
    S_TYPE,
    U_ADDRESS_SIZE,
    U_DIES,
    U_LOW_PC,
    U_OFFSET_SIZE,
    U_RNG_BASE,
    U_START,
    U_STOP,
    U_VERSION,
    X_COLUMNS,
    X_FORM,
    X_SLOT,
    indexed_address,
    is_string_index,
    read_die,
    read_sized,
    read_u32,
    skip_die,
    uleb,
)


@inline
def resolve(info, side, geo, codes, specs, die2, text, slots, seen, slot, row_off, target):
    """What a reference means: (type_id, verdict, value).

    Verdict 0: a type_id; 1: `value` is an offset in another unit; 2: `value` is a type unit's signature; 3: no type's
    DIE; 4: a cycle.
    """
    for _ in range(64):
        rel = np.int64(target) - geo[U_START]
        if target >= np.uint64(1 << 62) or rel < 0 or np.int64(target) >= geo[U_STOP]:
            return np.uint32(0), 1, target
        s = np.int64(slot[rel])
        if s > 0 and s <= geo[G_N_ROWS] and np.int64(row_off[s - 1]) == rel:
            return np.uint32(geo[G_FIRST_ID] + s - 1), 0, target
        if np.int64(target) < geo[U_DIES]:
            return np.uint32(0), 3, target
        code, pos = uleb(info, np.int64(target) - geo[G_INFO_BASE])
        if code == 0 or code >= MAX_CODE or codes[A_COLUMNS * np.int64(code)] != codes[0]:
            return np.uint32(0), 3, target
        c = np.int64(code)
        cls = np.int64(codes[A_COLUMNS * c + A_CLASS])
        if cls == C_VOID or cls == C_UNSUPPORTED or cls == C_INT:
            return np.uint32(0), 0, target
        mask, pos, status = read_die(info, side, geo, codes, specs, c, pos, die2, text, slots, seen, AS_IS)
        if status != OK:
            return np.uint32(0), 3, target
        if cls == C_STRUCT and mask & M_SIGNATURE:
            return np.uint32(0), 2, die2[S_SIGNATURE]
        if cls != C_ALIAS:
            return np.uint32(0), 3, target
        if not mask & M_TYPE:
            return np.uint32(0), 0, target
        if die2[AUX + S_TYPE] == dw.DW_FORM_ref_sig8:
            return np.uint32(0), 2, die2[S_TYPE]
        target = die2[S_TYPE]
    return np.uint32(0), 4, target


@inline
def far_reference(info, side, geo, codes, specs, die, die2, text, slots, seen, slot, row_off, xrefs, space, at):
    """(type_id, status) of a DW_AT_type in `die` that names no row of this unit.

    A reference into another unit is noted in `xrefs`, and is void for now.
    """
    target = die[S_TYPE]
    form = die[AUX + S_TYPE]
    type_id = np.uint32(0)
    if form == dw.DW_FORM_ref_sig8:
        verdict = 2
    elif form == dw.DW_FORM_GNU_ref_alt or form == dw.DW_FORM_ref_sup4 or form == dw.DW_FORM_ref_sup8:
        return type_id, OK  # in a supplementary file that we do not have
    else:
        die2[AUX + S_TYPE] = form
        type_id, verdict, target = resolve(
            info, side, geo, codes, specs, die2, text, slots, seen, slot, row_off, target
        )
    if verdict == 0:
        return type_id, OK
    if verdict == 2 or (verdict == 1 and die2[AUX + S_TYPE] == dw.DW_FORM_ref_addr):
        x = geo[G_XREF]
        if x >= geo[G_XREF_STOP] or 4 * x + 4 > len(xrefs):
            return type_id, BAD_REFERENCE
        xrefs[4 * x] = space
        xrefs[4 * x + 1] = np.uint64(at)
        xrefs[4 * x + 2] = target
        xrefs[4 * x + 3] = 1 if verdict == 2 else 0
        geo[G_XREF] = x + 1
        return type_id, OK
    geo[G_DETAIL] = np.int64(target & np.uint64(0x7FFFFFFFFFFFFFFF))
    return type_id, REFERENCE_LOOP if verdict == 4 else BAD_REFERENCE


@inline
def near_reference(geo, die, slot, row_off, mask):
    """(type_id, found): the row of this unit that DW_AT_type names; nearly every reference is one."""
    if not mask & M_TYPE:
        return np.uint32(0), True
    rel = np.int64(die[S_TYPE]) - geo[U_START]
    if rel < 0 or rel >= geo[U_STOP] - geo[U_START] or die[AUX + S_TYPE] == dw.DW_FORM_ref_sig8:
        return np.uint32(0), False
    s = np.int64(slot[rel])
    if s > 0 and s <= geo[G_N_ROWS] and np.int64(row_off[s - 1]) == rel:
        return np.uint32(geo[G_FIRST_ID] + s - 1), True
    return np.uint32(0), False


@inline
def skip_children(info, geo, codes, specs, pos):
    """Position behind the children of a DIE whose attributes end at `pos`, or -1."""
    stop = geo[U_STOP] - geo[G_INFO_BASE]
    depth = np.int64(1)
    while depth > 0:
        if pos >= stop:
            return pos if pos == stop else np.int64(-1)
        at = pos
        code, pos = uleb(info, pos)
        if code == 0:
            depth -= 1
            continue
        if code >= MAX_CODE or codes[A_COLUMNS * np.int64(code)] != codes[0]:
            geo[G_FAULT] = geo[G_INFO_BASE] + at
            return np.int64(-1)
        c = np.int64(code)
        pos = skip_die(info, geo, codes, specs, c, pos, stop)
        geo[G_WORK] -= pos - at
        if pos < 0 or geo[G_WORK] < 0:
            return np.int64(-1)
        if codes[A_COLUMNS * c + A_CHILDREN]:
            depth += 1
    return pos


@inline
def next_child(info, geo, codes, pos):
    """The next child DIE at `pos`: (code or 0 at the end or -1 for a fault, position behind its code)."""
    stop = geo[U_STOP] - geo[G_INFO_BASE]
    if pos >= stop:
        return np.int64(0), pos
    code, behind = uleb(info, pos)
    if code == 0:
        return np.int64(0), behind
    if code >= MAX_CODE or codes[A_COLUMNS * np.int64(code)] != codes[0]:
        geo[G_FAULT] = geo[G_INFO_BASE] + pos
        geo[G_DETAIL] = np.int64(code & np.uint64(0x7FFFFFFF))
        return np.int64(-1), pos
    return np.int64(code), behind


@inline
def step_over(info, geo, codes, specs, c, pos):
    """Position behind a child DIE and all below it (its code is read, `pos` is behind it), or -1."""
    stop = geo[U_STOP] - geo[G_INFO_BASE]
    geo[G_WORK] -= 1
    if geo[G_WORK] < 0:
        return np.int64(-1)
    if codes[A_COLUMNS * c + A_CHILDREN]:
        # gcc writes DW_AT_sibling first, so reading on to it is cheap. A lying one only moves us forward, and what is
        # found behind it is checked against the first pass
        x = X_COLUMNS * codes[A_COLUMNS * c + A_SPECS]
        if (
            codes[A_COLUMNS * c + A_FLAGS] & F_SIBLING
            and specs[x + X_SLOT] == S_SIBLING
            and specs[x + X_FORM] == dw.DW_FORM_ref4
            and pos + 4 <= stop
        ):
            to = np.int64(read_u32(info, pos, geo[G_BIG])) + geo[U_START] - geo[G_INFO_BASE]
            if to > pos and to <= stop:
                return to
    at = pos
    pos = skip_die(info, geo, codes, specs, c, pos, stop)
    geo[G_WORK] -= pos - at
    if pos >= 0 and codes[A_COLUMNS * c + A_CHILDREN]:
        pos = skip_children(info, geo, codes, specs, pos)
    return pos


@inline
def type_byte_size(info, side, geo, codes, specs, die2, text, slots, seen, target):
    """Size in bytes of a bitfield's declared type, through typedefs and qualifiers; 0 if it has none."""
    for _ in range(64):
        if target >= np.uint64(1 << 62) or np.int64(target) < geo[U_DIES] or np.int64(target) >= geo[U_STOP]:
            return np.int64(0)
        code, pos = uleb(info, np.int64(target) - geo[G_INFO_BASE])
        if code == 0 or code >= MAX_CODE or codes[A_COLUMNS * np.int64(code)] != codes[0]:
            return np.int64(0)
        mask, pos, status = read_die(info, side, geo, codes, specs, np.int64(code), pos, die2, text, slots, seen, AS_IS)
        if status != OK:
            return np.int64(0)
        if mask & M_BYTE_SIZE:
            return np.int64(die2[S_BYTE_SIZE] & np.uint64(0xFFFFFFFF))
        if not mask & M_TYPE:
            return np.int64(0)
        target = die2[S_TYPE]
    return np.int64(0)


@inline
def constant_form(form):
    """Whether an attribute's value is a number and not a block or a reference."""
    return (
        (form >= dw.DW_FORM_data2 and form <= dw.DW_FORM_data8)
        or form == dw.DW_FORM_data1
        or form == dw.DW_FORM_sdata
        or form == dw.DW_FORM_udata
        or form == dw.DW_FORM_implicit_const
    )


@inline
def block_of(die, slot):
    """(index of its first byte in `info`, bytes) of an attribute that is a block; 0 bytes if it is none."""
    if die[AUX + slot] & BLOCK_FLAG:
        return np.int64(die[slot]), np.int64(die[AUX + slot] ^ BLOCK_FLAG)
    return np.int64(0), np.int64(0)


@inline
def text_value(die, mask):
    """The name that DW_AT_const_value holds, 0 if it holds no text."""
    form = die[AUX + S_CONST_VALUE]
    if mask & M_CONST_VALUE and (
        form == dw.DW_FORM_string or form == dw.DW_FORM_strp or form == dw.DW_FORM_line_strp or is_string_index(form)
    ):
        return np.uint32(die[S_CONST_VALUE])
    return np.uint32(0)


@inline
def member_bits(info, side, geo, codes, specs, die, die2, text, slots, seen, mask):
    """(bit offset, bitfield size) of the member in `die`: DWARF 5 section 5.7.6, and DWARF 4's DW_AT_bit_offset."""
    bits = np.uint64(0)
    if mask & M_BIT_SIZE:
        bits = die[S_BIT_SIZE]
    if mask & M_DATA_BIT_OFFSET:
        return die[S_DATA_BIT_OFFSET], bits
    offset = np.uint64(0)
    if mask & M_MEMBER_LOCATION:
        offset = die[S_MEMBER_LOCATION]
        if not constant_form(die[AUX + S_MEMBER_LOCATION]):
            # an expression: DW_OP_plus_uconst N or DW_OP_constu N
            at, n = block_of(die, S_MEMBER_LOCATION)
            offset = np.uint64(0)
            if n > 1 and (info[at] == dw.DW_OP_plus_uconst or info[at] == dw.DW_OP_constu):
                offset, at = uleb(info, at + 1)
    if bits == 0 or not mask & M_BIT_OFFSET:
        return offset * np.uint64(8), bits
    storage = np.int64(0)
    if mask & M_BYTE_SIZE:
        storage = np.int64(die[S_BYTE_SIZE] & np.uint64(0xFFFF))
    elif mask & M_TYPE:
        storage = type_byte_size(info, side, geo, codes, specs, die2, text, slots, seen, die[S_TYPE])
    skip = np.int64(die[S_BIT_OFFSET] & np.uint64(0xFFFFFFFF))
    if die[S_BIT_OFFSET] >= np.uint64(1 << 63):
        skip = np.int64(die[S_BIT_OFFSET])  # negative
    where = np.int64(offset) * 8
    if geo[G_BIG]:
        where += skip
    else:
        # counted from the most significant bit of the storage unit
        where += storage * 8 - skip - np.int64(bits)
    return np.uint64(where), bits


@inline
def range_entry(side, geo, value, form):
    """(first address of a function's ranges, status): its entry when it has no DW_AT_low_pc (DWARF 5 2.17.3)."""
    address_size = geo[U_ADDRESS_SIZE]
    offset_size = geo[U_OFFSET_SIZE]
    lists = geo[G_RNGLISTS]
    big = geo[G_BIG]
    base = np.uint64(geo[U_LOW_PC])
    top = np.uint64(0xFFFFFFFF) if address_size == 4 else ~np.uint64(0)
    if value >= np.uint64(1 << 62):
        return np.uint64(0), BAD_RANGES
    at = np.int64(value)
    if geo[U_VERSION] < 5:
        while True:
            geo[G_WORK] -= 1
            if at < 0 or at + 2 * address_size > geo[G_N_RANGES] or geo[G_WORK] < 0:
                return np.uint64(0), BAD_RANGES
            first = read_sized(side, geo[G_RANGES] + at, address_size, big)
            last = read_sized(side, geo[G_RANGES] + at + address_size, address_size, big)
            at += 2 * address_size
            if first == top:
                base = last
            elif first == 0 and last == 0:
                return np.uint64(0), OK
            elif first != last:
                return (base + first) & top, OK
    if form == dw.DW_FORM_rnglistx:
        slot = geo[U_RNG_BASE] + at * offset_size
        if at > (1 << 40) or slot < 0 or slot + offset_size > geo[G_N_RNGLISTS]:
            return np.uint64(0), BAD_RANGES
        at = geo[U_RNG_BASE] + np.int64(read_sized(side, lists + slot, offset_size, big))
    while True:
        geo[G_WORK] -= 1
        if at < 0 or at >= geo[G_N_RNGLISTS] or geo[G_WORK] < 0:
            return np.uint64(0), BAD_RANGES
        entry = side[lists + at]
        at += 1
        if entry == dw.DW_RLE_end_of_list:
            return np.uint64(0), OK
        if entry == dw.DW_RLE_base_addressx:
            index, at = uleb(side, lists + at)
            at -= lists
            base, found = indexed_address(side, geo, index)
            if not found:
                return np.uint64(0), BAD_RANGES
        elif entry == dw.DW_RLE_startx_endx or entry == dw.DW_RLE_startx_length:
            index, at = uleb(side, lists + at)
            at -= lists
            first, found = indexed_address(side, geo, index)
            if not found:
                return np.uint64(0), BAD_RANGES
            return first, OK
        elif entry == dw.DW_RLE_offset_pair:
            first, at = uleb(side, lists + at)
            at -= lists
            last, at = uleb(side, lists + at)
            at -= lists
            if first != last:
                return (base + first) & top, OK
        elif entry == dw.DW_RLE_base_address:
            base = read_sized(side, lists + at, address_size, big)
            at += address_size
        elif entry == dw.DW_RLE_start_end or entry == dw.DW_RLE_start_length:
            return read_sized(side, lists + at, address_size, big), OK
        else:
            return np.uint64(0), BAD_RANGES


@inline
def enumerator_value(die, mask):
    """Value of an enumerator as two's complement; 0 when it has none."""
    if not mask & M_CONST_VALUE or not constant_form(die[AUX + S_CONST_VALUE]):
        return np.uint64(0)
    return die[S_CONST_VALUE]
