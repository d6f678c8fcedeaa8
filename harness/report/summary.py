"""The end of a run: a short table, the finding in one sentence, and where the files are."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.measure import BASELINE
from harness.report.folder import MARKDOWN, PAGE
from harness.report.tables import Table, cell, says_nothing
from harness.report.words import wrapped

COLUMNS = ("encoding", "added", "added_percent", "zstd_added", "newly_attachable", "bytes_each", "loads")
"""Columns of verdict.csv."""

WIDTH = 79
"""Columns of text where there is no terminal."""

NARROWEST = 40


def summary_table(report):
    """The Table of the verdicts: one row per form, COLUMNS as far as they were measured."""
    frame = report.frames["verdict"]
    today = frame.iloc[0]
    forms = frame.iloc[1:].reset_index(drop=True)
    caption = (f"{report.about['kernel']}: forms under policy {report.about['policy']}, over today's file ({BASELINE} "
               f"under {today.policy}, {today.bytes:,} bytes); newly_attachable: functions that fentry could attach to "
               "if the kernel read addresses.")
    columns = tuple(c for c in COLUMNS if not says_nothing(forms[c]))
    return Table("summary", forms, columns=columns, caption=caption)


def show(report, folder, index=None, stream=None):
    """Print the summary of a report: with rich on a terminal that is wide enough, else as plain text.

    Parameters
    ----------
    report : Report
    folder : path-like
        Where it was written.
    index : path-like, optional
        The list of all reports, if it was written.
    stream : text file, optional
        Standard output by default.
    """
    stream = stream or sys.stdout
    table = summary_table(report)
    said = report.about["finding"]
    if not report.ok:
        said = "FAILED: an invariant does not hold; see the report. " + said
    folder = Path(folder)
    files = ((folder / PAGE, "the page"), (folder / MARKDOWN, "the same as Markdown"),
             (folder, "all tables as CSV, text and LaTeX, plots as PNG and SVG"),
             *([(index, "the list of all kernels measured")] if index else []))
    from rich.console import Console

    console = Console(file=stream, highlight=False)
    if not stream.isatty() or console.width < WIDTH:  # rich would cut numbers short; text is put into blocks
        width = max(NARROWEST, console.width) if stream.isatty() else WIDTH
        where = "\n".join(f"{path}: {what}" for path, what in files)
        print(table.text(width), "\n".join(wrapped(said, width)), where, sep="\n\n", file=stream)
        return
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(title=Text(table.caption), title_justify="left", title_style="dim", box=None, pad_edge=False,
                padding=(0, 2, 0, 0), header_style="bold")
    for i, name in enumerate(table.columns):
        grid.add_column(name, justify="right" if i else "left")
    for row in table.frame[list(table.columns)].itertuples(index=False):
        grid.add_row(*(Text(v if isinstance(v, str) else cell(c, v))
                       for c, v in zip(table.columns, row, strict=True)))
    console.print(grid)
    console.print(Text(said.replace(" %", "\N{NO-BREAK SPACE}%"), style="bold" if report.ok else "bold red"))
    for path, what in files:
        console.print(Text.assemble(str(path), (f": {what}", "dim")), soft_wrap=True)
