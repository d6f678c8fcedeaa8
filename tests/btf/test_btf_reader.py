"""The reader: what it hands on, and every lie it refuses, with its offset."""

import struct

import btf_trees as trees
import numpy as np
import pytest
from btf_trees import with_layout

from harness import btf
from harness.errors import BtfFormatError
from harness.model import Kind, info_word

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
    file = btf.parse(trees.wire(rows, byteorder))
    other = btf.parse(trees.wire(rows))
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
    "address cut": (
        file_bytes(types=struct.pack("<4I", 1, info_word(Kind.FUNC, 0, 1), 0, 0)),
        24,
        "[1] FUNC: expected 5 words",
    ),
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
