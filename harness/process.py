"""How a command ends when it cannot go on: a signal, or output that cannot be written.

Imports nothing heavy, since every start of the command line comes by here.
"""

from __future__ import annotations

import errno
import io
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path

from harness.errors import OutputError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

AGAIN_SECONDS = 1.0
"""A further signal that comes so soon is the same wish: `timeout` signals a process and then its group."""

NARROWEST = 40
"""Columns that a table is not squeezed below."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Ended(BaseException):
    """A signal asked this process to end. Not an Exception, so that nothing handles it as a failure and continues.

    Attributes
    ----------
    code : int
        Exit code: 128 plus the signal's number, as in a shell.
    """

    def __init__(self, signum):
        super().__init__(signum)
        self.code = 128 + signum
        self.word = "interrupted" if signum == signal.SIGINT else "terminated"


_ended = []


def ended():
    """The `Ended` that was raised, or None: Python drops it in a finalizer, and makes another error of it elsewhere."""
    return _ended[0] if _ended else None


def give_memory_back():
    """Return freed memory to the system: glibc keeps what threads freed, 230 MB after a 6.12 kernel was encoded."""
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in other C libraries
    if trim is not None:
        trim(0)


def end_on_signals():
    """Make signals raise `Ended` in the main thread, so that temporary files and children go. A second ends at once.

    An ignored signal, as under nohup, stays ignored.
    """
    first, wish = None, queue.SimpleQueue()
    # made now: a thread cannot be started safely in the midst of anything
    threading.Thread(target=_end_workers, args=(wish,), daemon=True).start()

    def handle(signum, frame):
        nonlocal first
        if first is None:
            first = time.monotonic()
            _ended.append(Ended(signum))
            wish.put(signum)
            raise _ended[0]
        if time.monotonic() - first > AGAIN_SECONDS:
            os._exit(128 + signum)

    for signum in SIGNALS:
        if signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, handle)


def _end_workers(wish):
    """Once asked to end, end the work of executors' threads: they are waited for, and may compile for a minute."""
    wish.get()
    import ctypes
    import logging

    logging.getLogger("concurrent.futures").disabled = True  # which tells of a thread that ends so while it is idle
    while True:
        for thread in threading.enumerate():
            if thread.name.startswith("ThreadPoolExecutor"):
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        time.sleep(0.1)


def check_stdout():
    """Raise an OutputError if nothing can be written to standard output, as to /dev/full; writes nothing."""
    if sys.stdout is None:
        raise OutputError("standard output is closed")
    try:
        os.write(sys.stdout.fileno(), b"")
    except io.UnsupportedOperation:
        pass  # not a file: the caller gave another object
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error


def check_folder(path):
    """Raise an OutputError unless files can be written in a folder, which may be missing; changes nothing.

    It tries to write: permission bits mean little to root and say nothing about a read-only file system.
    """
    if not os.fspath(path):
        raise OutputError("expected an output directory, found an empty name")
    from tempfile import TemporaryFile

    path, made = Path(path), []
    try:
        missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
        for folder in reversed(missing):
            folder.mkdir()
            made.append(folder)
        if not path.is_dir():
            raise OutputError("expected a directory to write into, found a file", path)
        TemporaryFile(dir=path).close()
    except OSError as error:
        raise OutputError(f"the output directory cannot be {'written' if os.path.isdir(path) else 'created'}: "
                          f"{error.strerror}", path) from error
    finally:
        for folder in reversed(made):
            try:
                folder.rmdir()
            except OSError:
                break  # someone else has begun to use it


def terminal_width():
    """Columns of the terminal on standard output, or None if it is no terminal and lines may have any length."""
    if sys.stdout is not None and sys.stdout.isatty():
        import shutil

        return max(NARROWEST, shutil.get_terminal_size().columns)
    return None


def words_of(error):
    """A sentence about an OSError that nothing else has explained, str."""
    where = f"{error.filename}: " if error.filename else ""
    return where + ("cannot be written: " if error.errno in FULL else "") + (error.strerror or str(error))
