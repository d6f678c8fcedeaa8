"""Numbers of the ELF format. Source: System V gABI 4.1, chapter 4, and its later drafts (of 2012 and 2022)."""

ELFMAG = b"\x7fELF"

SHT_NULL = 0
SHT_PROGBITS = 1
SHT_SYMTAB = 2
SHT_STRTAB = 3
SHT_RELA = 4
SHT_NOTE = 7
SHT_NOBITS = 8
SHT_REL = 9
SHT_DYNSYM = 11
SHT_SYMTAB_SHNDX = 18
SHT_RELR = 19
SHT_CREL = 0x40000014
"""Relocations as LEB128 numbers: a draft that clang writes on request."""

SHF_ALLOC = 2
SHF_EXECINSTR = 4
SHF_TLS = 0x400
SHF_COMPRESSED = 0x800

SHN_UNDEF = 0
SHN_LORESERVE = 0xFF00
SHN_ABS = 0xFFF1
SHN_COMMON = 0xFFF2
SHN_XINDEX = 0xFFFF
RESERVED = 0xFFFF0000
"""What a SymbolTable adds to the numbers from SHN_LORESERVE on: in a file of more than 65,279 sections, a section may
have the number 0xfff1, too."""

STT_OBJECT = 1
STT_FUNC = 2

ELFCOMPRESS_ZLIB = 1
ELFCOMPRESS_ZSTD = 2
