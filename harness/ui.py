"""Progress of a long run, on stderr: bars on a terminal, else one line per stage."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack

from harness.errors import visible


class Progress:
    """Shows the stages of a run; same interface as harness.run.Silent. A context manager.

    Parameters
    ----------
    title : str
        What is being worked on.
    """

    def __init__(self, title):
        self._title = title
        self._bar = None
        self._task = None
        self._stage = None
        self._stack = ExitStack()

    def __enter__(self):
        from harness import accelerate

        self._tty = sys.stderr.isatty()
        if self._tty:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("  {task.description:<28}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
                       TimeElapsedColumn())
            self._bar = self._stack.enter_context(Progress(*columns, console=Console(stderr=True)))
        self._say(self._title)
        if accelerate.first_run():
            self._say("  compiling kernels for the first time (about a minute; later runs start warm)"
                      if accelerate.CACHED else
                      f"  compiling kernels (about a minute, on every run: {os.environ['NUMBA_CACHE_DIR']} "
                      "is not writable)")
        return self

    def __exit__(self, *exc):
        self.done()
        self._stack.close()

    def _say(self, text):
        text = visible(text)
        if self._bar:
            self._bar.console.print(text, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def stage(self, text):
        """Begin a stage; returns a callable (done, total)."""
        self.done()
        self._stage = text, time.monotonic()
        if not self._bar:
            return lambda done, total: None
        task = self._bar.add_task(text, total=None)
        self._task = task
        return lambda done, total: self._bar.update(task, completed=done, total=total)

    def done(self):
        """End the last stage."""
        if self._stage is None:
            return
        text, began = self._stage
        if self._bar:
            total = self._bar.tasks[-1].total or 1
            self._bar.update(self._task, completed=total, total=total)
        else:
            self._say(f"  {text}: {time.monotonic() - began:.1f} s")
        self._stage = None
