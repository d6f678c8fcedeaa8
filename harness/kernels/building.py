"""Kernels that no distribution offers: built by clang from Debian's source package, without and with ThinLTO.

    clang/<package>-<flavour>_<version>_amd64/     vmlinux and provenance.json, as in kernels/
    clang/.building-<the same>/                    an unfinished build, which the next run continues

Nothing is installed: what a build needs of the machine is checked first. The configuration is the kernel's own
tinyconfig with data/clang-kernel.config over it. Neither the machine's name nor the time or place of the build
gets into the file.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from harness.errors import KernelError
from harness.kernels import cache, names, tools, versions
from harness.kernels.apt import Apt, require_apt
from harness.kernels.kernel import Kernel
from harness.kernels.notes import build_id
from harness.kernels.progress import mebibytes, say
from harness.paths import data_file

FLAVOURS = {"none": "clang", "thin": "clang-thinlto"}
"""By kind of link-time optimization."""

CONFIG = data_file("clang-kernel.config")
CONFIG_OF_LTO = {"none": "CONFIG_LTO_NONE=y", "thin": "CONFIG_LTO_CLANG_THIN=y"}

SOURCE = r"linux-source-7\.\d+"
SUITE = "trixie-backports"
PAHOLE_SUITE = "sid"

CLANG = 19
ARCHITECTURE = "amd64"

NEEDS = {f"clang-{CLANG}": f"clang-{CLANG}", f"ld.lld-{CLANG}": f"lld-{CLANG}",
         f"llvm-objcopy-{CLANG}": f"llvm-{CLANG}", "make": "make", "flex": "flex", "bison": "bison", "bc": "bc",
         "perl": "perl", "python3": "python3", "tar": "tar", "xz": "xz-utils", "nice": "coreutils", "dpkg-deb": "dpkg"}
"""The Debian package of each program that a build runs."""

HEADERS = {"gelf.h": "libelf-dev", "zlib.h": "zlib1g-dev"}
"""The Debian package of each header that the kernel's own tools are compiled with."""

NEEDED_NBYTES = 8 << 30
"""Free space that a build wants; most of it is given back at its end."""


def directory():
    """Where built kernels are kept, a Path (not created)."""
    return cache.root() / "clang"


def built() -> list[Kernel]:
    """The kernels that have been built, the newest versions first."""
    return [_as_kernel(path, provenance) for path, provenance in cache.all_good(directory())]


def _as_kernel(path, provenance):
    words = (provenance[field] for field in ("distribution", "series", "flavour", "architecture"))
    return Kernel("-".join(words), names.label(provenance), path / "vmlinux", provenance)


def build(lto: str = "none", suite: str = SUITE, jobs: int | None = None, progress: bool = True) -> Kernel:
    """A kernel built by clang, from the cache if there is one of the kind, whatever its version.

    Parameters
    ----------
    lto : str
        Of FLAVOURS.
    suite : str
        Of the machine's archive: where the source package is. pahole is that of sid.
    jobs : int, optional
        How many commands run at once; by default one for each processor.
    progress : bool
        Say on stderr what takes long.

    Returns
    -------
    Kernel

    Raises
    ------
    KernelError
        The machine lacks what a build needs, in one sentence; apt or a command of the build fails.

    Notes
    -----
    Half an hour on two processors. Where it was ended, the next call continues.
    """
    flavour = FLAVOURS[lto]
    for kernel in built():
        if kernel.provenance["flavour"] == flavour:
            return kernel
    names.check_suite(suite)
    require_apt("a kernel's source")
    check_needs()
    apt = Apt(ARCHITECTURE, suite, progress)
    candidate = apt.find(SOURCE, "linux-source-")
    if candidate is None:
        raise KernelError(f"apt offers no package linux-source-7.x in {suite}")
    pahole = tools.fetch("pahole", PAHOLE_SUITE, progress)
    name = cache.directory_name(f"{candidate.package}-{flavour}", candidate.version, ARCHITECTURE)
    with cache.locked(cache.lock_path(name, directory()), waiting_for=f"the build of {name}"):
        cache.sweep(name, directory())
        if cache.read_provenance(directory() / name) is None:
            try:
                _build(name, apt, candidate, flavour, lto, pahole, jobs or os.cpu_count() or 1, progress)
            except OSError as error:
                message = f"the kernel cannot be built: {error.strerror or error}"
                raise KernelError(message, path=error.filename) from error
        provenance = cache.read_provenance(directory() / name)
    if provenance is None:
        raise KernelError("the kernel was removed while it was built", path=directory() / name)
    return _as_kernel(directory() / name, provenance)


def check_needs():
    """Raise a KernelError that names the Debian packages to install, unless the machine has all that a build needs."""
    missing = {package for program, package in NEEDS.items() if shutil.which(program) is None}
    if shutil.which(f"clang-{CLANG}"):
        missing |= {package for header, package in HEADERS.items() if not _has_header(header)}
    if missing:
        raise KernelError("building a kernel needs programs that this machine does not have; install Debian's packages "
                          f"{' '.join(sorted(missing))}")


def _has_header(header):
    command = [f"clang-{CLANG}", "-E", "-x", "c", "-include", header, os.devnull]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def _build(name, apt, candidate, flavour, lto, pahole, jobs, progress):
    """Unpack, configure, compile, and put the vmlinux where `name` is kept."""
    work = directory() / f".building-{name}"
    work.mkdir(parents=True, exist_ok=True)
    tree = work / candidate.package
    if not tree.is_dir():
        free = shutil.disk_usage(work).free
        if free < NEEDED_NBYTES:
            message = f"a build needs {mebibytes(NEEDED_NBYTES)} but only {mebibytes(free)} are free"
            raise KernelError(message, path=work)
        _unpack_source(tree, apt, candidate, progress)
    log = work / "log"
    # what is built must not depend on who builds it, when and where
    make = ["nice", "-n", "19", "make", "-C", tree, f"-j{jobs}", "ARCH=x86_64", f"LLVM=-{CLANG}",
            f"PAHOLE={pahole.path}", "KBUILD_BUILD_TIMESTAMP=1970-01-01", "KBUILD_BUILD_USER=btf-harness",
            "KBUILD_BUILD_HOST=localhost", "KBUILD_BUILD_VERSION=1",
            f"KCFLAGS=-fdebug-prefix-map={tree}=.", f"KAFLAGS=-fdebug-prefix-map={tree}=."]
    say(f"building {name}, about half an hour on two processors; what it says goes to {log}", progress)
    with open(log, "wb") as file:
        _configure(tree, make, lto, file)
        _run([*make, "vmlinux"], file)
    with cache.staging(name, directory()) as stage:
        os.replace(tree / "vmlinux", stage / "vmlinux")
        kernel = Kernel("", "", stage / "vmlinux", {})
        cache.write_provenance(stage, {
            "package": f"{candidate.package}-{flavour}",
            "version": candidate.version,
            "architecture": ARCHITECTURE,
            **names.describe(candidate.package, candidate.version, ARCHITECTURE),
            "flavour": flavour,
            "suite": apt.suite,
            "deb_sha256": candidate.sha256,
            "member": "vmlinux",
            "sha256": kernel.sha256,
            "size": kernel.path.stat().st_size,
            "build_id": build_id(kernel.path),
            "pahole": versions.split(pahole.version)[1],
        })
    shutil.rmtree(work)


def _unpack_source(tree, apt, candidate, progress):
    """Put the sources where `tree` says, which is there only once it is complete."""
    unpacked = tree.with_name("unpacked")
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir()
    deb = apt.download(candidate, unpacked)
    say(f"unpacking {candidate.package}", progress)
    archive = unpacked / "usr" / "src" / f"{candidate.package}.tar.xz"
    for command in (["dpkg-deb", "-x", deb, unpacked], ["tar", "-xJf", archive, "-C", unpacked]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        if done.returncode:
            raise KernelError(f"{command[0]} could not unpack it: {done.stderr.strip()}", path=command[2])
    os.rename(unpacked / candidate.package, tree)
    shutil.rmtree(unpacked)


def _configure(tree, make, lto, log):
    """Write the tree's .config; what it does not change is not compiled again."""
    wanted = [line for line in CONFIG.read_text(encoding="utf-8").splitlines() if line.startswith("CONFIG_")]
    wanted.append(CONFIG_OF_LTO[lto])
    _run([*make, "tinyconfig"], log)
    config = tree / ".config"
    with open(config, "a", encoding="utf-8") as file:
        file.write("\n".join(wanted) + "\n")  # the last line of an option counts
    _run([*make, "olddefconfig"], log)
    given = set(config.read_text(encoding="utf-8").splitlines())
    refused = [line for line in wanted if not line.endswith("=n") and line not in given]
    if refused:
        raise KernelError(f"this kernel cannot be configured with {refused[0]}", path=config)


def _run(command, log):
    """Run a command of the build; it ends, with all that it started, when this process is asked to."""
    # what a make that runs this program has been told is not meant for the kernel's
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.path.expanduser("~"), "LC_ALL": "C"}
    child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             start_new_session=True)
    try:
        status = child.wait()
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
    if status:
        raise KernelError(f"make {command[-1]} failed: {_complaint(Path(log.name))}", path=log.name)


def _complaint(log):
    """The first line of a log that speaks of an error, else its last."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    bad = (line for line in lines if re.search(r"error: |\*\*\* |: not found", line))
    return next(bad, lines[-1] if lines else "it gave no reason")
