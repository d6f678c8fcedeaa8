"""forms.csv: how many functions each form of the selection rules keeps, FORM_COLUMNS; only some folders have it."""

from __future__ import annotations

import numpy as np

from harness.results.columns import COLUMNS, FORM_COLUMNS
from harness.results.tables import from_csv, to_csv

NAME = "forms.csv"


def forms_table(rows):
    """The table of the rows of harness.functions.forms.selection_forms, dict of str to array."""
    columns = zip(*rows, strict=True) if rows else [()] * len(FORM_COLUMNS)
    return {name: np.array(values, object if COLUMNS[name].dtype == "str" else COLUMNS[name].dtype)
            for name, values in zip(FORM_COLUMNS, columns, strict=True)}


def write_forms(table):
    """forms.csv as bytes; `table` as from forms_table."""
    return to_csv({name: table[name] for name in FORM_COLUMNS})


def read_forms(path):
    """forms.csv as a DataFrame, see harness.results.tables.from_csv."""
    return from_csv(path, FORM_COLUMNS)
