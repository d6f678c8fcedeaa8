"""Types as one ragged table of 32-bit words, strings as one blob. Each may continue another, as a module's a kernel's.

A row of the table mirrors a BTF type: three words (name, info, size or type_id) and the words of its body. Rows are
addressed by type_id. Keeping a row's words together, rather than one column per field, is deliberate: dedup walks
type graphs at random, and a row is then one cache line instead of six. What the words mean: `harness.model.layout`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.model.kinds import Kind
from harness.model.layout import (
    HEAD_WORDS,
    INFO_WORD,
    KFLAG_SHIFT,
    KIND_MASK,
    KIND_SHIFT,
    NAME_WORD,
    SIZE_TYPE_WORD,
    STANDARD,
    VLEN_MASK,
    info_word,
)

VOID = 0
"""type_id of void, which has no words."""


class TypeTable(NamedTuple):
    """Types by type_id.

    Attributes
    ----------
    words : uint32 (words,)
        Each row: name_off, info, size_type, then the body in wire order, as harness.model.layout has it.
    start : int64 (types + 2,)
        Where rows begin. ``start[0] == start[1] == 0``: before the first row is an empty one, which is void where there
        is no base. So the k-th row, from 1, is ``words[start[k]:start[k + 1]]``, and k is its type_id where there is no
        base.
    base : TypeTable or None
        The table that this one continues: its type_ids go on here, and rows here may refer to rows there.
    """

    words: np.ndarray
    start: np.ndarray
    base: TypeTable | None = None

    @classmethod
    def of(cls, words, bounds, base=None):
        """A table of rows that are at hand.

        Parameters
        ----------
        words : sequence of int
            The rows' words, one row behind the other.
        bounds : sequence of int
            Where each row begins, and where the last one ends.
        base : TypeTable, optional
        """
        start = np.zeros(len(bounds) + 1, np.int64)
        start[1:] = bounds
        return cls(np.asarray(words, np.uint32), start, base)

    @classmethod
    def unfilled(cls, n_types, n_words, base=None):
        """A table for so many rows and words, which are still to be written: ``start[1:]`` and `words`."""
        start = np.empty(n_types + 2, np.int64)
        start[0] = 0
        return cls(np.empty(n_words, np.uint32), start, base)

    @property
    def n_types(self):
        """Number of types in this table, without void and without the base's."""
        return len(self.start) - 2

    @property
    def first_id(self):
        """type_id of the first row, 1 where there is no base."""
        return 1 if self.base is None else self.base.next_id

    @property
    def next_id(self):
        """The type_id after the last one."""
        return self.first_id + self.n_types

    def ids(self):
        """The type_ids of the rows, a range."""
        return range(self.first_id, self.next_id)

    def ids_of(self, kind):
        """The type_ids of the rows of a kind, int64 (n,), ascending; not those of the base."""
        return np.flatnonzero(self.kind() == kind) + self.first_id

    def func_ids(self):
        """The type_ids of functions, FUNCs and FUNC_ADDRs, as `ids_of`."""
        kind = self.kind()
        return np.flatnonzero((kind == Kind.FUNC) | (kind == Kind.FUNC_ADDR)) + self.first_id

    def by_id(self, column):
        """A column by type_id, array (next_id,): that of the base first; of void it is 0.

        Parameters
        ----------
        column : callable
            (TypeTable) -> array (n_types,), such as TypeTable.kind.
        """
        own = column(self)
        return np.concatenate([np.zeros(1, own.dtype) if self.base is None else self.base.by_id(column), own])

    def row_starts(self):
        """Index in `words` of each row, int64 (n_types,)."""
        return self.start[1:-1]

    def info(self):
        """info word of each row, uint32 (n_types,)."""
        return self.words[self.row_starts() + INFO_WORD]

    def kind(self):
        """kind of each row, uint8 (n_types,)."""
        return ((self.info() >> np.uint32(KIND_SHIFT)) & np.uint32(KIND_MASK)).astype(np.uint8)

    def vlen(self):
        """vlen of each row, uint32 (n_types,)."""
        return self.info() & np.uint32(VLEN_MASK)

    def kind_flag(self):
        """kind_flag of each row, bool (n_types,)."""
        return (self.info() >> np.uint32(KFLAG_SHIFT)).astype(bool)

    def name_off(self):
        """name_off of each row, uint32 (n_types,)."""
        return self.words[self.row_starts() + NAME_WORD]

    def size_type(self):
        """size or type_id of each row, uint32 (n_types,)."""
        return self.words[self.row_starts() + SIZE_TYPE_WORD]

    def row_start(self, type_id):
        """Index in `words` of the row of a type of this table."""
        return int(self.start[type_id - self.first_id + 1])

    def row(self, type_id):
        """The words of one type, of this table or the base, uint32 view; none for void."""
        table = self
        while type_id < table.first_id and table.base is not None:
            table = table.base
        k = type_id - table.first_id + 1
        return table.words[table.start[k] : table.start[k + 1]]

    def flattened(self):
        """One table with the rows of all bases first, so that type_ids count from 1; `self` where there is no base."""
        return self if self.base is None else concatenate([self.base.flattened(), self._replace(base=None)])


class StringTable(NamedTuple):
    """NUL-terminated strings in one blob; a string is known by the offset of its first byte. Offset 0 is empty.

    Attributes
    ----------
    blob : uint8 (nbytes,)
        Begins and ends with NUL; where there is a base, it need not begin with NUL, and may be empty.
    base : StringTable or None
        The strings that these continue: offsets go on here.
    """

    blob: np.ndarray
    base: StringTable | None = None

    @property
    def first_off(self):
        """Offset of the first byte of `blob`, 0 where there is no base."""
        return 0 if self.base is None else self.base.next_off

    @property
    def next_off(self):
        """The offset after the last byte."""
        return self.first_off + len(self.blob)

    def get(self, off):
        """The string at an offset, of this table or the base, as bytes without its NUL."""
        table = self
        while off < table.first_off and table.base is not None:
            table = table.base
        blob, at, chunk = table.blob, off - table.first_off, 64
        while True:
            piece = blob[at : at + chunk].tobytes()
            stop = piece.find(0)
            if stop >= 0 or at + chunk >= len(blob):
                return piece[:stop] if stop >= 0 else piece
            chunk *= 4

    def flattened(self):
        """One table with the bytes of all bases first, so that offsets count from 0; `self` where there is no base."""
        return self if self.base is None else StringTable(np.concatenate([self.base.flattened().blob, self.blob]))


def concatenate(tables):
    """One TypeTable of several laid one after the other; type_ids inside the rows are left as they are.

    Parameters
    ----------
    tables : list of TypeTable
        At least one. Each is numbered on from the one before; the result has the base of the first.
    """
    first = np.cumsum([0, *(len(t.words) for t in tables)])
    bounds = [t.row_starts() + n for t, n in zip(tables, first[:-1], strict=True)]
    words = np.concatenate([t.words for t in tables])
    return TypeTable.of(words, np.concatenate([*bounds, first[-1:]]), tables[0].base)


def decl_tags(name_off, target_id, component_idx=-1):
    """DECL_TAG rows, a TypeTable.

    Parameters
    ----------
    name_off, target_id : int (tags,)
        Offsets of their names, and the type_ids that they are on.
    component_idx : int (tags,) or int
        -1 for the target itself.
    """
    words = np.empty((len(target_id), HEAD_WORDS + STANDARD[Kind.DECL_TAG].fixed_words), np.uint32)
    words[:, NAME_WORD] = name_off
    words[:, INFO_WORD] = info_word(Kind.DECL_TAG)
    words[:, SIZE_TYPE_WORD] = target_id
    words[:, HEAD_WORDS] = np.asarray(component_idx).astype(np.int64) & 0xFFFFFFFF
    return TypeTable.of(words.ravel(), range(0, words.size + 1, words.shape[1]))
