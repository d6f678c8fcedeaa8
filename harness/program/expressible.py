"""What BTF has no form for is left out of the deduplicated types, and counted.

====================================  ==============================================================================
in the file                           in the types
====================================  ==============================================================================
a type without form in BTF            gone; what refers to it: a pointer becomes one to void, an array, prototype or
                                      typedef is gone as well, a member is left out, a function is inexpressible
a struct, union or enum of a name     without name
that the kernel refuses
a typedef of such a name              gone; what refers to it refers to what it stands for
a member or enumerator of such a      left out
name, a member of a declared struct
a parameter of such a name            without name
====================================  ==============================================================================

Types without form are those whose size is known at run time only or is above 4 GiB, complex numbers, arrays of more
than 2**32 - 1 elements, declarations without a name. The walk writes a FWD without a name for them.

The kernel takes letters, digits, ``_`` and ``.`` in names (kernel/bpf/btf.c, btf_name_valid_identifier), and refuses a
whole file for one `$` or UTF-8 letter.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.btf import not_identifiers, rows_are_sound
from harness.dedup import dedup_types
from harness.dwarf import walk_tables as wt
from harness.dwarf.walk import DeclTags, Walk
from harness.model import STANDARD, Kind, StringTable, TypeTable
from harness.model import words as wd

STANDS_FOR = (Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPEDEF, Kind.TYPE_TAG)
"""Kinds that have the size of what they refer to."""

SIZED = (Kind.INT, Kind.FLOAT, Kind.PTR, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64)

VLEN = 0xFFFFFF


class Expressible(NamedTuple):
    """Types that BTF can express.

    Attributes
    ----------
    types : TypeTable
        Deduplicated.
    id_map : uint32 (next_id,)
        What each type became; 0 of one that is gone.
    returned, passed : bool (next_id,)
        Of the types before: whether a function may return one, or take one as an argument.
    cut : set of int
        Structs, unions and enums, by what they became, of which something was left out.
    counts : dict of str to int
        What was left out.
    """

    types: TypeTable
    id_map: np.ndarray
    returned: np.ndarray
    passed: np.ndarray
    cut: set[int]
    counts: dict[str, int]


def expressible(types: TypeTable, strings: StringTable) -> Expressible | None:
    """The Expressible part of deduplicated types, or None if that is all of them."""
    if rows_are_sound(types, strings) and sized(types)[_held(types)].all():
        return None
    return _Parts(types, strings).made()


def sized(types: TypeTable) -> np.ndarray:
    """Which types have a size, bool (next_id,): not void, a forward declaration, a prototype, nor an array of these."""
    kind = np.concatenate([np.zeros(1, np.uint8), types.kind()])
    target = np.zeros(len(kind), np.int64)
    target[1:] = types.size_type()
    arrays = np.flatnonzero(kind == Kind.ARRAY)
    target[arrays] = types.words[types.start[arrays] + wd.ARRAY_TYPE]
    out = np.isin(kind, SIZED)
    chain = np.flatnonzero(np.isin(kind, STANDS_FOR) | (kind == Kind.ARRAY))
    while len(chain):
        has = out[target[chain]]
        if not has.any():
            break
        out[chain[has]] = True
        chain = chain[~has]
    return out


def _held(types):
    """type_ids of what is used by value: members, elements and parameters but for an ellipsis."""
    kind, vlen = types.kind(), types.vlen().astype(np.int64)
    found = [types.words[types.start[1:-1][kind == Kind.ARRAY] + wd.ARRAY_TYPE]]
    for kinds, word in (((Kind.STRUCT, Kind.UNION), wd.MEMBER_TYPE), ((Kind.FUNC_PROTO,), wd.PARAM_TYPE)):
        rows = np.flatnonzero(np.isin(kind, kinds))
        width = STANDARD[kinds[0]].entry_words
        n = vlen[rows]
        first = np.repeat(types.start[1:-1][rows], n)
        nth = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n)
        held = types.words[first + wd.entries(kinds[0], 0, 1)[0] + width * nth + word]
        found.append(held if kinds[0] != Kind.FUNC_PROTO else held[held != 0])
    return np.concatenate(found)


class _Parts:
    """The rows of a table, in which what BTF cannot express is taken out step by step."""

    def __init__(self, types, strings):
        self.types, self.strings = types, strings
        self.rows = [np.zeros(3, np.uint32), *(types.row(i).copy() for i in range(1, types.next_id))]
        self.kinds = [None, *(Kind(int(k)) for k in types.kind())]
        names = np.unique(np.concatenate(self.rows))  # and more; only those that are names are looked up
        names = names[names < len(strings.blob)]
        self.refused = set(names[not_identifiers(strings, names)].tolist())
        self.gone, self.alias, self.cut = set(), {}, set()
        self.n_names = self.n_members = 0

    def made(self):
        """The Expressible."""
        for i in range(1, len(self.rows)):
            self._name(i)
        while True:
            before = len(self.gone), self.n_members
            passed = self._sized()
            for i in range(1, len(self.rows)):
                if i not in self.gone and i not in self.alias:
                    self._take_out(i, passed)
            if before == (len(self.gone), self.n_members):
                break
        returned = passed.copy()
        for i in range(len(self.rows)):
            returned[i] |= self.end(i) == 0 and not self._is_gone(i)
        kept = [i for i in range(1, len(self.rows)) if i not in self.gone and i not in self.alias]
        new = dict(zip(kept, range(1, len(kept) + 1), strict=True))
        words = [self._renumbered(i, new) for i in kept]
        bounds = np.concatenate([[0], np.cumsum([len(row) for row in words])]).astype(np.int64)
        table = TypeTable.of(np.concatenate([np.zeros(0, np.uint32), *words]), bounds)
        again = dedup_types(table, self.strings)
        id_map = np.array([again.id_map[new.get(self.target(i), 0)] for i in range(len(self.rows))], np.uint32)
        counts = {"types_left_out": len(self.gone), "type_members_left_out": self.n_members,
                  "names_left_out": self.n_names}
        return Expressible(again.types, id_map, returned, passed, {int(id_map[i]) for i in self.cut}, counts)

    def _name(self, i):
        """Take the names out of a row that the kernel refuses, and what cannot be without one."""
        row, kind = self.rows[i], self.kinds[i]
        nameless = self.strings.blob[row[wd.NAME]] == 0
        refused = int(row[wd.NAME]) in self.refused
        if kind in (Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64):
            if refused:
                row[wd.NAME] = 0
                self.n_names += 1
        elif kind == Kind.FWD:
            if nameless or refused:
                self.gone.add(i)
        elif kind == Kind.TYPEDEF or kind == Kind.TYPE_TAG:
            if nameless or (refused and kind == Kind.TYPEDEF):
                self.alias[i] = int(row[wd.SIZE_TYPE])
                self.n_names += 1
        if kind in (Kind.ENUM, Kind.ENUM64, Kind.STRUCT, Kind.UNION):
            entries = wd.entries_of(kind, row)
            names = entries[:, wd.ENTRY_NAME].tolist()
            needed = kind in (Kind.ENUM, Kind.ENUM64)
            good = [n not in self.refused and not (needed and self.strings.blob[n] == 0) for n in names]
            self._keep(i, good)
        elif kind == Kind.FUNC_PROTO:
            entries = wd.entries_of(kind, row)
            for k, name in enumerate(entries[:, wd.ENTRY_NAME].tolist()):
                if name in self.refused:
                    entries[k, wd.ENTRY_NAME] = 0
                    self.n_names += 1

    def _keep(self, i, good):
        """Leave out the members or enumerators of a row that are not `good`."""
        if all(good):
            return
        row = self.rows[i]
        entries = wd.entries_of(self.kinds[i], row)[np.array(good, bool)]
        head = row[: len(row) - wd.entries_of(self.kinds[i], row).size].copy()
        head[wd.INFO] = (int(head[wd.INFO]) & ~VLEN) | len(entries)
        self.rows[i] = np.concatenate([head, entries.ravel()])
        self.cut.add(i)
        self.n_members += len(good) - sum(good)

    def target(self, i):
        """What a reference to a type means: the type, another one that it stands for, or 0."""
        i = self._aliased_end(i)
        return 0 if i in self.gone or i in self.alias else i

    def end(self, i):
        """The type behind typedefs and qualifiers; -1 if there is no end."""
        seen = set()
        i = self.target(i)
        while self.kinds[i] in STANDS_FOR:
            if i in seen:
                return -1
            seen.add(i)
            i = self.target(int(self.rows[i][wd.SIZE_TYPE]))
        return i

    def _sized(self):
        """Which types have a size and are there, bool (types,)."""
        out = np.zeros(len(self.rows), bool)
        out[1:] = [kind in SIZED for kind in self.kinds[1:]]
        out[list(self.gone)] = False
        more = True
        while more:
            more = False
            for i, kind in enumerate(self.kinds):
                if out[i] or i in self.gone:
                    continue
                if i in self.alias or kind in STANDS_FOR or kind == Kind.ARRAY:
                    word = wd.ARRAY_TYPE if kind == Kind.ARRAY else wd.SIZE_TYPE
                    out[i] = out[self.target(self.alias.get(i, int(self.rows[i][word])))]
                    more |= bool(out[i])
        return out

    def _take_out(self, i, passed):
        """Take a row out, or what of it uses by value what is not there or has no size."""
        row, kind = self.rows[i], self.kinds[i]
        if kind in STANDS_FOR:
            if self._is_gone(int(row[wd.SIZE_TYPE])):
                self.gone.add(i)
        elif kind == Kind.ARRAY:
            if not passed[row[wd.ARRAY_TYPE]]:
                self.gone.add(i)
        elif kind == Kind.FUNC_PROTO:
            entries = wd.entries_of(kind, row)[:, wd.PARAM_TYPE].tolist()
            variadic = bool(entries) and entries[-1] == 0
            returns = int(row[wd.SIZE_TYPE])
            if not all(passed[t] for t in entries[: len(entries) - variadic]) or self._is_gone(returns) or not (
                    passed[returns] or self.end(returns) == 0):
                self.gone.add(i)
        elif kind in (Kind.STRUCT, Kind.UNION):
            self._keep(i, [bool(passed[t]) for t in wd.entries_of(kind, row)[:, wd.MEMBER_TYPE].tolist()])

    def _is_gone(self, i):
        """Whether a reference to type `i` means one that is gone, and not void."""
        return i != 0 and self.target(i) == 0 and self._aliased_end(i) in self.gone

    def _aliased_end(self, i):
        """What a type stands for, which stands for itself; one of a cycle, where there is no such."""
        seen = set()
        while i in self.alias and i not in seen:
            seen.add(i)
            i = self.alias[i]
        return i

    def _renumbered(self, i, new):
        """A row with the references that it has among the kept ones."""
        row, kind = self.rows[i].copy(), self.kinds[i]
        if kind in STANDS_FOR or kind in (Kind.PTR, Kind.FUNC_PROTO):
            row[wd.SIZE_TYPE] = new.get(self.target(int(row[wd.SIZE_TYPE])), 0)
        elif kind == Kind.ARRAY:
            for word in (wd.ARRAY_TYPE, wd.ARRAY_INDEX_TYPE):
                row[word] = new.get(self.target(int(row[word])), 0)
        if kind in (Kind.STRUCT, Kind.UNION, Kind.FUNC_PROTO):
            entries = wd.entries_of(kind, row)
            word = wd.PARAM_TYPE if kind == Kind.FUNC_PROTO else wd.MEMBER_TYPE
            entries[:, word] = [new.get(self.target(t), 0) for t in entries[:, word].tolist()]
        return row


def express_functions(walked: Walk, found: Expressible | None, strings: StringTable) -> tuple[Walk, dict[str, int]]:
    """The walk with FN_INEXPRESSIBLE at functions that BTF cannot describe, and without names of parameters that it
    does not take; and how many of these.

    Parameters
    ----------
    walked : Walk
        With the type_ids of the types before.
    found : Expressible or None
    strings : StringTable
    """
    f = walked.functions
    bad = not_identifiers(strings, f.name_off)
    unnamed = not_identifiers(strings, f.param_name_off)
    n_params = np.diff(f.param_start)
    bad |= n_params > 0xFFFF
    if found is not None:
        held = found.passed[f.param_type_id] | ((f.param_flags & wt.PF_ELLIPSIS) != 0)
        bad |= ~found.returned[f.type_id]
        bad[np.repeat(np.arange(len(n_params)), n_params)[~held]] = True
    if not bad.any() and not unnamed.any():
        return walked, {}
    names = f.param_name_off.copy()
    names[unnamed] = 0
    flags = f.flags.copy()
    flags[bad] |= wt.FN_INEXPRESSIBLE
    return walked._replace(functions=f._replace(flags=flags, param_name_off=names)), {
        "parameter_names_left_out": int(unnamed.sum())}


def tags_of_whole(tags: DeclTags, found: Expressible) -> DeclTags:
    """The annotations, with final type_ids, but for those of members of types from which some were left out, and those
    of types that are gone."""
    on_type = tags.space == wt.T_TYPE
    lost = on_type & (tags.target_id == 0)
    lost |= on_type & (tags.component_idx >= 0) & np.isin(tags.target_id, list(found.cut))
    return DeclTags(*(column[~lost] for column in tags))
