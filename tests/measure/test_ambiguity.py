from harness import measure
from harness.measure import COLUMNS
from harness.measure.ambiguity import (
    ALIAS_COLUMNS,
    CAUSES,
    NAME_COLUMNS,
    OF_ONE_ADDRESS,
    SUMMARY_COLUMNS,
    aliases,
    ambiguity_summary,
    ambiguous_names,
    classified_names,
)
from tests.measure.folders import INSTANCES, TAKES_INT, TAKES_NODE, make

BASE = 0xFFFFFFFF81000000


def at(name, offset, match="exact", proto=TAKES_INT, reason="", **columns):
    return (name, BASE + offset, match, proto, reason, columns)


ALL_CAUSES = [
    at("alone", 0x0),
    # one definition, one unit, and a clone
    at("twin", 0x10, file="t.c", unit="t.c", line=5),
    at("twin", 0x20, "suffix", file="t.c", unit="t.c", line=5),
    # fs/binfmt_elf.c and the compat file that includes it
    at("again", 0x30, file="elf.c", unit="elf.c", line=7),
    at("again", 0x40, file="elf.c", unit="compat_elf.c", line=7, proto=TAKES_NODE),
    # one object built twice, the same unit
    at("object", 0x50, file="lib.c", unit="lib.c", line=3),
    at("object", 0x60, file="lib.c", unit="lib.c", line=3),
    # static inline, and what is in a header without the word
    at("spread", 0x70, file="s.h", unit="a.c", line=2, inline=1),
    at("spread", 0x80, file="s.h", unit="b.c", line=2, inline=1),
    at("spread", 0x90, "suffix", file="s.h", unit="c.c", line=2, inline=1),
    at("header", 0xA0, file="s.h", unit="a.c", line=9),
    at("header", 0xB0, file="s.h", unit="b.c", line=9),
    at("inlined", 0xC0, file="i.c", unit="a.c", line=9, inline=1),
    at("inlined", 0xD0, file="i.c", unit="b.c", line=9, inline=1),
    # separate definitions
    at("cloned", 0xE0, file="a.c", unit="a.c", line=1),
    at("cloned", 0xF0, "suffix", file="b.c", unit="b.c", line=1),
    # a static function that ThinLTO renamed is no clone
    at("promoted", 0xF8, file="a.c", unit="a.c", line=6),
    at("promoted", 0xFC, "suffix", file="b.c", unit="b.c", line=6, symbol="promoted.llvm.123"),
    at("type_show", 0x100, file="a.c", unit="a.c", line=2, section=".init.text"),
    at("type_show", 0x110, file="b.c", unit="b.c", line=2, ftrace=0),
    at("init_once", 0x120, file="a.c", unit="a.c", line=3, proto=TAKES_NODE),
    at("init_once", 0x130, file="b.c", unit="b.c", line=3, section=".exit.text"),
    # one file, two lines
    at("macro", 0x140, file="a.c", unit="a.c", line=40),
    at("macro", 0x150, file="a.c", unit="a.c", line=50),
    # of lines that are unknown nothing follows
    at("asm", 0x160, file="a.S", unit="a.S", line=0),
    at("asm", 0x170, file="a.S", unit="a.S", line=0),
    # one address
    at("weak", 0x180, file="arch.c", unit="arch.c", binding="global"),
    at("weak", 0x188, "overridden", TAKES_NODE, "overridden: its name's symbol is elsewhere", file="main.c",
       unit="main.c"),
    at("first_name", 0x190), at("second_name", 0x190),
    at("piece", 0x200, "part", TAKES_INT, "partial body"), at("piece", 0x210, "part", TAKES_INT, "partial body"),
]

CLASSES = {
    "twin": "true_twins", "again": "compiled_twice", "object": "compiled_twice", "spread": "inline_out_of_line",
    "header": "inline_out_of_line", "inlined": "inline_out_of_line", "cloned": "clone_twins",
    "promoted": "same_prototype", "type_show": "same_prototype", "init_once": "different_prototype",
    "macro": "same_prototype", "asm": "same_prototype", "weak": "weak_strong", "first_name": "alias",
    "second_name": "alias",
}


def names(folder, instances=ALL_CAUSES, **more):
    return classified_names(measure.load(make(folder, instances=instances, **more))).set_index("name")


def test_classified_names__have_one_class_each(tmp_path):
    found = names(tmp_path / "r")
    assert found["class"].to_dict() == CLASSES
    assert list(found.index)[:2] == ["spread", "again"]
    assert all(found.loc[name, cause] for name, cause in CLASSES.items())


def test_classified_names__dtypes_are_declared(tmp_path):
    exact = [row for row in ALL_CAUSES if row[2] == "exact"]
    for instances in (ALL_CAUSES, exact, [at("alone", 0)], ALL_CAUSES[-1:], ALL_CAUSES[-2:]):
        result = measure.load(make(tmp_path / str(len(instances)), instances=instances))
        for made, columns in ((ambiguous_names(result), NAME_COLUMNS), (classified_names(result), NAME_COLUMNS),
                              (ambiguity_summary(result), SUMMARY_COLUMNS), (aliases(result), ALIAS_COLUMNS)):
            assert tuple(made.columns) == columns
            assert {c: "str" if made[c].dtype in ("str", "object") else str(made[c].dtype) for c in made} == {
                c: COLUMNS[c].dtype for c in columns}


def test_classified_names__counts(tmp_path):
    found = names(tmp_path / "r")
    columns = ["instances", "addresses", "signatures", "suffixed_addresses", "init_addresses", "runtime_addresses",
               "ftrace_addresses"]
    assert found.loc["spread", columns].tolist() == [3, 3, 1, 1, 0, 3, 3]
    assert found.loc["promoted", columns].tolist() == [2, 2, 1, 1, 0, 2, 2]
    assert found.loc["type_show", columns].tolist() == [2, 2, 1, 0, 1, 1, 1]
    assert found.loc["init_once", columns].tolist() == [2, 2, 2, 0, 1, 1, 2]
    assert found.loc["weak", columns].tolist() == [2, 1, 2, 0, 0, 1, 1]
    assert found.loc["first_name", columns].tolist() == [1, 1, 1, 0, 0, 1, 1]


def test_classified_names__what_would_separate_them(tmp_path):
    found = names(tmp_path / "r")
    file, line, unit = (set(found.index[found[c]])
                        for c in ("file_separates", "file_line_separates", "unit_separates"))
    assert file == {"cloned", "promoted", "type_show", "init_once", "weak"}
    assert line == file | {"macro"}
    assert unit == file | {"again", "spread", "header", "inlined"}


def test_classified_names__flags_go_together(tmp_path):
    found = names(tmp_path / "r")
    assert set(found.index[found.clone_twins]) == {"twin", "spread", "cloned"}
    assert set(found.index[found.different_prototype]) == {"again", "init_once", "weak"}
    assert not found.loc["first_name", "same_prototype"]


def test_classified_names__do_not_depend_on_policy(tmp_path):
    everything = names(tmp_path / "all", policy="all")
    dropped = [(*i[:4], "ambiguous address", i[5]) if i[0] not in ("alone", "weak") else i for i in ALL_CAUSES]
    assert names(tmp_path / "current", dropped, policy="current").equals(everything)


def test_ambiguity_summary__sums_to_the_names(tmp_path):
    result = measure.load(make(tmp_path / "r", instances=ALL_CAUSES))
    summary, found = ambiguity_summary(result), ambiguous_names(result)
    assert summary["class"].tolist() == [cause.name for cause in CAUSES if cause.name not in OF_ONE_ADDRESS]
    several = [name for name, of in CLASSES.items() if of not in OF_ONE_ADDRESS]
    assert summary.names.sum() == len(found) == len(several) and sorted(found.name) == sorted(several)
    for column in ("addresses", "init_addresses", "runtime_addresses", "ftrace_addresses", "suffixed_addresses"):
        assert summary[column].sum() == found[column].sum()
    assert summary.file_separates_names.sum() == found.file_separates.sum()
    assert (summary.init_addresses + summary.runtime_addresses).equals(summary.addresses)


def test_aliases__are_addresses_with_several_names(tmp_path):
    result = measure.load(make(tmp_path / "r", instances=INSTANCES))
    assert aliases(result).to_numpy().tolist() == [[0xFFFFFFFF81000000, 2, "alias alone", 2, ".text"]]


def test_addressable__leaves_out_fallbacks_without_address(tmp_path):
    nowhere = {"symbol": "", "section": "", "shndx": -1}
    instances = [("found", 0, "fallback", TAKES_INT, "", nowhere), ("other", 0, "fallback", TAKES_INT, "", nowhere)]
    assert not len(names(tmp_path / "r", instances))


def test_classified_names__take_words_that_are_no_utf8(tmp_path):
    odd = [(*i[:4], i[4] and "\udcff", {**(i[5] if len(i) > 5 else {}), "section": ".\udcfe"}) for i in ALL_CAUSES]
    assert len(names(tmp_path / "r", odd)) == len(CLASSES)
    assert set(measure.names_by_addresses(measure.load(tmp_path / "r")).reasons) <= {"", "\udcff"}
