"""The join's compiled parts against their slow twins: made-up inputs, and those of compiled programs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import run
from harness.functions import join_kernels as jk
from harness.functions.policies import POLICIES
from harness.model import Kind
from tests.fixtures.build import KEPT, program
from tests.functions.recording import recorded
from tests.reference import join_twin as twin
from tests.rounds import rounds

examples = settings(max_examples=rounds(100), derandomize=True, deadline=None, database=None,
                    suppress_health_check=list(HealthCheck))

KERNELS = ("enter_names", "match_symbols", "signature_hashes", "prototype_rows", "unify_prototypes", "gather_rows")


def ragged(rows):
    """Rows of words as (words, start)."""
    words = np.array([word for row in rows for word in row], np.uint32)
    return words, np.cumsum([0, *map(len, rows)], dtype=np.int64)


def listed(words, start):
    """The same as a list of tuples."""
    return [tuple(words[a:b].tolist()) for a, b in zip(start[:-1], start[1:], strict=True)]


def text(blob, off):
    """The NUL-terminated string at an offset."""
    return bytes(blob[off:]).split(b"\0", 1)[0]


# Names and symbols

WORDS = st.sampled_from([b"", b"f", b"g", b"f_init", b"do_it", b"cold", b"part", b"isra", b"constprop", b"co", b"0",
                         b"\xff\x80", b"coldest"])
SYMBOLS = st.lists(WORDS, min_size=1, max_size=4).map(b".".join)


def laid_out(strings):
    """(blob, uint32 offset of each string)."""
    offsets = np.cumsum([1, *(len(s) + 1 for s in strings)])
    return np.frombuffer(b"\0" + b"".join(s + b"\0" for s in strings), np.uint8), offsets[:-1].astype(np.uint32)


def agree_on_symbols(names, slots, symbols, out, bases, flags, whole):
    """What match_symbols found, held against the twin; equal hashes mean equal names."""
    known = {name: k for k, name in enumerate(names)}
    assert sorted(slots[slots != 0].tolist()) == list(range(1, len(names) + 1))
    assert list(zip(out.tolist(), bases.tolist(), flags.tolist(), strict=True)) == [
        twin.match_symbol(Names(known), symbol) for symbol in symbols]
    assert len(set(whole.tolist())) == len(set(symbols)) == len(set(zip(whole.tolist(), symbols, strict=True)))


class Names(dict):
    """Distinct names that know their index quickly, as a list does slowly."""

    def index(self, name):
        return self[name]


@given(st.lists(WORDS | SYMBOLS, unique=True, max_size=12), st.lists(SYMBOLS, max_size=12), st.integers(0, 3))
@examples
def test_match_symbols__agrees_with_its_twin(names, symbols, spare):
    blob, offsets = laid_out(names)
    strtab, of_symbols = laid_out(symbols)
    slots = np.zeros(1 << (len(names).bit_length() + spare), np.uint32)
    jk.enter_names(blob, offsets, slots)
    n = len(symbols)
    out, bases, flags = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.uint8)
    whole = np.empty(n, np.uint64)
    jk.match_symbols(blob, offsets, slots, strtab, of_symbols, out, bases, flags, whole)
    agree_on_symbols(names, slots, symbols, out, bases, flags, whole)


# Functions and their prototypes

TYPE_IDS = st.sampled_from([0, 1, 2, 3, 40, 2**16, 2**31, 2**32 - 1])
PARAMS = st.lists(st.tuples(st.integers(0, 3), TYPE_IDS, st.sampled_from([twin.DROPPED, twin.PLACED])), max_size=5)


@st.composite
def functions(draw):
    """Functions as the twin takes them, some of them variadic, some of them twice."""
    found = draw(st.lists(st.tuples(TYPE_IDS, PARAMS), max_size=8))
    variadic = draw(st.lists(st.booleans(), min_size=len(found), max_size=len(found)))
    found = [(returns, [*params, (0, 0, twin.ELLIPSIS)] if more else params)
             for (returns, params), more in zip(found, variadic, strict=True)]
    return found + draw(st.lists(st.sampled_from(found), max_size=3)) if found else found


def columns(found):
    """Functions as the kernels take them: type_id, param_start, and name_off, type_id and place of each parameter."""
    params = [param for _, each in found for param in each]
    name, type_id, place = np.array(params, np.int64).reshape(-1, 3).T
    return (np.array([returns for returns, _ in found], np.uint32),
            np.cumsum([0, *(len(each) for _, each in found)], dtype=np.int64),
            name.astype(np.uint32), type_id.astype(np.uint32), place.astype(np.uint8))


@given(functions())
@examples
def test_signature_hashes__are_equal_exactly_where_their_twins_are(found):
    type_id, param_start, _, param_type_id, _ = columns(found)
    out = np.empty(len(found), np.uint64)
    jk.signature_hashes(type_id, param_start, param_type_id, out)
    agree_on_signatures(found, out)


def agree_on_signatures(found, out):
    signatures = [twin.signature(*function) for function in found]
    assert len(set(out.tolist())) == len(set(signatures)) == len(set(zip(out.tolist(), signatures, strict=True)))


def test_signature_hashes__tell_all_small_types_apart():
    """Every return type with every parameter, and one more or none."""
    some = [[], *([(0, a, twin.PLACED)] for a in range(40)), *([(0, a, twin.PLACED)] * 2 for a in range(40))]
    found = [(returns, params) for returns in range(40) for params in some]
    type_id, param_start, _, param_type_id, _ = columns(found)
    out = np.empty(len(found), np.uint64)
    jk.signature_hashes(type_id, param_start, param_type_id, out)
    assert len(set(out.tolist())) == len(found)


@given(functions(), st.randoms(use_true_random=False))
@examples
def test_prototype_rows__agree_with_their_twins(found, random):
    type_id, param_start, param_name_off, param_type_id, place = columns(found)
    rows = np.array(random.sample(range(len(found)), random.randint(0, len(found))), np.int64)
    words, start = np.full(3 * len(found) + 2 * len(place), 77, np.uint32), np.full(len(rows) + 1, 77, np.int64)
    jk.prototype_rows(rows, type_id, param_start, param_name_off, param_type_id, place, words, start)
    assert listed(words, start) == [twin.prototype_row(*found[k]) for k in rows.tolist()]
    assert (words[start[-1]:] == 77).all()


PROTOS = functions().map(lambda found: [twin.prototype_row(*function) for function in found])
OTHER_ROWS = st.sampled_from([(5, Kind.INT << 24, 4, 32), (0, Kind.PTR << 24, 1), (0, Kind.FUNC << 24, 3)])


@given(st.lists(OTHER_ROWS, max_size=4), PROTOS, PROTOS, st.randoms(use_true_random=False), st.integers(0, 3))
@examples
def test_unify_prototypes__agrees_with_its_twin(others, known, rows, random, spare):
    base = others + known
    random.shuffle(base)
    rows = rows + known[:2]
    random.shuffle(rows)
    base_words, base_start = ragged(base)
    words, start = ragged(rows)
    slots = np.zeros(1 << ((len(base) + len(rows)).bit_length() + spare), np.int64)
    same = np.empty(len(rows), np.int64)
    jk.unify_prototypes(base_words, np.concatenate([[0], base_start]), words, start, slots, same)
    assert same.tolist() == twin.unify(base, rows)


@given(PROTOS, st.data())
@examples
def test_gather_rows__agrees_with_its_twin(rows, data):
    wanted = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6)) if rows else []
    words, start = ragged(rows)
    expected = twin.gathered(rows, wanted)
    out_words, out_start = np.empty(sum(map(len, expected)), np.uint32), np.empty(len(wanted) + 1, np.int64)
    jk.gather_rows(words, start, np.array(wanted, np.int64), out_words, out_start)
    assert listed(out_words, out_start) == expected


# What compiled programs give the kernels

@pytest.fixture(scope="module", params=["several_units", "clones", *(kept.name for kept in KEPT)])
def calls(request):
    """Every call of a kernel while a program is encoded under each policy."""
    path = next((kept.path for kept in KEPT if kept.name == request.param), None) or program(request.param).path
    with recorded(jk, KERNELS) as found:
        prepared = run.prepare(path, threads=1)
        for policy in POLICIES:
            run.encode(prepared, policy, ["plain"])
    assert set(found) == set(KERNELS)
    return found


def functions_of(call):
    """The functions of a call of signature_hashes or prototype_rows, as the twin takes them."""
    returns, types = call["type_id"], call["param_type_id"]
    names = call.get("param_name_off", np.zeros_like(types))
    places = call.get("place", np.zeros(len(types), np.uint8))
    params = list(zip(names.tolist(), types.tolist(), places.tolist(), strict=True))
    start = call["param_start"]
    return [(int(r), params[a:b]) for r, a, b in zip(returns, start[:-1], start[1:], strict=True)]


def test_kernels__agree_with_their_twins_on_the_symbols_of_compiled_programs(calls):
    for entered, call in zip(calls["enter_names"], calls["match_symbols"], strict=True):
        assert entered["slots"].tolist() == call["slots"].tolist()
        names = [text(call["blob"], off) for off in call["names"]]
        symbols = [text(call["strtab"], off) for off in call["symbols"]]
        assert names and symbols
        agree_on_symbols(names, call["slots"], symbols, call["out"], call["bases"], call["flags"],
                         call["whole"])


def test_kernels__agree_with_their_twins_on_the_functions_of_compiled_programs(calls):
    for call in calls["signature_hashes"]:
        agree_on_signatures(functions_of(call), call["out"])
    for call in calls["prototype_rows"]:
        found = functions_of(call)
        assert listed(call["words"], call["start"]) == [twin.prototype_row(*found[k]) for k in call["rows"].tolist()]
    for call in calls["unify_prototypes"]:
        base = listed(call["base_words"], call["base_start"][1:])
        assert call["same"].tolist() == twin.unify(base, listed(call["words"], call["start"]))
    for call in calls["gather_rows"]:
        rows = listed(call["words"], call["start"])
        assert listed(call["out_words"], call["out_start"]) == twin.gathered(rows, call["rows"].tolist())
