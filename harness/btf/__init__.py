"""The BTF wire format: reader, writer, check, dump, C declarations and ledger. Kinds 1 to 19, either byte order.

====================================  ==============================================================================
``read(path)``                        BtfFile of a raw .btf file
``data_in(path)``                     bytes of such a file, or of the .BTF section of an ELF file
``sections_in(path)``                 the same with .BTF.base and .BTF.ext, where an ELF file has them
``parse(data, path, section)``        BtfFile of bytes from anywhere, say an ELF section
``encode(types, strings, byteorder)`` bytes of a file with these types and the strings they name
``lay_out(types, strings)``           Laid: the same, not yet bytes, for files that begin alike
``check(btf, strict)``                raise for the first error in what the types say
``limits(types, strings)``            warnings about what only kernels or older readers refuse
``dump_raw(btf, out)``                text, byte for byte what ``bpftool btf dump file`` prints
``dump_json(btf, out)``               JSON with bpftool's keys
``declaration(btf, type_id)``         a type as a C declaration on one line, a FUNC as its prototype
``same.compare(a, b)``                Same: whether two files are the same but for the order of types and strings
``stat(btf)``                         Account: types and bytes by kind; every byte has one label
``waste(btf, base)``                  Waste: strings that nothing names, strings and types that a file has twice
====================================  ==============================================================================

`read`, `parse` and `encode` take a `layout`, harness.model.STANDARD if none is given. Encodings may extend it with a
field that kind_flag adds to a kind's rows: one or two words in the table (lo32, hi32), a u32 or u64 in file byte order
on the wire. Kernels refuse it, and so does ``check(strict=True)``. Which extensions there are is known to
`harness.encodings`, whose `read` and `parse` find the one that a file is written in.

`read` and `parse` take a `base`, whose type_ids and string offsets a split file (a module's) continues; `encode` writes
such a file from tables that have a base.

A layout section, which says how long the types of each kind are (`kind_sizes`), is written if asked for and read where
there is one: `check` compares it with the types, nothing else depends on it.

Malformed input raises BtfFormatError with path, section and byte offset, and nothing else. `wire` is the home of the
format's constants and mirrors the C structs; what people query are the tables of `harness.model`.
"""

from harness.btf.account import Account, stat
from harness.btf.check import check, limits, not_identifiers, rows_are_sound
from harness.btf.declare import declaration
from harness.btf.dump import dump_json, dump_raw
from harness.btf.reader import BtfFile, data_in, parse, read, sections_in
from harness.btf.waste import Amount, Waste, waste
from harness.btf.writer import Laid, encode, lay_out

__all__ = [
    "Account",
    "Amount",
    "BtfFile",
    "Laid",
    "Waste",
    "check",
    "data_in",
    "declaration",
    "dump_json",
    "dump_raw",
    "encode",
    "lay_out",
    "limits",
    "not_identifiers",
    "parse",
    "read",
    "rows_are_sound",
    "sections_in",
    "stat",
    "waste",
]
