"""Compiled passes of dedup over flat arrays.

words, start   the TypeTable; names are compared as numbers
hashes         uint32 (types + 1,): hash of what a row says, references left out
canon          uint32 (types + 1,): type_id this one stands for, itself if canonical, 0 while unknown
heads, chain   hash table of canonical types: newest type_id of a bucket, next older one by type_id; 0 ends
hypot, trail   hypothetical map of one equivalence check (canonical side -> candidate side), and its keys
stack          worklist, pairs of type_ids

No recursion: the depth of a type graph is the input's choice. A check that must hold for all parts of a graph is a
worklist that stops at the first part that does not.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline, njit
from harness.model.kinds import Kind

INT = int(Kind.INT)
ARRAY = int(Kind.ARRAY)
STRUCT = int(Kind.STRUCT)
UNION = int(Kind.UNION)
ENUM = int(Kind.ENUM)
FWD = int(Kind.FWD)
TYPEDEF = int(Kind.TYPEDEF)
FUNC_PROTO = int(Kind.FUNC_PROTO)
VAR = int(Kind.VAR)
DATASEC = int(Kind.DATASEC)
FLOAT = int(Kind.FLOAT)
DECL_TAG = int(Kind.DECL_TAG)
ENUM64 = int(Kind.ENUM64)

IN_PROGRESS = np.uint32(0xFFFFFFFF)

TWIN_DEPTH = 16
"""How deep the fallback looks into types that a compiler emitted twice (libbpf 5ee9fbf7)."""

TWIN_STACK = 1 << 16
TWIN_STEPS = 1 << 16
"""Bounds of one such look; both are far above what compilers cause, and make a hostile graph cost a bounded time."""


@inline
def kind_of(info):
    return np.int64((info >> np.uint32(24)) & np.uint32(0x7F))


@inline
def vlen_of(info):
    return np.int64(info & np.uint32(0xFFFFFF))


@inline
def mix(h, value):
    # multiplied as 64 bits and cut back: uncompiled, a uint32 product overflows with a warning
    h = np.uint32((np.uint64(h ^ value) * np.uint64(0x9E3779B1)) & np.uint64(0xFFFFFFFF))
    return np.uint32(h ^ (h >> np.uint32(15)))


@inline
def reference_at(words, w, kind, k):
    """Index in `words` of the k-th reference of a row that is no struct, or -1 behind the last."""
    if kind == ARRAY:
        return w + 3 + k if k < 2 else np.int64(-1)
    if kind == FUNC_PROTO:
        if k == 0:
            return w + 2
        return w + 2 + 2 * k if k <= vlen_of(words[w + 1]) else np.int64(-1)
    return w + 2 if k == 0 else np.int64(-1)


@njit
def hash_rows(words, start, first, last, hashes):
    """Hash the rows [first, last): what two rows must share to be the same, or to become it.

    Enums by name alone, so that a forward enum meets the full one; structs without the types of their members.
    Returns 0, or the first type that refers past the table: every later pass relies on there being none.
    """
    n = len(start) - 2
    for i in range(first, last):
        w = start[i]
        info = words[w + 1]
        kind = kind_of(info)
        if kind == STRUCT or kind == UNION:
            for m in range(vlen_of(info)):
                if words[w + 4 + 3 * m] > n:
                    return np.int64(i)
        elif kind == DATASEC:
            for m in range(vlen_of(info)):
                if words[w + 3 + 3 * m] > n:
                    return np.int64(i)
        elif not (kind == INT or kind == FLOAT or kind == FWD or kind == ENUM or kind == ENUM64):
            k = np.int64(0)
            while True:
                at = reference_at(words, w, kind, k)
                if at < 0:
                    break
                if words[at] > n:
                    return np.int64(i)
                k += 1
        h = mix(np.uint32(0x811C9DC5), words[w])
        if kind == STRUCT or kind == UNION:
            h = mix(h, info)
            h = mix(h, words[w + 2])
            for m in range(vlen_of(info)):
                at = w + 3 + 3 * m
                h = mix(h, words[at])
                h = mix(h, words[at + 2])
        elif kind == ENUM or kind == ENUM64:
            h = mix(h, np.uint32(ENUM))
        elif kind == TYPEDEF:
            h = mix(h, info)
        elif kind == INT:
            h = mix(h, info)
            h = mix(h, words[w + 2])
            h = mix(h, words[w + 3])
        elif kind == FWD or kind == FLOAT:
            h = mix(h, info)
            h = mix(h, words[w + 2])
        hashes[i] = h
    return np.int64(0)


@inline
def same_words(words, a, b, n):
    for k in range(n):
        if words[a + k] != words[b + k]:
            return False
    return True


@inline
def same_enum(words, start, i, j):
    n = start[i + 1] - start[i]
    return n == start[j + 1] - start[j] and same_words(words, start[i], start[j], n)


@inline
def compatible_enum(words, start, i, j):
    """Equal enums, or two of one name of which at least one is a forward declaration (btf.rst 2.2.6: vlen 0)."""
    a = words[start[i] + 1]
    b = words[start[j] + 1]
    if vlen_of(a) != 0 and vlen_of(b) != 0:
        return same_enum(words, start, i, j)
    k = kind_of(b)
    return words[start[i]] == words[start[j]] and (k == ENUM or k == ENUM64)


@inline
def enter(heads, chain, hashes, i):
    """Put a canonical type at the head of its bucket."""
    at = hashes[i] & np.uint32(len(heads) - 1)
    chain[i] = heads[at]
    heads[at] = np.uint32(i)


@njit
def dedup_primitives(words, start, hashes, canon, heads, chain):
    """Types that refer to no other: INT, FLOAT, FWD, ENUM, ENUM64. VAR and DATASEC are never merged."""
    mask = np.uint32(len(heads) - 1)
    for i in range(1, len(start) - 1):
        w = start[i]
        info = words[w + 1]
        kind = kind_of(info)
        if kind == VAR or kind == DATASEC:
            canon[i] = i
            continue
        if not (kind == INT or kind == FLOAT or kind == FWD or kind == ENUM or kind == ENUM64):
            continue
        h = hashes[i]
        found = np.uint32(i)
        j = np.int64(heads[h & mask])
        while j != 0:
            if hashes[j] == h:
                v = start[j]
                other = words[v + 1]
                if kind == ENUM or kind == ENUM64:
                    k = kind_of(other)
                    if k == ENUM or k == ENUM64:
                        if same_enum(words, start, i, j):
                            found = np.uint32(j)
                            break
                        if compatible_enum(words, start, i, j):
                            if vlen_of(info) == 0:
                                found = np.uint32(j)
                                break
                            canon[j] = i  # a forward enum, so far its own canonical type, has found the full one
                elif kind_of(other) == kind and same_words(words, w, v, start[i + 1] - w):
                    found = np.uint32(j)
                    break
            j = np.int64(chain[j])
        canon[i] = found
        if found == i:
            enter(heads, chain, hashes, i)


@inline
def root(canon, i):
    """The type that `i` stands for as far as known."""
    j = canon[i]
    while j != 0 and j != i and j != IN_PROGRESS:
        i = j
        j = canon[i]
    return i


@inline
def shallow_equal(words, a, b):
    """Same struct or union but for the types of the members: name, info, size, each member's name and offset."""
    if words[a] != words[b] or words[a + 1] != words[b + 1] or words[a + 2] != words[b + 2]:
        return False
    for m in range(vlen_of(words[a + 1])):
        k = 3 + 3 * m
        if words[a + k] != words[b + k] or words[a + k + 2] != words[b + k + 2]:
            return False
    return True


@inline
def twins(words, start, i, j, work):
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
            v = start[a]
            w = start[b]
            info = words[v + 1]
            kind = kind_of(info)
            if kind != kind_of(words[w + 1]):
                return False
            if kind == ENUM or kind == ENUM64:
                if not compatible_enum(words, start, a, b):
                    return False
                break
            if words[v] != words[w] or info != words[w + 1]:
                return False
            if kind == INT or kind == FLOAT or kind == FWD:
                if not same_words(words, v, w, start[a + 1] - v):
                    return False
                break
            if kind == STRUCT or kind == UNION:
                if not shallow_equal(words, v, w):
                    return False
                n = vlen_of(info)
                if sp + n > TWIN_STACK:
                    return False
                for m in range(n - 1, -1, -1):
                    x = words[v + 4 + 3 * m]
                    y = words[w + 4 + 3 * m]
                    if x != y:
                        work[3 * sp] = x
                        work[3 * sp + 1] = y
                        work[3 * sp + 2] = depth - 1
                        sp += 1
                break
            if kind == FUNC_PROTO:
                n = vlen_of(info)
                if sp + n + 1 > TWIN_STACK:
                    return False
                for m in range(n - 1, -1, -1):
                    if words[v + 3 + 2 * m] != words[w + 3 + 2 * m]:
                        return False
                    x = words[v + 4 + 2 * m]
                    y = words[w + 4 + 2 * m]
                    if x != y:
                        work[3 * sp] = x
                        work[3 * sp + 1] = y
                        work[3 * sp + 2] = depth - 1
                        sp += 1
                if words[v + 2] != words[w + 2]:
                    work[3 * sp] = words[v + 2]
                    work[3 * sp + 1] = words[w + 2]
                    work[3 * sp + 2] = depth - 1
                    sp += 1
                break
            if kind == ARRAY:
                if words[v + 5] != words[w + 5] or sp + 2 > TWIN_STACK:
                    return False
                for k in range(3, 5):
                    if words[v + k] != words[w + k]:
                        work[3 * sp] = words[v + k]
                        work[3 * sp + 1] = words[w + k]
                        work[3 * sp + 2] = depth - 1
                        sp += 1
                break
            if kind == VAR or kind == DATASEC or kind == DECL_TAG:
                return False
            a = np.int64(words[v + 2])  # a reference says no more than what it refers to: same depth
            b = np.int64(words[w + 2])
    return True


@inline
def equivalent(words, start, canon, hypot, trail, stack, work, candidate, canonical):
    """Whether two type graphs say the same: 0, or the number of entries in `trail`.

    `hypot` then maps each type of the canonical graph to its partner in the candidate's. A forward declaration is
    followed in the canonical graph only, and equals any struct or union of its name.
    """
    n = np.int64(0)
    sp = np.int64(1)
    stack[0] = candidate
    stack[1] = canonical
    ok = True
    while sp > 0:
        sp -= 1
        i = np.int64(stack[2 * sp])
        j = np.int64(stack[2 * sp + 1])
        if root(canon, i) == root(canon, j):
            continue
        if i == 0 or j == 0:
            ok = False
            break
        w = start[j]
        kind_j = kind_of(words[w + 1])
        if kind_j == FWD:
            k = np.int64(root(canon, j))
            kind_k = kind_of(words[start[k] + 1])
            if kind_k != FWD:
                j = k
                w = start[j]
                kind_j = kind_k
        other = np.int64(hypot[j])
        if other != 0:
            if other == i or twins(words, start, other, i, work):
                continue
            ok = False
            break
        hypot[j] = np.uint32(i)
        trail[n] = np.uint32(j)
        n += 1
        v = start[i]
        kind = kind_of(words[v + 1])
        if words[v] != words[w]:
            ok = False
            break
        if kind != kind_j:
            if kind == FWD:
                declared = UNION if words[v + 1] >> np.uint32(31) else STRUCT
                if declared == kind_j:
                    continue
            elif kind_j == FWD:
                declared = UNION if words[w + 1] >> np.uint32(31) else STRUCT
                if declared == kind:
                    continue
            # libbpf compares kinds before enums, so a forward enum meets an enum64 only as a primitive
            ok = False
            break
        info = words[v + 1]
        if kind == ENUM or kind == ENUM64:
            if compatible_enum(words, start, i, j):
                continue
            ok = False
            break
        if info != words[w + 1]:
            ok = False
            break
        if kind == STRUCT or kind == UNION:
            if not shallow_equal(words, v, w):
                ok = False
                break
            for m in range(vlen_of(info) - 1, -1, -1):
                x = words[v + 4 + 3 * m]
                y = words[w + 4 + 3 * m]
                if root(canon, np.int64(x)) != root(canon, np.int64(y)):
                    stack[2 * sp] = x
                    stack[2 * sp + 1] = y
                    sp += 1
        elif kind == FUNC_PROTO:
            for m in range(vlen_of(info) - 1, -1, -1):
                if words[v + 3 + 2 * m] != words[w + 3 + 2 * m]:
                    ok = False
                    break
                x = words[v + 4 + 2 * m]
                y = words[w + 4 + 2 * m]
                if root(canon, np.int64(x)) != root(canon, np.int64(y)):
                    stack[2 * sp] = x
                    stack[2 * sp + 1] = y
                    sp += 1
            if not ok:
                break
            stack[2 * sp] = words[v + 2]
            stack[2 * sp + 1] = words[w + 2]
            sp += 1
        elif kind == ARRAY:
            if words[v + 5] != words[w + 5]:
                ok = False
                break
            stack[2 * sp] = words[v + 3]
            stack[2 * sp + 1] = words[w + 3]
            stack[2 * sp + 2] = words[v + 4]
            stack[2 * sp + 3] = words[w + 4]
            sp += 2
        elif kind == INT or kind == FLOAT or kind == FWD:
            if not same_words(words, v, w, start[i + 1] - v):
                ok = False
                break
        elif kind == VAR or kind == DATASEC or kind == DECL_TAG:
            ok = False
            break
        else:
            stack[2 * sp] = words[v + 2]
            stack[2 * sp + 1] = words[w + 2]
            sp += 1
    if ok:
        return n
    for k in range(n):
        hypot[trail[k]] = 0
    return np.int64(0)


@inline
def merge_hypothesis(words, start, canon, hypot, trail, n):
    """Make what an equivalence check has shown permanent, and clear its map."""
    for k in range(n):
        j = np.int64(trail[k])
        c = np.int64(root(canon, j))
        t = np.int64(root(canon, np.int64(hypot[j])))
        hypot[j] = 0
        if t == 0 or c == 0 or t == c:
            continue
        t_kind = kind_of(words[start[t] + 1])
        c_kind = kind_of(words[start[c] + 1])
        if t_kind != FWD and c_kind == FWD:
            canon[c] = t
        elif t_kind == FWD and c_kind != FWD:
            canon[t] = c
        elif ((t_kind == STRUCT or t_kind == UNION) and c_kind != FWD and canon[c] != 0 and canon[t] == 0):
            # a struct below the one compared: it has its canonical type now, and needs no check of its own
            canon[t] = c


@njit
def dedup_structs(words, start, hashes, canon, heads, chain, hypot, trail, stack, work):
    """Structs, unions and typedefs: the types through which graphs may be cyclic."""
    mask = np.uint32(len(heads) - 1)
    for i in range(1, len(start) - 1):
        if canon[i] != 0:
            continue
        w = start[i]
        kind = kind_of(words[w + 1])
        if kind != STRUCT and kind != UNION and kind != TYPEDEF:
            continue
        h = hashes[i]
        found = np.uint32(i)
        j = np.int64(heads[h & mask])
        while j != 0:
            if hashes[j] == h:
                v = start[j]
                if words[v] == words[w] and words[v + 1] == words[w + 1] and (
                        kind == TYPEDEF or shallow_equal(words, v, w)):
                    n = equivalent(words, start, canon, hypot, trail, stack, work, i, j)
                    if n > 0:
                        merge_hypothesis(words, start, canon, hypot, trail, n)
                        found = np.uint32(j)
                        break
                    if root(canon, i) == root(canon, j):
                        found = np.uint32(j)
                        break
            j = np.int64(chain[j])
        canon[i] = found
        if found == i:
            enter(heads, chain, hashes, i)


@njit
def resolve_forwards(words, start, hashes, canon, heads, chain):
    """A forward declaration that no graph resolved stands for the only struct or union of its name, if of its kind."""
    mask = np.uint32(len(heads) - 1)
    # a second table over the canonical structs by name; the first one's chains are read while this one's are built,
    # so it takes the hashes' place for the structs themselves
    for k in range(len(heads)):
        heads[k] = 0
    for i in range(1, len(start) - 1):
        if canon[i] == i:
            kind = kind_of(words[start[i] + 1])
            if kind == STRUCT or kind == UNION:
                hashes[i] = mix(np.uint32(7), words[start[i]])
                enter(heads, chain, hashes, i)
    for i in range(1, len(start) - 1):
        if canon[i] != i or kind_of(words[start[i] + 1]) != FWD:
            continue
        name = words[start[i]]
        h = mix(np.uint32(7), name)
        only = np.int64(0)
        count = 0
        j = np.int64(heads[h & mask])
        while j != 0:
            if words[start[j]] == name:
                only = j
                count += 1
            j = np.int64(chain[j])
        if count == 1:
            declared = UNION if words[start[i] + 1] >> np.uint32(31) else STRUCT
            if kind_of(words[start[only] + 1]) == declared:
                canon[i] = only
    for k in range(len(heads)):
        heads[k] = 0


@njit
def dedup_references(words, start, hashes, canon, heads, chain, cursor, stack):
    """All other types, each after what it refers to; 0, or a type that refers to itself without end.

    Their references are replaced by canonical ones in place, after which equal rows are equal words.
    """
    mask = np.uint32(len(heads) - 1)
    for first in range(1, len(start) - 1):
        if canon[first] != 0:
            continue
        sp = np.int64(1)
        stack[0] = np.uint32(first)
        canon[first] = IN_PROGRESS
        cursor[first] = 0
        while sp > 0:
            i = np.int64(stack[sp - 1])
            w = start[i]
            kind = kind_of(words[w + 1])
            k = np.int64(cursor[i])
            descend = False
            while True:
                at = reference_at(words, w, kind, k)
                if at < 0:
                    break
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
                k += 1
            cursor[i] = np.uint32(k)
            if descend:
                continue
            n = start[i + 1] - w
            h = np.uint32(0x811C9DC5)
            for m in range(n):
                h = mix(h, words[w + m])
            hashes[i] = h
            found = np.uint32(i)
            j = np.int64(heads[h & mask])
            while j != 0:
                if hashes[j] == h and start[j + 1] - start[j] == n and same_words(words, w, start[j], n):
                    found = np.uint32(j)
                    break
                j = np.int64(chain[j])
            canon[i] = found
            if found == i:
                enter(heads, chain, hashes, i)
            sp -= 1
    return np.int64(0)


@njit
def number_canonical(words, start, canon, new_id):
    """Number the canonical types in order; (new_id for every type, how many, their words)."""
    n = np.int64(0)
    n_words = np.int64(0)
    new_id[0] = 0
    for i in range(1, len(start) - 1):
        if canon[i] == i:
            n += 1
            n_words += start[i + 1] - start[i]
            new_id[i] = np.uint32(n)
    for i in range(1, len(start) - 1):
        if canon[i] != i:
            new_id[i] = new_id[root(canon, i)]
    return new_id, n, n_words


@njit
def compact(words, start, canon, new_id, out_words, out_start):
    """Copy the canonical rows, references renumbered."""
    at = np.int64(0)
    n = np.int64(0)
    out_start[0] = 0
    for i in range(1, len(start) - 1):
        if canon[i] != i:
            continue
        n += 1
        out_start[n] = at
        w = start[i]
        for k in range(start[i + 1] - w):
            out_words[at + k] = words[w + k]
        kind = kind_of(words[w + 1])
        if kind == STRUCT or kind == UNION:
            for m in range(vlen_of(words[w + 1])):
                out_words[at + 4 + 3 * m] = new_id[words[w + 4 + 3 * m]]
        elif kind == DATASEC:
            for m in range(vlen_of(words[w + 1])):
                out_words[at + 3 + 3 * m] = new_id[words[w + 3 + 3 * m]]
        elif not (kind == INT or kind == FLOAT or kind == FWD or kind == ENUM or kind == ENUM64):
            k = np.int64(0)
            while True:
                ref = reference_at(words, w, kind, k)
                if ref < 0:
                    break
                out_words[at + ref - w] = new_id[words[ref]]
                k += 1
        at += start[i + 1] - w
    out_start[n + 1] = at
