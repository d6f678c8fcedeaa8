"""Plots: each takes a tidy frame and an Axes, draws exactly the frame, and returns the Axes.

Colours are Okabe and Ito's, which stay apart for colour-blind eyes; encodings also differ in marker.
"""

from __future__ import annotations

import io

COLOURS = {
    "shared types": "#999999",
    "FUNC_PROTO": "#56B4E9",
    "FUNC": "#0072B2",
    "DECL_TAG": "#D55E00",
    "strings": "#EFE58B",
    "other": "#000000",
}
"""By part of a file, in the order of the stack."""

ENCODING_COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")

STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so the same everywhere
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "svg.hashsalt": "btf-harness",
    "svg.fonttype": "path",
    "path.simplify": False,
}

WIDTH_INCHES, DPI = 8, 100

VISIBLE = 0.001
"""Share of the widest bar below which a part has no entry in the legend: nobody could see it."""

PLAIN, STRIKING = "#555555", "#B04A00"
"""Colours of annotations; both read well on white."""


def bytes_by_encoding(frame, ax):
    """Stacked bars of bytes.

    Parameters
    ----------
    frame : DataFrame
        encoding, part (of COLOURS), bytes; the baseline first.
    ax : matplotlib Axes
    """
    encodings = list(dict.fromkeys(frame.encoding))
    parts = [p for p in COLOURS if frame.bytes[frame.part == p].sum()]
    left = dict.fromkeys(encodings, 0)
    for part in parts:
        widths = [int(frame.bytes[(frame.encoding == e) & (frame.part == part)].sum()) for e in encodings]
        ax.barh(encodings, widths, left=[left[e] for e in encodings], height=0.62, color=COLOURS[part], label=part,
                edgecolor="white", linewidth=0.5)
        for encoding, width in zip(encodings, widths, strict=True):
            left[encoding] += width
    total = frame.groupby("encoding").bytes.sum()
    base = int(total[encodings[0]])
    widest = max(int(total.max()), 1)
    for i, encoding in enumerate(encodings):
        size, text = int(total[encoding]), f"{int(total[encoding]):,} bytes"
        if i:
            text = f"{size - base:+,} bytes\n{100 * (size - base) / base:+.2f} %" if base else f"{size:+,} bytes"
        ax.text(size + 0.01 * widest, i, text, va="center", ha="left")
    ax.axvline(base, color="black", linewidth=0.8, linestyle=":")
    ax.set_xlim(0, 1.25 * widest)
    ax.xaxis.set_major_formatter(lambda x, pos: f"{x / 1e6:g}")
    ax.set_xlabel("size of the file, million bytes")
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    handles, labels = ax.get_legend_handles_labels()
    visible = [i for i, part in enumerate(labels) if frame.bytes[frame.part == part].max() > VISIBLE * widest]
    ax.legend([handles[i] for i in visible], [labels[i] for i in visible], ncols=max(1, len(visible)),
              loc="upper left", bbox_to_anchor=(0, -0.22), frameon=False, columnspacing=1.2, handlelength=1.2,
              borderaxespad=0)
    ax.set_title("What a file is made of, and how much it grows over " + encodings[0])
    return ax


def types_by_kind(frame, ax):
    """Number of types, one dot per kind and encoding; kinds that an encoding lacks have no dot.

    Parameters
    ----------
    frame : DataFrame
        kind, encoding, count.
    ax : matplotlib Axes
    """
    kinds = list(dict.fromkeys(frame.kind))
    encodings = list(dict.fromkeys(frame.encoding))
    step = 0.56 / max(1, len(encodings) - 1) if len(encodings) > 1 else 0
    for y, kind in enumerate(kinds):
        if y % 2:
            ax.axhspan(y - 0.5, y + 0.5, color="#f2f2f2", linewidth=0, zorder=0)
        counts = frame["count"][frame.kind == kind]
        low, high = counts.min(), counts.max()
        ax.text(1.02, y, f"{low:,}" if low == high else f"{low:,} to\n{high:,}", transform=ax.get_yaxis_transform(),
                va="center", fontsize=9, linespacing=0.9, color=PLAIN if low == high else STRIKING)
    for i, encoding in enumerate(encodings):
        mine = frame[(frame.encoding == encoding) & (frame["count"] > 0)]
        shift = (i - (len(encodings) - 1) / 2) * step
        ax.plot(mine["count"], [kinds.index(k) + shift for k in mine.kind], MARKERS[i % len(MARKERS)], markersize=4.5,
                color=ENCODING_COLOURS[i % len(ENCODING_COLOURS)], label=encoding, linestyle="none")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda x, pos: f"{x:,.0f}")
    ax.set_yticks(range(len(kinds)), kinds)
    ax.set_ylim(len(kinds) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#dddddd", linewidth=0.6, zorder=0)
    ax.set_axisbelow(True)
    ax.set_xlabel("number of types (logarithmic)")
    ax.legend(ncols=len(encodings), loc="upper left", bbox_to_anchor=(0, -0.1), frameon=False, borderaxespad=0)
    ax.set_title("Number of types by kind")
    return ax


def addresses_per_name(frame, ax, outliers=()):
    """How many names have how many addresses, as bars on a logarithmic scale, with the names of the largest.

    Parameters
    ----------
    frame : DataFrame
        addresses, names.
    ax : matplotlib Axes
    outliers : iterable of (int, str)
        Text to write over a number of addresses.
    """
    ax.bar(frame.addresses, frame.names, width=0.8, color=ENCODING_COLOURS[2])
    ax.set_yscale("log")
    top = max(2, int(frame.names.max()) if len(frame) else 2)
    ax.set_ylim(0.6, 4 * top)
    ax.yaxis.set_major_formatter(lambda y, pos: f"{y:,.0f}")
    count = dict(zip(frame.addresses, frame.names, strict=True))
    for n, names in count.items():
        ax.annotate(f"{names:,}", (n, names), xytext=(0, 2), textcoords="offset points", ha="center", va="bottom",
                    fontsize=8, color="#333333")
    for n, text in outliers:
        ax.annotate(text, (n, count.get(n, 1)), xytext=(0, 14), textcoords="offset points", rotation=90, ha="center",
                    va="bottom", fontsize=9, color=STRIKING)
    last = int(frame.addresses.max()) if len(frame) else 1
    ax.set_xlim(0.4 - 0.03 * last, last + 0.8)  # room for the number over the first bar
    if last <= 40:
        ax.set_xticks(range(1, last + 1))
    ax.set_xlabel("addresses of one name")
    ax.set_ylabel("names (logarithmic)")
    ax.set_title("Names by the number of their addresses")
    return ax


def draw(plot, frame, height_inches, **arguments):
    """A plot as files: dict of suffix to bytes, png and svg, the same for the same frame."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    out = {}
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}):
        figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
        FigureCanvasAgg(figure)
        plot(frame, figure.subplots(), **arguments)
        for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
            buffer = io.BytesIO()
            options = {"pil_kwargs": {"optimize": True}} if suffix == "png" else {}
            figure.savefig(buffer, format=suffix, dpi=DPI, metadata=metadata, **options)
            out[suffix] = buffer.getvalue()
    return out
