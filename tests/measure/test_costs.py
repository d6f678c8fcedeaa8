"""What a function costs is what the files are longer by: each is encoded again without it, and the pairs sum up."""

import numpy as np
import pytest

from harness import encodings, measure, results, run
from harness.errors import UsageError
from harness.functions.policies import Reason
from harness.measure.invariants import encoded_functions
from harness.model import NOWHERE
from tests.fixtures.build import OBJECTS, program
from tests.measure.folders import any_instances, make

ALL = encodings.names()
IN_A_LAYOUT = ["decl_tag", "locsec", "locsec_split", "func_addr_kind", "sidecar"]
"""Some that a layout section can describe in every program."""

PROGRAMS = {"several_units": lambda: program("several_units").path,
            "relocatable": lambda: program("twin_sections", link="rel").objects[0],
            "kfuncs": lambda: program("kfuncs").path,
            "s390x": lambda: OBJECTS / "sample-s390x-gcc-dwarf5.elf",
            "armhf": lambda: OBJECTS / "sample-armhf-gcc-dwarf5.elf"}


def sizes(encoded):
    return {name: sum(map(len, artifact.sections.values())) for name, artifact in encoded.artifacts.items()}


@pytest.fixture(params=PROGRAMS)
def prepared(request):
    return run.prepare(PROGRAMS[request.param]())


@pytest.mark.parametrize(("policy", "forms", "layout_section"), [("all", ALL, False), ("sound", IN_A_LAYOUT, True)])
def test_cost_of__is_what_an_encoding_without_the_function_is_shorter_by(prepared, tmp_path, monkeypatch, policy, forms,
                                                                         layout_section):
    # the kernel's step would add other functions where one is missing
    how = {"layout_section": layout_section, "kernel_step": False}
    with_all = run.encode(prepared, policy, forms, **how)
    result = results.save(tmp_path / "out", prepared, with_all)[policy]
    select, before = run.select, sizes(with_all)
    names = prepared.instances.name_off[with_all.selection.reason == Reason.ENCODED]
    text = {prepared.strings.flattened().get(int(off)).decode(): int(off) for off in np.unique(names)}
    assert text
    for name, name_off in list(text.items())[:: max(1, len(text) // 12)]:
        def without(*args, name_off=name_off):
            found = select(*args)
            reason = found.reason.copy()
            mine = prepared.instances.name_off == name_off
            reason[mine & (reason == Reason.ENCODED)] = Reason.PARTIAL_BODY
            return found._replace(reason=reason)

        monkeypatch.setattr(run, "select", without)
        after = sizes(run.encode(prepared, policy, forms, **how))
        shorter = {e: (before[e] - before["plain"]) - (after[e] - after["plain"]) for e in before}
        table = measure.cost_of(result, name)
        assert dict(zip(table.encoding, table.bytes_over_plain, strict=True)) == shorter, name


def test_cost_of__says_ids_and_addresses(tmp_path):
    table = measure.cost_of(measure.load(make(tmp_path / "tiny")), "twice").set_index("encoding")
    assert table.FUNC.to_dict() == {"plain": 1, "decl_tag": 1, "btf_func": 3}
    assert table.addresses.to_dict() == {"plain": 0, "decl_tag": 3, "btf_func": 3}
    assert table.unique_id.to_dict() == {"plain": 0, "decl_tag": 0, "btf_func": 3}
    assert table.bytes_over_plain.to_dict() == {"plain": 0, "decl_tag": 3 * 43, "btf_func": 3 * 8 + 2 * 12}
    assert {c: str(d) for c, d in table.dtypes.items()} == {c: "int64" for c in table.columns}


def test_cost_of__a_name_that_is_not_encoded_is_refused(tmp_path):
    result = measure.load(make(tmp_path / "tiny"))
    for name in ("torn", "nobody"):
        with pytest.raises(UsageError, match=f"expected a function that the policy consistent encodes, found '{name}'"):
            measure.cost_of(result, name)


def check_pairs(result):
    """The pairs are those of the formulas, and sum to what three of them predict."""
    pairs, functions = measure.pairs(result), result.once(encoded_functions)
    assert list(pairs.columns) == list(measure.PAIR_COLUMNS)
    placed, mine = pairs.shndx != NOWHERE, pairs[pairs.shared_name]
    more = 12 * pairs.extra_func + 16 * pairs.extra_tags

    def growth(name):
        return encodings.encoding(name).growth(functions)

    assert more.sum() == growth("func_per_address")
    assert (8 * placed + more).sum() == growth("btf_func")
    assert (8 * placed + more)[mine.index].sum() == growth("btf_func_ambiguous")
    assert not more[~pairs.shared_name].any()
    slow = {(f.name, f.proto_id, f.place) for f in functions.itertuples()}
    right = pairs.name.tolist() == [name for name, _, _ in sorted(slow, key=lambda key: (key[0], key[2], key[1]))]
    assert right  # names by chance cannot be printed


def test_pairs__sum_to_the_formulas(prepared, tmp_path):
    check_pairs(results.save(tmp_path / "out", prepared, run.encode(prepared, "all"))["all"])


@pytest.mark.parametrize("seed", range(20))
def test_pairs__of_any_instances_sum_to_the_formulas(tmp_path, seed):
    check_pairs(measure.load(make(tmp_path / "any", instances=any_instances(seed))))


def test_pairs__a_site_counts_wherever_an_instance_at_the_place_has_one(tmp_path):
    instances = [("one", 0x10, "exact", 4, "", {"ftrace": "0"}), ("one", 0x20, "exact", 4, "", {"ftrace": "1"}),
                 ("two", 0x30, "exact", 4, "", {"ftrace": ""}), ("three", 0x20, "exact", 5, "", {"ftrace": "0"})]
    pairs = measure.pairs(measure.load(make(tmp_path / "sites", instances=instances)))
    found = pairs.set_index(["name", "address"]).ftrace
    assert str(found.dtype) == "boolean" and found.isna().to_list() == (found.index == ("two", 0x30)).tolist()
    assert found.dropna().to_dict() == {("one", 0x10): False, ("one", 0x20): True, ("three", 0x20): True}
