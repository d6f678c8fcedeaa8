"""A small program, and objects of other machines, through every kernel: encode, check, dump, measure."""

import json

import pytest

from harness import encodings
from harness.functions.policies import POLICIES
from tests.command import cli
from tests.fixtures.build import KEPT, program

pytestmark = pytest.mark.kernels

OBJECTS = {kept.name: kept for kept in KEPT}


def done(*args):
    """The output of a command that must do its work."""
    finished = cli(*args)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ["several_units", *OBJECTS])
def test_program__goes_through_every_encoding_the_check_the_dump_and_the_measurement(tmp_path, name, policy):
    path = OBJECTS[name].path if name in OBJECTS else program(name).path
    wanted = [word for each in encodings.names() for word in ("--encoding", each)]
    done("encode", path, "-q", "-o", tmp_path, "--policy", policy, *wanted)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert set(manifest["encodings"]) == set(encodings.names())
    for each, entry in manifest["encodings"].items():
        file = tmp_path / entry["file"]
        assert file.stat().st_size == entry["bytes"]
        done("check", file)
        assert len(json.loads(done("dump", "--format", "json", file))["types"]) > 10, each
        assert "FUNC '" in done("dump", file)
    done("measure", tmp_path, "-q")
    assert (tmp_path / "measurements.csv").stat().st_size > 1000
