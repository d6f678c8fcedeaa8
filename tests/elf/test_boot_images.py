"""Kernels that boot, given in place of their vmlinux: the error says what they are and what to use."""

import bz2
import gzip
import lzma
import struct

import pytest

from harness.elf import ElfImage
from harness.errors import ElfError


def refused(data, tmp_path):
    path = tmp_path / "vmlinuz"
    path.write_bytes(data)
    with pytest.raises(ElfError) as caught:
        ElfImage(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: +0x0: expected an ELF file (7f 45 4c 46), found ") and "\n" not in text
    return text


def bz_image(release=b"6.1.0-54-cloud-amd64 (builder@host) #1 SMP\0", at=0x3000):
    data = bytearray(0x4000)
    data[:2], data[0x1FE:0x200], data[0x202:0x206] = b"MZ", b"\x55\xaa", b"HdrS"
    struct.pack_into("<H", data, 0x20E, at)
    data[at + 0x200 : at + 0x200 + len(release)] = release
    return bytes(data)


def test_bz_image__its_release_says_where_its_vmlinux_is(tmp_path):
    text = refused(bz_image(), tmp_path)
    assert "the image of a kernel (x86 bzImage), which has no DWARF" in text
    assert "/usr/lib/debug/boot/vmlinux-6.1.0-54-cloud-amd64 or" in text
    assert text.endswith("(Debian: linux-image-6.1.0-54-cloud-amd64-dbg)")


@pytest.mark.parametrize("data", [
    bz_image(b"\x1b[31m6.1"), bz_image(b""), bz_image(at=0), bz_image()[:0x206], bz_image()[:0x210],
    bz_image()[:0x3100],
], ids=["escape", "empty", "nowhere", "cut in its header", "cut after it", "cut before the release"])
def test_bz_image__without_a_release_that_can_be_read(data, tmp_path):
    assert "vmlinux-RELEASE or" in refused(data, tmp_path)


def test_bz_image__what_follows_the_release_is_not_repeated(tmp_path):
    for tail in (b"\n\x1b[31m", b"\0", b"\xff", b" (x)"):
        assert "vmlinux-6.1.0 or" in refused(bz_image(b"6.1.0" + tail), tmp_path)


def marked(*marks):
    data = bytearray(0x200)
    for at, mark in marks:
        data[at : at + len(mark)] = mark
    return bytes(data)


@pytest.mark.parametrize(("data", "kind"), [
    (marked((0, b"MZ"), (4, b"zimg"), (0x18, b"gzip\0")), "(EFI zboot, compressed with gzip)"),
    (marked((0, b"MZ"), (4, b"zimg"), (0x18, b"zstd22\0")), "(EFI zboot, compressed with zstd22)"),
    (marked((0, b"MZ"), (4, b"zimg"), (0x18, b"\x1b[")), "(EFI zboot)"),
    (marked((0, b"MZ"), (0x38, b"ARM\x64")), "(arm64 Image)"),
    (marked((0x38, b"ARM\x64")), "(arm64 Image)"),
    (marked((0, b"MZ"), (0x38, b"RSC\x05")), "(riscv Image)"),
    (marked((0, b"MZ"), (0x38, struct.pack("<I", 0x818223CD))), "(loongarch Image)"),
    (marked((0x24, struct.pack("<I", 0x016F2818))), "(arm zImage)"),
    (marked((0, struct.pack(">I", 0x27051956))), "(uImage)"),
    (marked((0, b"MZ")), "(an EFI program)"),
    (b"MZ", "(an EFI program)"),
])
def test_images__of_other_machines(data, kind, tmp_path):
    text = refused(data, tmp_path)
    assert f"found the image of a kernel {kind}, which has no DWARF" in text and "vmlinux-RELEASE or" in text


@pytest.mark.parametrize(("data", "by"), [
    (gzip.compress(b"x", mtime=0), "gzip"), (bz2.compress(b"x"), "bzip2"), (lzma.compress(b"x"), "xz"),
    (lzma.compress(b"x", lzma.FORMAT_ALONE), "lzma"), (struct.pack("<I", 0xFD2FB528) + bytes(9), "zstd"),
    (struct.pack("<I", 0x184D2204) + bytes(9), "lz4"), (struct.pack("<I", 0x184C2102) + bytes(9), "lz4"),
    (b"\x89LZO\0\r\n\x1a\n", "lzop"),
])
def test_streams__are_to_be_decompressed(data, by, tmp_path):
    assert f"found a file compressed with {by}: decompress it first" in refused(data, tmp_path)


@pytest.mark.parametrize("data", [b"", b"M", b"#!/bin/sh\n", bytes(0x300), b"\x1f", marked((0x202, b"HdrS"))])
def test_other_files__get_no_hint(data, tmp_path):
    assert refused(data, tmp_path).partition(", found ")[2] in ("an empty file", data[:4].hex(" "))
