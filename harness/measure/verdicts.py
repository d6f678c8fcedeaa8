"""The verdict table: for each form, what it adds to today's file, what it buys, and who takes it.

There is one baseline, the file that pahole writes today: `plain` under the policy `current`. A form is measured under
the headline policy, so that what it adds is the addresses and the FUNCs that they make possible. The row of `plain`
under that policy tells the two apart: it has these FUNCs, and no addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness import encodings as enc
from harness.btf.kind_sizes import kind_sizes
from harness.errors import EncodeError
from harness.measure.attach import OVER_TODAY, TODAY
from harness.measure.columns import frame
from harness.measure.result import BASELINE
from harness.measure.sizes import COMPRESSORS
from harness.model import STANDARD
from harness.model.layout import LAST_KIND
from harness.results.executed import ACCEPTED, DEDUP, HERE, REFUSED, SORT, WITHOUT, WRONG

if TYPE_CHECKING:
    import pandas as pd

VERDICT_COLUMNS = ("encoding", "policy", "bytes", "added", "added_percent", "zstd_added", "zstd_percent", "xz_added",
                   "xz_percent", "types_added", "newly_attachable", "no_longer", "bytes_each", "loads", "libbpf",
                   "misread_by", "skippable", "kaslr", "exposes", "dedup", "name_sort", "modules")

COST_COLUMNS = ("encoding", "type_bytes", "string_bytes", "section_bytes", "added_percent", "zstd_added",
                "newly_attachable", "bytes_each", "loads", "dedup")

NOT_KNOWN = "-"
"""In a column of words: not executed, or there is nothing to tell."""

YES, NO = "yes", "no"

KERNEL, LIBBPF = "kernel", "libbpf"
"""Consumers whose answers have columns of their own."""

NOT_NEEDED = "no need"


def verdict(results, sizes, prices, matrix=None, survival=None) -> pd.DataFrame:
    """What each form costs and buys over today's file, and who takes it.

    Parameters
    ----------
    results : list of Result
        Of one kernel under several policies, the one whose forms are judged first.
    sizes : dict of str to DataFrame
        By policy, as from `measurements`.
    prices : DataFrame
        As from `bytes_per_attachable` of the same results.
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
    bought = prices[(prices.policy == first.policy) & (prices.over == OVER_TODAY)].set_index("encoding")
    rows = []
    for name in first.encodings:
        if (first.policy, name) == (today.policy, BASELINE):
            continue
        size = mine.loc[name]
        rows.append((name, first.policy, *_grown(size, base), *_bought(bought, name),
                     *_taken(first, name, matrix), _skippable(first, name), *_where(name),
                     _survived(survival, name, DEDUP), _survived(survival, name, SORT), _modules(name)))
    rows.sort(key=lambda row: row[3])
    start = (BASELINE, today.policy, *_grown(base, base), 0, 0, np.nan, *_taken(first, BASELINE, matrix),
             _skippable(today, BASELINE), *_where(BASELINE), NOT_KNOWN, NOT_KNOWN, _modules(BASELINE))
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
                     row.bytes_each, row.loads, row.dedup))
    return frame(rows, COST_COLUMNS)


def survivors(survival) -> pd.DataFrame:
    """What becomes of the addresses of each form, a row each, treatment by treatment: DataFrame encoding, and a column
    of words for each treatment: all, refused, how many are lost, or -.

    Parameters
    ----------
    survival : DataFrame
        As from harness.witnesses.
    """
    import pandas as pd

    treatments = list(dict.fromkeys(survival.treatment))
    return pd.DataFrame([{"encoding": name, **{what: _survived(survival, name, what) for what in treatments}}
                         for name in dict.fromkeys(survival.encoding)], columns=["encoding", *treatments]).astype("str")


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


def _taken(result, name, matrix):
    """loads, libbpf, misread_by: what the running kernel, each libbpf and all others did with the form's files."""
    if matrix is None:
        return NOT_KNOWN, NOT_KNOWN, NOT_KNOWN
    opened = matrix[(matrix.encoding == name) & (matrix.base != WITHOUT)]
    return (_loads(opened[opened.consumer == KERNEL]), _versions(opened[opened.consumer == LIBBPF]),
            _misread(opened, matrix))


def _loads(rows):
    verdicts = set(rows.verdict)
    if not verdicts or verdicts - {ACCEPTED, WRONG, REFUSED}:
        return NOT_KNOWN
    return YES if verdicts == {ACCEPTED} else NO


def _versions(rows):
    """The versions that take all files, as '1.5, 1.7'."""
    tried = rows[rows.verdict.isin([ACCEPTED, WRONG, REFUSED])]
    if not len(tried):
        return NOT_KNOWN
    good = tried.verdict.eq(ACCEPTED).groupby(tried.version, sort=False).all()
    return ", ".join(_short(version) for version in good.index[good]) or "none"


def _short(version):
    """1.7 of 1.7.0: what tells the versions of one library apart."""
    return ".".join(version.split(".")[:2])


def _misread(opened, matrix):
    """Consumers that take the file for something else, and not the baseline, as 'llvm 19.1, 21.1; pahole 1.30'."""
    def wrong(rows):
        return dict.fromkeys((row.consumer, _short(row.version)) for row in rows.itertuples() if row.verdict == WRONG)

    anyway, versions = wrong(matrix[matrix.encoding == BASELINE]), {}
    for who, version in wrong(opened):
        if (who, version) not in anyway:
            versions.setdefault(who, []).append(version)
    return "; ".join(f"{who} {', '.join(those)}".strip() for who, those in versions.items()) or "none"


def _skippable(result, name):
    """Whether a reader that does not know what the form adds to types can skip it with the help of a layout section."""
    file = result.btf(name)
    if file.layout is STANDARD and (file.types.kind() <= LAST_KIND).all():
        return NOT_NEEDED
    try:
        kind_sizes([(file.types, file.layout)])
    except EncodeError:
        return NO
    return YES


def _where(name):
    """kaslr, exposes."""
    if name not in enc.REGISTRY:
        return NOT_KNOWN, NOT_KNOWN
    encoding = enc.encoding(name)
    return encoding.kaslr, encoding.exposes


def _modules(name):
    return enc.encoding(name).modules if name in enc.REGISTRY else NOT_KNOWN


def _survived(survival, name, treatment):
    """'all', or how many addresses have no id of their own any more."""
    if survival is None:
        return NOT_KNOWN
    rows = survival[(survival.encoding == name) & (survival.treatment == treatment)
                    & survival.verdict.isin([ACCEPTED, WRONG, REFUSED])]
    if not len(rows):
        return NOT_KNOWN
    ours = rows[rows.version == HERE]
    row = (ours if len(ours) else rows).iloc[-1]  # of the newest version, where we cannot do it ourselves
    if row.verdict == REFUSED:
        return REFUSED
    return "all" if row.verdict == ACCEPTED else f"{row.lost + row.merged:,} lost"
