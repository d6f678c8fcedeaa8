"""How many times tests damage a file or make up an example: most of all where an access out of bounds is seen."""

from __future__ import annotations

import os


def _is_set(name):
    return os.environ.get(name, "0") != "0"


SHARE = 1 if _is_set("NUMBA_BOUNDSCHECK") else 2 if _is_set("NUMBA_DISABLE_JIT") else 4


def rounds(n):
    """`n` times under `make test-bounds`, half as often under `make test-nojit`, a fourth under `make test`."""
    return n // SHARE
