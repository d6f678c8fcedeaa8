"""What functions.csv says, against slow twins: the order of ties, names that are no UTF-8, malformed tables."""

import pytest

from harness import measure
from harness.errors import BtfFormatError, MeasureError
from harness.measure.ambiguity import aliases, ambiguous_names, classified_names
from harness.measure.functions import coded, func_names
from harness.model import Kind
from tests.measure.folders import TAKES_INT, TAKES_NODE, any_instances, make, signed

BASE = 0xFFFFFFFF81000000


def rows_of(frame):
    return list(frame.itertuples(index=False, name=None))


def slow_names(instances):
    """names_by_addresses, the obvious way."""
    matched = [i for i in instances if i[2] in ("exact", "suffix")]
    out = []
    for name in {i[0] for i in matched}:
        first = {}
        for i in matched:
            if i[0] == name:
                first.setdefault(i[1], i[2])
        found = list(first.values())
        reasons = "; ".join(sorted({i[4] for i in matched if i[0] == name and i[4]}))
        out.append((name, len(found), found.count("exact"), found.count("suffix"), reasons))
    return sorted(out, key=lambda row: (-row[1], row[0]))


def slow_skipped(policy, instances):
    """skipped of one result, the obvious way."""
    out = []
    for reason in [*sorted({i[4] for i in instances} - {""}), ""]:
        mine = [i[0] for i in instances if i[4] == reason]
        out.append((policy, reason or "(encoded)", len(mine), len(set(mine))))
    return out


def slow_aliases(instances):
    """Address and names of aliases, the obvious way."""
    names = {}
    for name, address, match, *_ in instances:
        if match in ("exact", "suffix", "fallback"):
            names.setdefault(address, set()).add(name)
    return [(address, len(found), " ".join(sorted(found)))
            for address, found in sorted(names.items()) if len(found) > 1]


def slow_ambiguous(instances):
    """Names, instances, addresses and prototypes of classified_names, the obvious way."""
    here = {}
    for name, address, match, proto, *_ in instances:
        if match in ("exact", "suffix", "fallback"):
            here.setdefault((name, address), proto)
    out = []
    for name in {name for name, _ in here}:
        mine = {address: proto for (n, address), proto in here.items() if n == name}
        lost = [i[3] for i in instances if i[0] == name and i[2] == "overridden"]
        others = any(n != name and address in mine for n, address in here)
        if len(mine) > 1 or lost or others:
            out.append((name, len(mine) + len(lost), len(mine), len({*mine.values(), *lost})))
    return sorted(out, key=lambda row: (-row[2], row[0]))


@pytest.mark.parametrize("seed", range(8))
def test_functions__as_their_slow_twins(tmp_path, seed):
    instances = any_instances(seed)
    result = measure.load(make(tmp_path / "r", instances=instances))
    assert rows_of(measure.names_by_addresses(result)) == slow_names(instances)
    assert rows_of(measure.skipped([result])) == slow_skipped("consistent", instances)
    assert rows_of(aliases(result)[["address", "names", "aliases"]]) == slow_aliases(instances)
    columns, expected = ["name", "instances", "addresses", "signatures"], slow_ambiguous(instances)
    assert rows_of(classified_names(result)[columns]) == expected
    assert rows_of(ambiguous_names(result)[columns]) == [row for row in expected if row[2] > 1]


def test_names__of_one_number_of_addresses_are_in_order_of_code_points(tmp_path):
    names = ["b", "\udcff", "a", "Z", "é", "\U0001f600"]
    instances = [(name, BASE + 16 * i, "exact", TAKES_INT, "") for i, name in enumerate(names)]
    result = measure.load(make(tmp_path / "r", instances=instances))
    assert measure.names_by_addresses(result).name.tolist() == ["Z", "a", "b", "é", "\udcff", "\U0001f600"]
    assert b"\n\xff,1,1,0,\n" in measure.csv_bytes(measure.names_by_addresses(result))


def test_names__reasons_are_sorted_and_each_is_said_once(tmp_path):
    instances = [("f", BASE + 16 * i, "exact", TAKES_NODE, reason) for i, reason in enumerate("caba")]
    found = measure.names_by_addresses(measure.load(make(tmp_path / "r", instances=instances)))
    assert rows_of(found) == [("f", 4, 4, 0, "a; b; c")]


def test_classified_names__kept_ones_cannot_be_changed_by_who_asked(tmp_path):
    result = measure.load(make(tmp_path / "r"))
    before, mine = classified_names(result), classified_names(result)
    mine["name"] = "changed"
    assert len(mine) and classified_names(result).equals(before)


@pytest.mark.parametrize(("old", "new", "words"), [
    ("0xffffffff81000040", "nowhere", "column address: expected numbers of 64 bits in hex, found: invalid literal"),
    ("0xffffffff81000040", "0x1ffffffff81000040", "column address: expected numbers of 64 bits in hex, found"),
    ("0xffffffff81000040", "-0x40", "column address: expected numbers of 64 bits in hex, found"),
    ("a.c,a.c,1,0,", "a.c,a.c,one,0,", "expected a table, found: invalid literal"),
    ("a.c,a.c,1,0,", f"a.c,a.c,{1 << 70},0,", "expected a table, found"),
    ("a.c,a.c,1,0,", "a.c,a.c,-1,0,", "column line: expected numbers of int64 from 0 on, found -1"),
    ("a.c,a.c,1,0,", "a.c,a.c,1,2,", "column inline: expected one of 1, 0, found '2'"),
    (",exact,", ",somehow,", "column match: expected one of none, exact, suffix, part, .*, found 'somehow'"),
    (",local,", ",near,", "column binding: expected one of local, global, weak, found 'near'"),
    ("a.c,a.c,1,0,0x10", "a.c,a.c,1,0", "column die: expected numbers of 64 bits in hex, found: invalid literal"),
    ("a.c,a.c,1,0,0x10", "a.c,a.c,1,0,0x10,1", "expected a table, found: "),
])
def test_functions__that_are_malformed_are_refused(tmp_path, old, new, words):
    folder = make(tmp_path / "r")
    path = folder / "functions.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(MeasureError, match=words) as caught:
        measure.names_by_addresses(measure.load(folder))
    assert caught.value.path == str(path)


def test_functions__more_columns_than_known_are_text(tmp_path):
    folder = make(tmp_path / "r")
    path = folder / "functions.csv"
    head, *lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{head},more", *(f"{line},1" for line in lines), ""]))
    table = measure.load(signed(folder)).functions
    assert str(table.more.dtype) == "str" and str(table.line.dtype) == "int64"


def test_texts__are_the_names_of_the_file(tmp_path):
    result = measure.load(make(tmp_path / "r", instances=any_instances(4)))
    file, texts = result.btf("plain"), result.texts("plain")
    offsets = file.types.name_off()
    names = [file.name(i).decode("utf-8", "surrogateescape") for i in range(1, file.types.n_types + 1)]
    assert texts.of(offsets) == names and "\udcff" in names
    node = int(offsets[names.index("node")])
    assert [texts[node + k] for k in range(5)] == ["node", "ode", "de", "e", ""]
    with pytest.raises(BtfFormatError, match="expected a name_off below"):
        texts[len(file.strings.blob)]


def test_func_names__are_numbers_of_the_names_in_functions_csv(tmp_path):
    result = measure.load(make(tmp_path / "r", instances=any_instances(3)))
    file = result.btf("plain")
    funcs = [i for i in range(1, file.types.n_types + 1) if file.types.kind()[i - 1] == Kind.FUNC]
    known = coded(result).names.tolist()
    expected = [file.name(i).decode("utf-8", "surrogateescape") for i in funcs]
    found = func_names(result, "plain")
    assert [known[i] if i >= 0 else None for i in found] == [n if n in known else None for n in expected]
    assert found is func_names(result, "plain") and (found >= 0).any()
