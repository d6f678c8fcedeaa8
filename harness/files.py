"""Output files: written completely or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from harness.errors import OutputError


def write(path, data):
    """Write `data` to `path` atomically: a reader of `path` sees the old file or the whole new one.

    Parameters
    ----------
    path : path-like
        In a folder that exists.
    data : bytes

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(data)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"expected a writable file, found: {error.strerror}", path) from error


def make_folder(path):
    """Create a folder and its parents if missing; returns its Path.

    Raises
    ------
    OutputError
        It cannot be created.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the directory cannot be created: {error.strerror}", path) from error
    return path


def remove(path):
    """Remove a file if it is there.

    Raises
    ------
    OutputError
        It cannot be removed.
    """
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"the file cannot be removed: {error.strerror}", path) from error
