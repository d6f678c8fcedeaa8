"""The report of one kernel: tables, plots, a page and mail made from frames of harness.measure.

======================================  ============================================================================
``make(kernel, out)``                   encode a kernel under every policy, measure, write the report's folder
``render(source, out)``                 the same from results that were encoded before
``build(results)``                      the Report, not written; ``Report.ok`` says whether all invariants hold
``read(folder)``                        ReportFolder: what was written, for mail, notebooks, the list of reports
======================================  ============================================================================

A folder is replaced in one step, when all of it is there. The same results give the same bytes.
"""

from harness.report.document import Report
from harness.report.folder import ReportFolder, read
from harness.report.make import command_line, make, render
from harness.report.report import build

__all__ = ["Report", "ReportFolder", "build", "command_line", "make", "read", "render"]
