"""measurements.csv: every byte of every file with one label, MEASUREMENT_COLUMNS; written by `measure`."""

from __future__ import annotations

from harness.results.columns import MEASUREMENT_COLUMNS
from harness.results.tables import csv_bytes, from_csv

NAME = "measurements.csv"


def write_measurements(table):
    """measurements.csv as bytes; `table` is a DataFrame from harness.measure.measurements."""
    return csv_bytes(table[list(MEASUREMENT_COLUMNS)])


def read_measurements(path):
    """measurements.csv as a DataFrame, see harness.results.tables.from_csv."""
    return from_csv(path, MEASUREMENT_COLUMNS)
