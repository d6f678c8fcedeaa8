"""The names behind each count in the funnel, on request.

Steps are keys of the counts that `join` makes: dies_* on the side of DWARF, elf_* on that of the ELF file. A step lists
as many rows as it counts.
"""

from __future__ import annotations

import numpy as np

from harness.dwarf import walk_tables as wt
from harness.errors import UsageError
from harness.functions.join import ASSEMBLER, Match, SymbolClass, has_code, prefixed, promoted
from harness.functions.listing import BINDINGS
from harness.model.strings import Strings

DIE_COLUMNS = ("name", "die", "unit", "external", "inline")
SYMBOL_COLUMNS = ("symbol", "address", "size", "binding", "section")

MATCHES = {f"dies_{m.name.lower()}": m for m in Match if m != Match.FALLBACK}
CLASSES = {f"elf_{c.name.lower()}": c for c in SymbolClass}
STEPS = ("dies_declared", "dies_without_name", "dies_nameless_code", "dies_abstract", "dies_without_code",
         "dies_discarded", "dies_with_code", "dies_assembler", "dies_promoted", "dies_prefixed", *MATCHES, "fallback",
         *CLASSES)


def check_step(step):
    """Raise UsageError unless it is one of STEPS."""
    if step not in STEPS:
        raise UsageError.choice("step", STEPS, step)


def rows_of_step(step, walk, table, symbols, image):
    """What a step counts: (DIE_COLUMNS or SYMBOL_COLUMNS, list of tuples of them).

    Parameters
    ----------
    step : str
        One of STEPS.
    walk : harness.dwarf.Walk
        With declarations for `dies_declared`.
    table : FunctionTable or None
        Joined from a walk without declarations; not needed for `dies_declared`.
    symbols : harness.elf.SymbolTable
    image : harness.elf.ElfImage

    Raises
    ------
    UsageError
        No such step.
    """
    check_step(step)
    if step in CLASSES:
        rows = table.elf_symbol[table.elf_class == CLASSES[step]]
        sections = {s.index: s.name for s in image.sections}
        value = symbols.value[rows]
        if image.relocatable:
            value = image.place(value)[1]
        names = [n.decode("utf-8", "surrogateescape") for n in Strings(symbols.strtab).list(symbols.name_off[rows])]
        return SYMBOL_COLUMNS, [
            (name, f"{address:#x}", size, BINDINGS.get(bind, "local"), sections.get(section, ""))
            for name, address, size, bind, section in zip(
                names, value.tolist(), symbols.size[rows].tolist(), symbols.bind[rows].tolist(),
                symbols.shndx[rows].tolist(), strict=True)]
    f = walk.functions
    code = has_code(f)
    named, abstract = f.name_off != 0, (f.flags & wt.FN_INLINE) != 0
    declared = (f.flags & wt.FN_DECLARATION) != 0
    if step in MATCHES:
        dies = table.die[(table.match == MATCHES[step]) & code[table.die]]
    elif step == "fallback":
        dies = table.die[(table.match == Match.FALLBACK) | (table.match == Match.PART) & ~code[table.die]]
    elif step == "dies_promoted":
        mine = np.flatnonzero(table.match == Match.SUFFIX)
        dies = table.die[mine[promoted(symbols, table.symbol[mine])]]
    elif step == "dies_prefixed":
        mine = np.flatnonzero(table.match == Match.ALIAS)
        names = Strings(walk.strings.blob).list(f.name_off[table.die[mine]])
        section, offset = table.place.section[mine], table.place.offset[mine]
        base = np.array([s.addr for s in image.sections], np.uint64)
        entry = offset + np.where(section >= 0, base[np.maximum(section, 0)], np.uint64(0))
        dies = table.die[mine[prefixed(names, entry, symbols, table.elf_symbol)]]
    elif step == "dies_discarded":
        dies = table.discarded
    else:
        kept = np.ones(len(f.name_off), bool)
        if table is not None:
            kept[table.discarded] = False
        dies = np.flatnonzero({
            "dies_declared": declared,
            "dies_without_name": ~named & ~declared,
            "dies_nameless_code": ~named & ~declared & code,
            "dies_abstract": named & ~code & abstract & ~declared,
            "dies_without_code": named & ~code & ~abstract & ~declared,
            "dies_with_code": named & code & ~declared & kept,
            "dies_assembler": named & code & ~declared & kept & np.isin(walk.unit_language[f.unit], ASSEMBLER),
        }[step])
    strings = Strings(walk.strings.blob)
    units = [u.decode("utf-8", "surrogateescape") for u in strings.list(walk.unit_name_off)]
    names = [n.decode("utf-8", "surrogateescape") for n in strings.list(f.name_off[dies])]
    return DIE_COLUMNS, [
        (name, f"{off:#x}", units[unit], bool(flags & wt.FN_EXTERNAL), bool(flags & wt.FN_DECLARED_INLINE))
        for name, off, unit, flags in zip(names, f.die_off[dies].tolist(), f.unit[dies].tolist(),
                                          f.flags[dies].tolist(), strict=True)]
