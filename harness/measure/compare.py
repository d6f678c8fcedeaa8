"""Two builds side by side: which functions gained or lost instances, what moved, and which identity survives.

An identity is a key that should name one function instance: an address, an ordinal, a file. It survives a rebuild if
the key of an instance in build A finds the same instance in build B, and only that one. Whether it is the same has to
be known by other means. What survives is the source: within one compile unit a static function's name is unique, so

    the counterpart of an instance is the instance of B with the same name, in the compile unit of the same path,
    defined in the same file (DW_AT_decl_file); where there are several (clones of one function with one name),
    the k-th of A belongs to the k-th of B in the order of line, symbol and DIE, if both builds have equally many;

    an instance of A that has none is gone if every instance of that name in B is another's counterpart, or there is
    none; else, for example after a function moved to another file, it is unknown whether it is still there.

So identities made of name, unit and file alone cannot be found wrong here, only unknown, ambiguous or lost: whether
they are right is a matter of definition. Addresses and ordinals play no part in it; where they agree with it, each
confirms the other. Paths are taken to be relative to the build: where the absolute paths of the two builds begin
differently, they are compared from there on (`_without_roots`).

Only functions.csv is read, and of it only columns that no policy changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.errors import MeasureError
from harness.measure.columns import frame
from harness.measure.functions import ADDRESSABLE, MATCHED
from harness.results import records
from harness.results.columns import PLACE

TRUTH = ("name", "unit", "file")
"""Columns that define a counterpart."""

class Identity(NamedTuple):
    """A way to name one instance.

    Attributes
    ----------
    name : str
    columns : tuple of str
        Their values together are the key.
    meaning : str
        A few words for people.
    """

    name: str
    columns: tuple
    meaning: str


IDENTITIES = (
    Identity("name", ("name",), "the name alone"),
    Identity("address", ("address",), "absolute entry address alone"),
    Identity("offset", ("offset",), "address minus the lowest of all instances"),
    Identity("section+offset", ("section", "section_offset"), "address minus the lowest of the section's instances"),
    Identity("name+address", ("name", "address"), "what an address attached to a FUNC gives"),
    Identity("name+offset", ("name", "offset"), "the same with the offset"),
    Identity("name+ordinal", ("name", "ordinal"), "k-th address among the name's instances"),
    Identity("symbol+ordinal", ("symbol", "symbol_ordinal"), "k-th among the symbol's, like livepatch's sympos"),
    Identity("name+file", ("name", "file"), "file that defines it (DW_AT_decl_file)"),
    Identity("name+file+line", ("name", "file", "line"), "and its line"),
    Identity("name+unit", ("name", "unit"), "path of its compile unit"),
    Identity("name+unit+file", TRUTH, "both: the counterpart, by definition"),
)
"""Candidates, the plainest first. The lowest instance need not be at the start of the section (_stext): functions.csv
does not have the sections' addresses, and code without a DIE may come first."""

TABLES = ("counterparts", "identities", "names", "moved", "ordinals")
"""The frames of a Comparison, in the order of its text."""

OUTCOMES = ("right", "wrong", "unknown", "ambiguous", "lost", "gone")
"""What an identity does for an instance; together they sum to the instances."""

ALL, AMBIGUOUS = "all", "ambiguous"


@dataclass(frozen=True)
class Comparison:
    """What became of the matched instances of build A in build B.

    Attributes
    ----------
    kernels : (str, str)
        Labels of A and B.
    build_ids : (str, str)
        Theirs, or empty.
    remarks : tuple of str
        What a reader has to know first: that the builds are the same, or policies or settings differ.
    names : DataFrame
        name, in A, in B, change: names whose number of instances changed; those of both builds first, then those that
        B lacks, then those that A lacks; the largest change first.
    counterparts : DataFrame
        what, instances, ambiguous names: the account behind the other frames.
    identities : DataFrame
        group, identity, instances, findable, right, wrong, unknown, ambiguous, lost, gone, right share; two rows per
        identity. findable is right + wrong + unknown, and with ambiguous, lost and gone it is instances.
    moved : DataFrame
        section, paired, unmoved, moved, resectioned, shifts, usual shift, shifted, shifted share: one row per section
        of A.
    ordinals : DataFrame
        name, in A, in B, paired, renumbered, order changed: names with an instance whose ordinal changed.
    """

    kernels: tuple
    build_ids: tuple
    remarks: tuple
    names: object
    counterparts: object
    identities: object
    moved: object
    ordinals: object

    def tables(self):
        """The frames by name, dict; `builds` says what A and B are."""
        builds = frame(zip("AB", self.kernels, self.build_ids, strict=True), ("build", "kernel", "build_id"))
        return {"builds": builds, **{name: getattr(self, name) for name in TABLES}}

    def records(self):
        """All as an object of named tables for `harness.results.to_json`, dict."""
        return {"remarks": list(self.remarks), **{name: records(table) for name, table in self.tables().items()}}


def compare(a, b):
    """The Comparison of two results.

    Parameters
    ----------
    a, b : harness.measure.Result
        Of the builds A and B.

    Raises
    ------
    MeasureError
        They are of different machines, or a functions.csv is malformed.
    """
    machines = [_machine(result) for result in (a, b)]
    if machines[0] != machines[1]:
        raise MeasureError(f"expected a build for {machines[0]}, as {a.folder} is, found one for {machines[1]}",
                           b.of.manifest_path)
    remarks, matches = _remarks(a, b)
    left, right = _without_roots(*(_instances(result, matches) for result in (a, b)))
    counterpart, unknown = _counterparts(left, right)
    taken = np.zeros(len(right), bool)
    taken[counterpart[counterpart >= 0]] = True
    names = set(left.name[left.elf_addresses > 1]) | set(right.name[right.elf_addresses > 1])
    several = [t.name.isin(names).to_numpy() for t in (left, right)]
    return Comparison(
        (a.kernel, b.kernel), _build_ids(a, b), remarks, _names(left, right),
        _account(left, right, counterpart, unknown, taken, several),
        _identities(left, right, counterpart, unknown, taken, several[0]),
        _moved(left, right, counterpart), _ordinals(left, right, counterpart))


def _machine(result):
    kernel = result.manifest["kernel"]
    return f"{kernel.get('machine')}, {kernel.get('bits')} bits, {kernel.get('byteorder')} endian"


def _build_ids(a, b):
    return tuple(r.manifest["kernel"].get("build_id") or "" for r in (a, b))


def _remarks(a, b):
    """Remarks to show first, tuple of str, and the matches to compare."""
    remarks, matches = [], ADDRESSABLE
    ids = _build_ids(a, b)
    if ids[0] and ids[0] == ids[1]:
        remarks.append(f"A and B are the same build: both have the build ID {ids[0]}.")
    if a.policy != b.policy:
        remarks.append(f"The policies differ ({a.policy}, {b.policy}); what is compared here does not depend on them.")
    fallback = [r.manifest.get("fallback", True) for r in (a, b)]
    if fallback[0] != fallback[1]:
        matches = MATCHED
        remarks.append("One of them was encoded without the fallback; instances that only it finds are left aside.")
    return tuple(remarks), matches


def _instances(result, matches):
    """The matched rows of functions.csv with keys of every identity: address, offsets uint64 in bytes; ordinals int64.

    Ordinals count distinct addresses from 1; instances of one name at one address have the same.
    """
    table = result.functions
    table = table[table.match.isin(matches)].reset_index(drop=True)
    if len(table):
        table["offset"] = table.address - table.address.min()
    else:
        table["offset"] = table.address
    table["section_offset"] = table.address - table.groupby("shndx").address.transform("min")
    for column, name in (("ordinal", "name"), ("symbol_ordinal", "symbol")):
        key = [name, *PLACE]
        distinct = table[key].drop_duplicates().sort_values(key)
        distinct[column] = distinct.groupby(name).cumcount() + 1
        table[column] = table.merge(distinct, "left", key)[column].to_numpy(np.int64)
    return table


def _without_roots(a, b):
    """The tables with paths that do not depend on the build directory.

    Units of assembler have absolute paths in some kernels, such as /build/linux-6.1.190/arch/x86/entry/entry.S. The
    directories that all absolute paths of a build have in common are compared between the builds; up to and with the
    first name that differs they say where it was built.
    """
    common = [_common_directory(t.unit) for t in (a, b)]
    if None in common:
        return a, b
    n = next((i for i, (x, y) in enumerate(zip(*common, strict=False)) if x != y), None)
    if n is None:  # one is in the other: built in the same place
        return a, b
    roots = ["/".join(names[: n + 1]) + "/" for names in common]
    return tuple(t.assign(**{c: t[c].str.removeprefix(root) for c in ("unit", "file")})
                 for t, root in zip((a, b), roots, strict=True))


def _common_directory(paths):
    """Names of the directories that all absolute paths begin with, the first one empty, or None without such paths."""
    absolute = sorted({p for p in paths if p.startswith("/")})
    if not absolute:
        return None
    first, last = (p.split("/")[:-1] for p in (absolute[0], absolute[-1]))
    same = [x == y for x, y in zip(first, last, strict=False)]
    return first[: same.index(False) if False in same else len(same)]


def _codes(a, b, columns):
    """The keys of both tables as int64, equal where all columns are."""
    import pandas as pd

    columns = list(columns)
    both = pd.concat([a[columns], b[columns]])
    codes = both.groupby(columns, sort=False).ngroup().to_numpy(np.int64)
    return codes[: len(a)], codes[len(a) :]


def _counts(a, b):
    """How often each code of `_codes` occurs in A and in B."""
    n = max(a.max(initial=-1), b.max(initial=-1)) + 1
    return np.bincount(a, minlength=n), np.bincount(b, minlength=n)


def _counterparts(a, b):
    """Row of B of each row of A, int64, -1 if none; and whether it is unknown if there is one, bool."""
    group_a, group_b = _codes(a, b, TRUTH)
    n_a, n_b = _counts(group_a, group_b)
    counterpart = np.full(len(a), -1, np.int64)
    order_a, order_b = (np.lexsort((t.die, _ranks(t.symbol), t.line, g)) for t, g in ((a, group_a), (b, group_b)))
    # Groups of one size, both sorted alike: the k-th row of one is the k-th of the other.
    same = n_a == n_b
    counterpart[order_a[same[group_a[order_a]]]] = order_b[same[group_b[order_b]]]
    free = np.ones(len(b), bool)
    free[counterpart[counterpart >= 0]] = False
    unknown = (counterpart < 0) & a.name.isin(b.name[free]).to_numpy()
    return counterpart, unknown


def _ranks(texts):
    return np.unique(texts.to_numpy(object), return_inverse=True)[1]


def _account(a, b, counterpart, unknown, taken, several):
    """How many instances have a counterpart, and what else agrees: for all rows, and for rows of ambiguous names."""
    has = counterpart >= 0
    other = b.iloc[counterpart[has]]
    names_left = set(a.name[unknown])
    new = ~taken & ~b.name.isin(names_left).to_numpy()
    rows = [("instances in A", np.ones(len(a), bool), several[0]), ("- with a counterpart in B", has, several[0]),
            ("- gone", ~has & ~unknown, several[0]), ("- whether gone is unknown", unknown, several[0]),
            ("instances in B", np.ones(len(b), bool), several[1]), ("- counterparts", taken, several[1]),
            ("- new", new, several[1]), ("- whether new is unknown", ~taken & ~new, several[1])]
    words = {"line": "counterparts on the same line", "symbol": "counterparts with the same symbol",
             "binding": "counterparts with the same binding"}
    for column, text in words.items():
        same = np.zeros(len(a), bool)
        same[has] = a[column].to_numpy(object)[has] == other[column].to_numpy(object)
        rows.append((text, same, several[0]))
    return frame([(text, mask.sum(), (mask & of).sum()) for text, mask, of in rows],
                  ("what", "instances", "ambiguous names"))


def _names(a, b):
    table = _per_name(a, b)
    table = table[table["in A"] != table["in B"]]
    change = table["in B"] - table["in A"]
    place = (table["in B"] == 0) + 2 * (table["in A"] == 0)
    order = np.lexsort((_ranks(table.index.to_series()), -change.abs(), place)) if len(table) else []
    rows = zip(table.index, table["in A"], table["in B"], change, strict=True)
    return frame(rows, ("name", "in A", "in B", "change")).iloc[order].reset_index(drop=True)


def _per_name(a, b):
    """Instances of each name: in A, in B, int64, indexed by name."""
    import pandas as pd

    counts = {key: t.groupby("name").size() for key, t in (("in A", a), ("in B", b))}
    return pd.DataFrame(counts).fillna(0).astype("int64")


def _identities(a, b, counterpart, unknown, taken, several):
    rows = []
    groups = ((ALL, np.ones(len(a), bool)), (AMBIGUOUS, several))
    for identity in IDENTITIES:
        outcome = _outcome(a, b, identity.columns, counterpart, unknown, taken)
        for group, mask in groups:
            counts = np.bincount(outcome[mask], minlength=len(OUTCOMES)).tolist()
            n = int(mask.sum())
            assert sum(counts) == n
            rows.append((group, identity.name, n, sum(counts[:3]), *counts, 100 * counts[0] / n if n else 0.0))
    rows.sort(key=lambda row: row[0] != ALL)  # stable: the order of IDENTITIES within a group
    return frame(rows, ("group", "identity", "instances", "findable", *OUTCOMES, "right share"))


def _outcome(a, b, columns, counterpart, unknown, taken):
    """Index in OUTCOMES of each row of A, int64."""
    right, wrong, not_known, ambiguous, lost, gone = range(len(OUTCOMES))
    key_a, key_b = _codes(a, b, columns)
    n_a, n_b = _counts(key_a, key_b)
    row = np.full(len(n_b), -1, np.int64)
    row[key_b] = np.arange(len(b))
    found = row[key_a]
    out = np.where(n_b[key_a] == 0, np.where((counterpart < 0) & ~unknown, gone, lost), ambiguous)
    out[(n_a[key_a] > 1) | (n_b[key_a] > 1)] = ambiguous
    unique = np.flatnonzero((n_a[key_a] == 1) & (n_b[key_a] == 1))
    found = found[unique]
    # Without a counterpart it may still be the same function, but not if that is another's, or of another name.
    possible = (a.name.to_numpy(object)[unique] == b.name.to_numpy(object)[found]) & ~taken[found]
    known = counterpart[unique]
    out[unique] = np.where(known >= 0, np.where(known == found, right, wrong), np.where(possible, not_known, wrong))
    return out


def _moved(a, b, counterpart):
    has = counterpart >= 0
    pairs, other = a[has], b.iloc[counterpart[has]]
    shift = (other.address.to_numpy() - pairs.address.to_numpy()).view(np.int64)  # modulo 2**64, as it should
    same = pairs.section.to_numpy(object) == other.section.to_numpy(object)
    sections = pairs.section.to_numpy(object)
    rows = []
    for section in sorted(set(sections)):
        here = shift[(sections == section) & same]
        moved = here[here != 0]
        values, counts = np.unique(moved, return_counts=True)
        most = int(counts.argmax()) if len(counts) else None
        common, times = (0, 0) if most is None else (int(values[most]), int(counts[most]))
        n = int((sections == section).sum())
        rows.append((section, n, len(here) - len(moved), len(moved), n - len(here), len(values), common, times,
                     100 * times / len(moved) if len(moved) else 0.0))
    rows.sort(key=lambda row: (-row[1], row[0]))
    return frame(rows, ("section", "paired", "unmoved", "moved", "resectioned", "shifts", "usual shift", "shifted",
                         "shifted share"))


def _ordinals(a, b, counterpart):
    has = np.flatnonzero(counterpart >= 0)
    pairs = a.iloc[has][["name", "ordinal"]].assign(after=b.ordinal.to_numpy()[counterpart[has]])
    changed = pairs[pairs.ordinal != pairs.after].groupby("name").size()
    counts = _per_name(a, b)
    rows = []
    for name, group in pairs[pairs.name.isin(changed.index)].sort_values(["name", "ordinal"]).groupby("name"):
        crossed = bool((np.diff(group.after.to_numpy()) < 0).any())
        rows.append((name, counts.at[name, "in A"], counts.at[name, "in B"], len(group), changed[name], crossed))
    return frame(rows, ("name", "in A", "in B", "paired", "renumbered", "order changed"))
