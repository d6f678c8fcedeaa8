"""Columns to CSV and back: what is written is what is read, and each value is what its column can have."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from harness import results
from harness.errors import MeasureError
from harness.results.columns import COLUMNS, INSTANCE_COLUMNS
from harness.results.tables import as_text, csv_bytes, fields, frame_of, from_csv, to_csv

NAMES = ["plain", 'b"c', "d,e", "f\ng", "é", "\udcff", ""]


def table(traced=(True, False, None, True, None, False, None)):
    """Columns of functions.csv that look for trouble: quotes, bytes that are no UTF-8, the ends of each range."""
    n = len(NAMES)
    words = np.array(NAMES, object)
    few = np.array([".text", ".init.text", ""] * n, object)[:n]
    return {
        "name": words, "address": np.array([0, 1, 2**63, 2**64 - 1, 5, 6, 7], np.uint64), "symbol": words[::-1],
        "match": np.array(["exact", "none", "exact", "part", "alias", "suffix", "fallback"], object),
        "binding": np.array(["local", "", "weak", "global", "", "", ""], object), "section": few,
        "shndx": np.array([-1, 0, 1, 2, 1, 1, 70000], np.int32),
        "symbol_addresses": np.arange(n), "elf_addresses": np.arange(n), "ftrace": np.array(traced, object),
        "unit": words, "file": words, "line": np.arange(n, dtype=np.uint32), "inline": np.arange(n) % 2 == 1,
        "die": np.arange(n, dtype=np.int64) + 11,
    }


@pytest.mark.parametrize("bits", [32, 64])
def test_table__is_read_as_it_was_written(tmp_path, bits):
    made = table()
    if bits == 32:
        made["address"] = made["address"] & np.uint64(0xFFFFFFFF)
    (tmp_path / "t.csv").write_bytes(to_csv(made, bits))
    found, kept = from_csv(tmp_path / "t.csv", INSTANCE_COLUMNS), frame_of(made)
    pd.testing.assert_frame_equal(found, kept)
    assert {name: str(found[name].dtype) for name in found} == {name: COLUMNS[name].dtype for name in INSTANCE_COLUMNS}
    assert csv_bytes(found, bits) == to_csv(made, bits)


def test_table__has_hex_and_bits_in_the_file():
    rows = list(csv.DictReader(io.StringIO(to_csv(table(), 64).decode("utf-8", "surrogateescape"))))
    assert [row["address"] for row in rows[:4]] == ["0x0000000000000000", "0x0000000000000001", "0x8000000000000000",
                                                    "0xffffffffffffffff"]
    assert [row["ftrace"] for row in rows] == ["1", "0", "", "1", "", "0", ""]
    assert [row["inline"] for row in rows[:2]] == ["0", "1"] and rows[0]["die"] == "0xb"
    assert [row["name"] for row in rows] == NAMES


def test_table__of_no_rows_keeps_its_dtypes(tmp_path):
    made = {name: column[:0] for name, column in table().items()}
    (tmp_path / "t.csv").write_bytes(to_csv(made))
    found = from_csv(tmp_path / "t.csv", INSTANCE_COLUMNS)
    assert len(found) == 0
    assert {name: str(found[name].dtype) for name in found} == {name: COLUMNS[name].dtype for name in INSTANCE_COLUMNS}


def test_ftrace__can_be_summed():
    found = frame_of(table())
    assert found.ftrace.sum() == 2 and found.inline.sum() == 3
    assert frame_of(table([None] * len(NAMES))).ftrace.sum() == 0


def test_fields__quotes_what_csv_needs_quoted():
    assert fields(["a", 'b"c', "d,e", "f\ng"]) == ["a", '"b""c"', '"d,e"', '"f\ng"']
    assert fields(["a", "b c"]) == ["a", "b c"]


def test_as_text__leaves_other_frames_alone():
    words = pd.DataFrame({"address": ["0x10", ""], "bytes": [1, 2]})
    assert as_text(words) is words
    assert as_text(frame_of(table()), 32).address.tolist()[:2] == ["0x00000000", "0x00000001"]


def test_columns__each_has_a_sentence_and_a_dtype():
    for name, column in COLUMNS.items():
        assert column.meaning and column.text in ("", "hex", "bits"), name
        assert column.dtype in ("str", "category", "uint64", "uint32", "int64", "float64", "bool", "boolean"), name
    for columns in (results.INSTANCE_COLUMNS, results.SELECTION_COLUMNS, results.INLINED_COLUMNS, results.FORM_COLUMNS,
                    results.MEASUREMENT_COLUMNS):
        assert set(columns) <= set(COLUMNS) and len(set(columns)) == len(columns)


@pytest.mark.parametrize(("columns", "text", "words"), [
    (("name", "dies"), "dies,name\n1,a\n", "expected the columns name,dies, found dies,name"),
    (("name", "dies"), "", "expected a table, found: No columns"),
    (("name", "dies"), "name,dies\na,1,2\n", "expected a table, found: "),
    (("name", "dies"), "name,dies\na\n", "expected a table, found: "),
    (("name", "dies"), 'name,dies\n"a,1\n', "expected a table, found: "),
    (("die", "proto"), f"die,proto\n0x1,{1 << 32}\n", "column proto: expected numbers of uint32 from 0 on, found 4294"),
    (("die", "proto"), "die,proto\n0x1,0x1\n", "expected a table, found: "),
    (("die", "proto"), "die,proto\n-0x1,1\n", "column die: expected numbers of 64 bits in hex"),
])
def test_from_csv__refuses_what_a_column_cannot_have(tmp_path, columns, text, words):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(MeasureError, match=words) as caught:
        from_csv(path, columns)
    assert caught.value.path == str(path)


def test_from_csv__keeps_further_columns_as_text(tmp_path):
    (tmp_path / "t.csv").write_text("name,dies,more\na,1,2\n")
    found = from_csv(tmp_path / "t.csv", ("name", "dies"))
    assert found.more.tolist() == ["2"] and found.dies.tolist() == [1]


def test_from_csv__of_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(MeasureError, match="none.csv: expected a readable file, found: No such file"):
        from_csv(tmp_path / "none.csv", ("name",))
