"""Questions that are asked once: answers are kept in the cache, see harness.kept, under all that decides them.

That is the bytes of the files, the asked program with its version and what tells it from another in its place, what is
done, and the source of what asks and compares. An answer that depends on the moment (too slow, out of memory, not
tried) is not kept; a crash is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import harness
from harness.kept import keep, recall
from harness.witnesses.asking import ask_each

SOURCES = ("witnesses", "btf", "encodings", "model")
"""Folders of the package that make an answer."""

SUFFIXES = (".py", ".go", ".rs")

ENVIRONMENT = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "BTF_HARNESS_LIBBPF")
"""What makes a program find other libraries."""

LIBRARIES = "/etc/ld.so.cache"
"""Written anew whenever a library of the machine changes (ldconfig(8))."""


class Question(NamedTuple):
    """A question and what decides its answer.

    Attributes
    ----------
    key : object or None
        Of JSON's types: all that decides the answer but the program's own source; None if that is not known, then it is
        always asked.
    ask : callable
        () -> function and arguments as for `ask_each`; called only when it is asked.
    """

    key: Any
    ask: Callable[[], tuple]


def ask_once(folder, questions, is_final, timeout_s=None, again=False):
    """The answers to some Questions, in their order, each key asked once.

    Parameters
    ----------
    folder : str
        Of the cache.
    questions : list of Question
    is_final : callable
        (answer) -> whether it is well formed and is to be kept. What is found in the cache must be, too.
    timeout_s : float, optional
        As of `ask_each`.
    again : bool
        Do not look at what is kept.

    Returns
    -------
    list
        As from `ask_each`; tuples in answers may be lists.
    """
    source = source_digest()
    keys = [None if q.key is None or source is None else {"asked": q.key, "source": source} for q in questions]
    answers = [None if key is None or again else recall(folder, key) for key in keys]
    answers = [answer if answer is not None and is_final(answer) else None for answer in answers]
    first: dict[str, int] = {}
    same = [k if keys[k] is None else first.setdefault(repr(keys[k]), k) for k in range(len(questions))]
    asked = [k for k, answer in enumerate(answers) if answer is None and same[k] == k]

    def heard(number, answer):
        key = keys[asked[number]]
        if key is not None and is_final(answer):
            keep(folder, key, answer)

    for k, answer in zip(asked, ask_each([questions[k].ask for k in asked], timeout_s, heard=heard), strict=True):
        answers[k] = answer
    return [answers[same[k]] if answer is None else answer for k, answer in enumerate(answers)]


@lru_cache(maxsize=1)
def source_digest():
    """sha256 of the source that makes answers, str; None where it cannot be read."""
    found, root = hashlib.sha256(), Path(harness.__file__).parent
    try:
        paths = sorted(path for folder in SOURCES for path in (root / folder).rglob("*") if path.suffix in SUFFIXES)
        for path in paths:
            data = path.read_bytes()
            found.update(f"{path.relative_to(root)}\n{len(data)}\n".encode() + data)
    except OSError:
        return None
    return found.hexdigest() if paths else None


def identity(how):
    """What tells a program from another in its place: a list of JSON's types, or None if it is not a file.

    Parameters
    ----------
    how : object
        The path of a program, or of the script that starts a fetched tool, which is described beside it.
    """
    if not isinstance(how, (str, os.PathLike)):
        return None
    path = Path(how)
    try:
        found = [os.fspath(path), _stated(os.path.realpath(path))]
    except OSError:
        return None
    for more in (path.parent / "tool.json", Path(LIBRARIES)):
        try:
            found.append(_stated(more))
        except OSError:
            found.append(None)
    return [*found, [os.environ.get(name) for name in ENVIRONMENT]]


def _stated(path):
    about = os.stat(path)
    return [os.fspath(path), about.st_size, about.st_mtime_ns, about.st_ino]


def once(folder, key, ask, is_final, again=False):
    """The answer of `ask()`, in this process, kept under a key as `ask_once` does."""
    source = source_digest()
    if key is None or source is None:
        return ask()
    key = {"asked": key, "source": source}
    answer = None if again else recall(folder, key)
    if answer is None or not is_final(answer):
        answer = ask()
        if is_final(answer):
            keep(folder, key, answer)
    return answer
