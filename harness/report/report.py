"""The report of one kernel: frames from measure, arranged with words, tables and figures."""

from __future__ import annotations

from contextlib import contextmanager
from typing import NamedTuple

from harness import encodings as enc
from harness import measure
from harness import witnesses as wit
from harness.errors import MeasureError
from harness.functions.rules import QUIRKS
from harness.measure import BASELINE, HEADLINE, SHIPPED, frame
from harness.measure.attach import TODAY
from harness.measure.sizes import together, zstd_version
from harness.measure.taken import LEGEND
from harness.program.variables import DISCARDED, MADE_UP
from harness.report import frames as fr
from harness.report import plots, words
from harness.report.document import Figure, Heading, Report, Words
from harness.report.tables import Table, escaped, says_nothing
from harness.report.worker import worker
from harness.results.coverage import LEFT_OUT
from harness.results.executed import SORT, UNREADABLE, WRONG
from harness.witnesses import shipped, survival
from harness.witnesses.asking import Silence, ask_each

SHOWN = 20
"""Rows of a long table in the report; its CSV has all of them."""

SHOWN_OF_NAMES = ("name", "class", "instances", "addresses", "signatures", "init_addresses", "ftrace_addresses",
                  "file_separates", "unit_separates")
"""Columns of ambiguous names in the report; the CSV has all of them."""

EXAMPLES = 3
"""Names given for each reason."""

NOT_SHOWN = ("provenance", "base", "code_sections")
"""Of the manifest's kernel: what is shown by itself, and what offsets count from."""


def build(folders, witnesses=True, threads=2, command="", pool=None):
    """Measure and compare the results of one kernel.

    Parameters
    ----------
    folders : list of Result, or of path-like
        One Result per policy, all of one kernel; a path stands for all Results in it.
    witnesses : bool
        Also ask bpftool and the running kernel.
    threads : int
        For compression.
    command : str
        What makes the report again, for its reader.
    pool : executor, optional
        Where to draw and to ask the witnesses, see harness.report.worker; by default one is made.

    Returns
    -------
    Report

    Raises
    ------
    MeasureError
        There is no result, a folder cannot be measured, or results do not belong together.
    """
    if pool is None:
        with worker(threads) as pool:
            return build(folders, witnesses, threads, command, pool)
    from harness.report import findings

    results = [r for f in folders for r in ([f] if isinstance(f, measure.Result) else measure.results_under(f))]
    _same_kernel(results)
    results.sort(key=lambda r: (r.policy != HEADLINE, r.policy))
    first, today = results[0], next((r for r in results if r.policy == TODAY), results[0])
    answers = pool.submit(_ask, first.folder, first.policy, witnesses, today.folder, today.policy)
    sizes = {r.policy: measure.measurements(r, threads=threads) for r in results}
    page = _Page(first, sizes[first.policy], pool)
    checks = together([measure.check_invariants(r, sizes[r.policy]) for r in results])
    ok = measure.all_hold(checks)
    attach, prices = measure.attach_frames(results)
    policies = together([fr.encodings_frame(r, sizes[r.policy], fr.kinds_of(results), policy=True) for r in results])

    _beginning(page, checks)
    place = len(page.blocks)  # of the verdicts, which have to wait for the witnesses
    _findings(page)
    ambiguous = _ambiguity(page, first)
    _forms(page, first)
    tables = len(page.blocks)
    _attachability(page, results, attach, prices)
    _policies(page, results, policies)
    _estimates(page, results)
    _functions(page, results)
    _rules(page, results)
    _sizes(page, fr.kinds_of(results))
    _invariants(page, checks)
    answered = answers.result()
    _witnesses(page, answered)
    page.heading(2, "Limits")
    page.words("\n".join(f"- {limit}" for limit in words.LIMITS))
    _provenance(page, results)
    with page.at(tables):
        _consumers(page, answered)
    with page.at(place):
        _verdict(page, results, sizes, (attach, prices), answered)

    about = _about(results, ok, command)
    page.frames["facts"] = findings.facts(page.frames)
    said = findings.findings(page.frames, about)
    page.frames["findings"] = frame(said, ("finding", "sentence"))
    about["finding"] = findings.headline(page.frames, about)
    functions = fr.instances_frame(results, ambiguous)
    measured = together(sizes[r.policy] for r in results)
    return Report(about, page.finished(said), page.frames, functions, ok, measured)


def _about(results, ok, command):
    """What report.json says, but for the finding and the files; see harness.report.folder."""
    manifest = results[0].manifest
    return {
        "program": str(manifest.get("harness", "?")), "kernel": results[0].kernel,
        "title": _title(results[0]), "finding": "", "command": command,
        "policy": results[0].policy, "policies": [r.policy for r in results], "encodings": results[0].encodings,
        "provenance": {k: v for k, v in manifest["kernel"].items() if k not in NOT_SHOWN}
        | manifest["kernel"].get("provenance", {}),
        "ok": ok, "recorded": False,
    }


class _Findings(NamedTuple):
    """A place for findings, all of them if `names` is empty: they are known only once every frame is."""

    names: tuple = ()


class _Page:
    """A report under construction."""

    def __init__(self, result, sizes, pool):
        self.result, self.sizes, self._pool = result, sizes, pool
        self.blocks, self.frames = [], {}  # blocks are shown in their order
        kernel = result.manifest["kernel"]
        package = kernel.get("provenance", {})
        said = (package.get("version"), f"build id {kernel['build_id'][:8]}" if kernel.get("build_id") else None)
        self._kernel = result.kernel + (f" ({', '.join(filter(None, said))})" if any(said) else "")
        self._program = f"btf-harness {result.manifest.get('harness', '?')}"

    def heading(self, level, text):
        self.blocks.append(Heading(level, text))

    def words(self, markdown):
        self.blocks.append(Words(markdown))

    def table(self, name, table, shown=None, columns=None, caption=""):
        self.frames[name] = table
        self.blocks.append(Table(name, table, shown, columns, caption))

    def plot(self, name, table):
        """A plot of plots.PLOTS; its frame becomes a CSV."""
        plot = plots.PLOTS[name]
        of = f"policy {self.result.policy}" if plot.of is None else plot.of
        caption = ", ".join(filter(None, (self._kernel, of, self._program)))
        images = self._pool.submit(plots.draw, plot.function, table, plot.height_inches, caption)
        figure = Figure(name, plot.finding(table), caption, images)
        self.frames[figure.stem] = table
        self.blocks.append(figure)

    @contextmanager
    def at(self, place):
        """What is added meanwhile stands at a place among the blocks."""
        behind = self.blocks[place:]
        del self.blocks[place:]
        yield
        self.blocks += behind

    def finished(self, said):
        """The blocks, their figures drawn, with the findings (name, sentence) in them."""
        return list(filter(None, (self._finished(block, said) for block in self.blocks)))

    @staticmethod
    def _finished(block, said):
        if isinstance(block, Figure):
            return block._replace(images=block.images.result())
        if isinstance(block, _Findings):
            lines = [f"- {escaped(sentence)}" for name, sentence in said if not block.names or name in block.names]
            return Words("\n".join(lines)) if lines else None
        return block


def _title(result):
    return f"{result.kernel}: what function addresses cost in BTF"


def _beginning(page, checks):
    """The title, and a warning if an invariant does not hold."""
    page.heading(1, _title(page.result))
    broken = checks[~checks.holds]
    if len(broken):
        page.words(f"**FAILED: {len(broken)} of {len(checks)} checks of the invariants do not hold "
                   f"({', '.join(sorted(set(broken.invariant)))}). No figure below can be trusted.**")


def _verdict(page, results, sizes, attach, answered):
    """What each form costs, buys and breaks: the table and the picture that everything else explains."""
    verdicts = measure.verdict(results, sizes, attach, answered.matrix, answered.survival)
    today = verdicts.iloc[0]
    page.heading(2, "Verdict")
    shown = tuple(column for column in VERDICT_SHOWN if not says_nothing(verdicts[column]))
    page.table("verdict", verdicts, columns=shown, caption=(
        f"Each form over today's file, {BASELINE} under policy {today.policy}, in the first row. Forms follow policy "
        f"{page.result.policy}; {_compressors()}."))
    page.plot("cost", measure.cost(verdicts, results, sizes))


VERDICT_SHOWN = tuple(column for column in measure.VERDICT_COLUMNS
                      if column not in ("policy", "bytes", "zstd_percent", "xz_percent", "no_longer"))
"""Columns of the verdict that a reader sees; the CSV has all."""


def _compressors():
    return f"zstd is {zstd_version()}, xz liblzma's preset 9"


def _findings(page):
    """The question, and the findings, a sentence each."""
    page.heading(2, "Findings")
    page.words(words.QUESTION)
    page.blocks.append(_Findings())


def _forms(page, result):
    """What each form is."""
    page.heading(2, "Forms")
    page.words("\n".join(_meanings(result)))


def _sizes(page, kinds):
    """What each file is made of under the headline policy: in all, by kind, by part."""
    policy = page.result.policy
    page.heading(2, "What the files are made of")
    page.words(f"Policy `{policy}`; bytes are those of the whole file; delta and percent are over `{BASELINE}` of the "
               "same policy. Every byte of a file counts exactly once: the parts sum to its size.")
    page.table("encodings", fr.encodings_frame(page.result, page.sizes, kinds),
               caption=f"Files under policy {policy}; delta and percent are over {BASELINE} of that policy.")
    shown = [name for name in (*enc.default_names(), SHIPPED) if name in page.result.files]
    page.table("kinds", fr.kinds_frame(page.sizes), columns=("kind", *shown),
               caption=f"Types by kind under policy {policy}.")
    page.table("parts", fr.parts_frame(page.sizes), columns=("part", *shown),
               caption=f"Bytes by part under policy {policy}.")


def _policies(page, results, policies):
    """What each encoding takes under every policy."""
    made = {r.policy for r in results}
    page.heading(2, "Policies")
    page.words("\n".join(f"- `{policy}`: {text}." for policy, text in words.POLICIES.items() if policy in made))
    page.table("policies", policies,
               caption=f"Forms under every policy; delta and percent are over {BASELINE} of the same policy.")


def _functions(page, results):
    """The way from DIEs to FUNCs, what is left out on it, and names with several addresses."""
    policy, names = page.result.policy, measure.names_by_addresses(page.result)
    page.heading(2, "Functions")
    page.words(f"From DIEs to FUNCs, policy `{policy}`.")
    page.table("funnel", measure.funnel(page.result), caption=f"From DIEs to FUNCs, policy {policy}.")
    page.plot("funnel", fr.funnel_plot(page.result, page.sizes))
    page.words("Function instances by the reason they are left out. A name can be in several rows; the total counts it "
               "once:")
    page.table("skipped", fr.skipped_frame(results), caption="Function instances by policy and by the reason they "
               "are left out; a name can be in several rows.")
    several = names[names.addresses > 1]
    page.words(f"{len(several):,} of {len(names):,} matched names have several addresses, "
               f"{int(several.addresses.sum()):,} in all. All instances with a matching symbol count, under any "
               "policy. `exact`: the symbol has exactly the name; `suffix`: it adds .isra, .constprop or the like.")
    page.table("names", several, SHOWN, caption="Names with several addresses.")
    page.frames["addresses_per_name"] = measure.addresses_per_name(names)


def _rules(page, results):
    """How many functions the rules of each version of pahole keep."""
    manifest = results[0].manifest
    registers = {
        "numbered": "pahole knows which registers hold parameters",
        "counted": "pahole knows only how many parameter registers there are, so a wrong one goes unnoticed",
        "unsupported": "pahole has no register rules, so parameters are not checked",
    }
    page.heading(2, "pahole's rules by version")
    page.words(f"The policies follow the rules of pahole {escaped(manifest.get('rules', '?'))}"
             + (f" with its bugs {escaped(', '.join(manifest['quirks']))}" if manifest.get("quirks") else "")
             + f". On {escaped(manifest['kernel'].get('machine', '?'))} "
               f"{registers.get(manifest.get('registers'), '?')}.{_step(results)}")
    forms = next((r.of.forms for r in results if r.of.forms is not None), None)
    if forms is None:
        page.words("Only these rules were computed; a report made from a kernel compares all versions.")
        return
    page.words("What each version of pahole would keep, and what its bugs (called quirks here) change:")
    page.words("\n".join(f"- `{name}`: {escaped(meaning)}." for name, meaning in QUIRKS.items()))
    page.table("forms", forms, caption="Functions kept by the rules of each version.")


def _step(results):
    """What was done after pahole's part, and what is not known of kfuncs: sentences, each with a blank before it."""
    manifest, said = results[0].manifest, ""
    if manifest.get("kernel_step"):
        added = max(r.manifest["functions"].get("added", 0) for r in results)
        said += (f" Then comes what the kernel's build does since Linux {escaped(manifest['kernel_step'])} "
                 f"(resolve_btfids): {added:,} FUNCs `_impl` with the code of a kfunc, arena pointers, types sorted by "
                 "name.")
    if manifest.get("layout_section"):
        said += (" Each file says how long the types of each kind are (layout section), for readers that do not know a "
                 "kind.")
    kernel = manifest["kernel"]
    if kernel.get("kfuncs_unusable"):
        said += f" No kfuncs are known, since .BTF_ids is set aside: {escaped(kernel['kfuncs_unusable'])}."
    if kernel.get("kfunc_flags_unsure"):
        said += f" The flags of kfuncs may be those of others: {escaped(kernel['kfunc_flags_unsure'])}."
    return said


def _ambiguity(page, result):
    """Which names are ambiguous, why, and what would tell their instances apart."""
    names, summary = measure.ambiguous_names(result), measure.ambiguity_summary(result)
    classified = page.frames["classified_names"] = measure.classified_names(result)
    page.heading(2, "Ambiguous names")
    page.words("A name is ambiguous if it has several addresses, under any policy. Each is in the first class that "
               "applies:")
    page.words("\n".join(f"- `{cause.name}`: {cause.meaning}." for cause in measure.CAUSES
                         if cause.name not in measure.OF_ONE_ADDRESS))
    page.plot("ambiguous", summary)
    page.table("ambiguity", summary, caption="Ambiguous names by class.")
    page.table("ambiguous_names", names, SHOWN, SHOWN_OF_NAMES, caption="Ambiguous names.")
    page.frames["aliases"] = measure.aliases(result)
    weak, alias = ((classified["class"] == name).sum() for name in measure.OF_ONE_ADDRESS)
    page.words(f"Not ambiguous, though another definition or name is near: {weak:,} names whose weak definition was "
               f"overridden, and {alias:,} whose one address has other names too (classified_names.csv). "
               f"{len(page.frames['aliases']):,} addresses belong to DIEs of several names (aliases.csv).")
    return classified


def _attachability(page, results, attach, prices):
    """What fentry could attach to, and what that costs."""
    first = attach.iloc[0]
    page.heading(2, "What fentry can attach to")
    page.words(f"{first.addresses:,} function addresses are known. `unique_id`: a BTF id stands for this address "
             "alone. `ambiguous_id`: the id stands for several addresses, or the name has several ids. "
             "`unreachable`: no symbol has exactly the name of the FUNC, so the kernel's lookup by name fails. "
             "`no_func`: no FUNC describes it. An address is attachable if its id is unique, fentry accepts the "
             "prototype, ftrace has a call site in it, and it is not in .init or .exit.")
    if attach.site_unknown.any():
        page.words("This file has no table of ftrace call sites (`site_unknown`), so `attachable` is an upper bound: "
                   "it counts these addresses as if each had a call site.")
    page.table("attachability", attach, caption="Function addresses by what their BTF id stands for.")
    page.words(f"What a newly attachable function costs, over `{BASELINE}` of the same policy and over today's file "
               f"(`{BASELINE}` under `{TODAY}`):")
    page.table("bytes_per_attachable", prices, caption="Bytes per newly attachable function.")
    page.words(f"Why fentry refuses FUNCs of `{BASELINE}`, by prototype, and by name:")
    refused = measure.refusals(results)
    page.table("refusals", refused[refused.functions > 0],
               caption=f"FUNCs of {BASELINE} that fentry accepts or refuses, by prototype, and by name.")


def _estimates(page, results):
    """The estimates of the thread, and what was measured."""
    page.heading(2, "The thread of 2023")
    page.words("What was seen on one kernel, and what was estimated; here both are measured. Quotes, authors and "
               "rules are in `data/claims.toml`.")
    page.words("\n".join(f"- `{c['id']}`: \"{escaped(c['quote'])}\" ({c['author']}, {c['date']}, {c['message_id']})"
                         for c in measure.read_claims()))
    page.table("claims", measure.judge_claims(results), caption="What the thread said, and what is measured.")


def _invariants(page, checks):
    """Whether each invariant holds."""
    page.heading(2, "Invariants")
    page.words("All hold." if measure.all_hold(checks) else "**FAILED.**")
    page.table("invariants", checks, caption="Invariants, and whether they hold.")


def _same_kernel(results):
    if not results:
        raise MeasureError("expected at least one result folder, found none")
    first = results[0]
    for other in results[1:]:
        if first.key != other.key:
            raise MeasureError(f"expected results of one kernel, found {first.key!r} and {other.key!r}", other.folder)
        if first.manifest.get("harness") != other.manifest.get("harness"):
            raise MeasureError("expected results of one version of this program, found "
                               f"{first.manifest.get('harness')!r} and {other.manifest.get('harness')!r}", other.folder)
    policies = [r.policy for r in results]
    if len(set(policies)) < len(policies):
        raise MeasureError(f"expected one result per policy, found {', '.join(policies)}", first.folder)


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
    rows += _left_out(manifest)
    rows += [("program", f"btf-harness {manifest.get('harness', '?')}"),
             ("policies", ", ".join(r.policy for r in results)),
             ("addresses by fallback", "yes" if manifest.get("fallback") else "no"), ("zstd", zstd_version())]
    import pandas as pd

    page.heading(2, "Kernel")
    page.table("kernel", pd.DataFrame(rows, columns=["what", "value"]).astype("str"),
               caption="The kernel that was measured.")


def _left_out(manifest):
    """Rows that say how much of the file was read, and what of it has no place in the results."""
    funnel = manifest["funnel"]
    skipped = {why: n for why, n in manifest["variables_skipped"].items() if why not in (MADE_UP, DISCARDED)}
    if "units" in funnel:
        yield "compile units", f"{funnel['units']:,}"
    for what, counts in (("units left out", {f"of {k}": n for k, n in funnel.get("units_other_language", {}).items()}),
                         ("per-CPU variables without a VAR", skipped)):
        if counts:
            yield what, ", ".join(f"{n:,} {why}" if what == "units left out" else f"{n:,}: {why}"
                                  for why, n in sorted(counts.items()))
    for key, what in (("type_dies_unsupported", "type DIEs that BTF has no form for"),
                      *((key, f"{what}s left out ({key.removesuffix('_left_out').replace('_', ' ')})")
                        for key, what in LEFT_OUT.items()),
                      ("locations_unread", "parameters whose location cannot be read")):
        if funnel.get(key):
            yield what, f"{funnel[key]:,}"


class _Answered(NamedTuple):
    """What others said of the files: the Answers of witnesses, and the frames of the matrix, or None if not asked."""

    answers: wit.Answers
    matrix: object
    survival: object


def _ask(folder, policy, outside, folder_of_today, today):
    """The _Answered about the results of a policy; whether our file is the kernel's, about that of the policy that
    pahole follows today."""
    result = measure.load(folder, policy)
    answers = wit.ask(result, outside)
    frames = answers.frames.get(shipped.WITNESS.name)
    if frames and today != policy and result.of.like is None:  # what is written like a pahole is of no policy
        (same,) = ask_each([(shipped.shipped_same, measure.load(folder_of_today, today))])
        if not isinstance(same, Silence):
            frames["shipped_same"] = same
    if not outside:
        return _Answered(answers, None, None)
    return _Answered(answers, wit.matrix(result), survival.survival(result))


def _consumers(page, answered):
    """What each consumer did with each form, and what becomes of addresses when a file is treated."""
    page.heading(2, "Who reads it")
    if answered.matrix is None:
        page.words("Not asked.")
        return
    page.words(f"Each consumer, in every version that was there, was given each file. {_code(LEGEND)}. The words of "
               "each are in matrix.csv.")
    opened = " ".join(fr.files_opened(answered.matrix))
    if opened:
        page.words(opened)
    page.frames["matrix"] = answered.matrix
    page.table("readers", fr.readers_frame(answered.matrix), caption="Who reads which form.")
    page.words("And what becomes of the addresses when a file is treated as builds and readers do. `all`: each is kept "
               "by a FUNC of the same name and parameters; `lost`: so many are with no such FUNC any more; `merged`: "
               "so many are with one that stands for several addresses, and did not before; `refused`: the file is; "
               "`unreadable`: what is left is refused when the form's addresses are read back; "
               "`already sorted`: the types are in that order as they are written, so nothing was put to the test. "
               "The name sort and the byte swap are this program's own, which knows every form, the others libbpf's; "
               "survival.csv has all.")
    if (answered.survival.treatment.eq(SORT) & answered.survival.verdict.isin([WRONG, UNREADABLE])).any():
        page.words("A name sort leaves a section of the form's own as it is, with the type_ids of the order before. "
                   "Written after the sort, it says the same as without one.")
    page.frames["survival"] = answered.survival
    page.table("survivors", measure.survivors(answered.survival), caption="What addresses survive.")


def _code(legend):
    """A legend, 'word: meaning; ...', with its words as code."""
    return "; ".join(f"`{word}`: {meaning}" for word, _, meaning in (one.partition(": ") for one in legend.split("; ")))


def _witnesses(page, answered):
    """What the witnesses say; each Comparison with something to compare has a section."""
    answers = answered.answers
    page.heading(2, "Witnesses")
    page.blocks.append(_Findings(("same",)))
    for comparison in wit.comparisons():
        frames, section = answers.frames.get(comparison.name), SECTIONS.get(comparison.name, _compared)
        if frames == {} and section is not _shipped:
            continue
        page.heading(3, comparison.title)
        if frames is not None:
            section(page, comparison, frames)
            continue
        why = answers.silent.get(comparison.name, "no other program was asked")
        page.words(f"Not compared: {escaped(why)}.")


def _compared(page, comparison, frames):
    """The tables of a Comparison, as it gave them."""
    for name, table in frames.items():
        page.table(name, table, SHOWN, caption=f"{comparison.title}: {name.replace('_', ' ')}.")


def _shipped(page, comparison, frames):
    """Our baseline against the shipped .BTF: counts, and names by the reason only one of the two has them."""
    if not frames:
        why = page.result.manifest["kernel"].get("shipped_unusable")
        page.words(f"Set aside, since it cannot be read by itself: {escaped(why)}." if why else
                   "This kernel ships none.")
        return
    same, kinds, names = (frames[name] for name in ("shipped_same", "shipped_kinds", "shipped_names"))
    wrong = kinds[kinds.verdict == "UNEXPLAINED"]
    if len(same) > 1:
        page.words(f"Types that only one of the two has, `{BASELINE}` written {same.written.iloc[0]} or the shipped "
                   "section, or has more often. Two types are alike if they say the same and refer to types that are "
                   "alike; `btf-harness same` lists those that are not.")
    page.table("shipped_same", same, caption=f"{BASELINE} and the shipped .BTF, type by type.")
    page.words(f"Types by kind in `{BASELINE}`, written {same.written.iloc[0]}, and in the shipped section. " + (
        f"**{len(wrong)} kinds differ but must not: {', '.join(wrong.kind)}.**" if len(wrong) else
        "All kinds that do not depend on the choice of functions and variables have equal counts."))
    page.table("shipped_kinds", kinds, caption=f"Types by kind in {BASELINE} and in the shipped .BTF.")
    if len(names):
        why = names.reason.where(names.kind != "FUNC_PROTO", names.reason.str.split(":").str[0])
        totals = names.assign(why=why).groupby(["kind", "only in", "why"], sort=False)
        page.words("Differences by reason:")
        page.table("shipped_reasons", frame([(*key, len(group), ", ".join(group.name.head(EXAMPLES)))
                                             for key, group in totals],
                                            ("kind", "only in", "reason", "names", "examples")),
                   caption="Differences from the shipped .BTF by reason.")
    page.words("Differences by name:")
    page.table("shipped_names", names, SHOWN, caption="Differences from the shipped .BTF by name.")


def _declarations(page, comparison, frames):
    """The C declarations of both files: one verdict, and what differs."""
    page.frames["declarations_compared"] = frames["declarations_compared"]
    (found,) = frames["declarations_compared"].itertuples()
    page.words(f"{found.verdict[0].upper()}{found.verdict[1:]}. {escaped(found.words)}."
             + (f" {escaped(found.reason)}." if found.reason else ""))
    if "declarations" in frames:
        page.frames["declarations"] = frames["declarations"]
        if len(frames["declarations"]):
            page.table("declarations", frames["declarations"], SHOWN, caption="Declarations that differ.")


SECTIONS = {"shipped": _shipped, "declarations": _declarations}
"""Writers of sections for Comparisons that need more than their tables."""
