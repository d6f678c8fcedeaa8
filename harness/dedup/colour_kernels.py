"""Compiled refinement of the hashes by which equal structs find each other.

The hash of hash_rows says nothing of the types of members, so where many structs have the same names and offsets, each
is compared with all before it. A colour also says what the members' types are, and theirs, ROUNDS structs deep and
through any number of pointers. Types that `equivalent` finds the same have the same colour, so leaving out candidates
of another colour changes no result.

own, base and canon are those of harness.dedup.rows_kernels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.accelerate import inline, njit
from harness.dedup.rows_kernels import enter, forward_enum_hash, hash_of, is_enum, is_leaf, row
from harness.model import kind_numbers as kn
from harness.model import words as wd
from harness.model.hash_kernels import FNV_BASIS, mix
from harness.model.layout_kernels import declared_kind_of, entry_word, kind_of, n_references, reference_word, vlen_of

ROUNDS = 8


class Colours(NamedTuple):
    """Colours of all types, a base's too, and a hash table of canonical structs, unions and typedefs by them.

    All are empty until they are needed.

    Attributes
    ----------
    colour : uint32 (all types,)
        Of a struct, union or typedef what it says itself and through its members; of others what they refer to.
    seen_as : uint32 (all types,)
        What a reference to a type says of it. A struct or enum whose name some forward declaration has is seen as that.
    heads, chain : uint32 (slots,), (all types,)
        Newest type_id of a bucket, next older one by type_id; 0 ends.
    """

    colour: np.ndarray
    seen_as: np.ndarray
    heads: np.ndarray
    chain: np.ndarray


@inline
def is_separate(kind):
    """Whether types of this kind are merged by what they refer to as a graph."""
    return kind == kn.STRUCT or kind == kn.UNION or kind == kn.TYPEDEF


@inline
def slot_of(names, name):
    """Where in an open hash of names, uint32 + 1, a name is or would be."""
    mask = np.uint32(len(names) - 1)
    at = mix(FNV_BASIS, name) & mask
    while names[at] != 0 and names[at] != name + np.uint32(1):
        at = (at + np.uint32(1)) & mask
    return at


@inline
def own_content(own, base, i):
    """Hash of what a type that refers to others says itself."""
    words, w = row(own, base, i)
    info = words[w + wd.INFO]
    kind = kind_of(info)
    if is_separate(kind):
        return hash_of(own, base, i)
    h = mix(mix(FNV_BASIS, words[w]), info)
    if kind == kn.ARRAY:
        h = mix(h, words[w + wd.ARRAY_NELEMS])
    elif kind == kn.FUNC_PROTO:
        for m in range(vlen_of(info)):
            h = mix(h, words[w + entry_word(kn.FUNC_PROTO, m) + wd.ENTRY_NAME])
    return h


@inline
def whole_content(own, base, fine, i):
    """Hash of what a type says itself and of how it sees what it refers to."""
    words, w = row(own, base, i)
    info = words[w + wd.INFO]
    kind = kind_of(info)
    h = own_content(own, base, i)
    for r in range(n_references(info)):
        h = mix(h, fine.seen_as[words[w + reference_word(kind, r)]])
    return h


@inline
def see_references(own, base, fine, first, cursor, stack):
    """Colour what `first` leads to through pointers, arrays, prototypes and their like, the last first.

    `cursor` is 0 of a type that has not been reached, else 1 + the references that were followed.
    """
    sp = np.int64(1)
    stack[0] = np.uint32(first)
    cursor[first] = 1
    while sp > 0:
        i = np.int64(stack[sp - 1])
        words, w = row(own, base, i)
        info = words[w + wd.INFO]
        kind = kind_of(info)
        r = np.int64(cursor[i]) - 1
        if r < n_references(info):
            cursor[i] = np.uint32(r + 2)
            ref = np.int64(words[w + reference_word(kind, r)])
            if cursor[ref] == 0:
                cursor[ref] = 1
                stack[sp] = np.uint32(ref)
                sp += 1
            continue
        fine.seen_as[i] = whole_content(own, base, fine, i)
        sp -= 1


@njit
def colour_types(own, base, fine, forwards, cursor, stack):
    """Fill the colours of all types.

    Parameters
    ----------
    fine : Colours
    forwards : uint32 (slots,)
        Zeros, more of them than there are types: the names of forward declarations.
    cursor, stack : uint32 (all types,)
        Scratch.
    """
    n_ids = len(fine.colour)
    fine.seen_as[0] = 0
    for i in range(1, n_ids):
        words, w = row(own, base, i)
        kind = kind_of(words[w + wd.INFO])
        if kind == kn.FWD or (is_enum(kind) and vlen_of(words[w + wd.INFO]) == 0):
            forwards[slot_of(forwards, words[w])] = words[w] + np.uint32(1)
    for i in range(1, n_ids):
        words, w = row(own, base, i)
        info = words[w + wd.INFO]
        kind = kind_of(info)
        h = mix(FNV_BASIS, np.uint32(kind))
        if kind == kn.INT or kind == kn.FLOAT:
            h = hash_of(own, base, i)
        elif kind == kn.FWD or is_separate(kind):
            h = mix(mix(FNV_BASIS, words[w]), np.uint32(declared_kind_of(info)))
        elif is_enum(kind):
            declared = forwards[slot_of(forwards, words[w])] != 0
            h = forward_enum_hash(words[w]) if declared else hash_of(own, base, i)
        fine.seen_as[i] = h
        fine.colour[i] = h
    for _ in range(ROUNDS):
        cursor[0] = 1
        for i in range(1, n_ids):
            words, w = row(own, base, i)
            kind = kind_of(words[w + wd.INFO])
            fixed = is_leaf(kind) or is_separate(kind) or kind == kn.VAR or kind == kn.DATASEC or kind == kn.DECL_TAG
            cursor[i] = 1 if fixed else 0
        for i in range(1, n_ids):
            if cursor[i] == 0:
                see_references(own, base, fine, i, cursor, stack)
        for i in range(1, n_ids):
            words, w = row(own, base, i)
            if is_separate(kind_of(words[w + wd.INFO])):
                fine.colour[i] = whole_content(own, base, fine, i)
        for i in range(1, n_ids):
            words, w = row(own, base, i)
            if is_separate(kind_of(words[w + wd.INFO])) and forwards[slot_of(forwards, words[w])] == 0:
                fine.seen_as[i] = fine.colour[i]


@njit
def enter_colours(own, base, canon, fine):
    """Enter the canonical structs, unions and typedefs, the oldest first."""
    for i in range(1, len(canon)):
        words, w = row(own, base, i)
        if canon[i] == i and is_separate(kind_of(words[w + wd.INFO])):
            enter(fine.heads, fine.chain, fine.colour[i], i, i)
