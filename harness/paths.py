"""Where this program has its data and its cache. Imports nothing heavy, since every start comes by here."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path


def cache_home():
    """The user's cache directory for this program, a Path (not created)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "btf-harness"


def data_file(name):
    """The Path of a file in data/, such as the catalogue of kernels or the claims.

    A checkout has the folder at its top and a link to it in the package; an installed package has the files themselves.
    """
    return Path(str(files("harness") / "data" / name)).resolve()
