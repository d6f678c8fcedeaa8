"""Result folders to tidy frames: sizes, invariants, claims and what outside witnesses say.

======================================  ============================================================================
``load(folder)``                        Result: the manifest checked, files read when asked for
``measure(folder)``                     one row per file and part, also written to measurements.csv
``measurements(result)``                the same, without writing
``check_invariants(result, table)``     rows (policy, invariant, statement, holds, detail)
``judge_claims(results)``               the estimates of data/claims.toml with verdicts
``funnel(result)``, ``skipped(results)``, ``names_by_addresses(result)``, ``addresses_per_name(names)``
``ask_consumers(result)``               who loads the files: bpftool, the running kernel
``shipped_kinds(result)``               types by kind against the kernel's own .BTF
``shipped_names(result)``               which FUNCs, VARs, DATASECs, DECL_TAGs differ, by name and with the reason
``declarations(result)``                the C declarations of both, compared as sets
======================================  ============================================================================

Frames are pandas DataFrames; pandas is imported when the first is made. Every column is described in COLUMNS.
"""

from harness.measure.claims import judge_claims, read_claims
from harness.measure.columns import COLUMNS, MEASUREMENT_COLUMNS, csv_bytes, frame
from harness.measure.consumers import ask_consumers
from harness.measure.functions import addresses_per_name, funnel, names_by_addresses, skipped
from harness.measure.invariants import all_hold, check_invariants
from harness.measure.result import BASELINE, SHIPPED, Result, load, write
from harness.measure.sizes import COMPRESSORS, compressed_sizes, kind_counts, measure, measurements
from harness.measure.witnesses import Declarations, declarations, shipped_kinds, shipped_names

__all__ = [
    "BASELINE",
    "COLUMNS",
    "COMPRESSORS",
    "MEASUREMENT_COLUMNS",
    "SHIPPED",
    "Declarations",
    "Result",
    "addresses_per_name",
    "all_hold",
    "ask_consumers",
    "check_invariants",
    "compressed_sizes",
    "csv_bytes",
    "declarations",
    "frame",
    "funnel",
    "judge_claims",
    "kind_counts",
    "load",
    "measure",
    "measurements",
    "names_by_addresses",
    "read_claims",
    "shipped_kinds",
    "shipped_names",
    "skipped",
    "write",
]
