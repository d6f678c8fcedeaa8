"""The .BTF section that the kernel ships, compared with our baseline: as a whole, by counts of types, by names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.btf import BtfFile, same, stat
from harness.measure.columns import frame
from harness.measure.functions import coded
from harness.measure.result import BASELINE, SHIPPED
from harness.model import Kind, TypeTable, declared_kind
from harness.model import words as wd
from harness.results import INSTANCES
from harness.witnesses.witness import Comparison

MAY_DIFFER = ("FUNC", "FUNC_PROTO", "VAR", "DATASEC", "DECL_TAG")
"""Kinds that depend on which functions and variables were kept; all others must agree."""

OURS = "ours"

SAME_BYTES = "same bytes"
"""The verdict on files that are equal byte for byte."""


class Ours(NamedTuple):
    """The file of ours that is compared with the shipped section.

    Attributes
    ----------
    written : str
        'like pahole X', or 'under policy P'.
    path : Path
    btf : BtfFile
    """

    written: str
    path: Path
    btf: BtfFile


def ours_of(result):
    """The Ours of a result: its baseline as the pahole that wrote the shipped section makes it, if there is such."""
    like = result.of.like
    if like is not None:
        return Ours(f"like pahole {like.rules}", like.path, like.btf)
    return Ours(f"under policy {result.policy}", result.files[BASELINE], result.btf(BASELINE))


def shipped_kinds(result):
    """Types by kind in Ours and in the shipped section, or None when the kernel ships none.

    DataFrame kind, ours, shipped, difference, verdict: 'equal', 'differs' (allowed to, see shipped_names) or
    'UNEXPLAINED'.
    """
    if SHIPPED not in result.files:
        return None
    ours, theirs = stat(ours_of(result).btf).kinds, result.accounts[SHIPPED].kinds
    rows = []
    for kind, (n, _) in ours.items():
        m = theirs[kind][0]
        if n or m:
            verdict = "equal" if n == m else "differs" if kind in MAY_DIFFER else "UNEXPLAINED"
            rows.append((kind, n, m, n - m, verdict))
    return frame(rows, ("kind", "ours", "shipped", "difference", "verdict"))


ALL = "all"
"""In the column `kind`: all kinds together."""


def shipped_same(result):
    """Whether Ours and the shipped section are the same BTF, or None when the kernel ships none.

    DataFrame written, verdict, kind, ours, shipped, only in ours, only in shipped: a row for ALL kinds, then one for
    each kind with types that only one of the two has; verdict is the value of a same.Verdict, or SAME_BYTES.
    """
    if SHIPPED not in result.files:
        return None
    ours = ours_of(result)
    found = same.compare(ours.btf, result.btf(SHIPPED),
                         same_bytes=ours.path.read_bytes() == result.files[SHIPPED].read_bytes())
    verdict = SAME_BYTES if found.same_bytes else found.verdict.value
    kinds = found.kinds()
    totals = [sum(counts) for counts in zip(*kinds.values(), strict=True)] or [0] * 4
    rows = [(ALL, *totals), *((kind, *counts) for kind, counts in kinds.items() if any(counts[2:]))]
    return frame([(ours.written, verdict, *row) for row in rows],
                 ("written", "verdict", "kind", "ours", "shipped", "only in ours", "only in shipped"))


def shipped_names(result):
    """FUNCs, FUNC_PROTOs, VARs, DATASECs and DECL_TAGs that one file has and the other lacks, or None as above.

    DataFrame kind, only in, name, times, reason. The name of a FUNC_PROTO is its signature, that of a DECL_TAG ends
    with its target.
    """
    if SHIPPED not in result.files:
        return None
    ours, theirs = (_Named(result.btf(name), result.texts(name)) for name in (BASELINE, SHIPPED))
    n_ours, n_theirs = Counter(ours.functions()), Counter(theirs.functions())
    differ = list(differences(n_ours, n_theirs))
    known = _matches_and_reasons(result.functions, [name for _, name, _ in differ])
    n_suffixed = sum(1 for name in _only_suffixed(result) if name in n_theirs)
    rows = list(_var_rows(ours, theirs))
    for kind, names in (("DATASEC", _Named.datasecs), ("DECL_TAG", _Named.decl_tags)):
        mine, other = Counter(names(ours)), Counter(names(theirs))
        rows += [(kind, where, name, times, "lists other variables" if kind == "DATASEC" else "")
                 for where, name, times in differences(mine, other)]
    alike = {OURS: ours.alike_but_for_names(n_ours), SHIPPED: theirs.alike_but_for_names(n_theirs)}
    funcs = []
    for where, name, times in differ:
        reason = _func_reason(where, name, known.get(name), n_ours, n_theirs, n_suffixed)
        if n_ours[name] and n_theirs[name] and name in alike[where]:
            reason += "; they differ only in parameter names"
        funcs.append(("FUNC", where, name, times, reason))
    rows += sorted(funcs, key=lambda row: row[1] != SHIPPED)
    rows += _proto_rows(ours, theirs, n_ours, n_theirs)
    return frame(rows, ("kind", "only in", "name", "times", "reason"))


def differences(mine, other):
    """Yields what two Counters differ in, by name: (OURS or SHIPPED, whichever has more; name; how many more)."""
    names = {name for name, n in mine.items() if other.get(name) != n}
    names |= {name for name, n in other.items() if mine.get(name) != n}
    for name in sorted(names):
        times = mine[name] - other[name]
        if times:
            yield (OURS if times > 0 else SHIPPED), name, abs(times)


def _matches_and_reasons(functions, names):
    """What functions.csv says about some names, dict of str to list of (match, reason)."""
    rows = functions[functions.name.isin(names)]
    known = {}
    for name, match, reason in zip(rows.name, rows.match, rows.reason, strict=True):
        known.setdefault(name, []).append((match, reason))
    return known


def _only_suffixed(result):
    """The names whose encoded instances all have a symbol with a suffix, list of str."""
    code, functions = coded(result), result.functions
    kept, suffix = (functions.reason == "").to_numpy(), (functions.match == "suffix").to_numpy()
    n_kept, n_suffix = (np.bincount(code.name[rows], minlength=len(code.names)) for rows in (kept, kept & suffix))
    return code.names[(n_kept > 0) & (n_kept == n_suffix)].tolist()


def _func_reason(where, name, rows, n_ours, n_theirs, n_suffixed):
    left_out = "; ".join(sorted({reason for _, reason in rows or ()} - {""}))
    if n_ours[name] and n_theirs[name]:
        why = f"; left out here: {left_out}" if left_out and where == SHIPPED else ""
        return f"FUNCs of one name and several prototypes: {n_ours[name]} here, {n_theirs[name]} shipped{why}"
    if rows is None:
        return "no DIE with code has this name" if where == SHIPPED else f"not in {INSTANCES}"
    if where == SHIPPED:
        return f"left out here: {left_out}" if left_out else "not left out here"
    kept = {match for match, reason in rows if reason == ""}
    if kept == {"suffix"}:
        return f"all its symbols have a suffix (.isra, .constprop); the shipped file has {n_suffixed:,} such names"
    if kept == {"fallback"}:
        return "it has the address of its only symbol, at which no DIE begins"
    return "left out of the shipped file: matched " + ", ".join(sorted(kept))


def _proto_rows(ours, theirs, n_ours, n_theirs):
    signatures = [[named.signature(i, True) for i in named.ids(Kind.FUNC_PROTO)] for named in (ours, theirs)]
    differ = list(differences(*map(Counter, signatures)))
    users = {}
    for where, named, texts in zip((OURS, SHIPPED), (ours, theirs), signatures, strict=True):
        wanted = {signature for w, signature, _ in differ if w == where}
        protos = {i: s for i, s in zip(named.ids(Kind.FUNC_PROTO), texts, strict=True) if s in wanted}
        for proto, names in named.users(protos).items():
            users.setdefault((where, protos[proto]), set()).update(names)
    rows = []
    for where, signature, times in differ:
        lacking = n_theirs if where == OURS else n_ours
        names = sorted(users.get((where, signature), ()))
        alone = [u for u in names if not lacking[u]]
        if len(alone) == len(names) and names:
            text = "used only by FUNCs that the other file lacks"
        elif names:
            text = "its FUNCs have another prototype in the other file"
        else:
            text = "not used by a FUNC"
        some = (alone or names)[:3]
        text += f": {', '.join(some)}" + (f" and {len(names) - len(some)} more" if len(names) > len(some) else "") \
            if some else ""
        rows.append(("FUNC_PROTO", where, signature, times, text))
    return rows


def _var_rows(ours, theirs):
    mine, other = ours.variables(), theirs.variables()
    for where, name, times in differences(Counter(mine.keys()), Counter(other.keys())):
        offset = (mine if where == OURS else other)[name]
        reason = "" if offset is None else f"at offset {offset} of its section"
        if offset == 0:
            reason += ", so address 0 in DWARF, like discarded variables; older pahole drops both (inferred)"
        yield ("VAR", where, name, times, reason)


MAX_DEPTH, CUT = 12, "\u2026"
"""How deep types are described, and what replaces the rest."""


class _Named:
    """The names in a BtfFile, as str.

    Its columns are lists by type_id: Python reads single numbers out of a list much faster than out of an array.
    """

    def __init__(self, btf, texts):
        self.types, self.texts = btf.types, texts
        self.kind, self.vlen, self.name_off, self.size_type = (btf.types.by_id(column).tolist() for column in (
            TypeTable.kind, TypeTable.vlen, TypeTable.name_off, TypeTable.size_type))
        self.funcs = self.ids(Kind.FUNC)
        self.described = {0: "void"}

    def name(self, type_id):
        return self.texts[self.name_off[type_id]]

    def row(self, type_id):
        return self.types.row(type_id).tolist()

    def ids(self, kind):
        """type_ids of a kind in the file itself, list of int; what a base has is not named, only described."""
        return self.types.ids_of(kind).tolist()

    def functions(self):
        return [self.name(i) for i in self.funcs]

    def users(self, protos):
        """The names of FUNCs that have one of some prototypes, set of str by type_id."""
        out = {}
        for i in self.funcs:
            if self.size_type[i] in protos:
                out.setdefault(self.size_type[i], set()).add(self.name(i))
        return out

    def alike_but_for_names(self, n_funcs):
        """Names of several FUNCs whose prototypes differ in nothing but their parameters' names, set of str.

        n_funcs : Counter of the names of FUNCs.
        """
        found = {}
        for i in self.funcs:
            if n_funcs[self.name(i)] > 1:
                found.setdefault(self.name(i), []).append(self.size_type[i])
        return {name for name, protos in found.items() if len({self.signature(p) for p in protos}) == 1}

    def variables(self):
        """Offset of each VAR in its DATASEC by name, None for one that is in none."""
        place = {}
        for i in self.ids(Kind.DATASEC):
            row = self.row(i)
            place.update((row[at + wd.SECINFO_TYPE], row[at + wd.SECINFO_OFFSET])
                         for at in wd.entries(Kind.DATASEC, 0, self.vlen[i]))
        return {self.name(i): place.get(i) for i in self.ids(Kind.VAR)}

    def datasecs(self):
        return [f"{self.name(i)}: {self.vlen[i]} variables" for i in self.ids(Kind.DATASEC)]

    def decl_tags(self):
        out = []
        for i in self.ids(Kind.DECL_TAG):
            target = self.size_type[i]
            on = f"{Kind(self.kind[target]).name} {self.name(target)}" if 0 < target < len(self.kind) else f"[{target}]"
            out.append(f"{self.name(i)} on {on}")
        return out

    def signature(self, type_id, names=False, depth=0):
        """A FUNC_PROTO in words: return type and parameters."""
        row, known, texts = self.row(type_id), self.described.get, self.texts
        parts = [f"{known(param) or self.describe(param, depth + 1)} {texts[name_off]}" if names and name_off else
                 known(param) or self.describe(param, depth + 1) if param or name_off else "..."
                 for name_off, param in ((row[at + wd.ENTRY_NAME], row[at + wd.PARAM_TYPE])
                                         for at in wd.entries(Kind.FUNC_PROTO, 0, self.vlen[type_id]))]
        return f"{self.describe(row[wd.SIZE_TYPE], depth + 1)} ({', '.join(parts) or 'void'})"

    def describe(self, type_id, depth=0):
        """A type in words; enough to tell most apart, not C."""
        known = self.described.get(type_id)
        if known is not None:
            return known
        if not 0 < type_id < len(self.kind):
            return f"[{type_id}]"
        if depth > MAX_DEPTH:
            return CUT
        kind, name, target = self.kind[type_id], self.name(type_id), self.size_type[type_id]
        if kind == Kind.PTR:
            text = self.describe(target, depth + 1) + " *"
        elif kind in (Kind.CONST, Kind.VOLATILE, Kind.RESTRICT):
            word, inner = Kind(kind).name.lower(), self.describe(target, depth + 1)
            text = f"{inner} {word}" if inner.endswith("*") else f"{word} {inner}"
        elif kind == Kind.ARRAY:
            row = self.row(type_id)
            text = f"{self.describe(row[wd.ARRAY_TYPE], depth + 1)}[{row[wd.ARRAY_NELEMS]}]"
        elif kind == Kind.FUNC_PROTO:
            text = self.signature(type_id, depth=depth)
        elif kind in (Kind.INT, Kind.FLOAT, Kind.TYPEDEF):
            text = name
        elif kind == Kind.FWD:
            text = f"{declared_kind(self.row(type_id)[wd.INFO]).name.lower()} {name}"
        else:
            word = {Kind.ENUM64: "enum"}.get(kind, Kind(kind).name.lower())
            text = f"{word} {name or '(anon)'}"
        if CUT not in text:
            self.described[type_id] = text
        return text


def compare(how, result):
    """The frames shipped_same, shipped_kinds and shipped_names, none if the kernel ships no .BTF."""
    kinds = shipped_kinds(result)
    return {} if kinds is None else {"shipped_same": shipped_same(result), "shipped_kinds": kinds,
                                     "shipped_names": shipped_names(result)}


WITNESS = Comparison(name="shipped", title="The kernel's own .BTF", compare=compare, rank=10, outside=False)
