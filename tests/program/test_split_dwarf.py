"""Split DWARF (-gsplit-dwarf): units whose DIEs are in .dwo files, or in the .dwp file that they are packed in."""

import random
import shutil
import subprocess
from pathlib import Path

import pytest
from test_dwz import agree

from harness import run
from harness.dwarf import walk
from harness.elf import ElfImage
from harness.errors import DwarfError, HarnessError
from tests.command import cli
from tests.fixtures.build import find, program
from tests.writers.dwarf import CU, DIE, Attr, Dwarf
from tests.writers.elf import Section

COMPILERS = [(compiler, f"-gdwarf-{version}") for compiler in ("gcc", "clang") for version in (4, 5)]
compilers = pytest.mark.parametrize(("compiler", "debug"), COMPILERS)
PACKERS = {"-gdwarf-4": "dwp", "-gdwarf-5": "llvm-dwp"}


def split(compiler, debug, name="sample", link="exec", more=()):
    """A program whose DIEs are in .dwo files."""
    return program(name, compiler, debug, link, ("-gsplit-dwarf", *more))


def copied(made, folder):
    """A copy of a program without its .dwo files; and those."""
    path = Path(shutil.copy(made.path, folder))
    return path, sorted(made.path.parent.glob("*.dwo"))


@compilers
@pytest.mark.parametrize("name", ["sample", "inlines", "same_name"])
def test_split__changes_nothing(name, compiler, debug):
    agree(program(name, compiler, debug).path, split(compiler, debug, name).path)


@pytest.mark.parametrize("debug", ["-gdwarf-4", "-gdwarf-5"])
def test_split__changes_nothing_of_many_units(debug):
    agree(program("several_units", "gcc", debug).path, split("gcc", debug, "several_units").path)


@pytest.mark.parametrize("debug", ["-gdwarf-4", "-gdwarf-5"])
def test_split__changes_nothing_of_functions_of_several_ranges(debug):
    more = ("-freorder-blocks-and-partition", "-O3")
    agree(program("places", "gcc", debug, extra=more).path, split("gcc", debug, "places", more=more).path)


@compilers
def test_split__changes_nothing_of_an_object(compiler, debug):
    before = program("same_name", compiler, debug, "rel").objects[0]
    agree(before, split(compiler, debug, "same_name", "rel").objects[0])


@pytest.mark.parametrize(("compiler", "debug"), [("gcc", "-gdwarf-4"), ("clang", "-gdwarf-4"), ("clang", "-gdwarf-5")])
def test_split__units_in_a_package_are_read_as_those_in_files(tmp_path, compiler, debug):
    path, units = copied(split(compiler, debug), tmp_path)
    packed = tmp_path / f"{path.name}.dwp"
    subprocess.run([find(PACKERS[debug]), "-o", packed, *units], check=True, timeout=60)
    agree(program("sample", compiler, debug).path, path)
    damaged(path, packed, 40)


@compilers
def test_split__without_its_files_is_refused(tmp_path, compiler, debug):
    path, units = copied(split(compiler, debug), tmp_path)
    done = cli("encode", path, "-o", tmp_path / "out")
    assert done.returncode == 2 and not (tmp_path / "out").exists()
    assert "expected the .dwo file " in done.stderr and units[0].name in done.stderr and ".dwp" in done.stderr
    for unit in units[1:]:
        shutil.copy(unit, tmp_path)
    with pytest.raises(DwarfError, match=units[0].name) as caught:
        run.prepare(path, threads=1)
    assert caught.value.section == ".debug_info"
    shutil.copy(units[0], tmp_path)
    assert len(run.prepare(path, threads=1).instances.die) > 0
    shutil.copy(units[1], tmp_path / units[0].name)
    with pytest.raises(DwarfError, match=r"expected the unit .* in .*" + units[0].name):
        run.prepare(path, threads=1)


@compilers
def test_split__files_of_another_build_are_refused(tmp_path, compiler, debug):
    path, units = copied(split(compiler, debug), tmp_path)
    for unit in units:
        shutil.copy(unit, tmp_path)
    other = sorted(split(compiler, debug, "functions").path.parent.glob("*.dwo"))[0]
    shutil.copy(other, tmp_path / units[0].name)
    with pytest.raises(DwarfError, match="it is of another build") as caught:
        run.prepare(path, threads=1)
    assert caught.value.path == str(tmp_path / units[0].name)


@pytest.mark.parametrize("data", [b"", b"no elf", b"\x7fELF"])
def test_split__files_that_are_no_elf_are_refused(tmp_path, data):
    path, units = copied(split("gcc", "-gdwarf-5"), tmp_path)
    for unit in units:
        (tmp_path / unit.name).write_bytes(data)
    with pytest.raises(HarnessError) as caught:
        run.prepare(path, threads=1)
    assert caught.value.path == str(tmp_path / units[0].name)


def test_split__files_that_are_none_of_split_dwarf_are_refused(tmp_path):
    path, units = copied(split("gcc", "-gdwarf-5"), tmp_path)
    for unit in units:
        shutil.copy(program("sample").path, tmp_path / unit.name)
    with pytest.raises(DwarfError, match=r"found no \.debug_info\.dwo"):
        run.prepare(path, threads=1)


def damaged(path, victim, rounds, seed=1):
    """Change bytes of a file that is read with another one: a result or an error, never anything else."""
    whole, rng = victim.read_bytes(), random.Random(seed)
    for _ in range(rounds):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 2, 8))):
            data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        if rng.random() < 0.1:
            del data[rng.randrange(len(data)) :]
        victim.write_bytes(data)
        try:
            with ElfImage(path) as image:
                walk(image)
        except HarnessError as error:
            assert Path(error.path).parent == path.parent
    victim.write_bytes(whole)


@compilers
def test_split__damaged_files_are_errors(tmp_path, compiler, debug):
    path, units = copied(split(compiler, debug), tmp_path)
    for unit in units:
        shutil.copy(unit, tmp_path)
    damaged(path, tmp_path / units[0].name, 40)
    damaged(path, path, 40, seed=2)


@pytest.mark.parametrize("version", [4, 5])
def test_split__skeletons_that_name_no_file_are_refused(tmp_path, version):
    name = Attr("dwo_name" if version == 5 else "GNU_dwo_name", "string", "")
    unit = CU([], name, kind="skeleton" if version == 5 else "compile", version=version, language=None)
    if version == 4:
        unit.root.tag = "compile_unit"
    path = Dwarf([unit], [Section.text(size=16)], []).write(tmp_path / "a.elf")
    with pytest.raises(DwarfError, match=r"expected the \.dwo file ''"):
        run.prepare(path, threads=1)


@pytest.mark.parametrize("attr", [
    Attr("dwo_name", "strp", 0xFFFF), Attr("dwo_name", "strx", 0xFFFF), Attr("dwo_name", "data1", 1),
    Attr("dwo_name", ("indirect", "strp"), 0xFFFF), Attr("dwo_name", "exprloc", bytes(5000)),
])
def test_split__skeletons_whose_name_lies_are_refused(tmp_path, attr):
    int_ = DIE("base_type", name="int", byte_size=4, encoding=5)
    unit = CU([int_], attr, kind="skeleton", language=None, bases=False)
    path = Dwarf([unit], [Section.text(size=16)], []).write(tmp_path / "a.elf")
    with pytest.raises(DwarfError) as caught:
        run.prepare(path, threads=1)
    assert caught.value.section == ".debug_info"


CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "B04"


@pytest.mark.skipif(not CASES.exists(), reason="the reported case is not here")
@compilers
def test_split__agrees_on_the_reported_case(tmp_path, compiler, debug):
    for source in CASES.iterdir():
        shutil.copy(source, tmp_path)
    for options, name in ((["-gsplit-dwarf"], "split"), ([], "whole")):
        for source in "ab":
            line = [find(compiler), "-g", "-O1", debug, *options, "-c", f"{source}.c"]
            subprocess.run(line, cwd=tmp_path, check=True)
        subprocess.run([find(compiler), "a.o", "b.o", "-o", name], cwd=tmp_path, check=True)
    agree(tmp_path / "whole", tmp_path / "split")
