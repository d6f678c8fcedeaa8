"""How many names have how many addresses."""

from __future__ import annotations

from harness.report.plots import labels, style

LOWEST, SLOTS = 0.6, 8
"""Foot of the bars, so that one name has a bar; least number of slots, so that no bar is a wall."""

GAP = 3
"""Longest run of numbers without a name that the axis shows; a longer one becomes a break."""


def addresses_per_name_finding(frame):
    """How many names are ambiguous, and the most ambiguous one."""
    counts = _counts(frame)
    total = sum(n for _, n, _ in counts)
    several = [(a, n, t) for a, n, t in counts if a > 1]
    if not total:
        return "No name has an address"
    if not several:
        return f"Each of {total:,} names has one address" if total > 1 else "The only name has one address"
    most, n, named = max(several)
    many = sum(n for _, n, _ in several)
    which = f" ({named})" if named else f" ({n:,} names)" if n > 1 else ""
    verb = "have" if many > 1 else "has"
    return f"{many:,} of {total:,} names {verb} more than one address, at most {most:,}{which}"


def addresses_per_name(frame, ax):
    """Bars on a logarithmic scale: names by the number of their addresses, the frame's texts over them.

    Long runs of numbers that no name has are left out of the axis, which has a break there.

    Parameters
    ----------
    frame : DataFrame
        addresses (int64), names (int64), named (str: text over that bar, '' for none).
    ax : matplotlib Axes

    Returns
    -------
    matplotlib Axes
    """
    style.title(ax, addresses_per_name_finding(frame))
    counts = {a: (n, text) for a, n, text in _counts(frame)}
    if not counts:
        return style.empty(ax)
    slots, breaks = _slots(list(counts))
    at = {a: slots[a] for a in counts}
    ax.bar(list(at.values()), [n for n, _ in counts.values()], width=0.8, color=style.NAMES)
    ax.set_yscale("log")
    ax.minorticks_off()
    top = max(n for n, _ in counts.values())
    ax.set_ylim(LOWEST, 4 * top)
    powers = [10**n for n in range(len(str(top)))]
    ax.set_yticks(powers, [f"{n:,}" for n in powers])
    ax.tick_params(axis="both", length=0)
    style.no_spine(ax, "left")
    last = max(SLOTS - 1, *slots.values())
    ax.set_xlim(-0.6, last + 0.6)
    ax.set_xlabel("addresses of one name" + (" (numbers that no name has are left out at ...)" if breaks else ""),
                  loc="left")
    ax.set_ylabel("names, logarithmic")
    wide = style.extent(ax, f"{max(counts):,}")[0] + style.pixels(ax, 4)
    step = 1
    while wide > step * ax.bbox.width / (last + 1.2):
        step += 1
    shown = [a for i, a in enumerate(slots) if step == 1 or i % step == 0 or a == max(counts)]
    ax.set_xticks([slots[a] for a in shown] + breaks, [f"{a:,}" for a in shown] + ["..."] * len(breaks))
    style.settle(ax)

    slot = ax.bbox.width / (ax.get_xlim()[1] - ax.get_xlim()[0])
    upright = _crowded(ax, at, counts, slot)
    room = style.pixels(ax, 8) + max(style.extent(ax, f"{n:,}")[not upright] for n, _ in counts.values())
    ax.set_ylim(LOWEST, LOWEST * (top / LOWEST) ** (ax.bbox.height / max(1, ax.bbox.height - room)))
    blocked, flags = [], []
    for a, (n, named) in counts.items():
        x, y = ax.transData.transform((at[a], n))
        ax.annotate(f"{n:,}", (at[a], n), xytext=(0, 2), textcoords="offset points", ha="center", va="bottom",
                    fontsize=style.SMALL, rotation=90 if upright else 0)
        w, h = style.extent(ax, f"{n:,}")
        w, h = (h, w) if upright else (w, h)
        over = y + style.pixels(ax, 3) + h
        blocked.append((x - max(w, 0.8 * slot) / 2, ax.bbox.y0, x + max(w, 0.8 * slot) / 2, over))
        if named:
            flags.append((x, over, named))
    _fly(ax, flags, blocked)
    return ax


def _counts(frame):
    """(addresses, names, named) of each row that has names; a CSV's empty cell may come back as NaN."""
    found = style.rows(frame, "addresses", "names", "named")
    return sorted((a, n, style.clean(text) if isinstance(text, str) else "") for a, n, text in found if n)


def _crowded(ax, at, counts, slot):
    """Whether the numbers over the bars are too wide to stand over each of them without touching another bar."""
    import numpy as np

    feet = [(*ax.transData.transform((at[a], n)), style.extent(ax, f"{n:,}")) for a, (n, _) in counts.items()]
    texts = np.array([(x - w / 2, y, x + w / 2, y + h) for x, y, (w, h) in feet])
    bars = np.array([(x - 0.4 * slot, ax.bbox.y0, x + 0.4 * slot, y) for x, y, _ in feet])
    return bool(labels.overlap(texts, bars).any() or (labels.overlap(texts, texts) > 0).sum() > len(feet))


def _slots(numbers):
    """Places on the axis of 1 up to the largest number, without long runs of absent ones; and places of the breaks."""
    slots, breaks, x, last = {}, [], 0, 0
    for a in sorted(numbers):
        missing = range(last + 1, a)
        if len(missing) > GAP:
            breaks.append(x + 0.5)
            x += 2
        else:
            for b in missing:
                slots[b] = x
                x += 1
        slots[a] = x
        x += 1
        last = a
    return slots, breaks


def _fly(ax, flags, blocked):
    """Texts like flags on poles over the bars, the rightmost first and lowest."""
    if not flags:
        return
    pad, rise = style.pixels(ax, 3), style.pixels(ax, 9)
    candidates = []
    flags = flags[::-1]
    for x, y, text in flags:
        w, h = style.extent(ax, text)
        mine = []
        for left in (False, True):  # at the left only where the right edge is near
            for level in range(40):
                foot, x0 = y + pad + rise * (level + 0.5), x - pad - w if left else x + pad
                mine.append(((x0, foot, x0 + w, foot + h), (x, y + pad, x, foot + h), rise * level + 400 * left))
        candidates.append(labels.places(mine))
    chosen = labels.place(candidates, blocked, (ax.bbox.x0, ax.bbox.y0, ax.bbox.x1, ax.bbox.y1 + 2))
    to_data = ax.transData.inverted().transform
    for (_, _, text), (box, line) in zip(flags, chosen, strict=True):
        (x, y0), (_, y1) = to_data(line[:2]), to_data(line[2:])
        ax.plot([x, x], [y0, y1], color=style.FAINT, linewidth=0.7)
        right = box[0] > line[0]
        ax.annotate(text, (x, y1), xytext=(3 if right else -3, 0), textcoords="offset points", va="top",
                    ha="left" if right else "right", fontsize=style.SMALL)
