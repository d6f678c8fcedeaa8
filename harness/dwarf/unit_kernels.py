"""Compiled readers of a unit's own DIE: its language, name and bases."""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline
from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.dwarf.abbrev_kernels import parse_abbrevs
from harness.dwarf.die_kernels import read_code, read_die, unknown_code


@inline
def copy_columns(to, row):
    """Copy the columns of a unit's row (slice assignment would allocate)."""
    for i in range(sc.U_COLUMNS):
        to[i] = row[i]


@inline
def language_walked(language):
    """Whether units of a DW_LANG_* are encoded: the C family and assembler; 0 is a unit that does not say."""
    return (
        language == 0
        or language == dw.DW_LANG_C89
        or language == dw.DW_LANG_C
        or language == dw.DW_LANG_C99
        or language == dw.DW_LANG_C11
        or language == dw.DW_LANG_C17
        or language == dw.DW_LANG_C23
        or language == dw.DW_LANG_Mips_Assembler
        or language == dw.DW_LANG_Assembly
    )


@inline
def offset_of(die, mask, has, attribute, default):
    """An attribute that is an offset into a section; `default` if it is missing or lies in none."""
    return np.int64(die[attribute]) if mask & has and die[attribute] < sc.MAX_OFF else default


@inline
def read_bases(unit, die, mask):
    """Note what the unit's own DIE says of where its parts of other sections begin, and its language."""
    header = np.int64(16 if unit[sc.U_OFFSET_SIZE] == 8 else 8)
    indexed = np.int64(0) if unit[sc.U_VERSION] < 5 else header
    unit[sc.U_STR_BASE] = offset_of(die, mask, sc.HAS_STR_OFFSETS_BASE, sc.AT_STR_OFFSETS_BASE, indexed)
    lent = unit[sc.U_LENT_ADDR_BASE]
    unit[sc.U_ADDR_BASE] = offset_of(die, mask, sc.HAS_ADDR_BASE, sc.AT_ADDR_BASE, lent if lent != 0 else indexed)
    unit[sc.U_RNG_BASE] = offset_of(die, mask, sc.HAS_RNGLISTS_BASE, sc.AT_RNGLISTS_BASE, header + 4)
    unit[sc.U_LOC_BASE] = offset_of(die, mask, sc.HAS_LOCLISTS_BASE, sc.AT_LOCLISTS_BASE, header + 4)
    unit[sc.U_LINE_OFF] = offset_of(die, mask, sc.HAS_STMT_LIST, sc.AT_STMT_LIST, np.int64(-1))
    unit[sc.U_LANGUAGE] = np.int64(die[sc.AT_LANGUAGE] & np.uint64(0xFFFFFF)) if mask & sc.HAS_LANGUAGE else 0


@inline
def open_unit(s):
    """Read a unit's abbreviations and its own DIE; (code, position of its children, status). Code 0: it has none."""
    unit = s.unit
    unit[sc.RUN_WORK] = sc.WORK_PER_BYTE * (unit[sc.U_STOP] - unit[sc.U_START]) + sc.WORK_PER_UNIT
    status = parse_abbrevs(s.sections, s.unit, s.abbrevs, s.specs)
    if status != sc.OK:
        return np.int64(0), np.int64(0), status
    at = unit[sc.U_DIE_OFF] - unit[sc.SEC_INFO_BASE]
    unit[sc.RUN_MALFORMED_OFF] = unit[sc.U_DIE_OFF]
    if unit[sc.U_DIE_OFF] >= unit[sc.U_STOP]:
        return np.int64(0), at, sc.OK  # an empty unit: padding
    code, pos = read_code(s.info, s.abbrevs, at)
    if code == 0:
        return code, pos, sc.OK
    if code < 0:
        return code, pos, unknown_code(s.info, s.unit, at)
    tag = np.int64(s.abbrevs[sc.A_COLUMNS * code + sc.A_TAG])
    if (
        tag != dw.DW_TAG_compile_unit
        and tag != dw.DW_TAG_partial_unit
        and tag != dw.DW_TAG_type_unit
        and tag != dw.DW_TAG_skeleton_unit
    ):
        unit[sc.RUN_DETAIL] = tag
        return code, pos, sc.BAD_UNIT_DIE
    # its bases come with its own attributes, in any order: read them first, then what depends on them
    mask, _, status = read_die(s, s.die, code, pos, sc.AS_IS)
    if status != sc.OK:
        return code, pos, status
    read_bases(s.unit, s.die, mask)
    mask, pos, status = read_die(s, s.die, code, pos, sc.RESOLVE)
    if status != sc.OK:
        return code, pos, status
    unit[sc.U_NAME] = np.int64(s.die[sc.AT_NAME]) if mask & sc.HAS_NAME else 0
    unit[sc.U_PRODUCER] = np.int64(s.die[sc.AT_PRODUCER]) if mask & sc.HAS_PRODUCER else 0
    unit[sc.U_LOW_PC] = np.int64(s.die[sc.AT_LOW_PC]) if mask & sc.HAS_LOW_PC else unit[sc.U_LENT_LOW_PC]
    unit[sc.U_PARTIAL] = 1 if tag == dw.DW_TAG_partial_unit else 0
    unit[sc.U_STATE] = sc.WALKED
    of_dwo = unit[sc.U_UNIT_TYPE] == dw.DW_UT_split_compile  # some compilers name the file in it, too
    if tag == dw.DW_TAG_skeleton_unit or (mask & sc.HAS_DWO_NAME != 0 and not of_dwo):  # the latter in DWARF 4
        unit[sc.U_STATE] = sc.SKELETON
    elif not language_walked(unit[sc.U_LANGUAGE]):
        unit[sc.U_STATE] = sc.OTHER_LANGUAGE
    return code, pos, sc.OK
