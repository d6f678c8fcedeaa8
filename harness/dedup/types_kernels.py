"""Compiled passes of dedup over flat arrays.

own            the table that is deduplicated and what is known of it: Own
base           a frozen table that it continues: Base, or None; each pass is compiled for either, so none costs nothing
canon          uint32 (all types,): type_id this one stands for, itself if canonical, 0 while unknown. Of the base, too:
               its types are canonical, but a forward declaration may find its definition in `own`
hypot, trail   uint32 (all types,): hypothetical map of one equivalence check (canonical side -> candidate side), and
               its keys
stack          worklist, pairs of type_ids

Names are compared as numbers, and type_ids count on from the base's. "All types" are void, the base's and `own`'s.

No recursion: the depth of a type graph is the input's choice. A check that must hold for all parts of a graph is a
worklist that stops at the first part that does not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.accelerate import inline, njit
from harness.model import kind_numbers as kn
from harness.model import words as wd
from harness.model.hash_kernels import FNV_BASIS, mix, same_run, words_hash
from harness.model.layout_kernels import (
    declared_kind_of,
    entry_word,
    kind_of,
    n_references,
    reference_word,
    vlen_of,
)

IN_PROGRESS = np.uint32(0xFFFFFFFF)

NAME_SEED = np.uint32(7)

TWIN_DEPTH = 16
"""How deep the fallback looks into types that a compiler emitted twice (libbpf 5ee9fbf7)."""

TWIN_STACK = 1 << 16
TWIN_STEPS = 1 << 16
"""Bounds of one such look; both are far above what compilers cause, and make a hostile graph cost a bounded time."""


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
    """

    words: np.ndarray
    start: np.ndarray
    hashes: np.ndarray
    heads: np.ndarray
    chain: np.ndarray


class Base(NamedTuple):
    """A table that others continue, with an index of all its types. No pass changes it.

    Attributes
    ----------
    words, start, hashes, heads, chain
        As in Own. The hash of a type that is merged as a reference is one of all its words.
    name_heads, name_chain : uint32
        The same for structs and unions by name.
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


@njit
def hash_rows(words, start, first, last, n_ids, hashes):
    """Hash the rows [first, last): what two rows must share to be the same, or to become it.

    Enums by name alone, so that a forward enum meets the full one; structs without the types of their members.
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
            h = mix(h, np.uint32(kn.ENUM))
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


@inline
def same_row(own, base, i, j):
    """Whether two types are equal word by word."""
    v_words, v = row(own, base, i)
    w_words, w = row(own, base, j)
    n = length(own, base, i)
    return n == length(own, base, j) and same_run(v_words, v, w_words, w, n)


@inline
def compatible_enum(own, base, i, j):
    """Equal enums, or two of one name of which at least one is a forward declaration (btf.rst 2.2.6: vlen 0)."""
    v_words, v = row(own, base, i)
    w_words, w = row(own, base, j)
    info = w_words[w + wd.INFO]
    if vlen_of(v_words[v + wd.INFO]) != 0 and vlen_of(info) != 0:
        return same_row(own, base, i, j)
    kind = kind_of(info)
    return v_words[v] == w_words[w] and (kind == kn.ENUM or kind == kn.ENUM64)


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
                        if compatible_enum(own, base, i, j):
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


@inline
def root(canon, i):
    """The type that `i` stands for as far as known."""
    j = canon[i]
    while j != 0 and j != i and j != IN_PROGRESS:
        i = j
        j = canon[i]
    return i


@inline
def shallow_equal(v_words, v, w_words, w):
    """Same struct or union but for the types of the members: name, info, size, each member's name and offset."""
    for word in (wd.NAME, wd.INFO, wd.SIZE_TYPE):
        if v_words[v + word] != w_words[w + word]:
            return False
    for m in range(vlen_of(v_words[v + wd.INFO])):
        name = entry_word(kn.STRUCT, m) + wd.ENTRY_NAME
        place = entry_word(kn.STRUCT, m) + wd.MEMBER_OFFSET
        if v_words[v + name] != w_words[w + name] or v_words[v + place] != w_words[w + place]:
            return False
    return True


@inline
def twins(own, base, i, j, work):
    """Whether two types of one unit say the same, to a depth of TWIN_DEPTH.

    Compilers emit some types twice in one unit; the hypothetical map, which is one to one, would call them different.
    """
    sp = np.int64(0)
    work[0] = i
    work[1] = j
    work[2] = TWIN_DEPTH
    sp = 1
    steps = 0
    while sp > 0:
        sp -= 1
        a = work[3 * sp]
        b = work[3 * sp + 1]
        depth = work[3 * sp + 2]
        while True:
            steps += 1
            if depth <= 0 or steps > TWIN_STEPS:
                return False
            if a == 0 or b == 0:
                if a != b:
                    return False
                break
            v_words, v = row(own, base, a)
            w_words, w = row(own, base, b)
            info = v_words[v + wd.INFO]
            kind = kind_of(info)
            if kind != kind_of(w_words[w + wd.INFO]):
                return False
            if kind == kn.ENUM or kind == kn.ENUM64:
                if not compatible_enum(own, base, a, b):
                    return False
                break
            if v_words[v] != w_words[w] or info != w_words[w + wd.INFO]:
                return False
            if kind == kn.INT or kind == kn.FLOAT or kind == kn.FWD:
                if not same_run(v_words, v, w_words, w, length(own, base, a)):
                    return False
                break
            if kind == kn.VAR or kind == kn.DATASEC or kind == kn.DECL_TAG:
                return False
            if kind != kn.STRUCT and kind != kn.UNION and kind != kn.FUNC_PROTO and kind != kn.ARRAY:
                a = np.int64(v_words[v + wd.SIZE_TYPE])  # a reference says no more than what it refers to: same depth
                b = np.int64(w_words[w + wd.SIZE_TYPE])
                continue
            if not same_besides_references(v_words, v, w_words, w, info):
                return False
            n = n_references(info)
            if sp + n > TWIN_STACK:
                return False
            for m in range(n - 1, -1, -1):
                k = reference_word(kind, m)
                x = np.int64(v_words[v + k])
                y = np.int64(w_words[w + k])
                if x != y:
                    work[3 * sp] = x
                    work[3 * sp + 1] = y
                    work[3 * sp + 2] = depth - 1
                    sp += 1
            break
    return True


@inline
def same_besides_references(v_words, v, w_words, w, info):
    """Whether two structs, unions, prototypes or arrays of one name and info word are the same but for references."""
    kind = kind_of(info)
    if kind == kn.ARRAY:
        return v_words[v + wd.ARRAY_NELEMS] == w_words[w + wd.ARRAY_NELEMS]
    if kind == kn.FUNC_PROTO:
        for m in range(vlen_of(info)):
            name = entry_word(kn.FUNC_PROTO, m) + wd.ENTRY_NAME
            if v_words[v + name] != w_words[w + name]:
                return False
        return True
    return shallow_equal(v_words, v, w_words, w)


@inline
def equivalent(own, base, canon, hypot, trail, stack, work, candidate, canonical):
    """Whether two type graphs say the same: 0, or the number of entries in `trail`; and whether the base would change.

    `hypot` then maps each type of the canonical graph to its partner in the candidate's. A forward declaration is
    followed in the canonical graph only, and equals any struct or union of its name. Where the forward is a base's, and
    the definition is not, the two graphs would only be the same if the base had the definition, too.
    """
    before = n_before(base)
    n = np.int64(0)
    sp = np.int64(1)
    stack[0] = candidate
    stack[1] = canonical
    ok = True
    changes_base = False
    while sp > 0:
        sp -= 1
        i = np.int64(stack[2 * sp])
        j = np.int64(stack[2 * sp + 1])
        if root(canon, i) == root(canon, j):
            continue
        if i == 0 or j == 0:
            ok = False
            break
        w_words, w = row(own, base, j)
        kind_j = kind_of(w_words[w + wd.INFO])
        if kind_j == kn.FWD:
            defined = np.int64(root(canon, j))
            d_words, d = row(own, base, defined)
            kind_d = kind_of(d_words[d + wd.INFO])
            if kind_d != kn.FWD:
                j = defined
                w_words, w = d_words, d
                kind_j = kind_d
        other = np.int64(hypot[j])
        if other != 0:
            if other == i or twins(own, base, other, i, work):
                continue
            ok = False
            break
        hypot[j] = np.uint32(i)
        trail[n] = np.uint32(j)
        n += 1
        v_words, v = row(own, base, i)
        info = v_words[v + wd.INFO]
        kind = kind_of(info)
        if v_words[v] != w_words[w]:
            ok = False
            break
        if kind != kind_j:
            if kind == kn.FWD:
                if declared_kind_of(info) == kind_j:
                    continue
            elif kind_j == kn.FWD and declared_kind_of(w_words[w + wd.INFO]) == kind:
                if j <= before:
                    changes_base = True
                continue
            # libbpf compares kinds before enums, so a forward enum meets an enum64 only as a primitive
            ok = False
            break
        if kind == kn.ENUM or kind == kn.ENUM64:
            if compatible_enum(own, base, i, j):
                continue
            ok = False
            break
        if info != w_words[w + wd.INFO]:
            ok = False
            break
        if kind == kn.STRUCT or kind == kn.UNION:
            if not shallow_equal(v_words, v, w_words, w):
                ok = False
                break
            for m in range(vlen_of(info) - 1, -1, -1):
                target = entry_word(kn.STRUCT, m) + wd.MEMBER_TYPE
                x = v_words[v + target]
                y = w_words[w + target]
                if root(canon, np.int64(x)) != root(canon, np.int64(y)):
                    stack[2 * sp] = x
                    stack[2 * sp + 1] = y
                    sp += 1
        elif kind == kn.FUNC_PROTO:
            for m in range(vlen_of(info) - 1, -1, -1):
                name = entry_word(kn.FUNC_PROTO, m) + wd.ENTRY_NAME
                target = entry_word(kn.FUNC_PROTO, m) + wd.PARAM_TYPE
                if v_words[v + name] != w_words[w + name]:
                    ok = False
                    break
                x = v_words[v + target]
                y = w_words[w + target]
                if root(canon, np.int64(x)) != root(canon, np.int64(y)):
                    stack[2 * sp] = x
                    stack[2 * sp + 1] = y
                    sp += 1
            if not ok:
                break
            stack[2 * sp] = v_words[v + wd.SIZE_TYPE]
            stack[2 * sp + 1] = w_words[w + wd.SIZE_TYPE]
            sp += 1
        elif kind == kn.ARRAY:
            if v_words[v + wd.ARRAY_NELEMS] != w_words[w + wd.ARRAY_NELEMS]:
                ok = False
                break
            stack[2 * sp] = v_words[v + wd.ARRAY_TYPE]
            stack[2 * sp + 1] = w_words[w + wd.ARRAY_TYPE]
            stack[2 * sp + 2] = v_words[v + wd.ARRAY_INDEX_TYPE]
            stack[2 * sp + 3] = w_words[w + wd.ARRAY_INDEX_TYPE]
            sp += 2
        elif kind == kn.INT or kind == kn.FLOAT or kind == kn.FWD:
            if not same_run(v_words, v, w_words, w, length(own, base, i)):
                ok = False
                break
        elif kind == kn.VAR or kind == kn.DATASEC or kind == kn.DECL_TAG:
            ok = False
            break
        else:
            stack[2 * sp] = v_words[v + wd.SIZE_TYPE]
            stack[2 * sp + 1] = w_words[w + wd.SIZE_TYPE]
            sp += 1
    if ok:
        return n, changes_base
    for k in range(n):
        hypot[trail[k]] = 0
    return np.int64(0), False


@inline
def merge_hypothesis(own, base, canon, hypot, trail, n, changes_base):
    """Make what an equivalence check has shown permanent, and clear its map.

    Where it holds only if the base changed, forwards find their definitions, so that other forwards find them there;
    but nothing is merged with the base (libbpf, btf_dedup_merge_hypot_map).
    """
    for k in range(n):
        j = np.int64(trail[k])
        c = np.int64(root(canon, j))
        t = np.int64(root(canon, np.int64(hypot[j])))
        hypot[j] = 0
        if t == 0 or c == 0 or t == c:
            continue
        t_words, t_at = row(own, base, t)
        c_words, c_at = row(own, base, c)
        t_kind = kind_of(t_words[t_at + wd.INFO])
        c_kind = kind_of(c_words[c_at + wd.INFO])
        if t_kind != kn.FWD and c_kind == kn.FWD:
            canon[c] = t
        elif changes_base:
            continue
        elif t_kind == kn.FWD and c_kind != kn.FWD:
            canon[t] = c
        elif ((t_kind == kn.STRUCT or t_kind == kn.UNION) and c_kind != kn.FWD and canon[c] != 0 and canon[t] == 0):
            # a struct below the one compared: it has its canonical type now, and needs no check of its own
            canon[t] = c


@njit
def dedup_structs(own, base, canon, hypot, trail, stack, work):
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
                    n, changes_base = equivalent(own, base, canon, hypot, trail, stack, work, i, j)
                    if n > 0:
                        merge_hypothesis(own, base, canon, hypot, trail, n, changes_base)
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
