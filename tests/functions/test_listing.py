"""Function instances, names without any, and the forms of the rules, on compiled programs."""

import numpy as np
import pytest

from harness import results, run
from harness.functions.forms import forms, selection_forms
from harness.functions.rules import DEFAULT, QUIRKS, RULES
from tests.fixtures.build import program
from tests.fixtures.handmade import encode


@pytest.fixture(scope="module")
def prepared():
    return run.prepare(program("several_units").path, threads=1)


@pytest.fixture(scope="module")
def rows(prepared, tmp_path_factory):
    folder = results.save(tmp_path_factory.mktemp("out"), prepared, run.encode(prepared, "all"))
    return results.load(folder.path)["all"].functions


def named(rows, name):
    return rows[rows.name == name]


def test_instances__are_columns_of_one_value_each(prepared, rows):
    assert len(rows) == len(prepared.instances.die) > 0
    assert tuple(rows.columns) == results.FUNCTION_COLUMNS
    assert tuple(prepared.described) == results.INSTANCE_COLUMNS
    assert {len(column) for column in prepared.described.values()} == {len(rows)}


def test_instances__say_where_they_are_defined(rows):
    copies = named(rows, "shared_sum")
    assert len(copies) >= 2
    assert len(copies.groupby(["file", "line"])) == 1  # one definition, in a header
    assert copies.file.iloc[0].endswith(".h") and copies.line.iloc[0] > 0
    assert copies.unit.nunique() == len(copies)
    assert not named(rows, "reset").inline.any()


def test_instances__signatures_are_equal_as_prototypes_are(rows):
    encoded = rows[rows.reason == ""]
    assert (encoded.groupby("proto").signature.nunique() == 1).all()
    assert encoded.signature.nunique() == encoded.proto.nunique()
    assert named(rows, "init_once").signature.nunique() == 2
    assert named(rows, "reset").signature.nunique() == 1


def test_instances__name_symbol_binding_and_section(rows):
    strong, weak = named(rows, "arch_setup").sort_values("match", key=lambda c: c.astype(str)).itertuples()
    assert (strong.binding, strong.section, strong.symbol_addresses) == ("global", ".text", 1)
    assert (weak.match, weak.symbol, weak.binding, weak.section) == ("overridden", "", "", ".text")
    assert set(named(rows, "reset").symbol_addresses) == {2}
    assert rows.ftrace.isna().all()  # no table of call sites in a program


def test_inlined__lists_the_names_without_an_instance(prepared, rows):
    listed = prepared.inlined
    assert tuple(listed) == results.INLINED_COLUMNS and len(listed["name"])
    assert not set(listed["name"]) & set(rows.name)
    assert listed["name"].tolist() == sorted(listed["name"])
    assert (listed["dies"] >= listed["units"]).all() and (listed["units"] >= 1).all()
    assert listed["declared_inline"].dtype == np.bool_


def test_forms__are_every_version_with_and_without_quirks(prepared):
    found = selection_forms(prepared)
    assert [(row[0], row[1]) for row in found[::2]] == [(v, "+".join(q)) for v, q in forms()]
    assert {version for version, _ in forms()} == set(RULES)
    assert [(q,) for q in QUIRKS] == [q for v, q in forms() if v == DEFAULT and len(q) == 1]
    for version, quirks, policy, instances, names in found:
        reason = encode(prepared, policy, rules=version, quirks=quirks.split("+") if quirks else []).selection.reason
        assert instances == int((reason == 0).sum()) >= names > 0
    assert run.forms(prepared) == found
