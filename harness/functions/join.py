"""Joins DWARF function instances with ELF symbols.

A symbol's base name is the part before its first '.'. A DIE is matched if a function symbol at its very entry address
has the DIE's name for a base name: overridden weak functions keep a plausible address in a gap, so names alone never
do. `.part` and `.cold` symbols are pieces of functions and match nothing that could be encoded.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from harness.dwarf import walk_tables as wt
from harness.elf.image import STT_FUNC
from harness.functions import join_kernels as jk


class Match(IntEnum):
    """How a function instance is matched with an ELF symbol."""

    NONE = 0
    """No function symbol of that name at its address: overridden or discarded at link time."""
    EXACT = 1
    """A symbol of exactly the DIE's name."""
    SUFFIX = 2
    """A symbol whose base name it is: a clone such as .isra.0 or .constprop.0."""
    PART = 3
    """A .part or .cold symbol: a piece of the function."""
    FALLBACK = 4
    """No DIE of that name has a matched address; it takes the address of the name's only symbol."""


class FunctionTable(NamedTuple):
    """Function instances, one row each: first the DIEs with code in DIE order, then those that took the fallback.

    Attributes
    ----------
    die : int64 (instances,)
        Row in the walk's Functions.
    name : uint32 (instances,)
        Offset in the string blob.
    address : uint64 (instances,)
        Entry address, bytes; of a FALLBACK, the symbol's.
    match : uint8 (instances,)
        Match.
    symbol : int64 (instances,)
        Row of the symbol table, -1 if none.
    n_addresses : int32 (instances,)
        Distinct addresses of function symbols (.part and .cold left aside) with this base name.
    unnamed : bool (instances,)
        A parameter has no name, so BTF's FUNC cannot refer to the prototype.
    name_index : int64 (instances,)
        Index of the instance's name among all names of subprograms.
    name_start, name_dies : int64 (names + 1,), int64
        The DIEs of each name, with code or without (ragged): the states that must agree on the prototype.
    counts : dict of str to int
        The funnel's figures on both sides.
    """

    die: np.ndarray
    name: np.ndarray
    address: np.ndarray
    match: np.ndarray
    symbol: np.ndarray
    n_addresses: np.ndarray
    unnamed: np.ndarray
    name_index: np.ndarray
    name_start: np.ndarray
    name_dies: np.ndarray
    counts: dict


def join(walk, symbols, *, fallback=True):
    """The FunctionTable of a file.

    Parameters
    ----------
    walk : harness.dwarf.Walk
    symbols : harness.elf.SymbolTable
    fallback : bool
        Give a function none of whose DIEs has a matched address the address of its only symbol.
    """
    f = walk.functions
    blob = walk.strings.blob
    has_code = (f.flags & (wt.FN_LOW_PC | wt.FN_RANGES)) != 0
    named = f.name != 0
    names, name_of_die = np.unique(f.name, return_inverse=True)
    slots = np.zeros(1 << max(8, (2 * len(names)).bit_length()), np.uint32)
    jk.enter_names(blob, names, slots)

    func_symbols = np.flatnonzero((symbols.type == STT_FUNC) & (symbols.value != 0))
    sym_name = np.empty(len(func_symbols), np.int64)
    sym_flags = np.empty(len(func_symbols), np.uint8)
    jk.match_symbols(blob, names, slots, symbols.strtab, symbols.name[func_symbols], sym_name, sym_flags)
    known = sym_name >= 0
    sym, sym_name, sym_flags = func_symbols[known], sym_name[known], sym_flags[known]
    sym_addr = symbols.value[sym]
    part = (sym_flags & jk.NON_FUNCTION) != 0
    suffixed = (sym_flags & jk.SUFFIXED) != 0

    # (name, address) as one sortable number: addresses by rank
    dies = np.flatnonzero(has_code & named)
    ranks = np.unique(np.concatenate([sym_addr, f.entry[dies]]))
    sym_key = sym_name << 32 | np.searchsorted(ranks, sym_addr)
    die_key = name_of_die[dies].astype(np.int64) << 32 | np.searchsorted(ranks, f.entry[dies])

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
    if not fallback:
        # without it such a function is described but has no address; address 0 stands for none
        fallback_address = np.zeros(n_fallback, np.uint64)
    else:
        fallback_address = symbols.value[fallback_symbols]

    die = np.concatenate([dies, fallback_dies])
    name_index = name_of_die[die]
    counts = dict(walk.counts)
    text = symbols.name[func_symbols]
    prefix = _prefix_counts(symbols.strtab, text)
    counts.update(
        dies_without_name=int((~named).sum()),
        dies_declared=counts["subprogram_dies"] - len(f.name),
        dies_without_code=int((named & ~has_code).sum()),
        dies_with_code=len(dies),
        matched_exact=int((match == Match.EXACT).sum()),
        matched_suffix=int((match == Match.SUFFIX).sum()),
        matched_part=int((match == Match.PART).sum()),
        unmatched=int((match == Match.NONE).sum()),
        fallback=n_fallback,
        elf_function_symbols=len(func_symbols),
        elf_symbols_without_die=int((~known).sum()),
        **prefix,
    )
    return FunctionTable(
        die, f.name[die], np.concatenate([f.entry[dies], fallback_address]),
        np.concatenate([match, np.full(n_fallback, Match.FALLBACK, np.uint8)]),
        np.concatenate([symbol, fallback_symbols]), n_addresses[name_index], unnamed_die[die], name_index, name_start,
        by_name, counts)


def _prefix_counts(strtab, names):
    """How many function symbols are compiler or linker padding rather than functions (x86: __pfx_, __SCT__)."""
    out = {}
    for label, prefix in (("elf_symbols_pfx", b"__pfx_"), ("elf_symbols_sct", b"__SCT__")):
        hit = np.ones(len(names), bool)
        at = names.astype(np.int64)
        for k, byte in enumerate(prefix):
            hit &= strtab[np.minimum(at + k, len(strtab) - 1)] == byte
        out[label] = int(hit.sum())
    return out
