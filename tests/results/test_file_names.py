"""The names of files stand where the files are written and read, and nowhere else."""

import ast
import re
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).parent

OF_RESULTS = re.compile(r"\b(?:(?:functions|selection|inlined|forms|measurements)\.csv|manifest\.json|shipped\.btf)\b")
OF_REPORTS = re.compile(r"\breport\.(?:json|md)\b")


def texts(path):
    """(line, text) of the strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [(node.lineno, node.value) for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose]


@pytest.mark.parametrize(("room", "spelt"), [("results", OF_RESULTS), ("report/folder.py", OF_REPORTS)])
def test_names__of_files_stand_in_the_room_that_owns_them(room, spelt):
    found = [f"{path.relative_to(PACKAGE)}:{line}: {text}" for path in PACKAGE.rglob("*.py")
             for line, text in texts(path) if spelt.search(text)
             if not path.relative_to(PACKAGE).as_posix().startswith(room)
             if not (path.parent.name == "cli" and " " in text)]  # what --help says
    assert not found
