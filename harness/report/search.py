"""All function instances of a kernel in a form small enough for a page: columns, gzip, base64.

About 49,000 rows of 6.12 take 630 kB. As JSON, before compression:

``rows``      their number; rows are sorted by address
``width``     hex digits of an address
``address``   what to add to the address before, from 0: a number, or hex as a string where a double would round it
``name``      strings, as a page can show them (`shown`)
``symbol``    '' none, '+x' the name followed by x, '=x' x
``line``      numbers
others        ``[[distinct values], [index of each row]]``
``policies``  names of the columns that say why a policy leaves an instance out
"""

from __future__ import annotations

import base64
import gzip
import json
import re

import numpy as np

from harness.errors import MeasureError
from harness.results import as_text

FIXED = ("name", "address", "symbol", "match", "section", "file", "line", "unit", "ftrace", "class")
"""Columns that every kernel has; those after them are policies."""

CODED = ("match", "section", "file", "unit", "ftrace", "class")
"""Columns of few distinct values."""

EXACT = 1 << 53
"""From here on a double does not hold every integer."""

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
    """A frame of instances as base64 of gzip of JSON.

    Parameters
    ----------
    functions : DataFrame
        FIXED, and a column for each policy: the reason why it leaves the instance out, or ''.
    bits : int
        Of the machine's addresses.

    Returns
    -------
    str
        ASCII; the same for the same frame (with one version of zlib).

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
    steps = np.diff(address, prepend=np.uint64(0)).tolist()
    data = {
        "rows": len(functions),
        "width": bits // 4,
        "address": [s if s < EXACT else hex(s) for s in steps],
        "name": names,
        "symbol": [f"+{s[len(n):]}" if s and s.startswith(n) else f"={s}" if s else ""
                   for s, n in zip(symbols, names, strict=True)],
        "line": functions["line"].tolist(),
        "policies": policies(functions),
        **{c: _coded(functions[c]) for c in (*CODED, *policies(functions))},
    }
    text = json.dumps(data, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("ascii"), 6, mtime=0)).decode("ascii")


def _coded(column):
    """Distinct values in the order of their first rows, and the index of each row's."""
    import pandas as pd

    codes, values = pd.factorize(column)
    return [_all_shown(values.tolist()), codes.tolist()]
