"""Bar charts in ASCII, for mail."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

from harness.report.tables import WIDTH
from harness.text.plain import ascii_text

BAR = "#"

UNBROKEN = "\xa0"
"""A space at which no line ends."""


class Bar(NamedTuple):
    """One bar of a chart.

    Attributes
    ----------
    label : str
        To its left.
    value : int or float, or sequence of them
        Its length; of a stacked bar the length of each part. None is negative.
    text : str
        To its right, such as the value in words.
    """

    label: str
    value: object
    text: str = ""


def bar_chart(rows, width=WIDTH, parts=None):
    """Horizontal bars on one scale from 0, in the order given.

    Parameters
    ----------
    rows : sequence of Bar, or of (label, value, text)
    width : int
        Longest line in characters, provided that labels and texts leave ten for the bars.
    parts : mapping of str to str, optional
        For stacked bars: the character of each part by its name, in the order of the values. A key to those that are
        drawn follows the chart.

    Returns
    -------
    str
        ASCII, without a newline at its end. Each bar ends at the character nearest to its sum, so a part that is
        shorter than half a character may have none; but a bar that is not 0 has at least one.

    Raises
    ------
    ValueError
        A value is negative or not finite, the sign of a part is not one printable ASCII character, or a bar has more or
        fewer parts than `parts`.
    """
    signs = list((parts or {"": BAR}).values())
    if any(len(sign) != 1 or not "!" <= sign <= "~" for sign in signs):
        raise ValueError(f"expected one ASCII character for each part, found {signs}")
    bars = []
    for label, value, text in rows:
        values = [value] if parts is None else list(value)
        if len(values) != len(signs):
            raise ValueError(f"expected {len(signs)} parts of {label}, found {len(values)}")
        if not all(0 <= v < float("inf") for v in values):
            raise ValueError(f"expected numbers of at least 0 for {label}, found {values}")
        bars.append((ascii_text(label), values, ascii_text(text)))
    names = max((len(label) for label, _, _ in bars), default=0)
    room = width - names - 3 - max((len(text) for _, _, text in bars), default=0)
    longest = max((sum(values) for _, values, _ in bars), default=0)
    scale = max(room, 10) / longest if longest else 0
    lines = [f"{label.ljust(names)} |{_drawn(values, signs, scale)} {text}".rstrip() for label, values, text in bars]
    if parts is not None:
        drawn = set("".join(_drawn(values, signs, scale) for _, values, _ in bars))
        key = "   ".join(f"{sign} {ascii_text(name)}".replace(" ", UNBROKEN) for name, sign in parts.items()
                         if sign in drawn)
        lines += [line.replace(UNBROKEN, " ") for line in textwrap.wrap(key, width, break_on_hyphens=False)]
    return "\n".join(lines)


def _drawn(values, signs, scale):
    """The characters of one bar: each part from where the one before ended, so that roundings do not add up."""
    bar, total = "", 0
    for value, sign in zip(values, signs, strict=True):
        total += value
        bar += sign * (round(total * scale) - len(bar))
    return bar or signs[next((i for i, v in enumerate(values) if v), 0)] * (total > 0)
