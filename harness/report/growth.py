"""What addresses add to .BTF on each kernel at hand: measured, kept as one CSV, and as README shows it.

    python -m harness.report.growth data/recorded/growth.csv reports/sample/plot_growth.png

measures every kernel in the cache that has a name and writes the CSV, and a picture of it. With `--keep` the CSV stays,
and only the picture is drawn.
"""

from __future__ import annotations

import re
import sys
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from harness import encodings as enc
from harness import kernels, run
from harness.errors import MeasureError
from harness.files import write
from harness.kernels import building
from harness.process import give_memory_back
from harness.results import BASELINE, csv_bytes
from harness.results.selection import counts_of

if TYPE_CHECKING:
    import pandas as pd

    from harness.kernels import Kernel

POLICY = "all"

COLUMNS = {"kernel": "str", "encoding": "str", "bytes": "int64", "delta": "int64", "percent": "float64",
           "pairs": "int64", "extra FUNC": "int64"}
"""Columns of the CSV and their dtypes: the kernel's words, and what harness.measure.columns says of each."""

MADE = {building.FLAVOURS["none"]: f"clang {building.CLANG}, small",
        building.FLAVOURS["thin"]: f"clang {building.CLANG} with ThinLTO, small"}
"""How kernels of a flavour were built that no distribution offers."""


def known() -> list[Kernel]:
    """The kernels in the cache that have a name, in the order of the catalogue and then those that were built, but the
    newest versions first."""
    there = kernels.cached()
    names = [entry.name for entry in kernels.catalogue()]
    found = {name: next((k for k in there if k.name == name), None)
             for name in [*names, *(k.name for k in there if k.provenance.get("flavour") in MADE)]}
    return sorted(filter(None, found.values()), key=lambda k: [-n for n in version(k.label)])


def version(words: str) -> list[int]:
    """The first numbers in a kernel's words, as [7, 3, 4]."""
    match = re.search(r"\d+(\.\d+)+", words)
    return [int(n) for n in match[0].split(".")] if match else []


def words_of(kernel: Kernel, bits: int, byteorder: str) -> str:
    """A kernel's version, flavour and architecture, and in parentheses what sets it apart, str."""
    distribution, _, release = kernel.provenance.get("distribution", "").partition("-")
    notes = [release, MADE.get(kernel.provenance.get("flavour", "")), f"{bits} bit" if bits != 64 else None,
             "big endian" if byteorder == "big" else None]
    name = kernel.label.removeprefix(distribution + "-").removeprefix(release + "-")
    return name + (f" ({', '.join(filter(None, notes))})" if any(notes) else "")


def measured(kernel: Kernel, threads: int = 2) -> pd.DataFrame:
    """What each encoding made by default adds to one kernel: DataFrame COLUMNS, the baseline first.

    Parameters
    ----------
    kernel : harness.kernels.Kernel
        With a name.
    threads : int
        The result does not depend on it.

    Raises
    ------
    HarnessError
        It cannot be read or encoded.
    """
    program = run.prepare(kernel, threads)
    encoded = run.encode(program, POLICY)
    words = words_of(kernel, program.kernel["bits"], program.kernel["byteorder"])
    sizes = {name: sum(map(len, made.sections.values())) for name, made in encoded.artifacts.items()}
    funcs = {name: len(enc.parse(data).types.func_ids()) for name, data in encoded.files.items()}
    pairs, base = counts_of(encoded)["pairs"], sizes[BASELINE]
    return _frame((words, name, size, size - base, round(100 * (size - base) / base, 2), pairs,
                   funcs[name] - funcs[BASELINE]) for name, size in sizes.items())


def _frame(rows):
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(COLUMNS)).astype(COLUMNS)


def read(path: str | PathLike[str]) -> pd.DataFrame:
    """The CSV, DataFrame COLUMNS.

    Raises
    ------
    MeasureError
        It cannot be read, or has other columns.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if list(table.columns) != list(COLUMNS):
            raise ValueError(f"columns {', '.join(table.columns)}")
        return table.astype(COLUMNS)
    except (OSError, ValueError) as error:
        raise MeasureError(f"expected a table with the columns {', '.join(COLUMNS)}, found: {error}", path) from error


def table_lines(table: pd.DataFrame) -> list[str]:
    """The table as README has it: Markdown lines, a row for each kernel.

    Parameters
    ----------
    table : DataFrame
        As from `read`.
    """
    encodings = [name for name in table.encoding.unique() if name != BASELINE]
    head = [f"Debian kernel, policy `{POLICY}`", f"`{BASELINE}`, bytes",
            *(text for name in encodings for text in (f"`{name}`", "")), "pairs", "extra FUNCs"]
    lines = ["|" + "|".join(f" {text} " if text else " " for text in head) + "|", "|---|" + "---:|" * (len(head) - 1)]
    for words, rows in table.groupby("kernel", sort=False):
        by_name = rows.set_index("encoding")
        base = by_name.loc[BASELINE]
        cells = [words, f"{base.bytes:,}"]
        for name in encodings:
            cells += [f"{by_name.delta[name]:+,}", f"{100 * by_name.delta[name] / base.bytes:+.1f} %"]
        lines.append("| " + " | ".join([*cells, f"{base.pairs:,}", f"{rows['extra FUNC'].max():,}"]) + " |")
    return lines


def draw(table: pd.DataFrame, path: str | PathLike[str]) -> None:
    """Write the picture of the table, PNG.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    from harness.report import plots

    plot, base = plots.ACROSS["growth"], table.kernel.map(table[table.encoding == BASELINE].set_index("kernel").bytes)
    exact = table.assign(percent=100 * table.delta / base)[table.encoding != BASELINE]
    caption = f"Debian kernels, policy {POLICY}, over {BASELINE} of the same policy; data/recorded/growth.csv"
    write(Path(path), plots.draw(plot.function, exact, plot.height_inches, caption)["png"])


def main(arguments: list[str]) -> None:
    """What the module does, see there."""
    import argparse

    import pandas as pd

    parser = argparse.ArgumentParser("harness.report.growth", description="Measure the growth of every cached kernel.")
    parser.add_argument("--keep", action="store_true", help="measure nothing, take the CSV as it is")
    parser.add_argument("csv", help="the table")
    parser.add_argument("png", nargs="?", help="its picture")
    args = parser.parse_args(arguments)
    if not args.keep:
        found = []
        for kernel in known():
            print(kernel.name, flush=True)
            found.append(measured(kernel))
            give_memory_back()
        if not found:
            raise MeasureError("expected kernels in the cache, found none: btf-harness fetch NAME")
        write(Path(args.csv), csv_bytes(pd.concat(found, ignore_index=True)))
    table = read(args.csv)
    if args.png:
        draw(table, args.png)
    print("\n".join(table_lines(table)))


if __name__ == "__main__":
    main(sys.argv[1:])
