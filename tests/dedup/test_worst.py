"""Tables made to take long: dedup's time grows with their size, and the results are those of libbpf all the same."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from harness import accelerate
from harness.dedup import dedup_types, freeze
from harness.dedup import types as planner
from harness.errors import EncodeError
from harness.model import Kind
from tests.dedup import graphs
from tests.dedup.witness import assert_agrees, needs_libbpf, ours, rebased
from tests.reference import wire
from tests.reference.wire import array, const, enum, enum64, func_proto, fwd, int_, ptr, struct_, typedef, union
from tests.rounds import rounds

INT = int_("int", 4, encoding=1)

examples = settings(
    max_examples=rounds(60), derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def nameless(n):
    """Structs, unions and enums that all have the same name, or none; no two are the same."""
    types = [INT]
    for _ in range(n // 4):
        top = len(types)
        types += [ptr(top), struct_("", ("", top + 1)), union("", ("", top + 1)), enum("", ("", top))]
    return types


def one_member_apart(n, name="s"):
    """Structs of one name that differ in the type of one member, which differs in one number far away."""
    types = [INT]
    for k in range(n // 5):
        i = len(types)
        types += [array(1, 1, k + 1), ptr(i + 1), struct_("of", ("p", i + 2)), ptr(i + 3),
                  struct_(name, ("a", 1, 0), ("b", i + 4, 64), ("c", 1, 128))]
    return types


def pointers_of_any_depth(n):
    """Structs of one name whose member is a pointer to a pointer to a pointer..."""
    types = [INT]
    for k in range(n // 2):
        types += [ptr(2 * k), struct_("s", ("p", 2 * k + 2))] if k else [ptr(1), struct_("s", ("p", 2))]
    return types


def deep_pointers_twice(n):
    """Two units: structs of different names that all point into one long chain."""
    unit = [INT, *(ptr(k) for k in range(1, n // 4)), *(struct_(f"s{k}", ("p", n // 4)) for k in range(n // 4))]
    return unit + rebased(unit, len(unit))


def chain_of_forwards(n):
    """Units each of which defines one struct and declares the next."""
    types = [INT]
    for k in range(n // 3):
        i = len(types)
        types += [fwd(f"s{k + 1}"), ptr(i + 1), struct_(f"s{k}", ("next", i + 2))]
    return types


def many_forwards(n):
    """One definition after many forward declarations of it, each behind a pointer and a struct of its own."""
    types = [INT]
    for k in range(n // 3):
        i = len(types)
        types += [fwd("s", k % 2), ptr(i + 1), struct_(f"t{k}", ("p", i + 2))]
    return [*types, struct_("s", ("m", 1))]


def equal_enums(n, kind=enum, name=""):
    """Enums of one name with different values, each of them twice, and forward declarations between."""
    found = []
    for k in range(n // 4):
        found += [kind(name, ("a", k)), kind(name, ("a", k // 2)), *([kind(name)] if name and k % 3 == 0 else [])]
    return found


def typedefs_of_one_name(n):
    """Typedefs of one name, a const apart."""
    types = [INT]
    for k in range(n // 2):
        types += [const(1) if k == 0 else ptr(2 * k), typedef("t", 2 * k + 2)]
    return types


def prototypes(n):
    """Structs of one name whose member points to prototypes that differ in the last parameter."""
    types = [INT]
    for k in range(n // 4):
        i = len(types)
        types += [array(1, 1, k), func_proto(0, ("a", 1), ("b", i + 1)), ptr(i + 2), struct_("ops", ("f", i + 3))]
    return types


TABLES = {
    "nameless": nameless,
    "one member apart": one_member_apart,
    "nameless and one member apart": lambda n: one_member_apart(n, ""),
    "pointers of any depth": pointers_of_any_depth,
    "a chain of forwards": chain_of_forwards,
    "many forwards": many_forwards,
    "anonymous enums": equal_enums,
    "enums of one name": lambda n: equal_enums(n, name="e"),
    "enum64s of one name": lambda n: equal_enums(n, enum64, "e"),
    "typedefs of one name": typedefs_of_one_name,
    "prototypes": prototypes,
}


@pytest.fixture
def strictly(monkeypatch):
    """Let a dedup take so many steps for each word and no more, and use colours from the start if `coarse` is 0."""

    def set_(steps, coarse=4, more=1 << 10):
        monkeypatch.setattr(planner, "STEPS", more)
        monkeypatch.setattr(planner, "STEPS_PER_WORD", steps)
        monkeypatch.setattr(planner, "COARSE_STEPS", 0)
        monkeypatch.setattr(planner, "COARSE_STEPS_PER_WORD", coarse)

    return set_


@pytest.mark.no_cover
@pytest.mark.parametrize("name", TABLES)
def test_dedup__takes_a_number_of_steps_that_grows_with_the_table(name, strictly):
    """The steps are the same compiled or not, so uncompiled, where a step takes long, less is enough."""
    strictly(16)
    for n in (2000, 8000) if accelerate.compiles() else (500, 2000):
        after, _ = ours(TABLES[name](n))
        assert len(after) > n // 5


@pytest.mark.no_cover
@needs_libbpf
@pytest.mark.parametrize("coarse", [0, 4])
@pytest.mark.parametrize("name", [*TABLES, "deep pointers twice"])
def test_dedup__agrees_with_libbpf_on_the_worst_tables(name, coarse, strictly):
    strictly(1 << 20, coarse)
    make = TABLES.get(name, deep_pointers_twice)
    assert_agrees(make(120))
    assert_agrees(make(60) + rebased(make(80), len(make(60))))


@pytest.mark.large
def test_dedup__of_two_units_over_one_long_chain_takes_few_of_the_steps_it_may(strictly):
    """Each of the structs goes down the chain by itself, as in libbpf: only what this may cost in all is bounded."""
    strictly(0, more=1 << 22)
    after, _ = ours(deep_pointers_twice(3000))
    assert len(after) == 2 * (3000 // 4)


@pytest.mark.parametrize("make", [deep_pointers_twice, lambda n: [fwd("of"), *rebased(one_member_apart(n), 1)]])
def test_dedup__ends_in_one_error_when_it_would_take_too_long(make, strictly):
    strictly(2)
    with pytest.raises(EncodeError, match=r"in a time that grows with their number, found many that look alike, up to "
                                          r"STRUCT 's\d*' \(type \d+\)$"):
        dedup_types(*wire.to_tables(wire.pack(make(3000))))


def colourless(types, monkeypatch, coarse):
    """id_map of a dedup that uses colours from the start (`coarse` 0) or never."""
    monkeypatch.setattr(planner, "COARSE_STEPS", 0 if coarse == 0 else 1 << 40)
    monkeypatch.setattr(planner, "COARSE_STEPS_PER_WORD", 0)
    return ours(types)


@pytest.mark.parametrize("options", [{}, {"forwards": False, "duplicates": True}, {"duplicates": True}])
def test_colours__change_no_result(options, monkeypatch):
    @given(graphs.programs(**options))
    @examples
    def check(program):
        assert colourless(program.types, monkeypatch, 0) == colourless(program.types, monkeypatch, 1)

    check()


def test_colours__change_no_result_over_a_base(monkeypatch):
    @given(graphs.programs(), graphs.programs())
    @examples
    def check(below, above):
        maps = []
        for coarse in (0, 1 << 40):
            monkeypatch.setattr(planner, "COARSE_STEPS", coarse)
            monkeypatch.setattr(planner, "COARSE_STEPS_PER_WORD", 0)
            raw = wire.pack(below.types)
            base = freeze(*wire.to_tables(raw))
            types = rebased(above.types, len(below.types))
            table, strings = wire.to_tables(wire.pack(types, base=raw), (base.types, base.strings))
            maps.append(dedup_types(table, strings, base=base).id_map.tolist())
        assert maps[0] == maps[1]

    check()


def test_colours__see_a_struct_as_declared_where_its_name_is():
    """Two units know a struct by different definitions, a third declares it; the pointers to it are still told apart
    by no more than its name."""
    types = [INT, struct_("of", ("m", 1)), ptr(2), struct_("s", ("p", 3)),
             fwd("of"), ptr(5), struct_("s", ("p", 6))]
    after, id_map = ours(types)
    assert id_map == [0, 1, 2, 3, 4, 2, 3, 4] and [t.kind for t in after].count(Kind.STRUCT) == 2
