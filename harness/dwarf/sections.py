"""The bytes that the walk reads: .debug_info piece by piece, all other sections behind one another."""

from __future__ import annotations

import numpy as np

from harness.dwarf import state as sc
from harness.errors import DwarfError

LITERALS = (b"__SANITIZED_FAKE_INT__", b"int")
"""Names that the walk needs and a file may lack."""


def _refuse_parts(image):
    """Raise a DwarfError for a file whose DWARF is in part in another file, or is itself such a part."""
    for section in image.sections:
        if section.name.endswith(".dwo") or section.name in (".debug_cu_index", ".debug_tu_index"):
            raise DwarfError("expected a linked program's or object's own DWARF, found a .dwo or .dwp file of split "
                             "DWARF (-gsplit-dwarf), which is not supported", image.path, section.name, 0)
        if section.name == ".gnu_debugaltlink":
            named = image.read(section).tobytes().partition(b"\0")[0]
        elif section.name == ".debug_sup":
            data = image.read(section).tobytes()
            if data[2:3] == b"\1":
                raise DwarfError("expected a program, found the supplementary file of others (dwz -5 -m)", image.path,
                                 section.name, 2)
            named = data[3:].partition(b"\0")[0]
        else:
            continue
        raise DwarfError(f"expected all DWARF in the file itself, found references into the supplementary file "
                         f"{named.decode(errors='replace')!r} (dwz -m), which is not supported", image.path,
                         section.name, 0)


class InfoBytes:
    """.debug_info, and behind it .debug_types of DWARF 4, as one run of bytes that is read piece by piece."""

    def __init__(self, image):
        self.path = image.path
        self.little_endian = image.little_endian
        self._image = image
        info = image.debug_section("info")
        _refuse_parts(image)
        if info is None or info.nbytes == 0:
            raise DwarfError(
                "expected a .debug_info section, found none: this file carries no DWARF. Install the package with "
                "the kernel's debug symbols (Debian: linux-image-<version>-dbg; Fedora: kernel-debuginfo; Ubuntu: "
                "linux-image-unsigned-<version>-dbgsym) and pass the path of its vmlinux", image.path)
        self._info = info
        self._types = image.debug_section("types")
        for section in (info, self._types):
            n = sum(section is not None and section.name == other.name for other in image.sections)
            if n > 1:
                raise DwarfError(f"expected one section of that name, found {n}: the object has type units in groups; "
                                 "link it (ld -r merges them) or compile without -fdebug-types-section", image.path,
                                 section.name)
        self._plain = image.is_plain(info)
        if self._plain:
            image.check(info)
            self.n_info = info.nbytes
        else:
            self._bytes = image.read(info)
            self.n_info = len(self._bytes)
        self._types_bytes = image.read(self._types) if self._types is not None else np.zeros(0, np.uint8)
        self.nbytes = self.n_info + len(self._types_bytes)

    def read(self, start, stop, pad=0, out=None):
        """Bytes [start, stop) and `pad` zeros behind them, uint8; a view of `out` if given, which must be as long."""
        n = stop - start
        out = np.empty(n + pad, np.uint8) if out is None else out[: n + pad]
        out[n:] = 0
        split = min(max(start, self.n_info), stop)
        if start < split:
            if self._plain:
                self._image.pread(self._info, start, split, out[: split - start])
            else:
                out[: split - start] = self._bytes[start:split]
        if split < stop:
            out[split - start : n] = self._types_bytes[split - self.n_info : stop - self.n_info]
        return out

    def head(self, at, nbytes):
        """Up to `nbytes` bytes from `at` on, as bytes; cheaper than `read` for a few of them."""
        stop = min(at + nbytes, self.section_stop(at))
        if self._plain and at < self.n_info:
            return self._image.pread_bytes(self._info, at, stop)
        return self.read(at, stop).tobytes()

    def in_types(self, at):
        """Whether an offset lies in .debug_types."""
        return at >= self.n_info

    def section_stop(self, at):
        """End of the section that offset `at` lies in."""
        return self.nbytes if self.in_types(at) else self.n_info

    def section_name(self, at):
        """Name of the section that offset `at` lies in."""
        return self._types.name if self.in_types(at) else self._info.name

    def section_offset(self, at):
        """Offset within that section."""
        return at - self.n_info if self.in_types(at) else at


def contents(image, name):
    """All bytes of section .debug_<name>, uint8; empty if there is none."""
    section = image.debug_section(name)
    return image.read(section) if section is not None and section.nbytes else np.zeros(0, np.uint8)


def padded_contents(image, name):
    """All bytes of section .debug_<name> and PAD zeros behind them."""
    section = image.debug_section(name)
    if section is not None and section.nbytes and image.is_plain(section):
        image.check(section)
        out = np.empty(section.nbytes + sc.PAD, np.uint8)
        image.pread(section, 0, section.nbytes, out[: section.nbytes])
        out[section.nbytes :] = 0
        return out
    return np.concatenate([contents(image, name), np.zeros(sc.PAD, np.uint8)])


class OtherSections:
    """All sections but .debug_info in one array, and where each lies in it.

    Attributes
    ----------
    data : uint8 (nbytes,)
        PAD zeros stand behind each section.
    unit : int64 (UNIT_WORDS,)
        State.unit before the first unit: the words SEC_*.
    strings : uint8
        The part of `data` that holds the strings: name n is the string at strings[n], and strings[0] is the empty
        string.
    literals : list of int
        Names of LITERALS.
    """

    def __init__(self, image):
        unit = np.zeros(sc.UNIT_WORDS, np.int64)
        pad = np.zeros(sc.PAD, np.uint8)
        nul = np.zeros(1, np.uint8)
        strs, line_strs = contents(image, "str"), contents(image, "line_str")
        parts = [nul, strs, nul, line_strs, nul]
        unit[sc.SEC_STRS] = 1
        unit[sc.SEC_STR_NBYTES] = len(strs)
        unit[sc.SEC_STRS_NBYTES] = len(strs) + len(line_strs) + 2
        self.literals = []
        at = 1 + int(unit[sc.SEC_STRS_NBYTES])
        for literal in LITERALS:
            parts.append(np.frombuffer(literal + b"\0", np.uint8))
            self.literals.append(at)
            at += len(literal) + 1
        parts.append(pad)
        at += sc.PAD
        n_strings = at
        if at >= sc.POOL_FLAG:
            raise DwarfError(f"expected string sections below 2 GiB, found {at} bytes", image.path)
        for name, index, nbytes in (("abbrev", sc.SEC_ABBREV, sc.SEC_ABBREV_NBYTES),
                                    ("str_offsets", sc.SEC_STR_OFFSETS, sc.SEC_STR_OFFSETS_NBYTES),
                                    ("addr", sc.SEC_ADDR, sc.SEC_ADDR_NBYTES),
                                    ("ranges", sc.SEC_RANGES, sc.SEC_RANGES_NBYTES),
                                    ("rnglists", sc.SEC_RNGLISTS, sc.SEC_RNGLISTS_NBYTES)):
            section = contents(image, name)
            unit[index], unit[nbytes] = at, len(section)
            parts += [section, pad]
            at += len(section) + sc.PAD
        unit[sc.SEC_BIG_ENDIAN] = 0 if image.little_endian else 1
        self.data = np.concatenate(parts)
        self.strings = self.data[:n_strings]
        self.unit = unit
