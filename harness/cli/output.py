"""What verbs write in the same way, and the exit codes that they return."""

from __future__ import annotations

import sys

from harness import process
from harness.errors import visible

EXIT_OK, EXIT_FAILED, EXIT_INPUT = 0, 1, 2


def say_uncovered(folder, policy):
    """Say on stderr what of the file the results of a policy do not cover."""
    from harness.results.coverage import uncovered

    for text in uncovered(folder.manifest, policy):
        print(f"  {visible(text)}", file=sys.stderr)


def print_rows(args, columns, rows):
    """Write rows as text, CSV or JSON, and on stderr how many there are and of how many names, the first of each."""
    from harness.text.plain import aligned

    if args.csv:
        print_csv(columns, rows)
    elif args.json:
        from harness.results import to_json

        sys.stdout.write(to_json([dict(zip(columns, row, strict=True)) for row in rows]))
    else:
        rows = [tuple(map(_bit, row)) for row in rows]
        text = aligned(columns, rows)
        width = process.terminal_width()
        if width is not None and max(map(len, text.splitlines())) > width:
            import pandas as pd

            from harness.report.tables import Table

            text = Table("functions", pd.DataFrame(rows, columns=list(columns))).text(width) + "\n"
        sys.stdout.write(text)
    say_rows(args, [row[0] for row in rows])


def print_csv(columns, rows):
    """Write rows as CSV: a bit as 1 or 0, a float with two decimals, and what is unknown as nothing."""
    import csv

    said = ([f"{x:.2f}" if isinstance(x, float) else _bit(x) for x in row] for row in rows)
    csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *said])


def _bit(value):
    """1 or 0 for a bit, any other value as it is."""
    return int(value) if isinstance(value, bool) else value


def say_rows(args, names):
    """Say on stderr how many rows there are, and how many names."""
    if not args.quiet:
        sys.stdout.flush()
        n, distinct = len(names), len(set(names))
        print(f"{n:,} row{'s' * (n != 1)}, {distinct:,} name{'s' * (distinct != 1)}", file=sys.stderr)


class Shown:
    """Standard output as a binary file, of which a terminal sees no control characters but the ends of lines."""

    def write(self, data):
        sys.stdout.write("\n".join(map(visible, data.decode("utf-8", "backslashreplace").split("\n"))))
