"""What was executed on the files of a folder: matrix.csv, survival.csv, usage.csv; written by `matrix`.

None of them is of the part of the results that is the same each time: they depend on the programs of the machine, and
usage.csv is of times.
"""

from __future__ import annotations

from harness.results.columns import MATRIX_COLUMNS, SURVIVAL_COLUMNS, USAGE_COLUMNS
from harness.results.tables import csv_bytes, from_csv

COLUMNS_OF = {"matrix": MATRIX_COLUMNS, "survival": SURVIVAL_COLUMNS, "usage": USAGE_COLUMNS}

ACCEPTED, PARTLY, WRONG, REFUSED = "accepted", "accepted in part", "accepted but wrong", "refused"
"""Verdicts. Accepted: every operation that the consumer offers works, and what it tells is in the file. In part: one
works and is right, another does not work. But wrong: it tells of something else than is there."""

NOT_TRIED, FAILED = "not tried", "failed"

NOTHING, UNREADABLE = "nothing to do", "unreadable"
"""Verdicts of treatments. It finds the file as it would leave it, so that no address has been put to the test; or what
it leaves, such as type_ids of another order beside it, is refused whole when it is read back."""

WITH_BASE, WITHOUT = "with base", "without base"
"""How a split file is opened: over the file beside it, or by itself."""

BASE_ALONE = "base alone"
"""The file that a split file is over, where it is not the baseline's, byte for byte."""

WITH_LAYOUT, WITHOUT_LAYOUT = "with layout", "without layout"
"""The file once more, with the layout section that `encode --layout` adds; or without that which its form needs."""

SPLIT_WITH_LAYOUT = f"{WITH_BASE}, {WITH_LAYOUT}"
"""A split file over its base, to which a layout section is added that has the kinds of both."""

OPENED = ("", BASE_ALONE, WITH_BASE, WITHOUT, WITH_LAYOUT, WITHOUT_LAYOUT, SPLIT_WITH_LAYOUT)
"""In the column `opened`; empty: by itself, as it was written."""

MISSING, STRANGE = "missing", "strange"
"""In the column `differs`: what is in the file and was not told, and what was told and is not in the file."""

DEDUP, SORT, SWAP, BASE = "dedup", "name sort", "byte swap", "base of split"
"""Treatments in survival.csv."""

HERE = "btf-harness"
"""In its column `version`: done by this program, which knows every form."""

FILES = {name: f"{name}.csv" for name in COLUMNS_OF}


def write_executed(table, name):
    """A table of COLUMNS_OF as the bytes of its CSV."""
    return csv_bytes(table[list(COLUMNS_OF[name])])


def read_executed(path, name):
    """The same as a DataFrame, see harness.results.tables.from_csv."""
    return from_csv(path, COLUMNS_OF[name])
