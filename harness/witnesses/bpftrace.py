"""bpftrace: which files does it take for the kernel's BTF, and which structs does it list?"""

from __future__ import annotations

import re

from harness.witnesses.consumer import ACCEPTED, FAILED, NOT_TRIED, REFUSED, Answer, Consumer
from harness.witnesses.program import ended, fetched, find_program, last_lines, run, run_long

NO_TRACING = re.compile(r"(/sys/kernel/(?:debug/)?tracing/\S+)")


def versions():
    """Each bpftrace: the installed one and those that `btf-harness tools` has fetched."""
    return fetched("bpftrace", find_program("bpftrace"), number, "bpftrace")


def number(program):
    """The version of a bpftrace: '0.23.2'."""
    return run(program, "--version")[1].strip().removeprefix("bpftrace v") or "?"


def read(program, case):
    """The Answer of bpftrace to a Case, given as BPFTRACE_BTF: the structs of `-l 'struct *'`.

    It lists functions only where the running kernel has them too, so they are not compared.
    """
    if case.base:
        return Answer(NOT_TRIED, "BPFTRACE_BTF names one file, without a base")
    status, out, stderr = run_long(program, "-l", "struct *", environment={"BPFTRACE_BTF": str(case.path)})
    missing = NO_TRACING.search(stderr)
    if status != 0 and missing:
        return Answer(NOT_TRIED, f"it lists nothing on a machine without {missing[1]}")
    if status != 0:
        return ended(status, stderr, case.path)
    seen = {line.removeprefix("struct ") for line in out.splitlines() if line.startswith("struct ")}
    if not seen and stderr.strip():
        return Answer(REFUSED, last_lines(stderr, case.path))
    if not seen:
        return Answer(FAILED, "it lists no struct and says nothing")
    return Answer(ACCEPTED, seen={"STRUCT": seen}, note=last_lines(stderr, case.path))


CONSUMER = Consumer(name="bpftrace", versions=versions, open=read, rank=50)
