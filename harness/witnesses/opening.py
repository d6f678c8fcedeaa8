"""What each consumer does with each file of a result, by doing it.

Rows of MATRIX_COLUMNS: policy, encoding, base, consumer, version, verdict, message, detail. An encoding that has a
section of BTF of its own (a split file over its .BTF) has that opened with base and without; sections of another form
have no consumer, so their encoding's .BTF is all that is opened.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness import encodings as enc
from harness.btf.wire import MAGIC
from harness.errors import UsageError
from harness.measure.columns import frame
from harness.results import MATRIX_COLUMNS
from harness.results.executed import ACCEPTED, FAILED, NOT_TRIED, REFUSED, WITH_BASE, WITHOUT, WRONG
from harness.witnesses.asking import Silence, ask_each
from harness.witnesses.consumer import UNOPENED, Answer, Case, Consumer, Version
from harness.witnesses.content import judge
from harness.witnesses.keeping import Question, ask_once

if TYPE_CHECKING:
    import pandas as pd

    from harness.results import Result

FIND_TIMEOUT_S = 900
"""For the versions of a consumer, one of which may have to be compiled first."""

OPEN_TIMEOUT_S = 600
"""For a file: a consumer may run several programs, each with harness.witnesses.program.LONG_TIMEOUT_S."""

KEPT = "matrix"
"""Folder of the cache."""

WANT = re.compile(r"Cannot allocate memory|ENOMEM|No space left|ENOSPC|Too many open files|EMFILE|ENFILE|"
                  r"out of memory|OutOfMemory|File too large|EFBIG", re.IGNORECASE)
"""Words for what a machine lacks: who says so does not refuse the file."""

MAGICS = (MAGIC.to_bytes(2, "little"), MAGIC.to_bytes(2, "big"))


class Place(NamedTuple):
    """A file that consumers open, before it is read.

    Attributes
    ----------
    encoding, base, path, base_path
        As of a Case.
    digests : tuple of str
        sha256 of the file, and of the file that it is split from.
    beside : tuple of str
        Sections of the encoding that no consumer opens.
    """

    encoding: str
    base: str
    path: Path
    base_path: Path | None
    digests: tuple[str, ...]
    beside: tuple[str, ...] = ()


def places(result: Result, names: Iterable[str] | None = None) -> list[Place]:
    """The files of a Result that consumers open, list of Place; parameters and errors as of `cases`."""
    asked = list(result.files) if names is None else list(dict.fromkeys(names))
    out = []
    for name in asked:
        if name not in result.files:
            raise UsageError.choice("encoding", list(result.files), name)
        first, own = result.files[name], (result.sha256[name],)
        split, beside = [], []
        for (section, data), path in zip(result.sections(name).items(), result.paths(name)[1:], strict=True):
            if data[:2] in MAGICS:
                digests = (hashlib.sha256(data).hexdigest(), *own)
                split += [Place(name, WITH_BASE, path, first, digests), Place(name, WITHOUT, path, None, digests)]
            else:
                beside.append(section)
        out += [Place(name, "", first, None, own, tuple(beside)), *split]
    return out


def cases(result: Result, names: Iterable[str] | None = None) -> list[Case]:
    """The files of a Result that consumers open, list of Case.

    Parameters
    ----------
    result : harness.results.Result
    names : iterable of str, optional
        Encodings, or 'shipped'; by default all that the result has.

    Raises
    ------
    UsageError
        The result has no such encoding.
    """
    return [_case(result, place) for place in places(result, names)]


def _case(result, place):
    file = result.btf(place.encoding)
    if place.base:
        file = enc.parse(place.path.read_bytes(), place.path, base=file)
    return Case(place.encoding, place.base, place.path, place.base_path, file)


def matrix(result: Result, consumers: Sequence[Consumer], names: Iterable[str] | None = None,
           again: bool = False) -> pd.DataFrame:
    """What consumers do with the files of a Result: DataFrame MATRIX_COLUMNS, in the order of consumers, versions and
    files.

    Parameters
    ----------
    result : harness.results.Result
    consumers : sequence of Consumer
    names : iterable of str, optional
        As in `cases`.
    again : bool
        Do not look at answers that are kept.
    """
    opened, read = places(result, names), cache(lambda place: _case(result, place))
    found = [_versions(answer) for answer in ask_each([(_find, consumer) for consumer in consumers], FIND_TIMEOUT_S)]
    asked = [(consumer, version) for consumer, versions in zip(consumers, found, strict=True) for version in versions]
    questions, where = [], {}
    for k, (consumer, version) in enumerate(asked):
        for place in opened:
            if _untried(consumer, version, place) is None:
                where[k, place] = len(questions)
                asking = partial(_asked, consumer, version, place, read)
                questions.append(Question(_key(consumer, version, place), asking))
    answers = ask_once(KEPT, questions, _is_final, OPEN_TIMEOUT_S, again)
    rows = []
    for k, (consumer, version) in enumerate(asked):
        for place in opened:
            judged = _untried(consumer, version, place)
            if judged is None:
                judged = _judged(answers[where[k, place]], place)
            number = "" if isinstance(version, Silence) else version.number
            rows.append((result.policy, place.encoding, place.base, consumer.name, number, *map(_line, judged)))
    return frame(rows, MATRIX_COLUMNS)


def _untried(consumer, version, place):
    """The cell of a file that a version is not asked about, (verdict, message, detail), or None."""
    if isinstance(version, Silence):
        return FAILED, version.words, ""
    if version.missing:
        return NOT_TRIED, version.missing, ""
    return (NOT_TRIED, consumer.no_base, "") if consumer.no_base and place.base_path is not None else None


def _key(consumer, version, place):
    """What decides an answer, see harness.witnesses.keeping; None if that is not known."""
    here = consumer.identity(version.how)
    return here and ["matrix", consumer.name, version.number, here, place.base, list(place.digests)]


def _asked(consumer, version, place, read):
    return _open, consumer, version.how, read(place)


def _is_final(answer):
    """Whether an answer will be the same again: (verdict, message, detail, name of the file)."""
    return (isinstance(answer, (tuple, list)) and len(answer) == 4 and all(isinstance(part, str) for part in answer)
            and answer[0] in (ACCEPTED, WRONG, REFUSED))


def _find(consumer):
    """In the other process: the versions of a consumer."""
    return list(consumer.versions())


def _versions(answer):
    """The versions that a consumer gave, or a Silence in their place."""
    if isinstance(answer, Silence):
        return [answer]
    if not answer or not all(isinstance(version, Version) for version in answer):
        return [Silence(f"expected versions, found {answer!r}")]
    return answer


def _open(consumer, how, case):
    """In the other process: what a consumer does with a file, judged: (verdict, message, detail, name of the file)."""
    answer = consumer.open(how, case)
    if not isinstance(answer, Answer):
        return FAILED, f"expected an Answer, found {answer!r}", "", case.path.name
    message = answer.message.replace(str(case.path), case.path.name)
    if case.base_path is not None:
        message = message.replace(str(case.base_path), case.base_path.name)
    if answer.verdict == REFUSED and WANT.search(message):
        answer = answer._replace(verdict=FAILED)
    return *judge(case, answer._replace(message=message)), case.path.name


def _judged(answer, place):
    """(verdict, message, detail) of an answer, which may have been given about another file of the same bytes."""
    if isinstance(answer, Silence):
        return FAILED, answer.words, ""
    verdict, message, detail, name = answer
    message, detail = (words.replace(name, place.path.name) for words in (message, detail))
    beside = [f"{section} {UNOPENED}" for section in place.beside]
    return verdict, message, "; ".join([*([detail] if detail else []), *beside])


def _line(words):
    return " ".join(words.split())


def renewed(kept: pd.DataFrame | None, table: pd.DataFrame) -> pd.DataFrame:
    """A matrix with some rows new: those of the same policy, file and consumer are replaced, the others stay."""
    import pandas as pd

    if kept is None:
        return table
    same = ["policy", "encoding", "base", "consumer"]
    known = set(table[same].itertuples(index=False, name=None))
    old = kept[[row not in known for row in kept[same].itertuples(index=False, name=None)]]
    place = {name: k for k, name in enumerate(dict.fromkeys([*kept.consumer, *table.consumer]))}
    both = pd.concat([old, table], ignore_index=True)
    return both.sort_values(["policy", "consumer"], kind="stable", ignore_index=True,
                            key=lambda c: c.map(place) if c.name == "consumer" else c)
