"""What functions.csv and the funnel say: names by number of addresses, reasons for leaving functions out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.functions.join import RENAMED
from harness.measure.columns import COLUMNS, frame
from harness.model import NOWHERE, TypeTable, changes
from harness.results import BASELINE, BODIES, SHIPPED

MATCHED = ("exact", "suffix")
"""Matches of a DIE whose symbol is the function's body: no .part bodies, no functions found by symbol alone."""

ADDRESSABLE = BODIES
"""Those, and functions found by symbol alone: to these fentry or a kprobe could attach."""

STAGES = (
    ("subprogram_dies", "subprogram DIEs"),
    ("dies_declared", "- declarations"),
    ("dies_without_name", "- named in another unit (LTO), or not at all"),
    ("dies_nameless_code", "  (of these, with code)"),
    ("dies_abstract", "- abstract: DW_AT_inline and no code of their own"),
    ("dies_without_code", "- other definitions without code"),
    ("dies_discarded", "- discarded: the linker left their code out"),
    ("dies_with_code", "- instances, with code"),
    ("dies_exact", "  - exact: a symbol of exactly this name at the address"),
    ("dies_suffix", "  - suffix: a symbol with .isra, .constprop or the like"),
    ("dies_promoted", "    (of these, .llvm, .lto_priv: a static function that LTO renamed)"),
    ("dies_part", "  - part: a symbol with .part or .cold, a piece of a function"),
    ("dies_alias", "  - alias: only symbols of other names at the address"),
    ("dies_prefixed", "    (of these, its name with a prefix: __pi_, __kvm_nvhe_ of arm64)"),
    ("dies_overridden", "  - overridden: no symbol there, but one of its name elsewhere"),
    ("dies_none", "  - none: no symbol there, and none of its name elsewhere"),
    ("dies_assembler", "  (of these, in assembler units)"),
    ("fallback", "added by fallback: no DIE is matched, but one symbol has the name"),
    ("elf_function_symbols", "ELF symbols of functions"),
    ("elf_body", "- at the entry of a DIE's code, under its name"),
    ("elf_fallback", "- only symbol of a name with no matched DIE"),
    ("elf_alias", "- at the entry of a DIE's code, under another name"),
    ("elf_piece", "- pieces: .part, .cold"),
    ("elf_padding", "- padding: __pfx_"),
    ("elf_static_call", "- static call trampolines: __SCT__"),
    ("elf_cfi", "- type hashes: __cfi_"),
    ("elf_mangled", "- no DIE: Rust or C++, whose units are not read"),
    ("elf_no_die", "- no DIE: assembler without debug information"),
    ("elf_elsewhere", "- a DIE has the name but not the address"),
)
"""Counts of the manifest's funnel, in order, and what they are; each '-' group adds up to the line above it."""


def cloned(rows):
    """Which rows of functions.csv are clones, bool Series: the symbol has a suffix that does not come of LTO renaming a
    static function."""
    return (rows.match == "suffix") & np.array([not renamed_suffix(symbol) for symbol in rows.symbol], bool)


def renamed_suffix(symbol):
    """The beginning of the suffix that LTO gave a symbol when it renamed a static function, str; "" if it did not."""
    return next((mark for mark in RENAMED if mark in symbol), "").rstrip(".")


class Coded(NamedTuple):
    """Keys to group rows of functions.csv by, as numbers: pandas is too slow for tens of thousands of groups.

    Attributes
    ----------
    names : object (names,)
        The distinct names, str, in the order of their first rows.
    name : int64 (rows,)
        Index of each row's name in `names`.
    address : uint64 (rows,)
    place : int64 (rows,)
        Number of each row's place, equal for equal ones; NOWHERE for what is nowhere.
    """

    names: np.ndarray
    name: np.ndarray
    address: np.ndarray
    place: np.ndarray


def coded(result):
    """The Coded of a Result, made once for all policies of a folder."""
    return result.of.once(_coded)


def _coded(folder):
    import pandas as pd

    table = folder.instances
    name, names = pd.factorize(table.name.to_numpy(object))
    address, section = table.address.to_numpy(), table.shndx.to_numpy()
    _, place = np.unique(address, return_inverse=True)
    place = place * (int(section.max(initial=0)) + 1) + section
    return Coded(names, name.astype(np.int64), address, np.where(section == NOWHERE, NOWHERE, place))


def func_names(result, encoding):
    """Index in Coded.names of the name of each FUNC of a file, int64 (FUNCs,), -1 if it is not there. Made once.

    The names of functions that the kernel's step adds, in the order of `added_names`, have the numbers after those.

    Raises
    ------
    BtfFormatError
        A name_off is outside the strings, or the file is malformed.
    """
    return result.once(_func_names, encoding)


def _func_names(result, encoding):
    file = result.btf(encoding)
    offsets = _offsets(file)
    if encoding not in (BASELINE, SHIPPED):
        # an encoding's strings are the baseline's and, behind these, its own
        base = result.btf(BASELINE)
        theirs, first = np.unique(_offsets(base), return_index=True)
        at = np.minimum(np.searchsorted(theirs, offsets), max(len(theirs) - 1, 0))
        if _begins_as(file, base) and len(theirs) and (theirs[at] == offsets).all():
            return func_names(result, BASELINE)[first[at]]
    number = result.of.once(_numbers)
    if len(result.added):
        number = {**{name: len(number) + i for i, name in enumerate(added_names(result))}, **number}
    return np.array([number.get(name, -1) for name in result.texts(encoding).of(offsets)], np.int64)


def _offsets(file):
    """name_off of each FUNC of a file."""
    return file.types.by_id(TypeTable.name_off)[file.types.func_ids()]


def _begins_as(file, other):
    """Whether the strings of a file begin with all those of another."""
    mine, theirs = (f.strings.flattened().blob for f in (file, other))
    return len(mine) >= len(theirs) and np.array_equal(mine[: len(theirs)], theirs)


def added_names(result):
    """The distinct names of the functions that the kernel's step adds, list of str, sorted."""
    return sorted(set(result.added.name.tolist()))


def added_functions(result):
    """The functions that the kernel's step adds: (DataFrame ADDED_COLUMNS, int64 (added,)), the second is the row of
    functions.csv whose code each is."""
    added, die = result.added, result.of.instances.die.to_numpy()
    order = np.argsort(die, kind="stable")
    return added, order[np.searchsorted(die[order], added.die.to_numpy())]


def _numbers(folder):
    return {name: i for i, name in enumerate(folder.once(_coded).names.tolist())}


def ranks(result):
    """Rank of each of Coded.names in their sorted order, int64 (names,)."""
    return result.of.once(_ranks)


def _ranks(folder):
    names = folder.once(_coded).names.tolist()
    rank = np.empty(len(names), np.int64)
    rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return rank


def first_rows(rows, *keys):
    """The first of some rows with each key, int64, ascending.

    Parameters
    ----------
    rows : int64 (n,)
        Ascending.
    keys : arrays (n,)
    """
    order = np.lexsort(keys)  # stable
    return np.sort(rows[order[changes(*(key[order] for key in keys))]])


PAIRS = "distinct (FUNC, address) pairs"
"""The stage of the funnel that counts addresses in BTF."""


def funnel(result):
    """The way from DIEs to encoded functions: DataFrame stage, functions."""
    counts, functions = result.manifest["funnel"], result.manifest["functions"]
    rows = [(words, counts[key]) for key, words in STAGES if key in counts]
    rows += [
        ("instances seen: with code and added", functions["instances"]),
        ("skipped", sum(functions["skipped"].values())),
        ("encoded", functions["encoded"]),
        *([("added by the kernel's step: _impl", functions["added"])] if functions.get("added") else []),
        ("distinct names encoded", functions.get("names", 0)),
        ("FUNCs in the baseline", functions["funcs"]),
        (PAIRS, functions.get("pairs", 0)),
        ("distinct addresses", functions.get("addresses", 0)),
    ]
    return frame(rows, ("stage", "functions"))


def skipped(results):
    """Instances by policy and the reason they are left out: DataFrame policy, reason, instances, names.

    `results` is a list of Result; the reason of those that are encoded is '(encoded)'.
    """
    rows = []
    for result in results:
        texts, reason = _texts_of(result.functions.reason)
        n = max(1, len(texts))
        pairs = np.unique(coded(result).name * n + reason)  # each name once for each of its reasons
        counts = dict(zip(texts, zip(np.bincount(reason, minlength=n).tolist(),
                                     np.bincount(pairs % n, minlength=n).tolist(), strict=True), strict=False))
        encoded = counts.pop("", (0, 0))
        rows += [(result.policy, text, *numbers) for text, numbers in counts.items()]
        rows.append((result.policy, "(encoded)", *encoded))
    return frame(rows, ("policy", "reason", "instances", "names"))


def names_by_addresses(result):
    """Matched function names: DataFrame name, addresses, exact, suffix, reasons; most addresses first.

    Every instance counts that an ELF symbol matches exactly or with a suffix, whatever the policy decides. Made once.
    """
    return result.once(_names_by_addresses)


def _names_by_addresses(result):
    import pandas as pd

    table, code = result.functions, coded(result)
    match = table.match.to_numpy(object)
    matched = np.flatnonzero(np.logical_or.reduce([match == m for m in MATCHED]))
    once = first_rows(matched, code.name[matched], code.place[matched])
    exact, suffix = (np.bincount(code.name[once[match[once] == m]], minlength=len(code.names)) for m in MATCHED)
    addresses = exact + suffix
    order = np.flatnonzero(addresses)
    order = order[np.lexsort((ranks(result)[order], -addresses[order]))]
    reasons = _reasons(code, matched, table.reason)
    columns = {"name": code.names, "addresses": addresses, "exact": exact, "suffix": suffix, "reasons": reasons}
    return pd.DataFrame({c: values[order] for c, values in columns.items()}).astype(
        {c: COLUMNS[c].dtype for c in columns})


def _reasons(code, rows, reason):
    """The distinct reasons of some rows of each name, sorted and joined, object (names,); most names have none."""
    out = np.full(len(code.names), "", object)
    texts, reason = _texts_of(reason.iloc[rows])
    left_out = np.array([text != "" for text in texts], bool)[reason]
    pairs = np.unique(code.name[rows[left_out]] * len(texts) + reason[left_out])
    if len(pairs):
        name, reason = np.divmod(pairs, len(texts))
        start = np.flatnonzero(np.diff(name, prepend=-1))
        stop = np.append(start[1:], len(name))
        out[name[start]] = [texts[reason[a]] if b == a + 1 else "; ".join(texts[reason[a:b]])
                            for a, b in zip(start.tolist(), stop.tolist(), strict=True)]
    return out


def _texts_of(column):
    """The distinct strings of a column with few, sorted, object (texts,), and the index of each row's string."""
    import pandas as pd

    which, texts = pd.factorize(column.to_numpy(object), sort=True)
    return texts, which.astype(np.int64)


def addresses_per_name(names):
    """How many names have how many addresses: DataFrame addresses, names; `names` as from names_by_addresses."""
    counts = names.groupby("addresses", sort=True).name.size()
    return frame(counts.items(), ("addresses", "names"))
