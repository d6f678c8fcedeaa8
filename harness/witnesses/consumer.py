"""What a consumer is: a program, library or kernel that opens a .btf file, and says what it found in it.

A consumer is a witness with a richer answer: not only whether it loads a file, but what it takes for its content, which
is compared with what this program reads. It may be there in several versions. It guards itself as little as a Reader,
see harness.witnesses.asking.

To add one, put a `CONSUMER` into a file of this folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.results.executed import ACCEPTED, FAILED, NOT_TRIED, PARTLY, REFUSED, WRONG
from harness.witnesses.keeping import identity

if TYPE_CHECKING:
    from harness.btf import BtfFile

CELLS = (ACCEPTED, PARTLY, WRONG, REFUSED, NOT_TRIED, FAILED)
"""What can stand in a cell of the matrix; failed: it crashed, hung, ran out of memory or gave no answer that is
understood."""

UNOPENED = "is no BTF and not opened"
"""Said of a section, after its name, in the detail of its encoding's row."""


class Version(NamedTuple):
    """One version of a consumer, as found on this machine or in the cache of tools.

    Attributes
    ----------
    number : str
        As it says itself, without its name: 1.32, 7.5.0.
    how : object
        What `open` needs, such as the path of a program.
    missing : str
        Why it cannot be asked, '' if it can.
    """

    number: str
    how: Any = None
    missing: str = ""


class Case(NamedTuple):
    """A file that consumers open.

    Attributes
    ----------
    encoding : str
    opened : str
        How, where that is not by itself as it was written: one of OPENED.
    path : Path
    base_path : Path or None
        What to open it over.
    file : BtfFile
        As this program reads it; a split file over its base, also where the consumer is not given that.
    """

    encoding: str
    opened: str
    path: Path
    base_path: Path | None
    file: BtfFile


class Answer(NamedTuple):
    """What a consumer did with a file.

    Attributes
    ----------
    verdict : str
        ACCEPTED, PARTLY, REFUSED, NOT_TRIED or FAILED. Whether what was accepted is right is not for the consumer to
        say.
    message : str
        What it said.
    seen : dict
        What it found, by the names of CONTENT in harness.witnesses.content: a Counter, a set where it tells distinct
        ones only, or text.
    note : str
        What else it said of a file that it took.
    """

    verdict: str
    message: str = ""
    seen: dict[str, Counter | set | str] = {}
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A witness that opens files and says what it found in them.

    Attributes
    ----------
    name : str
        Unique among the consumers; what stands in the table.
    versions : callable
        () -> iterable of Version: those that can be asked, or one with the reason why none can.
    open : callable
        (how, case) -> Answer.
    rank : int
        Place among the others, lowest first.
    no_base : str
        Why it cannot open a split file over its base, '' if it can.
    identity : callable
        (how) -> list of JSON's types, which tells this version from another in its place, so that its answers can be
        kept; None where nothing does.
    """

    name: str
    versions: Callable[[], Iterable[Version]]
    open: Callable[[Any, Case], Answer]
    rank: int = 50
    no_base: str = ""
    identity: Callable[[Any], list | None] = identity
