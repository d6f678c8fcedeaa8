"""What the kernel's own BTF, bpftool and the running kernel say."""

import errno

import pytest

from harness import btf, measure, witnesses
from harness.errors import MeasureError
from harness.model import Kind, StringTable, concatenate, info_word
from harness.witnesses import bpftool, declarations, kernel, program
from harness.witnesses.shipped import shipped_kinds, shipped_names, shipped_same
from tests.measure.folders import INT, NODE, TAKES_INT, Blob, base_types, make, rows

needs_bpftool = pytest.mark.skipif(program.find_program("bpftool") is None, reason="bpftool is not installed")


@pytest.fixture
def result(tmp_path):
    return measure.load(make(tmp_path / "tiny"))


def test_shipped_kinds__tell_allowed_differences_from_others(result):
    kinds = shipped_kinds(result).set_index("kind")
    assert kinds.loc["STRUCT"].tolist() == [1, 1, 0, "equal"]
    assert kinds.loc["FUNC"].tolist() == [5, 3, 2, "differs"]
    assert kinds.loc["VAR"].tolist() == [1, 0, 1, "differs"]
    result.accounts["shipped"].kinds["STRUCT"] = (2, 48)
    assert shipped_kinds(result).set_index("kind").verdict["STRUCT"] == "UNEXPLAINED"


def test_shipped_same__counts_what_only_one_file_has(result):
    same = shipped_same(result)
    assert set(same.written) == {"under policy consistent"} and set(same.verdict) == {"different"}
    counts = same.set_index("kind")[["ours", "shipped", "only in ours", "only in shipped"]]
    assert counts.loc["FUNC"].tolist() == [5, 3, 3, 1] and counts.index[0] == "all" and "STRUCT" not in counts.index
    assert counts.loc["all"].tolist()[2:] == counts.iloc[1:, 2:].sum().tolist()
    assert (counts.ours - counts.shipped == counts["only in ours"] - counts["only in shipped"]).all()
    result._parsed["shipped"] = result.btf("plain")
    assert shipped_same(result).to_numpy().tolist() == [["under policy consistent", "same", "all", 12, 12, 0, 0]]
    result.files["shipped"].write_bytes(result.files["plain"].read_bytes())
    assert shipped_same(result).verdict.tolist() == ["same bytes"]


def test_shipped_names__give_the_reason_of_each(result):
    names = shipped_names(result).set_index(["kind", "name"])
    assert names.loc[("FUNC", "torn")].tolist() == ["shipped", 1, "left out here: inconsistent prototype"]
    assert names.loc[("FUNC", "cloned"), "reason"].endswith("the shipped file has 0 such names")
    assert names.loc[("FUNC", "found"), "reason"] == "it has the address of its only symbol, at which no DIE begins"
    assert names.loc[("FUNC", "alias"), "reason"] == "left out of the shipped file: matched exact"
    assert names.loc[("VAR", "counter"), "reason"].startswith("at offset 0 of its section")
    assert ("DATASEC", ".data..percpu: 1 variables") in names.index
    assert not any(kind == "FUNC_PROTO" for kind, _ in names.index)


def test_shipped_names__prototypes_name_their_functions(result):
    """Ours has a prototype that the shipped file lacks, of FUNCs that it has and of such that it has not."""
    s = Blob()
    base = base_types(s)
    whole = [[s(name), info_word(Kind.FUNC), TAKES_INT] for name in ("twice", "alone")]
    lone = [0, info_word(Kind.FUNC_PROTO, 2), NODE, 0, INT, 0, 0]
    theirs = concatenate([base, rows(*whole, lone)])
    ours = concatenate([base, rows([0, info_word(Kind.FUNC_PROTO, 1), 0, s("b"), INT],
                                   *([s(name), info_word(Kind.FUNC), 8] for name in ("zoo", "twice", "new", "a", "b")),
                                   [0, info_word(Kind.FUNC_PROTO, 1), 0, s("c"), INT],
                                   *([s(name), info_word(Kind.FUNC), 14] for name in ("only", "alone")))])
    for name, types in (("plain", ours), ("shipped", theirs)):
        result._parsed[name] = btf.parse(btf.encode(types, StringTable(s.array())))
    found = shipped_names(result)
    protos = found[found.kind == "FUNC_PROTO"]
    assert protos[["only in", "name", "times", "reason"]].to_numpy().tolist() == [
        ["shipped", "struct node (int, ...)", 1, "not used by a FUNC"],
        ["ours", "void (int b)", 1, "its FUNCs have another prototype in the other file: a, b, new and 2 more"],
        ["ours", "void (int c)", 1, "its FUNCs have another prototype in the other file: only and 1 more"]]
    funcs = found[found.kind == "FUNC"]
    assert funcs[["only in", "name"]].to_numpy().tolist() == [["ours", name] for name in ("a", "b", "new", "only",
                                                                                         "zoo")]


HEADER = """\
#ifndef __VMLINUX_H__
#pragma clang attribute push (x)

typedef int s32;

struct a {
\tstruct {
\t\tint x;
\t};
\tstruct b___2 *next;
};

struct empty {};

typedef struct {
\tint v;
} t;

#endif /* __VMLINUX_H__ */
"""


def test_split__finds_whole_declarations():
    found = declarations.split(HEADER)
    assert [d.splitlines()[0] for d in found] == ["typedef int s32;", "struct a {", "struct empty {};",
                                                  "typedef struct {"]
    assert found[1].endswith("\n};") and found[3].endswith("} t;")
    with pytest.raises(MeasureError, match="found the end of the header"):
        declarations.split("struct a {\n\tint x;\n")


def test_declarations__see_through_clash_numbers():
    ours = declarations.split(HEADER)
    same = declarations.as_sets(ours, list(reversed(ours)))
    assert same.verdict == "equal" and len(same.differences) == 0
    renumbered = declarations.as_sets(ours, declarations.split(HEADER.replace("b___2", "b___3")))
    assert renumbered.verdict == "equal except for the numbers of clashing names"
    assert "in only one file: 2 as written, 0 without clash numbers" in renumbered.words
    forward = declarations.as_sets(ours, [*ours, "struct empty;"])
    assert forward.verdict == "equal except for forward declarations" and len(forward.differences) == 0
    assert declarations.as_sets(ours, [*ours, "struct unknown;"]).verdict == "differ"
    other = declarations.as_sets(ours, declarations.split(HEADER.replace("int x", "long x").replace("s32", "s64")))
    assert other.verdict == "differ" and len(other.differences) == 4
    assert "1 with the same head but another body: struct a" in other.reason
    assert "1 only in ours: typedef int s32" in other.reason


def test_bpftool__that_is_missing_is_said_with_its_package(result, monkeypatch):
    monkeypatch.setattr(bpftool, "find_program", lambda name: None)
    readers = witnesses.ask_readers(result)
    rows = readers[readers.witness == "bpftool"].to_numpy().tolist()
    assert rows == [["bpftool", "-", "not asked", "bpftool is not installed (package bpftool)"]]
    answers = witnesses.ask(result)
    assert answers.silent == {"declarations": "bpftool is not installed (package bpftool)"}
    assert list(answers.frames) == ["shipped"]


def test_bpftool__that_cannot_run_refuses(result, tmp_path):
    verdict, words = bpftool.ask(str(tmp_path / "nothing"), result.files["plain"])
    assert verdict == "refused" and "cannot be run" in words
    frames = declarations.compare(str(tmp_path / "nothing"), result)
    assert frames["declarations_compared"].verdict.tolist() == ["not compared"] and "declarations" not in frames


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_run__hands_on_what_a_program_says(tmp_path):
    made = script(tmp_path / "program", "echo out $1; echo err >&2; exit 3")
    assert program.run(made, tmp_path) == (3, f"out {tmp_path}\n", "err\n")
    assert program.run(made, 1, output=False) == (3, "", "err\n")
    status, out, err = program.run(tmp_path / "nothing")
    assert status.startswith("cannot be run: No such file") and out == err == ""


def test_run__ends_what_does_not_end(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "TIMEOUT_S", 0.1)
    assert program.run(script(tmp_path / "program", "exec sleep 20"))[0] == "timed out after 0.1 s"


def test_readers__are_in_the_order_of_the_files_whoever_is_first(result, tmp_path, monkeypatch):
    made = script(tmp_path / "program",
                  'case "$4" in *plain.btf) sleep 0.3;; *func.btf) echo no $4 >&2; exit 2;; esac\n'
                  '[ "$1" = version ] && exit 1; exit 0')
    monkeypatch.setattr(bpftool, "find_program", lambda name: made)
    asked = witnesses.ask_readers(result)
    rows = asked[asked.witness == "bpftool"].to_numpy()[:, 1:].tolist()
    assert rows == [["plain", "loaded", ""], ["decl_tag", "loaded", ""],
                    ["btf_func", "refused", "exit 2: no btf_func.btf"], ["shipped", "loaded", ""]]
    assert asked.encoding.tolist()[:4] == list(result.files) and asked.witness.nunique() == 2


@pytest.mark.parametrize(("log", "words"), [
    (b"", ""), (b"\n \n", ""), (b"one", "one"), (b"one\n two \n\n", "two"), (b"a\xff\n", "a\ufffd"),
    (b"one\ntwo\x0bthree\x0b\n", "three"),
])
def test_kernel__says_most_in_the_last_line(log, words):
    assert kernel._last_line(log) == words


@needs_bpftool
def test_bpftool__reads_all_but_btf_func(result):
    verdicts = {name: bpftool.ask(bpftool.find().how, path)[0] for name, path in result.files.items()}
    assert verdicts == {"plain": "loaded", "decl_tag": "loaded", "btf_func": "refused", "shipped": "loaded"}


@needs_bpftool
def test_bpftool__writes_the_same_declarations(result):
    assert declarations.declarations(bpftool.find().how, result).verdict == "equal"


@pytest.mark.parametrize(("answers", "expected"), [
    ([(-1, errno.EPERM, b"")], ("not permitted", "EPERM: loading BTF needs root or CAP_BPF")),
    ([(-1, errno.ENOSYS, b"")], ("not asked", "this kernel has no bpf(2)")),
    ([(-1, errno.EINVAL, b""), (-1, errno.EINVAL, b"[1] INT\n[2] FUNC f Invalid btf_info kind_flag\n")],
     ("refused", "EINVAL: [2] FUNC f Invalid btf_info kind_flag")),
    ([(-1, errno.EINVAL, b"")] * 3, ("refused", "EINVAL")),
])
def test_kernel__refusals_come_with_words(monkeypatch, answers, expected):
    left = list(answers)

    def answer(data, number, log):
        fd, code, text = left.pop(0)
        if log is not None:
            log.value = text
        return fd, code

    monkeypatch.setattr(kernel, "_btf_load", answer)
    monkeypatch.setattr(kernel, "LOG_NBYTES", 4096)
    assert kernel.load_into_kernel(b"", 321) == expected
    assert not left


def test_kernel__is_not_asked_about_foreign_bytes(result, monkeypatch):
    monkeypatch.setattr(kernel.sys, "byteorder", "big")
    monkeypatch.setattr(kernel.platform, "machine", lambda: "x86_64")
    asked = witnesses.ask_readers(result)
    mine = asked[asked.witness.str.endswith("BPF_BTF_LOAD")]
    assert set(mine.verdict) == {"not asked"} and len(mine) == len(result.files)
    monkeypatch.setattr(kernel.platform, "machine", lambda: "vax")
    asked = witnesses.ask_readers(result)
    (row,) = asked[asked.witness.str.endswith("BPF_BTF_LOAD")].itertuples()
    assert (row.encoding, row.verdict) == ("-", "not asked") and "vax" in row.words
