"""Compiled passes of dedup over flat arrays: each row finds its canonical one, then these are numbered and copied.

own, base and canon are those of harness.dedup.rows_kernels.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import njit
from harness.dedup.equivalence_kernels import compatible_enum, equivalent, merge_hypothesis, shallow_equal
from harness.dedup.rows_kernels import (
    IN_PROGRESS,
    NAME_SEED,
    base_names,
    base_names_after,
    enter,
    first_candidate,
    hash_of,
    is_leaf,
    length,
    n_before,
    next_candidate,
    root,
    row,
    same_row,
)
from harness.model import kind_numbers as kn
from harness.model import words as wd
from harness.model.hash_kernels import mix, same_run, words_hash
from harness.model.layout_kernels import declared_kind_of, kind_of, n_references, reference_word, vlen_of


@njit
def dedup_primitives(own, base, canon):
    """Types that refer to no other: INT, FLOAT, FWD, ENUM, ENUM64. VAR and DATASEC are never merged."""
    before = n_before(base)
    for k in range(1, len(own.start) - 1):
        i = k + before
        info = own.words[own.start[k] + wd.INFO]
        kind = kind_of(info)
        if kind == kn.VAR or kind == kn.DATASEC:
            canon[i] = i
            continue
        if not is_leaf(kind):
            continue
        h = own.hashes[k]
        found = np.uint32(i)
        j = first_candidate(own, base, h)
        while j != 0:
            if hash_of(own, base, j) == h:
                w_words, w = row(own, base, j)
                other = kind_of(w_words[w + wd.INFO])
                if kind == kn.ENUM or kind == kn.ENUM64:
                    if other == kn.ENUM or other == kn.ENUM64:
                        if same_row(own, base, i, j):
                            found = np.uint32(j)
                            break
                        if compatible_enum(own.words, own.start[k], w_words, w):
                            if vlen_of(info) == 0:
                                found = np.uint32(j)
                                break
                            canon[j] = i  # a forward enum, so far its own canonical type, has found the full one
                elif other == kind and same_run(own.words, own.start[k], w_words, w, length(own, base, i)):
                    found = np.uint32(j)
                    break
            j = next_candidate(own, base, h, j)
        canon[i] = found
        if found == i:
            enter(own.heads, own.chain, h, k, i)


@njit
def dedup_structs(own, base, canon, check):
    """Structs, unions and typedefs: the types through which graphs may be cyclic."""
    before = n_before(base)
    for k in range(1, len(own.start) - 1):
        i = k + before
        if canon[i] != 0:
            continue
        w = own.start[k]
        words = own.words
        kind = kind_of(words[w + wd.INFO])
        if kind != kn.STRUCT and kind != kn.UNION and kind != kn.TYPEDEF:
            continue
        h = own.hashes[k]
        found = np.uint32(i)
        j = first_candidate(own, base, h)
        while j != 0:
            if hash_of(own, base, j) == h:
                v_words, v = row(own, base, j)
                if v_words[v] == words[w] and v_words[v + wd.INFO] == words[w + wd.INFO] and (
                        kind == kn.TYPEDEF or shallow_equal(v_words, v, words, w)):
                    n, changes_base = equivalent(own, base, canon, check, i, j)
                    if n > 0:
                        merge_hypothesis(own, base, canon, check, n, changes_base)
                        if not changes_base:
                            found = np.uint32(j)
                            break
                    elif root(canon, i) == root(canon, j):
                        found = np.uint32(j)
                        break
            j = next_candidate(own, base, h, j)
        canon[i] = found
        if found == i:
            enter(own.heads, own.chain, h, k, i)


@njit
def resolve_forwards(own, base, canon):
    """A forward declaration that no graph resolved stands for the only struct or union of its name, if of its kind."""
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
        if canon[i] != i or kind_of(info) != kn.FWD:
            continue
        name = own.words[own.start[k]]
        only = np.int64(0)
        count = 0
        j = np.int64(own.heads[mix(NAME_SEED, name) & mask])
        while j != 0:
            if own.words[own.start[j - before]] == name:
                only = j
                count += 1
            j = np.int64(own.chain[j - before])
        j = base_names(base, name)
        while j != 0:
            v_words, v = row(own, base, j)
            if v_words[v] == name:
                only = j
                count += 1
            j = base_names_after(base, j)
        if count == 1:
            v_words, v = row(own, base, only)
            if kind_of(v_words[v + wd.INFO]) == declared_kind_of(info):
                canon[i] = only
    for k in range(len(own.heads)):
        own.heads[k] = 0


@njit
def dedup_references(own, base, canon, cursor, stack):
    """All other types, each after what it refers to; 0, or a type that refers to itself without end.

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
            found = np.uint32(i)
            j = first_candidate(own, base, h)
            while j != 0:
                if hash_of(own, base, j) == h and same_row(own, base, i, j):
                    found = np.uint32(j)
                    break
                j = next_candidate(own, base, h, j)
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
def compact(words, start, n_before, canon, new_id, out_words, out_start):
    """Copy the canonical rows, references renumbered."""
    at = np.int64(0)
    n = np.int64(0)
    out_start[0] = 0
    for k in range(1, len(start) - 1):
        if canon[n_before + k] != n_before + k:
            continue
        n += 1
        out_start[n] = at
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
