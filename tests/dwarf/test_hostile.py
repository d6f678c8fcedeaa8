"""Lying DWARF: one HarnessError that names path, section and offset, or a walk; in no time, and never a crash."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import dwarf_trees as trees
import elf_mutations as mutations
import pytest
import walk_rows as rows
from dwarf_trees import AT_GNU_ANNOTATION, base

from harness.dwarf import walk_tables as wt
from harness.errors import DwarfError, HarnessError
from tests.fixtures.build import OBJECTS
from tests.rounds import SHARE, rounds
from tests.writers.dwarf import CU, DIE, Address, Attr, Dwarf, Expr, Ranges, Raw, uleb
from tests.writers.elf import SHT_NOBITS, Elf, Section

SLOW = os.environ.get("BTF_HARNESS_SLOW") == "1"
OUTCOMES = 15 if SHARE == 1 else 10  # of damage: that it reaches every depth
LIMIT_SECONDS = 4  # of processor time; half of it on an idle machine
HUGE = b"\xff" * 9 + b"\x01"
GCC, CLANG = (OBJECTS / f"sample-x86_64-{name}-dwarf5.elf" for name in ("gcc", "clang"))


def timed(dwarf, folder, **options):
    path = dwarf.write(folder / "vmlinux") if hasattr(dwarf, "write") else dwarf
    started = time.process_time()
    try:
        return rows.walked(path, **options)
    finally:
        assert time.process_time() - started < LIMIT_SECONDS


def refused(dwarf, folder, match, section=".debug_info", offset=None, kind=DwarfError):
    """The error that the walk raises; `offset` is a number, or a DIE whose bytes it lies in."""
    rows.walked(GCC)  # so that the time is not that of the compilation
    with pytest.raises(kind, match=match) as caught:
        timed(dwarf, folder)
    error = caught.value
    assert isinstance(error, HarnessError) and error.path == str(folder / "vmlinux")
    assert error.section == section
    if offset is not None:
        assert error.offset == (dwarf.offset(offset) if isinstance(offset, (DIE, CU)) else offset)
    return error


def one(*dies, **how):
    """A file with one unit of these DIEs."""
    cu = {name: how.pop(name) for name in ("version", "format", "trailing", "overrides", "extra_abbrevs", "low_pc")
          if name in how}  # fmt: skip
    return Dwarf([CU(list(dies), name="hostile.c", **cu)], **how)


# Sections


def test_hostile__a_file_without_dwarf_names_the_package_that_has_it(tmp_path):
    error = refused(Elf([Section.text()]), tmp_path, "linux-image-<version>-dbg", section=None)
    assert "kernel-debuginfo" in error.message


def test_hostile__debug_data_kept_elsewhere_is_said_so(tmp_path):
    dwarf = one(base(), section_overrides={".debug_info": {"sh_type": SHT_NOBITS}})
    refused(dwarf, tmp_path, "SHT_NOBITS", kind=HarnessError)


@pytest.mark.parametrize("name", [".debug_abbrev", ".debug_str"])
def test_hostile__missing_sections_are_missed(tmp_path, name):
    match = "expected a .debug_abbrev section" if "abbrev" in name else "expected an offset within the string section"
    refused(one(base(), leave_out=(name,)), tmp_path, match, section=None if "abbrev" in name else ".debug_info")


def test_hostile__empty_info_is_no_dwarf_and_padding_is_none_either(tmp_path):
    refused(Elf([Section(".debug_info")]), tmp_path, "carries no DWARF", section=None)
    assert len(rows.walked(Elf([Section(".debug_info", bytes(64)), Section(".debug_abbrev", b"\0")])
                           .write(tmp_path / "b")).functions.die_off) == 0  # fmt: skip


@pytest.mark.parametrize("name", [".debug_info", ".debug_abbrev", ".debug_str"])
@pytest.mark.parametrize("lie", [{"sh_size": 1 << 40}, {"sh_offset": 1 << 40}, {"sh_offset": 2**64 - 1},
                                 {"sh_size": 2**64 - 1, "sh_offset": 2}])  # fmt: skip
def test_hostile__sections_past_the_end_of_the_file(tmp_path, name, lie):
    dwarf = one(base(), section_overrides={name: lie})
    refused(dwarf, tmp_path, "is the file truncated", section=name, offset=0, kind=HarnessError)


@pytest.mark.parametrize("path", [GCC, CLANG], ids=["gcc", "clang"])
def test_hostile__truncation_anywhere_is_an_error(tmp_path, path):
    whole = path.read_bytes()
    rng = random.Random(3)
    cuts = {0, 1, 4, 63, 64, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(50))}
    for start, stop, _ in mutations.places(path):
        cuts |= {int(start), int(stop) - 1, min(int(stop), len(whole) - 1)}
    for cut in sorted(cuts):
        (tmp_path / "vmlinux").write_bytes(whole[:cut])
        with pytest.raises(HarnessError) as caught:
            rows.walked(tmp_path / "vmlinux")
        assert caught.value.path == str(tmp_path / "vmlinux")


# Units


@pytest.mark.parametrize(
    ("overrides", "match"),
    [
        ({"unit_length": 0xFFFFFFF0}, "below 0xfffffff0"),
        ({"unit_length": 0xFFFFFFFF}, "unit"),
        ({"unit_length": 0x7FFFFFFF}, "unit_length 0x7fffffff"),
        ({"unit_length": 3}, "end of the unit"),
        ({"version": 1}, "version 2 to 5, found 1"),
        ({"version": 6}, "version 2 to 5, found 6"),
        ({"version": 0xFFFF}, "version 2 to 5"),
        ({"address_size": 0}, "address size of 4 or 8, found 0"),
        ({"address_size": 255}, "address size of 4 or 8, found 255"),
        ({"debug_abbrev_offset": 0xFFFFFFFF}, "debug_abbrev_offset below"),
    ],
)
@pytest.mark.parametrize("version", [4, 5])
def test_hostile__unit_headers(tmp_path, version, overrides, match):
    refused(one(base(), version=version, overrides=overrides), tmp_path, match, offset=0)


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**63 - 1, 1 << 40])
def test_hostile__64_bit_unit_lengths(tmp_path, length):
    refused(one(base(), format=64, overrides={"unit_length": length}), tmp_path, "unit_length", offset=0)


def test_hostile__the_second_unit_is_named_by_its_own_offset(tmp_path):
    bad = CU([base()], name="bad.c", overrides={"version": 9})
    refused(Dwarf([CU([base()], name="good.c"), bad]), tmp_path, "found 9", offset=bad)


def test_hostile__a_root_that_is_no_unit(tmp_path):
    cu = CU([base()])
    cu.root.tag = "structure_type"
    refused(Dwarf([cu]), tmp_path, "unit's DIE, found tag 0x13", offset=cu.root)


def test_hostile__the_unit_is_named_once_its_name_is_known(tmp_path):
    bad = DIE("base_type", name="int", byte_size=4, encoding=5, abbrev_code=99)
    error = refused(one(base(), bad), tmp_path, "abbreviation code of the unit's table, found 99", offset=bad)
    assert error.unit == "hostile.c"
    assert ": .debug_info+0x" in str(error) and "hostile.c" in str(error)


# Abbreviations


@pytest.mark.parametrize("code", [3000, (1 << 17) - 1, 1 << 17, 1 << 31, 1 << 63, (1 << 64) - 1])
def test_hostile__unknown_abbreviation_codes(tmp_path, code):
    bad = base()
    bad.abbrev_code = code
    refused(one(bad), tmp_path, "expected an abbreviation code", offset=bad)


@pytest.mark.parametrize(
    ("extra", "match"),
    [
        (uleb(1 << 17) + b"\x24\0\0\0", "codes below 131072"),
        (HUGE + b"\x24\0\0\0", "codes below 131072"),
        (uleb(50) + HUGE + b"\0\0\0", "end or nonsense"),
        (uleb(50) + b"\x24\0\x03\x7f\0\0", "DW_FORM 0x7f is unknown"),
        (uleb(50) + b"\x24\0\x03" + HUGE + b"\0\0", "DW_FORM 0x7fffffff is unknown"),
        (uleb(50) + b"\x24\0" + b"\x03\x0b" * 10, "end or nonsense"),
        (uleb(50) + b"\x24\0\x03", "DW_FORM 0x0 is unknown"),
        (uleb(50), "end or nonsense"),
    ],
)
def test_hostile__abbreviation_tables(tmp_path, extra, match):
    # the writer ends the table with a NUL, which is one too few where the declaration is not complete
    refused(one(base(), extra_abbrevs=extra), tmp_path, match, section=".debug_abbrev")


@pytest.mark.large
def test_hostile__too_many_attributes(tmp_path):
    extra = uleb(50) + b"\x24\0" + b"\x03\x19" * ((1 << 20) + 8) + b"\0\0"
    refused(one(base(), extra_abbrevs=extra), tmp_path, "at most 1048576 attributes", section=".debug_abbrev")


@pytest.mark.long
@pytest.mark.large
def test_hostile__abbreviations_of_a_million_attributes_without_bytes(tmp_path):
    # each DIE is one byte long and has a million attributes
    extra = uleb(50) + b"\x24\0" + b"\x3f\x19" * 1_000_000 + b"\0\0"
    dwarf = one(base(), extra_abbrevs=extra, trailing=b"\x32" * 2_000_000)
    dwarf.units[0].root.terminated = False
    refused(dwarf, tmp_path, "over and over")


@pytest.mark.long
@pytest.mark.large
def test_hostile__thousands_of_units_that_share_large_tables(tmp_path):
    table = b"".join(uleb(code) + b"\x24\0\x03\x08\0\0" for code in range(100, 20_000))
    sections = one(base(), extra_abbrevs=table).debug_sections()
    unit = sections[".debug_info"]
    shifted = bytearray(unit)
    assert unit[8:12] == bytes(4)
    body = bytearray()
    abbrev = 2 * sections[".debug_abbrev"]
    for number in range(8_000):
        # two tables by turns, so that neither is kept
        shifted[8:12] = (len(abbrev) // 2 * (number % 2)).to_bytes(4, "little")
        body += shifted
    rest = [Section(name, data) for name, data in sections.items() if name not in (".debug_info", ".debug_abbrev")]
    refused(Elf([Section(".debug_info", bytes(body)), Section(".debug_abbrev", abbrev), *rest]), tmp_path,
            "over and over")  # fmt: skip


# DIEs and forms


@pytest.mark.parametrize("form", [0x7F, 0, 0x02, 0x2D, 0x1F03, 0xFFFF])
@pytest.mark.parametrize("indirect", [False, True])
def test_hostile__unknown_forms(tmp_path, form, indirect):
    die = DIE("base_type", Attr("name", ("indirect", form) if indirect else form, Raw(b"x\0")))
    error = refused(one(die), tmp_path, f"DW_FORM {form:#x} is unknown",
                    section=".debug_info" if indirect else ".debug_abbrev")  # fmt: skip
    assert error.offset is not None


@pytest.mark.parametrize("form", ["indirect", "implicit_const"])
def test_hostile__indirect_forms_that_have_no_meaning(tmp_path, form):
    die = DIE("base_type", Attr("byte_size", ("indirect", form), Raw(b"\x0b\x04")))
    refused(one(die), tmp_path, "DW_FORM 0x(16|21) is unknown")


@pytest.mark.parametrize(
    "attr",
    [
        Attr("const_value", "block", Raw(HUGE)),
        Attr("const_value", "exprloc", Raw(uleb(1 << 63))),
        Attr("const_value", "exprloc", Raw(b"\x7f")),
        Attr("const_value", "block1", Raw(b"\xff")),
        Attr("const_value", "block2", Raw(b"\xff\xff")),
        Attr("const_value", "block4", Raw(b"\xff\xff\xff\xff")),
        Attr("const_value", "data16", Raw(b"")),
        Attr("const_value", "data8", Raw(b"")),
        Attr("producer", "block4", Raw(b"\xff\xff\xff\xff")),
        Attr("name", "string", Raw(b"no end")),
    ],
    ids=lambda attr: f"{attr.name}-{attr.form}",
)
@pytest.mark.parametrize("tag", ["base_type", "typedef", "member"])
def test_hostile__attributes_longer_than_the_unit(tmp_path, tag, attr):
    # the last DIE of the last unit: behind it there is nothing
    die = DIE(tag, attr)
    dwarf = one(die)
    dwarf.units[0].root.terminated = False
    refused(dwarf, tmp_path, "reaches past the unit's end|within the string section")


@pytest.mark.parametrize("size", [10, 11, 200, 100_000])
def test_hostile__endless_leb128(tmp_path, size):
    dwarf = one(DIE("base_type", Attr("byte_size", "udata", Raw(b"\xff" * size)), name="x", encoding=5))
    try:
        timed(dwarf, tmp_path)
    except HarnessError as error:
        assert error.section == ".debug_info"


@pytest.mark.parametrize("form", ["strp", "line_strp", "strx", "strx1", "strx2", "strx3", "strx4"])
@pytest.mark.parametrize("where", [base, lambda **k: DIE("structure_type"), lambda: DIE("subprogram")])
def test_hostile__strings_past_their_section(tmp_path, form, where):
    big = 0xFFFFFF if form == "strx3" else 0x7F if form == "strx1" else 0x7FFF if form == "strx2" else 0xFFFFFFFF
    die = where()
    die.attributes = [Attr("name", form, big)]
    refused(one(die, base()), tmp_path, "offset within the string section, found 0x")


def test_hostile__string_offsets_base_anywhere(tmp_path):
    for value in (0, 1, 0xFFFFFFFF):
        die = DIE("base_type", Attr("name", "strx", "t"), byte_size=4, encoding=5)
        cu = CU([die], Attr("str_offsets_base", "sec_offset", value), bases=False)
        try:
            timed(Dwarf([cu]), tmp_path)
        except HarnessError as error:
            assert error.section == ".debug_info" and error.offset is not None


@pytest.mark.parametrize("index", [1, 1 << 31, 1 << 41, (1 << 64) - 1])
@pytest.mark.parametrize("what", ["low_pc", "location"])
def test_hostile__address_indices_past_the_section(tmp_path, what, index):
    if what == "low_pc":
        die = DIE("subprogram", Attr("low_pc", "addrx", index), name="f")
    else:
        die = DIE("variable", name="v", location=Expr(("addrx", index)))
    good = DIE("subprogram", Attr("low_pc", "addrx", Address(0x1000)), name="g")
    refused(one(good, die), tmp_path, "index within .debug_addr")


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("offset", [10_000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_hostile__ranges_past_their_section(tmp_path, version, offset):
    real = DIE("subprogram", name="g", ranges=Ranges([(0x1000, 0x1001)]))
    bad = DIE("subprogram", Attr("ranges", "sec_offset", offset), name="f")
    refused(one(real, bad, version=version), tmp_path, "range list within its section", offset=bad)


@pytest.mark.parametrize("form", ["rnglistx", "sec_offset"])
@pytest.mark.parametrize(
    "entries",
    [[b"\x7f"], [b"\x05\x01"], [b"\x04" + HUGE * 2], [b"\x01" + HUGE], [b"\x02" + HUGE], [b"\x06"], [b"\x01"],
     [("offset_pair", 1, 1)] * 5],
)  # fmt: skip
def test_hostile__broken_range_lists(tmp_path, form, entries):
    bad = DIE("subprogram", Attr("ranges", form, Ranges(entries, end=False)), name="f")
    try:
        timed(one(bad), tmp_path)
    except DwarfError as error:
        assert "range list" in error.message and error.section == ".debug_info"


@pytest.mark.parametrize("index", [7, 1 << 41, (1 << 64) - 1])
def test_hostile__range_list_indices_past_the_section(tmp_path, index):
    bad = DIE("subprogram", Attr("ranges", "rnglistx", index), name="f")
    real = DIE("subprogram", name="g", ranges=Ranges([(0x1000, 0x1001)]))
    dwarf = one(real, bad)
    if index == 7:  # it reads its offset from the lists themselves
        try:
            timed(dwarf, tmp_path)
        except DwarfError as error:
            assert error.section == ".debug_info"
    else:
        refused(dwarf, tmp_path, "range list", offset=bad)


# References

REFERRERS = {
    "pointer": lambda attr: DIE("pointer_type", attr("type")),
    "typedef": lambda attr: DIE("typedef", attr("type")),
    "array": lambda attr: DIE("array_type", attr("type")),
    "member": lambda attr: DIE("structure_type", DIE("member", attr("type")), byte_size=4),
    "prototype": lambda attr: DIE("subroutine_type", attr("type")),
    "parameter of a prototype": lambda attr: DIE("subroutine_type", DIE("formal_parameter", attr("type"))),
    "function": lambda attr: DIE("subprogram", attr("type"), name="f"),
    "parameter": lambda attr: DIE("subprogram", DIE("formal_parameter", attr("type")), name="f"),
    "variable": lambda attr: DIE("variable", attr("type"), location=Expr(("addr", 1)), name="v"),
    "origin": lambda attr: DIE("subprogram", attr("abstract_origin")),
    "specification": lambda attr: DIE("subprogram", attr("specification")),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("referrer", REFERRERS)
@pytest.mark.parametrize("target", [0, 5, 0xFFFFFFFF, 0x7FFFFFFF, 2])
def test_hostile__references_out_of_the_unit_or_into_its_header(tmp_path, referrer, target):
    die = REFERRERS[referrer](lambda name: Attr(name, "ref4", target))
    refused(one(base(), die), tmp_path, "reference to a type's DIE")


@pytest.mark.parametrize("referrer", REFERRERS)
@pytest.mark.parametrize("form", ["ref8", "ref_udata", "ref_addr", "ref_sig8", "data8", "exprloc", "string",
                                  "GNU_ref_alt", "strp", "ref_sup8", "addr"])  # fmt: skip
def test_hostile__references_of_every_form_and_any_value(tmp_path, referrer, form):
    raws = {"exprloc": [b"\x20" + bytes(32), b"\x05" * 6], "string": [b"xxx\0"], "ref_udata": [HUGE]}
    plain = [2**64 - 1, 2**63, 2**63 - 1, 1]
    wide = form in ("ref8", "ref_sig8", "data8", "ref_sup8", "addr")
    nbytes = 8 if wide else 4
    values = raws.get(form) or [(v % 256**nbytes).to_bytes(nbytes, "little") for v in plain]
    for value in values:
        die = REFERRERS[referrer](lambda name, value=value: Attr(name, form, Raw(value)))
        try:
            timed(one(base(), die), tmp_path)
        except HarnessError as error:
            assert error.section in (".debug_info", ".debug_abbrev")


@pytest.mark.long
@pytest.mark.large
def test_hostile__references_into_the_middle_of_every_die(tmp_path):
    dwarf = trees.kitchen_sink()
    main = dwarf.units[0]
    pointer = next(die for die in main.root.children if die.tag == "pointer_type")
    at = dwarf.value_offset(pointer, "type")
    end = dwarf.offset(dwarf.units[1])
    for target in range(0, end + 3, 2):
        dwarf.patches = [(".debug_info", at, target.to_bytes(4, "little"))]
        try:
            timed(dwarf, tmp_path)
        except DwarfError as error:
            assert error.section == ".debug_info" and error.unit == "main.c"


@pytest.mark.parametrize("link", ["abstract_origin", "specification"])
@pytest.mark.parametrize("tag", ["subprogram", "variable", "formal_parameter"])
@pytest.mark.parametrize("length", [1, 2, 40])
def test_hostile__cycles_of_origins(tmp_path, link, tag, length):
    ring = [DIE(tag) for _ in range(length)]
    for die, following in zip(ring, [*ring[1:], ring[0]], strict=True):
        if tag == "variable":
            die.set(location=Expr(("addr", 1)))
        die.set(Attr(link, "ref4", following))
    dies = [DIE("subprogram", *ring, name="f")] if tag == "formal_parameter" else ring
    if tag == "formal_parameter" and link == "specification":
        timed(one(*dies), tmp_path)  # parameters have no specification
    else:
        error = refused(one(*dies), tmp_path, "a chain of references that ends, found a cycle")
        assert error.offset is not None


@pytest.mark.parametrize("length", [1, 2, 100])
def test_hostile__cycles_of_atomic_types(tmp_path, length):
    ring = [DIE("atomic_type") for _ in range(length)]
    for die, following in zip(ring, [*ring[1:], ring[0]], strict=True):
        die.set(Attr("type", "ref4", following))
    refused(one(*ring, DIE("pointer_type", type=ring[0])), tmp_path, "found a cycle")


@pytest.mark.parametrize("tag", ["typedef", "const_type", "pointer_type", "array_type"])
def test_walk__types_may_refer_to_themselves(tmp_path, tag):
    die = DIE(tag)
    die.set(Attr("type", "ref4", die))
    found = timed(one(die), tmp_path)
    (row,), first = rows.own_rows(found)
    assert row.ref == first


def test_hostile__cycles_of_bitfield_types(tmp_path):
    ring = DIE("typedef")
    ring.set(Attr("type", "ref4", ring))
    member = DIE("member", type=ring, bit_size=3, bit_offset=1, data_member_location=0)
    timed(one(ring, DIE("structure_type", member, byte_size=4)), tmp_path)


def test_hostile__cycles_of_enumeration_types(tmp_path):
    ring = DIE("typedef")
    ring.set(Attr("type", "ref4", ring))
    timed(one(ring, DIE("enumeration_type", byte_size=8, type=ring)), tmp_path)


def test_hostile__xrefs_that_name_no_die(tmp_path):
    first = CU([base()])
    bad = CU([DIE("pointer_type", Attr("type", "ref_addr", 0xFFFF))])
    refused(Dwarf([first, bad]), tmp_path, "reference to a type's DIE, found 0xffff", offset=bad)


# Annotations


@pytest.mark.parametrize("tag", ["pointer_type", "structure_type", "subprogram"])
@pytest.mark.parametrize("what", ["btf_type_tag", "btf_decl_tag", "other"])
@pytest.mark.parametrize("length", [1, 2, 300])
def test_hostile__cycles_of_annotations(tmp_path, tag, what, length):
    ring = [DIE(trees.GNU_ANNOTATION, name=what, const_value="x") for _ in range(length)]
    for die, following in zip(ring, [*ring[1:], ring[0]], strict=True):
        die.set(Attr(AT_GNU_ANNOTATION, "ref4", following))
    user = trees.annotated(DIE(tag), ring[0])
    refused(one(user, *ring), tmp_path, "expected a reference", offset=user)


def test_hostile__an_annotation_that_leads_out_of_the_chain(tmp_path):
    # a type tag without text, then a pointer that refers to itself
    user, other = DIE("pointer_type"), DIE("pointer_type")
    tag = DIE(trees.GNU_ANNOTATION, Attr(AT_GNU_ANNOTATION, "ref4", other), name="btf_type_tag")
    trees.annotated(user, tag)
    nothing = DIE("const_type")
    trees.annotated(other, nothing)
    found = timed(one(user, tag, other, nothing), tmp_path)
    assert [(row.kind, row.name, row.ref) for row in rows.rows(found)][:2] == [("PTR", "", 2), ("TYPE_TAG", "", 0)]


@pytest.mark.parametrize("value", [Attr("const_value", "data8", 2**63), Attr("const_value", "data4", 0xFFFFFFF0),
                                   Attr("const_value", "exprloc", b"abc"), Attr("const_value", "sdata", -1)],
                         ids=lambda attr: attr.form)  # fmt: skip
def test_hostile__annotations_whose_text_is_a_number_have_none(tmp_path, value):
    gnu = DIE(trees.GNU_ANNOTATION, value, name="btf_type_tag")
    decl = DIE(trees.GNU_ANNOTATION, value, name="btf_decl_tag")
    user = trees.annotated(DIE("pointer_type"), gnu)
    clang = DIE("pointer_type", DIE(trees.LLVM_ANNOTATION, value, name="btf_type_tag"))
    struct = trees.annotated(DIE("structure_type", byte_size=4), decl)
    found = timed(one(gnu, decl, user, clang, struct), tmp_path)
    assert [row.name for row in rows.rows(found) if row.kind == "TYPE_TAG"] == ["", ""]
    assert rows.tags(found) == [(wt.T_TYPE, 5, -1, "")]


@pytest.mark.large
def test_hostile__more_annotations_than_bytes(tmp_path):
    chain = None
    tags = []
    for number in range(200):
        chain = trees.gnu("btf_type_tag", f"t{number}", chain)
        tags.append(chain)
    users = [trees.annotated(DIE("pointer_type"), chain) for _ in range(5000)]
    refused(one(*tags, *users, *[DIE("pointer_type") for _ in range(50)]), tmp_path, "over and over")


# Shape


@pytest.mark.parametrize("tag", ["structure_type", "lexical_block", "subprogram", "pointer_type"])
def test_hostile__nesting_100_000_deep(tmp_path, tag):
    dwarf = one(DIE(tag, has_children=True, terminated=False))
    extra = len(dwarf.debug_sections()[".debug_info"])
    die = dwarf.units[0].root.children[0]
    code = dwarf.debug_sections()[".debug_info"][dwarf.offset(die) : extra]
    dwarf = one(DIE(tag, has_children=True, terminated=False), trailing=code[:1] * 100_000)
    dwarf.units[0].root.terminated = False
    refused(dwarf, tmp_path, "nested at most 4096 deep")


@pytest.mark.large
def test_hostile__deep_nesting_where_each_level_must_look_behind_the_next(tmp_path):
    # 4000 structs within one another around a million DIEs, each struct with its own member at its end
    struct = DIE("structure_type", has_children=True, terminated=False)
    member = DIE("member")
    probe = one(struct, member)
    info = probe.debug_sections()[".debug_info"]
    s, m = info[probe.offset(struct) : probe.offset(struct) + 1], info[probe.offset(member) : probe.offset(member) + 1]
    body = s * 4000 + m * 1_000_000 + (b"\0" + m) * 4000 + b"\0"
    dwarf = one(struct, member, trailing=body)
    dwarf.units[0].root.terminated = False
    refused(dwarf, tmp_path, "over and over")


@pytest.mark.large
def test_hostile__deep_nesting_around_many_types(tmp_path):
    """Each struct goes behind all types that are declared in it."""
    struct = DIE("structure_type", has_children=True, terminated=False)
    pointer = DIE("pointer_type")
    probe = one(struct, pointer)
    info = probe.debug_sections()[".debug_info"]
    s, p = (info[at : at + 1] for at in map(probe.offset, (struct, pointer)))
    dwarf = one(struct, pointer, trailing=s * 4000 + p * 1_000_000 + b"\0" * 4000)
    dwarf.units[0].root.terminated = False
    refused(dwarf, tmp_path, "over and over")


@pytest.mark.parametrize(("bounds", "nelems"), [
    ([2**64 - 1], 0), ([2**32 - 1, 1], None), ([0] * 100, 1), ([2**32 - 2], 2**32 - 1),
    ([2**16 - 1, 2**16 - 2], 2**32 - 2**16), ([2**63, 2**64 - 1, 5], 0), ([2**63, 2**63], None), ([2**32], None),
    ([2**16 - 1, 2**16 - 1], None), ([1] * 32, None), ([2**31, 2**31, 2**31], None)])  # fmt: skip
def test_walk__array_of_more_elements_than_32_bits_can_say_has_no_form_in_btf(tmp_path, bounds, nelems):
    """-1 is how compilers say that there are none; in 32 bits it is that only where addresses have as many."""
    dims = [DIE("subrange_type", Attr("upper_bound", "udata", n)) for n in bounds]
    found = timed(one(DIE("array_type", *dims)), tmp_path, nested_arrays=False)
    last = rows.rows(found)[-2]
    assert (last.kind, last.name) == (("FWD", "") if nelems is None else ("ARRAY", ""))
    assert nelems is None or last.nelems == nelems
    assert found.counts["type_dies_unsupported"] == (nelems is None)


@pytest.mark.parametrize(("bits", "nelems"), [(32, 0), (64, None)])
@pytest.mark.parametrize("form", ["data4", "udata"])
def test_walk__upper_bound_of_32_ones_is_minus_1_where_addresses_have_32_bits(tmp_path, bits, nelems, form):
    # on x86-64 gcc 12 writes it for char[4294967296], and for [0] a DW_AT_count of 0
    array = DIE("array_type", DIE("subrange_type", Attr("upper_bound", form, 2**32 - 1)))
    found = timed(one(array, bits=bits), tmp_path)
    array = rows.rows(found)[0]
    assert (array.kind, array.nelems if array.kind == "ARRAY" else None) == ("FWD" if bits == 64 else "ARRAY", nelems)
    assert found.counts["type_dies_unsupported"] == (nelems is None)


@pytest.mark.parametrize("bounds", [[3, 2**32, 4], [2**40], [2**32 - 2, 2**32 - 2], [2**64 - 1, 5]])
def test_walk__each_dimension_is_an_array_or_has_no_form_in_btf(tmp_path, bounds):
    dims = [DIE("subrange_type", Attr("upper_bound", "udata", n)) for n in bounds]
    found = timed(one(DIE("array_type", *dims)), tmp_path)
    expected = [0 if n == 2**64 - 1 else n + 1 for n in reversed(bounds)]
    assert [row.nelems if row.kind == "ARRAY" else None for row in rows.rows(found)[:-1]] == [
        n if n < 2**32 else None for n in expected]
    assert found.counts["type_dies_unsupported"] == sum(n >= 2**32 for n in expected)


def test_hostile__types_between_the_dimensions_of_an_array(tmp_path):
    dwarf = one(DIE("array_type", DIE("subrange_type"), base(), DIE("subrange_type")))
    refused(dwarf, tmp_path, "expected the dimensions of an array one after another, found types between them")
    assert [row.kind for row in rows.rows(timed(dwarf, tmp_path, nested_arrays=False))][:-1] == ["ARRAY", "INT"]


def test_walk__a_subrange_outside_an_array_is_no_dimension(tmp_path):
    dims = DIE("subrange_type"), DIE("subrange_type")
    dwarf = one(*dims, DIE("structure_type", DIE("subrange_type"), DIE("subrange_type")))
    assert [row.kind for row in rows.rows(timed(dwarf, tmp_path))] == ["STRUCT"]


@pytest.mark.parametrize("to", [0, 1, "self", "end", 0xFFFFFFFF, "members"])
def test_hostile__siblings_that_point_backward_forward_or_past_the_end(tmp_path, to):
    int_ = base()
    inner = DIE("structure_type", Attr("sibling", "ref4", 0), DIE("member", name="x", type=int_), byte_size=4)
    outer = DIE("structure_type", inner, DIE("member", name="y", type=int_), byte_size=8)
    other = DIE("structure_type", DIE("member", name="z", type=int_), byte_size=8)
    dwarf = one(int_, outer, other)
    end = len(dwarf.debug_sections()[".debug_info"])
    value = {"self": dwarf.offset(inner), "end": end, "members": dwarf.offset(other.children[0])}.get(to, to)
    inner.attributes[0].value = value
    dwarf._built = None
    try:
        found = timed(dwarf, tmp_path)
    except DwarfError as error:
        assert "DW_AT_sibling lies" in error.message and error.section == ".debug_info"
    else:
        by_size = [row for row in rows.rows(found) if row.size == 8]
        assert [len(row.members) for row in by_size] == [1, 1]


@pytest.mark.large
def test_hostile__too_many_members_become_a_forward_declaration(tmp_path):
    int_ = base()
    member = DIE("member", name="m", type=int_)
    big = DIE("structure_type", member, name="big", byte_size=4, terminated=False)
    probe = one(int_, big)
    info = probe.debug_sections()[".debug_info"]
    raw = info[probe.offset(member) : probe._built.after[member]]
    dwarf = one(int_, big, trailing=raw * 70_000 + b"\0\0")
    dwarf.units[0].root.terminated = False
    found = timed(dwarf, tmp_path)
    assert [(r.kind, r.name) for r in rows.rows(found)] == [("INT", "int"), ("FWD", "big")]
    assert found.counts["type_dies_unsupported"] == 1


@pytest.mark.parametrize("tag", ["member", "enumerator", "formal_parameter", "unspecified_parameters", "subrange_type",
                                 trees.LLVM_ANNOTATION])  # fmt: skip
@pytest.mark.parametrize(
    "parent",
    ["base_type", "pointer_type", "structure_type", "enumeration_type", "array_type", "subroutine_type", "subprogram",
     "member", "variable", "lexical_block"],
)  # fmt: skip
def test_hostile__children_in_the_wrong_place(tmp_path, tag, parent):
    child = DIE(tag, name="btf_decl_tag", const_value="x")
    extra = {"location": Expr(("addr", 8))} if parent == "variable" else {}
    for declaration in (None, True):
        timed(one(DIE(parent, child, DIE(tag), name="p", declaration=declaration, **extra), base()), tmp_path)


def test_hostile__an_enumerator_larger_than_its_enum(tmp_path):
    die = DIE("enumeration_type", DIE("enumerator", name="a", const_value=2**40), byte_size=4)
    refused(one(die), tmp_path, "enumerator that fits")


@pytest.mark.parametrize("attr", ["data_member_location", "bit_size", "bit_offset", "byte_size", "data_bit_offset"])
@pytest.mark.parametrize("form", ["data8", "sdata", "exprloc", "string", "strp", "addr", "ref8", "sec_offset", "addrx"])
def test_hostile__members_placed_by_any_form(tmp_path, attr, form):
    # only constants and expressions say something; whatever else stands there must not be followed
    raw = {"exprloc": [b"\x00", b"\x01\x23", b"\x05\x23" + b"\xff" * 4], "string": [b"ab\0"], "sdata": [HUGE],
           "addrx": [b"\0"], "strp": [b"\xff" * 4], "sec_offset": [b"\xff" * 4]}.get(
               form, [b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\0" * 7 + b"\x80"])  # fmt: skip
    for value in raw:
        member = DIE("member", Attr(attr, form, Raw(value)), name="x")
        if attr != "bit_size":
            member.set(bit_size=3)
        if attr != "bit_offset":
            member.set(bit_offset=3)
        try:
            timed(one(DIE("structure_type", member, byte_size=4)), tmp_path)
        except DwarfError as error:
            assert error.section == ".debug_info"


@pytest.mark.parametrize("form", ["data8", "exprloc", "string", "strp", "addr", "ref8", "sec_offset", "loclistx"])
def test_hostile__variables_located_by_any_form(tmp_path, form):
    raw = {"exprloc": [b"\x00", b"\x01\x03", b"\x02\xa1\xff", b"\x09\x03" + b"\xff" * 8, b"\x01\xfb"],
           "string": [b"ab\0"], "strp": [b"\xff" * 4], "sec_offset": [b"\xff" * 4], "loclistx": [HUGE]}.get(
               form, [b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\0" * 7 + b"\x80"])  # fmt: skip
    for value in raw:
        try:
            timed(one(DIE("variable", Attr("location", form, Raw(value)), name="x")), tmp_path)
        except DwarfError as error:
            assert error.section == ".debug_info"


# Explosions


@pytest.mark.long
@pytest.mark.large
def test_hostile__strings_that_share_their_ends(tmp_path):
    # 20,000 names, each of them a tail of one string of a megabyte
    names = [DIE("base_type", Attr("name", "strp", 7 * n), byte_size=4, encoding=5) for n in range(20_000)]
    dwarf = one(*names, sections=[Section(".debug_str", b"a" * 1_000_000 + b"\0")])
    dwarf.units[0].root.attributes = [a for a in dwarf.units[0].root.attributes if a.name != "name"]
    refused(dwarf, tmp_path, "overlap", section=".debug_str")


@pytest.mark.long
@pytest.mark.large
def test_hostile__long_inline_names_at_the_end_of_many_references(tmp_path):
    origin = DIE("subprogram", Attr("name", "string", "x" * 500_000))
    users = [DIE("subprogram", abstract_origin=origin) for _ in range(20_000)]
    refused(one(origin, *users), tmp_path, "over and over")


@pytest.mark.large
def test_hostile__range_lists_that_never_begin(tmp_path):
    empty = Ranges([(0x1000, 0x1000)] * 100_000)
    users = [DIE("subprogram", name="f", ranges=empty) for _ in range(3_000)]
    refused(one(*users, version=4), tmp_path, "over and over")


# Damage


@pytest.mark.large
@pytest.mark.parametrize("path", [GCC, CLANG], ids=["gcc", "clang"])
@pytest.mark.parametrize("seed", [1, 2])
def test_hostile__mutations_give_a_walk_or_one_error(path, seed):
    seen = mutations.run(path, rounds(700), seed)
    assert seen["walked"] > 100 // SHARE and len(seen) > OUTCOMES, "the damage must reach every depth"


@pytest.mark.large
@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("bits", [32, 64])
def test_hostile__mutations_of_rare_constructs(tmp_path, byteorder, bits):
    path = trees.kitchen_sink(byteorder=byteorder, bits=bits).write(tmp_path / "sink")
    seen = mutations.run(path, rounds(400), 5)
    assert seen["walked"] > 40 // SHARE and len(seen) > OUTCOMES


@pytest.mark.large
def test_hostile__mutations_stay_within_every_array(tmp_path):
    """NUMBA_BOUNDSCHECK=1 makes an access out of bounds an IndexError, which is no HarnessError."""
    if not SLOW:
        pytest.skip("BTF_HARNESS_SLOW=1 damages files 12,000 times under NUMBA_BOUNDSCHECK=1; make test-bounds does "
                    "4,400 times")
    here = Path(__file__).resolve()
    env = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "PYTHONPATH": str(here.parents[2])}
    env.pop("NUMBA_CACHE_DIR", None)  # set by harness.accelerate for this process, without the switch
    sink = trees.kitchen_sink().write(tmp_path / "sink")
    for path in (sink, GCC, CLANG):
        command = [sys.executable, str(here.with_name("elf_mutations.py")), str(path), "4000", "11"]
        run = subprocess.run(command, env=env, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert "walked" in run.stdout
