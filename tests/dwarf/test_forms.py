"""Every form of DWARF 4 and 5 that says something about types and functions, in every layout."""

import dwarf_trees as trees
import pytest
import walk_rows as rows
from dwarf_trees import AT_GNU_ANNOTATION, base, gnu, llvm

from harness.dwarf import walk_tables as wt
from harness.dwarf.walk import has_lines_only
from harness.errors import DwarfError
from tests.writers.dwarf import (
    CU,
    DIE,
    DW_LANG_C11,
    DW_LANG_MIPS_ASSEMBLER,
    Address,
    Attr,
    Dwarf,
    Expr,
    Locations,
    Ranges,
    Sibling,
)

LAYOUTS = [(byteorder, bits, format) for byteorder in ("little", "big") for bits in (32, 64) for format in (32, 64)]
layouts = pytest.mark.parametrize(("byteorder", "bits", "format"), LAYOUTS)
versions = pytest.mark.parametrize("version", [4, 5])


def found_in(tmp_path, *units, **how):
    return rows.walked(Dwarf(list(units), **how).write(tmp_path / "a.elf"))


def types(tmp_path, *dies, version=5, format=32, **how):
    """The rows of a unit made of `dies`, and the type_id of the first."""
    return rows.own_rows(found_in(tmp_path, CU(list(dies), version=version, format=format), **how))


# Names


@layouts
@pytest.mark.parametrize("form", ["string", "strp", "line_strp", "strx", "strx1", "strx2", "strx3", "strx4",
                                  ("indirect", "string"), ("indirect", "strp"), ("indirect", "strx2")])  # fmt: skip
def test_forms__names(tmp_path, byteorder, bits, format, form):
    dies = [DIE("structure_type", Attr("name", form, f"name {n}"), byte_size=n) for n in range(300)]
    made, _ = types(tmp_path, *dies[: 200 if form == "strx1" else 300], format=format, byteorder=byteorder, bits=bits)
    assert [row.name for row in made] == [f"name {n}" for n in range(len(made))]
    assert [row.size for row in made] == list(range(len(made)))


def test_forms__equal_names_have_equal_offsets_wherever_they_stand(tmp_path):
    forms = ["string", "strp", "line_strp", "strx", "string"]
    units = [CU([DIE("structure_type", Attr("name", form, "same"), byte_size=4)], name="u") for form in forms]
    found = found_in(tmp_path, *units)
    assert len(set(found.types.name_off().tolist())) == 1 and rows.rows(found)[0].name == "same"


@pytest.mark.parametrize("form", ["GNU_strp_alt", "strp_sup"])
def test_forms__names_in_a_supplementary_file_where_none_is_named_are_refused(tmp_path, form):
    with pytest.raises(DwarfError, match="expected an offset within the string section, found 0x5"):
        types(tmp_path, DIE("structure_type", Attr("name", form, 5), byte_size=4))


def test_forms__no_name_and_an_empty_name_are_the_same(tmp_path):
    for form in ("string", "strp", "strx"):
        named, _ = types(tmp_path, DIE("structure_type", Attr("name", form, ""), DIE("member", name="x"), byte_size=4))
        assert named[0].name == ""


def test_forms__names_that_are_not_utf_8_survive(tmp_path):
    found = found_in(tmp_path, CU([DIE("structure_type", Attr("name", "string", b"gr\xfc\xdfe"), byte_size=4)]))
    assert found.strings.get(int(found.types.name_off()[0])) == b"gr\xfc\xdfe"


# References


@layouts
@versions
@pytest.mark.parametrize("form", ["ref1", "ref2", "ref4", "ref8", "ref_udata", "ref_addr", ("indirect", "ref4"),
                                  ("indirect", "ref_addr")])  # fmt: skip
def test_forms__references(tmp_path, byteorder, bits, format, version, form):
    int_ = base()
    member = DIE("member", Attr("type", form, int_), name="m", data_member_location=0)
    struct = DIE("structure_type", member, byte_size=4)
    early = DIE("pointer_type", Attr("type", form, struct))
    made, first = types(tmp_path, int_, early, struct, version=version, format=format, byteorder=byteorder, bits=bits)
    assert made[1].ref == first + 2 and made[2].members == (("m", first, 0, 0),)


@layouts
@versions
def test_forms__references_into_other_units(tmp_path, byteorder, bits, format, version):
    int_, atomic = base(), DIE("atomic_type")
    alias = DIE("typedef", name="t", type=int_)
    users = [
        DIE("pointer_type", type=int_),
        DIE("array_type", DIE("subrange_type", count=2), type=alias),
        DIE("structure_type", DIE("member", name="m", type=alias, data_member_location=0), byte_size=4),
        DIE("subroutine_type", DIE("formal_parameter", type=int_), type=alias),
    ]
    f = DIE("subprogram", DIE("formal_parameter", name="p", type=alias), name="f", type=int_)
    v = DIE("variable", name="v", type=alias, location=Expr(("addr", 16)))
    head = CU([*users, f, v], version=version, format=format, name="first.c")
    tail = CU([atomic, int_, alias], version=version, format=format, kind="partial")
    found = found_in(tmp_path, head, tail, byteorder=byteorder, bits=bits)
    made, first = rows.own_rows(found)
    ids = {row.kind: first + i for i, row in enumerate(made)}
    assert made[0].ref == ids["INT"] and made[1].ref == ids["TYPEDEF"]
    assert made[2].members[0][1] == ids["TYPEDEF"]
    assert (made[3].ref, made[3].params) == (ids["TYPEDEF"], (("", ids["INT"]),))
    assert rows.funcs(found)[0] == rows.Func("f", None, False, (("p", ids["TYPEDEF"]),), ids["INT"])
    assert found.variables.type_id.tolist() == [ids["TYPEDEF"]]
    assert found.variables.addr.tolist() == [16]


@layouts
@versions
@pytest.mark.parametrize("stub", ["declared", "bare", "none"])
def test_forms__type_units(tmp_path, byteorder, bits, format, version, stub):
    inner = DIE("structure_type", name="inner", byte_size=4)
    point = DIE("structure_type", inner, DIE("member", name="x", type=inner, data_member_location=0), name="point",
                byte_size=4)  # fmt: skip
    unit = CU([point], kind="type", signature=0xFEDCBA9876543210, version=version, format=format)
    if stub != "none":  # what stands for the type: clang calls it a declaration, gcc does not
        declared = {"declaration": True} if stub == "declared" else {}
        stands = DIE("structure_type", Attr("signature", "ref_sig8", point), **declared)
        dies = [stands, DIE("pointer_type", type=stands)]
    else:
        dies = [DIE("pointer_type", Attr("type", "ref_sig8", point))]
    found = found_in(tmp_path, CU(dies, version=version, format=format), unit, byteorder=byteorder, bits=bits)
    made, first = rows.own_rows(found)
    assert [(row.kind, row.name) for row in made] == [("PTR", ""), ("STRUCT", "inner"), ("STRUCT", "point")]
    assert made[0].ref == first + 2
    assert made[2].members == (("x", first + 1, 0, 0),)


@pytest.mark.parametrize(("tag", "kind"), [("enumeration_type", "ENUM"), ("union_type", "UNION")])
def test_forms__enums_and_unions_have_type_units_too(tmp_path, tag, kind):
    own = DIE(tag, name="own", byte_size=4)
    stands = DIE(tag, Attr("signature", "ref_sig8", own))
    found = found_in(tmp_path, CU([stands, DIE("typedef", name="t", type=stands)]), CU([own], kind="type", signature=9))
    made, first = rows.own_rows(found)
    assert [(row.kind, row.name) for row in made] == [("TYPEDEF", "t"), (kind, "own")]
    assert made[0].ref == first + 1 and found.counts["type_dies_unsupported"] == 0


def test_forms__signatures_that_no_unit_has_are_void(tmp_path):
    made, _ = types(tmp_path, DIE("pointer_type", Attr("type", "ref_sig8", 2**64 - 1)))
    assert made[0].ref == 0


@pytest.mark.parametrize("form", ["GNU_ref_alt", "ref_sup4", "ref_sup8"])
def test_forms__references_into_a_supplementary_file_where_none_is_named_are_refused(tmp_path, form):
    with pytest.raises(DwarfError, match="found one into a supplementary file, which this file does not name"):
        types(tmp_path, base(), DIE("pointer_type", Attr("type", form, 0x20)))


def test_forms__unspecified_types_are_void_complex_ones_have_no_form_and_atomic_is_transparent(tmp_path):
    int_ = base()
    nothing, complex_ = DIE("unspecified_type", name="n"), base("complex", 8, 3)
    atomic = DIE("atomic_type", type=DIE("packed_type", type=int_))
    packed = atomic.attributes[0].value
    pointers = [DIE("pointer_type", type=die) for die in (nothing, complex_, atomic)]
    made, first = types(tmp_path, int_, nothing, complex_, packed, atomic, *pointers)
    assert [row.ref for row in made[2:]] == [0, first + 1, first]
    assert (made[1].kind, made[1].name) == ("FWD", "")


# Constants


@layouts
@pytest.mark.parametrize("form", ["data1", "data2", "data4", "data8", "udata", "sdata", "implicit_const",
                                  ("indirect", "data2"), ("indirect", "udata")])  # fmt: skip
def test_forms__constants(tmp_path, byteorder, bits, format, form):
    def n(name, value):
        return Attr(name, form, value)

    int_ = DIE("base_type", n("byte_size", 4), n("encoding", 5), name="int")
    struct = DIE(
        "structure_type",
        DIE("member", n("data_member_location", 12), name="m", type=int_),
        DIE("member", n("bit_size", 3), n("data_bit_offset", 33), name="b", type=int_),
        n("byte_size", 16),
    )
    array = DIE("array_type", DIE("subrange_type", n("upper_bound", 9)), DIE("subrange_type", n("count", 7)), type=int_)
    enum = DIE("enumeration_type", DIE("enumerator", n("const_value", 100), name="a"), n("byte_size", 4))
    made, first = types(tmp_path, int_, struct, array, enum, format=format, byteorder=byteorder, bits=bits)
    assert made == [
        rows.Row("INT", "int", 4, encoding=1),
        rows.Row("STRUCT", "", 16, kind_flag=True, members=(("m", first, 96, 0), ("b", first, 33, 3))),
        rows.Row("ARRAY", ref=first, nelems=7),
        rows.Row("ARRAY", ref=first + 2, nelems=10),
        rows.Row("ENUM", "", 4, enumerators=(("a", 100),)),
    ]


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize(
    ("form", "value"),
    [("sdata", -(2**63)), ("sdata", 2**63 - 1), ("udata", 2**64 - 1), ("data8", 0x8000000000000001),
     ("data4", 2**32 - 1), ("implicit_const", -5), ("data2", 0xFFFF), ("data1", 0xFF),
     ("sdata", -1), ("sdata", 63), ("sdata", 64)],
)  # fmt: skip
def test_forms__wide_enumerators(tmp_path, byteorder, form, value):
    long_ = base("long", 8)
    enum = DIE(
        "enumeration_type", DIE("enumerator", Attr("const_value", form, value), name="a"), byte_size=8, type=long_
    )
    made, _ = types(tmp_path, long_, enum, byteorder=byteorder)
    assert made[1].kind == "ENUM64" and made[1].kind_flag
    assert made[1].enumerators[0][1] % 2**64 == value % 2**64


@pytest.mark.parametrize("form", ["data16", "block1", "exprloc"])
def test_forms__enumerators_whose_value_is_no_number_are_left_out(tmp_path, form):
    value = 5 if form == "data16" else bytes(5)
    enum = DIE("enumeration_type", DIE("enumerator", Attr("const_value", form, value), name="a"),
               DIE("enumerator", name="b", const_value=2), byte_size=4)  # fmt: skip
    made, _ = types(tmp_path, enum)
    assert made[0].enumerators == (("b", 2),)


@pytest.mark.parametrize("nbytes", range(1, 40))
def test_forms__array_bounds_that_are_expressions_of_any_length_count_as_none(tmp_path, nbytes):
    # a block's length must not pass for the number of a form: 5 is DW_FORM_data2, 11 DW_FORM_data1
    array = DIE("array_type", DIE("subrange_type", Attr("upper_bound", "exprloc", bytes([0x23] * nbytes))), type=base())
    made, _ = types(tmp_path, array.attributes[0].value, array)
    assert made[1].nelems == 0


@versions
@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("offset", [0, 1, 127, 128, 2**14, 2**20, 2**28])
@pytest.mark.parametrize("op", ["plus_uconst", "constu"])
def test_forms__member_locations_as_expressions(tmp_path, version, byteorder, offset, op):
    struct = DIE("structure_type", DIE("member", name="m", data_member_location=Expr((op, offset))), byte_size=4)
    made, _ = types(tmp_path, struct, version=version, byteorder=byteorder)
    assert made[0].members == (("m", 0, 8 * offset, 0),)


@layouts
@pytest.mark.parametrize("offset", [None, 0, 5, 0x12345])
def test_forms__variables_have_addresses(tmp_path, byteorder, bits, format, offset):
    high = 0xC0001000 if bits == 32 else 0xFFFFFFFF81001000
    more = [] if offset is None else [("plus_uconst", offset)]
    dies = [DIE("variable", name="a", location=Expr(("addr", high), *more), external=True),
            DIE("variable", name="b", location=Expr(("addrx", Address(high + 64)), *more)),
            DIE("variable", name="c", location=Expr(("fbreg", 3))),
            DIE("variable", name="d", location=Locations([(1, 2, Expr("stack_value"))])),
            DIE("variable", name="e", declaration=True)]  # fmt: skip
    found = found_in(tmp_path, CU(dies, format=format), byteorder=byteorder, bits=bits)
    v = found.variables
    assert [rows.text(found, n) for n in v.name_off] == ["a", "b", "c", "d"]
    assert v.addr.tolist() == [high + (offset or 0), high + 64 + (offset or 0), 0, 0]
    assert [bool(f & wt.VF_ADDRESS) for f in v.flags] == [True, True, False, False]
    assert [bool(f & wt.VF_EXTERNAL) for f in v.flags] == [True, False, False, False]


# Addresses and ranges


@layouts
@pytest.mark.parametrize("form", ["addr", "addrx", "addrx1", "addrx2", "addrx3", "addrx4", "GNU_addr_index"])
def test_forms__addresses(tmp_path, byteorder, bits, format, form):
    first = 0x80001000 if bits == 32 else 0xFFFFFFFF81000000
    dies = [DIE("subprogram", Attr("low_pc", form, Address(first + 16 * n)), name=f"f{n}") for n in range(5)]
    units = [CU(dies[:3], format=format), CU(dies[3:], format=format)]
    found = found_in(tmp_path, *units, byteorder=byteorder, bits=bits)
    assert found.functions.entry.tolist() == [first + 16 * n for n in range(5)]
    assert all(f & wt.FN_LOW_PC for f in found.functions.flags)


@layouts
@pytest.mark.parametrize("form", ["sec_offset", "rnglistx"])
@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("start_end", 0x5000, 0x5010)], 0x5000),
        ([("start_length", 0x5000, 16)], 0x5000),
        ([("startx_length", Address(0x6000), 16)], 0x6000),
        ([("startx_endx", Address(0x6000), Address(0x6010))], 0x6000),
        ([("base_address", 0x7000), ("offset_pair", 4, 8)], 0x7004),
        ([("base_addressx", Address(0x8000)), ("offset_pair", 4, 4), ("offset_pair", 200, 300)], 0x80C8),
        ([("offset_pair", 16, 32)], 0x1010),
    ],
)
def test_forms__range_lists(tmp_path, byteorder, bits, format, form, entries, expected):
    def fresh():
        return DIE("subprogram", Attr("ranges", form, Ranges(list(entries))), name="f")

    other = CU([DIE("subprogram", Attr("low_pc", "addrx", Address(0x9000)))], format=format)
    units = [other, *(CU([fresh()], format=format, low_pc=0x1000) for _ in range(2))]
    found = found_in(tmp_path, *units, byteorder=byteorder, bits=bits)
    assert found.functions.entry.tolist() == [0x9000, expected, expected]
    assert [int(f) & (wt.FN_LOW_PC | wt.FN_RANGES) for f in found.functions.flags] == [
        wt.FN_LOW_PC, wt.FN_RANGES, wt.FN_RANGES]  # fmt: skip


@layouts
def test_forms__ranges_of_dwarf_4(tmp_path, byteorder, bits, format):
    lists = [Ranges([(16, 32)]), Ranges([(4, 4), ("base_address", 0x7000), (8, 9)])]
    dies = [DIE("subprogram", name="f", ranges=each) for each in lists]
    found = found_in(tmp_path, CU(dies, version=4, format=format, low_pc=0x1000), byteorder=byteorder, bits=bits)
    assert found.functions.entry.tolist() == [0x1010, 0x7008]


def test_forms__index_sections_without_base_attributes_start_behind_their_header(tmp_path):
    dies = [DIE("structure_type", Attr("name", "strx", "s"), byte_size=4),
            DIE("subprogram", Attr("name", "strx", "f"), Attr("low_pc", "addrx", Address(0x1000))),
            DIE("subprogram", Attr("ranges", "rnglistx", Ranges([(0x2000, 0x2001)])))]  # fmt: skip
    for format in (32, 64):
        found = found_in(tmp_path, CU(dies, bases=False, format=format))
        assert rows.rows(found)[0].name == "s"
        assert [f[:2] for f in rows.funcs(found)] == [("f", 0x1000), ("", 0x2000)]


def test_forms__bases_may_stand_behind_what_needs_them(tmp_path):
    first = CU([], name="padding.c", low_pc=Address(0x100))
    second = CU([base()], Attr("name", "strx", "second.c"), low_pc=Address(0x200))
    third = CU([DIE("structure_type", Attr("name", "strx", "s"), byte_size=4)], Attr("name", "strx", "third.c"))
    found = found_in(tmp_path, first, second, third, string_form="strx")
    assert [rows.text(found, n) for n in found.unit_name_off] == ["padding.c", "second.c", "third.c"]


# Siblings and layout of the tree


@pytest.mark.parametrize("where", ["first", "last"])
@pytest.mark.parametrize("form", ["ref1", "ref2", "ref4", "ref8", "ref_udata"])
def test_forms__siblings_change_nothing(tmp_path, where, form):
    int_ = base()

    def tree(*sibling):
        at = sibling if where == "first" else ()
        end = () if where == "first" else sibling
        inner = DIE("structure_type", *at, Attr("byte_size", "data1", 4), *end,
                    DIE("member", name="x", type=int_, data_member_location=0))  # fmt: skip
        deep = DIE("lexical_block", *at, DIE("lexical_block", *at, DIE("formal_parameter", name="no")))
        outer = DIE("structure_type", inner, DIE("member", name="y", type=inner, data_member_location=0), byte_size=4)
        return [int_, outer, DIE("subprogram", deep, DIE("formal_parameter", name="p", type=outer), name="f")]

    plain = found_in(tmp_path, CU(tree()))
    marked = found_in(tmp_path, CU(tree(Attr("sibling", form, Sibling))))
    assert rows.rows(plain) == rows.rows(marked) and rows.funcs(plain) == rows.funcs(marked)
    assert rows.funcs(plain)[0].params == (("p", 3),)  # a type that is declared in another comes before it


@pytest.mark.parametrize("terminated", [True, False])
def test_forms__a_type_that_is_declared_in_another_comes_before_it(tmp_path, terminated):
    """Tags stay with their types and members, whose rows move."""
    deep = DIE("union_type", llvm("btf_decl_tag", "deep"), name="deep", byte_size=4)
    inner = DIE("structure_type", deep, DIE("member", llvm("btf_decl_tag", "m"), name="x", type=deep,
                                            data_member_location=0), name="inner", byte_size=4)
    argument = DIE("structure_type", llvm("btf_decl_tag", "argument"), name="argument", byte_size=8)
    proto = DIE("subroutine_type", argument, DIE("formal_parameter", type=argument))
    outer = DIE("structure_type", llvm("btf_decl_tag", "first"), inner, DIE("member", name="y", type=inner,
                data_member_location=0), llvm("btf_decl_tag", "last"), name="outer", byte_size=4,
                terminated=terminated)
    found = found_in(tmp_path, CU([base(), proto, outer]))
    made, first = rows.own_rows(found)
    assert [(row.kind, row.name) for row in made] == [
        ("INT", "int"), ("STRUCT", "argument"), ("FUNC_PROTO", ""), ("UNION", "deep"), ("STRUCT", "inner"),
        ("STRUCT", "outer")]
    assert made[2].params == (("", first + 1),)
    assert made[4].members == (("x", first + 3, 0, 0),) and made[5].members == (("y", first + 4, 0, 0),)
    d, names = found.decl_tags, [rows.text(found, name) for name in found.decl_tags.name_off]
    assert sorted(zip(names, d.target_id.tolist(), d.component_idx.tolist(), strict=True)) == [
        ("argument", first + 1, -1), ("deep", first + 3, -1), ("first", first + 5, -1), ("last", first + 5, -1),
        ("m", first + 4, 0)]


def test_forms__the_type_of_array_indices_comes_behind_all_units_and_says_where_it_is_used_first(tmp_path):
    def array():
        char = DIE("base_type", name="char", byte_size=1, encoding=6)
        return CU([char, DIE("array_type", DIE("subrange_type", upper_bound=3), type=char)])

    plain = CU([DIE("structure_type", name="s", byte_size=4)])
    found = found_in(tmp_path, plain, array(), CU([base()]), array())
    assert found.array_unit == 1 and found.unit_type_id.tolist() == [1, 2, 4, 5, 7]
    assert [(row.kind, row.name) for row in rows.rows(found)[-2:]] == [("ARRAY", ""), ("INT", "int")]
    without = found_in(tmp_path, plain, CU([base()]))
    assert without.array_unit == wt.NO_UNIT and without.types.n_types == 2


def test_forms__trees_without_their_last_null_entries(tmp_path):
    struct = DIE("structure_type", DIE("member", name="m", data_member_location=0), byte_size=4, terminated=False)
    unit = CU([struct])
    unit.root.terminated = False
    assert rows.rows(found_in(tmp_path, unit))[0].members == (("m", 0, 0, 0),)


@pytest.mark.parametrize("first_code", [1, 127, 128, 16384, 100_000])
@pytest.mark.parametrize("share", [False, True])
def test_forms__abbreviation_codes(tmp_path, first_code, share):
    units = [CU([base(f"t{n}", 2**n)], first_abbrev_code=first_code) for n in range(4)]
    found = found_in(tmp_path, *units, share_abbrevs=share)
    assert [row.name for row in rows.rows(found)] == ["t0", "t1", "t2", "t3"]


def test_forms__units_that_share_a_table_may_differ_in_the_size_of_what_it_describes(tmp_path):
    def unit(format, name):
        return CU([base(name), DIE("subprogram", name=name, low_pc=0x1000)], format=format)

    found = found_in(tmp_path, unit(32, "a"), unit(64, "b"), unit(64, "c"), unit(32, "d"), share_abbrevs=True)
    assert [row.name for row in rows.rows(found)] == list("abcd")
    assert [f[:2] for f in rows.funcs(found)] == [(name, 0x1000) for name in "abcd"]


# Annotations


def test_forms__gnu_type_tags_stand_in_the_order_of_the_chain(tmp_path):
    int_ = base()
    rcu = gnu("btf_type_tag", "rcu")
    other = gnu("something else", "x", rcu)
    user = gnu("btf_type_tag", "user", other)
    pointers = [trees.annotated(DIE("pointer_type", type=int_), head) for head in (user, rcu, user)]
    made, first = types(tmp_path, int_, rcu, other, user, *pointers, DIE("typedef", name="t", type=pointers[1]))
    assert [(row.kind, row.name, row.ref) for row in made[1:]] == [
        ("PTR", "", first + 2), ("TYPE_TAG", "user", first + 3), ("TYPE_TAG", "rcu", first),
        ("PTR", "", first + 5), ("TYPE_TAG", "rcu", first),
        ("PTR", "", first + 7), ("TYPE_TAG", "user", first + 8), ("TYPE_TAG", "rcu", first),
        ("TYPEDEF", "t", first + 4)]  # fmt: skip


def test_forms__llvm_type_tags_stand_in_reverse(tmp_path):
    int_ = base()
    pointer = DIE("pointer_type", llvm("btf_type_tag", "user"), llvm("other", "x"), llvm("btf_type_tag", "rcu"),
                  type=int_)  # fmt: skip
    made, first = types(tmp_path, int_, pointer)
    assert [(row.kind, row.name, row.ref) for row in made[1:]] == [
        ("PTR", "", first + 3), ("TYPE_TAG", "user", first), ("TYPE_TAG", "rcu", first + 2)]  # fmt: skip


@pytest.mark.parametrize("form", ["string", "strp", "line_strp", "strx"])
@pytest.mark.parametrize("kind", ["gnu", "llvm"])
def test_forms__declaration_tags(tmp_path, form, kind):
    int_ = base()
    loose = []

    def tagged(die, *texts):
        if kind == "llvm":
            die.children += [DIE(trees.LLVM_ANNOTATION, Attr("name", form, "btf_decl_tag"),
                                 Attr("const_value", form, text)) for text in texts]  # fmt: skip
            return die
        head = None
        for text in reversed(texts):
            following = [] if head is None else [Attr(AT_GNU_ANNOTATION, "ref4", head)]
            head = DIE(trees.GNU_ANNOTATION, Attr("name", form, "btf_decl_tag"), Attr("const_value", form, text),
                       *following)  # fmt: skip
            loose.append(head)
        return trees.annotated(die, head)

    struct = tagged(
        DIE(
            "structure_type",
            DIE("member", name="a", type=int_),
            tagged(DIE("member", name="b", type=int_), "m"),
            name="s",
            byte_size=8,
        ),
        "one",
        "two",
    )
    union = tagged(DIE("union_type", tagged(DIE("member", name="c", type=int_), "u")), "w")
    alias = tagged(DIE("typedef", name="t", type=int_), "typedef")
    function = tagged(
        DIE(
            "subprogram",
            tagged(DIE("formal_parameter", name="p", type=int_), "p"),
            DIE("unspecified_parameters"),
            name="f",
        ),
        "function",
    )
    variable = tagged(DIE("variable", name="v", type=int_, location=Expr(("addr", 8))), "variable")
    found = found_in(tmp_path, CU([base("unit before")]), CU([int_, struct, union, alias, function, variable, *loose]))
    assert rows.tags(found) == sorted([
        (wt.T_TYPE, 3, -1, "one"), (wt.T_TYPE, 3, -1, "two"), (wt.T_TYPE, 3, 1, "m"), (wt.T_TYPE, 4, -1, "w"),
        (wt.T_TYPE, 4, 0, "u"), (wt.T_TYPE, 5, -1, "typedef"), (wt.T_FUNC, 0, -1, "function"), (wt.T_FUNC, 0, 0, "p"),
        (wt.T_VAR, 0, -1, "variable")])  # fmt: skip


# Units


@pytest.mark.parametrize("form", ["string", "strp", "strx"])
def test_forms__other_languages_are_left_out_and_counted(tmp_path, form):
    def unit(name, language):
        dies = [base(), DIE("subprogram", name="f", low_pc=0x1000), DIE("variable", location=Expr(("addr", 1)))]
        return CU(dies, Attr("name", form, name), language=language)

    asm = unit("entry.S", DW_LANG_MIPS_ASSEMBLER)
    units = [unit("a.rs", trees.RUST), unit("b.c", DW_LANG_C11), unit("c.cc", trees.CXX), unit("d.rs", trees.RUST),
             unit("e.go", 0x16), unit("f.zz", 0x7777), asm]  # fmt: skip
    found = found_in(tmp_path, *units)
    assert found.counts["units"] == 7 and found.counts["units_walked"] == 2
    assert found.counts["units_other_language"] == {"C++": 1, "DW_LANG 0x7777": 1, "Go": 1, "Rust": 2}
    names = [rows.text(found, n) for n in found.unit_name_off]
    assert names == ["a.rs", "b.c", "c.cc", "d.rs", "e.go", "f.zz", "entry.S"]
    assert found.functions.unit.tolist() == [1, 6] and len(rows.rows(found)) == 2
    assert found.unit_language.tolist() == [0x1C, 0x1D, 0x1A, 0x1C, 0x16, 0x7777, 0x8001]


def test_forms__skeleton_units_are_left_out_and_counted(tmp_path):
    found = found_in(tmp_path, CU([], kind="skeleton", signature=7, name="split.c"), CU([base()]))
    assert found.counts["units_skeleton"] == 1 and len(rows.rows(found)) == 1


@pytest.mark.parametrize(("producer", "level_1"), [
    (b"GNU C17 12.2.0 -mtune=generic -g1 -O1", True), (b"GNU C11 14 -gdwarf-4 -g1", True),
    (b"GNU C11 12 -g1 -O2 -g", False), (b"GNU C11 12 -g -O2 -ggdb1", True), (b"GNU C11 12 -g3 -gdwarf-5", False),
    (b"clang version 19", False), (b"", False), (b"GNU C11 -DX=-g1y", False),
])
def test_forms__a_producer_says_that_there_are_no_types(producer, level_1):
    assert has_lines_only(producer) == level_1


@versions
def test_forms__partial_units_are_walked(tmp_path, version):
    shared = base("shared")
    pointer = DIE("pointer_type", type=shared)
    found = found_in(tmp_path, CU([shared], kind="partial", version=version), CU([pointer], version=version))
    assert [(row.kind, row.ref) for row in rows.rows(found)] == [("INT", None), ("PTR", 1)]


@pytest.mark.parametrize("version", [2, 3])
def test_forms__older_versions_are_read_too(tmp_path, version):
    int_ = base()
    struct = DIE("structure_type", DIE("member", name="m", type=int_, data_member_location=Expr(("plus_uconst", 8))),
                 byte_size=16)  # fmt: skip
    function = DIE("subprogram", DIE("formal_parameter", name="p", type=int_), name="f", low_pc=0x1000, external=True)
    found = found_in(tmp_path, CU([int_, struct, function], version=version))
    assert rows.rows(found)[1].members == (("m", 1, 64, 0),)
    assert rows.funcs(found) == [rows.Func("f", 0x1000, True, (("p", 1),), 0)]


@pytest.mark.no_cover
@pytest.mark.parametrize("compress", [None, "zlib", "zstd", "zdebug"])
@layouts
def test_forms__compressed_sections_say_the_same(tmp_path, compress, byteorder, bits, format):
    del format
    plain = rows.walked(trees.kitchen_sink(byteorder=byteorder, bits=bits).write(tmp_path / "plain"))
    packed = rows.walked(
        trees.kitchen_sink(byteorder=byteorder, bits=bits, compress=compress).write(tmp_path / "packed")
    )
    assert rows.rows(plain) == rows.rows(packed)
    assert rows.funcs(plain) == rows.funcs(packed) and rows.tags(plain) == rows.tags(packed)
    assert plain.variables.addr.tolist() == packed.variables.addr.tolist() == [0x8000, 0x9008]


def test_forms__the_rare_constructs_are_the_same_in_every_layout(tmp_path):
    seen = []
    for byteorder, bits in (("little", 64), ("big", 64), ("little", 32), ("big", 32)):
        found = rows.walked(trees.kitchen_sink(byteorder=byteorder, bits=bits).write(tmp_path / "a"))
        made = [row._replace(members=()) if row.name == "point" else row for row in rows.rows(found)]
        seen.append((made, rows.funcs(found), rows.tags(found), found.counts))
    assert seen[0] == seen[1] == seen[2] == seen[3]
