"""Function instances of compiled programs: how each is matched, and what each policy makes of it."""

import pytest

from harness import run
from harness.functions import Match
from harness.functions.policies import REASON_TEXT, Reason
from harness.model.strings import Strings
from harness.results.selection import counts_of
from tests.fixtures.build import program


def prepared_program(name, **options):
    return run.prepare(program(name, **options).path, threads=1, fallback=True)


def rows(prepared, policy="all", **options):
    """(name, address, match, reason) of every instance."""
    table = prepared.instances
    selection = run.encode(prepared, policy, ["plain"], **options).selection
    strings = Strings(prepared.strings.blob)
    return [(n.decode(), int(a), Match(m).name, REASON_TEXT[Reason(r)])
            for n, a, m, r in zip(strings.list(table.name_off), table.address, table.match, selection.reason,
                                  strict=True)]


def named(found, name):
    return [r for r in found if r[0] == name]


@pytest.fixture(scope="module")
def several():
    return prepared_program("several_units")


def test_join__an_inline_emitted_in_three_units_is_three_instances(several):
    instances = [r for r in named(rows(several), "shared_sum") if not r[3]]
    assert len(instances) == len({r[1] for r in instances}) >= 2


def test_join__unrelated_functions_of_one_name_are_two_instances(several):
    assert len(named(rows(several), "init_once")) == 2
    assert len(named(rows(several), "reset")) == 2


def test_policies__consistent_drops_names_whose_prototypes_clash(several):
    assert {r[3] for r in named(rows(several, "consistent"), "init_once")} == {"inconsistent prototype"}
    assert {r[3] for r in named(rows(several, "consistent"), "reset")} == {""}


def test_policies__current_drops_names_with_several_addresses(several):
    assert {r[3] for r in named(rows(several, "current"), "reset")} == {"ambiguous address"}
    assert {r[3] for r in named(rows(several, "current"), "init_once")} == {"ambiguous address"}


def test_join__an_overridden_weak_function_does_not_take_the_strong_one_s_address(several):
    instances = named(rows(several), "arch_setup")
    assert [r[2] for r in instances if not r[3]] == ["EXACT"]
    assert len(named(rows(several), "arch_teardown")) == 1


def test_join__an_alias_is_a_symbol_and_no_instance(several):
    found = rows(several)
    assert len(named(found, "do_real")) == 1
    assert not named(found, "do_alias")


def test_join__clones_match_by_base_name_and_pieces_do_not():
    found = rows(prepared_program("clones"))
    matches = {r[0]: {x[2] for x in named(found, r[0])} for r in found}
    assert matches["by_constant"] == {"SUFFIX"}
    assert matches["call_one"] == {"EXACT"}
    assert {r[3] for r in found if r[2] == "PART"} <= {"partial body"}
    assert "PART" in {r[2] for r in named(found, "in_part")}


@pytest.mark.parametrize("policy", ["all", "consistent", "current"])
def test_policies__encoded_and_skipped_add_up_to_seen(several, policy):
    encoded = run.encode(several, policy)
    counts = counts_of(encoded)
    assert counts["instances"] == counts["encoded"] + sum(counts["skipped"].values()) == len(rows(several, policy))
