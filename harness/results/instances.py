"""functions.csv and inlined.csv: the functions of a kernel under any policy.

functions.csv has one row per function instance, columns INSTANCE_COLUMNS of harness.results.columns; inlined.csv the
names that have DIEs but no instance, which no encoding of functions can describe, INLINED_COLUMNS.
"""

from __future__ import annotations

from harness.results.columns import INLINED_COLUMNS, INSTANCE_COLUMNS
from harness.results.tables import from_csv, to_csv

INSTANCES, INLINED = "functions.csv", "inlined.csv"


def write_instances(instances, bits):
    """functions.csv as bytes; `instances` as from harness.functions.listing.describe."""
    return to_csv({name: instances[name] for name in INSTANCE_COLUMNS}, bits)


def write_inlined(inlined):
    """inlined.csv as bytes; `inlined` as from harness.functions.listing.inlined."""
    return to_csv({name: inlined[name] for name in INLINED_COLUMNS})


def read_instances(path):
    """functions.csv as a DataFrame, see harness.results.tables.from_csv."""
    return from_csv(path, INSTANCE_COLUMNS)


def read_inlined(path):
    """inlined.csv as a DataFrame, see harness.results.tables.from_csv."""
    return from_csv(path, INLINED_COLUMNS)
