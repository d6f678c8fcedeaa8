"""The second pass of the walk, compiled: `fill_units` reads the DIEs that the first has listed into the tables."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.accelerate import fused, inline, njit, part
from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.dwarf import walk_tables as wt
from harness.dwarf.die_kernels import die_at, within_unit
from harness.dwarf.form_kernels import indexed_address, read_sized, sum_of, uleb
from harness.dwarf.function_kernels import fill_functions
from harness.dwarf.reference_kernels import leads_out, note_far, type_reference
from harness.dwarf.type_kernels import fill_types
from harness.dwarf.unit_kernels import copy_columns, open_unit
from harness.dwarf.value_kernels import block_of, name_of, text_value


class Plan(NamedTuple):
    """Where each unit writes, and what stands for what the units lack.

    Attributes
    ----------
    slices : int64 (units + 1, SLICE_COLUMNS)
        Where in the tables each unit's slices begin.
    fake_int, index_id : uint32
        Name of the stand-in for integers of odd size; type_id of the array index type.
    """

    slices: np.ndarray
    fake_int: np.uint32
    index_id: np.uint32


@inline
def variable_address(s, mask):
    """(address of the variable in s.die, its VF_ADDRESS, status).

    Its location is DW_OP_addr or its like, and DW_OP_plus_uconst may follow.
    """
    if not mask & sc.HAS_LOCATION:
        return np.uint64(0), 0, sc.OK
    pos, n = block_of(s.die, sc.AT_LOCATION)  # a location list has none
    stop = pos + n
    size = s.unit[sc.U_ADDRESS_SIZE]
    if n == 0:
        return np.uint64(0), 0, sc.OK
    op = s.info[pos]
    if op == dw.DW_OP_addr and n > size:
        addr = read_sized(s.info, pos + 1, size, s.unit[sc.SEC_BIG_ENDIAN])
        pos += 1 + size
    elif op == dw.DW_OP_addrx or op == dw.DW_OP_GNU_addr_index:
        index, pos = uleb(s.info, pos + 1)
        addr, found = indexed_address(s.sections, s.unit, index)
        if not found:
            return addr, 0, sc.BAD_INDEX
    else:
        return np.uint64(0), 0, sc.OK
    if stop - pos >= 2 and s.info[pos] == dw.DW_OP_plus_uconst:
        more, _ = uleb(s.info, pos + 1)
        addr = sum_of(addr, more)
    return addr, wt.VF_ADDRESS, sc.OK


@fused
def fill_variable(s, variables, v, off):
    """Write variable `v`, whose DIE is at section offset `off`; a status."""
    s.unit[sc.RUN_MALFORMED_OFF] = off
    mask, _, _, status = die_at(s, s.die, np.uint64(off), sc.RESOLVE)
    if status != sc.OK:
        return status
    addr, flags, status = variable_address(s, mask)
    if status != sc.OK:
        return status
    if mask & sc.HAS_ARTIFICIAL:
        flags |= wt.VF_ARTIFICIAL
    name, type_id, typed = np.uint32(0), np.uint32(0), False
    for _ in range(sc.MAX_HOPS + 1):
        if name == 0:
            name = name_of(s.die, mask)
        if mask & sc.HAS_EXTERNAL:
            flags |= wt.VF_EXTERNAL
        if not typed and mask & sc.HAS_TYPE:
            typed = True
            type_id, status = type_reference(s, mask, sc.XREF_VAR, v)
            if status != sc.OK:
                return status
        attribute = sc.AT_SPECIFICATION if mask & sc.HAS_SPECIFICATION else sc.AT_ORIGIN
        target = s.die[attribute]
        refers = mask & (sc.HAS_SPECIFICATION | sc.HAS_ORIGIN) != 0
        if refers and leads_out(s.unit, target, s.die[sc.FORM + attribute]):
            status = note_far(s, sc.XREF_VAR_ORIGIN, v, target, sc.FAR_TYPED if typed else np.uint64(0))
            if status != sc.OK:
                return status
            refers = False
        if not refers or not within_unit(s.unit, target):
            variables.name_off[v] = name
            variables.type_id[v] = type_id
            variables.addr[v] = addr
            variables.flags[v] = flags
            return sc.OK
        mask, _, _, status = die_at(s, s.die, target, sc.RESOLVE)
        if status != sc.OK:
            return status
    return sc.REFERENCE_LOOP


@inline
def fill_variables(s, variables, u, offs, first):
    """Write the top-level variables of unit `u` that have a location; a status.

    `offs` are the offsets of their DIEs from the unit's header; `first` is where they begin in the table.
    """
    for i in range(len(offs)):
        variables.unit[first + i] = u
        status = fill_variable(s, variables, first + i, np.int64(offs[i]) + s.unit[sc.U_START])
        if status != sc.OK:
            return status
    return sc.OK


@inline
def fill_tags(s, tag_name_off, offs):
    """Write the texts of the unit's annotations, whose DIEs are at `offs` from its header; a status."""
    for i in range(len(offs)):
        mask, _, _, status = die_at(s, s.die, np.uint64(np.int64(offs[i]) + s.unit[sc.U_START]), sc.RESOLVE)
        if status != sc.OK:
            return status
        tag_name_off[i] = text_value(s.die, mask)
    return sc.OK


@inline
def place_rows(s, kinds):
    """Enter the unit's rows by the offsets of their DIEs; rows that no reference means are left out."""
    first = s.unit[sc.RUN_FIRST_ROW]
    for row in range(len(kinds)):
        named = kinds[row] < wt.NAMES_NO_ROW
        s.row_by_off[s.row_off[first + row]] = np.uint32(row + 1) if named else np.uint32(0)


@part
def fill_unit(s, row, u, at, index, fill, plan):
    """Fill the unit's slices of all tables; a status.

    Parameters
    ----------
    row : int64 (U_COLUMNS,)
        The unit's in the matrix.
    at : (int64, int64, int64, int64)
        Where its rows, functions, variables and tags begin in `index`.
    """
    unit = s.unit
    first, behind = plan.slices[u], plan.slices[u + 1]
    copy_columns(unit, row)
    _, _, status = open_unit(s)
    row[sc.U_NAME] = unit[sc.U_NAME]  # its pool is this pass's
    row[sc.U_PRODUCER] = unit[sc.U_PRODUCER]
    if status != sc.OK:
        return status
    first_row, first_func, first_var, first_tag = at
    unit[sc.RUN_FIRST_ROW] = first_row
    unit[sc.RUN_FIRST_ID] = first[wt.SLICE_ID]
    unit[sc.RUN_XREF] = first[wt.SLICE_XREF]
    unit[sc.RUN_XREF_STOP] = behind[wt.SLICE_XREF]
    kinds = index.row_kind[first_row : first_row + row[sc.U_N_ROWS]]
    place_rows(s, kinds)
    status = fill_types(s, fill.types, kinds, index.row_vlen[first_row : first_row + row[sc.U_N_ROWS]],
                        first[wt.SLICE_WORD], plan.fake_int, plan.index_id)
    if status == sc.OK:
        last_func = first_func + row[sc.U_N_FUNCS]
        status = fill_functions(s, fill.functions, fill.params, u, index.func_off[first_func:last_func],
                                index.func_nparams[first_func:last_func], first[wt.SLICE_FUNC],
                                first[wt.SLICE_PARAM])
    if status == sc.OK:
        status = fill_variables(s, fill.variables, u, index.var_off[first_var : first_var + row[sc.U_N_VARS]],
                                first[wt.SLICE_VAR])
    if status == sc.OK:
        last_tag = first_tag + row[sc.U_N_TAGS]
        status = fill_tags(s, fill.tag_name_off[first_tag:last_tag], index.tag_off[first_tag:last_tag])
    row[sc.U_N_XREFS] = unit[sc.RUN_XREF] - first[wt.SLICE_XREF]
    row[sc.U_N_UNSUPPORTED] = unit[sc.U_N_UNSUPPORTED]
    row[sc.U_N_MEMBERS_LEFT_OUT] = unit[sc.U_N_MEMBERS_LEFT_OUT]
    row[sc.U_N_SHORT] = unit[sc.U_N_SHORT]
    return status


@njit
def fill_units(s, units, first, last, index, fill, plan, status):
    """Read the DIEs that index_units listed for units [first, last) into the tables.

    Parameters
    ----------
    s : State
    units : int64 (units, U_COLUMNS)
    index : Index
    fill : Fill
    plan : Plan
    status : int64 (4,)
        A status; if it is not OK, the section offset of what is malformed, what was found there, and the unit.
    """
    row, func, var, tag = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for u in range(first, last):
        unit = units[u]
        status[3] = u
        if unit[sc.U_STATE] == sc.WALKED or unit[sc.U_NAME] >= sc.POOL_FLAG or unit[sc.U_PRODUCER] >= sc.POOL_FLAG:
            status[0] = fill_unit(s, unit, u, (row, func, var, tag), index, fill, plan)
            if status[0] != sc.OK:
                status[1] = s.unit[sc.RUN_MALFORMED_OFF]
                status[2] = s.unit[sc.RUN_DETAIL]
                return
        row += unit[sc.U_N_ROWS]
        func += unit[sc.U_N_FUNCS]
        var += unit[sc.U_N_VARS]
        tag += unit[sc.U_N_TAGS]
    status[0] = sc.OK
