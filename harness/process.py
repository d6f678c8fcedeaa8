"""How a command ends when it cannot go on: a signal, or output that cannot be written.

Imports nothing heavy, since every start of the command line comes by here.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import time
from contextlib import contextmanager
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

_undisturbed = False


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
    first = None

    def handle(signum, frame):
        nonlocal first
        if first is None:
            first = time.monotonic()
            _ended.append(Ended(signum))
            if not _undisturbed:
                raise _ended[0]
        if time.monotonic() - first > AGAIN_SECONDS:
            os._exit(128 + signum)

    for signum in SIGNALS:
        if signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, handle)


@contextmanager
def undisturbed():
    """A short block in which no signal raises `Ended`, such as one that frees what others would miss; it does after."""
    global _undisturbed
    _undisturbed = True
    try:
        yield
    finally:
        _undisturbed = False
        if ended():
            raise ended()


@contextmanager
def workers(threads):
    """A ThreadPoolExecutor. A block that ends with an error drops what has not begun.

    One that a signal ends does not even wait for what has, which may take a minute to compile or hang on a lock: the
    process is about to end.
    """
    from concurrent.futures import ThreadPoolExecutor

    executor = ThreadPoolExecutor(max(1, threads))
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=not ended(), cancel_futures=True)
        raise
    executor.shutdown()


def release_semaphores():
    """Release what multiprocessing would at the end of the interpreter; it does not join a process or a thread."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util._run_finalizers(0)


def open_standard_streams():
    """Open those that are closed, so that no file that is opened later takes their place.

    What is said to a closed stderr is lost; sys.stdout stays None, see `check_stdout`. Standard output is UTF-8 in any
    locale, as files are, and takes a file's bytes that are not.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    if sys.stdout is not None:
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)


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


def flush_stdout():
    """Write what is left of standard output, or raise an OutputError; a BrokenPipeError stays one."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
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
    why = error.strerror or str(error)
    if error.filename:
        return f"{error.filename}: {'cannot be written: ' if error.errno in FULL else ''}{why}"
    return f"the output cannot be written: {why}" if error.errno in FULL else why


def is_beginning_worker():
    """Whether this process is a spawned worker that imports the program's main module before it begins to work."""
    module = sys.modules.get("multiprocessing.process")
    return module is not None and getattr(module.current_process(), "_inheriting", False)
