"""What fentry could attach to: addresses with a BTF id of their own, per policy and encoding, and their price.

An address is reached *uniquely* if a FUNC stands for it and for nothing else. How a FUNC comes to an address:

- It has one, in a DECL_TAG or in the FUNC itself. No kernel reads it today; the counts are what one could do that does.
- It has none. Then the kernel goes by its name, as today: bpf_check_attach_target() (kernel/bpf/verifier.c, v6.12) asks
  kallsyms_lookup_name() for the first symbol of exactly that name. So the name must have one address and the FUNC must
  be the only one of its name; a suffixed symbol (.isra.0) is never found. With several symbols one of them is found all
  the same, and nothing says whether it is the one that was meant: that is `ambiguous_id`, not `unique_id`.

Names are looked for among the function symbols of the image: a variable of the same name, or a module's function, can
still stand in the way and is not modelled.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from harness.errors import MeasureError
from harness.measure.ambiguity import addressable_rows, at_runtime
from harness.measure.columns import frame
from harness.measure.functions import coded, func_names
from harness.measure.result import BASELINE, SHIPPED
from harness.model import NOWHERE, STANDARD, VOID, Kind, TypeTable
from harness.model import words as wd
from harness.model.sizes import behind_modifiers
from harness.results import INSTANCES

TODAY = "current"
"""The policy whose baseline is what pahole writes today (July 2026); distributions may ship what an older one wrote."""

SAME_POLICY, OVER_TODAY = f"{BASELINE}, same policy", f"{BASELINE}, {TODAY}: today"
"""In the column `over`: the baseline under the policy of the row, or that which pahole writes today."""


class FentryRules(NamedTuple):
    """Which prototypes BPF_TRACE_FENTRY accepts.

    Attributes
    ----------
    max_arguments : int
        MAX_BPF_FUNC_ARGS (include/linux/bpf.h).
    max_argument_nbytes : int
        Largest argument, bytes.
    aggregates : tuple of Kind
        Kinds that may be passed by value.
    max_words : dict of str to int
        Words of 8 bytes that all arguments may take together, by machine; a machine that is not named is held to
        max_arguments only.
    """

    max_arguments: int
    max_argument_nbytes: int
    aggregates: tuple
    max_words: dict


RULES = FentryRules(12, 16, (Kind.STRUCT, Kind.UNION), {"EM_X86_64": 12})
"""Those of v6.18, the same for every kernel that is measured, whatever its version: no kernel reads addresses yet, so
the question is what a future one would make of these prototypes. Nor do a kernel's own rules follow from its version:
stable trees and distributions backport them, and a file given by its path may have no version at all.

Source
------
Counts, sizes, kinds: __get_type_size() and btf_distill_func_proto() in kernel/bpf/btf.c; the same again in libbpf's
btf_type_is_traceable_func() (src/libbpf.c, f7081a6b). Structs by value: 720e6a435194 "bpf: Allow struct argument in
trampoline based programs", v6.1. Unions: ccb4f5d91ec4 "bpf: Allow union argument in trampoline based programs", v6.18.
Words on x86-64: arch_prepare_bpf_trampoline() in arch/x86/net/bpf_jit_comp.c, 6 until 473e3150e30a "bpf, x86: allow
function arguments up to 12 for TRACING", v6.6. On arm64: btf_func_model_nregs() in arch/arm64/net/bpf_jit_comp.c, 8
until 9014cf56f13d "bpf, arm64: Support up to 12 function arguments", v6.16.

Not modelled: older rules; trampolines of other machines; arm64's refusal of aggregates on the stack; options of the
configuration without which there are no trampolines at all; that fexit and fmod_ret refuse what fentry takes (functions
that do not return, and of late return values above 8 bytes).
"""

DENIED = frozenset({"migrate_disable", "migrate_enable", "___migrate_enable", "rcu_read_unlock_strict",
                    "preempt_count_add", "preempt_count_sub", "__rcu_read_lock", "__rcu_read_unlock"})
"""Functions that tracing programs may not attach to, since running one calls these (btf_id_deny in
kernel/bpf/verifier.c, v6.18; each is listed under the option that makes it a function)."""


class Untraceable(IntEnum):
    """Why fentry refuses a prototype; TRACEABLE if it does not."""

    TRACEABLE = 0
    MANY_ARGUMENTS = 1
    RETURN_TYPE = 2
    VARIADIC = 3
    ARGUMENT_TYPE = 4
    LARGE_ARGUMENT = 5
    EMPTY_ARGUMENT = 6
    MANY_WORDS = 7


UNTRACEABLE_TEXT = {
    Untraceable.TRACEABLE: "(traceable)",
    Untraceable.MANY_ARGUMENTS: "more than 12 arguments",
    Untraceable.RETURN_TYPE: "returns a type other than an integer, enum or pointer",
    Untraceable.VARIADIC: "variable arguments",
    Untraceable.ARGUMENT_TYPE: "an argument other than an integer, enum, pointer, struct or union, such as a float",
    Untraceable.LARGE_ARGUMENT: "an argument of more than 16 bytes",
    Untraceable.EMPTY_ARGUMENT: "an argument of size 0: void or an empty struct",
    Untraceable.MANY_WORDS: "more arguments than the machine's trampoline passes on",
}

MAX_RESOLVE_DEPTH = 32
"""Longest chain of modifiers that the kernel takes (kernel/bpf/btf.c, and libbpf); real ones stay below 10."""

NO_KIND = 255


class Status(IntEnum):
    """How the file's ids relate to an address; of several FUNCs the best counts."""

    NONE = 0
    """No FUNC describes it."""
    UNREACHABLE = 1
    """A FUNC describes it, but no symbol of exactly that name is there."""
    AMBIGUOUS = 2
    """A FUNC describes it, but its id stands for other addresses too, or the name has other ids."""
    UNIQUE = 3
    """A FUNC stands for it alone."""


ATTACH_COLUMNS = ("policy", "encoding", "addresses", "unique_id", "ambiguous_id", "unreachable", "no_func", "traceable",
                  "with_site", "site_unknown", "at_runtime", "attachable")
PRICE_COLUMNS = ("policy", "encoding", "over", "growth", "attachable", "gained", "forgone", "bytes_per_gained",
                 "bytes_per_net")
REFUSAL_COLUMNS = ("policy", "reason", "prototypes", "functions")


def untraceable(types, protos, machine="EM_X86_64", rules=RULES, pointer_nbytes=8):
    """Why fentry refuses each of some prototypes.

    Parameters
    ----------
    types : TypeTable
    protos : int (n,)
        type_ids, also of the base; what is no FUNC_PROTO is refused as RETURN_TYPE.
    machine : str
        The manifest's, such as EM_X86_64.
    rules : FentryRules
    pointer_nbytes : int

    Returns
    -------
    uint8 (n,)
        Untraceable: the first that the kernel would meet. It counts arguments, then looks at the return type, then at
        one argument after another; the trampoline is made last.

    Source
    ------
    btf_distill_func_proto() in kernel/bpf/btf.c, v6.12 and v6.18. It only asks that an integer, an enum, a pointer or
    nothing be returned, so an integer of 16 bytes passes. Nothing means type_id 0 itself, not a typedef of void.
    """
    protos = np.asarray(protos, np.int64)
    types = types.flattened()
    beyond = types.next_id
    kind, nbytes = _sizes(types, pointer_nbytes)
    behind = _behind(types)
    out = np.zeros(len(protos), np.uint8)
    known = np.where((protos > VOID) & (protos < beyond), protos, VOID)
    is_proto = kind[known] == Kind.FUNC_PROTO
    start = types.by_id(TypeTable.row_starts)[known]
    vlen = np.where(is_proto, types.by_id(TypeTable.vlen)[known].astype(np.int64), 0)
    returned = np.full(len(protos), beyond)
    returned[is_proto] = np.minimum(types.by_id(TypeTable.size_type)[known[is_proto]], beyond)
    scalar = np.isin(kind, (Kind.INT, Kind.PTR, Kind.ENUM, Kind.ENUM64))
    passed = scalar | np.isin(kind, rules.aggregates)

    which = np.repeat(np.arange(len(protos)), vlen)
    place = np.arange(len(which)) - np.repeat(np.cumsum(vlen) - vlen, vlen)
    at = start[which] + wd.entries(Kind.FUNC_PROTO, 0, 1).start + STANDARD[Kind.FUNC_PROTO].entry_words * place
    written = np.minimum(types.words[at + wd.PARAM_TYPE], beyond).astype(np.int64)
    argument = behind[written]
    why = np.zeros(len(which), np.uint8)
    why[(written == 0) | (passed[argument] & (nbytes[argument] == 0))] = Untraceable.EMPTY_ARGUMENT
    why[passed[argument] & (nbytes[argument] > rules.max_argument_nbytes)] = Untraceable.LARGE_ARGUMENT
    why[(written != 0) & ~passed[argument]] = Untraceable.ARGUMENT_TYPE
    why[(written == 0) & (place == vlen[which] - 1)] = Untraceable.VARIADIC
    refused = np.flatnonzero(why)[::-1]
    first = np.zeros(len(protos), np.uint8)
    first[which[refused]] = why[refused]  # backwards, so that the first argument's stays

    if machine in rules.max_words:
        words = np.where(np.isin(kind[argument], rules.aggregates), (nbytes[argument] + 7) // 8, 1)
        total = np.bincount(which, weights=words, minlength=len(protos))
        out[total > rules.max_words[machine]] = Untraceable.MANY_WORDS
    out = np.where(first > 0, first, out)
    out[(returned != 0) & ~scalar[behind[returned]]] = Untraceable.RETURN_TYPE
    out[vlen > rules.max_arguments] = Untraceable.MANY_ARGUMENTS
    return out


class _Addresses(NamedTuple):
    """What functions.csv says about addresses, the same for every file.

    Attributes
    ----------
    address : uint64 (addresses,)
        Distinct ones, ascending; of a relocatable file, one of each distinct place.
    with_site, site_unknown, at_runtime : bool (addresses,)
        As in `reached`.
    row : int64 (rows,)
        Rows of functions.csv that have one of them.
    at : int64 (rows,)
        Which.
    name : int64 (rows,)
        As in Coded.
    kept : bool (rows,)
        The policy lets a FUNC describe it.
    exact : bool (rows,)
        Its symbol has exactly this name.
    single : bool (rows,)
        Symbols of that symbol's name are at one address only.
    """

    address: np.ndarray
    with_site: np.ndarray
    site_unknown: np.ndarray
    at_runtime: np.ndarray
    row: np.ndarray
    at: np.ndarray
    name: np.ndarray
    kept: np.ndarray
    exact: np.ndarray
    single: np.ndarray


def _known_addresses(result):
    import pandas as pd

    table, code = result.functions, coded(result)
    # under the rules of pahole 1.25 a policy also encodes pieces (.part), whose addresses no name has otherwise
    kept = np.flatnonzero((table.reason == "").to_numpy() & (table.shndx != NOWHERE).to_numpy())
    row = np.union1d(addressable_rows(result), kept)
    _, first, at = np.unique(code.place[row], return_index=True, return_inverse=True)
    address = code.address[row][first]
    section, sections = pd.factorize(table.section)
    run = at_runtime(pd.Series(sections, dtype="str")).to_numpy(bool)[section[row]]
    with_site, unknown, runs = np.zeros(len(address), bool), np.zeros(len(address), bool), np.ones(len(address), bool)
    with_site[at[table.ftrace.fillna(False).to_numpy(bool)[row]]] = True
    unknown[at[table.ftrace.isna().to_numpy()[row]]] = True
    runs[at[~run]] = False
    exact = (table.symbol == table.name).to_numpy()[row]
    single = (table.symbol_addresses == 1).to_numpy()[row]
    return _Addresses(address, with_site, unknown & ~with_site, runs, row, at, code.name[row],
                      (table.reason == "").to_numpy()[row], exact, single)


def reached(result, encoding, rules=RULES):
    """How each address relates to the ids of one file.

    Parameters
    ----------
    result : Result
    encoding : str
        One of result.files, also 'shipped'.
    rules : FentryRules

    Returns
    -------
    DataFrame
        One row per distinct address of functions.csv's exact, suffix and fallback matches and of what the policy
        encodes, ascending; the index is the address: status (Status), traceable (a FUNC that stands for it alone has a
        prototype that fentry takes and a name that it does not refuse), with_site (ftrace has a call site in it),
        site_unknown (the file has no table of call sites), at_runtime (not in .init or .exit text), attachable
        (unique, traceable, at_runtime, and not known to be without a site).

    Raises
    ------
    MeasureError
        The file has an address that functions.csv does not have, or its encoding is not known.
    """
    import pandas as pd

    file, listed = result.btf(encoding), result.once(_known_addresses)
    types, known = file.types, listed.address
    ids = types.func_ids()
    why = _refused(result, file, ids, rules)
    takes = np.zeros(types.next_id, bool)
    takes[ids] = (why == Untraceable.TRACEABLE) & ~_denied(file, ids)
    status, traceable = np.full(len(known), Status.NONE, np.int64), np.zeros(len(known), bool)

    def stand(func, at, unique, otherwise):
        """FUNCs stand for addresses, alone or not; of several statuses the best counts."""
        np.maximum.at(status, at, np.where(unique, Status.UNIQUE, otherwise))
        traceable[at[unique & takes[func]]] = True

    ours, at = _standing(result, encoding, listed)
    n_given = np.bincount(ours, minlength=types.next_id)
    stand(ours, at, n_given[ours] == 1, Status.AMBIGUOUS)

    # without an address of its own a FUNC stands for the name, for what the policy let it describe
    name = func_names(result, encoding)
    n_names = len(coded(result).names)
    nameless = (n_given[ids] == 0) & (name >= 0) & (name < n_names)
    name, func = name[nameless], ids[nameless]
    rivals, func_of = np.bincount(name, minlength=n_names), np.zeros(n_names, np.int64)
    func_of[name] = func
    rows = np.flatnonzero((listed.kept | (encoding == SHIPPED)) & (rivals[listed.name] > 0))
    exact, mine = listed.exact[rows], listed.name[rows]
    stand(func_of[mine], listed.at[rows], exact & listed.single[rows] & (rivals[mine] == 1),
          np.where(exact, Status.AMBIGUOUS, Status.UNREACHABLE))

    unique = status == Status.UNIQUE
    return pd.DataFrame({
        "status": status, "traceable": traceable, "with_site": listed.with_site,
        "site_unknown": listed.site_unknown, "at_runtime": listed.at_runtime,
        "attachable": unique & traceable & (listed.with_site | listed.site_unknown) & listed.at_runtime,
    }, index=pd.Index(known, name="address"))


def _standing(result, encoding, listed):
    """Which known addresses the file gives its FUNCs: (func_id, at), int64 (n,) each, `at` as in _Addresses.

    A FUNC's address stands for every place of its name with that address: of a relocatable file, an offset that several
    sections may have; of a linked one, there is one such place.
    """
    func_id, theirs = result.addresses(encoding)
    if not len(func_id):
        return func_id, func_id
    name = func_names(result, encoding)[np.searchsorted(result.btf(encoding).types.func_ids(), func_id)]
    # what the kernel's step adds is code of a function that is there under its own name
    own = name < len(coded(result).names)
    func_id, theirs, name = func_id[own], theirs[own], name[own]
    # (name, address) as one sortable number: addresses by rank
    addresses, rank = np.unique(listed.address, return_inverse=True)
    name_of, at = np.divmod(np.unique(listed.name * len(rank) + listed.at), max(len(rank), 1))
    key = name_of * len(addresses) + rank[at]
    order = np.argsort(key, kind="stable")
    key, at = key[order], at[order]
    wanted = np.where((name >= 0) & np.isin(theirs, addresses),
                      name * len(addresses) + np.searchsorted(addresses, theirs), -1)
    first = np.searchsorted(key, wanted)
    n_places = np.searchsorted(key, wanted, side="right") - first
    strange = np.flatnonzero(n_places == 0)
    if len(strange):
        raise MeasureError(f"expected addresses of {INSTANCES}, found {theirs[strange[0]]:#x} on "
                           f"[{func_id[strange[0]]}]", result.files[encoding])
    before = np.cumsum(n_places) - n_places
    return np.repeat(func_id, n_places), at[np.arange(n_places.sum()) + np.repeat(first - before, n_places)]


def _refused(result, file, ids, rules):
    """Why fentry refuses the prototypes of some FUNCs, Untraceable (n,)."""
    kernel = result.manifest["kernel"]
    protos, which = np.unique(file.types.by_id(TypeTable.size_type)[ids], return_inverse=True)
    return untraceable(file.types, protos, kernel["machine"], rules, kernel["bits"] // 8)[which]


def _denied(file, ids):
    """Which FUNCs fentry refuses because of their name, bool (n,)."""
    blob, offsets = file.strings.flattened().blob, file.types.by_id(TypeTable.name_off)[ids].astype(np.int64)
    head = blob[np.minimum(offsets[:, None] + np.arange(4), len(blob) - 1)].view(np.uint32)[:, 0]
    # few names begin like one of these, so the others need not be looked at one by one
    alike = np.flatnonzero(np.isin(head, np.frombuffer(b"".join(name.encode()[:4] for name in DENIED), np.uint32)))
    out = np.zeros(len(ids), bool)
    out[alike] = [file.strings.get(offset).decode("utf-8", "replace") in DENIED for offset in offsets[alike].tolist()]
    return out


def attachability(results, rules=RULES):
    """Addresses by how the ids of each file relate to them.

    Parameters
    ----------
    results : list of Result
        Of one kernel under several policies.
    rules : FentryRules

    Returns
    -------
    DataFrame
        ATTACH_COLUMNS, a row per policy and encoding. unique_id + ambiguous_id + unreachable + no_func = addresses, the
        same for all. traceable, with_site, site_unknown and at_runtime count unique addresses of which that holds, each
        by itself; attachable those that are traceable, at_runtime and not known to be without a site.

    Raises
    ------
    MeasureError
        The results are not of one kernel, two are of one policy, or as `reached`.
    """
    return _attachability(_all_reached(results, rules))


def bytes_per_attachable(results, rules=RULES):
    """What an attachable function costs in bytes; parameters and errors as of `attachability`.

    Parameters
    ----------
    results : list of Result
        Of one kernel under several policies.
    rules : FentryRules

    Returns
    -------
    DataFrame
        PRICE_COLUMNS. Two rows per policy and encoding: over the baseline of the same policy, and over that of today,
        of the policy `current` (left out when it is not among the results); none for a file over itself. growth: bytes
        more than that file; gained, forgone: addresses attachable in this file only, in that one only;
        bytes_per_gained: growth / gained, missing where nothing is gained; bytes_per_net: growth / (gained - forgone),
        missing where no more is gained than forgone.
    """
    return _prices(results, _all_reached(results, rules))


def attach_frames(results, rules=RULES):
    """Both frames from one computation: (attachability, bytes_per_attachable); parameters and errors as of those."""
    every = _all_reached(results, rules)
    return _attachability(every), _prices(results, every)


def refusals(results, rules=RULES):
    """Why fentry refuses FUNCs of the baseline, regardless of their addresses.

    Parameters
    ----------
    results : list of Result
    rules : FentryRules

    Returns
    -------
    DataFrame
        REFUSAL_COLUMNS, a row per policy and reason: FUNCs, and distinct FUNC_PROTOs that they have. '(denied by name)'
        are those whose prototype fentry would take, '(traceable)' those that it takes; the functions of a policy sum to
        the FUNCs of its file.
    """
    rows = []
    for result in results:
        file = result.btf(BASELINE)
        types = file.types
        ids = types.func_ids()
        protos = types.by_id(TypeTable.size_type)[ids]
        why = _refused(result, file, ids, rules)
        denied = (why == Untraceable.TRACEABLE) & _denied(file, ids)
        mine = {UNTRACEABLE_TEXT[reason]: (why == reason) & ~denied for reason in Untraceable}
        rows += [(result.policy, text, len(np.unique(protos[which])), int(which.sum()))
                 for text, which in {**mine, "(denied by name)": denied}.items()]
    return frame(rows, REFUSAL_COLUMNS)


def _all_reached(results, rules):
    """`reached` of every policy and encoding, dict; they have the same addresses."""
    every = {(result.policy, encoding): reached(result, encoding, rules)
             for result in results for encoding in result.encodings}
    if len(every) != sum(len(result.encodings) for result in results):
        raise MeasureError("expected results of different policies, found " + ", ".join(r.policy for r in results))
    universe = None
    for result in results:
        found = every[result.policy, BASELINE].index
        if universe is not None and not found.equals(universe):
            raise MeasureError("expected the functions of one kernel, found other addresses than in "
                               f"{results[0].folder}", result.of.instances_path)
        universe = found
    return every


def _attachability(every):
    rows = []
    for (policy, encoding), out in every.items():
        counts = np.bincount(out.status, minlength=len(Status))[[Status.UNIQUE, Status.AMBIGUOUS, Status.UNREACHABLE,
                                                                 Status.NONE]].tolist()
        unique = out.status == Status.UNIQUE
        rows.append((policy, encoding, len(out), *counts, (unique & out.traceable).sum(),
                     (unique & out.with_site).sum(), (unique & out.site_unknown).sum(),
                     (unique & out.at_runtime).sum(), out.attachable.sum()))
    return frame(rows, ATTACH_COLUMNS)


def _prices(results, every):
    by_policy = {result.policy: result for result in results}
    attachable = {place: out.attachable.to_numpy() for place, out in every.items()}  # of the same addresses
    rows = []
    for (policy, encoding), now in attachable.items():
        nbytes = by_policy[policy].nbytes(encoding)
        for over, base in ((SAME_POLICY, policy), (OVER_TODAY, TODAY)):
            if base not in by_policy or (base, BASELINE) == (policy, encoding):
                continue
            before = attachable[base, BASELINE]
            growth = nbytes - by_policy[base].nbytes(BASELINE)
            gained, forgone = int((now & ~before).sum()), int((before & ~now).sum())
            rows.append((policy, encoding, over, growth, int(now.sum()), gained, forgone,
                         growth / gained if gained else np.nan,
                         growth / (gained - forgone) if gained > forgone else np.nan))
    return frame(rows, PRICE_COLUMNS)


def _behind(types):
    """The type behind typedefs and modifiers, int64 (next_id + 1,); the last one, of NO_KIND, where there is none.

    So it is of type_ids out of range, and behind a chain of more than MAX_RESOLVE_DEPTH.
    """
    beyond = types.next_id
    found = behind_modifiers(types, MAX_RESOLVE_DEPTH + 1)  # and what it ends at
    return np.append(np.where(found >= 0, found, beyond), beyond)


def _sizes(types, pointer_nbytes):
    """Kind and size in bytes of each type itself, int64 (next_id + 1,) each; void and the last have NO_KIND."""
    kind = np.append(types.by_id(TypeTable.kind), NO_KIND).astype(np.int64)
    kind[VOID] = NO_KIND
    nbytes = np.append(types.by_id(TypeTable.size_type), 0).astype(np.int64)
    nbytes[kind == Kind.PTR] = pointer_nbytes
    return kind, nbytes
