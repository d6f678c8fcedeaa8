"""The files that a program's DWARF is in: the program itself, the supplementary file that it may name (dwz -m), and of
split DWARF the .dwo files, or the .dwp file that they are packed in."""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

import numpy as np

from harness.elf import ElfImage
from harness.elf.headers import Section
from harness.errors import DwarfError, ElfError

DEBUG_FOLDER = "/usr/lib/debug"
"""Where distributions install debug data: by build id in .build-id, what several programs share in .dwz."""

OF_PROGRAM = ("addr", "ranges")
"""Sections that the units of .dwo files have in the program: what a linker must change."""

WHOLE = ("str",)
"""Sections that the units of a .dwp file share."""


class Link(NamedTuple):
    """What a file says of its supplementary file: its name, the identity that both files have, and where that is said.

    `altlink` says whether it is GNU's way, .gnu_debugaltlink and a build id, or that of DWARF 5, .debug_sup.
    """

    name: str
    identity: bytes
    section: str
    altlink: bool


class Share(NamedTuple):
    """A section of a file, or the part of it that one unit of a .dwp file has: bytes [start, stop)."""

    image: ElfImage
    section: Section
    start: int
    stop: int | None

    def contents(self):
        """Its bytes, uint8."""
        data = self.image.read(self.section)
        return data[self.start : len(data) if self.stop is None else self.stop]


class Part(NamedTuple):
    """The sections that units refer to as their own: those of a file, or one unit's shares of a .dwp file.

    Attributes
    ----------
    image : ElfImage
    suffix : str
        How the names of its sections end: "" or ".dwo".
    shares : dict of str to (int, int), optional
        Of a .dwp file, where the unit's part of a section is; it has the whole of what is not listed.
    program : Part, optional
        Of split DWARF, the program, which has the addresses.
    """

    image: ElfImage
    suffix: str = ""
    shares: dict | None = None
    program: Part | None = None

    def share(self, name):
        """The Share of section .debug_<name>, or None if there is none."""
        if self.program is not None and name in OF_PROGRAM:
            return self.program.share(name)
        if self.suffix:
            section = self.image.section(f".debug_{name}{self.suffix}")
        else:
            section = self.image.debug_section(name)
        if section is None or section.nbytes == 0:
            return None
        start, stop = 0, None
        if self.shares is not None and name not in WHOLE:
            if name not in self.shares:
                return None
            start, stop = self.shares[name]
        return Share(self.image, section, start, stop)

    def contents(self, name):
        """All its bytes of section .debug_<name>, uint8; empty if there is none."""
        share = self.share(name)
        return share.contents() if share is not None else np.zeros(0, np.uint8)


class DwarfFiles:
    """The files whose DWARF is read together; a context manager, which closes all but the first.

    Parameters
    ----------
    image : harness.elf.ElfImage
        The program.

    Attributes
    ----------
    parts : list of Part
        By file number: the program, the supplementary file if it names one, and what `follow` adds.
    skeletons : list of Skeleton
        Those that were followed.

    Raises
    ------
    DwarfError
        The file is part of another program's DWARF, or the file that it names is not there, or is another one.

    Source: DWARF 5 sections 7.3.6 (supplementary object files) and 7.3.2 (split DWARF objects).
    """

    def __init__(self, image):
        self.parts, self.skeletons = [Part(image)], []
        self._opened = []
        link = _link_of(image)
        self._supplement = None
        if link is not None:
            self._opened.append(_supplement(image, link))
            self._supplement = len(self.parts)
            self.parts.append(Part(self._opened[-1]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for image in self._opened:
            image.close()

    def supplement_of(self, file):
        """Number of the supplementary file of file number `file`, or None."""
        return self._supplement if file == 0 else None

    def follow(self, skeletons):
        """Add the files that have the DIEs of Skeletons.

        Raises
        ------
        DwarfError
            One is not there, or is no such file.
        """
        program = self.parts[0]
        package = _Package.beside(program.image)
        if package is not None:
            self._opened.append(package.image)
        opened = {}
        for skeleton in skeletons:
            shares = package.shares_of(skeleton.dwo_id) if package is not None else None
            if shares is not None:
                self.parts.append(Part(package.image, ".dwo", shares, program))
                continue
            path = _find_dwo(program.image, skeleton)
            if os.path.realpath(path) not in opened:
                image = opened[os.path.realpath(path)] = ElfImage(path)
                self._opened.append(image)
                _check_dwo(program.image, image, skeleton)
                self.parts.append(Part(image, ".dwo", None, program))
        if package is not None:
            self.parts += [Part(package.image, ".dwo", shares, program) for shares in package.type_units()]
        self.skeletons = list(skeletons)


def _link_of(image):
    """The Link of a file, or None; a DwarfError for a file that is itself part of others'."""
    found = None
    for section in image.sections:
        if section.name.endswith(".dwo") or section.name in (".debug_cu_index", ".debug_tu_index"):
            raise DwarfError("expected a linked program's or object's own DWARF, found a .dwo or .dwp file of split "
                             "DWARF (-gsplit-dwarf), which is not supported", image.path, section.name, 0)
        if section.name == ".gnu_debugaltlink":
            name, _, identity = image.read(section).tobytes().partition(b"\0")
            found = Link(os.fsdecode(name), identity, section.name, True)
        elif section.name == ".debug_sup":
            is_supplement, found = _read_debug_sup(image, section)
            if is_supplement:
                raise DwarfError("expected a program, found the supplementary file of others (dwz -5 -m)", image.path,
                                 section.name, 2)
    return found


def _read_debug_sup(image, section):
    """(whether the file is a supplementary one, its Link) from .debug_sup (DWARF 5 section 7.3.6)."""
    data = image.read(section).tobytes()
    name, _, rest = data[3:].partition(b"\0")
    length = shift = at = 0
    while at < len(rest):
        length |= (rest[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if rest[at - 1] < 0x80:
            break
    return data[2:3] == b"\1", Link(os.fsdecode(name), rest[at : at + length], section.name, False)


def _supplement(image, link):
    """The supplementary file that a program names, opened: an ElfImage."""
    def error(found):
        return DwarfError(f"expected the supplementary file {link.name!r} (dwz -m) with {_identity(link)}, found "
                          f"{found}", image.path, link.section, 0)

    if not link.name or not link.identity:
        raise error("no name or no identity of it")
    others = []
    for path in _candidates(image.path, link):
        if not os.path.isfile(path):
            continue
        try:
            other = ElfImage(path)
        except ElfError as failed:
            others.append(f"{path}, which {failed.message}")
            continue
        wrong = _mismatch(image, other, link)
        if wrong is None:
            return other
        other.close()
        others.append(f"{path}, which {wrong}")
    raise error(" and ".join(others) if others else "none beside it, by build id, or in "
                f"{os.path.join(DEBUG_FOLDER, '.dwz')}: install it, or undo dwz with the package's debug symbols")


def _identity(link):
    return f"{'build id' if link.altlink else 'checksum'} {link.identity.hex() or 'unknown'}"


def _candidates(path, link):
    """Paths where a supplementary file may be, the most likely first; none twice."""
    name, by_id = os.path.basename(link.name), ""
    if link.altlink:
        by_id = os.path.join(".build-id", link.identity.hex()[:2], f"{link.identity.hex()[2:]}.debug")
    found = []
    for folder in dict.fromkeys((os.path.dirname(path), os.path.dirname(os.path.realpath(path)))):
        found += [os.path.join(folder, link.name), os.path.join(folder, name)]  # the first is as named if absolute
        found += [os.path.join(folder, by_id)] if by_id else []
    found += [os.path.join(DEBUG_FOLDER, by_id)] if by_id else []
    return list(dict.fromkeys([*found, os.path.join(DEBUG_FOLDER, ".dwz", name)]))


def _mismatch(image, other, link):
    """Why a file is not the supplementary one that a program names, str, or None if it is."""
    try:
        if link.altlink:
            identity = bytes.fromhex(other.build_id() or "")
        else:
            section = other.section(".debug_sup")
            is_supplement, own = _read_debug_sup(other, section) if section is not None else (False, None)
            identity = own.identity if is_supplement else b""
    except ElfError as failed:
        return failed.message
    if identity != link.identity:
        return f"has {_identity(link._replace(identity=identity))}"
    if (other.bits, other.little_endian) != (image.bits, image.little_endian):
        return "is for another machine"
    if link.altlink and other.section(link.section) is not None:
        return "names a supplementary file of its own"
    return None


# Split DWARF


def _find_dwo(image, skeleton):
    """The path of the .dwo file that a skeleton names."""
    folders = dict.fromkeys((os.path.dirname(image.path), os.path.dirname(os.path.realpath(image.path))))
    found = [os.path.join(folder, skeleton.comp_dir, skeleton.name) for folder in folders]  # what is absolute stays
    found += [os.path.join(folder, name) for folder in folders
              for name in (skeleton.name, os.path.basename(skeleton.name))]
    for path in found:
        if skeleton.name and os.path.isfile(path):
            return path
    raise DwarfError(f"expected the .dwo file {skeleton.name!r} (-gsplit-dwarf) or a .dwp file with its unit "
                     f"{skeleton.dwo_id:#018x}, found neither where it was made, {skeleton.comp_dir!r}, nor beside "
                     "this file", image.path, ".debug_info")


def _check_dwo(program, image, skeleton):
    """Raise a DwarfError for a file that has no units of split DWARF, or those for another machine."""
    if (image.bits, image.little_endian) != (program.bits, program.little_endian):
        raise DwarfError("expected a .dwo file for the same machine as the program's", image.path)
    if image.section(".debug_info.dwo") is None:
        raise DwarfError(f"expected a .dwo file, as {program.path} names it (-gsplit-dwarf), found no .debug_info.dwo",
                         image.path)


class _Package:
    """A .dwp file: where each unit's parts of its sections are.

    Source: DWARF 5 section 7.3.5 (DWARF package files); before it version 2 of the GNU extension.
    """

    COLUMNS = {2: {1: "info", 2: "types", 3: "abbrev", 4: "line", 5: "loc", 6: "str_offsets"},
               5: {1: "info", 3: "abbrev", 4: "line", 5: "loclists", 6: "str_offsets", 8: "rnglists"}}

    def __init__(self, image):
        self.image = image
        self._units = self._index(".debug_cu_index")
        self._types = self._index(".debug_tu_index")

    @classmethod
    def beside(cls, program):
        """The package of a program, opened; None if there is none."""
        for path in dict.fromkeys((f"{program.path}.dwp", f"{os.path.realpath(program.path)}.dwp")):
            if os.path.isfile(path):
                image = ElfImage(path)
                try:
                    if (image.bits, image.little_endian) != (program.bits, program.little_endian):
                        raise DwarfError("expected a .dwp file for the same machine as the program's", image.path)
                    return cls(image)
                except BaseException:
                    image.close()
                    raise
        return None

    def shares_of(self, dwo_id):
        """Where the parts of a unit are, or None if it is not here."""
        return self._units.get(dwo_id)

    def type_units(self):
        """The same of every type unit, list."""
        return list(self._types.values())

    def _index(self, name):
        """{id: {section: (start, stop)}} of an index section."""
        section = self.image.section(name)
        if section is None or section.nbytes == 0:
            return {}
        data = self.image.read(section).tobytes()
        order = "<" if self.image.little_endian else ">"

        def words(at, n, letter="I"):
            nbytes = n * struct.calcsize(order + letter)
            if at + nbytes > len(data):
                raise DwarfError("expected an index of units, found its end", self.image.path, name, min(at, len(data)))
            return np.frombuffer(data, f"{order}u{nbytes // n if n else 4}", n, at).tolist(), at + nbytes

        (version,), at = words(0, 1)
        if version not in self.COLUMNS:
            (version,), _ = words(0, 1, "H")
        if version not in self.COLUMNS:
            raise DwarfError(f"expected an index of version 2 or 5, found {version}", self.image.path, name, 0)
        (n_columns, n_units, n_slots), at = words(4, 3)
        ids, at = words(at, n_slots, "Q")
        rows, at = words(at, n_slots)
        columns, at = words(at, n_columns)
        starts, at = words(at, n_columns * n_units)
        sizes, at = words(at, n_columns * n_units)
        found = {}
        for dwo_id, row in zip(ids, rows, strict=True):
            if not row:
                continue
            if row > n_units:
                raise DwarfError(f"expected rows up to {n_units}, found {row}", self.image.path, name, 0)
            first = (row - 1) * n_columns
            found[dwo_id] = {
                self.COLUMNS[version][column]: (starts[first + c], starts[first + c] + sizes[first + c])
                for c, column in enumerate(columns) if column in self.COLUMNS[version]}
        return found
