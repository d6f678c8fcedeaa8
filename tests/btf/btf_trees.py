"""BTF from Python trees: a slow, obvious twin of the writer, and tables in a deliberately untidy order."""

from __future__ import annotations

import shutil
import struct
from typing import NamedTuple

import numpy as np

from harness import btf
from harness.encodings.btf_func import LAYOUT
from harness.model import STANDARD, Kind, StringTable, TypeTable, info_word


def parse(data, *where, **more):
    """btf.parse in the standard layout or, if it takes that, in the one of `with_addresses`."""
    return btf.parse(data, *where, layout=[STANDARD, LAYOUT], **more)


def encode(types, strings, **more):
    """btf.encode in the layout of `with_addresses`, which for all but FUNCs with kind_flag is the standard one."""
    return btf.encode(types, strings, layout=LAYOUT, **more)


class Row(NamedTuple):
    """One type: names are str anywhere; body entries are words or names, `addr` is a u64."""

    kind: Kind
    name: str = ""
    size_type: int = 0
    vlen: int = 0
    kind_flag: int = 0
    body: tuple = ()
    addr: int | None = None


def every_kind():
    """A well-formed file with every kind, kind_flag, encoding, linkage and awkward value, list of Row."""
    s32 = 0xFFFFFFFF
    return [
        Row(Kind.INT, "int", 4, body=(1 << 24 | 32,)),  # 1
        Row(Kind.INT, "char", 1, body=(2 << 24 | 8,)),  # 2
        Row(Kind.INT, "_Bool", 1, body=(4 << 24 | 8,)),  # 3
        Row(Kind.INT, "unsigned __int128", 16, body=(128,)),  # 4
        Row(Kind.PTR, size_type=7),  # 5
        Row(Kind.ARRAY, body=(1, 12, 10)),  # 6: the index type is a typedef of an int
        Row(Kind.STRUCT, "task", 16, 3, body=("state", 1, 0, "next", 5, 64, "", 6, 128)),  # 7
        Row(Kind.STRUCT, "", 8, 3, 1, body=("a", 1, 3 << 24, "b", 1, 5 << 24 | 3, "c", 12, 32)),  # 8
        Row(Kind.UNION, "", 8, 2, body=("a", 1, 0, "p", 5, 0)),  # 9
        Row(Kind.ENUM, "small", 4, 3, body=("ZERO", 0, "ONE", 1, "TOP", s32)),  # 10
        Row(Kind.ENUM, "", 4, 2, 1, body=("MINUS", s32, "LOW", 0x80000000)),  # 11
        Row(Kind.TYPEDEF, "int", 1),  # 12: a name that is already there
        Row(Kind.FWD, "later"),  # 13
        Row(Kind.FWD, "later", kind_flag=1),  # 14
        Row(Kind.VOLATILE, size_type=1),  # 15
        Row(Kind.CONST),  # 16: const void
        Row(Kind.RESTRICT, size_type=5),  # 17
        Row(Kind.FUNC_PROTO, "", 1, 3, body=("task", 5, "", 1, "", 0)),  # 18: variadic
        Row(Kind.FUNC_PROTO),  # 19: void (void)
        Row(Kind.FUNC, "init_once", 18, 0),  # 20
        Row(Kind.FUNC, "init_once", 19, 1),  # 21
        Row(Kind.FUNC, "outer.isra.0", 19, 2),  # 22
        Row(Kind.VAR, "here", 1, body=(0,)),  # 23
        Row(Kind.VAR, "there", 7, body=(1,)),  # 24
        Row(Kind.VAR, "elsewhere", 7, body=(2,)),  # 25
        Row(Kind.DATASEC, ".data..percpu", 64, 2, body=(23, 0, 4, 24, 16, 16)),  # 26
        Row(Kind.FLOAT, "double", 8),  # 27
        Row(Kind.DECL_TAG, "address=0xffffffff81000001", 20, body=(s32,)),  # 28
        Row(Kind.DECL_TAG, "user", 7, body=(1,)),  # 29
        Row(Kind.DECL_TAG, "arg", 20, kind_flag=1, body=(2,)),  # 30
        Row(Kind.DECL_TAG, "var", 24, body=(s32,)),  # 31
        Row(Kind.TYPE_TAG, "rcu", 7),  # 32
        Row(Kind.TYPE_TAG, "raw", 7, kind_flag=1),  # 33
        Row(Kind.ENUM64, "wide", 8, 2, body=("HUGE", s32, s32, "W1", 1, 2)),  # 34
        Row(Kind.ENUM64, "", 8, 2, 1, body=("NEG", s32, s32, "MIN", 0, 0x80000000)),  # 35
        Row(Kind.STRUCT, "empty"),  # 36
        Row(Kind.ENUM, "forward", 4),  # 37
        Row(Kind.PTR),  # 38: void *
    ]


def with_addresses():
    """every_kind and FUNCs with struct btf_func, list of Row."""
    rows = every_kind()
    rows.append(Row(Kind.FUNC, "init_once", 18, 0, 1, addr=0xFFFFFFFF8103B530))
    rows.append(Row(Kind.FUNC, "init_once", 18, 1, 1, addr=1))
    return rows


def words_of(row, intern):
    """The words of a row as in a TypeTable, names through `intern`."""
    words = [intern(row.name), info_word(row.kind, row.vlen, row.kind_flag), row.size_type]
    words += [intern(w) if isinstance(w, str) else w for w in row.body]
    if row.addr is not None:
        words += [row.addr & 0xFFFFFFFF, row.addr >> 32]
    return words


def tables(rows):
    """TypeTable and StringTable of rows: the blob holds each mention anew, last mention first, after some litter."""
    mentions = [w for row in rows for w in (row.name, *row.body) if isinstance(w, str)]
    blob, places = bytearray(b"\0litter\0\0"), []
    for name in reversed(mentions):
        places.append(len(blob))
        blob += name.encode() + b"\0"
    places.reverse()
    following = iter(places)
    words, start = [], [0, 0]
    for row in rows:
        words += words_of(row, lambda name: next(following))
        start.append(len(words))
    types = TypeTable(np.array(words, np.uint32), np.array(start, np.int64))
    return types, StringTable(np.frombuffer(bytes(blob), np.uint8).copy())


def wire(rows, byteorder="little"):
    """The bytes that the writer must produce for rows, field by field with struct.pack."""
    end = "<" if byteorder == "little" else ">"
    offsets, strings, types = {"": 0}, b"\0", b""

    def intern(name):
        nonlocal strings
        if name not in offsets:
            offsets[name] = len(strings)
            strings += name.encode() + b"\0"
        return offsets[name]

    for row in rows:
        words = words_of(row._replace(addr=None), intern)
        types += struct.pack(f"{end}{len(words)}I", *words)
        if row.addr is not None:
            types += struct.pack(f"{end}Q", row.addr)
    header = struct.pack(end + "HBB5I", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings))
    return header + types + strings


def with_layout(byteorder="little", layout=bytes(80)):
    """A file with a 32-byte header, and a layout section between types and strings."""
    end = "<" if byteorder == "little" else ">"
    strings = b"\0a\0"
    types = struct.pack(end + "3I", 1, info_word(Kind.FWD), 0)
    header = struct.pack(
        end + "HBB7I", 0xEB9F, 1, 0, 32, 0, 12, 12 + len(layout), len(strings), 12 if layout else 0, len(layout)
    )
    return header + types + layout + strings


def bpftool():
    """Path of bpftool or None; Debian puts it where ordinary users' PATH does not look."""
    return shutil.which("bpftool") or shutil.which("bpftool", path="/usr/sbin:/sbin")
