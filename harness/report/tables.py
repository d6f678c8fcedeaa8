"""Tables: a frame that is written in full as CSV, and shown as Markdown, plain text or LaTeX.

All forms show the same cells: `plain` writes a value, and each form only escapes what it wrote.
"""

from __future__ import annotations

import math
import re
import textwrap
from typing import NamedTuple

from harness.measure.taken import SORTED
from harness.report.words import wrapped
from harness.text.plain import ascii_text

WIDTH = 72
"""Columns of plain text, so that it can be quoted in mail."""

GAP = 2
"""Spaces between the columns of plain text."""

NARROW, WORD = 14, 24
"""A column of words is not squeezed below NARROW characters, nor below its longest word if that has at most WORD, as
long as another block of columns can be begun instead."""

JOINTS = "-/_.:+"
"""Characters after which a word longer than its column may be cut."""

KIND = 10
"""Words in a column's name up to this length stay whole, such as FUNC_PROTO."""

LONG = 40
"""Rows from which on LaTeX may break a table across pages."""

TOTAL = "total"
"""The cell that makes its row a sum: a rule is drawn above it."""

PACKAGES = "% \\usepackage{array,booktabs,longtable}"


class Table(NamedTuple):
    """One table of a report.

    Attributes
    ----------
    name : str
        Stem of the CSV's name.
    frame : DataFrame
        What the CSV holds.
    shown : int or None
        Rows that a reader sees; all when None.
    columns : sequence of str or None
        Columns that a reader sees, in this order; all when None.
    caption : str
        Plain text.
    """

    name: str
    frame: object
    shown: int | None = None
    columns: tuple | None = None
    caption: str = ""

    def markdown(self):
        """The table as Markdown, with a line that says where the rest is when rows were cut."""
        frame = self._seen()
        numbers = [is_number(frame[c]) for c in frame.columns]
        lines = ["| " + " | ".join(map(escaped, frame.columns)) + " |",
                 "|" + "|".join("---:" if n else "---" for n in numbers) + "|"]
        lines += ["| " + " | ".join(cell(c, v) for c, v in zip(frame.columns, row, strict=True)) + " |"
                  for row in frame.itertuples(index=False)]
        if self._rest():
            lines += ["", self._rest()]
        elif not len(self.frame):
            lines = ["(none)"]
        return "\n".join(lines)

    def text(self, width=WIDTH):
        """The table as plain ASCII, lines of at most `width` characters; str without a newline at its end.

        Numbers are right-aligned, words left-aligned and wrapped where they are too long. A frame that is too wide is
        split into blocks of columns, one under the other, each of which begins with the columns that name the row. The
        caption is above, rows that were cut are announced below.
        """
        parts = ["\n".join(wrapped(ascii_text(self.caption), width))] if self.caption else []
        if not len(self.frame):
            return "\n".join([*parts, "(none)"])
        columns = self._columns()
        parts += ["\n".join(_text_block(block, _fitted(block, width))) for block in _blocks(columns, width)]
        if self._rest():
            parts.append("\n".join(wrapped(self._rest(), width)))
        return "\n\n".join(parts)

    def latex(self, width=WIDTH):
        """The table as LaTeX for a document with the packages array, booktabs and longtable, str.

        A `table`, or from LONG rows on a `longtable` that breaks across pages, with the caption and the label
        ``tab:NAME``. Columns are split into blocks as in `text`; `width` is that of the page in characters.
        """
        caption = f"\\caption{{{_latex(ascii_text(self.caption or self.name))}}}\\label{{tab:{self.name}}}"
        if not len(self.frame):
            return "\n".join([PACKAGES, r"\begin{table}[htbp]", r"\centering\small", caption, "",  "(none)",
                              r"\end{table}"])
        columns = self._columns()
        blocks = _blocks(columns, width)
        rest = f"\\par {_latex(self._rest())}" if self._rest() else ""
        if len(columns[0].cells) > LONG:
            lines = [PACKAGES, r"\begingroup\small"]
            for i, block in enumerate(blocks):
                lines += _latex_long(block, _fitted(block, width), "" if i else caption + r"\\")
            return "\n".join([*lines, *filter(None, [rest]), r"\endgroup"])
        lines = [PACKAGES, r"\begin{table}[htbp]", r"\centering\small", caption, ""]
        for block in blocks:
            lines += [*_latex_block(block, _fitted(block, width)), "", r"\medskip"]
        return "\n".join([*lines[:-2], *filter(None, [rest]), r"\end{table}"])

    def _seen(self):
        """What a reader sees, DataFrame."""
        frame = self.frame if self.columns is None else self.frame[list(self.columns)]
        return frame if self.shown is None else frame.head(self.shown)

    def _rest(self):
        """How many rows are cut and where they are, or ''."""
        left = len(self.frame) - len(self._seen())
        return f"[{left:,} other{'s' * (left != 1)} in {self.name}.csv]" if left else ""

    def _columns(self):
        frame = self._seen()
        return [_Column(name, is_number(frame[name]), [ascii_text(plain(name, v)) for v in frame[name].tolist()])
                for name in frame.columns]


def is_number(column):
    """Whether a column of a frame holds numbers, which are right-aligned."""
    return column.dtype.kind in "if"


def says_nothing(column):
    """Whether no cell of a column tells one row from another: each is missing, '-', or says that there was nothing to
    do."""
    return column.isna().all() or set(column) <= {"-", SORTED}


def plain(column, value):
    """One value as plain text: integers with thousands separators, differences and percents with a sign.

    What is missing is '-'.
    """
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return "yes" if value else "FAILED" if column == "holds" else "no"
    if isinstance(value, str):
        return value.replace("\n", " ")
    if value is None or type(value).__name__ == "NAType" or value != value:
        return "-"
    if column.endswith("percent"):
        return f"{value:+.2f} %"
    if isinstance(value, float):
        return f"{whole(value):,}" if column.startswith("bytes") else f"{value:,.2f}"
    if column.endswith(("delta", "difference", "extra FUNC", "added")):
        return f"{value:+,}" if value else "0"
    return f"{value:,}"


def whole(value):
    """A float as an int, halves away from 0: the same before and after it was kept with two decimals in a CSV."""
    return int(math.copysign(math.floor(abs(round(value, 2)) + 0.5), value))


def cell(column, value):
    """One value as Markdown, see `plain`; a check that does not hold is bold."""
    text = plain(column, value)
    return f"**{text}**" if text == "FAILED" and not isinstance(value, str) else escaped(text)


def number(text):
    """The number in a cell that `cell` wrote, int or float; the tests read reports with it."""
    text = text.replace(",", "").removesuffix(" %")
    return float(text) if "." in text else int(text)


def escaped(text):
    """Text escaped for a Markdown table."""
    text = str(text).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
    for sign in "*_`<[":
        text = text.replace(sign, "\\" + sign)
    return text


class _Column(NamedTuple):
    """What is shown of a column: its name, whether it is right-aligned, its cells in ASCII."""

    name: str
    number: bool
    cells: list

    @property
    def natural(self):
        """Width at which no cell is wrapped; the head may be, at spaces and underscores."""
        return max([*map(len, self.cells), *map(len, _pieces(self.name))])

    @property
    def least(self):
        """Width below which it is squeezed only if nothing else helps."""
        if self.number:
            return max([*map(len, self.cells), *(min(len(piece), WORD) for piece in _pieces(self.name))])
        longest = max((len(word) for cell in self.cells for word in cell.split()), default=0)
        return min(self.natural, max(NARROW, min(longest, WORD)))


def _pieces(name):
    """A column's name, cut where its head may be wrapped: at spaces, and long words after underscores."""
    return [piece for word in ascii_text(name).split(" ") if word
            for piece in ([word] if len(word) <= KIND else re.findall("[^_]*_|[^_]+", word))] or [""]


def _head(column, width):
    """The lines of a column's head."""
    lines = [""]
    for piece in _pieces(column.name):
        glue = "" if lines[-1].endswith("_") or not lines[-1] else " "
        if lines[-1] and len(lines[-1] + glue + piece) > width:
            lines.append("")
            glue = ""
        lines[-1] += glue + piece
    return [part for line in lines for part in textwrap.wrap(line, width)] or [""]


def _blocks(columns, width):
    """The columns in groups that fit into a width, each beginning with those that name a row."""
    n_keys = 0
    while n_keys < len(columns) and not columns[n_keys].number:
        n_keys += 1
    if n_keys == len(columns) and _breadth(min(c.natural, NARROW) for c in columns) <= width:
        return [columns]  # of words alone the first may not tell the rows apart, so rather squeezed than split
    if n_keys == len(columns) or _breadth(c.least for c in columns[:n_keys]) > width // 2:
        n_keys = 0
    keys = columns[: max(n_keys, 1)]
    blocks = [list(keys)]
    for column in columns[len(keys):]:
        if len(blocks[-1]) > len(keys) and _breadth(c.least for c in [*blocks[-1], column]) > width:
            blocks.append(list(keys))
        blocks[-1].append(column)
    return blocks


def _breadth(widths):
    widths = list(widths)
    return sum(widths) + GAP * (len(widths) - 1)


def _fitted(block, width):
    """Width of each column of a block: the widest words are squeezed until all fit; heads get what is left over."""
    floors = [c.least for c in block]
    if _breadth(floors) > width:
        floors = [max(map(len, c.cells)) if c.number else 1 for c in block]
    for level in range(width, -1, -1):
        widths = [max(floor, min(c.natural, level)) for c, floor in zip(block, floors, strict=True)]
        if _breadth(widths) <= width:
            break
    for i, column in enumerate(block):
        wanted = len(ascii_text(column.name)) - widths[i]
        if 0 < wanted <= width - _breadth(widths):
            widths[i] += wanted
    return widths


def _text_block(block, widths):
    heads = [_head(c, w) for c, w in zip(block, widths, strict=True)]
    depth = max(map(len, heads))
    lines = _lines(block, widths, [[""] * (depth - len(h)) + h for h in heads])
    lines.append((" " * GAP).join("-" * w for w in widths))
    for row in zip(*(c.cells for c in block), strict=True):
        if TOTAL in row:
            lines.append("-" * _breadth(widths))
        lines += _lines(block, widths, [[text] if c.number else _wrapped(text, w)
                                        for c, w, text in zip(block, widths, row, strict=True)])
    return lines


def _wrapped(text, width):
    """A cell of words as lines; an indent is kept."""
    indent = min(len(text) - len(text.lstrip()), width // 2)
    further = indent + 2 if indent and indent + 2 < width // 2 else indent
    pieces = [piece for word in text.split() for piece in _joints(word, width - further)]
    lines = [" " * indent]
    for glue, piece in pieces:
        glue = glue if lines[-1].strip() else ""
        if lines[-1].strip() and len(lines[-1]) + len(glue) + len(piece) > width:
            lines.append(" " * further)
            glue = ""
        lines[-1] += glue + piece
    return lines if pieces else [""]


def _joints(word, width):
    """(space before it, piece) of a word: one, or if it is longer than a line several, cut where it has joints."""
    glue = " "
    while len(word) > width:
        cut = max((word.rfind(joint, width // 2, width) for joint in JOINTS), default=-1) + 1 or width
        yield glue, word[:cut]
        glue, word = "", word[cut:]
    yield glue, word


def _lines(block, widths, cells):
    """The lines of one row of cells, each a list of lines."""
    depth = max(map(len, cells))
    rows = zip(*(c + [""] * (depth - len(c)) for c in cells), strict=True)
    return [(" " * GAP).join(text.rjust(w) if c.number else text.ljust(w)
                             for c, w, text in zip(block, widths, row, strict=True)).rstrip() for row in rows]


LATEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "#": r"\#", "$": r"\$", "%": r"\%", "&": r"\&",
         "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
         "|": r"\textbar{}", "`": r"\textasciigrave{}", '"': r"\char34{}", "[": "{[}", "*": "{*}"}
"""Characters that need escaping; '[' and '*' would be taken as arguments of a line break before them."""


def _latex(text):
    """ASCII text escaped for LaTeX; leading spaces are kept as an indent."""
    bare = text.lstrip()
    indent = r"\quad " * ((len(text) - len(bare)) // 2)
    return indent + re.sub("-(?=-)", "-{}", "".join(LATEX.get(c, c) for c in bare))


def _latex_rows(block, widths):
    """(head, body) of a block, each a list of lines that end in two backslashes, with rules."""
    heads = [_head(c, w) for c, w in zip(block, widths, strict=True)]
    depth = max(map(len, heads))
    head = [_latex_row(row) for row in zip(*([""] * (depth - len(h)) + h for h in heads), strict=True)]
    wraps = [not c.number and w < c.natural for c, w in zip(block, widths, strict=True)]
    body = []
    for row in zip(*(c.cells for c in block), strict=True):
        body += [r"\midrule"] * (TOTAL in row) + [_latex_row(row, wraps)]
    return [r"\toprule", *head, r"\midrule"], body


def _latex_row(cells, wraps=()):
    texts = [r"\textbf{FAILED}" if text == "FAILED" else _latex(text) for text in cells]
    for i in (i for i, wrap in enumerate(wraps) if wrap):
        texts[i] = texts[i].replace(r"\_", r"\_\allowbreak{}")
    return " & ".join(texts) + r" \\"


def _latex_columns(block, widths):
    """The column specification: r for numbers, l for words, p for words that are wrapped (half an em a character)."""
    return "".join("r" if c.number else "l" if w == c.natural else
                   f">{{\\raggedright\\arraybackslash}}p{{{w / 2:g}em}}" for c, w in zip(block, widths, strict=True))


def _latex_block(block, widths):
    head, body = _latex_rows(block, widths)
    return [f"\\begin{{tabular}}{{{_latex_columns(block, widths)}}}", *head, *body, r"\bottomrule", r"\end{tabular}"]


def _latex_long(block, widths, caption):
    head, body = _latex_rows(block, widths)
    return [f"\\begin{{longtable}}{{{_latex_columns(block, widths)}}}", *filter(None, [caption]), *head,
            r"\endfirsthead", *head, r"\endhead", r"\bottomrule", r"\endfoot", *body, r"\end{longtable}"]
