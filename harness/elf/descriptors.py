"""Function descriptors of 64-bit PowerPC's first ABI (64-bit PowerPC ELF ABI supplement 1.9, section 3.2.5).

There a function's symbol names three words in section .opd: the address of its code, the TOC pointer, an environment
pointer. Its st_size is that of the code. The second ABI (ELFv2) has no such section.
"""

from __future__ import annotations

import numpy as np

from harness.elf import constants as c
from harness.elf.relative import words_of
from harness.errors import ElfError
from harness.model import NOWHERE

SECTION = ".opd"

R_PPC64_TOC = 51
"""Fills a descriptor's second word."""


def with_code(image, symbols):
    """The SymbolTable with the code of functions where their symbols name descriptors: `value` and `shndx`.

    Parameters
    ----------
    image : harness.elf.ElfImage
    symbols : harness.elf.SymbolTable

    Raises
    ------
    ElfError
        The section cannot be read, or a symbol in it is at no word of it.
    """
    section = image.section(SECTION)
    if image.machine != "EM_PPC64" or section is None:
        return symbols
    mine = np.flatnonzero((symbols.type == c.STT_FUNC) & (symbols.shndx == section.index))
    if not len(mine):
        return symbols
    if image.relocatable:
        words = image.words(image.read(section, relocated=True, skipped=(R_PPC64_TOC,)))
    else:
        words = words_of(image, section, 0, section.nbytes // 8 * 8)
    at = symbols.value[mine] - np.uint64(section.addr)
    bad = (at % np.uint64(8) != 0) | (at // np.uint64(8) >= len(words))
    if bad.any():
        raise ElfError(f"expected descriptors of functions at whole words of the section's {section.nbytes:#x} bytes, "
                       f"found a symbol at {int(at[bad][0]):#x}", image.path, SECTION, int(at[bad][0]))
    value, shndx = symbols.value.copy(), symbols.shndx.copy()
    value[mine] = words[(at // np.uint64(8)).astype(np.int64)]
    code, _ = image.place(value[mine])
    shndx[mine] = np.where(code == NOWHERE, np.uint32(c.RESERVED + c.SHN_ABS), code.astype(np.uint32))
    return symbols._replace(value=value, shndx=shndx)
