"""Sections, symbols, build-ids and relocations of ELF files of either class and byte order."""

import struct

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from harness.elf import ElfImage
from harness.elf.constants import RESERVED
from harness.errors import ElfError
from tests.fixtures.build import KEPT, program
from tests.reference.placed import placed
from tests.writers.dwarf import CU, DIE, Attr, Dwarf
from tests.writers.elf import (
    ET_REL,
    SHN_ABS,
    SHN_UNDEF,
    STB_GLOBAL,
    STB_LOCAL,
    STB_WEAK,
    STT_FUNC,
    STT_OBJECT,
    Elf,
    Relocation,
    Section,
    Symbol,
)

SHT_NOTE = 7
R_X86_64_64, R_X86_64_32 = 1, 10
classes = pytest.mark.parametrize(("bits", "byteorder"), [(b, o) for b in (32, 64) for o in ("little", "big")])


def names(table):
    return [bytes(table.strtab[n:]).split(b"\0")[0].decode() for n in table.name_off]


@classes
def test_elf__header(tmp_path, bits, byteorder):
    path = Elf([Section.text()], bits=bits, byteorder=byteorder).write(tmp_path / "a")
    with ElfImage(path) as image:
        assert (image.bits, image.byteorder, image.type) == (bits, byteorder, "ET_EXEC")
        assert [s.name for s in image.sections] == ["", ".text", ".shstrtab"]
        text = image.section(".text")
        assert (text.addr, text.nbytes) == (0x1000, 0x1000) and image.section(".data") is None
        assert image.debug_section("info") is None
        assert image.path == str(path)


@classes
def test_elf__symbols(tmp_path, bits, byteorder):
    high = 0xC0001000 if bits == 32 else 0xFFFFFFFF81001000
    symbols = [
        Symbol("local", high, 16, STT_FUNC, STB_LOCAL),
        Symbol("undefined", section=SHN_UNDEF),
        Symbol("global", high + 64, 2**31, STT_FUNC, STB_GLOBAL),
        Symbol("weak", high + 128, 0, STT_OBJECT, STB_WEAK),
        Symbol("absolute", 7, 0, 0, STB_GLOBAL, SHN_ABS),
    ]
    path = Elf([Section.text()], symbols, bits=bits, byteorder=byteorder).write(tmp_path / "a")
    with ElfImage(path) as image:
        table = image.symbols()
    assert names(table) == ["local", "global", "weak", "absolute"]
    assert table.value.tolist() == [high, high + 64, high + 128, 7]
    assert table.size.tolist() == [16, 2**31, 0, 0]
    assert table.type.tolist() == [STT_FUNC, STT_FUNC, STT_OBJECT, 0]
    assert table.bind.tolist() == [STB_LOCAL, STB_GLOBAL, STB_WEAK, STB_GLOBAL]
    assert table.shndx.tolist() == [1, 1, 1, RESERVED + SHN_ABS]
    assert [column.dtype for column in table] == [np.dtype(t) for t in "u4 u8 u8 u1 u1 u4 u1".split()]
    assert all(column.dtype.isnative for column in table) and table.strtab[-1] == 0


def test_elf__no_symbol_table_is_an_empty_one(tmp_path):
    with ElfImage(Elf([Section.text()]).write(tmp_path / "a")) as image:
        table = image.symbols()
    assert [len(column) for column in table] == [0] * 6 + [1]
    assert [column.dtype for column in table] == [np.dtype(t) for t in "u4 u8 u8 u1 u1 u4 u1".split()]


@pytest.mark.parametrize("path", [kept.path for kept in KEPT], ids=[kept.name for kept in KEPT])
def test_elf__symbols_of_committed_objects_are_what_pyelftools_says(path):
    with open(path, "rb") as stream:
        rows = [s for s in ELFFile(stream).get_section_by_name(".symtab").iter_symbols()
                if s["st_shndx"] != "SHN_UNDEF"]  # fmt: skip
        # the lowest bit of a function's value on Arm says Thumb, and is no part of its address
        odd = int("armhf" in path.name)
        expected = [(s.name, s["st_value"] & ~(odd & (s["st_info"]["type"] == "STT_FUNC")), s["st_size"]) for s in rows]
    with ElfImage(path) as image:
        table = image.symbols()
    got = list(zip(names(table), table.value.tolist(), table.size.tolist(), strict=True))
    # pyelftools gives section symbols the name of their section
    assert [row for row, mine in zip(expected, got, strict=True) if row != mine and mine[0]] == []


def note(byteorder, name, kind, desc, namesz=None, descsz=None):
    def pad(data):
        return data + bytes(-len(data) % 4)

    sizes = (len(name) if namesz is None else namesz, len(desc) if descsz is None else descsz)
    return struct.pack(("<" if byteorder == "little" else ">") + "3I", *sizes, kind) + pad(name) + pad(desc)


@classes
def test_elf__build_id_is_found_among_other_notes(tmp_path, bits, byteorder):
    other = note(byteorder, b"Linux\0", 0x101, b"abc") + note(byteorder, b"GNU\0", 1, bytes(16))
    wanted = note(byteorder, b"GNU\0", 3, bytes(range(20)))
    sections = [Section(".note.Linux", other, SHT_NOTE), Section(".notes", other + wanted, SHT_NOTE)]
    with ElfImage(Elf(sections, bits=bits, byteorder=byteorder).write(tmp_path / "a")) as image:
        assert image.build_id() == bytes(range(20)).hex()


@pytest.mark.parametrize("lie", [{"descsz": 2**32 - 1}, {"namesz": 2**32 - 1}, {"descsz": 21}])
def test_elf__a_build_id_longer_than_its_section_is_none(tmp_path, lie):
    data = note("little", b"GNU\0", 3, bytes(20), **lie)
    with ElfImage(Elf([Section(".notes", data, SHT_NOTE)]).write(tmp_path / "a")) as image:
        assert image.build_id() is None


def test_elf__no_build_id(tmp_path):
    with ElfImage(Elf([Section(".notes", b"\4\0\0", SHT_NOTE)]).write(tmp_path / "a")) as image:
        assert image.build_id() is None


@classes
@pytest.mark.parametrize("compress", ["zlib", "zstd", "zdebug"])
@pytest.mark.parametrize("data", [b"", b"x", bytes(100_000), bytes(range(256)) * 300], ids=len)
def test_elf__compressed_sections(tmp_path, bits, byteorder, compress, data):
    section = Section(".debug_str", data, compress=compress)
    with ElfImage(Elf([section], bits=bits, byteorder=byteorder).write(tmp_path / "a")) as image:
        found = image.debug_section("str")
        assert not image.is_plain(found)
        assert image.read(found).tobytes() == data


@pytest.mark.parametrize("compress", [None, "zlib", "zstd"])
def test_elf__relocations_are_applied_to_debug_sections_of_objects(tmp_path, compress):
    data = bytes(8) + (5).to_bytes(4, "little") + bytes(4)
    relocations = [Relocation(0, "f", R_X86_64_64, 0x100), Relocation(8, "g", R_X86_64_32, 7)]
    sections = [Section.text(address=0), Section(".debug_info", data, compress=compress, relocations=relocations)]
    symbols = [Symbol("f", 0x40), Symbol("g", 0x1000)]
    with ElfImage(Elf(sections, symbols, e_type=ET_REL).write(tmp_path / "a.o")) as image:
        section = image.section(".debug_info")
        assert not image.is_plain(section)
        text = image.section(".text").addr
        assert image.read(section).tobytes() == struct.pack("<QII", text + 0x140, text + 0x1007, 0)


def test_elf__an_object_reads_as_pyelftools_relocates_it():
    path = program("several_units", link="rel").objects[0]
    with open(placed(path), "rb") as stream:
        dwarf = ELFFile(stream).get_dwarf_info()
        expected = {name: getattr(dwarf, f"debug_{name}_sec").stream.getvalue() for name in ("info", "str", "line")}
    with ElfImage(path) as image:
        assert image.type == "ET_REL"
        for name, data in expected.items():
            assert image.read(image.debug_section(name)).tobytes() == data
        raw = image.section(".debug_info")
        assert image.pread(raw, 0, raw.nbytes).tobytes() != expected["info"]


@pytest.mark.parametrize(
    "relocation",
    [Relocation(2**40, 1, R_X86_64_64), Relocation(2**63 + 1, 1, R_X86_64_64), Relocation(60, 1, R_X86_64_64),
     Relocation(0, 2**31, R_X86_64_64), Relocation(0, 1, 0xFFFF)],
)  # fmt: skip
def test_elf__relocations_that_cannot_be_applied(tmp_path, relocation):
    sections = [Section.text(), Section(".debug_info", bytes(64), relocations=[relocation])]
    with ElfImage(Elf(sections, [Symbol("f")], e_type=ET_REL).write(tmp_path / "a.o")) as image:
        with pytest.raises(ElfError, match="expected relocations") as caught:
            image.read(image.section(".debug_info"))
    assert caught.value.section == ".debug_info" and caught.value.path == str(tmp_path / "a.o")


def test_elf__pieces_of_a_section(tmp_path):
    data = bytes(range(200))
    with ElfImage(Elf([Section(".debug_info", data)]).write(tmp_path / "a")) as image:
        section = image.section(".debug_info")
        assert image.is_plain(section)
        assert image.pread(section, 10, 20).tobytes() == data[10:20]
        assert image.pread(section, 5, 5).tobytes() == b""


def test_elf__a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path):
    path = Elf([Section(".debug_info", bytes(5000))]).write(tmp_path / "a")
    with ElfImage(path) as image:
        path.write_bytes(path.read_bytes()[:300])
        with pytest.raises(ElfError, match="is it truncated") as caught:
            image.pread(image.section(".debug_info"), 0, 5000)
    assert caught.value.section == ".debug_info" and 0 < caught.value.offset < 300


@pytest.mark.long
def test_elf__many_sections_are_counted_in_the_first_header(tmp_path):
    sections = [Section(f".s{n}", b"x") for n in range(70_000)]
    Elf(sections).write(tmp_path / "a")
    with ElfImage(tmp_path / "a") as image:
        assert len(image.sections) == 70_002
        assert image.sections[-2].name == ".s69999" and image.section(".s500").nbytes == 1


@classes
def test_elf__names_written_by_dwarf_come_back(tmp_path, bits, byteorder):
    path = Dwarf([CU([DIE("base_type", Attr("name", "strp", "x"))])], bits=bits, byteorder=byteorder).write(
        tmp_path / "a"
    )
    with ElfImage(path) as image:
        assert b"x\0" in image.read(image.debug_section("str")).tobytes()
