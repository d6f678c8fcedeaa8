"""BTF bytes to and from a list of plain Python types, in as few lines as it takes.

Written with `struct` alone and independent of harness/btf on purpose: tests that compare the two must not share
their mistakes. Only what compilers emit is covered (kinds 1-19, header of 24 bytes); no checks of malformed input.

Source: Documentation/bpf/btf.rst section 2, v6.12.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from harness.model import Kind, StringTable, TypeTable

MAGIC = 0xEB9F
HEADER = "HBBIIIII"

# struct format of one body entry; a name_off is written N, a value that is not a reference i, I or T (type_id).
FIXED = {Kind.INT: "I", Kind.ARRAY: "TTI", Kind.VAR: "I", Kind.DECL_TAG: "i"}
REPEATED = {
    Kind.STRUCT: "NTI",
    Kind.UNION: "NTI",
    Kind.ENUM: "Ni",
    Kind.ENUM64: "NII",
    Kind.FUNC_PROTO: "NT",
    Kind.DATASEC: "TII",
}
REFERRING = {
    Kind.PTR, Kind.TYPEDEF, Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.FUNC, Kind.FUNC_PROTO, Kind.VAR,
    Kind.DECL_TAG, Kind.TYPE_TAG,
}  # fmt: skip


class Type(NamedTuple):
    """One BTF type.

    Attributes
    ----------
    kind : Kind
    name : str
    size_type : int
        Size in bytes, or a type_id, as the kind has it.
    body : tuple
        INT, VAR, DECL_TAG: one int; ARRAY: (element, index, nelems); the kinds with vlen: a tuple per entry, in wire
        order, with names as str.
    kind_flag : int
    linkage : int
        vlen of a FUNC, whose entries it does not count.
    """

    kind: Kind
    name: str = ""
    size_type: int = 0
    body: tuple = ()
    kind_flag: int = 0
    linkage: int = 0

    def entries(self):
        """The body as a tuple of entries, and their layout."""
        if self.kind in FIXED:
            return (self.body,), FIXED[self.kind]
        return self.body, REPEATED.get(self.kind, "")

    def refs(self):
        """type_ids that this type refers to, in wire order."""
        found = [self.size_type] if self.kind in REFERRING else []
        entries, layout = self.entries()
        at = [i for i, code in enumerate(layout) if code == "T"]
        return found + [entry[i] for entry in entries for i in at]

    def with_refs(self, new_id):
        """The same type with each reference `type_id` replaced by ``new_id(type_id)``."""
        size_type = new_id(self.size_type) if self.kind in REFERRING else self.size_type
        entries, layout = self.entries()
        for i, code in enumerate(layout):
            if code == "T":
                entries = tuple((*e[:i], new_id(e[i]), *e[i + 1 :]) for e in entries)
        return self._replace(size_type=size_type, body=entries[0] if self.kind in FIXED else entries)


def pack(types, order="<", string_order=None, base=None):
    """Raw BTF of `types`, whose type_ids count from 1 or go on after those of `base`; equal strings share one offset.

    Parameters
    ----------
    types : list of Type
    order : "<" or ">"
    string_order : callable, optional
        Sort key that replaces first use as the order of the strings.
    base : bytes, optional
        Raw BTF whose type_ids and string offsets these continue. A string that it has is not written again.
    """
    strings = [t.name for t in types]
    for t in types:
        strings += [e[0] for e in t.body if t.kind in REPEATED and REPEATED[t.kind][0] == "N"]
    unique = list(dict.fromkeys(s for s in strings if s))
    if string_order is not None:
        unique.sort(key=string_order)
    offset, at = {"": 0}, 1
    if base is not None:
        at = 0
        for text in scan(base)[2][:-1].split(b"\0"):
            offset.setdefault(text.decode(), at)
            at += len(text) + 1
        unique = [s for s in unique if s not in offset]
    for s in unique:
        offset[s] = at
        at += len(s.encode()) + 1
    blob = b"".join(s.encode() + b"\0" for s in (["", *unique] if base is None else unique))
    rows = []
    for t in types:
        vlen = len(t.body) if t.kind in REPEATED else t.linkage
        info = t.kind_flag << 31 | int(t.kind) << 24 | vlen
        rows.append(struct.pack(order + "III", offset[t.name], info, t.size_type))
        layout = FIXED.get(t.kind) or REPEATED.get(t.kind, "")
        code = order + layout.replace("N", "I").replace("T", "I")
        for entry in [t.body] if t.kind in FIXED else t.body:
            entry = (offset[entry[0]], *entry[1:]) if layout[0] == "N" else entry
            rows.append(struct.pack(code, *entry))
    data = b"".join(rows)
    return struct.pack(order + HEADER, MAGIC, 1, 0, 24, 0, len(data), len(data), len(blob)) + data + blob


def scan(raw):
    """Byte order, type section, string blob and the start of each row within the type section."""
    order = "<" if raw[:2] == struct.pack("<H", MAGIC) else ">"
    magic, _, _, hdr_len, type_off, type_len, str_off, str_len = struct.unpack_from(order + HEADER, raw)
    assert magic == MAGIC
    section = raw[hdr_len + type_off :][:type_len]
    blob = raw[hdr_len + str_off :][:str_len]
    starts, at = [], 0
    while at < len(section):
        starts.append(at)
        (info,) = struct.unpack_from(order + "I", section, at + 4)
        kind, vlen = Kind(info >> 24 & 0x1F), info & 0xFFFF
        n_words = len(FIXED[kind]) if kind in FIXED else len(REPEATED.get(kind, "")) * vlen
        at += 12 + 4 * n_words
    assert at == len(section)
    return order, section, blob, starts


def unpack(raw, base=None):
    """List of Type of raw BTF bytes, without those of `base`; the inverse of `pack`, the order of strings aside."""
    order, section, blob, starts = scan(raw)
    blob = blob if base is None else scan(base)[2] + blob

    def string(name_off):
        return blob[name_off : blob.index(b"\0", name_off)].decode()

    types = []
    for at in starts:
        name_off, info, size_type = struct.unpack_from(order + "III", section, at)
        kind, vlen = Kind(info >> 24 & 0x1F), info & 0xFFFF
        layout = FIXED.get(kind) or REPEATED.get(kind, "")
        code, body = order + layout.replace("N", "I").replace("T", "I"), []
        for i in range(1 if kind in FIXED else vlen if kind in REPEATED else 0):
            entry = struct.unpack_from(code, section, at + 12 + 4 * len(layout) * i)
            body.append((string(entry[0]), *entry[1:]) if layout[0] == "N" else entry)
        body = body[0] if kind in FIXED else tuple(body)
        types.append(Type(kind, string(name_off), size_type, body, info >> 31, vlen if kind == Kind.FUNC else 0))
    return types


def to_tables(raw, base=(None, None)):
    """The same BTF as the harness's (TypeTable, StringTable), over two such tables; names keep their offsets."""
    order, section, blob, starts = scan(raw)
    words = np.frombuffer(section, order + "u4").astype(np.uint32)
    start = np.array([0, *(at // 4 for at in starts), len(words)], np.int64)
    return TypeTable(words, start, base[0]), StringTable(np.frombuffer(blob, np.uint8), base[1])


def from_tables(types, strings):
    """List of Type of the harness's tables, a base's not among them, by way of little-endian bytes."""
    data, blob = types.words.astype("<u4").tobytes(), strings.flattened().blob.tobytes()
    header = struct.pack("<" + HEADER, MAGIC, 1, 0, 24, 0, len(data), len(data), len(blob))
    raw = header + data + blob
    assert [at // 4 for at in scan(raw)[3]] == types.start[1:-1].tolist()
    return unpack(raw)


# Constructors, so that a test states a type in one short line.


def int_(name, size=4, bits=None, encoding=0):
    """INT; `encoding` 1 signed, 2 char, 4 bool."""
    return Type(Kind.INT, name, size, (encoding << 24 | (8 * size if bits is None else bits),))


def float_(name, size):
    """FLOAT."""
    return Type(Kind.FLOAT, name, size)


def ptr(to):
    """PTR."""
    return Type(Kind.PTR, "", to)


def const(to):
    """CONST."""
    return Type(Kind.CONST, "", to)


def volatile(to):
    """VOLATILE."""
    return Type(Kind.VOLATILE, "", to)


def restrict(to):
    """RESTRICT."""
    return Type(Kind.RESTRICT, "", to)


def typedef(name, to):
    """TYPEDEF."""
    return Type(Kind.TYPEDEF, name, to)


def type_tag(name, to):
    """TYPE_TAG."""
    return Type(Kind.TYPE_TAG, name, to)


def decl_tag(name, to, component=-1):
    """DECL_TAG."""
    return Type(Kind.DECL_TAG, name, to, (component,))


def array(element, index, nelems):
    """ARRAY."""
    return Type(Kind.ARRAY, "", 0, (element, index, nelems))


def struct_(name, *members, size=None, kind_flag=0):
    """STRUCT; a member is (name, type_id) at 64 bits after the one before it, or (name, type_id, offset)."""
    members = tuple((m[0], m[1], m[2] if len(m) > 2 else 64 * i) for i, m in enumerate(members))
    return Type(Kind.STRUCT, name, 8 * len(members) if size is None else size, members, kind_flag)


def union(name, *members, size=8):
    """UNION; a member is (name, type_id) or (name, type_id, offset)."""
    return Type(Kind.UNION, name, size, tuple((m[0], m[1], m[2] if len(m) > 2 else 0) for m in members))


def fwd(name, is_union=0):
    """FWD of a struct, or of a union."""
    return Type(Kind.FWD, name, 0, (), is_union)


def enum(name, *values, size=4):
    """ENUM; without values a forward declaration."""
    return Type(Kind.ENUM, name, size, values)


def enum64(name, *values, size=8):
    """ENUM64; without values a forward declaration. A value is (name, val)."""
    return Type(Kind.ENUM64, name, size, tuple((n, v & 0xFFFFFFFF, v >> 32 & 0xFFFFFFFF) for n, v in values))


def func_proto(returns, *params):
    """FUNC_PROTO; a parameter is (name, type_id)."""
    return Type(Kind.FUNC_PROTO, "", returns, params)


def func(name, proto, linkage=0):
    """FUNC; linkage 0 static, 1 global."""
    return Type(Kind.FUNC, name, proto, (), 0, linkage)


def var(name, to, linkage=1):
    """VAR."""
    return Type(Kind.VAR, name, to, (linkage,))


def datasec(name, *variables, size=0):
    """DATASEC; a variable is (type_id, offset, size)."""
    return Type(Kind.DATASEC, name, size, variables)
