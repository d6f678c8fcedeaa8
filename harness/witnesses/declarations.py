"""The C declarations that bpftool prints for our baseline and for the kernel's own .BTF, compared as sets."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from harness.errors import MeasureError
from harness.measure.columns import frame
from harness.measure.result import BASELINE, SHIPPED
from harness.process import workers
from harness.witnesses import bpftool
from harness.witnesses.program import run
from harness.witnesses.shipped import OURS, differences, ours_of
from harness.witnesses.witness import Comparison

DECLARATIONS_COLUMNS = ("verdict", "words", "reason")

FORWARD = re.compile(r"(struct|union) \w+;")
"""A declaration without a body."""


class Declarations(NamedTuple):
    """The C declarations of two files, compared as sets.

    Attributes
    ----------
    verdict : str
        'equal', 'equal except for the numbers of clashing names', 'equal except for forward declarations', 'differ', or
        'not compared'.
    words : str
        The figures, or why they were not compared.
    differences : DataFrame or None
        only in, declaration (on one line); clash numbers and needless forward declarations removed.
    reason : str
        Where the differences come from; empty without any.
    """

    verdict: str
    words: str
    differences: object
    reason: str


NUMBERED = re.compile(r"___[0-9]+\b")
"""How bpftool tells apart types of one name: numbered in the order in which it meets them."""


def declarations(program, result):
    """The C declarations that bpftool makes of Ours and of the shipped section, compared: a Declarations.

    A declaration is one top-level struct, union, enum or typedef with all it contains. Where names clash, bpftool
    numbers them (``foo___2``) in the order of type_ids, and it declares a struct forward (``struct foo;``) where that
    order has a pointer to it before its definition. Files with the same types may differ in the order, so the sets are
    compared as they are, again without these numbers, and again without forward declarations of what the same header
    defines.

    Parameters
    ----------
    program : str
        Path of bpftool.
    result : harness.measure.Result
        With a shipped section.

    Raises
    ------
    MeasureError
        As `split`.
    """
    files = {BASELINE: ours_of(result).path, SHIPPED: result.files[SHIPPED]}

    def ask(name):
        return run(program, "btf", "dump", "file", files[name], "format", "c")

    texts = []
    with workers(2) as pool:
        answers = list(pool.map(ask, (BASELINE, SHIPPED)))
    for name, (status, out, err) in zip((BASELINE, SHIPPED), answers, strict=True):
        if status != 0:
            last = err.strip().splitlines()[-1:] or [""]
            words = f"bpftool on {files[name].name}: {status} {last[0].replace(str(files[name]), '')}"
            return Declarations("not compared", words.strip(), None, "")
        texts.append(out)
    return as_sets(split(texts[0]), split(texts[1]), bpftool.version(program))


def as_sets(ours, shipped, program="bpftool"):
    """The Declarations of two files, each given as a list of str as from `split`."""
    exact = set(ours) ^ set(shipped)
    plain = [Counter(NUMBERED.sub("", d) if "___" in d else d for d in file) for file in (ours, shipped)]
    n_plain = len(set(plain[0]) ^ set(plain[1]))
    plain = [_without_forwards(file) for file in plain]
    rows = [(where, " ".join(d.split())) for where, d, _ in differences(*plain)]
    words = (f"{program}: {len(set(ours)):,} declarations in ours, {len(set(shipped)):,} in the shipped file; in only "
             f"one file: {len(exact):,} as written, {n_plain:,} without clash numbers, {len(rows):,} also without "
             "needless forward declarations")
    table = frame(rows, ("only in", "declaration"))
    if not exact:
        return Declarations("equal", words, table, "")
    if n_plain and not rows:
        return Declarations("equal except for forward declarations", words, table,
                            "the order of type_ids differs: bpftool declares a struct forward if a pointer to it comes "
                            "first, and numbers clashing names in that order")
    if not rows:
        return Declarations("equal except for the numbers of clashing names", words, table,
                            "the order of type_ids differs: bpftool numbers clashing names in that order")
    return Declarations("differ", words, table, _why(plain))


def _without_forwards(declarations):
    """A Counter without ``struct foo;`` and ``union foo;`` where foo is defined in it."""
    forwards = [d for d in declarations if "{" not in d and FORWARD.fullmatch(d)]
    defined = {_head(d) for d in declarations if "{" in d} if forwards else ()
    out = Counter(declarations)
    for declaration in forwards:
        if _head(declaration) in defined:
            del out[declaration]
    return out


def _why(plain):
    """Where differences come from: heads with different bodies in the two files, and heads that one of them lacks."""
    heads = [{_head(d) for d in file} for file in plain]
    only = [{_head(d) for d in file - other} for file, other in (plain, plain[::-1])]
    changed = sorted(only[0] & only[1])
    absent = [sorted(only[0] - heads[1]), sorted(only[1] - heads[0])]
    parts = []
    if changed:
        parts.append(f"{len(changed)} with the same head but another body: {', '.join(changed[:5])}")
    for where, names in zip((OURS, SHIPPED), absent, strict=True):
        if names:
            parts.append(f"{len(names)} only in {where}: {', '.join(names[:5])}")
    return "; ".join(parts) or "the same declarations, some a different number of times"


def _head(declaration):
    return declaration.split("{")[0].split(";")[0].strip() or "(anonymous)"


def split(text):
    """The top-level declarations of a C header as bpftool writes it, list of str.

    Bodies are indented, so a declaration ends with a line that begins in the first column and ends in a semicolon.

    Raises
    ------
    MeasureError
        The text ends within a declaration.
    """
    found, block = [], []
    for line in text.splitlines():
        if not block and (not line.strip() or line.startswith(("#", "//", "/*"))):
            continue
        block.append(line)
        if line[:1] not in ("", "\t", " ") and line.endswith(";"):
            found.append("\n".join(block))
            block = []
    if block:
        raise MeasureError(f"expected the end of a C declaration, found the end of the header after {block[0]!r}")
    return found


def compare(program, result):
    """The frames declarations_compared, of one row, and declarations; none if the kernel ships no .BTF."""
    if SHIPPED not in result.files:
        return {}
    found = declarations(program, result)
    frames = {"declarations_compared": frame([(found.verdict, found.words, found.reason)], DECLARATIONS_COLUMNS)}
    return frames if found.differences is None else frames | {"declarations": found.differences}


WITNESS = Comparison(name="declarations", title="C declarations", compare=compare, find=bpftool.find, rank=20)
