"""Locations of parameters: expressions and location lists, from DIEs stated in Python, as the walk reads them."""

import random
import time
from typing import NamedTuple

import pytest
from elftools.dwarf.dwarf_expr import DWARFExprParser
from elftools.dwarf.structs import DWARFStructs

from harness.dwarf import walk
from harness.dwarf import walk_tables as wt
from harness.elf import ElfImage
from harness.errors import DwarfError
from tests.writers.dwarf import CU, DIE, Address, Attr, Dwarf, Expr, Locations, Raw, uleb
from tests.writers.elf import Section

LAYOUTS = [(byteorder, bits, format) for byteorder in ("little", "big") for bits in (32, 64) for format in (32, 64)]
layouts = pytest.mark.parametrize(("byteorder", "bits", "format"), LAYOUTS)
versions = pytest.mark.parametrize("version", [4, 5])

NONE, OTHERWISE = -1, -2

REG, NOP, STACK_VALUE = 0x50, 0x96, 0x9F


class Reading(NamedTuple):
    """What the walk makes of one location; `seen` as a set of registers, "other" for none of them."""

    reg: int = NONE
    reg_pieces: int = NONE
    first: int = NONE
    seen: frozenset = frozenset()


def saw(*registers):
    return frozenset(registers)


def parameter(location):
    """A parameter with this location: an `Attr`, or the value of one in the usual form."""
    if isinstance(location, Attr):
        return DIE("formal_parameter", location, name="p")
    return DIE("formal_parameter", name="p", location=location)


def walked(path):
    with ElfImage(path) as image:
        return walk(image)


def read(tmp_path, *locations, version=5, format=32, more=(), **how):
    """The `Reading` of each location, and how many could not be read."""
    function = DIE("subprogram", *[parameter(each) for each in locations], name="f", low_pc=0x1000)
    image = Dwarf([CU([function], version=version, format=format), *more], **how)
    found = walked(image.write(tmp_path / "a.elf"))
    return readings(found)[: len(locations)], found.counts["locations_unread"]


def readings(found):
    f = found.functions
    return [Reading(int(r), int(rp), int(first), frozenset("other" if b == 63 else b for b in range(64)
                                                           if int(seen) >> b & 1))
            for r, rp, first, seen in zip(f.param_reg, f.param_reg_pieces, f.param_first, f.param_seen, strict=True)]


def one(tmp_path, location, **how):
    made, unread = read(tmp_path, location, **how)
    assert unread == 0
    return made[0]


# Expressions


EXPRESSIONS = {
    "a register": (Expr(("reg", 5)), Reading(5, 5, 5, saw(5))),
    "register 31": (Expr(("reg", 31)), Reading(31, 31, 31, saw(31))),
    "a register's value": (Expr(("reg", 5), "stack_value"), Reading(5, 5, 5, saw(5))),
    "a register, and more": (Expr(("reg", 5), "deref"), Reading(5, 5, 5)),
    "what a register points to": (Expr(("breg", 7, 16)), Reading(first=OTHERWISE)),
    "a register plus a number": (Expr(("breg", 4, -1), "stack_value"), Reading(4, 4, OTHERWISE)),
    "a register plus a number, worked on": (Expr(("breg", 4, 0), ("lit", 1), "plus", "stack_value"),
                                            Reading(4, NONE, OTHERWISE)),
    "an entry value": (Expr(("entry_value", Expr(("reg", 4))), "stack_value"), Reading(4, 4, OTHERWISE, saw(4))),
    "gcc's old entry value": (Expr(("GNU_entry_value", Expr(("reg", 4))), "stack_value"),
                              Reading(4, 4, OTHERWISE, saw(4))),
    "a bare entry value": (Expr(("entry_value", Expr(("reg", 0)))), Reading(0, 0, OTHERWISE, saw(0))),
    "an entry value, worked on": (Expr(("entry_value", Expr(("reg", 4))), ("lit", 1), "plus", "stack_value"),
                                  Reading(first=OTHERWISE)),
    "what a register pointed to on entry": (Expr(("entry_value", Expr(("breg", 4, 8))), "stack_value"),
                                            Reading(first=OTHERWISE, seen=saw("other"))),
    "an entry value of several operations": (Expr(("entry_value", Expr(("reg", 4), "deref")), "stack_value"),
                                             Reading(first=OTHERWISE)),
    "an entry value of nothing": (Expr(("entry_value", Expr()), "stack_value"), Reading(first=OTHERWISE)),
    "the frame": (Expr(("fbreg", -16)), Reading(first=OTHERWISE)),
    "a literal": (Expr(("lit", 3), "stack_value"), Reading(first=OTHERWISE)),
    "a constant": (Expr(("constu", 1000), "stack_value"), Reading(first=OTHERWISE)),
    "an address": (Expr(("addr", 0x1000)), Reading(first=OTHERWISE)),
    "two pieces": (Expr(("reg", 5), ("piece", 8), ("reg", 4), ("piece", 8)), Reading(5, 5, 5)),
    "a missing piece, then one": (Expr(("piece", 8), ("reg", 4), ("piece", 8)), Reading(NONE, 4, OTHERWISE)),
    "a piece in memory, then one": (Expr(("fbreg", 0), ("piece", 8), ("reg", 1), ("piece", 8)),
                                    Reading(NONE, 1, OTHERWISE)),
    "a constant piece, then one": (Expr(("lit", 0), "stack_value", ("piece", 8), ("reg", 1), ("piece", 8)),
                                   Reading(first=OTHERWISE)),
    "nothing": (Expr(), Reading()),
}
"""Name: the expression, and what it says when it is all there is."""


@layouts
@versions
def test_expressions__say_which_register(tmp_path, byteorder, bits, format, version):
    made, unread = read(tmp_path, *(expression for expression, _ in EXPRESSIONS.values()), version=version,
                        byteorder=byteorder, bits=bits, format=format)
    assert dict(zip(EXPRESSIONS, made, strict=True)) == {name: expected for name, (_, expected) in EXPRESSIONS.items()}
    assert unread == 0


@versions
@pytest.mark.parametrize("form", ["block1", "block2", "block4", "block", "exprloc"])
def test_expressions__in_every_form_of_a_block(tmp_path, form, version):
    assert one(tmp_path, Attr("location", form, Expr(("reg", 9))), version=version) == Reading(9, 9, 9, saw(9))


ADDRESS, OFFSET = object(), object()
BLOCK = bytes([0xC1, 0x01])  # also nonsense as operations, so that a wrong length is seen

OPERANDS = {
    0x03: [ADDRESS], 0x06: [], 0x08: [b"\1"], 0x09: [b"\1"], 0x0A: [b"\1\1"], 0x0B: [b"\1\1"], 0x0C: [b"\1" * 4],
    0x0D: [b"\1" * 4], 0x0E: [b"\1" * 8], 0x0F: [b"\1" * 8], 0x10: [BLOCK], 0x11: [BLOCK], 0x15: [b"\1"],
    **{op: [] for op in (0x12, 0x13, 0x14, *range(0x16, 0x23), *range(0x24, 0x28), *range(0x29, 0x2F))},
    0x23: [BLOCK], 0x28: [b"\1\1"], 0x2F: [b"\1\1"], **{op: [] for op in range(0x30, 0x70)},
    **{op: [BLOCK] for op in range(0x70, 0x90)}, 0x90: [BLOCK], 0x91: [BLOCK], 0x92: [BLOCK, BLOCK], 0x93: [BLOCK],
    0x94: [b"\1"], 0x95: [b"\1"], 0x96: [], 0x97: [], 0x98: [b"\1\1"], 0x99: [b"\1" * 4], 0x9A: [OFFSET], 0x9B: [],
    0x9C: [], 0x9D: [BLOCK, BLOCK], 0x9E: [b"\3\1\1\1"], 0x9F: [], 0xA0: [OFFSET, BLOCK], 0xA1: [BLOCK],
    0xA2: [BLOCK], 0xA3: [b"\1\x9c"], 0xA4: [BLOCK, b"\4\1\1\1\1"], 0xA5: [BLOCK, BLOCK], 0xA6: [b"\1", BLOCK],
    0xA7: [b"\1", BLOCK], 0xA8: [BLOCK], 0xA9: [BLOCK],
    # GNU
    0xE0: [], 0xF0: [], 0xF2: [OFFSET, BLOCK], 0xF3: [b"\1\x9c"], 0xF4: [BLOCK, b"\4\1\1\1\1"], 0xF5: [BLOCK, BLOCK],
    0xF6: [b"\1", BLOCK], 0xF7: [BLOCK], 0xF9: [BLOCK], 0xFA: [b"\1" * 4], 0xFB: [BLOCK], 0xFC: [BLOCK],
    0xFD: [OFFSET],
}
"""Operands of every operation of DWARF 5 (section 7.7.1, table 7.9) and GNU's, as bytes that are no operations."""

NOT_IN_SECOND_READER = {0xA2, 0xA7, 0xA9, 0xF9}
"""DW_OP_constx, DW_OP_xderef_type, DW_OP_reinterpret and GNU's: pyelftools lacks them."""

OTHER_IN_SECOND_READER = {0xFD}
"""DW_OP_GNU_variable_value: pyelftools reads a LEB128 number, gcc writes an offset into .debug_info."""


def operands(op, bits, format):
    return b"".join(bytes([1]) * (bits // 8 if each is ADDRESS else format // 8) if each in (ADDRESS, OFFSET) else each
                    for each in OPERANDS[op])


@layouts
def test_operations__each_is_as_long_as_it_is(tmp_path, byteorder, bits, format):
    whole = [bytes([NOP, op]) + operands(op, bits, format) + bytes([REG + 7]) for op in OPERANDS]
    made, unread = read(tmp_path, *whole, byteorder=byteorder, bits=bits, format=format)
    assert unread == 0
    found = {op: reading.reg_pieces for op, reading in zip(OPERANDS, made, strict=True)}
    assert found == {op: op - REG if REG <= op < REG + 32 else 7 for op in OPERANDS}


@layouts
def test_operations__a_second_reader_finds_the_same_ones(byteorder, bits, format):
    parser = DWARFExprParser(DWARFStructs(byteorder == "little", format, bits // 8))
    for op in OPERANDS.keys() - NOT_IN_SECOND_READER - OTHER_IN_SECOND_READER:
        if op == 0xFA and format == 64:
            continue  # pyelftools takes an offset for GNU_parameter_ref's four bytes
        parsed = parser.parse_expr(list(bytes([NOP, op]) + operands(op, bits, format) + bytes([STACK_VALUE])))
        assert [each.op for each in parsed] == [NOP, op, STACK_VALUE], hex(op)


def test_operations__all_others_are_unknown_and_counted(tmp_path):
    unknown = sorted(set(range(256)) - set(OPERANDS))
    made, unread = read(tmp_path, *(bytes([NOP, op, STACK_VALUE]) for op in unknown))
    assert unread == len(unknown) > 50
    assert set(made) == {Reading()}


@layouts
def test_operations__cut_short_they_are_counted(tmp_path, byteorder, bits, format):
    cut = [bytes([NOP, op]) + operands(op, bits, format)[:n] for op in OPERANDS
           for n in range(len(operands(op, bits, format))) if n not in ends_of_first_operand(op, bits, format)]
    made, unread = read(tmp_path, *cut, byteorder=byteorder, bits=bits, format=format)
    assert unread == len(cut) > 100
    assert set(made) == {Reading()}


def ends_of_first_operand(op, bits, format):
    """Where operation `op` can be cut so that all of its first operand is there, and nothing of its second."""
    two = len(OPERANDS[op]) == 2 and OPERANDS[op][1] is BLOCK and OPERANDS[op][0] != b"\1"
    return [len(operands(op, bits, format)) - len(BLOCK)] if two else []


def test_operations__cut_behind_their_first_operand_they_are_counted(tmp_path):
    cut = [bytes([NOP, op]) + operands(op, 64, 32)[:n] for op in OPERANDS for n in ends_of_first_operand(op, 64, 32)]
    made, unread = read(tmp_path, *cut)
    assert unread == len(cut) == 6


def test_operations__an_expression_that_cannot_be_read_says_nothing(tmp_path):
    made, unread = read(tmp_path, bytes([REG + 5, 0x01]), Expr(("reg", 4)))
    assert made == [Reading(), Reading(4, 4, 4, saw(4))] and unread == 1


def test_operations__lengths_past_the_expression_are_counted(tmp_path):
    huge = uleb(2**63)
    made, unread = read(tmp_path, b"\x9e" + huge, b"\xa3" + huge, b"\xf3" + uleb(2**64 - 1), b"\xa4\1\xff",
                        b"\x9e\2\1", b"\x10" + b"\xff" * 12)  # fmt: skip
    assert unread == 6 and set(made) == {Reading()}


# Location lists


def behind(expression, *following):
    """Entries of which the first says nothing of a register."""
    following = enumerate((expression, *following))
    return [(0x10, 0x20, Expr(("fbreg", 0))), *((0x20 + n, 0x21 + n, each) for n, each in following)]


def kinds(expression):
    """An entry of each kind with `expression`."""
    return {
        "startx_endx": [("startx_endx", Address(0x1000), Address(0x1010), expression)],
        "startx_length": [("startx_length", Address(0x1000), 200, expression)],
        "offset_pair": [("offset_pair", 200, 300, expression)],
        "default_location": [("default_location", expression)],
        "start_end": [("start_end", 0x1000, 0x1010, expression)],
        "start_length": [("start_length", 0x1000, 300, expression)],
        "base_address": [("base_address", 0x1000), ("offset_pair", 0, 4, expression)],
        "base_addressx": [("base_addressx", Address(0x1000)), ("offset_pair", 0, 4, expression)],
        "two bases": [("base_address", 0x1000), ("base_addressx", Address(0x1000)), ("offset_pair", 0, 4, expression)],
    }


@layouts
@pytest.mark.parametrize("form", ["sec_offset", "loclistx"])
def test_lists__every_kind_of_entry(tmp_path, byteorder, bits, format, form):
    made, unread = read(tmp_path, *(Attr("location", form, Locations(entries))
                                    for entries in kinds(Expr(("reg", 4))).values()),
                        byteorder=byteorder, bits=bits, format=format)  # fmt: skip
    assert made == [Reading(4, 4, 4, saw(4))] * len(kinds(None)) and unread == 0


@layouts
@pytest.mark.parametrize("form", ["sec_offset", "loclistx"])
def test_lists__what_stands_behind_an_entry_of_any_kind_is_read(tmp_path, byteorder, bits, format, form):
    entry_value = Expr(("entry_value", Expr(("reg", 1))), "stack_value")
    lists = [Locations([*entries, ("default_location", entry_value)]) for entries in kinds(Expr(("fbreg", 0))).values()]
    made, unread = read(tmp_path, *(Attr("location", form, each) for each in lists), byteorder=byteorder, bits=bits,
                        format=format)
    assert made == [Reading(1, 1, OTHERWISE, saw(1))] * len(lists) and unread == 0


@layouts
def test_lists__of_dwarf_4(tmp_path, byteorder, bits, format):
    entries = [("base_address", 0x1000), (0x10, 0x20, Expr(("reg", 4))),
               (0x20, 0x30, Expr(("GNU_entry_value", Expr(("reg", 9))), "stack_value"))]
    made, unread = read(tmp_path, Locations(entries), Locations(entries[1:2]), Locations([]), version=4,
                        byteorder=byteorder, bits=bits, format=format)
    assert made == [Reading(4, 4, 4, saw(4, 9)), Reading(4, 4, 4, saw(4)), Reading()] and unread == 0


def test_lists__of_dwarf_3_have_the_form_of_a_number(tmp_path):
    location = Locations([(0x10, 0x20, Expr(("reg", 3)))])
    assert one(tmp_path, Attr("location", "data4", location), version=3) == Reading(3, 3, 3, saw(3))


@pytest.mark.parametrize("format", [32, 64])
def test_lists__without_a_base_the_first_table_is_meant(tmp_path, format):
    location = Attr("location", "loclistx", Locations([("start_end", 0x10, 0x20, Expr(("reg", 3)))]))
    function = DIE("subprogram", parameter(location), name="f", low_pc=0x1000)
    with_base = Dwarf([CU([function], format=format)])
    assert readings(walked(with_base.write(tmp_path / "a.elf"))) == [Reading(3, 3, 3, saw(3))]
    made = with_base.debug_sections()[".debug_loclists"]
    bare = DIE("subprogram", parameter(Attr("location", "loclistx", Raw(b"\0"))), name="f", low_pc=0x1000)
    without = Dwarf([CU([bare], format=format, bases=False)], [Section(".debug_loclists", made)])
    assert readings(walked(without.write(tmp_path / "b.elf"))) == [Reading(3, 3, 3, saw(3))]


def test_lists__each_unit_has_its_table_and_its_version(tmp_path):
    def unit(register, version, form):
        location = Attr("location", form, Locations([(0x10, 0x20, Expr(("reg", register)))]))
        return CU([DIE("subprogram", parameter(location), name="f", low_pc=0x1000)], version=version)

    units = [unit(1, 5, "loclistx"), unit(2, 4, "sec_offset"), unit(3, 5, "loclistx"), unit(4, 5, "sec_offset"),
             unit(5, 4, "sec_offset")]  # fmt: skip
    found = walked(Dwarf(units).write(tmp_path / "a.elf"))
    assert [r.reg for r in readings(found)] == [1, 2, 3, 4, 5]


@versions
def test_lists__registers_count_in_the_first_entry_and_entry_values_in_any(tmp_path, version):
    made, _ = read(
        tmp_path,
        Locations(behind(Expr(("reg", 4)))),
        Locations(behind(Expr(("breg", 4, 0), "stack_value"))),
        Locations(behind(Expr(("reg", 4)), Expr(("entry_value", Expr(("reg", 1))), "stack_value"))),
        Locations(behind(Expr(("GNU_entry_value", Expr(("reg", 2)))), Expr(("entry_value", Expr(("reg", 1)))))),
        Locations(behind(Expr(("piece", 8), ("reg", 9), ("piece", 8)))),
        Locations([(0, 16, Expr()), (16, 32, Expr(("reg", 4)))]),
        version=version)  # fmt: skip
    assert made == [
        Reading(first=OTHERWISE),
        Reading(first=OTHERWISE),
        Reading(1, 1, OTHERWISE, saw(1)),
        Reading(2, 2, OTHERWISE, saw(1, 2)),
        Reading(NONE, 9, OTHERWISE),
        Reading(),
    ]


@versions
def test_lists__an_entry_that_cannot_be_read_ends_what_is_known(tmp_path, version):
    entry_value = Expr(("entry_value", Expr(("reg", 1))))
    made, unread = read(tmp_path, Locations([(0, 16, Expr(("reg", 4))), (16, 32, b"\1"), (32, 48, entry_value)]),
                        Locations([(0, 16, b"\1"), (16, 32, b"\1"), (32, 48, entry_value)]),
                        Locations([(0, 16, entry_value)]), version=version)  # fmt: skip
    assert made == [Reading(4, 4, 4, saw(4)), Reading(), Reading(1, 1, OTHERWISE, saw(1))] and unread == 2


# A slow twin: one location, read from the four sentences that say what each column means


def twin(entries):
    """The `Reading` of a list of expressions, each a list of (operation, operands...), None for one that is unknown.

    Written from the four sentences of harness.dwarf.location_kernels: an entry is a register if it is that register,
    with or without a final stack_value, or a register plus a number that is a value; an entry value is one if nothing
    follows it but a final stack_value.
    """
    reg = reg_pieces = first = NONE
    seen = set()
    for n, operations in enumerate(entries):
        if any(each is None for each in operations):
            break
        if not operations:
            continue
        head, *rest = operations
        alone = not rest or rest == [("stack_value",)]
        if n == 0:
            first = head[1] if head[0] == "reg" else OTHERWISE
        inner = head[1].operations if head[0] in ("entry_value", "GNU_entry_value") and alone else ()
        if len(inner) == 1:
            seen.add(inner[0][1] if inner[0][0] == "reg" else "other")
            if inner[0][0] == "reg":
                reg = inner[0][1] if reg == NONE else reg
                reg_pieces = inner[0][1] if reg_pieces == NONE else reg_pieces
            continue
        held = NONE
        if head[0] == "reg" or head[0] == "breg" and ("stack_value",) in rest:
            held = head[1]
        if n == 0 and head[0] == "reg" and alone:
            seen.add(held)
        if n == 0 and reg == NONE:
            reg = held
        pieces = held if n == 0 and alone else NONE
        if not alone and head[0] not in ("lit", "constu", "consts"):
            pieces = next((each[1] for each in operations if each[0] == "reg"), NONE)
        if reg_pieces == NONE:
            reg_pieces = pieces
    return Reading(reg, reg_pieces, first, frozenset(seen))


def some_operation(rng):
    register = rng.choice([0, 1, 4, 5, 8, 31])
    return rng.choice([
        ("reg", register), ("reg", register), ("breg", register, rng.randrange(-300, 300)), ("lit", 3),
        ("piece", rng.choice([4, 8])), ("constu", 3000), ("consts", -3000), ("stack_value",), ("deref",),
        ("fbreg", -20), ("plus",),
        (rng.choice(["entry_value", "GNU_entry_value"]),
         Expr(*rng.choice([[("reg", register)]] * 4 + [[("breg", register, 0)], [("reg", register), ("deref",)], []]))),
    ])  # fmt: skip


def some_expression(rng):
    if rng.random() < 0.04:
        return [some_operation(rng), None]
    made = [some_operation(rng) for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 3, 4]))]
    return made + [("stack_value",)] * (rng.random() < 0.5 and bool(made))


def as_expression(operations):
    return Expr(*(b"\1" if each is None else each for each in operations))


def some_entry(rng, version, expression):
    if version < 5:
        return [("base_address", rng.randrange(1 << 31))] * (rng.random() < 0.2) + [(16, 32, expression)]
    return rng.choice(list(kinds(expression).values()))


@layouts
@versions
def test_lists__generated_ones_read_as_a_slow_twin_reads_them(tmp_path, byteorder, bits, format, version):
    rng = random.Random(f"{byteorder} {bits} {format} {version}")
    known, locations = [], []
    for _ in range(300):
        expressions = [some_expression(rng) for _ in range(rng.choice([0, 1, 1, 2, 3, 4]))]
        known.append(twin(expressions))
        if len(expressions) == 1 and rng.random() < 0.5:
            locations.append(as_expression(expressions[0]))
            continue
        entries = [entry for each in expressions for entry in some_entry(rng, version, as_expression(each))]
        form = rng.choice(["sec_offset", "loclistx"]) if version == 5 else "sec_offset"
        locations.append(Attr("location", form, Locations(entries)))
    made, _ = read(tmp_path, *locations, version=version, byteorder=byteorder, bits=bits, format=format)
    assert made == known
    assert len({r.reg for r in made}) > 5 and any("other" in r.seen for r in made)


# Malformed


def fault(tmp_path, *locations, version=5, **how):
    function = DIE("subprogram", *[parameter(each) for each in locations], name="f", low_pc=0x1000)
    path = Dwarf([CU([function], version=version, bases=False)], **how).write(tmp_path / "a.elf")
    with pytest.raises(DwarfError) as caught:
        walked(path)
    return caught.value


def section(data, version=5):
    return Section(".debug_loclists" if version == 5 else ".debug_loc", data)


def at(offset):
    return Attr("location", "sec_offset", offset)


@versions
@pytest.mark.parametrize("offset", [5, 6, 2**31, 2**32 - 1])
def test_malformed__offsets_past_the_section(tmp_path, version, offset):
    caught = fault(tmp_path, at(offset), version=version, sections=[section(bytes(5), version)])
    assert (caught.section, caught.offset) == (section(b"", version).name, offset)


@versions
def test_malformed__no_section_at_all(tmp_path, version):
    caught = fault(tmp_path, at(0), version=version)
    assert caught.section == section(b"", version).name


def lists_without_end(version):
    if version == 5:
        return {"start_end": b"\7" + bytes(16) + b"\1\x55", "offset_pair": b"\4\1\2\1\x55", "base": b"\6" + bytes(8),
                "basex": b"\1\1", "default": b"\5\0", "cut": b"\7" + bytes(15), "cut number": b"\4\x80\x80",
                "length past the end": b"\5\3\x55\x55", "huge length": b"\5" + uleb(2**63) + b"\0",
                "length that wraps": b"\5" + uleb(2**64 - 1) + b"\0", "unknown kind": b"\x09\0\0\0",
                "kind 255": b"\xff", "gcc's view pair": b"\x09\1\1\0",
                "cut base": b"\6" + bytes(7), "nothing behind": b"\4\1\2"}
    pair = bytes(8) + b"\1" * 8
    return {"no end": pair + b"\1\0\x55", "cut end": pair + b"\1\0\x55" + bytes(15), "cut pair": pair[:9],
            "cut length": pair + b"\1", "length past the end": pair + b"\3\0\x55\x55", "longest": pair + b"\xff\xff\0",
            "base": b"\xff" * 8 + bytes(8)}


@pytest.mark.parametrize(("version", "what"), [(v, what) for v in (4, 5) for what in lists_without_end(v)])
def test_malformed__lists_that_leave_the_section(tmp_path, version, what):
    data = lists_without_end(version)[what]
    caught = fault(tmp_path, at(3), version=version, sections=[section(b"\xee" * 3 + data, version)])
    assert caught.section == section(b"", version).name and caught.offset == 3
    assert "expected a location list within its section" in str(caught)


def table(*offsets, lists=b""):
    body = b"\5\0\x08\0" + len(offsets).to_bytes(4, "little") + b"".join(o.to_bytes(4, "little") for o in offsets)
    return (len(body) + len(lists)).to_bytes(4, "little") + body + lists


@pytest.mark.parametrize("index", [2, 3, 1000, 2**32, 2**62 - 1])
def test_malformed__indices_past_the_table(tmp_path, index):
    made = table(4, lists=b"\5\1\x55\0")
    caught = fault(tmp_path, Attr("location", "loclistx", Raw(uleb(index))), sections=[section(made)])
    assert caught.section == ".debug_loclists"


@pytest.mark.parametrize("index", [2**62, 2**64 - 1])
def test_malformed__indices_past_any_table(tmp_path, index):
    caught = fault(tmp_path, Attr("location", "loclistx", Raw(uleb(index))), sections=[section(table(4))])
    assert caught.section == ".debug_loclists"


@pytest.mark.parametrize("offset", [2**62, 2**64 - 1])
def test_malformed__offsets_past_any_section(tmp_path, offset):
    function = DIE("subprogram", parameter(at(offset)), name="f", low_pc=0x1000)
    path = Dwarf([CU([function], format=64)], [section(table(4))]).write(tmp_path / "a.elf")
    with pytest.raises(DwarfError) as caught:
        walked(path)
    assert caught.value.section == ".debug_loclists"


@pytest.mark.parametrize("offset", [8, 100, 2**31, 2**32 - 1])
def test_malformed__indices_to_lists_past_the_section(tmp_path, offset):
    made = table(offset, lists=b"\5\1\x55\0")
    caught = fault(tmp_path, Attr("location", "loclistx", Raw(b"\0")), sections=[section(made)])
    assert caught.section == ".debug_loclists"


@pytest.mark.parametrize("base", [13, 10**6, 2**63 - 8, 2**63, 2**64 - 1])
def test_malformed__bases_past_the_section(tmp_path, base):
    function = DIE("subprogram", parameter(Attr("location", "loclistx", Raw(b"\0"))), name="f", low_pc=0x1000)
    unit = CU([function], Attr("loclists_base", "data8", base), bases=False)
    with pytest.raises(DwarfError) as caught:
        walked(Dwarf([unit], [section(table(4, lists=b"\5\0\0")[:14])]).write(tmp_path / "a.elf"))
    assert caught.value.section == ".debug_loclists"


@pytest.mark.large
@versions
def test_malformed__lists_that_overlap_over_and_over(tmp_path, version):
    entry = b"\5\0" if version == 5 else b"\1" * 16 + b"\0\0"
    n = 30000 if version == 5 else 8000
    data = entry * n + (b"\0" if version == 5 else bytes(16))
    start = time.monotonic()
    caught = fault(tmp_path, *(at(len(entry) * i) for i in range(n // 4)), version=version,
                   sections=[section(data, version)])
    assert time.monotonic() - start < 5
    assert "overlap" in str(caught) and caught.section == section(b"", version).name


def test_malformed__a_list_that_many_parameters_share_is_none(tmp_path):
    made, unread = read(tmp_path, *(at(0) for _ in range(2000)), sections=[section(b"\5\1\x55\0")])
    assert made == [Reading(5, 5, 5, saw(5))] * 2000 and unread == 0


@pytest.mark.parametrize(("byteorder", "bits", "version"),
                         [("little", 64, 4), ("big", 32, 4), ("big", 64, 5)])
def test_malformed__truncated_at_any_byte(tmp_path, byteorder, bits, version):
    entry_value = Expr(("entry_value", Expr(("reg", 1))), "stack_value")
    if version == 5:
        every = kinds(Expr(("reg", 4), ("piece", 8)))
        every = [entry for kind in ("startx_length", "start_length", "base_addressx") for entry in every[kind]]
    else:
        every = [("base_address", 4), (0x10, 0x20, Expr(("reg", 4), ("piece", 8)))]
    location = Locations([*every, (0x20, 0x30, entry_value)])
    whole = Dwarf([CU([DIE("subprogram", parameter(location), name="f", low_pc=0x1000)], version=version)],
                  byteorder=byteorder, bits=bits)
    name = section(b"", version).name
    data = whole.debug_sections()[name]
    found = readings(walked(whole.write(tmp_path / "a.elf")))
    assert found[0].reg == 4
    for n in range(len(data)):
        whole.sections[:] = [Section(name, data[:n])]
        with pytest.raises(DwarfError, match="a location list within its section"):
            walked(whole.write(tmp_path / "a.elf"))


@versions
def test_malformed__random_bytes_are_read_or_refused(tmp_path, version):
    rng = random.Random(version)
    function = DIE("subprogram", *[parameter(at(n)) for n in range(4)], name="f", low_pc=0x1000)
    image = Dwarf([CU([function], version=version)])
    refused = 0
    for _ in range(40):
        data = bytes(rng.choice([0, 0, 0, 0, 4, 5, 7, 8, 0x55, rng.randrange(256)]) for _ in range(rng.randrange(60)))
        image.sections[:] = [section(data + bytes(64 * (rng.random() < 0.6)), version)]
        try:
            found = walked(image.write(tmp_path / "a.elf"))
        except DwarfError as err:
            assert err.section == image.sections[0].name
            refused += 1
        else:
            assert all(-1 <= r.reg < 32 and -1 <= r.reg_pieces < 32 for r in readings(found))
    assert 0 < refused < 40


def test_flags__say_what_the_location_is(tmp_path):
    indexed = table(4, lists=b"\5\1\x55\0")
    function = DIE("subprogram", parameter(Expr(("reg", 5))), parameter(b"\1"), parameter(at(len(indexed))),
                   parameter(Attr("location", "loclistx", Raw(b"\0"))), DIE("formal_parameter", name="p"),
                   DIE("formal_parameter", name="p", const_value=5), name="f", low_pc=0x1000)  # fmt: skip
    unit = CU([function], Attr("loclists_base", "sec_offset", 12), bases=False)
    found = walked(Dwarf([unit], [section(indexed + b"\5\1\x54\0")]).write(tmp_path / "a.elf"))
    assert found.functions.param_flags.tolist() == [
        wt.PF_LOCATION, wt.PF_LOCATION | wt.PF_UNREAD, wt.PF_LOCATION, wt.PF_LOCATION | wt.PF_LIST_INDEX, 0,
        wt.PF_CONST_VALUE]  # fmt: skip
    assert [r.reg for r in readings(found)] == [5, NONE, 4, 5, NONE, NONE]
