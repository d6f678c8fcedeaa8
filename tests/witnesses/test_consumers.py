"""Consumers that are other programs, by stand-ins that answer as they do; those that are here are in the acceptance
tests."""

import json
import os
import struct
import subprocess
import sys
from collections import Counter

import pytest

from harness import btf, measure
from harness.elf import ElfImage
from harness.kernels import tools
from harness.witnesses import aya, bpftrace, cilium, drgn, llvm, opening, pahole
from harness.witnesses.consumer import Answer
from harness.witnesses.content import Content, judge
from tests.measure.folders import make


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()


@pytest.fixture
def result(tmp_path):
    return measure.load(make(tmp_path / "tiny"))


def stand_in(path, text):
    """A shell script in place of a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def case_of(result, name):
    return opening.cases(result, [name])[0]


PFUNCT = """
case "$*" in
*--all*) echo "address=0xffffffff81000000 void alone(int a);"
         echo "address=0xffffffff81000010 address=0xffffffff81000020 address=0xffffffff81000030 void twice(int a);"
         echo "address=0xffffffff81000040 void cloned(struct node * node);"
         echo "address=0xffffffff81000000 void alias(struct node * node);"
         echo "{last}";;
*) printf "alias\\nalone\\ncloned\\nfound\\ntwice\\n";;
esac
"""


@pytest.mark.parametrize(("last", "verdict"), [("address=0xffffffff81000080 void found(int a);", "accepted"),
                                               ("void found(int a);", "accepted but wrong")])
def test_pahole__tags_that_are_not_printed_are_lost_addresses(result, tmp_path, last, verdict):
    program = stand_in(tmp_path / "bin" / "pahole", "echo 'Unknown kind 18' >&2; echo 'Unknown kind 17' >&2; echo s")
    stand_in(tmp_path / "bin" / "pfunct", PFUNCT.format(last=last))
    case = case_of(result, "decl_tag")
    found = judge(case, pahole.read(program, case))
    assert found[0] == verdict
    assert found[2].endswith("pahole: 1 structs, Unknown kind N (2 times)")
    if verdict != "accepted":
        assert found[1] == "1 tag of a FUNC missing (address=0xffffffff81000080 of found)"
        assert found[3] == "func_tags missing 1"


def test_pahole__without_all_names_are_compared_and_tags_are_not(result, tmp_path):
    program = stand_in(tmp_path / "bin" / "pahole", "echo s")
    stand_in(tmp_path / "bin" / "pfunct", 'case "$*" in *--all*) exit 64;; esac; printf "alias\\nalone\\n"')
    case = case_of(result, "decl_tag")
    verdict, message, detail, _ = judge(case, pahole.read(program, case))
    assert (verdict, message) == ("accepted but wrong", "3 FUNC names missing (cloned, found, twice)")
    assert detail.endswith("pfunct prints no tags")


def test_pahole__a_tag_counts_with_its_function(result):
    """Also one of the kernel's own, without a value: who loses it in plain loses it in any form."""
    file, lines = result.btf("decl_tag"), []
    for tag in Content(file).func_tags():
        text, _, name = tag.rpartition(" of ")
        lines.append(f"{text} void {name}(int a);")
    assert pahole.printed_tags("\n".join(lines), file) == Content(file).func_tags()
    assert pahole.printed_tags("void alone(int a);\nint (*twice(int))(void);\n", file) == Counter()
    out = "address=0x99 int (*)(void) twice(int f(char));\nfile=x int other(void);"
    assert pahole.printed_tags(out, file) == Counter(["address=0x99 of twice", "file=x of ?"])


def test_pahole__tags_with_blanks_are_one_each(result, monkeypatch):
    tags = Counter(["file=a.h unit=b c.c of alone", "bpf_kfunc of alone", "file=a.h unit=d.c of twice"])
    monkeypatch.setattr(Content, "func_tags", lambda self: tags)
    lines = "bpf_kfunc file=a.h unit=b c.c void alone(int a);\nfile=a.h unit=d.c void twice(int a);"
    assert pahole.printed_tags(lines, result.btf("plain")) == tags


@pytest.mark.parametrize(("text", "verdict", "message"), [
    ('case "$*" in *--all*) echo oops >&2; exit 1;; esac', "accepted in part", "pfunct --all: oops"),
    ('case "$*" in *--all*) exit 0;; esac; exit 3', "accepted in part", "pfunct: exit 3"),
    ('case "$*" in *--all*) kill -SEGV $$;; esac', "failed", "pfunct --all: killed by SIGSEGV"),
])
def test_pahole__that_takes_a_file_which_its_pfunct_does_not_takes_it_in_part(result, tmp_path, text, verdict, message):
    program, case = stand_in(tmp_path / "bin" / "pahole", "echo node"), case_of(result, "plain")
    stand_in(tmp_path / "bin" / "pfunct", text)
    assert judge(case, pahole.read(program, case))[:2] == (verdict, message)


def test_pahole__its_pfunct_is_the_fetched_one(tmp_path):
    fetched = tmp_path / "pahole_1.99"
    stand_in(fetched / "root" / "usr/bin/pfunct", 'echo "pfunct $*"')
    program = stand_in(fetched / "pahole", 'exec "$(dirname "$(readlink -f "$0")")"/root/usr/bin/pahole "$@"')
    said = subprocess.run([*pahole.beside(program), "-F", "btf"], capture_output=True, text=True, check=True).stdout
    assert said == "pfunct -F btf\n"
    assert pahole.beside("/usr/bin/pahole") == ["/usr/bin/pfunct"]


def test_pahole__that_refuses_gives_its_words(result, tmp_path):
    program = stand_in(tmp_path / "bin" / "pahole", 'echo "libbpf: Unsupported BTF_KIND:31" >&2; exit 1')
    assert pahole.read(program, case_of(result, "plain")) == Answer("refused", "libbpf: Unsupported BTF_KIND:31")


@pytest.mark.parametrize(("text", "verdict", "words"), [
    ('test "$BPFTRACE_BTF" && echo "struct node"', "accepted", ""),
    ('echo "struct edge"', "accepted but wrong", "1 distinct STRUCT name missing (node)"),
    ('echo "failed to parse BTF" >&2', "refused", "failed to parse BTF"),
    ("kill -SEGV $$", "failed", "killed by SIGSEGV"), ("true", "failed", "it lists no struct and says nothing"),
    ("echo 'no /sys/kernel/tracing/available_events (none)' >&2; exit 1", "not tried",
     "it lists nothing on a machine without /sys/kernel/tracing/available_events"),
])
def test_bpftrace__lists_structs(result, tmp_path, text, verdict, words):
    program, case = stand_in(tmp_path / "bin" / "bpftrace", text), case_of(result, "plain")
    found = judge(case, bpftrace.read(program, case))
    assert found[0] == verdict and words in found[1]


def test_cilium__is_compiled_once_with_the_fetched_library(result, tmp_path, monkeypatch):
    content = Content(result.btf("decl_tag"))
    out = {what: dict(content.of(what)) for what in ("shapes", "FUNC", "parameters", "tags")}
    (tmp_path / "out.json").write_text(json.dumps(out))
    go = stand_in(tmp_path / "tools" / "cilium-ebpf_0.22.0+ds1-1_amd64" / "cilium-ebpf",
                  f'echo "$*" >> {tmp_path}/calls\n'
                  f'printf "#!/bin/sh\\ncat {tmp_path}/out.json\\n" > "$3"; chmod 755 "$3"')
    (tmp_path / "tools" / "cilium-ebpf_0.22.0+ds1-1_amd64" / "root/usr/lib/go-1.27").mkdir(parents=True)
    tool = tools.Tool("cilium-ebpf", "0.22.0+ds1-1", "amd64", "sid", {}, tmp_path / go)
    monkeypatch.setattr(tools, "fetched", lambda: [tool])
    for _ in range(2):
        (version,) = cilium.versions()
        assert version.number == "0.22.0" and not version.missing
    assert (tmp_path / "calls").read_text().count("build -o ") == 1
    case = case_of(result, "decl_tag")
    assert judge(case, cilium.read(version.how, case))[:2] == ("accepted", "")
    plain = case_of(result, "plain")
    assert judge(plain, cilium.read(version.how, plain))[0] == "accepted but wrong"


def test_cilium__that_cannot_be_compiled_says_why(tmp_path, monkeypatch):
    go = stand_in(tmp_path / "cilium-ebpf_1-1_amd64" / "cilium-ebpf", 'echo "no such package" >&2; exit 1')
    tool = tools.Tool("cilium-ebpf", "1-1", "amd64", "sid", {}, tmp_path / go)
    monkeypatch.setattr(tools, "fetched", lambda: [tool])
    assert cilium.versions()[0].missing.endswith("expected a Go compiler beside it, found none")
    (tmp_path / "cilium-ebpf_1-1_amd64" / "root/usr/lib/go-1.27").mkdir(parents=True)
    assert cilium.versions()[0].missing.endswith("no such package")
    monkeypatch.setattr(tools, "fetched", list)
    assert "btf-harness tools cilium-ebpf --suite SUITE" in cilium.versions()[0].missing


OBJDUMP = """
test "$1" = -dr || exit 9
echo "       1: exit"
echo "          0000000000000008:  CO-RE <byte_off> [1] int::[0] (0)"
{more}
"""


def llvm_case(result, tmp_path):
    """A file whose strings end in a digit, as those of a kernel do, in either byte order."""
    file = result.btf("decl_tag")
    path = tmp_path / "big.btf"
    path.write_bytes(btf.encode(file.types, file.strings, byteorder="big"))
    return case_of(result, "decl_tag")._replace(path=path, file=btf.read(path))


def test_llvm__is_given_an_object_that_asks_for_each_type(result, tmp_path):
    for case in (case_of(result, "decl_tag"), llvm_case(result, tmp_path)):
        data = case.path.read_bytes()
        (tmp_path / "in.o").write_bytes(llvm.bpf_object(case.file, data))
        with ElfImage(tmp_path / "in.o") as image:
            assert image.read(image.section(".BTF")).tobytes() == data
            ext = image.read(image.section(".BTF.ext")).tobytes()
            order = ">" if data[:1] == b"\xeb" else "<"
            head = struct.unpack_from(f"{order}HBB7I3I", ext)
            n = head[-1]
            assert head[:4] == (0xEB9F, 1, 0, 32) and head[8:11] == (0, len(ext) - 32, 16) and n == 19
            code = case.file.strings.get(head[11]).decode()
            assert image.read(image.section(code)).tobytes() == llvm.EXIT * n
            relos = struct.unpack_from(f"{order}{4 * n}I", ext, 44)
            assert list(relos[1::4]) == list(range(1, 20)) and list(relos[::4]) == list(range(0, 8 * n, 8))
            assert case.file.strings.get(relos[2]).isdigit()


@pytest.mark.parametrize(("more", "verdict", "message"), [
    ("", "accepted but wrong", "names by type_id missing"),
    ("cat {lines}", "accepted", ""), ("echo 'error: incomplete type' >&2; exit 1", "refused", "incomplete type"),
])
def test_llvm__tells_names_by_type_id(result, tmp_path, more, verdict, message):
    case = case_of(result, "decl_tag")
    names = Content(case.file).numbered()
    assert names["[3] struct node"] == names["[2] <anon 2>"] == names["[8] alias"] == 1
    lines = [f"  0: CO-RE <byte_off> {name}::[3] (3)" for name in names if not name.startswith("[1] ")]
    (tmp_path / "lines").write_text("\n".join(lines) + "\n")
    program = stand_in(tmp_path / "bin" / "llvm-objdump", OBJDUMP.format(more=more.format(lines=tmp_path / "lines")))
    found = judge(case, llvm.read(program, case))
    assert found[0] == verdict and message in found[1]


def test_llvm__that_prints_no_relocation_has_no_reader(result, tmp_path):
    case = case_of(result, "decl_tag")
    assert "no BTF reader" in llvm.read(stand_in(tmp_path / "bin" / "old", "echo '0: exit'"), case).message
    assert llvm.read(stand_in(tmp_path / "bin" / "odd", "echo bad .BTF >&2"), case).verdict == "refused"
    plain = case_of(result, "plain")
    assert llvm.read("", plain) == Answer("not tried", "the file has no string that a CO-RE relocation could use")


def test_aya__is_compiled_once_and_what_it_writes_is_compared(result, tmp_path, monkeypatch):
    started = stand_in(tmp_path / "aya-obj_0.2.1-4_amd64" / "aya-obj",
                       f'echo "$1" >> {tmp_path}/calls; mkdir -p "$CARGO_TARGET_DIR/debug"\n'
                       'printf \'#!/bin/sh\\ncp "$1" "$2"\\n\' > "$CARGO_TARGET_DIR/debug/reader"\n'
                       'chmod 755 "$CARGO_TARGET_DIR/debug/reader"')
    tool = tools.Tool("aya-obj", "0.2.1-4", "amd64", "sid", {}, tmp_path / started)
    monkeypatch.setattr(tools, "fetched", lambda: [tool])
    monkeypatch.setattr(aya, "find_program", lambda name: "/usr/bin/cargo")
    for _ in range(2):
        (version,) = aya.versions()
        assert version.number == "0.2.1" and not version.missing
    assert (tmp_path / "calls").read_text() == "build\n"
    case = case_of(result, "decl_tag")
    assert judge(case, aya.read(version.how, case))[:2] == ("accepted", "")
    other = stand_in(tmp_path / "other", f'cp {result.files["plain"]} "$2"')
    assert "7 types missing (DECL_TAG 7)" in judge(case, aya.read(other, case))[1]
    torn = stand_in(tmp_path / "torn", 'echo x > "$2"')
    assert judge(case, aya.read(torn, case))[0] == "accepted but wrong"
    monkeypatch.setattr(aya, "find_program", lambda name: None)
    assert aya.versions()[0].missing == "cargo is not installed (package cargo)"
    monkeypatch.setattr(tools, "fetched", list)
    assert "btf-harness tools aya-obj --suite SUITE" in aya.versions()[0].missing


def test_drgn__that_finds_no_type_has_no_reader(result, tmp_path):
    case = case_of(result, "plain")
    no = stand_in(tmp_path / "bin" / "none", f"echo 'LookupError: could not find it in {case.path}'")
    assert drgn.read(no, case) == Answer(
        "not tried", "drgn has no BTF reader: given the file, it says LookupError: could not find it in the file")
    assert drgn.read(stand_in(tmp_path / "bin" / "yes", "echo found"), case).verdict == "accepted"
    assert drgn.read(stand_in(tmp_path / "bin" / "ends", "echo Oops >&2; exit 1"), case) == Answer("refused", "Oops")


def test_inside__drgn_asks_the_module_and_not_its_own_file(tmp_path):
    (tmp_path / "drgn.py").write_text("__version__ = '9'\n\nclass Program:\n    def load_debug_info(self, paths):\n"
                                      "        self.paths = paths\n    def type(self, name):\n"
                                      "        raise LookupError(f'{name} in {self.paths}')\n")
    said = [subprocess.run([sys.executable, "-B", drgn.SCRIPT, *words], capture_output=True, text=True, check=True,
                           env={**os.environ, "PYTHONPATH": str(tmp_path)}).stdout
            for words in (["version"], ["read", "f.btf", "struct x"])]
    assert said == ["9\n", "LookupError: struct x in ['f.btf']\n"]


def test_content__shapes_count_enums_of_either_size_together(result):
    content = Content(result.btf("plain"))
    content.types = lambda: Counter(ENUM=2, ENUM64=3, INT=1)
    assert content.shapes() == Counter(ENUM=5, INT=1)
