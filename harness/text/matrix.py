"""The matrix of consumers and files as text for a terminal or a mail: ASCII, 72 columns."""

from __future__ import annotations

import textwrap

from harness.results.executed import ACCEPTED, FAILED, NOT_TRIED, REFUSED, WRONG
from harness.text.plain import ascii_text
from harness.witnesses.consumer import UNOPENED

WIDTH = 72

MARKS = {ACCEPTED: "yes", REFUSED: "no", WRONG: "WRONG", FAILED: "failed", NOT_TRIED: "-"}

LEGEND = ("yes: every version accepts it and finds in it what is there; no: refused; WRONG: a version accepts it but "
          "finds something else; failed: crashed or timed out; -: not tried; 2/3: that many versions accept it")


def to_text(table, width=WIDTH):
    """A table per policy with a row per file and a column per consumer, and below what was said, str.

    Parameters
    ----------
    table : DataFrame
        MATRIX_COLUMNS.
    width : int
        Columns of text.
    """
    out = []
    for policy, rows in table.groupby("policy", sort=False):
        files = list(dict.fromkeys(zip(rows.encoding, rows.base, strict=True)))
        tried = rows[rows.verdict != NOT_TRIED]
        n = len(tried[["consumer", "version"]].drop_duplicates())
        out += [f"{ascii_text(policy)}: {len(files)} files, {n} consumers with their versions", ""]
        out += _grid(rows, files, width) + ["", *textwrap.wrap(LEGEND, width), ""]
        out += _unopened(rows, width)
        for encoding, base in files:
            out += _said(rows[(rows.encoding == encoding) & (rows.base == base)], _named(encoding, base), width)
        out += _untried(rows, files, width)
    return "\n".join(out).rstrip() + "\n"


SURVIVAL_LEGEND = ("What becomes of the addresses when the file is treated so and read back; yes: each is kept; WRONG: "
                   "some are lost or merged")


def survival_text(table, width=WIDTH):
    """The table of what addresses survive, likewise, str; '' without rows.

    Parameters
    ----------
    table : DataFrame
        SURVIVAL_COLUMNS.
    width : int
    """
    out = []
    for policy, rows in table.groupby("policy", sort=False):
        rows = rows.assign(base="", consumer=rows.treatment)
        files = list(dict.fromkeys(zip(rows.encoding, rows.base, strict=True)))
        out += [*textwrap.wrap(f"{ascii_text(policy)}: {SURVIVAL_LEGEND}", width), "", *_grid(rows, files, width), ""]
        wrong = rows.verdict == WRONG
        told = rows.assign(message=[
            f"{kept:,} kept, {merged:,} of them merged, {lost:,} lost{'; ' * bool(message)}{message}" if is_wrong
            else message for kept, merged, lost, message, is_wrong
            in zip(rows.kept, rows.merged, rows.lost, rows.message, wrong, strict=True)])
        for encoding, base in files:
            out += _said(told[told.encoding == encoding], _named(encoding, base), width)
    return "\n".join(out).rstrip() + "\n" * bool(out)


def _named(encoding, base):
    return ascii_text(f"{encoding}, {base}" if base else encoding)


def cell(verdicts):
    """One word for the verdicts of all versions of a consumer about a file."""
    tried = [v for v in verdicts if v != NOT_TRIED]
    for one in (WRONG, FAILED):
        if one in tried:
            return MARKS[one]
    if len(set(tried)) > 1:
        return f"{tried.count(ACCEPTED)}/{len(tried)}"
    return MARKS[tried[0] if tried else NOT_TRIED]


def _grid(rows, files, width):
    names = list(dict.fromkeys(rows.consumer))
    lines = [_named(*file) for file in files]
    columns = [("", lines)]
    for name in names:
        mine = rows[rows.consumer == name]
        cells = [cell(mine[(mine.encoding == e) & (mine.base == b)].verdict.tolist()) for e, b in files]
        columns.append((ascii_text(name), cells))
    out, begun = [], [columns[0]]
    for column in columns[1:]:
        if _wide([*begun, column]) > width and len(begun) > 1:
            out += [*_lines(begun), ""]
            begun = [columns[0]]
        begun.append(column)
    return out + _lines(begun)


def _wide(columns):
    return sum(max(map(len, (head, *cells))) for head, cells in columns) + 2 * (len(columns) - 1)


def _lines(columns):
    wide = [max(map(len, (head, *cells))) for head, cells in columns]
    table = zip(*((head, *cells) for head, cells in columns), strict=True)
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip() for row in table]


def _unopened(rows, width):
    """Which sections no consumer is given, a line each."""
    said = {f"{encoding}: {part}": None for encoding, detail in zip(rows.encoding, rows.detail, strict=True)
            if UNOPENED in detail for part in detail.split("; ") if part.endswith(UNOPENED)}
    return [*(line for words in said for line in textwrap.wrap(ascii_text(words), width)), ""] if said else []


def _said(rows, name, width):
    """What was said about a file by those that did not simply accept it."""
    rows = rows[~rows.verdict.isin((ACCEPTED, NOT_TRIED))]
    if not len(rows):
        return []
    out = [name]
    for (verdict, message), same in rows.groupby(["verdict", "message"], sort=False):
        words = f"{verdict}: {_who(same)}{f': {message}' if message else ''}"
        out += textwrap.wrap(ascii_text(words), width, initial_indent="  ", subsequent_indent="    ",
                             break_on_hyphens=False)
    return [*out, ""]


def _untried(rows, files, width):
    """Why consumers were not tried: once where it is so of all files."""
    rows = rows[rows.verdict == NOT_TRIED]
    out = []
    for (consumer, version, message), same in rows.groupby(["consumer", "version", "message"], sort=False):
        which = "" if len(same) == len(files) else " on " + "; ".join(map(_named, same.encoding, same.base))
        words = f"{consumer}{f' {version}' if version else ''}{which}: {message}"
        out += textwrap.wrap(ascii_text(words), width, initial_indent="  ", subsequent_indent="    ",
                             break_on_hyphens=False)
    return ["not tried", *out, ""] if out else []


def _who(rows):
    """'bpftool 7.1, 7.5; pahole 1.32'."""
    return "; ".join(f"{name} {', '.join(filter(None, same.version))}".strip()
                     for name, same in rows.groupby("consumer", sort=False))
