"""Result folders to tidy frames: sizes, invariants, claims, functions, comparison of builds.

======================================  ============================================================================
``load(folder, policy)``                Result of a folder: its files checked, read on demand
``results_under(folder)``               those of all its policies
``measure(folder)``                     one row per policy, file and part, also written to measurements.csv
``measurements(result)``                the same, without writing
``check_invariants(result, table)``     rows (policy, invariant, statement, holds, detail)
``judge_claims(results)``               the estimates of data/claims.toml with verdicts
``verdict(results, sizes, attach)``      for each form, what it adds to today's file, what it buys, who takes it
``cost_of(result, name)``               what one function costs in each form, and what that buys
``pairs(result)``                       the (FUNC, address) pairs, and what forms may pay for them
``stat.stat(path)``                     Stat of any BTF file: types and bytes by kind, and its waste
``funnel(result)``, ``skipped(results)``, ``names_by_addresses(result)``, ``addresses_per_name(names)``
======================================  ============================================================================

Frames are pandas DataFrames; pandas is imported when the first is made. Every column is described in COLUMNS, those
named for an encoding in columns_of.
"""

from harness.measure.ambiguity import (
    CAUSES,
    OF_ONE_ADDRESS,
    aliases,
    ambiguity_summary,
    ambiguous_names,
    classified_names,
    names_of_class,
)
from harness.measure.attach import attach_frames, refusals
from harness.measure.claims import judge_claims, overall_verdicts, read_claims
from harness.measure.columns import COLUMNS, MEASUREMENT_COLUMNS, columns_of, csv_bytes, frame
from harness.measure.compare import Comparison, compare
from harness.measure.costs import COST_OF_COLUMNS, PAIR_COLUMNS, cost_of, pairs
from harness.measure.functions import addresses_per_name, funnel, names_by_addresses, skipped
from harness.measure.invariants import all_hold, check_invariants
from harness.measure.lookup import Lookup, lookup
from harness.measure.result import BASELINE, HEADLINE, SHIPPED, Result, load, results_under, write
from harness.measure.sizes import COMPRESSORS, compressed_sizes, kind_counts, measure, measurements
from harness.measure.taken import survivors
from harness.measure.verdicts import VERDICT_COLUMNS, cost, verdict

__all__ = [
    "BASELINE",
    "CAUSES",
    "COLUMNS",
    "COMPRESSORS",
    "COST_OF_COLUMNS",
    "MEASUREMENT_COLUMNS",
    "OF_ONE_ADDRESS",
    "HEADLINE",
    "PAIR_COLUMNS",
    "SHIPPED",
    "VERDICT_COLUMNS",
    "Comparison",
    "Lookup",
    "Result",
    "addresses_per_name",
    "aliases",
    "all_hold",
    "ambiguity_summary",
    "ambiguous_names",
    "attach_frames",
    "check_invariants",
    "classified_names",
    "columns_of",
    "compare",
    "compressed_sizes",
    "cost",
    "cost_of",
    "csv_bytes",
    "frame",
    "funnel",
    "judge_claims",
    "kind_counts",
    "load",
    "lookup",
    "measure",
    "measurements",
    "names_by_addresses",
    "names_of_class",
    "overall_verdicts",
    "pairs",
    "read_claims",
    "refusals",
    "results_under",
    "skipped",
    "survivors",
    "verdict",
    "write",
]
