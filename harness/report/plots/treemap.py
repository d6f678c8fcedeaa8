"""A file as an area: every byte has its place."""

from __future__ import annotations

from harness.report.plots import style
from harness.report.words import listed

BETWEEN = 0.02
"""Room between two files, as share of the width."""

GREYS = ("#D9D9D9", "#C6C6C6")
"""Of kinds without a colour of their own, in turn, so that neighbours differ."""


def _files(frame):
    """(files, parts, bytes by (file, part)); parts by their bytes in all files, the largest first."""
    sizes = {}
    for file, part, nbytes in style.rows(frame, "file", "part", "bytes"):
        sizes[file, part] = sizes.get((file, part), 0) + nbytes
    files, total = list(dict.fromkeys(f for f, _ in sizes)), {}
    for (_, part), nbytes in sizes.items():
        total[part] = total.get(part, 0) + nbytes
    return files, sorted((p for p in total if total[p]), key=lambda p: -total[p]), sizes


def treemap_finding(frame):
    """The three largest parts of a file, or what makes the largest file larger than the first."""
    files, parts, sizes = _files(frame)
    total = {f: sum(sizes.get((f, p), 0) for p in parts) for f in files}
    if not any(total.values()):
        return "No bytes"
    first = files[0]
    if len(files) == 1:
        three = sorted(parts, key=lambda p: -sizes.get((first, p), 0))[:3]
        said = [f"{style.percent(100 * sizes.get((first, p), 0) / total[first])} {style.clean(p)}" for p in three]
        return f"The {style.size(total[first])} of {style.clean(first)}: {', '.join(said)}"
    other = max(files[1:], key=lambda f: abs(total[f] - total[first]))
    deltas = {p: sizes.get((other, p), 0) - sizes.get((first, p), 0) for p in parts}
    grown = sorted((p for p in parts if deltas[p]), key=lambda p: -abs(deltas[p]))
    if not grown:
        return f"{listed(map(style.clean, files))} have the same bytes in each part"
    delta = total[other] - total[first]
    size = "as large as" if not delta else f"{style.size(abs(delta))} {'larger' if delta > 0 else 'smaller'} than"
    said = [f"{style.clean(p)} {style.size(deltas[p], sign=True)}" for p in grown[:3]]
    more = f" and {len(grown) - 3} more" if len(grown) > 3 else ""
    return f"{style.clean(other)} is {size} {style.clean(first)}: {', '.join(said)}{more}"


def treemap(frame, ax):
    """Rectangles whose areas are the bytes of the parts; several files side by side on the same scale.

    Parts that are too small for a label are listed below with their bytes.

    Parameters
    ----------
    frame : DataFrame
        file (str), part (str: a kind, header, strings ...), bytes (int64).
    ax : matplotlib Axes

    Returns
    -------
    matplotlib Axes
    """
    style.title(ax, treemap_finding(frame))
    files, parts, sizes = _files(frame)
    total = {f: sum(sizes.get((f, p), 0) for p in parts) for f in files}
    if not any(total.values()):
        return style.empty(ax)
    ax.set_xticks([])
    ax.set_yticks([])
    style.no_spine(ax, "left", "bottom")
    ax.set_xlim(0, 1)
    for _ in range(3):  # the list takes height from the areas, which can make it longer, though hardly twice
        style.settle(ax, 2.5)
        boxes, heads = _layout(ax, files, parts, sizes, total)
        texts = {key: _text(ax, key, box, sizes[key], total[key[0]]) for key, box in boxes.items()}
        small = style.wrapped(ax, _small(files, sizes, [key for key, text in texts.items() if text is None], total),
                              ax.bbox.width, style.SMALL)
        if small == ax.get_xlabel():
            break
        ax.set_xlabel(small, loc="left")
    ax.set_ylim(0, ax.bbox.height)
    ax.set_xlim(0, ax.bbox.width)
    colours = style.colours()
    own = [p for p in parts if p not in colours]
    from matplotlib.patches import Rectangle

    for key, (x, y, width, height) in boxes.items():
        part = key[1]
        colour = colours.get(part) or GREYS[own.index(part) % 2]
        ax.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="white", linewidth=min(
            0.8, min(width, height) / 3), label=f"{key[0]}: {part}"))
        if texts[key]:
            text, fontsize, upright = texts[key]
            ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=fontsize, linespacing=1.15,
                    rotation=90 if upright else 0, color="white" if part in ("FUNC", "other") else "black")
    for x, text in heads:
        ax.text(x, ax.bbox.height, text, ha="left", va="top")
    return ax


def _layout(ax, files, parts, sizes, total):
    """In pixels of the Axes: boxes (x, y, width, height) by (file, part), and heads (x, text) of several files."""
    import squarify

    head = style.extent(ax, "Xg", style.TEXT)[1] + style.pixels(ax, 4)
    gap = BETWEEN * ax.bbox.width
    some = [f for f in files if total[f]]
    room = ax.bbox.width - gap * (len(some) - 1)
    height = ax.bbox.height - head
    boxes, heads, x = {}, [], 0.0
    for f in some:
        width = room * total[f] / sum(total.values())  # one height, so that areas compare
        mine = [p for p in parts if sizes.get((f, p))]
        scaled = squarify.normalize_sizes([sizes[f, p] for p in mine], width, height)
        for p, r in zip(mine, squarify.squarify(scaled, 0, 0, width, height), strict=True):
            # squarify starts at the bottom; here the largest part is at the top left.
            boxes[f, p] = (x + r["x"], height - r["y"] - r["dy"], r["dx"], r["dy"])
        heads.append((x, _head(ax, f, total, files[0], width)))
        x += width + gap
    return boxes, heads


def _head(ax, file, total, first, width):
    """Name and size of a file, as much as fits over it."""
    name, delta = style.clean(file), total[file] - total[first]
    long = f"{name}: {total[file]:,} bytes"
    if file != first and total[first]:
        percent = style.percent(100 * delta / total[first], sign=True)
        tries = [f"{long} ({percent})", f"{name} {percent}"]
    else:
        tries = [long]
    for text in [*tries, f"{name} {style.size(total[file])}", name]:
        if style.extent(ax, text, style.TEXT)[0] <= width:
            break
    return text


def _text(ax, key, box, nbytes, total):
    """(text, font size, upright) that fits into a box, or None."""
    _, _, width, height = box
    pad = style.pixels(ax, 3)
    share, part = style.percent(100 * nbytes / total), style.clean(key[1])
    for upright in (False, True):
        w, h = (height, width) if upright else (width, height)
        for fontsize, text in ((style.TEXT, f"{part}\n{style.whole(nbytes)}\n{share}"),
                               (style.SMALL, f"{part}\n{style.whole(nbytes)}\n{share}"),
                               (style.SMALL, f"{part}\n{nbytes:,}\n{share}"),
                               (style.SMALL, f"{part} {nbytes:,}, {share}"), (style.SMALL, f"{part}\n{nbytes:,}")):
            tw, th = style.extent(ax, text, fontsize)
            if tw + pad <= w and th + pad <= h:
                return text, fontsize, upright
    return None


def _small(files, sizes, keys, total):
    """The parts without a label, with their bytes, and in which file if not the same in all."""
    if not keys:
        return ""
    said = []
    for part in dict.fromkeys(p for _, p in keys):
        mine = {}
        for f in files:
            if (f, part) in keys:
                mine.setdefault(sizes[f, part], []).append(style.clean(f))
        everywhere = len(mine) == 1 and len(next(iter(mine.values()))) == sum(bool(total[f]) for f in files)
        said += [f"{style.clean(part)} {n:,}" + ("" if everywhere else f" ({', '.join(names)})")
                 for n, names in mine.items()]
    return "Too small for a label, bytes: " + "; ".join(said)
