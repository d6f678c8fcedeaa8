"""Paths of source files: reads the headers of line number programs that DW_AT_decl_file counts in."""

from __future__ import annotations

import posixpath

import numpy as np

from harness.dwarf import line_kernels as lk
from harness.dwarf.state import PAD
from harness.errors import DwarfError

LONGEST_HEAD = 24
"""Bytes up to the end of header_length: 12 of unit_length, 2 of version, 2 of sizes, 8 of header_length."""

WORK_PER_BYTE = 64
WORK_AT_LEAST = 1 << 20
"""How many bytes of paths the sections may give: strings and directories may be shared, but not without end."""

MALFORMED = {
    lk.PAST_END: "expected the tables of directories and files within the header, found its end",
    lk.BAD_FILE: "expected a file number below {limit}, found {found}",
    lk.BAD_DIRECTORY: "expected a directory index below {limit}, found {found}",
}


def source_files(image, unit_line_off, unit, file):
    """Paths of source files by DW_AT_decl_file.

    Parameters
    ----------
    image : harness.elf.ElfImage
    unit_line_off : int64 (units,)
        DW_AT_stmt_list: offset of each unit's line number program in .debug_line, bytes; -1 if it has none.
    unit : int32 (n,)
        Unit of each query.
    file : uint32 (n,)
        DW_AT_decl_file: numbered from 0 in version 5 of the program, from 1 in versions 2 to 4, where 0 is no file.
        line_kernels.NO_FILE where there is no such attribute.

    Returns
    -------
    paths : list of str
        Distinct paths, ordered by the first (program, file number) that has them; ``paths[0]`` is "". Normalised as
        by posixpath.normpath and relative to directory 0, the compilation directory, where they lie in it; bytes that
        are not UTF-8 are surrogates (PEP 383).
    which : int32 (n,)
        Index in `paths` of each query. 0 where nothing is known: no program, no .debug_line, no attribute, file 0
        before version 5, a version or form that is not supported, such as DW_FORM_strx.

    Raises
    ------
    DwarfError
        A header or table reaches past its end, or a program into another one; a file number, directory index or
        string offset lies past the end of its table or section.
    ElfError
        A section cannot be read or decompressed.

    Notes
    -----
    Only the headers of the programs asked for are read. That takes about 0.1 s for a 6.12 kernel: 2,401 programs,
    2.2 MB of headers, 43,000 distinct pairs of program and file.

    Before version 5 directory 0 is not in the table (it is the unit's DW_AT_comp_dir): absolute paths stay so there.
    Files that a program adds by DW_LNE_define_file, which no compiler uses, are not known.

    Source: DWARF 5 sections 2.14 (declaration coordinates) and 6.2.4 (the line number program header);
    DWARF 4 section 6.2.4.
    """
    which = np.zeros(len(unit), np.int32)
    section = image.debug_section("line")
    line = np.asarray(unit_line_off, np.int64)[unit]
    file = np.asarray(file, np.uint32)
    asked = np.flatnonzero((line >= 0) & (file != lk.NO_FILE))
    if section is None or len(asked) == 0:
        return [""], which
    starts, program = np.unique(line[asked], return_inverse=True)
    pairs, pair = np.unique(program.astype(np.uint64) << np.uint64(32) | file[asked],
                            return_inverse=True)
    files = (pairs & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    first = np.searchsorted(pairs >> np.uint64(32), np.arange(len(starts) + 1, dtype=np.uint64))
    data = _Contents(image, section)
    buf, programs = _headers(data, starts, first)
    out = np.full((len(pairs), lk.O_COLUMNS), lk.NONE, np.int64)
    longest = int((programs[:, lk.PROGRAM_STOP] - programs[:, lk.PROGRAM_TABLES]).max(initial=0))
    malformed = np.zeros(lk.MALFORMED_WORDS, np.int64)
    status = lk.find_files(buf, programs, files, out, np.empty(lk.DIRECTORY_WORDS * (longest + 1), np.int64),
                           np.empty(lk.FORMAT_WORDS, np.int64), np.int64(not image.little_endian), malformed)
    if status != lk.OK:
        offset, found, limit = malformed.tolist()
        raise DwarfError(MALFORMED[status].format(found=found, limit=limit), image.path, section.name, offset)
    paths, of_pair = _Paths(image, data, buf).of(out)
    which[asked] = of_pair[pair]
    return paths, which


def function_sources(files, walk, dies):
    """Paths of the source files of functions, as `source_files` has them.

    Parameters
    ----------
    files : harness.dwarf.files.DwarfFiles
    walk : harness.dwarf.Walk
    dies : int64 (n,)
        Rows of its Functions.
    """
    unit, file = walk.functions.file_unit[dies], walk.functions.file[dies]
    if len(files.parts) == 1:
        return source_files(files.parts[0].image, walk.unit_line_off, unit, file)
    ids, which = {"": 0}, np.zeros(len(dies), np.int32)
    for number in np.unique(walk.line_file[unit]).tolist():
        mine = np.flatnonzero(walk.line_file[unit] == number)
        paths, of_mine = source_files(files.parts[number].image, walk.unit_line_off, unit[mine], file[mine])
        which[mine] = np.array([ids.setdefault(path, len(ids)) for path in paths], np.int32)[of_mine]
    return list(ids), which


def call_kernels():
    """Call the compiled function on no program at all, which loads it from numba's cache."""
    words = np.zeros(lk.FORMAT_WORDS, np.int64)
    lk.find_files(np.zeros(PAD, np.uint8), np.zeros((0, lk.PROGRAM_COLUMNS), np.int64), np.zeros(0, np.uint32),
                  np.zeros((0, lk.O_COLUMNS), np.int64), words, words, np.int64(0), words)


class _Contents:
    """A section read piece by piece, or as a whole if its bytes in the file are not its contents."""

    def __init__(self, image, section):
        self.image = image
        self.section = section
        self._bytes = None
        if image.is_plain(section):
            image.check(section)
            self.nbytes = section.nbytes
        else:
            self._bytes = image.read(section)
            self.nbytes = len(self._bytes)

    def head(self, at, nbytes):
        """Up to `nbytes` bytes from `at` on, as bytes."""
        stop = min(at + nbytes, self.nbytes)
        if self._bytes is None:
            return self.image.pread_bytes(self.section, at, stop)
        return self._bytes[at:stop].tobytes()

    def read(self, start, stop, out):
        """Bytes [start, stop) into `out`."""
        if self._bytes is None:
            self.image.pread(self.section, start, stop, out)
        else:
            out[:] = self._bytes[start:stop]


def _headers(data, starts, first):
    """The headers of the programs at `starts` (ascending), as find_files wants them.

    `first` (programs + 1,) says which files each is asked for. Programs of an unknown version are left out.

    Returns
    -------
    (buffer, programs) : uint8, PAD zero bytes at its end; int64 (programs, PROGRAM_COLUMNS).
    """
    rows, places = [], []
    at, free = 0, 0  # index in the buffer, and the section offset behind the header before
    for start, lo, hi in zip(starts.tolist(), first[:-1].tolist(), first[1:].tolist(), strict=True):
        head = _head(data, start)
        if head is None:
            continue
        tables, stop, version, offset_size = head
        if start < free:
            raise DwarfError("expected line number programs apart from each other, found one within the header of "
                             "another", data.image.path, data.section.name, start)
        free = stop
        rows.append((tables - at, at, at + stop - tables, version, offset_size, lo, hi))
        places.append((tables, stop))
        at += stop - tables
    buf = np.empty(at + PAD, np.uint8)
    buf[at:] = 0
    at = 0
    for tables, stop in places:
        data.read(tables, stop, buf[at : at + stop - tables])
        at += stop - tables
    return buf, np.array(rows, np.int64).reshape(-1, lk.PROGRAM_COLUMNS)


def _head(data, start):
    """(offset behind header_length, offset behind the header, version, offset size) of a program.

    None if its version is unknown.
    """
    def error(message, offset=start):
        return DwarfError(message, data.image.path, data.section.name, offset)

    order = data.image.byteorder
    if start >= data.nbytes:
        raise error(f"expected a line number program at an offset below {data.nbytes:#x}, found {start:#x}")
    head = data.head(start, LONGEST_HEAD)
    length, at, offset_size = int.from_bytes(head[:4], order), 4, 4
    if length == 0xFFFFFFFF:
        length, at, offset_size = int.from_bytes(head[4:12], order), 12, 8
    elif length >= 0xFFFFFFF0:
        raise error(f"expected a unit_length below 0xfffffff0 or the 64-bit escape, found {length:#x}")
    stop = start + at + length
    if stop > data.nbytes:
        raise error(f"expected a line number program of at most {max(data.nbytes - start - at, 0)} bytes, found "
                    f"unit_length {length:#x}")
    version = int.from_bytes(head[at : at + 2], order)
    if length >= 2 and not 2 <= version <= 5:
        return None
    at += 4 if version == 5 else 2
    tables = start + at + offset_size
    if length < 2 or tables > stop:
        raise error(f"expected the header of a line number program, found its end after {length} bytes")
    length = int.from_bytes(head[at : at + offset_size], order)
    if length > stop - tables:
        raise error(f"expected a header_length of at most {stop - tables}, found {length:#x}", start + at)
    return tables, tables + length, version, offset_size


class _Paths:
    """Makes paths out of the places of their parts."""

    def __init__(self, image, data, buf):
        self._image = image
        self._data = data
        self._buf = buf
        self._blobs = {}
        self._strings = {lk.NONE: ""}
        self._work = WORK_AT_LEAST + WORK_PER_BYTE * data.nbytes

    def of(self, out):
        """(paths, index in them of each row of find_files' result, int32)."""
        ids, by_places = {"": 0}, {}
        of_row = np.zeros(len(out), np.int32)
        rows = np.flatnonzero(out[:, lk.O_NAME] != lk.NONE)
        found = []
        columns = (out[rows, column].tolist() for column in (lk.O_ROOT, lk.O_FOLDER, lk.O_NAME))
        for row, places in zip(rows.tolist(), zip(*columns, strict=True), strict=True):
            path_id = by_places.get(places)
            if path_id is None:
                path = self._path(*(self._string(place, out[row], column)
                                    for column, place in zip((lk.O_ROOT_AT, lk.O_FOLDER_AT, lk.O_NAME_AT), places,
                                                             strict=True)))
                self._spend(len(path), int(out[row, lk.O_NAME_AT]))
                path_id = by_places[places] = ids.setdefault(path, len(ids))
            found.append(path_id)
        of_row[rows] = found
        return list(ids), of_row

    @staticmethod
    def _path(root, folder, name):
        """A file's path, relative to directory `root` if it lies there."""
        if not name:
            return ""
        path = posixpath.normpath(posixpath.join(folder, name))
        return path.removeprefix(posixpath.normpath(root).rstrip("/") + "/") if root else path

    def _string(self, place, row, column):
        """The string at a place; `row` and `column` say where the place is from."""
        text = self._strings.get(place)
        if text is None:
            offset, kind = place >> 2, place & 3
            blob = self._blob(kind)
            stop = blob.find(b"\0", offset) if offset < len(blob) else -1
            if stop < 0:
                name = {lk.IN_LINE_STR: ".debug_line_str", lk.IN_STR: ".debug_str"}[kind]
                more = " or above" if offset == lk.LARGEST_OFFSET else ""
                raise DwarfError(f"expected the offset of a string within the {len(blob):#x} bytes of {name}, found "
                                 f"{offset:#x}{more}", self._image.path, self._data.section.name, int(row[column]))
            self._spend(stop - offset, int(row[column]))
            text = self._strings[place] = blob[offset:stop].decode("utf-8", "surrogateescape")
        return text

    def _blob(self, kind):
        """The bytes that places of a kind are in; a string section is read when its first string is wanted."""
        if kind == lk.IN_BUFFER and kind not in self._blobs:
            self._blobs[kind] = self._buf.tobytes()
        elif kind not in self._blobs:
            section = self._image.debug_section("line_str" if kind == lk.IN_LINE_STR else "str")
            self._blobs[kind] = self._image.read(section).tobytes() if section is not None else b""
            self._work += WORK_PER_BYTE * len(self._blobs[kind])
        return self._blobs[kind]

    def _spend(self, nbytes, offset):
        """Take `nbytes` off what may still be made; `offset` is where the paths that need them are from."""
        self._work -= nbytes
        if self._work < 0:
            raise DwarfError("expected paths that have little in common, found many long ones that share their parts",
                             self._image.path, self._data.section.name, offset)
