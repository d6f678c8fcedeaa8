"""ELF files: section bytes, symbols and places as numpy arrays. The only importer of pyelftools, for the ABIs' names.

`image` is what others use; `headers`, `inflate`, `symbols`, `places` and `relocate` are its parts.
"""

from harness.elf.headers import Section
from harness.elf.image import ElfImage
from harness.elf.symbols import SymbolTable

__all__ = ["ElfImage", "Section", "SymbolTable"]
