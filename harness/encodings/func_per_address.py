"""One FUNC per address, and no address: of a name's FUNCs, the k-th is the k-th symbol by address.

Tools name functions so already: tetragon's `func:N`, kpatch's sympos. Equal FUNCs are legal; a reader counts symbols of
exactly the name in kallsyms. It can do so only where each of these has its FUNC: a policy that leaves one out leaves
the others without an address, and so does an assembler's symbol without a DIE. A dedup merges the FUNCs again.

Where FUNCs of a name are not one for each of its symbols, as where two prototypes share an address or a symbol has a
suffix (f.isra.0), their number may by chance be that of the symbols. They are written with linkage global, which says
that they do not count anything; all others are static, as pahole writes them.
"""

import numpy as np

from harness.encodings.encoding import NO_ADDRESSES, Encoding, Written, in_order
from harness.encodings.formulas import APART, extra_nbytes, somewhere
from harness.encodings.pairs import func_rows
from harness.model import Kind, TypeTable, changes, info_word
from harness.model import words as wd

GLOBAL = 1
"""BTF_FUNC_GLOBAL (include/uapi/linux/btf.h)."""


def write(pairs, first_id, first_off):
    """FUNCs told apart by name, FUNC_PROTO and place, those of a name in the order of their addresses."""
    table, func_id, pair = func_rows(pairs, first_id, by_place=True)
    words = table.words.copy()
    words[table.row_starts()[: len(pair)][~one_by_one(pairs)[pair]] + wd.INFO] = info_word(Kind.FUNC, GLOBAL)
    return Written(table._replace(words=words), func_id, by_address=True)


def one_by_one(pairs):
    """Which pairs have a name whose FUNCs are one for each of its symbols' places, and nowhere else: bool (pairs,)."""
    name = np.cumsum(changes(pairs.name_off)) - 1
    again = ~pairs.known | (pairs.symbols == 0) | ~changes(pairs.name_off, pairs.address, pairs.section)
    return np.bincount(name, again)[name] == 0


def read(file, sections, image):
    """The symbols of each name, where it has as many of them as FUNCs, all of which are static."""
    ids = file.types.func_ids()
    linkage = file.types.by_id(TypeTable.vlen)
    name_off = file.types.by_id(TypeTable.name_off)[ids]
    if not len(ids):
        return NO_ADDRESSES
    order = np.argsort(name_off, kind="stable")
    ids, name_off = ids[order], name_off[order]
    start = np.flatnonzero(np.diff(name_off, prepend=-1))
    n_funcs, counts = np.diff(start, append=len(ids)), np.maximum.reduceat(linkage[ids], start) == 0
    symbols, names = image.symbols(), map(file.strings.get, name_off[start].tolist())
    found = [symbols.get(name.decode("utf-8", "surrogateescape"), ()) for name in names]
    counts &= np.array([len(addresses) for addresses in found]) == n_funcs
    address = [at for which in np.flatnonzero(counts).tolist() for at in found[which]]
    return in_order(ids[np.repeat(counts, n_funcs)], np.array(address, np.uint64))


def told(functions):
    """Those of names with as many FUNCs as symbols, each at a symbol's place of its own."""
    known = somewhere(functions)
    known = known[known.symbols > 0]
    funcs, places = (rows.groupby("name", observed=True).size() for rows in
                     (functions.drop_duplicates(APART), known.drop_duplicates(["name", "place"])))
    name = known.name
    known = known.assign(symbols=name.map(known.groupby("name", observed=True).symbols.max()))
    return known[(name.map(funcs) == known.symbols) & (name.map(places) == known.symbols)]


ENCODING = Encoding(
    name="func_per_address",
    summary="one FUNC per address and no address: the k-th of a name is its k-th symbol by address",
    proposed="the ordinals of tetragon (func:N) and kpatch (sympos)",
    formula="12 per FUNC that no longer merges",
    write=write,
    read=read,
    growth=extra_nbytes,
    told=told,
    kinds=(Kind.FUNC, Kind.DECL_TAG),
    colour="#117733",
    rank=7,
    stores="ordinal",
    default=False,
)
