"""Which tests run when: all of them compiled, those of the kernels also uncompiled and with bounds checks.

``kernels``: the folders of the parts that have kernels, and what says so itself. ``large``: inputs whose size is the
point, which take minutes where nothing is compiled. ``long``: whole programs, seconds each. See `make test-long`,
`make test-nojit` and `make test-bounds`.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

from tests.fixtures import build

HERE = Path(__file__).parent

KERNELS = {path.parent.name for path in HERE.parent.glob("harness/*/*_kernels.py")} | {"encodings"}
"""Parts of harness with compiled functions; tests/ mirrors them."""

LONG = ("test_notebooks.py", "test_cli_process.py", "report/test_browser.py", "test_cli.py", "dwarf/test_hostile.py",
        "report/test_worker.py", "dwarf/test_walk_against_twin.py", "report/test_mail.py", "report/test_plots.py",
        "report/test_report.py", "fixtures/test_kept_objects.py", "dwarf/test_lines.py", "dwarf/test_forms.py")
"""Files that take longest, the longest first: begun last, they would leave all but one worker idle."""


def pytest_configure(config):
    """Compile all kernels once, in two processes, before several workers would each compile them."""
    if os.environ.get("PYTEST_XDIST_WORKER") or not config.getoption("numprocesses", None):
        return
    build.folder()  # one for all workers
    from harness import accelerate, warm

    if accelerate.CACHED and accelerate.first_run():
        print("compiling the kernels for the first time (about a minute)", flush=True)
        warm.start()


def pytest_collection_modifyitems(items):
    place = {HERE / name: rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path, len(LONG)))
    for item in items:
        if item.path.relative_to(HERE).parts[0] in KERNELS:
            item.add_marker(pytest.mark.kernels)


@pytest.fixture
def unasked(monkeypatch):
    """Reports for which no witness of outside is asked, where the test is about something else."""
    make = importlib.import_module("harness.report.make")  # harness.report has a function of that name
    build = make.build
    monkeypatch.setattr(make, "build", lambda folders, witnesses, *rest: build(folders, False, *rest))


@pytest.fixture
def undrawn(monkeypatch):
    """Reports without the plots, which take most of the time."""
    from harness.report import plots

    monkeypatch.setattr(plots, "draw", lambda *args, **kwargs: {"png": b"", "svg": b"<svg/>"})
