"""index.html: a document as one self-contained page that needs no network and no server.

Everything is in the file: style, the plots as SVG, all rows of the tables, all function instances for the search, and
DataTables, which sorts and filters. Its Content-Security-Policy lets nothing else in: scripts only by the hash of
their text, no request to anywhere. Without JavaScript the page is the same document, with plain tables and no search.

Names in a kernel file are untrusted: whatever is put into the page is escaped, or is base64.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from pathlib import Path
from urllib.parse import quote

from harness.errors import MeasureError
from harness.measure import COLUMNS
from harness.report import search as function_search
from harness.report.document import Figure, Heading, Words
from harness.report.tables import TOTAL, is_number, plain

TEMPLATES = Path(__file__).with_name("templates")

BUNDLE = "itables"
"""Package that has DataTables and its extensions as one module, with their licences."""

MOST_ROWS = 2000
"""Rows of a table in the page; its CSV has all."""

PAGED, FILTERED, PRINTED = 40, 20, 200
"""With more rows than these a table is paged, has a box to filter it, is printed only as far as the page on screen."""

ROWS = 25
"""Rows of a table's page."""

LONG, ESSAY = 40, 120
"""With more characters than these a cell is not squeezed on a narrow screen, or on any."""

WIDE = 9
"""Columns from which on a table is set in smaller type."""

MEASURE = 14
"""Letters of a column's name beyond which it may break."""

WHOLE = 45
"""Rows of a table that is printed on one sheet rather than broken."""

SEARCH, PROVENANCE = "function-search", "provenance"
"""Anchors of the sections that are not in the document."""


def render(report, index=None):
    """The page of a report.

    Parameters
    ----------
    report : harness.report.document.Report
    index : str, optional
        Link to the list of all reports, relative to the page.

    Returns
    -------
    str
        HTML; the same for the same report, and encodable as UTF-8.

    Raises
    ------
    MeasureError
        The functions have no addresses, or DataTables is not installed.
    """
    about = report.about
    anchors = Anchors("main", "contents", "functions-data", SEARCH, PROVENANCE)
    names = _names(report.functions)
    body, sections = [], []
    for block in report.blocks:
        if isinstance(block, Heading) and block.level == 1:
            continue  # the header has the title
        if isinstance(block, Heading):
            anchor = anchors(block.text)
            body.append(heading(block.level, block.text, anchor))
            if block.level == 2:
                sections.append((anchor, block.text))
        elif isinstance(block, Words):
            body.append(words(block.markdown))
        elif isinstance(block, Figure):
            body.append(figure(block))
        else:
            body.append(table(block, names))
    search = None
    if names:
        bits = about["provenance"].get("bits", 64)
        search = {"data": function_search.packed(report.functions, bits), "count": len(report.functions),
                  "policies": function_search.policies(report.functions)}
        sections.append((SEARCH, "Function search"))
    sections.append((PROVENANCE, "Provenance"))
    return fill("page.html", ("tables.js", *(["search.js"] if search else [])),
                about=about, body=body, sections=sections, key_figures=_key_figures(report), search=search,
                provenance=_provenance(about), files=_files(report), index=index, search_id=SEARCH,
                provenance_id=PROVENANCE)


class Anchors:
    """Ids of headings, made of their words alone, so that links keep working; each is given once."""

    def __init__(self, *taken):
        self._taken = set(taken)

    def __call__(self, text):
        """The id of the next heading that says `text`."""
        base = re.sub("[^a-z0-9]+", "-", text.lower()).strip("-") or "section"
        anchor, n = base, 1
        while anchor in self._taken:
            n += 1
            anchor = f"{base}-{n}"
        self._taken.add(anchor)
        return anchor


def heading(level, text, anchor):
    """A heading that links to itself, HTML."""
    return f'<h{level} id="{anchor}"><a href="#{anchor}">{escape(text)}</a></h{level}>'


NO_BREAK = "\N{NO-BREAK SPACE}"
"""Before a percent sign, so that no line begins with it."""


def words(markdown):
    """CommonMark as HTML; HTML in it is text."""
    return f'<div class="words">{_markdown().render(markdown.replace(" %", NO_BREAK + "%"))}</div>'


def table(block, names=frozenset()):
    """A Table as HTML: all its rows up to MOST_ROWS, numbers as in report.md, with the plain value to sort by.

    Parameters
    ----------
    block : harness.report.tables.Table
    names : set of str
        Names of functions: where a column `name` holds one, the page makes it a link to the search.
    """
    frame = block.frame
    columns = list(block.columns or frame.columns)
    rows = len(frame)
    shown = frame[columns].head(MOST_ROWS)
    numeric = [is_number(shown[c]) for c in columns]
    label = block.caption or block.name.replace("_", " ")
    head = "".join(f'<th scope="col"{" class=n" if n else ""}{_meaning(c)}>{_breakable(c)}</th>'
                   for c, n in zip(columns, numeric, strict=True))
    lines = list(zip(*(_column(c, shown[c], n, names) for c, n in zip(columns, numeric, strict=True)), strict=True))
    last = []
    if len(lines) > 1 and len(lines) == rows and _first_text(shown, numeric) == TOTAL:
        last = [lines.pop()]
    content = "".join(["<thead><tr>", head, "</tr></thead>\n<tbody>\n",
                       *(f"<tr>{''.join(line)}</tr>\n" for line in lines), "</tbody>\n",
                       *(f"<tfoot><tr>{''.join(line)}</tr></tfoot>\n" for line in last)])
    link = f'<a class="file" href="{href(block.name)}.csv">{escape(block.name)}.csv</a>'
    caption = f'<p class="caption">{escape(block.caption)}</p>' if block.caption else ""
    classes = "data wide" if len(columns) >= WIDE else "data"
    left = f'<p class="note">{rows - MOST_ROWS:,} others in {escape(block.name)}.csv</p>\n' if rows > MOST_ROWS else ""
    grid = (f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">\n'
            f'<table class="{classes}" data-name="{escape(block.name)}" aria-label="{escape(label)}">\n'
            f"{content}</table></div>") if rows else '<p class="note">(none)</p>'
    short = " whole" if rows <= WHOLE else ""
    return (f'<div class="table{short}">\n<div class="tablehead">{caption}{link}</div>\n{grid}\n{left}</div>')


def _first_text(shown, numeric):
    """The first cell of the last row that is not a number, or None."""
    column = next((c for c, n in zip(shown.columns, numeric, strict=True) if not n), None)
    return None if column is None else shown[column].iloc[-1]


def _column(name, values, numeric, names):
    """A column's cells, list of HTML."""
    if numeric:
        return [f'<td class=n data-order="{_order(v)}">{plain(name, v)}</td>' for v in values.tolist()]
    if values.dtype.kind == "b":
        said = {v: plain(name, v) for v in (True, False)}
        return [f'<td class="failed">{said[v]}</td>' if said[v] == "FAILED" else f"<td>{said[v]}</td>"
                for v in values.tolist()]
    return [f"<td{_kind(name, v, names)}>{escape(plain(name, v))}</td>" for v in map(str, values.tolist())]


def _kind(column, text, names):
    """Class of a cell of text, as an attribute."""
    if column == "name":
        return " class=fn" if text in names else " class=name"
    kinds = ["indented"] * text.startswith(" ") + ["long"] * (len(text) > LONG) + ["essay"] * (len(text) > ESSAY)
    return f' class="{" ".join(kinds)}"' if kinds else ""


def _breakable(name):
    """A column's name that may break after an underscore if it is long."""
    return escape(name).replace("_", "_<wbr>") if len(name) > MEASURE else escape(name)


def _order(value):
    """A number to sort by; empty if it is missing, which sorts first."""
    return "" if value != value else repr(value)


def _meaning(column):
    """What a column means, as the title of its head."""
    known = COLUMNS.get(column)
    if known is None:
        return ""
    return f' title="{escape(f"{known.unit}: {known.meaning}" if known.unit else known.meaning)}"'


def figure(block):
    """A Figure as HTML: the SVG within the page, which has its title and caption in it, and links to its files."""
    links = "".join(f'<a href="{href(block.stem)}.{suffix}">{suffix.upper()}</a>'
                    for suffix in ("svg", "png", "csv") if suffix == "csv" or suffix in block.images)
    return (f'<figure>\n<div class="scroll" role="region" tabindex="0" aria-label="Plot {escape(block.name)}">\n'
            f"{_picture(block)}\n</div>\n<figcaption>{links}</figcaption>\n</figure>")


def _picture(block):
    text = block.images.get("svg", b"").decode("utf-8", "replace")
    start = text.find("<svg")
    if start >= 0:
        # ids are the plot's own; comments repeat its labels; a fixed size would not shrink on a phone
        text = re.sub("<!--.*?-->|<metadata>.*?</metadata>", "", text[start:], flags=re.DOTALL)
        opening, _, rest = text.partition(">")
        opening = re.sub(r'\s(?:width|height)="[^"]*"', "", opening)
        return f'{opening} role="img" aria-label="{escape(block.finding)}">{rest.strip()}'
    if block.images.get("png"):
        data = base64.b64encode(block.images["png"]).decode()
        return f'<img alt="{escape(block.finding)}" src="data:image/png;base64,{data}">'
    return f"<p>{escape(block.finding)}</p>"


def escape(text):
    """Text as HTML, also within an attribute between double quotes."""
    return (str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
            .replace("'", "&#39;"))


def href(name):
    """A file's name as a relative link."""
    return quote(name, safe="/")


@functools.cache
def _markdown():
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False})


def fill(template, scripts, **values):
    """A template of this folder with its values, DataTables, `scripts` of this folder, and a policy for all of it.

    Returns
    -------
    str
        HTML without what HTML or UTF-8 cannot hold.

    Raises
    ------
    MeasureError
        DataTables is not installed.
    """
    bundle, style, licence = _datatables()
    code = [bundle, *((TEMPLATES / name).read_text("utf-8") for name in scripts)]
    allowed = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(c.encode()).digest()).decode()}'" for c in code)
    policy = (f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
              "form-action 'none'")
    limits = {"rows": ROWS, "paged": PAGED, "filtered": FILTERED, "printed": PRINTED}
    text = _templates().get_template(template).render(
        policy=policy, scripts=code, bundle_style=style, licence=licence, limits=limits,
        style=(TEMPLATES / "style.css").read_text("utf-8"), **values)
    return function_search.UNSAFE.sub("\ufffd", text)


@functools.cache
def _templates():
    import jinja2

    env = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True,
                             lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    env.filters["href"] = href
    return env


@functools.cache
def _datatables():
    """DataTables as a script that sets window.DataTable, its style, and the licence of the package it comes in.

    The package itself is not imported: that would bring IPython with it.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        package = distribution(BUNDLE)
        script, style = (package.locate_file(f"{BUNDLE}/html/dt_bundle.{suffix}").read_text("utf-8")
                         for suffix in ("js", "css"))
    except (PackageNotFoundError, OSError) as error:
        raise MeasureError(f"expected DataTables in the Python package {BUNDLE}, found: {error}; pip install {BUNDLE}"
                           ) from error
    exported = re.search(r"export\s*\{[^{}]*?([\w$]+) as default[^{}]*\};?", script)
    if exported is None:
        raise MeasureError(f"expected a module with a default export in the Python package {BUNDLE}, found none: "
                           f"version {package.version} is not known here")
    script = f"{script[:exported.start()]}window.DataTable={exported[1]};{script[exported.end():]}"
    notice = f"{BUNDLE} {package.version}\n\n{_licence(package)}"
    return within_script(script), style, notice.replace("--", "- -")  # it goes into a comment


def _licence(package):
    """Text of a package's licence."""
    for name in ("licenses/LICENSE", "LICENSE"):
        text = package.read_text(name)
        if text:
            return text.strip()
    return package.metadata.get("License", "")


def within_script(code):
    """JavaScript that means the same within a script element: nothing in a string or pattern opens or ends one."""
    code = re.sub(r"<(?=!--|/?script)", r"\\x3c", code, flags=re.IGNORECASE)
    return re.sub("[\x00-\x08\x0b-\x1f\x7f]", lambda m: f"\\x{ord(m[0]):02x}", code)


def _names(functions):
    """The names of all functions, set of str; empty when there are none to search."""
    return set() if functions is None else set(functions["name"].tolist())


def _key_figures(report):
    """What each encoding costs, for the strip under the title: list of (encoding, figure, words)."""
    frame = report.frames.get("encodings")
    if frame is None or not {"encoding", "bytes", "delta", "percent", "FUNC", "extra FUNC"} <= set(frame.columns):
        return []
    attachable = {}
    attach = report.frames.get("attachability")
    if attach is not None and {"policy", "encoding", "attachable"} <= set(attach.columns):
        mine = attach[attach.policy == report.about["policy"]]
        attachable = dict(zip(mine.encoding, mine.attachable.tolist(), strict=True))
    out = []
    for i, row in enumerate(frame.to_dict("records")):
        name = row["encoding"]
        if i == 0:
            said = [f"{row['FUNC']:,} FUNCs"]
        else:
            said = [f"{plain('percent', row['percent'])}, {row['extra FUNC']:,} more FUNCs"]
        if name in attachable:
            said.append(f"fentry {'could' if i else 'can'} reach {attachable[name]:,}")
        out.append((name, f"{row['bytes']:,}" if i == 0 else plain("delta", row["delta"]), said))
    return out


PROVENANCE_FIRST = ("package", "version", "build_id", "sha256", "machine")
"""What identifies a kernel, before the rest of its provenance."""


def _provenance(about):
    """Rows (what, value) for the foot of the page."""
    kernel = {}
    for key, value in about.get("provenance", {}).items():
        kernel |= value if isinstance(value, dict) else {key: value}
    first = [key for key in PROVENANCE_FIRST if key in kernel]
    rest = sorted(key for key in kernel if key not in first and key != "label")
    rows = [("kernel", about["kernel"])]
    rows += [(key.replace("_", " "), str(kernel[key])) for key in first + rest if kernel[key] not in (None, "")]
    return rows + [
        ("program", f"btf-harness {about['program']}"),
        ("policies", ", ".join(about["policies"])),
        ("encodings", ", ".join(about["encodings"])),
        ("command", about["command"]),
    ]


def _files(report):
    """Names of the CSVs."""
    return sorted(f"{name}.csv" for name in report.frames)
