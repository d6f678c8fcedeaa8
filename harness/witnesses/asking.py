"""Questions asked in processes of their own, so that one that crashes, hangs or eats memory harms nothing else.

The processes are forked: they have what the asker has read, and a question can be any function, importable or not. Each
runs one function and ends, so locks that other threads held do not matter.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
import time
import warnings
from collections import deque
from contextlib import suppress
from multiprocessing import connection
from typing import NamedTuple

TIMEOUT_S = 130
"""For one question: a little more than a program gets, so that its own time-out is reported first, see
harness.witnesses.program."""

MEMORY_NBYTES = 4 << 30
"""Memory that a question may use beyond what the asker has; bpftool needs 0.1 GB for a kernel."""

OUTPUT_NBYTES = 1 << 30
"""What a question, and a program that it runs, may write into one file."""

GRACE_S = 1
"""For a process to end after its answer."""

AT_ONCE = 2
"""Questions at a time; each keeps a core busy."""


PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that a process gets when its parent ends (include/uapi/linux/prctl.h)."""


class Silence(NamedTuple):
    """No answer, and why."""

    words: str


class _Asked(NamedTuple):
    number: int
    process: multiprocessing.Process
    deadline: float


def ask_each(questions, timeout_s=None, at_once=None, heard=None):
    """The answers to some questions, in their order.

    Parameters
    ----------
    questions : list of (function, *arguments), or of callables that give one
        A callable is called, in this process, when its turn comes.
    timeout_s : float, optional
        For each; TIMEOUT_S by default.
    at_once : int, optional
        AT_ONCE by default.
    heard : callable, optional
        (index, answer): told of each answer of a function as it comes.

    Returns
    -------
    list
        What each function returned, or a Silence.
    """
    limit_s = TIMEOUT_S if timeout_s is None else timeout_s
    answers, waiting, running = [None] * len(questions), deque(enumerate(questions)), {}
    try:
        while waiting or running:
            while waiting and len(running) < (at_once or AT_ONCE):
                number, question = waiting.popleft()
                pipe, process = _start(question() if callable(question) else question, limit_s)
                running[pipe] = _Asked(number, process, time.monotonic() + limit_s)
            patience = min(asked.deadline for asked in running.values()) - time.monotonic()
            ready = connection.wait(running, max(0, patience))
            for pipe in ready:
                asked = running.pop(pipe)
                answers[asked.number] = _answer_of(pipe, asked.process)
                if heard is not None:
                    heard(asked.number, answers[asked.number])
            if not ready:
                pipe = min(running, key=lambda pipe: running[pipe].deadline)
                asked = running.pop(pipe)
                answers[asked.number] = Silence(f"timed out after {limit_s} s")
                _end(pipe, asked.process)
    finally:
        for pipe, asked in running.items():
            _end(pipe, asked.process)
    return answers


def _start(question, limit_s):
    """Start to ask: the pipe that the answer comes by, and the process."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_answer, args=(theirs, limit_s, *question))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads, since Python 3.12
        process.start()
    theirs.close()
    return ours, process


def _answer(pipe, limit_s, function, *arguments):
    """In the other process: answer one question."""
    try:
        _end_with_asker()
        _limit(limit_s)
        answer = function(*arguments)
    except Exception as error:
        answer = Silence(f"{type(error).__name__}: {error}".removesuffix(": "))
    pipe.send(answer)


def _end_with_asker():
    """End this process and the programs that it starts when the asker ends them, or ends itself, even if killed."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _limit(limit_s):
    """Limit what this process and those that it starts may take."""
    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    for limit, most in ((resource.RLIMIT_AS, taken + MEMORY_NBYTES), (resource.RLIMIT_CPU, int(limit_s) + 1),
                        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, OUTPUT_NBYTES)):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _answer_of(pipe, process):
    """The answer of a process that has sent one or has ended."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        process.join(GRACE_S)
        if process.exitcode is not None and process.exitcode < 0:
            return Silence(f"killed by {signal.Signals(-process.exitcode).name}")
        return Silence(f"ended without an answer, exit status {process.exitcode}")
    finally:
        process.join(GRACE_S)
        _end(pipe, process)


def _end(pipe, process):
    pipe.close()
    _kill(process)
    process.join()
    process.close()


def _kill(process):
    for kill in (os.killpg, os.kill):  # the group does not exist yet if it has only just started
        with suppress(ProcessLookupError):
            kill(process.pid, signal.SIGKILL)
