"""Dedup over a frozen base: a module's types against the kernel's.

The subjects of the hand cases are those of btf_dedup_split.c in the kernel's selftests (196d0a8d); the oracle is
libbpf's btf__dedup of a split BTF.
"""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from harness.dedup import dedup_types, freeze
from harness.errors import EncodeError
from harness.model import Kind, TypeTable
from tests.dedup import graphs
from tests.dedup.witness import assert_agrees_over, needs_libbpf, ours, ours_over, rebased, theirs_over
from tests.reference import libbpf, wire
from tests.reference.wire import (
    array,
    decl_tag,
    enum,
    enum64,
    func,
    func_proto,
    fwd,
    int_,
    ptr,
    struct_,
    typedef,
    union,
    var,
)
from tests.rounds import rounds

INT = int_("int", 4, encoding=1)
LONG = int_("long", 8, encoding=1)

examples = settings(
    max_examples=rounds(60), derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)

# name: base, types over it, what is left of them, and what each of them became
CASES = {
    "nothing over nothing": ([], [], [], []),
    "nothing over something": ([INT], [], [], []),
    "types over nothing": ([], [INT, INT, ptr(2)], [INT, ptr(1)], [1, 1, 2]),
    "what the base has is not kept": (
        [INT, ptr(1), struct_("s1", ("f", 2))],
        [INT, ptr(4), struct_("s1", ("f", 5)), struct_("s2", ("f", 6), ("g", 5)), ptr(6)],
        [struct_("s2", ("f", 3), ("g", 2)), ptr(3)],
        [1, 2, 3, 4, 5],
    ),
    "rows may refer to the base": (
        [INT, ptr(1)],
        [struct_("s", ("f", 2)), ptr(1), ptr(3), struct_("s", ("f", 4))],
        [struct_("s", ("f", 2)), ptr(3)],
        [3, 2, 4, 3],
    ),
    "structs that point at each other, in the base and again": (
        [INT, struct_("s1", ("f1", 1), ("f2", 4)), struct_("s2", ("f1", 1), ("f2", 5)), ptr(3), ptr(2)],
        [INT, struct_("s1", ("f1", 6), ("f2", 9)), struct_("s2", ("f1", 6), ("f2", 10)), ptr(8), ptr(7),
         struct_("s3", ("f1", 9), ("f2", 10))],
        [struct_("s3", ("f1", 4), ("f2", 5))],
        [1, 2, 3, 4, 5, 6],
    ),
    "a forward finds its definition in the base": (
        [INT, ptr(3), struct_("s1", ("f1", 2), ("f2", 4)), ptr(5), struct_("s2", ("f1", 1))],
        [INT, ptr(8), struct_("s1", ("f1", 7), ("f2", 9)), ptr(10), fwd("s2"), ptr(12), fwd("s2")],
        [],
        [1, 2, 3, 4, 5, 4, 5],
    ),
    "a lone forward finds the only struct of its name in the base": (
        [INT, struct_("s", ("a", 1)), union("u", ("a", 1))],
        [fwd("s"), fwd("u", is_union=1), fwd("u"), ptr(4), ptr(5), ptr(6)],
        [fwd("u"), ptr(2), ptr(3), ptr(4)],
        [2, 3, 4, 5, 6, 7],
    ),
    "a forward stays where base and module both define its name": (
        [INT, struct_("s", ("a", 1))],
        [LONG, struct_("s", ("b", 3)), fwd("s"), ptr(5)],
        [LONG, struct_("s", ("b", 3)), fwd("s"), ptr(5)],
        [3, 4, 5, 6],
    ),
    "a forward in the base does not become its definition there": (
        [fwd("inner"), ptr(1), struct_("outer", ("p", 2)), INT],
        [struct_("inner", ("x", 6)), INT, ptr(5), struct_("outer", ("p", 7))],
        [struct_("inner", ("x", 4)), ptr(5), struct_("outer", ("p", 6))],
        [5, 4, 6, 7],
    ),
    "but forwards after it do": (
        [fwd("inner"), ptr(1), struct_("outer", ("p", 2)), INT],
        [struct_("inner", ("x", 6)), INT, ptr(5), struct_("outer", ("p", 7)), fwd("inner"), ptr(9), typedef("t", 10)],
        [struct_("inner", ("x", 4)), ptr(5), struct_("outer", ("p", 6)), typedef("t", 6)],
        [5, 4, 6, 7, 5, 6, 8],
    ),
    "identical types within one unit, of which the base has one": (
        [INT, struct_("s", ("a", 1)), ptr(2)],
        [INT, struct_("s", ("a", 4)), struct_("s", ("a", 4)), ptr(5), ptr(6), struct_("t", ("p", 7), ("q", 8))],
        [struct_("t", ("p", 3), ("q", 3))],
        [1, 2, 2, 3, 3, 4],
    ),
    "an enum forward becomes the base's enum; a base's forward becomes nothing": (
        [enum("e", ("A", 1)), enum("o")],
        [enum("e"), enum64("o", ("B", 1)), ptr(3), ptr(4)],
        [enum64("o", ("B", 1)), ptr(1), ptr(3)],
        [1, 3, 4, 5],
    ),
    "functions, their prototypes and tags": (
        [INT, func_proto(1, ("a", 1)), func("f", 2), decl_tag("t", 3)],
        [INT, func_proto(5, ("a", 5)), func("f", 6), decl_tag("t", 7), func("g", 6), decl_tag("t", 9),
         decl_tag("t", 7, 0)],
        [func("g", 2), decl_tag("t", 5), decl_tag("t", 3, 0)],
        [1, 2, 3, 4, 5, 6, 7],
    ),
    "variables are never merged": ([INT, var("v", 1)], [INT, var("v", 3)], [var("v", 1)], [1, 3]),
    "types that differ from the base's stay": (
        [INT, array(1, 1, 4), struct_("s", ("a", 2)), typedef("t", 1)],
        [INT, array(5, 5, 8), struct_("s", ("a", 6)), typedef("t", 7)],
        [array(1, 1, 8), struct_("s", ("a", 5)), typedef("t", 6)],
        [1, 5, 6, 7],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_split__gives_what_was_written_out(name):
    base, types, expected, became = CASES[name]
    after, id_map = ours_over(base, types)
    assert after == expected
    assert id_map[len(base) + 1 :] == became


@needs_libbpf
@pytest.mark.parametrize("name", [name for name in CASES if CASES[name][1] and CASES[name][0]])
def test_libbpf__gives_what_was_written_out_over_a_base(name):
    base, types, expected, became = CASES[name]
    assert theirs_over(base, types) == (expected, became)


def finds_typedefs_of_a_base():
    """Whether libbpf merges a typedef with an equal one of the base."""
    return theirs_over([INT, typedef("t", 1)], [typedef("t", 1), ptr(3)]) == ([ptr(2)], [2, 3])


TYPEDEFS = not libbpf.available() or finds_typedefs_of_a_base()
"""Whether libbpf can witness typedefs over a base."""


@needs_libbpf
def test_libbpf__merges_typedefs_with_those_of_the_base():
    if libbpf.version() == (1, 7) and not TYPEDEFS:
        pytest.skip("libbpf 1.7.0 keeps typedefs that the base has (37027144, hashed in two ways; mended in 5b0f3729, "
                    "1.8): typedefs over a base have no outside witness")
    assert TYPEDEFS, libbpf.version_text()


def parts(program):
    """The first half of a program's units after dedup, and the others' types over it."""
    half = program.stops[(len(program.stops) - 1) // 2] if len(program.stops) > 1 else 0
    base = ours(program.types[:half])[0]
    return base, [t.with_refs(lambda r: r - half + len(base) if r else 0) for t in program.types[half:]]


@needs_libbpf
@given(graphs.programs(conflicts=False, typedefs=TYPEDEFS))
@examples
def test_split__agrees_with_libbpf_where_units_agree(program):
    assert_agrees_over(*parts(program))


@needs_libbpf
@given(graphs.programs(forwards=False, typedefs=TYPEDEFS))
@examples
def test_split__agrees_with_libbpf_where_definitions_conflict(program):
    assert_agrees_over(*parts(program))


@needs_libbpf
@given(graphs.programs(typedefs=False))
@examples
def test_split__agrees_with_libbpf_on_forwards_with_several_definitions(program):
    assert_agrees_over(*parts(program))


@given(graphs.programs(forwards=False))
@examples
def test_split__without_forwards_is_the_end_of_the_whole(program):
    base, types = parts(program)
    assert base + ours_over(base, types)[0] == ours(program.types)[0]


@given(graphs.programs())
@examples
def test_split__of_a_result_changes_nothing(program):
    base, types = parts(program)
    once, _ = ours_over(base, types)
    twice, id_map = ours_over(base, once)
    assert twice == once
    assert id_map[len(base) + 1 :] == list(range(len(base) + 1, len(base) + len(once) + 1))


@given(graphs.programs(forwards=False))
@examples
def test_split__of_the_base_itself_adds_only_variables(program):
    base, _ = parts(program)
    after, _ = ours_over(base, rebased(base, len(base)))
    assert {t.kind for t in after} <= {Kind.VAR, Kind.DATASEC}


def _dedup(frozen, raw):
    """In a worker: what is left, and whether the base can be written to."""
    types, strings = wire.to_tables(raw, (frozen.types, frozen.strings))
    result = dedup_types(types, strings, base=frozen)
    return wire.from_tables(result.types, strings), any(a.flags.writeable for a in frozen.index)


BASE = None


def _worker(raw):
    return _dedup(BASE, raw)


def test_split__forked_workers_share_one_base():
    global BASE
    base, types, expected, _ = CASES["structs that point at each other, in the base and again"]
    raw = wire.pack(base)
    BASE = freeze(*wire.to_tables(raw))
    module = wire.pack(types, base=raw)
    assert _worker(module) == (expected, False)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_worker, [module] * 4) == [(expected, False)] * 4


def test_split__refuses_types_that_do_not_go_on_where_the_base_ends():
    frozen = freeze(*wire.to_tables(wire.pack([INT])))
    types, strings = wire.to_tables(wire.pack([INT]))
    with pytest.raises(EncodeError, match="expected types that continue after type 1, found 1 as the first"):
        dedup_types(types, strings, base=frozen)
    over, strings = wire.to_tables(wire.pack([INT], base=wire.pack([INT])), (frozen.types, frozen.strings))
    with pytest.raises(EncodeError, match="expected types that continue after type 0, found 2 as the first"):
        dedup_types(over, strings)


@pytest.mark.parametrize("target", (3, 0xFFFFFFFF))
def test_split__refuses_a_type_id_out_of_range(target):
    frozen = freeze(*wire.to_tables(wire.pack([INT])))
    types, strings = wire.to_tables(wire.pack([ptr(1)]), (frozen.types, frozen.strings))
    words = types.words.copy()
    words[2] = target
    with pytest.raises(EncodeError, match="expected references to the types 0 to 2, found another in type 2"):
        dedup_types(TypeTable(words, types.start, frozen.types), strings, base=frozen)
    with pytest.raises(EncodeError, match="expected references to the types 0 to 1, found another in type 1"):
        freeze(TypeTable(words, types.start), strings)


def test_freeze__is_apart_from_what_it_was_made_of():
    types, strings = wire.to_tables(wire.pack([INT, ptr(1)]))
    words = types.words.copy()
    frozen = freeze(TypeTable(words, types.start), strings)
    words[:] = 0
    assert np.array_equal(frozen.types.words, types.words)
    with pytest.raises(ValueError, match="read-only"):
        frozen.types.words[0] = 1
