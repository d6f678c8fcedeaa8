"""Where the image of a program begins: what offsets of functions count from."""

from __future__ import annotations

from harness.elf import ElfImage, SymbolTable
from harness.elf.constants import SHF_ALLOC, SHF_EXECINSTR

START = b"_text"
"""The kernel's symbol for its first byte, which kallsyms and KASLR go by (scripts/kallsyms.c; kernel/kallsyms.c)."""


def image_base(image: ElfImage, symbols: SymbolTable) -> int:
    """The address of `_text`; without it, the lowest address of a section with code; 0 in a relocatable file."""
    if image.relocatable:
        return 0
    found = symbols.value[symbols.rows_named(START)]
    return int(found.min()) if len(found) else min((addr for _, _, addr in code_sections(image)), default=0)


def code_sections(image: ElfImage) -> list[tuple[int, str, int]]:
    """(index, name, address) of each section with code; the address of one of a relocatable file is 0."""
    return [(s.index, s.name, 0 if image.relocatable else s.addr) for s in image.sections
            if s.flags & SHF_ALLOC and s.flags & SHF_EXECINSTR]
