"""Programs that dwz has made smaller are read as they were before: in one file, and with a supplementary one."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness import btf, run
from harness.btf import same
from harness.errors import DwarfError
from tests.command import cli
from tests.fixtures.build import find, program

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
POLICIES = ("all", "consistent", "current")
COLUMNS = ("name", "address", "symbol", "match", "binding", "section", "unit", "file", "line", "inline")
DEBUG = [("gcc", "-gdwarf-4"), ("gcc", "-gdwarf-5"), ("clang", "-gdwarf-4")]


def dwz(folder, *paths, options=()):
    """Run dwz on copies of programs in a folder; their paths."""
    copies = [Path(shutil.copy(path, folder)) for path in paths]
    subprocess.run([find("dwz"), *options, *(copy.name for copy in copies)], cwd=folder, check=True)
    return copies


def agree(before, after):
    """Compare all that is said of two files; the Program of the second."""
    before, after = (run.prepare(path, threads=1) for path in (before, after))
    assert len(before.instances.die) > 0
    for column in COLUMNS:
        assert after.described[column].tolist() == before.described[column].tolist(), column
    for column, values in before.inlined.items():
        assert after.inlined[column].tolist() == values.tolist(), column
    for policy in POLICIES:
        one, other = (run.encode(p, policy) for p in (before, after))
        assert other.selection.reason.tolist() == one.selection.reason.tolist(), policy
        for name, data in one.files.items():
            assert name == "plain" or len(other.files[name]) == len(data)
        assert same.compare(one.files["plain"], other.files["plain"]).verdict == same.Verdict.SAME, policy
    return after



@pytest.mark.parametrize(("compiler", "debug"), DEBUG)
@pytest.mark.parametrize("name", ["several_units", "sample"])
def test_dwz__in_one_file_changes_nothing(tmp_path, name, compiler, debug):
    before = program(name, compiler, debug).path
    (path,) = dwz(tmp_path, before)
    assert "DW_TAG_partial_unit" in dump(path)
    agree(before, path)


def dump(path):
    return subprocess.run([find("readelf"), "--debug-dump=info", path], capture_output=True, text=True).stdout


@pytest.mark.parametrize("debug", ["-gdwarf-4", "-gdwarf-5"])
def test_dwz__with_a_supplementary_file_changes_nothing(tmp_path, debug):
    pair = [tmp_path / name for name in ("one", "other")]
    for path, level in zip(pair, ("-O2", "-O1"), strict=True):
        shutil.copy(program("several_units", "gcc", debug, extra=(level,)).path, path)
    options = ["-m", "common.dbg", *(["-5"] if debug == "-gdwarf-5" else [])]
    (tmp_path / "dwz").mkdir()
    copies = dwz(tmp_path / "dwz", *pair, options=options)
    for before, path in zip(pair, copies, strict=True):
        agree(before, path)
    moved = tmp_path / "elsewhere.dbg"
    (tmp_path / "dwz" / "common.dbg").rename(moved)
    done = cli("encode", copies[0], "-o", tmp_path / "out")
    assert done.returncode == 2 and "supplementary file 'common.dbg' (dwz -m)" in done.stderr
    assert not (tmp_path / "out").exists()
    shutil.copy(copies[0], tmp_path / "dwz" / "common.dbg")
    with pytest.raises(DwarfError, match="common.dbg, which has "):
        run.prepare(copies[0], threads=1)
    with pytest.raises(DwarfError, match=r"supplementary file"):
        run.prepare(moved, threads=1)


@pytest.mark.parametrize("version", [4, 5])
def test_dwz__an_inline_function_with_three_addresses_keeps_them(tmp_path, version):
    sources = {
        "inl.h": "struct list { struct list *next; }; struct work { struct list link; int prio; char tag[12]; };\n"
                 "static inline int weight(const struct work *w, int base) { int n = base; for (const struct list *l ="
                 " w->link.next; l && l != &w->link; l = l->next) n += w->prio + w->tag[n & 7]; return n; }\n",
        **{f"u{n}.c": f'#include "inl.h"\nint use{n}(struct work *w) {{ return weight(w, {n}) + w->prio; }}\n'
                      f"int (*take{n}(void))(const struct work *, int) {{ return weight; }}\n" for n in (1, 2, 3)},
        "m.c": "int use1(void *), use2(void *), use3(void *); static char z[128];\n"
               "int main(void) { return use1(z) + use2(z) + use3(z); }\n",
    }
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    subprocess.run([find("gcc"), "-g", "-O1", f"-gdwarf-{version}", "u1.c", "u2.c", "u3.c", "m.c", "-o", "inl"],
                   cwd=tmp_path, check=True)
    (tmp_path / "dwz").mkdir()
    (path,) = dwz(tmp_path / "dwz", tmp_path / "inl")
    after = agree(tmp_path / "inl", path)
    assert after.described["name"].tolist().count("weight") == 3


@pytest.mark.skipif(not CASES.exists(), reason="the reported cases are not here")
@pytest.mark.parametrize("case", ["B30", "B05"])
def test_dwz__agrees_on_the_reported_cases(tmp_path, case):
    for source in (CASES / case).iterdir():
        shutil.copy(source, tmp_path)
    find("dwz")
    lines = [line for line in (CASES / case / "build.sh").read_text().splitlines() if not line.startswith("#")]
    subprocess.run(["sh", "-ec", "\n".join(lines)], cwd=tmp_path, check=True, capture_output=True)
    for version in "45":
        if case == "B30":
            agree(tmp_path / f"inl{version}.ref", tmp_path / f"inl{version}")
            continue
        for name in "ab":
            before = tmp_path / f"{name}{version}.ref"
            subprocess.run([find("gcc"), "-g", "-O1", f"-gdwarf-{version}", f"{name}.c", "-o", before], cwd=tmp_path,
                           check=True)
            after = agree(before, tmp_path / f"{name}{version}")
            made = btf.parse(run.encode(after).files["plain"])
            assert "main" in {made.strings.get(int(n)).decode() for n in made.types.name_off()}
