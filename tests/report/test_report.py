"""The report says what its frames say, and says it the same way each time."""

import csv
import io

import pytest

from harness import measure, report
from harness.errors import MeasureError
from harness.report import plots
from harness.report.tables import Table, cell, number
from tests.measure.folders import INSTANCES, edit, make


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def undrawn(monkeypatch):
    """Without the plots, which take most of the time."""
    monkeypatch.setattr(plots, "draw", lambda *args, **kwargs: {"png": b"", "svg": b""})


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Result folders of all policies."""
    tmp_path = tmp_path_factory.mktemp("results")
    keep_all = [(n, a, m, p, "" if r == "inconsistent prototype" else r) for n, a, m, p, r in INSTANCES]
    current = [(n, a, m, p, "ambiguous address" if n == "twice" else r) for n, a, m, p, r in INSTANCES]
    return [make(tmp_path / "all", "all", keep_all), make(tmp_path / "consistent"),
            make(tmp_path / "current", "current", current)]


@pytest.fixture(scope="module")
def written(three, tmp_path_factory):
    """A report of them."""
    return report.render(three, tmp_path_factory.mktemp("report"), witnesses=False).parent


def markdown_tables(text):
    """Every table as (columns, rows), cells as text."""
    found, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([c.strip() for c in line.strip("|").replace("\\|", "\0").split("|")])
        elif rows:
            found.append((rows[0], rows[2:]))
            rows = []
    return [([unescaped(c) for c in head], [[unescaped(c) for c in r] for r in body]) for head, body in found]


def unescaped(text):
    for sign in "*_`<[\\":
        text = text.replace("\\" + sign, sign)
    return text.replace("\0", "|")


def test_render__is_byte_identical_on_a_second_run(written, three, tmp_path):
    second = report.render(three[::-1], tmp_path / "two", witnesses=False, threads=1).parent
    names = sorted(p.name for p in written.iterdir())
    assert names == sorted(p.name for p in second.iterdir()) and "report.md" in names
    for name in names:
        assert (written / name).read_bytes() == (second / name).read_bytes(), name


def test_render__every_cell_of_the_report_is_in_a_csv(written):
    files = [list(csv.reader(io.StringIO(path.read_text()))) for path in written.glob("*.csv")]
    tables = markdown_tables((written / "report.md").read_text())
    assert len(tables) >= 12
    for head, body in tables:
        having = [rows for rows in files if set(head) <= set(rows[0])]
        assert having, head
        assert any(len(body) < len(rows) and all(
            same(a, kept[rows[0].index(column)]) for shown, kept in zip(body, rows[1:], strict=False)
            for column, a in zip(head, shown, strict=True)) for rows in having), head


def same(shown, kept):
    if shown == kept.strip() or (shown, kept) in (("yes", "True"), ("no", "False"), ("-", "")):
        return True
    if not kept[:1].isdigit() and kept[:1] != "-":
        return False
    return number(shown) == float(kept)


def test_render__headline_is_the_consistent_policy(written):
    text = (written / "report.md").read_text()
    first = text.split("## Kernel")[0]
    assert "`decl_tag` +" in first and "`btf_func` +80 bytes" in first
    assert "Policy `consistent`" in text and "FAILED" not in text
    assert "tiny|dbg" in unescaped(text.replace("\\|", "\0"))


def test_render__says_failed_when_an_invariant_does_not_hold(tmp_path, undrawn):
    folder = make(tmp_path / "tiny")
    edit(folder, lambda m: m["encodings"]["btf_func"].update(predicted_growth=1))
    made = report.build([folder], witnesses=False)
    assert not made.ok
    assert made.text.splitlines()[2].startswith("**FAILED: 1 of ")
    assert "3 formula" in made.text.splitlines()[2] and "| **FAILED** | measured +80, predicted +1 |" in made.text
    assert report.build([make(tmp_path / "sound")], witnesses=False).ok


def test_build__refuses_results_that_do_not_belong_together(tmp_path):
    a = make(tmp_path / "a")
    with pytest.raises(MeasureError, match="expected results of one kernel, found label"):
        report.build([a, make(tmp_path / "b", "all", label="other")])
    with pytest.raises(MeasureError, match="expected one result per policy"):
        report.build([a, make(tmp_path / "c")])
    with pytest.raises(MeasureError, match="expected at least one"):
        report.build([])


def test_build__serves_a_kernel_without_btf(tmp_path, undrawn):
    made = report.build([make(tmp_path / "bare", shipped=False)], witnesses=False)
    assert "This kernel ships none." in made.text and "shipped_names" not in made.tables


def test_write__fails_with_one_error(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(MeasureError, match="the folder cannot be made"):
        report.write(report.Report("", {}, {}, True), tmp_path / "out")


@pytest.mark.parametrize(("column", "value", "text"), [
    ("bytes", 1234567, "1,234,567"), ("delta", 1234, "+1,234"), ("delta", -5, "-5"), ("delta", 0, "0"),
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


@pytest.fixture
def axes():
    from matplotlib.figure import Figure

    return Figure().subplots()


def test_bytes_by_encoding__draws_the_frame(axes):
    rows = [("plain", "FUNC", 100), ("plain", "strings", 300), ("tag", "FUNC", 150), ("tag", "strings", 450)]
    frame = measure.frame(rows, ("encoding", "part", "bytes"))
    assert plots.bytes_by_encoding(frame, axes) is axes
    drawn = [(c.get_label(), [b.get_width() for b in c], [b.get_x() for b in c]) for c in axes.containers]
    assert drawn == [("FUNC", [100, 150], [0, 0]), ("strings", [300, 450], [100, 150])]
    assert [t.get_text() for t in axes.texts] == ["400 bytes", "+200 bytes\n+50.00 %"]


def test_types_by_kind__draws_the_frame(axes):
    rows = [("INT", "plain", 3), ("INT", "tag", 3), ("DECL_TAG", "plain", 0), ("DECL_TAG", "tag", 9)]
    plots.types_by_kind(measure.frame(rows, ("kind", "encoding", "count")), axes)
    drawn = {line.get_label(): list(line.get_xdata()) for line in axes.lines}
    assert drawn == {"plain": [3], "tag": [3, 9]}
    assert [t.get_text() for t in axes.texts] == ["3", "0 to\n9"]
    assert axes.get_xscale() == "log"


def test_addresses_per_name__draws_the_frame(axes):
    frame = measure.frame([(1, 1000), (2, 30), (22, 1)], ("addresses", "names"))
    plots.addresses_per_name(frame, axes, outliers=[(22, "jhash")])
    (bars,) = axes.containers
    assert [(b.get_x() + b.get_width() / 2, b.get_height()) for b in bars] == [(1, 1000), (2, 30), (22, 1)]
    assert [t.get_text() for t in axes.texts] == ["1,000", "30", "1", "jhash"]
    assert axes.get_yscale() == "log"


def test_draw__makes_small_images_without_dates(tmp_path):
    frame = measure.frame([(1, 10), (2, 3)], ("addresses", "names"))
    images = plots.draw(plots.addresses_per_name, frame, 3.8)
    assert images["png"].startswith(b"\x89PNG") and len(images["png"]) <= 60_000
    assert b"Software" not in images["png"] and b"dc:date" not in images["svg"] and b"Matplotlib" not in images["svg"]
    assert images == plots.draw(plots.addresses_per_name, frame, 3.8)
