"""Compiled readers of DIEs: an abbreviation code, one DIE's attributes, the DIE at an offset, a DIE's children.

What is malformed is told as data: a status, and in State.unit the section offset and what was found there.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import fused, inline
from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.dwarf.form_kernels import (
    block_start,
    form_size,
    indexed_address,
    intern_inline,
    is_address_index,
    is_text,
    joined,
    read_u16,
    read_u32,
    read_u64,
    skip_variable,
    sleb,
    string_name,
    uleb,
)


@inline
def malformed(unit, pos, status):
    """Note where something malformed stands, an index in `info`; returns the status."""
    unit[sc.RUN_MALFORMED_OFF] = unit[sc.SEC_INFO_BASE] + pos
    return status


@fused
def read_code(info, abbrevs, pos):
    """(abbreviation code, position behind it): 0 is a null entry, -1 a code that the unit's table does not define."""
    code, behind = uleb(info, pos)
    if code >= sc.MAX_CODE:
        return np.int64(-1), behind
    code = np.int64(code)
    if code != 0 and abbrevs[sc.A_COLUMNS * code] != abbrevs[sc.A_STAMP]:
        return np.int64(-1), behind
    return code, behind


@inline
def unknown_code(info, unit, pos):
    """Note that the code at `pos` is not in the unit's table; a status."""
    code, _ = uleb(info, pos)
    unit[sc.RUN_DETAIL] = np.int64(code & np.uint64(0x7FFFFFFF))
    return malformed(unit, pos, sc.BAD_ABBREV_CODE)


@inline
def has_children(abbrevs, code):
    return abbrevs[sc.A_COLUMNS * code + sc.A_CHILDREN] != 0


@inline
def class_at(abbrevs, code):
    """C_* of the DIEs with a code."""
    return np.int64(abbrevs[sc.A_COLUMNS * code + sc.A_CLASS])


@inline
def skip_die(info, unit, abbrevs, specs, code, pos, stop):
    """Position behind a DIE's attributes, or -1 if they leave the unit."""
    a = sc.A_COLUMNS * code
    fixed = np.int64(abbrevs[a + sc.A_FIXED])
    if fixed >= 0:
        return pos + fixed if pos + fixed <= stop else np.int64(-1)
    for k in range(abbrevs[a + sc.A_SPECS], abbrevs[a + sc.A_SKIPS_STOP]):
        op = specs[sc.SPEC_COLUMNS * k + sc.SPEC_SKIP]
        if pos > stop:
            return np.int64(-1)
        if op >= 0:
            pos += op
        elif op == sc.SKIP_LEB:
            _, pos = uleb(info, pos)
        else:
            pos = skip_variable(info, unit, pos, stop, op)
            if pos < 0:
                return pos
    if pos > stop:
        return np.int64(-1)
    return pos


@inline
def read_indirect(info, unit, pos, stop):
    """The form that stands before a value of DW_FORM_indirect: (form, what skip_of says, position behind it).

    The position is -1 if the form is unknown, or one that cannot stand there.
    """
    word, pos = uleb(info, pos)
    form = np.int64(word & np.uint64(0xFFFF))
    size = form_size(unit, form)
    if (word > 0xFFFF or form == dw.DW_FORM_implicit_const or size == sc.SKIP_INDIRECT or size == sc.SKIP_UNKNOWN
            or pos > stop):
        return form, size, np.int64(-1)
    return form, size, pos


@fused
def read_fixed(info, pos, size, big):
    """A number of `size` bytes; 0 for one that is too wide for any number we read (data16)."""
    if size == 4:
        return read_u32(info, pos, big)
    if size == 1:
        return np.uint64(info[pos])
    if size == 2:
        return read_u16(info, pos, big)
    if size == 8:
        return read_u64(info, pos, big)
    if size == 3:
        if big:
            return (read_u16(info, pos, big) << np.uint64(8)) | np.uint64(info[pos + 2])
        return read_u16(info, pos, big) | (np.uint64(info[pos + 2]) << np.uint64(16))
    return np.uint64(0)


@fused
def read_text(s, form, value, at, stop):
    """(name, status) of an attribute that is a string: its form and value, and [at, stop) of it in `info`."""
    if form == dw.DW_FORM_string:
        if stop - 1 <= at:
            return np.uint64(0), sc.OK
        off = intern_inline(s.pool, s.pool_hash, s.unit, s.info, at, stop - 1)
        return np.uint64(sc.POOL_FLAG) | np.uint64(off), sc.OK if off >= 0 else sc.POOL_FULL
    name = string_name(s.sections, s.unit, form, value, s.string_marks)
    if name < 0:
        s.unit[sc.RUN_DETAIL] = np.int64(value & np.uint64(0x7FFFFFFFFFFFFFFF))
        return np.uint64(0), malformed(s.unit, at, sc.BAD_STRING)
    return np.uint64(name), sc.OK


@fused
def read_attributes(s, die, code, pos, resolve):
    """Read the attributes of a DIE whose code has been read.

    Parameters
    ----------
    s : Reader
    die : uint64 (DIE_WORDS,)
        Is filled: s.die or s.other.
    pos : int64
        Index in `info` behind the abbreviation code.
    resolve : uint8
        AS_IS: leave names and indexed addresses alone (a unit's bases are not known before its own DIE is read).

    Returns
    -------
    (mask, pos, status) : HAS_* bits say which attributes are there; position behind the attributes.
    """
    info = s.info
    unit = s.unit
    big = unit[sc.SEC_BIG_ENDIAN]
    stop = unit[sc.U_STOP] - unit[sc.SEC_INFO_BASE]
    mask = np.uint64(0)
    a = sc.A_COLUMNS * code
    first = np.int64(s.abbrevs[a + sc.A_SPECS])
    last = np.int64(s.abbrevs[a + sc.A_SPECS_STOP])
    unit[sc.RUN_WORK] -= last - first + 1
    if unit[sc.RUN_WORK] < 0:
        return mask, pos, malformed(s.unit, pos, sc.TOO_MUCH_WORK)
    for k in range(first, last):
        x = sc.SPEC_COLUMNS * k
        attribute = s.specs[x + sc.SPEC_AT]
        form = s.specs[x + sc.SPEC_FORM]
        size = s.specs[x + sc.SPEC_SIZE]
        base = s.specs[x + sc.SPEC_CONST]
        if pos > stop:
            return mask, pos, malformed(s.unit, pos, sc.PAST_END)
        at = pos
        if size == sc.SKIP_INDIRECT:
            form, size, pos = read_indirect(info, s.unit, pos, stop)
            if pos < 0:
                unit[sc.RUN_DETAIL] = form
                return mask, at, malformed(s.unit, at, sc.BAD_FORM)
            form, base = joined(s.unit, form)
            at = pos
        if attribute == 0 and size >= 0:
            pos += size
            continue
        value = np.uint64(0)
        length = np.uint64(form)
        if size > 0:
            value = read_fixed(info, pos, size, big)
            pos += size
        elif size == 0:
            value = np.uint64(1)
            if form == dw.DW_FORM_implicit_const:
                value = np.uint64(base)
        elif size == sc.SKIP_LEB:
            if form == dw.DW_FORM_sdata:
                value, pos = sleb(info, pos)
            else:
                value, pos = uleb(info, pos)
        else:
            pos = skip_variable(info, s.unit, pos, stop, size)
            if pos < 0:
                return mask, at, malformed(s.unit, at, sc.BAD_STRING if size == sc.SKIP_STRING else sc.PAST_END)
            if size != sc.SKIP_STRING:
                at = block_start(info, at, size)
                value = np.uint64(at)
                length = sc.BLOCK_FLAG | np.uint64(pos - at)
        if attribute == 0:
            continue
        if attribute == sc.AT_NAME or attribute == sc.AT_CONST_VALUE or attribute == sc.AT_PRODUCER:
            if resolve and (attribute != sc.AT_CONST_VALUE or is_text(form)):
                value, status = read_text(s, form, value, at, pos)
                if status != sc.OK:
                    return mask, pos, status
        elif form >= dw.DW_FORM_ref_addr and form <= dw.DW_FORM_ref_udata:
            if value < sc.MAX_OFF:  # relative to the unit's header, or to a file's section
                value += np.uint64(base) if form == dw.DW_FORM_ref_addr else np.uint64(unit[sc.U_START])
        elif resolve and is_address_index(form):
            value, found = indexed_address(s.sections, s.unit, value)
            if not found:
                return mask, pos, malformed(s.unit, at, sc.BAD_INDEX)
        die[attribute] = value
        die[sc.FORM + attribute] = length
        mask |= np.uint64(1) << np.uint64(attribute)
    if pos > stop:
        return mask, pos, malformed(s.unit, pos, sc.PAST_END)
    return mask, pos, sc.OK


@inline
def read_with(s, die, code, pos, resolve):
    """`read_attributes`, compiled once for all that call it; `s` is a Reader."""
    return read_attributes(s, die, code, pos, resolve)


@fused
def reader_of(s):
    """What of a State it takes to read one DIE; the call that is made most often is handed no more."""
    return sc.Reader(s.info, s.sections, s.unit, s.abbrevs, s.specs, s.pool, s.pool_hash, s.string_marks)


@fused
def read_die(s, die, code, pos, resolve):
    """`read_attributes` for a State."""
    return read_with(reader_of(s), die, code, pos, resolve)


@fused
def within_unit(unit, off):
    """Whether a section offset (uint64) is one of a DIE of the unit at hand."""
    return off < sc.MAX_OFF and np.int64(off) >= unit[sc.U_DIE_OFF] and np.int64(off) < unit[sc.U_STOP]


@inline
def code_at(info, unit, abbrevs, off):
    """(abbreviation code, position behind it) of the DIE at a section offset; the code is 0 if there is none."""
    if not within_unit(unit, off):
        return np.int64(0), np.int64(0)
    code, pos = read_code(info, abbrevs, np.int64(off) - unit[sc.SEC_INFO_BASE])
    return max(code, np.int64(0)), pos


@fused
def die_at(s, die, off, resolve):
    """Read the DIE at a section offset: (mask, code, position behind, status); BAD_REFERENCE if there is none."""
    code, pos = code_at(s.info, s.unit, s.abbrevs, off)
    if code == 0:
        s.unit[sc.RUN_DETAIL] = np.int64(off & np.uint64(0x7FFFFFFFFFFFFFFF))
        return np.uint64(0), code, pos, sc.BAD_REFERENCE
    mask, pos, status = read_die(s, die, code, pos, resolve)
    return mask, code, pos, status


@inline
def skip_children(info, unit, abbrevs, specs, pos):
    """Position behind the children of a DIE whose attributes end at `pos`, or -1."""
    stop = unit[sc.U_STOP] - unit[sc.SEC_INFO_BASE]
    depth = np.int64(1)
    while depth > 0:
        if pos >= stop:
            return pos if pos == stop else np.int64(-1)
        at = pos
        code, pos = read_code(info, abbrevs, pos)
        if code == 0:
            depth -= 1
            continue
        if code < 0:
            unit[sc.RUN_MALFORMED_OFF] = unit[sc.SEC_INFO_BASE] + at
            return np.int64(-1)
        pos = skip_die(info, unit, abbrevs, specs, code, pos, stop)
        unit[sc.RUN_WORK] -= pos - at
        if pos < 0 or unit[sc.RUN_WORK] < 0:
            return np.int64(-1)
        if has_children(abbrevs, code):
            depth += 1
    return pos


@inline
def step_over(info, unit, abbrevs, specs, code, pos):
    """Position behind a child DIE and all below it (its code is read, `pos` is behind it), or -1."""
    stop = unit[sc.U_STOP] - unit[sc.SEC_INFO_BASE]
    unit[sc.RUN_WORK] -= 1
    if unit[sc.RUN_WORK] < 0:
        return np.int64(-1)
    if has_children(abbrevs, code):
        # gcc writes DW_AT_sibling first, so reading on to it is cheap. A lying one only moves us forward, and what is
        # found behind it is checked against the first pass
        x = sc.SPEC_COLUMNS * np.int64(abbrevs[sc.A_COLUMNS * code + sc.A_SPECS])
        if (
            abbrevs[sc.A_COLUMNS * code + sc.A_FLAGS] & sc.AF_SIBLING
            and specs[x + sc.SPEC_AT] == sc.AT_SIBLING
            and specs[x + sc.SPEC_FORM] == dw.DW_FORM_ref4
            and pos + 4 <= stop
        ):
            to = np.int64(read_u32(info, pos, unit[sc.SEC_BIG_ENDIAN]))
            to += unit[sc.U_START] - unit[sc.SEC_INFO_BASE]
            if to > pos and to <= stop:
                return to
    at = pos
    pos = skip_die(info, unit, abbrevs, specs, code, pos, stop)
    unit[sc.RUN_WORK] -= pos - at
    if pos >= 0 and has_children(abbrevs, code):
        pos = skip_children(info, unit, abbrevs, specs, pos)
    return pos


@fused
def next_child(info, unit, abbrevs, specs, pos, classes):
    """The next child, from `pos` on, of one of the classes that `classes` has bits for; others are stepped over.

    Returns
    -------
    (code, pos, at, status) : its abbreviation code, 0 at the children's end; position behind the code; its own
        position.
    """
    stop = unit[sc.U_STOP] - unit[sc.SEC_INFO_BASE]
    while True:
        at = pos
        if at >= stop:
            return np.int64(0), at, at, sc.OK
        code, pos = read_code(info, abbrevs, at)
        if code < 0:
            return code, at, at, unknown_code(info, unit, at)
        if code == 0 or (classes >> class_at(abbrevs, code)) & 1:
            return code, pos, at, sc.OK
        pos = step_over(info, unit, abbrevs, specs, code, pos)
        if pos < 0:
            return code, at, at, sc.PAST_END


@fused
def read_child(s, pos, classes, resolve):
    """Read the next child of one of `classes` into s.die; what is malformed in it is said to be where it stands.

    Returns
    -------
    (code, mask, pos, at, status) : as next_child and read_die; `pos` is behind all that is below the child.
    """
    mask = np.uint64(0)
    code, pos, at, status = next_child(s.info, s.unit, s.abbrevs, s.specs, pos, classes)
    if status != sc.OK or code == 0:
        return code, mask, pos, at, status
    malformed(s.unit, at, sc.OK)
    mask, pos, status = read_attributes(reader_of(s), s.die, code, pos, resolve)
    if status == sc.OK and has_children(s.abbrevs, code):
        pos = skip_children(s.info, s.unit, s.abbrevs, s.specs, pos)
        if pos < 0:
            status = sc.PAST_END
    return code, mask, pos, at, status
