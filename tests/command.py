"""The command line from tests: within this process, or as one of its own where that is the point.

A process of its own costs a second, most of it imports.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

ROOT = Path(__file__).resolve().parents[1]


def process(*args, **options):
    """The command line as a process: a CompletedProcess; `options` of subprocess.run."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", "harness", *map(str, args)], capture_output=True, text=True, env=env,
                          timeout=300, **options)


def cli(*args):
    """The same from `harness.cli.main`, called here."""
    from harness.cli import main

    out, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(errors):
        try:
            code = main([*map(str, args)])
        except SystemExit as end:  # argparse on what it does not know
            code = end.code
    return CompletedProcess(args, code, *(stream.buffer.getvalue().decode() for stream in (out, errors)))


def has_ended(path):
    """Whether the process of the id in a file ends soon; who reaps it does not matter."""
    stat = f"/proc/{path.read_text().strip()}/stat"
    for _ in range(100):
        try:
            with open(stat) as file:
                if file.read().split(") ")[-1][0] in "ZX":
                    return True
        except OSError:
            return True
        time.sleep(0.05)
    return False
