"""Compiled readers of function instances and their parameters.

What a DIE does not say itself it has from its DW_AT_abstract_origin or DW_AT_specification (DWARF 5 sections 3.3.8.2
and 2.13.2).
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import fused, inline, part
from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.dwarf import walk_tables as wt
from harness.dwarf.die_kernels import class_at, die_at, has_children, next_child, read_child, step_over, within_unit
from harness.dwarf.line_kernels import NO_FILE
from harness.dwarf.location_kernels import NOTHING, read_expression
from harness.dwarf.reference_kernels import leads_out, note_far, type_reference
from harness.dwarf.value_kernels import block_of, flag_of, name_of, range_entry, ranges_at

UNKNOWN = np.int64(-1)


@inline
def file_number(die):
    """DW_AT_decl_file; one that no table can have if it does not fit, so that it is reported and not cut."""
    return np.uint32(die[sc.AT_DECL_FILE]) if die[sc.AT_DECL_FILE] < NO_FILE else NO_FILE - np.uint32(1)


@inline
def line_number(die, mask):
    return np.uint32(die[sc.AT_DECL_LINE]) if mask & sc.HAS_DECL_LINE else np.uint32(0)


@inline
def entry_of(s, mask):
    """(address of the function in s.die, its FN_LOW_PC or FN_RANGES, where its ranges are, status)."""
    if mask & sc.HAS_LOW_PC:
        return s.die[sc.AT_LOW_PC], wt.FN_LOW_PC, UNKNOWN, sc.OK
    if mask & sc.HAS_RANGES:
        at, status = ranges_at(s, s.die[sc.AT_RANGES], s.die[sc.FORM + sc.AT_RANGES])
        if status != sc.OK:
            return np.uint64(0), wt.FN_RANGES, at, status
        entry, status = range_entry(s, at)
        return entry, wt.FN_RANGES, at, status
    return np.uint64(0), 0, UNKNOWN, sc.OK


@inline
def inherited_flags(die, mask):
    """FN_* that a function has if it or its origin says so."""
    flags = 0
    if flag_of(die, mask, sc.HAS_EXTERNAL, sc.AT_EXTERNAL):
        flags |= wt.FN_EXTERNAL
    if mask & sc.HAS_INLINE and die[sc.AT_INLINE] >= dw.DW_INL_declared_not_inlined:
        flags |= wt.FN_DECLARED_INLINE
    return flags


@inline
def is_nocall(die, mask):
    """Whether DW_AT_calling_convention says that the function must not be called as its type says."""
    return mask & sc.HAS_CALLING_CONVENTION != 0 and die[sc.AT_CALLING_CONVENTION] == dw.DW_CC_nocall


@inline
def own_flags(die, mask):
    """FN_* that the DIE itself says."""
    flags = inherited_flags(die, mask)
    if mask & sc.HAS_DECLARATION:
        flags |= wt.FN_DECLARATION
    if flag_of(die, mask, sc.HAS_INLINE, sc.AT_INLINE):
        flags |= wt.FN_INLINE
    elif not mask & sc.HAS_ORIGIN and is_nocall(die, mask):
        flags |= wt.FN_NOCALL
    return flags


@inline
def leaves_unit(unit, die, attribute):
    """Whether the DIE that an attribute of `die` refers to is in another unit (LTO) or file: (so, status)."""
    target = die[attribute]
    form = die[sc.FORM + attribute]
    if form == dw.DW_FORM_ref_sig8:
        return True, sc.OK
    if within_unit(unit, target):
        return False, sc.OK
    if form == dw.DW_FORM_ref_addr:
        return True, sc.OK
    unit[sc.RUN_DETAIL] = np.int64(target & np.uint64(0x7FFFFFFFFFFFFFFF))
    return True, sc.BAD_REFERENCE


@fused
def inherit(s, functions, f, mask):
    """Complete function `f`, whose own DIE, with the attributes `mask`, was read into s.die, from its origins.

    Returns
    -------
    (pos, status) : where the children of its abstract origin begin, UNKNOWN if there are none.
    """
    params_pos = UNKNOWN
    typed = mask & sc.HAS_TYPE
    placed = mask & sc.HAS_DECL_FILE
    hops = 0
    while mask & (sc.HAS_ORIGIN | sc.HAS_SPECIFICATION):
        attribute = sc.AT_ORIGIN if mask & sc.HAS_ORIGIN else sc.AT_SPECIFICATION
        leaves, status = leaves_unit(s.unit, s.die, attribute)
        if leaves:
            if status == sc.OK and s.die[sc.FORM + attribute] == dw.DW_FORM_ref_addr:
                more = sc.FAR_TYPED if typed else np.uint64(0)
                if hops == 0 and attribute == sc.AT_ORIGIN:
                    more |= sc.FAR_FIRST
                status = note_far(s, sc.XREF_FUNC_ORIGIN, f, s.die[attribute], more)
            return params_pos, status
        hops += 1
        if hops > sc.MAX_HOPS:
            return params_pos, sc.REFERENCE_LOOP
        mask, code, pos, status = die_at(s, s.die, s.die[attribute], sc.RESOLVE)
        if status != sc.OK:
            s.unit[sc.RUN_MALFORMED_OFF] = functions.die_off[f]
            return params_pos, status
        if hops == 1 and attribute == sc.AT_ORIGIN:
            if is_nocall(s.die, mask):
                functions.flags[f] |= wt.FN_NOCALL
            params_pos = pos if has_children(s.abbrevs, code) else UNKNOWN
        if functions.name_off[f] == 0:
            functions.name_off[f] = name_of(s.die, mask)
        functions.flags[f] |= inherited_flags(s.die, mask)
        if not placed and mask & sc.HAS_DECL_FILE:
            placed = mask & sc.HAS_DECL_FILE
            functions.file[f] = file_number(s.die)
            functions.line[f] = line_number(s.die, mask)
        if not typed and mask & sc.HAS_TYPE:
            typed = mask & sc.HAS_TYPE
            functions.type_id[f], status = type_reference(s, mask, sc.XREF_FUNC, f)
            if status != sc.OK:
                return params_pos, status
    return params_pos, sc.OK


@fused
def fill_location(s, functions, params, p, mask):
    """Write what the DW_AT_location of parameter `p`, which is in s.die, says; PF_* flags."""
    flags = 0
    unit = s.unit
    reading = NOTHING
    location_list = UNKNOWN
    if mask & sc.HAS_LOCATION:
        flags |= wt.PF_LOCATION
        form = s.die[sc.FORM + sc.AT_LOCATION]
        if form & sc.BLOCK_FLAG:
            at, n = block_of(s.die, sc.AT_LOCATION)
            sizes = (unit[sc.U_ADDRESS_SIZE], unit[sc.U_OFFSET_SIZE])
            reading, understood = read_expression(s.info, at, at + n, sizes, np.int64(0), reading)
            if not understood:
                flags |= wt.PF_UNREAD
        elif form == dw.DW_FORM_loclistx:
            flags |= wt.PF_LIST_INDEX
            index = np.int64(min(s.die[sc.AT_LOCATION], np.uint64(1 << 40)))
            location_list = unit[sc.U_LOC_BASE] + index * unit[sc.U_OFFSET_SIZE]
        else:
            location_list = np.int64(min(s.die[sc.AT_LOCATION], sc.MAX_OFF))
    params.location_list_off[p] = location_list
    functions.param_reg[p] = reading.reg
    functions.param_reg_pieces[p] = reading.reg_pieces
    functions.param_first[p] = reading.first
    functions.param_seen[p] = reading.seen
    return flags


@fused
def inherit_parameter(s, functions, p, mask, expected):
    """Complete parameter `p`, whose own DIE was read into s.die, from its origins: (FN_* of its function, status).

    `expected` is the section offset of the origin that it has if the parameters stand in their order. What is in
    another unit is noted.
    """
    flags = 0
    typed = mask & sc.HAS_TYPE
    hops = 0
    while mask & sc.HAS_ORIGIN and (functions.param_name_off[p] == 0 or not typed):
        target = s.die[sc.AT_ORIGIN]
        if leads_out(s.unit, target, s.die[sc.FORM + sc.AT_ORIGIN]):
            more = sc.FAR_TYPED if typed else np.uint64(0)
            if hops == 0:
                more |= sc.FAR_FIRST
            return flags, note_far(s, sc.XREF_PARAM_ORIGIN, p, target, more)
        if not within_unit(s.unit, target):
            break
        if hops == 0 and np.int64(target) != expected:
            flags |= wt.FN_REORDERED
        hops += 1
        if hops > sc.MAX_HOPS:
            return flags, sc.REFERENCE_LOOP
        mask, _, _, status = die_at(s, s.die, target, sc.RESOLVE)
        if status != sc.OK:
            return flags, status
        if functions.param_name_off[p] == 0:
            functions.param_name_off[p] = name_of(s.die, mask)
        if not typed and mask & sc.HAS_TYPE:
            typed = mask & sc.HAS_TYPE
            functions.param_type_id[p], status = type_reference(s, mask, sc.XREF_PARAM, p)
            if status != sc.OK:
                return flags, status
    if functions.param_name_off[p] == 0:
        flags |= wt.FN_UNNAMED_PARAM
    return flags, sc.OK


@fused
def fill_parameter(s, functions, params, p, mask, off, expected):
    """Write parameter `p`, whose DIE is in s.die and at section offset `off`: (FN_* of its function, status)."""
    functions.param_flags[p] = fill_location(s, functions, params, p, mask)
    if mask & sc.HAS_CONST_VALUE:
        functions.param_flags[p] |= wt.PF_CONST_VALUE
    params.die_off[p] = off
    params.origin_off[p] = UNKNOWN
    if mask & sc.HAS_ORIGIN and not mask & sc.HAS_TYPE and s.die[sc.AT_ORIGIN] < sc.MAX_OFF:
        params.origin_off[p] = np.int64(s.die[sc.AT_ORIGIN])
    functions.param_name_off[p] = name_of(s.die, mask)
    functions.param_type_id[p], status = type_reference(s, mask, sc.XREF_PARAM, p)
    if status != sc.OK:
        return 0, status
    return inherit_parameter(s, functions, p, mask, expected)


@inline
def fill_ellipsis(functions, params, p):
    """Write an unspecified parameter, which has neither name nor type."""
    functions.param_name_off[p] = 0
    functions.param_type_id[p] = 0
    functions.param_flags[p] = wt.PF_ELLIPSIS
    functions.param_reg[p] = -1
    functions.param_reg_pieces[p] = -1
    functions.param_first[p] = -1
    functions.param_seen[p] = 0
    params.die_off[p] = -1
    params.origin_off[p] = -1
    params.location_list_off[p] = -1


@inline
def next_expected(s, pos):
    """The next parameter of a function's origin, from `pos` on: (its section offset, position behind it).

    Both are UNKNOWN when there is no more; an ellipsis is left out.
    """
    while pos >= 0:
        code, pos, at, status = next_child(s.info, s.unit, s.abbrevs, s.specs, pos, sc.PARAMETERS)
        if code <= 0 or status != sc.OK:
            break
        pos = step_over(s.info, s.unit, s.abbrevs, s.specs, code, pos)
        if class_at(s.abbrevs, code) != sc.C_ELLIPSIS:
            return s.unit[sc.SEC_INFO_BASE] + at, pos
    return UNKNOWN, UNKNOWN


@fused
def fill_parameters(s, functions, params, f, n_params, pos, origin_pos):
    """Write the parameters of function `f`, whose children begin at `pos`, its origin's at `origin_pos`; a status."""
    p = functions.param_start[f]
    n_ellipses = 0
    for _ in range(n_params):
        code, mask, pos, at, status = read_child(s, pos, sc.PARAMETERS, sc.RESOLVE)
        if status != sc.OK:
            return status
        if code == 0:
            return sc.ROW_MISMATCH
        if class_at(s.abbrevs, code) == sc.C_ELLIPSIS:
            n_ellipses += 1
            continue
        expected, origin_pos = next_expected(s, origin_pos)
        off = s.unit[sc.SEC_INFO_BASE] + at
        s.unit[sc.RUN_MALFORMED_OFF] = off
        flags, status = fill_parameter(s, functions, params, p, mask, off, expected)
        if status != sc.OK:
            return status
        functions.flags[f] |= flags
        p += 1
    # last, wherever the DIE has it: gcc lists parameters that it optimized out behind the ellipsis
    for _ in range(n_ellipses):
        fill_ellipsis(functions, params, p)
        p += 1
    return sc.OK


@part
def fill_function(s, functions, params, f, off, n_params):
    """Write the function instance `f`, whose DIE is at section offset `off`; a status."""
    s.unit[sc.RUN_MALFORMED_OFF] = off
    mask, _, pos, status = die_at(s, s.die, np.uint64(off), sc.RESOLVE)
    if status != sc.OK:
        return status
    functions.die_off[f] = off
    functions.entry[f], flags, functions.ranges_off[f], status = entry_of(s, mask)
    if status != sc.OK:
        return status
    functions.flags[f] = flags | own_flags(s.die, mask)
    functions.file[f] = file_number(s.die) if mask & sc.HAS_DECL_FILE else NO_FILE
    functions.line[f] = line_number(s.die, mask)
    functions.name_off[f] = name_of(s.die, mask)
    functions.type_id[f], status = type_reference(s, mask, sc.XREF_FUNC, f)
    if status != sc.OK:
        return status
    origin_pos, status = inherit(s, functions, f, mask)
    if status != sc.OK:
        return status
    return fill_parameters(s, functions, params, f, n_params, pos, origin_pos)


@inline
def fill_functions(s, functions, params, u, offs, n_params, first, first_param):
    """Write the function instances of unit `u`; a status.

    Parameters
    ----------
    functions : Functions
    params : ParamOffsets
    offs, n_params : uint32 (functions of the unit,)
        Of each, the offset of its DIE from the unit's header, and how many parameters it has.
    first, first_param : int64
        Where the unit's functions and parameters begin in the tables.
    """
    p = first_param
    for i in range(len(offs)):
        f = first + i
        functions.unit[f] = u
        functions.file_unit[f] = u
        functions.param_start[f] = p
        off = np.int64(offs[i]) + s.unit[sc.U_START]
        status = fill_function(s, functions, params, f, off, np.int64(n_params[i]))
        if status != sc.OK:
            return status
        p += np.int64(n_params[i])
    return sc.OK
