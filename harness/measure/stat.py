"""Any BTF file by itself: its types and bytes by kind, and its waste; and the difference of two.

Nothing here needs a result folder or pandas: rows are tuples with the names of `harness.measure.columns`.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from harness import btf, encodings
from harness.btf import ext, same, wire
from harness.errors import BtfFormatError, UsageError

TYPES, FILE = "types", "file"
UNREFERENCED, REPEATED, DUPLICATE = WASTE = "unreferenced strings", "repeated strings", "duplicate types"
"""Parts of a row that are waste: bytes that another part has, too."""

ROW_COLUMNS = ("part", "kind", "count", "bytes", "share")
CHANGE_COLUMNS = ("part", "kind", "count", "bytes", "old_count", "old_bytes", "count_delta", "bytes_delta", "percent")

RUNNING, KERNEL = "/sys/kernel/btf", "vmlinux"
"""Where the running kernel shows its BTF and that of its modules, which continue its own (sysfs-kernel-btf)."""


class Row(NamedTuple):
    """One part of a file.

    Attributes
    ----------
    part : str
        header, types, layout, strings or padding; file, their sum; or one of WASTE.
    kind : str
        BTF kind of types and duplicate types, else empty.
    count : int
        Of strings how many there are, of header, layout and padding 0, else types.
    nbytes : int
    share : float
        nbytes in percent of the file.
    """

    part: str
    kind: str
    count: int
    nbytes: int
    share: float

    @property
    def label(self) -> str:
        """The kind, or the part where it has none."""
        return self.kind or self.part


class Change(NamedTuple):
    """One part of two files, of which each may lack it.

    Attributes
    ----------
    part, kind : str
        As in Row.
    count, nbytes, old_count, old_nbytes : int
        In the new file, and in the old one.
    count_delta, nbytes_delta : int
        New minus old.
    percent : float or None
        nbytes_delta in percent of old_nbytes, None where that is 0.
    """

    part: str
    kind: str
    count: int
    nbytes: int
    old_count: int
    old_nbytes: int
    count_delta: int
    nbytes_delta: int
    percent: float | None

    label = Row.label


class Stat(NamedTuple):
    """A BTF file, and what is in it.

    Attributes
    ----------
    path : str
    base : str or None
        The file that it continues, if any; ``path(.BTF.base)`` where that is in the same file.
    file : BtfFile
    account : btf.Account
    waste : btf.Waste
    """

    path: str
    base: str | None
    file: btf.BtfFile
    account: btf.Account
    waste: btf.Waste

    def facts(self) -> dict:
        """What the rows do not say, dict of str to str or int: the path, base, byte order, and first type_id."""
        return {"path": self.path, "base": self.base, "byteorder": self.file.byteorder,
                "first_type_id": self.file.types.first_id, "types": self.account.n_types,
                "strings": self.waste.strings.count, "bytes": self.account.total_nbytes}

    def parts(self) -> list[Row]:
        """The parts of the file in its order, of the kinds those that it has; then FILE, their sum."""
        account = self.account
        found = [("header", "", 0, account.header_nbytes),
                 *((TYPES, kind, n, nbytes) for kind, (n, nbytes) in account.kinds.items() if n),
                 ("layout", "", 0, account.layout_nbytes),
                 ("strings", "", self.waste.strings.count, account.string_nbytes),
                 ("padding", "", 0, account.padding_nbytes),
                 (FILE, "", account.n_types, account.total_nbytes)]
        return [self._row(*one) for one in found]

    def wasted(self) -> list[Row]:
        """What is waste, a row each, of duplicate types one for each kind that has any."""
        waste = self.waste
        return [self._row(UNREFERENCED, "", *waste.unreferenced), self._row(REPEATED, "", *waste.repeated),
                *(self._row(DUPLICATE, kind, *amount) for kind, amount in waste.duplicates.items())]

    def _row(self, part, kind, count, nbytes):
        return Row(part, kind, count, nbytes, 100 * nbytes / self.account.total_nbytes)


def stat(path: str | os.PathLike[str], base: str | os.PathLike[str] | None = None, if_needed: bool = False) -> Stat:
    """The Stat of a file: .btf, or ELF with a .BTF section, in the layout of any encoding.

    Parameters
    ----------
    path : path-like
    base : path-like, optional
        The one that it continues, as a module's BTF does its kernel's. A .BTF.base section beside its own is
        found without it, and so is the kernel of a module in /sys/kernel/btf.

    if_needed : bool
        Whether a file that needs no base is read without it.

    Raises
    ------
    BtfFormatError
        A file cannot be read or is malformed; it needs no base, and that is not `if_needed`.
    ElfError
        It is malformed ELF.
    UsageError
        The file has a base of its own.

    Notes
    -----
    0.4 s for a kernel; most of it is for duplicate types.
    """
    path = os.fspath(path)
    sections = btf.sections_in(path)
    below, said = None, None
    if wire.BASE_SECTION in sections:
        if base is not None:
            raise UsageError(f"expected a file without a base of its own, found a section {wire.BASE_SECTION}", "base",
                             path)
        below = encodings.parse(sections[wire.BASE_SECTION], path, wire.BASE_SECTION)
        said = f"{path}({wire.BASE_SECTION})"
    else:
        folder, name = os.path.split(os.path.abspath(path))
        if base is None and folder == RUNNING and name != KERNEL:
            base = os.path.join(RUNNING, KERNEL)
        if base is not None:
            said = os.fspath(base)
            below = encodings.parse(btf.data_in(base), base)
    try:
        file = encodings.parse(sections[wire.SECTION], path, base=below)
        if below is not None and same.stands_alone(file):
            if not if_needed:
                raise BtfFormatError(f"expected types that continue those of {said}, found a file that needs no base",
                                     path)
            file, below, said = encodings.parse(sections[wire.SECTION], path), None, None
        also = None
        if wire.EXT_SECTION in sections:
            also = ext.name_offs(sections[wire.EXT_SECTION], file.byteorder, path)
        return Stat(path, said, file, btf.stat(file), btf.waste(file, below, also))
    except BtfFormatError as error:
        if below is None and path.endswith((".ko", ".ko.debug")):
            raise BtfFormatError(f"{error.message} (a module continues the BTF of its kernel, which --base names)",
                                 error.path, error.section, error.offset) from error
        raise


def difference(new: list[Row], old: list[Row]) -> list[Change]:
    """The rows of two files side by side, those of one `part` and `kind`; in the order of the new file, then those that
    only the old one has."""
    rows = [{(row.part, row.kind): row for row in rows} for rows in (new, old)]
    found = []
    for key in dict.fromkeys([*rows[0], *rows[1]]):
        ours, theirs = (side.get(key, Row(*key, 0, 0, 0.0)) for side in rows)
        delta = ours.nbytes - theirs.nbytes
        percent = 100 * delta / theirs.nbytes if theirs.nbytes else None
        found.append(Change(*key, ours.count, ours.nbytes, theirs.count, theirs.nbytes, ours.count - theirs.count,
                            delta, percent))
    return found


SORTS = ("size", "name", "count")
"""What rows may be sorted by: bytes or types, the most first, of a difference without regard to the sign; or label."""


def in_order(rows, sort):
    """Rows, or Changes, sorted by one of SORTS; the sum stays last.

    Rows that have as many bytes, or types, are in the order of the file.
    """
    def key(row):
        is_sum = row.part == FILE
        if sort == "name":
            return is_sum, row.label.casefold(), row.label
        sizes = row.count if isinstance(row, Row) else row.count_delta, (
            row.nbytes if isinstance(row, Row) else row.nbytes_delta)
        # strings are counted, too, but not with types
        n, nbytes = abs(sizes[0]) * (row.part in (TYPES, DUPLICATE)), abs(sizes[1])
        return (is_sum, -n, -nbytes) if sort == "count" else (is_sum, -nbytes, -n)

    return sorted(rows, key=key)
