"""Why a name stands for several functions, or an address has several names, and what would tell them apart.

Only columns of functions.csv are read that no policy changes, so the frames are those of a kernel, whatever the policy
of the folder they come from. Functions without a DIE (assembler without debug information, aliases that only the
symbol table knows) are not in functions.csv and not counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.errors import MeasureError, UsageError
from harness.measure.columns import COLUMNS, frame
from harness.measure.functions import ADDRESSABLE, cloned, coded, first_rows
from harness.model import NOWHERE

LOST = "overridden"
"""Match of a definition that is not in the image although its name is: a weak one overridden by a strong one."""

HEADER_SUFFIX = ".h"

AFTER_BOOT_GONE = (".init.", ".exit.")
"""Sections that are freed after boot, or were never kept: free_initmem() (init/main.c) and EXIT_TEXT in
include/asm-generic/vmlinux.lds.h, v6.12."""


class Cause(NamedTuple):
    """One class of ambiguous names.

    Attributes
    ----------
    name : str
        Also the column of ambiguous_names that says whether it applies.
    meaning : str
    """

    name: str
    meaning: str


CAUSES = (
    Cause("true_twins", "one definition has several addresses in one unit, a clone among them (.constprop, .isra)"),
    Cause("compiled_twice", "one definition in a source file has several addresses: the file was compiled or included "
                            "several times"),
    Cause("inline_out_of_line", "one definition that is in a header or declared inline has several addresses: each "
                                "unit emitted its own copy"),
    Cause("clone_twins", "separate definitions, at least one a clone (.constprop, .isra)"),
    Cause("same_prototype", "separate definitions with one prototype"),
    Cause("different_prototype", "separate definitions with several prototypes"),
    Cause("weak_strong", "one address, and a weak definition that was overridden"),
    Cause("alias", "one address that also has other names"),
)
"""Classes by precedence: the first that applies is a name's class, so that each name has exactly one.

What made copies of one definition comes before what separate definitions have in common, and whatever gives a name
several addresses before what leaves it one. Of the columns several may be true: same_prototype and different_prototype
say it of every name, clone_twins of every name one of whose addresses is a clone's. A static function that LTO renamed
(.llvm.<hash>) has a suffix and is no clone.
"""

OF_ONE_ADDRESS = ("weak_strong", "alias")
"""Classes whose names have one address: not ambiguous, though another definition or name is near."""

NAME_COLUMNS = (
    "name", "class", "instances", "addresses", "signatures", "suffixed_addresses", "init_addresses",
    "runtime_addresses", "ftrace_addresses", "file_separates", "unit_separates", "file_line_separates",
    *(cause.name for cause in CAUSES))
SUMMARY_COLUMNS = (
    "class", "names", "addresses", "one_prototype_names", "file_separates_names", "file_line_separates_names",
    "unit_separates_names", "suffixed_addresses", "init_addresses", "runtime_addresses", "ftrace_addresses")
ALIAS_COLUMNS = ("address", "names", "aliases", "signatures", "section")


def addressable_rows(result):
    """Rows of functions.csv that have an address, int64 (n,), ascending.

    Instances found by fallback in a run that gave those no address are left out.
    """
    return result.of.once(_addressable_rows)


def _addressable_rows(folder):
    table = folder.instances
    return np.flatnonzero((table.match.isin(ADDRESSABLE) & (table.shndx != NOWHERE)).to_numpy())


def placed(result):
    """The first of `addressable_rows` for each (name, place), and which of them share their place with other names.

    Returns
    -------
    (int64 (n,), bool (n,))
    """
    return result.once(_placed)


def _placed(result):
    code, rows = coded(result), addressable_rows(result)
    rows = first_rows(rows, code.name[rows], code.place[rows])
    _, at, n_names = np.unique(code.place[rows], return_inverse=True, return_counts=True)
    return rows, n_names[at] > 1


def at_runtime(section):
    """Which sections are still there after boot, bool Series; `section` is a Series of names."""
    return ~section.str.startswith(AFTER_BOOT_GONE)


def ambiguous_names(result):
    """The names with several addresses: those rows of `classified_names`."""
    names = classified_names(result)
    return names[names.addresses > 1].reset_index(drop=True)


def classified_names(result):
    """Every name with several addresses, an overridden definition, or an address that has other names.

    Returns
    -------
    DataFrame
        NAME_COLUMNS, one row per name, most addresses first. Instances are DIEs, each (name, address) once, and the
        overridden definitions; addresses count without these. `signatures` counts distinct prototypes of the
        instances. `file_separates`, `unit_separates` and `file_line_separates`: the name has several instances and no
        two have the same file of definition, source file of the compile unit, or file and line; false for a name
        with one instance, where there is nothing to separate. A line of 0 is unknown and separates nothing.
    """
    return result.once(_classified_names).copy()


def _classified_names(result):
    import pandas as pd

    table, code = result.functions, coded(result)
    here, is_shared = placed(result)
    n_addresses = np.bincount(code.name[here], minlength=len(code.names))
    lost = np.flatnonzero((table.match == LOST).to_numpy() & (n_addresses[code.name] > 0))
    shared = code.name[here[is_shared]]
    chosen = n_addresses > 1
    chosen[code.name[lost]] = chosen[shared] = True
    index = pd.Index(sorted(code.names[chosen]), dtype="object")

    # few names are ambiguous: from here on the tables are small
    shared = set(code.names[shared])
    here = here[chosen[code.name[here]]]
    rows = table.iloc[np.concatenate([here, lost])]  # pandas cannot join categories that are no UTF-8
    here, lost = table.iloc[here], table.iloc[lost]
    by_name, every = here.groupby("name"), rows.groupby("name")
    out = pd.DataFrame({
        "instances": every.size(), "addresses": by_name.size(), "signatures": every.signature.nunique(),
        "suffixed_addresses": _count(here, here.match == "suffix"),
        "init_addresses": _count(here, ~at_runtime(here.section)),
        "runtime_addresses": _count(here, at_runtime(here.section)),
        "ftrace_addresses": _count(here, here.ftrace.fillna(False).astype(bool)),
    }).reindex(index)
    several = out.instances > 1
    line = rows.line.astype(str).where(rows.line > 0, "")
    for column, key in (("file_separates", rows.file), ("unit_separates", rows.unit),
                        ("file_line_separates", rows.file + ":" + line)):
        known = key.where((rows.unit if column == "unit_separates" else rows.file) != "")
        out[column] = several & (known.groupby(rows.name).nunique().reindex(index) == out.instances)
    for cause, names in _copies(here).items():
        out[cause] = index.isin(names)
    many = out.addresses > 1
    out["clone_twins"] = many & (_count(here, cloned(here)).reindex(index) > 0)
    out["same_prototype"] = several & (out.signatures == 1)
    out["different_prototype"] = several & (out.signatures > 1)
    out["weak_strong"] = index.isin(lost.name)
    out["alias"] = index.isin(shared)
    # what leaves a name one address is no cause of several, and the other way round
    applies = {"same_prototype": out.same_prototype & many, "different_prototype": out.different_prototype & many}
    out["class"] = ""
    for cause in reversed(CAUSES):
        out.loc[applies.get(cause.name, out[cause.name]), "class"] = cause.name
    out["name"] = index
    out = out[list(NAME_COLUMNS)].astype({c: COLUMNS[c].dtype for c in NAME_COLUMNS})
    return out.sort_values(["addresses", "name"], ascending=[False, True], kind="stable", ignore_index=True)


def names_of_class(result, name):
    """The names of a class of CAUSES, list of str.

    Raises
    ------
    UsageError
        No such class.
    """
    known = [cause.name for cause in CAUSES]
    if name not in known:
        raise UsageError.choice("class", known, name)
    names = classified_names(result)
    return names.name[names["class"] == name].tolist()


def ambiguity_summary(result):
    """Ambiguous names by class: DataFrame SUMMARY_COLUMNS, one row per class of CAUSES that is not OF_ONE_ADDRESS, in
    that order, even if it has no name.

    Columns that end in `_names` count the names for which that holds; addresses are summed over names, so one that
    several names share counts for each.

    Raises
    ------
    MeasureError
        A name has no class.
    """
    names = ambiguous_names(result)
    if not names["class"].isin([cause.name for cause in CAUSES]).all():
        raise MeasureError("expected a class for every ambiguous name", result.of.instances_path)
    rows = []
    for cause in CAUSES:
        if cause.name in OF_ONE_ADDRESS:
            continue
        group = names[names["class"] == cause.name]
        rows.append([cause.name, len(group), group.addresses.sum(), group.same_prototype.sum(),
                     group.file_separates.sum(), group.file_line_separates.sum(), group.unit_separates.sum(),
                     group.suffixed_addresses.sum(), group.init_addresses.sum(), group.runtime_addresses.sum(),
                     group.ftrace_addresses.sum()])
    return frame(rows, SUMMARY_COLUMNS)


def aliases(result):
    """Addresses of DIEs with several names: DataFrame ALIAS_COLUMNS, by address.

    `names` is how many, `aliases` joins them by spaces, `signatures` counts their distinct prototypes.
    Most are entries of system calls that the compiler folded into their bodies: their DIEs are in kernel/sys_ni.c,
    where they are declared as weak, and take the address of the name's only symbol.
    """
    import pandas as pd

    rows, is_shared = placed(result)
    table = result.functions.iloc[rows[is_shared]].sort_values(["address", "shndx", "name"], kind="stable")
    group = table.groupby(["address", "shndx"])
    out = pd.DataFrame({"names": group.size(), "aliases": group.name.agg(" ".join),
                        "signatures": group.signature.nunique(), "section": group.section.first()})
    out = out.reset_index()
    return out[list(ALIAS_COLUMNS)].astype({c: COLUMNS[c].dtype for c in ALIAS_COLUMNS})


def _count(rows, holds):
    """How many rows of each name satisfy a condition, Series by name."""
    return holds.groupby(rows.name).sum()


def _copies(here):
    """Names with a definition that has several addresses, dict of cause to array of names.

    A definition is a file and line of declaration. Copies in one unit with a clone among them are clones;
    copies of what is in a header or declared inline are emitted by each unit that uses it; all others come of a
    source file that was compiled several times, be it as such (one name of a unit) or included by others.
    """
    known = here[(here.file != "") & (here.line > 0)]
    if not len(known):
        return {cause: [] for cause in ("true_twins", "compiled_twice", "inline_out_of_line")}
    known = known.assign(cloned=cloned(known),
                         header=known.file.str.endswith(HEADER_SUFFIX) | known.inline)
    definition = ["name", "file", "line"]
    unit = known.groupby([*definition, "unit"]).agg(n=("address", "size"), cloned=("cloned", "any"),
                                                    header=("header", "any")).reset_index()
    unit["twins"] = (unit.n > 1) & unit.cloned
    whole = unit.groupby(definition).agg(n=("n", "sum"), units=("unit", "size"), twins=("twins", "any"),
                                         header=("header", "any")).reset_index()
    copied = (whole.n > 1) & ((whole.units > 1) | ~whole.twins)
    return {"true_twins": whole.name[whole.twins].unique(),
            "compiled_twice": whole.name[copied & ~whole.header].unique(),
            "inline_out_of_line": whole.name[copied & whole.header].unique()}
