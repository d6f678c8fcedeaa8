"""Rows of a functions table by name, reason, match, fault or ambiguity class."""

from __future__ import annotations

from harness.errors import UsageError
from harness.functions.policies import REASON_TEXT
from harness.functions.registers import FAULT_WORDS
from harness.results import COLUMNS

SHOWN = ("name", "address", "match", "section", "file", "faults", "reason")
"""Columns shown on a terminal; CSV has all of them."""

MATCHES = COLUMNS["match"].values


def choose(functions, name=None, reason=None, match=None, fault=None, names=None):
    """The rows that pass every filter given, a DataFrame.

    Parameters
    ----------
    functions : DataFrame
        As Result.functions.
    name : str, optional
        A function's name, or a pattern with * and ?.
    reason : str, optional
        Part of a reason; '-' stands for the encoded instances.
    match, fault : str, optional
        A match; a fault of the register rules.
    names : collection of str, optional
        Names to keep.

    Raises
    ------
    UsageError
        There is no such reason, match or fault, whether or not a row has it.
    """
    from fnmatch import translate

    keep = functions.name == functions.name
    if name is not None:
        keep &= functions.name.str.match(translate(name))
    if reason is not None:
        mine = functions.reason == "" if reason == "-" else functions.reason.str.contains(reason, regex=False)
        if reason != "-" and not any(reason in text for text in REASON_TEXT.values()):
            raise UsageError.choice("reason", ["-", *filter(None, REASON_TEXT.values())], reason)
        keep &= mine
    if match is not None:
        if match not in MATCHES:
            raise UsageError.choice("match", MATCHES, match)
        keep &= functions.match == match
    if fault is not None:
        if fault not in FAULT_WORDS.values():
            raise UsageError.choice("fault", list(FAULT_WORDS.values()), fault)
        keep &= functions.faults.str.split("+").map(lambda found: fault in found).astype(bool)
    if names is not None:
        keep &= functions.name.isin(list(names))
    return functions[keep]
