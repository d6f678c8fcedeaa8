"""The report says what its frames say, and says it the same way each time, in every form."""

import dataclasses
import io
import json
import re
import shutil
from pathlib import Path

import pytest

from harness import encodings, measure, report, results
from harness.errors import MeasureError
from harness.kernels import Kernel
from harness.report import mail, plots, summary
from harness.report.make import _own_pahole
from harness.report.report import _left_out
from harness.report.tables import Table, cell
from tests.measure.folders import INSTANCES, make
from tests.report import figures
from tests.report.figures import unescaped


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Result folders of all policies."""
    tmp_path = tmp_path_factory.mktemp("results")
    keep_all = [(n, a, m, p, "" if r == "inconsistent prototype" else r) for n, a, m, p, r in INSTANCES]
    current = [(n, a, m, p, "ambiguous address" if n == "twice" else r) for n, a, m, p, r in INSTANCES]
    return [make(tmp_path / "all", "all", keep_all), make(tmp_path / "sound", "sound"),
            make(tmp_path / "current", "current", current)]


@pytest.fixture(scope="module")
def written(three, tmp_path_factory):
    """A report of them."""
    out = tmp_path_factory.mktemp("report") / "tiny"
    report.render(three, out, witnesses=False, threads=1, command="make report KERNEL=tiny")
    return out


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.long
def test_render__is_byte_identical_on_a_second_run(written, three, tmp_path):
    again = tmp_path / "tiny"
    report.render(three[::-1], again, witnesses=False, threads=2, command="make report KERNEL=tiny")
    assert files(written) == files(again)
    assert {"report.md", "index.html", "report.json", "plot_cost.png", "tables/encodings.txt",
            "tables/encodings.tex", *(f"plot_{n}.{s}" for n in plots.PLOTS for s in ("png", "svg", "csv"))
            } <= set(files(written))
    assert not [name for name in files(written) if "narrow" in name]
    for name in files(written):
        assert (written / name).read_bytes() == (again / name).read_bytes(), name


def test_render__says_what_it_holds(written):
    read = report.read(written)
    assert set(read.about["files"]) == set(files(written)) and read.about["ok"]
    assert read.about["policies"] == ["sound", "all", "current"]
    assert read.about["encodings"] == ["plain", "decl_tag", "btf_func"]
    assert read.about["kernel"] == "tiny-1.0" and read.about["command"] == "make report KERNEL=tiny"
    assert read["encodings"]["extra FUNC"].tolist() == [0, 0, 2]


def test_render__shows_the_figures_of_its_csvs(written):
    csvs = figures.csvs_of(written)
    assert figures.check_report_md(written, csvs) >= 15
    assert figures.check_page(written, csvs) >= 15
    assert figures.check_text_tables(written, csvs) >= 15
    assert figures.check_words(written, csvs) > 20


@pytest.mark.parametrize(("name", "old", "new", "check"), [
    ("report.md", "| +80 |", "| +98,765 |", figures.check_report_md),
    ("report.md", "adds 98 bytes", "adds 98,765 bytes", figures.check_words),
    ("index.html", "<td>+80<", "<td>+98,765<", figures.check_page),
    ("index.html", "adds 98 bytes", "adds 98,765 bytes", figures.check_words),
    ("tables/encodings.txt", "+80", "+98,765", figures.check_text_tables),
])
def test_figures__notice_one_that_is_not_in_the_csv(written, tmp_path, name, old, new, check):
    shutil.copytree(written, tmp_path / "r")
    text = (tmp_path / "r" / name).read_text()
    assert old in text
    (tmp_path / "r" / name).write_text(text.replace(old, new, 1))
    with pytest.raises(AssertionError):
        check(tmp_path / "r", figures.csvs_of(tmp_path / "r"))


def test_render__headline_is_the_sound_policy(written):
    text = (written / "report.md").read_text()
    first = unescaped(text.split("## Kernel")[0])
    found = json.loads((written / "report.json").read_text())["finding"]
    assert found in first and found.startswith(
        "Function addresses add 98 bytes (+34.3 %) as btf_func and 292 (+102.1 %) as decl_tag to today's 286")
    assert text.index("## Verdict") < text.index("plot_cost.png") < text.index("## Ambiguous names")
    assert "Policy `sound`" in text and "FAILED" not in text
    assert "tiny|dbg" in unescaped(text.replace("\\|", "\0"))


def test_render__says_failed_when_an_invariant_does_not_hold(tmp_path, undrawn, capsys, monkeypatch):
    folder = make(tmp_path / "tiny")
    right = encodings.encoding("btf_func")
    monkeypatch.setitem(encodings.REGISTRY, "btf_func", dataclasses.replace(right, growth=lambda functions: 1))
    made = report.render(folder, tmp_path / "r", witnesses=False, threads=1)
    text = (tmp_path / "r" / "report.md").read_text()
    assert not made.ok and not report.read(tmp_path / "r").about["ok"]
    assert text.splitlines()[4].startswith("**FAILED: 1 of ")
    assert "3 formula" in text.splitlines()[4] and "| **FAILED** | measured +80, predicted +1 |" in text
    assert "FAILED" in (tmp_path / "r" / "index.html").read_text()
    assert "FAILED" in mail.body(report.read(tmp_path / "r")).splitlines()[0]
    summary.show(made, tmp_path / "r")
    assert "FAILED: an invariant does not hold" in capsys.readouterr().out
    monkeypatch.setitem(encodings.REGISTRY, "btf_func", right)
    assert report.build([make(tmp_path / "sound")], witnesses=False, threads=1).ok


def test_report__says_first_of_the_witnesses_whether_plain_of_today_is_the_kernel_s_own_btf(written):
    same = report.read(written)["shipped_same"]
    assert set(same.written) == {"under policy current"}
    assert set(same.verdict) == {"different"} and same.kind.iloc[0] == "all"
    text = (written / "report.md").read_text()
    assert ("\n## Witnesses\n\n- Written under policy current, plain and the kernel's own .BTF are not the same BTF: "
            in text)


def test_render__goes_on_from_a_report_and_keeps_its_results(three, tmp_path, undrawn):
    out = tmp_path / "r"
    report.render(three, out, witnesses=False, threads=1)
    before = {name: (out / name).read_bytes() for name in files(out)}
    for source, command in ((out, None), (out / "btf", report.read(out).about["command"])):
        report.render(source, out, witnesses=False, threads=1, command=command)
        assert {name: (out / name).read_bytes() for name in files(out)} == before
    assert report.read(out).about["kernel"] == "tiny-1.0"
    with pytest.raises(MeasureError, match="expected a report or an empty or missing directory"):
        report.render(out, out / "btf", witnesses=False, threads=1)
    assert {name: (out / name).read_bytes() for name in files(out)} == before


def test_render__takes_the_results_along_so_that_the_report_is_as_good_as_they(three, written):
    made = results.load(written)
    assert made.path == written / "btf" and made.policies == ["sound", "all", "current"]
    assert files(written / "btf") == sorted(["functions.csv", "inlined.csv", "manifest.json", "measurements.csv",
                                             "shipped.btf", *(f"{p}/{name}" for p in made.policies for name in (
                                                 "btf_func.btf", "decl_tag.btf", "plain.btf", "selection.csv"))])
    for folder in three:
        theirs = measure.load(folder)
        mine = made[theirs.policy]
        assert mine.sha256 == theirs.sha256 and mine.functions.equals(theirs.functions)
        assert mine.manifest["functions"] == theirs.manifest["functions"]
    assert measure.judge_claims(made.results()).equals(measure.judge_claims(
        [measure.load(folder) for folder in (three[1], three[0], three[2])]))
    assert measure.lookup(made["all"], "twice").rows.equals(measure.lookup(measure.load(three[0]), "twice").rows)
    kept = made.measurements
    assert kept.policy.unique().tolist() == made.policies and measure.measure(written).equals(kept)


def test_render__refuses_results_of_another_kernel_that_is_called_the_same(three, tmp_path, undrawn):
    other = make(tmp_path / "other", "all", build_id="11ff")
    with pytest.raises(MeasureError, match="expected results of one kernel, found '00ff' and '11ff'"):
        report.render([three[1], other], tmp_path / "r", witnesses=False, threads=1)
    assert not (tmp_path / "r").exists()


def test_render__leaves_the_old_report_when_it_fails(three, tmp_path, undrawn, monkeypatch):
    out = tmp_path / "r"
    report.render(three, out, witnesses=False, threads=1)
    before = {name: (out / name).read_bytes() for name in files(out)}

    def broken(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Table, "latex", broken)
    with pytest.raises(KeyboardInterrupt):
        report.render(three[:1], out, witnesses=False, threads=1)
    assert {name: (out / name).read_bytes() for name in files(out)} == before
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_summary__is_plain_where_no_terminal_is_and_fits_it(three, capsys, undrawn, monkeypatch):
    made = report.build(three, witnesses=False, threads=1)
    summary.show(made, "out")
    text = capsys.readouterr().out
    table = text.split("\n\n")[1]
    assert text.isascii() and max(map(len, table.splitlines())) <= 79
    assert made.about["finding"] in " ".join(text.split()) and "out/index.html" in text.replace("\n", "")

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", "50")
    screen = Terminal()
    summary.show(made, "out", stream=screen)
    assert max(map(len, screen.getvalue().split("\nout/")[0].splitlines())) <= 50 and "+80" in screen.getvalue()
    monkeypatch.setenv("COLUMNS", "100")
    screen = Terminal()
    summary.show(made, "out", stream=screen)
    words = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert "btf_func" in words and "+80" in words and " ".join(made.about["finding"].split()[:6]) in words


def test_build__refuses_results_that_do_not_belong_together(tmp_path):
    a = make(tmp_path / "a")
    with pytest.raises(MeasureError, match="expected results of one kernel, found '00ff' and '11ff'"):
        report.build([a, make(tmp_path / "b", "all", build_id="11ff")], threads=1)
    with pytest.raises(MeasureError, match="expected one result per policy"):
        report.build([a, make(tmp_path / "c")], threads=1)
    with pytest.raises(MeasureError, match="expected at least one"):
        report.build([], threads=1)


def test_build__refuses_results_whose_instances_differ(tmp_path, undrawn):
    a, b = make(tmp_path / "a"), make(tmp_path / "b", "all", INSTANCES[::-1])
    with pytest.raises(MeasureError, match="expected the instances in the same order under every policy"):
        report.build([a, b], witnesses=False, threads=1)


def test_build__serves_a_kernel_without_btf(tmp_path, undrawn):
    report.render(make(tmp_path / "bare", shipped=False), tmp_path / "r", witnesses=False, threads=1)
    assert "This kernel ships none." in (tmp_path / "r" / "report.md").read_text()
    assert "shipped_names" not in report.read(tmp_path / "r")


def test_render__fails_with_one_error(tmp_path, three):
    (tmp_path / "out").write_text("")
    with pytest.raises(MeasureError, match="the directory cannot be created"):
        report.render(three, tmp_path / "out", witnesses=False, threads=1)


@pytest.mark.parametrize(("column", "value", "text"), [
    ("bytes", 1234567, "1,234,567"), ("delta", 1234, "+1,234"), ("delta", -5, "-5"), ("delta", 0, "0"),
    ("bytes_each", 786.5, "787"), ("bytes_each", 786.5025, "787"), ("bytes_each", 785.5, "786"), ("bytes", -2.5, "-3"),
    ("zstd-19 percent", 8.26, "+8.26 %"), ("words", "a|b_c", "a\\|b\\_c"), ("holds", True, "yes"),
    ("holds", False, "**FAILED**"),
])
def test_cell__writes_units_and_signs(column, value, text):
    assert cell(column, value) == text


def test_table__counts_the_rows_it_leaves_out():
    rows = measure.frame([(str(i), i) for i in range(30)], ("name", "bytes"))
    text = Table("many", rows, 20).markdown()
    assert text.count("\n|") == 21 and text.endswith("[10 others in many.csv]")
    assert Table("none", rows.head(0)).markdown() == "(none)"


def test_left_out__says_what_of_the_file_has_no_place_in_the_results():
    funnel = {"units": 2401, "units_other_language": {"Rust": 12, "C++": 1}, "type_dies_unsupported": 3,
              "locations_unread": 0}
    skipped = {"name made by a macro": 12776, "discarded": 4, "void": 2}
    assert list(_left_out({"funnel": funnel, "variables_skipped": skipped})) == [
        ("compile units", "2,401"), ("units left out", "1 of C++, 12 of Rust"),
        ("per-CPU variables without a VAR", "2: void"), ("type DIEs that BTF has no form for", "3")]
    assert list(_left_out({"funnel": {"units": 1}, "variables_skipped": {}})) == [("compile units", "1")]


@pytest.mark.parametrize(("provenance", "version"), [
    ({"pahole": "1.32"}, "1.32"), ({"pahole": "9.99"}, None), ({"size": 1}, None),
    ({"package": "linux-image-7.2.13+deb14-cloud-amd64-dbg", "architecture": "amd64"}, "1.32")])
def test_report__the_kernel_s_own_pahole_is_one_whose_rules_are_known(provenance, version):
    assert _own_pahole(Kernel("k", "k", Path("k"), provenance)) == version
