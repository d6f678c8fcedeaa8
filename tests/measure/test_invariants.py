"""Each invariant holds on a sound result and fails when its fact is broken."""

import dataclasses

import numpy as np
import pytest

from harness import encodings, measure, results, run
from tests.fixtures.handmade import Function, prepare
from tests.measure.folders import edit, make, of_policy


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "tiny")


def broken(result, table, again=None):
    checks = measure.check_invariants(result, table, again)
    return set(checks.invariant[~checks.holds])


def test_invariants__all_hold_on_a_sound_result(folder, tmp_path):
    result = measure.load(folder)
    again = measure.load(make(tmp_path / "again"))
    checks = measure.check_invariants(result, measure.measurements(result, False), again)
    assert measure.all_hold(checks), checks[~checks.holds].to_string()
    assert set(checks.invariant.str[0]) == set("123456")


@pytest.mark.parametrize(("change", "name"), [
    (of_policy(lambda p: p["functions"].update(encoded=8)), "1 functions"),
    (of_policy(lambda p: p["functions"]["skipped"].update({"partial body": 2})), "1 functions"),
    (of_policy(lambda p: p["functions"]["skipped"].update({"partial body": 0, "moon": 1})), "1 functions"),
    (lambda m: m["funnel"].update(fallback=5), "1 functions"),
    (of_policy(lambda p: p["functions"].update(funcs=9)), "1 functions"),
    (lambda m: m["funnel"].update(dies_declared=21), "1 functions"),
    (lambda m: m["funnel"].update(dies_alias=1), "1 functions"),
    (lambda m: m["funnel"].update(elf_padding=4), "1 functions"),
])
def test_invariants__a_false_manifest_breaks(folder, change, name):
    edit(folder, change)
    result = measure.load(folder)
    assert broken(result, measure.measurements(result, False)) == {name}


def test_formula__that_counts_wrong_breaks(folder, monkeypatch):
    right = encodings.encoding("btf_func")
    monkeypatch.setitem(encodings.REGISTRY, "btf_func", dataclasses.replace(right, growth=lambda functions: 1))
    result = measure.load(folder)
    assert broken(result, measure.measurements(result, False)) == {"3 formula"}


@pytest.mark.parametrize("change", [lambda found: found._replace(address=found.address + np.uint64(1)),
                                    lambda found: found._replace(func_id=found.func_id[1:], address=found.address[1:])])
def test_round_trip__of_other_addresses_breaks(folder, monkeypatch, change):
    right = encodings.encoding("decl_tag")
    wrong = dataclasses.replace(right, read=lambda *file: change(right.read(*file)))
    monkeypatch.setitem(encodings.REGISTRY, "decl_tag", wrong)
    result = measure.load(folder)
    assert broken(result, measure.measurements(result, False)) == {"6 round trip"}


def test_bytes__an_unlabelled_byte_breaks(folder):
    result = measure.load(folder)
    table = measure.measurements(result, False)
    table.loc[(table.encoding == "decl_tag") & (table.part == "strings"), "bytes"] -= 1
    assert broken(result, table) == {"2 bytes"}


def test_neutrality__another_struct_breaks(folder):
    result = measure.load(folder)
    table = measure.measurements(result, False)
    table.loc[(table.encoding == "btf_func") & (table.kind == "STRUCT"), "count"] += 1
    checks = measure.check_invariants(result, table)
    wrong = checks[~checks.holds]
    assert wrong.invariant.tolist() == ["4 neutrality"] and wrong.detail.item() == "STRUCT 2 for 1"
    missing = measure.measurements(result, False).query("not (encoding == 'btf_func' and kind == 'STRUCT')")
    assert "4 neutrality" in broken(result, missing)


def test_neutrality__ignores_functions_and_the_shipped_file(folder):
    result = measure.load(folder)
    table = measure.measurements(result, False)
    table.loc[(table.encoding == "shipped") & (table.kind == "STRUCT"), "count"] += 1
    table.loc[(table.encoding == "btf_func") & (table.kind == "FUNC"), "count"] += 1
    assert broken(result, table) == set()


def test_determinism__a_file_that_changed_later_breaks(folder):
    result = measure.load(folder)
    table = measure.measurements(result, False)
    path = folder / "plain.btf"
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    assert broken(result, table) == {"5 files"}


def test_determinism__another_run_with_other_bytes_breaks(folder, tmp_path):
    result = measure.load(folder)
    other = measure.load(make(tmp_path / "other", instances=[("alone", 16, "exact", 4, "")]))
    assert broken(result, measure.measurements(result, False), other) == {"5 determinism"}


def saved(folder, *functions):
    """The statements about addresses that do not hold of a file with these functions, by their details."""
    prepared = prepare(folder, *functions)
    result = results.save(folder / "out", prepared, run.encode(prepared, "all"))["all"]
    checks = measure.check_invariants(result, measure.measurements(result, False))
    return checks.detail[~checks.holds].tolist()


@pytest.mark.parametrize(("n", "details"), [(20, []), (21, ["21 of 21"])])
def test_addresses__an_implausible_number_of_overridden_instances_breaks(tmp_path, n, details):
    """As if symbols stood before the code, and the join did not know it."""
    assert saved(tmp_path, *(Function(f"f{i}", lead=16) for i in range(n))) == details


@pytest.mark.parametrize(("n", "details"), [
    (20, []), (21, ["21 of 21 names, instances at 21 of 42 addresses"])])
def test_addresses__names_whose_symbols_have_no_instance_break(tmp_path, n, details):
    """The other symbol of each name is at a function of another."""
    functions = [Function(f"f{i}") for i in range(n)]
    others = [Function(f"other{i}", symbols=[f"other{i}", f"f{i}"]) for i in range(n)]
    assert saved(tmp_path, *functions, *others) == details
