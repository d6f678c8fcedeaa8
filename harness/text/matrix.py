"""The matrix of consumers and files as text for a terminal or a mail: ASCII, 72 columns."""

from __future__ import annotations

import textwrap

from harness.measure.taken import AS_WRITTEN, LEGEND, added_faults, cell
from harness.results.executed import ACCEPTED, NOT_TRIED, NOTHING, WRONG
from harness.text.plain import ascii_text
from harness.witnesses.consumer import UNOPENED

WIDTH = 72


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
    table = table.assign(judged=added_faults(table))
    for policy, rows in table.groupby("policy", sort=False):
        files = list(dict.fromkeys(zip(rows.encoding, rows.opened, strict=True)))
        tried = rows[rows.verdict != NOT_TRIED]
        n = len(tried[["consumer", "version"]].drop_duplicates())
        out += [f"{ascii_text(policy)}: {len(files)} files, {n} consumers with their versions", ""]
        out += _grid(rows, files, width) + ["", *textwrap.wrap(LEGEND, width), ""]
        out += _unopened(rows, width)
        for encoding, opened in files:
            out += _said(rows[(rows.encoding == encoding) & (rows.opened == opened)], _named(encoding, opened), width)
        out += _untried(rows, files, width)
    return "\n".join(out).rstrip() + "\n"


SURVIVAL_LEGEND = ("What becomes of the addresses when the file is treated so and read back; yes: a FUNC of the same "
                   "name and parameters still has each (kept); WRONG: no such FUNC has some of them (lost), or one "
                   "that stands for several now, and did not before (merged); unreadable: what is left is refused "
                   "when it is read back; nothing: the file is already as it would be")


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
        rows = rows.assign(opened="", consumer=rows.treatment, judged=rows.verdict)
        files = list(dict.fromkeys(zip(rows.encoding, rows.opened, strict=True)))
        out += [*textwrap.wrap(f"{ascii_text(policy)}: {SURVIVAL_LEGEND}", width), "", *_grid(rows, files, width), ""]
        wrong = rows.verdict == WRONG
        told = rows.assign(message=[
            f"{kept:,} kept, {merged:,} of them merged, {lost:,} lost{'; ' * bool(message)}{message}" if is_wrong
            else message for kept, merged, lost, message, is_wrong
            in zip(rows.kept, rows.merged, rows.lost, rows.message, wrong, strict=True)])
        for encoding, opened in files:
            out += _said(told[told.encoding == encoding], _named(encoding, opened), width)
    return "\n".join(out).rstrip() + "\n" * bool(out)


def _named(encoding, opened):
    return ascii_text(encoding if opened in AS_WRITTEN else f"{encoding}, {opened}")


def _grid(rows, files, width):
    names = list(dict.fromkeys(rows.consumer))
    lines = [_named(*file) for file in files]
    columns = [("", lines)]
    for name in names:
        mine = rows[rows.consumer == name]
        same = (mine[(mine.encoding == encoding) & (mine.opened == opened)] for encoding, opened in files)
        cells = [cell(zip(rows_of.judged, rows_of.version, strict=True)) for rows_of in same]
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
    rows = rows[~rows.verdict.isin((ACCEPTED, NOTHING, NOT_TRIED))]
    if not len(rows):
        return []
    out = [name]
    for (verdict, message), same in rows.groupby(["judged", "message"], sort=False):
        words = f"{verdict}: {_who(same)}{f': {message}' if message else ''}"
        out += textwrap.wrap(ascii_text(words), width, initial_indent="  ", subsequent_indent="    ",
                             break_on_hyphens=False)
    return [*out, ""]


def _untried(rows, files, width):
    """Why consumers were not tried: once where it is so of all files."""
    rows = rows[rows.verdict == NOT_TRIED]
    out = []
    for (consumer, version, message), same in rows.groupby(["consumer", "version", "message"], sort=False):
        which = "" if len(same) == len(files) else " on " + "; ".join(map(_named, same.encoding, same.opened))
        words = f"{consumer}{f' {version}' if version else ''}{which}: {message}"
        out += textwrap.wrap(ascii_text(words), width, initial_indent="  ", subsequent_indent="    ",
                             break_on_hyphens=False)
    return ["not tried", *out, ""] if out else []


def _who(rows):
    """'bpftool 7.1, 7.5; pahole 1.32'."""
    return "; ".join(f"{name} {', '.join(filter(None, same.version))}".strip()
                     for name, same in rows.groupby("consumer", sort=False))
