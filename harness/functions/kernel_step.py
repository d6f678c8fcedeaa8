"""What the kernel's build does to the BTF that pahole wrote: its own step, `resolve_btfids`, since Linux 7.0.

For each kfunc, a function of a set in .BTF_ids (harness.functions.kfuncs):

- KF_IMPLICIT_ARGS: a FUNC `<name>_impl` is added, with the prototype that the function has and its DECL_TAGs except
  `bpf_kfunc`, unless a FUNC has that name already; and the kfunc gets a FUNC_PROTO that ends before the first argument
  that the verifier supplies, which is known by its type (IMPLICIT_TYPES).
- Arena: what the kfunc returns or takes is a pointer into an arena, as its flags say (KF_ARENA_*), and since 7.3 also
  the ending of a parameter's name. Each such pointer becomes PTR -> TYPE_TAG `address_space(1)` with kind_flag 1, in a
  FUNC_PROTO of the kfunc's own.
- DECL_TAGs `bpf_kfunc`, and `bpf_fastcall` where KF_FASTCALL is set.
- Equal types are merged (btf__dedup).
- Types are sorted by name: anonymous ones first, then in the order of strcmp, equal names in the order that they had.

Up to 7.2 pahole writes the DECL_TAGs and the arena pointers (--btf_features=decl_tag_kfuncs,attributes; the latter from
pahole 1.30 on), so an arena's pointers are in the prototype of `<name>_impl` too; and nothing is merged, so that each
FUNC_PROTO made for a kfunc stands by itself even where an equal one is there. pahole before 1.30, which no such kernel
of Debian is built with, is not modelled.

Addresses: `<name>_impl` and the kfunc are the same code, so both get its address. The step works on the function that a
program calls: every FUNC of a kfunc's name is one, which matters only under policies that keep several.

The sort is the last thing done to a file and is `harness.btf.Laid.ordered`; all else is here, before encodings see the
functions.

Source: tools/bpf/resolve_btfids/main.c, scripts/Makefile.btf and include/linux/btf.h, v7.2.13 and v7.3.4; v7.0 was the
first with btf2btf() and sort_btf_by_name() (both January 2026); btf__add_bpf_arena_type_tags() in pahole's
btf_encoder.c, 1436daf.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from harness.errors import EncodeError, UsageError
from harness.functions.kfuncs import (
    BPF_KFUNC,
    KF_ARENA_ARG1,
    KF_ARENA_ARG2,
    KF_ARENA_RET,
    KF_IMPLICIT_ARGS,
    Kfunc,
    tags,
)
from harness.model import MAX_HOPS, STANDARD, Kind, TypeTable, info_word, kind_number, split_info
from harness.model import words as wd
from harness.model.strings import Strings

IMPL_SUFFIX = b"_impl"
IMPLICIT_TYPES = (b"bpf_prog_aux", b"btf_struct_meta")
"""Structs that only the verifier passes a pointer to: an argument of such a type is an implicit one."""

ARENA = b"address_space(1)"
ARENA_ENDINGS = (b"__arena", b"__arena__nullable")
"""How the names of parameters end that point into an arena."""

QUALIFIERS = (Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG)
"""What stands between a parameter and its pointer, or a pointer and its struct; a typedef is not looked through."""


class Step(NamedTuple):
    """The step of one version.

    Attributes
    ----------
    version : str
        Of the first Linux that has it, as results record it.
    since : (int, int)
    merges : bool
        Whether equal types are merged afterwards, and arena pointers come after implicit arguments and also from the
        names of parameters; before, pahole made them, and nothing was merged.
    """

    version: str
    since: tuple[int, int]
    merges: bool


PAHOLE_S = -1
"""In Stepped.made_for."""

STEPS = (Step("7.0", (7, 0), False), Step("7.3", (7, 3), True))
"""By version; none before."""


class Stepped(NamedTuple):
    """What the step makes of the functions that a policy keeps.

    Attributes
    ----------
    types : TypeTable
        The rows that the functions need beyond those that all files share.
    made_for : int64 (types,)
        Function of `kept` that the step makes each of them for; PAHOLE_S for those that pahole makes.
    first_proto_id : uint32 (kept,)
        FUNC_PROTO of each function before the step.
    proto_id : uint32 (kept + added,)
        FUNC_PROTO of each function.
    name_off : uint32 (kept + added,)
    row : int64 (kept + added,)
        Row of program.instances whose code it is.
    tags : list of (int, int, int)
        Annotations: index of the function, name_off, component_idx.
    """

    types: TypeTable
    made_for: np.ndarray
    first_proto_id: np.ndarray
    proto_id: np.ndarray
    name_off: np.ndarray
    row: np.ndarray
    tags: list


def step_of(kernel, asked=None):
    """The Step of a kernel's build, or None.

    Parameters
    ----------
    kernel : dict
        Of a Program: release, kfuncs_unusable and kfunc_flags_unsure count.
    asked : bool, optional
        Whether to have one. If None, it is the one of the kernel's version; none where the version is not known, or the
        flags of kfuncs are not. If True and there is none for the version, the newest.

    Raises
    ------
    UsageError
        It was asked for, and the flags of kfuncs are not known.
    """
    if asked is False:
        return None
    version = re.match(r"(\d{1,6})\.(\d{1,6})", kernel.get("release") or "")
    at = (int(version[1]), int(version[2])) if version else (0, 0)
    found = max((step for step in STEPS if step.since <= at), key=lambda step: step.since, default=None)
    why = kernel.get("kfuncs_unusable") or kernel.get("kfunc_flags_unsure")
    if asked and why:
        raise UsageError(f"needs the flags of kfuncs, which .BTF_ids does not give: {why}", "kernel-step")
    return None if why else found or (STEPS[-1] if asked else None)


def step_names(flags):
    """Names that kfuncs with these KF_* flags, by name, may need in BTF beyond those of the program: list of
    bytes."""
    names = dict.fromkeys(tag for kfunc in flags.items() for tag in tags(Kfunc(*kfunc)))
    if flags:
        names[ARENA] = None
    names.update(dict.fromkeys(name + IMPL_SUFFIX for name, word in flags.items() if word & KF_IMPLICIT_ARGS))
    return list(names)


def unstepped(program, prototypes, kept, first_id, annotations):
    """The Stepped of functions that no step changes; parameters as of `stepped`."""
    types, proto_id = prototypes.rows_of(kept, first_id)
    return Stepped(types, np.full(types.n_types, PAHOLE_S), proto_id, proto_id, program.instances.name_off[kept], kept,
                   annotations)


def stepped(program, step, prototypes, kept, first_id, annotations, missed=frozenset()):
    """The Stepped of some functions.

    Parameters
    ----------
    program : harness.program.Program
    step : Step
    prototypes : harness.functions.prototypes.Prototypes
    kept : int64 (kept,)
        Rows of program.instances, in the order in which their prototypes are numbered.
    first_id : int
        type_id of the first new row.
    annotations : list of (int, int, int)
        Those of `kept`, as harness.functions.annotations.tags_of gives them.
    missed : frozenset of bytes
        Names of kfuncs that the step is not told of.

    Raises
    ------
    EncodeError
        A flag says of what is no pointer that it points into an arena; Linux is not built then.
    """
    name_off = program.instances.name_off[kept]
    distinct = np.unique(name_off)
    names = dict(zip(distinct.tolist(), Strings(program.strings.flattened().blob).list(distinct), strict=True))
    flags = {off: program.kfunc_flags[name] for off, name in names.items()
             if name in program.kfunc_flags and name not in missed}
    changed = np.flatnonzero(np.isin(name_off, np.array(list(flags), np.uint32)))
    if step.merges:
        types, proto_id = prototypes.rows_of(kept, first_id)
        used, first = np.unique(proto_id, return_index=True)
        made = _Rows(program, types, first_id, True, first[used >= first_id])
    else:
        made, proto_id = _with_arenas_of_pahole(program, prototypes, kept, first_id, {
            i: (flags[int(name_off[i])], names[int(name_off[i])]) for i in changed.tolist()
            if flags[int(name_off[i])] & (KF_ARENA_RET | KF_ARENA_ARG1 | KF_ARENA_ARG2)})
    known = set(names.values())
    shortened, final, added = {}, {}, []
    for i in changed.tolist():
        key = off, proto = int(name_off[i]), int(proto_id[i])
        if key not in final:
            final[key] = proto
            if flags[off] & KF_IMPLICIT_ARGS:
                shortened[key] = names[off] + IMPL_SUFFIX not in known
                final[key] = made.add(_without_implicit(made, made.row(proto).tolist()), i)
            if step.merges:
                final[key] = _arena_proto(made, final[key], flags[off], names[off], i)
        if shortened.get(key):
            added.append(i)
    old = proto_id.copy()
    for i in changed.tolist():
        proto_id[i] = final[int(name_off[i]), int(old[i])]
    more = np.array(added, np.int64)
    impl_off = [program.step_names[names[off] + IMPL_SUFFIX] for off in name_off[more].tolist()]
    types, id_map, made_for = made.table()
    return Stepped(types, made_for, id_map[old], id_map[np.concatenate([proto_id, old[more]])],
                   np.concatenate([name_off, np.array(impl_off, np.uint32)]), np.concatenate([kept, kept[more]]),
                   annotations + _tags_of_added(program, added, len(kept), annotations))


def _with_arenas_of_pahole(program, prototypes, kept, first_id, arenas):
    """The rows and the FUNC_PROTO of each function as pahole writes them, with pointers into arenas: (_Rows, uint32).

    The prototype without them is there only if another function has it. `arenas` has (flags, name) by function.
    """
    plain = np.ones(len(kept), bool)
    plain[list(arenas)] = False
    proto_id = np.zeros(len(kept), np.uint32)
    types, proto_id[plain] = prototypes.rows_of(kept[plain], first_id)
    made, places = _Rows(program, types, first_id, True), []
    for i, (flags, name) in arenas.items():
        own = prototypes.words[prototypes.start[kept[i]] : prototypes.start[kept[i] + 1]].tolist()
        _tag_return(made, own, flags, name, i)
        _tag_arguments(made, own, _arena_arguments(made, own, flags, False), name, i)
        proto_id[i] = made.add(own, i)
        # other rows are numbered in the order of the functions that need them
        before = max(int(proto_id[:i][plain[:i]].max(initial=0)) + 1 - first_id, 0)
        places += [before] * (len(made.new) - len(places))
    types, id_map, _ = made.table(places)
    return _Rows(program, types, first_id, False), id_map[proto_id]


def _tags_of_added(program, added, first, annotations):
    """Annotations of the `_impl` functions, the first of which has the index `first`: the kfunc's but `bpf_kfunc`."""
    of = {i: first + k for k, i in enumerate(added)}
    kfunc = {off for off in {off for i, off, _ in annotations if i in of} if program.strings.get(off) == BPF_KFUNC}
    return [(of[i], off, component) for i, off, component in annotations if i in of and off not in kfunc]


class _Rows:
    """Rows appended to a program's; with `merges`, a new one equal to another becomes that one.

    btf__dedup keeps, of equal types, the one that it comes to first. It follows the ids, and from each type its
    references; so a prototype made for a kfunc, whose FUNC refers to it, comes before one that stands behind that FUNC.

    Parameters
    ----------
    program : harness.program.Program
    types : TypeTable
        The prototypes of functions, behind the program's types.
    first_id : int
        type_id of the first of them.
    merges : bool
    first_use : int64 (types,), optional
        The first function that has each of `types`.
    """

    def __init__(self, program, types, first_id, merges, first_use=None):
        self.program, self.types, self.first_id, self.merges = program, types, first_id, merges
        self.first_use = np.full(types.n_types, -1) if first_use is None else first_use
        self.new, self.made_for, self.ids, self.moved = [], [], None, {}

    def row(self, type_id):
        """The words of a type, uint32; none for void."""
        if type_id < self.first_id:
            return self.program.common.row(type_id)
        k = type_id - self.first_id + 1
        if k <= self.types.n_types:
            return self.types.words[self.types.start[k] : self.types.start[k + 1]]
        return self.new[k - self.types.n_types - 1]

    def add(self, words, function):
        """The type_id of a row made for a function: appended unless an equal one is there and rows merge."""
        return self.fill(self.reserve(), words, function)

    def reserve(self):
        """The type_id of a row to come; only what it refers to is added before it is filled."""
        self.new.append(None)
        self.made_for.append(None)
        return self.first_id + self.types.n_types + len(self.new) - 1

    def fill(self, at, words, function):
        """The type_id of a reserved row, or that of an equal one: then nothing it refers to is new, and it is last."""
        words = np.array(words, np.uint32)
        if self.merges:
            if self.ids is None:
                self.ids = self._known()
            known = self.ids.get(words.tobytes())
            if known is not None and not self._is_behind(known, function):
                self.new.pop()
                self.made_for.pop()
                return known
            if known is not None:
                self.moved[known] = at
            self.ids[words.tobytes()] = at
        self.new[at - self.first_id - self.types.n_types] = words
        self.made_for[at - self.first_id - self.types.n_types] = function
        return at

    def _is_behind(self, type_id, function):
        k = type_id - self.first_id
        return 0 <= k < self.types.n_types and self.first_use[k] > function

    def _known(self):
        """The first type_id of each row of the kinds that are added, by its words."""
        ids = {}
        for table, first in ((self.program.common, self.program.common.first_id), (self.types, self.first_id)):
            kinds = np.isin(table.kind(), [Kind.FUNC_PROTO, Kind.PTR, Kind.TYPE_TAG])
            for k in (np.flatnonzero(kinds) + 1).tolist():
                ids.setdefault(table.words[table.start[k] : table.start[k + 1]].tobytes(), first + k - 1)
        return ids

    def table(self, places=None):
        """All rows but those that became a later one: (TypeTable, uint32 (next_id,), int64 (types,)), the second is the
        new type_id of each type, the third the function that each is made for; PAHOLE_S of those that were there.

        Parameters
        ----------
        places : list of int, optional
            For each new row, behind how many of `types` it stands, ascending; behind all of them by default.
        """
        n, n_new = self.types.n_types, len(self.new)
        places = np.full(n_new, n) if places is None else np.array(places, np.int64)
        order = np.argsort(np.concatenate([np.arange(n) + 1, places]), kind="stable")
        order = order[~np.isin(order + self.first_id, list(self.moved))]
        id_map = np.arange(self.first_id + n + n_new, dtype=np.uint32)
        id_map[self.first_id + order] = self.first_id + np.arange(len(order), dtype=np.uint32)
        for old, new in self.moved.items():
            id_map[old] = id_map[new]
        start = self.types.start
        rows = [self.types.words[a:b] for a, b in zip(start[1:-1].tolist(), start[2:].tolist(), strict=True)]
        for row in self.new:
            at = STANDARD[kind_number(row[wd.INFO])].reference_words(split_info(row[wd.INFO])[1])
            rows.append(row.copy())
            rows[-1][at] = id_map[row[at]]
        rows = [rows[k] for k in order.tolist()]
        words = np.concatenate(rows) if rows else np.zeros(0, np.uint32)
        made_for = np.array([PAHOLE_S] * n + self.made_for, np.int64)[order]
        return TypeTable.of(words, np.cumsum([0, *map(len, rows)])), id_map, made_for


def _behind_qualifiers(made, type_id):
    """The row behind qualifiers, uint32; None where they do not end."""
    for _ in range(MAX_HOPS):
        row = made.row(type_id)
        if not len(row) or kind_number(row[wd.INFO]) not in QUALIFIERS:
            return row
        type_id = int(row[wd.SIZE_TYPE])
    return None


def _is_implicit(made, type_id):
    """Whether an argument of this type is one that the verifier supplies."""
    row = _behind_qualifiers(made, type_id)
    if row is None or not len(row) or kind_number(row[wd.INFO]) != Kind.PTR:
        return False
    row = _behind_qualifiers(made, int(row[wd.SIZE_TYPE]))
    if row is None or not len(row) or kind_number(row[wd.INFO]) != Kind.STRUCT:
        return False
    return made.program.strings.get(int(row[wd.NAME])) in IMPLICIT_TYPES


def _without_implicit(made, proto):
    """A FUNC_PROTO, list of int, that ends before its first implicit argument."""
    params = wd.entries_of(Kind.FUNC_PROTO, np.array(proto, np.int64)).tolist()
    n = next((k for k, param in enumerate(params) if _is_implicit(made, param[wd.PARAM_TYPE])), len(params))
    return [0, info_word(Kind.FUNC_PROTO, n), proto[wd.SIZE_TYPE], *(word for param in params[:n] for word in param)]


def _arena_proto(made, proto_id, flags, name, function):
    """The FUNC_PROTO like another, but for pointers into an arena; the same if it has none."""
    proto = made.row(proto_id).tolist()
    arguments = _arena_arguments(made, proto, flags, True)
    if not arguments and not flags & KF_ARENA_RET:
        return proto_id
    _tag_return(made, proto, flags, name, function)
    at = made.reserve()  # the build adds it before what its arguments need
    _tag_arguments(made, proto, arguments, name, function)
    return made.fill(at, proto, function)


def _arena_arguments(made, proto, flags, by_name):
    """Words of a FUNC_PROTO with the types of arguments that point into an arena, list of int."""
    _, vlen, _ = split_info(proto[wd.INFO])
    out = []
    for k, at in enumerate(wd.entries(Kind.FUNC_PROTO, 0, vlen)):
        flagged = k < 2 and flags & (KF_ARENA_ARG1, KF_ARENA_ARG2)[k]
        if flagged or by_name and made.program.strings.get(proto[at + wd.ENTRY_NAME]).endswith(ARENA_ENDINGS):
            out.append(at + wd.PARAM_TYPE)
    return out


def _tag_return(made, proto, flags, name, function):
    if flags & KF_ARENA_RET:
        proto[wd.SIZE_TYPE] = _tagged(made, proto[wd.SIZE_TYPE], name, function)


def _tag_arguments(made, proto, arguments, name, function):
    for at in arguments:
        proto[at] = _tagged(made, proto[at], name, function)


def _tagged(made, type_id, name, function):
    """The type_id of PTR -> TYPE_TAG -> what a pointer points to."""
    row = made.row(type_id)
    if not len(row) or kind_number(row[wd.INFO]) != Kind.PTR:
        raise EncodeError(f"kfunc {name.decode('utf-8', 'backslashreplace')}: expected a pointer where .BTF_ids says "
                          "that it points into an arena, found another type; --no-kernel-step leaves it as it is")
    tag = made.add([made.program.step_names[ARENA], info_word(Kind.TYPE_TAG, 0, 1), int(row[wd.SIZE_TYPE])],
                   function)
    return made.add([0, info_word(Kind.PTR), tag], function)
