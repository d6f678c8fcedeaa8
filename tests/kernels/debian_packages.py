"""ELF files with notes, and Debian packages, made by hand."""

from __future__ import annotations

import io
import lzma
import struct
import tarfile

import zstandard

BUILD_ID = bytes(range(20))
MEMBER = "./usr/lib/debug/boot/vmlinux-6.1.0-9-cloud-amd64"


def note(order, owner, kind, desc, align=4):
    """One note of an ELF note section."""

    def pad(data):
        return data + b"\0" * (-len(data) % align)

    return pad(struct.pack(order + "III", len(owner), len(desc), kind) + owner) + pad(desc)


def make_elf(bits=64, order="<", notes=None, as_section=True, as_segment=True, padding=0):
    """An ELF file with nothing but notes."""
    if notes is None:
        notes = note(order, b"Xen\0", 3, b"abcdefgh") + note(order, b"Linux\0", 0x101, b"\1\0\0\0")
        notes += note(order, b"GNU\0", 3, BUILD_ID)
    head_nbytes, phentsize, shentsize = (64, 56, 64) if bits == 64 else (52, 32, 40)
    phoff, notes_off = head_nbytes, head_nbytes + phentsize
    shoff = notes_off + len(notes) + -len(notes) % 8
    word = "Q" if bits == 64 else "I"
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1 if order == "<" else 2, 1]) + b"\0" * 9
    head = ident + struct.pack(
        order + "HHI" + 3 * word + "I6H",
        *(2, 62, 1, 0, phoff if as_segment else 0, shoff if as_section else 0, 0),
        *(head_nbytes, phentsize, 1 if as_segment else 0, shentsize, 2 if as_section else 0, 0),
    )
    where = (notes_off, 0, 0, len(notes), len(notes))
    if bits == 64:
        segment = struct.pack(order + "IIQQQQQQ", 4, 4, *where, 4)
    else:
        segment = struct.pack(order + "IIIIIIII", 4, *where, 4, 4)
    section = struct.pack(order + "II" + 4 * word + "II" + 2 * word, 1, 7, 2, 0, notes_off, len(notes), 0, 0, 4, 0)
    body = head + segment + notes + b"\0" * (-len(notes) % 8) + b"\0" * shentsize + section
    return body + bytes(padding)


def make_tar(files):
    """A tar archive of regular files, name to content; content None makes a symlink."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "elsewhere"
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content or b""))
    return buffer.getvalue()


def make_deb(path, files, compression="xz"):
    """A .deb with the given files."""
    pack = {"xz": lambda data: lzma.compress(data, preset=0), "zst": zstandard.ZstdCompressor().compress,
            "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE, preset=0)}[compression]  # fmt: skip
    control = make_tar({"./control": b"Package: x\nVersion: 1\nArchitecture: amd64\nMaintainer: x\nDescription: x\n"})
    members = {"debian-binary": b"2.0\n", "control.tar.xz": lzma.compress(control)}
    members[f"data.tar.{compression}"] = pack(make_tar(files))
    with open(path, "wb") as file:
        file.write(b"!<arch>\n")
        for name, content in members.items():
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode())
            file.write(content + b"\n" * (len(content) % 2))
    return path
