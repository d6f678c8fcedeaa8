"""Compiled parts of the register rules: sizes of types, and each parameter's location against the convention."""

from __future__ import annotations

import numpy as np

from harness.accelerate import njit
from harness.model import kind_numbers as kn
from harness.model.layout import HEAD_WORDS, INFO_WORD, SIZE_TYPE_WORD
from harness.model.layout_kernels import declared_kind_of, is_modifier, is_sized, kind_of
from harness.model.sizes import MAX_HOPS

# Bits of what is found about a parameter
HAS_LOCATION = 1
HAS_CONST = 2
OPTIMIZED = 4
UNEXPECTED = 8

# How pahole has looked at a location over time
BY_FIRST = 0
"""1.25: what the first entry begins with."""
BY_SEEN = 1
"""1.26 to 1.31: any entry that is the expected register alone."""
BY_SLOT = 2
"""After 1.31: the register that the ABI has reached, counting two for wide aggregates."""



@njit
def type_sizes(words, start, address_size, size, is_struct):
    """Size in bytes of each type, as a parameter has it, and whether it is a struct behind typedefs and const.

    words, start as in TypeTable; size uint32 (types + 1,), is_struct uint8 (types + 1,). Sizes are 0 for void and for
    what has none.
    """
    size[0] = 0
    is_struct[0] = 0
    for i in range(1, len(start) - 1):
        t = np.int64(i)
        plain = True
        n = np.uint32(0)
        struct = 0
        for _ in range(MAX_HOPS):
            a = start[t]
            info = words[a + INFO_WORD]
            kind = kind_of(info)
            if kind == kn.PTR:
                n = np.uint32(address_size)
                break
            if declared_kind_of(info) == kn.STRUCT:
                struct = 1 if plain else 0
            if is_sized(kind):
                n = words[a + SIZE_TYPE_WORD]
                break
            if is_modifier(kind) or kind == kn.FUNC_PROTO:
                if kind != kn.TYPEDEF and kind != kn.CONST:
                    plain = False
                t = np.int64(words[a + SIZE_TYPE_WORD])
            elif kind == kn.ARRAY:
                plain = False
                t = np.int64(words[a + HEAD_WORDS])
            else:
                break
            if t == 0 or t >= len(start) - 1:
                break
        size[i] = n
        is_struct[i] = struct


@njit
def share(origin, bits, reg):
    """Let each parameter's origin know what is known of it, in the order of the DIEs (bits are or-ed, registers
    replaced)."""
    for p in range(len(origin)):
        o = origin[p]
        if o >= 0:
            bits[o] |= bits[p]
            if reg[p] >= 0:
                reg[o] = reg[p]


@njit
def by_index(param, expected, seen, first, form, bits):
    """The rules of pahole 1.25 to 1.31: parameter i is expected in register i.

    expected : int8 (registers,), -1 where the number is unknown
    form : int64, BY_FIRST or BY_SEEN
    """
    n_registers = len(expected)
    for f in range(len(param) - 1):
        for p in range(param[f], param[f + 1]):
            i = p - param[f]
            if i >= n_registers:
                bits[p] = 0  # beyond the registers nothing is looked at, not even whether there is a location
                continue
            want = expected[i]
            if bits[p] & HAS_LOCATION and (form == BY_SEEN or first[p] != -1):
                if form == BY_SEEN:
                    found = seen[p] != 0
                    right = want >= 0 and (seen[p] >> np.uint64(want)) & np.uint64(1) != 0
                else:
                    found = first[p] >= 0
                    right = first[p] == want
                if not found:
                    bits[p] |= OPTIMIZED
                elif want >= 0 and not right:
                    bits[p] |= UNEXPECTED
            elif bits[p] & HAS_CONST:
                bits[p] |= OPTIMIZED


@njit
def by_slot(param, expected, wide, address_size, size, reg, clang, nocall, blind, bits):
    """The rules after pahole 1.31: parameters take registers one after another, a wide aggregate two.

    size : uint32 (params,), bytes
    clang, nocall : uint8 (functions,): compiled by clang; DW_CC_nocall, clang's mark of a changed signature
    blind : uint8: 1 to take every register of clang's for a wrong one where the numbers are unknown, as pahole does
    """
    n_registers = len(expected)
    for f in range(len(param) - 1):
        r = np.int64(0)
        for p in range(param[f], param[f + 1]):
            n = np.int64(size[p])
            slots = np.int64(1)
            if wide and n > address_size:
                slots = (n + address_size - 1) // address_size
            in_memory = n > (2 * address_size if wide else address_size)
            if clang[f] and not nocall[f]:
                if in_memory:
                    continue
                if r >= n_registers:
                    break
                if reg[p] >= 0:
                    inside = False
                    for k in range(r, min(r + slots, n_registers)):
                        if expected[k] == reg[p] or (expected[k] < 0 and not blind):
                            inside = True
                    if not inside:
                        bits[p] |= UNEXPECTED
                r += slots
                continue
            takes = True
            if bits[p] & HAS_LOCATION:
                if r >= n_registers:
                    takes = False
                elif reg[p] < 0:
                    bits[p] |= OPTIMIZED
                elif expected[r] >= 0 and expected[r] != reg[p]:
                    bits[p] |= UNEXPECTED
            elif bits[p] & HAS_CONST and not clang[f]:
                bits[p] |= OPTIMIZED
            if takes:
                r += 1 if in_memory else slots


@njit
def judge(param, param_is_struct, bits, optimized, unexpected):
    """What the parameters make of their functions: optimized and unexpected, uint8 (functions,)."""
    for f in range(len(param) - 1):
        opt = False
        odd = False
        struct = False
        for p in range(param[f], param[f + 1]):
            if bits[p] & OPTIMIZED or not bits[p] & HAS_LOCATION:
                opt = True
            if bits[p] & UNEXPECTED:
                odd = True
            if param_is_struct[p]:
                struct = True
        optimized[f] = opt
        # a struct may take several registers, which throws the count of the others off
        unexpected[f] = odd and not struct
