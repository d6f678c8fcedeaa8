"""The page says what the report says, lets nothing in, and survives whatever a kernel file calls its functions."""

import base64
import hashlib
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import measure
from harness.errors import MeasureError
from harness.measure import csv_bytes
from harness.report import index, inline, page, search
from harness.report.document import Figure, Heading, Report
from harness.report.tables import Table, plain
from harness.results import as_text
from tests.report.pages import HOSTILE, SVG, encodings, instances, report, reports, undense

VOID = {"meta", "link", "input", "br", "wbr", "img", "path", "rect", "use"}


class Page(HTMLParser):
    """A page taken apart: elements as (tag, attributes, text) by their start; fails where tags do not match."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self._open = [], []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag, attributes):
        element = (tag, dict(attributes), [])
        assert len(element[1]) == len(attributes), f"an attribute twice: {tag} {attributes}"
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), []))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self._open.pop()[0] == tag, f"</{tag}> ends another element"

    def handle_data(self, data):
        for _, _, text in self._open:
            text.append(data)

    def all(self, *tags):
        """(tag, attributes, text) of all elements of these tags."""
        return [(tag, attributes, "".join(text)) for tag, attributes, text in self.elements if tag in tags]

    def texts(self, *tags):
        return [text.strip() for _, _, text in self.all(*tags)]


def seen(text):
    """The body of a page up to its data and scripts."""
    return text.partition("<body")[2].partition("<script")[0]


@pytest.fixture(scope="module")
def text():
    return page.render(report())


@pytest.fixture(scope="module")
def parsed(text):
    return Page(text)


def test_render__gives_the_same_page_for_the_same_report(text):
    assert page.render(report()) == text
    assert text.encode().decode() == text


def test_render__headings_are_those_of_the_document_in_order(parsed):
    found = [(tag, text) for tag, _, text in parsed.all("h1", "h2", "h3")]
    assert found == [
        ("h1", "tiny-1.0: what function addresses cost in <BTF>"), ("h2", "What was asked"), ("h2", "Functions"),
        ("h3", "Names"), ("h3", "Names"), ("h2", "Invariants"), ("h2", "Function search"),
        ("h2", "Provenance")]
    ids = [attributes["id"] for _, attributes, _ in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) and {"what-was-asked", "names", "names-2", "names-3", "invariants"} <= set(ids)
    links = [attributes["href"][1:] for _, attributes, _ in parsed.all("a") if attributes["href"].startswith("#")]
    assert set(links) <= set(ids) and {"encodings", "function-search", "provenance"} <= set(links)


def test_render__begins_with_the_first_table_and_the_first_figure(parsed, text):
    """Encodings, whose section has nothing else, comes before the contents, and not again."""
    lead, rest = seen(text).partition('<section class="lead')[2].split("</section>", 1)
    assert 'data-name="encodings"' in lead and "<figure>" in lead and lead.count("<table") == 1
    assert 'data-name="encodings"' not in rest and "<figure>" not in rest and "Contents" in rest
    assert "Encodings" not in parsed.texts("h2")


def test_render__takes_the_narrow_table_beside_its_figure_and_the_wide_one_above():
    made = report()
    assert 'class="lead beside"' in page.render(made)
    wide = made.frames["encodings"].assign(**{f"words {k}": "many letters" for k in range(6)})
    assert 'class="lead above"' in page.render(replace(made, blocks=[Table("wide", wide), *made.blocks]))


def test_render__says_how_high_the_main_table_and_figure_are(text):
    assert '<section class="lead beside" style="--rows: 3;--whole: 300px;"' in text
    made = report()
    for svg in (b"", b'<svg viewBox="0 0 1.2.3 4"></svg>', b'<svg viewBox="0 0 0 4"></svg>'):
        cost = made.figures[0]._replace(images={"svg": svg})
        found = Page(page.render(replace(made, blocks=[cost])))
        style = next(attributes["style"] for tag, attributes, _ in found.elements if tag == "section")
        assert re.fullmatch("|--whole: [0-9]+px;", style)


def test_render__has_the_kernel_once_at_its_foot():
    made = report()
    frame = pd.DataFrame({"what": ["kernel", "build id", "compile units"], "value": ["tiny-1.0", "00ff", "1,234"]})
    blocks = [made.blocks[0], Heading(2, "Kernel"), Table("kernel", frame, caption="The kernel."), *made.blocks[1:]]
    found = Page(page.render(replace(made, blocks=blocks, frames=made.frames | {"kernel": frame})))
    assert "Kernel" not in found.texts("h2") and not cells(found, "kernel")
    terms = found.texts("dt")
    assert terms.count("build id") == 1 and dict(zip(terms, found.texts("dd"), strict=True))["compile units"] == "1,234"


def test_render__gives_each_table_an_anchor_of_its_name(parsed):
    ids = {attributes["id"]: tag for tag, attributes, _ in parsed.elements if "id" in attributes}
    assert {name: ids[name] for name in ("encodings", "names", "kinds", "declarations")} == dict.fromkeys(
        ("encodings", "names", "kinds", "declarations"), "div")
    signs = [a["href"] for _, a, _ in parsed.all("a") if a.get("class") == "sign"]
    assert signs == ["#encodings", "#names", "#kinds", "#skipped", "#funnel", "#declarations"]
    twice = Page(page.render(replace(report(), blocks=[Table("names", encodings()), Table("names", encodings()),
                                                       Table("main", encodings())])))
    ids = [attributes["id"] for _, attributes, _ in twice.elements if "id" in attributes]
    assert {"names", "names-2", "main", "main-2"} <= set(ids) and len(ids) == len(set(ids))


def test_render__words_are_commonmark_without_html(text):
    assert "<p>Words with <code>code</code>, <strong>weight</strong>, &lt;b&gt;no HTML&lt;/b&gt; and " in text
    assert "<li>one</li>" in text and 'href="javascript:' not in text


def cells(parsed, name):
    """Rows of a table by its name, head first, each a list of (text, attributes)."""
    rows, inside = [], False
    for tag, attributes, words in parsed.elements:
        if tag == "table":
            inside = attributes.get("data-name") == name
        elif inside and tag == "tr":
            rows.append([])
        elif inside and tag in ("td", "th"):
            rows[-1].append(("".join(words), attributes))
    return rows


def test_render__cells_are_those_of_the_frame_with_numbers_to_sort_by(parsed):
    table = report().frames["names"]
    head, *rows = cells(parsed, "names")
    assert [words for words, _ in head] == list(table.columns) and len(rows) == len(table) == 120
    for row, values in zip(rows, table.itertuples(index=False), strict=True):
        for (words, attributes), column, value in zip(row, table.columns, values, strict=True):
            if isinstance(value, str):
                assert words == search.shown(value)
                assert "data-order" not in attributes
            else:
                assert words == plain(column, value)
                if isinstance(value, float):
                    assert attributes.get("data-order") == (None if value != value else repr(value))
                elif not isinstance(value, bool):
                    assert int(words.replace(",", "")) == value
    assert rows[1][3] == ("FAILED", {"class": "failed"})
    assert head[1][1]["class"] == "n" and head[1][1]["title"].startswith("addresses: ")


def test_render__a_total_stays_last_and_none_is_said(parsed, text):
    text = seen(text)
    foot = text.partition('data-name="kinds"')[2].partition("<tfoot>")[2].partition("</tfoot>")[0]
    assert foot.startswith("<tr><td>total</td>") and text.count("<tfoot>") == 1
    assert '>declarations.csv</a></div>\n<p class="note">(none)</p>' in text


def test_table__keeps_totals_of_groups_within_them():
    rows = [("all", "a", 3), ("all", "total", 3), ("some", "a", 1), ("some", "b", 1), ("some", "total", 2)]
    frame = pd.DataFrame(rows, columns=["policy", "reason", "instances"])
    made = page.table(Table("skipped", frame))
    assert made.count("<tbody>") == 2 and made.count("<tr class=total>") == 2 and "<tfoot>" not in made
    assert "class=total" not in page.table(Table("open", frame.iloc[:4]))


def test_table__takes_a_function_called_total_for_a_function():
    frame = pd.DataFrame([("a", "x.c", 2), ("total", "y.c", 3)], columns=["name", "file", "addresses"])
    made = page.table(Table("names", frame))
    assert "<tfoot>" not in made and "class=total" not in made


def test_table__is_not_sorted_where_its_order_says_something():
    rows = pd.DataFrame([("seen", 5), ("  - kept", 3)], columns=["stage", "functions"])
    assert " data-fixed>" in page.table(Table("steps", rows))
    assert " data-fixed>" in page.table(Table("funnel", rows[:1]))
    assert "data-fixed" not in page.table(Table("names", report().frames["names"])), "further columns may be indented"


def test_table__packs_the_rows_of_a_long_one_beyond_the_first():
    frame = pd.DataFrame({"name": [f"<b>{k}" for k in range(250)], "addresses": range(250)})
    made = page.table(Table("names", frame))
    packed = made.partition('<script type="text/plain" class="rest" data-rows="130">')[2].partition("<")[0]
    rows = zlib.decompress(undense(packed)).decode()
    assert made.count("<tr>") == 1 + page.UNPACKED and rows.count("<tr>") == 130
    assert rows.startswith("<tr><td class=name>&lt;b&gt;120</td>") and "130 others in names.csv" in made


def test_table__stops_at_many_rows_and_says_so(monkeypatch):
    monkeypatch.setattr(page, "MOST_ROWS", 100)
    made = page.table(Table("names", report().frames["names"], columns=("name", "addresses")))
    assert made.count("<tr>") == 101 and "20 others in names.csv" in made and "words" not in made


def test_render__links_every_file_of_a_table_or_plot(parsed):
    links = {attributes["href"] for _, attributes, _ in parsed.all("a")}
    assert {"encodings.csv", "names.csv", "kinds.csv", "declarations.csv", "aliases.csv", "plot_bytes.csv",
            "plot_bytes.svg", "plot_bytes.png"} <= links


def test_render__names_of_functions_lead_to_the_search(parsed):
    kinds = [row[0][1]["class"] for row in cells(parsed, "names")[1:]]
    assert kinds[:12] == ["fn"] * 12 and set(kinds[12:]) == {"name"}


def test_figure__is_svg_within_the_page_with_words_for_who_cannot_see_it(parsed, text):
    (svg,) = parsed.all("svg")
    assert svg[1]["role"] == "img" and svg[1]["aria-label"] == 'decl_tag grows by 50 % & "more".'
    assert "width" not in svg[1] and svg[1]["viewbox"] == "0 0 576 216"
    assert not [words for words in ("DOCTYPE svg", "<?xml", "who made it", "a label") if words in seen(text)]
    assert [attributes["width"] for _, attributes, _ in parsed.all("rect")] == ["576"]


def test_figure__is_shorter_than_its_file_and_looks_the_same():
    svg = b"""<svg viewBox="0 0 9.12345 9">
 <g>
  <g/>
  <g id="k" clip-path="url(#c)">
   <g><path d="M 1.23456 -2.00001
L -0.5 1e-05 L 33.3333 7.12 " transform="scale(0.015625 -0.015625)" style="stroke-width: 0.12345"/></g>
  </g>
  <text x="3.14159">1.23456 of <tspan>2.34567</tspan> &lt;g&gt;</text>
 </g>
</svg>"""
    made = page.figure(Figure("cost", "1.23456 more", "", {"svg": svg}))
    assert made.partition("\n<svg")[2].partition("</svg>")[0] == (
        ' viewBox="0 0 9.12345 9" role="img" aria-label="1.23456 more"><g id="k" clip-path="url(#c)">'
        '<path d="M 1.23 -2 L -0.5 1e-05 L 33.33 7.12 " transform="scale(0.015625 -0.015625)" '
        'style="stroke-width: 0.12345"/></g><text x="3.14">1.23456 of <tspan>2.34567</tspan> &lt;g&gt;</text>')


def test_figure__says_each_style_once():
    svg = (b'<svg viewBox="0 0 9 9"><path style="fill: #fff"/><path style="fill: #fff"/><path style="fill: #000"/>'
           b'<text style="a}b{"> style="fill: #fff"</text><text style="a}b{">x</text></svg>')
    made = page.figure(Figure("cost", "A finding.", "", {"svg": svg, "narrow": svg}))
    one, two = re.findall(r"<style>\.(s[-\w]+){fill: #fff}</style>", made)
    assert one != two and made.count(f'<path class="{one}"/><path class="{one}"/><path style="fill: #000"/>') == 1
    assert made.count('<text style="a}b{"> style="fill: #fff"</text>') == 2, "text is not changed, nor what is no style"


def test_table__marks_what_nobody_may_overlook():
    made = page.table(Table("readers", pd.DataFrame({"name": ["WRONG"], "pahole": ["WRONG"], "other": ["no"],
                                                         "some": ["2/3, WRONG 1.30"], "own": ["2/3, as plain 1.30"]})))
    assert "<td class=name>WRONG</td><td class=failed>WRONG</td><td>no</td>" in made
    assert "<td class=failed>2/3, WRONG 1.30</td><td>2/3, as plain 1.30</td>" in made


def test_table__says_once_which_columns_are_numbers():
    wide = pd.DataFrame({f"c{k}": [k] if k % 2 else ["x"] for k in range(30)})
    found = Page(page.table(Table("wide", wide)))
    (table,) = [attributes["class"].split() for tag, attributes, _ in found.elements if tag == "table"]
    assert [c for c in table if re.fullmatch("n[0-9]+", c)] == [f"n{k + 1}" for k in range(1, 24, 2)]
    cells = [attributes.get("class") for tag, attributes, _ in found.elements if tag == "td"]
    assert cells == [None] * 24 + [None, "n"] * 3


def test_figure__has_another_picture_for_narrow_screens():
    images = {"svg": SVG, "narrow": SVG.replace(b"576", b"360"), "png": b""}
    made = page.figure(Figure("cost", "A finding.", "", images))
    found = Page(made)
    wide, narrow = found.all("svg")
    assert (wide[1]["viewbox"], narrow[1]["viewbox"]) == ("0 0 576 216", "0 0 360 216")
    ids = [attributes["id"] for _, attributes, _ in found.elements if "id" in attributes]
    assert ids == ["bytes-a", "narrow-bytes-a"]
    assert [a["xlink:href"] for _, a, _ in found.all("use")] == ["#bytes-a", "#narrow-bytes-a"]
    assert made.index("if-wide") < made.index("if-narrow") and "NARROW" not in made
    assert "if-" not in page.figure(Figure("cost", "A finding.", "", {"svg": SVG, "narrow": b"no picture"}))


def test_figure__takes_the_other_image_or_says_its_finding():
    made = page.figure(Figure("bytes", "A \"finding\".", "caption", {"svg": b"", "png": b"\x89PNG"}))
    assert '<img alt="A &quot;finding&quot;." src="data:image/png;base64,iVBORw==">' in made
    assert "<p>A &quot;finding&quot;.</p>" in page.figure(Figure("bytes", 'A "finding".', "", {}))


def test_render__lets_nothing_in(parsed, text):
    for tag, attributes, _ in parsed.elements:
        assert not {name for name in attributes if name.startswith("on")}, (tag, attributes)
        for name in ("src", "href", "xlink:href", "action", "data"):
            target = attributes.get(name, "")
            assert ":" not in target or target.startswith("data:"), (tag, attributes)
    assert [tag for tag, _, _ in parsed.elements if tag in ("img", "iframe", "object", "embed", "form", "base")] == []
    assert [attributes["type"] for _, attributes, _ in parsed.all("script")] == ["text/plain", "module"]
    policy = next(a["content"] for _, a, _ in parsed.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    hashes = re.findall("'sha256-([^']+)'", policy)
    assert hashes == [base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
                      for _, attributes, code in parsed.all("script") if attributes["type"] == "module"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "connect-src" not in policy
    assert not re.search("@import|url\\((?!data:)", text.partition("<style>")[2].partition("</style>")[0])


def test_scripts__neither_end_nor_open_a_script():
    for script in page.TEMPLATES.glob("*.js"):
        assert not re.search("<(!--|/?script)", script.read_text(), re.IGNORECASE), script


def test_render__says_failed_and_recorded_loudly():
    sound, failed = page.render(report()), page.render(report(ok=False, recorded=True))
    assert 'class="failed-banner" role="alert"' in failed and 'href="#invariants">Which one' in failed
    assert "<strong>Recorded.</strong>" in failed
    assert "failed-banner\"" not in sound and "Recorded." not in sound


def test_render__has_provenance(parsed):
    terms = dict(zip(parsed.texts("dt"), parsed.texts("dd"), strict=True))
    assert terms["package"] == "tiny|<dbg>" and terms["build id"] == "00ff" and terms["sha256"] == "ab" * 32
    assert terms["command"] == 'make report KERNEL="tiny"' and terms["policies"] == "consistent, all"
    assert terms["program"] == "btf-harness 0.1.0"


def test_render__serves_a_report_without_functions_or_figures():
    full = report()
    bare = Report(full.about, full.blocks[:3], {}, full.functions.head(0), True)
    for functions in (full.functions.head(0), None):
        text = page.render(Report(full.about, full.blocks[:3], {}, functions, True))
        assert "function-search" not in seen(text)
        assert Page(text).texts("h2") == ["What was asked", "Provenance"]
    assert 'class="lead' not in page.render(bare)


def test_render__links_the_list_of_reports_when_there_is_one(text):
    assert "All kernels measured" not in text
    assert '<a href="../index.html">All kernels measured</a>' in page.render(report(), index="../index.html")


def test_anchors__are_made_of_the_words_and_each_once():
    anchors = page.Anchors("taken")
    assert [anchors(t) for t in ("The kernel's own .BTF", "Taken", "Taken", "…")] == \
        ["the-kernel-s-own-btf", "taken-2", "taken-3", "section"]


def unpacked(data):
    """What the page has of the instances: the line of JSON, and the streams by name."""
    head, _, rest = zlib.decompress(undense(data)).partition(b"\n")
    head, streams = json.loads(head), {}
    for name, nbytes in head["streams"]:
        streams[name], rest = rest[:nbytes], rest[nbytes:]
    assert rest == b""
    return head, streams


def leb128(data):
    """Numbers of a stream, list of int."""
    out, shift = [0], 0
    for byte in data:
        out[-1] |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            out, shift = [*out, 0], 0
    return out[:-1]


def restored(data):
    """A frame of instances from what the page has, the way its script reads it: list of rows, by address."""
    head, streams = unpacked(data)
    rows, out = head["rows"], {"address": [], "name": [], "line": []}
    address, name = 0, ""
    rests, told = (streams[key].decode().split("\n")[:-1] for key in ("name", "symbol"))
    for step, shared, rest in zip(leb128(streams["address"]), streams["shared"], rests, strict=True):
        address, name = address + step, name[:shared] + rest
        out["address"].append(f"0x{address:0{head['width']}x}")
        out["name"].append(name)
    out["symbol"] = [name + symbol[1:] if symbol[:1] == "+" else symbol[1:]
                     for symbol, name in zip(told, out["name"], strict=True)]
    for key, values in head["values"].items():
        stream = streams[key]
        assert rows and len(stream) % rows == 0
        out[key] = [values[int.from_bytes(stream[i::rows], "little")] for i in range(rows)]
    for i, number in enumerate(leb128(streams["line"])):
        step = -(number + 1) // 2 if number % 2 else number // 2
        out["line"].append(out["line"][-1] + step if i and out["file"][i] == out["file"][i - 1] else step)
    return out


@given(data=st.binary(max_size=60))
def test_dense__is_text_without_what_html_means_and_loses_nothing(data):
    text = inline.dense(data)
    assert undense(text) == data and not set(text) & set("&<\\ \n") and text.isascii() and text.isprintable()
    assert len(text) <= 2 * (8 * len(data) // 13) + 2


def test_packed__has_more_values_than_a_byte_and_names_that_go_on():
    functions = instances(3000).assign(file=[f"f{k % 700}.c" for k in range(3000)])
    functions["line"] = [3000 - k for k in range(3000)]
    functions["name"] = [f"{'long' * 70}_{k}" if k % 2 else "\U0001f427" * 3 + str(k) for k in range(3000)]
    functions["symbol"] = ""
    found = restored(search.packed(functions))
    assert found["name"] == functions.name.tolist() and found["line"] == functions.line.tolist()
    assert found["file"] == functions.file.tolist()
    shared = unpacked(search.packed(functions.assign(name="\U0001f427" * 3)))[1]["shared"]
    assert set(shared) == {0}, "a browser would count it twice"


def test_packed__loses_nothing():
    functions = instances().sample(frac=1, random_state=1)
    functions.iloc[0, functions.columns.get_loc("address")] = 0
    functions.iloc[1, functions.columns.get_loc("address")] = 2**64 - 1
    functions.iloc[4, functions.columns.get_loc("ftrace")] = pd.NA
    functions.iloc[2, functions.columns.get_loc("symbol")] = "another"
    functions.iloc[3, functions.columns.get_loc("symbol")] = ""
    found, expected = restored(search.packed(functions)), as_text(functions.sort_values("address", kind="stable"))
    assert set(found["ftrace"]) == {"0", "1", ""}
    assert set(found) == set(expected.columns)
    for column in expected.columns:
        values = expected[column].tolist()
        assert found[column] == (list(map(search.shown, values)) if column in ("name", "symbol") else values), column


def test_packed__is_small_and_the_same_each_time():
    functions = instances(5000)
    assert search.packed(functions) == search.packed(functions.copy())
    assert len(search.packed(functions)) < 100_000


def test_packed__serves_32_bits():
    functions = instances().assign(address=np.uint64(0xc0100000) + 4 * np.arange(300, dtype=np.uint64))
    found = restored(search.packed(functions, 32))["address"]
    assert found == as_text(functions, 32).address.tolist() and found[1] == "0xc0100004"


def test_packed__fails_with_one_error():
    with pytest.raises(MeasureError, match="expected addresses of dtype uint64, found"):
        search.packed(instances().assign(address="here"))
    with pytest.raises(MeasureError, match="expected functions with the columns .*, found no unit, class"):
        search.packed(instances().drop(columns=["unit", "class"]))


def test_render__survives_names_of_every_kind(parsed, text):
    names = [row[0][0] for row in cells(parsed, "names")[1:]]
    assert names[:len(HOSTILE)] == list(map(search.shown, HOSTILE)) and "lone\ufffdhalf" in names
    data = next(words for _, attributes, words in parsed.all("script") if attributes["type"] == "text/plain")
    assert set(map(search.shown, HOSTILE)) <= set(restored(data)["name"]) and "alert(1)</script>" not in text


def test_index__has_a_row_for_each_kernel_with_the_figures_of_its_csvs(tmp_path):
    reports(tmp_path, "b", {"kernel": "linux-6.12", "ok": False})
    reports(tmp_path, "a:<i>", {"kernel": "linux-6.1", "recorded": True}, without=("attachability", "names"))
    path = index.write(tmp_path)
    assert path == tmp_path / "index.html"
    found = Page(path.read_text())
    first, second = [[text for text, _ in row] for row in cells(found, "kernels")[2:]]
    assert first == ["linux-6.1 recorded", "consistent", "1,000", "40", "-", "1,043", "-", "+500", "+50.00 %", "0",
                     "-", "+100", "+10.00 %", "+3", "-"]
    assert second == ["linux-6.12 FAILED", "consistent", "1,000", "40", "30", "1,043", "1", "+500", "+50.00 %", "0",
                      "31", "+100", "+10.00 %", "+3", "32"]
    assert [a["href"] for _, a, _ in found.all("a")][1:] == ["a%3A%3Ci%3E/index.html", "b/index.html"]
    assert found.texts("h1") == ["What function addresses cost in BTF: 2 kernels measured"]


def test_index__is_small_and_has_the_picture_of_growth(tmp_path):
    for k in range(20):
        reports(tmp_path, f"linux-6.{k}", {"kernel": f"linux-6.{k}"})
    frames = []

    def draw(frame):
        frames.append(frame)
        return 'Addresses "cost".', {"svg": SVG, "narrow": SVG}

    path = index.write(tmp_path, draw)
    assert path.stat().st_size < 80_000
    (frame,) = frames
    assert list(frame.columns) == ["kernel", "policy", "encoding", "delta", "percent"] and len(frame) == 40
    assert frame.iloc[1].tolist() == ["linux-6.0", "consistent", "btf_func", 100, 10.0]
    assert frame.kernel.tolist()[::2] == [f"linux-6.{k}" for k in range(20)]
    found = Page(path.read_text())
    assert [a["aria-label"] for _, a, _ in found.all("svg")] == ['Addresses "cost".'] * 2
    assert not [a["href"] for _, a, _ in found.all("a") if "plot" in a["href"]], "no files of it are beside the list"


def test_index__has_only_percents_of_many_encodings(tmp_path):
    place = reports(tmp_path, "many")
    rows = [("plain", 10, 0, 0.0, 4, 0), *((f"form_{k}", 12, 2, 20.0 + k, 4, 0) for k in range(11))]
    (place / "encodings.csv").write_bytes(csv_bytes(measure.frame(rows, tuple(encodings().columns))))
    first, second, row = cells(Page(index.write(tmp_path).read_text()), "kernels")
    assert [words for words, _ in row[7:18]] == [f"+{20 + k}.00" for k in range(11)] and len(row) == 18
    assert [words for words, a in first if a.get("scope") == "colgroup"] == ["plain", "over plain, percent"]
    columns = {a["data-key"]: int(a["data-column"]) for _, a in first + second if "data-column" in a}
    assert columns["form_3 percent"] == 10 and sorted(columns.values()) == list(range(18))


def test_index__tells_kernels_apart_that_are_called_alike(tmp_path):
    for name, build_id in (("a", "00ff" * 5), ("b", "11ff" * 5), ("c", "11ff" * 5)):
        reports(tmp_path, name, {"kernel": "vmlinux", "provenance": {"build_id": build_id}})
    reports(tmp_path, "d", {"kernel": "linux-6.1", "provenance": {}})
    rows = cells(Page(index.write(tmp_path).read_text()), "kernels")[2:]
    assert [row[0][0] for row in rows] == ["linux-6.1", "vmlinux (00ff00ff)", *["vmlinux (11ff11ff)"] * 2]


def test_index__names_what_it_cannot_read_and_ignores_the_rest(tmp_path):
    reports(tmp_path, "good")
    (reports(tmp_path, "no <b> json") / "report.json").write_text("{")
    (reports(tmp_path, "short") / "encodings.csv").write_text("encoding,bytes\nplain,1\n")
    (reports(tmp_path, "gone") / "names.csv").unlink()
    (reports(tmp_path, "letters") / "encodings.csv").write_text(
        "encoding,bytes,delta,percent,FUNC,extra FUNC\nplain,x,0,0,1,0\n")
    reports(tmp_path, "none", {"files": []})
    reports(tmp_path, ".hidden")
    (tmp_path / "btf").mkdir()
    (tmp_path / "report.json").write_text("not a folder")
    text = index.write(tmp_path).read_text()
    found = Page(text)
    assert len(cells(found, "kernels")) == 3
    assert [item.partition(":")[0] for item in found.texts("li")] == ["gone", "letters", "no <b> json", "none", "short"]
    assert str(tmp_path) not in text and ".hidden" not in seen(text)
    assert text == index.write(tmp_path).read_text()


def test_index__of_a_folder_without_reports_or_of_none_fails(tmp_path):
    with pytest.raises(MeasureError, match="expected directories with reports .*, found none"):
        index.write(tmp_path)
    assert not list(tmp_path.iterdir())
    (reports(tmp_path, "broken") / "report.json").write_text("{")
    assert "There is no report here." in index.write(tmp_path).read_text()
    with pytest.raises(MeasureError, match="expected a directory of reports, found: No such file"):
        index.write(tmp_path / "none")


def test_index__puts_encodings_that_only_some_kernels_have_beside_each_other(tmp_path):
    place = reports(tmp_path, "more")
    extra = measure.frame([("plain", 10, 0, 0.0, 4, 0), ("short", 12, 2, 20.0, 4, 0)], tuple(encodings().columns))
    (place / "encodings.csv").write_bytes(csv_bytes(extra))
    reports(tmp_path, "other")
    found = Page(index.write(tmp_path).read_text())
    groups = [text for text, attributes in cells(found, "kernels")[0] if "colspan" in attributes]
    assert groups == ["plain", "short, over plain", "decl_tag, over plain", "btf_func, over plain"]
    assert {len(row) for row in cells(found, "kernels")[2:]} == {2 + 3 + 4 * 3 + 2}
