"""The registry of encodings: one file each, found by being there.

An encoding says what makes two FUNCs the same, which rows it writes for functions, and what that costs over `plain`.
To add one, add a file with an `ENCODING` or several (`ENCODINGS`); nothing else names them.
"""

from __future__ import annotations

import importlib
import pkgutil
from os import PathLike

from harness import btf
from harness.encodings.encoding import Encoding, FunctionRows, Pairs, make_pairs
from harness.errors import UsageError
from harness.model import STANDARD, Layout

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
    try:
        return REGISTRY[name]
    except KeyError:
        raise UsageError.choice("encoding", REGISTRY, name) from None


def layouts() -> list[Layout]:
    """The layouts that a file may be written in: the standard one, then the encodings' extensions."""
    return list(dict.fromkeys([STANDARD, *(e.layout for e in REGISTRY.values())]))


def read(path: str | PathLike[str], *, base: btf.BtfFile | None = None) -> btf.BtfFile:
    """``btf.read`` of a file in the layout of any encoding."""
    return btf.read(path, layout=layouts(), base=base)


def parse(data: bytes | bytearray | memoryview, path: str | PathLike[str] | None = None,
          section: str = btf.wire.SECTION, *, base: btf.BtfFile | None = None) -> btf.BtfFile:
    """``btf.parse`` of bytes in the layout of any encoding."""
    return btf.parse(data, path, section, layout=layouts(), base=base)
