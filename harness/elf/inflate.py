"""Compressed sections. No size that a file states is believed before the compressed bytes have given as much."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from harness.elf import constants as c
from harness.errors import ElfError

INFLATE_LIMIT = 1100
"""No section inflates by more than this factor (1032 is the most that zlib reaches; DWARF stays below 20): a larger
ch_size is false, or a bomb."""

SMALL_NBYTES = 1 << 20
"""Sections up to this size may inflate by any factor."""

WINDOW_NBYTES = 1 << 23
"""The window that any zstd frame may ask for: that of levels up to 19 for contents of unknown size."""

PIECE_NBYTES = 1 << 20
"""Bytes that are read from a stream at a time."""


def is_compressed(section):
    """Whether the section's bytes in the file are compressed contents."""
    return bool(section.flags & c.SHF_COMPRESSED) or section.name.startswith(".zdebug_")


def inflate(image, section, data):
    """The contents of a compressed section, uint8 (nbytes,), from its bytes in the file.

    Parameters
    ----------
    image : harness.elf.ElfImage
    section : Section
        With SHF_COMPRESSED, or named .zdebug_*.
    data : uint8 (section.nbytes,)

    Raises
    ------
    ElfError
        The header is cut short, names an unknown compression or states an implausible size; the data is broken, or
        gives another number of bytes than the header says.

    Notes
    -----
    Memory grows with what the data gives, not with what the header says.

    Source: gABI chapter 4, "Section Compression"; for .zdebug sections binutils bfd/compress.c, the comment at its top.
    """
    if section.flags & c.SHF_COMPRESSED:
        fmt = ("<" if image.little_endian else ">") + ("IIQQ" if image.bits == 64 else "III")
        n = struct.calcsize(fmt)
        if len(data) < n:
            raise ElfError("expected a compression header, found the end of the section", image.path, section.name, 0)
        fields = struct.unpack(fmt, data[:n].tobytes())
        kind, size = fields[0], fields[2] if image.bits == 64 else fields[1]
        streams = {c.ELFCOMPRESS_ZLIB: _Zlib, c.ELFCOMPRESS_ZSTD: _Zstd}
        if kind not in streams:
            raise ElfError(f"expected ch_type 1 (zlib) or 2 (zstd), found {kind}", image.path, section.name, 0)
        return _inflated(image, section, data[n:], size, n, streams[kind])
    if data[:4].tobytes() != b"ZLIB" or len(data) < 12:
        raise ElfError("expected the header 'ZLIB' of a .zdebug section", image.path, section.name, 0)
    size = int.from_bytes(data[4:12].tobytes(), "big")
    return _inflated(image, section, data[12:], size, 12, _Zlib)


def _inflated(image, section, data, size, offset, stream):
    if size > max(INFLATE_LIMIT * len(data), SMALL_NBYTES):
        raise ElfError(f"expected a plausible size after decompression, found {size} for {len(data)} bytes",
                       image.path, section.name, 0)
    pieces, left = [], size + 1
    try:
        source = stream(data.tobytes(), size)
        while left > 0:
            piece = source.read(min(left, PIECE_NBYTES))
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
        if left == 1:
            source.finish()
    except Exception as err:
        if type(err).__module__ not in ("zlib", "zstd", "zstandard", "zstandard.backend_c"):
            raise
        raise ElfError(f"expected {stream.name} data: {err}", image.path, section.name, offset) from err
    if left != 1:
        found = "more" if left < 1 else size + 1 - left
        raise ElfError(f"expected {size} bytes after {stream.name} decompression, found {found}", image.path,
                       section.name, offset)
    return np.frombuffer(b"".join(pieces), np.uint8)


class _Zlib:
    name = "zlib"

    def __init__(self, data, size):
        self._data = data
        self._stream = zlib.decompressobj()

    def read(self, nbytes):
        out = self._stream.decompress(self._data, nbytes)
        self._data = self._stream.unconsumed_tail
        return out

    def finish(self):
        if not self._stream.eof:
            raise zlib.error("incomplete or truncated stream")


class _Zstd:
    name = "zstd"

    def __init__(self, data, size):
        import zstandard

        # a frame asks for a window; one that is larger than its contents is of no use, and zstd has none above 2 GiB
        limit = min(max(WINDOW_NBYTES, 1 << size.bit_length()), 1 << 31)
        self._stream = zstandard.ZstdDecompressor(max_window_size=limit).stream_reader(data)

    def read(self, nbytes):
        return self._stream.read(nbytes)

    def finish(self):
        pass
