"""The bytes that the walk reads: .debug_info piece by piece, all other sections behind one another."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import numpy as np

from harness.dwarf import state as sc
from harness.elf import ElfImage
from harness.elf.headers import Section
from harness.errors import DwarfError

LITERALS = (b"__SANITIZED_FAKE_INT__", b"int")
"""Names that the walk needs and a file may lack."""


class _Piece(NamedTuple):
    """A section of the run of bytes, or a unit's share of one: where it begins and ends in it, from which byte of the
    section on; and the section's bytes unless they can be read as they are."""

    start: int
    stop: int
    file: int
    first: int
    image: ElfImage
    section: Section
    data: np.ndarray | None


class InfoBytes:
    """.debug_info, and behind it .debug_types of DWARF 4, of one file after another: a run of bytes that is read piece
    by piece.

    Attributes
    ----------
    nbytes : int
    little_endian : bool
    base : list of int
        Where the .debug_info of each file begins.
    """

    def __init__(self, files):
        self.little_endian = files.parts[0].image.little_endian
        self.base, self._pieces, self.nbytes, self._read = [], [], 0, {}
        for file, part in enumerate(files.parts):
            self.base.append(self.nbytes)
            shares = [part.share("info"), part.share("types")]
            if shares[0] is None and (part.shares is None or shares[1] is None):
                raise DwarfError(
                    "expected a .debug_info section, found none: this file carries no DWARF. Install the package with "
                    "the kernel's debug symbols (Debian: linux-image-<version>-dbg; Fedora: kernel-debuginfo; Ubuntu: "
                    "linux-image-unsigned-<version>-dbgsym) and pass the path of its vmlinux", part.image.path)
            for share in shares:
                if share is not None:
                    self._add(file, share)
        self._starts = [piece.start for piece in self._pieces]

    def _add(self, file, share):
        image, section = share.image, share.section
        n = sum(section.name == other.name for other in image.sections)
        if n > 1:
            raise DwarfError(f"expected one section of that name, found {n}: the object has type units in groups; "
                             "link it (ld -r merges them) or compile without -fdebug-types-section", image.path,
                             section.name)
        data, nbytes = None, section.nbytes
        if image.is_plain(section):
            image.check(section)
        else:
            if (id(image), section.index) not in self._read:
                self._read[id(image), section.index] = image.read(section)
            data = self._read[id(image), section.index]
            nbytes = len(data)
        stop = nbytes if share.stop is None else share.stop
        if not share.start <= stop <= nbytes:
            raise DwarfError(f"expected a unit within the section's {nbytes} bytes, found one up to {stop}", image.path,
                             section.name, share.start)
        start, self.nbytes = self.nbytes, self.nbytes + stop - share.start
        self._pieces.append(_Piece(start, self.nbytes, file, share.start, image, section, data))

    def _piece(self, at):
        if len(self._pieces) == 1:
            return self._pieces[0]
        return self._pieces[max(bisect_right(self._starts, at) - 1, 0)]

    def read(self, start, stop, pad=0, out=None):
        """Bytes [start, stop) and `pad` zeros behind them, uint8; a view of `out` if given, which must be as long."""
        n = stop - start
        out = np.empty(n + pad, np.uint8) if out is None else out[: n + pad]
        out[n:] = 0
        for piece in self._pieces:
            first, last = max(start, piece.start), min(stop, piece.stop)
            if first < last:
                into, move = out[first - start : last - start], piece.first - piece.start
                if piece.data is None:
                    piece.image.pread(piece.section, first + move, last + move, into)
                else:
                    into[:] = piece.data[first + move : last + move]
        return out

    def head(self, at, nbytes):
        """Up to `nbytes` bytes from `at` on, as bytes; cheaper than `read` for a few of them."""
        piece = self._piece(at)
        stop, move = min(at + nbytes, piece.stop), piece.first - piece.start
        if piece.data is None:
            return piece.image.pread_bytes(piece.section, at + move, stop + move)
        return piece.data[at + move : stop + move].tobytes()

    def in_types(self, at):
        """Whether an offset lies in .debug_types."""
        return self._piece(at).section.name.removesuffix(".dwo").endswith("_types")

    def file(self, at):
        """Number of the file that offset `at` lies in."""
        return self._piece(at).file

    def path(self, at):
        """Path of that file."""
        return self._piece(at).image.path

    def section_stop(self, at):
        """End of the section that offset `at` lies in."""
        return self._piece(at).stop

    def section_name(self, at):
        """Name of the section that offset `at` lies in."""
        return self._piece(at).section.name

    def section_offset(self, at):
        """Offset within that section."""
        piece = self._piece(at)
        return at - piece.start + piece.first


def contents(image, name):
    """All bytes of section .debug_<name>, uint8; empty if there is none."""
    section = image.debug_section(name)
    return image.read(section) if section is not None and section.nbytes else np.zeros(0, np.uint8)


def padded_contents(part, name):
    """All bytes of section .debug_<name> of a files.Part, and PAD zeros behind them."""
    share = part.share(name)
    if share is not None and share.stop is None and share.image.is_plain(share.section):
        image, section = share.image, share.section
        image.check(section)
        out = np.empty(section.nbytes + sc.PAD, np.uint8)
        image.pread(section, 0, section.nbytes, out[: section.nbytes])
        out[section.nbytes :] = 0
        return out
    return np.concatenate([part.contents(name), np.zeros(sc.PAD, np.uint8)])


class OtherSections:
    """All sections but .debug_info in one array, and where each lies in it.

    Attributes
    ----------
    data : uint8 (nbytes,)
        PAD zeros stand behind each section.
    units : list of int64 (UNIT_WORDS,)
        By file, State.unit before the first unit: the words SEC_*.
    strings : uint8
        The part of `data` that holds the strings: name n is the string at strings[n], and strings[0] is the empty
        string.
    literals : list of int
        Names of LITERALS.
    """

    def __init__(self, files, info):
        self._parts, self._nbytes, self._placed = [], 0, {}
        nul, pad = np.zeros(1, np.uint8), np.zeros(sc.PAD, np.uint8)
        self.units = [np.zeros(sc.UNIT_WORDS, np.int64) for _ in files.parts]
        self._append(nul)
        for unit, part in zip(self.units, files.parts, strict=True):
            self._place(unit, part, "str", sc.SEC_STR, nul)
            self._place(unit, part, "line_str", sc.SEC_LINE_STR, nul)
        self.literals = [self._append(np.frombuffer(literal + b"\0", np.uint8)) for literal in LITERALS]
        self._append(pad)
        n_strings = self._nbytes
        if n_strings >= sc.POOL_FLAG:
            raise DwarfError(f"expected string sections below 2 GiB, found {n_strings} bytes",
                             files.parts[0].image.path)
        for file, (unit, part) in enumerate(zip(self.units, files.parts, strict=True)):
            for name, index in (("abbrev", sc.SEC_ABBREV), ("str_offsets", sc.SEC_STR_OFFSETS), ("addr", sc.SEC_ADDR),
                                ("ranges", sc.SEC_RANGES), ("rnglists", sc.SEC_RNGLISTS)):
                self._place(unit, part, name, index, pad)
            unit[sc.SEC_BIG_ENDIAN] = 0 if part.image.little_endian else 1
            unit[sc.SEC_FILE_BASE] = info.base[file]
            unit[sc.SEC_SUP_BASE] = sc.MAX_OFF
            supplement = files.supplement_of(file)
            if supplement is not None:
                unit[sc.SEC_SUP_BASE] = info.base[supplement]
                unit[[sc.SEC_SUP_STR, sc.SEC_SUP_STR_NBYTES]] = self.units[supplement][[sc.SEC_STR, sc.SEC_STR_NBYTES]]
        self.data = np.concatenate(self._parts)
        self.strings = self.data[:n_strings]
        del self._parts, self._placed

    def _append(self, data):
        at = self._nbytes
        self._parts.append(data)
        self._nbytes += len(data)
        return at

    def _place(self, unit, part, name, index, behind):
        """Append a section and what stands behind it unless it is there, and note where it is: its length is next."""
        share = part.share(name)
        key = None if share is None else (id(share.image), share.section.index, share.start, share.stop)
        if key not in self._placed:
            data = np.zeros(0, np.uint8) if share is None else share.contents()
            self._placed[key] = self._append(data), len(data)
            self._append(behind)
        unit[index], unit[index + 1] = self._placed[key]
