"""What a file could do without: strings that nothing names, strings and types that it has more than once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.btf import same, wire
from harness.btf.reader import BtfFile
from harness.model import Kind
from harness.model.layout import N_KINDS


class Amount(NamedTuple):
    """How many there are, and their bytes."""

    count: int
    nbytes: int


class Waste(NamedTuple):
    """Strings and types of a file, without its base, that say nothing that is not said elsewhere.

    Attributes
    ----------
    strings : Amount
        All strings, each with its NUL, the empty one at offset 0 included.
    unreferenced : Amount
        Those that no name reads, not even from the middle on.
    repeated : Amount
        Those that a name reads and whose text an earlier one that is read, or one of the base, has too.
    duplicates : dict of str to Amount
        By kind, in wire order, as far as there are any: types that are alike, in the sense of `same.compare`, with one
        of a smaller type_id in the file or its base. Types that refer to each other in a circle are if all of it is.
    """

    strings: Amount
    unreferenced: Amount
    repeated: Amount
    duplicates: dict[str, Amount]

    @property
    def duplicate(self) -> Amount:
        """All duplicates."""
        return Amount(sum(a.count for a in self.duplicates.values()), sum(a.nbytes for a in self.duplicates.values()))


def waste(btf: BtfFile, base: BtfFile | None = None, also_named: np.ndarray | None = None) -> Waste:
    """The Waste of a file.

    Parameters
    ----------
    btf : BtfFile
    base : BtfFile, optional
        What it continues.
    also_named : int64 (n,), optional
        Offsets of strings that something else names, such as a .BTF.ext section.

    Raises
    ------
    BtfFormatError
        As from `same.compare`; or one of `also_named` is out of range.
    """
    found = same.content(btf, base)
    return Waste(*_strings(btf, found.string, also_named), _duplicates(btf, found.class_of))


def _strings(btf, number, also_named):
    blob, first_off = btf.strings.blob, btf.strings.first_off
    named = np.flatnonzero(number[first_off:])
    if also_named is not None:
        wrong = also_named[(also_named < 0) | (also_named >= btf.strings.next_off)]
        if len(wrong):
            raise btf.wrong(f"expected a name in {wire.EXT_SECTION} below {btf.strings.next_off}, found {wrong[0]}",
                            btf.strings_start)
        named = np.union1d(named, also_named[also_named >= first_off] - first_off)
    ends = np.flatnonzero(blob == 0)
    nbytes = np.diff(ends, prepend=-1)
    is_read = np.zeros(len(ends), bool)
    is_read[np.searchsorted(ends, named)] = True
    if btf.strings.base is None:
        is_read[0] = True  # the empty string, which every file has
    known = set() if btf.strings.base is None else set(btf.strings.base.flattened().blob.tobytes().split(b"\0"))
    texts = blob.tobytes().split(b"\0")
    again = np.zeros(len(ends), bool)
    for k in np.flatnonzero(is_read).tolist():
        again[k] = texts[k] in known
        known.add(texts[k])
    return tuple(Amount(int(which.sum()), int(nbytes[which].sum()))
                 for which in (np.ones(len(ends), bool), ~is_read, again))


def _duplicates(btf, class_of):
    types, first_id = btf.types, btf.types.first_id
    earliest = np.unique(class_of, return_index=True)[1][class_of]
    again = np.flatnonzero((earliest != np.arange(len(class_of)))[first_id:])
    kind = types.kind()[again]
    count = np.bincount(kind, minlength=N_KINDS)
    row_nbytes = np.diff(types.start[1:])[again] * wire.WORD_NBYTES
    nbytes = np.bincount(kind, row_nbytes, N_KINDS).astype(np.int64)
    return {k.name: Amount(int(count[k]), int(nbytes[k])) for k in Kind if count[k]}
