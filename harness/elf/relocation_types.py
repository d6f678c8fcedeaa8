"""Relocation types of data by machine: what each adds up, and how wide its place is.

S is the symbol's value, A the addend, P the address of the place. Only types that assemblers write into debug sections
and tables of addresses are here; those of instructions are not.

Sources: the psABI of each machine (x86-64 4.4.1, i386 4.4, AArch64 "Static data relocations", AAELF32 5.6.1, s390x
2.7.2, 64-bit ELFv2 3.5.4, RISC-V 8.5, LoongArch "Relocations", MIPS o32 and n64, SPARC V9, m68k) and
Documentation/bpf/llvm_reloc.rst, Linux v6.12.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np


class Op(IntEnum):
    """What a relocation does to its place."""

    UNKNOWN = 0
    """Not known here."""
    NONE = 1
    """Nothing: a hint for the linker."""
    ABS = 2
    """S + A; must fit, signed or unsigned."""
    PC = 3
    """S + A - P; must fit."""
    TLS = 4
    """S + A with S the symbol's offset in its thread-local section; must fit."""
    SET = 5
    """S + A; its low bits."""
    ADD = 6
    """The place + S + A; its low bits."""
    SUB = 7
    """The place - (S + A); its low bits."""


SIX_BITS = 6
"""Width of a place that is the low six bits of a byte."""
ULEB128 = 0
"""Width of a place that is a ULEB128 number, which keeps its length."""


class Types(NamedTuple):
    """The types of one machine by number.

    Attributes
    ----------
    op, width : uint8 (types,)
        Op, and bytes of the place (or SIX_BITS, ULEB128); the last row is that of every larger number.
    """

    op: np.ndarray
    width: np.ndarray


def _types(*, none=(0,), **rows):
    """Types from ``ABS={8: numbers, 4: numbers}`` and so on."""
    numbers = [n for widths in rows.values() for n in widths.values()]
    numbers = [n for each in numbers for n in (each if isinstance(each, tuple) else (each,))]
    size = max(*none, *numbers) + 2
    op, width = np.zeros(size, np.uint8), np.ones(size, np.uint8)
    op[list(none)] = Op.NONE
    for name, widths in rows.items():
        for nbytes, each in widths.items():
            each = list(each) if isinstance(each, tuple) else [each]
            op[each], width[each] = Op[name], nbytes
    return Types(op, width)


TYPES = {
    "EM_X86_64": _types(ABS={8: 1, 4: (10, 11), 2: 12, 1: 14}, PC={8: 24, 4: 2, 2: 13, 1: 15}, TLS={8: 17, 4: 21}),
    "EM_386": _types(ABS={4: 1, 2: 20, 1: 22}, PC={4: 2, 2: 21, 1: 23}, TLS={4: 32}),
    "EM_AARCH64": _types(none=(0, 256), ABS={8: 257, 4: 258, 2: 259}, PC={8: 260, 4: 261, 2: 262}, TLS={8: 1029}),
    "EM_ARM": _types(ABS={4: 2, 2: 5, 1: 8}, PC={4: 3}, TLS={4: (18, 106)}),
    "EM_S390": _types(ABS={8: 22, 4: 4, 2: 3, 1: 1}, PC={8: 23, 4: 5, 2: 16}, TLS={8: 53, 4: 52}),
    "EM_PPC64": _types(ABS={8: (38, 43), 4: (1, 24), 2: (3, 25)}, PC={8: 44, 4: 26}, TLS={8: 78}),
    "EM_PPC": _types(ABS={4: (1, 24), 2: (3, 25)}, PC={4: 26}, TLS={4: 78}),
    "EM_RISCV": _types(none=(0, 43, 51), ABS={8: 2, 4: 1}, PC={4: 57}, TLS={8: 9, 4: 8},
                       ADD={1: 33, 2: 34, 4: 35, 8: 36}, SUB={1: 37, 2: 38, 4: 39, 8: 40, SIX_BITS: 52, ULEB128: 61},
                       SET={SIX_BITS: 53, 1: 54, 2: 55, 4: 56, ULEB128: 60}),
    "EM_LOONGARCH": _types(none=(0, 100, 102), ABS={8: 2, 4: 1}, PC={8: 109, 4: 99}, TLS={8: 9, 4: 8},
                           ADD={1: 47, 2: 48, 3: 49, 4: 50, 8: 51, SIX_BITS: 105, ULEB128: 107},
                           SUB={1: 52, 2: 53, 3: 54, 4: 55, 8: 56, SIX_BITS: 106, ULEB128: 108}),
    "EM_MIPS": _types(ABS={8: 18, 4: 2, 2: 1}, PC={4: 248}, TLS={8: 41, 4: 39}),
    "EM_SPARCV9": _types(ABS={8: (32, 54), 4: (3, 23), 2: (2, 55), 1: 1}, PC={8: 46, 4: 6, 2: 5, 1: 4},
                         TLS={8: 77, 4: 76}),
    "EM_68K": _types(ABS={4: 1, 2: 2, 1: 3}, PC={4: 4, 2: 5, 1: 6}),
    "EM_BPF": _types(ABS={8: 2, 4: 3}),
}
"""By e_machine. The three ABS of x86-64 and of SPARC, ARM and PowerPC differ in alignment or sign only."""
