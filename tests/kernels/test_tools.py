"""Tools of other suites: what is unpacked for them, and that it runs by its own loader."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess

import pytest
from debian_packages import make_deb

from harness.errors import KernelError
from harness.kernels import tools

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")

LOADER = b'#!/bin/sh\necho "libraries $2 program $3"\nshift 3\nfor word; do echo "<$word>"; done\n'


@pytest.fixture(autouse=True)
def own_cache(cache_home):
    """Never the user's."""


def offer(fake_apt, version="1.99-1", loader="./lib64/ld-linux-x86-64.so.2"):
    """Let the fake apt offer a pahole that needs a libc."""
    machine = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True).stdout.strip()
    libraries = {loader: LOADER, "./usr/lib/x/libdwarves.so.1": b"", "./lib/y/libc.so.6": b""}
    packages = {"libc6": ("2.99-1", machine, libraries),
                "pahole": (version, machine, {"./usr/bin/pahole": b"an ELF file"}),
                "tzdata": ("2026a", "all", {"./usr/share/x": b"x"})}
    records, plan = [], []
    for old in fake_apt.glob("*.deb"):
        old.unlink()
    for name, (number, architecture, files) in packages.items():
        deb = make_deb(fake_apt / f"{name}_{number}_{architecture}.deb", files)
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        records.append(f"Package: {name}\nVersion: {number}\nArchitecture: {architecture}\n"
                       f"Size: {deb.stat().st_size}\nSHA256: {digest}\n")
        plan.append(f"Inst {name} ({number} Debian:unstable [{architecture}])\nConf {name} ({number} Debian)\n")
    (fake_apt / "records").write_text("\n".join(records))
    (fake_apt / "plan").write_text("Reading package lists...\n" + "".join(plan))


@needs_dpkg
def test_fetch__unpacks_a_tool_with_its_libraries_and_starts_it_by_its_own_loader(fake_apt, cache_home, tmp_path):
    offer(fake_apt)
    tool = tools.fetch("pahole", "sid", progress=False)
    assert (tool.name, tool.version, tool.suite) == ("pahole", "1.99-1", "sid")
    assert tool.packages == {"libc6": "2.99-1", "pahole": "1.99-1", "tzdata": "2026a"}
    assert sorted(path.name for path in tool.path.parent.iterdir()) == ["pahole", "root", "tool.json"]
    assert (cache_home / "apt" / f"{tool.architecture}@sid").is_dir()
    os.chmod(tool.path.parent / "root" / "lib64" / "ld-linux-x86-64.so.2", 0o755)
    (tmp_path / "link").symlink_to(tool.path)
    said = subprocess.run([tmp_path / "link", "a b", "*"], capture_output=True, text=True, check=True).stdout
    root = tool.path.parent / "root"
    assert said.splitlines() == [f"libraries {root}/lib/y:{root}/lib64:{root}/usr/lib/x program {root}/usr/bin/pahole",
                                 "<a b>", "<*>"]


@needs_dpkg
def test_fetch__keeps_versions_side_by_side_and_downloads_each_once(fake_apt):
    offer(fake_apt, "1.9-1")
    first = tools.fetch("pahole", progress=False)
    offer(fake_apt, "1.10-1")
    second = tools.fetch("pahole", progress=False)
    n_calls = (fake_apt / "calls").read_text().count(" download ")
    assert tools.fetch("pahole", progress=False) == second
    assert (fake_apt / "calls").read_text().count(" download ") == n_calls == 6
    assert tools.fetched() == [second, first] and first.path.is_file()


@needs_dpkg
@pytest.mark.parametrize(("loader", "words"), [("./lib64/other", "expected a loader, ld-linux"),
                                               ("./lib64/ld-linux.so.2", "")])
def test_fetch__leaves_nothing_of_what_cannot_be_started(fake_apt, cache_home, monkeypatch, loader, words):
    offer(fake_apt, loader=loader)
    if not words:
        monkeypatch.setitem(tools.TOOLS, "pahole", tools.TOOLS["pahole"]._replace(program="usr/bin/none"))
    with pytest.raises(KernelError, match=words or "expected usr/bin/none in the packages"):
        tools.fetch("pahole", progress=False)
    assert [path.name for path in (cache_home / "tools").iterdir()] == [".locks"] and tools.fetched() == []


@needs_dpkg
def test_fetch__refuses_a_package_that_is_not_what_the_lists_say(fake_apt, cache_home):
    offer(fake_apt)
    records = (fake_apt / "records").read_text()
    (fake_apt / "records").write_text(records.replace("SHA256: ", "SHA256: 0"))
    with pytest.raises(KernelError, match="the package lists say 0"):
        tools.fetch("pahole", progress=False)
    (fake_apt / "records").write_text("")
    with pytest.raises(KernelError, match="apt does not say what libc6 must look like"):
        tools.fetch("pahole", progress=False)
    assert tools.fetched() == []


@needs_dpkg
def test_fetch__sweeps_up_what_a_killed_process_left(fake_apt, cache_home):
    offer(fake_apt)
    left = cache_home / "tools" / ".partial-pahole_1.98-1_amd64.abc"
    left.mkdir(parents=True)
    tools.fetch("pahole", progress=False)
    assert not left.exists()


def test_starter__of_a_static_program_needs_no_loader(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "go").write_text("#!/bin/sh\necho \"$@\"\n")
    os.chmod(tmp_path / "root" / "go", 0o755)
    for kind, said in ((tools.Kind("go", (), "go", is_static=True), "a b\n"),
                       (tools.Kind("go", (), "go", script='cd "$root"; ls'), "go\n")):
        (tmp_path / "start").write_text(tools.starter(tmp_path / "root", kind))
        os.chmod(tmp_path / "start", 0o755)
        assert subprocess.run([tmp_path / "start", "a b"], capture_output=True, text=True, check=True).stdout == said
        with pytest.raises(KernelError, match="expected none in the packages"):
            tools.starter(tmp_path / "root", kind._replace(program="none"))
