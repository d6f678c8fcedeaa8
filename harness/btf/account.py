"""The ledger: every byte of a file has exactly one label."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.btf import wire
from harness.btf.reader import BtfFile
from harness.model import Kind
from harness.model.layout import LAST_KIND, N_KINDS


class Account(NamedTuple):
    """Counts and bytes of one BTF file.

    Attributes
    ----------
    kinds : dict of str to (int, int)
        Kind name to number of types and their bytes, every kind of btf.rst in wire order, absent ones as (0, 0), and
        then those that only an encoding has.
    header_nbytes, string_nbytes, layout_nbytes : int
    padding_nbytes : int
        Gaps between sections and bytes after the last one.
    """

    kinds: dict[str, tuple[int, int]]
    header_nbytes: int
    string_nbytes: int
    layout_nbytes: int
    padding_nbytes: int

    @property
    def type_nbytes(self) -> int:
        """Bytes of all types."""
        return sum(nbytes for _, nbytes in self.kinds.values())

    @property
    def n_types(self) -> int:
        """Number of all types."""
        return sum(count for count, _ in self.kinds.values())

    @property
    def total_nbytes(self) -> int:
        """The sum of all labels: the file's size."""
        return sum(self.parts().values())

    def parts(self) -> dict[str, int]:
        """Bytes by label, a dict in file order: header, each kind by its name, layout, strings, padding."""
        parts = {"header": self.header_nbytes}
        parts.update((name, nbytes) for name, (_, nbytes) in self.kinds.items())
        parts.update(layout=self.layout_nbytes, strings=self.string_nbytes, padding=self.padding_nbytes)
        return parts


def stat(btf: BtfFile) -> Account:
    """The Account of a BtfFile, without its base.

    Padding is the gaps themselves and not what is left over, so that ``total_nbytes == btf.file_nbytes`` is a test of
    the reader and not a tautology.
    """
    kind = btf.types.kind()
    row_nbytes = np.diff(btf.types.start[1:]) * wire.WORD_NBYTES
    count = np.bincount(kind, minlength=N_KINDS)
    # float64 weights are exact here: a section is shorter than 2**32 bytes
    nbytes = np.bincount(kind, row_nbytes, N_KINDS).astype(np.int64)
    kinds = {k.name: (int(count[k]), int(nbytes[k])) for k in Kind if 0 < k <= LAST_KIND or count[k]}
    header = btf.header
    return Account(kinds, header.hdr_len, header.str_len, header.layout_len,
                   sum(nbytes for _, nbytes in gaps(btf)))


def gaps(btf: BtfFile) -> list[tuple[int, int]]:
    """Bytes that belong to no section, list of (offset from the magic, number of them), by offset: between sections and
    after the last."""
    header = btf.header
    sections = [
        (header.type_off, header.type_len),
        (header.layout_off, header.layout_len),
        (header.str_off, header.str_len),
    ]
    found, covered = [], header.hdr_len
    for off, nbytes in sorted((off, nbytes) for off, nbytes in sections if nbytes):
        found.append((covered, header.hdr_len + off - covered))
        covered = header.hdr_len + off + nbytes
    found.append((covered, btf.file_nbytes - covered))
    return [(at, nbytes) for at, nbytes in found if nbytes]
