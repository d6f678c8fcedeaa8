"""The reader: what it hands on, and every lie it refuses, with its offset."""

import io
import json
import struct

import btf_trees as trees
import numpy as np
import pytest
from btf_trees import with_layout

from harness import btf
from harness.errors import BtfFormatError
from harness.model import STANDARD, Kind, StringTable, TypeTable, info_word

ROW = struct.pack("<3I", 1, info_word(Kind.FWD), 0)
STRINGS = b"\0a\0"


def file_bytes(types=ROW, strings=STRINGS, tail=b"", **fields):
    """A small little-endian file; `fields` replaces header fields, hdr_len 32 adds an empty layout."""
    header = {
        "magic": 0xEB9F,
        "version": 1,
        "flags": 0,
        "hdr_len": 24,
        "type_off": 0,
        "type_len": len(types),
        "str_off": len(types),
        "str_len": len(strings),
    }
    header.update(fields)
    return struct.pack("<HBB5I", *header.values()) + types + strings + tail


@pytest.mark.parametrize("byteorder", ("little", "big"))
def test_reader__hands_on_the_same_words_in_either_byte_order(byteorder):
    rows = trees.with_addresses()
    file = trees.parse(trees.wire(rows, byteorder))
    other = trees.parse(trees.wire(rows))
    assert file.byteorder == byteorder
    assert np.array_equal(file.types.words, other.types.words)
    assert np.array_equal(file.types.start, other.types.start)
    assert file.types.words.dtype == np.uint32 and file.types.start.dtype == np.int64
    assert [file.name(i + 1).decode() for i in range(len(rows))] == [row.name for row in rows]
    assert file.types.kind().tolist() == [row.kind for row in rows]
    assert file.types.row(len(rows) - 1)[3:].tolist() == [0x8103B530, 0xFFFFFFFF]


def test_reader__reads_a_file_without_types():
    file = btf.parse(file_bytes(types=b""))
    assert file.types.n_types == 0
    assert file.types.start.tolist() == [0, 0]


@pytest.mark.parametrize("byteorder", ("little", "big"))
@pytest.mark.parametrize("layout", (b"", bytes(80)))
def test_reader__reads_the_header_with_layout(byteorder, layout):
    file = btf.parse(with_layout(byteorder, layout))
    assert file.header.hdr_len == 32
    assert (file.header.layout_off, file.header.layout_len) == (12 if layout else 0, len(layout))
    assert file.name(1) == b"a"


def test_reader__reads_sections_in_any_order_and_with_gaps():
    data = file_bytes(types=b"", strings=b"", type_off=8, type_len=12, str_off=2, str_len=3)
    file = btf.parse(data + b"??" + STRINGS + b"???" + ROW + b"tail")
    assert file.name(1) == b"a"
    assert btf.stat(file).padding_nbytes == 2 + 3 + 4


def test_reader__takes_bytes_bytearray_memoryview_and_array():
    data = file_bytes()
    for given in (data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        assert btf.parse(given).name(1) == b"a"


def test_read__names_the_file(tmp_path):
    path = tmp_path / "x.btf"
    path.write_bytes(file_bytes())
    assert btf.read(path).path == str(path)
    path.write_bytes(file_bytes(version=2))
    with pytest.raises(BtfFormatError) as caught:
        btf.read(path)
    assert str(caught.value) == f"{path}: .BTF+0x2: expected version 1, found 2"
    with pytest.raises(BtfFormatError, match="expected a readable file, found: No such file"):
        btf.read(tmp_path / "none.btf")
    with pytest.raises(BtfFormatError, match="expected a readable file"):
        btf.read(tmp_path)


KIND_0, KIND_20 = struct.pack("<3I", 1, 0, 0), struct.pack("<3I", 1, 20 << 24, 0)
LIES = {
    "empty": (b"", 0, "expected a header of 24 bytes, found 0 bytes"),
    "short header": (file_bytes()[:23], 23, "expected a header of 24 bytes, found 23 bytes"),
    "magic": (file_bytes(magic=0x1234), 0, "expected magic 0xeb9f in either byte order, found bytes 34 12"),
    "version": (file_bytes(version=2), 2, "expected version 1, found 2"),
    "flags": (file_bytes(flags=1), 3, "expected flags 0, found 0x1"),
    "hdr_len 23": (file_bytes(hdr_len=23), 4, "expected hdr_len 24 to 39"),
    "hdr_len 0": (file_bytes(hdr_len=0), 4, "expected hdr_len 24 to 39"),
    "hdr_len past the end": (file_bytes(hdr_len=40), 4, "found 40"),
    "hdr_len huge": (file_bytes(hdr_len=0xFFFFFFFF), 4, "found 4294967295"),
    "unknown header bytes": (file_bytes(hdr_len=28, type_off=0), 24, "expected zeros in the header after 24 bytes"),
    "unknown bytes after layout": (
        with_layout()[:4] + struct.pack("<I", 36) + with_layout()[8:],
        32,
        "expected zeros in the header after 32 bytes, found 0x01",
    ),
    "type_off past the end": (file_bytes(type_off=16), 8, "expected type_off of at most 15"),
    "type_off huge": (file_bytes(type_off=0xFFFFFFFC), 8, "found 4294967292"),
    "type_off unaligned": (file_bytes(type_off=2), 8, "expected type_off a multiple of 4, found 2"),
    "type_len past the end": (file_bytes(type_len=16), 12, "expected type_len of at most 15"),
    "type_len huge": (file_bytes(type_len=0xFFFFFFFC), 12, "found 4294967292"),
    "type_len unaligned": (file_bytes(type_len=11), 12, "expected type_len a multiple of 4, found 11"),
    "str_off past the end": (file_bytes(str_off=16), 16, "expected str_off of at most 15"),
    "str_len past the end": (file_bytes(str_len=4), 20, "expected str_len of at most 3"),
    "str_len 0": (file_bytes(strings=b""), 20, "expected a string section of at least one byte"),
    "truncated strings": (file_bytes()[:-1], 20, "expected str_len of at most 2"),
    "overlap": (file_bytes(str_off=11), 16, "expected str_off of at least 12, where the type section ends, found 11"),
    "layout overlap": (
        with_layout()[:24] + struct.pack("<2I", 8, 80) + with_layout()[32:],
        24,
        "expected layout_off of at least 12, where the type section ends, found 8",
    ),
    "layout past the end": (
        with_layout()[:28] + struct.pack("<I", 0xFFFFFFF0) + with_layout()[32:],
        28,
        "expected layout_len of at most",
    ),
    "strings begin": (file_bytes(strings=b"aa\0"), 36, "begins with NUL, found 0x61"),
    "strings end": (file_bytes(strings=b"\0aa"), 38, "ends with NUL, found 0x61"),
    "kind 0": (file_bytes(types=KIND_0), 24, "[1]: expected kind 1 to 19, found 0"),
    "kind 20": (file_bytes(types=ROW + KIND_20), 36, "[2]: expected kind 1 to 19, found 20"),
    "kind 127": (file_bytes(types=struct.pack("<3I", 1, 0x7F000000, 0)), 24, "found 127"),
    "vlen past the end": (
        file_bytes(types=ROW + struct.pack("<3I", 0, info_word(Kind.STRUCT, 1), 4)),
        36,
        "[2] STRUCT: expected 6 words for vlen 1, found the end of the types after 3",
    ),
    "vlen huge": (
        file_bytes(types=struct.pack("<3I", 0, info_word(Kind.ENUM64, 0xFFFFFF, 1), 4)),
        24,
        "[1] ENUM64: expected 50331648 words for vlen 16777215",
    ),
    "INT without its word": (file_bytes(types=struct.pack("<3I", 1, info_word(Kind.INT), 4)), 24, "expected 4 words"),
    "half a type": (file_bytes(types=ROW + ROW[:8]), 36, "[2]: expected 3 words, found the end of the types after 2"),
}


@pytest.mark.parametrize("lie", LIES)
def test_reader__refuses(lie):
    data, offset, message = LIES[lie]
    with pytest.raises(BtfFormatError) as caught:
        btf.parse(data, "hostile.btf")
    assert message in caught.value.message
    assert (caught.value.path, caught.value.section, caught.value.offset) == ("hostile.btf", ".BTF", offset)


def test_reader__names_the_section_it_was_given():
    with pytest.raises(BtfFormatError) as caught:
        btf.parse(b"", "vmlinux", ".BTF.base")
    assert str(caught.value).startswith("vmlinux: .BTF.base+0x0: expected")


def test_reader__takes_kind_flag_for_words_only_where_the_layout_says_so():
    func = struct.pack("<3I", 1, info_word(Kind.FUNC, 0, 1), 0)
    assert btf.parse(file_bytes(types=func)).types.row(1).tolist() == [1, info_word(Kind.FUNC, 0, 1), 0]
    with pytest.raises(BtfFormatError, match=r"\[1\] FUNC: expected 5 words for vlen 0, found the end") as caught:
        btf.parse(file_bytes(types=func), layout=trees.LAYOUT)
    assert caught.value.offset == 24


@pytest.mark.parametrize("byteorder", ("little", "big"))
def test_reader__finds_the_layout_that_a_file_is_written_in(byteorder):
    rows = trees.with_addresses()
    several = [STANDARD, STANDARD.with_kind_flag_words(Kind.FUNC, 1, "line"), trees.LAYOUT]
    found = btf.parse(trees.wire(rows, byteorder), layout=several)
    assert found.layout == trees.LAYOUT
    ids, values = found.trailing_values()
    assert (ids.tolist(), values.tolist()) == ([39, 40], [0xFFFFFFFF8103B530, 1])
    assert btf.parse(trees.wire(rows[:-2], byteorder), layout=several).layout == STANDARD


def test_reader__prefers_a_layout_in_which_every_kind_flag_has_a_meaning():
    # by the standard, the addresses are part of an INT and a CONST: only that FUNCs have no kind_flag tells
    rows = [trees.Row(Kind.FUNC_PROTO), trees.Row(Kind.FUNC, "f", 1, 0, 1, addr=info_word(Kind.INT) << 32),
            trees.Row(Kind.FUNC, "f", 1, 0, 1, addr=info_word(Kind.CONST))]
    data = trees.wire(rows)
    assert btf.parse(data).types.kind().tolist() == [Kind.FUNC_PROTO, Kind.FUNC, Kind.INT, Kind.CONST]
    assert trees.parse(data).types.kind().tolist() == [row.kind for row in rows]


def test_reader__reports_the_fault_of_the_layout_that_led_furthest():
    cut = trees.wire(trees.with_addresses())
    types = cut[24 : 24 + struct.unpack_from("<I", cut, 12)[0] - 4]
    with pytest.raises(BtfFormatError, match=r"\[40\] FUNC: expected 5 words for vlen 1, found the end") as caught:
        trees.parse(file_bytes(types=types))
    assert caught.value.offset == 24 + len(types) - 16


@pytest.mark.parametrize("byteorder", ("little", "big"))
@pytest.mark.parametrize(("n_words", "value"), [(1, 0x81000001), (2, 0xFFFFFFFF81000001)])
@pytest.mark.parametrize("kind", (Kind.STRUCT, Kind.INT, Kind.TYPE_TAG))
def test_layout__of_any_kind_can_be_extended(byteorder, n_words, value, kind):
    layout = STANDARD.with_kind_flag_words(kind, n_words, "mark", "btf_mark", "a mark")
    body = {Kind.STRUCT: [2, 1, 0, 2, 1, 32], Kind.INT: [32], Kind.TYPE_TAG: []}[kind]
    halves = [value & 0xFFFFFFFF, value >> 32][:n_words]
    words = [4, info_word(Kind.INT), 4, 32, 2, info_word(kind, len(body) // 3, 1), 8 if body else 1, *body, *halves]
    words += [4, info_word(Kind.TYPEDEF), 1]
    start = np.array([0, 0, 4, len(words) - 3, len(words)], np.int64)
    data = btf.encode(TypeTable(np.array(words, np.uint32), start), StringTable(np.frombuffer(b"\0\0a\0i\0", np.uint8)),
                      byteorder=byteorder, layout=layout)
    assert value.to_bytes(4 * n_words, byteorder) in data
    file = btf.parse(data, layout=layout)
    assert file.types.kind().tolist() == [Kind.INT, kind, Kind.TYPEDEF]
    assert [column.tolist() for column in file.trailing_values()] == [[2], [value]]
    btf.check(file)
    text, rows = io.BytesIO(), io.BytesIO()
    btf.dump_raw(file, text)
    btf.dump_json(file, rows)
    line = next(line for line in text.getvalue().decode().splitlines() if line.startswith("[2]"))
    assert line.endswith(f" mark=0x{value:0{8 * n_words}x}")
    assert json.loads(rows.getvalue())["types"][1]["mark"] == f"0x{value:0{8 * n_words}x}"
    assert btf.stat(file).total_nbytes == len(data)
    if kind == Kind.INT:
        with pytest.raises(BtfFormatError, match="Invalid btf_info kind_flag"):
            btf.check(file, strict=True)
