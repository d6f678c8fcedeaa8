"""What a notebook shows: text, code and tables as HTML, each with a plain text form.

Everything says the same on every run. The HTML needs nothing from outside, and no style sheet of its own.
"""

from __future__ import annotations

import html
import re

from harness.report.tables import is_number, plain
from harness.results import as_text

HEXADECIMAL = ("file_offset",)
"""Columns of numbers that are read in hex."""

FIXED_WIDTH = ("raw", "field", "value", "file_offset", "address", "declaration", "prototype")
"""Columns that are shown in letters of one width."""

ONCE = ("item", "invariant")
"""Columns whose value is shown once for all rows below each other that have it."""

WHOLE = (*FIXED_WIDTH, *ONCE, "kernel", "date", "figures", "stage")
"""Columns that are not wrapped, and keep the spaces that they begin with."""

BYTES_PER_LINE = 8
"""Of the column raw."""

QUIET, LOUD = "#0072B2", "#B04A00"
"""Colours of the bar beside a note."""


class Shown:
    """Something to look at.

    Parameters
    ----------
    html, text : str
        The same twice, as HTML and as plain text.
    """

    def __init__(self, html, text):
        self._html, self._text = html, text

    def _repr_html_(self):
        return self._html

    def __repr__(self):
        return self._text


def note(loud, lines, alarm=False):
    """A note with a bar beside it.

    Parameters
    ----------
    loud, lines : list of str
        What is set in bold, and what follows; what is between backticks is code.
    alarm : bool
        In the colour of a warning.
    """
    parts = [f"<b>{marked(line)}</b>" for line in loud] + [marked(line) for line in lines]
    style = f"border-left: 6px solid {LOUD if alarm else QUIET}; padding: 4px 12px"
    return Shown(f'<div style="{style}">{"<br>".join(parts)}</div>', "\n".join([*loud, *lines]))


def listed(sentences):
    """Sentences as a list."""
    if not sentences:
        return Shown("<p>(none)</p>", "(none)")
    return Shown("<ul>" + "".join(f"<li>{marked(s)}</li>" for s in sentences) + "</ul>",
                 "\n".join(f"- {s}" for s in sentences))


def code(text):
    """Text as it stands, in letters of one width."""
    return Shown(f'<pre style="font-size: 85%; line-height: 1.35; overflow-x: auto">{html.escape(text)}</pre>', text)


def both(*parts):
    """One Shown below the other."""
    return Shown("\n".join(p._repr_html_() for p in parts), "\n".join(map(repr, parts)))


def table(frame, note=""):
    """A DataFrame: numbers at the right, as the report's tables write them, and a line below."""
    frame = as_text(frame)
    names = list(map(str, frame.columns))
    numbers = [is_number(frame[c]) for c in frame.columns]
    body = [[_cell(c, v) for c, v in zip(names, row, strict=True)]
            for row in frame.itertuples(index=False, name=None)]
    for i in (i for i, name in enumerate(names) if name in ONCE):
        for row, above in reversed(list(zip(body[1:], body, strict=False))):
            row[i] = "" if row[i] == above[i] else row[i]
    return Shown(_html_table(names, numbers, body, note), _text_table(names, numbers, body, note))


def marked(text):
    """Text as HTML, what is between backticks as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _cell(column, value):
    return f"{value:#06x}" if column in HEXADECIMAL else plain(column, value)


def _html_table(names, numbers, body, note):
    def cells(tag, values):
        for name, number, value in zip(names, numbers, values, strict=True):
            style, text = f"text-align: {'right' if number else 'left'}; vertical-align: top", html.escape(value)
            if tag == "td" and name in FIXED_WIDTH:
                style += "; font-family: monospace"
            if tag == "td" and name in WHOLE:
                style += "; white-space: pre"
            if tag == "td" and name == "raw":
                pieces = text.split(" ")
                text = "<br>".join(" ".join(pieces[i : i + BYTES_PER_LINE])
                                   for i in range(0, len(pieces), BYTES_PER_LINE))
            yield f'<{tag} style="{style}">{text}</{tag}>'

    rows = "\n".join(f"<tr>{''.join(cells('td', row))}</tr>" for row in body)
    text = f"<table><thead><tr>{''.join(cells('th', names))}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    return text + (f"\n<p>{html.escape(note)}</p>" if note else "")


def _text_table(names, numbers, body, note):
    rows = [names, *body]
    width = [max(len(row[i]) for row in rows) for i in range(len(names))]
    lines = ["  ".join(v.rjust(w) if n else v.ljust(w) for v, w, n in zip(row, width, numbers, strict=True)).rstrip()
             for row in rows]
    return "\n".join([*lines, *([note] if note else [])])
