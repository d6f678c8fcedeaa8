"""The layout section: written as libbpf does, true of every type, read back, and a lie in it found."""

import io
import struct

import btf_trees as trees
import numpy as np
import pytest

from harness import btf
from harness.btf import same
from harness.encodings.btf_func import LAYOUT
from harness.errors import BtfFormatError, EncodeError
from harness.measure import wire
from harness.model import STANDARD, Kind

BYTEORDERS = ("little", "big")

SIZES = [(0, 0), (4, 0), (0, 0), (12, 0), (0, 12), (0, 12), (0, 8), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0),
         (0, 8), (4, 0), (0, 12), (0, 0), (4, 0), (0, 0), (0, 12)]
"""(info_sz, elem_sz) by kind, as pahole 1436daf with libbpf dd92bef7 writes them for any kernel."""


def section_of(sizes=SIZES, byteorder="little"):
    end = "<" if byteorder == "little" else ">"
    return b"".join(struct.pack(end + "BBH", *entry, 0) for entry in sizes)


def all_addressed():
    """A file in which every FUNC has an address."""
    return [row._replace(kind_flag=1, addr=i) if row.kind == Kind.FUNC else row
            for i, row in enumerate(trees.every_kind())]


def with_section(data, section):
    """A file of 24 bytes of header, with a layout section between types and strings."""
    end = "<" if data[:2] == b"\x9f\xeb" else ">"
    _, type_len, str_off, str_len = struct.unpack_from(end + "4I", data, 8)
    fields = 32, 0, type_len, str_off + len(section), str_len, type_len, len(section)
    return data[:4] + struct.pack(end + "7I", *fields) + data[24 : 24 + type_len] + section + data[24 + type_len :]


def starts_by_section(data):
    """Where each type begins for a reader that knows nothing but the layout section: a slow twin of the reader."""
    end = "<" if data[:2] == b"\x9f\xeb" else ">"
    hdr_len, type_off, type_len, _, _, layout_off, layout_len = struct.unpack_from(end + "7I", data, 4)
    section = data[hdr_len + layout_off :][:layout_len]
    sizes = [struct.unpack_from(end + "BBH", section, at) for at in range(0, layout_len, 4)]
    starts, at = [], 0
    while at < type_len:
        starts.append(at // 4)
        info = struct.unpack_from(end + "I", data, hdr_len + type_off + at + 4)[0]
        info_sz, elem_sz, flags = sizes[info >> 24 & 0x7F]
        assert flags == 0
        at += 12 + info_sz + (info & 0xFFFFFF) * elem_sz
    assert at == type_len
    return starts


@pytest.mark.parametrize("byteorder", BYTEORDERS)
@pytest.mark.parametrize("rows", [trees.every_kind(), all_addressed()], ids=["standard", "addresses"])
def test_layout_section__is_true_of_every_type_and_changes_nothing_else(rows, byteorder):
    tables = trees.tables(rows)
    plain = trees.encode(*tables, byteorder=byteorder)
    made = trees.encode(*tables, byteorder=byteorder, layout_section=True)
    sizes = SIZES.copy()
    sizes[Kind.FUNC] = (8 if rows[19].kind_flag else 0, 0)
    assert made == with_section(plain, section_of(sizes, byteorder))
    file, without = trees.parse(made), trees.parse(plain)
    assert file.header[3:] == (32, 0, file.header.type_len, file.header.type_len + 80, file.header.str_len,
                               file.header.type_len, 80)
    assert starts_by_section(made) == file.types.row_starts().tolist()
    assert file.kind_sizes[:, :2].tolist() == [list(entry) for entry in sizes] and without.kind_sizes is None
    btf.check(file)
    account = btf.stat(file)
    assert account.layout_nbytes == 80 and account.header_nbytes == 32
    assert account.total_nbytes == file.file_nbytes == without.file_nbytes + 88
    for dump in (btf.dump_raw, btf.dump_json):
        texts = [io.StringIO(), io.StringIO()]
        dump(file, texts[0])
        dump(without, texts[1])
        assert texts[0].getvalue() == texts[1].getvalue()
    found = same.compare(made, plain, layout=[STANDARD, LAYOUT])
    assert found.is_same
    assert found.header == ["header of 32 bytes in A, 24 in B", "layout section of 80 bytes in A, 0 in B"]


def test_layout_section__cannot_say_that_only_some_types_of_a_kind_are_longer():
    with pytest.raises(EncodeError, match=r"one size for all FUNCs, and of 5 only 2 have 8 bytes more"):
        trees.encode(*trees.tables(trees.with_addresses()), layout_section=True)


def test_layout_section__of_a_file_without_funcs_is_the_standard_one():
    tables = trees.tables(trees.every_kind()[:19])
    assert trees.encode(*tables, layout_section=True) == with_section(trees.encode(*tables), section_of())


@pytest.mark.parametrize("byteorder", BYTEORDERS)
def test_check__finds_a_layout_section_that_lies(byteorder):
    data = trees.wire(trees.every_kind(), byteorder)
    lie = SIZES.copy()
    lie[Kind.FUNC] = (8, 0)
    file = trees.parse(with_section(data, section_of(lie, byteorder)))
    with pytest.raises(BtfFormatError) as caught:
        btf.check(file)
    assert caught.value.message == "[20] FUNC: expected 20 bytes, as the layout section says, found 12"
    assert caught.value.offset == file.word_offset(file.types.row_starts()[19])


@pytest.mark.parametrize("section", [section_of(SIZES[:3]), section_of([*SIZES, (12, 4)]), section_of([*SIZES, (3, 1)]),
                                     section_of() * 100], ids=["fewer", "more", "odd", "long"])
def test_check__takes_a_layout_section_of_fewer_or_more_kinds(section):
    file = trees.parse(with_section(trees.wire(trees.every_kind()), section))
    btf.check(file)
    assert len(file.kind_sizes) == min(len(section) // 4, 128)


UNKNOWN = struct.pack("<3I", 1, 20 << 24 | 2, 0) + bytes(4 + 2 * 8)


def test_reader__says_of_a_kind_that_only_the_layout_section_knows_how_many_there_are():
    data = trees.wire(trees.every_kind())
    n_types = struct.unpack_from("<I", data, 12)[0]
    more = data[:12] + struct.pack("<2I", *(n_types + 2 * len(UNKNOWN),) * 2) + data[20 : 24 + n_types] + UNKNOWN * 2
    more += data[24 + n_types :]
    with pytest.raises(BtfFormatError) as caught:
        trees.parse(with_section(more, section_of([*SIZES, (4, 8)])))
    assert caught.value.message == (
        "[39]: expected kind 1 to 19, found 20, of which the layout section says only how long it is (4 bytes, 8 per "
        "entry); 2 of 40 types are of such kinds")
    with pytest.raises(BtfFormatError) as caught:
        trees.parse(with_section(more, section_of([*SIZES, (3, 8)])))  # the walk ends at the first of them
    assert caught.value.message.endswith("(3 bytes, 8 per entry); 0 of 38 types are of such kinds")
    for section in (b"", section_of()):
        with pytest.raises(BtfFormatError) as caught:
            trees.parse(with_section(more, section))
        assert caught.value.message == "[39]: expected kind 1 to 19, found 20"


def test_same__says_that_layout_sections_differ():
    data = trees.wire(trees.every_kind())
    other = [*SIZES[:-1], (0, 16)]
    a, b = (trees.parse(with_section(data, section_of(sizes))) for sizes in (SIZES, other))
    found = same.compare(a, b)
    assert found.is_same
    assert found.header == ["layout section gives kind 19 0 bytes, 12 per entry in A, 0 bytes, 16 per entry in B"]
    assert same.compare(a, a).header == []


@pytest.mark.parametrize("byteorder", BYTEORDERS)
def test_layout_bytes__are_the_bytes_of_the_file(byteorder):
    data = trees.encode(*trees.tables(trees.every_kind()), byteorder=byteorder, layout_section=True)
    table = wire.layout_bytes(trees.parse(data))
    assert len(table) == 60
    for row in table.itertuples():
        raw = bytes.fromhex(row.raw)
        assert data[row.file_offset :][: len(raw)] == raw and int.from_bytes(raw, byteorder) == int(row.value)
    first = trees.parse(data)
    assert table.file_offset.iloc[0] == 32 + first.header.layout_off
    assert b"".join(map(bytes.fromhex, table.raw)) == section_of(SIZES, byteorder)
    assert table.item.iloc[36] == "kind 12 FUNC"
    assert len(wire.layout_bytes(trees.parse(trees.wire(trees.every_kind())))) == 0
    later = wire.layout_bytes(trees.parse(
            with_section(trees.wire(trees.every_kind()), section_of([*SIZES, *[(1, 2)] * 5]))))
    assert later.item.iloc[-1] == "kind 24 of a later standard" and later.value.tolist()[-3:] == ["1", "2", "0"]


def test_layout_section__is_kept_by_what_continues_and_by_sorting():
    tables = trees.tables(trees.every_kind())
    laid = btf.lay_out(*tables, layout_section=True)
    plain = btf.lay_out(*tables)
    assert laid.ordered(by_name=True).data() == with_section(plain.ordered(by_name=True).data(), section_of())
    words = np.arange(3)
    assert (laid.word_places(words) == plain.word_places(words) + 8).all()
    assert (laid.ordered(by_name=True).word_places(words) == plain.ordered(by_name=True).word_places(words) + 8).all()
    offs = tables[0].name_off()
    assert (laid.string_places(offs) == plain.string_places(offs) + 88).all()
