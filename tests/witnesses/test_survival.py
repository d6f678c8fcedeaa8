"""Survival is what happens to the addresses of a file, and cost in use what a reader of it needs: both executed."""

import numpy as np
import pytest

from harness import btf, encodings, measure, results
from harness.text.matrix import survival_text
from harness.witnesses import libbpf, survival, usage
from harness.witnesses.consumer import Version
from tests.measure.folders import make


@pytest.fixture
def result(tmp_path):
    return measure.load(make(tmp_path / "tiny"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def rows(table, **columns):
    for name, value in columns.items():
        table = table[table[name] == value]
    return table[["encoding", "verdict", "addresses", "kept", "merged", "lost", "message"]].to_numpy().tolist()


def test_survival__here_keeps_every_address(result, monkeypatch):
    monkeypatch.setattr(libbpf, "versions", lambda: [Version("", None, "libbpf is not installed")])
    table = survival.survival(result)
    assert tuple(table.columns) == results.SURVIVAL_COLUMNS
    for treatment in ("name sort", "byte swap"):
        assert rows(table, version="btf-harness", treatment=treatment) == [
            ["decl_tag", "accepted", 7, 7, 0, 0, ""], ["btf_func", "accepted", 7, 7, 0, 0, ""]]
    assert set(table[table.version == "libbpf"].verdict) == {"not tried"} and len(table) == 2 * 6
    assert table.treatment[:6].tolist() == ["dedup", "name sort", "name sort", "byte swap", "byte swap",
                                            "base of split"]
    text = survival_text(table.assign(verdict=["accepted but wrong", *table.verdict[1:]], lost=7))
    assert "decl_tag  WRONG  yes        yes        -" in text and "0 kept, 0 of them merged, 7 lost" in text
    assert max(map(len, text.splitlines())) <= 72 and survival_text(table[:0]) == ""
    path = result.of.keep_executed("survival", table)
    assert path.name == "survival.csv" and len(result.of.executed("survival")) == len(table)


@pytest.mark.skipif(libbpf.installed() is None, reason="libbpf.so.1 is not installed")
def test_survival__libbpf_does_it_to_the_file(result):
    table = survival.survival(result, ["decl_tag", "btf_func"])
    theirs = table[table.version != "btf-harness"]
    tagged = theirs[theirs.encoding == "decl_tag"].set_index("treatment")
    assert tagged.verdict["dedup"] == "accepted" and tagged.kept["dedup"] == 7
    assert tagged.verdict["byte swap"] == tagged.verdict["base of split"] == "accepted"
    assert tagged.verdict["name sort"] in ("accepted", "not tried")
    assert set(theirs[theirs.encoding == "btf_func"].verdict) <= {"refused", "not tried"}


def merged(result, name, folder, how):
    """Tags of other FUNCs put on the first."""
    file = result.btf(name)
    words = file.types.words.copy()
    tags = file.types.row_starts()[file.types.kind() == 17]
    words[tags + 2] = words[tags[0] + 2]
    return btf.encode(file.types._replace(words=words), file.strings), {}


def dropped(result, name, folder, how):
    """The last two tags lost."""
    file = result.btf(name)
    n = file.types.n_types - 2
    types = file.types._replace(words=file.types.words[: file.types.start[n + 1]], start=file.types.start[: n + 2])
    return btf.encode(types, file.strings), {}


def torn(result, name, folder, how):
    """Not BTF any more."""
    return b"\x00" * 40, {}


@pytest.mark.parametrize(("treat", "expected"), [
    (merged, ["accepted but wrong", 1, 1, 6, "5 that were not there"]),
    (dropped, ["accepted but wrong", 5, 0, 2, ""]),
])
def test_survival__tells_merged_lost_and_new_addresses(result, treat, expected):
    before = survival.told(encodings.encoding("decl_tag"), result.btf("decl_tag"), {}, result.of.image)
    verdict, counts, message = survival._survives(result, "decl_tag", before, survival.HERE, treat)
    assert [verdict, *counts[:3], message] == expected


def test_survival__a_sort_of_what_is_sorted_shows_nothing(result, tmp_path, monkeypatch):
    """Nothing was put to the test, whoever sorts."""
    monkeypatch.setattr(libbpf, "versions", lambda: [Version("", None, "libbpf is not installed")])
    data = survival._by_name(result.btf("decl_tag")).data()
    assert data != result.files["decl_tag"].read_bytes()
    result.files["decl_tag"].write_bytes(data)
    result._parsed["decl_tag"] = btf.parse(data)
    table = survival.survival(result, ["decl_tag"])
    assert rows(table, treatment="name sort", version="btf-harness") == [
        ["decl_tag", "nothing to do", 7, 7, 0, 0, "its types are in the order of their names already"]]
    assert measure.survivors(table)["name sort"].tolist() == ["already sorted"]
    assert "decl_tag  -      nothing    yes" in survival_text(table)
    monkeypatch.setattr(survival, "_libbpf", lambda python, verb, path, out, *words: path.read_bytes())
    before = survival.told(encodings.encoding("decl_tag"), result.btf("decl_tag"), {}, result.of.image)
    verdict, counts, _ = survival._survives(result, "decl_tag", before, Version("1.7", "python"), survival._sort)
    assert (verdict, counts) == ("nothing to do", (7, 0, 0, 0))


def test_survival__a_sort_leaves_type_ids_in_a_section_of_its_own_as_they_were(result, monkeypatch):
    """Which is said, since the form itself loses nothing: its section is written before the sort."""
    from harness.encodings import sidecar

    file = result.btf("plain")
    func_id = file.types.func_ids()
    table = [*range(16, 16 * (len(func_id) + 1), 16), int(func_id[0]), 0x400]  # the first has another
    sections = {sidecar.SECTION: np.array(table, "<u4").tobytes()}
    result.files["sidecar"], result.sha256["sidecar"] = result.files["plain"], result.sha256["plain"]
    monkeypatch.setattr(type(result), "sections", lambda self, name: sections if name == "sidecar" else {})
    before = survival.told(encodings.encoding("sidecar"), file, sections, result.of.image)
    monkeypatch.setattr(survival, "_unattachable", lambda *_: 3)
    verdict, (kept, merged, lost, unattachable), message = survival._survives(
        result, "sidecar", before, survival.HERE, survival._sort_here)
    assert verdict == "unreadable"
    assert message.startswith(".BTF.addresses has the type_ids of the order before; sidecar.btf: .BTF.addresses+0x")
    assert (kept, merged, lost, unattachable) == (0, 0, before.pairs.total(), 3)


def test_survival__counts_what_is_attachable_no_longer(result):
    """FUNCs that lose their tags are still found by name, if it has one address; one that says what is not so is not
    believed in anything."""
    from harness.measure.attach import reached

    was = reached(result, "btf_func").attachable
    assert was.sum() == survival._unattachable(result, "btf_func") > 0
    file = result.btf("btf_func")
    gone = survival._unattachable(result, "btf_func", result.btf("plain"), {})
    now = reached(survival._Treated(result, "btf_func", result.btf("plain"), {}), "btf_func").attachable
    assert 0 < gone == int((was & ~now).sum()) < was.sum()
    assert survival._unattachable(result, "btf_func", file, {}) == 0
    words = file.types.words.copy()
    words[file.types.row_starts()[file.types.kind() == 12] + 3] += 1  # each address a byte further
    odd = file._replace(types=file.types._replace(words=words))
    assert survival._unattachable(result, "btf_func", odd, {}) == was.sum()


def test_survival__what_cannot_be_read_back_is_wrong(result):
    before = survival.told(encodings.encoding("decl_tag"), result.btf("decl_tag"), {}, result.of.image)
    verdict, counts, message = survival._survives(result, "decl_tag", before, survival.HERE, torn)
    assert (verdict, counts[:3]) == ("unreadable", (0, 0, 7)) and "expected magic" in message


def test_usage__counts_what_a_reader_finds(result):
    table = usage.usage(result)
    assert tuple(table.columns) == results.USAGE_COLUMNS
    answers = table.pivot(index="encoding", columns="question", values="answers")
    assert answers.loc["plain"].tolist() == [0, 5] and answers.loc["btf_func"].tolist() == [6, 5]
    assert (table.build_ms > 0).all() and (table.lookup_ns > 0).all()
    result.of.keep_executed("usage", table)
    assert results.load(result.folder).executed("usage").answers.tolist() == table.answers.tolist()


@pytest.mark.parametrize("index", usage.INDICES)
@pytest.mark.parametrize("name", ["plain", "decl_tag", "btf_func"])
def test_usage__indices_are_the_file(result, index, name):
    file, encoding = result.btf(name), encodings.encoding(name)
    made = index(encoding, file, {}, encodings.Image())
    func_id, address = encoding.read(file, {}, encodings.Image())
    if index is usage.ByAddress:
        asked, expected = np.unique(address), len(address)
    else:
        asked, expected = list(made.place), len(file.types.ids_of(12))
        assert {file.name(i) for i in made.func_id.tolist()} == set(asked)
    assert made.look_up(asked) == expected and made.nbytes() >= 4 * expected
    some = made.keys(np.random.default_rng(1), 50)
    assert len(some) == 50 and made.look_up(some) < 50 * 5
