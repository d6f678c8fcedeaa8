"""What the two passes of the walk share: kinds of rows, flags, and the tables that they fill.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TYPE_TAG = np.frombuffer(b"btf_type_tag", np.uint8)
DECL_TAG = np.frombuffer(b"btf_decl_tag", np.uint8)

MAX_DEPTH = 4096
"""Deepest nesting of DIEs; compilers stay below 100."""

MAX_CHAIN = 256
"""Most annotations in one chain of DW_TAG_GNU_annotation."""

MAX_VLEN = 65535
"""Most members that every reader of BTF can take (vlen was 16 bits until 2026)."""

# Kinds of rows; the numbers of model.Kind, which kernels cannot take
K_INT = 1
K_PTR = 2
K_ARRAY = 3
K_STRUCT = 4
K_UNION = 5
K_ENUM = 6
K_FWD = 7
K_TYPEDEF = 8
K_VOLATILE = 9
K_CONST = 10
K_RESTRICT = 11
K_FUNC_PROTO = 13
K_FLOAT = 16
K_TYPE_TAG = 18
K_ENUM64 = 19
K_GNU_TYPE_TAG = 118  # a TYPE_TAG whose DIE several pointers may share, so that it names no row

# What a DIE's parent is
P_NONE = 0
P_MEMBERS = 1  # a struct or union row
P_ENUM = 2
P_PROTO = 3
P_FUNCTION = 4
P_POINTER = 5
P_MEMBER = 6
P_PARAMETER = 7
P_TYPEDEF = 8
P_VARIABLE = 9

# Flags of a function instance
FN_EXTERNAL = 1
FN_LOW_PC = 2
FN_RANGES = 4
FN_INLINE = 8
FN_REORDERED = 16
FN_ORIGIN = 32
FN_UNNAMED_PARAM = 64
FN_PROTOTYPED = 128
FN_NO_NAME = 256
FN_NOCALL = 512  # DW_CC_nocall: clang changed the signature
FN_DECLARATION = 2048  # only when declarations are asked for
FN_DECLARED_INLINE = 1024  # the keyword `inline`, on itself or its origin

# Flags of a parameter
PF_LOCATION = 1
PF_CONST_VALUE = 2
PF_ELLIPSIS = 4
PF_LIST_INDEX = 8  # its location list is one of the unit's table (DW_FORM_loclistx)
PF_UNREAD = 16  # its location has an operation that we do not know

# Flags of a variable
VF_EXTERNAL = 1
VF_ARTIFICIAL = 2
VF_ADDRESS = 4

# Spaces a cross-unit reference may be written into
X_WORDS = np.uint8(0)
X_FUNC = np.uint8(1)
X_PARAM = np.uint8(2)
X_VAR = np.uint8(3)

# What a btf_decl_tag hangs on
T_TYPE = 0
T_FUNC = 1
T_VAR = 2


class Index(NamedTuple):
    """What index_units finds in a batch; offsets are relative to the unit's header."""

    row_off: np.ndarray  # uint32 (rows,)
    row_kind: np.ndarray  # uint8
    row_vlen: np.ndarray  # uint32
    func_off: np.ndarray  # uint32 (funcs,)
    func_nparams: np.ndarray  # uint32
    var_off: np.ndarray  # uint32 (vars,)
    tag_off: np.ndarray  # uint32 (tags,): the annotation's DIE
    tag_space: np.ndarray  # uint8, T_*
    tag_target: np.ndarray  # int64: row, function or variable of the batch
    tag_component: np.ndarray  # int32: member or parameter, -1 for the whole
    used: np.ndarray  # int64 (4,): rows, funcs, vars, tags filled


class Fill(NamedTuple):
    """Where fill_units writes: whole tables, of which each unit owns a slice."""

    words: np.ndarray  # uint32
    start: np.ndarray  # int64 (types + 2,)
    func_off: np.ndarray  # int64: section offset of the DIE
    func_unit: np.ndarray  # int32
    func_name: np.ndarray  # uint32
    func_entry: np.ndarray  # uint64
    func_flags: np.ndarray  # uint16, FN_*
    func_type: np.ndarray  # uint32: return type
    func_file: np.ndarray  # uint32: DW_AT_decl_file
    func_line: np.ndarray  # uint32: DW_AT_decl_line
    func_param: np.ndarray  # int64 (funcs + 1,): first parameter
    param_name: np.ndarray  # uint32
    param_type: np.ndarray  # uint32
    param_flags: np.ndarray  # uint8, PF_*
    param_off: np.ndarray  # int64: section offset of the DIE, -1 of an ellipsis
    param_origin: np.ndarray  # int64: of the DIE that it takes its type from, -1 if it has its own
    param_list: np.ndarray  # int64: offset of its location list or of that offset, -1 if it has none
    param_reg: np.ndarray  # int8; this and the next three as read_expression of location_kernels says
    param_reg_pieces: np.ndarray  # int8
    param_first: np.ndarray  # int8
    param_seen: np.ndarray  # uint64
    var_name: np.ndarray  # uint32
    var_type: np.ndarray  # uint32
    var_addr: np.ndarray  # uint64
    var_flags: np.ndarray  # uint8, VF_*
    var_unit: np.ndarray  # int32
    tag_name: np.ndarray  # uint32
