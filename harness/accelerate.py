"""The one place that sets numba's defaults and where compiled kernels are cached.

Kernels are compiled on first use and cached on disk, keyed by a hash of all kernel sources: numba notices an edit
of the file a kernel lives in, but not of a file whose functions it calls.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def cache_home():
    """The user's cache directory for this program, a Path (not created)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "btf-harness"


def kernel_files():
    """All sources that a compiled kernel may take code or constants from, in a stable order."""
    return sorted(PACKAGE.rglob("*.py"))


def kernel_digest():
    """Hash of the kernel sources, a short hex str: what a cached kernel depends on."""
    digest = hashlib.sha256()
    for path in kernel_files():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def numba_cache_dir():
    """Where this version's compiled kernels are cached, a Path."""
    return cache_home() / "numba" / kernel_digest()


os.environ.setdefault("NUMBA_CACHE_DIR", str(numba_cache_dir()))

import numba  # noqa: E402 (the cache directory is read when numba is imported)


def njit(function):
    """`numba.njit` with our defaults: cached, GIL released, no exceptions raised inside kernels."""
    return numba.njit(function, cache=True, nogil=True, error_model="numpy", _nrt=False)


def inline(function):
    """A small helper inlined by LLVM into the kernels that call it; not worth a cache entry of its own."""
    return numba.njit(function, nogil=True, error_model="numpy", _nrt=False)
