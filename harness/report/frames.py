"""The frames that the report adds to those of harness.measure: sizes put side by side, what consumers made of each
file, and what each plot draws."""

from __future__ import annotations

from harness import encodings as enc
from harness import measure
from harness.errors import MeasureError
from harness.measure import BASELINE, COMPRESSORS, columns_of, frame
from harness.measure.sizes import together
from harness.measure.taken import AS_WRITTEN, NOT_KNOWN, added_faults, cell
from harness.model import Kind
from harness.report.words import listed
from harness.results.executed import BASE_ALONE, WITH_BASE
from harness.witnesses.consumer import UNOPENED

REASON_SHORT = {"overridden: its name's symbol is elsewhere": "overridden by another symbol"}
"""Reasons that are too long for a plot, and their short forms."""

FUNC = Kind.FUNC.name

FUNNEL = (
    ("subprogram_dies", "subprogram DIEs", "total"),
    ("dies_declared", "declarations", "removed"),
    ("dies_without_name", "named in another unit, or not at all", "removed"),
    ("dies_abstract", "abstract (inlined)", "removed"),
    ("dies_without_code", "other definitions without code", "removed"),
    ("dies_discarded", "discarded by the linker", "removed"),
    ("dies_with_code", "instances with code", "total"),
    ("fallback", "found by their symbol alone", "added"),
)
"""Counts of the manifest's funnel that lead to the instances seen: key, words, role."""


def kinds_of(results):
    """The kinds that the encodings in some Results touch, FUNC aside, list of str in wire order."""
    names = dict.fromkeys(name for result in results for name in result.encodings)
    return [kind for kind in enc.touched_kinds(names) if kind != FUNC]


def encodings_frame(result, sizes, kinds, policy=False):
    """One row per encoding: bytes, growth, types, FUNCs, types of some kinds; compressed sizes with their growth.

    Parameters
    ----------
    result : harness.measure.Result
    sizes : DataFrame
        As from measure.measurements(result).
    kinds : list of str
        Those that have a column besides FUNC, as from kinds_of.
    policy : bool
        With the policy as the first column.
    """
    counts = measure.kind_counts(sizes)
    parts = sizes[sizes.part.isin(["file", *COMPRESSORS])].pivot(index="encoding", columns="part", values="bytes")
    types = sizes[sizes.part == "file"].set_index("encoding")["count"]
    rows = []
    for name in result.encodings:
        row = {"policy": result.policy} if policy else {}
        row |= {"encoding": name, "bytes": int(parts.file[name]), **_growth("", parts.file, name),
                "types": int(types[name]), FUNC: _count(counts, name, FUNC),
                f"extra {FUNC}": _count(counts, name, FUNC) - _count(counts, BASELINE, FUNC),
                **{kind: _count(counts, name, kind) for kind in kinds}}
        for part in COMPRESSORS:
            if part in parts.columns:
                row |= {part: int(parts[part][name]), **_growth(part + " ", parts[part], name)}
        rows.append(row)
    import pandas as pd

    return pd.DataFrame(rows)


def _growth(prefix, sizes, name):
    base, size = int(sizes[BASELINE]), int(sizes[name])
    return {f"{prefix}delta": size - base, f"{prefix}percent": round(100 * (size - base) / base, 2)}


def _count(counts, encoding, kind):
    return int(counts.at[encoding, kind]) if kind in counts.columns else 0


def kinds_frame(sizes):
    """Types by kind (rows) and file (columns), with their total."""
    wide = measure.kind_counts(sizes).T
    wide.loc["total"] = wide.sum()
    return _registered(wide.rename_axis(index="kind", columns=None).reset_index(), sizes)


def parts_frame(sizes):
    """Bytes by part (rows: header, kinds, strings, layout, padding, encodings' own sections, total) and file."""
    nbytes = measure.kind_counts(sizes, "bytes").T
    wide = sizes[sizes.kind == ""].pivot(index="part", columns="encoding", values="bytes")[list(nbytes.columns)]
    behind = ["strings", "layout", "padding", *(part for part in dict.fromkeys(sizes.part) if part.startswith("."))]
    table = together([wide.loc[["header"]].reset_index(drop=True), nbytes.reset_index(drop=True),
                      wide.loc[behind].fillna(0).reset_index(drop=True)])
    table.loc[len(table)] = table.sum()
    table.insert(0, "part", ["header", *nbytes.index, *behind, "total"])
    return _registered(table.rename_axis(columns=None), sizes)


def _registered(table, sizes):
    """A table with a column for each file, in the dtypes of the register."""
    known = columns_of(sizes.encoding.unique())
    return table.astype({name: known[name].dtype for name in table.columns})


def skipped_frame(results):
    """Instances by policy and the reason they are left out, the encoded ones, and the total."""
    table = measure.skipped(results)
    rows = []
    for policy, group in table.groupby("policy", sort=False):
        rows += list(group.itertuples(index=False, name=None))
        mine = next(r for r in results if r.policy == policy)
        rows.append((policy, "total", int(group.instances.sum()), mine.functions.name.nunique()))
    return frame(rows, ("policy", "reason", "instances", "names"))


def readers_frame(matrix):
    """What each consumer makes of each file, over all its versions: a row per file, a column per consumer, each cell a
    word as `btf-harness matrix` prints it. A split file over its base has the name of its form alone. What was
    only made to be opened in another way has no row if nobody could."""
    import pandas as pd

    rows = []
    for (name, opened), mine in matrix.assign(judged=added_faults(matrix)).groupby(["encoding", "opened"], sort=False):
        words = {who: cell(zip(same.judged, same.version, strict=True))
                 for who, same in mine.groupby("consumer", sort=False)}
        if opened in AS_WRITTEN or set(words.values()) != {NOT_KNOWN}:
            rows.append({"encoding": name if opened in AS_WRITTEN else f"{name}, {opened}", **words})
    return pd.DataFrame(rows).fillna("-").astype("str")


def funnel_plot(result, sizes):
    """step, role (total, removed, added), functions: from DIEs to the FUNCs of the baseline; each total is the sum."""
    counts, functions = result.manifest["funnel"], result.manifest["functions"]
    rows = [(words, role, counts[key]) for key, words, role in FUNNEL if key in counts]
    rows.append(("instances seen", "total", functions["instances"]))
    rows += [(REASON_SHORT.get(reason, reason), "removed", n)
             for reason, n in sorted(functions["skipped"].items(), key=lambda item: (-item[1], item[0]))]
    funcs = _count(measure.kind_counts(sizes), BASELINE, FUNC)
    added = functions.get("added", 0)  # by the kernel's own step
    rows += [("instances encoded", "total", functions["encoded"]),
             *([("_impl of kfuncs", "added", added)] if added else []),
             ("same name and prototype as another", "removed", functions["encoded"] + added - funcs),
             (f"FUNCs in {BASELINE}", "total", funcs)]
    return frame(rows, ("step", "role", "functions"))


INSTANCE_COLUMNS = ("name", "address", "symbol", "match", "section", "file", "line", "unit", "ftrace")
"""Columns of functions.csv that the page's search shows."""


def instances_frame(results, ambiguous):
    """Every function instance: INSTANCE_COLUMNS, the class of its name ('' if unambiguous), and for each policy a
    column of its name with the reason why it is left out, '' if it is encoded.

    Parameters
    ----------
    results : list of harness.measure.Result
    ambiguous : DataFrame
        As from measure.classified_names.

    Raises
    ------
    MeasureError
        The results have other instances, or in another order.
    """
    first = results[0].of.instances
    table = first[list(INSTANCE_COLUMNS)].copy()
    classes = dict(zip(ambiguous.name, ambiguous["class"], strict=True))
    table["class"] = first.name.map(classes).astype(object).fillna("")
    for result in results:
        theirs = result.functions
        if result.of is not results[0].of and not (theirs.die.equals(first.die)
                                                   and theirs.address.equals(first.address)):
            raise MeasureError("expected the instances in the same order under every policy", result.folder)
        table[result.policy] = theirs.reason
    return table


def files_opened(matrix):
    """What is to be known of the files that were opened, sentences."""
    parts = [(row.encoding, row.opened, part) for row in matrix.itertuples() for part in row.detail.split("; ")]
    unopened: dict = {}
    for name, _, part in parts:
        if part.endswith(UNOPENED):
            unopened.setdefault(part.removesuffix(UNOPENED).strip(), {})[f"`{name}`"] = None
    for section, names in unopened.items():
        yield f"Of {listed(names)} only the .BTF was opened: no consumer reads {section}, which is no BTF."
    split = {f"`{name}`": None for name, opened, _ in parts if opened == WITH_BASE}
    if split:
        alone = BASE_ALONE in set(matrix.opened)
        what = "" if alone else f", which is that of `{BASELINE}`, byte for byte"
        yield f"Of {listed(split)} the split file was opened, over the file beside it{what}."
