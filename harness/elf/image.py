"""One ELF file: its header, sections (also compressed or relocatable), symbols, and where addresses lie in it."""

from __future__ import annotations

import os
import struct

import numpy as np

from harness.elf.constants import (
    SHF_ALLOC,
    SHT_CREL,
    SHT_NOBITS,
    SHT_NOTE,
    SHT_PROGBITS,
    SHT_REL,
    SHT_RELA,
    SHT_RELR,
    SHT_SYMTAB,
    STT_FUNC,
    STT_OBJECT,
)
from harness.elf.headers import read_header, read_sections
from harness.elf.inflate import inflate, is_compressed
from harness.elf.places import Places, lay_out
from harness.elf.relocate import relocate
from harness.elf.symbols import read_rows, read_symbols
from harness.errors import ElfError

__all__ = ["SHF_ALLOC", "SHT_NOBITS", "SHT_PROGBITS", "STT_FUNC", "STT_OBJECT", "ElfImage"]


DEBUG = (".debug_", ".zdebug_")
"""How the names of sections of DWARF begin."""


class ElfImage:
    """An ELF file opened for reading; a context manager.

    Parameters
    ----------
    path : path-like

    Attributes
    ----------
    path : str
    bits : {32, 64}
    little_endian, relocatable : bool
        The byte order; whether it is ET_REL: an object or a module, not linked.
    machine, type : str
        e_machine and e_type as the ABIs spell them, or their numbers.
    sections : list of Section
        By index. Of a relocatable file, those that are loaded have the synthetic addresses of harness.elf.places.
    file_nbytes : int

    Raises
    ------
    ElfError
        The file cannot be opened or read, is not ELF, or its headers are malformed; the sections of a relocatable file
        do not fit into the address space.

    Notes
    -----
    Bytes are read with pread, never mapped: a file truncated while mapped would kill the process, and mapped pages
    would count towards our peak memory.
    """

    def __init__(self, path):
        self.path = os.fspath(path)
        try:
            self._file = open(self.path, "rb")
        except OSError as err:
            raise ElfError(f"cannot be opened: {err.strerror}", self.path) from err
        try:
            self._parse()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the file."""
        self._file.close()

    def _parse(self):
        def read(offset, nbytes):
            return os.pread(self._file.fileno(), nbytes, offset)

        try:
            self.file_nbytes = os.fstat(self._file.fileno()).st_size
            header = read_header(read, self.path)
            sections = read_sections(read, header, self.file_nbytes, self.path)
        except OSError as err:
            raise ElfError(f"cannot be read: {err.strerror}", self.path) from err
        self.bits, self.little_endian = header.bits, header.little_endian
        self.type, self.machine = header.type, header.machine
        self.relocatable = header.type == "ET_REL"
        self.sections = lay_out(sections, self.bits, self.path) if self.relocatable else sections
        self._by_name = {}
        for section in self.sections:
            self._by_name.setdefault(section.name, section)
        self._relocations = {}  # sections of relocations by the section they are for
        if self.relocatable:
            for section in self.sections:
                if section.type in (SHT_RELA, SHT_REL, SHT_RELR, SHT_CREL):
                    self._check_target(section)
                    self._relocations.setdefault(section.info, []).append(section)
        self._rows = {}
        self._places = None

    def _check_target(self, table):
        """Raise an ElfError if a section of relocations has the name of one of debug sections, and is for another."""
        name = table.name.removeprefix(".rela").removeprefix(".rel")
        target = self.sections[table.info].name if table.info < len(self.sections) else ""
        if name != target and (name.startswith(DEBUG) or target.startswith(DEBUG)):
            raise ElfError(f"expected sh_info to name the section that its name is made of, found section {table.info}"
                           f"{f', {target}' if target else ''}", self.path, table.name)

    @property
    def byteorder(self):
        """'little' or 'big'."""
        return "little" if self.little_endian else "big"

    def words(self, data, nbytes=None):
        """The words in bytes of a section, in the file's byte order: uint64 (words,).

        Parameters
        ----------
        data : uint8
            A part of a word at its end is left out.
        nbytes : {4, 8}, optional
            Of a word; by default as many as an address has.
        """
        nbytes = nbytes or self.bits // 8
        whole = data[: len(data) // nbytes * nbytes]
        return whole.view(f"{'<' if self.little_endian else '>'}u{nbytes}").astype(np.uint64)

    def section(self, name):
        """The first Section of that name, or None."""
        return self._by_name.get(name)

    def debug_section(self, name):
        """Section `.debug_<name>`, or its old compressed form `.zdebug_<name>`, or None."""
        return self._by_name.get(".debug_" + name) or self._by_name.get(".zdebug_" + name)

    def place(self, addresses):
        """Where addresses lie.

        Parameters
        ----------
        addresses : uint64 (n,)
            Those of symbols and DWARF: of a relocatable file, synthetic ones.

        Returns
        -------
        section_index : int32 (n,)
            The loaded section (SHF_ALLOC) that each lies in; harness.model.NOWHERE (-1) if there is none. Where
            sections overlap, an executable one comes first, then the first in the file, and one of thread-local data
            last. The end of a section is not part of it.
        offset : uint64 (n,)
            From the section's start, bytes; the address itself if it is nowhere.
        """
        if self._places is None:
            self._places = Places(self.sections)
        return self._places(addresses)

    def pread(self, section, start, stop, out=None):
        """Bytes [start, stop) of an uncompressed section, uint8 (stop - start,), read into `out` if given.

        Raises
        ------
        ElfError
            The file ends before them, or cannot be read.
        """
        if out is None:
            if section.offset + stop > self.file_nbytes:
                raise self._truncated(section, self.file_nbytes - section.offset)
            out = np.empty(stop - start, np.uint8)
        view = memoryview(out)
        done = 0
        while done < len(out):
            try:
                got = os.preadv(self._file.fileno(), [view[done:]], section.offset + start + done)
            except OSError as err:
                raise ElfError(f"cannot be read: {err.strerror}", self.path, section.name, start + done) from err
            if got == 0:
                raise self._truncated(section, start + done)
            done += got
        return out

    def _truncated(self, section, offset):
        return ElfError(f"expected {section.nbytes} bytes, found the end of the file: is it truncated?", self.path,
                        section.name, max(offset, 0))

    def pread_bytes(self, section, start, stop):
        """Bytes [start, stop) of an uncompressed section as bytes, for a handful of them; errors as of `pread`."""
        data = os.pread(self._file.fileno(), stop - start, section.offset + start)
        return data if len(data) == stop - start else self.pread(section, start, stop).tobytes()

    def is_plain(self, section):
        """True if the section's bytes in the file are its contents: not compressed, nothing to relocate."""
        return not is_compressed(section) and section.index not in self._relocations

    def check(self, section):
        """Raise an ElfError if the section has no bytes in the file (SHT_NOBITS) or reaches past its end."""
        if section.type == SHT_NOBITS:
            raise ElfError("expected bytes, found SHT_NOBITS: this file keeps its debug data elsewhere",
                           self.path, section.name, 0)
        if section.offset + section.nbytes > self.file_nbytes:
            raise ElfError(f"expected {section.nbytes} bytes, found {max(self.file_nbytes - section.offset, 0)}: "
                           "is the file truncated?", self.path, section.name, 0)

    def read(self, section, relocated=None, skipped=()):
        """All bytes of a section, decompressed and, in relocatable files, relocated: uint8 (nbytes,).

        Parameters
        ----------
        section : Section
        relocated : bool, optional
            Whether to apply its relocations; by default only those of debug sections are applied. Not for code: only
            relocation types of data are known.
        skipped : tuple of int
            Types of relocations that are not applied.

        Raises
        ------
        ElfError
            The section has no bytes in the file or reaches past its end, its compression is unknown or broken, or it
            has a relocation that cannot be applied.
        """
        self.check(section)
        data = self.pread(section, 0, section.nbytes)
        if is_compressed(section):
            data = inflate(self, section, data)
        tables = self._relocations.get(section.index)
        if tables and (section.name.startswith(DEBUG) if relocated is None else relocated):
            data = relocate(self, section, tables, data, skipped)
        return data

    def symbol_rows(self, section):
        """The symbols.Rows of a section of symbols; those of a relocatable file are kept. Errors as of `read_rows`."""
        if not self.relocatable:
            return read_rows(self, section)
        if section.index not in self._rows:
            self._rows[section.index] = read_rows(self, section)
        return self._rows[section.index]

    def symbols(self):
        """The defined symbols of .symtab, else of .dynsym, as a SymbolTable; empty arrays if there is no such table.

        Raises
        ------
        ElfError
            As `harness.elf.symbols.read_symbols`.
        """
        return read_symbols(self)

    @property
    def has_symtab(self):
        """Whether there is a .symtab, which names every function; .dynsym names those that other files may call."""
        return any(s.type == SHT_SYMTAB for s in self.sections)

    def build_id(self):
        """The GNU build ID in hex (note NT_GNU_BUILD_ID of a SHT_NOTE section), or None.

        Raises
        ------
        ElfError
            A section of notes cannot be read.
        """
        for section in self.sections:
            if section.type != SHT_NOTE:
                continue
            data = self.read(section).tobytes()
            at, end = 0, "<" if self.little_endian else ">"
            while at + 12 <= len(data):
                namesz, descsz, kind = struct.unpack_from(end + "3I", data, at)
                name = data[at + 12 : at + 12 + namesz]
                desc = at + 12 + (namesz + 3) // 4 * 4
                if name == b"GNU\0" and kind == 3 and desc + descsz <= len(data):
                    return data[desc : desc + descsz].hex()
                at = desc + (descsz + 3) // 4 * 4
        return None
