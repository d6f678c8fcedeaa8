"""A comparison of two files as text: what differs itself first, in C where that says it; the rest is counted."""

import random
import struct
import time

import btf_trees as trees
import numpy as np
import pytest
from test_same import INT, LIST, compare, permuted, ring, rows_of

from harness import btf
from harness.btf import same
from harness.errors import BtfFormatError
from harness.model import Kind, info_word
from harness.text.same import one_line, to_text
from tests.command import cli
from tests.reference import wire
from tests.test_cli import assert_refused
from tests.writers.elf import Elf, Section

LONG = wire.int_("long", 8, encoding=1)


def text_of(a, b, *options, **more):
    return to_text(compare(a, b, **more), ("a.btf", "b.btf"), *options)


def listed(a, b, *options):
    """The lines after the table."""
    lines = text_of(a, b, *options).splitlines()
    return lines[next(i for i, line in enumerate(lines) if line.startswith("all ")) + 2 :]


def test_same_text__is_one_line_for_what_is_the_same():
    types = [INT, wire.ptr(1)]
    assert text_of(types, types) == "the same BTF: 2 types; also the same bytes\n"
    other, _ = permuted(types, random.Random(1))
    assert text_of(types, other) == "the same BTF: 2 types; not the same bytes: types in another order\n"
    assert text_of(wire.pack(types), wire.pack(types, ">")) == (
        "the same BTF: 2 types; not the same bytes\nheaders: A is little endian, B is big endian\n")
    files = [trees.parse(wire.pack(types))] * 2
    assert one_line(same.compare(*files)) == "the same BTF: 2 types; types and strings in the same order"
    assert text_of([INT], [INT]) == "the same BTF: 1 type; also the same bytes\n"


def test_same_text__says_where_copies_are_all_that_differs():
    assert text_of(ring(3, 3), ring(6)) == (
        "not known to be the same BTF: 6 types, equal one by one, but no renumbering was found among those that occur "
        "several times\n\nA  a.btf: 6 types\nB  b.btf: 6 types\n")
    a = [INT, wire.ptr(1), wire.ptr(1), wire.struct_("s", ("p", 2)), wire.struct_("t", ("p", 2))]
    assert one_line(compare(a, [*a[:4], wire.struct_("t", ("p", 3))])) == (
        "not the same BTF: 5 types, equal one by one, but those that occur several times are referred to in another "
        "way")


def test_same_text__leads_with_what_differs_itself():
    a = [INT, LONG, wire.func_proto(1, ("a", 1)), wire.func("f", 3), wire.struct_("s", ("x", 1), ("y", 2)), wire.ptr(5),
         wire.struct_("user", ("s", 6)), wire.var("gone", 1), wire.decl_tag("tag", 4)]
    b = [INT, LONG, wire.func_proto(1, ("x", 1)), wire.func("f", 3), wire.struct_("s", ("x", 1), ("y", 1), ("z", 1)),
         wire.ptr(5), wire.struct_("user", ("s", 6))]
    assert text_of(a, b) == """\
not the same BTF: 7 types only in A, 5 only in B

A  a.btf: 9 types
B  b.btf: 7 types

kind        in A  in B  only in A  only in B
INT            2     2          0          0
PTR            1     1          1          1
STRUCT         2     2          2          2
FUNC           1     1          1          1
FUNC_PROTO     1     1          1          1
VAR            1     0          1          0
DECL_TAG       1     0          1          0
all            9     7          7          5

Types that differ themselves (2 in both, 2 only in A, 0 only in B)
differ  FUNC f
        A int f(int a)
        B int f(int x)
differ  STRUCT s
        size: 16 | 24
        member y: long at bit 64 | int at bit 64
        only in B: member z int at bit 128
only A  VAR gone: int
only A  DECL_TAG tag on FUNC f

Not listed: types without a name that belong to those (2 in A, 2 in B; --all lists them)
kind        only in A  only in B
PTR                 1          1
FUNC_PROTO          1          1

Not listed: types that differ only in what they refer to (1 in A, 1 in B; --all lists them)
kind    only in A  only in B
STRUCT          1          1
"""
    everything = text_of(a, b, 1, True)
    assert "and 1 more" not in everything and everything.endswith("""\
Types without a name that belong to those (0 in both, 2 only in A, 2 only in B)
only A  PTR (anon): struct s *
only A  FUNC_PROTO (anon): int (int a)
only B  PTR (anon): struct s *
only B  FUNC_PROTO (anon): int (int x)

Types that differ only in what they refer to (1 in both, 0 only in A, 0 only in B)
differ  STRUCT user
        what differs looks the same in C: [7] | [7]
""")
    some = text_of(a, b, 1)
    assert "differ  FUNC f" in some and "STRUCT s\n" not in some and some.count("        and 1 more\n") == 2
    assert text_of(a, b, 0).count("        and 2 more\n") == 2


PAIRS = {
    "INT": ([wire.int_("i", 4, 31, 1)], [wire.int_("i", 4, 32, 4)], ["encoding: SIGNED | BOOL",
                                                                    "bits: 31 at bit 0 | 32 at bit 0"]),
    "ENUM": ([wire.enum("e", ("A", 1), ("B", 2))], [wire.enum("e", ("A", 1), ("C", 2), size=8)],
             ["size: 4 | 8", "only in A: enumerator B 2", "only in B: enumerator C 2"]),
    "ENUM64": ([wire.enum64("e", ("A", 1 << 40))], [wire.enum64("e", ("A", 1 << 41))],
               [f"enumerator A: {1 << 40} | {1 << 41}"]),
    "FLOAT": ([wire.float_("f", 4)], [wire.float_("f", 8)], ["size: 4 | 8"]),
    "FWD": ([wire.fwd("f")], [wire.fwd("f", 1)], ["declares: struct | union"]),
    "TYPEDEF": ([wire.typedef("t", 2), INT], [wire.typedef("t", 2), LONG], ["type: int | long"]),
    "VAR": ([wire.var("v", 2), INT], [wire.var("v", 2, 0), INT], ["linkage: global | static"]),
    "FUNC": ([wire.func("f", 2), wire.func_proto(0)], [wire.func("f", 2, 1), wire.func_proto(0)],
             ["linkage: static | global"]),
    "UNION": ([wire.union("u", ("a", 2)), INT], [wire.union("u", ("a", 2), ("", 2), ("", 2)), INT],
              ["only in B: member (anon) int at bit 0", "only in B: member (anon) #2 int at bit 0"]),
    "DATASEC": ([wire.datasec(".d", (2, 0, 4), size=4), wire.var("v", 3), INT],
                [wire.datasec(".d", (2, 4, 4), size=8), wire.var("v", 3), INT],
                ["size: 4 | 8", "variable v: at 0, size 4 | at 4, size 4"]),
    "DECL_TAG": ([wire.decl_tag("t", 2, 0), wire.struct_("s", ("a", 3)), INT],
                 [wire.decl_tag("t", 2), wire.struct_("s", ("a", 3)), INT], ["component_idx: 0 | -1"]),
    "TYPE_TAG": ([wire.type_tag("t", 2), INT], [wire.type_tag("t", 2)._replace(kind_flag=1), INT],
                 ["only in B: kind_flag 1"]),
    "STRUCT": ([wire.struct_("s", ("", 2), ("b", 3)), wire.union("", ("x", 3), ("y", 3)), INT],
               [wire.struct_("s", ("", 2), ("b", 3)), wire.union("", ("x", 3), ("z", 3)), INT],
               ["only in A: member (anon).y int at bit 0", "only in B: member (anon).z int at bit 0"]),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_same_text__says_in_what_two_types_of_a_kind_differ(kind):
    a, b, words = PAIRS[kind]
    lines = listed(a, b)
    assert lines[1].split()[:2] == ["differ", kind]
    assert [line.strip() for line in lines[2 : 2 + len(words)]] == words
    assert text_of(a, a).startswith("the same")


def test_same_text__says_more_of_a_bit_field_an_order_and_an_address():
    members = ("a", 2, 3 << 24), ("b", 2, 5 << 24 | 3)
    a = [wire.struct_("s", *members, size=4, kind_flag=1), INT]
    assert listed(a, [wire.struct_("s", members[0], ("b", 2, 6 << 24 | 3), size=4, kind_flag=1), INT])[2].strip() == (
        "member b: int at bit 3, 5 bits | int at bit 3, 6 bits")
    assert listed([wire.enum("e", ("A", 0), ("B", 1))], [wire.enum("e", ("B", 1), ("A", 0))])[2].strip() == (
        "the order of what is in it")
    row = trees.Row(Kind.FUNC, "f", 1, 0, 1, addr=0xFFFFFFFF81000000)
    rows = [trees.Row(Kind.FUNC_PROTO), row]
    a, b = (trees.wire(r) for r in (rows, [rows[0], row._replace(addr=1 << 40)]))
    assert listed(a, b)[2].strip() == "addr: 0xffffffff81000000 | 0x10000000000"
    plain = [wire.func_proto(0), wire.func("f", 1)]
    assert [line.strip() for line in listed(a, plain)[2:4]] == ["only in A: kind_flag 1",
                                                              "only in A: addr 0xffffffff81000000"]
    # a struct has more fields than are shown
    many = [wire.struct_("s", *((f"m{i}", 2) for i in range(9))), INT, LONG]
    other = [wire.struct_("s", *((f"m{i}", 3) for i in range(9))), INT, LONG]
    assert listed(many, other)[7:9] == ["        member m5: int at bit 320 | long at bit 320", "        and 3 more"]


def test_same_text__shows_types_without_a_name_and_names_of_any_bytes():
    a = [wire.enum("", ("A", 1), ("B", 2), ("C", 3), ("D", 4), ("E", 5)), wire.struct_("", ("x", 3)), INT,
         wire.struct_("caf\u00e9\x1b")]
    lines = listed(a, [INT])
    assert lines[1:] == ["only A  STRUCT caf\\xc3\\xa9\\x1b", "only A  STRUCT (anon): {x}",
                         "only A  ENUM (anon): {A, B, C, D, ...}"]


def test_same_text__of_files_that_make_no_sense_is_short_work():
    """Cycles without a name, prototypes and unions that double at each step, thousands of members of one name."""
    loop = rows_of([(0, info_word(Kind.PTR), 1)])
    assert "only A  PTR (anon): [1]" in text_of(loop, [INT])
    deep = [INT, *(wire.func_proto(n, ("a", n), ("b", n)) for n in range(1, 40)), wire.func("f", 40)]
    wide = [INT, *(wire.union("", ("a", n), ("b", n)) for n in range(1, 13)), wire.struct_("s", ("", 13))]
    alike = [INT, wire.struct_("s", *(("x", 1, 0) for _ in range(2_000)))]
    began = time.process_time()
    for types in (deep, wide, alike):
        text_of(types, [LONG, *types[1:]])
        text_of(types, [*types[1:], INT][:1])
    with pytest.raises(BtfFormatError, match="at most 4096 parameters"):
        btf.declaration(trees.parse(wire.pack(deep)), 41)
    assert time.process_time() - began < 10
    odd = [wire.decl_tag("t", 0), wire.datasec(".d", (0, 0, 4), (3, 4, 4)), wire.ptr(0)]
    assert "DECL_TAG t on void" in text_of(odd, [INT])
    shown = text_of(odd, [odd[0], wire.datasec(".d", (0, 0, 8), (3, 4, 4)), odd[2]])
    assert "variable void: at 0, size 4 | at 0, size 8" in shown


# The command line


def write(path, data):
    path.write_bytes(data)
    return path


def test_cli_same__exits_with_0_or_1_and_says_it(tmp_path):
    types = [INT, *[t.with_refs(lambda r: r + 1) for t in LIST]]
    a = write(tmp_path / "a", wire.pack(types))
    b = write(tmp_path / "b", permuted(types, random.Random(4))[0])
    c = write(tmp_path / "c", wire.pack([*types[:1], wire.fwd("other")]))
    done = cli("same", a, a)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the same BTF: 3 types; also the same bytes\n", "")
    done = cli("same", a, b)
    assert done.returncode == 0 and "not the same bytes: types in another order" in done.stdout
    done = cli("same", a, c, "--limit", 1)
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout.splitlines()[:4] == ["not the same BTF: 2 types only in A, 1 only in B", "", f"A  {a}: 3 types",
                                            f"B  {c}: 2 types"]
    assert "only B  FWD other" in done.stdout and "only A  STRUCT list_head" in done.stdout
    assert "only A  PTR" not in done.stdout and "only A  PTR" in cli("same", a, c, "--all").stdout


@pytest.mark.parametrize("order", ["<", ">"])
def test_cli_same__reads_elf_files_and_split_files(tmp_path, order):
    raw = wire.pack([INT, wire.fwd("task")], order)
    module = wire.pack([wire.ptr(2), wire.struct_("mine", ("t", 3))], order, base=raw)
    byteorder = "little" if order == "<" else "big"
    elf = [Elf([Section(".BTF", data)], byteorder=byteorder).to_bytes() for data in (raw, module)]
    vmlinux, ko = write(tmp_path / "vmlinux", elf[0]), write(tmp_path / "x.ko", elf[1])
    base, split = write(tmp_path / "base", raw), write(tmp_path / "split", module)
    assert cli("same", vmlinux, base).stdout == "the same BTF: 2 types; also the same bytes\n"
    assert cli("same", ko, split, "--base", vmlinux).stdout == "the same BTF: 2 types; also the same bytes\n"
    assert_refused(cli("same", ko, split), str(ko))


def test_cli_same__refuses_what_it_cannot_read(tmp_path):
    good = write(tmp_path / "good", wire.pack([INT]))
    none = write(tmp_path / "none", Elf([]).to_bytes())
    assert_refused(cli("same", good, tmp_path / "absent"), "absent: expected a readable file")
    assert_refused(cli("same", tmp_path, good), "expected a readable file")
    assert_refused(cli("same", none, good), "expected a section .BTF, found none")
    assert_refused(cli("same", write(tmp_path / "cut", none.read_bytes()[:40]), good), "cut")
    assert_refused(cli("same", write(tmp_path / "text", b"no BTF at all, but long enough"), good), "expected magic")
    bad = bytearray(good.read_bytes())
    struct.pack_into("<I", bad, 24, 99)
    assert_refused(cli("same", good, write(tmp_path / "bad", bad)), "bad: .BTF+0x18", "expected a name_off below")
    assert_refused(cli("same", good), "B")
    assert_refused(cli("same", good, good, "--limit", "few"), "--limit: expected a number, found 'few'")
    assert_refused(cli("same", good, good, "--limit", "3", "--all"), "--limit: cannot be combined with --all")


@pytest.mark.long
def test_same__of_files_of_5_mb_takes_a_second(tmp_path):
    """As many types and names as a kernel has, in another order; and with one member changed deep inside."""
    rnd = np.random.default_rng(7)
    n = 15_000
    types = [INT, LONG]
    for k in range(n):
        first = len(types) + 1
        a, b = (2 + 5 * int(i) + 1 for i in rnd.integers(0, n, 2))  # any struct
        members = ("next", first + 1), ("value", 1), ("a", a), ("list", first + 2)
        types += [wire.struct_(f"struct_number_{k}_{'x' * 80}", *members),
                  wire.ptr(a), wire.ptr(b), wire.func_proto(1, (f"p{k % 500}", first + 1), ("n", 2)),
                  wire.func(f"function_number_{k}_{'y' * 80}", first + 3)]
    data = wire.pack(types)
    assert len(data) > 4_000_000
    other, _ = permuted(types, random.Random(8))
    same.compare(data, other)
    began = time.process_time()
    found = same.compare(data, other)
    assert found.is_same and time.process_time() - began < 3
    types[2 + 5 * 100] = types[2 + 5 * 100]._replace(size_type=48)
    other, _ = permuted(types, random.Random(9))
    found = same.compare(data, other)
    assert found.verdict is same.Verdict.DIFFERENT
    (first,) = [i for i in found.only_a.type_id[found.only_a.cause == same.Cause.ITSELF]]
    assert found.a.name(first).startswith(b"struct_number_100_")
    assert found.new_id is None
