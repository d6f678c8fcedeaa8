"""What the bytes buy: growth of the file against functions that a tracer can attach to."""

from __future__ import annotations

from math import hypot
from typing import NamedTuple

from harness.report.plots import labels, style

SHORT = 12
"""More points than that have labels of one line."""

COVERED = 5.0
"""Points of type between markers: nearer ones share a label, for they cover each other."""


class Point(NamedTuple):
    """One encoding under one policy: growth and attachable as in the frame, cost and gain over the reference."""

    policy: str
    encoding: str
    growth: int
    attachable: int
    today: bool
    cost: int
    gain: int

    @property
    def name(self):
        """As on a label."""
        return f"{style.clean(self.encoding)}, {style.clean(self.policy)}"

    def said(self, points):
        """As in a sentence, with the policy if there are several."""
        several = len({p.policy for p in points}) > 1
        return style.clean(self.encoding) + f" with policy {style.clean(self.policy)}" * several


def _points(frame):
    """(points, reference): the reference is today's file, or the first row."""
    columns = style.rows(frame, "policy", "encoding", "growth", "attachable", "today")
    if not columns:
        return [], None
    first = next((row for row in columns if row[4]), columns[0])
    points = [Point(*row, row[2] - first[2], row[3] - first[3]) for row in columns]
    return points, points[columns.index(first)]


def _best(points):
    """The point that buys most functions per byte, what is free before what costs; None if none buys any."""
    return min((p for p in points if p.gain > 0), default=None,
               key=lambda p: (max(p.cost, 0) / p.gain, p.cost, -p.gain))


def _each(p):
    return f"{p.cost / p.gain:,.0f} bytes" if p.cost / p.gain >= 10 else f"{p.cost / p.gain:,.1f} bytes"


def tradeoff_finding(frame):
    """Which encoding and policy makes a function attachable for the fewest bytes."""
    points, reference = _points(frame)
    if not points:
        return "Nothing was measured"
    if len(points) == 1:
        return f"{reference.attachable:,} functions are attachable with {reference.name}"
    best = _best(points)
    than = "today" if reference.today else f"with {reference.said(points)}"
    if best is None:
        return f"Nothing makes more functions attachable than {than}: {reference.attachable:,}"
    text = f"{best.said(points)} buys most per byte: {best.gain:,} more attachable functions than {than}"
    return f"{text}, for {style.size(best.cost)} ({_each(best)} each)" if best.cost > 0 else f"{text}, at no growth"


def tradeoff(frame, ax):
    """Points: growth of the file (x) against attachable functions (y), each with its name and price.

    Colour tells the encoding, marker the policy; a thin line joins the policies of an encoding, a dotted one leads
    from the reference to the point that buys most per byte.

    Parameters
    ----------
    frame : DataFrame
        policy (str), encoding (str), growth (int64, bytes over one file, may be negative), attachable (int64,
        addresses of functions), today (bool: the reference; without one, the first row is).
    ax : matplotlib Axes

    Returns
    -------
    matplotlib Axes
    """
    style.title(ax, tradeoff_finding(frame))
    points, reference = _points(frame)
    if not points:
        return style.empty(ax)
    best = _best(points)
    colours = style.encoding_colours(p.encoding for p in points)
    marks = {p: style.MARKERS[i % len(style.MARKERS)] for i, p in enumerate(dict.fromkeys(p.policy for p in points))}
    for encoding, colour in colours.items():
        mine = sorted((p.growth, p.attachable) for p in points if p.encoding == encoding)
        ax.plot(*zip(*mine, strict=True), color=colour, linewidth=1, alpha=0.35, zorder=1, label=f"_{encoding}")
    if best is not None:
        ax.plot([reference.growth, best.growth], [reference.attachable, best.attachable], color=style.FAINT,
                linewidth=1, linestyle=(0, (1, 2)), zorder=1, label="_best")
    for p in points:
        ax.plot([p.growth], [p.attachable], marker=marks[p.policy], color=colours[p.encoding], markersize=7.5,
                markeredgecolor="white", markeredgewidth=0.7, linestyle="none", label=p.name, zorder=3)
    low, high = min(p.growth for p in points), max(p.growth for p in points)
    span = max(high - low, abs(high), 1000)
    ax.set_xlim(low - 0.05 * span, high + 0.06 * span if high > low else high + span)
    least, most = min(p.attachable for p in points), max(p.attachable for p in points)
    rise = max(most - least, 10)
    ax.set_ylim(least - 0.3 * rise, most + 0.12 * rise)
    unit, factor = style.unit(span)
    ax.xaxis.set_major_formatter(lambda x, pos: f"{x / factor:,.10g}")
    ax.yaxis.set_major_formatter(lambda y, pos: f"{y:,.10g}")
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.tick_params(length=0, labelsize=style.SMALL, labelcolor=style.FAINT)
    ax.grid(color=style.RULE, linewidth=0.6)
    style.no_spine(ax, "left", "bottom")
    over = f"today's file ({reference.name})" if reference.today else f"the file of {reference.name}"
    ax.set_xlabel(f"{unit} more than {over}", loc="left")
    ax.set_ylabel("attachable functions (not from 0)")
    style.settle(ax, 2.2 + 0.14 * len(points))
    _label(ax, points, reference)
    return ax


def _heaps(points, at, reference, distance):
    """Points no further than a distance from the first of their heap, tuples; the reference stands first in its own."""
    heaps = []
    for p in sorted(points, key=lambda p: p is not reference):
        heap = next((h for h in heaps if hypot(at[p][0] - at[h[0]][0], at[p][1] - at[h[0]][1]) < distance), None)
        if heap is None:
            heaps.append([p])
        else:
            heap.append(p)
    return [tuple(heap) for heap in heaps]


def _text(heap, reference, short):
    """The names of points that lie together, and what each costs and buys."""
    lines = []
    for p in heap:
        second = f"{p.gain:+,} for {style.size(p.cost, sign=True)}"
        if p is reference:
            second = f"{p.attachable:,} attachable" + ", today" * p.today
        elif p.gain > 0 and p.cost > 0:
            second = f"{p.gain:+,}, {_each(p)} each" if short else f"{second}: {_each(p)} each"
        lines.append(f"{p.name}: {second}" if short or len(heap) > 1 else f"{p.name}\n{second}")
    return "\n".join(lines)


def _label(ax, points, reference):
    """A text next to each point or heap of points, where there is room."""
    near, half = style.pixels(ax, 6), style.pixels(ax, 4.5)
    pixels = {p: tuple(map(float, ax.transData.transform((p.growth, p.attachable)))) for p in points}
    at = {heap: pixels[heap[0]] for heap in _heaps(points, pixels, reference, style.pixels(ax, COVERED))}
    texts = {heap: _text(heap, reference, len(points) > SHORT) for heap in at}
    markers = [(x - half, y - half, x + half, y + half) for x, y in at.values()]
    rings = [near * r for r in (1, 2, 3, 4, 5, 6, 8, 11, 15, 20)]
    # The heaps with the nearest neighbours choose first: they have the least choice.
    order = sorted(at, key=lambda h: (min((hypot(at[h][0] - x, at[h][1] - y) for q, (x, y) in at.items() if q != h),
                                          default=0), h))
    candidates = [labels.around(*at[place], *style.extent(ax, texts[place]), rings, 24) for place in order]
    rules = [tuple(map(float, ax.transData.transform(line.get_xydata()[k:k + 2]).ravel())) for line in ax.lines
             for k in range(len(line.get_xydata()) - 1)]
    chosen = labels.place(candidates, markers, tuple(map(float, ax.bbox.extents)), rules)
    to_data = ax.transData.inverted().transform
    for place, (box, line) in zip(order, chosen, strict=True):
        if line:
            (x0, y0), (x1, y1) = to_data(line[:2]), to_data(line[2:])
            ax.plot([x0, x1], [y0, y1], color=style.FAINT, linewidth=0.6, zorder=2, label="_leader")
        ax.annotate(texts[place], to_data(box[:2]), va="bottom", ha="left", fontsize=style.SMALL, linespacing=1.1)
