"""An encoding that is defined in these tests alone goes through all verbs; and none is known outside its file."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import harness
from harness import encodings, measure, report, results, run
from harness.measure.attach import attachability
from harness.model import Kind
from harness.report import mail, plots
from tests.command import cli
from tests.encodings import outside
from tests.fixtures.build import program

PACKAGE = Path(harness.__file__).parent


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(encodings, "REGISTRY", dict(encodings.REGISTRY))
    encodings.register(outside.ENCODING)


def done(*args):
    finished = cli(*args)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.fixture
def folder(registered, tmp_path):
    wanted = [word for name in ("decl_tag", "btf_func", "table") for word in ("--encoding", name)]
    done("encode", program("several_units").path, "-q", "-o", tmp_path / "out", "--policy", "all", *wanted)
    return tmp_path / "out"


def test_outside__is_written_checked_and_dumped(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    entry = manifest["policies"]["all"]["encodings"]["table"]
    assert [part["file"] for part in results.files_of(entry)] == ["table.btf", "table.BTF.funcs"]
    done("check", folder / "table.btf", "--strict")
    assert "ENUM64 'func_addresses'" in done("dump", folder / "table.btf")


def test_outside__has_all_its_files_in_what_encode_says(registered, tmp_path):
    out = tmp_path / "out"
    said = done("encode", program("several_units").path, "-o", out, "--policy", "all", "--encoding", "table")
    plain, table = out / "plain.btf", [out / "table.btf", out / "table.BTF.funcs"]
    size, base = sum(path.stat().st_size for path in table), plain.stat().st_size
    assert said.splitlines() == [f"{plain}: {base} bytes (+0)",
                                 f"{table[0]}, {table[1]}: {size} bytes ({size - base:+d})"]


def test_outside__is_measured_with_its_own_section_and_keeps_all_invariants(folder):
    done("measure", folder, "-q", "--no-compression")
    result = measure.load(folder)
    table = measure.measurements(result, False)
    sizes = table[table.encoding == "table"].set_index("part").bytes
    assert sizes[outside.SECTION] == (folder / "table.BTF.funcs").stat().st_size > 0
    assert sizes["file"] == sum(path.stat().st_size for path in folder.glob("table*"))
    checks = measure.check_invariants(result, table)
    assert checks.holds.all()
    mine = checks[checks.statement.str.contains("table")]
    assert set(mine.invariant) == {"2 bytes", "3 formula", "4 neutrality", "5 files", "6 round trip"}


def test_outside__is_compressed_with_its_own_section(folder):
    result = measure.load(folder)
    alone = results.load(folder)["all"]
    alone.sections = lambda name: {}
    assert measure.compressed_sizes(result)["table"]["xz-9"] > measure.compressed_sizes(alone)["table"]["xz-9"]


def test_outside__is_looked_up_in_words(folder):
    text = done("lookup", "reset", folder)
    assert re.search(r"^ +table +int reset\(", text, re.M)
    assert "fentry, table" in text
    rows = measure.lookup(measure.load(folder), "reset").rows
    addresses = {name: set(group.address) for name, group in rows.groupby("encoding")}
    assert addresses["table"] == addresses["btf_func"] == addresses["decl_tag"] != addresses["plain"]


@pytest.mark.whole
def test_outside__is_reported_and_drawn(folder, tmp_path):
    made = report.render(folder, tmp_path / "report", witnesses=False, threads=1)
    assert made.ok
    written = report.read(tmp_path / "report")
    assert written.about["encodings"] == ["plain", "decl_tag", "btf_func", "table"]
    text = (tmp_path / "report" / "report.md").read_text()
    assert outside.ENCODING.summary in text.replace("\\", "") and outside.SECTION in text.replace("\\", "")
    assert written["verdict"].encoding.tolist().count("table") == 1 and ">table<" in (
        tmp_path / "report" / "plot_cost.svg").read_text()
    frame = pd.DataFrame({"kernel": "k", "encoding": ["decl_tag", "table"], "percent": 1.0})
    drawn = plots.draw(plots.growth, frame, 3.0)["svg"].decode().lower()
    assert outside.ENCODING.colour.lower() in drawn
    assert f"table {outside.ENCODING.summary}" in " ".join(mail.body(written).split())
    again = results.load(tmp_path / "report")["all"]
    assert again.sections("table") == measure.load(folder).sections("table")


def test_outside__has_a_column_for_each_kind_that_it_touches(folder, tmp_path, monkeypatch, undrawn):
    def made(name):
        report.render(folder, tmp_path / name, witnesses=False, threads=1)
        return report.read(tmp_path / name)

    counts = measure.kind_counts(measure.measurements(measure.load(folder), False))
    table = made("one")["encodings"]
    assert list(table.columns)[4:9] == ["types", "FUNC", "extra FUNC", "DECL_TAG", "ENUM64"]
    assert table.ENUM64.tolist() == counts.ENUM64[table.encoding].tolist() == [2, 2, 2, 3]
    monkeypatch.setitem(encodings.REGISTRY, "table", replace(outside.ENCODING, kinds=(Kind.ENUM64, Kind.VAR)))
    both = made("two")
    for name in ("encodings", "policies"):
        assert [c for c in both[name].columns if c in Kind.__members__] == ["FUNC", "VAR", "DECL_TAG", "ENUM64"]
        assert both[name].VAR.tolist() == counts.VAR[both[name].encoding].tolist() == [5] * 4


def test_kinds__of_a_result_are_those_that_its_encodings_touch(registered):
    assert list(encodings.touched_kinds(["plain"])) == []
    assert list(encodings.touched_kinds(["plain", "table", "unheard_of"])) == ["ENUM64"]
    assert list(encodings.touched_kinds()) == ["FUNC", "DECL_TAG", "ENUM64", "LOCSEC", "FUNC_ADDR"]


def test_outside__attaches_like_what_names_its_addresses(folder):
    table = attachability([measure.load(folder)]).set_index("encoding")
    columns = ["addresses", "unique_id", "ambiguous_id", "unreachable", "no_func", "attachable"]
    assert table.loc["table", columns].tolist() == table.loc["decl_tag", columns].tolist()


@pytest.mark.parametrize("rank", [0, -1])
def test_register__refuses_to_replace_the_baseline(registered, rank):
    with pytest.raises(ValueError, match=f"expected a rank above 0, the baseline's, found {rank} for other"):
        encodings.register(replace(outside.ENCODING, name="other", rank=rank))


SCRIPT = """
from harness import cli, encodings
from tests.encodings import outside
encodings.register(outside.ENCODING)
cli.entry()
"""


@pytest.mark.whole
@pytest.mark.long
def test_register__works_in_a_script_that_runs_the_command_line(folder, tmp_path):
    """The worker process of a report runs the script again, and must register, too, but not report."""
    (tmp_path / "script.py").write_text(SCRIPT)
    ran = subprocess.run([sys.executable, tmp_path / "script.py", "report", folder, "-q", "-o", tmp_path / "r"],
                         env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)}, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "") and "table" in (tmp_path / "r" / "encodings.csv").read_text()


@pytest.mark.parametrize("name", ["plain", "", "no-name", "shipped", "a/b"])
def test_register__refuses_a_name_that_is_taken_or_no_file_s(registered, name):
    with pytest.raises(ValueError, match="expected a new name"):
        encodings.register(replace(outside.ENCODING, name=name))


def test_artifact__refuses_a_fixup_of_no_known_form(registered):
    def write(*args):
        made = outside.write(*args)
        return made._replace(fixups=tuple(fixup._replace(form="u48") for fixup in made.fixups))

    encodings.REGISTRY["table"] = replace(outside.ENCODING, write=write)
    prepared = run.prepare(program("several_units").path, threads=1)
    with pytest.raises(ValueError, match="table: expected a fixup's form, u32, u64, lohi or hex16, found 'u48'"):
        run.encode(prepared, "all", ["table"])


def test_fixups__say_where_the_two_halves_of_each_address_stand(registered):
    made = run.encode(run.prepare(program("several_units").path, threads=1), "all", ["table"])
    fixup, = made.artifacts["table"].fixups
    data = made.artifacts["table"].sections[fixup.within]
    standing = [int.from_bytes(data[at : at + 8], "little") for at in fixup.at.tolist()]
    assert standing == made.pairs.address[fixup.pair].tolist() and len(standing) == made.pairs.known.sum()


def test_package__names_no_encoding_s_bytes_outside_its_file():
    spelt = re.compile(r"['\"]plain['\"]|\bbtf_func\b|address=0x|\baddr=0x|\bdecl_tag_short\b")
    examples = {"cli", "__init__.py"}  # command lines and calls for people to copy
    found = [f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
             for path in PACKAGE.rglob("*.py")
             if "encodings" not in path.parts and not examples & {path.name, path.parent.name}
             for number, line in enumerate(path.read_text().splitlines(), 1) if spelt.search(line)]
    assert not found
