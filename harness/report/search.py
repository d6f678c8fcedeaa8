"""All function instances of a kernel in a form small enough for a page: columns, each as it packs best, compressed.

The 54,853 rows of 7.3 take 560 kB. Before compression there is a line of JSON, then the streams that it names, one
after the other:

``rows``      their number; rows are sorted by address
``width``     hex digits of an address
``policies``  names of the columns that say why a policy leaves an instance out
``values``    distinct values of each coded column, by its name
``streams``   ``[name, bytes]`` of each stream, in order

``address``   what to add to the address before, from 0, as LEB128
``shared``    characters, a byte, that a name has in common with the one before
``name``      the rest of each name, a line each, as a page can show it (`shown`)
``symbol``    a line each: '' none, '+x' the name followed by x, '=x' x
``line``      in the same file as the row before what to add to that row's, signed LEB128 as zigzag; else the number
others        the index of each row's value: the lowest byte of all rows, then the next
"""

from __future__ import annotations

import json
import re

import numpy as np

from harness.errors import MeasureError
from harness.report.inline import squeezed
from harness.results import as_text

FIXED = ("name", "address", "symbol", "match", "section", "file", "line", "unit", "ftrace", "class")
"""Columns that every kernel has; those after them are policies."""

CODED = ("match", "section", "file", "unit", "ftrace", "class")
"""Columns of few distinct values."""

LONGEST = 255
"""Characters that a name is said to share with the one before: a byte."""

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""What HTML or UTF-8 cannot hold: most control characters, halves of a surrogate pair."""


def shown(text):
    """A text as a page can show it, on one line."""
    return UNSAFE.sub("\ufffd", text.replace("\n", " "))


def _all_shown(texts):
    """The same of many texts, list; fast when nothing has to be done, as in every kernel so far."""
    together = "".join(texts)
    return list(map(shown, texts)) if "\n" in together or UNSAFE.search(together) else texts


def policies(functions):
    """Names of the policies that a frame of instances has, list of str."""
    return [c for c in functions.columns if c not in FIXED]


def packed(functions, bits=64):
    """A frame of instances as text for a page, see above.

    Parameters
    ----------
    functions : DataFrame
        FIXED, and a column for each policy: the reason why it leaves the instance out, or ''.
    bits : int
        Of the machine's addresses.

    Returns
    -------
    str
        ASCII, see harness.report.inline; the same for the same frame (with one version of zlib).

    Raises
    ------
    MeasureError
        A column is missing, or the addresses are not uint64.
    """
    missing = [c for c in FIXED if c not in functions.columns]
    if missing:
        raise MeasureError(f"expected functions with the columns {', '.join(FIXED)}, found no {', '.join(missing)}")
    address = functions["address"].to_numpy()
    if address.dtype != np.uint64:
        raise MeasureError(f"expected addresses of dtype uint64, found {address.dtype}")
    order = np.argsort(address, kind="stable")
    address, functions = address[order], as_text(functions.drop(columns="address").iloc[order])
    names, symbols = _all_shown(functions["name"].tolist()), _all_shown(functions["symbol"].tolist())
    shared, rests = _fronts(names)
    values, codes = {}, {}
    for column in (*CODED, *policies(functions)):
        values[column], codes[column] = _coded(functions[column])
    streams = {
        "address": _leb128(np.diff(address, prepend=np.uint64(0)).tolist()),
        "shared": bytes(shared),
        "name": _lines(rests),
        "symbol": _lines(f"+{s[len(n):]}" if s and s.startswith(n) else f"={s}" if s else ""
                         for s, n in zip(symbols, names, strict=True)),
        "line": _leb128(_line_steps(functions["line"].tolist(), codes["file"].tolist())),
        **{column: _planes(numbers, len(values[column])) for column, numbers in codes.items()},
    }
    head = {"rows": len(functions), "width": bits // 4, "policies": policies(functions), "values": values,
            "streams": [[name, len(data)] for name, data in streams.items()]}
    text = json.dumps(head, separators=(",", ":")).encode("ascii")
    return squeezed(b"".join([text, b"\n", *streams.values()]))


def _coded(column):
    """Distinct values in the order of their first rows, and the index of each row's."""
    import pandas as pd

    codes, values = pd.factorize(column)
    return _all_shown(values.tolist()), codes


def _planes(codes, n_values):
    """Numbers below `n_values` as bytes: the lowest byte of each, then the next of each, as many as are needed."""
    return b"".join((codes >> shift & 255).astype(np.uint8).tobytes()
                    for shift in range(0, max(1, (n_values - 1).bit_length()), 8))


def _fronts(names):
    """Characters that each name shares with the one before, and what is left of each.

    Only characters that are one unit of UTF-16 count, so that a browser counts alike.
    """
    shared, rests, before = [], [], ""
    for name in names:
        most, n = min(len(name), len(before), LONGEST), 0
        while n < most and name[n] == before[n] <= "\uffff":
            n += 1
        shared.append(n)
        rests.append(name[n:])
        before = name
    return shared, rests


def _lines(texts):
    return "".join(f"{text}\n" for text in texts).encode("utf-8")


def _line_steps(lines, files):
    """Line numbers as the docstring above says; each is 0 or more."""
    out, line_before, file_before = [], 0, None
    for line, file in zip(lines, files, strict=True):
        step = line - line_before if file == file_before else line
        out.append(step << 1 if step >= 0 else (-step << 1) - 1)
        line_before, file_before = line, file
    return out


def _leb128(numbers):
    """Numbers of 0 or more as unsigned LEB128, DWARF5 section 7.6."""
    out = bytearray()
    for number in numbers:
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)
    return bytes(out)
