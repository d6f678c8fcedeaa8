"""The first pass of the walk, compiled: `index_units` finds every type, function and variable DIE.

Two passes, so that every table is allocated once and exactly. This one steps over all DIEs and looks at almost no
attribute; the second (fill_kernels) visits only the DIEs that this one has listed.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import fused, inline, njit, part
from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.dwarf import walk_tables as wt
from harness.dwarf.die_kernels import (
    class_at,
    die_at,
    has_children,
    malformed,
    read_child,
    read_code,
    read_die,
    skip_die,
    unknown_code,
)
from harness.dwarf.form_kernels import name_is
from harness.dwarf.type_kernels import row_words
from harness.dwarf.unit_kernels import copy_columns, open_unit
from harness.model import kind_numbers as kn
from harness.model.layout import MAX_VLEN_BEFORE_2026


@inline
def base_type_kind(die, mask):
    """INT, FLOAT, or for a base type that BTF does not have a FWD: see fill_nothing."""
    encoding = die[sc.AT_ENCODING] if mask & sc.HAS_ENCODING else np.uint64(0)
    size = die[sc.AT_BYTE_SIZE] if mask & sc.HAS_BYTE_SIZE else np.uint64(0)
    if encoding == dw.DW_ATE_complex_float or encoding == dw.DW_ATE_imaginary_float:
        return kn.FWD
    if encoding == dw.DW_ATE_float:
        if size == 2 or size == 4 or size == 8 or size == 12 or size == 16:
            return kn.FLOAT
        return kn.FWD
    return kn.INT


@inline
def struct_kind(die, mask, tag):
    """Kind of a structure or union."""
    if mask & sc.HAS_DECLARATION and die[sc.AT_DECLARATION] != 0:
        return kn.FWD
    return kn.UNION if tag == dw.DW_TAG_union_type else kn.STRUCT


@inline
def reference_kind(tag):
    """Kind of a qualifier or typedef."""
    if tag == dw.DW_TAG_const_type:
        return kn.CONST
    if tag == dw.DW_TAG_typedef:
        return kn.TYPEDEF
    if tag == dw.DW_TAG_volatile_type:
        return kn.VOLATILE
    return kn.RESTRICT


@inline
def row_kind(die, mask, cls, tag):
    """Kind of the row that a type's DIE becomes; 0 for none, as for one that stands for another type."""
    if mask & sc.HAS_SIGNATURE:
        return 0
    if cls == sc.C_REF:
        return reference_kind(tag)
    if cls == sc.C_POINTER:
        return kn.PTR
    if cls == sc.C_STRUCT:
        return struct_kind(die, mask, tag)
    if cls == sc.C_ARRAY:
        return kn.ARRAY
    if cls == sc.C_SUBROUTINE:
        return kn.FUNC_PROTO
    if cls == sc.C_ENUM:
        size = die[sc.AT_BYTE_SIZE] if mask & sc.HAS_BYTE_SIZE else np.uint64(4)
        return kn.ENUM64 if size > 4 else kn.ENUM
    if cls == sc.C_INT:
        return base_type_kind(die, mask)
    return kn.FWD if cls == sc.C_UNSUPPORTED else 0


@inline
def parent_kind(kind):
    """PARENT_* of a row's DIE."""
    if kind == kn.STRUCT or kind == kn.UNION:
        return wt.PARENT_MEMBERS
    if kind == kn.PTR:
        return wt.PARENT_POINTER
    if kind == kn.TYPEDEF:
        return wt.PARENT_TYPEDEF
    if kind == kn.FUNC_PROTO:
        return wt.PARENT_PROTO
    if kind == kn.ENUM or kind == kn.ENUM64:
        return wt.PARENT_ENUM
    if kind == kn.ARRAY:
        return wt.PARENT_ARRAY
    return wt.PARENT_NONE


@inline
def needs_attributes(cls, flags):
    """Whether the first pass must read a DIE rather than step over it."""
    return (
        cls == sc.C_INT
        or cls == sc.C_ENUM
        or cls == sc.C_ANNOTATION
        or cls == sc.C_IMPORT
        or (cls == sc.C_STRUCT and flags & (sc.AF_DECLARATION | sc.AF_XREF) != 0)
        or flags & sc.AF_ANNOTATION != 0
    )


@inline
def within(index, component):
    """A member of a row, or a parameter of a function, as one number."""
    return (index << np.int64(24)) | np.int64(component & np.uint32(0xFFFFFF))


@inline
def add_row(out, off, kind):
    """List a type's DIE; a status."""
    n = out.used[wt.USED_ROWS]
    if n >= len(out.row_off):
        return sc.TOO_MUCH_WORK  # chains of annotations, which DIEs may share, have filled it
    out.row_off[n] = np.uint32(off)
    out.row_kind[n] = kind
    out.row_vlen[n] = 0
    out.used[wt.USED_ROWS] = n + 1
    return sc.OK


@inline
def may_be_tagged(kind):
    """Whether annotations on a DIE of PARENT_* `kind` are encoded."""
    return kind != wt.PARENT_NONE and kind != wt.PARENT_ENUM and kind != wt.PARENT_PROTO and kind < wt.PARENT_ARRAY


@inline
def add_tag(out, off, kind, index):
    """List an annotation at offset `off` that hangs on a DIE of PARENT_* `kind` and its `index`; a status."""
    n = out.used[wt.USED_TAGS]
    if n >= len(out.tag_off):
        return sc.TOO_MUCH_WORK
    component = np.int64(-1)
    if kind == wt.PARENT_MEMBER or kind == wt.PARENT_PARAMETER:
        component = index & np.int64(0xFFFFFF)
        index >>= np.int64(24)
    space = wt.T_TYPE
    if kind == wt.PARENT_PARAMETER or kind == wt.PARENT_FUNCTION:
        space = wt.T_FUNC
    elif kind == wt.PARENT_VARIABLE:
        space = wt.T_VAR
    out.tag_off[n] = np.uint32(off)
    out.tag_space[n] = space
    out.tag_target_id[n] = index
    out.tag_component_idx[n] = component
    out.used[wt.USED_TAGS] = n + 1
    return sc.OK


@inline
def add_annotation(s, out, off, mask, kind, index):
    """List the DW_TAG_LLVM_annotation in s.die, a child of a DIE of PARENT_* `kind`; a status."""
    if not may_be_tagged(kind) or not mask & sc.HAS_NAME:
        return sc.OK
    if kind == wt.PARENT_POINTER:
        if name_is(s, s.die[sc.AT_NAME], wt.TYPE_TAG):
            return add_row(out, off, kn.TYPE_TAG)
    elif name_is(s, s.die[sc.AT_NAME], wt.DECL_TAG):
        return add_tag(out, off, kind, index)
    return sc.OK


@inline
def gnu_annotations(s, target, literal, chain_off):
    """Walk gcc's chain of DW_TAG_GNU_annotation DIEs; how many of them are named `literal`, or -1 if it is malformed.

    `chain_off` (int64 (MAX_CHAIN,)) gets the relative offset of each.
    """
    n = np.int64(0)
    for _ in range(wt.MAX_CHAIN):
        mask, code, _, status = die_at(s, s.die, target, sc.RESOLVE)
        if code != 0 and s.abbrevs[sc.A_COLUMNS * code + sc.A_TAG] != dw.DW_TAG_GNU_annotation:
            return n
        if status != sc.OK:
            return np.int64(-1)
        if mask & sc.HAS_NAME and name_is(s, s.die[sc.AT_NAME], literal):
            chain_off[n] = np.int64(target) - s.unit[sc.U_START]
            n += 1
        if not mask & sc.HAS_ANNOTATION:
            return n
        target = s.die[sc.AT_ANNOTATION]
    return np.int64(-1)


@inline
def add_chain(s, out, around, pos, kind, index):
    """List the chain of annotations of the DIE in s.die, which is at `pos` in `info`; a status."""
    literal = wt.TYPE_TAG if kind == wt.PARENT_POINTER else wt.DECL_TAG
    n = gnu_annotations(s, s.die[sc.AT_ANNOTATION], literal, around.chain_off)
    if n < 0:
        return malformed(s.unit, pos, sc.BAD_REFERENCE)
    for i in range(n):
        off = around.chain_off[i]
        if kind == wt.PARENT_POINTER:
            status = add_row(out, off, wt.GNU_TYPE_TAG)
        else:
            status = add_tag(out, off, kind, index)
        if status != sc.OK:
            return malformed(s.unit, pos, status)
    return sc.OK


@inline
def add_dimension(out, around, depth, off):
    """Count the dimension whose DIE is at `off`, if it is an array's; a status.

    From the second on each adds an ARRAY. The array's own row, which its DIE means, moves behind it.
    """
    kind = around.kind[depth - 1]
    if kind == wt.PARENT_ARRAY:
        around.kind[depth - 1] = wt.PARENT_DIMENSIONS
    elif kind == wt.PARENT_DIMENSIONS:
        row = around.index[depth - 1]
        if out.used[wt.USED_ROWS] != row + 1:
            return sc.ARRAY_WITH_TYPES
        around.index[depth - 1] = row + 1
        status = add_row(out, np.int64(out.row_off[row]), kn.ARRAY)
        out.row_off[row] = np.uint32(off)
        out.row_kind[row] = wt.INNER_ARRAY
        return status
    return sc.OK


@inline
def count_member(out, kind, row, cls, annotated):
    """Count a DIE that is part of its parent's row; its own (PARENT_*, index), if annotations may hang on it."""
    here, index = wt.PARENT_NONE, np.int64(0)
    if cls == sc.C_MEMBER:
        if kind == wt.PARENT_MEMBERS:
            if annotated:
                here, index = wt.PARENT_MEMBER, within(row, out.row_vlen[row])
            out.row_vlen[row] += np.uint32(1)
    elif cls == sc.C_ENUMERATOR:
        if kind == wt.PARENT_ENUM:
            out.row_vlen[row] += np.uint32(1)
    elif kind == wt.PARENT_PROTO:
        out.row_vlen[row] += np.uint32(1)
    return here, index


@inline
def add_parameter(s, out, func):
    """Count a function's parameter: its (PARENT_*, index)."""
    index = within(func, out.func_nparams[func])
    out.func_nparams[func] += np.uint32(1)
    s.unit[sc.U_N_PARAMS] += 1
    return wt.PARENT_PARAMETER, index


@inline
def add_function(s, out, off, flags):
    """List a subprogram: its (PARENT_*, index)."""
    s.unit[sc.U_N_SUBPROGRAMS] += 1
    if flags & sc.AF_DECLARATION and not s.unit[sc.RUN_DECLARATIONS]:
        return wt.PARENT_NONE, np.int64(0)
    n = out.used[wt.USED_FUNCS]
    out.func_off[n] = np.uint32(off)
    out.func_nparams[n] = 0
    out.used[wt.USED_FUNCS] = n + 1
    return wt.PARENT_FUNCTION, n


@inline
def add_variable(out, off):
    """List a top-level variable: its (PARENT_*, index)."""
    n = out.used[wt.USED_VARS]
    out.var_off[n] = np.uint32(off)
    out.used[wt.USED_VARS] = n + 1
    return wt.PARENT_VARIABLE, n


@inline
def add_import(s, out, mask):
    """List the unit that the DW_TAG_imported_unit in s.die imports."""
    if mask & sc.HAS_IMPORT and s.die[sc.AT_IMPORT] < sc.MAX_OFF:
        n = out.used[wt.USED_IMPORTS]
        out.import_off[n] = np.int64(s.die[sc.AT_IMPORT])
        out.used[wt.USED_IMPORTS] = n + 1


@inline
def add_type(s, out, off, mask, cls, tag):
    """List a type: its (PARENT_*, row, status)."""
    kind = row_kind(s.die, mask, cls, tag)
    if kind == kn.FWD and (cls != sc.C_STRUCT or not mask & sc.HAS_NAME):
        s.unit[sc.U_N_UNSUPPORTED] += 1
    if kind == 0:
        return wt.PARENT_NONE, np.int64(0), sc.OK
    row = out.used[wt.USED_ROWS]
    return parent_kind(kind), row, add_row(out, off, kind)


@fused
def index_die(s, out, around, depth, at, code, pos, cls):
    """List the DIE at `at` in `info`, whose code is read: (its PARENT_*, its index, position behind it, status)."""
    unit = s.unit
    a = sc.A_COLUMNS * code
    flags = np.int64(s.abbrevs[a + sc.A_FLAGS])
    kind = np.int64(around.kind[depth - 1])
    index = around.index[depth - 1]
    here, here_index = wt.PARENT_NONE, np.int64(0)
    status = sc.OK
    mask = np.uint64(0)
    unit[sc.U_N_XREFS] += 2  # no DIE refers to more: its type, and its origin
    if needs_attributes(cls, flags):
        mask, pos, status = read_die(s, s.die, code, pos, sc.RESOLVE if cls == sc.C_ANNOTATION else sc.AS_IS)
        if status != sc.OK:
            return here, here_index, pos, status
    else:
        pos = skip_die(s.info, s.unit, s.abbrevs, s.specs, code, pos, unit[sc.U_STOP] - unit[sc.SEC_INFO_BASE])
        if pos < 0:
            return here, here_index, pos, malformed(s.unit, at, sc.PAST_END)
    off = at + unit[sc.SEC_INFO_BASE] - unit[sc.U_START]
    if (cls == sc.C_PARAMETER or cls == sc.C_ELLIPSIS) and kind == wt.PARENT_FUNCTION:
        here, here_index = add_parameter(s, out, index)
    elif cls >= sc.C_MEMBER and cls <= sc.C_ELLIPSIS:
        annotated = has_children(s.abbrevs, code) or flags & sc.AF_ANNOTATION != 0
        here, here_index = count_member(out, kind, index, cls, annotated)
    elif cls == sc.C_SUBPROGRAM:
        here, here_index = add_function(s, out, off, flags)
    elif cls == sc.C_VARIABLE:
        if depth == 1 and flags & sc.AF_LOCATION:
            here, here_index = add_variable(out, off)
    elif cls == sc.C_ANNOTATION:
        status = add_annotation(s, out, off, mask, kind, index)
    elif cls == sc.C_IMPORT:
        add_import(s, out, mask)
    else:
        here, here_index, status = add_type(s, out, off, mask, cls, np.int64(s.abbrevs[a + sc.A_TAG]))
    if status != sc.OK:
        return here, here_index, pos, malformed(s.unit, at, status)
    if mask & sc.HAS_ANNOTATION and may_be_tagged(here) and cls != sc.C_ANNOTATION:
        status = add_chain(s, out, around, at, here, here_index)
    return here, here_index, pos, status


@inline
def index_imports(s, out, pos):
    """List the units that a unit imports which is not read itself; its children begin at `pos`. A status."""
    while True:
        code, mask, pos, at, status = read_child(s, pos, sc.IMPORTS, sc.AS_IS)
        if status != sc.OK:
            return malformed(s.unit, at, status)
        if code == 0:
            return sc.OK
        add_import(s, out, mask)


@inline
def behind_nested(s, out, kind, row):
    """Move a row, whose DIE's children are all read, behind those of types that are declared in it; a status.

    A type has a smaller type_id than the one around it, as pahole numbers them.
    """
    if kind != wt.PARENT_MEMBERS and kind != wt.PARENT_PROTO:
        return sc.OK
    last = out.used[wt.USED_ROWS] - 1
    if last == row:
        return sc.OK
    s.unit[sc.RUN_WORK] -= last - row
    off, own, vlen = out.row_off[row], out.row_kind[row], out.row_vlen[row]
    for k in range(row, last):
        out.row_off[k] = out.row_off[k + 1]
        out.row_kind[k] = out.row_kind[k + 1]
        out.row_vlen[k] = out.row_vlen[k + 1]
    out.row_off[last], out.row_kind[last], out.row_vlen[last] = off, own, vlen
    tag = out.used[wt.USED_TAGS] - 1
    while tag >= 0 and (out.tag_space[tag] != wt.T_TYPE or out.tag_target_id[tag] >= row):
        s.unit[sc.RUN_WORK] -= 1
        if out.tag_space[tag] == wt.T_TYPE:
            out.tag_target_id[tag] = out.tag_target_id[tag] - 1 if out.tag_target_id[tag] > row else last
        tag -= 1
    return sc.OK if s.unit[sc.RUN_WORK] >= 0 else sc.TOO_MUCH_WORK


@part
def index_dies(s, out, around, pos):
    """List the DIEs below a unit's own, from `pos` in `info` on; a status."""
    unit = s.unit
    stop = unit[sc.U_STOP] - unit[sc.SEC_INFO_BASE]
    around.kind[0] = wt.PARENT_NONE
    depth = np.int64(1)
    while depth > 0:
        if pos > stop:
            return malformed(s.unit, pos, sc.PAST_END)
        at = pos
        code = np.int64(0)
        if pos < stop:  # the closing null entries are left out by some producers
            code, pos = read_code(s.info, s.abbrevs, at)
        if code == 0:
            depth -= 1
            status = behind_nested(s, out, np.int64(around.kind[depth]), around.index[depth])
            if status != sc.OK:
                return malformed(s.unit, at, status)
            continue
        if code < 0:
            return unknown_code(s.info, s.unit, at)
        cls = class_at(s.abbrevs, code)
        here, index = wt.PARENT_NONE, np.int64(0)
        if cls == sc.C_OTHER or cls == sc.C_VOID or cls == sc.C_SUBRANGE:
            pos = skip_die(s.info, s.unit, s.abbrevs, s.specs, code, pos, stop)
            if pos < 0:
                return malformed(s.unit, at, sc.PAST_END)
            if cls == sc.C_SUBRANGE and unit[sc.RUN_NESTED_ARRAYS]:
                status = add_dimension(out, around, depth, at + unit[sc.SEC_INFO_BASE] - unit[sc.U_START])
                if status != sc.OK:
                    return malformed(s.unit, at, status)
        else:
            here, index, pos, status = index_die(s, out, around, depth, at, code, pos, cls)
            if status != sc.OK:
                return status
        if has_children(s.abbrevs, code):
            if depth >= wt.MAX_DEPTH:
                return malformed(s.unit, at, sc.TOO_DEEP)
            around.kind[depth] = here
            around.index[depth] = index
            depth += 1
    return sc.OK


@inline
def count_words(s, out, first):
    """Count the words of the unit's rows, which begin with row `first`."""
    n_words = np.int64(0)
    for row in range(first, out.used[wt.USED_ROWS]):
        if out.row_vlen[row] > MAX_VLEN_BEFORE_2026:
            # no reader before 2026 takes more: an enum keeps its name and size, others become a FWD
            if out.row_kind[row] != kn.ENUM and out.row_kind[row] != kn.ENUM64:
                out.row_kind[row] = kn.FWD
            out.row_vlen[row] = 0
            s.unit[sc.U_N_UNSUPPORTED] += 1
        n_words += row_words(np.int64(out.row_kind[row]), out.row_vlen[row])
    s.unit[sc.U_N_WORDS] = n_words


@part
def index_unit(s, out, around, row):
    """List the DIEs of one unit and count them in its row of the unit matrix; a status."""
    unit = s.unit
    copy_columns(unit, row)
    code, pos, status = open_unit(s)
    if status != sc.OK:
        return status
    row[sc.U_NAME] = unit[sc.U_NAME]  # for the text of an error
    unit[sc.U_N_PARAMS] = 0
    unit[sc.U_N_XREFS] = 0
    unit[sc.U_N_SUBPROGRAMS] = 0
    unit[sc.U_N_UNSUPPORTED] = 0
    unit[sc.U_N_MEMBERS_LEFT_OUT] = 0
    unit[sc.U_N_SHORT] = 0
    first_row = out.used[wt.USED_ROWS]
    first_func = out.used[wt.USED_FUNCS]
    first_var = out.used[wt.USED_VARS]
    first_tag = out.used[wt.USED_TAGS]
    first_import = out.used[wt.USED_IMPORTS]
    if code != 0 and unit[sc.U_STATE] == sc.WALKED and has_children(s.abbrevs, code):
        status = index_dies(s, out, around, pos)
        if status != sc.OK:
            return status
    elif code != 0 and s.abbrevs[sc.A_FLAGS] & sc.AF_IMPORT and has_children(s.abbrevs, code):
        status = index_imports(s, out, pos)
        if status != sc.OK:
            return status
    count_words(s, out, first_row)
    unit[sc.U_N_ROWS] = out.used[wt.USED_ROWS] - first_row
    unit[sc.U_N_FUNCS] = out.used[wt.USED_FUNCS] - first_func
    unit[sc.U_N_VARS] = out.used[wt.USED_VARS] - first_var
    unit[sc.U_N_TAGS] = out.used[wt.USED_TAGS] - first_tag
    unit[sc.U_N_IMPORTS] = out.used[wt.USED_IMPORTS] - first_import
    if not s.abbrevs[sc.A_FLAGS] & sc.AF_XREF:
        unit[sc.U_N_XREFS] = 0
    copy_columns(row, unit)
    return sc.OK


@njit
def index_units(s, units, first, last, out, around, status):
    """List the type, function and variable DIEs of units [first, last); fills `out` and the units' counts.

    Parameters
    ----------
    s : State
    units : int64 (units, U_COLUMNS)
        Headers; counts are written.
    out : Index
    around : Ancestors
    status : int64 (4,)
        A status; if it is not OK, the section offset of what is malformed, what was found there, and the unit.
    """
    for i in range(len(out.used)):
        out.used[i] = 0
    for u in range(first, last):
        status[3] = u
        status[0] = index_unit(s, out, around, units[u])
        if status[0] != sc.OK:
            status[1] = s.unit[sc.RUN_MALFORMED_OFF]
            status[2] = s.unit[sc.RUN_DETAIL]
            return
    status[0] = sc.OK
