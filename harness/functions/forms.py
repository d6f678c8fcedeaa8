"""How many functions each form of the rules keeps: pahole's versions, and its faults repeated or not."""

from __future__ import annotations

import numpy as np

from harness.functions.policies import Reason, select
from harness.functions.registers import read_faults
from harness.functions.rules import DEFAULT, QUIRKS, RULES


def forms():
    """Every (version, quirks) that is compared: all versions with and without all quirks, each quirk of the default."""
    for version in RULES:
        yield version, ()
        if version == DEFAULT:
            yield from ((version, (quirk,)) for quirk in QUIRKS)
        yield version, tuple(QUIRKS)


def selection_forms(walk, table, types, id_map, machine, bits, policies=("consistent", "current")):
    """What each form keeps: list of (rules, quirks joined by '+', policy, instances, names).

    Parameters as in read_faults and select.
    """
    rows = []
    for version, quirks in forms():
        rules, quirks = RULES[version], frozenset(quirks)
        faults = read_faults(walk, types, id_map, machine, bits, rules, quirks)
        for policy in policies:
            reason = select(policy, table, walk, types, id_map, faults, rules, quirks).reason
            kept = reason == Reason.ENCODED
            rows.append((version, "+".join(q for q in QUIRKS if q in quirks), policy, int(kept.sum()),
                         len(np.unique(table.name[kept]))))
    return rows
