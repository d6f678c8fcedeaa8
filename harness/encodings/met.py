"""Names in the order in which pahole comes to them: a file's strings, where libbpf adds each when it is first named.

libbpf never takes a string out again. So the names of parameters stay of functions that pahole keeps in mind while it
goes through the units and leaves out at the end (since 1.25), though no type has them.

Source: btf_encoder__save_func() and btf_encoder__encode_cu() in pahole's btf_encoder.c, 1.24, 1.30 and 1436daf;
btf__add_str() in libbpf 1.7, whose btf__dedup() leaves the strings of a file that is made anew as they are.
"""

from __future__ import annotations

import numpy as np

from harness.dwarf import walk_tables as wt
from harness.encodings.order import Order
from harness.encodings.pairs import Pairs
from harness.functions import Faults, Rules
from harness.functions.kernel_step import Stepped
from harness.model import STANDARD, TypeTable, concatenate
from harness.model.layout import HEAD_WORDS, NAME_WORD, NO_WORD
from harness.program import Program
from harness.program import places as pl


def names_met(program: Program, rules: Rules, faults: Faults, made: Stepped, pairs: Pairs, order: Order) -> np.ndarray:
    """The names that pahole comes to, in that order: uint32 (n,), offsets in the program's strings, also repeatedly.

    Parameters
    ----------
    program : Program
    rules : Rules
    faults : Faults
        Of the rules.
    made : Stepped
    pairs : Pairs
    order : Order
    """
    n_types = program.types.n_types
    at = order.common.copy()
    moved = at[:n_types] < program.places[:n_types]
    at[:n_types] = np.where(moved, np.minimum(at[:n_types], program.met.met), program.met.met)
    row, row_names = names_of_rows(concatenate([program.common, made.types]))
    declared = np.flatnonzero(program.met.declared != pl.NEVER)
    types = program.types
    found = [(at[row], row_names),
             (program.met.declared[declared], types.words[types.row_starts()[declared] + NAME_WORD]),
             (order.func + pl.FUNC, pairs.name_off[order.first])]
    if pairs.tags:
        group = pairs.funcs()[0]
        pair, name_off, _ = np.array(pairs.tags, np.int64).T
        found.append((order.func[group[pair]] + pl.TAG, name_off))
    if not program.forms.by_unit:
        found.append(_of_functions(program, rules, faults))
    places, names = (np.concatenate(column) for column in zip(*found, strict=True))
    before_step = places < pl.place(len(program.unit_name_off) + pl.STEP, 0)
    places, names = places[before_step], names[before_step]
    return names[np.argsort(places, kind="stable")].astype(np.uint32)


def names_of_rows(types: TypeTable) -> tuple[np.ndarray, np.ndarray]:
    """Index of its row and name_off of each name in a table, row by row, as int64 (names,) and uint32 (names,)."""
    kind, columns = types.kind(), STANDARD.columns
    many = columns.entry_name_word[kind] != NO_WORD
    n = np.where(many, types.vlen().astype(np.int64), 0) + 1
    row = np.repeat(np.arange(types.n_types), n)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
    of = kind[row]
    word = HEAD_WORDS + columns.fixed_words[of] + columns.entry_name_word[of] + columns.entry_words[of] * (nth - 1)
    return row, types.words[types.row_starts()[row] + np.where(nth == 0, NAME_WORD, word)]


def _of_functions(program, rules, faults):
    """Places and names of the parameters of all functions that pahole keeps in mind, and of their annotations."""
    f, table = program.dies, program.instances
    known = table.name_in_elf | table.piece_in_elf if rules.pieces else table.name_in_elf
    saved = np.zeros(len(f.name_off), bool)
    saved[table.name_dies] = np.repeat(known, np.diff(table.name_start))
    saved &= (f.name_off != 0) & ((f.flags & wt.FN_UNNAMED_PARAM) == 0)
    die = np.repeat(np.arange(len(saved)), np.diff(f.param_start))
    rows = np.flatnonzero(saved[die] & ~faults.dropped)
    tags = program.tags
    mine = np.flatnonzero(tags.space == wt.T_FUNC)
    mine = mine[saved[tags.target_id[mine]]]
    return (np.concatenate([_place(f, die[rows]), _place(f, tags.target_id[mine]) + pl.TAG]),
            np.concatenate([f.param_name_off[rows], tags.name_off[mine]]))


def _place(functions, die):
    return pl.place(functions.unit[die], pl.FUNCTIONS, pl.OF_FUNCTION * die)
