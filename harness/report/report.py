"""The report of one kernel: frames from measure, put into tables, plots and sentences."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from harness import encodings as enc
from harness import measure
from harness.errors import MeasureError
from harness.measure import BASELINE, COMPRESSORS, HEADLINE, SHIPPED, csv_bytes, frame
from harness.measure.attach import TODAY
from harness.report import plots
from harness.report.tables import Table, escaped

SHOWN = 20
"""Rows of a long table in the report; its CSV has all."""

SHOWN_OF_NAMES = ("name", "class", "instances", "addresses", "signatures", "init_addresses", "ftrace_addresses",
                  "file_separates", "unit_separates")
"""Columns of ambiguous names in the report; the CSV has all."""

EXAMPLES = 3
"""Names given for each reason."""

NAMED_OUTLIERS = 4
"""Most repeated numbers of addresses that the histogram names."""


class Report(NamedTuple):
    """A report, not yet written.

    Attributes
    ----------
    text : str
        report.md.
    tables : dict of str to DataFrame
        By the stem of the CSV's name.
    images : dict of str to bytes
        By file name.
    ok : bool
        Whether all invariants hold. A program should end with status 1 when they do not.
    """

    text: str
    tables: dict
    images: dict
    ok: bool


def render(folders, out, witnesses=True, threads=2):
    """Write the report of one kernel; see `build` and `write`. Returns the Path of report.md."""
    return write(build(folders, witnesses, threads), out)


def write(report, out):
    """Write report.md, the tables as CSV and the plots as PNG and SVG into a folder, each atomically.

    Returns
    -------
    Path
        Of report.md, which is written last.

    Raises
    ------
    MeasureError
        The folder cannot be written.
    """
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MeasureError(f"the folder cannot be made: {error.strerror}", out) from error
    for name, table in report.tables.items():
        measure.write(out / f"{name}.csv", csv_bytes(table))
    for name, data in report.images.items():
        measure.write(out / name, data)
    measure.write(out / "report.md", report.text.encode("utf-8", "replace"))
    return out / "report.md"


def build(folders, witnesses=True, threads=2):
    """Measure and compare the results of one kernel.

    Parameters
    ----------
    folders : list of path-like or Result
        One per policy, all of the same kernel.
    witnesses : bool
        Also ask bpftool and the running kernel.
    threads : int
        For compression.

    Returns
    -------
    Report

    Raises
    ------
    MeasureError
        A folder cannot be measured, or two do not belong together.
    """
    results = [f if isinstance(f, measure.Result) else measure.load(f) for f in folders]
    _same_kernel(results)
    results.sort(key=lambda r: (r.policy != HEADLINE, r.policy))
    sizes = {r.policy: measure.measurements(r, threads=threads) for r in results}
    page = _Page(results[0], sizes[results[0].policy])
    checks = _concatenated([measure.check_invariants(r, sizes[r.policy]) for r in results])
    ok = measure.all_hold(checks)
    names = results[0].names

    policies = _concatenated([encodings_frame(r, sizes[r.policy], policy=True) for r in results])
    encodings = encodings_frame(results[0], sizes[results[0].policy])
    page.add(f"# {results[0].kernel}: what function addresses cost in BTF")
    if not ok:
        broken = checks[~checks.holds]
        page.add(f"**FAILED: {len(broken)} of {len(checks)} checks of the invariants do not hold "
                 f"({', '.join(sorted(set(broken.invariant)))}). No figure below can be trusted.**")
    page.add(QUESTION)
    page.add(headline(encodings, names))
    _provenance(page, results)

    page.add(f"## Encodings\n\nPolicy `{results[0].policy}`; bytes are those of the whole file; delta and percent are "
             f"over `{BASELINE}`.")
    page.add("\n".join(_meanings(results[0])))
    page.table("encodings", encodings)
    page.plot("bytes", plots.bytes_by_encoding, stack_frame(results[0], page.sizes), 3.1)

    page.add("## Types by kind")
    page.table("kinds", kinds_frame(page.sizes))
    page.plot("kinds_plot", plots.types_by_kind, kinds_plot_frame(page.sizes), 5.4)

    page.add("## Bytes by part\n\nEvery byte of a file has one label; the total is the size of the file.")
    page.table("parts", parts_frame(page.sizes))

    page.add("## All policies")
    page.add("\n".join(f"- `{policy}`: {text}." for policy, text in POLICIES.items() if policy in sizes))
    page.table("policies", policies)

    page.add("## Functions\n\nFrom DIEs to FUNCs, policy "
             f"`{results[0].policy}`.")
    page.table("funnel", measure.funnel(results[0]))
    page.add("Function instances by reason for which they are left out:")
    page.table("skipped", measure.skipped(results))
    several = names[names.addresses > 1]
    page.add(f"{len(several):,} of {len(names):,} matched names have more than one address, "
             f"{int(several.addresses.sum()):,} addresses together. All instances count here that a symbol matches, "
             "whatever the policy; `exact` symbols have the very name, `suffix` ones .isra, .constprop or the like.")
    page.table("names", several, SHOWN)
    outliers = [(n, ", ".join(g.name.head(2)) + (" …" if len(g) > 2 else ""))
                for n, g in several.groupby("addresses") if len(g)][-NAMED_OUTLIERS:]
    page.plot("addresses_per_name", plots.addresses_per_name, measure.addresses_per_name(names), 3.8,
              outliers=outliers)

    _selection(page, results)
    _ambiguity(page, results[0])
    _attachability(page, results)

    page.add("## The thread's estimates\n\nWords, authors and rules are in `data/claims.toml`.")
    page.add("\n".join(f"- `{c['id']}`: \"{c['quote']}\" ({c['author']}, {c['date']}, {c['message_id']})"
                       for c in measure.read_claims()))
    page.table("claims", measure.judge_claims(results))

    page.add("## Invariants\n\n" + ("All hold." if ok else "**FAILED.**"))
    page.table("invariants", checks)

    _witnesses(page, results[0], witnesses)
    page.add(LIMITS)
    return Report("\n\n".join(page.text) + "\n", page.tables, page.images, ok)


class _Page:
    """A report while it grows."""

    def __init__(self, result, sizes):
        self.result, self.sizes = result, sizes
        self.text, self.tables, self.images = [], {}, {}

    def add(self, text):
        self.text.append(text)

    def table(self, name, table, shown=None):
        self.tables[name] = table
        self.add(Table(name, table, shown).markdown())

    def plot(self, name, plot, table, height, **arguments):
        self.tables.setdefault(name, table)
        for suffix, data in plots.draw(plot, table, height, **arguments).items():
            self.images[f"{name}.{suffix}"] = data
        self.add(f"![{name}]({name}.png)")


QUESTION = """\
## What was asked

A function that appears at several addresses, such as a `static inline` emitted in many compile units, becomes one
FUNC in BTF, and a tracer that attaches by BTF id cannot say which address it means. What does it cost to give every
function its address, in types and in bytes, and who can still read the file?"""

POLICIES = {
    "all": "every instance with code, a prototype and an ELF symbol at its address",
    "consistent": "without names whose instances disagree on types or have a parameter where it is not expected, and "
                  "without clones that lack parameters; names with several addresses stay",
    "current": "also without names that have more than one address, as pahole does since 1.31",
}

LIMITS = """\
## Limits

- What fentry takes is judged by the rules of the newest kernel that was read, not by those of the kernel measured.
- Attachable addresses of `decl_tag` and `btf_func` are those that a kernel could reach which reads them;
  none does today.
- Addresses are those of the ELF file. A kernel that randomizes its base needs them relocated; what that would cost is
  not counted.
- One kernel, one compiler, one configuration.
- The words of consumers are those of the versions named, on the machine where the report was made."""


def _selection(page, results):
    """What the register rules and their historic forms make of the functions."""
    manifest = results[0].manifest
    words = {"numbered": "the registers' numbers are known, as pahole knows them",
             "counted": "pahole knows only how many registers there are, so a wrong one is not noticed",
             "unsupported": "pahole has no register rules for this machine, so parameters are not judged by them"}
    page.add(f"## Forms of the rules\n\nThe policies follow pahole's rules of {manifest.get('rules', '?')}"
             + (f" with its faults {', '.join(manifest['quirks'])}" if manifest.get("quirks") else "")
             + f"; {manifest['kernel'].get('machine', '?')}: {words.get(manifest.get('registers'), '?')}.")
    path = results[0].folder.parent / "selection.csv"
    if not path.is_file():
        page.add("Only this form was made; a report made from a kernel compares all of them.")
        return
    page.add("What each version of pahole would keep, and what its two faults change: `part-flags` lets .part bodies "
             "spoil their parent's name, `no-ranges` sees no address in a DIE with DW_AT_ranges alone.")
    page.table("selection", measure.read_forms(path))


def _ambiguity(page, result):
    """Which names are ambiguous, why, and what would tell their instances apart."""
    names, summary = measure.ambiguous_names(result), measure.ambiguity_summary(result)
    several = names[names.addresses > 1]
    page.add("## Why names are ambiguous\n\nEach name is in the first class that applies. No policy changes it.")
    page.add("\n".join(f"- `{cause.name}`: {cause.meaning}." for cause in measure.CAUSES))
    page.table("ambiguity", summary)
    if len(several):
        page.add(f"Of {len(several):,} names with several addresses ({int(several.addresses.sum()):,} of them), the "
                 f"file where they are defined would separate the instances of {int(several.file_separates.sum()):,}, "
                 f"file and line of {int(several.file_line_separates.sum()):,}, and the compile unit of "
                 f"{int(several.unit_separates.sum()):,}. {int(several.same_prototype.sum()):,} have one prototype. "
                 f"{int(several.init_addresses.sum()):,} of the addresses are in .init or .exit text and gone after "
                 f"boot; {int(several.ftrace_addresses.sum()):,} have an ftrace call site.")
    page.tables["ambiguous_names"] = names
    page.add(Table("ambiguous_names", names[list(SHOWN_OF_NAMES)], SHOWN).markdown())
    page.tables["aliases"] = measure.aliases(result)
    page.add(f"{len(page.tables['aliases']):,} addresses have several names with a DIE (aliases.csv).")


def _attachability(page, results):
    """What fentry could be attached to, and what that costs."""
    attach, prices = measure.attach_frames(results)
    first = attach.iloc[0]
    page.add(f"## Who can be attached to\n\n{first.addresses:,} addresses of functions are known, whatever the policy. "
             "`unique_id`: one BTF id stands for the address alone; `ambiguous_id`: it is described, but the id stands "
             "for several addresses, or several ids for its name; `unreachable`: it is described by a name that no "
             "symbol has exactly, so the kernel's lookup by name fails; `no_func`: described by none. Attachable are "
             "those of a unique id whose prototype fentry takes, with an ftrace call site, outside .init and .exit.")
    page.table("attachability", attach)
    page.add("What a newly attachable function costs, over `plain` of the same policy and over what is shipped today "
             f"(`plain` under `{TODAY}`):")
    page.table("bytes_per_attachable", prices)
    best = prices[(prices.policy == results[0].policy) & (prices.gained > 0)].sort_values("bytes_per_gained")
    for row in best.itertuples():
        page.add(f"- `{row.encoding}` over {row.over}: {row.growth:,} bytes for {row.gained:,} more functions, "
                 f"{row.bytes_per_gained:,.2f} bytes each.")
    page.add("Why fentry refuses FUNCs of `plain`, by prototype:")
    refused = measure.refusals(results)
    page.table("refusals", refused[refused.functions > 0])


def _same_kernel(results):
    if not results:
        raise MeasureError("expected at least one result folder, found none")
    first = results[0]
    for other in results[1:]:
        for key in ("label", "build_id", "machine"):
            a, b = first.manifest["kernel"].get(key), other.manifest["kernel"].get(key)
            if a != b:
                raise MeasureError(f"expected results of one kernel, found {key} {a!r} and {b!r}", other.folder)
        if first.manifest.get("harness") != other.manifest.get("harness"):
            raise MeasureError("expected results of one version of this program, found "
                               f"{first.manifest.get('harness')!r} and {other.manifest.get('harness')!r}", other.folder)
    policies = [r.policy for r in results]
    if len(set(policies)) < len(policies):
        raise MeasureError(f"expected one result per policy, found {', '.join(policies)}", first.folder)


def _concatenated(frames):
    import pandas as pd

    return pd.concat(frames, ignore_index=True)


def encodings_frame(result, sizes, policy=False):
    """One row per encoding: bytes, growth, types, FUNCs, DECL_TAGs; compressed sizes with their growth."""
    counts = measure.kind_counts(sizes)
    parts = sizes[sizes.part.isin(["file", *COMPRESSORS])].pivot(index="encoding", columns="part", values="bytes")
    types = sizes[sizes.part == "file"].set_index("encoding")["count"]
    rows = []
    for name in result.encodings:
        row = {"policy": result.policy} if policy else {}
        row |= {"encoding": name, "bytes": int(parts.file[name]), **_growth("", parts.file, name),
                "types": int(types[name]), "FUNC": _count(counts, name, "FUNC"),
                "extra FUNC": _count(counts, name, "FUNC") - _count(counts, BASELINE, "FUNC"),
                "DECL_TAG": _count(counts, name, "DECL_TAG")}
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
    return wide.rename_axis(index="kind", columns=None).reset_index()


def kinds_plot_frame(sizes):
    """kind, encoding, count of the encodings, without the shipped file."""
    counts = measure.kind_counts(sizes[sizes.encoding != SHIPPED])
    rows = [(kind, encoding, counts.at[encoding, kind]) for kind in counts.columns for encoding in counts.index]
    return frame(rows, ("kind", "encoding", "count"))


def parts_frame(sizes):
    """Bytes by part (rows: header, kinds, strings, layout, padding, total) and file (columns)."""
    nbytes = measure.kind_counts(sizes, "bytes").T
    wide = sizes[sizes.kind == ""].pivot(index="part", columns="encoding", values="bytes")[list(nbytes.columns)]
    table = _concatenated([wide.loc[["header"]].reset_index(drop=True), nbytes.reset_index(drop=True),
                           wide.loc[["strings", "layout", "padding"]].reset_index(drop=True)])
    table.loc[len(table)] = table.sum()
    table.insert(0, "part", ["header", *nbytes.index, "strings", "layout", "padding", "total"])
    return table.rename_axis(columns=None).astype({name: "int64" for name in nbytes.columns})


def stack_frame(result, sizes):
    """encoding, part, bytes for the stacked bars; the parts sum to the file."""
    own = {"FUNC_PROTO", "FUNC", "DECL_TAG"}
    rows = []
    for name in result.encodings:
        mine = sizes[(sizes.encoding == name) & ~sizes.part.isin(["file", *COMPRESSORS])]
        label = [kind if kind in own else "shared types" if kind else part if part == "strings" else "other"
                 for kind, part in zip(mine.kind, mine.part, strict=True)]
        nbytes = mine.bytes.groupby(label).sum()
        rows += [(name, part, nbytes.get(part, 0)) for part in plots.COLOURS]
    return frame(rows, ("encoding", "part", "bytes"))


def headline(encodings, names):
    """The answer in a sentence or two."""
    base, *others = encodings.to_dict("records")
    if not others:
        return f"Only `{base['encoding']}` was made: {base['bytes']:,} bytes."
    grown = [f"`{row['encoding']}` {row['delta']:+,} bytes ({row['percent']:+.2f} %, {row['extra FUNC']:,} more FUNCs)"
             for row in others]
    text = (f"**Over the {base['bytes']:,} bytes and {base['FUNC']:,} FUNCs of `{base['encoding']}`, addresses for all "
            f"functions cost: {'; '.join(grown)}.**")
    part = COMPRESSORS[0]
    if part in encodings.columns:
        text += (f" Compressed with {part.replace('-', ' -')}: "
                 + "; ".join(f"`{row['encoding']}` {row[part + ' delta']:+,} ({row[part + ' percent']:+.2f} %)"
                             for row in others) + f" over {base[part]:,}.")
    several = names[names.addresses > 1]
    if len(several):
        most = several.iloc[0]
        text += (f" {len(several):,} names have several addresses, most of all {escaped(most['name'])} with "
                 f"{most.addresses:,}.")
    return text


def _meanings(result):
    known = set(enc.names())
    for name in result.encodings:
        if name in known:
            e = enc.encoding(name)
            yield f"- `{name}`: {escaped(e.summary)}. Growth by formula: {escaped(e.formula)}."


def _provenance(page, results):
    manifest = results[0].manifest
    kernel = manifest["kernel"]
    rows = [("kernel", kernel["label"])]
    rows += [(key.replace("_", " "), str(kernel[key])) for key in ("build_id", "machine", "bits", "byteorder")
             if kernel.get(key) is not None]
    rows += [(key.replace("_", " "), str(value)) for key, value in sorted(kernel.get("provenance", {}).items())
             if key not in ("build_id", "label")]
    rows += [("program", f"btf-harness {manifest.get('harness', '?')}"),
             ("policies", ", ".join(r.policy for r in results)),
             ("addresses by fallback", "yes" if manifest.get("fallback") else "no")]
    import pandas as pd

    page.add("## Kernel")
    page.table("kernel", pd.DataFrame(rows, columns=["what", "value"]).astype("str"))


def _witnesses(page, result, asked):
    page.add("## Witnesses")
    page.add("### Consumers")
    if asked:
        page.table("consumers", measure.ask_consumers(result))
    else:
        page.add("Not asked.")

    page.add("### The kernel's own .BTF")
    kinds = measure.shipped_kinds(result)
    if kinds is None:
        page.add("This kernel ships none.")
        return
    wrong = kinds[kinds.verdict == "UNEXPLAINED"]
    page.add(f"Types by kind in `{BASELINE}` and in the shipped section. " + (
        f"**{len(wrong)} kinds differ that must not: {', '.join(wrong.kind)}.**" if len(wrong) else
        "All kinds that do not depend on the choice of functions and variables have equal counts."))
    page.table("shipped_kinds", kinds)
    names = measure.shipped_names(result)
    if len(names):
        why = names.reason.where(names.kind != "FUNC_PROTO", names.reason.str.split(":").str[0])
        totals = names.assign(why=why).groupby(["kind", "only in", "why"], sort=False)
        page.add("Differences by reason:")
        page.table("shipped_reasons", frame([(*key, len(group), ", ".join(group.name.head(EXAMPLES)))
                                             for key, group in totals],
                                            ("kind", "only in", "reason", "names", "examples")))
    page.add("Differences by name:")
    page.table("shipped_names", names, SHOWN)

    page.add("### C declarations")
    if not asked:
        page.add("Not compared: bpftool was not asked.")
        return
    found = measure.declarations(result)
    page.add(f"{found.verdict[0].upper()}{found.verdict[1:]}. {escaped(found.words)}."
             + (f" {escaped(found.reason)}." if found.reason else ""))
    if found.differences is not None:
        page.tables["declarations"] = found.differences
        if len(found.differences):
            page.add(Table("declarations", found.differences, SHOWN).markdown())
