"""The register rules' compiled parts against their slow twins: made-up inputs, and those of compiled programs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import run
from harness.functions import register_kernels as rk
from harness.functions import rules_of
from harness.model import Kind, sizes_kernels
from tests.fixtures.build import KEPT, program
from tests.fixtures.handmade import encode
from tests.functions.recording import recorded
from tests.reference import register_twin as twin
from tests.rounds import rounds

examples = settings(max_examples=rounds(100), derandomize=True, deadline=None, database=None,
                    suppress_health_check=list(HealthCheck))

KERNELS = ("share", "by_index", "by_reached", "judge")

REGISTERS = st.integers(-1, 9)
CONVENTIONS = st.sampled_from([(), (0,), (5, 4, 1, 2, 8, 9), (2, 3, 4, 5, 6), (-1,) * 8, (3, -1, 4), (0, 1, 2, 3)])

# Sizes of types


@st.composite
def rows(draw):
    """Type rows that refer to one another at will: in circles, to void, beyond the last one."""
    n = draw(st.integers(1, 8))
    one = st.tuples(st.sampled_from([k for k in Kind if k]), st.integers(0, n + 1), st.integers(0, n + 1),
                    st.integers(0, 1))
    return [(0, flag << 31 | kind << 24, size_type, element, 0, 5) for kind, size_type, element, flag
            in draw(st.lists(one, min_size=n, max_size=n))]


def chain(length, kind, end):
    """A chain of types of one kind, the last of which leads to the row `end`."""
    return [(0, kind << 24, i + 2) for i in range(length)] + [end]


CHAINS = [chain(length, kind, (0, Kind.STRUCT << 24, 24)) for length in (1, 254, 255, 256, 257)
          for kind in (Kind.TYPEDEF, Kind.CONST, Kind.VOLATILE)]


def agree_on_sizes(types, address_size, size, is_struct):
    assert list(zip(size.tolist(), is_struct.astype(bool).tolist(), strict=True)) == [
        (0, False), *(twin.type_size(types, i, address_size) for i in range(1, len(types) + 1))]


@pytest.mark.no_cover
@given(rows() | st.sampled_from(CHAINS), st.sampled_from([4, 8]))
@examples
def test_parameter_sizes__agree_with_their_twins(types, address_size):
    words = np.array([word for row in types for word in row], np.uint32)
    start = np.cumsum([0, 0, *map(len, types)], dtype=np.int64)
    size, is_struct = np.full(len(types) + 1, 77, np.uint32), np.full(len(types) + 1, 77, np.uint8)
    sizes_kernels.parameter_sizes(words, start, np.int64(address_size), size, is_struct)
    agree_on_sizes(types, address_size, size, is_struct)


# Parameters

FIRST = st.sampled_from([-2, -1, 0, 1, 4, 5])
SEEN = st.sets(st.sampled_from([0, 1, 4, 5, 9, 63]), max_size=2)
PARAM = st.builds(twin.Param, st.sets(st.sampled_from(list(twin.BITS))), REGISTERS, FIRST, SEEN,
                  st.sampled_from([0, 1, 4, 5, 8, 9, 12, 16, 17, 64, 2**32 - 1]), st.booleans())
FUNCTIONS = st.lists(st.lists(PARAM, max_size=10), max_size=5)


class Columns:
    """Functions' parameters as the kernels take them."""

    def __init__(self, functions):
        params = [param for each in functions for param in each]
        self.param_start = np.cumsum([0, *map(len, functions)], dtype=np.int64)
        self.bits = np.array([twin.bits(p.found) for p in params], np.uint8)
        self.reg = np.array([p.reg for p in params], np.int8)
        self.first = np.array([p.first for p in params], np.int8)
        self.seen = np.array([sum(1 << r for r in p.seen) for p in params], np.uint64)
        self.size = np.array([p.size for p in params], np.uint32)
        self.struct = np.array([p.struct for p in params], np.uint8)
        self.origin = np.array([p.origin for p in params], np.int64)


def found(functions):
    """What was found of each parameter, as the kernels have it."""
    return [twin.bits(param.found) for each in functions for param in each]


@given(st.lists(PARAM, max_size=10), st.data())
@examples
def test_share__agrees_with_its_twin(params, data):
    for param in params:
        param.origin = data.draw(st.integers(-1, len(params) - 1))
    made = Columns([params])
    rk.share(made.origin, made.bits, made.reg)
    expected = twin.share(params)
    assert made.bits.tolist() == found([expected])
    assert made.reg.tolist() == [param.reg for param in expected]


@pytest.mark.no_cover
@given(FUNCTIONS, CONVENTIONS, st.sampled_from([rk.BY_FIRST, rk.BY_SEEN]))
@examples
def test_by_index__agrees_with_its_twin(functions, expected, form):
    made = Columns(functions)
    rk.by_index(made.param_start, np.array(expected, np.int8), made.seen, made.first, np.int64(form), made.bits)
    assert made.bits.tolist() == found(twin.by_index(each, expected, form == rk.BY_FIRST) for each in functions)


@pytest.mark.no_cover
@given(FUNCTIONS, CONVENTIONS, st.booleans(), st.sampled_from([4, 8]), st.booleans(), st.data())
@examples
def test_by_reached__agrees_with_its_twin(functions, expected, wide, address_size, blind, data):
    marks = [(data.draw(st.booleans()), data.draw(st.booleans())) for _ in functions]
    made = Columns(functions)
    clang, nocall = np.array(marks, np.uint8).reshape(-1, 2).T.copy()
    rk.by_reached(made.param_start, np.array(expected, np.int8), np.uint8(wide), np.int64(address_size), made.size,
                  made.reg, clang, nocall, np.uint8(blind), made.bits)
    assert made.bits.tolist() == found(twin.by_reached(each, expected, wide, address_size, *mark, blind)
                                       for each, mark in zip(functions, marks, strict=True))


@pytest.mark.no_cover
@given(FUNCTIONS)
@examples
def test_judge__agrees_with_its_twin(functions):
    made = Columns(functions)
    optimized, unexpected = np.full(len(functions), 77, np.uint8), np.full(len(functions), 77, np.uint8)
    rk.judge(made.param_start, made.struct, made.bits, optimized, unexpected)
    agree_on_judgement(functions, optimized, unexpected)


def agree_on_judgement(functions, optimized, unexpected):
    assert list(zip(optimized.tolist(), unexpected.tolist(), strict=True)) == list(map(twin.judge, functions))


# What compiled programs give the kernels


@pytest.fixture(scope="module", params=["registers", "registers by clang", *(kept.name for kept in KEPT)])
def calls(request):
    """Every call of a kernel while a program's faults are read as three versions of pahole do."""
    name, _, compiler = request.param.partition(" by ")
    path = next((kept.path for kept in KEPT if kept.name == name), None)
    with recorded(rk, KERNELS) as made, recorded(sizes_kernels, ["parameter_sizes"]) as sizes:
        prepared = run.prepare(path or program(name, compiler or "gcc").path, threads=1)
        for version in ("1.25", "1.31", "2026-07"):
            assert rules_of(version)
            encode(prepared, rules=version)
    assert set(made) == set(KERNELS)
    return made | sizes


def functions_of(call, bits="bits_before"):
    """The parameters of a call, by function, as the twin takes them."""
    n, param = len(call["bits"]), call.get("param_start", np.array([0, len(call["bits"])]))
    columns = zip(call[bits].tolist(), call.get("reg_before", np.zeros(n, np.int8)).tolist(),
                  call.get("first", np.zeros(n, np.int8)).tolist(), call.get("seen", np.zeros(n, np.uint64)).tolist(),
                  call.get("size", np.zeros(n, np.uint32)).tolist(),
                  call.get("param_is_struct", np.zeros(n, np.uint8)).tolist(),
                  call.get("origin", np.zeros(n, np.int64)).tolist(), strict=True)
    params = [twin.Param(twin.words(b), reg, first, {r for r in range(64) if seen >> r & 1}, size, bool(struct), origin)
              for b, reg, first, seen, size, struct, origin in columns]
    return [params[a:b] for a, b in zip(param[:-1], param[1:], strict=True)]


def test_kernels__agree_with_their_twins_on_compiled_programs(calls):
    for call in calls["parameter_sizes"]:
        words, start = call["words"], call["start"]
        types = [tuple(words[a:b].tolist()) for a, b in zip(start[1:-1], start[2:], strict=True)]
        agree_on_sizes(types, int(call["pointer_nbytes"]), call["size"], call["is_struct"])
    for call in calls["share"]:
        (params,) = functions_of(call)
        expected = twin.share(params)
        assert call["bits"].tolist() == found([expected])
        assert call["reg"].tolist() == [param.reg for param in expected]
    for call in calls["by_index"]:
        expected = tuple(call["expected"].tolist())
        assert call["bits"].tolist() == found(
            twin.by_index(each, expected, call["form"] == rk.BY_FIRST) for each in functions_of(call))
    for call in calls["by_reached"]:
        how = tuple(call["expected"].tolist()), bool(call["wide"]), int(call["address_size"])
        assert call["bits"].tolist() == found(
            twin.by_reached(each, *how, bool(clang), bool(nocall), bool(call["blind"]))
            for each, clang, nocall in zip(functions_of(call), call["clang"], call["nocall"], strict=True))
    for call in calls["judge"]:
        agree_on_judgement(functions_of(call), call["optimized"], call["unexpected"])
