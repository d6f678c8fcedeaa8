"""Tables as JSON: what a reader gets is what the table has, with nothing lost on the way."""

import json

import numpy as np
import pandas as pd
import pytest
from test_result_tables import NAMES, table

from harness.results import records, to_json
from harness.results.tables import as_text, frame_of


@pytest.mark.parametrize("bits", [32, 64])
def test_records__say_what_the_csv_says(bits):
    made = table()
    if bits == 32:
        made["address"] = made["address"] & np.uint64(0xFFFFFFFF)
    frame = frame_of(made)
    rows = records(frame, bits)
    texts = as_text(frame, bits)
    assert [list(row) for row in rows] == [list(frame.columns)] * len(frame)
    for name in ("address", "die"):
        assert [row[name] for row in rows] == list(texts[name])
    assert [row["ftrace"] for row in rows] == [True, False, None, True, None, False, None]
    assert [row["inline"] for row in rows] == [bool(x) for x in made["inline"]]
    for name in ("name", "match", "section", "line", "shndx", "symbol_addresses"):
        assert [row[name] for row in rows] == made[name].tolist(), name


def test_to_json__is_one_record_a_line_and_loses_nothing():
    rows = records(frame_of(table()))
    text = to_json(rows)
    assert text.isascii() and text.count("\n") == len(rows) + 2
    back = json.loads(text)
    assert [row["name"] for row in back] == [name.replace("\udcff", "\\xff") for name in NAMES]
    assert [{**row, "name": "", "symbol": "", "unit": "", "file": ""} for row in back] == [
        {**row, "name": "", "symbol": "", "unit": "", "file": ""} for row in rows]
    assert [row["address"] for row in back][3] == "0xffffffffffffffff"


def test_to_json__of_an_object_has_tables_and_facts():
    value = {"kernel": "k\udcfe", "n": 3, "none": None, "words": ["a", "\udcff"], "empty": [],
             "table": [{"a": 1, "b": float("nan")}, {"a": 2**63, "b": 0.5}]}
    assert json.loads(to_json(value)) == {**value, "kernel": "k\\xfe", "words": ["a", "\\xff"],
                                          "table": [{"a": 1, "b": None}, {"a": 2**63, "b": 0.5}]}
    assert json.loads(to_json([])) == [] and json.loads(to_json({})) == {}
    assert json.loads(to_json(records(pd.DataFrame({"name": [], "address": []})))) == []
