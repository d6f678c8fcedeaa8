"""Names in .BTF.ext: those of a section by hand, and no others."""

import struct

import numpy as np
import pytest

from harness.btf import ext
from harness.errors import BtfFormatError

FUNC, LINE, RELO = (8, 1, [(0, 3)]), (16, 5, [(0, 20, 30, 1), (8, 20, 40, 2)]), (16, 5, [(0, 3, 50, 0)])
"""A part each: the size of a record, the name of an ELF section, and its records."""


def section(*parts, order="<", hdr_len=32, magic=0xEB9F, version=1):
    """A .BTF.ext of FUNC, LINE and RELO, of which `parts` replace the first ones."""
    body, places = b"", []
    for nbytes, name, records in (*parts, *(FUNC, LINE, RELO)[len(parts) :]):
        words = [nbytes, name, len(records), *(word for record in records for word in record)]
        places += [len(body), 4 * len(words)]
        body += struct.pack(f"{order}{len(words)}I", *words)
    head = struct.pack(order + "HBBI6I", magic, version, 0, hdr_len, *places)
    return head[:hdr_len].ljust(hdr_len, b"\0") + body


@pytest.mark.parametrize(("order", "byteorder"), [("<", "little"), (">", "big")])
def test_name_offs__are_sections_files_lines_and_paths_of_members(order, byteorder):
    assert sorted(ext.name_offs(section(order=order), byteorder)) == sorted([1, 5, 20, 20, 30, 40, 5, 50])
    assert sorted(ext.name_offs(section(order=order, hdr_len=24), byteorder)) == sorted([1, 5, 20, 20, 30, 40])
    assert sorted(ext.name_offs(section(order=order, hdr_len=40), byteorder)) == sorted([1, 5, 20, 20, 30, 40, 5, 50])
    assert len(ext.name_offs(struct.pack(order + "HBBI4I", 0xEB9F, 1, 0, 24, 0, 0, 0, 0), byteorder)) == 0


@pytest.mark.parametrize(("data", "words", "offset"), [
    (b"\x9f\xeb\x01", "expected a header of 24 bytes, found 3 bytes", 3),
    (section(magic=0xEB9E), "expected magic 0xeb9f in the byte order of .BTF, found 0xeb9e", 0),
    (section(order=">"), "expected magic 0xeb9f in the byte order of .BTF, found 0x9feb", 0),
    (section(version=2), "expected version 1, found 2", 2),
    (section(hdr_len=32)[:28], "expected hdr_len 24 to 28", 4),
    (section()[:-4], "expected whole words of core_relo among the 88 bytes after the header, found 28 bytes", 24),
    (section((4, 1, [(0,)])), "expected func_info records of whole words and at least 8 bytes, found 4", 32),
    (section((9, 1, [(0, 3)])), "expected func_info records of whole words and at least 8 bytes, found 9", 32),
    (section(FUNC, (12, 5, [])), "expected line_info records of whole words and at least 16 bytes, found 12", 52),
    (section((8, 1, [(0, 3, 4)])), "name and func_info records of 8 bytes, found 0 records and 4 bytes", 52),
    (section((12, 1, [(0, 3)])), "name and func_info records of 12 bytes, found 1 records and 16 bytes", 36),
    (section((8, 1, [])), "name and func_info records of 8 bytes, found 0 records and 8 bytes", 36),
])
def test_name_offs__refuses_what_is_malformed_with_its_place(data, words, offset):
    with pytest.raises(BtfFormatError, match=words) as caught:
        ext.name_offs(data, "little", "x.o")
    assert (caught.value.path, caught.value.section, caught.value.offset) == ("x.o", ".BTF.ext", offset)


def test_name_offs__of_any_damage_are_an_array_or_an_error():
    rng, good = np.random.default_rng(0), section()
    for _ in range(2000):
        data = bytearray(good[: rng.integers(len(good) + 1)] if rng.random() < 0.2 else good)
        for at in rng.integers(0, max(len(data), 1), rng.integers(1, 4)):
            if at < len(data):
                data[at] = rng.choice([0, 1, 4, 0x7F, 0xFF, int(rng.integers(256))])
        try:
            assert ext.name_offs(bytes(data), "little").dtype == np.int64
        except BtfFormatError:
            pass
