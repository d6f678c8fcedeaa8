"""Where this program keeps what it can make again. Imports nothing heavy: every command line start comes by here."""

from __future__ import annotations

import os
from pathlib import Path


def cache_home():
    """The user's cache directory for this program, a Path (not created)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "btf-harness"
