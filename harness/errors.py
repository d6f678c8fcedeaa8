"""One error root: what went wrong, in which file, section and at which offset.

The text reads ``path: section+0xoffset: expected, found``. The command line prints exactly that line and exits
with 2; any other exception is an internal error, and it exits with 1.
"""

from __future__ import annotations

import re
from os import PathLike

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What ends a line or steers a terminal; names in a file may have any of it."""


def visible(text: str) -> str:
    """A text on one line, each control character as ``\\xNN`` or ``\\uNNNN``."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class HarnessError(Exception):
    """An input that cannot be used, or a request that cannot be met.

    Parameters
    ----------
    message : str
        What was expected and what was found.
    path, section : str, optional
        The file, and the section within it.
    offset : int, optional
        Byte offset within `section`, or within the file when there is no section.
    unit : str, optional
        Name of the compile unit.
    """

    def __init__(self, message: str, path: str | PathLike[str] | None = None, section: str | None = None,
                 offset: int | None = None, unit: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = None if path is None else str(path)
        self.section = section
        self.offset = offset
        self.unit = unit

    def __str__(self) -> str:
        where = []
        if self.path is not None:
            where.append(self.path)
        place = self.section or ""
        if self.offset is not None:
            place += f"+{self.offset:#x}"
        if place:
            where.append(place)
        if self.unit:
            where.append(self.unit)
        return visible(": ".join([*where, self.message]))


class UsageError(HarnessError):
    """An option has an invalid value, or options cannot be combined.

    Parameters
    ----------
    message : str
        What was expected and what was found.
    option : str, optional
        Its name without dashes, which is also the name of the parameter in Python.
    path : str, optional
        The file or folder that it was used with.
    """

    def __init__(self, message, option=None, path=None):
        super().__init__(message if option is None else f"--{option}: {message}", path)
        self.option = option

    @classmethod
    def choice(cls, option, known, found):
        """The error for a value that is not one of the known ones."""
        return cls(f"expected one of {', '.join(known)}, found {found!r}", option)


class OutputError(HarnessError):
    """A file or folder cannot be written where requested."""


class KernelError(HarnessError):
    """A kernel could not be named, found, fetched or unpacked."""


class ElfError(HarnessError):
    """The ELF file is malformed or lacks what is needed."""


class DwarfError(HarnessError):
    """The DWARF sections are malformed."""


class BtfFormatError(HarnessError):
    """A .btf file or .BTF section is malformed."""


class EncodeError(HarnessError):
    """Well-formed input that cannot be expressed in BTF as a whole."""


class MeasureError(HarnessError):
    """A result folder lacks a file or its files do not belong together."""
