"""Whether a function's parameters are where a caller puts them: what pahole's register rules find in each DIE.

A tracer reads arguments from the registers of the calling convention. Where the compiler changed a function's own
convention (.constprop, .isra), the prototype in BTF is wrong about it, so pahole looks at where DWARF says each
parameter is on entry. How closely it looks has changed over its versions: see harness.functions.rules.
"""

from __future__ import annotations

from enum import IntFlag
from typing import NamedTuple

import numpy as np

from harness.dwarf import walk_tables as wt
from harness.functions import register_kernels as rk
from harness.functions.conventions import convention
from harness.model import MAX_HOPS, Kind, kind_number, split_info
from harness.model import words as wd
from harness.model.layout import SIZED, member_place
from harness.model.sizes import byte_size, element_type, parameter_sizes


class Fault(IntFlag):
    """What is found about a function's parameters."""

    UNEXPECTED_REGISTER = 1
    """A parameter is in another register than the convention says."""
    OPTIMIZED_PARAMETER = 2
    """A parameter has no location, or is not in a register although it should be."""
    REORDERED_PARAMETERS = 4
    """The parameters are in another order than in their abstract origin."""
    UNCERTAIN_LOCATION = 8
    """A packed struct is passed by value after the parameters in registers."""
    UNKNOWN_PROTOTYPE = 16
    """Its unit is assembler, whose DIEs have neither parameters nor a type: its `void f(void)` means nothing. No policy
    acts on it: pahole knows no such fault."""


FAULT_WORDS = {Fault.UNEXPECTED_REGISTER: "unexpected", Fault.OPTIMIZED_PARAMETER: "optimized",
               Fault.REORDERED_PARAMETERS: "reordered", Fault.UNCERTAIN_LOCATION: "uncertain",
               Fault.UNKNOWN_PROTOTYPE: "unknown"}


class Faults(NamedTuple):
    """What the register rules find.

    Attributes
    ----------
    flags : uint8 (funcs,)
        Fault of each row of the walk's Functions.
    dropped : bool (params,)
        Parameters that are not passed: a reordered clone lists them, without a register.
    convention : Convention
        NONE if the machine has no rule.
    """

    flags: np.ndarray
    dropped: np.ndarray
    convention: object


class Parameters(NamedTuple):
    """What is the same under all rules about the parameters that take a register: all except ellipses.

    Attributes
    ----------
    row : int64 (named,)
        Row of each in Functions.param_*.
    start : int64 (funcs + 1,)
        Function f has the parameters start[f] to start[f + 1], half-open.
    origin : int64 (named,)
        The parameter whose type and name it takes, -1 if it has its own.
    nbytes : uint32 (named,)
        Size of its type in bytes.
    struct : uint8 (named,)
        Whether that is a struct behind typedefs and const.
    found : uint8 (named,)
        HAS_LOCATION and HAS_CONST of register_kernels.
    """

    row: np.ndarray
    start: np.ndarray
    origin: np.ndarray
    nbytes: np.ndarray
    struct: np.ndarray
    found: np.ndarray


def read_parameters(program):
    """The Parameters of a program."""
    f, types = program.dies, program.types.flattened()
    n_funcs, n_params = len(f.die_off), len(f.param_type_id)
    size, struct = parameter_sizes(types, program.address_nbytes)
    ellipsis = (f.param_flags & wt.PF_ELLIPSIS) != 0
    found = np.zeros(n_params, np.uint8)
    found[(f.param_flags & wt.PF_LOCATION) != 0] |= rk.HAS_LOCATION
    found[(f.param_flags & wt.PF_CONST_VALUE) != 0] |= rk.HAS_CONST
    # the ellipsis is no parameter: it stands last and takes no register
    variadic = np.searchsorted(f.param_start, np.flatnonzero(ellipsis), side="right") - 1
    n_named = np.diff(f.param_start) - np.bincount(variadic, minlength=n_funcs)[:n_funcs]
    named = np.flatnonzero(~ellipsis)
    row_of = np.full(n_params, -1, np.int64)
    row_of[named] = np.arange(len(named))
    origin = f.param_origin[named]
    origin = np.where(origin >= 0, row_of[np.maximum(origin, 0)], -1)
    type_id = f.param_type_id[named]
    return Parameters(named, np.concatenate([[0], np.cumsum(n_named)]), origin, size[type_id], struct[type_id],
                      found[named])


def faults_of(program, rules, quirks=frozenset()):
    """The Faults that rules find in a program, found once for all policies; parameters as of `select`."""
    blind = "unnumbered-clang" in quirks and rules.locations == rk.BY_REACHED
    return program.once(("faults", rules, blind), lambda: read_faults(program, rules, blind))


def read_faults(program, rules, blind=False):
    """Compare every function's parameters with the calling convention.

    Parameters
    ----------
    program : harness.program.Program
    rules : harness.functions.rules.Rules
    blind : bool
        Whether to treat every register in clang's code as wrong where register numbers are unknown: the quirk
        unnumbered-clang.

    Returns
    -------
    Faults
    """
    f, types = program.dies, program.types
    abi = convention(program.kernel["machine"])
    n_funcs, n_params = len(f.die_off), len(f.param_type_id)
    address_size = program.address_nbytes
    named, start, origin, sizes, struct, found = program.once("parameters", lambda: read_parameters(program))
    found = found.copy()
    expected = np.array(abi.registers, np.int8)
    reg = f.param_reg[named].copy()
    if rules.locations == rk.BY_REACHED:
        if abi.wide:
            pieces = sizes > address_size
            reg[pieces] = f.param_reg_pieces[named][pieces]
        rk.share(origin, found, reg)
        clang = program.unit_clang[f.unit].astype(np.uint8)
        nocall = ((f.flags & wt.FN_NOCALL) != 0).astype(np.uint8)
        rk.by_reached(start, expected, np.uint8(abi.wide), np.int64(address_size), sizes, reg, clang, nocall,
                   np.uint8(blind), found)
    elif rules.locations is not None:
        rk.by_index(start, expected, f.param_seen[named], f.param_first[named], np.int64(rules.locations), found)
        rk.share(origin, found, reg)
    optimized, unexpected = np.zeros(n_funcs, np.uint8), np.zeros(n_funcs, np.uint8)
    rk.judge(start, struct, found, optimized, unexpected)
    flags = program.unit_assembler[f.unit] * np.uint8(Fault.UNKNOWN_PROTOTYPE)
    if rules.locations is not None:
        flags |= (unexpected != 0) * np.uint8(Fault.UNEXPECTED_REGISTER)
        flags |= (optimized != 0) * np.uint8(Fault.OPTIMIZED_PARAMETER)
    dropped = np.zeros(n_params, bool)
    if rules.reordered:
        reordered = (f.flags & wt.FN_REORDERED) != 0
        flags |= reordered * np.uint8(Fault.REORDERED_PARAMETERS)
        absent = (found & rk.HAS_LOCATION == 0) | (found & rk.OPTIMIZED != 0)
        dropped[named] = absent & np.repeat(reordered, np.diff(start))
    if rules.uncertain:
        behind = np.flatnonzero(np.arange(len(named)) - np.repeat(start[:-1], np.diff(start)) >= len(abi.registers))
        of_struct = behind[struct[behind] != 0]  # the others are not looked at one by one
        for p, type_id in zip(of_struct.tolist(), f.param_type_id[named[of_struct]].tolist(), strict=True):
            if _is_named_struct(types.row(type_id)) and looks_packed(types, type_id, address_size):
                flags[np.searchsorted(start, p, side="right") - 1] |= np.uint8(Fault.UNCERTAIN_LOCATION)
    return Faults(flags, dropped, abi)


def _is_named_struct(row):
    return kind_number(row[wd.INFO]) == Kind.STRUCT and row[wd.NAME] != 0


def looks_packed(types, type_id, address_size):
    """Whether a struct's layout is one that only __attribute__((packed)) gives, as pahole infers it.

    Without holes or padding, a member stands where its type's natural alignment forbids it, or the size is no multiple
    of the largest alignment. DW_AT_alignment is not looked at: BTF does not have it.
    """
    row = types.row(type_id)
    _, _, kind_flag = split_info(row[wd.INFO])
    end, largest = 0, 1
    members = wd.entries_of(Kind.STRUCT, row)[:, [wd.MEMBER_TYPE, wd.MEMBER_OFFSET]].tolist()
    for member, bits in members:
        offset, width = member_place(bits, kind_flag)
        if offset // 8 > end // 8 and offset >= end + 8:
            return False  # a hole
        n_bits = 8 * byte_size(types, member, address_size)
        end = max(end, offset + (width or n_bits))
    if members and width and n_bits:
        # what is left of the last bit-field's type is not padding
        end = max(end, min(8 * int(row[wd.SIZE_TYPE]), offset // n_bits * n_bits + n_bits))
    if int(row[wd.SIZE_TYPE]) * 8 - end >= 8:
        return False  # padding
    for member, bits in members:
        offset, width = member_place(bits, kind_flag)
        natural = natural_alignment(types, member, address_size)
        largest = max(largest, natural)
        if natural > 1 and not width and offset // 8 % natural:
            return True
    return int(row[wd.SIZE_TYPE]) % largest != 0


def natural_alignment(types, type_id, address_size, depth=0):
    """Alignment that a type asks for by itself, bytes; at least 1."""
    element = element_type(types, type_id)
    if element <= 0 or depth > MAX_HOPS:
        return 1
    row = types.row(element)
    kind = kind_number(row[wd.INFO])
    if kind == Kind.PTR:
        return address_size
    if kind in (Kind.STRUCT, Kind.UNION):
        members = wd.entries_of(kind, row)[:, wd.MEMBER_TYPE].tolist()
        return max((natural_alignment(types, m, address_size, depth + 1) for m in members), default=1)
    return max(int(row[wd.SIZE_TYPE]), 1) if kind in SIZED else 1
