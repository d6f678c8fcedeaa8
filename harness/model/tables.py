"""Types as one ragged table of 32-bit words, strings as one blob.

A row of the table mirrors a BTF type: three words (name, info, size or type_id) and the words of its body. Rows are
addressed by type_id. Keeping a row's words together, rather than one column per field, is deliberate: dedup walks
type graphs at random, and a row is then one cache line instead of six.

The info word has the layout of 2026 (libbpf 9801e029, "Extend type ID kind and vlen"): vlen in bits 0-23, kind in
bits 24-30, kind_flag in bit 31. It equals the older one as long as vlen < 65536 and kind < 32.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

VOID = 0
"""type_id of void, which has no words."""

VLEN_MASK = 0x00FFFFFF
KIND_SHIFT = 24
KIND_MASK = 0x7F
KFLAG_SHIFT = 31


class TypeTable(NamedTuple):
    """Types by type_id.

    Attributes
    ----------
    words : uint32 (words,)
        Each row: name, info, size_type, then the body in wire order. Body of INT: encoding word; ARRAY: element
        type_id, index type_id, nelems; STRUCT and UNION: (name, type_id, offset) per member; ENUM: (name, val);
        ENUM64: (name, val_lo32, val_hi32); FUNC_PROTO: (name, type_id) per parameter; VAR: linkage; DATASEC:
        (type_id, offset, size) per variable; DECL_TAG: component_idx; FUNC with kind_flag: addr_lo32, addr_hi32.
        Names are offsets into a StringTable's blob.
    start : int64 (types + 1,)
        Row `type_id` is ``words[start[type_id]:start[type_id + 1]]``. start[0] == start[1] == 0: void is empty.
    """

    words: np.ndarray
    start: np.ndarray

    @property
    def n_types(self):
        """Number of types, void not counted; also the largest type_id."""
        return len(self.start) - 2

    def info(self):
        """info word of type 1 .. n_types, uint32 (n_types,)."""
        return self.words[self.start[1:-1] + 1]

    def kind(self):
        """kind of type 1 .. n_types, uint8 (n_types,)."""
        return ((self.info() >> np.uint32(KIND_SHIFT)) & np.uint32(KIND_MASK)).astype(np.uint8)

    def vlen(self):
        """vlen of type 1 .. n_types, uint32 (n_types,)."""
        return self.info() & np.uint32(VLEN_MASK)

    def kind_flag(self):
        """kind_flag of type 1 .. n_types, bool (n_types,)."""
        return (self.info() >> np.uint32(KFLAG_SHIFT)).astype(bool)

    def name(self):
        """name (offset in the string blob) of type 1 .. n_types, uint32 (n_types,)."""
        return self.words[self.start[1:-1]]

    def size_type(self):
        """size or type_id of type 1 .. n_types, uint32 (n_types,)."""
        return self.words[self.start[1:-1] + 2]

    def row(self, type_id):
        """The words of one type, uint32 view."""
        return self.words[self.start[type_id] : self.start[type_id + 1]]


class StringTable(NamedTuple):
    """NUL-terminated strings in one blob; a string is known by the offset of its first byte. Offset 0 is empty.

    Attributes
    ----------
    blob : uint8 (nbytes,)
        Begins and ends with NUL.
    """

    blob: np.ndarray

    def get(self, name):
        """The string at offset `name`, as bytes without its NUL."""
        chunk = 64
        while True:
            piece = self.blob[name : name + chunk].tobytes()
            stop = piece.find(0)
            if stop >= 0 or name + chunk >= len(self.blob):
                return piece[:stop] if stop >= 0 else piece
            chunk *= 4


def info_word(kind, vlen=0, kind_flag=0):
    """The info word of a type, int (or an array when vlen is one)."""
    return (int(kind_flag) << KFLAG_SHIFT) | (int(kind) << KIND_SHIFT) | vlen


def concatenate(tables):
    """One TypeTable of several laid one after the other; type_ids inside the rows are left as they are."""
    words = np.concatenate([t.words for t in tables])
    parts = [np.zeros(1, np.int64)]
    base = 0
    for table in tables:
        parts.append(table.start[1:-1] + base)
        base += len(table.words)
    parts.append(np.array([base], np.int64))
    return TypeTable(words, np.concatenate(parts))
