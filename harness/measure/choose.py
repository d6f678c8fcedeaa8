"""Rows of a functions table by name, reason, match, fault or ambiguity class, and a table of them for a terminal."""

from __future__ import annotations

from harness.errors import UsageError

SHOWN = ("name", "address", "match", "section", "file", "faults", "reason")
"""Columns shown on a terminal; CSV has all of them."""


def choose(functions, name=None, reason=None, match=None, fault=None, names=None):
    """The rows that pass every filter given, a DataFrame.

    Parameters
    ----------
    functions : DataFrame
        As Result.functions.
    name : str, optional
        A function's name, or a pattern with * and ?.
    reason : str, optional
        Part of a reason; '-' stands for the encoded instances.
    match, fault : str, optional
        A match; a fault of the register rules.
    names : collection of str, optional
        Names to keep.

    Raises
    ------
    UsageError
        No row of the table has that reason, match or fault: a filter that passes nothing is taken as misspelt.
    """
    from fnmatch import translate

    keep = functions.name == functions.name
    if name is not None:
        keep &= functions.name.str.match(translate(name))
    if reason is not None:
        mine = functions.reason == "" if reason == "-" else functions.reason.str.contains(reason, regex=False)
        keep &= _known(mine, "reason", reason, functions.reason)
    if match is not None:
        keep &= _known(functions.match == match, "match", match, functions.match)
    if fault is not None:
        every = functions.faults.str.split("+").explode()
        keep &= _known(functions.faults.str.split("+").map(lambda found: fault in found), "fault", fault, every)
    if names is not None:
        keep &= functions.name.isin(list(names))
    return functions[keep]


def _known(mine, what, asked, column):
    if not mine.any():
        raise UsageError.choice(what, sorted(text or "-" for text in column.unique()), asked)
    return mine


def aligned(columns, rows):
    """Rows as text with aligned columns, str: integers to the right, with thousands separators; ends in a newline."""
    cells = [[f"{value:,}" if isinstance(value, int) else str(value) for value in row] for row in rows]
    right = [all(isinstance(row[k], int) for row in rows) and bool(rows) for k in range(len(columns))]
    width = [max([len(c), *(len(row[k]) for row in cells)]) for k, c in enumerate(columns)]
    lines = ["  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, width, right, strict=True)).rstrip()
             for row in [list(columns), *cells]]
    return "\n".join(lines) + "\n"
