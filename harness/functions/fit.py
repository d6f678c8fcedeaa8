"""Which symbol of its name is a DIE's function: the one whose range and the DIE's fit together.

A symbol need not be where DWARF says that the code begins. gcc puts the instructions of -fpatchable-function-entry
between a function's symbol and its DW_AT_low_pc (8 bytes on arm64 and riscv64, 4 on ppc64le, behind a landing pad if
there is one), and the first of several ranges may be a cold one (basic-block sections). So a symbol fits if the DIE's
entry is within its st_size, or else if it is in one of the DIE's other ranges. Where symbol and DIE differ, kallsyms
and ftrace know the symbol's address.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.functions import join_kernels as jk

NONE = -1


class Fits(NamedTuple):
    """The symbol of each DIE that has one.

    Attributes
    ----------
    symbol : int64 (dies,)
        Row of the symbols given, the best one: an exact name before one with a suffix, then the first in the file;
        NONE if none fits.
    address : uint64 (dies,)
        Its address; the DIE's entry if none fits.
    clone : bool (dies,)
        A symbol of its name at that address says .constprop or .isra.
    """

    symbol: np.ndarray
    address: np.ndarray
    clone: np.ndarray


class Names:
    """Symbols by name and address.

    Parameters
    ----------
    name : int64 (symbols,)
        Number of the name of each.
    address, size : uint64 (symbols,)
        Bytes; a symbol of size 0 counts as one byte.
    flags : uint8 (symbols,)
        SUFFIXED and CLONE of join_kernels.
    """

    def __init__(self, name, address, size, flags):
        suffixed, clone = (flags & jk.SUFFIXED) != 0, (flags & jk.CLONE) != 0
        self._addresses = np.unique(address)
        key = self._key(name, address)
        order = np.lexsort((suffixed, key))
        self._keys, first = np.unique(key[order], return_index=True)
        self._best = order[first]
        self._name, self._address = name[self._best], address[self._best]
        if len(order):
            self._nbytes = np.maximum(np.maximum.reduceat(size[order], first), np.uint64(1))
            self._clone = np.maximum.reduceat(clone[order], first)
        else:
            self._nbytes, self._clone = np.zeros(0, np.uint64), np.zeros(0, bool)
        self.group = np.empty(len(order), np.int64)
        """The place among all (name, address) of each symbol, int64 (symbols,)."""
        self.group[order] = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(order))))

    def _key(self, name, address):
        """(name, address) as one sortable number: addresses by how many symbols' addresses are not above."""
        return name.astype(np.int64) << 32 | np.searchsorted(self._addresses, address, side="right")

    def around(self, name, address):
        """The group of the last symbol of a name at or before an address that is within its size, or NONE."""
        at = np.searchsorted(self._keys, self._key(name, address), side="right") - 1
        return self._where(at, name, lambda g: address - self._address[g] < self._nbytes[g])

    def within(self, name, low, high):
        """The group of the first symbol of a name in the range [low, high), or NONE."""
        next_one = np.searchsorted(self._addresses, low, side="left") + 1
        at = np.searchsorted(self._keys, name.astype(np.int64) << 32 | next_one, side="left")
        return self._where(at, name, lambda g: (self._address[g] >= low) & (self._address[g] < high))

    def _where(self, at, name, fits):
        """`at` where it is a group of the name that fits, NONE elsewhere."""
        if not len(self._keys):
            return np.full(len(at), NONE)
        group = np.clip(at, 0, len(self._keys) - 1)
        return np.where((at == group) & (self._name[group] == name) & fits(group), group, NONE)

    def of(self, group, entry):
        """The Fits of DIEs with these groups and, where there is none, these entries."""
        if not len(self._keys):
            return Fits(np.full(len(group), NONE), entry, np.zeros(len(group), bool))
        found, g = group != NONE, np.maximum(group, 0)
        return Fits(np.where(found, self._best[g], NONE), np.where(found, self._address[g], entry),
                    found & self._clone[g])


def fit(names, name, entry, ranges=None):
    """The group of the symbol that fits each DIE, int64 (dies,), NONE where none does.

    Parameters
    ----------
    names : Names
    name : int64 (dies,)
    entry : uint64 (dies,)
        As DWARF gives it.
    ranges : callable, optional
        (rows of DIEs) -> (owner, low, high) of the ranges of those that have several, as
        harness.dwarf.ranges.code_ranges; `owner` indexes the rows. By default only the entry is looked at.
    """
    group = names.around(name, entry)
    if ranges is None:
        return group
    missing = np.flatnonzero(group == NONE)
    owner, low, high = ranges(missing)
    die = missing[owner]
    found = names.around(name[die], low)
    found = np.where(found == NONE, names.within(name[die], low, high), found)
    die, found = die[found != NONE], found[found != NONE]
    _, first = np.unique(die, return_index=True)
    group[die[first]] = found[first]
    return group
