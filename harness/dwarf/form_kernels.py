"""Compiled readers of forms: numbers of either byte order, LEB128, how far a form reaches, strings and addresses.

Every function trusts only what it has checked itself. Buffers carry PAD zero bytes behind their end, so that a read
that starts within the unit cannot leave the buffer; a position past the unit's end is then reported as malformed.
That is data: a status and the section offset, never an exception.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import fused, inline
from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.model.hash_kernels import bytes_hash, same_run


@inline
def read_u16(buf, pos, big):
    if big:
        return np.uint64((np.uint32(buf[pos]) << np.uint32(8)) | np.uint32(buf[pos + 1]))
    return np.uint64(np.uint32(buf[pos]) | (np.uint32(buf[pos + 1]) << np.uint32(8)))


@inline
def read_u32(buf, pos, big):
    if big:
        return np.uint64(
            (np.uint32(buf[pos]) << np.uint32(24))
            | (np.uint32(buf[pos + 1]) << np.uint32(16))
            | (np.uint32(buf[pos + 2]) << np.uint32(8))
            | np.uint32(buf[pos + 3])
        )
    return np.uint64(
        np.uint32(buf[pos])
        | (np.uint32(buf[pos + 1]) << np.uint32(8))
        | (np.uint32(buf[pos + 2]) << np.uint32(16))
        | (np.uint32(buf[pos + 3]) << np.uint32(24))
    )


@inline
def read_u64(buf, pos, big):
    first = read_u32(buf, pos, big)
    second = read_u32(buf, pos + 4, big)
    if big:
        return (first << np.uint64(32)) | second
    return first | (second << np.uint64(32))


@inline
def read_sized(buf, pos, size, big):
    """An unsigned number of 1, 2, 4 or 8 bytes."""
    if size == 1:
        return np.uint64(buf[pos])
    if size == 2:
        return read_u16(buf, pos, big)
    if size == 4:
        return read_u32(buf, pos, big)
    return read_u64(buf, pos, big)


@inline
def uleb(buf, pos):
    """(value, position behind it) of a ULEB128 number; bits past 64 are dropped (DWARF 5 section 7.6)."""
    byte = buf[pos]
    pos += 1
    value = np.uint64(byte & np.uint8(127))
    shift = np.uint64(7)
    while byte >= 128 and shift < 70:
        byte = buf[pos]
        pos += 1
        if shift < 64:
            value |= np.uint64(byte & np.uint8(127)) << shift
        shift += np.uint64(7)
    return value, pos


@inline
def sleb(buf, pos):
    """(value as two's complement, position behind it) of an SLEB128 number."""
    value = np.uint64(0)
    shift = np.uint64(0)
    byte = np.uint8(128)
    while byte >= 128 and shift < 70:
        byte = buf[pos]
        pos += 1
        if shift < 64:
            value |= np.uint64(byte & np.uint8(127)) << shift
        shift += np.uint64(7)
    if shift < 64 and byte & np.uint8(64):
        value |= ~np.uint64(0) << shift
    return value, pos


@inline
def sum_of(a, b):
    """a + b modulo 2**64 of two uint64; uncompiled, numpy warns of a plain sum that wraps."""
    low = (a & np.uint64(0xFFFFFFFF)) + (b & np.uint64(0xFFFFFFFF))
    high = (a >> np.uint64(32)) + (b >> np.uint64(32)) + (low >> np.uint64(32))
    return (high << np.uint64(32)) | (low & np.uint64(0xFFFFFFFF))


@inline
def skip_of(form, address_size, offset_size, version):
    """How far a form reaches: a number of bytes, or SKIP_* (DWARF 5 section 7.5.6)."""
    if (form == dw.DW_FORM_data1 or form == dw.DW_FORM_ref1 or form == dw.DW_FORM_flag or form == dw.DW_FORM_strx1
            or form == dw.DW_FORM_addrx1):
        return 1
    if (form == dw.DW_FORM_data2 or form == dw.DW_FORM_ref2 or form == dw.DW_FORM_strx2
            or form == dw.DW_FORM_addrx2):
        return 2
    if form == dw.DW_FORM_strx3 or form == dw.DW_FORM_addrx3:
        return 3
    if (form == dw.DW_FORM_data4 or form == dw.DW_FORM_ref4 or form == dw.DW_FORM_strx4
            or form == dw.DW_FORM_addrx4 or form == dw.DW_FORM_ref_sup4):
        return 4
    if (form == dw.DW_FORM_data8 or form == dw.DW_FORM_ref8 or form == dw.DW_FORM_ref_sig8
            or form == dw.DW_FORM_ref_sup8):
        return 8
    if form == dw.DW_FORM_data16:
        return 16
    if form == dw.DW_FORM_flag_present or form == dw.DW_FORM_implicit_const:
        return 0
    if form == dw.DW_FORM_addr:
        return address_size
    if (form == dw.DW_FORM_strp or form == dw.DW_FORM_line_strp or form == dw.DW_FORM_sec_offset
            or form == dw.DW_FORM_strp_sup or form == dw.DW_FORM_GNU_ref_alt or form == dw.DW_FORM_GNU_strp_alt):
        return offset_size
    if form == dw.DW_FORM_ref_addr:
        return address_size if version <= 2 else offset_size
    if (form == dw.DW_FORM_udata or form == dw.DW_FORM_sdata or form == dw.DW_FORM_ref_udata
            or form == dw.DW_FORM_strx or form == dw.DW_FORM_addrx or form == dw.DW_FORM_loclistx
            or form == dw.DW_FORM_rnglistx or form == dw.DW_FORM_GNU_addr_index
            or form == dw.DW_FORM_GNU_str_index):
        return sc.SKIP_LEB
    if form == dw.DW_FORM_string:
        return sc.SKIP_STRING
    if form == dw.DW_FORM_exprloc or form == dw.DW_FORM_block:
        return sc.SKIP_BLOCK
    if form == dw.DW_FORM_block1:
        return sc.SKIP_BLOCK1
    if form == dw.DW_FORM_block2:
        return sc.SKIP_BLOCK2
    if form == dw.DW_FORM_block4:
        return sc.SKIP_BLOCK4
    if form == dw.DW_FORM_indirect:
        return sc.SKIP_INDIRECT
    return sc.SKIP_UNKNOWN


@inline
def form_size(unit, form):
    """What skip_of says of a form in the unit at hand."""
    return np.int64(skip_of(form, unit[sc.U_ADDRESS_SIZE], unit[sc.U_OFFSET_SIZE], unit[sc.U_VERSION]))


@inline
def is_string_index(form):
    return (form == dw.DW_FORM_strx or form == dw.DW_FORM_GNU_str_index
            or (form >= dw.DW_FORM_strx1 and form <= dw.DW_FORM_strx4))


@inline
def is_text(form):
    """Whether an attribute's value is a string."""
    return (form == dw.DW_FORM_string or form == dw.DW_FORM_strp or form == dw.DW_FORM_line_strp
            or form == dw.DW_FORM_strp_sup or is_string_index(form))


@inline
def joined(unit, form):
    """(form, what its value is relative to) as if the files that are read together were one.

    References and strings of a supplementary file have the forms of DWARF 5 in either version.
    """
    if form == dw.DW_FORM_ref_addr:
        return np.int64(form), unit[sc.SEC_FILE_BASE]
    if form == dw.DW_FORM_GNU_ref_alt or form == dw.DW_FORM_ref_sup4 or form == dw.DW_FORM_ref_sup8:
        return np.int64(dw.DW_FORM_ref_addr), unit[sc.SEC_SUP_BASE]
    if form == dw.DW_FORM_GNU_strp_alt:
        return np.int64(dw.DW_FORM_strp_sup), np.int64(0)
    return np.int64(form), np.int64(0)


@inline
def is_address_index(form):
    return (form == dw.DW_FORM_addrx or form == dw.DW_FORM_GNU_addr_index
            or (form >= dw.DW_FORM_addrx1 and form <= dw.DW_FORM_addrx4))


@inline
def is_constant(form):
    """Whether an attribute's value is a number and not a block or a reference."""
    return (
        (form >= dw.DW_FORM_data2 and form <= dw.DW_FORM_data8)
        or form == dw.DW_FORM_data1
        or form == dw.DW_FORM_sdata
        or form == dw.DW_FORM_udata
        or form == dw.DW_FORM_implicit_const
    )


@inline
def string_end(buf, pos, stop):
    """Position behind the NUL of the string at `pos`, or -1 if there is none before `stop`."""
    while pos < stop:
        if buf[pos] == 0:
            return pos + 1
        pos += 1
    return np.int64(-1)


@inline
def skip_variable(buf, unit, pos, stop, op):
    """Position behind a form of variable length, or -1."""
    if op == sc.SKIP_INDIRECT:
        form, pos = uleb(buf, pos)
        if form > 0xFFFF or form == dw.DW_FORM_indirect or form == dw.DW_FORM_implicit_const or pos > stop:
            return np.int64(-1)
        op = form_size(unit, np.int64(form))
        if op >= 0:
            return pos + op
        if op == sc.SKIP_INDIRECT or op == sc.SKIP_UNKNOWN:
            return np.int64(-1)
    if op == sc.SKIP_LEB:
        _, pos = uleb(buf, pos)
        return pos
    if op == sc.SKIP_STRING:
        end = string_end(buf, pos, stop)
        unit[sc.RUN_WORK] -= end - pos if end > pos else stop - pos
        return end if unit[sc.RUN_WORK] >= 0 else np.int64(-1)
    if op == sc.SKIP_BLOCK:
        length, pos = uleb(buf, pos)
    elif op == sc.SKIP_BLOCK1:
        length = np.uint64(buf[pos])
        pos += 1
    elif op == sc.SKIP_BLOCK2:
        length = read_u16(buf, pos, unit[sc.SEC_BIG_ENDIAN])
        pos += 2
    else:
        length = read_u32(buf, pos, unit[sc.SEC_BIG_ENDIAN])
        pos += 4
    if pos > stop or length > np.uint64(stop - pos):
        return np.int64(-1)
    return pos + np.int64(length)


@inline
def block_start(buf, pos, op):
    """Position of the first byte of a block whose length stands at `pos`."""
    if op == sc.SKIP_BLOCK:
        _, pos = uleb(buf, pos)
    elif op == sc.SKIP_BLOCK1:
        pos += 1
    elif op == sc.SKIP_BLOCK2:
        pos += 2
    elif op == sc.SKIP_BLOCK4:
        pos += 4
    return pos


@inline
def intern_inline(pool, pool_hash, unit, buf, start, stop):
    """Offset of a string (without NUL, buf[start:stop]) in the pool, or -1 when the pool is full."""
    mask = np.uint32(len(pool_hash) - 1)
    at = bytes_hash(buf, start, stop) & mask
    n = stop - start
    while pool_hash[at] != 0:
        off = np.int64(pool_hash[at]) - 1
        if off + n < len(pool) and pool[off + n] == 0 and same_run(pool, off, buf, start, n):
            return off
        at = (at + np.uint32(1)) & mask
    off = unit[sc.RUN_POOL_NBYTES]
    if off + n + 1 > len(pool) - sc.PAD or 2 * (unit[sc.RUN_POOL_STRINGS] + 1) > len(pool_hash):
        return np.int64(-1)
    for i in range(n):
        pool[off + i] = buf[start + i]
    pool[off + n] = 0
    unit[sc.RUN_POOL_NBYTES] = off + n + 1
    unit[sc.RUN_POOL_STRINGS] += 1
    pool_hash[at] = np.uint32(off + 1)
    return off


@inline
def indexed_string(sections, unit, index):
    """Where in `sections` string `index` of the unit is (DWARF 5 section 7.26), or -1."""
    if index > np.uint64(1 << 40):
        return np.int64(-1)
    size = unit[sc.U_OFFSET_SIZE]
    at = unit[sc.U_STR_BASE] + np.int64(index) * size
    if at < 0 or at + size > unit[sc.SEC_STR_OFFSETS_NBYTES]:
        return np.int64(-1)
    off = read_sized(sections, unit[sc.SEC_STR_OFFSETS] + at, size, unit[sc.SEC_BIG_ENDIAN])
    return unit[sc.SEC_STR] + np.int64(off) if off < np.uint64(unit[sc.SEC_STR_NBYTES]) else np.int64(-1)


@inline
def indexed_address(sections, unit, index):
    """(address, found) of entry `index` of the unit's part of .debug_addr (DWARF 5 section 7.27)."""
    if index > np.uint64(1 << 40):
        return np.uint64(0), False
    size = unit[sc.U_ADDRESS_SIZE]
    at = unit[sc.U_ADDR_BASE] + np.int64(index) * size
    if at < 0 or at + size > unit[sc.SEC_ADDR_NBYTES]:
        return np.uint64(0), False
    return read_sized(sections, unit[sc.SEC_ADDR] + at, size, unit[sc.SEC_BIG_ENDIAN]), True


@fused
def string_name(sections, unit, form, value, string_marks):
    """Name of a string that stands in a string section, or -1 when its offset lies outside."""
    at = np.int64(-1)
    if form == dw.DW_FORM_strp:
        if value < np.uint64(unit[sc.SEC_STR_NBYTES]):
            at = unit[sc.SEC_STR] + np.int64(value)
    elif form == dw.DW_FORM_line_strp:
        if value < np.uint64(unit[sc.SEC_LINE_STR_NBYTES]):
            at = unit[sc.SEC_LINE_STR] + np.int64(value)
    elif form == dw.DW_FORM_strp_sup:
        if value < np.uint64(unit[sc.SEC_SUP_STR_NBYTES]):
            at = unit[sc.SEC_SUP_STR] + np.int64(value)
    elif is_string_index(form):
        at = indexed_string(sections, unit, value)
    if at < 0:
        return at
    known = string_marks[at]
    if known == 0:
        # looked at once: most names recur thousands of times, and `sections` is no longer in the cache by then
        known = sc.IS_EMPTY if sections[at] == 0 else sc.IS_NAME
        string_marks[at] = known
    return at if known == sc.IS_NAME else np.int64(0)


@inline
def name_is(s, name, literal):
    """Whether a name equals a bytes literal given as a uint8 array."""
    if name == 0:
        return False
    if name & np.uint64(sc.POOL_FLAG):
        at = np.int64(name & np.uint64(0x7FFFFFFF))
        for i in range(len(literal)):
            if s.pool[at + i] != literal[i]:
                return False
        return s.pool[at + len(literal)] == 0
    at = np.int64(name)
    for i in range(len(literal)):
        if s.sections[at + i] != literal[i]:
            return False
    return s.sections[at + len(literal)] == 0
