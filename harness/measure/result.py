"""Results as measure takes them, see harness.results: one policy of a kernel at a time."""

from __future__ import annotations

from os import PathLike

from harness import results
from harness.files import write
from harness.results import BASELINE, HEADLINE, SHIPPED, Result, read_bytes

__all__ = ["BASELINE", "HEADLINE", "SHIPPED", "Result", "load", "read_bytes", "results_under", "write"]


def load(folder: str | PathLike[str], policy: str | None = None) -> Result:
    """The Result in a folder.

    Parameters
    ----------
    folder : path-like
        Of results, or of a report.
    policy : str, optional
        Its name; by default that of the headline if it is there, else the first.

    Raises
    ------
    MeasureError
        There is none, a file is missing or malformed, or is not the one that the manifest was written for.
    """
    found = results.load(folder)
    return found.some(HEADLINE) if policy is None else found[policy]


def results_under(folder: str | PathLike[str]) -> list[Result]:
    """The Results of all policies in a folder, the headline policy first; errors as of `load`."""
    return results.load(folder).results()
