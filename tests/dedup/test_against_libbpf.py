"""Our dedup against libbpf's and against the coarsest merge, on generated programs; and libbpf's known fault."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings

from harness.dedup import dedup_types
from harness.model import Kind
from tests.dedup import graphs, shapes
from tests.dedup.witness import assert_agrees, needs_libbpf, ours, theirs
from tests.reference import libbpf, wire
from tests.rounds import rounds

examples = settings(
    max_examples=rounds(80), derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@needs_libbpf
@given(graphs.programs(conflicts=False))
@examples
def test_dedup__agrees_with_libbpf_where_units_agree(program):
    assert_agrees(program.types)


@needs_libbpf
@given(graphs.programs(forwards=False))
@examples
def test_dedup__agrees_with_libbpf_where_definitions_conflict(program):
    assert_agrees(program.types)


@needs_libbpf
@given(graphs.programs(typedefs=False))
@examples
def test_dedup__agrees_with_libbpf_on_forwards_with_several_definitions(program):
    assert_agrees(program.types)


@needs_libbpf
@pytest.mark.skipif(
    libbpf.available() and not libbpf.merges_typedefs_as_graphs(),
    reason="this libbpf (before v1.7) has typedefs among references: an ambiguous forward behind one stays",
)
@given(graphs.programs())
@examples
def test_dedup__agrees_with_libbpf_on_anything_in_clean_units(program):
    assert_agrees(program.types)


@needs_libbpf
@pytest.mark.skipif(
    libbpf.available() and not libbpf.accepts_repeats(),
    reason="this libbpf (before v1.6) keeps structs apart when a unit repeats a pointer",
)
@given(graphs.programs(duplicates=True, forwards=False))
@examples
def test_dedup__agrees_with_libbpf_on_units_that_repeat_types(program):
    if libbpf.confuses_arrays() and any(t.kind == Kind.ARRAY for t in program.types):
        # The fault only merges what differs, so ours may keep more of any kind but less of none.
        mine, other = shapes.by_kind(ours(program.types)[0]), shapes.by_kind(theirs(program.types)[0])
        assert all(mine[kind] >= n for kind, n in other.items()), libbpf.version_text()
    else:
        assert_agrees(program.types)


@given(graphs.programs(conflicts=False))
@examples
def test_dedup__merges_all_that_one_definition_per_name_allows(program):
    """The partition of the input ids, with no help of libbpf: equal output id if and only if nothing tells apart."""
    coarsest = shapes.coarsest(program.types)
    _, id_map = ours(program.types)
    assert len(set(zip(id_map[1:], coarsest, strict=True))) == len(set(id_map[1:])) == len(set(coarsest))


@given(graphs.programs(conflicts=False))
@examples
def test_dedup__maps_references_as_it_maps_types(program):
    """What a merged type refers to has become what the kept one refers to."""
    types = program.types
    after, id_map = ours(types)
    for old, t in enumerate(types, 1):
        kept = after[id_map[old] - 1]
        if kept.kind == t.kind and len(kept.body) == len(t.body):
            assert t.with_refs(id_map.__getitem__) == kept


@given(graphs.programs())
@examples
def test_dedup__of_a_result_changes_nothing(program):
    once, _ = ours(program.types)
    twice, id_map = ours(once)
    assert twice == once
    assert id_map == list(range(len(once) + 1))


@given(graphs.programs(forwards=False))
@examples
def test_dedup__of_a_program_and_its_copy_adds_only_variables(program):
    """A second helping of the same units brings nothing new but VARs, which never merge.

    Not so with forwards of several definitions: libbpf too may then take another one for the copy.
    """
    types = program.types
    copy = [t.with_refs(lambda r: r + len(types) if r else 0) for t in types]
    once, twice = shapes.by_kind(ours(types)[0]), shapes.by_kind(ours(types + copy)[0])
    assert {k: n for k, n in twice.items() if k != "VAR"} == {k: n for k, n in once.items() if k != "VAR"}
    assert twice["VAR"] == 2 * once["VAR"]


@given(graphs.programs())
@examples
def test_dedup__ignores_where_strings_lie(program):
    """Equal names have equal offsets; which offsets is nobody's business."""
    _, one = ours(program.types)
    table, strings = wire.to_tables(wire.pack(program.types, string_order=lambda s: s[::-1]))
    assert dedup_types(table, strings).id_map.tolist() == one


def test_dedup__agrees_with_the_coarsest_merge_on_a_large_program():
    """Many units over one pool: long candidate chains, and forwards resolved across many units."""
    rnd = random.Random(20230517)
    pool, types = graphs.Pool(rnd, conflicts=False), []
    for _ in range(300):
        base = len(types)
        unit = graphs.Unit(rnd, pool, forwards=True, duplicates=False).types
        types += [t.with_refs(lambda r, base=base: r + base if r else 0) for t in unit]
    coarsest = shapes.coarsest(types)
    _, id_map = ours(types)
    assert len(set(zip(id_map[1:], coarsest, strict=True))) == len(set(id_map[1:])) == len(set(coarsest))


def test_dedup__keeps_structs_whose_arrays_differ():
    """Arrays of equal length but other elements differ, also where a unit's repeats are looked at."""
    after, id_map = ours(libbpf.ARRAY_FAULT)
    assert after == [
        wire.int_("int", 4, encoding=1),
        wire.array(1, 1, 4),
        wire.struct_("s", ("a", 2, 0), ("b", 2, 128), size=32),
        wire.int_("unsigned int", 4),
        wire.array(4, 1, 4),
        wire.struct_("s", ("a", 2, 0), ("b", 5, 128), size=32),
    ]
    assert id_map == [0, 1, 2, 3, 1, 4, 2, 5, 6]


@needs_libbpf
def test_libbpf__loses_a_struct_whose_arrays_differ_where_it_has_the_fault():
    mine, other = ours(libbpf.ARRAY_FAULT)[0], theirs(libbpf.ARRAY_FAULT)[0]
    if not libbpf.confuses_arrays():
        assert mine == other, f"{libbpf.version_text()} has no fault, yet we differ"
        return
    # src/btf.c, btf_dedup_identical_types: a2 = btf_array(t1). The second struct is gone, its array is an orphan.
    assert shapes.differences(mine, other) == [("STRUCT", "s", 1)], libbpf.version_text()
    assert wire.array(4, 1, 4) in other and not any(5 in t.refs() for t in other)
