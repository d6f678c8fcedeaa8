"""Files over a base: type_ids and string offsets go on where the base's end."""

import io
import json
import struct

import btf_trees as trees
import numpy as np
import pytest

from harness import btf
from harness.errors import BtfFormatError, EncodeError
from harness.model import Kind, StringTable, TypeTable, info_word
from tests.reference import wire

BASE = [wire.int_("int", 4), wire.ptr(1), wire.struct_("task", ("state", 1), ("next", 2)), wire.func_proto(1, ("a", 2)),
        wire.var("here", 1), wire.typedef("index", 1)]
MODULE = [wire.struct_("mine", ("state", 1), ("task", 3)), wire.ptr(7), wire.func("probe", 4), wire.array(8, 6, 2),
          wire.datasec(".data", (5, 0, 4), (12, 8, 8), size=16), wire.var("task", 8), wire.decl_tag("user", 3, 1)]
ORDERS = ("<", ">")


def both(order="<"):
    """Bytes of the base and of the module over it."""
    base = wire.pack(BASE, order)
    return base, wire.pack(MODULE, order, base=base)


@pytest.fixture(params=ORDERS)
def files(request):
    """The base and the module, read."""
    raw, module = both(request.param)
    base = btf.parse(raw, "vmlinux")
    return base, btf.parse(module, "module.ko", base=base)


def test_split__is_read_over_its_base(files):
    base, file = files
    assert list(file.types.ids()) == [7, 8, 9, 10, 11, 12, 13] and file.types.base is base.types
    assert file.strings.first_off == len(base.strings.blob)
    names = [b"int", b"", b"task", b"", b"here", b"index", b"mine", b"", b"probe", b"", b".data", b"task", b"user"]
    assert [file.name(i) for i in range(1, 14)] == names
    assert file.strings.blob.tobytes() == b"mine\0probe\0.data\0user\0", "what the base has is not repeated"
    assert btf.stat(file).total_nbytes == file.file_nbytes and btf.stat(file).n_types == 7


@pytest.mark.parametrize("order", ORDERS)
def test_split__is_written_as_it_was_read(order):
    raw, module = both(order)
    byteorder = "little" if order == "<" else "big"
    file = btf.parse(module, base=btf.parse(raw))
    data = btf.encode(file.types, file.strings, byteorder=byteorder)
    again = btf.parse(data, base=btf.parse(raw))
    assert wire.unpack(data, raw) == MODULE
    assert btf.encode(again.types, again.strings, byteorder=byteorder) == data


def test_split__has_no_layout_section_of_its_own(files):
    _, file = files
    with pytest.raises(EncodeError, match="expected types without a base, whose file has the layout section of both"):
        btf.encode(file.types, file.strings, layout_section=True)


def test_split__writes_only_its_own_strings_that_are_referenced():
    raw, _ = both()
    base = btf.parse(raw)
    n = len(base.strings.blob)
    words = np.array([n + 8, info_word(Kind.FWD), 0, 1, info_word(Kind.FWD), 0, n + 3, info_word(Kind.FWD), 0,
                      n + 2, info_word(Kind.UNION), 0], np.uint32)
    types = TypeTable(words, np.array([0, 0, 3, 6, 9, 12], np.int64), base.types)
    blob = StringTable(np.frombuffer(b"xx\0aaaa\0bb\0", np.uint8), base.strings)
    file = btf.parse(btf.encode(types, blob), base=base)
    assert file.strings.blob.tobytes() == b"bb\0aaaa\0"
    assert file.types.name_off().tolist() == [n, 1, n + 3, 0]


def test_split__may_have_no_strings_and_no_types():
    raw, _ = both()
    base = btf.parse(raw)
    for types in ([], [wire.ptr(3), wire.typedef("task", 7)]):
        file = btf.parse(wire.pack(types, base=raw), base=base)
        assert len(file.strings.blob) == 0 and file.types.n_types == len(types)
        btf.check(file)
        assert wire.unpack(btf.encode(file.types, file.strings), raw) == types


def test_split__passes_the_check(files):
    _, file = files
    btf.check(file)
    btf.check(file, strict=True)
    assert btf.limits(file.types, file.strings) == []


FAULTS = {
    "type_id": ([wire.ptr(8)], 7, 8, "[7] PTR: expected a type_id of at most 7, found 8"),
    "FUNC of a base's PTR": ([wire.func("f", 2)], 7, 8, "[7] FUNC: expected a FUNC_PROTO, found PTR [2]"),
    "component of a base's STRUCT": ([wire.decl_tag("t", 3, 2)], 7, 12, "expected component_idx -1 or a member or"),
    "index of a base's PTR": ([wire.array(1, 2, 4)], 7, 16, "expected an index type that is an INT, found PTR [2]"),
    "DATASEC of a base's INT": ([wire.datasec(".d", (1, 0, 4), size=4)], 7, 12, "expected a VAR, found INT [1]"),
    "loop": ([wire.const(8), wire.const(7)], 8, 8, "[8] CONST: expected a chain of types that ends, found a loop"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_split__check_names(fault):
    types, type_id, within, message = FAULTS[fault]
    raw, _ = both()
    file = btf.parse(wire.pack(types, base=raw), "module.ko", base=btf.parse(raw))
    with pytest.raises(BtfFormatError) as caught:
        btf.check(file)
    assert message in caught.value.message
    offset = 24 + 4 * int(file.types.start[type_id - 6]) + within
    assert (caught.value.path, caught.value.offset) == ("module.ko", offset)


def test_split__check_names_a_name_off_past_all_strings(files):
    _, file = files
    words = file.types.words.copy()
    words[0] = file.strings.next_off
    wrong = file._replace(types=TypeTable(words, file.types.start, file.types.base))
    message = f"expected a name_off below {file.strings.next_off}, found {file.strings.next_off}"
    for use in (btf.check, lambda f: btf.dump_raw(f, io.BytesIO()), lambda f: btf.dump_json(f, io.BytesIO())):
        with pytest.raises(BtfFormatError, match=message) as caught:
            use(wrong)
        assert caught.value.offset == 24


def test_split__check_says_when_the_fault_is_the_bases():
    raw = wire.pack([*BASE, wire.ptr(99)])
    base = btf.parse(raw, "vmlinux")
    file = btf.parse(wire.pack([wire.ptr(1)], base=raw), "module.ko", base=base)
    with pytest.raises(BtfFormatError, match=r"in the base: \[7\] PTR: expected a type_id of at most 8") as caught:
        btf.check(file)
    assert caught.value.offset is None


def test_split__is_dumped_with_type_ids_that_go_on(files):
    _, file = files
    text, rows = io.BytesIO(), io.BytesIO()
    btf.dump_raw(file, text)
    btf.dump_json(file, rows)
    assert text.getvalue().decode().splitlines() == [
        "[7] STRUCT 'mine' size=16 vlen=2",
        "\t'state' type_id=1 bits_offset=0",
        "\t'task' type_id=3 bits_offset=64",
        "[8] PTR '(anon)' type_id=7",
        "[9] FUNC 'probe' type_id=4 linkage=static",
        "[10] ARRAY '(anon)' type_id=8 index_type_id=6 nr_elems=2",
        "[11] DATASEC '.data' size=16 vlen=2",
        "\ttype_id=5 offset=0 size=4 (VAR 'here')",
        "\ttype_id=12 offset=8 size=8 (VAR 'task')",
        "[12] VAR 'task' type_id=8, linkage=global",
        "[13] DECL_TAG 'user' type_id=3 component_idx=1",
    ]
    parsed = json.loads(rows.getvalue())["types"]
    assert [row["id"] for row in parsed] == list(range(7, 14)) and parsed[0]["name"] == "mine"


def test_split__goes_on_over_a_split_base():
    raw, module = both()
    base = btf.parse(raw)
    middle = btf.parse(module, base=base)
    types = TypeTable(np.array([middle.types.name_off()[0], info_word(Kind.TYPEDEF), 13], np.uint32),
                      np.array([0, 0, 3], np.int64), middle.types)
    top = btf.parse(btf.encode(types, StringTable(np.zeros(0, np.uint8), middle.strings)), base=middle)
    assert list(top.types.ids()) == [14] and top.name(14) == b"mine" and top.name(3) == b"task"
    btf.check(top)


def test_split__of_another_byte_order_is_refused():
    raw, module = both("<")[0], both(">")[1]
    with pytest.raises(BtfFormatError, match="expected the byte order of the base, little endian, found big endian"):
        btf.parse(module, base=btf.parse(raw))


def test_split__without_its_base_is_refused():
    _, module = both()
    with pytest.raises(BtfFormatError, match="expected a string section that begins with NUL"):
        btf.parse(module)
    _, _, _, _, _, type_len, str_off, str_len = struct.unpack_from("<HBBIIIII", module)
    assert str_len > 0
    with pytest.raises(BtfFormatError, match="expected a string section that ends with NUL"):
        btf.parse(module[:-1] + b"x", base=btf.parse(both()[0]))


def test_split__writer_refuses_names_past_the_end_and_blobs_without_nul():
    base = btf.parse(both()[0])
    types = TypeTable(np.array([base.strings.next_off + 3, info_word(Kind.FWD), 0], np.uint32),
                      np.array([0, 0, 3], np.int64), base.types)
    off = base.strings.next_off + 3
    with pytest.raises(EncodeError, match=rf"\[7\] FWD: expected a name below {off}, found {off}"):
        btf.encode(types, StringTable(np.frombuffer(b"ab\0", np.uint8), base.strings))
    with pytest.raises(EncodeError, match="expected a string blob that ends with NUL"):
        btf.encode(types, StringTable(np.frombuffer(b"abcd", np.uint8), base.strings))


@pytest.mark.parametrize("byteorder", ("little", "big"))
def test_split__keeps_its_layout(byteorder):
    rows = [trees.Row(Kind.FUNC_PROTO), trees.Row(Kind.FUNC, "f", 1, 1, 1, addr=0xFFFFFFFF8103B530)]
    base = btf.parse(trees.wire([trees.Row(Kind.FUNC_PROTO)], byteorder))
    types, strings = trees.tables(rows[1:])
    own = StringTable(strings.blob[1:], base.strings)
    data = trees.encode(TypeTable(types.words, types.start, base.types), own, byteorder=byteorder)
    file = trees.parse(data, base=base)
    ids, values = file.trailing_values()
    assert (ids.tolist(), values.tolist()) == ([2], [0xFFFFFFFF8103B530])
    out = io.BytesIO()
    btf.dump_raw(file, out)
    assert out.getvalue() == b"[2] FUNC 'f' type_id=1 linkage=global addr=0xffffffff8103b530\n"
