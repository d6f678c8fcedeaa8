"""Compiled check of two type graphs for equality, with the semantics of libbpf's btf_dedup_is_equiv.

own, base and canon are those of harness.dedup.rows_kernels.

No recursion: the depth of a type graph is the input's choice. A check that must hold for all parts of a graph is a
worklist that stops at the first part that does not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.accelerate import fused, inline
from harness.dedup.rows_kernels import n_before, root, row, spend
from harness.model import kind_numbers as kn
from harness.model import words as wd
from harness.model.hash_kernels import same_run
from harness.model.layout_kernels import (
    declared_kind_of,
    entry_word,
    kind_of,
    n_references,
    reference_word,
    standard_row_words,
    vlen_of,
)

TWIN_DEPTH = 16
"""How deep the fallback looks into types that a compiler emitted twice (libbpf 5ee9fbf7)."""

TWIN_STACK = 1 << 16
TWIN_STEPS = 1 << 16
"""Bounds of one such look; both are far above what compilers cause, and make a hostile graph cost a bounded time."""

# What two rows say of each other, references left out
DIFFERENT = 0
ALIKE = 1
DECLARES = 2
"""The first is a forward declaration of what the second is."""
DECLARED = 3
"""The second is one of what the first is."""


class Check(NamedTuple):
    """What one check after another works in.

    Attributes
    ----------
    hypot, trail : uint32 (all types,)
        Hypothetical map of a check (canonical side -> candidate side), 0 between checks, and its keys.
    stack : uint32
        Worklist, pairs of type_ids.
    twins : int64 (3 * TWIN_STACK,)
        Worklist of `twins`: two type_ids and a depth.
    """

    hypot: np.ndarray
    trail: np.ndarray
    stack: np.ndarray
    twins: np.ndarray


@fused
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
def compatible_enum(v_words, v, w_words, w):
    """Equal enums, or two of one name of which at least one is a forward declaration (btf.rst 2.2.6: vlen 0)."""
    info = v_words[v + wd.INFO]
    other = w_words[w + wd.INFO]
    if vlen_of(info) != 0 and vlen_of(other) != 0:
        return same_run(v_words, v, w_words, w, standard_row_words(kind_of(info), vlen_of(info)))
    kind = kind_of(other)
    return v_words[v] == w_words[w] and (kind == kn.ENUM or kind == kn.ENUM64)


@inline
def same_parameter_names(v_words, v, w_words, w):
    """Whether two prototypes of one info word name their parameters alike."""
    for m in range(vlen_of(v_words[v + wd.INFO])):
        name = entry_word(kn.FUNC_PROTO, m) + wd.ENTRY_NAME
        if v_words[v + name] != w_words[w + name]:
            return False
    return True


@fused
def compare(v_words, v, w_words, w):
    """What two rows say of each other, references left out."""
    if v_words[v] != w_words[w]:
        return DIFFERENT
    info = v_words[v + wd.INFO]
    kind = kind_of(info)
    other = w_words[w + wd.INFO]
    if kind != kind_of(other):
        if v_words[v] == 0:
            return DIFFERENT  # a forward declaration without a name declares nothing
        # libbpf compares kinds before enums, so a forward enum meets an enum64 only as a primitive
        if kind == kn.FWD and declared_kind_of(info) == kind_of(other):
            return DECLARES
        if kind_of(other) == kn.FWD and declared_kind_of(other) == kind:
            return DECLARED
        return DIFFERENT
    if kind == kn.ENUM or kind == kn.ENUM64:
        alike = compatible_enum(v_words, v, w_words, w)
    elif info != other:
        alike = False
    elif kind == kn.STRUCT or kind == kn.UNION:
        alike = shallow_equal(v_words, v, w_words, w)
    elif kind == kn.FUNC_PROTO:
        alike = same_parameter_names(v_words, v, w_words, w)
    elif kind == kn.ARRAY:
        alike = v_words[v + wd.ARRAY_NELEMS] == w_words[w + wd.ARRAY_NELEMS]
    elif kind == kn.INT or kind == kn.FLOAT or kind == kn.FWD:
        alike = same_run(v_words, v, w_words, w, standard_row_words(kind, vlen_of(info)))
    else:
        alike = kind != kn.VAR and kind != kn.DATASEC and kind != kn.DECL_TAG
    return ALIKE if alike else DIFFERENT


@inline
def twins(own, base, i, j, work):
    """Whether two types of one unit say the same, to a depth of TWIN_DEPTH; and how many steps it took to see.

    Compilers emit some types twice in one unit; the hypothetical map, which is one to one, would call them different.
    """
    work[0] = i
    work[1] = j
    work[2] = TWIN_DEPTH
    sp = np.int64(1)
    steps = np.int64(0)
    while sp > 0:
        sp -= 1
        a = work[3 * sp]
        b = work[3 * sp + 1]
        depth = work[3 * sp + 2]
        steps += 1
        if depth <= 0 or steps > TWIN_STEPS:
            return False, steps
        if a == 0 or b == 0:
            if a != b:
                return False, steps
            continue
        v_words, v = row(own, base, a)
        w_words, w = row(own, base, b)
        info = v_words[v + wd.INFO]
        kind = kind_of(info)
        n = n_references(info)
        if compare(v_words, v, w_words, w) != ALIKE or sp + n > TWIN_STACK:
            return False, steps
        # a reference says no more than what it refers to: same depth
        deeper = kind == kn.STRUCT or kind == kn.UNION or kind == kn.FUNC_PROTO or kind == kn.ARRAY
        for m in range(n - 1, -1, -1):
            at = reference_word(kind, m)
            x = np.int64(v_words[v + at])
            y = np.int64(w_words[w + at])
            if x != y or not deeper:
                work[3 * sp] = x
                work[3 * sp + 1] = y
                work[3 * sp + 2] = depth - 1 if deeper else depth
                sp += 1
    return True, steps


@fused
def definition(own, base, canon, j):
    """The definition that a forward declaration has found so far, any other type itself, and where its words are."""
    words, w = row(own, base, j)
    if kind_of(words[w + wd.INFO]) == kn.FWD:
        found = np.int64(root(canon, j))
        found_words, at = row(own, base, found)
        if kind_of(found_words[at + wd.INFO]) != kn.FWD:
            return found, found_words, at
    return j, words, w


@inline
def forget(check, n):
    """Clear the hypothetical map of `n` entries: what `equivalent` returns then."""
    for k in range(n):
        check.hypot[check.trail[k]] = 0
    return np.int64(0), False


@inline
def equivalent(own, base, canon, check, candidate, canonical):
    """Whether two type graphs say the same: 0, or how many entries the trail has; and whether the base would change.

    It is also 0 when it took too long. The hypothetical map then has for each type of the canonical graph its partner
    in the candidate's. A forward declaration is followed in the canonical graph only, and equals any struct or union of
    its name. Where the forward is a base's, and the definition is not, the two graphs would only be the same if the
    base had the definition, too.
    """
    stack = check.stack
    n = np.int64(0)
    sp = np.int64(1)
    stack[0] = candidate
    stack[1] = canonical
    changes_base = False
    while sp > 0:
        sp -= 1
        i = np.int64(stack[2 * sp])
        j = np.int64(stack[2 * sp + 1])
        if root(canon, i) == root(canon, j):
            continue
        if i == 0 or j == 0:
            return forget(check, n)
        j, w_words, w = definition(own, base, canon, j)
        other = np.int64(check.hypot[j])
        if other != 0:
            if other == i:
                continue
            alike, steps = twins(own, base, other, i, check.twins)
            spend(own, steps)
            if alike:
                continue
            return forget(check, n)
        check.hypot[j] = np.uint32(i)
        check.trail[n] = np.uint32(j)
        n += 1
        v_words, v = row(own, base, i)
        said = compare(v_words, v, w_words, w)
        if said == DIFFERENT:
            return forget(check, n)
        if said == DECLARED and j <= n_before(base):
            changes_base = True
        if said != ALIKE:
            continue
        info = v_words[v + wd.INFO]
        kind = kind_of(info)
        if not spend(own, 1 + n_references(info)):
            return forget(check, n)
        for m in range(n_references(info) - 1, -1, -1):
            at = reference_word(kind, m)
            x = v_words[v + at]
            y = w_words[w + at]
            if root(canon, np.int64(x)) != root(canon, np.int64(y)):
                stack[2 * sp] = x
                stack[2 * sp + 1] = y
                sp += 1
    return n, changes_base


@inline
def merge_hypothesis(own, base, canon, check, n, changes_base):
    """Make what an equivalence check has shown permanent, and clear its map.

    Where it holds only if the base changed, forwards find their definitions, so that other forwards find them there;
    but nothing is merged with the base (libbpf, btf_dedup_merge_hypot_map).
    """
    for k in range(n):
        j = np.int64(check.trail[k])
        c = np.int64(root(canon, j))
        t = np.int64(root(canon, np.int64(check.hypot[j])))
        check.hypot[j] = 0
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
