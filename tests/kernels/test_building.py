"""Kernels built by clang: from a source package whose Makefile stands for the kernel's."""

from __future__ import annotations

import hashlib
import lzma
import shutil
import signal
from types import SimpleNamespace

import pytest
from debian_packages import make_deb, make_elf, make_tar

from harness import kernels
from harness.errors import KernelError
from harness.kernels import building, names
from tests.command import has_ended

PROGRAMS = ("make", "tar", "xz", "dpkg-deb", "nice")
needs_programs = pytest.mark.skipif(any(shutil.which(program) is None for program in PROGRAMS),
                                    reason=f"one of {', '.join(PROGRAMS)} is not installed")

MAKEFILE = b"""\
tinyconfig:
\techo CONFIG_EXPERT=y > .config
olddefconfig:
\tgrep -v NOSUCH .config > new; mv new .config
vmlinux:
\techo "$(ARCH) $(LLVM) $(PAHOLE) $(KCFLAGS) LTO=$(LTO)" >> said
\t@test ! -e broken || { echo "x.c:1:2: error: it is broken"; exit 1; }
\tcp elf vmlinux
"""


@pytest.fixture(autouse=True)
def machine(cache_home, fake_apt, monkeypatch, tmp_path):
    """A machine with all that is needed and a source package; yields the directory of what apt offers."""
    files = {"Makefile": MAKEFILE, "elf": make_elf()}
    tree = make_tar({f"linux-source-7.9/{name}": data for name, data in files.items()})
    deb = make_deb(fake_apt / "linux-source-7.9_7.9.2-1_all.deb",
                   {"./usr/src/linux-source-7.9.tar.xz": lzma.compress(tree, preset=0)})
    (fake_apt / "names").write_text("linux-source-7.9\nlinux-source\n")
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    (fake_apt / "records").write_text("Package: linux-source-7.9\nVersion: 7.9.2-1\nArchitecture: all\n"
                                      f"Size: {deb.stat().st_size}\nSHA256: {digest}\n")
    config = tmp_path / "config"
    config.write_text("# words\n\nCONFIG_BPF=y\nCONFIG_MODULES=n\n")
    pahole = SimpleNamespace(path="/pahole", version="1.32-1")
    monkeypatch.setattr(building, "CONFIG", config)
    monkeypatch.setattr(building, "NEEDS", {"make": "make"})
    monkeypatch.setattr(building, "HEADERS", {})
    monkeypatch.setattr(building, "NEEDED_NBYTES", 1)
    monkeypatch.setattr(building.tools, "fetch", lambda name, suite, progress: pahole)
    return fake_apt


@needs_programs
def test_build__makes_a_kernel_once_and_it_is_found_by_name(machine, cache_home, monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", " -- LTO=of-another-make")
    monkeypatch.setenv("LTO", "of-another-make")
    assert building.built() == []
    kernel = building.build("thin", progress=False)
    assert (kernel.name, kernel.label) == ("debian-7.9-clang-thinlto-amd64", "debian-7.9.2-clang-thinlto-amd64")
    assert kernel.path.read_bytes() == make_elf() and kernel.build_id == bytes(range(20)).hex()
    assert kernel.sha256 == hashlib.sha256(make_elf()).hexdigest()
    assert names.pahole_of(kernel.provenance) == "1.32"
    assert sorted(path.name for path in (cache_home / "clang").iterdir()) == [
        ".locks", "linux-source-7.9-clang-thinlto_7.9.2-1_amd64"]
    calls = (machine / "calls").read_text()
    assert building.build("thin", progress=False) == kernel and (machine / "calls").read_text() == calls
    plain = building.build(progress=False)
    assert plain.name == "debian-7.9-clang-amd64"
    assert {k.name for k in building.built()} == {k.name for k in kernels.cached()} == {kernel.name, plain.name}
    assert kernels.resolve(kernel.name, progress=False) == kernel


@needs_programs
def test_build__goes_on_where_it_was_ended_and_says_what_is_wrong(cache_home):
    name = "linux-source-7.9-clang_7.9.2-1_amd64"
    tree = cache_home / "clang" / f".building-{name}" / "linux-source-7.9"
    building.CONFIG.write_text("CONFIG_NOSUCH=y\n")
    with pytest.raises(KernelError, match="this kernel cannot be configured with CONFIG_NOSUCH=y"):
        building.build(progress=False)
    building.CONFIG.write_text("CONFIG_BPF=y\n# CONFIG_A=y\nCONFIG_NOSUCH=n\n")
    (tree / "broken").touch()
    with pytest.raises(KernelError, match=r"log: make vmlinux failed: x\.c:1:2: error: it is broken"):
        building.build(progress=False)
    assert (tree / ".config").read_text().splitlines() == ["CONFIG_EXPERT=y", "CONFIG_BPF=y", "CONFIG_LTO_NONE=y"]
    assert (tree / "said").read_text() == f"x86_64 -19 /pahole -fdebug-prefix-map={tree}=. LTO=\n"
    (tree / "broken").unlink()
    building.build(progress=False)
    assert not tree.exists()


def test_build__names_the_packages_of_what_is_missing(machine, monkeypatch):
    monkeypatch.setattr(building, "NEEDS", {"no-such-clang": "clang-99", "no-such-ld": "clang-99", "sh": "dash"})
    with pytest.raises(KernelError, match="install Debian's packages clang-99$"):
        building.build(progress=False)
    assert not (machine / "calls").exists()


@pytest.mark.skipif(shutil.which(f"clang-{building.CLANG}") is None, reason=f"clang-{building.CLANG} is not installed")
def test_build__names_the_packages_of_headers_that_are_missing(monkeypatch):
    monkeypatch.setattr(building, "HEADERS", {"stddef.h": "libc-dev", "no/such.h": "libno-dev"})
    with pytest.raises(KernelError, match="install Debian's packages libno-dev$"):
        building.build(progress=False)


def test_build__ends_what_it_has_started_when_it_is_ended(tmp_path):
    pid = tmp_path / "pid"

    def end(signum, frame):
        if pid.is_file() and pid.read_text().strip():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.1)
    try:
        with open(tmp_path / "log", "wb") as log, pytest.raises(KeyboardInterrupt):
            building._run(["sh", "-c", f"sleep 60 & echo $! > {pid}; wait"], log)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert has_ended(pid)
