"""Where addresses lie: sections of linked files, and those of relocatable files laid out."""

import random
import struct

import numpy as np
import pytest

from harness.elf import ElfImage
from harness.elf.constants import RESERVED
from harness.elf.places import FIRST_ADDRESS, GAP_NBYTES
from harness.errors import ElfError
from harness.model import NOWHERE
from tests.writers.elf import (
    ET_EXEC,
    ET_REL,
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_WRITE,
    SHN_ABS,
    SHN_LORESERVE,
    SHN_UNDEF,
    SHN_XINDEX,
    SHT_NOBITS,
    SHT_SYMTAB_SHNDX,
    STT_SECTION,
    Elf,
    Section,
    Symbol,
)

SHF_TLS, SHF_GROUP = 0x400, 0x200


def opened(folder, sections, symbols=None, e_type=ET_EXEC, **how):
    return ElfImage(Elf(sections, symbols, e_type=e_type, **how).write(folder / "a"))


def places(image, *addresses):
    """[(section's name or None, offset)] of addresses."""
    section, offset = image.place(np.array(addresses, np.uint64))
    assert (section.dtype, offset.dtype) == (np.int32, np.uint64)
    return [(image.sections[s].name if s != NOWHERE else None, o) for s, o in
            zip(section.tolist(), offset.tolist(), strict=True)]  # fmt: skip


# Linked files


def test_place__in_linked_files_goes_by_address(tmp_path):
    with opened(tmp_path, [Section.text(address=0x1000, size=0x100), Section.data_at(".data", 0x1100, 0x10),
                           Section(".debug_info", bytes(0x2000))]) as image:  # fmt: skip
        assert not image.relocatable
        assert places(image, 0xFFF, 0x1000, 0x10FF, 0x1100, 0x110F, 0x1110, 0, 2**64 - 1) == [
            (None, 0xFFF), (".text", 0), (".text", 0xFF), (".data", 0), (".data", 15), (None, 0x1110), (None, 0),
            (None, 2**64 - 1)]  # fmt: skip


def test_place__address_0_is_an_address(tmp_path):
    with opened(tmp_path, [Section.text(address=0, size=0x100)]) as image:
        assert places(image, 0, 1, 0x100) == [(".text", 0), (".text", 1), (None, 0x100)]


def test_place__code_comes_before_data_at_the_same_address(tmp_path):
    sections = [Section.data_at(".data..percpu", 0, 0x3000), Section.text(address=0x1000, size=0x1000),
                Section.data_at(".later", 0x2800, 0x1000)]  # fmt: skip
    with opened(tmp_path, sections) as image:
        assert places(image, 0, 0x1000, 0x1FFF, 0x2000, 0x2FFF, 0x3000) == [
            (".data..percpu", 0), (".text", 0), (".text", 0xFFF), (".data..percpu", 0x2000), (".data..percpu", 0x2FFF),
            (".later", 0x800)]  # fmt: skip


def test_place__thread_local_data_comes_last(tmp_path):
    tls = Section(".tbss", type=SHT_NOBITS, flags=SHF_ALLOC | SHF_WRITE | SHF_TLS, address=0x1000, size=0x20)
    with opened(tmp_path, [tls, Section.data_at(".init_array", 0x1000, 0x10)]) as image:
        assert places(image, 0x1000, 0x1010) == [(".init_array", 0), (".tbss", 0x10)]


def test_place__at_the_end_of_the_address_space(tmp_path):
    top = 2**64 - 0x1000
    with opened(tmp_path, [Section.text(address=top, size=0x1000)]) as image:
        assert places(image, top - 1, top, 2**64 - 1) == [(None, top - 1), (".text", 0), (".text", 0xFFF)]
    lying = Section.text(address=top, size=0x1000)
    lying.overrides["sh_size"] = 2**64 - 1
    with opened(tmp_path, [lying]) as image:
        assert places(image, 0x10, 2**64 - 1) == [(None, 0x10), (".text", 0xFFF)]


def test_place__without_sections_is_nowhere(tmp_path):
    with opened(tmp_path, [], overrides={"e_shoff": 0}) as image:
        assert places(image, 0, 7) == [(None, 0), (None, 7)]
        assert places(image) == []


def test_place__agrees_with_a_search_through_all_sections(tmp_path):
    rng = random.Random(7)
    for _ in range(40):
        sections = [Section(f".s{i}", type=SHT_NOBITS, address=rng.randrange(60), size=rng.randrange(30),
                            flags=rng.choice((0, SHF_ALLOC, SHF_ALLOC, SHF_ALLOC | SHF_EXECINSTR, SHF_ALLOC | SHF_TLS)))
                    for i in range(rng.randrange(12))]  # fmt: skip
        ranked = sorted((s for s in sections if s.flags & SHF_ALLOC),
                        key=lambda s: (not s.flags & SHF_EXECINSTR, bool(s.flags & SHF_TLS)))  # fmt: skip
        expected = [next(((s.name, at - s.address) for s in ranked if s.address <= at < s.address + s.size), (None, at))
                    for at in range(100)]  # fmt: skip
        with opened(tmp_path, sections) as image:
            assert places(image, *range(100)) == expected


# Relocatable files


def test_layout__sections_of_objects_are_apart(tmp_path):
    code = SHF_ALLOC | SHF_EXECINSTR
    sections = [
        Section.text(address=0, size=0x123), Section(".debug_info", b"abc"), Section(".empty", flags=code),
        Section(".text.f", bytes(3), flags=code | SHF_GROUP), Section(".text.f", bytes(3), flags=code | SHF_GROUP),
        Section.nobits(address=0, size=0x12345), Section(".huge", bytes(8), flags=SHF_ALLOC, align=1 << 21),
        Section(".odd", bytes(8), flags=SHF_ALLOC, overrides={"sh_addralign": 12}),
    ]  # fmt: skip
    with opened(tmp_path, sections, e_type=ET_REL) as image:
        assert image.relocatable
        assert [s.addr for s in image.sections if not s.flags & SHF_ALLOC] == [0] * 3
        loaded = [s for s in image.sections if s.flags & SHF_ALLOC]
        assert [s.name for s in loaded] == [".text", ".empty", ".text.f", ".text.f", ".bss", ".huge", ".odd"]
        assert loaded[0].addr == FIRST_ADDRESS
        for before, after in zip(loaded, loaded[1:], strict=False):
            assert after.addr - before.addr - before.nbytes >= GAP_NBYTES
        assert all(s.addr % max(GAP_NBYTES, s.align if s.align != 12 else 1) == 0 for s in loaded)
        for s in loaded:
            section, offset = image.place(np.array([s.addr, s.addr + s.nbytes], np.uint64))
            assert section.tolist() == [s.index if s.nbytes else NOWHERE, NOWHERE]
            assert not s.nbytes or offset[0] == 0
        assert places(image, 0, 1, 0xFFFF) == [(None, 0), (None, 1), (None, 0xFFFF)]


def test_layout__addresses_in_the_headers_of_objects_do_not_count(tmp_path):
    with opened(tmp_path, [Section.text(address=0x5000)], [Symbol("f", 0x10)], e_type=ET_REL) as image:
        assert image.symbols().value.tolist() == [FIRST_ADDRESS + 0x10]


@pytest.mark.parametrize(("bits", "size", "align"), [(64, 2**63, 1 << 63), (64, 2**64 - 1, 1), (32, 2**32 - 0x1000, 1),
                                                     (32, 0x1000, 1 << 31)])  # fmt: skip
def test_layout__sections_past_the_address_space_are_refused(tmp_path, bits, size, align):
    huge = Section(".bss", type=SHT_NOBITS, flags=SHF_ALLOC, size=0x1000,
                   overrides={"sh_size": size, "sh_addralign": align})  # fmt: skip
    with pytest.raises(ElfError, match=f"fit into an address space of {bits} bits") as caught:
        opened(tmp_path, [huge, huge], e_type=ET_REL, bits=bits)
    assert (caught.value.section, caught.value.offset) == (".bss", 0)


def test_layout__symbols_of_objects_have_the_addresses_of_their_sections(tmp_path):
    symbols = [Symbol("f", 0), Symbol("init", 0, section=".init.text"), Symbol("g", 0x30, section=".init.text"),
               Symbol("absolute", 0x77, section=SHN_ABS), Symbol("", 0, type=STT_SECTION, section=".debug_info"),
               Symbol("undefined", 0, section=SHN_UNDEF)]  # fmt: skip
    sections = [Section.text(address=0), Section.text(".init.text", 0), Section(".debug_info", b"x")]
    with opened(tmp_path, sections, symbols, ET_REL) as image:
        text, init = image.section(".text").addr, image.section(".init.text").addr
        table = image.symbols()
        assert table.value.tolist() == [text, init, init + 0x30, 0x77, 0]
        assert table.shndx.tolist() == [1, 2, 2, RESERVED + SHN_ABS, 3]
        assert places(image, *table.value.tolist()[:3]) == [(".text", 0), (".init.text", 0), (".init.text", 0x30)]


# More sections than 16 bits count


@pytest.mark.long
@pytest.mark.parametrize(("byteorder", "e_type"), [("little", ET_REL), ("big", ET_EXEC)])
def test_sections__beyond_16_bits_are_known_to_symbols_and_places(tmp_path, byteorder, e_type):
    sections = [Section.text(f".text.{i}", 0x1000 * (i + 1), 4) for i in range(SHN_LORESERVE + 0x200)]
    numbers = (1, SHN_LORESERVE - 1, SHN_LORESERVE, SHN_ABS, SHN_XINDEX, SHN_LORESERVE + 0x200)
    symbols = [Symbol(f"f{n}", 2 + (0x1000 * n if e_type == ET_EXEC else 0), section=f".text.{n - 1}") for n in numbers]
    symbols.insert(3, Symbol("absolute", 5, section=SHN_ABS))
    with opened(tmp_path, sections, symbols, e_type, byteorder=byteorder) as image:
        table = image.symbols()
        assert table.shndx.tolist() == [*numbers[:3], RESERVED + SHN_ABS, *numbers[3:]]
        section, offset = image.place(np.delete(table.value, 3))
        assert section.tolist() == list(numbers) and set(offset.tolist()) == {2}


@pytest.mark.parametrize(("numbers", "match", "section"), [
    ([0, 99], "section numbers below 6, found 99", ".symtab_shndx"), ([0], "2 symbols, found 1", ".symtab_shndx"),
    (None, "expected a section SHT_SYMTAB_SHNDX", ".symtab")], ids=str)  # fmt: skip
def test_sections__whose_numbers_lie_are_refused(tmp_path, numbers, match, section):
    sections = [Section.text()]
    if numbers is not None:
        sections.append(Section(".symtab_shndx", struct.pack(f"<{len(numbers)}I", *numbers), SHT_SYMTAB_SHNDX,
                                link=".symtab"))  # fmt: skip
    elf = Elf(sections, [Symbol("f", section=SHN_XINDEX)])
    with ElfImage(elf.write(tmp_path / "a")) as image:
        with pytest.raises(ElfError, match=match) as caught:
            image.symbols()
    assert caught.value.section == section
