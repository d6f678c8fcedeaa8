"""The stages in order: an ELF file in, its encodings out. What the command line and notebooks call.

harness.results writes what comes of it into a folder, and reads it again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from harness import btf
from harness import encodings as enc
from harness.dwarf import walk_tables as wt
from harness.errors import UsageError
from harness.functions import DEFAULT, POLICIES, check_quirks, faults_of, prototypes_of, rules_of, select
from harness.functions.forms import selection_forms as forms
from harness.functions.listing import Strings
from harness.functions.policies import Reason
from harness.model import StringTable, concatenate
from harness.program import Silent
from harness.program import read_program as prepare

__all__ = ["Encoded", "Silent", "encode", "forms", "prepare"]


class Encoded(NamedTuple):
    """A kernel encoded under one policy.

    Attributes
    ----------
    policy : str
    files : dict of str to bytes
        The .btf file of each encoding.
    predicted : dict of str to int
        Bytes each encoding's formula says it grows over `plain`.
    selection : Selection
    pairs : Pairs
    faults : Faults
    signature : int64 (instances,)
        Equal for instances with equal FUNC_PROTOs; counts from 1.
    proto, func : uint32 (instances,)
        FUNC_PROTO and FUNC in `plain` of each instance, 0 if it is not encoded.
    rules : str
        Version of pahole whose rules the policy followed.
    quirks : tuple of str
    """

    policy: str
    files: dict
    predicted: dict
    selection: object
    pairs: object
    faults: object
    signature: np.ndarray
    proto: np.ndarray
    func: np.ndarray
    rules: str
    quirks: tuple


def encode(program, policy="consistent", encodings=None, rules=DEFAULT, quirks=(), kfunc_tags=True):
    """Encode a program under one policy.

    Parameters
    ----------
    program : Program
    policy : str
        all, consistent or current.
    encodings : list of str, optional
        Names in the registry; the default ones when None. `plain` is always made: the others are measured against it.
    rules : str
        Version of pahole whose selection rules to follow, one of harness.functions.RULES.
    quirks : iterable of str
        pahole bugs to reproduce, of harness.functions.QUIRKS.
    kfunc_tags : bool
        Write a bpf_kfunc DECL_TAG for each kfunc (pahole's decl_tag_kfuncs).

    Returns
    -------
    Encoded
    """
    if policy not in POLICIES:
        raise UsageError.choice("policy", POLICIES, policy)
    chosen = [enc.encoding(name) for name in (encodings or enc.default_names())]
    if all(e.name != "plain" for e in chosen):
        chosen.insert(0, enc.encoding("plain"))
    rules, quirks = rules_of(rules), check_quirks(quirks)
    table = program.instances
    faults = faults_of(program, rules, quirks)
    selection = select(program, policy, rules, quirks)
    kept = np.flatnonzero(selection.reason == Reason.ENCODED)
    strings = Strings(program.strings.blob)
    # prototypes are numbered in the order of the functions, so sort those first
    rank = strings.rank(table.name[kept])
    kept = kept[np.lexsort((table.place.section[kept], table.address[kept], rank))]
    prototypes = prototypes_of(program, rules)
    new, proto_of_kept = prototypes.rows_of(kept, program.common.next_id)
    common = concatenate([program.common, new])
    tags = _tags_of(program, kept, strings, kfunc_tags)
    pairs, pair_of = enc.make_pairs(table.name[kept], proto_of_kept, table.address[kept], table.place.section[kept],
                                    strings.array, tags)

    def make(e):
        rows = e.rows(pairs, common.next_id, len(program.strings.blob))
        types = concatenate([common, rows.types])
        blob = program.strings.blob
        if len(rows.strings):
            blob = np.concatenate([blob, rows.strings])
        data = btf.encode(types, StringTable(blob), byteorder=program.kernel["byteorder"], layout=e.layout)
        return data, rows.func

    with ThreadPoolExecutor(2) as executor:
        made = dict(zip([e.name for e in chosen], executor.map(make, chosen), strict=True))
    files = {name: data for name, (data, _) in made.items()}
    predicted = {e.name: int(e.growth(pairs)) for e in chosen}
    func = np.zeros(len(table.die), np.uint32)
    func[kept] = made["plain"][1][pair_of]
    proto = np.zeros(len(table.die), np.uint32)
    proto[kept] = proto_of_kept
    return Encoded(policy, files, predicted, selection, pairs, faults, prototypes.index + 1, proto, func, rules.version,
                   tuple(sorted(quirks)))


def _tags_of(program, kept, strings, kfunc_tags):
    """Annotations of the kept instances: list of (index in `kept`, name_off, component_idx)."""
    table = program.instances
    by_die = {}
    for name, space, target, component in zip(*(c.tolist() for c in program.tags), strict=True):
        if space == wt.T_FUNC:
            by_die.setdefault(target, []).append((name, component))
    tags = [(i, name, component) for i, die in enumerate(table.die[kept].tolist())
            for name, component in by_die.get(die, ())] if by_die else []
    if kfunc_tags and program.kfunc_tags:
        names = strings.array(table.name[kept])
        for i in np.flatnonzero(np.isin(names, np.array(list(program.kfunc_tags)))).tolist():
            tags += [(i, name, -1) for name in program.kfunc_tags[names[i]]]
    return tags
