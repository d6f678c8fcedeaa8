"""A walk's tables as plain tuples that tests can compare."""

from __future__ import annotations

from typing import NamedTuple

from harness.dwarf import walk
from harness.dwarf import walk_tables as wt
from harness.elf import ElfImage
from harness.model import Kind

REFERENCES = {"PTR", "CONST", "VOLATILE", "RESTRICT", "TYPEDEF", "TYPE_TAG", "FUNC_PROTO"}
SIZED = {"INT", "FLOAT", "STRUCT", "UNION", "ENUM", "ENUM64"}


class Row(NamedTuple):
    """One type; the fields of tests.reference.dwarf_twin.Type, with type_ids (0 is void) as references."""

    kind: str
    name: str = ""
    size: int | None = None
    ref: int | None = None
    kind_flag: bool = False
    encoding: int = 0
    nelems: int = 0
    members: tuple = ()
    enumerators: tuple = ()
    params: tuple = ()


class Func(NamedTuple):
    """One function instance; of an ellipsis the parameter is ("", 0)."""

    name: str
    address: int | None
    external: bool
    params: tuple
    returns: int


def walked(path, threads=1, **options):
    """The walk of a file."""
    with ElfImage(path) as image:
        return walk(image, threads, **options)


def text(found, name):
    """A name of a walk as str."""
    return found.strings.get(int(name)).decode("utf-8", "surrogateescape")


def rows(found):
    """All type rows of a walk: row i has type_id i + 1."""
    table = found.types
    return [_row(found, table.row(i).tolist()) for i in range(1, table.n_types + 1)]


def own_rows(found):
    """The rows without the array index type that the walk adds behind them, and the type_id of the first one."""
    every = rows(found)
    return every[: len(every) - any(row.kind == "ARRAY" for row in every)], 1


def _row(found, words):
    info = words[1]
    kind, vlen, kind_flag = Kind(info >> 24 & 0x7F).name, info & 0xFFFFFF, bool(info >> 31)
    body = words[3:]
    more = {}
    if kind in SIZED:
        more["size"] = words[2]
    if kind in REFERENCES:
        more["ref"] = words[2]
    if kind == "INT":
        more["encoding"] = body[0] >> 24
        assert body[0] & 0xFFFF == 8 * words[2]
    elif kind == "ARRAY":
        more.update(ref=body[0], nelems=body[2])
        assert body[1] == found.types.n_types
    elif kind in ("STRUCT", "UNION"):
        more["members"] = tuple(_member(found, kind_flag, *body[3 * i : 3 * i + 3]) for i in range(vlen))
    elif kind == "ENUM":
        more["enumerators"] = tuple((text(found, body[2 * i]), _signed(body[2 * i + 1], 32)) for i in range(vlen))
    elif kind == "ENUM64":
        more["enumerators"] = tuple(
            (text(found, body[3 * i]), _signed(body[3 * i + 1] | body[3 * i + 2] << 32, 64)) for i in range(vlen)
        )
    elif kind == "FUNC_PROTO":
        more["params"] = tuple((text(found, body[2 * i]), body[2 * i + 1]) for i in range(vlen))
    assert len(words) == 3 + {"INT": 1, "ARRAY": 3, "STRUCT": 3 * vlen, "UNION": 3 * vlen, "ENUM": 2 * vlen,
                              "ENUM64": 3 * vlen, "FUNC_PROTO": 2 * vlen}.get(kind, 0)  # fmt: skip
    return Row(kind, text(found, words[0]), kind_flag=kind_flag, **more)


def _member(found, kind_flag, name, type_id, offset):
    bits = (offset & 0xFFFFFF, offset >> 24) if kind_flag else (offset, 0)
    return (text(found, name), type_id, *bits)


def _signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) else value


def funcs(found):
    """All function instances of a walk."""
    f = found.functions
    made = []
    for i in range(len(f.die_off)):
        at = range(int(f.param_start[i]), int(f.param_start[i + 1]))
        params = tuple((text(found, f.param_name_off[p]), int(f.param_type_id[p])) for p in at)
        coded = f.flags[i] & (wt.FN_LOW_PC | wt.FN_RANGES)
        made.append(Func(text(found, f.name_off[i]), int(f.entry[i]) if coded else None,
                         bool(f.flags[i] & wt.FN_EXTERNAL), params, int(f.type_id[i])))  # fmt: skip
    return made


def tags(found):
    """All btf_decl_tags of a walk, sorted: (space, target, component, text)."""
    d = found.decl_tags
    return sorted(
        (int(s), int(t), int(c), text(found, n))
        for n, s, t, c in zip(d.name_off, d.space, d.target_id, d.component_idx, strict=True)
    )
