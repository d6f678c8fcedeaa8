"""Which function instances a BTF file describes, and why the others are left out.

`all` keeps every instance that BTF could describe; `consistent` drops names whose instances disagree on types;
`current` also drops names with several addresses, as pahole 1.31 does. pahole's register rules (unexpected registers,
reordered and optimized-out parameters, uncertain locations) are not applied yet: see the README's limits.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from harness.dwarf import walk_tables as wt
from harness.functions import join_kernels as jk
from harness.functions.join import Match
from harness.model import Kind

POLICIES = ("all", "consistent", "current")


class Reason(IntEnum):
    """Why an instance is not encoded; ENCODED is the reason of those that are."""

    ENCODED = 0
    NO_SYMBOL = 1
    PARTIAL_BODY = 2
    UNNAMED_PARAMETER = 3
    INCONSISTENT_PROTOTYPE = 4
    AMBIGUOUS_ADDRESS = 5


REASON_TEXT = {
    Reason.ENCODED: "",
    Reason.NO_SYMBOL: "no symbol at its address",
    Reason.PARTIAL_BODY: "partial body",
    Reason.UNNAMED_PARAMETER: "unnamed parameter",
    Reason.INCONSISTENT_PROTOTYPE: "inconsistent prototype",
    Reason.AMBIGUOUS_ADDRESS: "ambiguous address",
}


class Selection(NamedTuple):
    """What a policy makes of a FunctionTable.

    Attributes
    ----------
    policy : str
    reason : uint8 (instances,)
        Reason.
    """

    policy: str
    reason: np.ndarray


def select(policy, table, walk, types, id_map):
    """Apply a policy.

    Parameters
    ----------
    policy : str
        One of POLICIES.
    table : FunctionTable
    walk : harness.dwarf.Walk
    types : TypeTable
        The deduplicated types.
    id_map : uint32 (n_types + 1,)
        From the walk's type_ids to theirs.

    Returns
    -------
    Selection
    """
    reason = np.full(len(table.die), Reason.ENCODED, np.uint8)
    reason[table.unnamed] = Reason.UNNAMED_PARAMETER
    reason[table.match == Match.PART] = Reason.PARTIAL_BODY
    reason[table.match == Match.NONE] = Reason.NO_SYMBOL
    if policy in ("consistent", "current"):
        clash = inconsistent_names(table, walk, types, id_map)
        reason[(reason == Reason.ENCODED) & clash[table.name_index]] = Reason.INCONSISTENT_PROTOTYPE
    if policy == "current":
        # pahole lets this reason win over the others of a name
        named = (reason == Reason.ENCODED) | (reason == Reason.INCONSISTENT_PROTOTYPE)
        reason[named & (table.n_addresses > 1)] = Reason.AMBIGUOUS_ADDRESS
    return Selection(policy, reason)


def inconsistent_names(table, walk, types, id_map):
    """Names whose DIEs, with code or without, disagree on a type: bool (names,).

    Compared as pahole compares them: parameter names do not count, nor const, nor what a named type contains.
    """
    f = walk.functions
    hashes = np.empty(len(f.type), np.uint64)
    jk.signature_hashes(f.type, f.param, f.param_type, id_map, hashes)
    n_names = len(table.name_start) - 1
    dies = table.name_dies
    name = np.repeat(np.arange(n_names), np.diff(table.name_start))
    # a clone with reordered parameters has another prototype by design; pahole judges it as reordered instead
    reordered = np.zeros(n_names, bool)
    reordered[name[(f.flags[dies] & wt.FN_REORDERED) != 0]] = True
    usable = ((f.flags[dies] & wt.FN_UNNAMED_PARAM) == 0) & ~reordered[name]
    name, dies = name[usable], dies[usable]
    differs = np.zeros(n_names, bool)
    same_name = name[1:] == name[:-1]
    differs[name[1:][same_name & (hashes[dies[1:]] != hashes[dies[:-1]])]] = True
    interesting = np.zeros(n_names, bool)
    interesting[table.name_index] = True
    out = np.zeros(n_names, bool)
    for k in np.flatnonzero(differs & interesting):
        mine = dies[np.searchsorted(name, k) : np.searchsorted(name, k, side="right")]
        _, distinct = np.unique(hashes[mine], return_index=True)
        shapes = [_signature(f, int(d), id_map) for d in mine[np.sort(distinct)]]
        out[k] = any(not _same_signature(types, shapes[0], other) for other in shapes[1:])
    return out


def _signature(functions, die, id_map):
    lo, hi = functions.param[die], functions.param[die + 1]
    return [int(id_map[functions.type[die]]), *id_map[functions.param_type[lo:hi]].tolist()]


def _same_signature(types, a, b):
    return len(a) == len(b) and all(_same_type(types, x, y) for x, y in zip(a, b, strict=True))


def _same_type(types, a, b, depth=0):
    """Loose equality of two types: const is ignored, named types equal by kind and name, FWD equals its struct."""
    while True:
        if a == b:
            return True
        if not a or not b:
            return False
        v, w = types.row(a), types.row(b)
        ka, kb = _declared_kind(v), _declared_kind(w)
        if ka != kb:
            if ka == Kind.CONST:
                a = int(v[2])
                continue
            if kb == Kind.CONST:
                b = int(w[2])
                continue
            return False
        if ka in (Kind.TYPEDEF, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64):
            return v[0] == w[0]
        if ka in (Kind.INT, Kind.FLOAT):
            return len(v) == len(w) and bool((v == w).all())
        if ka == Kind.ARRAY:
            if v[5] != w[5]:
                return False
            a, b = int(v[3]), int(w[3])
        elif ka == Kind.FUNC_PROTO:
            if v[1] != w[1] or depth > 64:
                return False
            return _same_type(types, int(v[2]), int(w[2]), depth + 1) and all(
                _same_type(types, int(x), int(y), depth + 1) for x, y in zip(v[4::2], w[4::2], strict=True))
        elif ka in (Kind.PTR, Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG):
            a, b = int(v[2]), int(w[2])
        else:
            return False


def _declared_kind(row):
    kind = int(row[1]) >> 24 & 0x7F
    if kind == Kind.FWD:
        return Kind.UNION if int(row[1]) >> 31 else Kind.STRUCT
    return kind
