"""bpftool, and so libbpf's reader: which files does it load?"""

from __future__ import annotations

from harness.witnesses.program import find_program, not_installed, run
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


WITNESS = Reader(name="bpftool", find=find, ask=ask, rank=10)
