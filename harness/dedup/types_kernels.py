"""Compiled passes of dedup over flat arrays: each row finds its canonical one, then these are numbered and copied.

own, base and canon are those of harness.dedup.rows_kernels.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline, njit
from harness.dedup.colour_kernels import is_separate
from harness.dedup.equivalence_kernels import equivalent, merge_hypothesis, shallow_equal
from harness.dedup.rows_kernels import (
    ENUM_SEED,
    IN_PROGRESS,
    NAME_SEED,
    WORK_COARSE,
    WORK_LEFT,
    base_candidate,
    base_enum,
    base_names,
    base_names_after,
    enter,
    first_candidate,
    forward_enum_hash,
    hash_of,
    is_enum,
    is_leaf,
    length,
    n_before,
    next_candidate,
    root,
    row,
    same_row,
    spend,
)
from harness.model import kind_numbers as kn
from harness.model import words as wd
from harness.model.hash_kernels import mix, words_hash
from harness.model.layout_kernels import declared_kind_of, kind_of, n_references, reference_word, vlen_of

# Columns of the forward enums' names
ENUM_NEWEST = 1  # newest canonical type_id of the name, forward or full
ENUM_FORWARD = 2  # its canonical forward declaration
ENUM_COLUMNS = 4


@njit
def n_forward_enums(own):
    """How many forward declarations of enums there are."""
    n = np.int64(0)
    for k in range(1, len(own.start) - 1):
        info = own.words[own.start[k] + wd.INFO]
        if is_enum(kind_of(info)) and vlen_of(info) == 0:
            n += 1
    return n


@inline
def name_forward_enums(own, names):
    """Enter the names of forward enums: names[ENUM_COLUMNS * slot] = name + 1. Nothing else of `names` is set."""
    for k in range(1, len(own.start) - 1):
        info = own.words[own.start[k] + wd.INFO]
        if is_enum(kind_of(info)) and vlen_of(info) == 0:
            name = own.words[own.start[k]]
            names[ENUM_COLUMNS * enum_slot(names, name)] = name + np.uint32(1)


@inline
def enum_slot(names, name):
    """Where in `names` an enum's name is or would be."""
    mask = np.int64(len(names) // ENUM_COLUMNS - 1)
    at = np.int64(mix(ENUM_SEED, name)) & mask
    while names[ENUM_COLUMNS * at] != 0 and names[ENUM_COLUMNS * at] != name + np.uint32(1):
        at = (at + 1) & mask
    return at


@inline
def find_row(own, base, i, h):
    """The newest canonical type with the same words as type `i`, whose hash is `h`, or 0; -1 if that took too long."""
    j = first_candidate(own, base, h)
    while j != 0:
        if not spend(own, 1):
            return np.int64(-1)
        if hash_of(own, base, j) == h and same_row(own, base, i, j):
            return j
        j = next_candidate(own, base, h, j)
    return j


@inline
def find_enum_of_base(own, base, canon, h, name, i, newer_than):
    """A full enum of `own` is what the base's forward declarations of its name mean that are newer than some type."""
    if base is None:
        return
    j = base_candidate(base, h)
    while j > newer_than and spend(own, 1):
        w = base.start[j]
        info = base.words[w + wd.INFO]
        if base.words[w] == name and is_enum(kind_of(info)) and vlen_of(info) == 0:
            canon[j] = i
        j = np.int64(base.chain[j])


@inline
def dedup_enum(own, base, canon, names, i, k):
    """An enum is the same as one of the same words; a forward declaration as any of its name, the newest at hand.

    Returns what it is the same as, -1 if finding that took too long.
    """
    w = own.start[k]
    name = own.words[w]
    forward = vlen_of(own.words[w + wd.INFO]) == 0
    at = ENUM_COLUMNS * enum_slot(names, name)
    declared = names[at] != 0  # by a forward enum of this table
    if forward:
        found = np.int64(names[at + ENUM_NEWEST])
        steps = np.int64(1)
        if found == 0:
            found, steps = base_enum(base, name)
        if not spend(own, steps):
            return np.int64(-1)
        if found == 0:
            names[at + ENUM_NEWEST] = i
            names[at + ENUM_FORWARD] = i
            return np.int64(i)
        return found
    found = find_row(own, base, i, own.hashes[k])
    if found < 0:
        return found
    if found <= n_before(base):  # none of this table
        find_enum_of_base(own, base, canon, forward_enum_hash(name), name, i, found)
        if declared and names[at + ENUM_FORWARD] != 0:
            canon[names[at + ENUM_FORWARD]] = i
    if found == 0:
        if declared:
            names[at + ENUM_NEWEST] = i
        return np.int64(i)
    return found


@njit
def dedup_primitives(own, base, canon, names):
    """Types that refer to no other: INT, FLOAT, FWD, ENUM, ENUM64. VAR and DATASEC are never merged.

    `names` is uint32 (ENUM_COLUMNS * slots,), zeros, with more slots than there are forward enums. Returns 0, or the
    type at which it ran out of steps.
    """
    before = n_before(base)
    name_forward_enums(own, names)
    for k in range(1, len(own.start) - 1):
        i = k + before
        kind = kind_of(own.words[own.start[k] + wd.INFO])
        if kind == kn.VAR or kind == kn.DATASEC:
            canon[i] = i
            continue
        if not is_leaf(kind):
            continue
        h = own.hashes[k]
        if is_enum(kind):
            found = dedup_enum(own, base, canon, names, i, k)
        else:
            found = find_row(own, base, i, h)
            if found == 0:
                found = np.int64(i)
        if found < 0:
            return i
        canon[i] = found
        if found == i:
            enter(own.heads, own.chain, h, k, i)
    return np.int64(0)


@inline
def first_alike(own, base, fine, i, h):
    """The newest canonical type that may be the same as struct, union or typedef `i`, or 0."""
    if len(fine.colour) == 0:
        return first_candidate(own, base, h)
    return np.int64(fine.heads[fine.colour[i] & np.uint32(len(fine.heads) - 1)])


@inline
def next_alike(own, base, fine, h, j):
    """The next older one."""
    if len(fine.colour) == 0:
        return next_candidate(own, base, h, j)
    return np.int64(fine.chain[j])


@inline
def may_be_same(own, base, fine, i, h, j):
    """Whether `j` is of the hash and name, and a struct of the members' names and places, of type `i`."""
    if len(fine.colour) == 0:
        if hash_of(own, base, j) != h:
            return False
    elif fine.colour[j] != fine.colour[i]:
        return False
    v_words, v = row(own, base, j)
    w_words, w = row(own, base, i)
    if v_words[v] != w_words[w] or v_words[v + wd.INFO] != w_words[w + wd.INFO]:
        return False
    return kind_of(w_words[w + wd.INFO]) == kn.TYPEDEF or shallow_equal(v_words, v, w_words, w)


@njit
def dedup_structs(own, base, canon, check, fine, first, below):
    """Structs, unions and typedefs: the types through which graphs may be cyclic.

    Parameters
    ----------
    fine : Colours
    first, below : int64
        Begin with type first, whose candidates from `below` on have been looked at.

    Returns
    -------
    (type_id, below) : 0 at the end, else where it stopped because the hashes are too coarse or the steps used up.
    """
    before = n_before(base)
    for k in range(first - before, len(own.start) - 1):
        i = k + before
        if canon[i] != 0:
            continue
        info = own.words[own.start[k] + wd.INFO]
        kind = kind_of(info)
        if not is_separate(kind):
            continue
        h = own.hashes[k]
        found = np.int64(i)
        limit = below if i == first else i
        j = first_alike(own, base, fine, i, h)
        while j != 0:
            if not spend(own, 1) or (len(fine.colour) == 0 and own.work[WORK_COARSE] < 0):
                return np.int64(i), min(limit, j + 1)
            if j < limit and may_be_same(own, base, fine, i, h, j):
                spend(own, vlen_of(info))
                n, changes_base = equivalent(own, base, canon, check, i, j)
                if own.work[WORK_LEFT] < 0:
                    return np.int64(i), np.int64(j)
                if n > 0:
                    merge_hypothesis(own, base, canon, check, n, changes_base)
                    if not changes_base:
                        found = j
                        break
                elif root(canon, i) == root(canon, j):
                    found = j
                    break
            j = next_alike(own, base, fine, h, j)
        canon[i] = found
        if found == i:
            enter(own.heads, own.chain, h, k, i)
            if len(fine.colour) > 0:
                enter(fine.heads, fine.chain, fine.colour[i], i, i)
    return np.int64(0), np.int64(0)


@njit
def resolve_forwards(own, base, canon):
    """A forward declaration that no graph resolved stands for the only struct or union of its name, if of its kind.

    Returns 0, or the type at which it ran out of steps.
    """
    before = n_before(base)
    mask = np.uint32(len(own.heads) - 1)
    # a second table over the canonical structs by name; the first one's chains are read while this one's are built,
    # so it takes the hashes' place for the structs themselves
    for k in range(len(own.heads)):
        own.heads[k] = 0
    for k in range(1, len(own.start) - 1):
        if canon[k + before] == k + before:
            kind = kind_of(own.words[own.start[k] + wd.INFO])
            if kind == kn.STRUCT or kind == kn.UNION:
                own.hashes[k] = mix(NAME_SEED, own.words[own.start[k]])
                enter(own.heads, own.chain, own.hashes[k], k, k + before)
    for k in range(1, len(own.start) - 1):
        i = k + before
        info = own.words[own.start[k] + wd.INFO]
        name = own.words[own.start[k]]
        if canon[i] != i or kind_of(info) != kn.FWD or name == 0:
            continue
        only = np.int64(0)
        count = 0
        j = np.int64(own.heads[mix(NAME_SEED, name) & mask])
        while j != 0:
            if not spend(own, 1):
                return i
            if own.words[own.start[j - before]] == name:
                only = j
                count += 1
            j = np.int64(own.chain[j - before])
        j = base_names(base, name)
        while j != 0:
            if not spend(own, 1):
                return i
            v_words, v = row(own, base, j)
            if v_words[v] == name and not is_enum(kind_of(v_words[v + wd.INFO])):
                only = j
                count += 1
            j = base_names_after(base, j)
        if count == 1:
            v_words, v = row(own, base, only)
            if kind_of(v_words[v + wd.INFO]) == declared_kind_of(info):
                canon[i] = only
    for k in range(len(own.heads)):
        own.heads[k] = 0
    return np.int64(0)


@njit
def dedup_references(own, base, canon, cursor, stack):
    """All other types, each after what it refers to; 0, or a type that refers to itself without end.

    Or the type at which it ran out of steps.

    Their references are replaced by canonical ones in place, after which equal rows are equal words.
    """
    before = n_before(base)
    words = own.words
    for k in range(1, len(own.start) - 1):
        if canon[k + before] != 0:
            continue
        sp = np.int64(1)
        stack[0] = np.uint32(k + before)
        canon[k + before] = IN_PROGRESS
        cursor[k + before] = 0
        while sp > 0:
            i = np.int64(stack[sp - 1])
            w = own.start[i - before]
            kind = kind_of(words[w + wd.INFO])
            n_refs = n_references(words[w + wd.INFO])
            r = np.int64(cursor[i])
            descend = False
            while r < n_refs:
                at = w + reference_word(kind, r)
                ref = np.int64(words[at])
                if ref != 0:
                    c = canon[ref]
                    if c == IN_PROGRESS:
                        return i
                    if c == 0:
                        stack[sp] = np.uint32(ref)
                        sp += 1
                        canon[ref] = IN_PROGRESS
                        cursor[ref] = 0
                        descend = True
                        break
                    words[at] = np.uint32(root(canon, ref))
                r += 1
            cursor[i] = np.uint32(r)
            if descend:
                continue
            h = words_hash(words, w, length(own, base, i))
            own.hashes[i - before] = h
            found = find_row(own, base, i, h)
            if found < 0:
                return i
            if found == 0:
                found = np.int64(i)
            canon[i] = found
            if found == i:
                enter(own.heads, own.chain, h, i - before, i)
            sp -= 1
    return np.int64(0)


@njit
def number_canonical(start, n_before, canon, new_id):
    """Number the canonical types in order, after those of a base; (new_id for every type, how many, their words)."""
    n = np.int64(0)
    n_words = np.int64(0)
    for i in range(n_before + 1):
        new_id[i] = np.uint32(i)
    for k in range(1, len(start) - 1):
        i = n_before + k
        if canon[i] == i:
            n += 1
            n_words += start[k + 1] - start[k]
            new_id[i] = np.uint32(n_before + n)
    for i in range(1, n_before + len(start) - 1):
        if canon[i] != i:
            new_id[i] = new_id[root(canon, i)]
    return new_id, n, n_words


@njit
def first_rows(words, start, n_before, new_id, out_words, out_start, first, declared):
    """Find the first rows that became each canonical type: of equal ones in `first`, of its declarations in `declared`.

    Both are uint32 (canonical types + 1,), zeros; 0 stays where there is none.
    """
    for k in range(1, len(start) - 1):
        i = n_before + k
        n = np.int64(new_id[i]) - n_before
        if n <= 0 or (first[n] != 0 and declared[n] != 0):
            continue
        info = words[start[k] + wd.INFO]
        target = out_words[out_start[n] + wd.INFO]
        if kind_of(info) != kind_of(target) or (is_enum(kind_of(info)) and vlen_of(info) != vlen_of(target)):
            if declared[n] == 0:
                declared[n] = np.uint32(i)
        elif first[n] == 0:
            first[n] = np.uint32(i)


@njit
def compact(words, start, n_before, canon, new_id, out_words, out_start, origin):
    """Copy the canonical rows, references renumbered; `origin`, uint32 (canonical types + 1,), gets what each was."""
    at = np.int64(0)
    n = np.int64(0)
    out_start[0] = 0
    for k in range(1, len(start) - 1):
        if canon[n_before + k] != n_before + k:
            continue
        n += 1
        out_start[n] = at
        origin[n] = n_before + k
        w = start[k]
        row_words = start[k + 1] - w
        for m in range(row_words):
            out_words[at + m] = words[w + m]
        info = words[w + wd.INFO]
        kind = kind_of(info)
        for r in range(n_references(info)):
            m = reference_word(kind, r)
            out_words[at + m] = new_id[words[w + m]]
        at += row_words
    out_start[n + 1] = at
