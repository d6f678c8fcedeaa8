"""Generated programs: several compile units over one small pool of C declarations, as BTF before dedup.

Every unit is a self-contained type graph in which each C type occurs exactly once (`duplicates` lifts that), its ids
in a random order. Units draw on the same pool, so duplicates between units are the rule; a unit may know a tag only
by its forward declaration, or have another definition of the same name. A by-value member needs a complete type,
as in C; anything may be pointed at, which is where the cycles come from.

`program` takes any `random.Random`, so that one generator serves hypothesis (which shrinks) and long seeded sweeps.
Hypothesis drives it through `Choices`: its own `st.randoms` was a hundred times slower here.
"""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from harness.model import Kind
from tests.reference import wire

INTS = {
    "int": wire.int_("int", 4, encoding=1),
    "unsigned int": wire.int_("unsigned int", 4),
    "char": wire.int_("char", 1, encoding=1),
    "_Bool": wire.int_("_Bool", 1, encoding=4),
    "long": wire.int_("long", 8, encoding=1),
}
FLOATS = {"float": wire.float_("float", 4), "double": wire.float_("double", 8)}
TAG_KINDS = ("struct", "union", "enum", "enum64")
AGGREGATES = ("struct", "union")
FUNC_NAMES = ("probe", "init_once", "f")


class Program(NamedTuple):
    """Units laid one after the other.

    Attributes
    ----------
    types : list of wire.Type
    stops : list of int
        Highest type_id of each unit.
    """

    types: list
    stops: list

    def raw(self):
        """Raw BTF."""
        return wire.pack(self.types)

    def tables(self):
        """(TypeTable, StringTable)."""
        return wire.to_tables(self.raw())

    def __repr__(self):
        """The types by id and unit, so that a failing example can be read."""
        lines, start = [""], 0
        for n, stop in enumerate(self.stops):
            lines.append(f"unit {n}")
            lines += [f"  [{i + 1}] {self.types[i]}" for i in range(start, stop)]
            start = stop
        return "\n".join(lines)


class Pool:
    """Abstract declarations. Expressions are tuples whose first item says what they are.

    By-value references go to declarations of lower index only, hence nothing contains itself; through a pointer a
    struct may refer to any declaration, a typedef to any tag but only to typedefs before it, as C demands.
    """

    def __init__(self, rnd, conflicts, typedefs=True):
        self.rnd = rnd
        self.n_anonymous = 0
        kinds = ("struct", "struct", "union", "enum", "enum64", *(("typedef", "typedef") if typedefs else ()))
        self.kinds = [rnd.choice(kinds) for _ in range(rnd.randint(1, 5))]
        if "struct" not in self.kinds:
            self.kinds.append("struct")
        # A variant is what one unit takes the declaration to be; variant 0 is the one most units agree on.
        self.variants = []
        for here, kind in enumerate(self.kinds):
            n_variants = 2 if conflicts and rnd.random() < 0.4 else 1
            self.variants.append([self.declaration(here, kind) for _ in range(n_variants)])
            if n_variants == 2 and kind in AGGREGATES and rnd.random() < 0.6:
                # Conflicts that differ in one referenced type only are the ones that hashing cannot tell apart.
                self.variants[here][1] = self.altered(here, self.variants[here][0])
        self.functions = [
            [self.proto(len(self.kinds), named=True) for _ in range(1 + (conflicts and rnd.random() < 0.5))]
            for _ in FUNC_NAMES
        ]

    def declaration(self, here, kind):
        """Body of a declaration: (expression or members, kind_flag, tags)."""
        rnd = self.rnd
        if kind == "typedef":
            body, kind_flag, n_components = self.value(here, False), 0, 0
        elif kind in AGGREGATES:
            kind_flag = int(rnd.random() < 0.15)
            body = self.members(here, True, kind_flag)
            n_components = len(body)
        else:
            wide = 1 << 40 if kind == "enum64" else 1
            body = tuple((f"V{i}", i * wide) for i in range(rnd.randint(1, 2)))
            body, kind_flag, n_components = (rnd.choice((4, 4, 8)), body), 0, 0
        tags = ()
        if kind not in ("enum", "enum64") and rnd.random() < 0.15:
            tags = ((rnd.choice(("user", "rcu")), rnd.randint(-1, n_components - 1)),)
        return body, kind_flag, tags

    def altered(self, here, variant):
        """The same aggregate with the type of one member drawn anew."""
        members, kind_flag, tags = variant
        if not members:
            return variant
        at = self.rnd.randrange(len(members))
        name, _, bits = members[at]
        new = ("int", self.rnd.choice(sorted(INTS))) if bits else self.value(here, True)
        return (*members[:at], (name, new, bits), *members[at + 1 :]), kind_flag, tags

    def members(self, here, in_struct, kind_flag=0, depth=2):
        """(name, expression, bit-field size) of each member."""
        rnd, found = self.rnd, []
        for i in range(rnd.randint(0, 3)):
            bits = rnd.randint(1, 7) if kind_flag and rnd.random() < 0.5 else 0
            expression = ("int", "unsigned int") if bits else self.value(here, in_struct, depth)
            name = "" if expression[0] == "anon" and rnd.random() < 0.7 else f"m{i}"
            found.append((name, expression, bits))
        return tuple(found)

    def leaf(self):
        """An arithmetic type."""
        if self.rnd.random() < 0.1:
            return "float", self.rnd.choice(sorted(FLOATS))
        return "int", self.rnd.choice(sorted(INTS))

    def value(self, here, in_struct, depth=2):
        """An expression that may be a member: complete, and with nothing of index `here` or above inside."""
        rnd = self.rnd
        what = rnd.choice(("leaf", "decl", "decl", "ptr", "ptr", "ptr", "array", "array", "qualified", "anon"))
        if what == "ptr" and depth >= 0:
            pointer = ("ptr", self.pointee(here, in_struct, depth - 1))
            return ("restrict", pointer) if rnd.random() < 0.1 else pointer
        if depth > 0:
            if what == "array":
                return "array", self.value(here, in_struct, depth - 1), rnd.choice((0, 2, 2, 4))
            if what == "qualified":
                inner = self.value(here, in_struct, depth - 1)
                return inner if inner[0] in ("const", "volatile") else (rnd.choice(("const", "volatile")), inner)
            if what == "anon":
                self.n_anonymous += 1  # two anonymous structs in one unit are two types, however alike
                uid, kind = self.n_anonymous, rnd.choice(AGGREGATES)
                return "anon", uid, kind, self.members(here, in_struct, 0, depth - 1)
        if what == "decl" and here > 0:
            return "decl", rnd.randrange(here)
        return self.leaf()

    def pointee(self, here, in_struct, depth):
        """An expression that may be pointed at: also void, incomplete, a function or tagged."""
        rnd = self.rnd
        what = rnd.choice(("any", "any", "any", "value", "value", "void", "const", "proto", "tagged"))
        if what == "any":
            reachable = [i for i, kind in enumerate(self.kinds) if in_struct or i < here or kind != "typedef"]
            return ("decl", rnd.choice(reachable)) if reachable else ("void",)
        if what == "void":
            return ("void",)
        if what == "const":
            inner = self.pointee(here, in_struct, depth - 1) if depth > 0 else ("void",)
            return inner if inner[0] in ("const", "proto") else ("const", inner)
        if what == "tagged" and depth > 0:
            return "type_tag", rnd.choice(("user", "rcu")), self.pointee(here, in_struct, depth - 1)
        if what == "proto" and depth > 0:
            return self.proto(here, rnd.random() < 0.2, in_struct, depth - 1)
        return self.value(here, in_struct, depth)

    def proto(self, here, named, in_struct=True, depth=1):
        """A function type; parameters by name in a definition, mostly without in a pointer."""
        returns = ("void",) if self.rnd.random() < 0.4 else self.value(here, in_struct, depth)
        params = [(f"p{i}" if named else "", self.value(here, in_struct, depth)) for i in range(self.rnd.randint(0, 2))]
        if self.rnd.random() < 0.1:
            params.append(("", ("void",)))  # the ellipsis
        return "proto", returns, tuple(params)


class Unit:
    """One compile unit: what it takes each declaration to be, and the types it emits."""

    def __init__(self, rnd, pool, forwards, duplicates):
        self.rnd, self.pool, self.duplicates = rnd, pool, duplicates
        self.variant = [v[0] if rnd.random() < 0.7 else rnd.choice(v) for v in pool.variants]
        incomplete = {i for i, k in enumerate(pool.kinds) if k in TAG_KINDS and forwards and rnd.random() < 0.35}
        for i in reversed(range(len(pool.kinds))):  # what a complete type holds by value has a lower index
            if i not in incomplete:
                incomplete -= self.held(("decl", i))
        self.functions = [
            (name, rnd.choice(protos))
            for name, protos in zip(FUNC_NAMES, pool.functions, strict=True)
            for _ in range(1 if rnd.random() < 0.3 else 0)
        ]
        for _, proto in self.functions:
            for expression in (proto[1], *(p for _, p in proto[2])):
                incomplete -= self.held(expression)
        self.incomplete = incomplete
        self.types, self.ids = [], {("void",): 0}
        roots = [i for i in range(len(pool.kinds)) if rnd.random() < 0.5] or [len(pool.kinds) - 1]
        for i in roots:
            self.emit(("decl", i))
        for name, proto in self.functions:
            # pahole makes a FUNC_PROTO for each function and leaves it to dedup to merge them
            target = self.add(None, lambda p=proto: self.proto(p))
            target = self.add(None, lambda n=name, t=target: wire.func(n, t))
            if rnd.random() < 0.15:
                self.add(None, lambda p=proto, t=target: wire.decl_tag("user", t, len(p[2]) - 1))
        if rnd.random() < 0.2 and roots[0] not in incomplete:
            self.add(None, lambda: wire.var("jiffies", self.emit(("decl", roots[0]))))

    def held(self, expression, seen=None):
        """Declarations that must be complete for the expression to be."""
        seen = set() if seen is None else seen
        if expression[0] == "decl" and expression[1] not in seen:
            i = expression[1]
            seen.add(i)
            if self.pool.kinds[i] == "typedef":
                self.held(self.variant[i][0], seen)
            elif self.pool.kinds[i] in AGGREGATES:
                for _, member, _ in self.variant[i][0]:
                    self.held(member, seen)
        elif expression[0] == "anon":
            for _, member, _ in expression[3]:
                self.held(member, seen)
        elif expression[0] in ("array", "const", "volatile", "restrict"):
            self.held(expression[1], seen)
        return seen

    def add(self, key, build):
        """Take the next local id, then build: what a type refers to may refer back to it."""
        self.types.append(None)
        type_id = len(self.types)
        if key is not None:
            self.ids[key] = type_id
        self.types[type_id - 1] = build()
        return type_id

    def emit(self, expression):
        """Local type_id of an expression."""
        known = expression in self.ids
        if known and not (self.duplicates and expression != ("void",) and self.rnd.random() < 0.15):
            return self.ids[expression]
        return self.add(expression, lambda: self.build(expression))

    def proto(self, expression):
        """FUNC_PROTO."""
        return wire.func_proto(self.emit(expression[1]), *((n, self.emit(p)) for n, p in expression[2]))

    def aggregate(self, kind, name, members, kind_flag):
        """STRUCT or UNION; every member has a slot of 64 bits, so that conflicting ones look alike."""
        body = tuple(
            (n, self.emit(e), (bits << 24 if kind_flag else 0) | (64 * i if kind == "struct" else 0))
            for i, (n, e, bits) in enumerate(members)
        )
        size = 8 * len(members) if kind == "struct" else 8
        return wire.Type(Kind.STRUCT if kind == "struct" else Kind.UNION, name, size, body, kind_flag)

    def build(self, expression):
        """The type that an expression stands for."""
        what = expression[0]
        if what == "int":
            return INTS[expression[1]]
        if what == "float":
            return FLOATS[expression[1]]
        if what in ("ptr", "const", "volatile", "restrict"):
            return getattr(wire, what)(self.emit(expression[1]))
        if what == "array":
            return wire.array(self.emit(expression[1]), self.emit(("int", "int")), expression[2])
        if what == "type_tag":
            return wire.type_tag(expression[1], self.emit(expression[2]))
        if what == "proto":
            return self.proto(expression)
        if what == "anon":
            return self.aggregate(expression[2], "", expression[3], 0)
        return self.declared(expression[1], expression)

    def declared(self, i, expression):
        """A tag or typedef, or its forward declaration; its DECL_TAGs follow it into the unit."""
        kind, (body, kind_flag, tags) = self.pool.kinds[i], self.variant[i]
        if i in self.incomplete:
            if kind in AGGREGATES:
                return wire.fwd(f"S{i}", int(kind == "union"))
            return wire.enum(f"E{i}") if kind == "enum" or self.rnd.random() < 0.5 else wire.enum64(f"E{i}")
        for text, component in tags:
            self.add(None, lambda n=text, c=component: wire.decl_tag(n, self.ids[expression], c))
        if kind == "typedef":
            return wire.typedef(f"T{i}", self.emit(body))
        if kind in AGGREGATES:
            return self.aggregate(kind, f"S{i}", body, kind_flag)
        return getattr(wire, kind)(f"E{i}", *body[1], size=body[0])


def program(rnd, conflicts=True, forwards=True, duplicates=False, typedefs=True):
    """A Program of 1 to 6 units.

    Parameters
    ----------
    rnd : random.Random
    conflicts : bool
        Units may disagree about what a name means.
    forwards : bool
        Units may know a tag only by its forward declaration.
    duplicates : bool
        A unit may hold the same C type more than once, as real compilers do.
    typedefs : bool
        Declarations may be typedefs.
    """
    pool = Pool(rnd, conflicts, typedefs)
    types, stops = [], []
    for _ in range(rnd.randint(1, 6)):
        unit = Unit(rnd, pool, forwards, duplicates).types
        order = list(range(1, len(unit) + 1))
        rnd.shuffle(order)
        new_id = {old: len(types) + at + 1 for at, old in enumerate(order)} | {0: 0}
        types += [unit[old - 1].with_refs(new_id.__getitem__) for old in order]
        stops.append(len(types))
    return Program(types, stops)


class Choices:
    """The part of random.Random that `program` uses, fed from bytes: zeros, also past the end, are the plainest."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def randrange(self, stop):
        """0 .. stop - 1; `stop` is far below 256 except in a shuffle, where a slight bias is no harm."""
        n_bytes = 1 if stop <= 64 else 2
        value = int.from_bytes(self.data[self.at : self.at + n_bytes], "big")
        self.at += n_bytes
        return value % stop

    def randint(self, low, high):
        """low .. high."""
        return low + self.randrange(high - low + 1)

    def random(self):
        """Above 0 and up to 1: a zero byte gives 1, for which no rare branch is taken."""
        return 1 - self.randrange(64) / 64

    def choice(self, items):
        """One item."""
        return items[self.randrange(len(items))]

    def shuffle(self, items):
        """In place; zeros rotate the list."""
        for i in reversed(range(1, len(items))):
            j = self.randrange(i + 1)
            items[i], items[j] = items[j], items[i]


def programs(**options):
    """Strategy of Programs; `options` as for `program`."""
    return st.binary(min_size=320, max_size=320).map(lambda data: program(Choices(data), **options))
