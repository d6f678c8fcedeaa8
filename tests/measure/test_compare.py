"""Two builds compared: who came and went, what moved, and which identity finds an instance again."""

import subprocess
import sys

import pytest
from folders import edit, make

from harness.errors import MeasureError
from harness.measure import COLUMNS, load
from harness.measure.compare import ALL, AMBIGUOUS, IDENTITIES, OUTCOMES, compare
from harness.text.compare import to_text

BASE = 0xFFFFFFFF81000000
INT = 4


def at(name, offset, unit="a.c", match="exact", **columns):
    """An instance as tests/measure/folders.py takes it, in the file that its unit is."""
    return (name, BASE + offset, match, INT, "", {"unit": unit, "file": unit, **columns})


def compared(path, a, b, change=lambda manifest: None):
    """The Comparison of two tiny folders; `change` is made to the manifest of the second."""
    folders = [make(path / key, instances=list(rows), label=f"tiny-{key}") for key, rows in (("a", a), ("b", b))]
    edit(folders[1], lambda m: m["kernel"].update(build_id="11ff"))
    edit(folders[1], change)
    return compare(*map(load, folders))


def outcome(comparison, identity, group=ALL):
    """The outcomes of an identity that are not 0, by name."""
    table = comparison.identities
    row = table[(table.identity == identity) & (table.group == group)].iloc[0]
    return {word: row[word] for word in OUTCOMES if row[word]}


def whats(comparison, column="instances"):
    return comparison.counterparts.set_index("what")[column].to_dict()


FEW = (at("alone", 0), at("twice", 16), at("twice", 32, "b.c"), at("late", 64, "b.c", section=".init.text", shndx=2))


def shifted(instances, by):
    return [(name, address + by, *rest) for name, address, *rest in instances]


def test_compare__the_same_build_keeps_every_identity(tmp_path):
    c = compared(tmp_path, FEW, FEW, lambda m: m["kernel"].update(build_id="00ff"))
    assert len(c.names) == len(c.ordinals) == 0
    assert c.moved.moved.sum() == 0 and c.moved.unmoved.sum() == 4
    assert outcome(c, "name+address") == outcome(c, "name+ordinal") == {"right": 4}
    assert outcome(c, "name") == {"right": 2, "ambiguous": 2}
    assert outcome(c, "name", AMBIGUOUS) == {"ambiguous": 2}
    assert "the same build" in " ".join(c.remarks)
    assert "Nothing moved." in to_text(c)


def test_compare__says_who_gained_and_lost_instances(tmp_path):
    after = [*FEW[1:], at("twice", 48, "c.c"), at("new", 96)]
    c = compared(tmp_path, FEW, after)
    assert list(c.names.itertuples(index=False, name=None)) == [
        ("twice", 2, 3, 1), ("alone", 1, 0, -1), ("new", 0, 1, 1)]
    found = whats(c)
    assert (found["- with a counterpart in B"], found["- gone"], found["- new"]) == (3, 1, 2)
    assert found["- whether gone is unknown"] == found["- whether new is unknown"] == 0
    assert outcome(c, "name+unit") == {"right": 3, "gone": 1}
    assert outcome(c, "name") == {"right": 1, "ambiguous": 2, "gone": 1}


@pytest.mark.parametrize("by", [16, -32, 1 << 30])
def test_compare__a_constant_shift_leaves_the_offset(tmp_path, by):
    c = compared(tmp_path, FEW, shifted(FEW, by))
    assert c.moved[["section", "paired", "moved", "unmoved", "shifts", "usual shift", "shifted"]].values.tolist() == [
        [".text", 3, 3, 0, 1, by, 3], [".init.text", 1, 1, 0, 1, by, 1]]
    assert outcome(c, "offset") == outcome(c, "section+offset") == {"right": 4}
    assert "right" not in outcome(c, "address") and outcome(c, "name+ordinal") == {"right": 4}


def test_compare__an_address_may_find_another_function(tmp_path):
    c = compared(tmp_path, FEW, shifted(FEW, 16))
    assert outcome(c, "address") == {"wrong": 2, "lost": 2}
    assert outcome(c, "name+address") == {"wrong": 1, "lost": 3}, "twice of b.c is where twice of a.c was"


def test_compare__an_offset_of_the_section_outlives_a_section_before_it(tmp_path):
    after = [*FEW[:3], at("late", 4096, "b.c", section=".init.text", shndx=2)]
    c = compared(tmp_path, FEW, after)
    assert outcome(c, "section+offset") == {"right": 4} and outcome(c, "offset") == {"right": 3, "lost": 1}
    assert "32" in to_text(c) and c.moved.moved.tolist() == [0, 1]


def test_compare__swapped_ordinals_find_the_wrong_instance(tmp_path):
    after = [FEW[0], at("twice", 16, "b.c"), at("twice", 32), FEW[3]]
    c = compared(tmp_path, FEW, after)
    assert outcome(c, "name+ordinal") == {"right": 2, "wrong": 2}
    assert outcome(c, "symbol+ordinal", AMBIGUOUS) == {"wrong": 2}
    assert outcome(c, "name+file") == {"right": 4}
    assert list(c.ordinals.itertuples(index=False, name=None)) == [("twice", 2, 2, 2, 2, True)]
    assert "Names whose order changed: 1;" in to_text(c).replace("\n", " ")


def test_compare__an_instance_that_comes_before_others_renumbers_them(tmp_path):
    c = compared(tmp_path, FEW, [*FEW, at("twice", 8, "c.c")])
    assert list(c.ordinals.itertuples(index=False, name=None)) == [("twice", 2, 3, 2, 2, False)]
    assert outcome(c, "name+ordinal", AMBIGUOUS) == {"wrong": 2}


def test_compare__a_key_of_one_that_is_gone_may_find_anothers_counterpart(tmp_path):
    a = [at("twice", 16), at("twice", 32, "gone.c"), at("twice", 48, "b.c")]
    c = compared(tmp_path, a, [at("twice", 16), at("twice", 32, "b.c")])
    assert outcome(c, "name+address") == {"right": 1, "wrong": 1, "lost": 1}


def test_compare__a_key_that_becomes_ambiguous_finds_nothing(tmp_path):
    c = compared(tmp_path, FEW, [*FEW, at("alone", 80, "c.c")])
    assert outcome(c, "name") == {"right": 1, "ambiguous": 3} and outcome(c, "name", AMBIGUOUS) == {"ambiguous": 3}
    assert c.names.values.tolist() == [["alone", 1, 2, 1]]


def test_compare__a_symbols_ordinal_counts_among_that_symbol_only(tmp_path):
    c = compared(tmp_path, [at("twice", 16, match="suffix"), at("twice", 32, "b.c")], [at("twice", 32, "b.c")])
    assert outcome(c, "symbol+ordinal") == {"right": 1, "gone": 1}
    assert outcome(c, "name+ordinal") == {"wrong": 1, "lost": 1}


def test_compare__a_header_does_not_separate_its_instances(tmp_path):
    rows = [at("inline", 16 * i, unit, file="x.h", line=7) for i, unit in enumerate(("a.c", "b.c"))]
    c = compared(tmp_path, rows, shifted(rows, 16))
    assert outcome(c, "name+file") == outcome(c, "name+file+line") == {"ambiguous": 2}
    assert outcome(c, "name+unit") == outcome(c, "name+unit+file") == {"right": 2}


def test_compare__a_line_is_lost_when_the_file_was_edited(tmp_path):
    after = [FEW[0][:5] + ({"unit": "a.c", "file": "a.c", "line": 9},), *FEW[1:]]
    c = compared(tmp_path, FEW, after)
    assert outcome(c, "name+file+line") == {"right": 3, "lost": 1} and outcome(c, "name+file") == {"right": 4}
    assert whats(c)["counterparts on the same line"] == 3


def test_compare__a_function_that_went_to_another_file_is_unknown(tmp_path):
    c = compared(tmp_path, FEW, [at("alone", 0, "c.c"), *FEW[1:]])
    assert whats(c)["- whether gone is unknown"] == 1 and whats(c)["- gone"] == 0
    assert outcome(c, "name") == {"right": 1, "unknown": 1, "ambiguous": 2}
    assert outcome(c, "name+address") == {"right": 3, "unknown": 1}
    assert outcome(c, "name+unit") == {"right": 3, "lost": 1}


def clones(lines):
    return [at("twice", 16 * i, line=line, elf_addresses=2) for i, line in enumerate(lines)]


def test_compare__alike_instances_pair_by_line_not_by_address(tmp_path):
    c = compared(tmp_path, clones((5, 9)), clones((9, 5)))
    assert outcome(c, "name+address") == outcome(c, "name+ordinal") == {"wrong": 2}
    assert outcome(c, "name+file+line") == {"right": 2} and outcome(c, "name+unit+file") == {"ambiguous": 2}


def test_compare__alike_instances_are_unknown_unless_as_many(tmp_path):
    c = compared(tmp_path, clones((5, 9)), clones((5, 9, 11)))
    assert whats(c)["- whether gone is unknown"] == 2 and whats(c)["- whether new is unknown"] == 3
    assert outcome(c, "name+address") == {"unknown": 2}


def test_compare__instances_at_one_address_have_one_ordinal(tmp_path):
    rows = [at("folded", 0), at("folded", 0, "b.c"), at("folded", 16, "c.c")]
    c = compared(tmp_path, rows, rows)
    assert outcome(c, "name+ordinal") == {"right": 1, "ambiguous": 2}


def test_compare__pieces_and_the_unmatched_stay_out(tmp_path):
    rows = [*FEW, at("piece", 80, match="part"), at("weak", 0, match="overridden", section=""),
            at("found", 112, match="fallback")]
    assert whats(compared(tmp_path, rows, rows))["instances in A"] == 5


def test_compare__leaves_the_fallback_aside_if_one_build_has_none(tmp_path):
    c = compared(tmp_path, [*FEW, at("found", 112, match="fallback")], FEW, lambda m: m.update(fallback=False))
    assert len(c.names) == 0 and "fallback" in c.remarks[0]


def test_compare__paths_of_build_directories_do_not_matter(tmp_path):
    def rows(root):
        units = {"alone": "a.c", "entry": f"{root}/arch/x86/entry.S", "copy": f"{root}/arch/x86/lib/copy.S"}
        return [at(name, 16 * i, unit) for i, (name, unit) in enumerate(units.items())]

    c = compared(tmp_path, rows("/build/linux-1"), rows("/build/linux-2"))
    assert outcome(c, "name+unit+file") == outcome(c, "name+file") == {"right": 3}


def test_compare__paths_of_one_build_directory_stay(tmp_path):
    a = [at("entry", 0, "/build/arch/x86/entry.S")]
    c = compared(tmp_path, a, [*a, at("copy", 16, "/build/lib/copy.S")])
    assert outcome(c, "name+unit") == {"right": 1}


def test_compare__policies_may_differ(tmp_path):
    c = compared(tmp_path, FEW, FEW, lambda m: m.update(policies={"all": m["policies"]["consistent"]}))
    assert "policies differ (consistent, all)" in c.remarks[0] and outcome(c, "name+address") == {"right": 4}


def test_compare__refuses_another_machine(tmp_path):
    with pytest.raises(MeasureError, match="expected a build for EM_X86_64, 64 bits.*found one for EM_AARCH64"):
        compared(tmp_path, FEW, FEW, lambda m: m["kernel"].update(machine="EM_AARCH64"))


def test_compare__refuses_addresses_that_are_none(tmp_path):
    with pytest.raises(MeasureError, match=r"functions\.csv: expected a table, .*address: expected numbers of 64 bits"):
        compared(tmp_path, FEW, [at("alone", 0, address="zero")])


@pytest.mark.parametrize("rows", [(), FEW[:1]])
def test_compare__takes_builds_with_few_functions(tmp_path, rows):
    for key, (a, b) in {"ab": (FEW, rows), "ba": (rows, FEW), "bb": (rows, rows)}.items():
        c = compared(tmp_path / key, a, b)
        assert c.identities.instances.max() == len(a)
        assert to_text(c).isascii()


def test_compare__every_instance_has_one_outcome(tmp_path):
    after = [at("alone", 16, "c.c"), *shifted(FEW[1:3], 16), at("twice", 8, "c.c"), at("new", 96)]
    table = compared(tmp_path, FEW, after).identities
    assert len(table) == 2 * len(IDENTITIES)
    assert (table[list(OUTCOMES)].sum(axis=1) == table.instances).all()
    assert (table[["findable", "ambiguous", "lost", "gone"]].sum(axis=1) == table.instances).all()
    assert table.groupby("group").instances.unique().to_dict() == {ALL: [4], AMBIGUOUS: [2]}


def test_compare__frames_have_the_registered_columns(tmp_path):
    c = compared(tmp_path, FEW, shifted(FEW, 16))
    for table in (c.names, c.counterparts, c.identities, c.moved, c.ordinals):
        for name in table.columns:
            assert str(table[name].dtype) == COLUMNS[name].dtype.replace("str", str(table.iloc[:, 0].dtype))


def test_to_text__is_ascii_in_80_columns(tmp_path):
    after = [*shifted(FEW, 16), at("n" * 120, 256), at("caf\u00e9", 272), *(at(f"new_{i}", 512 + i) for i in range(30))]
    text = to_text(compared(tmp_path, FEW, after), shown=5)
    assert text.isascii() and max(map(len, text.splitlines())) <= 80
    assert "  [27 others]" in text and "caf\\xc3\\xa9" in to_text(compared(tmp_path, FEW, after), shown=99)
    assert "Names: 32 only in B, 0 only in A" in text
    assert "build ID 00ff" in text and "build ID 11ff" in text


def test_to_text__numbers_have_separators(tmp_path):
    c = compared(tmp_path, FEW, shifted(FEW, 4096))
    assert "+4,096 bytes in .text" in to_text(c)


def test_import__is_without_pandas():
    code = "import sys, harness.measure.compare; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
