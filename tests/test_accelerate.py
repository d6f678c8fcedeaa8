"""What compiled kernels depend on: their sources and what those import, and nothing else."""

import os
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
    assert not {"dwarf/walk.py", "functions/policies.py", "btf/dump.py", "cli.py"} & files


def test_kernel_digest__is_the_same_each_time():
    assert kernel_digest() == kernel_digest()


@pytest.mark.parametrize("switch", SWITCHES)
def test_kernel_digest__is_another_under_a_switch_that_changes_the_code(monkeypatch, switch):
    monkeypatch.delenv(switch, raising=False)
    normal = kernel_digest()
    monkeypatch.setenv(switch, "1")
    assert kernel_digest() != normal


def uncompiled(code):
    """What Python code prints with kernels that are not compiled."""
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(PACKAGE.parent)}
    env.pop("NUMBA_CACHE_DIR", None)
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout


def test_uncompiled__there_is_no_first_run_to_wait_for():
    code = "from harness import accelerate, warm; print(accelerate.compiles(), accelerate.first_run(), warm.start())"
    assert uncompiled(code) == "False False None\n"
