"""Verdicts on the thread's estimates."""

import pytest

from harness import measure
from harness.errors import MeasureError
from harness.measure import claims as module
from tests.measure.folders import INSTANCES, make


class Fake:
    """A result of which only a quantity matters."""

    encodings = ("plain", "btf_func")

    def __init__(self, policy, value, kernel="tiny"):
        self.policy, self.value, self.kernel, self.key = policy, value, kernel, f"{kernel}'s build id"


ENTRY = {"id": "it", "kind": "estimate", "claim": "so many", "quantity": "thing",
         "arguments": {"encoding": "btf_func"}, "unit": "things", "predicted": 1000, "rule": "because"}


def verdict(monkeypatch, values, **entry):
    monkeypatch.setitem(module.QUANTITIES, "thing", lambda result, encoding: result.value)
    results = [Fake(policy, value) for policy, value in values.items()]
    return measure.judge_claims(results, [{**ENTRY, **entry}]).iloc[0]


@pytest.mark.parametrize(("rule", "value", "expected"), [
    ({"compare": "equal"}, 1000, "holds"),
    ({"compare": "equal"}, 1001, "differs"),
    ({"compare": "within_factor", "tolerance": 2}, 500, "holds"),
    ({"compare": "within_factor", "tolerance": 2}, 2000, "holds"),
    ({"compare": "within_factor", "tolerance": 2}, 499, "differs"),
    ({"compare": "within_factor", "tolerance": 2}, 2001, "differs"),
    ({"compare": "within_factor", "tolerance": 2}, 0, "differs"),
    ({"compare": "within_percent", "tolerance": 25}, 750, "holds"),
    ({"compare": "within_percent", "tolerance": 25}, 1251, "differs"),
    ({"compare": "less_than"}, 999, "holds"),
    ({"compare": "less_than"}, 1000, "differs"),
])
def test_claims__verdict_follows_the_rule(monkeypatch, rule, value, expected):
    row = verdict(monkeypatch, {"consistent": value}, **rule)
    assert row.verdict == expected
    assert f"{value:,} things" in row.reason and row.reason.endswith("; because")


def test_claims__of_one_kernel_need_not_hold_on_another(monkeypatch):
    for value in (1000, 0):
        row = verdict(monkeypatch, {"consistent": value, "all": value}, compare="equal", kind="observation")
        assert row.verdict == f"{value:,} here" and row.of == "observation"
    monkeypatch.setitem(module.QUANTITIES, "thing", lambda result, encoding: result.value)
    judged = measure.judge_claims([Fake("all", 31, "6.1"), Fake("all", 0, "7.3")],
                                  [{**ENTRY, "compare": "equal", "kind": "observation"}])
    assert measure.overall_verdicts(judged).verdict[0] == "31 here on 6.1; 0 here on 7.3"


def test_claims__name_the_policies_under_which_they_hold(monkeypatch):
    row = verdict(monkeypatch, {"consistent": 1000, "all": 1000, "current": 0}, compare="equal")
    assert row.verdict == "holds under consistent, all"
    assert row.measured == "consistent 1,000, all 1,000, current 0"


def test_claims__say_when_the_encoding_was_not_made(monkeypatch):
    row = verdict(monkeypatch, {"consistent": 1}, compare="equal", arguments={"encoding": "other"})
    assert row.verdict == "not measured" and row.measured == "-" and "other" in row.reason


def test_claims__measure_a_real_folder(tmp_path):
    result = measure.load(make(tmp_path / "tiny"))
    table = measure.judge_claims([result]).set_index("id")
    assert list(table.index) == ["cpumask_weight", "extra_funcs", "payload", "whole_growth", "func_protos"]
    assert table.measured["extra_funcs"] == "2"
    assert table.measured["payload"] == str(8 * 7)
    assert table.measured["whole_growth"] == str(8 * 7 + 12 * 2)
    assert table.verdict["whole_growth"] == table.verdict["func_protos"] == "holds"
    assert table.verdict["cpumask_weight"] == "not measured"
    assert table.reason["cpumask_weight"].startswith("no DIE has the name; the name with most addresses is twice, 3")
    assert ": 8 bytes for each of 7 FUNCs" in table.reason["payload"]
    assert ": 1 encoded names share 3 addresses; twice has most, 3" in table.reason["extra_funcs"]
    assert ": 56 of addresses and 12 for each of 2 extra FUNCs;" in table.reason["whole_growth"]


@pytest.mark.parametrize(("name", "words"), [
    ("twice", "3 addresses, as expected: 2 with a symbol of exactly this name and 1 .isra clones, of a function with "
              "one definition, a.c:1, in 1 units"),
    ("gone", "0 addresses, 3 expected: 12 DIEs in 3 units have the name and none has code: it is inlined "
             "everywhere"),
])
def test_claims__say_where_a_figure_comes_from(tmp_path, name, words):
    entry = {**ENTRY, "quantity": "addresses_of_name", "arguments": {"name": name}, "unit": "addresses",
             "predicted": 3, "compare": "equal"}
    row = measure.judge_claims([measure.load(make(tmp_path / "tiny"))], [entry]).iloc[0]
    assert row.reason.startswith(words)


def test_claims__tell_clones_from_what_lto_renamed(tmp_path):
    more = [("twice", 0xFFFFFFFF81000030 + 16 * n, "suffix", 1, "", {"symbol": f"twice.{suffix}"})
            for n, suffix in enumerate(("llvm.12", "llvm.345", "lto_priv.0", "constprop.1", "constprop.0"))]
    note = module.note_on_addresses(measure.load(make(tmp_path / "r", instances=[*INSTANCES[:3], *more])), "twice")
    assert note.startswith(": 2 with a symbol of exactly this name and 2 .constprop clones and 2 renamed by "
                           "LTO (.llvm) and 1 renamed by LTO (.lto_priv), of a function ")


def test_claims__are_judged_for_each_kernel_and_over_all(monkeypatch):
    monkeypatch.setitem(module.QUANTITIES, "thing", lambda result, encoding: result.value)
    results = [Fake("all", 1000, "old"), Fake("current", 1000, "old"), Fake("all", 5, "new"), Fake("all", 6, "newer")]
    judged = measure.judge_claims(results, [{**ENTRY, "compare": "equal"}])
    assert list(judged.kernel) == ["old", "new", "newer"]
    assert list(judged.verdict) == ["holds", "differs", "differs"]
    assert measure.overall_verdicts(judged).verdict[0] == "holds on old; differs on new, newer"
    assert measure.overall_verdicts(judged[:1]).verdict[0] == "holds"


@pytest.mark.parametrize(("text", "words"), [
    ("=", "expected TOML"),
    ("schema = 1", "expected claims of schema 2, found 1"),
    ("schema = 2\n[[claim]]\nid = 'x'", "claim 1: expected kind, claim, quote"),
])
def test_read_claims__refuses_what_it_cannot_use(tmp_path, text, words):
    path = tmp_path / "claims.toml"
    path.write_text(text)
    with pytest.raises(MeasureError, match=words):
        measure.read_claims(path)


@pytest.mark.parametrize(("old", "new", "words"), [
    ('compare = "less_than"', 'compare = "about"', "expected a compare of"),
    ('quantity = "growth_bytes"', 'quantity = "luck"', "expected a quantity of"),
    ('kind = "observation"', 'kind = "rumour"', "expected a kind of observation, estimate, found 'rumour'"),
    ("tolerance = 25\n", "", "expected a tolerance for within_percent"),
])
def test_read_claims__names_the_claim_at_fault(tmp_path, old, new, words):
    path = tmp_path / "claims.toml"
    path.write_text(module.CLAIMS.read_text().replace(old, new))
    with pytest.raises(MeasureError, match=words):
        measure.read_claims(path)


def test_read_claims__every_claim_says_who_said_it_and_where():
    for entry in measure.read_claims():
        assert "@" in entry["message_id"] and entry["date"].year == 2023 and entry["quote"] and entry["author"]
