"""functions.csv: one row per function instance, the table that every later stage reads.

Columns, in order; numbers are decimal unless said otherwise:

name, address    DW_AT_name; entry address, hex
symbol, match    the matched ELF symbol, or empty; how (Match, lower case)
binding, section of that symbol: local, global or weak; name of the ELF section
symbol_addresses distinct addresses of function symbols of exactly that symbol's name: what kallsyms finds by name
elf_addresses    distinct addresses of function symbols of this base name (.part and .cold left aside)
ftrace           1 if ftrace has a call site in it, 0 if not, empty if the file has no table of them
unit             source file of its compile unit
file, line       DW_AT_decl_file and DW_AT_decl_line: where it is defined, a header for a static inline; empty and 0
                 if unknown
inline           1 if it was declared inline
die              offset of its DIE in .debug_info, hex
signature        equal for instances with equal FUNC_PROTOs, whatever the policy; counts from 1
faults           what the register rules see: unexpected, optimized, reordered, uncertain (several: joined by '+')
proto, func      type_ids in every file and in plain.btf, 0 if it is not encoded
reason           why it is not, or empty
"""

from __future__ import annotations

import re

import numpy as np

from harness.dwarf import walk_tables as wt
from harness.functions.ftrace import has_site
from harness.functions.join import Match
from harness.functions.policies import REASON_TEXT, Reason
from harness.functions.registers import FAULT_WORDS, Fault

FUNCTION_COLUMNS = ("name", "address", "symbol", "match", "binding", "section", "symbol_addresses", "elf_addresses",
                    "ftrace", "unit", "file", "line", "inline", "die", "signature", "faults", "proto", "func", "reason")

NUMBER_COLUMNS = ("symbol_addresses", "elf_addresses", "line", "inline", "signature", "proto", "func")
"""Columns that are numbers in every row."""

BINDINGS = {0: "local", 1: "global", 2: "weak"}

FAULT_TEXT = ["+".join(word for fault, word in FAULT_WORDS.items() if flags & fault)
              for flags in range(2 * max(Fault))]

UNSAFE = re.compile(r'[,"\r\n]').search


class Strings:
    """Strings of a blob as Python bytes, many at a time."""

    def __init__(self, blob):
        self._text = blob.tobytes()

    def list(self, offsets):
        """The strings at `offsets`, list of bytes."""
        text = self._text
        return [text[o : text.index(b"\0", o)] for o in offsets.tolist()]

    def array(self, offsets):
        """The same as a numpy array of bytes."""
        return np.array(self.list(offsets) or [b""], dtype=bytes)[: len(offsets)]

    def fields(self, offsets):
        """The strings as CSV fields (RFC 4180)."""
        return fields(s.decode("utf-8", "surrogateescape") for s in self.list(offsets))

    def rank(self, offsets):
        """Rank of each string among them, by content."""
        distinct, inverse = np.unique(offsets, return_inverse=True)
        rank = np.empty(len(distinct), np.int64)
        rank[np.argsort(self.array(distinct), kind="stable")] = np.arange(len(distinct))
        return rank[inverse]


def fields(texts):
    """Texts as CSV fields (RFC 4180), list of str."""
    return ['"' + s.replace('"', '""') + '"' if UNSAFE(s) else s for s in texts]


def describe(walk, table, symbols, image, sources, sites):
    """The columns that no policy changes, `name` to `die`: one str per instance, joined by commas.

    Parameters
    ----------
    walk : harness.dwarf.Walk
    table : FunctionTable
    symbols : harness.elf.SymbolTable
    image : harness.elf.ElfImage
    sources : (list of str, int32 (instances,))
        As harness.dwarf.lines.source_files gives them.
    sites : uint64 or None
        As harness.functions.ftrace_sites gives them.
    """
    f, die = walk.functions, table.die
    strings = Strings(walk.strings.blob)
    n = len(die)
    symbol = binding = section = [""] * n
    if len(symbols.name):
        row = np.maximum(table.symbol, 0)
        none = np.flatnonzero(table.symbol < 0).tolist()
        names = {s.index: field for s, field in zip(image.sections, fields(s.name for s in image.sections),
                                                    strict=True)}
        symbol = Strings(symbols.strtab).fields(symbols.name[row])
        binding = [BINDINGS.get(b, "local") for b in symbols.bind[row].tolist()]
        section = [names.get(x, "") for x in symbols.shndx[row].tolist()]
        for i in none:
            symbol[i] = binding[i] = section[i] = ""
    traced = [""] * n
    if sites is not None and len(symbols.name):
        size = np.where(table.symbol >= 0, symbols.size[np.maximum(table.symbol, 0)], 0).astype(np.uint64)
        traced = ["01"[x] for x in has_site(sites, table.address, size).astype(int).tolist()]
    units = strings.fields(walk.unit_name)
    paths = fields(sources[0])
    match = [m.name.lower() for m in Match]
    inline = ((f.flags[die] & wt.FN_DECLARED_INLINE) != 0).astype(int).tolist()
    row = f"%s,0x%0{image.bits // 4}x,%s,%s,%s,%s,%d,%d,%s,%s,%s,%d,%d,0x%x".__mod__
    return list(map(row, zip(
        strings.fields(table.name), table.address.tolist(), symbol, map(match.__getitem__, table.match.tolist()),
        binding, section, table.symbol_addresses.tolist(), table.n_addresses.tolist(), traced,
        [units[u] for u in f.unit[die].tolist()], map(paths.__getitem__, sources[1].tolist()), f.line[die].tolist(),
        inline, f.off[die].tolist(), strict=True)))


INLINED_COLUMNS = ("name", "dies", "units", "declared_inline")


def inlined_csv(walk, table):
    """inlined.csv as bytes: names that have DIEs and no instance, so that no encoding of functions can say them.

    name; dies (definitions, none of them with code or matched by a symbol); units (that have one); declared_inline (1
    if one of them was declared inline).
    """
    f = walk.functions
    n_names = len(table.name_start) - 1
    without = np.ones(n_names, bool)
    without[table.name_index] = False
    counts = np.diff(table.name_start)
    mine = np.repeat(without, counts)
    name = np.repeat(np.arange(n_names), counts)[mine]
    dies = table.name_dies[mine]
    unit = f.unit[dies]  # ascending within a name, as DIEs are
    new = np.ones(len(dies), bool)
    new[1:] = (name[1:] != name[:-1]) | (unit[1:] != unit[:-1])
    n_units = np.bincount(name[new], minlength=n_names)
    declared = np.zeros(n_names, bool)
    declared[name[(f.flags[dies] & wt.FN_DECLARED_INLINE) != 0]] = True
    offsets = np.zeros(n_names, np.uint32)
    offsets[name] = f.name[dies]
    rows = np.flatnonzero(without & (offsets != 0))
    names = Strings(walk.strings.blob).fields(offsets[rows])
    lines = map("%s,%d,%d,%d".__mod__, zip(names, counts[rows].tolist(), n_units[rows].tolist(),
                                           declared[rows].astype(int).tolist(), strict=True))
    return "\n".join([",".join(INLINED_COLUMNS), *sorted(lines), ""]).encode("utf-8", "surrogateescape")


def functions_csv(described, table, faults, signature, proto, func, selection):
    """functions.csv as bytes.

    Parameters
    ----------
    described : list of str
        As from `describe`.
    table : FunctionTable
    faults : Faults
    signature : int64 (instances,)
    proto, func : uint32 (instances,)
    selection : Selection
    """
    reasons = [REASON_TEXT[r] for r in Reason]
    lines = map("%s,%d,%s,%d,%d,%s".__mod__, zip(
        described, signature.tolist(), map(FAULT_TEXT.__getitem__, faults.flags[table.die].tolist()), proto.tolist(),
        func.tolist(), map(reasons.__getitem__, selection.reason.tolist()), strict=True))
    return "\n".join([",".join(FUNCTION_COLUMNS), *lines, ""]).encode("utf-8", "surrogateescape")
