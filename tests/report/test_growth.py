"""The table of all kernels: README shows what the CSV says, and the CSV what `encode` writes."""

import json
from pathlib import Path

import pytest

from harness import kernels
from harness.errors import MeasureError
from harness.kernels import Kernel
from harness.report import growth, plots
from tests.command import cli
from tests.fixtures.build import program

ROOT = Path(__file__).parents[2]
CSV = ROOT / "data" / "recorded" / "growth.csv"


@pytest.fixture
def recorded():
    return growth.read(CSV)


def kernel(name, path="vmlinux", **provenance):
    said = {"distribution": "debian", "flavour": "cloud", "build_id": None, "size": 1, **provenance}
    return Kernel(name, name.replace("9.9", "9.9.1"), Path(path), said)


def test_readme__its_table_of_kernels_is_what_the_csv_says(recorded):
    text = (ROOT / "README.md").read_text()
    text = text[text.index("<!-- figures: make growth"):]
    lines = text[text.index("\n|") + 1:].split("\n\n")[0].splitlines()
    assert lines == growth.table_lines(recorded)
    assert len(lines) == 2 + recorded.kernel.nunique() and recorded.kernel.nunique() >= 21


def test_readme__its_sentence_and_picture_say_what_the_csv_says(recorded):
    text = " ".join((ROOT / "README.md").read_text().split())
    others = recorded[recorded.encoding != "plain"]
    finding = plots.ACROSS["growth"].finding(others)
    assert f"![{finding}](reports/sample/plot_growth.png)" in text
    low, high = others.percent.groupby(others.encoding).min(), others.percent.groupby(others.encoding).max()
    said = " and ".join(f"{low[e]:.1f} to {high[e]:.1f} % as `{e}`" for e in ("decl_tag", "btf_func"))
    assert f"On every kernel and architecture the growth is {said}." in text


def test_recorded__its_columns_agree(recorded):
    base = recorded.kernel.map(recorded[recorded.encoding == "plain"].set_index("kernel").bytes)
    assert recorded.groupby("kernel").size().eq(3).all()
    assert (recorded.bytes - base == recorded.delta).all()
    assert (100 * recorded.delta / base - recorded.percent).abs().max() <= 0.00501
    assert recorded.groupby("kernel").pairs.nunique().eq(1).all()
    tags = recorded[recorded.encoding == "btf_func"]
    # 8 bytes for each address, and a FUNC of 12 more for each that no FUNC was for
    assert (tags.delta == 8 * tags.pairs + 12 * tags["extra FUNC"]).all()


@pytest.mark.kernels
def test_measured__is_what_encode_writes(tmp_path):
    path = program("several_units").path
    found = growth.measured(kernel("debian-9.9-cloud-amd64", path), threads=1).set_index("encoding")
    assert cli("encode", path, "-q", "-o", tmp_path, "--policy", "all").returncode == 0
    manifest = json.loads((tmp_path / "manifest.json").read_text())["policies"]["all"]
    assert found.bytes.to_dict() == {name: (tmp_path / e["file"]).stat().st_size
                                     for name, e in manifest["encodings"].items()}
    assert set(found.pairs) == {manifest["functions"]["pairs"]} and set(found.kernel) == {"9.9.1-cloud-amd64"}
    funcs = {name: cli("dump", tmp_path / f"{name}.btf").stdout.count("] FUNC '") for name in found.index}
    assert {name: n - funcs["plain"] for name, n in funcs.items()} == found["extra FUNC"].to_dict()
    assert funcs["btf_func"] > funcs["decl_tag"] == funcs["plain"] > 0


@pytest.mark.parametrize(("name", "more", "bits", "order", "words"), [
    ("debian-9.9-cloud-amd64", {}, 64, "little", "9.9.1-cloud-amd64"),
    ("debian-9.9-generic-s390x", {"flavour": "generic"}, 64, "big", "9.9.1-generic-s390x (big endian)"),
    ("debian-trixie-9.9-armmp-armhf", {"distribution": "debian-trixie"}, 32, "little",
     "9.9.1-armmp-armhf (trixie, 32 bit)"),
    ("debian-9.9-clang-amd64", {"flavour": "clang"}, 64, "little", "9.9.1-clang-amd64 (clang 19, small)"),
])
def test_words_of__say_what_sets_a_kernel_apart(name, more, bits, order, words):
    assert growth.words_of(kernel(name, **more), bits, order) == words


def test_known__the_newest_of_each_name_by_version_then_as_in_the_catalogue(monkeypatch):
    catalogue = [entry.name for entry in kernels.catalogue()]
    assert catalogue.index("debian-6.12-cloud-amd64") < catalogue.index("debian-6.12-cloud-arm64")
    names = ["debian-6.1-cloud-amd64", "debian-6.12-cloud-arm64", "debian-6.12-cloud-amd64", "debian-6.12-cloud-amd64",
             "somebody-7.0-x-amd64", "debian-7.3-clang-amd64"]
    there = [kernel(name, str(i), flavour="clang" if "clang" in name else "cloud") for i, name in enumerate(names)]
    monkeypatch.setattr(kernels, "cached", lambda: there)
    assert [(k.name, str(k.path)) for k in growth.known()] == [
        ("debian-7.3-clang-amd64", "5"), ("debian-6.12-cloud-amd64", "2"), ("debian-6.12-cloud-arm64", "1"),
        ("debian-6.1-cloud-amd64", "0")]


def test_main__keeps_the_csv_prints_the_table_and_draws(tmp_path, capsys, recorded):
    growth.main(["--keep", str(CSV), str(tmp_path / "x.png")])
    assert capsys.readouterr().out.splitlines() == growth.table_lines(recorded)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_main__measures_and_writes(tmp_path, capsys, monkeypatch, recorded):
    monkeypatch.setattr(growth, "known", lambda: [kernel("debian-9.9-a-b")])
    monkeypatch.setattr(growth, "measured", lambda k: recorded.head(3))
    growth.main([str(tmp_path / "g.csv")])
    assert growth.read(tmp_path / "g.csv").equals(recorded.head(3))
    assert capsys.readouterr().out.startswith("debian-9.9-a-b\n| Debian kernel")
    monkeypatch.setattr(growth, "known", list)
    with pytest.raises(MeasureError, match="expected kernels in the cache, found none"):
        growth.main([str(tmp_path / "none.csv")])
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", CSV.read_text().replace("5325391", "x", 1)])
def test_read__what_is_no_such_table_is_refused(tmp_path, text):
    (tmp_path / "g.csv").write_text(text)
    with pytest.raises(MeasureError, match="expected a table with the columns kernel, encoding"):
        growth.read(tmp_path / "g.csv")
