"""From a name to a kernel on disk: what is cached, what apt offers, and the way from one to the other."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import KernelError
from harness.kernels import building, cache, names
from harness.kernels.apt import PATH_HINT, Apt, require_apt
from harness.kernels.kernel import Kernel, from_path
from harness.kernels.notes import build_id
from harness.kernels.progress import say
from harness.kernels.unpack import unpack_vmlinux


@dataclass(frozen=True)
class _Wanted:
    """A parsed name: the packages it may mean, and where they are. `catalogued` names mean the newest of several."""

    name: str
    pattern: str
    architecture: str
    catalogued: bool
    suite: str | None = None

    def matches(self, provenance: dict[str, Any]) -> bool:
        same = provenance["architecture"] == self.architecture
        return same and re.fullmatch(self.pattern, provenance["package"]) is not None


def _understand(name, suite):
    entry = names.find(name)
    if entry is not None:
        if suite not in (None, entry.suite):
            raise KernelError(f"{name} is a name of the catalogue, which says where it is: expected a package name "
                              f"with --suite {suite}")
        return _Wanted(name, entry.package, entry.architecture, True, entry.suite)
    package = names.split_package(name)
    if package is None:
        known = [entry.name for entry in names.catalogue()]
        raise KernelError(f"{name!r} is not a file, a catalogue name or a package; {names.near(name, known)}")
    if suite is None:
        entry = names.entry_of(*package)
        suite = None if entry is None else entry.suite
    return _Wanted(name, re.escape(package[0]), package[1], False, suite)


def _as_kernel(directory, provenance, name=None):
    if name is None:
        entry = names.entry_of(provenance["package"], provenance["architecture"])
        name = provenance["package"] if entry is None else entry.name
    return Kernel(name, names.label(provenance), directory / "vmlinux", provenance)


def cached() -> list[Kernel]:
    """The kernels already on disk: those that were fetched, then those that were built; the newest versions first.

    Returns
    -------
    list of Kernel
    """
    return [_as_kernel(directory, provenance) for directory, provenance in cache.all_good()] + building.built()


def fetch(name: str, refresh: bool = False, progress: bool = True, suite: str | None = None) -> Kernel:
    """The kernel called `name`, from the cache or else through apt.

    Parameters
    ----------
    name : str
        A catalogue name; or a package name, perhaps with ``:architecture``; or the name of one that was built.
    refresh : bool
        Ask apt even if the name was resolved within the last day. A cached kernel that is still the newest is kept.
    progress : bool
        Show on stderr what takes long.
    suite : str, optional
        Of Debian, such as sid, where an exact package is; without it, that of the catalogue's entry for such a
        package, else the machine's own suites.

    Returns
    -------
    Kernel

    Raises
    ------
    KernelError
        The name or the suite is unknown, apt is missing or fails, the package is damaged or holds no vmlinux, the disk
        is full.

    Notes
    -----
    A catalogue name means the newest version; apt is asked once a day which one that is. When apt cannot answer,
    an older cached version is used, and stderr says so. A Debian debug package is about 300 MB to download and is
    deleted after its vmlinux (0.3 to 0.7 GB) is unpacked: about half a minute.
    """
    names.check_suite(suite)
    mine = next((kernel for kernel in building.built() if kernel.name == name), None)
    if mine is not None:
        return mine
    wanted = _understand(name, suite)
    good = [(directory, found) for directory, found in cache.all_good() if wanted.matches(found)]
    if good and not refresh:
        if not wanted.catalogued:
            return _as_kernel(*good[0], name)
        known = cache.remembered(name)
        for directory, provenance in good:
            if directory.name == known:
                return _as_kernel(directory, provenance, name)
    try:
        return _fetch_through_apt(wanted, progress)
    except OSError as error:
        raise KernelError(f"{name} cannot be fetched: {error.strerror or error}", path=error.filename) from error
    except KernelError as error:
        if not good or refresh:
            raise
        kernel = _as_kernel(*good[0], name)
        # Said even without progress: the result may differ from what a newer version gives.
        say(f"{error}; using the cached {kernel.label}")
        return kernel


def fetch_default(progress: bool = True) -> Kernel:
    """The first kernel of the catalogue's defaults that is in the cache or can be fetched.

    Raises
    ------
    KernelError
        As `fetch`, of the last one. Of each before it, the error is said on stderr, whatever `progress` is.
    """
    *others, last = names.default_names()
    for name in others:
        try:
            return fetch(name, progress=progress)
        except KernelError as error:
            say(f"{error}; taking the next default instead")
    return fetch(last, progress=progress)


def _fetch_through_apt(wanted, progress):
    require_apt(wanted.name)
    apt = Apt(wanted.architecture, wanted.suite, progress)
    candidate = apt.find(wanted.pattern)
    if candidate is None:
        reason = f" (apt-get update was incomplete: {apt.complaint})" if apt.complaint else ""
        offered = names.near(wanted.name.partition(":")[0], apt.names())
        raise KernelError(
            f"apt offers no package for {wanted.name} on {apt.whose}{reason}; {offered}; or {PATH_HINT}"
        )
    directory = cache.directory_name(candidate.package, candidate.version, candidate.architecture)
    final = cache.kernels_directory() / directory
    with cache.locked(cache.lock_path(directory), waiting_for=candidate.package):
        cache.sweep(holding=directory)
        provenance = cache.read_provenance(final)
        if provenance is None:
            with cache.staging(directory) as stage:
                _fill(stage, apt, candidate, progress)
            provenance = cache.read_provenance(final)
    if provenance is None:
        raise KernelError("the kernel was removed while it was fetched", path=final)
    if wanted.catalogued:
        cache.remember(wanted.name, directory)
    return _as_kernel(final, provenance, wanted.name)


def _fill(stage, apt, candidate, progress):
    """Put vmlinux and then provenance.json into the directory `stage`."""
    packages = stage / "deb"
    packages.mkdir()
    deb = apt.download(candidate, packages)
    temporary = stage / f"vmlinux.{os.getpid()}"
    unpacked = unpack_vmlinux(deb, temporary, progress)
    shutil.rmtree(packages)
    os.rename(temporary, stage / "vmlinux")
    cache.write_provenance(
        stage,
        {
            "package": candidate.package,
            "version": candidate.version,
            "architecture": candidate.architecture,
            **names.describe(candidate.package, candidate.version, candidate.architecture),
            **({} if apt.suite is None else {"suite": apt.suite}),
            "deb_sha256": candidate.sha256,
            "member": unpacked.member,
            "sha256": unpacked.sha256,
            "size": unpacked.size,
            "build_id": build_id(stage / "vmlinux"),
        },
    )


def resolve(text: str | os.PathLike[str], progress: bool = True) -> Kernel:
    """The kernel that the user means.

    Parameters
    ----------
    text : str or path-like
        The path of an existing file; else a catalogue name; else a package name, perhaps with ``:architecture``.
        What is not on disk is fetched.
    progress : bool
        Show on stderr what takes long.

    Returns
    -------
    Kernel

    Raises
    ------
    KernelError
        As `fetch`; also when `text` is empty, or is a path at which there is no file, or one that is empty or cannot
        be read.
    """
    path = Path(text)
    text = os.fspath(text)
    if not text:
        raise KernelError("no kernel was named")
    try:
        if path.is_file():
            return from_path(path)
        if path.exists():
            found = "a directory" if path.is_dir() else "a device, pipe or socket"
            raise KernelError(f"expected a regular file, found {found}", path=path)
    except OSError as error:  # for example a name that is too long to be one
        raise KernelError(f"cannot be looked up: {error.strerror}", path=text[:80]) from error
    if os.sep in text:
        raise KernelError("there is no such file", path=path)
    return fetch(text, progress=progress)
