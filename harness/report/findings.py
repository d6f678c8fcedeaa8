"""The findings of a report in sentences, the same for report.md, the page and mail.

Sentences are plain text. Every number in them is a cell in one of the report's CSVs; sums and counts that no other CSV
has are in `facts`. What was not measured is left out, or said to be missing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from harness import encodings as enc
from harness.btf.same import Verdict
from harness.measure import BASELINE, OF_ONE_ADDRESS, SHIPPED
from harness.measure.attach import OVER_TODAY
from harness.measure.claims import ESTIMATE
from harness.measure.taken import AS_WRITTEN, KERNEL, SORTED
from harness.model import Kind
from harness.report.tables import plain, whole
from harness.report.words import listed
from harness.results.executed import ACCEPTED, FAILED, NOT_TRIED, PARTLY, REFUSED, UNREADABLE, WRONG
from harness.witnesses.shipped import MAY_DIFFER, SAME_BYTES


class Fact(NamedTuple):
    """A number that a sentence needs and no frame holds as a cell.

    Attributes
    ----------
    name : str
        What is counted.
    frame : str
        The frame it comes from.
    value : callable
        (that frame) -> int.
    """

    name: str
    frame: str
    value: object


MATCHED, MATCHED_SEVERAL = "matched names", "matched names with several addresses"
MATCHED_ADDRESSES = "addresses of matched names with several addresses"
SEVERAL = "names with several addresses"
ADDRESSES = f"addresses of {SEVERAL}"
ONE_PROTOTYPE = f"{SEVERAL} and one prototype"
BY_UNIT = f"{SEVERAL}, told apart by the compile unit"
BY_LINE = f"{SEVERAL}, told apart by file and line of the definition"
BY_FILE = f"{SEVERAL}, told apart by the file of the definition"
BOOT = f"{ADDRESSES}, in .init or .exit text"
SITES = f"{ADDRESSES}, with an ftrace call site"
WEAK, ALIAS = (f"names with one address, class {name}" for name in OF_ONE_ADDRESS)
SHARED = "addresses with several names"
FIXED = "kinds of type that do not depend on functions"
FIXED_EQUAL = f"{FIXED}, as many as in the shipped file"
DECLARATIONS = "C declarations in one file only"
CHECKS, BROKEN = "checks of the invariants", "checks of the invariants that do not hold"
ESTIMATES = "estimates of the thread"


def _several(table):
    return table[table.addresses > 1]


def _fixed(table):
    return table[~table.kind.isin(MAY_DIFFER)]


FACTS = (
    Fact(MATCHED, "addresses_per_name", lambda t: t.names.sum()),
    Fact(MATCHED_SEVERAL, "names", lambda t: len(_several(t))),
    Fact(MATCHED_ADDRESSES, "names", lambda t: _several(t).addresses.sum()),
    Fact(SEVERAL, "ambiguous_names", lambda t: len(_several(t))),
    Fact(ADDRESSES, "ambiguous_names", lambda t: _several(t).addresses.sum()),
    Fact(WEAK, "classified_names", lambda t: (t["class"] == "weak_strong").sum()),
    Fact(ALIAS, "classified_names", lambda t: (t["class"] == "alias").sum()),
    Fact(ONE_PROTOTYPE, "ambiguous_names", lambda t: _several(t).same_prototype.sum()),
    Fact(BY_UNIT, "ambiguous_names", lambda t: _several(t).unit_separates.sum()),
    Fact(BY_LINE, "ambiguous_names", lambda t: _several(t).file_line_separates.sum()),
    Fact(BY_FILE, "ambiguous_names", lambda t: _several(t).file_separates.sum()),
    Fact(BOOT, "ambiguous_names", lambda t: _several(t).init_addresses.sum()),
    Fact(SITES, "ambiguous_names", lambda t: _several(t).ftrace_addresses.sum()),
    Fact(SHARED, "aliases", len),
    Fact(FIXED, "shipped_kinds", lambda t: len(_fixed(t))),
    Fact(FIXED_EQUAL, "shipped_kinds", lambda t: (_fixed(t).difference == 0).sum()),
    Fact(DECLARATIONS, "declarations", len),
    Fact(CHECKS, "invariants", len),
    Fact(BROKEN, "invariants", lambda t: (~t.holds).sum()),
    Fact(ESTIMATES, "claims", lambda t: (t.of == ESTIMATE).sum()),
)
"""Each is known if its frame is there; `facts` adds one for each verdict on the estimates."""


def facts(frames):
    """The numbers that sentences need and no other frame holds as cells.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        By the stems of the report's CSVs, such as a dict or a ReportFolder. Some may be missing.

    Returns
    -------
    DataFrame
        fact (str), number (int64), one row each. Those whose frame is missing are left out.
    """
    import pandas as pd

    rows = list(_facts(frames).items())
    return pd.DataFrame(rows, columns=["fact", "number"]).astype({"fact": "str", "number": "int64"})


def _facts(frames):
    known = {fact.name: int(fact.value(frames[fact.frame])) for fact in FACTS if fact.frame in frames}
    if "claims" in frames:
        known |= {f"{ESTIMATES}: {verdict}": len(claims) for verdict, claims in _by_verdict(frames["claims"]).items()}
    return known


def headline(frames, about):
    """The main finding in one sentence, str: what addresses add to today's file in the forms made by default, and in
    the smallest of those that give them to some functions and serve as many as any, or else in the smallest.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        verdict is needed.
    about : mapping
        report.json.
    """
    today, rows = _judged(frames)
    whole = [row for row in rows if row["encoding"] in enc.default_names() and row["encoding"] != BASELINE]
    if not whole:
        return (f"No form with addresses was made; today's file, {BASELINE} under policy {today['policy']}, has "
                f"{_count(today['bytes'], 'byte')}.")
    told = listed(f"{row['added']:,}{' bytes' * (not i)} ({_percent(row['added_percent'])}) as {row['encoding']}"
                  f"{_loading(row['loads'], frames)}" for i, row in enumerate(whole))
    said = f"Function addresses add {told} to today's {today['bytes']:,}"
    most = max(row["newly_attachable"] for row in rows)
    partial = sorted((row for row in rows if _only(row["encoding"])), key=lambda row: row["added"])
    if not partial or partial[0]["added"] > min(row["added"] for row in whole):
        return f"{said}."
    few = next((row for row in partial if row["newly_attachable"] == most), partial[0])
    much = (f", as many as in any form under policy {about['policy']}" if few["newly_attachable"] == most else
            f" instead of {most:,}")
    bought = (f"; a kernel that read them could attach to {few['newly_attachable']:,} more functions{much}" if most
              else "")
    bare = _bare(rows)
    first = (f", {bare['added']:,} of that for functions that today's file leaves out"
             if bare["added"] > 0 else "")
    return (f"{said}; given only {_only(few['encoding'])}, they add {few['added']:,} "
            f"({few['added_percent']:+.2f} %) as {few['encoding']}{_loading(few['loads'], frames)}{first}{bought}.")


def _judged(frames):
    """verdict.csv: the row of today's file, and those of the forms, in the order of what they add."""
    today, *rows = frames["verdict"].to_dict("records")
    return today, rows


def _bare(rows):
    """The row of the baseline under the forms' policy, which adds functions and no addresses; nothing if that is the
    policy of today."""
    return next((row for row in rows if row["encoding"] == BASELINE), {"added": 0})


def _loading(loads, frames):
    """Whether the running kernel loads a form, in brackets; '' if that is not known."""
    if loads not in ("yes", "no") or "matrix" not in frames:
        return ""
    table = frames["matrix"]
    return f" (Linux {table.version[table.consumer == KERNEL].iloc[0]} {'loads' if loads == 'yes' else 'refuses'} it)"


def _only(name):
    """Which functions a form gives addresses, a clause; '' if all, or none."""
    return enc.encoding(name).only if name in enc.REGISTRY else ""


def findings(frames, about):
    """The findings, a sentence each.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        By the stems of the report's CSVs, such as a dict or a ReportFolder. Some may be missing.
    about : mapping
        report.json; policy is needed.

    Returns
    -------
    list of (str, str)
        A short name (a key of SENTENCES) and the sentence, in that order; none for what was not measured.
    """
    known = _facts(frames)
    made = [(name, _sentence(needs, write, frames, about, known)) for name, (needs, write) in SENTENCES.items()]
    return [(name, sentence) for name, sentence in made if sentence]


def _sentence(needs, write, frames, about, known):
    return write(frames, about, known) if all(name in frames for name in needs) else None


def _today(frames, about, known):
    today, _ = _judged(frames)
    said = f"Today's file, {BASELINE} under policy {today['policy']}, takes {_count(today['bytes'], 'byte')}"
    if "attachability" not in frames:
        return f"{said}."
    table = frames["attachability"]
    mine = table[(table.policy == today["policy"]) & (table.encoding == BASELINE)]
    if not len(mine):
        return f"{said}."
    row, unknown = mine.iloc[0], no_call_sites(frames)
    if "parts" in frames and SHIPPED in frames["parts"]:
        shipped = frames["parts"].set_index("part")[SHIPPED]
        said += f" (what the kernel ships, {int(shipped['total']):,})"
    return (f"{said}; fentry can attach to {'at most ' * unknown}{row.attachable:,} of {row.addresses:,} function "
            f"addresses through its ids{' (which of them have an ftrace call site is not known)' * unknown}.")


def _cost(frames, about, known):
    _, rows = _judged(frames)
    said = []
    for row in rows:
        if row["encoding"] not in enc.default_names() or row["encoding"] == BASELINE:
            continue
        packed = f", {_percent(row['zstd_percent'])} compressed" if row["zstd_percent"] == row["zstd_percent"] else ""
        n = row["newly_attachable"]
        bought = f" for {n:,} newly attachable, about {about_bytes(row['bytes_each'])}{' each' * (n > 1)}" if n else (
            " and makes no function attachable")
        lost = f", and takes {row['no_longer']:,} away" if row["no_longer"] else ""
        said.append(f"{row['encoding']} adds {_count(row['added'], 'byte')} ({_percent(row['added_percent'])}{packed})"
                    f"{bought}{lost}")
    bare = _bare(rows)
    if said and bare["added"] > 0:
        free = (f", {bare['newly_attachable']:,} of them attachable without an address" if bare["newly_attachable"]
                else "")
        said.append(f"{bare['added']:,} bytes of each only add functions that today's file leaves out{free}")
    most = max((row["newly_attachable"] for row in rows), default=0)
    merged = [row["encoding"] for row in rows if row["encoding"] in enc.default_names()
              and row["encoding"] != BASELINE and 0 < row["newly_attachable"] < most
              and Kind.FUNC not in enc.encoding(row["encoding"]).kinds]
    if merged:
        said.append(f"{listed(merged)} {_verb(len(merged), 'serves', 'serve')} fewer, if one attaches by the id of a "
                    "FUNC: functions of one name and prototype share it")
    return f"If the kernel read addresses: {'; '.join(said)}." if said else None


CHEAPEST = 3
"""Forms that a sentence names of those that cost least for what they buy."""


def _cheapest(frames, about, known):
    _, rows = _judged(frames)
    bought = sorted((row for row in rows if row["newly_attachable"] and row["encoding"] != BASELINE),
                    key=lambda row: row["bytes_each"])
    if len(bought) <= 1:
        return None
    said = listed(f"{row['encoding']} ({row['newly_attachable']:,} at about {about_bytes(row['bytes_each'])} each)"
                  for row in bought[:CHEAPEST])
    return f"Of all forms these cost least for each newly attachable function: {said}."


def _survives(frames, about, known):
    _, rows = _judged(frames)
    said = []
    for column, what in (("dedup", "libbpf's dedup"), ("name_sort", "the name sort of Linux 7.0")):
        told = [row for row in rows if row[column] != "-"]
        refused = [row["encoding"] for row in told if row[column] == "refused"]
        unreadable = [row["encoding"] for row in told if row[column] == UNREADABLE]
        does = [_loses(row, column) for row in told if row[column].endswith((" lost", " merged"))]
        does += [f"leaves {listed(unreadable)} unreadable"] if unreadable else []
        does += [f"refuses {listed(refused)}"] if refused else []
        if told and all(row[column] == SORTED for row in told):
            said.append(f"{what} finds the types in its order already")
        elif told:
            said.append(f"{what} {listed([*does, 'keeps all others']) if does else 'keeps every address'}")
    return f"What builds do: {'; '.join(said)}." if said else None


def _loses(row, column):
    """'loses 756 addresses of func_per_address, which leaves 356 of 790 newly attachable'."""
    lost, merged = (next((word.split()[0] for word in row[column].split(", ") if word.endswith(what)), None)
                    for what in ("lost", "merged"))
    does = [f"{verb} {n}" for verb, n in (("loses", lost), ("merges", merged)) if n]
    left = row.get("after_dedup") if column == "dedup" else None
    stay = (f", which leaves {int(left):,} of {row['newly_attachable']:,} newly attachable"
            if left is not None and left == left and left < row["newly_attachable"] else "")
    return f"{' and '.join(does)} addresses of {row['encoding']}{stay}"


def _misread(frames, about, known):
    today, rows = _judged(frames)
    wrong, anyway = {}, today["misread_by"] if today["misread_by"] not in ("-", "none") else ""
    for row in rows:
        if row["misread_by"] not in ("-", "none") and row["encoding"] != BASELINE:
            wrong.setdefault(row["misread_by"], []).append(row["encoding"])
    own = (f" {anyway.replace('; ', ' and ')} misreads {BASELINE} itself, and each form like it{_how_much(frames)}."
           if anyway else "")
    if wrong:
        said = "; ".join(f"{listed(names)} by {who.replace('; ', ' and ')}" for who, names in wrong.items())
        return f"Accepted, and read as something else than is there: {said}.{own}"
    if own:
        return f"No consumer misreads a form that it accepts, but for what it misreads of {BASELINE}:{own}"
    known = any(row["misread_by"] == "none" for row in (today, *rows))
    return "No consumer misreads a form that it accepts." if known else None


def _how_much(frames):
    """' (tags of FUNCs missing: 210 of plain and 44,788 of decl_tag)': what one who misreads the baseline loses."""
    if "matrix" not in frames:
        return ""
    table = frames["matrix"]
    table = table[(table.verdict == WRONG) & (table.opened == "")]
    base = table[table.encoding == BASELINE]
    if not len(base):
        return ""
    who = table[(table.consumer == base.consumer.iloc[0]) & (table.version == base.version.iloc[0])]
    most = who[who.encoding.isin(enc.default_names())]
    told = [(row.encoding, LOST_TAGS.search(row.differs)) for row in most.itertuples()]
    said = listed(f"{int(found[1]):,} of {name}" for name, found in told if found)
    return f" (tags of FUNCs missing: {said})" if said else ""


LOST_TAGS = re.compile(r"\bfunc_tags missing ([0-9]+)")
"""In the column `differs` of matrix.csv."""


def _policy(frames, about, known):
    table = _encoded(frames)
    if table.policy.nunique() < 2:
        return None
    said, spread = [], 0.0
    for encoding, rows in table.groupby("encoding", sort=False):
        low, high = rows.percent.min(), rows.percent.max()
        ends = list(dict.fromkeys(f"{end:.1f}" for end in (low, high)))
        said.append(f"{encoding} adds {' to '.join(ends)} %{' under each' * (len(ends) == 1)}")
        spread = max(spread, (high - low) / max(abs(high), abs(low), 0.1))
    if not _choice_shows(frames):
        return f"Over all policies, {', '.join(said)}." if said else None
    does = "hardly matters" if spread < HARDLY else "matters"
    return (f"The choice of functions {does} for the growth: over {BASELINE} of the same policy, {', '.join(said)}"
            f"{_bought_by_policy(frames)}.")


def _bought_by_policy(frames):
    """What the choice of functions decides: how many the form that buys most makes attachable, under each policy."""
    if "bytes_per_attachable" not in frames:
        return ""
    table = frames["bytes_per_attachable"]
    table = table[(table.over == OVER_TODAY) & table.encoding.isin(enc.default_names())]
    if not len(table):
        return ""
    most = table.groupby("encoding", sort=False).gained.max().idxmax()
    gained = table[table.encoding == most].sort_values("gained", kind="stable")
    if gained.policy.nunique() < 2:
        return ""
    each = ", ".join(f"{row.gained:,} under {row.policy}" for row in gained.itertuples())
    return f"; but it decides what is bought: {most} makes {each} newly attachable"


def _choice_shows(frames):
    """Whether the growth under each policy says something of the choice: they chose differently, and enough."""
    funcs = frames["policies"][frames["policies"].encoding == BASELINE].FUNC
    return funcs.nunique() > 1 and funcs.min() >= ENOUGH


HARDLY = 0.1
"""Growth that differs less than this between policies, relative to the largest, hardly differs."""

ENOUGH = 1000
"""FUNCs of the baseline from which growth tells of a choice: with fewer, each one that is left out moves it."""


def _encoded(frames):
    """Rows of policies.csv of the forms made by default, except the baseline's."""
    table = frames["policies"]
    return table[(table.encoding != BASELINE) & table.encoding.isin(enc.default_names())]


def _ambiguous(frames, about, known):
    names, n = frames["names"], known[MATCHED_SEVERAL]
    of = f" of {known[MATCHED]:,} names" if MATCHED in known else ""
    if not n:
        return f"None{of} has several addresses." if of else "No name has several addresses."
    whose = f"{n:,}{of or ' name' + 's' * (n > 1)}"
    most = names[names.addresses == names.addresses.max()]
    if n == 1:
        return f"{whose} has several addresses: {most.name.iloc[0]}, {most.addresses.iloc[0]:,}."
    first = most.name.iloc[0] if len(most) == 1 else listed(most.name) if len(most) <= 3 else f"{len(most):,}"
    return (f"{whose} have several addresses, {known[MATCHED_ADDRESSES]:,} in all; {first} "
            f"{_verb(len(most), 'has', 'have')} most, "
            f"{most.addresses.iloc[0]:,}{' each' * (len(most) > 1)}.")


def _separated(frames, about, known):
    n = known[SEVERAL]
    if not n:
        return None
    unit, line, file = (_of_all(known[fact], n) for fact in (BY_UNIT, BY_LINE, BY_FILE))
    return (f"Of the {_count(n, 'name')} with several addresses, the compile unit tells the instances apart for "
            f"{unit}, the file and line of the definition for {line}, and the file alone for {file}; "
            f"{_of_all(known[ONE_PROTOTYPE], n)} {_verb(known[ONE_PROTOTYPE], 'has', 'have')} one prototype.")


def _sites(frames, about, known):
    n = known[ADDRESSES]
    if n and not known[SITES] and no_call_sites(frames):
        return (f"Of the {n:,} addresses that share a name, {_of_all(known[BOOT], n)} "
                f"{_verb(known[BOOT], 'is', 'are')} in .init or .exit text, which is freed after boot; the kernel has "
                "no table of ftrace call sites.")
    return n and (f"Of the {n:,} addresses that share a name, {_of_all(known[SITES], n)} "
                  f"{_verb(known[SITES], 'has', 'have')} an ftrace call site and {_of_all(known[BOOT], n)} "
                  f"{_verb(known[BOOT], 'is', 'are')} in .init or .exit text, which is freed after boot.")


def no_call_sites(frames):
    """Whether the file has no table of ftrace call sites."""
    attach = frames["attachability"] if "attachability" in frames else {}
    return "site_unknown" in attach and bool(attach.site_unknown.any())


def _estimates(frames, about, known):
    claims, said = frames["claims"], []
    seen = [f"{row.claim} ({row.verdict})" for row in claims[claims.of != ESTIMATE].itertuples()]
    observed = f"Seen in the thread on one kernel: {'; '.join(seen)}." if seen else ""
    if not known[ESTIMATES]:
        return observed or None
    for verdict, claims in _by_verdict(frames["claims"], measured=True).items():
        n = known[f"{ESTIMATES}: {verdict}"]
        words = {"differs": _verb(n, "differs", "differ"), "not measured": _verb(n, "was", "were") +
                 " not measured"}.get(verdict, verdict.replace("holds", _verb(n, "holds", "hold"), 1)
                                                   .replace("under", "under policy"))
        said.append(f"{n:,} {words} ({'; '.join(claims)})")
    return (f"Of the {_count(known[ESTIMATES], 'estimate')} made in the thread of 2023, judged by data/claims.toml, "
            f"{listed(said)}. {observed}").strip()


VERDICTS = ("holds", "holds under ", "differs", "not measured")
"""How verdicts on estimates begin, in the order in which they are listed."""


def _by_verdict(claims, measured=False):
    """What was estimated by verdict, dict of list of str; with `measured`, also what was measured, unless it holds."""
    claims = claims[claims.of == ESTIMATE]
    if measured:
        other = ~claims.verdict.isin(["holds", "not measured"])
        claims = claims.assign(claim=claims.claim.where(~other, claims.claim + ": " + claims.measured))
    rank = {v: max(i for i, start in enumerate(VERDICTS) if v.startswith(start) or not i) for v in claims.verdict}
    return {v: claims.claim[claims.verdict == v].tolist() for v in sorted(rank, key=lambda v: (rank[v], v))}


def _consumers(frames, about, known):
    """What the running kernel does with each form, of those that were asked."""
    table = frames["matrix"]
    rows = table[(table.consumer == KERNEL) & table.opened.isin(AS_WRITTEN)]
    said = []
    for version, mine in rows.groupby("version", sort=False):
        worst = {name: max(same.verdict, key=CELLS.index) for name, same in mine.groupby("encoding", sort=False)}
        does = [(words, [name for name, verdict in worst.items() if verdict == cell])
                for cell, words in ((ACCEPTED, "loads"), (REFUSED, "refuses"), (FAILED, "gives no answer about"))]
        told = [f"{words} {listed(map(_file, names))}" for words, names in does if names]
        if told:
            said.append(f"Linux {version} {', and '.join(told)}")
    return f"{'; '.join(said)}." if said else None


CELLS = (ACCEPTED, NOT_TRIED, PARTLY, WRONG, REFUSED, FAILED)
"""Verdicts of matrix.csv, worst last."""


def _file(encoding):
    return "the kernel's own .BTF" if encoding == SHIPPED else encoding


def _same(frames, about, known):
    whole, *kinds = frames["shipped_same"].to_dict("records")
    which = f"Written {whole['written']}, {BASELINE} and the kernel's own .BTF are"
    alike = f"{_count(whole['ours'], 'type')}, each as often in both"
    if whole["verdict"] == SAME_BYTES:
        return f"{which} the same file, byte for byte, of {_count(whole['ours'], 'type')}."
    if whole["verdict"] == Verdict.SAME.value:
        return f"{which} the same BTF: {alike}, and a renumbering that turns one file into the other."
    if whole["verdict"] == Verdict.UNDECIDED.value:
        return f"{which} not known to be the same BTF: {alike}, but no renumbering was found."
    if not kinds:
        return f"{which} not the same BTF: {alike}, but those that occur several times are referred to in another way."
    ours, theirs = whole["only in ours"], whole["only in shipped"]
    most = sorted(kinds, key=lambda row: -row["only in ours"] - row["only in shipped"])[:SAID_KINDS]
    said = "; ".join(f"{row['kind']}: {row['only in ours']:,} and {row['only in shipped']:,}" for row in most)
    mine = _count(ours, "type") if ours else "no type"
    return (f"{which} not the same BTF: {mine} {_verb(ours, 'is', 'are')} only in {BASELINE}, "
            f"{_amount(theirs, 'none')} only in the kernel's own ({said}{'; ...' * (len(kinds) > len(most))}).")


SAID_KINDS = 4
"""Kinds that a sentence names of those that differ."""


def _kinds(frames, about, known):
    if "shipped_kinds" not in frames:
        shipped = "kinds" in frames and SHIPPED in frames["kinds"]
        return None if shipped or "kinds" not in frames else "The kernel has no .BTF section to compare with."
    n = known[FIXED]
    same = f"of type that {_verb(n, 'does', 'do')} not depend on the choice of functions and variables"
    alike = f"{_verb(known[FIXED_EQUAL], 'has the same count', 'have the same counts')} as in the kernel's own .BTF"
    if n == known[FIXED_EQUAL]:
        return n and f"{'All' if n > 1 else 'The'} {_count(n, 'kind')} {same} {alike}."
    table = _fixed(frames["shipped_kinds"])
    wrong = table[table.difference != 0]
    differ = listed(f"{row.kind} ({plain('difference', row.difference)})" for row in wrong.itertuples())
    return f"{_amount(known[FIXED_EQUAL], 'None')} of {_count(n, 'kind')} {same} {alike}; these differ: {differ}."


def _declarations(frames, about, known):
    n = known[DECLARATIONS]
    said = f"bpftool writes the same C declarations for {BASELINE} and for the kernel's own .BTF"
    return f"{said}, except for {n:,} that only one of them has." if n else f"{said}."


def _invariants(frames, about, known):
    n, broken = known[CHECKS], known[BROKEN]
    if not broken:
        return n and f"{'All' if n > 1 else 'The'} {_count(n, 'check')} of the invariants {_verb(n, 'holds', 'hold')}."
    which = listed(dict.fromkeys(frames["invariants"].invariant[~frames["invariants"].holds]))
    return (f"FAILED: {broken:,} of {_count(n, 'check')} of the invariants {_verb(broken, 'does', 'do')} not hold "
            f"({which}), so no figure can be trusted.")


SENTENCES = {
    "cost": (["verdict"], _cost),
    "cheapest": (["verdict"], _cheapest),
    "today": (["verdict"], _today),
    "ambiguous": (["names"], _ambiguous),
    "sites": (["ambiguous_names"], _sites),
    "separated": (["ambiguous_names"], _separated),
    "consumers": (["matrix"], _consumers),
    "misread": (["verdict"], _misread),
    "survives": (["verdict"], _survives),
    "policy": (["policies"], _policy),
    "estimates": (["claims"], _estimates),
    "same": (["shipped_same"], _same),
    "kinds": ([], _kinds),
    "declarations": (["declarations"], _declarations),
    "invariants": (["invariants"], _invariants),
}
"""By short name: the frames that the sentence needs, and what writes it: (frames, about, facts) -> str, or something
false if there is nothing to say."""


def _amount(n, zero="no"):
    return f"{n:,}" if n else zero


def _count(n, one, many=None):
    """'no bytes', '1 byte', '2 bytes'."""
    return f"{_amount(n)} {one if n == 1 else many or one + 's'}"


def _more(n, unit=None):
    """'2 bytes more', 'no bytes more', '2 bytes less'; without a unit '2 more'."""
    return f"{_count(abs(n), unit) if unit else _amount(abs(n))} {'more' if n >= 0 else 'less'}"


def _of_all(n, total):
    """A part of a total that the sentence has named."""
    return "none" if not n else "it" if n == total == 1 else "all" if n == total else f"{n:,}"


def _percent(value):
    return f"{value:+.1f} %"


def about_bytes(n):
    """An average number of bytes, rounded to what it means: '708 bytes', '9.2 kB'."""
    return f"{whole(n):,} byte{'s' * (whole(n) != 1)}" if n < 1000 else f"{n / 1000:,.1f} kB"


def _verb(n, one, many):
    return one if n in (0, 1) else many
