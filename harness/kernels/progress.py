"""How far a download or unpacking has got: a bar on a terminal, else one line at its start and one at its end."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager


def say(text, enabled=True):
    """Print one line on stderr, where it does not mix with results."""
    if enabled:
        print(text, file=sys.stderr, flush=True)


def mebibytes(nbytes):
    """A size for people: ``303.1 MiB``."""
    return f"{nbytes / (1 << 20):.1f} MiB"


@contextmanager
def step(doing, done, what, total, enabled=True):
    """Show one piece of work; yields a function to call with the number of bytes that are finished.

    Parameters
    ----------
    doing, done : str
        The verb while it goes on and afterwards, ``unpacking`` and ``unpacked``.
    what : str
        The object of the verb.
    total : int
        Bytes.
    enabled : bool
        False for silence.
    """
    if enabled and sys.stderr.isatty():
        # Imported late: most commands never fetch anything.
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.progress import TransferSpeedColumn as Speed

        # Package names are long: on the bar's own line they would leave no room for the figures.
        say(f"{doing} {what}")
        columns = (TextColumn("  "), BarColumn(), DownloadColumn(binary_units=True), Speed(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(doing, total=total)
            yield lambda nbytes: bar.update(task, completed=nbytes)
        return
    started = time.monotonic()
    say(f"{doing} {what} ({mebibytes(total)})", enabled)
    yield lambda nbytes: None
    say(f"{done} {what} in {time.monotonic() - started:.1f} s", enabled)
