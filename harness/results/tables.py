"""Columns to CSV and back: hex, CSV's quotes and dtypes are dealt with here and nowhere else.

A table that is written is a dict of str to array, one array per column (text as object arrays of str), so that writing
needs no pandas, whose import takes longer than that; a table that was read is a DataFrame in the dtypes of COLUMNS.
"""

from __future__ import annotations

import re
import warnings

import numpy as np

from harness.errors import MeasureError
from harness.results.columns import BITS, COLUMNS, HEX

UNSAFE = re.compile(r'[,"\r\n]').search

ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}

TRUE, FALSE = "1", "0"


def fields(texts):
    """Texts as CSV fields (RFC 4180), list of str."""
    if not UNSAFE("".join(texts)):
        return list(texts)
    return ['"' + s.replace('"', '""') + '"' if UNSAFE(s) else s for s in texts]


def to_csv(columns, bits=64):
    """A table as the bytes of a CSV file.

    Parameters
    ----------
    columns : dict of str to array
        Of COLUMNS, all of one length.
    bits : int
        Of the machine's addresses.
    """
    formats, values = [], []
    for name, column in columns.items():
        known = COLUMNS[name]
        if known.text == HEX:
            formats.append(_hex_format(known, bits))
        elif known.dtype in ("str", "category", "boolean"):
            formats.append("%s")
        else:
            formats.append("%d")
        if known.dtype in ("str", "category"):
            values.append(fields(column.tolist()))
        elif known.dtype == "boolean":
            values.append([_bit(x) for x in column.tolist()])
        else:
            values.append(column.tolist())
    lines = map(",".join(formats).__mod__, zip(*values, strict=True))
    return "\n".join([",".join(columns), *lines, ""]).encode(**ENCODING)


def _hex_format(column, bits):
    return f"0x%0{bits // 4}x" if column.digits else "0x%x"


def _bit(value):
    return "" if value is None or value != value else TRUE if value else FALSE


def frame_of(columns):
    """The DataFrame of a table, each column in its dtype."""
    import pandas as pd

    return pd.DataFrame({name: _as_dtype(column, COLUMNS[name].dtype) for name, column in columns.items()})


def _as_dtype(column, dtype):
    import pandas as pd

    if dtype == "category":
        return pd.Categorical(column)
    return pd.Series(column).astype(dtype)


def from_csv(path, names):
    """The DataFrame in a CSV file of a result folder, each column in its dtype; further columns are text.

    Parameters
    ----------
    path : Path
    names : sequence of str
        The columns that it has to begin with, of COLUMNS.

    Raises
    ------
    MeasureError
        It cannot be read, is no table, lacks a column, or has a value that its column cannot have.
    """
    import pandas as pd

    dtypes = {name: "category" if COLUMNS[name].dtype == "category" else str for name in names}
    dtypes |= {name: "int64" for name in names if COLUMNS[name].dtype in ("int64", "uint32")}
    try:
        head = pd.read_csv(path, nrows=0, dtype=str, encoding_errors="surrogateescape")
        if tuple(head.columns[: len(names)]) != tuple(names):
            raise MeasureError(f"expected the columns {','.join(names)}, found {','.join(head.columns)}", path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the head
            table = pd.read_csv(path, dtype={name: dtypes.get(name, str) for name in head.columns}, index_col=False,
                                keep_default_na=False, encoding_errors="surrogateescape")
        for name in names:
            table[name] = typed(table[name], name)
    except OSError as error:
        raise MeasureError(f"expected a readable file, found: {error.strerror}", path) from error
    except (ValueError, OverflowError, pd.errors.ParserWarning) as error:  # pandas' parser errors are ValueErrors
        raise MeasureError(f"expected a table, found: {error}", path) from error
    return table


def typed(column, name):
    """A column as it was read from a file, in the dtype that COLUMNS says.

    Raises
    ------
    ValueError
        A value is not what the column can have.
    """
    known = COLUMNS[name]
    if known.text == HEX:
        return _from_hex(column)
    if known.text == BITS:
        return _from_bits(column, known.dtype)
    if known.values:
        wrong = ~column.isin(known.values)
        if wrong.any():
            raise ValueError(f"column {name}: expected one of {', '.join(filter(None, known.values))}, found "
                             f"{column[wrong].iloc[0]!r}")
    if known.dtype in ("int64", "uint32"):
        numbers = column.astype("int64")
        wrong = (numbers < 0) | (numbers > np.iinfo(known.dtype).max)
        if wrong.any():
            raise ValueError(f"column {name}: expected numbers of {known.dtype} from 0 on, found "
                             f"{numbers[wrong].iloc[0]}")
        return numbers.astype(known.dtype)
    return column.astype(known.dtype)


def _from_hex(column):
    import pandas as pd

    try:
        return pd.Series(np.fromiter((int(text, 16) for text in column), np.uint64, len(column)), name=column.name,
                         index=column.index)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"column {column.name}: expected numbers of 64 bits in hex, found: {error}") from error


def _from_bits(column, dtype):
    import pandas as pd

    words = (TRUE, FALSE, "") if dtype == "boolean" else (TRUE, FALSE)
    wrong = ~column.isin(words)
    if wrong.any():
        raise ValueError(f"column {column.name}: expected 1 or 0, found {column[wrong].iloc[0]!r}")
    out = (column == TRUE).astype(dtype)
    return out.where(column != "", pd.NA) if dtype == "boolean" else out


def as_text(table, bits=64):
    """A DataFrame for people and files: numbers that are written in hex as text, and 1, 0 or nothing for bits.

    Parameters
    ----------
    table : DataFrame
    bits : int
        Of the machine's addresses.
    """
    said = {}
    for name in table.columns:
        known = COLUMNS.get(name)
        if known and known.text == HEX and table[name].dtype.kind == "u":
            said[name] = list(map(_hex_format(known, bits).__mod__, table[name].tolist()))
        elif known and known.text == BITS and table[name].dtype.kind == "b":
            said[name] = [_bit(x) if known.dtype == "boolean" else int(x)
                          for x in table[name].to_numpy(object, na_value=None).tolist()]
    return table.assign(**said) if said else table


def csv_bytes(table, bits=64):
    """A frame as CSV: UTF-8, '\\n' at line ends, no index; integers without separators, floats with two decimals.

    Parameters
    ----------
    table : DataFrame
    bits : int
        Of the machine's addresses, which are in hex.
    """
    text = as_text(table, bits).to_csv(index=False, lineterminator="\n", float_format="%.2f")
    return text.encode(**ENCODING)
