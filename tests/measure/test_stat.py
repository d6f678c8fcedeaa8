"""Any BTF file by itself and against another: figures against an independent look, and the text as a reader sees it."""

import importlib.util
import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from harness import btf, encodings
from harness.btf import same
from harness.errors import BtfFormatError, UsageError
from harness.measure import COLUMNS
from harness.measure import stat as module
from harness.measure.stat import CHANGE_COLUMNS, ROW_COLUMNS, Change, Row, difference, in_order, stat
from harness.text.stat import to_text
from tests.btf import btf_trees as trees
from tests.command import cli
from tests.reference import wire
from tests.writers import elf

BTFSTAT = Path(__file__).resolve().parents[3] / "shared" / "tools" / "btfstat.py"
PROGRAM = """
struct s { int a; struct s *next; } __attribute__((preserve_access_index));
__attribute__((section("tc"), used)) int prog(struct s *ctx) { return ctx->a + ctx->next->a; }
__attribute__((section("xdp"), used)) int other(struct s *ctx) { return ctx->next != 0; }
"""


INT = wire.int_("int", encoding=1)
TASK = wire.struct_("task", ("state", 1), ("flags", 1))


def written(path, data):
    path.write_bytes(data)
    return path


@pytest.fixture
def file(tmp_path):
    """Writes types, or bytes, under a name: the path."""
    return lambda name, types: written(tmp_path / name, types if isinstance(types, bytes) else wire.pack(types))


def test_stat__has_every_byte_once(file):
    for n, data in enumerate((wire.pack([]), trees.wire(trees.with_addresses(), "big"), trees.with_layout(),
                              trees.wire(trees.every_kind()) + b"trailing")):
        found = stat(file(str(n), data))
        *parts, total = found.parts()
        assert total.part == "file" and total.nbytes == len(data) == sum(row.nbytes for row in parts)
        assert total.count == sum(row.count for row in parts if row.part == "types") == found.account.n_types
        assert sum(row.share for row in parts) == pytest.approx(100) and total.share == 100
        strings = [row for row in parts if row.part == "strings"]
        assert [row.count for row in strings] == [found.file.strings.blob.tobytes().count(b"\0")]


@pytest.mark.skipif(not BTFSTAT.exists(), reason="btfstat.py is not beside the repository: figures not compared")
@pytest.mark.parametrize("byteorder", ("little", "big"))
def test_stat__equals_an_independent_look(file, byteorder):
    spec = importlib.util.spec_from_file_location("btfstat", BTFSTAT)
    btfstat = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(btfstat)
    data = trees.wire(trees.with_addresses(), byteorder)
    theirs, rows = btfstat.stat(btfstat.Btf(data)), stat(file("x.btf", data)).parts()
    assert {row.kind: row.count for row in rows if row.part == "types"} == theirs["count"]
    assert {row.kind: row.nbytes for row in rows if row.part == "types"} == theirs["bytes"]
    assert {row.part: row.nbytes for row in rows if row.part in ("header", "strings", "file")} == {
        "header": theirs["header_bytes"], "strings": theirs["string_bytes"], "file": theirs["file_bytes"]}
    assert rows[-1].count == theirs["types"]


@pytest.mark.parametrize("name", encodings.names())
def test_stat__reads_the_layout_of_any_encoding(file, name):
    rows = trees.with_addresses() if encodings.encoding(name).layout == trees.LAYOUT else trees.every_kind()
    found = stat(file(name, trees.wire(rows)))
    assert found.account.n_types == len(rows) and found.account.total_nbytes == len(trees.wire(rows))


def test_stat__over_a_base_counts_the_rest(file):
    base = wire.pack([INT, wire.ptr(1)])
    module_data = wire.pack([wire.struct_("mine", ("a", 1)), wire.ptr(1), wire.ptr(3)], base=base)
    vmlinux, mine = file("vmlinux.btf", base), file("mine.ko", module_data)
    found = stat(mine, vmlinux)
    assert found.facts() == {"path": str(mine), "base": str(vmlinux), "byteorder": "little", "first_type_id": 3,
                             "types": 3, "strings": 2, "bytes": len(module_data)}
    assert found.wasted() == [Row("unreferenced strings", "", 0, 0, 0), Row("repeated strings", "", 0, 0, 0),
                              Row("duplicate types", "PTR", 1, 12, 1200 / len(module_data))]
    assert "over " in to_text(found) and "type_ids from 3 on" in to_text(found)
    with pytest.raises(BtfFormatError, match="a module continues the BTF of its kernel, which --base names"):
        stat(mine)
    with pytest.raises(BtfFormatError) as caught:
        stat(file("mine.btf", module_data))
    assert "--base" not in str(caught.value)


def test_stat__does_not_misread_a_whole_file_as_one_that_continues_a_base(file):
    base = wire.pack([INT, wire.ptr(1), TASK])
    vmlinux, whole = file("vmlinux.btf", base), file("whole.btf", wire.pack([INT, wire.ptr(1)]))
    for path in (vmlinux, whole):
        with pytest.raises(BtfFormatError, match=f"{path}: expected types that continue those of .*vmlinux.btf"):
            stat(path, vmlinux)
        alone = stat(path, vmlinux, if_needed=True)
        assert alone.base is None and alone.waste == stat(path).waste and alone.parts() == stat(path).parts()
    mine = file("mine.ko", wire.pack([wire.ptr(1)], base=base))
    assert stat(mine, vmlinux, if_needed=True).base == str(vmlinux)
    done = cli("stat", mine, "--base", vmlinux, "--json", "--", whole)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["new"]["base"], found["old"]["base"]) == (str(vmlinux), None)
    done = cli("stat", mine, "--base", vmlinux, "--old-base", vmlinux, "--", whole)
    assert done.returncode == 2 and "found a file that needs no base" in done.stderr
    done = cli("same", whole, whole, "--base", vmlinux)
    assert done.returncode == 2 and f"{whole}: expected types that continue those of {vmlinux}" in done.stderr


@pytest.mark.parametrize(("types", "alone"), [
    ([], True), ([INT], True), ([wire.ptr(2), wire.ptr(1)], True), ([wire.ptr(3)], False),
    ([wire.struct_("task", ("a", 1))], True)])
def test_stands_alone__is_in_range_without_the_base(types, alone):
    base = btf.parse(wire.pack([INT, wire.ptr(1), TASK]))
    file = btf.parse(wire.pack(types), base=base)
    assert same.stands_alone(file) == alone
    assert same.stands_alone(base)
    assert not same.stands_alone(btf.parse(wire.pack(types, base=wire.pack([INT])), base=btf.parse(wire.pack([INT]))))


def with_sections(**sections):
    """An ELF file with some sections, by name with _ for a dot."""
    return elf.Elf([elf.Section(name.replace("_", "."), data) for name, data in sections.items()]).to_bytes()


def test_stat__finds_the_base_that_is_in_the_same_file(file):
    base = wire.pack([INT, wire.struct_("task", size=64)])
    mine = wire.pack([wire.struct_("mine", ("task", 2)), wire.typedef("t", 1)], base=base)
    path = file("out_of_tree.ko", with_sections(_BTF=mine, _BTF_base=base))
    found = stat(path)
    assert found.base == f"{path}(.BTF.base)" and found.account.n_types == 2
    assert found.file.types.first_id == 3
    with pytest.raises(UsageError, match="--base: expected a file without a base of its own"):
        stat(path, file("vmlinux.btf", base))
    with pytest.raises(BtfFormatError, match=r"\.BTF\.base\+0x"):
        stat(file("bad.ko", with_sections(_BTF=mine, _BTF_base=base[:20])))


def test_stat__finds_the_kernel_of_a_module_in_sysfs(file, monkeypatch, tmp_path):
    base = wire.pack([INT])
    file("vmlinux", base)
    mine = file("nf_nat", wire.pack([wire.ptr(1)], base=base))
    monkeypatch.setattr(module, "RUNNING", str(tmp_path))
    assert stat(mine).base == str(tmp_path / "vmlinux") and stat(tmp_path / "vmlinux").base is None


@pytest.fixture(scope="module", params=["bpfel", "bpfeb"])
def compiled(request, tmp_path_factory):
    """A BPF object."""
    if shutil.which("clang") is None:
        pytest.skip("no clang: .BTF.ext of a real program not read")
    folder = tmp_path_factory.mktemp("ext")
    (folder / "prog.c").write_text(PROGRAM)
    done = subprocess.run(["clang", f"--target={request.param}", "-g", "-O2", "-c", "prog.c"], cwd=folder,
                          capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"clang has no target {request.param}: {done.stderr.splitlines()[:1]}")
    return folder / "prog.o"


def test_stat__of_a_bpf_object_has_no_string_that_nothing_names(compiled):
    """Names of sections, lines of source, and paths of members are in .BTF, and only .BTF.ext refers to them."""
    found = stat(compiled)
    alone = btf.waste(found.file)
    assert alone.unreferenced.count > 3 and found.waste.unreferenced == (0, 0)
    assert found.account.total_nbytes == len(btf.data_in(compiled))
    assert set(btf.sections_in(compiled)) == {".BTF", ".BTF.ext"}


def test_stat__refuses_what_is_no_btf(file, tmp_path):
    for path, words in ((tmp_path / "none", "expected a readable file"), (tmp_path, "expected a readable file"),
                        (file("x", b"text"), "expected a header of 24"),
                        (file("x.elf", with_sections(_text=b"x")), "expected a section .BTF, found none")):
        with pytest.raises(BtfFormatError, match=words):
            stat(path)
    bad = bytearray(wire.pack([INT, wire.ptr(1)]))
    struct.pack_into("<I", bad, 24 + 16 + 8, 9)
    with pytest.raises(BtfFormatError, match="expected a type_id of at most 2, found 9"):
        stat(file("bad", bytes(bad)))


def test_difference__has_what_either_has(file):
    old = stat(file("old", [INT, TASK, wire.ptr(2), wire.enum("e", ("A", 1))]))
    new = stat(file("new", [INT, TASK, wire.ptr(1), wire.ptr(2), wire.float_("double", 8)]))
    rows = {row.label: row for row in difference(new.parts(), old.parts())}
    assert rows["PTR"] == Change("types", "PTR", 2, 24, 1, 12, 1, 12, 100.0)
    assert rows["ENUM"] == Change("types", "ENUM", 0, 0, 1, 20, -1, -20, -100.0)
    assert rows["FLOAT"] == Change("types", "FLOAT", 1, 12, 0, 0, 1, 12, None)
    assert rows["INT"][6:] == (0, 0, 0.0)
    for side in ("nbytes", "old_nbytes", "nbytes_delta"):
        assert getattr(rows["file"], side) == sum(getattr(row, side) for row in rows.values() if row.part != "file")
    back = {row.label: row for row in difference(old.parts(), new.parts())}
    assert {label: -row.nbytes_delta for label, row in rows.items()} == {
        label: row.nbytes_delta for label, row in back.items()}
    assert difference(old.parts(), old.parts())[-1][6:] == (0, 0, 0.0)


def test_in_order__keeps_the_sum_last_and_ties_in_their_order():
    rows = [Row("header", "", 0, 24, 0), Row("types", "PTR", 2, 24, 0), Row("types", "ENUM", 1, 40, 0),
            Row("strings", "", 9, 10, 0), Row("file", "", 3, 98, 100)]
    orders = {sort: [row.label for row in in_order(rows, sort)] for sort in module.SORTS}
    assert orders == {"size": ["ENUM", "PTR", "header", "strings", "file"],
                      "count": ["PTR", "ENUM", "header", "strings", "file"],
                      "name": ["ENUM", "header", "PTR", "strings", "file"]}
    changes = [Change("types", kind, 0, 0, 0, 0, n, nbytes, 0.0)
               for kind, n, nbytes in (("A", 1, 12), ("B", -3, -48), ("C", 5, 13))]
    assert [row.kind for row in in_order(changes, "size")] == ["B", "C", "A"]
    assert [row.kind for row in in_order(changes, "count")] == ["C", "B", "A"]


def test_columns__are_those_that_are_declared():
    assert set(ROW_COLUMNS) | set(CHANGE_COLUMNS) <= set(COLUMNS)
    assert len(ROW_COLUMNS) == len(Row._fields) and len(CHANGE_COLUMNS) == len(Change._fields)


# The text


def test_to_text__of_a_file(file):
    path = file("x.btf", [INT, wire.ptr(1), wire.ptr(1), TASK, wire.ptr(2), wire.ptr(3)])
    assert to_text(stat(path), shown=2) == f"""\
{path}
little endian, header of 24 bytes, no layout section, 5 strings

    TYPES       BYTES
  ---------  -----------
   66.7%  4   32.9%   48  PTR
   16.7%  1   24.7%   36  STRUCT
   16.7%  1   42.5%   62  [3 Others]
  100.0%  6  100.0%  146  TOTAL

waste                 count  bytes  of the file
unreferenced strings      0      0  0.0%
repeated strings          0      0  0.0%
duplicate types           2     24  16.4%
- PTR                     2     24  16.4%
"""


def test_to_text__of_two_files(file):
    a = file("old.btf", [INT, TASK, wire.ptr(2), wire.enum("e", ("A", 1))])
    b = file("new.btf", [INT, TASK, wire.ptr(1), wire.ptr(2), wire.ptr(2), wire.float_("double", 8)])
    old, new = stat(a), stat(b)
    head = f"""\
NEW  {b}
     little endian, header of 24 bytes, no layout section, 6 strings
OLD  {a}
     little endian, header of 24 bytes, no layout section, 7 strings

     TYPES        BYTES
  -----------  ------------
"""
    total = "   +50.0%  +2   +14.2%  +19  TOTAL\n"
    tail = """
waste                 count  in OLD  bytes  in OLD  change
unreferenced strings      0       0      0       0  +0
repeated strings          0       0      0       0  +0
duplicate types           1       0     12       0  +12
- PTR                     1       0     12       0  +12
"""
    assert to_text(new, old) == head + """\
  +200.0%  +2  +200.0%  +24  PTR
    [DEL]  -1    [DEL]  -20  ENUM
    [NEW]  +1    [NEW]  +12  FLOAT
                +11.5%   +3  strings
""" + total + tail
    assert to_text(new, old, "name", 1) == head + """\
    [DEL]  -1    [DEL]  -20  ENUM
  +300.0%  +3  +102.6%  +39  [3 Others]
""" + total + tail
    assert "\n  [ = ]  0  [ = ]  0  TOTAL\n" in to_text(new, new)


def test_to_text__is_ascii_and_narrow(file):
    found = stat(file("é\udcff.btf", trees.wire(trees.with_addresses())))
    for text in (to_text(found), to_text(found, found), to_text(found, found._replace(base="x"))):
        assert text.isascii() and max(len(line) for line in text.splitlines() if "/" not in line) <= 80
