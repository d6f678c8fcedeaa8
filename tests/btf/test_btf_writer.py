"""The writer against a slow twin, byte by byte."""

import random

import btf_trees as trees
import numpy as np
import pytest

from harness.errors import EncodeError
from harness.model import Kind, StringTable, TypeTable, info_word

ORDERS = ("little", "big")
ROWS = {"every_kind": trees.every_kind, "with_addresses": trees.with_addresses, "none": list}


@pytest.mark.parametrize("byteorder", ORDERS)
@pytest.mark.parametrize("rows", ROWS)
def test_writer__equals_the_slow_twin(rows, byteorder):
    rows = ROWS[rows]()
    assert trees.encode(*trees.tables(rows), byteorder=byteorder) == trees.wire(rows, byteorder)


@pytest.mark.parametrize("byteorder", ORDERS)
def test_writer__gives_back_what_was_read(byteorder):
    data = trees.wire(trees.with_addresses(), byteorder)
    file = trees.parse(data)
    assert trees.encode(file.types, file.strings, byteorder=byteorder) == data


@pytest.mark.parametrize("seed", range(20))
def test_writer__equals_the_slow_twin_under_shuffled_order(seed):
    rows = trees.with_addresses()
    random.Random(seed).shuffle(rows)
    for byteorder in ORDERS:
        data = trees.wire(rows, byteorder)
        assert trees.encode(*trees.tables(rows), byteorder=byteorder) == data
        file = trees.parse(data)
        assert trees.encode(file.types, file.strings, byteorder=byteorder) == data


def test_writer__swaps_every_word_for_big_endian():
    rows = trees.every_kind()
    little, big = trees.tables(rows), trees.encode(*trees.tables(rows), byteorder="big")
    n_words = len(little[0].words)
    swapped = np.frombuffer(big, ">u4", n_words, 24)
    assert np.array_equal(swapped, np.frombuffer(trees.encode(*little), "<u4", n_words, 24))
    assert big[:2] == b"\xeb\x9f"


def test_writer__stores_an_address_as_u64_in_file_byte_order():
    rows = [trees.Row(Kind.FUNC_PROTO), trees.Row(Kind.FUNC, "f", 1, 1, 1, addr=0xFFFFFFFF8103B530)]
    for byteorder in ORDERS:
        data = trees.encode(*trees.tables(rows), byteorder=byteorder)
        assert data[24 + 12 + 12 : 24 + 12 + 20] == (0xFFFFFFFF8103B530).to_bytes(8, byteorder)


def test_writer__keeps_only_referenced_strings_each_once_by_first_reference():
    rows = [
        trees.Row(Kind.STRUCT, "z", 8, 2, body=("y", 2, 0, "z", 2, 32)),
        trees.Row(Kind.INT, "a", 4, body=(32,)),
    ]
    types, strings = trees.tables(rows)
    assert b"litter" in strings.blob.tobytes()
    assert trees.parse(trees.encode(types, strings)).strings.blob.tobytes() == b"\0z\0y\0a\0"


def test_writer__keeps_names_that_are_tails_of_other_strings():
    # more distinct names than the blob has NULs, so that the hash table must grow
    blob = np.frombuffer(b"\0" + b"a" * 200 + b"\0", np.uint8)
    words = [w for i in range(1, 201) for w in (i, info_word(Kind.FWD), 0)]
    types = TypeTable(np.array(words, np.uint32), np.array([0, *range(0, 601, 3)], np.int64))
    file = trees.parse(trees.encode(types, StringTable(blob)))
    assert [file.name(i) for i in range(1, 201)] == [b"a" * (201 - i) for i in range(1, 201)]
    assert len(file.strings.blob) == 1 + sum(n + 1 for n in range(1, 201))


def test_writer__names_every_offset_of_an_empty_string_zero():
    blob = np.frombuffer(b"\0a\0\0", np.uint8)
    words = np.array([3, info_word(Kind.STRUCT), 0, 2, info_word(Kind.UNION), 0], np.uint32)
    file = trees.parse(trees.encode(TypeTable(words, np.array([0, 0, 3, 6], np.int64)), StringTable(blob)))
    assert file.types.name_off().tolist() == [0, 0]
    assert file.strings.blob.tobytes() == b"\0"


def test_writer__does_not_change_its_input():
    types, strings = trees.tables(trees.with_addresses())
    before = types.words.copy(), types.start.copy(), strings.blob.copy()
    trees.encode(types, strings, byteorder="big")
    for array, copy in zip((types.words, types.start, strings.blob), before, strict=True):
        assert np.array_equal(array, copy)


def test_writer__takes_read_only_and_strided_tables():
    rows = trees.every_kind()
    types, strings = trees.tables(rows)
    spread = np.repeat(types.words, 2)[::2]
    spread.setflags(write=False)
    assert trees.encode(TypeTable(spread, types.start), strings) == trees.wire(rows)


ROW = [1, info_word(Kind.FWD), 0]
REFUSED = {
    "short row": ([1, 2], [0, 0, 2], b"\0a\0", "[1]: expected at least 3 words, found 2"),
    "kind 0": ([1, 0, 0], [0, 0, 3], b"\0a\0", "[1]: expected kind 1 to 19, found 0"),
    "kind 20": ([1, 20 << 24, 0], [0, 0, 3], b"\0a\0", "[1]: expected kind 1 to 19, found 20"),
    "long row": ([*ROW, 0], [0, 0, 4], b"\0a\0", "[1] FWD: expected 3 words by kind and vlen, found 4"),
    "lying vlen": (
        [0, info_word(Kind.STRUCT, 0xFFFFFF), 0],
        [0, 0, 3],
        b"\0a\0",
        "[1] STRUCT: expected 50331648 words by kind and vlen, found 3",
    ),
    "address missing": (
        [1, info_word(Kind.FUNC, 0, 1), 0],
        [0, 0, 3],
        b"\0a\0",
        "[1] FUNC: expected 5 words by kind and vlen, found 3",
    ),
    "name past end": ([3, *ROW[1:]], [0, 0, 3], b"\0a\0", "[1] FWD: expected a name below 3, found 3"),
    "blob without NUL": (ROW, [0, 0, 3], b"\0a", "expected a string blob that begins and ends with NUL"),
    "blob empty": (ROW, [0, 0, 3], b"", "expected a string blob that begins and ends with NUL"),
    "starts too short": (ROW, [0], b"\0a\0", "expected row starts that rise"),
    "starts falling": (ROW * 2, [0, 0, 6, 3, 6], b"\0a\0", "expected row starts that rise"),
    "starts past end": (ROW, [0, 0, 6], b"\0a\0", "expected row starts that rise"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_writer__refuses_tables_that_do_not_fit(case):
    words, start, blob, message = REFUSED[case]
    types = TypeTable(np.array(words, np.uint32), np.array(start, np.int64))
    with pytest.raises(EncodeError) as caught:
        trees.encode(types, StringTable(np.frombuffer(blob, np.uint8)))
    assert message in str(caught.value)


def test_writer__refuses_a_string_section_beyond_its_limit(monkeypatch):
    monkeypatch.setattr("harness.btf.wire.MAX_SECTION_NBYTES", 2000)
    types, strings = trees.tables([trees.Row(Kind.FWD, "x" * 2000)])
    with pytest.raises(EncodeError, match="at most 2000 bytes of strings"):
        trees.encode(types, strings)
