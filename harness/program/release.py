"""Which Linux a file is: what uname -r says of it."""

from __future__ import annotations

from harness.elf import ElfImage, SymbolTable
from harness.elf.boot_images import RELEASE
from harness.errors import ElfError

BANNER = b"linux_banner"
"""The symbol of the kernel's `Linux version 7.3.4 (...) ...` (init/version.c)."""

BANNER_NBYTES = 256
"""Bytes of it that are looked at."""

MODINFO, VERMAGIC = ".modinfo", b"vermagic="
"""The section of a module, and the field in it that begins with its kernel's release."""


def release(image: ElfImage, symbols: SymbolTable) -> str | None:
    """The release of the kernel that a file is, or that a module is for, such as 7.3.4+deb13-cloud-amd64; None where it
    does not say, as where its data is in another file.

    Parameters
    ----------
    image : harness.elf.ElfImage
    symbols : harness.elf.SymbolTable
    """
    try:
        banner = _banner(image, symbols)
        found = RELEASE.match(banner.removeprefix(b"Linux version ")) if banner.startswith(b"Linux version ") else None
        if found is None:
            found = RELEASE.match(_vermagic(image))
    except ElfError:
        return None
    return None if found is None else found[0].decode()


def _banner(image, symbols):
    for row in symbols.rows_named(BANNER).tolist():
        index = int(symbols.shndx[row])
        section = image.sections[index] if 0 < index < len(image.sections) else None
        at = int(symbols.value[row]) - (section.addr if section else 0)
        if section is not None and image.is_plain(section) and 0 <= at < section.nbytes:
            image.check(section)
            return image.pread(section, at, min(at + BANNER_NBYTES, section.nbytes)).tobytes()
    return b""


def _vermagic(image):
    section = image.section(MODINFO)
    fields = image.read(section).tobytes().split(b"\0") if section is not None else []
    return next((field.removeprefix(VERMAGIC) for field in fields if field.startswith(VERMAGIC)), b"")
