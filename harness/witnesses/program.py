"""Installed programs: where they are, and what they answer."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile

TIMEOUT_S = 120


def find_program(name):
    """The path of a program in PATH or in the folders for root's programs (sbin), str, or None."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which(name, path=places)


def not_installed(name, package):
    """Why a program cannot be asked, str; `package` is Debian's."""
    return f"{name} is not installed (package {package})"


def run(program, *arguments, output=True):
    """Run a program to its end: (exit status, or a str that says why there is none; stdout; stderr), the latter str.

    Standard output goes into a file, or with output=False nowhere: bpftool writes each line by itself, and a reader at
    the other end of a pipe would be woken for each of half a million.
    """
    try:
        with tempfile.TemporaryFile() as out:
            done = subprocess.run([program, *map(str, arguments)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  stdout=out if output else subprocess.DEVNULL, timeout=TIMEOUT_S, check=False,
                                  env={**os.environ, "LC_ALL": "C"})
            out.seek(0)
            stdout = out.read()
    except subprocess.TimeoutExpired:
        return f"timed out after {TIMEOUT_S} s", "", ""
    except OSError as error:
        return f"cannot be run: {error.strerror}", "", ""
    return done.returncode, stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
