"""What functions.csv and the funnel say: names by number of addresses, reasons for leaving functions out."""

from __future__ import annotations

from harness.errors import MeasureError
from harness.functions.forms import FORM_COLUMNS
from harness.measure.columns import COLUMNS, frame

MATCHED = ("exact", "suffix")
"""Matches that say: this symbol is this function's body. Not .part bodies, not functions without a DIE of their own."""

ADDRESSABLE = (*MATCHED, "fallback")
"""Matches with a symbol that is the function's body: what fentry or a kprobe could be put on."""

STAGES = (
    ("subprogram_dies", "subprogram DIEs"),
    ("dies_declared", "- declarations"),
    ("dies_without_name", "- without a name"),
    ("dies_abstract", "- abstract: DW_AT_inline and no code of their own"),
    ("dies_without_code", "- other definitions without code"),
    ("dies_with_code", "- concrete instances, with code"),
    ("dies_exact", "  - exact: a symbol of the very name at the address"),
    ("dies_suffix", "  - suffix: a symbol .isra, .constprop"),
    ("dies_part", "  - part: a symbol .part, .cold, a piece of the function"),
    ("dies_alias", "  - alias: only symbols of other names at the address"),
    ("dies_overridden", "  - overridden: no symbol there, its name's is elsewhere"),
    ("dies_none", "  - none: no symbol there and none of its name"),
    ("dies_assembler", "  (in units of assembler, whatever the match)"),
    ("fallback", "added: no DIE has a matched address, but one symbol has the name"),
    ("elf_function_symbols", "ELF symbols of functions"),
    ("elf_body", "- entry of a DIE's code, under its name"),
    ("elf_fallback", "- only symbol of a name none of whose DIEs is matched"),
    ("elf_alias", "- another name at the entry of a DIE's code"),
    ("elf_piece", "- pieces: .part, .cold"),
    ("elf_padding", "- padding: __pfx_"),
    ("elf_static_call", "- static call trampolines: __SCT__"),
    ("elf_cfi", "- type hashes: __cfi_"),
    ("elf_no_die", "- no DIE: asm without debug information"),
    ("elf_elsewhere", "- a DIE has the name, but not the address"),
)
"""Counts of the manifest's funnel, in order, and what they are; each '-' group adds up to the line above it."""


def funnel(result):
    """The way from DIEs to encoded functions: DataFrame stage, functions."""
    counts, functions = result.manifest["funnel"], result.manifest["functions"]
    rows = [(words, counts[key]) for key, words in STAGES if key in counts]
    rows += [
        ("instances seen: with code and added", functions["instances"]),
        ("skipped", sum(functions["skipped"].values())),
        ("encoded", functions["encoded"]),
        ("distinct names encoded", functions.get("names", 0)),
        ("FUNCs in the baseline", functions["funcs"]),
        ("distinct (FUNC, address) pairs", functions.get("pairs", 0)),
        ("distinct addresses", functions.get("addresses", 0)),
    ]
    return frame(rows, ("stage", "functions"))


def read_forms(path):
    """selection.csv as a DataFrame: rules, quirks, policy, instances, names; see harness.functions.forms.

    Raises
    ------
    MeasureError
        It is malformed.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype={"rules": str, "quirks": str, "policy": str}, keep_default_na=False)
        return table[list(FORM_COLUMNS)].astype({c: COLUMNS[c].dtype for c in FORM_COLUMNS})
    except (OSError, ValueError, KeyError) as error:
        raise MeasureError(f"expected the columns {','.join(FORM_COLUMNS)}, found: {error}", path) from error


def skipped(results):
    """Instances by policy and reason for which they are left out: DataFrame policy, reason, instances, names."""
    rows = []
    for result in results:
        table = result.functions
        left_out = table[table.reason != ""]
        for reason, group in left_out.groupby("reason", sort=True):
            rows.append((result.policy, reason, len(group), group.name.nunique()))
        rows.append((result.policy, "(encoded)", len(table) - len(left_out),
                     table[table.reason == ""].name.nunique()))
    return frame(rows, ("policy", "reason", "instances", "names"))


def names_by_addresses(result):
    """Matched function names: DataFrame name, addresses, exact, suffix, reasons; most addresses first.

    All instances count that an ELF symbol matches exactly or with a suffix, whatever the policy makes of them.
    """
    table = result.functions
    matched = table[table.match.isin(MATCHED)]
    group = matched.drop_duplicates(["name", "address"])
    addresses = group.groupby("name").address.size()
    exact, suffix = (group[group.match == m].groupby("name").address.size().reindex(addresses.index, fill_value=0)
                     for m in MATCHED)
    why = matched[matched.reason != ""].drop_duplicates(["name", "reason"]).sort_values(["name", "reason"])
    reasons = why.groupby("name").reason.agg("; ".join).reindex(addresses.index, fill_value="")
    rows = zip(addresses.index, addresses, exact, suffix, reasons, strict=True)
    out = frame(rows, ("name", "addresses", "exact", "suffix", "reasons"))
    return out.sort_values(["addresses", "name"], ascending=[False, True], kind="stable", ignore_index=True)


def addresses_per_name(names):
    """How many names have how many addresses: DataFrame addresses, names; `names` as from names_by_addresses."""
    counts = names.groupby("addresses", sort=True).name.size()
    return frame(counts.items(), ("addresses", "names"))
