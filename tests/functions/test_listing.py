"""functions.csv, inlined.csv and the forms of the rules, on compiled programs."""

import csv
import io

import pytest

from harness import run
from harness.functions.forms import FORM_COLUMNS, forms, forms_csv, selection_forms
from harness.functions.listing import FUNCTION_COLUMNS, INLINED_COLUMNS, fields
from harness.functions.rules import DEFAULT, QUIRKS, RULES
from tests.fixtures.build import program


@pytest.fixture(scope="module")
def prepared():
    return run.prepare(program("several_units").path, threads=1)


@pytest.fixture(scope="module")
def rows(prepared, tmp_path_factory):
    folder = run.write_result(tmp_path_factory.mktemp("out"), prepared, run.encode(prepared, "all"))
    return list(csv.DictReader(io.StringIO((folder / "functions.csv").read_text())))


def named(rows, name):
    return [row for row in rows if row["name"] == name]


def test_functions_csv__has_a_row_of_all_columns_for_each_instance(prepared, rows):
    assert len(rows) == len(prepared.instances.die)
    assert all(tuple(row) == FUNCTION_COLUMNS for row in rows)


def test_functions_csv__says_where_an_instance_is_defined(rows):
    copies = named(rows, "shared_sum")
    assert len(copies) >= 2
    assert len({(row["file"], row["line"]) for row in copies}) == 1  # one definition, in a header
    assert copies[0]["file"].endswith(".h") and int(copies[0]["line"]) > 0
    assert len({row["unit"] for row in copies}) == len(copies)
    assert {row["inline"] for row in named(rows, "reset")} == {"0"}


def test_functions_csv__signatures_are_equal_as_prototypes_are(rows):
    encoded = [row for row in rows if not row["reason"]]
    by_proto = {}
    for row in encoded:
        by_proto.setdefault(row["proto"], set()).add(row["signature"])
    assert all(len(found) == 1 for found in by_proto.values())
    assert len({row["signature"] for row in encoded}) == len(by_proto)
    assert len({row["signature"] for row in named(rows, "init_once")}) == 2
    assert len({row["signature"] for row in named(rows, "reset")}) == 1


def test_functions_csv__names_symbol_binding_and_section(rows):
    strong, weak = sorted(named(rows, "arch_setup"), key=lambda row: row["match"])
    assert (strong["binding"], strong["section"], strong["symbol_addresses"]) == ("global", ".text", "1")
    assert (weak["match"], weak["symbol"], weak["binding"], weak["section"]) == ("overridden", "", "", "")
    assert {row["symbol_addresses"] for row in named(rows, "reset")} == {"2"}
    assert {row["ftrace"] for row in rows} == {""}  # no table of call sites in a program


def test_inlined_csv__lists_the_names_without_an_instance(prepared, rows):
    listed = list(csv.DictReader(io.StringIO(prepared.inlined.decode())))
    assert tuple(listed[0]) == INLINED_COLUMNS
    assert not {row["name"] for row in listed} & {row["name"] for row in rows}
    assert [row["name"] for row in listed] == sorted(row["name"] for row in listed)
    assert all(int(row["dies"]) >= int(row["units"]) >= 1 for row in listed)


def test_fields__quotes_what_csv_needs_quoted():
    assert fields(["a", 'b"c', "d,e", "f\ng"]) == ["a", '"b""c"', '"d,e"', '"f\ng"']


def test_forms__are_every_version_with_and_without_quirks(prepared):
    found = selection_forms(prepared)
    assert [(row[0], row[1]) for row in found[::2]] == [(v, "+".join(q)) for v, q in forms()]
    assert {version for version, _ in forms()} == set(RULES)
    assert [(q,) for q in QUIRKS] == [q for v, q in forms() if v == DEFAULT and len(q) == 1]
    for version, quirks, policy, instances, names in found:
        reason = run.encode(prepared, policy, ["plain"], version, quirks.split("+") if quirks else []).selection.reason
        assert instances == int((reason == 0).sum()) >= names > 0
    lines = forms_csv(found).decode().splitlines()
    assert tuple(lines[0].split(",")) == FORM_COLUMNS and len(lines) == 1 + len(found)
