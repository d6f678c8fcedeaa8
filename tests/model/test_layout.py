"""The layout of every kind, told apart from the code by a second telling: struct formats of the wire twin."""

import numpy as np
import pytest

from harness.model import MODIFIERS, STANDARD, Kind, declared_kind, info_word, kind_number, layout_kernels, split_info
from harness.model import layout as module
from harness.model.layout import KindLayout, Layout
from tests.compiled import Callable
from tests.reference import wire

lk = Callable(layout_kernels)

KINDS = [kind for kind in Kind if STANDARD[kind].known and kind]


def sample(kind, vlen):
    """A wire.Type of the kind with `vlen` entries, each reference another type_id from 1."""
    entries = tuple(tuple({"N": "n", "T": 10 + i, "I": 20 + i, "i": 20 + i}[code] for code in wire.REPEATED[kind])
                    for i in range(vlen)) if kind in wire.REPEATED else ()
    body = entries
    if kind in wire.FIXED:
        body = tuple({"T": 10 + i, "I": 20, "i": 20}[code] for i, code in enumerate(wire.FIXED[kind]))
    return wire.Type(kind, "name", 9, body)


@pytest.mark.parametrize("vlen", (0, 1, 3))
@pytest.mark.parametrize("kind", KINDS)
def test_layout__has_the_words_of_the_wire(kind, vlen):
    t = sample(kind, vlen)
    types, _ = wire.to_tables(wire.pack([t]))
    row = types.row(1)
    info = row[1]
    assert STANDARD.row_words(info) == len(row) == lk.row_words_of(STANDARD.columns, info)
    assert lk.standard_row_words(int(kind), split_info(info)[1]) == len(row)
    assert STANDARD.row_words(int(info) | 1 << 31) == len(row)
    assert lk.trailing_words_of(STANDARD.columns, np.uint32(int(info) | 1 << 31)) == 0


@pytest.mark.parametrize("vlen", (0, 1, 3))
@pytest.mark.parametrize("kind", KINDS)
def test_layout__knows_which_words_are_references_and_names(kind, vlen):
    t = sample(kind, vlen)
    types, strings = wire.to_tables(wire.pack([t]))
    row = types.row(1)
    words = STANDARD[kind].reference_words(vlen if kind in wire.REPEATED else 0)
    assert row[words].tolist() == t.refs()
    assert [lk.reference_word(int(kind), k) for k in range(lk.n_references(row[1]))] == words
    names = [lk.name_word(int(kind), k) for k in range(lk.n_names(row[1]))]
    n_entries = vlen if "N" in wire.REPEATED.get(kind, "") else 0
    assert [strings.get(int(off)) for off in row[names]] == [b"name"] + [b"n"] * n_entries


def test_layout__names_every_kind_once():
    assert [STANDARD[kind].third for kind in KINDS].count("type") == len(wire.REFERRING)
    with pytest.raises(KeyError):
        STANDARD[len(Kind)]
    assert all(len(column) == len(Kind) and not column.flags.writeable for column in STANDARD.columns)


@pytest.mark.parametrize("kind_flag", (0, 1))
@pytest.mark.parametrize("vlen", (0, 1, 0xFFFFFF))
@pytest.mark.parametrize("kind", Kind)
def test_info_word__is_taken_apart_as_it_was_put_together(kind, vlen, kind_flag):
    info = info_word(kind, vlen, kind_flag)
    word = np.uint32(info)
    assert split_info(info) == split_info(word) == (kind, vlen, kind_flag)
    assert (lk.kind_of(word), lk.vlen_of(word), lk.kind_flag_of(word)) == (kind, vlen, kind_flag)
    assert lk.info_word_of(int(kind), vlen, kind_flag) == word
    declared = (Kind.UNION if kind_flag else Kind.STRUCT) if kind == Kind.FWD else kind
    assert declared_kind(word) == lk.declared_kind_of(word) == declared
    assert lk.is_modifier(int(kind)) == (kind in MODIFIERS) and lk.is_sized(int(kind)) == (kind in module.SIZED)


@pytest.mark.parametrize("encoding", module.IntEncoding)
def test_int_word__is_taken_apart_as_it_was_put_together(encoding):
    assert module.int_parts(module.int_word(encoding, 128)) == (encoding, 0, 128)
    assert module.int_parts(int(encoding) << 24 | 0x07FF03) == (encoding, 0x07, 0x03)


def test_info_word__of_an_unknown_kind_is_not_split():
    assert kind_number(np.uint32(0xFF000000)) == 127 and lk.kind_of(np.uint32(0xFF000000)) == 127
    with pytest.raises(ValueError, match="127"):
        split_info(0xFF000000)


@pytest.mark.parametrize("n_words", (1, 2))
@pytest.mark.parametrize("kind", KINDS)
def test_extension__adds_words_with_kind_flag_alone(kind, n_words):
    layout = STANDARD.with_kind_flag_words(kind, n_words, "mark", "btf_mark", "what it is")
    for other in KINDS:
        vlen = 2 if STANDARD[other].entry else 0
        plain, flagged = (np.uint32(info_word(other, vlen, flag)) for flag in (0, 1))
        more = n_words if other == kind else 0
        assert layout.row_words(plain) == STANDARD.row_words(plain) == lk.row_words_of(layout.columns, plain)
        assert layout.row_words(flagged) == STANDARD.row_words(plain) + more
        assert lk.row_words_of(layout.columns, flagged) == layout.row_words(flagged)
        assert lk.trailing_words_of(layout.columns, flagged) == more
        assert layout[other].reference_words(vlen) == STANDARD[other].reference_words(vlen)
    assert layout[kind].kind_flag and layout[kind].trailing == ("mark", n_words, "btf_mark", "what it is")


def test_extension__leaves_the_standard_as_it_is_and_compares_by_what_it_says():
    layout = STANDARD.with_kind_flag_words(Kind.FUNC, 2, "addr")
    assert layout != STANDARD and STANDARD[Kind.FUNC].trailing is None
    same = STANDARD.with_kind_flag_words(Kind.FUNC, 2, "addr")
    assert layout == same and hash(layout) == hash(same) and len({layout, same, STANDARD}) == 2
    assert layout != STANDARD.with_kind_flag_words(Kind.FUNC, 1, "addr")


@pytest.mark.parametrize("n_words", (0, 3, -1))
def test_extension__has_one_word_or_two(n_words):
    with pytest.raises(ValueError, match=f"expected a field of 1 or 2 words, found {n_words}"):
        STANDARD.with_kind_flag_words(Kind.FUNC, n_words, "addr")


def test_layout__whose_references_are_not_evenly_spaced_is_refused():
    uneven = KindLayout("type", fixed=("type", "nelems", "type"))
    with pytest.raises(AssertionError, match=r"references at the words \[2, 3, 5\]"):
        Layout({**{kind: STANDARD[kind] for kind in Kind}, Kind.ARRAY: uneven})
