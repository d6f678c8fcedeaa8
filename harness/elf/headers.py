"""The file header and the section headers of an ELF file (System V gABI 4.1, chapter 4)."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from harness.elf import constants as c
from harness.elf.boot_images import what_it_is
from harness.errors import ElfError

LONGEST_NAME = 4096
"""Longest name of a section."""

HEADER_NBYTES = {32: 52, 64: 64}
SECTION_NBYTES = {32: 40, 64: 64}
SECTION_FIELDS = ("name", "type", "flags", "addr", "offset", "nbytes", "link", "info", "align", "entsize")
WIDE = ("flags", "addr", "offset", "nbytes", "align", "entsize")
"""Fields of a section header that are as wide as an address."""


class Section(NamedTuple):
    """A section header without sh_entsize; `offset` is that in the file, `offset`, `nbytes` and `align` are in bytes.

    In a relocatable file `addr` is the synthetic address that harness.elf.places gives a section that is loaded.
    """

    index: int
    name: str
    type: int
    flags: int
    addr: int
    offset: int
    nbytes: int
    link: int
    info: int
    align: int


class FileHeader(NamedTuple):
    """What the file header says.

    Attributes
    ----------
    bits : {32, 64}
    little_endian : bool
    type, machine : str
        As the ABIs spell them (ET_REL, EM_X86_64), or the number of an unknown one.
    shoff : int
        File offset of the section headers, bytes.
    shnum, shstrndx : int
        Number of sections and the section of their names, as they stand there: see `read_sections`.
    """

    bits: int
    little_endian: bool
    type: str
    machine: str
    shoff: int
    shnum: int
    shstrndx: int


def read_header(read, path):
    """The FileHeader.

    Parameters
    ----------
    read : callable
        (offset, bytes) -> bytes, fewer at the end of the file.
    path : str
        Of the file, for errors.

    Returns
    -------
    FileHeader

    Raises
    ------
    ElfError
        The file is not ELF, is of an unknown class or byte order, ends within the header, or has a header or section
        headers of another size than its class.
    """
    data = read(0, 64)
    if data[:4] != c.ELFMAG:
        found = what_it_is(read) or data[:4].hex(" ") or "an empty file"
        raise ElfError(f"expected an ELF file (7f 45 4c 46), found {found}", path, offset=0)
    bits = {b"\1": 32, b"\2": 64}.get(data[4:5])
    end = {b"\1": "<", b"\2": ">"}.get(data[5:6])
    if bits is None or end is None:
        raise ElfError(f"expected valid ELF headers, found class {data[4:5].hex()} and byte order {data[5:6].hex()}",
                       path, offset=0)
    if len(data) < HEADER_NBYTES[bits]:
        raise ElfError(f"expected valid ELF headers, found the end of the file after {len(data)} bytes", path, offset=0)
    fields = struct.unpack_from(end + ("HHIQQQIHHHHHH" if bits == 64 else "HHIIIIIHHHHHH"), data, 16)
    e_type, e_machine, _, _, _, shoff, _, ehsize, _, _, shentsize, shnum, shstrndx = fields
    if ehsize != HEADER_NBYTES[bits]:  # a wrong class makes nonsense of all that follows
        raise ElfError(f"expected e_ehsize {HEADER_NBYTES[bits]} in a file of {bits} bits, found {ehsize}", path,
                       offset=52 if bits == 64 else 40)
    if shoff == 0:
        shnum = shstrndx = 0
    elif shentsize != SECTION_NBYTES[bits]:
        raise ElfError(f"expected e_shentsize {SECTION_NBYTES[bits]}, found {shentsize}", path,
                       offset=58 if bits == 64 else 46)
    types, machines = _names()
    return FileHeader(bits, end == "<", types.get(e_type, str(e_type)), machines.get(e_machine, str(e_machine)), shoff,
                      shnum, shstrndx)


def read_sections(read, header, file_nbytes, path):
    """The section headers, list of Section by index; empty if there are none.

    A file with 0xff00 sections or more keeps their number in the first header's sh_size, and the section of their
    names in its sh_link (System V gABI 4.1, chapter 4, "Section Header").

    Parameters
    ----------
    read, path
        As in `read_header`.
    header : FileHeader
    file_nbytes : int
        Size of the file, bytes.

    Raises
    ------
    ElfError
        The headers or the names reach past the end of the file, or a name is not in the section of names or is longer
        than LONGEST_NAME.
    """
    if header.shoff == 0:
        return []
    end = "<" if header.little_endian else ">"
    word = end + f"u{header.bits // 8}"
    dtype = np.dtype([(name, word if name in WIDE else end + "u4") for name in SECTION_FIELDS])

    def table(n):
        if header.shoff + n * dtype.itemsize > file_nbytes:
            raise ElfError(f"expected {n} section headers, found the end of the file: is it truncated?", path,
                           offset=min(header.shoff, file_nbytes))
        data = read(header.shoff, n * dtype.itemsize)
        if len(data) != n * dtype.itemsize:
            raise ElfError("expected section headers, found the end of the file: is it truncated?", path,
                           offset=header.shoff)
        return np.frombuffer(data, dtype)

    n_sections, names_id = header.shnum, header.shstrndx
    if n_sections == 0 or names_id == c.SHN_XINDEX:
        first = table(1)[0]
        n_sections = n_sections or int(first["nbytes"])
        names_id = int(first["link"]) if names_id == c.SHN_XINDEX else names_id
    rows = table(n_sections)

    def wrong(message, index):
        return ElfError(message, path, offset=header.shoff + index * dtype.itemsize)

    names = bytes(1)
    if 0 < names_id < n_sections:
        at, nbytes = int(rows["offset"][names_id]), int(rows["nbytes"][names_id])
        if at + nbytes > file_nbytes or rows["type"][names_id] == c.SHT_NOBITS:
            raise wrong("expected the section names within the file, found them past its end: is it truncated?",
                        names_id)
        names = read(at, nbytes)
    out = []
    columns = [rows[field].tolist() for field in SECTION_FIELDS[:-1]]
    for i, (name_off, *others) in enumerate(zip(*columns, strict=True)):
        name = ""
        if i:
            stop = names.find(b"\0", name_off, name_off + LONGEST_NAME)
            if stop < 0:
                raise wrong(f"expected the name of section {i} in the string table of {len(names)} bytes, found offset "
                            f"{name_off:#x}", i)
            name = names[name_off:stop].decode("utf-8", "backslashreplace")
        out.append(Section(i, name, *others))
    return out


def _names():
    """Names of the numbers in e_type and e_machine: ({number: name}, {number: name})."""
    from elftools.elf.enums import ENUM_E_MACHINE, ENUM_E_TYPE

    return tuple({number: name for name, number in names.items() if isinstance(number, int)}
                 for names in (ENUM_E_TYPE, ENUM_E_MACHINE))
