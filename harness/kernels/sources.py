"""The machine's own apt sources, reduced to those of Debian that offer kernels, for any architecture and suite."""

from __future__ import annotations

import re

# Releases by their code names, oldest first, and the names that move from one to the next.
# Source: distro-info-data, debian.csv.
RELEASES = """buster bullseye bookworm trixie forky duke sid experimental oldoldstable oldstable stable testing
unstable""".split()
SUITE = re.compile(rf"({'|'.join(RELEASES)})(-security|-updates|-backports|-backports-sloppy|-proposed-updates)?")

ONE_LINE = re.compile(r"deb\s+(\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)")

# These decide for which architectures and in which languages apt asks; both are ours to decide.
DROPPED = re.compile(r"(arch|architectures|lang|languages|targets?)([-+].*)?", re.IGNORECASE)


def parse_deb822(text):
    """The stanzas of a ``.sources`` file.

    Parameters
    ----------
    text : str
        RFC 822-like paragraphs; lines that start with ``#`` are comments.

    Returns
    -------
    list of dict
        Field name as apt spells it (``Signed-By``) to value; a value's further lines keep their indentation.

    Notes
    -----
    Source: sources.list(5), DEB822-STYLE FORMAT, apt 2.6.
    """
    stanzas, current, field = [], {}, None
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if current:
                stanzas.append(current)
            current, field = {}, None
        elif line[0] in " \t":
            if field is not None:
                current[field] += "\n" + line.rstrip()
        else:
            name, colon, value = line.partition(":")
            field = _field_name(name) if colon else None
            if field is not None:
                current[field] = value.strip()
    return stanzas


def parse_one_line(text):
    """The ``deb`` lines of a ``.list`` file as stanzas, the same list of dict as `parse_deb822` gives.

    Notes
    -----
    Source: sources.list(5), ONE-LINE-STYLE FORMAT, apt 2.6.
    """
    stanzas = []
    for line in text.splitlines():
        match = ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if match is None:
            continue
        stanza = {"Types": "deb", "URIs": match["uri"], "Suites": match["suite"], "Components": match["components"]}
        for option in (match["options"] or "").split():
            name, _, value = option.partition("=")
            stanza[_field_name(name)] = value.replace(",", " ")
        stanzas.append(stanza)
    return stanzas


def _field_name(name):
    if name.strip().lower() == "uris":
        return "URIs"
    return "-".join(word.capitalize() for word in name.strip().split("-"))


def kernel_source(stanza, suite=None):
    """The part of a stanza that offers Debian's kernels, for any architecture; None if it offers none.

    Parameters
    ----------
    stanza : dict
        One of `parse_deb822` or `parse_one_line`.
    suite : str, optional
        Ask the same archive for this suite instead of the machine's own.

    Returns
    -------
    dict or None

    Notes
    -----
    Third-party repositories use Debian's suite names too but sign with a key of their own, and most answer for one
    architecture only; a stanza that names a key file not from Debian is left out. Security updates lie in an archive
    of their own, which has no other suites.
    """
    if "deb" not in stanza.get("Types", "").split() or stanza.get("Enabled", "yes").lower() in ("no", "false", "0"):
        return None
    suites = [suite for suite in stanza.get("Suites", "").split() if SUITE.fullmatch(suite)]
    uris = [uri for uri in stanza.get("Uris", stanza.get("URIs", "")).split() if not uri.startswith("cdrom:")]
    if not suites or not uris or "main" not in stanza.get("Components", "").split():
        return None
    signer = stanza.get("Signed-By", "")
    if signer.startswith("/") and "debian" not in signer.rpartition("/")[2]:
        return None
    if suite is not None:
        if any(one.endswith("-security") for one in suites) != suite.endswith("-security"):
            return None
        suites = [suite]
    kept = {name: value for name, value in stanza.items() if not DROPPED.fullmatch(name)}
    kept.update(Types="deb", URIs=" ".join(uris), Suites=" ".join(suites), Components="main")
    return kept


def kernel_sources(list_file, parts_directory, suite=None):
    """All of the machine's sources that offer Debian's kernels, as the text of one ``.sources`` file.

    Parameters
    ----------
    list_file, parts_directory : Path
        apt's ``Dir::Etc::sourcelist`` and ``Dir::Etc::sourceparts``; either may be missing.
    suite : str, optional
        Ask the same archives for this suite instead of the machine's own.

    Returns
    -------
    str
        Empty when there are none.

    Raises
    ------
    OSError
        A file exists but cannot be read.
    """
    files = [list_file, *sorted(parts_directory.glob("*.list")), *sorted(parts_directory.glob("*.sources"))]
    sources = []
    for path in files:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        parse = parse_deb822 if path.suffix == ".sources" else parse_one_line
        sources += [kept for stanza in parse(text) if (kept := kernel_source(stanza, suite)) and kept not in sources]
    return "\n".join("".join(f"{name}: {value}\n" for name, value in source.items()) for source in sources)
