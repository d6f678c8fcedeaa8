"""Strings of a blob, many at a time."""

import numpy as np
import pytest

from harness.model.strings import begins

TEXTS = (b"", b"a", b"ab", b"abc", b"b", b"xab", b"abx", b"address=0x1", b"\xffa")
BLOB = np.frombuffer(b"\0".join([*TEXTS, b""]), np.uint8)


@pytest.mark.parametrize("prefix", (b"", b"a", b"ab", b"abc", b"abcd", b"\xff", b"x", b"address=0x", b"a" * 99))
def test_begins__as_bytes_say(prefix):
    """At every offset, also inside strings and at the end of the blob."""
    whole = BLOB.tobytes()
    found = begins(BLOB, np.arange(len(BLOB), dtype=np.uint32), prefix)
    assert found.tolist() == [whole[off:].split(b"\0")[0].startswith(prefix) for off in range(len(whole))]


def test_begins__of_no_strings_is_empty():
    assert begins(np.zeros(1, np.uint8), np.zeros(0, np.uint32), b"a").tolist() == []
