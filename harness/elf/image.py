"""One ELF file: its header, sections (also compressed or relocatable) and function symbols.

pyelftools parses headers and applies relocations; bulk data is read straight from the file into numpy, because its
objects cost microseconds each and a kernel has 200,000 symbols.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import NamedTuple

import numpy as np

from harness.errors import ElfError

SHT_NOBITS = 8
SHT_SYMTAB = 2
SHT_PROGBITS = 1
SHF_ALLOC = 2
SHF_COMPRESSED = 0x800
SHN_UNDEF = 0
SHN_LORESERVE = 0xFF00
STT_OBJECT = 1
STT_FUNC = 2
ELFCOMPRESS_ZLIB = 1
ELFCOMPRESS_ZSTD = 2

INFLATE_LIMIT = 1100
"""No section inflates by more than this factor (1032 is the most that zlib can; DWARF stays below 20): a larger
ch_size is a lie, or a bomb."""

SMALL_NBYTES = 1 << 20
"""Sections up to this size may inflate by any factor."""

LONGEST_NAME = 4096
"""Longest name of a section."""


class Section(NamedTuple):
    """A section header: name, type, flags, address and size in memory, offset and size in the file (bytes)."""

    index: int
    name: str
    type: int
    flags: int
    addr: int
    offset: int
    nbytes: int
    link: int


class SymbolTable(NamedTuple):
    """Defined symbols of .symtab in file order.

    Attributes
    ----------
    name : uint32 (symbols,)
        Offset of the symbol's name in `strtab`.
    value, size : uint64 (symbols,)
        st_value (an address, bytes) and st_size (bytes).
    type, bind : uint8 (symbols,)
        STT_* and STB_*.
    shndx : uint16 (symbols,)
        Index of the section the symbol lies in.
    strtab : uint8 (nbytes,)
        The string table; ends with NUL.
    """

    name: np.ndarray
    value: np.ndarray
    size: np.ndarray
    type: np.ndarray
    bind: np.ndarray
    shndx: np.ndarray
    strtab: np.ndarray


class ElfImage:
    """An ELF file opened for reading; a context manager.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ElfError
        The file is missing, is not ELF, or its headers lie.

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
        from elftools.common.exceptions import ELFError
        from elftools.construct import ConstructError
        from elftools.elf.elffile import ELFFile

        try:
            self.file_nbytes = os.fstat(self._file.fileno()).st_size
            magic = self._file.read(4)
        except OSError as err:
            raise ElfError(f"cannot be read: {err.strerror}", self.path) from err
        if magic != b"\x7fELF":
            raise ElfError(f"expected an ELF file (7f 45 4c 46), found {magic.hex(' ') or 'an empty file'}",
                           self.path, offset=0)
        self._file.seek(0)
        try:
            elf = ELFFile(self._file)
            header = elf.header
            self.bits = elf.elfclass
            self.little_endian = elf.little_endian
            self.machine = str(header["e_machine"])
            self.type = str(header["e_type"])
            n_sections = elf.num_sections()
            expected = 64 if self.bits == 64 else 40
            if n_sections and header["e_shentsize"] != expected:
                raise ElfError(f"expected e_shentsize {expected}, found {header['e_shentsize']}", self.path,
                               offset=58 if self.bits == 64 else 46)
            if header["e_shoff"] + n_sections * header["e_shentsize"] > self.file_nbytes:
                raise ElfError(f"expected {n_sections} section headers, found the end of the file: is it truncated?",
                               self.path, offset=min(header["e_shoff"], self.file_nbytes))
            self._elf = elf
            self.sections = self._section_headers(elf, n_sections)
        except (ELFError, ConstructError, struct.error, UnicodeDecodeError, ValueError, KeyError, OverflowError,
                AttributeError, TypeError, IndexError, OSError) as err:
            # pyelftools raises whatever its parser stumbles over; to a user all of these are one thing
            raise ElfError(f"expected valid ELF headers, found: {err or type(err).__name__}", self.path,
                           offset=0) from err
        self._by_name = {}
        for section in self.sections:
            self._by_name.setdefault(section.name, section)

    def _section_headers(self, elf, n_sections):
        out = []
        names = self._section_names(elf, n_sections)
        for i in range(n_sections):
            h = elf._get_section_header(i)
            name = ""
            if i:
                stop = names.find(b"\0", h["sh_name"], h["sh_name"] + LONGEST_NAME)
                if stop < 0:
                    raise ElfError(f"expected the name of section {i} in the string table of {len(names)} bytes, found "
                                   f"offset {h['sh_name']:#x}", self.path, offset=elf._section_offset(i))
                name = names[h["sh_name"] : stop].decode("utf-8", "backslashreplace")
            kind = h["sh_type"]
            kind = kind if isinstance(kind, int) else _SECTION_TYPES.get(kind, -1)
            out.append(Section(i, name, kind, h["sh_flags"], h["sh_addr"], h["sh_offset"], h["sh_size"], h["sh_link"]))
        return out

    def _section_names(self, elf, n_sections):
        """The string table of section names, bytes: read at once, because pyelftools looks for each name's end."""
        index = elf.get_shstrndx() if n_sections else 0
        if not 0 < index < n_sections:
            return bytes(1)
        h = elf._get_section_header(index)
        if h["sh_offset"] + h["sh_size"] > self.file_nbytes or h["sh_type"] == "SHT_NOBITS":
            raise ElfError("expected the section names within the file, found them past its end: is it truncated?",
                           self.path, offset=elf._section_offset(index))
        self._file.seek(h["sh_offset"])
        return self._file.read(h["sh_size"])

    @property
    def byteorder(self):
        """'little' or 'big'."""
        return "little" if self.little_endian else "big"

    def section(self, name):
        """The first Section of that name, or None."""
        return self._by_name.get(name)

    def debug_section(self, name):
        """Section `.debug_<name>`, or its old compressed form `.zdebug_<name>`, or None."""
        return self._by_name.get(".debug_" + name) or self._by_name.get(".zdebug_" + name)

    def pread(self, section, start, stop, out=None):
        """Bytes [start, stop) of an uncompressed section, uint8 (stop - start,), read into `out` if given."""
        if out is None:
            out = np.empty(stop - start, np.uint8)
        view = memoryview(out)
        done = 0
        while done < len(out):
            try:
                got = os.preadv(self._file.fileno(), [view[done:]], section.offset + start + done)
            except OSError as err:
                raise ElfError(f"cannot be read: {err.strerror}", self.path, section.name, start + done) from err
            if got == 0:
                raise ElfError(f"expected {section.nbytes} bytes, found the end of the file: is it truncated?",
                               self.path, section.name, start + done)
            done += got
        return out

    def pread_bytes(self, section, start, stop):
        """Bytes [start, stop) of an uncompressed section as bytes; for a handful of them."""
        data = os.pread(self._file.fileno(), stop - start, section.offset + start)
        return data if len(data) == stop - start else self.pread(section, start, stop).tobytes()

    def is_plain(self, section):
        """True if the section's bytes in the file are its contents: not compressed, nothing to relocate."""
        return not (section.flags & SHF_COMPRESSED or section.name.startswith(".zdebug_")
                    or self.type == "ET_REL")

    def check(self, section):
        """Raise ElfError unless the file holds the section's bytes."""
        if section.type == SHT_NOBITS:
            raise ElfError("expected bytes, found SHT_NOBITS: this file keeps its debug data elsewhere",
                           self.path, section.name, 0)
        if section.offset + section.nbytes > self.file_nbytes:
            raise ElfError(f"expected {section.nbytes} bytes, found {max(self.file_nbytes - section.offset, 0)}: "
                           "is the file truncated?", self.path, section.name, 0)

    def read(self, section):
        """All bytes of a section, decompressed and, in ET_REL files, relocated: uint8 (nbytes,).

        Raises
        ------
        ElfError
            The section reaches past the end of the file, its compression is unknown or broken, or it has a
            relocation that pyelftools cannot apply.
        """
        self.check(section)
        data = self.pread(section, 0, section.nbytes)
        if section.flags & SHF_COMPRESSED:
            data = self._decompress(section, data)
        elif section.name.startswith(".zdebug_"):
            if data[:4].tobytes() != b"ZLIB" or len(data) < 12:
                raise ElfError("expected the header 'ZLIB' of a .zdebug section", self.path, section.name, 0)
            size = int.from_bytes(data[4:12].tobytes(), "big")
            data = self._inflate(section, data[12:], size, 12, "zlib")
        if self.type == "ET_REL" and section.name.startswith((".debug_", ".zdebug_")):
            data = self._relocate(section, data)
        return data

    def _decompress(self, section, data):
        fmt = ("<" if self.little_endian else ">") + ("IIQQ" if self.bits == 64 else "III")
        n = struct.calcsize(fmt)
        if len(data) < n:
            raise ElfError("expected a compression header, found the end of the section", self.path, section.name, 0)
        fields = struct.unpack(fmt, data[:n].tobytes())
        kind, size = fields[0], fields[2] if self.bits == 64 else fields[1]
        names = {ELFCOMPRESS_ZLIB: "zlib", ELFCOMPRESS_ZSTD: "zstd"}
        if kind not in names:
            raise ElfError(f"expected ch_type 1 (zlib) or 2 (zstd), found {kind}", self.path, section.name, 0)
        return self._inflate(section, data[n:], size, n, names[kind])

    def _inflate(self, section, data, size, offset, kind):
        if size > max(INFLATE_LIMIT * len(data), SMALL_NBYTES):
            raise ElfError(f"expected a plausible size after decompression, found {size} for {len(data)} bytes",
                           self.path, section.name, 0)
        try:
            if kind == "zlib":
                stream = zlib.decompressobj()
                out = stream.decompress(data.tobytes(), size + 1)
                if len(out) == size and not stream.eof:
                    raise zlib.error("incomplete or truncated stream")
            else:
                import zstandard

                reader = zstandard.ZstdDecompressor().stream_reader(data.tobytes())
                out = _read_at_most(reader, size + 1)
        except Exception as err:
            if type(err).__module__ not in ("zlib", "zstd", "zstandard", "zstandard.backend_c"):
                raise
            raise ElfError(f"expected {kind} data: {err}", self.path, section.name, offset) from err
        if len(out) != size:
            more = "more" if len(out) > size else len(out)
            raise ElfError(f"expected {size} bytes after {kind} decompression, found {more}", self.path,
                           section.name, offset)
        return np.frombuffer(out, np.uint8)

    def _relocate(self, section, data):
        """Apply the relocations of an ET_REL debug section with pyelftools."""
        from io import BytesIO

        from elftools.common.exceptions import ELFError
        from elftools.elf.relocation import RelocationHandler

        handler = RelocationHandler(self._elf)
        try:
            target = self._elf.get_section(section.index)
            relocations = handler.find_relocations_for_section(target)
            if relocations is None:
                return data
            stream = BytesIO(data.tobytes())
            handler.apply_section_relocations(stream, relocations)
        except (ELFError, struct.error, ValueError, KeyError, OverflowError, AttributeError, TypeError,
                IndexError) as err:
            raise ElfError(f"expected relocations that can be applied, found: {err}", self.path, section.name) from err
        except Exception as err:
            if type(err).__module__.startswith("elftools"):
                raise ElfError(f"expected relocations that can be applied, found: {err}", self.path,
                               section.name) from err
            raise
        out = stream.getvalue()
        if len(out) != len(data):
            raise ElfError("expected relocations within the section, found one past its end", self.path, section.name)
        return np.frombuffer(out, np.uint8)

    def symbols(self):
        """The defined symbols of .symtab as a SymbolTable; empty arrays when there is none."""
        section = next((s for s in self.sections if s.type == SHT_SYMTAB), None)
        if section is None:
            empty = np.zeros(0, np.uint8)
            return SymbolTable(empty.astype(np.uint32), empty.astype(np.uint64), empty.astype(np.uint64), empty, empty,
                               empty.astype(np.uint16), np.zeros(1, np.uint8))
        end = "<" if self.little_endian else ">"
        if self.bits == 64:
            fields = [("name", end + "u4"), ("info", "u1"), ("other", "u1"), ("shndx", end + "u2"),
                      ("value", end + "u8"), ("size", end + "u8")]
        else:
            fields = [("name", end + "u4"), ("value", end + "u4"), ("size", end + "u4"), ("info", "u1"),
                      ("other", "u1"), ("shndx", end + "u2")]
        dtype = np.dtype(fields)
        data = self.read(section)
        if section.link >= len(self.sections):
            raise ElfError(f"expected sh_link to name a string table, found section {section.link}", self.path,
                           section.name)
        table = data[: len(data) // dtype.itemsize * dtype.itemsize].view(dtype)
        table = table[table["shndx"] != SHN_UNDEF]
        strtab = self.read(self.sections[section.link])
        if len(strtab) == 0 or strtab[-1] != 0:
            strtab = np.append(strtab, np.uint8(0))
        if len(table) and int(table["name"].max()) >= len(strtab):
            raise ElfError(f"expected st_name below {len(strtab)}, found {int(table['name'].max())}", self.path,
                           section.name)
        info = table["info"]
        value = table["value"].astype(np.uint64)
        if self.machine == "EM_ARM":
            # bit 0 says Thumb code and is no part of the address (ELF for the Arm Architecture, section 5.5.3)
            value &= ~((info & np.uint8(15)) == STT_FUNC).astype(np.uint64)
        return SymbolTable(table["name"].astype(np.uint32), value,
                           table["size"].astype(np.uint64), info & np.uint8(15), info >> np.uint8(4),
                           table["shndx"].astype(np.uint16), strtab)

    def build_id(self):
        """The GNU build-id in hex, or None."""
        for section in self.sections:
            if section.type != 7:  # SHT_NOTE
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


_SECTION_TYPES = {"SHT_NULL": 0, "SHT_PROGBITS": 1, "SHT_SYMTAB": 2, "SHT_STRTAB": 3, "SHT_RELA": 4, "SHT_NOTE": 7,
                  "SHT_NOBITS": 8, "SHT_REL": 9}


def _read_at_most(reader, limit):
    """Up to `limit` bytes of a stream reader, in bounded pieces: a lying size must not become an allocation."""
    pieces, left = [], limit
    while left > 0:
        piece = reader.read(min(left, 1 << 24))
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
