"""Gives a walk its final type_ids; afterwards nothing refers to the units' own types."""

from __future__ import annotations

import numpy as np

from harness.dwarf.walk_tables import T_TYPE


def with_final_ids(walked, id_map):
    """The walk with the type_ids of the deduplicated types.

    Parameters
    ----------
    walked : harness.dwarf.Walk
    id_map : uint32 (types + 1,)
        New type_id of each row of the walk's types, as Dedup has it.
    """
    functions, variables, tags = walked.functions, walked.variables, walked.decl_tags
    target_id = tags.target_id.copy()
    on_type = np.flatnonzero(tags.space == T_TYPE)
    target_id[on_type] = id_map[target_id[on_type]]
    return walked._replace(
        functions=functions._replace(type_id=id_map[functions.type_id], param_type_id=id_map[functions.param_type_id]),
        variables=variables._replace(type_id=id_map[variables.type_id]),
        decl_tags=tags._replace(target_id=target_id))
