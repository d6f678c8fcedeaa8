"""Compiled reader of abbreviation tables (DWARF 5 section 7.5.3): which attributes a code's DIEs have, and how to skip.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline
from harness.dwarf import constants as dw
from harness.dwarf import state as sc
from harness.dwarf.form_kernels import form_size, joined, sleb, uleb


@inline
def attribute_of(at):
    """AT_* of an attribute, 0 for those that are only stepped over."""
    if at == dw.DW_AT_name:
        return sc.AT_NAME
    if at == dw.DW_AT_type:
        return sc.AT_TYPE
    if at == dw.DW_AT_byte_size:
        return sc.AT_BYTE_SIZE
    if at == dw.DW_AT_sibling:
        return sc.AT_SIBLING
    if at == dw.DW_AT_data_member_location:
        return sc.AT_MEMBER_LOCATION
    if at == dw.DW_AT_bit_size:
        return sc.AT_BIT_SIZE
    if at == dw.DW_AT_data_bit_offset:
        return sc.AT_DATA_BIT_OFFSET
    if at == dw.DW_AT_bit_offset:
        return sc.AT_BIT_OFFSET
    if at == dw.DW_AT_encoding:
        return sc.AT_ENCODING
    if at == dw.DW_AT_declaration:
        return sc.AT_DECLARATION
    if at == dw.DW_AT_upper_bound:
        return sc.AT_UPPER_BOUND
    if at == dw.DW_AT_count:
        return sc.AT_COUNT
    if at == dw.DW_AT_const_value:
        return sc.AT_CONST_VALUE
    if at == dw.DW_AT_abstract_origin:
        return sc.AT_ORIGIN
    if at == dw.DW_AT_specification:
        return sc.AT_SPECIFICATION
    if at == dw.DW_AT_low_pc:
        return sc.AT_LOW_PC
    if at == dw.DW_AT_ranges:
        return sc.AT_RANGES
    if at == dw.DW_AT_external:
        return sc.AT_EXTERNAL
    if at == dw.DW_AT_inline:
        return sc.AT_INLINE
    if at == dw.DW_AT_location:
        return sc.AT_LOCATION
    if at == dw.DW_AT_language:
        return sc.AT_LANGUAGE
    if at == dw.DW_AT_str_offsets_base:
        return sc.AT_STR_OFFSETS_BASE
    if at == dw.DW_AT_addr_base or at == dw.DW_AT_GNU_addr_base:
        return sc.AT_ADDR_BASE
    if at == dw.DW_AT_rnglists_base:
        return sc.AT_RNGLISTS_BASE
    if at == dw.DW_AT_artificial:
        return sc.AT_ARTIFICIAL
    if at == dw.DW_AT_GNU_annotation:
        return sc.AT_ANNOTATION
    if at == dw.DW_AT_signature:
        return sc.AT_SIGNATURE
    if at == dw.DW_AT_loclists_base:
        return sc.AT_LOCLISTS_BASE
    if at == dw.DW_AT_calling_convention:
        return sc.AT_CALLING_CONVENTION
    if at == dw.DW_AT_producer:
        return sc.AT_PRODUCER
    if at == dw.DW_AT_stmt_list:
        return sc.AT_STMT_LIST
    if at == dw.DW_AT_decl_file:
        return sc.AT_DECL_FILE
    if at == dw.DW_AT_decl_line:
        return sc.AT_DECL_LINE
    if at == dw.DW_AT_GNU_dwo_name:
        return sc.AT_DWO_NAME
    if at == dw.DW_AT_import:
        return sc.AT_IMPORT
    return 0


@inline
def class_of(tag):
    """C_* of a tag."""
    if tag == dw.DW_TAG_base_type:
        return sc.C_INT
    if (tag == dw.DW_TAG_const_type or tag == dw.DW_TAG_volatile_type or tag == dw.DW_TAG_restrict_type
            or tag == dw.DW_TAG_typedef):
        return sc.C_REF
    if tag == dw.DW_TAG_pointer_type:
        return sc.C_POINTER
    if tag == dw.DW_TAG_array_type:
        return sc.C_ARRAY
    if (tag == dw.DW_TAG_structure_type or tag == dw.DW_TAG_union_type or tag == dw.DW_TAG_class_type
            or tag == dw.DW_TAG_interface_type):
        return sc.C_STRUCT
    if tag == dw.DW_TAG_enumeration_type:
        return sc.C_ENUM
    if tag == dw.DW_TAG_subroutine_type:
        return sc.C_SUBROUTINE
    if tag == dw.DW_TAG_atomic_type or tag == dw.DW_TAG_immutable_type or tag == dw.DW_TAG_packed_type:
        return sc.C_ALIAS
    if tag == dw.DW_TAG_unspecified_type:
        return sc.C_VOID
    if tag == dw.DW_TAG_member:
        return sc.C_MEMBER
    if tag == dw.DW_TAG_enumerator:
        return sc.C_ENUMERATOR
    if tag == dw.DW_TAG_subrange_type:
        return sc.C_SUBRANGE
    if tag == dw.DW_TAG_formal_parameter:
        return sc.C_PARAMETER
    if tag == dw.DW_TAG_unspecified_parameters:
        return sc.C_ELLIPSIS
    if tag == dw.DW_TAG_subprogram:
        return sc.C_SUBPROGRAM
    if tag == dw.DW_TAG_variable:
        return sc.C_VARIABLE
    if tag == dw.DW_TAG_LLVM_annotation:
        return sc.C_ANNOTATION
    if tag == dw.DW_TAG_imported_unit:
        return sc.C_IMPORT
    if (tag == dw.DW_TAG_reference_type or tag == dw.DW_TAG_rvalue_reference_type
            or tag == dw.DW_TAG_ptr_to_member_type or tag == dw.DW_TAG_string_type or tag == dw.DW_TAG_set_type
            or tag == dw.DW_TAG_file_type or tag == dw.DW_TAG_shared_type or tag == dw.DW_TAG_coarray_type
            or tag == dw.DW_TAG_dynamic_type):
        return sc.C_UNSUPPORTED
    return sc.C_OTHER


@inline
def attribute_flags(attribute, form):
    """AF_* that an attribute gives its abbreviation."""
    if attribute == sc.AT_DECLARATION:
        return sc.AF_DECLARATION
    if attribute == sc.AT_LOCATION:
        return sc.AF_LOCATION
    if attribute == sc.AT_ANNOTATION:
        return sc.AF_ANNOTATION
    if attribute == sc.AT_SIBLING:
        return sc.AF_SIBLING
    if attribute == sc.AT_IMPORT:
        return sc.AF_IMPORT
    refers = attribute == sc.AT_TYPE or attribute == sc.AT_ORIGIN or attribute == sc.AT_SPECIFICATION
    if attribute == sc.AT_SIGNATURE or (refers and (
            form == dw.DW_FORM_ref_addr or form == dw.DW_FORM_ref_sig8 or form == dw.DW_FORM_indirect)):
        return sc.AF_XREF
    return 0


@inline
def fixed_nbytes(specs, first, stop):
    """Bytes of the attributes whose skip operations are [first, stop), -1 if they vary."""
    if stop == first:
        return np.int64(0)
    only = specs[sc.SPEC_COLUMNS * first + sc.SPEC_SKIP]
    return only if stop == first + 1 and only >= 0 else np.int64(-1)


@inline
def parse_specs(sections, unit, abbrevs, specs, a, pos, stop, first):
    """Read the attributes of the abbreviation at abbrevs[a:]: (position behind, next free specification, status).

    The specifications are written from `first` on.
    """
    n_specs = first
    n_skips = first
    flags = 0
    while True:
        if pos >= stop:
            return pos, n_specs, sc.BAD_ABBREV_TABLE
        at, pos = uleb(sections, pos)
        form, pos = uleb(sections, pos)
        const = np.uint64(0)
        if form == dw.DW_FORM_implicit_const:
            const, pos = sleb(sections, pos)
        if at == 0 and form == 0:
            break
        if n_specs >= sc.MAX_SPECS:
            unit[sc.RUN_DETAIL] = n_specs
            return pos, n_specs, sc.ABBREV_LIMIT
        attribute = attribute_of(np.int64(at)) if at < 0x10000 else 0
        if (attribute == sc.AT_DECL_FILE or attribute == sc.AT_DECL_LINE) and (
                abbrevs[a + sc.A_CLASS] != sc.C_SUBPROGRAM):
            attribute = 0  # nearly every DIE has them, and only a function's are asked for
        size = np.int64(sc.SKIP_UNKNOWN)
        if form <= 0xFFFF:
            size = form_size(unit, np.int64(form))
        if size == sc.SKIP_UNKNOWN:
            unit[sc.RUN_DETAIL] = np.int64(form & np.uint64(0x7FFFFFFF))
            return pos, n_specs, sc.BAD_ABBREV_FORM
        x = sc.SPEC_COLUMNS * n_specs
        before = x - sc.SPEC_COLUMNS
        if (attribute == 0 and size >= 0 and n_specs > first and specs[before + sc.SPEC_AT] == 0
                and specs[before + sc.SPEC_SIZE] >= 0):
            # a run of attributes that nobody reads (mostly decl_file, decl_line, decl_column) is one step
            specs[before + sc.SPEC_SIZE] += size
            x = before
            n_specs -= 1
        else:
            specs[x + sc.SPEC_SIZE] = size
        plain, base = joined(unit, np.int64(form))
        specs[x + sc.SPEC_AT] = attribute
        specs[x + sc.SPEC_FORM] = plain
        specs[x + sc.SPEC_CONST] = np.int64(const) if form == dw.DW_FORM_implicit_const else base
        n_specs += 1
        flags |= attribute_flags(attribute, plain)
        last = sc.SPEC_COLUMNS * (n_skips - 1) + sc.SPEC_SKIP
        if size >= 0 and n_skips > first and specs[last] >= 0:
            specs[last] += size
        elif size != 0:
            specs[sc.SPEC_COLUMNS * n_skips + sc.SPEC_SKIP] = size
            n_skips += 1
    abbrevs[a + sc.A_FLAGS] = flags
    abbrevs[sc.A_FLAGS] |= flags
    abbrevs[a + sc.A_SPECS] = first
    abbrevs[a + sc.A_SPECS_STOP] = n_specs
    abbrevs[a + sc.A_SKIPS_STOP] = n_skips
    abbrevs[a + sc.A_FIXED] = fixed_nbytes(specs, first, n_skips)
    return pos, n_specs, sc.OK


@inline
def parse_abbrevs(sections, unit, abbrevs, specs):
    """Read the unit's abbreviation table into `abbrevs` and `specs`; a status."""
    base = unit[sc.SEC_ABBREV]
    pos = base + unit[sc.U_ABBREV_OFF]
    stop = base + unit[sc.SEC_ABBREV_NBYTES]
    sizes = unit[sc.U_ADDRESS_SIZE] + 16 * unit[sc.U_OFFSET_SIZE] + 256 * unit[sc.U_VERSION]
    if unit[sc.RUN_TABLE] == unit[sc.U_ABBREV_OFF] + 1 and unit[sc.RUN_TABLE_SIZES] == sizes:
        return sc.OK
    unit[sc.RUN_TABLE] = 0
    if unit[sc.RUN_ABBREV_WORK] > sc.ABBREV_WORK:
        unit[sc.RUN_MALFORMED_OFF] = unit[sc.U_START]
        return sc.TOO_MUCH_WORK
    generation = abbrevs[sc.A_STAMP] + np.int32(1)
    abbrevs[sc.A_STAMP] = generation
    abbrevs[sc.A_FLAGS] = 0
    n_specs = np.int64(0)
    unit[sc.RUN_DETAIL] = 0
    while True:
        unit[sc.RUN_MALFORMED_OFF] = pos - base
        if pos >= stop:
            return sc.BAD_ABBREV_TABLE
        code, pos = uleb(sections, pos)
        if code == 0:
            unit[sc.RUN_TABLE] = unit[sc.U_ABBREV_OFF] + 1
            unit[sc.RUN_TABLE_SIZES] = sizes
            unit[sc.RUN_ABBREV_WORK] += pos - base - unit[sc.U_ABBREV_OFF]
            return sc.OK
        if code >= sc.MAX_CODE:
            unit[sc.RUN_DETAIL] = np.int64(code & np.uint64(0x7FFFFFFFFFFFFFFF))
            return sc.ABBREV_LIMIT
        a = sc.A_COLUMNS * np.int64(code)
        tag, pos = uleb(sections, pos)
        if pos >= stop or tag > 0xFFFF:
            return sc.BAD_ABBREV_TABLE
        abbrevs[a + sc.A_STAMP] = generation
        abbrevs[a + sc.A_TAG] = np.int32(tag)
        abbrevs[a + sc.A_CHILDREN] = 1 if sections[pos] else 0
        abbrevs[a + sc.A_CLASS] = class_of(np.int64(tag))
        pos, n_specs, status = parse_specs(sections, unit, abbrevs, specs, a, pos + 1, stop, n_specs)
        if status != sc.OK:
            return status
