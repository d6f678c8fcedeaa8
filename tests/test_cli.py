"""The command line as a process: exit codes, one line of error, nothing half-written, quick to start."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fixtures.build import program

ROOT = Path(__file__).resolve().parents[1]


def cli(*args, **options):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", "harness", *map(str, args)], capture_output=True, text=True, env=env,
                          timeout=300, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "out"
    done = cli("encode", program("several_units").path, "-q", "-o", out)
    assert done.returncode == 0, done.stderr
    return out


def assert_refused(done, *words):
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("btf-harness: "), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0]


def test_cli__help_is_quick_and_imports_nothing_heavy():
    times = []
    for _ in range(5):
        began = time.monotonic()
        done = cli("--help")
        times.append(time.monotonic() - began)
    assert done.returncode == 0 and "examples:" in done.stdout
    assert min(times) < 0.3
    code = ("import sys, harness.cli; harness.cli.parser(); "
            "print([m for m in ('numpy', 'numba', 'pandas') if m in sys.modules])")
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert loaded.stdout.strip() == "[]"


def test_cli__encode_writes_what_the_manifest_says(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["encodings"]) == {"plain", "decl_tag", "btf_func"}
    for entry in manifest["encodings"].values():
        assert (folder / entry["file"]).stat().st_size == entry["bytes"]
    assert sorted(p.name for p in folder.iterdir()) == ["btf_func.btf", "decl_tag.btf", "functions.csv", "inlined.csv",
                                                        "manifest.json", "plain.btf"]


def test_cli__encode_gives_the_same_bytes_again_and_with_one_thread(folder, tmp_path):
    assert cli("encode", program("several_units").path, "-q", "-o", tmp_path / "a", "--threads", 1).returncode == 0
    for path in sorted(folder.iterdir()):
        assert (tmp_path / "a" / path.name).read_bytes() == path.read_bytes(), path.name


def test_cli__check_and_dump_read_every_form(folder):
    for path in sorted(folder.glob("*.btf")):
        assert cli("check", path).returncode == 0
        assert "FUNC 'arch_setup'" in cli("dump", path).stdout
    assert json.loads(cli("dump", "--format", "json", folder / "plain.btf").stdout)["types"]
    assert_refused(cli("check", "--strict", folder / "btf_func.btf"), "Invalid btf_info kind_flag")


def test_cli__refuses_what_is_no_kernel_in_one_line_and_writes_nothing(tmp_path):
    out = tmp_path / "out"
    (tmp_path / "text").write_text("not ELF")
    assert_refused(cli("encode", tmp_path / "text", "-q", "-o", out), "expected an ELF file")
    assert_refused(cli("encode", tmp_path / "absent", "-q", "-o", out))
    bare = tmp_path / "bare"
    subprocess.run(["strip", "-g", "-o", bare, program("several_units").path], check=True)
    assert_refused(cli("encode", bare, "-q", "-o", out), "dbg")
    data = program("several_units").path.read_bytes()
    (tmp_path / "cut").write_bytes(data[: len(data) // 2])
    assert_refused(cli("encode", tmp_path / "cut", "-q", "-o", out), "truncated")
    assert not out.exists()


def test_cli__refuses_an_unknown_policy_or_encoding_before_any_work(tmp_path):
    path = program("several_units").path
    assert_refused(cli("encode", path, "-o", tmp_path / "o", "--policy", "some"), "consistent")
    assert_refused(cli("encode", path, "-o", tmp_path / "o", "--encoding", "morse"), "decl_tag")
    assert not (tmp_path / "o").exists()


def test_cli__a_folder_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(cli("encode", program("several_units").path, "-q", "-o", tmp_path / "file"), "file")


def test_cli__measure_and_report_refuse_what_encode_did_not_write(tmp_path):
    assert_refused(cli("measure", tmp_path), "manifest.json")
    (tmp_path / "manifest.json").write_text("{}")
    assert_refused(cli("report", tmp_path, "-q", "-o", tmp_path / "r"), "manifest.json")
    assert not (tmp_path / "r").exists()


def test_cli__measure_and_report_go_on_from_encode(folder, tmp_path):
    assert cli("measure", folder, "-q").returncode == 0
    assert (folder / "measurements.csv").read_text().startswith("kernel,policy,encoding,part,kind,count,bytes\n")
    done = cli("report", folder, "-o", tmp_path / "r")
    assert done.returncode == 0, done.stderr
    assert "FAILED" not in (tmp_path / "r" / "report.md").read_text()
    (folder / "measurements.csv").unlink()
