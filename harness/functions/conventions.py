"""Which registers carry a function's first arguments, per machine, as far as pahole knows.

pahole knows how many registers there are for more machines than it knows their numbers. Where the numbers are missing
here, a parameter that is in no register at all is still seen; one in the wrong register is not.
"""

from __future__ import annotations

from typing import NamedTuple


class Convention(NamedTuple):
    """A machine's calling convention.

    Attributes
    ----------
    registers : tuple of int
        DWARF register numbers of the first integer arguments, in order; -1 where pahole does not know the number.
    wide : bool
        Whether an aggregate of up to two registers is passed in two of them.
    source : str
    """

    registers: tuple
    wide: bool
    source: str

    @property
    def numbered(self):
        """Whether the registers' numbers are known, so that a wrong register can be told."""
        return any(r >= 0 for r in self.registers)


UNKNOWN = (-1,) * 8

CONVENTIONS = {
    "EM_X86_64": Convention((5, 4, 1, 2, 8, 9), True, "System V ABI, AMD64 supplement, section 3.2.3 and figure 3.36"),
    "EM_AARCH64": Convention(tuple(range(8)), True, "AAPCS64, section 6.4.2, and DWARF for AArch64, section 4.1"),
    "EM_ARM": Convention(tuple(range(8)), True, "as pahole has it: eight, though AAPCS32 passes four"),
    "EM_S390": Convention((2, 3, 4, 5, 6), False, "s390x ELF ABI supplement 1.6, section 1.2.3"),
    "EM_PPC64": Convention(UNKNOWN, True, "Power ELF v2 ABI, section 2.2.3: r3 to r10, unnumbered in pahole"),
    "EM_PPC": Convention(UNKNOWN, True, "Power ABI: r3 to r10, unnumbered in pahole"),
    "EM_RISCV": Convention(UNKNOWN, True, "RISC-V psABI, section 2.1: a0 to a7, unnumbered in pahole"),
    "EM_MIPS": Convention(UNKNOWN, True, "unnumbered in pahole"),
    "EM_SPARC": Convention(UNKNOWN[:6], True, "unnumbered in pahole"),
    "EM_SPARCV9": Convention(UNKNOWN[:6], True, "unnumbered in pahole"),
    "EM_ARC": Convention(UNKNOWN, True, "unnumbered in pahole"),
}
"""By machine (ELF e_machine); any other has no rule: its parameters are never judged by register."""

NONE = Convention((), True, "no rule for this machine")


def convention(machine):
    """The Convention of a machine, NONE if it is not known."""
    return CONVENTIONS.get(machine, NONE)
