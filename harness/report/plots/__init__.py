"""Plots: each takes a tidy frame and an Axes, draws exactly the frame, and returns the Axes.

Each has a finding, one sentence computed from the same frame: it is the title, and serves as alternative text and in
mails (ASCII). ``PLOTS`` has those of one kernel by short name, ``ACROSS`` those of many. ``draw`` makes PNG and SVG of
the house's size and a narrow SVG for a phone, ``figure`` the same for a notebook::

    plot = plots.PLOTS["cost"]
    images = plots.draw(plot.function, frame, plot.height_inches, caption="debian-6.12.117-cloud-amd64, ...")
    plots.figure(plot.function, frame, plot.height_inches)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from harness.report.plots.ambiguous import ambiguous, ambiguous_finding
from harness.report.plots.cost import cost, cost_finding
from harness.report.plots.funnel import funnel, funnel_finding
from harness.report.plots.images import FILES, draw, figure
from harness.report.plots.kernels import growth, growth_finding
from harness.report.plots.style import colours

__all__ = ["ACROSS", "FILES", "PLOTS", "Plot", "ambiguous", "colours", "cost", "draw", "figure", "funnel", "growth"]


class Plot(NamedTuple):
    """One plot.

    Attributes
    ----------
    function : callable
        ``function(frame, ax)`` draws the frame and returns the Axes.
    finding : callable
        ``finding(frame)`` is the title on one line.
    height_inches : float
        For three encodings; plots with rows become taller for more, and shorter for fewer.
    columns : tuple of str
        What the frame must have.
    of : str or None
        What it is of, for its caption: None is one policy, '' what the frame says itself.
    """

    function: Callable
    finding: Callable
    height_inches: float
    columns: tuple
    of: str | None = None


PLOTS = {
    "cost": Plot(cost, cost_finding, 5.0, ("encoding", "type_bytes", "string_bytes", "section_bytes", "added_percent",
                                           "zstd_added", "newly_attachable", "bytes_each", "loads", "after_dedup")),
    "ambiguous": Plot(ambiguous, ambiguous_finding, 3.4, ("class", "names", "addresses", "ftrace_addresses"),
                      "all matched names"),
    "funnel": Plot(funnel, funnel_finding, 4.8, ("step", "role", "functions")),
}
"""By short name, which is also the stem of the files."""

ACROSS = {
    "growth": Plot(growth, growth_finding, 5.0, ("kernel", "encoding", "percent"), ""),
}
"""Plots of many kernels, which no report of one has."""
