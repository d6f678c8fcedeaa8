"""References that leave their unit: to abstract instances, declarations and types that dwz moves into partial units, or
that are in a supplementary file, and those that LTO leaves in the units of the sources."""

import dwarf_trees as trees
import pytest
import walk_rows as rows
from dwarf_trees import base

from harness.dwarf import walk_tables as wt
from harness.dwarf.files import DwarfFiles
from harness.elf import ElfImage
from harness.errors import DwarfError
from tests.writers.dwarf import CU, DIE, Address, Attr, Dwarf, Expr, Raw
from tests.writers.elf import Section

LAYOUTS = [("little", 64, 32), ("big", 32, 32), ("little", 64, 64)]
layouts = pytest.mark.parametrize(("byteorder", "bits", "format"), LAYOUTS)
versions = pytest.mark.parametrize("version", [4, 5])


def imports(unit):
    """The DIE that imports a unit."""
    return DIE("imported_unit", Attr("import", "ref_addr", unit))


def partial(dies, **attributes):
    """A partial unit, which has no language of its own."""
    return CU(dies, kind="partial", language=None, **attributes)


def found_in(tmp_path, *units, **how):
    return rows.walked(Dwarf(list(units), **how).write(tmp_path / "a.elf"))


def inline_work(int_, long_):
    """An abstract instance with two parameters, and what its out-of-line instances refer to."""
    parameters = [DIE("formal_parameter", name="w", type=long_), DIE("formal_parameter", name="base", type=int_)]
    return DIE("subprogram", *parameters, DIE("unspecified_parameters"), name="work", type=int_, inline=3,
               external=True, decl_file=7, decl_line=12)


def instance(abstract, order=(0, 1), address=0x1000):
    return DIE("subprogram", *(DIE("formal_parameter", abstract_origin=abstract.children[i]) for i in order),
               DIE("unspecified_parameters"), abstract_origin=abstract, low_pc=Address(address))


def one_instance(tmp_path, order=(0, 1), version=5, format=32, **how):
    """A unit with an out-of-line instance whose abstract one is in a partial unit: (walk, the instance's row)."""
    int_, long_ = base(), base("long", 8)
    abstract = inline_work(int_, long_)
    shared = partial([int_, long_, abstract], version=version, format=format)
    user = CU([imports(shared), instance(abstract, order)], version=version, format=format, name="u.c")
    for first in ((shared, user), (user, shared)):  # in either order
        found = found_in(tmp_path, *first, **how)
        f = found.functions
        row = int((f.flags & wt.FN_LOW_PC).argmax())
        yield found, row


@layouts
@versions
def test_references__an_instance_has_all_from_an_abstract_one_in_another_unit(tmp_path, byteorder, bits, format,
                                                                               version):
    for found, row in one_instance(tmp_path, version=version, format=format, byteorder=byteorder, bits=bits):
        ids = {r.name: i for i, r in enumerate(rows.rows(found), 1)}
        made = rows.funcs(found)
        params = (("w", ids["long"]), ("base", ids["int"]), ("", 0))
        assert made[row] == rows.Func("work", 0x1000, True, params, ids["int"])
        assert made[1 - row] == made[row]._replace(address=None)  # the abstract one
        f = found.functions
        assert (f.file[row], f.line[row], found.unit_name_off[f.file_unit[row]]) == (7, 12, 0)
        assert f.flags[row] & wt.FN_DECLARED_INLINE and not f.flags[row] & (wt.FN_INLINE | wt.FN_REORDERED
                                                                            | wt.FN_UNNAMED_PARAM)
        first = f.param_start[row]
        assert f.param_origin[first : first + 3].tolist() == [f.param_start[1 - row], f.param_start[1 - row] + 1, -1]


@versions
@pytest.mark.parametrize("order", [(1, 0), (1,), (0,), ()])
def test_references__parameters_in_another_order_than_their_origins_are_told(tmp_path, order, version):
    for found, row in one_instance(tmp_path, order, version):
        assert bool(found.functions.flags[row] & wt.FN_REORDERED) == (order in ((1, 0), (1,)))


def test_references__what_nothing_names_has_no_name(tmp_path):
    abstract = DIE("subprogram", DIE("formal_parameter"), inline=1)
    shared = partial([abstract])
    user = CU([imports(shared), DIE("subprogram", DIE("formal_parameter", abstract_origin=abstract.children[0]),
                                    abstract_origin=abstract, low_pc=Address(16))])
    f = found_in(tmp_path, user, shared).functions
    assert f.name_off.tolist() == [0, 0] and (f.flags & wt.FN_UNNAMED_PARAM != 0).all()


@versions
def test_references__clang_s_calling_convention_is_the_abstract_instance_s(tmp_path, version):
    abstract = DIE("subprogram", name="f", inline=1, calling_convention=3)
    shared = partial([abstract], version=version)
    user = CU([DIE("subprogram", abstract_origin=abstract, low_pc=Address(16))], version=version)
    f = found_in(tmp_path, user, shared).functions
    assert f.flags[0] & wt.FN_NOCALL


@layouts
@versions
def test_references__definitions_complete_declarations_in_other_units(tmp_path, byteorder, bits, format, version):
    how = {"version": version, "format": format}
    int_ = base()
    declared = DIE("subprogram", DIE("formal_parameter", type=int_), name="f", declaration=True, external=True,
                   type=int_)
    variable = DIE("variable", name="v", declaration=True, external=True, type=int_)
    shared = partial([int_, declared, variable], **how)
    defined = DIE("subprogram", DIE("formal_parameter", name="p", type=int_), specification=declared,
                  low_pc=Address(16))
    stored = DIE("variable", specification=variable, location=Expr(("addr", 0x8000)))
    found = found_in(tmp_path, CU([imports(shared), defined, stored], **how), shared, byteorder=byteorder, bits=bits)
    assert rows.funcs(found) == [rows.Func("f", 16, True, (("p", 1),), 1)]
    v = found.variables
    assert [rows.text(found, n) for n in v.name_off] == ["v"] and v.type_id.tolist() == [1]
    assert v.flags.tolist() == [wt.VF_EXTERNAL | wt.VF_ADDRESS]


@pytest.mark.parametrize("string_form", ["string", "strp", "strx"])
def test_references__chains_lead_through_several_units(tmp_path, string_form):
    """As LTO makes them: an instance, its abstract one, and the one of the source, whose declaration is elsewhere."""
    int_ = base()
    declared = DIE("subprogram", name="f", external=True, declaration=True, type=int_)
    early = DIE("subprogram", DIE("formal_parameter", name="p", type=int_), specification=declared)
    late = DIE("subprogram", DIE("formal_parameter", abstract_origin=early.children[0]), abstract_origin=early,
               inline=1)
    code = DIE("subprogram", DIE("formal_parameter", abstract_origin=late.children[0]), abstract_origin=late,
               low_pc=Address(16))
    units = [CU([code, late], name="ltrans"), CU([early], name="a.c"), CU([declared, int_], name="b.c")]
    for order in (units, units[::-1]):
        found = found_in(tmp_path, *order, string_form=string_form)
        made = {f.address: f for f in rows.funcs(found)}
        assert made[16] == rows.Func("f", 16, True, (("p", 1),), 1)
        assert len({name for name, *_ in rows.funcs(found)}) == 1


@versions
@pytest.mark.parametrize("where", ["other", "own"])
def test_references__to_types_that_stand_for_others(tmp_path, where, version):
    int_ = base()
    atomic = DIE("atomic_type", type=DIE("packed_type", type=int_))
    nothing = DIE("unspecified_type", name="decltype(nullptr)")
    bare = DIE("atomic_type")
    point = DIE("structure_type", name="point", byte_size=4)
    unit = CU([point], kind="type", signature=0xFEDCBA9876543210, version=version)
    stub = DIE("structure_type", Attr("signature", "ref_sig8", point), declaration=True)
    stands = [int_, atomic.attributes[0].value, atomic, nothing, bare, stub]
    users = [DIE("pointer_type", type=die) for die in (atomic, nothing, bare, stub)]
    if where == "other":
        units = [CU(users, version=version), partial(stands, version=version), unit]
    else:
        units = [CU(stands + users, version=version), unit]
    found = found_in(tmp_path, *units)
    made = rows.rows(found)
    ids = {row.name: i for i, row in enumerate(made, 1)}
    assert [row.ref for row in made if row.kind == "PTR"] == [ids["int"], 0, 0, ids["point"]]


@versions
@pytest.mark.parametrize("encoding", [5, 7])
@pytest.mark.parametrize("where", ["other", "own", "between"])
def test_references__a_64_bit_enum_is_signed_as_its_type_is(tmp_path, where, encoding, version):
    long_ = base("long", 8, encoding)
    alias = DIE("typedef", name="t", type=DIE("const_type", type=long_))
    enum = DIE("enumeration_type", DIE("enumerator", name="A", const_value=5), name="e", byte_size=8, type=alias)
    const = alias.attributes[-1].value
    units = {"other": [CU([enum], version=version), partial([long_, const, alias], version=version)],
             "own": [CU([enum, long_, const, alias], version=version)],
             "between": [CU([enum, const, alias], version=version), partial([long_], version=version)]}[where]
    made = rows.rows(found_in(tmp_path, *units))
    assert next(row for row in made if row.kind == "ENUM64").kind_flag == (encoding == 5)


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("where", ["other", "own", "between"])
def test_references__a_bit_field_s_storage_is_as_large_as_its_type(tmp_path, where, byteorder):
    """DW_AT_bit_offset counts from the end of the storage, which on little endian machines is that of its type."""
    int_ = base()
    alias = DIE("typedef", name="t", type=int_)
    members = [DIE("member", name="a", type=alias, bit_size=3, bit_offset=29, data_member_location=4),
               DIE("member", name="b", type=alias, bit_size=5, bit_offset=24, data_member_location=4),
               DIE("member", name="c", type=int_, data_member_location=8)]
    struct = DIE("structure_type", *members, name="s", byte_size=12)
    units = {"other": [CU([struct], version=4), partial([int_, alias], version=4)],
             "own": [CU([struct, int_, alias], version=4)],
             "between": [CU([struct, alias], version=4), partial([int_], version=4)]}[where]
    found = found_in(tmp_path, *units, byteorder=byteorder)
    made = next(row for row in rows.rows(found) if row.kind == "STRUCT")
    first, second = (32, 35) if byteorder == "little" else (61, 56)
    assert [(m[0], *m[2:]) for m in made.members] == [("a", first, 3), ("b", second, 5), ("c", 64, 0)]
    assert found.counts["members_left_out"] == 0


def test_references__a_bit_field_of_a_type_without_a_size_is_refused(tmp_path):
    nothing = DIE("unspecified_type", name="n")
    member = DIE("member", name="a", type=nothing, bit_size=3, bit_offset=1, data_member_location=0)
    struct = DIE("structure_type", member, name="s", byte_size=4)
    with pytest.raises(DwarfError, match="of types with a size"):
        found_in(tmp_path, CU([struct], version=4), partial([nothing], version=4))


# Partial units


@versions
def test_partial__units_have_the_language_of_those_that_import_them(tmp_path, version):
    """Of Rust alone it is left out; of C too, also by way of another, or where nobody imports it, it is read."""
    named = {name: DIE("structure_type", name=name, byte_size=n) for n, name in
             enumerate(("rust", "both", "inner", "c", "nobody"), 1)}
    tagged = trees.annotated(DIE("structure_type", name="tagged", byte_size=9), trees.gnu("btf_decl_tag", "x"))
    unit = {name: partial([die, DIE("subprogram", name=f"{name}_inline", inline=1)], version=version)
            for name, die in named.items()}
    unit["inner"].root.children[:0] = [tagged, tagged.attributes[-1].value]
    unit["both"].root.children.insert(0, imports(unit["inner"]))
    whole = [CU([imports(unit["rust"]), imports(unit["both"])], language=trees.RUST, name="a.rs", version=version),
             CU([imports(unit["both"]), imports(unit["c"])], name="a.c", version=version),
             CU([imports(unit["c"])], name="b.c", version=version)]
    order = [unit["inner"], unit["rust"], unit["both"], *whole, unit["c"], unit["nobody"]]
    found = found_in(tmp_path, *order)
    assert {row.name for row in rows.rows(found)} == {"both", "inner", "c", "nobody", "tagged"}
    assert sorted(f.name for f in rows.funcs(found)) == ["both_inline", "c_inline", "inner_inline", "nobody_inline"]
    assert found.counts["units_other_language"] == {"Rust": 2} and found.counts["units_walked"] == 6
    languages = found.unit_language.tolist()
    c11 = languages[4]
    assert languages == [c11, trees.RUST, c11, trees.RUST, c11, c11, c11, 0]
    start, importer = found.importers
    stands = [importer[start[u] : start[u + 1]].tolist() for u in range(8)]
    assert stands == [[3, 4], [3], [3, 4], [3], [4], [5], [4, 5], [7]]
    (space, target, component, text), = rows.tags(found)
    assert (space, component, text) == (wt.T_TYPE, -1, "x") and rows.rows(found)[target - 1].name == "tagged"


def test_partial__units_left_out_do_not_shift_what_tags_hang_on(tmp_path):
    def dies(name):
        decl = trees.gnu("btf_decl_tag", f"on {name}")
        struct = trees.annotated(DIE("structure_type", name=f"s_{name}", byte_size=4), decl)
        func = trees.annotated(DIE("subprogram", name=f"f_{name}"), decl)
        var = trees.annotated(DIE("variable", name=f"v_{name}", location=Expr(("addr", 16))), decl)
        return [decl, struct, func, var]

    rust, shared = partial(dies("rust")), partial(dies("shared"))
    found = found_in(tmp_path, CU([imports(rust), *dies("in_rust")], language=trees.RUST), rust,
                     CU([imports(shared), *dies("c")]), shared)
    names = [found.types.name_off()[1 - 1 :], found.functions.name_off, found.variables.name_off]
    for space, target, _, text in rows.tags(found):
        name = rows.rows(found)[target - 1].name if space == wt.T_TYPE else rows.text(found, names[space][target])
        assert text == f"on {name[2:]}"
    assert len(rows.tags(found)) == 6


def test_partial__units_that_import_each_other_end(tmp_path):
    one, other = partial([base()]), partial([base("long", 8)])
    one.add(imports(other))
    other.add(imports(one))
    found = found_in(tmp_path, one, other, CU([imports(one), imports(one)], name="a.c"))
    assert [row.name for row in rows.rows(found)] == ["int", "long"]
    assert found.importers[1].tolist() == [2, 2, 2]


def test_partial__units_alone_are_no_program(tmp_path):
    with pytest.raises(DwarfError, match="partial units alone"):
        found_in(tmp_path, partial([base()]))


def test_partial__a_producer_is_that_of_the_units_that_import_them(tmp_path):
    shared = partial([base()])
    found = found_in(tmp_path, shared, CU([imports(shared)], producer="clang version 19"))
    assert found.unit_clang.tolist() == [True, True]


def test_partial__imports_of_nothing_are_nothing(tmp_path):
    for form, value in (("ref_addr", 0xFFFF), ("ref_addr", 0), ("ref4", 1), ("GNU_ref_alt", 3), ("data1", 3)):
        wrong = DIE("imported_unit", Attr("import", form, value))
        found = found_in(tmp_path, CU([wrong, DIE("imported_unit"), base()]), partial([base("long", 8)]))
        assert [row.name for row in rows.rows(found)] == ["int", "long"]


# What is wrong


REFERRERS = {
    "type": lambda attr: DIE("pointer_type", attr("type")),
    "origin": lambda attr: DIE("subprogram", attr("abstract_origin")),
    "specification": lambda attr: DIE("subprogram", attr("specification")),
    "parameter": lambda attr: DIE("subprogram", DIE("formal_parameter", attr("abstract_origin")), name="f"),
    "variable": lambda attr: DIE("variable", attr("specification"), location=Expr(("addr", 16))),
    "enum": lambda attr: DIE("enumeration_type", attr("type"), byte_size=8),
    "bit-field": lambda attr: DIE("structure_type", DIE("member", attr("type"), bit_size=1, bit_offset=1), byte_size=4),
}


@pytest.mark.parametrize("referrer", REFERRERS)
@pytest.mark.parametrize("target", [1, 0x7FFFFFFF, 12])
def test_wrong__references_to_no_die_of_another_unit(tmp_path, referrer, target):
    die = REFERRERS[referrer](lambda name: Attr(name, "ref_addr", target))
    bad = CU([die], version=4)
    dwarf = Dwarf([CU([], name="first.c", trailing=bytes(2)), bad])
    try:
        rows.walked(dwarf.write(tmp_path / "a.elf"))
    except DwarfError as error:
        assert error.section == ".debug_info"
        assert target == 12 or (f"found {target:#x}" in error.message and error.offset == dwarf.offset(bad))
    else:
        assert target == 12 and referrer not in ("type", "enum", "bit-field")  # the unit's own DIE


@pytest.mark.parametrize("referrer", REFERRERS)
@pytest.mark.parametrize("form", ["GNU_ref_alt", "ref_sup4", "ref_sup8"])
def test_wrong__references_into_a_supplementary_file_that_no_section_names(tmp_path, referrer, form):
    die = REFERRERS[referrer](lambda name: Attr(name, form, 0x20))
    with pytest.raises(DwarfError, match="a supplementary file, which this file does not name"):
        found_in(tmp_path, CU([die], version=4))


def test_wrong__a_reference_to_what_is_no_type(tmp_path):
    func = DIE("subprogram", name="f")
    with pytest.raises(DwarfError, match="expected a type's DIE in a unit that is read"):
        found_in(tmp_path, CU([DIE("pointer_type", type=func)]), CU([func]))


def test_wrong__a_reference_to_a_type_of_another_language_is_void(tmp_path):
    other = base("i32", 4)
    found = found_in(tmp_path, CU([DIE("pointer_type", type=other)]), CU([other], language=trees.RUST))
    assert [row.ref for row in rows.rows(found)] == [0]


@pytest.mark.parametrize("link", ["abstract_origin", "specification"])
@pytest.mark.parametrize("tag", ["subprogram", "variable", "formal_parameter"])
def test_wrong__cycles_through_units(tmp_path, link, tag):
    if tag == "formal_parameter" and link == "specification":
        return
    one, other = DIE(tag), DIE(tag)
    one.set(Attr(link, "ref_addr", other))
    other.set(Attr(link, "ref_addr", one))
    if tag == "variable":
        one.set(location=Expr(("addr", 16)))
    units = [[DIE("subprogram", die, name="f")] if tag == "formal_parameter" else [die] for die in (one, other)]
    with pytest.raises(DwarfError, match="found a cycle"):
        found_in(tmp_path, *(CU(dies) for dies in units))


def test_wrong__cycles_of_types_that_stand_for_each_other(tmp_path):
    one, other = DIE("atomic_type"), DIE("atomic_type")
    one.set(Attr("type", "ref_addr", other))
    other.set(Attr("type", "ref_addr", one))
    with pytest.raises(DwarfError, match="found a cycle"):
        found_in(tmp_path, CU([one, DIE("pointer_type", type=one)]), CU([other]))


def test_wrong__chains_through_more_units_than_any_program_has(tmp_path):
    dies = [DIE("atomic_type") for _ in range(200)]
    for die, following in zip(dies, dies[1:], strict=False):
        die.set(Attr("type", "ref_addr", following))
    with pytest.raises(DwarfError, match="a chain of references that ends"):
        found_in(tmp_path, CU([DIE("pointer_type", type=dies[0])]), *(CU([die]) for die in dies))


@pytest.mark.parametrize("value", [2**64 - 1, 2**63, 2**62, 2**62 - 1])
@pytest.mark.parametrize("referrer", REFERRERS)
def test_wrong__offsets_that_no_section_has(tmp_path, referrer, value):
    die = REFERRERS[referrer](lambda name: Attr(name, "ref_addr", Raw(value.to_bytes(8, "little"))))
    with pytest.raises(DwarfError) as caught:
        found_in(tmp_path, CU([die], version=4, format=64), CU([base()]))
    assert caught.value.section == ".debug_info"


# Supplementary files

CHECKSUM = bytes(range(20))


def supplement(tmp_path, dies, version=5, name="common.dbg", more=(), identity=CHECKSUM, **how):
    """A supplementary file of one partial unit: (what it is made of, what names it)."""
    if version == 5:
        own = Section(".debug_sup", b"\5\0\1\0\x14" + identity)
        named = Section(".debug_sup", b"\5\0\0" + name.encode() + b"\0\x14" + identity)
        if how.get("byteorder") == "big":
            own, named = (Section(s.name, b"\0\5" + s.data[2:]) for s in (own, named))
    else:
        order = how.get("byteorder", "little")
        note = b"".join(n.to_bytes(4, order) for n in (4, 20, 3)) + b"GNU\0" + identity
        own = Section(".note.gnu.build-id", note, type=7)
        named = Section(".gnu_debugaltlink", name.encode() + b"\0" + identity)
    dwarf = Dwarf([*more, partial(dies, version=version)], [own], **how)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    dwarf.write(tmp_path / name)
    return dwarf, named


def alt(name, version, dwarf, die):
    """An attribute that refers to a DIE of the supplementary file."""
    return Attr(name, "ref_sup4" if version == 5 else "GNU_ref_alt", dwarf.offset(die))


def text_in(dwarf, version, text):
    """The form and value of a name that is in the supplementary file."""
    strings = dwarf.debug_sections()[".debug_str"]
    return "strp_sup" if version == 5 else "GNU_strp_alt", strings.index(b"\0" + text.encode() + b"\0") + 1


@layouts
@versions
@pytest.mark.parametrize("imported", [True, False])
def test_supplement__is_read_with_the_program(tmp_path, byteorder, bits, format, version, imported):
    """Also where nobody imports what is referred to, as dwz leaves it; not what other programs have there."""
    how = {"byteorder": byteorder, "bits": bits}
    int_ = base()
    struct = DIE("structure_type", DIE("member", name="m", type=int_, data_member_location=0), name="s", byte_size=4)
    abstract = DIE("subprogram", DIE("formal_parameter", name="p", type=struct), name="f", type=int_, inline=3)
    foreign = partial([DIE("structure_type", name="of another program", byte_size=1)], version=version)
    dwarf, link = supplement(tmp_path, [int_, struct, abstract], version, more=[foreign], **how)
    pair = (version, dwarf)
    instance = DIE("subprogram", DIE("formal_parameter", alt("abstract_origin", *pair, abstract.children[0])),
                   alt("abstract_origin", *pair, abstract), low_pc=Address(0x40))
    own = DIE("structure_type", Attr("name", *text_in(dwarf, version, "f")), name=None, byte_size=8)
    unit = CU([instance, own, DIE("pointer_type", alt("type", *pair, struct))], version=version, format=format,
              name="a.c")
    if imported:
        unit.root.children.insert(0, DIE("imported_unit", alt("import", *pair, dwarf.units[1].root)))
    if format == 64 and version == 5:
        unit.root.children[-1].attributes[-1].form = "ref_sup8"
    found = found_in(tmp_path, unit, sections=[link], **how)
    made = rows.rows(found)
    assert [(row.kind, row.name) for row in made] == [("STRUCT", "f"), ("PTR", ""), ("INT", "int"), ("STRUCT", "s")]
    assert made[1].ref == 4 and made[3].members == (("m", 3, 0, 0),)
    assert rows.funcs(found)[0] == rows.Func("f", 0x40, False, (("p", 4),), 3)
    assert found.counts["units"] == found.counts["units_walked"] == 2
    assert found.line_file.tolist() == [0, 1, 1]
    assert found.unit_language[2] == found.unit_language[0]
    assert found.importers[1].tolist() == [0, 1, 0]


@versions
def test_supplement__units_that_nobody_imports_are_read_by_way_of_others(tmp_path, version):
    """By types, abstract instances, and the declarations that those complete."""
    int_, long_ = base(), base("long", 8)
    declared = DIE("subprogram", name="f", declaration=True, type=int_)
    abstract = DIE("subprogram", specification=declared, inline=1)
    more = [partial([int_], version=version), partial([declared, long_], version=version),
            partial([DIE("pointer_type", type=long_)], version=version)]
    dwarf, link = supplement(tmp_path, [abstract], version, more=more)
    code = DIE("subprogram", alt("abstract_origin", version, dwarf, abstract), low_pc=Address(0x40))
    found = found_in(tmp_path, CU([code], version=version, name="a.c"), sections=[link])
    assert {row.name for row in rows.rows(found)} == {"int", "long"}
    assert [f.name for f in rows.funcs(found)] == ["f", "f"]
    assert {rows.rows(found)[f.returns - 1].name for f in rows.funcs(found)} == {"int"}
    assert found.counts["units"] == 4


@versions
@pytest.mark.parametrize("place", ["{here}/common.dbg", "{here}/sub/common.dbg", "sub/common.dbg", "../b/common.dbg"])
def test_supplement__is_found_where_it_is_named_or_beside(tmp_path, place, version):
    here = tmp_path / "a"
    (here / "sub").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    int_ = base()
    name = place.format(here=here)
    dwarf, link = supplement(here, [int_], version, name=name)
    unit = CU([DIE("imported_unit", alt("import", version, dwarf, dwarf.units[0].root))], version=version)
    assert [row.name for row in rows.rows(found_in(here, unit, sections=[link]))] == ["int"]
    (here / name).rename(here / "common.dbg")
    assert [row.name for row in rows.rows(found_in(here, unit, sections=[link]))] == ["int"]
    (here / "common.dbg").unlink()
    with pytest.raises(DwarfError, match="supplementary file '.*common.dbg' .* found none beside it") as caught:
        found_in(here, unit, sections=[link])
    assert caught.value.section == link.name
    if version == 4:
        by_id = here / ".build-id" / "00" / f"{CHECKSUM[1:].hex()}.debug"
        by_id.parent.mkdir(parents=True)
        dwarf.write(by_id)
        assert [row.name for row in rows.rows(found_in(here, unit, sections=[link]))] == ["int"]


@versions
def test_supplement__of_another_build_is_refused(tmp_path, version):
    _, link = supplement(tmp_path, [base()], version)
    supplement(tmp_path, [base()], version, identity=bytes(20))
    with pytest.raises(DwarfError, match=f"{CHECKSUM.hex()}, found .*common.dbg, which has .* {bytes(20).hex()}"):
        found_in(tmp_path, CU([base()]), sections=[link])


@versions
@pytest.mark.parametrize("data", [b"", b"no elf at all", b"\x7fELF"])
def test_supplement__that_is_no_elf_file_is_refused(tmp_path, data, version):
    _, link = supplement(tmp_path, [base()], version)
    (tmp_path / "common.dbg").write_bytes(data)
    with pytest.raises(DwarfError, match="found .*common.dbg, which "):
        found_in(tmp_path, CU([base()]), sections=[link])


@versions
def test_supplement__for_another_machine_is_refused(tmp_path, version):
    _, link = supplement(tmp_path, [base()], version, bits=32)
    with pytest.raises(DwarfError, match="which is for another machine"):
        found_in(tmp_path, CU([base()]), sections=[link])


@versions
def test_supplement__errors_name_the_file_that_they_are_in(tmp_path, version):
    int_ = base()
    pointer = DIE("pointer_type", Attr("type", "ref4", 5))
    dwarf, link = supplement(tmp_path, [int_, pointer], version)
    unit = CU([DIE("imported_unit", alt("import", version, dwarf, dwarf.units[0].root))], version=version)
    with pytest.raises(DwarfError, match="reference to a type's DIE") as caught:
        found_in(tmp_path, unit, sections=[link])
    assert caught.value.path == str(tmp_path / "common.dbg") and caught.value.offset == dwarf.offset(pointer)


@pytest.mark.parametrize("data", [b"", b"\5", b"\5\0\0", b"\5\0\0common.dbg", b"\5\0\0common.dbg\0",
                                  b"\5\0\0common.dbg\0\xff\xff\xff", b"\5\0\0\0\x14" + CHECKSUM])
def test_supplement__named_by_a_section_that_is_cut_is_refused(tmp_path, data):
    supplement(tmp_path, [base()])
    with pytest.raises(DwarfError, match="supplementary file") as caught:
        found_in(tmp_path, CU([base()]), sections=[Section(".debug_sup", data)])
    assert caught.value.section == ".debug_sup"


def test_supplement__is_closed_with_the_walk(tmp_path):
    _, link = supplement(tmp_path, [base()])
    path = Dwarf([CU([base()])], [link]).write(tmp_path / "a.elf")
    with ElfImage(path) as image, DwarfFiles(image) as files:
        assert [part.image.path for part in files.parts] == [str(path), str(tmp_path / "common.dbg")]
        held = files.parts[1].image._file
    assert held.closed
