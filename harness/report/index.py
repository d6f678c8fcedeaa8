"""index.html next to the reports: all kernels measured, a row each, with links to their pages."""

from __future__ import annotations

import re
from pathlib import Path

from harness import encodings as enc
from harness.errors import MeasureError
from harness.files import write as write_file
from harness.measure import BASELINE, frame
from harness.measure.functions import PAIRS
from harness.report import folder
from harness.report.page import escape, fill, href, pictures
from harness.report.tables import plain
from harness.report.words import listed
from harness.results import key_of, labels

NAME = "index.html"

PAGES = (folder.PAGE, folder.MARKDOWN, folder.ABOUT)
"""What a report's link goes to: the first that is there."""


def drawn(grown):
    """The picture of `growth` for the list of reports, of the forms made by default: its finding and its images."""
    from harness.report import plots

    plot = plots.ACROSS["growth"]
    mine = grown[grown.encoding.isin(enc.default_names())]
    shown = mine[list(plot.columns)]
    caption = f"policy {listed(dict.fromkeys(mine.policy))}, over {BASELINE} of the same policy"
    return plot.finding(shown), plots.draw(plot.function, shown, plot.height_inches, caption)


def write(directory, draw=drawn):
    """Write the list of the reports in a folder, atomically.

    Parameters
    ----------
    directory : path-like
        Its folders that have a report.json are reports, hidden ones aside. Those that cannot be read are named on the
        page.
    draw : callable, optional
        As for `render`.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    MeasureError
        The folder cannot be read, or holds no report.
    OutputError
        The page cannot be written.
    """
    directory = Path(directory)
    try:
        places = sorted(p for p in directory.iterdir()
                        if not p.name.startswith(".") and (p / folder.ABOUT).is_file())
    except OSError as error:
        raise MeasureError(f"expected a directory of reports, found: {error.strerror}", directory) from error
    if not places:
        raise MeasureError(f"expected directories with reports (*/{folder.ABOUT}), found none", directory)
    found, unreadable = [], []
    for place in places:
        try:
            found.append(folder.read(place))
        except MeasureError as error:
            unreadable.append((place.name, _local(error, place)))
    path = directory / NAME
    write_file(path, render(found, unreadable, draw).encode())
    return path


def render(folders, unreadable=(), draw=None):
    """The list of reports as one page, HTML as str; of 20 kernels some 60 kB and the picture.

    Parameters
    ----------
    folders : list of ReportFolder
        Links go to the last part of each path.
    unreadable : iterable of (str, str)
        Name of a folder, and what is wrong with it. Folders whose tables cannot be read join them.
    draw : callable, optional
        What takes the frame of `growth` and returns a picture of it: its finding, and images by suffix as in
        harness.report.document.Figure.
    """
    rows, unreadable = [], list(unreadable)
    for report in folders:
        try:
            rows.append(_measured(report))
        except MeasureError as error:
            unreadable.append((report.path.name, _local(error, report.path)))
    for row, label in zip(rows, labels((row["key"], row["kernel"]) for row in rows), strict=True):
        row["kernel"] = label
    rows.sort(key=lambda row: (_natural(row["kernel"]), row["folder"]))
    others = list(dict.fromkeys(name for row in rows for name in row["others"]))
    bases = list(dict.fromkeys(row["baseline"] for row in rows))
    picture = ""
    if draw is not None and others:
        finding, images = draw(growth(rows))
        picture = f"<figure>\n{pictures(images, finding, 'growth')}\n</figure>"
    return fill("index.html", ("dense.js", "place.js", "tables.js", "start.js"), rows=rows, picture=picture,
                table=_table(rows, " or ".join(bases), others) if rows else "", unreadable=sorted(unreadable))


def growth(rows):
    """What each encoding adds on each kernel, for a picture.

    Parameters
    ----------
    rows : list of dict
        As on the page.

    Returns
    -------
    DataFrame
        kernel (str, as in the table), policy (str), encoding (str), delta (int64, bytes over the kernel's baseline),
        percent (float64): in the order of the table, encodings in that of its columns.
    """
    others = list(dict.fromkeys(name for row in rows for name in row["others"]))
    return frame([(row["kernel"], row["policy"], name, row["others"][name]["delta"], row["others"][name]["percent"])
                  for row in rows for name in others if name in row["others"]],
                 ("kernel", "policy", "encoding", "delta", "percent"))


def _local(error, place):
    """What is wrong with a folder, without its path on this machine."""
    return error.message.replace(f"{place}/", "")


def _natural(text):
    """A text to sort by: 6.1 before 6.12."""
    return [(0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part)
            for part in re.split("([0-9]+)", text)]


def _measured(report):
    """The values of a report's row, dict; None for what the report does not have.

    Raises
    ------
    MeasureError
        A table cannot be read, or there is no encoding.
    """
    about = report.about
    encodings = _records(report, "encodings", ("encoding", "bytes", "delta", "percent", "FUNC", "extra FUNC"))
    if not encodings:
        raise MeasureError("expected encodings.csv with a row for each encoding, found none", report.path)
    attachable = {row["encoding"]: row["attachable"]
                  for row in _records(report, "attachability", ("policy", "encoding", "attachable"))
                  if row["policy"] == about["policy"]}
    stages = {row["stage"].strip(): row["functions"] for row in _records(report, "funnel", ("stage", "functions"))}
    names = _records(report, "names", ("addresses",))
    base, *others = encodings
    page = next((name for name in PAGES if (report.path / name).is_file()), "")
    return {
        "key": key_of(about["provenance"]) or report.path.name,
        "folder": report.path.name, "link": f"{report.path.name}/{page}", "kernel": about["kernel"],
        "policy": about["policy"], "ok": about["ok"], "recorded": about["recorded"], "program": about["program"],
        "baseline": base["encoding"], "bytes": base["bytes"], "FUNC": base["FUNC"],
        "attachable": attachable.get(base["encoding"]), "pairs": stages.get(PAIRS),
        "several": sum(row["addresses"] > 1 for row in names) if "names" in report else None,
        "others": {row["encoding"]: {**row, "attachable": attachable.get(row["encoding"])} for row in others},
    }


def _records(report, name, columns):
    """Rows of a CSV, list of dict; empty when the report has none of that name."""
    if name not in report:
        return []
    frame = report.frame(name)
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise MeasureError(f"expected {name}.csv with the columns {', '.join(columns)}, found none of "
                           f"{', '.join(missing)}", report.path)
    return frame[list(columns)].to_dict("records")


PLAIN = (("bytes", "bytes"), ("FUNC", "FUNCs"), ("attachable", "attachable"))
"""Of the baseline: key, head."""

GROWN = (("delta", "bytes"), ("percent", "percent"), ("extra FUNC", "FUNCs"), ("attachable", "attachable"))
"""Of another encoding: key, head."""

FEW = 3
"""With more other encodings than these the table has their percents only, side by side."""


def _table(rows, baseline, others):
    """The table, HTML."""
    few = len(others) <= FEW
    groups = [(baseline, [(f"{baseline} {text}", text) for _, text in PLAIN])]
    if few:
        groups += [(f"{name}, over {baseline}", [(f"{name} {text}", text) for _, text in GROWN]) for name in others]
    else:
        groups.append((f"over {baseline}, percent", [(f"{name} percent", name) for name in others]))
    first, second, column = [_head("kernel", 0), _head("policy", 1)], [], 2
    for said, heads in groups:
        first.append(f'<th colspan="{len(heads)}" scope="colgroup" class="group">{escape(said)}</th>')
        for i, (key, text) in enumerate(heads):
            turned = " turned" * (not few and said != baseline)
            second.append(_head(text, column, key, ("n group" if i == 0 else "n") + turned, 1))
            column += 1
        if said == baseline:
            first += [_head("pairs", column, classes="n group"),
                      _head("ambiguous names", column + 1, "names", classes="n")]
            column += 2
    lines = []
    for place, row in enumerate(rows):
        notes = [*(['<strong class="failed">FAILED</strong>'] * (not row["ok"])),
                 *(['<span class="quiet">recorded</span>'] * row["recorded"])]
        cells = [f'<td data-order="{place}"><a href="{href(row["link"])}">{escape(row["kernel"])}</a>'
                 f'{"".join(" " + note for note in notes)}</td>', f"<td>{escape(row['policy'])}</td>",
                 *(_cell(key, row[key], i == 0) for i, (key, _) in enumerate(PLAIN)),
                 _cell("pairs", row["pairs"], True), _cell("names", row["several"])]
        for place, name in enumerate(others):
            mine = row["others"].get(name, {})
            cells += ([_cell(key, mine.get(key), i == 0) for i, (key, _) in enumerate(GROWN)] if few else
                      [_cell("percent", mine.get("percent"), place == 0, unit=False)])
        lines.append(f"<tr>{''.join(cells)}</tr>\n")
    return ('<div class="table" id="kernels"><div class="tablehead"></div>\n<div class="scroll" role="region" '
            'tabindex="0" aria-label="Kernels"><table class="data wide" data-name="kernels" aria-label="Kernels">\n'
            f"<thead><tr>{''.join(first)}</tr>\n<tr>{''.join(second)}</tr></thead>\n<tbody>\n{''.join(lines)}</tbody>"
            "</table></div></div>")


def _head(text, column, key=None, classes="", rows=2):
    """The head of a column: what is said, its number, its name in the page's address."""
    attributes = f' class="{classes}"' * bool(classes) + f' rowspan="{rows}"' * (rows > 1)
    said = escape(text).replace("_", "_<wbr>")
    return (f'<th scope="col" data-column="{column}" data-key="{escape(key or text)}"{attributes}>'
            f"{f'<span>{said}</span>' if 'turned' in classes else said}</th>")


def _cell(key, value, first=False, unit=True):
    """A cell with a number, with its unit if that is not in the head, or with a mark that it is missing."""
    missing = value is None or value != value
    said = plain(key, None if missing else value)
    return (f'<td class="n{" group" if first else ""}" data-order="{"" if missing else repr(value)}">'
            f"{said if unit else said.removesuffix(' %')}</td>")
