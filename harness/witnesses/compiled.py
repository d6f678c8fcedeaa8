"""Readers that are compiled here: a small program with each fetched version of a library, kept in the cache."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from harness.kernels import cache, tools
from harness.witnesses.consumer import Version
from harness.witnesses.program import last_lines, run

BUILD_TIMEOUT_S = 800
"""Go compiles its own library too, half a minute of one core."""


def versions_of(tool, language, reader, number, missing=lambda: ""):
    """The Versions of a library: each that `btf-harness tools` has fetched, its reader compiled.

    Parameters
    ----------
    tool : str
        Its name in harness.kernels.tools.
    language : str
        What it is a library of.
    reader : callable
        (Tool) -> path of the compiled reader; raises OSError where it cannot be compiled.
    number : callable
        (version of the package) -> that of the library.
    missing : callable
        () -> what is missing to compile anything, '' if nothing is.
    """
    found = [one for one in reversed(tools.fetched()) if one.name == tool]
    if not found:
        return [Version("", None, f"no {language} library is fetched; `btf-harness tools {tool} --suite SUITE` fetches "
                                  "one")]
    return [_version(one, reader, number(one.version), missing()) for one in found]


def _version(tool, reader, number, missing):
    if missing:
        return Version(number, None, missing)
    try:
        return Version(number, reader(tool))
    except OSError as error:
        return Version(number, None, f"its reader cannot be compiled: {error}")


def compiled(tool, source, build):
    """Path of a reader, compiled once and kept in the cache under its tool and a hash of its source.

    Parameters
    ----------
    tool : Tool
    source : bytes
        All that is compiled, but the library.
    build : callable
        (folder) -> (path of what is compiled, arguments of the tool, environment): it puts the source into the folder.

    Raises
    ------
    OSError
        It cannot be compiled.
    """
    kept = cache.root() / "consumers" / f"{tool.path.parent.name}_{hashlib.sha256(source).hexdigest()[:12]}"
    if kept.is_file():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        out, arguments, environment = build(Path(folder))
        status, said, stderr = run(tool.path, *arguments, timeout_s=BUILD_TIMEOUT_S, environment=environment)
        if status != 0:
            raise OSError(last_lines(stderr or said, folder) or f"{tool.path.name}: {status}")
        os.replace(out, kept)
    return kept
