"""Relocations of hand-made and compiled objects: right ones, every machine, and those that cannot be applied."""

import struct
import subprocess

import numpy as np
import pytest

from harness.dwarf import walk
from harness.elf import ElfImage, relocate
from harness.elf.relocation_types import SIX_BITS, TYPES, ULEB128, Op
from harness.errors import ElfError
from tests.fixtures.build import find, program
from tests.fixtures.relocatable import FOLDER, RELOCATABLE
from tests.reference import relocation_twin as twin
from tests.writers import elf as w
from tests.writers.elf import Elf, Relocation, Section, Symbol

MACHINES = {name: getattr(w, name) for name in TYPES}
ONLY_BIG = ("EM_S390", "EM_SPARCV9", "EM_68K")
LAYOUTS = [(name, 32 if MACHINES[name] in twin.ONLY_32_BITS else 64, order)
           for name in TYPES for order in ("little", "big")]  # fmt: skip
LAYOUTS += [("EM_MIPS", 32, "big"), ("EM_MIPS", 32, "little"), ("EM_X86_64", 32, "little"), ("EM_RISCV", 32, "little")]
compiled = pytest.mark.parametrize("kept", RELOCATABLE, ids=lambda kept: kept.name)


def number(machine, op, width):
    """The first type of a machine that does `op` to places of that width."""
    types = TYPES[machine]
    return int(np.flatnonzero((types.op == op) & (types.width == width))[0])


def made(folder, data, relocations, machine="EM_X86_64", bits=64, byteorder="little", name=".debug_info", rel=False,
         symbols=None, **section):  # fmt: skip
    """A file with .text, .init.text and the section `name`."""
    sections = [Section.text(address=0), Section.text(".init.text", 0, 0x100),
                Section(name, bytes(data), relocations=relocations, rel=rel, **section)]  # fmt: skip
    symbols = [Symbol("f", 0x40), Symbol("g", 0x20, section=".init.text"), *(symbols or [])]
    return Elf(sections, symbols, bits=bits, byteorder=byteorder, e_type=w.ET_REL,
               e_machine=MACHINES[machine]).write(folder / "a.o")  # fmt: skip


def contents(path, name=".debug_info", **how):
    with ElfImage(path) as image:
        return image.read(image.section(name), **how).tobytes(), {s.name: s.addr for s in image.sections}


def refused(path, match, offset, section=".debug_info"):
    with pytest.raises(ElfError, match=match) as caught:
        contents(path)
    assert (caught.value.path, caught.value.section, caught.value.offset) == (str(path), section, offset)


# One place, one relocation


@pytest.mark.parametrize("rel", [False, True], ids=["rela", "rel"])
@pytest.mark.parametrize(("machine", "bits", "byteorder"), LAYOUTS)
def test_relocations__words_of_every_machine(tmp_path, machine, bits, byteorder, rel):
    word, addend = bits // 8, 0x1234
    word = 4 if machine == "EM_X86_64" and bits == 32 else word
    four, whole = number(machine, Op.ABS, 4), number(machine, Op.ABS, word)
    relocations = [Relocation(1, "f", whole, addend), Relocation(1 + word, "g", four, -16),
                   Relocation(9 + word, "none", four, 5)]  # fmt: skip
    stood = [addend, -16, 5] if rel else [0x11, 0x22, 0x33]
    spelt = [(stood[0] % (1 << 8 * word), word), (stood[1] % (1 << 32), 4), (0xAAAAAAAA, 4), (stood[2], 4), (0xBB, 1)]
    data = b"\xcc" + b"".join(value.to_bytes(n, byteorder) for value, n in spelt)
    path = made(tmp_path, data, relocations, machine, bits, byteorder, rel=rel,
                symbols=[Symbol("none", 0, section=w.SHN_UNDEF)])  # fmt: skip
    got, addr = contents(path)
    spelt[0] = (addr[".text"] + 0x40 + addend, word)
    spelt[1] = (addr[".init.text"] + 0x20 - 16, 4)
    spelt[3] = (5, 4)
    assert got == b"\xcc" + b"".join(value.to_bytes(n, byteorder) for value, n in spelt)


@pytest.mark.parametrize("machine", TYPES)
def test_relocations__types_are_what_readelf_calls_them(machine):
    types = TYPES[machine]
    names = twin.type_names(MACHINES[machine])
    for kind in np.flatnonzero(types.op != Op.UNKNOWN).tolist():
        if kind == 256:
            continue  # AArch64's other R_AARCH64_NONE, withdrawn
        op, width = Op(types.op[kind]), int(types.width[kind])
        bits = {SIX_BITS: 6, ULEB128: 0}.get(width, 8 * width)
        assert twin.meaning(names[kind]) == (op.name.lower(), 8 if op == Op.NONE else bits), names[kind]


def test_relocations__of_compressed_sections_count_in_the_contents(tmp_path):
    for compress in ("zlib", "zstd", "zdebug"):
        path = made(tmp_path, bytes(200), [Relocation(192, "f", 1, 3)], compress=compress)
        got, addr = contents(path, ".zdebug_info" if compress == "zdebug" else ".debug_info")
        assert got == bytes(192) + struct.pack("<Q", addr[".text"] + 0x43)


def test_relocations__to_sections_that_are_not_loaded_are_plain_offsets(tmp_path):
    symbols = [Symbol("str", 0, type=w.STT_SECTION, section=".debug_info")]
    got, addr = contents(made(tmp_path, bytes(4), [Relocation(0, "str", 10, 0x77)], symbols=symbols))
    assert got == struct.pack("<I", 0x77) and addr[".debug_info"] == 0


def test_relocations__of_thread_local_variables_are_offsets_in_their_section(tmp_path):
    symbols = [Symbol("tls", 0x18, type=w.STT_TLS)]
    got, _ = contents(made(tmp_path, bytes(8), [Relocation(0, "tls", 17, 2)], symbols=symbols))
    assert got == struct.pack("<Q", 0x1A)


def test_relocations__to_absolute_and_common_symbols(tmp_path):
    symbols = [Symbol("absolute", 0x99, section=w.SHN_ABS), Symbol("common", 8, section=w.SHN_COMMON)]
    got, _ = contents(made(tmp_path, bytes(8), [Relocation(0, "absolute", 10, 1), Relocation(4, "common", 10, 1)],
                           symbols=symbols))  # fmt: skip
    assert got == struct.pack("<II", 0x9A, 1)


def test_relocations__relative_to_their_place(tmp_path):
    got, addr = contents(made(tmp_path, bytes(12), [Relocation(4, "f", 24, 1)], name=".data", flags=w.SHF_ALLOC),
                         ".data", relocated=True)  # fmt: skip
    assert got == bytes(4) + struct.pack("<q", addr[".text"] + 0x41 - addr[".data"] - 4)


def test_relocations__of_thumb_functions_have_no_odd_bit(tmp_path):
    got, addr = contents(made(tmp_path, bytes(4), [Relocation(0, "thumb", 2)], "EM_ARM", 32,
                              symbols=[Symbol("thumb", 0x81)]))  # fmt: skip
    assert got == struct.pack("<I", addr[".text"] + 0x80)


def test_relocations__other_sections_stay_as_they_are_unless_asked_for(tmp_path):
    path = made(tmp_path, bytes(8), [Relocation(0, "f", 1)], name="__mcount_loc", flags=w.SHF_ALLOC)
    got, addr = contents(path, "__mcount_loc", relocated=True)
    assert got == struct.pack("<Q", addr[".text"] + 0x40)
    assert contents(path, "__mcount_loc")[0] == bytes(8)
    assert contents(made(tmp_path, bytes(8), [Relocation(0, "f", 1)]), relocated=False)[0] == bytes(8)


def test_relocations__in_any_order_and_in_chunks(tmp_path, monkeypatch):
    relocations = [Relocation(8 * i, "fg"[i % 2], 1, i) for i in range(100)]
    path = made(tmp_path, bytes(800), relocations)
    whole, addr = contents(path)
    assert whole == struct.pack("<100Q", *(addr[".init.text" if i % 2 else ".text"] + 0x40 - i % 2 * 0x20 + i
                                           for i in range(100)))  # fmt: skip
    assert contents(made(tmp_path, bytes(800), relocations[50:] + relocations[:50][::-1]))[0] == whole
    monkeypatch.setattr(relocate, "CHUNK", 7)
    assert contents(path)[0] == whole


# Sums: RISC-V and LoongArch


def sums(machine):
    """(width, bytes before, relocations of symbols b and a, bytes after) of differences b - a, which is 0x1234."""
    def of(op, width):
        return number(machine, op, width)

    for width in (1, 2, 4, 8):
        yield [of(Op.ADD, width), of(Op.SUB, width)], (3).to_bytes(width, "little"), (
            (0x1237 % (1 << 8 * width)).to_bytes(width, "little"))
    if machine == "EM_LOONGARCH":
        yield [of(Op.ADD, 3), of(Op.SUB, 3)], b"\2\0\0", b"\x36\x12\0"
        yield [of(Op.ADD, SIX_BITS), of(Op.SUB, SIX_BITS)], b"\xc1", b"\xf5"
        yield [of(Op.ADD, ULEB128), of(Op.SUB, ULEB128)], b"\x81\x80\0", b"\xb5\xa4\0"
        yield [of(Op.ADD, ULEB128), of(Op.SUB, ULEB128)], b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\0", (
            b"\xb4\xa4\x80\x80\x80\x80\x80\x80\x80\0")
    else:
        for width in (1, 2, 4):
            yield [of(Op.SET, width), of(Op.SUB, width)], b"\xee" * width, (
                (0x1234 % (1 << 8 * width)).to_bytes(width, "little"))
        yield [of(Op.SET, SIX_BITS), of(Op.SUB, SIX_BITS)], b"\xff", b"\xf4"
        yield [of(Op.SET, ULEB128), of(Op.SUB, ULEB128)], b"\xff\xff\x7f", b"\xb4\xa4\0"


@pytest.mark.parametrize("machine", ["EM_RISCV", "EM_LOONGARCH"])
def test_relocations__of_one_place_are_summed_in_order(tmp_path, machine, monkeypatch):
    before, after, relocations = b"\x55", b"\x55", []
    for kinds, there, expected in sums(machine):
        relocations += [Relocation(len(before), symbol, kind) for kind, symbol in zip(kinds, ("b", "a"), strict=True)]
        relocations.append(Relocation(len(before), 0, 100 if machine == "EM_LOONGARCH" else 51))  # a hint: relax
        before += there + b"\x55"
        after += expected + b"\x55"
    symbols = [Symbol("a", 8, section=".init.text"), Symbol("b", 0x123C, section=".init.text")]
    path = made(tmp_path, before, relocations, machine, symbols=symbols)
    assert contents(path)[0] == after
    monkeypatch.setattr(relocate, "CHUNK", 1)
    assert contents(path)[0] == after


def test_relocations__a_sum_may_be_of_many(tmp_path):
    add, sub = number("EM_RISCV", Op.ADD, 8), number("EM_RISCV", Op.SUB, 8)
    relocations = [Relocation(0, "f", add, i) for i in range(50)] + [Relocation(0, "f", sub) for _ in range(49)]
    got, addr = contents(made(tmp_path, bytes(8), relocations, "EM_RISCV"))
    assert got == struct.pack("<Q", addr[".text"] + 0x40 + sum(range(50)))


# Those that cannot be applied


R = Relocation
SET8, ADD16, SUB16, SUB8, SET_ULEB = 54, 34, 38, 37, 60


@pytest.mark.parametrize(("machine", "relocations", "match", "offset"), [
    ("EM_X86_64", [R(0, "f", 1), R(8, "f", 9)], "types known for EM_X86_64, found type 9$", 8),
    ("EM_X86_64", [R(16, "f", 2**32 - 1)], "types known for EM_X86_64, found type 4294967295$", 16),
    ("EM_AARCH64", [R(16, "f", 1)], "types known for EM_AARCH64, found type 1$", 16),
    ("EM_X86_64", [R(57, "f", 1)], "within the 0x40 bytes of the section, found one of 8 bytes", 57),
    ("EM_X86_64", [R(0, "f", 1), R(2**64 - 4, "f", 1)], "within the 0x40 bytes", 2**64 - 4),
    ("EM_X86_64", [R(64, "f", 14)], "within the 0x40 bytes of the section, found one of 1 bytes", 64),
    ("EM_X86_64", [R(8, 4, 1)], "with a symbol below 3, found 4$", 8),
    ("EM_X86_64", [R(8, 2**32 - 1, 1)], "with a symbol below 3, found 4294967295$", 8),
    ("EM_X86_64", [R(8, "f", 10, 2**32)], "values of 32 bits, found 0x1000.0040 of type 10$", 8),
    ("EM_X86_64", [R(8, "f", 10, -(2**33))], "values of 32 bits", 8),
    ("EM_X86_64", [R(8, "f", 12)], "values of 16 bits", 8),
    ("EM_X86_64", [R(8, "f", 1), R(12, "f", 10)], "that do not overlap.*ends at 0x10$", 12),
    ("EM_X86_64", [R(8, "f", 1), R(8, "f", 1)], "of one place that make a sum, found types 1 and 1$", 8),
    ("EM_RISCV", [R(8, "f", ADD16), R(8, "f", SUB8)], "of one place that make a sum, found types 34 and 37$", 8),
    ("EM_RISCV", [R(8, "f", SUB8), R(8, "f", SET8)], "of one place that make a sum, found types 37 and 54$", 8),
    ("EM_RISCV", [R(8, "f", 2), R(8, "f", 40)], "of one place that make a sum, found types 2 and 40$", 8),
    ("EM_RISCV", [R(8, "f", ADD16), R(8, "g", SUB16), R(9, "f", ADD16)], "that do not overlap", 9),
    ("EM_RISCV", [R(8, "f", SET_ULEB)], "values of 7 bits", 8),
])  # fmt: skip
def test_relocations__that_are_wrong_are_refused(tmp_path, monkeypatch, machine, relocations, match, offset):
    path = made(tmp_path, bytes(64), relocations, machine)
    refused(path, "expected relocations " + (match if match.startswith(("with", "of ")) else f".*{match}"), offset)
    monkeypatch.setattr(relocate, "CHUNK", 1)
    refused(path, "expected relocations ", offset)


@pytest.mark.parametrize("data", [b"\x80" * 20, b"\0" * 17 + b"\x80" * 3], ids=["endless", "past the section"])
def test_relocations__numbers_without_end_are_refused(tmp_path, data):
    refused(made(tmp_path, data, [R(17, "f", SET_ULEB)], "EM_RISCV"), "ULEB128 numbers", 17)
    refused(made(tmp_path, data + bytes(20), [R(0, "f", SET_ULEB)], "EM_RISCV"), "expected relocations", 0)


def test_relocations__of_several_types_in_one_are_refused(tmp_path):
    for more in (18 << 8, 18 << 16, 1 << 24):
        refused(made(tmp_path, bytes(64), [R(8, "f", 2 | more)], "EM_MIPS"), "of one type each", 8)


def test_relocations__of_unknown_machines_are_refused(tmp_path):
    elf = Elf([Section(".debug_info", bytes(8), relocations=[R(0, 0, 1)])], [], e_type=w.ET_REL, e_machine=164)
    refused(elf.write(tmp_path / "a.o"), "found machine QDSP6", 0, ".rela.debug_info")


@pytest.mark.parametrize(("lie", "match"), [
    ({"sh_link": 0}, "sh_link names a symbol table, found section 0"), ({"sh_link": 2**32 - 1}, "found section 429"),
    ({"sh_size": 25}, "of 24 bytes, found 25 bytes in all"), ({"sh_type": 0x40000014}, "section type 0x40000014"),
    ({"sh_type": 19}, "found section type 0x13"), ({"sh_size": 2**62}, "is the file truncated"),
    ({"sh_type": 8}, None)],
    ids=str)  # fmt: skip
def test_relocations__whose_table_lies_are_refused(tmp_path, lie, match):
    table = Section(".rela.debug_info", struct.pack("<QQq", 0, 1 << 32 | 1, 0), w.SHT_RELA, link=".symtab", info=1,
                    overrides=lie)  # fmt: skip
    path = Elf([Section(".debug_info", bytes(8)), table], [Symbol("f", section=1)], e_type=w.ET_REL).write(
        tmp_path / "a.o")
    if match is None:
        assert contents(path)[0] == bytes(8)  # no longer a table
    else:
        with pytest.raises(ElfError, match=match):
            contents(path)


@pytest.mark.parametrize(("name", "info", "match"), [
    (".rela.debug_info", 2, "found section 2, .debug_abbrev"), (".rela.debug_info", 0, "found section 0$"),
    (".rela.debug_info", 99, "found section 99$"), (".rela.text", 1, "found section 1, .debug_info"),
    (".rel.debug_info", 1, None), (".rela.debug_info", 1, None),
])
def test_relocations__of_another_section_than_their_name_says_are_refused(tmp_path, name, info, match):
    table = Section(name, b"", w.SHT_RELA, link=".symtab", info=info)
    sections = [Section(".debug_info", bytes(8)), Section(".debug_abbrev", bytes(8)), table]
    path = Elf(sections, [Symbol("f", section=1)], e_type=w.ET_REL).write(tmp_path / "a.o")
    if match is None:
        assert contents(path)[0] == bytes(8)
    else:
        with pytest.raises(ElfError, match=f"{name}: expected sh_info to name the section .*{match}"):
            contents(path)


def test_relocations__of_symbols_in_sections_that_are_not_there(tmp_path):
    path = made(tmp_path, bytes(8), [R(0, "lost", 1)], symbols=[Symbol("lost", section=77)])
    with pytest.raises(ElfError, match="expected st_shndx below 8, found 77") as caught:
        contents(path)
    assert (caught.value.section, caught.value.offset) == (".symtab", 72)


# Compiled objects


@compiled
def test_relocations__of_compiled_objects_are_their_twins(kept):
    n = 0
    with ElfImage(kept.path) as image:
        addr = [s.addr for s in image.sections]
        for section in image.sections:
            if section.name.startswith(".debug_"):
                n += not image.is_plain(section)
                assert image.read(section).tobytes() == twin.relocated(kept.path, section.name, addr), section.name
    assert n >= 4


@compiled
def test_relocations__place_every_function_of_compiled_objects(kept):
    with ElfImage(kept.path) as image:
        walked = walk(image)
        f = walked.functions
        symbols = image.symbols()
        named = {symbols.strtab[n:].tobytes().partition(b"\0")[0]: (int(x), int(v)) for n, x, v in
                 zip(symbols.name_off, symbols.shndx, symbols.value, strict=True)}  # fmt: skip
        section, offset = image.place(f.entry)
        found = {}
        for row, name in enumerate(f.name_off.tolist()):
            name = walked.strings.get(name).decode()
            if name.startswith("dev_"):
                found[name] = (image.sections[section[row]].name, int(offset[row]))
                index, value = named[name.encode()]
                if "powerpc64-" not in kept.name:  # whose symbols are those of descriptors in .opd
                    assert (index, value) == (section[row], int(f.entry[row])), name
    start = found.pop("dev_start")
    assert start[0] == ".init.text" and start[1] > 0
    assert found == {**{name: (f".text.{name}", 0) for name in ("dev_open", "dev_close", "dev_read")},
                     "dev_init": (".init.text", 0), "dev_exit": (".exit.text", 0)}  # fmt: skip


@compiled
def test_relocations__place_per_cpu_variables_of_compiled_objects(kept):
    with ElfImage(kept.path) as image:
        walked = walk(image)
        section, offset = image.place(walked.variables.addr)
        names = [walked.strings.get(int(n)) for n in walked.variables.name_off]
        symbols = image.symbols()
        value = {symbols.strtab[n:].tobytes().partition(b"\0")[0]: int(v) for n, v in
                 zip(symbols.name_off, symbols.value, strict=True)}  # fmt: skip
    assert sorted(names) == [b"counts", b"last"] and sorted(offset.tolist())[0] == 0
    assert {image.sections[s].name for s in section} == {".data..percpu"}
    assert walked.variables.addr.tolist() == [value[name] for name in names]


@pytest.mark.parametrize("debug", ["-gdwarf-5", "-gdwarf-4"])
def test_relocations__are_what_the_linker_makes_of_them(tmp_path, debug):
    """The same addresses in a linker's script give the same bytes. String sections must not be merged for that."""
    for path in program("several_units", debug=debug, link="rel", extra=("-ffunction-sections",)).objects:
        apart = tmp_path / path.name
        subprocess.run([find("objcopy"), *(f"--set-section-flags=.debug_{name}=readonly,debug"
                                           for name in ("str", "line_str")), path, apart], check=True)  # fmt: skip
        with ElfImage(apart) as image:
            places = [f'{s.name} {s.addr:#x} : {{ KEEP(*({s.name})) }}' for s in image.sections if s.addr]
            (tmp_path / "places.ld").write_text("SECTIONS {\n" + "\n".join(places) + "\n}\n")
            linked = tmp_path / "linked"
            subprocess.run([find("ld"), "-static", "-e", "0", "--unresolved-symbols=ignore-all", "-T",
                            tmp_path / "places.ld", apart, "-o", linked], check=True, capture_output=True)  # fmt: skip
            with ElfImage(linked) as whole:
                for section in image.sections:
                    if section.name.startswith(".debug_"):
                        theirs = whole.read(whole.section(section.name)).tobytes()
                        assert image.read(section).tobytes() == theirs, (path.name, section.name)


def test_relocations__source_of_the_compiled_objects_is_kept():
    assert {path.name for path in FOLDER.iterdir()} == {"README.md", "driver.c", *(r.name for r in RELOCATABLE)}
