"""What is said of a form in tables follows from what consumers answered, and from nothing else."""

import pandas as pd
import pytest

from harness import measure
from harness.measure.taken import added_faults, cell, skippable, taken, ways
from harness.report.frames import readers_frame
from harness.text.matrix import to_text
from tests.measure.folders import make
from tests.measure.test_verdicts import matrix

LOST_TAGS = "func_tags missing 210"


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return measure.load(make(tmp_path_factory.mktemp("taken") / "consistent"))


def pahole(name, version, verdict, differs=""):
    return name, "", "pahole", version, verdict, differs


def test_fault__that_a_consumer_has_with_plain_is_not_the_form_s():
    told = matrix(pahole("plain", "1.30", "accepted but wrong", LOST_TAGS), pahole("plain", "1.32", "accepted"),
                  pahole("decl_tag", "1.30", "accepted but wrong", "func_tags missing 44788"),
                  pahole("decl_tag", "1.32", "accepted"))
    assert added_faults(told).tolist() == ["accepted but wrong", "accepted", "wrong anyway", "accepted"]
    assert taken("decl_tag", told)[2] == "none" and taken("plain", told)[2] == "pahole 1.30"
    assert readers_frame(told).to_dict("records") == [{"encoding": "plain", "pahole": "1/2, WRONG 1.30"},
                                                      {"encoding": "decl_tag", "pahole": "1/2, as plain 1.30"}]


@pytest.mark.parametrize(("differs", "version", "judged"), [
    ("func_tags missing 210; FUNC missing 1", "1.30", "accepted but wrong"),  # and FUNCs
    ("func_tags strange 210", "1.30", "accepted but wrong"),                  # tags that are not there
    (LOST_TAGS, "1.32", "accepted but wrong"),                                # another version
    (LOST_TAGS, "1.30", "wrong anyway"),
])
def test_fault__in_another_way_or_of_another_version_is_the_form_s(differs, version, judged):
    told = matrix(pahole("plain", "1.30", "accepted but wrong", LOST_TAGS), pahole("plain", "1.32", "accepted"),
                  pahole("decl_tag", version, "accepted but wrong", differs))
    assert added_faults(told).tolist()[-1] == judged


def test_fault__that_a_consumer_has_with_the_kernel_s_own_file_is_not_the_form_s():
    told = matrix(pahole("plain", "1.30", "accepted"), pahole("shipped", "1.30", "accepted but wrong", LOST_TAGS),
                  pahole("decl_tag", "1.30", "accepted but wrong", "func_tags missing 9"))
    assert added_faults(told).tolist() == ["accepted", "accepted but wrong", "wrong anyway"]


def test_fault__without_figures_is_known_by_its_words():
    told = matrix(pahole("plain", "1.24", "accepted but wrong"), pahole("decl_tag", "1.24", "accepted but wrong"))
    told["message"] = ["pfunct does not find FUNC a", "pfunct does not find FUNC b"]
    assert added_faults(told).tolist() == ["accepted but wrong"] * 2
    assert ways(next(told.itertuples())) == {"pfunct does not find FUNC a"}


YES, NO, WRONG, ANYWAY, PART, FAILED, UNTRIED = (
    "accepted", "refused", "accepted but wrong", "wrong anyway", "accepted in part", "failed", "not tried")


@pytest.mark.parametrize(("verdicts", "word"), [
    ([YES, YES, YES], "yes"), ([NO, NO], "no"), ([YES, NO, NO], "1/3"), ([UNTRIED, YES], "yes"), ([UNTRIED], "-"),
    ([YES, WRONG, YES], "2/3, WRONG 1.2"), ([NO, WRONG, YES], "1/3, WRONG 1.2"), ([UNTRIED, WRONG, WRONG], "WRONG"),
    ([NO, NO, PART], "0/3, part 1.3"), ([PART], "part"), ([YES, ANYWAY, YES], "2/3, as plain 1.2"),
    ([WRONG, WRONG, YES], "1/3, WRONG 1.1, 1.2"), ([FAILED, NO, NO], "0/3, failed 1.1"), ([FAILED, FAILED], "failed"),
    ([WRONG, ANYWAY, PART], "0/3, WRONG 1.1, as plain 1.2, part 1.3"), ([], "-"),
])
def test_cell__says_how_many_versions_accept_and_names_those_that_are_wrong(verdicts, word):
    assert cell((verdict, f"1.{k}.0") for k, verdict in enumerate(verdicts, 1)) == word


def test_readers__a_split_file_s_row_is_of_it_and_its_base():
    told = matrix(("locsec_split", "with base", "libbpf", "1.7", "refused"),
                  ("locsec_split", "without base", "libbpf", "1.7", "accepted"),
                  ("locsec_split", "with base, with layout", "libbpf", "1.7", "accepted"))
    assert readers_frame(told).to_dict("records") == [
        {"encoding": "locsec_split", "libbpf": "no"}, {"encoding": "locsec_split, without base", "libbpf": "yes"},
        {"encoding": "locsec_split, with base, with layout", "libbpf": "yes"}]
    assert taken("locsec_split", told) == ("-", "none", "none")
    untried = matrix(("btf_func", "", "libbpf", "1.7", "not tried"), ("btf_func", "with layout", "libbpf", "1.7",
                                                                     "not tried"))
    assert readers_frame(untried).to_dict("records") == [{"encoding": "btf_func", "libbpf": "-"}]
    assert "\nlocsec_split                          no\n" in to_text(told)


def test_loads__is_no_word_for_a_file_that_is_taken_in_part():
    told = matrix(("decl_tag", "", "kernel", "6.18", PART), ("decl_tag", "", "libbpf", "1.7", PART))
    assert taken("decl_tag", told) == ("no", "none", "none")


def with_kind(result, monkeypatch, name="btf_func"):
    """As if a form had types of a kind that no reader knows."""
    from harness.model import Kind

    file = result.btf(name)
    words = file.types.words.copy()
    rows = file.types.row_starts()[file.types.kind() == Kind.FUNC]
    words[rows + 1] = (words[rows + 1] & 0x80FFFFFF) | int(Kind.FUNC_ADDR) << 24
    monkeypatch.setitem(result._parsed, name, file._replace(types=file.types._replace(words=words)))


def test_skippable__of_a_new_kind_is_what_readers_did(result, monkeypatch):
    def said(*rows):
        return skippable(result, "btf_func", matrix(*[("btf_func", opened, "bpftool", version, verdict)
                                                      for opened, version, verdict in rows]))

    with_kind(result, monkeypatch)
    skipped = "with layout", "7.8", PART
    assert said(("", "7.8", NO), skipped, ("with layout", "7.5", NO)) == "with layout"
    assert said(("", "7.8", YES), ("with layout", "7.8", YES)) == "no"  # it knows the kind
    assert said(("", "7.5", NO), ("with layout", "7.5", NO)) == "-"  # nobody reads layout sections
    others = matrix(("other", "with layout", "bpftool", "7.8", PART), ("btf_func", "", "bpftool", "7.8", NO),
                    ("btf_func", "with layout", "bpftool", "7.8", NO))
    assert skippable(result, "btf_func", others) == "no" and skippable(result, "btf_func", None) == "-"


def test_skippable__of_a_kind_that_readers_know_is_no(result):
    told = matrix(("btf_func", "", "bpftool", "7.8", NO), ("btf_func", "with layout", "bpftool", "7.8", NO))
    assert skippable(result, "btf_func", told) == skippable(result, "btf_func", None) == "no"
    assert skippable(result, "decl_tag", told) == skippable(result, "plain", None) == "no need"


def test_taken__nothing_is_said_where_nothing_was_executed():
    assert taken("plain", None) == ("-", "-", "-")
    assert taken("plain", matrix(("decl_tag", "", "kernel", "6.18", YES))) == ("-", "-", "none")
    assert isinstance(added_faults(matrix(("plain", "", "kernel", "6.18", YES))), pd.Series)
