"""Which symbol fits a DIE: against a slow twin, and where DWARF and the symbols say different entries."""

import subprocess

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import measure, results, run
from harness.dwarf import walk
from harness.dwarf import walk_tables as wt
from harness.dwarf.ranges import code_ranges
from harness.elf import ElfImage
from harness.errors import DwarfError
from harness.functions import Match
from harness.functions import join_kernels as jk
from harness.functions.fit import NONE, Names, fit
from harness.text.lookup import to_text
from tests.fixtures.build import find, program
from tests.fixtures.handmade import Function, Param, build, prepare, reasons
from tests.rounds import rounds
from tests.writers.dwarf import CU, DIE, Address, Attr, Dwarf, Ranges
from tests.writers.elf import EM_AARCH64, EM_RISCV, EM_X86_64, Section

examples = settings(max_examples=rounds(200), derandomize=True, deadline=None, database=None,
                    suppress_health_check=list(HealthCheck))

HIGH = 0xFFFFFFFF80000000
ADDRESSES = st.integers(0, 12) | st.integers(HIGH, HIGH + 12)
SYMBOLS = st.lists(st.tuples(st.integers(0, 2), ADDRESSES, st.integers(0, 5),
                             st.sampled_from([0, jk.SUFFIXED, jk.SUFFIXED | jk.CLONE])), max_size=8)
RANGES = st.lists(st.tuples(ADDRESSES, st.integers(1, 5)).map(lambda r: (r[0], r[0] + r[1])), max_size=3)
DIES = st.lists(st.tuples(st.integers(0, 2), ADDRESSES, RANGES), max_size=6)


def best(symbols, name, address):
    """The first symbol of a name at an address, exact names first."""
    return min((bool(flags & jk.SUFFIXED), i) for i, (n, a, _, flags) in enumerate(symbols)
               if (n, a) == (name, address))[1]


def fitting(symbols, name, entry, ranges):
    """(symbol, address) as the module says it, one symbol after the other."""
    mine = [(a, max(size, 1)) for n, a, size, _ in symbols if n == name]

    def around(address):
        before = max((a for a, _ in mine if a <= address), default=None)
        return [before] if before is not None and any(
            a == before and address - a < size for a, size in mine) else []

    found = around(entry)
    for low, high in ranges:
        found += around(low) or sorted(a for a, _ in mine if low <= a < high)[:1]
    return (best(symbols, name, found[0]), found[0]) if found else (NONE, entry)


@given(SYMBOLS, DIES)
@examples
def test_fit__agrees_with_its_twin(symbols, dies):
    columns = list(zip(*symbols, strict=True)) or [()] * 4
    names = Names(*(np.array(c, t) for c, t in zip(columns, (np.int64, np.uint64, np.uint64, np.uint8), strict=True)))

    def ranges(rows):
        flat = [(i, *r) for i, row in enumerate(rows.tolist()) for r in dies[row][2]]
        owner, low, high = zip(*flat, strict=True) if flat else ((), (), ())
        return np.array(owner, np.int64), np.array(low, np.uint64), np.array(high, np.uint64)

    entry = np.array([d[1] for d in dies], np.uint64)
    fits = names.of(fit(names, np.array([d[0] for d in dies], np.int64), entry, ranges), entry)
    assert list(zip(fits.symbol.tolist(), fits.address.tolist(), strict=True)) == [
        fitting(symbols, *die) for die in dies]
    clones = [any((n, a, f & jk.CLONE) == (die[0], address, jk.CLONE) for n, a, _, f in symbols) and row != NONE
              for die, row, address in zip(dies, fits.symbol.tolist(), fits.address.tolist(), strict=True)]
    assert fits.clone.tolist() == clones


def found(prepared):
    table = prepared.instances
    return [(prepared.strings.get(int(n)).decode(), Match(m).name, a)
            for n, m, a in zip(table.name_off, table.match, table.address.tolist(), strict=True)]


def test_fit__a_later_range_may_be_the_entry(tmp_path):
    """Basic-block sections: the cold block comes first, and the other function of the name has its own symbol."""
    prepared = prepare(
        tmp_path,
        Function("f", address=0x10100, ranges=[(0x40, 0x50), (0x60, 0x70), (0, 0x10)]),
        Function("f", address=0x10200, ranges=[(-0x20, -0x10), (0, 0x10)], unit=1),
        Function("g", address=0x10300, ranges=[(0x28, 0x30), (8, 0x10)]),  # and room for patching
        Function("gone", address=0x10500, ranges=[(0, 0x10), (0x20, 0x30)], symbols=[]),
        Function("gone", address=0x10600, unit=1),
        machine=EM_X86_64)
    assert found(prepared) == [("f", "EXACT", 0x10100), ("f", "EXACT", 0x10200), ("g", "EXACT", 0x10300),
                               ("gone", "OVERRIDDEN", 0x10500), ("gone", "EXACT", 0x10600)]
    assert prepared.instances.moved.tolist() == [True, True, True, False, False]


def test_fit__the_piece_of_an_overridden_function_does_not_hide_that_it_is_overridden(tmp_path):
    prepared = prepare(tmp_path, Function("f", address=0x10100, ranges=[(0, 0x10), (0x100, 0x110)], symbols=[]),
                       Function("f", address=0x10300, unit=1),
                       Function("x", address=0x10200, symbols=["x", "f.cold"], unit=2))
    assert found(prepared)[0] == ("f", "OVERRIDDEN", 0x10100)


@pytest.mark.parametrize("machine", [EM_AARCH64, EM_RISCV])
def test_fit__room_for_patching_before_pieces_and_symbols_of_other_names(tmp_path, machine):
    prepared = prepare(
        tmp_path, Function("f", lead=8, address=0x10000), Function("p", lead=8, address=0x10020),
        Function("p", lead=8, address=0x10040, symbols=["p.part.0"]),
        Function("alias", lead=8, address=0x10060, symbols=["__pi_alias"]),
        Function("x", address=0x10080),
        Function("dead", lead=16, address=0x10080, symbols=[]),  # behind x, whose 16 bytes end there
        machine=machine)
    assert found(prepared) == [("f", "EXACT", 0x10000), ("p", "EXACT", 0x10020), ("p", "PART", 0x10040),
                               ("alias", "ALIAS", 0x10060), ("x", "EXACT", 0x10080), ("dead", "NONE", 0x10090)]


def test_fit__a_name_with_a_dot_is_that_of_the_symbol_with_it(tmp_path):
    """OpenMP's regions: the base name is that of another function."""
    region = Function("build._omp_fn.0", [Param("x", place=5)], address=0x10020, symbols=["build._omp_fn.0"])
    prepared = prepare(tmp_path, Function("build", address=0x10000), region,
                       Function("cut", address=0x10040, symbols=["cut.isra.0"]))
    assert found(prepared) == [("build", "EXACT", 0x10000), ("build._omp_fn.0", "EXACT", 0x10020),
                               ("cut", "SUFFIX", 0x10040)]
    # as pahole counts, by base name; and once by its whole name
    assert prepared.instances.n_addresses.tolist() == [2, 1, 1]


def test_fit__code_that_the_linker_left_out_is_no_instance(tmp_path):
    """At 0, where nothing is, or in data; but not where the name's symbol is."""
    prepared = prepare(tmp_path, Function("kept", address=0x10000), Function("gone", address=0, symbols=[]),
                       Function("folded", address=0, symbols=[], unit=1), Function("x", address=0x10040, unit=2,
                                                                                   symbols=["x", "folded"]))
    assert found(prepared) == [("kept", "EXACT", 0x10000), ("x", "EXACT", 0x10040), ("folded", "FALLBACK", 0x10040)]
    counts = prepared.instances.counts
    assert (counts["dies_discarded"], counts["dies_with_code"], counts["fallback"]) == (2, 2, 1)
    assert [prepared.strings.get(int(prepared.dies.name_off[d])) for d in prepared.instances.discarded] == [
        b"gone", b"folded"]


SOURCE = b"""int f(int a) { return a; }
int gone(int a) { return a + 1; }
int main(void) { return f(0); }
"""


def test_fit__functions_that_gc_sections_drops_are_no_instances(tmp_path):
    path = tmp_path / "gc"
    subprocess.run([find("gcc"), "-g", "-O1", "-fno-inline", "-ffunction-sections", "-Wl,--gc-sections", "-x", "c", "-",
                    "-o", path], check=True, input=SOURCE)
    assert {(name, match) for name, match, _ in found(run.prepare(path, threads=1))} == {
        ("f", "EXACT"), ("main", "EXACT")}


def test_counts__say_what_symbols_of_other_names_and_of_no_die_are(tmp_path):
    prepared = prepare(
        tmp_path, Function("f", address=0x10000, symbols=["__pi_f"]), Function("g", address=0x10020, symbols=["f_g2"]),
        Function("h", address=0x10040, symbols=["h.llvm.123"]), Function("i", address=0x10060, symbols=["i.isra.0"]),
        Function("x", address=0x10080, symbols=["x", "j"]),
        Function("y", symbols=["y"], address=0x100A0), Function("abstract", [], code=None, symbols=[
            "_RNvCs1_4core", "_ZN4core3fmt17hE", "__rust_dealloc", "asm_entry"], address=0x100C0))
    counts = prepared.instances.counts
    assert (counts["dies_alias"], counts["dies_prefixed"]) == (2, 1)
    assert (counts["dies_suffix"], counts["dies_promoted"]) == (2, 1)
    assert (counts["elf_mangled"], counts["elf_no_die"]) == (3, 1)


# Ranges


def witness(path):
    """The ranges of each subprogram by the offset of its DIE, as pyelftools reads them."""
    out = {}
    with open(path, "rb") as file:
        info = ELFFile(file).get_dwarf_info()
        lists = info.range_lists()
        for unit in info.iter_CUs():
            base = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
            for die in unit.iter_DIEs():
                if die.tag == "DW_TAG_subprogram" and "DW_AT_ranges" in die.attributes:
                    at, mine = base.value if base else 0, []
                    for entry in lists.get_range_list_at_offset(die.attributes["DW_AT_ranges"].value, unit):
                        if hasattr(entry, "base_address"):
                            at = entry.base_address
                            continue
                        first = 0 if getattr(entry, "is_absolute", False) else at
                        mine.append((first + entry.begin_offset, first + entry.end_offset))
                    out[die.offset] = mine
    return out


def ranges_of(path):
    with ElfImage(path) as image:
        walked = walk(image)
        dies = np.flatnonzero((walked.functions.flags & wt.FN_RANGES) != 0)
        owner, low, high = code_ranges(image, walked, dies)
        return {off: list(zip(low[owner == k].tolist(), high[owner == k].tolist(), strict=True))
                for k, off in enumerate(walked.functions.die_off[dies].tolist())}


@pytest.mark.parametrize("debug", ["-gdwarf-5", "-gdwarf-4"])
def test_ranges__of_a_compiled_program_are_those_of_pyelftools(debug):
    path = program("clones", debug=debug).path
    expected = witness(path)
    assert expected and ranges_of(path) == expected


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_ranges__made_by_hand_are_those_of_pyelftools(tmp_path, version, byteorder):
    function = Function("f", address=0x10100, ranges=[(0x40, 0x50), (0, 0x10), (0x60, 0x70)])
    path = build(tmp_path / "vmlinux", function, version=version, byteorder=byteorder)
    expected = witness(path)
    assert list(expected.values()) == [[(0x10140, 0x10150), (0x10100, 0x10110), (0x10160, 0x10170)]]
    assert ranges_of(path) == expected


def one(tmp_path, *entries, form="sec_offset", end=True):
    unit = CU([DIE("subprogram", Attr("ranges", form, Ranges(list(entries), end)), name="f")])
    path = Dwarf([unit], [Section.text(address=0x1000, size=0x100)]).write(tmp_path / "vmlinux")
    return next(iter(ranges_of(path).values()))


@pytest.mark.parametrize("form", ["sec_offset", "rnglistx"])
def test_ranges__of_every_kind(tmp_path, form):
    entries = [("base_address", 0x4000), ("offset_pair", 1, 3), ("start_length", 0x5000, 4), ("start_end", 7, 9),
               ("startx_endx", Address(0x6000), Address(0x6010)), ("startx_length", Address(0x7000), 8),
               ("base_addressx", Address(0x8000)), ("offset_pair", 0, 200), ("offset_pair", 5, 5)]  # fmt: skip
    assert one(tmp_path, *entries, form=form) == [
        (0x4001, 0x4003), (0x5000, 0x5004), (7, 9), (0x6000, 0x6010), (0x7000, 0x7008), (0x8000, 0x80C8)]


def test_ranges__that_do_not_end_or_are_unknown_are_errors(tmp_path):
    for entries, end in (([(1, 2)], False), ([(1, 2), b"\x0a"], True), ([(1, 2), ("startx_length", 99, 1)], True)):
        with pytest.raises(DwarfError) as caught:
            one(tmp_path, *entries, end=end)
        assert caught.value.section in (".debug_rnglists", ".debug_addr")


def test_faults__of_assembler_its_prototype_is_unknown(tmp_path):
    """gas -g describes a function by its name and code alone, which BTF can only call void f(void)."""
    path = tmp_path / "asm"
    source = tmp_path / "f.S"
    source.write_text(".text\n.globl f\n.type f, @function\nf:\tnop\n.size f, .-f\n")
    (tmp_path / "g.c").write_text("int f(int); int g(int a) { return f(a); }\n")
    for name in ("f.S", "g.c"):
        subprocess.run([find("gcc"), "-g", "-c", tmp_path / name, "-o", tmp_path / f"{name}.o"], check=True)
    subprocess.run([find("ld"), "-r", tmp_path / "f.S.o", tmp_path / "g.c.o", "-o", path], check=True)
    prepared = run.prepare(path, threads=1)
    result = results.save(tmp_path / "out", prepared, run.encode(prepared, "current"))["current"]
    assert dict(zip(result.functions.name, result.functions.faults, strict=True)) == {"f": "unknown", "g": "optimized"}
    assert set(result.functions.reason) == {""}
    text = " ".join(to_text(measure.lookup(result, "f")).split())
    assert "assembler, whose prototype is not known" in text


LTO = {
    "a.c": """struct peer { int id; struct peer *next; };
extern int combine(struct peer *l, int w);
static __attribute__((noinline)) int local(struct peer *p, int k) { return p->id * k; }
__attribute__((noinline)) int entry(struct peer *l) { return combine(l, local(l, 3)) + local(l->next, l->id); }
int main(int argc, char **argv) { struct peer p = {argc, 0}; p.next = &p; return entry(&p); }
""",
    "b.c": """struct peer { int id; struct peer *next; };
__attribute__((noinline)) int combine(struct peer *l, int w) { return l->next->id - w; }
""",
}


def test_fit__clones_of_gcc_s_lto_are_left_out_like_others(tmp_path):
    """local and combine take an int instead of a pointer; the DIEs that say so have their names from other units."""
    for name, text in LTO.items():
        (tmp_path / name).write_text(text)
    subprocess.run([find("gcc"), "-g", "-O2", "-flto", *(tmp_path / name for name in LTO), "-o", tmp_path / "lto"],
                   check=True)
    prepared = run.prepare(tmp_path / "lto", threads=1)
    with open(tmp_path / "lto", "rb") as file:
        symbols = {s.name for s in ELFFile(file).get_section_by_name(".symtab").iter_symbols()}
    clones = {name for name in ("local", "combine") if any(s.startswith(f"{name}.isra") for s in symbols)}
    assert clones
    for policy in ("consistent", "current"):
        why = reasons(prepared, policy)
        assert {name for name in why if why[name] == ["optimized parameters"]} >= clones
        assert why["main"] == [""]
    assert set(sum(reasons(prepared, "all").values(), [])) == {""}
