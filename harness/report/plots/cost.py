"""What each form of addresses costs over today's file, and what it buys."""

from __future__ import annotations

from typing import NamedTuple

from harness.report.plots import style
from harness.report.tables import whole

PARTS = (("types", "#0072B2", ""), ("strings", "#F5E97F", ""), ("sections", "#CC79A7", "////"))
"""Parts of what is added, with colour and hatch: dark, light and hatched in grey."""

SAID = {"types": "types", "strings": "strings", "sections": "own sections"}

LOADS = {"yes": "loads", "no": "refused"}
"""What the running kernel does; nothing is said where it was not asked."""

ROW, HEAD, BLOCK = 25, 38, 51
"""Pixels of a row, of the heads of the columns, and of a form on a narrow screen."""

THIN = 2.0
"""Pixels of the narrowest bar: what is there can be seen. Its number is written in any case."""

NAMES = 0.27
"""Most of the figure's width that names may take."""


class Form(NamedTuple):
    """One form.

    Attributes
    ----------
    encoding : str
    types, strings, sections : int
        Bytes over today's file.
    percent : float
        Of today's file.
    zstd : float
        Bytes over today's file, both compressed; NaN if not measured.
    gained : int
        Functions that are attachable with this form and are not today.
    loads : str
        yes, no or -.
    after_dedup : float
        Of gained: those that still are when libbpf has deduplicated the file; NaN if not known.
    """

    encoding: str
    types: int
    strings: int
    sections: int
    percent: float
    zstd: float
    gained: int
    loads: str
    after_dedup: float

    @property
    def added(self):
        """Bytes over today's file."""
        return self.types + self.strings + self.sections

    @property
    def name(self):
        """Its name in ASCII."""
        return style.clean(self.encoding)


def _forms(frame):
    """Every Form, the one that adds least first."""
    columns = ("encoding", "type_bytes", "string_bytes", "section_bytes", "added_percent", "zstd_added",
               "newly_attachable", "loads", "after_dedup")
    frame = frame.astype({"zstd_added": "float64", "after_dedup": "float64"})
    return sorted((Form(*row) for row in style.rows(frame, *columns)), key=lambda f: (f.added, f.encoding))


def _named(forms):
    """The forms that the finding names: the one that buys most functions per byte and the one that buys most."""
    buying = [f for f in forms if f.gained > 0]
    if not buying:
        return None, None
    return (min(buying, key=lambda f: (max(f.added, 0) / f.gained, f.added, -f.gained, f.encoding)),
            min(buying, key=lambda f: (-f.gained, f.added, f.encoding)))


def _percent(value):
    """In percent with the two decimals that a CSV file has: the same before and after it."""
    text = f"{value:.2f}"
    return text if float(text) else "0"


def _each(form):
    """Bytes for each newly attachable function, as text; '' where none is gained."""
    if form.gained <= 0:
        return ""
    each = form.added / form.gained
    return f"{whole(each):,}" if abs(each) >= 9.95 or not each else f"{each:,.1f}"


def _spent(form):
    """What a form adds, in words."""
    if not form.added:
        return "no growth"
    percent = f"{form.percent:+.2f}"
    return style.size(form.added) + (f" ({percent} %)" if float(percent) else "")


def cost_finding(frame):
    """The form that makes functions attachable for the fewest bytes each, the one that makes most so, and whether the
    running kernel loads them."""
    forms = _forms(frame)
    if not forms:
        return "Nothing was measured"
    best, most = _named(forms)
    if best is None:
        if len(forms) == 1:
            return f"{forms[0].name} makes no more functions attachable than today, for {_spent(forms[0])}"
        return (f"No form makes more functions attachable than today: they cost {style.size(forms[0].added)} "
                f"({forms[0].name}) to {style.size(forms[-1].added)} ({forms[-1].name})")
    each = f", {_each(best)} bytes each" if best.added > 0 else ""
    what = (f"{best.gained:,} newly attachable function{'s' * (best.gained != 1)} for {_spent(best)}{each}"
            f"{_loaded(best)}")
    if len(forms) == 1:
        return f"{best.name} buys {what}"
    if best is most:
        return f"{best.name} buys most, and most per byte: {what}"
    return (f"{best.name} buys most per byte: {what}; {most.name} buys most, {most.gained:,} for "
            f"{_spent(most)}{_loaded(most, best)}")


def _loaded(form, before=None):
    """Whether the running kernel loads a form, as a clause, '' if that is not known; after the clause of another."""
    if form.loads not in LOADS:
        return ""
    loads = form.loads == "yes"
    if loads and form.after_dedup < form.gained:
        left = f"leaves {int(form.after_dedup):,} of them" if form.after_dedup else "undoes it"
        return f", but libbpf's dedup {left}"
    if before is None or before.loads not in LOADS:
        return ", and the running kernel loads it" if loads else ", but the running kernel refuses it"
    if loads:
        return ", and loads too" if before.loads == "yes" else ", and loads"
    return ", and is refused too" if before.loads == "no" else ", but is refused"


def cost(frame, ax):
    """Bars of the bytes that each form adds to today's file, by part, the least first, and beside them in columns what
    it adds and buys.

    Parts that shrink the file stand left of 0. The forms that the title names lie on a band. Columns of which nothing
    is known are left out. On a narrow figure names stand above the bars, and the most telling numbers with them.

    Parameters
    ----------
    frame : DataFrame
        encoding (str), type_bytes, string_bytes, section_bytes (int64, bytes over today's file: in the type section, in
        the strings, everywhere else), added_percent (float64, of today's file), zstd_added (Int64, bytes over today's
        file, both compressed; missing if not measured), newly_attachable (int64, functions that are attachable with
        this form and are not today), bytes_each (float64, NaN if none is), loads (str: yes, no, or -, by the running
        kernel), after_dedup (Int64: those of these that still are after libbpf's dedup; missing if not known).
    ax : matplotlib Axes

    Returns
    -------
    matplotlib Axes

    Notes
    -----
    bytes_each is for readers of the frame: the plot divides itself, since a CSV file has two decimals.
    """
    style.title(ax, cost_finding(frame))
    forms = _forms(frame)
    if not forms:
        return style.empty(ax)
    (_narrow if style.narrow(ax) else _wide)(ax, forms)
    return ax


def _ends(forms):
    """Where the bars begin and end, bytes."""
    low = min(0, *(sum(min(0, getattr(f, part)) for part, _, _ in PARTS) for f in forms), 0)
    high = max(0, *(sum(max(0, getattr(f, part)) for part, _, _ in PARTS) for f in forms), 0)
    return low, high if high > low else low + 1000


def _axis(ax, low, high):
    """The axis of bytes, as long as the bars."""
    from matplotlib.ticker import MaxNLocator

    unit, factor = style.unit(max(high, -low))
    ax.xaxis.set_major_formatter(lambda x, pos: f"{x / factor:,g}")
    ax.set_xlim(low, high)
    ax.set_xticks([t for t in MaxNLocator(5).tick_values(low, high) if low <= t <= high])
    ax.set_xlabel(f"{unit} added to today's file", loc="left")
    style.no_spine(ax, "left")
    ax.tick_params(axis="y", length=0)


def _bars(ax, forms, ys, height):
    """The parts of each form one after the other, and a mark for what would be too thin to be seen."""
    ends = {True: [0] * len(forms), False: [0] * len(forms)}
    for part, colour, hatch in PARTS:
        sizes = [getattr(f, part) for f in forms]
        if not any(sizes):
            continue
        lefts = [ends[n > 0][i] for i, n in enumerate(sizes)]
        ax.barh(ys, sizes, left=lefts, height=height, color=colour, hatch=hatch, edgecolor=style.FAINT, linewidth=0.4,
                label=SAID[part])
        for i, n in enumerate(sizes):
            ends[n > 0][i] += n
    low, high = ax.get_xlim()
    thin = THIN * (high - low) / ax.bbox.width
    for i, (f, y) in enumerate(zip(forms, ys, strict=True)):
        if 0 < ends[True][i] - ends[False][i] < thin:
            part = max(PARTS, key=lambda p, f=f: abs(getattr(f, p[0])))
            ax.barh([y], [thin if f.added >= 0 else -thin], height=height, color=part[1], label="_thin")
        ax.plot([0, 0], [y - 0.8 * height, y + 0.8 * height], color=style.FAINT, linewidth=0.8, label="_zero")


def _legend(ax, room, down):
    """The legend of the parts, from the left, or to the right end of the room if it is wider."""
    width = sum(style.extent(ax, SAID[part])[0] + style.pixels(ax, 23) for part, _, _ in PARTS)
    side, x = ("left", 0) if width < room else ("right", room / ax.bbox.width)
    ax.legend(loc=f"lower {side}", bbox_to_anchor=(x, 1 - down), ncols=len(PARTS), frameon=False, borderpad=0,
              fontsize=style.SMALL, handlelength=1, handletextpad=0.5, columnspacing=1.2, borderaxespad=0)


def _columns(forms):
    """Columns of which something is known: (head, texts)."""
    found = [("bytes\nadded", [f"{f.added:,}" for f in forms]),
             ("percent", [_percent(f.percent) for f in forms])]
    if any(f.zstd == f.zstd for f in forms):
        found.append(("zstd\nadded", [f"{f.zstd:,.0f}" if f.zstd == f.zstd else "-" for f in forms]))
    found += [("newly at-\ntachable", [f"{f.gained:,}" for f in forms]),
              ("bytes\neach", [_each(f) or "-" for f in forms])]
    if any(f.loads in LOADS for f in forms):
        found.append(("running\nkernel", [LOADS.get(f.loads, "-") for f in forms]))
    return found


def _wide(ax, forms):
    columns, named = _columns(forms), _named(forms)
    most = NAMES * ax.get_figure(root=True).bbox.width
    ax.set_yticks(range(len(forms)), [style.clipped(ax, f.name, most, style.TEXT, f in named) for f in forms])
    for label, f in zip(ax.get_yticklabels(), forms, strict=True):
        label.set_fontweight("bold" if f in named else "normal")
    head = HEAD / ROW
    ax.set_ylim(len(forms) - 0.5, -0.5 - head)
    low, high = _ends(forms)
    _axis(ax, low, high)
    inches = (ROW * len(forms) + HEAD) / style.DPI
    style.settle(ax, inches, inches)

    gap = style.pixels(ax, 10)
    widths = [max(style.extent(ax, text, bold=True)[0] for text in (title, *texts)) for title, texts in columns]
    room = max(ax.bbox.width - sum(widths) - gap * (len(widths) + 0.5), ax.bbox.width / 8)
    scale = (high - low) / room
    ax.set_xlim(low, low + ax.bbox.width * scale)
    _bars(ax, forms, range(len(forms)), 0.62)
    style.end_axis(ax, low, high)
    _legend(ax, room, head / (len(forms) + head))
    across = ax.get_yaxis_transform()
    x = room + gap / 2
    for width, (title, texts) in zip(widths, columns, strict=True):
        x += gap + width
        ax.text(x / ax.bbox.width, -0.76, title, transform=across, ha="right", va="baseline", fontsize=style.SMALL,
                color=style.FAINT, linespacing=1.1)
        for y, (f, text) in enumerate(zip(forms, texts, strict=True)):
            ax.text(x / ax.bbox.width, y, text, transform=across, ha="right", va="center", fontsize=style.SMALL,
                    fontweight="bold" if f in named else "normal")
    for y, f in enumerate(forms):
        if f in named:
            ax.axhspan(y - 0.5, y + 0.5, color=style.BAND, zorder=0, linewidth=0, label="_band")


def _narrow(ax, forms):
    named = _named(forms)
    low, high = _ends(forms)
    _axis(ax, low, high)
    head = 22
    ax.set_yticks([])
    ax.set_ylim(head + BLOCK * len(forms), 0)
    inches = (head + BLOCK * len(forms)) / style.DPI
    style.settle(ax, inches, inches)
    _bars(ax, forms, [head + BLOCK * i + 24 for i in range(len(forms))], 9)
    style.end_axis(ax, low, high)
    _legend(ax, ax.bbox.width, 16 / (head + BLOCK * len(forms)))
    across = ax.get_yaxis_transform()
    for i, f in enumerate(forms):
        y, bold = head + BLOCK * i, "bold" if f in named else "normal"
        spent = f"{style.whole(f.added)}, {_percent(f.percent)} %"
        room = ax.bbox.width - style.extent(ax, spent, bold=True)[0] - style.pixels(ax, 8)
        ax.text(0, y + 10, style.clipped(ax, f.name, room, style.TEXT, bold == "bold"), transform=across, va="center",
                fontsize=style.TEXT, fontweight=bold)
        ax.text(1, y + 10, spent, transform=across, ha="right", va="center", fontsize=style.SMALL, fontweight=bold)
        said = [f"{f.gained:,} newly attachable"]
        said += [f"{_each(f)} bytes each"] if f.gained > 0 else []
        said += [LOADS[f.loads]] if f.loads in LOADS else []
        ax.text(0, y + 38, ", ".join(said), transform=across, va="center", fontsize=style.SMALL, color=style.FAINT)
        if f in named:
            ax.axhspan(y, y + BLOCK - 2, color=style.BAND, zorder=0, linewidth=0, label="_band")
