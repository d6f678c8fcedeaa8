"""Installed programs: where they are, and what they answer."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from harness import btf
from harness.model import Kind, StringTable, TypeTable, info_word
from harness.results.executed import ACCEPTED, FAILED, PARTLY, REFUSED
from harness.witnesses.consumer import Answer, Version
from harness.witnesses.keeping import identity, once

TIMEOUT_S = 120

LONG_TIMEOUT_S = 240

TINY_STRUCT = "btf_harness_8"
"""Its name ends in a digit, for harness.witnesses.llvm."""

READS = "reads BTF"

VERSIONS = "consumer-versions"
"""Folder of the cache, of what is known of each version of a program."""


def find_program(name):
    """The path of a program in PATH or in the folders for root's programs (sbin), str, or None."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which(name, path=places)


def not_installed(name, package):
    """Why a program cannot be asked, str; `package` is Debian's."""
    return f"{name} is not installed (package {package})"


def fetched(tool, installed, number, package, start=lambda path: path):
    """The Versions of a program: the installed one, and those that `btf-harness tools` has fetched.

    Parameters
    ----------
    tool : str
        Its name in harness.kernels.tools.
    installed : str or None
        Path of the installed one.
    number : callable
        (how) -> its version, str; a version that is there twice is asked once.
    package : str
        Debian's, to install.
    start : callable
        (path of a fetched tool's script) -> what to start.

    Returns
    -------
    list of Version
        The oldest first; one that says what to do, if there is none.
    """
    from harness.kernels import tools

    paths = [installed] if installed else []
    paths += [start(one.path) for one in reversed(tools.fetched()) if one.name == tool]
    found = {}
    for path in paths:
        found.setdefault(numbered(tool, path, number), path)
    if not found:
        return [Version("", None, f"{not_installed(tool, package)}; `btf-harness tools {tool} --suite SUITE` fetches "
                                  "one")]
    return [Version(version, path) for version, path in sorted(found.items(), key=lambda item: _digits(item[0]))]


def numbered(tool, path, number):
    """The version of a program, str, asked once: number(path); '' or what has a '?' is not known and not kept."""
    here = identity(path)
    return once(VERSIONS, here and ["version", tool, here], lambda: number(path),
                lambda said: isinstance(said, str) and said != "" and "?" not in said)


def only_reading(version, tool, reads):
    """A Version, with the reason why it cannot be asked if it has no reader of BTF.

    Parameters
    ----------
    version : Version
    tool : str
        Its name.
    reads : callable
        (how) -> READS, the reason, or '' if there is no telling; asked once.
    """
    if version.missing:
        return version
    said = numbered(f"reader of {tool}", version.how, reads)
    return version if said == READS else version._replace(missing=said)


def _digits(version):
    return [int(part) for part in re.findall(r"\d+", version)]


def run(program, *arguments, output=True, environment=None, timeout_s=None):
    """Run a program to its end: (exit status, or a str that says why there is none; stdout; stderr), the latter str.

    Standard output goes into memory, or with output=False nowhere: bpftool writes each line by itself, and a reader at
    the other end of a pipe would be woken for each of half a million. A file on a full disk would end early, unnoticed.
    """
    timeout_s = TIMEOUT_S if timeout_s is None else timeout_s
    try:
        with open(os.memfd_create("answer"), "w+b") as out:
            done = subprocess.run([program, *map(str, arguments)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  stdout=out if output else subprocess.DEVNULL, timeout=timeout_s, check=False,
                                  env={**os.environ, "LC_ALL": "C", **(environment or {})})
            out.seek(0)
            stdout = out.read()
    except subprocess.TimeoutExpired:
        return f"timed out after {timeout_s} s", "", ""
    except OSError as error:
        return f"cannot be run: {error.strerror}", "", ""
    return done.returncode, stdout.decode("utf-8", "surrogateescape"), done.stderr.decode("utf-8", "replace")


def run_long(program, *arguments, environment=None):
    """As `run`, for consumers, one of which takes 14 s of a core for a kernel and more on a busy machine."""
    return run(program, *arguments, environment=environment, timeout_s=LONG_TIMEOUT_S)


def ended(status, stderr, path):
    """The Answer of a program that ended with an exit status other than 0: it refused the file, or failed.

    Parameters
    ----------
    status : int or str
        As `run` gives it.
    stderr : str
    path : Path
        Of the file, which its name stands for.
    """
    words = last_lines(stderr, path)
    if isinstance(status, str):
        return Answer(FAILED, status)
    if status < 0:
        return Answer(FAILED, f"killed by {signal.Signals(-status).name}{f': {words}' if words else ''}")
    return Answer(REFUSED, words or f"exit {status}")


CRASH = re.compile(r"killed by SIG(SEGV|BUS|FPE|ILL|ABRT)\b")
"""Words of a program that its own code ended, as it will again; who lacks memory or time is killed by others."""


def crashed(message):
    """Whether a program crashed, by the message of its Answer."""
    return CRASH.match(message) is not None


def in_part(answer, what, seen, note=""):
    """The Answer of a program that took a file, where another of its operations did not.

    Parameters
    ----------
    answer : Answer
        Of that operation, as from `ended`.
    what : str
        Its name.
    seen, note
        Of the operations that worked, as in an Answer.
    """
    refused = answer.verdict == REFUSED
    return Answer(PARTLY if refused else answer.verdict, f"{what}: {answer.message}", seen if refused else {}, note)


@contextmanager
def tiny_file():
    """The Path of a .btf file of an int and a struct of one, TINY_STRUCT, that is there for a block."""
    text = f"\0int\0{TINY_STRUCT}\0member\0".encode()
    names = [text.index(name) for name in (b"int", TINY_STRUCT.encode(), b"member")]
    words = [names[0], info_word(Kind.INT), 4, 32, names[1], info_word(Kind.STRUCT, 1), 4, names[2], 1, 0]
    types = TypeTable(np.array(words, np.uint32), np.array([0, 0, 4, 10], np.int64))
    with tempfile.TemporaryDirectory(prefix="btf-harness-") as folder:
        path = Path(folder, "tiny.btf")
        path.write_bytes(btf.encode(types, StringTable(np.frombuffer(text, np.uint8)), byteorder=sys.byteorder))
        yield path


def as_counts(out):
    """The Answer of a program that printed what it found: JSON, counts by name by what they are of."""
    try:
        return Answer(ACCEPTED, seen={what: Counter(counts) for what, counts in json.loads(out).items()})
    except (ValueError, AttributeError, TypeError) as error:
        return Answer(FAILED, f"expected counts as JSON, found {out[:40]!r}: {error}")


def last_lines(text, path, n=2):
    """The last distinct lines of what a program said that are not blank, with a file's name for its path, str."""
    lines = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    return "; ".join(lines[-n:]).replace(str(path), Path(path).name)
