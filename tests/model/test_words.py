"""The words of fields as plain numbers, against include/uapi/linux/btf.h as ctypes lays it out."""

import ctypes

import numpy as np
import pytest

from harness.model import STANDARD, Kind, layout_kernels
from harness.model import kind_numbers as kn
from harness.model import words as wd
from tests.compiled import Callable

U32 = ctypes.c_uint32

entry_word = Callable(layout_kernels).entry_word


def struct(*fields):
    made = type("struct", (ctypes.Structure,), {"_fields_": [(field, U32) for field in fields]})
    return {field: getattr(made, field).offset // 4 for field in fields}


TYPE = struct("name_off", "info", "size")
HEAD = len(TYPE)
ARRAY, VAR, TAG = struct("type", "index_type", "nelems"), struct("linkage"), struct("component_idx")
MEMBER, PARAM, ENUM = struct("name_off", "type", "offset"), struct("name_off", "type"), struct("name_off", "val")
ENUM64, SECINFO = struct("name_off", "val_lo32", "val_hi32"), struct("type", "offset", "size")


def test_words__are_those_of_the_header():
    assert (wd.NAME, wd.INFO, wd.SIZE_TYPE) == tuple(TYPE.values())
    assert (wd.ARRAY_TYPE, wd.ARRAY_INDEX_TYPE, wd.ARRAY_NELEMS) == tuple(HEAD + w for w in ARRAY.values())
    assert wd.INT_DATA == HEAD and wd.VAR_LINKAGE == HEAD + VAR["linkage"]
    assert wd.COMPONENT_IDX == HEAD + TAG["component_idx"]
    assert {s["name_off"] for s in (MEMBER, PARAM, ENUM, ENUM64)} == {wd.ENTRY_NAME}
    assert (wd.MEMBER_TYPE, wd.MEMBER_OFFSET, wd.PARAM_TYPE) == (MEMBER["type"], MEMBER["offset"], PARAM["type"])
    assert (wd.ENUM_VAL, wd.ENUM64_LO, wd.ENUM64_HI) == (ENUM["val"], ENUM64["val_lo32"], ENUM64["val_hi32"])
    assert (wd.SECINFO_TYPE, wd.SECINFO_OFFSET, wd.SECINFO_SIZE) == tuple(SECINFO.values())


@pytest.mark.parametrize(("kind", "entry"), [
    (kn.STRUCT, MEMBER), (kn.UNION, MEMBER), (kn.ENUM, ENUM), (kn.ENUM64, ENUM64), (kn.FUNC_PROTO, PARAM),
    (kn.DATASEC, SECINFO)])
def test_entries__follow_each_other(kind, entry):
    n = len(entry)
    assert list(wd.entries(Kind(kind), 7, 3)) == [7 + HEAD + n * m for m in range(3)]
    assert [7 + int(entry_word(kind, m)) for m in range(3)] == list(wd.entries(Kind(kind), 7, 3))
    row = np.arange(HEAD + 2 * n, dtype=np.uint32)
    assert wd.entries_of(Kind(kind), row).tolist() == [list(range(HEAD, HEAD + n)), list(range(HEAD + n, HEAD + 2 * n))]
    assert STANDARD[Kind(kind)].entry_words == n


def test_entries__of_no_member_are_none():
    assert wd.entries_of(Kind.STRUCT, np.arange(HEAD)).shape == (0, 3) and not list(wd.entries(Kind.STRUCT, 0, 0))
