"""The page in a browser, from disk: it sorts, filters, searches, prints, fits a phone, and asks nobody."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import pandas as pd
import pytest

from harness.report import index, page
from harness.report.document import Heading, Words
from harness.report.search import shown
from harness.report.tables import Table
from tests.report.browser import DESKTOP, PHONE, browser
from tests.report.pages import HOSTILE, SVG, instances, report, reports

pytestmark = pytest.mark.long

COLUMN = ("return [...document.querySelectorAll(`table[data-name='${arguments[0]}'] tbody tr`)]"
          ".map((row) => row.cells[arguments[1]].innerText)")

RESULTS = ("return [...document.querySelectorAll('#fs-table tbody tr')].map((row) => "
           "[...row.cells[0].childNodes].map((node) => node.data ?? '').join(''))")
"""Names that the search shows."""

SETTLED = "return new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"

KEYSTROKE_MS, LARGE = 200, 50_000
"""How long a keystroke may take in a search over so many rows: a person notices 100 ms, which a quiet machine keeps;
tests share theirs with others."""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A page of 300 functions, hostile names among them."""
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page.render(report()), encoding="utf-8")
    return path


@pytest.fixture
def opened(tab, place):
    """The page, just loaded; afterwards, nothing was complained of and nobody was asked."""
    tab.open(place)
    yield tab
    quiet(tab, place)


@pytest.fixture
def asked(tab, place):
    """The page with an empty search that has its data; loaded anew only where another test left it."""
    if not tab.chrome.current_url.startswith(place.as_uri()) or tab.run("return window.innerWidth") != DESKTOP[0]:
        tab.open(place, "#function-search")
        tab.wait("return document.querySelectorAll('#fs select option').length > 3")
    tab.find("#fs-clear").click()
    yield tab
    quiet(tab, place)


def quiet(tab, place):
    """Nothing was complained of, and nobody was asked."""
    console, requests = tab.drain()
    assert console == []
    assert [url for url in requests if not url.startswith(("data:", place.as_uri()))] == []


def column(tab, name, place=0):
    """What a column of a table shows."""
    return tab.run(COLUMN, name, place)


def becomes(tab, name, expected, place=0):
    """Wait until a column of a table shows first what is expected."""
    tab.wait(f"{COLUMN}.slice(0, arguments[2].length).join() === arguments[2].join()", name, place, expected)


def head(tab, name, place):
    """The head of a column of a table."""
    return tab.chrome.find_elements("css selector", f"table[data-name={name}] thead th")[place]


def ask(tab, text, field="#fs-q"):
    """Type into the search and return the names it shows."""
    tab.run("const e = document.querySelector(arguments[0]); e.focus(); e.select()", field)
    tab.find(field).send_keys(text or "\ue017")
    tab.run(SETTLED)
    return tab.run(RESULTS)


def choose(tab, column, value):
    """Choose from one of the search's lists."""
    tab.run("const s = document.querySelector(`#fs select[data-column='${arguments[0]}']`);"
            "s.value = arguments[1]; s.dispatchEvent(new Event('change'));", column, value)
    return tab.run(RESULTS)


def test_page__asks_nobody_and_has_nothing_to_complain_of(tab, place):
    tab.open(place, "#f=jhash")
    tab.wait(f"return ({RESULTS[7:]}).length")
    console, requests = tab.drain()
    assert console == [] and [url.partition("#")[0] for url in requests if not url.startswith("data:")] == \
        [place.as_uri()]


def test_page__lets_no_request_out(tab, place):
    tab.open(place)
    said = tab.run("""
        const image = new Promise((done) => { const i = new Image(); i.onerror = () => done("no"); i.onload = () =>
          done("yes"); i.src = "https://example.org/a.png"; });
        const style = document.createElement("link");
        Object.assign(style, { rel: "stylesheet", href: "https://example.org/a.css" });
        document.head.append(style);
        const of = (promise) => promise.then(() => "yes", () => "no");
        return Promise.all([image, of(fetch("https://example.org/")), of(fetch("names.csv"))]);""")
    assert said == ["no"] * 3
    console, requests = tab.drain()
    assert len(console) >= 4 and all("Content Security Policy" in line or "names.csv" in line for line in console)
    assert not [url for url in requests if not url.startswith(("file:", "data:"))], requests


def test_table__sorts_by_click_and_by_key(opened):
    assert column(opened, "encodings") == ["plain", "decl_tag", "btf_func"]
    grown = head(opened, "encodings", 2)
    grown.click()
    becomes(opened, "encodings", ["decl_tag", "btf_func", "plain"])
    assert grown.get_attribute("aria-sort") == "descending"
    grown.click()
    becomes(opened, "encodings", ["plain", "btf_func", "decl_tag"])
    assert grown.get_attribute("aria-sort") == "ascending"
    opened.run("document.querySelector('table[data-name=encodings] thead th button').focus()")
    opened.keys("\ue007")
    becomes(opened, "encodings", ["btf_func", "decl_tag", "plain"])
    opened.keys("\ue007")
    becomes(opened, "encodings", ["plain", "decl_tag", "btf_func"])


def test_table__sorts_numbers_as_numbers_and_keeps_its_total_last(opened):
    names = report().frames["names"]
    head(opened, "names", 1).click()
    becomes(opened, "names", list(map(str, sorted(names.addresses, reverse=True)[:25])), 1)
    head(opened, "names", 2).click()
    becomes(opened, "names", ["+26.75 %", "+26.50 %"], 2)
    head(opened, "kinds", 1).click()
    becomes(opened, "kinds", ["FUNC", "FUNC_PROTO", "INT", "DECL_TAG"])
    assert opened.texts("table[data-name=kinds] tfoot td") == ["total", "57", "100"]


def test_table__keeps_totals_of_groups_last_within_them(opened):
    head(opened, "skipped", 2).click()
    becomes(opened, "skipped", ["19", "3", "22", "17", "3", "20"], 2)
    assert column(opened, "skipped", 1) == ["(encoded)", "partial body", "total"] * 2
    head(opened, "skipped", 2).click()
    becomes(opened, "skipped", ["3", "17", "20", "3", "19", "22"], 2)
    head(opened, "skipped", 0).click()
    becomes(opened, "skipped", ["all"] * 3 + ["consistent"] * 3)
    assert column(opened, "skipped", 1)[2::3] == ["total"] * 2
    head(opened, "skipped", 0).click()
    head(opened, "skipped", 0).click()
    becomes(opened, "skipped", ["3", "17", "20", "3", "19", "22"], 2)


def test_table__whose_order_says_something_is_not_sorted(opened):
    head(opened, "funnel", 1).click()
    assert column(opened, "funnel", 1) == ["22", "3", "19"]
    assert opened.run("return document.querySelectorAll('table[data-name=funnel] button').length") == 0


def test_table__has_no_total_of_what_is_filtered_out(tab, tmp_path):
    made = report()
    kinds = pd.DataFrame([*((f"K{k}", k) for k in range(30)), ("total", 435)], columns=["kind", "plain"])
    path = tmp_path / "index.html"
    path.write_text(page.render(replace(made, blocks=[Table("parts", kinds)])), encoding="utf-8")
    tab.open(path)
    foot = tab.find("tfoot")
    assert foot.is_displayed()
    tab.find("#parts .filter input").send_keys("k7")
    becomes(tab, "parts", ["K7"])
    assert column(tab, "parts") == ["K7"] and not foot.is_displayed()


def test_table__sorts_what_is_missing_last_and_filters_by_every_word(opened):
    for _ in range(2):
        head(opened, "names", 2).click()
    opened.find("#names .pager [data-page='4']").click()
    assert column(opened, "names", 2)[-1] == "-"
    opened.find("#names .filter input").send_keys("INDENTED name_02")
    becomes(opened, "names", ["name_021", "name_023", "name_025", "name_027", "name_029"])
    opened.find("#names .filter input").send_keys("zzz")
    becomes(opened, "names", ["No row has that."])
    assert opened.texts("#names .info") == ["none (120 in all)"]


def test_address__keeps_and_restores_tables_and_search(tab, place):
    tab.open(place)
    head(tab, "names", 1).click()
    tab.wait("return location.hash === '#names.sort=-addresses'")
    tab.find("#names .pager .next").click()
    tab.wait("return location.hash === '#names.sort=-addresses&names.page=2'")
    head(tab, "encodings", 2).click()
    tab.wait("return location.hash === '#encodings.sort=-delta&names.sort=-addresses&names.page=2'")
    shown = column(tab, "names", 1)
    tab.find("#names .filter input").send_keys("name_1")
    tab.wait("return location.hash.startsWith('#names.filter=name_1&names.sort=-addresses')")
    ask(tab, "jhash")
    tab.wait("return location.hash.startsWith('#f=jhash&')")
    kept, filtered = tab.run("return location.hash"), column(tab, "names", 0)

    tab.open(place, kept)
    tab.wait(f"return ({RESULTS[7:]}).length === 22")
    assert column(tab, "names", 0) == filtered and column(tab, "encodings") == ["decl_tag", "btf_func", "plain"]
    assert tab.find("#names .filter input").get_attribute("value") == "name_1"
    assert tab.run("return location.hash") == kept

    tab.open(place, "#names.sort=-addresses&names.page=2")
    assert column(tab, "names", 1) == shown
    assert abs(tab.run("return document.getElementById('names').getBoundingClientRect().top")) < 100
    tab.open(place, "#names&names.sort=nonsense&names.page=-3&names.rows=7&x=%zz")
    assert column(tab, "names")[12] == "name_012" and len(column(tab, "names")) == 25
    tab.open(place, "#%zz")
    assert tab.drain()[0] == []


def test_address__goes_back_step_by_step(tab, place):
    tab.open(place)
    first = column(tab, "names")
    head(tab, "names", 1).click()
    sorted_ = column(tab, "names", 1)
    tab.find("#names .filter input").send_keys("name_0")
    tab.wait("return location.hash.includes('names.filter=name_0')")
    tab.find("#names .filter input").send_keys("1")
    tab.wait("return location.hash.includes('names.filter=name_01')")
    tab.run("document.querySelector('#contents a[href$=invariants]').click()")
    tab.wait("return location.hash.startsWith('#invariants&names.filter=name_01&names.sort=-addresses')")
    assert tab.run("return document.querySelector(':target').textContent") == "Invariants"
    tab.run("location.hash = '#f=fn_00042_store'")
    tab.wait(f"return ({RESULTS[7:]}).join() === 'fn_00042_store'")
    for expected in ("#invariants&names.filter=name_01&names.sort=-addresses",
                     "#names.filter=name_01&names.sort=-addresses", "#names.sort=-addresses", ""):
        tab.run("history.back()")
        tab.wait("return location.hash === arguments[0]", expected)
    tab.run(SETTLED)
    assert column(tab, "names") == first and tab.find("#fs-q").get_attribute("value") == ""
    tab.run("history.forward()")
    tab.wait("return location.hash === '#names.sort=-addresses'")
    becomes(tab, "names", sorted_, 1)


def test_address__of_a_table_is_beside_its_caption(opened):
    sign = opened.find("#names .sign")
    assert opened.run("return arguments[0].getAttribute('href')", sign) == "#names"
    head(opened, "names", 1).click()
    assert opened.run("return arguments[0].getAttribute('href')", sign) == "#names.sort=-addresses"
    sign.click()
    opened.wait("return location.hash === '#names.sort=-addresses'")
    assert abs(opened.run("return document.getElementById('names').getBoundingClientRect().top")) < 100


def test_search__is_reached_from_the_top_and_by_a_key(tab, place):
    tab.open(place)
    link = tab.find(".ways a")
    assert link.is_displayed() and link.location["y"] < 100
    link.click()
    tab.wait("return document.activeElement.id === 'fs-q'")
    tab.keys("a/b")
    assert tab.find("#fs-q").get_attribute("value") == "a/b"
    tab.open(place)
    tab.keys("/")
    tab.wait("return document.activeElement.id === 'fs-q'")
    assert tab.find("#fs-q").get_attribute("value") == ""
    assert 0 <= tab.run("return document.getElementById('fs-q').getBoundingClientRect().top") < 500


VERDICT = 14
"""Forms in a main table as wide as a page."""


@pytest.mark.parametrize("size", [(1440, 900), (1280, 800)])
@pytest.mark.parametrize("columns", [3, 14])
def test_page__begins_with_title_finding_table_and_figure(tab, tmp_path, size, columns):
    made = report()
    verdict = pd.DataFrame({"form": [f"form_{k}_ambiguous" for k in range(VERDICT)],
                            **{f"bytes of {c}": [1_000_000 * k for k in range(VERDICT)] for c in range(columns)}})
    cost = made.figures[0]._replace(images={"svg": SVG.replace(b"216", b"400")})
    blocks = [made.blocks[0], Heading(2, "What it costs"), Words("words\n\n" * 20), Table("verdict", verdict), cost,
              *made.blocks[1:]]
    path = tmp_path / "index.html"
    path.write_text(page.render(replace(made, blocks=blocks)), encoding="utf-8")
    tab.open(path, size=size)
    for css in ("h1", ".finding", "table[data-name=verdict]", "figure svg"):
        box = tab.run("const b = document.querySelector(arguments[0]).getBoundingClientRect();"
                      "return [b.left, b.top, b.right, b.bottom]", css)
        assert box[0] >= 0 and box[1] >= 0 and box[2] <= size[0] and box[3] <= size[1], (css, box)
    assert tab.run("return document.documentElement.scrollWidth") <= size[0]


def test_table__keeps_its_first_column_on_a_phone(tab, place):
    tab.open(place, size=PHONE)
    frame = "document.querySelector('#names .scroll')"
    assert tab.run(f"return {frame}.scrollWidth > {frame}.clientWidth")
    tab.run(f"{frame}.scrollLeft = 200")
    for css in ("#names th:first-child", "#names td:first-child"):
        assert tab.run("return document.querySelector(arguments[0]).getBoundingClientRect().left", css) == \
            tab.run(f"return {frame}.getBoundingClientRect().left")
    assert tab.find("#names td:first-child").size["width"] < 0.55 * PHONE[0]


def test_figure__has_its_own_picture_on_a_phone(tab, tmp_path):
    made = report()
    cost = made.figures[0]._replace(images={"svg": SVG, "narrow": SVG.replace(b"576", b"360")})
    path = tmp_path / "index.html"
    path.write_text(page.render(replace(made, blocks=[cost])), encoding="utf-8")
    seen = ("return [...document.querySelectorAll('figure svg')].filter((e) => e.getClientRects().length)"
            ".map((e) => e.getAttribute('viewBox'))")
    tab.open(path)
    assert tab.run(seen) == ["0 0 576 216"]
    tab.size(*PHONE)
    assert tab.run(seen) == ["0 0 360 216"]
    tab.command("Emulation.setEmulatedMedia", media="print")
    assert tab.run(seen) == ["0 0 576 216"]
    tab.command("Emulation.setEmulatedMedia", media="")


def test_table__has_its_numbers_at_the_right(opened):
    place = "return getComputedStyle(document.querySelector(arguments[0])).textAlign"
    assert [opened.run(place, f"#names tbody td:nth-child({k})") for k in range(1, 6)] == \
        ["left", "right", "right", "left", "left"]
    assert opened.run(place, "#kinds tfoot td:nth-child(2)") == "right"


def test_table__pages_and_filters(opened):
    assert len(column(opened, "names")) == 25 and opened.texts("#names .info") == ["1 to 25 of 120"]
    opened.find("#names .pager .next").click()
    becomes(opened, "names", ["name_025", "name_026"])
    opened.find("#names .filter input").send_keys("name_11")
    becomes(opened, "names", [f"name_11{k}" for k in range(10)])
    assert opened.texts("#names .info") == ["1 to 10 of 10 (120 in all)"]
    assert opened.texts("label.filter") == ["Filter"], "small tables have no box"


def test_names__are_text_whatever_they_are_and_lead_to_the_search(opened):
    expected = list(map(shown, HOSTILE))
    assert column(opened, "names")[:len(expected)] == expected
    for i, name in enumerate(expected):
        opened.run("document.querySelectorAll('td.fn a')[arguments[0]].click()", i)
        opened.wait(f"return ({RESULTS[7:]}).includes(arguments[0])", name)
        assert opened.find("#fs-q").get_attribute("value") == name
    assert opened.run("return document.querySelectorAll('img').length") == 0


def test_search__finds_by_name(asked):
    assert ask(asked, "jhash") == ["jhash"] * 22
    assert asked.texts("#fs-status") == ["22 instances, 1 name."]
    assert asked.find("#fs-status").get_attribute("aria-live") == "polite"
    assert ask(asked, "fn_0004") == [f"fn_0004{k}_{'show' if k % 2 else 'store'}" for k in range(10)]
    assert ask(asked, "FN_0004") == []
    assert asked.texts("#fs-status") == ["No function has that."]
    table = instances()
    suffixed = set(table.name[table.symbol.str.contains("isra")])
    assert set(ask(asked, ".isra.")) == {name for name in map(shown, suffixed)} & set(asked.run(RESULTS))
    assert asked.texts("#fs-status") == [f"100 instances, {len(suffixed)} names."]


def test_search__finds_by_glob_and_pattern(asked):
    assert ask(asked, "fn_0004?_show") == [f"fn_0004{k}_show" for k in (1, 3, 5, 7, 9)]
    assert ask(asked, "*42_st*e") == ["fn_00042_store", "fn_00142_store", "fn_00242_store"]
    assert ask(asked, "jh*sh") == ["jhash"] * 22 and ask(asked, "hash*") == []
    assert ask(asked, "/^fn_0012[0-2]_/") == ["fn_00120_store", "fn_00121_show", "fn_00122_store"]
    assert ask(asked, "/(/") == []
    assert asked.texts("#fs-status") == ["That pattern is not a regular expression. No function has that."]


def test_search__finds_by_address(asked):
    name = instances().name[32]
    assert ask(asked, "0xffffffff81000200") == [name] and ask(asked, "FFFFFFFF81000200") == [name]
    assert ask(asked, "0xffffffff81000207") == [name]
    assert "the nearest one below begins 0x7 earlier" in asked.texts("#fs-status")[0]
    assert ask(asked, "0x1") == []


def test_search__finds_by_file(asked):
    table = instances()
    headers = table[table.file == "include/linux/jhash.h"]
    assert len(ask(asked, "jhash.h", "#fs-file")) == len(headers)
    assert ask(asked, "jhash.h:201", "#fs-file") == headers.name[headers.line == 201].tolist()
    assert sorted(ask(asked, "kernel/part_7/*7.c", "#fs-file")) == sorted(
        table.name[table.unit.str.fullmatch("kernel/part_7/.*7.c")])


def test_search__filters_by_class_match_and_reason(asked):
    table = instances()
    assert choose(asked, "class", "inline_out_of_line") == ["jhash"] * 22
    assert len(choose(asked, "match", "suffix")) == sum((table.name == "jhash") & (table.match == "suffix"))
    choose(asked, "class", "")
    choose(asked, "match", "")
    expected = list(map(shown, table.name[::5]))
    assert choose(asked, "consistent", "(left out)") == expected
    assert choose(asked, "consistent", "unexpected register") == expected
    assert asked.texts("#fs-table tbody tr:first-child .reason") == ["unexpected register (consistent)"]
    assert choose(asked, "all", "(encoded)") == expected and choose(asked, "ftrace", "yes") == expected[1::2]
    asked.find("#fs-clear").click()
    assert asked.texts("#fs-status") == ["All 300 instances."] and len(asked.run(RESULTS)) == 100


def test_search__shows_more_on_demand_and_sorts(asked):
    assert len(ask(asked, "fn_")) == 100
    more = asked.find("#fs-more")
    assert more.text == "167 more of 167"
    more.click()
    assert len(asked.run(RESULTS)) == 267 and not more.is_displayed()
    address = asked.find("#fs-table th[data-sort=address] button")
    address.click()
    address.click()
    assert asked.run(RESULTS)[0] == "fn_00266_store"
    assert asked.find("#fs-table th[data-sort=address]").get_attribute("aria-sort") == "descending"


def test_search__can_be_used_with_keys_alone(asked):
    asked.run("document.getElementById('fs-q').focus()")
    asked.keys("jhash", "\ue004", "\ue004", "inline_out_of_line")
    asked.run(SETTLED)
    assert asked.run("return document.activeElement.value") == "inline_out_of_line"
    assert asked.run(RESULTS) == ["jhash"] * 22


def test_search__is_in_the_address_of_the_page(tab, place):
    tab.open(place, "#f=jhash&match=suffix")
    tab.wait(f"return ({RESULTS[7:]}).length")
    names = tab.run(RESULTS)
    assert set(names) == {"jhash"} and 0 < len(names) < 22
    assert tab.find("#fs-q").get_attribute("value") == "jhash"
    assert -5 <= tab.run("return document.getElementById('function-search').getBoundingClientRect().top") <= 200
    ask(tab, "fn_00042")
    tab.wait("return location.hash === '#f=fn_00042&match=suffix'")
    tab.run("location.hash = '#f=fn_00007_show'")
    tab.wait(f"return ({RESULTS[7:]}).join() === 'fn_00007_show'")
    tab.run("location.hash = '#names-2'")
    assert tab.run("return document.querySelector(':target').textContent") == "Names"


def test_search__keeps_up_with_typing(tab, tmp_path):
    path = tmp_path / "index.html"
    path.write_text(page.render(report(instances(LARGE))), encoding="utf-8")
    assert path.stat().st_size < 3_000_000
    tab.open(path, "#function-search")
    tab.wait(f"return ({RESULTS[7:]}).length")
    tab.command("Performance.enable", timeDomain="threadTicks")

    def busy():
        """Seconds of the processor that the page has taken."""
        return next(m["value"] for m in tab.command("Performance.getMetrics")["metrics"] if m["name"] == "ThreadTime")

    def typed(text):
        before = busy()
        tab.run("const box = document.getElementById('fs-q'); box.value = arguments[0];"
                f"box.dispatchEvent(new Event('input')); {SETTLED}", text)
        return 1000 * (busy() - before)

    typed("fn")
    texts = ("f", "show", "*_show", "/4[0-9]_s/", "fn_04999", "0xffffffff81000207")
    first, second = ([typed(text) for text in texts] for _ in range(2))
    took = dict(zip(texts, map(min, first, second), strict=True))
    assert max(took.values()) < KEYSTROKE_MS, took


def test_page__fits_a_phone(tab, place):
    tab.open(place, size=PHONE)
    assert tab.run("return document.documentElement.scrollWidth") == PHONE[0]
    assert not tab.run("return document.querySelector('#contents details').open")
    ask(tab, "jhash")
    tab.wait(f"return ({RESULTS[7:]}).length === 22")
    assert tab.run("return document.documentElement.scrollWidth") == PHONE[0]
    wide = tab.run("return [...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth)"
                   ".map((e) => getComputedStyle(e).overflowX)")
    assert wide and set(wide) == {"auto"}


def test_page__is_in_order_for_who_cannot_see_it(opened):
    levels = opened.run("return [...document.querySelectorAll('h1,h2,h3,h4')].map((h) => +h.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:], strict=False))
    unnamed = opened.run("""
        return [...document.querySelectorAll("img, svg, input, select, table, nav, [role=region]")].filter((e) =>
          !(e.getAttribute("alt") || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") ||
            e.labels?.length || e.closest("[aria-hidden=true]"))).map((e) => e.outerHTML.slice(0, 80));""")
    assert unnamed == []
    ids = opened.run("return [...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    assert opened.run("return document.documentElement.lang") == "en"
    opened.keys("\ue004")
    assert opened.run("return document.activeElement.className") == "skip"


def contrast(a, b):
    """Contrast of two colours as CSS computes them, WCAG 2.2."""
    def light(colour):
        parts = [int(x) / 255 for x in re.findall("[0-9]+", colour)[:3]]
        parts = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((light(a), light(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page__is_readable_in_every_colour_it_has(tab, tmp_path, scheme):
    path = tmp_path / "index.html"
    path.write_text(page.render(report(ok=False, recorded=True)), encoding="utf-8")
    tab.open(path, "#f=fn")
    tab.command("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": scheme}])
    tab.wait(f"return ({RESULTS[7:]}).length")
    paper = tab.run("return getComputedStyle(document.documentElement).backgroundColor")
    assert (contrast(paper, "rgb(0, 0, 0)") < 3) == (scheme == "dark")
    pairs = tab.run("""
        const back = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
          if (c !== "rgba(0, 0, 0, 0)") return c; } return "rgb(255, 255, 255)"; };
        const out = {};
        for (const e of document.querySelectorAll("body *")) if (!e.closest("svg") && [...e.childNodes].some((n) =>
          n.nodeType === 3 && n.data.trim())) { const s = getComputedStyle(e);
          if (s.display !== "none" && !e.disabled) out[`${s.color}|${back(e)}`] = e.outerHTML.slice(0, 90); }
        return out;""")
    poor = {key: said for key, said in pairs.items() if contrast(*key.split("|")) < 4.5}
    assert len(pairs) >= 6 and poor == {}
    edges = tab.run("return [...document.querySelectorAll('input, select, #fs button')].map((e) => getComputedStyle(e))"
                    ".filter((s) => s.borderTopWidth !== '0px').map((s) => `${s.borderTopColor}|${s.backgroundColor}`)")
    assert edges and min(contrast(*edge.split("|")) for edge in edges) >= 3
    tab.command("Emulation.setEmulatedMedia", media="", features=[])


def test_page__prints_whole_tables_without_controls(opened, tmp_path):
    opened.command("Emulation.setEmulatedMedia", media="print")
    opened.wait("return document.querySelectorAll('table[data-name=names] tbody tr').length === 120")
    count = "return [...document.querySelectorAll(arguments[0])].filter((e) => e.getClientRects().length).length"
    shown = opened.run(count, "nav, .filter, .below, .search, .file, .skip, .sign, .ways")
    assert shown == 0
    opened.command("Emulation.setEmulatedMedia", media="")
    opened.wait("return document.querySelectorAll('table[data-name=names] tbody tr').length === 25")
    if shutil.which("pdftotext") is None:
        return
    (tmp_path / "page.pdf").write_bytes(opened.print())
    said = subprocess.run(["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, check=True).stdout
    assert all(f"name_{k:03}".encode() in said for k in range(12, 120)) and b"Filter" not in said
    pages = subprocess.run(["pdfinfo", tmp_path / "page.pdf"], capture_output=True, check=True).stdout.decode()
    assert re.search(r"Page size: +59[45][.0-9]* x 84[12]", pages), pages


def test_page__says_when_a_long_table_is_not_printed_whole(tab, tmp_path):
    path = tmp_path / "index.html"
    path.write_text(page.render(report(long=250)), encoding="utf-8")
    tab.open(path)
    tab.command("Emulation.setEmulatedMedia", media="print")
    assert len(column(tab, "names")) == 25
    (note,) = [e.text for e in tab.chrome.find_elements("css selector", ".print-only")]
    assert note == "Printed as far as it was shown; all 250 rows are in names.csv."


def test_table__has_the_rows_that_were_packed(tab, tmp_path):
    path = tmp_path / "index.html"
    names = ["<i>", *(f"name_{k:03}" for k in range(1, 259)), "jhash"]
    frame = pd.DataFrame({"name": names, "addresses": range(260)})
    path.write_text(page.render(replace(report(), blocks=[Table("names", frame)])), encoding="utf-8")
    tab.open(path, "#names.page=11")
    assert column(tab, "names")[0] == "name_250" and tab.texts("#names .info") == ["251 to 260 of 260"]
    assert tab.run("return document.querySelectorAll('.note.rest, script.rest').length") == 0
    tab.find("#names td.fn a").click()
    tab.wait("return location.hash.startsWith('#f=jhash')")
    head(tab, "names", 1).click()
    becomes(tab, "names", ["jhash", "name_258"])
    assert tab.drain()[0] == []


def test_page__is_whole_without_javascript(tab, place):
    tab.open(place, javascript=False)
    tree = json.dumps(tab.command("DOM.getDocument", depth=-1, pierce=True))
    assert tree.count('"nodeName": "TR"') >= 120 + 3 + 5 and '"nodeName": "NOSCRIPT"' in tree
    snapshot = tab.command("DOMSnapshot.captureSnapshot", computedStyles=[])
    seen = {snapshot["strings"][i] for i in snapshot["documents"][0]["layout"]["text"] if i >= 0}
    assert {"name_119", "decl_tag"} <= seen and "Name or address " not in seen
    assert any(text.startswith("The search needs JavaScript.") for text in seen)


def test_index__sorts_and_fits_a_phone(tab, tmp_path):
    for name in ("linux-6.12", "linux-6.1", "linux-5.10"):
        reports(tmp_path, name, {"kernel": name})
    path = index.write(tmp_path)
    tab.open(path)
    assert column(tab, "kernels") == ["linux-5.10", "linux-6.1", "linux-6.12"]
    head(tab, "kernels", 0).click()
    head(tab, "kernels", 0).click()
    becomes(tab, "kernels", ["linux-6.12"])
    assert tab.find("td a").get_attribute("href") == (tmp_path / "linux-6.12/index.html").as_uri()
    assert tab.drain()[0] == []
    tab.open(path, size=PHONE)
    assert tab.run("return document.documentElement.scrollWidth") == PHONE[0]
