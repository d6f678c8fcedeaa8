"""Addresses that stand in the data of a linked file, where the file is loaded at an address of its own choice.

In a position-independent file (ET_DYN), as kernels that move themselves are, the words of a table are 0 and the
addresses are the addends of RELATIVE relocations (each psABI). SHT_RELR needs no reader: its addresses stand in the
words.
"""

from __future__ import annotations

import numpy as np

from harness.elf import constants as c

RELATIVE = {"EM_AARCH64": 1027, "EM_S390": 12, "EM_RISCV": 3, "EM_LOONGARCH": 3, "EM_PPC64": 22, "EM_X86_64": 8}
"""Types of relocations that are load base + addend, by machine (each psABI)."""


def words_of(image, section, start, stop):
    """The words in bytes [start, stop) of a section of a linked file, as addresses: uint64 (words,).

    Parameters
    ----------
    image : harness.elf.ElfImage
    section : Section
        Within which the bytes lie.
    start, stop : int
        Offsets in it, whole words apart.

    Raises
    ------
    ElfError
        The section, or one of relocations, cannot be read.
    """
    words, nbytes = image.words(image.read(section)[start:stop]), image.bits // 8
    kind = RELATIVE.get(image.machine)
    if kind is None or image.bits != 64:
        return words
    first, last = np.uint64(section.addr + start), np.uint64(section.addr + stop)
    for rela in image.sections:
        if rela.type == c.SHT_RELA and rela.flags & c.SHF_ALLOC:
            entries = image.words(image.read(rela))
            where, info, addend = entries[: len(entries) // 3 * 3].reshape(-1, 3).T
            mine = (where >= first) & (where < last) & ((info & np.uint64(0xFFFFFFFF)) == kind)
            words[((where[mine] - first) // np.uint64(nbytes)).astype(np.int64)] = addend[mine]
    return words
