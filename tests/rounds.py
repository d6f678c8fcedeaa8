"""How many times tests damage a file: all of them with bounds checks, where an access out of bounds is seen as one."""

from __future__ import annotations

import os

SHARE = 1 if os.environ.get("NUMBA_BOUNDSCHECK", "0") != "0" else 4


def rounds(n):
    """`n` times under `make test-bounds`, a fourth as often otherwise."""
    return n // SHARE
