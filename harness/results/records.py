"""Tables as JSON: a list of records, or an object of named tables and facts.

A record has the names of the table's columns. Addresses and offsets are hex as in the CSV files, for a JSON number is a
double to most readers, which has no room for 64 bits; a bit is true or false, and what is unknown is null.
"""

from __future__ import annotations

import json
import math

from harness.results.columns import COLUMNS, HEX
from harness.results.tables import as_text


def records(table, bits=64):
    """The rows of a DataFrame, list of dict.

    Parameters
    ----------
    table : DataFrame
    bits : int
        Of the machine's addresses.
    """
    addresses = [name for name in table.columns if name in COLUMNS and COLUMNS[name].text == HEX]
    texts = as_text(table[addresses], bits)
    columns = [(texts if name in addresses else table)[name].to_numpy(object, na_value=None).tolist()
               for name in table.columns]
    names = list(table.columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def to_json(value):
    """Tables as JSON text in ASCII, str: a record on each line, so that lines can be searched and compared.

    Parameters
    ----------
    value : list of dict, or dict
        A table, or an object of which the values are tables or facts. Floats that are no number become null. Bytes that
        are not UTF-8 (surrogateescape) become ``\\xNN`` in the text, as in `dump`.
    """
    if isinstance(value, dict):
        items = (f"{json.dumps(key)}: {_table(item)}" for key, item in value.items())
        return "{\n" + ",\n".join(items) + "\n}\n"
    return _table(value) + "\n"


def _table(value):
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(json.dumps(_said(row), allow_nan=False) for row in value) + "\n]"
    return json.dumps(_said(value), allow_nan=False)


def _said(value):
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {key: _said(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_said(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
