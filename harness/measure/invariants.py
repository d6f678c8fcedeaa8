"""The invariants 1 to 5 of the design, each over one Result: rows (policy, invariant, statement, holds, detail).

Nothing is raised: a broken invariant is a result, and the report and the exit status say so.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.functions.join import Match, SymbolClass
from harness.measure.columns import frame
from harness.measure.result import BASELINE, SHIPPED

INVARIANT_COLUMNS = ("policy", "invariant", "statement", "holds", "detail")

OF_FUNCTIONS = ("FUNC", "DECL_TAG")
"""Kinds in which encodings may differ."""


SUMS = {
    "subprogram_dies": ("dies_declared", "dies_without_name", "dies_abstract", "dies_without_code", "dies_with_code"),
    "dies_with_code": tuple(f"dies_{m.name.lower()}" for m in Match if m != Match.FALLBACK),
    "elf_function_symbols": tuple(f"elf_{c.name.lower()}" for c in SymbolClass),
}
"""Counts of the funnel and what each is made of: nothing vanishes on the side of DWARF nor on that of the ELF file."""


def check_invariants(result, table, again=None):
    """All of them: DataFrame INVARIANT_COLUMNS.

    Parameters
    ----------
    result : Result
    table : DataFrame
        As from measurements(result).
    again : Result, optional
        The same kernel and policy encoded another time, to hold the bytes against.
    """
    rows = [*functions(result), *byte_sums(result, table), *formula(result, table), *neutrality(result, table),
            *determinism(result, again)]
    return frame([(result.policy, *row) for row in rows], INVARIANT_COLUMNS)


def all_hold(table):
    """Whether every row of a frame of invariants holds."""
    return bool(table.holds.all())


def functions(result):
    """1: encoded + skipped == instances seen, in the manifest and in functions.csv."""
    f, funnel = result.manifest["functions"], result.manifest["funnel"]
    skipped = sum(f["skipped"].values())
    yield ("1 functions", "encoded + skipped == instances", f["encoded"] + skipped == f["instances"],
           f"{f['encoded']:,} + {skipped:,} = {f['encoded'] + skipped:,}, instances {f['instances']:,}")
    reasons = result.functions.reason.value_counts()
    listed = {k: int(v) for k, v in reasons.items() if k}
    encoded = int(reasons.get("", 0))
    yield ("1 functions", "functions.csv says the same, reason by reason",
           listed == f["skipped"] and encoded == f["encoded"],
           f"{encoded:,} rows without a reason, {sum(listed.values()):,} with one of {len(listed)}")
    if {"dies_with_code", "fallback"} <= funnel.keys():
        seen = funnel["dies_with_code"] + funnel["fallback"]
        yield ("1 functions", "DIEs with code + added by fallback == instances", seen == f["instances"],
               f"{funnel['dies_with_code']:,} + {funnel['fallback']:,} = {seen:,}")
    for whole, parts in SUMS.items():
        if whole in funnel:
            total = sum(funnel.get(part, 0) for part in parts)
            yield ("1 functions", f"the parts of {whole} sum to it", total == funnel[whole],
                   f"{' + '.join(f'{funnel.get(part, 0):,}' for part in parts)} = {total:,}, {whole} {funnel[whole]:,}")
    n_funcs = result.accounts[BASELINE].kinds["FUNC"][0]
    yield ("1 functions", "FUNCs of the baseline file == FUNCs that the manifest counts", n_funcs == f["funcs"],
           f"{n_funcs:,} in the file, {f['funcs']:,} in the manifest")


def byte_sums(result, table):
    """2: the parts of each file sum to its size on disk."""
    for name, path in result.files.items():
        mine = table[table.encoding == name]
        parts = mine[mine.part.isin(["header", "types", "strings", "layout", "padding"])].groupby("part").bytes.sum()
        total, size = int(parts.sum()), _size(path)
        words = " + ".join(f"{part} {parts[part]:,}" for part in ("header", "types", "strings", "layout", "padding")
                           if parts.get(part))
        yield ("2 bytes", f"parts of {path.name} sum to its size", total == size, f"{words} = {total:,}, file {size:,}")


def formula(result, table):
    """3: measured growth == the growth that the encoding's formula predicts from the function table."""
    sizes = table[table.part == "file"].set_index("encoding").bytes
    for name in result.encodings:
        growth = int(sizes[name] - sizes[BASELINE])
        predicted = result.manifest["encodings"][name]["predicted_growth"]
        yield ("3 formula", f"growth of {name} over {BASELINE} == its formula", growth == predicted,
               f"measured {growth:+,}, predicted {predicted:+,}")


def neutrality(result, table):
    """4: encodings differ only in functions and what refers to them."""
    types = table[(table.part == "types") & (table.encoding != SHIPPED) & ~table.kind.isin(OF_FUNCTIONS)]
    base = types[types.encoding == BASELINE].set_index("kind")["count"].to_dict()
    for name in result.encodings[1:]:
        mine = types[types.encoding == name].set_index("kind")["count"].to_dict()
        kinds = sorted(base.keys() | mine.keys())
        differ = [f"{kind} {mine.get(kind, 0):,} for {base.get(kind, 0):,}" for kind in kinds
                  if mine.get(kind, 0) != base.get(kind, 0)]
        yield ("4 neutrality", f"all kinds of {name} but FUNC and DECL_TAG as in {BASELINE}", not differ,
               "; ".join(differ) or f"{sum(base.values()):,} types of {len(base)} kinds")


def determinism(result, again=None):
    """5: the files are still those that were written, and another run wrote the same."""
    for name in result.encodings:
        said = result.manifest["encodings"][name]["sha256"]
        found = _digest(result.files[name])
        yield ("5 files", f"{name}.btf has the sha256 that the manifest says", found == said, found[:16])
    if again is not None:
        names = sorted(set(result.encodings) | set(again.encodings))
        differ = [n for n in names if result.sha256.get(n) != again.sha256.get(n)]
        yield ("5 determinism", "encoded again, the same bytes", not differ,
               f"differ: {', '.join(differ)}" if differ else f"{len(names)} files")


def _size(path):
    try:
        return Path(path).stat().st_size
    except OSError:
        return -1


def _digest(path):
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return "unreadable"
