"""FUNC_PROTO rows of the selected functions, merged with those that the types already have."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.dwarf import walk_tables as wt
from harness.functions import join_kernels as jk
from harness.model import TypeTable


class Prototypes(NamedTuple):
    """Prototypes of some function instances.

    Attributes
    ----------
    types : TypeTable
        The rows to append to the base table.
    type_id : uint32 (functions,)
        FUNC_PROTO of each function given, counted from the base table on.
    """

    types: TypeTable
    type_id: np.ndarray


def build_prototypes(dies, walk, base, id_map, dropped):
    """FUNC_PROTOs for the functions of DIE rows `dies`.

    Parameters
    ----------
    dies : int64 (functions,)
        Rows of walk.functions, in the order in which new rows shall appear.
    walk : harness.dwarf.Walk
    base : TypeTable
        The deduplicated types, and whatever stands between them and the prototypes.
    id_map : uint32 (n_types + 1,)
        From the walk's type_ids to the base table's.
    dropped : bool (params,)
        Parameters to leave out. A clone whose parameters gcc has reordered lists the optimized-out ones too, behind the
        others and in no register: they are not passed, so they are not in its prototype.
    """
    f = walk.functions
    place = np.where(dropped, jk.DROPPED, jk.PLACED).astype(np.uint8)
    place[(f.param_flags & wt.PF_ELLIPSIS) != 0] = jk.ELLIPSIS
    n_params = f.param[dies + 1] - f.param[dies]
    words = np.empty(int(3 * len(dies) + 2 * n_params.sum()), np.uint32)
    start = np.empty(len(dies) + 1, np.int64)
    jk.prototype_rows(dies, f.type, f.param, f.param_name, f.param_type, place, id_map, words, start)
    slots = np.zeros(1 << max(8, (2 * (len(dies) + base.n_types)).bit_length()), np.int64)
    same = np.empty(len(dies), np.int64)
    jk.unify_prototypes(base.words, base.start, words, start, slots, same)
    own = np.flatnonzero(same == np.arange(len(dies)))
    own = own[same[own] >= 0]
    out = TypeTable(np.empty(int((start[own + 1] - start[own]).sum()), np.uint32), np.empty(len(own) + 2, np.int64))
    out.start[0] = 0
    jk.gather_rows(words, start, own, out.words, out.start[1:])
    number = np.zeros(len(dies) + 1, np.int64)
    number[own] = base.n_types + 1 + np.arange(len(own))
    type_id = np.where(same < 0, -same, number[np.maximum(same, 0)]).astype(np.uint32)
    return Prototypes(out, type_id)
