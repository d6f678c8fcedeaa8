"""Records what a program hands to its kernels, so that twins can be held against it."""

from __future__ import annotations

import inspect
from contextlib import contextmanager

import numpy as np


@contextmanager
def recorded(module, names):
    """While it lasts, each call of the module's functions `names` is kept.

    Yields
    ------
    dict of str to list of dict
        By function, the arguments of each call by their names; arrays as the call left them, and, as `name_before`, as
        it found them.
    """
    found, real = {}, {name: getattr(module, name) for name in names}

    def recording(name):
        function = real[name]
        signature = inspect.signature(getattr(function, "py_func", function))

        def call(*args):
            bound = signature.bind(*args).arguments
            before = {f"{key}_before": copied(value) for key, value in bound.items()}
            result = function(*args)
            found.setdefault(name, []).append({key: copied(value) for key, value in bound.items()} | before)
            return result

        return call

    for name in names:
        setattr(module, name, recording(name))
    try:
        yield found
    finally:
        for name in names:
            setattr(module, name, real[name])


def copied(value):
    return value.copy() if isinstance(value, np.ndarray) else value
