"""The register rules' kernels once more, slow and obvious: one parameter at a time, sets of words instead of bits.

Written from pahole's rules as harness.functions.rules tells them (dwarf_loader.c, parameter__new and
ftype__recode_dwarf_types; 1.25, 1.31 and 1436daf), independent of harness's kernels on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from harness.model import Kind

MAX_HOPS = 256

SIZED = (Kind.INT, Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.FLOAT, Kind.ENUM64)
TRANSPARENT = (Kind.TYPEDEF, Kind.CONST)
"""What a struct may stand behind and still count as one."""
FOLLOWED = (*TRANSPARENT, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPE_TAG, Kind.FUNC_PROTO)

HAS_LOCATION, HAS_CONST, OPTIMIZED, UNEXPECTED = "location", "const", "optimized", "unexpected"
BITS = {HAS_LOCATION: 1, HAS_CONST: 2, OPTIMIZED: 4, UNEXPECTED: 8}


@dataclass
class Param:
    """A parameter as DWARF has it.

    Attributes
    ----------
    found : set of str
        Of BITS.
    reg : int
        The register that it is in on entry, -1 if none.
    first : int
        Register that its first location begins with, -1 if there is no such location, -2 if it is no register.
    seen : set of int
        Registers that some location is, alone.
    size : int
        Bytes.
    struct : bool
    origin : int
        Index of the parameter that it is the concrete one of, -1 if it is its own.
    """

    found: set = field(default_factory=set)
    reg: int = -1
    first: int = -1
    seen: set = field(default_factory=set)
    size: int = 8
    struct: bool = False
    origin: int = -1

    def having(self, *words):
        """The same, and found to be this."""
        return replace(self, found=self.found | set(words))


def bits(found):
    """A set of words as the kernels have it."""
    return sum(BITS[word] for word in found)


def words(number):
    """The set of words of a kernel's bits."""
    return {word for word, bit in BITS.items() if number & bit}


def type_size(rows, type_id, address_size):
    """(size in bytes, whether it is a struct behind typedefs and const) of a type; row i of `rows` is type_id i + 1."""
    behind = []
    while type_id and type_id <= len(rows) and len(behind) < MAX_HOPS:
        row = rows[type_id - 1]
        kind, flag = row[1] >> 24 & 0x7F, row[1] >> 31
        struct = kind == Kind.STRUCT or (kind == Kind.FWD and not flag)
        struct = struct and all(each in TRANSPARENT for each in behind)
        if kind == Kind.PTR:
            return address_size, False
        if kind in SIZED:
            return row[2], struct
        if kind in FOLLOWED:
            type_id = row[2]
        elif kind == Kind.ARRAY:
            type_id = row[3]
        else:
            return 0, struct
        behind.append(kind)
    return 0, False


def share(params):
    """What is known of concrete parameters, known of their origins too; the last register counts."""
    params = [replace(param, found=set(param.found)) for param in params]
    for param in params:
        if param.origin >= 0:
            origin = params[param.origin]
            origin.found |= param.found
            if param.reg >= 0:
                origin.reg = param.reg
    return params


def by_index(params, expected, first_only):
    """1.25 (`first_only`) to 1.31: parameter i of a function is expected in register i."""
    out = []
    for i, param in enumerate(params):
        if i >= len(expected):
            out.append(replace(param, found=set()))
            continue
        looked_at = HAS_LOCATION in param.found and (not first_only or param.first != -1)
        if not looked_at:
            out.append(param.having(OPTIMIZED) if HAS_CONST in param.found else param)
            continue
        registers = {param.first} - {-1, -2} if first_only else param.seen
        if not registers:
            out.append(param.having(OPTIMIZED))
        elif expected[i] >= 0 and expected[i] not in registers:
            out.append(param.having(UNEXPECTED))
        else:
            out.append(param)
    return out


def by_reached(params, expected, wide, address_size, clang, nocall, blind):
    """After 1.31: parameters take registers one after another, an aggregate of two registers two of them."""
    largest = 2 * address_size if wide else address_size
    out, used = list(params), 0
    for i, param in enumerate(params):
        in_memory = param.size > largest
        takes = -(-param.size // address_size) if wide and param.size > address_size else 1
        if clang and not nocall:
            if in_memory:
                continue
            if used >= len(expected):
                break
            due = expected[used : used + takes]
            if param.reg >= 0 and param.reg not in due and (blind or -1 not in due):
                out[i] = param.having(UNEXPECTED)
            used += takes
            continue
        if HAS_LOCATION in param.found:
            if used >= len(expected):
                continue
            if param.reg < 0:
                out[i] = param.having(OPTIMIZED)
            elif expected[used] not in (-1, param.reg):
                out[i] = param.having(UNEXPECTED)
        elif HAS_CONST in param.found and not clang:
            out[i] = param.having(OPTIMIZED)
        used += 1 if in_memory else takes
    return out


def judge(params):
    """(optimized, unexpected) of a function: a parameter is gone; one is elsewhere, and no struct can be the cause."""
    optimized = any(OPTIMIZED in p.found or HAS_LOCATION not in p.found for p in params)
    unexpected = any(UNEXPECTED in p.found for p in params) and not any(p.struct for p in params)
    return optimized, unexpected
