"""What formulas count, from a frame of encoded functions as `Encoding.growth` describes it. No writer uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.functions.annotations import TAG_SEPARATOR
from harness.model import NOWHERE

if TYPE_CHECKING:
    import pandas as pd

MERGED, APART = ["name", "proto_id"], ["name", "proto_id", "place"]
"""What FUNCs are told apart by: without their places, and with them."""


NO_OFFSET = -1
"""In a column of offsets: 32 bits cannot say it."""

LAYOUT_SECTION = "layout_section"
"""Attribute of the frame: whether all files have one."""


def somewhere(functions: pd.DataFrame) -> pd.DataFrame:
    """The rows whose functions are somewhere."""
    return functions[functions.place != NOWHERE]


def ambiguous(functions: pd.DataFrame) -> pd.DataFrame:
    """The rows whose name has several places, nowhere being one."""
    return functions[_is_ambiguous(functions)]


def not_by_name(functions: pd.DataFrame) -> pd.DataFrame:
    """The rows that are somewhere and that kallsyms does not lead to by their name, or not to them alone."""
    symbols = functions.groupby(["name", "place"], observed=True).symbols.transform("max")
    return somewhere(functions[_is_ambiguous(functions) | (symbols != 1)])


def _is_ambiguous(functions):
    """Which rows have a name with several places, bool by row."""
    several = functions.drop_duplicates(["name", "place"]).groupby("name", observed=True).size()
    return functions.name.map(several) > 1


def near(functions: pd.DataFrame) -> pd.DataFrame:
    """The rows whose functions are somewhere within 4 GiB after the image's base."""
    return functions[(functions.place != NOWHERE) & (functions.offset != NO_OFFSET)]


def n_pairs(functions: pd.DataFrame) -> int:
    """(FUNC, address) pairs, int: rows that differ in name, FUNC_PROTO or place."""
    return len(functions.drop_duplicates(APART))


def extra_funcs(functions: pd.DataFrame) -> int:
    """FUNCs that there are more where they are told apart by place, int."""
    return n_pairs(functions) - len(functions.drop_duplicates(MERGED))


def nbytes_of_each(nbytes: int, told: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[pd.DataFrame], int]:
    """The `growth` of an encoding that tells FUNCs apart by place and adds `nbytes` to each pair that it tells of."""

    def growth(functions):
        return nbytes * n_pairs(told(functions)) + extra_nbytes(functions)

    return growth


def extra_nbytes(functions: pd.DataFrame) -> int:
    """Bytes of these: 12 each, and 16 for each annotation that one of them repeats."""
    tagged = functions[functions.tags != ""]
    tagged = tagged.assign(tag=tagged.tags.str.split(TAG_SEPARATOR)).explode("tag")
    repeated = len(tagged.drop_duplicates([*APART, "tag"])) - len(tagged.drop_duplicates([*MERGED, "tag"]))
    return 12 * extra_funcs(functions) + 16 * repeated
