"""Every column of the tables in a result folder, declared once: dtype, unit, meaning, and its form in a file."""

from __future__ import annotations

from typing import NamedTuple

from harness.functions.join import Match
from harness.model import ABSOLUTE, NOWHERE

HEX, BITS = "hex", "bits"


class Column(NamedTuple):
    """One column.

    Attributes
    ----------
    dtype : str
        A pandas dtype. Only "boolean" may have missing values; "category" is for a few distinct words.
    unit : str
        bytes, types, functions, percent ..., or empty for words.
    meaning : str
    text : {"", "hex", "bits"}
        How a CSV spells it: as it is, in hex, or as 1, 0 and nothing (unknown).
    digits : bool
        Pad hex to the width of an address of the machine.
    values : tuple of str
        The only words allowed; any if empty.
    least : int
        The least number allowed.
    """

    dtype: str
    unit: str
    meaning: str
    text: str = ""
    digits: bool = False
    values: tuple = ()
    least: int = 0


COLUMNS = {
    # functions.csv
    "name": Column("str", "", "name of a function, variable or type"),
    "address": Column("uint64", "", "entry address", HEX, digits=True),
    "symbol": Column("str", "", "matched ELF symbol, or empty"),
    "match": Column("category", "", "how the symbol was matched: exact, suffix, part, fallback ...",
                    values=tuple(m.name.lower() for m in Match)),
    "binding": Column("category", "", "binding of the symbol: local, global or weak; empty without a symbol",
                      values=("", "local", "global", "weak")),
    "section": Column("category", "", "name of the ELF section that the entry is in"),
    "shndx": Column("int64", "", f"index of the ELF section that the entry is in; {ABSOLUTE}: in none, {NOWHERE}: the "
                                 "function is nowhere", least=NOWHERE),
    "symbol_addresses": Column("int64", "addresses", "distinct addresses of symbols with exactly the matched name, as "
                                                     "kallsyms finds them"),
    "elf_addresses": Column("int64", "addresses", "distinct addresses of symbols with the base name, except .part "
                                                  "and .cold"),
    "ftrace": Column("boolean", "", "ftrace has a call site in it; empty if the kernel has no table of call sites",
                     BITS),
    "unit": Column("str", "", "source file of the compile unit"),
    "file": Column("str", "", "file of the definition, or empty"),
    "line": Column("int64", "", "line of the definition, 0 if unknown"),
    "inline": Column("bool", "", "it was declared inline", BITS),
    "die": Column("uint64", "bytes", "offset of its DIE in .debug_info", HEX),
    # selection.csv
    "signature": Column("uint32", "", "equal for equal FUNC_PROTOs, under any policy; counts from 1"),
    "faults": Column("category", "", "faults of the parameters, joined by '+'; unknown: the prototype of assembler"),
    "proto": Column("uint32", "", "type_id of its FUNC_PROTO in every file, 0 if it is not encoded"),
    "func": Column("uint32", "", "type_id of its FUNC in plain.btf, 0 if it is not encoded"),
    "tags": Column("str", "", "DECL_TAGs of its FUNC other than addresses: name, or name@component_idx, joined by '|'"),
    "reason": Column("category", "", "why a function instance is left out, or why two files differ"),
    # inlined.csv
    "dies": Column("int64", "functions", "DIEs that define the name; none has code or a matching symbol"),
    "units": Column("int64", "", "compile units with such a DIE"),
    "declared_inline": Column("bool", "", "one of them was declared inline", BITS),
    # forms.csv
    "rules": Column("str", "", "version of pahole whose selection rules were followed"),
    "quirks": Column("str", "", "pahole bugs that were reproduced"),
    "policy": Column("str", "", "which functions were kept: all, sound, consistent or current"),
    "instances": Column("int64", "functions", "function instances: DIEs with code and those found by fallback"),
    "names": Column("int64", "names", "distinct function names"),
    # measurements.csv
    "kernel": Column("str", "", "label of the kernel, from the manifest"),
    "encoding": Column("str", "", "name of an encoding, or 'shipped' for the kernel's own .BTF section"),
    "part": Column("str", "", "header, types, strings, layout or padding; file, their sum; or a compressor's name"),
    "kind": Column("str", "", "BTF kind when part is types, else empty"),
    "count": Column("int64", "types", "types of that kind; in part file, all types; else 0"),
    "bytes": Column("int64", "bytes", "size of the part"),
    # matrix.csv, survival.csv, usage.csv
    "opened": Column("str", "", "how the file was opened, where it is not one that is opened by itself as it was "
                                "written: a split file with base, without base, or its base alone; with or without a "
                                "layout section, which is the other way than the form is written"),
    "consumer": Column("str", "", "program, library or kernel that opened the file"),
    "version": Column("str", "", "its version, as it says itself; empty where it was not there"),
    "verdict": Column("str", "", "the result"),
    "message": Column("str", "", "what it said, what it told that is not in the file, or why it was not asked; one "
                                 "line"),
    "detail": Column("str", "", "what it told that was compared with the file, and how much of it; what else it said"),
    "differs": Column("str", "", "of what was accepted but is wrong: what was compared, missing or strange (told, and "
                                 "not in the file), and how many, joined by '; '; empty otherwise"),
    "treatment": Column("str", "", "what was done to the file before it was read back"),
    "addresses": Column("int64", "addresses", "distinct entry addresses"),
    "kept": Column("int64", "addresses", "those that a FUNC of the same name and parameters still has"),
    "merged": Column("int64", "addresses", "of those kept: whose FUNC now stands for several, and did not before"),
    "lost": Column("int64", "addresses", "those that no FUNC of the same name and parameters has any more; all, "
                                         "where what is left is unreadable"),
    "unattachable": Column("int64", "addresses", "of all functions: those that fentry could attach to by an id of "
                                                 "their own in the file as it was written, and no longer"),
    "question": Column("str", "", "what a reader asks: the ids of an address, or of a name"),
    "answers": Column("int64", "", "distinct keys that the file has an answer for"),
    "build_ms": Column("float64", "ms", "to read the file and build the index, the least of several"),
    "index_bytes": Column("int64", "bytes", "of the index"),
    "peak_bytes": Column("int64", "bytes", "most that the process took beyond what an idle one takes"),
    "lookup_ns": Column("float64", "ns", "of one look-up, the least of several rounds"),
}
"""Column of each name, in the order of the files."""

INSTANCE_COLUMNS = ("name", "address", "symbol", "match", "binding", "section", "shndx", "symbol_addresses",
                    "elf_addresses", "ftrace", "unit", "file", "line", "inline", "die")
"""Columns of functions.csv: what does not depend on a policy."""

PLACE = ("shndx", "address")
"""Columns that say where an instance is: in a relocatable file several sections have one address, and one name."""

SELECTION_COLUMNS = ("die", "signature", "faults", "proto", "func", "tags", "reason")
"""Columns of selection.csv: what one policy decides about each instance, in the order of functions.csv."""

ADDED_COLUMNS = ("name", "die", "proto", "func", "tags")
"""Columns of added.csv: the functions that the kernel's step adds, and the instance whose code each is."""

FUNCTION_COLUMNS = (*INSTANCE_COLUMNS, *SELECTION_COLUMNS[1:])
"""Both side by side: all that is known about an instance under a policy."""

INLINED_COLUMNS = ("name", "dies", "units", "declared_inline")
FORM_COLUMNS = ("rules", "quirks", "policy", "instances", "names")
MEASUREMENT_COLUMNS = ("kernel", "policy", "encoding", "part", "kind", "count", "bytes")
MATRIX_COLUMNS = ("policy", "encoding", "opened", "consumer", "version", "verdict", "message", "detail", "differs")
SURVIVAL_COLUMNS = ("policy", "encoding", "treatment", "version", "verdict", "addresses", "kept", "merged", "lost",
                    "unattachable", "message")
USAGE_COLUMNS = ("policy", "encoding", "question", "answers", "build_ms", "index_bytes", "peak_bytes", "lookup_ns")
