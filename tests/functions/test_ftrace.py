"""ftrace's table of call sites, of ELF files stated in Python."""

import struct

import numpy as np
import pytest

from harness.elf import ElfImage
from harness.elf.relative import RELATIVE
from harness.errors import ElfError
from harness.functions.ftrace import ftrace_sites, has_site
from tests.fixtures.build import program
from tests.writers.elf import (
    EM_386,
    EM_AARCH64,
    EM_RISCV,
    EM_S390,
    EM_X86_64,
    ET_REL,
    SHF_ALLOC,
    SHF_WRITE,
    SHT_NOBITS,
    SHT_RELA,
    STT_FUNC,
    STT_NOTYPE,
    STT_OBJECT,
    Elf,
    Relocation,
    Section,
    Symbol,
)

TABLE = 0x8000
MACHINES = {"EM_X86_64": EM_X86_64, "EM_AARCH64": EM_AARCH64, "EM_S390": EM_S390, "EM_RISCV": EM_RISCV, "EM_PPC64": 21}


def numbers(values, bits=64, byteorder="little"):
    return struct.pack(f"{'<' if byteorder == 'little' else '>'}{len(values)}{'Q' if bits == 64 else 'I'}", *values)


def table(values, bits=64, byteorder="little", before=b"", behind=b"", **how):
    """A section with the table, and the symbols of its ends."""
    data = numbers(values, bits, byteorder)
    start = TABLE + len(before)
    return [Section(".init.data", before + data + behind, flags=SHF_ALLOC | SHF_WRITE, address=TABLE, **how)], ends(
        start, start + len(data))


def ends(start, stop):
    return [Symbol("__start_mcount_loc", start, type=STT_NOTYPE, section=".init.data"),
            Symbol("__stop_mcount_loc", stop, type=STT_NOTYPE, section=".init.data")]


def sites(tmp_path, sections, symbols, functions=(0x1000, 0x1100), **how):
    text = Section.text(address=0x1000, size=0x1000)
    symbols = [*symbols, *(Symbol(f"f{n}", each, 16) for n, each in enumerate(functions))]
    with ElfImage(Elf([text, *sections], symbols, **how).write(tmp_path / "vmlinux")) as image:
        found = ftrace_sites(image, image.symbols())
    return None if found is None else found.tolist()


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize(("bits", "machine"), [(64, EM_X86_64), (64, EM_S390), (32, EM_386)])
def test_sites__in_every_layout(tmp_path, byteorder, bits, machine):
    values = [0x1100, 0x1000, 0xFFFFFFFF81000000 if bits == 64 else 0xC1000000]
    made = table(values, bits, byteorder, before=bytes(16), behind=b"\xff" * 16)
    found = sites(tmp_path, *made, bits=bits, byteorder=byteorder, e_machine=machine)
    assert found == sorted(values)


def test_sites__without_the_table_there_is_none(tmp_path):
    sections, symbols = table([0x1000])
    assert sites(tmp_path, [], []) is None
    assert sites(tmp_path, sections, []) is None
    assert sites(tmp_path, sections, symbols[:1]) is None
    assert sites(tmp_path, sections, symbols[1:]) is None
    assert sites(tmp_path, sections, [s._replace(name="x" + s.name) for s in symbols]) is None
    assert sites(tmp_path, sections, [s._replace(name=s.name + "s") for s in symbols]) is None


def test_sites__an_empty_table_has_no_sites(tmp_path):
    assert sites(tmp_path, *table([], behind=bytes(8))) == []


def test_sites__a_table_without_bytes_in_the_file_is_none(tmp_path):
    nobits = Section(".init.data", type=SHT_NOBITS, flags=SHF_ALLOC, address=TABLE, size=64)
    assert sites(tmp_path, [nobits], ends(TABLE, TABLE + 16)) is None
    stripped = Section(".init.data", bytes(64), address=TABLE)  # not allocated: its address means nothing
    assert sites(tmp_path, [stripped], ends(TABLE, TABLE + 16)) is None
    assert sites(tmp_path, table([1])[0], ends(0x100000, 0x100010)) is None


def test_sites__zeros_and_repetitions_are_dropped(tmp_path):
    assert sites(tmp_path, *table([0, 0x1100, 0, 0x1000, 0x1100, 0])) == [0x1000, 0x1100]
    assert sites(tmp_path, *table([0, 0])) == []


def rela(entries, byteorder="little", flags=SHF_ALLOC, **how):
    """Relocations (offset, type, addend) of a linked file."""
    data = b"".join(numbers([offset, type, addend], 64, byteorder) for offset, type, addend in entries)
    return Section(".rela.dyn", data, SHT_RELA, flags=flags, address=0x20000, entsize=24, **how)


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("machine", MACHINES)
def test_relocations__relative_ones_fill_the_table(tmp_path, machine, byteorder):
    kind = RELATIVE[machine]
    sections, symbols = table([0, 0, 0x1200, 0], byteorder=byteorder, before=bytes(8), behind=bytes(8))
    addresses = [0x1100, 0xFFFF800080001000]
    relocations = rela([
        (TABLE + 8, kind, addresses[0]), (TABLE + 16, kind, addresses[1]),
        (TABLE, kind, 0x1300), (TABLE + 8 + 32, kind, 0x1400),  # beside the table
        (TABLE + 32, kind + 1, 0x1500), (TABLE + 32, kind | 5 << 32, 0x1600),  # another type; a symbol's number
    ], byteorder)  # fmt: skip
    found = sites(tmp_path, [*sections, relocations], symbols, byteorder=byteorder, e_machine=MACHINES[machine])
    assert found == sorted([*addresses, 0x1200, 0x1600])


def test_relocations__of_an_object_or_of_another_machine_do_not(tmp_path):
    sections, symbols = table([0, 0x1000])
    entries = [(TABLE, RELATIVE["EM_AARCH64"], 0x1100)]
    assert sites(tmp_path, [*sections, rela(entries, flags=0)], symbols, e_machine=EM_AARCH64) == [0x1000]
    assert sites(tmp_path, [*sections, rela(entries)], symbols, e_machine=EM_X86_64) == [0x1000]
    assert sites(tmp_path, [*sections, rela(entries)], symbols, e_machine=8) == [0x1000]


def test_relocations__a_cut_entry_is_left_aside(tmp_path):
    sections, symbols = table([0, 0])
    relocations = rela([(TABLE, 8, 0x1100), (TABLE + 8, 8, 0x1000)])
    relocations.data = relocations.data[:-1]
    assert sites(tmp_path, [*sections, relocations], symbols) == [0x1100]


def test_relocations__their_places_count_from_the_table(tmp_path):
    sections, symbols = table([0x1000, 0x1100])
    assert sites(tmp_path, [*sections, rela([(2**64 - 8, 8, 1), (0, 8, 2)])], symbols) == [0x1000, 0x1100]


@pytest.mark.parametrize("machine", [EM_AARCH64, EM_RISCV, EM_X86_64, 258])
@pytest.mark.parametrize("lead", [4, 8, 16, 64])
def test_leads__sites_before_the_functions_are_moved_to_them(tmp_path, machine, lead):
    functions = (0x1080, 0x1180, 0x1280)
    before = [each - lead for each in functions]
    assert sites(tmp_path, *table(before), functions, e_machine=machine) == list(functions)
    # one in a gap, where an overridden function was, says nothing
    assert sites(tmp_path, *table([*before, 0x1100]), functions, e_machine=machine) == sorted(
        [*functions, 0x1100 + lead])
    # as they are where most are in functions: at the entry, or behind a landing pad or a prologue
    inside = [each + 4 for each in functions]
    assert sites(tmp_path, *table(inside), functions, e_machine=machine) == inside
    assert sites(tmp_path, *table([*inside[:2], before[2]]), functions, e_machine=machine) == sorted(
        [*inside[:2], before[2]])


def test_leads__farther_than_any_kernel_has_them_they_are_none(tmp_path):
    assert sites(tmp_path, *table([0x1100 - 65]), (0x1100,)) == [0x1100 - 65]
    assert sites(tmp_path, *table([0x1200]), (0x1100,)) == [0x1200]
    assert sites(tmp_path, *table([0x1200]), ()) == [0x1200]


def test_arm64__data_at_the_address_is_no_entry(tmp_path):
    sections, symbols = table([0x1000])
    symbols = [*symbols, Symbol("data", 0x1008, 8, type=STT_OBJECT)]
    assert sites(tmp_path, sections, symbols, functions=(0x1800,), e_machine=EM_AARCH64) == [0x1000]


@pytest.mark.parametrize("stop", [TABLE - 8, TABLE + 4, TABLE + 12, TABLE + 24, 0x1000, 2**64 - 8])
def test_errors__ends_that_are_not_those_of_one_table(tmp_path, stop):
    sections, _ = table([0x1000, 0x1100])
    with pytest.raises(ElfError) as caught:
        sites(tmp_path, sections, ends(TABLE, stop))
    assert (caught.value.section, caught.value.offset) == (".init.data", 0)
    assert f"expected __stop_mcount_loc after __start_mcount_loc ({TABLE:#x}) in its section" in str(caught.value)
    assert f"found {stop:#x}" in str(caught.value)


def test_errors__ends_in_different_sections(tmp_path):
    sections, _ = table([0x1000, 0x1100])
    other = Section(".data", bytes(16), flags=SHF_ALLOC, address=TABLE + 16)
    with pytest.raises(ElfError, match="in its section"):
        sites(tmp_path, [*sections, other], ends(TABLE, TABLE + 32))


def has(found, address, size):
    return bool(has_site(np.array(found, np.uint64), np.array([address], np.uint64), np.array([size], np.uint64))[0])


@pytest.mark.parametrize(("address", "size", "expected"), [
    (0x1000, 16, True),  # at the entry
    (0x0FFC, 16, True),  # behind an endbr
    (0x0FF1, 16, True),  # its last byte
    (0x0FF0, 16, False),  # just behind it
    (0x1001, 16, False),  # just before it
    (0x1000, 0, True),  # without a size: its first byte
    (0x0FFF, 0, False),
    (0x1000, 1, True),
    (0x2000, 0x1000, False),
])  # fmt: skip
def test_has_site__is_half_open(address, size, expected):
    assert has([0x800, 0x1000, 0x5000], address, size) is expected


def test_has_site__of_high_addresses_and_of_none():
    assert has([0xFFFFFFFF81000004], 0xFFFFFFFF81000000, 16) and not has([0xFFFFFFFF81000010], 0xFFFFFFFF81000000, 16)
    assert not has([], 0x1000, 16)
    nothing = np.zeros(0, np.uint64)
    assert has_site(np.array([1], np.uint64), nothing, nothing).tolist() == []


# Modules


def module(folder, tables, e_machine=EM_X86_64, bits=64, byteorder="little", symbols=()):
    """Offsets in .text, or in .init.text from 0x10000 on, of the sites of a relocatable file; None without a table."""
    text = [Section.text(address=0, size=0x100), Section.text(".init.text", 0, 0x100)]
    elf = Elf([*text, *tables], [Symbol("f", 0), Symbol("g", 0, section=".init.text"), *symbols], e_type=ET_REL,
              e_machine=e_machine, bits=bits, byteorder=byteorder)  # fmt: skip
    with ElfImage(elf.write(folder / "a.ko")) as image:
        found = ftrace_sites(image, image.symbols())
        if found is None:
            return None
        section, offset = image.place(found)
        return [(image.sections[s].name, o) for s, o in zip(section.tolist(), offset.tolist(), strict=True)]


def module_table(*sites, name="__mcount_loc", kind=1, **how):
    """A table of (symbol, addend)."""
    relocations = [Relocation(8 * i, symbol, kind, addend) for i, (symbol, addend) in enumerate(sites)]
    return Section(name, bytes(8 * len(sites)), flags=SHF_ALLOC, relocations=relocations, **how)


def test_modules__sites_at_the_start_of_each_section_count(tmp_path):
    found = module(tmp_path, [module_table(("f", 0), ("f", 0x40), ("g", 0))])
    assert found == [(".text", 0), (".text", 0x40), (".init.text", 0)]


def test_modules__have_one_table_for_each_section_of_code(tmp_path):
    found = module(tmp_path, [module_table(("g", 4)), module_table(("f", 4))])
    assert found == [(".text", 4), (".init.text", 4)]


def test_modules__tables_of_calls_come_before_those_of_padding(tmp_path):
    padding = module_table(("f", 0x80), name="__patchable_function_entries")
    assert module(tmp_path, [padding, module_table(("f", 4))]) == [(".text", 4)]
    assert module(tmp_path, [padding]) == [(".text", 0x80)]


def test_modules__without_a_table_have_none(tmp_path):
    assert module(tmp_path, []) is None
    assert module(tmp_path, [Section("__mcount_loc", type=SHT_NOBITS, flags=SHF_ALLOC, size=8)]) is None
    ends = [Symbol("__start_mcount_loc", 0), Symbol("__stop_mcount_loc", 8)]
    assert module(tmp_path, [], symbols=ends) is None


def test_modules__sites_before_the_entries_are_moved_to_them_on_arm64(tmp_path):
    symbols = [Symbol("h", 0x48), Symbol("i", 0x88)]
    tables = [module_table(("f", 0x40), ("f", 0x80), name="__patchable_function_entries", kind=257)]
    assert module(tmp_path, tables, EM_AARCH64, symbols=symbols) == [(".text", 0x48), (".text", 0x88)]


def test_modules__whose_table_is_no_list_of_addresses_are_refused(tmp_path):
    with pytest.raises(ElfError, match="addresses of 8 bytes, found 12 bytes in all") as caught:
        module(tmp_path, [Section("__mcount_loc", bytes(12), flags=SHF_ALLOC)])
    assert (caught.value.section, caught.value.offset) == ("__mcount_loc", 8)
    with pytest.raises(ElfError, match="types known for EM_X86_64, found type 9") as caught:
        module(tmp_path, [module_table(("f", 0), kind=9)])
    assert (caught.value.section, caught.value.offset) == ("__mcount_loc", 0)


@pytest.mark.parametrize("options", [("-pg", "-mfentry", "-mrecord-mcount"), ("-fpatchable-function-entry=5",)],
                         ids=["mcount", "patchable"])  # fmt: skip
def test_modules__every_function_of_a_compiled_object_has_a_site(options):
    path = program("functions", link="rel", extra=("-ffunction-sections", *options)).objects[0]
    with ElfImage(path) as image:
        symbols = image.symbols()
        functions = symbols.type == STT_FUNC
        assert functions.sum() > 3
        assert has_site(ftrace_sites(image, symbols), symbols.value[functions], symbols.size[functions]).all()
