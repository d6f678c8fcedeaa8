"""Ours and libbpf's dedup on lists of plain types, with what every result of ours must satisfy checked on the way."""

from __future__ import annotations

import faulthandler
from collections import Counter

import numpy as np
import pytest

from harness.dedup import dedup_types
from harness.model import Kind
from tests.dedup import shapes
from tests.reference import libbpf, wire

needs_libbpf = pytest.mark.skipif(not libbpf.available(), reason=libbpf.why_not())


def ours(types):
    """(types after our dedup, id_map as a list), with what every result must satisfy checked."""
    before, strings = wire.to_tables(wire.pack(types))
    given_words, given_start = before.words.copy(), before.start.copy()
    # Compiled code that never returns is out of reach of an exception; this ends the run with a traceback.
    faulthandler.dump_traceback_later(60, exit=True)
    try:
        result = dedup_types(before, strings)
    finally:
        faulthandler.cancel_dump_traceback_later()
    assert np.array_equal(before.words, given_words) and np.array_equal(before.start, given_start), "input was changed"
    assert result.id_map.dtype == np.uint32 and result.id_map.shape == (len(types) + 1,)
    after, id_map = wire.from_tables(result.types, strings), result.id_map.tolist()
    assert id_map[0] == 0 and all(1 <= new <= len(after) for new in id_map[1:])
    first = {}
    for old, new in enumerate(id_map[1:], 1):
        first.setdefault(new, old)
        assert same_declaration(types[old - 1], after[new - 1]), f"[{old}] {types[old - 1]} became {after[new - 1]}"
    assert sorted(first) == list(range(1, len(after) + 1)), "an output type that no input type became"
    for t in after:
        assert all(0 <= r <= len(after) for r in t.refs())
    return after, id_map


def same_declaration(old, new):
    """Whether `new` may stand for `old`, references aside: equal, or the definition of a forward declaration."""
    if old.kind == Kind.FWD and new.kind == (Kind.UNION if old.kind_flag else Kind.STRUCT):
        return old.name == new.name
    if old.kind in (Kind.ENUM, Kind.ENUM64) and not old.body:
        return new.kind in (Kind.ENUM, Kind.ENUM64) and old.name == new.name
    return shapes.local(old) == shapes.local(new)


def theirs(types):
    """(types after libbpf's dedup, id_map as a list).

    libbpf keeps its map to itself, but it never merges VARs: one appended for each type, which refers to it, comes
    out referring to what that type became.
    """
    scouts = [wire.var("scout", type_id) for type_id in range(1, len(types) + 1)]
    after = wire.unpack(libbpf.dedup(wire.pack(types + scouts)))
    n_kept = len(after) - len(types)
    return after[:n_kept], [0, *(scout.size_type for scout in after[n_kept:])]


def has_ambiguous_forward(types, after):
    """Whether some forward declaration among `types` has several definitions in the result `after`."""
    aggregates, enums = (Kind.STRUCT, Kind.UNION, Kind.FWD), (Kind.ENUM, Kind.ENUM64)
    forwards = {t.name for t in types if t.kind == Kind.FWD or (t.kind in enums and not t.body)}
    defined = Counter((t.name, t.kind in enums) for t in after if t.kind in aggregates + enums)
    return any(name in forwards and n > 1 for (name, _), n in defined.items() if name)


def assert_agrees(types):
    """Ours and libbpf's results have equal counts by kind, shapes, rows, and merge the same input types.

    Said in this order, because the first that fails says most. Where a forward has several definitions, which of them
    libbpf takes hangs on the order of its hash chains: newest first, turned around whenever the table grows. That is
    chance rather than a rule, so there only what does not hang on the choice must agree: even structs that point at
    such a forward may merge under one choice and not under the other.
    """
    (mine, my_map), (other, their_map) = ours(types), theirs(types)
    if (mine, my_map) != (other, their_map) and has_ambiguous_forward(types, other):
        settled = ("INT", "FLOAT", "ENUM", "ENUM64")
        mine_by_kind, other_by_kind = shapes.by_kind(mine), shapes.by_kind(other)
        assert {k: mine_by_kind[k] for k in settled} == {k: other_by_kind[k] for k in settled}, libbpf.version_text()
        return
    assert shapes.by_kind(mine) == shapes.by_kind(other), libbpf.version_text()
    assert not shapes.differences(mine, other), libbpf.version_text()
    assert mine == other, f"{libbpf.version_text()}: equal shapes, but another row or order was kept"
    assert my_map == their_map, f"{libbpf.version_text()}: equal rows, but other input types became them"
