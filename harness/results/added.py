"""added.csv: the functions that the kernel's own step adds to those of a policy, `<name>_impl` for some kfuncs.

One row for each instance that has such a function beside its own, ADDED_COLUMNS of harness.results.columns: `die` is
that instance's in functions.csv, whose code and address both have; `proto`, `func` and `tags` are as in selection.csv.
A policy without the step, or with nothing added, has no such file.
"""

from __future__ import annotations

import numpy as np

from harness.errors import MeasureError
from harness.results.columns import ADDED_COLUMNS
from harness.results.instances import INSTANCES
from harness.results.tables import from_csv, to_csv

NAME = "added.csv"


def write_added(added):
    """added.csv as bytes; `added` as in harness.run.Encoded."""
    return to_csv({name: added[name] for name in ADDED_COLUMNS})


def read_added(path, instances):
    """added.csv as a DataFrame of ADDED_COLUMNS; `instances` is the DataFrame of functions.csv.

    Raises
    ------
    MeasureError
        It is malformed, or names a DIE that is no instance's.
    """
    table = from_csv(path, ADDED_COLUMNS)
    odd = np.flatnonzero(~np.isin(table.die.to_numpy(), instances.die.to_numpy()))
    if len(odd):
        row = int(odd[0])
        raise MeasureError(f"row {row + 1}: expected a DIE of {INSTANCES}, found {table.die[row]:#x}", path)
    odd = np.flatnonzero((table.proto == 0).to_numpy() | (table.func == 0).to_numpy())
    if len(odd):
        raise MeasureError(f"row {int(odd[0]) + 1}: expected a FUNC_PROTO and a FUNC, found 0", path)
    return table
