"""All tests of a kernel in one process, so that what they share is made once.

That is what xdist's `loadgroup` is for, but it puts the group into the name of a test where pytest since 9.2 does not
look, and then deals out each test by itself.
"""

from __future__ import annotations

from functools import cache

from xdist.scheduler import LoadScopeScheduling

from harness import kernels
from harness.kernels import building


@cache
def kernel_names():
    """Of every kernel that can be tested, the longest first: some begin as others do."""
    known = [entry.name for entry in kernels.catalogue()] + [kernel.name for kernel in building.built()]
    return sorted(known, key=len, reverse=True)


class ByKernel(LoadScopeScheduling):
    """Deals out the tests of a kernel together."""

    def _split_scope(self, nodeid):
        return next((name for name in kernel_names() if name in nodeid), nodeid)


def pytest_xdist_make_scheduler(config, log):
    """Under `--dist loadgroup`, that of kernels."""
    return ByKernel(config, log) if config.getvalue("dist") == "loadgroup" else None
