"""Where this program has its data, and keeps what it can make again. Imports nothing heavy: every start is by here."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path


def cache_home():
    """The user's cache directory for this program, a Path (not created)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "btf-harness"


def data_file(name):
    """A file of data/, a Path: the kernels that are known by name, the claims.

    A checkout has the folder at its top and a link to it in the package; an installed package has the files themselves.
    """
    return Path(str(files("harness") / "data" / name)).resolve()
