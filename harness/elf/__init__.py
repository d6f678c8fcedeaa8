"""ELF files by pyelftools: section bytes and symbol tables as numpy arrays. The only importer of pyelftools."""

from harness.elf.image import ElfImage, Section, SymbolTable

__all__ = ["ElfImage", "Section", "SymbolTable"]
