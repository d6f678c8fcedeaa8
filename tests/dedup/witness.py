"""Ours and libbpf's dedup on lists of plain types, with what every result of ours must satisfy checked on the way."""

from __future__ import annotations

import faulthandler
from collections import Counter

import numba
import numpy as np
import pytest

from harness.dedup import dedup_types, freeze
from harness.model import Kind
from tests.dedup import shapes
from tests.reference import libbpf, wire

PATIENCE = 600 if numba.config.DISABLE_JIT else 60
"""Seconds after which a dedup counts as endless."""

needs_libbpf = pytest.mark.skipif(not libbpf.available(), reason=libbpf.why_not())


def ours(types):
    """(types after our dedup, id_map as a list), with what every result must satisfy checked."""
    before, strings = wire.to_tables(wire.pack(types))
    given_words, given_start = before.words.copy(), before.start.copy()
    # Compiled code that never returns is out of reach of an exception; this ends the run with a traceback.
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
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
    check_origins(types, after, id_map, result)
    return after, id_map


def check_origins(types, after, id_map, result):
    """Which types the output's were, and the first that became each."""
    origin = result.origin.tolist()[1:]
    assert origin == sorted(set(origin)) and [id_map[old] for old in origin] == list(range(1, len(after) + 1))
    first, declared = {}, {}
    for old, new in enumerate(id_map[1:], 1):
        whole = shapes.local(types[old - 1]) == shapes.local(after[new - 1])
        (first if whole else declared).setdefault(new, old)
    for found, expected in ((result.first, first), (result.declared, declared)):
        assert found.tolist()[1:] == [expected.get(new, 0) for new in range(1, len(after) + 1)]


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


def rebased(types, n_before):
    """Types whose references count from 1, as they are after `n_before` others."""
    return [t.with_refs(lambda r: r + n_before if r else 0) for t in types]


def ours_over(base, types):
    """(types after our dedup over `base`, id_map as a list), with what every result must satisfy checked.

    `base` is a list of types, and stays as it is. References in `types` count on from it.
    """
    raw = wire.pack(base)
    frozen = freeze(*wire.to_tables(raw))
    assert not any(array.flags.writeable for array in (*frozen.index, frozen.strings.blob))
    before, strings = wire.to_tables(wire.pack(types, base=raw), (frozen.types, frozen.strings))
    given_words = before.words.copy()
    kept = [array.copy() for array in frozen.index]
    result = dedup_types(before, strings, base=frozen)
    assert np.array_equal(before.words, given_words), "input was changed"
    assert all(np.array_equal(a, b) for a, b in zip(frozen.index, kept, strict=True)), "the base was changed"
    assert result.types.base is frozen.types and result.types.first_id == len(base) + 1
    after, id_map = wire.from_tables(result.types, strings), result.id_map.tolist()
    n, whole = len(base), [*base, *after]
    assert len(id_map) == 1 + n + len(types) and id_map[0] == 0
    for old, new in enumerate(id_map[1:], 1):
        assert 1 <= new <= len(whole) and (old > n or new == old or new > n)
        given = (base + types)[old - 1]
        assert same_declaration(given, whole[new - 1]), f"[{old}] {given} became {whole[new - 1]}"
    assert {new for new in id_map[n + 1 :] if new > n} == set(range(n + 1, len(whole) + 1))
    assert all(0 <= r <= len(whole) for t in after for r in t.refs())
    return after, id_map


def theirs_over(base, types):
    """The same of libbpf, but that its id_map ends where `base` does: (types, id_map of `types` as a list)."""
    raw = wire.pack(base)
    n = len(base)
    scouts = [wire.var("scout", type_id) for type_id in range(n + 1, n + len(types) + 1)]
    after = wire.unpack(libbpf.dedup(wire.pack(types + scouts, base=raw), raw), raw)
    n_kept = len(after) - len(types)
    return after[:n_kept], [scout.size_type for scout in after[n_kept:]]


def assert_agrees_over(base, types):
    """Ours and libbpf's results over a base are equal; as far as chance allows, as in `assert_agrees`."""
    (mine, my_map), (other, their_map) = ours_over(base, types), theirs_over(base, types)
    my_map = my_map[len(base) + 1 :]
    if (mine, my_map) != (other, their_map) and has_ambiguous_forward(base + types, base + other):
        settled = ("INT", "FLOAT")
        mine_by_kind, other_by_kind = shapes.by_kind(mine), shapes.by_kind(other)
        assert {k: mine_by_kind[k] for k in settled} == {k: other_by_kind[k] for k in settled}, libbpf.version_text()
        return
    assert not shapes.differences(base + mine, base + other), libbpf.version_text()
    assert mine == other, f"{libbpf.version_text()}: equal shapes, but another row or order was kept"
    assert my_map == their_map, f"{libbpf.version_text()}: equal rows, but other input types became them"
