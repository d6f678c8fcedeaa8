"""Where functions stand in a file, and what encodings add.

What the baseline has comes in pahole's order, see harness.program.places, and has the same type_ids in every file that
is not sorted by name: all that other encodings have beyond it stands behind.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.btf.wire import WHOLE
from harness.encodings.encoding import Written
from harness.encodings.pairs import Pairs
from harness.functions.kernel_step import PAHOLE_S, Stepped
from harness.model import Kind
from harness.program import Program
from harness.program import places as pl


class Order(NamedTuple):
    """Places of types, as harness.program.places gives them.

    Attributes
    ----------
    common : int64 (types,)
        Of the types that all encodings have, but for FUNCs and their DECL_TAGs.
    first : int64 (funcs,)
        The first of the pairs that share a FUNC in the baseline.
    func : int64 (funcs,)
        Places of what these functions need, of which their FUNC_PROTO has the first.
    added : int
        Place of all else that an encoding writes.
    late : dict of (int, int) to int
        Places of the tags that the kernel's step writes for pahole, by pair and name_off.
    """

    common: np.ndarray
    first: np.ndarray
    func: np.ndarray
    added: int
    late: dict[tuple[int, int], int]


def order_of(program: Program, made: Stepped, die: np.ndarray, pairs: Pairs, pair_of: np.ndarray,
             late: frozenset[bytes] = frozenset()) -> Order:
    """The Order of functions.

    Parameters
    ----------
    program : Program
    made : Stepped
    die : int64 (kept,)
        The DIE that describes each function before the step.
    pairs : Pairs
    pair_of : int64 (kept + added,)
        The pair of each function.
    late : frozenset of bytes
        Names of kfuncs whose tags the step writes, since pahole did not.
    """
    n, n_units = len(made.first_proto_id), len(program.unit_name_off)
    if program.forms.by_unit:
        at = pl.place(program.dies.unit[die], pl.FUNCTIONS, pl.OF_FUNCTION * die)
    else:
        at = pl.place(n_units + pl.ALL_FUNCTIONS, 0, pl.OF_FUNCTION * pair_of[:n])
    step = pl.place(n_units + pl.STEP, 0)
    common = np.concatenate([program.places, np.full(made.types.n_types, pl.NEVER)])
    first_id = program.common.first_id
    own = made.first_proto_id >= first_id  # not a base's
    np.minimum.at(common, made.first_proto_id[own].astype(np.int64) - first_id, at[own])
    stepped = np.flatnonzero(made.made_for != PAHOLE_S)
    common[len(program.places) + stepped] = step + pl.OF_FUNCTION * made.made_for[stepped] + pl.STEPPED
    if (common == pl.NEVER).any():  # pointers into arenas, which pahole adds before the prototypes that they are for
        known = np.where(common == pl.NEVER, len(common) - 1, np.arange(len(common)))
        common = common[np.minimum.accumulate(known[::-1])[::-1]]
    kept_row = {row: i for i, row in enumerate(made.row[:n].tolist())} if len(made.row) > n else {}
    added = np.array([kept_row[row] for row in made.row[n:].tolist()], np.int64)
    group, first = pairs.funcs()
    func = np.full(len(first), pl.NEVER)
    np.minimum.at(func, group[pair_of], np.concatenate([at, step + pl.OF_FUNCTION * added]))
    tags = {(off, tag) for off in np.unique(pairs.name_off).tolist() for name in [program.strings.get(off)]
            if name in late for tag in program.kfunc_tags[name]} if late else set()
    return Order(common, first, func, int(pl.place(n_units + pl.ADDED, 0)),
                 {(pair, tag): int(step) + pl.OF_FUNCTION * pair + pl.TAG for pair, tag, _ in pairs.tags
                  if (int(pairs.name_off[pair]), tag) in tags})


def places_of(order: Order, written: Written, pairs: Pairs, first_id: int) -> np.ndarray:
    """The places of all types of a file, int64 (types,).

    Parameters
    ----------
    order : Order
    written : Written
        What an encoding adds to the types that all have.
    pairs : Pairs
    first_id : int
        type_id of the first type that it adds.
    """
    types = written.types
    own = np.full(types.n_types, order.added)
    func_id = written.func_id[order.first].astype(np.int64)
    own[func_id - first_id] = order.func + pl.FUNC
    if written.by_address:
        rows = np.flatnonzero(types.kind() == Kind.FUNC)
        name_off = types.name_off()[rows]
        own[rows[np.lexsort((rows, name_off))]] = own[rows[np.lexsort((own[rows], name_off))]]
    if pairs.tags:
        pair, name_off, component_idx = np.array(pairs.tags, np.int64).T
        target = written.func_id[pair].astype(np.int64)
        of = dict(zip(func_id.tolist(), order.func.tolist(), strict=True))
        tags = set(zip(target.tolist(), name_off.tolist(), (component_idx & WHOLE).tolist(), strict=True))
        late = {(int(written.func_id[pair]), tag): place for (pair, tag), place in order.late.items()}
        rows = np.flatnonzero(types.kind() == Kind.DECL_TAG)
        rows = rows[np.isin(types.size_type()[rows], target)]
        for k in rows.tolist():
            name, _, target, component = types.row(types.first_id + k).tolist()
            if target in of and (target, name, component) in tags:
                own[k] = late.get((target, name), of[target] + pl.TAG)
    return np.concatenate([order.common, own])
