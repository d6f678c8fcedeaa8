"""A Comparison of two builds as text for a terminal: tables, each with a sentence that says what it shows."""

from __future__ import annotations

import textwrap

from harness.measure.compare import ALL, AMBIGUOUS, IDENTITIES, OUTCOMES, TRUTH
from harness.text.plain import ascii_text

WIDTH = 80


def to_text(comparison, shown=20):
    """The comparison as plain text: ASCII, 80 columns, each table with a sentence that says what it shows.

    Parameters
    ----------
    comparison : Comparison
    shown : int
        Rows of the lists of names; the other tables are shown whole.
    """
    c = comparison
    out = [*_headed("Two builds compared", "="),
           *(f"{which}  {ascii_text(kernel)}\n   build ID {ascii_text(build_id or 'unknown')}"
             for which, kernel, build_id in zip("AB", c.kernels, c.build_ids, strict=True)), "",
           *_wrapped("Instances are function bodies that an ELF symbol matches exactly, with a suffix, or as the only "
                     "symbol of the name."), *(line for remark in c.remarks for line in ["", *_wrapped(remark)]), ""]
    out += [*_headed("Counterparts"), *_wrapped(
        "The counterpart in B of an instance in A has the same name, compile unit and file. Several that "
        "share all three are paired in order of line, symbol and DIE if both builds have equally many. An instance "
        "without a counterpart is gone if B has no instance of that name left over, else unknown."), "",
        *_table(c.counterparts, ("what", "instances", "ambiguous names")), "", *_wrapped(_say_counterparts(c)), ""]
    out += [*_headed("Which identity survives")]
    for group, words in ((ALL, "All instances:"), (AMBIGUOUS, "Instances of ambiguous names, those with several "
                                                   "addresses in A or in B:")):
        table = c.identities[c.identities.group == group]
        out += [*_wrapped(words), "", *_table(table, ("identity", *OUTCOMES, "right share")), "",
                *_wrapped(_say_identities(table)), ""]
    out += [f"  {i.name:15} {i.meaning}" for i in IDENTITIES]
    out += ["", "  right      the key is unique in both builds and finds the counterpart",
            "  wrong      it finds another function, or another instance's counterpart",
            "  unknown    it finds one of that name; whether it is the same is unknown",
            "  ambiguous  the key is not unique in at least one build",
            "  lost       B does not have the key",
            "  gone       B has neither the key nor the function", "",
            *_wrapped(
        "Identities made only of name, unit and file cannot be wrong here, since these columns define the "
        "counterpart. Addresses and ordinals do not."), ""]
    out += [*_headed("Functions that gained or lost instances"), *_wrapped(_say_names(c.names)), "",
            *_table(c.names, ("in A", "in B", "change", "name"), shown)]
    out += [*_headed("Addresses that moved"), *_wrapped(_say_moved(c.moved)), "",
            *_table(c.moved, ("section", "paired", "unmoved", "moved", "shifts", "usual shift", "shifted",
                              "shifted share")), ""]
    out += [*_headed("Ordinals that changed"), *_wrapped(_say_ordinals(c.ordinals)), "",
            *_table(c.ordinals, ("in A", "in B", "renumbered", "order changed", "name"), shown)]
    return "\n".join(out).rstrip("\n") + "\n"


HEADS = {"counterparts": "Counterparts", "identities": "Which identity survives",
         "names": "Functions that gained or lost instances", "moved": "Addresses that moved",
         "ordinals": "Ordinals that changed"}
"""What each table of a Comparison is about."""


def said(comparison):
    """What the tables of a Comparison show, a sentence or two each: dict of str to str by the names of HEADS."""
    c = comparison
    groups = [c.identities[c.identities.group == group] for group in (ALL, AMBIGUOUS)]
    return {"counterparts": _say_counterparts(c),
            "identities": f"All instances: {_say_identities(groups[0])} Instances of ambiguous names, those with "
                          f"several addresses in A or in B: {_say_identities(groups[1])}",
            "names": _say_names(c.names), "moved": _say_moved(c.moved), "ordinals": _say_ordinals(c.ordinals)}


def _say_counterparts(c):
    n = dict(zip(c.counterparts.what, c.counterparts.instances, strict=True))
    paired = n["- with a counterpart in B"]
    text = (f"{_share(paired, n['instances in A'])} of the instances have a counterpart, "
            f"{_share(n['counterparts on the same line'], paired)} of which are still on the same line.")
    ambiguous = c.identities[(c.identities.group == AMBIGUOUS) & (c.identities.identity == "name+ordinal")]
    several = c.counterparts["ambiguous names"][c.counterparts.what == "- with a counterpart in B"].iloc[0]
    if several:
        text += (f" By ordinal alone (place among the name's addresses) {_share(ambiguous['right'].iloc[0], several)} "
                 f"of the {several:,} paired instances of ambiguous names find the same counterpart.")
    if 2 * paired < n["instances in A"]:
        text += " That is so few that the two builds may spell their paths differently."
    return text


def _say_identities(table):
    n = int(table.instances.iloc[0])
    if not n:
        return "There are none."
    best = table["right"].max()
    names = list(table.identity[table["right"] == best])
    text = f"Of {n:,}, {_and(names)} {'finds' if len(names) == 1 else 'find'} the most: {best:,} ({_share(best, n)})."
    worst = table.loc[table.wrong.idxmax()]
    if not worst.wrong:
        return text + " No identity finds a wrong instance."
    definition = [i.name for i in IDENTITIES if set(i.columns) <= set(TRUTH)]
    clean = list(table.identity[(table.wrong == 0) & (table["right"] > 0) & ~table.identity.isin(definition)])
    text += f" {worst.identity} finds the most wrong ones: {worst.wrong:,} ({_share(worst.wrong, n)})."
    if clean:
        text += f" Of those that could be wrong, {_and(clean)} never {'is' if len(clean) == 1 else 'are'}."
    return text


def _say_names(names):
    if not len(names):
        return "No name gained or lost instances."
    new, gone = (names["in A"] == 0), (names["in B"] == 0)
    more, fewer = (~new & (names.change > 0)).sum(), (~gone & (names.change < 0)).sum()
    return (f"Names: {new.sum():,} only in B, {gone.sum():,} only in A, {more:,} with more instances in B, "
            f"{fewer:,} with fewer.")


def _say_moved(moved):
    n, still = moved.paired.sum(), moved.unmoved.sum()
    if not n:
        return "No instance has a counterpart."
    if still + moved.resectioned.sum() == n:
        text = "Nothing moved."
    else:
        top = moved.iloc[moved.shifted.argmax()]
        text = (f"{_share(n - still, n)} of {n:,} moved; the most common shift, {top['usual shift']:+,} bytes in "
                f"{top.section}, applies to {_share(top.shifted, top.moved)} of those there.")
    elsewhere = moved.resectioned.sum()
    return text + (f" {elsewhere:,} are in another section." if elsewhere else "")


def _say_ordinals(ordinals):
    if not len(ordinals):
        return "No instance changed its place among those of its name."
    crossed = int(ordinals["order changed"].sum())
    return (f"Instances whose place among their name's addresses changed: {ordinals.renumbered.sum():,}. Names whose "
            f"order changed: {crossed:,}; where only others before them came or went: {len(ordinals) - crossed:,}.")


def _share(part, whole):
    """A percentage that is 0 or 100 only if it is exactly that."""
    if not whole:
        return "0 %"
    percent = 100 * part / whole
    if part in (0, whole):
        return f"{percent:.0f} %"
    return f"{min(max(percent, 0.01), 99.99):.2f} %"


def _and(words):
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _headed(text, line="-"):
    return [text, line * len(text), ""]


def _wrapped(text):
    glue = "\x01%"  # a percent sign stays with its number
    lines = textwrap.wrap(ascii_text(str(text)).replace(" %", glue), WIDTH - 4, break_on_hyphens=False)
    return [line.replace(glue, " %") for line in lines]


def _table(table, columns, shown=None):
    """Lines of a table: words to the left, numbers to the right, cut to WIDTH; an empty line after a list."""
    if not len(table):
        return ["(none)", ""]
    rows = table if shown is None else table.head(shown)
    cells = [[_cell(table[c].dtype, v) for v in rows[c]] for c in columns]
    words = [table[c].dtype.kind not in "iuf" for c in columns]
    heads = [c.replace(" share", " %") for c in columns]
    widths = [max(map(len, [head, *column])) for head, column in zip(heads, cells, strict=True)]
    lines = ["  ".join(t.ljust(w) if left else t.rjust(w) for t, w, left in zip(line, widths, words, strict=True))
             for line in [heads, ["-" * w for w in widths], *zip(*cells, strict=True)]]
    lines = ["  " + (s if len(s) <= WIDTH - 2 else s[: WIDTH - 5] + "...") for s in map(str.rstrip, lines)]
    if shown is not None:
        lines += [f"  [{len(table) - shown:,} others]"] * (len(table) > shown) + [""]
    return lines


def _cell(dtype, value):
    if dtype.kind == "b":
        return "yes" if value else "no"
    if dtype.kind == "f":
        return f"{value:.2f}"
    return f"{value:,}" if dtype.kind in "iu" else ascii_text(str(value))
