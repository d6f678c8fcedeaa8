"""The findings of a report in sentences, the same for report.md, the page and mail.

Sentences are plain text. Every number in them is a cell in one of the report's CSVs; sums and counts that no other CSV
has are in `facts`. What was not measured is left out, or said to be missing.
"""

from __future__ import annotations

from typing import NamedTuple

from harness.btf.same import Verdict
from harness.measure import BASELINE, COMPRESSORS, SHIPPED
from harness.measure.attach import SAME_POLICY
from harness.report.tables import plain
from harness.report.words import listed
from harness.witnesses.shipped import MAY_DIFFER, SAME_BYTES
from harness.witnesses.witness import ALL_FILES


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
    Fact(MATCHED, "plot_names", lambda t: t.names.sum()),
    Fact(MATCHED_SEVERAL, "names", lambda t: len(_several(t))),
    Fact(MATCHED_ADDRESSES, "names", lambda t: _several(t).addresses.sum()),
    Fact(SEVERAL, "ambiguous_names", lambda t: len(_several(t))),
    Fact(ADDRESSES, "ambiguous_names", lambda t: _several(t).addresses.sum()),
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
    Fact(ESTIMATES, "claims", len),
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
    """The main finding in one sentence, str: the bytes that addresses take under the headline policy.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        encodings is needed.
    about : mapping
        report.json; policy is needed.
    """
    base, *others = frames["encodings"].to_dict("records")
    if not others:
        return f"Only {base['encoding']} was made, {_count(base['bytes'], 'byte')} under policy {about['policy']}."
    if any(row["delta"] <= 0 for row in others):
        changed = listed(f"{plain('delta', row['delta'])} ({_percent(row['percent'])}) as {row['encoding']}"
                          for row in others)
        return (f"Under policy {about['policy']}, function addresses change the {_count(base['bytes'], 'byte')} of "
                f"{base['encoding']} by {changed}.")
    grown = listed(f"{row['delta']:,}{unit} ({_percent(row['percent'])}) as {row['encoding']}"
                    for row, unit in zip(others, [" bytes", *[""] * (len(others) - 1)], strict=True))
    return (f"Under policy {about['policy']}, function addresses add {grown} to the "
            f"{_count(base['bytes'], 'byte')} of {base['encoding']}.")


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


def _growth(frames, about, known):
    base, *others = frames["encodings"].to_dict("records")
    grown = "; ".join(f"{row['encoding']} takes {_more(row['delta'], 'byte')} ({_percent(row['percent'])}) and has "
                      f"{_extra(row['extra FUNC'], 'FUNC') if row['extra FUNC'] else 'as many FUNCs'}"
                      for row in others)
    return grown and (f"Under policy {about['policy']}, {base['encoding']} takes {_count(base['bytes'], 'byte')} and "
                      f"has {_count(base['FUNC'], 'FUNC')}; {grown}.")


def _compressed(frames, about, known):
    part = next((part for part in COMPRESSORS if part in frames["encodings"]), None)
    base, *others = frames["encodings"].to_dict("records")
    if part is None or not others:
        return None
    grown = [f"{base['encoding']} takes {_count(base[part], 'byte')}"]
    grown += [f"{row['encoding']} {_more(row[f'{part} delta'])} ({_percent(row[f'{part} percent'])}; uncompressed "
              f"{_percent(row['percent'])})" for row in others]
    return f"Compressed with {part.replace('-', ' -')}, {listed(grown)}."


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
    return f"The choice of functions {'hardly matters' if spread < HARDLY else 'matters'}: {', '.join(said)}."


def _choice_shows(frames):
    """Whether the growth under each policy says something of the choice: they chose differently, and enough."""
    funcs = frames["policies"][frames["policies"].encoding == BASELINE].FUNC
    return funcs.nunique() > 1 and funcs.min() >= ENOUGH


def _policy_funcs(frames, about, known):
    table = _encoded(frames)
    said = []
    for encoding, rows in table.groupby("encoding", sort=False):
        first, *rest = zip(rows.policy, rows["extra FUNC"], strict=True)
        if rows["extra FUNC"].any():
            counts = [f"{_extra(first[1], 'FUNC')} than {BASELINE} under {first[0]}",
                      *(f"{_amount(n, 'none')} under {policy}" for policy, n in rest)]
            said.append(f"{encoding} has {listed(counts)}")
    if not said:
        return f"No encoding has more FUNCs than {BASELINE}." if len(table) else None
    return f"{'; '.join(said)}."


HARDLY = 0.1
"""Growth that differs less than this between policies, relative to the largest, hardly differs."""

ENOUGH = 1000
"""FUNCs of the baseline from which growth tells of a choice: with fewer, each one that is left out moves it."""


def _encoded(frames):
    """Rows of policies.csv except the baseline's."""
    return frames["policies"][frames["policies"].encoding != BASELINE]


def _ambiguous(frames, about, known):
    names, n = frames["names"], known[MATCHED_SEVERAL]
    of = f" of {known[MATCHED]:,} names" if MATCHED in known else ""
    if not n:
        return f"None{of} has several addresses." if of else "No name has several addresses."
    whose = f"{n:,}{of or ' name' + 's' * (n > 1)}"
    most = names[names.addresses == names.addresses.max()]
    if n == 1:
        return f"{whose} has several addresses: {most.name.iloc[0]}, {most.addresses.iloc[0]:,}."
    first = most.name.iloc[0] if len(most) == 1 else listed(most.name) if len(most) <= 3 else "several"
    return (f"{whose} share {known[MATCHED_ADDRESSES]:,} addresses; {first} {_verb(len(most), 'has', 'have')} most, "
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


def _attachable(frames, about, known):
    table = frames["attachability"]
    table = table[table.policy == about["policy"]]
    base = table[table.encoding == BASELINE]
    if not len(base):
        return None
    base = base.iloc[0]
    unknown = no_call_sites(frames)
    said = (f"Under policy {about['policy']}, fentry can attach to {'at most ' * unknown}{base.attachable:,} of "
            f"{base.addresses:,} addresses through a BTF id of {BASELINE}")
    if unknown:
        said += " (which of them have an ftrace call site is not known)"
    if "bytes_per_attachable" not in frames:
        return f"{said}."
    prices = frames["bytes_per_attachable"]
    prices = prices[(prices.policy == about["policy"]) & (prices.over == SAME_POLICY)]
    more = []
    for row in prices.itertuples():
        cost = f" at about {about_bytes(row.bytes_per_gained)}{' each' * (row.gained > 1)}" if row.gained else ""
        lost = f" and take {row.forgone:,} away" if row.forgone else ""
        more.append(f"{row.encoding} would add {_amount(row.gained, 'none')}{cost}{lost}")
    return f"{said}; if the kernel read addresses, {listed(more)}." if more else f"{said}."


def _estimates(frames, about, known):
    if not known[ESTIMATES]:
        return None
    said = []
    for verdict, claims in _by_verdict(frames["claims"]).items():
        n = known[f"{ESTIMATES}: {verdict}"]
        words = {"does not hold": _verb(n, "does not", "do not"), "not measured": _verb(n, "was", "were") +
                 " not measured"}.get(verdict, verdict.replace("holds", _verb(n, "holds", "hold"), 1)
                                                   .replace("under", "under policy"))
        said.append(f"{n:,} {words} ({'; '.join(claims)})")
    return (f"Of the {_count(known[ESTIMATES], 'estimate')} made in the thread of 2023, judged by data/claims.toml, "
            f"{listed(said)}.")


VERDICTS = ("holds", "holds under ", "does not hold", "not measured")
"""How verdicts on estimates begin, in the order in which they are listed."""


def _by_verdict(claims):
    """What was claimed by verdict, dict of list of str."""
    rank = {v: max(i for i, start in enumerate(VERDICTS) if v.startswith(start) or not i) for v in claims.verdict}
    return {v: claims.claim[claims.verdict == v].tolist() for v in sorted(rank, key=lambda v: (rank[v], v))}


def _consumers(frames, about, known):
    alike = {}
    for witness, rows in frames["consumers"].groupby("witness", sort=False):
        answers = tuple((verdict, tuple(group)) for verdict, group in rows.groupby("verdict", sort=False).encoding)
        alike.setdefault(answers, []).append(_witness(witness))
    said = []
    for answers, witnesses in alike.items():
        n = len(witnesses)
        words = {"loaded": _verb(n, "loads", "load"), "refused": _verb(n, "refuses", "refuse"),
                 "not permitted": f"{_verb(n, 'was', 'were')} not permitted to load",
                 "not asked": f"{_verb(n, 'was', 'were')} not asked about", "failed": "gave no answer about"}
        doing = [f"{words[verdict]} {listed(map(_file, files))}" if files != (ALL_FILES,) else
                 words[verdict].removesuffix(" about") for verdict, files in answers]
        said.append(f"{listed(witnesses)} {', and '.join(doing)}")
    return f"{'; '.join(said)}." if said else None


def _witness(name):
    """'bpftool v7.1.0, using libbpf v1.1' as 'bpftool v7.1.0 (using libbpf v1.1)': commas separate witnesses."""
    name, _, how = name.partition(", ")
    return f"{name} ({how})" if how else name


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
    "growth": (["encodings"], _growth),
    "compressed": (["encodings"], _compressed),
    "policy": (["policies"], _policy),
    "policy_funcs": (["policies"], _policy_funcs),
    "ambiguous": (["names"], _ambiguous),
    "separated": (["ambiguous_names"], _separated),
    "sites": (["ambiguous_names"], _sites),
    "attachable": (["attachability"], _attachable),
    "estimates": (["claims"], _estimates),
    "consumers": (["consumers"], _consumers),
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


def _extra(n, unit):
    """'2 more FUNCs', 'no more FUNCs', '2 fewer FUNCs'."""
    return f"{_amount(abs(n))} {'more' if n >= 0 else 'fewer'} {unit}{'s' * (abs(n) != 1)}"


def _of_all(n, total):
    """A part of a total that the sentence has named."""
    return "none" if not n else "it" if n == total == 1 else "all" if n == total else f"{n:,}"


def _percent(value):
    return f"{value:+.1f} %"


def about_bytes(n):
    """An average number of bytes, rounded to what it means: '708 bytes', '9.2 kB'."""
    return f"{n:,.0f} byte{'s' * (round(n) != 1)}" if n < 1000 else f"{n / 1000:,.1f} kB"


def _verb(n, one, many):
    return one if n in (0, 1) else many
