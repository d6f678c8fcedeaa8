"""From DIEs to FUNCs: what goes and what comes at each step."""

from __future__ import annotations

from harness.errors import MeasureError
from harness.report.plots import style

MAGNIFY = 10
"""The rest of the steps is drawn on a scale of its own if that magnifies it so many times."""

BETWEEN = 1.6
"""Rows between the two scales."""

BAR, LOW_BAR = (0.0, 0.7), (0.22, 0.36)
"""Place and height of a bar in its row: beside its label, or below it on a narrow figure."""


def _levels(frame):
    """Rows that are not 0 as (step, role, functions, before, after), and where a total is not what its steps give.

    Notes stand at the level of the row before them. After a wrong total, the total counts.
    """
    found, wrong, level = [], [], None
    for step, role, n in style.rows(frame, "step", "role", "functions"):
        before = level if level is not None else 0
        if role == "total":
            if level is not None and n != level:
                wrong.append((style.clean(step), n, level))
            level = n
        elif role in ("removed", "added"):
            level = before + (n if role == "added" else -n)
        elif role != "note":
            raise MeasureError(f"expected a role total, removed, added or note, found {role!r}")
        if n or role == "total":
            found.append((style.clean(step), role, n, before, level if level is not None else 0))
    return found, wrong


def funnel_finding(frame):
    """The first and the last total, and what goes between the totals before the last."""
    found, wrong = _levels(frame)
    totals = [i for i, row in enumerate(found) if row[1] == "total"]
    if wrong:
        step, n, level = wrong[0]
        return f"FAILED: {n:,} {step}, but the steps before give {level:,}"
    if not totals:
        return "No functions" if not found else f"{len(found)} steps without a total"
    first, last = found[totals[0]], found[totals[-1]]
    if len(totals) == 1:
        return f"{first[2]:,} {first[0]}"
    text = f"{first[2]:,} {first[0]} become {last[2]:,} {last[0]}"
    # Of the stretches between totals that lose for several reasons, the last: there it is decided what BTF says.
    for a, b in reversed(list(zip(totals, totals[1:], strict=False))):
        gone = [row for row in found[a + 1:b] if row[1] == "removed"]
        if len(gone) > 1 and found[a][2]:
            n = sum(row[2] for row in gone)
            if a == totals[0]:
                return text
            share = style.percent(100 * n / found[a][2])
            return f"{text}; of {found[a][2]:,} {found[a][0]}, {n:,} ({share}) are left out for {len(gone)} reasons"
    return text


def _split(found):
    """Row after which a second scale starts: the first total from where on all levels lie close together."""
    levels = [max(before, after) for _, _, _, before, after in found]
    whole = max(levels, default=0)
    for i, (_, role, *_) in enumerate(found[:-1]):
        rest = [level for *_, before, after in found[i + 1:] for level in (before, after)]
        if role == "total" and len(rest) > 2 and (max(rest) - min(rest)) * MAGNIFY <= whole:
            return i
    return None


def funnel(frame, ax):
    """A waterfall of bars: totals are levels, what is removed or added hangs between them; each number is printed.

    Where the later steps are so small that a common scale would hide them, they stand below on a magnified scale that
    does not start at 0; the lines between show which piece of the upper scale it is.

    Parameters
    ----------
    frame : DataFrame
        step (str), role (str: total, removed, added, note), functions (int64, not negative), in order. Rows of 0 are
        left out unless they are totals. Notes have a number and no bar.
    ax : matplotlib Axes
        Of the upper scale; the magnified one is an inset Axes of it.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    MeasureError
        A role is none of these.
    """
    style.title(ax, funnel_finding(frame))
    found, _ = _levels(frame)
    if not found:
        return style.empty(ax)
    split = _split(found)
    ys = [i + (BETWEEN if split is not None and i > split else 0) for i in range(len(found))]
    bottom = ys[-1] + 0.5
    upper = range(len(found) if split is None else split + 1)
    whole = max(1, *(max(found[i][3:]) for i in upper))
    steps = [("of these: " if role == "note" else "") + step for step, role, *_ in found]
    narrow = style.narrow(ax)
    ax.set_ylim(bottom, -0.5)
    ax.set_yticks([] if narrow else ys, [] if narrow else steps)
    ax.tick_params(axis="y", length=0, labelsize=style.SMALL)
    ax.xaxis.tick_top()
    ax.xaxis.set_major_formatter(lambda x, pos: f"{x:,.0f}")
    ax.tick_params(axis="x", length=2, pad=1)
    ax.set_xlim(0, whole)
    ax.locator_params(axis="x", nbins=3 if narrow else 5)
    style.no_spine(ax, "left", "bottom")
    if split is not None:
        low, high = _piece(found, split)
        ax.set_xlabel(f"lower scale: magnified {whole / (high - low):,.0f} times" + ", does not start at 0" * (low > 0),
                      loc="left")
    numbers = [("-" if role == "removed" else "+" if role == "added" else "") + f"{n:,}" for _, role, n, *_ in found]
    least, most = (0.34, 0.34) if narrow else (0.185, 0.26)
    style.settle(ax, least * (bottom + 0.5), most * (bottom + 0.5))

    room = max(style.extent(ax, text, bold=True)[0] for text in numbers) + style.pixels(ax, 8)
    share = 1 if narrow else 1 - room / ax.bbox.width  # the bars' part of the width, the numbers' column has the rest
    ax.set_xlim(0, whole / share)
    ax.set_xticks([t for t in ax.get_xticks() if t <= whole])
    ax.spines["top"].set_bounds(0, whole)
    for step, text, y, (_, role, *_) in zip(steps, numbers, ys, found, strict=True):
        place = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": style.SMALL,
                 "fontweight": "bold" if role == "total" else "normal",
                 "color": style.FAINT if role == "note" else style.INK}
        ax.text(1, y - narrow * 0.18, text, ha="right", **place)
        if narrow:
            ax.text(0, y - 0.18, style.clipped(ax, step, ax.bbox.width - room, bold=role == "total"), **place)
    _bars(ax, [(ys[i], *found[i]) for i in upper], 0)
    if split is not None:
        _magnified(ax, found, ys, split, share)
    return ax


def _piece(found, split):
    """The piece of the scale that the rows after split need; below it totals get a stump to be seen."""
    levels = [level for row in found[split + 1:] for level in row[3:]]
    low, high = min(levels), max(max(levels), min(levels) + 1)
    return max(0, low - (high - low) / 8), high


def _bars(ax, rows, start):
    """Bars from before to after, of totals from the start of the scale; thin lines at the level from bar to bar."""
    down, height = LOW_BAR if style.narrow(ax) else BAR
    joint = style.RULE if style.narrow(ax) else style.FAINT  # where it runs through the labels, they come first
    for role, colour in (("total", style.TOTAL), ("removed", style.REMOVED), ("added", style.ADDED)):
        mine = [row for row in rows if row[2] == role]
        if mine:
            lefts = [start if role == "total" else min(row[4], row[5]) for row in mine]
            widths = [row[5] - start if role == "total" else row[3] for row in mine]
            ax.barh([row[0] + down for row in mine], widths, left=lefts, height=height, color=colour, label=role)
    for one, two in zip(rows, rows[1:], strict=False):
        ax.plot([one[5]] * 2, [one[0] + down, two[0] + down], color=joint, linewidth=0.7, zorder=0.5)


def _magnified(ax, found, ys, split, share):
    """The rows after split in an inset Axes, and the lines that lead there."""
    rows = [(ys[i], *found[i]) for i in range(split + 1, len(found))]
    low, high = _piece(found, split)
    top, bottom = ys[split + 1] - 0.5, ys[-1] + 0.5
    height = bottom + 0.5
    inset = ax.inset_axes([0, 0, share, (bottom - top) / height])
    inset.set_facecolor("none")
    inset.set_ylim(bottom, top)
    inset.set_xlim(low, high)
    inset.set_yticks([])
    inset.xaxis.tick_top()
    inset.xaxis.set_major_formatter(lambda x, pos: f"{x:,.0f}")
    inset.tick_params(axis="x", length=2, pad=1, labelsize=style.SMALL, labelcolor=style.FAINT)
    inset.locator_params(axis="x", nbins=3 if style.narrow(ax) else 5)
    style.no_spine(inset, "left", "right", "bottom")
    inset.spines["top"].set_visible(True)
    _bars(inset, rows, low)
    down, tall = LOW_BAR if style.narrow(ax) else BAR
    if low > 0:  # a cut edge: these bars go on to 0
        for row in rows:
            if row[2] == "total":
                step = (high - low) / 150
                edge = [row[0] + down + (tall + 0.1) * (i / 4 - 0.5) for i in range(5)]
                inset.plot([low + step * (1 + i % 2) for i in range(5)], edge, color="white", linewidth=2.5)
    # Where the piece lies on the upper scale, and what it becomes.
    foot = ys[split] + 0.42
    scale = ax.get_xlim()[1]
    for x, x_below in ((low, 0), (high, share * scale)):
        ax.plot([x, x_below], [foot, top - 0.95], color=style.FAINT, linewidth=0.7, linestyle=":")
    return inset
