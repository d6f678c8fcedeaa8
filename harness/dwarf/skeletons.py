"""Skeleton units (split DWARF, -gsplit-dwarf): what the program says of the units whose DIEs are in .dwo files.

Source: DWARF 5 sections 3.1.2 (skeleton units) and 7.3.2 (split DWARF); of DWARF 4 the GNU extension "DebugFission".
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.errors import DwarfError

LONGEST_ROOT = 4096
"""Bytes of a skeleton's DIE at most; compilers' have about 50."""

GNU_DWO_NAME = bytes([dw.DW_AT_GNU_dwo_name & 0x7F | 0x80, dw.DW_AT_GNU_dwo_name >> 7])
"""The attribute as .debug_abbrev has it."""

FIXED = {
    dw.DW_FORM_data1: 1, dw.DW_FORM_data2: 2, dw.DW_FORM_data4: 4, dw.DW_FORM_data8: 8, dw.DW_FORM_data16: 16,
    dw.DW_FORM_flag: 1, dw.DW_FORM_ref1: 1, dw.DW_FORM_ref2: 2, dw.DW_FORM_ref4: 4, dw.DW_FORM_ref8: 8,
    dw.DW_FORM_ref_sig8: 8, dw.DW_FORM_strx1: 1, dw.DW_FORM_strx2: 2, dw.DW_FORM_strx3: 3, dw.DW_FORM_strx4: 4,
    dw.DW_FORM_addrx1: 1, dw.DW_FORM_addrx2: 2, dw.DW_FORM_addrx3: 3, dw.DW_FORM_addrx4: 4,
    dw.DW_FORM_flag_present: 0,
}  # fmt: skip
OFFSETS = (dw.DW_FORM_strp, dw.DW_FORM_line_strp, dw.DW_FORM_sec_offset, dw.DW_FORM_ref_addr)
LEB = (dw.DW_FORM_udata, dw.DW_FORM_sdata, dw.DW_FORM_strx, dw.DW_FORM_addrx, dw.DW_FORM_rnglistx, dw.DW_FORM_loclistx,
       dw.DW_FORM_GNU_addr_index, dw.DW_FORM_GNU_str_index)
STRINGS = {dw.DW_FORM_strp: "str", dw.DW_FORM_line_strp: "line_str"}
STRING_INDEXES = (dw.DW_FORM_strx, dw.DW_FORM_strx1, dw.DW_FORM_strx2, dw.DW_FORM_strx3, dw.DW_FORM_strx4,
                  dw.DW_FORM_GNU_str_index)
ADDRESS_INDEXES = (dw.DW_FORM_addrx, dw.DW_FORM_addrx1, dw.DW_FORM_addrx2, dw.DW_FORM_addrx3, dw.DW_FORM_addrx4,
                   dw.DW_FORM_GNU_addr_index)


class Skeleton(NamedTuple):
    """What a skeleton unit says.

    Attributes
    ----------
    unit : int
        Its row.
    dwo_id : int
        That of the unit with its DIEs.
    name, comp_dir : str
        The .dwo file, and what a relative name is relative to.
    addr_base, ranges_base, low_pc : int
        What the unit with the DIEs has from here; 0 if not said.
    line_off : int
        Its line number program, -1 without.
    """

    unit: int
    dwo_id: int
    name: str
    comp_dir: str
    addr_base: int
    ranges_base: int
    low_pc: int
    line_off: int


def skeletons_of(files, info, units):
    """The Skeletons of a program, list; `units` are the headers of its units.

    Raises
    ------
    DwarfError
        A skeleton's DIE reaches past its unit, or has an unknown form or an offset past its section.
    """
    candidates = units[:, sc.U_UNIT_TYPE] == dw.DW_UT_skeleton
    old = (units[:, sc.U_VERSION] < 5) & (units[:, sc.U_FILE] == 0)
    if not candidates.any() and not old.any():
        return []
    abbrevs = files.parts[0].contents("abbrev").tobytes()
    if GNU_DWO_NAME in abbrevs:
        candidates |= old & (units[:, sc.U_UNIT_TYPE] == dw.DW_UT_compile)
    candidates &= units[:, sc.U_FILE] == 0
    reader = Roots(info, files.parts[0], abbrevs)
    found = []
    for u in np.flatnonzero(candidates).tolist():
        made = reader.skeleton(u, units[u])
        if made is not None:
            found.append(made)
    return found


def is_split(units):
    """Which units are of .dwo files, bool; `units` as the walk has them."""
    return np.isin(units[:, sc.U_UNIT_TYPE], (dw.DW_UT_split_compile, dw.DW_UT_split_type))


def lend(files, info, units, skeletons):
    """Give the units of .dwo files what their skeletons say for them, in place.

    Raises
    ------
    DwarfError
        A skeleton's unit is not in the file that it names, or a unit there is no skeleton's: it is of another build.
    """
    by_id = {skeleton.dwo_id: skeleton for skeleton in skeletons}
    named = {os.path.basename(skeleton.name): skeleton for skeleton in skeletons}
    readers, left = {}, dict(by_id)
    for u in range(len(units)):
        file = int(units[u, sc.U_FILE])
        part = files.parts[file]
        if not part.suffix or units[u, sc.U_UNIT_TYPE] in (dw.DW_UT_type, dw.DW_UT_split_type):
            continue
        if file not in readers:
            readers[file] = Roots(info, part, part.contents("abbrev").tobytes())
        dwo_id = readers[file].dwo_id(units[u])
        if dwo_id not in by_id:
            wanted = named.get(os.path.basename(part.image.path), skeletons[0])
            raise DwarfError(f"expected the .dwo file with unit {wanted.dwo_id:#018x}, as {files.parts[0].image.path} "
                             f"names it (-gsplit-dwarf), found {dwo_id:#018x}: it is of another build",
                             part.image.path, info.section_name(int(units[u, sc.U_START])))
        skeleton = by_id[dwo_id]
        left.pop(dwo_id, None)
        units[u, sc.U_UNIT_TYPE] = dw.DW_UT_split_compile
        units[u, sc.U_LENT_ADDR_BASE] = skeleton.addr_base
        units[u, sc.U_LENT_RANGES_BASE] = skeleton.ranges_base
        units[u, sc.U_LENT_LOW_PC] = np.uint64(skeleton.low_pc).view(np.int64)
        units[u, sc.U_SIGNATURE] = np.uint64(dwo_id & 2**64 - 1).view(np.int64)
    for skeleton in left.values():
        raise DwarfError(f"expected the unit {skeleton.dwo_id:#018x} in {skeleton.name!r} (-gsplit-dwarf), found none",
                         files.parts[0].image.path, ".debug_info")


def line_programs(units, skeletons):
    """(where the line number program of each unit is, in which file), int64 (units,) each.

    A unit of a .dwo file has its skeleton's, which is in the program.
    """
    line_off, file = units[:, sc.U_LINE_OFF].copy(), units[:, sc.U_FILE].copy()
    if skeletons:
        by_id = {skeleton.dwo_id: skeleton.line_off for skeleton in skeletons}
        split = np.flatnonzero(units[:, sc.U_UNIT_TYPE] == dw.DW_UT_split_compile)
        line_off[split] = [by_id[int(dwo_id)] for dwo_id in units[split, sc.U_SIGNATURE].view(np.uint64)]
        file[split] = 0
    return line_off, file


class Roots:
    """Reads units' own DIEs.

    Parameters
    ----------
    info : harness.dwarf.sections.InfoBytes
    part : harness.dwarf.files.Part
        The file that the units are of.
    abbrevs : bytes
        Its .debug_abbrev.
    """

    def __init__(self, info, part, abbrevs):
        self._info, self._part, self._abbrevs = info, part, abbrevs
        self._order = "little" if info.little_endian else "big"
        self._sections = {}

    def skeleton(self, u, unit):
        """The Skeleton of unit `u`, whose header is the row `unit`, or None if it is none."""
        at = self._attributes(unit)
        name = at.get(dw.DW_AT_dwo_name, at.get(dw.DW_AT_GNU_dwo_name))
        if name is None:
            return None
        str_base = self._number(at, dw.DW_AT_str_offsets_base, 8 if unit[sc.U_VERSION] >= 5 else 0)
        addr_base = self._number(at, dw.DW_AT_addr_base, self._number(at, dw.DW_AT_GNU_addr_base, 0))
        line = at.get(dw.DW_AT_stmt_list)
        comp_dir = at.get(dw.DW_AT_comp_dir)
        return Skeleton(u, self.dwo_id(unit, at), self._text(unit, name, str_base),
                        "" if comp_dir is None else self._text(unit, comp_dir, str_base), addr_base,
                        self._number(at, dw.DW_AT_GNU_ranges_base, 0), self._address(unit, at, addr_base),
                        -1 if line is None else line[1])

    def dwo_id(self, unit, attributes=None):
        """What ties a skeleton to the unit with its DIEs: in the header of either, or an attribute before DWARF 5."""
        if unit[sc.U_VERSION] >= 5:
            return int(unit[sc.U_SIGNATURE].view(np.uint64))
        at = self._attributes(unit) if attributes is None else attributes
        return self._number(at, dw.DW_AT_GNU_dwo_id, -1)

    def _attributes(self, unit):
        """{attribute: (form, value)} of a unit's own DIE; the value of a string in place is its bytes."""
        start = int(unit[sc.U_DIE_OFF])
        data = self._info.head(start, min(LONGEST_ROOT, int(unit[sc.U_STOP]) - start))
        code, at = self._uleb(data, 0, unit)
        found = {}
        for attribute, form, const in self._specs(unit, code) if code else ():
            if form == dw.DW_FORM_implicit_const:
                found[attribute] = form, const
                continue
            if form == dw.DW_FORM_indirect:
                form, at = self._uleb(data, at, unit)
            value, at = self._value(data, at, form, unit)
            found[attribute] = form, value
        return found

    def _specs(self, unit, wanted):
        """(attribute, form, constant) of an abbreviation."""
        data, at = self._abbrevs, int(unit[sc.U_ABBREV_OFF])
        while True:
            code, at = self._uleb(data, at, unit)
            _, at = self._uleb(data, at, unit)
            at += 1
            specs = []
            while True:
                attribute, at = self._uleb(data, at, unit)
                form, at = self._uleb(data, at, unit)
                const = 0
                if form == dw.DW_FORM_implicit_const:
                    const, at = self._uleb(data, at, unit)
                if attribute == form == 0:
                    break
                specs.append((attribute, form, const))
            if code == wanted:
                return specs
            if code == 0:
                raise self._wrong(unit, f"an abbreviation code of the unit's table, found {wanted}")

    def _wrong(self, unit, what):
        start = int(unit[sc.U_DIE_OFF])
        return DwarfError(f"expected {what}", self._info.path(start), self._info.section_name(start),
                          self._info.section_offset(start))

    def _uleb(self, data, at, unit):
        value = shift = 0
        while at < len(data) and shift < 70:
            value |= (data[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 0x80:
                return value, at
        raise self._wrong(unit, "a unit's DIE within its unit, found one that reaches past its end")

    def _value(self, data, at, form, unit):
        if form in LEB:
            return self._uleb(data, at, unit)
        if form == dw.DW_FORM_string:
            stop = data.find(b"\0", at)
            nbytes, behind = stop - at, stop + 1
        else:
            if form in FIXED:
                nbytes = FIXED[form]
            elif form in OFFSETS:
                nbytes = int(unit[sc.U_OFFSET_SIZE])
            elif form == dw.DW_FORM_addr:
                nbytes = int(unit[sc.U_ADDRESS_SIZE])
            elif form == dw.DW_FORM_exprloc:
                nbytes, at = self._uleb(data, at, unit)
            else:
                raise self._wrong(unit, f"a form that unit DIEs have, found DW_FORM {form:#x}")
            behind = at + nbytes
        if nbytes < 0 or behind > len(data):
            raise self._wrong(unit, "a unit's DIE within its unit, found one that reaches past its end")
        value = data[at : at + nbytes]
        return value if form == dw.DW_FORM_string else int.from_bytes(value, self._order), behind

    @staticmethod
    def _number(attributes, attribute, default):
        value = attributes.get(attribute, (0, default))[1]
        within = isinstance(value, int) and (value < int(sc.MAX_OFF) or attribute == dw.DW_AT_GNU_dwo_id)
        return value if within else default

    def _section(self, name):
        if name not in self._sections:
            self._sections[name] = self._part.contents(name).tobytes()
        return self._sections[name]

    def _entry(self, unit, name, at, nbytes):
        data = self._section(name)
        if at + nbytes > len(data):
            raise self._wrong(unit, f"an index within .debug_{name}, found one past its end")
        return int.from_bytes(data[at : at + nbytes], self._order)

    def _text(self, unit, attribute, str_base):
        form, value = attribute
        if form == dw.DW_FORM_string:
            return os.fsdecode(value)
        if form in STRING_INDEXES:
            size = int(unit[sc.U_OFFSET_SIZE])
            form, value = dw.DW_FORM_strp, self._entry(unit, "str_offsets", str_base + value * size, size)
        if form not in STRINGS:
            raise self._wrong(unit, f"a form of strings, found DW_FORM {form:#x}")
        data = self._section(STRINGS[form])
        stop = data.find(b"\0", value) if value < len(data) else -1
        if stop < 0:
            raise self._wrong(unit, f"an offset within the string section, found {value:#x}")
        return os.fsdecode(data[value:stop])

    def _address(self, unit, attributes, addr_base):
        form, value = attributes.get(dw.DW_AT_low_pc, (0, 0))
        if form in ADDRESS_INDEXES:
            size = int(unit[sc.U_ADDRESS_SIZE])
            header = 0 if unit[sc.U_VERSION] < 5 else 16 if unit[sc.U_OFFSET_SIZE] == 8 else 8
            return self._entry(unit, "addr", (addr_base or header) + value * size, size)
        return value
