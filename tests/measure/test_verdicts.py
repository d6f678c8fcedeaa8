"""The verdict on each form: what its files say, by other ways, and what consumers did."""

import pandas as pd
import pytest

from harness import encodings as enc
from harness import measure
from harness.measure.verdicts import COST_COLUMNS, VERDICT_COLUMNS
from harness.results import MATRIX_COLUMNS, SURVIVAL_COLUMNS
from tests.measure.folders import INSTANCES, make

CURRENT = [(n, a, m, p, "ambiguous address" if n == "twice" else r) for n, a, m, p, r in INSTANCES]


def matrix(*rows):
    """Rows of encoding, opened, consumer, version, verdict, and what differs if anything is said of it."""
    return pd.DataFrame([("consistent", *row[:5], "", "", *row[5:], *[""] * (6 - len(row))) for row in rows],
                        columns=MATRIX_COLUMNS)


def survival(*rows):
    return pd.DataFrame([("consistent", name, what, by, verdict, 7, kept, merged, 7 - kept, *lost, "")
                         for name, what, by, verdict, kept, merged, *lost in rows], columns=SURVIVAL_COLUMNS)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Results of two policies, and what the verdict is made of."""
    path = tmp_path_factory.mktemp("verdicts")
    results = [measure.load(make(path / "consistent")), measure.load(make(path / "current", "current", CURRENT))]
    sizes = {r.policy: measure.measurements(r, compressed=False) for r in results}
    return results, sizes, measure.attach_frames(results)


def test_verdict__says_what_the_files_weigh_over_today_s(judged):
    results, sizes, _ = judged
    table = measure.verdict(*judged)
    assert tuple(table.columns) == VERDICT_COLUMNS and str(table.zstd_added.dtype) == "Int64"
    first, today = results[0].folder, (results[1].folder / "plain.btf").stat().st_size
    assert table.iloc[0][["encoding", "policy", "bytes", "added"]].tolist() == ["plain", "current", today, 0]
    assert table.added.is_monotonic_increasing
    for row in table.iloc[1:].itertuples():
        assert row.policy == "consistent"
        assert row.bytes == (first / f"{row.encoding}.btf").stat().st_size == today + row.added
        assert row.added_percent == 100 * row.added / today
    assert table.zstd_added.isna().all() and table.xz_percent.isna().all()
    cost = measure.cost(table, results, sizes)
    assert tuple(cost.columns) == COST_COLUMNS and cost.encoding.tolist()[0] == "plain, consistent"
    assert (cost.type_bytes + cost.string_bytes + cost.section_bytes).tolist() == table.added[1:].tolist()
    assert sizes["consistent"].bytes[sizes["consistent"].part == "zstd-19"].empty


def test_verdict__says_what_is_bought_over_today_s(judged):
    table = measure.verdict(*judged).set_index("encoding").iloc[1:]
    reach, prices = judged[2]
    for name, row in table.iterrows():
        bought = prices[(prices.policy == "consistent") & (prices.encoding == name) & prices.over.str.endswith("today")]
        assert [row.newly_attachable, row.no_longer] == [bought.gained.iloc[0], bought.forgone.iloc[0]]
        of = reach[(reach.policy == "consistent") & (reach.encoding == name)]
        assert row.ambiguous_id == of.ambiguous_id.iloc[0]
        assert row.newly_attachable == 0 or row.bytes_each == row.added / row.newly_attachable
    assert table.newly_attachable["btf_func"] > table.newly_attachable["plain"]


def test_verdict__measures_against_its_own_baseline_where_today_s_is_not_there(judged):
    results, sizes, _ = judged
    table = measure.verdict(results[:1], sizes, measure.attach_frames(results[:1]))
    assert table.encoding.tolist()[0] == "plain" and table.encoding.is_unique and set(table.policy) == {"consistent"}


def test_verdict__says_what_the_form_itself_decides(judged):
    table = measure.verdict(*judged).set_index("encoding").iloc[1:]
    assert table.skippable.to_dict() == {"plain": "no need", "btf_func": "no", "decl_tag": "no need"}
    for name, row in table.iterrows():
        e = enc.encoding(name)
        assert [row.kaslr, row.exposes, row.modules] == [e.kaslr, e.exposes, e.modules]


def test_verdict__says_who_takes_it(judged):
    told = matrix(
        ("plain", "", "kernel", "6.18.44", "accepted"), ("btf_func", "", "kernel", "6.18.44", "refused"),
        ("decl_tag", "", "kernel", "6.18.44", "accepted"), ("decl_tag", "with base", "kernel", "6.18.44", "refused"),
        ("decl_tag", "with layout", "libbpf", "1.7.0", "refused"),
        ("plain", "", "libbpf", "1.1.2", "accepted"), ("plain", "", "libbpf", "1.7.0", "accepted"),
        ("btf_func", "", "libbpf", "1.1.2", "refused"), ("btf_func", "", "libbpf", "1.7.0", "not tried"),
        ("decl_tag", "", "libbpf", "1.1.2", "accepted but wrong"), ("decl_tag", "", "libbpf", "1.7.0", "accepted"),
        ("decl_tag", "without base", "libbpf", "1.7.0", "refused"),
        ("decl_tag", "", "pahole", "1.30", "accepted but wrong"),
        ("decl_tag", "", "pahole", "1.31", "accepted but wrong"),
        ("plain", "", "llvm", "19", "accepted but wrong"), ("decl_tag", "", "llvm", "19", "accepted but wrong"))
    table = measure.verdict(*judged, told).set_index("encoding").iloc[1:]
    assert table.loads.to_dict() == {"plain": "yes", "btf_func": "no", "decl_tag": "no"}
    assert table.libbpf.to_dict() == {"plain": "1.1, 1.7", "btf_func": "none", "decl_tag": "1.7"}
    assert table.misread_by.to_dict() == {
        "plain": "llvm 19", "btf_func": "none", "decl_tag": "libbpf 1.1; pahole 1.30, 1.31"}
    asked = measure.verdict(*judged, told[told.consumer == "llvm"])
    assert set(asked.loads) == set(asked.libbpf) == {"-"}
    assert set(measure.verdict(*judged).misread_by) == {"-"}
    nobody = matrix(("plain", "", "kernel", "", "not tried"))
    assert set(measure.verdict(*judged, nobody).loads) == {"-"}


def test_verdict__says_what_survives(judged):
    told = survival(
        ("decl_tag", "dedup", "libbpf 1.1", "accepted but wrong", 3, 0, 1),
        ("decl_tag", "dedup", "libbpf 1.7", "accepted", 7, 0, 0),
        ("btf_func", "dedup", "libbpf 1.1", "refused", 0, 0, 0),
        ("btf_func", "dedup", "libbpf 1.7", "not tried", 0, 0, 0),
        ("btf_func", "name sort", "btf-harness", "accepted but wrong", 6, 2, 0))
    table = measure.verdict(*judged, None, told).set_index("encoding").iloc[1:]
    assert table.dedup.to_dict() == {"plain": "-", "btf_func": "refused", "decl_tag": "all"}
    assert table.after_dedup.dropna().to_dict() == {"decl_tag": table.newly_attachable["decl_tag"]}
    assert table.name_sort.to_dict() == {"plain": "-", "btf_func": "1 lost, 2 merged", "decl_tag": "-"}
    sorted_already = survival(("decl_tag", "name sort", "btf-harness", "nothing to do", 7, 0, 0),
                              ("decl_tag", "name sort", "libbpf 1.7", "refused", 0, 0, 0))
    assert measure.survivors(sorted_already).to_dict("records") == [{"encoding": "decl_tag",
                                                                     "name sort": "already sorted"}]


@pytest.mark.parametrize(("lost", "left"), [(0, 4), (1, 3), (9, 0)])
def test_verdict__says_how_many_of_the_newly_attachable_a_dedup_leaves(judged, lost, left):
    told = survival(("btf_func", "dedup", "libbpf 1.7", "accepted but wrong", 3, 0, lost))
    table = measure.verdict(*judged, None, told).set_index("encoding").iloc[1:]
    assert table.newly_attachable["btf_func"] == 4 and table.after_dedup["btf_func"] == left
