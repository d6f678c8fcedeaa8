"""Takes the vmlinux out of a debug package without unpacking the gigabytes of modules that follow it."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass

from harness.errors import KernelError
from harness.kernels.progress import mebibytes, step

CHUNK_NBYTES = 1 << 20

MEMORY_NBYTES = 1 << 28
"""What an xz or zstd stream may ask for in its header: four times what the highest levels of either need."""
LONGEST_NAME_NBYTES = 1 << 20
"""Longest header that says more of a tar member, such as a long name: tarfile reads one into memory."""

# Debian puts it under boot/; a symlink in lib/modules/<release>/ points there. Other builders of -dbg packages
# keep the file itself in lib/modules.
VMLINUX = re.compile(r"(\./)?usr/lib/debug/(boot/vmlinux-[^/]+|(usr/)?lib/modules/[^/]+/vmlinux)")


@dataclass(frozen=True)
class Unpacked:
    """What was written: the member's name in the package, its size in bytes and its SHA-256 in hex."""

    member: str
    size: int
    sha256: str


def unpack_vmlinux(deb, target, progress=True):
    """Write the vmlinux of a .deb to `target`.

    Parameters
    ----------
    deb : Path
        A Debian package.
    target : Path
        File to create. On failure it is left incomplete: give a temporary name and rename afterwards.
    progress : bool
        Show on stderr how far it has got.

    Returns
    -------
    Unpacked

    Raises
    ------
    KernelError
        The package is damaged or holds no vmlinux, its vmlinux is not ELF, or the disk is full.

    Notes
    -----
    Reads the package only up to the end of the member. Source: deb(5); Debian's linux packages since 3.2.
    """
    try:
        with _data_tar(deb) as stream, tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as tar:
            for member in tar:
                if member.isreg() and VMLINUX.fullmatch(member.name):
                    return _copy(tar.extractfile(member), member, deb, target, progress)
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError) as error:
        raise KernelError(f"the package is damaged: {error}", path=deb) from error
    except OSError as error:
        raise KernelError(f"the package cannot be unpacked: {error.strerror or error}", path=deb) from error
    raise KernelError("the package holds no usr/lib/debug/boot/vmlinux-*", path=deb)


class _Member(tarfile.TarInfo):
    """A member of an archive with headers of limited size."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        member = super().frombuf(buf, encoding, errors)
        if member.type not in (*tarfile.REGULAR_TYPES, tarfile.GNUTYPE_SPARSE) and member.size > LONGEST_NAME_NBYTES:
            raise tarfile.ReadError(f"a header of {member.size} bytes")
        return member


def _copy(source, member, deb, target, progress):
    free = shutil.disk_usage(target.parent).free
    if free < member.size:
        message = f"vmlinux needs {mebibytes(member.size)} but only {mebibytes(free)} are free"
        raise KernelError(message, path=target.parent)
    what = deb.name.partition("_")[0]
    digest = hashlib.sha256()
    written = 0
    with open(target, "wb") as file, step("unpacking", "unpacked", what, member.size, progress) as advance:
        while chunk := source.read(CHUNK_NBYTES):
            if written == 0 and not chunk.startswith(b"\x7fELF"):
                raise KernelError(f"{member.name} is not an ELF file", path=deb)
            file.write(chunk)
            digest.update(chunk)
            written += len(chunk)
            advance(written)
        if written != member.size or not written:
            raise KernelError(f"{member.name} ends after {written} of {member.size} bytes", path=deb)
        file.flush()
        os.fsync(file.fileno())
    return Unpacked(member.name.removeprefix("./"), written, digest.hexdigest())


def _data_tar(deb):
    """The package's files as a stream of tar, a context manager: from dpkg-deb, or read here where it is missing."""
    tool = shutil.which("dpkg-deb")
    return _data_tar_of_dpkg(tool, deb) if tool else _data_tar_of_archive(deb)


@contextmanager
def _data_tar_of_dpkg(tool, deb):
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen([tool, "--fsys-tarfile", os.fspath(deb)], stdout=subprocess.PIPE, stderr=errors)
        finished = False
        try:
            try:
                yield child.stdout
                # Still running means that what was wanted came before the end; tarfile has read to the end otherwise.
                finished = not child.stdout.read(1)
            finally:
                child.stdout.close()
                if not finished:
                    child.terminate()
                status = child.wait()
        except (tarfile.TarError, EOFError) as error:
            raise KernelError(f"the package is damaged: {_first_line(errors) or error}", path=deb) from error
        if finished and status:
            raise KernelError(f"the package is damaged: {_first_line(errors)}", path=deb)


def _first_line(errors):
    errors.seek(0)
    return errors.read().decode(errors="replace").strip().partition("\n")[0]


class _Part(io.RawIOBase):
    """`nbytes` bytes of an open file from its current position, as a separate file."""

    def __init__(self, file, nbytes):
        self.file = file
        self.left = nbytes

    def readable(self):
        return True

    def readinto(self, buffer):
        count = self.file.readinto(memoryview(buffer)[: self.left])
        self.left -= count
        return count


class _Lzma(io.RawIOBase):
    """The contents of an .xz or .lzma file, in bounded memory: lzma.open believes any size of dictionary."""

    def __init__(self, file):
        self.file = file
        self.stream = lzma.LZMADecompressor(memlimit=MEMORY_NBYTES)

    def readable(self):
        return True

    def readinto(self, buffer):
        while True:
            data = self.stream.unused_data if self.stream.eof else b""
            if not data and (self.stream.eof or self.stream.needs_input):
                data = self.file.read(CHUNK_NBYTES)
                if not data:
                    if self.stream.eof:
                        return 0
                    raise EOFError("the compressed data ends too early")
            if self.stream.eof:
                self.stream = lzma.LZMADecompressor(memlimit=MEMORY_NBYTES)
            out = self.stream.decompress(data, len(buffer))
            if out:
                buffer[: len(out)] = out
                return len(out)


@contextmanager
def _data_tar_of_archive(deb):
    """The member data.tar.* of the ar archive, decompressed. Source: deb(5), ar(5)."""
    import zstandard  # late: only where dpkg-deb is missing

    with open(deb, "rb") as file:
        name, nbytes = _find_data_member(file, deb)
        part = io.BufferedReader(_Part(file, nbytes), CHUNK_NBYTES)
        openers = {
            "data.tar": lambda: part,
            "data.tar.gz": lambda: gzip.open(part),
            "data.tar.bz2": lambda: bz2.open(part),
            "data.tar.xz": lambda: io.BufferedReader(_Lzma(part), CHUNK_NBYTES),
            "data.tar.lzma": lambda: io.BufferedReader(_Lzma(part), CHUNK_NBYTES),
            "data.tar.zst": lambda: zstandard.ZstdDecompressor(max_window_size=MEMORY_NBYTES).stream_reader(
                part, read_across_frames=True),
        }
        if name not in openers:
            raise KernelError(f"{name} is compressed in an unknown way", path=deb)
        try:
            with openers[name]() as stream:
                yield stream
        except zstandard.ZstdError as error:
            raise KernelError(f"the package is damaged: {error}", path=deb) from error


def _find_data_member(file, deb):
    if file.read(8) != b"!<arch>\n":
        raise KernelError("not a Debian package: the ar magic is missing", path=deb, offset=0)
    while True:
        offset = file.tell()
        head = file.read(60)
        size = head[48:58].strip()
        if len(head) != 60 or head[58:] != b"`\n" or not size.isdigit():
            raise KernelError("expected the header of an ar member, found none before data.tar.*", path=deb,
                              offset=offset)
        name = head[:16].decode("latin-1").strip().removesuffix("/")
        if name.startswith("data.tar"):
            return name, int(size)
        file.seek(int(size) + int(size) % 2, os.SEEK_CUR)
