"""bpftrace: which files does it take for the kernel's BTF, and which structs does it list?"""

from __future__ import annotations

import os
import platform
import re

from harness.results.executed import ACCEPTED, FAILED, NOT_TRIED, REFUSED
from harness.witnesses import keeping
from harness.witnesses.consumer import Answer, Consumer
from harness.witnesses.program import (
    READS,
    ended,
    fetched,
    find_program,
    last_lines,
    only_reading,
    run,
    run_long,
    tiny_file,
)

NO_TRACING = re.compile(r"(/sys/kernel/(?:debug/)?tracing/\S+)")


TRACING = ("/sys/kernel/tracing/available_events", "/sys/kernel/debug/tracing/available_events")

UNTOLD = "it lists nothing on a machine without {}"


def versions():
    """Each bpftrace: the installed one and those that `btf-harness tools` has fetched."""
    found = fetched("bpftrace", find_program("bpftrace"), number, "bpftrace")
    if any(map(os.path.exists, TRACING)):
        return found
    return [only_reading(version, "bpftrace without tracefs", _reads) for version in found]


def _reads(program):
    """What a bpftrace makes of a file of one struct where there is no tracefs: READS, UNTOLD, or '' if neither."""
    with tiny_file() as path:
        status, out, stderr = _list(program, path)
    missing = NO_TRACING.search(stderr)
    if status != 0:
        return UNTOLD.format(missing[1]) if missing else ""
    return READS if out.strip() else ""


def _list(program, path):
    return run_long(program, "-l", "struct *", environment={"BPFTRACE_BTF": str(path)})


def identity(program):
    """As that of other programs; it also asks the running kernel for functions."""
    here = keeping.identity(program)
    return here and [*here, platform.release()]


def number(program):
    """The version of a bpftrace: '0.23.2'."""
    return run(program, "--version")[1].strip().removeprefix("bpftrace v") or "?"


def read(program, case):
    """The Answer of bpftrace to a Case, given as BPFTRACE_BTF: the structs of `-l 'struct *'`.

    It lists functions only where the running kernel has them too, so they are not compared.
    """
    status, out, stderr = _list(program, case.path)
    missing = NO_TRACING.search(stderr)
    if status != 0 and missing:
        return Answer(NOT_TRIED, UNTOLD.format(missing[1]))
    if status != 0:
        return ended(status, stderr, case.path)
    seen = {line.removeprefix("struct ") for line in out.splitlines() if line.startswith("struct ")}
    if not seen and stderr.strip():
        return Answer(REFUSED, last_lines(stderr, case.path))
    if not seen:
        return Answer(FAILED, "it lists no struct and says nothing")
    return Answer(ACCEPTED, seen={"STRUCT": seen}, note=last_lines(stderr, case.path))


CONSUMER = Consumer(name="bpftrace", versions=versions, open=read, rank=50, identity=identity,
                    no_base="BPFTRACE_BTF names one file, without a base")
