"""The structural check: sound files pass, and each fault is named with type_id, kind and offset."""

import struct

import btf_trees as trees
import numpy as np
import pytest
from btf_trees import Row

from harness import btf
from harness.errors import BtfFormatError
from harness.model import Kind, StringTable, TypeTable

INT = Row(Kind.INT, "int", 4, body=(32,))
PROTO = Row(Kind.FUNC_PROTO, "", 0, 1, body=("a", 1))
VAR = Row(Kind.VAR, "v", 1, body=(1,))
PAIR = Row(Kind.STRUCT, "pair", 8, 2, body=("a", 1, 0, "b", 1, 32))
S32 = 0xFFFFFFFF


@pytest.mark.parametrize("byteorder", ("little", "big"))
def test_check__passes_every_kind(byteorder):
    btf.check(trees.parse(trees.wire(trees.with_addresses(), byteorder)))


def test_check__takes_a_name_as_long_as_the_kernel_does():
    btf.check(trees.parse(trees.wire([INT, PROTO, Row(Kind.FUNC, "a" * 512, 2)])))


def test_check__passes_an_empty_file_unless_strict():
    file = trees.parse(trees.wire([]))
    btf.check(file)
    with pytest.raises(BtfFormatError, match="expected types, found none"):
        btf.check(file, strict=True)


def test_check__passes_members_at_the_end_and_recursion_through_pointers():
    rows = [
        INT,
        Row(Kind.STRUCT, "s", 8, 2, body=("next", 3, 0, "flexible", 4, 64)),
        Row(Kind.PTR, size_type=2),
        Row(Kind.ARRAY, body=(3, 1, 0)),
        Row(Kind.TYPEDEF, "fn", 6),
        Row(Kind.PTR, size_type=7),
        Row(Kind.FUNC_PROTO, "", 0, 1, body=("", 5)),
        Row(Kind.STRUCT, "bits", 4, 1, 1, body=("b", 1, 1 << 24 | 31)),
    ]
    btf.check(trees.parse(trees.wire(rows)))


# case: rows (type 1 is usually INT), faulty type_id, byte offset of the faulty word in its row, message
FAULTS = {
    "name forbidden": ([Row(Kind.PTR, "p")], 1, 0, "[1] PTR: expected no name, found name_off 1"),
    "name required": ([Row(Kind.TYPEDEF)], 1, 0, "[1] TYPEDEF: expected a name, found an empty one"),
    "FUNC without name": ([INT, PROTO, Row(Kind.FUNC, "", 2)], 3, 0, "[3] FUNC: expected a name"),
    "FUNC name": ([INT, PROTO, Row(Kind.FUNC, "a-b", 2)], 3, 0, "expected an identifier of at most 512 bytes"),
    "FUNC name digit": ([INT, PROTO, Row(Kind.FUNC, "1a", 2)], 3, 0, "found '1a'"),
    "FUNC name long": ([INT, PROTO, Row(Kind.FUNC, "a" * 513, 2)], 3, 0, "expected an identifier of at most 512"),
    "STRUCT name": ([INT, PAIR._replace(name="a-b")], 2, 0, "[2] STRUCT: expected an identifier of at most 512 bytes"),
    "member name": ([INT, PAIR._replace(body=("a", 1, 0, "b-c", 1, 32))], 2, 24, "found 'b-c'"),
    "enumerator name": ([Row(Kind.ENUM, "e", 4, 1, body=("a b", 0))], 1, 12, "found 'a b'"),
    "enumerator without name": ([Row(Kind.ENUM, "e", 4, 1, body=("", 0))], 1, 12, "expected a name"),
    "kind_flag INT": ([INT._replace(kind_flag=1)], 1, 4, "[1] INT: expected kind_flag 0, found 1"),
    "kind_flag PTR": ([Row(Kind.PTR, kind_flag=1)], 1, 4, "Invalid btf_info kind_flag"),
    "kind_flag DATASEC": ([Row(Kind.DATASEC, "d", 4, 0, 1)], 1, 4, "Invalid btf_info kind_flag"),
    "vlen INT": ([INT._replace(vlen=1)], 1, 4, "[1] INT: expected vlen 0, found 1"),
    "vlen FWD": ([Row(Kind.FWD, "f", 0, 70000)], 1, 4, "expected vlen 0, found 70000"),
    "vlen DECL_TAG": ([VAR, Row(Kind.DECL_TAG, "t", 1, 1, body=(S32,))], 2, 4, "expected vlen 0"),
    "type_id PTR": ([INT, Row(Kind.PTR, size_type=3)], 2, 8, "[2] PTR: expected a type_id of at most 2, found 3"),
    "type_id return": ([Row(Kind.FUNC_PROTO, "", S32)], 1, 8, "found 4294967295"),
    "type_id member": ([Row(Kind.STRUCT, "s", 4, 1, body=("a", 2, 0))], 1, 16, "at most 1, found 2"),
    "type_id parameter": ([Row(Kind.FUNC_PROTO, "", 0, 1, body=("a", 9))], 1, 16, "at most 1, found 9"),
    "type_id element": ([INT, Row(Kind.ARRAY, body=(3, 1, 1))], 2, 12, "at most 2, found 3"),
    "type_id index": ([INT, Row(Kind.ARRAY, body=(1, 3, 1))], 2, 16, "at most 2, found 3"),
    "type_id variable": ([Row(Kind.DATASEC, "d", 4, 1, body=(2, 0, 4))], 1, 12, "at most 1, found 2"),
    "void member": ([Row(Kind.STRUCT, "s", 4, 1, body=("a", 0, 0))], 1, 16, "expected a type, found void"),
    "void element": ([INT, Row(Kind.ARRAY, body=(0, 1, 1))], 2, 12, "expected a type, found void"),
    "void variable": ([Row(Kind.VAR, "v", 0, body=(1,))], 1, 8, "expected a type, found void"),
    "INT size 0": ([INT._replace(size_type=0)], 1, 8, "expected size 1 to 16, found 0"),
    "INT size 17": ([INT._replace(size_type=17)], 1, 8, "expected size 1 to 16, found 17"),
    "INT unused bits": ([INT._replace(body=(1 << 31 | 32,))], 1, 12, "found 0x80000020"),
    "INT two encodings": ([INT._replace(body=(3 << 24 | 32,))], 1, 12, "found encoding 0x3"),
    "INT bits": ([INT._replace(body=(33,))], 1, 12, "at most 32 bits in 4 bytes, found 33 bits at bit 0"),
    "INT bits offset": ([INT._replace(body=(1 << 16 | 32,))], 1, 12, "found 32 bits at bit 1"),
    "FLOAT size": ([Row(Kind.FLOAT, "f", 3)], 1, 8, "expected size 2 or 4 or 8 or 12 or 16, found 3"),
    "ENUM size": ([Row(Kind.ENUM, "e", 3)], 1, 8, "expected size 1 or 2 or 4 or 8, found 3"),
    "ENUM64 size": ([Row(Kind.ENUM64, "e", 16)], 1, 8, "[1] ENUM64: expected size"),
    "FWD type": ([Row(Kind.FWD, "f", 1)], 1, 8, "expected type 0, found 1"),
    "ARRAY size": ([INT, Row(Kind.ARRAY, size_type=4, body=(1, 1, 1))], 2, 8, "expected size 0, found 4"),
    "ARRAY index": (
        [INT, Row(Kind.PTR), Row(Kind.ARRAY, body=(1, 2, 1))],
        3,
        16,
        "[3] ARRAY: expected an index type that is an INT, found PTR [2]",
    ),
    "ARRAY index const void": ([INT, Row(Kind.CONST), Row(Kind.ARRAY, body=(1, 2, 1))], 3, 16, "found CONST [2]"),
    "UNION offset": ([INT, Row(Kind.UNION, "u", 8, 1, body=("a", 1, 8))], 2, 20, "expected bit offset 0"),
    "member order": ([INT, PAIR._replace(body=("a", 1, 32, "b", 1, 0))], 2, 32, "members by rising offset"),
    "member outside": ([INT, PAIR._replace(body=("a", 1, 0, "b", 1, 65))], 2, 32, "inside 8 bytes"),
    "bitfield outside": ([INT, PAIR._replace(kind_flag=1, body=("a", 1, 0, "b", 1, 65))], 2, 32, "inside 8 bytes"),
    "FUNC linkage": ([INT, PROTO, Row(Kind.FUNC, "f", 2, 3)], 3, 4, "expected linkage"),
    "FUNC of INT": ([INT, Row(Kind.FUNC, "f", 1)], 2, 8, "[2] FUNC: expected a FUNC_PROTO, found INT [1]"),
    "FUNC of void": ([Row(Kind.FUNC, "f", 0)], 1, 8, "expected a FUNC_PROTO, found void"),
    "varargs first": ([INT, Row(Kind.FUNC_PROTO, "", 0, 2, body=("", 0, "", 1))], 2, 16, "void as the last"),
    "varargs named": ([Row(Kind.FUNC_PROTO, "", 0, 1, body=("a", 0))], 1, 12, "no name for the variable"),
    "VAR linkage": ([INT, VAR._replace(body=(3,))], 2, 12, "expected linkage"),
    "DATASEC of INT": ([INT, Row(Kind.DATASEC, "d", 4, 1, body=(1, 0, 4))], 2, 12, "expected a VAR, found INT [1]"),
    "DATASEC order": (
        [INT, VAR, Row(Kind.DATASEC, "d", 64, 2, body=(2, 8, 4, 2, 0, 4))],
        3,
        28,
        "expected variables in order and without overlap, found offset 0",
    ),
    "DATASEC overlap": ([INT, VAR, Row(Kind.DATASEC, "d", 64, 2, body=(2, 0, 4, 2, 3, 4))], 3, 28, "found offset 3"),
    "DATASEC size 0": ([INT, VAR, Row(Kind.DATASEC, "d", 64, 1, body=(2, 0, 0))], 3, 20, "at least one byte"),
    "DATASEC outside": ([INT, VAR, Row(Kind.DATASEC, "d", 64, 1, body=(2, S32, S32))], 3, 20, "inside 64 bytes"),
    "DECL_TAG of INT": ([INT, Row(Kind.DECL_TAG, "t", 1, body=(S32,))], 2, 8, "found INT [1]"),
    "DECL_TAG of void": ([Row(Kind.DECL_TAG, "t", 0, body=(S32,))], 1, 8, "found void"),
    "DECL_TAG -2": ([INT, PAIR, Row(Kind.DECL_TAG, "t", 2, body=(S32 - 1,))], 3, 12, "of [2], found -2"),
    "DECL_TAG member": ([INT, PAIR, Row(Kind.DECL_TAG, "t", 2, body=(2,))], 3, 12, "of [2], found 2"),
    "DECL_TAG parameter": (
        [INT, PROTO, Row(Kind.DECL_TAG, "t", 4, body=(1,)), Row(Kind.FUNC, "f", 2)],
        3,
        12,
        "component_idx -1 or a member or parameter of [4], found 1",
    ),
    "DECL_TAG on VAR": ([INT, VAR, Row(Kind.DECL_TAG, "t", 2, body=(0,))], 3, 12, "of [2], found 0"),
    "DECL_TAG on typedef": ([INT, Row(Kind.TYPEDEF, "x", 1), Row(Kind.DECL_TAG, "t", 2, body=(0,))], 3, 12, "found 0"),
    "DECL_TAG on a broken FUNC": (
        [Row(Kind.DECL_TAG, "t", 2, body=(0,)), Row(Kind.FUNC, "f", 77)],
        1,
        12,
        "of [2], found 0",
    ),
    "loop of itself": ([Row(Kind.CONST, size_type=1)], 1, 8,
                       "expected a chain of types that ends, found a loop back to CONST [1]"),
    "loop of modifiers": ([Row(Kind.TYPEDEF, "a", 2), Row(Kind.VOLATILE, size_type=1)], 2, 8, "loop back to TYPEDEF"),
    "loop of pointers": ([Row(Kind.PTR, size_type=2), Row(Kind.CONST, size_type=1)], 2, 8, "loop back to PTR [1]"),
    "loop of type tags": ([Row(Kind.TYPE_TAG, "a", 2), Row(Kind.TYPE_TAG, "b", 1)], 2, 8, "loop back to TYPE_TAG"),
    "loop of arrays": ([INT, Row(Kind.ARRAY, body=(2, 1, 2))], 2, 12, "loop back to ARRAY [2]"),
    "loop of structs": (
        [INT, Row(Kind.STRUCT, "s", 8, 2, body=("a", 1, 0, "b", 3, 32)), Row(Kind.ARRAY, body=(2, 1, 1))],
        3,
        12,
        "loop back to STRUCT [2]",
    ),
}


@pytest.mark.parametrize("byteorder", ("little", "big"))
@pytest.mark.parametrize("fault", FAULTS)
def test_check__names(fault, byteorder):
    rows, type_id, within, message = FAULTS[fault]
    file = trees.parse(trees.wire(rows, byteorder), "faulty.btf")
    with pytest.raises(BtfFormatError) as caught:
        btf.check(file)
    offset = 24 + 4 * int(file.types.start[type_id]) + within
    assert message in caught.value.message
    assert (caught.value.path, caught.value.section, caught.value.offset) == ("faulty.btf", ".BTF", offset)


@pytest.mark.parametrize(("row", "word"), [(1, 0), (1, 3), (1, 6), (2, 0), (3, 0), (3, 3)])
def test_check__finds_every_name_off_outside_the_strings(row, word):
    rows = [PAIR, INT, Row(Kind.ENUM, "e", 4, 1, body=("A", 0))]
    file = trees.parse(trees.wire([rows[0]._replace(body=("a", 2, 0, "b", 2, 32)), *rows[1:]]))
    btf.check(file)
    at = int(file.types.start[row]) + word
    n_strings = len(file.strings.blob)
    for bad in (n_strings, S32):
        words = file.types.words.copy()
        words[at] = bad
        with pytest.raises(BtfFormatError, match=f"expected a name_off below {n_strings}, found {bad}") as caught:
            btf.check(file._replace(types=TypeTable(words, file.types.start)))
        assert caught.value.offset == 24 + 4 * at


def test_check__strict_refuses_btf_func_in_the_kernels_words():
    file = trees.parse(trees.wire(trees.with_addresses()))
    with pytest.raises(BtfFormatError, match=r"\[22\] FUNC: expected linkage"):
        btf.check(file, strict=True)
    file = trees.parse(trees.wire([INT, PROTO, Row(Kind.FUNC, "f", 2, 1, 1, addr=1)]))
    with pytest.raises(BtfFormatError, match=r"\[3\] FUNC: .*Invalid btf_info kind_flag"):
        btf.check(file, strict=True)


def test_check__strict_takes_what_a_stock_kernel_loads():
    rows = [INT, PROTO, Row(Kind.FUNC, "f", 2, 1), Row(Kind.DECL_TAG, "address=0x1", 3, body=(S32,))]
    btf.check(trees.parse(trees.wire(rows)), strict=True)


def test_check__strict_refuses_gaps():
    file = trees.parse(trees.wire([INT]) + b"\0")
    btf.check(file)
    end = file.file_nbytes - 1
    with pytest.raises(BtfFormatError, match=f"[+]{end:#x}: expected nothing after the last section, found 1 byte$"):
        btf.check(file, strict=True)
    data = bytearray(trees.wire([INT]))
    str_off = struct.unpack_from("<I", data, 16)[0]
    struct.pack_into("<I", data, 16, str_off + 4)
    data[24 + str_off : 24 + str_off] = bytes(4)
    where = f"[+]{24 + str_off:#x}: expected nothing between sections, found 4 bytes$"
    with pytest.raises(BtfFormatError, match=where):
        btf.check(trees.parse(data), strict=True)


@pytest.mark.no_cover
def test_check__ends_on_long_chains():
    n = 20_000
    rows = [Row(Kind.CONST, size_type=i + 2) for i in range(n)]
    btf.check(trees.parse(trees.wire([*rows, INT])))
    with pytest.raises(BtfFormatError, match=rf"\[{n + 1}\] PTR: .*a loop back to CONST \[1\]"):
        btf.check(trees.parse(trees.wire([*rows, Row(Kind.PTR, size_type=1)])))


def test_limits__warn_without_raising(monkeypatch):
    file = trees.parse(trees.wire(trees.every_kind()))
    assert btf.limits(file.types, file.strings) == []
    wide = trees.tables([Row(Kind.ENUM, "e", 4, 70_000, body=("A", 0) * 70_000)])
    assert ["70000" in line for line in btf.limits(*wide)] == [True]
    long = StringTable(np.zeros(0x1000001, np.uint8))
    assert "BTF_MAX_NAME_OFFSET" in btf.limits(file.types, long)[0]
    monkeypatch.setattr("harness.btf.wire.MAX_TYPE", 10)
    assert "BTF_MAX_TYPE" in btf.limits(file.types, file.strings)[0]
