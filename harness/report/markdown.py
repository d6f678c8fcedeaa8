"""report.md: a document as Markdown, for a reader on a forge or in an editor."""

from __future__ import annotations

from harness.report.document import Figure, Heading, Words
from harness.report.tables import escaped


def render(report):
    """The Report as Markdown, str: its blocks, and below the title the main finding in a sentence."""
    parts = list(map(_block, report.blocks))
    parts.insert(1, f"**{escaped(report.about['finding'])}**")
    return "\n\n".join(parts) + "\n"


def _block(block):
    if isinstance(block, Heading):
        return f"{'#' * block.level} {escaped(block.text)}"
    if isinstance(block, Words):
        return block.markdown
    if isinstance(block, Figure):
        return f"![{_alt(block.finding)}]({block.stem}.png)"
    return block.markdown()


def _alt(text):
    """Text for the alt of an image: brackets would end it."""
    return escaped(text).replace("]", "\\]")
