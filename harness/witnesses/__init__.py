"""What other programs say about the files of a result: a registry of witnesses; every file in this folder is found.

==========================  ========================================================================================
``ask(result)``             Answers of every witness: which loads which file, and the frames of the comparisons
``ask_readers(result)``     which loads which file: bpftool, the running kernel
``matrix(result)``          what each consumer does with each file: accepted, refused, accepted but wrong, not tried
``survival.survival(result)``  which addresses survive dedup, the name sort, a byte swap and being a base
``usage.usage(result)``     time and memory of a reader
==========================  ========================================================================================

To add a witness, add a file with a `WITNESS` (or several, `WITNESSES`), see harness.witnesses.witness; for one that
tells what it found in a file, a `CONSUMER`, see harness.witnesses.consumer; nothing else names them. Each question is
asked in a process of its own, with limits. A witness that is not installed says so; one that crashes or hangs becomes a
row of the frame and never ends the run.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import UsageError
from harness.measure.columns import frame
from harness.witnesses import opening
from harness.witnesses.asking import Silence, ask_each
from harness.witnesses.consumer import Answer, Case, Consumer, Version
from harness.witnesses.witness import (
    ALL_FILES,
    FAILED,
    NOT_ASKED,
    READER_COLUMNS,
    VERDICTS,
    Comparison,
    Found,
    Reader,
)

if TYPE_CHECKING:
    import pandas as pd

    from harness.results import Result

__all__ = ["Answer", "Answers", "Case", "Comparison", "Consumer", "Found", "Reader", "Version", "ask", "ask_readers",
           "comparisons", "consumer", "matrix"]

HELPERS = ("asking", "compiled", "consumer", "content", "keeping", "opening", "program", "survival", "usage", "witness")
"""Modules of this folder that are not witnesses."""


def _modules():
    return [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
            if module.name not in HELPERS]


def found_here() -> dict[str, Reader | Comparison]:
    """The witnesses of this folder, dict by name, in order of rank."""
    found: list[Reader | Comparison] = []
    for module in _modules():
        found += getattr(module, "WITNESSES", [])
        found += [module.WITNESS] if hasattr(module, "WITNESS") else []
    return {w.name: w for w in sorted(found, key=lambda w: (w.rank, w.name))}


def consumers_here() -> dict[str, Consumer]:
    """The consumers of this folder, likewise."""
    found: list[Consumer] = [module.CONSUMER for module in _modules() if hasattr(module, "CONSUMER")]
    return {c.name: c for c in sorted(found, key=lambda c: (c.rank, c.name))}


REGISTRY = found_here()

CONSUMERS = consumers_here()


class Answers(NamedTuple):
    """What the witnesses say about the files of one result.

    Attributes
    ----------
    readers : DataFrame
        READER_COLUMNS: a row per Reader and file; one row for a Reader that is not installed, and for each witness
        that gave no answer.
    frames : dict of str to dict of str to DataFrame
        By name of a Comparison: the frames that it gave, by name.
    silent : dict of str to str
        Why a Comparison gave nothing, by name: it is not installed, or it failed.
    """

    readers: pd.DataFrame
    frames: dict[str, dict[str, pd.DataFrame]]
    silent: dict[str, str]


def comparisons() -> list[Comparison]:
    """Every Comparison, list."""
    return [w for w in REGISTRY.values() if isinstance(w, Comparison)]


def consumer(name: str) -> Consumer:
    """The Consumer of that name.

    Raises
    ------
    UsageError
        There is none.
    """
    if name not in CONSUMERS:
        raise UsageError.choice("consumer", list(CONSUMERS), name)
    return CONSUMERS[name]


def matrix(result: Result, consumers: Iterable[str] | None = None, names: Iterable[str] | None = None,
           again: bool = False) -> pd.DataFrame:
    """What consumers do with the files of a Result, by doing it: DataFrame MATRIX_COLUMNS of harness.results.

    What the same version has answered of the same bytes is not asked again, see harness.witnesses.keeping.

    Parameters
    ----------
    result : harness.results.Result
    consumers : iterable of str, optional
        Their names; all by default.
    names : iterable of str, optional
        Encodings, or 'shipped'; all that the result has by default.
    again : bool
        Ask anew.

    Raises
    ------
    UsageError
        There is no such consumer or encoding.
    """
    asked = list(CONSUMERS.values()) if consumers is None else [consumer(name) for name in dict.fromkeys(consumers)]
    return opening.matrix(result, asked, names, again)


def ask_readers(result: Result) -> pd.DataFrame:
    """What every Reader says about each file of a Result: DataFrame READER_COLUMNS."""
    return _ask([w for w in REGISTRY.values() if isinstance(w, Reader)], result).readers


def ask(result: Result, outside: bool = True) -> Answers:
    """The Answers of all Comparisons about a Result; what reads which file is for `matrix`.

    Parameters
    ----------
    result : harness.measure.Result
    outside : bool
        Also ask witnesses that are other programs, or the running kernel.
    """
    return _ask([w for w in comparisons() if outside or not w.outside], result)


def _ask(witnesses: Iterable[Reader | Comparison], result: Result) -> Answers:
    found = ask_each([(w.find,) for w in witnesses])
    asked = [w.questions(result, here.how) if isinstance(here, Found) and not here.missing else []
             for w, here in zip(witnesses, found, strict=True)]
    answers = iter(ask_each([question for questions in asked for question in questions]))
    rows, frames, silent = [], {}, {}
    for witness, here, questions in zip(witnesses, found, asked, strict=True):
        mine = [next(answers) for _ in questions]
        absent = None if mine else (NOT_ASKED, here.missing) if isinstance(here, Found) else (FAILED, here.words)
        if isinstance(witness, Reader):
            label = isinstance(here, Found) and here.label or witness.name
            rows += [(label, encoding, *_verdict(answer)) for encoding, answer in zip(result.files, mine, strict=False)]
            rows += [(label, ALL_FILES, *absent)] if absent else []
            continue
        if not absent and not isinstance(mine[0], dict):
            absent = FAILED, _words(mine[0], "frames by name")
        if absent:
            silent[witness.name] = absent[1]
            rows += [(witness.title, ALL_FILES, *absent)] if absent[0] == FAILED else []
        else:
            frames[witness.name] = mine[0]
    return Answers(frame(rows, READER_COLUMNS), frames, silent)


def _verdict(answer):
    """(verdict, words) of a Reader's answer."""
    match answer:
        case (str(verdict), str(words)) if verdict in VERDICTS:
            return verdict, " ".join(words.split())  # a row of a table takes one line
    return FAILED, _words(answer, "a verdict and words")


def _words(answer, expected):
    """What is wrong with an answer."""
    return answer.words if isinstance(answer, Silence) else f"expected {expected}, found {answer!r}"
