"""What is refused of a file, and what becomes of its own .BTF: a witness, or set aside and said why."""

import subprocess

import numpy as np
import pytest

from harness import btf, measure, report, results, run
from harness.errors import DwarfError
from harness.model import Kind, StringTable, TypeTable, info_word
from tests.command import cli
from tests.fixtures.build import find, program


def with_btf(tmp_path, data):
    """A small linked program with these bytes as .BTF."""
    (tmp_path / "btf").write_bytes(data)
    path = tmp_path / "with.elf"
    subprocess.run([find("objcopy"), "--add-section", f".BTF={tmp_path / 'btf'}", program("same_name").path, path],
                   check=True)
    return path


def types(name_off, base=None):
    words = np.array([name_off, info_word(Kind.INT), 4, 32], np.uint32)
    return TypeTable(words, np.array([0, 0, 4], np.int64), base)


WHOLE = btf.encode(types(1), StringTable(np.frombuffer(b"\0int\0", np.uint8)))


def split():
    """BTF that continues the type_ids and strings of a base, as a module's does."""
    base = StringTable(np.frombuffer(b"\0int\0", np.uint8))
    return btf.encode(types(5, types(1)), StringTable(np.frombuffer(b"long\0", np.uint8), base))


def test_shipped__is_kept_where_it_is_btf(tmp_path):
    prepared = run.prepare(with_btf(tmp_path, WHOLE), threads=1)
    assert prepared.shipped == WHOLE and prepared.kernel["shipped_unusable"] is None


@pytest.mark.parametrize(("data", "words"), [(split(), "a string section that begins with NUL"),
                                             (b"not BTF at all, by any means", "magic"), (WHOLE[:30], "")],
                         ids=["split", "other", "cut"])
def test_shipped__that_is_no_btf_by_itself_is_set_aside_and_said(tmp_path, data, words, undrawn):
    path = with_btf(tmp_path, data)
    prepared = run.prepare(path, threads=1)
    assert prepared.shipped is None and words in prepared.kernel["shipped_unusable"]
    folder = results.save(tmp_path / "out", prepared, run.encode(prepared, "all"))
    assert not (tmp_path / "out" / "shipped.btf").exists()
    assert measure.check_invariants(folder["all"], measure.measurements(folder["all"], False)).holds.all()
    report.render(tmp_path / "out", tmp_path / "report", witnesses=False, threads=1)
    assert "Set aside, since it cannot be read by itself" in (tmp_path / "report" / "report.md").read_text()
    assert cli("measure", tmp_path / "out", "-q", "--no-compression").returncode == 0


@pytest.mark.parametrize(("compiler", "extra", "words"), [
    ("gcc", ("-g1",), "1 of 1 units compiled with -g1"), ("clang", ("-g1",), "found none in 1 units"),
    *[(compiler, (f"-gdwarf-{version}", "-gsplit-dwarf"), r"1 of 1 units whose DIEs are in .dwo files")
      for compiler in ("gcc", "clang") for version in (4, 5)],
])
def test_read__dwarf_without_types_or_in_another_file_is_refused(compiler, extra, words):
    path = program("functions", compiler, link="rel", extra=extra).objects[0]
    with pytest.raises(DwarfError, match=f"{path}: .debug_info: expected .*{words}"):
        run.prepare(path, threads=1)


@pytest.mark.parametrize(("code", "words"), [
    ("struct s { int n; }; int f(struct s *p, float _Complex z) { return p->n; }", "FUNC_PROTO: expected no name for"),
    ("int dollar$name(int a) { return a; }", "FUNC: expected an identifier of at most 512 bytes as name, found"),
])
def test_encode__refuses_what_would_be_no_valid_btf(tmp_path, code, words):
    """C that BTF has no words for: no file that its own check, and Linux, would refuse."""
    (tmp_path / "a.c").write_text(code)
    subprocess.run([find("gcc"), "-O2", "-g", "-c", "a.c"], cwd=tmp_path, check=True)
    done = cli("encode", tmp_path / "a.o", "-q", "-o", tmp_path / "out")
    assert done.returncode == 2 and f"{words}" in done.stderr and ".btf would not be valid: [" in done.stderr
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
