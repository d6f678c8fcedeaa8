"""Hashes against Python's integers, which do not overflow."""

import numpy as np
import pytest

from harness.model import hash_kernels
from tests.compiled import Callable

hk = Callable(hash_kernels)

TEXTS = (b"", b"a", b"init_once", b"\xff" * 40, bytes(range(1, 256)))


def fnv(text, basis, prime, bits):
    h = basis
    for byte in text:
        h = (h ^ byte) * prime % 2**bits
    return h


@pytest.mark.parametrize("text", TEXTS)
def test_bytes_hash__is_fnv_with_its_high_bits_brought_down(text):
    buf = np.frombuffer(b"xy" + text + b"\0z", np.uint8)
    stop = int(hk.string_end(buf, np.int64(2)))
    assert stop == 2 + len(text)
    h = fnv(text, 0x811C9DC5, 0x01000193, 32)
    assert int(hk.bytes_hash(buf, np.int64(2), np.int64(stop))) == h ^ h >> 15
    assert int(hk.bytes_hash64(buf, np.int64(2), np.int64(stop))) == fnv(text, 0xCBF29CE484222325, 0x100000001B3, 64)


@pytest.mark.parametrize("words", ([], [0], [1, 2, 3], [2**32 - 1] * 5))
def test_words_hash__mixes_one_word_after_another(words):
    h = 0x811C9DC5
    for word in words:
        h = (h ^ word) * 0x9E3779B1 % 2**32
        h ^= h >> 15
    assert int(hk.words_hash(np.array([7, *words, 9], np.uint32), np.int64(1), np.int64(len(words)))) == h


def test_same_run__reads_nothing_behind_the_first_difference():
    a, b = np.frombuffer(b"xabcd", np.uint8), np.frombuffer(b"abce", np.uint8)
    assert hk.same_run(a, np.int64(1), b, np.int64(0), np.int64(3))
    assert not hk.same_run(a, np.int64(1), b, np.int64(0), np.int64(4))
    assert not hk.same_run(a, np.int64(0), b, np.int64(0), np.int64(1000))
