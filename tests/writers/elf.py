"""ELF files from Python values: sections, symbols, relocations; either class, either byte order, broken on request.

The layout is plain: file header, section contents in the given order, .symtab, .strtab, .shstrtab, section headers.
There are no program headers: what reads debug information needs none.

Source: System V gABI 4.1 chapter 4 and the drafts that followed (SHF_COMPRESSED, ELFCOMPRESS_ZSTD of 2022).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import zstandard

ET_NONE, ET_REL, ET_EXEC, ET_DYN = 0, 1, 2, 3
EM_386, EM_68K, EM_MIPS, EM_PPC, EM_PPC64, EM_S390, EM_ARM, EM_SPARCV9 = 3, 4, 8, 20, 21, 22, 40, 43
EM_X86_64, EM_AARCH64, EM_RISCV, EM_BPF, EM_LOONGARCH = 62, 183, 243, 247, 258
SHT_NULL, SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_NOBITS, SHT_REL = 0, 1, 2, 3, 4, 8, 9
SHT_SYMTAB_SHNDX = 18
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_COMPRESSED = 1, 2, 4, 0x800
SHN_UNDEF, SHN_LORESERVE, SHN_ABS, SHN_COMMON, SHN_XINDEX = 0, 0xFF00, 0xFFF1, 0xFFF2, 0xFFFF
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE, STT_TLS = 0, 1, 2, 3, 4, 6
ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD = 1, 2


class Symbol(NamedTuple):
    """One row of .symtab.

    Attributes
    ----------
    name : str or int
        The name; an int is written as st_name unchecked.
    value, size : int
        st_value (an address, bytes) and st_size (bytes).
    type, bind : int
        STT_* and STB_*.
    section : str or int
        The name of the section it lies in; an int is written as st_shndx unchecked (SHN_UNDEF, SHN_ABS).
    other : int
        st_other: the visibility.
    """

    name: str | int
    value: int = 0
    size: int = 0
    type: int = STT_FUNC
    bind: int = STB_GLOBAL
    section: str | int = ".text"
    other: int = 0


class Relocation(NamedTuple):
    """One row of a .rela section: `symbol` is a symbol's name, or its index in .symtab.

    Of 64-bit MIPS, `type` holds three types (type | second << 8 | third << 16) and r_ssym << 24.
    """

    offset: int
    symbol: str | int
    type: int
    addend: int = 0


@dataclass
class Section:
    """One section.

    Attributes
    ----------
    name : str
        Its name; with ``compress="zdebug"`` the file has ``.zdebug_*`` for ``.debug_*``.
    data : bytes
        The contents before compression.
    type, flags, address, align, entsize, info : int
        As in the section header.
    link : int or str
        sh_link, or the name of the section meant.
    size : int, optional
        Bytes in memory, when `data` is shorter: the rest is zero (SHT_NOBITS stores nothing in the file).
    compress : {None, "zlib", "zstd", "zdebug"}
        How the contents are stored.
    relocations : list of Relocation
        Makes a .rela section for this one.
    rel : bool
        Makes it a .rel section, which has no addends: `data` holds them.
    overrides : dict
        Fields written as given: ``sh_name`` .. ``sh_entsize``; ``ch_type``, ``ch_size`` of a compression header
        (``ch_size`` also of the ``ZLIB`` header of .zdebug_*); ``raw``: the stored bytes themselves.
    """

    name: str
    data: bytes = b""
    type: int = SHT_PROGBITS
    flags: int = 0
    address: int = 0
    align: int = 1
    entsize: int = 0
    info: int = 0
    link: int | str = 0
    size: int | None = None
    compress: str | None = None
    relocations: list = field(default_factory=list)
    rel: bool = False
    overrides: dict = field(default_factory=dict)

    @classmethod
    def text(cls, name=".text", address=0x1000, size=0x1000):
        """An executable section without file contents worth reading: tests need its range of addresses only."""
        return cls(name, type=SHT_PROGBITS, flags=SHF_ALLOC | SHF_EXECINSTR, address=address, size=size, align=16)

    @classmethod
    def nobits(cls, name=".bss", address=0x8000, size=0x1000):
        """A zero-filled data section."""
        return cls(name, type=SHT_NOBITS, flags=SHF_ALLOC | SHF_WRITE, address=address, size=size, align=8)

    @classmethod
    def data_at(cls, name, address, size):
        """A writable section, such as .data or .data..percpu (which lies at address 0 on x86-64 kernels)."""
        return cls(name, flags=SHF_ALLOC | SHF_WRITE, address=address, size=size, align=8)


@dataclass
class Elf:
    """An ELF file to be written.

    Attributes
    ----------
    sections : list of Section
        In file order; their indices start at 1.
    symbols : list of Symbol or None
        None leaves .symtab out. Local symbols are moved to the front, as the format wants.
    bits : {32, 64}
    byteorder : {"little", "big"}
    e_type, e_machine : int
    overrides : dict
        Fields of the file header written as given: ``e_shoff``, ``e_shnum``, ``e_shstrndx``, ``e_ident`` (bytes), ...
    sort_symbols : bool
        False keeps the given order and writes sh_info as the number of leading local symbols.
    """

    sections: list
    symbols: list | None = None
    bits: int = 64
    byteorder: str = "little"
    e_type: int = ET_EXEC
    e_machine: int = EM_X86_64
    overrides: dict = field(default_factory=dict)
    sort_symbols: bool = True
    file_offsets: dict = field(default_factory=dict, init=False)

    def __post_init__(self):
        if self.bits not in (32, 64) or self.byteorder not in ("little", "big"):
            raise ValueError(f"bits {self.bits}, byteorder {self.byteorder!r}")

    @property
    def endian(self):
        """The struct module's byte order character."""
        return "<" if self.byteorder == "little" else ">"

    def to_bytes(self):
        """The file. Afterwards `file_offsets` has the file offset of each section by its stored name."""
        sections = [*self.sections, *self._relocation_sections(), *self._symbol_sections()]
        shstrtab = StringTable()
        sections.append(Section(".shstrtab", type=SHT_STRTAB))
        stored_names = [_stored_name(section) for section in sections]
        name_offs = [shstrtab.add(name) for name in stored_names]
        sections[-1].data = shstrtab.to_bytes()
        index = {name: 1 + i for i, name in reversed(list(enumerate(stored_names)))}

        body = bytearray(64 if self.bits == 64 else 52)
        headers = [dict.fromkeys(_SHDR_FIELDS, 0)]
        self.file_offsets = {}
        for section, name, name_off in zip(sections, stored_names, name_offs, strict=True):
            stored, flags, align = self._stored(section)
            body += bytes(-len(body) % max(align, 1))
            header = {
                "sh_name": name_off, "sh_type": section.type, "sh_flags": flags, "sh_addr": section.address,
                "sh_offset": len(body), "sh_size": len(stored),
                "sh_link": index[section.link] if isinstance(section.link, str) else section.link,
                "sh_info": section.info, "sh_addralign": align, "sh_entsize": section.entsize,
            }  # fmt: skip
            if section.type == SHT_NOBITS:
                header["sh_size"] = section.size if section.size is not None else len(section.data)
            else:
                self.file_offsets.setdefault(name, len(body))
                body += stored
            header.update({key: value for key, value in section.overrides.items() if key.startswith("sh_")})
            headers.append(header)

        body += bytes(-len(body) % 8)
        shoff = len(body)
        shnum, shstrndx = len(headers), len(headers) - 1
        if shnum >= SHN_LORESERVE:
            headers[0].update(sh_size=shnum, sh_link=shstrndx)
            shnum, shstrndx = 0, SHN_XINDEX
        for header in headers:
            body += self._section_header(header)
        body[: 64 if self.bits == 64 else 52] = self._file_header(shoff, shnum, shstrndx)
        return bytes(body)

    def write(self, path):
        """Write the file and return its path."""
        path = Path(path)
        path.write_bytes(self.to_bytes())
        return path

    def _stored(self, section):
        """Bytes in the file, flags and alignment of one section."""
        data = bytes(section.data)
        if section.size is not None and section.type != SHT_NOBITS:
            data += bytes(section.size - len(data))
        flags, align = section.flags, section.align
        claims = section.overrides
        if section.compress in ("zlib", "zstd"):
            kind = ELFCOMPRESS_ZLIB if section.compress == "zlib" else ELFCOMPRESS_ZSTD
            kind, size = claims.get("ch_type", kind), claims.get("ch_size", len(data))
            if self.bits == 64:
                header = struct.pack(self.endian + "IIQQ", kind, 0, size, align)
            else:
                header = struct.pack(self.endian + "III", kind, size, align)
            packed = zlib.compress(data) if section.compress == "zlib" else zstandard.compress(data)
            data, flags, align = header + packed, flags | SHF_COMPRESSED, self.bits // 8
        elif section.compress == "zdebug":
            # GNU's older form: the size is big-endian in every file.
            data = b"ZLIB" + struct.pack(">Q", claims.get("ch_size", len(data))) + zlib.compress(data)
        elif section.compress is not None:
            raise ValueError(f"compress={section.compress!r}")
        return claims.get("raw", data), flags, align

    def _symbol_sections(self):
        if self.symbols is None:
            return []
        shndx = {section.name: 1 + i for i, section in reversed(list(enumerate(self.sections)))}
        strtab = StringTable()
        rows = [Symbol("", type=STT_NOTYPE, bind=STB_LOCAL, section=SHN_UNDEF), *self._ordered_symbols()]
        data, numbers = bytearray(), []
        for symbol in rows:
            name = symbol.name if isinstance(symbol.name, int) else strtab.add(symbol.name)
            where, number = symbol.section, 0
            if isinstance(where, str):
                where = shndx[where]
                if where >= SHN_LORESERVE:
                    where, number = SHN_XINDEX, where
            numbers.append(number)
            info = symbol.bind << 4 | symbol.type
            if self.bits == 64:
                row = (name, info, symbol.other, where, symbol.value, symbol.size)
                data += struct.pack(self.endian + "IBBHQQ", *row)
            else:
                row = (name, symbol.value, symbol.size, info, symbol.other, where)
                data += struct.pack(self.endian + "IIIBBH", *row)
        n_local = next((i for i, symbol in enumerate(rows) if symbol.bind != STB_LOCAL), len(rows))
        entsize = 24 if self.bits == 64 else 16
        made = [
            Section(".symtab", bytes(data), SHT_SYMTAB, align=8, entsize=entsize, info=n_local, link=".strtab"),
            Section(".strtab", strtab.to_bytes(), SHT_STRTAB),
        ]
        if any(numbers):
            data = struct.pack(f"{self.endian}{len(numbers)}I", *numbers)
            made.append(Section(".symtab_shndx", data, SHT_SYMTAB_SHNDX, align=4, entsize=4, link=".symtab"))
        return made

    def _ordered_symbols(self):
        return sorted(self.symbols, key=lambda s: s.bind != STB_LOCAL) if self.sort_symbols else self.symbols

    def _relocation_sections(self):
        made = []
        for i, section in enumerate(self.sections):
            if not section.relocations:
                continue
            numbers = {symbol.name: 1 + row for row, symbol in enumerate(self._ordered_symbols())}
            data = bytearray()
            for r in section.relocations:
                number = numbers[r.symbol] if isinstance(r.symbol, str) else r.symbol
                word = "Q" if self.bits == 64 else "I"
                data += struct.pack(self.endian + word, r.offset)
                if self.bits == 64 and self.e_machine == EM_MIPS:
                    data += struct.pack(self.endian + "I", number) + struct.pack(">I", r.type)
                else:
                    data += struct.pack(self.endian + word, number << (32 if self.bits == 64 else 8) | r.type)
                if not section.rel:
                    data += struct.pack(self.endian + word.lower(), r.addend)
            entsize = (16 if section.rel else 24) if self.bits == 64 else (8 if section.rel else 12)
            name = (".rel" if section.rel else ".rela") + _stored_name(section)
            made.append(Section(name, bytes(data), SHT_REL if section.rel else SHT_RELA, align=8, entsize=entsize,
                                info=1 + i, link=".symtab"))
        return made

    def _file_header(self, shoff, shnum, shstrndx):
        ident = b"\x7fELF" + bytes([self.bits // 32, 1 if self.byteorder == "little" else 2, 1]) + bytes(9)
        fields = {
            "e_ident": ident, "e_type": self.e_type, "e_machine": self.e_machine, "e_version": 1, "e_entry": 0,
            "e_phoff": 0, "e_shoff": shoff, "e_flags": 0, "e_ehsize": 64 if self.bits == 64 else 52, "e_phentsize": 0,
            "e_phnum": 0, "e_shentsize": 64 if self.bits == 64 else 40, "e_shnum": shnum, "e_shstrndx": shstrndx,
        }  # fmt: skip
        return struct.pack(self.endian + ("16sHHIQQQIHHHHHH" if self.bits == 64 else "16sHHIIIIIHHHHHH"),
                           *_overridden(fields, self.overrides).values())  # fmt: skip

    def _section_header(self, fields):
        return struct.pack(self.endian + ("IIQQQQIIQQ" if self.bits == 64 else "10I"), *fields.values())


class StringTable:
    """NUL-terminated strings in order of first use, each stored once."""

    def __init__(self, start=b"\0"):
        self._data = bytearray(start)
        self._offsets = {b"": 0} if start else {}

    def add(self, text):
        """The offset of `text` (str, or bytes for what is not UTF-8)."""
        raw = text.encode() if isinstance(text, str) else bytes(text)
        if raw not in self._offsets:
            self._offsets[raw] = len(self._data)
            self._data += raw + b"\0"
        return self._offsets[raw]

    def to_bytes(self):
        """The section's bytes."""
        return bytes(self._data)


_SHDR_FIELDS = ("sh_name", "sh_type", "sh_flags", "sh_addr", "sh_offset", "sh_size", "sh_link", "sh_info",
                "sh_addralign", "sh_entsize")  # fmt: skip


def _stored_name(section):
    if section.compress == "zdebug":
        if not section.name.startswith(".debug_"):
            raise ValueError(f"{section.name} has no .zdebug name")
        return ".z" + section.name[1:]
    return section.name


def _overridden(fields, overrides):
    unknown = set(overrides) - set(fields)
    if unknown:
        raise ValueError(f"no such field: {sorted(unknown)}")
    return {**fields, **overrides}
