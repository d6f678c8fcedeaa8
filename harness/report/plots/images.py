"""A plot as PNG and SVG: small, the same bytes for the same frame, and SVGs that one HTML page can hold together."""

from __future__ import annotations

import hashlib
import io
import re

from harness.report.plots import style

PALETTE = 96
"""Colours of a PNG. Flat colours and text on white need few; a true-colour file is three times as large."""

LEVEL = 8
"""Of zlib: 9 takes three times as long for one percent less."""

FONTS = "'DejaVu Sans', 'Bitstream Vera Sans', Verdana, 'Noto Sans', Arial, sans-serif"
"""For SVG. The first three have the same design and nearly the same widths; the others are narrower."""


FILES = ("png", "svg")
"""Images of `draw` that become files of a report, by suffix; the narrow one is only for the page."""


def figure(plot, frame, height_inches, caption="", narrow=False, **arguments):
    """A plot in house style on a new Figure, laid out, ready for a notebook to show.

    Parameters
    ----------
    plot : callable
        One of the plot functions.
    frame : DataFrame
        What it draws.
    height_inches : float
        Height of the figure. Plots with rows make it larger or smaller where there are many or few.
    caption : str
        Says kernel, version, policy and the program's version; set small at the bottom, wrapped at the width.
    narrow : bool
        As wide as a phone's screen, 390 pixels, instead of 800.
    **arguments
        For the plot function.

    Returns
    -------
    matplotlib Figure
    """
    with _house():
        return _page(plot, frame, height_inches, caption, narrow, arguments)


def draw(plot, frame, height_inches, caption="", **arguments):
    """A plot as images, the same bytes for the same frame. Parameters as in `figure`.

    Returns
    -------
    dict of str to bytes
        png and svg, 800 pixels wide, and narrow, an SVG of 390 pixels for a phone's screen, which is no file of a
        report (FILES). Ids in an SVG start with a hash of the picture, so several can stand in one HTML page.
    """
    with _house():
        page = _page(plot, frame, height_inches, caption, False, arguments)
        narrow = _page(plot, frame, height_inches, caption, True, arguments)
        return {"png": _png(page), "svg": _svg(page), "narrow": _svg(narrow)}


def _house():
    """The house style, regardless of the caller's settings."""
    import matplotlib

    return matplotlib.rc_context({**matplotlib.rcParamsDefault, **style.STYLE, "backend": "agg"})


def _page(plot, frame, height_inches, caption, narrow, arguments):
    from harness.report.plots.page import Page

    page = Page(height_inches, caption, style.NARROW_INCHES if narrow else style.WIDTH_INCHES)
    plot(frame, page.ax, **arguments)
    return page


def _png(page):
    """As a PNG with a palette: the house's and the most frequent colours as they are, others as the nearest of them.

    What is flat stays exact this way, small markers too, which a palette of averages would mix; what changes are the
    edges of letters. Nothing is dithered.
    """
    import numpy as np
    from PIL import Image

    page.canvas.draw()
    pixels = np.asarray(page.canvas.buffer_rgba()).astype(np.uint32)
    colours, index, count = np.unique(pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2], return_inverse=True,
                                      return_counts=True)
    rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.int32)
    # Greys lie close together, so a thin coloured line must not lose its place to one more of them.
    weight = count * np.where(np.ptp(rgb, axis=1) > 24, 10, 1)
    house = np.isin(colours, [int(c[1:], 16) for c in style.house()])
    kept = np.sort(np.argsort(np.where(house, -pixels.size, -weight), kind="stable")[:PALETTE])
    nearest = ((rgb[:, None] - rgb[kept]) ** 2).sum(axis=2).argmin(axis=1).astype(np.uint8)
    image = Image.fromarray(nearest[index].reshape(pixels.shape[:2]), "P")
    image.putpalette(rgb[kept].astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "png", compress_level=LEVEL, dpi=(style.DPI, style.DPI))
    return buffer.getvalue()


def _svg(page):
    """As an SVG to embed in an HTML page: it affects nothing outside, and its ids are unique."""
    buffer = io.StringIO()
    page.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg"):]  # without a DOCTYPE, which HTML does not take in the middle
    # Names of groups (text_1) are the same in every plot and nothing refers to them.
    text = re.sub(r' id="(?:figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick|legend)_\d+"', "", text)
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    # A style sheet would hold for the whole HTML page; on the root element the same is inherited by this picture only.
    text = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>\s*", "", text, flags=re.DOTALL)
    # As large as the PNG; matplotlib says points, which browsers make 768 pixels.
    text = re.sub(r' (width|height)="([\d.]+)pt"',
                  lambda found: f' {found[1]}="{float(found[2]) * style.DPI / 72:.0f}"', text, count=2)
    text = text.replace("; font-family: 'DejaVu Sans'", "").replace(' transform="rotate(-0 ', ' transform="rotate(0 ')
    text = re.sub(r' transform="rotate\(0 [^"]*\)"', "", text)
    text = text.replace("<svg ", f'<svg role="img" style="font-family: {FONTS}; stroke-linejoin: round; '
                        'stroke-linecap: butt" ', 1)
    prefix = "p" + hashlib.sha256(text.encode()).hexdigest()[:8]
    text = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
    return text.encode()
