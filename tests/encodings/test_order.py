"""The order of types and strings in a file: pahole's, by unit and by name; and one type_id for what all files have."""

import re
import shutil
import subprocess

import pytest

from harness import btf, encodings, run
from harness.functions import QUIRKS, RULES, STRINGS
from harness.model import Kind, kind_number
from harness.model import words as wd
from tests.fixtures.build import program
from tests.writers.dwarf import CU, DIE, Dwarf
from tests.writers.elf import Section

FUNCTIONS = ("FUNC_PROTO", "FUNC", "DECL_TAG")


def plain(path, rules="1.32", quirks=(), policy="current"):
    """The baseline of a file."""
    prepared = run.prepare(path, threads=1, rules=rules)
    return btf.parse(run.encode(prepared, policy, ["plain"], rules, quirks, kernel_step=False).files["plain"])


def listed(file):
    """(kind, name) of all types of a file."""
    return [(Kind(kind_number(file.types.row(i)[wd.INFO])).name, file.name(i).decode()) for i in file.types.ids()]


def strings_of(file):
    return file.strings.blob.tobytes()[1:-1].split(b"\0")


@pytest.mark.parametrize("debug", ["-gdwarf-4", "-gdwarf-5"])
@pytest.mark.parametrize("name", ["inlines", "same_name", "forward", "arrays", "functions", "enums", "bitfields",
                                  "weak", "btf_tags", "kfuncs"])
def test_order__a_file_has_the_same_bytes_as_from_the_pahole_of_this_machine(tmp_path, name, debug):
    pahole = shutil.which("pahole")
    if not pahole:
        pytest.skip("no pahole")
    said = subprocess.run([pahole, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"\d+\.\d+", said)[0]
    if version not in RULES:
        pytest.skip(f"rules of pahole {version} are not known")
    options = ["--btf_gen_floats", "--btf_encode_force"] if version < "1.26" else [
        "--btf_features=encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func,decl_tag_kfuncs,"
        "reproducible_build"]
    path, out = program(name, debug=debug).path, tmp_path / "theirs.btf"
    subprocess.run([pahole, "-J", *options, f"--btf_encode_detached={out}", path], check=True, capture_output=True)
    prepared = run.prepare(path, threads=1, rules=version)
    ours = run.encode(prepared, "current", ["plain"], version, QUIRKS, kernel_step=False)
    assert ours.files["plain"] == out.read_bytes()


def test_order__functions_come_by_name_behind_all_types_each_behind_its_prototype():
    file = plain(program("several_units").path)
    kinds = [kind for kind, _ in listed(file)]
    funcs = file.types.ids_of(Kind.FUNC).tolist()
    names = [file.name(i) for i in funcs]
    assert names == sorted(names)
    proto = [int(file.types.row(i)[wd.SIZE_TYPE]) for i in funcs]
    assert all(p < f for p, f in zip(proto, funcs, strict=True))
    new = [p for p in proto if p > file.types.ids_of(Kind.VAR).max()]
    assert new and all(p + 1 in funcs for p in new)
    assert set(kinds[funcs[0] - 1 : -1]) <= set(FUNCTIONS) and kinds[-1] == "DATASEC"


def test_order__functions_of_1_24_come_behind_the_types_of_their_units():
    file = plain(program("several_units").path, "1.24")
    rows = listed(file)
    funcs = [i for i, (kind, _) in enumerate(rows) if kind == "FUNC"]
    behind = [kind for kind, _ in rows[funcs[0] :] if kind not in FUNCTIONS]
    assert "STRUCT" in behind and "INT" in behind and behind[-1] == "DATASEC"
    names = [rows[i][1] for i in funcs]
    assert names != sorted(names)


@pytest.mark.parametrize("rules", ["1.24", "1.32"])
def test_order__what_the_baseline_has_has_its_type_ids_in_every_file(rules):
    prepared = run.prepare(program("several_units").path, threads=1, rules=rules)
    encoded = run.encode(prepared, "all", ["plain", "decl_tag", "btf_func"], rules)
    files = {name: encodings.parse(data) for name, data in encoded.files.items()}
    n = files["plain"].types.n_types
    rows = {name: listed(file) for name, file in files.items()}
    assert all(rows[name][:n] == rows["plain"] for name in files)
    assert {kind for kind, _ in rows["decl_tag"][n:]} == {"DECL_TAG"}
    assert {kind for kind, _ in rows["btf_func"][n:]} == {"FUNC"}
    first = {int(i): name for i, name in zip(encoded.func_id, prepared.described["name"], strict=True) if i}
    for file in files.values():
        for type_id, name in first.items():
            assert file.name(type_id) == (name if isinstance(name, bytes) else str(name).encode())


def test_order__strings_that_no_type_has_are_written_only_on_request():
    path = program("several_units").path
    quiet, kept = plain(path), plain(path, quirks=[STRINGS])
    assert listed(quiet) == listed(kept)
    named = {name.encode() for _, name in listed(quiet)}
    assert named - {b""} <= set(strings_of(quiet)) < set(strings_of(kept))
    assert len(strings_of(kept)) == len(set(strings_of(kept)))
    written = btf.parse(btf.encode(quiet.types, quiet.strings))
    assert set(strings_of(written)) == set(strings_of(quiet))  # each is a type's or a member's


def test_order__a_forward_declaration_brings_its_name_before_what_it_becomes(tmp_path):
    """With the strings as pahole has them: a type's name comes where pahole meets it first."""
    point = DIE("structure_type", name="point", byte_size=4)
    one = CU([DIE("structure_type", name="point", declaration=True), DIE("typedef", name="before")])
    two = CU([DIE("structure_type", name="between", byte_size=1), point])
    path = Dwarf([one, two], [Section.text(size=16)]).write(tmp_path / "a.elf")
    assert strings_of(plain(path)) == [b"before", b"between", b"point"]
    assert strings_of(plain(path, quirks=[STRINGS])) == [b"point", b"before", b"between"]


@pytest.mark.parametrize(("first", "second", "expected"), [
    ("char", "int", [("INT", "char"), ("ARRAY", ""), ("INT", "int"), ("INT", "long")]),
    ("int", "char", [("INT", "int"), ("ARRAY", ""), ("INT", "char"), ("INT", "long")]),
    ("char", None, [("INT", "char"), ("ARRAY", ""), ("INT", "int"), ("INT", "long")])])
def test_order__the_type_of_array_indices_stands_where_pahole_needs_it_first(tmp_path, first, second, expected):
    def named(name):
        return DIE("base_type", name=name, byte_size={"char": 1, "int": 4, "long": 8}[name], encoding=5)

    element = named(first)
    units = [CU([element, DIE("array_type", DIE("subrange_type", upper_bound=3), type=element)])]
    units += [CU([named(second)])] if second else []
    path = Dwarf([*units, CU([named("long")])], [Section.text(size=16)]).write(tmp_path / "a.elf")
    assert listed(plain(path)) == expected
