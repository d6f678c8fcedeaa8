"""What each consumer does with each file of a result, by doing it.

Rows of MATRIX_COLUMNS: policy, encoding, opened, consumer, version, verdict, message, detail, differs. An encoding that
has a section of BTF of its own (a split file over its .BTF) has that opened with base and without, and the .BTF alone
only where it is not the baseline's; sections of another form have no consumer, so their encoding's .BTF is all that is
opened. What has types that are not of today's forms is opened once more with a layout section, which tells readers how
long they are, or without it where its form needs it.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness import encodings as enc
from harness.btf import kind_sizes
from harness.btf.wire import MAGIC
from harness.errors import EncodeError, UsageError
from harness.measure.columns import frame
from harness.model import STANDARD
from harness.results import BASELINE, MATRIX_COLUMNS
from harness.results.executed import (
    ACCEPTED,
    BASE_ALONE,
    FAILED,
    NOT_TRIED,
    PARTLY,
    REFUSED,
    SPLIT_WITH_LAYOUT,
    WITH_BASE,
    WITH_LAYOUT,
    WITHOUT,
    WITHOUT_LAYOUT,
    WRONG,
)
from harness.witnesses.asking import Silence, ask_each
from harness.witnesses.consumer import UNOPENED, Answer, Case, Consumer, Version
from harness.witnesses.content import judge
from harness.witnesses.keeping import Question, ask_once
from harness.witnesses.program import crashed

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
                  r"out of memory|OutOfMemory|bad_alloc|File too large|EFBIG", re.IGNORECASE)
"""Words for what a machine lacks: who says so does not refuse the file."""

MAGICS = (MAGIC.to_bytes(2, "little"), MAGIC.to_bytes(2, "big"))


class Place(NamedTuple):
    """A file that consumers open, before it is read.

    Attributes
    ----------
    encoding, opened, path, base_path
        As of a Case; of a file that is yet to be made, `made_of` it, a path has the name only.
    digests : tuple of str
        sha256 of the file, and of the file that it is split from.
    notes : tuple of str
        What is to be said of the file, whoever opens it.
    missing : str
        Why there is no such file, '' if there is.
    made_of : Path or None
        The file that gets or loses its layout section to become `path`, or of a split file `base_path`.
    """

    encoding: str
    opened: str
    path: Path
    base_path: Path | None
    digests: tuple[str, ...]
    notes: tuple[str, ...] = ()
    missing: str = ""
    made_of: Path | None = None


def places(result: Result, names: Iterable[str] | None = None) -> list[Place]:
    """The files of a Result that consumers open, list of Place; parameters and errors as of `cases`."""
    asked = list(result.files) if names is None else list(dict.fromkeys(names))
    out = []
    for name in asked:
        if name not in result.files:
            raise UsageError.choice("encoding", list(result.files), name)
        first, own = result.files[name], (result.sha256[name],)
        like_base = name != BASELINE and result.sha256[name] == result.sha256[BASELINE]
        over = (f"its base is {BASELINE}'s file, byte for byte",) if like_base else ()
        split, beside = [], []
        for (section, data), path in zip(result.sections(name).items(), result.paths(name)[1:], strict=True):
            if data[:2] in MAGICS:
                digests = (hashlib.sha256(data).hexdigest(), *own)
                split += [Place(name, WITH_BASE, path, first, digests, over),
                          Place(name, WITHOUT, path, None, digests),
                          Place(name, SPLIT_WITH_LAYOUT, path, Path(f"{name}.layout.btf"), digests,
                                ("the layout section is its base's, and has the kinds of both",), made_of=first)]
            else:
                beside.append(f"{section} {UNOPENED}")
        if not split or not like_base:
            out.append(Place(name, BASE_ALONE if split and name != BASELINE else "", first, None, own, tuple(beside)))
        out += [*split, *_other_layout(result, name, first, own)]
    return out


def _other_layout(result, name, first, own):
    """The Place of a file that gets a layout section, or loses it: of a form whose types only that can describe."""
    encoding = enc.REGISTRY.get(name)
    if encoding is None or encoding.layout is STANDARD:
        return
    file = result.btf(name)
    if file.header.layout_len:
        yield Place(name, WITHOUT_LAYOUT, Path(f"{name}.nolayout.btf"), None, own, made_of=first)
        return
    try:
        kind_sizes.kind_sizes([(file.types, file.layout)])
        missing = ""
    except EncodeError as error:
        missing = error.message
    yield Place(name, WITH_LAYOUT, Path(f"{name}.layout.btf"), None, own, missing=missing, made_of=first)


def cases(result: Result, names: Iterable[str] | None = None, folder: Path | None = None) -> list[Case]:
    """The files of a Result that consumers open, list of Case.

    Parameters
    ----------
    result : harness.results.Result
    names : iterable of str, optional
        Encodings, or 'shipped'; by default all that the result has.
    folder : Path, optional
        Where to write files with another layout section; without it they are left out.

    Raises
    ------
    UsageError
        The result has no such encoding.
    """
    return [_case(result, place, folder) for place in places(result, names)
            if not place.missing and (folder is not None or place.made_of is None)]


def _case(result, place, folder):
    """The Case of a Place; a file that is to be made is written into the folder."""
    file = whole = result.btf(place.encoding)
    if place.opened in (WITH_BASE, WITHOUT, SPLIT_WITH_LAYOUT):
        file = enc.parse(place.path.read_bytes(), place.path, base=whole)
    path, base_path = place.path, place.base_path
    if place.made_of is not None:
        parts = [(one.types, one.layout) for one in ([whole] if file is whole else [whole, file])]
        sizes = None if place.opened == WITHOUT_LAYOUT else kind_sizes.kind_sizes(parts)
        made = folder / (path if file is whole else base_path)
        made.write_bytes(kind_sizes.with_section(place.made_of.read_bytes(), whole.header, whole.byteorder, sizes))
        path, base_path = (made, None) if file is whole else (path, made)
    return Case(place.encoding, place.opened, path, base_path, file)


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
    opened = places(result, names)
    found = [_versions(answer) for answer in ask_each([(_find, consumer) for consumer in consumers], FIND_TIMEOUT_S)]
    asked = [(consumer, version) for consumer, versions in zip(consumers, found, strict=True) for version in versions]
    with tempfile.TemporaryDirectory(prefix="btf-harness-") as folder:
        rows = _rows(result, asked, opened, cache(lambda place: _case(result, place, Path(folder))), again)
    return frame(rows, MATRIX_COLUMNS)


def _rows(result, asked, opened, read, again):
    """Rows of MATRIX_COLUMNS: each (Consumer, Version or Silence) is asked about each Place, by then read."""
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
            rows.append((result.policy, place.encoding, place.opened, consumer.name, number, *map(_line, judged)))
    return rows


def _untried(consumer, version, place):
    """The cell of a file that a version is not asked about, (verdict, message, detail, differs), or None."""
    if isinstance(version, Silence):
        return FAILED, version.words, "", ""
    why = version.missing or (consumer.no_base if place.base_path is not None else "") or place.missing
    return (NOT_TRIED, why, "", "") if why else None


def _key(consumer, version, place):
    """What decides an answer, see harness.witnesses.keeping; None if that is not known."""
    here = consumer.identity(version.how)
    return here and ["matrix", consumer.name, version.number, here, place.opened, list(place.digests)]


def _asked(consumer, version, place, read):
    return _open, consumer, version.how, read(place)


def _is_final(answer):
    """Whether an answer will be the same again: (verdict, message, detail, differs, name of the
    file)."""
    return (isinstance(answer, (tuple, list)) and len(answer) == 5 and all(isinstance(part, str) for part in answer)
            and (answer[0] in (ACCEPTED, PARTLY, WRONG, REFUSED)
                 or (answer[0] == FAILED and crashed(answer[1]) and not WANT.search(answer[1]))))


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
    """In the other process: what a consumer does with a file, judged: (verdict, message, detail, differs, name of
    the file)."""
    answer = consumer.open(how, case)
    if not isinstance(answer, Answer):
        return FAILED, f"expected an Answer, found {answer!r}", "", "", case.path.name
    message = answer.message.replace(str(case.path), case.path.name)
    if case.base_path is not None:
        message = message.replace(str(case.base_path), case.base_path.name)
    if answer.verdict in (REFUSED, PARTLY) and WANT.search(message):
        answer = answer._replace(verdict=FAILED)
    return *judge(case, answer._replace(message=message)), case.path.name


def _judged(answer, place):
    """(verdict, message, detail, differs) of an answer, which may have been given about another file of the same
    bytes."""
    if isinstance(answer, Silence):
        return FAILED, answer.words, "", ""
    verdict, message, detail, differs, name = answer
    message, detail = (words.replace(name, place.path.name) for words in (message, detail))
    return verdict, message, "; ".join([*([detail] if detail else []), *place.notes]), differs


def _line(words):
    return " ".join(words.split())


def renewed(kept: pd.DataFrame | None, table: pd.DataFrame) -> pd.DataFrame:
    """A matrix with some rows new: those of the same policy, file and consumer are replaced, the others stay."""
    import pandas as pd

    if kept is None:
        return table
    same = ["policy", "encoding", "opened", "consumer"]
    known = set(table[same].itertuples(index=False, name=None))
    old = kept[[row not in known for row in kept[same].itertuples(index=False, name=None)]]
    place = {name: k for k, name in enumerate(dict.fromkeys([*kept.consumer, *table.consumer]))}
    both = pd.concat([old, table], ignore_index=True)
    return both.sort_values(["policy", "consumer"], kind="stable", ignore_index=True,
                            key=lambda c: c.map(place) if c.name == "consumer" else c)
