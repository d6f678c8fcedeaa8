"""A second process for what a report can do at the same time: drawing, and asking the witnesses.

Both are Python that holds the interpreter's lock, so a thread would not help. The process is spawned, not forked: the
walk's threads may hold locks. Results do not depend on it.
"""

from __future__ import annotations

from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager

from harness.process import ended, undisturbed


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

    The process begins by importing what it will need, so it is best made early. A block that ends with an error waits
    for what the process is doing. One that ends by a signal ends the process and does not wait: what it was sending may
    never come whole.
    """
    if threads < 2:
        yield Here()
        return
    import multiprocessing
    import signal

    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    others = multiprocessing.active_children()
    try:
        # a Ctrl-C is for this process, which ends the other; blocked, for the other inherits that from its beginning
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            pool.submit(_warm)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        yield pool
    except BaseException:
        if ended():
            for process in multiprocessing.active_children():
                if process not in others:
                    process.terminate()  # the witnesses that it asks end with it, see harness.witnesses.asking
        pool.shutdown(wait=not ended(), cancel_futures=True)
        raise
    with undisturbed():  # it unlinks semaphores and then says so
        pool.shutdown()


def _end_with_parent():
    """Leave no process behind when a run is killed: it would wait for work for ever, holding both ends of its pipe."""
    import os
    import threading
    from multiprocessing import connection, parent_process

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
