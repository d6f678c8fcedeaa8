"""Sizes of types, for variables and for members of structs."""

from __future__ import annotations

from harness.model.kinds import Kind
from harness.model.layout import HEAD_WORDS, INFO_WORD, MODIFIERS, SIZE_TYPE_WORD, SIZED, kind_number

MAX_HOPS = 256
"""Longest chain of typedefs, modifiers and arrays that anything follows; real programs stay below 10."""


def byte_size(types, type_id, pointer_nbytes):
    """Size of a type in bytes as C's sizeof gives it, int, 0 if it has none.

    Parameters
    ----------
    types : TypeTable
    type_id : int
        In the table or its base.
    pointer_nbytes : int
        Size of a pointer in bytes.
    """
    factor = 1
    for _ in range(MAX_HOPS):
        if not type_id:
            return 0
        row = types.row(type_id)
        kind = kind_number(row[INFO_WORD])
        if kind in SIZED:
            return factor * int(row[SIZE_TYPE_WORD])
        if kind == Kind.PTR:
            return factor * pointer_nbytes
        if kind == Kind.ARRAY:
            type_id, _, nelems = row[HEAD_WORDS:].tolist()
            factor *= nelems
        elif kind in MODIFIERS:
            type_id = int(row[SIZE_TYPE_WORD])
        else:
            return 0
    return 0
