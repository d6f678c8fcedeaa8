"""Compiled hashes of bytes and words, and the comparison that follows: what all hash tables of kernels are made of.

No output depends on a hash: it says where to look, `same_run` says what is equal.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import fused, inline

FNV_BASIS = np.uint32(0x811C9DC5)
FNV_PRIME = np.uint64(0x01000193)
FNV64_BASIS = np.uint64(0xCBF29CE484222325)
FNV64_PRIME = np.uint64(0x00000100000001B3)
"""FNV-1a, of 32 and of 64 bits."""

GOLDEN = np.uint64(0x9E3779B1)
"""2**32 over the golden ratio, odd: Knuth's multiplicative hashing."""

LOW32 = np.uint64(0xFFFFFFFF)


@fused
def product32(a, b):
    """a * b modulo 2**32, uint32; b is uint64."""
    # multiplied as 64 bits and cut back: uncompiled, a uint32 product overflows with a warning
    return np.uint32((np.uint64(a) * b) & LOW32)


@inline
def product64(a, b):
    """a * b modulo 2**64, in halves: numpy warns of an overflow where nothing is compiled."""
    half = np.uint64(32)
    right = (a & LOW32) * (b & LOW32)
    left = ((a >> half) * (b & LOW32) & LOW32) + ((a & LOW32) * (b >> half) & LOW32) + (right >> half)
    return left << half | right & LOW32


@inline
def bytes_hash(text, start, stop):
    """Hash of text[start:stop], uint32: FNV-1a, its high bits brought down to where tables look."""
    h = FNV_BASIS
    for i in range(start, stop):
        h = product32(h ^ np.uint32(text[i]), FNV_PRIME)
    return np.uint32(h ^ (h >> np.uint32(15)))


@inline
def bytes_hash64(text, start, stop):
    """Hash of text[start:stop], uint64, by which strings may be told apart: FNV-1a."""
    h = FNV64_BASIS
    for i in range(start, stop):
        h = product64(h ^ np.uint64(text[i]), FNV64_PRIME)
    return h


@fused
def mix(h, word):
    """The hash `h`, uint32, with one more word in it."""
    h = product32(h ^ word, GOLDEN)
    return np.uint32(h ^ (h >> np.uint32(15)))


@inline
def words_hash(words, at, n):
    """Hash of words[at:at + n], uint32."""
    h = FNV_BASIS
    for k in range(n):
        h = mix(h, words[at + k])
    return h


@fused
def same_run(a, i, b, j, n):
    """Whether a[i:i + n] equals b[j:j + n]; nothing behind the first difference is read."""
    for k in range(n):
        if a[i + k] != b[j + k]:
            return False
    return True


@inline
def string_end(text, at):
    """Index of the NUL that ends the string at `at`."""
    at = np.int64(at)
    while text[at] != 0:
        at += 1
    return at
