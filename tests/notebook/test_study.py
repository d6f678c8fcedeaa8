"""What the notebooks call: which report they get, what they are told about it, and what is shown."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from harness import kernels, measure, results
from harness.errors import KernelError, MeasureError
from harness.notebook import shown, study, tiny
from harness.report import folder as folders
from harness.report import plots
from tests.fixtures.build import find
from tests.measure.folders import make

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "data" / "recorded"
NEW, OLD, OLDEST = "debian-7.3-cloud-amd64", "debian-6.12-cloud-amd64", "debian-6.1-cloud-amd64"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A repository of its own, no kernel on the machine, and nobody who fetches one."""
    shutil.copytree(ROOT / "data", tmp_path / "data")
    shutil.copytree(ROOT / "notebooks" / "tiny", tmp_path / "notebooks" / "tiny")
    monkeypatch.chdir(tmp_path / "notebooks")
    monkeypatch.delenv("KERNEL", raising=False)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(kernels, "cached", lambda: [])
    monkeypatch.setattr(kernels, "fetch", lambda *args, **kwargs: pytest.fail("a notebook fetched"))
    monkeypatch.setattr(study, "_make", lambda kernel, place, wanted: ("made", kernel, place, wanted))
    return tmp_path


def measured(home, name, source=NEW, **about):
    """A report in reports/, made of a recorded one."""
    place = home / "reports" / name
    shutil.copytree(KEPT / source, place)
    what = json.loads((place / "report.json").read_text()) | {"recorded": False} | about
    (place / "report.json").write_text(json.dumps(what))
    return place


# Which report

def test_root__is_found_from_the_notebooks_and_from_above(home, monkeypatch):
    assert study.root() == home
    monkeypatch.chdir(home)
    assert study.root() == home
    monkeypatch.chdir("/")
    assert study.root() == ROOT


def test_open__takes_the_report_that_is_there(home, monkeypatch):
    place = measured(home, NEW)
    assert study.open_report().path == place and not study.open_report().recorded
    measured(home, OLD, OLD)
    monkeypatch.setenv("KERNEL", OLD)
    assert study.open_report().about["kernel"].startswith("debian-6.12.")
    assert study.open_report(NEW).path == place


def test_open__takes_a_folder_of_a_report(home, monkeypatch):
    monkeypatch.setenv("KERNEL", f"data/recorded/{OLD}")
    assert study.open_report().path == home / "data" / "recorded" / OLD
    monkeypatch.chdir(home)
    assert study.open_report().about["kernel"].startswith("debian-6.12.")


def test_open__makes_it_of_a_kernel_that_is_cached(home, monkeypatch):
    kernel = kernels.Kernel(NEW, "debian-7.3.9-cloud-amd64", Path("vmlinux"),
                            {"package": "linux-image-x-dbg", "architecture": "amd64", "build_id": "ab"})
    monkeypatch.setattr(kernels, "cached", lambda: [kernel])
    for name in (NEW, kernel.label, "linux-image-x-dbg", "linux-image-x-dbg:amd64"):
        assert study.open_report(name) == ("made", kernel, home / "reports" / name, name)


def test_open__makes_it_of_a_path_and_again_when_another_file_is_there(home):
    elf = home / "vmlinux"
    shutil.copy(ROOT / "tests" / "fixtures" / "objects" / "sample-x86_64-gcc-dwarf5.elf", elf)
    for wanted in (str(elf), "../vmlinux"):
        assert study.open_report(wanted)[0] == "made"
    there = measured(home, "vmlinux")
    assert study.open_report(str(elf))[0] == "made"
    about = json.loads((there / "report.json").read_text())
    kernel = kernels.resolve(elf)
    about["provenance"]["build_id"] = kernel.build_id
    assert kernel.build_id is None  # so the hash of the file decides
    (there / "report.json").write_text(json.dumps(about))
    assert study.open_report(str(elf))[0] == "made"
    about["provenance"]["sha256"] = kernel.sha256
    (there / "report.json").write_text(json.dumps(about))
    assert study.open_report(str(elf)).path == there


def test_open__does_not_take_half_a_report(home, monkeypatch):
    place = measured(home, NEW)
    about = json.loads((place / "report.json").read_text())
    (place / "report.json").write_text(json.dumps(about | {"files": [f for f in about["files"] if "plot" not in f]}))
    assert study.open_report().recorded
    (place / "report.json").write_text("{}")
    assert study.open_report().recorded


def test_open__falls_back_on_what_was_recorded(home):
    for name in (NEW, OLD):
        assert study.open_report(name).path == home / "data" / "recorded" / name
    assert study.open_report().path.name == kernels.default_name()


@pytest.mark.parametrize("wanted, words", [
    ("debian-6.12-generic-amd64", "neither measured|is not measured, not on this machine and not recorded"),
    ("no-such-kernel", "is not measured, not on this machine and not recorded"),
    ("/no/such/vmlinux", "there is no such file"),
])
def test_open__says_what_is_missing_and_how_to_get_it(wanted, words):
    with pytest.raises(KernelError, match=words):
        study.open_report(wanted)


def test_all__one_per_kernel_and_those_of_this_machine_first(home, capsys):
    place = measured(home, "mine")
    (home / "reports" / "broken").mkdir()
    (home / "reports" / "broken" / "report.json").write_text("[]")
    found = study.open_all()
    assert [f.path for f in found] == [home / "data" / "recorded" / name for name in (OLDEST, OLD)] + [place]
    assert capsys.readouterr().out.startswith("left out: reports/broken: expected a report of schema")


# What is shown

def test_about__is_loud_where_the_figures_are_recorded(home):
    text = repr(study.about(study.open_report()))
    assert text.startswith("RECORDED FIGURES of debian-7.3.")
    assert "nothing was measured now. They are of 20" in text
    assert f"are kept in data/recorded/{NEW}; `make report KERNEL={NEW}` measures them here." in text
    assert "package linux-image-" in text and shown.LOUD in study.about(study.open_report())._repr_html_()


def test_about__says_where_it_was_measured_without_a_path_of_the_machine(home):
    measured(home, "vmlinux", command="make report KERNEL=/home/me/src/vmlinux")
    shown_ = study.about(study.open_report("vmlinux"))
    assert "measured: the report in reports/vmlinux, made by `make report KERNEL=vmlinux`." in repr(shown_)
    assert str(home) not in shown_._repr_html_() and "/home/me" not in shown_._repr_html_()


def test_about__says_that_an_invariant_does_not_hold(home):
    measured(home, NEW, ok=False)
    assert repr(study.about(study.open_report())).startswith("AN INVARIANT DOES NOT HOLD")


def test_show__writes_values_as_the_report_does():
    table = pd.DataFrame({"name": ["a<b", "c"], "bytes": [1234567, 0], "delta": [12, -3],
                          "percent": [1.5, float("nan")], "holds": [True, False], "file_offset": [24, 256]})
    made = study.show(table)
    assert repr(made).splitlines() == [
        "name      bytes  delta  percent  holds   file_offset",
        "a<b   1,234,567    +12  +1.50 %  yes          0x0018",
        "c             0     -3        -  FAILED       0x0100"]
    assert "a&lt;b" in made._repr_html_() and "a<b" not in made._repr_html_()


def test_show__says_what_is_left_out(home):
    measured(home, NEW, cut={})
    live, kept = study.open_report(), study.open_report(f"data/recorded/{NEW}")
    names = kept.about["cut"]["ambiguous_names"]
    left = f"[197 others in reports/{NEW}/ambiguous_names.csv]"
    assert repr(study.show(live, "ambiguous_names", rows=3)).splitlines()[-1] == left
    assert repr(study.show(kept, "ambiguous_names", rows=3)).splitlines()[-1] == f"[{names - 3} others, not recorded]"
    assert "others" not in repr(study.show(live, "verdict"))
    assert repr(study.show(live["ambiguous_names"].head(0))).splitlines()[-1] == "(none)"


def test_show__without_an_optional_table_says_so_and_without_another_fails(home):
    place = measured(home, NEW)
    about = json.loads((place / "report.json").read_text())
    about["files"].remove("forms.csv")
    (place / "report.json").write_text(json.dumps(about))
    assert repr(study.show(study.open_report(), "forms")) == "This report has no table forms."
    with pytest.raises(MeasureError, match="expected a table nonsense.csv"):
        study.show(study.open_report(), "nonsense")


def test_table__an_item_is_shown_once_and_bytes_eight_to_a_line():
    table = pd.DataFrame({"item": ["[1] FUNC", "[1] FUNC", "[2] FUNC"], "raw": ["00 " * 8 + "00", "01", "02"]})
    made = shown.table(table)
    assert [line.split("  ")[0] for line in repr(made).splitlines()[1:]] == ["[1] FUNC", "", "[2] FUNC"]
    assert "00 00 00 00 00 00 00 00<br>00" in made._repr_html_()


@pytest.mark.parametrize("name", plots.PLOTS)
def test_plot__is_drawn_of_the_recorded_frame_with_its_finding(name):
    made = study.plot(study.open_report(), name)
    assert made._repr_html_().startswith('<img src="data:image/svg+xml;base64,') and "http" not in made._repr_html_()
    assert repr(made) == plots.PLOTS[name].finding(study.open_report()[f"plot_{name}"])


def test_growth__is_drawn_of_all_kernels_that_were_measured():
    made = study.growth()
    assert made._repr_html_().startswith('<img src="data:image/svg+xml;base64,')
    assert repr(made).startswith("On ") and "as decl_tag" in repr(made)


def test_meanings__of_every_column_of_the_verdict_and_of_functions():
    for columns in (measure.VERDICT_COLUMNS, measure.PAIR_COLUMNS, results.FUNCTION_COLUMNS):
        lines = repr(study.meanings(columns)).splitlines()
        assert [line.split()[0] for line in lines] == ["column", *columns]


def test_forms__are_those_of_the_report_that_are_known_here(home):
    report = study.open_report()
    lines = repr(study.forms(report)).splitlines()
    assert [line.split()[0] for line in lines[1:]] == report.about["encodings"]
    report.about["encodings"].append("nobody's")
    assert repr(study.forms(report)).splitlines() == lines


def test_finding__is_the_main_sentence():
    report = study.open_report()
    assert repr(study.finding(report)) == report.about["finding"] and repr(study.limits()).startswith("- ")


def test_said__all_findings_or_some():
    report = study.open_report()
    assert repr(study.said(report)).count("\n") == len(report["findings"]) - 1
    assert repr(study.said(report, "cost")).count("\n") == 0
    assert repr(study.said(report, "nonsense")) == "(none)"


def test_together__marks_what_was_recorded_and_tells_kernels_of_one_label_apart(home):
    measured(home, "mine")
    table = study.together(study.open_all(), "verdict", encoding="plain", policy="current")
    assert table.kernel.tolist() == [f.about["kernel"] for f in study.open_all()]
    assert table.figures.str.split().str[0].tolist() == ["recorded", "recorded", "measured"]
    twice = study.together([study.open_report("mine"), study.open_report(NEW)], "claims")
    assert twice.kernel.nunique() == 2 and twice.kernel.iloc[0].endswith("(mine)")
    with pytest.raises(MeasureError, match="expected a report with a table nonsense, found none"):
        study.together(study.open_all(), "nonsense")


def test_lookup__is_recorded_for_the_names_that_the_notebooks_ask_for(home):
    report = study.open_report(OLDEST)
    for name in (study.example(report), *study.ASKED):
        text = repr(study.lookup(report, name))
        assert text.startswith("RECORDED on 20") and "What a tracer gets" in text, name
    assert study.example(report) not in study.ASKED
    assert "not recorded; recorded are " in repr(study.lookup(report, "nobody"))


def test_lookup__asks_the_results_of_a_report_that_was_measured_here(home):
    place = measured(home, NEW)
    assert "results are gone" in repr(study.lookup(study.open_report(), "twice"))
    make(place / "btf", "all")
    text = repr(study.lookup(study.open_report(), "twice"))
    assert text.startswith("$ btf-harness lookup twice reports/") and "3 instances" in text
    assert "which no instance and no FUNC has" in repr(study.lookup(study.open_report(), "nobody")).replace("\n", " ")


# Recording

def test_record__keeps_what_is_shown_and_says_so(home):
    place = measured(home, NEW)
    make(place / "btf", "all")
    whole = folders.read(place)
    kept = study.record(place, home / "kept", on="2001-02-03")
    assert kept.recorded and kept.about["recorded_on"] == "2001-02-03"
    assert kept.about["command"] == whole.about["command"]
    for name in study.NEEDED:
        pd.testing.assert_frame_equal(kept[name], whole[name].head(study.RECORDED_ROWS))
    assert sorted(p.name for p in kept.path.iterdir()) == sorted(kept.about["files"])
    again = study.record(place, home / "kept", on="2001-02-03")
    assert {n: again.file(n) for n in again.about["files"]} == {n: kept.file(n) for n in kept.about["files"]}


@pytest.mark.parametrize("name", [NEW, OLD])
def test_recorded__is_small_whole_and_free_of_paths(name):
    report = folders.read(KEPT / name)
    assert report.recorded and report.about["ok"] and not [n for n in study.NEEDED if n not in report]
    assert report.about["command"] == f"make report KERNEL={name}"
    assert sum(path.stat().st_size for path in report.path.iterdir()) < 150_000
    for file in report.about["files"]:
        assert not any(word in report.file(file) for word in (b"/root/", b"/home/", b"/tmp/")), file


# The tiny program

def test_tiny__every_way_of_compiling_it_gives_the_cases_that_the_notebook_speaks_of(tmp_path):
    for compiler in ("gcc", "clang"):
        (tmp_path / compiler).mkdir()
        check_tiny(tiny.build(find(compiler), tmp_path / compiler).result)


def check_tiny(result):
    """One static inline at two addresses, two unrelated functions of one name, and one function at one address."""
    functions = result.functions[result.functions.reason == ""]
    assert functions.name.value_counts().to_dict() == {"cpumask_weight": 2, "wakeup_show": 2, "sched_cpus": 1}
    assert functions.groupby("name").signature.nunique().to_dict() == {"cpumask_weight": 1, "wakeup_show": 2,
                                                                       "sched_cpus": 1}
    counts = {name: account.kinds["FUNC"][0] for name, account in result.accounts.items()}
    assert counts == {"plain": 4, "decl_tag": 4, "btf_func": 5}


def test_tiny__without_a_compiler_what_was_recorded_is_shown_loudly(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    made = tiny.make()
    check_tiny(made.result)
    assert repr(tiny.about(made)).startswith("RECORDED FILES. No compiler was found on this machine: these were ")


def test_tiny__the_same_compiler_gives_the_recorded_bytes(tmp_path):
    kept, made = tiny.recorded(), tiny.build(find("gcc"), tmp_path)
    if kept.compiler != made.compiler:
        pytest.skip(f"{kept.compiler} is not installed, but {made.compiler}: bytes not compared")
    assert made.commands == kept.commands
    for name, path in kept.result.files.items():
        assert made.result.files[name].read_bytes() == path.read_bytes(), name


def test_tiny__is_recorded_without_a_trace_of_the_machine(home, tmp_path):
    find("gcc")
    tiny.record(home / "kept", on="2001-02-03")
    for path in (home / "kept").iterdir():
        assert not any(word in path.read_bytes() for word in (b"/root/", b"/home/", b"/tmp/")), path.name
    assert json.loads((home / "kept" / "recorded.json").read_text())["recorded_on"] == "2001-02-03"


def test_tiny__what_does_not_compile_is_said(home, tmp_path):
    (home / "notebooks" / "tiny" / "power.c").write_text("nonsense")
    (tmp_path / "scratch").mkdir()
    with pytest.raises(KernelError, match="-c power.c -o power.o: power.c:1"):
        tiny.build(find("gcc"), tmp_path / "scratch")


def test_verdicts__name_who_takes_each_file(tmp_path):
    table = tiny.verdicts(tiny.recorded().result)
    ours = table[table.witness.str.startswith("btf-harness check")].set_index(["witness", "encoding"]).verdict
    assert ours["btf-harness check"].tolist() == ["sound"] * 3
    assert ours["btf-harness check --strict"].tolist() == ["sound", "sound", "refused"]
    assert not table.words.str.contains(str(ROOT), regex=False).any()


def test_dump__all_types_or_those_of_some_kinds():
    result = tiny.recorded().result
    lines = repr(tiny.dump(result, "decl_tag", "DECL_TAG")).splitlines()
    assert len(lines) == 5 and all("DECL_TAG 'address=0x" in line for line in lines)
    assert "FUNC_PROTO" in repr(tiny.dump(result, "plain"))


def test_show__leaves_out_a_kind_that_no_encoding_touches():
    table = study.open_report()["policies"].drop(columns="DECL_TAG")
    assert repr(study.show(table, columns=["encoding", "FUNC", "DECL_TAG"])) == repr(
        study.show(table, columns=["encoding", "FUNC"]))
    with pytest.raises(KeyError, match="nonsense"):
        study.show(table, columns=["encoding", "nonsense"])
