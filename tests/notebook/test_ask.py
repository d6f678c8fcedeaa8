"""What the notebook "ask your own question" calls, and the encoding that stands in it."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from harness import encodings, kernels, measure, results, run
from harness.errors import EncodeError
from harness.functions import POLICIES
from harness.model import Kind
from harness.notebook import ask, tiny
from harness.report import folder as folders
from tests.fixtures.build import OBJECTS, find, program

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "notebooks" / "05_your_question.ipynb"
FORM = "enum64_ambiguous"


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No kernel on the machine, a registry of its own, and the recorded program."""
    monkeypatch.setattr(kernels, "cached", lambda: [])
    monkeypatch.setattr(encodings, "REGISTRY", dict(encodings.REGISTRY))
    monkeypatch.setattr(ask, "_registered", set())
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.delenv("KERNEL", raising=False)


@pytest.fixture
def form():
    """The notebook's own encoding, registered: its cells up to the one that does so, but not what that measures."""
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(BOOK.read_text())["cells"]}
    names = {}
    for name in ("imports", "form-imports", "new-encoding"):
        exec(cells[name], names)
    exec(cells["encode"].split("\nmade = ")[0], names)
    return encodings.encoding(FORM)


def report(place=ROOT, recorded=True):
    """A ReportFolder of which only what `ask` reads is true."""
    about = {"kernel": "nobody's", "recorded": recorded, "policy": "sound", "command": "make report",
             "provenance": {"build_id": "00"}}
    return folders.ReportFolder(place, about)


def test_subject__without_results_is_the_tiny_program_in_every_form_and_says_so():
    asked = ask.subject(report())
    assert asked.small and asked.result.encodings == encodings.names() and asked.result.policy == "sound"
    assert repr(ask.about(asked)).startswith("THE TINY PROGRAM. ") and "recorded" in repr(ask.about(asked))
    assert "`make report` makes them here" in repr(ask.about(asked))
    assert "results of this report are gone" in repr(ask.about(ask.subject(report(recorded=False))))


def test_subject__is_the_report_where_its_results_are(tmp_path, monkeypatch):
    elf = OBJECTS / "sample-x86_64-gcc-dwarf5.elf"
    prepared = run.prepare(elf)
    results.save_all(tmp_path / "r" / "btf", prepared, [run.encode(prepared, policy) for policy in POLICIES])
    made = report(tmp_path / "r" / "btf", recorded=False)
    asked = ask.subject(made)
    assert not asked.small and asked.result.policy == "sound" and asked.result.folder == tmp_path / "r" / "btf"
    assert "The kernel itself is not on this machine" in repr(ask.about(asked)) and asked.file == tiny.make().elf
    kernel = kernels.resolve(elf)
    made.about["provenance"] = {"build_id": kernel.build_id, "sha256": kernel.sha256}
    monkeypatch.setenv("KERNEL", str(elf))
    assert ask.subject(made).file == kernel
    monkeypatch.delenv("KERNEL")
    monkeypatch.setattr(kernels, "cached", lambda: [kernel])
    assert ask.subject(made).file == kernel and len(ask.subject(made).words) == 1


def test_encode__measures_and_checks_forms_over_todays_file():
    made = ask.encode(ask.subject(report()), "btf_func", "sidecar")
    assert made.verdict.encoding.tolist()[:2] == ["plain", "plain"] and set(made.verdict.encoding[2:]) == {"btf_func",
                                                                                                          "sidecar"}
    assert made.verdict.policy.tolist() == ["current", "sound", "sound", "sound"]
    assert measure.all_hold(made.checks) and made.checks.statement.str.contains("sidecar").any()


def test_register__again_replaces_what_it_registered_and_nothing_else(form):
    ask.register(form)
    assert encodings.names().count(FORM) == 1
    encodings.register(form.__class__(**{**vars(form), "name": "another"}))
    with pytest.raises(ValueError, match="expected a new name"):
        ask.register(encodings.encoding("another"))
    with pytest.raises(ValueError, match="expected a new name"):
        ask.register(encodings.encoding("btf_func"))


PROGRAMS = {
    "tiny": lambda: ROOT / "data" / "recorded" / "tiny" / tiny.PROGRAM,
    "several_units": lambda: program("several_units").path,
    "relocatable": lambda: program("twin_sections", link="rel").objects[0],
    "kfuncs": lambda: program("kfuncs").path,
    "s390x": lambda: OBJECTS / "sample-s390x-gcc-dwarf5.elf",
    "armhf": lambda: OBJECTS / "sample-armhf-gcc-dwarf5.elf",
}


@pytest.mark.parametrize("kernel_step", [False, True])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_new_encoding__costs_what_it_says_and_gives_back_what_went_in(form, tmp_path, name, policy, kernel_step):
    prepared = run.prepare(PROGRAMS[name]())
    try:
        encoded = run.encode(prepared, policy, [FORM], kernel_step=kernel_step)
    except EncodeError:
        pytest.skip("the kernel's step does not fit this program")
    result = results.save(tmp_path / "out", prepared, encoded)[policy]
    checks = measure.check_invariants(result, measure.measurements(result, compressed=False))
    assert measure.all_hold(checks), checks[~checks.holds].to_string()


def test_new_encoding__of_the_tiny_program_tells_what_btf_func_ambiguous_tells(form):
    made = ask.encode(ask.subject(report()), "btf_func_ambiguous", FORM)
    one, two = (made.result.addresses(name) for name in ("btf_func_ambiguous", FORM))
    assert len(one.address) == 4 and one.address.tolist() == two.address.tolist()
    assert len(made.result.btf(FORM).types.ids_of(Kind.ENUM64)) == 1
    attachable = made.verdict.set_index("encoding").newly_attachable
    assert attachable[FORM] == attachable["btf_func_ambiguous"] > 0


def test_new_encoding__a_name_with_fewer_funcs_than_addresses_tells_nothing(form):
    """As after a deduplication, which merges FUNCs of one name and prototype."""
    result = ask.encode(ask.subject(report()), FORM).result
    file, types = result.btf(FORM), result.btf(FORM).types
    name = {i: file.name(i) for i in types.func_ids().tolist()}
    twins = [i for i in name if name[i] == b"cpumask_weight"]
    merged = [i for i in name if i not in twins[1:]]
    assert len(merged) == len(result.btf("plain").types.func_ids()) == len(name) - 1
    fewer = SimpleNamespace(func_ids=lambda: np.array(merged), row=types.row, ids_of=types.ids_of, by_id=types.by_id)
    told = form.read(SimpleNamespace(types=fewer, name=file.name), {}, result.of.image)
    assert {name[i] for i in told.func_id.tolist()} == {b"wakeup_show"}


def test_bars__draws_every_row_and_says_its_title():
    table = pd.DataFrame({"directory": ["a/b", "c" * 200, "\udcff"], "n": [3, 2000000, 0]})
    for frame in (table, table.head(1), table.head(0)):
        made = ask.bars(frame, "directory", "n", "Two of three")
        assert repr(made) == "Two of three" and made._repr_html_().startswith('<img src="data:image/svg+xml;base64,')
    assert ask.bars(table, "directory", "n", "T")._repr_html_() == ask.bars(table, "directory", "n", "T")._repr_html_()


def test_recorded_program__is_the_one_that_is_compiled_here():
    find("gcc")
    made, kept = tiny.make("gcc"), tiny.recorded()
    if made.compiler != kept.compiler:
        pytest.skip(f"{kept.compiler} is not installed, but {made.compiler}")
    assert made.elf.read_bytes() == kept.elf.read_bytes()
