"""What was executed on the files of a folder: matrix.csv, survival.csv, usage.csv; written by `matrix`.

None of them is of the part of the results that is the same each time: they depend on the programs of the machine, and
usage.csv is of times.
"""

from __future__ import annotations

from harness.results.columns import MATRIX_COLUMNS, SURVIVAL_COLUMNS, USAGE_COLUMNS
from harness.results.tables import csv_bytes, from_csv

COLUMNS_OF = {"matrix": MATRIX_COLUMNS, "survival": SURVIVAL_COLUMNS, "usage": USAGE_COLUMNS}

ACCEPTED, WRONG, REFUSED = "accepted", "accepted but wrong", "refused"

NOT_TRIED, FAILED = "not tried", "failed"

WITH_BASE, WITHOUT = "with base", "without"
"""How a split file is opened."""

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
