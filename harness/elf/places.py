"""Where addresses lie: the sections of a linked file by address, those of a relocatable file laid out by us.

All sections of a relocatable file (.o, .ko) are at address 0, so an address alone says nothing: the first function of
each section would be at 0. `lay_out` gives the sections that are loaded (SHF_ALLOC) addresses of their own, with which
symbols and DWARF are then relocated; all that works with the addresses of a linked file works with these, and `Places`
turns them back into (section, offset).
"""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np

from harness.elf import constants as c
from harness.errors import ElfError
from harness.model import NOWHERE

FIRST_ADDRESS = 0x10000
"""Where the first section of a relocatable file is laid out, so that 0 and small numbers are never addresses."""

GAP_NBYTES = 0x1000
"""Least number of bytes from the end of a section to the next one, so that a section's end is not the next one's start
and the address a few bytes before an entry is not in another section. Sections begin at multiples of it, so that
offsets can be read off addresses."""

def lay_out(sections, bits, path):
    """The sections of a relocatable file with distinct addresses instead of 0: list of Section.

    Sections that are loaded get addresses from FIRST_ADDRESS on in the order of the file, members of groups (COMDAT)
    and empty ones, too; a multiple of their alignment and of GAP_NBYTES. All others get 0.

    Parameters
    ----------
    sections : list of Section
    bits : {32, 64}
        Size of an address.
    path : str
        Of the file, for errors.

    Raises
    ------
    ElfError
        They do not fit into the address space.
    """
    out, free = [], FIRST_ADDRESS
    for section in sections:
        addr = 0
        if section.flags & c.SHF_ALLOC and section.type != c.SHT_NULL:
            align = section.align if section.align.bit_count() == 1 else 1  # what is no power of two means nothing
            align = max(align, GAP_NBYTES)
            addr = -(-free // align) * align
            free = addr + section.nbytes + GAP_NBYTES
            if free > 1 << bits:
                raise ElfError(f"expected sections that fit into an address space of {bits} bits, found one of "
                               f"{section.nbytes:#x} bytes aligned to {section.align:#x}", path, section.name, 0)
        out.append(section._replace(addr=addr))
    return out


class Places:
    """Finds the section of addresses.

    Parameters
    ----------
    sections : list of Section
        Those that are loaded may overlap, as .data..percpu does at address 0 in kernels for x86. An address then
        belongs to an executable section before others, to one of thread-local data last (.tbss takes no room), and
        among equals to the first in the file.
    """

    def __init__(self, sections):
        loaded = sorted((s.addr, not s.flags & c.SHF_EXECINSTR, bool(s.flags & c.SHF_TLS), s.index,
                         min(s.addr + s.nbytes, 1 << 64))
                        for s in sections if s.flags & c.SHF_ALLOC and s.type != c.SHT_NULL and s.nbytes)
        bounds = sorted({s[0] for s in loaded} | {s[4] for s in loaded if s[4] < 1 << 64})
        owners, open_sections, at = [], [], 0
        for bound in bounds:
            while at < len(loaded) and loaded[at][0] == bound:
                heappush(open_sections, loaded[at][1:])
                at += 1
            while open_sections and open_sections[0][3] <= bound:
                heappop(open_sections)
            owners.append(open_sections[0][2] if open_sections else NOWHERE)
        self._bounds = np.array(bounds, np.uint64)
        self._owners = np.array([NOWHERE, *owners], np.int32)
        self._addr = np.array([*(s.addr for s in sections), 0], np.uint64)  # the last one is NOWHERE's

    def __call__(self, addresses):
        """(section_index, offset) of addresses, int32 and uint64 (n,); see ElfImage.place."""
        addresses = np.asarray(addresses, np.uint64)
        section = self._owners[np.searchsorted(self._bounds, addresses, side="right")]
        return section, addresses - self._addr[section]
