"""Lying ELF files: one ElfError with path and place, in no time."""

import os
import random
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.elf import ElfImage
from harness.errors import ElfError, HarnessError
from tests.fixtures.build import OBJECTS
from tests.writers.elf import SHT_NOBITS, SHT_SYMTAB, Elf, Section, Symbol

GCC = OBJECTS / "sample-x86_64-gcc-dwarf5.elf"
ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 4  # of processor time


def use(path):
    """Everything there is to ask of a file."""
    started = time.process_time()
    try:
        with ElfImage(path) as image:
            image.symbols()
            image.build_id()
            for section in image.sections:
                if section.type not in (0, SHT_NOBITS):
                    image.read(section)
    finally:
        assert time.process_time() - started < LIMIT_SECONDS


def refused(data, folder, match, section=None):
    path = folder / "vmlinux"
    path.write_bytes(data.to_bytes() if hasattr(data, "to_bytes") else bytes(data))
    with pytest.raises(ElfError, match=match) as caught:
        use(path)
    assert caught.value.path == str(path)
    assert caught.value.section == section
    assert str(caught.value).startswith(str(path))
    return caught.value


@pytest.mark.parametrize(
    "data", [b"", b"\x7f", b"\x7fEL", b"#!/bin/sh\n", bytes(1000), b"BC\xc0\xde" * 10, b"\x1f\x8b\x08"]
)
def test_hostile__files_that_are_not_elf(tmp_path, data):
    error = refused(data, tmp_path, "expected an ELF file \\(7f 45 4c 46\\), found")
    assert error.offset == 0


def test_hostile__files_that_cannot_be_opened(tmp_path):
    for path, match in ((tmp_path / "nothing", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ElfError, match=match) as caught:
            ElfImage(path)
        assert caught.value.path == str(path)


@pytest.mark.parametrize(
    "ident", [b"\x7fELF\0\1\1", b"\x7fELF\3\1\1", b"\x7fELF\2\0\1", b"\x7fELF\2\3\1", b"\x7fELF\xff\xff\xff"]
)
def test_hostile__class_and_byte_order(tmp_path, ident):
    refused(Elf([Section.text()], overrides={"e_ident": ident + bytes(9)}), tmp_path, "expected valid ELF headers")


@pytest.mark.parametrize("cut", [5, 16, 20, 63])
def test_hostile__headers_cut_short(tmp_path, cut):
    refused(GCC.read_bytes()[:cut], tmp_path, "expected valid ELF headers")


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(
    "overrides",
    [{"e_shoff": 2**32 - 1}, {"e_shoff": 10**6}, {"e_shnum": 0xFEFF}, {"e_shentsize": 0}, {"e_shentsize": 1},
     {"e_shentsize": 0xFFFF}, {"e_shoff": 1}],
    ids=str,
)  # fmt: skip
def test_hostile__section_headers_elsewhere(tmp_path, bits, overrides):
    path = Elf([Section.text()], [Symbol("f")], bits=bits, overrides=overrides).write(tmp_path / "vmlinux")
    with pytest.raises(ElfError) as caught:
        use(path)
    assert caught.value.path == str(path) and caught.value.offset is not None


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(
    "overrides", [{"e_shstrndx": 1}, {"e_shoff": 16, "e_shnum": 0}, {"e_shoff": 0}, {"e_shnum": 0}]
)
def test_hostile__section_headers_that_may_pass_for_others(tmp_path, bits, overrides):
    path = Elf([Section.text()], [Symbol("f")], bits=bits, overrides=overrides).write(tmp_path / "vmlinux")
    try:
        use(path)
    except ElfError as error:
        assert error.path == str(path)


@pytest.mark.parametrize("shstrndx", [0, 200, 0xFEFF])
def test_hostile__a_string_table_that_is_not_there(tmp_path, shstrndx):
    refused(Elf([Section.text()], overrides={"e_shstrndx": shstrndx}), tmp_path, "expected")


def test_hostile__e_shoff_past_64_bits(tmp_path):
    refused(Elf([Section.text()], overrides={"e_shoff": 2**64 - 1}), tmp_path, "expected")


@pytest.mark.parametrize("count", [10**9, 2**63, 2**64 - 1])
def test_hostile__a_number_of_sections_in_the_first_header(tmp_path, count):
    data = bytearray(Elf([Section.text()], overrides={"e_shnum": 0}).to_bytes())
    shoff = struct.unpack_from("<Q", data, 40)[0]
    struct.pack_into("<Q", data, shoff + 32, count)
    refused(data, tmp_path, "section headers, found the end of the file")


def test_hostile__a_million_sections_with_one_endless_name(tmp_path):
    elf = Elf([Section(".text", b"a" * 1_000_000), *[Section(".x", overrides={"sh_name": 5}) for _ in range(3000)]],
              overrides={"e_shstrndx": 1})  # fmt: skip
    refused(elf, tmp_path, "expected the name of section")


@pytest.mark.parametrize(
    "lie", [{"sh_size": 2**40}, {"sh_offset": 2**40}, {"sh_offset": 2**64 - 1, "sh_size": 2**64 - 1}]
)
@pytest.mark.parametrize("name", [".debug_str", ".notes", ".symtab", ".strtab"])
def test_hostile__sections_past_the_end(tmp_path, name, lie):
    kinds = {".notes": 7, ".symtab": SHT_SYMTAB, ".strtab": 3}
    section = Section(name, bytes(48), kinds.get(name, 1), overrides=lie, link=2)
    strings = Section(".strtab", b"\0f\0", 3) if name == ".symtab" else Section(".other")
    sections = [section, strings]
    if name == ".strtab":
        sections = [Section(".symtab", bytes(48), SHT_SYMTAB, link=2), section]
    error = refused(Elf(sections), tmp_path, "is the file truncated", section=name)
    assert error.offset == 0


@pytest.mark.parametrize("name", [".zdebug_str", ".debug_str"])
@pytest.mark.parametrize("size", [0, 4, 99, 101, 2**31, 2**40, 2**63, 2**64 - 1])
@pytest.mark.parametrize("compress", ["zlib", "zstd"])
def test_hostile__sizes_after_decompression(tmp_path, name, size, compress):
    if name == ".zdebug_str":
        compress = "zdebug"
    section = Section(".debug_str", bytes(range(100)), compress=compress, overrides={"ch_size": size})
    refused(Elf([section]), tmp_path, "decompression, found", section=name)


def test_hostile__bombs_of_zstd(tmp_path):
    section = Section(".debug_str", bytes(1 << 28), compress="zstd")
    refused(Elf([section]), tmp_path, "plausible size", section=".debug_str")


@pytest.mark.parametrize("kind", [0, 3, 0xFFFFFFFF])
def test_hostile__unknown_compression(tmp_path, kind):
    section = Section(".debug_str", b"abc", compress="zlib", overrides={"ch_type": kind})
    refused(Elf([section]), tmp_path, f"ch_type 1 \\(zlib\\) or 2 \\(zstd\\), found {kind}", section=".debug_str")


@pytest.mark.parametrize(
    "raw", [b"", b"\1", struct.pack("<IIQQ", 1, 0, 5, 1), struct.pack("<IIQQ", 1, 0, 5, 1) + b"nonsense",
            struct.pack("<IIQQ", 2, 0, 5, 1) + b"nonsense",
            struct.pack("<IIQQ", 2, 0, 5, 1) + b"\x28\xb5\x2f\xfd"])  # fmt: skip
def test_hostile__broken_compression(tmp_path, raw):
    section = Section(".debug_str", b"x", compress="zlib", overrides={"raw": raw})
    refused(Elf([section]), tmp_path, "expected", section=".debug_str")


@pytest.mark.parametrize("raw", [b"", b"ZLIB", b"ZLIB" + bytes(8) + b"x", b"ELSE" + bytes(20)])
def test_hostile__broken_zdebug(tmp_path, raw):
    section = Section(".debug_str", b"x", compress="zdebug", overrides={"raw": raw})
    refused(Elf([section]), tmp_path, "expected", section=".zdebug_str")


def test_hostile__symbols_whose_names_lie_outside(tmp_path):
    refused(Elf([Section.text()], [Symbol(2**32 - 1)]), tmp_path, "expected st_name below", section=".symtab")


@pytest.mark.parametrize("link", [99, 2**32 - 1])
def test_hostile__symbols_whose_string_table_is_not_there(tmp_path, link):
    sections = [Section(".symtab", bytes(48), SHT_SYMTAB, link=link)]
    refused(Elf(sections), tmp_path, "sh_link to name a string table", section=".symtab")


def test_hostile__symbols_whose_string_table_is_another_section(tmp_path):
    sections = [Section.text(), Section(".symtab", bytes(48), SHT_SYMTAB, link=".text")]
    refused(Elf(sections), tmp_path, "sh_link to name a string table, found section 1, .text", section=".symtab")


def test_hostile__several_symbol_tables(tmp_path):
    sections = [Section(name, bytes(48), SHT_SYMTAB, link=".strtab") for name in (".symtab", ".other")]
    refused(Elf([*sections, Section(".strtab", bytes(1), 3)]), tmp_path,
            "expected one section SHT_SYMTAB, found 2: .symtab, .other")


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_hostile__the_other_class(tmp_path, bits, byteorder):
    path = Elf([Section.text()], bits=bits, byteorder=byteorder).write(tmp_path / "a")
    data = bytearray(path.read_bytes())
    data[4] = 3 - data[4]
    path.write_bytes(data)
    with pytest.raises(ElfError, match=f"expected e_ehsize .* in a file of {96 - bits} bits"):
        ElfImage(path)


def test_hostile__names_that_steer_a_terminal_are_shown_as_they_are(tmp_path):
    error = refused(Elf([Section.text(".a\x1b[2J\n"), Section(".symtab", bytes(48), SHT_SYMTAB, link=1)]), tmp_path,
                    "found section 1, .a", section=".symtab")
    assert str(error).endswith("found section 1, .a\\x1b[2J\\n")


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("nbytes", range(0, 60, 7))
def test_hostile__symbol_tables_of_odd_length(tmp_path, bits, nbytes):
    sections = [Section(".symtab", bytes(nbytes), SHT_SYMTAB, link=2), Section(".strtab", b"no end", 3)]
    with ElfImage(Elf(sections, bits=bits).write(tmp_path / "a")) as image:
        assert len(image.symbols().name_off) == 0  # all undefined


def test_hostile__damaged_headers_give_a_file_or_one_error(tmp_path):
    rng = random.Random(9)
    whole = GCC.read_bytes()
    shoff = struct.unpack_from("<Q", whole, 40)[0]
    outcomes = [0, 0]
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 1, 2, 5))):
            at = rng.randrange(64) if rng.random() < 0.2 else rng.randrange(shoff, len(whole))
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        (tmp_path / "a").write_bytes(data)
        try:
            use(tmp_path / "a")
            outcomes[0] += 1
        except HarnessError as error:
            assert error.path == str(tmp_path / "a")
            outcomes[1] += 1
    assert min(outcomes) > 40


@pytest.mark.long
def test_hostile__every_field_of_every_section_header(tmp_path):
    """In a process of its own, to which memory for a size that lies is refused."""
    files = [OBJECTS / "relocatable" / f"{name}.o" for name in ("x86_64-gcc", "i686-gcc", "s390x-gcc")]
    files += [OBJECTS / f"sample-{name}-gcc-dwarf5.elf" for name in ("x86_64", "armhf")]
    with ElfImage(files[0]) as image:
        sections = [Section(s.name, image.read(s).tobytes(), compress="zlib" if i % 2 else "zstd")
                    for i, s in enumerate(image.sections) if s.name.startswith(".debug_")]  # fmt: skip
    files.append(Elf([Section.text(), *sections], [Symbol("f")]).write(tmp_path / "compressed"))
    walk_every = 0 if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0" else 5
    run = subprocess.run([sys.executable, "tests/elf/header_mutations.py", "1", str(walk_every), *files], cwd=ROOT,
                         env=os.environ | {"PYTHONPATH": "."}, capture_output=True, text=True)  # fmt: skip
    assert run.returncode == 0, run.stderr
    read, refusals = (int(line.split()[1]) for line in run.stdout.splitlines())
    assert min(read, refusals) > 400, run.stdout
