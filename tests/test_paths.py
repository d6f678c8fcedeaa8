"""The program's data is found in a checkout and where the package is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.paths import data_file

ROOT = Path(__file__).resolve().parents[1]

NAMES = ("claims.toml", "kernels.toml")


def test_data__is_that_of_the_checkout():
    assert [data_file(name) for name in NAMES] == [ROOT / "data" / name for name in NAMES]


@pytest.mark.long
def test_data__is_in_an_installed_package(tmp_path):
    pytest.importorskip("setuptools", reason="setuptools, which builds the package, is not installed")
    lib = tmp_path / "lib"
    build = [sys.executable, "-W", "ignore", "-c", "import setuptools; setuptools.setup()", "-q", "egg_info",
             "--egg-base", tmp_path, "build_py", "--build-lib", lib]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    code = ("from harness import kernels, measure, paths; from pathlib import Path; "
            "print(len(kernels.catalogue()), len(measure.read_claims()), paths.data_file('claims.toml'))")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(lib)})
    assert done.returncode == 0, done.stderr
    n_kernels, n_claims, path = done.stdout.split()
    assert int(n_kernels) > 0 and int(n_claims) > 0 and Path(path).is_relative_to(lib)
