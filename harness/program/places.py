"""Where types stand in a file: in the order in which pahole adds them.

pahole goes through the units. From each it adds the types, then DECL_TAGs on them, then (1.24) the functions, each as
its FUNC_PROTO, its FUNC and DECL_TAGs on it, then the variables, each with its DECL_TAGs. Since 1.25 the functions
follow after the last unit, sorted by name. The DATASEC comes after these. libbpf's dedup keeps of equal types the first
that it comes to, and their order.

A place is a number: types of a smaller place come first, those of one place in the order in which they are listed.

Source: btf_encoder__encode_cu(), btf_encoder__add_saved_funcs() and btf_encoder__encode() in pahole's btf_encoder.c,
1.24, 1.30 and 1436daf; btf__dedup() in libbpf 1.7.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.dedup import Dedup
from harness.dwarf import walk_tables as wt
from harness.dwarf.walk import Walk
from harness.model import TypeTable

TYPES, INDEX_TYPE, TAGS, FUNCTIONS, VARIABLES = range(5)
"""Parts of a unit."""

ALL_FUNCTIONS, DATASEC, STEP, ADDED = range(4)
"""Units behind the last: functions sorted by name, what the kernel's own step adds, what an encoding adds."""

OF_FUNCTION = 4
"""Places that a function has: of its FUNC_PROTO, its FUNC, its tags, and what the kernel's step makes for it."""

PROTO, FUNC, TAG, STEPPED = range(OF_FUNCTION)

NTH_BITS, PART_BITS = 34, 3

NEVER = np.iinfo(np.int64).max


def place(unit, part, nth=0):
    """The place of what is `nth` in a part of a unit, int64; each may be an array."""
    return (np.int64(unit) << (PART_BITS + NTH_BITS)) + (np.int64(part) << NTH_BITS) + np.int64(nth)


class Places(NamedTuple):
    """The places of deduplicated types.

    Attributes
    ----------
    types : int64 (types,)
    met : int64 (types,)
        Where pahole comes to the first of those that are equal to each: libbpf may keep a later one.
    declared : int64 (types,)
        The same of forward declarations of it; NEVER where there are none.
    """

    types: np.ndarray
    met: np.ndarray
    declared: np.ndarray

    def of(self, id_map: np.ndarray, n: int) -> Places:
        """The Places of `n` types, given what each of these became; of those that became one, the first."""
        out = np.full((len(self), n + 1), NEVER)
        for mine, column in zip(self, out, strict=True):
            np.minimum.at(column, id_map[1:], mine)
        return Places(*out[:, 1:])


def places_of_types(walked: Walk, deduplicated: Dedup) -> Places:
    """The Places of deduplicated types.

    Parameters
    ----------
    walked : harness.dwarf.Walk
        What they come from.
    deduplicated : harness.dedup.Dedup
    """
    types, met, declared = (_in_units(walked, column[1:].astype(np.int64)) for column in deduplicated[2:])
    declared[deduplicated.declared[1:] == 0] = NEVER
    types = place(types >> (PART_BITS + NTH_BITS), TYPES)  # sorted as they are
    if walked.array_unit != wt.NO_UNIT:
        index_type = int(deduplicated.id_map[walked.unit_type_id[-1]]) - deduplicated.types.first_id
        for column in (types, met):
            column[index_type] = min(column[index_type], place(walked.array_unit, INDEX_TYPE))
    return Places(types, met, declared)


def _in_units(walked, type_id):
    """The places of types of the walk, by type_id."""
    unit = np.searchsorted(walked.unit_type_id, type_id, side="right") - 1
    return place(unit, TYPES, type_id - walked.unit_type_id[unit])


def places_of_common(types: np.ndarray, var_ids: dict[int, int], unit_of: np.ndarray, on_types: TypeTable | None,
                     n_units: int) -> np.ndarray:
    """The places of Program.common, int64 (n,).

    Parameters
    ----------
    types : int64 (types,)
        Those of the types.
    var_ids : dict of int to int
        As in harness.program.variables.Variables.
    unit_of : int (variables,)
        Unit of each row of the walk's variables.
    on_types : TypeTable or None
        DECL_TAGs on types and variables, if there are any.
    n_units : int
    """
    n_vars = len(var_ids)
    variables = place(unit_of[np.array(list(var_ids), np.int64)], VARIABLES, 2 * np.arange(n_vars))
    parts = [types, variables, np.full(int(n_vars > 0), place(n_units + DATASEC, 0))]
    if on_types is not None:
        tagged = np.concatenate(parts[:2])[on_types.size_type().astype(np.int64) - 1]
        of_var = on_types.size_type() > len(types)
        unit = tagged >> (PART_BITS + NTH_BITS)
        parts.append(np.where(of_var, tagged + 1, place(unit, TAGS)))
    return np.concatenate(parts)
