"""Paths of source files: every layout of a line number program's header, broken ones, and compilers' own."""

import os
import posixpath
import random
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.dwarf.line_kernels import NO_FILE
from harness.dwarf.lines import LONGEST_HEAD, source_files
from harness.elf import ElfImage
from harness.errors import DwarfError, ElfError
from tests.fixtures.build import KEPT, program
from tests.writers.dwarf import uleb
from tests.writers.elf import SHT_NOBITS, Elf, Section

FORMS = {"block2": 3, "block4": 4, "data2": 5, "data4": 6, "data8": 7, "string": 8, "block": 9, "block1": 0x0A,
         "data1": 0x0B, "sdata": 0x0D, "strp": 0x0E, "udata": 0x0F, "sec_offset": 0x17, "strx": 0x1A, "strp_sup": 0x1D,
         "data16": 0x1E, "line_strp": 0x1F, "strx1": 0x25, "strx2": 0x26, "strx3": 0x27, "strx4": 0x28,
         "addrx": 0x1B}  # fmt: skip
PATH, DIRECTORY, TIME, SIZE, MD5, SOURCE = 1, 2, 3, 4, 5, 0x2001
FIXED = {"data1": 1, "data2": 2, "data4": 4, "data8": 8, "data16": 16, "strx1": 1, "strx2": 2, "strx3": 3, "strx4": 4}
BLOCKS = {"block1": 1, "block2": 2, "block4": 4}
LAYOUTS = [(byteorder, format) for byteorder in ("little", "big") for format in (32, 64)]
layouts = pytest.mark.parametrize(("byteorder", "format"), LAYOUTS)
versions = pytest.mark.parametrize("version", [2, 3, 4, 5])

DIRS = ["debian/build", "init", "./include/linux/", "a/../b", "/abs", "debian/build/include/generated"]
FILES = [("main.c", 1), ("string.h", 2), ("b.h", 3), ("abs.h", 4), ("/usr/c.h", 1), ("../x.h", 1), ("own.c", 0),
         ("autoconf.h", 5), ("./main.c", 1)]  # fmt: skip
PATHS = ["init/main.c", "include/linux/string.h", "b/b.h", "/abs/abs.h", "/usr/c.h", "x.h", "own.c",
         "include/generated/autoconf.h", "init/main.c"]  # fmt: skip
WITHOUT_ROOT = [path.replace("include/generated", "debian/build/include/generated") for path in PATHS]
"""The same before version 5, whose tables lack directory 0."""


@dataclass
class Line:
    """A line number program without opcodes.

    `dirs[0]` is written in version 5 only, where files are numbered from 0 as in `files`. `dir_format` and
    `file_format` are the entry formats of version 5: (content type, form), of a form unknown here its number.
    `overrides` are written as given: unit_length, version, header_length, n_dirs, n_files, opcode_base. `cut` ends the
    program there, `behind` are bytes between header and end.
    """

    version: int = 5
    format: int = 32
    byteorder: str = "little"
    dirs: list = field(default_factory=lambda: list(DIRS))
    files: list = field(default_factory=lambda: list(FILES))
    dir_format: tuple = ((PATH, "line_strp"),)
    file_format: tuple = ((PATH, "line_strp"), (DIRECTORY, "udata"))
    overrides: dict = field(default_factory=dict)
    cut: int | None = None
    behind: bytes = b"\0\1\1"

    def number(self, value, nbytes):
        return (value % 256**nbytes).to_bytes(nbytes, self.byteorder)

    def to_bytes(self, sections):
        """The program; strings go to the bytearrays of `sections`."""
        offset_size = self.format // 8
        opcode_base = self.overrides.get("opcode_base", 13)
        start = bytes([1, *([1] if self.version >= 4 else []), 1, 0xFB, 14, opcode_base, *[1] * (opcode_base - 1)])
        tables = start + (self.tables_5(sections) if self.version >= 5 else self.tables_2())
        behind = self.behind
        head = (64 if self.format == 64 else 32) // 8 + (4 if self.format == 64 else 0)
        fixed = 2 + (2 if self.version >= 5 else 0) + offset_size
        if self.cut is not None:
            tables, behind = tables[: max(self.cut - head - fixed, 0)], b""
        body = self.number(self.overrides.get("version", self.version), 2) + (b"\x08\0" if self.version >= 5 else b"")
        body += self.number(self.overrides.get("header_length", len(tables)), offset_size) + tables + behind
        if self.cut is not None:
            body = body[: self.cut - head]
        length = self.overrides.get("unit_length", len(body))
        return (b"\xff" * 4 if self.format == 64 else b"") + self.number(length, offset_size) + body

    def tables_2(self):
        dirs = b"".join(name.encode("utf-8", "surrogateescape") + b"\0" for name in self.dirs[1:])
        files = b"".join(name.encode("utf-8", "surrogateescape") + b"\0" + uleb(folder) + uleb(300) + uleb(70000)
                         for name, folder in self.files)  # fmt: skip
        return dirs + b"\0" + files + b"\0"

    def tables_5(self, sections):
        out = b""
        for name, formats, rows in (("n_dirs", self.dir_format, [(name, 0) for name in self.dirs]),
                                    ("n_files", self.file_format, self.files)):  # fmt: skip
            out += bytes([len(formats)]) + b"".join(uleb(kind) + uleb(FORMS.get(form, form)) for kind, form in formats)
            out += uleb(self.overrides.get(name, len(rows)))
            for row in rows:
                out += b"".join(self.field(kind, form, row, sections) for kind, form in formats)
        return out

    def field(self, kind, form, row, sections):
        value = {PATH: row[0], DIRECTORY: row[1], SOURCE: "int main(void) {}"}.get(kind, 77)
        if form in ("line_strp", "strp") and isinstance(value, str):
            blob = sections[".debug_line_str" if form == "line_strp" else ".debug_str"]
            blob += value.encode("utf-8", "surrogateescape") + b"\0"
            return self.number(len(blob) - len(value.encode("utf-8", "surrogateescape")) - 1, self.format // 8)
        if form in ("line_strp", "strp", "sec_offset", "strp_sup"):
            return self.number(value if isinstance(value, int) else 0, self.format // 8)
        if form == "string":
            return str(value).encode("utf-8", "surrogateescape") + b"\0"
        if form in FIXED:
            return self.number(value if isinstance(value, int) else 1, FIXED[form])
        if form in BLOCKS:
            length = 200 if form == "block1" else 300
            return self.number(length, BLOCKS[form]) + b"\1" * length
        if form == "block":
            return uleb(300) + b"\1" * 300
        return uleb(value if isinstance(value, int) else 1)


def written(path, *lines, cut=None, compress=None, sections=None, **overrides):
    """Write an ELF file with the programs: the offset of each.

    `cut` ends .debug_line there; `sections` replace what is made, None leaves one out; `overrides` are fields of
    .debug_line's section header.
    """
    made = {".debug_str": bytearray(b"\0"), ".debug_line_str": bytearray(b"\0")}
    data, offsets = b"", []
    for line in lines:
        offsets.append(len(data))
        data += line.to_bytes(made)
    made = {".debug_line": data[:cut], **made, **(sections or {})}
    made = [Section(name, bytes(data), compress=compress, overrides=overrides if name == ".debug_line" else {})
            for name, data in made.items() if data is not None]  # fmt: skip
    Elf(made, byteorder=lines[0].byteorder).write(path)
    return offsets


def asked(path, unit_line_off, queries):
    """The path of each query (unit, file)."""
    unit, file = np.array(queries, np.int64).reshape(-1, 2).T
    with ElfImage(path) as image:
        paths, which = source_files(image, np.array(unit_line_off, np.int64), unit.astype(np.int32),
                                    file.astype(np.uint32))
    assert paths[0] == "" and len(set(paths)) == len(paths) and set(which.tolist()) | {0} == set(range(len(paths)))
    assert which.dtype == np.int32 and which.shape == unit.shape
    return [paths[k] for k in which.tolist()]


def every(tmp_path, line, n=9, **how):
    """The paths of the first n files of one program; FILES are 9."""
    offsets = written(tmp_path / "a.elf", line, **how)
    first = 0 if line.version >= 5 else 1
    return asked(tmp_path / "a.elf", offsets, [(0, k + first) for k in range(n)])


def refused(tmp_path, line, match, offset=None, queries=((0, 1),), unit_line_off=None, **how):
    """The DwarfError that a program leads to."""
    offsets = written(tmp_path / "a.elf", line, **how)
    with pytest.raises(DwarfError, match=match) as caught:
        asked(tmp_path / "a.elf", unit_line_off or offsets, queries)
    assert caught.value.path == str(tmp_path / "a.elf") and caught.value.section == ".debug_line"
    if offset is not None:
        assert caught.value.offset == offset
    return caught.value


# What is well formed


@layouts
@versions
def test_lines__every_layout_gives_the_same_paths(tmp_path, version, byteorder, format):
    line = Line(version, format, byteorder)
    assert every(tmp_path, line) == (PATHS if version == 5 else WITHOUT_ROOT)


@layouts
@pytest.mark.parametrize("folder", ["line_strp", "strp", "string"])
@pytest.mark.parametrize("name", ["line_strp", "strp", "string"])
def test_lines__every_form_of_path(tmp_path, byteorder, format, folder, name):
    line = Line(5, format, byteorder, dir_format=((PATH, folder),), file_format=((PATH, name), (DIRECTORY, "udata")))
    assert every(tmp_path, line) == PATHS


@layouts
@pytest.mark.parametrize("form", ["udata", "data1", "data2", "data4", "data8"])
def test_lines__every_form_of_directory_index(tmp_path, byteorder, format, form):
    line = Line(5, format, byteorder, file_format=((DIRECTORY, form), (PATH, "string")))
    assert every(tmp_path, line) == PATHS


@layouts
@pytest.mark.parametrize("extra", [(MD5, "data16"), (TIME, "udata"), (TIME, "block"), (TIME, "data8"), (SIZE, "data4"),
                                   (SOURCE, "line_strp"), (SOURCE, "string"), (0x3FFF, "block1"), (0x3FFF, "block2"),
                                   (0x3FFF, "block4"), (0x2345, "sdata"), (0x2345, "sec_offset"), (0x2345, "strx"),
                                   (0x2345, "strx3"), (0x2345, "strp_sup")])  # fmt: skip
def test_lines__other_contents_are_stepped_over(tmp_path, byteorder, format, extra):
    for file_format in (((PATH, "line_strp"), (DIRECTORY, "udata"), extra),
                        (extra, (PATH, "string"), extra, (DIRECTORY, "data1"))):  # fmt: skip
        line = Line(5, format, byteorder, dir_format=(extra, (PATH, "line_strp")), file_format=file_format)
        assert every(tmp_path, line) == PATHS


def test_lines__unsupported_forms_and_versions_are_no_paths(tmp_path):
    nothing = [""] * len(FILES)
    for form in ("strx", "strx1", "strx2", "strx3", "strx4", "strp_sup", "addrx", 0x7777):
        assert every(tmp_path, Line(file_format=((PATH, form), (DIRECTORY, "udata")))) == nothing
        assert every(tmp_path, Line(file_format=((PATH, "string"), (DIRECTORY, "udata"), (TIME, form)))) == (
            nothing if form in ("addrx", 0x7777) else PATHS)  # fmt: skip
    for version in (0, 1, 6, 0xFFFF):
        assert every(tmp_path, Line(overrides={"version": version})) == nothing
        assert every(tmp_path, Line(4, overrides={"version": version})) == nothing


def test_lines__an_unsupported_directory_is_no_path_but_for_files_that_need_none(tmp_path):
    named = [path if folder == 0 else "" for path, (_, folder) in zip(PATHS, FILES, strict=True)]
    assert every(tmp_path, Line(dir_format=((PATH, "strx1"),))) == named
    assert every(tmp_path, Line(dir_format=((TIME, "udata"),))) == named
    none = Line(dir_format=(), overrides={"n_dirs": 6})
    none.tables_5 = lambda sections: b"\0\6" + Line(dirs=[], dir_format=()).tables_5(sections)[2:]
    assert every(tmp_path, none) == named


def test_lines__tables_without_contents_have_no_paths_however_long_they_say_they_are(tmp_path):
    started = time.process_time()
    line = Line(dirs=[], files=[], dir_format=(), file_format=(), overrides={"n_dirs": 2**63, "n_files": 2**64 - 1})
    assert every(tmp_path, line) == [""] * len(FILES)
    assert every(tmp_path, Line(file_format=((DIRECTORY, "udata"),))) == [""] * len(FILES)
    assert time.process_time() - started < 4


def test_lines__a_file_without_directory_index_is_in_directory_0(tmp_path):
    assert every(tmp_path, Line(file_format=((PATH, "string"),), files=[("a.c", 1)]), n=1) == ["a.c"]
    assert every(tmp_path, Line(dirs=[], files=[("a.c", 0)]), n=1) == ["a.c"]


@pytest.mark.parametrize(("root", "folder", "name", "path"), [
    ("/build", "/build/init", "main.c", "init/main.c"), ("/build/", "/build/init/", "main.c", "init/main.c"),
    ("/build", "/builder", "x.c", "/builder/x.c"), ("/build/x", "../include", "x.h", "../include/x.h"),
    ("/build", "/build", "x.c", "x.c"), ("/build/./a", "/build/a/b/..", "x.c", "x.c"), ("/", "/usr", "x.c", "usr/x.c"),
    (".", "include", "x.c", "include/x.c"), ("", "include", "x.c", "include/x.c"), ("b", "", "x.c", "x.c"),
    ("b", "c", "/d//./e.c", "/d/e.c"), ("b", "c", "", ""), ("b", "c", "b/x.c", "c/b/x.c"), ("b", ".", "b/x.c", "x.c"),
    ("b", "caf\u00e9", "\udcff.c", "caf\u00e9/\udcff.c"),
])  # fmt: skip
def test_lines__paths_are_normal_and_relative_to_directory_0(tmp_path, root, folder, name, path):
    for form in ("string", "line_strp"):
        line = Line(dirs=[root, folder], files=[(name, 1)], dir_format=((PATH, form),),
                    file_format=((PATH, form), (DIRECTORY, "udata")))  # fmt: skip
        assert every(tmp_path, line, n=1) == [path]


def test_lines__file_0_is_none_before_version_5_and_the_first_in_it(tmp_path):
    lines = [Line(version) for version in (2, 3, 4, 5)]
    offsets = written(tmp_path / "a.elf", *lines)
    queries = [(unit, 0) for unit in range(4)] + [(unit, 2) for unit in range(4)]
    string = "include/linux/string.h"
    assert asked(tmp_path / "a.elf", offsets, queries) == ["", "", "", PATHS[0], string, string, string, PATHS[2]]


def test_lines__units_without_a_program_and_files_without_the_section_know_nothing(tmp_path):
    offsets = written(tmp_path / "a.elf", Line())
    assert asked(tmp_path / "a.elf", [-1, *offsets, -1], [(0, 1), (1, 0), (2, 9999)]) == ["", PATHS[0], ""]
    assert asked(tmp_path / "a.elf", offsets, [(0, 1), (0, NO_FILE)]) == [PATHS[1], ""]
    assert asked(tmp_path / "a.elf", [-1], [(0, 1)] * 3) == ["", "", ""]
    assert asked(tmp_path / "a.elf", offsets, []) == [] and asked(tmp_path / "a.elf", [], []) == []
    written(tmp_path / "b.elf", Line(), sections={".debug_line": None})
    assert asked(tmp_path / "b.elf", offsets, [(0, 1)]) == [""]


def test_lines__only_programs_asked_for_are_read(tmp_path):
    lines = [Line(), Line(overrides={"header_length": 2**31}), Line(4)]
    offsets = written(tmp_path / "a.elf", *lines)
    assert asked(tmp_path / "a.elf", offsets, [(2, 1), (0, 1), (2, 1)]) == [PATHS[0], PATHS[1], PATHS[0]]
    with pytest.raises(DwarfError, match="header_length") as caught:
        asked(tmp_path / "a.elf", offsets, [(2, 1), (1, 1)])
    assert caught.value.offset == offsets[1] + 8


@pytest.mark.parametrize("compress", [None, "zlib", "zstd", "zdebug"])
def test_lines__compressed_sections(tmp_path, compress):
    line = Line(file_format=((PATH, "strp"), (DIRECTORY, "udata")))
    assert every(tmp_path, line, compress=compress) == PATHS


def test_lines__units_may_share_a_program(tmp_path):
    offsets = written(tmp_path / "a.elf", Line(4), Line(4))
    found = asked(tmp_path / "a.elf", [offsets[1], offsets[0], offsets[1]], [(2, 3), (1, 3), (0, 3), (0, 1)])
    assert found == ["b/b.h", "b/b.h", "b/b.h", "init/main.c"]


NAMES = st.text(st.sampled_from("ab./\u00e9"), min_size=1, max_size=6)


@pytest.mark.large
@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_lines__many_programs_and_queries_in_any_order(tmp_path_factory, data):
    byteorder = data.draw(st.sampled_from(["little", "big"]))
    lines = []
    for _ in range(data.draw(st.integers(1, 4))):
        version, format = data.draw(st.sampled_from([2, 3, 4, 5])), data.draw(st.sampled_from([32, 64]))
        dirs = data.draw(st.lists(NAMES, min_size=1, max_size=4))
        file = st.tuples(NAMES, st.integers(0, len(dirs) - 1))
        files = data.draw(st.lists(file, min_size=1, max_size=9))
        forms = st.sampled_from(["string", "strp", "line_strp"])
        dir_format = [(PATH, data.draw(forms))]
        file_format = data.draw(st.permutations([(PATH, data.draw(forms)), (DIRECTORY, "udata"), (MD5, "data16")]))
        lines.append(Line(version, format, byteorder, dirs, files, dir_format, file_format))
    folder = tmp_path_factory.mktemp("lines")
    offsets = written(folder / "a.elf", *lines)
    pairs = [(u, k) for u, line in enumerate(lines) for k in range(len(line.files) + (line.version < 5))]
    queries = data.draw(st.lists(st.sampled_from(pairs), max_size=30))
    assert asked(folder / "a.elf", offsets, queries) == [twin_path(lines[u], k) for u, k in queries]


def twin_path(line, number):
    """A file's path, said once more."""
    if line.version < 5 and number == 0:
        return ""
    name, folder = line.files[number - (line.version < 5)]
    return path_of(line.dirs[0] if line.version >= 5 else None, line.dirs[folder] if folder else "", name)


def path_of(root, folder, name):
    """The path of a file `name` in `folder`, relative to directory 0 if there is one and it lies there."""
    path = posixpath.normpath(posixpath.join(folder, name))
    if root is None:
        return path
    root = posixpath.normpath(root)
    root = "/" if root in ("/", "//") else root + "/"
    return path[len(root) :] if path.startswith(root) else path


# What is malformed


@pytest.mark.no_cover
@pytest.mark.parametrize(("version", "format", "forms"), [(2, 32, ""), (3, 64, ""), (4, 32, ""), (4, 64, ""),
                                                          (5, 32, "string"), (5, 64, "string"), (5, 32, "line_strp"),
                                                          (5, 64, "strp")])  # fmt: skip
def test_lines__a_cut_anywhere_is_an_error(tmp_path, version, format, forms):
    forms = forms or "string"
    line = Line(version, format, "big" if format == 64 else "little", DIRS[:3], FILES[:2], ((PATH, forms),),
                ((PATH, forms), (DIRECTORY, "udata"), (MD5, "data16")), behind=b"")  # fmt: skip
    sections = {".debug_str": bytearray(), ".debug_line_str": bytearray()}
    nbytes = len(line.to_bytes(sections))
    assert every(tmp_path, line, n=2) == PATHS[:2]
    for cut in range(nbytes):
        refused(tmp_path, line, "expected", cut=cut)  # the section ends
        if cut >= (12 if format == 64 else 4):
            line.cut = cut
            refused(tmp_path, line, "expected")  # the program and its header end
            refused(tmp_path, line, "expected", sections={".debug_line": line.to_bytes(sections) + b"a\0" * 400})
            line.cut = None


@versions
def test_lines__a_header_that_ends_early_is_not_read_on(tmp_path, version):
    whole = Line(version, dir_format=((PATH, "string"),), file_format=((PATH, "string"), (DIRECTORY, "udata")))
    data = whole.to_bytes({})
    length = int.from_bytes(data[6 + 2 * (version == 5) :][:4], "little")
    for short in range(length):
        line = Line(version, dir_format=whole.dir_format, file_format=whole.file_format,
                    overrides={"header_length": short})  # fmt: skip
        refused(tmp_path, line, "within the header", offset=len(data) - len(whole.behind) - length + short)
    line = Line(version, overrides={"header_length": length + 4}, dir_format=whole.dir_format,
                file_format=whole.file_format)  # fmt: skip
    refused(tmp_path, line, f"header_length of at most {length + 3}, found {length + 4:#x}")


@pytest.mark.parametrize(("unit_length", "match"), [
    (0, "found its end after 0 bytes"), (1, "after 1 bytes"), (7, "after 7 bytes"),
    (0x10000, "found unit_length 0x10000"), (0xFFFFFFF0, "below 0xfffffff0"), (0xFFFFFFFE, "64-bit escape"),
    (0xFFFFFFFF, "found unit_length"),
])  # fmt: skip
def test_lines__lengths_that_lie(tmp_path, unit_length, match):
    refused(tmp_path, Line(overrides={"unit_length": unit_length}), match, offset=0)


@pytest.mark.parametrize("length", [2**63 - 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("name", ["unit_length", "header_length"])
def test_lines__huge_lengths(tmp_path, length, name):
    refused(tmp_path, Line(format=64, overrides={name: length}), name, offset=0 if name == "unit_length" else 16)


@pytest.mark.parametrize("version", [4, 5])
def test_lines__a_program_past_the_section_or_in_another_one(tmp_path, version):
    line = Line(version)
    nbytes = len(line.to_bytes({".debug_line_str": bytearray()}))
    for start in (nbytes, nbytes + 1, 2**62, 2**63 - 1):
        error = refused(tmp_path, line, f"below {nbytes:#x}, found {start:#x}", unit_line_off=[start])
        assert error.offset == start
    inner = Line(version, files=[]).to_bytes({".debug_line_str": bytearray()})
    line = Line(version, files=[("x" * 200, 0)], file_format=((PATH, "string"), (DIRECTORY, "udata")))
    data = line.to_bytes({".debug_line_str": bytearray()})
    at = data.index(b"x" * 200)
    data = data[:at] + inner + data[at + len(inner) :]
    refused(tmp_path, line, "within the header of another", offset=at, queries=[(0, 0), (1, 0)], unit_line_off=[0, at],
            sections={".debug_line": data})  # fmt: skip


@versions
@pytest.mark.parametrize("past", [0, 1, 1000, 2**31, 2**32 - 20])
def test_lines__file_numbers_past_the_table(tmp_path, version, past):
    limit = len(FILES) + (version < 5)
    match = f"a file number below {limit}, found {limit + past}"
    refused(tmp_path, Line(version), match, queries=[(0, 1), (0, limit + past)])


@pytest.mark.parametrize(("version", "index"), [(2, 6), (4, 6), (4, 2**64 - 1), (5, 6), (5, 2**31), (5, 2**64 - 1)])
def test_lines__directory_indexes_past_the_table(tmp_path, version, index):
    line = Line(version, files=[("fine.c", 1), ("name.c", index), ("fine.h", 1)])
    found = index if index < 2**60 else 2**60
    error = refused(tmp_path, line, f"a directory index below 6, found {found}", queries=[(0, 1 + (version < 5))])
    sections = {".debug_line_str": bytearray(1)}
    data = line.to_bytes(sections)
    at = sections[".debug_line_str"].find(b"name.c")
    assert error.offset == data.index(b"name.c" if version < 5 else at.to_bytes(4, "little"))
    # harm that nobody asks for is none
    assert asked(tmp_path / "a.elf", [0], [(0, 2 + (version < 5))]) == ["init/fine.h"]


@layouts
@pytest.mark.parametrize("form", ["line_strp", "strp"])
@pytest.mark.parametrize("part", ["name", "folder"])
def test_lines__string_offsets_past_their_section(tmp_path, byteorder, format, form, part):
    section = ".debug_line_str" if form == "line_strp" else ".debug_str"
    line = Line(5, format, byteorder, ["", "folder"], [("name", 1)])
    line.dir_format = ((PATH, form if part == "folder" else "string"),)
    line.file_format = ((DIRECTORY, "udata"), (PATH, form if part == "name" else "string"))
    blobs = {".debug_str": bytearray(1), ".debug_line_str": bytearray(1)}
    data = line.to_bytes(blobs)
    start = blobs[section].index(part.encode())
    at = data.rindex(line.number(start, format // 8))
    without_nul = bytes(blobs[section][: start + len(part)])
    for blob in (None, b"", bytes(start), without_nul):
        # of a folder, the section may be too short for directory 0 already
        refused(tmp_path, line, f"within the {len(blob or b''):#x} bytes of {section}, found", sections={section: blob},
                queries=[(0, 0)], offset=at if blob == without_nul else None)  # fmt: skip
    data = data[:at] + b"\xff" * (format // 8) + data[at + format // 8 :]
    refused(tmp_path, line, "found 0xffffffff" if format == 32 else "found 0x1000000000000000 or above",
            sections={".debug_line": data}, queries=[(0, 0)], offset=at)  # fmt: skip


def test_lines__sections_that_cannot_be_read_are_said_so(tmp_path):
    offsets = written(tmp_path / "a.elf", Line(), sh_type=SHT_NOBITS)
    with pytest.raises(ElfError, match="SHT_NOBITS"):
        asked(tmp_path / "a.elf", offsets, [(0, 0)])
    offsets = written(tmp_path / "a.elf", Line(), sh_size=1 << 40)
    with pytest.raises(ElfError, match="is the file truncated"):
        asked(tmp_path / "a.elf", offsets, [(0, 0)])


@pytest.mark.large
def test_lines__strings_shared_without_end_are_refused_in_time(tmp_path):
    line = Line(dirs=["", "d" * 60000], files=[(f"{n}", 1) for n in range(20000)])
    line.dir_format, line.file_format = ((PATH, "string"),), ((PATH, "string"), (DIRECTORY, "udata"))
    started = time.process_time()
    refused(tmp_path, line, "share their parts", queries=[(0, k) for k in range(20000)])
    assert time.process_time() - started < 4


@pytest.mark.large
def test_lines__damage_gives_paths_or_one_error(tmp_path):
    rng = random.Random(7)
    seen = {"paths": 0, "error": 0}
    for turn in range(400):
        line = Line(2 + turn % 4, rng.choice((32, 64)), rng.choice(("little", "big")))
        line.file_format = ((PATH, rng.choice(("string", "strp", "line_strp"))), (DIRECTORY, "udata"))
        if turn % 8 > 3:
            line.file_format += ((MD5, "data16"), (TIME, "block"))
        data = bytearray(line.to_bytes({".debug_str": bytearray(), ".debug_line_str": bytearray()}))
        for _ in range(rng.choice((1, 1, 2, 5, 20))):
            data[rng.randrange(len(data) if rng.random() < 0.5 else 2 * LONGEST_HEAD)] = rng.choice(
                (0, 1, 2, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        written(tmp_path / "a.elf", line, sections={".debug_line": data})
        for queries in ([(0, k) for k in range(1, 9)], [(0, 1)]):
            try:
                asked(tmp_path / "a.elf", [0], queries)
                seen["paths"] += 1
            except DwarfError as error:
                assert error.section == ".debug_line" and 0 <= error.offset <= len(data)
                seen["error"] += 1
    assert min(seen.values()) > 100


# What compilers write


def witnessed(path):
    """(unit's program, file number, path) of every subprogram with a DW_AT_decl_file, as pyelftools sees them."""
    with open(path, "rb") as stream:
        info = ELFFile(stream).get_dwarf_info()
        made = []
        for unit in info.iter_CUs():
            header = info.line_program_for_CU(unit).header
            dirs = [name.decode() for name in header["include_directory"]]
            root = dirs[0] if header["version"] >= 5 else None
            dirs = dirs if header["version"] >= 5 else ["", *dirs]
            at = unit.get_top_DIE().attributes["DW_AT_stmt_list"].value
            for die in unit.iter_DIEs():
                if die.tag == "DW_TAG_subprogram" and "DW_AT_decl_file" in die.attributes:
                    number = die.attributes["DW_AT_decl_file"].value
                    entry = header["file_entry"][number - (header["version"] < 5)]
                    folder = dirs[entry.dir_index] if entry.dir_index else ""
                    made.append((at, number, path_of(root, folder, entry.name.decode())))
        return made


def agrees(path, *files):
    """Compare all subprograms of a file; `files` are paths that must be among theirs."""
    found = witnessed(path)
    assert found and set(files) <= {name for _, _, name in found}
    units = sorted({at for at, _, _ in found})
    assert asked(path, units, [(units.index(at), number) for at, number, _ in found]) == [name for _, _, name in found]


@pytest.mark.no_cover
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("debug", ["-gdwarf-5", "-gdwarf-4", "-gdwarf-3"])
@pytest.mark.parametrize("extra", [(), ("-gz",)], ids=["plain", "compressed"])
def test_lines__agree_with_pyelftools_on_what_compilers_write(compiler, debug, extra):
    made = program("inlines", compiler, debug, extra=extra)
    agrees(made.path, "inlines_a.c", "inlines_b.c", "inlines.h")


@pytest.mark.no_cover
@pytest.mark.parametrize("debug", ["-gdwarf-5", "-gdwarf-4"])
def test_lines__agree_with_pyelftools_on_relocatable_files(debug):
    for path in program("inlines", debug=debug, link="rel").objects:
        agrees(path, os.path.basename(path)[:-2] + ".c", "inlines.h")


@pytest.mark.no_cover
@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.name)
def test_lines__agree_with_pyelftools_on_the_kept_objects(kept):
    agrees(kept.path, "sample_a.c", "sample_b.c")
