"""The join's kernels once more, slow and obvious: bytes, tuples and dicts instead of arrays and open hashes.

Written from what harness.functions says of symbols' names and prototypes, independent of its kernels on purpose. Rows
are tuples of words as in a TypeTable; a function is (return type, [(name, type, place) of each parameter]).
"""

from __future__ import annotations

from harness.model import Kind

NON_FUNCTION, SUFFIXED, CLONE = 1, 2, 4
DROPPED, PLACED, ELLIPSIS = 0, 1, 2

PIECES, CLONES = (b"cold", b"part"), (b"cons", b"isra")


def match_symbol(names, symbol):
    """(index in the distinct `names` of the symbol's whole name, else of its base name, else -1; index of its base name
    or -1; flags of its suffix, none where the whole name is there)."""
    base, *suffixes = symbol.split(b".")
    flags = SUFFIXED if suffixes else 0
    for suffix in suffixes:
        flags |= NON_FUNCTION if suffix.startswith(PIECES) else 0
        flags |= CLONE if suffix.startswith(CLONES) else 0
    known = names.index(base) if base in names else -1
    if suffixes and symbol in names:
        return names.index(symbol), known, 0
    return known, known, flags


def signature(returns, params):
    """What two functions must have in common to have one signature: types, no names."""
    return returns, tuple(type_id for _, type_id, _ in params)


def prototype_row(returns, params):
    """The FUNC_PROTO row of a function: its placed parameters, and an ellipsis as one without name and type."""
    entries = [(name, type_id) for name, type_id, place in params if place == PLACED]
    entries += [(0, 0) for _, _, place in params if place == ELLIPSIS]
    return (0, Kind.FUNC_PROTO << 24 | len(entries), returns, *(word for entry in entries for word in entry))


def unify(base, rows):
    """For each row -(type_id) of the first equal FUNC_PROTO of `base` (row i is type_id i + 1), else the index of the
    first equal row."""
    known = {}
    for type_id, row in enumerate(base, 1):
        if row[1] >> 24 & 0x7F == Kind.FUNC_PROTO:
            known.setdefault(row, -type_id)
    return [known.setdefault(row, k) for k, row in enumerate(rows)]


def gathered(rows, wanted):
    """The rows of the given indices."""
    return [rows[k] for k in wanted]
