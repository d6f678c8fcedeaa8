"""The (FUNC, address) pairs that a policy keeps, and the FUNC rows that encodings make from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.encodings.image import Image
from harness.model import NOWHERE, Kind, TypeTable, changes, concatenate, decl_tags, info_word
from harness.model import words as wd
from harness.model.layout import HEAD_WORDS


class Pairs(NamedTuple):
    """Sorted by name and then address; every column (pairs,).

    Attributes
    ----------
    name_off : uint32
        Offset in the string blob.
    proto_id : uint32
        type_id of the FUNC_PROTO.
    address : uint64
        Entry address as the file's symbols give it, bytes.
    section : int32
        ELF section of the place; NOWHERE if the function has no place, then only its FUNC is written.
    tags : list of (int, int, int)
        btf_decl_tag annotations: pair, name_off, component_idx.
    image : Image
    file, unit : object (pairs,)
        Paths of the definition and of the compile unit, str, as harness.results.columns has them.
    symbols : int32 (pairs,)
        How many addresses kallsyms has for the pair's name, 0 if the symbol at its place has another name (f.isra.0).
    """

    name_off: np.ndarray
    proto_id: np.ndarray
    address: np.ndarray
    section: np.ndarray
    tags: list
    image: Image
    file: np.ndarray
    unit: np.ndarray
    symbols: np.ndarray

    @property
    def known(self):
        """Which pairs have a place, bool (pairs,)."""
        return self.section != NOWHERE

    @property
    def ambiguous(self):
        """Which pairs have a name that others have at another place, bool (pairs,); nowhere is a place."""
        new = changes(self.name_off)
        name = np.cumsum(new) - 1
        first = np.flatnonzero(new)[name]
        elsewhere = (self.address != self.address[first]) | (self.section != self.section[first])
        return np.bincount(name, elsewhere, minlength=int(new.sum()))[name] > 0

    @property
    def by_name(self):
        """Which pairs kallsyms leads to by the name, and to nothing else, bool (pairs,)."""
        return (self.symbols == 1) & ~self.ambiguous

    def funcs(self, by_place=False):
        """Which pairs share a FUNC: those of equal name and FUNC_PROTO, and, if `by_place`, of one place.

        Returns
        -------
        (int64 (pairs,), int64 (funcs,)) : the FUNC of each pair, counted in the order of the pairs, and the first pair
            of each FUNC.
        """
        key = [self.name_off, self.proto_id, *([self.address, self.section] if by_place else [])]
        order = np.lexsort(key)
        group = np.empty(len(order), np.int64)
        group[order] = np.cumsum(changes(*(column[order] for column in key))) - 1
        _, first, which = np.unique(group, return_index=True, return_inverse=True)
        number = np.empty(len(first), np.int64)
        by_first = np.argsort(first)
        number[by_first] = np.arange(len(first))
        return number[which], first[by_first]


def make_pairs(name_off, proto_id, address, section, blob_strings, tags_of, image=None, file=None, unit=None,
               symbols=None):
    """Sort function instances into Pairs, each (name, FUNC_PROTO, address) once.

    Parameters
    ----------
    name_off, proto_id, address, section : arrays (instances,)
        As in Pairs.
    blob_strings : callable
        (distinct name_offs) -> bytes array of the strings, to sort by.
    tags_of : list of (int, int, int)
        Annotations by instance.
    image : Image, optional
    file, unit : object (instances,), optional
        As in Pairs; of a pair of several instances, those of the first.
    symbols : int32 (instances,), optional
        As in Pairs, by default 1; of a pair of several instances, the most.

    Returns
    -------
    (Pairs, int64 (instances,)) : the pairs and the pair of each instance.
    """
    distinct, inverse = np.unique(name_off, return_inverse=True)
    rank = np.empty(len(distinct), np.int64)
    rank[np.argsort(blob_strings(distinct), kind="stable")] = np.arange(len(distinct))
    order = np.lexsort((proto_id, section, address, rank[inverse]))
    columns = [column[order] for column in (name_off, proto_id, address, section)]
    new = changes(*columns)
    pair = np.empty(len(order), np.int64)
    pair[order] = np.cumsum(new) - 1
    tags = sorted({(int(pair[i]), name, component) for i, name, component in tags_of})
    paths = (np.full(len(order), "", object) if path is None else path for path in (file, unit))
    symbols = np.ones(len(order), np.int32) if symbols is None else symbols
    most = np.zeros(int(new.sum()), np.int32)
    np.maximum.at(most, pair, symbols)
    return Pairs(*(c[new] for c in columns), tags, image or Image(), *(path[order[new]] for path in paths), most), pair


def func_rows(pairs, first_id, by_place=False, trailing=None):
    """FUNC rows (linkage static, as pahole writes) and the annotations' DECL_TAG rows.

    Parameters
    ----------
    pairs : Pairs
    first_id : int
        type_id of the first row.
    by_place : bool
        As in `Pairs.funcs`.
    trailing : (bool (pairs,), uint32 (pairs, words)), optional
        Which pairs' FUNCs have kind_flag, and the words that it adds to them.

    Returns
    -------
    (TypeTable, uint32 (pairs,), int64 (funcs,)) : the rows, the FUNC of each pair, and the first pair of each FUNC.
    """
    func, first = pairs.funcs(by_place)
    n_pairs = len(pairs.name_off)
    wide, extra = trailing if trailing else (np.zeros(n_pairs, bool), np.empty((n_pairs, 0), np.uint32))
    wide, extra = wide[first], extra[first]
    bounds = np.concatenate([[0], np.cumsum(HEAD_WORDS + extra.shape[1] * wide)])
    words = np.empty(int(bounds[-1]), np.uint32)
    at = bounds[:-1]
    words[at + wd.NAME] = pairs.name_off[first]
    words[at + wd.INFO] = np.where(wide, info_word(Kind.FUNC, 0, 1), info_word(Kind.FUNC)).astype(np.uint32)
    words[at + wd.SIZE_TYPE] = pairs.proto_id[first]
    for k in range(extra.shape[1]):
        words[at[wide] + HEAD_WORDS + k] = extra[wide, k]
    func_id = (first_id + func).astype(np.uint32)
    table = TypeTable.of(words, bounds)
    tags = sorted({(int(func_id[p]), component_idx, name_off) for p, name_off, component_idx in pairs.tags})
    if tags:
        target_id, component_idx, name_off = np.array(tags, np.int64).T
        table = concatenate([table, decl_tags(name_off, target_id, component_idx)])
    return table, func_id, first


def func_rows_with(pairs, first_id, has, words):
    """FUNC rows told apart by place, some with words behind them.

    Parameters
    ----------
    pairs, first_id
        As of `func_rows`.
    has : bool (pairs,)
        Which pairs' FUNCs have words.
    words : uint32 (pairs, n)

    Returns
    -------
    (TypeTable, uint32 (pairs,), int64 (n,), int64 (n,)) : the rows, the FUNC of each pair, and of the FUNCs that have
        words, where they start in the table's words and their pairs.
    """
    table, func_id, pair = func_rows(pairs, first_id, by_place=True, trailing=(has, words))
    has = has[pair]
    return table, func_id, table.row_starts()[: len(pair)][has], pair[has]


def two_words(address):
    """Addresses, uint64 (n,), as two words each, the low one first: uint32 (n, 2)."""
    return np.column_stack([address & np.uint64(0xFFFFFFFF), address >> np.uint64(32)]).astype(np.uint32)


def addressed(pairs, func_id):
    """The first pair of each (FUNC, place), among pairs with a place, sorted by FUNC and address: int64 (n,)."""
    rows = np.flatnonzero(pairs.known)
    columns = func_id[rows], pairs.address[rows], pairs.section[rows]
    order = np.lexsort(columns[::-1])
    return rows[order[changes(*(column[order] for column in columns))]]
