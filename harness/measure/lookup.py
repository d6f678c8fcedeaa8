"""One function, asked for by name or address: its instances, its BTF ids under each encoding, what a tracer gets.

The ids, prototypes and addresses are read from the .btf files themselves and held against functions.csv, so each is a
witness of the other. What a tracer gets follows from both and from what the kernel does:

- fentry and fexit by BTF id: the verifier takes the FUNC's name and asks kallsyms_lookup_name for it, which gives the
  first symbol of exactly that name, or -ENOENT (bpf_check_attach_target, kernel/bpf/verifier.c, v5.5 to v6.17);
- they, and kprobe.multi, need an ftrace site (see harness.functions.ftrace);
- kprobe events by a name that several symbols have: -EADDRNOTAVAIL (b022f0c7, "tracing/kprobes: Return EADDRNOTAVAIL
  when func matches several symbols", v6.6); kprobe events on a function without an ftrace site: -EINVAL without
  CONFIG_KPROBE_EVENTS_ON_NOTRACE (within_notrace_func, kernel/trace/trace_kprobe.c).
"""

from __future__ import annotations

import difflib
import fnmatch
import re
import textwrap
from collections import Counter
from typing import NamedTuple

import numpy as np

from harness import encodings as enc
from harness.btf import wire
from harness.btf.dump import LINKAGE
from harness.errors import MeasureError
from harness.functions.listing import Strings
from harness.measure.columns import frame
from harness.measure.result import BASELINE, SHIPPED
from harness.model import Kind
from harness.model.tables import KFLAG_SHIFT, KIND_MASK, KIND_SHIFT, VLEN_MASK

INSTANCE_COLUMNS = ("name", "address", "symbol", "match", "section", "unit", "file", "line", "signature", "faults",
                    "reason", "ftrace", "symbol_addresses", "elf_addresses")
"""Columns of functions.csv that a lookup shows."""

ROW_COLUMNS = ("encoding", "name", "type_id", "prototype", "linkage", "address", "addresses")
VERDICT_COLUMNS = ("name", "way", "verdict")

ADDRESS_TAG = re.compile(r"(?:address|addr)=0x([0-9a-f]{1,16})")
"""Names of the DECL_TAGs that carry an address, see harness.encodings.decl_tag."""

AMBIGUOUS_SINCE = "1.31"
"""pahole's version since which a name with several addresses is left out (09c1e9c)."""

MAX_DEPTH = 64
"""Prototypes within prototypes, deeper than any C source; what is deeper is a cycle."""

MAX_CHAIN = 512
"""Pointers and qualifiers in a row, likewise."""

WIDTH = 80
"""Columns of the text."""


class Lookup(NamedTuple):
    """What a result folder knows about a function.

    Attributes
    ----------
    query : str
    found : {"name", "symbol", "glob", "address", "nearest"}
        What the query turned out to be; nearest: no known entry is at that address, this is the nearest below.
    distance : int
        Bytes from the entry to the address asked for, 0 but for nearest.
    kernel, policy, rules : str
        Of the folder.
    encodings : tuple of str
        Its files, as in Result.files.
    instances : DataFrame
        INSTANCE_COLUMNS: one row per function instance, by name and address; as in functions.csv.
    rows : DataFrame
        encoding, name, type_id, prototype, linkage, address, addresses: one row per FUNC of a file and address that the
        file gives for it, address being empty if it gives none; addresses: how many the id stands for (0: unknown, the
        shipped file's).
    verdicts : DataFrame
        name, way, verdict: what a tracer gets.
    """

    query: str
    found: str
    distance: int
    kernel: str
    policy: str
    rules: str
    encodings: tuple
    instances: object
    rows: object
    verdicts: object


class Func(NamedTuple):
    """One FUNC of a .btf file."""

    type_id: int
    name: str
    proto: int
    linkage: str
    addresses: list


def lookup(result, query):
    """The Lookup of a function.

    Parameters
    ----------
    result : harness.measure.result.Result
    query : str
        The exact name of a function or of its ELF symbol (such as name.isra.0), a glob of them (with * or ?), or an
        address (0x and hex digits).

    Raises
    ------
    MeasureError
        Nothing is found, or functions.csv and a .btf file disagree about what is.
    BtfFormatError
        A .btf file is malformed.

    Notes
    -----
    Some 0.1 s for a kernel, without loading the folder's files.
    """
    query = query.strip()
    table = result.functions
    found, hits, distance = _find(table, query)
    if found in ("address", "nearest"):
        names = set(table.name.array[hits])
    else:
        names = {*table.name.array[hits], *table.symbol.array[hits]} - {""}
    if found == "name":
        names.add(query)
    funcs, carries = {}, {}
    for encoding in result.files:
        known, matching, carries[encoding] = _funcs(result.btf(encoding), names, query if found == "glob" else None)
        funcs[encoding] = known
        names |= matching
    if not len(hits) and not any(funcs.values()):
        raise MeasureError(_nothing(table, query), result.folder / "functions.csv")
    of_names = table[table.name.isin(names) | table.symbol.isin(names)]
    for encoding in result.encodings:
        _check(result, encoding, of_names, names, funcs[encoding], carries[encoding])
    shown = table.iloc[hits].sort_values(["name", "address"], kind="stable")
    rows = []
    for encoding in result.files:
        rows += _rows(result, encoding, shown, of_names, funcs[encoding], found)
    instances = shown[list(INSTANCE_COLUMNS)].reset_index(drop=True)
    lookup = Lookup(query, found, distance, result.kernel, result.policy, str(result.manifest.get("rules", "")),
                    tuple(result.files), instances, frame(rows, ROW_COLUMNS), None)
    return lookup._replace(verdicts=frame(_verdicts(lookup, of_names), VERDICT_COLUMNS))


# Which instances

def _find(table, query):
    """What the query is, the rows of functions.csv that it hits, and the distance of the nearest entry."""
    if not query:
        raise MeasureError("expected the name of a function or an address, found nothing")
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", query):
        return _find_address(table, query)
    names, symbols = table.name.to_numpy(object), table.symbol.to_numpy(object)
    if "*" in query or "?" in query:
        matches = re.compile(fnmatch.translate(query)).match
        hits = [i for i, (n, s) in enumerate(zip(names, symbols, strict=True)) if matches(n) or matches(s)]
        return "glob", np.array(hits, np.int64), 0
    named = names == query
    if named.any():
        return "name", np.flatnonzero(named | (symbols == query)), 0
    hits = np.flatnonzero(symbols == query)
    return ("symbol" if len(hits) else "name"), hits, 0


def _find_address(table, query):
    asked = int(query, 16)
    if asked >> 64:
        raise MeasureError(f"expected an address of at most 64 bits, found {query}")
    entries = np.array([int(a, 16) for a in table.address.array], np.uint64)
    hits = np.flatnonzero((entries == np.uint64(asked)) & (entries != 0))
    if len(hits):
        return "address", hits, 0
    # an overridden weak function has an address, but its code is not there
    placed = (table.symbol.to_numpy(object) != "") & (entries != 0)
    below = entries[placed & (entries < np.uint64(asked))]
    if not len(below):
        lowest = f"the lowest is {int(entries[placed].min()):#x}" if placed.any() else "there are none"
        raise MeasureError(f"expected an address at or behind the entry of a function, found {query}; {lowest}")
    nearest = below.max()
    return "nearest", np.flatnonzero(placed & (entries == nearest)), asked - int(nearest)


def _nothing(table, query):
    """Why there is no hit, with the closest names."""
    bare = query.replace("*", "").replace("?", "")
    known = {*table.name.array, *table.symbol.array} - {""}
    # difflib looks at every name character by character; only those that share pieces with the query are worth that
    pieces = {bare[i : i + 2] for i in range(len(bare) - 1)} or {bare}
    score = {name: sum(p in name for p in pieces) / (len(pieces) + len(name)) for name in known}
    likely = sorted(known, key=lambda name: (-score[name], name))[:200]
    close = difflib.get_close_matches(bare, likely, n=5, cutoff=0.5)
    hint = f"; closest: {', '.join(close)}" if close else ""
    return f"expected the name of a function, found {query!r}, which no instance and no FUNC has{hint}"


# What the .btf files say

def _funcs(btf, names, glob=None):
    """FUNCs of these names or of a glob, with the addresses that the file gives them.

    Parameters
    ----------
    btf : BtfFile
    names : set of str
    glob : str, optional

    Returns
    -------
    (list of Func, set of str, bool) : by type_id; the names that the glob matches; whether any FUNC of the file has an
        address.
    """
    types, blob = btf.types, btf.strings.blob
    kinds, name_offs = types.kind(), types.name()
    ids = np.flatnonzero(kinds == Kind.FUNC)
    tags = np.flatnonzero(kinds == Kind.DECL_TAG)
    for rows in (ids, tags):
        wrong = rows[name_offs[rows] >= len(blob)]
        if len(wrong):
            _name(btf, int(wrong[0]) + 1, int(name_offs[wrong[0]]))
    flags = types.kind_flag()
    wide = bool(flags[ids].any())
    if glob is None:
        # few FUNCs have names as long as one of these
        ends = np.flatnonzero(blob == 0)
        lengths = ends[np.searchsorted(ends, name_offs[ids])] - name_offs[ids]
        ids = ids[np.isin(lengths, [len(n.encode("utf-8", "surrogateescape")) for n in names])]
    strings = Strings(blob)
    known = [n.decode("utf-8", "surrogateescape") for n in strings.list(name_offs[ids])]
    matching = set()
    if glob is not None:
        matches = re.compile(fnmatch.translate(glob)).match
        matching = {n for n in known if matches(n)}
        names = names | matching
    found = {}
    for i, name in zip(ids.tolist(), known, strict=True):
        if name in names:
            row = types.row(i + 1).tolist()
            address = [row[3] | row[4] << 32] if row[1] >> KFLAG_SHIFT else []
            found[i + 1] = Func(i + 1, name, row[2], LINKAGE.get(row[1] & VLEN_MASK, "unknown"), address)
    # tags on a function itself; 'addr' in their first bytes leaves few to look at where there are others
    component = types.words[types.start[tags + 1] + 3]
    tags = tags[(component == wire.WHOLE) & ~flags[tags]]
    head = np.minimum(name_offs[tags, None].astype(np.int64) + np.arange(4), len(blob) - 1)
    tags = tags[(blob[head] == np.frombuffer(b"addr", np.uint8)).all(axis=1)]
    targets = types.size_type()[tags]
    mine = np.isin(targets, np.array(list(found), np.uint32))
    for target, text in zip(targets[mine].tolist(), strings.list(name_offs[tags[mine]]), strict=True):
        match = ADDRESS_TAG.fullmatch(text.decode("latin-1"))
        if match:
            found[target].addresses.append(int(match[1], 16))
    return list(found.values()), matching, wide or bool(len(tags))


def _encoded(of_names, names):
    """Rows of functions.csv that are encoded under these names: (name, proto, func, address)."""
    kept = of_names[(of_names.reason == "") & of_names.name.isin(names)]
    return list(zip(kept.name, kept.proto.tolist(), kept.func.tolist(), (int(a, 16) for a in kept.address),
                    strict=True))


def _check(result, encoding, of_names, names, funcs, carries):
    """functions.csv and a file of ours say the same of these names.

    Raises
    ------
    MeasureError
    """
    listed = _encoded(of_names, names)

    def same(what, ours, theirs):
        if ours != theirs:
            odd = min(ours ^ theirs)
            words = "only functions.csv has" if odd in ours else "only the file has"
            detail = ", ".join(f"{x:#x}" if isinstance(x, int) and x > 0xFFFFFFFF else str(x) for x in odd)
            raise MeasureError(f"functions.csv and {result.files[encoding].name} disagree on {what}: {words} {detail}",
                               result.folder)

    same("name and FUNC_PROTO", {(n, p) for n, p, _, _ in listed}, {(f.name, f.proto) for f in funcs})
    if encoding == BASELINE:
        same("name and FUNC", {(n, i) for n, _, i, _ in listed}, {(f.name, f.type_id) for f in funcs})
    if carries:
        same("name, FUNC_PROTO and address", {(n, p, a) for n, p, _, a in listed if a},
             {(f.name, f.proto, a) for f in funcs for a in f.addresses})


def _identity(encoding):
    """What makes an encoding's FUNCs the same, see harness.encodings.Encoding; also of a file that is none of ours."""
    return enc.REGISTRY[encoding].identity if encoding in enc.REGISTRY else "proto"


def _rows(result, encoding, shown, of_names, funcs, found):
    """Tuples of the columns ROW_COLUMNS of one file's FUNCs, those that stand for an instance that is shown."""
    digits = int(result.manifest["kernel"].get("bits", 64)) // 4
    btf = result.btf(encoding)
    entries = {}
    for name, proto, address in zip(of_names.name, of_names.proto.tolist(), of_names.address, strict=True):
        if proto:
            entries.setdefault((name, proto), set()).add(int(address, 16))
    wanted = {}
    for name, proto, address in zip(shown.name, shown.proto.tolist(), shown.address, strict=True):
        wanted.setdefault((name, proto), set()).add(int(address, 16))
    chosen = found in ("name", "glob") or encoding == SHIPPED  # all FUNCs, not only those of some instances
    prototypes, out = {}, []
    for func in funcs:
        key = (func.name, func.proto)
        if not chosen and key not in wanted:
            continue
        if key not in prototypes:
            prototypes[key] = declaration(btf, func.type_id)
        addresses = [a for a in sorted(func.addresses) if chosen or a in wanted[key]]
        if func.addresses and not addresses:
            continue
        stands_for = len(func.addresses)
        if not stands_for and encoding != SHIPPED and _identity(encoding) == "proto":
            stands_for = len(entries.get(key, ()) - {0})
        for address in addresses or [None]:
            text = "" if address is None else f"0x{address:0{digits}x}"
            out.append((encoding, func.name, func.type_id, prototypes[key], func.linkage, text, stands_for))
    return sorted(out, key=lambda r: (r[1], r[2], r[5]))


# C declarations

SPECIFIERS = {Kind.STRUCT: "struct", Kind.UNION: "union", Kind.ENUM: "enum", Kind.ENUM64: "enum"}
QUALIFIERS = {Kind.CONST: "const", Kind.VOLATILE: "volatile", Kind.RESTRICT: "restrict"}


def declaration(btf, type_id):
    """A FUNC as a C prototype on one line, str.

    Names of base types are as the compiler gives them (long unsigned int); a type tag X is written __X, which is what
    the kernel calls the macro (include/linux/compiler_types.h), and an anonymous struct has its members left out. Like
    libbpf's btf_dump, an array without a length is [0], and qualifiers of functions are dropped.

    Parameters
    ----------
    btf : BtfFile
    type_id : int
        A FUNC; or any type, which is then declared without a name.

    Raises
    ------
    BtfFormatError
        A type_id or name_off is out of range, the types form a cycle, or one stands where it cannot.
    """
    types = btf.types
    if 0 < type_id <= types.n_types:
        row = types.row(type_id)
        if _kind(int(row[1])) == Kind.FUNC:
            return _declare(btf, int(row[2]), _name(btf, type_id, int(row[0])), 0)
    return _declare(btf, type_id, "", 0)


def _kind(info):
    return info >> KIND_SHIFT & KIND_MASK


def _fault(btf, type_id, message):
    return btf.fault(f"[{type_id}]: {message}", btf.types_start + wire.WORD_NBYTES * int(btf.types.start[type_id]))


def _name(btf, type_id, name_off):
    if name_off >= len(btf.strings.blob):
        raise _fault(btf, type_id, f"expected a name_off below {len(btf.strings.blob)}, found {name_off}")
    return btf.strings.get(name_off).decode("utf-8", "surrogateescape")


def _declare(btf, type_id, inner, depth):
    """The type around a declarator: from the name outwards, to the specifier at the left."""
    base, pending, user = type_id, [], 0
    for _ in range(MAX_CHAIN):
        if base == 0:
            return _join(_words(pending, "void"), inner)
        if base > btf.types.n_types:
            raise _fault(btf, user, f"expected a type_id of at most {btf.types.n_types}, found {base}")
        row = btf.types.row(base)
        name_off, info, target = row[:3].tolist()
        kind = _kind(info)
        user = base
        if kind in QUALIFIERS:
            pending.append(QUALIFIERS[kind])
            base = target
        elif kind == Kind.TYPE_TAG:
            tag = _name(btf, base, name_off)
            pending.append(f"__{tag}" if tag.isidentifier() else f'__attribute__((btf_type_tag("{tag}")))')
            base = target
        elif kind == Kind.PTR:
            inner = "*" + _join(" ".join(_ordered(pending)), inner)
            pending, base = [], target
            if _is_suffixed(btf, target):
                inner = f"({inner})"
        elif kind == Kind.ARRAY:
            # qualifiers of an array are its elements'
            inner += f"[{int(row[5])}]"
            base = int(row[3])
        elif kind == Kind.FUNC_PROTO:
            if depth >= MAX_DEPTH:
                raise _fault(btf, base, f"expected prototypes at most {MAX_DEPTH} deep")
            params = row[3:].tolist()
            params = list(zip(params[::2], params[1::2], strict=True))
            if not params or params == [(0, 0)]:
                inner += "(void)"
            else:
                texts = ["..." if p == (0, 0) and i == len(params) - 1
                         else _declare(btf, p[1], _name(btf, base, p[0]), depth + 1) for i, p in enumerate(params)]
                inner += f"({', '.join(texts)})"
            pending, base = [], target
        else:
            return _join(_words(pending, _specifier(btf, base, kind, name_off, info)), inner)
    raise _fault(btf, type_id, f"expected an end after {MAX_CHAIN} pointers and qualifiers, found none")


def _join(left, right):
    return f"{left} {right}" if left and right else left or right


def _ordered(pending):
    """Qualifiers and tags, each once, in the order of QUALIFIERS whatever the compiler's."""
    words = dict.fromkeys(reversed(pending))
    return [q for q in QUALIFIERS.values() if q in words] + [w for w in words if w[0] == "_"]


def _words(pending, specifier):
    """Qualifiers before the specifier, type tags behind it, as kernel sources write them."""
    words = _ordered(pending)
    return " ".join([*(w for w in words if w[0] != "_"), specifier, *(w for w in words if w[0] == "_")])


def _is_suffixed(btf, type_id):
    """Whether a declarator of this type ends in [] or (), so that a pointer to it needs parentheses."""
    for _ in range(MAX_CHAIN):
        if not 0 < type_id <= btf.types.n_types:
            return False
        row = btf.types.row(type_id)
        kind = _kind(int(row[1]))
        if kind not in QUALIFIERS and kind != Kind.TYPE_TAG:
            return kind in (Kind.ARRAY, Kind.FUNC_PROTO)
        type_id = int(row[2])
    return False


def _specifier(btf, type_id, kind, name_off, info):
    name = _name(btf, type_id, name_off)
    if kind in (Kind.INT, Kind.FLOAT, Kind.TYPEDEF):
        return name
    if kind == Kind.FWD:
        return f"{'union' if info >> KFLAG_SHIFT else 'struct'} {name}"
    if kind in SPECIFIERS:
        return f"{SPECIFIERS[kind]} {name or '{...}'}"
    words = Kind(kind).name if kind < len(Kind) else f"kind {kind}"
    raise _fault(btf, type_id, f"expected a type that a declaration can have, found {words}")


# What a tracer gets

def _by(frame, *columns):
    """Rows of a frame as named tuples, grouped by columns in the order of the rows, dict of list."""
    groups = {}
    for row in frame.itertuples(index=False):
        key = tuple(getattr(row, c) for c in columns)
        groups.setdefault(key if len(key) > 1 else key[0], []).append(row)
    return groups


def _verdicts(lookup, of_names):
    """(name, way, verdict) of each name, the kernel's ways first and then each file's."""
    shown, ids = _by(lookup.instances, "name"), _by(lookup.rows, "name", "encoding")
    symbols = {}
    for symbol, address, total in zip(of_names.symbol, of_names.address, of_names.symbol_addresses.tolist(),
                                      strict=True):
        if symbol:
            known = symbols.setdefault(symbol, (set(), total))
            known[0].add(address)
    for name in sorted({*shown, *(n for n, _ in ids)}):
        mine = shown.get(name, [])
        yield from ((name, *v) for v in _kernel_verdicts(lookup, name, mine, symbols))
        for encoding in lookup.encodings:
            verdict = _file_verdict(mine, symbols.get(name), ids.get((name, encoding)), encoding)
            yield name, f"fentry, {encoding}", verdict


def _count(n, noun):
    return f"{n} {noun}" if n == 1 else f"{n} {noun}es" if noun.endswith("s") else f"{n} {noun}s"


def _which(n, total):
    """n of total instances in words, as the subject of a sentence."""
    if total == 1:
        return "the instance"
    if n == total == 2:
        return "both instances"
    return f"all {total} instances" if n == total else f"{n} of {total} instances"


def _kernel_verdicts(lookup, name, shown, symbols):
    """(way, verdict): what does not depend on the encoding."""
    if not shown:
        yield "instances", "DWARF has no code of this name; only the FUNC is known"
        return
    total = len(shown)
    left_out = Counter(row.reason for row in shown if row.reason)
    n_out = left_out.total()
    several = max(row.elf_addresses for row in shown)
    words = f"policy {lookup.policy}"
    if lookup.policy != "all" and lookup.rules:
        words += f" with the rules of pahole {lookup.rules}"
    if n_out:
        reasons = "; ".join(f"{n} x {r}" if total > 1 else r for r, n in sorted(left_out.items()))
        yield "pahole", f"{words} leaves out {_which(n_out, total)}: {reasons}"
    else:
        yield "pahole", f"{words} keeps {_which(total, total)}"
    if several > 1 and not (lookup.policy == "current" and n_out):
        yield "pahole", (f"pahole since {AMBIGUOUS_SINCE} leaves the name out: its symbols, suffixes set aside, have "
                         f"{several} addresses")
    for symbol in dict.fromkeys([name, *sorted({row.symbol for row in shown} - {"", name})]):
        if symbol not in symbols:
            yield "kprobe", f"{symbol}: no function known here has a symbol of exactly this name (-ENOENT)"
        elif symbols[symbol][1] > 1:
            yield "kprobe", (f"{symbol}: {symbols[symbol][1]} addresses, so -EADDRNOTAVAIL since v6.6 "
                             "(b022f0c7, also in stable trees); before, the first that kallsyms lists")
        else:
            yield "kprobe", f"{symbol}: its one address, {min(symbols[symbol][0])}"
    deaf = sum(row.ftrace == "0" for row in shown)
    if deaf:
        verb = "has" if deaf == 1 else "have"
        yield "ftrace", (f"{_which(deaf, total)} {verb} no ftrace site (notrace, as every 'inline' of the kernel is, "
                         "or assembler): fentry and kprobe.multi cannot attach there whatever BTF says, kprobe events "
                         "only with CONFIG_KPROBE_EVENTS_ON_NOTRACE")
    unknown = sum(row.ftrace == "" for row in shown)
    if unknown:
        yield "ftrace", f"{_which(unknown, total)}: not known whether there is an ftrace site"
    faults = [row.faults for row in shown if row.faults]
    if faults:
        words = ", ".join(sorted({word for text in faults for word in text.split("+")}))
        yield "arguments", f"{_which(len(faults), total)}: arguments may not be where a prototype says ({words})"
    gone = [row.section for row in shown if row.section.startswith((".init", ".exit"))]
    if gone:
        yield "section", f"{_which(len(gone), total)} in {', '.join(sorted(set(gone)))}: gone after boot"


def _file_verdict(shown, exact, rows, encoding):
    """What fentry by BTF id gets from one file.

    Parameters
    ----------
    shown, rows : list of named tuples
        Of Lookup.instances and Lookup.rows, the latter None if the file has no FUNC of this name.
    exact : (set of str, int) or None
        Known addresses of the symbol of exactly this name, and how many it has.
    """
    if rows is None:
        return "no FUNC, so no id to attach by"
    ids = list(dict.fromkeys(row.type_id for row in rows))
    given = list(dict.fromkeys(row.address for row in rows if row.address))
    how_many = "one id" if len(ids) == 1 else f"{len(ids)} ids"
    at = None
    if exact is None:
        resolved = ("the kernel finds no symbol of exactly this name (-ENOENT)" if shown else
                    "its symbol is not known here")
    elif exact[1] == 1:
        at = min(exact[0])
        resolved = f"the kernel looks the name up and finds its one symbol, {at}"
    else:
        resolved = (f"the kernel looks the name up and takes the first of {exact[1]} that kallsyms lists; "
                    "the id cannot say another")
    site = {row.address: row.ftrace for row in shown}
    if not given:
        text = f"{how_many} without address; {resolved}"
        if len(ids) > 1 and exact is not None:
            text += "; it is the same for every id, so all prototypes but one are wrong there"
        others = len(set(site) - {at})
        if at is not None and site.get(at) == "0":
            text += ", where fentry cannot attach"
        elif at is not None and others:
            text += f", never the other {_count(others, 'address')} shown"
        return text
    sites = [site.get(address, "") for address in given]
    traceable = ""
    if len(sites) == 1 and sites[0]:
        traceable = "; there is an ftrace site" if sites[0] == "1" else "; there is no ftrace site"
    elif any(sites):
        traceable = f"; ftrace site at {sites.count('1')} of {_count(len(sites), 'address')}"
    if _identity(encoding) == "address":
        own = "each with its own address" if len(ids) > 1 else "with its address"
        comma = "," if len(ids) > 1 else ""
        return f"{how_many}{comma} {own}: a kernel that reads them gets exactly that one{traceable}"
    stand_for = {row.type_id: row.addresses for row in rows}
    total, n_tags = sum(stand_for.values()), sum(row.address != "" for row in rows)
    tags = _count(n_tags, "address") if n_tags == total else f"{n_tags} of {_count(total, 'address')}"
    if total == 1:
        tagged = "a consumer that reads tags knows the address"
    elif max(stand_for.values()) == 1:
        tagged = "a consumer that reads tags knows the one address of each id"
    else:
        tagged = "a consumer that reads tags knows every address, yet cannot say one by id"
    where = "in a tag" if n_tags == 1 else "in tags"
    return f"{how_many} for {tags}, {where}: by the id alone {resolved}; {tagged}{traceable}"


# Text

def to_text(lookup):
    """A Lookup as ASCII text of at most 80 columns, str; paths that do not fit lose their beginning to '...'."""
    title = f"{lookup.query} in {lookup.kernel}, policy {lookup.policy}"
    title += f", rules of pahole {lookup.rules}" if lookup.rules else ""
    lines = [*_wrap(title, ""), "=" * min(WIDTH, len(title))]
    if lookup.found == "nearest":
        lines += _wrap("No known function begins at this address. Shown is the nearest entry below, "
                       f"{lookup.distance} ({lookup.distance:#x}) bytes before; where that function ends is not known "
                       "here.", "")
    elif lookup.found == "symbol":
        lines += _wrap("This is an ELF symbol; BTF has the function under its name without the suffix.", "")
    instances, ids = _by(lookup.instances, "name"), _by(lookup.rows, "name")
    for name, verdicts in _by(lookup.verdicts, "name").items():
        lines += ["", name, "-" * min(WIDTH, len(name))]
        if name in instances:
            lines += ["", *_instances_text(instances[name])]
        lines += ["", "BTF ids", *_ids_text(ids.get(name, []), lookup.encodings)]
        lines += ["", "What a tracer gets", *_verdicts_text(verdicts)]
    return "\n".join(lines).encode("ascii", "backslashreplace").decode("ascii") + "\n"


def _wrap(text, indent, hang=None):
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent if hang is None else hang,
                         break_on_hyphens=False)


def _shorten(path, room):
    return path if len(path) <= room else "..." + path[len(path) - room + 3 :]


def _instances_text(rows):
    """Instances, those alike in everything but address and unit under one heading."""
    groups = {}
    for row in rows:
        own = row.file == row.unit or not row.file
        key = (row.symbol, row.match, row.section, row.ftrace, row.signature, row.faults, row.reason,
               "" if own else f"{row.file}:{row.line}")
        place = f"{row.unit}:{row.line}" if own and row.line else row.unit
        groups.setdefault(key, []).append((row.address, place))
    sites = {"0": "no ftrace site", "1": "ftrace site", "": "ftrace unknown"}
    lines = [", ".join((_count(len(rows), "instance"), _count(len({row.address for row in rows}), "address"),
                        _count(len({row.signature for row in rows}), "signature")))]
    for (symbol, match, section, ftrace, signature, faults, reason, where), members in groups.items():
        head = f"{symbol or 'no symbol'} ({match}), {_count(len({m[0] for m in members}), 'address')}"
        if len({m[0] for m in members}) != len(members):
            head += f", {_count(len(members), 'instance')}"
        facts = [section or "no section", sites.get(ftrace, ftrace), f"signature {signature}"]
        facts += [f"parameters {faults}"] if faults else []
        facts += [f"left out: {reason}"] if reason else []
        facts += [_shorten(where, WIDTH - 4)] if where else []
        lines += _wrap(head, "  ", "    ") + _wrap("; ".join(facts), "    ")
        lines += [f"      {address}  " + _shorten(place, WIDTH - 8 - len(address)) for address, place in members]
    return lines


def _ids_text(rows, encodings):
    """The ids of each file, one prototype at a time; every address."""
    by_file = {}
    for row in rows:
        ids = by_file.setdefault(row.encoding, {}).setdefault(row.prototype, {})
        ids.setdefault(row.type_id, []).append(row)
    width = max(map(len, encodings)) + 2
    lines = []
    for encoding in encodings:
        label, indent = f"  {encoding:<{width}}", " " * (width + 4)
        if encoding not in by_file:
            lines.append(label + "no FUNC")
            continue
        for prototype, ids in by_file[encoding].items():
            lines += _wrap(prototype, label, indent + "  ")
            label = " " * (width + 2)
            singles = []
            for type_id, tagged in ids.items():
                addresses = [row.address for row in tagged if row.address]
                linkage, stands_for = tagged[0].linkage, tagged[0].addresses
                if len(addresses) == stands_for == 1:
                    singles.append((f"[{type_id}] {addresses[0]}", linkage))
                    continue
                known = "no address in the file"
                if addresses:
                    known = _count(stands_for, "address")
                    known = f"{len(addresses)} of {known}" if len(addresses) < stands_for else known
                elif stands_for > 1:
                    known += f"; stands for {_count(stands_for, 'address')}"
                lines.append(f"{indent}[{type_id}] {linkage}, {known}")
                lines += _grid(addresses, indent + "  ")
            if len(singles) > 1:
                linkages = ", ".join(dict.fromkeys(linkage for _, linkage in singles))
                lines.append(f"{indent}{len(singles)} ids, {linkages}, each with its address")
                lines += _grid([text for text, _ in singles], indent + "  ")
            elif singles:
                lines.append(indent + ", ".join(singles[0]))
    return lines


def _grid(cells, indent):
    """Cells side by side, in rows, as many as fit."""
    if not cells:
        return []
    width = max(map(len, cells)) + 2
    n = max(1, (WIDTH - len(indent) + 2) // width)
    return [(indent + "".join(f"{c:<{width}}" for c in cells[i : i + n])).rstrip() for i in range(0, len(cells), n)]


def _verdicts_text(rows):
    width = max(len(row.way) for row in rows) + 2
    lines = []
    for row in rows:
        lines += _wrap(row.verdict, f"  {row.way:<{width}}", " " * (width + 2))
    return lines
