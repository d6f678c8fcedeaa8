"""Growth on many kernels: whether what is measured on one holds on the others."""

from __future__ import annotations

import re

from harness.report.plots import style

ROW, BLOCK, LINE = 21, 38, 18
"""Pixels of a row, of one on a narrow figure, and of a line of the legend."""

FULL = 3
"""Most encodings whose growth the title tells in full."""


def _growth(frame):
    """(kernels, encodings, percent by (kernel, encoding)): the newest kernels first, the largest growth first."""
    found = {(k, e): p for k, e, p in style.rows(frame, "kernel", "encoding", "percent")}
    kernels = sorted(dict.fromkeys(k for k, _ in found), key=lambda k: [-n for n in _version(k)])
    most = {}
    for (_, e), p in found.items():
        most[e] = max(p, most.get(e, p))
    return kernels, sorted(most, key=lambda e: (-most[e], e)), found


def _version(words):
    """The first numbers in a kernel's words, as [7, 3, 4]; none sorts last."""
    match = re.search(r"\d+(\.\d+)+", str(words))
    return [int(n) for n in match[0].split(".")] if match else []


def _number(percent):
    """Digits of a percentage: one decimal, two below 1."""
    text = f"{percent:.{1 if abs(percent) >= 0.995 or not percent else 2}f}"
    return text if float(text) else "0"


def _range(values):
    low, high = _number(min(values)), _number(max(values))
    return f"{low} %" if low == high else f"{low} to {high} %"


def growth_finding(frame):
    """Between what the growth of each encoding lies on all kernels."""
    kernels, encodings, found = _growth(frame)
    if not kernels:
        return "No kernel was measured"
    ranges = {e: _range([p for (_, other), p in found.items() if other == e]) for e in encodings}
    start = f"On {len(kernels)} kernels" if len(kernels) > 1 else f"On {style.clean(kernels[0])}"
    if len(encodings) <= FULL:
        return f"{start} addresses grow .BTF by " + ", ".join(f"{ranges[e]} as {style.clean(e)}" for e in encodings)
    least, most = (pick((p, e) for (_, e), p in found.items()) for pick in (min, max))
    return (f"{start} addresses grow .BTF by {_number(least[0])} % as {style.clean(least[1])} to "
            f"{_number(most[0])} % as {style.clean(most[1])}, in {len(encodings)} encodings")


def growth(frame, ax):
    """Dots: the growth of each encoding on each kernel, a row per kernel, the newest first.

    Parameters
    ----------
    frame : DataFrame
        kernel (str, with its version), encoding (str), percent (float64, more bytes than the baseline in percent of
        it). Kernels of one version stand in the order of the frame.
    ax : matplotlib Axes

    Returns
    -------
    matplotlib Axes
    """
    style.title(ax, growth_finding(frame))
    kernels, encodings, found = _growth(frame)
    if not kernels:
        return style.empty(ax)
    narrow = style.narrow(ax)
    row, down = (BLOCK, 26) if narrow else (ROW, ROW / 2)
    low, high = min(0.0, *found.values()), max(0.0, *found.values())
    high = high if high > low else low + 1
    width = ax.get_figure(root=True).bbox.width
    names = [style.clean(k) if narrow else style.clipped(ax, style.clean(k), 0.45 * width) for k in kernels]
    lines = _legend_lines(ax, encodings, width - 40 if narrow else 0.5 * width)
    head = LINE * len(lines) + 4
    ys = [head + row * i + down for i in range(len(kernels))]
    ax.set_ylim(head + row * len(kernels) + 2, 0)
    ax.set_yticks([] if narrow else ys, [] if narrow else names)
    ax.tick_params(axis="y", length=0, labelsize=style.SMALL)
    ax.set_xlim(low, high)
    ax.locator_params(axis="x", nbins=6)
    ax.xaxis.set_major_formatter(lambda x, pos: f"{x:g} %")
    ax.set_xlabel("growth of .BTF", loc="left")
    style.no_spine(ax, "left")
    inches = (head + row * len(kernels) + 2) / style.DPI
    style.settle(ax, inches, inches)

    after = max(style.extent(ax, _number(p))[0] for p in found.values()) + style.pixels(ax, 8)
    before = style.pixels(ax, 5)
    scale = (high - low) / max(1.0, ax.bbox.width - before - after)
    ax.set_xlim(low - before * scale, high + after * scale)
    style.end_axis(ax, low, high)
    ax.hlines(ys, low, high, color=style.RULE, linewidth=0.6, zorder=0.5, label="_rules")
    colours, marks = style.encoding_colours(encodings), {}
    for i, e in enumerate(encodings):
        mine = [(found[k, e], y) for k, y in zip(kernels, ys, strict=True) if (k, e) in found]
        marks[e] = ax.plot(*zip(*mine, strict=True), marker=style.MARKERS[i % len(style.MARKERS)], color=colours[e],
                           linestyle="none", markersize=6, markeredgecolor="white", markeredgewidth=0.5, label=e)[0]
    for k, y, name in zip(kernels, ys, names, strict=True):
        if narrow:
            ax.text(low, y - 16, style.clipped(ax, name, ax.bbox.width - before), va="center", fontsize=style.SMALL)
        _numbers(ax, sorted(found[k, e] for e in encodings if (k, e) in found), y, scale)
    _legend(ax, lines, marks, low)
    return ax


def _numbers(ax, values, y, scale):
    """Each value right of its dot, where the next dot leaves room for it."""
    beside = style.pixels(ax, 5)
    for value, following in zip(values, [*values[1:], None], strict=True):
        text = _number(value)
        if following is None or (following - value) / scale > style.extent(ax, text)[0] + 2.2 * beside:
            ax.annotate(text, (value, y), xytext=(5, 0), textcoords="offset points", va="center", fontsize=style.SMALL)


def _legend_lines(ax, encodings, room):
    """The encodings in lines of so many pixels, list of list of str, those that grow least first, as their dots are."""
    lines, used = [[]], 0.0
    for e in reversed(encodings):
        wide = style.extent(ax, style.clean(e))[0] + style.pixels(ax, 22)
        if lines[-1] and used + wide > room:
            lines.append([])
            used = 0.0
        lines[-1].append(e)
        used += wide
    return lines


def _legend(ax, lines, marks, low):
    """The names of the encodings beside their signs, above the rows."""
    scale = (ax.get_xlim()[1] - ax.get_xlim()[0]) / ax.bbox.width
    for i, line in enumerate(lines):
        x = low
        for e in line:
            sign, y = marks[e], LINE * i + LINE / 2
            ax.plot([x], [y], marker=sign.get_marker(), color=sign.get_color(), linestyle="none", markersize=6,
                    markeredgecolor="white", markeredgewidth=0.5, label="_legend")
            ax.annotate(style.clean(e), (x, y), xytext=(6, 0), textcoords="offset points", va="center",
                        fontsize=style.SMALL)
            x += (style.extent(ax, style.clean(e))[0] + style.pixels(ax, 22)) * scale
