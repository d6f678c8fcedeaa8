"""The frames that the report adds to those of harness.measure: sizes put side by side, and what each plot draws."""

from __future__ import annotations

from harness import encodings as enc
from harness import measure
from harness.errors import MeasureError
from harness.measure import BASELINE, COMPRESSORS, SHIPPED, columns_of, frame
from harness.measure.attach import TODAY
from harness.measure.sizes import together
from harness.model import Kind

REASON_SHORT = {"overridden: its name's symbol is elsewhere": "overridden by another symbol"}
"""Reasons that are too long for a plot, and their short forms."""

NAMED = 4
"""How many of the highest numbers of addresses have their names in the plot."""

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


def bytes_plot(result, sizes):
    """encoding, part, bytes for the stacked bars; the parts sum to the file.

    Shown by themselves are the kinds that encodings differ in, and their prototypes, the strings, and an encoding's own
    sections.
    """
    kinds, rows = ("FUNC_PROTO", *enc.touched_kinds(result.encodings)), []
    sections = [part for part in dict.fromkeys(sizes.part) if part.startswith(".")]
    stack = ("shared types", *kinds, "strings", *sections, "other")
    for name in result.encodings:
        mine = sizes[(sizes.encoding == name) & ~sizes.part.isin(["file", *COMPRESSORS])]
        label = [kind if kind in kinds else "shared types" if kind else part if part in stack else "other"
                 for kind, part in zip(mine.kind, mine.part, strict=True)]
        nbytes = mine.bytes.groupby(label).sum()
        rows += [(name, part, nbytes.get(part, 0)) for part in stack]
    return frame(rows, ("encoding", "part", "bytes"))


def kinds_plot(sizes):
    """kind, encoding, count of the encodings, without the shipped file."""
    counts = measure.kind_counts(sizes[sizes.encoding != SHIPPED])
    rows = [(kind, encoding, counts.at[encoding, kind]) for kind in counts.columns for encoding in counts.index]
    return frame(rows, ("kind", "encoding", "count"))


def names_plot(names):
    """addresses, names, and in `named` the names themselves if only a few have the most addresses."""
    table = measure.addresses_per_name(names)
    several = names[names.addresses > 1]
    said = {n: ", ".join(group.name.head(2)) + (" ..." if len(group) > 2 else "")
            for n, group in several.groupby("addresses")}
    last = sorted(said)[-NAMED:]
    return table.assign(named=[said[n] if n in last else "" for n in table.addresses]).astype({"named": "str"})


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


def compressed_plot(encodings):
    """encoding, form (raw, zstd-19, xz-9), bytes, delta, percent: growth of the file, and of the compressed file."""
    rows = []
    for row in encodings.to_dict("records"):
        rows.append((row["encoding"], "raw", row["bytes"], row["delta"], row["percent"]))
        rows += [(row["encoding"], part, row[part], row[f"{part} delta"], row[f"{part} percent"])
                 for part in COMPRESSORS if part in row]
    return frame(rows, ("encoding", "form", "bytes", "delta", "percent"))


def tradeoff_plot(policies, attach):
    """policy, encoding, growth, attachable, today: one row per encoding and policy.

    growth is over the file of today, the baseline under the policy that pahole follows; over the baseline of the first
    policy when that one was not made.
    """
    base = policies[policies.encoding == BASELINE].set_index("policy").bytes
    start = TODAY if TODAY in base.index else base.index[0]
    nbytes = policies.set_index(["policy", "encoding"]).bytes
    rows = [(row.policy, row.encoding, int(nbytes[row.policy, row.encoding]) - int(base[start]), row.attachable,
             (row.policy, row.encoding) == (TODAY, BASELINE)) for row in attach.itertuples()]
    return frame(rows, ("policy", "encoding", "growth", "attachable", "today"))


def treemap_plot(sizes, file=BASELINE):
    """file, part (header, kinds, strings ...), bytes of one file; empty parts are left out."""
    mine = sizes[(sizes.encoding == file) & ~sizes.part.isin(["file", *COMPRESSORS]) & (sizes.bytes > 0)]
    rows = [(file, kind or part, nbytes) for part, kind, nbytes in zip(mine.part, mine.kind, mine.bytes, strict=True)]
    return frame(rows, ("file", "part", "bytes"))


INSTANCE_COLUMNS = ("name", "address", "symbol", "match", "section", "file", "line", "unit", "ftrace")
"""Columns of functions.csv that the page's search shows."""


def instances_frame(results, ambiguous):
    """Every function instance: INSTANCE_COLUMNS, the class of its name ('' if unambiguous), and for each policy a
    column of its name with the reason why it is left out, '' if it is encoded.

    Parameters
    ----------
    results : list of harness.measure.Result
    ambiguous : DataFrame
        As from measure.ambiguous_names.

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
