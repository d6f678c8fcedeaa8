"""Every byte of every file of a result, with one label each, and how far the files compress."""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING

from harness import results
from harness.kept import keep, recall
from harness.measure.columns import MEASUREMENT_COLUMNS, frame
from harness.process import workers
from harness.results import read_bytes

if TYPE_CHECKING:
    import pandas as pd

ZSTD_LEVEL, XZ_PRESET = 19, 9
COMPRESSORS = (f"zstd-{ZSTD_LEVEL}", f"xz-{XZ_PRESET}")
"""Parts that are the size of the whole file, compressed."""

KEPT = "compressed"
"""Folder of the cache."""


def measure(folder: str | PathLike[str] | results.ResultFolder, compressed: bool = True,
            threads: int = 2) -> pd.DataFrame:
    """Measure all policies of a folder and write its measurements.csv.

    Parameters
    ----------
    folder : path-like or ResultFolder
        Of results, or of a report.
    compressed : bool
        Also compress each file: about 4 s per 7 MB, kept in the cache by the file's sha256.
    threads : int
        For compression; the figures do not depend on it.

    Returns
    -------
    DataFrame
        As from `measurements`, the policies one after the other, that of the headline first.

    Raises
    ------
    MeasureError
        There are no results, or a file is missing or does not match the manifest.
    BtfFormatError
        A .btf file is malformed.
    OutputError
        measurements.csv cannot be written.
    """
    found = folder if isinstance(folder, results.ResultFolder) else results.load(folder)
    table = together(measurements(result, compressed, threads) for result in found.results())
    found.keep_measurements(table)
    return table


def together(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Frames with the same columns, one below the other: a DataFrame with a new index."""
    import pandas as pd

    return pd.concat(list(tables), ignore_index=True)


def measurements(result: results.Result, compressed: bool = True, threads: int = 2) -> pd.DataFrame:
    """One row per file and part of a Result: DataFrame MEASUREMENT_COLUMNS; parameters and errors as of `measure`.

    Parts are header; types, one row per kind that is present; strings; layout; padding; the encoding's own sections by
    their names; file, the sum of all these; and with `compressed` zstd-19 and xz-9, the size of the same bytes
    compressed with `zstd -19` and `xz -9`.
    """
    sizes = compressed_sizes(result, threads) if compressed else {}
    rows = []
    for name, account in result.accounts.items():
        start = (result.kernel, result.policy, name)
        rows.append((*start, "header", "", 0, account.header_nbytes))
        rows += [(*start, "types", kind, n, nbytes) for kind, (n, nbytes) in account.kinds.items() if n]
        rows += [
            (*start, "strings", "", 0, account.string_nbytes),
            (*start, "layout", "", 0, account.layout_nbytes),
            (*start, "padding", "", 0, account.padding_nbytes),
            *((*start, section, "", 0, len(data)) for section, data in result.sections(name).items()),
            (*start, "file", "", account.n_types, result.nbytes(name)),
        ]
        rows += [(*start, part, "", 0, nbytes) for part, nbytes in sizes.get(name, {}).items()]
    return frame(rows, MEASUREMENT_COLUMNS)


def compressed_sizes(result: results.Result, threads: int = 2) -> dict[str, dict[str, int]]:
    """Compressed bytes by file and compressor, dict of str to dict of str to int; kept in the cache by sha256.

    A file is compressed as one with the encoding's own sections after it.
    """
    digests = {name: _digest(result, name) for name in result.files}
    names = {digest: name for name, digest in reversed(digests.items())}
    with workers(threads) as pool:
        jobs = {digest: pool.submit(_sizes, result, name, digest) for digest, name in names.items()}
        sizes = {digest: job.result() for digest, job in jobs.items()}
    return {name: sizes[digest] for name, digest in digests.items()}


def _digest(result, name):
    """sha256 of what is compressed."""
    sections = result.sections(name)
    if not sections:
        return result.sha256[name]
    return hashlib.sha256(read_bytes(result.files[name]) + b"".join(sections.values())).hexdigest()


def zstd_version() -> str:
    """The release of zstd that compresses, str: another may give other sizes. liblzma's encoder has not changed its
    output since 5.2."""
    import zstandard

    return ".".join(map(str, zstandard.ZSTD_VERSION))


def _sizes(result, name, digest):
    import zstandard

    keys = [{"sha256": digest, "compressor": by} for by in (f"{COMPRESSORS[0]} of zstd {zstd_version()}",
                                                            COMPRESSORS[1])]
    sizes = [size if type(size := recall(KEPT, key)) is int else None for key in keys]
    if None in sizes:
        data = read_bytes(result.files[name]) + b"".join(result.sections(name).values())
        for k, compress in enumerate((zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress,
                                      lambda data: lzma.compress(data, preset=XZ_PRESET))):
            if sizes[k] is None:
                sizes[k] = len(compress(data))
                keep(KEPT, keys[k], sizes[k])
    return dict(zip(COMPRESSORS, sizes, strict=True))


def kind_counts(table: pd.DataFrame, value: str = "count") -> pd.DataFrame:
    """Types by kind: DataFrame int64 of encodings (rows) by kinds in wire order (columns), 0 where a kind is absent.

    Parameters
    ----------
    table : DataFrame
        As from `measurements`.
    value : {"count", "bytes"}
        What the cells are.
    """
    from harness.model import Kind

    types = table[table.part == "types"]
    wide = types.pivot_table(index="encoding", columns="kind", values=value, aggfunc="sum", fill_value=0, sort=False)
    order = list(dict.fromkeys(table.encoding))
    kinds = [k.name for k in Kind if k.name in wide.columns]
    return wide.reindex(index=order, columns=kinds, fill_value=0).astype("int64")
