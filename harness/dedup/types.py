"""Plans the dedup of a TypeTable; the passes themselves are in types_kernels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from harness.dedup import types_kernels as tk
from harness.errors import EncodeError
from harness.model import Kind, TypeTable

HASH_ROWS = 1 << 18
"""Rows that a thread hashes at a time."""


class Dedup(NamedTuple):
    """What dedup leaves.

    Attributes
    ----------
    types : TypeTable
        The canonical rows in the order of the input, their references renumbered.
    id_map : uint32 (n_types + 1,)
        New type_id of each old one.
    """

    types: TypeTable
    id_map: np.ndarray


def dedup_types(types, strings=None, *, in_place=False, threads=1, progress=None):
    """Merge the rows of a table that say the same.

    Parameters
    ----------
    types : TypeTable
        Units laid one after the other; equal names must have equal offsets.
    strings : StringTable, optional
        Only to name the type at fault in an error.
    in_place : bool
        Whether the words of `types` may be overwritten; they are as large as the rest of the process.
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
        A reference past the table, or references that never reach a struct, union or typedef (a const of itself).

    Notes
    -----
    The passes are those of libbpf (src/btf.c, v1.8 development): primitives; structs, unions and typedefs by graph
    equivalence with a hypothetical map; forward declarations; references bottom up; compaction. What is mended, not
    copied: the fallback for types that a compiler emits twice in one unit compares the elements of two arrays, which
    libbpf since v1.6 compares with themselves. Candidates are tried youngest first. libbpf's order is that within one
    size of its hash table and reverses when the table grows, so where a forward declaration has several definitions
    its choice is one of chance and ours need not be the same.
    """
    n = types.n_types
    words = types.words if in_place else types.words.copy()
    start = types.start
    steps = 6

    def step(k):
        if progress is not None:
            progress(k, steps)

    step(0)
    hashes = np.empty(n + 1, np.uint32)
    runs = [(a, min(a + HASH_ROWS, n + 1)) for a in range(1, n + 1, HASH_ROWS)]
    with ThreadPoolExecutor(max(1, threads)) as executor:
        for fault in executor.map(lambda run: tk.hash_rows(words, start, run[0], run[1], hashes), runs):
            if fault:
                raise EncodeError(f"expected references to the types 0 to {n}, found another in type {fault}")
    step(1)
    canon = np.zeros(n + 1, np.uint32)
    # the pages of what is only sized for the worst case are never touched, so they cost nothing
    slots = 1 << max(8, int(n // 8).bit_length())
    heads = np.zeros(slots, np.uint32)
    chain = np.empty(n + 1, np.uint32)
    tk.dedup_primitives(words, start, hashes, canon, heads, chain)
    step(2)
    hypot = np.zeros(n + 1, np.uint32)
    trail = np.empty(n + 1, np.uint32)
    stack = np.empty(2 * (len(words) + 2), np.uint32)
    twins = np.empty(3 * tk.TWIN_STACK, np.int64)
    tk.dedup_structs(words, start, hashes, canon, heads, chain, hypot, trail, stack, twins)
    step(3)
    tk.resolve_forwards(words, start, hashes, canon, heads, chain)
    step(4)
    fault = tk.dedup_references(words, start, hashes, canon, heads, chain, hypot, stack)
    if fault:
        row = types.row(fault)
        name = strings.get(int(row[0])).decode(errors="replace") if strings is not None else ""
        kind = Kind(int(row[1]) >> 24 & 0x7F).name
        raise EncodeError(f"expected references that end, found a cycle through {kind} {name!r} (type {fault})")
    step(5)
    new_id, n_canonical, n_words = tk.number_canonical(words, start, canon, hypot)
    out = TypeTable(np.empty(n_words, np.uint32), np.empty(n_canonical + 2, np.int64))
    tk.compact(words, start, canon, new_id, out.words, out.start)
    step(6)
    return Dedup(out, new_id)
