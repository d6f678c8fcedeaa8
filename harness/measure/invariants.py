"""The invariants 1 to 6 of the design, each over one Result: rows (policy, invariant, statement, holds, detail).

A broken invariant raises nothing: it is a result, and the report and the exit status say so.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from harness import encodings as enc
from harness.encodings.formulas import LAYOUT_SECTION, NO_OFFSET
from harness.functions.join import Match, SymbolClass
from harness.measure.columns import frame
from harness.measure.functions import ADDRESSABLE, added_functions, added_names, coded, first_rows, func_names
from harness.measure.result import BASELINE, SHIPPED
from harness.measure.sizes import COMPRESSORS
from harness.model import NOWHERE, TypeTable, changes
from harness.results import INSTANCES, files_of

INVARIANT_COLUMNS = ("policy", "invariant", "statement", "holds", "detail")

SUMS = {
    "subprogram_dies": ("dies_declared", "dies_without_name", "dies_abstract", "dies_without_code", "dies_discarded",
                        "dies_with_code"),
    "dies_with_code": tuple(f"dies_{m.name.lower()}" for m in Match if m != Match.FALLBACK),
    "elf_function_symbols": tuple(f"elf_{c.name.lower()}" for c in SymbolClass),
}
"""Counts of the funnel and their parts: nothing vanishes, neither from DWARF nor from the ELF file."""


def check_invariants(result, table, again=None):
    """Check all invariants: DataFrame INVARIANT_COLUMNS.

    Parameters
    ----------
    result : Result
    table : DataFrame
        As from measurements(result).
    again : Result, optional
        The same kernel and policy encoded another time, whose bytes must be the same.

    Raises
    ------
    MeasureError, BtfFormatError
        A table or a .btf file of the result cannot be read.
    """
    rows = [*functions(result), *addresses(result), *byte_sums(result, table), *formula(result, table),
            *neutrality(result, table), *determinism(result, again), *round_trip(result)]
    return frame([(result.policy, *row) for row in rows], INVARIANT_COLUMNS)


def all_hold(table):
    """Whether every row of a frame of invariants holds."""
    return bool(table.holds.all())


def functions(result):
    """1: encoded + skipped == instances seen, in the manifest and in functions.csv."""
    f, funnel = result.manifest["functions"], result.manifest["funnel"]
    skipped = sum(f["skipped"].values())
    yield ("1 functions", "encoded + skipped == instances", f["encoded"] + skipped == f["instances"],
           f"{f['encoded']:,} + {skipped:,} = {f['encoded'] + skipped:,}, instances {f['instances']:,}")
    reasons = result.functions.reason.value_counts()
    listed = {k: int(v) for k, v in reasons.items() if k}
    encoded = int(reasons.get("", 0))
    yield ("1 functions", f"{INSTANCES} has the same counts for every reason",
           listed == f["skipped"] and encoded == f["encoded"],
           f"{encoded:,} rows without a reason, {sum(listed.values()):,} with one of {len(listed)}")
    if {"dies_with_code", "fallback"} <= funnel.keys():
        seen = funnel["dies_with_code"] + funnel["fallback"]
        yield ("1 functions", "DIEs with code + added by fallback == instances", seen == f["instances"],
               f"{funnel['dies_with_code']:,} + {funnel['fallback']:,} = {seen:,}")
    for whole, parts in SUMS.items():
        if whole in funnel:
            total = sum(funnel.get(part, 0) for part in parts)
            yield ("1 functions", f"the parts of {whole} sum to {whole}", total == funnel[whole],
                   f"{' + '.join(f'{funnel.get(part, 0):,}' for part in parts)} = {total:,}, {whole} {funnel[whole]:,}")
    n_funcs = result.accounts[BASELINE].kinds["FUNC"][0]
    yield ("1 functions", "FUNCs in the baseline file == FUNCs in the manifest", n_funcs == f["funcs"],
           f"{n_funcs:,} in the file, {f['funcs']:,} in the manifest")


PLAUSIBLE = 20
"""How many functions may be at odds with the symbols in any file, and of how many one may be."""


def addresses(result):
    """1: most instances are where the symbols are, of which ELF alone knows how many addresses each name has.

    Linkers leave some functions out and symbols without DIEs; kernels have some 100 of the first, 0 to 3 of the second.
    Many mean that the join does not understand where the file's functions begin.
    """
    funnel = result.manifest["funnel"]
    if {"dies_with_code", "dies_overridden"} <= funnel.keys():
        lost, seen = funnel["dies_overridden"], funnel["dies_with_code"]
        yield ("1 functions", f"at most {PLAUSIBLE}, or 1 of {PLAUSIBLE}, of the instances with code are overridden",
               lost <= max(PLAUSIBLE, seen // PLAUSIBLE), f"{lost:,} of {seen:,}")
    table, code = result.functions, coded(result)
    rows = np.flatnonzero(table.match.isin(ADDRESSABLE).to_numpy() & (code.place != NOWHERE))
    rows = first_rows(rows, code.name[rows], code.place[rows])
    found = np.bincount(code.name[rows], minlength=len(code.names))
    of_elf = np.zeros(len(code.names), np.int64)
    np.maximum.at(of_elf, code.name, table.elf_addresses.to_numpy())
    matched = found > 0
    more = int((found > of_elf).sum())
    yield ("1 functions", "no name has more addresses than symbols", not more,
           f"{more:,} of {int(matched.sum()):,} names, {int(found.sum()):,} addresses")
    several = of_elf > 1
    fewer = int((found < of_elf)[several].sum())
    n_several = int(several.sum())
    yield ("1 functions", f"at most {PLAUSIBLE}, or 1 of {PLAUSIBLE}, of names with several symbols lack an instance",
           fewer <= max(PLAUSIBLE, n_several // PLAUSIBLE),
           f"{fewer:,} of {n_several:,} names, instances at {int(found[several].sum()):,} of "
           f"{int(of_elf[several].sum()):,} addresses")


def byte_sums(result, table):
    """2: the parts of each file sum to its size on disk."""
    for name, path in result.files.items():
        mine = table[table.encoding == name]
        parts = mine[~mine.part.isin(["file", *COMPRESSORS])].groupby("part", sort=False).bytes.sum()
        total, size = int(parts.sum()), sum(map(_size, result.paths(name)))
        words = " + ".join(f"{part} {nbytes:,}" for part, nbytes in parts.items() if nbytes)
        yield ("2 bytes", f"parts of {path.name} sum to its size", total == size, f"{words} = {total:,}, file {size:,}")


def formula(result, table):
    """3: measured growth == the growth that the encoding's formula predicts from the table of functions."""
    sizes = table[table.part == "file"].set_index("encoding").bytes
    functions = result.once(encoded_functions)
    for name in result.encodings:
        if name not in enc.REGISTRY:
            continue
        growth = int(sizes[name] - sizes[BASELINE])
        predicted = int(enc.encoding(name).growth(functions))
        yield ("3 formula", f"growth of {name} over {BASELINE} == its formula", growth == predicted,
               f"measured {growth:+,}, predicted {predicted:+,}")


def encoded_functions(result):
    """What the formulas count from: DataFrame with a row per encoded instance, as harness.encodings.Encoding says, and
    then one per function that the kernel's step adds; `code` numbers the names as func_names does."""
    import pandas as pd

    table, code = result.functions, coded(result)
    rows = np.flatnonzero((table.reason == "").to_numpy())
    where = ["address", "shndx", "section", "file", "unit", "symbol", "symbol_addresses"]
    kept = table.loc[rows, ["name", "proto", "tags", *where]]
    functions = kept.assign(place=code.place[rows], code=code.name[rows])
    added, row = added_functions(result)
    if len(added):
        number = {name: len(code.names) + i for i, name in enumerate(added_names(result))}
        same_code = table.loc[row, where].reset_index(drop=True)
        functions = pd.concat([functions, pd.concat([added[["name", "proto", "tags"]], same_code], axis=1).assign(
            place=code.place[row], code=[number[name] for name in added.name])], ignore_index=True)
    image = result.of.image
    starts = {index: start for index, (_, start) in image.sections.items()}
    has_code = functions.shndx.isin(starts).to_numpy()
    start = functions.shndx.map(starts).where(has_code, 0).astype("uint64").to_numpy()
    address = functions.address.to_numpy()
    functions = functions.rename(columns={"proto": "proto_id"}).assign(
        offset=_u32(address, np.uint64(image.base)),
        section_offset=np.where(has_code, _u32(address, start), NO_OFFSET),
        symbols=functions.symbol_addresses.where(functions.symbol == functions.name, 0))
    functions.attrs[LAYOUT_SECTION] = result.manifest["layout_section"]
    return functions


def _u32(address, start):
    """Offsets of addresses, NO_OFFSET where 32 bits cannot say one, int64 (n,)."""
    fits = (address >= start) & (address - start < np.uint64(1 << 32))
    return np.where(fits, (address - start).astype(np.int64), NO_OFFSET)


def neutrality(result, table):
    """4: encodings differ only in the kinds that they declare."""
    types = table[(table.part == "types") & (table.encoding != SHIPPED)]
    for name in result.encodings[1:]:
        if name not in enc.REGISTRY:
            continue
        own = [kind.name for kind in enc.encoding(name).kinds]
        others = types[~types.kind.isin(own)]
        base = others[others.encoding == BASELINE].set_index("kind")["count"].to_dict()
        mine = others[others.encoding == name].set_index("kind")["count"].to_dict()
        kinds = sorted(base.keys() | mine.keys())
        differ = [f"{kind} {mine.get(kind, 0):,} for {base.get(kind, 0):,}" for kind in kinds
                  if mine.get(kind, 0) != base.get(kind, 0)]
        but = f", except {' and '.join(own)}" if own else ""
        yield ("4 neutrality", f"{name} has the same types as {BASELINE}{but}", not differ,
               "; ".join(differ) or f"{sum(base.values()):,} types of {len(base)} kinds")


def round_trip(result):
    """6: each file, read back, has the (name, FUNC_PROTO) and the addresses that went in."""
    functions = result.once(encoded_functions)
    protos = distinct(functions.code.to_numpy(), functions.proto_id.to_numpy())
    for name in result.encodings:
        types, read, file = result.btf(name).types, result.told(name), result.files[name].name
        ids = types.func_ids()
        own = func_names(result, name), types.by_id(TypeTable.size_type)[ids]
        found = distinct(*own)
        yield ("6 round trip", f"{file} has the names and prototypes that went in", np.array_equal(found, protos),
               f"{found.shape[1]:,} of {protos.shape[1]:,}")
        told = enc.encoding(name).told(functions) if name in enc.REGISTRY else functions[:0]
        if len(read.func_id) or len(told):
            at = np.searchsorted(ids, read.func_id)
            values, value = _numbered(told, read)
            wanted = distinct(told.code.to_numpy(), told.proto_id.to_numpy(), values)
            found = distinct(own[0][at], own[1][at], value)
            what = "address" if isinstance(read, enc.Addresses) else "source"
            yield ("6 round trip", f"{file} gives back each {what} that it is to tell",
                   np.array_equal(found, wanted),
                   f"{found.shape[1]:,} of {wanted.shape[1]:,} (name, FUNC_PROTO, {what})")


def _numbered(told, read):
    """What went in and what was read back, as numbers: their addresses, or numbers of texts; two arrays."""
    if isinstance(read, enc.Addresses):
        return told.address.to_numpy(), read.address
    number = {}
    return [np.array([number.setdefault(text, len(number)) for text in texts], np.int64)
            for texts in (told.text.tolist(), read.text.tolist())]


def distinct(*columns):
    """The distinct rows of some columns, sorted: uint64 (columns, rows)."""
    columns = [np.asarray(column).astype(np.int64).view(np.uint64) if column.dtype.kind == "i" else
               np.asarray(column, np.uint64) for column in columns]
    table = np.stack(columns)[:, np.lexsort(columns[::-1])]
    return table[:, changes(*table)]


def determinism(result, again=None):
    """5: the files are still those that were written, and another run wrote the same."""
    for name in result.encodings:
        for about in files_of(result.manifest["encodings"][name]):
            found = _digest(result.folder / about["file"])
            yield ("5 files", f"{Path(about['file']).name} has the sha256 in the manifest",
                   found == about["sha256"], found[:16])
    if again is not None:
        names = sorted(set(result.encodings) | set(again.encodings))
        differ = [n for n in names if result.sha256.get(n) != again.sha256.get(n)]
        yield ("5 determinism", "encoding again gives the same bytes", not differ,
               f"differ: {', '.join(differ)}" if differ else f"{len(names)} files")


def _size(path):
    try:
        return Path(path).stat().st_size
    except OSError:
        return -1


def _digest(path):
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return "unreadable"
