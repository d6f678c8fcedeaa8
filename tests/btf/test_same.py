"""Whether two files are the same BTF: against a slow twin, an independent reader, and cases easily got wrong."""

import random
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import btf_trees as trees
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import btf, encodings
from harness.btf import same
from harness.btf.same import Cause, Verdict
from harness.errors import BtfFormatError
from harness.model import Kind, TypeTable, info_word
from tests.dedup import graphs
from tests.reference import same as twin
from tests.reference import wire
from tests.rounds import rounds
from tests.split import file_over

OUTSIDE = Path(__file__).resolve().parents[3] / "shared" / "tools" / "btfsame.py"
"""A reader that shares nothing with this program, where there is one."""

INT = wire.int_("int", encoding=1)
LIST = [wire.struct_("list_head", ("next", 2), ("prev", 2)), wire.ptr(1)]


def permuted(types, rnd, order="<"):
    """The same types and strings in a random order, as bytes; and by old type_id the new one."""
    old = list(range(1, len(types) + 1))
    rnd.shuffle(old)
    new_id = [0] * (len(types) + 1)
    for new, i in enumerate(old, 1):
        new_id[i] = new
    mixed = [types[i - 1].with_refs(new_id.__getitem__) for i in old]
    key = {}
    return wire.pack(mixed, order, string_order=lambda s: key.setdefault(s, rnd.random())), new_id


def compare(a, b, **more):
    """The Same of bytes, or of types."""
    a, b = (x if isinstance(x, bytes) else wire.pack(x) for x in (a, b))
    found = same.compare(a, b, layout=encodings.layouts(), **more)
    if found.new_id is not None:
        check_renumbering(found)
    return found


def check_renumbering(found):
    """Each row of A is, its names looked up and its type_ids renumbered, its counterpart in B, and none is left out."""
    new_id = found.new_id.tolist()
    assert sorted(new_id) == list(range(found.b.types.next_id)) and new_id[0] == 0
    a, b = (wire.from_tables(f.types, f.strings) for f in (found.a, found.b))
    first = found.a.types.first_id
    assert [a[i - first].with_refs(new_id.__getitem__) for i in found.a.types.ids()] == [
        b[new_id[i] - first] for i in found.a.types.ids()]


def causes(only):
    """type_ids by Cause, dict of list, without empty ones."""
    return {c: only.type_id[only.cause == c].tolist() for c in Cause if (only.cause == c).any()}


def outside(a, b, folder):
    """Whether the independent reader finds the files the same, and how many types it finds in one only."""
    for name, data in (("a", a), ("b", b)):
        (folder / name).write_bytes(data)
    done = subprocess.run([sys.executable, OUTSIDE, folder / "a", folder / "b"], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    _, _, only_a, only_b = map(int, re.findall("[0-9]+", done.stdout.splitlines()[0]))
    return done.returncode == 0, only_a, only_b


# The same


@pytest.mark.no_cover
@settings(max_examples=rounds(200), deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs.programs(duplicates=True), st.integers(0, 2**32), st.sampled_from("<>"))
def test_same__finds_what_was_permuted(program, seed, order):
    rnd = random.Random(seed)
    data, _ = permuted(program.types, rnd, order)
    found = compare(program.types, data)
    assert found.verdict is Verdict.SAME and not len(found.only_a.type_id) + len(found.only_b.type_id)
    assert found.header == ([] if order == "<" else ["A is little endian, B is big endian"])


@pytest.mark.no_cover
@settings(max_examples=rounds(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs.programs(duplicates=True), st.integers(0, 2**32))
def test_same__agrees_with_the_twin_after_a_change_of_any_word(program, seed):
    rnd = random.Random(seed)
    data, _ = permuted(program.types, rnd)
    words = np.frombuffer(data[: len(data) // 4 * 4], "<u4").copy()
    infos = {6 + begin // 4 + 1 for begin in wire.scan(data)[3]}
    at = rnd.choice([at for at in range(6, 6 + len(wire.scan(data)[1]) // 4) if at not in infos])
    words[at] = rnd.choice([int(words[at]) ^ 1 << rnd.randrange(32), rnd.randrange(40), rnd.randrange(40), 0])
    changed = words.tobytes() + data[len(words) * 4 :]
    try:
        found = compare(program.types, changed)
    except BtfFormatError:
        return
    assert found.is_same == (twin.renumbering(program.types, wire.unpack(changed)) is not None)
    assert len(found.only_a.type_id) == len(found.only_b.type_id)


@pytest.mark.no_cover
@pytest.mark.parametrize("order", ["little", "big"])
def test_same__any_changed_bit_of_any_word_is_a_difference(order):
    rows, text = trees.with_addresses(), struct.Struct("<I" if order == "little" else ">I")
    original, data = trees.wire(rows), bytearray(trees.wire(rows, order))
    words = [w for row in rows for w in trees.words_of(row, lambda name: name)]
    blob = trees.parse(original).strings.blob.tobytes()

    def is_same():
        return same.compare(original, bytes(data), layout=encodings.layouts()).is_same

    assert is_same()
    for at, means in enumerate(words):
        (word,) = text.unpack_from(data, 24 + 4 * at)
        for bit in (at % 24, 24 + at % 7, 31):
            text.pack_into(data, 24 + 4 * at, word ^ 1 << bit)
            stays = isinstance(means, str) and blob[word ^ 1 << bit :].split(b"\0")[0] == means.encode()
            try:
                assert is_same() == stays, (at, bit)
            except BtfFormatError:
                pass
        text.pack_into(data, 24 + 4 * at, word)
    assert is_same()


@pytest.mark.parametrize("n", [1, 2, 7])
def test_same__cycles_and_copies_of_them_are_found_in_any_order(n):
    types = [INT]
    for k in range(n):
        at = len(types)
        types += [t.with_refs(lambda r, at=at: r + at) for t in LIST]
        types.append(wire.struct_(f"user{k % 2}", ("list", at + 1), ("value", 1)))
    data, new_id = permuted(types, random.Random(n))
    found = compare(types, data)
    assert found.is_same
    if n == 1:
        assert found.new_id.tolist() == new_id


def test_same__says_what_else_differs_between_the_files():
    types = [INT, wire.ptr(1), *[t.with_refs(lambda r: r + 2) for t in LIST]]
    data = wire.pack(types)
    found = compare(data, data)
    assert found.same_bytes and found.changes == found.header == [] and found.new_id.tolist() == [0, 1, 2, 3, 4]
    other, _ = permuted(types, random.Random(3))
    assert compare(data, other).changes == ["types in another order", "strings in another order or repeated"]
    magic, version, flags, _, toff, tlen, soff, slen = struct.unpack_from("<HBBIIIII", data)
    body, strings = data[24 : 24 + tlen], data[24 + tlen :]
    head = struct.pack("<HBBIIIIIII", magic, version, flags, 32, 0, tlen, tlen + 8, slen + 5, tlen, 8)
    found = compare(data, head + body + bytes(8) + strings + b"more\0")
    assert found.is_same and found.changes == ["1 string only in B"] and not found.same_bytes
    assert found.header == ["header of 24 bytes in A, 32 in B", "layout section of 0 bytes in A, 8 in B"]
    found = compare(data, data + b"!")
    assert found.is_same and found.header == ["0 bytes between or after the sections in A, 1 in B"]
    files = [trees.parse(d) for d in (data, other)]
    assert same.compare(*files).same_bytes is None and same.compare(*files, same_bytes=False).same_bytes is False


def test_same__reads_names_that_share_bytes():
    """A name may begin within another one."""
    types = TypeTable.of([1, info_word(Kind.FWD), 0, 3, info_word(Kind.FWD), 0], [0, 3, 6])
    strings = b"\0task\0"
    section = types.words.astype("<u4").tobytes()
    data = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(section), len(section), len(strings)) + section + strings
    assert compare(data, [wire.fwd("sk"), wire.fwd("task")]).is_same
    assert not compare(data, [wire.fwd("ask"), wire.fwd("task")]).is_same


def test_same__over_a_base_keeps_the_type_ids_of_the_base():
    base = [INT, wire.int_("int", encoding=1), wire.ptr(1), wire.fwd("task")]
    raw = wire.pack(base)
    file = btf.parse(raw)
    mine = [wire.struct_("mine", ("a", 1), ("b", 4), ("c", 6)), wire.ptr(5)]

    def over(types):
        return wire.pack(types, base=raw)

    swapped = [mine[1].with_refs(lambda r: 6), mine[0].with_refs(lambda r: {6: 5}.get(r, r))]
    found = same.compare(over(mine), over(swapped), base=file)
    assert found.is_same and found.new_id.tolist() == [0, 1, 2, 3, 4, 6, 5]
    other = [mine[0].with_refs(lambda r: 2 if r == 1 else r), mine[1]]  # an equal type of the base is another one
    found = same.compare(over(mine), over(other), base=file)
    assert found.verdict is Verdict.DIFFERENT and causes(found.only_a) == {Cause.ITSELF: [5], Cause.PART: [6]}
    assert found.kinds() == {"PTR": (1, 1, 1, 1), "STRUCT": (1, 1, 1, 1)}
    whole = btf.parse(wire.pack([*base, *mine]))
    assert same.compare(whole, whole).is_same
    one, two = file_over(whole, 4, 3), file_over(whole, 4, 3)
    assert same.compare(one, two._replace(types=two.types._replace(base=one.types.base),
                                          strings=two.strings._replace(base=one.strings.base))).is_same
    with pytest.raises(ValueError, match="over one base"):
        same.compare(one, two)


# Not the same


def test_same__a_difference_far_away_is_found_and_told_from_what_refers_to_it():
    n = 40
    types = [INT, wire.int_("long", 8, encoding=1)]
    for k in range(n):  # each is a list of the next; the last has an int
        types += [wire.struct_(f"s{k}", ("next", len(types) + 2), ("value", 1)), wire.ptr(len(types) + 3)]
    types.append(wire.struct_("last", ("value", 1)))
    other = [*types[:-1], wire.struct_("last", ("value", 2))]
    found = compare(types, permuted(other, random.Random(1))[0])
    assert found.verdict is Verdict.DIFFERENT
    assert causes(found.only_a)[Cause.ITSELF] == [len(types)] and len(found.only_a.type_id) == 2 * n + 1
    assert found.kinds() == {"INT": (2, 2, 0, 0), "PTR": (n, n, n, n), "STRUCT": (n + 1, n + 1, n + 1, n + 1)}
    assert [found.b.name(i) for i in found.only_b.type_id[found.only_b.cause == Cause.ITSELF]] == [b"last"]


def test_same__two_types_of_one_name_that_change_places_are_a_difference():
    """No declaration shows it: both files have the same structs, and one that refers to the other."""
    types = [INT, wire.struct_("s", ("a", 1)), wire.struct_("s", ("b", 1)), wire.struct_("user", ("s", 2)),
             wire.struct_("other", ("s", 3))]
    other = [*types[:3], wire.struct_("user", ("s", 3)), wire.struct_("other", ("s", 2))]
    found = compare(types, other)
    assert causes(found.only_a) == causes(found.only_b) == {Cause.ITSELF: [4, 5]}
    loop = [INT, wire.struct_("s", ("a", 1), ("up", 4)), wire.struct_("s", ("b", 1), ("up", 4)),
            wire.ptr(5), wire.struct_("user", ("s", 2))]
    found = compare(loop, [*loop[:4], wire.struct_("user", ("s", 3))])
    assert found.verdict is Verdict.DIFFERENT and causes(found.only_a)[Cause.ITSELF] == [5]


def test_same__types_without_a_name_belong_to_those_that_have_one():
    users = [wire.func("f", 2), wire.func("g", 2), wire.struct_("s", ("f", 6)), wire.ptr(2)]
    new = [wire.struct_("new", ("x", 1)), wire.ptr(7), wire.const(7), wire.ptr(9), wire.ptr(1)]
    found = compare([INT, wire.func_proto(1, ("a", 1)), *users, *new], [INT, wire.func_proto(1, ("x", 1)), *users])
    assert causes(found.only_a) == {Cause.ITSELF: [3, 4, 5, 7, 11], Cause.PART: [2, 6, 8, 9, 10]}
    assert causes(found.only_b) == {Cause.ITSELF: [3, 4, 5], Cause.PART: [2, 6]}


def test_same__counts_types_that_occur_several_times():
    found = compare([INT, INT, INT, wire.ptr(1)], [INT, wire.ptr(1)])
    assert found.verdict is Verdict.DIFFERENT and causes(found.only_a) == {Cause.ITSELF: [2, 3]}
    assert found.kinds() == {"INT": (3, 1, 2, 0), "PTR": (1, 1, 0, 0)} and not len(found.only_b.type_id)


def test_same__copies_that_are_referred_to_in_another_way_are_a_difference():
    """Unfolded, both files have the same types as often."""
    a = [INT, wire.ptr(1), wire.ptr(1), wire.struct_("s", ("p", 2)), wire.struct_("t", ("p", 2))]
    b = [INT, wire.ptr(1), wire.ptr(1), wire.struct_("s", ("p", 2)), wire.struct_("t", ("p", 3))]
    found = compare(a, b)
    assert found.verdict is Verdict.DIFFERENT and found.new_id is None
    assert not len(found.only_a.type_id) and not len(found.only_b.type_id)
    assert compare(a, permuted(a, random.Random(2))[0]).is_same
    assert compare(b, permuted(b, random.Random(2))[0]).is_same


def ring(*lengths):
    """Structs of one name, each of which refers to the next in its ring."""
    types = []
    for n in lengths:
        first = len(types) + 1
        types += [wire.struct_("s", ("next", first + (k + 1) % n)) for k in range(n)]
    return types


def test_same__says_that_it_is_undecided_rather_than_the_same():
    assert compare(ring(3, 3), ring(6)).verdict is Verdict.UNDECIDED
    assert compare(ring(3, 3), permuted(ring(3, 3), random.Random(5))[0]).is_same
    assert compare(ring(5, 2, 1), ring(1, 5, 2)).verdict is not Verdict.DIFFERENT


def test_same__an_empty_file_is_the_same_as_an_empty_one():
    assert compare([], []).is_same and compare([], []).new_id.tolist() == [0]
    found = compare([], [INT])
    assert found.verdict is Verdict.DIFFERENT and causes(found.only_b) == {Cause.ITSELF: [1]}


@pytest.mark.skipif(not OUTSIDE.is_file(), reason=f"no {OUTSIDE}")
@pytest.mark.parametrize("seed", range(6))
def test_same__agrees_with_an_independent_reader(seed, tmp_path):
    rnd = random.Random(seed)
    program = graphs.program(rnd)
    data, _ = permuted(program.types, rnd)
    if seed % 2:
        at = rnd.randrange(len(program.types))
        types = [*program.types[:at], program.types[at]._replace(name="changed"), *program.types[at + 1 :]]
        data, _ = permuted(types, rnd)
    found = compare(program.types, data)
    counts = [len(only.type_id) for only in (found.only_a, found.only_b)]
    assert outside(program.raw(), data, tmp_path) == (found.is_same, *counts)
    assert found.is_same == (seed % 2 == 0)


# Hostile and large


@pytest.mark.parametrize(("word", "value", "words"), [
    (0, 99, "expected a name_off below"), (2, 7, "expected a type_id of at most 3, found 7"),
    (8, 0xFFFFFFFF, "expected a type_id of at most 3, found 4294967295")])
def test_same__refuses_what_is_out_of_range_with_its_place(word, value, words):
    data = bytearray(wire.pack([wire.typedef("t", 2), wire.const(0), wire.ptr(1)]))
    struct.pack_into("<I", data, 24 + 4 * word, value)
    for pair in ((bytes(data), wire.pack([INT])), (wire.pack([INT]), bytes(data))):
        with pytest.raises(BtfFormatError, match=words) as caught:
            compare(*pair)
        assert caught.value.offset == 24 + 4 * word and caught.value.path in ("A", "B")


def rows_of(words, strings=b"\0a\0"):
    """A file of rows of three words."""
    section = np.ascontiguousarray(words, "<u4").tobytes()
    return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(section), len(section), len(strings)) + section + strings


def test_same__refuses_names_that_would_take_quadratic_time():
    n = 3000
    words = [(i + 1, info_word(Kind.FWD), 0) for i in range(n)]
    data = rows_of(words, b"\0" + b"x" * n + b"\0")
    with pytest.raises(BtfFormatError, match="tails of one long string"):
        compare(data, data)


@pytest.mark.large
@pytest.mark.parametrize("shape", ["chain", "loop", "same", "pairs", "wide"])
def test_same__takes_no_quadratic_time(shape):
    n = 100_000
    if shape == "chain":  # every one differs, but only far away
        words = [(0, info_word(Kind.PTR), i) for i in range(n)]
    elif shape == "loop":
        words = [(0, info_word(Kind.PTR), i) for i in range(n)]
        words[0] = (0, info_word(Kind.CONST), n)
    elif shape == "same":  # all are alike, and no reference tells them apart
        words = [(1, info_word(Kind.FWD), 0)] * n
    elif shape == "pairs":  # copies of a chain of two
        words = [(1, info_word(Kind.FWD), 0) if i % 2 else (0, info_word(Kind.PTR), i + 2) for i in range(n)]
    else:
        words = [(1, info_word(Kind.FWD), 0)] + [(0, info_word(Kind.CONST), 1)] * (n - 1)
    words = np.array(words)
    order = np.random.default_rng(0).permutation(n)
    new_id = np.zeros(n + 1, np.int64)
    new_id[order + 1] = np.arange(1, n + 1)
    other = words[order]
    other[:, 2] = np.where(other[:, 1] >> 24 == Kind.FWD, 0, new_id[other[:, 2]])
    began = time.monotonic()
    found = same.compare(rows_of(words), rows_of(other))
    assert found.is_same
    other[5, 1] ^= 1 << 31 if shape == "same" else 0
    other[5, 0] ^= 1
    same.compare(rows_of(words), rows_of(other))
    assert time.monotonic() - began < 30
