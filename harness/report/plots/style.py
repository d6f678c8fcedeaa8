"""House style of the plots: colours, markers, how numbers are written, and what each plot does to its Axes.

Colours are Okabe and Ito's, which stay apart for colour-blind eyes. Nothing depends on colour alone: encodings also
differ in marker or stand on rows of their own, parts of a stack differ in lightness from their neighbours, and the
values are printed. Sizes are decimal: 1 kB is 1,000 bytes, 1 MB is 1,000,000.
"""

from __future__ import annotations

import functools
import itertools
import re

from harness import encodings as enc


def colours():
    """Colour of each part of a file, dict in the order of the stack: those that all files have, and between them the
    kinds that encodings differ in. In grey: light, middle, dark, darker than middle, lightest, black."""
    kinds = {kind: encoding.colour for kind, encoding in enc.touched_kinds().items()}
    return {"shared types": "#CCCCCC", "FUNC_PROTO": "#56B4E9", **kinds, "strings": "#F5E97F", "other": "#000000"}


RESERVE = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
"""Of encodings that the registry does not know, such as those of a report made elsewhere; the others have their own."""

MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<")

TOTAL, REMOVED, ADDED = "#404040", "#E69F00", "#009E73"
"""Bars of the funnel, dark, light and middle in grey."""

NAMES = "#0072B2"
"""Bars that count names, which are no encoding's."""

INK, FAINT, RULE, BAND = "#1A1A1A", "#555555", "#DDDDDD", "#EFEFEF"
"""Text, less important text (7.5 to 1 on white), lines that only guide the eye, areas behind them."""


TINY, SMALL, TEXT, TITLE = 7.2, 8.64, 9.36, 11.52
"""Font sizes in points: 10, 12, 13 and 16 pixels at 100 dpi. Between whole pixels hinting makes letters uneven. TINY is
for names within narrow bars only."""

UNBROKEN = re.compile(r" (?!(?:[kMG]?B|bytes?|%)\b|%)")
"""Where a line may break: not between a number and its unit."""

LINE = 1.25
"""Height of a line of text in font sizes."""

WIDTH_INCHES, DPI = 8, 100

NARROW_INCHES, NARROW_TITLE = 3.9, 10.08
"""Width of a figure for a phone of 390 pixels, and the size of its title: 14 pixels."""

COLUMN = 5.5
"""Figures narrower than this many inches have no room for labels beside the bars: they stand above them."""

STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so the same everywhere
    "font.size": TEXT,
    "text.color": INK,
    "text.parse_math": False,  # a '$' in a symbol is a '$'
    "axes.edgecolor": FAINT,
    "axes.labelcolor": FAINT,
    "axes.labelsize": SMALL,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": TEXT,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "path.simplify": False,
    "svg.hashsalt": "btf-harness",
    # Text stays text, not outlines: the files are a fifth as large or less, and a page that holds them can be
    # searched. Widths then depend on the viewer's font. The stack in images.py starts with the fonts that have the
    # widths measured here, and those after them are narrower, so what does not overlap here does not overlap there.
    "svg.fonttype": "none",
}


def encoding_colours(encodings):
    """Colour of each encoding, dict by name: its own; for one not in the registry, one of RESERVE that no other has."""
    names = list(dict.fromkeys(encodings))
    found = {name: enc.REGISTRY[name].colour for name in names if name in enc.REGISTRY}
    left = itertools.cycle([c for c in RESERVE if c not in found.values()] or RESERVE)
    return {name: found.get(name) or next(left) for name in names}


def house():
    """Every colour of the house, with those of the encodings that are registered: frozenset."""
    return frozenset((*colours().values(), *(e.colour for e in enc.REGISTRY.values()), *RESERVE, TOTAL, REMOVED, ADDED,
                      NAMES, INK, FAINT, RULE, BAND, "#FFFFFF"))


def narrow(ax):
    """Whether the figure is for a narrow screen: labels belong above the bars, and only the most telling numbers."""
    return ax.get_figure(root=True).get_figwidth() < COLUMN


def title_size(ax):
    """Size of the title's letters, in points."""
    return NARROW_TITLE if narrow(ax) else TITLE


def size(nbytes, sign=False):
    """Bytes in three digits and a decimal unit: '453 kB', '+2.05 MB', '-3 bytes'; below 1,000 all digits."""
    plus = "+" if sign and nbytes > 0 else ""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        value = nbytes / factor
        if abs(value) >= 0.9995:
            digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
            return f"{plus}{value:,.{digits}f} {unit}"
    return plus + whole(nbytes)


def whole(nbytes, sign=False):
    """Bytes to the last digit: '1,234 bytes', '+1 byte', '+0 bytes'."""
    return f"{nbytes:{'+' if sign else ''},} byte" + ("s" if abs(nbytes) != 1 else "")


def unit(nbytes):
    """Unit of an axis that ends at about so many bytes: (name, bytes)."""
    return ("MB", 1e6) if nbytes >= 1e6 else ("kB", 1e3) if nbytes >= 1e3 else ("bytes", 1)


def percent(value, sign=False):
    """A percentage with one decimal, or as many as its first digit needs: '8.2 %', '+0.03 %'."""
    plus = "+" if sign and value > 0 else ""
    if value and abs(value) < 0.05:
        return f"{plus}{value:.1g} %" if abs(value) >= 0.0001 else f"{plus}{value:.0e} %"
    return f"{plus}{value:,.1f} %" if value else "0 %"


def clean(text):
    """Text in ASCII, as mails need it; names of symbols can hold any bytes, and a font lacks some characters."""
    text = str(text).replace("\u2026", "...").replace("\u2212", "-").replace("\n", " ")
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def rows(frame, *columns):
    """The frame's rows as tuples of Python values, which are faster to walk and print than the frame's own."""
    return list(zip(*(frame[c].tolist() for c in columns), strict=True))


def pixels(ax, points):
    """Typographic points as pixels of the Axes' figure."""
    return points * ax.get_figure(root=True).dpi / 72


@functools.cache
def _font(bold):
    from matplotlib import font_manager

    properties = font_manager.FontProperties(family=STYLE["font.family"], weight="bold" if bold else "normal")
    return font_manager.get_font(font_manager.findfont(properties))


@functools.cache
def _advance(character, size, bold):
    """Width of a character in pixels at a size in pixels: as hinted in a PNG or as designed, whichever is wider."""
    from matplotlib.ft2font import LoadFlags

    font = _font(bold)
    font.set_size(size, 72)
    hinted = font.load_char(ord(character), flags=LoadFlags.DEFAULT).horiAdvance / 64
    return max(hinted, font.load_char(ord(character), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536)


def extent(ax, text, fontsize=SMALL, bold=False):
    """Width and height of a text in pixels, from the widths of its characters.

    Asking matplotlib costs a millisecond for each new text, and wrapping and placing ask for hundreds.
    """
    size = pixels(ax, fontsize)
    lines = str(text).split("\n")
    return max(sum(_advance(c, size, bold) for c in line) for line in lines), size * LINE * len(lines)


def wrapped(ax, text, width, fontsize):
    """The text in lines of at most so many pixels."""
    return "\n".join(_lines(ax, text, width, fontsize))


def clipped(ax, text, width, fontsize=SMALL, bold=False):
    """The text, or as much of its beginning as fits so many pixels, and '...'."""
    if extent(ax, text, fontsize, bold)[0] <= width:
        return text
    n = len(text) - 1
    while n > 1 and extent(ax, text[:n] + "...", fontsize, bold)[0] > width:
        n -= 1
    return text[:n] + "..."


def balanced(ax, text, width, fontsize):
    """As `wrapped`, with lines of about one length, which is better for a title than a last line of one word."""
    n = len(_lines(ax, text, width, fontsize))
    even = extent(ax, text, fontsize)[0] / max(1, n)
    word = max(extent(ax, word, fontsize)[0] for word in re.split(UNBROKEN, text))
    for stretch in (1.0, 1.03, 1.06, 1.1, 1.15, 1.2, 1.3, 1.5):
        lines = _lines(ax, text, min(width, max(stretch * even, word)), fontsize)
        if len(lines) <= n:
            return "\n".join(lines)
    return wrapped(ax, text, width, fontsize)


def _lines(ax, text, width, fontsize):
    lines = []
    for word in re.split(UNBROKEN, text):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and extent(ax, longer, fontsize)[0] <= width:
            lines[-1] = longer
            continue
        lines.append(word)
        while extent(ax, lines[-1], fontsize)[0] > width and len(lines[-1]) > 1:
            word = lines.pop()  # wider than a line: it breaks where it must
            n = len(word) - 1
            while n > 1 and extent(ax, word[:n], fontsize)[0] > width:
                n -= 1
            lines += [word[:n], word[n:]]
    return lines


def end_axis(ax, low, high):
    """Let the x axis end where the values end: what is beyond is room for text."""
    ax.set_xticks([t for t in ax.get_xticks() if low <= t <= high])
    ax.spines["bottom"].set_bounds(low, high)


def title(ax, text):
    """Set the title: left, in lines that fit the Axes; `settle` makes that the whole figure for figures of `draw`."""
    points = title_size(ax)
    ax.set_title(balanced(ax, text, ax.bbox.width, points), loc="left", fontsize=points, color=INK)
    return ax


def settle(ax, least=0.0, most=None):
    """Give the Axes its final place, so that what follows can measure in pixels.

    Call it once limits, ticks, labels and legend are set, and before placing labels between them. On a figure of
    `draw` the Axes takes all the room that title and caption leave. On other figures their own layout runs.

    Parameters
    ----------
    ax : matplotlib Axes
    least, most : float
        Height of the Axes in inches. A figure of `draw` grows or shrinks where its own leaves less or more.
    """
    figure = ax.get_figure(root=True)
    if hasattr(figure, "settle"):
        figure.settle(ax, least, most)
    elif figure.get_layout_engine() is not None:
        figure.draw_without_rendering()


def empty(ax, words="no rows"):
    """Make the Axes say that there is nothing to draw; returns it."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color=FAINT)
    settle(ax)
    return ax


def no_spine(ax, *sides):
    """Hide spines."""
    for side in sides:
        ax.spines[side].set_visible(False)
