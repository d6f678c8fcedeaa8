"""The one place that sets numba's defaults and where compiled kernels are cached.

Kernels are compiled on first use and cached on disk, keyed by a hash of their sources: numba notices an edit of the
file a kernel lives in, but not of a file whose functions or constants it uses. Nor does it notice the switches that
change what is compiled, such as NUMBA_BOUNDSCHECK=1, so they are part of the key, too.

They run without numba's reference counting (`_nrt=False`): counting the arrays that go from call to call cost more
than the walk itself (25 s against 2 s on a 6.12 kernel). So kernels allocate nothing; callers hand them their arrays.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from harness.paths import cache_home

__all__ = ["CACHED", "PACKAGE", "cache_home", "compiles", "first_run", "fused", "inline", "njit", "part"]

PACKAGE = Path(__file__).resolve().parent

SWITCHES = ("NUMBA_BOUNDSCHECK", "NUMBA_DEBUGINFO", "NUMBA_OPT")
"""Of numba's environment variables, those that change the code it makes and that its cache does not tell apart."""

IMPORT = re.compile(r"^from (harness[\w.]*) import (?:\(([^)]*)\)|(.*))$", re.M)


def kernel_files():
    """All sources that a compiled kernel may take code or constants from, in a stable order.

    The kernels' own files, and what they import, directly or not; so an edit anywhere else compiles nothing anew.
    """
    found, left = set(), [Path(__file__).resolve(), *PACKAGE.glob("*/*_kernels.py")]
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            if path.parent != PACKAGE:
                left += _imported(path.read_text())
    return sorted(found)


def _imported(text):
    """Files of this package that a source imports; of a package itself only when a name in it is no module."""
    for module, several, one in IMPORT.findall(text):
        folder = PACKAGE.joinpath(*module.split(".")[1:])
        for name in re.findall(r"\w+", re.sub(r"#.*| as \w+", "", several or one)):
            choices = (folder / f"{name}.py", folder.with_suffix(".py"), folder / "__init__.py")
            yield next(path for path in choices if path.is_file())


def kernel_digest():
    """Hash of the kernel sources and of the switches that are set, a short hex str: what a cached kernel depends on."""
    digest = hashlib.sha256()
    for path in kernel_files():
        digest.update(path.read_bytes())
    for name in SWITCHES:
        if os.environ.get(name):
            digest.update(f"{name}={os.environ[name]}".encode())
    return digest.hexdigest()[:16]


def numba_cache_dir():
    """Where this version's compiled kernels are cached, a Path."""
    return cache_home() / "numba" / kernel_digest()


def _can_write(folder):
    """Whether files can be made in a folder, which is made if it is missing."""
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


os.environ.setdefault("NUMBA_CACHE_DIR", str(numba_cache_dir()))

CACHED = _can_write(os.environ["NUMBA_CACHE_DIR"])
"""Whether compiled kernels are kept. If not they are compiled in each process: numba would keep them beside the sources
instead, where it takes no notice of what a kernel imports."""

import numba  # noqa: E402 (the cache directory is read when numba is imported)

KERNEL = {"nogil": True, "error_model": "numpy", "_nrt": False, "forceinline": False}
"""How every kernel is compiled: it releases the GIL, raises nothing, counts no references. What is left unsaid of
forceinline, a function would take over from the one that calls it first."""


def njit(function):
    """`numba.njit` with our defaults for a kernel that Python calls: cached, GIL released, no exceptions raised."""
    return numba.njit(function, cache=CACHED, **KERNEL)


def inline(function):
    """The same for what only kernels call: it lives in their cache entries, and an entry of its own would cost each
    start a millisecond. Python cannot call it: the wrapper that takes Python's arguments apart is left out, which for
    a tuple of many arrays takes longer to compile than the function."""
    return numba.njit(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, **KERNEL)


def fused(function):
    """The same for what costs less than to call it with its arguments, a tuple of many arrays above all.

    It is compiled by itself as with `inline`, and the optimizer must then write it out wherever it is called. So a
    kernel may be split by subject and run as one function would. For what is small, or called once or twice.
    """
    return numba.njit(function, no_cpython_wrapper=True, no_cfunc_wrapper=True, **KERNEL | {"forceinline": True})


def part(function):
    """The same for the outermost steps of a kernel, called once: written out before types are inferred.

    Each step that is compiled by itself has all that it calls optimized once more; this spares that, but copies what
    it writes out, which takes long for a large function.
    """
    return numba.njit(function, inline="always", **KERNEL)


def compiles():
    """Whether kernels are compiled at all: NUMBA_DISABLE_JIT=1 runs them as Python, to measure what tests cover."""
    return not numba.config.DISABLE_JIT


def first_run():
    """Whether no kernel of this version has been compiled yet, but will be, or none is kept."""
    if not compiles():
        return False
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    return not CACHED or not any(folder.glob("*/*.nbi"))
