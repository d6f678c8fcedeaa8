"""BTF as text, line by line what ``bpftool btf dump file`` prints, and as JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import IO

from harness.btf import wire
from harness.btf.reader import BtfFile
from harness.model import Kind
from harness.model import words as wd
from harness.model.layout import HEAD_WORDS, LAST_KIND, IntEncoding, int_parts, member_place, split_info

ANONYMOUS = b"(anon)"
INT_ENCODING = {
    0: "(none)",
    IntEncoding.SIGNED: "SIGNED",
    IntEncoding.CHAR: "CHAR",
    IntEncoding.BOOL: "BOOL",
}
LINKAGE = {linkage.value: linkage.name.lower() for linkage in wire.FuncLinkage}
LINES_PER_WRITE = 8192


def dump_raw(btf: BtfFile, out: IO[bytes] | IO[str]) -> None:
    """Write one line per type and one per member, as ``bpftool btf dump file F format raw`` does (v7.1).

    A field that kind_flag adds, with which bpftool cannot load the file, ends its type's line as `` field=0x`` and 8
    digits per word. Names are written as the bytes they are.

    Parameters
    ----------
    btf : BtfFile
        Need not have passed `check`: a type_id out of range is printed as the number it is. With a base, type_ids
        start where the base's end.
    out : file
        Binary; or text, where bytes that are not UTF-8 are escaped.

    Raises
    ------
    BtfFormatError
        A name_off is outside the string section.
    """
    _write(out, _raw_lines(btf))


def dump_json(btf: BtfFile, out: IO[bytes] | IO[str]) -> None:
    """Write one JSON document ``{"types":[...]}`` with the keys and order of ``bpftool -j btf dump file F``.

    A field that kind_flag adds is a further key, hexadecimal text as in `dump_raw`, since many JSON readers hold
    numbers as doubles. Two deliberate differences from bpftool 7.1: an unsigned ENUM's values are the 32-bit ones
    (it prints 0xffffffff as 18446744073709551615), and names are escaped as JSON demands.

    Parameters and errors are those of `dump_raw`.
    """
    _write(out, _json_pieces(btf))


def _write(out, pieces):
    """Write pieces of bytes in batches; nothing is built whole in memory."""
    text = isinstance(out, io.TextIOBase)
    batch = []

    def flush():
        data = b"".join(batch)
        out.write(data.decode("utf-8", "backslashreplace") if text else data)
        batch.clear()

    for piece in pieces:
        batch.append(piece)
        if len(batch) >= LINES_PER_WRITE:
            flush()
    flush()


class _Rows:
    """The types of a file as Python numbers, a base's before them so that type_ids and words can be looked up."""

    def __init__(self, btf):
        self.btf = btf
        whole = btf.types.flattened()
        self.words = whole.words.tolist()
        self.starts = whole.start.tolist()
        self.n_base_words = len(whole.words) - len(btf.types.words)
        self.text = btf.strings.flattened().blob.tobytes()
        self.known = {0: ANONYMOUS}

    def __iter__(self):
        """type_id, Kind, vlen, kind_flag, index of the first word, of each type that is not a base's."""
        for type_id in self.btf.types.ids():
            at = self.starts[type_id]
            yield type_id, *split_info(self.words[at + wd.INFO]), at

    def kind(self, type_id):
        """Kind of a type, None if the type_id does not exist."""
        known = 0 < type_id < len(self.starts) - 1
        return split_info(self.words[self.starts[type_id] + wd.INFO])[0] if known else None

    def name(self, word):
        """The name whose offset is in a word, bytes; "(anon)" for offset 0, as bpftool says it."""
        off = self.words[word]
        found = self.known.get(off)
        if found is None:
            if off >= len(self.text):
                message = f"expected a name_off below {len(self.text)}, found {off}"
                raise self.btf.wrong(message, self.btf.word_offset(word - self.n_base_words))
            # names are mostly met again, as members' names; parse saw to it that a NUL ends the section
            found = self.known[off] = self.text[off : self.text.index(0, off)]
        return found

    def fixed(self, kind, vlen, at):
        """Names and values of what a type has once, of a kind that bpftool does not know: list of (str, int)."""
        layout = self.btf.layout[kind]
        third = [("type_id", self.words[at + wd.SIZE_TYPE])] if layout.third_is_type else []
        n = [("vlen", vlen)] if layout.entry else []
        return [*third, *n, *((field, self.words[at + HEAD_WORDS + k]) for k, field in enumerate(layout.fixed))]

    def entries(self, kind, vlen, at):
        """Names and values of the fields of each entry of such a type."""
        names = ["type_id" if field == "type" else field for field in self.btf.layout[kind].entry]
        for entry in wd.entries(kind, at, vlen) if names else ():
            yield list(zip(names, self.words[entry : entry + len(names)], strict=True))

    def trailing(self, kind, vlen, at):
        """Name and value, hexadecimal, of the field that kind_flag adds; None if it adds none."""
        layout = self.btf.layout[kind]
        if not layout.trailing:
            return None
        word = at + HEAD_WORDS + layout.fixed_words + layout.entry_words * vlen
        if layout.trailing.n_words == 1:
            return layout.trailing.field, f"0x{self.words[word]:08x}"
        return layout.trailing.field, f"0x{self.words[word] | self.words[word + 1] << 32:016x}"


def _signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) else value


def enumerators(words: Sequence[int], kind: Kind, vlen: int, kind_flag: int, at: int) -> Iterator[tuple[int, int]]:
    """Word index of the name and value of each enumerator of the ENUM or ENUM64 whose row begins at `at`."""
    bits = 32 if kind == Kind.ENUM else 64
    for entry in wd.entries(kind, at, vlen):
        value = words[entry + wd.ENUM_VAL]  # or wd.ENUM64_LO, which is the same word
        if kind == Kind.ENUM64:
            value |= words[entry + wd.ENUM64_HI] << 32
        yield entry, _signed(value, bits) if kind_flag else value


def _raw_lines(btf):
    rows = _Rows(btf)
    name, words = rows.name, rows.words
    kind_names = [kind.name.encode() if kind else b"UNKNOWN" for kind in Kind]
    for type_id, kind, vlen, kind_flag, at in rows:
        size_type = words[at + wd.SIZE_TYPE]
        yield b"[%d] %s '%s'" % (type_id, kind_names[kind], name(at))
        match kind:
            case Kind.INT:
                encoding, offset, bits = int_parts(words[at + wd.INT_DATA])
                yield b" size=%d bits_offset=%d nr_bits=%d encoding=%s" % (
                    size_type,
                    offset,
                    bits,
                    INT_ENCODING.get(encoding, "UNKN").encode(),
                )
            case Kind.ARRAY:
                yield b" type_id=%d index_type_id=%d nr_elems=%d" % (
                    words[at + wd.ARRAY_TYPE],
                    words[at + wd.ARRAY_INDEX_TYPE],
                    words[at + wd.ARRAY_NELEMS],
                )
            case Kind.STRUCT | Kind.UNION | Kind.DATASEC:
                yield b" size=%d vlen=%d" % (size_type, vlen)
            case Kind.ENUM | Kind.ENUM64:
                encoding = b"SIGNED" if kind_flag else b"UNSIGNED"
                yield b" encoding=%s size=%d vlen=%d" % (encoding, size_type, vlen)
            case Kind.FWD:
                yield b" fwd_kind=union" if kind_flag else b" fwd_kind=struct"
            case Kind.FUNC:
                yield b" type_id=%d linkage=%s" % (size_type, LINKAGE.get(vlen, "(unknown)").encode())
            case Kind.FUNC_PROTO:
                yield b" ret_type_id=%d vlen=%d" % (size_type, vlen)
            case Kind.VAR:
                linkage = LINKAGE.get(words[at + wd.VAR_LINKAGE], "(unknown)")
                yield b" type_id=%d, linkage=%s" % (size_type, linkage.encode())
            case Kind.FLOAT:
                yield b" size=%d" % size_type
            case Kind.DECL_TAG:
                yield b" type_id=%d component_idx=%d" % (size_type, _signed(words[at + wd.COMPONENT_IDX], 32))
            case _ if kind > LAST_KIND:
                yield b"".join(b" %s=%d" % (field.encode(), value) for field, value in rows.fixed(kind, vlen, at))
            case _:
                yield b" type_id=%d" % size_type
        trailing = rows.trailing(kind, vlen, at) if kind_flag else None
        if trailing:
            yield b" %s=%s" % (trailing[0].encode(), trailing[1].encode())
        match kind:
            case Kind.STRUCT | Kind.UNION:
                for entry in wd.entries(kind, at, vlen):
                    type_word, off = words[entry + wd.MEMBER_TYPE], words[entry + wd.MEMBER_OFFSET]
                    bitfield = b""
                    if kind_flag:
                        off, bits = member_place(off, kind_flag)
                        bitfield = b" bitfield_size=%d" % bits if bits else b""
                    yield b"\n\t'%s' type_id=%d bits_offset=%d%s" % (name(entry), type_word, off, bitfield)
            case Kind.ENUM | Kind.ENUM64:
                suffix = b"" if kind == Kind.ENUM else b"LL" if kind_flag else b"ULL"
                for entry, value in enumerators(words, kind, vlen, kind_flag, at):
                    yield b"\n\t'%s' val=%d%s" % (name(entry), value, suffix)
            case Kind.FUNC_PROTO:
                for entry in wd.entries(kind, at, vlen):
                    yield b"\n\t'%s' type_id=%d" % (name(entry), words[entry + wd.PARAM_TYPE])
            case Kind.DATASEC:
                for entry in wd.entries(kind, at, vlen):
                    yield b"\n\ttype_id=%d offset=%d size=%d" % (
                        words[entry + wd.SECINFO_TYPE],
                        words[entry + wd.SECINFO_OFFSET],
                        words[entry + wd.SECINFO_SIZE],
                    )
                    variable = words[entry + wd.SECINFO_TYPE]
                    target = rows.kind(variable)
                    if target is not None:
                        yield b" (%s '%s')" % (kind_names[target], name(rows.starts[variable]))
            case _ if kind > LAST_KIND:
                for entry in rows.entries(kind, vlen, at):
                    yield b"\n\t" + b" ".join(b"%s=%d" % (field.encode(), value) for field, value in entry)
        yield b"\n"


def _json_pieces(btf):
    rows = _Rows(btf)
    words = rows.words
    encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

    def name(word):
        return rows.name(word).decode("utf-8", "backslashreplace")

    yield b'{"types":['
    for type_id, kind, vlen, kind_flag, at in rows:
        size_type = words[at + wd.SIZE_TYPE]
        row = {"id": type_id, "kind": kind.name, "name": name(at)}
        match kind:
            case Kind.INT:
                encoding, offset, bits = int_parts(words[at + wd.INT_DATA])
                row["size"] = size_type
                row["bits_offset"] = offset
                row["nr_bits"] = bits
                row["encoding"] = INT_ENCODING.get(encoding, "UNKN")
            case Kind.ARRAY:
                row["type_id"] = words[at + wd.ARRAY_TYPE]
                row["index_type_id"] = words[at + wd.ARRAY_INDEX_TYPE]
                row["nr_elems"] = words[at + wd.ARRAY_NELEMS]
            case Kind.STRUCT | Kind.UNION:
                row["size"] = size_type
                row["vlen"] = vlen
                row["members"] = members = []
                for entry in wd.entries(kind, at, vlen):
                    off = words[entry + wd.MEMBER_OFFSET]
                    member = {"name": name(entry), "type_id": words[entry + wd.MEMBER_TYPE]}
                    member["bits_offset"], width = member_place(off, kind_flag)
                    if width:
                        member["bitfield_size"] = width
                    members.append(member)
            case Kind.ENUM | Kind.ENUM64:
                row["encoding"] = "SIGNED" if kind_flag else "UNSIGNED"
                row["size"] = size_type
                row["vlen"] = vlen
                row["values"] = [
                    {"name": name(entry), "val": value}
                    for entry, value in enumerators(words, kind, vlen, kind_flag, at)
                ]
            case Kind.FWD:
                row["fwd_kind"] = "union" if kind_flag else "struct"
            case Kind.FUNC:
                row["type_id"] = size_type
                row["linkage"] = LINKAGE.get(vlen, "(unknown)")
            case Kind.FUNC_PROTO:
                row["ret_type_id"] = size_type
                row["vlen"] = vlen
                row["params"] = [
                    {"name": name(entry), "type_id": words[entry + wd.PARAM_TYPE]}
                    for entry in wd.entries(kind, at, vlen)
                ]
            case Kind.VAR:
                row["type_id"] = size_type
                row["linkage"] = LINKAGE.get(words[at + wd.VAR_LINKAGE], "(unknown)")
            case Kind.DATASEC:
                row["size"] = size_type
                row["vlen"] = vlen
                row["vars"] = [
                    {
                        "type_id": words[entry + wd.SECINFO_TYPE],
                        "offset": words[entry + wd.SECINFO_OFFSET],
                        "size": words[entry + wd.SECINFO_SIZE],
                    }
                    for entry in wd.entries(kind, at, vlen)
                ]
            case _ if kind > LAST_KIND:
                row.update(rows.fixed(kind, vlen, at))
                if btf.layout[kind].entries:
                    row["entries"] = [dict(entry) for entry in rows.entries(kind, vlen, at)]
            case Kind.FLOAT:
                row["size"] = size_type
            case Kind.DECL_TAG:
                row["type_id"] = size_type
                row["component_idx"] = _signed(words[at + wd.COMPONENT_IDX], 32)
            case _:
                row["type_id"] = size_type
        trailing = rows.trailing(kind, vlen, at) if kind_flag else None
        if trailing:
            row[trailing[0]] = trailing[1]
        yield ("," if type_id > btf.types.first_id else "").encode() + encoder.encode(row).encode()
    yield b"]}\n"
