"""The matrix: what each consumer does with each file is executed, compared with what is there, and never assumed."""

import ctypes
import faulthandler
import io
import sys
import time
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from harness import btf, measure, results, witnesses
from harness.errors import UsageError
from harness.model import Kind, StringTable
from harness.text.matrix import to_text
from harness.witnesses import asking, kernel, libbpf, opening, program
from harness.witnesses import bpftool as bpftool_module
from harness.witnesses.consumer import Answer, Consumer, Version
from harness.witnesses.content import CONTENT, Content, compare, judge
from harness.witnesses.inside import libbpf as script
from tests.measure.folders import make

ONE_FILE = """
from collections import Counter
from harness.witnesses import Answer, Consumer, Version


def open_it(how, case):
    if case.encoding == "btf_func":
        return Answer("refused", f"{case.path}: too odd")
    return Answer("accepted", seen={"types": Counter({how: 1})} if case.encoding == "shipped" else {})


CONSUMER = Consumer(name="budgie", versions=lambda: [Version("1.0", "INT"), Version("2.0", "", "it flew away")],
                    open=open_it, rank=1)
"""


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "tiny")


@pytest.fixture
def result(folder):
    return measure.load(folder)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def consumer(open_it, name="one", versions=lambda: [Version("1", "how")]):
    return Consumer(name=name, versions=versions, open=open_it)


def cells(table):
    return table[["encoding", "opened", "version", "verdict", "message", "detail"]].to_numpy().tolist()


def test_consumer__is_one_new_file(result, tmp_path, monkeypatch):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "budgie.py").write_text(ONE_FILE)
    monkeypatch.setattr(witnesses, "__path__", [*witnesses.__path__, str(tmp_path / "more")])
    monkeypatch.setattr(witnesses, "CONSUMERS", witnesses.consumers_here())
    monkeypatch.delitem(sys.modules, "harness.witnesses.budgie", raising=False)
    assert next(iter(witnesses.CONSUMERS)) == "budgie" and "budgie" not in witnesses.found_here()
    table = witnesses.matrix(result, ["budgie"])
    assert tuple(table.columns) == results.MATRIX_COLUMNS and set(table.policy) == {"consistent"}
    assert cells(table)[:5] == [
        ["plain", "", "1.0", "accepted", "", ""], ["decl_tag", "", "1.0", "accepted", "", ""],
        ["btf_func", "", "1.0", "refused", "btf_func.btf: too odd", ""],
        ["btf_func", "with layout", "1.0", "refused", "btf_func.layout.btf: too odd", ""],
        ["shipped", "", "1.0", "accepted but wrong",
         "7 types missing (FUNC 3, FUNC_PROTO 2, PTR 1, ...)", "1 type"]]
    assert table.differs[:5].tolist() == ["", "", "", "", "types missing 7"]
    assert [row[2:5] for row in cells(table)[5:]] == [["2.0", "not tried", "it flew away"]] * 5


def test_consumers__are_known_and_asked_by_name(result):
    assert list(witnesses.CONSUMERS)[:3] == ["kernel", "libbpf", "bpftool"]
    with pytest.raises(UsageError, match="expected one of kernel, libbpf"):
        witnesses.matrix(result, ["perl"])
    with pytest.raises(UsageError, match="expected one of plain, decl_tag, btf_func, shipped"):
        witnesses.matrix(result, ["kernel"], ["decl_tag_short"])


def crash(how, case):
    faulthandler.disable()
    ctypes.string_at(0)


@pytest.mark.parametrize(("open_it", "words"), [
    (crash, "killed by SIGSEGV"), (lambda how, case: time.sleep(60), "timed out after 0.5 s"),
    (lambda how, case: len(bytearray(1 << 29)), "MemoryError"), (lambda how, case: "yes", "an Answer, found 'yes'"),
    (lambda how, case: 1 / 0, "ZeroDivisionError: division by zero"),
])
def test_consumer__that_fails_on_a_file_is_a_cell_and_the_others_answer(result, monkeypatch, open_it, words):
    def one(how, case):
        return open_it(how, case) if case.encoding == "decl_tag" else Answer("accepted")

    monkeypatch.setattr(asking, "MEMORY_NBYTES", 1 << 28)
    if words.startswith("timed"):
        monkeypatch.setattr(opening, "OPEN_TIMEOUT_S", 0.5)
    table = opening.matrix(result, [consumer(one)])
    assert table.verdict.tolist() == ["accepted", "failed", "accepted", "accepted", "accepted"]
    assert words in table.message[1]


@pytest.mark.parametrize(("versions", "words"), [
    (lambda: 1 / 0, "ZeroDivisionError: division by zero"), (lambda: [], "expected versions, found []"),
    (lambda: ["1.0"], "expected versions, found ['1.0']"),
])
def test_consumer__whose_versions_cannot_be_found_fails_on_each_file(result, versions, words):
    table = opening.matrix(result, [consumer(None, versions=versions)], ["plain", "shipped"])
    assert cells(table) == [[name, "", "", "failed", words, ""] for name in ("plain", "shipped")]


def test_content__is_what_the_file_says(result):
    content = Content(result.btf("decl_tag"))
    assert content.types() == Counter({"DECL_TAG": 7, "FUNC": 5, "FUNC_PROTO": 2, "INT": 1, "PTR": 1, "STRUCT": 1,
                                       "VAR": 1, "DATASEC": 1})
    assert content.named(Kind.FUNC) == Counter(["alias", "alone", "cloned", "found", "twice"])
    assert content.named(Kind.FUNC_PROTO) == Counter()
    assert content.tags()["address=0xffffffff81000020 of twice"] == 1 and content.tags().total() == 7
    assert content.parameters() == Counter(["alias(node)", "alone(a)", "cloned(node)", "found(a)", "twice(a)"])
    assert content.text().startswith("[1] INT 'int'")
    assert all(content.of(what) is not None for what in CONTENT)


def test_compare__tells_what_is_missing_and_what_is_strange():
    ours = Counter(a=2, b=1)
    assert compare("FUNC", ours, Counter(ours)) == ("3 FUNC names", "", 0, 0)
    assert compare("FUNC", ours, Counter(a=1, b=1, c=5))[1:] == (
        "1 FUNC name missing (a), 5 FUNC names not in the file (c)", 1, 5)
    assert compare("FUNC", ours, {"a", "b"}) == ("2 distinct FUNC names", "", 0, 0)
    assert compare("STRUCT", ours, {"a"}) == (
        "1 distinct STRUCT name", "1 distinct STRUCT name missing (b)", 1, 0)
    assert compare("text", "x\ny\n", "x\nz\n")[1:] == (
        "2 lines, here 2; the first that differs: 'z', here 'y'", 1, 1)
    assert compare("text", "x\n", "x\ny\n")[1:] == (
        "2 lines, here 1; the first that differs: 'y', here 'the end'", 0, 1)
    assert compare("text", "x\ny\n", "y\nx\n")[2:] == (0, 1)  # the same lines, but not in order


def test_compare__types_of_unknown_kind_that_were_stepped_over_are_no_fault():
    ours = Counter(INT=3, FUNC=2)
    assert compare("types", ours, Counter(INT=3, UNKNOWN=2)) == (
        "5 types", "2 types missing (FUNC 2), 2 types not in the file (UNKNOWN 2)", 2, 2)


def test_compare__lines_of_unknown_kind_that_were_stepped_over_are_no_fault():
    ours = ("[1] INT 'int' size=4\n[2] LOCSEC '.text' vlen=1\n\ttype=3 offset=4\n[3] FUNC_ADDR 'it's' type_id=2\n"
            "[4] FWD 'x'\n")
    theirs = "[1] INT 'int' size=4\n[2] UNKNOWN '.text'\n[3] UNKNOWN 'it's'\n[4] FWD 'x'\n"
    assert compare("text", ours, theirs) == (
        "4 lines, each as here but 2 types of an unknown kind", "", 0, 0)
    for wrong in (theirs.replace("it's", "its"), theirs.replace("FWD", "UNKNOWN"), theirs.replace("UNKNOWN", "INT", 1)):
        assert "the first that differs" in compare("text", ours, wrong)[1]


def test_content__tags_are_told_with_what_they_are_of_and_which_part(result):
    from harness.model import TypeTable, info_word

    file = result.btf("plain")
    struct_id, func_id = (int(file.types.ids_of(kind)[0]) for kind in (Kind.STRUCT, Kind.FUNC))
    names = [file.strings.next_off + off for off in (0, 4)]
    rows = [(names[0], struct_id, 0xFFFFFFFF), (names[1], struct_id, 1), (names[0], func_id, 0), (names[1], func_id,
            0xFFFFFFFF), (names[0], 9999, 0xFFFFFFFF)]
    words = [word for name, of, part in rows for word in (name, info_word(Kind.DECL_TAG), of, part)]
    types = TypeTable(np.array(words, np.uint32), np.array([0, 0, *range(4, 24, 4)], np.int64), file.types)
    blob = StringTable(np.frombuffer(b"one\0a b\0", np.uint8), file.strings)
    content = Content(file._replace(types=types, strings=blob))
    assert content.tags() == Counter(["one of node", "a b of node, 1", "one of alias, 0", "a b of alias"])
    assert content.func_tags() == Counter(["a b of alias"])


def test_cases__split_sections_are_opened_with_base_and_without(tmp_path):
    folder = make(tmp_path / "split")
    result = measure.load(folder)
    base = result.btf("plain")
    blob = np.frombuffer(b"over\0", np.uint8)
    from harness.model import TypeTable, info_word

    over, func_id = base.strings.next_off, base.types.ids_of(Kind.FUNC)[0]
    words = [over, info_word(Kind.TYPEDEF), 1, over, info_word(Kind.FUNC), 4,
             over, info_word(Kind.DECL_TAG), func_id, 0xFFFFFFFF]
    types = TypeTable(np.array(words, np.uint32), np.array([0, 0, 3, 6, 10], np.int64), base.types)
    split = btf.encode(types, StringTable(blob, base.strings))
    (folder / "plain.BTF.more").write_bytes(split)
    (folder / "plain.BTF.table").write_bytes(b"\x01\x02\x03")
    result.manifest["encodings"]["plain"]["sections"] = [
        {"section": name, "file": f"plain{name}", "bytes": 0, "sha256": ""} for name in (".BTF.more", ".BTF.table")]
    found = opening.cases(result, ["plain", "shipped"])
    assert [(c.encoding, c.opened, c.path.name, c.base_path and c.base_path.name) for c in found] == [
        ("plain", "", "plain.btf", None), ("plain", "with base", "plain.BTF.more", "plain.btf"),
        ("plain", "without base", "plain.BTF.more", None), ("shipped", "", "shipped.btf", None)]
    for content in (Content(found[1].file), Content(found[2].file)):
        assert content.types() == Counter(TYPEDEF=1, FUNC=1, DECL_TAG=1)
        assert content.tags() == Counter(["over of alias"]) and content.parameters() == Counter(["over(a)"])
    table = witnesses.matrix(result, ["kernel"], ["plain"])
    assert table.verdict[1] == "not tried" and "takes no base" in table.message[1]
    if libbpf.installed() is not None:
        table = witnesses.matrix(result, ["libbpf"], ["plain"])
        assert table.verdict.tolist()[:2] == ["accepted", "accepted"] and table.verdict[2] != "accepted"
        assert table.detail[1].startswith("3 types;")


def test_matrix__some_rows_become_new_and_the_others_stay(result):
    yes, no = (consumer(lambda how, case, verdict=verdict: Answer(verdict), name)
               for name, verdict in (("a", "accepted"), ("b", "refused")))
    kept = opening.matrix(result, [yes, no])
    again = opening.matrix(result, [consumer(lambda how, case: Answer("refused", "now"), "a")], ["decl_tag"])
    table = opening.renewed(kept, again)
    assert len(table) == len(kept) and table.consumer.tolist() == kept.consumer.tolist()
    assert sorted(table[table.consumer == "a"].verdict) == ["accepted", "accepted", "accepted", "accepted", "refused"]
    assert opening.renewed(None, again) is again


def test_matrix__is_a_table_of_the_folder_until_it_is_encoded_again(folder, result):
    table = opening.matrix(result, [consumer(lambda how, case: Answer("refused", 'a "word", and\nanother'))])
    assert result.of.executed("matrix") is None
    assert result.of.keep_executed("matrix", table) == folder / "matrix.csv"
    read = results.load(folder).executed("matrix")
    pd.testing.assert_frame_equal(read, table.astype(read.dtypes))
    assert read.message[0] == 'a "word", and another'
    results.folder._forget(folder)
    assert not (folder / "matrix.csv").exists()


def test_text__is_72_columns_of_ascii(result):
    def answer(how, case):
        return Answer("refused", "the words of a refusal, " * 8 + "\u2260") if case.encoding == "btf_func" else \
            Answer("accepted", seen={"FUNC": Counter("x")} if case.encoding == "decl_tag" and how else {})

    many = [consumer(answer, f"consumer{k}", lambda: [Version("1", ""), Version("2", "how")]) for k in range(9)]
    gone = consumer(answer, "gone", lambda: [Version("", None, "gone is not installed")])
    text = to_text(opening.matrix(result, [*many, gone]))
    assert max(map(len, text.splitlines())) <= 72 and text.isascii()
    assert text.startswith("consistent: 5 files, 18 consumers with their versions\n")
    grid = {name: line.removeprefix(name).split("  ") for line in reversed(text.splitlines())
            for name in ("decl_tag ", "btf_func ", "plain ") if line.startswith(name)}  # the first block
    said = {name.strip(): {cell.strip() for cell in line} - {""} for name, line in grid.items()}
    assert said == {"plain": {"yes"}, "decl_tag": {"1/2, WRONG 2"}, "btf_func": {"no"}}
    assert "not tried\n  gone: gone is not installed\n" in text
    some = opening.matrix(result, [consumer(lambda how, case: Answer("accepted" if how else "refused"),
                                            versions=many[0].versions)])
    assert "plain                  1/2" in to_text(some)


def test_kernel__says_what_it_does_with_each_file(result, monkeypatch):
    said = {"loaded": "accepted", "refused": "refused", "not permitted": "not tried", "not asked": "not tried"}
    for verdict, cell in said.items():
        monkeypatch.setattr(kernel, "ask", lambda number, path, verdict=verdict: (verdict, "words"))
        assert kernel.load(1, opening.cases(result, ["plain"])[0]) == Answer(cell, "words")


C_FAILS = """#!/bin/sh
case "$*" in *raw) cat {dump};; *) {c};; esac
"""


@pytest.mark.parametrize(("c", "verdict", "message"), [
    ("exit 234", "accepted in part", "format c: exit 234"), ("echo; exit 0", "accepted in part", "format c: no line"),
    ("echo 'struct s' && echo bad >&2 && exit 1", "accepted in part", "format c: bad"),
    ("kill -SEGV $$", "failed", "format c: killed by SIGSEGV"), ("echo 'struct s {{}};'", "accepted", ""),
    ("echo 'Cannot allocate memory' >&2; exit 1", "failed", "format c: Cannot allocate memory"),
])
def test_bpftool__that_prints_no_c_takes_a_file_in_part(result, tmp_path, c, verdict, message):
    dump = io.BytesIO()
    btf.dump_raw(result.btf("plain"), dump)
    (tmp_path / "dump").write_bytes(dump.getvalue())
    fake = tmp_path / "bpftool"
    fake.write_text(C_FAILS.format(dump=tmp_path / "dump", c=c.format()))
    fake.chmod(0o755)
    plain, tagged = opening.cases(result, ["plain", "decl_tag"])
    assert opening._open(consumer(bpftool_module.dump), fake, plain)[:2] == (verdict, message)
    wrong = opening._open(consumer(bpftool_module.dump), fake, tagged)
    if verdict == "accepted in part":  # what works must be right all the same
        assert wrong[0] == "accepted but wrong" and wrong[1].endswith(f"; {message}")
        assert wrong[3].startswith("text missing ")


def test_places__a_form_of_its_own_is_opened_with_and_without_a_layout_section(result, tmp_path):
    made = {(c.encoding, c.opened): c for c in opening.cases(result, None, tmp_path)}
    assert list(made) == [("plain", ""), ("decl_tag", ""), ("btf_func", ""), ("btf_func", "with layout"),
                          ("shipped", "")]
    as_written, other = made["btf_func", ""], made["btf_func", "with layout"]
    read = btf.read(other.path, layout=as_written.file.layout)
    assert read.header.hdr_len == 32 and read.kind_sizes.tolist()[Kind.FUNC] == [8, 0, 0]
    assert Content(read).text() == Content(as_written.file).text() and btf.check(read) is None
    rest = (read.header, read.byteorder, None)
    from harness.btf.kind_sizes import with_section

    assert with_section(other.path.read_bytes(), *rest) == as_written.path.read_bytes()


def test_places__what_a_layout_section_cannot_describe_is_not_tried(result, tmp_path):
    file = result.btf("btf_func")
    words = file.types.words.copy()
    row = int(file.types.row_starts()[file.types.kind() == Kind.FUNC][-1])
    start = np.append(file.types.start[:-1], file.types.start[-1] - 2)
    assert file.types.start[-1] - row == 5  # the last type, with its address
    words[row + 1] &= 0x7FFFFFFF
    result._parsed["btf_func"] = file._replace(types=file.types._replace(words=words[:-2], start=start))
    table = opening.matrix(result, [consumer(lambda how, case: Answer("accepted"))], ["btf_func"])
    assert table.opened.tolist() == ["", "with layout"] and table.verdict.tolist() == ["accepted", "not tried"]
    assert table.message[1].startswith("a layout section has one size for all FUNCs, and of 7 only 6 have 8 bytes")


FAKE = """#!/bin/sh
case "$*" in
version) echo "bpftool v9.9"; echo "using libbpf v2.0"; exit 0;;
*raw) cat {dump};;
*) echo "one line";;
esac
echo "libbpf: a warning" >&2
echo "Error: $4" >&2
exit {status}
"""


@pytest.mark.parametrize(("status", "verdict", "message"), [
    (0, "accepted", ""), (1, "refused", "libbpf: a warning; Error: plain.btf"),
    ("$(kill -SEGV $$)", "failed", "SIGSEGV"),
])
def test_bpftool__is_compared_line_by_line(result, tmp_path, status, verdict, message):
    dump = io.BytesIO()
    btf.dump_raw(result.btf("plain"), dump)
    (tmp_path / "dump").write_bytes(dump.getvalue())
    fake = tmp_path / "bpftool"
    fake.write_text(FAKE.format(dump=tmp_path / "dump", status=status))
    fake.chmod(0o755)
    assert bpftool_module.number(fake) == "9.9 (libbpf 2.0)"
    plain, tagged = opening.cases(result, ["plain", "decl_tag"])
    found = judge(plain, bpftool_module.dump(fake, plain))
    assert found[0] == verdict
    if verdict == "accepted":
        assert found[2:] == (f"{len(dump.getvalue().splitlines())} lines, each as here; format c: 1 lines", "")
        wrong = judge(tagged, bpftool_module.dump(fake, tagged))
        assert wrong[0] == "accepted but wrong" and "that differs: 'the end', here \"[13] DECL_TAG" in wrong[1]
    elif verdict == "refused":
        assert opening._open(consumer(bpftool_module.dump), fake, plain)[1].endswith(message)


def test_program__versions_are_the_installed_and_the_fetched_ones_each_once(tmp_path, monkeypatch):
    from harness.kernels import tools

    made = [tools.Tool("pahole", v, "amd64", None, {}, tmp_path / v) for v in ("1.32-1", "1.30-1", "1.9-1")]
    monkeypatch.setattr(tools, "fetched", lambda: [*made, made[0].__class__("other", "1", "amd64", None, {}, tmp_path)])
    numbers = {str(tmp_path / v): v.removesuffix("-1") for v in ("1.32-1", "1.30-1", "1.9-1")} | {"/usr/bin/p": "1.30"}
    found = program.fetched("pahole", "/usr/bin/p", lambda path: numbers[str(path)], "pahole")
    assert [(v.number, str(v.how)) for v in found] == [
        ("1.9", str(tmp_path / "1.9-1")), ("1.30", "/usr/bin/p"), ("1.32", str(tmp_path / "1.32-1"))]
    monkeypatch.setattr(tools, "fetched", list)
    (none,) = program.fetched("pahole", None, None, "pahole")
    assert none.missing == ("pahole is not installed (package pahole); `btf-harness tools pahole --suite SUITE` "
                            "fetches one")


needs_libbpf = pytest.mark.skipif(libbpf.installed() is None, reason="libbpf.so.1 is not installed")


@needs_libbpf
def test_libbpf__finds_what_is_there(result):
    table = witnesses.matrix(result, ["libbpf"])
    said = dict(zip(table.encoding, table.verdict, strict=True))
    assert said == {"plain": "accepted", "decl_tag": "accepted", "btf_func": "refused", "shipped": "accepted"}
    assert table.detail[1] == "19 types; 5 FUNC names; 7 tags; 5 FUNCs with their parameters"
    assert "btf__parse_raw: Invalid argument" in table.message[2]


@needs_libbpf
def test_libbpf__content_is_compared(result):
    """A file in place of another is a file that libbpf misreads."""
    plain, tagged = opening.cases(result, ["plain", "decl_tag"])
    verdict, message, _, differs = judge(plain._replace(file=tagged.file), libbpf.read(libbpf.installed(), plain))
    assert verdict == "accepted but wrong" and "7 types missing (DECL_TAG 7)" in message
    assert "7 tags missing (address=0x" in message and differs == "types missing 7; tags missing 7"


def test_libbpf__that_answers_nonsense_fails(result, monkeypatch):
    monkeypatch.setattr(libbpf, "run_long", lambda *words: (0, "hello", ""))
    (plain,) = opening.cases(result, ["plain"])
    assert libbpf.read("python", plain).verdict == "failed"


def test_inside__scripts_need_nothing_but_the_standard_library():
    assert script.KINDS[1:] == tuple(Kind(number).name for number in range(1, len(script.KINDS)))
