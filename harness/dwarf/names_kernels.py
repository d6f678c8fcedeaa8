"""Compiled interning: equal strings get one name, wherever they stand."""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline, njit
from harness.dwarf import state as sc
from harness.model import words as wd
from harness.model.hash_kernels import bytes_hash, string_end
from harness.model.layout_kernels import kind_of, n_names, name_word

POOL_FLAG = np.uint32(sc.POOL_FLAG)


@inline
def same_string(a, i, b, j):
    while a[i] == b[j]:
        if a[i] == 0:
            return True
        i += 1
        j += 1
    return False


@njit
def intern_offsets(blob, offsets, table, canon):
    """Enter the strings at `offsets` into the open hash `table`; canon[offset] = its first equal. How many had one.

    -1 when the strings overlap so much that hashing them all would take forever: a linker lets a string be the tail
    of another one, which about doubles their sum.
    """
    work = np.int64(64) * len(blob) + (1 << 20)
    mask = np.uint32(len(table) - 1)
    merged = np.int64(0)
    for k in range(len(offsets)):
        off = offsets[k]
        end = string_end(blob, off)
        work -= end - off
        if work < 0:
            return np.int64(-1)
        at = bytes_hash(blob, off, end) & mask
        while True:
            other = table[at]
            if other == 0:
                table[at] = np.uint32(off)
                break
            if same_string(blob, off, blob, np.int64(other)):
                canon[off] = other
                merged += 1
                break
            at = (at + np.uint32(1)) & mask
    return merged


@njit
def intern_pool(blob, tail, table, text, used, remap):
    """Enter a pool's strings; those that are new are copied behind blob[:tail]. remap[pool offset] = name."""
    mask = np.uint32(len(table) - 1)
    off = np.int64(0)
    while off < used:
        end = string_end(text, off)
        at = bytes_hash(text, off, end) & mask
        n = end - off
        while True:
            other = table[at]
            if other == 0:
                new = tail[0]
                for i in range(n + 1):
                    blob[new + i] = text[off + i]
                tail[0] = new + n + 1
                table[at] = np.uint32(new)
                remap[off] = np.uint32(new)
                break
            if same_string(text, off, blob, np.int64(other)):
                remap[off] = other
                break
            at = (at + np.uint32(1)) & mask
        off += n + 1


@inline
def renamed(name, canon, remap):
    if name & POOL_FLAG:
        return remap[name & np.uint32(0x7FFFFFFF)]
    if len(canon) > 0:
        return canon[name]
    return name


@njit
def rename(names, canon, remap):
    """Replace names in place."""
    for i in range(len(names)):
        names[i] = renamed(names[i], canon, remap)


@njit
def rename_rows(words, start, first, last, canon, remap):
    """Replace the names in the rows [first, last)."""
    for i in range(first, last):
        w = start[i]
        info = words[w + wd.INFO]
        kind = kind_of(info)
        for k in range(n_names(info)):
            at = w + name_word(kind, k)
            words[at] = renamed(words[at], canon, remap)
