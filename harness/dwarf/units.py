"""Unit headers of .debug_info and .debug_types (DWARF 5 section 7.5.1)."""

from __future__ import annotations

import struct

import numpy as np

from harness.dwarf import constants as dw
from harness.dwarf.state import (
    U_ABBREV_OFF,
    U_ADDRESS_SIZE,
    U_COLUMNS,
    U_DIE_OFF,
    U_FILE,
    U_OFFSET_SIZE,
    U_SIGNATURE,
    U_START,
    U_STOP,
    U_TYPE_DIE_OFF,
    U_UNIT_TYPE,
    U_VERSION,
)
from harness.errors import DwarfError

LONGEST_HEADER = 40


def unit_headers(info, n_abbrev):
    """The headers of all units, int64 (units, U_COLUMNS); the columns that a walk fills are 0.

    Parameters
    ----------
    info : harness.dwarf.sections.InfoBytes
        The section's bytes.
    n_abbrev : list of int
        Length of the .debug_abbrev of each file, bytes.

    Raises
    ------
    DwarfError
        A length reaches past the section, a version other than 4 or 5 (2 and 3 have the same header and are read
        too), an address size other than 4 or 8, an abbreviation offset past its section.
    """
    rows = []
    at = 0
    end = "<" if info.little_endian else ">"
    while at < info.nbytes:
        head = info.head(at, LONGEST_HEADER)

        def error(message, where=at):
            return DwarfError(message, info.path(where), info.section_name(where), info.section_offset(where))

        def take(fmt, pos, head=head, error=error):
            n = struct.calcsize(end + fmt)
            if pos + n > len(head):
                raise error(f"expected a unit header, found the end of the section after {len(head)} bytes")
            return struct.unpack_from(end + fmt, head, pos)[0], pos + n

        length, pos = take("I", 0)
        offset_size = 4
        if length == 0xFFFFFFFF:
            length, pos = take("Q", pos)
            offset_size = 8
        elif length >= 0xFFFFFFF0:
            raise error(f"expected a unit_length below 0xfffffff0 or the 64-bit escape, found {length:#x}")
        stop = at + pos + length
        limit = info.section_stop(at)
        if stop > limit:
            raise error(f"expected a unit of at most {limit - at - pos} bytes, found unit_length {length:#x}")
        if length == 0:
            at = stop
            continue
        if stop - at > 0xFFFFFFFF:
            raise error("expected units below 4 GiB, found a larger one")
        word = "I" if offset_size == 4 else "Q"
        version, pos = take("H", pos)
        signature = type_die = 0
        if 2 <= version <= 4:
            kind = dw.DW_UT_type if info.in_types(at) else dw.DW_UT_compile
            abbrev, pos = take(word, pos)
            address_size, pos = take("B", pos)
        elif version == 5:
            kind, pos = take("B", pos)
            address_size, pos = take("B", pos)
            abbrev, pos = take(word, pos)
            if kind in (dw.DW_UT_skeleton, dw.DW_UT_split_compile):
                signature, pos = take("Q", pos)
        else:
            raise error(f"expected DWARF version 2 to 5, found {version}")
        if kind in (dw.DW_UT_type, dw.DW_UT_split_type):
            signature, pos = take("Q", pos)
            type_die, pos = take(word, pos)
        if address_size not in (4, 8):
            raise error(f"expected an address size of 4 or 8, found {address_size}")
        file = info.file(at)
        if abbrev >= n_abbrev[file]:
            raise error(f"expected debug_abbrev_offset below {n_abbrev[file]:#x}, found {abbrev:#x}")
        if at + pos > stop:
            raise error("expected a unit header, found the end of the unit")
        row = np.zeros(U_COLUMNS, np.int64)
        row[U_START] = at
        row[U_FILE] = file
        row[U_DIE_OFF] = at + pos
        row[U_STOP] = stop
        row[U_VERSION] = version
        row[U_UNIT_TYPE] = kind
        row[U_ADDRESS_SIZE] = address_size
        row[U_OFFSET_SIZE] = offset_size
        row[U_ABBREV_OFF] = abbrev
        row[U_SIGNATURE] = np.array([signature], np.uint64).view(np.int64)[0]
        row[U_TYPE_DIE_OFF] = at + min(type_die, stop - at)
        rows.append(row)
        at = stop
    return np.array(rows, np.int64).reshape(len(rows), U_COLUMNS)
