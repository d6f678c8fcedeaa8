"""Many strings of a blob at a time; `StringTable.get` gives one."""

from __future__ import annotations

import numpy as np


class Strings:
    """Strings of a blob as Python bytes, many at a time.

    Parameters
    ----------
    blob : uint8 (nbytes,)
        NUL-terminated strings, as in StringTable.
    """

    def __init__(self, blob):
        self._text = blob.tobytes()

    def list(self, offsets):
        """The strings at `offsets`, list of bytes."""
        text = self._text
        return [text[o : text.index(b"\0", o)] for o in offsets.tolist()]

    def array(self, offsets):
        """The same as an array of numpy bytes (dtype S), (offsets,)."""
        return np.array(self.list(offsets) or [b""], dtype=bytes)[: len(offsets)]

    def texts(self, offsets):
        """The same as str, object (offsets,); bytes that are not UTF-8 become surrogates."""
        return objects(s.decode("utf-8", "surrogateescape") for s in self.list(offsets))

    def rank(self, offsets):
        """Rank of each string by its content, int64 (offsets,), equal for equal offsets."""
        distinct, inverse = np.unique(offsets, return_inverse=True)
        rank = np.empty(len(distinct), np.int64)
        rank[np.argsort(self.array(distinct), kind="stable")] = np.arange(len(distinct))
        return rank[inverse]


def begins(blob, offsets, prefix):
    """Which of some strings begin with `prefix`, bytes without a NUL: bool (offsets,).

    Parameters
    ----------
    blob : uint8 (nbytes,)
        Ends with NUL.
    offsets : int (n,)
    """
    out = np.ones(len(offsets), bool)
    at = offsets.astype(np.int64)
    for k, byte in enumerate(prefix):
        out &= blob[np.minimum(at + k, len(blob) - 1)] == byte
    return out


def objects(texts):
    """Texts as an object array (n,)."""
    texts = list(texts)
    out = np.empty(len(texts), object)
    out[:] = texts
    return out
