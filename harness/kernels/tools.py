"""Other versions of the witnesses: programs of any Debian suite, run without being installed.

A package and the libraries that it needs are unpacked side by side, and its program is started by their own loader, so
pahole 1.24, 1.30 and 1.32 can be asked on one machine.

    tools/<tool>_<version>_<architecture>/<tool>        a script that starts it
    tools/<tool>_<version>_<architecture>/root/         the packages, unpacked
    tools/<tool>_<version>_<architecture>/tool.json     what they are; written last
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.errors import KernelError
from harness.kernels import cache, versions
from harness.kernels.apt import Apt, require_apt
from harness.kernels.names import check_suite

SCHEMA = 1


class Kind(NamedTuple):
    """What is unpacked for a tool.

    Attributes
    ----------
    package : str
        Whose version is the tool's.
    others : tuple of str
        Further packages that it needs beside those that it depends on.
    program : str
        What is started, below the folder of the packages.
    is_static : bool
        It is linked to nothing, so no loader is needed; then the packages may have none.
    script : str
        What starts it instead, in a shell where $root is the folder of the packages; `program` must then be there.
    """

    package: str
    others: tuple
    program: str
    is_static: bool = False
    script: str = ""


TOOLS = {
    "pahole": Kind("pahole", (), "usr/bin/pahole"),
    "bpftool": Kind("bpftool", (), "usr/sbin/bpftool"),
    # a library is asked by a Python of its own suite, which finds it by its name: ctypes.CDLL("libbpf.so.1")
    "libbpf": Kind("libbpf1", ("python3-minimal", "libpython3-stdlib"), "usr/bin/python3"),
    "llvm": Kind("llvm", (), "usr/bin/llvm-objdump"),
    "bpftrace": Kind("bpftrace", (), "usr/bin/bpftrace"),
    "drgn": Kind("python3-drgn", (), "usr/bin/python3"),
    # a library of Go is asked by a program that this compiler builds from it
    "cilium-ebpf": Kind("golang-github-cilium-ebpf-dev", ("golang-go",), "usr/bin/go", is_static=True),
    # a library of Rust, by the machine's own cargo
    "aya-obj": Kind("librust-aya-obj-dev", (), "usr/share/cargo/registry", script=(
        'exec cargo --offline --config \'source.crates-io.replace-with="debian"\' '
        '--config "source.debian.directory=\\"$root/usr/share/cargo/registry\\"" "$@"')),
}


@dataclass(frozen=True)
class Tool:
    """A tool that can be started.

    Attributes
    ----------
    name : str
        Of TOOLS.
    version : str
        Of its package.
    architecture : str
        As dpkg spells it.
    suite : str or None
        Where it was; None for the machine's own suites.
    packages : dict of str to str
        Version of each package that is unpacked.
    path : Path
        What to start.
    """

    name: str
    version: str
    architecture: str
    suite: str | None
    packages: dict
    path: Path


def directory():
    """Where fetched tools are kept, a Path (not created)."""
    return cache.root() / "tools"


def fetched():
    """Every Tool in the cache, by name, the newest version first."""
    tools = [tool for path in directory().glob("*/tool.json") if (tool := _read(path.parent)) is not None]
    newest = sorted(tools, key=lambda tool: versions.sort_key(tool.version), reverse=True)
    return sorted(newest, key=lambda tool: tool.name)


def fetch(name, suite=None, progress=True):
    """The newest version of a tool that a suite has, from the cache or else through apt.

    Parameters
    ----------
    name : str
        Of TOOLS.
    suite : str, optional
        Of the machine's archive, such as sid; without it, the machine's own suites.
    progress : bool
        Show on stderr what takes long.

    Returns
    -------
    Tool

    Raises
    ------
    KernelError
        There is no such suite, it does not have the tool, or apt or dpkg-deb is missing or fails.
    """
    kind = TOOLS[name]
    check_suite(suite)
    require_apt(name)
    if shutil.which("dpkg-deb") is None:
        raise KernelError(f"{name} cannot be unpacked: this machine has no dpkg-deb")
    apt = Apt(_own_architecture(), suite, progress)
    packages = apt.needed(kind.package, *kind.others)
    version = next(one.version for one in packages if one.package == kind.package)
    final = directory() / cache.directory_name(name, version, apt.architecture)
    with cache.locked(cache.lock_path(final.name, directory()), waiting_for=f"{name} {version}"):
        cache.sweep(final.name, directory())
        tool = _read(final)
        if tool is None:
            try:
                with cache.staging(final.name, directory(), _read) as stage:
                    _fill(stage, name, suite, version, apt, packages)
            except OSError as error:
                raise KernelError(f"{name} cannot be kept: {error.strerror or error}", path=error.filename) from error
            tool = _read(final)
    if tool is None:
        raise KernelError(f"{name} was removed while it was fetched", path=final)
    return tool


def _own_architecture():
    done = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _fill(stage, name, suite, version, apt, packages):
    root, debs = stage / "root", stage / "debs"
    for one in packages:
        debs.mkdir()
        deb = apt.download(one, debs)
        done = subprocess.run(["dpkg-deb", "-x", deb, root], capture_output=True, text=True)
        if done.returncode:
            raise KernelError(f"dpkg-deb could not unpack it: {done.stderr.strip()}", path=deb)
        shutil.rmtree(debs)
    script = stage / name
    script.write_text(starter(root, TOOLS[name]))
    script.chmod(0o755)
    record = {"schema": SCHEMA, "name": name, "version": version, "architecture": apt.architecture, "suite": suite,
              "packages": {one.package: one.version for one in packages}}
    cache.write_atomically(stage / "tool.json", json.dumps(record, indent=2, sort_keys=True) + "\n")


def starter(root, kind):
    """The script that starts the program of a Kind from unpacked packages, wherever their folder lies.

    Parameters
    ----------
    root : Path
        The folder.
    kind : Kind

    Raises
    ------
    KernelError
        The program, or the loader that it needs, is not there.
    """
    loaders = sorted(path for pattern in ("ld-linux*.so.*", "ld64.so.*") for path in root.rglob(pattern)
                     if path.is_file() and not path.is_symlink())
    by_loader = not (kind.is_static or kind.script)
    if by_loader and not loaders:
        raise KernelError("expected a loader, ld-linux*.so.*, in the packages", path=root)
    if not (root / kind.program).exists():
        raise KernelError(f"expected {kind.program} in the packages", path=root)
    begin = '#!/bin/sh\nroot=$(dirname "$(readlink -f "$0")")/root\n'
    if not by_loader:
        return begin + (kind.script or f'exec "$root"/{shlex.quote(kind.program)} "$@"') + "\n"
    libraries = sorted({path.parent.relative_to(root) for path in root.rglob("*.so.*") if path.is_file()})
    library_path = ":".join(f"$root/{path}" for path in libraries)
    return (f"{begin}unset LD_PRELOAD LD_LIBRARY_PATH PYTHONPATH PYTHONHOME\n"
            f'exec "$root"/{shlex.quote(str(loaders[0].relative_to(root)))} --library-path "{library_path}" '
            f'"$root"/{shlex.quote(kind.program)} "$@"\n')


def _read(path):
    """The Tool in a folder, or None if it is not complete."""
    try:
        record = json.loads((path / "tool.json").read_text(encoding="utf-8"))
        if record.pop("schema") != SCHEMA:
            return None
        tool = Tool(**record, path=path / record["name"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return tool if tool.name in TOOLS and os.access(tool.path, os.X_OK) else None
