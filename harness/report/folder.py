"""A report's folder: written completely or not at all, and read by later steps (mail, notebooks, the list of reports).

``report.json`` says what the folder holds:

==============  ====================================================================================================
schema          1
program         version of btf-harness that wrote it
kernel          label of the kernel
title, finding  one line; one sentence, plain text
command         what makes it again
policy          the policy of the headline figures
policies        all of them, the headline's first
encodings       names, the baseline first
provenance      the manifest's kernel: build id, machine, package, version, sha256 ...
ok              whether all invariants hold
recorded        true in data/recorded: measured before, elsewhere
files           names of all files that the program made, relative to the folder
recorded_on     of a recorded one: the day
cut             of a recorded one: its tables that lost rows, and how many they had
==============  ====================================================================================================
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from harness.errors import MeasureError
from harness.files import write
from harness.measure import columns_of
from harness.results import IN_REPORT, read_bytes
from harness.results.tables import typed

ABOUT, PAGE, MARKDOWN = "report.json", "index.html", "report.md"
SCHEMA = 1

FIELDS = {"program": str, "kernel": str, "title": str, "finding": str, "command": str, "policy": str, "policies": list,
          "encodings": list, "provenance": dict, "ok": bool, "recorded": bool, "files": list}


class ReportFolder:
    """A report that was written.

    Attributes
    ----------
    path : Path
    about : dict
        What report.json says.
    """

    def __init__(self, path, about):
        self.path, self.about = Path(path), about
        self._frames = {}

    def __contains__(self, name):
        """Whether there is a CSV of that stem."""
        return f"{name}.csv" in self.about["files"]

    @property
    def recorded(self):
        """Whether the measurements were made earlier, elsewhere, and recorded."""
        return self.about["recorded"]

    def frame(self, name):
        """A CSV as a DataFrame, each column in its dtype (harness.measure.columns_of). One that is not registered, in
        a table of a witness that is defined elsewhere, has the dtype that its text looks like.

        Raises
        ------
        MeasureError
            The report has none of that name, or it cannot be read.
        """
        if name not in self._frames:
            if name not in self:
                raise MeasureError(f"expected a table {name}.csv, found none in {ABOUT}", self.path)
            self._frames[name] = _read_csv(self.path / f"{name}.csv", columns_of(self.about["encodings"]))
        return self._frames[name]

    __getitem__ = frame

    def file(self, name):
        """The bytes of a file.

        Raises
        ------
        MeasureError
            The report has none of that name, or it cannot be read.
        """
        if name not in self.about["files"]:
            raise MeasureError(f"expected a file {name}, found none in {ABOUT}", self.path)
        return read_bytes(self.path / name)


def read(path):
    """The ReportFolder at a path.

    Raises
    ------
    MeasureError
        There is no report, or its report.json is malformed or of another schema.
    """
    place = Path(path) / ABOUT
    try:
        about = json.loads(read_bytes(place))
    except ValueError as error:
        raise MeasureError(f"expected JSON, found: {error}", place) from error
    if not isinstance(about, dict) or about.get("schema") != SCHEMA:
        found = about.get("schema") if isinstance(about, dict) else about
        raise MeasureError(f"expected a report of schema {SCHEMA}, found {found!r}: make it again with this version of "
                           "btf-harness", place)
    for key, kind in FIELDS.items():
        if not isinstance(about.get(key), kind):
            raise MeasureError(f"expected {key} of type {kind.__name__}, found {about.get(key)!r}", place)
    for key in ("policies", "encodings", "files"):
        if not all(isinstance(x, str) for x in about[key]):
            raise MeasureError(f"expected {key} to be names, found {about[key]!r}", place)
    for name in about["files"]:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise MeasureError(f"expected names of files in this folder, found {name!r}", place)
    return ReportFolder(path, about)


def write_about(path, about):
    """Write report.json, which `read` returns as `about`; written last, since it marks the folder as complete.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    write(Path(path) / ABOUT, text_of(json.dumps({"schema": SCHEMA, **about}, indent=1) + "\n"))


def text_of(text):
    """Text as a file's bytes, UTF-8; what that cannot encode (names with invalid bytes) becomes '?'."""
    return text.encode("utf-8", "replace")


def _read_csv(path, known):
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding_errors="surrogateescape")
        for name in table.columns:
            table[name] = _typed(table[name], known.get(name))
        return table
    except OSError as error:
        raise MeasureError(f"expected a readable file, found: {error.strerror}", path) from error
    except ValueError as error:
        raise MeasureError(f"expected a table, found: {error}", path) from error


def _typed(column, known):
    if known and known.text:
        return typed(column, column.name)
    dtype = known and known.dtype
    if dtype == "bool":
        wrong = ~column.isin(["True", "False"])
        if wrong.any():
            raise ValueError(f"column {column.name}: expected True or False, found {column[wrong].iloc[0]!r}")
        return column == "True"
    if dtype == "float64":
        return column.where(column != "", "nan").astype("float64")
    if dtype == "Int64":
        return column.where(column != "", None).astype(dtype)
    return _guessed(column) if dtype is None else column.astype(dtype)


def _guessed(column):
    """A column that is not registered: numbers if all of it is numbers."""
    if len(column) and column.str.fullmatch("-?[0-9]{1,18}").all():
        return column.astype("int64")
    if len(column) and column.str.fullmatch(r"-?[0-9]+\.[0-9]+").all():
        return column.astype("float64")
    return column


@contextmanager
def replacing(path):
    """A new folder that takes the place of `path` when the block ends without an exception, in one step.

    Until then the old one stays as it is, and a run that is killed leaves it whole; the next run removes what the
    killed one left. Files in the old folder that its report.json does not name are the user's: they are carried over.

    Yields
    ------
    Path
        An empty folder beside `path`, on the same file system.

    Raises
    ------
    MeasureError
        The folder cannot be made or written, or what is there is neither a report nor empty.
    """
    path = Path(os.path.realpath(path))
    _not_ours(path)  # refuses early what could not be replaced
    prefix = f".{path.name}.partial-"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent, prefix)
        fresh = Path(mkdtemp(prefix=prefix, dir=path.parent))
        held = os.open(fresh, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise MeasureError(f"the directory cannot be created: {error.strerror}", path) from error
    try:
        yield fresh
        os.chmod(fresh, 0o777 & ~_umask())
        for name in _not_ours(path):  # also what came while the new one was made
            if not (fresh / name).exists():
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
                os.link(path / name, fresh / name, follow_symlinks=False)
        _exchange(fresh, path)
    except OSError as error:
        raise MeasureError(f"the directory cannot be written: {error.strerror}", path) from error
    finally:
        os.close(held)
        shutil.rmtree(fresh, ignore_errors=True)  # what was there before, or what was not finished


def check_place(path):
    """Raise a MeasureError if what is at a path keeps `replacing` from putting a report there."""
    path = Path(os.path.realpath(path))
    if Path.cwd().is_relative_to(path):  # a shell would be left in the old one
        raise MeasureError("expected another directory than the current one or one that holds it, since a report "
                           "replaces its directory", path)
    _not_ours(path)


def check_no_report(path):
    """Raise a MeasureError if results at a path would be those of a report, whose pages would still tell of the old.

    Parameters
    ----------
    path : path-like
    """
    path = Path(os.path.realpath(path))
    for place in (path, *path.parents):
        if (place / ABOUT).is_file() and (place == path or path.relative_to(place).parts[0] == IN_REPORT):
            raise MeasureError(f"expected a directory outside a report, found one with {place / ABOUT}", path)


def _not_ours(path):
    """Names of the files in an old report that are not the program's."""
    if not path.exists():
        return []
    if not path.is_dir():
        raise MeasureError("the directory cannot be created: there is a file of that name", path)
    found = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if not p.is_dir() or p.is_symlink())
    if not found:
        return []
    if not (path / ABOUT).is_file():
        raise MeasureError(f"expected a report or an empty or missing directory, found one without {ABOUT}: "
                           "choose another, or remove it", path)
    return sorted(set(found) - {*read(path).about["files"], ABOUT})


def _sweep(parent, prefix):
    """Remove the folders of killed runs: those that no process has locked."""
    for left in parent.glob(f"{prefix}*"):
        try:
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except OSError:
            pass  # another run is writing it
        finally:
            os.close(descriptor)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


AT_FDCWD, RENAME_EXCHANGE = -100, 2


def _exchange(fresh, path):
    """Swap `fresh` and what is at `path`, in one step if the file system can."""
    if not path.exists():
        os.rename(fresh, path)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):  # glibc 2.28, Linux 3.15
        a, b = os.fsencode(fresh), os.fsencode(path)
        if libc.renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0:
            return
        if ctypes.get_errno() not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    aside = fresh.with_name(fresh.name + ".old")  # two steps; swept by the next run if killed between them
    os.rename(path, aside)
    os.rename(fresh, path)
    os.rename(aside, fresh)
