"""One kernel: an ELF file and where it came from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from harness.errors import KernelError
from harness.kernels.notes import build_id


@dataclass(frozen=True)
class Kernel:
    """A local ELF file and its provenance.

    Attributes
    ----------
    name : str
        The catalogue's name, else the package's, else the stem of the file's name.
    label : str
        What results are called: ``debian-6.12.117-cloud-amd64`` for a fetched kernel, made from the version that
        came; the file's name for a path.
    path : Path
        The ELF file.
    provenance : dict
        ``size`` and ``build_id`` (hex, or None) always; for a fetched kernel also ``package``, ``version``,
        ``architecture``, ``distribution``, ``series``, ``flavour``, ``deb_sha256``, ``member`` (the file's name in
        the package) and ``sha256``, and ``suite`` where it was not one of the machine's own.
    """

    name: str
    label: str
    path: Path
    provenance: dict[str, Any] = field(compare=False)

    @property
    def build_id(self) -> str | None:
        """The GNU build ID in hex, or None."""
        return self.provenance["build_id"]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the ELF file in hex; for a path it is computed when first asked for, about a second per GB.

        Raises
        ------
        KernelError
            The file can no longer be read.
        """
        if "sha256" in self.provenance:
            return self.provenance["sha256"]
        try:
            with open(self.path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise KernelError(f"cannot be read: {error.strerror}", path=self.path) from error


def from_path(path: str | PathLike[str]) -> Kernel:
    """A kernel given as a file.

    Parameters
    ----------
    path : path-like
        An existing file; that it is ELF is not checked here.

    Returns
    -------
    Kernel

    Raises
    ------
    KernelError
        It is not a file, is empty or cannot be read.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            nbytes = file.seek(0, 2)
    except OSError as error:
        raise KernelError(f"cannot be read: {error.strerror}", path=path) from error
    if nbytes == 0:
        raise KernelError("the file is empty", path=path)
    # The stem of vmlinux-6.1.0 is not vmlinux-6.1.
    name = path.stem if path.suffix[1:].isalpha() else path.name
    return Kernel(name, path.name, path, {"size": nbytes, "build_id": build_id(path)})
