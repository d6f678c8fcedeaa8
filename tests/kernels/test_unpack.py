"""The vmlinux out of handmade packages, with dpkg-deb and without."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile

import pytest
from debian_packages import MEMBER, make_deb, make_elf

from harness.errors import KernelError
from harness.kernels import unpack

ELF = make_elf(padding=3 << 19)


@pytest.fixture(params=["dpkg-deb", "python"])
def reader(request, monkeypatch):
    """Both ways to read a package."""
    if request.param == "python":
        monkeypatch.setattr(unpack.shutil, "which", lambda tool: None)
    elif shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed")
    return request.param


@pytest.mark.parametrize("compression", ["xz", "zst", "lzma"])
def test_unpack__writes_the_vmlinux_only(tmp_path, reader, compression):
    files = {"./usr/share/doc/x": b"x", "./usr/lib/debug/lib/modules/6.1/vmlinux": None, MEMBER: ELF}
    files |= {"./usr/lib/debug/lib/modules/6.1/kernel/x.ko": os.urandom(1 << 20)}
    deb = make_deb(tmp_path / "x.deb", files, compression)
    unpacked = unpack.unpack_vmlinux(deb, tmp_path / "out", progress=False)
    assert (tmp_path / "out").read_bytes() == ELF
    assert unpacked == unpack.Unpacked(MEMBER.removeprefix("./"), len(ELF), hashlib.sha256(ELF).hexdigest())


def test_unpack__stops_reading_after_the_vmlinux(tmp_path, monkeypatch):
    """What follows may even be damaged: it is never looked at."""
    monkeypatch.setattr(unpack.shutil, "which", lambda tool: None)
    deb = make_deb(tmp_path / "x.deb", {MEMBER: ELF, "./z": os.urandom(2 << 20)})
    os.truncate(deb, deb.stat().st_size - (1 << 20))
    assert unpack.unpack_vmlinux(deb, tmp_path / "out", progress=False).size == len(ELF)


@pytest.mark.parametrize("compression", ["xz", "zst"])
def test_unpack__a_truncated_package_is_an_error(tmp_path, reader, compression):
    whole = make_deb(tmp_path / "x.deb", {MEMBER: ELF[:-4096] + os.urandom(1 << 20)}, compression)
    for nbytes in (0, 5, 30, 100, whole.stat().st_size // 2, whole.stat().st_size - (1 << 19)):
        broken = tmp_path / "broken.deb"
        broken.write_bytes(whole.read_bytes()[:nbytes])
        with pytest.raises(KernelError, match=r"broken\.deb"):
            unpack.unpack_vmlinux(broken, tmp_path / "out", progress=False)


def test_unpack__a_corrupted_package_is_an_error(tmp_path, reader):
    content = bytearray(make_deb(tmp_path / "x.deb", {MEMBER: ELF[:1000] + os.urandom(1 << 20)}).read_bytes())
    content[len(content) // 2] ^= 0xFF
    broken = tmp_path / "broken.deb"
    broken.write_bytes(content)
    with pytest.raises(KernelError, match="damaged"):
        unpack.unpack_vmlinux(broken, tmp_path / "out", progress=False)


@pytest.mark.parametrize(
    "files, message",
    [
        ({"./usr/share/doc/x": b"x"}, "holds no usr/lib/debug/boot/vmlinux-"),
        ({MEMBER: None}, "holds no usr/lib/debug/boot/vmlinux-"),
        ({MEMBER: b"MZ" * 100}, "is not an ELF file"),
        ({MEMBER: b""}, "ends after 0 of 0"),
    ],
)
def test_unpack__a_package_without_kernel_is_an_error(tmp_path, reader, files, message):
    deb = make_deb(tmp_path / "x.deb", files)
    with pytest.raises(KernelError, match=message):
        unpack.unpack_vmlinux(deb, tmp_path / "out", progress=False)


def test_unpack__says_when_the_disk_is_too_small(tmp_path, monkeypatch):
    deb = make_deb(tmp_path / "x.deb", {MEMBER: ELF})
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(unpack.shutil, "disk_usage", lambda path: usage._replace(free=1 << 20))
    with pytest.raises(KernelError, match="needs 1.5 MiB but only 1.0 MiB are free"):
        unpack.unpack_vmlinux(deb, tmp_path / "out", progress=False)


def test_unpack__plain_lines_when_not_on_a_terminal(tmp_path, capsys):
    deb = make_deb(tmp_path / "x.deb", {MEMBER: ELF})
    unpack.unpack_vmlinux(deb, tmp_path / "out")
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split()[:2] for line in err.splitlines()] == [["unpacking", "x.deb"], ["unpacked", "x.deb"]]


def test_unpack__a_dictionary_of_gigabytes_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack.shutil, "which", lambda tool: None)
    deb = make_deb(tmp_path / "x.deb", {MEMBER: ELF}, "lzma")
    content = bytearray(deb.read_bytes())
    at = content.index(b"data.tar.lzma") + 60  # properties, then the dictionary's size in four bytes
    content[at + 1 : at + 5] = b"\xff\xff\xff\xff"
    deb.write_bytes(content)
    with pytest.raises(KernelError, match="the package is damaged: Memory usage limit"):
        unpack.unpack_vmlinux(deb, tmp_path / "out", progress=False)


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_unpack__a_header_of_gigabytes_is_an_error(tmp_path, reader, monkeypatch, kind):
    import debian_packages

    whole = debian_packages.make_tar({MEMBER: ELF})
    header = tarfile.TarInfo("header")
    header.type, header.size = kind, 5 << 30
    monkeypatch.setattr(debian_packages, "make_tar", lambda files: header.tobuf() + whole)
    deb = make_deb(tmp_path / "x.deb", {MEMBER: ELF})
    with pytest.raises(KernelError, match="the package is damaged: a header of 5368709120 bytes"):
        unpack.unpack_vmlinux(deb, tmp_path / "out", progress=False)
