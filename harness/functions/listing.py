"""Function instances as policy-independent columns, and the names that have no instance.

Text is object arrays of str, in which equal values of a column with few distinct ones are one object; see
harness.results for what the columns mean and how files hold them.
"""

from __future__ import annotations

import numpy as np

from harness.dwarf import walk_tables as wt
from harness.functions.ftrace import has_site
from harness.functions.join import NO_SYMBOL, Match
from harness.model.grouping import changes
from harness.model.strings import Strings, objects

BINDINGS = {0: "local", 1: "global", 2: "weak"}


def describe(walk, table, symbols, image, sources, sites):
    """The policy-independent columns of function instances.

    Parameters
    ----------
    walk : harness.dwarf.Walk
    table : FunctionTable
    symbols : harness.elf.SymbolTable
    image : harness.elf.ElfImage
    sources : (list of str, int32 (instances,))
        As harness.dwarf.lines.source_files gives them.
    sites : uint64 or None
        As harness.functions.ftrace.ftrace_sites gives them.

    Returns
    -------
    dict of str to array (instances,)
        INSTANCE_COLUMNS of harness.results.columns; ftrace is bool, or None in every row where there is no table of
        call sites.
    """
    f, die = walk.functions, table.die
    strings = Strings(walk.strings.blob)
    n = len(die)
    symbol = binding = np.full(n, "", object)
    names = {s.index: s.name for s in image.sections}
    section = objects(names.get(x, "") for x in table.place.section.tolist())
    traced = np.full(n, None, object)
    if len(symbols.name_off):
        row, has = np.maximum(table.symbol, 0), table.symbol != NO_SYMBOL
        symbol = np.where(has, Strings(symbols.strtab).texts(symbols.name_off[row]), "")
        binding = np.where(has, objects(BINDINGS.get(b, "local") for b in symbols.bind[row].tolist()), "")
        if sites is not None:
            at = np.where(has, symbols.value[row], table.address)
            traced = has_site(sites, at, np.where(has, symbols.size[row], 0).astype(np.uint64)).astype(bool)
            traced &= table.place.known & (has | (not image.relocatable))
    match = objects(m.name.lower() for m in Match)
    return {
        "name": strings.texts(table.name_off), "address": table.address, "symbol": symbol,
        "match": match[table.match.astype(np.int64)], "binding": binding, "section": section,
        "shndx": table.place.section,
        "symbol_addresses": table.symbol_addresses, "elf_addresses": table.n_addresses, "ftrace": traced,
        "unit": strings.texts(walk.unit_name_off)[f.unit[die]], "file": objects(sources[0])[sources[1]],
        "line": f.line[die], "inline": (f.flags[die] & wt.FN_DECLARED_INLINE) != 0, "die": f.die_off[die],
    }


def in_whole_units(importers, name, unit):
    """DIEs by name and unit, those of a partial unit once for each that imports it: (names, units), ascending.

    Parameters
    ----------
    importers : (int64 (units + 1,), int64) or None
        As a Walk has them.
    name, unit : int64, int32 (dies,)
        Ascending.
    """
    if importers is None:
        return name, unit
    start, importer = importers
    counts = start[unit + 1] - start[unit]
    ends = np.cumsum(counts)
    name = np.repeat(name, counts)
    unit = importer[np.repeat(start[unit] - ends + counts, counts) + np.arange(len(name))]
    order = np.lexsort((unit, name))
    return name[order], unit[order]


def inlined(walk, table):
    """Names that have DIEs but no instance, which no encoding of functions can describe.

    Parameters
    ----------
    walk : harness.dwarf.Walk
    table : FunctionTable

    Returns
    -------
    dict of str to array (names,)
        INLINED_COLUMNS of harness.results.columns, sorted by name.
    """
    f = walk.functions
    n_names = len(table.name_start) - 1
    without = np.ones(n_names, bool)
    without[table.name_index] = False
    counts = np.diff(table.name_start)
    mine = np.repeat(without, counts)
    name = np.repeat(np.arange(n_names), counts)[mine]
    dies = table.name_dies[mine]
    declared = np.zeros(n_names, bool)
    declared[name[(f.flags[dies] & wt.FN_DECLARED_INLINE) != 0]] = True
    name_of_unit, unit = in_whole_units(walk.importers, name, f.unit[dies])  # ascending within a name, as DIEs are
    counts = np.bincount(name_of_unit, minlength=n_names)
    n_units = np.bincount(name_of_unit[changes(name_of_unit, unit)], minlength=n_names)
    offsets = np.zeros(n_names, np.uint32)
    offsets[name] = f.name_off[dies]
    rows = np.flatnonzero(without & (offsets != 0))
    names = Strings(walk.strings.blob).texts(offsets[rows])
    order = np.array(sorted(range(len(names)), key=names.tolist().__getitem__), np.int64)
    rows = rows[order]
    return {"name": names[order], "dies": counts[rows], "units": n_units[rows], "declared_inline": declared[rows]}
