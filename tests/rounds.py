"""How many times tests damage a file or make up an example: most of all where an access out of bounds is seen."""

from __future__ import annotations

import os

SHARE = 1 if any(os.environ.get(name, "0") != "0" for name in ("NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT")) else 4


def rounds(n):
    """`n` times under `make test-bounds` and `make test-nojit`, a fourth as often under `make test`."""
    return n // SHARE
