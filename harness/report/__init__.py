"""The report of one kernel: tables, plots and sentences made from frames of harness.measure.

``render(folders, out)`` measures result folders of one kernel, one per policy, and writes report.md, a CSV for each
table and plot, and the plots as PNG and SVG. ``build`` does it without writing and says whether all invariants hold
(``Report.ok``), ``write`` puts a Report into a folder. The same results give the same bytes.
"""

from harness.report.report import Report, build, render, write

__all__ = ["Report", "build", "render", "write"]
