"""The registry of encodings: one file each, found by being there.

An encoding says what makes two FUNCs the same, which rows it writes for functions, and what that costs over `plain`.
To add one, add a file with an `ENCODING` or several (`ENCODINGS`); nothing else names them.
"""

from __future__ import annotations

import importlib
import pkgutil

from harness import btf
from harness.encodings.encoding import Encoding, FunctionRows, Pairs, make_pairs
from harness.model import STANDARD

__all__ = ["Encoding", "FunctionRows", "Pairs", "default_names", "encoding", "layouts", "make_pairs", "names", "parse",
           "read"]


def _registry():
    found = []
    for module in pkgutil.iter_modules(__path__):
        if module.name != "encoding":
            content = importlib.import_module(f"{__name__}.{module.name}")
            found += getattr(content, "ENCODINGS", None) or [content.ENCODING]
    return {e.name: e for e in sorted(found, key=lambda e: (e.rank, e.name))}


REGISTRY = _registry()


def names():
    """All encodings' names, the baseline first."""
    return list(REGISTRY)


def default_names():
    """The encodings made when none is asked for."""
    return [e.name for e in REGISTRY.values() if e.default]


def encoding(name):
    """The Encoding of that name.

    Raises
    ------
    harness.errors.EncodeError
        There is none.
    """
    from harness.errors import EncodeError

    try:
        return REGISTRY[name]
    except KeyError:
        raise EncodeError(f"expected an encoding of {', '.join(REGISTRY)}, found {name!r}") from None


def layouts():
    """The layouts that a file may be written in, list of Layout: the standard one, then the encodings' extensions."""
    return list(dict.fromkeys([STANDARD, *(e.layout for e in REGISTRY.values())]))


def read(path, *, base=None):
    """``btf.read`` of a file in the layout of any encoding."""
    return btf.read(path, layout=layouts(), base=base)


def parse(data, path=None, section=btf.wire.SECTION, *, base=None):
    """``btf.parse`` of bytes in the layout of any encoding."""
    return btf.parse(data, path, section, layout=layouts(), base=base)
