"""Kernels that only kernels may call, for tests: each behind a compiled function that Python may call."""

import functools

import numba

from harness import accelerate


class Callable:
    """A module of kernels whose functions can be called: ``Callable(module).function(...)``."""

    def __init__(self, module):
        self._module = module

    @functools.cache  # noqa: B019 (as many as a module has functions)
    def __getattr__(self, name):
        function = getattr(self._module, name)
        if not accelerate.compiles():
            return function
        return numba.njit(lambda *arguments: function(*arguments), **accelerate.KERNEL)
