"""Bytes as text within a page: 13 bits for two of 91 characters, 8 % less than base64.

The characters are those of ASCII without control characters, space, ``&``, ``<`` and the backslash, so the text means
itself wherever HTML has text or the content of a script element. Bits are taken from each byte's lowest on. The last
ones, if they are at most 6, take one character. What is filled up with zeros is less than a byte.
"""

from __future__ import annotations

import zlib

import numpy as np

ALPHABET = "".join(map(chr, sorted(set(range(33, 127)) - set(map(ord, "&<\\")))))
"""The character of each digit, 91 of them; dense.js has the same."""

BITS = 13
"""Of a pair: 91 * 91 is a little more than 2**13."""

LAST = 6
"""Of a single character."""


def dense(data):
    """Bytes as text, str of `ALPHABET`."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    bits = np.append(bits, np.zeros(-len(bits) % BITS, np.uint8)).reshape(-1, BITS)
    pairs = bits.astype(np.uint16) @ (1 << np.arange(BITS)).astype(np.uint16)
    digits = np.stack([pairs % len(ALPHABET), pairs // len(ALPHABET)], axis=1)
    text = np.frombuffer(ALPHABET.encode("ascii"), np.uint8)[digits].tobytes().decode("ascii")
    return text[:-1] if 0 < 8 * len(data) % BITS <= LAST else text


def squeezed(data):
    """Bytes, compressed (zlib), as text: what `unpacked` of dense.js takes; the same for the same bytes with one
    version of zlib."""
    return dense(zlib.compress(data, 9))
