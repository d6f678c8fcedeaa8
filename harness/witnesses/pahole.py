"""pahole and pfunct: which files do they load, and which types, functions and tags do they print?"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from harness.witnesses.consumer import ACCEPTED, Answer, Consumer
from harness.witnesses.content import VALUED
from harness.witnesses.program import ended, fetched, find_program, run, run_long


def versions():
    """Each pahole with its pfunct: the installed one and those that `btf-harness tools` has fetched."""
    return fetched("pahole", find_program("pahole"), number, "pahole")


def number(program):
    """The version of a pahole: '1.32'."""
    return run(program, "--version")[1].strip().removeprefix("v") or "?"


def beside(program):
    """What starts the pfunct of a pahole, list of str: its own program, or the script of a fetched tool."""
    path = Path(program)
    root = path.parent / "root"
    if not root.is_dir():
        return [str(path.parent / "pfunct")]
    start = path.read_text().replace("usr/bin/pahole", "usr/bin/pfunct")
    return ["/bin/sh", "-c", start, str(path)]


def read(program, case):
    """The Answer of pahole and pfunct to a Case: FUNCs and the tags that have a value, such as an address; pfunct
    prints these before each prototype."""
    base = [f"--btf_base={case.base_path}"] if case.base_path is not None else []
    status, out, stderr = run_long(program, *base, "-F", "btf", "--sizes", case.path)
    said = complaints(stderr)
    if status != 0:
        return ended(status, stderr, case.path)
    note = f"pahole: {len(out.splitlines()):,} structs{f', {said}' if said else ''}"
    if base:
        return Answer(ACCEPTED, note=f"{note}; pfunct takes no base")
    status, out, stderr = run_long(*beside(program), "-F", "btf", case.path)
    if status != 0:
        return ended(status, stderr, case.path)
    seen = {"FUNC": Counter(out.split())}
    status, out, stderr = run_long(*beside(program), "-P", "--all", "-F", "btf", case.path)
    said = complaints(stderr)
    if status == 0:  # 1.24 has no --all, which prints tags
        seen["valued"] = Counter(VALUED.findall(out))
        note += f"; pfunct: {said}" if said else ""
    else:
        note += "; pfunct prints no tags"
    return Answer(ACCEPTED, seen=seen, note=note)


def complaints(stderr):
    """What a program complained of, each kind once with how often: 'Unknown kind N (314 times)'."""
    kinds = Counter(re.sub(r"\d+", "N", line.strip()) for line in stderr.splitlines() if line.strip())
    return ", ".join(f"{words} ({n:,} times)" if n > 1 else words for words, n in kinds.most_common(2))


CONSUMER = Consumer(name="pahole", versions=versions, open=read, rank=40)
