"""Sizes of types, for variables and for members of structs."""

from __future__ import annotations

from harness.model import Kind

MAX_HOPS = 256
"""Longest chain of typedefs, modifiers and arrays that is followed."""


def byte_size(types, type_id, pointer_nbytes, max_hops=MAX_HOPS):
    """Size of a type in bytes as C's sizeof gives it, 0 if it has none."""
    factor = 1
    for _ in range(max_hops):
        if not type_id:
            return 0
        row = types.row(type_id)
        kind = int(row[1]) >> 24 & 0x7F
        if kind in (Kind.INT, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.FLOAT):
            return factor * int(row[2])
        if kind == Kind.PTR:
            return factor * pointer_nbytes
        if kind == Kind.ARRAY:
            factor *= int(row[5])
            type_id = int(row[3])
        elif kind in (Kind.TYPEDEF, Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPE_TAG):
            type_id = int(row[2])
        else:
            return 0
    return 0
