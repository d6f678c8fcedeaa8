"""Compiled walk over units: `index_units` finds every type, function and variable DIE, `fill_units` reads them.

Two passes, so that every table is allocated once and exactly. The first steps over all DIEs and looks at almost no
attribute; the second visits only the DIEs that the first has listed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.accelerate import inline, njit
from harness.dwarf import constants as dw
from harness.dwarf.die_kernels import (
    A_CHILDREN,
    A_CLASS,
    A_COLUMNS,
    A_FLAGS,
    A_SPECS,
    A_TAG,
    AS_IS,
    AUX,
    BAD_ABBREV_CODE,
    BAD_INDEX,
    BAD_RANGES,
    BAD_REFERENCE,
    BAD_UNIT_DIE,
    BLOCK_FLAG,
    C_ALIAS,
    C_ANNOTATION,
    C_ARRAY,
    C_ELLIPSIS,
    C_ENUM,
    C_ENUMERATOR,
    C_INT,
    C_MEMBER,
    C_PARAMETER,
    C_POINTER,
    C_REF,
    C_STRUCT,
    C_SUBPROGRAM,
    C_SUBRANGE,
    C_SUBROUTINE,
    C_UNSUPPORTED,
    C_VARIABLE,
    C_VOID,
    ENUM_RANGE,
    F_ANNOTATION,
    F_DECLARATION,
    F_LOCATION,
    F_SIBLING,
    F_XREF,
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
    G_STRS,
    G_WORK,
    G_XREF,
    G_XREF_STOP,
    M_ADDR_BASE,
    M_ANNOTATION,
    M_ARTIFICIAL,
    M_BIT_OFFSET,
    M_BIT_SIZE,
    M_BYTE_SIZE,
    M_CONST_VALUE,
    M_COUNT,
    M_DATA_BIT_OFFSET,
    M_DECLARATION,
    M_ENCODING,
    M_EXTERNAL,
    M_INLINE,
    M_LANGUAGE,
    M_LOCATION,
    M_LOW_PC,
    M_MEMBER_LOCATION,
    M_NAME,
    M_ORIGIN,
    M_PROTOTYPED,
    M_RANGES,
    M_RNGLISTS_BASE,
    M_SIGNATURE,
    M_SPECIFICATION,
    M_STR_OFFSETS_BASE,
    M_TYPE,
    M_UPPER_BOUND,
    MAX_CODE,
    OK,
    OTHER_LANGUAGE,
    PAST_END,
    POOL_FLAG,
    REFERENCE_LOOP,
    RESOLVE,
    ROW_MISMATCH,
    S_ADDR_BASE,
    S_ANNOTATION,
    S_BIT_OFFSET,
    S_BIT_SIZE,
    S_BYTE_SIZE,
    S_CONST_VALUE,
    S_COUNT,
    S_DATA_BIT_OFFSET,
    S_DECLARATION,
    S_ENCODING,
    S_EXTERNAL,
    S_INLINE,
    S_LANGUAGE,
    S_LOCATION,
    S_LOW_PC,
    S_MEMBER_LOCATION,
    S_NAME,
    S_ORIGIN,
    S_PROTOTYPED,
    S_RANGES,
    S_RNGLISTS_BASE,
    S_SIBLING,
    S_SIGNATURE,
    S_SPECIFICATION,
    S_STR_OFFSETS_BASE,
    S_TYPE,
    S_UPPER_BOUND,
    SKELETON,
    TOO_DEEP,
    TOO_MUCH_WORK,
    U_ADDR_BASE,
    U_ADDRESS_SIZE,
    U_COLUMNS,
    U_DIES,
    U_FUNCS,
    U_LANGUAGE,
    U_LOW_PC,
    U_NAME,
    U_OFFSET_SIZE,
    U_PARAMS,
    U_RNG_BASE,
    U_ROWS,
    U_START,
    U_STATE,
    U_STOP,
    U_STR_BASE,
    U_SUBPROGRAMS,
    U_TAGS,
    U_UNSUPPORTED,
    U_VARS,
    U_VERSION,
    U_WORDS,
    U_XREFS,
    WALKED,
    WORK_PER_BYTE,
    WORK_PER_UNIT,
    X_COLUMNS,
    X_FORM,
    X_SLOT,
    indexed_address,
    is_string_index,
    parse_abbrevs,
    read_die,
    read_sized,
    read_u32,
    skip_die,
    uleb,
)

TYPE_TAG = np.frombuffer(b"btf_type_tag", np.uint8)
DECL_TAG = np.frombuffer(b"btf_decl_tag", np.uint8)

MAX_DEPTH = 4096
"""Deepest nesting of DIEs; compilers stay below 100."""

MAX_CHAIN = 256
"""Most annotations in one chain of DW_TAG_GNU_annotation."""

MAX_VLEN = 65535
"""Most members that every reader of BTF can take (vlen was 16 bits until 2026)."""

# Kinds of rows; the numbers of model.Kind, which kernels cannot take
K_INT = 1
K_PTR = 2
K_ARRAY = 3
K_STRUCT = 4
K_UNION = 5
K_ENUM = 6
K_FWD = 7
K_TYPEDEF = 8
K_VOLATILE = 9
K_CONST = 10
K_RESTRICT = 11
K_FUNC_PROTO = 13
K_FLOAT = 16
K_TYPE_TAG = 18
K_ENUM64 = 19
K_GNU_TYPE_TAG = 118  # a TYPE_TAG whose DIE several pointers may share, so that it names no row

# What a DIE's parent is
P_NONE = 0
P_MEMBERS = 1  # a struct or union row
P_ENUM = 2
P_PROTO = 3
P_FUNCTION = 4
P_POINTER = 5
P_MEMBER = 6
P_PARAMETER = 7
P_TYPEDEF = 8
P_VARIABLE = 9

# Flags of a function instance
FN_EXTERNAL = 1
FN_LOW_PC = 2
FN_RANGES = 4
FN_INLINE = 8
FN_REORDERED = 16
FN_ORIGIN = 32
FN_UNNAMED_PARAM = 64
FN_PROTOTYPED = 128
FN_NO_NAME = 256

# Flags of a parameter
PF_LOCATION = 1
PF_CONST_VALUE = 2
PF_ELLIPSIS = 4

# Flags of a variable
VF_EXTERNAL = 1
VF_ARTIFICIAL = 2
VF_ADDRESS = 4

# Spaces a cross-unit reference may be written into
X_WORDS = np.uint8(0)
X_FUNC = np.uint8(1)
X_PARAM = np.uint8(2)
X_VAR = np.uint8(3)

# What a btf_decl_tag hangs on
T_TYPE = 0
T_FUNC = 1
T_VAR = 2


class Index(NamedTuple):
    """What index_units finds in a batch; offsets are relative to the unit's header."""

    row_off: np.ndarray  # uint32 (rows,)
    row_kind: np.ndarray  # uint8
    row_vlen: np.ndarray  # uint32
    func_off: np.ndarray  # uint32 (funcs,)
    func_nparams: np.ndarray  # uint32
    var_off: np.ndarray  # uint32 (vars,)
    tag_off: np.ndarray  # uint32 (tags,): the annotation's DIE
    tag_space: np.ndarray  # uint8, T_*
    tag_target: np.ndarray  # int64: row, function or variable of the batch
    tag_component: np.ndarray  # int32: member or parameter, -1 for the whole
    used: np.ndarray  # int64 (4,): rows, funcs, vars, tags filled


class Fill(NamedTuple):
    """Where fill_units writes: whole tables, of which each unit owns a slice."""

    words: np.ndarray  # uint32
    start: np.ndarray  # int64 (types + 2,)
    func_off: np.ndarray  # int64: section offset of the DIE
    func_unit: np.ndarray  # int32
    func_name: np.ndarray  # uint32
    func_entry: np.ndarray  # uint64
    func_flags: np.ndarray  # uint16, FN_*
    func_type: np.ndarray  # uint32: return type
    func_param: np.ndarray  # int64 (funcs + 1,): first parameter
    param_name: np.ndarray  # uint32
    param_type: np.ndarray  # uint32
    param_flags: np.ndarray  # uint8, PF_*
    var_name: np.ndarray  # uint32
    var_type: np.ndarray  # uint32
    var_addr: np.ndarray  # uint64
    var_flags: np.ndarray  # uint8, VF_*
    var_unit: np.ndarray  # int32
    tag_name: np.ndarray  # uint32


@inline
def name_is(side, geo, text, name, literal):
    """Whether a name equals a bytes literal given as a uint8 array."""
    if name == 0:
        return False
    if name & np.uint64(POOL_FLAG):
        at = np.int64(name & np.uint64(0x7FFFFFFF))
        for i in range(len(literal)):
            if text[at + i] != literal[i]:
                return False
        return text[at + len(literal)] == 0
    at = geo[G_STRS] + np.int64(name) - 1
    for i in range(len(literal)):
        if side[at + i] != literal[i]:
            return False
    return side[at + len(literal)] == 0


@inline
def copy_columns(to, row):
    """Copy the columns of a unit's row (slice assignment would allocate)."""
    for i in range(U_COLUMNS):
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
def open_unit(info, side, geo, codes, specs, die, text, slots, seen):
    """Read a unit's abbreviations and its own DIE; (code, position of its children, status)."""
    geo[G_WORK] = WORK_PER_BYTE * (geo[U_STOP] - geo[U_START]) + WORK_PER_UNIT
    status = parse_abbrevs(side, geo, codes, specs)
    if status != OK:
        return np.int64(0), np.int64(0), status
    at = geo[U_DIES] - geo[G_INFO_BASE]
    geo[G_FAULT] = geo[U_DIES]
    if geo[U_DIES] >= geo[U_STOP]:
        return np.int64(0), at, OK  # an empty unit: padding
    code, pos = uleb(info, at)
    if code == 0:
        return np.int64(0), pos, OK
    if code >= MAX_CODE or codes[A_COLUMNS * np.int64(code)] != codes[0]:
        geo[G_DETAIL] = np.int64(code & np.uint64(0x7FFFFFFF))
        return np.int64(0), pos, BAD_ABBREV_CODE
    c = np.int64(code)
    tag = np.int64(codes[A_COLUMNS * c + A_TAG])
    if (
        tag != dw.DW_TAG_compile_unit
        and tag != dw.DW_TAG_partial_unit
        and tag != dw.DW_TAG_type_unit
        and tag != dw.DW_TAG_skeleton_unit
    ):
        geo[G_DETAIL] = tag
        return np.int64(0), pos, BAD_UNIT_DIE
    # its bases come with its own attributes, in any order: read them first, then what depends on them
    mask, _, status = read_die(info, side, geo, codes, specs, c, pos, die, text, slots, seen, AS_IS)
    if status != OK:
        return np.int64(0), pos, status
    wide = geo[U_OFFSET_SIZE] == 8
    geo[U_STR_BASE] = 0 if geo[U_VERSION] < 5 else (16 if wide else 8)
    geo[U_ADDR_BASE] = 0 if geo[U_VERSION] < 5 else (16 if wide else 8)
    geo[U_RNG_BASE] = 20 if wide else 12
    limit = np.uint64(1 << 62)
    if mask & M_STR_OFFSETS_BASE and die[S_STR_OFFSETS_BASE] < limit:
        geo[U_STR_BASE] = np.int64(die[S_STR_OFFSETS_BASE])
    if mask & M_ADDR_BASE and die[S_ADDR_BASE] < limit:
        geo[U_ADDR_BASE] = np.int64(die[S_ADDR_BASE])
    if mask & M_RNGLISTS_BASE and die[S_RNGLISTS_BASE] < limit:
        geo[U_RNG_BASE] = np.int64(die[S_RNGLISTS_BASE])
    geo[U_LANGUAGE] = np.int64(die[S_LANGUAGE] & np.uint64(0xFFFFFF)) if mask & M_LANGUAGE else 0
    mask, pos, status = read_die(info, side, geo, codes, specs, c, pos, die, text, slots, seen, RESOLVE)
    if status != OK:
        return np.int64(0), pos, status
    geo[U_NAME] = np.int64(die[S_NAME]) if mask & M_NAME else 0
    geo[U_LOW_PC] = np.int64(die[S_LOW_PC]) if mask & M_LOW_PC else 0
    geo[U_STATE] = WALKED
    if tag == dw.DW_TAG_skeleton_unit:
        geo[U_STATE] = SKELETON
    elif not language_walked(geo[U_LANGUAGE]):
        geo[U_STATE] = OTHER_LANGUAGE
    return c, pos, OK


@inline
def row_words(kind, vlen):
    """Words of a row."""
    if kind == K_STRUCT or kind == K_UNION or kind == K_ENUM64:
        return np.int64(3) + np.int64(3) * np.int64(vlen)
    if kind == K_ENUM or kind == K_FUNC_PROTO:
        return np.int64(3) + np.int64(2) * np.int64(vlen)
    if kind == K_ARRAY:
        return np.int64(6)
    if kind == K_INT:
        return np.int64(4)
    return np.int64(3)


@inline
def base_type_kind(die, mask):
    """K_INT, K_FLOAT, or 0 for a base type that BTF does not have."""
    encoding = die[S_ENCODING] if mask & M_ENCODING else np.uint64(0)
    size = die[S_BYTE_SIZE] if mask & M_BYTE_SIZE else np.uint64(0)
    if encoding == dw.DW_ATE_complex_float or encoding == dw.DW_ATE_imaginary_float:
        return 0
    if encoding == dw.DW_ATE_float:
        if size == 2 or size == 4 or size == 8 or size == 12 or size == 16:
            return K_FLOAT
        return 0
    return K_INT


@inline
def gnu_annotations(info, side, geo, codes, specs, die, text, slots, seen, target, literal, found):
    """Walk gcc's chain of DW_TAG_GNU_annotation DIEs; how many of them are named `literal`, or -1 for a fault.

    `found` (int64 (MAX_CHAIN,)) gets the relative offset of each.
    """
    n = np.int64(0)
    for _ in range(MAX_CHAIN):
        rel = np.int64(target) - geo[U_START]
        if target >= np.uint64(1 << 62) or np.int64(target) < geo[U_DIES] or np.int64(target) >= geo[U_STOP]:
            return np.int64(-1)
        code, pos = uleb(info, np.int64(target) - geo[G_INFO_BASE])
        if code >= MAX_CODE or codes[A_COLUMNS * np.int64(code)] != codes[0] or code == 0:
            return np.int64(-1)
        c = np.int64(code)
        if codes[A_COLUMNS * c + A_TAG] != dw.DW_TAG_GNU_annotation:
            return n
        mask, pos, status = read_die(info, side, geo, codes, specs, c, pos, die, text, slots, seen, RESOLVE)
        if status != OK:
            return np.int64(-1)
        if mask & M_NAME and name_is(side, geo, text, die[S_NAME], literal):
            found[n] = rel
            n += 1
        if not mask & M_ANNOTATION:
            return n
        target = die[S_ANNOTATION]
    return np.int64(-1)


@njit
def index_units(
    info,
    side,
    geo,
    codes,
    specs,
    units,
    first,
    last,
    die,
    text,
    slots,
    seen,
    out,
    stack_kind,
    stack_index,
    found,
    status,
):
    """List the type, function and variable DIEs of units [first, last); fills `out` and the units' counts.

    Parameters
    ----------
    units : int64 (units, U_COLUMNS)
        Headers; counts are written.
    stack_kind, stack_index : uint8, int64 (MAX_DEPTH + 1,)
        Scratch.
    status : int64 (4,)
        On a fault: status, section offset, detail, unit.
    """
    n_rows = np.int64(0)
    n_funcs = np.int64(0)
    n_vars = np.int64(0)
    n_tags = np.int64(0)
    for u in range(first, last):
        unit = units[u]
        copy_columns(geo, unit)
        status[3] = u
        code0, pos, st = open_unit(info, side, geo, codes, specs, die, text, slots, seen)
        if st != OK:
            status[0] = st
            status[1] = geo[G_FAULT]
            status[2] = geo[G_DETAIL]
            return
        unit[U_NAME] = geo[U_NAME]  # for the text of a fault
        row0 = n_rows
        func0 = n_funcs
        var0 = n_vars
        tag0 = n_tags
        n_params = np.int64(0)
        n_xrefs = np.int64(0)
        n_subprograms = np.int64(0)
        n_unsupported = np.int64(0)
        start = geo[U_START] - geo[G_INFO_BASE]
        stop = geo[U_STOP] - geo[G_INFO_BASE]
        depth = np.int64(0)
        if code0 != 0 and geo[U_STATE] == WALKED and codes[A_COLUMNS * code0 + A_CHILDREN]:
            depth = np.int64(1)
        stack_kind[0] = P_NONE
        while depth > 0:
            if pos >= stop:
                if pos == stop:
                    break  # the closing null entries are left out by some producers
                status[0] = PAST_END
                status[1] = geo[G_INFO_BASE] + pos
                return
            at = pos
            code, pos = uleb(info, pos)
            if code == 0:
                depth -= 1
                continue
            if code >= MAX_CODE or codes[A_COLUMNS * np.int64(code)] != codes[0]:
                status[0] = BAD_ABBREV_CODE
                status[1] = geo[G_INFO_BASE] + at
                status[2] = np.int64(code & np.uint64(0x7FFFFFFF))
                return
            c = np.int64(code)
            cls = np.int64(codes[A_COLUMNS * c + A_CLASS])
            kind_here = P_NONE
            index_here = np.int64(0)
            if cls == 0 or cls == C_VOID or cls == C_SUBRANGE:
                pos = skip_die(info, geo, codes, specs, c, pos, stop)
            else:
                flags = np.int64(codes[A_COLUMNS * c + A_FLAGS])
                n_xrefs += 1
                parent = np.int64(stack_kind[depth - 1])
                row_kind = 0
                if (
                    cls == C_INT
                    or cls == C_ENUM
                    or cls == C_ANNOTATION
                    or (cls == C_STRUCT and flags & (F_DECLARATION | F_XREF))
                    or flags & F_ANNOTATION
                ):
                    mask, pos, st = read_die(
                        info,
                        side,
                        geo,
                        codes,
                        specs,
                        c,
                        pos,
                        die,
                        text,
                        slots,
                        seen,
                        RESOLVE if cls == C_ANNOTATION else AS_IS,
                    )
                    if st != OK:
                        status[0] = st
                        status[1] = geo[G_FAULT]
                        status[2] = geo[G_DETAIL]
                        return
                else:
                    mask = np.uint64(0)
                    pos = skip_die(info, geo, codes, specs, c, pos, stop)
                if cls == C_MEMBER:
                    if parent == P_MEMBERS:
                        row = stack_index[depth - 1]
                        if codes[A_COLUMNS * c + A_CHILDREN] or flags & F_ANNOTATION:
                            kind_here = P_MEMBER
                            index_here = (row << np.int64(24)) | np.int64(out.row_vlen[row] & np.uint32(0xFFFFFF))
                        out.row_vlen[row] += np.uint32(1)
                elif cls == C_ENUMERATOR:
                    if parent == P_ENUM:
                        out.row_vlen[stack_index[depth - 1]] += np.uint32(1)
                elif cls == C_PARAMETER or cls == C_ELLIPSIS:
                    if parent == P_PROTO:
                        out.row_vlen[stack_index[depth - 1]] += np.uint32(1)
                    elif parent == P_FUNCTION:
                        func = stack_index[depth - 1]
                        kind_here = P_PARAMETER
                        index_here = (func << np.int64(24)) | np.int64(out.func_nparams[func] & np.uint32(0xFFFFFF))
                        out.func_nparams[func] += np.uint32(1)
                        n_params += 1
                elif cls == C_SUBPROGRAM:
                    n_subprograms += 1
                    if not flags & F_DECLARATION:
                        kind_here = P_FUNCTION
                        index_here = n_funcs
                        out.func_off[n_funcs] = np.uint32(at - start)
                        out.func_nparams[n_funcs] = 0
                        n_funcs += 1
                elif cls == C_VARIABLE:
                    if depth == 1 and flags & F_LOCATION:
                        kind_here = P_VARIABLE
                        index_here = n_vars
                        out.var_off[n_vars] = np.uint32(at - start)
                        n_vars += 1
                elif cls == C_INT:
                    row_kind = base_type_kind(die, mask)
                    if row_kind == 0:
                        n_unsupported += 1
                elif cls == C_REF:
                    tag = np.int64(codes[A_COLUMNS * c + A_TAG])
                    if tag == dw.DW_TAG_const_type:
                        row_kind = K_CONST
                    elif tag == dw.DW_TAG_typedef:
                        row_kind = K_TYPEDEF
                        kind_here = P_TYPEDEF
                    elif tag == dw.DW_TAG_volatile_type:
                        row_kind = K_VOLATILE
                    else:
                        row_kind = K_RESTRICT
                elif cls == C_POINTER:
                    row_kind = K_PTR
                    kind_here = P_POINTER
                elif cls == C_ARRAY:
                    row_kind = K_ARRAY
                elif cls == C_STRUCT:
                    row_kind = K_UNION if codes[A_COLUMNS * c + A_TAG] == dw.DW_TAG_union_type else K_STRUCT
                    kind_here = P_MEMBERS
                    if flags & F_DECLARATION and mask & M_DECLARATION and die[S_DECLARATION] != 0:
                        row_kind = K_FWD
                        kind_here = P_NONE
                        if mask & M_SIGNATURE:
                            row_kind = 0  # stands for the type in its type unit
                elif cls == C_ENUM:
                    size = die[S_BYTE_SIZE] if mask & M_BYTE_SIZE else np.uint64(4)
                    row_kind = K_ENUM64 if size > 4 else K_ENUM
                    kind_here = P_ENUM
                elif cls == C_SUBROUTINE:
                    row_kind = K_FUNC_PROTO
                    kind_here = P_PROTO
                elif cls == C_UNSUPPORTED or cls == C_ALIAS:
                    n_unsupported += 1
                elif cls == C_ANNOTATION:
                    if parent == P_POINTER:
                        if mask & M_NAME and name_is(side, geo, text, die[S_NAME], TYPE_TAG):
                            row_kind = K_TYPE_TAG
                    elif parent != P_NONE and mask & M_NAME and name_is(side, geo, text, die[S_NAME], DECL_TAG):
                        target = stack_index[depth - 1]
                        component = np.int64(-1)
                        space = T_TYPE
                        if parent == P_MEMBER or parent == P_PARAMETER:
                            component = target & np.int64(0xFFFFFF)
                            target >>= np.int64(24)
                        if parent == P_PARAMETER or parent == P_FUNCTION:
                            space = T_FUNC
                        elif parent == P_VARIABLE:
                            space = T_VAR
                        if parent != P_ENUM and parent != P_PROTO:
                            if n_tags >= len(out.tag_off):  # chains may have filled it
                                status[0] = TOO_MUCH_WORK
                                status[1] = geo[G_INFO_BASE] + at
                                return
                            out.tag_off[n_tags] = np.uint32(at - start)
                            out.tag_space[n_tags] = space
                            out.tag_target[n_tags] = target
                            out.tag_component[n_tags] = component
                            n_tags += 1
                if row_kind != 0:
                    if n_rows >= len(out.row_off):  # chains may have filled it
                        status[0] = TOO_MUCH_WORK
                        status[1] = geo[G_INFO_BASE] + at
                        return
                    out.row_off[n_rows] = np.uint32(at - start)
                    out.row_kind[n_rows] = row_kind
                    out.row_vlen[n_rows] = 0
                    if kind_here != P_NONE:
                        index_here = n_rows
                    n_rows += 1
                if flags & F_ANNOTATION and mask & M_ANNOTATION and cls != C_ANNOTATION:
                    chain = die[S_ANNOTATION]
                    if cls == C_POINTER:
                        k = gnu_annotations(
                            info, side, geo, codes, specs, die, text, slots, seen, chain, TYPE_TAG, found
                        )
                        if k < 0:
                            status[0] = BAD_REFERENCE
                            status[1] = geo[G_INFO_BASE] + at
                            return
                        for i in range(k):
                            if n_rows >= len(out.row_off):
                                status[0] = TOO_MUCH_WORK
                                status[1] = geo[G_INFO_BASE] + at
                                return
                            out.row_off[n_rows] = np.uint32(found[i])
                            out.row_kind[n_rows] = K_GNU_TYPE_TAG
                            out.row_vlen[n_rows] = 0
                            n_rows += 1
                    elif kind_here != P_NONE and kind_here != P_ENUM and kind_here != P_PROTO:
                        k = gnu_annotations(
                            info, side, geo, codes, specs, die, text, slots, seen, chain, DECL_TAG, found
                        )
                        if k < 0:
                            status[0] = BAD_REFERENCE
                            status[1] = geo[G_INFO_BASE] + at
                            return
                        for i in range(k):
                            target = index_here
                            component = np.int64(-1)
                            space = T_TYPE
                            if kind_here == P_MEMBER or kind_here == P_PARAMETER:
                                component = target & np.int64(0xFFFFFF)
                                target >>= np.int64(24)
                            if kind_here == P_PARAMETER or kind_here == P_FUNCTION:
                                space = T_FUNC
                            elif kind_here == P_VARIABLE:
                                space = T_VAR
                            if n_tags >= len(out.tag_off):
                                status[0] = TOO_MUCH_WORK
                                status[1] = geo[G_INFO_BASE] + at
                                return
                            out.tag_off[n_tags] = np.uint32(found[i])
                            out.tag_space[n_tags] = space
                            out.tag_target[n_tags] = target
                            out.tag_component[n_tags] = component
                            n_tags += 1
            if pos < 0:
                status[0] = PAST_END
                status[1] = geo[G_INFO_BASE] + at
                return
            if codes[A_COLUMNS * c + A_CHILDREN]:
                if depth >= MAX_DEPTH:
                    status[0] = TOO_DEEP
                    status[1] = geo[G_INFO_BASE] + at
                    return
                stack_kind[depth] = kind_here
                stack_index[depth] = index_here
                depth += 1
        n_words = np.int64(0)
        for r in range(row0, n_rows):
            if out.row_vlen[r] > MAX_VLEN:
                # no reader before 2026 takes more: an enum keeps its name and size, a struct becomes a FWD
                if out.row_kind[r] == K_STRUCT or out.row_kind[r] == K_UNION:
                    out.row_kind[r] = K_FWD
                out.row_vlen[r] = 0
                n_unsupported += 1
            n_words += row_words(np.int64(out.row_kind[r]), out.row_vlen[r])
        geo[U_ROWS] = n_rows - row0
        geo[U_WORDS] = n_words
        geo[U_FUNCS] = n_funcs - func0
        geo[U_PARAMS] = n_params
        geo[U_VARS] = n_vars - var0
        geo[U_TAGS] = n_tags - tag0
        geo[U_XREFS] = n_xrefs if codes[A_FLAGS] & F_XREF else 0
        geo[U_SUBPROGRAMS] = n_subprograms
        geo[U_UNSUPPORTED] = n_unsupported
        copy_columns(unit, geo)
    out.used[0] = n_rows
    out.used[1] = n_funcs
    out.used[2] = n_vars
    out.used[3] = n_tags
    status[0] = OK


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


@inline
def fill_rows(
    info,
    side,
    geo,
    codes,
    specs,
    die,
    die2,
    text,
    slots,
    seen,
    slot,
    row_off,
    xrefs,
    row_kind,
    row_vlen,
    words,
    start,
    word_first,
    fake_int,
    int_id,
):
    """Write the type rows of one unit into `words` and `start`; a status."""
    w = word_first
    base = geo[G_FIRST_ID]
    for r in range(geo[G_N_ROWS]):
        start[base + r] = w
        w += row_words(np.int64(row_kind[r]), row_vlen[r])
    n = geo[G_N_ROWS]
    r = np.int64(0)
    while r < n:
        kind = np.int64(row_kind[r])
        vlen = np.int64(row_vlen[r])
        type_id = base + r
        w = start[type_id]
        at = np.int64(row_off[r]) + geo[U_START] - geo[G_INFO_BASE]
        geo[G_FAULT] = at + geo[G_INFO_BASE]
        code, pos = uleb(info, at)
        if code >= MAX_CODE or codes[A_COLUMNS * np.int64(code)] != codes[0]:
            return BAD_ABBREV_CODE  # the file changed since the first pass
        c = np.int64(code)
        mask, pos, st = read_die(info, side, geo, codes, specs, c, pos, die, text, slots, seen, RESOLVE)
        if st != OK:
            return st
        name = np.uint32(die[S_NAME]) if mask & M_NAME else np.uint32(0)
        words[w] = name
        words[w + 1] = np.uint32(kind << 24)
        if kind == K_INT:
            size = die[S_BYTE_SIZE] if mask & M_BYTE_SIZE else np.uint64(0)
            encoding = die[S_ENCODING] if mask & M_ENCODING else np.uint64(0)
            bits = np.uint32(0)
            if encoding == dw.DW_ATE_signed or encoding == dw.DW_ATE_signed_char:
                bits = np.uint32(1 << 24)
            elif encoding == dw.DW_ATE_boolean:
                bits = np.uint32(4 << 24)
            if size == 0 or size > 16 or (size & (size - np.uint64(1))) != 0:
                # sizes that only expressions use (DW_ATE_unsigned_24): pahole writes this stand-in, so do we
                words[w] = fake_int
                size = np.uint64(4)
            words[w + 2] = np.uint32(size)
            words[w + 3] = bits | np.uint32(size * np.uint64(8))
        elif kind == K_FLOAT:
            words[w + 2] = np.uint32(die[S_BYTE_SIZE])
        elif kind == K_CONST or kind == K_VOLATILE or kind == K_RESTRICT or kind == K_TYPEDEF:
            if kind != K_TYPEDEF:
                words[w] = 0
            ref, found = near_reference(geo, die, slot, row_off, mask)
            if not found:
                ref, st = far_reference(
                    info, side, geo, codes, specs, die, die2, text, slots, seen, slot, row_off, xrefs, X_WORDS, w + 2
                )
            if st != OK:
                return st
            words[w + 2] = ref
        elif kind == K_PTR:
            words[w] = 0
            n_tags = np.int64(0)
            while r + n_tags + 1 < n and row_kind[r + n_tags + 1] == K_GNU_TYPE_TAG:
                n_tags += 1
            gnu = n_tags > 0
            if not gnu:
                while r + n_tags + 1 < n and row_kind[r + n_tags + 1] == K_TYPE_TAG:
                    n_tags += 1
            # the row that ends the chain of type tags refers to the pointee: gcc's chain runs from the pointer to
            # the pointee, clang's children stand in source order and are chained backwards
            inner = w + 2
            if gnu:
                inner = start[type_id + n_tags] + 2
            elif n_tags > 0:
                inner = start[type_id + 1] + 2
            ref, found = near_reference(geo, die, slot, row_off, mask)
            if not found:
                ref, st = far_reference(
                    info, side, geo, codes, specs, die, die2, text, slots, seen, slot, row_off, xrefs, X_WORDS, inner
                )
            if st != OK:
                return st
            for k in range(1, n_tags + 1):
                tw = start[type_id + k]
                tat = np.int64(row_off[r + k]) + geo[U_START] - geo[G_INFO_BASE]
                code, pos = uleb(info, tat)
                if code >= MAX_CODE or codes[A_COLUMNS * np.int64(code)] != codes[0]:
                    return BAD_ABBREV_CODE
                m2, pos, st = read_die(
                    info, side, geo, codes, specs, np.int64(code), pos, die2, text, slots, seen, RESOLVE
                )
                if st != OK:
                    return st
                value = text_value(die2, m2)
                words[tw] = value
                words[tw + 1] = np.uint32(K_TYPE_TAG << 24)
                if gnu:
                    words[tw + 2] = np.uint32(type_id + k + 1)
                elif k > 1:
                    words[tw + 2] = np.uint32(type_id + k - 1)
            if n_tags == 0:
                words[w + 2] = ref
            elif gnu:
                words[w + 2] = np.uint32(type_id + 1)
                words[inner] = ref
            else:
                words[w + 2] = np.uint32(type_id + n_tags)
                words[inner] = ref
            r += n_tags
        elif kind == K_TYPE_TAG or kind == K_GNU_TYPE_TAG:
            return ROW_MISMATCH  # always consumed with its pointer
        elif kind == K_FWD:
            words[w + 2] = 0
            if codes[A_COLUMNS * c + A_TAG] == dw.DW_TAG_union_type:
                words[w + 1] |= np.uint32(1 << 31)
        elif kind == K_ARRAY:
            words[w] = 0
            ref, found = near_reference(geo, die, slot, row_off, mask)
            if not found:
                ref, st = far_reference(
                    info, side, geo, codes, specs, die, die2, text, slots, seen, slot, row_off, xrefs, X_WORDS, w + 3
                )
            if st != OK:
                return st
            nelems = np.uint64(1)
            if codes[A_COLUMNS * c + A_CHILDREN]:
                while True:
                    child, behind = next_child(info, geo, codes, pos)
                    if child < 0:
                        return BAD_ABBREV_CODE
                    pos = behind
                    if child == 0:
                        break
                    if codes[A_COLUMNS * child + A_CLASS] == C_SUBRANGE:
                        m2, after, st = read_die(
                            info, side, geo, codes, specs, child, pos, die, text, slots, seen, AS_IS
                        )
                        if st != OK:
                            return st
                        count = np.uint64(0)
                        if m2 & M_UPPER_BOUND:
                            if constant_form(die[AUX + S_UPPER_BOUND]):
                                count = die[S_UPPER_BOUND] + np.uint64(1)
                        elif m2 & M_COUNT and constant_form(die[AUX + S_COUNT]):
                            count = die[S_COUNT]
                        nelems = (nelems * (count & np.uint64(0xFFFFFFFF))) & np.uint64(0xFFFFFFFF)
                        pos = after
                        if codes[A_COLUMNS * child + A_CHILDREN]:
                            pos = skip_children(info, geo, codes, specs, pos)
                    else:
                        pos = step_over(info, geo, codes, specs, child, pos)
                    if pos < 0:
                        return PAST_END
            words[w + 2] = 0
            words[w + 3] = ref
            words[w + 4] = int_id
            words[w + 5] = np.uint32(nelems)
        elif kind == K_STRUCT or kind == K_UNION:
            size = die[S_BYTE_SIZE] if mask & M_BYTE_SIZE else np.uint64(0)
            words[w + 2] = np.uint32(size & np.uint64(0xFFFFFFFF))
            m = np.int64(0)
            kflag = False
            if codes[A_COLUMNS * c + A_CHILDREN] and vlen > 0:
                while m < vlen:
                    child, behind = next_child(info, geo, codes, pos)
                    if child < 0:
                        return BAD_ABBREV_CODE
                    pos = behind
                    if child == 0:
                        break
                    if codes[A_COLUMNS * child + A_CLASS] == C_MEMBER:
                        geo[G_FAULT] = geo[G_INFO_BASE] + pos
                        m2, after, st = read_die(
                            info, side, geo, codes, specs, child, pos, die, text, slots, seen, RESOLVE
                        )
                        if st != OK:
                            return st
                        mw = w + 3 + 3 * m
                        words[mw] = np.uint32(die[S_NAME]) if m2 & M_NAME else np.uint32(0)
                        bit_offset, bit_size = member_bits(
                            info, side, geo, codes, specs, die, die2, text, slots, seen, m2
                        )
                        ref, found = near_reference(geo, die, slot, row_off, m2)
                        if not found:
                            ref, st = far_reference(
                                info,
                                side,
                                geo,
                                codes,
                                specs,
                                die,
                                die2,
                                text,
                                slots,
                                seen,
                                slot,
                                row_off,
                                xrefs,
                                X_WORDS,
                                mw + 1,
                            )
                        if st != OK:
                            return st
                        words[mw + 1] = ref
                        words[mw + 2] = np.uint32((bit_offset | (bit_size << np.uint64(24))) & np.uint64(0xFFFFFFFF))
                        if bit_size != 0 or bit_offset & np.uint64(7) != 0:
                            kflag = True
                        m += 1
                        pos = after
                        if codes[A_COLUMNS * child + A_CHILDREN]:
                            pos = skip_children(info, geo, codes, specs, pos)
                    else:
                        pos = step_over(info, geo, codes, specs, child, pos)
                    if pos < 0:
                        return PAST_END
            if m != vlen:
                return ROW_MISMATCH
            words[w + 1] |= np.uint32(vlen)
            if kflag:
                words[w + 1] |= np.uint32(1 << 31)
        elif kind == K_ENUM or kind == K_ENUM64:
            size = die[S_BYTE_SIZE] if mask & M_BYTE_SIZE else np.uint64(4)
            if size != 1 and size != 2 and size != 4 and size != 8:
                size = np.uint64(8) if kind == K_ENUM64 else np.uint64(4)
            words[w + 2] = np.uint32(size)
            signed = False
            if kind == K_ENUM64 and mask & M_TYPE:
                # whether a 64-bit enum is signed is said by its underlying type
                target = die[S_TYPE]
                for _ in range(8):
                    if (
                        target >= np.uint64(1 << 62)
                        or np.int64(target) < geo[U_DIES]
                        or np.int64(target) >= geo[U_STOP]
                    ):
                        break
                    code, p2 = uleb(info, np.int64(target) - geo[G_INFO_BASE])
                    if code == 0 or code >= MAX_CODE or codes[A_COLUMNS * np.int64(code)] != codes[0]:
                        break
                    m2, p2, st = read_die(
                        info, side, geo, codes, specs, np.int64(code), p2, die2, text, slots, seen, AS_IS
                    )
                    if st != OK:
                        return st
                    if m2 & M_ENCODING:
                        e = die2[S_ENCODING]
                        signed = e == dw.DW_ATE_signed or e == dw.DW_ATE_signed_char
                        break
                    if not m2 & M_TYPE:
                        break
                    target = die2[S_TYPE]
            m = np.int64(0)
            if codes[A_COLUMNS * c + A_CHILDREN] and vlen > 0:
                while m < vlen:
                    child, behind = next_child(info, geo, codes, pos)
                    if child < 0:
                        return BAD_ABBREV_CODE
                    pos = behind
                    if child == 0:
                        break
                    if codes[A_COLUMNS * child + A_CLASS] == C_ENUMERATOR:
                        m2, after, st = read_die(
                            info, side, geo, codes, specs, child, pos, die, text, slots, seen, RESOLVE
                        )
                        if st != OK:
                            return st
                        value = enumerator_value(die, m2)
                        if kind == K_ENUM:
                            mw = w + 3 + 2 * m
                            high = value >> np.uint64(31)
                            if high != 0 and high != np.uint64(0x1FFFFFFFF) and high != 1:
                                geo[G_FAULT] = geo[G_INFO_BASE] + pos
                                return ENUM_RANGE
                            if value >= np.uint64(1 << 63):
                                signed = True
                        else:
                            mw = w + 3 + 3 * m
                            words[mw + 2] = np.uint32(value >> np.uint64(32))
                        words[mw] = np.uint32(die[S_NAME]) if m2 & M_NAME else np.uint32(0)
                        words[mw + 1] = np.uint32(value & np.uint64(0xFFFFFFFF))
                        m += 1
                        pos = after
                        if codes[A_COLUMNS * child + A_CHILDREN]:
                            pos = skip_children(info, geo, codes, specs, pos)
                    else:
                        pos = step_over(info, geo, codes, specs, child, pos)
                    if pos < 0:
                        return PAST_END
            if m != vlen:
                return ROW_MISMATCH
            words[w + 1] |= np.uint32(vlen)
            if signed:
                words[w + 1] |= np.uint32(1 << 31)
        elif kind == K_FUNC_PROTO:
            words[w] = 0
            ref, found = near_reference(geo, die, slot, row_off, mask)
            if not found:
                ref, st = far_reference(
                    info, side, geo, codes, specs, die, die2, text, slots, seen, slot, row_off, xrefs, X_WORDS, w + 2
                )
            if st != OK:
                return st
            words[w + 2] = ref
            m = np.int64(0)
            if codes[A_COLUMNS * c + A_CHILDREN] and vlen > 0:
                while m < vlen:
                    child, behind = next_child(info, geo, codes, pos)
                    if child < 0:
                        return BAD_ABBREV_CODE
                    pos = behind
                    if child == 0:
                        break
                    cls = np.int64(codes[A_COLUMNS * child + A_CLASS])
                    if cls == C_PARAMETER or cls == C_ELLIPSIS:
                        m2, after, st = read_die(
                            info, side, geo, codes, specs, child, pos, die, text, slots, seen, RESOLVE
                        )
                        if st != OK:
                            return st
                        mw = w + 3 + 2 * m
                        words[mw] = 0
                        words[mw + 1] = 0
                        if cls == C_PARAMETER:
                            words[mw] = np.uint32(die[S_NAME]) if m2 & M_NAME else np.uint32(0)
                            ref, found = near_reference(geo, die, slot, row_off, m2)
                            if not found:
                                ref, st = far_reference(
                                    info,
                                    side,
                                    geo,
                                    codes,
                                    specs,
                                    die,
                                    die2,
                                    text,
                                    slots,
                                    seen,
                                    slot,
                                    row_off,
                                    xrefs,
                                    X_WORDS,
                                    mw + 1,
                                )
                            if st != OK:
                                return st
                            words[mw + 1] = ref
                        m += 1
                        pos = after
                        if codes[A_COLUMNS * child + A_CHILDREN]:
                            pos = skip_children(info, geo, codes, specs, pos)
                    else:
                        pos = step_over(info, geo, codes, specs, child, pos)
                    if pos < 0:
                        return PAST_END
            if m != vlen:
                return ROW_MISMATCH
            words[w + 1] |= np.uint32(vlen)
        else:
            return ROW_MISMATCH
        r += 1
    return OK


@inline
def die_at(info, side, geo, codes, specs, die, text, slots, seen, target):
    """Read the DIE at a section offset within the unit: (mask, code, position behind, status)."""
    if target >= np.uint64(1 << 62) or np.int64(target) < geo[U_DIES] or np.int64(target) >= geo[U_STOP]:
        return np.uint64(0), np.int64(0), np.int64(0), BAD_REFERENCE
    code, pos = uleb(info, np.int64(target) - geo[G_INFO_BASE])
    if code == 0 or code >= MAX_CODE or codes[A_COLUMNS * np.int64(code)] != codes[0]:
        return np.uint64(0), np.int64(0), np.int64(0), BAD_REFERENCE
    mask, pos, st = read_die(info, side, geo, codes, specs, np.int64(code), pos, die, text, slots, seen, RESOLVE)
    return mask, np.int64(code), pos, st


@inline
def next_parameter(info, geo, codes, specs, pos):
    """The next formal_parameter or unspecified_parameters at this level: (code or 0 or -1, position behind it, its
    own position)."""
    while True:
        at = pos
        child, pos = next_child(info, geo, codes, pos)
        if child <= 0:
            return child, pos, at
        cls = np.int64(codes[A_COLUMNS * child + A_CLASS])
        if cls == C_PARAMETER or cls == C_ELLIPSIS:
            return child, pos, at
        pos = step_over(info, geo, codes, specs, child, pos)
        if pos < 0:
            return np.int64(-1), pos, at


@inline
def fill_functions(
    info,
    side,
    geo,
    codes,
    specs,
    u,
    die,
    die2,
    text,
    slots,
    seen,
    slot,
    row_off,
    xrefs,
    index,
    func_in,
    func_out,
    n_funcs,
    param_out,
    fill,
):
    """Write the function instances of one unit; a status.

    What a DIE does not say itself it has from its DW_AT_abstract_origin or DW_AT_specification (DWARF 5 section
    3.3.8.2 and 2.13.2).
    """
    p = param_out
    for f in range(n_funcs):
        g = func_out + f
        at = np.int64(index.func_off[func_in + f]) + geo[U_START]
        geo[G_FAULT] = at
        mask, c, body, st = die_at(info, side, geo, codes, specs, die, text, slots, seen, np.uint64(at))
        if st != OK:
            return st
        n_params = np.int64(index.func_nparams[func_in + f])
        flags = 0
        fill.func_off[g] = at
        fill.func_unit[g] = u
        fill.func_param[g] = p
        entry = np.uint64(0)
        if mask & M_LOW_PC:
            entry = die[S_LOW_PC]
            flags |= FN_LOW_PC
        elif mask & M_RANGES:
            entry, st = range_entry(side, geo, die[S_RANGES], die[AUX + S_RANGES])
            if st != OK:
                return st
            flags |= FN_RANGES
        fill.func_entry[g] = entry
        if mask & M_EXTERNAL and die[S_EXTERNAL] != 0:
            flags |= FN_EXTERNAL
        if mask & M_INLINE and die[S_INLINE] != 0:
            flags |= FN_INLINE
        if mask & M_PROTOTYPED and die[S_PROTOTYPED] != 0:
            flags |= FN_PROTOTYPED
        name = np.uint32(die[S_NAME]) if mask & M_NAME else np.uint32(0)
        have_type = mask & M_TYPE
        ret, found = near_reference(geo, die, slot, row_off, mask)
        if not found:
            ret, st = far_reference(
                info, side, geo, codes, specs, die, die2, text, slots, seen, slot, row_off, xrefs, X_FUNC, g
            )
        if st != OK:
            return st
        # the origin's own parameters, to see whether ours stand in the same order
        origin_pos = np.int64(-1)
        up = mask
        hops = 0
        while up & M_ORIGIN or up & M_SPECIFICATION:
            which = S_ORIGIN if up & M_ORIGIN else S_SPECIFICATION
            form = die[AUX + which]
            target = die[which]
            if (
                form == dw.DW_FORM_ref_sig8
                or form == dw.DW_FORM_GNU_ref_alt
                or np.int64(target) < geo[U_DIES]
                or target >= np.uint64(geo[U_STOP])
            ):
                if form != dw.DW_FORM_ref_addr and form != dw.DW_FORM_ref_sig8 and form != dw.DW_FORM_GNU_ref_alt:
                    geo[G_DETAIL] = np.int64(target & np.uint64(0x7FFFFFFFFFFFFFFF))
                    return BAD_REFERENCE
                break  # in another unit (LTO): what it would say stays unsaid, and is counted as nameless
            hops += 1
            if hops > 16:
                return REFERENCE_LOOP
            up, c2, pos2, st = die_at(info, side, geo, codes, specs, die, text, slots, seen, target)
            if st != OK:
                geo[G_FAULT] = at
                return st
            if hops == 1 and which == S_ORIGIN:
                flags |= FN_ORIGIN
                origin_pos = pos2 if codes[A_COLUMNS * c2 + A_CHILDREN] else np.int64(-1)
            if name == 0 and up & M_NAME:
                name = np.uint32(die[S_NAME])
            if up & M_EXTERNAL and die[S_EXTERNAL] != 0:
                flags |= FN_EXTERNAL
            if not have_type and up & M_TYPE:
                have_type = True
                ret, found = near_reference(geo, die, slot, row_off, up)
                if not found:
                    ret, st = far_reference(
                        info, side, geo, codes, specs, die, die2, text, slots, seen, slot, row_off, xrefs, X_FUNC, g
                    )
                if st != OK:
                    return st
        fill.func_type[g] = ret
        fill.func_name[g] = name
        if name == 0:
            flags |= FN_NO_NAME
        pos = body
        n_ellipses = 0
        for _ in range(n_params):
            child, pos, where = next_parameter(info, geo, codes, specs, pos)
            if child <= 0:
                return ROW_MISMATCH
            geo[G_FAULT] = geo[G_INFO_BASE] + where
            up, behind, st = read_die(info, side, geo, codes, specs, child, pos, die, text, slots, seen, RESOLVE)
            if st != OK:
                return st
            pos = behind
            if codes[A_COLUMNS * child + A_CHILDREN]:
                pos = skip_children(info, geo, codes, specs, pos)
                if pos < 0:
                    return PAST_END
            if codes[A_COLUMNS * child + A_CLASS] == C_ELLIPSIS:
                n_ellipses += 1
                continue
            expected = np.int64(-1)
            while origin_pos >= 0:
                c2, behind, expected = next_parameter(info, geo, codes, specs, origin_pos)
                origin_pos = np.int64(-1)
                if c2 <= 0:
                    expected = np.int64(-1)
                    break
                origin_pos = step_over(info, geo, codes, specs, c2, behind)
                if codes[A_COLUMNS * c2 + A_CLASS] != C_ELLIPSIS:
                    break
            pflags = 0
            if up & M_LOCATION:
                pflags |= PF_LOCATION
            if up & M_CONST_VALUE:
                pflags |= PF_CONST_VALUE
            pname = np.uint32(die[S_NAME]) if up & M_NAME else np.uint32(0)
            have_type = up & M_TYPE
            ptype, found = near_reference(geo, die, slot, row_off, up)
            if not found:
                ptype, st = far_reference(
                    info, side, geo, codes, specs, die, die2, text, slots, seen, slot, row_off, xrefs, X_PARAM, p
                )
            if st != OK:
                return st
            hops = 0
            while up & M_ORIGIN and (pname == 0 or not have_type):
                target = die[S_ORIGIN]
                if np.int64(target) < geo[U_DIES] or target >= np.uint64(geo[U_STOP]):
                    break
                if hops == 0 and expected >= 0 and np.int64(target) != geo[G_INFO_BASE] + expected:
                    flags |= FN_REORDERED
                if hops == 0 and expected < 0:
                    flags |= FN_REORDERED
                hops += 1
                if hops > 16:
                    return REFERENCE_LOOP
                up, c2, pos2, st = die_at(info, side, geo, codes, specs, die, text, slots, seen, target)
                if st != OK:
                    return st
                if pname == 0 and up & M_NAME:
                    pname = np.uint32(die[S_NAME])
                if not have_type and up & M_TYPE:
                    have_type = True
                    ptype, found = near_reference(geo, die, slot, row_off, up)
                    if not found:
                        ptype, st = far_reference(
                            info,
                            side,
                            geo,
                            codes,
                            specs,
                            die,
                            die2,
                            text,
                            slots,
                            seen,
                            slot,
                            row_off,
                            xrefs,
                            X_PARAM,
                            p,
                        )
                    if st != OK:
                        return st
            if pname == 0:
                flags |= FN_UNNAMED_PARAM
            fill.param_name[p] = pname
            fill.param_type[p] = ptype
            fill.param_flags[p] = pflags
            p += 1
        # last, wherever the DIE has it: gcc lists parameters that it optimized out behind the ellipsis
        for _ in range(n_ellipses):
            fill.param_name[p] = 0
            fill.param_type[p] = 0
            fill.param_flags[p] = PF_ELLIPSIS
            p += 1
        fill.func_flags[g] = flags
    return OK


@inline
def fill_variables(
    info,
    side,
    geo,
    codes,
    specs,
    u,
    die,
    die2,
    text,
    slots,
    seen,
    slot,
    row_off,
    xrefs,
    index,
    var_in,
    var_out,
    n_vars,
    fill,
):
    """Write the top-level variables of one unit that have a location; a status."""
    for v in range(n_vars):
        g = var_out + v
        at = np.int64(index.var_off[var_in + v]) + geo[U_START]
        geo[G_FAULT] = at
        mask, c, pos, st = die_at(info, side, geo, codes, specs, die, text, slots, seen, np.uint64(at))
        if st != OK:
            return st
        flags = 0
        addr = np.uint64(0)
        if mask & M_LOCATION:  # a block, or a location list
            start, n = block_of(die, S_LOCATION)
            if n > 0:
                op = info[start]
                if op == dw.DW_OP_addr and n >= 1 + geo[U_ADDRESS_SIZE]:
                    addr = read_sized(info, start + 1, geo[U_ADDRESS_SIZE], geo[G_BIG])
                    flags |= VF_ADDRESS
                    start += 1 + geo[U_ADDRESS_SIZE]
                    n -= 1 + geo[U_ADDRESS_SIZE]
                elif op == dw.DW_OP_addrx or op == dw.DW_OP_GNU_addr_index:
                    i, behind = uleb(info, start + 1)
                    addr, found = indexed_address(side, geo, i)
                    if not found:
                        return BAD_INDEX
                    flags |= VF_ADDRESS
                    n -= behind - start
                    start = behind
                if flags & VF_ADDRESS and n >= 2 and info[start] == dw.DW_OP_plus_uconst:
                    extra, behind = uleb(info, start + 1)
                    addr += extra
        if mask & M_EXTERNAL:
            flags |= VF_EXTERNAL
        if mask & M_ARTIFICIAL:
            flags |= VF_ARTIFICIAL
        name = np.uint32(die[S_NAME]) if mask & M_NAME else np.uint32(0)
        have_type = mask & M_TYPE
        ref, found = near_reference(geo, die, slot, row_off, mask)
        if not found:
            ref, st = far_reference(
                info, side, geo, codes, specs, die, die2, text, slots, seen, slot, row_off, xrefs, X_VAR, g
            )
        if st != OK:
            return st
        hops = 0
        while mask & M_SPECIFICATION or mask & M_ORIGIN:
            which = S_SPECIFICATION if mask & M_SPECIFICATION else S_ORIGIN
            target = die[which]
            if np.int64(target) < geo[U_DIES] or target >= np.uint64(geo[U_STOP]):
                break
            hops += 1
            if hops > 16:
                return REFERENCE_LOOP
            mask, c, pos, st = die_at(info, side, geo, codes, specs, die, text, slots, seen, target)
            if st != OK:
                return st
            if name == 0 and mask & M_NAME:
                name = np.uint32(die[S_NAME])
            if mask & M_EXTERNAL:
                flags |= VF_EXTERNAL
            if not have_type and mask & M_TYPE:
                have_type = True
                ref, found = near_reference(geo, die, slot, row_off, mask)
                if not found:
                    ref, st = far_reference(
                        info, side, geo, codes, specs, die, die2, text, slots, seen, slot, row_off, xrefs, X_VAR, g
                    )
                if st != OK:
                    return st
        fill.var_name[g] = name
        fill.var_type[g] = ref
        fill.var_addr[g] = addr
        fill.var_flags[g] = flags
        fill.var_unit[g] = u
    return OK


@njit
def fill_units(
    info,
    side,
    geo,
    codes,
    specs,
    units,
    first,
    last,
    die,
    die2,
    text,
    slots,
    seen,
    slot,
    xrefs,
    index,
    fill,
    offsets,
    fake_int,
    int_id,
    status,
):
    """Read the DIEs that index_units listed for units [first, last) into the tables.

    Parameters
    ----------
    slot : uint32 (longest unit,)
        Scratch: row + 1 by DIE offset.
    xrefs : uint64 (4 * cross references,)
        Space (X_*), index there, section offset or signature, 1 for a signature.
    offsets : int64 (units + 1, 6)
        Where each unit's slice begins: type_id, word, function, parameter, variable, cross reference; the last row
        ends them.
    fake_int, int_id : uint32
        Name of the stand-in for integers of odd size; type_id of the array index type.
    status : int64 (4,)
        On a fault: status, section offset, detail, unit.
    """
    row_first = np.int64(0)
    func_in = np.int64(0)
    var_in = np.int64(0)
    tag_in = np.int64(0)
    for u in range(first, last):
        unit = units[u]
        status[3] = u
        if unit[U_STATE] == WALKED or unit[U_NAME] >= POOL_FLAG:
            copy_columns(geo, unit)
            _, _, st = open_unit(info, side, geo, codes, specs, die, text, slots, seen)
            unit[U_NAME] = geo[U_NAME]  # its pool is this pass's
            if st == OK:
                n_rows = unit[U_ROWS]
                row_off = index.row_off[row_first : row_first + n_rows]
                for r in range(n_rows):
                    named = index.row_kind[row_first + r] != K_GNU_TYPE_TAG
                    slot[row_off[r]] = np.uint32(r + 1) if named else np.uint32(0)
                geo[G_N_ROWS] = n_rows
                geo[G_FIRST_ID] = offsets[u, 0]
                geo[G_XREF] = offsets[u, 5]
                geo[G_XREF_STOP] = offsets[u + 1, 5]
                st = fill_rows(
                    info,
                    side,
                    geo,
                    codes,
                    specs,
                    die,
                    die2,
                    text,
                    slots,
                    seen,
                    slot,
                    row_off,
                    xrefs,
                    index.row_kind[row_first : row_first + n_rows],
                    index.row_vlen[row_first : row_first + n_rows],
                    fill.words,
                    fill.start,
                    offsets[u, 1],
                    fake_int,
                    int_id,
                )
                if st == OK:
                    st = fill_functions(
                        info,
                        side,
                        geo,
                        codes,
                        specs,
                        u,
                        die,
                        die2,
                        text,
                        slots,
                        seen,
                        slot,
                        row_off,
                        xrefs,
                        index,
                        func_in,
                        offsets[u, 2],
                        unit[U_FUNCS],
                        offsets[u, 3],
                        fill,
                    )
                if st == OK:
                    st = fill_variables(
                        info,
                        side,
                        geo,
                        codes,
                        specs,
                        u,
                        die,
                        die2,
                        text,
                        slots,
                        seen,
                        slot,
                        row_off,
                        xrefs,
                        index,
                        var_in,
                        offsets[u, 4],
                        unit[U_VARS],
                        fill,
                    )
                if st == OK:
                    for t in range(tag_in, tag_in + unit[U_TAGS]):
                        mask, _, _, st = die_at(
                            info,
                            side,
                            geo,
                            codes,
                            specs,
                            die,
                            text,
                            slots,
                            seen,
                            np.uint64(np.int64(index.tag_off[t]) + unit[U_START]),
                        )
                        if st != OK:
                            break
                        fill.tag_name[t] = text_value(die, mask)
                unit[U_XREFS] = geo[G_XREF] - offsets[u, 5]
            if st != OK:
                status[0] = st
                status[1] = geo[G_FAULT]
                status[2] = geo[G_DETAIL]
                return
        row_first += unit[U_ROWS]
        func_in += unit[U_FUNCS]
        var_in += unit[U_VARS]
        tag_in += unit[U_TAGS]
    status[0] = OK
