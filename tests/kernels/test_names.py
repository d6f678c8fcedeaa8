"""Names of kernels, of packages, and the order of versions."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from harness.errors import KernelError
from harness.kernels import apt, names, versions

ORDERED = """0~ 0 0-1 0a 0+a 1.0~rc1 1.0 1.0-1~bpo12+1 1.0-1 1.0-1+deb12u1 1.0a 1.0.1 1.9 1.10
6.1.0-9 6.1.0-56 6.1.174-1 6.1.192-1 6.1.192-2 6.12.9-1~bpo12+1 6.12.9-1 6.12.117-1~deb12u1 1:0.1""".split()

ENTRY = "[[kernel]]\n" + "".join(f'{field} = "x"\n' for field in names.FIELDS)


def test_catalogue__has_the_default_and_every_promised_architecture():
    entries = names.catalogue()
    assert names.default_names() == ["debian-7.3-cloud-amd64", "debian-6.12-cloud-amd64"]
    assert names.default_name() == "debian-7.3-cloud-amd64"
    assert {entry.architecture for entry in entries} == {"amd64", "arm64", "s390x", "armhf", "ppc64el", "i386",
                                                         "riscv64", "loong64"}
    assert names.find("debian-6.12-cloud-amd64").series == "6.12"
    assert names.find("debian-0.1-cloud-amd64") is None


@pytest.mark.parametrize(
    "package, name",
    [
        ("linux-image-6.12.117+deb12-cloud-amd64-dbg", "debian-6.12-cloud-amd64"),
        ("linux-image-7.3.4+deb13-cloud-amd64-dbg", "debian-7.3-cloud-amd64"),
        ("linux-image-7.3.4+deb13-amd64-dbg", "debian-7.3-generic-amd64"),
        ("linux-image-7.3.4+deb13-cloud-arm64-dbg", "debian-7.3-cloud-arm64"),
        ("linux-image-7.2.13+deb14-cloud-amd64-dbg", "debian-7.2-cloud-amd64"),
        ("linux-image-7.2.13+deb14-powerpc64le-dbg", "debian-7.2-generic-ppc64el"),
        ("linux-image-7.2.13+deb14-riscv64-dbg", "debian-7.2-generic-riscv64"),
        ("linux-image-7.2.13+deb14-loong64-dbg", "debian-7.2-generic-loong64"),
        ("linux-image-6.12.117+deb13-cloud-amd64-dbg", "debian-trixie-6.12-cloud-amd64"),
        ("linux-image-6.12.117+deb12-amd64-dbg", "debian-6.12-generic-amd64"),
        ("linux-image-6.1.0-56-cloud-amd64-dbg", "debian-6.1-cloud-amd64"),
        ("linux-image-6.1.0-56-amd64-dbg", "debian-6.1-generic-amd64"),
        ("linux-image-6.12.117+deb12-cloud-arm64-dbg", "debian-6.12-cloud-arm64"),
        ("linux-image-6.1.0-50-s390x-dbg", "debian-6.1-generic-s390x"),
        ("linux-image-6.1.0-56-armmp-dbg", "debian-6.1-armmp-armhf"),
        ("linux-image-6.1.0-56-686-pae-dbg", "debian-6.1-686-pae-i386"),
        ("linux-image-6.1.0-56-powerpc64le-dbg", "debian-6.1-generic-ppc64el"),
    ],
)
def test_catalogue__each_pattern_matches_its_packages_and_no_others(package, name):
    assert [entry.name for entry in names.catalogue() if entry.matches(package)] == [name]


@pytest.mark.parametrize("package", ["linux-image-7.2.13+deb14-powerpc64le-64k-dbg", "linux-image-x",
                                     "linux-image-6.1.0-56-rt-amd64-dbg", "linux-image-amd64-dbg"])
def test_catalogue__leaves_other_flavours_alone(package):
    assert names.entry_of(package) is None


@pytest.mark.parametrize(
    "text, message",
    [
        ("kernel = [", "not TOML"),
        ('default = "x"', "default is 'x': expected a list of names of kernels"),
        ('default = []', "expected a list"),
        ('default = ["x"]', "expected a list of names of kernels"),
        ('[[kernel]]\nseries = "1"', "kernel 1 must have"),
        ("kernel = [1]", "kernel 1 must have"),
        (ENTRY + 'suite = 13', "kernel 1 must have"),
        (ENTRY + 'release = "sid"', "kernel 1 must have"),
        (ENTRY + 'suite = "nodistro"', "expected a suite of Debian such as sid or trixie-backports, found 'nodistro'"),
    ],
)
def test_catalogue__a_wrong_file_is_one_error(tmp_path, text, message):
    path = tmp_path / "kernels.toml"
    path.write_text(text)
    with pytest.raises(KernelError, match=message) as caught:
        names.read(path)
    assert str(path) in str(caught.value)


def test_catalogue__a_missing_file_is_an_error(tmp_path):
    with pytest.raises(KernelError, match="cannot be read"):
        names.read(tmp_path / "none")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("linux-image-6.1.0-50-armmp-dbg", ("linux-image-6.1.0-50-armmp-dbg", "armhf")),
        ("linux-image-6.1.0-50-rt-686-pae-dbg", ("linux-image-6.1.0-50-rt-686-pae-dbg", "i386")),
        ("linux-image-6.1.0-50-powerpc64le-dbg", ("linux-image-6.1.0-50-powerpc64le-dbg", "ppc64el")),
        ("linux-image-6.1-x-dbg:riscv64", ("linux-image-6.1-x-dbg", "riscv64")),
        ("vmlinux", None),
    ],
)
def test_split_package__knows_the_architecture(text, expected):
    assert names.split_package(text) == expected


def test_split_package__says_what_to_write_instead():
    with pytest.raises(KernelError, match="linux-image-6.1.0-50-amd64-dbg$"):
        names.split_package("linux-image-6.1.0-50-amd64")
    with pytest.raises(KernelError, match="linux-image-6.1-x-dbg:<architecture>"):
        names.split_package("linux-image-6.1-x-dbg")


@pytest.mark.parametrize(
    "package, version, architecture, label",
    [
        ("linux-image-6.12.117+deb12-cloud-amd64-dbg", "6.12.117-1~deb12u1", "amd64", "debian-6.12.117-cloud-amd64"),
        ("linux-image-6.12.117+deb12-rt-amd64-dbg", "6.12.117-1~deb12u1", "amd64", "debian-6.12.117-rt-amd64"),
        ("linux-image-6.1.0-50-s390x-dbg", "6.1.176-1", "s390x", "debian-6.1.176-generic-s390x"),
        ("linux-image-6.1.0-56-686-dbg", "6.1.192-2", "i386", "debian-6.1.192-686-i386"),
        ("linux-image-6.1.0-0.deb11.7-arm64-dbg", "6.1.20-2~bpo11+1", "arm64", "debian-6.1.20-generic-arm64"),
    ],
)
def test_label__is_made_from_the_real_version(package, version, architecture, label):
    facts = names.describe(package, version, architecture)
    assert names.label({**facts, "version": version, "architecture": architecture}) == label
    assert label.startswith(f"debian-{facts['series']}.")


def test_versions__follow_debians_order():
    for left, right in zip(ORDERED, ORDERED[1:], strict=False):
        assert versions.compare(left, right) < 0 < versions.compare(right, left), (left, right)
    assert sorted(reversed(ORDERED), key=versions.sort_key) == ORDERED
    assert versions.compare("1.01-0", "1.1") == 0


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is the oracle here")
def test_versions__agree_with_dpkg():
    for left, right in zip(ORDERED, ORDERED[1:], strict=False):
        assert subprocess.run(["dpkg", "--compare-versions", left, "lt", right]).returncode == 0, (left, right)


def test_newest__takes_the_highest_version_then_the_highest_abi():
    def candidate(package, version):
        return apt.Candidate(package, version, "amd64", 1, "")

    offered = [
        candidate("linux-image-6.1.0-9-amd64-dbg", "6.1.27-1"),
        candidate("linux-image-6.1.0-56-amd64-dbg", "6.1.192-2"),
        candidate("linux-image-6.1.0-100-amd64-dbg", "6.1.192-2"),
        candidate("linux-image-6.1.0-55-amd64-dbg", "6.1.192-1"),
    ]
    assert apt.newest(offered).package == "linux-image-6.1.0-100-amd64-dbg"
    assert apt.newest(reversed(offered)).package == "linux-image-6.1.0-100-amd64-dbg"
    assert apt.newest([]) is None


def test_parse_records__leaves_out_what_cannot_be_checked():
    text = (
        "Package: a\nVersion: 1\nArchitecture: s390x\nDescription: x\n Size: 9\nSize: 5\nSHA256: ff\n\n"
        "Package: b\nVersion: 1\nArchitecture: s390x\nSize: 5\n\n"
        "Package: c\nVersion: 1\nArchitecture: amd64\nSize: 5\nSHA256: ff\n"
    )
    assert apt.parse_records(text, "s390x") == [apt.Candidate("a", "1", "s390x", 5, "ff")]


def test_near__lists_close_names_else_all():
    known = [entry.name for entry in names.catalogue()]
    assert "debian-6.12-cloud-amd64" in names.near("debian-6.12-cloud-amd46", known)
    assert re.match("known names: debian-7.3-cloud-amd64, ", names.near("zzz", known))
    assert names.near("zzz", []) == "no name is similar"
