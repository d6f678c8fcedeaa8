"""What is refused of a file, and what becomes of its own .BTF: a witness, or set aside and said why."""

import subprocess

import numpy as np
import pytest

from harness import btf, measure, report, results, run
from harness.errors import DwarfError
from harness.model import Kind, StringTable, TypeTable, info_word
from tests.command import cli
from tests.fixtures.build import find, program
from tests.writers.dwarf import CU, DIE, Dwarf
from tests.writers.elf import Section


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
])
def test_read__dwarf_without_types_is_refused(compiler, extra, words):
    path = program("functions", compiler, link="rel", extra=extra).objects[0]
    with pytest.raises(DwarfError, match=f"{path}: .debug_info: expected .*{words}"):
        run.prepare(path, threads=1)


@pytest.mark.parametrize("code", [
    "struct s { int n; }; int f(struct s *p, float _Complex z) { return p->n; } int g(int a) { return a; }",
    "int dollar$name(int a) { return a; } int g(int a) { return a; }",
])
def test_encode__leaves_out_what_would_be_no_valid_btf_and_says_so(tmp_path, code):
    """C that BTF has no words for: no file that its own check, and Linux, would refuse."""
    (tmp_path / "a.c").write_text(code)
    subprocess.run([find("gcc"), "-O2", "-g", "-c", "a.c"], cwd=tmp_path, check=True)
    done = cli("encode", tmp_path / "a.o", "-o", tmp_path / "out")
    assert done.returncode == 0 and "left out, as BTF has no form for them: " in done.stderr
    assert "1 function" in done.stderr
    made = btf.read(tmp_path / "out" / "plain.btf")
    btf.check(made)
    (func,) = made.types.ids_of(Kind.FUNC).tolist()
    assert made.strings.get(int(made.types.row(func)[0])) == b"g"


def test_encode__refuses_what_would_be_no_valid_btf(tmp_path):
    """A member behind its struct: nothing is written."""
    int_ = DIE("base_type", name="int", byte_size=4, encoding=5)
    odd = DIE("structure_type", DIE("member", name="x", type=int_, data_member_location=100), name="s", byte_size=4)
    path = Dwarf([CU([int_, odd], version=5, name="a.c")], [Section.text(size=16)], []).write(tmp_path / "a.elf")
    done = cli("encode", path, "-q", "-o", tmp_path / "out")
    assert done.returncode == 2 and ".btf would not be valid: [" in done.stderr
    assert "STRUCT: expected a member inside 4 bytes" in done.stderr
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("section", "data", "words"), [
    (".gnu_debugaltlink", b"common.dbg\0" + bytes(20), r"supplementary file 'common.dbg' \(dwz -m\)"),
    (".debug_sup", b"\5\0\0/usr/lib/common.dbg\0\x14" + bytes(20), r"supplementary file '/usr/lib/common.dbg'"),
    (".debug_sup", b"\5\0\1\0\x14" + bytes(20), "found the supplementary file of others"),
    (".debug_sup", b"", "supplementary file ''"),
    (".debug_info.dwo", b"", r"a \.dwo or \.dwp file of split DWARF"),
    (".debug_cu_index", b"", r"a \.dwo or \.dwp file of split DWARF"),
])  # fmt: skip
def test_read__dwarf_that_is_in_part_in_another_file_is_refused(tmp_path, section, data, words):
    (tmp_path / "data").write_bytes(data)
    path = tmp_path / "part.elf"
    added = f"{section}={tmp_path / 'data'}"
    subprocess.run([find("objcopy"), "--add-section", added, program("same_name").path, path], check=True)
    with pytest.raises(DwarfError, match=words) as caught:
        run.prepare(path, threads=1)
    assert caught.value.section == section


@pytest.mark.parametrize("version", [4, 5])
def test_read__a_dwo_file_is_refused(tmp_path, version):
    (tmp_path / "a.c").write_text("int f(int x) { return x; }\n")
    subprocess.run([find("gcc"), "-g", f"-gdwarf-{version}", "-gsplit-dwarf", "-c", "a.c"], cwd=tmp_path, check=True)
    with pytest.raises(DwarfError, match=r"a \.dwo or \.dwp file of split DWARF"):
        run.prepare(tmp_path / "a.dwo", threads=1)
