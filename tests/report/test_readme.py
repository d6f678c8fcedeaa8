"""README shows the verdict of the sample report, which is beside it."""

import csv
from pathlib import Path

from harness.report.tables import whole

ROOT = Path(__file__).resolve().parents[2]

WORDS = {"yes": "loads", "no": "refuses", "-": "\N{EN DASH}"}


def cells(row):
    """A row of verdict.csv as README has it."""
    def signed(text):
        return f"{int(text):+,}" if text else WORDS["-"]

    each = f"{whole(float(row['bytes_each'])):,}" if row["bytes_each"] else WORDS["-"]
    return [f"`{row['encoding']}`", signed(row["added"]), f"{float(row['added_percent']):+.1f} %",
            signed(row["zstd_added"]), f"{int(row['newly_attachable']):,}", each, WORDS[row["loads"]],
            WORDS.get(row["dedup"], row["dedup"]), row["kaslr"]]


def test_readme__its_verdict_is_that_of_the_sample():
    with open(ROOT / "reports" / "sample" / "verdict.csv", newline="") as file:
        today, *rows = csv.DictReader(file)
    text = (ROOT / "README.md").read_text()
    begin = text.index("<!-- figures: make sample; reports/sample/verdict.csv")
    _, _, *lines = text[text.index("\n|", begin) + 1:].split("\n\n")[0].splitlines()
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines] == [cells(row) for row in rows]
    assert f"over the file that pahole writes today ({int(today['bytes']):,} bytes" in " ".join(text.split())
    by_name = {row["encoding"]: row for row in rows}
    for name in ("decl_tag", "btf_func"):
        assert f"{float(by_name[name]['added_percent']):.1f} % as `{name}`" in text
    few, most = (int(by_name[name]["newly_attachable"]) for name in ("btf_func_ambiguous", "btf_func"))
    words = " ".join(text.split())
    assert f"{few} of the {most} functions" in words and f"The other {most - few} have a symbol with a suffix" in words
    needed = by_name["btf_func_needed"]
    assert int(needed["newly_attachable"]) == most
    assert (f"it adds {float(needed['added_percent']):.2f} %** ({int(needed['added']):,} bytes, "
            f"{int(by_name['plain']['added']):,} of them for functions that today's file leaves out)") in words
    ordinal = by_name["func_per_address"]
    assert f"serves {ordinal['newly_attachable']} of them" in words and f"leaves {ordinal['after_dedup']} of" in words
