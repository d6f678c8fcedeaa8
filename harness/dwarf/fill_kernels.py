"""The second pass of the walk, compiled: `fill_units` reads the DIEs that the first has listed into the tables.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline, njit
from harness.dwarf import constants as dw
from harness.dwarf.die_kernels import (
    A_CHILDREN,
    A_CLASS,
    A_COLUMNS,
    A_TAG,
    AS_IS,
    AUX,
    BAD_ABBREV_CODE,
    BAD_INDEX,
    BAD_REFERENCE,
    BLOCK_FLAG,
    C_ELLIPSIS,
    C_ENUMERATOR,
    C_MEMBER,
    C_PARAMETER,
    C_SUBRANGE,
    ENUM_RANGE,
    G_BIG,
    G_DETAIL,
    G_FAULT,
    G_FIRST_ID,
    G_INFO_BASE,
    G_N_ROWS,
    G_XREF,
    G_XREF_STOP,
    M_ARTIFICIAL,
    M_BYTE_SIZE,
    M_CALLING_CONVENTION,
    M_CONST_VALUE,
    M_COUNT,
    M_DECL_FILE,
    M_DECL_LINE,
    M_DECLARATION,
    M_ENCODING,
    M_EXTERNAL,
    M_INLINE,
    M_LOCATION,
    M_LOW_PC,
    M_NAME,
    M_ORIGIN,
    M_PROTOTYPED,
    M_RANGES,
    M_SPECIFICATION,
    M_TYPE,
    M_UPPER_BOUND,
    MAX_CODE,
    OK,
    PAST_END,
    POOL_FLAG,
    REFERENCE_LOOP,
    RESOLVE,
    ROW_MISMATCH,
    S_BYTE_SIZE,
    S_CALLING_CONVENTION,
    S_COUNT,
    S_DECL_FILE,
    S_DECL_LINE,
    S_ENCODING,
    S_EXTERNAL,
    S_INLINE,
    S_LOCATION,
    S_LOW_PC,
    S_NAME,
    S_ORIGIN,
    S_PROTOTYPED,
    S_RANGES,
    S_SPECIFICATION,
    S_TYPE,
    S_UPPER_BOUND,
    U_ADDRESS_SIZE,
    U_DIES,
    U_FUNCS,
    U_LOC_BASE,
    U_NAME,
    U_OFFSET_SIZE,
    U_PRODUCER,
    U_ROWS,
    U_START,
    U_STATE,
    U_STOP,
    U_TAGS,
    U_VARS,
    U_XREFS,
    WALKED,
    indexed_address,
    read_die,
    read_sized,
    uleb,
)
from harness.dwarf.index_kernels import (
    copy_columns,
    open_unit,
    row_words,
)
from harness.dwarf.line_kernels import NO_FILE
from harness.dwarf.location_kernels import NO_REG, read_expression
from harness.dwarf.reference_kernels import (
    block_of,
    constant_form,
    enumerator_value,
    far_reference,
    member_bits,
    near_reference,
    next_child,
    range_entry,
    skip_children,
    step_over,
    text_value,
)
from harness.dwarf.walk_tables import (
    FN_DECLARATION,
    FN_DECLARED_INLINE,
    FN_EXTERNAL,
    FN_INLINE,
    FN_LOW_PC,
    FN_NO_NAME,
    FN_NOCALL,
    FN_ORIGIN,
    FN_PROTOTYPED,
    FN_RANGES,
    FN_REORDERED,
    FN_UNNAMED_PARAM,
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
    PF_CONST_VALUE,
    PF_ELLIPSIS,
    PF_LIST_INDEX,
    PF_LOCATION,
    PF_UNREAD,
    VF_ADDRESS,
    VF_ARTIFICIAL,
    VF_EXTERNAL,
    X_FUNC,
    X_PARAM,
    X_VAR,
    X_WORDS,
)


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
def file_number(die):
    """DW_AT_decl_file; one that no table can have if it does not fit, so that it is reported and not cut."""
    return np.uint32(die[S_DECL_FILE]) if die[S_DECL_FILE] < NO_FILE else NO_FILE - np.uint32(1)


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
        if not mask & M_ORIGIN and not flags & FN_INLINE and mask & M_CALLING_CONVENTION:
            if die[S_CALLING_CONVENTION] == dw.DW_CC_nocall:
                flags |= FN_NOCALL
        if mask & M_DECLARATION:
            flags |= FN_DECLARATION
        if mask & M_INLINE and die[S_INLINE] >= dw.DW_INL_declared_not_inlined:
            flags |= FN_DECLARED_INLINE
        fill.func_file[g] = file_number(die) if mask & M_DECL_FILE else NO_FILE
        fill.func_line[g] = np.uint32(die[S_DECL_LINE]) if mask & M_DECL_LINE else np.uint32(0)
        placed = mask & M_DECL_FILE
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
                if up & M_CALLING_CONVENTION and die[S_CALLING_CONVENTION] == dw.DW_CC_nocall:
                    flags |= FN_NOCALL
                origin_pos = pos2 if codes[A_COLUMNS * c2 + A_CHILDREN] else np.int64(-1)
            if name == 0 and up & M_NAME:
                name = np.uint32(die[S_NAME])
            if up & M_EXTERNAL and die[S_EXTERNAL] != 0:
                flags |= FN_EXTERNAL
            if up & M_INLINE and die[S_INLINE] >= dw.DW_INL_declared_not_inlined:
                flags |= FN_DECLARED_INLINE
            if not placed and up & M_DECL_FILE:
                placed = up & M_DECL_FILE
                fill.func_file[g] = file_number(die)
                fill.func_line[g] = np.uint32(die[S_DECL_LINE]) if up & M_DECL_LINE else np.uint32(0)
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
            here = geo[G_INFO_BASE] + where
            geo[G_FAULT] = here
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
            reg, reg_pieces, first, heard = NO_REG, NO_REG, NO_REG, np.uint64(0)
            place = np.int64(-1)
            if up & M_LOCATION:
                pflags |= PF_LOCATION
                if die[AUX + S_LOCATION] & BLOCK_FLAG:
                    a, n = block_of(die, S_LOCATION)
                    reg, reg_pieces, first, heard, understood = read_expression(
                        info,
                        a,
                        a + n,
                        geo[U_ADDRESS_SIZE],
                        geo[U_OFFSET_SIZE],
                        np.int64(0),
                        reg,
                        reg_pieces,
                        first,
                        heard,
                    )
                    if not understood:
                        pflags |= PF_UNREAD
                else:
                    place = np.int64(min(die[S_LOCATION], np.uint64(1 << 62)))
                    if die[AUX + S_LOCATION] == dw.DW_FORM_loclistx:
                        pflags |= PF_LIST_INDEX
                        place = geo[U_LOC_BASE] + min(place, np.int64(1 << 40)) * geo[U_OFFSET_SIZE]
            fill.param_off[p] = here
            fill.param_list[p] = place
            fill.param_reg[p] = reg
            fill.param_reg_pieces[p] = reg_pieces
            fill.param_first[p] = first
            fill.param_seen[p] = heard
            source = np.int64(-1)
            if up & M_ORIGIN and not up & M_TYPE and np.int64(die[S_ORIGIN]) >= geo[U_DIES] and (
                    die[S_ORIGIN] < np.uint64(geo[U_STOP])):
                source = np.int64(die[S_ORIGIN])
            fill.param_origin[p] = source
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
            fill.param_off[p] = -1
            fill.param_origin[p] = -1
            fill.param_list[p] = -1
            fill.param_reg[p] = -1
            fill.param_reg_pieces[p] = -1
            fill.param_first[p] = -1
            fill.param_seen[p] = 0
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
        if unit[U_STATE] == WALKED or unit[U_NAME] >= POOL_FLAG or unit[U_PRODUCER] >= POOL_FLAG:
            copy_columns(geo, unit)
            _, _, st = open_unit(info, side, geo, codes, specs, die, text, slots, seen)
            unit[U_NAME] = geo[U_NAME]  # its pool is this pass's
            unit[U_PRODUCER] = geo[U_PRODUCER]
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
