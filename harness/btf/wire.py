"""The BTF wire format as numbers: one home for each constant.

Source: Documentation/bpf/btf.rst and include/uapi/linux/btf.h, v6.12; the 32-byte header, the 24-bit vlen and the
7-bit kind as in libbpf 462733ec and 9801e029 (2026). The kinds themselves are `harness.model.Kind`, and the masks of
the info word are in `harness.model.tables`, because the table's rows have the same info word.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import NamedTuple

import numpy as np

from harness.model import Kind

# btf.rst 2 (BTF Type and String Encoding): struct btf_header
MAGIC = 0xEB9F
VERSION = 1
HDR_LEN = 24
HDR_LEN_LAYOUT = 32
"""Header with layout_off and layout_len; pahole 1.31 writes it with an empty layout."""

SECTION = ".BTF"
"""Where the kernel keeps its BTF, and what faults are located in."""

ALIGN = 4
"""type_off and layout_off, counted from the header's end, are multiples of this."""

# btf.rst 2.2 (Type Encoding): struct btf_type is name_off, info, size or type
HEAD_WORDS = 3
WORD_NBYTES = 4
INFO_WORD = 1
SIZE_TYPE_WORD = 2

N_KINDS = len(Kind)
"""Kinds are 1 .. N_KINDS - 1. Kind 0 is void, which is never stored."""

# Limits that only the kernel and older readers set (btf.h); files beyond them are well formed.
MAX_TYPE = 0x000FFFFF
MAX_NAME_OFFSET = 0x00FFFFFF
MAX_VLEN_BEFORE_2026 = 0xFFFF

MAX_SECTION_NBYTES = 0xFFFFFFFF
"""Offsets and lengths in the header are u32."""

KSYM_NAME_LEN = 512
"""The kernel refuses a FUNC name that does not end within this many bytes (v6.1, b8a94bfb)."""


class IntEncoding(IntFlag):
    """Bits 24-27 of an INT's word (btf.rst 2.2.1); at most one of them is set."""

    SIGNED = 1
    CHAR = 2
    BOOL = 4


INT_UNUSED_MASK = 0xF0000000
INT_MAX_NBYTES = 16
FLOAT_NBYTES = (2, 4, 8, 12, 16)
ENUM_NBYTES = (1, 2, 4, 8)


class FuncLinkage(IntEnum):
    """The vlen of a FUNC (btf.rst 2.2.12)."""

    STATIC = 0
    GLOBAL = 1
    EXTERN = 2


class VarLinkage(IntEnum):
    """The word of a VAR (btf.rst 2.2.14): static, allocated in a section, defined elsewhere."""

    STATIC = 0
    GLOBAL = 1
    EXTERN = 2


WHOLE = 0xFFFFFFFF
"""component_idx -1: a DECL_TAG on its target itself, not on a member or parameter (btf.rst 2.2.17)."""

# With kind_flag a member's offset word is bitfield_size << 24 | bit offset (btf.rst 2.2.4).
BIT_OFFSET_MASK = 0x00FFFFFF
BITFIELD_SIZE_SHIFT = 24

BTF_FUNC_WORDS = 2
"""struct btf_func { __u64 addr; } after a FUNC with kind_flag, the form proposed in 2023; in no btf.rst."""


class Name(IntEnum):
    """What a kind asks of its own name_off."""

    NONE = 0
    OPTIONAL = 1
    REQUIRED = 2
    IDENTIFIER = 3


NO_TYPE_WORD = -1
"""entry_type_word of kinds whose entries refer to no type."""


class KindLayout(NamedTuple):
    """What follows the three words of a kind's header, and what its header may say.

    Attributes
    ----------
    fixed_words : int
        Words that every type of the kind has.
    vlen_words : int
        Words per member, enumerator, parameter or variable; 0 where vlen does not count any.
    entry_name : bool
        The first word of each of these is a name_off.
    entry_type_word : int
        Which of their words is a type_id, or NO_TYPE_WORD.
    size_type_is_id : bool
        The third header word is a type_id.
    name : Name
    kind_flag : bool
        kind_flag may be 1.
    """

    fixed_words: int = 0
    vlen_words: int = 0
    entry_name: bool = False
    entry_type_word: int = NO_TYPE_WORD
    size_type_is_id: bool = False
    name: Name = Name.NONE
    kind_flag: bool = False


KIND_LAYOUT = {
    Kind.VOID: KindLayout(),
    Kind.INT: KindLayout(fixed_words=1, name=Name.REQUIRED),
    Kind.PTR: KindLayout(size_type_is_id=True),
    Kind.ARRAY: KindLayout(fixed_words=3),
    Kind.STRUCT: KindLayout(vlen_words=3, entry_name=True, entry_type_word=1, name=Name.OPTIONAL, kind_flag=True),
    Kind.UNION: KindLayout(vlen_words=3, entry_name=True, entry_type_word=1, name=Name.OPTIONAL, kind_flag=True),
    Kind.ENUM: KindLayout(vlen_words=2, entry_name=True, name=Name.OPTIONAL, kind_flag=True),
    Kind.FWD: KindLayout(name=Name.REQUIRED, kind_flag=True),
    Kind.TYPEDEF: KindLayout(size_type_is_id=True, name=Name.REQUIRED),
    Kind.VOLATILE: KindLayout(size_type_is_id=True),
    Kind.CONST: KindLayout(size_type_is_id=True),
    Kind.RESTRICT: KindLayout(size_type_is_id=True),
    # kind_flag is refused by kernels (btf.rst 2.2.12); here it announces BTF_FUNC_WORDS more
    Kind.FUNC: KindLayout(size_type_is_id=True, name=Name.IDENTIFIER, kind_flag=True),
    Kind.FUNC_PROTO: KindLayout(vlen_words=2, entry_name=True, entry_type_word=1, size_type_is_id=True),
    Kind.VAR: KindLayout(fixed_words=1, size_type_is_id=True, name=Name.REQUIRED),
    Kind.DATASEC: KindLayout(vlen_words=3, entry_type_word=0, name=Name.REQUIRED),
    Kind.FLOAT: KindLayout(name=Name.REQUIRED),
    # kind_flag 1 is a raw attribute since v6.15 (32bda801) for both tags
    Kind.DECL_TAG: KindLayout(fixed_words=1, size_type_is_id=True, name=Name.REQUIRED, kind_flag=True),
    Kind.TYPE_TAG: KindLayout(size_type_is_id=True, name=Name.REQUIRED, kind_flag=True),
    Kind.ENUM64: KindLayout(vlen_words=3, entry_name=True, name=Name.OPTIONAL, kind_flag=True),
}


def column(field):
    """One field of KIND_LAYOUT by kind, int64 (kinds,): the form in which kernels read it."""
    return np.array([int(getattr(KIND_LAYOUT[kind], field)) for kind in Kind], np.int64)


FIXED_WORDS = column("fixed_words")
VLEN_WORDS = column("vlen_words")
ENTRY_NAME = column("entry_name")
ENTRY_TYPE_WORD = column("entry_type_word")
SIZE_TYPE_IS_ID = column("size_type_is_id")
NAME = column("name")
KIND_FLAG = column("kind_flag")


class Header(NamedTuple):
    """struct btf_header, field by field; section offsets count from the header's end."""

    magic: int
    version: int
    flags: int
    hdr_len: int
    type_off: int
    type_len: int
    str_off: int
    str_len: int
    layout_off: int = 0
    layout_len: int = 0

    def pack(self, byteorder):
        """The header as bytes, 24 or 32 of them as `hdr_len` says."""
        n_words = 5 if self.hdr_len == HDR_LEN else 7
        return struct.pack(prefix(byteorder) + f"HBB{n_words}I", *self[: 3 + n_words])


HEADER_FIELD_OFF = {
    "magic": 0,
    "version": 2,
    "flags": 3,
    "hdr_len": 4,
    "type_off": 8,
    "type_len": 12,
    "str_off": 16,
    "str_len": 20,
    "layout_off": 24,
    "layout_len": 28,
}
"""Byte offset of each field, where a lying field is reported."""


def prefix(byteorder):
    """The struct and numpy character of a byte order, "<" or ">"."""
    return {"little": "<", "big": ">"}[byteorder]
