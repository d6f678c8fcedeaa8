"""Every column of the tables in a result folder: dtype, unit, meaning, and how a file has it, declared once."""

from __future__ import annotations

from typing import NamedTuple

from harness.functions.join import Match

HEX, BITS = "hex", "bits"


class Column(NamedTuple):
    """One column.

    Attributes
    ----------
    dtype : str
        Of pandas. "boolean" may lack values, the others have one in every row; "category" is words of which there are
        few.
    unit : str
        bytes, types, functions, percent ..., or empty for words.
    meaning : str
    text : {"", "hex", "bits"}
        How a CSV has it, if not as itself: a number in hex; 1 and 0, and nothing where it is not known.
    digits : bool
        Hex is as wide as an address of the machine.
    values : tuple of str
        The only words there are; any when empty.
    """

    dtype: str
    unit: str
    meaning: str
    text: str = ""
    digits: bool = False
    values: tuple = ()


COLUMNS = {
    # functions.csv
    "name": Column("str", "", "name of a function, variable or type"),
    "address": Column("uint64", "", "entry address", HEX, digits=True),
    "symbol": Column("str", "", "matched ELF symbol, or empty"),
    "match": Column("category", "", "how the symbol was matched: exact, suffix, part, fallback ...",
                    values=tuple(m.name.lower() for m in Match)),
    "binding": Column("category", "", "binding of the symbol: local, global or weak; empty without one",
                      values=("", "local", "global", "weak")),
    "section": Column("category", "", "ELF section of the function's symbol"),
    "symbol_addresses": Column("int64", "addresses", "distinct addresses of symbols of exactly the matched name: what "
                                                     "kallsyms finds by name"),
    "elf_addresses": Column("int64", "addresses", "distinct addresses of symbols of the base name, .part and .cold "
                                                  "left aside"),
    "ftrace": Column("boolean", "", "ftrace has a call site in it; not known where the kernel has no table of them",
                     BITS),
    "unit": Column("str", "", "source file of the compile unit"),
    "file": Column("str", "", "file of the definition, or empty; of a treemap, the encoding"),
    "line": Column("int64", "", "line of the definition, 0 if unknown"),
    "inline": Column("bool", "", "it was declared inline", BITS),
    "die": Column("uint64", "bytes", "offset of its DIE in .debug_info", HEX),
    # selection.csv
    "signature": Column("uint32", "", "equal for instances with equal FUNC_PROTOs, whatever the policy; counts from 1"),
    "faults": Column("category", "", "what the register rules see, joined by '+'"),
    "proto": Column("uint32", "", "type_id of its FUNC_PROTO in every file, 0 if it is not encoded"),
    "func": Column("uint32", "", "type_id of its FUNC in plain.btf, 0 if it is not encoded"),
    "reason": Column("category", "", "why a function instance is not encoded, or why two files differ"),
    # inlined.csv
    "dies": Column("int64", "functions", "DIEs that define the name, none of them with code or matched by a symbol"),
    "units": Column("int64", "", "compile units that have one of them"),
    "declared_inline": Column("bool", "", "one of them was declared inline", BITS),
    # forms.csv
    "rules": Column("str", "", "version of pahole whose selection rules were followed"),
    "quirks": Column("str", "", "pahole bugs that were reproduced"),
    "policy": Column("str", "", "which functions were kept: all, consistent or current"),
    "instances": Column("int64", "functions", "function instances: DIEs with code and those found by fallback"),
    "names": Column("int64", "names", "distinct function names"),
    # measurements.csv
    "kernel": Column("str", "", "label of the kernel, from the manifest"),
    "encoding": Column("str", "", "name in the registry of encodings, or 'shipped' for the kernel's own .BTF section"),
    "part": Column("str", "", "header, types, strings, layout, padding; file is their sum; else a compressor's name"),
    "kind": Column("str", "", "BTF kind when part is types, else empty"),
    "count": Column("int64", "types", "types of that kind, in part file all of them, else 0"),
    "bytes": Column("int64", "bytes", "size of the part"),
}
"""Column of each name, in the order of the files."""

INSTANCE_COLUMNS = ("name", "address", "symbol", "match", "binding", "section", "symbol_addresses", "elf_addresses",
                    "ftrace", "unit", "file", "line", "inline", "die")
"""Columns of functions.csv: what no policy changes."""

SELECTION_COLUMNS = ("die", "signature", "faults", "proto", "func", "reason")
"""Columns of selection.csv: what one policy makes of the instances, in their order."""

FUNCTION_COLUMNS = (*INSTANCE_COLUMNS, *SELECTION_COLUMNS[1:])
"""Both beside each other: what is known of an instance under a policy."""

INLINED_COLUMNS = ("name", "dies", "units", "declared_inline")
FORM_COLUMNS = ("rules", "quirks", "policy", "instances", "names")
MEASUREMENT_COLUMNS = ("kernel", "policy", "encoding", "part", "kind", "count", "bytes")
