"""Joins DWARF function instances with ELF symbols.

A symbol's base name is the part before its first '.'. A DIE is matched if a function symbol at exactly its entry
address (or LEAD bytes before it) has the DIE's name as its base name. The name alone is not enough: overridden weak
functions keep a plausible address in a gap. `.part` and `.cold` symbols are pieces of functions, which are encoded only
under the rules of pahole 1.25.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from harness.dwarf import constants as dw
from harness.dwarf import walk_tables as wt
from harness.elf.image import STT_FUNC
from harness.functions import join_kernels as jk
from harness.model import ABSOLUTE, NOWHERE, Place, changes


class Match(IntEnum):
    """How a function instance is matched with an ELF symbol."""

    NONE = 0
    """No function symbol at its address, and none of its name: discarded at link time."""
    EXACT = 1
    """A symbol of exactly the DIE's name."""
    SUFFIX = 2
    """A symbol whose base name is the DIE's name: a clone such as .isra.0 or .constprop.0."""
    PART = 3
    """A .part or .cold symbol: a piece of the function."""
    FALLBACK = 4
    """No DIE of that name has a matched address; it gets the address of the name's only symbol."""
    ALIAS = 5
    """Only symbols of other names are at its address."""
    OVERRIDDEN = 6
    """No function symbol at its address, but one of its name elsewhere: a weak definition overridden at link time."""


class SymbolClass(IntEnum):
    """How a function symbol of the ELF file relates to the DIEs."""

    BODY = 0
    """The entry of some DIE's code, under its name, with a suffix or without."""
    PIECE = 1
    """.part or .cold: a piece of a function."""
    ALIAS = 2
    """Another name at the entry of some DIE's code."""
    FALLBACK = 3
    """The only symbol of a name with no DIE at a matched address."""
    PADDING = 4
    """__pfx_: bytes before a function (x86)."""
    STATIC_CALL = 5
    """__SCT__: a static call's trampoline."""
    CFI = 6
    """__cfi_: the type hash before a function (clang)."""
    NO_DIE = 7
    """Code that DWARF does not describe: assembler without debug information, asm in C."""
    ELSEWHERE = 8
    """A DIE has this name, but its code is elsewhere, nowhere, or one of several of that name."""


ASSEMBLER = (dw.DW_LANG_Mips_Assembler, dw.DW_LANG_Assembly)

LEAD = {"EM_AARCH64": 8}
"""Bytes that may lie between a function's symbol and DW_AT_low_pc, by machine: gcc puts the instructions of
-fpatchable-function-entry (arch/arm64/Makefile, CONFIG_DYNAMIC_FTRACE_WITH_CALL_OPS) after the symbol and before the
code that DWARF describes. kallsyms and ftrace know the symbol's address."""

PREFIXES = ((b"__pfx_", SymbolClass.PADDING), (b"__SCT__", SymbolClass.STATIC_CALL), (b"__cfi_", SymbolClass.CFI))


class FunctionTable(NamedTuple):
    """Function instances, one row each: first the DIEs with code in DIE order, then those found by fallback.

    Attributes
    ----------
    die : int64 (instances,)
        Row in the walk's Functions.
    name_off : uint32 (instances,)
        Offset in the string blob.
    address : uint64 (instances,)
        Entry address as the file's symbols give it, bytes: of a relocatable file, the offset in its section; of a
        FALLBACK, the symbol's, or 0 if fallbacks get none.
    place : Place (instances,)
        The same with its section; nowhere for a FALLBACK that gets no address.
    match : uint8 (instances,)
        Match.
    symbol : int64 (instances,)
        Row of the symbol table, -1 if none.
    n_addresses : int32 (instances,)
        Distinct addresses of function symbols (.part and .cold left aside) with this base name.
    symbol_addresses : int32 (instances,)
        Distinct addresses of function symbols with exactly the matched symbol's name: what kallsyms finds by name.
    suffixed : bool (instances,)
        The matched symbol's name has a suffix.
    moved : bool (instances,)
        DWARF's entry address is LEAD bytes after the symbol's; `address` is the symbol's.
    clone : bool (instances,)
        A .constprop or .isra symbol of its name is at its address.
    unnamed : bool (instances,)
        A parameter has no name, so BTF's FUNC cannot refer to the prototype.
    name_index : int64 (instances,)
        Index of the instance's name among all names of subprograms.
    name_start, name_dies : int64 (names + 1,), int64
        The DIEs of each name, with code or without (ragged): the states that must agree on the prototype.
    elf_symbol, elf_class : int64, uint8 (function symbols,)
        Rows of the symbol table that are functions at an address, and the SymbolClass of each.
    counts : dict of str to int
        The funnel's figures on both sides.
    """

    die: np.ndarray
    name_off: np.ndarray
    address: np.ndarray
    place: Place
    match: np.ndarray
    symbol: np.ndarray
    n_addresses: np.ndarray
    symbol_addresses: np.ndarray
    suffixed: np.ndarray
    moved: np.ndarray
    clone: np.ndarray
    unnamed: np.ndarray
    name_index: np.ndarray
    name_start: np.ndarray
    name_dies: np.ndarray
    elf_symbol: np.ndarray
    elf_class: np.ndarray
    counts: dict


def join(walk, symbols, image, *, fallback=True):
    """The FunctionTable of a file.

    Parameters
    ----------
    walk : harness.dwarf.Walk
    symbols : harness.elf.SymbolTable
    image : harness.elf.ElfImage
        For the sections of addresses, and for the machine, on which LEAD depends.
    fallback : bool
        Give a function none of whose DIEs has a matched address the address of its only symbol.

    Returns
    -------
    FunctionTable

    Notes
    -----
    Entries and symbols are joined by address, which amounts to by place: each address that `image` and its symbols
    give lies in one section, also in a relocatable file, whose sections ElfImage lays out apart from each other.
    """
    f = walk.functions
    blob = walk.strings.blob
    has_code = (f.flags & (wt.FN_LOW_PC | wt.FN_RANGES)) != 0
    named = f.name_off != 0
    names, name_of_die = np.unique(f.name_off, return_inverse=True)
    slots = np.zeros(1 << max(8, (2 * len(names)).bit_length()), np.uint32)
    jk.enter_names(blob, names, slots)

    func_symbols = np.flatnonzero(symbols.type == STT_FUNC)
    sym_name = np.empty(len(func_symbols), np.int64)
    sym_flags = np.empty(len(func_symbols), np.uint8)
    whole_name = np.empty(len(func_symbols), np.uint64)
    jk.match_symbols(blob, names, slots, symbols.strtab, symbols.name_off[func_symbols], sym_name, sym_flags,
                     whole_name)
    same_name = _distinct_addresses(whole_name, symbols.value[func_symbols])
    known = sym_name >= 0
    known_rows = np.flatnonzero(known)
    every_flag = sym_flags
    sym, sym_name, sym_flags = func_symbols[known], sym_name[known], sym_flags[known]
    sym_addr = symbols.value[sym]
    part = (sym_flags & jk.NON_FUNCTION) != 0
    suffixed = (sym_flags & jk.SUFFIXED) != 0

    # (name, address) as one sortable number: addresses by rank
    dies = np.flatnonzero(has_code & named)
    entry = f.entry[dies]
    lead = np.uint64(LEAD.get(image.machine, 0))
    before = entry - np.minimum(lead, entry)
    ranks = np.unique(np.concatenate([sym_addr, entry, before]))
    sym_key = sym_name << 32 | np.searchsorted(ranks, sym_addr)
    die_key = name_of_die[dies].astype(np.int64) << 32 | np.searchsorted(ranks, entry)
    lead_key = name_of_die[dies].astype(np.int64) << 32 | np.searchsorted(ranks, before)
    moved = ~np.isin(die_key, sym_key) & np.isin(lead_key, sym_key)
    die_key = np.where(moved, lead_key, die_key)
    entry = np.where(moved, before, entry)

    # the best symbol of each key: exact before suffixed before .part, then file order
    order = np.lexsort((np.arange(len(sym)), part.astype(np.int8) * 2 + suffixed, sym_key))
    keys, first = np.unique(sym_key[order], return_index=True)
    best = order[first]
    at = np.minimum(np.searchsorted(keys, die_key), max(len(keys) - 1, 0))
    found = keys[at] == die_key if len(keys) else np.zeros(len(dies), bool)
    chosen = best[at] if len(keys) else np.zeros(len(dies), np.int64)
    match = np.full(len(dies), Match.NONE, np.uint8)
    match[found] = np.where(part[chosen[found]], Match.PART,
                            np.where(suffixed[chosen[found]], Match.SUFFIX, Match.EXACT))
    symbol = np.where(found, sym[chosen] if len(sym) else -1, -1)
    clone_keys = np.unique(sym_key[~part & ((sym_flags & jk.CLONE) != 0)])
    clone = np.isin(die_key, clone_keys)
    name_has_symbol = np.zeros(len(names), bool)
    name_has_symbol[sym_name[~part]] = True
    lost = match == Match.NONE
    match[lost & name_has_symbol[name_of_die[dies]]] = Match.OVERRIDDEN
    match[lost & np.isin(entry, symbols.value[func_symbols])] = Match.ALIAS

    # distinct addresses of each name
    whole = np.unique(sym_key[~part])
    n_addresses = np.bincount(whole >> 32, minlength=len(names)).astype(np.int32)

    # all DIEs by name
    by_name = np.argsort(name_of_die, kind="stable")
    name_start = np.searchsorted(name_of_die[by_name], np.arange(len(names) + 1))

    unnamed_die = (f.flags & wt.FN_UNNAMED_PARAM) != 0
    name_matched = np.zeros(len(names), bool)
    good = (match == Match.EXACT) | (match == Match.SUFFIX)
    name_matched[name_of_die[dies[good & ~unnamed_die[dies]]]] = True

    # fallback: the first DIE of a name that has a usable prototype and exactly one address, none of them matched
    lone = (n_addresses == 1) & ~name_matched & (names != 0)
    usable = lone[name_of_die] & ~unnamed_die
    fallback_names, first_die = np.unique(name_of_die[usable], return_index=True)
    fallback_dies = np.flatnonzero(usable)[first_die]
    whole_rows = np.flatnonzero(~part)
    sym_of_name = np.zeros(len(names), np.int64)
    # exact names last, so that they win
    prefer = whole_rows[np.argsort(~suffixed[whole_rows], kind="stable")]
    sym_of_name[sym_name[prefer]] = sym[prefer]
    fallback_symbols = sym_of_name[fallback_names]
    keep_order = np.argsort(fallback_dies, kind="stable")
    fallback_dies, fallback_symbols = fallback_dies[keep_order], fallback_symbols[keep_order]
    n_fallback = len(fallback_dies)
    address, place = _places(image, np.concatenate([entry, symbols.value[fallback_symbols]]))
    if not fallback:
        # such a function is described, but it is nowhere
        place.section[len(dies) :] = NOWHERE
        address[len(dies) :] = 0

    die = np.concatenate([dies, fallback_dies])
    name_index = name_of_die[die]
    counts = dict(walk.counts)
    elf_class = np.where(known, SymbolClass.ELSEWHERE, SymbolClass.NO_DIE).astype(np.uint8)
    elf_class[np.isin(symbols.value[func_symbols], entry[match != Match.OVERRIDDEN])] = SymbolClass.ALIAS
    elf_class[known_rows[np.isin(sym_key, die_key)]] = SymbolClass.BODY
    elf_class[(every_flag & jk.NON_FUNCTION) != 0] = SymbolClass.PIECE
    elf_class[np.isin(func_symbols, fallback_symbols)] = SymbolClass.FALLBACK
    for prefix, what in PREFIXES:
        elf_class[_begins(symbols.strtab, symbols.name_off[func_symbols], prefix)] = what
    inline = (f.flags & wt.FN_INLINE) != 0
    assembler = np.isin(walk.unit_language[f.unit[dies]], ASSEMBLER)
    counts.update(
        dies_declared=counts["subprogram_dies"] - len(f.name_off),
        dies_without_name=int((~named).sum()),
        dies_abstract=int((named & ~has_code & inline).sum()),
        dies_without_code=int((named & ~has_code & ~inline).sum()),
        dies_with_code=len(dies),
        **{f"dies_{m.name.lower()}": int((match == m).sum()) for m in Match if m != Match.FALLBACK},
        dies_assembler=int(assembler.sum()),
        fallback=n_fallback,
        elf_function_symbols=len(func_symbols),
        **{f"elf_{c.name.lower()}": int((elf_class == c).sum()) for c in SymbolClass},
    )
    symbol = np.concatenate([symbol, fallback_symbols if fallback else np.full(n_fallback, -1)])
    by_symbol = np.zeros(len(symbols.name_off) + 1, np.int32)  # the last one is that of no symbol, row -1
    by_symbol[func_symbols] = same_name
    return FunctionTable(
        die, f.name_off[die], address, place,
        np.concatenate([match, np.full(n_fallback, Match.FALLBACK, np.uint8)]), symbol, n_addresses[name_index],
        by_symbol[symbol], np.isin(symbol, func_symbols[(every_flag & jk.SUFFIXED) != 0]),
        np.concatenate([moved, np.zeros(n_fallback, bool)]), np.concatenate([clone, np.zeros(n_fallback, bool)]),
        unnamed_die[die], name_index, name_start, by_name, func_symbols, elf_class, counts)


def _places(image, addresses):
    """Addresses as the file's symbols give them, and their Place."""
    section, offset = image.place(addresses)
    place = Place(np.where(section == NOWHERE, ABSOLUTE, section).astype(np.int32), offset)
    return offset.copy() if image.relocatable else addresses, place


def _distinct_addresses(group, address):
    """How many distinct addresses the group of each row has, int32 (rows,)."""
    order = np.lexsort((address, group))
    group, address = group[order], address[order]
    number = np.cumsum(changes(group)) - 1
    out = np.empty(len(group), np.int32)
    out[order] = np.bincount(number[changes(group, address)], minlength=1)[number] if len(group) else 0
    return out


def _begins(strtab, names, prefix):
    """Which names begin with `prefix`, bool (names,)."""
    hit = np.ones(len(names), bool)
    at = names.astype(np.int64)
    for k, byte in enumerate(prefix):
        hit &= strtab[np.minimum(at + k, len(strtab) - 1)] == byte
    return hit
