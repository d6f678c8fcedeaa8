"""The notebooks hold no outputs and no logic, and run from the top on what was recorded."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RECORDED = "data/recorded/debian-6.12-cloud-amd64"
TWICE, AGAIN = "04_policies_and_claims.ipynb", "06_again.ipynb"

MAX_LINES, ENCODING_LINES = 8, 28
"""Of a code cell: they call the package and show what it returns. One cell is an encoding, all of it."""

NEW_ENCODING = "new-encoding"
"""The id of that cell."""

LOGIC = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.If, ast.IfExp,
         ast.Try, ast.With, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])


def read(path):
    """A notebook; nbformat takes two seconds to import, which collecting the tests must not cost."""
    import nbformat

    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    return book


def cells(path, kind):
    """The cells of a kind; without nbformat, see `read`."""
    return [cell for cell in every_cell(path) if cell.cell_type == kind]


def every_cell(path):
    """All cells in their order."""
    book = json.loads(path.read_text(), object_hook=lambda fields: SimpleNamespace(**fields))
    return [joined(cell) for cell in book.cells]


def joined(cell):
    """A cell with its source as one text."""
    source = cell.source if isinstance(cell.source, str) else "".join(cell.source)
    return SimpleNamespace(**{**vars(cell), "source": source})


# As they are kept

def test_notebooks__are_the_five():
    assert [path.stem for path in NOTEBOOKS] == ["01_encodings", "02_one_kernel", "03_functions",
                                                 "04_policies_and_claims", "05_your_question"]


@pytest.mark.long
@each
def test_notebook__is_kept_without_outputs_and_with_ids_that_stay(path):
    import nbformat

    book = read(path)
    assert book.metadata.kernelspec.name == "python3" and book.nbformat == 4
    for cell in book.cells:
        assert not cell.metadata and re.fullmatch("[a-z][a-z-]+", cell.id), cell.id
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None, cell.id
    assert path.read_text() == nbformat.writes(book, indent=1) + "\n"


@each
def test_notebook__calls_the_package_and_holds_no_logic(path):
    for cell in cells(path, "code"):
        if cell.id == NEW_ENCODING:
            assert path.stem == "05_your_question" and len(cell.source.splitlines()) <= ENCODING_LINES
            continue
        assert len(cell.source.splitlines()) <= MAX_LINES, cell.id
        found = [type(node).__name__ for node in ast.walk(ast.parse(cell.source)) if isinstance(node, LOGIC)]
        assert not found, (cell.id, found)


@each
def test_notebook__has_no_figure_in_its_prose(path):
    """Percentages, numbers in thousands and kernel versions come from cells: they differ from kernel to kernel."""
    for cell in cells(path, "markdown"):
        found = re.findall(r"\d,\d{3}|\d+(?:\.\d+)? ?%|\b6\.\d+\b|\b\d{4,}\b", cell.source)
        assert set(found) <= {"2023", "2026"}, (cell.id, found)


@each
def test_notebook__begins_with_a_title_and_explains_before_it_calls(path):
    first = every_cell(path)[0]
    assert first.cell_type == "markdown" and first.source.startswith(f"# {path.stem[:2]}. ")


# As they run

@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A copy of what the notebooks need, with no reports, so that what they show is recorded; one is there twice."""
    home = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "notebooks", home / "notebooks")
    shutil.copy(ROOT / "notebooks" / TWICE, home / "notebooks" / AGAIN)
    shutil.copytree(ROOT / "data", home / "data")
    return home


def execute(home, *arguments, **environment):
    """Run notebooks/execute.py of a copy: the finished process."""
    known = {key: value for key, value in os.environ.items() if key not in ("KERNEL", "CC")}
    return subprocess.run([sys.executable, home / "notebooks" / "execute.py", *arguments], cwd=home, timeout=240,
                          env=known | {"KERNEL": RECORDED} | environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def executed(repository):
    """All of them executed: (finished process, folder)."""
    done = execute(repository, CC="no-such-compiler")
    return done, repository / "reports" / "notebooks"


@pytest.mark.long
def test_execute__runs_all_and_says_how_long_each_took(executed):
    done, folder = executed
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(rf"notebooks of debian-6\.12\S*: RECORDED figures in {RECORDED} \(\d+\.\d s\)", lines[0])
    for path in NOTEBOOKS:
        assert any(re.fullmatch(rf"{path.name}: \d+\.\d s", line) for line in lines), path.name
    names = [*(path.name for path in NOTEBOOKS), AGAIN]
    assert {p.name for p in folder.iterdir()} == {*names, *(name.replace(".ipynb", ".html") for name in names)}
    assert done.stderr == ""


@pytest.mark.long
@each
def test_executed__says_first_that_the_figures_are_recorded(executed, path):
    outputs = [json.dumps(o, default=vars) for c in cells(executed[1] / path.name, "code") for o in c.outputs]
    loud = [i for i, output in enumerate(outputs) if "RECORDED F" in output]
    shown = [i for i, output in enumerate(outputs) if "<table>" in output or "<img " in output]
    assert loud[0] < shown[0]


@pytest.mark.long
@each
def test_executed__every_cell_that_shows_something_has_an_output_and_none_warns(executed, path):
    for cell in cells(executed[1] / path.name, "code"):
        assert cell.outputs or cell.id in ("imports", "form-imports", NEW_ENCODING), cell.id
        assert not [o for o in cell.outputs if o.output_type == "stream"], cell.id


@pytest.mark.long
@each
def test_executed__has_no_path_of_the_machine_and_no_time(executed, repository, path):
    for file in (executed[1] / path.name, executed[1] / f"{path.stem}.html"):
        text = file.read_text()
        for word in (str(repository), str(ROOT), str(Path.home()), "/tmp/", "iopub", "0x7f"):
            assert word not in text, (file.name, word)


@pytest.mark.long
@each
def test_executed__the_page_asks_for_nothing_from_outside(executed, path):
    text = (executed[1] / f"{path.stem}.html").read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#|\d\d_\w+\.html)[^"']*|<script|<link|@import|url\(""", text)
    assert "Content-Security-Policy" in text and text.count("<title>") == 1


@pytest.mark.long
def test_executed__links_lead_to_the_other_pages(executed):
    for path in NOTEBOOKS:
        for link in re.findall(r'href="([^#"]+)"', (executed[1] / f"{path.stem}.html").read_text()):
            assert (executed[1] / link).is_file(), link


@pytest.mark.long
def test_executed__the_same_notebook_gives_the_same_bytes(executed):
    assert (executed[1] / TWICE).read_bytes() == (executed[1] / AGAIN).read_bytes()


@pytest.mark.long
def test_execute__a_notebook_that_fails_or_hangs_ends_with_its_traceback_and_is_not_written(tmp_path):
    import nbformat

    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "execute.py", tmp_path / "notebooks")
    shutil.copytree(ROOT / "data", tmp_path / "data")
    for name, source in (("broken", "left, right = 1, 0\nleft / right"), ("endless", "import time\ntime.sleep(60)")):
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id="only")])
        nbformat.write(book, tmp_path / "notebooks" / f"{name}.ipynb")
    done = execute(tmp_path, "--timeout", "3", "--output", "out")
    assert done.returncode == 1 and "0 of 2 notebooks" in done.stdout
    assert "broken.ipynb: FAILED after" in done.stdout and "endless.ipynb: FAILED after" in done.stdout
    assert "ZeroDivisionError: division by zero" in done.stderr and "----> 2 left / right" in done.stderr
    assert "endless.ipynb: a cell took longer than 3 s" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.long
def test_execute__what_is_unknown_is_said_in_a_line(repository):
    done = execute(repository, "06_nothing.ipynb")
    assert done.returncode == 2 and "expected notebooks of 01_encodings.ipynb" in done.stderr
    done = execute(repository, KERNEL="no-such-kernel")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "no-such-kernel is not measured, not on this machine and not recorded" in done.stderr
