"""Compiled walk from a type to what it stands for, and the sizes that follow from it.

words, start are a TypeTable's without a base. Rows may say anything: a chain ends at a type_id that is out of range,
and where it is too long.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline, njit
from harness.model import kind_numbers as kn
from harness.model import words as wd
from harness.model.kinds import Kind
from harness.model.layout import MAX_HOPS, MODIFIERS
from harness.model.layout_kernels import IS_MODIFIER, declared_kind_of, is_sized, kind_of

THROUGH_ARRAYS = np.array([kind in (*MODIFIERS, Kind.ARRAY) for kind in Kind])
AS_PARAMETER = np.array([kind in (*MODIFIERS, Kind.ARRAY, Kind.FUNC_PROTO) for kind in Kind])
"""What a walk goes through, by kind; IS_MODIFIER is another."""

NO_TYPE = -1
"""What a chain leads to that leaves the table, or that is too long."""

MAX_NBYTES = 1 << 62
"""Where sizes of arrays of arrays stop to grow: a hostile table's pass any integer."""


@inline
def behind(words, start, type_id, through, longest):
    """What stands behind a type: the first whose kind is not in `through`, of at most `longest` types.

    Returns
    -------
    (type_id, elements, bare) : int64, int64, bool
        0 for void; NO_TYPE. How many of that type there are in the arrays on the way. Whether there were only typedefs
        and consts on the way.
    """
    t = np.int64(type_id)
    elements = np.int64(1)
    bare = True
    for _ in range(longest):
        if t == 0:
            return t, elements, bare
        if t < 0 or t >= len(start) - 1:
            break
        at = start[t]
        kind = kind_of(words[at + wd.INFO])
        if not through[kind]:
            return t, elements, bare
        bare = bare and (kind == kn.TYPEDEF or kind == kn.CONST)
        if kind == kn.ARRAY:
            elements = times(elements, np.int64(words[at + wd.ARRAY_NELEMS]))
            t = np.int64(words[at + wd.ARRAY_TYPE])
        else:
            t = np.int64(words[at + wd.SIZE_TYPE])
    return np.int64(NO_TYPE), elements, bare


@inline
def times(a, b):
    """a * b, or about MAX_NBYTES where that is less; both are int64 and not negative."""
    if b == 0:
        return np.int64(0)
    return min(a, np.int64(MAX_NBYTES) // b) * b


@inline
def own_size(words, start, type_id, pointer_nbytes):
    """Size in bytes of what `behind` has found, 0 if it has none."""
    if type_id <= 0:
        return np.int64(0)
    at = start[type_id]
    kind = kind_of(words[at + wd.INFO])
    if kind == kn.PTR:
        return np.int64(pointer_nbytes)
    return np.int64(words[at + wd.SIZE_TYPE]) if is_sized(kind) else np.int64(0)


@njit
def element_type(words, start, type_id):
    """What stands behind a type and its arrays: a type_id, 0 for void, or NO_TYPE."""
    t, _, _ = behind(words, start, type_id, THROUGH_ARRAYS, MAX_HOPS)
    return t


@njit
def byte_size(words, start, type_id, pointer_nbytes):
    """Size of a type in bytes as C's sizeof gives it, int64, 0 if it has none."""
    t, elements, _ = behind(words, start, type_id, THROUGH_ARRAYS, MAX_HOPS)
    return times(elements, own_size(words, start, t, pointer_nbytes))


@njit
def parameter_sizes(words, start, pointer_nbytes, size, is_struct):
    """Size in bytes of each type, as a parameter has it, and whether it is a struct behind typedefs and const.

    An array is its element, and a prototype what it returns, as pahole has them. size uint32 (types + 1,), is_struct
    uint8 (types + 1,). Sizes are 0 for void and for what has none.
    """
    size[0] = 0
    is_struct[0] = 0
    for i in range(1, len(start) - 1):
        t, _, bare = behind(words, start, i, AS_PARAMETER, MAX_HOPS)
        size[i] = np.uint32(own_size(words, start, t, pointer_nbytes))
        is_struct[i] = bare and t > 0 and declared_kind_of(words[start[t] + wd.INFO]) == kn.STRUCT


@njit
def behind_modifiers(words, start, longest, out):
    """The type behind the typedefs and modifiers of each type, of at most `longest`; 0 for void, NO_TYPE.

    out : int64 (types + 1,)
    """
    out[0] = 0
    for i in range(1, len(start) - 1):
        out[i], _, _ = behind(words, start, i, IS_MODIFIER, longest)
