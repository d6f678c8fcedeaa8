"""Loading a result folder and labelling every byte of its files."""

import json
import subprocess
import sys

import pytest

from harness import measure, results
from harness.errors import MeasureError
from harness.witnesses import declarations
from harness.witnesses.shipped import shipped_kinds, shipped_names
from tests.measure.folders import INSTANCES, edit, make, of_policy


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "tiny")


def test_import__is_light():
    code = ("import sys; import harness.measure, harness.report; "
            "print([m for m in ('pandas', 'matplotlib') if m in sys.modules])")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_measure__parts_sum_to_the_file(folder):
    table = measure.measure(folder, compressed=False)
    assert tuple(table.columns) == measure.MEASUREMENT_COLUMNS
    assert list(dict.fromkeys(table.encoding)) == ["plain", "decl_tag", "btf_func", "shipped"]
    for name, rows in table.groupby("encoding"):
        whole = rows[rows.part == "file"]
        assert rows.bytes.sum() - whole.bytes.item() == whole.bytes.item() == (folder / f"{name}.btf").stat().st_size
        assert rows[rows.part == "types"]["count"].sum() == whole["count"].item()
    assert (folder / "measurements.csv").read_bytes() == measure.csv_bytes(table)


def test_measure__counts_what_the_encodings_write(folder):
    table = measure.measure(folder, compressed=False).set_index(["encoding", "part", "kind"])
    kept = [i for i in INSTANCES if not i[4]]
    assert table.loc[("plain", "types", "FUNC"), "count"] == len({i[0] for i in kept})
    assert table.loc[("decl_tag", "types", "DECL_TAG"), "count"] == len(kept)
    assert table.loc[("btf_func", "types", "FUNC")].tolist()[-2:] == [len(kept), 20 * len(kept)]
    assert ("plain", "types", "DECL_TAG") not in table.index
    assert table["bytes"].dtype == table["count"].dtype == "int64"


def test_measure__keeps_compressed_sizes_by_content(folder, monkeypatch):
    table = measure.measure(folder)
    sizes = table[table.part.isin(measure.COMPRESSORS)]
    assert len(sizes) == 8 and (sizes.bytes > 0).all() and (sizes["count"] == 0).all()
    monkeypatch.setattr("lzma.compress", None)
    assert measure.measure(folder, threads=1).equals(table)


def test_measure__recomputes_when_the_cache_is_damaged(folder, tmp_path):
    table = measure.measure(folder)
    for path in (tmp_path / "cache").rglob("compressed/*.json"):
        path.write_text("{")
    assert measure.measure(folder).equals(table)


def test_measure__needs_no_cache(folder, tmp_path):
    (tmp_path / "cache").write_text("not a folder")
    assert len(measure.measure(folder))


def test_columns__every_column_is_registered(folder):
    result = measure.load(folder)
    table = measure.measurements(result, compressed=False)
    for made in (table, measure.check_invariants(result, table), measure.judge_claims([result]), measure.funnel(result),
                 measure.skipped([result]), measure.names_by_addresses(result), shipped_kinds(result),
                 shipped_names(result)):
        for name, dtype in made.dtypes.items():
            assert measure.COLUMNS[name].dtype == str(dtype), name


def test_load__names_the_missing_file(folder):
    (folder / "btf_func.btf").unlink()
    with pytest.raises(MeasureError, match=r"btf_func\.btf: expected a readable file"):
        measure.load(folder)


def test_load__names_the_file_that_changed(folder):
    path = folder / "decl_tag.btf"
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    with pytest.raises(MeasureError, match=r"decl_tag\.btf: expected sha256"):
        measure.load(folder)
    path.write_bytes(data[:-4])
    with pytest.raises(MeasureError, match=r"decl_tag\.btf: expected \d+ bytes"):
        measure.load(folder)


@pytest.mark.parametrize(("change", "words"), [
    (lambda m: m.update(schema=99), f"a manifest of schema {results.SCHEMA}, found 99: encode the kernel again"),
    (lambda m: m.update(schema=4), f"a manifest of schema {results.SCHEMA}, found 4: encode the kernel again"),
    (lambda m: m.pop("policies"), "expected policies of type dict, found None"),
    (lambda m: m.update(policies={}), "expected policies, found none"),
    (lambda m: m.update(policies={"../all": m["policies"]["consistent"]}), "expected names of policies and encodings"),
    (lambda m: m["policies"].update(consistent=[]), "expected policies.consistent to be an object"),
    (of_policy(lambda p: p.pop("rules")), "expected policies.consistent.rules of type str, found None"),
    (of_policy(lambda p: p.update(layout_section="yes")), "policies.consistent.layout_section to be true or false"),
    (of_policy(lambda p: p.update(selection="/etc/passwd")), "expected names of files in this folder"),
    (of_policy(lambda p: p["encodings"].pop("plain")), "expected the encoding plain"),
    (of_policy(lambda p: p["encodings"].update({"a/b": p["encodings"]["plain"]})), "expected names of policies and"),
    (of_policy(lambda p: p["encodings"]["plain"].pop("sha256")),
     "expected policies.consistent.encodings.plain.sha256 of type str"),
    (of_policy(lambda p: p["encodings"].update(plain=3)),
     "expected policies.consistent.encodings.plain to be an object"),
    (of_policy(lambda p: p["encodings"]["plain"].update(file="../plain.btf")),
     "expected names of files in this folder"),
    (of_policy(lambda p: p["functions"].update(instances=True)),
     "expected policies.consistent.functions.instances of type int"),
    (lambda m: m.update(shipped=7), "expected shipped to be a file's name or null"),
    (lambda m: m.update(shipped="../shipped.btf"), "expected names of files in this folder"),
    (of_policy(lambda p: p["encodings"].update(shipped=p["encodings"]["plain"])),
     "expected no encoding of the name shipped"),
    (lambda m: m["kernel"].pop("build_id"), "expected kernel.build_id or kernel.sha256 of type str, found neither"),
    (lambda m: m["funnel"].update(elf_body="4"), "expected funnel.elf_body of type int, found '4'"),
    (of_policy(lambda p: p["functions"]["skipped"].update(why=None)), "functions.skipped.why of type int, found None"),
    (of_policy(lambda p: p.update(quirks=[1])), "expected policies.consistent.quirks to be names"),
    (lambda m: m["kernel"].update(bits=63), "expected kernel.bits to be 32 or 64, found 63"),
])
def test_load__refuses_a_manifest_that_lacks_something(folder, change, words):
    edit(folder, change)
    with pytest.raises(MeasureError, match=words) as caught:
        measure.load(folder)
    assert caught.value.path.endswith("manifest.json")


@pytest.mark.parametrize("change", [
    lambda m: m["kernel"].update(bits=32),
    lambda m: m["kernel"].update(machine="EM_AARCH64"),
    lambda m: m["funnel"].update(dies_declared=21, subprogram_dies=m["funnel"]["subprogram_dies"] + 1),
    lambda m: m.update(more=1),
    lambda m: m.pop("sha256"),
])
def test_load__refuses_an_edited_manifest(folder, change):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest, sort_keys=True))
    measure.load(folder)  # its layout does not matter
    change(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(MeasureError, match=r"manifest\.json: expected fields with the sha256 .*: it was edited"):
        measure.load(folder)


@pytest.mark.parametrize(("text", "words"), [("{", "expected JSON"), ("[]", "expected a JSON object"),
                                             pytest.param("[" * 100_000, "expected JSON", id="deep")])
def test_load__refuses_what_is_no_manifest(folder, text, words):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(MeasureError, match=words):
        measure.load(folder)


def test_load__refuses_an_empty_folder(tmp_path):
    with pytest.raises(MeasureError, match=r"found neither manifest\.json nor btf/manifest\.json"):
        measure.load(tmp_path)


def test_functions__must_be_those_that_the_manifest_counts(folder):
    path = folder / "functions.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(MeasureError, match=r"functions\.csv: expected 10 rows"):
        measure.load(folder).functions  # noqa: B018
    path.write_text("\n".join(["name,where", *lines[1:]]) + "\n")
    with pytest.raises(MeasureError, match="expected"):
        measure.load(folder).functions  # noqa: B018
    path.unlink()
    with pytest.raises(MeasureError, match=r"functions\.csv: expected a file"):
        measure.load(folder)


def test_load__accepts_a_kernel_without_btf(tmp_path):
    result = measure.load(make(tmp_path / "bare", shipped=False))
    assert measure.SHIPPED not in result.files
    assert shipped_kinds(result) is None and shipped_names(result) is None
    assert declarations.compare(None, result) == {}


def test_names__count_addresses_by_match(folder):
    names = measure.names_by_addresses(measure.load(folder)).set_index("name")
    assert names.loc["twice"].tolist() == [3, 2, 1, ""]
    assert names.loc["torn"].tolist() == [2, 2, 0, "inconsistent prototype"]
    assert "piece" not in names.index and "found" not in names.index
    counts = measure.addresses_per_name(names.reset_index())
    assert counts.to_numpy().tolist() == [[1, 3], [2, 1], [3, 1]]


def test_skipped__sums_to_the_instances(folder):
    result = measure.load(folder)
    assert measure.skipped([result]).instances.sum() == len(INSTANCES)
    assert result.manifest["functions"]["instances"] == len(INSTANCES)
