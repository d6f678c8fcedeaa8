"""Which tests run when: all of them compiled, those of the kernels also uncompiled and with bounds checks.

``kernels``: the folders of the parts that have kernels but what is ``whole``, and what says so itself. ``large``:
inputs whose size is the point, or one more of a kind, which take minutes where nothing is compiled. ``no_cover``: what
runs uncompiled, but is not traced. ``long``: whole programs, seconds each. See `make test-long`, `make test-nojit` and
`make test-bounds`.
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

LONG = ("test_notebooks.py", "test_cli_process.py", "report/test_browser.py", "test_cli.py", "test_end_to_end.py",
        "dedup/test_worst.py", "btf/test_btf_hostile.py", "btf/test_same.py", "dwarf/test_hostile.py",
        "report/test_worker.py", "dwarf/test_walk_against_twin.py", "report/test_mail.py", "report/test_plots.py",
        "report/test_report.py", "fixtures/test_kept_objects.py", "dwarf/test_lines.py", "dwarf/test_forms.py")
"""Files that take longest, the longest first: begun last, they would leave all but one worker idle."""

UNTRACED = ("test_end_to_end.py", "encodings/", "report/", "measure/", "btf/test_same_text.py", "btf/test_waste.py",
            "dedup/test_against_libbpf.py", "dedup/test_fixtures_against_libbpf.py", "dwarf/test_walk_against_twin.py",
            "functions/test_join_kernels.py", "functions/test_listing.py", "functions/test_located.py",
            "functions/test_program_over_base.py", "functions/test_rules.py")
"""Where every test is no_cover, as those are that take long and say so themselves: coverage makes uncompiled kernels
take twice the time, and the lines of these are lines of others, too."""


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
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":  # here, where it is traced, not when an untraced test needs it
        for path in HERE.parent.glob("harness/*/*_kernels.py"):
            importlib.import_module(f"harness.{path.parent.name}.{path.stem}")
    place = {HERE / name: rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path, len(LONG)))
    for item in items:
        if item.path.relative_to(HERE).parts[0] in KERNELS and not item.get_closest_marker("whole"):
            item.add_marker(pytest.mark.kernels)
        if item.path.relative_to(HERE).as_posix().startswith(UNTRACED):
            item.add_marker(pytest.mark.no_cover)


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
