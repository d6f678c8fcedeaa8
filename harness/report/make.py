"""From a kernel, or from results that were encoded before, to a report's folder."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from harness.measure import csv_bytes, results_under, write
from harness.report import markdown
from harness.report.folder import ABOUT, read, replacing, text_of, write_about
from harness.report.report import build
from harness.report.worker import worker

TABLES = "tables"
"""Folder in a report for its tables as plain text and LaTeX."""


def command_line(source, out):
    """What a user types for a report."""
    return shlex.join(["btf-harness", "report", str(source), "-o", str(out)])


def make(kernel, out, threads=2, progress=None, witnesses=True, command=None, index=None):
    """Encode a kernel under every policy and write the report.

    Parameters
    ----------
    kernel : harness.kernels.Kernel
    out : path-like
        Folder of the report: made, or replaced in one step when all is done.
    threads : int
    progress : harness.ui.Progress, optional
        Told of the stages.
    witnesses : bool
        Also ask bpftool and the running kernel.
    command : str, optional
        What makes the report again, for its reader; by default the command line.
    index : str, optional
        Link from the page to the list of all reports, see harness.report.index.

    Returns
    -------
    Report

    Raises
    ------
    HarnessError
        Of any stage; what was at `out` stays.
    """
    from harness import run
    from harness.functions.policies import POLICIES

    with replacing(out) as fresh, worker(threads) as pool:
        progress = progress or run.Silent()
        prepared = run.prepare(kernel, threads, progress=progress)
        progress.stage("encode under each policy")
        folders = [run.write_result(fresh / "btf" / policy, prepared, run.encode(prepared, policy))
                   for policy in POLICIES]
        run.write_forms(fresh / "btf", prepared)
        del prepared
        progress.stage("measure, ask the witnesses, draw")
        report = build(folders, witnesses, threads, command or command_line(kernel.path, out), pool)
        progress.stage("write")
        write_files(report, fresh, index)
    return report


def render(source, out, witnesses=True, threads=2, command=None, index=None):
    """Write the report of results that were encoded before.

    Parameters
    ----------
    source : path-like or list of path-like
        A result folder, a report whose results are still there, or result folders, one per policy.
    out : path-like
        Folder of the report. Results that are in it stay there.
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
    """
    sources = source if isinstance(source, list) else [source]
    results = [r for one in sources for r in results_under(one)]
    if command is None:
        first = Path(sources[0])
        command = read(first).about["command"] if (first / ABOUT).is_file() else command_line(first, out)
    out = Path(os.path.realpath(out))
    with replacing(out) as fresh:
        report = build(results, witnesses, threads, command)
        _keep([r.folder for r in results], out, fresh)
        write_files(report, fresh, index)
    return report


def _keep(folders, out, fresh):
    """Results that are in the folder which is about to be replaced go on in the new one."""
    from harness.run import FORMS

    for folder in folders:
        folder = Path(os.path.realpath(folder))
        if out in folder.parents:
            forms = folder.parent / FORMS
            for path in [p for p in folder.rglob("*") if p.is_file()] + ([forms] if forms.is_file() else []):
                place = fresh / path.relative_to(out)
                place.parent.mkdir(parents=True, exist_ok=True)
                if not place.exists():
                    os.link(path, place)


def write_files(report, folder, index=None):
    """Write a Report into an empty folder: report.md, index.html, CSV, PNG and SVG, tables/, and last report.json.

    Raises
    ------
    MeasureError
        A file cannot be written.
    """
    from harness.report import page

    folder = Path(folder)
    (folder / TABLES).mkdir(parents=True, exist_ok=True)
    files = {f"{name}.csv": csv_bytes(table) for name, table in report.frames.items()}
    for figure in report.figures:
        files |= {f"{figure.stem}.{suffix}": data for suffix, data in figure.images.items()}
    for table in report.tables:
        files[f"{TABLES}/{table.name}.txt"] = text_of(table.text() + "\n")
        files[f"{TABLES}/{table.name}.tex"] = text_of(table.latex() + "\n")
    files["report.md"] = text_of(markdown.render(report))
    files["index.html"] = text_of(page.render(report, index))
    for name, data in files.items():
        write(folder / name, data)
    there = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    write_about(folder, {**report.about, "files": [*there, ABOUT]})
