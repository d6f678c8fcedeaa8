"""Imports go one way: no module uses one of a later layer."""

import ast
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).parent

LAYERS = ("__init__", "errors", "paths", "accelerate", "files", "kept", "process", "ui", "kernels", "model", "elf",
          "dwarf", "dedup", "functions", "warm", "btf", "program", "encodings", "run", "results", "measure",
          "witnesses", "text", "report", "notebook", "cli", "__main__")

AHEAD = {"warm"}
"""It calls kernels before their stage comes."""


def layer_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """The layers that a file imports, at its top or later."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "harness":
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [a.name for a in node.names if not a.name.startswith("__")]
        elif isinstance(node, ast.Import):
            yield from [a.name.split(".")[1] for a in node.names if a.name.startswith("harness.")]


def test_layers__are_all_that_there_are():
    assert {layer_of(path) for path in PACKAGE.rglob("*.py")} == set(LAYERS)


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer not in AHEAD])
def test_layers__use_only_earlier_ones(layer):
    files = [path for path in PACKAGE.rglob("*.py") if layer_of(path) == layer]
    wrong = {f"{path.relative_to(PACKAGE)} imports {other}" for path in files for other in imported(path)
             if other != layer and LAYERS.index(other) > LAYERS.index(layer)}
    assert files and not wrong
