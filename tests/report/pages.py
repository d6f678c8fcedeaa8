"""A report made by hand, with names as hostile as a kernel file may have them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from harness.measure import csv_bytes, frame
from harness.report.document import Figure, Heading, Report, Words
from harness.report.tables import Table

HOSTILE = ("<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "quo\"te'd & amp;", "lone\udc80half",
           "two\nlines", "bell\x07", "__proto__", "toString", "\u202eright", "*glob?[a-z]", "{{ about }}")
"""Names that must come out as text."""

SVG = b"""<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="576pt" height="216pt" viewBox="0 0 576 216"
 xmlns="http://www.w3.org/2000/svg" version="1.1">
 <metadata>who made it</metadata>
 <!-- a label -->
 <defs><path id="bytes-a" d="M 0 0 L 9 9"/></defs>
 <rect width="576" height="216" fill="#0072B2"/><use xlink:href="#bytes-a"/>
</svg>
"""

ENCODINGS = (("plain", 1000, 0, 0.0, 40, 0), ("decl_tag", 1500, 500, 50.0, 40, 0), ("btf_func", 1100, 100, 10.0, 43, 3))


def encodings():
    """encodings.csv, as far as the page reads it."""
    return frame(ENCODINGS, ("encoding", "bytes", "delta", "percent", "FUNC", "extra FUNC"))


def instances(n=300, hostile=HOSTILE):
    """A frame of function instances: `hostile` names first, jhash 22 times, then ordinary ones.

    Every fifth is left out by `consistent`, every third has a suffixed symbol, addresses are 16 bytes apart from
    0xffffffff81000000 on.
    """
    names = [*hostile, *["jhash"] * 22]
    names += [f"fn_{i:05}_{'show' if i % 2 else 'store'}" for i in range(n - len(names))]
    i = np.arange(n)
    return pd.DataFrame({
        "name": names,
        "address": np.uint64(0xffffffff81000000) + 16 * np.arange(n, dtype=np.uint64),
        "symbol": [f"{name}.isra.0" if k % 3 == 0 else name for k, name in enumerate(names)],
        "match": np.where(i % 3 == 0, "suffix", "exact"),
        "section": np.where(i % 7 == 0, ".init.text", ".text"),
        "file": [f"kernel/part_{k % 50}/file_{k % 200}.c" if k % 4 else "include/linux/jhash.h" for k in range(n)],
        "line": i + 1,
        "unit": [f"kernel/part_{k % 50}/file_{k % 200}.c" for k in range(n)],
        "ftrace": pd.array(i % 2 == 1, "boolean"),
        "class": ["inline_out_of_line" if name == "jhash" else "" for name in names],
        "consistent": np.where(i % 5 == 0, "unexpected register", ""),
        "all": "",
    })


def report(functions=None, ok=True, recorded=False, long=120):
    """A Report: headings, words, tables of 3, 5 (with a total) and `long` rows, one of two groups with a total each,
    one whose order says something, a figure, functions."""
    functions = instances() if functions is None else functions
    kinds = pd.DataFrame([("INT", 7, 7), ("FUNC", 40, 43), ("FUNC_PROTO", 9, 9), ("DECL_TAG", 1, 41),
                          ("total", 57, 100)], columns=["kind", "plain", "decl_tag"])
    names = pd.DataFrame({
        "name": [*functions.name[:12], *(f"name_{k:03}" for k in range(12, long))],
        "addresses": [(7 * k) % long + 1 for k in range(long)],
        "share percent": [k / 4 - 3 if k else float("nan") for k in range(long)],
        "holds": [k != 1 for k in range(long)],
        "words": ["  - indented" if k % 2 else "a sentence of more than forty letters, to wrap" for k in range(long)],
    })
    empty = frame([], ("only in", "declaration"))
    skipped = frame([("consistent", "partial body", 3), ("consistent", "(encoded)", 17), ("consistent", "total", 20),
                     ("all", "partial body", 3), ("all", "(encoded)", 19), ("all", "total", 22)],
                    ("policy", "reason", "instances"))
    funnel = frame([("seen", 22), ("  - partial body", 3), ("  - kept", 19)], ("stage", "functions"))
    about = {
        "program": "0.1.0", "kernel": "tiny-1.0", "title": "tiny-1.0: what function addresses cost in <BTF>",
        "finding": "Addresses cost 500 bytes & more.", "command": "make report KERNEL=\"tiny\"",
        "policy": "consistent", "policies": ["consistent", "all"], "encodings": [e[0] for e in ENCODINGS],
        "provenance": {"label": "tiny-1.0", "build_id": "00ff", "machine": "EM_X86_64", "bits": 64,
                       "package": "tiny|<dbg>", "version": "1.0", "sha256": "ab" * 32},
        "ok": ok, "recorded": recorded,
    }
    blocks = [
        Heading(1, about["title"]),
        Heading(2, "What was asked"),
        Words("Words with `code`, **weight**, <b>no HTML</b> and [a link](javascript:alert(1)).\n\n- one\n- two"),
        Heading(2, "Encodings"),
        Table("encodings", encodings(), caption="Encodings & more."),
        Figure("bytes", "decl_tag grows by 50 % & \"more\".", "tiny-1.0, policy consistent", {"svg": SVG, "png": b"x"}),
        Heading(2, "Functions"),
        Heading(3, "Names"),
        Table("names", names, 20, caption="Names with several addresses."),
        Heading(3, "Names"),
        Table("kinds", kinds),
        Table("skipped", skipped),
        Table("funnel", funnel),
        Table("declarations", empty),
        Heading(2, "Invariants"),
        Words("All hold."),
    ]
    frames = {"encodings": encodings(), "names": names, "kinds": kinds, "declarations": empty,
              "skipped": skipped, "funnel": funnel,
              "plot_bytes": encodings(), "aliases": empty,
              "attachability": frame([("consistent", e, 30 + k) for k, (e, *_) in enumerate(ENCODINGS)],
                                     ("policy", "encoding", "attachable"))}
    return Report(about, blocks, frames, functions, ok)


def reports(directory, name="tiny", about=None, without=()):
    """Write as much of a report's folder as the list reads."""
    made = report()
    place = directory / name
    place.mkdir(parents=True)
    frames = {"encodings": made.frames["encodings"], "names": frame([("a", 3), ("b", 1)], ("name", "addresses")),
              "attachability": made.frames["attachability"],
              "funnel": frame([("seen", 50), ("distinct (FUNC, address) pairs", 1043)], ("stage", "functions"))}
    for key in without:
        del frames[key]
    for stem, table in frames.items():
        (place / f"{stem}.csv").write_bytes(csv_bytes(table))
    (place / "index.html").write_text("")
    about = {"schema": 1, **made.about, "files": [f"{stem}.csv" for stem in frames], **(about or {})}
    (place / "report.json").write_text(json.dumps(about))
    return place


def undense(text):
    """The bytes of a text of harness.report.inline, one pair at a time."""
    alphabet = [c for c in map(chr, range(33, 127)) if c not in "&<\\"]
    pairs = []
    for i in range(0, len(text), 2):
        pair = sum(alphabet.index(c) * 91**k for k, c in enumerate(text[i : i + 2]))
        pairs.append(f"{pair:0{13 if i + 1 < len(text) else 6}b}")
    bits = "".join(reversed(pairs))
    return int(bits or "0", 2).to_bytes(len(bits) // 8, "little")
