"""Compiled readers of DIEs: LEB128, forms, abbreviation tables, one DIE's attributes.

Every function trusts only what it has checked itself. Buffers carry PAD zero bytes behind their end, so that a read
that starts within the unit cannot leave the buffer; a position past the unit's end is then reported as a fault.
Faults are data: a status and the section offset, never an exception.
"""

from __future__ import annotations

import numpy as np

from harness.accelerate import inline
from harness.dwarf import constants as dw

PAD = 64
"""Zero bytes behind every buffer: more than any single fixed-size form or LEB128 number."""

MAX_CODE = 1 << 17
"""Largest abbreviation code supported. Compilers number them from 1; gcc LTO units reach a few thousands."""

MAX_SPECS = 1 << 20
"""Most attribute specifications in one abbreviation table."""

# Status of a unit; the texts are in walk.py
OK = 0
BAD_ABBREV_TABLE = 1
BAD_ABBREV_CODE = 2
BAD_FORM = 3
PAST_END = 4
BAD_STRING = 5
TOO_DEEP = 6
BAD_REFERENCE = 7
REFERENCE_LOOP = 8
BAD_INDEX = 9
POOL_FULL = 10
MISSING_NULL = 11
ROW_MISMATCH = 12
BAD_RANGES = 13
BAD_UNIT_DIE = 14
ABBREV_LIMIT = 15
ENUM_RANGE = 16
BAD_ABBREV_FORM = 17
TOO_MUCH_WORK = 18

# Slots of the attributes that are read; 0 is every other attribute
S_NAME = 1
S_TYPE = 2
S_BYTE_SIZE = 3
S_ENCODING = 4
S_BIT_SIZE = 5
S_DATA_BIT_OFFSET = 6
S_MEMBER_LOCATION = 7
S_BIT_OFFSET = 8
S_DECLARATION = 9
S_UPPER_BOUND = 10
S_COUNT = 11
S_CONST_VALUE = 12
S_ORIGIN = 13
S_SPECIFICATION = 14
S_LOW_PC = 15
S_RANGES = 16
S_EXTERNAL = 17
S_INLINE = 18
S_LOCATION = 19
S_SIBLING = 20
S_LANGUAGE = 21
S_STR_OFFSETS_BASE = 22
S_ADDR_BASE = 23
S_RNGLISTS_BASE = 24
S_ARTIFICIAL = 25
S_ANNOTATION = 26
S_SIGNATURE = 27
S_PROTOTYPED = 28
S_LOCLISTS_BASE = 29
S_CALLING_CONVENTION = 30
S_PRODUCER = 31
S_STMT_LIST = 32
S_DECL_FILE = 33
S_DECL_LINE = 34
N_SLOTS = 35

# The bit of each slot in the mask that read_die returns. Numpy scalars, here and below: numba would compile a kernel
# anew for every Python constant it is called with
M_NAME = np.uint64(1 << S_NAME)
M_TYPE = np.uint64(1 << S_TYPE)
M_BYTE_SIZE = np.uint64(1 << S_BYTE_SIZE)
M_ENCODING = np.uint64(1 << S_ENCODING)
M_BIT_SIZE = np.uint64(1 << S_BIT_SIZE)
M_DATA_BIT_OFFSET = np.uint64(1 << S_DATA_BIT_OFFSET)
M_MEMBER_LOCATION = np.uint64(1 << S_MEMBER_LOCATION)
M_BIT_OFFSET = np.uint64(1 << S_BIT_OFFSET)
M_DECLARATION = np.uint64(1 << S_DECLARATION)
M_UPPER_BOUND = np.uint64(1 << S_UPPER_BOUND)
M_COUNT = np.uint64(1 << S_COUNT)
M_CONST_VALUE = np.uint64(1 << S_CONST_VALUE)
M_ORIGIN = np.uint64(1 << S_ORIGIN)
M_SPECIFICATION = np.uint64(1 << S_SPECIFICATION)
M_LOW_PC = np.uint64(1 << S_LOW_PC)
M_RANGES = np.uint64(1 << S_RANGES)
M_EXTERNAL = np.uint64(1 << S_EXTERNAL)
M_INLINE = np.uint64(1 << S_INLINE)
M_LOCATION = np.uint64(1 << S_LOCATION)
M_SIBLING = np.uint64(1 << S_SIBLING)
M_LANGUAGE = np.uint64(1 << S_LANGUAGE)
M_STR_OFFSETS_BASE = np.uint64(1 << S_STR_OFFSETS_BASE)
M_ADDR_BASE = np.uint64(1 << S_ADDR_BASE)
M_RNGLISTS_BASE = np.uint64(1 << S_RNGLISTS_BASE)
M_ARTIFICIAL = np.uint64(1 << S_ARTIFICIAL)
M_ANNOTATION = np.uint64(1 << S_ANNOTATION)
M_SIGNATURE = np.uint64(1 << S_SIGNATURE)
M_PROTOTYPED = np.uint64(1 << S_PROTOTYPED)
M_LOCLISTS_BASE = np.uint64(1 << S_LOCLISTS_BASE)
M_CALLING_CONVENTION = np.uint64(1 << S_CALLING_CONVENTION)
M_PRODUCER = np.uint64(1 << S_PRODUCER)
M_STMT_LIST = np.uint64(1 << S_STMT_LIST)
M_DECL_FILE = np.uint64(1 << S_DECL_FILE)
M_DECL_LINE = np.uint64(1 << S_DECL_LINE)

# What a DIE means to the walk
C_OTHER = 0
C_INT = 1  # base types: INT or FLOAT or nothing, by encoding
C_REF = 2  # const, volatile, restrict, typedef: a type whose only content is a reference
C_POINTER = 3
C_ARRAY = 4
C_STRUCT = 5  # structure, class, interface, union
C_ENUM = 6
C_SUBROUTINE = 7
C_ALIAS = 8  # atomic: no BTF of its own, stands for the type it refers to
C_VOID = 9  # unspecified: void
C_UNSUPPORTED = 10  # types that C does not have; nothing refers to them in C units
C_MEMBER = 11
C_ENUMERATOR = 12
C_SUBRANGE = 13
C_PARAMETER = 14
C_ELLIPSIS = 15
C_SUBPROGRAM = 16
C_VARIABLE = 17
C_ANNOTATION = 18

# Flags of an abbreviation
F_DECLARATION = 1
F_LOCATION = 2
F_XREF = 4
F_ANNOTATION = 8
F_SIBLING = 16

# Skip operations: a positive number of bytes, or one of these
SKIP_LEB = -1
SKIP_STRING = -2
SKIP_BLOCK = -3
SKIP_BLOCK1 = -4
SKIP_BLOCK2 = -5
SKIP_BLOCK4 = -6
SKIP_INDIRECT = -7
SKIP_UNKNOWN = -8

BLOCK_FLAG = np.uint64(1 << 40)
"""Set in the length of a block, which stands where other attributes have their form."""

WORK_PER_BYTE = 64
WORK_PER_UNIT = 1024
"""How much a unit may cost to read, in attributes and bytes stepped over. Compilers' units stay below 5 per byte."""

ABBREV_WORK = 1 << 28
"""How many bytes of abbreviation tables the units of one batch may read: tables may be shared, but not without end."""

POOL_FLAG = 0x80000000
"""Set in a name that lies in the batch's pool of inline strings rather than in a string section."""


# Columns of the unit matrix, int64 (units, U_COLUMNS): offsets within the section, bytes
U_START = 0  # of the header
U_DIES = 1  # of the unit's own DIE
U_STOP = 2
U_VERSION = 3
U_ADDRESS_SIZE = 4
U_OFFSET_SIZE = 5  # 4 or 8: 32-bit or 64-bit DWARF
U_ABBREV = 6
U_TYPE = 7  # DW_UT_*
U_STR_BASE = 8
U_ADDR_BASE = 9
U_RNG_BASE = 10
U_LOW_PC = 11
U_LANGUAGE = 12
U_NAME = 13
U_STATE = 14  # 0 walked, else why not
U_ROWS = 15
U_WORDS = 16
U_FUNCS = 17
U_PARAMS = 18
U_VARS = 19
U_XREFS = 20
U_SUBPROGRAMS = 21  # all subprogram DIEs, declarations too
U_UNSUPPORTED = 22  # type DIEs without BTF form
U_TAGS = 23  # btf_decl_tag annotations
U_SIGNATURE = 24  # of a type unit
U_TYPE_DIE = 25  # of a type unit: offset of its type's DIE
U_LOC_BASE = 26
U_LINE = 27  # offset of its line number program in .debug_line, -1 if it has none
U_PRODUCER = 28  # a name, like U_NAME
U_COLUMNS = 29

RESOLVE = np.uint8(1)
AS_IS = np.uint8(0)

WALKED = 0
OTHER_LANGUAGE = 1
SKELETON = 2


# A kernel's state is a handful of flat arrays, because numba passes each array of a tuple as seven words on every
# call, and the readers below are called tens of millions of times:
#
#   info   uint8   the bytes of a run of units of .debug_info, PAD zeros behind them
#   side   uint8   all other sections behind one another, each with PAD zeros behind it
#   geo    int64   where things are: the row of the unit at hand (U_*), then the columns G_*
#   codes  int32   abbreviation `code` at codes[A_COLUMNS * code], columns A_*
#   specs  int64   attribute specification `k` at specs[X_COLUMNS * k], columns X_*
#   die    uint64  attributes of the DIE read last: value of slot s at die[s], its form at die[AUX + s]; of a block the
#                  index of its first byte in info, and BLOCK_FLAG | its length
#   text, slots    pool of the strings that stand in .debug_info itself: bytes, and an open hash of offset + 1
#   seen   uint8   NAME at the offset of each string that is some name, EMPTY where such a string is empty
G_INFO_BASE = U_COLUMNS  # section offset of info[0]
G_ABBREV = U_COLUMNS + 1  # in side; and so on
G_N_ABBREV = U_COLUMNS + 2
G_STRS = U_COLUMNS + 3  # .debug_str, NUL, .debug_line_str, NUL
G_N_STR = U_COLUMNS + 4  # length of .debug_str alone
G_N_STRS = U_COLUMNS + 5
G_STR_OFFSETS = U_COLUMNS + 6
G_N_STR_OFFSETS = U_COLUMNS + 7
G_ADDR = U_COLUMNS + 8
G_N_ADDR = U_COLUMNS + 9
G_RANGES = U_COLUMNS + 10
G_N_RANGES = U_COLUMNS + 11
G_RNGLISTS = U_COLUMNS + 12
G_N_RNGLISTS = U_COLUMNS + 13
G_BIG = U_COLUMNS + 14  # 1: big endian
G_FAULT = U_COLUMNS + 15  # section offset of the last fault
G_DETAIL = U_COLUMNS + 16
G_POOL_NBYTES = U_COLUMNS + 17  # used of the pool
G_POOL_STRINGS = U_COLUMNS + 18
G_N_ROWS = U_COLUMNS + 19  # of the unit at hand
G_FIRST_ID = U_COLUMNS + 20
G_XREF = U_COLUMNS + 21  # next free cross reference, and where the unit's share of them ends
G_XREF_STOP = U_COLUMNS + 22
G_WORK = U_COLUMNS + 23  # what may still be read of the unit at hand: see WORK_PER_BYTE
G_ABBREV_WORK = U_COLUMNS + 24  # bytes of abbreviation tables read
G_TABLE = U_COLUMNS + 25  # 1 + offset of the table read last, if it can be used again; and what its forms depend on
G_TABLE_SIZES = U_COLUMNS + 26
G_DECLARATIONS = U_COLUMNS + 27  # 1: list subprograms that are declarations, too
G_COLUMNS = U_COLUMNS + 28

A_STAMP = 0  # equals codes[0] if the code is defined in the table read last
A_TAG = 1
A_CHILDREN = 2
A_CLASS = 3  # C_*
A_FLAGS = 4  # F_*; of code 0: of any abbreviation in the table
A_SPECS = 5  # first specification, also first skip operation
A_SPECS_STOP = 6
A_SKIPS_STOP = 7
A_FIXED = 8  # bytes of the attributes if all have a fixed size, else -1
A_COLUMNS = 16  # one cache line

X_SLOT = 0
X_FORM = 1
X_CONST = 2  # of DW_FORM_implicit_const
X_SIZE = 3  # what skip_of says
X_SKIP = 4  # a skip operation of the abbreviation; runs of fixed sizes are one operation
X_COLUMNS = 5

NAME = np.uint8(1)  # marks in `seen`
EMPTY = np.uint8(2)

AUX = 40
DIE_WORDS = 80


@inline
def read_u16(buf, pos, big):
    if big:
        return np.uint64((np.uint32(buf[pos]) << np.uint32(8)) | np.uint32(buf[pos + 1]))
    return np.uint64(np.uint32(buf[pos]) | (np.uint32(buf[pos + 1]) << np.uint32(8)))


@inline
def read_u32(buf, pos, big):
    if big:
        return np.uint64(
            (np.uint32(buf[pos]) << np.uint32(24))
            | (np.uint32(buf[pos + 1]) << np.uint32(16))
            | (np.uint32(buf[pos + 2]) << np.uint32(8))
            | np.uint32(buf[pos + 3])
        )
    return np.uint64(
        np.uint32(buf[pos])
        | (np.uint32(buf[pos + 1]) << np.uint32(8))
        | (np.uint32(buf[pos + 2]) << np.uint32(16))
        | (np.uint32(buf[pos + 3]) << np.uint32(24))
    )


@inline
def read_u64(buf, pos, big):
    first = read_u32(buf, pos, big)
    second = read_u32(buf, pos + 4, big)
    if big:
        return (first << np.uint64(32)) | second
    return first | (second << np.uint64(32))


@inline
def read_sized(buf, pos, size, big):
    """An unsigned number of 1, 2, 4 or 8 bytes."""
    if size == 1:
        return np.uint64(buf[pos])
    if size == 2:
        return read_u16(buf, pos, big)
    if size == 4:
        return read_u32(buf, pos, big)
    return read_u64(buf, pos, big)


@inline
def uleb(buf, pos):
    """(value, position behind it) of a ULEB128 number; bits past 64 are dropped (DWARF 5 section 7.6)."""
    byte = buf[pos]
    pos += 1
    value = np.uint64(byte & np.uint8(127))
    shift = np.uint64(7)
    while byte >= 128 and shift < 70:
        byte = buf[pos]
        pos += 1
        if shift < 64:
            value |= np.uint64(byte & np.uint8(127)) << shift
        shift += np.uint64(7)
    return value, pos


@inline
def sleb(buf, pos):
    """(value as two's complement, position behind it) of an SLEB128 number."""
    value = np.uint64(0)
    shift = np.uint64(0)
    byte = np.uint8(128)
    while byte >= 128 and shift < 70:
        byte = buf[pos]
        pos += 1
        if shift < 64:
            value |= np.uint64(byte & np.uint8(127)) << shift
        shift += np.uint64(7)
    if shift < 64 and byte & np.uint8(64):
        value |= ~np.uint64(0) << shift
    return value, pos


@inline
def slot_of(at):
    """The slot an attribute is read into, 0 for the attributes that are only stepped over."""
    if at == dw.DW_AT_name:
        return S_NAME
    if at == dw.DW_AT_type:
        return S_TYPE
    if at == dw.DW_AT_byte_size:
        return S_BYTE_SIZE
    if at == dw.DW_AT_sibling:
        return S_SIBLING
    if at == dw.DW_AT_data_member_location:
        return S_MEMBER_LOCATION
    if at == dw.DW_AT_bit_size:
        return S_BIT_SIZE
    if at == dw.DW_AT_data_bit_offset:
        return S_DATA_BIT_OFFSET
    if at == dw.DW_AT_bit_offset:
        return S_BIT_OFFSET
    if at == dw.DW_AT_encoding:
        return S_ENCODING
    if at == dw.DW_AT_declaration:
        return S_DECLARATION
    if at == dw.DW_AT_upper_bound:
        return S_UPPER_BOUND
    if at == dw.DW_AT_count:
        return S_COUNT
    if at == dw.DW_AT_const_value:
        return S_CONST_VALUE
    if at == dw.DW_AT_abstract_origin:
        return S_ORIGIN
    if at == dw.DW_AT_specification:
        return S_SPECIFICATION
    if at == dw.DW_AT_low_pc:
        return S_LOW_PC
    if at == dw.DW_AT_ranges:
        return S_RANGES
    if at == dw.DW_AT_external:
        return S_EXTERNAL
    if at == dw.DW_AT_inline:
        return S_INLINE
    if at == dw.DW_AT_location:
        return S_LOCATION
    if at == dw.DW_AT_language:
        return S_LANGUAGE
    if at == dw.DW_AT_str_offsets_base:
        return S_STR_OFFSETS_BASE
    if at == dw.DW_AT_addr_base or at == dw.DW_AT_GNU_addr_base:
        return S_ADDR_BASE
    if at == dw.DW_AT_rnglists_base:
        return S_RNGLISTS_BASE
    if at == dw.DW_AT_artificial:
        return S_ARTIFICIAL
    if at == dw.DW_AT_GNU_annotation:
        return S_ANNOTATION
    if at == dw.DW_AT_signature:
        return S_SIGNATURE
    if at == dw.DW_AT_prototyped:
        return S_PROTOTYPED
    if at == dw.DW_AT_loclists_base:
        return S_LOCLISTS_BASE
    if at == dw.DW_AT_calling_convention:
        return S_CALLING_CONVENTION
    if at == dw.DW_AT_producer:
        return S_PRODUCER
    if at == dw.DW_AT_stmt_list:
        return S_STMT_LIST
    if at == dw.DW_AT_decl_file:
        return S_DECL_FILE
    if at == dw.DW_AT_decl_line:
        return S_DECL_LINE
    return 0


@inline
def class_of(tag):
    """C_* of a tag."""
    if tag == dw.DW_TAG_base_type:
        return C_INT
    if (tag == dw.DW_TAG_const_type or tag == dw.DW_TAG_volatile_type or tag == dw.DW_TAG_restrict_type
            or tag == dw.DW_TAG_typedef):
        return C_REF
    if tag == dw.DW_TAG_pointer_type:
        return C_POINTER
    if tag == dw.DW_TAG_array_type:
        return C_ARRAY
    if (tag == dw.DW_TAG_structure_type or tag == dw.DW_TAG_union_type or tag == dw.DW_TAG_class_type
            or tag == dw.DW_TAG_interface_type):
        return C_STRUCT
    if tag == dw.DW_TAG_enumeration_type:
        return C_ENUM
    if tag == dw.DW_TAG_subroutine_type:
        return C_SUBROUTINE
    if tag == dw.DW_TAG_atomic_type or tag == dw.DW_TAG_immutable_type or tag == dw.DW_TAG_packed_type:
        return C_ALIAS
    if tag == dw.DW_TAG_unspecified_type:
        return C_VOID
    if tag == dw.DW_TAG_member:
        return C_MEMBER
    if tag == dw.DW_TAG_enumerator:
        return C_ENUMERATOR
    if tag == dw.DW_TAG_subrange_type:
        return C_SUBRANGE
    if tag == dw.DW_TAG_formal_parameter:
        return C_PARAMETER
    if tag == dw.DW_TAG_unspecified_parameters:
        return C_ELLIPSIS
    if tag == dw.DW_TAG_subprogram:
        return C_SUBPROGRAM
    if tag == dw.DW_TAG_variable:
        return C_VARIABLE
    if tag == dw.DW_TAG_LLVM_annotation:
        return C_ANNOTATION
    if (tag == dw.DW_TAG_reference_type or tag == dw.DW_TAG_rvalue_reference_type
            or tag == dw.DW_TAG_ptr_to_member_type or tag == dw.DW_TAG_string_type or tag == dw.DW_TAG_set_type
            or tag == dw.DW_TAG_file_type or tag == dw.DW_TAG_shared_type or tag == dw.DW_TAG_coarray_type
            or tag == dw.DW_TAG_dynamic_type):
        return C_UNSUPPORTED
    return C_OTHER


@inline
def skip_of(form, address_size, offset_size, version):
    """How far a form reaches: a number of bytes, or SKIP_* (DWARF 5 section 7.5.6)."""
    if (form == dw.DW_FORM_data1 or form == dw.DW_FORM_ref1 or form == dw.DW_FORM_flag or form == dw.DW_FORM_strx1
            or form == dw.DW_FORM_addrx1):
        return 1
    if (form == dw.DW_FORM_data2 or form == dw.DW_FORM_ref2 or form == dw.DW_FORM_strx2
            or form == dw.DW_FORM_addrx2):
        return 2
    if form == dw.DW_FORM_strx3 or form == dw.DW_FORM_addrx3:
        return 3
    if (form == dw.DW_FORM_data4 or form == dw.DW_FORM_ref4 or form == dw.DW_FORM_strx4
            or form == dw.DW_FORM_addrx4 or form == dw.DW_FORM_ref_sup4):
        return 4
    if (form == dw.DW_FORM_data8 or form == dw.DW_FORM_ref8 or form == dw.DW_FORM_ref_sig8
            or form == dw.DW_FORM_ref_sup8):
        return 8
    if form == dw.DW_FORM_data16:
        return 16
    if form == dw.DW_FORM_flag_present or form == dw.DW_FORM_implicit_const:
        return 0
    if form == dw.DW_FORM_addr:
        return address_size
    if (form == dw.DW_FORM_strp or form == dw.DW_FORM_line_strp or form == dw.DW_FORM_sec_offset
            or form == dw.DW_FORM_strp_sup or form == dw.DW_FORM_GNU_ref_alt or form == dw.DW_FORM_GNU_strp_alt):
        return offset_size
    if form == dw.DW_FORM_ref_addr:
        return address_size if version <= 2 else offset_size
    if (form == dw.DW_FORM_udata or form == dw.DW_FORM_sdata or form == dw.DW_FORM_ref_udata
            or form == dw.DW_FORM_strx or form == dw.DW_FORM_addrx or form == dw.DW_FORM_loclistx
            or form == dw.DW_FORM_rnglistx or form == dw.DW_FORM_GNU_addr_index
            or form == dw.DW_FORM_GNU_str_index):
        return SKIP_LEB
    if form == dw.DW_FORM_string:
        return SKIP_STRING
    if form == dw.DW_FORM_exprloc or form == dw.DW_FORM_block:
        return SKIP_BLOCK
    if form == dw.DW_FORM_block1:
        return SKIP_BLOCK1
    if form == dw.DW_FORM_block2:
        return SKIP_BLOCK2
    if form == dw.DW_FORM_block4:
        return SKIP_BLOCK4
    if form == dw.DW_FORM_indirect:
        return SKIP_INDIRECT
    return SKIP_UNKNOWN


@inline
def parse_abbrevs(side, geo, codes, specs):
    """Read the unit's abbreviation table into `codes` and `specs` (DWARF 5 section 7.5.3); a status."""
    base = geo[G_ABBREV]
    pos = base + geo[U_ABBREV]
    stop = base + geo[G_N_ABBREV]
    address_size = geo[U_ADDRESS_SIZE]
    offset_size = geo[U_OFFSET_SIZE]
    version = geo[U_VERSION]
    sizes = address_size + 16 * offset_size + 256 * version
    if geo[G_TABLE] == geo[U_ABBREV] + 1 and geo[G_TABLE_SIZES] == sizes:
        return OK
    geo[G_TABLE] = 0
    if geo[G_ABBREV_WORK] > ABBREV_WORK:
        geo[G_FAULT] = geo[U_START]
        return TOO_MUCH_WORK
    generation = codes[A_STAMP] + np.int32(1)
    codes[A_STAMP] = generation
    codes[A_FLAGS] = 0
    n_specs = np.int64(0)
    geo[G_DETAIL] = 0
    while True:
        geo[G_FAULT] = pos - base
        if pos >= stop:
            return BAD_ABBREV_TABLE
        code, pos = uleb(side, pos)
        if code == 0:
            geo[G_TABLE] = geo[U_ABBREV] + 1
            geo[G_TABLE_SIZES] = sizes
            geo[G_ABBREV_WORK] += pos - base - geo[U_ABBREV]
            return OK
        if code >= MAX_CODE:
            geo[G_DETAIL] = np.int64(code & np.uint64(0x7FFFFFFFFFFFFFFF))
            return ABBREV_LIMIT
        a = A_COLUMNS * np.int64(code)
        tag, pos = uleb(side, pos)
        if pos >= stop or tag > 0xFFFF:
            return BAD_ABBREV_TABLE
        codes[a + A_STAMP] = generation
        codes[a + A_TAG] = np.int32(tag)
        codes[a + A_CHILDREN] = 1 if side[pos] else 0
        pos += 1
        codes[a + A_CLASS] = class_of(np.int64(tag))
        codes[a + A_SPECS] = n_specs
        n_skips = n_specs
        flags = 0
        while True:
            if pos >= stop:
                return BAD_ABBREV_TABLE
            at, pos = uleb(side, pos)
            form, pos = uleb(side, pos)
            const = np.uint64(0)
            if form == dw.DW_FORM_implicit_const:
                const, pos = sleb(side, pos)
            if at == 0 and form == 0:
                break
            if n_specs >= MAX_SPECS:
                geo[G_DETAIL] = n_specs
                return ABBREV_LIMIT
            slot = slot_of(np.int64(at)) if at < 0x10000 else 0
            if (slot == S_DECL_FILE or slot == S_DECL_LINE) and codes[a + A_CLASS] != C_SUBPROGRAM:
                slot = 0  # nearly every DIE has them, and only a function's are asked for
            size = np.int64(SKIP_UNKNOWN)
            if form <= 0xFFFF:
                size = np.int64(skip_of(np.int64(form), address_size, offset_size, version))
            if size == SKIP_UNKNOWN:
                geo[G_DETAIL] = np.int64(form & np.uint64(0x7FFFFFFF))
                return BAD_ABBREV_FORM
            x = X_COLUMNS * n_specs
            if slot == 0 and size >= 0 and n_specs > codes[a + A_SPECS] and (
                    specs[x - X_COLUMNS + X_SLOT] == 0 and specs[x - X_COLUMNS + X_SIZE] >= 0):
                # a run of attributes that nobody reads (mostly decl_file, decl_line, decl_column) is one step
                specs[x - X_COLUMNS + X_SIZE] += size
                x -= X_COLUMNS
                n_specs -= 1
            else:
                specs[x + X_SIZE] = size
            specs[x + X_SLOT] = slot
            specs[x + X_FORM] = np.int64(form)
            specs[x + X_CONST] = np.int64(const)
            n_specs += 1
            if slot == S_DECLARATION:
                flags |= F_DECLARATION
            elif slot == S_LOCATION:
                flags |= F_LOCATION
            elif slot == S_ANNOTATION:
                flags |= F_ANNOTATION
            elif slot == S_SIBLING:
                flags |= F_SIBLING
            if slot == S_SIGNATURE or (slot == S_TYPE and (
                    form == dw.DW_FORM_ref_addr or form == dw.DW_FORM_ref_sig8 or form == dw.DW_FORM_indirect)):
                flags |= F_XREF
            last = X_COLUMNS * (n_skips - 1) + X_SKIP
            if size >= 0 and n_skips > codes[a + A_SPECS] and specs[last] >= 0:
                specs[last] += size
            elif size != 0:
                specs[X_COLUMNS * n_skips + X_SKIP] = size
                n_skips += 1
        codes[a + A_FLAGS] = flags
        codes[A_FLAGS] |= flags
        codes[a + A_SPECS_STOP] = n_specs
        codes[a + A_SKIPS_STOP] = n_skips
        first = np.int64(codes[a + A_SPECS])
        fixed = np.int64(-1)
        if n_skips == first:
            fixed = np.int64(0)
        elif n_skips == first + 1 and specs[X_COLUMNS * first + X_SKIP] >= 0:
            fixed = specs[X_COLUMNS * first + X_SKIP]
        codes[a + A_FIXED] = np.int32(fixed)


@inline
def string_end(buf, pos, stop):
    """Position behind the NUL of the string at `pos`, or -1 if there is none before `stop`."""
    while pos < stop:
        if buf[pos] == 0:
            return pos + 1
        pos += 1
    return np.int64(-1)


@inline
def skip_variable(buf, geo, pos, stop, op):
    """Position behind a form of variable length, or -1."""
    if op == SKIP_INDIRECT:
        form, pos = uleb(buf, pos)
        if form > 0xFFFF or form == dw.DW_FORM_indirect or form == dw.DW_FORM_implicit_const or pos > stop:
            return np.int64(-1)
        op = np.int64(skip_of(np.int64(form), geo[U_ADDRESS_SIZE], geo[U_OFFSET_SIZE], geo[U_VERSION]))
        if op >= 0:
            return pos + op
        if op == SKIP_INDIRECT or op == SKIP_UNKNOWN:
            return np.int64(-1)
    if op == SKIP_LEB:
        _, pos = uleb(buf, pos)
        return pos
    if op == SKIP_STRING:
        end = string_end(buf, pos, stop)
        geo[G_WORK] -= end - pos if end > pos else stop - pos
        return end if geo[G_WORK] >= 0 else np.int64(-1)
    if op == SKIP_BLOCK:
        length, pos = uleb(buf, pos)
    elif op == SKIP_BLOCK1:
        length = np.uint64(buf[pos])
        pos += 1
    elif op == SKIP_BLOCK2:
        length = read_u16(buf, pos, geo[G_BIG])
        pos += 2
    else:
        length = read_u32(buf, pos, geo[G_BIG])
        pos += 4
    if pos > stop or length > np.uint64(stop - pos):
        return np.int64(-1)
    return pos + np.int64(length)


@inline
def skip_die(info, geo, codes, specs, code, pos, stop):
    """Position behind a DIE's attributes, or -1 if they leave the unit."""
    a = A_COLUMNS * code
    fixed = np.int64(codes[a + A_FIXED])
    if fixed >= 0:
        return pos + fixed if pos + fixed <= stop else np.int64(-1)
    for k in range(codes[a + A_SPECS], codes[a + A_SKIPS_STOP]):
        op = specs[X_COLUMNS * k + X_SKIP]
        if pos > stop:
            return np.int64(-1)
        if op >= 0:
            pos += op
        elif op == SKIP_LEB:
            _, pos = uleb(info, pos)
        else:
            pos = skip_variable(info, geo, pos, stop, op)
            if pos < 0:
                return pos
    if pos > stop:
        return np.int64(-1)
    return pos


@inline
def intern_inline(text, slots, geo, buf, start, stop):
    """Offset of a string (without NUL, buf[start:stop]) in the pool, or -1 when the pool is full."""
    h = np.uint32(2166136261)
    for i in range(start, stop):
        h = np.uint32((np.uint64(h ^ np.uint32(buf[i])) * np.uint64(16777619)) & np.uint64(0xFFFFFFFF))
    mask = np.uint32(len(slots) - 1)
    at = (h ^ (h >> np.uint32(15))) & mask
    n = stop - start
    while slots[at] != 0:
        off = np.int64(slots[at]) - 1
        if text[off + n] == 0:
            same = True
            for i in range(n):
                if text[off + i] != buf[start + i]:
                    same = False
                    break
            if same:
                return off
        at = (at + np.uint32(1)) & mask
    off = geo[G_POOL_NBYTES]
    if off + n + 1 > len(text) - PAD or 2 * (geo[G_POOL_STRINGS] + 1) > len(slots):
        return np.int64(-1)
    for i in range(n):
        text[off + i] = buf[start + i]
    text[off + n] = 0
    geo[G_POOL_NBYTES] = off + n + 1
    geo[G_POOL_STRINGS] += 1
    slots[at] = np.uint32(off + 1)
    return off


@inline
def indexed_string(side, geo, index):
    """Offset in .debug_str of string `index` of the unit (DWARF 5 section 7.26), or -1."""
    if index > np.uint64(1 << 40):
        return np.int64(-1)
    size = geo[U_OFFSET_SIZE]
    at = geo[U_STR_BASE] + np.int64(index) * size
    if at < 0 or at + size > geo[G_N_STR_OFFSETS]:
        return np.int64(-1)
    off = read_sized(side, geo[G_STR_OFFSETS] + at, size, geo[G_BIG])
    return np.int64(off) if off < np.uint64(geo[G_N_STR]) else np.int64(-1)


@inline
def indexed_address(side, geo, index):
    """(address, found) of entry `index` of the unit's part of .debug_addr (DWARF 5 section 7.27)."""
    if index > np.uint64(1 << 40):
        return np.uint64(0), False
    size = geo[U_ADDRESS_SIZE]
    at = geo[U_ADDR_BASE] + np.int64(index) * size
    if at < 0 or at + size > geo[G_N_ADDR]:
        return np.uint64(0), False
    return read_sized(side, geo[G_ADDR] + at, size, geo[G_BIG]), True


@inline
def string_name(side, geo, form, value, seen):
    """Name of a string that stands in a string section, or -1 when its offset lies outside."""
    off = np.int64(-1)
    if form == dw.DW_FORM_strp:
        if value < np.uint64(geo[G_N_STR]):
            off = np.int64(value)
    elif form == dw.DW_FORM_line_strp:
        if value < np.uint64(geo[G_N_STRS] - geo[G_N_STR] - 2):
            off = np.int64(value) + geo[G_N_STR] + 1
    elif form == dw.DW_FORM_GNU_strp_alt or form == dw.DW_FORM_strp_sup:
        return np.int64(0)  # in a supplementary file that we do not have: nameless
    elif is_string_index(form):
        off = indexed_string(side, geo, value)
    if off < 0:
        return off
    known = seen[off]
    if known == 0:
        # looked at once: most names recur thousands of times, and `side` is no longer in the cache by then
        known = EMPTY if side[geo[G_STRS] + off] == 0 else NAME
        seen[off] = known
    return off + 1 if known == NAME else np.int64(0)


@inline
def is_string_index(form):
    return (form == dw.DW_FORM_strx or form == dw.DW_FORM_GNU_str_index
            or (form >= dw.DW_FORM_strx1 and form <= dw.DW_FORM_strx4))


@inline
def is_address_index(form):
    return (form == dw.DW_FORM_addrx or form == dw.DW_FORM_GNU_addr_index
            or (form >= dw.DW_FORM_addrx1 and form <= dw.DW_FORM_addrx4))


@inline
def read_die(info, side, geo, codes, specs, code, pos, die, text, slots, seen, resolve):
    """Read the attributes of a DIE whose code has been read; fills `die`.

    Parameters
    ----------
    pos : int64
        Index in `info` behind the abbreviation code.
    resolve : uint8
        AS_IS: leave names and indexed addresses alone (a unit's bases are not known before its own DIE is read).

    Returns
    -------
    (mask, pos, status) : M_* bits say which attributes are there; position behind the attributes.
    """
    base = geo[G_INFO_BASE]
    big = geo[G_BIG]
    stop = geo[U_STOP] - base
    mask = np.uint64(0)
    a = A_COLUMNS * code
    geo[G_WORK] -= np.int64(codes[a + A_SPECS_STOP]) - np.int64(codes[a + A_SPECS]) + 1
    if geo[G_WORK] < 0:
        geo[G_FAULT] = base + pos
        return mask, pos, TOO_MUCH_WORK
    for k in range(codes[a + A_SPECS], codes[a + A_SPECS_STOP]):
        x = X_COLUMNS * k
        slot = specs[x + X_SLOT]
        form = specs[x + X_FORM]
        size = specs[x + X_SIZE]
        if pos > stop:
            geo[G_FAULT] = base + pos
            return mask, pos, PAST_END
        at = pos
        if size == SKIP_INDIRECT:
            f, pos = uleb(info, pos)
            form = np.int64(f & np.uint64(0xFFFF))
            size = np.int64(skip_of(form, geo[U_ADDRESS_SIZE], geo[U_OFFSET_SIZE], geo[U_VERSION]))
            if (f > 0xFFFF or form == dw.DW_FORM_implicit_const or size == SKIP_INDIRECT or size == SKIP_UNKNOWN
                    or pos > stop):
                geo[G_FAULT] = base + at
                geo[G_DETAIL] = form
                return mask, pos, BAD_FORM
            at = pos
        if slot == 0 and size >= 0:
            pos += size
            continue
        value = np.uint64(0)
        length = np.uint64(form)
        if size == 4:
            value = read_u32(info, pos, big)
            pos += 4
        elif size == 1:
            value = np.uint64(info[pos])
            pos += 1
        elif size == 0:
            value = np.uint64(1)
            if form == dw.DW_FORM_implicit_const:
                value = np.uint64(specs[x + X_CONST])
        elif size == 2:
            value = read_u16(info, pos, big)
            pos += 2
        elif size == 8:
            value = read_u64(info, pos, big)
            pos += 8
        elif size == 3:
            if big:
                value = (read_u16(info, pos, big) << np.uint64(8)) | np.uint64(info[pos + 2])
            else:
                value = read_u16(info, pos, big) | (np.uint64(info[pos + 2]) << np.uint64(16))
            pos += 3
        elif size > 0:
            pos += size  # data16: too wide for any number we read
        elif size == SKIP_LEB:
            if form == dw.DW_FORM_sdata:
                value, pos = sleb(info, pos)
            else:
                value, pos = uleb(info, pos)
        else:
            pos = skip_variable(info, geo, pos, stop, size)
            if pos < 0:
                geo[G_FAULT] = base + at
                return mask, at, BAD_STRING if size == SKIP_STRING else PAST_END
            if size == SKIP_BLOCK:
                _, at = uleb(info, at)
            elif size == SKIP_BLOCK1:
                at += 1
            elif size == SKIP_BLOCK2:
                at += 2
            elif size == SKIP_BLOCK4:
                at += 4
            if size != SKIP_STRING:
                value = np.uint64(at)
                length = BLOCK_FLAG | np.uint64(pos - at)
        if slot == 0:
            continue
        if slot == S_NAME or slot == S_CONST_VALUE or slot == S_PRODUCER:
            if form == dw.DW_FORM_string:
                if resolve and pos - 1 > at:
                    off = intern_inline(text, slots, geo, info, at, pos - 1)
                    if off < 0:
                        return mask, pos, POOL_FULL
                    value = np.uint64(POOL_FLAG) | np.uint64(off)
            elif resolve and (slot != S_CONST_VALUE or form == dw.DW_FORM_strp or form == dw.DW_FORM_line_strp
                              or is_string_index(form)):
                name = string_name(side, geo, form, value, seen)
                if name < 0:
                    geo[G_FAULT] = base + at
                    geo[G_DETAIL] = np.int64(value & np.uint64(0x7FFFFFFFFFFFFFFF))
                    return mask, pos, BAD_STRING
                value = np.uint64(name)
        elif form >= dw.DW_FORM_ref1 and form <= dw.DW_FORM_ref_udata:
            value += np.uint64(geo[U_START])  # relative to the unit's header
        elif resolve and is_address_index(form):
            value, found = indexed_address(side, geo, value)
            if not found:
                geo[G_FAULT] = base + at
                return mask, pos, BAD_INDEX
        die[slot] = value
        die[AUX + slot] = length
        mask |= np.uint64(1) << np.uint64(slot)
    if pos > stop:
        geo[G_FAULT] = base + pos
        return mask, pos, PAST_END
    return mask, pos, OK
