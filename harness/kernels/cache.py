"""Kernels on disk: one directory each, trusted only if its provenance.json says so.

    kernels/<package>_<version>_<architecture>/vmlinux
    kernels/<package>_<version>_<architecture>/provenance.json
    kernels/.partial-<the same>.<random>/      being fetched, or left behind by a process that was killed
    kernels/.locks/<the same>                  held while it is fetched
    kernels/resolved.json                      which of them a catalogue name meant, and when apt was asked
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import time
from contextlib import contextmanager

from harness.errors import KernelError
from harness.kernels import versions
from harness.kernels.progress import say

SCHEMA = 1
DAY_SECONDS = 24 * 60 * 60
PARTIAL = ".partial-"

# What every provenance.json holds: each field and its type.
PROVENANCE_FIELDS = {
    "package": str,
    "version": str,
    "architecture": str,
    "distribution": str,
    "series": str,
    "flavour": str,
    "deb_sha256": str,
    "member": str,
    "sha256": str,
    "size": int,
    "build_id": (str, type(None)),
}


def root():
    """The program's cache directory, a Path (not created)."""
    from harness.paths import cache_home

    return cache_home()


def kernels_directory():
    """Where fetched kernels are kept, a Path (not created)."""
    return root() / "kernels"


def directory_name(package, version, architecture):
    """Name of the directory of one version of a package, a str.

    Parameters
    ----------
    package, version, architecture : str
        As dpkg knows them; an epoch's colon is written as in Debian's file names.
    """
    return f"{package}_{version.replace(':', '%3a')}_{architecture}"


@contextmanager
def locked(path, shared=False, waiting_for=None):
    """Hold a lock file; the system releases it even when the process is killed. Yields the file descriptor.

    Parameters
    ----------
    path : Path
        The lock file, created as needed and never removed: removing it would let two processes hold "the" lock.
    shared : bool
        Share it with others who only read.
    waiting_for : str, optional
        Said on stderr when another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with open(path, "ab") as file:
        try:
            fcntl.flock(file, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process: {waiting_for}", waiting_for is not None)
            fcntl.flock(file, mode)
        yield file.fileno()


def lock_path(directory, parent=None):
    """The lock file of what is kept under the directory name `directory`, a Path; `parent` as in `staging`."""
    return (parent or kernels_directory()) / ".locks" / directory


def write_atomically(path, text, mode=0o644):
    """Replace a file by `text` at once: readers, also after a crash, see the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _sync_directory(path.parent)


def _sync_directory(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_provenance(directory, provenance):
    """Write provenance.json: the last step, which declares the directory good.

    Parameters
    ----------
    directory : Path
        Holds a complete vmlinux.
    provenance : dict
        The fields of PROVENANCE_FIELDS.
    """
    text = json.dumps({"schema": SCHEMA, **provenance}, indent=2, sort_keys=True)
    write_atomically(directory / "provenance.json", text + "\n")


def read_provenance(directory):
    """The provenance of a kernel's directory, or None when the directory cannot be trusted.

    Parameters
    ----------
    directory : Path
        Any path.

    Returns
    -------
    dict or None
        None when provenance.json is missing, of another schema, lacks a field, or when vmlinux is missing or has
        another size than recorded.
    """
    try:
        provenance = json.loads((directory / "provenance.json").read_text(encoding="utf-8"))
        nbytes = (directory / "vmlinux").stat().st_size
    except (OSError, ValueError):
        return None
    if not isinstance(provenance, dict) or provenance.pop("schema", None) != SCHEMA:
        return None
    if not all(isinstance(provenance.get(field), kind) for field, kind in PROVENANCE_FIELDS.items()):
        return None
    return provenance if provenance["size"] == nbytes else None


def all_good(parent=None):
    """Every completely cached kernel, the newest versions first.

    Parameters
    ----------
    parent : Path, optional
        The kernels directory by default.

    Returns
    -------
    list of tuple of (Path, dict)
        Directory and provenance.
    """
    try:
        every = sorted((parent or kernels_directory()).iterdir())
    except OSError:
        return []
    directories = (path for path in every if not path.name.startswith("."))
    good = [(path, provenance) for path in directories if (provenance := read_provenance(path)) is not None]
    return sorted(good, key=lambda one: versions.sort_key(one[1]["version"]), reverse=True)


@contextmanager
def staging(directory, parent=None, read=read_provenance):
    """A temporary directory that becomes the one of that name if the block succeeds. Needs its lock.

    Parameters
    ----------
    directory : str
        Name under `parent`.
    parent : Path, optional
        The kernels directory by default.
    read : callable
        (Path) -> what is kept in such a directory, or None when it cannot be trusted.

    Yields
    ------
    Path
        For a kernel, put ``vmlinux`` and then ``provenance.json`` there, and nothing else.
    """
    parent = parent or kernels_directory()
    stage = tempfile.mkdtemp(prefix=f"{PARTIAL}{directory}.", dir=parent)
    stage = parent / stage
    try:
        stage.chmod(0o755)
        yield stage
        if read(stage) is None:
            raise KernelError("what was unpacked is not as it was written", path=stage)
        final = parent / directory
        # What may be in the way was not good, or it would have been used.
        shutil.rmtree(final, ignore_errors=True)
        os.rename(stage, final)
        _sync_directory(parent)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def sweep(holding=None, parent=None):
    """Remove what killed processes left behind.

    Parameters
    ----------
    holding : str, optional
        Name of the directory whose lock the caller holds. Others that are locked are alive and stay.
    parent : Path, optional
        As in `staging`.
    """
    for path in (parent or kernels_directory()).glob(f"{PARTIAL}*"):
        directory = path.name.removeprefix(PARTIAL).rpartition(".")[0]
        if directory == holding:
            shutil.rmtree(path, ignore_errors=True)
            continue
        lock = lock_path(directory, parent)
        lock.parent.mkdir(parents=True, exist_ok=True)
        with open(lock, "ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(path, ignore_errors=True)


def remember(name, directory):
    """Note that apt was asked just now, and that the catalogue name `name` means the kernel in `directory`."""
    path = kernels_directory() / "resolved.json"
    with locked(lock_path("resolved.json")):
        notes = _read_resolved(path)
        notes[name] = {"directory": directory, "time": time.time()}
        write_atomically(path, json.dumps(notes, indent=2, sort_keys=True) + "\n")


def remembered(name):
    """Directory name that the catalogue name `name` meant within the last day, or None."""
    note = _read_resolved(kernels_directory() / "resolved.json").get(name)
    if not isinstance(note, dict) or not isinstance(note.get("directory"), str):
        return None
    when = note.get("time")
    fresh = isinstance(when, int | float) and 0 <= time.time() - when < DAY_SECONDS
    return note["directory"] if fresh else None


def _read_resolved(path):
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}
