"""One function, asked for by name or address: its instances, and its BTF ids under each encoding.

The ids, prototypes and addresses are read from the .btf files themselves and compared with functions.csv, so each is a
witness of the other.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from harness.btf.declare import declaration, name_at
from harness.btf.dump import LINKAGE
from harness.errors import MeasureError
from harness.measure.columns import frame
from harness.measure.functions import added_functions
from harness.measure.result import BASELINE, SHIPPED
from harness.model import NOWHERE, Kind, TypeTable
from harness.model import words as wd
from harness.model.layout import VLEN_MASK
from harness.model.strings import Strings
from harness.results import INSTANCES
from harness.results.columns import PLACE

INSTANCE_COLUMNS = ("name", "address", "symbol", "match", "section", "shndx", "unit", "file", "line", "signature",
                    "faults", "reason", "ftrace", "symbol_addresses", "elf_addresses")
"""Columns of functions.csv that a lookup shows."""

ROW_COLUMNS = ("encoding", "name", "type_id", "prototype", "linkage", "given", "address", "addresses")
SYMBOL_COLUMNS = ("symbol", "shndx", "address", "symbol_addresses")

class Lookup(NamedTuple):
    """What a result folder knows about a function.

    Attributes
    ----------
    query : str
    found : {"name", "symbol", "glob", "address", "nearest"}
        What the query turned out to be; nearest: no known entry is at that address, this is the nearest below it.
    distance : int
        Bytes from the entry to the address asked for, 0 unless `found` is nearest.
    kernel, policy, rules : str
        Of the folder.
    bits : int
        Size of the machine's addresses.
    encodings : tuple of str
        Its files, as in Result.files.
    instances : DataFrame
        INSTANCE_COLUMNS: one row per function instance, by name and place.
    rows : DataFrame
        ROW_COLUMNS: one row per FUNC of a file and address that the file gives for it, or one of an address that is not
        `given`; addresses: how many the id stands for (0: unknown, as in the shipped file).
    symbols : DataFrame
        SYMBOL_COLUMNS: symbols of all instances whose name or symbol is among those found, and where they are.
    added : dict of str to str
        By name of a function that the kernel's step adds: that of the function whose code it is.
    """

    query: str
    found: str
    distance: int
    kernel: str
    policy: str
    rules: str
    bits: int
    encodings: tuple
    instances: object
    rows: object
    symbols: object
    added: dict


class Func(NamedTuple):
    """One FUNC of a .btf file."""

    type_id: int
    name: str
    proto_id: int
    linkage: str
    addresses: list


def lookup(result, query):
    """The Lookup of a function.

    Parameters
    ----------
    result : harness.measure.result.Result
    query : str
        The exact name of a function or of its ELF symbol (such as name.isra.0), a pattern for them (with * or ?), or an
        address (0x and hex digits).

    Raises
    ------
    MeasureError
        Nothing is found, or functions.csv and a .btf file disagree about what is found.
    BtfFormatError
        A .btf file is malformed.

    Notes
    -----
    About 0.1 s for a kernel, not counting the time to load the folder's files.
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
        known, matching, carries[encoding] = _funcs(result.btf(encoding), result.addresses(encoding), names,
                                                    query if found == "glob" else None)
        funcs[encoding] = known
        names |= matching
    if not len(hits) and not any(funcs.values()):
        raise MeasureError(_nothing(result, query), result.of.instances_path)
    of_names = table[table.name.isin(names) | table.symbol.isin(names)]
    for encoding in result.encodings:
        _check(result, encoding, of_names, names, funcs[encoding], carries[encoding])
    shown = table.iloc[hits].sort_values(["name", *PLACE], kind="stable")
    rows = []
    for encoding in result.files:
        rows += _rows(result, encoding, shown, of_names, funcs[encoding], found)
    instances = shown[list(INSTANCE_COLUMNS)].reset_index(drop=True)
    symbols = of_names.loc[of_names.symbol != "", list(SYMBOL_COLUMNS)].reset_index(drop=True)
    return Lookup(query, found, distance, result.kernel, result.policy, str(result.manifest.get("rules", "")),
                  result.bits, tuple(result.files), instances, frame(rows, ROW_COLUMNS), symbols, _owners(result))


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
    entries = table.address.to_numpy()
    somewhere = (table.shndx != NOWHERE).to_numpy()
    hits = np.flatnonzero((entries == np.uint64(asked)) & somewhere)
    if len(hits):
        return "address", hits, 0
    # an overridden weak function has an address, but its code is not there
    placed = table.symbol.to_numpy(object) != ""
    below = entries[placed & (entries < np.uint64(asked))]
    if not len(below):
        lowest = f"the lowest is {int(entries[placed].min()):#x}" if placed.any() else "there are none"
        raise MeasureError(f"expected an address at or after the entry of a function, found {query}; {lowest}")
    nearest = below.max()
    return "nearest", np.flatnonzero(placed & (entries == nearest)), asked - int(nearest)


def _nothing(result, query):
    """Why there is no hit, with the closest names."""
    table, without = result.functions, result.inlined[result.inlined.name == query]
    if len(without):
        row = without.iloc[0]
        return (f"expected a function with code, found {query!r}, which is inlined everywhere: no DIE of "
                f"{row.dies:,} in {row.units:,} unit{'s' * bool(row.units != 1)} has code, and no FUNC its name")
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

def _funcs(btf, addresses, names, glob=None):
    """FUNCs of these names or of a glob, with the addresses that the file gives them.

    Parameters
    ----------
    btf : BtfFile
    addresses : harness.encodings.Addresses
        What it gives them.
    names : set of str
    glob : str, optional

    Returns
    -------
    (list of Func, set of str, bool) : by type_id; the names that the glob matches; whether any FUNC of the file has an
        address.
    """
    types, blob = btf.types, btf.strings.flattened().blob
    name_off, ids = types.by_id(TypeTable.name_off), types.func_ids()
    for named in (ids, types.ids_of(Kind.DECL_TAG)):
        wrong = named[name_off[named] >= len(blob)]
        if len(wrong):
            name_at(btf, int(wrong[0]), int(name_off[wrong[0]]))
    if glob is None:
        # few FUNCs have names as long as one of these
        ends = np.flatnonzero(blob == 0)
        lengths = ends[np.searchsorted(ends, name_off[ids])] - name_off[ids]
        ids = ids[np.isin(lengths, [len(n.encode("utf-8", "surrogateescape")) for n in names])]
    known = [n.decode("utf-8", "surrogateescape") for n in Strings(blob).list(name_off[ids])]
    matching = set()
    if glob is not None:
        matches = re.compile(fnmatch.translate(glob)).match
        matching = {n for n in known if matches(n)}
        names = names | matching
    func_id, address = addresses
    found = []
    for type_id, name in zip(ids.tolist(), known, strict=True):
        if name in names:
            row = types.row(type_id).tolist()
            mine = slice(*np.searchsorted(func_id, [type_id, type_id + 1]))
            found.append(Func(type_id, name, row[wd.SIZE_TYPE], LINKAGE.get(row[wd.INFO] & VLEN_MASK, "unknown"),
                              address[mine].tolist()))
    return found, matching, bool(len(func_id))


def _encoded(of_names, names):
    """Rows of functions.csv that are encoded under these names: (name, proto, func, address or None)."""
    kept = of_names[(of_names.reason == "") & of_names.name.isin(names)]
    return list(zip(kept.name, kept.proto.tolist(), kept.func.tolist(),
                    (a if x != NOWHERE else None for a, x in zip(kept.address.tolist(), kept.shndx, strict=True)),
                    strict=True))


def _added(result, names):
    """The functions of these names that the kernel's step adds, as `_encoded` has its rows."""
    if not len(result.added):
        return []
    added, row = added_functions(result)
    instances = result.of.instances
    return [(name, proto, func, address if shndx != NOWHERE else None) for name, proto, func, address, shndx in
            zip(added.name, added.proto.tolist(), added.func.tolist(), instances.address.to_numpy()[row].tolist(),
                instances.shndx.to_numpy()[row].tolist(), strict=True) if name in names]


def _owners(result):
    """By name of a function that the kernel's step adds, the name of the one whose code it is: dict."""
    if not len(result.added):
        return {}
    added, row = added_functions(result)
    return dict(zip(added.name, result.of.instances.name.to_numpy(object)[row].tolist(), strict=True))


def _check(result, encoding, of_names, names, funcs, carries):
    """Check that functions.csv and a file of ours agree about these names.

    Raises
    ------
    MeasureError
    """
    listed = _encoded(of_names, names) + _added(result, names)

    def same(what, ours, theirs):
        if ours != theirs:
            odd = min(ours ^ theirs)
            words = f"only {INSTANCES} has" if odd in ours else "only the file has"
            detail = ", ".join(f"{x:#x}" if isinstance(x, int) and x > 0xFFFFFFFF else str(x) for x in odd)
            raise MeasureError(f"{INSTANCES} and {result.files[encoding].name} disagree on {what}: {words} {detail}",
                               result.folder)

    same("name and FUNC_PROTO", {(n, p) for n, p, _, _ in listed}, {(f.name, f.proto_id) for f in funcs})
    if encoding == BASELINE:
        same("name and FUNC", {(n, i) for n, _, i, _ in listed}, {(f.name, f.type_id) for f in funcs})
    if carries:
        same("name, FUNC_PROTO and address", {(n, p, a) for n, p, _, a in listed if a is not None},
             {(f.name, f.proto_id, a) for f in funcs for a in f.addresses})


def _rows(result, encoding, shown, of_names, funcs, found):
    """Tuples of the columns ROW_COLUMNS of one file's FUNCs, those that stand for a shown instance."""
    btf = result.btf(encoding)
    entries, sharing = {}, Counter((func.name, func.proto_id) for func in funcs)
    for name, proto, address, section in zip(of_names.name, of_names.proto.tolist(), of_names.address.tolist(),
                                             of_names.shndx.tolist(), strict=True):
        if proto and section != NOWHERE:
            entries.setdefault((name, proto), set()).add((section, address))
    for name, proto, _, address in _added(result, {func.name for func in funcs}):
        if address is not None:
            entries.setdefault((name, proto), set()).add((None, address))
    wanted = {}
    for name, proto, address in zip(shown.name, shown.proto.tolist(), shown.address.tolist(), strict=True):
        wanted.setdefault((name, proto), set()).add(address)
    chosen = found in ("name", "glob") or encoding == SHIPPED  # all FUNCs, not only those of some instances
    prototypes, out = {}, []
    for func in funcs:
        key = (func.name, func.proto_id)
        if not chosen and key not in wanted:
            continue
        if key not in prototypes:
            prototypes[key] = declaration(btf, func.type_id)
        addresses = [a for a in sorted(func.addresses) if chosen or a in wanted[key]]
        if func.addresses and not addresses:
            continue
        # of a relocatable file an address is an offset, which several sections may have
        stands_for = max(len(func.addresses), sum(a in func.addresses for _, a in entries.get(key, ())))
        if not stands_for and encoding != SHIPPED and sharing[key] == 1:
            stands_for = len(entries.get(key, ()))
        for address in addresses or [None]:
            out.append((encoding, func.name, func.type_id, prototypes[key], func.linkage, address is not None,
                        address or 0, stands_for))
    return sorted(out, key=lambda r: (r[1], r[2], r[6]))
