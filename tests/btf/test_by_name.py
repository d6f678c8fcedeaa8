"""Types sorted by name, as the kernel's build does: against a slow twin, over a base, in either byte order."""

import random

import numpy as np
import pytest

from harness import btf
from harness.errors import EncodeError
from harness.model import STANDARD, Kind, StringTable, TypeTable, info_word

NAMES = (b"", b"", b"", b"a", b"a", b"ab", b"a.b", b"B", b"_", b"~", b"\x7f", b"\x80", b"\xc3\xa9", b"\xff", b"a" * 300)
"""strcmp compares bytes as unsigned numbers: upper case before '_' before lower case, what is not ASCII last."""


class Table:
    """Rows and strings by chance; references go anywhere, also to later rows."""

    def __init__(self, seed, n=60, base=None, base_strings=None):
        rng = random.Random(seed)
        first = 1 if base is None else base.next_id
        blob = bytearray(b"\0" if base is None else b"")
        first_off = 0 if base is None else len(base_strings.blob)
        offs = {}

        def off(name):
            if not name:
                return 0
            # now and then the same name at another offset
            if name not in offs or rng.random() < 0.2:
                offs[name] = first_off + len(blob)
                blob.extend(name + b"\0")
            return offs[name]

        def to():
            return rng.randrange(first + n)

        rows = []
        for _ in range(n):
            name = rng.choice(NAMES)
            kind = rng.choice([Kind.INT, Kind.PTR, Kind.ARRAY, Kind.STRUCT, Kind.FUNC, Kind.FUNC_PROTO, Kind.DECL_TAG,
                               Kind.DATASEC, Kind.ENUM64, Kind.VAR, Kind.ENUM])
            vlen = rng.randrange(4)
            head = [off(name), info_word(kind, vlen if STANDARD[kind].entry else 0)]
            layout = STANDARD[kind]
            body = [to() if layout.third_is_type else 8]
            for field in (*layout.fixed, *layout.entry * (vlen if layout.entry else 0)):
                body.append(off(rng.choice(NAMES)) if field == "name_off" else to() if "type" in field and
                            field != "BTF_INT_*" else rng.randrange(100))
            rows.append(head + body)
        self.types = TypeTable.of(np.concatenate([np.array(r, np.uint32) for r in rows]),
                                  np.cumsum([0, *map(len, rows)]), base)
        self.strings = StringTable(np.frombuffer(bytes(blob), np.uint8), base_strings)


def spelt(types, strings, sort):
    """Each row as a tuple in which a reference is the number of the row after sorting, and a name its bytes: slow and
    obvious."""
    first = types.first_id
    names = [strings.get(int(types.row(i)[0])) for i in types.ids()]
    order = sorted(range(len(names)), key=lambda k: (names[k], k)) if sort else list(range(len(names)))
    number = {first + k: first + place for place, k in enumerate(order)}
    out = []
    for k in order:
        words = types.row(first + k).tolist()
        kind = Kind(words[1] >> 24 & 0x7F)
        vlen = words[1] & 0xFFFFFF
        layout = STANDARD[kind]
        fields = ["name_off", "info", layout.third, *layout.fixed, *layout.entry * (vlen if layout.entry else 0)]
        out.append(tuple(strings.get(w) if f == "name_off" else number.get(w, w) if f in ("type", "index_type") else w
                         for f, w in zip(fields, words, strict=True)))
    return out


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("seed", range(6))
def test_by_name__is_a_stable_sort_by_strcmp_that_renumbers_all_references(seed, byteorder):
    made = Table(seed)
    laid = btf.lay_out(made.types, made.strings, byteorder=byteorder)
    ordered = laid.ordered(by_name=True)
    file = btf.parse(ordered.data())
    assert file.byteorder == byteorder
    assert spelt(file.types, file.strings, False) == spelt(made.types, made.strings, True)
    # the strings are those of the file before, byte by byte
    before = btf.parse(laid.data())
    assert file.strings.blob.tobytes() == before.strings.blob.tobytes()
    for old in made.types.ids():
        assert file.name(int(ordered.id_map[old])) == before.name(old)
    assert ordered.id_map[0] == 0 and sorted(ordered.id_map.tolist()) == list(range(made.types.next_id))


@pytest.mark.parametrize("seed", range(4))
def test_by_name__leaves_a_base_alone(seed):
    base = Table(seed, 20)
    made = Table(seed + 100, 30, base.types, base.strings)
    # names of the base too
    made.types.words[made.types.row_starts()[:5]] = [int(base.types.row(i)[0]) for i in range(1, 6)]
    ordered = btf.lay_out(made.types, made.strings).ordered(by_name=True)
    whole = btf.parse(btf.encode(base.types, base.strings))
    assert (ordered.id_map[: base.types.next_id] == np.arange(base.types.next_id)).all()
    names = [name for name, *_ in spelt(made.types, made.strings, True)]
    assert names == sorted(names)
    # base offsets change when the base is written alone, so read over the tables themselves
    blob = np.concatenate([base.strings.blob, ordered.laid.section()])
    start = np.cumsum([0, *(len(row) for row in _rows(ordered.words))])
    types = TypeTable.of(ordered.words, start, base.types)
    assert spelt(types, StringTable(blob), False) == spelt(made.types, made.strings, True)
    assert whole.types.n_types == 20


def _rows(words):
    at = 0
    while at < len(words):
        n = STANDARD.row_words(words[at + 1])
        yield words[at : at + n]
        at += n


def test_by_name__places_of_words_move_with_their_rows():
    layout = STANDARD.with_kind_flag_words(Kind.FUNC, 2, "addr")
    strings = StringTable(np.frombuffer(b"\0z\0a\0m\0", np.uint8))
    common = btf.lay_out(TypeTable.of([5, info_word(Kind.INT), 4, 32], [0, 4]), strings, byteorder="big")
    words = [1, info_word(Kind.FUNC, 0, 1), 7, 0x11, 0x22, 3, info_word(Kind.FUNC), 8,
             5, info_word(Kind.FUNC, 0, 1), 2, 0x33, 0x44]
    laid = common.then(TypeTable.of(words, [0, 5, 8, 13]), layout=layout)
    ordered = laid.ordered(by_name=True)
    data = ordered.data()
    at = ordered.word_places(np.array([3, 8 + 3, 2]))
    assert [int.from_bytes(data[i : i + 8], "big") for i in at[:2].tolist()] == [0x2200000011, 0x4400000033]
    # references past the table are left to `check`; [2] becomes the last one
    assert int.from_bytes(data[at[2] : at[2] + 4], "big") == 7
    assert ordered.id_map.tolist() == [0, 2, 4, 1, 3]
    file = btf.parse(data, layout=[layout])
    assert [file.name(i) for i in range(1, 5)] == [b"a", b"m", b"m", b"z"]
    assert file.types.row(3)[2] == 4
    z = common.strings.next_off - 6  # "z"
    assert data[ordered.string_places(np.array([z]))[0] :].startswith(b"z\0")


def test_by_name__of_sorted_types_changes_nothing():
    made = Table(3)
    once = btf.parse(btf.lay_out(made.types, made.strings).ordered(by_name=True).data())
    again = btf.lay_out(once.types, once.strings).ordered(by_name=True)
    assert (again.id_map == np.arange(once.types.next_id)).all()
    assert again.data() == btf.encode(once.types, once.strings)


def test_ordered__is_a_stable_sort_by_place_with_strings_in_the_order_of_first_use():
    strings = StringTable(np.frombuffer(b"\0c\0b\0a\0unused\0", np.uint8))
    rows = [[1, info_word(Kind.TYPEDEF), 2], [3, info_word(Kind.STRUCT, 1), 4, 1, 4, 0],
            [5, info_word(Kind.TYPEDEF), 4], [0, info_word(Kind.PTR), 9]]
    types = TypeTable.of([word for row in rows for word in row], np.cumsum([0, *map(len, rows)]))
    laid = btf.lay_out(types, strings)
    ordered = laid.ordered(np.array([5, 5, 3, 4]))
    file = btf.parse(ordered.data())
    assert ordered.id_map.tolist() == [0, 3, 4, 1, 2]
    assert file.strings.blob.tobytes() == b"\0a\0c\0b\0"
    assert [file.types.row(i).tolist() for i in range(1, 5)] == [
        [1, info_word(Kind.TYPEDEF), 2], [0, info_word(Kind.PTR), 9], [3, info_word(Kind.TYPEDEF), 4],
        [5, info_word(Kind.STRUCT, 1), 4, 3, 2, 0]]
    data = ordered.data()
    for off, text in ((1, b"c"), (3, b"b"), (5, b"a")):
        assert data[ordered.string_places(np.array([off]))[0] :].startswith(text + b"\0")
    # sorted by name afterwards: strings stay
    by_name = btf.parse(laid.ordered(np.array([5, 5, 3, 4]), by_name=True).data())
    assert by_name.strings.blob.tobytes() == file.strings.blob.tobytes()
    assert [by_name.name(i) for i in range(1, 5)] == [b"", b"a", b"b", b"c"]
    assert data == btf.encode(file.types, file.strings)


@pytest.mark.parametrize("first", [[7, 5, 7, 0, 5], []])
def test_ordered__first_names_come_first_whether_or_not_a_type_has_them(first):
    strings = StringTable(np.frombuffer(b"\0c\0b\0a\0unused\0", np.uint8))
    types = TypeTable.of([word for name in (1, 3, 5) for word in (name, info_word(Kind.FWD), 0)], [0, 3, 6, 9])
    laid = btf.lay_out(types, strings, first_names=np.array(first, np.uint32))
    begun = b"\0unused\0a\0" if first else b"\0"
    assert btf.parse(laid.data()).strings.blob.tobytes() == begun + (b"c\0b\0" if first else b"c\0b\0a\0")
    file = btf.parse(laid.ordered(np.array([2, 1, 3])).data())
    assert file.strings.blob.tobytes() == begun + (b"b\0c\0" if first else b"b\0c\0a\0")
    assert [file.name(i) for i in (1, 2, 3)] == [b"b", b"c", b"a"]


def test_ordered__first_names_may_be_more_than_there_is_room_for_at_first():
    """Ends of other strings, which outnumber the NULs."""
    strings = StringTable(np.frombuffer(b"\0" + b"x" * 500 + b"\0", np.uint8))
    first = np.arange(501, 0, -1, dtype=np.uint32)
    laid = btf.lay_out(TypeTable.of([1, info_word(Kind.FWD), 0], [0, 3]), strings, first_names=first)
    assert btf.parse(laid.data()).strings.blob.tobytes() == b"\0" + b"".join(b"x" * n + b"\0" for n in range(1, 501))


def test_ordered__first_names_are_within_the_strings():
    strings = StringTable(np.frombuffer(b"\0a\0", np.uint8))
    with pytest.raises(EncodeError, match="names from 0 to 3"):
        btf.lay_out(TypeTable.of([1, info_word(Kind.FWD), 0], [0, 3]), strings, first_names=np.array([3], np.uint32))


def test_ordered__needs_a_place_for_each_type():
    made = Table(1)
    with pytest.raises(ValueError, match="expected a place for each of 60 types, found 61"):
        btf.lay_out(made.types, made.strings).ordered(np.zeros(61, np.int64))
