"""Symbol tables as numpy arrays (System V gABI 4.1, chapter 4, "Symbol Table")."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.elf import constants as c
from harness.elf.descriptors import with_code
from harness.errors import ElfError


class SymbolTable(NamedTuple):
    """Defined symbols of .symtab in file order, or of .dynsym in a file that has no other table.

    Attributes
    ----------
    name_off : uint32 (symbols,)
        Offset of the symbol's name in `strtab`.
    value, size : uint64 (symbols,)
        st_value (an address, bytes) and st_size (bytes). In a relocatable file, where st_value counts from the start of
        the symbol's section, the synthetic address of that section is added (harness.elf.places).
    type, bind : uint8 (symbols,)
        STT_* and STB_*.
    shndx : uint32 (symbols,)
        Index of the section the symbol lies in, also beyond 65,279 (SHN_XINDEX); a number that stands for no section,
        such as SHN_ABS, has RESERVED added.
    strtab : uint8 (nbytes,)
        The string table; ends with NUL.
    """

    name_off: np.ndarray
    value: np.ndarray
    size: np.ndarray
    type: np.ndarray
    bind: np.ndarray
    shndx: np.ndarray
    strtab: np.ndarray

    def rows_named(self, name):
        """The rows of symbols of exactly this name, bytes: int64 (n,). It may be the tail of another string."""
        text, offs, at = self.strtab.tobytes(), [], -1
        while (at := text.find(name + b"\0", at + 1)) >= 0:
            offs.append(at)
        return np.flatnonzero(np.isin(self.name_off, offs))


class Rows(NamedTuple):
    """All rows of a symbol table, undefined ones too, as relocations count them.

    Attributes
    ----------
    rows : structured (symbols,)
        As in the file, with the fields name, info, other, shndx, value, size.
    shndx : uint32 (symbols,)
    value : uint64 (symbols,)
        Both as in SymbolTable.
    """

    rows: np.ndarray
    shndx: np.ndarray
    value: np.ndarray


def read_rows(image, section):
    """The Rows of a section of symbols.

    Parameters
    ----------
    image : harness.elf.ElfImage
    section : Section
        SHT_SYMTAB or SHT_DYNSYM.

    Raises
    ------
    ElfError
        The table, or that of its extended section numbers (SHT_SYMTAB_SHNDX), reaches past the file; that of the
        numbers is missing, too short or names a section that does not exist; in a relocatable file, a symbol lies in a
        section that does not exist.
    """
    end = "<" if image.little_endian else ">"
    if image.bits == 64:
        fields = [("name", end + "u4"), ("info", "u1"), ("other", "u1"), ("shndx", end + "u2"), ("value", end + "u8"),
                  ("size", end + "u8")]
    else:
        fields = [("name", end + "u4"), ("value", end + "u4"), ("size", end + "u4"), ("info", "u1"), ("other", "u1"),
                  ("shndx", end + "u2")]
    dtype = np.dtype(fields)
    data = image.read(section)
    rows = data[: len(data) // dtype.itemsize * dtype.itemsize].view(dtype)
    shndx = _section_numbers(image, section, rows["shndx"].astype(np.uint32))
    value = rows["value"].astype(np.uint64)
    if image.machine == "EM_ARM":
        # bit 0 says Thumb code and is no part of the address (ELF for the Arm Architecture, section 5.5.3)
        value &= ~((rows["info"] & np.uint8(15)) == c.STT_FUNC).astype(np.uint64)
    if image.relocatable:
        placed = shndx < c.RESERVED
        if placed.any() and int(shndx[placed].max()) >= len(image.sections):
            at = int(np.flatnonzero(placed & (shndx >= len(image.sections)))[0])
            raise ElfError(f"expected st_shndx below {len(image.sections)}, found {int(shndx[at])}", image.path,
                           section.name, at * dtype.itemsize)
        base = np.array([s.addr for s in image.sections], np.uint64)
        value += base[np.where(placed, shndx, 0)]
    return Rows(rows, shndx, value)


def _section_numbers(image, section, shndx):
    """The numbers in st_shndx with SHN_XINDEX resolved and RESERVED added to what stands for no section."""
    special = np.flatnonzero(shndx >= c.SHN_LORESERVE)
    if not len(special):
        return shndx
    extended = special[shndx[special] == c.SHN_XINDEX]
    shndx[special] += np.uint32(c.RESERVED)
    if len(extended):
        table = next((s for s in image.sections if s.type == c.SHT_SYMTAB_SHNDX and s.link == section.index), None)
        if table is None:
            raise ElfError("expected a section SHT_SYMTAB_SHNDX for st_shndx 0xffff, found none", image.path,
                           section.name, 0)
        numbers = image.words(image.read(table), 4)
        if int(extended[-1]) >= len(numbers):
            raise ElfError(f"expected section numbers for {int(extended[-1]) + 1} symbols, found {len(numbers)}",
                           image.path, table.name, 4 * len(numbers))
        numbers = numbers[extended].astype(np.uint32)
        if int(numbers.max()) >= len(image.sections):
            at = int(extended[np.argmax(numbers)])
            raise ElfError(f"expected section numbers below {len(image.sections)}, found {int(numbers.max())}",
                           image.path, table.name, 4 * at)
        shndx[extended] = numbers
    return shndx


def read_symbols(image):
    """The SymbolTable of a file: the defined symbols of its .symtab, else of its .dynsym, else none.

    The symbols of functions are at their code, also where the file has them at function descriptors.

    Raises
    ------
    ElfError
        As `read_rows` and `with_code`; there are several (System V gABI 4.1, chapter 4: one at most); sh_link names no
        string table, or one that cannot be read or in which a name does not lie.
    """
    tables = [s for s in image.sections if s.type == c.SHT_SYMTAB]
    if len(tables) > 1:
        raise ElfError(f"expected one section SHT_SYMTAB, found {len(tables)}: {', '.join(s.name for s in tables)}",
                       image.path)
    tables = tables or [s for s in image.sections if s.type == c.SHT_DYNSYM]
    if not tables:
        u1, u4, u8 = (np.zeros(0, t) for t in (np.uint8, np.uint32, np.uint64))
        return SymbolTable(u4, u8, u8, u1, u1, u4, np.zeros(1, np.uint8))
    section = tables[0]
    whole = image.symbol_rows(section)
    linked = image.sections[section.link] if section.link < len(image.sections) else None
    if linked is None or linked.type != c.SHT_STRTAB:
        raise ElfError(f"expected sh_link to name a string table, found section {section.link}"
                       f"{f', {linked.name}' if linked is not None and linked.name else ''}", image.path, section.name)
    defined = whole.shndx != c.SHN_UNDEF
    # column by column: copying rows costs forty times as much
    name, size, info = (np.ascontiguousarray(whole.rows[field])[defined] for field in ("name", "size", "info"))
    strtab = image.read(image.sections[section.link])
    if len(strtab) == 0 or strtab[-1] != 0:
        strtab = np.append(strtab, np.uint8(0))
    if len(name) and int(name.max()) >= len(strtab):
        raise ElfError(f"expected st_name below {len(strtab)}, found {int(name.max())}", image.path, section.name)
    return with_code(image, SymbolTable(
        name.astype(np.uint32), whole.value[defined], size.astype(np.uint64), info & np.uint8(15),
        info >> np.uint8(4), whole.shndx[defined], strtab))
