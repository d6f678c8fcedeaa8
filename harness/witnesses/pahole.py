"""pahole and pfunct: which files do they load, and which types, functions and tags do they print?"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np

from harness.model import Kind
from harness.results.executed import ACCEPTED, WRONG
from harness.witnesses import keeping
from harness.witnesses.consumer import Answer, Consumer
from harness.witnesses.content import Content
from harness.witnesses.program import ended, fetched, find_program, in_part, run, run_long

LISTED = 5_000
"""FUNCs that any pfunct lists within a second; for those of a kernel, one of before 1.27 needs 15."""

SAMPLED = 8

UNKNOWN_OPTION = 64
"""Exit status of programs that do not know an option (EX_USAGE of sysexits.h, as argp has it)."""

VALUED = re.compile(r"[a-z_]+=\S+")
"""A word of a tag that has a value, such as an address."""

CALLED = re.compile(r"([\w.$]+)\(")
"""A name before its parameters."""


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
    """The Answer of pahole and pfunct to a Case: FUNCs and their tags, which pfunct prints before each prototype."""
    base = [f"--btf_base={case.base_path}"] if case.base_path is not None else []
    status, out, stderr = run_long(program, *base, "-F", "btf", "--sizes", case.path)
    said = complaints(stderr)
    if status != 0:
        return ended(status, stderr, case.path)
    note = f"pahole: {len(out.splitlines()):,} structs{f', {said}' if said else ''}"
    if base:
        return Answer(ACCEPTED, note=f"{note}; pfunct takes no base")
    structs = {line.split("\t")[0] for line in out.splitlines()}
    status, out, stderr = run_long(*beside(program), "-P", "--all", "-F", "btf", case.path)
    if status == 0:
        seen, said = {"func_tags": printed_tags(out, case.file)}, complaints(stderr)
        note += f"; pfunct: {said}" if said else ""
    elif status == UNKNOWN_OPTION:  # as 1.24, which compares each name that it lists with all before it
        seen = {}
        note += "; pfunct prints no tags"
        func_id = case.file.types.ids_of(Kind.FUNC)
        if len(func_id) > LISTED:
            return _sampled(program, case, func_id, structs, note)
    else:
        return in_part(ended(status, stderr, case.path), "pfunct --all", {"aggregates": structs}, note)
    status, out, stderr = run_long(*beside(program), "-F", "btf", case.path)
    if status != 0:
        return in_part(ended(status, stderr, case.path), "pfunct", {"aggregates": structs, **seen}, note)
    return Answer(ACCEPTED, seen={"FUNC": Counter(out.split()), **seen}, note=note)


def printed_tags(out, file):
    """The tags of FUNCs that `pfunct -P --all` printed, Counter of 'tag of name', as Content.func_tags has them.

    A line is the tags, which may have blanks in them, and a prototype. What stands there in place of a tag of the file
    counts if it has a value; '?' is the name where there is none of the file.

    Parameters
    ----------
    out : str
    file : BtfFile
        That was printed.
    """
    content = Content(file)
    tags = {one.rpartition(" of ")[0] for one in content.func_tags()}
    longest = max((tag.count(" ") + 1 for tag in tags), default=0)
    names, found = content.named(Kind.FUNC), Counter()
    for line in out.splitlines():
        words, at, mine = line.split(" "), 0, []
        while at < len(words):
            texts = ((n, " ".join(words[at : at + n])) for n in range(longest, 0, -1))
            n, tag = next(((n, text) for n, text in texts if text in tags), (1, words[at]))
            if tag not in tags and not VALUED.fullmatch(tag):
                break
            mine.append(tag)
            at += n
        if mine:
            rest = " ".join(words[at:])
            name = next((name for name in CALLED.findall(rest) if name in names), "?")
            found.update(f"{tag} of {name}" for tag in mine)
    return found


def _sampled(program, case, func_id, structs, note):
    """The Answer where the list of FUNCs takes too long: the structs that pahole gave, and some FUNCs one by one."""
    some = func_id[np.linspace(0, len(func_id) - 1, SAMPLED).astype(np.int64)]
    names = [case.file.name(i).decode("utf-8", "surrogateescape") for i in some.tolist()]
    for name in names:
        status, out, stderr = run_long(*beside(program), "-f", name, "-F", "btf", case.path)
        if status != 0:
            return in_part(ended(status, stderr, case.path), "pfunct", {"aggregates": structs}, note)
        if not re.search(rf"\b{re.escape(name)}\(", out):
            return Answer(WRONG, f"pfunct does not find FUNC {name}", note=note)
    note += f", and is asked for {len(names)} of {len(func_id):,} FUNCs: listing them takes the square of their number"
    return Answer(ACCEPTED, seen={"aggregates": structs}, note=note)


def complaints(stderr):
    """What a program complained of, each kind once with how often: 'Unknown kind N (314 times)'."""
    kinds = Counter(re.sub(r"\d+", "N", line.strip()) for line in stderr.splitlines() if line.strip())
    return ", ".join(f"{words} ({n:,} times)" if n > 1 else words for words, n in kinds.most_common(2))


def identity(program):
    """That of a pahole and its pfunct."""
    own = keeping.identity(program)
    return own and [*own, keeping.identity(Path(program).parent / "pfunct")]


CONSUMER = Consumer(name="pahole", versions=versions, open=read, rank=40, identity=identity)
