"""The BTF wire format as numbers: one home for each constant.

Source: Documentation/bpf/btf.rst and include/uapi/linux/btf.h, v6.12; the 32-byte header, the 24-bit vlen and the
7-bit kind as in libbpf 462733ec and 9801e029 (2026). The kinds and what words they have are in `harness.model`, because
the rows of its tables have the same words.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from harness.model import Kind

# btf.rst 2 (BTF Type and String Encoding): struct btf_header
MAGIC = 0xEB9F
VERSION = 1
HDR_LEN = 24
HDR_LEN_LAYOUT = 32
"""Header with layout_off and layout_len. libbpf 1.8 writes it always, with layout_len 0 where it has no layout."""

LAYOUT_ENTRY = "BBH"
"""struct btf_layout, one per kind: info_sz, elem_sz, flags; as struct and numpy have it."""

LAYOUT_ENTRY_NBYTES = 4

SECTION = ".BTF"
"""Where the kernel keeps its BTF, and the section that errors name."""

BASE_SECTION = ".BTF.base"
"""What the .BTF of a module that was built outside its kernel continues: the types that it needs of its kernel, structs
without their members (btf__distill_base of libbpf 1.5)."""

EXT_SECTION = ".BTF.ext"
"""In a BPF object: line numbers and relocations, with names in the strings of .BTF (btf.rst 4.2)."""

OTHER_SECTIONS = (BASE_SECTION, EXT_SECTION)

ALIGN = 4
"""type_off and layout_off, counted from the header's end, are multiples of this."""

WORD_NBYTES = 4

# Limits that only the kernel and older readers set (btf.h); files beyond them are well formed.
MAX_TYPE = 0x000FFFFF
MAX_NAME_OFFSET = 0x00FFFFFF

MAX_SECTION_NBYTES = 0xFFFFFFFF
"""Offsets and lengths in the header are u32."""

KSYM_NAME_LEN = 512
"""The kernel refuses a FUNC name of more bytes than this, its NUL not counted (v6.1, b8a94bfb)."""


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


class Name(IntEnum):
    """What a kind asks of its own name_off."""

    NONE = 0
    OPTIONAL = 1
    REQUIRED = 2
    IDENTIFIER = 3


NAME_RULES = {
    **dict.fromkeys((Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64), Name.OPTIONAL),
    **dict.fromkeys((Kind.INT, Kind.DATASEC, Kind.FLOAT, Kind.DECL_TAG, Kind.TYPE_TAG, Kind.LOCSEC), Name.REQUIRED),
    **dict.fromkeys((Kind.FUNC, Kind.FWD, Kind.TYPEDEF, Kind.VAR, Kind.FUNC_ADDR), Name.IDENTIFIER),
}
"""By kind; Name.NONE for the others."""


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
"""Byte offset of each field, where a wrong one is reported."""


def prefix(byteorder):
    """The struct and numpy character of a byte order, "<" or ">"."""
    return {"little": "<", "big": ">"}[byteorder]
