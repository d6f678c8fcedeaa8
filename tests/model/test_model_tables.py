"""Tables by type_id and strings by offset, on their own and over a base."""

import numpy as np
import pytest

from harness.model import VOID, Kind, StringTable, TypeTable, concatenate, decl_tags, info_word

INT = [1, info_word(Kind.INT), 4, 32]
PTR = [0, info_word(Kind.PTR), 1]
FLAGGED = [5, info_word(Kind.STRUCT, 1, 1), 4, 3, 1, 0]


def table(*rows, base=None):
    start = np.concatenate([[0, 0], np.cumsum([len(row) for row in rows], dtype=np.int64)]).astype(np.int64)
    return TypeTable(np.array([w for row in rows for w in row], np.uint32), start, base)


def strings(text, base=None):
    return StringTable(np.frombuffer(text, np.uint8), base)


def three():
    """Tables over each other, with two, one and no rows, and a fourth with two."""
    first = table(INT, PTR)
    second = table(FLAGGED, base=first)
    return first, second, table(base=second), table(PTR, INT, base=table(base=second))


def test_table__columns_are_by_row():
    types = table(INT, PTR, FLAGGED)
    assert types.n_types == 3 and list(types.ids()) == [1, 2, 3]
    assert types.kind().tolist() == [Kind.INT, Kind.PTR, Kind.STRUCT] and types.kind().dtype == np.uint8
    assert types.vlen().tolist() == [0, 0, 1] and types.kind_flag().tolist() == [False, False, True]
    assert types.name_off().tolist() == [1, 0, 5] and types.size_type().tolist() == [4, 1, 4]
    assert types.info().tolist() == [INT[1], PTR[1], FLAGGED[1]] and types.row_starts().tolist() == [0, 4, 7]
    assert [types.row(i).tolist() for i in (VOID, 1, 2, 3)] == [[], INT, PTR, FLAGGED]


def test_table__without_rows_has_void_alone():
    types = table()
    assert (types.n_types, types.first_id, types.next_id) == (0, 1, 1)
    assert types.kind().tolist() == [] and types.row(VOID).tolist() == []


def test_table__over_a_base_goes_on_where_that_ends():
    first, second, third, fourth = three()
    assert [(t.first_id, t.n_types, t.next_id) for t in (first, second, third, fourth)] == [
        (1, 2, 3), (3, 1, 4), (4, 0, 4), (4, 2, 6)]
    assert [fourth.row(i).tolist() for i in range(6)] == [[], INT, PTR, FLAGGED, PTR, INT]
    assert fourth.kind().tolist() == [Kind.PTR, Kind.INT] and list(fourth.ids()) == [4, 5]
    assert [fourth.row_start(i) for i in fourth.ids()] == [0, 3] and second.row_start(3) == 0


def test_table__columns_by_id_begin_with_void_and_the_base():
    first, second, third, fourth = three()
    assert fourth.by_id(TypeTable.kind).tolist() == [0, Kind.INT, Kind.PTR, Kind.STRUCT, Kind.PTR, Kind.INT]
    assert fourth.by_id(TypeTable.kind).dtype == np.uint8 and fourth.by_id(TypeTable.name_off).dtype == np.uint32
    for types in (first, second, third, fourth):
        for column in (TypeTable.kind, TypeTable.vlen, TypeTable.kind_flag, TypeTable.name_off, TypeTable.size_type):
            assert types.by_id(column).tolist() == types.flattened().by_id(column).tolist()
            assert len(types.by_id(column)) == types.next_id
    assert table().by_id(TypeTable.size_type).tolist() == [0]


def test_table__ids_of_a_kind_are_those_of_its_own_rows():
    first, second, third, fourth = three()
    assert [t.ids_of(Kind.PTR).tolist() for t in (first, second, third, fourth)] == [[2], [], [], [4]]
    assert [t.ids_of(Kind.INT).tolist() for t in (first, second, third, fourth)] == [[1], [], [], [5]]


def test_table__flattened_has_the_rows_of_all_bases():
    first, _, _, fourth = three()
    flat = fourth.flattened()
    assert flat.base is None and flat.n_types == 5
    assert [flat.row(i).tolist() for i in range(6)] == [fourth.row(i).tolist() for i in range(6)]
    assert first.flattened() is first


def test_decl_tags__are_rows_of_four_words():
    types = decl_tags([5, 9], [2, 3], [-1, 1])
    assert [types.row(i).tolist() for i in (1, 2)] == [
        [5, info_word(Kind.DECL_TAG), 2, 2**32 - 1], [9, info_word(Kind.DECL_TAG), 3, 1]]
    assert decl_tags([5], [2]).row(1)[3] == 2**32 - 1 and decl_tags([], []).n_types == 0


def test_concatenate__continues_what_the_first_continues():
    first, second, _, _ = three()
    joined = concatenate([second, table(PTR), table(), table(INT)])
    assert joined.base is first and list(joined.ids()) == [3, 4, 5]
    assert [joined.row(i).tolist() for i in joined.ids()] == [FLAGGED, PTR, INT]
    assert concatenate([table(), table(INT)]).row(1).tolist() == INT


@pytest.mark.parametrize("length", (0, 1, 63, 64, 65, 255, 256, 1000))
def test_strings__of_any_length_are_found(length):
    text = b"\0" + b"x" * length + b"\0y\0"
    assert strings(text).get(1) == b"x" * length and strings(text).get(length + 2) == b"y"
    assert strings(text[: length + 1]).get(1) == b"x" * length, "without its NUL it ends with the blob"


def test_strings__over_a_base_go_on_where_that_ends():
    first = strings(b"\0ab\0")
    second = strings(b"c\0de\0", first)
    third = strings(b"", second)
    assert [(s.first_off, s.next_off) for s in (first, second, third)] == [(0, 4), (4, 9), (9, 9)]
    assert [third.get(off) for off in (0, 1, 2, 4, 6, 7)] == [b"", b"ab", b"b", b"c", b"de", b"e"]
    assert third.flattened().blob.tobytes() == b"\0ab\0c\0de\0" and first.flattened() is first
