"""Joins DWARF function instances with ELF symbols.

A symbol's base name is the part before its first '.'. A DIE is matched if a function symbol has the DIE's name, as it
is or as its base name, and they fit together: see harness.functions.fit. The name alone is not enough: overridden weak
functions keep a plausible address in a gap. `.part` and `.cold` symbols are pieces of functions, which are encoded only
under the rules of pahole 1.25. A DIE whose code the linker left out is no instance.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from harness.dwarf import constants as dw
from harness.dwarf import walk_tables as wt
from harness.dwarf.ranges import code_ranges
from harness.elf.constants import SHF_EXECINSTR, STT_FUNC
from harness.functions import join_kernels as jk
from harness.functions.fit import NONE, Names, fit
from harness.model import ABSOLUTE, NOWHERE, Place, changes
from harness.model.strings import Strings, begins


class Match(IntEnum):
    """How a function instance is matched with an ELF symbol."""

    NONE = 0
    """No function symbol at its address, and none of its name: discarded at link time."""
    EXACT = 1
    """A symbol of exactly the DIE's name."""
    SUFFIX = 2
    """A symbol whose base name is the DIE's name: a clone such as .isra.0 or .constprop.0; a renamed one."""
    PART = 3
    """A .part or .cold symbol: a piece of the function; also the only symbol of a name with no DIE at its address."""
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
    MANGLED = 9
    """Code that DWARF describes in units of Rust or C++, which are not read."""


NO_SYMBOL = -1
"""Row of the symbol table of what has no symbol."""

ASSEMBLER = (dw.DW_LANG_Mips_Assembler, dw.DW_LANG_Assembly)

MAX_LEADS = 4
"""How many distances from symbols to entries are tried for symbols of other names: kernels have one."""

MANGLERS = (b"_R", b"_ZN", b"__rust_")
"""How the symbols of Rust and C++ begin: Rust's v0 names, those of the Itanium ABI (Rust's old ones, too), and Rust's
own run-time functions."""

MAX_NAMES_AT = 16
"""How many symbols of one address are looked at for a name with a prefix."""

RENAMED = (".llvm.", ".lto_priv.")
"""What a symbol's name has where LTO renamed a static function, which is no clone: clang's, gcc's."""

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
        Row of the symbol table, or NO_SYMBOL.
    n_addresses : int32 (instances,)
        Distinct addresses of function symbols (.part and .cold left aside) with this base name.
    symbol_addresses : int32 (instances,)
        Distinct addresses of function symbols with exactly the matched symbol's name: what kallsyms finds by name.
    suffixed : bool (instances,)
        The matched symbol's name has a suffix.
    moved : bool (instances,)
        DWARF's entry address is another than the symbol's; `address` is the symbol's.
    clone : bool (instances,)
        A .constprop or .isra symbol of its name is at its address; of a FALLBACK, and a nameless DIE, too: that of the
        clone, with LTO, which has its name from another unit.
    unnamed : bool (instances,)
        A parameter has no name, so BTF's FUNC cannot refer to the prototype.
    name_index : int64 (instances,)
        Index of the instance's name among all names of subprograms.
    name_start, name_dies : int64 (names + 1,), int64
        The DIEs of each name, with code or without (ragged): the states that must agree on the prototype.
    name_in_elf, piece_in_elf : bool (names,)
        Whether a function symbol has the name, with a suffix or without; whether a .part or .cold symbol has.
    elf_symbol, elf_class : int64, uint8 (function symbols,)
        Rows of the symbol table that are functions at an address, and the SymbolClass of each.
    discarded : int64 (discarded,)
        Rows in the walk's Functions of DIEs that have an address but no code: the linker left it out.
    symtab : bool
        Whether the file has a .symtab; its .dynsym does not name every function.
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
    name_in_elf: np.ndarray
    piece_in_elf: np.ndarray
    elf_symbol: np.ndarray
    elf_class: np.ndarray
    discarded: np.ndarray
    symtab: bool
    counts: dict


def join(walk, symbols, image, *, fallback=True):
    """The FunctionTable of a file.

    Parameters
    ----------
    walk : harness.dwarf.Walk
    symbols : harness.elf.SymbolTable
    image : harness.elf.ElfImage
        For the sections of addresses, and for functions of several ranges.
    fallback : bool
        Give a function none of whose DIEs has a matched address the address of its only symbol.

    Returns
    -------
    FunctionTable

    Raises
    ------
    DwarfError
        A list of ranges is malformed, as harness.dwarf.ranges says.

    Notes
    -----
    Entries and symbols are joined by address, which amounts to by place: each address that `image` and its symbols
    give lies in one section, also in a relocatable file, whose sections ElfImage lays out apart from each other.
    """
    f = walk.functions
    names, name_of_die = np.unique(f.name_off, return_inverse=True)
    unnamed = (f.flags & wt.FN_UNNAMED_PARAM) != 0
    functions = _function_symbols(symbols, walk.strings.blob, names)
    known = functions.take(functions.name >= 0)
    n_addresses = _addresses_of_names(functions, len(names))

    dies = np.flatnonzero(has_code(f) & (f.name_off != 0))
    found = _match(name_of_die[dies], f.entry[dies], lambda rows: _ranges(walk, image, dies[rows]), functions)
    dropped = _dropped(image, found)
    discarded, dies = dies[dropped], dies[~dropped]
    found = found._replace(**{column: getattr(found, column)[~dropped]
                              for column in ("match", "symbol", "clone", "entry")})
    moved = found.entry != f.entry[dies]
    good = ((found.match == Match.EXACT) | (found.match == Match.SUFFIX)) & ~unnamed[dies]
    lone = (n_addresses == 1) & (names != 0)
    lone[name_of_die[dies[good]]] = False
    lone |= _lone_pieces(known, n_addresses, name_of_die[dies[found.match == Match.PART]]) & (names != 0)
    more, more_symbols = _fallbacks(name_of_die, lone[name_of_die] & ~unnamed, known)
    of_piece = np.isin(more_symbols, functions.row[functions.piece])
    more_match = np.where(of_piece, Match.PART, Match.FALLBACK).astype(np.uint8)
    elf_class = _classes(functions, symbols, found, more_symbols)

    address, place = _places(image, np.concatenate([found.entry, symbols.value[more_symbols]]))
    symbol = np.concatenate([found.symbol, more_symbols])
    if not fallback:
        # such a function is described, but it is nowhere
        place.section[len(dies) :] = NOWHERE
        address[len(dies) :] = 0
        symbol[len(dies) :] = NO_SYMBOL
    die, no = np.concatenate([dies, more]), np.zeros(len(more), bool)
    name_index = name_of_die[die]
    same_name = np.zeros(len(symbols.name_off) + 1, np.int32)  # the last one is that of NO_SYMBOL
    same_name[functions.row] = functions.n_addresses
    by_name = np.argsort(name_of_die, kind="stable")
    return FunctionTable(
        die, f.name_off[die], address, place,
        np.concatenate([found.match, more_match]), symbol, n_addresses[name_index],
        same_name[symbol], np.isin(symbol, functions.row[functions.suffixed]), np.concatenate([moved, no]),
        np.concatenate([found.clone, _clones(f, functions, more_symbols)]), unnamed[die], name_index,
        np.searchsorted(name_of_die[by_name], np.arange(len(names) + 1)), by_name,
        _names_of(functions.take(~functions.piece), len(names)), _names_of(functions.take(functions.piece), len(names)),
        functions.row, elf_class,
        discarded, image.has_symtab,
        _counts(walk, symbols, functions, dies, discarded, found, len(more), elf_class))


class _Symbols(NamedTuple):
    """The function symbols of a file, or some of them.

    Attributes
    ----------
    row : int64 (n,)
        Row of the symbol table.
    address, size : uint64 (n,)
    name : int64 (n,)
        Index of the name among the names of DIEs, that of the base name if no DIE has the whole, -1 if none has either.
    base : int64 (n,)
        Index of the base name, -1 if no DIE has it.
    flags : uint8 (n,)
        SUFFIXED, NON_FUNCTION and CLONE of join_kernels.
    n_addresses : int32 (n,)
        Distinct addresses of function symbols with exactly this name.
    """

    row: np.ndarray
    address: np.ndarray
    size: np.ndarray
    name: np.ndarray
    base: np.ndarray
    flags: np.ndarray
    n_addresses: np.ndarray

    @property
    def suffixed(self):
        """Which have a suffix, bool (n,)."""
        return (self.flags & jk.SUFFIXED) != 0

    @property
    def piece(self):
        """Which are .part or .cold, bool (n,)."""
        return (self.flags & jk.NON_FUNCTION) != 0

    def take(self, rows):
        """The _Symbols of some rows."""
        return _Symbols(*(column[rows] for column in self))


def _function_symbols(symbols, blob, names):
    """The _Symbols of a file; `names` are the distinct names of DIEs, offsets into `blob`."""
    slots = np.zeros(1 << max(8, (2 * len(names)).bit_length()), np.uint32)
    jk.enter_names(blob, names, slots)
    row = np.flatnonzero(symbols.type == STT_FUNC)
    name, base = np.empty(len(row), np.int64), np.empty(len(row), np.int64)
    flags, whole_name = np.empty(len(row), np.uint8), np.empty(len(row), np.uint64)
    jk.match_symbols(blob, names, slots, symbols.strtab, symbols.name_off[row], name, base, flags, whole_name)
    address = symbols.value[row]
    return _Symbols(row, address, symbols.size[row], name, base, flags, _distinct_addresses(whole_name, address))


def _addresses_of_names(functions, n_names):
    """How many distinct addresses the symbols of each name have, .part and .cold left aside, int32 (n_names,).

    A symbol counts for its base name, and for its whole one where a DIE has that.
    """
    whole = functions.take(~functions.piece)
    own = whole.name != whole.base
    name = np.concatenate([whole.base, whole.name[own]])
    address = np.concatenate([whole.address, whole.address[own]])
    name, address = name[name >= 0], address[name >= 0]
    order = np.lexsort((address, name))
    new = changes(name[order], address[order])
    return np.bincount(name[order][new], minlength=n_names).astype(np.int32)


def _names_of(functions, n_names):
    """Which names some symbols have, whole or as their base name, bool (n_names,)."""
    out = np.zeros(n_names + 1, bool)  # the last one is that of a name that no DIE has
    out[functions.name] = out[functions.base] = True
    return out[:-1]


class _Matched(NamedTuple):
    """How DIEs with code are matched with symbols.

    Attributes
    ----------
    match : uint8 (dies,)
    symbol : int64 (dies,)
    clone : bool (dies,)
        As in FunctionTable.
    entry : uint64 (dies,)
        Entry address as the file's symbols give it.
    body : bool (function symbols,)
        Which symbols are at the entry of a DIE of their name.
    """

    match: np.ndarray
    symbol: np.ndarray
    clone: np.ndarray
    entry: np.ndarray
    body: np.ndarray


def _match(name, entry, ranges, functions):
    """The _Matched of DIEs.

    Parameters
    ----------
    name : int64 (dies,)
        Index of the name of each.
    entry : uint64 (dies,)
        Entry address as DWARF gives it.
    ranges : callable
        As harness.functions.fit.fit takes it.
    functions : _Symbols
    """
    match, symbol = np.full(len(name), Match.NONE, np.uint8), np.full(len(name), NO_SYMBOL, np.int64)
    clone, body, begin = np.zeros(len(name), bool), np.zeros(len(functions.row), bool), entry.copy()
    rest = np.arange(len(name))
    for piece in (False, True):  # a DIE that has a whole symbol in one of its ranges is no piece
        mine = np.flatnonzero((functions.name >= 0) & (functions.piece == piece))
        some = functions.take(mine)
        names = Names(some.name, some.address, some.size, some.flags)
        # the piece of an overridden function is not overridden, so that its range alone says nothing
        group = fit(names, name[rest], entry[rest], None if piece else ranges)
        fits = names.of(group, entry[rest])
        found = fits.symbol != NONE
        chosen, row = some.take(fits.symbol[found]), rest[found]
        match[row] = Match.PART if piece else np.where(chosen.suffixed, Match.SUFFIX, Match.EXACT)
        symbol[row], clone[row], begin[row] = chosen.row, fits.clone[found] & ~piece, fits.address[found]
        body[mine] = np.isin(names.group, group[found])
        rest = rest[~found]
    named = np.unique(functions.name[~functions.piece])
    match[rest[np.isin(name[rest], named)]] = Match.OVERRIDDEN
    for lead in _leads(entry, begin):
        before = entry[rest] - np.minimum(lead, entry[rest])
        here = np.isin(before, functions.address[(lead == 0) | (functions.size > lead)])
        match[rest[here]], begin[rest[here]] = Match.ALIAS, before[here]
        rest = rest[~here]
    return _Matched(match, symbol, clone, begin, body)


def _leads(entry, begin):
    """Bytes from a symbol to its DIE's entry that are common in a file: list of uint64, 0 first."""
    ahead = (entry - begin)[begin < entry]
    leads, counts = np.unique(ahead, return_counts=True)
    return [np.uint64(0), *leads[np.argsort(-counts, kind="stable")][:MAX_LEADS]]


def _lone_pieces(known, n_addresses, matched):
    """Names whose only symbol is a piece, which no DIE describes: bool (names,).

    Such as a body that the compiler has found equal to another one's, and so made a symbol at that.
    """
    pieces = known.take(known.piece)
    here = np.unique(np.column_stack([pieces.name.astype(np.uint64), pieces.address]), axis=0)[:, 0].astype(np.int64)
    lone = (np.bincount(here, minlength=len(n_addresses)) == 1) & (n_addresses == 0)
    lone[matched] = False
    return lone


def _fallbacks(name_of_die, usable, known):
    """The first usable DIE of each name and the name's only symbol: (rows of DIEs, ascending, rows of symbols).

    Parameters
    ----------
    name_of_die : int64 (funcs,)
    usable : bool (funcs,)
        Its name has exactly one address and no match, and its prototype can be described.
    known : _Symbols
    """
    _, first = np.unique(name_of_die[usable], return_index=True)
    dies = np.sort(np.flatnonzero(usable)[first])
    known = known.take(np.lexsort((~known.suffixed, ~known.piece)))  # exact names last, so that they win
    symbol = np.zeros(int(name_of_die.max(initial=-1)) + 1, np.int64)
    symbol[known.name] = known.row
    return dies, symbol[name_of_die[dies]]


def _clones(f, functions, symbols):
    """Which rows of the symbol table are clones that a nameless DIE describes, bool (n,)."""
    clones = functions.take((functions.flags & jk.CLONE) != 0)
    nameless = f.entry[has_code(f) & (f.name_off == 0)]
    return np.isin(symbols, clones.row[np.isin(clones.address, nameless)])


def _classes(functions, symbols, found, fallback_symbols):
    """The SymbolClass of each function symbol, uint8 (function symbols,)."""
    out = np.where(functions.name >= 0, SymbolClass.ELSEWHERE, SymbolClass.NO_DIE).astype(np.uint8)
    out[np.isin(functions.address, found.entry[found.match != Match.OVERRIDDEN])] = SymbolClass.ALIAS
    out[found.body] = SymbolClass.BODY
    out[functions.piece] = SymbolClass.PIECE
    out[np.isin(functions.row, fallback_symbols) & ~functions.piece] = SymbolClass.FALLBACK
    for prefix in MANGLERS:
        mangled = begins(symbols.strtab, symbols.name_off[functions.row], prefix)
        out[mangled & (out == SymbolClass.NO_DIE)] = SymbolClass.MANGLED
    for prefix, what in PREFIXES:
        out[begins(symbols.strtab, symbols.name_off[functions.row], prefix)] = what
    return out


def _ranges(walk, image, dies):
    """The ranges of those of some DIEs that have several, as code_ranges."""
    several = np.flatnonzero(walk.functions.ranges_off[dies] >= 0)
    owner, low, high = code_ranges(image, walk, dies[several])
    return several[owner], low, high


def _dropped(image, found):
    """Which DIEs have an entry that is no address of code, and no symbol there: the linker left their code out.

    Linkers write 0 or a small number where the code would be, which may be the address of data.
    """
    code = np.array([bool(s.flags & SHF_EXECINSTR) for s in image.sections] + [False])  # the last one is NOWHERE's
    lost = np.flatnonzero((found.match == Match.NONE) | (found.match == Match.OVERRIDDEN))
    dropped = np.zeros(len(found.match), bool)
    dropped[lost] = ~code[image.place(found.entry[lost])[0]]
    return dropped


def promoted(symbols, rows):
    """Which rows of a symbol table are static functions that LTO renamed, by their names: bool (n,)."""
    marks = [mark.encode() for mark in RENAMED]
    names = Strings(symbols.strtab).list(symbols.name_off[rows])
    return np.array([any(mark in name for mark in marks) for name in names], bool)


def prefixed(names, entry, symbols, rows):
    """Which DIEs have a symbol at their entry whose name is theirs with a prefix: bool (dies,).

    The kernel has such copies of files that are compiled once more for another place, __pi_ (before the kernel has
    moved itself) and __kvm_nvhe_ (the hypervisor, on arm64): objcopy --prefix-symbols renames symbols, not DIEs.

    Parameters
    ----------
    names : list of bytes
    entry : uint64 (dies,)
    symbols : harness.elf.SymbolTable
    rows : int64
        Of its functions.
    """
    rows = rows[np.argsort(symbols.value[rows], kind="stable")]
    address = symbols.value[rows]
    first, stop = np.searchsorted(address, entry), np.searchsorted(address, entry, side="right")
    strings = Strings(symbols.strtab)
    return np.array([any(s.endswith(name) and len(s) > len(name)
                         for s in strings.list(symbols.name_off[rows[a : min(b, a + MAX_NAMES_AT)]]))
                     for name, a, b in zip(names, first.tolist(), stop.tolist(), strict=True)], bool)


def _counts(walk, symbols, functions, dies, discarded, found, n_fallback, elf_class):
    """The funnel's figures on both sides, dict of str to int; `found` is that of `dies`, those with a name and code."""
    f, match = walk.functions, found.match
    alias = match == Match.ALIAS
    names = Strings(walk.strings.blob).list(f.name_off[dies[alias]])
    without_code = (f.name_off != 0) & ~has_code(f)
    abstract = without_code & ((f.flags & wt.FN_INLINE) != 0)
    return {
        **walk.counts,
        "dies_declared": walk.counts["subprogram_dies"] - len(f.name_off),
        "dies_without_name": int((f.name_off == 0).sum()),
        "dies_nameless_code": int(((f.name_off == 0) & has_code(f)).sum()),
        "dies_abstract": int(abstract.sum()),
        "dies_without_code": int((without_code & ~abstract).sum()),
        "dies_discarded": len(discarded),
        "dies_with_code": len(dies),
        **{f"dies_{m.name.lower()}": int((match == m).sum()) for m in Match if m != Match.FALLBACK},
        "dies_promoted": int(promoted(symbols, found.symbol[match == Match.SUFFIX]).sum()),
        "dies_prefixed": int(prefixed(names, found.entry[alias], symbols, functions.row).sum()),
        "dies_assembler": int(np.isin(walk.unit_language[f.unit[dies]], ASSEMBLER).sum()),
        "fallback": n_fallback,
        "elf_function_symbols": len(elf_class),
        **{f"elf_{c.name.lower()}": int((elf_class == c).sum()) for c in SymbolClass},
    }


def has_code(functions):
    """Which DIEs have an entry address, bool (funcs,)."""
    return (functions.flags & (wt.FN_LOW_PC | wt.FN_RANGES)) != 0


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
