"""selection.csv: what one policy decides about each instance, one row per row of functions.csv, in its order.

`die` is compared with functions.csv, so that a row that does not belong to its instance is noticed.
"""

from __future__ import annotations

import numpy as np

from harness.errors import MeasureError
from harness.functions.policies import REASON_TEXT, Reason
from harness.functions.registers import FAULT_WORDS, Fault
from harness.results.columns import SELECTION_COLUMNS
from harness.results.instances import INSTANCES
from harness.results.tables import from_csv, to_csv

NAME = "selection.csv"

FAULT_TEXT = np.array(["+".join(word for fault, word in FAULT_WORDS.items() if flags & fault)
                       for flags in range(2 * max(Fault))], object)

REASONS = np.array([REASON_TEXT[r] for r in Reason], object)


def selection_of(program, encoded):
    """The table of an encoded kernel, dict of str to array.

    Parameters
    ----------
    program : harness.program.Program
    encoded : harness.run.Encoded
    """
    return {"die": program.described["die"], "signature": encoded.signature,
            "faults": FAULT_TEXT[encoded.faults.flags[program.instances.die]], "proto": encoded.proto_id,
            "func": encoded.func_id, "tags": encoded.tags, "reason": REASONS[encoded.selection.reason]}


def counts_of(encoded):
    """The manifest's counts of functions of an encoded kernel, dict."""
    reason, pairs = encoded.selection.reason, encoded.pairs
    skipped = {REASON_TEXT[Reason(r)]: int(n) for r, n in zip(*np.unique(reason, return_counts=True), strict=True)
               if r != Reason.ENCODED}
    return {
        "instances": len(reason),
        "encoded": int((reason == Reason.ENCODED).sum()),
        "skipped": skipped,
        "added": len(encoded.added["func"]),
        "pairs": int(pairs.known.sum()),
        "addresses": len(set(zip(pairs.section[pairs.known].tolist(), pairs.address[pairs.known].tolist(),
                             strict=True))),
        "names": len(np.unique(pairs.name_off)),
        "funcs": len(np.union1d(encoded.func_id[encoded.func_id != 0], encoded.added["func"])),
    }


def write_selection(selection):
    """selection.csv as bytes; `selection` as from selection_of."""
    return to_csv({name: selection[name] for name in SELECTION_COLUMNS})


def read_selection(path, instances):
    """selection.csv as a DataFrame of SELECTION_COLUMNS, its rows those of `instances`, a DataFrame.

    Raises
    ------
    MeasureError
        It is malformed, or its instances differ.
    """
    table = from_csv(path, SELECTION_COLUMNS)
    if len(table) != len(instances):
        raise MeasureError(f"expected {len(instances)} rows, as {INSTANCES} has, found {len(table)}", path)
    differ = np.flatnonzero(table.die.to_numpy() != instances.die.to_numpy())
    if len(differ):
        row = int(differ[0])
        raise MeasureError(f"row {row + 1}: expected the DIE {instances.die[row]:#x}, as {INSTANCES} has, found "
                           f"{table.die[row]:#x}", path)
    odd = np.flatnonzero((table.reason == "").to_numpy() != (table.proto != 0).to_numpy())
    if len(odd):
        row = int(odd[0])
        raise MeasureError(f"row {row + 1}: expected a FUNC_PROTO or a reason, found {table.proto[row]} and "
                           f"{table.reason[row]!r}", path)
    return table
