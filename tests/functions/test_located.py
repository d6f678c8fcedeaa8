"""Where functions are: in relocatable files, whose sections all begin at 0, and in files that are linked at 0."""

import subprocess
from collections import Counter

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from harness import btf, encodings, measure, results, run
from harness.elf import ElfImage
from harness.errors import ElfError
from harness.functions import Match
from harness.functions.policies import REASON_TEXT, Reason
from harness.measure.attach import Status, reached
from harness.model import NOWHERE, Kind
from harness.text.lookup import to_text
from tests.fixtures.build import find, program
from tests.fixtures.handmade import EM_PPC64, Function, Param, prepare
from tests.writers.elf import SHF_ALLOC, Elf, Section, Symbol


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """Two objects as one relocatable file, as the kernel links its modules."""
    path = tmp_path_factory.mktemp("places") / "places.ko"
    subprocess.run([find("ld"), "-r", *program("places", link="rel").objects, "-o", path], check=True)
    return path


@pytest.fixture(scope="module")
def linked_at_0(tmp_path_factory):
    path = tmp_path_factory.mktemp("places") / "places.elf"
    subprocess.run([find("ld"), "-Ttext=0", "-e", "0", *program("places", link="rel").objects, "-o", path], check=True)
    return path


def symbols(path):
    """(name, section, st_value) of the function symbols as pyelftools reads them."""
    with open(path, "rb") as file:
        elf = ELFFile(file)
        return Counter((s.name, elf.get_section(s["st_shndx"]).name, s["st_value"])
                       for s in elf.get_section_by_name(".symtab").iter_symbols() if s["st_info"]["type"] == "STT_FUNC")


def instances(path):
    """The same of the function instances that are encoded, each matched with a symbol of its very name."""
    prepared = run.prepare(path, threads=1)
    table = prepared.instances
    assert {Match(m) for m in table.match} == {Match.EXACT}
    assert (run.encode(prepared, "all", ["plain"]).selection.reason == 0).all()
    with open(path, "rb") as file:
        sections = [s.name for s in ELFFile(file).iter_sections()]
    return Counter((prepared.strings.get(int(name)).decode(), sections[section], address)
                   for name, section, address in zip(table.name_off, table.place.section, table.address.tolist(),
                                                     strict=True))


@pytest.mark.parametrize("extra", [(), ("-ffunction-sections",), ("-gdwarf-4",), ("-gz",)])
def test_places__every_function_of_an_object_is_found_in_its_section(extra):
    for path in program("places", link="rel", extra=extra).objects:
        assert instances(path) == symbols(path)


def test_places__every_function_of_a_module_is_found_in_its_section(module):
    found = instances(module)
    assert found == symbols(module)
    assert sum(address == 0 for _, _, address in found) == 4  # .text, .init.text, .exit.text, .text.setup
    setups = {place for place in found if place[0] == "setup"}
    assert setups == {("setup", ".init.text", 0), ("setup", ".text.setup", 0)}


def test_places__address_0_of_a_linked_file_is_one_like_any_other(linked_at_0):
    found = instances(linked_at_0)
    assert found == symbols(linked_at_0)
    assert any(address == 0 for _, _, address in found)


def test_places__equal_offsets_in_two_sections_are_two_addresses(module, tmp_path):
    prepared = run.prepare(module, threads=1)
    encoded = run.encode(prepared, "all", encodings.names())
    result = results.save(tmp_path / "out", prepared, encoded)["all"]
    checks = measure.check_invariants(result, measure.measurements(result, False))
    assert checks.holds.all(), checks[~checks.holds]
    counts = {}
    for name, data in encoded.files.items():
        file = encodings.parse(data)
        btf.check(file)
        kinds = file.types.kind()
        mine = [i for i in file.types.func_ids().tolist() if file.name(i) == b"setup"]
        tags = [i for i in (np.flatnonzero(kinds == Kind.DECL_TAG) + 1).tolist() if int(file.types.row(i)[2]) in mine]
        counts[name] = len(mine), len(tags)
    assert counts == {"plain": (1, 0), "decl_tag": (1, 2), "decl_tag_short": (1, 2), "btf_func": (2, 0),
                      "btf_func_ambiguous": (2, 0), "btf_func_needed": (2, 0),
                      "decl_tag_ambiguous": (1, 2), "func_per_address": (2, 0),
                      "decl_tag_offset": (1, 2), "btf_func32": (2, 0), "decl_tag_file": (1, 2), "sidecar": (1, 0),
                      "sidecar_uleb": (1, 0), "locsec": (1, 0), "locsec_split": (1, 0), "func_addr_kind": (2, 0)}


def test_places__current_leaves_out_a_name_with_equal_offsets_in_two_sections(module):
    prepared = run.prepare(module, threads=1)
    left_out = run.encode(prepared, "current", ["plain"]).selection.reason != 0
    names = {prepared.strings.get(int(n)) for n in prepared.instances.name_off[left_out]}
    assert names == {b"setup"}


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """Two sections of one name, each with a function of one name at offset 0."""
    path = tmp_path_factory.mktemp("places") / "twins.o"
    objects = program("twin_sections", link="rel").objects
    subprocess.run([find("ld"), "-r", "--unique", *objects, "-o", path], check=True)
    return path


def test_places__sections_of_one_name_are_two(twins, tmp_path):
    """The witness counts by section number; names and offsets are all equal."""
    with open(twins, "rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        helpers = [s["st_shndx"] for s in table.iter_symbols() if s.name == "helper"]
        assert [s["st_value"] for s in table.iter_symbols() if s.name == "helper"] == [0, 0]
    assert len(set(helpers)) == 2
    prepared = run.prepare(twins, threads=1)
    results.save(tmp_path / "out", prepared, run.encode(prepared, "all", encodings.names()))
    result = results.load(tmp_path / "out")["all"]
    table = result.functions
    assert sorted(table.shndx[table.name == "helper"]) == sorted(helpers)
    checks = measure.check_invariants(result, measure.measurements(result, False))
    assert checks.holds.all(), checks[~checks.holds]
    assert measure.names_by_addresses(result).iloc[0][["name", "addresses"]].tolist() == ["helper", 2]
    assert not len(measure.aliases(result))
    found = reached(result, "btf_func")
    assert len(found) == 4 and (found.status == Status.UNIQUE).sum() == 2
    text = " ".join(to_text(measure.lookup(result, "helper")).split())
    assert "2 instances, 2 addresses, 1 signature" in text
    assert "one id for 1 of 2 addresses, in a tag" in text
    same = measure.compare(result, result)
    assert not len(same.ordinals)
    both = same.identities.set_index(["group", "identity"]).loc[("all", "name+ordinal")]
    assert both.right == both.instances == 4


def test_places__without_fallback_a_function_is_nowhere_and_not_at_0(tmp_path):
    function = Function("f", [Param("a", place=5)], lead=16, address=0x10000)
    assert prepare(tmp_path, function).instances.address.tolist() == [0x10010, 0x10000]
    prepared = prepare(tmp_path, function, fallback=False)
    assert [Match(m).name for m in prepared.instances.match] == ["OVERRIDDEN", "FALLBACK"]
    assert (prepared.instances.place.section == NOWHERE).tolist() == [False, True]
    encoded = run.encode(prepared, "all")
    assert encoded.pairs.known.tolist() == [False]
    assert len({len(data) for data in encoded.files.values()}) == 1  # one FUNC in each, and no address in any


def test_places__a_lookup_says_that_an_offset_is_of_several_sections(module, tmp_path):
    prepared = run.prepare(module, threads=1)
    result = results.save(tmp_path / "out", prepared, run.encode(prepared, "all"))["all"]
    text = " ".join(to_text(measure.lookup(result, "setup")).split())
    assert "2 instances, 2 addresses, 1 signature" in text
    assert "one id for 1 of 2 addresses, in a tag" in text and "cannot choose one by id" in text
    assert "2 ids with an offset that several sections have: a reader cannot tell which is meant" in text


DESCRIBED = b"""int n;
__attribute__((noinline)) int f(int a) { return a + n; }
__attribute__((noinline)) static int g(int *a) { return *a; }
void _start(void) { n = f(g(&n)); }
"""


@pytest.mark.parametrize("how", [["-c"], ["-nostdlib", "-static"], ["-nostdlib", "-static-pie", "-fPIE"]],
                         ids=["object", "linked", "pie"])  # fmt: skip
def test_places__function_descriptors_stand_for_their_code(tmp_path, how):
    """The witness: ELFv1's DWARF knows the code, its symbols the descriptors in .opd."""
    path = tmp_path / "descriptors"
    subprocess.run([find("powerpc64-linux-gnu-gcc"), "-g", "-O1", "-mabi=elfv1", *how, "-x", "c", "-", "-o", path],
                   check=True, input=DESCRIBED)
    prepared = run.prepare(path, threads=1)
    with open(path, "rb") as file:
        elf = ELFFile(file)
        named = {s.name: elf.get_section(s["st_shndx"]).name for s in elf.get_section_by_name(".symtab").iter_symbols()
                 if s["st_info"]["type"] == "STT_FUNC"}
        code = next(s["sh_addr"] for s in elf.iter_sections() if s.name == ".text")
        low = {die.attributes["DW_AT_name"].value: die.attributes["DW_AT_low_pc"].value
               for unit in elf.get_dwarf_info().iter_CUs() for die in unit.iter_DIEs()
               if die.tag == "DW_TAG_subprogram" and "DW_AT_low_pc" in die.attributes}
    table = prepared.instances
    assert set(named.values()) == {".opd"} and {b"f", b"_start"} <= set(low)
    assert {Match(m) for m in table.match} == {Match.EXACT}
    found = {prepared.strings.get(int(n)): a for n, a in zip(table.name_off, table.address.tolist(), strict=True)}
    assert found == {name: address for name, address in low.items() if name in found} and len(found) == len(named)
    assert set(prepared.described["section"]) == {".text"} and min(found.values()) >= code


def test_places__a_descriptor_that_is_not_there_is_an_error(tmp_path):
    for value in (0x20004, 0x20018):
        sections = [Section.text(address=0x10000, size=64),
                    Section(".opd", bytes(24), flags=SHF_ALLOC, address=0x20000)]
        symbols = [Symbol("f", value, 8, section=".opd")]
        elf = Elf(sections, symbols, e_machine=EM_PPC64, byteorder="big").write(tmp_path / "vmlinux")
        with ElfImage(elf) as image, pytest.raises(ElfError, match="expected descriptors of functions") as caught:
            image.symbols()
        assert (caught.value.section, caught.value.offset) == (".opd", value - 0x20000)


def test_places__without_symtab_the_symbols_of_dynsym_are_used(tmp_path):
    source = b"""int f(int a) { return a; }
__attribute__((noinline)) static int hidden(int *a) { return *a; }
int g(int *a) { return hidden(a) + f(2); }
"""
    whole, path = tmp_path / "whole.so", tmp_path / "stripped.so"
    subprocess.run([find("gcc"), "-g", "-O1", "-fno-ipa-icf", "-shared", "-fPIC", "-x", "c", "-", "-o", whole],
                   check=True, input=source)
    kept = [f"--keep-section=.debug_{s}" for s in ("info", "abbrev", "str", "line", "line_str", "rnglists", "loclists")]
    subprocess.run([find("objcopy"), "--strip-all", *kept, whole, path], check=True)
    prepared = run.prepare(path, threads=1)
    names = [prepared.strings.get(int(n)) for n in prepared.instances.name_off]
    assert dict(zip(names, (Match(m).name for m in prepared.instances.match), strict=True)) == {
        b"f": "EXACT", b"g": "EXACT", b"hidden": "NONE"}
    why = run.encode(prepared, "all", ["plain"]).selection.reason
    assert REASON_TEXT[Reason(why[names.index(b"hidden")])] == "no symbol of its name: the file has no .symtab"
    assert prepared.instances.address.tolist() == run.prepare(whole, threads=1).instances.address.tolist()
