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
from contextlib import contextmanager
from pathlib import Path

from harness.paths import cache_home

__all__ = ["CACHED", "PACKAGE", "cache_home", "compiles", "compiling", "first_run", "inline", "n_kernels", "njit",
           "part"]

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


def njit(function):
    """`numba.njit` with our defaults for a kernel that Python calls: cached, GIL released, no exceptions raised."""
    return numba.njit(function, cache=CACHED, nogil=True, error_model="numpy", _nrt=False)


def inline(function):
    """The same for what only kernels call: it lives in their cache entries, and an entry of its own would cost each
    start a millisecond."""
    return numba.njit(function, nogil=True, error_model="numpy", _nrt=False)


def part(function):
    """The same for a part of one kernel: it is written out where it is called, before types are inferred.

    So a kernel may be split by subject and run as one function would. For functions that take much state and are called
    once or twice; what is called more often, or needs little, compiles in less time with `inline`.
    """
    return numba.njit(function, inline="always", nogil=True, error_model="numpy", _nrt=False)


def compiles():
    """Whether kernels are compiled at all: NUMBA_DISABLE_JIT=1 runs them as Python, to measure what tests cover."""
    return not numba.config.DISABLE_JIT


def first_run():
    """Whether no kernel of this version has been compiled yet, but will be, or none is kept."""
    if not compiles():
        return False
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    return not CACHED or not any(folder.glob("*/*.nbi"))


def n_kernels():
    """About how many functions a first run compiles, for a progress bar."""
    return sum(len(re.findall(r"^@(?:njit|inline)$", path.read_text(), re.M)) for path in kernel_files())


@contextmanager
def compiling(report):
    """Call `report` (n,) with the number of functions compiled so far, as they are compiled."""
    from numba.core import event

    class Listener(event.Listener):
        seen = set()

        def on_start(self, ev):
            pass

        def on_end(self, ev):
            self.seen.add(str(ev.data.get("dispatcher")))
            report(len(self.seen))

    with event.install_listener("numba:compile", Listener()):
        yield
