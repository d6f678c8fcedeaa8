"""index.html: a document as one self-contained page that needs no network and no server.

Everything is in the file: style, the plots as SVG, all rows of the tables, all function instances for the search, and
the script that sorts, filters and searches. Its Content-Security-Policy lets nothing else in: a script only by the hash
of its text, no request to anywhere. Without JavaScript the page is the same document, with plain tables and no search.

The first table and the first figure of the document stand in the first view, under the title and the main finding;
the rest follows in its order, beside the contents.

Names in a kernel file are untrusted: whatever is put into the page is escaped, or is base64.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections import Counter
from pathlib import Path
from urllib.parse import quote

from harness.measure import COLUMNS
from harness.report import search as function_search
from harness.report.document import Figure, Heading, Words
from harness.report.inline import squeezed
from harness.report.tables import TOTAL, is_number, plain

TEMPLATES = Path(__file__).with_name("templates")

MOST_ROWS = 2000
"""Rows of a table in the page; its CSV has all."""

UNPACKED = 120
"""With more rows than these the others are packed, for the script to unpack."""

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

BAD = ("WRONG", "UNEXPLAINED")
"""Cells that nobody may overlook, as is a check that does not hold."""

NUMBERED = 24
"""Columns whose cells need not say that they hold a number: the table does."""

WHOLE = 45
"""Rows of a table that is printed on one sheet rather than broken."""

SEARCH, PROVENANCE = "function-search", "provenance"
"""Anchors of the sections that are not in the document."""

KERNEL = "kernel"
"""Table of a document that the page has at its foot, under Provenance."""

FIXED = ("funnel",)
"""Tables whose order is what they say, as is that of rows that are indented: they are not sorted."""

PIXELS = 800
"""Width of a picture as it was drawn."""

BESIDE = 84
"""A main table of at most so many characters leaves room for the figure beside it."""


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
        The functions have no addresses.
    """
    about = report.about
    anchors = Anchors("main", "contents", "functions-data", SEARCH, PROVENANCE)
    names = _names(report.functions)
    ids = {id(block): anchors.exactly(block.name) for block in report.tables}
    lead = [*[block for block in report.tables if block.name != KERNEL][:1], *report.figures[:1]]

    def drawn(block):
        if isinstance(block, Figure):
            return figure(block)
        return table(block, names, ids[id(block)], any(block is main for main in lead))

    left_out = {id(block) for block in lead} | {id(block) for block in report.tables if block.name == KERNEL}
    body, sections = [], []
    for block in _with_content([block for block in report.blocks if id(block) not in left_out]):
        if isinstance(block, Heading):
            anchor = anchors(block.text)
            body.append(heading(block.level, block.text, anchor))
            if block.level == 2:
                sections.append((anchor, block.text))
        else:
            body.append(words(block.markdown) if isinstance(block, Words) else drawn(block))
    search = None
    if names:
        bits = about["provenance"].get("bits", 64)
        search = {"data": function_search.packed(report.functions, bits), "count": len(report.functions),
                  "policies": function_search.policies(report.functions)}
        sections.append((SEARCH, "Function search"))
    sections.append((PROVENANCE, "Provenance"))
    scripts = ("dense.js", "place.js", "tables.js", *(["search.js"] if search else []), "start.js")
    return fill("page.html", scripts, about=about, lead=list(map(drawn, lead)), lead_shape=_shape(lead),
                lead_sizes=_sizes(lead), body=body, sections=sections, invariants=anchors.first("invariants"),
                search=search, provenance=_provenance(report), files=_files(report), index=index,
                search_id=SEARCH, provenance_id=PROVENANCE)


def _with_content(blocks):
    """The blocks without the title, which the header has, and without headings that nothing follows."""
    out = []
    for block in reversed(blocks):
        if not isinstance(block, Heading):
            out.append(block)
        elif block.level > 1 and out and not (isinstance(out[-1], Heading) and out[-1].level <= block.level):
            out.append(block)
    return out[::-1]


def _shape(lead):
    """How the main table and figure stand: beside each other if the table is narrow, else one above the other."""
    tables = [block for block in lead if not isinstance(block, Figure)]
    return "beside" if len(lead) == 2 and all(_breadth(block) <= BESIDE for block in tables) else "above"


def _sizes(lead):
    """What the style sheet has to know of the main table and figure: rows, and the figure's height in pixels."""
    out = ""
    for block in lead:
        if not isinstance(block, Figure):
            out += f"--rows: {len(block.frame)};"
        elif found := re.search(rb'viewBox="0 0 (\d+(?:\.\d+)?) (\d+(?:\.\d+)?)"', block.images.get("svg", b"")):
            out += f"--whole: {PIXELS * float(found[2]) / max(1, float(found[1])):.0f}px;"
    return out


def _breadth(block):
    """Characters that a table is wide, about."""
    frame = block.frame[list(block.columns or block.frame.columns)]
    return sum(3 + max([*map(len, re.split("_| ", str(column))),
                        *(len(plain(column, v)) for v in frame[column].head(WHOLE).tolist())])
               for column in frame.columns)


class Anchors:
    """Ids of tables and headings, made of their words alone, so that links keep working; each is given once."""

    def __init__(self, *taken):
        self._taken = set(taken)

    def exactly(self, name):
        """The id of a table: its name, if nothing has it yet."""
        anchor = name if re.fullmatch("[A-Za-z][A-Za-z0-9_-]*", name) and name not in self._taken else self(name)
        self._taken.add(anchor)
        return anchor

    def first(self, anchor):
        """An id if it was given, else None."""
        return anchor if anchor in self._taken else None

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


def table(block, names=frozenset(), anchor=None, main=False):
    """A Table as HTML: all its rows up to MOST_ROWS, numbers as in report.md, with the plain value of those that are
    rounded to sort by. Of more than UNPACKED rows the others are packed.

    Rows up to one that is a total are a group: a body of their own, which sorts by itself and keeps its total last. A
    total of all is the table's foot.

    Parameters
    ----------
    block : harness.report.tables.Table
    names : set of str
        Names of functions: where a column `name` holds one, the page makes it a link to the search.
    anchor : str, optional
        Id of the table, by default its name.
    main : bool
        Whether it is the main one, which is to be low and narrow: its heads may break after any underscore.
    """
    frame, anchor = block.frame, block.name if anchor is None else anchor
    columns = list(block.columns or frame.columns)
    rows = len(frame)
    shown = frame[columns].head(MOST_ROWS)
    numeric = [is_number(shown[c]) for c in columns]
    label = block.caption or block.name.replace("_", " ")
    head = "".join(f'<th scope="col"{" class=n" if n else ""}{_meaning(c)}>{_breakable(c, 0 if main else MEASURE)}</th>'
                   for c, n in zip(columns, numeric, strict=True))
    totals = _totals(shown, numeric) if len(shown) == rows else []
    cells = zip(*(_column(c, shown[c], n, names, i) for i, (c, n) in enumerate(zip(columns, numeric, strict=True))),
                strict=True)
    lines = [f"<tr{' class=total' if i in totals and len(totals) > 1 else ''}>{''.join(line)}</tr>\n"
             for i, line in enumerate(cells)]
    foot, rest = "", ""
    if len(totals) == 1 and rows > 1:
        foot = f"<tfoot>{lines.pop().rstrip()}</tfoot>\n"
    if not totals and len(lines) > UNPACKED:
        packed = squeezed(_safe("".join(lines[UNPACKED:])).encode())
        rest = (f'<p class="note rest">{len(lines) - UNPACKED:,} others in {escape(block.name)}.csv</p>\n'
                f'<script type="text/plain" class="rest" data-rows="{len(lines) - UNPACKED}">{packed}</script>\n')
        lines = lines[:UNPACKED]
    ends = [i + 1 for i in totals] if len(totals) > 1 else [len(lines)]
    bodies = "".join(f"<tbody>\n{''.join(lines[start:end])}</tbody>\n"
                     for start, end in zip([0, *ends], ends, strict=False))
    link = f'<a class="file" href="{href(block.name)}.csv">{escape(block.name)}.csv</a>'
    sign = f'<a class="sign" href="#{href(anchor)}" aria-label="Link to this table">#</a>'
    caption = f'<p class="caption">{escape(block.caption)} {sign}</p>'
    classes = " ".join(["data", *["wide"] * (len(columns) >= WIDE),
                        *(f"n{i}" for i, n in enumerate(numeric[:NUMBERED], 1) if n)])
    left = f'<p class="note">{rows - MOST_ROWS:,} others in {escape(block.name)}.csv</p>\n' if rows > MOST_ROWS else ""
    fixed = " data-fixed" if block.name in FIXED or _indented(shown, numeric) else ""
    grid = (f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">\n'
            f'<table class="{classes}" data-name="{escape(block.name)}" aria-label="{escape(label)}"{fixed}>\n'
            f"<thead><tr>{head}</tr></thead>\n{bodies}{foot}</table></div>") if rows else '<p class="note">(none)</p>'
    short = " whole" if rows <= WHOLE else ""
    return (f'<div class="table{short}" id="{escape(anchor)}">\n<div class="tablehead">{caption}{link}</div>\n{grid}\n'
            f"{rest}{left}</div>")


def _totals(shown, numeric):
    """Numbers of the rows that are totals, list of int; empty unless the last row is one.

    The word stands in one of the first two columns of words. In a column of names it is a name.
    """
    words = [c for c, n in zip(shown.columns, numeric, strict=True) if not n and c != "name"][:2]
    found = [i for i, row in enumerate(zip(*(shown[c].tolist() for c in words), strict=True)) if TOTAL in row]
    return found if found and found[-1] == len(shown) - 1 else []


def _indented(shown, numeric):
    """Whether the first column of words is indented, so that a row belongs to the one above it."""
    first = next((c for c, n in zip(shown.columns, numeric, strict=True) if not n), None)
    return first is not None and any(str(v).startswith(" ") for v in shown[first].tolist())


def _column(name, values, numeric, names, place):
    """A column's cells, list of HTML; `place` is its number."""
    if numeric:
        kind = "" if place < NUMBERED else " class=n"
        return [f"<td{kind}{_order(v)}>{plain(name, v)}</td>" for v in values.tolist()]
    if values.dtype.kind == "b":
        said = {v: plain(name, v) for v in (True, False)}
        return [f'<td class="failed">{said[v]}</td>' if said[v] == "FAILED" else f"<td>{said[v]}</td>"
                for v in values.tolist()]
    return [f"<td{_kind(name, v, names)}>{escape(plain(name, v))}</td>" for v in map(str, values.tolist())]


def _kind(column, text, names):
    """Class of a cell of text, as an attribute."""
    if column == "name":
        return " class=fn" if text in names else " class=name"
    if text in BAD or f" {BAD[0]} " in text:  # '2/3, WRONG 1.30'
        return " class=failed"
    kinds = ["indented"] * text.startswith(" ") + ["long"] * (len(text) > LONG) + ["essay"] * (len(text) > ESSAY)
    return f' class="{" ".join(kinds)}"' if kinds else ""


def _breakable(name, measure):
    """A column's name that may break after an underscore if it is longer than so many letters."""
    return escape(name).replace("_", "_<wbr>") if len(name) > measure else escape(name)


def _order(value):
    """What a number's cell sorts by, as an attribute; integers are written in full, what is missing is no number."""
    return f' data-order="{value!r}"' if isinstance(value, float) and value == value else ""


def _meaning(column):
    """What a column means, as the title of its head."""
    known = COLUMNS.get(column)
    if known is None:
        return ""
    return f' title="{escape(f"{known.unit}: {known.meaning}" if known.unit else known.meaning)}"'


def figure(block):
    """A Figure as HTML: its SVG within the page, which has its title and caption in it, and links to its files.

    Where there is an SVG for narrow screens (`narrow` among its images), it takes the other's place there.
    """
    links = "".join(f'<a href="{href(block.stem)}.{suffix}">{suffix.upper()}</a>'
                    for suffix in ("svg", "png", "csv") if suffix == "csv" or suffix in block.images)
    return f"<figure>\n{pictures(block.images, block.finding, block.name)}\n<figcaption>{links}</figcaption>\n</figure>"


def pictures(images, finding, name):
    """A plot's images as HTML: the picture, and the one for narrow screens if there is one.

    Parameters
    ----------
    images : dict of str to bytes
        svg or else png, and narrow, an SVG. An image that cannot be used is as if it were not there.
    finding : str
        For those who cannot see it.
    name : str
        Of the plot.
    """
    wide, narrow = _svg(images.get("svg"), finding), _svg(images.get("narrow"), finding, "narrow-")
    if not wide and images.get("png"):
        data = base64.b64encode(images["png"]).decode()
        wide = f'<img alt="{escape(finding)}" src="data:image/png;base64,{data}">'
    frame = f'role="region" tabindex="0" aria-label="Plot {escape(name)}"'
    if not wide or not narrow:
        return f'<div class="scroll picture" {frame}>\n{wide or narrow or f"<p>{escape(finding)}</p>"}\n</div>'
    return (f'<div class="scroll picture if-wide" {frame}>\n{wide}\n</div>\n'
            f'<div class="picture if-narrow">\n{narrow}\n</div>')


def _svg(data, finding, prefix=""):
    """An SVG as part of a page, str; empty if it is none. Its ids get a prefix."""
    text = (data or b"").decode("utf-8", "replace")
    start = text.find("<svg")
    if start < 0:
        return ""
    # ids are the plot's own; comments repeat its labels; a fixed size would not shrink on a phone
    text = re.sub("<!--.*?-->|<metadata>.*?</metadata>", "", text[start:], flags=re.DOTALL)
    if prefix:
        text = re.sub(r'(\sid="|url\(#|href="#)', rf"\g<1>{prefix}", text)
    opening, _, rest = _shorter(text).partition(">")
    opening = re.sub(r'\s(?:width|height|role|aria-label)="[^"]*"', "", opening)
    return f'{opening} role="img" aria-label="{escape(finding)}">{_classed(rest.strip(), prefix)}'


def _classed(svg, prefix):
    """An SVG's content with a class for each style that occurs several times, of a name that is its own."""
    count = Counter(STYLE.findall(svg))
    name = f"{prefix}{hashlib.sha256(svg.encode()).hexdigest()[:6]}-"
    named = {style: f"s{name}{i}" for i, (style, n) in enumerate(count.items()) if n > 1}
    if not named:
        return svg
    rules = "".join(f".{name}{{{style}}}" for style, name in named.items())
    return f"<style>{rules}</style>" + STYLE.sub(
        lambda found: f' class="{named[found[1]]}"' if found[1] in named else found[0], svg)


STYLE = re.compile(r""" style="([-\w\s:;#.,%()']+)"(?=[^<>]*>)""")
"""A style of an element, without anything that could end a rule; what is within text is none."""


def _shorter(svg):
    """An SVG without lines, groups that say nothing, and decimals below a hundredth, outside of its text."""
    out, named = [], []
    for piece in re.split("(<[^>]*>)", svg):
        if not piece.startswith("<"):
            out.append("" if "\n" in piece and not piece.strip() else piece)
            continue
        if piece == "</g>" and named and not named.pop():
            continue
        if re.match(r"<g\b", piece):
            says = piece not in ("<g>", "<g/>")
            if not piece.endswith("/>"):
                named.append(says)
            if not says:
                continue
        out.append(PLACES.sub(lambda found: DECIMALS.sub(_rounded, found[0]), re.sub(r"\s+", " ", piece)))
    return "".join(out)


PLACES = re.compile(' (?:d|x|y|cx|cy|width|height|points)="[^"]*"')
"""Attributes that say where something is, in pixels; a scale must not be rounded."""

DECIMALS = re.compile(r"-?\b\d+\.\d{3,}\b")


def _rounded(found):
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")


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
    """A template of this folder with its values, `scripts` of this folder as one, and a policy for all of it.

    Returns
    -------
    str
        HTML without what HTML or UTF-8 cannot hold.
    """
    script = "\n".join((TEMPLATES / name).read_text("utf-8") for name in scripts)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (f"default-src 'none'; script-src 'sha256-{allowed}'; style-src 'unsafe-inline'; img-src data:; "
              "base-uri 'none'; form-action 'none'")
    limits = {"rows": ROWS, "paged": PAGED, "filtered": FILTERED, "printed": PRINTED}
    style = (TEMPLATES / "style.css").read_text("utf-8") + _numbered()
    return _safe(_templates().get_template(template).render(policy=policy, script=script, limits=limits, style=style,
                                                            **values))


def _numbered():
    """Style of the columns that hold numbers, by their place."""
    cells = ",".join(f"table.n{i} td:nth-child({i})" for i in range(1, NUMBERED + 1))
    after = ",".join(f"table.n{i}:not(.n{i + 1}) td:nth-child({i + 1})" for i in range(1, NUMBERED + 1))
    return f"{cells} {{ text-align: right; white-space: nowrap; }}\n{after} {{ padding-left: 1.1rem !important; }}\n"


def _safe(text):
    """Text without what HTML or UTF-8 cannot hold."""
    return function_search.UNSAFE.sub("\ufffd", text)


@functools.cache
def _templates():
    import jinja2

    env = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True,
                             lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    env.filters["href"] = href
    return env


def _names(functions):
    """The names of all functions, set of str; empty when there are none to search."""
    return set() if functions is None else set(functions["name"].tolist())


PROVENANCE_FIRST = ("package", "version", "build_id", "sha256", "machine")
"""What identifies a kernel, before the rest of its provenance."""


def _provenance(report):
    """Rows (what, value) for the foot of the page: what the report is about, and what its table of the kernel adds."""
    about, kernel = report.about, {}
    for key, value in about.get("provenance", {}).items():
        kernel |= value if isinstance(value, dict) else {key: value}
    first = [key for key in PROVENANCE_FIRST if key in kernel]
    rest = sorted(key for key in kernel if key not in first and key != "label")
    rows = {"kernel": about["kernel"]}
    rows |= {key.replace("_", " "): str(kernel[key]) for key in first + rest if kernel[key] not in (None, "")}
    last = {"program": f"btf-harness {about['program']}", "policies": ", ".join(about["policies"]),
            "encodings": ", ".join(about["encodings"]), "command": about["command"]}
    frame = report.frames.get(KERNEL)
    if frame is not None and {"what", "value"} <= set(frame.columns):
        rows |= {what: value for what, value in zip(frame["what"], frame["value"], strict=True)
                 if what not in rows and what not in last}
    return [*rows.items(), *last.items()]


def _files(report):
    """Names of the CSVs."""
    return sorted(f"{name}.csv" for name in report.frames)
