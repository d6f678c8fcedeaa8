"""Compiled readers of line number program headers: where the paths of the files asked for are written.

As in die_kernels, nothing is trusted: every read starts within the header, no fixed-size read is longer than the PAD
zero bytes behind the buffer, and a position past the header's end is then malformed: a status and a section offset.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline, njit
from harness.dwarf import constants as dw
from harness.dwarf.form_kernels import read_sized, uleb

DW_LNCT_path = 1
DW_LNCT_directory_index = 2

# Status of a program; the texts are in lines.py. Numpy scalars, here and below: numba would compile a function anew for
# every Python constant it is called with
OK = np.int64(0)
PAST_END = np.int64(1)
BAD_FILE = np.int64(2)
BAD_DIRECTORY = np.int64(3)
UNSUPPORTED = np.int64(4)

ZERO = np.int64(0)
FOUR = np.int64(4)

# Columns of the program matrix, int64 (programs, PROGRAM_COLUMNS): indexes in the buffer unless said otherwise
PROGRAM_BASE = 0  # what to add to an index of this program for its section offset
PROGRAM_TABLES = 1  # of the byte behind header_length
PROGRAM_STOP = 2  # of the byte behind the header
PROGRAM_VERSION = 3
PROGRAM_OFFSET_SIZE = 4
PROGRAM_FIRST = 5  # the files asked for: [first, last) of the sorted queries, half-open
PROGRAM_LAST = 6
PROGRAM_COLUMNS = 7

# Columns of the result, int64 (files asked for, O_COLUMNS)
O_ROOT = 0  # place of directory 0
O_FOLDER = 1  # place of the file's directory, NONE for directory 0
O_NAME = 2  # place of its name, NONE if nothing is known of the file
O_ROOT_AT = 3  # section offsets of what says so
O_FOLDER_AT = 4
O_NAME_AT = 5
O_COLUMNS = 6

# A place of a string: 4 * offset + the section that the offset is in
NONE = np.int64(-1)
IN_BUFFER = np.int64(0)  # DW_FORM_string: the offset is an index in the buffer
IN_LINE_STR = np.int64(1)
IN_STR = np.int64(2)
NO_FILE = np.uint32(0xFFFFFFFF)
"""A file number that is none: in version 5 the number 0 is a file."""

LARGEST_OFFSET = 1 << 60
"""Stands for this offset and all larger ones, which lie in no section."""

# Further values of form_value's kind
NUMBER = np.int64(3)
OTHER = np.int64(4)

FORMAT_WORDS = 2 * 256
"""Content types and forms of one table: their count is a byte."""

DIRECTORY_WORDS = 2  # of a directory: its place, and the section offset of what says so

# Words that say what is malformed
MALFORMED_OFF = 0  # section offset
MALFORMED_FOUND = 1
MALFORMED_LIMIT = 2  # what should have been found is below
MALFORMED_WORDS = 3


@inline
def clipped(value):
    """An offset, count or index as int64, at most LARGEST_OFFSET."""
    if value > np.uint64(LARGEST_OFFSET):
        return np.int64(LARGEST_OFFSET)
    return np.int64(value)


@inline
def behind_string(buf, pos, stop):
    """Index behind the NUL of the string at pos, stop + 1 if it has none."""
    while pos < stop:
        if buf[pos] == 0:
            return pos + 1
        pos += 1
    return stop + 1


@inline
def fixed_size(form, offset_size):
    """Bytes of a form whose size is fixed, else 0."""
    if (form == dw.DW_FORM_line_strp or form == dw.DW_FORM_strp or form == dw.DW_FORM_sec_offset
            or form == dw.DW_FORM_strp_sup or form == dw.DW_FORM_GNU_strp_alt):
        return offset_size
    if form == dw.DW_FORM_data16:
        return np.int64(16)
    if form == dw.DW_FORM_data1 or form == dw.DW_FORM_strx1 or form == dw.DW_FORM_flag:
        return np.int64(1)
    if form == dw.DW_FORM_data2 or form == dw.DW_FORM_strx2:
        return np.int64(2)
    if form == dw.DW_FORM_strx3:
        return np.int64(3)
    if form == dw.DW_FORM_data4 or form == dw.DW_FORM_strx4:
        return np.int64(4)
    if form == dw.DW_FORM_data8:
        return np.int64(8)
    return ZERO


@inline
def fixed_kind(form):
    """What a form of fixed size holds."""
    if form == dw.DW_FORM_line_strp:
        return IN_LINE_STR
    if form == dw.DW_FORM_strp:
        return IN_STR
    if (form == dw.DW_FORM_data1 or form == dw.DW_FORM_data2 or form == dw.DW_FORM_data4
            or form == dw.DW_FORM_data8):
        return NUMBER
    return OTHER


@inline
def form_value(buf, pos, stop, form, offset_size, big):
    """(kind, value, index behind it) of an entry's field; the index is negative if the form is unknown."""
    size = fixed_size(form, offset_size)
    if size > 0:
        kind = fixed_kind(form)
        if kind == OTHER:
            return OTHER, ZERO, pos + size
        return kind, clipped(read_sized(buf, pos, size, big)), pos + size
    if form == dw.DW_FORM_string:
        return IN_BUFFER, pos, behind_string(buf, pos, stop)
    if form == dw.DW_FORM_block1 or form == dw.DW_FORM_block2 or form == dw.DW_FORM_block4:
        size = np.int64(1 if form == dw.DW_FORM_block1 else 2 if form == dw.DW_FORM_block2 else 4)
        length = read_sized(buf, pos, size, big)
        pos += size
    elif (form == dw.DW_FORM_udata or form == dw.DW_FORM_block or form == dw.DW_FORM_exprloc
            or form == dw.DW_FORM_strx or form == dw.DW_FORM_sdata or form == dw.DW_FORM_GNU_str_index):
        length, pos = uleb(buf, pos)
        if form == dw.DW_FORM_udata:
            return NUMBER, clipped(length), pos
        if form != dw.DW_FORM_block and form != dw.DW_FORM_exprloc:
            return OTHER, ZERO, pos
    else:
        return OTHER, ZERO, np.int64(-1)
    if pos > stop or length > np.uint64(stop - pos):
        return OTHER, ZERO, stop + 1
    return OTHER, ZERO, pos + np.int64(length)


@inline
def read_format(buf, pos, stop, formats):
    """(number of fields, index behind) of an entry format; the index is past stop if the format is."""
    if pos >= stop:
        return ZERO, stop + 1
    n = np.int64(buf[pos])
    pos += 1
    for k in range(2 * n):
        if pos >= stop:
            return ZERO, stop + 1
        value, pos = uleb(buf, pos)
        formats[k] = clipped(value)
    return n, pos


@inline
def read_count(buf, pos, stop):
    """(number of entries, index behind); the index is past stop if the number is."""
    if pos >= stop:
        return ZERO, stop + 1
    value, pos = uleb(buf, pos)
    return clipped(value), pos


@inline
def read_entry(buf, pos, stop, formats, n_fields, offset_size, big):
    """(place of the path, index of its field, directory index, index behind) of an entry of version 5.

    The index behind is negative if a form is unknown, past stop if the entry is.
    """
    place = NONE
    at = pos
    folder = ZERO
    for k in range(n_fields):
        if pos >= stop:
            return place, at, folder, stop + 1
        field = pos
        kind, value, pos = form_value(buf, pos, stop, formats[2 * k + 1], offset_size, big)
        if pos < 0 or pos > stop:
            return place, at, folder, pos
        if formats[2 * k] == DW_LNCT_path:
            at = field
            place = FOUR * value + kind if kind <= IN_STR else NONE
        elif formats[2 * k] == DW_LNCT_directory_index and kind == NUMBER:
            folder = value
    return place, at, folder, pos


@inline
def malformed_at(malformed, offset, found, limit, status):
    """Note what is malformed and where; returns the status."""
    malformed[MALFORMED_OFF] = offset
    malformed[MALFORMED_FOUND] = found
    malformed[MALFORMED_LIMIT] = limit
    return status


@inline
def put_file(out, row, dirs, n_dirs, n_known, folder, place, at, malformed):
    """Write the result of one file; status. The first n_known of n_dirs directories are in `dirs`."""
    if folder > 0 and folder >= n_dirs:
        return malformed_at(malformed, at, folder, n_dirs, BAD_DIRECTORY)
    if place == NONE or (folder > 0 and (folder >= n_known or dirs[DIRECTORY_WORDS * folder] == NONE)):
        return OK
    if n_known > 0:
        out[row, O_ROOT] = dirs[0]
        out[row, O_ROOT_AT] = dirs[1]
    if folder > 0:
        out[row, O_FOLDER] = dirs[DIRECTORY_WORDS * folder]
        out[row, O_FOLDER_AT] = dirs[DIRECTORY_WORDS * folder + 1]
    out[row, O_NAME] = place
    out[row, O_NAME_AT] = at
    return OK


@inline
def read_tables_5(buf, pos, program, files, out, dirs, formats, big, malformed):
    """The tables of version 5 (DWARF 5 section 6.2.4.1); status."""
    base, stop, offset_size = program[PROGRAM_BASE], program[PROGRAM_STOP], program[PROGRAM_OFFSET_SIZE]
    n_fields, pos = read_format(buf, pos, stop, formats)
    n_dirs, pos = read_count(buf, pos, stop)
    n_known = n_dirs if n_fields > 0 else ZERO  # a table may say how many there are and nothing of them
    for k in range(n_known):
        if pos > stop:
            break
        place, at, _, pos = read_entry(buf, pos, stop, formats, n_fields, offset_size, big)
        if pos < 0:
            return UNSUPPORTED
        if pos <= stop:
            dirs[DIRECTORY_WORDS * k] = place
            dirs[DIRECTORY_WORDS * k + 1] = base + at
    if pos > stop:
        return malformed_at(malformed, base + stop, ZERO, ZERO, PAST_END)
    n_fields, pos = read_format(buf, pos, stop, formats)
    n_files, pos = read_count(buf, pos, stop)
    row, last = program[PROGRAM_FIRST], program[PROGRAM_LAST]
    for k in range(n_files if n_fields > 0 else ZERO):
        if pos > stop:
            break
        place, at, folder, pos = read_entry(buf, pos, stop, formats, n_fields, offset_size, big)
        if pos < 0:
            for done in range(program[PROGRAM_FIRST], row):
                out[done, O_NAME] = NONE
            return UNSUPPORTED
        if row < last and np.int64(files[row]) == k and pos <= stop:
            status = put_file(out, row, dirs, n_dirs, n_known, folder, place, base + at, malformed)
            if status != OK:
                return status
            row += 1
    if pos > stop:
        return malformed_at(malformed, base + stop, ZERO, ZERO, PAST_END)
    if row < last and np.int64(files[last - 1]) >= n_files:
        return malformed_at(malformed, base + program[PROGRAM_TABLES], np.int64(files[last - 1]), n_files, BAD_FILE)
    return OK


@inline
def read_tables_2(buf, pos, program, files, out, dirs, malformed):
    """The tables of versions 2 to 4 (DWARF 4 section 6.2.4): strings up to an empty one, numbered from 1; status."""
    base, stop = program[PROGRAM_BASE], program[PROGRAM_STOP]
    n_dirs = np.int64(1)
    dirs[0] = NONE
    dirs[1] = 0
    while pos < stop and buf[pos] != 0:
        dirs[DIRECTORY_WORDS * n_dirs] = FOUR * pos + IN_BUFFER
        dirs[DIRECTORY_WORDS * n_dirs + 1] = base + pos
        pos = behind_string(buf, pos, stop)
        n_dirs += 1
    pos += 1
    row, last = program[PROGRAM_FIRST], program[PROGRAM_LAST]
    if row < last and files[row] == 0:
        row += 1
    number = np.int64(1)
    while pos < stop and buf[pos] != 0:
        at = pos
        folder = ZERO
        pos = behind_string(buf, pos, stop)
        for k in range(3):  # directory, time of last change, length
            if pos >= stop:
                return malformed_at(malformed, base + stop, ZERO, ZERO, PAST_END)
            value, pos = uleb(buf, pos)
            if k == 0:
                folder = clipped(value)
        if row < last and np.int64(files[row]) == number:
            status = put_file(out, row, dirs, n_dirs, n_dirs, folder, FOUR * at + IN_BUFFER, base + at, malformed)
            if status != OK:
                return status
            row += 1
        number += 1
    if pos >= stop:
        return malformed_at(malformed, base + stop, ZERO, ZERO, PAST_END)
    if row < last:
        return malformed_at(malformed, base + program[PROGRAM_TABLES], np.int64(files[last - 1]), number, BAD_FILE)
    return OK


@njit
def find_files(buf, programs, files, out, dirs, formats, big, malformed):
    """Where the path of each file asked for is written; the status of the first program that is malformed, or OK.

    buf : uint8, the headers behind one another, PAD zero bytes behind the last
    programs : int64 (programs, PROGRAM_COLUMNS)
    files : uint32 (n,), file numbers, ascending within a program and each only once
    out : int64 (n, O_COLUMNS), NONE everywhere; stays so where a program is of an unsupported kind
    dirs : int64, DIRECTORY_WORDS words for each byte of the longest header, and one more directory
    formats : int64 (FORMAT_WORDS,)
    malformed : int64 (MALFORMED_WORDS,)
    """
    for p in range(len(programs)):
        program = programs[p]
        stop = program[PROGRAM_STOP]
        # minimum_instruction_length, since version 4 maximum_operations_per_instruction, default_is_stmt, line_base,
        # line_range, opcode_base and the lengths of the standard opcodes, of which there is one less
        pos = program[PROGRAM_TABLES] + (5 if program[PROGRAM_VERSION] >= 4 else 4)
        if pos < stop:
            pos += max(np.int64(buf[pos]), 1)
        if pos >= stop:
            return malformed_at(malformed, program[PROGRAM_BASE] + stop, ZERO, ZERO, PAST_END)
        if program[PROGRAM_VERSION] >= 5:
            status = read_tables_5(buf, pos, program, files, out, dirs, formats, big, malformed)
        else:
            status = read_tables_2(buf, pos, program, files, out, dirs, malformed)
        if status != OK and status != UNSUPPORTED:
            return status
    return OK
