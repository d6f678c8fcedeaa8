"""The result of one policy for a kernel: its .btf files and functions, read on demand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from harness import btf
from harness import encodings as enc
from harness.btf import Account, BtfFile
from harness.errors import MeasureError
from harness.results.columns import SELECTION_COLUMNS
from harness.results.manifest import BASELINE, SHIPPED, files_of

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


class Texts(dict):
    """The strings of a BtfFile and its base by their offset, as str: all decoded at once, faster than one by one.

    An offset inside a string, which is allowed, is looked up on demand.

    Raises
    ------
    BtfFormatError
        An offset beyond the section.
    """

    def __init__(self, file):
        self.file = file
        blob = file.strings.flattened().blob
        self.data = blob.tobytes()
        texts = self.data.decode("utf-8", "surrogateescape").split("\0")
        start = np.flatnonzero(blob == 0) + 1
        super().__init__(zip([0, *start[:-1].tolist()], texts[:-1], strict=True))

    def __missing__(self, offset):
        if offset >= len(self.data):
            raise self.file.wrong(f"expected a name_off below {len(self.data)}, found {offset}",
                                  self.file.strings_start + len(self.file.strings.blob))
        text = self.data[offset : self.data.index(b"\0", offset)].decode("utf-8", "surrogateescape")
        self[offset] = text
        return text

    def of(self, offsets: np.ndarray) -> list[str]:
        """The strings at some offsets, list of str."""
        return [self[offset] for offset in offsets.tolist()]


class Once:
    """Values computed from an object on first use and kept."""

    @cached_property
    def _known(self):
        return {}

    def once(self, function: Callable[..., T], *arguments: object) -> T:
        """``function(self, *arguments)``, computed once, since several frames are made from it."""
        asked = (function, *arguments)
        if asked not in self._known:
            self._known[asked] = function(self, *arguments)
        return self._known[asked]


class Result(Once):
    """One policy of a ResultFolder, its files checked.

    Attributes
    ----------
    of : ResultFolder
    policy : str
    files : dict of str to Path
        By encoding, the baseline first, and last the shipped file if there is one.
    sha256 : dict of str to str
        Of those files when they were loaded.
    """

    def __init__(self, of, policy, files, sha256):
        self.of, self.policy, self.files, self.sha256 = of, policy, files, sha256
        self._parsed = {}

    @property
    def folder(self) -> Path:
        """Path of the folder, which may also hold other policies."""
        return self.of.path

    @cached_property
    def manifest(self) -> dict:
        """What manifest.json says about the kernel and this policy, one dict; see harness.results.manifest."""
        kernel = {key: value for key, value in self.of.manifest.items() if key != "policies"}
        return {**kernel, "policy": self.policy, **self.of.manifest["policies"][self.policy]}

    @property
    def kernel(self) -> str:
        """Label of the kernel, for people."""
        return self.of.kernel

    @property
    def key(self) -> str | None:
        """What identifies the kernel: its build id, else the hash of its file."""
        return self.of.key

    @property
    def bits(self) -> int:
        """Size of the machine's addresses in bits."""
        return self.of.bits

    @property
    def encodings(self) -> list[str]:
        """Names of the encodings, the baseline first."""
        return [name for name in self.files if name != SHIPPED]

    def btf(self, name: str) -> BtfFile:
        """The BtfFile of an encoding or of SHIPPED, read once."""
        if name not in self._parsed:
            read_once = self.of.once if name == SHIPPED else self.once  # that file is of all policies
            self._parsed[name] = read_once(_read, self.files[name], name)
        return self._parsed[name]

    def sections(self, name: str) -> dict[str, bytes]:
        """The further sections of an encoding, dict of str to bytes; SHIPPED has none.

        Raises
        ------
        MeasureError
            A file cannot be read.
        """
        if name == SHIPPED:
            return {}
        return {part["section"]: read_bytes(self.folder / part["file"])
                for part in self.manifest["encodings"][name]["sections"]}

    def paths(self, name: str) -> list[Path]:
        """The files of an encoding, that of .BTF first, or of SHIPPED, list of Path."""
        if name == SHIPPED:
            return [self.files[name]]
        return [self.folder / part["file"] for part in files_of(self.manifest["encodings"][name])]

    def addresses(self, name: str) -> enc.Addresses:
        """The Addresses in an encoding's file; none for SHIPPED, and where it says something else; errors as of `told`.
        """
        told = self.told(name)
        return told if isinstance(told, enc.Addresses) else enc.NO_ADDRESSES

    def told(self, name: str) -> enc.Addresses | enc.Sources:
        """What an encoding's file says of where its FUNCs are, as the encoding reads it; nothing for SHIPPED.

        Raises
        ------
        MeasureError
            This program does not know the encoding.
        """
        return self.once(_told, name)

    def nbytes(self, name: str) -> int:
        """Bytes of an encoding's file and its further sections, or of SHIPPED."""
        return self.btf(name).file_nbytes + sum(map(len, self.sections(name).values()))

    def texts(self, name: str) -> Texts:
        """The Texts of an encoding or of SHIPPED, decoded anew and not kept: they take 20 MB a file."""
        return Texts(self.btf(name))

    @cached_property
    def accounts(self) -> dict[str, Account]:
        """The Account of each file, dict."""
        return {name: btf.stat(self.btf(name)) for name in self.files}

    @cached_property
    def functions(self) -> pd.DataFrame:
        """Every function instance, DataFrame: FUNCTION_COLUMNS of harness.results.columns, in the order of the file.

        Raises
        ------
        MeasureError
            A table is malformed, or they do not belong together.
        """
        import pandas as pd

        selection = self.of.selection(self.policy)
        return pd.concat([self.of.instances, selection[list(SELECTION_COLUMNS[1:])]], axis=1)

    @cached_property
    def added(self) -> pd.DataFrame:
        """The functions that the kernel's step adds, see ResultFolder.added."""
        return self.of.added(self.policy)

    @property
    def inlined(self) -> pd.DataFrame:
        """Names without an instance, see ResultFolder.inlined."""
        return self.of.inlined


def read_bytes(path: str | PathLike[str]) -> bytes:
    """The bytes of a file.

    Raises
    ------
    MeasureError
        It cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise MeasureError(f"expected a readable file, found: {error.strerror}", path) from error


def _read(owner, path, name):
    known = enc.REGISTRY.get(name)
    return enc.read(path) if known is None else btf.read(path, layout=known.layout)


def _told(result, name):
    if name not in enc.REGISTRY and name != SHIPPED:
        raise MeasureError(f"expected an encoding of {', '.join(enc.REGISTRY)}, found {name}, which is not known here",
                           result.files[name])
    encoding = enc.encoding(BASELINE if name == SHIPPED else name)
    return encoding.read(result.btf(name), result.sections(name), result.of.image)
