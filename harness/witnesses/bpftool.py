"""bpftool, and so libbpf's reader: which files does it load, and what does it print of them?"""

from __future__ import annotations

import re

from harness.results.executed import ACCEPTED
from harness.witnesses.consumer import Answer, Consumer
from harness.witnesses.program import ended, fetched, find_program, in_part, not_installed, run, run_long
from harness.witnesses.witness import LOADED, REFUSED, Found, Reader


def find():
    """The Found of bpftool; `how` is its path."""
    program = find_program("bpftool")
    if program is None:
        return Found("bpftool", None, not_installed("bpftool", "bpftool"))
    return Found(version(program), program)


def version(program):
    """How bpftool names itself and its libbpf, one line."""
    status, out, _ = run(program, "version")
    lines = out.splitlines()
    if status != 0 or not lines:
        return "bpftool"
    return ", ".join(line.strip() for line in lines[:2]).replace(str(program), "bpftool")


def ask(program, path):
    """What `bpftool btf dump file F format raw` says: (LOADED or REFUSED, words)."""
    status, _, stderr = run(program, "btf", "dump", "file", path, "format", "raw", output=False)
    said = [line.strip() for line in stderr.splitlines() if line.strip()]
    words = said[-1].replace(str(path), path.name) if said else ""
    if status == 0:
        return LOADED, words
    return REFUSED, f"exit {status}: {words}" if isinstance(status, int) else status


def versions():
    """Each bpftool: the installed one and those that `btf-harness tools` has fetched."""
    return fetched("bpftool", find_program("bpftool"), number, "bpftool")


def number(program):
    """The version of a bpftool and its libbpf: '7.5.0 (libbpf 1.5)'."""
    out = run(program, "version")[1]
    own, library = (re.search(pattern, out) for pattern in (r"bpftool v?(\S+)", r"libbpf v?(\S+)"))
    return f"{own[1] if own else '?'}{f' (libbpf {library[1]})' if library else ''}"


def dump(program, case):
    """The Answer of bpftool to a Case: `btf dump file F format raw` is compared line by line, and `format c` must
    print declarations; where it does not, bpftool takes the file in part."""
    base = ["-B", case.base_path] if case.base_path is not None else []
    status, out, stderr = run_long(program, *base, "btf", "dump", "file", case.path, "format", "raw")
    if status != 0:
        return ended(status, stderr, case.path)
    status, header, stderr = run_long(program, *base, "btf", "dump", "file", case.path, "format", "c")
    if status != 0 or not header.strip():
        return in_part(ended(status or 1, stderr if status else "no line", case.path), "format c", {"text": out})
    return Answer(ACCEPTED, seen={"text": out}, note=f"format c: {len(header.splitlines()):,} lines")


WITNESS = Reader(name="bpftool", find=find, ask=ask, rank=10)

CONSUMER = Consumer(name="bpftool", versions=versions, open=dump, rank=30)
