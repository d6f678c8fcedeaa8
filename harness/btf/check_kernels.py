"""Compiled part of the structural check. Arrays and scalars only; an error is a status and the word it is in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.accelerate import inline, njit
from harness.btf import wire
from harness.model import kind_numbers as kn
from harness.model import words as wd
from harness.model.layout import BIT_OFFSET_MASK, HEAD_WORDS, INT_UNUSED_MASK, NO_WORD, Columns
from harness.model.layout_kernels import (
    entry_word,
    int_parts,
    is_modifier,
    kind_flag_of,
    n_references,
    reference_word,
    vlen_of,
)

OK = 0
NAME_OFF = 1
NAME_FORBIDDEN = 2
NAME_REQUIRED = 3
NAME_IDENTIFIER = 4
KIND_FLAG = 5
VLEN = 6
TYPE_ID = 7
VOID_ID = 8
SIZE = 9
INT_WORD = 10
INT_ENCODING = 11
INT_BITS = 12
FWD_TYPE = 13
ARRAY_SIZE = 14
ARRAY_INDEX = 15
UNION_OFFSET = 16
MEMBER_ORDER = 17
MEMBER_OUTSIDE = 18
LINKAGE = 19
NOT_FUNC_PROTO = 20
VARARGS_NOT_LAST = 21
VARARGS_NAMED = 22
NOT_VAR = 23
VAR_ORDER = 24
VAR_SIZE = 25
VAR_OUTSIDE = 26
TAG_TARGET = 27
TAG_COMPONENT = 28
LOOP = 29
NOT_FUNC = 30
LOC_PROTO = 31


NAME_IS_NONE = int(wire.Name.NONE)
NAME_IS_OPTIONAL = int(wire.Name.OPTIONAL)
NAME_IS_IDENTIFIER = int(wire.Name.IDENTIFIER)
KSYM_NAME_LEN = wire.KSYM_NAME_LEN

INT_MAX_NBYTES = wire.INT_MAX_NBYTES
FLOAT_NBYTES = wire.FLOAT_NBYTES
ENUM_NBYTES = wire.ENUM_NBYTES
WHOLE = wire.WHOLE
EXTERN = int(wire.FuncLinkage.EXTERN)
GLOBAL = int(wire.FuncLinkage.GLOBAL)

UNSEEN = 0
OPEN = 1
DONE = 2

NO_EDGE = -1


class Types(NamedTuple):
    """What every check reads.

    Attributes
    ----------
    words, start
        Of the TypeTable, with a base's types before it.
    kind : uint8 (types + 1,)
        By type_id; void is 0.
    blob : uint8 (nbytes,)
        The strings, with a base's before them; ends with NUL.
    """

    words: np.ndarray
    start: np.ndarray
    kind: np.ndarray
    blob: np.ndarray


class Rules(NamedTuple):
    """What a row is held against.

    Attributes
    ----------
    columns : Columns
        Of the layout.
    name : int64 (kinds,)
        wire.NAME_RULES by kind.
    """

    columns: Columns
    name: np.ndarray


@inline
def may_be_named(blob, name):
    """Whether a type, member or parameter that needs no name may have this one: none, or an identifier."""
    return blob[name] == 0 or is_identifier(blob, name)


@inline
def is_identifier(blob, name):
    """Whether the string is one the kernel takes as a symbol name: letters, digits, ``_`` and ``.``, not too long."""
    for i in range(KSYM_NAME_LEN + 1):
        c = blob[name + i]
        if c == 0:
            return i > 0
        letter = (97 <= c <= 122) or (65 <= c <= 90) or c == 95 or c == 46
        digit = 48 <= c <= 57
        if not letter and not (digit and i > 0):
            return False
    return False


@njit
def mark_not_identifiers(blob, names, out):
    """out[k] = whether the k-th name, if there is one, is no identifier; how many are none."""
    n = np.int64(0)
    for k in range(len(names)):
        out[k] = names[k] != 0 and blob[names[k]] != 0 and not is_identifier(blob, names[k])
        n += out[k]
    return n


@inline
def info_of(types, type_id):
    """info word of a type."""
    return types.words[types.start[type_id] + wd.INFO]


@inline
def check_name(types, rules, at, kind):
    """Status of the type's own name, which is the word `at`."""
    name = np.int64(types.words[at])
    if name >= len(types.blob):
        return NAME_OFF
    rule = rules.name[kind]
    if rule == NAME_IS_NONE:
        if name != 0:
            return NAME_FORBIDDEN
    elif rule == NAME_IS_OPTIONAL:
        if not may_be_named(types.blob, name):
            return NAME_IDENTIFIER
    else:
        if types.blob[name] == 0:
            return NAME_REQUIRED
        if rule == NAME_IS_IDENTIFIER and not is_identifier(types.blob, name):
            return NAME_IDENTIFIER
    return OK


@inline
def check_entries(types, columns, at, kind, vlen):
    """Status and word of the first name_off or type_id outside its range among members, parameters, variables."""
    width = columns.entry_words[kind]
    name_word = columns.entry_name_word[kind]
    type_word = columns.entry_type_word[kind]
    n_ids = len(types.kind)
    for i in range(vlen):
        entry = at + HEAD_WORDS + i * width
        if name_word != NO_WORD and np.int64(types.words[entry + name_word]) >= len(types.blob):
            return NAME_OFF, entry + name_word
        if type_word != NO_WORD and np.int64(types.words[entry + type_word]) >= n_ids:
            return TYPE_ID, entry + type_word
    return OK, at


@inline
def check_int(types, at):
    """Status and word of an INT (btf.rst 2.2.1)."""
    nbytes = np.int64(types.words[at + wd.SIZE_TYPE])
    word = np.int64(types.words[at + wd.INT_DATA])
    if nbytes < 1 or nbytes > INT_MAX_NBYTES:
        return SIZE, at + wd.SIZE_TYPE
    if word & INT_UNUSED_MASK:
        return INT_WORD, at + wd.INT_DATA
    encoding, offset, n_bits = int_parts(word)
    if encoding & (encoding - 1):
        return INT_ENCODING, at + wd.INT_DATA
    if offset + n_bits > 8 * nbytes:
        return INT_BITS, at + wd.INT_DATA
    return OK, at


@inline
def check_members(types, at, kind, vlen):
    """Status and word of a STRUCT's or UNION's members, as far as offsets go (btf.rst 2.2.4)."""
    nbytes = np.int64(types.words[at + wd.SIZE_TYPE])
    kind_flag = kind_flag_of(types.words[at + wd.INFO]) != 0
    before = np.int64(0)
    for i in range(vlen):
        entry = at + entry_word(kn.STRUCT, i)
        if types.words[entry + wd.MEMBER_TYPE] == 0:
            return VOID_ID, entry + wd.MEMBER_TYPE
        if not may_be_named(types.blob, types.words[entry + wd.ENTRY_NAME]):
            return NAME_IDENTIFIER, entry + wd.ENTRY_NAME
        off = np.int64(types.words[entry + wd.MEMBER_OFFSET])
        if kind_flag:
            off &= BIT_OFFSET_MASK
        if kind == kn.UNION and off != 0:
            return UNION_OFFSET, entry + wd.MEMBER_OFFSET
        if off < before:
            return MEMBER_ORDER, entry + wd.MEMBER_OFFSET
        # equality is allowed: the last member can be a flexible array
        if (off + 7) >> 3 > nbytes:
            return MEMBER_OUTSIDE, entry + wd.MEMBER_OFFSET
        before = off
    return OK, at


@inline
def check_enum(types, at, kind, vlen):
    """Status and word of an ENUM or ENUM64: its size, and that each enumerator has an identifier as name."""
    nbytes = np.int64(types.words[at + wd.SIZE_TYPE])
    if nbytes not in ENUM_NBYTES:
        return SIZE, at + wd.SIZE_TYPE
    for i in range(vlen):
        entry = at + entry_word(kind, i) + wd.ENTRY_NAME
        if types.blob[types.words[entry]] == 0:
            return NAME_REQUIRED, entry
        if not is_identifier(types.blob, types.words[entry]):
            return NAME_IDENTIFIER, entry
    return OK, at


@inline
def check_params(types, at, vlen):
    """Status and word of a FUNC_PROTO's parameters: void only as the last, nameless one, for varargs."""
    for i in range(vlen):
        entry = at + entry_word(kn.FUNC_PROTO, i)
        if types.words[entry + wd.PARAM_TYPE] == 0:
            if i != vlen - 1:
                return VARARGS_NOT_LAST, entry + wd.PARAM_TYPE
            if types.words[entry + wd.ENTRY_NAME] != 0:
                return VARARGS_NAMED, entry + wd.ENTRY_NAME
        elif not may_be_named(types.blob, types.words[entry + wd.ENTRY_NAME]):
            return NAME_IDENTIFIER, entry + wd.ENTRY_NAME
    return OK, at


@inline
def check_variables(types, at, vlen):
    """Status and word of a DATASEC's entries: VARs, in order, apart, inside the section (btf.rst 2.2.15)."""
    nbytes = np.int64(types.words[at + wd.SIZE_TYPE])
    end = np.int64(0)
    for i in range(vlen):
        entry = at + entry_word(kn.DATASEC, i)
        if types.kind[types.words[entry + wd.SECINFO_TYPE]] != kn.VAR:
            return NOT_VAR, entry + wd.SECINFO_TYPE
        off = np.int64(types.words[entry + wd.SECINFO_OFFSET])
        size = np.int64(types.words[entry + wd.SECINFO_SIZE])
        if off < end:
            return VAR_ORDER, entry + wd.SECINFO_OFFSET
        if size == 0:
            return VAR_SIZE, entry + wd.SECINFO_SIZE
        end = off + size
        if end > nbytes:
            return VAR_OUTSIDE, entry + wd.SECINFO_SIZE
    return OK, at


@inline
def check_locations(types, at, vlen):
    """Status and word of a LOCSEC's entries: FUNCs, and no inline sites, whose parameters are not read here."""
    for i in range(vlen):
        entry = at + entry_word(kn.LOCSEC, i)
        if types.kind[types.words[entry + wd.LOC_FUNC]] != kn.FUNC:
            return NOT_FUNC, entry + wd.LOC_FUNC
        if types.words[entry + wd.LOC_PROTO] != 0:
            return LOC_PROTO, entry + wd.LOC_PROTO
    return OK, at


@inline
def check_decl_tag(types, at):
    """Status and word of a DECL_TAG: its target, and that the component exists (btf.rst 2.2.17)."""
    target = np.int64(types.words[at + wd.SIZE_TYPE])
    kind = types.kind[target]
    component = np.int64(types.words[at + wd.COMPONENT_IDX])
    if kind == kn.STRUCT or kind == kn.UNION:
        n_components = vlen_of(info_of(types, target))
    elif kind == kn.FUNC or kind == kn.FUNC_ADDR:
        proto = np.int64(types.words[types.start[target] + wd.SIZE_TYPE])
        # the FUNC can come later and be wrong itself; its own row reports that
        n_components = np.int64(0)
        if proto < len(types.kind) and types.kind[proto] == kn.FUNC_PROTO:
            n_components = vlen_of(info_of(types, proto))
    elif kind == kn.VAR or kind == kn.TYPEDEF:
        n_components = np.int64(0)
    else:
        return TAG_TARGET, at + wd.SIZE_TYPE
    if component != WHOLE and component >= n_components:
        return TAG_COMPONENT, at + wd.COMPONENT_IDX
    return OK, at


@inline
def check_body(types, columns, at, kind, vlen, strict):
    """Status and word of what only this kind asks, after names and type_ids are known to be in range."""
    if kind == kn.INT:
        return check_int(types, at)
    if kind == kn.ARRAY:
        if types.words[at + wd.SIZE_TYPE] != 0:
            return ARRAY_SIZE, at + wd.SIZE_TYPE
        for k in range(n_references(types.words[at + wd.INFO])):
            word = at + reference_word(kind, k)
            if np.int64(types.words[word]) >= len(types.kind):
                return TYPE_ID, word
            if types.words[word] == 0:
                return VOID_ID, word
    elif kind == kn.STRUCT or kind == kn.UNION:
        return check_members(types, at, kind, vlen)
    elif kind == kn.ENUM or kind == kn.ENUM64:
        return check_enum(types, at, kind, vlen)
    elif kind == kn.FWD:
        if types.words[at + wd.SIZE_TYPE] != 0:
            return FWD_TYPE, at + wd.SIZE_TYPE
    elif kind == kn.FUNC:
        if vlen > EXTERN or (strict and vlen > GLOBAL):
            return LINKAGE, at + wd.INFO
        if types.kind[types.words[at + wd.SIZE_TYPE]] != kn.FUNC_PROTO:
            return NOT_FUNC_PROTO, at + wd.SIZE_TYPE
    elif kind == kn.FUNC_PROTO:
        return check_params(types, at, vlen)
    elif kind == kn.VAR:
        if types.words[at + wd.SIZE_TYPE] == 0:
            return VOID_ID, at + wd.SIZE_TYPE
        linkage = types.words[at + wd.VAR_LINKAGE]
        if linkage > EXTERN or (strict and linkage > GLOBAL):
            return LINKAGE, at + wd.VAR_LINKAGE
    elif kind == kn.DATASEC:
        return check_variables(types, at, vlen)
    elif kind == kn.FLOAT:
        nbytes = np.int64(types.words[at + wd.SIZE_TYPE])
        if nbytes not in FLOAT_NBYTES:
            return SIZE, at + wd.SIZE_TYPE
    elif kind == kn.DECL_TAG:
        return check_decl_tag(types, at)
    elif kind == kn.LOCSEC:
        return check_locations(types, at, vlen)
    elif kind == kn.FUNC_ADDR:
        if types.kind[types.words[at + wd.SIZE_TYPE]] != kn.FUNC_PROTO:
            return NOT_FUNC_PROTO, at + wd.SIZE_TYPE
    return OK, at


@njit
def check_rows(types, rules, strict):
    """The first error that can be seen without following chains of types.

    Returns
    -------
    status, type_id, word : int
        `word` is an index into types.words.
    """
    columns = rules.columns
    for type_id in range(1, len(types.kind)):
        at = types.start[type_id]
        kind = np.int64(types.kind[type_id])
        info = types.words[at + wd.INFO]
        vlen = vlen_of(info)
        status = check_name(types, rules, at, kind)
        if status != OK:
            return status, type_id, at
        if kind_flag_of(info) != 0 and columns.kind_flag[kind] == 0:
            return KIND_FLAG, type_id, at + wd.INFO
        if vlen != 0 and columns.entry_words[kind] == 0 and kind != kn.FUNC:
            return VLEN, type_id, at + wd.INFO
        if columns.third_is_type[kind] != 0 and np.int64(types.words[at + wd.SIZE_TYPE]) >= len(types.kind):
            return TYPE_ID, type_id, at + wd.SIZE_TYPE
        if columns.entry_words[kind] != 0:
            status, word = check_entries(types, columns, at, kind, vlen)
            if status != OK:
                return status, type_id, word
        status, word = check_body(types, columns, at, kind, vlen, strict)
        if status != OK:
            return status, type_id, word
    return OK, 0, 0


@inline
def edge_word(types, type_id, i, through_pointers):
    """Word index of the i-th type_id that must lead on without coming back, or NO_EDGE after the last."""
    kind = types.kind[type_id]
    at = types.start[type_id]
    if is_modifier(kind) or (through_pointers and kind == kn.PTR):
        if i == 0:
            return at + wd.SIZE_TYPE
    elif not through_pointers:
        if kind == kn.ARRAY and i == 0:
            return at + wd.ARRAY_TYPE
        if (kind == kn.STRUCT or kind == kn.UNION) and i < vlen_of(info_of(types, type_id)):
            return at + entry_word(kind, i) + wd.MEMBER_TYPE
    return np.int64(NO_EDGE)


@njit
def find_loop(types, through_pointers, colour, path, edge, resolved):
    """Find a type that contains itself, depth first and without recursion.

    As the kernel does, in two rounds: pointers and modifiers, where a struct ends the chain; and modifiers, arrays
    and members, where a pointer ends it.

    Parameters
    ----------
    types : Types
        All type_ids are in range.
    through_pointers : bool
        Which round.
    colour : uint8 (types + 1,)
        Zero; used for bookkeeping.
    path, edge : int64 (types + 1,)
        Used for bookkeeping: the types on the way, and which edge of each is next.
    resolved : int64 (types + 1,)
        Filled in place: each type without its modifiers and typedefs.

    Returns
    -------
    status, type_id, word : int
        LOOP, and the reference that closes it.
    """
    colour[0] = DONE
    resolved[0] = 0
    for root in range(1, len(types.kind)):
        if colour[root] != UNSEEN:
            continue
        colour[root] = OPEN
        path[0] = root
        edge[0] = 0
        depth = 1
        while depth > 0:
            type_id = path[depth - 1]
            word = edge_word(types, type_id, edge[depth - 1], through_pointers)
            if word == NO_EDGE:
                colour[type_id] = DONE
                resolved[type_id] = type_id
                if is_modifier(types.kind[type_id]):
                    resolved[type_id] = resolved[types.words[types.start[type_id] + wd.SIZE_TYPE]]
                depth -= 1
                continue
            edge[depth - 1] += 1
            target = np.int64(types.words[word])
            if colour[target] == OPEN:
                return LOOP, type_id, word
            if colour[target] == UNSEEN:
                colour[target] = OPEN
                path[depth] = target
                edge[depth] = 0
                depth += 1
    return OK, 0, 0


@njit
def check_array_indices(types, resolved):
    """The first ARRAY whose index type is not an INT behind its typedefs; status, type_id, word."""
    for type_id in range(1, len(types.kind)):
        if types.kind[type_id] == kn.ARRAY:
            word = types.start[type_id] + wd.ARRAY_INDEX_TYPE
            if types.kind[resolved[types.words[word]]] != kn.INT:
                return ARRAY_INDEX, type_id, word
    return OK, 0, 0
