"""The byte tables say what lies in the file, and leave no byte out."""

import struct

import pytest

from harness.errors import MeasureError
from harness.measure import wire
from harness.measure.columns import COLUMNS
from tests.btf import btf_trees as trees

ORDERS = ("little", "big")


@pytest.fixture(params=ORDERS)
def whole(request):
    """A file with every kind: (bytes, BtfFile)."""
    data = trees.wire(trees.with_addresses(), request.param)
    return data, trees.parse(data)


def all_types(parsed, **options):
    return wire.type_bytes(parsed, range(1, parsed.types.n_types + 1), **options)


def test_type_bytes__every_row_is_what_lies_in_the_file(whole):
    data, parsed = whole
    table = all_types(parsed)
    assert tuple(table.columns) == wire.BYTE_COLUMNS and set(wire.BYTE_COLUMNS) <= COLUMNS.keys()
    for row in table.itertuples():
        raw = bytes.fromhex(row.raw)
        assert data[row.file_offset : row.file_offset + len(raw)] == raw, row


def test_type_bytes__header_types_and_strings_cover_every_byte_once(whole):
    data, parsed = whole
    seen = [0] * len(data)
    for table in (wire.header_bytes(parsed), all_types(parsed)):
        for row in table.itertuples():
            for at in range(row.file_offset, row.file_offset + len(bytes.fromhex(row.raw))):
                seen[at] += 1
    bare = parsed.strings_start  # the empty string, which nothing names
    assert seen[:bare] == [1] * bare and seen[bare] == 0 and seen[bare + 1 :] == [1] * (len(data) - bare - 1)


def test_type_bytes__fields_are_those_of_the_structs():
    parsed = trees.parse(trees.wire(trees.with_addresses()))
    table = all_types(parsed, strings=False)
    fields = {item: group.field.str.split(".").str[-1].tolist() for item, group in table.groupby("item", sort=False)}
    head_type, head_size = ["name_off", "info", "type"], ["name_off", "info", "size"]
    assert fields["[1] INT"] == [*head_size, "BTF_INT_*"]
    assert fields["[5] PTR"] == head_type
    assert fields["[6] ARRAY"] == [*head_size, "type", "index_type", "nelems"]
    assert fields["[8] STRUCT"] == head_size + 3 * ["name_off", "type", "offset"]
    assert fields["[10] ENUM"] == head_size + 3 * ["name_off", "val"]
    assert fields["[18] FUNC_PROTO"] == head_type + 3 * ["name_off", "type"]
    assert fields["[23] VAR"] == [*head_type, "linkage"]
    assert fields["[26] DATASEC"] == head_size + 2 * ["type", "offset", "size"]
    assert fields["[28] DECL_TAG"] == [*head_type, "component_idx"]
    assert fields["[34] ENUM64"] == head_size + 2 * ["name_off", "val_lo32", "val_hi32"]
    assert fields["[39] FUNC"] == [*head_type, "addr"]


@pytest.mark.parametrize("order", ORDERS)
def test_type_bytes__an_address_is_one_u64_in_the_order_of_the_file(order):
    parsed = trees.parse(trees.wire(trees.with_addresses(), order))
    row = wire.type_bytes(parsed, [39], strings=False).set_index("field").loc["btf_func.addr"]
    assert row.raw == struct.pack({"little": "<Q", "big": ">Q"}[order], 0xFFFFFFFF8103B530).hex(" ")
    assert row.value == "0xffffffff8103b530"


def test_type_bytes__words_are_said_as_what_they_mean():
    parsed = trees.parse(trees.wire(trees.with_addresses()))
    table = all_types(parsed, strings=False).set_index(["item", "field"])
    said = {key: tuple(table.loc[key, ["value", "meaning"]]) for key in table.index}
    assert said["[39] FUNC", "btf_type.info"] == (
        "0x8c000000", "kind 12 FUNC, vlen 0: static, kind_flag 1: struct btf_func follows")
    assert said["[8] STRUCT", "btf_type.info"] == ("0x84000003", "kind 4 STRUCT, vlen 3: 3 members, kind_flag 1")
    assert said["[5] PTR", "btf_type.info"] == ("0x02000000", "kind 2 PTR")
    assert said["[20] FUNC", "btf_type.name_off"][1] == '"init_once"'
    assert said["[20] FUNC", "btf_type.type"][1].startswith("[18] FUNC_PROTO: int (struct task *task, ")
    assert said["[28] DECL_TAG", "btf_decl_tag.component_idx"] == ("-1", "the target itself")
    assert said["[29] DECL_TAG", "btf_decl_tag.component_idx"] == ("1", "its member or parameter 1")
    assert said["[8] STRUCT", "btf_member[1].offset"] == ("0x05000003", "bit 3, bit field of 5")
    assert said["[11] ENUM", "btf_enum[0].val"] == ("-1", "signed")
    assert said["[6] ARRAY", "btf_type.size"] == ("0", "not used")
    assert said["[38] PTR", "btf_type.type"] == ("0", "void")


def test_type_bytes__strings_say_who_names_them():
    parsed = trees.parse(trees.wire(trees.every_kind()))
    table = wire.type_bytes(parsed, [20, 21, 28])
    strings = table[table.item == "string"]
    assert list(zip(strings.value, strings.meaning, strict=True)) == [
        ("10 bytes", '"init_once" and NUL, name of [20] FUNC, [21] FUNC'),
        ("27 bytes", '"address=0xffffffff81000001" and NUL, name of [28] DECL_TAG')]


def test_header_bytes__has_the_layout_fields_where_the_header_has_them():
    short, long = trees.parse(trees.wire(trees.every_kind())), trees.parse(trees.with_layout())
    assert wire.header_bytes(short).field.iloc[-1] == "btf_header.str_len"
    assert wire.header_bytes(long).field.iloc[-1] == "btf_header.layout_len"


def test_types_of_function__funcs_prototypes_and_tags_each_once():
    parsed = trees.parse(trees.wire(trees.with_addresses()))
    assert wire.types_of_function(parsed, "init_once") == [18, 19, 20, 21, 28, 30, 39, 40]
    with pytest.raises(MeasureError, match="expected a FUNC of the name 'nobody', found none"):
        wire.types_of_function(parsed, "nobody")


def test_type_bytes__a_type_id_out_of_range_is_refused():
    parsed = trees.parse(trees.wire(trees.every_kind()))
    for wrong in (0, 39, -1):
        with pytest.raises(MeasureError, match=f"expected a type_id of 1 to 38, found {wrong}"):
            wire.type_bytes(parsed, [wrong])
