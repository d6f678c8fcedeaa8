"""What each consumer does with each file of a result, by doing it.

Rows of MATRIX_COLUMNS: policy, encoding, base, consumer, version, verdict, message, detail. An encoding that has a
section of BTF of its own (a split file over its .BTF) has that opened with base and without; sections of another form
have no consumer, so their encoding's .BTF is all that is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from harness import encodings as enc
from harness.btf.wire import MAGIC
from harness.errors import UsageError
from harness.measure.columns import frame
from harness.results import MATRIX_COLUMNS
from harness.witnesses.asking import Silence, ask_each
from harness.witnesses.consumer import FAILED, NOT_TRIED, WITH_BASE, WITHOUT, Answer, Case, Consumer, Version
from harness.witnesses.content import judge

if TYPE_CHECKING:
    import pandas as pd

    from harness.results import Result

FIND_TIMEOUT_S = 900
"""For the versions of a consumer, one of which may have to be compiled first."""

OPEN_TIMEOUT_S = 600
"""For a file: a consumer may run several programs, each with harness.witnesses.program.LONG_TIMEOUT_S."""

MAGICS = (MAGIC.to_bytes(2, "little"), MAGIC.to_bytes(2, "big"))


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
    asked = list(result.files) if names is None else list(dict.fromkeys(names))
    out = []
    for name in asked:
        if name not in result.files:
            raise UsageError.choice("encoding", list(result.files), name)
        base = result.btf(name)
        out.append(Case(name, "", result.files[name], None, base))
        for path in result.paths(name)[1:]:
            data = path.read_bytes()
            if data[:2] in MAGICS:
                split = enc.parse(data, path, base=base)
                out += [Case(name, WITH_BASE, path, result.files[name], split), Case(name, WITHOUT, path, None, split)]
    return out


def matrix(result: Result, consumers: Sequence[Consumer], names: Iterable[str] | None = None) -> pd.DataFrame:
    """What consumers do with the files of a Result: DataFrame MATRIX_COLUMNS, in the order of consumers, versions and
    files.

    Parameters
    ----------
    result : harness.results.Result
    consumers : sequence of Consumer
    names : iterable of str, optional
        As in `cases`.
    """
    opened = cases(result, names)
    found = [_versions(answer) for answer in ask_each([(_find, consumer) for consumer in consumers], FIND_TIMEOUT_S)]
    asked = [(consumer, version) for consumer, versions in zip(consumers, found, strict=True) for version in versions]
    questions = [(_open, consumer, version.how, case)
                 for consumer, version in asked if isinstance(version, Version) and not version.missing
                 for case in opened]
    answers, rows = iter(ask_each(questions, OPEN_TIMEOUT_S)), []
    for consumer, version in asked:
        for case in opened:
            if isinstance(version, Silence):
                number, judged = "", (FAILED, version.words, "")
            elif version.missing:
                number, judged = version.number, (NOT_TRIED, version.missing, "")
            else:
                number, judged = version.number, _judged(next(answers))
            rows.append((result.policy, case.encoding, case.base, consumer.name, number, *map(_line, judged)))
    return frame(rows, MATRIX_COLUMNS)


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
    """In the other process: what a consumer does with a file, judged."""
    answer = consumer.open(how, case)
    if not isinstance(answer, Answer):
        return FAILED, f"expected an Answer, found {answer!r}", ""
    message = answer.message.replace(str(case.path), case.path.name)
    if case.base_path is not None:
        message = message.replace(str(case.base_path), case.base_path.name)
    return judge(case, answer._replace(message=message))


def _judged(answer):
    return (FAILED, answer.words, "") if isinstance(answer, Silence) else answer


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
