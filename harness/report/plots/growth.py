"""Bytes: what each file is made of and how much it grows, raw and compressed."""

from __future__ import annotations

from harness.report.plots import style
from harness.report.words import listed

TWO_LINES, ONE_LINE = 30, 14
"""Height in pixels of a bar that holds so many lines of text."""

VISIBLE = 2
"""Width in pixels below which a part has no entry in the legend: nobody could see it."""


def _stacks(frame):
    """(encodings, parts, bytes by (encoding, part)), parts in the order of the stack and those that have bytes."""
    sizes = {}
    for encoding, part, nbytes in style.rows(frame, "encoding", "part", "bytes"):
        sizes[encoding, part] = sizes.get((encoding, part), 0) + nbytes
    encodings = list(dict.fromkeys(e for e, _ in sizes))
    known = style.colours()
    known = [*known, *(p for p in dict.fromkeys(p for _, p in sizes) if p not in known)]
    return encodings, [p for p in known if any(sizes.get((e, p)) for e in encodings)], sizes


def bytes_by_encoding_finding(frame):
    """How much each encoding adds to the baseline, or what the only file is made of."""
    encodings, parts, sizes = _stacks(frame)
    if not encodings:
        return "No file was measured"
    total = {e: sum(sizes.get((e, p), 0) for p in parts) for e in encodings}
    base, *others = encodings
    if not others:
        if not total[base]:
            return f".BTF as {style.clean(base)} has 0 bytes"
        most = max(parts, key=lambda p: sizes[base, p])
        return (f".BTF as {style.clean(base)} has {total[base]:,} bytes, "
                f"{style.percent(100 * sizes[base, most] / total[base])} of them {style.clean(most)}")
    grown = sorted(((total[e] - total[base], style.clean(e)) for e in others), key=lambda g: g[0])
    if len({delta for delta, _ in grown}) == 1 and not grown[0][0]:
        return f"Addresses add nothing to .BTF as {listed(e for _, e in grown)}"
    if len(grown) > 3:  # the title holds two lines
        said = [f"{_change(delta, total[base])} ({e})" for delta, e in (grown[0], grown[-1])]
        return f"Addresses change .BTF by {' to '.join(said)}, {len(others)} encodings over {style.clean(base)}"
    if all(delta > 0 for delta, _ in grown):
        return "Addresses grow .BTF " + ", ".join(
            f"by {_change(delta, total[base]).removeprefix('+')} as {e}" for delta, e in grown)
    return "Addresses change .BTF " + ", ".join(
        f"by {_change(delta, total[base])} as {e}" if delta else f"not at all as {e}" for delta, e in grown)


def _change(delta, base):
    return style.percent(100 * delta / base, sign=True) if base else style.size(delta, sign=True)


def bytes_by_encoding(frame, ax):
    """Stacked bars: the bytes of each file by part, and how many more than in the first.

    Parts are named in the first bar; in the other bars those that grew, with their growth.

    Parameters
    ----------
    frame : DataFrame
        encoding (str, the baseline first), part (str, see style.colours), bytes (int64).
    ax : matplotlib Axes

    Returns
    -------
    matplotlib Axes
    """
    style.title(ax, bytes_by_encoding_finding(frame))
    encodings, parts, sizes = _stacks(frame)
    if not encodings:
        return style.empty(ax)
    left = dict.fromkeys(encodings, 0)
    segments = []
    for part in parts:
        widths = [sizes.get((e, part), 0) for e in encodings]
        ax.barh(encodings, widths, left=list(left.values()), height=0.7, label=part, edgecolor="white", linewidth=0.6,
                color=style.colours().get(part, style.FAINT))
        for e, width in zip(encodings, widths, strict=True):
            segments.append((e, part, left[e], width))
            left[e] += width
    base = left[encodings[0]]
    ax.set_ylim(len(encodings) - 0.5, -0.5)
    ax.set_yticks(range(len(encodings)), [style.clean(e) for e in encodings])
    ax.tick_params(axis="y", length=0)
    unit, factor = style.unit(max(left.values()))
    ax.xaxis.set_major_formatter(lambda x, pos: f"{x / factor:,g}")
    ax.set_xlabel(f"size of .BTF, {unit}" + f" ({factor:,.0f} bytes)" * (factor > 1), loc="left")
    ax.set_xlim(0, max(1, *left.values()))
    style.settle(ax, 0.3 * len(encodings), 0.9 * len(encodings))

    two = ax.bbox.height / len(encodings) > 36
    texts = []
    for e in encodings:
        delta = left[e] - base
        text = style.whole(left[e])
        if e != encodings[0]:
            text = style.whole(delta, sign=True)
            if base and delta:
                text += f"\n{100 * delta / base:+.2f} %" if two else f" ({100 * delta / base:+.2f} %)"
        texts.append(text)
    pad = style.pixels(ax, 5)
    # Each bar must leave room for its text, which stands beyond the line of the baseline's size.
    ends = {e: max(size, base) for e, size in left.items()}
    room = [max(1.0, ax.bbox.width - 2 * pad - style.extent(ax, text, style.TEXT)[0]) for text in texts]
    ax.set_xlim(0, max(1, *(ends[e] * ax.bbox.width / r for e, r in zip(encodings, room, strict=True))))
    style.end_axis(ax, 0, max(left.values()))
    for y, (e, text) in enumerate(zip(encodings, texts, strict=True)):
        ax.annotate(text, (ends[e], y), xytext=(5, 0), textcoords="offset points", va="center")
    if len(encodings) > 1:
        ax.axvline(base, color=style.INK, linewidth=0.8, linestyle=":")
    unnamed = _name_segments(ax, encodings, sizes, segments)
    if unnamed:
        from matplotlib.transforms import ScaledTranslation

        # On the line of the axis label, whose left part is taken.
        down = ScaledTranslation(0, -17 / 72, ax.get_figure(root=True).dpi_scale_trans)
        handles = dict(zip(parts, ax.containers, strict=True))
        ax.legend([handles[p] for p in unnamed], [style.clean(p) for p in unnamed], ncols=len(unnamed), frameon=False,
                  loc="upper right", bbox_to_anchor=(1, 0), bbox_transform=ax.transAxes + down, fontsize=style.SMALL,
                  handlelength=1, handletextpad=0.5, columnspacing=1.2, borderaxespad=0, borderpad=0)
    return ax


def _name_segments(ax, encodings, sizes, segments):
    """Write into the bars what fits; return the parts that can be seen and are nowhere named."""
    scale = ax.bbox.width / ax.get_xlim()[1]
    height = 0.7 * ax.bbox.height / len(encodings)
    named, seen = set(), {}
    line = sum(width for e, _, _, width in segments if e == encodings[0]) * scale
    for e, part, left, width in segments:
        delta = width - sizes.get((encodings[0], part), 0)
        seen[part] = max(seen.get(part, 0), width * scale)
        if e != encodings[0] and not delta:
            continue
        name = style.clean(part)
        number = style.size(width) if e == encodings[0] else style.size(delta, sign=True)
        tries = [(f"{name}\n{number}", style.SMALL), (f"{name}\n{number}", style.TINY)] if height >= TWO_LINES else []
        for text, fontsize in [*tries, (f"{name} {number}", style.SMALL), (name, style.SMALL), (name, style.TINY)]:
            w, h = style.extent(ax, text, fontsize)
            # The dotted line of the baseline's size cuts a bar in two; the text goes into the larger piece.
            x0, x1 = left * scale, (left + width) * scale
            pieces = [(x0, line), (line, x1)] if e != encodings[0] and x0 < line < x1 else [(x0, x1)]
            x0, x1 = max(pieces, key=lambda piece: piece[1] - piece[0])
            if height >= ONE_LINE and w + 2 <= x1 - x0 and h <= height + 4:
                ax.text((x0 + x1) / 2 / scale, encodings.index(e), text, ha="center", va="center", fontsize=fontsize,
                        color="white" if part in ("FUNC", "other") else "black", linespacing=1.1)
                named.add(part)
                break
    return [p for p in seen if p not in named and seen[p] >= VISIBLE]


def _forms(frame):
    """(encodings, forms, {(encoding, form): (bytes, delta, percent)})."""
    values = {(e, f): (b, d, p) for e, f, b, d, p in style.rows(frame, "encoding", "form", "bytes", "delta", "percent")}
    return list(dict.fromkeys(e for e, _ in values)), list(dict.fromkeys(f for _, f in values)), values


def growth_compressed_finding(frame):
    """What becomes of the growth when the file is compressed, by the first compressor of the frame."""
    encodings, forms, values = _forms(frame)
    others = sorted((e for e in encodings[1:] if all((e, f) in values for f in forms[:2])),
                    key=lambda e: -values[e, forms[0]][1])
    if not encodings:
        return "No file was measured"
    base = style.clean(encodings[0])
    if len(encodings) == 1:
        return f"Only {base} was made: " + ", ".join(f"{values[encodings[0], f][0]:,} bytes {f}" for f in forms)
    if not others:
        return f"No growth over {base} was measured both raw and compressed"
    if len(forms) == 1:
        return f"Growth over {base}, {forms[0]}: " + ", ".join(
            f"{style.clean(e)} {style.size(values[e, forms[0]][1], sign=True)}" for e in others)
    raw, form = forms[:2]
    if not any(values[e, f][1] for e in others for f in (raw, form)):
        return f"Nothing grows over {base}, neither {raw} nor with {form}"
    shown = others if len(others) < 3 else [others[0], others[-1]]
    said = [f"{style.clean(e)} adds {_of(values[e, form])} instead of {_of(values[e, raw])}" for e in shown]
    return f"Compressed with {form}, {', '.join(said)}"


def _of(value):
    _, delta, percent = value
    return f"{style.size(delta)} ({style.percent(percent, sign=True)})" if delta else "nothing"


def growth_compressed(frame, ax):
    """Bars: bytes that each encoding adds to the baseline, raw and compressed; the baseline's own sizes as text.

    Parameters
    ----------
    frame : DataFrame
        encoding (str, the baseline first), form (str: raw, or a compressor and its level; raw first), bytes (int64),
        delta (int64, bytes over the baseline of that form), percent (float64, delta in percent of it).
    ax : matplotlib Axes

    Returns
    -------
    matplotlib Axes
    """
    style.title(ax, growth_compressed_finding(frame))
    encodings, forms, values = _forms(frame)
    if not encodings:
        return style.empty(ax)
    base, *others = encodings
    rows, heads, y = [], [], 0.0
    for e in others or [base]:
        mine = [f for f in forms if (e, f) in values]
        heads.append((y + (len(mine) - 1) / 2, style.clean(e)))
        for f in mine:
            nbytes, delta, percent = values[e, f]
            grown = style.whole(delta, sign=True) + f" ({percent:+.2f} %)" * bool(delta)
            rows.append((y, e, f, delta, grown) if others else (y, e, f, nbytes, style.whole(nbytes)))
            y += 1
        y += 0.7  # between groups
    colours = style.encoding_colours(encodings)
    for e in others or [base]:
        mine = [row for row in rows if row[1] == e]
        bars = ax.barh([row[0] for row in mine], [row[3] for row in mine], height=0.82, color=colours[e], label=e)
        for bar, row in zip(bars, mine, strict=True):  # a lighter tint for each compressor
            bar.set_alpha(max(0.25, 1 - 0.35 * forms.index(row[2])))
    low, high = min(0, *(row[3] for row in rows), 0), max(0, *(row[3] for row in rows), 0)
    high = high if high > low else 1000
    unit, factor = style.unit(max(high, -low))
    ax.set_xlim(low, high)
    ax.xaxis.set_major_formatter(lambda x, pos: f"{x / factor:,g}")
    ax.set_ylim(y - 1, -0.7)
    ax.set_yticks([row[0] for row in rows], [style.clean(row[2]) for row in rows])
    ax.tick_params(axis="y", length=0, labelcolor=style.FAINT, labelsize=style.SMALL)
    sizes = ", ".join(f"{values[base, f][0]:,} {style.clean(f)}" for f in forms if (base, f) in values)
    ax.set_xlabel(f"{unit} added to {style.clean(base)} (bytes: {sizes})" if others else f"size of .BTF, {unit}",
                  loc="left")
    back = max(style.extent(ax, row[2])[0] for row in rows) + max(style.extent(ax, e, style.TEXT)[0] for _, e in heads)
    for at, e in heads:
        ax.annotate(e, (0, at), xycoords=ax.get_yaxis_transform(), textcoords="offset points", va="center",
                    xytext=(-back / style.pixels(ax, 1) - 16, 0))
    style.settle(ax, 0.17 * y, 0.3 * y)

    def room(texts):
        return max((style.extent(ax, text)[0] + style.pixels(ax, 8) for text in texts), default=0)

    before, after = room(row[4] for row in rows if row[3] < 0), room(row[4] for row in rows if row[3] >= 0)
    scale = max(1.0, ax.bbox.width - before - after) / (high - low)
    ax.set_xlim(low - before / scale, high + after / scale)
    style.end_axis(ax, low, high)
    if low < 0:
        style.no_spine(ax, "left")
        ax.axvline(0, color=style.FAINT, linewidth=0.8)
    for at, _, _, length, text in rows:
        ax.annotate(text, (length, at), xytext=(5 if length >= 0 else -5, 0), textcoords="offset points", va="center",
                    ha="left" if length >= 0 else "right", fontsize=style.SMALL)
    return ax
