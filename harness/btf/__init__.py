"""The BTF wire format: reader, writer, check, dump, C declarations and ledger. Kinds 1 to 19, either byte order.

====================================  ==============================================================================
``read(path)``                        BtfFile of a raw .btf file
``parse(data, path, section)``        BtfFile of bytes from anywhere, say an ELF section
``encode(types, strings, byteorder)`` bytes of a file with these types and the strings they name
``check(btf, strict)``                raise for the first fault in what the types say
``limits(types, strings)``            warnings about what only kernels or older readers refuse
``dump_raw(btf, out)``                text, byte for byte what ``bpftool btf dump file`` prints
``dump_json(btf, out)``               JSON with bpftool's keys
``declaration(btf, type_id)``         a type as a C declaration on one line, a FUNC as its prototype
``stat(btf)``                         Account: types and bytes by kind; every byte has one label
====================================  ==============================================================================

A FUNC with kind_flag 1 is followed by ``struct btf_func { __u64 addr; }``, as proposed in 2023: two words in the
table, (lo32, hi32), and a u64 in file byte order on the wire. Kernels refuse it, and so does ``check(strict=True)``.

Malformed input raises BtfFormatError with path, section and byte offset, and nothing else. `wire` is the home of the
format's constants and mirrors the C structs; what people query are the tables of `harness.model`.
"""

from harness.btf.account import Account, stat
from harness.btf.check import check, limits
from harness.btf.declare import declaration
from harness.btf.dump import dump_json, dump_raw
from harness.btf.reader import BtfFile, parse, read
from harness.btf.writer import encode

__all__ = [
    "Account",
    "BtfFile",
    "check",
    "declaration",
    "dump_json",
    "dump_raw",
    "encode",
    "limits",
    "parse",
    "read",
    "stat",
]
