"""The command line: exit codes, one line of error, nothing half-written, quick to start."""

import csv
import io
import json
import subprocess
import sys
import time

import pytest

from harness import results
from harness.functions import POLICIES, QUIRKS, RULES
from tests.command import ROOT, cli, process
from tests.fixtures.build import program
from tests.report import figures


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "out"
    done = process("encode", program("several_units").path, "-q", "-o", out)
    assert done.returncode == 0, done.stderr
    return out


def assert_refused(done, *words):
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("btf-harness: "), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0]


def test_cli__help_names_every_policy_rule_and_quirk():
    text = " ".join(cli("encode", "--help").stdout.split())
    for word in (*POLICIES, *RULES, *QUIRKS):
        assert word in text, word


def test_cli__help_is_quick_and_imports_nothing_heavy():
    times = []
    for _ in range(5):
        began = time.monotonic()
        done = process("--help")
        times.append(time.monotonic() - began)
    assert done.returncode == 0 and "examples:" in done.stdout
    assert min(times) < 0.3
    code = ("import sys, harness.cli; harness.cli.parser(); "
            "print([m for m in ('numpy', 'numba', 'pandas') if m in sys.modules])")
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert loaded.stdout.strip() == "[]"


def test_cli__encode_writes_what_the_manifest_says(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["schema"] == results.SCHEMA and set(manifest["policies"]) == {"sound"}
    encodings = manifest["policies"]["sound"]["encodings"]
    assert set(encodings) == {"plain", "decl_tag", "btf_func"}
    for entry in encodings.values():
        assert (folder / entry["file"]).stat().st_size == entry["bytes"]
    assert sorted(p.name for p in folder.iterdir()) == ["btf_func.btf", "decl_tag.btf", "functions.csv", "inlined.csv",
                                                        "manifest.json", "plain.btf", "selection.csv"]


def test_cli__encode_with_a_layout_section(tmp_path):
    out = tmp_path / "out"
    assert cli("encode", program("several_units").path, "-q", "-o", out, "--layout").returncode == 0
    assert json.loads((out / "manifest.json").read_text())["policies"]["sound"]["layout_section"] is True
    for name in ("plain", "decl_tag", "btf_func"):
        assert (out / f"{name}.btf").read_bytes()[4:8] == b"\x20\0\0\0"
        assert cli("check", out / f"{name}.btf").returncode == 0
    assert cli("measure", out, "-q", "--no-compression").returncode == 0
    assert (out / "measurements.csv").read_text().count(",layout,,0,80\n") == 3


def test_cli__encode_leaves_nothing_of_earlier_results(tmp_path):
    kernel, out = program("several_units").path, tmp_path / "out"
    assert cli("encode", kernel, "-q", "-o", out, "--encoding", "decl_tag_short").returncode == 0
    (out / "shipped.btf").write_bytes(b"of another kernel")
    (out / "mine.txt").write_text("the user's")
    assert cli("encode", kernel, "-q", "-o", out, "--encoding", "btf_func").returncode == 0
    assert sorted(p.name for p in out.iterdir()) == ["btf_func.btf", "functions.csv", "inlined.csv", "manifest.json",
                                                     "mine.txt", "plain.btf", "selection.csv"]


@pytest.mark.long
def test_cli__encode_does_not_write_into_a_report(tmp_path, unasked):
    kernel, out = program("several_units").path, tmp_path / "out"
    assert cli("report", kernel, "-q", "-o", out).returncode == 0
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    for place in (out, out / "btf", out / "btf" / "all"):
        assert_refused(cli("encode", kernel, "-q", "-o", place), "expected a directory outside a report", "report.json")
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before


def test_cli__a_report_does_not_replace_the_current_directory(tmp_path, monkeypatch):
    kernel = program("several_units").path
    for place in (tmp_path, tmp_path / "in it"):
        place.mkdir(exist_ok=True)
        monkeypatch.chdir(place)
        assert_refused(cli("report", kernel, "-q", "-o", tmp_path), "expected another directory than the current one")
    assert [p.name for p in tmp_path.rglob("*")] == ["in it"]


def test_cli__encode_gives_the_same_bytes_again_and_with_one_thread(folder, tmp_path):
    assert cli("encode", program("several_units").path, "-q", "-o", tmp_path / "a", "--threads", 1).returncode == 0
    for path in sorted(folder.iterdir()):
        assert (tmp_path / "a" / path.name).read_bytes() == path.read_bytes(), path.name


def test_cli__check_and_dump_read_every_form(folder):
    for path in sorted(folder.glob("*.btf")):
        assert cli("check", path).returncode == 0
        assert "FUNC 'arch_setup'" in cli("dump", path).stdout
    assert json.loads(cli("dump", "--format", "json", folder / "plain.btf").stdout)["types"]
    assert_refused(cli("check", "--strict", folder / "btf_func.btf"), "Invalid btf_info kind_flag")


def test_cli__refuses_what_is_no_kernel_in_one_line_and_writes_nothing(tmp_path):
    out = tmp_path / "out"
    (tmp_path / "text").write_text("not ELF")
    assert_refused(process("encode", tmp_path / "text", "-q", "-o", out), "expected an ELF file")
    assert_refused(cli("encode", tmp_path / "absent", "-q", "-o", out))
    bare = tmp_path / "bare"
    subprocess.run(["strip", "-g", "-o", bare, program("several_units").path], check=True)
    assert_refused(cli("encode", bare, "-q", "-o", out), "dbg")
    data = program("several_units").path.read_bytes()
    (tmp_path / "cut").write_bytes(data[: len(data) // 2])
    assert_refused(cli("encode", tmp_path / "cut", "-q", "-o", out), "truncated")
    assert not out.exists()


def test_cli__refuses_an_unknown_policy_or_encoding_before_any_work(tmp_path):
    path = program("several_units").path
    assert_refused(cli("encode", path, "-o", tmp_path / "o", "--policy", "some"), "consistent")
    assert_refused(cli("encode", path, "-o", tmp_path / "o", "--encoding", "morse"), "decl_tag")
    assert not (tmp_path / "o").exists()


def test_cli__a_folder_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(cli("encode", program("several_units").path, "-q", "-o", tmp_path / "file"), "file")


def test_cli__measure_and_report_refuse_what_encode_did_not_write(tmp_path):
    assert_refused(cli("measure", tmp_path), "manifest.json")
    (tmp_path / "manifest.json").write_text("{}")
    assert_refused(cli("report", tmp_path, "-q", "-o", tmp_path / "r"), "manifest.json")
    assert not (tmp_path / "r").exists()


@pytest.mark.long
def test_cli__measure_and_report_go_on_from_encode(folder, tmp_path):
    assert cli("measure", folder, "-q").returncode == 0
    assert (folder / "measurements.csv").read_text().startswith("kernel,policy,encoding,part,kind,count,bytes\n")
    done = process("report", folder, "-o", tmp_path / "r")
    assert done.returncode == 0, done.stderr
    assert "FAILED" not in (tmp_path / "r" / "report.md").read_text()
    (folder / "measurements.csv").unlink()


@pytest.mark.long
def test_cli__a_report_of_encoded_results_serves_every_verb_as_they_do(folder, tmp_path, unasked):
    place = tmp_path / "reports" / "mine"
    assert cli("report", folder, "-q", "-o", place).returncode == 0
    for verb, *arguments in (("claims", "{}"), ("claims", "{}", "--csv"), ("lookup", "reset", "{}"),
                             ("lookup", "reset", "{}", "--csv"), ("functions", "{}", "--csv"), ("compare", "{}", "{}"),
                             ("functions", "{}", "--name", "r*", "--policy", "sound")):
        said = [cli(verb, *(str(a).format(where) for a in arguments)) for where in (folder, place)]
        assert said[0].returncode == said[1].returncode == 0, said[1].stderr
        assert said[0].stdout == said[1].stdout and said[0].stdout, verb
    measured = (place / "btf" / "measurements.csv").read_bytes()
    assert cli("measure", place).stdout == f"{place / 'btf' / 'measurements.csv'}\n"
    assert (place / "btf" / "measurements.csv").read_bytes() == measured
    assert "several_units" in cli("mail", place).stdout
    assert cli("index", place.parent).returncode == 0 and "several_units" in (place.parent / "index.html").read_text()
    again = tmp_path / "again"
    assert cli("report", place, "-q", "-o", again).returncode == 0
    assert (again / "btf" / "manifest.json").read_bytes() == (place / "btf" / "manifest.json").read_bytes()
    assert_refused(cli("functions", place, "--policy", "all"),
                   "expected a policy that these results have (sound), found 'all'")


def test_cli__functions_lists_filters_and_counts(folder):
    done = cli("functions", folder, "--name", "reset")
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["name", "address", "match", "section", "file", "faults", "reason"]
    assert len(rows) == 2 and all(row.startswith("reset  0x") for row in rows)
    assert done.stderr == "2 rows, 1 name\n"
    listed = list(csv.DictReader(io.StringIO(cli("functions", folder, "--reason", "-", "--csv", "-q").stdout)))
    every, chosen = (list(csv.DictReader(io.StringIO((folder / name).read_text())))
                     for name in ("functions.csv", "selection.csv"))
    assert listed == [row | mine for row, mine in zip(every, chosen, strict=True) if not mine["reason"]]
    dropped = cli("functions", folder, "--reason", "overridden", "--csv", "-q").stdout
    assert {row["name"] for row in csv.DictReader(io.StringIO(dropped))} == {"arch_setup"}
    assert "weak_strong" in cli("functions", folder, "--class", "no").stderr
    assert "arch_setup" in cli("functions", folder, "--class", "weak_strong", "-q").stdout


@pytest.mark.parametrize(("arguments", "words"), [
    (["--reason", "sunspots"], "--reason: expected one of -, "),
    (["--match", "perfect"], "--match: expected one of none, exact, "),
    (["--fault", "mine"], "--fault: expected one of unexpected, optimized, "),
    (["--class", "mine"], "--class: expected one of true_twins, "),
    (["--step", "dies_exact"], "--step: expected a kernel, found results"),
    (["--step", "upwards"], "--step: expected one of dies_declared, "),
    (["--step", "dies_exact", "--name", "x"], "--name: cannot be combined with --step"),
    (["--policy", "all"], "expected a policy that these results have (sound), found 'all'"),
    (["--policy", "some"], "--policy: expected one of all, sound, consistent, current, found 'some'"),
    (["--rules", "1.24"], "--rules: expected a kernel, found results"),
    (["--quirk", "no-ranges"], "--quirk: expected a kernel, found results"),
])
def test_cli__functions_refuses_what_no_row_can_be(folder, arguments, words):
    assert_refused(cli("functions", folder, *arguments), words)


@pytest.mark.parametrize("step", ["dies_overridden", "elf_alias"])
def test_cli__functions_names_what_a_figure_of_the_funnel_counts(folder, step):
    done = cli("functions", program("several_units").path, "--step", step, "--csv", "-q")
    assert done.returncode == 0, done.stderr
    counted = json.loads((folder / "manifest.json").read_text())["funnel"][step]
    assert len(done.stdout.splitlines()) == 1 + counted and counted


def test_cli__lookup_finds_names_and_addresses(folder):
    done = cli("lookup", "reset", folder)
    assert done.returncode == 0, done.stderr
    assert "2 instances, 2 addresses" in done.stdout and "fentry, btf_func" in done.stdout
    rows = list(csv.DictReader(io.StringIO(cli("lookup", "reset", folder, "--csv").stdout)))
    addresses = {row["address"] for row in rows if row["encoding"] == "btf_func"}
    assert len(addresses) == 2
    assert "reset" in cli("lookup", min(addresses), folder).stdout
    assert_refused(cli("lookup", "rezet", folder), "reset")


def test_cli__lookup_takes_a_kernel(folder):
    mine = cli("lookup", "reset", program("several_units").path, "-q")
    assert mine.returncode == 0, mine.stderr
    assert "policy all" in mine.stdout


def test_cli__compare_says_that_one_build_is_itself(folder):
    done = cli("compare", folder, folder)
    assert done.returncode == 0, done.stderr
    assert "Nothing moved." in done.stdout


def rows_of(done):
    """The CSV rows that a verb wrote, list of dict."""
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def json_of(*args):
    """What a verb wrote as JSON."""
    done = cli(*args, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    return json.loads(done.stdout)


def test_cli__json_says_what_csv_says(folder):
    said = {True: "1", False: "0", None: ""}

    def as_csv(rows):
        return [{name: said[x] if x is None or x is True or x is False else str(x) for name, x in row.items()}
                for row in rows]

    assert as_csv(json_of("functions", folder)) == rows_of(cli("functions", folder, "--csv"))
    step = program("several_units").path, "--step", "dies_with_code"
    rows = json_of("functions", *step)
    assert as_csv(rows) == rows_of(cli("functions", *step, "--csv"))
    assert {type(row["inline"]) for row in rows} == {bool} and rows[0]["die"].startswith("0x")
    done = cli("functions", folder, "--name", "reset", "--json")
    assert done.stderr == "2 rows, 1 name\n" and len(json.loads(done.stdout)) == 2
    measured = json_of("measure", folder, "--no-compression", "-q")
    assert as_csv(measured) == list(csv.DictReader(io.StringIO((folder / "measurements.csv").read_text())))
    found = json_of("lookup", "reset", folder)
    ids = [{**row, "given": str(row["given"]), "address": row["address"] or "0x" + 16 * "0"} for row in found["ids"]]
    assert as_csv(ids) == rows_of(cli("lookup", "reset", folder, "--csv"))
    assert {row["address"] for row in found["ids"] if row["encoding"] == "plain"} == {None}
    assert [row["name"] for row in found["instances"]] == ["reset", "reset"]
    assert all(row["address"].startswith("0x") for row in found["instances"] + found["symbols"])
    ways = {row["way"]: row["verdict"] for row in found["verdicts"]}
    assert "fentry, btf_func" in ways and found["found"] == "name" and found["policy"] == "sound"
    assert "--json: not allowed with argument --csv" in cli("lookup", "reset", folder, "--csv", "--json").stderr


def test_cli__compare_writes_its_tables(folder, tmp_path):
    found = json_of("compare", folder, folder)
    assert [row["build"] for row in found["builds"]] == ["A", "B"] and found["remarks"] == []
    assert list(found) == ["remarks", "builds", "counterparts", "identities", "names", "moved", "ordinals"]
    done = cli("compare", folder, folder, "-o", tmp_path / "new" / "tables")
    assert done.returncode == 0 and done.stderr == ""
    tables = {name: table for name, table in found.items() if name != "remarks"}
    out = tmp_path / "new" / "tables"
    assert done.stdout.splitlines() == [str(out / name) for name in [*(f"{name}.csv" for name in tables), "index.html"]]
    shown = figures.Page((out / "index.html").read_text())
    assert list(shown.tables) == [name for name, table in tables.items() if table]
    for name, (head, *rows) in shown.tables.items():
        figures.check_table(head, rows, list(csv.reader(io.StringIO((out / f"{name}.csv").read_text()))))
    assert "the most: " in " ".join(shown.words) and "Two builds" not in " ".join(shown.words)
    for name, table in tables.items():
        rows = list(csv.DictReader(io.StringIO((tmp_path / "new" / "tables" / f"{name}.csv").read_text())))
        assert rows == [{k: f"{x:.2f}" if isinstance(x, float) else str(x) for k, x in row.items()} for row in table]
    assert cli("compare", folder, folder, "-o", tmp_path / "q", "-q").stdout == ""
    both = cli("compare", folder, folder, "-o", tmp_path / "j", "--json")
    assert json.loads(both.stdout) == found and len([*(tmp_path / "j").iterdir()]) == len(tables) + 1
    (tmp_path / "file").touch()
    assert_refused(cli("compare", folder, folder, "-o", tmp_path / "file"), "expected a directory to write into")
    (tmp_path / "q" / "report.json").touch()
    assert_refused(cli("compare", folder, folder, "-o", tmp_path / "q"), "expected a directory outside a report")


def test_cli__stat_shows_a_file_and_what_it_has_more_than_another(folder):
    plain, btf_func = folder / "plain.btf", folder / "btf_func.btf"
    text = cli("stat", plain).stdout
    assert text.splitlines()[0] == str(plain) and "  TOTAL\n" in text and "duplicate types" in text
    rows = rows_of(cli("stat", plain, "--csv"))
    assert list(rows[0]) == ["part", "kind", "count", "bytes", "share"]
    total = [row for row in rows if row["part"] == "file"]
    assert [int(row["bytes"]) for row in total] == [plain.stat().st_size] and total[0]["share"] == "100.00"
    found = json_of("stat", plain, "-s", "name")
    assert list(found) == ["file", "parts", "waste"] and found["file"]["bytes"] == plain.stat().st_size
    assert [{k: f"{x:.2f}" if isinstance(x, float) else str(x) for k, x in row.items()}
            for row in found["parts"] + found["waste"]] == rows_of(cli("stat", plain, "-s", "name", "--csv"))

    change = cli("stat", btf_func, "--against", plain)
    assert change.returncode == 0 and change.stdout.startswith(f"NEW  {btf_func}\n")
    for order in ((btf_func, "--", plain, "-n", 5), ("-n", 5, btf_func, "--", plain), ("-n", 5, "--", plain, btf_func)):
        assert cli("stat", *order).stdout == change.stdout, order
    found = json_of("stat", btf_func, "--", plain)
    assert (found["new"]["path"], found["old"]["path"]) == (str(btf_func), str(plain))
    grown = btf_func.stat().st_size - plain.stat().st_size
    assert {row["kind"] or row["part"]: row["bytes_delta"] for row in found["parts"] if row["bytes_delta"]} == {
        "FUNC": grown, "file": grown}
    rows = rows_of(cli("stat", btf_func, "--csv", "--", plain))
    assert [row["bytes_delta"] for row in rows if row["kind"] == "FUNC"] == [str(grown)]
    assert [row["percent"] for row in rows if row["part"] == "padding"] == [""]


@pytest.mark.parametrize(("arguments", "words"), [
    (["x", "y"], "unrecognized arguments: y"),
    (["x", "--"], "--against: expected one argument"),
    (["x", "--", "y", "--", "z"], "--against: given twice"),
    (["x", "-s", "colour"], "--sort: expected one of size, name, count, found 'colour'"),
    (["x", "-n", "-1"], "-n"),
    (["x", "-n", "3", "--json"], "--rows: cannot be combined with --json, which has every row"),
    (["x", "--csv", "-n", "0"], "--rows: cannot be combined with --csv, which has every row"),
    (["x", "--old-base", "y"], "--old-base: needs --against"),
    (["/dev/null"], "/dev/null: .BTF+0x0: expected a header of 24 bytes, found 0 bytes in all"),
])
def test_cli__stat_refuses_what_it_cannot_do(arguments, words):
    assert_refused(cli("stat", *arguments), words)


def test_cli__claims_judges_every_folder(folder):
    done = cli("claims", folder)
    assert done.returncode == 0, done.stderr
    assert "no DIE has the name" in done.stdout.replace("\n    ", " ")
    rows = list(csv.DictReader(io.StringIO(cli("claims", folder, "--csv").stdout)))
    assert [row["id"] for row in rows] == ["cpumask_weight", "extra_funcs", "payload", "whole_growth", "func_protos"]
    assert_refused(cli("claims", folder.parent / "none"), "expected a result folder or a report")


def test_cli__encode_follows_rules_and_quirks(folder, tmp_path):
    done = cli("encode", program("several_units").path, "-q", "-o", tmp_path, "--policy", "current", "--rules", "1.24",
               "--quirk", "part-flags", "--encoding", "plain")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    current = manifest["policies"]["current"]
    assert current["rules"] == "1.24" and current["quirks"] == ["part-flags"]
    assert current["registers"] == "numbered"
    assert "another instance of the name is encoded" in current["functions"]["skipped"]
    done = cli("encode", program("several_units").path, "-q", "-o", tmp_path, "--like", "pahole-1.24", "--encoding",
               "plain")
    assert done.returncode == 0, done.stderr
    current = json.loads((tmp_path / "manifest.json").read_text())["policies"]["current"]
    assert current["rules"] == "1.24" and current["quirks"] == sorted(QUIRKS)
    for option in (["--policy", "all"], ["--rules", "1.24"], ["--quirk", "part-flags"]):
        assert_refused(cli("encode", program("several_units").path, "-o", tmp_path / "no", "--like", "pahole-1.24",
                           *option), f"{option[0]}: cannot be combined with --like")
    for wrong in (["--rules", "2"], ["--rules", ""], ["--quirk", "luck"], ["--like", "1.24"], ["--like", "pahole-"]):
        assert_refused(cli("encode", program("several_units").path, "-o", tmp_path / "no", *wrong),
                       f"{wrong[0]}: expected one of ")
        assert not (tmp_path / "no").exists()


def test_cli__tools_and_fetch_refuse_what_no_suite_has():
    assert_refused(cli("tools", "foo"), "NAME: expected one of pahole, bpftool, libbpf, llvm, bpftrace, drgn, "
                   "cilium-ebpf, aya-obj, found 'foo'")
    assert_refused(cli("tools", "--suite", "sid"), "--suite: needs the name of a tool")
    words = "expected a suite of Debian such as sid or trixie-backports, found 'nodistro'"
    assert_refused(cli("tools", "pahole", "--suite", "nodistro"), words)
    assert_refused(cli("fetch", "linux-image-9.9.1-amd64-dbg", "--suite", "nodistro"), words)


def test_cli__tools_lists_those_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cli("tools").stdout == "name\tversion\tarchitecture\tsuite\tpath\n"


def test_cli__build_says_which_packages_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("apt-get", "apt-cache", "apt-config", "tar"):
        (tmp_path / name).symlink_to(sys.executable)
    words = "install Debian's packages bc bison clang-19 coreutils dpkg flex lld-19 llvm-19 make perl python3 xz-utils"
    assert_refused(cli("build", "--lto", "thin"), "needs programs that this machine does not have; ", words)
    assert_refused(cli("build", "--lto", "full"), "invalid choice: 'full'")
    assert_refused(cli("build", "--suite", "nodistro"), "expected a suite of Debian such as sid")
    assert not (tmp_path / "cache").exists()
