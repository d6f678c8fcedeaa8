"""DWARF sections, and an ELF file around them, from DIEs stated in Python.

    int_ = DIE("base_type", name="int", byte_size=4, encoding=5)
    point = DIE("structure_type", name="point", byte_size=8)
    point.add(DIE("member", name="x", type=int_, data_member_location=0))
    image = Dwarf([CU([int_, point], version=4)], byteorder="big", bits=32)
    image.write(tmp_path / "vmlinux")
    image.offset(point)  # of the DIE, in bytes, within its section

Every form can be chosen (`Attr`), every header field can lie (``overrides``), every byte can be patched. Values are
written as asked and never checked: a test of a reader wants the nonsense.

Source: DWARF5 sections 2.5, 2.6, 7.5 and 7.25 to 7.29; DWARF4 sections 2.17, 7.5 and 7.27.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from elftools.dwarf.enums import ENUM_DW_AT, ENUM_DW_FORM, ENUM_DW_TAG

from tests.writers.elf import EM_X86_64, ET_EXEC, Elf, Section, StringTable

DW_LANG_C89, DW_LANG_C, DW_LANG_C99, DW_LANG_RUST, DW_LANG_C11 = 0x01, 0x02, 0x0C, 0x1C, 0x1D
DW_LANG_MIPS_ASSEMBLER = 0x8001
DW_ATE_BOOLEAN, DW_ATE_COMPLEX_FLOAT, DW_ATE_FLOAT, DW_ATE_SIGNED, DW_ATE_SIGNED_CHAR = 2, 3, 4, 5, 6
DW_ATE_UNSIGNED, DW_ATE_UNSIGNED_CHAR = 7, 8
DW_UT_COMPILE, DW_UT_TYPE, DW_UT_PARTIAL, DW_UT_SKELETON, DW_UT_SPLIT_COMPILE, DW_UT_SPLIT_TYPE = range(1, 7)
MAX_PASSES = 20
"""References of variable size move what follows; real trees settle in three passes."""


class Raw(bytes):
    """An attribute's value written as these bytes, whatever the form says."""


class Address(int):
    """An address for addrx forms and `Expr`: it gets a row in .debug_addr (a plain int is a row's index)."""


class Sibling:
    """Value of DW_AT_sibling: the offset just after the DIE's children. Use the class itself as the value."""


@dataclass(eq=False)
class Ranges:
    """A range list. Entries: ``(start, stop)``, half-open; or ``(kind, *operands)``; or bytes as they are.

    DWARF 4 (.debug_ranges) writes pairs as they are, so relative to the unit's low_pc, and knows the kind
    ``base_address``. DWARF 5 (.debug_rnglists) writes pairs as start_end and knows the kinds of `RLE`.
    """

    entries: list
    end: bool = True


@dataclass(eq=False)
class Locations:
    """A location list: as `Ranges`, each entry with an `Expr` (or bytes) at its end, kinds of `LLE`."""

    entries: list
    end: bool = True


class Expr:
    """A DWARF expression: ``Expr(("reg", 5))``, ``Expr(("breg", 7, 16), "stack_value")``, ``Expr(("addr", 0x1000))``.

    An operation is a tuple of name and operands, a bare name, or bytes. ``addr`` takes an address, ``addrx`` an
    `Address` or an index, ``entry_value`` an Expr, ``convert`` a DIE of the same unit.
    """

    def __init__(self, *operations):
        self.operations = operations


@dataclass
class Attr:
    """One attribute: name (or number), form (name, number, or ("indirect", form)), value.

    Values by form: str for string forms (or an int: the raw offset or index); `DIE` for references (or an int: the
    raw operand); `Address` for addrx; `Ranges`, `Locations` for sec_offset, rnglistx, loclistx; bytes or `Expr` for
    blocks; `Raw` for anything. ``form=None`` chooses the usual form.
    """

    name: str | int
    form: str | int | tuple | None
    value: object


class DIE:
    """A debugging information entry.

    Parameters
    ----------
    tag : str or int
        Name without ``DW_TAG_``, or the number.
    *content : Attr or DIE
        Attributes with a chosen form, and children.
    children : list of DIE
    abbrev_code : int, optional
        Written instead of the code that the writer allocates.
    has_children : bool, optional
        The abbreviation's flag, when it shall disagree with the children.
    terminated : bool
        False leaves out the null entry after the children.
    **attributes
        Attributes in the usual form; they come before those of `content`. None leaves one out.
    """

    def __init__(self, tag, *content, children=(), abbrev_code=None, has_children=None, terminated=True, **attributes):
        self.tag = tag
        self.attributes = [Attr(name, None, value) for name, value in attributes.items() if value is not None]
        self.attributes += [item for item in content if isinstance(item, Attr)]
        self.children = [*(item for item in content if isinstance(item, DIE)), *children]
        self.abbrev_code = abbrev_code
        self.has_children = has_children
        self.terminated = terminated

    def __repr__(self):
        return f"<DIE {self.tag} {next((a.value for a in self.attributes if a.name == 'name'), '')}>"

    def add(self, *children):
        """Append children; returns the last one."""
        self.children += children
        return children[-1]

    def set(self, *attrs, **attributes):
        """Append attributes, for references that go round in a circle; returns the DIE."""
        self.attributes += [*attrs, *(Attr(name, None, value) for name, value in attributes.items())]
        return self

    def walk(self):
        """This DIE and all below it, in file order."""
        yield self
        for child in self.children:
            yield from child.walk()


class CU:
    """A unit: its header and its root DIE.

    Parameters
    ----------
    children : list of DIE
    *attrs : Attr
        Attributes of the root DIE with a chosen form.
    version : int
    format : {32, 64}
        The DWARF format: the size of offsets.
    kind : {"compile", "partial", "type", "skeleton"}
    address_size : int, optional
        4 or 8; by default as the ELF class.
    signature : int
        Of a type unit, or the dwo_id of a skeleton unit.
    type_die : DIE, optional
        The type that a type unit is about; by default the first child.
    first_abbrev_code : int
        Codes count up from here; large ones need several LEB128 bytes.
    bases : bool
        Whether str_offsets_base, addr_base, rnglists_base and loclists_base are added when the unit needs them.
    trailing : bytes
        Written after the root DIE, within unit_length.
    extra_abbrevs : bytes
        Raw abbreviation declarations after the unit's own.
    overrides : dict
        ``unit_length``, ``version``, ``unit_type``, ``address_size``, ``debug_abbrev_offset``, ``signature``,
        ``type_offset`` written as given.
    **attributes
        Attributes of the root DIE, such as name, language, producer, low_pc.
    """

    def __init__(self, children=(), *attrs, version=5, format=32, kind="compile", address_size=None, signature=0,
                 type_die=None, first_abbrev_code=1, bases=True, trailing=b"", extra_abbrevs=b"", overrides=None,
                 **attributes):  # fmt: skip
        if kind not in _UNIT_TYPES or format not in (32, 64):
            raise ValueError(f"kind {kind!r}, format {format}")
        attributes.setdefault("language", DW_LANG_C11)
        self.root = DIE(f"{kind}_unit", *attrs, children=children, **attributes)
        self.version = version
        self.offset_size = format // 8
        self.kind = kind
        self.address_size = address_size
        self.signature = signature
        self.type_die = type_die
        self.first_abbrev_code = first_abbrev_code
        self.bases = bases
        self.trailing = trailing
        self.extra_abbrevs = extra_abbrevs
        self.overrides = overrides or {}

    def add(self, *children):
        """Append children to the root DIE; returns the last one."""
        return self.root.add(*children)

    @property
    def section(self):
        """Where the unit lies."""
        return ".debug_types" if self.kind == "type" and self.version < 5 else ".debug_info"


@dataclass(eq=False)
class Dwarf:
    """DWARF units and the ELF file they lie in.

    Attributes
    ----------
    units : list of CU
    sections : list of Section
        Sections before the debug sections: .text, .data..percpu, or raw debug sections the writer does not make.
        One with the name of a section that the writer makes replaces it.
    symbols : list of Symbol or None
    bits, byteorder, e_type, e_machine
        As in `Elf`.
    string_form : str
        The usual form of strings: strp, string, line_strp, strx, strx1, ...
    share_abbrevs : bool
        One abbreviation table for all units (as clang, LTO) instead of one each (as gcc).
    compress : None, "zlib", "zstd" or "zdebug"
        How the debug sections are stored.
    leave_out : tuple of str
        Debug sections to drop.
    patches : list of (section, offset, bytes)
        Bytes replaced in the finished debug sections, before compression.
    elf_overrides : dict
        As `Elf.overrides`.
    section_overrides : dict of dict
        `Section.overrides` by section name.
    """

    units: list
    sections: list = field(default_factory=list)
    symbols: list | None = None
    bits: int = 64
    byteorder: str = "little"
    e_type: int = ET_EXEC
    e_machine: int = EM_X86_64
    string_form: str = "strp"
    share_abbrevs: bool = False
    compress: str | None = None
    leave_out: tuple = ()
    patches: list = field(default_factory=list)
    elf_overrides: dict = field(default_factory=dict)
    section_overrides: dict = field(default_factory=dict)

    def __post_init__(self):
        self._built = None

    def debug_sections(self):
        """The debug sections by name, patched."""
        if self._built is None:
            self._built = _Builder(self)
        made = {name: bytearray(data) for name, data in self._built.sections.items() if name not in self.leave_out}
        for name, offset, new in self.patches:
            made[name][offset : offset + len(new)] = new
        return {name: bytes(data) for name, data in made.items()}

    def elf(self):
        """The file as an `Elf`."""
        given = {section.name for section in self.sections}
        made = [
            Section(name, data, compress=self.compress, overrides=self.section_overrides.get(name, {}))
            for name, data in self.debug_sections().items()
            if name not in given
        ]
        return Elf([*self.sections, *made], self.symbols, self.bits, self.byteorder, self.e_type, self.e_machine,
                   self.elf_overrides)  # fmt: skip

    def to_bytes(self):
        """The file's bytes."""
        return self.elf().to_bytes()

    def write(self, path):
        """Write the file and return its path."""
        path = Path(path)
        path.write_bytes(self.to_bytes())
        return path

    def offset(self, die):
        """Offset of a DIE (or of a unit's header) in bytes within its section."""
        self.debug_sections()
        return self._built.unit_offsets[die] if isinstance(die, CU) else self._built.offsets[die]

    def value_offset(self, die, name):
        """Offset of the first byte of the value of a DIE's attribute, within the DIE's section: for patches."""
        self.debug_sections()
        return self._built.value_offsets[die, name]


def uleb(value):
    """Unsigned LEB128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sleb(value):
    """Signed LEB128."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


class RLE:
    """DW_RLE_* numbers (DWARF5 section 7.25)."""

    kinds = dict(end_of_list=0, base_addressx=1, startx_endx=2, startx_length=3, offset_pair=4, base_address=5,
                 start_end=6, start_length=7)  # fmt: skip


class LLE:
    """DW_LLE_* numbers (DWARF5 section 7.7.3)."""

    kinds = dict(end_of_list=0, base_addressx=1, startx_endx=2, startx_length=3, offset_pair=4, default_location=5,
                 base_address=6, start_end=7, start_length=8)  # fmt: skip


_UNIT_TYPES = {"compile": DW_UT_COMPILE, "partial": DW_UT_PARTIAL, "type": DW_UT_TYPE, "skeleton": DW_UT_SKELETON}
_OPERANDS = {"end_of_list": "", "base_addressx": "x", "startx_endx": "xx", "startx_length": "xu", "offset_pair": "uu",
             "base_address": "a", "start_end": "aa", "start_length": "au", "default_location": ""}  # fmt: skip
_FIXED = {"data1": 1, "data2": 2, "data4": 4, "data8": 8, "data16": 16, "flag": 1, "ref1": 1, "ref2": 2, "ref4": 4,
          "ref8": 8, "ref_sig8": 8, "strx1": 1, "strx2": 2, "strx3": 3, "strx4": 4, "addrx1": 1, "addrx2": 2,
          "addrx3": 3, "addrx4": 4, "ref_sup4": 4, "ref_sup8": 8}  # fmt: skip
_ULEB = {"udata", "ref_udata", "strx", "addrx", "rnglistx", "loclistx", "GNU_addr_index", "GNU_str_index"}
_OFFSET = {"strp", "line_strp", "sec_offset", "strp_sup", "GNU_ref_alt", "GNU_strp_alt"}
_BLOCK = {"block1": 1, "block2": 2, "block4": 4}
_SECTION_OFFSETS = {"stmt_list", "ranges", "str_offsets_base", "addr_base", "rnglists_base", "loclists_base",
                    "macros", "GNU_ranges_base", "GNU_addr_base", "start_scope"}  # fmt: skip
_BASE_OF = {"strx": "str_offsets_base", "addrx": "addr_base", "rnglistx": "rnglists_base", "loclistx": "loclists_base"}
_DW_OP = {"addr": (0x03, "a"), "deref": (0x06, ""), "const1u": (0x08, "1"), "constu": (0x10, "u"),
          "consts": (0x11, "s"), "plus": (0x22, ""), "plus_uconst": (0x23, "u"), "fbreg": (0x91, "s"),
          "regx": (0x90, "u"), "bregx": (0x92, "us"), "piece": (0x93, "u"), "call_frame_cfa": (0x9C, ""),
          "implicit_value": (0x9E, "e"),
          "stack_value": (0x9F, ""), "addrx": (0xA1, "x"), "constx": (0xA2, "x"), "entry_value": (0xA3, "e"),
          "convert": (0xA8, "d"), "GNU_entry_value": (0xF3, "e"), "GNU_addr_index": (0xFB, "x")}  # fmt: skip


def _number(enum, prefix, name):
    return name if isinstance(name, int) else enum[prefix + name]


class _Abbrevs:
    """An abbreviation table: codes by (tag, has_children, attributes)."""

    def __init__(self, first_code):
        self.codes = {}
        self.next_code = itertools.count(first_code)
        self.extra = b""

    def code(self, key):
        if key not in self.codes:
            self.codes[key] = next(self.next_code)
        return self.codes[key]

    def to_bytes(self):
        out = bytearray()
        for (tag, has_children, specs), code in self.codes.items():
            out += uleb(code) + uleb(tag) + bytes([has_children])
            for name, form, implicit in specs:
                out += uleb(name) + uleb(form)
                if implicit is not None:
                    out += sleb(implicit)
            out += b"\0\0"
        return bytes(out + self.extra + b"\0")


class _Contribution(NamedTuple):
    """What one unit adds to .debug_str_offsets, .debug_addr, .debug_rnglists and .debug_loclists, row by row."""

    strx: dict
    addrx: dict
    rnglistx: dict
    loclistx: dict


class _Builder:
    """Lays out the sections: repeats the whole encoding until no offset moves any more."""

    def __init__(self, dwarf):
        self.dwarf = dwarf
        self.endian = dwarf.byteorder
        self.str = StringTable(start=b"")
        self.line_str = StringTable(start=b"")
        self.lists = {".debug_ranges": bytearray(), ".debug_loc": bytearray()}
        self.list_offsets = {}
        self.offsets, self.unit_offsets, self.value_offsets, self.after, self.bases = {}, {}, {}, {}, {}
        self.abbrevs = {}
        self.unit_of = {}
        for unit in dwarf.units:
            for die in unit.root.walk():
                if die in self.unit_of:
                    raise ValueError(f"{die!r} stands in two places")
                self.unit_of[die] = unit
        self.abbrev_offsets = dict.fromkeys(dwarf.units, 0)
        self.used = {u: _Contribution({}, {}, {}, {}) for u in dwarf.units}
        before = None
        for _ in range(MAX_PASSES):
            self.sections = self._pass()
            state = (
                self.sections,
                dict(self.offsets),
                dict(self.list_offsets),
                dict(self.bases),
                dict(self.abbrev_offsets),
            )
            if state == before:
                break
            before = state
        else:
            raise ValueError("the layout does not settle; use ref4 in place of ref_udata")

    def number(self, value, nbytes):
        """An integer of fixed size; negative ones wrap."""
        return (value & (1 << 8 * nbytes) - 1).to_bytes(nbytes, self.endian)

    def address_size(self, unit):
        return unit.address_size or self.dwarf.bits // 8

    def _pass(self):
        # Tables start afresh: what a pass asked for before all base attributes were known must not stay behind.
        units = self.dwarf.units
        shared = _Abbrevs(units[0].first_abbrev_code if units else 1)
        self.abbrevs = {u: shared if self.dwarf.share_abbrevs else _Abbrevs(u.first_abbrev_code) for u in units}
        out = {".debug_abbrev": bytearray(), ".debug_info": bytearray(), ".debug_types": bytearray()}
        for unit in units:
            self._unit(unit, out[unit.section])
            self.abbrevs[unit].extra += unit.extra_abbrevs
        for table in dict.fromkeys(self.abbrevs.values()):
            for unit, its in self.abbrevs.items():
                if its is table:
                    self.abbrev_offsets[unit] = len(out[".debug_abbrev"])
            out[".debug_abbrev"] += table.to_bytes()
        out[".debug_str"] = self.str.to_bytes()
        out[".debug_line_str"] = self.line_str.to_bytes()
        out.update(self._contributions())
        out.update(self.lists)
        return {name: bytes(data) for name, data in out.items() if data or name in (".debug_info", ".debug_abbrev")}

    # Units and DIEs

    def _unit(self, unit, out):
        start = self.unit_offsets[unit] = len(out)
        size = unit.offset_size
        claims = unit.overrides
        type_die = unit.type_die or next(iter(unit.root.children), None)
        abbrev_off = self.number(claims.get("debug_abbrev_offset", self.abbrev_offsets[unit]), size)
        address_size = self.number(claims.get("address_size", self.address_size(unit)), 1)
        header = self.number(claims.get("version", unit.version), 2)
        if unit.version >= 5:
            header += self.number(claims.get("unit_type", _UNIT_TYPES[unit.kind]), 1) + address_size + abbrev_off
        else:
            header += abbrev_off + address_size
        if unit.kind in ("type", "skeleton"):
            header += self.number(claims.get("signature", unit.signature), 8)
        if unit.kind == "type":
            header += self.number(claims.get("type_offset", self.offsets.get(type_die, start) - start), size)
        length_nbytes = 4 if size == 4 else 12
        body = bytearray(header)
        self._die(unit, unit.root, body, start + length_nbytes, start)
        body += unit.trailing
        length = claims.get("unit_length", len(body))
        out += self.number(length, 4) if size == 4 else b"\xff" * 4 + self.number(length, 8)
        out += body

    def _die(self, unit, die, body, body_off, unit_off):
        """Append a DIE and its children to `body`, whose first byte lies at `body_off` of the section."""
        self.offsets[die] = body_off + len(body)
        attributes = [*die.attributes, *(self._bases(unit) if die is unit.root else [])]
        specs, values = [], []
        for attr in attributes:
            name = _number(ENUM_DW_AT, "DW_AT_", attr.name)
            form = attr.form if attr.form is not None else self._usual_form(unit, attr)
            forms = form if isinstance(form, tuple) else (form,)
            numbers = [_number(ENUM_DW_FORM, "DW_FORM_", each) for each in forms]
            names = [_FORM_NAMES.get(number, number) for number in numbers]
            implicit = attr.value if names == ["implicit_const"] else None
            specs.append((name, numbers[0], implicit))
            values.append((attr, b"".join(uleb(number) for number in numbers[1:]), names[-1]))
        tag = _number(ENUM_DW_TAG, "DW_TAG_", die.tag)
        has_children = bool(die.children) if die.has_children is None else die.has_children
        code = self.abbrevs[unit].code((tag, has_children, tuple(specs)))
        body += uleb(code if die.abbrev_code is None else die.abbrev_code)
        for attr, prefix, form in values:
            body += prefix
            self.value_offsets[die, attr.name] = body_off + len(body)
            body += self._value(unit, die, form, attr.value, unit_off)
        for child in die.children:
            self._die(unit, child, body, body_off, unit_off)
        if has_children and die.terminated:
            body += b"\0"
        self.after[die] = body_off + len(body)

    def _bases(self, unit):
        """The attributes that say where the unit's rows in the index sections start (DWARF5 section 3.1.1)."""
        if not unit.bases or unit.version < 5:
            return []
        used = self.used[unit]._asdict()
        return [
            Attr(_BASE_OF[what], "sec_offset", self.bases.get((unit, what), 0)) for what, rows in used.items() if rows
        ]

    # Attribute values

    def _usual_form(self, unit, attr):
        """The form that compilers use for such a value."""
        name, value = attr.name, attr.value
        if isinstance(value, str):
            return self.dwarf.string_form
        if isinstance(value, bool):
            # A false flag needs a byte; DWARF 4 brought the form without one.
            return "flag_present" if value and unit.version >= 4 else "flag"
        if isinstance(value, (DIE, CU)):
            root = value.root if isinstance(value, CU) else value
            target = self.unit_of.get(root)
            if target is None:
                raise ValueError(f"{root!r} is in no unit")
            if target is unit:
                return "ref4"
            return "ref_sig8" if target.kind == "type" else "ref_addr"
        if value is Sibling:
            return "ref4"
        if isinstance(value, (Ranges, Locations)):
            return "sec_offset" if unit.version >= 4 else "data4"
        if isinstance(value, (Expr, bytes)):
            return "exprloc" if unit.version >= 4 else "block1"
        if isinstance(value, Address):
            return "addrx" if unit.version >= 5 else "addr"
        if name in ("low_pc", "entry_pc"):
            return "addr"
        if name in _SECTION_OFFSETS:
            return "sec_offset" if unit.version >= 4 else "data4"
        if value < 0:
            return "sdata"
        return next(f"data{n}" for n in (1, 2, 4, 8, 16) if value < 1 << 8 * n)

    def _value(self, unit, die, form, value, unit_off):
        if isinstance(value, Raw):
            return bytes(value)
        if form in ("implicit_const", "flag_present"):
            return b""
        if form == "string":
            return (value.encode() if isinstance(value, str) else value) + b"\0"
        if form == "sdata":
            return sleb(value)
        if form == "exprloc" or form == "block":
            data = self._expression(unit, value, unit_off)
            return uleb(len(data)) + data
        if form in _BLOCK:
            data = self._expression(unit, value, unit_off)
            return self.number(len(data), _BLOCK[form]) + data
        if form == "data16" and isinstance(value, bytes):
            return value
        number = self._operand(unit, die, form, value, unit_off)
        if form in _ULEB:
            return uleb(number)
        if form in _OFFSET:
            return self.number(number, unit.offset_size)
        if form == "ref_addr":
            return self.number(number, self.address_size(unit) if unit.version == 2 else unit.offset_size)
        if form == "addr":
            return self.number(number, self.address_size(unit))
        if form in _FIXED:
            return self.number(number, _FIXED[form])
        raise ValueError(f"form {form!r}: give the value as Raw bytes")

    def _operand(self, unit, die, form, value, unit_off):
        """The integer that stands in the DIE for a value."""
        kind = form.rstrip("1234") if form.startswith(("strx", "addrx")) else form
        if isinstance(value, str):
            if kind == "strx" or kind == "GNU_str_index":
                return self._row(unit, "strx", value)
            return (self.line_str if form == "line_strp" else self.str).add(value)
        if isinstance(value, Address) and kind in ("addrx", "GNU_addr_index"):
            return self._row(unit, "addrx", value)
        if isinstance(value, (Ranges, Locations)):
            if form in ("rnglistx", "loclistx"):
                return self._row(unit, form, value)
            return self._list_offset(unit, value)
        if value is Sibling:
            return self.after.get(die, unit_off) - unit_off
        if isinstance(value, CU):
            value = value.root
        if isinstance(value, DIE):
            target = self.unit_of[value]
            if form == "ref_sig8":
                return target.signature
            return self.offsets.get(value, unit_off) - (0 if form in ("ref_addr", "sec_offset") else unit_off)
        return int(value)

    def _row(self, unit, what, value):
        rows = getattr(self.used[unit], what)
        return rows.setdefault(value, len(rows))

    def _expression(self, unit, value, unit_off):
        if isinstance(value, (bytes, bytearray)):
            return bytes(value)
        out = bytearray()
        for operation in value.operations:
            if isinstance(operation, bytes):
                out += operation
                continue
            name, *operands = (operation,) if isinstance(operation, str) else operation
            if name == "reg":
                out.append(0x50 + operands[0])
            elif name == "breg":
                out += bytes([0x70 + operands[0]]) + sleb(operands[1])
            elif name == "lit":
                out.append(0x30 + operands[0])
            else:
                opcode, layout = _DW_OP[name]
                out.append(opcode)
                for how, operand in zip(layout, operands, strict=True):
                    out += self._expression_operand(unit, how, operand, unit_off)
        return bytes(out)

    def _expression_operand(self, unit, how, operand, unit_off):
        if how == "a":
            return self.number(operand, self.address_size(unit))
        if how == "1":
            return self.number(operand, 1)
        if how == "s":
            return sleb(operand)
        if how == "x":
            return uleb(self._row(unit, "addrx", operand) if isinstance(operand, Address) else operand)
        if how == "e":
            data = self._expression(unit, operand, unit_off)
            return uleb(len(data)) + data
        if how == "d":
            # Padded to four bytes: the operand's size must not depend on the layout.
            at = self.offsets.get(operand, unit_off) - unit_off if isinstance(operand, DIE) else operand
            return bytes([at & 0x7F | 0x80, at >> 7 & 0x7F | 0x80, at >> 14 & 0x7F | 0x80, at >> 21 & 0x7F])
        return uleb(operand)

    # Range and location lists

    def _list_offset(self, unit, value):
        """Section offset of a list that a sec_offset form refers to."""
        if unit.version >= 5:
            # Listed in the unit's contribution, though outside its offset array; see _contributions.
            self.list_offsets.setdefault((unit, value), 0)
            return self.list_offsets[unit, value]
        if (unit, value) not in self.list_offsets:
            section = self.lists[".debug_ranges" if isinstance(value, Ranges) else ".debug_loc"]
            self.list_offsets[unit, value] = len(section)
            section += self._old_list(unit, value)
        return self.list_offsets[unit, value]

    def _old_list(self, unit, value):
        """A list of DWARF 4 and earlier: pairs of addresses, ended by two zeros (DWARF4 2.6.2, 2.17.3)."""
        size = self.address_size(unit)
        out = bytearray()
        for entry in value.entries:
            if isinstance(entry, bytes):
                out += entry
            elif entry[0] == "base_address":
                out += self.number(-1, size) + self.number(entry[1], size)
            else:
                out += self.number(entry[0], size) + self.number(entry[1], size)
                if isinstance(value, Locations):
                    data = self._expression(unit, entry[2], 0)
                    out += self.number(len(data), 2) + data
        return bytes(out) + (bytes(2 * size) if value.end else b"")

    def _new_list(self, unit, value):
        """A list of DWARF 5 (sections 2.6.2 and 2.17.3)."""
        kinds = RLE.kinds if isinstance(value, Ranges) else LLE.kinds
        out = bytearray()
        for entry in value.entries:
            if isinstance(entry, bytes):
                out += entry
                continue
            kind, *operands = entry if isinstance(entry[0], str) else ("start_end", *entry)
            out.append(kinds[kind])
            layout = _OPERANDS[kind]
            for how, operand in zip(layout, operands, strict=False):
                out += self._expression_operand(unit, how, operand, 0)
            if isinstance(value, Locations) and kind not in ("end_of_list", "base_address", "base_addressx"):
                data = self._expression(unit, operands[len(layout)], 0)
                out += uleb(len(data)) + data
        return bytes(out) + (b"\0" if value.end else b"")

    def _contributions(self):
        """.debug_str_offsets, .debug_addr, .debug_rnglists and .debug_loclists, unit by unit."""
        out = {f".debug_{name}": bytearray() for name in ("str_offsets", "addr", "rnglists", "loclists")}
        for unit, used in self.used.items():
            wide = unit.offset_size == 8
            # Lists first: their entries may still ask for rows in .debug_addr.
            for what, section, cls in (("rnglistx", "rnglists", Ranges), ("loclistx", "loclists", Locations)):
                indexed = [self._new_list(unit, value) for value in getattr(used, what)]
                loose = [v for (u, v) in self.list_offsets if u is unit and isinstance(v, cls) and unit.version >= 5]
                if not indexed and not loose:
                    continue
                data = bytearray(self.number(5, 2) + bytes([self.address_size(unit), 0]))
                data += self.number(len(indexed), 4)
                base = len(data)
                at = len(indexed) * unit.offset_size
                for each in indexed:
                    data += self.number(at, unit.offset_size)
                    at += len(each)
                data += b"".join(indexed)
                start = len(out[f".debug_{section}"]) + (12 if wide else 4)
                self.bases[unit, what] = start + base
                for value in loose:
                    self.list_offsets[unit, value] = start + len(data)
                    data += self._new_list(unit, value)
                out[f".debug_{section}"] += self._with_length(unit, data)
            if used.strx:
                rows = b"".join(self.number(self.str.add(text), unit.offset_size) for text in used.strx)
                self._add_table(unit, "strx", out[".debug_str_offsets"], bytes(2), rows)
            if used.addrx:
                size = self.address_size(unit)
                rows = b"".join(self.number(address, size) for address in used.addrx)
                self._add_table(unit, "addrx", out[".debug_addr"], bytes([size, 0]), rows)
        out[".debug_str"] = self.str.to_bytes()
        return out

    def _add_table(self, unit, what, section, header, rows):
        data = self.number(5, 2) + header + rows
        self.bases[unit, what] = len(section) + (12 if unit.offset_size == 8 else 4) + 2 + len(header)
        section += self._with_length(unit, data)

    def _with_length(self, unit, data):
        if unit.offset_size == 4:
            return self.number(len(data), 4) + data
        return b"\xff" * 4 + self.number(len(data), 8) + data


_FORM_NAMES = {
    number: name.removeprefix("DW_FORM_") for name, number in ENUM_DW_FORM.items() if isinstance(number, int)
}
