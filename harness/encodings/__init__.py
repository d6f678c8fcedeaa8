"""The registry of encodings: every file in this folder is found.

An encoding is one way of writing functions and their addresses: what it writes, how that is read back, what it costs
over `plain`, and how it is drawn. To add one, add a file with an `ENCODING` (or several, `ENCODINGS`), or `register`
one defined elsewhere; nothing else names them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from os import PathLike

from harness import btf
from harness.encodings.artifact import SECTION, Artifact, artifact
from harness.encodings.encoding import (
    NO_ADDRESSES,
    STORES,
    Addresses,
    Encoding,
    Final,
    Fixup,
    Ids,
    Sources,
    Written,
)
from harness.encodings.image import Image
from harness.encodings.met import names_met
from harness.encodings.order import Order, order_of
from harness.encodings.pairs import Pairs, make_pairs
from harness.errors import UsageError
from harness.model import STANDARD, Kind, Layout

__all__ = ["NO_ADDRESSES", "SECTION", "STORES", "Addresses", "Artifact", "Encoding", "Final", "Fixup", "Ids", "Image",
           "Order", "Pairs", "Sources", "Written", "artifact", "chosen", "default_names", "encoding", "layouts",
           "make_pairs", "names", "names_met", "order_of", "parse", "read", "register", "touched_kinds"]

PARTS = ("artifact", "encoding", "formulas", "image", "met", "order", "own", "pairs")
"""Modules here that are not encodings."""

REGISTRY: dict[str, Encoding] = {}


def register(*encodings: Encoding) -> None:
    """Add encodings to the registry, which is ordered by rank.

    Raises
    ------
    ValueError
        A name is taken or is not an identifier, a rank is not above the baseline's, or what it stores has no word.
    """
    for new in encodings:
        if not new.name.isidentifier() or new.name in (*REGISTRY, "shipped"):
            raise ValueError(f"expected a new name for an encoding, an identifier, found {new.name!r}")
        if new.rank < 0 or (new.rank == 0 and any(other.rank == 0 for other in REGISTRY.values())):
            raise ValueError(f"expected a rank above 0, the baseline's, found {new.rank} for {new.name}")
        if new.stores not in ("", *STORES):
            raise ValueError(f"{new.name}: expected stores of {', '.join(STORES)}, found {new.stores!r}")
        REGISTRY[new.name] = new
    found = sorted(REGISTRY.values(), key=lambda e: (e.rank, e.name))
    REGISTRY.clear()
    REGISTRY.update({e.name: e for e in found})


for _module in pkgutil.iter_modules(__path__):
    if _module.name not in PARTS:
        _content = importlib.import_module(f"{__name__}.{_module.name}")
        register(*(getattr(_content, "ENCODINGS", None) or [_content.ENCODING]))


def names() -> list[str]:
    """All encodings' names, the baseline first."""
    return list(REGISTRY)


def default_names() -> list[str]:
    """The encodings made by default."""
    return [e.name for e in REGISTRY.values() if e.default]


def chosen(asked: Iterable[str] | None = None) -> list[Encoding]:
    """The baseline, which the others are measured against, and then some encodings in their order, each once.

    Parameters
    ----------
    asked : iterable of str, optional
        Their names; the default ones when None, or none.

    Raises
    ------
    harness.errors.UsageError
        There is no such encoding.
    """
    return [encoding(name) for name in dict.fromkeys([names()[0], *(asked or default_names())])]


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


def touched_kinds(among: Iterable[str] | None = None) -> dict[str, Encoding]:
    """Kinds in which encodings differ, in wire order, each with the first encoding that declares it: that one gives
    the kind its colour.

    Parameters
    ----------
    among : iterable of str, optional
        Names of encodings, of which those not in the registry touch no kind that is known; all by default.
    """
    wanted = set(REGISTRY if among is None else among)
    touched: dict[Kind, Encoding] = {}
    for e in REGISTRY.values():
        for kind in e.kinds if e.name in wanted else ():
            touched.setdefault(kind, e)
    return {kind.name: touched[kind] for kind in sorted(touched)}


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
