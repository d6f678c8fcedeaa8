"""drgn: does it read BTF at all? It is asked for a type of each file, and a version that finds none has no reader."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.model import Kind
from harness.results.executed import ACCEPTED, NOT_TRIED
from harness.witnesses.consumer import Answer, Consumer
from harness.witnesses.content import Content
from harness.witnesses.program import READS, TINY_STRUCT, ended, fetched, only_reading, run_long, tiny_file

NO_READER = "drgn has no BTF reader: given the file, it says {}"

SCRIPT = Path(__file__).parent / "inside" / "drgn.py"


def call(python, verb, *words):
    """Run SCRIPT by a Python: (exit status, stdout, stderr)."""
    return run_long(python, "-B", SCRIPT, verb, *words)


def versions():
    """Each drgn: the installed one and those that `btf-harness tools` has fetched."""
    installed = sys.executable if call(sys.executable, "version")[0] == 0 else None
    return [only_reading(version, "drgn", _reads) for version in fetched("drgn", installed, number, "python3-drgn")]


def _reads(python):
    """What a drgn makes of a file of one struct: READS, NO_READER with its words, or '' if it gives no answer."""
    with tiny_file() as path:
        status, out, _ = call(python, "read", path, f"struct {TINY_STRUCT}")
    said = out.strip().splitlines()
    if status != 0 or not said:
        return ""
    return READS if said[-1] == "found" else NO_READER.format(said[-1].replace(str(path), "the file"))


def number(python):
    """The version of the drgn beside a Python."""
    return call(python, "version")[1].strip() or "?"


def read(python, case):
    """The Answer of drgn to a Case: whether it finds the file's first struct with a name of its own."""
    names = Content(case.file).named(Kind.STRUCT)
    name = next((name for name, n in names.items() if n == 1), None)
    if name is None:
        return Answer(NOT_TRIED, "the file has no struct to ask for")
    status, out, stderr = call(python, "read", case.path, f"struct {name}")
    said = out.strip().splitlines()
    if status != 0 or not said:
        return ended(status if status != 0 else 1, stderr, case.path)
    if said[-1] == "found":
        return Answer(ACCEPTED, note=f"finds struct {name}")
    return Answer(NOT_TRIED, NO_READER.format(said[-1].replace(str(case.path), "the file")))


CONSUMER = Consumer(name="drgn", versions=versions, open=read, rank=80, no_base="drgn takes no base")
