"""Columns to CSV and back: hex, quoting and dtypes are handled here and nowhere else.

A table to write is a dict of str to array, one array per column (text as object arrays of str), so that writing needs
no pandas, whose import takes longer; a table that was read is a DataFrame in the dtypes of COLUMNS.
"""

from __future__ import annotations

import warnings
from itertools import repeat

import numpy as np

from harness.errors import MeasureError
from harness.results.columns import BITS, COLUMNS, HEX

UNSAFE = ',"\r\n'

ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}

TRUE, FALSE = "1", "0"


def fields(texts):
    """Texts as CSV fields (RFC 4180), list of str."""
    together = "".join(texts)
    if not any(sign in together for sign in UNSAFE):
        return list(texts)
    return ['"' + s.replace('"', '""') + '"' if any(sign in s for sign in UNSAFE) else s for s in texts]


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
        The columns, of COLUMNS, that the file must begin with.

    Raises
    ------
    MeasureError
        It cannot be read, is not a table, lacks a column, or has a value that is invalid in its column.
    """
    import pandas as pd

    dtypes = {name: "int64" for name in names if COLUMNS[name].dtype in ("int64", "uint32")}
    try:
        head = pd.read_csv(path, nrows=0, dtype=str, encoding_errors="surrogateescape")
        if tuple(head.columns[: len(names)]) != tuple(names):
            raise MeasureError(f"expected the columns {','.join(names)}, found {','.join(head.columns)}", path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the head
            # whole, for parts in threads cost more than they save in tables of this size
            table = pd.read_csv(path, dtype={name: dtypes.get(name, str) for name in head.columns}, index_col=False,
                                keep_default_na=False, encoding_errors="surrogateescape", low_memory=False)
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
        A value is invalid in the column.
    """
    known = COLUMNS[name]
    if known.text == HEX:
        return _from_hex(column)
    if known.text == BITS:
        return _from_bits(column, known.dtype)
    if known.dtype == "category":
        column = column.astype("category")
        _one_of(column, known.values or column.cat.categories)
        return column
    if known.dtype in ("int64", "uint32"):
        numbers = column.astype("int64")
        wrong = (numbers < known.least) | (numbers > np.iinfo(known.dtype).max)
        if wrong.any():
            raise ValueError(f"column {name}: expected numbers of {known.dtype} from {known.least} on, found "
                             f"{numbers[wrong].iloc[0]}")
        return numbers.astype(known.dtype)
    return column.astype(known.dtype)


def _from_hex(column):
    import pandas as pd

    try:
        numbers = list(map(int, column.to_numpy(object).tolist(), repeat(16)))
        return pd.Series(np.array(numbers, np.uint64), name=column.name, index=column.index)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"column {column.name}: expected numbers of 64 bits in hex, found: {error}") from error


def _from_bits(column, dtype):
    import pandas as pd

    words = column.astype("category")
    _one_of(words, (TRUE, FALSE, "") if dtype == "boolean" else (TRUE, FALSE))
    out = (words == TRUE).astype(dtype)
    return out.where(words != "", pd.NA) if dtype == "boolean" else out


def _one_of(column, values):
    strange = [word for word in column.cat.categories if word not in values]
    if strange:
        raise ValueError(f"column {column.name}: expected one of {', '.join(filter(None, values))}, found "
                         f"{strange[0]!r}")


def as_text(table, bits=64):
    """A DataFrame for people and files: hex numbers as text, and 1, 0 or nothing for bits.

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
