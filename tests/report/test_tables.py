"""A table shows the same cells as Markdown, as plain text and as LaTeX."""

import random
import re
import string

import pandas as pd
import pytest

from harness.measure import frame
from harness.report.tables import LATEX, Table, cell, plain
from harness.text.plain import ascii_text


def sizes():
    """Three encodings, as wide as encodings.csv."""
    return pd.DataFrame({
        "encoding": ["plain", "decl_tag", "btf_func"], "bytes": [4694949, 6749766, 5081325],
        "delta": [0, 2054817, 386376], "percent": [0.0, 43.77, 8.23], "types": [107633, 155432, 107965],
        "FUNC": [47467, 47467, 47799], "extra FUNC": [0, 0, 332], "DECL_TAG": [132, 47931, 132],
        "zstd-19": [1205421, 1422364, 1342115], "zstd-19 delta": [0, 216943, 136694],
        "zstd-19 percent": [0.0, 18.0, 11.34]})


def text_rows(text):
    """The rows of `Table.text`, dicts by column: wrapped cells and blocks of columns put together."""
    rows = []
    for block in text.split("\n\n"):
        lines = block.splitlines()
        rule = next((i for i, line in enumerate(lines) if re.fullmatch("-+( +-+)*", line)), None)
        if rule is None:
            continue
        spans = [found.span() for found in re.finditer("-+", lines[rule])]
        head = ["".join(glued(line[a:b].strip() for line in lines[:rule])) for a, b in spans]
        own = []
        for line in (line for line in lines[rule + 1 :] if line.strip("-")):
            cells = [line[a:b] for a, b in spans]
            if cells[-1].strip():  # the last column of a block is not wrapped here, the first may be
                own.append([[c] for c in cells])
            else:
                for column, c in zip(own[-1], cells, strict=True):
                    column.append(c)
        found = [{h: " ".join(" ".join(c).split()) for h, c in zip(head, row, strict=True)} for row in own]
        rows = [a | b for a, b in zip(rows, found, strict=True)] if rows else found
    return rows


def glued(pieces):
    """The lines of a head: words parted by spaces, what was cut behind an underscore not."""
    whole = ""
    for piece in pieces:
        whole += (" " if whole and piece and not whole.endswith("_") else "") + piece
    return whole


def markdown_rows(text):
    head, _, *rows = [[unescaped(c) for c in re.split(r"(?<!\\) \| ", line[2:-2])] for line in text.splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


def unescaped(text):
    return " ".join(re.sub(r"\\(.)", r"\1", text).split())


def latex_rows(text):
    rows = []
    for block in re.findall(r"\\begin\{(?:tabular|longtable)\}.*?\\end\{(?:tabular|longtable)\}", text, re.S):
        lines = block.splitlines()
        begin = lines.index(r"\endfoot" if "longtable" in lines[0] else r"\midrule")
        heads, body = ([[unlatex(c) for c in re.split(r"(?<!\\) ?& ", line[:-3])]
                        for line in some if line.endswith(r" \\")]
                       for some in (lines[lines.index(r"\toprule") : lines.index(r"\midrule")], lines[begin:]))
        names = [glued(pieces) for pieces in zip(*heads, strict=True)]
        found = [dict(zip(names, row, strict=True)) for row in body]
        rows = [a | b for a, b in zip(rows, found, strict=True)] if rows else found
    return rows


def unlatex(text):
    text = text.replace(r"\textbf{FAILED}", "FAILED").replace(r"\quad ", " ").replace("-{}-", "--")
    text = text.replace(r"\allowbreak{}", "").replace("-{}", "-")
    for sign, code in sorted(LATEX.items(), key=lambda pair: -len(pair[1])):
        text = text.replace(code, sign) if sign != "\\" else text.replace(code, "\0")
    return " ".join(text.replace("\0", "\\").split())


def in_ascii(text):
    return " ".join(ascii_text(text).split())


@pytest.mark.parametrize("rows", [3, 50])
def test_table__shows_the_same_cells_in_every_form(rows):
    rng = random.Random(rows)
    names = ["static", "jhash", "a_long_name_of_a_function_that_fills_more_than_a_column", "p4d_offset", "x"]
    table = Table("t", pd.DataFrame({
        "name": [f"{rng.choice(names)}_{i}" for i in range(rows)],
        "reason": [" ".join(rng.choices(["optimized", "parameters;", "with 100 %", "a_b", "~x", "--", "^"], k=6))
                   for _ in range(rows)],
        "bytes": [rng.randrange(10**9) for _ in range(rows)], "delta": [rng.randrange(-5, 5) for _ in range(rows)],
        "some percent": [rng.uniform(-9, 99) for _ in range(rows)], "holds": [rng.random() < .5 for _ in range(rows)],
        "bytes_per_gained": [rng.choice([float("nan"), 1234.567]) for _ in range(rows)],
        "file_line_separates_names": [rng.randrange(10) for _ in range(rows)],
    }))
    expected = [{c: " ".join(plain(c, v).split()) for c, v in row.items()} for row in table.frame.to_dict("records")]
    found = [{c: v.strip("*") if v == "**FAILED**" else v for c, v in row.items()}
             for row in markdown_rows(table.markdown())]
    assert found == expected and latex_rows(table.latex()) == expected
    joined = [{c: "".join(v.split()) for c, v in row.items()} for row in text_rows(table.text())]  # long words are cut
    assert joined == [{c: "".join(v.split()) for c, v in row.items()} for row in expected]


def test_text__aligns_numbers_right_and_signs_what_grew():
    lines = Table("encodings", sizes(), columns=("encoding", "bytes", "delta", "percent", "extra FUNC"),
                  caption="Policy consistent; delta and percent over plain.").text().splitlines()
    assert lines == [
        "Policy consistent; delta and percent over plain.",
        "",
        "encoding      bytes       delta   percent  extra FUNC",
        "--------  ---------  ----------  --------  ----------",
        "plain     4,694,949           0   +0.00 %           0",
        "decl_tag  6,749,766  +2,054,817  +43.77 %           0",
        "btf_func  5,081,325    +386,376   +8.23 %        +332"]


def test_text__splits_a_wide_frame_into_blocks_that_name_the_rows():
    text = Table("encodings", sizes()).text()
    blocks = text.split("\n\n")
    assert len(blocks) == 2 and all(len(line) <= 72 for line in text.splitlines())
    names = [[line.split()[0] for line in block.splitlines()[-3:]] for block in blocks]
    assert names == 2 * [["plain", "decl_tag", "btf_func"]]
    policies = Table("policies", sizes().assign(policy="all")[["policy", *sizes().columns]]).text()
    assert policies.count("\nall     plain") == 2
    assert "types" in blocks[0] and "zstd-19" not in blocks[0] and "DECL_TAG" in blocks[1]


def test_text__does_not_part_words_from_the_rows_they_belong_to():
    statements = ["the_parts_of_subprogram_dies sum to it", "functions.csv has the same counts for every reason"]
    rows = pd.DataFrame({"policy": ["consistent"] * 2, "invariant": ["1 functions"] * 2, "statement": statements,
                         "holds": [True, False], "detail": ["144,452 + 128,989 + 4,594 + 48,362 = 326,397"] * 2})
    text = Table("invariants", rows).text()
    assert "\n\n" not in text and max(map(len, text.splitlines())) <= 72 and "  FAILED  144,452" in text


@pytest.mark.parametrize("width", [40, 60, 72, 100])
def test_text__is_never_wider_than_asked_and_ascii(width):
    rng = random.Random(width)
    letters = string.ascii_letters + "  _-\u00e9\u2026\udce2\\|\n\t"

    def words():
        return "".join(rng.choices(letters, k=rng.choice([0, 1, 9, 200])))

    for _ in range(30):
        columns = {rng.choice(["name", "n" * 30, "words of it", "a_b_c_d"]) + str(i):
                   [words() if kind else rng.randrange(10 ** rng.choice([1, 12])) for _ in range(4)]
                   for i, kind in enumerate(rng.choices([True, False], k=rng.choice([1, 3, 9])))}
        table = Table("t", pd.DataFrame(columns), rng.choice([None, 2]), caption="c\u00e9 " * rng.randrange(60))
        text = table.text(width)
        assert max(map(len, text.splitlines())) <= width and text.isascii()
        assert all(" " <= c <= "~" or c == "\n" for c in text) and not re.search(" $", text, re.M)
        assert table.latex().isascii()


def test_text__wraps_long_words_within_their_column():
    lines = Table("t", frame([("a" * 80, 1), ("short", 22)], ("name", "bytes"))).text(40).splitlines()
    assert lines[2:] == ["a" * 33 + "      1", "a" * 33, "a" * 14, "short" + " " * 28 + "     22"]


def test_text__keeps_the_indent_of_a_step_and_draws_a_rule_above_the_total():
    table = frame([("subprogram DIEs", 9), ("  - exact: a symbol of the very name", 5), ("total", 14)],
                  ("stage", "functions"))
    lines = Table("funnel", table).text(36).splitlines()
    assert lines[3] == "  - exact: a symbol of             5" and lines[4].startswith("    ") and lines[5] == "-" * 36
    assert r"\quad - exact" in Table("funnel", table).latex() and "\\midrule\ntotal & 14" in Table("f", table).latex()


def test_text__announces_rows_that_were_cut_and_columns_are_cut_silently():
    rows = frame([(f"n{i}", i, "why") for i in range(30)], ("name", "addresses", "reason"))
    table = Table("names", rows, 20, ("name", "addresses"))
    assert table.text().endswith("\n\n[10 others in names.csv]") and "why" not in table.text()
    assert table.latex().endswith("\\par {[}10 others in names.csv]\n\\end{table}") and "why" not in table.latex()
    assert table.markdown().endswith("\n\n[10 others in names.csv]") and "why" not in table.markdown()
    assert Table("names", rows, 29).text().endswith("[1 other in names.csv]")
    assert Table("none", rows.head(0), caption="No names.").text() == "No names.\n(none)"
    assert "(none)" in Table("none", rows.head(0)).latex()


@pytest.mark.parametrize(("text", "shown"), [
    ("plain_name.isra.0", "plain_name.isra.0"), ("h\u00e9", r"h\xc3\xa9"), ("x\udce2y", r"x\xe2y"),
    ("a\\b", r"a\\b"), (r"\xe2", r"\\xe2"), ("\x1b[0m", r"\x1b[0m"), ("\u2026", r"\xe2\x80\xa6"),
    ("\ud800", r"\xed\xa0\x80"),
])
def test_ascii_text__escapes_bytes_so_that_they_stay_apart(text, shown):
    assert ascii_text(text) == shown


def test_plain__writes_what_is_missing_as_a_dash():
    missing = pd.Series([1, None], dtype="Int64")
    assert [plain("bytes", v) for v in missing.tolist()] == ["1", "-"]
    assert plain("percent", float("nan")) == plain("bytes_per_gained", float("nan")) == cell("name", None) == "-"
    assert "1 |" in Table("t", pd.DataFrame({"name": ["a", "b"], "bytes": missing})).markdown()


@pytest.mark.parametrize(("text", "code"), [
    ("100 % & a_b", r"100 \% \& a\_b"), ("[15 others]", "{[}15 others]"), ("*x", "{*}x"), ("--- a", "-{}-{}- a"),
    ("{$#^~}", r"\{\$\#\textasciicircum{}\textasciitilde{}\}"), ("a<b>|c`", r"a\textless{}b\textgreater{}\textbar{}c"
                                                                 r"\textasciigrave{}"),
    ("\\", r"\textbackslash{}\textbackslash{}"),
])
def test_latex__escapes_what_does_not_mean_itself(text, code):
    lines = Table("t", frame([(text, 1)], ("name", "bytes"))).latex().splitlines()
    assert f"{code} & 1 \\\\" in lines


def test_latex__is_a_whole_table_with_caption_and_label():
    text = Table("file_names", sizes(), caption="Sizes & types.").latex()
    assert text.splitlines()[1:4] == [r"\begin{table}[htbp]", r"\centering\small",
                                      r"\caption{Sizes \& types.}\label{tab:file_names}"]
    for name in ("table", "tabular"):
        assert text.count(f"\\begin{{{name}}}") == text.count(f"\\end{{{name}}}") == (1 if name == "table" else 2)
    assert text.count(r"\toprule") == text.count(r"\midrule") == text.count(r"\bottomrule") == 2
    assert r"\begin{tabular}{lrrrrrr}" in text and text.endswith(r"\end{table}")
    assert text == Table("file_names", sizes(), caption="Sizes & types.").latex()


def test_latex__lets_a_long_table_break_across_pages():
    rows = frame([(f"name_{i} " * 9, i) for i in range(60)], ("name", "bytes"))
    text = Table("long", rows).latex()
    assert text.count(r"\begin{longtable}") == text.count(r"\endfirsthead") == text.count(r"\label{tab:long}") == 1
    assert r">{\raggedright\arraybackslash}p{" in text and r"name\_\allowbreak{}0" in text and "[htbp]" not in text


def test_text__cuts_a_long_word_behind_a_joint():
    path = "a/rather/long/path/to/a/file_of_no_end/include/linux/x.h "
    rows = [("debian-6.1.176-686-pae-i386", "word " * 30 + 3 * path)]
    text = Table("t", frame(rows * 2, ("kernel", "reason"))).text(60)
    assert max(map(len, text.splitlines())) <= 60
    words = {line.split("  ")[-1].strip() for line in text.splitlines()}
    assert not any(word.endswith(("linu", "incl", "fi")) for word in words)
    assert "debian-6.1.176-686-pae-" in text or "debian-6.1.176-686-pae-i386" in text
