"""Run by a Python beside whose libbpf it is, with nothing but the standard library: what libbpf does with BTF.

    libbpf.py version
    libbpf.py has NAME                  whether it has a function: yes or no
    libbpf.py read FILE [BASE]          what is in FILE, as JSON on standard output
    libbpf.py dedup FILE OUT [BASE]     btf__dedup, written to OUT
    libbpf.py permute FILE OUT IDS      btf__permute; IDS holds a u32 for each type, the new type_id of each old one
    libbpf.py endian FILE OUT ORDER     btf__set_endianness: little or big
    libbpf.py base FILE OUT             a split BTF over FILE, which is written to OUT as libbpf then has it

Exit status 1 where libbpf refuses, its errno in the last line of stderr; 3 where it does not have the function.
"""

import ctypes
import json
import os
import struct
import sys

KINDS = (None, "INT", "PTR", "ARRAY", "STRUCT", "UNION", "ENUM", "FWD", "TYPEDEF", "VOLATILE", "CONST", "RESTRICT",
         "FUNC", "FUNC_PROTO", "VAR", "DATASEC", "FLOAT", "DECL_TAG", "TYPE_TAG", "ENUM64")
FUNC, FUNC_PROTO, DECL_TAG = (KINDS.index(kind) for kind in ("FUNC", "FUNC_PROTO", "DECL_TAG"))

WHOLE = 0xFFFFFFFF
"""component_idx of a DECL_TAG that is of the type itself."""

ABSENT = 3


def library():
    """libbpf with its prototypes."""
    lib = ctypes.CDLL(os.environ.get("BTF_HARNESS_LIBBPF", "libbpf.so.1"), use_errno=True)
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32
    for name, result, arguments in (
            ("libbpf_version_string", text, []),
            ("btf__parse_raw", pointer, [text]),
            ("btf__parse_raw_split", pointer, [text, pointer]),
            ("btf__new_empty_split", pointer, [pointer]),
            ("btf__type_cnt", number, [pointer]),
            ("btf__type_by_id", pointer, [pointer, number]),
            ("btf__name_by_offset", text, [pointer, number]),
            ("btf__dedup", ctypes.c_int, [pointer, pointer]),
            ("btf__permute", ctypes.c_int, [pointer, pointer, number, pointer]),
            ("btf__set_endianness", ctypes.c_int, [pointer, ctypes.c_int]),
            ("btf__add_typedef", ctypes.c_int, [pointer, text, ctypes.c_int]),
            ("btf__raw_data", pointer, [pointer, ctypes.POINTER(number)])):
        if hasattr(lib, name):
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
    return lib


def refused(call, code):
    """End: libbpf refused."""
    sys.exit(f"{call}: {os.strerror(abs(code))}")


def opened(lib, path, base=None):
    """(struct btf of a file, that of its base or None)."""
    below = None
    if base is not None:
        below, _ = opened(lib, base)
    call = "btf__parse_raw" if below is None else "btf__parse_raw_split"
    arguments = [path.encode()] if below is None else [path.encode(), below]
    found = getattr(lib, call)(*arguments)
    if not found:
        refused(call, ctypes.get_errno())
    return found, below


def content(lib, btf, first):
    """Types from an id on, as harness.witnesses.content names them: dict."""
    types, funcs, tags, parameters = {}, {}, {}, {}

    def text(off):
        name = lib.btf__name_by_offset(btf, off)
        return "?!" if name is None else name.decode("utf-8", "surrogateescape")

    def row(type_id):
        at = lib.btf__type_by_id(btf, type_id)
        return (at, *struct.unpack("=III", ctypes.string_at(at, 12))) if at else (None, 0, 0, 0)

    def kind_of(info):
        return info >> 24 & 0x7F

    def count(counter, key):
        counter[key] = counter.get(key, 0) + 1

    signature = {}
    for type_id in range(first, lib.btf__type_cnt(btf)):
        at, name_off, info, ref = row(type_id)
        kind = kind_of(info)
        count(types, KINDS[kind] if 0 < kind < len(KINDS) else "UNKNOWN")
        if kind == FUNC:
            name = text(name_off)
            count(funcs, name)
            if ref not in signature:
                place, _, proto_info, _ = row(ref)
                said = "(?)"
                if place and kind_of(proto_info) == FUNC_PROTO:
                    vlen = proto_info & 0xFFFF
                    words = struct.unpack(f"={2 * vlen}I", ctypes.string_at(place + 12, 8 * vlen))
                    said = f"({', '.join(text(off) or '?' for off in words[::2])})"
                signature[ref] = said
            count(parameters, name + signature[ref])
        elif kind == DECL_TAG:
            (component,) = struct.unpack("=I", ctypes.string_at(at + 12, 4))
            _, target_off, _, _ = row(ref)
            count(tags, f"{text(name_off)} of {text(target_off)}" + (f", {component}" if component != WHOLE else ""))
    return {"types": types, "FUNC": funcs, "tags": tags, "parameters": parameters}


def write(lib, btf, path):
    """The raw data that libbpf has, written to a file."""
    size = ctypes.c_uint32()
    data = lib.btf__raw_data(btf, ctypes.byref(size))
    if not data:
        refused("btf__raw_data", ctypes.get_errno())
    with open(path, "wb") as file:
        file.write(ctypes.string_at(data, size.value))


def main(verb, *words):
    """Do what the arguments say."""
    lib = library()
    if verb == "version":
        print(lib.libbpf_version_string().decode())
        return
    path, *more = words
    if verb == "has":
        print("yes" if hasattr(lib, path) else "no")
        return
    if verb == "read":
        btf, below = opened(lib, path, *more)
        json.dump(content(lib, btf, lib.btf__type_cnt(below) if below else 1), sys.stdout)
        return
    out, *more = more
    btf, _ = opened(lib, path, *(more if verb == "dedup" else []))
    call, written = f"btf__{verb}", btf
    if verb == "base":
        call, written = "btf__add_typedef", lib.btf__new_empty_split(btf)
        code = lib.btf__add_typedef(written, b"btf_harness_over_it", 1) if written else -ctypes.get_errno()
        if code > 0:  # it has become the split file's first type, over the base as it is
            code, written = 0, btf
    elif verb == "endian":
        call, code = "btf__set_endianness", lib.btf__set_endianness(btf, ("little", "big").index(more[0]))
    elif verb == "permute":
        if not hasattr(lib, call):
            print(f"this libbpf has no {call}", file=sys.stderr)
            sys.exit(ABSENT)
        with open(more[0], "rb") as file:
            ids = file.read()
        code = lib.btf__permute(btf, ids, len(ids) // 4, None)
    else:
        code = lib.btf__dedup(btf, None)
    if code < 0:
        refused(call, code)
    write(lib, written, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
