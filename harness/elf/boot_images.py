"""What a file is that is not ELF, when people take the kernel that boots for its vmlinux: said in the error.

Source: Documentation/arch/x86/boot.rst (1.1, boot_flag, header and kernel_version), arch/arm64/booting.rst and
arch/riscv/boot-image-header.rst (magic), arch/arm/boot/compressed/head.S (zImage), v6.12; EFI zboot:
drivers/firmware/efi/libstub/zboot-header.S, v6.1; legacy uImage: include/image.h of U-Boot; the compressors' formats.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

HEADER_NBYTES = 0x240
"""Bytes from the file's beginning in which all marks are."""

RELEASE = re.compile(rb"[0-9]+\.[0-9]+[!-~]*")
"""A kernel's release, as uname -r has it."""

RELEASE_NBYTES = 128

STREAMS = {
    b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4", b"\x02\x21\x4c\x18": "lz4", b"\x5d\0\0": "lzma", b"\x89LZO\0\r\n\x1a": "lzop",
}
"""First bytes of a compressed file, and who decompresses it."""

MARKS = (
    (0x38, b"ARM\x64", "arm64 Image"), (0x38, b"RSC\x05", "riscv Image"),
    (0x38, b"\xcd\x23\x82\x81", "loongarch Image"), (0x24, b"\x18\x28\x6f\x01", "arm zImage"),
    (0, b"\x27\x05\x19\x56", "uImage"),
)
"""(offset, bytes there, what such a file is)"""

WHERE = ("its vmlinux is in the package with the kernel's debug symbols, as /usr/lib/debug/boot/vmlinux-{0} or "
         "/usr/lib/debug/lib/modules/{0}/vmlinux (Debian: linux-image-{0}-dbg)")


def what_it_is(read: Callable[[int, int], bytes]) -> str | None:
    """What a file that is not ELF is and what to use in its place, in words; None where it is no kernel's image and not
    compressed.

    Parameters
    ----------
    read : callable
        (offset, bytes) -> bytes, fewer at the end of the file.
    """
    head = read(0, HEADER_NBYTES)
    for magic, by in STREAMS.items():
        if head.startswith(magic):
            return (f"a file compressed with {by}: decompress it first, unless it is a kernel's image, which has no "
                    f"DWARF: {WHERE.format('RELEASE')}")
    found = _image(head, read)
    if found is None:
        return None
    kind, release = found
    return f"the image of a kernel ({kind}), which has no DWARF: {WHERE.format(release or 'RELEASE')}"


def _image(head, read):
    """(What kind of image, release or None), or None."""
    if head[0x1FE:0x200] == b"\x55\xaa" and head[0x202:0x206] == b"HdrS":
        at = struct.unpack_from("<H", head, 0x20E)[0] if len(head) >= 0x210 else 0
        release = RELEASE.match(read(at + 0x200, RELEASE_NBYTES)) if at else None
        return "x86 bzImage", release[0].decode() if release else None
    if head[:2] == b"MZ" and head[4:8] == b"zimg":
        by = re.match(rb"[a-z0-9]+", head[0x18:0x38])
        return f"EFI zboot{f', compressed with {by[0].decode()}' if by else ''}", None
    for at, mark, kind in MARKS:
        if head[at:].startswith(mark):
            return kind, None
    return ("an EFI program", None) if head[:2] == b"MZ" else None
