"""The thread's estimates as data, compared with what was measured."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np

from harness.errors import MeasureError
from harness.measure.columns import frame
from harness.measure.functions import MATCHED, cloned, coded, first_rows, names_by_addresses, ranks, renamed_suffix
from harness.measure.result import BASELINE
from harness.paths import data_file
from harness.results import labels
from harness.results.columns import PLACE

CLAIMS = data_file("claims.toml")

CLAIM_COLUMNS = ("id", "of", "claim", "predicted", "kernel", "measured", "verdict", "reason")
OVERALL_COLUMNS = ("id", "claim", "predicted", "verdict")

FUNC_NBYTES = 12
"""A FUNC with nothing after it: struct btf_type (include/uapi/linux/btf.h, v6.12)."""

SCHEMA = 2

OBSERVATION, ESTIMATE = KINDS = ("observation", "estimate")
"""Kinds of claims: what somebody saw on his kernel, which others need not show; and what somebody expected of all."""


def addresses_of_name(result, name):
    """Number of distinct addresses of a name whose symbol matches exactly or with a suffix; None if no DIE has it."""
    table = result.functions
    if not (table.name == name).any() and not (result.inlined.name == name).any():
        return None
    mine = ((table.name == name) & table.match.isin(MATCHED)).to_numpy()
    return len(np.unique(coded(result).place[mine]))


def note_on_addresses(result, name):
    """Where the addresses of a name come from, or why it has none, in words."""
    rows = result.functions[(result.functions.name == name) & result.functions.match.isin(MATCHED)]
    rows = rows.drop_duplicates(list(PLACE))
    names = names_by_addresses(result)
    most = f"; the name with most addresses is {names.name[0]}, {names.addresses[0]:,}" if len(names) else ""
    if len(rows):
        exact = int((rows.match == "exact").sum())
        parts = [f"{exact:,} with a symbol of exactly this name"] if exact else []
        is_clone = cloned(rows)
        clones = rows[is_clone].symbol.str.replace(r"\.\d+$", "", regex=True).str.removeprefix(name)
        parts += [f"{n:,} {suffix} clones" for suffix, n in clones.value_counts().items()]
        renamed = rows[(rows.match == "suffix") & ~is_clone].symbol.map(renamed_suffix)
        parts += [f"{n:,} renamed by LTO ({suffix})" for suffix, n in renamed.value_counts().items()]
        places = rows.groupby(["file", "line"]).size()
        source = f"one definition, {places.index[0][0]}:{places.index[0][1]}" if len(places) == 1 else (
            f"{len(places):,} definitions")
        # gcc says DW_AT_inline only of those that it inlined somewhere in the unit, too
        header = bool(rows.file.str.endswith(".h").all())
        kind = "a static inline" if header or bool(rows.inline.any()) else "a function"
        return f": {' and '.join(parts)}, of {kind} with {source}, in {rows.unit.nunique():,} units{most}"
    inlined = result.inlined[result.inlined.name == name]
    if len(inlined):
        row = inlined.iloc[0]
        return (f": {row.dies:,} DIEs in {row.units:,} units have the name and none has code: it is inlined "
                f"everywhere{most}")
    return f": no DIE has the name{most}"


def note_on_extra(result, encoding):
    """Which names the extra FUNCs belong to, in words."""
    code = coded(result)
    rows = np.flatnonzero((result.functions.reason == "").to_numpy())
    n_addresses = np.bincount(code.name[first_rows(rows, code.name[rows], code.place[rows])])
    several = np.flatnonzero(n_addresses > 1)
    if not len(several):
        return ": no encoded name has several addresses"
    most = several[np.lexsort((ranks(result)[several], -n_addresses[several]))[0]]
    return (f": {len(several):,} encoded names share {int(n_addresses[several].sum()):,} addresses; "
            f"{code.names[most]} has most, {n_addresses[most]:,}")


def note_on_payload(result, encoding):
    """What the payload is made of, in words."""
    count = _count(result, encoding, "FUNC")
    return f": {func_payload_bytes(result, encoding) / count if count else 0:.0f} bytes for each of {count:,} FUNCs"


def note_on_growth(result, encoding):
    """What the growth is made of, in words."""
    payload, extra = func_payload_bytes(result, encoding), extra_funcs(result, encoding)
    rest = growth_bytes(result, encoding) - payload - FUNC_NBYTES * extra
    words = f": {payload:,} of addresses and {FUNC_NBYTES} for each of {extra:,} extra FUNCs"
    return words + (f", {rest:+,} other bytes" if rest else "")


def extra_funcs(result, encoding):
    """How many more FUNCs the file has than the baseline."""
    return _count(result, encoding, "FUNC") - _count(result, BASELINE, "FUNC")


def extra_func_protos(result, encoding):
    """How many more FUNC_PROTOs the file has than the baseline."""
    return _count(result, encoding, "FUNC_PROTO") - _count(result, BASELINE, "FUNC_PROTO")


def func_payload_bytes(result, encoding):
    """Bytes of all FUNCs beyond the 12 that each has without an address."""
    count, nbytes = result.accounts[encoding].kinds["FUNC"]
    return nbytes - FUNC_NBYTES * count


def growth_bytes(result, encoding):
    """How many more bytes the file has than the baseline."""
    return result.btf(encoding).file_nbytes - result.btf(BASELINE).file_nbytes


def _count(result, encoding, kind):
    return result.accounts[encoding].kinds[kind][0]


QUANTITIES = {q.__name__: q for q in
              (addresses_of_name, extra_funcs, extra_func_protos, func_payload_bytes, growth_bytes)}

NOTES = {"addresses_of_name": note_on_addresses, "extra_funcs": note_on_extra, "func_payload_bytes": note_on_payload,
         "growth_bytes": note_on_growth}
"""What explains the figure of a quantity: a function of the result and the claim's arguments, -> str."""

COMPARISONS = {
    "equal": lambda m, p, t: m == p,
    "within_factor": lambda m, p, t: p <= m * t and m <= p * t,
    "within_percent": lambda m, p, t: 100 * abs(m - p) <= t * p,
    "less_than": lambda m, p, t: m < p,
}
"""Rules of claims.toml: (measured, predicted, tolerance) -> bool."""


def read_claims(path=CLAIMS):
    """The claims of a file, list of dict.

    Raises
    ------
    MeasureError
        The file cannot be read, is not TOML or is of another schema; or a claim lacks a key, or names a quantity or
        comparison that does not exist.
    """
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise MeasureError(f"expected a readable file, found: {error.strerror}", path) from error
    except ValueError as error:
        raise MeasureError(f"expected TOML, found: {error}", path) from error
    if data.get("schema") != SCHEMA:
        raise MeasureError(f"expected claims of schema {SCHEMA}, found {data.get('schema')!r}", path)
    needed = ("id", "kind", "claim", "quote", "author", "date", "message_id", "quantity", "unit", "predicted",
              "compare", "rule")
    for number, entry in enumerate(data.get("claim", []), 1):
        missing = [key for key in needed if key not in entry]
        if missing:
            raise MeasureError(f"claim {number}: expected {', '.join(missing)}, found none", path)
        for key, known in (("kind", KINDS), ("quantity", QUANTITIES), ("compare", COMPARISONS)):
            if entry[key] not in known:
                raise MeasureError(f"claim {entry['id']}: expected a {key} of {', '.join(known)}, found "
                                   f"{entry[key]!r}", path)
        if entry["compare"].startswith("within") and "tolerance" not in entry:
            raise MeasureError(f"claim {entry['id']}: expected a tolerance for {entry['compare']}, found none", path)
    return data.get("claim", [])


def judge_claims(results, entries=None):
    """A verdict on each claim for each kernel, from its results under several policies.

    Parameters
    ----------
    results : list of Result
        Of any number of kernels; the headline policy of each first.
    entries : list of dict, optional
        As from read_claims; those of data/claims.toml when None.

    Returns
    -------
    DataFrame
        CLAIM_COLUMNS. Kernels of one label have the beginning of their key added to it (the build id, else the hash of
        the file). The verdict on an estimate is 'holds', 'differs', or 'holds under <policies>', that on an observation
        '<measured> here'; 'not measured' when the claim is about an encoding that was not made or a function that is
        not there.

    Raises
    ------
    MeasureError
        As `read_claims`; or a table of a result cannot be read.
    """
    rows = []
    keys = {r.key: r.kernel for r in reversed(results)}
    kernels = dict(zip(reversed(keys), labels(reversed(keys.items())), strict=True))
    entries = read_claims() if entries is None else entries
    for entry, (key, kernel) in ((e, k) for e in entries for k in kernels.items()):
        arguments = entry.get("arguments", {})
        able = [r for r in results if r.key == key and arguments.get("encoding", BASELINE) in r.encodings]
        values = {r.policy: QUANTITIES[entry["quantity"]](r, **arguments) for r in able}
        values = {policy: value for policy, value in values.items() if value is not None}
        holds = {policy: COMPARISONS[entry["compare"]](value, entry["predicted"], entry.get("tolerance"))
                 for policy, value in values.items()}
        rows.append((entry["id"], entry["kind"], entry["claim"], f"{entry['predicted']:,} {entry['unit']}", kernel,
                     _measured(values), _verdict(entry, values, holds), _reason(entry, values, holds, able)))
    return frame(rows, CLAIM_COLUMNS)


def overall_verdicts(judged):
    """One verdict on each claim over all kernels, from what judge_claims returns: DataFrame OVERALL_COLUMNS."""
    rows = []
    for _, mine in judged.groupby("id", sort=False):
        first = mine.iloc[0]
        kinds = list(dict.fromkeys(mine.verdict))
        verdict = kinds[0] if len(kinds) == 1 else "; ".join(
            f"{kind} on {', '.join(mine.kernel[mine.verdict == kind])}" for kind in kinds)
        rows.append((first.id, first.claim, first.predicted, verdict))
    return frame(rows, OVERALL_COLUMNS)


def _verdict(entry, values, holds):
    if not holds:
        return "not measured"
    if entry["kind"] == OBSERVATION:  # true of the kernel that it was made on
        return f"{_measured(values)} here"
    if all(holds.values()):
        return "holds"
    if not any(holds.values()):
        return "differs"
    return "holds under " + ", ".join(policy for policy, good in holds.items() if good)


def _measured(values):
    if len(set(values.values())) == 1:
        return f"{next(iter(values.values())):,}"
    return ", ".join(f"{policy} {value:,}" for policy, value in values.items()) or "-"


def _reason(entry, values, holds, results):
    if not results:
        return f"there is no {entry['arguments']['encoding']} file"
    note = NOTES.get(entry["quantity"])
    if not values:
        return note(results[0], **entry.get("arguments", {})).removeprefix(": ")
    policy, value = next(iter(values.items()))
    predicted, compare = entry["predicted"], entry["compare"]
    where = f" under {policy}" if len(set(values.values())) > 1 else ""
    sentence = f"{value:,} {entry['unit']}{where}"
    if compare == "equal":
        sentence += f", {predicted:,} expected" if value != predicted else ", as expected"
    elif value == 0:
        sentence += f" instead of {predicted:,}"
    elif compare == "less_than":
        sentence += f" is {100 * value / predicted:.0f} % of {predicted:,}"
    else:
        sentence += f" is {value / predicted:.2f} times {predicted:,}"
    if note:
        sentence += note(results[0], **entry.get("arguments", {}))
    return f"{sentence}; {entry['rule']}"
