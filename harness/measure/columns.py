"""Every column of the frames that measure hands on: its dtype, unit and meaning, declared once."""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """One column.

    Attributes
    ----------
    dtype : {"str", "int64", "float64", "bool"}
    unit : str
        bytes, types, functions, percent ..., or empty for words.
    meaning : str
    """

    dtype: str
    unit: str
    meaning: str


COLUMNS = {
    "kernel": Column("str", "", "label of the kernel, from the manifest"),
    "policy": Column("str", "", "which functions were kept: all, consistent or current"),
    "encoding": Column("str", "", "name in the registry of encodings, or 'shipped' for the kernel's own .BTF section"),
    "part": Column("str", "", "header, types, strings, layout, padding; file is their sum; else a compressor's name"),
    "kind": Column("str", "", "BTF kind when part is types, else empty"),
    "count": Column("int64", "types", "types of that kind, in part file all of them, else 0"),
    "bytes": Column("int64", "bytes", "size of the part"),
    "delta": Column("int64", "bytes", "bytes more than the baseline of the same policy"),
    "percent": Column("float64", "percent", "delta in percent of the baseline"),
    "types": Column("int64", "types", "all types of a file"),
    "FUNC": Column("int64", "types", "types of kind FUNC"),
    "extra FUNC": Column("int64", "types", "FUNCs more than in the baseline of the same policy"),
    "DECL_TAG": Column("int64", "types", "types of kind DECL_TAG"),
    "stage": Column("str", "", "stage of the funnel from DIEs to functions"),
    "functions": Column("int64", "functions", "subprogram DIEs, functions or symbols, by the row's words"),
    "reason": Column("str", "", "why a function instance is not encoded, or why two files differ"),
    "instances": Column("int64", "functions", "function instances: DIEs with code and those found by fallback"),
    "name": Column("str", "", "name of a function, variable or type"),
    "addresses": Column("int64", "addresses", "distinct entry addresses"),
    "names": Column("int64", "names", "distinct function names"),
    "exact": Column("int64", "addresses", "addresses whose symbol has the very name"),
    "suffix": Column("int64", "addresses", "addresses whose symbol has the name and a suffix such as .isra.0"),
    "reasons": Column("str", "", "reasons for which instances of a name are left out"),
    "id": Column("str", "", "short name of a claim"),
    "claim": Column("str", "", "what was claimed"),
    "predicted": Column("str", "", "the claimed value with its unit"),
    "measured": Column("str", "", "the measured value of each policy"),
    "verdict": Column("str", "", "what comes of it"),
    "invariant": Column("str", "", "number and short name"),
    "statement": Column("str", "", "what must hold"),
    "holds": Column("bool", "", "whether it does"),
    "detail": Column("str", "", "the figures"),
    "witness": Column("str", "", "program or kernel that was asked"),
    "words": Column("str", "", "what it said"),
    "ours": Column("int64", "types", "types in our baseline"),
    "shipped": Column("int64", "types", "types in the kernel's own .BTF section"),
    "difference": Column("int64", "types", "ours minus shipped"),
    "only in": Column("str", "", "the file that has it: ours or shipped"),
    "examples": Column("str", "", "some of these names"),
    "times": Column("int64", "types", "how many more of it that file has"),
    "declaration": Column("str", "", "a C declaration as bpftool writes it, on one line"),
}
"""Column of each name. History: 1, first."""

MEASUREMENT_COLUMNS = ("kernel", "policy", "encoding", "part", "kind", "count", "bytes")
"""Columns of measurements.csv."""


def frame(rows, columns):
    """A DataFrame of tuples, each column in its registered dtype.

    Parameters
    ----------
    rows : iterable of tuple
    columns : sequence of str
        Names in COLUMNS.
    """
    import pandas as pd

    out = pd.DataFrame(list(rows), columns=list(columns))
    return out.astype({name: COLUMNS[name].dtype for name in columns})


def csv_bytes(table):
    """A frame as CSV: UTF-8, '\\n' at line ends, no index; integers without separators, floats with two decimals."""
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.2f")
    return text.encode("utf-8", "surrogateescape")
