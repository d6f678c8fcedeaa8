"""What is in a .btf file, in the terms in which consumers tell it, and how the two are compared."""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from harness import btf
from harness.btf.wire import WHOLE
from harness.model import Kind, TypeTable
from harness.model import words as wd
from harness.model.layout import HEAD_WORDS
from harness.model.strings import Strings
from harness.results.executed import ACCEPTED, MISSING, PARTLY, STRANGE, WRONG
from harness.witnesses.consumer import Answer, Case

SHOWN = 3
"""Examples of what differs."""

HEAD = re.compile(r"(\[\d+\]) (\w+) ('.*'|\(anon\))")
"""Beginning of the first line of a type in a dump: type_id, kind, name."""

UNKNOWN = "UNKNOWN"
"""What a consumer calls a type of which it knows only the size, among the kinds of `types`."""

MODIFIERS = (Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPE_TAG)

PREFIXES = {Kind.TYPEDEF: "typedef ", Kind.STRUCT: "struct ", Kind.UNION: "union ", Kind.ENUM: "enum ",
            Kind.ENUM64: "enum "}

NEW = Kind.ENUM64 + 1
"""Kinds from here on are not in Linux 6.0; who steps over them by the layout section has not misread the file."""


class Content:
    """What a BtfFile says; of a split one, its own types only.

    Each method is a Counter of str, except `text`.
    """

    def __init__(self, file):
        self.file = file
        self.kinds = file.types.kind()
        self.start = file.types.row_starts()
        self.strings = Strings(file.strings.flattened().blob)

    def _names(self, rows):
        return [name.decode("utf-8", "surrogateescape")
                for name in self.strings.list(self.file.types.words[self.start[rows] + wd.NAME])]

    def types(self):
        """Types by kind."""
        number, count = np.unique(self.kinds, return_counts=True)
        return Counter({Kind(n).name: int(c) for n, c in zip(number.tolist(), count, strict=True)})

    def named(self, kind):
        """Names of the types of a kind that have one."""
        return Counter(name for name in self._names(np.flatnonzero(self.kinds == kind)) if name)

    def aggregates(self):
        """Names of STRUCTs and UNIONs."""
        return self.named(Kind.STRUCT) + self.named(Kind.UNION)

    def tags(self):
        """DECL_TAGs with the type that they are of, in the file or its base: 'tag of name', or 'tag of name, 2', where
        it is the third member or parameter's."""
        tag, name, component, _ = self._tags()
        return Counter(f"{t} of {n}" if c == WHOLE else f"{t} of {n}, {c}"
                       for t, n, c in zip(tag, name, component.tolist(), strict=True))

    def func_tags(self):
        """Those of FUNCs themselves: 'tag of name'."""
        tag, name, component, of_func = self._tags()
        return Counter(f"{t} of {n}" for t, n, own in zip(tag, name, of_func & (component == WHOLE), strict=True)
                       if own)

    def _tags(self):
        """Text, name of the target and component of each DECL_TAG, and whether the target is a FUNC."""
        types = self.file.types
        rows = np.flatnonzero(self.kinds == Kind.DECL_TAG)
        target_id = types.size_type()[rows].astype(np.int64)
        kinds, name_off = types.by_id(TypeTable.kind), types.by_id(TypeTable.name_off)
        known = target_id < len(kinds)
        rows, target_id = rows[known], target_id[known]
        return (self._names(rows), self.strings.texts(name_off[target_id]),
                types.words[self.start[rows] + wd.COMPONENT_IDX], kinds[target_id] == Kind.FUNC)

    def shapes(self):
        """Types by kind, ENUM64s among the ENUMs, for consumers that do not tell them apart."""
        types = self.types()
        types["ENUM"] += types.pop("ENUM64", 0)
        return +types

    def parameters(self):
        """FUNCs with the names of their parameters: 'name(a, b)'; '?' for one without a name."""
        return Counter(signatures(self.file, self.file.types.ids_of(Kind.FUNC)))

    def numbered(self):
        """Types but modifiers, by type_id, as LLVM prints them: '[5] struct foo'."""
        rows = np.flatnonzero(~np.isin(self.kinds, MODIFIERS))
        ids, kinds = (rows + self.file.types.first_id).tolist(), self.kinds[rows]
        word = np.array([PREFIXES.get(kind, "") for kind in range(int(kinds.max(initial=0)) + 1)], object)[kinds]
        is_union = self.file.types.kind_flag()[rows]
        word = np.where(kinds == Kind.FWD, np.where(is_union, "fwd union ", "fwd struct "), word).tolist()
        return Counter(dict.fromkeys((f"[{type_id}] {prefix}{name or f'<anon {type_id}>'}" for type_id, prefix, name in
                                      zip(ids, word, self._names(rows), strict=True)), 1))

    def text(self):
        """What `dump` prints, str."""
        out = io.BytesIO()
        btf.dump_raw(self.file, out)
        return out.getvalue().decode("utf-8", "surrogateescape")

    def of(self, what):
        """The content of that name, see CONTENT."""
        return self.named(Kind[what]) if what in Kind.__members__ else getattr(self, what)()


def signatures(file, func_id):
    """FUNCs of a file with the names of their parameters, list of str: 'name(a, b)'; '?' for one without a name.

    Parameters
    ----------
    file : BtfFile
    func_id : int64 (n,)
        type_ids, of the file or its base; one of another kind, or none, is '?'.
    """
    types, strings = file.types, Strings(file.strings.flattened().blob)
    kinds, name_off = types.by_id(TypeTable.kind), types.by_id(TypeTable.name_off)
    func_id = np.asarray(func_id, np.int64)
    known = (func_id >= 0) & (func_id < len(kinds))
    known[known] = kinds[func_id[known]] == Kind.FUNC
    proto_id = types.by_id(TypeTable.size_type)[func_id[known]].astype(np.int64)
    distinct = np.unique(proto_id[proto_id < len(kinds)])
    distinct = distinct[kinds[distinct] == int(Kind.FUNC_PROTO)].tolist()
    offsets = [types.row(i)[HEAD_WORDS::2] for i in distinct]
    names = [name or "?" for name in strings.texts(np.concatenate([*offsets, np.zeros(0, np.uint32)])).tolist()]
    start = np.cumsum([0, *map(len, offsets)]).tolist()
    said = {i: f"({', '.join(names[a:b])})" for i, a, b in zip(distinct, start, start[1:], strict=False)}
    told = [name + said.get(proto, "(?)") for name, proto in
            zip(strings.texts(name_off[func_id[known]]).tolist(), proto_id.tolist(), strict=True)]
    if len(told) == len(func_id):
        return told
    funcs = iter(told)
    return [next(funcs) if there else "?" for there in known.tolist()]


CONTENT = ("text", "types", "shapes", "aggregates", "tags", "func_tags", "parameters", "numbered", *Kind.__members__)
"""What a consumer may tell: text as `bpftool btf dump file` prints it, types by kind (shapes: ENUM64 among ENUM), names
of STRUCTs and UNIONs, all tags with what they are of, those of FUNCs themselves, FUNCs with the names of their
parameters, names by type_id, or the names of a kind's types."""

WORDS = {"types": ("type", "types"), "aggregates": ("STRUCT or UNION", "STRUCTs and UNIONs"),
          "numbered": ("name by type_id", "names by type_id"), "shapes": ("type", "types"),
         "func_tags": ("tag of a FUNC", "tags of FUNCs"), "tags": ("tag", "tags"), "text": ("line", "lines"),
         "parameters": ("FUNC with its parameters", "FUNCs with their parameters")}
"""One and several; of a kind, its names."""


def _counted(n, what, distinct=False):
    one, several = WORDS.get(what, (f"{what} name", f"{what} names"))
    return f"{n:,} {'distinct ' if distinct else ''}{one if n == 1 else several}"


class Compared(NamedTuple):
    """What a consumer told of one kind of content, beside what is there.

    Attributes
    ----------
    counted : str
        How much of it.
    words : str
        What differs, with examples; '' if nothing does.
    missing, strange : int
        How much of what is there was not told, and how much was told that is not there.
    """

    counted: str
    words: str
    missing: int = 0
    strange: int = 0


def judge(case: Case, answer: Answer) -> tuple[str, str, str, str]:
    """(verdict, message, detail, differs) of an Answer: what a consumer found is compared with what this program reads.

    Parameters
    ----------
    case : Case
    answer : Answer
    """
    if answer.verdict not in (ACCEPTED, PARTLY):
        return answer.verdict, answer.message, answer.note, ""
    ours = Content(case.file)
    found = {what: compare(what, ours.of(what), theirs) for what, theirs in answer.seen.items()}
    detail = "; ".join([*(one.counted for one in found.values()), *([answer.note] if answer.note else [])])
    wrong = [one.words for one in found.values() if one.words]
    if not wrong:
        return answer.verdict, answer.message, detail, ""
    differs = [f"{what} {how} {n}" for what, one in found.items()
               for how, n in ((MISSING, one.missing), (STRANGE, one.strange)) if n]
    return WRONG, "; ".join([*wrong, *([answer.message] if answer.message else [])]), detail, "; ".join(differs)


def compare(what, ours, theirs):
    """The Compared of what is there and what was told, Counters, the latter also a set or text."""
    if isinstance(theirs, str):
        return _compare_text(ours, theirs)
    distinct = isinstance(theirs, (set, frozenset))
    if distinct:
        ours, theirs = Counter(set(ours)), Counter(theirs)
    more, stepped = Counter(), 0
    if what in ("types", "shapes") and theirs[UNKNOWN]:
        new = Counter({name: n for name, n in ours.items() if Kind[name] >= NEW and name not in theirs})
        stepped = min(new.total(), theirs[UNKNOWN])
        theirs, more = theirs - Counter({UNKNOWN: stepped}), new if stepped == new.total() else more
    counted = _counted(theirs.total() + stepped, what, distinct)
    counted += f", {stepped:,} of an unknown kind" if stepped else ""
    missing, strange = ours - theirs - more, theirs - ours
    if not missing and not strange:
        return Compared(counted, "")
    parts = []
    for said, which in (("missing", missing), ("not in the file", strange)):
        if which:
            shown = sorted(which, key=lambda name: (-which[name], name))[:SHOWN]
            examples = ", ".join(f"{name} {which[name]:,}" if what in ("types", "shapes") else name or "(none)"
                                 for name in shown)
            parts.append(f"{_counted(which.total(), what, distinct)} {said} ({examples}"
                         f"{', ...' if len(which) > SHOWN else ''})")
    return Compared(counted, ", ".join(parts), missing.total(), strange.total())


def stepped_over(lines):
    """Lines of a dump as one prints them who knows of NEW kinds only how long they are, and how many these are."""
    out, n, inside = [], 0, False
    for line in lines:
        head = HEAD.match(line) if line.startswith("[") else None
        if head is not None:
            inside = head[2] in Kind.__members__ and Kind[head[2]] >= NEW
            n += inside
            line = f"{head[1]} {UNKNOWN} {head[3]}" if inside else line
        if head is not None or not inside:
            out.append(line)
    return out, n


def _compare_text(ours, theirs):
    ours_lines, lines = ours.splitlines(), theirs.splitlines()
    counted = f"{len(lines):,} lines"
    if f"] {UNKNOWN} " in theirs:
        ours_lines, n = stepped_over(ours_lines)
        if ours_lines == lines:
            return Compared(f"{counted}, each as here but {n:,} types of an unknown kind", "")
    if ours == theirs or ours_lines == lines:
        return Compared(f"{counted}, each as here", "")
    pairs = zip(ours_lines, lines, strict=False)
    at = next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(lines), len(ours_lines)))
    a, b = (text[at].strip() if at < len(text) else "the end" for text in (ours_lines, lines))
    here, there = Counter(ours_lines), Counter(lines)
    missing, strange = (here - there).total(), (there - here).total()
    return Compared(counted, f"{len(lines):,} lines, here {len(ours_lines):,}; the first that differs: {b!r}, here "
                    f"{a!r}", missing, strange or int(not missing))  # the same lines in another order
