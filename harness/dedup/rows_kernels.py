"""Compiled access to the rows of dedup's two tables, and the hash tables that find equal ones.

own            the table that is deduplicated and what is known of it: Own
base           a frozen table that it continues: Base, or None; each pass is compiled for either, so none costs nothing
canon          uint32 (all types,): type_id this one stands for, itself if canonical, 0 while unknown. Of the base, too:
               its types are canonical, but a forward declaration may find its definition in `own`

Names are compared as numbers, and type_ids count on from the base's. "All types" are void, the base's and `own`'s.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.accelerate import inline, njit
from harness.model import kind_numbers as kn
from harness.model import words as wd
from harness.model.hash_kernels import FNV_BASIS, mix, same_run, words_hash
from harness.model.layout_kernels import entry_word, kind_of, n_references, reference_word, vlen_of

IN_PROGRESS = np.uint32(0xFFFFFFFF)

NAME_SEED = np.uint32(7)
ENUM_SEED = np.uint32(11)

WORK_LEFT = 0
WORK_COARSE = 1


class Own(NamedTuple):
    """The table that is deduplicated; its k-th row, from 1, has type_id k + the number of the base's types.

    Attributes
    ----------
    words, start
        Of the TypeTable.
    hashes : uint32 (types + 1,)
        By k: hash of what a row says, references left out.
    heads, chain : uint32 (slots,), (types + 1,)
        Hash table of canonical types: newest type_id of a bucket, next older one by k; 0 ends.
    work : int64 (2,)
        WORK_LEFT and WORK_COARSE: how many more steps may be taken at all, and before the hashes count as too coarse.
    """

    words: np.ndarray
    start: np.ndarray
    hashes: np.ndarray
    heads: np.ndarray
    chain: np.ndarray
    work: np.ndarray


class Base(NamedTuple):
    """A table that others continue, with an index of all its types. No pass changes it.

    Attributes
    ----------
    words, start, hashes, heads, chain
        As in Own. The hash of a type that is merged as a reference is one of all its words.
    name_heads, name_chain : uint32
        The same for structs and unions by name; and for the newest enum of each name.
    """

    words: np.ndarray
    start: np.ndarray
    hashes: np.ndarray
    heads: np.ndarray
    chain: np.ndarray
    name_heads: np.ndarray
    name_chain: np.ndarray


@inline
def n_before(base):
    """Number of types that come before `own`'s."""
    if base is None:
        return np.int64(0)
    return np.int64(len(base.start) - 2)


@inline
def row(own, base, i):
    """The array that the words of type `i` are in, and where there they begin."""
    if base is None:
        return own.words, own.start[i]
    n = n_before(base)
    if i <= n:
        return base.words, base.start[i]
    return own.words, own.start[i - n]


@inline
def length(own, base, i):
    """Words of type `i`."""
    if base is None:
        return own.start[i + 1] - own.start[i]
    n = n_before(base)
    if i <= n:
        return base.start[i + 1] - base.start[i]
    return own.start[i - n + 1] - own.start[i - n]


@inline
def hash_of(own, base, i):
    """Hash of type `i`."""
    if base is None:
        return own.hashes[i]
    n = n_before(base)
    if i <= n:
        return base.hashes[i]
    return own.hashes[i - n]


@inline
def base_candidate(base, h):
    """The base's newest type whose hash may be `h`, or 0."""
    return np.int64(base.heads[h & np.uint32(len(base.heads) - 1)])


@inline
def first_candidate(own, base, h):
    """The newest canonical type whose hash may be `h`, or 0: `own`'s come before the base's."""
    j = np.int64(own.heads[h & np.uint32(len(own.heads) - 1)])
    if base is None:
        return j
    return j if j != 0 else base_candidate(base, h)


@inline
def next_candidate(own, base, h, j):
    """The canonical type after `j` whose hash may be `h`, or 0."""
    if base is None:
        return np.int64(own.chain[j])
    n = n_before(base)
    if j <= n:
        return np.int64(base.chain[j])
    older = np.int64(own.chain[j - n])
    return older if older != 0 else base_candidate(base, h)


@inline
def enter(heads, chain, h, k, type_id):
    """Put a type at the head of its bucket; `chain` is by k."""
    at = h & np.uint32(len(heads) - 1)
    chain[k] = heads[at]
    heads[at] = np.uint32(type_id)


@inline
def is_leaf(kind):
    """Whether a type of this kind refers to no other and is merged: INT, FLOAT, FWD, ENUM, ENUM64."""
    return kind == kn.INT or kind == kn.FLOAT or kind == kn.FWD or kind == kn.ENUM or kind == kn.ENUM64


@inline
def root(canon, i):
    """The type that `i` stands for as far as known."""
    j = canon[i]
    while j != 0 and j != i and j != IN_PROGRESS:
        i = j
        j = canon[i]
    return i


@inline
def same_row(own, base, i, j):
    """Whether two types are equal word by word."""
    v_words, v = row(own, base, i)
    w_words, w = row(own, base, j)
    n = length(own, base, i)
    return n == length(own, base, j) and same_run(v_words, v, w_words, w, n)


@inline
def spend(own, n):
    """Count `n` steps; whether there are any left."""
    own.work[WORK_LEFT] -= n
    own.work[WORK_COARSE] -= n
    return own.work[WORK_LEFT] >= 0


@inline
def is_enum(kind):
    return kind == kn.ENUM or kind == kn.ENUM64


@inline
def forward_enum_hash(name):
    """Hash of a forward declaration of an enum; one of a full enum is of all its words."""
    return mix(mix(FNV_BASIS, name), np.uint32(kn.ENUM))


@inline
def base_enum(base, name):
    """The base's newest enum of a name, forward or full, or 0; and how many steps it took to find."""
    if base is None:
        return np.int64(0), np.int64(0)
    j = np.int64(base.name_heads[mix(ENUM_SEED, name) & np.uint32(len(base.name_heads) - 1)])
    n = np.int64(0)
    while j != 0:
        n += 1
        w = base.start[j]
        if base.words[w] == name and is_enum(kind_of(base.words[w + wd.INFO])):
            break
        j = np.int64(base.name_chain[j])
    return j, n


@inline
def base_names(base, name):
    """The base's newest struct or union whose name may be `name`, or 0."""
    if base is None:
        return np.int64(0)
    return np.int64(base.name_heads[mix(NAME_SEED, name) & np.uint32(len(base.name_heads) - 1)])


@inline
def base_names_after(base, j):
    """The next older one."""
    if base is None:
        return np.int64(0)
    return np.int64(base.name_chain[j])


@njit
def hash_rows(words, start, first, last, n_ids, hashes):
    """Hash the rows [first, last): what two rows must share to be the same, or to become it.

    Structs without the types of their members; a forward enum by name alone.
    Returns 0, or the first row that refers to `n_ids` or above: every later pass relies on there being none.
    """
    for k in range(first, last):
        w = start[k]
        info = words[w + wd.INFO]
        kind = kind_of(info)
        for r in range(n_references(info)):
            if words[w + reference_word(kind, r)] >= n_ids:
                return np.int64(k)
        h = mix(FNV_BASIS, words[w])
        if kind == kn.STRUCT or kind == kn.UNION:
            h = mix(h, info)
            h = mix(h, words[w + wd.SIZE_TYPE])
            for m in range(vlen_of(info)):
                at = w + entry_word(kn.STRUCT, m)
                h = mix(h, words[at + wd.ENTRY_NAME])
                h = mix(h, words[at + wd.MEMBER_OFFSET])
        elif kind == kn.ENUM or kind == kn.ENUM64:
            h = forward_enum_hash(words[w]) if vlen_of(info) == 0 else words_hash(words, w, start[k + 1] - w)
        elif kind == kn.TYPEDEF:
            h = mix(h, info)
        elif kind == kn.INT:
            h = mix(h, info)
            h = mix(h, words[w + wd.SIZE_TYPE])
            h = mix(h, words[w + wd.INT_DATA])
        elif kind == kn.FWD or kind == kn.FLOAT:
            h = mix(h, info)
            h = mix(h, words[w + wd.SIZE_TYPE])
        hashes[k] = h
    return np.int64(0)


@njit
def index_base(base):
    """Enter all types of a base that others may be merged with; its `hashes` are those of hash_rows before."""
    for i in range(1, len(base.start) - 1):
        w = base.start[i]
        kind = kind_of(base.words[w + wd.INFO])
        if kind == kn.VAR or kind == kn.DATASEC:
            continue
        if kind == kn.STRUCT or kind == kn.UNION:
            enter(base.name_heads, base.name_chain, mix(NAME_SEED, base.words[w]), i, i)
        elif kind != kn.TYPEDEF and not is_leaf(kind):
            base.hashes[i] = words_hash(base.words, w, base.start[i + 1] - w)
        enter(base.heads, base.chain, base.hashes[i], i, i)
    for i in range(len(base.start) - 2, 0, -1):
        name = base.words[base.start[i]]
        if is_enum(kind_of(base.words[base.start[i] + wd.INFO])) and base_enum(base, name)[0] == 0:
            enter(base.name_heads, base.name_chain, mix(ENUM_SEED, name), i, i)
