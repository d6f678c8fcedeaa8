"""Bars of a chart in ASCII are as long as their values say, on one scale."""

import pytest

from harness.report.charts import bar_chart


def lengths(chart):
    """Characters of each bar by label."""
    return {line.split("|")[0].strip(): len(line.split("|")[1].split(" ")[0]) for line in chart.splitlines()}


def test_bar_chart__draws_to_scale_within_the_width():
    chart = bar_chart([("plain", 1000, "1,000"), ("decl_tag", 2000, "+1,000"), ("none", 0, "0")], 40)
    assert chart.splitlines() == ["plain    |" + 12 * "#" + " 1,000", "decl_tag |" + 23 * "#" + " +1,000",
                                  "none     | 0"] and max(map(len, chart.splitlines())) <= 40


def test_bar_chart__shows_that_a_small_value_is_not_0():
    assert lengths(bar_chart([("much", 10**9, ""), ("little", 1, ""), ("none", 0, "")])) == {
        "much": 63, "little": 1, "none": 0}


def test_bar_chart__stacks_parts_without_adding_up_their_roundings():
    parts = {name: sign for name, sign in zip(["one", "two", "three"], "abc", strict=True)}
    first, second, key = bar_chart([("x", (1, 1, 1), ""), ("y", (10, 20, 30), "")], 24, parts).splitlines()
    assert first == "x |b" and second == "y |" + 3 * "a" + 7 * "b" + 10 * "c" and key == "a one   b two   c three"
    assert bar_chart([("x", (0, 4, 0), "")], 24, parts).splitlines()[-1] == "b two"


def test_bar_chart__keeps_the_key_within_the_width():
    parts = {f"part number {i}": chr(97 + i) for i in range(12)}
    lines = bar_chart([("x", [1] * 12, "12")], 40, parts).splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert [word for line in lines[1:] for word in line.split("   ")] == [f"{s} {p}" for p, s in parts.items()]


def test_bar_chart__is_ascii_whatever_the_labels():
    assert bar_chart([("h\u00e9", 1, "\udce9")], 24) == r"h\xc3\xa9 |########## \xe9"
    assert bar_chart([]) == "" and bar_chart([("a", 0, "")]) == "a |"


@pytest.mark.parametrize(("row", "parts", "words"), [
    (("x", -1, ""), None, "at least 0 for x"), (("x", float("nan"), ""), None, "at least 0"),
    (("x", float("inf"), ""), None, "at least 0"), (("x", (1,), ""), {"a": "a", "b": "b"}, "2 parts of x, found 1"),
    (("x", (1,), ""), {"a": "ab"}, "one ASCII character"), (("x", (1,), ""), {"a": "\u2588"}, "one ASCII character"),
])
def test_bar_chart__refuses_what_it_cannot_draw(row, parts, words):
    with pytest.raises(ValueError, match=words):
        bar_chart([row], 40, parts)
