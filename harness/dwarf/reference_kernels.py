"""Compiled readers of references to types, as type_ids.

They read the unit at hand only; a reference into another unit is noted and resolved when all units are read.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import fused, inline
from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.dwarf.die_kernels import class_at, code_at, die_at, read_die, within_unit

# What a reference leads to
A_TYPE = 0  # or void
OTHER_UNIT = 1
TYPE_UNIT = 2
NO_TYPE = 3
LOOP = 4

LONGEST_CHAIN = 64


@fused
def row_at(unit, row_by_off, row_off, relative):
    """type_id of the row whose DIE is at an offset from the unit's header, 0 if none is.

    What row_by_off says of the offset may be a unit's before this one, so the row must say the same.
    """
    row = np.int64(row_by_off[relative]) - 1
    if row >= 0 and row < unit[sc.U_N_ROWS] and np.int64(row_off[unit[sc.RUN_FIRST_ROW] + row]) == relative:
        return np.uint32(unit[sc.RUN_FIRST_ID] + row)
    return np.uint32(0)


@fused
def near_reference(unit, die, row_by_off, row_off, mask):
    """(type_id, found): the row of this unit that DW_AT_type names; nearly every reference is one."""
    if not mask & sc.HAS_TYPE:
        return np.uint32(0), True
    target = die[sc.AT_TYPE]
    if die[sc.FORM + sc.AT_TYPE] == dw.DW_FORM_ref_sig8 or target >= np.uint64(unit[sc.U_STOP]) or (
            target < np.uint64(unit[sc.U_START])):
        return np.uint32(0), False
    type_id = row_at(unit, row_by_off, row_off, np.int64(target) - unit[sc.U_START])
    return type_id, type_id != 0


@inline
def follow(s, target):
    """What a reference to a section offset means: (type_id, what it leads to, value).

    The value is the offset in another unit, or a type unit's signature.
    """
    unit = s.unit
    for _ in range(LONGEST_CHAIN):
        if target >= sc.MAX_OFF or np.int64(target) < unit[sc.U_START] or np.int64(target) >= unit[sc.U_STOP]:
            return np.uint32(0), OTHER_UNIT, target
        type_id = row_at(unit, s.row_by_off, s.row_off, np.int64(target) - unit[sc.U_START])
        if type_id != 0:
            return type_id, A_TYPE, target
        code, pos = code_at(s.info, s.unit, s.abbrevs, target)
        if code == 0:
            return np.uint32(0), NO_TYPE, target
        cls = class_at(s.abbrevs, code)
        if cls == sc.C_VOID:
            return np.uint32(0), A_TYPE, target
        mask, pos, status = read_die(s, s.other, code, pos, sc.AS_IS)
        if status != sc.OK:
            return np.uint32(0), NO_TYPE, target
        if mask & sc.HAS_SIGNATURE:
            return np.uint32(0), TYPE_UNIT, s.other[sc.AT_SIGNATURE]
        if cls != sc.C_ALIAS:
            return np.uint32(0), NO_TYPE, target
        if not mask & sc.HAS_TYPE:
            return np.uint32(0), A_TYPE, target
        target = s.other[sc.AT_TYPE]
        if s.other[sc.FORM + sc.AT_TYPE] == dw.DW_FORM_ref_sig8:
            return np.uint32(0), TYPE_UNIT, target
    return np.uint32(0), LOOP, target


@inline
def note_far(s, space, index, target, more):
    """Note a reference into another unit, or to a type unit, for when all units are read; a status.

    `space`, `index`, `target` and `more` are the columns of a cross reference, XREF_*.
    """
    unit = s.unit
    x = sc.XREF_COLUMNS * unit[sc.RUN_XREF]
    if unit[sc.RUN_XREF] >= unit[sc.RUN_XREF_STOP] or x + sc.XREF_COLUMNS > len(s.xrefs):
        unit[sc.RUN_DETAIL] = np.int64(target & np.uint64(0x7FFFFFFFFFFFFFFF))
        return sc.BAD_REFERENCE
    s.xrefs[x + sc.XREF_SPACE] = space
    s.xrefs[x + sc.XREF_INDEX] = np.uint64(index)
    s.xrefs[x + sc.XREF_TARGET] = target
    s.xrefs[x + sc.XREF_MORE] = more
    unit[sc.RUN_XREF] += 1
    return sc.OK


@inline
def far_reference(s, space, index):
    """(type_id, status) of a DW_AT_type in s.die that names no row of this unit.

    A reference into another unit is noted in s.xrefs, and is void for now.
    """
    unit = s.unit
    target = s.die[sc.AT_TYPE]
    form = s.die[sc.FORM + sc.AT_TYPE]
    type_id = np.uint32(0)
    if form == dw.DW_FORM_ref_sig8:
        leads_to = TYPE_UNIT
    else:
        s.other[sc.FORM + sc.AT_TYPE] = form
        type_id, leads_to, target = follow(s, target)
    if leads_to == A_TYPE:
        return type_id, sc.OK
    if leads_to == TYPE_UNIT:
        return type_id, note_far(s, space, index, target, sc.FAR_SIGNATURE)
    if leads_to == OTHER_UNIT and s.other[sc.FORM + sc.AT_TYPE] == dw.DW_FORM_ref_addr:
        return type_id, note_far(s, space, index, target, np.uint64(0))
    unit[sc.RUN_DETAIL] = np.int64(target & np.uint64(0x7FFFFFFFFFFFFFFF))
    return type_id, sc.REFERENCE_LOOP if leads_to == LOOP else sc.BAD_REFERENCE


@fused
def type_reference(s, mask, space, index):
    """(type_id, status) of the DW_AT_type of the DIE in s.die, whose attributes are `mask`; 0, void, without one.

    `space` and `index` say where the type_id will be written, should it be known only when all units are read.
    """
    type_id, found = near_reference(s.unit, s.die, s.row_by_off, s.row_off, mask)
    if found:
        return type_id, sc.OK
    return far_reference(s, space, index)


@inline
def leads_out(unit, target, form):
    """Whether a reference is one into another unit."""
    return form == dw.DW_FORM_ref_addr and target != 0 and not within_unit(unit, target)


@inline
def type_byte_size(s, target, form):
    """Size in bytes of a bitfield's declared type, through typedefs and qualifiers; 0 if it has none.

    Also 0 if it is in another unit; RUN_FAR_TYPE is then where.
    """
    for _ in range(LONGEST_CHAIN):
        if leads_out(s.unit, target, form):
            s.unit[sc.RUN_FAR_TYPE] = np.int64(min(target, sc.MAX_OFF))
            return np.int64(0)
        mask, _, _, status = die_at(s, s.other, target, sc.AS_IS)
        if status != sc.OK:
            return np.int64(0)
        if mask & sc.HAS_BYTE_SIZE:
            return np.int64(s.other[sc.AT_BYTE_SIZE] & np.uint64(0xFFFFFFFF))
        if not mask & sc.HAS_TYPE:
            return np.int64(0)
        target = s.other[sc.AT_TYPE]
        form = s.other[sc.FORM + sc.AT_TYPE]
    return np.int64(0)


@inline
def signed_underneath(s, at):
    """(whether the DW_AT_type of the DIE in s.die is a signed integer, status), through typedefs and qualifiers.

    How a 64-bit enum says it is signed: by its underlying type. If that is in another unit, it is noted that the row
    whose info word is words[at] depends on it.
    """
    target = s.die[sc.AT_TYPE]
    form = s.die[sc.FORM + sc.AT_TYPE]
    for _ in range(8):
        if form == dw.DW_FORM_ref_sig8:
            return False, note_far(s, sc.XREF_SIGN, at, target, sc.FAR_SIGNATURE)
        if leads_out(s.unit, target, form):
            return False, note_far(s, sc.XREF_SIGN, at, target, np.uint64(0))
        code, pos = code_at(s.info, s.unit, s.abbrevs, target)
        if code == 0:
            break
        mask, _, status = read_die(s, s.other, code, pos, sc.AS_IS)
        if status != sc.OK:
            return False, status
        if mask & sc.HAS_ENCODING:
            encoding = s.other[sc.AT_ENCODING]
            return encoding == dw.DW_ATE_signed or encoding == dw.DW_ATE_signed_char, sc.OK
        if not mask & sc.HAS_TYPE:
            break
        target = s.other[sc.AT_TYPE]
        form = s.other[sc.FORM + sc.AT_TYPE]
    return False, sc.OK
