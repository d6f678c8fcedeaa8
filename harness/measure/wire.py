"""A BTF file byte by byte: chosen types, their strings and the header, each field as it is in the file.

======================================  ============================================================================
``types_of_function(btf, name)``        type_ids of a function's FUNCs, with their FUNC_PROTOs and DECL_TAGs
``header_bytes(btf)``                   the header's fields: DataFrame BYTE_COLUMNS
``layout_bytes(btf)``                   the layout section, kind by kind: DataFrame BYTE_COLUMNS
``type_bytes(btf, type_ids)``           the fields of these types, and the strings that they name: BYTE_COLUMNS
======================================  ============================================================================

Fields have the names of the structs in Documentation/bpf/btf.rst and include/uapi/linux/btf.h, v6.12; those that an
encoding adds have the names that it gives them.
"""

from __future__ import annotations

import struct

import numpy as np

from harness.btf import wire
from harness.btf.declare import declaration
from harness.errors import MeasureError
from harness.measure.columns import frame
from harness.model import Kind, TypeTable
from harness.model import words as wd
from harness.model.layout import HEAD_WORDS, TYPE_FIELDS, IntEncoding, int_parts, member_place, split_info

BYTE_COLUMNS = ("item", "file_offset", "raw", "field", "value", "meaning")

HEADER_FORMATS = {"magic": "H", "version": "B", "flags": "B"}
"""struct format of the header's fields that are no u32."""

HEADER_MEANINGS = {
    "magic": "BTF, and its byte order",
    "version": "of the format",
    "flags": "none is defined",
    "hdr_len": "bytes of this header; the offsets below count from its end",
    "type_off": "where the types begin",
    "type_len": "bytes of types",
    "str_off": "where the strings begin",
    "str_len": "bytes of strings",
    "layout_off": "where the layout of kinds begins",
    "layout_len": "bytes of layout",
}

LAYOUT_MEANINGS = {
    "info_sz": "bytes that each type of the kind has after struct btf_type",
    "elem_sz": "bytes of each of its vlen entries",
    "flags": "none is defined",
}


def types_of_function(btf, name):
    """What a file holds for a function of this name, in the order of the file.

    Parameters
    ----------
    btf : harness.btf.BtfFile
    name : str

    Returns
    -------
    list of int
        type_ids of the FUNCs, the FUNC_PROTOs that they point at, each once, and the DECL_TAGs that point at them.

    Raises
    ------
    MeasureError
        No FUNC has the name.
    """
    types, targets = btf.types, btf.types.by_id(TypeTable.size_type)
    wanted = name.encode("utf-8", "surrogateescape")
    funcs = [i for i in types.func_ids().tolist() if btf.name(i) == wanted]
    if not funcs:
        raise MeasureError(f"expected a FUNC of the name {name!r}, found none", btf.path)
    tags = types.ids_of(Kind.DECL_TAG)
    tags = tags[np.isin(targets[tags], np.array(funcs, np.uint32))]
    return sorted({*targets[funcs].tolist(), *funcs, *tags.tolist()})


def header_bytes(btf):
    """struct btf_header, one row per field: DataFrame BYTE_COLUMNS."""
    rows = []
    fields = btf.header._fields if btf.header.hdr_len >= wire.HDR_LEN_LAYOUT else btf.header._fields[:-2]
    for name in fields:
        value = getattr(btf.header, name)
        raw = struct.pack(wire.prefix(btf.byteorder) + HEADER_FORMATS.get(name, "I"), value)
        text = f"{value:#06x}" if name == "magic" else f"{value:,}"
        meaning = f"{HEADER_MEANINGS[name]}: {btf.byteorder} endian" if name == "magic" else HEADER_MEANINGS[name]
        rows.append(("header", wire.HEADER_FIELD_OFF[name], raw.hex(" "), f"btf_header.{name}", text, meaning))
    return frame(rows, BYTE_COLUMNS)


def layout_bytes(btf):
    """The layout section, one row per field of each struct btf_layout: DataFrame BYTE_COLUMNS, empty where there is
    none."""
    rows, start = [], btf.header.hdr_len + btf.header.layout_off
    for kind, entry in enumerate([] if btf.kind_sizes is None else btf.kind_sizes.tolist()):
        name = Kind(kind).name if kind < len(Kind) else "of a later standard"
        raw, at = struct.pack(wire.prefix(btf.byteorder) + wire.LAYOUT_ENTRY, *entry), 0
        for field, letter, value in zip(LAYOUT_MEANINGS, wire.LAYOUT_ENTRY, entry, strict=True):
            nbytes = struct.calcsize(letter)
            rows.append((f"kind {kind} {name}", start + wire.LAYOUT_ENTRY_NBYTES * kind + at,
                         raw[at : at + nbytes].hex(" "), f"btf_layout.{field}", f"{value:,}", LAYOUT_MEANINGS[field]))
            at += nbytes
    return frame(rows, BYTE_COLUMNS)


def type_bytes(btf, type_ids, strings=True):
    """Every byte of some types, one row per field, and of the strings that they name, one row per string.

    Parameters
    ----------
    btf : harness.btf.BtfFile
    type_ids : iterable of int
        In the order in which they are to appear.
    strings : bool
        Also the strings, in the order of the file.

    Returns
    -------
    DataFrame
        BYTE_COLUMNS. item: `[type_id] KIND`, or `string`; file_offset: bytes from the magic; raw: the bytes as they lie
        in the file, hex; field: struct and field; value: the number that they are; meaning: what it stands for.

    Raises
    ------
    MeasureError
        The file has no such type_id; a base's is not in the file.
    BtfFormatError
        A type_id or name_off in one of them is out of range, or the types form a cycle.

    Notes
    -----
    Made from the parsed tables: parsing loses nothing, and the tests compare every row with the file.
    """
    rows, named = [], {}
    first, last = btf.types.first_id, btf.types.next_id - 1
    for type_id in type_ids:
        if not first <= type_id <= last:
            raise MeasureError(f"expected a type_id of {first} to {last}, found {type_id}", btf.path)
        rows += _type_rows(btf, type_id, named)
    if strings:
        own = btf.strings.first_off
        for name_off, users in sorted(item for item in named.items() if item[0] >= own):
            text = btf.strings.get(name_off)
            raw = text + b"\0"
            of = ", ".join(users[:3]) + (f" and {len(users) - 3} others" if len(users) > 3 else "")
            rows.append(("string", btf.strings_start + name_off - own, raw.hex(" "), f"string at {name_off:,}",
                         f"{len(raw):,} bytes", f'"{_text(text)}" and NUL, name of {of}'))
    return frame(rows, BYTE_COLUMNS)


def _type_rows(btf, type_id, named):
    """Rows of one type; the name_offs that it holds go into `named`, with who holds them."""
    words = btf.types.row(type_id).tolist()
    start = btf.word_offset(btf.types.row_start(type_id))
    kind, vlen, kind_flag = split_info(words[wd.INFO])
    item = f"[{type_id}] {kind.name}"
    layout = btf.layout[kind]
    trailing = layout.trailing if kind_flag else None

    def row(word, field, value, meaning, n_words=1):
        number = words[word] if n_words == 1 else words[word] | words[word + 1] << 32
        raw = struct.pack(wire.prefix(btf.byteorder) + ("I" if n_words == 1 else "Q"), number)
        return item, start + wire.WORD_NBYTES * word, raw.hex(" "), field, value, meaning

    def plain(word, field):
        value, of = words[word], field.rsplit(".")[-1]
        if of == "name_off":
            return row(word, field, f"{value:,}", _name(btf, value, item, named))
        if of in TYPE_FIELDS:
            return row(word, field, f"{value:,}", _of_type(btf, value))
        return row(word, field, *_number(kind, of, value, kind_flag))

    yield plain(wd.NAME, "btf_type.name_off")
    yield row(wd.INFO, "btf_type.info", f"{words[wd.INFO]:#010x}", _info(layout, kind, vlen, kind_flag))
    yield plain(wd.SIZE_TYPE, f"btf_type.{layout.third}")
    struct_dot = f"{layout.struct}." if layout.struct else ""
    for i, field in enumerate(layout.fixed):
        yield plain(HEAD_WORDS + i, struct_dot + field)
    for entry, at in enumerate(wd.entries(kind, 0, vlen) if layout.entry else ()):
        for i, field in enumerate(layout.entry):
            yield plain(at + i, f"{layout.struct}[{entry}].{field}")
    if trailing:
        at = len(words) - trailing.n_words
        value = words[at] | (words[-1] << 32 if trailing.n_words == 2 else 0)
        yield row(at, f"{trailing.struct}.{trailing.field}", f"{value:#0{2 + 8 * trailing.n_words}x}", trailing.meaning,
                  trailing.n_words)


def _info(layout, kind, vlen, kind_flag):
    """The info word in words; kind_flag where it is set, and of FUNCs always."""
    said = [f"kind {int(kind)} {kind.name}"]
    if kind == Kind.FUNC:
        linkage = wire.FuncLinkage(vlen).name.lower() if vlen in list(wire.FuncLinkage) else "unknown"
        said.append(f"vlen {vlen}: {linkage}")
    elif layout.entries or vlen:
        of = layout.entries
        said.append(f"vlen {vlen}" + (f": {vlen:,} {of}{'s' * (vlen != 1)}" if of else ""))
    if kind_flag or kind == Kind.FUNC:
        follows = f": struct {layout.trailing.struct} follows" if kind_flag and layout.trailing else ""
        said.append(f"kind_flag {kind_flag}{follows}")
    return ", ".join(said)


def _name(btf, name_off, item, named):
    """What a name_off names."""
    if name_off == 0:
        return "no name"
    if name_off >= btf.strings.next_off:
        raise btf.wrong(f"{item}: expected a name_off below {btf.strings.next_off}, found {name_off}", btf.types_start)
    users = named.setdefault(name_off, [])
    if item not in users:
        users.append(item)
    return f'"{_text(btf.strings.get(name_off))}"'


def _of_type(btf, type_id):
    """A type that is pointed at: its number and kind, and how C writes it."""
    if type_id == 0:
        return "void"
    if type_id >= btf.types.next_id:
        raise btf.wrong(f"expected a type_id of at most {btf.types.next_id - 1}, found {type_id}", btf.types_start)
    kind, _, _ = split_info(btf.types.row(type_id)[wd.INFO])
    if kind in (Kind.VAR, Kind.DATASEC, Kind.DECL_TAG):
        return f'[{type_id}] {kind.name} "{_text(btf.name(type_id))}"'
    return f"[{type_id}] {kind.name}: {declaration(btf, type_id)}"


def _number(kind, field, value, kind_flag):
    """A word that is neither a name nor a type: value and meaning."""
    if field == "component_idx":
        signed = value - (1 << 32) if value >> 31 else value
        return f"{signed}", "the target itself" if value == wire.WHOLE else f"its member or parameter {signed}"
    if kind == Kind.INT and field == "BTF_INT_*":
        encoding, offset, bits = int_parts(value)
        names = "+".join(b.name for b in IntEncoding(encoding)) or "no encoding"
        return f"{value:#010x}", f"{names}; bit offset {offset}; {bits} bits"
    if kind in (Kind.STRUCT, Kind.UNION) and field == "offset":
        bit, width = member_place(value, kind_flag)
        return f"{value:,}" if not width else f"{value:#010x}", f"bit {bit:,}" + (
            f", bit field of {width}" if width else "")
    if field == "val":
        return f"{value - (1 << 32) if kind_flag and value >> 31 else value:,}", "signed" if kind_flag else "unsigned"
    if kind in (Kind.ARRAY, Kind.FWD) and field == "size":
        return f"{value:,}", "not used"
    if kind == Kind.VAR and field == "linkage":
        return f"{value}", wire.VarLinkage(value).name.lower() if value in list(wire.VarLinkage) else "unknown"
    meaning = {"size": "bytes", "nelems": "elements", "offset": "bytes from the section's start"}.get(field, "")
    return f"{value:,}", meaning


def _text(name):
    return name.decode("utf-8", "backslashreplace")
