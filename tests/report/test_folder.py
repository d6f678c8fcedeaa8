"""A report's folder is replaced whole or not at all, and read strictly."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import MeasureError
from harness.measure import COLUMNS, columns_of
from harness.report import folder, read

ABOUT = {"schema": 1, "program": "0", "kernel": "tiny-1.0", "title": "t", "finding": "f", "command": "c",
         "policy": "consistent", "policies": ["consistent"], "encodings": ["plain"], "provenance": {}, "ok": True,
         "recorded": False, "files": ["a.csv", "report.json"]}


def written(path, csv="name,bytes,percent,holds,plain,free\nx,1,,True,7,7\n", **changes):
    """A report's folder with one CSV."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "a.csv").write_text(csv)
    (path / "report.json").write_text(json.dumps(ABOUT | changes))
    return path


def names(path):
    return sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())


def test_read__gives_each_column_its_dtype(tmp_path):
    table = read(written(tmp_path / "r"))["a"]
    assert [str(t) for t in table.dtypes] == ["str", "int64", "float64", "bool", "int64", "int64"]
    assert table.percent.isna().all() and table.name[0] == "x" and bool(table.holds[0])


def test_read__a_number_that_was_not_measured_is_missing(tmp_path):
    table = read(written(tmp_path / "r", "zstd_added,after_dedup\n,356\n-5,\n"))["a"]
    assert [str(t) for t in table.dtypes] == ["Int64", "Int64"]
    assert table.isna().to_numpy().tolist() == [[True, False], [False, True]]
    assert table.zstd_added[1] == -5 and table.after_dedup[0] == 356


def test_read__knows_the_columns_of_encodings_that_only_the_report_has(tmp_path):
    made = read(written(tmp_path / "r", "kind,plain,unheard_of\n", encodings=["plain", "unheard_of"]))
    assert [str(t) for t in made["a"].dtypes] == ["str", "int64", "int64"]
    assert {"plain", "unheard_of", *COLUMNS} == set(columns_of(made.about["encodings"]))
    with pytest.raises(MeasureError, match=r"a\.csv: expected a table, found: .*invalid literal"):
        read(written(tmp_path / "s", "kind,plain\nPTR,x\n"))["a"]


@pytest.mark.parametrize(("changes", "words"), [
    ({"schema": 2}, "expected a report of schema 1, found 2"),
    ({"kernel": 3}, "expected kernel of type str, found 3"),
    ({"files": ["../x"]}, "expected names of files in this folder"),
    ({"files": ["/x"]}, "expected names of files in this folder"),
    ({"files": [1]}, "expected files to be names"),
])
def test_read__refuses_what_is_no_report(tmp_path, changes, words):
    with pytest.raises(MeasureError, match=words):
        read(written(tmp_path / "r", **changes))


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_read__refuses_a_malformed_about(tmp_path, text):
    (written(tmp_path / "r") / "report.json").write_text(text)
    with pytest.raises(MeasureError, match=r"report\.json: expected (JSON|a report)"):
        read(tmp_path / "r")


@pytest.mark.parametrize(("csv", "words"), [
    ("bytes\n1\nx\n", "invalid literal"), ("holds\nmaybe\n", "expected True or False, found 'maybe'"),
    ("", "No columns"),
])
def test_frame__refuses_a_table_that_is_none(tmp_path, csv, words):
    with pytest.raises(MeasureError, match=rf"a\.csv: expected a table, found: .*{words}"):
        read(written(tmp_path / "r", csv))["a"]


def test_frame__and_file_know_only_what_the_report_names(tmp_path):
    made = read(written(tmp_path / "r"))
    assert "a" in made and "b" not in made and made.file("a.csv").startswith(b"name,")
    with pytest.raises(MeasureError, match=r"expected a table b\.csv"):
        made["b"]
    with pytest.raises(MeasureError, match="expected a file b"):
        made.file("b")


def test_replacing__puts_a_new_folder_in_the_place_of_the_old(tmp_path):
    place = written(tmp_path / "deep" / "r")
    (place / "notes.txt").write_text("the reader's own")
    (place / "sub").mkdir()
    (place / "sub" / "more").write_text("1")
    with folder.replacing(place) as fresh:
        written(fresh, "name\nnew\n", files=["a.csv", "report.json"])
        assert read(place)["a"].name[0] == "x"
        (place / "late.txt").write_text("written while the report was made")
    assert read(place)["a"].name[0] == "new"
    assert names(place) == ["a.csv", "late.txt", "notes.txt", "report.json", "sub/more"]
    assert [p.name for p in place.parent.iterdir()] == ["r"]


def test_replacing__drops_what_the_old_report_made(tmp_path):
    place = written(tmp_path / "r")
    with folder.replacing(place) as fresh:
        (fresh / "other").write_text("")
    assert names(place) == ["other"]


def test_replacing__leaves_the_old_folder_after_an_exception(tmp_path):
    place = written(tmp_path / "r")
    before = names(place), place.stat().st_ino
    with pytest.raises(KeyboardInterrupt), folder.replacing(place) as fresh:
        (fresh / "half").write_text("")
        raise KeyboardInterrupt
    assert (names(place), place.stat().st_ino) == before and [p.name for p in tmp_path.iterdir()] == ["r"]


KILLED = """
import sys, time
from harness.report import folder
with folder.replacing(sys.argv[1]) as fresh:
    (fresh / "half").write_text("")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_replacing__leaves_the_old_folder_when_killed_and_sweeps_up_on_the_next_run(tmp_path):
    place = written(tmp_path / "r")
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(place)], stdout=subprocess.PIPE,
                               cwd=Path(__file__).parents[2])
    with process:
        assert process.stdout.readline() == b"ready\n"
        with folder.replacing(place) as fresh:  # another run at the same time leaves that one's folder alone
            written(fresh, "name\nsecond\n")
        assert len(list(tmp_path.glob(".r.partial-*"))) == 1
        process.send_signal(signal.SIGKILL)
    assert read(place)["a"].name[0] == "second"
    deadline = time.monotonic() + 5
    while list(tmp_path.glob(".r.partial-*")) and time.monotonic() < deadline:
        with folder.replacing(place) as fresh:
            written(fresh)
    assert [p.name for p in tmp_path.iterdir()] == ["r"] and names(place) == ["a.csv", "report.json"]


def test_replacing__works_where_the_file_system_cannot_exchange(tmp_path, monkeypatch):
    place = written(tmp_path / "r")
    monkeypatch.setattr(folder.ctypes, "CDLL", lambda *args, **kwargs: object())
    with folder.replacing(place) as fresh:
        written(fresh, "name\nnew\n")
    assert read(place)["a"].name[0] == "new" and [p.name for p in tmp_path.iterdir()] == ["r"]


def test_replacing__does_not_touch_a_folder_that_is_no_report(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years")
    with pytest.raises(MeasureError, match=r"expected a report or an empty or missing directory, found one without"):
        with folder.replacing(tmp_path / "home"):
            pass
    assert names(tmp_path) == ["home/thesis.tex"]
    (tmp_path / "file").write_text("")
    with pytest.raises(MeasureError, match="there is a file of that name"), folder.replacing(tmp_path / "file"):
        pass
    with pytest.raises(MeasureError, match="the directory cannot be"), folder.replacing(tmp_path / "file" / "x"):
        pass


def test_replacing__follows_a_link_and_keeps_the_umask(tmp_path):
    place = written(tmp_path / "elsewhere" / "r")
    (tmp_path / "link").symlink_to(place)
    (tmp_path / "empty").mkdir()
    old = os.umask(0o027)
    try:
        with folder.replacing(tmp_path / "link") as fresh:
            written(fresh, "name\nnew\n")
        with folder.replacing(tmp_path / "empty") as fresh:
            written(fresh)
    finally:
        os.umask(old)
    assert (tmp_path / "link").is_symlink() and read(place)["a"].name[0] == "new"
    assert place.stat().st_mode & 0o777 == 0o750 and names(tmp_path / "empty") == ["a.csv", "report.json"]
