"""The kernels known by name, read from ``data/kernels.toml``, and what a package's name says about it."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import KernelError
from harness.kernels import versions
from harness.kernels.sources import SUITE
from harness.paths import data_file

CATALOGUE = data_file("kernels.toml")

FIELDS = ("distribution", "series", "flavour", "architecture", "package")
OPTIONAL = ("suite", "pahole")

# Debian's flavours by the architecture they are built for; longer endings first. Source: the flavours under
# debian/config/ of Debian's linux source package, releases 12 and 13.
FLAVOUR_ENDINGS = (
    ("-amd64", "amd64"),
    ("-arm64-16k", "arm64"),
    ("-arm64", "arm64"),
    ("-armmp-lpae", "armhf"),
    ("-armmp", "armhf"),
    ("-686-pae", "i386"),
    ("-686", "i386"),
    ("-s390x", "s390x"),
    ("-powerpc64le-64k", "ppc64el"),
    ("-powerpc64le", "ppc64el"),
    ("-riscv64", "riscv64"),
    ("-rpi", "armel"),
    ("-marvell", "armel"),
)

PACKAGE_NAME = re.compile(r"(?P<package>linux-image-[a-z0-9][a-z0-9+.-]*)(:(?P<architecture>[a-z0-9][a-z0-9-]*))?")
SERIES = re.compile(r"\d+\.\d+")
# What surrounds the flavour in linux-image-6.1.0-56-rt-amd64-dbg and linux-image-6.12.117+deb12-rt-amd64-dbg.
ABI_AND_DBG = re.compile(r"^linux-image-[0-9.]+(\+[a-z0-9]+|-[0-9]+(\.[a-z0-9.]+)?)?-|-dbg$")


@dataclass(frozen=True)
class CatalogueEntry:
    """A kernel that can be asked for by name.

    Attributes
    ----------
    distribution, series, flavour : str
        For example ``debian``, ``6.12``, ``cloud``.
    architecture : str
        As dpkg spells it: ``amd64``, ``ppc64el``.
    package : str
        Regular expression that the whole package name must match.
    suite : str or None
        Where it is, as sid or trixie-backports; None for the machine's own suites.
    pahole : str or None
        Version of the pahole that wrote its .BTF section; None if it ships none.
    """

    distribution: str
    series: str
    flavour: str
    architecture: str
    package: str
    suite: str | None = None
    pahole: str | None = None

    @property
    def name(self) -> str:
        """What the entry is called on the command line."""
        return f"{self.distribution}-{self.series}-{self.flavour}-{self.architecture}"

    def matches(self, package: str, architecture: str | None = None) -> bool:
        """Whether a package, perhaps of a known architecture, is a version of this entry."""
        return architecture in (None, self.architecture) and re.fullmatch(self.package, package) is not None


def read(path: Path | None = None) -> tuple[list[CatalogueEntry], list[str]]:
    """The catalogue file: its entries and the names of the default ones, the preferred first.

    Parameters
    ----------
    path : Path, optional
        Another file than ``data/kernels.toml``.

    Returns
    -------
    tuple of (list of CatalogueEntry, list of str)

    Raises
    ------
    KernelError
        The file cannot be read, is not TOML, or an entry lacks a field or has an unknown one; a package is no regular
        expression, two entries have the same name, there is no default, or one is none of them.
    """
    path = CATALOGUE if path is None else path
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KernelError(f"the catalogue of kernels cannot be read: {error.strerror}", path=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KernelError(f"the catalogue of kernels is not TOML: {error}", path=path) from error
    entries = []
    for number, row in enumerate(content.get("kernel", []), 1):
        if (not isinstance(row, dict) or not set(FIELDS) <= set(row) <= {*FIELDS, *OPTIONAL}
                or not all(isinstance(row[key], str) for key in row)):
            raise KernelError(f"kernel {number} must have exactly the text fields {', '.join(FIELDS)}, and perhaps "
                              f"{', '.join(OPTIONAL)}", path=path)
        check_suite(row.get("suite"), path)
        try:
            re.compile(row["package"])
        except re.error as error:
            raise KernelError(f"kernel {number}: package is not a regular expression: {error}", path=path) from error
        entries.append(CatalogueEntry(**row))
    names = [entry.name for entry in entries]
    if len(set(names)) != len(names):
        raise KernelError("two kernels have the same name", path=path)
    defaults = content.get("default")
    if not isinstance(defaults, list) or not defaults or any(name not in names for name in defaults):
        raise KernelError(f"default is {defaults!r}: expected a list of names of kernels", path=path)
    return entries, defaults


def catalogue() -> list[CatalogueEntry]:
    """All kernels that can be asked for by name, in the order of ``data/kernels.toml``.

    Returns
    -------
    list of CatalogueEntry

    Raises
    ------
    KernelError
        The file cannot be used.
    """
    return read()[0]


def check_suite(suite: str | None, path: Path | None = None) -> None:
    """Raise a KernelError unless `suite` is None or a suite of Debian's; `path` is the file that names it."""
    if suite is not None and SUITE.fullmatch(suite) is None:
        raise KernelError(f"expected a suite of Debian such as sid or trixie-backports, found {suite!r}", path=path)


def default_names() -> list[str]:
    """Names of the kernels of which the first that can be had is used when none is asked for, list of str; errors as
    of `catalogue`."""
    return read()[1]


def default_name() -> str:
    """The first of `default_names`."""
    return default_names()[0]


def find(name: str) -> CatalogueEntry | None:
    """The entry called `name`, or None."""
    return next((entry for entry in catalogue() if entry.name == name), None)


def entry_of(package: str, architecture: str | None = None) -> CatalogueEntry | None:
    """The first entry whose pattern `package` matches, or None."""
    return next((entry for entry in catalogue() if entry.matches(package, architecture)), None)


def pahole_of(provenance: dict[str, Any]) -> str | None:
    """Version of the pahole that wrote the .BTF section of a kernel with this provenance; None if that is not known or
    there is none."""
    if "pahole" in provenance:  # it was built here
        return provenance["pahole"]
    entry = entry_of(provenance.get("package", ""), provenance.get("architecture"))
    return None if entry is None else entry.pahole


def split_package(text: str) -> tuple[str, str] | None:
    """Package name and architecture meant by ``package`` or ``package:architecture``.

    Parameters
    ----------
    text : str
        For example ``linux-image-6.1.0-50-armmp-dbg``; the architecture is then deduced from the flavour.

    Returns
    -------
    tuple of (str, str), or None when `text` does not look like a kernel's package

    Raises
    ------
    KernelError
        It is a kernel's package without debug information, or its architecture cannot be deduced.
    """
    match = PACKAGE_NAME.fullmatch(text)
    if match is None:
        return None
    package, architecture = match["package"], match["architecture"]
    if not package.endswith("-dbg"):
        raise KernelError(f"{package} holds no debug information; the package that does ends in -dbg: {package}-dbg")
    entry = entry_of(package, architecture)
    if architecture is None and entry is not None:
        architecture = entry.architecture
    if architecture is None:
        flavoured = package.removesuffix("-dbg")
        architecture = next((found for ending, found in FLAVOUR_ENDINGS if flavoured.endswith(ending)), None)
    if architecture is None:
        raise KernelError(f"the name does not say the architecture; write {package}:<architecture>, as dpkg spells it")
    return package, architecture


def describe(package: str, version: str, architecture: str) -> dict[str, str]:
    """Distribution, series and flavour of a package, a dict: the catalogue's words, else those in its name.

    Parameters
    ----------
    package, version, architecture : str
        As dpkg knows them.
    """
    entry = entry_of(package, architecture)
    if entry is not None:
        return {"distribution": entry.distribution, "series": entry.series, "flavour": entry.flavour}
    flavour = ABI_AND_DBG.sub("", package).removesuffix(architecture).removesuffix("-")
    series = SERIES.match(versions.split(version)[1])
    return {
        "distribution": "debian",  # only Debian's own sources are asked
        "series": series.group() if series else versions.split(version)[1],
        "flavour": flavour or "generic",
    }


def label(provenance: dict[str, Any]) -> str:
    """What results call a fetched kernel, from its real version: ``debian-6.12.117-cloud-amd64``."""
    upstream = versions.split(provenance["version"])[1]
    return f"{provenance['distribution']}-{upstream}-{provenance['flavour']}-{provenance['architecture']}"


def near(text: str, names: Sequence[str]) -> str:
    """A clause that lists the names closest to `text`, or all of them when none is close and they are few."""
    close = difflib.get_close_matches(text, names, n=4, cutoff=0.5)
    if close:
        return f"similar names: {', '.join(close)}"
    if names and len(names) <= 20:
        return f"known names: {', '.join(names)}"
    return "no name is similar"
