"""A function by name or address: which instances, which BTF ids, which prototypes, and what a tracer gets."""

import re

import numpy as np
import pytest

from harness import run
from harness.errors import BtfFormatError, MeasureError
from harness.measure import result as results
from harness.measure.lookup import INSTANCE_COLUMNS, ROW_COLUMNS, lookup
from harness.model import Kind
from harness.results import save
from harness.text import tracer
from harness.text.lookup import to_text
from tests.fixtures.build import program
from tests.measure.folders import TAKES_INT, TAKES_NODE, make

PREFIX = "0xffffffff810000"
BASE = 0xFFFFFFFF81000000


def load(folder, **options):
    return results.load(make(folder, **options))


@pytest.fixture
def tiny(tmp_path):
    return load(tmp_path / "tiny")


def verdicts(found, way):
    return [verdict for _, about, verdict in tracer.verdicts(found) if about == way]


def test_lookup__of_a_name_lists_instances_and_ids_of_every_file(tiny):
    found = lookup(tiny, "twice")
    assert found.found == "name" and tuple(found.instances.columns) == INSTANCE_COLUMNS
    assert tuple(found.rows.columns) == ROW_COLUMNS
    assert found.instances.address.tolist() == [BASE + x for x in (0x10, 0x20, 0x30)]
    ids = {name: group for name, group in found.rows.groupby("encoding", sort=False)}
    assert list(ids) == ["plain", "decl_tag", "btf_func", "shipped"]
    assert set(found.rows.prototype) == {"void twice(int a)"}
    assert ids["plain"].given.tolist() == [False] and ids["plain"].addresses.tolist() == [3]
    for name, n_ids in (("decl_tag", 1), ("btf_func", 3)):
        assert ids[name].address.tolist() == found.instances.address.tolist()
        assert ids[name].type_id.nunique() == n_ids
    assert ids["decl_tag"].addresses.tolist() == [3] * 3 and ids["btf_func"].addresses.tolist() == [1] * 3
    assert ids["shipped"].addresses.tolist() == [0]


def test_lookup__of_a_symbol_lists_that_symbol_s_instances(tiny):
    found = lookup(tiny, "twice.isra.0")
    assert found.found == "symbol"
    assert found.instances.address.tolist() == [BASE + 0x30]
    given = found.rows[found.rows.given]
    assert given.address.tolist() == [BASE + 0x30] * 2 and given.addresses.tolist() == [3, 1]
    assert "1 of 3 addresses" in to_text(found)


def test_lookup__of_an_address_is_the_entry_there_under_every_name(tiny):
    found = lookup(tiny, PREFIX.upper().replace("0X", "0x") + "00")
    assert found.found == "address" and found.distance == 0
    assert found.instances.name.tolist() == ["alias", "alone"]
    assert lookup(tiny, PREFIX + "20").instances.name.tolist() == ["twice"]


def test_lookup__of_an_address_without_an_entry_is_the_nearest_below_and_says_so(tiny):
    found = lookup(tiny, PREFIX + "25")
    assert (found.found, found.distance) == ("nearest", 5)
    assert found.instances.address.tolist() == [BASE + 0x20]
    assert "nearest entry below it, 5 (0x5) bytes before" in " ".join(to_text(found).split())
    with pytest.raises(MeasureError, match="the lowest is 0xffffffff81000000"):
        lookup(tiny, "0x10")
    assert lookup(tiny, "0x" + "f" * 16).instances.name.tolist() == ["found"]
    with pytest.raises(MeasureError, match="at most 64 bits"):
        lookup(tiny, "0x" + "f" * 17)


def test_lookup__the_address_of_an_overridden_function_is_no_nearest_entry(tmp_path):
    lost = ("lost", 0xFFFFFFFF81000020, "overridden", TAKES_INT, "overridden: its name's symbol is elsewhere",
            {"symbol_addresses": 0, "elf_addresses": 0, "section": ""})
    tiny = load(tmp_path / "tiny", instances=[("kept", 0xFFFFFFFF81000010, "exact", TAKES_INT, ""), lost])
    assert lookup(tiny, PREFIX + "24").instances.name.tolist() == ["kept"]
    assert lookup(tiny, PREFIX + "20").instances.name.tolist() == ["lost"]
    assert "no symbol (overridden)" in to_text(lookup(tiny, "lost"))


def test_lookup__of_a_glob_matches_names_and_symbols(tiny):
    assert sorted(set(lookup(tiny, "al*").instances.name)) == ["alias", "alone"]
    assert set(lookup(tiny, "*.isra.?").instances.name) == {"twice", "cloned"}
    assert len(lookup(tiny, "*").instances) == len(tiny.functions)
    assert "\nalone\n-----\n" in to_text(lookup(tiny, "a*"))


def test_lookup__of_nothing_known_names_the_closest(tiny):
    with pytest.raises(MeasureError, match="closest: .*alone"):
        lookup(tiny, "alon")
    with pytest.raises(MeasureError, match="found 'gone', which is inlined everywhere: no DIE of 12 in 3 units has "
                                           "code, and no FUNC its name$"):
        lookup(tiny, "gone")
    with pytest.raises(MeasureError, match="found 'zzzzqq', which no instance and no FUNC has$"):
        lookup(tiny, "zzzzqq")
    with pytest.raises(MeasureError, match="found nothing"):
        lookup(tiny, " ")


def test_lookup__a_name_that_only_the_shipped_file_has(tmp_path):
    tiny = load(tmp_path / "tiny", instances=[("other", 0xFFFFFFFF81000000, "exact", TAKES_INT, "")])
    found = lookup(tiny, "twice")
    assert not len(found.instances) and found.rows.encoding.tolist() == ["shipped"]
    assert verdicts(found, "instances") == ["DWARF has no code under this name; only the FUNC is known"]
    assert "[8] static" in to_text(found) or "] static, no address in the file" in to_text(found)


def test_lookup__one_name_two_prototypes_are_two_ids(tmp_path):
    tiny = load(tmp_path / "tiny", shipped=False, instances=[
        ("show", 0xFFFFFFFF81000010, "exact", TAKES_INT, ""), ("show", 0xFFFFFFFF81000020, "exact", TAKES_NODE, "")])
    found = lookup(tiny, "show")
    assert found.encodings == ("plain", "decl_tag", "btf_func")
    for _, group in found.rows.groupby("encoding"):
        assert group.prototype.tolist() == ["void show(int a)", "int show(struct node *node)"]
    assert found.rows.addresses.tolist() == [1] * 6
    assert "all prototypes but one are wrong" in verdicts(found, "fentry, plain")[0]
    assert "the one address of each id" in verdicts(found, "fentry, decl_tag")[0]
    one = lookup(tiny, PREFIX + "20")
    assert set(one.rows.prototype) == {"int show(struct node *node)"} and len(one.rows) == 3


def test_verdicts__say_what_the_kernel_does_with_a_name(tmp_path):
    def change(**columns):
        return columns

    tiny = load(tmp_path / "tiny", policy="all", instances=[
        ("one", 0xFFFFFFFF81000000, "exact", TAKES_INT, ""),
        ("many", 0xFFFFFFFF81000010, "exact", TAKES_INT, "", change(ftrace=0)),
        ("many", 0xFFFFFFFF81000020, "exact", TAKES_INT, ""),
        ("clone", 0xFFFFFFFF81000030, "suffix", TAKES_INT, "", change(faults="optimized")),
        ("early", 0xFFFFFFFF81000040, "exact", TAKES_INT, "", change(section=".init.text", ftrace="")),
        ("gone", 0xFFFFFFFF81000050, "exact", TAKES_INT, "inconsistent prototype"),
    ])
    one = lookup(tiny, "one")
    assert verdicts(one, "policy") == ["all keeps the instance"]
    assert verdicts(one, "kprobe") == ["one: its only address, " + PREFIX + "00"]
    assert "finds its one symbol, " + PREFIX + "00" in verdicts(one, "fentry, plain")[0]
    assert verdicts(one, "fentry, btf_func") == [
        "one id with its own address: a kernel that reads it gets exactly that one; there is an ftrace site"]
    assert verdicts(one, "ftrace") == verdicts(one, "section") == verdicts(one, "arguments") == []
    assert verdicts(one, "fentry, shipped") == ["no FUNC, so no id to attach by"]

    many = lookup(tiny, "many")
    assert "-EADDRNOTAVAIL since v6.6" in verdicts(many, "kprobe")[0]
    assert any("pahole since 1.31 leaves the name out" in v for v in verdicts(many, "pahole"))
    assert "the first of 2 that kallsyms lists" in verdicts(many, "fentry, plain")[0]
    assert "one id for 2 addresses, in tags" in verdicts(many, "fentry, decl_tag")[0]
    assert "2 ids, each with its own address" in verdicts(many, "fentry, btf_func")[0]
    assert "ftrace site at 1 of 2 addresses" in verdicts(many, "fentry, btf_func")[0]
    assert verdicts(many, "ftrace")[0].startswith("1 of 2 instances has no ftrace site")

    clone = lookup(tiny, "clone")
    assert "(-ENOENT)" in verdicts(clone, "kprobe")[0] and "clone.isra.0: its only" in verdicts(clone, "kprobe")[1]
    assert "-ENOENT" in verdicts(clone, "fentry, plain")[0]
    assert "(optimized)" in verdicts(clone, "arguments")[0]

    early = lookup(tiny, "early")
    assert verdicts(early, "section") == ["the instance in .init.text: gone after boot"]
    assert "not known" in verdicts(early, "ftrace")[0]
    assert "ftrace" not in verdicts(early, "fentry, btf_func")[0]

    gone = lookup(tiny, "gone")
    assert verdicts(gone, "policy") == ["all leaves out the instance: inconsistent prototype"]
    assert len(gone.rows) == 0 and to_text(gone).count("no FUNC") >= 4


def test_verdicts__policy_current_is_what_pahole_does(tmp_path):
    tiny = load(tmp_path / "tiny", policy="current", instances=[
        ("many", 0xFFFFFFFF81000010, "exact", TAKES_INT, "ambiguous address"),
        ("many", 0xFFFFFFFF81000020, "exact", TAKES_INT, "ambiguous address")])
    assert verdicts(lookup(tiny, "many"), "policy") == [
        "current with the rules of pahole 2026-07 leaves out both instances: 2 x ambiguous address"]


def test_verdicts__the_one_symbol_that_the_kernel_finds_is_not_the_clone_asked_for(tmp_path):
    tiny = load(tmp_path / "tiny", instances=[
        ("both", 0xFFFFFFFF81000010, "exact", TAKES_INT, ""), ("both", 0xFFFFFFFF81000020, "suffix", TAKES_INT, "")])
    found = lookup(tiny, "both.isra.0")
    assert verdicts(found, "fentry, plain")[0].endswith("never the other 1 address shown")


@pytest.mark.parametrize(("column", "new", "message"), [
    ("proto", TAKES_NODE, "plain.btf disagree on name and FUNC_PROTO: only functions.csv has twice, 5"),
    ("func", 1, "plain.btf disagree on name and FUNC: only functions.csv has twice, 1"),
    ("address", BASE + 0x28, "decl_tag.btf disagree on name, FUNC_PROTO and address: only the file has twice, "
                               "4, 0xffffffff81000020"),
])
def test_lookup__files_that_disagree_with_functions_csv_are_refused(tiny, column, new, message):
    table = tiny.functions
    table.loc[table.index[table.address == BASE + 0x20], column] = new
    with pytest.raises(MeasureError, match=re.escape(message)):
        lookup(tiny, "twice")
    lookup(tiny, "alone")


def test_lookup__an_address_missing_from_a_file_is_noticed(tiny):
    full = tiny.btf("decl_tag")
    keep = np.ones(len(full.types.words), bool)
    tag = int(np.flatnonzero(full.types.kind() == Kind.DECL_TAG)[-1]) + 1
    keep[full.types.start[tag] :] = False
    types = type(full.types)(full.types.words[keep], full.types.start[: tag + 1])
    name = full.name(int(full.types.row(tag)[2])).decode()
    tiny._parsed["decl_tag"] = full._replace(types=types)
    with pytest.raises(MeasureError, match=f"decl_tag.btf disagree.*only functions.csv has {name}"):
        lookup(tiny, name)


def test_text__is_ascii_of_80_columns_with_every_address(tmp_path):
    base = 0xFFFFFFFF81000000
    where = dict(unit="drivers/" + "far/" * 20 + "unit.c", file="include/linux/h.h")
    tiny = load(tmp_path / "tiny", instances=[
        ("weight", base + 16 * i, "exact", TAKES_INT, "", where) for i in range(31)])
    text = to_text(lookup(tiny, "weight"))
    assert text.isascii() and max(map(len, text.splitlines())) <= 80
    for i in range(31):
        assert text.count(f"{base + 16 * i:#x}") == 3
    assert re.search(r"  \.\.\.\S+/far/unit\.c$", text, re.M) and "include/linux/h.h:1" in text
    assert "31 ids, static, each with its own address" in text


def test_lookup__of_a_compiled_program(tmp_path):
    prepared = run.prepare(program("several_units").path, threads=1)
    result = save(tmp_path / "several", prepared, run.encode(prepared, "all"))["all"]
    found = lookup(result, "reset")
    assert found.instances.address.nunique() == 2
    assert found.rows[found.rows.encoding == "btf_func"].type_id.nunique() == 2
    for name in sorted(set(result.functions.name)):
        text = to_text(lookup(result, name))
        assert text.isascii() and max(map(len, text.splitlines())) <= 80
    assert len(lookup(result, "*").instances) == len(result.functions)


def test_lookup__a_func_with_a_name_outside_the_strings_is_an_error(tiny):
    file = tiny.btf("plain")
    func = int(np.flatnonzero(file.types.kind() == Kind.FUNC)[0]) + 1
    file.types.words[file.types.start[func]] = 1 << 20
    with pytest.raises(BtfFormatError, match="expected a name_off below"):
        lookup(tiny, "alone")
