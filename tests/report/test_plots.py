"""Plots draw what their frames hold, say in the title what it shows, and keep their texts apart."""

import functools
import io
import re

import numpy as np
import pandas as pd
import pytest

from harness import encodings, measure
from harness.errors import MeasureError
from harness.report import plots
from harness.report.plots import labels, style
from harness.report.plots.ambiguous import SAID, SINGLE, UNRELATED

PLOTS = plots.PLOTS | plots.ACROSS

CAPTION = "linux-image-6.12.117+deb12-cloud-amd64-dbg 6.12.117-1, policy consistent, btf-harness 0.1.0"

EIGHT = ("plain", "decl_tag", "btf_func", "decl_tag_short", "func_sec", "btf_func_rel", "kind_flag_off", "datasec_addr")

FUNNEL = [
    ("subprogram DIEs", "total", 326397), ("declarations", "removed", 144452), ("without a name", "removed", 0),
    ("abstract (inlined)", "removed", 128989), ("definitions without code", "removed", 4594),
    ("instances with code", "total", 48362), ("found by symbol alone", "added", 841),
    ("instances seen", "total", 49203), ("optimized parameters", "removed", 695), ("partial body", "removed", 341),
    ("inconsistent prototype", "removed", 173), ("overridden: its name's symbol is elsewhere", "removed", 139),
    ("reordered parameters", "removed", 32), ("unexpected register", "removed", 24),
    ("instances encoded", "total", 47799), ("merged: same name and prototype", "removed", 332),
    ("FUNCs in plain", "total", 47467),
]

def of(name, rows):
    return pd.DataFrame(list(rows), columns=list(PLOTS[name].columns))


FORMS = [
    ("decl_tag", 866840, 1447757, 0, 44.02, 340675.0, 400, "yes"),
    ("decl_tag_short", 866840, 1287464, 0, 40.97, 328874.0, 400, "yes"),
    ("btf_func", 444652, 5120, 0, 8.55, 166104.0, 792, "no"),
    ("btf_func_ambiguous", 23988, 5120, 0, 0.55, 9601.0, 567, "no"),
    ("decl_tag_ambiguous", 25512, 30311, 0, 1.06, 10900.0, 175, "yes"),
    ("func_per_address", 16524, 5120, 0, 0.41, 4042.0, 790, "yes"),
    ("decl_tag_offset", 866840, 866617, 0, 32.97, 332374.0, 400, "yes"),
    ("btf_func32", 230588, 5120, 0, 4.48, 188913.0, 792, "no"),
    ("decl_tag_file", 866840, 110018, 0, 18.58, 121498.0, 21, "yes"),
    ("locsec", 652812, 5148, 0, 12.51, 244299.0, 400, "no"),
    ("locsec_split", 10584, 5120, 642280, 12.51, 245674.0, 400, "?"),
    ("func_addr_kind", 444652, 5120, 104, 8.56, 166091.0, 792, "no"),
    ("sidecar", 10584, 5120, 216044, 4.41, 148299.0, 400, "yes"),
    ("sidecar_uleb", 10584, 5120, 298897, 5.98, 164140.0, 400, "yes"),
]


CLASSES = [("true_twins", 0, 0, 0), ("compiled_twice", 6, 12, 12), ("inline_out_of_line", 121, 429, 19),
           ("clone_twins", 1, 2, 2), ("same_prototype", 137, 325, 288), ("different_prototype", 85, 268, 242),
           ("weak_strong", 156, 156, 141), ("alias", 37, 37, 27)]


GROWTH = [(kernel, encoding, percent) for kernel, tag, func in [
    ("6.1.192-cloud-amd64", 44.31, 8.39), ("7.3.4-clang-thinlto-amd64 (clang 19 with ThinLTO, small)", 43.44, 8.21),
    ("6.12.117-cloud-amd64", 44.13, 8.32), ("7.2.13-cloud-amd64", 43.81, 8.28),
    ("6.1.176-generic-s390x (big endian)", 43.04, 8.12),
    ] for encoding, percent in (("decl_tag", tag), ("btf_func", func))]


def cost(forms=tuple(FORMS)):
    left = {"func_per_address": 356}
    known = "yes" in (f[-1] for f in forms)  # what the kernel loads libbpf does not refuse
    return of("cost", [(*f[:-1], sum(f[1:4]) / f[6] if f[6] else float("nan"), f[-1],
                        min(left.get(f[0], f[6]), f[6]) if known and f[-1] == "yes" else float("nan"))
                       for f in forms])


REAL = {"cost": cost(), "ambiguous": of("ambiguous", CLASSES), "growth": of("growth", GROWTH),
        "funnel": of("funnel", FUNNEL)}

LONG = "a_form_with_a_name_of_forty_characters__"

ODD = {
    "cost, three forms, not asked": ("cost", cost([(*f[:5], float("nan"), f[6], "?") for f in FORMS[:3]])),
    "cost, nothing gained": ("cost", cost([(*f[:6], 0, f[7]) for f in FORMS])),
    "cost, smaller, and a long name": ("cost", cost([
        (LONG, -900000, 300000, 0, -11.41, -5.0, 8, "no"), ("$x$\udc80", 0, 0, 0, 0.0, 0.0, 3, "yes"),
        ("y", 1, -2, 0, 0.0, float("nan"), 0, "?"), ("z", 2100000, 3, 2, 39.93, 1.0, 9, "no")])),
    "cost, one form": ("cost", cost(FORMS[2:3])),
    "cost, twenty forms": ("cost", cost([(f"{f[0]}_{i}", *f[1:]) for f in FORMS[:10] for i in (1, 2)])),
    "ambiguous, no site known": ("ambiguous", of("ambiguous", [(*c[:3], 0) for c in CLASSES])),
    "ambiguous, one class": ("ambiguous", of("ambiguous", CLASSES[2:3])),
    "ambiguous, none with several": ("ambiguous", of("ambiguous", CLASSES[6:])),
    "ambiguous, a class of others": ("ambiguous", of("ambiguous", [
        *CLASSES[:2], ("a$class$ of somebody's that has a long name \udc80", 400000, 12345678, 2345678)])),
    "growth, one kernel": ("growth", of("growth", GROWTH[:2])),
    "growth, decl_tag alone": ("growth", of("growth", GROWTH[::2])),
    "growth, eight encodings on one kernel": ("growth", of("growth", [
        (k, e, n) for k in ("5.1-a$b$\udc80", "no version") for e, n in zip(EIGHT, (0, 43.9, 8.3, 40, .02, .4, -1, .5),
                                                                            strict=True)])),
    "growth, none": ("growth", of("growth", [("1.0", "a", 0.0), ("2.0", "a", 0.0)])),
    "funnel, one total": ("funnel", of("funnel", FUNNEL[:1])),
    "funnel, one scale": ("funnel", of("funnel", FUNNEL[:6])),
    "funnel, only small steps": ("funnel", of("funnel", FUNNEL[7:])),
}
ODD |= {f"{name}, one encoding": (name, frame[frame.encoding == "plain"])
        for name, frame in REAL.items() if "encoding" in frame}
ODD |= {f"{name}, nothing": (name, frame.head(0)) for name, frame in REAL.items()}
EVERY = {name: (name, frame) for name, frame in REAL.items()} | ODD


@pytest.fixture
def axes():
    from matplotlib.figure import Figure

    return Figure().subplots()


def page(name, frame, caption=CAPTION, narrow=False):
    return plots.figure(PLOTS[name].function, frame, PLOTS[name].height_inches, caption, narrow)


def draw(name):
    return plots.draw(PLOTS[name].function, REAL[name], PLOTS[name].height_inches, caption=CAPTION)


drawn_once = functools.cache(draw)


def texts(figure):
    """Every text that can be seen, with its box in pixels."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text() and t.axes is not None]
    shown = [t for t in found if t not in ticks(figure, visible=False)] + [figure.caption]
    return [(t.get_text(), np.array(t.get_window_extent().extents)) for t in shown if t.get_text()]


def ticks(figure, visible):
    """Labels of the ticks that are within the limits or, not visible, of the others."""
    found = []
    for ax in figure.findobj(lambda a: hasattr(a, "get_xticklabels")):
        for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            for tick in axis.get_major_ticks() + axis.get_minor_ticks():
                if (min(limits) <= tick.get_loc() <= max(limits) and axis.get_visible() and ax.axison) == visible:
                    found += [tick.label1, tick.label2]
    return found


@pytest.mark.parametrize(("case", "width"), [
    (case, width) for case in EVERY for width in (800, 390)])
def test_figure__has_its_finding_as_title_and_no_text_on_another(case, width):
    name, frame = EVERY[case]
    figure = page(name, frame, narrow=width == 390)
    finding = PLOTS[name].finding(frame)
    assert figure.ax.get_title(loc="left").replace("\n", " ") == finding
    assert finding.isascii() and finding and "nan" not in finding
    assert figure.caption.get_text().replace("\n", " ") == CAPTION
    drawn = texts(figure)
    assert len(drawn) >= 3
    height = figure.bbox.height
    assert width == round(figure.bbox.width)
    for text, (x0, y0, x1, y1) in drawn:
        assert -0.5 <= x0 and x1 <= width + 0.5 and -0.5 <= y0 and y1 <= height + 0.5, text
    boxes = np.array([box + (1, 1, -1, -1) for _, box in drawn])  # a pixel for the edges of letters
    area = np.triu(labels.overlap(boxes, boxes), 1)
    assert not [(drawn[i][0], drawn[j][0]) for i, j in zip(*area.nonzero(), strict=True)]


@pytest.mark.parametrize("name", PLOTS)
def test_draw__makes_small_images_the_same_each_time(name):
    assert tuple(REAL[name].columns) == PLOTS[name].columns
    images = drawn_once(name)
    assert images["png"].startswith(b"\x89PNG") and len(images["png"]) <= 45_000
    for svg in (images["svg"], images["narrow"]):
        assert len(svg) <= 35_000 and svg.startswith(b"<svg ") and b"dc:date" not in svg and b"Matplotlib" not in svg
    assert b"Software" not in images["png"] and set(plots.FILES) == {"png", "svg"} < set(images)
    assert b'width="800"' in images["svg"] and b'width="390"' in images["narrow"]
    assert images == draw(name)


def test_draw__svgs_share_no_id_and_their_references_hold():
    seen = set()
    for svg in (drawn_once(name)[kind].decode() for name in PLOTS for kind in ("svg", "narrow")):
        ids = set(re.findall(r' id="([^"]+)"', svg))
        assert not ids & seen
        assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg)) <= ids
        assert "<style" not in svg and "<!DOCTYPE" not in svg
        seen |= ids
    assert seen


def test_draw__is_independent_of_the_callers_settings():
    import matplotlib

    with matplotlib.rc_context({"font.size": 20, "svg.fonttype": "path", "axes.grid": True}):
        assert draw("cost") == drawn_once("cost")


def test_draw__its_palette_keeps_the_colours_of_the_house():
    from PIL import Image

    image = Image.open(io.BytesIO(drawn_once("growth")["png"]))
    assert image.mode == "P" and image.size[0] == 800
    colours = {"#{:02X}{:02X}{:02X}".format(*rgb) for _, rgb in image.convert("RGB").getcolors()}
    assert {"#FFFFFF", *style.encoding_colours(("decl_tag", "btf_func")).values()} <= colours


def test_encoding_colours__are_the_encodings_own_and_those_of_others_are_apart():
    found = style.encoding_colours(EIGHT)
    own = {name: e.colour for name, e in encodings.REGISTRY.items() if name in EIGHT}
    assert found.items() >= own.items() and set(found) == set(EIGHT)
    others = [found[name] for name in EIGHT if name not in own]
    assert len(set(others)) == len(others) == 4 and not set(others) & set(own.values()) and set(others) < style.house()
    assert set(style.encoding_colours(["plain", *"abcde"]).values()) == {own["plain"], *style.RESERVE}
    assert style.encoding_colours(["x"]) == {"x": style.RESERVE[0]}


def test_figure__wraps_a_long_caption_below_the_plot():
    figure = page("cost", REAL["cost"], caption=" ".join([CAPTION] * 3))
    assert figure.caption.get_text().count("\n") == 2
    assert figure.caption.get_window_extent().y1 < figure.ax.get_tightbbox().y0


@pytest.mark.parametrize("name", PLOTS)
def test_plots__work_in_the_figure_of_a_notebook(name):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    ax = figure.subplots()
    assert PLOTS[name].function(REAL[name], ax) is ax
    figure.draw_without_rendering()


def test_cost__draws_each_form_and_its_numbers():
    ax = page("cost", cost(FORMS[:4])).ax
    drawn = {c.get_label(): [(round(b.get_x()), round(b.get_width())) for b in c] for c in ax.containers}
    order = ["btf_func_ambiguous", "btf_func", "decl_tag_short", "decl_tag"]
    assert [t.get_text() for t in ax.get_yticklabels()] == order
    rows = [next(f for f in FORMS if f[0] == name) for name in order]
    assert drawn["types"] == [(0, f[1]) for f in rows] and drawn["strings"] == [(f[1], f[2]) for f in rows]
    assert "own sections" not in drawn  # none has any
    words = [t.get_text() for t in ax.texts]
    assert words[:5] == ["bytes\nadded", "29,108", "449,772", "2,154,304", "2,314,597"]
    columns = [words[i:i + 5] for i in range(5, 30, 5)]
    assert columns == [["percent", "0.55", "8.55", "40.97", "44.02"],
                       ["zstd\nadded", "9,601", "166,104", "328,874", "340,675"],
                       ["newly at-\ntachable", "567", "792", "400", "400"],
                       ["bytes\neach", "51", "568", "5,386", "5,786"],
                       ["running\nkernel", "refused", "refused", "loads", "loads"]]
    bold = {t.get_text() for t in ax.get_yticklabels() if t.get_fontweight() == "bold"}
    assert bold == {"btf_func_ambiguous", "btf_func"}  # those of the title


def test_cost__on_a_phone_has_each_name_above_its_bar():
    ax = page("cost", cost(FORMS[:3]), narrow=True).ax
    assert not ax.get_yticks().size
    assert [t.get_text() for t in ax.texts] == [
        "btf_func", "449,772 bytes, 8.55 %", "792 newly attachable, 568 bytes each, refused",
        "decl_tag_short", "2,154,304 bytes, 40.97 %", "400 newly attachable, 5,386 bytes each, loads",
        "decl_tag", "2,314,597 bytes, 44.02 %", "400 newly attachable, 5,786 bytes each, loads"]


def test_cost__a_bar_too_thin_to_be_seen_is_marked_and_a_shrinking_part_stands_left_of_0():
    ax = page("cost", cost([("a", 100, 0, 0, 0.0, 1.0, 1, "?"), ("b", -500, 9_000_000, 0, 9.0, 1.0, 1, "?")])).ax
    drawn = {c.get_label(): [(b.get_x(), b.get_width()) for b in c] for c in ax.containers}
    assert drawn["types"] == [(0, 100), (0, -500)] and drawn["strings"] == [(0, 0), (0, 9_000_000)]
    (_, width), = drawn["_thin"]
    pixels = ax.transData.transform([(0, 0), (width, 0)])
    assert pixels[1][0] - pixels[0][0] == pytest.approx(2)


@pytest.mark.parametrize(("narrow", "there", "gone"), [(False, "percent", "zstd\nadded"), (True, "loads", "zstd")])
def test_cost__says_nothing_of_what_was_not_measured(narrow, there, gone):
    ax = page("cost", cost([(*f[:5], float("nan"), *f[6:]) for f in FORMS]), narrow=narrow).ax
    words = [t.get_text() for t in ax.texts]
    assert any(there in w for w in words) and not any(gone in w or "nan" in w for w in words)
    unknown = page("cost", cost([(*f[:-1], "?") for f in FORMS]), narrow=narrow).ax
    assert not any(w in t.get_text() for t in unknown.texts for w in ("loads", "refused", "running"))


@pytest.mark.parametrize(("forms", "finding"), [
    (FORMS, "func_per_address buys most per byte: 790 newly attachable functions for 21.6 kB (+0.41 %), 27 bytes each, "
            "but libbpf's dedup leaves 356 of them; btf_func32 buys most, 792 for 236 kB (+4.48 %), but is refused"),
    (FORMS[:4], "btf_func_ambiguous buys most per byte: 567 newly attachable functions for 29.1 kB (+0.55 %), 51 bytes "
                "each, but the running kernel refuses it; btf_func buys most, 792 for 450 kB (+8.55 %), and is refused "
                "too"),
    (FORMS[:2], "decl_tag_short buys most, and most per byte: 400 newly attachable functions for 2.15 MB (+40.97 %), "
                "5,386 bytes each, and the running kernel loads it"),
    (FORMS[:1], "decl_tag buys 400 newly attachable functions for 2.31 MB (+44.02 %), 5,786 bytes each, and the "
                "running kernel loads it"),
    ([(*f[:-1], "?") for f in FORMS[2:4]], "btf_func_ambiguous buys most per byte: 567 newly attachable functions for "
     "29.1 kB (+0.55 %), 51 bytes each; btf_func buys most, 792 for 450 kB (+8.55 %)"),
    ([(*FORMS[3][:-1], "?"), FORMS[2]], "btf_func_ambiguous buys most per byte: 567 newly attachable functions for "
     "29.1 kB (+0.55 %), 51 bytes each; btf_func buys most, 792 for 450 kB (+8.55 %), but the running kernel refuses "
     "it"),
    ([("a", 5, 0, 0, 0.001, 0.0, 1, "yes"), ("b", -5, 1, 0, -0.5, 0.0, 1, "yes"), ("c", 9, 1, 0, 1.0, 0.0, 2, "yes")],
     "b buys most per byte: 1 newly attachable function for -4 bytes (-0.50 %), and the running kernel loads it; c "
     "buys most, 2 for 10 bytes (+1.00 %), and loads too"),
    ([("a", 0, 0, 0, 0.0, 0.0, 1, "?")], "a buys 1 newly attachable function for no growth"),
    ([("a", 5, 0, 0, 0.001, 0.0, 0, "yes")], "a makes no more functions attachable than today, for 5 bytes"),
    ([(*f[:6], 0, f[7]) for f in FORMS], "No form makes more functions attachable than today: they cost 21.6 kB "
                                         "(func_per_address) to 2.31 MB (decl_tag)"),
    ([], "Nothing was measured"),
])
def test_cost_finding(forms, finding):
    assert PLOTS["cost"].finding(cost(forms)) == finding


def test_cost__is_the_same_from_a_csv_file():
    exact = cost([(*f[:4], f[4] + 0.0049, *f[5:]) for f in FORMS])
    kept = pd.read_csv(io.StringIO(exact.to_csv(index=False, float_format="%.2f")))
    names = [t.get_text() for t in page("cost", exact).ax.texts]
    assert names == [t.get_text() for t in page("cost", kept).ax.texts]
    assert PLOTS["cost"].finding(exact) == PLOTS["cost"].finding(kept)


def test_ambiguous__draws_the_addresses_of_each_class(axes):
    plots.ambiguous(of("ambiguous", CLASSES), axes)
    drawn = {c.get_label(): [(b.get_x(), b.get_width()) for b in c] for c in axes.containers}
    order = [CLASSES[i] for i in (2, 4, 5, 1, 3, 6, 7)]  # most addresses first, names with one address last
    assert drawn == {"with an ftrace site": [(0, sites) for _, _, _, sites in order],
                     "without": [(sites, n - sites) for _, _, n, sites in order]}
    assert [t.get_text() for t in axes.texts] == [
        "names with one address:", "19 of 429, 121 names", "288 of 325, 137 names", "242 of 268, 85 names",
        "12 of 12, 6 names", "2 of 2, 1 name", "141 of 156, 156 names", "27 of 37, 37 names"]


def test_ambiguous__on_a_phone_has_each_class_above_its_bar():
    ax = page("ambiguous", of("ambiguous", CLASSES[1:3]), narrow=True).ax
    assert [t.get_text() for t in ax.texts] == ["copies of one inline function", "19 of 429",
                                                "one source file, compiled several times", "12 of 12"]


def test_ambiguous__without_a_table_of_sites_says_of_no_address_that_it_has_none():
    ax = page("ambiguous", ODD["ambiguous, no site known"][1]).ax
    assert [c.get_label() for c in ax.containers] == ["ftrace sites not known"]
    assert not any(" of " in t.get_text() for t in ax.texts)


def test_ambiguous__has_words_for_every_class():
    assert set(SAID) == {cause.name for cause in measure.CAUSES} > {*SINGLE, *UNRELATED}


@pytest.mark.parametrize(("rows", "finding"), [
    (CLASSES, "563 of 1,036 addresses that share a name have an ftrace site: nearly all unrelated functions (530 of "
              "593), hardly any copies of inline functions (19 of 429)"),
    ([(*c[:3], 0) for c in CLASSES], "1,036 addresses share a name: 593 are unrelated functions, 429 are copies of "
                                     "inline functions; no ftrace site is known"),
    ([(*CLASSES[2][:3], 0), (*CLASSES[4][:3], 325)], "325 of 754 addresses that share a name have an ftrace site: all "
     "unrelated functions (325 of 325), no copies of inline functions (0 of 429)"),
    ([(*CLASSES[2][:3], 215), (*CLASSES[4][:3], 40)], "255 of 754 addresses that share a name have an ftrace site: "
     "some unrelated functions (40 of 325), most copies of inline functions (215 of 429)"),
    (CLASSES[1:2], "12 of 12 addresses that share a name have an ftrace site"),
    (CLASSES[6:], "No address shares its name with another"),
    ([], "No address shares its name with another"),
])
def test_ambiguous_finding(rows, finding):
    assert PLOTS["ambiguous"].finding(of("ambiguous", rows)) == finding


@pytest.mark.parametrize("narrow", [False, True])
def test_growth__draws_a_dot_for_each_kernel_and_encoding_the_newest_kernel_first(narrow):
    ax = page("growth", of("growth", GROWTH), narrow=narrow).ax
    series = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    assert {e: list(line.get_xdata()) for e, line in series.items()} == {
        "decl_tag": [43.44, 43.81, 44.13, 44.31, 43.04], "btf_func": [8.21, 8.28, 8.32, 8.39, 8.12]}
    assert len({(line.get_color(), line.get_marker()) for line in series.values()}) == 2
    ys = list(series["decl_tag"].get_ydata())
    assert ys == sorted(ys) == list(series["btf_func"].get_ydata()) and ax.yaxis_inverted()
    words = [t.get_text() for t in ax.texts]
    names = words[:15:3] if narrow else [t.get_text() for t in ax.get_yticklabels()]
    assert [name.split()[0] for name in names] == [
        "7.3.4-clang-thinlto-amd64", "7.2.13-cloud-amd64", "6.12.117-cloud-amd64", "6.1.192-cloud-amd64",
        "6.1.176-generic-s390x"]
    assert words[-2:] == ["btf_func", "decl_tag"] and {"8.2", "43.4", "43.8", "44.3"} < set(words)


def test_growth__a_number_that_would_cover_the_next_dot_is_left_out():
    ax = page("growth", of("growth", [("1.0", "a", 10.0), ("1.0", "b", 10.1), ("1.0", "c", 50.0)])).ax
    assert [t.get_text() for t in ax.texts] == ["10.1", "50.0", "a", "b", "c"]


@pytest.mark.parametrize(("rows", "finding"), [
    (GROWTH, "On 5 kernels addresses grow .BTF by 43.0 to 44.3 % as decl_tag, 8.1 to 8.4 % as btf_func"),
    (GROWTH[:2], "On 6.1.192-cloud-amd64 addresses grow .BTF by 44.3 % as decl_tag, 8.4 % as btf_func"),
    ([("1.0", "a", .412), ("2.0", "a", .5), ("1.0", "b", 0.0)],
     "On 2 kernels addresses grow .BTF by 0.41 to 0.50 % as a, 0 % as b"),
    ([(k, e, n) for k in ("1.0", "2.0") for e, n in zip("abcd", (1, 2, 3, .04), strict=True)],
     "On 2 kernels addresses grow .BTF by 0.04 % as d to 3.0 % as c, in 4 encodings"),
    ([], "No kernel was measured"),
])
def test_growth_finding(rows, finding):
    assert PLOTS["growth"].finding(of("growth", rows)) == finding


def bars(ax):
    """Bars by label as (left, right)."""
    return {c.get_label(): [(b.get_x(), b.get_x() + b.get_width()) for b in c] for c in ax.containers}


def test_funnel__draws_the_frame_on_two_scales():
    ax = page("funnel", REAL["funnel"]).ax
    (inset,) = ax.child_axes
    assert bars(ax) == {"total": [(0, 326397), (0, 48362)],
                        "removed": [(181945, 326397), (52956, 181945), (48362, 52956)]}
    lower = bars(inset)
    assert lower["added"] == [(48362, 49203)]
    assert [right for _, right in lower["total"]] == [49203, 47799, 47467]
    assert [right - left for left, right in lower["removed"]] == [695, 341, 173, 139, 32, 24, 332]
    start, stop = inset.get_xlim()
    assert {left for left, _ in lower["total"]} == {start} and 0 < start < 47467 and stop == 49203
    assert f"magnified {326397 / (stop - start):,.0f} times" in ax.get_xlabel()
    words = [t.get_text() for t in ax.get_yticklabels()]
    assert words == [step for step, _, n in FUNNEL if n]
    signs = {"total": "", "removed": "-", "added": "+"}
    assert [t.get_text() for t in ax.texts] == [f"{signs[role]}{n:,}" for _, role, n in FUNNEL if n]


def test_funnel__one_scale_where_nothing_would_vanish(axes):
    plots.funnel(of("funnel", [("a", "total", 100), ("b", "removed", 60), ("n", "note", 7), ("c", "total", 40)]), axes)
    assert not axes.child_axes
    assert bars(axes) == {"total": [(0, 100), (0, 40)], "removed": [(40, 100)]}
    assert [t.get_text() for t in axes.texts] == ["100", "-60", "7", "40"]
    assert "of these: n" in [t.get_text() for t in axes.get_yticklabels()]


@pytest.mark.parametrize(("rows", "finding"), [
    (FUNNEL, "326,397 subprogram DIEs become 47,467 FUNCs in plain; of 49,203 instances seen, 1,404 (2.9 %) are left "
             "out for 6 reasons"),
    (FUNNEL[:6], "326,397 subprogram DIEs become 48,362 instances with code"),
    (FUNNEL[:1], "326,397 subprogram DIEs"),
    ([("a", "total", 9), ("b", "removed", 3), ("c", "total", 7)], "FAILED: 7 c, but the steps before give 6"),
    ([], "No functions"),
])
def test_funnel_finding(rows, finding):
    assert PLOTS["funnel"].finding(of("funnel", rows)) == finding


def test_funnel__refuses_an_unknown_role(axes):
    with pytest.raises(MeasureError, match="expected a role total, removed, added or note, found 'lost'"):
        plots.funnel(of("funnel", [("a", "lost", 1)]), axes)


@pytest.mark.parametrize(("nbytes", "text"), [
    (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.00 kB"), (8800, "8.80 kB"), (12345, "12.3 kB"),
    (453250, "453 kB"), (999_499, "999 kB"), (999_500, "1.00 MB"), (2054817, "2.05 MB"), (-3000, "-3.00 kB"),
])
def test_size__has_three_digits(nbytes, text):
    assert style.size(nbytes) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0 %"), (8.23, "8.2 %"), (0.049, "0.05 %"), (0.003, "0.003 %"),
                                             (-0.01, "-0.01 %"), (1234.5, "1,234.5 %"), (1e-6, "1e-06 %")])
def test_percent__has_as_many_decimals_as_it_needs(value, text):
    assert style.percent(value) == text


def test_extent__is_what_is_drawn_or_a_little_more(axes):
    from matplotlib.text import Text

    axes.figure.set_dpi(style.DPI)
    for size in (style.TINY, style.SMALL, style.TEXT, style.TITLE):
        for text in ("+172 for +2.03 MB: 11,797 bytes each", "DECL_TAG", "two\nlines of text"):
            box = Text(0, 0, text, fontsize=size, figure=axes.figure).get_window_extent()
            width, height = style.extent(axes, text, size)
            assert box.width - 1 <= width <= 1.15 * box.width + 2 and box.height - 1 <= height


def test_wrapped__breaks_no_number_from_its_unit(axes):
    lines = style.wrapped(axes, "adds 217 kB (+18.0 %) instead of 2.05 MB or 3 bytes", 1, style.TEXT)
    assert "217 kB" in style.wrapped(axes, "adds 217 kB now", 60, style.TEXT)
    assert "".join(lines.split()) == "adds217kB(+18.0%)insteadof2.05MBor3bytes"


def test_place__finds_the_free_place():
    taken = labels.places([((0, 0, 10, 10), None, 0)])
    choice = labels.places([((5, 5, 15, 15), None, 0), ((30, 0, 40, 10), (15, 5, 30, 5), 3),
                            ((90, 0, 100, 10), None, 1)])
    chosen = labels.place([taken, choice], [(50, 50, 60, 60)], (-5, -5, 60, 60))
    assert chosen == [((0, 0, 10, 10), None), ((30, 0, 40, 10), (15, 5, 30, 5))]


def test_crosses__clips_lines_at_boxes():
    boxes = np.array([(0.0, 0.0, 2.0, 2.0)])
    lines = np.array([(-1, -1, 3, 3), (-1, 1, 3, 1), (1, -1, 1, 3), (-1, 3, 3, 3), (3, 0, 3, 2), (0.5, 0.5, 1, 1),
                      (np.nan,) * 4])
    assert labels.crosses(lines, boxes)[:, 0].tolist() == [True, True, True, False, False, True, False]
