"""How many functions each form of the rules keeps: each version of pahole, with and without its bugs."""

from __future__ import annotations

import numpy as np

from harness.functions.policies import Reason, select
from harness.functions.rules import DEFAULT, QUIRKS, RULES


def forms():
    """Every (version, quirks) to compare: each version without and with all quirks, the default with each one alone."""
    for version in RULES:
        yield version, ()
        if version == DEFAULT:
            yield from ((version, (quirk,)) for quirk in QUIRKS)
        yield version, tuple(QUIRKS)


def selection_forms(program, policies=("consistent", "current")):
    """What each form keeps of a Program: list of (rules, quirks joined by '+', policy, instances, names)."""
    rows = []
    for version, quirks in forms():
        quirks = frozenset(quirks)
        for policy in policies:
            reason = select(program, policy, RULES[version], quirks).reason
            kept = reason == Reason.ENCODED
            rows.append((version, "+".join(q for q in QUIRKS if q in quirks), policy, int(kept.sum()),
                         len(np.unique(program.instances.name_off[kept]))))
    return rows
