"""One result folder: its manifest checked against its files, its .btf files and functions read when asked for."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from harness import btf, encodings
from harness import encodings as enc
from harness.errors import EncodeError, MeasureError
from harness.functions.listing import FUNCTION_COLUMNS, INLINED_COLUMNS, NUMBER_COLUMNS

SCHEMAS = (2,)
"""Versions of manifest.json that can be read."""

SHIPPED = "shipped"
"""The kernel's own .BTF section, where an encoding's name is expected."""

HEADLINE = "consistent"
"""The policy of the headline figures: that of the 2023 thread."""

BASELINE = enc.names()[0]
"""The encoding that the others are measured against: the first of the registry."""


class Texts(dict):
    """The strings of a BtfFile by their offset, as str: all of them decoded at once, which is faster than one by one.

    An offset inside a string, which is allowed, is looked up when it is asked for.

    Raises
    ------
    BtfFormatError
        An offset beyond the section.
    """

    def __init__(self, file):
        self.file = file
        self.data = file.strings.blob.tobytes()
        texts = self.data.decode("utf-8", "surrogateescape").split("\0")
        start = np.flatnonzero(file.strings.blob == 0) + 1
        super().__init__(zip([0, *start[:-1].tolist()], texts[:-1], strict=True))

    def __missing__(self, offset):
        if offset >= len(self.data):
            raise self.file.fault(f"expected a name_off below {len(self.data)}, found {offset}",
                                  self.file.strings_start + len(self.data))
        text = self.data[offset : self.data.index(b"\0", offset)].decode("utf-8", "surrogateescape")
        self[offset] = text
        return text

    def of(self, offsets):
        """The strings at some offsets, list of str."""
        return [self[offset] for offset in offsets.tolist()]


@dataclass(frozen=True)
class Result:
    """A result folder whose files are what its manifest says.

    Attributes
    ----------
    folder : Path
    manifest : dict
    files : dict of str to Path
        By encoding, the baseline first, and last the shipped file if there is one.
    sha256 : dict of str to str
        Of those files when they were loaded.
    """

    folder: Path
    manifest: dict
    files: dict
    sha256: dict

    @property
    def kernel(self):
        """Label of the kernel."""
        return self.manifest["kernel"]["label"]

    @property
    def policy(self):
        """Name of the policy."""
        return self.manifest["policy"]

    @property
    def encodings(self):
        """Names of the encodings, the baseline first."""
        return [name for name in self.files if name != SHIPPED]

    @cached_property
    def _parsed(self):
        return {}

    def btf(self, name):
        """The BtfFile of an encoding or of SHIPPED, read once."""
        if name not in self._parsed:
            self._parsed[name] = encodings.read(self.files[name])
        return self._parsed[name]

    @cached_property
    def _known(self):
        return {}

    def once(self, function, *arguments):
        """``function(result, *arguments)``, kept for whoever asks next: what several frames are made from."""
        asked = (function, *arguments)
        if asked not in self._known:
            self._known[asked] = function(self, *arguments)
        return self._known[asked]

    def texts(self, name):
        """The Texts of an encoding or of SHIPPED, decoded once."""
        return self.once(_texts, name)

    @cached_property
    def names(self):
        """Matched function names by number of addresses, see harness.measure.functions.names_by_addresses."""
        from harness.measure.functions import names_by_addresses

        return names_by_addresses(self)

    @cached_property
    def accounts(self):
        """The Account of each file, dict."""
        return {name: btf.stat(self.btf(name)) for name in self.files}

    @cached_property
    def functions(self):
        """functions.csv as a DataFrame, all columns str but NUMBER_COLUMNS; see harness.functions.listing.

        Raises
        ------
        MeasureError
            It is malformed, or its rows are not the instances that the manifest counts.
        """
        table = self._table("functions.csv", FUNCTION_COLUMNS, NUMBER_COLUMNS)
        expected = self.manifest["functions"]["instances"]
        if len(table) != expected:
            raise MeasureError(f"expected {expected} rows, the manifest's instances, found {len(table)}",
                               self.folder / "functions.csv")
        return table

    @cached_property
    def inlined(self):
        """inlined.csv as a DataFrame: name, dies, units, declared_inline; see harness.functions.listing.

        Raises
        ------
        MeasureError
            It is missing or malformed.
        """
        return self._table("inlined.csv", INLINED_COLUMNS, INLINED_COLUMNS[1:])

    def _table(self, name, columns, numbers):
        import pandas as pd

        path = self.folder / name
        dtypes = defaultdict(lambda: str, {c: "int64" if c in numbers else str for c in columns})
        try:
            table = pd.read_csv(path, dtype=dtypes, keep_default_na=False, encoding_errors="surrogateescape")
        except (OSError, ValueError, OverflowError) as error:  # pandas' parser errors are ValueErrors
            raise MeasureError(f"expected a table of functions, found: {error}", path) from error
        found = tuple(table.columns)
        if found[: len(columns)] != columns:
            raise MeasureError(f"expected the columns {','.join(columns)}, found {','.join(found)}", path)
        return table


def _texts(result, name):
    return Texts(result.btf(name))


def load(folder):
    """The Result in a folder.

    Parameters
    ----------
    folder : path-like
        As harness.run.write_result leaves it.

    Raises
    ------
    MeasureError
        The manifest is missing, malformed or of another schema, a file is missing, or a file is not the one that the
        manifest was written for.
    """
    folder = Path(folder)
    path = folder / "manifest.json"
    manifest = _manifest(path)
    entries = {name: (entry["file"], entry["bytes"], entry["sha256"])
               for name, entry in manifest["encodings"].items()}
    if BASELINE not in entries:
        raise MeasureError(f"expected the encoding {BASELINE}, the baseline, found {', '.join(entries)}", path)
    if SHIPPED in entries:
        raise MeasureError(f"expected no encoding of the name {SHIPPED}", path)
    order = enc.names()
    entries = dict(sorted(entries.items(), key=lambda e: (order.index(e[0]) if e[0] in order else len(order), e[0])))
    if manifest["shipped"] is not None:
        entries[SHIPPED] = (manifest["shipped"], None, None)
    files, digests = {}, {}
    for name, (file, nbytes, digest) in entries.items():
        if Path(file).name != file:
            raise MeasureError(f"expected names of files in this folder, found {file!r}", path)
        files[name] = folder / file
        data = read_bytes(files[name])
        found = hashlib.sha256(data).hexdigest()
        if nbytes is not None and len(data) != nbytes:
            raise MeasureError(f"expected {nbytes} bytes, as the manifest says, found {len(data)}", files[name])
        if digest is not None and found != digest:
            raise MeasureError(f"expected sha256 {digest}, as the manifest says, found {found}", files[name])
        digests[name] = found
    if not (folder / "functions.csv").is_file():
        raise MeasureError("expected a file, found none", folder / "functions.csv")
    return Result(folder, manifest, files, digests)


def read_bytes(path):
    """The bytes of a file.

    Raises
    ------
    MeasureError
        It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise MeasureError(f"expected a readable file, found: {error.strerror}", path) from error


def results_under(folder):
    """The Results in a folder: its own, or those of the policies of a report, the headline policy first.

    Raises
    ------
    MeasureError
        There is none, or one is malformed.
    """
    folder = Path(folder)
    if (folder / "manifest.json").is_file():
        return [load(folder)]
    found = [load(path.parent) for path in sorted(folder.glob("btf/*/manifest.json"))]
    if not found:
        raise MeasureError("expected a result folder or a report, found neither manifest.json nor btf/*/manifest.json",
                           folder)
    return sorted(found, key=lambda r: (r.policy != HEADLINE, r.policy))


def _manifest(path):
    try:
        manifest = json.loads(read_bytes(path))
    except ValueError as error:
        raise MeasureError(f"expected JSON, found: {error}", path) from error
    if not isinstance(manifest, dict):
        raise MeasureError("expected a JSON object", path)
    if manifest.get("schema") not in SCHEMAS:
        known = ", ".join(map(str, SCHEMAS))
        raise MeasureError(f"expected a manifest of schema {known}, found {manifest.get('schema')!r}", path)
    _shape(path, manifest, {"kernel": dict, "policy": str, "encodings": dict, "functions": dict, "funnel": dict})
    _shape(path, manifest["kernel"], {"label": str}, "kernel.")
    _shape(path, manifest["functions"], {"instances": int, "encoded": int, "skipped": dict, "funcs": int},
           "functions.")
    for name, entry in manifest["encodings"].items():
        where = f"encodings.{name}."
        if not isinstance(entry, dict):
            raise MeasureError(f"expected {where[:-1]} to be an object", path)
        _shape(path, entry, {"file": str, "bytes": int, "sha256": str, "predicted_growth": int}, where)
    if not isinstance(manifest.setdefault("shipped", None), str | None):
        raise MeasureError("expected shipped to be a file's name or null", path)
    return manifest


def _shape(path, mapping, fields, where=""):
    for key, kind in fields.items():
        if not isinstance(mapping.get(key), kind) or isinstance(mapping.get(key), bool):
            raise MeasureError(f"expected {where}{key} of type {kind.__name__}, found {mapping.get(key)!r}", path)


def write(path, data):
    """Write a file atomically.

    Raises
    ------
    MeasureError
        It cannot be written.
    """
    try:
        btf.write(path, data)
    except EncodeError as error:
        raise MeasureError(error.message, path) from error
