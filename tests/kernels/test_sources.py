"""Which of a machine's apt sources are used, and how."""

from __future__ import annotations

from harness.kernels import sources

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.invalid/debian
Suites: bookworm bookworm-updates third-party
Components: main contrib
Architectures: amd64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://vendor.invalid/apt
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg

Enabled: no
Types: deb
URIs: http://mirror.invalid/debian
Suites: bookworm-backports
Components: main

types: deb
uris: http://mirror.invalid/debian-security
suites: bookworm-security
components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
"""

ONE_LINE = """\
deb cdrom:[Debian]/ bookworm main
deb [ arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] http://mirror.invalid/debian trixie main # x
deb-src http://mirror.invalid/debian trixie main
deb http://vendor.invalid/apt nodistro main
deb http://vendor.invalid/ubuntu jammy main
deb http://vendor.invalid/debian bookworm stable
deb http://vendor.invalid/flat ./
"""


def test_kernel_sources__keeps_debians_and_drops_architectures(tmp_path):
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text(ONE_LINE)
    (parts / "debian.sources").write_text(DEB822)
    (parts / "off.sources.disabled").write_text(DEB822.replace("bookworm", "sid"))
    assert sources.kernel_sources(tmp_path / "sources.list", parts) == (
        "Types: deb\nURIs: http://mirror.invalid/debian\nSuites: trixie\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        "\n"
        "Types: deb\nURIs: http://mirror.invalid/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        "\n"
        "Types: deb\nURIs: http://mirror.invalid/debian-security\nSuites: bookworm-security\nComponents: main\n"
        "Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
    )


def test_kernel_sources__is_empty_without_any(tmp_path):
    assert sources.kernel_sources(tmp_path / "sources.list", tmp_path / "none") == ""


def test_kernel_sources__of_another_suite_asks_the_same_archive_once(tmp_path):
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text(ONE_LINE)
    (parts / "debian.sources").write_text(DEB822)
    assert sources.kernel_sources(tmp_path / "sources.list", parts, "sid") == (
        "Types: deb\nURIs: http://mirror.invalid/debian\nSuites: sid\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )
    security = sources.kernel_sources(tmp_path / "none", parts, "trixie-security")
    assert "debian-security\nSuites: trixie-security\n" in security and security.count("URIs") == 1
