"""Compiled parts of the register rules: each parameter's location against the convention."""

from __future__ import annotations

import numpy as np

from harness.accelerate import njit

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
BY_REACHED = 2
"""After 1.31: the register that the ABI has reached, counting two for wide aggregates."""


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
def by_index(param_start, expected, seen, first, form, bits):
    """The rules of pahole 1.25 to 1.31: parameter i is expected in register i.

    expected : int8 (registers,), -1 where the number is unknown
    form : int64, BY_FIRST or BY_SEEN
    """
    n_registers = len(expected)
    for f in range(len(param_start) - 1):
        for p in range(param_start[f], param_start[f + 1]):
            i = p - param_start[f]
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
def by_reached(param_start, expected, wide, address_size, size, reg, clang, nocall, blind, bits):
    """The rules after pahole 1.31: parameters take registers one after another, a wide aggregate two.

    size : uint32 (params,), bytes
    clang, nocall : uint8 (functions,): compiled by clang; DW_CC_nocall, clang's mark of a changed signature
    blind : uint8: 1 to take every register of clang's for a wrong one where the numbers are unknown, as pahole does
    """
    n_registers = len(expected)
    for f in range(len(param_start) - 1):
        r = np.int64(0)
        for p in range(param_start[f], param_start[f + 1]):
            n = np.int64(size[p])
            n_regs = np.int64(1)
            if wide and n > address_size:
                n_regs = (n + address_size - 1) // address_size
            in_memory = n > (2 * address_size if wide else address_size)
            if clang[f] and not nocall[f]:
                if in_memory:
                    continue
                if r >= n_registers:
                    break
                if reg[p] >= 0:
                    inside = False
                    for k in range(r, min(r + n_regs, n_registers)):
                        if expected[k] == reg[p] or (expected[k] < 0 and not blind):
                            inside = True
                    if not inside:
                        bits[p] |= UNEXPECTED
                r += n_regs
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
                r += 1 if in_memory else n_regs


@njit
def judge(param_start, param_is_struct, bits, optimized, unexpected):
    """What the parameters make of their functions: optimized and unexpected, uint8 (functions,)."""
    for f in range(len(param_start) - 1):
        opt = False
        odd = False
        struct = False
        for p in range(param_start[f], param_start[f + 1]):
            if bits[p] & OPTIMIZED or not bits[p] & HAS_LOCATION:
                opt = True
            if bits[p] & UNEXPECTED:
                odd = True
            if param_is_struct[p]:
                struct = True
        optimized[f] = opt
        # a struct may take several registers, which throws the count of the others off
        unexpected[f] = odd and not struct
