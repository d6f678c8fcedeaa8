"""The walk and its slow twin say the same of every fixture program."""

import sys

import pytest
import walk_rows as rows

from harness.dwarf import walk_tables as wt
from harness.errors import DwarfError
from tests.fixtures.build import KEPT, program
from tests.reference import dwarf_twin as twin
from tests.reference.placed import placed

COMPILERS = [("gcc", "-gdwarf-5"), ("gcc", "-gdwarf-4"), ("clang", "-gdwarf-5"), ("clang", "-gdwarf-4")]
LINKED = [("several_units", "exec"), pytest.param("several_units", "dyn", marks=pytest.mark.long), ("scalars", "exec"),
          ("btf_tags", "exec")]


def agree(path):
    """Compare every column of the walk of `path` with the twin's."""
    found = rows.walked(path, threads=2)
    units, subprograms, tags = twin.everything(placed(path))
    expected = [row for unit in units for row in unit]
    got, first = rows.own_rows(found)
    ids = {row.offset: first + i for i, row in enumerate(expected)}
    ids[None] = 0

    assert [row.kind for row in got] == [row.kind for row in expected]
    at = 0
    for number, unit in enumerate(units):
        mine = got[at : at + len(unit)]
        at += len(unit)
        for column in ("name", "size", "kind_flag", "encoding", "nelems"):
            assert [getattr(r, column) for r in mine] == [getattr(r, column) for r in unit], (number, column)
        bearing = rows.REFERENCES | {"ARRAY"}
        assert [r.ref for r in mine] == [ids[r.ref] if r.kind in bearing else None for r in unit], number
        assert [r.members for r in mine] == [
            tuple((name, ids[ref], *where) for name, ref, *where in r.members) for r in unit], number  # fmt: skip
        assert [r.params for r in mine] == [tuple((n, ids[ref]) for n, ref in r.params) for r in unit], number
        # ENUM stores the lower half of a value
        assert [r.enumerators for r in mine] == [
            tuple((n, v if r.kind == "ENUM64" else (v + 2**31) % 2**32 - 2**31) for n, v in r.enumerators)
            for r in unit], number  # fmt: skip

    theirs = [f for f in subprograms if not f.declaration]
    assert found.functions.die_off.tolist() == [f.offset for f in theirs]
    assert rows.funcs(found) == [
        rows.Func(f.name or "", f.address, f.external, tuple((n, ids[ref]) for n, ref in f.params), ids[f.returns])
        for f in theirs
    ]
    assert found.counts["type_dies"] == len(expected)
    assert found.counts["subprogram_dies"] == len(subprograms)
    agree_on_tags(found, tags, ids, [f.offset for f in theirs])


def agree_on_tags(found, tags, ids, function_offsets):
    """Compare the declaration tags; of those on variables only the text, because the walk keeps no offset."""
    row_of = {offset: row for row, offset in enumerate(function_offsets)}
    expected = []
    for unit in tags:
        for target, component, text in unit:
            if target in ids:
                expected.append((wt.T_TYPE, ids[target], component, text))
            elif target in row_of:
                expected.append((wt.T_FUNC, row_of[target], component, text))
            else:
                expected.append((wt.T_VAR, 0, component, text))
    got = [(space, 0 if space == wt.T_VAR else target, component, text)
           for space, target, component, text in rows.tags(found)]  # fmt: skip
    assert sorted(got) == sorted(expected)


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.name)
def test_walk__agrees_with_its_twin_on_committed_objects(kept):
    agree(kept.path)


@pytest.mark.parametrize(("compiler", "debug"), COMPILERS)
@pytest.mark.parametrize(("name", "link"), LINKED)
def test_walk__agrees_with_its_twin_on_linked_programs(name, link, compiler, debug):
    agree(program(name, compiler, debug, link).path)


@pytest.mark.long
@pytest.mark.parametrize(("compiler", "debug"), COMPILERS)
def test_walk__agrees_with_its_twin_on_relocatable_objects(compiler, debug):
    for path in program("several_units", compiler, debug, "rel").objects:
        agree(path)


@pytest.mark.parametrize("debug", ["-gdwarf-5", "-gdwarf-4"])
@pytest.mark.parametrize("name", ["several_units", "type_units"])
def test_walk__agrees_with_its_twin_on_type_units(name, debug):
    agree(program(name, "gcc", debug, "exec", ("-fdebug-types-section",)).path)


@pytest.mark.parametrize("debug", ["-gdwarf-5", "-gdwarf-4"])
def test_walk__refuses_objects_with_several_sections_of_a_name(debug):
    path = program("sample", "gcc", debug, "rel", ("-fdebug-types-section",)).objects[0]
    with pytest.raises(DwarfError, match="expected one section of that name, found") as caught:
        rows.walked(path)
    assert caught.value.section == (".debug_info" if debug == "-gdwarf-5" else ".debug_types")


def test_walk__agrees_with_its_twin_on_compressed_sections():
    # pyelftools cannot relocate .zdebug sections; test_forms has those, and zstd
    agree(program("sample", "gcc", "-gdwarf-5", "rel", ("-gz=zlib",)).objects[0])


def test_walk__gives_the_same_bytes_at_any_number_of_threads(monkeypatch):
    module = sys.modules["harness.dwarf.passes"]
    path = program("several_units").path
    whole = rows.walked(path)
    monkeypatch.setattr(module, "BATCH_NBYTES", 100)  # so that each unit is a batch
    split = rows.walked(path, threads=3)
    for one, other in ((whole.types, split.types), (whole.functions, split.functions),
                       (whole.variables, split.variables), (whole.strings, split.strings)):  # fmt: skip
        for a, b in zip(one, other, strict=True):
            assert a is b is None or a.tobytes() == b.tobytes()  # a table has no base
    assert whole.counts == split.counts
