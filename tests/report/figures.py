"""Whether every figure that a report shows, in any of its forms, is that of the CSV it comes from."""

from __future__ import annotations

import csv
import io
import re
import zlib
from html.parser import HTMLParser

from harness import report
from harness.report import mail, plots
from harness.report.page import MOST_ROWS
from harness.report.report import SHOWN
from harness.report.tables import number, whole
from tests.report.pages import undense

NUMBER = re.compile(r"(?<![\w.])[+-]?[0-9][0-9,]*(?:\.[0-9]+)?(?![\w])")

OURS = {float(n) for n in (
    1, 2, 3, 4, 5, 6,                 # of invariants, and steps
    16, 27, 8, 12,                    # of the formulas that the encodings state
    11, 44, 300_000, 500_000, 500, 2000, 25, 1_000_000, 1000, 400_000, 22,  # of the claims and their rules
    2023, 5, 17, 18, 1.31, 2026, 7, 64, 19, 9, 0.1, 1.0, 0,  # dates, versions, levels of compression
    123,                              # of a line, an example in the help of the page's search
    444, 7.0,                         # the mode of /sys/kernel/btf/vmlinux, a version of Linux
)}
"""Numbers that are no measurements: they stand in the words of the program or of data/claims.toml."""


QUOTES = r'<\S+@\S+>|"[^"]*"|\([A-Z][a-z]+ [A-Z][^)]*\)'
"""Words of the thread and who said them when."""


UNITS = {"%": 1, "kB": 1_000, "MB": 1_000_000}

ROUNDED = re.compile(NUMBER.pattern + r"[ \xa0](%|kB|MB)")

ABOUT_BYTES = re.compile(r"about ([0-9][0-9,]*)[ \xa0]bytes")


def numbers(text):
    """The numbers in a text, set of float."""
    return {abs(float(n.replace(",", ""))) for n in NUMBER.findall(text)}


def unknown(text, allowed):
    """The numbers in a text that are not allowed, set of str; one with a unit, or with 'about', may be an allowed one,
    rounded."""
    found = set()
    for match in ABOUT_BYTES.finditer(text):
        if not any(abs(a - float(match[1].replace(",", ""))) <= 0.501 for a in allowed):
            found.add(match[0])
    text = ABOUT_BYTES.sub("", text)
    for match in re.finditer(r"([+-]?[0-9][0-9,]*(?:\.([0-9]+))?)[ \xa0](%|kB|MB)", text):
        value, places, scale = float(match[1].replace(",", "")), len(match[2] or ""), UNITS[match[3]]
        if not any(abs(a / scale - abs(value)) <= 0.501 * 10 ** -places for a in allowed):
            found.add(match[0])
    rest = ROUNDED.sub("", re.sub(r"([0-9.]+)\s+to\s+(?=[0-9.]+[ \xa0]%)", r"\1 % ", text))
    return found | {f"{n:g}" for n in numbers(rest) - allowed}


def known(csvs):
    """Every number of every CSV, also those within words, as absolute float; findings.csv, being words, has none."""
    found = set()
    for rows in (rows for name, rows in csvs.items() if name != "findings"):
        for row in rows[1:]:
            for text in row:
                found |= numbers(text)
    return found


def prose_of_markdown(text):
    """report.md without its tables, quotes of the thread and links."""
    lines = [line for line in text.splitlines() if not line.startswith(("|", "[", "!["))]
    return re.sub(QUOTES + "|`[^`]*`", "", "\n".join(lines))


def csvs_of(folder):
    """Every CSV as rows of text, by stem."""
    return {path.stem: list(csv.reader(io.StringIO(path.read_text("utf-8", "surrogateescape"))))
            for path in folder.glob("*.csv")}


def markdown_tables(text):
    """Every table as (columns, rows), cells as text."""
    found, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([c.strip() for c in line.strip("|").replace("\\|", "\0").split("|")])
        elif rows:
            found.append((rows[0], rows[2:]))
            rows = []
    return [([unescaped(c) for c in head], [[unescaped(c) for c in r] for r in body]) for head, body in found]


def unescaped(text):
    for sign in "*_`<[\\":
        text = text.replace("\\" + sign, sign)
    return text.replace("\0", "|")


class Page(HTMLParser):
    """A page's tables, by name as (columns, rows), and the words outside of tables, scripts and pictures.

    Rows that are packed are among a table's, once more with how many they are in `packed`.
    """

    def __init__(self, text):
        super().__init__()
        self.tables, self.words, self._open, self._cell = {}, [], [], None
        self.packed, self._rest = {}, False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self._rows = self.tables.setdefault(dict(attrs).get("data-name"), [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._cell = []
        if tag in ("script", "style", "svg", "template"):
            self._open.append(tag)
            self._rest = dict(attrs).get("class") == "rest"

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._rows[-1].append("".join(self._cell))
            self._cell = None
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data):
        if self._rest:
            self._rest = False
            name, before = list(self.tables)[-1], len(self._rows)
            rest = Page(f'<table data-name="{name}">{zlib.decompress(undense(data)).decode()}</table>')
            self._rows += rest.tables[name]
            self.packed[name] = len(self._rows) - before
        elif self._cell is not None:
            self._cell.append(data)
        elif not self._open:
            self.words.append(data)


def check_table(head, body, rows):
    """Whether each cell shown is the CSV's, row by row."""
    place = [rows[0].index(c) for c in head]
    assert len(body) < len(rows)
    for shown, kept in zip(body, rows[1:], strict=False):
        for column, (a, i) in enumerate(zip(shown, place, strict=True)):
            assert same(a.strip(), kept[i].strip()), (head[column], a, kept[i])


def same(shown, kept):
    if shown == kept or (shown, kept) in (("yes", "True"), ("no", "False"), ("-", ""), ("**FAILED**", "False")):
        return True
    if not re.fullmatch(r"-?[0-9.]+", kept):
        return False
    return number(shown) == (float(kept) if "." in shown else whole(float(kept)))


def check_report_md(folder, csvs):
    """Each cell of report.md's tables is in the CSV that has its columns; returns how many tables."""
    tables = markdown_tables((folder / "report.md").read_text())
    for head, body in tables:
        having = [rows for rows in csvs.values() if set(head) <= set(rows[0])]
        assert having, head
        for i, rows in enumerate(having):
            try:
                check_table(head, body, rows)
                break
            except AssertionError:
                if i == len(having) - 1:
                    raise
    return len(tables)


def check_page(folder, csvs):
    """Each cell of the page's tables is in the CSV of its name; returns how many tables."""
    page = Page((folder / "index.html").read_text())
    named = {name: rows for name, rows in page.tables.items() if name in csvs}
    for name, (head, *body) in named.items():
        check_table(head, body, csvs[name])
    return len(named)


def check_text_tables(folder, csvs):
    """Each number of tables/*.txt is in a CSV; they fit a mail. Returns how many files."""
    paths = sorted((folder / "tables").glob("*.txt"))
    for path in paths:
        text = path.read_text()
        assert text.isascii() and max(map(len, text.splitlines())) <= 72, path
        allowed = known({path.stem: csvs[path.stem]}) | OURS
        allowed |= {float(whole(n)) for n in allowed}
        assert numbers(text.partition("\n\n")[2] or text) <= allowed | {float(len(csvs[path.stem]) - 21)}, path
    return len(paths)


def check_words(folder, csvs):
    """Each number in the words of report.md, the page, the mail and the plots' titles is in a CSV."""
    read = report.read(folder)
    allowed = known(csvs) | OURS
    text = (folder / "report.md").read_text()
    for n, name in re.findall(r"\[([0-9,]+) others in ([\\a-z_]+)\.csv\]", text):
        assert int(n.replace(",", "")) == len(csvs[name.replace("\\", "")]) - 1 - SHOWN, name
    shown = Page((folder / "index.html").read_text())
    page = " ".join(shown.words)
    for n, name in re.findall(r"([0-9,]+) others in ([a-z_]+)\.csv", page):
        assert int(n.replace(",", "")) in {shown.packed.get(name), len(csvs[name]) - 1 - MOST_ROWS}, name
    page = re.sub(r"[0-9,]+ others in ", "", page)
    # the mail has tables among its words, and one of them has whole bytes where its CSV has decimals
    rounded = {float(whole(n)) for n in known({"": csvs["bytes_per_attachable"]})}
    for form, words, more in (("report.md", prose_of_markdown(text), set()), ("page", page, set()),
                              ("mail", mail.body(read), rounded)):
        assert not (found := unknown(re.sub(QUOTES, "", words), allowed | more)), (form, found)
    for name in plots.PLOTS:
        assert plots.PLOTS[name].finding(read[f"plot_{name}"]) in " ".join(text.replace("\\", "").split()), name
    return len(numbers(prose_of_markdown(text)))
