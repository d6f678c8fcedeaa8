"""Types of a BTF file as C declarations, one line each."""

from __future__ import annotations

from harness.model import Kind, declared_kind, kind_number
from harness.model import words as wd

MAX_DEPTH = 64
"""Prototypes within prototypes, deeper than any C source; what is deeper is a cycle."""

MAX_CHAIN = 512
"""Pointers and qualifiers in a row, likewise."""

MAX_PARAMETERS = 4096
"""Parameters in one declaration, of all its prototypes: one that has another twice, which has a third twice, and so on,
is a small file and an endless text."""

SPECIFIERS = {Kind.STRUCT: "struct", Kind.UNION: "union", Kind.ENUM: "enum", Kind.ENUM64: "enum"}
QUALIFIERS = {Kind.CONST: "const", Kind.VOLATILE: "volatile", Kind.RESTRICT: "restrict"}


def declaration(btf, type_id):
    """A type as a C declaration on one line, a FUNC as its prototype: str.

    Names of base types are as the compiler gives them (long unsigned int); a type tag X is written __X, which is what
    the kernel calls the macro (include/linux/compiler_types.h); the members of an anonymous struct are left out. As in
    libbpf's btf_dump, an array without a length is [0], and qualifiers of functions are dropped.

    Parameters
    ----------
    btf : BtfFile
    type_id : int
        A type other than a FUNC is declared without a name.

    Raises
    ------
    BtfFormatError
        A type_id or name_off is out of range, the types form a cycle, one is of a kind that no declaration has, or
        there are more than MAX_PARAMETERS.
    """
    types, room = btf.types, [MAX_PARAMETERS]
    if 0 < type_id < types.next_id:
        row = types.row(type_id)
        if kind_number(row[wd.INFO]) in (Kind.FUNC, Kind.FUNC_ADDR):
            return _declare(btf, int(row[wd.SIZE_TYPE]), name_at(btf, type_id, int(row[wd.NAME])), 0, room)
    return _declare(btf, type_id, "", 0, room)


def _malformed(btf, type_id, message):
    word = btf.types.row_start(type_id) if type_id in btf.types.ids() else 0  # void and a base's are not in this file
    return btf.wrong(f"[{type_id}]: {message}", btf.word_offset(word))


def name_at(btf, type_id, name_off):
    """The string that a type has at a name_off, str; bytes that are not UTF-8 become surrogates.

    Raises
    ------
    BtfFormatError
        There is no such string; the error is located at the type.
    """
    if name_off >= btf.strings.next_off:
        raise _malformed(btf, type_id, f"expected a name_off below {btf.strings.next_off}, found {name_off}")
    return btf.strings.get(name_off).decode("utf-8", "surrogateescape")


def _declare(btf, type_id, inner, depth, room):
    """The type around a declarator: from the name outwards, to the specifier at the left. `room` is a list of how many
    more parameters there may be."""
    base, pending, user = type_id, [], 0
    for _ in range(MAX_CHAIN):
        if base == 0:
            return _join(_words(pending, "void"), inner)
        if base >= btf.types.next_id:
            raise _malformed(btf, user, f"expected a type_id of at most {btf.types.next_id - 1}, found {base}")
        row = btf.types.row(base)
        name_off, info, target = row[:3].tolist()
        kind = kind_number(info)
        user = base
        if kind in QUALIFIERS:
            pending.append(QUALIFIERS[kind])
            base = target
        elif kind == Kind.TYPE_TAG:
            tag = name_at(btf, base, name_off)
            pending.append(f"__{tag}" if tag.isidentifier() else f'__attribute__((btf_type_tag("{tag}")))')
            base = target
        elif kind == Kind.PTR:
            inner = "*" + _join(" ".join(_ordered(pending)), inner)
            pending, base = [], target
            if _is_suffixed(btf, target):
                inner = f"({inner})"
        elif kind == Kind.ARRAY:
            # qualifiers of an array are its elements'
            inner += f"[{int(row[wd.ARRAY_NELEMS])}]"
            base = int(row[wd.ARRAY_TYPE])
        elif kind == Kind.FUNC_PROTO:
            if depth >= MAX_DEPTH:
                raise _malformed(btf, base, f"expected prototypes at most {MAX_DEPTH} deep")
            params = [(p[wd.ENTRY_NAME], p[wd.PARAM_TYPE]) for p in wd.entries_of(Kind.FUNC_PROTO, row).tolist()]
            room[0] -= len(params)
            if room[0] < 0:
                raise _malformed(btf, base, f"expected at most {MAX_PARAMETERS} parameters in one declaration")
            if not params or params == [(0, 0)]:
                inner += "(void)"
            else:
                texts = ["..." if p == (0, 0) and i == len(params) - 1
                         else _declare(btf, p[1], name_at(btf, base, p[0]), depth + 1, room)
                         for i, p in enumerate(params)]
                inner += f"({', '.join(texts)})"
            pending, base = [], target
        else:
            return _join(_words(pending, _specifier(btf, base, kind, name_off, info)), inner)
    raise _malformed(btf, type_id, f"expected an end after {MAX_CHAIN} pointers and qualifiers, found none")


def _join(left, right):
    return f"{left} {right}" if left and right else left or right


def _ordered(pending):
    """Qualifiers and tags, each once, in the order of QUALIFIERS rather than the compiler's."""
    words = dict.fromkeys(reversed(pending))
    return [q for q in QUALIFIERS.values() if q in words] + [w for w in words if w[0] == "_"]


def _words(pending, specifier):
    """Qualifiers before the specifier, type tags after it, as in kernel sources."""
    words = _ordered(pending)
    return " ".join([*(w for w in words if w[0] != "_"), specifier, *(w for w in words if w[0] == "_")])


def _is_suffixed(btf, type_id):
    """Whether a declarator of this type ends in [] or (), so that a pointer to it needs parentheses."""
    for _ in range(MAX_CHAIN):
        if not 0 < type_id < btf.types.next_id:
            return False
        row = btf.types.row(type_id)
        kind = kind_number(row[wd.INFO])
        if kind not in QUALIFIERS and kind != Kind.TYPE_TAG:
            return kind in (Kind.ARRAY, Kind.FUNC_PROTO)
        type_id = int(row[wd.SIZE_TYPE])
    return False


def _specifier(btf, type_id, kind, name_off, info):
    name = name_at(btf, type_id, name_off)
    if kind in (Kind.INT, Kind.FLOAT, Kind.TYPEDEF):
        return name
    if kind == Kind.FWD:
        return f"{SPECIFIERS[declared_kind(info)]} {name}"
    if kind in SPECIFIERS:
        return f"{SPECIFIERS[kind]} {name or '{...}'}"
    words = Kind(kind).name if kind < len(Kind) else f"kind {kind}"
    raise _malformed(btf, type_id, f"expected a type that a declaration can have, found {words}")
