"""Plans the dedup of a TypeTable; the passes themselves are in types_kernels, what they share in rows_kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.dedup import colour_kernels as ck
from harness.dedup import equivalence_kernels as ek
from harness.dedup import rows_kernels as rk
from harness.dedup import types_kernels as tk
from harness.errors import EncodeError
from harness.model import StringTable, TypeTable, split_info
from harness.process import workers

HASH_ROWS = 1 << 18
"""Rows that a thread hashes at a time."""

STEPS = 1 << 28
STEPS_PER_WORD = 12
"""How many steps a dedup may take: what compilers write takes less than two for each word. A step takes 20 ns in tables
of this kind, so what is refused was looked at for about twice as long as a whole kernel of that size takes."""

COARSE_STEPS = 1 << 20
COARSE_STEPS_PER_WORD = 4
"""After how many the hashes of structs count as too coarse."""


class Dedup(NamedTuple):
    """The result of dedup.

    Attributes
    ----------
    types : TypeTable
        The canonical rows in the order of the input, their references renumbered; over the base, if there was one.
    id_map : uint32 (next_id,)
        New type_id of each old one. A base's types keep theirs, except for a forward declaration whose definition comes
        after the base: references to it become references to the definition.
    origin : uint32 (types + 1,)
        By row of `types`, from 1: the type_id that it had.
    first, declared : uint32 (types + 1,)
        The first type that became it: of those equal to it, and of forward declarations of it; 0 where there is none.
    """

    types: TypeTable
    id_map: np.ndarray
    origin: np.ndarray
    first: np.ndarray
    declared: np.ndarray


class FrozenBase(NamedTuple):
    """Types and strings that other tables continue, and an index of them. All its arrays are read-only.

    Made once by `freeze`; processes forked afterwards share it.

    Attributes
    ----------
    types : TypeTable
    strings : StringTable
    index : rows_kernels.Base
    """

    types: TypeTable
    strings: StringTable
    index: rk.Base


def freeze(types, strings):
    """A FrozenBase of deduplicated types.

    Parameters
    ----------
    types : TypeTable
        With no base of its own, and with references inside itself. Copied.
    strings : StringTable
        What its names are offsets into. Copied.

    Raises
    ------
    EncodeError
        A reference leads past the table.
    """
    n = types.n_types
    slots = _slots(n)
    index = rk.Base(
        np.array(types.words, np.uint32),
        np.array(types.start, np.int64),
        *(np.zeros(size, np.uint32) for size in (n + 1, slots, n + 1, slots, n + 1)),
    )
    bad = rk.hash_rows(index.words, index.start, 1, n + 1, n + 1, index.hashes)
    if bad:
        raise EncodeError(_outside(n, bad))
    rk.index_base(index)
    blob = strings.blob.copy()
    for array in (*index, blob):
        array.setflags(write=False)
    return FrozenBase(TypeTable(index.words, index.start), StringTable(blob), index)


def dedup_types(types, strings=None, *, base=None, in_place=False, threads=1, progress=None):
    """Merge equal rows of a table, with each other and with a base.

    Parameters
    ----------
    types : TypeTable
        Units laid one after the other; equal names must have equal offsets, a base's included.
    strings : StringTable, optional
        Only to name the type in an error.
    base : FrozenBase, optional
        What `types` continues: its type_ids go on from the base's, and its rows may refer to the base's. It is not
        changed.
    in_place : bool
        Whether the words of `types` may be overwritten; a copy would take as much memory as the rest of the process.
    threads : int
        Threads for hashing; the result does not depend on it.
    progress : callable, optional
        Called with (passes done, passes in all).

    Returns
    -------
    Dedup

    Raises
    ------
    EncodeError
        A reference leads past the table, references form a cycle without a struct, union or typedef (a const of
        itself), or the table does not go on where the base ends; or telling its types apart would take longer than its
        size allows.

    Notes
    -----
    The passes are those of libbpf (src/btf.c, v1.8 development): primitives; structs, unions and typedefs by graph
    equivalence with a hypothetical map; forward declarations; references bottom up; compaction. One bug is fixed, not
    copied: the fallback for types that a compiler emits twice in one unit compares the element types of two arrays,
    where libbpf since v1.6 compares one array's with itself. Candidates are tried youngest first, and a base's last.
    libbpf has the same order until its hash table grows, which reverses it; so where a forward declaration has several
    definitions its choice depends on chance, and ours may differ.

    A base's types are canonical whatever they say. A type that would equal one of them only if a forward declaration
    in the base were its definition is kept.
    """
    n_before = 0 if base is None else base.types.n_types
    if types.first_id != n_before + 1:
        raise EncodeError(f"expected types that continue after type {n_before}, found {types.first_id} as the first")
    n = types.n_types
    n_ids = types.next_id
    words = types.words if in_place else types.words.copy()
    start = types.start
    steps = 6

    def step(k):
        if progress is not None:
            progress(k, steps)

    step(0)
    hashes = np.empty(n + 1, np.uint32)
    runs = [(a, min(a + HASH_ROWS, n + 1)) for a in range(1, n + 1, HASH_ROWS)]
    with workers(threads) as executor:
        for bad in executor.map(lambda run: rk.hash_rows(words, start, run[0], run[1], n_ids, hashes), runs):
            if bad:
                raise EncodeError(_outside(n_ids - 1, n_before + bad))
    step(1)
    # the pages of what is only sized for the worst case are never touched, so they cost nothing
    n_words = len(words) + (0 if base is None else len(base.types.words))
    work = np.array([STEPS + STEPS_PER_WORD * n_words, COARSE_STEPS + COARSE_STEPS_PER_WORD * n_words])
    own = rk.Own(words, start, hashes, np.zeros(_slots(n), np.uint32), np.empty(n + 1, np.uint32), work)
    index = None if base is None else base.index
    canon = np.zeros(n_ids, np.uint32)
    canon[: n_before + 1] = np.arange(n_before + 1)

    def ended(at, what="that can be told apart in a time that grows with their number, found many that look alike, up "
                       "to"):
        if at:
            row = types.row(at)
            name = strings.get(int(row[0])).decode(errors="replace") if strings is not None else ""
            raise EncodeError(f"expected types {what} {split_info(row[1])[0].name} {name!r} (type {at})")

    names = np.zeros(tk.ENUM_COLUMNS * _open_slots(tk.n_forward_enums(own)), np.uint32)
    ended(tk.dedup_primitives(own, index, canon, names))
    step(2)
    check = ek.Check(np.zeros(n_ids, np.uint32), np.empty(n_ids, np.uint32), np.empty(2 * (n_words + 2), np.uint32),
                     np.empty(3 * ek.TWIN_STACK, np.int64))
    fine = ck.Colours(*(np.zeros(0, np.uint32) for _ in ck.Colours._fields))
    at = below = n_before + 1
    while at:
        at, below = tk.dedup_structs(own, index, canon, check, fine, at, below)
        if at and (len(fine.colour) or work[rk.WORK_LEFT] < 0):
            ended(at)
        if at:
            fine = _coloured(own, index, canon, check)
    step(3)
    ended(tk.resolve_forwards(own, index, canon))
    step(4)
    looped = tk.dedup_references(own, index, canon, check.hypot, check.stack)
    ended(looped if work[rk.WORK_LEFT] < 0 else 0)
    ended(looped, "whose references end, found a cycle through")
    step(5)
    new_id, n_canonical, n_words = tk.number_canonical(start, n_before, canon, check.hypot)
    out = TypeTable.unfilled(n_canonical, n_words, None if base is None else base.types)
    origin, first, declared = (np.zeros(n_canonical + 1, np.uint32) for _ in range(3))
    tk.compact(words, start, n_before, canon, new_id, out.words, out.start, origin)
    tk.first_rows(words, start, n_before, new_id, out.words, out.start, first, declared)
    step(6)
    return Dedup(out, new_id, origin, first, declared)


def _coloured(own, base, canon, check):
    """Colours of all types, with the canonical ones entered."""
    n_ids = len(canon)
    fine = ck.Colours(*(np.zeros(n, np.uint32) for n in (n_ids, n_ids, _slots(n_ids), n_ids)))
    ck.colour_types(own, base, fine, np.zeros(_open_slots(n_ids), np.uint32), np.empty(n_ids, np.uint32), check.stack)
    ck.enter_colours(own, base, canon, fine)
    return fine


def _open_slots(n):
    """Slots of an open hash of `n` names, a power of two."""
    return 2 << int(n).bit_length()


def _slots(n):
    """Slots of a hash table of `n` types, a power of two."""
    return 1 << max(8, int(n // 8).bit_length())


def _outside(last_id, type_id):
    return f"expected references to the types 0 to {last_id}, found another in type {type_id}"
