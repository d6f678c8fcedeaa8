"""Compiled reader of DIEs that another unit refers to, all of which are known only when every unit is read."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from harness.accelerate import fused, inline, njit
from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.dwarf import walk_tables as wt
from harness.dwarf.die_kernels import class_at, die_at, has_children
from harness.dwarf.function_kernels import file_number, inherited_flags, is_nocall, line_number, next_expected
from harness.dwarf.line_kernels import NO_FILE
from harness.dwarf.unit_kernels import copy_columns, open_unit
from harness.dwarf.value_kernels import name_of

NOWHERE = np.int64(-1)


class Facts(NamedTuple):
    """What DIEs say, one row each.

    Attributes
    ----------
    off : int64 (dies,)
        Section offset, bytes.
    unit : int32 (dies,)
    cls : uint8 (dies,)
        C_* of its tag.
    name_off : uint32 (dies,)
        As in Functions, once names are unified.
    flags : uint16 (dies,)
        FN_EXTERNAL, FN_DECLARED_INLINE and FN_NOCALL.
    file, line : uint32 (dies,)
    type_off, next_off : int64 (dies,)
        Where its type is, and its origin or the declaration that it completes: section offsets, -1 without.
    signature : uint64 (dies,)
        Of the type unit that it refers to, 0 if it refers to none.
    param_start : int64 (dies + 1,)
        Where in `param_off` its parameters are, as many as were asked for.
    param_off : int64 (params,)
        Section offsets of parameters, without ellipses; -1 behind the last.
    """

    off: Annotated[np.ndarray, np.int64, "dies"]
    unit: Annotated[np.ndarray, np.int32, "dies"]
    cls: Annotated[np.ndarray, np.uint8, "dies"]
    name_off: Annotated[np.ndarray, np.uint32, "dies"]
    flags: Annotated[np.ndarray, np.uint16, "dies"]
    file: Annotated[np.ndarray, np.uint32, "dies"]
    line: Annotated[np.ndarray, np.uint32, "dies"]
    type_off: Annotated[np.ndarray, np.int64, "dies"]
    next_off: Annotated[np.ndarray, np.int64, "dies"]
    signature: Annotated[np.ndarray, np.uint64, "dies"]
    param_start: Annotated[np.ndarray, np.int64, "die_bounds"]
    param_off: Annotated[np.ndarray, np.int64, "params"]


@inline
def fill_type_of(die, mask, facts, k):
    """Write where the type of the DIE is, or what type unit it stands for."""
    facts.type_off[k] = NOWHERE
    facts.signature[k] = 0
    if mask & sc.HAS_SIGNATURE:
        facts.signature[k] = die[sc.AT_SIGNATURE]
    elif mask & sc.HAS_TYPE and die[sc.FORM + sc.AT_TYPE] == dw.DW_FORM_ref_sig8:
        facts.signature[k] = die[sc.AT_TYPE]
    elif mask & sc.HAS_TYPE:
        facts.type_off[k] = np.int64(min(die[sc.AT_TYPE], sc.MAX_OFF))


@inline
def fill_next(die, mask, facts, k):
    """Write where the rest is said of what the DIE is."""
    facts.next_off[k] = NOWHERE
    attribute = sc.AT_ORIGIN if mask & sc.HAS_ORIGIN else sc.AT_SPECIFICATION
    if mask & (sc.HAS_ORIGIN | sc.HAS_SPECIFICATION) and die[sc.FORM + attribute] != dw.DW_FORM_ref_sig8:
        facts.next_off[k] = np.int64(min(die[attribute], sc.MAX_OFF))


@fused
def fill_facts(s, facts, k):
    """Write row `k`, whose DIE is in the unit at hand; a status."""
    s.unit[sc.RUN_MALFORMED_OFF] = facts.off[k]
    mask, code, pos, status = die_at(s, s.die, np.uint64(facts.off[k]), sc.RESOLVE)
    if status != sc.OK:
        return status
    flags = inherited_flags(s.die, mask)
    if is_nocall(s.die, mask):
        flags |= wt.FN_NOCALL
    facts.cls[k] = class_at(s.abbrevs, code)
    facts.name_off[k] = name_of(s.die, mask)
    facts.flags[k] = flags
    facts.file[k] = file_number(s.die) if mask & sc.HAS_DECL_FILE else NO_FILE
    facts.line[k] = line_number(s.die, mask)
    fill_type_of(s.die, mask, facts, k)
    fill_next(s.die, mask, facts, k)
    if not has_children(s.abbrevs, code):
        pos = NOWHERE
    for p in range(facts.param_start[k], facts.param_start[k + 1]):
        facts.param_off[p], pos = next_expected(s, pos)
    return sc.OK


@njit
def read_far(s, units, first, last, facts, status):
    """Read the DIEs at `facts.off`, ascending and all within the units [first, last), into the other columns.

    Parameters
    ----------
    s : State
    units : int64 (units, U_COLUMNS)
    facts : Facts
        `off`, `unit` and `param_start` are given.
    status : int64 (4,)
        A status; if it is not OK, the section offset of what is malformed, what was found there, and the unit.
    """
    at = np.int64(-1)
    for k in range(len(facts.off)):
        u = np.int64(facts.unit[k])
        status[3] = u
        status[0] = sc.OK
        if u != at:
            copy_columns(s.unit, units[u])
            _, _, status[0] = open_unit(s)
            at = u
        if status[0] == sc.OK:
            status[0] = fill_facts(s, facts, k)
        if status[0] != sc.OK:
            status[1] = s.unit[sc.RUN_MALFORMED_OFF]
            status[2] = s.unit[sc.RUN_DETAIL]
            return
    status[0] = sc.OK
