"""What a witness is: a program, a kernel or a file that can confirm or contradict the .btf files of a result.

There are two kinds. A Reader is asked about every file: does it load? A Comparison is asked once: how do our files
differ from what it knows? Neither needs to guard itself: harness.witnesses.asking gives each question a process of its
own, with limits on time and memory, so a crash, a hang or an exception costs only that answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    from harness.results import Result

READER_COLUMNS = ("witness", "encoding", "verdict", "words")

LOADED, REFUSED, NOT_PERMITTED, NOT_ASKED, FAILED = "loaded", "refused", "not permitted", "not asked", "failed"

VERDICTS = (LOADED, REFUSED, NOT_PERMITTED, NOT_ASKED, FAILED)
"""Possible answers of a Reader; failed: the witness crashed, timed out or answered something else."""

ALL_FILES = "-"
"""In the column `encoding`: no file in particular."""


class Found(NamedTuple):
    """A witness as found on this machine.

    Attributes
    ----------
    label : str
        How it names itself, with its version where it has one.
    how : object
        What `ask` needs, such as the path of a program.
    missing : str
        Why it cannot be asked here, '' if it can; for a program that is not installed, with the package to install.
    """

    label: str
    how: Any = None
    missing: str = ""


def always() -> Found:
    """The `find` of a witness that needs only the files."""
    return Found("")


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A witness that loads a .btf file or refuses it: a row per file in the frame of READER_COLUMNS.

    Attributes
    ----------
    name : str
        Unique among the witnesses.
    find : callable
        () -> Found.
    ask : callable
        (how, path) -> (verdict, words): one of VERDICTS, and what the witness said, on one line.
    rank : int
        Place among the others, lowest first.
    """

    name: str
    find: Callable[[], Found]
    ask: Callable[[Any, Path], tuple[str, str]]
    rank: int = 50
    outside: ClassVar[bool] = True

    def questions(self, result: Result, how: object) -> list[tuple]:
        """(function, *arguments) for each question."""
        return [(self.ask, how, path) for path in result.files.values()]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A witness that knows something about the same kernel.

    Attributes
    ----------
    name, find, rank
        As for a Reader; its label is not shown.
    title : str
        Heading of its section in a report.
    compare : callable
        (how, result) -> dict of str to DataFrame, by the name of the table and its CSV; empty if there is nothing to
        compare.
    outside : bool
        Whether it runs other programs, which a report can be told not to do.
    """

    name: str
    title: str
    compare: Callable[[Any, Result], dict[str, pd.DataFrame]]
    find: Callable[[], Found] = always
    rank: int = 50
    outside: bool = True

    def questions(self, result: Result, how: object) -> list[tuple]:
        """(function, *arguments) for each question."""
        return [(self.compare, how, result)]
