"""Sections of an encoding's own, read back: what is not as it is written ends in an error that says where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.errors import BtfFormatError
from harness.model import Kind, TypeTable

if TYPE_CHECKING:
    from harness.btf import BtfFile


class OwnSection:
    """A section beside a .BTF section.

    Parameters
    ----------
    file : BtfFile
    sections : dict of str to bytes
    name : str

    Raises
    ------
    BtfFormatError
        The section is not there.
    """

    def __init__(self, file: BtfFile, sections: dict[str, bytes], name: str) -> None:
        self.file, self.name = file, name
        if name not in sections:
            raise self.wrong(f"expected a section of that name beside .BTF, found {', '.join(sections) or 'none'}",
                             None)
        self.data = sections[name]

    def wrong(self, message: str, offset: int | None) -> BtfFormatError:
        """A BtfFormatError at a byte offset of the section; the caller raises it."""
        return BtfFormatError(message, self.file.path, self.name, None if offset is None else int(offset))

    def check_funcs(self, func_id: np.ndarray, at: np.ndarray) -> None:
        """Raise a BtfFormatError unless some type_ids, int64 (n,), at byte offsets (n,), are FUNCs of the file."""
        strange = np.flatnonzero(~are_funcs(self.file, func_id))
        if len(strange):
            k = strange[0]
            raise self.wrong(f"expected the type_id of a FUNC, found {func_id[k]}", at[k])


def are_funcs(file: BtfFile, func_id: np.ndarray) -> np.ndarray:
    """Which type_ids, int64 (n,), are those of FUNCs, of a file or its base: bool (n,)."""
    kind = file.types.by_id(TypeTable.kind)
    known = (func_id > 0) & (func_id < len(kind))
    return known & np.isin(kind[np.where(known, func_id, 0)], (Kind.FUNC, Kind.FUNC_ADDR))
