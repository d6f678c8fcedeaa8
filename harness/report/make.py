"""From a kernel, or from results that were encoded before, to a report's folder."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from harness import results
from harness.files import make_folder, write
from harness.process import give_memory_back
from harness.report import markdown
from harness.report.folder import ABOUT, MARKDOWN, PAGE, read, replacing, text_of, write_about
from harness.report.report import build
from harness.report.worker import worker
from harness.results import IN_REPORT, csv_bytes

if TYPE_CHECKING:
    from harness.kernels import Kernel
    from harness.program import Silent
    from harness.report.document import Report

TABLES = "tables"
"""Folder in a report for its tables as plain text and LaTeX."""


def command_line(source: object, out: object, kernel_step: bool | None = None) -> str:
    """The command that makes a report, as a user types it, str."""
    step = [] if kernel_step is None else ["--kernel-step" if kernel_step else "--no-kernel-step"]
    return shlex.join(["btf-harness", "report", str(source), "-o", str(out), *step])


def make(kernel: Kernel, out: str | os.PathLike[str], threads: int = 2, progress: Silent | None = None,
         witnesses: bool = True, command: str | None = None, index: str | None = None,
         kernel_step: bool | None = None) -> Report:
    """Encode a kernel under every policy, in every form under that of the headline, and write the report.

    Parameters
    ----------
    kernel : harness.kernels.Kernel
    out : path-like
        Folder of the report: made, or replaced in one step when all is done.
    threads : int
        The report does not depend on it.
    progress : harness.ui.Progress, optional
        Told of the stages; silent by default.
    witnesses : bool
        Also ask bpftool and the running kernel.
    command : str, optional
        What makes the report again, for its reader; by default the command line.
    index : str, optional
        Link from the page to the list of all reports, see harness.report.index.
    kernel_step : bool, optional
        As in harness.run.encode.

    Returns
    -------
    Report

    Raises
    ------
    HarnessError
        From any stage; what was at `out` stays.
    """
    from harness import encodings, run
    from harness.functions import DEFAULT, HEADLINE, POLICIES, rules_of

    with replacing(out) as fresh, worker(threads) as pool:
        progress = progress or run.Silent()
        pahole, like = _own_pahole(kernel), None
        walked_apart = pahole is not None and rules_of(pahole).forms != rules_of(DEFAULT).forms
        if pahole is not None and walked_apart:
            progress.stage(f"encode like pahole {pahole}, which wrote the kernel's own .BTF")
            like = _like(run.prepare(kernel, threads, rules=pahole), pahole, kernel_step)
        prepared = run.prepare(kernel, threads, progress=progress,
                               meanwhile={results.TABLES: results.kernel_tables})
        if pahole is not None and not walked_apart:
            like = _like(prepared, pahole, kernel_step)
        progress.stage("encode under each policy")
        every = (run.encode(prepared, policy, encodings.names() if policy == HEADLINE else None,
                            kernel_step=kernel_step) for policy in POLICIES)
        found = results.save_all(fresh / IN_REPORT, prepared, every, run.forms(prepared), like)
        del prepared
        give_memory_back()
        progress.stage("measure, ask the witnesses, draw")
        command = command or command_line(kernel.path, out, kernel_step)
        report = build(found.results(), witnesses, threads, command, pool)
        progress.stage("write")
        found.keep_measurements(report.measurements)
        write_files(report, fresh, index)
    return report


def _own_pahole(kernel):
    """Version of the pahole that wrote the kernel's own .BTF; None if that is not known or has no rules here."""
    from harness.functions import RULES
    from harness.kernels import names

    version = names.pahole_of(kernel.provenance)
    return version if version in RULES else None


def _like(program, pahole, kernel_step):
    """A program encoded as a version of pahole does, an Encoded; None where there is no .BTF to compare it with."""
    from harness import run
    from harness.functions import QUIRKS

    if program.shipped is None:
        return None
    return run.encode(program, "current", [results.BASELINE], pahole, QUIRKS, kernel_step=kernel_step)


def render(source: str | os.PathLike[str] | list, out: str | os.PathLike[str], witnesses: bool = True, threads: int = 2,
           command: str | None = None, index: str | None = None) -> Report:
    """Write the report of results that were encoded before.

    Parameters
    ----------
    source : path-like or list of path-like
        A result folder, a report, or result folders of one kernel under different policies.
    out : path-like
        Folder of the report, which gets the results.
    witnesses : bool
        Also ask bpftool and the running kernel.
    threads : int
        The report does not depend on it.
    command : str, optional
        What makes the report again, for its reader; by default that of the source if it is a report.
    index : str, optional
        Link from the page to the list of all reports.

    Returns
    -------
    Report

    Raises
    ------
    MeasureError
        A source has no results, or its files are missing, malformed or do not belong together; or what is at `out` is
        neither a report nor empty.
    BtfFormatError
        A .btf file is malformed.
    OutputError
        A file cannot be written.
    """
    sources = source if isinstance(source, list) else [source]
    found = [r for one in sources for r in results.load(one).results()]
    if command is None:
        first = Path(sources[0])
        command = read(first).about["command"] if (first / ABOUT).is_file() else command_line(first, out)
    out = Path(os.path.realpath(out))
    with replacing(out) as fresh:
        report = build(found, witnesses, threads, command)
        results.gather(found, fresh / IN_REPORT).keep_measurements(report.measurements)
        write_files(report, fresh, index)
    return report


def write_files(report: Report, folder: str | os.PathLike[str], index: str | None = None) -> None:
    """Write a Report into its folder, which may already hold its results: report.md, index.html, CSV, PNG and SVG,
    tables/, and last report.json.

    Raises
    ------
    OutputError
        A file cannot be written.
    MeasureError
        The page cannot be made, see harness.report.page.render.
    """
    from harness.report import page, plots

    folder, bits = Path(folder), report.about["provenance"].get("bits", 64)
    make_folder(folder / TABLES)
    files = {f"{name}.csv": csv_bytes(table, bits) for name, table in report.frames.items()}
    for figure in report.figures:
        files |= {f"{figure.stem}.{suffix}": data for suffix, data in figure.images.items() if suffix in plots.FILES}
    for table in report.tables:
        files[f"{TABLES}/{table.name}.txt"] = text_of(table.text() + "\n")
        files[f"{TABLES}/{table.name}.tex"] = text_of(table.latex() + "\n")
    files[MARKDOWN] = text_of(markdown.render(report))
    files[PAGE] = text_of(page.render(report, index))
    for name, data in files.items():
        write(folder / name, data)
    there = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    write_about(folder, {**report.about, "files": [*there, ABOUT]})
