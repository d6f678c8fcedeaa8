"""Which function instances a BTF file describes, and why the others are left out.

`all` keeps every instance that BTF could describe; `sound` those whose own parameters are where their prototype says,
which is enough where each has its address; `consistent` drops names whose instances disagree or of which one has a
fault, and clones whose parameters are not what their prototype says; `current` also drops names with several addresses,
as pahole does. What counts as a fault follows one of pahole's versions: see harness.functions.rules.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from harness.dwarf import walk_tables as wt
from harness.functions import join_kernels as jk
from harness.functions.join import Match
from harness.functions.registers import Fault, faults_of
from harness.model import Kind, declared_kind
from harness.model import words as wd

POLICIES = ("all", "sound", "consistent", "current")

HEADLINE = "sound"
"""The policy of the headline figures, and where none is asked for: what a BTF with addresses should say."""

BY_INSTANCE, BY_NAME = ("sound",), ("consistent", "current")
"""Policies that leave out instances with a fault, and names of which an instance has one."""


class Reason(IntEnum):
    """Why an instance is not encoded; ENCODED if it is.

    Where several apply, the last one is given, as pahole reports it.
    """

    ENCODED = 0
    SHARED_NAME = 1
    UNEXPECTED_REGISTER = 2
    INCONSISTENT_PROTOTYPE = 3
    UNCERTAIN_LOCATION = 4
    REORDERED_PARAMETERS = 5
    OPTIMIZED_PARAMETERS = 6
    AMBIGUOUS_ADDRESS = 7
    SUFFIXED_SYMBOL = 8
    UNNAMED_PARAMETER = 9
    PARTIAL_BODY = 10
    ALIAS_ONLY = 11
    OVERRIDDEN = 12
    NO_SYMBOL = 13
    NO_SYMTAB = 14
    INEXPRESSIBLE = 15


REASON_TEXT = {
    Reason.ENCODED: "",
    Reason.SHARED_NAME: "another instance of the name is encoded",
    Reason.UNEXPECTED_REGISTER: "unexpected register",
    Reason.INCONSISTENT_PROTOTYPE: "inconsistent prototype",
    Reason.UNCERTAIN_LOCATION: "uncertain parameter location",
    Reason.REORDERED_PARAMETERS: "reordered parameters",
    Reason.OPTIMIZED_PARAMETERS: "optimized parameters",
    Reason.AMBIGUOUS_ADDRESS: "ambiguous address",
    Reason.SUFFIXED_SYMBOL: "symbol with a suffix",
    Reason.UNNAMED_PARAMETER: "unnamed parameter",
    Reason.PARTIAL_BODY: "partial body",
    Reason.ALIAS_ONLY: "symbol of another name at its address",
    Reason.OVERRIDDEN: "overridden: its name's symbol is elsewhere",
    Reason.NO_SYMBOL: "no symbol of its name",
    Reason.NO_SYMTAB: "no symbol of its name: the file has no .symtab",
    Reason.INEXPRESSIBLE: "name or type that BTF does not have",
}


SPOILS = ((Reason.UNEXPECTED_REGISTER, Fault.UNEXPECTED_REGISTER),
          (Reason.UNCERTAIN_LOCATION, Fault.UNCERTAIN_LOCATION),
          (Reason.REORDERED_PARAMETERS, Fault.REORDERED_PARAMETERS))
"""Faults of a DIE that are a reason by themselves, in the order in which they count."""


class Selection(NamedTuple):
    """What a policy decides about a FunctionTable.

    Attributes
    ----------
    policy : str
    reason : uint8 (instances,)
        Reason.
    die : int64 (instances,)
        The DIE whose prototype and tags stand for each, a row of program.dies: its own, or the first of its name where
        pahole does not match its own with a symbol.
    """

    policy: str
    reason: np.ndarray
    die: np.ndarray


def select(program, policy, rules, quirks=frozenset()):
    """Apply a policy.

    Parameters
    ----------
    program : harness.program.Program
    policy : str
        One of POLICIES; not checked.
    rules : harness.functions.rules.Rules
    quirks : frozenset of str
        Of harness.functions.rules.QUIRKS, as from `check_quirks`.

    Returns
    -------
    Selection
    """
    f, table = program.dies, program.instances
    reason = np.full(len(table.die), Reason.ENCODED, np.uint8)
    if policy in BY_INSTANCE:
        own = faults_of(program, rules, quirks).flags[table.die]
        for why, fault in SPOILS:
            reason[(own & fault) != 0] = why
    if policy in BY_NAME:
        for why, names in spoilt_names(program, rules, quirks):
            reason[names[table.name_index]] = why
    if policy in (*BY_INSTANCE, *BY_NAME) and rules.optimized:
        clone = table.clone.copy()
        if "patchable-entry" in quirks:
            clone[table.moved] = False
        changed = clone | ((f.flags[table.die] & wt.FN_NOCALL) != 0) & program.unit_clang[f.unit[table.die]]
        if "no-ranges" in quirks:
            changed &= (f.flags[table.die] & wt.FN_LOW_PC) != 0
        changed &= (faults_of(program, rules, quirks).flags[table.die] & Fault.OPTIMIZED_PARAMETER) != 0
        reason[changed] = Reason.OPTIMIZED_PARAMETERS
    if policy == "current" and rules.ambiguous:
        reason[table.n_addresses > 1] = Reason.AMBIGUOUS_ADDRESS
    if policy in BY_NAME and not rules.suffixes:
        reason[table.suffixed] = Reason.SUFFIXED_SYMBOL
    reason[table.unnamed] = Reason.UNNAMED_PARAMETER
    reason[(f.flags[table.die] & wt.FN_INEXPRESSIBLE) != 0] = Reason.INEXPRESSIBLE
    if policy in BY_NAME and rules.pieces:
        whole = np.zeros(len(table.name_start) - 1, bool)
        whole[table.name_index[(table.match == Match.EXACT) | (table.match == Match.SUFFIX)]] = True
        pieces = (table.match == Match.PART) & whole[table.name_index]
    else:
        pieces = table.match == Match.PART
    reason[pieces] = Reason.PARTIAL_BODY
    for match, why in ((Match.ALIAS, Reason.ALIAS_ONLY),
                       (Match.OVERRIDDEN, Reason.OVERRIDDEN),
                       (Match.NONE, Reason.NO_SYMBOL if table.symtab else Reason.NO_SYMTAB)):
        reason[table.match == match] = why
    if policy == "current" and rules.once:
        kept = np.flatnonzero(reason == Reason.ENCODED)
        _, first = np.unique(table.name_index[kept], return_index=True)
        others = np.ones(len(kept), bool)
        others[first] = False
        reason[kept[others]] = Reason.SHARED_NAME
    die = table.die
    if policy == "current":
        unmatched = np.full(len(die), rules.first)
        if "no-ranges" in quirks:
            unmatched |= (f.flags[die] & wt.FN_LOW_PC) == 0
        if "patchable-entry" in quirks:
            unmatched |= table.moved
        if unmatched.any():
            die = np.where(unmatched, first_dies(program, rules, quirks), die)
    return Selection(policy, reason, die)


def first_dies(program, rules, quirks):
    """The usable DIE of each instance's name that pahole takes where none is at a symbol, int64 (instances,): the first
    in the order of the DIEs, or, if the rules ask for it, the first that has an address, if any has."""

    def make():
        table = program.instances
        usable = np.flatnonzero(usable_states(program, quirks))
        first = np.full(len(table.name_start) - 1, -1, np.int64)
        rounds = [usable]
        if rules.addressed:
            has = wt.FN_LOW_PC | (0 if "no-ranges" in quirks else wt.FN_RANGES)
            rounds.append(usable[(program.dies.flags[table.name_dies[usable]] & has) != 0])
        for rows in rounds:
            first[_names(table)[rows[::-1]]] = table.name_dies[rows[::-1]]
        mine = first[table.name_index]
        return np.where(mine >= 0, mine, table.die)

    return program.once(("first dies", rules.addressed, "part-flags" in quirks, "no-ranges" in quirks), make)


def spoilt_names(program, rules, quirks):
    """Names of which `consistent` and `current` leave out every instance: list of (Reason, bool (names,)); if several
    apply, the last one is the reason."""

    def make():
        table = program.instances
        faults = faults_of(program, rules, quirks)
        states = usable_states(program, quirks)
        found = [(why, _any(table, states, faults.flags & fault)) for why, fault in SPOILS]
        if rules.consistent:
            found.insert(1, (Reason.INCONSISTENT_PROTOTYPE, inconsistent_names(program, faults, states, rules)))
        return found

    return program.once(("spoilt names", rules, quirks), make)


def usable_states(program, quirks=frozenset()):
    """Which DIEs count when their name is judged, bool in the order of `instances.name_dies`.

    Those with names for all parameters, with code or without. Not the bodies of .part symbols, which carry their
    parent's name but have parameters of their own, unless the quirk says so.
    """
    table = program.instances
    usable = (program.dies.flags & wt.FN_UNNAMED_PARAM) == 0
    if "part-flags" not in quirks:
        usable[table.die[table.match == Match.PART]] = False
    return usable[table.name_dies]


def _names(table):
    """Index of the name of each of `table.name_dies`."""
    return np.repeat(np.arange(len(table.name_start) - 1), np.diff(table.name_start))


def _any(table, states, flags):
    """Names with a flag in any of their states, bool (names,)."""
    out = np.zeros(len(table.name_start) - 1, bool)
    out[_names(table)[states & (flags[table.name_dies] != 0)]] = True
    return out


def signature_hashes(program):
    """A hash of each subprogram DIE's return and parameter types, names left out: uint64 (funcs,)."""
    f = program.dies
    hashes = np.empty(len(f.type_id), np.uint64)
    jk.signature_hashes(f.type_id, f.param_start, f.param_type_id, hashes)
    return hashes


def inconsistent_names(program, faults, states, rules):
    """Names whose states disagree on a type: bool (names,).

    Compared as pahole compares them: each with the first, in the order of the DIEs, until one has an unexpected
    register or reordered parameters; parameter names do not count, nor const, nor what a named type contains.
    """
    f, table = program.dies, program.instances
    hashes = program.once("signature hashes", lambda: signature_hashes(program))
    n_names = len(table.name_start) - 1
    name, dies = _names(table)[states], table.name_dies[states]
    stop = (faults.flags[dies] & (Fault.UNEXPECTED_REGISTER | Fault.REORDERED_PARAMETERS)) != 0
    # states of a name up to the first that stops the comparison
    stops = np.cumsum(stop)
    first = np.searchsorted(name, name)
    before = stops - np.where(first > 0, stops[first - 1], 0)
    name, dies = name[before == 0], dies[before == 0]
    differs = np.zeros(n_names, bool)
    same_name = name[1:] == name[:-1]
    differs[name[1:][same_name & (hashes[dies[1:]] != hashes[dies[:-1]])]] = True
    interesting = np.zeros(n_names, bool)
    interesting[table.name_index] = True
    out = np.zeros(n_names, bool)
    for k in np.flatnonzero(differs & interesting):
        mine = dies[np.searchsorted(name, k) : np.searchsorted(name, k, side="right")]
        _, distinct = np.unique(hashes[mine], return_index=True)
        if rules.hasty:
            distinct = np.arange(len(mine))
        one, *others = ((int(f.unit[d]), _signature(f, int(d))) for d in mine[np.sort(distinct)])
        out[k] = any(not (rules.hasty and unit == one[0] and shape[0] == one[1][0] and len(shape) == len(one[1]))
                     and not _same_signature(program.types, one[1], shape, rules.callbacks) for unit, shape in others)
    return out


def _signature(functions, die):
    lo, hi = functions.param_start[die], functions.param_start[die + 1]
    return [int(functions.type_id[die]), *functions.param_type_id[lo:hi].tolist()]


def _same_signature(types, a, b, callbacks):
    return len(a) == len(b) and all(_same_type(types, x, y, callbacks) for x, y in zip(a, b, strict=True))


def _same_type(types, a, b, callbacks, depth=0):
    """Loose equality of two types: const is ignored, named types equal by kind and name, FWD equals its struct."""
    while True:
        if a == b:
            return True
        if not a or not b:
            return False
        v, w = types.row(a), types.row(b)
        ka, kb = declared_kind(v[wd.INFO]), declared_kind(w[wd.INFO])
        if ka != kb:
            if ka == Kind.CONST:
                a = int(v[wd.SIZE_TYPE])
                continue
            if kb == Kind.CONST:
                b = int(w[wd.SIZE_TYPE])
                continue
            return False
        if ka in (Kind.TYPEDEF, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64):
            return v[wd.NAME] == w[wd.NAME]
        if ka in (Kind.INT, Kind.FLOAT):
            return len(v) == len(w) and bool((v == w).all())
        if ka == Kind.ARRAY:
            if v[wd.ARRAY_NELEMS] != w[wd.ARRAY_NELEMS]:
                return False
            a, b = int(v[wd.ARRAY_TYPE]), int(w[wd.ARRAY_TYPE])
        elif ka == Kind.FUNC_PROTO:
            if v[wd.INFO] != w[wd.INFO] or depth > 64:
                return False
            returned = int(v[wd.SIZE_TYPE]), int(w[wd.SIZE_TYPE])
            return _same_type(types, *returned, callbacks, depth + 1) and (not callbacks or all(
                _same_type(types, x, y, callbacks, depth + 1)
                for x, y in zip(_param_types(v), _param_types(w), strict=True)))
        elif ka in (Kind.PTR, Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG):
            a, b = int(v[wd.SIZE_TYPE]), int(w[wd.SIZE_TYPE])
        else:
            return False


def _param_types(row):
    """type_id of each parameter of a FUNC_PROTO row, list of int."""
    return wd.entries_of(Kind.FUNC_PROTO, row)[:, wd.PARAM_TYPE].tolist()
