"""A witness is one file: found by being there, asked in a process of its own, seen in the frame and in the report."""

import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from harness import measure, report, witnesses
from harness.witnesses import Comparison, Found, Reader, asking
from tests.command import has_ended
from tests.measure.folders import make

ONE_FILE = """
from harness.witnesses import Found, Reader


def ask(how, path):
    return ("loaded", how) if path.name in ("plain.btf", "decl_tag.btf") else ("refused", f"{path.name} is odd")


WITNESS = Reader(name="parrot", find=lambda: Found("parrot 1.0", "a word"), ask=ask, rank=90)
"""


@pytest.fixture(autouse=True)
def cache(undrawn, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "tiny")


def only(monkeypatch, *made):
    """A registry of some witnesses, and no consumers."""
    monkeypatch.setattr(witnesses, "CONSUMERS", {})
    monkeypatch.setattr(witnesses, "REGISTRY", {w.name: w for w in made})


def rows_of(table, witness):
    return table[table.witness == witness].to_numpy()[:, 1:].tolist()


def test_registry__a_witness_is_one_new_file(folder, tmp_path, monkeypatch):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "parrot.py").write_text(ONE_FILE)
    monkeypatch.setattr(witnesses, "__path__", [*witnesses.__path__, str(tmp_path / "more")])
    monkeypatch.setattr(witnesses, "REGISTRY", witnesses.found_here())
    monkeypatch.delitem(sys.modules, "harness.witnesses.parrot", raising=False)
    assert list(witnesses.REGISTRY)[-1] == "parrot"
    assert rows_of(witnesses.ask_readers(measure.load(folder)), "parrot 1.0") == [
        ["plain", "loaded", "a word"], ["decl_tag", "loaded", "a word"],
        ["btf_func", "refused", "btf_func.btf is odd"], ["shipped", "refused", "shipped.btf is odd"]]


def test_registry__has_no_module_that_nobody_asks():
    assert {"bpftool", "kernel", "shipped", "declarations"} <= set(witnesses.REGISTRY)
    ranks = [w.rank for w in witnesses.REGISTRY.values()]
    assert ranks == sorted(ranks)


def crash(how, path):
    faulthandler.disable()
    ctypes.string_at(0)


def hang(how, path):
    time.sleep(60)


def devour(how, path):
    return "loaded", str(len(bytearray(1 << 29)))


def leave(how, path):
    os._exit(3)


def stumble(how, path):
    raise ValueError("no such thing")


def mumble(how, path):
    return "perhaps", ""


@pytest.mark.parametrize(("ask", "words"), [
    (crash, "killed by SIGSEGV"), (hang, "timed out after 0.5 s"), (devour, "MemoryError"),
    (leave, "ended without an answer, exit status 3"), (stumble, "ValueError: no such thing"),
    (mumble, "expected a verdict and words, found ('perhaps', '')"),
])
def test_reader__that_fails_on_one_file_is_a_row_and_the_others_answer(folder, monkeypatch, ask, words):
    def one(how, path):
        return ask(how, path) if path.name == "decl_tag.btf" else ("loaded", "")

    monkeypatch.setattr(asking, "MEMORY_NBYTES", 1 << 28)
    if ask is hang:
        monkeypatch.setattr(asking, "TIMEOUT_S", 0.5)
    only(monkeypatch, Reader(name="one", find=lambda: Found("one 1"), ask=one))
    started = time.monotonic()
    assert rows_of(witnesses.ask_readers(measure.load(folder)), "one 1") == [
        ["plain", "loaded", ""], ["decl_tag", "failed", words], ["btf_func", "loaded", ""], ["shipped", "loaded", ""]]
    assert time.monotonic() - started < 30


def test_reader__programs_that_it_started_end_with_it(folder, tmp_path, monkeypatch):
    def started(how, path):
        child = os.fork()
        if not child:
            time.sleep(60)
        (tmp_path / "pid").write_text(str(child))
        time.sleep(60)

    monkeypatch.setattr(asking, "TIMEOUT_S", 0.5)
    only(monkeypatch, Reader(name="one", find=lambda: Found("one"), ask=started))
    result = measure.load(folder)
    result.files.clear()
    result.files["plain"] = folder / "plain.btf"
    assert witnesses.ask_readers(result).verdict.tolist() == ["failed"]
    assert has_ended(tmp_path / "pid")


ASKER = """
import subprocess, sys, time
from harness.witnesses.asking import ask_each

def ask():
    child = subprocess.Popen(["sleep", "60"])
    with open(sys.argv[1], "w") as file:
        file.write(str(child.pid))
    time.sleep(60)

ask_each([(ask,)])
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_reader__ends_with_the_asker_however_that_ends(tmp_path, how):
    asker = subprocess.Popen([sys.executable, "-c", ASKER, tmp_path / "pid"])
    while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
        assert asker.poll() is None
        time.sleep(0.05)
    asker.send_signal(how)
    asker.wait(10)
    assert has_ended(tmp_path / "pid")


def broken():
    faulthandler.disable()
    ctypes.string_at(0)


def test_witnesses__that_cannot_be_found_say_so_and_the_report_is_made(folder, tmp_path, monkeypatch):
    missing = Found("gone", None, "gone is not installed (package gone-tools)")
    only(monkeypatch, Reader(name="gone", find=lambda: missing, ask=crash),
         Reader(name="broken", find=broken, ask=crash),
         Comparison(name="absent", title="What is absent", find=lambda: missing, compare=crash),
         Comparison(name="torn", title="What is torn", compare=crash))
    result = measure.load(folder)
    assert witnesses.ask_readers(result).to_numpy().tolist() == [
        ["gone", "-", "not asked", "gone is not installed (package gone-tools)"],
        ["broken", "-", "failed", "killed by SIGSEGV"]]
    answers = witnesses.ask(result)
    assert answers.readers.to_numpy().tolist() == [["What is torn", "-", "failed", "killed by SIGSEGV"]]
    assert answers.frames == {} and answers.silent == {
        "absent": "gone is not installed (package gone-tools)", "torn": "killed by SIGSEGV"}
    assert report.render(folder, tmp_path / "r", threads=1).ok
    text = (tmp_path / "r" / "report.md").read_text()
    assert "### What is torn\n\nNot compared: killed by SIGSEGV." in text


def test_comparison__of_the_test_alone_has_a_section_and_a_csv(folder, tmp_path, monkeypatch):
    def compare(how, result):
        return {"weights": pd.DataFrame({"name": list(result.files), how: [1, 2, 3, 4]})}

    only(monkeypatch, Comparison(name="scales", title="Scales", find=lambda: Found("", "grams"), compare=compare))
    report.render(folder, tmp_path / "r", threads=1)
    text = (tmp_path / "r" / "report.md").read_text()
    assert "### Scales" in text and "| shipped | 4 |" in text
    assert report.read(tmp_path / "r")["weights"].grams.tolist() == [1, 2, 3, 4]


def test_comparison__that_is_outside_is_left_out_when_no_program_may_run(folder, monkeypatch):
    only(monkeypatch, Comparison(name="inside", title="", compare=lambda how, result: {}, outside=False),
         Comparison(name="outside", title="", compare=lambda how, result: {}),
         Reader(name="reader", find=lambda: Found("reader"), ask=mumble))
    answers = witnesses.ask(measure.load(folder), outside=False)
    assert list(answers.frames) == ["inside"] and not answers.silent and not len(answers.readers)


def test_asking__answers_are_in_the_order_of_the_questions():
    def after(seconds):
        time.sleep(seconds)
        return seconds

    assert asking.ask_each([(after, 0.2), (after, 0), (after, 0.1)]) == [0.2, 0, 0.1]
    assert asking.ask_each([]) == []
