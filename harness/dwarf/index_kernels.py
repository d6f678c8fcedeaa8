"""The first pass of the walk, compiled: `index_units` finds every type, function and variable DIE.

Two passes, so that every table is allocated once and exactly. This one steps over all DIEs and looks at almost no
attribute; the second (fill_kernels) visits only the DIEs that this one has listed.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline, njit
from harness.dwarf import constants as dw
from harness.dwarf.die_kernels import (
    A_CHILDREN,
    A_CLASS,
    A_COLUMNS,
    A_FLAGS,
    A_TAG,
    AS_IS,
    BAD_ABBREV_CODE,
    BAD_REFERENCE,
    BAD_UNIT_DIE,
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
    F_ANNOTATION,
    F_DECLARATION,
    F_LOCATION,
    F_XREF,
    G_DECLARATIONS,
    G_DETAIL,
    G_FAULT,
    G_INFO_BASE,
    G_STRS,
    G_WORK,
    M_ADDR_BASE,
    M_ANNOTATION,
    M_BYTE_SIZE,
    M_DECLARATION,
    M_ENCODING,
    M_LANGUAGE,
    M_LOCLISTS_BASE,
    M_LOW_PC,
    M_NAME,
    M_PRODUCER,
    M_RNGLISTS_BASE,
    M_SIGNATURE,
    M_STMT_LIST,
    M_STR_OFFSETS_BASE,
    MAX_CODE,
    OK,
    OTHER_LANGUAGE,
    PAST_END,
    POOL_FLAG,
    RESOLVE,
    S_ADDR_BASE,
    S_ANNOTATION,
    S_BYTE_SIZE,
    S_DECLARATION,
    S_ENCODING,
    S_LANGUAGE,
    S_LOCLISTS_BASE,
    S_LOW_PC,
    S_NAME,
    S_PRODUCER,
    S_RNGLISTS_BASE,
    S_STMT_LIST,
    S_STR_OFFSETS_BASE,
    SKELETON,
    TOO_DEEP,
    TOO_MUCH_WORK,
    U_ADDR_BASE,
    U_COLUMNS,
    U_DIES,
    U_FUNCS,
    U_LANGUAGE,
    U_LINE,
    U_LOC_BASE,
    U_LOW_PC,
    U_NAME,
    U_OFFSET_SIZE,
    U_PARAMS,
    U_PRODUCER,
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
    parse_abbrevs,
    read_die,
    skip_die,
    uleb,
)
from harness.dwarf.walk_tables import (
    DECL_TAG,
    K_ARRAY,
    K_CONST,
    K_ENUM,
    K_ENUM64,
    K_FLOAT,
    K_FUNC_PROTO,
    K_FWD,
    K_GNU_TYPE_TAG,
    K_INT,
    K_PTR,
    K_RESTRICT,
    K_STRUCT,
    K_TYPE_TAG,
    K_TYPEDEF,
    K_UNION,
    K_VOLATILE,
    MAX_CHAIN,
    MAX_DEPTH,
    MAX_VLEN,
    P_ENUM,
    P_FUNCTION,
    P_MEMBER,
    P_MEMBERS,
    P_NONE,
    P_PARAMETER,
    P_POINTER,
    P_PROTO,
    P_TYPEDEF,
    P_VARIABLE,
    T_FUNC,
    T_TYPE,
    T_VAR,
    TYPE_TAG,
)


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
    geo[U_LOC_BASE] = 20 if wide else 12
    limit = np.uint64(1 << 62)
    if mask & M_STR_OFFSETS_BASE and die[S_STR_OFFSETS_BASE] < limit:
        geo[U_STR_BASE] = np.int64(die[S_STR_OFFSETS_BASE])
    if mask & M_ADDR_BASE and die[S_ADDR_BASE] < limit:
        geo[U_ADDR_BASE] = np.int64(die[S_ADDR_BASE])
    if mask & M_RNGLISTS_BASE and die[S_RNGLISTS_BASE] < limit:
        geo[U_RNG_BASE] = np.int64(die[S_RNGLISTS_BASE])
    if mask & M_LOCLISTS_BASE and die[S_LOCLISTS_BASE] < limit:
        geo[U_LOC_BASE] = np.int64(die[S_LOCLISTS_BASE])
    geo[U_LINE] = np.int64(die[S_STMT_LIST]) if mask & M_STMT_LIST and die[S_STMT_LIST] < limit else -1
    geo[U_LANGUAGE] = np.int64(die[S_LANGUAGE] & np.uint64(0xFFFFFF)) if mask & M_LANGUAGE else 0
    mask, pos, status = read_die(info, side, geo, codes, specs, c, pos, die, text, slots, seen, RESOLVE)
    if status != OK:
        return np.int64(0), pos, status
    geo[U_NAME] = np.int64(die[S_NAME]) if mask & M_NAME else 0
    geo[U_PRODUCER] = np.int64(die[S_PRODUCER]) if mask & M_PRODUCER else 0
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
                    if not flags & F_DECLARATION or geo[G_DECLARATIONS]:
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
