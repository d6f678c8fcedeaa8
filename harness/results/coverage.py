"""What of a file the results do not cover, in sentences; none for what is ordinary in a kernel."""

from __future__ import annotations

from harness.functions.kernel_step import step_of
from harness.functions.policies import REASON_TEXT, Reason

INEXPRESSIBLE = REASON_TEXT[Reason.INEXPRESSIBLE]

FEW_UNITS = 0.01
"""Share of units in other languages that is not worth a word; Debian's 7.x has 6 of 2,754 in Rust."""

ENOUGH_FUNCTIONS = 0.8
"""Share of functions with code that results describe at least; kernels' are above 0.9."""

LEFT_OUT = {
    "types_left_out": "type",
    "members_left_out": "member",
    "type_members_left_out": "member",
    "names_left_out": "name",
    "parameter_names_left_out": "parameter name",
}
"""Counts of the funnel: what BTF has no form for, and what is said of it."""


def uncovered(manifest: dict, policy: str) -> list[str]:
    """Sentences about units, types and functions that the results of a policy do not cover, and what they take for
    granted.

    Parameters
    ----------
    manifest : dict
        Of results.
    policy : str
        One of its policies.
    """
    funnel, functions = manifest["funnel"], manifest["policies"][policy]["functions"]
    said = []
    units, others = funnel.get("units", 0), funnel.get("units_other_language", {})
    if units and (sum(others.values()) >= FEW_UNITS * units or not funnel["units_walked"]):
        every = ", ".join(f"{n:,} of {language}" for language, n in sorted(others.items(), key=lambda kv: -kv[1]))
        if others:
            said.append(f"{_share(funnel['units_walked'], units)} units are read; not {every}: only those of C and "
                        "assembler are")
    lost = {}
    for key, what in LEFT_OUT.items():
        lost[what] = lost.get(what, 0) + funnel.get(key, 0)
    lost["function"] = functions["skipped"].get(INEXPRESSIBLE, 0)
    if any(lost.values()):
        every = ", ".join(f"{n:,} {what}{'s' * (n != 1)}" for what, n in lost.items() if n)
        said.append(f"left out, as BTF has no form for them: {every}")
    if funnel.get("dies_nameless_code"):
        n = funnel["dies_nameless_code"]
        said.append(f"{n:,} function{'s' * (n != 1)} with code and without a name, nor has any DIE that they refer to "
                    "one")
    with_code = functions["instances"]
    if functions["encoded"] < ENOUGH_FUNCTIONS * with_code:
        why = sorted(functions["skipped"].items(), key=lambda kv: -kv[1])[:2]
        said.append(f"{_share(functions['encoded'], with_code)} functions with code are described; not "
                    + ", ".join(f"{n:,}: {reason}" for reason, n in why))
    elif not with_code:
        said.append(f"no functions with code among {funnel.get('subprogram_dies', 0):,} subprogram DIEs")
    step = manifest["policies"][policy].get("kernel_step")
    if step and step_of(manifest["kernel"]) is None:
        release = manifest["kernel"].get("release")
        why = f"this is {release}, whose build has none" if release else "the file does not say its version"
        said.append(f"the kernel's step is that of Linux {step}: {why}")
    return said


def _share(part, whole):
    return f"{part:,} of {whole:,} ({100 * part / whole:.0f} %)"
