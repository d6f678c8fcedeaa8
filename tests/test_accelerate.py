"""What compiled kernels depend on: their sources and what those import, and nothing else."""

import os
import re
import subprocess
import sys

import pytest

from harness.accelerate import PACKAGE, SWITCHES, kernel_digest, kernel_files


def relative():
    return {path.relative_to(PACKAGE).as_posix() for path in kernel_files()}


def test_kernel_files__are_the_kernels_and_what_they_import():
    files = relative()
    assert {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob("*/*_kernels.py")} <= files
    assert {"accelerate.py", "dwarf/constants.py", "dwarf/walk_tables.py", "model/kinds.py", "model/tables.py"} <= files
    assert not {"dwarf/walk.py", "functions/policies.py", "btf/dump.py", "cli/__init__.py"} & files


def test_kernel_digest__is_the_same_each_time():
    assert kernel_digest() == kernel_digest()


@pytest.mark.parametrize("switch", SWITCHES)
def test_kernel_digest__is_another_under_a_switch_that_changes_the_code(monkeypatch, switch):
    monkeypatch.delenv(switch, raising=False)
    normal = kernel_digest()
    monkeypatch.setenv(switch, "1")
    assert kernel_digest() != normal


def run(code, folder, **switches):
    """Python code as a process that has a cache of its own in `folder`, and no switch of numba but these."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    env |= {"PYTHONPATH": str(PACKAGE.parent), "XDG_CACHE_HOME": str(folder)} | switches
    return subprocess.run([sys.executable, *code], env=env, capture_output=True, text=True)


@pytest.mark.long
def test_cache__of_code_without_bounds_checks_is_not_that_of_code_with_them(tmp_path):
    (tmp_path / "peek.py").write_text("import numpy as np\nfrom harness.accelerate import njit\n"
                                      "@njit\ndef peek(array, i):\n    return array[i]\n"
                                      "peek(np.zeros(3, np.uint8), 1000)\n")
    for switches, error in (({}, ""), ({"NUMBA_BOUNDSCHECK": "1"}, "IndexError"), ({}, "")):
        done = run([tmp_path / "peek.py"], tmp_path, **switches)
        assert bool(done.returncode) == bool(error) and error in done.stderr, done.stderr


def test_uncompiled__there_is_no_first_run_to_wait_for(tmp_path):
    code = "from harness import accelerate, warm; print(accelerate.compiles(), accelerate.first_run(), warm.start())"
    assert run(["-c", code], tmp_path, NUMBA_DISABLE_JIT="1").stdout == "False False None\n"


def test_kernels__that_have_no_wrapper_are_called_by_kernels_alone():
    """Python would end in a crash."""
    without = {}
    for path in PACKAGE.glob("*/*_kernels.py"):
        for _, name in re.findall(r"^@(inline|fused|part)\ndef (\w+)", path.read_text(), re.M):
            without.setdefault(path.stem, set()).add(name)
    assert without
    for path in PACKAGE.rglob("*.py"):
        if path.stem.endswith("_kernels"):
            continue
        text = path.read_text()
        for module, alias in re.findall(r"\b(\w+_kernels)(?: as (\w+))?", text):
            called = set(re.findall(rf"\b{alias or module}\.(\w+)\(", text)) | {
                name for names in re.findall(rf"from harness\.\w+\.{module} import ([^\n]*)", text)
                for name in re.findall(r"\w+", names)}
            assert not called & without.get(module, set()), (path, called & without.get(module, set()))
