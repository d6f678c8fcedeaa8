"""Dedup on inputs written by hand, with the outcome written out; then depth, width and cycles.

The subjects follow dedup_tests[] in tools/testing/selftests/bpf/prog_tests/btf.c (0190f070); string filtering is not
among them, because dedup_types leaves strings alone. Every expectation is also put to libbpf.
"""

from __future__ import annotations

import numba
import pytest

from harness.errors import HarnessError
from tests.dedup.witness import needs_libbpf, ours, theirs
from tests.reference import libbpf, wire
from tests.reference.wire import (
    array,
    const,
    datasec,
    decl_tag,
    enum,
    enum64,
    float_,
    func,
    func_proto,
    fwd,
    int_,
    ptr,
    restrict,
    struct_,
    type_tag,
    typedef,
    union,
    var,
    volatile,
)

INT = int_("int", 4, encoding=1)
UNSIGNED = int_("unsigned int", 4)

# Hand cases: input → expected output, and the id_map where it says more than the output does

CASES = {}


def case(name, given_types, expected, id_map=None):
    """Register a hand case."""
    assert name not in CASES
    CASES[name] = given_types, expected, id_map


case("nothing at all", [], [], [0])
case("a lone type", [INT], [INT], [0, 1])
case("equal ints become the first of them", [INT, INT, ptr(2)], [INT, ptr(1)], [0, 1, 1, 2])
case(
    "ints that differ in name, size, bits, bit offset or encoding stay apart",
    [INT, int_("int", 8, encoding=1), int_("int", 4, bits=7, encoding=1), int_("int", 4), int_("i", 4, encoding=1),
     int_("int", 4, bits=32 | 8 << 16, encoding=1)],
    [INT, int_("int", 8, encoding=1), int_("int", 4, bits=7, encoding=1), int_("int", 4), int_("i", 4, encoding=1),
     int_("int", 4, bits=32 | 8 << 16, encoding=1)],
)  # fmt: skip
case(
    "floats merge by name and size",
    [float_("float", 4), float_("float", 4), float_("float", 8), float_("double", 4)],
    [float_("float", 4), float_("float", 8), float_("double", 4)],
    [0, 1, 1, 2, 3],
)
case(
    "a struct with arrays and a pointer to itself, whole in both units",
    [
        INT, array(1, 1, 16), ptr(4), struct_("s", ("next", 3), ("data", 2), ("n", 1)),
        ptr(6), struct_("s", ("next", 5), ("data", 8), ("n", 7)), INT, array(7, 7, 16),
    ],
    [INT, array(1, 1, 16), ptr(4), struct_("s", ("next", 3), ("data", 2), ("n", 1))],
    [0, 1, 2, 3, 4, 3, 4, 1, 2],
)  # fmt: skip
case(
    "a forward in the second unit resolves through the struct that points at it",
    [
        struct_("inner", ("x", 2)), INT, ptr(1), struct_("outer", ("p", 3)),
        fwd("inner"), ptr(5), struct_("outer", ("p", 6)),
    ],
    [struct_("inner", ("x", 2)), INT, ptr(1), struct_("outer", ("p", 3))],
    [0, 1, 2, 3, 4, 1, 3, 4],
)  # fmt: skip
case(
    "a forward in the first unit resolves to a struct that comes later",
    [
        fwd("inner"), ptr(1), struct_("outer", ("p", 2)),
        struct_("inner", ("x", 5)), INT, ptr(4), struct_("outer", ("p", 6)),
    ],
    [ptr(3), struct_("outer", ("p", 1)), struct_("inner", ("x", 4)), INT],
    [0, 3, 1, 2, 3, 4, 1, 2],
)  # fmt: skip
case(
    "a struct and a forward of its name never become each other's stand-in in a loop",
    [fwd("s"), struct_("s"), ptr(1), ptr(2), fwd("s"), struct_("s")],
    [struct_("s"), ptr(1)],
    [0, 1, 1, 2, 2, 1, 1],
)
case(
    "void matches only void: pointers to void and to int, in structs that look alike",
    [INT, ptr(0), struct_("s", ("p", 2)), INT, ptr(4), struct_("s", ("p", 5))],
    [INT, ptr(0), struct_("s", ("p", 2)), ptr(1), struct_("s", ("p", 4))],
    [0, 1, 2, 3, 1, 4, 5],
)
EVERY_KIND = [
    INT, enum("e", ("A", 0), ("B", 1)), fwd("f"), array(1, 1, 7), struct_("s", ("m", 1)), union("u", ("m", 1)),
    typedef("t", 1), ptr(0), const(8), volatile(8), restrict(8), func_proto(1, ("a", 8), ("", 0)), func("fn", 12),
    float_("double", 8), decl_tag("tag", 5), decl_tag("tag", 5, 0), decl_tag("tag", 13, 1), decl_tag("tag", 7),
    type_tag("tag", 8), enum64("e64", ("C", -1)), var("v", 1), datasec(".data", (21, 0, 4), size=4),
    fwd("f", is_union=1),
]  # fmt: skip
case("one of every kind stays as it is", EVERY_KIND, EVERY_KIND, list(range(24)))
case(
    "one of every kind, twice, leaves one of each but VAR and DATASEC",
    EVERY_KIND + [t.with_refs(lambda r: r + 23 if r else 0) for t in EVERY_KIND],
    EVERY_KIND + [var("v", 1), datasec(".data", (24, 0, 4), size=4)],
)
case(
    "variables and sections pass through, with their references mapped",
    [INT, INT, var("v", 2), var("v", 2), datasec(".bss", (3, 0, 4), (4, 4, 4), size=8), datasec(".bss", size=8),
     datasec(".bss", size=8)],
    [INT, var("v", 1), var("v", 1), datasec(".bss", (2, 0, 4), (3, 4, 4), size=8), datasec(".bss", size=8),
     datasec(".bss", size=8)],
    [0, 1, 1, 2, 3, 4, 5, 6],
)  # fmt: skip
case(
    "struct and union of one name and layout stay apart",
    [struct_("s", size=8), union("s"), struct_("s", size=8), union("s")],
    [struct_("s", size=8), union("s")],
    [0, 1, 2, 1, 2],
)
case(
    "structs that differ in a member's name, offset, type, in size or in kind_flag stay apart",
    [INT, struct_("s", ("a", 1)), struct_("s", ("b", 1)), struct_("s", ("a", 1, 32)), struct_("s", ("a", 0)),
     struct_("s", ("a", 1), size=16), struct_("s", ("a", 1), kind_flag=1),
     struct_("s", ("a", 1, 4 << 24), kind_flag=1)],
    [INT, struct_("s", ("a", 1)), struct_("s", ("b", 1)), struct_("s", ("a", 1, 32)), struct_("s", ("a", 0)),
     struct_("s", ("a", 1), size=16), struct_("s", ("a", 1), kind_flag=1),
     struct_("s", ("a", 1, 4 << 24), kind_flag=1)],
)  # fmt: skip
case(
    "anonymous members merge when their contents do",
    [INT, union("", ("i", 1)), struct_("s", ("", 2)), INT, union("", ("i", 4)), struct_("s", ("", 5)),
     UNSIGNED, union("", ("i", 7)), struct_("s", ("", 8))],
    [INT, union("", ("i", 1)), struct_("s", ("", 2)), UNSIGNED, union("", ("i", 4)), struct_("s", ("", 5))],
    [0, 1, 2, 3, 1, 2, 3, 4, 5, 6],
)  # fmt: skip
case(
    "a difference behind three pointers keeps two structs apart",
    [INT, ptr(1), ptr(2), ptr(3), struct_("s", ("p", 4)), UNSIGNED, ptr(6), ptr(7), ptr(8), struct_("s", ("p", 9))],
    [INT, ptr(1), ptr(2), ptr(3), struct_("s", ("p", 4)), UNSIGNED, ptr(6), ptr(7), ptr(8), struct_("s", ("p", 9))],
)
case(
    "two structs that point at each other merge pairwise",
    [ptr(3), struct_("a", ("b", 1)), struct_("b", ("a", 4)), ptr(2),
     ptr(7), struct_("b", ("a", 5)), struct_("a", ("b", 8)), ptr(6)],
    [ptr(3), struct_("a", ("b", 1)), struct_("b", ("a", 4)), ptr(2)],
    [0, 1, 2, 3, 4, 4, 3, 2, 1],
)  # fmt: skip
case(
    "enum forwards become the definition, which may come before or after",
    [enum("e"), enum("e", ("A", 1)), enum("e"), ptr(1), ptr(3), enum("e", ("A", 1))],
    [enum("e", ("A", 1)), ptr(1)],
    [0, 1, 1, 1, 2, 2, 1],
)
case(
    "enum64 merges like enum, forwards too",
    [enum64("e"), enum64("e", ("A", 1 << 40)), enum64("e", ("A", 1 << 40)), enum64("e", ("A", 1 << 41)),
     enum64("o"), enum64("o")],
    [enum64("e", ("A", 1 << 40)), enum64("e", ("A", 1 << 41)), enum64("o")],
)  # fmt: skip
case(
    "an enum and an enum64 that both have values stay apart",
    [enum("e", ("A", 1)), enum64("e", ("A", 1))],
    [enum("e", ("A", 1)), enum64("e", ("A", 1))],
)
case(
    "an enum forward becomes an enum64, and the other way round",
    [enum("e"), enum64("e", ("A", 1)), enum64("o", size=4), enum("o", ("B", 2))],
    [enum64("e", ("A", 1)), enum("o", ("B", 2))],
    [0, 1, 1, 2, 2],
)
case(
    "enums of different size stay apart",
    [enum("e", ("A", 1)), enum("e", ("A", 1), size=1)],
    [enum("e", ("A", 1)), enum("e", ("A", 1), size=1)],
)
case(
    "enums that differ in a value or its name stay apart",
    [enum("e", ("A", 1)), enum("e", ("A", 2)), enum("e", ("B", 1)), enum("e", ("A", 1))],
    [enum("e", ("A", 1)), enum("e", ("A", 2)), enum("e", ("B", 1))],
    [0, 1, 2, 3, 1],
)
case(
    "a lone forward becomes the only struct of its name",
    [INT, struct_("s", ("a", 1)), fwd("s"), ptr(3), typedef("t", 4)],
    [INT, struct_("s", ("a", 1)), ptr(2), typedef("t", 3)],
    [0, 1, 2, 2, 3, 4],
)
case(
    "a lone union forward becomes the only union of its name",
    [INT, fwd("u", is_union=1), ptr(2), union("u", ("a", 1))],
    [INT, ptr(3), union("u", ("a", 1))],
    [0, 1, 3, 2, 3],
)
case(
    "a lone forward of the wrong kind stays",
    [INT, struct_("s", ("a", 1)), fwd("s", is_union=1), union("u", ("a", 1)), fwd("u")],
    [INT, struct_("s", ("a", 1)), fwd("s", is_union=1), union("u", ("a", 1)), fwd("u")],
)
case(
    "a lone forward with two structs of its name stays",
    [INT, struct_("s", ("a", 1)), struct_("s", ("b", 1)), fwd("s"), ptr(4)],
    [INT, struct_("s", ("a", 1)), struct_("s", ("b", 1)), fwd("s"), ptr(4)],
)
case(
    "a lone forward with a struct and a union of its name stays",
    [INT, struct_("s", ("a", 1)), union("s", ("a", 1)), fwd("s"), ptr(4)],
    [INT, struct_("s", ("a", 1)), union("s", ("a", 1)), fwd("s"), ptr(4)],
)
case(
    "functions merge by name, linkage and prototype; prototypes by parameter names too",
    [
        INT, func_proto(1, ("a", 1)), func("f", 2), func_proto(1, ("a", 1)), func("f", 4), func_proto(1, ("b", 1)),
        func("f", 6), func("g", 4), func("f", 4, linkage=1), func_proto(1, ("", 1)), func_proto(0, ("a", 1)),
    ],
    [
        INT, func_proto(1, ("a", 1)), func("f", 2), func_proto(1, ("b", 1)), func("f", 4), func("g", 2),
        func("f", 2, linkage=1), func_proto(1, ("", 1)), func_proto(0, ("a", 1)),
    ],
    [0, 1, 2, 3, 2, 3, 4, 5, 6, 7, 8, 9],
)  # fmt: skip
case(
    "tags of functions and parameters merge once their functions have; those of variables never do",
    [
        INT, func_proto(0, ("a", 1), ("b", 1)), func("f", 2), decl_tag("t", 3), decl_tag("t", 3, 1), var("v", 1),
        decl_tag("t", 6), func_proto(0, ("a", 1), ("b", 1)), func("f", 8), decl_tag("t", 9), decl_tag("t", 9, 0),
        decl_tag("u", 9), var("v", 1), decl_tag("t", 13), decl_tag("t", 13),
    ],
    [
        INT, func_proto(0, ("a", 1), ("b", 1)), func("f", 2), decl_tag("t", 3), decl_tag("t", 3, 1), var("v", 1),
        decl_tag("t", 6), decl_tag("t", 3, 0), decl_tag("u", 3), var("v", 1), decl_tag("t", 10),
    ],
    [0, 1, 2, 3, 4, 5, 6, 7, 2, 3, 4, 8, 9, 10, 11, 11],
)  # fmt: skip
case(
    "tags of structs and members merge with their structs, and do not keep structs apart",
    [
        INT, struct_("s", ("a", 1), ("b", 1)), decl_tag("t", 2), decl_tag("t", 2, 0),
        struct_("s", ("a", 1), ("b", 1)), decl_tag("t", 5, 1), decl_tag("t", 5), decl_tag("u", 5, 0),
    ],
    [
        INT, struct_("s", ("a", 1), ("b", 1)), decl_tag("t", 2), decl_tag("t", 2, 0), decl_tag("t", 2, 1),
        decl_tag("u", 2, 0),
    ],
    [0, 1, 2, 3, 4, 2, 5, 3, 6],
)  # fmt: skip
case(
    "typedefs merge by name and target",
    [INT, typedef("t", 1), typedef("t", 1), typedef("u", 1), UNSIGNED, typedef("t", 5), typedef("v", 3)],
    [INT, typedef("t", 1), typedef("u", 1), UNSIGNED, typedef("t", 4), typedef("v", 2)],
    [0, 1, 2, 2, 3, 4, 5, 6],
)
case(
    "tags of typedefs merge with them",
    [INT, typedef("t", 1), decl_tag("x", 2), typedef("t", 1), decl_tag("x", 4), decl_tag("y", 4)],
    [INT, typedef("t", 1), decl_tag("x", 2), decl_tag("y", 2)],
    [0, 1, 2, 3, 2, 3, 4],
)
case(
    "a typedef that its own struct points at",
    [typedef("t", 2), struct_("s", ("next", 3)), ptr(1), ptr(5), typedef("t", 6), struct_("s", ("next", 4))],
    [typedef("t", 2), struct_("s", ("next", 3)), ptr(1)],
    [0, 1, 2, 3, 3, 1, 2],
)
case(
    "type tags merge by text and target, and their order counts",
    [
        INT, type_tag("a", 1), ptr(2), type_tag("b", 2), ptr(4), type_tag("b", 1), type_tag("a", 6), ptr(7),
        type_tag("a", 1), ptr(9), type_tag("b", 9), ptr(11),
    ],
    [INT, type_tag("a", 1), ptr(2), type_tag("b", 2), ptr(4), type_tag("b", 1), type_tag("a", 6), ptr(7)],
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 2, 3, 4, 5],
)  # fmt: skip
case(
    "a type tag behind a member keeps two structs apart",
    [INT, type_tag("a", 1), ptr(2), struct_("s", ("p", 3)), ptr(1), struct_("s", ("p", 5)),
     type_tag("a", 1), ptr(7), struct_("s", ("p", 8))],
    [INT, type_tag("a", 1), ptr(2), struct_("s", ("p", 3)), ptr(1), struct_("s", ("p", 5))],
    [0, 1, 2, 3, 4, 5, 6, 2, 3, 4],
)  # fmt: skip
case(
    "qualifiers merge by kind and target, and their order counts",
    [INT, const(1), volatile(2), volatile(1), const(4), const(1), ptr(6), restrict(7), ptr(2), restrict(9), const(0),
     const(0)],
    [INT, const(1), volatile(2), volatile(1), const(4), ptr(2), restrict(6), const(0)],
    [0, 1, 2, 3, 4, 5, 2, 6, 7, 6, 7, 8, 8],
)  # fmt: skip
case(
    "arrays merge by element, index type and length",
    [INT, array(1, 1, 4), array(1, 1, 4), array(1, 1, 5), UNSIGNED, array(5, 1, 4), array(1, 5, 4)],
    [INT, array(1, 1, 4), array(1, 1, 5), UNSIGNED, array(4, 1, 4), array(1, 4, 4)],
    [0, 1, 2, 2, 3, 4, 5, 6],
)
case(
    "a struct merges though its unit holds one array twice, in the second unit",
    [INT, array(1, 1, 4), struct_("s", ("a", 2), ("b", 2)),
     INT, array(4, 4, 4), array(4, 4, 4), struct_("s", ("a", 5), ("b", 6))],
    [INT, array(1, 1, 4), struct_("s", ("a", 2), ("b", 2))],
    [0, 1, 2, 3, 1, 2, 2, 3],
)  # fmt: skip
case(
    "a struct merges though its unit holds one array twice, in the first unit",
    [INT, array(1, 1, 4), array(1, 1, 4), struct_("s", ("a", 2), ("b", 3)),
     INT, array(5, 5, 4), struct_("s", ("a", 6), ("b", 6))],
    [INT, array(1, 1, 4), struct_("s", ("a", 2), ("b", 2))],
    [0, 1, 2, 2, 3, 1, 2, 3],
)  # fmt: skip
case(
    "a struct merges though its unit holds a member's struct twice",
    [INT, struct_("in", ("x", 1)), struct_("s", ("a", 2), ("b", 2)),
     INT, struct_("in", ("x", 4)), struct_("in", ("x", 4)), struct_("s", ("a", 5), ("b", 6))],
    [INT, struct_("in", ("x", 1)), struct_("s", ("a", 2), ("b", 2))],
    [0, 1, 2, 3, 1, 2, 2, 3],
)  # fmt: skip


@pytest.mark.parametrize("order", ["<", ">"])
def test_wire__reads_what_it_writes(order):
    """The witness's own reader and writer, on every kind and in either byte order."""
    types = [t for given_types, expected, _ in CASES.values() for t in (*given_types, *expected)]
    raw = wire.pack(types, order)
    assert wire.unpack(raw) == types
    assert wire.from_tables(*wire.to_tables(raw)) == types


# Where libbpf 1.1 answers otherwise, the probe says whether the loaded one is expected to agree.
RECENT = {
    "a struct merges though its unit holds a pointer twice": (
        libbpf.REPEATED_POINTER,
        [ptr(0), struct_("s", ("a", 1), ("b", 1))],
        [0, 1, 2, 1, 1, 2],
        libbpf.accepts_repeats,
    ),
    "a forward behind a typedef resolves as one in a struct does": (
        libbpf.FORWARD_BEHIND_TYPEDEF,
        [struct_("s", ("a", 0)), ptr(1), typedef("t", 2), struct_("s")],
        [0, 1, 2, 3, 1, 2, 3, 4],
        libbpf.merges_typedefs_as_graphs,
    ),
    "a typedef may recur through pointers alone, as in Go": (
        [typedef("t", 2), ptr(1), ptr(4), typedef("t", 3)],
        [typedef("t", 2), ptr(1)],
        [0, 1, 2, 2, 1],
        libbpf.merges_typedefs_as_graphs,
    ),
}


@pytest.mark.parametrize("name", [*CASES, *RECENT])
def test_dedup__gives_what_was_written_out(name):
    types, expected, id_map = (CASES.get(name) or RECENT[name])[:3]
    after, found_map = ours(types)
    assert after == expected
    assert id_map is None or found_map == id_map


@needs_libbpf
@pytest.mark.parametrize("name", [*CASES, *RECENT])
def test_libbpf__gives_what_was_written_out(name):
    """The expectations above are what libbpf does too, so they are not merely what we happen to do."""
    if name in RECENT and not RECENT[name][3]():
        pytest.skip(f"{libbpf.version_text()} is older than this rule")
    types, expected, id_map = (CASES.get(name) or RECENT[name])[:3]
    after, found_map = theirs(types)
    assert after == expected
    assert id_map is None or found_map == id_map


# Depth, width and cycles that no C compiler makes


def chain(n, wrap, end):
    """`end`, and n types each wrapping the one before: type_ids 1 and 2 .. n + 1."""
    return [end] + [wrap(i) for i in range(1, n + 1)]


@pytest.mark.large
@pytest.mark.parametrize("wrap", [ptr, const, lambda to: typedef(f"t{to}", to), lambda to: array(to, 1, 1)])
def test_dedup__follows_ten_thousand_links(wrap):
    one = chain(10_000, wrap, INT)
    two = [t.with_refs(lambda r: r + len(one)) for t in one]
    after, id_map = ours(one + two)
    assert after == one
    assert id_map == [0, *range(1, len(one) + 1), *range(1, len(one) + 1)]


@pytest.mark.large
def test_dedup__tells_links_of_one_name_apart():
    """Each typedef is a candidate for every other, and only the far end of the chain tells them apart."""
    one = chain(200, lambda to: typedef("t", to), INT)
    two = [t.with_refs(lambda r: r + len(one)) for t in one]
    assert ours(one + two)[0] == one


@pytest.mark.large
def test_dedup__follows_ten_thousand_links_from_a_struct():
    """Here the links are walked by the equivalence check, not by the pass over references."""
    one = [*chain(10_000, ptr, INT), struct_("s", ("p", 10_001))]
    two = [t.with_refs(lambda r: r + len(one)) for t in one]
    assert ours(one + two)[0] == one


@pytest.mark.large
def test_dedup__follows_ten_thousand_structs():
    """A list of structs, each pointing at the next, in two units and opposite orders."""
    n = 5_000
    one = [t for i in range(n) for t in (struct_(f"s{i}", ("p", 2 * i + 2)), ptr((2 * i + 3) % (2 * n)))]
    two = [t.with_refs(lambda r: 4 * n + 1 - r) for t in reversed(one)]
    after, id_map = ours(one + two)
    assert after == one
    assert id_map[1:] == [*range(1, 2 * n + 1), *range(2 * n, 0, -1)]


@pytest.mark.large
def test_dedup__takes_a_struct_of_sixty_thousand_members():
    wide = struct_("wide", *((f"m{i}", 1, i) for i in range(60_000)))
    other = wide._replace(body=(*wide.body[:-1], ("m59999", 5, 59_999)))
    after, id_map = ours([INT, wide, INT, wide.with_refs(lambda _: 3), UNSIGNED, other])
    assert id_map == [0, 1, 2, 1, 2, 3, 4]
    assert len(after) == 4 and after[1] == wide


def test_dedup__takes_an_enum_of_sixty_thousand_values():
    wide = enum("wide", *((f"V{i}", i) for i in range(60_000)))
    assert ours([wide, enum("wide"), wide])[0] == [wide]


@pytest.mark.large
def test_dedup__takes_three_thousand_conflicting_structs_of_one_name():
    """Every one is a candidate for every other; the forward fits all and resolves to none."""
    n = 300 if numba.config.DISABLE_JIT else 3_000  # four and a half million comparisons
    types = [t for i in range(n) for t in (int_(f"i{i}", 4), struct_("s", ("a", 2 * i + 1)))] + [fwd("s")]
    assert ours(types)[0] == types


CYCLES = {
    "typedef of itself": [typedef("a", 1)],
    "typedefs of each other": [typedef("a", 2), typedef("b", 3), typedef("a", 2)],
    "typedefs in a ring, twice": [typedef("a", 2), typedef("b", 1), typedef("b", 4), typedef("a", 3)],
    "const of itself": [const(1)],
    "qualifiers in a ring": [const(2), volatile(1), const(4), volatile(3)],
    "pointer to itself": [ptr(1)],
    "pointers in a ring, twice": [ptr(2), ptr(1), ptr(4), ptr(3)],
    "array of itself": [INT, array(2, 1, 2), array(3, 1, 2)],
    "array indexed by itself": [INT, array(1, 2, 2)],
    "prototype that takes itself": [func_proto(0, ("a", 1)), func_proto(0, ("a", 2))],
    "function that is its own prototype": [func("f", 1)],
    "tag of itself": [decl_tag("t", 1)],
    "type tags in a ring": [type_tag("t", 2), type_tag("t", 1)],
    "struct that holds itself": [struct_("s", ("a", 1)), struct_("s", ("a", 2))],
    "structs that hold each other": [struct_("s", ("a", 2)), struct_("t", ("a", 1)), struct_("s", ("a", 2))],
    "rings met from structs": [
        const(2), volatile(1), struct_("s", ("a", 1)), const(5), volatile(4), struct_("s", ("a", 4)),
    ],
    "ring of ten thousand": [const(i % 10_000 + 1) for i in range(1, 10_001)],
}  # fmt: skip


@pytest.mark.parametrize("name", CYCLES)
def test_dedup__ends_on_cycles_that_c_cannot_form(name):
    """With a result that `ours` finds sound, or with an error that says so."""
    try:
        ours(CYCLES[name])
    except HarnessError as error:
        assert str(error)


@pytest.mark.parametrize(
    "types",
    [[ptr(2)], [ptr(0xFFFFFFFF)], [INT, struct_("s", ("a", 3))], [INT, array(1, 9, 1)], [func_proto(0, ("a", 7))]],
)
def test_dedup__refuses_a_type_id_out_of_range(types):
    with pytest.raises(HarnessError):
        ours(types)
