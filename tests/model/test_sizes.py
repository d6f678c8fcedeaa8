"""Sizes of types, by the table and by the compiled walk over all of them."""

import numpy as np
import pytest

from harness.model import MAX_HOPS, Kind, TypeTable
from harness.model.sizes import behind_modifiers, byte_size, element_type, parameter_sizes
from harness.model.sizes_kernels import NO_TYPE
from tests.reference import wire

TYPES = [
    wire.int_("int", 4),  # 1
    wire.ptr(0),  # 2
    wire.array(1, 1, 3),  # 3
    wire.array(3, 1, 5),  # 4
    wire.struct_("s", ("a", 1), size=24),  # 5
    wire.union("u", ("a", 1), size=8),  # 6
    wire.enum("e", ("A", 1), size=2),  # 7
    wire.enum64("w", ("A", 1)),  # 8
    wire.float_("f", 16),  # 9
    wire.typedef("t", 5),  # 10
    wire.const(10),  # 11
    wire.volatile(4),  # 12
    wire.restrict(2),  # 13
    wire.type_tag("g", 6),  # 14
    wire.fwd("s"),  # 15
    wire.func_proto(1),  # 16
    wire.func("fn", 16),  # 17
    wire.const(0),  # 18
    wire.array(0, 1, 4),  # 19
    wire.var("v", 1),  # 20
]
SIZES = [4, 8, 12, 60, 24, 8, 2, 8, 16, 24, 24, 60, 8, 8, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("over", (0, 4, len(TYPES)))
def test_byte_size__is_what_sizeof_says(over):
    types, _ = wire.to_tables(wire.pack(TYPES))
    cut = int(types.start[over + 1])
    base = TypeTable(types.words[:cut], types.start[: over + 2])
    rest = TypeTable(types.words[cut:], np.concatenate([[0], types.start[over + 1 :] - cut]), base if over else None)
    assert [byte_size(rest, i, 8) for i in range(len(TYPES) + 1)] == [0, *SIZES]
    assert byte_size(rest, 2, 4) == byte_size(rest, 13, 4) == 4


def test_parameter_sizes__are_those_of_a_parameter():
    """As byte_size says, but an array is its element and a prototype what it returns, as pahole has them."""
    types, _ = wire.to_tables(wire.pack(TYPES))
    size, is_struct = parameter_sizes(types, 8)
    expected = dict(enumerate(SIZES, 1)) | {3: 4, 4: 4, 12: 4, 16: 4}
    assert size.tolist() == [0, *expected.values()]
    assert np.flatnonzero(is_struct).tolist() == [5, 10, 11, 15]


@pytest.mark.parametrize("kind", (Kind.TYPEDEF, Kind.CONST, Kind.ARRAY))
def test_sizes__end_on_a_cycle(kind):
    ring = {Kind.TYPEDEF: wire.typedef("t", 1), Kind.CONST: wire.const(1), Kind.ARRAY: wire.array(1, 1, 2)}[kind]
    types, _ = wire.to_tables(wire.pack([ring]))
    size, _ = parameter_sizes(types, 8)
    assert byte_size(types, 1, 8) == 0 and size.tolist() == [0, 0]
    assert element_type(types, 1) == NO_TYPE


def test_byte_size__follows_as_many_hops_as_are_allowed():
    chain = [wire.int_("int", 4), *(wire.const(i) for i in range(1, MAX_HOPS + 1))]
    types, _ = wire.to_tables(wire.pack(chain))
    assert byte_size(types, MAX_HOPS, 8) == 4 and byte_size(types, MAX_HOPS + 1, 8) == 0


def test_byte_size__of_arrays_of_arrays_stops_to_grow_but_does_not_turn_negative():
    huge = [wire.int_("int", 4), *(wire.array(i, 1, 2**32 - 1) for i in range(1, 5)), wire.array(5, 1, 0)]
    types, _ = wire.to_tables(wire.pack(huge))
    sizes = [byte_size(types, i, 8) for i in range(1, 7)]
    assert sizes[:2] == [4, 4 * (2**32 - 1)] and sizes[5] == 0
    assert all(2**61 < size < 2**63 for size in sizes[2:5])


def test_byte_size__of_what_is_not_there_is_none():
    types, _ = wire.to_tables(wire.pack([wire.typedef("t", 7)]))
    assert [byte_size(types, i, 8) for i in (0, 1, 2, 9)] == [0, 0, 0, 0]


def test_element_type__is_behind_arrays_and_modifiers():
    types, _ = wire.to_tables(wire.pack(TYPES))
    seen = {3: 1, 4: 1, 10: 5, 11: 5, 12: 1, 13: 2, 14: 6, 18: 0, 19: 0}
    assert [element_type(types, i) for i in range(len(TYPES) + 1)] == [seen.get(i, i) for i in range(len(TYPES) + 1)]


def test_behind_modifiers__ends_at_arrays_and_where_a_chain_is_too_long():
    types, _ = wire.to_tables(wire.pack(TYPES))
    seen = {10: 5, 11: 5, 12: 4, 13: 2, 14: 6, 18: 0}
    assert behind_modifiers(types, 5).tolist() == [seen.get(i, i) for i in range(len(TYPES) + 1)]
    chain, _ = wire.to_tables(wire.pack([wire.int_("int", 4), *(wire.const(i) for i in range(1, 5)), wire.const(99)]))
    assert behind_modifiers(chain, 4).tolist() == [0, 1, 1, 1, 1, NO_TYPE, NO_TYPE]
