"""The page of a comparison of two builds: its tables, each with what it shows."""

from __future__ import annotations

from harness.report import page
from harness.report.tables import Table, escaped
from harness.text.compare import HEADS, said


def render(comparison):
    """A Comparison as one HTML page, str, beside which its tables are as CSV.

    Parameters
    ----------
    comparison : harness.measure.Comparison
    """
    anchors, tables, sentences = page.Anchors("main"), comparison.tables(), said(comparison)
    ids = {name: anchors.exactly(name) for name in tables}
    builds = Table("builds", tables["builds"], caption="The builds A and B.")
    body = [page.words(escaped(remark)) for remark in comparison.remarks]
    body.append(page.table(builds, frozenset(), ids["builds"]))
    for name, head in HEADS.items():
        body += [page.heading(2, head, anchors(head)), page.words(escaped(sentences[name])),
                 page.table(Table(name, tables[name], caption=f"{head}."), frozenset(), ids[name])]
    title = " and ".join(comparison.kernels)
    return page.fill("compare.html", ("dense.js", "place.js", "tables.js", "start.js"), title=title, body=body)
