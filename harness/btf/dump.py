"""BTF as text, line by line what ``bpftool btf dump file`` prints, and as JSON."""

from __future__ import annotations

import io
import json
from typing import IO

from harness.btf import wire
from harness.btf.reader import BtfFile
from harness.model import Kind
from harness.model.tables import KFLAG_SHIFT, KIND_MASK, KIND_SHIFT, VLEN_MASK

ANONYMOUS = b"(anon)"
INT_ENCODING = {
    0: "(none)",
    wire.IntEncoding.SIGNED: "SIGNED",
    wire.IntEncoding.CHAR: "CHAR",
    wire.IntEncoding.BOOL: "BOOL",
}
LINKAGE = {linkage.value: linkage.name.lower() for linkage in wire.FuncLinkage}
LINES_PER_WRITE = 8192


def dump_raw(btf: BtfFile, out: IO[bytes] | IO[str]) -> None:
    """Write one line per type and one per member, as ``bpftool btf dump file F format raw`` does (v7.1).

    A FUNC with kind_flag, which bpftool cannot load, has `` addr=0x`` and 16 digits at the end of its line. Names
    are written as the bytes they are.

    Parameters
    ----------
    btf : BtfFile
        Need not have passed `check`: a type_id out of range is printed as the number it is.
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

    A FUNC with kind_flag has a further key "addr", hexadecimal text as in `dump_raw`, since many JSON readers hold
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


def _names(btf):
    """A function from (name_off, word index) to the name, bytes, "(anon)" for the empty one."""
    data = btf.strings.blob.tobytes()
    known = {0: ANONYMOUS}

    def name(off, word):
        found = known.get(off)
        if found is None:
            if off >= len(data):
                message = f"expected a name_off below {len(data)}, found {off}"
                raise btf.fault(message, btf.types_start + wire.WORD_NBYTES * word)
            # names are mostly met again, as members' names; parse saw to it that a NUL ends the section
            found = known[off] = data[off : data.index(0, off)] or ANONYMOUS
        return found

    return name


def _rows(btf):
    """type_id, Kind, vlen, kind_flag, index of the first word, of each type."""
    starts = btf.types.start[1:-1].tolist()
    infos = btf.types.info().tolist()
    kinds = list(Kind)
    for type_id, (at, info) in enumerate(zip(starts, infos, strict=True), 1):
        yield type_id, kinds[info >> KIND_SHIFT & KIND_MASK], info & VLEN_MASK, info >> KFLAG_SHIFT, at


def _signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) else value


def _enumerators(words, kind, vlen, kind_flag, at):
    """Word index of the name and value of each enumerator of an ENUM or ENUM64."""
    width = wire.KIND_LAYOUT[kind].vlen_words
    bits = 32 if kind == Kind.ENUM else 64
    for entry in range(at + 3, at + 3 + width * vlen, width):
        value = words[entry + 1]
        if kind == Kind.ENUM64:
            value |= words[entry + 2] << 32
        yield entry, _signed(value, bits) if kind_flag else value


def _address(words, at):
    return words[at + 3] | words[at + 4] << 32


def _raw_lines(btf):
    name = _names(btf)
    words = btf.types.words.tolist()
    starts = btf.types.start.tolist()
    kind_names = [kind.name.encode() if kind else b"UNKNOWN" for kind in Kind]
    kinds = [0, *btf.types.kind().tolist()]
    for type_id, kind, vlen, kind_flag, at in _rows(btf):
        size_type = words[at + 2]
        yield b"[%d] %s '%s'" % (type_id, kind_names[kind], name(words[at], at))
        match kind:
            case Kind.INT:
                word = words[at + 3]
                encoding = INT_ENCODING.get(word >> 24 & 0xF, "UNKN").encode()
                yield b" size=%d bits_offset=%d nr_bits=%d encoding=%s" % (
                    size_type,
                    word >> 16 & 0xFF,
                    word & 0xFF,
                    encoding,
                )
            case Kind.ARRAY:
                yield b" type_id=%d index_type_id=%d nr_elems=%d" % tuple(words[at + 3 : at + 6])
            case Kind.STRUCT | Kind.UNION:
                yield b" size=%d vlen=%d" % (size_type, vlen)
                for entry in range(at + 3, at + 3 + 3 * vlen, 3):
                    member_name, type_word, off = words[entry : entry + 3]
                    bitfield = b""
                    if kind_flag:
                        bits = off >> wire.BITFIELD_SIZE_SHIFT
                        off &= wire.BIT_OFFSET_MASK
                        bitfield = b" bitfield_size=%d" % bits if bits else b""
                    yield b"\n\t'%s' type_id=%d bits_offset=%d%s" % (
                        name(member_name, entry),
                        type_word,
                        off,
                        bitfield,
                    )
            case Kind.ENUM | Kind.ENUM64:
                encoding = b"SIGNED" if kind_flag else b"UNSIGNED"
                suffix = b"" if kind == Kind.ENUM else b"LL" if kind_flag else b"ULL"
                yield b" encoding=%s size=%d vlen=%d" % (encoding, size_type, vlen)
                for entry, value in _enumerators(words, kind, vlen, kind_flag, at):
                    yield b"\n\t'%s' val=%d%s" % (name(words[entry], entry), value, suffix)
            case Kind.FWD:
                yield b" fwd_kind=union" if kind_flag else b" fwd_kind=struct"
            case Kind.FUNC:
                yield b" type_id=%d linkage=%s" % (size_type, LINKAGE.get(vlen, "(unknown)").encode())
                if kind_flag:
                    yield b" addr=0x%016x" % _address(words, at)
            case Kind.FUNC_PROTO:
                yield b" ret_type_id=%d vlen=%d" % (size_type, vlen)
                for entry in range(at + 3, at + 3 + 2 * vlen, 2):
                    yield b"\n\t'%s' type_id=%d" % (name(words[entry], entry), words[entry + 1])
            case Kind.VAR:
                yield b" type_id=%d, linkage=%s" % (size_type, LINKAGE.get(words[at + 3], "(unknown)").encode())
            case Kind.DATASEC:
                yield b" size=%d vlen=%d" % (size_type, vlen)
                for entry in range(at + 3, at + 3 + 3 * vlen, 3):
                    variable = words[entry]
                    yield b"\n\ttype_id=%d offset=%d size=%d" % tuple(words[entry : entry + 3])
                    if 0 < variable < len(kinds):
                        place = starts[variable]
                        yield b" (%s '%s')" % (kind_names[kinds[variable]], name(words[place], place))
            case Kind.FLOAT:
                yield b" size=%d" % size_type
            case Kind.DECL_TAG:
                yield b" type_id=%d component_idx=%d" % (size_type, _signed(words[at + 3], 32))
            case _:
                yield b" type_id=%d" % size_type
        yield b"\n"


def _json_pieces(btf):
    raw_name = _names(btf)
    words = btf.types.words.tolist()
    encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

    def name(word):
        return raw_name(words[word], word).decode("utf-8", "backslashreplace")

    yield b'{"types":['
    for type_id, kind, vlen, kind_flag, at in _rows(btf):
        size_type = words[at + 2]
        row = {"id": type_id, "kind": kind.name, "name": name(at)}
        match kind:
            case Kind.INT:
                word = words[at + 3]
                row["size"] = size_type
                row["bits_offset"] = word >> 16 & 0xFF
                row["nr_bits"] = word & 0xFF
                row["encoding"] = INT_ENCODING.get(word >> 24 & 0xF, "UNKN")
            case Kind.ARRAY:
                row["type_id"], row["index_type_id"], row["nr_elems"] = words[at + 3 : at + 6]
            case Kind.STRUCT | Kind.UNION:
                row["size"] = size_type
                row["vlen"] = vlen
                row["members"] = members = []
                for entry in range(at + 3, at + 3 + 3 * vlen, 3):
                    off = words[entry + 2]
                    member = {"name": name(entry), "type_id": words[entry + 1]}
                    member["bits_offset"] = off & wire.BIT_OFFSET_MASK if kind_flag else off
                    if kind_flag and off >> wire.BITFIELD_SIZE_SHIFT:
                        member["bitfield_size"] = off >> wire.BITFIELD_SIZE_SHIFT
                    members.append(member)
            case Kind.ENUM | Kind.ENUM64:
                row["encoding"] = "SIGNED" if kind_flag else "UNSIGNED"
                row["size"] = size_type
                row["vlen"] = vlen
                row["values"] = [
                    {"name": name(entry), "val": value}
                    for entry, value in _enumerators(words, kind, vlen, kind_flag, at)
                ]
            case Kind.FWD:
                row["fwd_kind"] = "union" if kind_flag else "struct"
            case Kind.FUNC:
                row["type_id"] = size_type
                row["linkage"] = LINKAGE.get(vlen, "(unknown)")
                if kind_flag:
                    row["addr"] = f"0x{_address(words, at):016x}"
            case Kind.FUNC_PROTO:
                row["ret_type_id"] = size_type
                row["vlen"] = vlen
                row["params"] = [
                    {"name": name(entry), "type_id": words[entry + 1]} for entry in range(at + 3, at + 3 + 2 * vlen, 2)
                ]
            case Kind.VAR:
                row["type_id"] = size_type
                row["linkage"] = LINKAGE.get(words[at + 3], "(unknown)")
            case Kind.DATASEC:
                row["size"] = size_type
                row["vlen"] = vlen
                row["vars"] = [
                    {"type_id": words[entry], "offset": words[entry + 1], "size": words[entry + 2]}
                    for entry in range(at + 3, at + 3 + 3 * vlen, 3)
                ]
            case Kind.FLOAT:
                row["size"] = size_type
            case Kind.DECL_TAG:
                row["type_id"] = size_type
                row["component_idx"] = _signed(words[at + 3], 32)
            case _:
                row["type_id"] = size_type
        yield ("," if type_id > 1 else "").encode() + encoder.encode(row).encode()
    yield b"]}\n"
