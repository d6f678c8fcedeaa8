"""A small program, and objects of other machines, through every kernel: encode, check, dump, measure."""

import json
import re
from collections import Counter

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


def combinations():
    """Every program under every policy; uncompiled all policies of one program, of the others that which keeps most."""
    for name in ("several_units", *OBJECTS):
        for policy in POLICIES:
            again = name in OBJECTS and policy != "all"
            yield pytest.param(name, policy, marks=[pytest.mark.large] if again else [])


@pytest.mark.parametrize(("name", "policy"), [*combinations()])
def test_program__goes_through_every_encoding_the_check_the_dump_and_the_measurement(tmp_path, name, policy):
    path = OBJECTS[name].path if name in OBJECTS else program(name).path
    wanted = [word for each in encodings.names() for word in ("--encoding", each)]
    done("encode", path, "-q", "-o", tmp_path, "--policy", policy, *wanted)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    made = manifest["policies"][policy]["encodings"]
    assert set(made) == set(encodings.names())
    for each, entry in made.items():
        file = tmp_path / entry["file"]
        assert file.stat().st_size == entry["bytes"]
        done("check", file)
        assert len(json.loads(done("dump", "--format", "json", file))["types"]) > 10, each
        assert re.search("FUNC(_ADDR)? '", done("dump", file))
    done("measure", tmp_path, "-q")
    assert (tmp_path / "measurements.csv").stat().st_size > 1000


def plain(path, out):
    """The types of a file's plain BTF, as bpftool's JSON has them."""
    done("encode", path, "-q", "-o", out, "--policy", "all", "--encoding", "plain")
    return json.loads(done("dump", "--format", "json", out / "plain.btf"))["types"]


@pytest.mark.parametrize("debug", ["-gdwarf-5", "-gdwarf-4"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_program__has_the_same_types_in_type_units_of_their_own(tmp_path, compiler, debug):
    def shape(*extra):
        types = plain(program("type_units", compiler, debug, extra=extra).path, tmp_path / str(len(extra)))
        return Counter((t["kind"], t["name"], t.get("vlen"), t.get("size"), t.get("nr_elems")) for t in types)

    assert shape("-fdebug-types-section") == shape()


@pytest.mark.parametrize("name", ["several_units", "arrays"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_program__has_each_type_without_references_once(tmp_path, compiler, name):
    """The array index type is ours, and not a second `int`, wherever the compiler keeps the name of its own."""
    found = Counter(json.dumps({key: t[key] for key in t if key != "id"}, sort_keys=True)
                    for t in plain(program(name, compiler).path, tmp_path) if t["kind"] in ("INT", "FLOAT", "ENUM"))
    assert found and set(found.values()) == {1}


def test_variables__of_which_the_compiler_kept_a_part_are_left_out_and_counted(tmp_path):
    """clang keeps one byte of private_buffer[16]: the DATASEC would overlap, which no reader takes."""
    types = plain(program("several_units", "clang").path, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert "private_buffer" not in {t["name"] for t in types} and "cpu_stats" in {t["name"] for t in types}
    assert manifest["variables_skipped"] == {"larger than its bytes": 1}
