"""What a report is before it has a form: headings, words, tables and figures in order.

The same document becomes report.md (harness.report.markdown) and index.html (harness.report.page), so that both say
the same. Words are CommonMark, figures belong to a plot of harness.report.plots.PLOTS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Heading(NamedTuple):
    """A heading: `level` 1 for the report's own, 2 for a section, 3 within one; `text` is plain text."""

    level: int
    text: str


class Words(NamedTuple):
    """Paragraphs or lists, as CommonMark."""

    markdown: str


class Figure(NamedTuple):
    """A plot, drawn.

    Attributes
    ----------
    name : str
        Of harness.report.plots.PLOTS; the files are plot_NAME.png, plot_NAME.svg and plot_NAME.csv.
    finding : str
        One sentence that says what it shows: the title in the picture, and the text for those who cannot see it.
    caption : str
        Kernel, version, policy, version of this program.
    images : dict of str to bytes
        By suffix: png, svg; narrow is an SVG for a phone, which is no file of a report.
    """

    name: str
    finding: str
    caption: str
    images: dict

    @property
    def stem(self):
        """Stem of the names of its files."""
        return f"plot_{self.name}"


@dataclass(frozen=True)
class Report:
    """A report, not yet written.

    Attributes
    ----------
    about : dict
        What report.json says, see harness.report.folder.
    blocks : list of Heading, Words, Table or Figure
        What a reader sees, in order; Tables are those of harness.report.tables.
    frames : dict of str to DataFrame
        Every CSV by its stem: those of the tables and plots, and those that are only files.
    functions : DataFrame
        All function instances, for the search of the page.
    ok : bool
        Whether all invariants hold. A program should end with status 1 when they do not.
    measurements : DataFrame or None
        Every byte of every file, for measurements.csv of the results.
    """

    about: dict
    blocks: list
    frames: dict
    functions: object
    ok: bool
    measurements: object = None

    @property
    def tables(self):
        """The Tables among the blocks."""
        return [b for b in self.blocks if hasattr(b, "frame")]

    @property
    def figures(self):
        """The Figures among the blocks."""
        return [b for b in self.blocks if isinstance(b, Figure)]
