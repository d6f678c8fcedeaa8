"""Where a program's code is loaded: what a reader of BTF knows beside the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Image(NamedTuple):
    """What an encoding may count addresses from.

    A running kernel has all of it in kallsyms and in the addresses of its sections; here it is as the linker placed it.

    Attributes
    ----------
    base : int
        Where the image begins, bytes: see harness.program.base.
    sections : dict of int to (str, int)
        Name and address of each section with code, by ELF index.
    symbols : callable
        () -> dict of str to list of int: by name of a function symbol, as a whole, its addresses, ascending, each place
        once. Names whose addresses are not all known are not in it.
    """

    base: int = 0
    sections: dict[int, tuple[str, int]] = {}
    symbols: Callable[[], dict[str, list[int]]] = dict

    def offsets(self, address: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Offsets from the base: (uint32 (n,), bool (n,)), the second whether 32 bits can say it."""
        return u32_offsets(address, np.uint64(self.base))


def u32_offsets(address: np.ndarray, start: np.ndarray | np.uint64) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of addresses, uint64 (n,), from `start`: (uint32 (n,), bool (n,)), the second whether 32 bits can say it.

    One that does not fit is given as 0.
    """
    offset = address - start  # wraps where the address is below, and then does not fit
    fits = offset <= np.uint64(0xFFFFFFFF)
    return np.where(fits, offset, 0).astype(np.uint32), fits
