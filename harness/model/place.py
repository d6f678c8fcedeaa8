"""Where code is: a section of the ELF file and an offset in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

NOWHERE = -1
"""Section of what is nowhere; its offset means nothing."""

ABSOLUTE = 0
"""Section of an address that lies in none of a linked file (ELF has no section 0): the offset is the address."""


class Place(NamedTuple):
    """Places of code; address 0 is one like any other.

    Attributes
    ----------
    section : int32 (n,)
        Index of the ELF section, ABSOLUTE or NOWHERE.
    offset : uint64 (n,)
        Bytes from the section's start.
    """

    section: np.ndarray
    offset: np.ndarray

    @property
    def known(self):
        """Which are somewhere, bool (n,)."""
        return self.section != NOWHERE

    def take(self, rows):
        """The Place of some rows."""
        return Place(self.section[rows], self.offset[rows])
