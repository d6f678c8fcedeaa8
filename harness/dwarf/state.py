"""What the compiled readers of DWARF share: limits, statuses, numbers of columns, and the state that they pass on.

A unit's state is one tuple of arrays (State): numba hands a tuple over as its arrays, so it costs what they would cost
one by one. Functions that are called for every byte or DIE take the few arrays that they need.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

PAD = 64
"""Zero bytes behind every buffer: more than any single fixed-size form or LEB128 number."""

MAX_CODE = 1 << 17
"""Largest abbreviation code supported. Compilers number them from 1; gcc LTO units reach a few thousands."""

MAX_SPECS = 1 << 20
"""Most attribute specifications in one abbreviation table."""

MAX_HOPS = 16
"""Longest chain of DW_AT_abstract_origin and DW_AT_specification, within a unit or from unit to unit."""

MAX_OFF = np.uint64(1 << 62)
"""Offsets from here on lie in no section; smaller ones can be added to without leaving int64."""

WORK_PER_BYTE = 64
WORK_PER_UNIT = 1024
"""How much a unit may cost to read, in attributes and bytes stepped over. Compilers' units stay below 5 per byte."""

ABBREV_WORK = 1 << 28
"""How many bytes of abbreviation tables the units of one batch may read: tables may be shared, but not without end."""

POOL_FLAG = 0x80000000
"""Set in a name that lies in the batch's pool of inline strings rather than in a string section."""

# Status of a unit; the texts are in malformed.py
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
ARRAY_WITH_TYPES = 19
NAMELESS = 20
MEMBER_OUTSIDE = 21

# What becomes of a unit (U_STATE)
WALKED = 0
OTHER_LANGUAGE = 1
SKELETON = 2
NOT_IMPORTED = 3
FOLLOWED = 4  # a skeleton whose DIEs are read where they are

# Numbers of the attributes that are read, which index State.die; 0 is every other attribute
AT_NAME = 1
AT_TYPE = 2
AT_BYTE_SIZE = 3
AT_ENCODING = 4
AT_BIT_SIZE = 5
AT_DATA_BIT_OFFSET = 6
AT_MEMBER_LOCATION = 7
AT_BIT_OFFSET = 8
AT_DECLARATION = 9
AT_UPPER_BOUND = 10
AT_COUNT = 11
AT_CONST_VALUE = 12
AT_ORIGIN = 13
AT_SPECIFICATION = 14
AT_LOW_PC = 15
AT_RANGES = 16
AT_EXTERNAL = 17
AT_INLINE = 18
AT_LOCATION = 19
AT_SIBLING = 20
AT_LANGUAGE = 21
AT_STR_OFFSETS_BASE = 22
AT_ADDR_BASE = 23
AT_RNGLISTS_BASE = 24
AT_ARTIFICIAL = 25
AT_ANNOTATION = 26
AT_SIGNATURE = 27
AT_LOCLISTS_BASE = 28
AT_CALLING_CONVENTION = 29
AT_PRODUCER = 30
AT_STMT_LIST = 31
AT_DECL_FILE = 32
AT_DECL_LINE = 33
AT_DWO_NAME = 34
AT_IMPORT = 35

# The bit of each in the mask that read_die returns. Numpy scalars, here and below: numba would compile a kernel anew
# for every Python constant it is called with
HAS_NAME = np.uint64(1 << AT_NAME)
HAS_TYPE = np.uint64(1 << AT_TYPE)
HAS_BYTE_SIZE = np.uint64(1 << AT_BYTE_SIZE)
HAS_ENCODING = np.uint64(1 << AT_ENCODING)
HAS_BIT_SIZE = np.uint64(1 << AT_BIT_SIZE)
HAS_DATA_BIT_OFFSET = np.uint64(1 << AT_DATA_BIT_OFFSET)
HAS_MEMBER_LOCATION = np.uint64(1 << AT_MEMBER_LOCATION)
HAS_BIT_OFFSET = np.uint64(1 << AT_BIT_OFFSET)
HAS_DECLARATION = np.uint64(1 << AT_DECLARATION)
HAS_UPPER_BOUND = np.uint64(1 << AT_UPPER_BOUND)
HAS_COUNT = np.uint64(1 << AT_COUNT)
HAS_CONST_VALUE = np.uint64(1 << AT_CONST_VALUE)
HAS_ORIGIN = np.uint64(1 << AT_ORIGIN)
HAS_SPECIFICATION = np.uint64(1 << AT_SPECIFICATION)
HAS_LOW_PC = np.uint64(1 << AT_LOW_PC)
HAS_RANGES = np.uint64(1 << AT_RANGES)
HAS_EXTERNAL = np.uint64(1 << AT_EXTERNAL)
HAS_INLINE = np.uint64(1 << AT_INLINE)
HAS_LOCATION = np.uint64(1 << AT_LOCATION)
HAS_LANGUAGE = np.uint64(1 << AT_LANGUAGE)
HAS_STR_OFFSETS_BASE = np.uint64(1 << AT_STR_OFFSETS_BASE)
HAS_ADDR_BASE = np.uint64(1 << AT_ADDR_BASE)
HAS_RNGLISTS_BASE = np.uint64(1 << AT_RNGLISTS_BASE)
HAS_ARTIFICIAL = np.uint64(1 << AT_ARTIFICIAL)
HAS_ANNOTATION = np.uint64(1 << AT_ANNOTATION)
HAS_SIGNATURE = np.uint64(1 << AT_SIGNATURE)
HAS_LOCLISTS_BASE = np.uint64(1 << AT_LOCLISTS_BASE)
HAS_CALLING_CONVENTION = np.uint64(1 << AT_CALLING_CONVENTION)
HAS_PRODUCER = np.uint64(1 << AT_PRODUCER)
HAS_STMT_LIST = np.uint64(1 << AT_STMT_LIST)
HAS_DECL_FILE = np.uint64(1 << AT_DECL_FILE)
HAS_DECL_LINE = np.uint64(1 << AT_DECL_LINE)
HAS_DWO_NAME = np.uint64(1 << AT_DWO_NAME)
HAS_IMPORT = np.uint64(1 << AT_IMPORT)

FORM = 40
"""The form of attribute `a` of a DIE is at die[FORM + a], its value at die[a]."""

DIE_WORDS = 80

BLOCK_FLAG = np.uint64(1 << 40)
"""Set in the length of a block, which stands where other attributes have their form."""

# How read_die reads
RESOLVE = np.uint8(1)
AS_IS = np.uint8(0)  # names and indexed addresses are left alone

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
C_IMPORT = 19  # of another unit

# Children that a reader wants: a bit for each class
MEMBERS = np.int64(1 << C_MEMBER)
ENUMERATORS = np.int64(1 << C_ENUMERATOR)
SUBRANGES = np.int64(1 << C_SUBRANGE)
PARAMETERS = np.int64(1 << C_PARAMETER | 1 << C_ELLIPSIS)
IMPORTS = np.int64(1 << C_IMPORT)

# Abbreviation `code` is at abbrevs[A_COLUMNS * code]
A_STAMP = 0  # equals abbrevs[0] if the code is defined in the table read last
A_TAG = 1
A_CHILDREN = 2
A_CLASS = 3  # C_*
A_FLAGS = 4  # AF_*; of code 0: of any abbreviation in the table
A_SPECS = 5  # first specification, also first skip operation
A_SPECS_STOP = 6
A_SKIPS_STOP = 7
A_FIXED = 8  # bytes of the attributes if all have a fixed size, else -1
A_COLUMNS = 16  # one cache line

# Flags of an abbreviation: attributes that it has
AF_DECLARATION = 1
AF_LOCATION = 2
AF_XREF = 4  # a reference that may lead out of the unit
AF_ANNOTATION = 8
AF_SIBLING = 16
AF_IMPORT = 32

# Attribute specification `k` is at specs[SPEC_COLUMNS * k]
SPEC_AT = 0  # AT_*
SPEC_FORM = 1
SPEC_CONST = 2  # of DW_FORM_implicit_const; of DW_FORM_ref_addr what its value is relative to
SPEC_SIZE = 3  # what skip_of says
SPEC_SKIP = 4  # a skip operation of the abbreviation; runs of fixed sizes are one operation
SPEC_COLUMNS = 5

# Skip operations: a positive number of bytes, or one of these
SKIP_LEB = -1
SKIP_STRING = -2
SKIP_BLOCK = -3
SKIP_BLOCK1 = -4
SKIP_BLOCK2 = -5
SKIP_BLOCK4 = -6
SKIP_INDIRECT = -7
SKIP_UNKNOWN = -8

# Columns of the unit matrix, int64 (units, U_COLUMNS): offsets within the section, bytes
U_START = 0  # of the header
U_DIE_OFF = 1  # of the unit's own DIE
U_STOP = 2
U_VERSION = 3
U_ADDRESS_SIZE = 4
U_OFFSET_SIZE = 5  # 4 or 8: 32-bit or 64-bit DWARF
U_ABBREV_OFF = 6
U_UNIT_TYPE = 7  # DW_UT_*
U_STR_BASE = 8
U_ADDR_BASE = 9
U_RNG_BASE = 10
U_LOC_BASE = 11
U_LOW_PC = 12
U_LANGUAGE = 13
U_NAME = 14
U_PRODUCER = 15  # a name, like U_NAME
U_LINE_OFF = 16  # of its line number program in .debug_line, -1 if it has none
U_STATE = 17  # WALKED, else why not
U_N_ROWS = 18
U_N_WORDS = 19
U_N_FUNCS = 20
U_N_PARAMS = 21
U_N_VARS = 22
U_N_XREFS = 23
U_N_SUBPROGRAMS = 24  # all subprogram DIEs, declarations too
U_N_UNSUPPORTED = 25  # type DIEs without BTF form
U_N_TAGS = 26  # btf_decl_tag annotations
U_SIGNATURE = 27  # of a type unit
U_TYPE_DIE_OFF = 28  # of a type unit: its type's DIE
U_N_MEMBERS_LEFT_OUT = 29  # whose place BTF cannot say
U_N_SHORT = 30  # rows of fewer words than the first pass has planned
U_PARTIAL = 31  # 1: a partial unit, which other units import
U_N_IMPORTS = 32  # units that it imports
U_FILE = 33  # which of the files read together it is of: 0 is the input itself
U_LENT_ADDR_BASE = 34  # what a split unit has from its skeleton: 0, or its DW_AT_addr_base; and so on
U_LENT_RANGES_BASE = 35
U_LENT_LOW_PC = 36
U_COLUMNS = 37

# Further words of State.unit. SEC_*: where the sections of the unit's file lie, the same for all its units
SEC_INFO_BASE = U_COLUMNS  # section offset of info[0]
SEC_FILE_BASE = U_COLUMNS + 1  # section offset of the file's .debug_info: those of several files follow one another
SEC_SUP_BASE = U_COLUMNS + 2  # the same of its supplementary file, MAX_OFF if it has none
SEC_ABBREV = U_COLUMNS + 3  # index in `sections`; and so on
SEC_ABBREV_NBYTES = U_COLUMNS + 4
SEC_STR = U_COLUMNS + 5
SEC_STR_NBYTES = U_COLUMNS + 6
SEC_LINE_STR = U_COLUMNS + 7
SEC_LINE_STR_NBYTES = U_COLUMNS + 8
SEC_SUP_STR = U_COLUMNS + 9  # .debug_str of its supplementary file
SEC_SUP_STR_NBYTES = U_COLUMNS + 10
SEC_STR_OFFSETS = U_COLUMNS + 11
SEC_STR_OFFSETS_NBYTES = U_COLUMNS + 12
SEC_ADDR = U_COLUMNS + 13
SEC_ADDR_NBYTES = U_COLUMNS + 14
SEC_RANGES = U_COLUMNS + 15
SEC_RANGES_NBYTES = U_COLUMNS + 16
SEC_RNGLISTS = U_COLUMNS + 17
SEC_RNGLISTS_NBYTES = U_COLUMNS + 18
SEC_BIG_ENDIAN = U_COLUMNS + 19  # 0 or 1

# RUN_*: how far the run over a batch has come
RUN_DECLARATIONS = U_COLUMNS + 20  # 1: list subprograms that are declarations, too
RUN_MALFORMED_OFF = U_COLUMNS + 21  # section offset of what is malformed, or would be if something in it were
RUN_DETAIL = U_COLUMNS + 22  # what was found there
RUN_WORK = U_COLUMNS + 23  # what may still be read of the unit at hand: see WORK_PER_BYTE
RUN_ABBREV_WORK = U_COLUMNS + 24  # bytes of abbreviation tables read
RUN_TABLE = U_COLUMNS + 25  # 1 + offset of the table read last, if it can be used again; and what its forms depend on
RUN_TABLE_SIZES = U_COLUMNS + 26
RUN_POOL_NBYTES = U_COLUMNS + 27  # used of the pool
RUN_POOL_STRINGS = U_COLUMNS + 28
RUN_FIRST_ROW = U_COLUMNS + 29  # of the unit at hand, in State.row_off
RUN_FIRST_ID = U_COLUMNS + 30
RUN_XREF = U_COLUMNS + 31  # next free cross reference, and where the unit's share of them ends
RUN_XREF_STOP = U_COLUMNS + 32
RUN_NESTED_ARRAYS = U_COLUMNS + 33  # 1: an ARRAY for each dimension; 0: one for all
RUN_FAR_TYPE = U_COLUMNS + 34  # of a bit-field: where its type is, in another unit, on whose size its place depends
RUN_FAR_BITS = U_COLUMNS + 35  # and where it would begin if that type had no bytes
UNIT_WORDS = U_COLUMNS + 36

# Marks of strings
IS_NAME = np.uint8(1)
IS_EMPTY = np.uint8(2)

# Columns of a cross reference
XREF_SPACE = 0  # XREF_WORDS to XREF_VAR: the table to write into
XREF_INDEX = 1  # where in it
XREF_TARGET = 2  # section offset or signature
XREF_MORE = 3  # FAR_*; of XREF_BITS where the bit-field would begin if its type had no bytes, two's complement
XREF_COLUMNS = 4

# What is to be found in another unit: the type of ...
XREF_WORDS = np.uint8(0)  # a word of a row
XREF_FUNC = np.uint8(1)
XREF_PARAM = np.uint8(2)
XREF_VAR = np.uint8(3)
# ... the rest of what is said of ...
XREF_FUNC_ORIGIN = np.uint8(4)
XREF_PARAM_ORIGIN = np.uint8(5)
XREF_VAR_ORIGIN = np.uint8(6)
# ... or what a row takes from a type: an enum whether it is signed (its info word), a bit-field its place
XREF_SIGN = np.uint8(7)
XREF_BITS = np.uint8(8)

FAR_SIGNATURE = np.uint64(1)  # the target is a signature
FAR_TYPED = np.uint64(2)  # its type is known
FAR_FIRST = np.uint64(4)  # it is the DW_AT_abstract_origin of the DIE itself


class State(NamedTuple):
    """What the kernels read from, and note, while they walk a batch of units."""

    info: np.ndarray
    """uint8: the bytes of a run of units of .debug_info, all of one file; PAD zeros behind them."""
    sections: np.ndarray
    """uint8: all other sections behind one another, each with PAD zeros behind it."""
    unit: np.ndarray
    """int64 (UNIT_WORDS,): the row of the unit at hand (U_*), then SEC_* and RUN_*."""
    abbrevs: np.ndarray
    """int32: abbreviations by code, A_COLUMNS each."""
    specs: np.ndarray
    """int64: attribute specifications, SPEC_COLUMNS each."""
    die: np.ndarray
    """uint64 (DIE_WORDS,): attributes of the DIE read last, by AT_*, their forms behind FORM; of a block the index of
    its first byte in `info`, and BLOCK_FLAG | its length."""
    other: np.ndarray
    """The same of a DIE that is looked at on the way."""
    pool: np.ndarray
    """uint8: the strings that stand in .debug_info itself, each once; the first RUN_POOL_NBYTES bytes are used."""
    pool_hash: np.ndarray
    """uint32: an open hash of them, offset + 1."""
    string_marks: np.ndarray
    """uint8: IS_NAME at each string that is some name, IS_EMPTY where such a string is empty."""
    row_by_off: np.ndarray
    """uint32 (longest unit,): row + 1 of the unit by offset of its DIE from the unit's header. Not cleared from unit
    to unit: see row_at. Second pass only, as the next two."""
    row_off: np.ndarray
    """uint32 (rows of the batch,): offset of each row's DIE from its unit's header."""
    xrefs: np.ndarray
    """uint64: references that lead out of their unit, XREF_COLUMNS each."""


class Reader(NamedTuple):
    """The part of a State that reading one DIE takes."""

    info: np.ndarray
    sections: np.ndarray
    unit: np.ndarray
    abbrevs: np.ndarray
    specs: np.ndarray
    pool: np.ndarray
    pool_hash: np.ndarray
    string_marks: np.ndarray
