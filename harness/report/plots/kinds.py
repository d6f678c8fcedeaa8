"""Types by kind: where the encodings agree, and where they do not."""

from __future__ import annotations

from harness.report.plots import style
from harness.report.words import listed

LEFT = 0.7
"""Where the scale starts, so that a dot at 1 is whole."""


def _counts(frame):
    """(kinds, encodings, count by (kind, encoding)); a missing row counts as none."""
    counts = {(k, e): n for k, e, n in style.rows(frame, "kind", "encoding", "count")}
    return list(dict.fromkeys(k for k, _ in counts)), list(dict.fromkeys(e for _, e in counts)), counts


def types_by_kind_finding(frame):
    """The kinds whose counts differ between encodings, or the composition of the only file."""
    kinds, encodings, counts = _counts(frame)
    of = {k: [counts.get((k, e), 0) for e in encodings] for k in kinds}
    total = sum(of[k][0] for k in kinds)
    if not any(map(any, of.values())):
        return "No types"
    if len(encodings) == 1:
        most = sorted((k for k in kinds if of[k][0]), key=lambda k: -of[k][0])[:3]
        return f"{total:,} types in {style.clean(encodings[0])}: " + ", ".join(
            f"{style.percent(100 * of[k][0] / total)} {k}" for k in most)
    differ = [k for k in kinds if len(set(of[k])) > 1]
    if not differ:
        return f"All {len(encodings)} encodings have the same {total:,} types, kind by kind"
    if len(differ) > 3:
        return f"Encodings differ in {len(differ)} of {len(kinds)} kinds: {listed(differ)}"
    return f"Of {len(kinds)} kind{'s' * (len(kinds) > 1)}, encodings differ only in " + listed(
        f"{k} ({min(of[k]):,} to {max(of[k]):,})" for k in differ)


def types_by_kind(frame, ax):
    """Number of types on a logarithmic scale: one dot for a kind on which all encodings agree, else one for each.

    Parameters
    ----------
    frame : DataFrame
        kind (str), encoding (str), count (int64, types). A count of 0 has no dot, but is printed.
    ax : matplotlib Axes

    Returns
    -------
    matplotlib Axes
    """
    style.title(ax, types_by_kind_finding(frame))
    kinds, encodings, counts = _counts(frame)
    if not kinds:
        return style.empty(ax)
    colours = style.encoding_colours(encodings)
    marks = {e: style.MARKERS[i % len(style.MARKERS)] for i, e in enumerate(encodings)}
    points = {e: ([], []) for e in encodings}
    same, texts, ticks, y = ([], []), [], [], 0.0
    for kind in kinds:
        mine = [counts.get((kind, e), 0) for e in encodings]
        if len(set(mine)) == 1:
            ticks.append((y, kind))
            texts.append((y, mine[0], f"{mine[0]:,}", style.FAINT))
            if mine[0]:
                same[0].append(mine[0])
                same[1].append(y)
            y += 1
            continue
        ax.axhspan(y - 0.5, y + len(mine) - 0.5, color=style.BAND, linewidth=0, zorder=0)
        ticks.append((y + (len(mine) - 1) / 2, kind))
        for e, count in zip(encodings, mine, strict=True):
            texts.append((y, count, f"{count:,} {style.clean(e)}", style.INK))
            if count:
                points[e][0].append(count)
                points[e][1].append(y)
            y += 1
    ax.hlines([at for at, *_ in texts], LEFT, [max(count, LEFT) for _, count, *_ in texts], color=style.RULE,
              linewidth=0.6, zorder=1)
    ax.plot(*same, marker="o", color="white" if len(encodings) > 1 else style.INK, markeredgecolor=style.FAINT,
            markersize=5, linestyle="none", label="every encoding")
    for e, at in points.items():
        ax.plot(*at, marker=marks[e], color=colours[e], markersize=6, linestyle="none", label=e)
    most = max(1, *counts.values())
    ax.set_xscale("log")
    ax.minorticks_off()
    ax.xaxis.set_major_formatter(lambda x, pos: f"{x:,.0f}")
    ax.set_xlim(LEFT, 2 * most)
    ax.set_ylim(y - 0.4, -0.6)
    ax.set_yticks([at for at, _ in ticks], [style.clean(kind) for _, kind in ticks])
    ax.tick_params(axis="both", length=0)
    style.no_spine(ax, "left", "bottom")
    ax.set_xlabel("number of types, logarithmic; open: the same in every encoding" if len(encodings) > 1 else
                  f"number of types in {style.clean(encodings[0])}, logarithmic", loc="left")
    style.settle(ax, 0.17 * y, 0.25 * y)

    pad = style.pixels(ax, 7)
    room = max(style.extent(ax, text)[0] + pad for _, _, text, _ in texts)
    share = max(0.1, 1 - (room + pad) / ax.bbox.width)  # of the logarithmic width, what the texts leave
    ax.set_xlim(LEFT, LEFT * (max(most, 2) / LEFT) ** (1 / share))
    ax.set_xticks([10**n for n in range(len(str(most)))])  # the label of a larger one could leave the figure
    for at, count, text, colour in texts:
        ax.annotate(text, (max(count, LEFT), at), xytext=(6, 0), textcoords="offset points", va="center",
                    fontsize=style.SMALL, color=colour)
    return ax
