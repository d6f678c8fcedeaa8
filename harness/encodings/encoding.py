"""What an encoding is: an identity of FUNCs, the rows it writes, and its cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.model import NOWHERE, STANDARD, Kind, Layout, TypeTable, concatenate, info_word


class Pairs(NamedTuple):
    """The (FUNC, address) pairs that a policy keeps, sorted by name and then address; every column (pairs,).

    Attributes
    ----------
    name : uint32
        Offset in the string blob.
    proto : uint32
        type_id of the FUNC_PROTO.
    address : uint64
        Entry address as the file's symbols give it, bytes.
    section : int32
        Of the place that it is in; of a function that is nowhere only the FUNC is written.
    tags : list of (int, int, int)
        btf_decl_tag annotations: pair, name, component_idx.
    """

    name: np.ndarray
    proto: np.ndarray
    address: np.ndarray
    section: np.ndarray
    tags: list

    @property
    def known(self):
        """Which are somewhere, bool (pairs,)."""
        return self.section != NOWHERE


class FunctionRows(NamedTuple):
    """What an encoding appends to the common types.

    Attributes
    ----------
    types : TypeTable
    strings : uint8
        What to append to the string blob.
    func : uint32 (pairs,)
        type_id of each pair's FUNC.
    """

    types: TypeTable
    strings: np.ndarray
    func: np.ndarray


@dataclass(frozen=True)
class Encoding:
    """One way to write functions and their addresses.

    Attributes
    ----------
    name : str
    summary : str
        One sentence for tables and help.
    identity : str
        'proto': FUNCs are equal by name and FUNC_PROTO; 'address': also by address.
    rows : callable
        (pairs, first_id, n_blob) -> FunctionRows; first_id is the type_id of the first row, n_blob where the strings
        will go.
    growth : callable
        (pairs) -> bytes that the file is predicted to grow over `plain`.
    formula : str
        The same in words.
    rank : int
        Order in tables; the baseline is 0.
    default : bool
        Whether it is made when none is asked for.
    layout : Layout
        What the words of its types mean, where kind_flag adds some.
    """

    name: str
    summary: str
    identity: str
    rows: Callable
    growth: Callable
    formula: str
    rank: int
    default: bool = True
    layout: Layout = STANDARD


def make_pairs(names, protos, addresses, sections, blob_strings, tags_of):
    """Sort function instances into Pairs, each (name, FUNC_PROTO, address) once.

    Parameters
    ----------
    names, protos, addresses, sections : arrays (instances,)
    blob_strings : callable
        (distinct names) -> bytes array of the strings, to sort by.
    tags_of : list of (int, int, int)
        Annotations by instance.

    Returns
    -------
    (Pairs, int64 (instances,)) : the pairs and the pair of each instance.
    """
    distinct, inverse = np.unique(names, return_inverse=True)
    rank = np.empty(len(distinct), np.int64)
    rank[np.argsort(blob_strings(distinct), kind="stable")] = np.arange(len(distinct))
    order = np.lexsort((protos, sections, addresses, rank[inverse]))
    columns = [column[order] for column in (names, protos, addresses, sections)]
    new = np.ones(len(order), bool)
    new[1:] = np.any([c[1:] != c[:-1] for c in columns], axis=0)
    pair = np.empty(len(order), np.int64)
    pair[order] = np.cumsum(new) - 1
    tags = sorted({(int(pair[i]), name, component) for i, name, component in tags_of})
    return Pairs(*(c[new] for c in columns), tags), pair


def distinct_funcs(pairs, identity):
    """Index of the FUNC of each pair, and the first pair of each FUNC, numbered in the order of the pairs."""
    key = [pairs.name, pairs.proto]
    if identity == "address":
        key += [pairs.address, pairs.section]
    order = np.lexsort(key)
    new = np.zeros(len(order), bool)
    if len(order):
        new[0] = True
    for column in key:
        c = column[order]
        new[1:] |= c[1:] != c[:-1]
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(new) - 1
    first = np.full(int(new.sum()), len(order), np.int64)
    np.minimum.at(first, group, np.arange(len(order)))
    number = np.empty(len(first), np.int64)
    by_first = np.argsort(first)
    number[by_first] = np.arange(len(first))
    return number[group], first[by_first]


def func_rows(pairs, first_id, identity, trailing=None):
    """FUNC rows (linkage static, as pahole writes) and the annotations' DECL_TAG rows: (rows, FUNC of each pair).

    Parameters
    ----------
    pairs : Pairs
    first_id : int
        type_id of the first row.
    identity : {"proto", "address"}
    trailing : (bool (pairs,), uint32 (pairs, words)), optional
        Which pairs' FUNCs have kind_flag, and the words that it adds to them.
    """
    func, first = distinct_funcs(pairs, identity)
    n = len(first)
    wide, extra = trailing if trailing else (np.zeros(len(pairs.name), bool), np.empty((len(pairs.name), 0), np.uint32))
    wide, extra = wide[first], extra[first]
    start = np.concatenate([[0], np.cumsum(3 + extra.shape[1] * wide)]).astype(np.int64)
    words = np.empty(int(start[-1]), np.uint32)
    at = start[:n]
    words[at] = pairs.name[first]
    words[at + 1] = np.where(wide, info_word(Kind.FUNC, 0, 1), info_word(Kind.FUNC)).astype(np.uint32)
    words[at + 2] = pairs.proto[first]
    for k in range(extra.shape[1]):
        words[at[wide] + 3 + k] = extra[wide, k]
    func_id = (first_id + func).astype(np.uint32)
    tags = sorted({(name, int(func_id[p]), component) for p, name, component in pairs.tags},
                  key=lambda t: (t[1], t[2], t[0]))
    table = TypeTable(words, np.concatenate([[0], start]))
    if tags:
        more = np.array([[name, info_word(Kind.DECL_TAG), target, component & 0xFFFFFFFF]
                          for name, target, component in tags], np.uint32)
        ends = 4 * np.arange(len(tags) + 1, dtype=np.int64)
        table = concatenate([table, TypeTable(more.ravel(), np.concatenate([[0], ends]))])
    return table, func_id


def addressed(pairs, func):
    """Distinct (FUNC, place) of the pairs that are somewhere: (func, address), sorted by FUNC and address."""
    columns = func[pairs.known], pairs.address[pairs.known], pairs.section[pairs.known]
    order = np.lexsort(columns[::-1])
    f, a, s = (c[order] for c in columns)
    new = np.ones(len(f), bool)
    new[1:] = (f[1:] != f[:-1]) | (a[1:] != a[:-1]) | (s[1:] != s[:-1])
    return f[new], a[new]
