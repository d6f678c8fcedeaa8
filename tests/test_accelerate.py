"""What compiled kernels depend on: their sources and what those import, and nothing else."""

from harness.accelerate import PACKAGE, kernel_digest, kernel_files


def relative():
    return {path.relative_to(PACKAGE).as_posix() for path in kernel_files()}


def test_kernel_files__are_the_kernels_and_what_they_import():
    files = relative()
    assert {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.glob("*/*_kernels.py")} <= files
    assert {"accelerate.py", "dwarf/constants.py", "dwarf/walk_tables.py", "model/kinds.py", "model/tables.py"} <= files
    assert not {"dwarf/walk.py", "functions/policies.py", "btf/dump.py", "cli.py"} & files


def test_kernel_digest__is_the_same_each_time():
    assert kernel_digest() == kernel_digest()
