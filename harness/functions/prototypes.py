"""FUNC_PROTO rows of the function instances, merged with those that are already among the types."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.dwarf import walk_tables as wt
from harness.functions import join_kernels as jk
from harness.functions.registers import faults_of
from harness.model import STANDARD, Kind, TypeTable
from harness.model.layout import HEAD_WORDS


class Prototypes(NamedTuple):
    """The prototypes of all function instances; distinct ones are numbered in the order of the instances.

    Attributes
    ----------
    words : uint32
    start : int64 (instances + 1,)
        Each instance's FUNC_PROTO row is ``words[start[i]:start[i + 1]]``.
    index : int64 (instances,)
        Number of each instance's prototype, equal for equal rows.
    instance : int64 (prototypes,)
        The first instance that has each.
    type_id : uint32 (prototypes,)
        type_id of the equal row among the types, 0 if there is none.
    """

    words: np.ndarray
    start: np.ndarray
    index: np.ndarray
    instance: np.ndarray
    type_id: np.ndarray

    def rows_of(self, instances, first_id):
        """The rows that some instances need beyond those among the types.

        Parameters
        ----------
        instances : int64 (chosen,)
            In the order in which new rows are to appear.
        first_id : int
            type_id of the first new row.

        Returns
        -------
        (TypeTable, uint32 (chosen,)) : the rows, and the FUNC_PROTO of each of the instances.
        """
        index = self.index[instances]
        used, first = np.unique(index, return_index=True)
        new = used[np.argsort(first)]
        new = new[self.type_id[new] == 0]
        type_id = self.type_id.copy()
        type_id[new] = first_id + np.arange(len(new))
        rows = self.instance[new]
        n_words = int((self.start[rows + 1] - self.start[rows]).sum())
        table = TypeTable.unfilled(len(rows), n_words)
        jk.gather_rows(self.words, self.start, rows, table.words, table.start[1:])
        return table, type_id[index]


def prototypes_of(program, rules, dies=None):
    """The Prototypes of a program under some rules, built once for all policies.

    Parameters
    ----------
    program : harness.program.Program
    rules : harness.functions.rules.Rules
        They decide which parameters to leave out: a clone whose parameters gcc has reordered also lists those that are
        optimized out, after the others and in no register; they are not passed, so they are not in its prototype.
    dies : int64 (instances,), optional
        The DIE that describes each instance, as in Selection; its own by default.
    """
    if dies is not None and not np.array_equal(dies, program.instances.die):
        return build_prototypes(program, faults_of(program, rules).dropped, dies)
    return program.once(("prototypes", rules), lambda: build_prototypes(program, faults_of(program, rules).dropped,
                                                                        program.instances.die))


def build_prototypes(program, dropped, dies):
    """The Prototypes of a program without the parameters that are `dropped`, bool (params,), as in Faults."""
    f, types = program.dies, program.types.flattened()
    place = np.where(dropped, jk.DROPPED, jk.PLACED).astype(np.uint8)
    place[(f.param_flags & wt.PF_ELLIPSIS) != 0] = jk.ELLIPSIS
    n_params = f.param_start[dies + 1] - f.param_start[dies]
    layout = STANDARD[Kind.FUNC_PROTO]
    words = np.empty(int(HEAD_WORDS * len(dies) + layout.entry_words * n_params.sum()), np.uint32)
    start = np.empty(len(dies) + 1, np.int64)
    jk.prototype_rows(dies, f.type_id, f.param_start, f.param_name_off, f.param_type_id, place, words, start)
    slots = np.zeros(1 << max(8, (2 * (len(dies) + types.n_types)).bit_length()), np.int64)
    same = np.empty(len(dies), np.int64)
    jk.unify_prototypes(types.words, types.start, words, start, slots, same)
    distinct, first, index = np.unique(same, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    type_id = np.maximum(-distinct[order], 0).astype(np.uint32)
    return Prototypes(words, start, number[index], first[order], type_id)
