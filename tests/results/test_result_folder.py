"""A result folder: one policy or several, written and read, gathered from others, told apart by build id."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from harness import encodings, measure, results, run
from harness.errors import MeasureError, OutputError
from harness.functions.policies import POLICIES
from harness.model import Kind
from tests.fixtures.build import program
from tests.measure.folders import INSTANCES, edit, make, of_policy


def names(path):
    return sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())


@pytest.fixture(scope="module")
def prepared():
    return run.prepare(program("several_units").path, threads=1)


@pytest.fixture(scope="module")
def several(prepared, tmp_path_factory):
    """All policies in one folder."""
    return results.save_all(tmp_path_factory.mktemp("several"), prepared,
                            (run.encode(prepared, policy) for policy in POLICIES), run.forms(prepared))


@pytest.fixture
def one(prepared, tmp_path):
    return results.save(tmp_path / "one", prepared, run.encode(prepared, "consistent"))


BTF = ["btf_func.btf", "decl_tag.btf", "plain.btf"]


def test_save__puts_one_policy_beside_its_manifest(one):
    assert names(one.path) == [*BTF[:2], "functions.csv", "inlined.csv", "manifest.json", "plain.btf", "selection.csv"]


def test_save_all__has_the_instances_once_and_a_folder_for_each_policy(several):
    assert names(several.path) == sorted([
        "forms.csv", "functions.csv", "inlined.csv", "manifest.json",
        *(f"{policy}/{name}" for policy in POLICIES for name in (*BTF, "selection.csv"))])


def test_load__reads_what_was_written_with_the_dtypes_it_had(several):
    again = results.load(several.path)
    assert again.policies == several.policies == ["sound", "all", "consistent", "current"]
    assert json.loads(json.dumps(several.manifest)) == again.manifest
    for made, read in ((several.instances, again.instances), (several.inlined, again.inlined),
                       (several.forms, again.forms)):
        pd.testing.assert_frame_equal(made, read)
    for mine, theirs in zip(several.results(), again.results(), strict=True):
        pd.testing.assert_frame_equal(mine.functions, theirs.functions)
        assert (mine.files, mine.sha256, mine.manifest) == (theirs.files, theirs.sha256, theirs.manifest)
        assert tuple(mine.functions.columns) == results.FUNCTION_COLUMNS


def test_selection__is_all_that_differs_between_policies(several):
    everything, consistent = several["all"].functions, several["consistent"].functions
    columns = list(results.INSTANCE_COLUMNS)
    pd.testing.assert_frame_equal(everything[columns], consistent[columns])
    assert not everything.reason.equals(consistent.reason)


def test_load__takes_a_folder_of_one_policy_and_of_several_alike(one, several):
    for name in BTF:
        mine, theirs = one["consistent"].files, several["consistent"].files
        assert mine[name[:-4]].read_bytes() == theirs[name[:-4]].read_bytes()
    pd.testing.assert_frame_equal(one["consistent"].functions, several["consistent"].functions)
    assert one.some("all").policy == "consistent" and several.some("all").policy == "all"
    with pytest.raises(MeasureError, match=r"a policy that these results have \(consistent\), found 'all'"):
        one["all"]


def test_measurements__are_kept_in_the_folder(one, several):
    for folder, n_policies in ((one, 1), (several, len(POLICIES))):
        assert folder.measurements is None
        table = measure.measure(folder, compressed=False)
        assert table.policy.nunique() == n_policies
        pd.testing.assert_frame_equal(results.load(folder.path).measurements, table)
    (several.path / "measurements.csv").unlink()


def test_save__forgets_what_was_measured_before(one, prepared):
    measure.measure(one, compressed=False)
    again = results.save(one.path, prepared, run.encode(prepared, "all"))
    assert again.measurements is None and again.policies == ["all"]


def test_save__that_cannot_write_is_one_error(prepared, tmp_path):
    (tmp_path / "file").write_text("")
    encoded = run.encode(prepared, "all", ["plain"])
    with pytest.raises(OutputError, match="file: the directory cannot be created"):
        results.save(tmp_path / "file", prepared, encoded)
    (tmp_path / "r" / "functions.csv").mkdir(parents=True)
    with pytest.raises(OutputError, match="functions.csv: expected a writable file"):
        results.save(tmp_path / "r", prepared, encoded)
    assert names(tmp_path) == ["file"]


def test_load__takes_a_report(several, tmp_path):
    shutil.copytree(several.path, tmp_path / "report" / results.IN_REPORT)
    assert results.is_results(tmp_path / "report") and not results.is_results(tmp_path)
    assert results.load(tmp_path / "report").path == tmp_path / "report" / "btf"


def test_load__says_what_to_do_with_an_older_report(tmp_path):
    make(tmp_path / "btf" / "all")
    assert results.is_results(tmp_path)
    with pytest.raises(MeasureError, match="found one of an older version: make the report again"):
        results.load(tmp_path)


def test_gather__makes_of_folders_with_one_policy_what_save_all_makes(prepared, several, tmp_path):
    found = []
    for policy in POLICIES:
        folder = results.save(tmp_path / policy, prepared, run.encode(prepared, policy))
        found.append(results.load(folder.path)[policy])
    made = results.gather(found, tmp_path / "made")
    assert names(made.path) == [name for name in names(several.path) if name != "forms.csv"]
    for name in names(made.path):
        assert (made.path / name).read_bytes() == (several.path / name).read_bytes(), name


def test_gather__keeps_forms_and_the_shipped_file(tmp_path, several):
    made = results.gather(several.results(), tmp_path / "made")
    assert sorted(names(made.path)) == names(several.path)
    pd.testing.assert_frame_equal(made.forms, several.forms)
    made = results.gather(results.load(make(tmp_path / "tiny")).results(), tmp_path / "other")
    assert results.SHIPPED in made["consistent"].files and made.forms is None


def test_like__is_the_baseline_as_another_pahole_writes_it(prepared, tmp_path):
    assert results.save(tmp_path / "none", prepared, run.encode(prepared, "all")).like is None
    older = run.prepare(program("several_units").path, threads=1, rules="1.24")
    encoded = run.encode(older, "current", ["plain"], "1.24", ["part-flags"])
    made = results.save_all(tmp_path / "made", prepared, [run.encode(prepared, "all")], like=encoded)
    for folder in (made, results.load(made.path), results.gather(made.results(), tmp_path / "again")):
        assert folder.like.rules == "1.24" and folder.like.path.name in names(folder.path)
        assert folder.like.path.read_bytes() == encoded.files["plain"]
        types, own = folder.like.btf.types, (Kind.FUNC, Kind.FUNC_PROTO)
        assert np.isin(types.kind(), own, invert=True).sum() == np.isin(older.common.kind(), own, invert=True).sum()
        assert types.ids_of(Kind.FUNC).tolist() == sorted(set(encoded.func_id.tolist()) - {0})
        assert set(encoded.proto_id.tolist()) - {0} <= set(types.ids_of(Kind.FUNC_PROTO).tolist())
        assert folder.manifest["like"]["quirks"] == ["part-flags"]
    made.like.path.write_bytes(encoded.files["plain"][:-1])
    with pytest.raises(MeasureError, match="bytes, as the manifest says, found"):
        _ = results.load(made.path).like
    results.save(made.path, prepared, run.encode(prepared, "all"))
    assert not made.like.path.exists()


def test_gather__refuses_what_does_not_belong_together(tmp_path):
    first = results.load(make(tmp_path / "a"))["consistent"]
    other = results.load(make(tmp_path / "b", "all", INSTANCES[:-1]))["all"]
    with pytest.raises(MeasureError, match="a/functions.csv: expected the functions of .*b/functions.csv"):
        results.gather([first, other], tmp_path / "out")
    with pytest.raises(MeasureError, match="found consistent twice"):
        results.gather([first, first], tmp_path / "out")
    edit(make(tmp_path / "c", "all"), of_policy(lambda p: p.update(layout_section=True)))
    described = results.load(tmp_path / "c")["all"]
    with pytest.raises(MeasureError, match="expected results that all have a layout section or all have none"):
        results.gather([first, described], tmp_path / "out")
    (tmp_path / "a" / "plain.btf").write_bytes(b"")
    with pytest.raises(MeasureError, match=r"plain.btf: expected \d+ bytes, as the manifest says, found 0"):
        results.gather([first], tmp_path / "out")


def test_selection__of_other_instances_is_refused(tmp_path):
    path = make(tmp_path / "r") / "selection.csv"
    head, first, second, *rest = path.read_text().splitlines()
    path.write_text("\n".join([head, second, first, *rest, ""]))
    with pytest.raises(MeasureError, match="selection.csv: row 1: expected the DIE 0x10, as functions.csv has, found"):
        results.load(tmp_path / "r")["consistent"].functions  # noqa: B018
    path.write_text("\n".join([head, first, second, ""]))
    with pytest.raises(MeasureError, match="selection.csv: expected 10 rows, as functions.csv has, found 2"):
        results.load(tmp_path / "r")["consistent"].functions  # noqa: B018
    path.write_text("\n".join([head, first[:-1] + ",why", second, *rest, ""]))
    with pytest.raises(MeasureError, match="csv: row 1: expected a FUNC_PROTO or a reason, found 4 and 'why'"):
        results.load(tmp_path / "r")["consistent"].functions  # noqa: B018
    path.unlink()
    with pytest.raises(MeasureError, match="selection.csv: expected a file, found none"):
        results.load(tmp_path / "r")["consistent"]


def test_key__is_the_build_id_or_else_the_hash_of_the_file(prepared, tmp_path):
    elf = tmp_path / "vmlinux"
    shutil.copy(program("several_units").path, elf)
    about = run.prepare(elf, threads=1).kernel
    assert results.key_of(about) == results.key_of(prepared.kernel)
    assert results.key_of({"build_id": None, "sha256": "ab"}) == "sha256:ab" and results.key_of({}) is None
    with elf.open("ab") as file:
        file.write(b"\0")
    other = run.prepare(elf, threads=1).kernel
    assert (results.key_of(other) == results.key_of(about)) == bool(about["build_id"])


def test_labels__are_made_distinct_only_where_two_kernels_have_the_same():
    assert results.labels([("aa" * 10, "vmlinux"), ("bb" * 10, "vmlinux"), ("cc", "debian"), ("cc", "debian")]) == [
        "vmlinux (aaaaaaaa)", "vmlinux (bbbbbbbb)", "debian", "debian"]
    assert results.labels([("sha256:0123456789", "x"), ("sha256:1123456789", "x")]) == ["x (01234567)", "x (11234567)"]


def test_claims__of_two_kernels_that_are_called_alike_are_kept_apart(tmp_path):
    found = [results.load(make(tmp_path / name, label="vmlinux", build_id=name * 20))["consistent"] for name in "ab"]
    judged = measure.judge_claims(found)
    assert judged.kernel.unique().tolist() == [f"vmlinux ({'a' * 8})", f"vmlinux ({'b' * 8})"]
    assert len(judged) == 2 * judged.id.nunique()
    same = [results.load(make(tmp_path / name, policy, label="vmlinux"))[policy]
            for name, policy in (("c", "consistent"), ("d", "all"))]
    assert measure.judge_claims(same).kernel.unique().tolist() == ["vmlinux"]


def test_manifest__names_the_field_that_is_wrong(tmp_path):
    folder = make(tmp_path / "r")
    edit(folder, of_policy(lambda p: p["encodings"]["plain"].update(bytes="many")))
    with pytest.raises(MeasureError, match="manifest.json: expected policies.consistent.encodings.plain.bytes of"):
        results.load(folder)


@pytest.mark.parametrize(("name", "old", "new"), [
    ("functions.csv", ",.text,", ",.test,"), ("selection.csv", ",,", ",unexpected,"), ("inlined.csv", "1\n", "0\n")])
def test_tables__that_were_edited_are_refused(tmp_path, name, old, new):
    folder = make(tmp_path / "r")
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    with pytest.raises(MeasureError, match=f"{name}: expected sha256 "):
        measure_all(results.load(folder)["consistent"])


def measure_all(result):
    return result.functions, result.inlined


def test_addresses__of_an_encoding_that_is_not_known_are_refused(tmp_path, monkeypatch):
    folder = make(tmp_path / "r")
    monkeypatch.setattr(encodings, "REGISTRY", {n: e for n, e in encodings.REGISTRY.items() if n != "decl_tag"})
    with pytest.raises(MeasureError, match="expected an encoding of plain, .* found decl_tag, which is not known here"):
        results.load(folder)["consistent"].addresses("decl_tag")
