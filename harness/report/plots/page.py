"""The figure that `draw` makes: one Axes between title and caption. Imported only when something is drawn."""

from __future__ import annotations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.report.plots import style

MARGIN = 6
"""Pixels free at every edge."""

GAP = 9
"""Pixels between title, plot and caption."""


class Page(Figure):
    """A figure with one Axes, placed by `settle`.

    matplotlib's constrained layout would take twice as long, again for each format, and could not place labels once the
    size is known.

    Parameters
    ----------
    height_inches : float
    caption : str
        Small grey lines at the bottom, wrapped at the width.
    width_inches : float
    """

    def __init__(self, height_inches, caption="", width_inches=style.WIDTH_INCHES):
        super().__init__(figsize=(width_inches, height_inches), dpi=style.DPI)
        FigureCanvasAgg(self)
        self.ax = self.add_axes((0.1, 0.15, 0.85, 0.7))
        text = style.wrapped(self.ax, style.clean(caption), self.bbox.width - 2 * MARGIN, style.SMALL)
        self.caption = self.text(0, 0, text, fontsize=style.SMALL, color=style.FAINT, ha="left", va="bottom")

    def settle(self, ax, least=0.0, most=None):
        """See `style.settle`."""
        title = ax.get_title(loc="left").replace("\n", " ")
        points = style.title_size(ax)
        text = style.balanced(ax, title, self.bbox.width - 2 * MARGIN, points)
        ax.set_title("", loc="left")
        above = style.extent(ax, text, points)[1] + GAP if text else 0
        caption = self.caption.get_text()
        below = style.extent(ax, caption, style.SMALL)[1] + GAP if caption else 0

        around, box = ax.get_tightbbox(self.canvas.get_renderer()), ax.bbox
        left, right = box.x0 - around.x0 + MARGIN, around.x1 - box.x1 + MARGIN
        if style.narrow(ax) and ax.get_xlabel():
            words = style.wrapped(ax, ax.get_xlabel(), self.bbox.width - left - MARGIN, style.SMALL)
            ax.set_xlabel(words, loc="left")
            around = ax.get_tightbbox(self.canvas.get_renderer())
        bottom, top = box.y0 - around.y0 + MARGIN + below, around.y1 - box.y1 + MARGIN + above
        inches = max(self.get_figheight() - (bottom + top) / self.dpi, least)
        inches = inches if most is None else min(inches, max(least, most))
        self.set_figheight(round((bottom + top) + inches * self.dpi) / self.dpi)

        width, height = self.bbox.width, self.bbox.height
        ax.set_position((left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height))
        self.caption.set_position((MARGIN / width, MARGIN / height))
        ax.set_title(text, loc="left", fontsize=points, color=style.INK, va="top", pad=0,
                     x=(MARGIN - ax.bbox.x0) / ax.bbox.width,
                     y=(height - MARGIN - ax.bbox.y0) / ax.bbox.height)
