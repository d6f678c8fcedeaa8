"""Compiled accessors of a row's words, for kernels of all stages. They compile to what one would write by hand.

`info` is a row's second word, uint32; `columns` are harness.model.layout.Columns. What no extension of the layout can
change (names and references) comes from the standard columns, which are constants to the compiler.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline
from harness.model import kind_numbers as kn
from harness.model import layout
from harness.model.kinds import Kind
from harness.model.layout import (
    HEAD_WORDS,
    KFLAG_SHIFT,
    KIND_MASK,
    KIND_SHIFT,
    MODIFIERS,
    NAME_WORD,
    NO_WORD,
    SIZED,
    STANDARD,
    VLEN_MASK,
)

REFERENCE_FIRST = STANDARD.columns.reference_first
REFERENCE_STEP = STANDARD.columns.reference_step
REFERENCE_FIXED = STANDARD.columns.reference_fixed
REFERENCE_PER_ENTRY = STANDARD.columns.reference_per_entry
FIXED_WORDS = STANDARD.columns.fixed_words
ENTRY_WORDS = STANDARD.columns.entry_words
ENTRY_NAME_WORD = STANDARD.columns.entry_name_word
IS_MODIFIER = np.array([kind in MODIFIERS for kind in Kind])
IS_SIZED = np.array([kind in SIZED for kind in Kind])


@inline
def kind_of(info):
    """kind, int64."""
    return np.int64((info >> np.uint32(KIND_SHIFT)) & np.uint32(KIND_MASK))


@inline
def vlen_of(info):
    """vlen, int64."""
    return np.int64(info & np.uint32(VLEN_MASK))


@inline
def kind_flag_of(info):
    """kind_flag, int64."""
    return np.int64(info >> np.uint32(KFLAG_SHIFT))


@inline
def declared_kind_of(info):
    """kind, int64; of a forward declaration the kind that it declares."""
    kind = kind_of(info)
    if kind == kn.FWD:
        return np.int64(kn.UNION) if kind_flag_of(info) != 0 else np.int64(kn.STRUCT)
    return kind


@inline
def trailing_words_of(columns, info):
    """Words at the end of a row that are there because of kind_flag; the kind is a known one."""
    return columns.trailing_words[kind_of(info)] * kind_flag_of(info)


@inline
def row_words_of(columns, info):
    """Words of a row by its info word; the kind is a known one."""
    kind = kind_of(info)
    body = columns.fixed_words[kind] + columns.entry_words[kind] * vlen_of(info)
    return HEAD_WORDS + body + trailing_words_of(columns, info)


@inline
def info_word_of(kind, vlen, kind_flag):
    """The info word, uint32."""
    return np.uint32((np.int64(kind_flag) << KFLAG_SHIFT) | (np.int64(kind) << KIND_SHIFT) | np.int64(vlen))


int_word = inline(layout.int_word)
int_parts = inline(layout.int_parts)
"""As in harness.model.layout, of int64."""


@inline
def standard_row_words(kind, vlen):
    """Words of a row in which kind_flag adds none."""
    return HEAD_WORDS + FIXED_WORDS[kind] + ENTRY_WORDS[kind] * np.int64(vlen)


@inline
def entry_word(kind, m):
    """Which word of a row its m-th member, parameter, enumerator or variable begins at."""
    return HEAD_WORDS + FIXED_WORDS[kind] + ENTRY_WORDS[kind] * np.int64(m)


@inline
def n_names(info):
    """How many words of a row are name_offs; the kind is a known one."""
    return np.int64(1) + (vlen_of(info) if ENTRY_NAME_WORD[kind_of(info)] != NO_WORD else np.int64(0))


@inline
def name_word(kind, k):
    """Which word of a row its k-th name_off is, its own first."""
    if k == 0:
        return np.int64(NAME_WORD)
    return HEAD_WORDS + FIXED_WORDS[kind] + ENTRY_NAME_WORD[kind] + ENTRY_WORDS[kind] * (np.int64(k) - 1)


@inline
def n_references(info):
    """How many words of a row are type_ids; the kind is a known one."""
    kind = kind_of(info)
    return REFERENCE_FIXED[kind] + REFERENCE_PER_ENTRY[kind] * vlen_of(info)


@inline
def reference_word(kind, k):
    """Which word of a row its k-th type_id is."""
    return REFERENCE_FIRST[kind] + REFERENCE_STEP[kind] * k


@inline
def is_modifier(kind):
    """Whether a type of this kind stands for its target, with the same size."""
    return IS_MODIFIER[kind]


@inline
def is_sized(kind):
    """Whether the third word is the type's size in bytes."""
    return IS_SIZED[kind]
