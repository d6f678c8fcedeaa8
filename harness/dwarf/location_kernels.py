"""Compiled readers of parameter locations: expressions (DWARF 5 section 2.6.1) and location lists (section 2.6.2).

A function's parameters say where their values are found; what matters here is which register holds one on entry. The
readings that differ from one version of pahole to the next are all taken, because a location is read once:

    reg         the register of the first entry, or of an entry value anywhere
    reg_pieces  the same for a parameter wider than an address: the first register of a list of pieces, too
    first       the register that the first entry's expression begins with, BEGINS_OTHERWISE if it begins otherwise
    seen        bit r: the first entry is register r alone, or register r is an entry value; SEEN_OTHER: of no register

Each is NO_REG (`seen`: 0) if no entry says so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.accelerate import inline, njit
from harness.dwarf import constants as dw
from harness.dwarf.form_kernels import read_sized, read_u16, read_u32, uleb
from harness.dwarf.state import OK, PAD, TOO_MUCH_WORK

NO_REG = np.int64(-1)
BEGINS_OTHERWISE = np.int64(-2)
SEEN_OTHER = np.uint64(1 << 63)

SPLIT_4 = np.int64(-4)
"""Instead of a version: DWARF 4 in a .dwo file, whose lists have a form of their own."""

BAD_LIST = 1 << 8
"""Status: a location list leaves its section, or has an unknown entry."""

# Columns of a list to read, int64 (lists, L_COLUMNS)
L_LIST_OFF = 0  # in the section of the unit's version; of DW_FORM_loclistx, where its offset stands
L_VERSION = 1  # or SPLIT_4
L_ADDRESS_SIZE = 2
L_OFFSET_SIZE = 3
L_BASE = 4  # of DW_FORM_loclistx what the offset found there is relative to, else -1
L_COLUMNS = 5


class Reading(NamedTuple):
    """What a location says, see above: numbers of one location, columns of many."""

    reg: np.int64 | np.ndarray
    reg_pieces: np.int64 | np.ndarray
    first: np.int64 | np.ndarray
    seen: np.uint64 | np.ndarray


NOTHING = Reading(NO_REG, NO_REG, NO_REG, np.uint64(0))


class ListSections(NamedTuple):
    """Where lists stand.

    Attributes
    ----------
    loc, loclists : uint8
        .debug_loc and .debug_loclists, PAD zeros behind each.
    big : int64
        1 where the file is big endian.
    """

    loc: np.ndarray
    loclists: np.ndarray
    big: np.int64


@inline
def operands_end(buf, pos, stop, op, sizes):
    """Position behind the operands of operation `op`, -1 if it is unknown or they leave the expression."""
    address_size, offset_size = sizes
    if (op >= dw.DW_OP_lit0 and op <= dw.DW_OP_reg31) or op == dw.DW_OP_stack_value:
        return pos
    if (op >= dw.DW_OP_breg0 and op <= dw.DW_OP_breg31) or op == dw.DW_OP_fbreg or op == dw.DW_OP_piece:
        _, pos = uleb(buf, pos)
    elif op == dw.DW_OP_addr:
        pos += address_size
    elif op == 0x06 or (op >= 0x12 and op <= 0x14) or (op >= 0x16 and op <= 0x22) or (op >= 0x24 and op <= 0x27):
        return pos  # deref, the stack, arithmetic
    elif (op >= 0x29 and op <= 0x2E) or (op >= 0x96 and op <= 0x97) or op == 0x9B or op == 0x9C or op == 0xE0:
        return pos  # comparisons, nop, push_object_address, form_tls_address, call_frame_cfa, GNU_push_tls_address
    elif op == 0xF0:
        return pos  # GNU_uninit
    elif op == 0x08 or op == 0x09 or op == 0x15 or op == 0x94 or op == 0x95:
        pos += 1
    elif op == 0x0A or op == 0x0B or op == 0x28 or op == 0x2F or op == 0x98:
        pos += 2
    elif op == 0x0C or op == 0x0D or op == 0x99 or op == 0xFA:
        pos += 4
    elif op == 0x0E or op == 0x0F:
        pos += 8
    elif op == 0x9A or op == 0xFD:
        pos += offset_size
    elif (op == 0x10 or op == 0x11 or op == 0x23 or op == 0x90 or op == 0xA1 or op == 0xA2 or op == 0xA8 or op == 0xA9
          or op == 0xF7 or op == 0xF9 or op == 0xFB or op == 0xFC):
        _, pos = uleb(buf, pos)
    elif op == 0x92 or op == 0x9D or op == 0xA5 or op == 0xF5:
        _, pos = uleb(buf, pos)
        if pos >= stop:
            return np.int64(-1)
        _, pos = uleb(buf, pos)
    elif op == 0x9E or op == dw.DW_OP_entry_value or op == dw.DW_OP_GNU_entry_value:
        n, pos = uleb(buf, pos)
        if pos > stop or n > np.uint64(stop - pos):
            return np.int64(-1)
        pos += np.int64(n)
    elif op == 0xA0 or op == 0xF2:
        pos += offset_size
        if pos >= stop:
            return np.int64(-1)
        _, pos = uleb(buf, pos)
    elif op == 0xA4 or op == 0xF4:
        _, pos = uleb(buf, pos)
        if pos >= stop:
            return np.int64(-1)
        pos += 1 + np.int64(buf[pos])
    elif op == 0xA6 or op == 0xA7 or op == 0xF6:
        _, pos = uleb(buf, pos + 1)
    else:
        return np.int64(-1)
    return pos if pos <= stop else np.int64(-1)


@inline
def is_register(op):
    return op >= dw.DW_OP_reg0 and op <= dw.DW_OP_reg31


@inline
def operations_of(buf, start, stop, sizes):
    """What an expression is made of: how many operations (-1: one is unknown or cut short), the first and the last,
    whether any but the first is DW_OP_stack_value, and the first register that is named at all."""
    n_ops = np.int64(0)
    op0 = np.int64(0)
    last = np.int64(0)
    stack_value = False
    register = NO_REG
    pos = start
    while pos < stop:
        last = np.int64(buf[pos])
        pos = operands_end(buf, pos + 1, stop, last, sizes)
        if pos < 0:
            return np.int64(-1), op0, last, stack_value, register
        if n_ops == 0:
            op0 = last
        elif last == dw.DW_OP_stack_value:
            stack_value = True
        if register < 0 and is_register(last):
            register = last - dw.DW_OP_reg0
        n_ops += 1
    return n_ops, op0, last, stack_value, register


@inline
def entry_value(buf, pos, sizes):
    """(register, bits of `seen`) of an entry value whose block is at `pos`: NO_REG, 0 where nothing can be told."""
    n, inner = uleb(buf, pos)
    if n == 0:
        return NO_REG, np.uint64(0)
    op = np.int64(buf[inner])
    if is_register(op):
        # a register has no operands, so the block is it alone or has more
        if n == 1:
            return op - dw.DW_OP_reg0, np.uint64(1) << np.uint64(op - dw.DW_OP_reg0)
        return NO_REG, np.uint64(0)
    stop = inner + np.int64(n)
    return NO_REG, SEEN_OTHER if operands_end(buf, inner + 1, stop, op, sizes) == stop else np.uint64(0)


@inline
def read_expression(buf, start, stop, sizes, entry, before):
    """Add what one entry of a location says to the Reading of those before it: (Reading, read).

    `entry` is its number in the list, `sizes` are the unit's (address_size, offset_size). `read` is False for an
    expression with an operation that is unknown or cut short: nothing that follows can be told, as for other readers.
    """
    n_ops, op0, last, stack_value, first_piece = operations_of(buf, start, stop, sizes)
    if n_ops <= 0:
        return before, n_ops == 0
    reg, reg_pieces, first, seen = before
    held = NO_REG
    if is_register(op0):
        held = op0 - dw.DW_OP_reg0
    if entry == 0:
        first = held if held >= 0 else BEGINS_OTHERWISE
    alone = n_ops == 1 or (n_ops == 2 and last == dw.DW_OP_stack_value)
    if alone and (op0 == dw.DW_OP_entry_value or op0 == dw.DW_OP_GNU_entry_value):
        held, bits = entry_value(buf, start + 1, sizes)
        if held >= 0:
            if reg < 0:
                reg = held
            if reg_pieces < 0:
                reg_pieces = held
        return Reading(reg, reg_pieces, first, seen | bits), True
    if alone and entry == 0 and held >= 0:
        seen |= np.uint64(1) << np.uint64(held)
    if held < 0 and op0 >= dw.DW_OP_breg0 and op0 <= dw.DW_OP_breg31 and stack_value:
        held = op0 - dw.DW_OP_breg0
    if entry == 0 and held >= 0 and reg < 0:
        reg = held
    if alone:
        if entry == 0 and held >= 0 and reg_pieces < 0:
            reg_pieces = held
    elif reg_pieces < 0 and not (
            (op0 >= dw.DW_OP_lit0 and op0 <= dw.DW_OP_lit31) or op0 == dw.DW_OP_constu or op0 == dw.DW_OP_consts):
        reg_pieces = first_piece
    return Reading(reg, reg_pieces, first, seen), True


@inline
def next_entry(buf, pos, stop, version, address_size, big):
    """The entry of a location list at `pos`: (kind, start and end of its expression, position behind it).

    kind: 0 the list's end, 1 an expression, 2 something without one, -1 malformed.
    """
    if pos >= stop:
        return -1, pos, pos, pos
    if version == SPLIT_4:
        kind = buf[pos]
        pos += 1
        if kind == dw.DW_LLE_GNU_end_of_list_entry:
            return 0, pos, pos, pos
        if kind == dw.DW_LLE_GNU_base_address_selection_entry:
            _, pos = uleb(buf, pos)
            return 2, pos, pos, pos
        if kind == dw.DW_LLE_GNU_start_end_entry:
            _, pos = uleb(buf, pos)
            _, pos = uleb(buf, min(pos, stop))
        elif kind == dw.DW_LLE_GNU_start_length_entry:
            _, pos = uleb(buf, pos)
            pos += 4
        elif kind == dw.DW_LLE_GNU_offset_pair_entry:
            pos += 8
        else:
            return -1, pos, pos, pos
        if pos + 2 > stop:
            return -1, pos, pos, pos
        n = read_u16(buf, pos, big)
        pos += 2
    elif version < 5:
        if pos + 2 * address_size > stop:
            return -1, pos, pos, pos
        low = read_sized(buf, pos, address_size, big)
        high = read_sized(buf, pos + address_size, address_size, big)
        pos += 2 * address_size
        if low == 0 and high == 0:
            return 0, pos, pos, pos
        if low == (np.uint64(0xFFFFFFFF) if address_size == 4 else ~np.uint64(0)):
            return 2, pos, pos, pos
        n = read_u16(buf, pos, big)
        pos += 2
    else:
        kind = buf[pos]
        pos += 1
        if kind == dw.DW_LLE_end_of_list:
            return 0, pos, pos, pos
        if kind == dw.DW_LLE_base_addressx:
            _, pos = uleb(buf, pos)
            return 2, pos, pos, pos
        if kind == dw.DW_LLE_base_address:
            return 2, pos, pos, pos + address_size
        if kind == dw.DW_LLE_start_end:
            pos += 2 * address_size
        elif kind == dw.DW_LLE_start_length:
            _, pos = uleb(buf, min(pos + address_size, stop))
        elif kind == dw.DW_LLE_startx_endx or kind == dw.DW_LLE_startx_length or kind == dw.DW_LLE_offset_pair:
            _, pos = uleb(buf, pos)
            _, pos = uleb(buf, min(pos, stop))
        elif kind != dw.DW_LLE_default_location:
            return -1, pos, pos, pos
        if pos > stop:
            return -1, pos, pos, pos
        n, pos = uleb(buf, pos)
    if pos > stop or n > np.uint64(stop - pos):
        return -1, pos, pos, pos
    return 1, pos, pos + np.int64(n), pos + np.int64(n)


@inline
def list_start(buf, stop, wanted, big):
    """Where a list begins in its section, which ends at `stop`; -1 if that cannot be. `wanted` is its row."""
    pos = wanted[L_LIST_OFF]
    if pos < 0 or pos >= stop:
        return np.int64(-1)
    base = wanted[L_BASE]
    if base < 0:
        return pos
    offset_size = wanted[L_OFFSET_SIZE]
    # the table's length stands right before it (DWARF 5 section 7.29)
    if base < 4 or pos + offset_size > stop or (
            pos - base >= np.int64(read_u32(buf, base - 4, big)) * offset_size):
        return np.int64(-1)
    relative = read_sized(buf, pos, offset_size, big)
    return np.int64(-1) if relative >= np.uint64(stop) else base + np.int64(relative)


@njit
def read_lists(sections, wanted, rows, out, status):
    """Read location lists.

    Parameters
    ----------
    sections : ListSections
    wanted : int64 (lists, L_COLUMNS)
    rows : int64 (lists,)
        Where in `out` each list's reading belongs.
    out : Reading
        Columns: int8 (params,), `seen` uint64.
    status : int64 (4,)
        A status, the list's offset, its version, and how many expressions could not be read.
    """
    big = sections.big
    work = np.int64(64) * (len(sections.loc) + len(sections.loclists) - 2 * PAD) + np.int64(1024) * len(rows)
    for k in range(len(rows)):
        version = wanted[k, L_VERSION]
        address_size = wanted[k, L_ADDRESS_SIZE]
        sizes = (address_size, wanted[k, L_OFFSET_SIZE])
        status[1] = wanted[k, L_LIST_OFF]
        status[2] = version
        buf = sections.loc if version < 5 else sections.loclists
        stop = np.int64(len(buf) - PAD)
        pos = list_start(buf, stop, wanted[k], big)
        if pos < 0:
            status[0] = BAD_LIST
            return
        reading = NOTHING
        entry = np.int64(0)
        readable = True
        while True:
            before = pos
            kind, a, b, pos = next_entry(buf, pos, stop, version, address_size, big)
            work -= pos - before
            if work < 0:
                status[0] = TOO_MUCH_WORK
                return
            if kind < 0:
                status[0] = BAD_LIST
                return
            if kind == 0:
                break
            if kind == 1 and readable:
                reading, readable = read_expression(buf, a, b, sizes, entry, reading)
                if not readable:
                    status[3] += 1
                entry += 1
        i = rows[k]
        out.reg[i] = reading.reg
        out.reg_pieces[i] = reading.reg_pieces
        out.first[i] = reading.first
        out.seen[i] = reading.seen
    status[0] = OK
