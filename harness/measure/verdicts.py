"""The verdict table: for each form, what it adds to today's file, what it buys, and who takes it.

There is one baseline, the file that pahole writes today: `plain` under the policy `current`. A form is measured under
the headline policy, so that what it adds is the addresses and the FUNCs that they make possible. The row of `plain`
under that policy tells the two apart: it has these FUNCs, and no addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness import encodings as enc
from harness.measure.attach import OVER_TODAY, TODAY
from harness.measure.columns import frame
from harness.measure.result import BASELINE
from harness.measure.sizes import COMPRESSORS
from harness.measure.taken import NOT_KNOWN, after_dedup, skippable, survived, taken
from harness.results.executed import DEDUP, SORT

if TYPE_CHECKING:
    import pandas as pd

VERDICT_COLUMNS = ("encoding", "policy", "bytes", "added", "added_percent", "zstd_added", "zstd_percent", "xz_added",
                   "xz_percent", "types_added", "newly_attachable", "no_longer", "bytes_each", "ambiguous_id",
                   "loads", "libbpf", "misread_by", "skippable", "kaslr", "exposes", "dedup", "after_dedup",
                   "name_sort", "modules")

COST_COLUMNS = ("encoding", "type_bytes", "string_bytes", "section_bytes", "added_percent", "zstd_added",
                "newly_attachable", "bytes_each", "loads", "after_dedup")


def verdict(results, sizes, attach, matrix=None, survival=None) -> pd.DataFrame:
    """What each form costs and buys over today's file, and who takes it.

    Parameters
    ----------
    results : list of Result
        Of one kernel under several policies, the one whose forms are judged first.
    sizes : dict of str to DataFrame
        By policy, as from `measurements`.
    attach : (DataFrame, DataFrame)
        As from `attach_frames` of the same results.
    matrix, survival : DataFrame, optional
        As from harness.witnesses, of the first result.

    Returns
    -------
    DataFrame
        VERDICT_COLUMNS. The first row is today's file, the others have the forms by what they add. If the policy of
        today is not among the results, the first result's baseline takes its place.
    """
    first = results[0]
    today = next((r for r in results if r.policy == TODAY), first)
    base, mine = _of_files(sizes[today.policy]).loc[BASELINE], _of_files(sizes[first.policy])
    reach, prices = attach
    unsure = reach.set_index(["policy", "encoding"]).ambiguous_id
    bought = prices[(prices.policy == first.policy) & (prices.over == OVER_TODAY)].set_index("encoding")
    rows = []
    for name in first.encodings:
        if (first.policy, name) == (today.policy, BASELINE):
            continue
        size = mine.loc[name]
        gains = _bought(bought, name)
        rows.append((name, first.policy, *_grown(size, base), *gains, int(unsure[first.policy, name]),
                     *taken(name, matrix), skippable(first, name, matrix), *_where(name),
                     survived(survival, name, DEDUP), after_dedup(survival, name, gains[0]),
                     survived(survival, name, SORT), _modules(name)))
    rows.sort(key=lambda row: row[3])
    start = (BASELINE, today.policy, *_grown(base, base), 0, 0, np.nan, int(unsure[today.policy, BASELINE]),
             *taken(BASELINE, matrix), skippable(today, BASELINE, matrix), *_where(BASELINE), NOT_KNOWN, None,
             NOT_KNOWN, _modules(BASELINE))
    return frame([start, *rows], VERDICT_COLUMNS)


def cost(verdicts, results, sizes) -> pd.DataFrame:
    """The added bytes of each form by where they are, for a picture: DataFrame COST_COLUMNS.

    Parameters
    ----------
    verdicts : DataFrame
        As from `verdict` of the same results and sizes.
    """
    first = results[0]
    today = next((r.policy for r in results if r.policy == TODAY), first.policy)
    base, mine = _by_place(sizes[today]).loc[BASELINE], _by_place(sizes[first.policy])
    rows = []
    for row in verdicts.iloc[1:].itertuples():
        types, strings, sections = (mine.loc[row.encoding] - base).tolist()
        name = f"{BASELINE}, {first.policy}" if row.encoding == BASELINE else row.encoding
        rows.append((name, types, strings, sections, row.added_percent, row.zstd_added, row.newly_attachable,
                     row.bytes_each, row.loads, row.after_dedup))
    return frame(rows, COST_COLUMNS)


def _of_files(sizes):
    """Bytes, types and compressed bytes of each file, DataFrame by encoding; NaN for what was not measured."""
    whole = sizes[sizes.part == "file"].set_index("encoding")
    packed = sizes[sizes.part.isin(COMPRESSORS)].pivot(index="encoding", columns="part", values="bytes")
    out = whole[["bytes", "count"]].rename(columns={"count": "types"})
    return out.join(packed.reindex(columns=list(COMPRESSORS)))


def _by_place(sizes):
    """Bytes of each file's types, strings and all else, DataFrame by encoding; they sum to the file."""
    parts = sizes[~sizes.part.isin(["file", *COMPRESSORS])]
    place = parts.part.where(parts.part.isin(["types", "strings"]), "sections")
    wide = parts.assign(place=place).pivot_table(index="encoding", columns="place", values="bytes", aggfunc="sum",
                                                 fill_value=0)
    return wide.reindex(columns=["types", "strings", "sections"], fill_value=0)


def _grown(size, base):
    """bytes, added, added_percent, zstd_added, zstd_percent, xz_added, xz_percent, types_added."""
    out = [int(size.bytes), int(size.bytes - base.bytes), 100 * (size.bytes - base.bytes) / base.bytes]
    for part in COMPRESSORS:
        known = size[part] == size[part] and base[part] == base[part]
        out += [int(size[part] - base[part]), 100 * (size[part] - base[part]) / base[part]] if known else [None, np.nan]
    return [*out, int(size.types - base.types)]


def _bought(bought, name):
    """newly_attachable, no_longer, bytes_each."""
    if name not in bought.index:
        return 0, 0, np.nan
    row = bought.loc[name]
    return int(row.gained), int(row.forgone), row.bytes_per_gained


def _where(name):
    """kaslr, exposes."""
    if name not in enc.REGISTRY:
        return NOT_KNOWN, NOT_KNOWN
    encoding = enc.encoding(name)
    return encoding.kaslr, encoding.exposes


def _modules(name):
    return enc.encoding(name).modules if name in enc.REGISTRY else NOT_KNOWN
