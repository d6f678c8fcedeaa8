"""Tables: a frame that goes whole into a CSV, and as Markdown into the report."""

from __future__ import annotations

from typing import NamedTuple


class Table(NamedTuple):
    """One table of a report.

    Attributes
    ----------
    name : str
        Stem of the CSV's name.
    frame : DataFrame
        What the CSV holds.
    shown : int or None
        Rows in the report; all when None.
    """

    name: str
    frame: object
    shown: int | None = None

    def markdown(self):
        """The table as Markdown, with a line that says where the rest is when rows were cut."""
        columns = list(self.frame.columns)
        numbers = [self.frame[c].dtype.kind in "if" for c in columns]
        rows = self.frame if self.shown is None else self.frame.head(self.shown)
        lines = ["| " + " | ".join(map(escaped, columns)) + " |",
                 "|" + "|".join("---:" if n else "---" for n in numbers) + "|"]
        lines += ["| " + " | ".join(cell(c, v) for c, v in zip(columns, row, strict=True)) + " |"
                  for row in rows.itertuples(index=False)]
        left = len(self.frame) - len(rows)
        if left:
            lines += ["", f"[{left:,} others in {self.name}.csv]"]
        elif not len(self.frame):
            lines = ["(none)"]
        return "\n".join(lines)


def cell(column, value):
    """One value as text: integers with thousands separators, differences and percents with a sign."""
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return "yes" if value else "**FAILED**" if column == "holds" else "no"
    if isinstance(value, str):
        return escaped(value)
    if column.endswith("percent"):
        return f"{value:+.2f} %"
    if isinstance(value, float):
        return "-" if value != value else f"{value:,.2f}"
    if column.endswith(("delta", "difference", "extra FUNC")):
        return f"{value:+,}" if value else "0"
    return f"{value:,}"


def number(text):
    """The number in a cell that `cell` wrote, int or float; what the tests read the report with."""
    text = text.replace(",", "").removesuffix(" %")
    return float(text) if "." in text else int(text)


def escaped(text):
    """Text that means itself in a Markdown table."""
    text = str(text).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
    for sign in "*_`<[":
        text = text.replace(sign, "\\" + sign)
    return text
