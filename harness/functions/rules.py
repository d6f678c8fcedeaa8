"""pahole's selection rules, version by version, and its bugs, as data.

What a policy calls a fault has changed: pahole 1.24 looked at names only, 1.25 compared prototypes and registers, 1.31
began to drop names with several addresses, and the state of July 2026 counts registers as the ABI does. Sources, all of
acmel/dwarves: 1.24; 1.25 (81558a5, April 2023); 1.31 (tag v1.31, November 2025); 1436daf (July 2026).
"""

from __future__ import annotations

from typing import NamedTuple

from harness.errors import UsageError
from harness.functions import register_kernels as rk


class Forms(NamedTuple):
    """What a version of pahole makes of types and variables, whichever functions it keeps.

    Attributes
    ----------
    nested_arrays : bool
        Whether an array has an ARRAY for each of its dimensions, or one for all, of as many elements as they have
        together.
    variable_at_0 : bool
        Whether the variable at the beginning of the per-CPU section has a VAR, where that is linked at address 0.
    by_unit : bool
        Whether functions stand behind the types of their units, or, sorted by name, behind all.
    """

    nested_arrays: bool
    variable_at_0: bool
    by_unit: bool = False


class Rules(NamedTuple):
    """What a version of pahole looks at.

    Attributes
    ----------
    version : str
    locations : int or None
        How it reads parameter locations (BY_* of register_kernels), None if it does not.
    consistent : bool
        Whether all instances of a name must agree on the prototype.
    callbacks : bool
        Whether that comparison looks at the parameters of a function pointer's prototype (1.31 does not).
    hasty : bool
        Whether, within a unit, equal return types and numbers of parameters are enough.
    suffixes : bool
        Whether a symbol with a suffix (.isra.0) stands for the function.
    pieces : bool
        Whether even a .part symbol does, when there is no other.
    uncertain, reordered, ambiguous : bool
        Whether it knows the fault at all.
    optimized : bool
        Whether a .constprop or .isra clone with optimized-out parameters is left out.
    once : bool
        Whether `current` keeps one instance of each name, the first, when a name has several.
    first : bool
        Whether `current` describes a function by the first DIE of its name, even if that has no code, such as the
        abstract instance of an inline function.
    addressed : bool
        Whether, of DIEs none of which is at a symbol, the first that has an address describes the function, not the
        first of all; found by running pahole, whose source for that is not public yet.
    kfunc_tags : bool
        Whether it can write DECL_TAGs for kfuncs.
    by_prefix : bool
        Whether it sorts symbols by prefix and looks for kfuncs by their whole names, see harness.functions.search.
    forms : Forms
    about : str
        What it keeps, in a clause.
    """

    version: str
    locations: int | None
    consistent: bool
    callbacks: bool
    hasty: bool
    suffixes: bool
    pieces: bool
    uncertain: bool
    reordered: bool
    optimized: bool
    ambiguous: bool
    once: bool
    first: bool
    addressed: bool
    kfunc_tags: bool
    by_prefix: bool
    forms: Forms
    about: str


RULES = {rules.version: rules for rules in (
    Rules("1.24", None, consistent=False, callbacks=False, hasty=False, suffixes=False, pieces=False,
          uncertain=False, reordered=False, optimized=False, ambiguous=False, once=True, first=True, addressed=False,
          kfunc_tags=False, by_prefix=False, forms=Forms(nested_arrays=False, variable_at_0=False, by_unit=True),
          about="the first DIE of each name that is exactly an ELF symbol's"),
    Rules("1.25", rk.BY_FIRST, consistent=True, callbacks=True, hasty=True, suffixes=True, pieces=True,
          uncertain=False, reordered=False, optimized=False, ambiguous=False, once=True, first=True, addressed=False,
          kfunc_tags=False, by_prefix=True, forms=Forms(nested_arrays=False, variable_at_0=False),
          about="prototypes and registers must agree; one FUNC for each name"),
    Rules("1.30", rk.BY_SEEN, consistent=True, callbacks=False, hasty=False, suffixes=True, pieces=True,
          uncertain=False, reordered=False, optimized=False, ambiguous=False, once=True, first=True, addressed=False,
          kfunc_tags=True, by_prefix=True, forms=Forms(nested_arrays=False, variable_at_0=True),
          about="a register is looked for in all of a parameter's location list"),
    Rules("1.31", rk.BY_SEEN, consistent=True, callbacks=False, hasty=False, suffixes=True, pieces=False,
          uncertain=True, reordered=False, optimized=False, ambiguous=True, once=False, first=True, addressed=False,
          kfunc_tags=True, by_prefix=False, forms=Forms(nested_arrays=False, variable_at_0=True),
          about="packed structs on the stack and names with several addresses are left out, too"),
    Rules("2026-07", rk.BY_REACHED, consistent=True, callbacks=True, hasty=False, suffixes=True, pieces=False,
          uncertain=True, reordered=True, optimized=True, ambiguous=True, once=False, first=False, addressed=False,
          kfunc_tags=True, by_prefix=False, forms=Forms(nested_arrays=False, variable_at_0=True),
          about="registers counted as the ABI does; reordered parameters and clones that lack some are left out"),
    Rules("1.32", rk.BY_REACHED, consistent=True, callbacks=True, hasty=False, suffixes=True, pieces=False,
          uncertain=True, reordered=True, optimized=True, ambiguous=True, once=False, first=False, addressed=True,
          kfunc_tags=True, by_prefix=False, forms=Forms(nested_arrays=True, variable_at_0=True),
          about="the same; of types, each dimension of an array has an ARRAY of its own"),
)}
"""By version, oldest first; the last is the default."""

DEFAULT = list(RULES)[-1]

STRINGS, SEARCH = "strings", "kfunc-search"

QUIRKS = {
    "part-flags": "count the faults of a .part body, whose DIE has its parent's name, against the parent",
    "no-ranges": "give no address to a DIE that has DW_AT_ranges but no DW_AT_low_pc",
    "patchable-entry": "find no address for a function whose symbol is not at the entry in DWARF (arm64, riscv64)",
    "unnumbered-clang": "treat every register in clang's code as wrong where register numbers are unknown",
    SEARCH: "give no tag to kfuncs that pahole up to 1.30 does not find among the symbols",
    STRINGS: "write strings in the order in which pahole comes to them, those of functions that it leaves out, too",
}
"""pahole bugs, reproduced only on request."""


def rules_of(version):
    """The Rules of a version.

    Raises
    ------
    UsageError
        No such version.
    """
    if version not in RULES:
        raise UsageError.choice("rules", RULES, version)
    return RULES[version]


def like(name):
    """The version of a pahole given by a name such as pahole-1.24.

    Raises
    ------
    UsageError
        No such version.
    """
    program, _, version = name.partition("-")
    if program != "pahole" or version not in RULES:
        raise UsageError.choice("like", [f"pahole-{known}" for known in RULES], name)
    return version


def check_quirks(quirks):
    """The quirks as a frozenset.

    Raises
    ------
    UsageError
        One of them is unknown.
    """
    for quirk in quirks:
        if quirk not in QUIRKS:
            raise UsageError.choice("quirk", QUIRKS, quirk)
    return frozenset(quirks)
