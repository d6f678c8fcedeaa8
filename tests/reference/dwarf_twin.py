"""The DWARF walk again, slow and obvious: pyelftools' DIE objects in, plain tuples out.

It says what BTF each type DIE becomes, unit by unit and before dedup, in the words of BTF; ids are DIE offsets. Nothing
is shared with the program under test, so that the two can disagree.

Which DIE becomes what follows pahole v1.31 (dwarf_loader.c, btf_encoder.c) with three differences, all the project's
decision: _Atomic is transparent and _Complex is void (pahole gives up on the whole unit), and types below an inlined
subroutine count (pahole does not look there when it encodes BTF).

pyelftools 0.33 cannot read DW_FORM_strx4 (it takes eight bytes); nothing here works around that.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import NamedTuple

from elftools.elf.elffile import ELFFile

SIGNED, BOOL = 1, 4
FAKE_INT = "__SANITIZED_FAKE_INT__"
MAX_DIMENSIONS = 64
ATE_BOOLEAN, ATE_COMPLEX, ATE_FLOAT, ATE_SIGNED, ATE_SIGNED_CHAR, ATE_IMAGINARY = 2, 3, 4, 5, 6, 9
OP_CONSTU, OP_PLUS_UCONST = 0x10, 0x23
LLVM_ANNOTATION = ("DW_TAG_LLVM_annotation", 0x6000)
REFERENCES = {
    "DW_TAG_pointer_type": "PTR",
    "DW_TAG_const_type": "CONST",
    "DW_TAG_volatile_type": "VOLATILE",
    "DW_TAG_restrict_type": "RESTRICT",
    "DW_TAG_typedef": "TYPEDEF",
}
COMPOSITES = {
    "DW_TAG_structure_type": "STRUCT",
    "DW_TAG_class_type": "STRUCT",
    "DW_TAG_union_type": "UNION",
}


class Type(NamedTuple):
    """One type as BTF will have it.

    Attributes
    ----------
    offset : int or tuple
        Offset of the DIE in .debug_info, bytes; ``(".debug_types", offset)`` in that section. All ids look so.
    kind : str
        As `harness.model.kinds.Kind` names it.
    name : str
        "" when it has none; of a TYPE_TAG its text.
    size : int or None
        Bytes, of INT, FLOAT, STRUCT, UNION, ENUM and ENUM64.
    ref : int, tuple or None
        Id of the type referred to: pointee, element, return type; None is void.
    kind_flag : bool
    encoding : int
        Of INT: SIGNED, BOOL or 0.
    nelems : int
        Of ARRAY: its dimension modulo 2**32; each has an ARRAY of its own.
    members : tuple of (name, type id, bit offset, bitfield size)
        Of STRUCT and UNION; the bitfield size is 0 for plain members. The offset word of BTF is the bit offset,
        or'ed with ``bitfield size << 24`` when kind_flag is set.
    enumerators : tuple of (name, value)
        Signed 64-bit values; ENUM stores the lower half.
    params : tuple of (name, type id)
        Of FUNC_PROTO; ``("", None)`` at the end stands for `...`.
    """

    offset: int | tuple
    kind: str
    name: str = ""
    size: int | None = None
    ref: int | tuple | None = None
    kind_flag: bool = False
    encoding: int = 0
    nelems: int = 0
    members: tuple = ()
    enumerators: tuple = ()
    params: tuple = ()

    @property
    def vlen(self):
        """The number of members, enumerators or parameters."""
        return len(self.members) + len(self.enumerators) + len(self.params)


class Function(NamedTuple):
    """One DW_TAG_subprogram; what it lacks is taken from its abstract_origin and specification.

    Attributes
    ----------
    offset : int or tuple
    name : str or None
    address : int or None
        low_pc, else the start of the first range that is not empty; None without code.
    external, declaration : bool
        `declaration` is the DIE's own: a definition may complete one.
    params : tuple of (name, type id)
    returns : int, tuple or None
    """

    offset: int | tuple
    name: str | None
    address: int | None
    external: bool
    declaration: bool
    params: tuple
    returns: int | tuple | None


def types_by_unit(path):
    """The types of each unit in DIE order, one that is declared in another before that: the units of .debug_info, then
    those of .debug_types."""
    with _opened(path) as file:
        return _types(file)


def functions(path):
    """Every subprogram DIE of the file, at any depth, in DIE order."""
    with _opened(path) as file:
        return _functions(file)


def decl_tags(path):
    """btf_decl_tag texts of each unit: (id of the DIE tagged, component_idx, text), in DIE order.

    A tag on a member or parameter names its struct or function and the index among its siblings.
    """
    with _opened(path) as file:
        return _decl_tags(file)


def everything(path):
    """The three in one reading: (types_by_unit, functions, decl_tags)."""
    with _opened(path) as file:
        return _types(file), _functions(file), _decl_tags(file)


def _types(file):
    return [_unit_types(file, unit) for unit in file.units]


def _functions(file):
    return [_function(file, die) for unit in file.units for die in unit.iter_DIEs() if die.tag == "DW_TAG_subprogram"]


def _decl_tags(file):
    return [_unit_decl_tags(unit) for unit in file.units]


class _File(NamedTuple):
    info: object
    little_endian: bool
    units: list
    type_units: dict


@contextmanager
def _opened(path):
    with open(path, "rb") as stream:
        elf = ELFFile(stream)
        info = elf.get_dwarf_info()
        units = list(info.iter_CUs())
        # DWARF 5 keeps type units in .debug_info, where pyelftools does not look signatures up.
        by_signature = {u["type_signature"]: u for u in units if u.header.get("unit_type") == "DW_UT_type"}
        if info.debug_types_sec is not None:
            units += info.iter_TUs()
        yield _File(info, elf.little_endian, units, by_signature)


# Attributes


def _id(die):
    # Only the units of .debug_types have a tu_offset.
    return (".debug_types", die.offset) if hasattr(die.cu, "tu_offset") else die.offset


def _value(die, name, default=None):
    attr = die.attributes.get("DW_AT_" + name)
    return default if attr is None else attr.value


def _text(die, name="name"):
    return (_value(die, name) or b"").decode("utf-8", "surrogateescape")


def _number(die, name):
    """An attribute's integer; 0 when it is missing or no integer."""
    value = _value(die, name)
    return int(value) if isinstance(value, (int, bool)) else 0


def _target(file, die, name):
    """The DIE that an attribute refers to, or None."""
    attr = die.attributes.get("DW_AT_" + name)
    if attr is None:
        return None
    if attr.form == "DW_FORM_ref_sig8" and attr.raw_value in file.type_units:
        unit = file.type_units[attr.raw_value]
        return unit.get_DIE_from_refaddr(unit.cu_offset + unit["type_offset"])
    return die.get_DIE_from_attribute("DW_AT_" + name)


def _chain(file, die):
    """The DIE, its abstract_origin or specification, theirs, and so on."""
    seen = []
    while die is not None and _id(die) not in seen:
        seen.append(_id(die))
        yield die
        die = _target(file, die, "abstract_origin") or _target(file, die, "specification")


def _resolved(file, die):
    """The id of a type DIE after dropping what BTF does not have; None is void."""
    seen = set()
    while die is not None:
        if _id(die) in seen:
            raise ValueError(f"{_id(die)}: _Atomic of itself")
        seen.add(_id(die))
        if die.tag == "DW_TAG_unspecified_type":
            return None
        if "DW_AT_signature" in die.attributes:
            die = _target(file, die, "signature")
            continue
        if die.tag != "DW_TAG_atomic_type":
            return _id(die)
        die = _target(file, die, "type")
    return None


def _ref(file, die):
    return _resolved(file, _target(file, die, "type"))


def _is_complex(die):
    return die.tag == "DW_TAG_base_type" and _number(die, "encoding") in (ATE_COMPLEX, ATE_IMAGINARY)


# Types


def _inner_first(die):
    """A DIE and all below it, in order, but what is below a struct, union or prototype before that."""
    around = die.tag in COMPOSITES or die.tag == "DW_TAG_subroutine_type"
    if not around:
        yield die
    for child in die.iter_children():
        yield from _inner_first(child)
    if around:
        yield die


def _unit_types(file, unit):
    made = []
    for die in _inner_first(unit.get_top_DIE()):
        if "DW_AT_signature" in die.attributes:
            continue  # it stands for a type in its type unit
        if die.tag in REFERENCES:
            made += _reference(file, die)
        elif die.tag == "DW_TAG_base_type":
            made.append(Type(_id(die), "FWD") if _is_complex(die) else _base(die))
        elif die.tag in COMPOSITES:
            made.append(_composite(file, die))
        elif die.tag == "DW_TAG_array_type":
            made += _array(file, die)
        elif die.tag == "DW_TAG_enumeration_type":
            made.append(_enumeration(file, die))
        elif die.tag == "DW_TAG_subroutine_type":
            made.append(Type(_id(die), "FUNC_PROTO", ref=_ref(file, die), params=_params(file, die)))
        elif die.tag in ("DW_TAG_reference_type", "DW_TAG_rvalue_reference_type", "DW_TAG_ptr_to_member_type",
                         "DW_TAG_interface_type", "DW_TAG_string_type"):  # fmt: skip
            raise ValueError(f"{_id(die)}: BTF has no {die.tag}")
    return made


def _reference(file, die):
    """PTR, CONST, VOLATILE, RESTRICT or TYPEDEF; and the TYPE_TAGs between a pointer and its pointee.

    clang lists the tags in source order, so the last one is next to the `*`.
    """
    ref = _ref(file, die)
    tags = []
    if die.tag == "DW_TAG_pointer_type":
        for child in die.iter_children():
            if child.tag in LLVM_ANNOTATION and _text(child) == "btf_type_tag":
                tags.append(Type(_id(child), "TYPE_TAG", _text(child, "const_value"), ref=ref))
                ref = _id(child)
    name = _text(die) if die.tag == "DW_TAG_typedef" else ""
    return [Type(_id(die), REFERENCES[die.tag], name, ref=ref), *tags]


def _base(die):
    encoding = _number(die, "encoding")
    size = _number(die, "byte_size")
    if encoding == ATE_FLOAT:
        return Type(_id(die), "FLOAT", _text(die), size)
    name = _text(die)
    if size not in (1, 2, 4, 8, 16):
        # What compilers invent for DW_OP_convert: unnamed or "DW_ATE_unsigned_24".
        name, size = FAKE_INT, 4
    int_encoding = {ATE_SIGNED: SIGNED, ATE_SIGNED_CHAR: SIGNED, ATE_BOOLEAN: BOOL}.get(encoding, 0)
    return Type(_id(die), "INT", name, size, encoding=int_encoding)


def _composite(file, die):
    kind = COMPOSITES[die.tag]
    if _number(die, "declaration"):
        return Type(_id(die), "FWD", _text(die), kind_flag=kind == "UNION")
    members = []
    for child in die.iter_children():
        if child.tag != "DW_TAG_member":
            continue
        placed = "DW_AT_data_bit_offset" in child.attributes or "DW_AT_data_member_location" in child.attributes
        if not placed and kind == "STRUCT":
            continue  # a static member of a C++ class
        size = _number(child, "bit_size")
        members.append((_text(child), _ref(file, child), _bit_offset(file, child, size), size))
    kind_flag = any(size or offset % 8 for _, _, offset, size in members)
    return Type(_id(die), kind, _text(die), _number(die, "byte_size"), kind_flag=kind_flag, members=tuple(members))


def _bit_offset(file, die, bit_size):
    """Bits from the start of the struct to the member's lowest address (and lowest bit on little endian)."""
    if "DW_AT_data_bit_offset" in die.attributes:
        return _number(die, "data_bit_offset")
    start = 8 * _member_location(die)
    if not bit_size:
        return start
    # DWARF 2 and 3: from the storage unit's highest bit. clang states a packed field that crosses the unit's end as a
    # negative number in data8.
    bit_offset = _number(die, "bit_offset")
    bit_offset -= 2**64 if bit_offset >= 2**63 else 0
    if not file.little_endian:
        return start + bit_offset
    storage = 8 * (_number(die, "byte_size") or _storage_nbytes(file, die))
    return start + storage - bit_offset - bit_size


def _member_location(die):
    value = _value(die, "data_member_location", 0)
    if isinstance(value, int):
        return value
    # An expression over the struct's address; compilers used these two only.
    opcode, *operand = value
    if opcode not in (OP_CONSTU, OP_PLUS_UCONST):
        raise ValueError(f"{_id(die)}: data_member_location is an expression with opcode {opcode:#x}")
    return sum((byte & 0x7F) << 7 * i for i, byte in enumerate(operand))


def _storage_nbytes(file, die):
    """Size of a bitfield's declared type, through typedefs and qualifiers."""
    seen = set()
    while True:
        die = _target(file, die, "type")
        if die is None or _id(die) in seen:
            return 0
        seen.add(_id(die))
        if "DW_AT_byte_size" in die.attributes:
            return _number(die, "byte_size")


def _array(file, die):
    """An ARRAY for each dimension, the innermost first; the last is the DIE's."""
    dims = [child for child in die.iter_children() if child.tag == "DW_TAG_subrange_type"][:MAX_DIMENSIONS]
    made, ref = [], _ref(file, die)
    for dim in reversed(dims[1:]):
        made.append(Type(_id(dim), "ARRAY", ref=ref, nelems=_dimension(dim)))
        ref = _id(dim)
    return [*made, Type(_id(die), "ARRAY", ref=ref, nelems=_dimension(dims[0]) if dims else 1)]


def _dimension(die):
    bound = die.attributes.get("DW_AT_upper_bound")
    if bound is not None:
        # A bound computed at run time is an expression or a reference to a variable: no constant, so 0.
        constant = isinstance(bound.value, int) and not bound.form.startswith("DW_FORM_ref")
        return (bound.value + 1) % 2**32 if constant else 0
    count = die.attributes.get("DW_AT_count")
    if count is not None and isinstance(count.value, int) and not count.form.startswith("DW_FORM_ref"):
        return count.value % 2**32
    return 0


def _enumeration(file, die):
    size = _number(die, "byte_size") or 4
    values = []
    for child in die.iter_children():
        if child.tag == "DW_TAG_enumerator":
            value = _number(child, "const_value") % 2**64
            values.append((_text(child), value - 2**64 if value >= 2**63 else value))
    if size <= 4:
        return Type(_id(die), "ENUM", _text(die), size, kind_flag=any(v < 0 for _, v in values),
                    enumerators=tuple(values))  # fmt: skip
    underlying = _target(file, die, "type")
    signed = underlying is not None and _number(underlying, "encoding") in (ATE_SIGNED, ATE_SIGNED_CHAR)
    return Type(_id(die), "ENUM64", _text(die), size, kind_flag=signed, enumerators=tuple(values))


# Functions


def _params(file, die):
    made, variadic = [], False
    for child in die.iter_children():
        if child.tag == "DW_TAG_formal_parameter":
            chain = list(_chain(file, child))
            name = next((_text(each) for each in chain if "DW_AT_name" in each.attributes), "")
            typed = next((each for each in chain if "DW_AT_type" in each.attributes), None)
            made.append((name, None if typed is None else _ref(file, typed)))
        elif child.tag == "DW_TAG_unspecified_parameters":
            variadic = True
    return (*made, ("", None)) if variadic else tuple(made)


def _function(file, die):
    chain = list(_chain(file, die))
    name = next((_text(each) for each in chain if "DW_AT_name" in each.attributes), None)
    typed = next((each for each in chain if "DW_AT_type" in each.attributes), None)
    return Function(
        _id(die),
        name,
        _entry_address(file, die),
        any("DW_AT_external" in each.attributes for each in chain),
        "DW_AT_declaration" in die.attributes,
        _params(file, die),
        None if typed is None else _ref(file, typed),
    )


def _entry_address(file, die):
    low_pc = _value(die, "low_pc")
    if low_pc is not None:
        return low_pc
    offset = _value(die, "ranges")
    if offset is None:
        return None
    base = _value(die.cu.get_top_DIE(), "low_pc", 0)
    for entry in file.info.range_lists().get_range_list_at_offset(offset, die.cu):
        if hasattr(entry, "base_address"):
            base = entry.base_address
        elif entry.begin_offset != entry.end_offset:
            return entry.begin_offset + (0 if entry.is_absolute else base)
    return None


def _unit_decl_tags(unit):
    indexed = {"DW_TAG_member": COMPOSITES, "DW_TAG_formal_parameter": ("DW_TAG_subprogram",)}
    made = []
    for die in unit.iter_DIEs():
        tags = [_text(c, "const_value") for c in die.iter_children() if _is_decl_tag(c)] if die.has_children else []
        if not tags:
            continue
        target, component = die, -1
        parent = die.get_parent()
        if die.tag in indexed and parent is not None and parent.tag in indexed[die.tag]:
            target = parent
            siblings = [c.offset for c in parent.iter_children() if c.tag == die.tag]
            component = siblings.index(die.offset)
        made += [(_id(target), component, text) for text in tags]
    return made


def _is_decl_tag(die):
    return die.tag in LLVM_ANNOTATION and _text(die) == "btf_decl_tag"
