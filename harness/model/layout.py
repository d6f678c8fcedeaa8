"""What the words of a BTF type mean, by kind: the one home of the layout that every stage reads.

A type is three words (struct btf_type: name_off, info, and size or type), then the words of its kind. The info word has
the layout of 2026 (libbpf 9801e029, "Extend type ID kind and vlen"): vlen in bits 0-23, kind in bits 24-30, kind_flag
in bit 31. It equals the older one as long as vlen < 65536 and kind < 32.

The layout is data: the fields of each kind under the names of the C structs, from which the rest follows. A field
called name_off is the offset of a string, one called type or index_type a type_id. Kernels read the same as columns
(`Columns`), and through the accessors of `harness.model.layout_kernels`.

Source: Documentation/bpf/btf.rst 2.2 (Type Encoding); include/uapi/linux/btf.h, v6.12.
"""

from __future__ import annotations

from enum import IntFlag
from typing import NamedTuple

import numpy as np

from harness.model.kinds import Kind

VLEN_MASK = 0x00FFFFFF
MAX_VLEN_BEFORE_2026 = 0xFFFF
"""The largest vlen that readers from before 2026 take, for which it has 16 bits."""

KIND_SHIFT = 24
KIND_MASK = 0x7F
KFLAG_SHIFT = 31

HEAD_WORDS = 3
NAME_WORD = 0
INFO_WORD = 1
SIZE_TYPE_WORD = 2
"""The words of struct btf_type."""

N_KINDS = len(Kind)
"""Kinds are 1 .. N_KINDS - 1. Kind 0 is void, which is never stored."""

NAME_FIELD = "name_off"
TYPE_FIELDS = ("type", "index_type")

NO_WORD = -1
"""In a column of word numbers: there is no such word."""

MODIFIERS = (Kind.TYPEDEF, Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG)
"""Kinds that stand for their target, with the same size."""

MAX_HOPS = 256
"""Longest chain of typedefs, modifiers and arrays that anything follows, so that a cycle ends; real programs stay below
10. What has a limit of its own names it where its rule is."""

SIZED = (Kind.INT, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.FLOAT, Kind.ENUM64)
"""Kinds whose third word is their size in bytes."""


class Trailing(NamedTuple):
    """A field at the end of a row, there only when kind_flag is set.

    Attributes
    ----------
    field : str
    n_words : int
        1 for a u32; 2 for a u64, which a table holds as (lo32, hi32).
    struct : str
        The C struct that it is in.
    meaning : str
        A few words for people.
    """

    field: str
    n_words: int
    struct: str = ""
    meaning: str = ""


class KindLayout(NamedTuple):
    """The fields of one kind.

    Attributes
    ----------
    third : {"size", "type"}
        The third word of struct btf_type.
    struct : str
        The C struct behind struct btf_type; empty where the word has no struct.
    fixed : tuple of str
        Its fields where every type of the kind has it once.
    entry : tuple of str
        Its fields where vlen counts how many there are.
    entries : str
        What vlen counts, in the singular.
    kind_flag : bool
        Whether kind_flag has a meaning, and so may be set.
    trailing : Trailing or None
    known : bool
        Whether files may have it.
    """

    third: str = "size"
    struct: str = ""
    fixed: tuple = ()
    entry: tuple = ()
    entries: str = ""
    kind_flag: bool = False
    trailing: Trailing | None = None
    known: bool = True

    @property
    def third_is_type(self):
        """Whether the third word is a type_id."""
        return self.third in TYPE_FIELDS

    @property
    def fixed_words(self):
        """Words that every type of the kind has after the first three."""
        return len(self.fixed)

    @property
    def entry_words(self):
        """Words of one entry, 0 where vlen does not count any."""
        return len(self.entry)

    @property
    def trailing_words(self):
        """Words that kind_flag adds."""
        return self.trailing.n_words if self.trailing else 0

    @property
    def entry_name_word(self):
        """Which word of an entry is a name_off, or NO_WORD."""
        return self.entry.index(NAME_FIELD) if NAME_FIELD in self.entry else NO_WORD

    @property
    def entry_type_word(self):
        """Which word of an entry is a type_id, or NO_WORD."""
        return next((i for i, field in enumerate(self.entry) if field in TYPE_FIELDS), NO_WORD)

    def reference_words(self, vlen=0):
        """The words of a row that are type_ids, list of int in wire order."""
        found = [SIZE_TYPE_WORD] if self.third_is_type else []
        fields = (*self.fixed, *self.entry * vlen)
        return found + [HEAD_WORDS + i for i, field in enumerate(fields) if field in TYPE_FIELDS]

    @property
    def reference_first(self):
        """The first of these words, if any; each further one is `reference_step` words on."""
        return (self.reference_words(1) or [NO_WORD])[0]

    @property
    def reference_step(self):
        """Words from one reference of a row to the next: the same all through it, which columns rely on."""
        words = self.reference_words(3)
        steps = {b - a for a, b in zip(words, words[1:], strict=False)} or {1}
        assert len(steps) == 1, f"references at the words {words} are not evenly spaced"
        return steps.pop()

    @property
    def reference_fixed(self):
        """How many references a row has whatever its vlen."""
        return len(self.reference_words())

    @property
    def reference_per_entry(self):
        """How many more for each entry."""
        return len(self.reference_words(1)) - len(self.reference_words())


class Columns(NamedTuple):
    """The numbers of a Layout by kind, int64 (kinds,) each: the form in which kernels read it. See KindLayout."""

    known: np.ndarray
    third_is_type: np.ndarray
    kind_flag: np.ndarray
    fixed_words: np.ndarray
    entry_words: np.ndarray
    trailing_words: np.ndarray
    entry_name_word: np.ndarray
    entry_type_word: np.ndarray
    reference_first: np.ndarray
    reference_step: np.ndarray
    reference_fixed: np.ndarray
    reference_per_entry: np.ndarray


class Layout:
    """The layout of all kinds: the standard one, or one that an encoding extends. Immutable.

    ``layout[kind]`` is a KindLayout, `columns` are the same as arrays.
    """

    def __init__(self, kinds):
        self._kinds = dict(kinds)
        self.columns = Columns(*(np.array([int(getattr(self[kind], field)) for kind in Kind], np.int64)
                                 for field in Columns._fields))
        for column in self.columns:
            column.setflags(write=False)

    def __getitem__(self, kind):
        return self._kinds[kind]

    def __eq__(self, other):
        return isinstance(other, Layout) and self._kinds == other._kinds

    def __hash__(self):
        return hash(tuple(self._kinds.items()))

    def with_kind_flag_words(self, kind, n_words, field, struct="", meaning=""):
        """This layout, except that kind_flag adds a field of so many words to the end of a row of `kind`.

        Parameters
        ----------
        kind : Kind
        n_words : {1, 2}
            A u32 or a u64.
        field, struct, meaning : str
            As in Trailing: what `dump` and the account of bytes call it.

        Returns
        -------
        Layout

        Raises
        ------
        ValueError
            `n_words` is neither 1 nor 2.
        """
        if n_words not in (1, 2):
            raise ValueError(f"expected a field of 1 or 2 words, found {n_words}")
        trailing = Trailing(field, n_words, struct, meaning)
        return Layout({**self._kinds, kind: self[kind]._replace(kind_flag=True, trailing=trailing)})

    def with_kinds(self, *kinds):
        """This layout, except that files may have these kinds."""
        return Layout({**self._kinds, **{kind: self[kind]._replace(known=True) for kind in kinds}})

    def row_words(self, info):
        """Words of a row with this info word, int; a ValueError if there is no such kind."""
        kind, vlen, kind_flag = split_info(info)
        own = self[kind]
        return HEAD_WORDS + own.fixed_words + own.entry_words * vlen + (own.trailing_words if kind_flag else 0)


_MEMBER = KindLayout(struct="btf_member", entry=("name_off", "type", "offset"), entries="member", kind_flag=True)

STANDARD = Layout({
    Kind.VOID: KindLayout(),
    Kind.INT: KindLayout(fixed=("BTF_INT_*",)),
    Kind.PTR: KindLayout("type"),
    Kind.ARRAY: KindLayout(struct="btf_array", fixed=("type", "index_type", "nelems")),
    Kind.STRUCT: _MEMBER,
    Kind.UNION: _MEMBER,
    Kind.ENUM: KindLayout(struct="btf_enum", entry=("name_off", "val"), entries="enumerator", kind_flag=True),
    Kind.FWD: KindLayout(kind_flag=True),
    Kind.TYPEDEF: KindLayout("type"),
    Kind.VOLATILE: KindLayout("type"),
    Kind.CONST: KindLayout("type"),
    Kind.RESTRICT: KindLayout("type"),
    Kind.FUNC: KindLayout("type"),
    Kind.FUNC_PROTO: KindLayout("type", "btf_param", entry=("name_off", "type"), entries="parameter"),
    Kind.VAR: KindLayout("type", "btf_var", fixed=("linkage",)),
    Kind.DATASEC: KindLayout(struct="btf_var_secinfo", entry=("type", "offset", "size"), entries="variable"),
    Kind.FLOAT: KindLayout(),
    # kind_flag 1 is a raw attribute since v6.15 (32bda801) for both tags
    Kind.DECL_TAG: KindLayout("type", "btf_decl_tag", fixed=("component_idx",), kind_flag=True),
    Kind.TYPE_TAG: KindLayout("type", kind_flag=True),
    Kind.ENUM64: KindLayout(struct="btf_enum64", entry=("name_off", "val_lo32", "val_hi32"), entries="enumerator",
                            kind_flag=True),
    # BTF of inline sites, bpf-next 663fa771: a location's func, of which 0 in loc_proto says that it is the function's
    # own entry. Not a reference here: `check` refuses others
    Kind.LOC_PARAM: KindLayout(struct="btf_loc_param", fixed=("flags",), entry=("value",), entries="value",
                               known=False),
    Kind.LOC_PROTO: KindLayout(entry=("type",), entries="parameter", known=False),
    Kind.LOCSEC: KindLayout(struct="btf_loc", entry=("type", "loc_proto", "offset"), entries="location", known=False),
    Kind.FUNC_ADDR: KindLayout("type", "btf_func_addr", fixed=("addr_lo32", "addr_hi32"), known=False),
})
"""The layout of btf.rst, which every reader knows. No kind_flag adds words in it."""

LAST_KIND = max(kind for kind in Kind if STANDARD[kind].known)
"""The last that every reader knows."""


def info_word(kind, vlen=0, kind_flag=0):
    """The info word of a type, int (or an array when vlen is one)."""
    return (int(kind_flag) << KFLAG_SHIFT) | (int(kind) << KIND_SHIFT) | vlen


def kind_number(info):
    """kind of an info word, int: a Kind in rows that have been read or built, any 7 bits elsewhere."""
    return int(info) >> KIND_SHIFT & KIND_MASK


def split_info(info):
    """(Kind, vlen, kind_flag) of an info word; the last two are int.

    Raises
    ------
    ValueError
        There is no such kind.
    """
    info = int(info)
    return Kind(kind_number(info)), info & VLEN_MASK, info >> KFLAG_SHIFT


BIT_OFFSET_MASK = 0x00FFFFFF
BITFIELD_SIZE_SHIFT = 24


def member_place(offset, kind_flag):
    """(bit offset, width of a bit-field or 0) in a member's offset word, int; kind_flag of its struct says which of the
    word's two forms it has (btf.rst 2.2.4)."""
    return (offset & BIT_OFFSET_MASK, offset >> BITFIELD_SIZE_SHIFT) if kind_flag else (offset, 0)


class IntEncoding(IntFlag):
    """Bits 24-27 of an INT's word (btf.rst 2.2.1); at most one of them is set."""

    SIGNED = 1
    CHAR = 2
    BOOL = 4


INT_ENCODING_SHIFT = 24
INT_OFFSET_SHIFT = 16
INT_BYTE_MASK = 0xFF
INT_UNUSED_MASK = 0xF0000000


def int_word(encoding, n_bits):
    """The word after an INT's first three: its IntEncoding, and its width, which begins at bit 0."""
    return int(encoding) << INT_ENCODING_SHIFT | n_bits


def int_parts(word):
    """(encoding, bit offset, bits) of an INT's word, int (btf.rst 2.2.1); the encoding may be no IntEncoding."""
    return word >> INT_ENCODING_SHIFT & 0xF, word >> INT_OFFSET_SHIFT & INT_BYTE_MASK, word & INT_BYTE_MASK


def declared_kind(info):
    """Kind of an info word; of a forward declaration, the Kind that it declares (btf.rst 2.2.7); errors as of
    `split_info`."""
    kind, _, kind_flag = split_info(info)
    if kind == Kind.FWD:
        return Kind.UNION if kind_flag else Kind.STRUCT
    return kind
