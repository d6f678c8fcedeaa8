"""The registry of encodings: one file each, found by being there.

An encoding says what makes two FUNCs the same, which rows it writes for functions, and what that costs over `plain`.
To add one, add a file with an `ENCODING` or several (`ENCODINGS`); nothing else names them.
"""

from __future__ import annotations

import importlib
import pkgutil

from harness.encodings.encoding import Encoding, FunctionRows, Pairs, make_pairs

__all__ = ["Encoding", "FunctionRows", "Pairs", "default_names", "encoding", "make_pairs", "names"]


def _registry():
    found = []
    for module in pkgutil.iter_modules(__path__):
        if module.name != "encoding":
            content = importlib.import_module(f"{__name__}.{module.name}")
            found += getattr(content, "ENCODINGS", None) or [content.ENCODING]
    return {e.name: e for e in sorted(found, key=lambda e: (e.rank, e.name))}


REGISTRY = _registry()


def names() -> list[str]:
    """All encodings' names, the baseline first."""
    return list(REGISTRY)


def default_names() -> list[str]:
    """The encodings made when none is asked for."""
    return [e.name for e in REGISTRY.values() if e.default]


def encoding(name: str) -> Encoding:
    """The Encoding of that name.

    Raises
    ------
    harness.errors.UsageError
        There is none.
    """
    from harness.errors import UsageError

    try:
        return REGISTRY[name]
    except KeyError:
        raise UsageError.choice("encoding", REGISTRY, name) from None
