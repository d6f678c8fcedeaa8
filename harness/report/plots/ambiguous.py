"""What the addresses of ambiguous names are, and which of them ftrace knows."""

from __future__ import annotations

from typing import NamedTuple

from harness.report.plots import style

SAID = {
    "true_twins": "one function and its clones (.constprop, .isra)",
    "compiled_twice": "one source file, compiled several times",
    "inline_out_of_line": "copies of one inline function",
    "clone_twins": "different functions, one of them a clone",
    "same_prototype": "unrelated functions, one prototype",
    "different_prototype": "unrelated functions, several prototypes",
    "weak_strong": "a weak definition, overridden",
    "alias": "an address that has other names",
}
"""The classes of measure.CAUSES in plain words; another class has its own name."""

UNRELATED, COPIES = ("same_prototype", "different_prototype"), ("inline_out_of_line",)
"""Classes that the finding tells of: separate definitions, and one that many units emitted."""

SINGLE = ("weak_strong", "alias")
"""Classes of names that have one address."""

SITE, REST = "#0072B2", "#D9D9D9"
"""Colours, dark and light in grey."""

AMOUNTS = ((1.0, "all"), (0.85, "nearly all"), (0.5, "most"), (0.1, "some"))
"""Words for a share, from so much on."""

HEAD, ROW, BLOCK, GAP = 22, 26, 40, 24
"""Pixels of the legend, of a row, of one on a narrow figure, and between the two groups."""


class Class(NamedTuple):
    """A class of ambiguous names.

    Attributes
    ----------
    name : str
    names, addresses, sites : int
        Names, their addresses, and those of them that have an ftrace site.
    """

    name: str
    names: int
    addresses: int
    sites: int

    @property
    def words(self):
        """What it is."""
        return SAID.get(self.name, style.clean(self.name))


def _classes(frame):
    """(classes of several addresses to a name, classes of one), those with most addresses first."""
    found = [Class(*row) for row in style.rows(frame, "class", "names", "addresses", "ftrace_addresses")]
    found = sorted((c for c in found if c.addresses), key=lambda c: (-c.addresses, c.name))
    return [c for c in found if c.name not in SINGLE], [c for c in found if c.name in SINGLE]


def _sum(classes, names):
    mine = [c for c in classes if c.name in names]
    return sum(c.sites for c in mine), sum(c.addresses for c in mine)


def _amount(sites, addresses, what):
    """'nearly all unrelated functions (530 of 593)'."""
    share = sites / addresses
    word = next((word for least, word in AMOUNTS if share >= least), "hardly any" if sites else "no")
    return f"{word} {what} ({sites:,} of {addresses:,})"


def ambiguous_finding(frame):
    """How many addresses of ambiguous names have an ftrace site: those of unrelated functions, and copies."""
    several, single = _classes(frame)
    total, sites = sum(c.addresses for c in several), sum(c.sites for c in several)
    groups = [(*_sum(several, names), what) for names, what in (
        (UNRELATED, "unrelated functions"), (COPIES, "copies of inline functions"))]
    groups = [group for group in groups if group[1]]
    if not total:
        return "No address shares its name with another"
    if not any(c.sites for c in (*several, *single)):
        said = ", ".join(f"{n:,} are {what}" for _, n, what in groups)
        return f"{total:,} addresses share a name" + f": {said}" * bool(said) + "; no ftrace site is known"
    said = ", ".join(_amount(*group) for group in groups)
    return f"{sites:,} of {total:,} addresses that share a name have an ftrace site" + f": {said}" * bool(said)


def ambiguous(frame, ax):
    """A bar per class of ambiguous names: its addresses, those with an ftrace site in colour; the most first.

    Names with one address (a weak definition elsewhere, an alias) stand apart below. Classes without addresses are left
    out. On a narrow figure labels stand above the bars.

    Parameters
    ----------
    frame : DataFrame
        class (str, of measure.CAUSES), names, addresses, ftrace_addresses (int64): measure.ambiguity_summary, whose
        other columns are not drawn. Where no address has a site, none is known, and none is said to be without.
    ax : matplotlib Axes

    Returns
    -------
    matplotlib Axes
    """
    style.title(ax, ambiguous_finding(frame))
    several, single = _classes(frame)
    classes = [*several, *single]
    if not classes:
        return style.empty(ax)
    narrow, known = style.narrow(ax), any(c.sites for c in classes)
    row = BLOCK if narrow else ROW
    tops = [HEAD + row * i + GAP * (0 < len(several) <= i) for i in range(len(classes))]
    down, height = (29, 14) if narrow else (ROW / 2, 17)
    ys = [top + down for top in tops]
    ax.set_ylim(tops[-1] + row + 3, 0)
    ax.set_yticks([] if narrow else ys, [] if narrow else [c.words for c in classes])
    ax.tick_params(axis="y", length=0, labelsize=style.SMALL)
    most = max(c.addresses for c in classes)
    ax.set_xlim(0, most)
    ax.locator_params(axis="x", nbins=5, integer=True)
    ax.xaxis.set_major_formatter(lambda x, pos: f"{x:,.0f}")
    ax.set_xlabel("addresses", loc="left")
    if known:
        ax.barh(ys, [c.sites for c in classes], height=height, color=SITE, label="with an ftrace site")
    ax.barh(ys, [c.addresses - c.sites for c in classes], left=[c.sites for c in classes], height=height, color=REST,
            edgecolor=style.FAINT, linewidth=0.4, label="without" if known else "ftrace sites not known")
    style.no_spine(ax, "left")
    inches = (tops[-1] + row + 3) / style.DPI
    style.settle(ax, inches, inches)

    texts = [(f"{c.sites:,} of " if known else "") + f"{c.addresses:,}" for c in classes]
    if not narrow:
        texts = [f"{text}, {c.names:,} name{'s' * (c.names != 1)}" for text, c in zip(texts, classes, strict=True)]
    ax.legend(loc="upper left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=style.SMALL, handlelength=1,
              handletextpad=0.5, columnspacing=1.2, borderaxespad=0, borderpad=0)
    across = ax.get_yaxis_transform()
    if several and single:
        ax.text(0, tops[len(several)] - 4, "names with one address:", transform=across, va="bottom",
                fontsize=style.SMALL, color=style.FAINT)
    if narrow:
        for top, c, text in zip(tops, classes, texts, strict=True):
            room = ax.bbox.width - style.extent(ax, text)[0] - style.pixels(ax, 8)
            ax.text(0, top + 12, style.clipped(ax, c.words, room), transform=across, va="center", fontsize=style.SMALL)
            ax.text(1, top + 12, text, transform=across, ha="right", va="center", fontsize=style.SMALL)
    else:
        room = max(style.extent(ax, text)[0] for text in texts) + style.pixels(ax, 8)
        ax.set_xlim(0, most * ax.bbox.width / max(1.0, ax.bbox.width - room))
        for y, c, text in zip(ys, classes, texts, strict=True):
            ax.annotate(text, (c.addresses, y), xytext=(5, 0), textcoords="offset points", va="center",
                        fontsize=style.SMALL)
    style.end_axis(ax, 0, most)
    return ax
