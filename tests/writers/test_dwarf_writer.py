"""The DWARF writer is read back by readelf and by pyelftools, which know nothing of it."""

import itertools
import shutil
import subprocess

import pytest
from elftools.elf.elffile import ELFFile

from tests.writers.dwarf import (
    CU,
    DIE,
    Address,
    Attr,
    Dwarf,
    Expr,
    Locations,
    Ranges,
    Raw,
    Sibling,
    sleb,
    uleb,
)
from tests.writers.elf import EM_S390, Section, Symbol

VARIANTS = list(itertools.product((2, 3, 4, 5), (32, 64), (32, 64), ("little", "big")))


def readelf(path, what="info,abbrev"):
    if shutil.which("readelf") is None:
        pytest.skip("readelf is not installed")
    run = subprocess.run(["readelf", f"--debug-dump={what}", path], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    return run.stdout


def dies(path):
    """Each DIE's tag, offset and attributes as pyelftools reads them, unit by unit."""
    with open(path, "rb") as stream:
        info = ELFFile(stream).get_dwarf_info()
        return [
            [
                (die.tag, die.offset, {name: attr.value for name, attr in die.attributes.items()})
                for die in cu.iter_DIEs()
                if not die.is_null()
            ]
            for cu in info.iter_CUs()
        ]


def a_unit(version, format, **more):
    int_ = DIE("base_type", name="int", byte_size=4, encoding=5)
    node = DIE("structure_type", Attr("sibling", "ref4", Sibling), name="node", byte_size=16)
    pointer = DIE("pointer_type", byte_size=8, type=node)
    node.add(DIE("member", name="next", type=pointer, data_member_location=0))
    node.add(DIE("member", Attr("type", "ref_udata", int_), name="n", data_member_location=8))
    function = DIE("subprogram", name="f", low_pc=0x1000, high_pc=0x20, external=True, type=int_)
    function.add(DIE("formal_parameter", name="n", type=node, location=Expr(("fbreg", -20))))
    return CU([int_, node, pointer, function], version=version, format=format, name="a.c", low_pc=0, **more)


@pytest.mark.parametrize(("version", "format", "bits", "byteorder"), VARIANTS)
def test_writer__is_read_back_at_every_version_format_class_and_order(tmp_path, version, format, bits, byteorder):
    if version == 2 and format == 64:
        pytest.skip("DWARF 2 has no 64-bit format")
    unit = a_unit(version, format)
    image = Dwarf([unit, a_unit(version, format)], bits=bits, byteorder=byteorder, e_machine=EM_S390)
    path = image.write(tmp_path / "a.elf")
    text = readelf(path)
    assert text.count("DW_TAG_structure_type") == 4  # in two tables, in two units
    units = dies(path)
    assert len(units) == 2
    for unit, read in zip(image.units, units, strict=True):
        assert [offset for _, offset, _ in read] == [image.offset(die) for die in unit.root.walk()]
        int_, node, pointer, function = (read[i] for i in (1, 2, 5, 6))
        start = image.offset(unit)
        assert node[2]["DW_AT_name"] == b"node"
        assert node[2]["DW_AT_sibling"] == pointer[1] - start
        assert pointer[2]["DW_AT_type"] == node[1] - start
        assert read[4][2]["DW_AT_type"] == int_[1] - start
        assert function[2]["DW_AT_low_pc"] == 0x1000
        assert function[2]["DW_AT_external"] is True


@pytest.mark.parametrize(
    "form", ["string", "strp", "line_strp", "strx", "strx1", "strx2", "strx3", "strx4", ("indirect", "strp")]
)
@pytest.mark.parametrize("format", [32, 64])
def test_writer__strings_in_every_form(tmp_path, form, format):
    unit = CU([DIE("base_type", Attr("name", form, name), byte_size=4) for name in ("int", "long")], format=format)
    path = Dwarf([unit, a_unit(5, format)], byteorder="big").write(tmp_path / "a.elf")
    text = readelf(path)
    assert ": int\n" in text and ": long\n" in text
    if form == "strx4":
        return  # pyelftools 0.33 reads eight bytes for this form (structs.py, Dwarf_uint64)
    assert [die[2].get("DW_AT_name") for die in dies(path)[0][1:]] == [b"int", b"long"]


CONSTANTS = [("data1", 200), ("data2", 60000), ("data4", 2**32 - 1), ("data8", 2**64 - 1), ("udata", 2**63 + 5),
             ("sdata", -(2**63)), ("implicit_const", -7), (("indirect", "sdata"), -3)]  # fmt: skip


@pytest.mark.parametrize(("form", "value"), CONSTANTS)
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_writer__constants_in_every_form(tmp_path, form, value, byteorder):
    unit = CU([DIE("enumerator", Attr("const_value", form, value), name="A")])
    path = Dwarf([unit], byteorder=byteorder).write(tmp_path / "a.elf")
    readelf(path)
    assert dies(path)[0][1][2]["DW_AT_const_value"] == value


@pytest.mark.parametrize("form", ["ref1", "ref2", "ref4", "ref8", "ref_udata", "ref_addr"])
def test_writer__references_in_every_form(tmp_path, form):
    target = DIE("base_type", name="int", byte_size=4, encoding=5)
    source = DIE("pointer_type", Attr("type", form, target))
    unit = CU([source, target])
    image = Dwarf([a_unit(5, 32), unit])
    path = image.write(tmp_path / "a.elf")
    expected = image.offset(target)
    shown = readelf(path)
    assert f"<{expected:#x}>" in shown or f"DW_AT_type        : {expected:#x}" in shown  # the latter for ref8
    with open(path, "rb") as stream:
        cu = list(ELFFile(stream).get_dwarf_info().iter_CUs())[1]
        die = next(cu.get_top_DIE().iter_children())
        assert die.get_DIE_from_attribute("DW_AT_type").offset == expected


@pytest.mark.parametrize("version", [4, 5])
def test_writer__type_units_are_found_by_signature(tmp_path, version):
    point = DIE("structure_type", name="point", byte_size=8)
    types = CU([DIE("base_type", name="pad", byte_size=1), point], kind="type", signature=0x1122334455667788,
               type_die=point, version=version)  # fmt: skip
    user = DIE("variable", name="p", type=point)
    image = Dwarf([types, CU([user], version=version)])
    path = image.write(tmp_path / "a.elf")
    text = readelf(path, "info")
    assert "signature: 0x1122334455667788" in text.lower() and "DW_TAG_type_unit" in text
    assert (".debug_types" in image.debug_sections()) == (version == 4)
    assert f"Type Offset:   {image.offset(point) - image.offset(types):#x}" in text
    if version == 5:
        return  # pyelftools 0.33 finds signatures in .debug_types only
    with open(path, "rb") as stream:
        info = ELFFile(stream).get_dwarf_info()
        cu = next(cu for cu in info.iter_CUs() if cu.get_top_DIE().tag == "DW_TAG_compile_unit")
        die = next(cu.get_top_DIE().iter_children())
        assert die.get_DIE_from_attribute("DW_AT_type").attributes["DW_AT_name"].value == b"point"


def test_writer__partial_units_are_imported(tmp_path):
    int_ = DIE("base_type", name="int", byte_size=4, encoding=5)
    partial = CU([int_], kind="partial", version=5)
    main = CU([DIE("imported_unit", Attr("import", None, partial)), DIE("variable", name="v", type=int_)])
    image = Dwarf([partial, main])
    path = image.write(tmp_path / "a.elf")
    read = dies(path)
    assert read[0][0][0] == "DW_TAG_partial_unit"
    assert read[1][1][2]["DW_AT_import"] == image.offset(partial.root)
    assert read[1][2][2]["DW_AT_type"] == image.offset(int_)


@pytest.mark.parametrize("form", ["addr", "addrx", "addrx1", "addrx2", "addrx3", "addrx4"])
@pytest.mark.parametrize("address_size", [4, 8])
def test_writer__addresses_in_every_form(tmp_path, form, address_size):
    high = 0xFFFFFFFF81000000 if address_size == 8 else 0xC1000000
    unit = CU(
        [DIE("subprogram", Attr("low_pc", form, Address(high + i)), name=f"f{i}") for i in range(3)],
        address_size=address_size,
    )
    path = Dwarf([unit, a_unit(5, 32)], bits=8 * address_size).write(tmp_path / "a.elf")
    readelf(path, "info,addr")
    assert [die[2]["DW_AT_low_pc"] for die in dies(path)[0][1:]] == [high, high + 1, high + 2]


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_writer__range_lists(tmp_path, version, byteorder):
    pairs = [(0x1000, 0x1010), (0x2000, 0x2008)]
    form = [None, "rnglistx"][version == 5]
    functions = [
        DIE("subprogram", Attr("ranges", None, Ranges(pairs)), name="f"),
        DIE("subprogram", Attr("ranges", form, Ranges(pairs[::-1])), name="g"),
    ]
    path = Dwarf([a_unit(version, 32), CU(functions, version=version, low_pc=0)], byteorder=byteorder).write(
        tmp_path / "a.elf"
    )
    readelf(path, "Ranges")
    with open(path, "rb") as stream:
        info = ELFFile(stream).get_dwarf_info()
        cu = list(info.iter_CUs())[1]
        read = []
        for die in cu.get_top_DIE().iter_children():
            offset = die.attributes["DW_AT_ranges"].value
            entries = info.range_lists().get_range_list_at_offset(offset, cu)
            read.append([(entry.begin_offset, entry.end_offset) for entry in entries])
    assert read == [pairs, pairs[::-1]]


def test_writer__range_list_kinds_of_dwarf_5(tmp_path):
    entries = [("base_address", 0x1000), ("offset_pair", 1, 2), ("base_addressx", Address(0x4000)),
               ("offset_pair", 0x10, 0x20), ("startx_length", Address(0x5000), 0x10),
               ("start_length", 0x7000, 3)]  # fmt: skip
    # Not startx_endx: readelf 2.40 takes the second index times the address size for the index.
    unit = CU([DIE("subprogram", name="f", ranges=Ranges(entries))])
    text = readelf(Dwarf([unit]).write(tmp_path / "a.elf"), "Ranges")
    for line in ("1001 0000000000001002", "4010 0000000000004020", "5000 0000000000005010",
                 "7000 0000000000007003"):  # fmt: skip
        assert line in text


def test_writer__startx_endx_is_two_indices():
    unit = CU([DIE("subprogram", ranges=Ranges([("startx_endx", Address(0x6000), Address(0x6001))]))])
    sections = Dwarf([unit]).debug_sections()
    assert sections[".debug_rnglists"][12:] == bytes([2, 0, 1, 0])
    assert sections[".debug_addr"][8:] == (0x6000).to_bytes(8, "little") + (0x6001).to_bytes(8, "little")


@pytest.mark.parametrize(("version", "form"), [(4, None), (5, None), (5, "loclistx")])
def test_writer__location_lists(tmp_path, version, form):
    locations = Locations([(0x1000, 0x1008, Expr(("reg", 5))), (0x1008, 0x1010, Expr(("entry_value" if version == 5
                          else "GNU_entry_value", Expr(("reg", 5))), "stack_value"))])  # fmt: skip
    parameter = DIE("formal_parameter", Attr("location", form, locations), name="a")
    unit = CU([DIE("subprogram", parameter, name="f", low_pc=0x1000, high_pc=16)], version=version, low_pc=0)
    text = readelf(Dwarf([unit]).write(tmp_path / "a.elf"), "loc")
    assert "DW_OP_reg5 (rdi)" in text and "entry_value: (DW_OP_reg5 (rdi)); DW_OP_stack_value" in text


def test_writer__expressions(tmp_path):
    int_ = DIE("base_type", name="int", byte_size=4, encoding=5)
    expr = Expr(("addrx", Address(0x1234)), ("plus_uconst", 300), ("breg", 7, -8), ("lit", 3), ("convert", int_),
                ("piece", 4), ("constu", 2**64 - 1), b"\x96")  # fmt: skip
    image = Dwarf([CU([DIE("variable", name="v", location=expr), int_])])
    text = readelf(image.write(tmp_path / "a.elf"), "info")
    assert f"DW_OP_convert <{image.offset(int_):#x}>" in text
    assert "DW_OP_plus_uconst: 300; DW_OP_breg7 (rsp): -8; DW_OP_lit3" in text and "DW_OP_nop" in text


@pytest.mark.parametrize("form", ["block1", "block2", "block4", "block", "exprloc", "data16"])
def test_writer__blocks(tmp_path, form):
    data = bytes(range(16))
    path = Dwarf([CU([DIE("variable", Attr("const_value", form, data))])], byteorder="big").write(tmp_path / "a.elf")
    assert bytes(dies(path)[0][1][2]["DW_AT_const_value"]) == data


def test_writer__shared_abbreviations_and_large_codes(tmp_path):
    units = [a_unit(5, 32, first_abbrev_code=5000), a_unit(4, 32)]
    shared = Dwarf(units, share_abbrevs=True)
    path = shared.write(tmp_path / "a.elf")
    assert "Abbrev Number: 5001 (DW_TAG_base_type)" in readelf(path)
    assert len(dies(path)) == 2


@pytest.mark.parametrize("compress", ["zlib", "zdebug"])
@pytest.mark.parametrize(("bits", "byteorder"), [(32, "big"), (64, "little")])
def test_writer__compressed_sections_read_the_same(tmp_path, compress, bits, byteorder):
    plain = Dwarf([a_unit(5, 32)], bits=bits, byteorder=byteorder).write(tmp_path / "plain")
    packed = Dwarf([a_unit(5, 32)], bits=bits, byteorder=byteorder, compress=compress).write(tmp_path / "packed")
    assert dies(packed) == dies(plain)
    readelf(packed)


def test_writer__header_fields_can_lie():
    lies = {"unit_length": 0xFFFFFFF5, "version": 9, "unit_type": 0x7F, "address_size": 3,
            "debug_abbrev_offset": 0xABCDEF}  # fmt: skip
    data = Dwarf([CU(overrides=lies)]).debug_sections()[".debug_info"]
    assert data[:12] == bytes.fromhex("f5ffffff 0900 7f 03 efcdab00")


def test_writer__unknown_codes_forms_and_patches():
    odd = DIE("base_type", Attr("name", 0x99, Raw(b"\1\2")), Attr(0x3FFF, "strp", 0xFFFFFF00), abbrev_code=77)
    image = Dwarf([CU([odd], name="a.c")])
    section = image.debug_sections()[".debug_info"]
    at = image.offset(odd)
    assert section[at : at + 7] == bytes.fromhex("4d 0102 00ffffff")
    assert image.value_offset(odd, 0x3FFF) == at + 3
    image.patches.append((".debug_info", at, b"\x7f"))
    assert image.debug_sections()[".debug_info"][at] == 0x7F


def test_writer__sections_symbols_and_raw_sections(tmp_path):
    image = Dwarf(
        [a_unit(5, 32)],
        sections=[Section.text(size=0x100), Section.data_at(".data..percpu", 0, 64), Section(".debug_line", b"raw")],
        symbols=[Symbol("f", 0x1000, 0x20), Symbol("g", 0x1000, 0x20, bind=0)],
        leave_out=(".debug_str",),
    )
    with open(image.write(tmp_path / "a.elf"), "rb") as stream:
        elf = ELFFile(stream)
        assert elf.get_section_by_name(".debug_str") is None
        assert elf.get_section_by_name(".debug_line").data() == b"raw"
        assert [s.name for s in elf.get_section_by_name(".symtab").iter_symbols()] == ["", "g", "f"]


def test_writer__same_tree_same_bytes():
    assert Dwarf([a_unit(5, 32)]).to_bytes() == Dwarf([a_unit(5, 32)]).to_bytes()


def test_leb128__known_values():
    # DWARF5 section 7.6, the examples of both tables.
    assert [uleb(n).hex() for n in (2, 127, 128, 129, 12857)] == ["02", "7f", "8001", "8101", "b964"]
    assert [sleb(n).hex() for n in (2, -2, 127, -127, 128, -128, 129, -129)] == [
        "02", "7e", "ff00", "817f", "8001", "807f", "8101", "ff7e"]  # fmt: skip
