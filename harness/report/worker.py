"""A second process for what a report can do at the same time: drawing, and asking the witnesses.

Both are Python that holds the interpreter's lock, so a thread would not help. The process is spawned, not forked: the
walk's threads may hold locks. Results do not depend on it.
"""

from __future__ import annotations

from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager


class Here:
    """An executor that calls at once, in this process."""

    def submit(self, function, *args):
        """The Future of function(*args), done."""
        future = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:  # as a pool does: for whoever asks for the result
            future.set_exception(error)
        return future


@contextmanager
def worker(threads):
    """An executor with one other process, or Here if `threads` is 1.

    The process begins by importing what it will need, so it is best made early. A block that ends with an exception
    does not wait for what the process is doing.
    """
    if threads < 2:
        yield Here()
        return
    import multiprocessing

    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    others = multiprocessing.active_children()
    try:
        pool.submit(_warm)
        yield pool
    except BaseException:
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent():
    """Leave no process behind when a run is killed: it would wait for work for ever, holding both ends of its pipe."""
    import os
    import signal
    import sys
    import threading
    from multiprocessing import connection, parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the parent, which ends us
    # as an exception, so that a witness which is being asked is ended as well
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    def watch():
        connection.wait([parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _warm():
    import matplotlib.backends.backend_agg
    import matplotlib.figure
    import pandas

    from harness import measure, witnesses
    from harness.report import plots

    return matplotlib, pandas, measure, witnesses, plots
