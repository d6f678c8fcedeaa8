"""What the notebook "ask your own question" calls: results to ask, and a form of one's own, written and measured.

==========================================  ========================================================================
``subject(report)``                         what is asked: the results of a report, or of the tiny program
``about(subject)``                          which of them; loud when it is the tiny program
``register(encoding)``                      a new form; one of this name from before is replaced
``encode(subject, *encodings)``             Made: the kernel encoded anew, in some forms, measured and checked
``bars(frame, label, value, title)``        a picture of a frame
==========================================  ========================================================================
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from harness.errors import HarnessError
from harness.functions import HEADLINE
from harness.measure.attach import TODAY
from harness.notebook import shown, study, tiny
from harness.results import is_results, key_of


class Subject(NamedTuple):
    """What is asked.

    Attributes
    ----------
    result : harness.measure.Result
        Under the headline policy, in every form.
    file : harness.kernels.Kernel or Path
        What it was encoded from, or the tiny program where the kernel is not on this machine.
    words : list of str
        Which they are.
    small : bool
        It is the tiny program.
    """

    result: object
    file: object
    words: list
    small: bool


class Made(NamedTuple):
    """A kernel encoded anew.

    Attributes
    ----------
    result : harness.measure.Result
        Under the headline policy.
    verdict : DataFrame
        As from harness.measure.verdict, nobody asked.
    checks : DataFrame
        As from harness.measure.check_invariants.
    """

    result: object
    verdict: object
    checks: object


def subject(report):
    """The Subject of a report: its results and its kernel where they are there, else the tiny program.

    Parameters
    ----------
    report : ReportFolder

    Raises
    ------
    HarnessError
        The results are damaged, or the tiny program cannot be had.
    """
    from harness import encodings, results

    if not report.recorded and is_results(report.path):
        kernel = _kernel(report)
        words = [f"The questions below are asked of the results of {report.about['kernel']}."]
        if kernel is None:
            words.append("The kernel itself is not on this machine, so the new form is written for notebooks/tiny.")
        return Subject(results.load(report.path)[report.about["policy"]], kernel or tiny.make().elf, words, False)
    file = tiny.make().elf
    why = "these figures are recorded" if report.recorded else "the results of this report are gone"
    return Subject(_encoded(file, encodings.names())[0], file, [
        f"THE TINY PROGRAM. The questions below are asked of notebooks/tiny, five functions: {why}, and a kernel's "
        f"results are too large to keep; `{study.command(report)}` makes them here."], True)


def _kernel(report):
    """The Kernel that a report is of, if it is on this machine."""
    from harness import kernels

    wanted = key_of(report.about["provenance"])
    given = os.environ.get("KERNEL", "")
    try:
        named = [kernels.resolve(path) for path in (Path(given), study.root() / given) if given and path.is_file()]
    except HarnessError:
        named = []
    return next((k for k in [*named, *kernels.cached()] if wanted and study.key(k) == wanted), None)


def about(asked):
    """Which results a Subject has."""
    return shown.note(asked.words[:1], asked.words[1:], alarm=asked.small)


def register(encoding):
    """Add an encoding to the registry; one that a cell registered under this name before is replaced.

    Raises
    ------
    ValueError
        As harness.encodings.register.
    """
    from harness import encodings

    if encoding.name in _registered:
        encodings.REGISTRY.pop(encoding.name, None)
    encodings.register(encoding)
    _registered.add(encoding.name)


_registered: set[str] = set()


def encode(asked, *names):
    """Encode a Subject's file anew, in some forms under the headline policy, and measure and check what was written.

    Parameters
    ----------
    asked : Subject
    names : str
        Encodings; the baseline is made besides.

    Returns
    -------
    Made
        Its files are in a temporary folder, which goes when Python ends.

    Raises
    ------
    HarnessError
        From any stage.
    """
    from harness import measure

    found = _encoded(asked.file, names)
    sizes = {result.policy: measure.measurements(result, compressed=False) for result in found}
    attach = measure.attach_frames(found)
    return Made(found[0], measure.verdict(found, sizes, attach), measure.check_invariants(found[0], sizes[HEADLINE]))


def _encoded(file, names):
    """Results of a file under the headline policy, in some forms, and of today's file."""
    from harness import results, run

    folder = Path(tempfile.mkdtemp(prefix="btf-harness-ask-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    program = run.prepare(file)
    every = [run.encode(program, HEADLINE, names), run.encode(program, TODAY, [results.BASELINE])]
    return results.save_all(folder / "btf", program, every).results()


def bars(frame, label, value, title, caption=""):
    """A picture of a frame: a bar for each row, its value beside it.

    Parameters
    ----------
    frame : DataFrame
    label, value : str
        Columns: what a bar is of, and its length, numbers that are not negative.
    title : str
        What it shows, a sentence.
    caption : str

    Returns
    -------
    Shown
    """
    return study.picture(_bars, frame, 2.0, caption, title, label=label, value=value, title=title)


ROW_INCHES = 0.26


def _bars(frame, ax, label, value, title):
    from harness.report.plots import style

    style.title(ax, title)
    if not len(frame):
        return style.empty(ax)
    names, values = [style.clean(name) for name in frame[label]], frame[value].tolist()
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_yticks(range(len(names)), [style.clipped(ax, name, ax.bbox.width / 3) for name in names])
    ax.tick_params(axis="y", length=0, labelsize=style.SMALL)
    ax.barh(range(len(names)), values, height=0.7, color=style.NAMES)
    most = max(*values, 1)
    ax.set_xlim(0, most)
    ax.locator_params(axis="x", nbins=5)
    ax.xaxis.set_major_formatter(lambda x, pos: f"{x:,.0f}")
    ax.set_xlabel(style.clean(value.replace("_", " ")), loc="left")
    style.no_spine(ax, "left")
    style.settle(ax, ROW_INCHES * len(names), ROW_INCHES * len(names))
    texts = [f"{n:,}" for n in values]
    room = max(style.extent(ax, text)[0] for text in texts) + style.pixels(ax, 8)
    ax.set_xlim(0, most * ax.bbox.width / max(1.0, ax.bbox.width - room))
    for y, n, text in zip(range(len(names)), values, texts, strict=True):
        ax.annotate(text, (n, y), xytext=(5, 0), textcoords="offset points", va="center", fontsize=style.SMALL)
    style.end_axis(ax, 0, most)
    return ax
