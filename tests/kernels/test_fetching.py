"""From a name to a kernel: the cache, its provenance, and what a killed process leaves behind."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time

import pytest
from debian_packages import BUILD_ID, MEMBER, make_deb, make_elf

import harness.kernels
from harness.errors import KernelError
from harness.kernels import cache, fetching, names

NAME = "debian-6.1-cloud-amd64"
PACKAGE = "linux-image-6.1.0-9-cloud-amd64-dbg"
ELF = make_elf(padding=1 << 20)


@pytest.fixture(autouse=True)
def own_cache(cache_home):
    """Never the user's."""


def offer(fake_apt, package=PACKAGE, version="6.1.27-1", sha256=None, elf=ELF):
    """Let the fake apt offer one version."""
    for old in fake_apt.glob("*.deb"):
        old.unlink()
    deb = make_deb(fake_apt / f"{package}_{version}_amd64.deb", {MEMBER: elf, "./z": b"z" * 100_000})
    sha256 = sha256 or hashlib.sha256(deb.read_bytes()).hexdigest()
    (fake_apt / "names").write_text(f"linux-image-amd64\n{package}\n")
    (fake_apt / "records").write_text(
        f"Package: {package}\nVersion: {version}\nArchitecture: amd64\nSize: {deb.stat().st_size}\nSHA256: {sha256}\n"
    )


def asked(fake_apt):
    """How often apt was asked what it offers."""
    return (fake_apt / "calls").read_text().count("apt-cache pkgnames")


def test_import__is_light():
    code = "import harness.kernels, sys; print({'rich', 'numba', 'numpy', 'elftools', 'zstandard'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_fetch__unpacks_caches_and_records(fake_apt, cache_home):
    offer(fake_apt)
    kernel = harness.kernels.fetch(NAME, progress=False)
    directory = cache_home / "kernels" / f"{PACKAGE}_6.1.27-1_amd64"
    assert kernel.name == NAME
    assert kernel.label == "debian-6.1.27-cloud-amd64"
    assert kernel.path == directory / "vmlinux"
    assert kernel.path.read_bytes() == ELF
    assert kernel.build_id == BUILD_ID.hex()
    assert kernel.sha256 == hashlib.sha256(ELF).hexdigest()
    assert kernel.provenance["series"] == "6.1"
    assert kernel.provenance["member"] == MEMBER.removeprefix("./")
    assert sorted(path.name for path in directory.iterdir()) == ["provenance.json", "vmlinux"]
    assert not list(cache_home.glob("kernels/.partial*"))
    assert harness.kernels.cached() == [kernel]


def test_fetch__configures_apt_without_the_machines_restrictions(fake_apt, cache_home):
    offer(fake_apt)
    harness.kernels.fetch(NAME, progress=False)
    root = cache_home / "apt" / "amd64"
    assert "mips" not in (root / "sources.list.d" / "machine.sources").read_text()
    configuration = (root / "apt.conf").read_text()
    assert 'Acquire::http::Proxy "http://proxy.invalid:1";' in configuration
    assert f'Dir::State "{root}/state";' in configuration
    assert (root / "apt.conf").stat().st_mode & 0o777 == 0o600


def test_fetch__takes_an_entry_from_its_suite(fake_apt, cache_home):
    package = "linux-image-7.3.4+deb13-cloud-amd64-dbg"
    offer(fake_apt, package, "7.3.4-1~bpo13+1")
    kernel = harness.kernels.fetch("debian-7.3-cloud-amd64", progress=False)
    sources = (cache_home / "apt" / "amd64@trixie-backports" / "sources.list.d" / "machine.sources").read_text()
    assert "Suites: trixie-backports\n" in sources and "bookworm" not in sources
    assert kernel.provenance["suite"] == "trixie-backports" and not (cache_home / "apt" / "amd64").exists()
    assert harness.kernels.resolve(package).path == kernel.path


def test_fetch__takes_a_package_from_the_suite_that_is_named(fake_apt, cache_home):
    package = "linux-image-9.9.1+deb15-rt-amd64-dbg"
    offer(fake_apt, package, "9.9.1-1")
    kernel = harness.kernels.fetch(package, progress=False, suite="experimental")
    assert kernel.provenance["suite"] == "experimental"
    assert [path.name for path in (cache_home / "apt").iterdir()] == ["amd64@experimental"]
    with pytest.raises(KernelError, match="expected a suite of Debian such as sid or trixie-backports, found 'x y'"):
        harness.kernels.fetch(package, suite="x y")
    with pytest.raises(KernelError, match=f"{NAME} is a name of the catalogue, which says where it is"):
        harness.kernels.fetch(NAME, suite="sid")


def test_fetch__asks_apt_once_a_day_unless_told(fake_apt, monkeypatch):
    offer(fake_apt)
    first = harness.kernels.fetch(NAME, progress=False)
    offer(fake_apt, "linux-image-6.1.0-10-cloud-amd64-dbg", "6.1.30-1")
    assert harness.kernels.fetch(NAME, progress=False) == first
    assert asked(fake_apt) == 1
    second = harness.kernels.fetch(NAME, refresh=True, progress=False)
    assert second.label == "debian-6.1.30-cloud-amd64"
    assert [kernel.label for kernel in harness.kernels.cached()] == [second.label, first.label]
    assert harness.kernels.resolve(NAME) == second
    tomorrow = time.time() + cache.DAY_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    assert harness.kernels.fetch(NAME, progress=False) == second
    assert asked(fake_apt) == 3


def test_fetch__an_exact_package_that_is_cached_needs_no_apt(fake_apt, monkeypatch, tmp_path):
    offer(fake_apt)
    kernel = harness.kernels.resolve(f"{PACKAGE}:amd64", progress=False)
    assert kernel.name == f"{PACKAGE}:amd64"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert harness.kernels.resolve(PACKAGE).path == kernel.path


def test_fetch__offline_takes_an_older_cached_version_and_says_so(fake_apt, monkeypatch, tmp_path, capsys):
    offer(fake_apt)
    kernel = harness.kernels.fetch(NAME, progress=False)
    tomorrow = time.time() + cache.DAY_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert harness.kernels.fetch(NAME, progress=False) == kernel
    assert "using the cached debian-6.1.27-cloud-amd64" in capsys.readouterr().err
    with pytest.raises(KernelError):
        harness.kernels.fetch(NAME, refresh=True, progress=False)


def test_fetch_default__takes_the_next_one_where_the_first_cannot_be_had_and_says_so(fake_apt, monkeypatch, capsys):
    offer(fake_apt)
    monkeypatch.setattr(names, "default_names", lambda: ["debian-7.3-cloud-amd64", NAME])
    assert harness.kernels.fetch_default(progress=False).name == NAME
    said = capsys.readouterr().err
    assert "debian-7.3-cloud-amd64" in said and said.endswith("; taking the next default instead\n")
    monkeypatch.setattr(names, "default_names", lambda: [NAME, "debian-7.3-cloud-amd64"])
    assert harness.kernels.fetch_default(progress=False).name == NAME
    monkeypatch.setattr(names, "default_names", lambda: ["debian-7.2-cloud-amd64", "debian-7.3-cloud-amd64"])
    with pytest.raises(KernelError, match="apt offers no package for debian-7.3-cloud-amd64"):
        harness.kernels.fetch_default(progress=False)


def test_fetch__without_apt_says_to_pass_a_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KernelError, match="no apt-get; .*make report KERNEL=/path/to/vmlinux"):
        harness.kernels.resolve(NAME)


def test_fetch__without_debian_sources_says_to_pass_a_path(fake_apt):
    (fake_apt / "sources.list").write_text("deb http://mirror.invalid/ubuntu jammy main\n")
    with pytest.raises(KernelError, match="no Debian archive .*KERNEL=/path/to/vmlinux"):
        harness.kernels.fetch(NAME, progress=False)


def test_fetch__a_package_that_apt_does_not_offer(fake_apt):
    offer(fake_apt)
    (fake_apt / "offline").touch()
    with pytest.raises(KernelError, match=rf"no package for .*no network.*similar names: {PACKAGE};"):
        harness.kernels.fetch("linux-image-6.1.0-8-cloud-amd64-dbg", progress=False)


def test_fetch__a_wrong_hash_is_an_error_and_leaves_nothing(fake_apt, cache_home):
    offer(fake_apt, sha256="0" * 64)
    with pytest.raises(KernelError, match="SHA256 is .*, the package lists say 000"):
        harness.kernels.fetch(NAME, progress=False)
    assert harness.kernels.cached() == []
    assert not list(cache_home.glob("kernels/*vmlinux*")) and not list(cache_home.glob("kernels/.partial*"))


@pytest.mark.parametrize("step", ["download", "unpack_vmlinux", "write_provenance", "rename"])
def test_fetch__killed_anywhere_leaves_nothing_that_is_taken(fake_apt, cache_home, step):
    """The process ends without any clean-up right after the named step, as from kill -9."""
    offer(fake_apt)
    code = f"""
import os
from harness.kernels import apt, cache, fetching
owner, name = {{
    "download": (apt.Apt, "download"),
    "unpack_vmlinux": (fetching, "unpack_vmlinux"),
    "write_provenance": (cache, "write_provenance"),
    "rename": (fetching.os, "rename"),
}}[{step!r}]
real = getattr(owner, name)
def killed(*arguments):
    real(*arguments)
    os._exit(9)
setattr(owner, name, killed)
fetching.fetch({NAME!r}, progress=False)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    assert harness.kernels.cached() == []
    assert len(list(cache_home.glob("kernels/.partial*"))) == 1
    assert harness.kernels.fetch(NAME, progress=False).path.read_bytes() == ELF
    assert not list(cache_home.glob("kernels/.partial*"))


def test_sweep__leaves_what_a_living_process_works_on(cache_home):
    kernels = cache_home / "kernels"
    for name in ("alive_1_amd64", "dead_1_amd64"):
        (kernels / f".partial-{name}.abc").mkdir(parents=True)
    with cache.locked(cache.lock_path("alive_1_amd64")):
        cache.sweep()
    assert [path.name for path in kernels.glob(".partial*")] == [".partial-alive_1_amd64.abc"]


def test_fetch__two_at_once_fetch_once(fake_apt):
    offer(fake_apt)
    code = f"from harness.kernels import fetch; print(fetch({NAME!r}, progress=False).path)"
    children = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = {child.communicate()[0] for child in children}
    assert len(outputs) == 1 and {child.returncode for child in children} == {0}
    assert (fake_apt / "calls").read_text().count("download") == 1


def spoil_provenance(directory, change):
    path = directory / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda directory: (directory / "provenance.json").unlink(),
        lambda directory: (directory / "provenance.json").write_text("{"),
        lambda directory: (directory / "provenance.json").write_text("[]"),
        lambda directory: spoil_provenance(directory, {"schema": 0}),
        lambda directory: spoil_provenance(directory, {"version": None}),
        lambda directory: os.truncate(directory / "vmlinux", 1000),
        lambda directory: (directory / "vmlinux").unlink(),
    ],
)
def test_cache__an_incomplete_directory_is_fetched_again(fake_apt, spoil):
    offer(fake_apt)
    kernel = harness.kernels.fetch(NAME, progress=False)
    spoil(kernel.path.parent)
    assert harness.kernels.cached() == []
    assert harness.kernels.fetch(NAME, progress=False) == kernel
    assert kernel.path.read_bytes() == ELF


def test_provenance__comes_back_as_written(cache_home):
    directory = cache_home / "kernels" / "x"
    directory.mkdir(parents=True)
    (directory / "vmlinux").write_bytes(ELF)
    provenance = {field: "1" for field in cache.PROVENANCE_FIELDS} | {"size": len(ELF), "build_id": None}
    cache.write_provenance(directory, provenance)
    assert cache.read_provenance(directory) == provenance


@pytest.mark.parametrize("content", ["", "[]", '{"x": 1}', '{"x": {"directory": "d", "time": "now"}}'])
def test_remembered__a_broken_note_is_no_note(cache_home, content):
    (cache_home / "kernels").mkdir(parents=True)
    (cache_home / "kernels" / "resolved.json").write_text(content)
    assert cache.remembered("x") is None
    cache.remember("x", "d")
    assert cache.remembered("x") == "d"


def test_locked__waits_and_says_so(cache_home, capsys):
    path = cache.lock_path("x")
    with cache.locked(path) as descriptor, open(path) as other:
        assert descriptor > 2
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with cache.locked(path, shared=True), cache.locked(path, shared=True, waiting_for="x"):
        pass
    assert capsys.readouterr().err == ""


def test_resolve__a_path(tmp_path):
    path = tmp_path / "vmlinux-6.1.0"
    path.write_bytes(ELF)
    kernel = harness.kernels.resolve(path)
    assert (kernel.name, kernel.label, kernel.path) == ("vmlinux-6.1.0", "vmlinux-6.1.0", path)
    assert kernel.provenance == {"size": len(ELF), "build_id": BUILD_ID.hex()}
    assert kernel.sha256 == hashlib.sha256(ELF).hexdigest()
    with pytest.raises(dataclasses.FrozenInstanceError):
        kernel.name = "x"
    path.rename(tmp_path / "some.elf")
    assert harness.kernels.resolve(str(tmp_path / "some.elf")).name == "some"


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "no kernel was named"),
        ("/nowhere/vmlinux", "/nowhere/vmlinux: there is no such file"),
        ("/dev", "/dev: expected a regular file"),
        ("x" * 5000, "cannot be looked up"),
        ("debian-6.12-cloud-amd46", "similar names: debian-6.12-cloud-amd64"),
        ("debian-6.12-cloud-amd64\0", "not a file"),
    ],
)
def test_resolve__names_what_is_wrong(text, message):
    with pytest.raises(KernelError, match=message):
        harness.kernels.resolve(text)


def test_resolve__an_empty_file_is_an_error(tmp_path):
    (tmp_path / "vmlinux").touch()
    with pytest.raises(KernelError, match="vmlinux: the file is empty"):
        harness.kernels.resolve(tmp_path / "vmlinux")


def test_fetch__an_unwritable_cache_is_an_error(fake_apt, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(KernelError, match="cannot be fetched"):
        fetching.fetch(NAME, progress=False)
