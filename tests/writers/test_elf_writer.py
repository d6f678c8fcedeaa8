"""The ELF writer is read back by pyelftools and readelf."""

import io
import shutil
import subprocess

import pytest
from elftools.elf.elffile import ELFFile

from tests.writers.elf import (
    EM_AARCH64,
    ET_DYN,
    ET_REL,
    SHN_ABS,
    STB_LOCAL,
    STB_WEAK,
    STT_OBJECT,
    Elf,
    Relocation,
    Section,
    Symbol,
)

CONTENT = b"abc" * 500


def read(elf):
    return ELFFile(io.BytesIO(elf.to_bytes()))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_elf__header_sections_and_symbols_are_read_back(bits, byteorder, tmp_path):
    symbols = [
        Symbol("f", 0x1000, 16),
        Symbol("local", 0x1010, 4, bind=STB_LOCAL),
        Symbol("w", 0x1000, 16, bind=STB_WEAK),
        Symbol("var", 0, 8, type=STT_OBJECT, section=".data..percpu"),
        Symbol("abs", 0x1234, section=SHN_ABS),
    ]
    sections = [
        Section.text(address=0x1000, size=0x20),
        Section.text(".init.text", 0x2000, 0x10),
        Section.data_at(".data..percpu", 0, 0x40),
        Section.nobits(size=0x123),
        Section(".comment", CONTENT),
    ]
    elf = Elf(sections, symbols, bits, byteorder, ET_DYN, EM_AARCH64)
    got = read(elf)
    assert (got.elfclass, got.little_endian) == (bits, byteorder == "little")
    assert (got["e_type"], got["e_machine"]) == ("ET_DYN", "EM_AARCH64")
    assert got.get_section_by_name(".text")["sh_addr"] == 0x1000
    assert got.get_section_by_name(".bss")["sh_size"] == 0x123
    assert got.get_section_by_name(".comment").data() == CONTENT
    table = got.get_section_by_name(".symtab")
    assert table["sh_info"] == 2
    rows = [(s.name, s["st_value"], s["st_size"], s["st_info"]["bind"], s["st_shndx"]) for s in table.iter_symbols()]
    assert rows[1:] == [
        ("local", 0x1010, 4, "STB_LOCAL", 1),
        ("f", 0x1000, 16, "STB_GLOBAL", 1),
        ("w", 0x1000, 16, "STB_WEAK", 1),
        ("var", 0, 8, "STB_GLOBAL", 3),
        ("abs", 0x1234, 0, "STB_GLOBAL", "SHN_ABS"),
    ]
    if shutil.which("readelf"):
        run = subprocess.run(["readelf", "-aW", elf.write(tmp_path / "a")], capture_output=True, text=True, check=True)
        assert "Warning" not in run.stderr and "Error" not in run.stderr


@pytest.mark.parametrize("bits", [32, 64])
def test_elf__zlib_sections_decompress(bits):
    got = read(Elf([Section(".debug_str", CONTENT, compress="zlib")], bits=bits, byteorder="big"))
    section = got.get_section_by_name(".debug_str")
    assert section.compressed and section.data() == CONTENT


@pytest.mark.skipif(shutil.which("objcopy") is None, reason="objcopy is not installed")
@pytest.mark.parametrize("compress", ["zlib", "zstd", "zdebug"])
@pytest.mark.parametrize("bits", [32, 64])
def test_elf__objcopy_decompresses(compress, bits, tmp_path):
    path = Elf([Section(".debug_str", CONTENT, compress=compress)], bits=bits, e_machine=3 if bits == 32 else 62).write(
        tmp_path / "a"
    )
    run = subprocess.run(
        ["objcopy", "--decompress-debug-sections", path, tmp_path / "b"], capture_output=True, text=True
    )
    if compress == "zstd" and "zstd" in run.stderr:
        pytest.skip(f"objcopy lacks zstd: {run.stderr.strip()}")
    assert run.returncode == 0, run.stderr
    with open(tmp_path / "b", "rb") as stream:
        assert ELFFile(stream).get_section_by_name(".debug_str").data() == CONTENT


def test_elf__relocations_are_read_back():
    target = Section(".debug_info", bytes(16), relocations=[Relocation(8, "g", 10, -4)])
    got = read(Elf([target], [Symbol("f", bind=STB_LOCAL, section=0), Symbol("g", section=0)], e_type=ET_REL))
    rela = got.get_section_by_name(".rela.debug_info")
    (row,) = rela.iter_relocations()
    assert (row["r_offset"], row["r_info_type"], row["r_addend"]) == (8, 10, -4)
    assert got.get_section(rela["sh_link"]).get_symbol(row["r_info_sym"]).name == "g"
    assert got.get_section(rela["sh_info"]).name == ".debug_info"


def test_elf__fields_can_lie():
    sections = [
        Section(".debug_info", CONTENT, compress="zlib", overrides={"ch_size": 1 << 60, "sh_size": 5}),
        Section(".debug_str", b"", overrides={"raw": b"xyz"}),
    ]
    elf = Elf(sections, [Symbol(0xFFFFFF, section=0x1234)], overrides={"e_shnum": 3})
    data = elf.to_bytes()
    assert data[elf.file_offsets[".debug_str"] :][:3] == b"xyz"
    got = ELFFile(io.BytesIO(data))
    assert got["e_shnum"] == 3
    with pytest.raises(ValueError, match="no such field"):
        Elf([], overrides={"e_nonsense": 1}).to_bytes()
