"""Compiled parts of the join: symbol base names, prototype hashes, prototype rows."""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline, njit
from harness.model import kind_numbers as kn
from harness.model import words as wd
from harness.model.hash_kernels import bytes_hash, bytes_hash64, product64, same_run, string_end, words_hash
from harness.model.layout_kernels import entry_word, info_word_of, kind_of

NON_FUNCTION = 1  # the suffix says .part or .cold: a piece of a function, not a function
SUFFIXED = 2
CLONE = 4  # the suffix says .constprop or .isra: parameters may be missing


DROPPED = 0
PLACED = 1
ELLIPSIS = 2


@njit
def enter_names(blob, names, slots):
    """Enter distinct strings (offsets into `blob`) into an open hash of index + 1."""
    mask = np.uint32(len(slots) - 1)
    for k in range(len(names)):
        off = np.int64(names[k])
        at = bytes_hash(blob, off, string_end(blob, off)) & mask
        while slots[at] != 0:
            at = (at + np.uint32(1)) & mask
        slots[at] = np.uint32(k + 1)


@inline
def find_name(blob, names, slots, strtab, start, n):
    """Index in `names` of the name of `n` bytes that begins at strtab[start], or -1."""
    mask = np.uint32(len(slots) - 1)
    at = bytes_hash(strtab, start, start + n) & mask
    while slots[at] != 0:
        k = np.int64(slots[at]) - 1
        off = np.int64(names[k])
        # the NUL last: where names differ, the blob may end before
        if same_run(blob, off, strtab, start, n) and blob[off + n] == 0:
            return k
        at = (at + np.uint32(1)) & mask
    return np.int64(-1)


@njit
def match_symbols(blob, names, slots, strtab, symbols, out, bases, flags, whole):
    """For each symbol the index in `names` of its whole name, else of its base name (the part before the first '.').

    out, int64 (symbols,), gets -1 where there is neither; bases, int64 (symbols,), the index of the base name alone;
    whole, uint64 (symbols,), a hash of the whole name; flags gets SUFFIXED, NON_FUNCTION and CLONE as the rest of the
    symbol's name says, none where the whole name was found.
    """
    for s in range(len(symbols)):
        start = np.int64(symbols[s])
        n = string_end(strtab, start) - start
        whole[s] = bytes_hash64(strtab, start, start + n)
        base = np.int64(0)
        while base < n and strtab[start + base] != 46:
            base += 1
        f = 0
        if base < n:
            f = SUFFIXED
            for i in range(start + base, start + n - 4):
                if strtab[i] == 46:
                    a, b, c, d = strtab[i + 1], strtab[i + 2], strtab[i + 3], strtab[i + 4]
                    if (a == 99 and b == 111 and c == 108 and d == 100) or (
                            a == 112 and b == 97 and c == 114 and d == 116):
                        f |= NON_FUNCTION
                    elif (a == 99 and b == 111 and c == 110 and d == 115) or (
                            a == 105 and b == 115 and c == 114 and d == 97):
                        f |= CLONE
        bases[s] = find_name(blob, names, slots, strtab, start, base)
        out[s] = bases[s]
        if base < n:
            exact = find_name(blob, names, slots, strtab, start, n)
            if exact >= 0:
                out[s] = exact
                f = 0
        flags[s] = f


@njit
def signature_hashes(type_id, param_start, param_type_id, out):
    """A 64-bit hash of each function's return and parameter type_id, names left out."""
    for f in range(len(type_id)):
        # mixed before a parameter comes: void (9) and int (8) must not meet
        h = product64(np.uint64(type_id[f]) + np.uint64(1), np.uint64(0x9E3779B97F4A7C15))
        h ^= h >> np.uint64(32)
        for p in range(param_start[f], param_start[f + 1]):
            h = product64(h ^ (np.uint64(param_type_id[p]) + np.uint64(1)), np.uint64(0xD6E8FEB86659FD93))
            h ^= h >> np.uint64(32)
        out[f] = product64(h, np.uint64(0xD6E8FEB86659FD93))


@njit
def prototype_rows(rows, type_id, param_start, param_name_off, param_type_id, place, words, start):
    """Write a FUNC_PROTO row for each function in `rows`.

    place, uint8 (params,): DROPPED, PLACED or ELLIPSIS; there is one ellipsis at most, and it comes last.
    """
    w = np.int64(0)
    for k in range(len(rows)):
        f = rows[k]
        start[k] = w
        vlen = 0
        at = w + entry_word(kn.FUNC_PROTO, 0)
        variadic = False
        for p in range(param_start[f], param_start[f + 1]):
            if place[p] == ELLIPSIS:
                variadic = True
            elif place[p] == PLACED:
                words[at + wd.ENTRY_NAME] = param_name_off[p]
                words[at + wd.PARAM_TYPE] = param_type_id[p]
                vlen += 1
                at = w + entry_word(kn.FUNC_PROTO, vlen)
        if variadic:
            words[at + wd.ENTRY_NAME] = 0
            words[at + wd.PARAM_TYPE] = 0
            vlen += 1
            at = w + entry_word(kn.FUNC_PROTO, vlen)
        words[w + wd.NAME] = 0
        words[w + wd.INFO] = info_word_of(kn.FUNC_PROTO, vlen, 0)
        words[w + wd.SIZE_TYPE] = type_id[f]
        w = at
    start[len(rows)] = w


@njit
def unify_prototypes(base_words, base_start, words, start, slots, same):
    """same[k] = -(type_id) of an equal FUNC_PROTO of the base table, else the first equal row of `words`.

    `slots` is an open hash: type_id for the base's rows, -(row + 1) for ours, 0 free.
    """
    mask = np.uint32(len(slots) - 1)
    for i in range(1, len(base_start) - 1):
        a = base_start[i]
        if kind_of(base_words[a + wd.INFO]) == kn.FUNC_PROTO:
            at = words_hash(base_words, a, base_start[i + 1] - a) & mask
            while slots[at] != 0:
                at = (at + np.uint32(1)) & mask
            slots[at] = i
    for k in range(len(start) - 1):
        a = start[k]
        n = start[k + 1] - a
        at = words_hash(words, a, n) & mask
        same[k] = k
        while True:
            other = slots[at]
            if other == 0:
                slots[at] = -(k + 1)
                break
            if other > 0:
                b = base_start[other]
                if base_start[other + 1] - b == n and same_run(base_words, b, words, a, n):
                    same[k] = -other
                    break
            else:
                b = start[-other - 1]
                if start[-other] - b == n and same_run(words, b, words, a, n):
                    same[k] = -other - 1
                    break
            at = (at + np.uint32(1)) & mask


@njit
def gather_rows(words, start, rows, out_words, out_start):
    """Copy the given rows behind one another."""
    at = np.int64(0)
    for k in range(len(rows)):
        out_start[k] = at
        for w in range(start[rows[k]], start[rows[k] + 1]):
            out_words[at] = words[w]
            at += 1
    out_start[len(rows)] = at
