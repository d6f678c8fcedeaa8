"""libbpf, through its API: what it finds in a file, by the Python of the suite that it is from."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.witnesses.consumer import Consumer, Version
from harness.witnesses.program import as_counts, ended, fetched, numbered, run_long

SCRIPT = Path(__file__).parent / "inside" / "libbpf.py"


def call(python, verb, *words):
    """Run SCRIPT by a Python: (exit status, stdout, stderr)."""
    return run_long(python, "-I", "-B", SCRIPT, verb, *words)


def installed():
    """A Python that finds the machine's own libbpf: this one, if there is such a library; else None."""

    def said(python):
        status, out, _ = call(python, "version")
        return out.strip() if status == 0 else ""

    return sys.executable if numbered("installed libbpf", sys.executable, said) else None


def number(python):
    """Version of the libbpf beside a Python: '1.7'."""
    return call(python, "version")[1].strip().removeprefix("v") or "?"


def versions():
    """Each libbpf: that of the machine and those that `btf-harness tools` has fetched."""
    return [Version(v.number, v.how, v.missing.replace("libbpf is not", "libbpf.so.1 is not"))
            for v in fetched("libbpf", installed(), number, "libbpf1")]


def has(python, function):
    """Whether the libbpf beside a Python has a function."""
    return numbered(f"libbpf with {function}", python, lambda python: call(python, "has", function)[1].strip()) == "yes"


def read(python, case):
    """The Answer of libbpf to a Case: types, FUNCs and tags as its API gives them."""
    base = [case.base_path] if case.base_path is not None else []
    status, out, stderr = call(python, "read", case.path, *base)
    if status != 0:
        return ended(status, stderr, case.path)
    return as_counts(out)


CONSUMER = Consumer(name="libbpf", versions=versions, open=read, rank=20)
