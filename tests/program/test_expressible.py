"""What BTF cannot express is left out of a file and counted, and what is left is what Linux takes.

Source of the rules: kernel/bpf/btf.c (btf_struct_check_meta, btf_func_proto_check, btf_name_valid_identifier), v6.12.
"""

from __future__ import annotations

import pytest

from harness import btf, run
from harness.functions import Reason
from harness.functions.policies import REASON_TEXT
from harness.model import Kind
from harness.model import words as wd
from tests.fixtures import handmade
from tests.writers.dwarf import CU, DIE, Attr, Dwarf, Expr
from tests.writers.elf import Section, Symbol

TEXT = handmade.TEXT
LEFT_OUT = REASON_TEXT[Reason.INEXPRESSIBLE]
MIB = 1 << 20


def base(name="int", size=4, encoding=5):
    return DIE("base_type", name=name, byte_size=size, encoding=encoding)


def pointer(die):
    return DIE("pointer_type", byte_size=8, type=die)


def member(name, type_, at, **more):
    return DIE("member", name=name, type=type_, data_member_location=at, **more)


def function(name, at, *params, returns=None):
    return DIE("subprogram", *(DIE("formal_parameter", name=f"p{k}", type=t) for k, t in enumerate(params)), name=name,
               type=returns, prototyped=True, external=True, low_pc=at, high_pc=16)


def prepared(tmp_path, *dies, **how):
    """A file of one unit with these DIEs, and those that they refer to, as harness.run has it."""
    dies, seen = list(dies), {id(die) for die in dies}
    for die in dies:
        for attr in [a for d in (die, *die.children) for a in d.attributes]:
            if isinstance(attr.value, DIE) and id(attr.value) not in seen:
                seen.add(id(attr.value))
                dies.append(attr.value)
    symbols = [Symbol(name, at, 16) for name, at in how.pop("symbols", {}).items()]
    dwarf = Dwarf([CU(list(dies), version=5, producer="GNU C11 12.2.0", name="a.c", low_pc=0)],
                  [Section.text(address=TEXT, size=0x10000)], symbols, 64, "little", **how)
    return run.prepare(dwarf.write(tmp_path / "vmlinux"), threads=1)


def written(program):
    """(kind, name, entries) of each type in `plain` under policy `all`, which is checked on the way.

    An entry is (name, bit offset, bit size) of a member, the name of an enumerator, the type of a parameter.
    """
    file = btf.parse(run.encode(program, "all", ["plain"]).files["plain"])
    btf.check(file)
    found = []
    for i in range(1, file.types.next_id):
        row = file.types.row(i)
        kind, flag = Kind(int(row[wd.INFO]) >> 24 & 0x7F), int(row[wd.INFO]) >> 31
        entries = []
        if kind in (Kind.STRUCT, Kind.UNION):
            for name, _, off in wd.entries_of(kind, row).tolist():
                bits = (off & 0xFFFFFF, off >> 24) if flag else (off, 0)
                entries.append((file.strings.get(name).decode(), *bits))
        elif kind in (Kind.ENUM, Kind.ENUM64):
            entries = [file.strings.get(e[0]).decode() for e in wd.entries_of(kind, row).tolist()]
        found.append((kind.name, file.strings.get(int(row[wd.NAME])).decode(), entries))
    return found


def left_out(program):
    """What was left out, of all that may be."""
    counts = program.instances.counts
    return {k: v for k, v in counts.items() if v and (k == "type_dies_unsupported" or k.endswith("left_out"))}


def struct_of(program, name):
    """The entries of the only struct of a name."""
    (found,) = (entries for kind, n, entries in written(program) if n == name and kind == "STRUCT")
    return found


def named(program, kind):
    return [name for k, name, _ in written(program) if k == kind]


# Widths


@pytest.mark.parametrize("at", [2 * MIB - 4, 2 * MIB, 3 * MIB, 512 * MIB - 4])
def test_expressible__a_bit_field_two_megabytes_in_is_left_out(tmp_path, at):
    """Its offset has 24 bits; without bit-fields a member's has 32."""
    int_ = base()
    ring = DIE("structure_type", member("first", int_, 0), DIE("member", name="ready", type=int_, bit_size=3,
                                                               data_bit_offset=8 * at),
               member("after", int_, at + 4) if at < 512 * MIB - 4 else member("after", int_, 4),
               name="ring", byte_size=at + 8)
    made = prepared(tmp_path, int_, ring)
    fits = at < 2 * MIB
    if fits:
        assert struct_of(made, "ring") == [("first", 0, 0), ("ready", 8 * at, 3)]
    else:
        assert [name for name, _, _ in struct_of(made, "ring")] == ["first", "after"]
    assert left_out(made) == {"members_left_out": 1}


def test_expressible__a_member_two_megabytes_behind_a_bit_field_is_left_out(tmp_path):
    int_ = base()
    early = DIE("structure_type", DIE("member", name="on", type=int_, bit_size=1, data_bit_offset=0),
                member("late", int_, 3 * MIB), name="early", byte_size=3 * MIB + 4)
    made = prepared(tmp_path, int_, early)
    assert struct_of(made, "early") == [("on", 0, 1)] and left_out(made) == {"members_left_out": 1}


def test_expressible__a_member_half_a_gigabyte_in_is_left_out_and_its_struct_keeps_its_size(tmp_path):
    int_ = base()
    window = DIE("structure_type", member("last", int_, 512 * MIB - 4), member("after", int_, 512 * MIB),
                 name="window", byte_size=Attr("byte_size", "data4", 2**32 - 4).value)
    made = prepared(tmp_path, int_, window)
    assert struct_of(made, "window") == [("last", 8 * (512 * MIB - 4), 0)]
    assert left_out(made) == {"members_left_out": 1}


@pytest.mark.parametrize("size", [{"byte_size": 2**32}, {"byte_size": 2**33 + 5}, {}])
def test_expressible__a_struct_of_no_size_that_32_bits_can_say_is_gone(tmp_path, size):
    """Above 4 GiB, or known at run time only: gcc then says none. Pointers to it are pointers to void."""
    int_ = base()
    tail = DIE("member", Attr("data_member_location", "exprloc", b"\x91\x00"), name="tail", type=int_)
    vast = DIE("structure_type", member("n", int_, 0), tail, name="vast", **size)
    to = pointer(vast)
    holder = DIE("structure_type", member("p", to, 0), member("v", vast, 8), name="holder", byte_size=16)
    made = prepared(tmp_path, int_, vast, to, holder, function("f", TEXT, to), function("g", TEXT + 32, vast),
                    symbols={"f": TEXT, "g": TEXT + 32})
    assert named(made, "STRUCT") == ["holder"] and struct_of(made, "holder") == [("p", 0, 0)]
    assert named(made, "FUNC") == ["f"] and handmade.reasons(made, "all") == {"f": [""], "g": [LEFT_OUT]}
    found = left_out(made)
    assert found["type_dies_unsupported"] == found["types_left_out"] == found["type_members_left_out"] == 1


@pytest.mark.parametrize("count", [2**32 - 1, 2**32, 2**40])
def test_expressible__an_array_of_more_elements_than_32_bits_can_say_is_gone(tmp_path, count):
    char = base("char", 1)
    array = DIE("array_type", DIE("subrange_type", Attr("count", "data8", count)), type=char)
    named_ = DIE("typedef", name="vast_t", type=array)
    made = prepared(tmp_path, char, array, named_, function("f", TEXT, pointer(named_)), symbols={"f": TEXT})
    fits = count < 2**32
    assert named(made, "TYPEDEF") == (["vast_t"] if fits else []) and named(made, "FUNC") == ["f"]
    assert left_out(made) == ({} if fits else {"type_dies_unsupported": 1, "types_left_out": 2})


@pytest.mark.parametrize("size", [3, 16, 2**32 + 4])
def test_expressible__an_enum_of_a_size_that_btf_does_not_have_is_gone(tmp_path, size):
    enum = DIE("enumeration_type", DIE("enumerator", name="A", const_value=1), name="wide", byte_size=size)
    made = prepared(tmp_path, base(), enum, function("f", TEXT, pointer(enum)), symbols={"f": TEXT})
    assert named(made, "ENUM") == named(made, "ENUM64") == [] and named(made, "FUNC") == ["f"]
    assert left_out(made) == {"type_dies_unsupported": 1, "types_left_out": 1}


# Types


def test_expressible__complex_numbers_are_gone_from_structs_arrays_and_prototypes(tmp_path):
    int_, complex_ = base(), base("complex double", 16, 3)
    array = DIE("array_type", DIE("subrange_type", upper_bound=3), type=complex_)
    signal = DIE("structure_type", member("n", int_, 0), member("gain", complex_, 8), member("taps", array, 24),
                 member("end", int_, 88), name="signal", byte_size=92)
    callback = DIE("subroutine_type", DIE("formal_parameter", type=complex_), type=int_, prototyped=True)
    ops = DIE("structure_type", member("call", pointer(callback), 0), name="ops", byte_size=8)
    made = prepared(
        tmp_path, int_, complex_, array, signal, callback, ops,
        function("takes", TEXT, int_, complex_), function("returns", TEXT + 32, int_, returns=complex_),
        function("fine", TEXT + 64, pointer(signal), pointer(complex_), returns=int_),
        symbols={"takes": TEXT, "returns": TEXT + 32, "fine": TEXT + 64})
    assert [n for n, _, _ in struct_of(made, "signal")] == ["n", "end"] and struct_of(made, "ops") == [("call", 0, 0)]
    assert named(made, "FUNC") == ["fine"] and named(made, "FLOAT") == []
    assert handmade.reasons(made, "all") == {"fine": [""], "returns": [LEFT_OUT], "takes": [LEFT_OUT]}


def test_expressible__a_struct_declared_without_a_name_is_void_behind_pointers(tmp_path):
    int_ = base()
    unknown = DIE("structure_type", declaration=True)
    holder = DIE("structure_type", member("p", pointer(unknown), 0), member("v", unknown, 8), name="holder",
                 byte_size=16)
    made = prepared(tmp_path, int_, unknown, holder)
    assert struct_of(made, "holder") == [("p", 0, 0)] and named(made, "FWD") == []


def test_expressible__a_nameless_struct_elsewhere_is_not_what_a_nameless_declaration_means(tmp_path):
    int_ = base()
    unknown, known = DIE("structure_type", declaration=True), DIE("structure_type", member("x", int_, 0), byte_size=4)
    holder = DIE("structure_type", member("p", pointer(unknown), 0), member("k", known, 8), name="holder", byte_size=16)
    made = prepared(tmp_path, int_, unknown, known, holder)
    file = btf.parse(run.encode(made, "all", ["plain"]).files["plain"])
    (ptr,) = file.types.ids_of(Kind.PTR).tolist()
    assert file.types.row(ptr)[wd.SIZE_TYPE] == 0


def test_expressible__what_is_only_declared_is_not_used_by_value(tmp_path):
    """-femit-struct-debug-baseonly; a pointer to it stays one."""
    int_ = base()
    opaque = DIE("structure_type", name="opaque", declaration=True)
    alias = DIE("typedef", name="opaque_t", type=opaque)
    array = DIE("array_type", DIE("subrange_type", upper_bound=1), type=alias)
    holder = DIE("structure_type", member("p", pointer(alias), 0), member("v", alias, 8), member("a", array, 16),
                 name="holder", byte_size=16)
    made = prepared(tmp_path, int_, opaque, alias, array, holder,
                    function("f", TEXT, alias), function("g", TEXT + 32, pointer(opaque)),
                    symbols={"f": TEXT, "g": TEXT + 32})
    assert struct_of(made, "holder") == [("p", 0, 0)]
    assert named(made, "FWD") == ["opaque"] and named(made, "TYPEDEF") == ["opaque_t"] and named(made, "ARRAY") == []
    assert named(made, "FUNC") == ["g"]


# Names


def test_expressible__names_that_the_kernel_refuses_are_left_out(tmp_path):
    int_ = base()
    size = DIE("structure_type", member("länge", int_, 0), member("ok", int_, 4), name="größe", byte_size=8)
    enum = DIE("enumeration_type", DIE("enumerator", name="LITEN", const_value=0),
               DIE("enumerator", name="STØRRE", const_value=1), name="e$", byte_size=4)
    alias = DIE("typedef", name="t$", type=size)
    forward = DIE("structure_type", name="f$", declaration=True)
    made = prepared(tmp_path, int_, size, enum, alias, forward,
                    function("good", TEXT, pointer(alias), pointer(forward)),
                    function("two$part", TEXT + 32, enum), function("prüfen", TEXT + 64),
                    symbols={"good": TEXT, "two$part": TEXT + 32, "prüfen": TEXT + 64})
    found = written(made)
    assert ("STRUCT", "", [("ok", 32, 0)]) in found and ("ENUM", "", ["LITEN"]) in found
    assert named(made, "TYPEDEF") == named(made, "FWD") == [] and named(made, "FUNC") == ["good"]
    assert handmade.reasons(made, "all") == {"good": [""], "two$part": [LEFT_OUT], "prüfen": [LEFT_OUT]}
    assert left_out(made) == {"types_left_out": 1, "type_members_left_out": 2, "names_left_out": 3}


def test_expressible__a_parameter_of_such_a_name_has_none(tmp_path):
    int_ = base()
    f = function("f", TEXT, int_)
    f.children[0].set(name="番号")
    made = prepared(tmp_path, int_, f, symbols={"f": TEXT})
    assert named(made, "FUNC") == ["f"] and left_out(made) == {"parameter_names_left_out": 1}


@pytest.mark.parametrize("name", [b"a" * 511, b"a" * 512, b"a" * 513, b"9a", b"_", b"a-b"])
def test_expressible__names_are_those_of_the_kernel(tmp_path, name):
    made = prepared(tmp_path, base(), function(name.decode(), TEXT), symbols={name.decode(): TEXT})
    assert named(made, "FUNC") == ([name.decode()] if len(name) <= 512 and name not in (b"9a", b"a-b") else [])


# What is whole stays as it is


def test_expressible__nothing_is_left_out_of_plain_c(tmp_path):
    int_ = base()
    s = DIE("structure_type", member("x", int_, 0), name="s", byte_size=4)
    made = prepared(tmp_path, int_, s, pointer(s), function("f", TEXT, int_), symbols={"f": TEXT})
    assert left_out(made) == {} and struct_of(made, "s") == [("x", 0, 0)]


def test_expressible__annotations_of_members_go_with_members_that_are_left_out(tmp_path):
    """They are numbered, and the numbers would be other members'."""
    int_ = base()

    def tagged(name, at, **more):
        return DIE("member", DIE(0x6000, name="btf_decl_tag", const_value=f"tag_{name}"), name=name, type=int_, **at,
                   **more)

    ring = DIE("structure_type", tagged("ready", {"data_bit_offset": 24 * MIB}, bit_size=3),
               tagged("after", {"data_member_location": 3 * MIB + 4}), name="ring", byte_size=3 * MIB + 8)
    made = prepared(tmp_path, int_, ring)
    assert struct_of(made, "ring")[0][0] == "after" and named(made, "DECL_TAG") == []
    uni = DIE("structure_type", tagged("länge", {"data_member_location": 0}), tagged("ok", {"data_member_location": 4}),
              name="s", byte_size=8)
    made = prepared(tmp_path, int_, uni)
    assert [n for n, _, _ in struct_of(made, "s")] == ["ok"] and named(made, "DECL_TAG") == []


def test_expressible__a_base_type_without_a_name_is_refused_where_it_stands(tmp_path):
    from harness.errors import DwarfError

    nameless = DIE("base_type", byte_size=4, encoding=5)
    with pytest.raises(DwarfError, match="expected a base type with a name, found one without") as caught:
        prepared(tmp_path, base(), nameless)
    assert caught.value.section == ".debug_info" and caught.value.offset > 0
    prepared(tmp_path, base(), DIE("base_type", byte_size=3, encoding=7))  # for DW_OP_convert; pahole has a name for it


def test_expressible__the_kernel_s_own_exprs(tmp_path):
    """A member's place as an expression of one number is a place."""
    int_ = base()
    s = DIE("structure_type", DIE("member", name="x", type=int_, data_member_location=Expr(("plus_uconst", 4))),
            name="s", byte_size=8)
    assert struct_of(prepared(tmp_path, int_, s), "s") == [("x", 32, 0)]
