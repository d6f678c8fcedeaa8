"""The tables that the two passes of the walk fill, and the numbers in them: kinds of rows, flags.

A table's columns are its fields, each with its dtype and axis; `unfilled` makes one from them.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple, get_type_hints

import numpy as np

from harness.model import kind_numbers as kn
from harness.model.layout import KIND_MASK

TYPE_TAG = np.frombuffer(b"btf_type_tag", np.uint8)
DECL_TAG = np.frombuffer(b"btf_decl_tag", np.uint8)

MAX_DEPTH = 4096
"""Deepest nesting of DIEs; compilers stay below 100."""

MAX_CHAIN = 256
"""Most annotations in one chain of DW_TAG_GNU_annotation."""

NO_UNIT = -1
"""Where no unit has an array."""

NAMES_NO_ROW = KIND_MASK + 1
"""Set in the kind of a row that no reference to its DIE means."""

GNU_TYPE_TAG = NAMES_NO_ROW | kn.TYPE_TAG
"""Kind of a row that is a TYPE_TAG whose DIE several pointers may share."""

INNER_ARRAY = NAMES_NO_ROW | kn.ARRAY
"""Kind of a row that is an ARRAY for a further dimension of the array behind it; its DIE is a subrange."""

# What a DIE is to its children
PARENT_NONE = 0
PARENT_MEMBERS = 1  # a struct or union row
PARENT_ENUM = 2
PARENT_PROTO = 3
PARENT_FUNCTION = 4
PARENT_POINTER = 5
PARENT_MEMBER = 6
PARENT_PARAMETER = 7
PARENT_TYPEDEF = 8
PARENT_VARIABLE = 9
PARENT_ARRAY = 10  # before its first dimension
PARENT_DIMENSIONS = 11  # behind it

# Flags of a function instance
FN_EXTERNAL = 1
FN_LOW_PC = 2
FN_RANGES = 4
FN_INLINE = 8
FN_REORDERED = 16
FN_UNNAMED_PARAM = 64
FN_NOCALL = 512  # DW_CC_nocall: clang changed the signature
FN_DECLARED_INLINE = 1024  # the keyword `inline`, on itself or its origin
FN_DECLARATION = 2048  # only when declarations are asked for
FN_INEXPRESSIBLE = 4096  # BTF has no form for its name or for a type in its prototype; not known to the walk

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

# What a btf_decl_tag hangs on
T_TYPE = 0
T_FUNC = 1
T_VAR = 2

# Counts in Index.used
USED_ROWS = 0
USED_FUNCS = 1
USED_VARS = 2
USED_TAGS = 3
USED_IMPORTS = 4

# Columns of the unit offsets, int64 (units + 1, SLICE_COLUMNS): where each unit's slice begins; the last row ends them
SLICE_ID = 0
SLICE_WORD = 1
SLICE_FUNC = 2
SLICE_PARAM = 3
SLICE_VAR = 4
SLICE_XREF = 5
SLICE_COLUMNS = 6


class Index(NamedTuple):
    """What index_units finds in a batch; offsets are relative to the unit's header."""

    row_off: Annotated[np.ndarray, np.uint32, "rows"]
    row_kind: Annotated[np.ndarray, np.uint8, "rows"]
    row_vlen: Annotated[np.ndarray, np.uint32, "rows"]
    func_off: Annotated[np.ndarray, np.uint32, "funcs"]
    func_nparams: Annotated[np.ndarray, np.uint32, "funcs"]
    var_off: Annotated[np.ndarray, np.uint32, "vars"]
    tag_off: Annotated[np.ndarray, np.uint32, "tags"]  # of the annotation's DIE
    tag_space: Annotated[np.ndarray, np.uint8, "tags"]  # T_*
    tag_target_id: Annotated[np.ndarray, np.int64, "tags"]  # row, function or variable of the batch
    tag_component_idx: Annotated[np.ndarray, np.int32, "tags"]  # member or parameter, -1 for the whole
    import_off: Annotated[np.ndarray, np.int64, "imports"]  # section offset of the unit's DIE that is imported
    used: Annotated[np.ndarray, np.int64, "used"]  # (5,): USED_*


class Ancestors(NamedTuple):
    """Scratch of the first pass: the DIEs around the one at hand, and the annotations that hang on it."""

    kind: Annotated[np.ndarray, np.uint8, "depth"]  # PARENT_*
    index: Annotated[np.ndarray, np.int64, "depth"]  # row, function or variable; of a member or parameter see `within`
    chain_off: Annotated[np.ndarray, np.int64, "chain"]  # of a chain's annotations, relative to the unit's header


class Functions(NamedTuple):
    """One row per subprogram DIE that is no declaration.

    Attributes
    ----------
    die_off : int64 (funcs,)
        Offset of the DIE in .debug_info, bytes.
    unit : int32 (funcs,)
    name_off : uint32 (funcs,)
        Offset in the string blob; 0 is nameless.
    entry : uint64 (funcs,)
        DW_AT_low_pc, else the first address of DW_AT_ranges; meaningful where `flags` has LOW_PC or RANGES.
    ranges_off : int64 (funcs,)
        Offset of its DW_AT_ranges in .debug_ranges or .debug_rnglists, bytes; -1 where `flags` has no RANGES.
    flags : uint16 (funcs,)
        FN_*.
    type_id : uint32 (funcs,)
        Of what it returns.
    file, line : uint32 (funcs,)
        DW_AT_decl_file, NO_FILE of line_kernels if unknown; and DW_AT_decl_line, 0 if unknown.
    file_unit : int32 (funcs,)
        The unit in whose line table `file` is a number: that of the DIE that has it.
    param_start : int64 (funcs + 1,)
        Function f has the parameters param_start[f] to param_start[f + 1], half-open.
    param_name_off, param_type_id, param_flags : uint32, uint32, uint8 (params,)
        Name, type and PF_* flags; an ellipsis has neither name nor type.
    param_origin : int64 (params,)
        The parameter whose type and name it takes (DW_AT_abstract_origin), -1 if it has its own.
    param_reg, param_reg_pieces, param_first : int8 (params,)
    param_seen : uint64 (params,)
        What its location says, as harness.dwarf.location_kernels explains.
    """

    die_off: Annotated[np.ndarray, np.int64, "funcs"]
    unit: Annotated[np.ndarray, np.int32, "funcs"]
    name_off: Annotated[np.ndarray, np.uint32, "funcs"]
    entry: Annotated[np.ndarray, np.uint64, "funcs"]
    ranges_off: Annotated[np.ndarray, np.int64, "funcs"]
    flags: Annotated[np.ndarray, np.uint16, "funcs"]
    type_id: Annotated[np.ndarray, np.uint32, "funcs"]
    file: Annotated[np.ndarray, np.uint32, "funcs"]
    line: Annotated[np.ndarray, np.uint32, "funcs"]
    file_unit: Annotated[np.ndarray, np.int32, "funcs"]
    param_start: Annotated[np.ndarray, np.int64, "func_bounds"]
    param_name_off: Annotated[np.ndarray, np.uint32, "params"]
    param_type_id: Annotated[np.ndarray, np.uint32, "params"]
    param_flags: Annotated[np.ndarray, np.uint8, "params"]
    param_origin: Annotated[np.ndarray, np.int64, "params"]
    param_reg: Annotated[np.ndarray, np.int8, "params"]
    param_reg_pieces: Annotated[np.ndarray, np.int8, "params"]
    param_first: Annotated[np.ndarray, np.int8, "params"]
    param_seen: Annotated[np.ndarray, np.uint64, "params"]


class ParamOffsets(NamedTuple):
    """Where parameters, and what they refer to, stand: section offsets, bytes; -1 where there is none."""

    die_off: Annotated[np.ndarray, np.int64, "params"]  # -1 of an ellipsis
    origin_off: Annotated[np.ndarray, np.int64, "params"]  # of the DIE that it takes its type from
    location_list_off: Annotated[np.ndarray, np.int64, "params"]  # or where in the unit's table it stands


class Variables(NamedTuple):
    """One row per top-level variable DIE with a location: name, type_id, address, VF_* flags, unit."""

    name_off: Annotated[np.ndarray, np.uint32, "vars"]
    type_id: Annotated[np.ndarray, np.uint32, "vars"]
    addr: Annotated[np.ndarray, np.uint64, "vars"]
    flags: Annotated[np.ndarray, np.uint8, "vars"]
    unit: Annotated[np.ndarray, np.int32, "vars"]


class DeclTags(NamedTuple):
    """btf_decl_tag annotations: name, what they hang on (T_*), its type_id or row there, component_idx."""

    name_off: Annotated[np.ndarray, np.uint32, "tags"]
    space: Annotated[np.ndarray, np.uint8, "tags"]
    target_id: Annotated[np.ndarray, np.int64, "tags"]
    component_idx: Annotated[np.ndarray, np.int32, "tags"]


class TypeWords(NamedTuple):
    """The type rows: words, and where each row begins (as harness.model.TypeTable)."""

    words: Annotated[np.ndarray, np.uint32, "words"]
    start: Annotated[np.ndarray, np.int64, "type_bounds"]


class Fill(NamedTuple):
    """Where fill_units writes: whole tables, of which each unit owns a slice; and the names of a batch's tags."""

    types: TypeWords
    functions: Functions
    params: ParamOffsets
    variables: Variables
    tag_name_off: Annotated[np.ndarray, np.uint32, "tags"]


def unfilled(table, **sizes):
    """A table of the class `table` with unfilled columns, those of nested tables too; `sizes` gives its axes' lengths.

    Pages that are not touched cost nothing. An axis that is not named has the length 0.
    """
    made = []
    for hint in get_type_hints(table, include_extras=True).values():
        if hasattr(hint, "__metadata__"):
            dtype, axis = hint.__metadata__
            made.append(np.empty(sizes.get(axis, 0), dtype))
        else:
            made.append(unfilled(hint, **sizes))
    return table(*made)


def used_part(index):
    """A copy of the rows of an Index that `used` says are filled."""
    axes = ("rows", "funcs", "vars", "tags", "imports")
    lengths = dict(zip(axes, index.used.tolist(), strict=True), used=len(index.used))
    of = (hint.__metadata__[1] for hint in get_type_hints(Index, include_extras=True).values())
    return Index(*(column[: lengths[axis]].copy() for column, axis in zip(index, of, strict=True)))
