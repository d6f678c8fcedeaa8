"""What the notebooks call: a report to look at, and its tables, plots and sentences as a notebook shows them.

==========================================  ========================================================================
``open_report(kernel)``                     the ReportFolder of a kernel: there, made, or recorded; never fetched
``open_all()``                              those of all kernels that were measured, here or before
``about(folder)``                           what the figures are of; loud when they are recorded
``show(folder, table)``                     a table of a report, or any DataFrame
``meanings(columns)``                       what the columns of a table mean
``plot(folder, name)``                      a plot; its finding is in the picture
``forms(folder)``, ``limits()``             what each form writes; what no report says
``growth()``                                the plot of what addresses add on every kernel that was measured
``finding(folder)``, ``said(folder, *findings)``  the report's main sentence; others
``together(folders, table)``                a table of several reports, one below the other
``example(folder)``, ``lookup(folder, name)``   the most repeated name; what a tracer gets for a name
``record(folder, out)``                     keep of a report what the notebooks need, for data/recorded
==========================================  ========================================================================

What is shown says the same on every run, and has no path of this machine; see harness.notebook.shown.
"""

from __future__ import annotations

import functools
import html
import os
import re
import textwrap
from base64 import b64encode
from pathlib import Path

from harness.errors import KernelError, MeasureError
from harness.model import Kind
from harness.notebook import shown
from harness.notebook.shown import Shown
from harness.report.folder import ABOUT, ReportFolder, read, replacing, write_about
from harness.results import is_results, key_of

HOME = "data/kernels.toml"
"""What a checkout of this repository has, by which it is found."""

REPORTS, RECORDED = "reports", "data/recorded"
"""Where reports are made, and where those are kept that were measured before."""

NEEDED = ("verdict", "plot_cost", "plot_ambiguous", "plot_funnel", "policies", "funnel", "skipped", "ambiguity",
          "ambiguous_names", "attachability", "bytes_per_attachable", "refusals", "claims", "invariants", "findings")
"""Tables that every report has and the notebooks show."""

OPTIONAL = ("readers", "survivors", "forms")
"""Those that a report may lack: one without witnesses has no answers."""

GROWTH = "growth.csv"
"""In the folder of what is recorded: what addresses add on many kernels, see harness.report.growth."""

RECORDED_ROWS = 200
"""Rows of a long table that are recorded."""

ASKED = ("cpumask_weight", "wakeup_show")
"""The thread's examples: what is recorded of lookups, besides the kernel's own example."""

WIDTH = 80
"""Columns of a lookup, as the command line has them."""

ABSOLUTE = re.compile(r"(?<![^\s=:'\"])/\S*/")
"""The folders of an absolute path."""


# Where things are

def root():
    """The repository that the notebooks belong to, a Path: the working directory's, else the package's own."""
    here = Path.cwd()
    return next((p for p in (here, *here.parents) if (p / HOME).is_file()), Path(__file__).resolve().parents[2])


def _shown_path(path):
    """A path as a reader may see it: relative to the repository, or the last part alone."""
    path = Path(path).resolve()
    home = root().resolve()
    return path.relative_to(home).as_posix() if path.is_relative_to(home) else path.name


def open_report(kernel=None):
    """The report of a kernel.

    Taken from reports/ when it is there and whole; else made, when the kernel is on this machine; else what was
    recorded of it.

    Parameters
    ----------
    kernel : str, optional
        A catalogue name, a package's name, the path of an ELF file, or the folder of a report. By default what the
        environment variable KERNEL says, else the first of the catalogue's defaults that is measured or on this
        machine, else the first that is recorded.

    Returns
    -------
    ReportFolder

    Raises
    ------
    HarnessError
        There is no such file, or the kernel is neither measured, nor on this machine, nor recorded. Nothing is fetched.
    """
    from harness import kernels

    given = kernel or os.environ.get("KERNEL")
    if not given:
        names = kernels.default_names()
        given = next((name for name in names if _whole(root() / REPORTS / name) or _on_this_machine(name)), names[0])
    wanted = str(given)
    for folder in (Path(wanted), root() / wanted):
        if (folder / ABOUT).is_file():
            return read(folder)
    place = root() / REPORTS / Path(wanted).name
    there = _whole(place)
    here = _on_this_machine(wanted)
    if there and (here is None or os.sep not in wanted or key(here) == key_of(there.about["provenance"])):
        return there
    if here is not None:
        return _make(here, place, wanted)
    kept = root() / RECORDED / Path(wanted).name
    if (kept / ABOUT).is_file():
        return read(kept)
    raise KernelError(f"{wanted} is not measured, not on this machine and not recorded; `make report KERNEL={wanted}` "
                      "fetches and measures it")


def open_all():
    """The reports of all kernels that were measured, those of reports/ before those of data/recorded.

    Returns
    -------
    list of ReportFolder
        One per kernel, by label, numbers as numbers. Folders that are no report of this version are left out, and that
        is printed.
    """
    found = {}
    for parent in (REPORTS, RECORDED):
        for path in sorted((root() / parent).glob(f"*/{ABOUT}")):
            try:
                folder = read(path.parent)
            except MeasureError as error:
                print(f"left out: {_shown_path(path.parent)}: {error.message}")
                continue
            found.setdefault(key_of(folder.about["provenance"]) or folder.about["kernel"], folder)
    return sorted(found.values(), key=lambda f: [int(x) if x.isdecimal() else x
                                                 for x in re.split(r"(\d+)", f.about["kernel"])])


def _whole(place):
    """The report in a directory, or None if there is none that notebooks can use."""
    try:
        folder = read(place) if (place / ABOUT).is_file() else None
    except MeasureError:
        return None  # of another schema, say: it will be made again
    return folder if folder and not [name for name in NEEDED if name not in folder] else None


def _on_this_machine(wanted):
    """The Kernel that is meant, if it is a file or cached; the newest of several.

    Raises
    ------
    KernelError
        A path, and no file is there.
    """
    from harness import kernels

    for path in (Path(wanted), root() / wanted):
        if path.is_file():
            return kernels.resolve(path, progress=False)
    if os.sep in wanted and not (root() / REPORTS / Path(wanted).name / ABOUT).is_file():
        raise KernelError("there is no such file", path=wanted)
    return next((k for k in kernels.cached()
                 if wanted in (k.name, k.label, k.provenance["package"],
                               f"{k.provenance['package']}:{k.provenance['architecture']}")), None)


def key(kernel):
    """What makes a Kernel itself and no other, as key_of says it of results; hashes a file without build id."""
    return key_of({"build_id": kernel.build_id, "sha256": None if kernel.build_id else kernel.sha256})


def _make(kernel, place, wanted):
    """Measure a kernel into a folder, telling on stderr how far it is."""
    from harness import ui
    from harness.report.make import make

    with ui.Progress(f"measuring {kernel.label} into {_shown_path(place)}") as progress:
        make(kernel, place, os.cpu_count() or 1, progress, command=f"make report KERNEL={wanted}")
    return read(place)


# What a notebook shows

def about(*folders):
    """What the figures of reports are of, where and when they were measured; loud when they are recorded."""
    distinct = {folder.path.resolve(): folder for folder in folders}
    return shown.both(*map(_about, distinct.values()))


def _about(folder):
    what, kernel = folder.about, folder.about["provenance"]
    package = " ".join(str(kernel[key]) for key in ("package", "version") if kernel.get(key))
    place, again = _shown_path(folder.path), command(folder)
    loud = [f"{what['kernel']}, measured: the report in {place}, made by `{again}`."]
    if folder.recorded:
        loud = [f"RECORDED FIGURES of {what['kernel']}: nothing was measured now. They are of {_day(folder)} and are "
                f"kept in {place}; `{again}` measures them here."]
    if not what["ok"]:
        loud.insert(0, "AN INVARIANT DOES NOT HOLD: no figure of this report can be trusted.")
    facts = "; ".join([*([f"package {package}"] if package else []), f"build id {kernel.get('build_id') or 'unknown'}",
                       f"btf-harness {what['program']}", f"headline policy `{what['policy']}`"])
    return shown.note(loud, [facts], alarm=folder.recorded or not what["ok"])


def command(folder):
    """What makes a report again, without the folders of this machine."""
    return ABSOLUTE.sub("", folder.about["command"])


def _day(folder):
    return str(folder.about.get("recorded_on", "an unknown day"))


def show(source, name=None, rows=None, columns=None):
    """A table.

    Parameters
    ----------
    source : ReportFolder or DataFrame
    name : str, optional
        The table of the report, as in reports/KERNEL/NAME.csv.
    rows : int, optional
        How many rows to show; all by default. How many there are besides is said below.
    columns : list of str, optional
        Which columns; all by default. That of a kind which none of the encodings touches is left out, as the table has
        none.

    Returns
    -------
    Shown

    Raises
    ------
    MeasureError
        The report has no such table.
    """
    table, total, where = source, None, ""
    if name is not None:
        if name in OPTIONAL and name not in source:
            return shown.note([f"This report has no table {name}."], [])
        table = source[name]
        total = source.about.get("cut", {}).get(name)
        where = f" in {_shown_path(source.path)}/{name}.csv" if total is None else ", not recorded"
    head = table if rows is None else table.head(rows)
    left = (len(table) if total is None else total) - len(head)
    note = f"[{left:,} other{'s' * (left != 1)}{where}]" if left else "" if len(table) else "(none)"
    if columns is not None:
        head = head[[c for c in columns if c in head or c not in Kind.__members__]]
    return shown.table(head, note)


def meanings(columns):
    """What some columns mean: a table column, unit, meaning.

    Parameters
    ----------
    columns : iterable of str
        Of tables of reports and of results.
    """
    import pandas as pd

    from harness.measure import columns_of
    from harness.results import COLUMNS

    known = {**columns_of(), **COLUMNS}
    return show(pd.DataFrame([(name, known[name].unit, known[name].meaning) for name in columns if name in known],
                             columns=["column", "unit", "meaning"]))


def plot(folder, name):
    """A plot of harness.report.plots.PLOTS, drawn of the report's plot_NAME.csv.

    Raises
    ------
    MeasureError
        The report has no such table.
    """
    from harness.report import plots

    drawn, table = plots.PLOTS[name], folder[f"plot_{name}"]
    caption = folder.about["kernel"] + (f", recorded {_day(folder)}" if folder.recorded else "")
    return picture(drawn.function, table, drawn.height_inches, caption, drawn.finding(table))


def growth():
    """The plot of what addresses add to .BTF on the kernels of data/recorded/growth.csv.

    Raises
    ------
    MeasureError
        The table cannot be read.
    """
    from harness.report import growth as kernels
    from harness.report import plots
    from harness.results import BASELINE

    table = kernels.read(root() / RECORDED / GROWTH)
    base = table.kernel.map(table[table.encoding == BASELINE].set_index("kernel").bytes)
    exact, drawn = table.assign(percent=100 * table.delta / base)[table.encoding != BASELINE], plots.ACROSS["growth"]
    caption = f"Debian kernels, policy {kernels.POLICY}, over {BASELINE} of the same policy; {RECORDED}/{GROWTH}"
    return picture(drawn.function, exact, drawn.height_inches, caption, drawn.finding(exact))


def picture(function, frame, height_inches, caption, finding, **arguments):
    """A frame as a plot function of harness.report.plots draws it, a Shown; the finding is what a reader gets who does
    not see it."""
    from harness.report import plots

    image = plots.draw(function, frame, height_inches, caption, **arguments)["svg"]
    return Shown(f'<img src="data:image/svg+xml;base64,{b64encode(image).decode()}" alt="{html.escape(finding)}" '
                 'style="max-width: 100%; background: white">', finding)


def forms(folder):
    """What each form of a report writes, what it costs by its formula, and who proposed it.

    A form that this program does not know, of a report made elsewhere, is left out.
    """
    import pandas as pd

    from harness import encodings

    known = [encodings.encoding(name) for name in folder.about["encodings"] if name in encodings.REGISTRY]
    return show(pd.DataFrame([(e.name, e.summary, e.formula, e.proposed) for e in known],
                             columns=["encoding", "what it writes", "bytes over plain", "proposed by"]))


def limits():
    """What a report does not say, as a list."""
    from harness.report import words

    return shown.listed(list(words.LIMITS))


def finding(folder):
    """The report's main sentence."""
    return shown.note([folder.about["finding"]], [])


def said(folder, *names):
    """Sentences of the report: all of them, or those of these findings."""
    table = folder["findings"]
    return shown.listed([s for f, s in zip(table.finding, table.sentence, strict=True) if not names or f in names])


def together(folders, name, **only):
    """One table of several reports, one below the other.

    Parameters
    ----------
    folders : list of ReportFolder
        Those without the table are left out.
    name : str
    only : str
        Values of columns: rows with others are left out.

    Returns
    -------
    DataFrame
        kernel, different for each report; figures, whether they were measured here or recorded; the table's columns.

    Raises
    ------
    MeasureError
        None of them has the table.
    """
    import pandas as pd

    labels = [folder.about["kernel"] for folder in folders]
    frames = []
    for folder, label in zip(folders, labels, strict=True):
        if name not in folder:
            continue
        table = folder[name]
        for column, value in only.items():
            table = table[table[column] == value]
        table = table.drop(columns=["kernel"], errors="ignore")
        table.insert(0, "kernel", label if labels.count(label) == 1 else f"{label} ({folder.path.name})")
        table.insert(1, "figures", f"recorded {_day(folder)}" if folder.recorded else "measured")
        frames.append(table)
    if not frames:
        raise MeasureError(f"expected a report with a table {name}, found none", root() / REPORTS)
    return pd.concat(frames, ignore_index=True)


def example(folder):
    """A name to look up: that with the most addresses, the thread's names set aside; '' if none has several."""
    names = [name for name in folder["ambiguous_names"].name if name not in ASKED]
    return names[0] if names else ""


def lookup(folder, name):
    """What a tracer gets for a function, as `btf-harness lookup NAME` says under the policy `all`."""
    where = folder.path.name if folder.recorded else _shown_path(folder.path)
    text = f"$ btf-harness lookup {name} {where}\n{_lookup_text(folder, name)}"
    if folder.recorded:
        text = f"RECORDED on {_day(folder)}, kept in {_shown_path(folder.path)}:\n{text}"
    return shown.code(text) if name else shown.note(["No other name of this kernel has several addresses."], [])


def _lookup_text(folder, name):
    if folder.recorded:
        file = f"lookup_{name}.txt"
        if file in folder.about["files"]:
            return folder.file(file).decode("utf-8", "replace").rstrip("\n")
        return f"not recorded; recorded are {', '.join(_recorded_lookups(folder)) or 'none'}"
    from harness import measure
    from harness.text.lookup import to_text

    if not is_results(folder.path):
        return "this report's results are gone; make it again to look names up"
    result = _result(folder.path)
    try:
        return to_text(measure.lookup(result, name)).rstrip("\n")
    except MeasureError as error:
        said = [error.message]
    for row in result.inlined[result.inlined.name == name].itertuples():
        said.append(f"{row.dies:,} DIEs in {row.units:,} compile units have the name, and none has code: it is inlined "
                    "wherever it is called")
    return "\n".join(textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False) for line in said)


def _recorded_lookups(folder):
    return [file[len("lookup_") : -len(".txt")] for file in folder.about["files"] if file.startswith("lookup_")]


@functools.cache
def _result(path):
    from harness import results

    return results.load(path).some("all")


# Recording

def record(folder, out, on=None):
    """Keep of a report what the notebooks show: its tables without the long ones' ends, some lookups, report.json.

    Parameters
    ----------
    folder : ReportFolder or path-like
        A report whose results are there.
    out : path-like
        A folder of data/recorded: made, or replaced in one step.
    on : str, optional
        The day of the measurement, YYYY-MM-DD; today by default.

    Returns
    -------
    ReportFolder
        What was recorded.

    Raises
    ------
    MeasureError
        A table is missing, or the folder cannot be written.
    """
    from datetime import date

    from harness.files import write
    from harness.results import csv_bytes

    folder = folder if isinstance(folder, ReportFolder) else read(folder)
    names = [*NEEDED, *(name for name in OPTIONAL if name in folder)]
    files = {f"{name}.csv": csv_bytes(folder[name].head(RECORDED_ROWS)) for name in names}
    for name in dict.fromkeys(filter(None, (example(folder), *ASKED))):
        files[f"lookup_{name}.txt"] = (_lookup_text(folder, name) + "\n").encode("utf-8", "replace")
    what = {**folder.about, "recorded": True, "recorded_on": on or date.today().isoformat(),
            "cut": {name: len(folder[name]) for name in names if len(folder[name]) > RECORDED_ROWS},
            "files": [*sorted(files), ABOUT]}
    with replacing(out) as fresh:
        for name, data in files.items():
            write(fresh / name, data)
        write_about(fresh, what)
    return read(out)
