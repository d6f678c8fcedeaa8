"""A question is asked once: what decides its answer decides whether it is asked again, and no moment is kept."""

import os

import pytest

from harness import measure, witnesses
from harness.text.matrix import to_text
from harness.witnesses import bpftrace, drgn, keeping, kernel, libbpf, llvm, opening, pahole, program, survival, usage
from harness.witnesses.asking import Silence
from harness.witnesses.consumer import Answer, Consumer, Version
from harness.witnesses.keeping import Question, ask_once
from tests.command import cli
from tests.measure.folders import make


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def result(tmp_path):
    return measure.load(make(tmp_path / "tiny"))


@pytest.fixture
def asked(tmp_path):
    """Writes a line for each question that is really asked; questions are in other processes."""
    path = tmp_path / "asked"
    path.touch()
    return path


def stand_in(path, text="true"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def note(path, word="x"):
    with open(path, "a") as file:
        file.write(f"{word}\n")


def consumer(asked, tmp_path, answer=lambda case: Answer("refused", f"{case.path}: no"), number="1"):
    program = stand_in(tmp_path / "bin" / "reader") if not (tmp_path / "bin" / "reader").exists() else \
        tmp_path / "bin" / "reader"

    def open_it(how, case):
        note(asked, case.encoding)
        return answer(case)

    return Consumer(name="one", versions=lambda: [Version(number, str(program))], open=open_it)


def n_asked(path):
    n = len(path.read_text().split())
    path.write_text("")
    return n


def test_matrix__the_same_bytes_are_asked_about_once(result, asked, tmp_path):
    one = consumer(asked, tmp_path)
    first = opening.matrix(result, [one])
    assert n_asked(asked) == len(first) == 5
    assert opening.matrix(result, [one]).equals(first) and n_asked(asked) == 0
    assert opening.matrix(result, [one], again=True).equals(first) and n_asked(asked) == 5
    assert first.message[0] == "plain.btf: no"


def test_matrix__equal_files_are_one_question_and_each_message_names_its_own(result, asked, tmp_path):
    result.files["decl_tag"].write_bytes(result.files["plain"].read_bytes())
    result.sha256["decl_tag"] = result.sha256["plain"]
    table = opening.matrix(result, [consumer(asked, tmp_path)], ["plain", "decl_tag"])
    assert n_asked(asked) == 1 and table.message.tolist() == ["plain.btf: no", "decl_tag.btf: no"]


@pytest.mark.parametrize("change", ["program", "number", "file", "source", "environment", "libraries"])
def test_matrix__is_asked_again_if_what_decides_it_changes(result, asked, tmp_path, monkeypatch, change):
    one = consumer(asked, tmp_path)
    opening.matrix(result, [one], ["plain"])
    assert n_asked(asked) == 1
    if change == "program":
        os.utime(tmp_path / "bin" / "reader", ns=(1, 1))
    elif change == "number":
        one = consumer(asked, tmp_path, number="2")
    elif change == "file":
        result.sha256["plain"] = "0" * 64
    elif change == "source":
        monkeypatch.setattr(keeping, "source_digest", lambda: "another")
    elif change == "environment":
        monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    else:
        monkeypatch.setattr(keeping, "LIBRARIES", str(stand_in(tmp_path / "ld.so.cache")))
    opening.matrix(result, [one], ["plain"])
    assert n_asked(asked) == 1


@pytest.mark.parametrize("answer", [
    Answer("failed", "out of breath"), Answer("not tried", "no tracefs"), "nonsense",
    Answer("refused", "libbpf: Cannot allocate memory"), Answer("refused", "[Errno 28] No space left on device"),
])
def test_matrix__what_is_of_the_moment_is_not_kept(result, asked, tmp_path, answer):
    one = consumer(asked, tmp_path, lambda case: answer)
    table = opening.matrix(result, [one], ["plain"])
    assert table.verdict[0] == ("not tried" if answer == Answer("not tried", "no tracefs") else "failed")
    opening.matrix(result, [one], ["plain"])
    assert n_asked(asked) == 2


def test_matrix__of_a_consumer_that_nothing_identifies_is_always_asked(result, asked, tmp_path):
    one = Consumer(name="one", versions=lambda: [Version("1", "no such file")],
                   open=lambda how, case: (note(asked), Answer("accepted"))[1])
    for _ in range(2):
        opening.matrix(result, [one], ["plain"])
    assert n_asked(asked) == 2


@pytest.mark.parametrize("damage", [lambda data: data.replace(b"refused", b"accepted"), lambda data: data[:-40],
                                    lambda data: b'{"key": 1, "answer": 1, "sha256": 1}', lambda data: b""])
def test_matrix__a_damaged_entry_is_no_cell(result, asked, tmp_path, damage):
    one = consumer(asked, tmp_path)
    opening.matrix(result, [one], ["plain"])
    for path in (tmp_path / "cache" / "btf-harness" / "matrix").glob("*.json"):
        path.write_bytes(damage(path.read_bytes()))
    assert opening.matrix(result, [one], ["plain"]).verdict[0] == "refused" and n_asked(asked) == 2


def test_ask_once__an_entry_of_another_form_is_asked_again(asked):
    def answer(value):
        note(asked)
        return value

    def ask(is_final, value=1):
        return ask_once("answers", [Question("key", lambda: (answer, value))], is_final)

    assert ask(lambda a: type(a) is int) == [1] and ask(lambda a: type(a) is int, 2) == [1]
    assert ask(lambda a: type(a) is str, "s") == ["s"] and ask(lambda a: type(a) is str, "t") == ["s"]
    assert n_asked(asked) == 2


def test_ask_once__answers_are_kept_as_they_come(asked):
    """What was answered before a run is ended is known to the next."""
    def ends():
        raise KeyboardInterrupt

    questions = [Question("a", lambda: (str, "x")), Question("b", ends)]
    with pytest.raises(KeyboardInterrupt):
        for _ in range(2):
            ask_once("answers", questions[:1], lambda a: isinstance(a, str))
            ask_once("answers", questions, lambda a: isinstance(a, str))
    assert ask_once("answers", [Question("a", lambda: (str, "y"))], lambda a: isinstance(a, str)) == ["x"]


def test_ask_once__a_question_that_fails_is_silent_for_each_that_has_its_key():
    questions = [Question("key", lambda: (divmod, 1, 0))] * 2
    assert ask_once("answers", questions, lambda a: not isinstance(a, Silence)) == [
        Silence("ZeroDivisionError: integer division or modulo by zero")] * 2


def test_identity__is_of_files_and_of_the_tool_that_a_script_starts(tmp_path):
    path = stand_in(tmp_path / "tool" / "pahole")
    before = keeping.identity(path)
    assert before == keeping.identity(str(path)) and keeping.identity(5) is keeping.identity(tmp_path / "none") is None
    (tmp_path / "tool" / "tool.json").write_text("{}")
    described = keeping.identity(path)
    assert described != before
    (tmp_path / "link").symlink_to(path)
    assert keeping.identity(tmp_path / "link") != described
    stand_in(tmp_path / "tool" / "pfunct")
    assert pahole.identity(path)[-1] is not None and pahole.identity(path)[:-1] == described


def test_kernel__is_told_by_its_release_and_what_we_may(monkeypatch):
    here = kernel.identity(321)
    monkeypatch.setattr(kernel.platform, "release", lambda: "9.9")
    assert here != kernel.identity(321) and all(isinstance(part, str) for part in here)
    assert "version" in here[2] and int(here[3], 16) >= 0
    assert bpftrace.identity(__file__)[-1] == "9.9" and bpftrace.identity(5) is None


def test_consumers__that_take_no_base_are_not_asked_with_one(result, asked, tmp_path):
    place = opening.places(result, ["plain"])[0]
    over, alone = (place._replace(opened=opened, base_path=path) for opened, path in
                   (("with base", place.path), ("without base", None)))
    for name in ("kernel", "bpftrace", "aya-obj", "llvm", "drgn"):
        one, version = witnesses.CONSUMERS[name], Version("1", "how")
        assert one.no_base and opening._untried(one, version, over) == ("not tried", one.no_base, "", "")
        assert opening._untried(one, version, alone) is None
    assert opening._untried(witnesses.CONSUMERS["pahole"], Version("1", "how"), over) is None


def test_matrix__says_which_sections_no_consumer_opens(result, asked, tmp_path):
    result.manifest["encodings"]["plain"]["sections"] = [
        {"section": ".BTF.table", "file": "plain.BTF.table", "bytes": 3, "sha256": ""}]
    (result.folder / "plain.BTF.table").write_bytes(b"\x01\x02\x03")
    table = opening.matrix(result, [consumer(asked, tmp_path)], ["plain", "decl_tag"])
    assert table.detail.tolist() == [".BTF.table is no BTF and not opened", ""]
    assert "\nplain: .BTF.table is no BTF and not opened\n" in to_text(table)


def test_survival__is_executed_once(result, tmp_path, monkeypatch):
    python = stand_in(tmp_path / "bin" / "python", 'test "$4" = has && echo no && exit\necho gone >&2; exit 2')
    monkeypatch.setattr(libbpf, "versions", lambda: [Version("9.9", python)])
    first = survival.survival(result)
    assert set(first[first.version == "libbpf 9.9"].message) == {"gone", survival.NO_PERMUTE}

    def never(*_):
        raise AssertionError("asked again")

    with monkeypatch.context() as patch:
        patch.setattr(survival, "_survives", never)
        patch.setattr(survival, "told", never)
        assert survival.survival(result).equals(first)
        with pytest.raises(AssertionError, match="asked again"):
            survival.survival(result, again=True)
    python.write_text(python.read_text().replace("gone", "other"))
    assert set(survival.survival(result).message) >= {"other", survival.NO_PERMUTE}


def test_survival__depends_on_sections_and_the_image(result):
    before = survival._key(result, "plain")
    result.of.manifest["kernel"]["base"] += 4
    assert survival._key(result, "plain") != before


def test_survival__same_bytes_are_kept_whole_without_reading(result, monkeypatch):
    before = survival.told(witnesses.survival.enc.encoding("decl_tag"), result.btf("decl_tag"), {}, result.of.image)
    monkeypatch.setattr(survival, "told", None)
    same = survival._survives(result, "decl_tag", before, survival.HERE,
                              lambda *_: (result.files["decl_tag"].read_bytes(), {}))
    assert same == ("accepted", (7, 0, 0, 0), "")


def test_readers__that_have_none_are_told_once(tmp_path, asked):
    old = stand_in(tmp_path / "old", f"echo x >> {asked}; echo '0: exit'")
    new = stand_in(tmp_path / "new", f"echo x >> {asked}; echo 'CO-RE <byte_off> [2] struct btf_harness_8::[0] (0)'")
    odd = stand_in(tmp_path / "odd", f"echo x >> {asked}; echo bad >&2; exit 1")
    for _ in range(2):
        found = [program.only_reading(Version("1", path), "llvm", llvm._reads).missing for path in (old, new, odd)]
        assert found == [llvm.NO_READER, "", ""]
    assert n_asked(asked) == 4  # the odd one each time: nothing is known of it
    gone = Version("", None, "not installed")
    assert program.only_reading(gone, "llvm", llvm._reads) is gone
    no = stand_in(tmp_path / "none", 'echo "LookupError: $4"')
    yes = stand_in(tmp_path / "yes", "echo found")
    assert drgn._reads(no).startswith("drgn has no BTF reader: given the file, it says LookupError: ")
    assert drgn._reads(yes) == program.READS and drgn._reads(odd) == ""


def test_bpftrace__without_tracefs_lists_nothing(tmp_path, monkeypatch):
    new = stand_in(tmp_path / "new", 'test "$1" = --version && echo bpftrace v9.9 && exit\n'
                                     "echo 'no /sys/kernel/tracing/available_events' >&2; exit 1")
    monkeypatch.setattr(bpftrace, "fetched", lambda *_: [Version("9.9", new), Version("", None, "gone")])
    monkeypatch.setattr(bpftrace, "TRACING", ())
    assert [version.missing for version in bpftrace.versions()] == [
        "it lists nothing on a machine without /sys/kernel/tracing/available_events", "gone"]
    monkeypatch.setattr(bpftrace, "TRACING", ("/proc/version",))
    assert [version.missing for version in bpftrace.versions()] == ["", "gone"]


@pytest.mark.parametrize(("names", "verdict", "message"), [
    ("alias alone cloned found twice", "accepted", ""), ("alias alone cloned twice", "accepted but wrong",
                                                         "pfunct does not find FUNC found"),
])
def test_pahole__that_lists_slowly_is_asked_for_some(result, tmp_path, monkeypatch, names, verdict, message):
    monkeypatch.setattr(pahole, "LISTED", 3)
    started = stand_in(tmp_path / "bin" / "pahole", "printf 'node\\t8\\t0\\n'")
    stand_in(tmp_path / "bin" / "pfunct", 'case "$*" in *--all*) exit 64;; esac\n'
             f'for n in {names}; do test "$1" = -f -a "$2" = $n && echo "void $n(int a);"; done; true')
    (case,) = opening.cases(result, ["decl_tag"])
    one = Consumer(name="pahole", versions=list, open=pahole.read)
    found = opening._open(one, started, case)
    assert found[:2] == (verdict, message)
    if verdict == "accepted":
        assert "asked for 8 of 5 FUNCs" in found[2]
        stand_in(tmp_path / "bin" / "pahole", "printf 'edge\\t8\\t0\\n'")
        assert "1 distinct STRUCT or UNION missing (node)" in opening._open(one, started, case)[1]


def test_cli__asks_once_and_again_on_request(tmp_path, asked, monkeypatch):
    folder = make(tmp_path / "result")
    monkeypatch.setattr(witnesses, "CONSUMERS", {"one": consumer(asked, tmp_path)})
    monkeypatch.setattr(libbpf, "versions", lambda: [Version("", None, "libbpf is not installed")])
    monkeypatch.setattr(usage, "INDICES", ())
    for words, n in (([], 5), ([], 0), (["--again"], 5), (["--encoding", "plain"], 0),
                     (["--again", "--consumer", "one", "--encoding", "plain"], 1)):
        done = cli("matrix", folder, "-q", *words)
        assert done.returncode == 0 and "plain.btf: no" in done.stdout and n_asked(asked) == n, done.stderr
    assert len((folder / "matrix.csv").read_text().splitlines()) == 6
