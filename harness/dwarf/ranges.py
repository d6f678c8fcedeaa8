"""The ranges of single functions, for those few whose entry is not at the start of the first one."""

from __future__ import annotations

import numpy as np

from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.dwarf.sections import contents
from harness.errors import DwarfError

RANGE_COLUMNS = (sc.U_VERSION, sc.U_ADDRESS_SIZE, sc.U_LOW_PC, sc.U_ADDR_BASE, sc.U_FILE)
"""What reading a unit's ranges takes of the unit."""

WORK_PER_BYTE = 4
"""How many entries are read for each byte of the section: lists may be shared, but not without end."""


def bases_of(units):
    """RANGE_COLUMNS of the units, int64 (units, len(RANGE_COLUMNS)); `units` as the walk has them."""
    return units[:, RANGE_COLUMNS]


def lists_apart(files):
    """The .debug_rnglists of those files of a DwarfFiles that are .dwo files, dict of int to bytes."""
    return {number: part.contents("rnglists").tobytes() for number, part in enumerate(files.parts) if part.suffix}


def code_ranges(image, walk, dies):
    """The ranges of functions that have DW_AT_ranges.

    Parameters
    ----------
    image : harness.elf.ElfImage
    walk : harness.dwarf.Walk
    dies : int64 (n,)
        Rows of its Functions with FN_RANGES.

    Returns
    -------
    owner : int64 (ranges,)
        Index in `dies`, ascending.
    low, high : uint64 (ranges,)
        Addresses, half-open; in the order of the list, without the empty ones.

    Raises
    ------
    DwarfError
        A list leaves its section, has an unknown entry or an address that is not there; or many lists share entries.

    Source: DWARF 4 section 2.17.3, DWARF 5 sections 2.17.3 and 7.25.
    """
    owner, low, high = [], [], []
    if len(dies):
        reader = _Reader(image, walk.range_lists)
        bases = walk.unit_bases[walk.functions.unit[dies]].tolist()
        for k, (at, unit) in enumerate(zip(walk.functions.ranges_off[dies].tolist(), bases, strict=True)):
            for first, last in reader.ranges(at, *unit):
                if first < last:
                    owner.append(k)
                    low.append(first)
                    high.append(last)
    return np.array(owner, np.int64), np.array(low, np.uint64), np.array(high, np.uint64)


class _Reader:
    """Reads lists of either version; each section once."""

    def __init__(self, image, apart):
        self._image = image
        self._sections = {}
        self._apart = {f"rnglists of file {number}": data for number, data in apart.items()}
        self._order = image.byteorder

    def _bytes(self, name):
        if name not in self._sections:
            data = self._apart[name] if name in self._apart else contents(self._image, name).tobytes()
            self._sections[name] = [data, WORK_PER_BYTE * len(data) + 1024]
        return self._sections[name][0]

    def _wrong(self, name, at, what="a range list within its section, found its end or an unknown entry"):
        return DwarfError(f"expected {what}", self._image.path, f".debug_{name}", max(at, 0))

    def _count(self, name, at):
        self._sections[name][1] -= 1
        if self._sections[name][1] < 0:
            raise self._wrong(name, at, "lists that overlap little, found many that share their entries")

    def _word(self, name, at, nbytes):
        data = self._bytes(name)
        if at < 0 or at + nbytes > len(data):
            raise self._wrong(name, at)
        return int.from_bytes(data[at : at + nbytes], self._order), at + nbytes

    def _uleb(self, name, at):
        value = shift = 0
        while True:
            byte, at = self._word(name, at, 1)
            value |= (byte & 0x7F) << shift if shift < 64 else 0
            shift += 7
            if byte < 0x80:
                return value & (1 << 64) - 1, at

    def ranges(self, at, version, size, low_pc, addr_base, file):
        """The ranges of the list at an offset, (low, high) each; `low_pc` is the unit's."""
        top, base = (1 << 8 * size) - 1, low_pc & (1 << 64) - 1
        if version < 5:
            yield from self._ranges_4(at, size, base, top)
            return
        name = f"rnglists of file {file}"
        name = name if name in self._apart else "rnglists"
        while True:
            self._bytes(name)
            self._count(name, at)
            start = at
            kind, at = self._word(name, at, 1)
            if kind == dw.DW_RLE_end_of_list:
                return
            if kind == dw.DW_RLE_base_addressx:
                index, at = self._uleb(name, at)
                base = self._address(index, addr_base, size)
            elif kind == dw.DW_RLE_base_address:
                base, at = self._word(name, at, size)
            elif kind == dw.DW_RLE_offset_pair:
                first, at = self._uleb(name, at)
                last, at = self._uleb(name, at)
                yield base + first & top, base + last & top
            elif kind in (dw.DW_RLE_startx_endx, dw.DW_RLE_startx_length):
                first, at = self._uleb(name, at)
                last, at = self._uleb(name, at)
                first = self._address(first, addr_base, size)
                yield first, (self._address(last, addr_base, size) if kind == dw.DW_RLE_startx_endx
                              else first + last & top)
            elif kind == dw.DW_RLE_start_end:
                first, at = self._word(name, at, size)
                last, at = self._word(name, at, size)
                yield first, last
            elif kind == dw.DW_RLE_start_length:
                first, at = self._word(name, at, size)
                nbytes, at = self._uleb(name, at)
                yield first, first + nbytes & top
            else:
                raise self._wrong(name, start)

    def _ranges_4(self, at, size, base, top):
        name = "ranges"
        while True:
            self._bytes(name)
            self._count(name, at)
            first, at = self._word(name, at, size)
            last, at = self._word(name, at, size)
            if first == last == 0:
                return
            if first == top:
                base = last
            else:
                yield base + first & top, base + last & top

    def _address(self, index, base, size):
        return self._word("addr", base + index * size, size)[0]
