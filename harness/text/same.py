"""A comparison of two .btf files as text: one line, and where they differ, what differs and in what."""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest

from harness.btf import declaration
from harness.btf.declare import name_at
from harness.btf.dump import INT_ENCODING, LINKAGE, enumerators
from harness.btf.same import Cause, Verdict
from harness.btf.wire import WHOLE
from harness.errors import BtfFormatError
from harness.model import Kind, declared_kind, split_info
from harness.model import words as wd
from harness.model.layout import int_parts, member_place
from harness.text.plain import aligned, ascii_text

SHOWN = 20
"""Rows of each list by default."""

MAX_NESTED = 32
"""How deep to look into anonymous structs and unions within each other."""

MAX_MEMBERS = 1 << 18
"""Members of those that are looked at in all: a union may have another twice, which has a third twice, and so on."""

SHOWN_FIELDS = 6
"""Lines about what differs between two types of one kind and name."""

ANONYMOUS = "(anon)"


def one_line(same):
    """What came of a comparison, on one line, str."""
    n_a, n_b = (file.types.n_types for file in (same.a, same.b))
    if same.verdict is Verdict.UNDECIDED:
        return (f"not known to be the same BTF: {_types(n_a)}, equal one by one, but no renumbering was found among "
                "those that occur several times")
    if same.verdict is Verdict.SAME:
        return f"the same BTF: {_types(n_a)}; {_bytes(same)}"
    only = [len(side.type_id) for side in (same.only_a, same.only_b)]
    if not any(only):
        return (f"not the same BTF: {_types(n_a)}, equal one by one, but those that occur several times are referred "
                "to in another way")
    return f"not the same BTF: {_types(only[0])} only in A, {only[1]:,} only in B"


def _types(n):
    return f"{n:,} type{'s' * (n != 1)}"


def _bytes(same):
    if same.same_bytes:
        return "also the same bytes"
    said = ", ".join(same.changes)
    if same.same_bytes is None:
        return said or "types and strings in the same order"
    return f"not the same bytes{': ' + said if said else ''}"


def to_text(same, paths, shown=SHOWN, everything=False):
    """The comparison as plain text: ASCII, a line that says what came of it, and where the files differ all of it.

    Types that differ themselves come first, those of one kind and name in both files with what differs; then those that
    only one file has. What differs only in the types that it refers to is counted.

    Parameters
    ----------
    same : Same
    paths : (str, str)
        The names of the files.
    shown : int
        Rows of each list.
    everything : bool
        Also list what would be counted, and all rows.
    """
    out = [one_line(same)]
    if same.header:
        out.append(f"headers: {'; '.join(same.header)}")
    if not same.is_same:
        out += ["", *(f"{name}  {ascii_text(str(path))}: {_types(file.types.n_types)}"
                      for name, path, file in zip("AB", paths, (same.a, same.b), strict=True))]
    if same.verdict is Verdict.DIFFERENT and len(same.only_a.type_id) + len(same.only_b.type_id):
        rows = [(kind, *counts) for kind, counts in same.kinds().items()]
        rows.append(("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])))
        out += ["", *aligned(("kind", "in A", "in B", "only in A", "only in B"), rows).splitlines()]
        out += _Lists(same, None if everything else shown).lines(everything)
    return "\n".join(out) + "\n"


class _Lists:
    """Lists of what differs; `shown` rows of each, all if None."""

    def __init__(self, same, shown):
        self.files, self.shown = (same.a, same.b), shown
        self.only = same.only_a, same.only_b
        self._c, self._left = {}, MAX_MEMBERS

    def ids(self, cause):
        """type_ids with a cause by file, (list, list)."""
        return tuple(only.type_id[only.cause == cause].tolist() for only in self.only)

    def lines(self, everything):
        yield from self.section("Types that differ themselves", self.ids(Cause.ITSELF))
        for cause, title, what in (
                (Cause.PART, "Types without a name that belong to those", "types without a name that belong to those"),
                (Cause.REFERENCE, "Types that differ only in what they refer to",
                 "types that differ only in what they refer to")):
            ids = self.ids(cause)
            if any(ids) and everything:
                yield from self.section(title, ids)
            elif any(ids):
                counts = [Counter(self.kind(n, i).name for i in ids[n]) for n in (0, 1)]
                kinds = sorted(counts[0] | counts[1], key=lambda kind: Kind[kind])
                yield ""
                yield f"Not listed: {what} ({len(ids[0]):,} in A, {len(ids[1]):,} in B; --all lists them)"
                yield from aligned(("kind", "only in A", "only in B"),
                                   [(kind, counts[0][kind], counts[1][kind]) for kind in kinds]).splitlines()

    def section(self, title, ids):
        """A list of pairs of one kind and name, and one of the others of each file."""
        pairs, alone = self.paired(ids)
        counts = f"{len(pairs):,} in both, {len(alone[0]):,} only in A, {len(alone[1]):,} only in B"
        yield ""
        yield f"{title} ({counts})"
        shown = sorted(pairs, key=lambda pair: (self.size(pair), *self.order(0, pair[0])))[: self.shown]
        for a, b in shown:
            yield f"differ  {self.label(0, a)}"
            yield from (f"        {line}" for line in self.differences(a, b))
        yield from self.more(len(pairs), len(shown))
        for n, name in enumerate("AB"):
            rows = sorted(alone[n], key=lambda i: self.order(n, i))[: self.shown]
            for i in rows:
                yield f"only {name}  {self.label(n, i, True)}"
            yield from self.more(len(alone[n]), len(rows))

    @staticmethod
    def more(n, shown):
        if n > shown:
            yield f"        and {n - shown:,} more"

    def paired(self, ids):
        """Types of one kind and name as pairs, in their order; and those left over in each file."""
        groups = {}
        for n in (0, 1):
            for i in ids[n]:
                groups.setdefault(self.key(n, i), ([], []))[n].append(i)
        pairs, alone = [], ([], [])
        for key, sides in groups.items():
            for a, b in zip_longest(*sides):
                if a is None or b is None or not key[1]:
                    alone[0].extend([] if a is None else [a])
                    alone[1].extend([] if b is None else [b])
                else:
                    pairs.append((a, b))
        return pairs, alone

    def key(self, n, i):
        """What types of both files have in common that are shown as one: kind and name, of a DECL_TAG its target."""
        kind = self.kind(n, i)
        return kind, self.name(n, i), self.target(n, i) if kind is Kind.DECL_TAG else ""

    def order(self, n, i):
        name = self.name(n, i)
        return not name, int(self.kind(n, i)), name, self.target(n, i), i

    def row(self, n, i):
        return self.files[n].types.row(i)

    def kind(self, n, i):
        return split_info(self.row(n, i)[wd.INFO])[0]

    def name(self, n, i):
        return name_at(self.files[n], i, int(self.row(n, i)[wd.NAME]))

    def target(self, n, i):
        """Of a DECL_TAG, what it is on; else ''."""
        if self.kind(n, i) is not Kind.DECL_TAG:
            return ""
        on = int(self.row(n, i)[wd.SIZE_TYPE])
        return f"{self.kind(n, on).name} {self.name(n, on)}" if on else "void"

    def label(self, n, i, long=False):
        """A type by kind and name; if `long`, with what else helps to know it."""
        kind, name = self.kind(n, i), ascii_text(self.name(n, i))
        text = f"{kind.name} {name or ANONYMOUS}"
        if kind is Kind.DECL_TAG:
            return f"{text} on {ascii_text(self.target(n, i))}"
        if not long:
            return text
        if kind in (Kind.FUNC, Kind.VAR, Kind.TYPEDEF) or not name:
            detail = self.declared(n, i)
            return f"{text}: {detail}" if detail else text
        return text

    def declared(self, n, i):
        """A type in C, as far as it has such a form; of others what is in it."""
        kind, row = self.kind(n, i), self.row(n, i)
        if kind in (Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.DATASEC):
            names = [name_at(self.files[n], i, int(e[wd.ENTRY_NAME])) or ANONYMOUS for e in
                     wd.entries_of(kind, self.plain(n, i))[:4]] if kind is not Kind.DATASEC else []
            vlen = split_info(row[wd.INFO])[1]
            return ascii_text(f"{{{', '.join(names)}{', ...' * (vlen > len(names))}}}") if names else ""
        return self.c(n, int(row[wd.SIZE_TYPE]) if kind in (Kind.VAR, Kind.TYPEDEF) else i)

    def c(self, n, i):
        """A type as a C declaration, or its type_id where it has none."""
        if (n, i) not in self._c:
            try:
                self._c[n, i] = ascii_text(declaration(self.files[n], i))
            except BtfFormatError:  # not one of C, or a cycle
                self._c[n, i] = f"[{i}]"
        return self._c[n, i]

    def plain(self, n, i):
        """The words of a row without trailing ones."""
        row = self.row(n, i)
        kind, _, kind_flag = split_info(row[wd.INFO])
        n_words = self.files[n].layout[kind].trailing_words if kind_flag else 0
        return row[: len(row) - n_words]

    def size(self, pair):
        """How many fields of a pair differ; of FUNCs, of which there may be many, it is the prototype."""
        return 1 if self.kind(0, pair[0]) is Kind.FUNC else len(self.changed(*pair))

    def differences(self, a, b):
        """Lines about what differs between two types of one kind and name."""
        found = self.changed(a, b)
        if self.kind(0, a) is Kind.FUNC and found[0].startswith("type: "):
            yield f"A {self.c(0, a)}"
            yield f"B {self.c(1, b)}"
            found = found[1:]
        yield from found[:SHOWN_FIELDS]
        if len(found) > SHOWN_FIELDS:
            yield f"and {len(found) - SHOWN_FIELDS:,} more"

    def changed(self, a, b):
        """The fields in which two types differ, list of str."""
        ours, theirs = self.fields(0, a), self.fields(1, b)
        found = []
        for key in dict.fromkeys([*ours, *theirs]):
            field = key[0] + f" #{key[1]}" * (key[1] > 1)
            if key not in ours or key not in theirs:
                name, fields = ("A", ours) if key in ours else ("B", theirs)
                found.append(f"only in {name}: {field} {fields[key]}")
            elif ours[key] != theirs[key]:
                found.append(f"{field}: {ours[key]} | {theirs[key]}")
        if not found and list(ours) != list(theirs):
            found.append("the order of what is in it")
        return found or [f"what differs looks the same in C: [{a}] | [{b}]"]

    def members(self, n, i, before="", depth=0):
        """Name and type of each member of a struct or union, and of those without a name in it, str each; names begin
        with `before`."""
        kind, _, kind_flag = split_info(self.row(n, i)[wd.INFO])
        for name_off, type_id, word in wd.entries_of(kind, self.plain(n, i)).tolist():
            name = before + (name_at(self.files[n], i, name_off) or ANONYMOUS)
            offset, width = member_place(word, kind_flag)
            yield name, f"{self.c(n, type_id)} at bit {offset}" + f", {width} bits" * bool(width)
            self._left -= depth > 0
            if (type_id and self.kind(n, type_id) in (Kind.STRUCT, Kind.UNION) and not self.name(n, type_id)
                    and self._left > 0 and depth < MAX_NESTED):
                yield from self.members(n, type_id, f"{name}.", depth + 1)

    def fields(self, n, i):
        """What a row says, dict of str by field: (name of a field or entry, how many of that name there are so far)."""
        file, row = self.files[n], self.plain(n, i)
        kind, vlen, kind_flag = split_info(row[wd.INFO])
        own, third = file.layout[kind], int(row[wd.SIZE_TYPE])
        out, seen = {}, Counter()

        def add(key, text):
            key = ascii_text(key)
            seen[key] += 1
            out[key, seen[key]] = text

        if own.third_is_type and kind is not Kind.DECL_TAG:
            add("type", self.c(n, i if kind is Kind.FUNC_PROTO else third))
        elif own.third == "size" and (third or kind not in (Kind.ARRAY, Kind.FWD)):
            add("size", f"{third}")
        if kind_flag and kind is not Kind.FWD:
            add("kind_flag", "1")
        if vlen and not own.entries and kind is not Kind.FUNC:
            add("vlen", f"{vlen}")
        match kind:
            case Kind.INT:
                encoding, offset, bits = int_parts(int(row[wd.INT_DATA]))
                add("encoding", INT_ENCODING.get(encoding, f"{encoding:#x}"))
                add("bits", f"{bits} at bit {offset}")
            case Kind.ARRAY:
                add("elements", self.c(n, int(row[wd.ARRAY_TYPE])))
                add("index", self.c(n, int(row[wd.ARRAY_INDEX_TYPE])))
                add("nelems", f"{row[wd.ARRAY_NELEMS]}")
            case Kind.STRUCT | Kind.UNION:
                for name, text in self.members(n, i):
                    add(f"member {name}", text)
            case Kind.ENUM | Kind.ENUM64:
                for entry, value in enumerators(row.tolist(), kind, vlen, kind_flag, 0):
                    add(f"enumerator {name_at(file, i, int(row[entry]))}", f"{value}")
            case Kind.FWD:
                add("declares", declared_kind(row[wd.INFO]).name.lower())
            case Kind.DATASEC:
                for variable, offset, size in wd.entries_of(kind, row).tolist():
                    add(f"variable {self.name(n, variable) if variable else 'void'}", f"at {offset}, size {size}")
            case Kind.LOCSEC:
                for func, _, offset in wd.entries_of(kind, row).tolist():
                    add(f"location {self.name(n, func) if func else 'void'}", f"at {offset:#x}")
            case Kind.FUNC_ADDR:
                add("addr", f"{int(row[wd.FUNC_ADDR_LO]) | int(row[wd.FUNC_ADDR_HI]) << 32:#x}")
            case Kind.DECL_TAG:
                component = int(row[wd.COMPONENT_IDX])
                add("on", ascii_text(self.target(n, i)))
                add("component_idx", f"{component if component != WHOLE else -1}")
            case Kind.VAR:
                add("linkage", LINKAGE.get(int(row[wd.VAR_LINKAGE]), f"{row[wd.VAR_LINKAGE]}"))
            case Kind.FUNC:
                add("linkage", LINKAGE.get(vlen, f"{vlen}"))
        trailing = self.row(n, i)[len(row) :]
        if len(trailing):
            add(own.trailing.field, f"{sum(word << 32 * k for k, word in enumerate(trailing.tolist())):#x}")
        return out
