"""Small reports' folders, written by hand as harness.report writes a kernel's."""

from __future__ import annotations

import json
import random
import struct
import zlib

import pandas as pd

from harness import measure
from harness.report import findings, folder

ABOUT = {
    "schema": folder.SCHEMA, "program": "0.1.0", "kernel": "tiny-1.0",
    "title": "tiny-1.0: what function addresses cost in BTF", "finding": "", "command": "make report KERNEL=tiny",
    "policy": "consistent", "policies": ["consistent", "current"], "encodings": ["plain", "decl_tag", "btf_func"],
    "provenance": {"build_id": "00ff00ff", "machine": "EM_X86_64", "bits": 64, "byteorder": "little",
                   "package": "linux-image-tiny-dbg", "version": "1.0-1"},
    "ok": True, "recorded": False,
}


def table(columns, *rows):
    """A DataFrame; columns in one string, parted by commas."""
    made = pd.DataFrame(list(rows), columns=columns.split(","))
    return made.astype({"after_dedup": "Int64"}) if "after_dedup" in made.columns else made


ENCODINGS = "encoding,bytes,delta,percent,types,FUNC,extra FUNC,DECL_TAG"
PACKED = "zstd-19,zstd-19 delta,zstd-19 percent"
NAMES = "name,class,instances,addresses,signatures,same_prototype,file_separates,unit_separates,file_line_separates"


def frames():
    """The frames of a kernel of 1,000 bytes, dict."""
    return {
        "encodings": table(f"{ENCODINGS},{PACKED}",
                           ("plain", 1000, 0, 0.0, 61, 20, 0, 0, 500, 0, 0.0),
                           ("decl_tag", 2075, 1075, 107.5, 86, 20, 0, 25, 700, 200, 40.0),
                           ("btf_func", 1260, 260, 26.0, 66, 25, 5, 0, 640, 140, 28.0)),
        "policies": table(f"policy,{ENCODINGS}",
                          ("consistent", "plain", 1000, 0, 0.0, 61, 20, 0, 0),
                          ("consistent", "decl_tag", 2075, 1075, 107.5, 86, 20, 0, 25),
                          ("consistent", "btf_func", 1260, 260, 26.0, 66, 25, 5, 0),
                          ("current", "plain", 940, 0, 0.0, 57, 17, 0, 0),
                          ("current", "decl_tag", 1671, 731, 77.77, 74, 17, 0, 17),
                          ("current", "btf_func", 1076, 136, 14.47, 57, 17, 0, 0)),
        "verdict": table("encoding,policy,bytes,added,added_percent,zstd_added,zstd_percent,xz_added,xz_percent,"
                         "types_added,newly_attachable,no_longer,bytes_each,ambiguous_id,loads,libbpf,misread_by,skippable,"
                         "kaslr,exposes,dedup,after_dedup,name_sort,modules",
                         *((e, p, 940 + a, a, a / 9.4, z, z / 5, z, z / 5, n, g, 0, a / g if g else float("nan"), 4 - g,
                            y, v, w, "no need", k, x, d, g if d == "all" else float("nan"), s, k)
                           for e, p, a, z, n, g, y, v, w, k, x, d, s in (
                             ("plain", "current", 0, 0, 0, 0, "yes", "1.1, 1.7", "none", "as is", "nothing", "-", "-"),
                             ("plain", "consistent", 60, 10, 4, 1, "yes", "1.1, 1.7", "none", "as is", "nothing", "-",
                              "-"),
                             ("btf_func_ambiguous", "consistent", 80, 12, 9, 3, "no", "none", "none", "rebase",
                              "the KASLR offset", "refused", "all"),
                             ("btf_func", "consistent", 320, 150, 9, 4, "no", "none", "llvm 19", "rebase",
                              "the KASLR offset", "refused", "all"),
                             ("decl_tag", "consistent", 1135, 210, 29, 2, "yes", "1.1, 1.7", "llvm 19; pahole 1.30",
                              "rebase", "the KASLR offset", "all", "5 lost")))),
        "plot_cost": table("encoding,type_bytes,string_bytes,section_bytes,added_percent,zstd_added,newly_attachable,"
                           "bytes_each,loads,after_dedup",
                           ("plain", 40, 20, 0, 60 / 9.4, 10, 1, 60.0, "yes", float("nan")),
                           ("btf_func_ambiguous", 60, 20, 0, 80 / 9.4, 12, 3, 80 / 3, "no", float("nan")),
                           ("btf_func", 300, 20, 0, 320 / 9.4, 150, 4, 80.0, "no", float("nan")),
                           ("decl_tag", 440, 695, 0, 1135 / 9.4, 210, 2, 567.5, "yes", 2)),
        "readers": table("encoding,kernel,pahole", ("plain", "yes", "yes"), ("decl_tag", "yes", "2/3, WRONG 1.30"),
                         ("btf_func", "no", "no")),
        "matrix": table("policy,encoding,opened,consumer,version,verdict,message,detail,differs",
                        *(("consistent", e, "", c, v, a, "", "", "") for c, v, e, a in (
                            ("kernel", "6.18.44", "plain", "accepted"), ("kernel", "6.18.44", "decl_tag", "accepted"),
                            ("kernel", "6.18.44", "btf_func", "refused"), ("kernel", "6.18.44", "shipped", "accepted"),
                            ("pahole", "1.30", "decl_tag", "accepted but wrong")))),
        **dict.fromkeys(("ambiguity", "plot_ambiguous"), table(
            "class,names,addresses,one_prototype_names,init_addresses,ftrace_addresses",
            ("inline_out_of_line", 1, 3, 1, 0, 0), ("same_prototype", 1, 2, 1, 1, 2),
            ("different_prototype", 1, 2, 0, 0, 2))),
        "addresses_per_name": table("addresses,names", (1, 40), (2, 2), (3, 1)),
        "plot_funnel": table("step,role,functions", ("instances seen", "total", 44), ("left out", "removed", 24),
                             ("FUNCs in plain", "total", 20)),
        "names": table("name,addresses,exact,suffix,reasons", ("a", 3, 3, 0, ""), ("b", 2, 1, 1, "unexpected register"),
                       ("c", 2, 2, 0, "")),
        "ambiguous_names": table(f"{NAMES},init_addresses,ftrace_addresses",
                                 ("a", "inline_out_of_line", 3, 3, 1, True, False, True, False, 0, 0),
                                 ("b", "same_prototype", 2, 2, 1, True, True, True, True, 1, 2),
                                 ("c", "different_prototype", 2, 2, 2, False, True, True, True, 0, 2)),
        "classified_names": table("name,class", ("a", "inline_out_of_line"), ("b", "same_prototype"),
                                  ("c", "different_prototype"), ("w", "weak_strong")),
        "aliases": table("address,names,aliases,signatures,section", ("0xffffffff81000000", 2, "x y", 1, ".text")),
        "attachability": table("policy,encoding,addresses,attachable",
                               *((p, e, 44, n) for p, e, n in (
                                   ("consistent", "plain", 15), ("consistent", "decl_tag", 16),
                                   ("consistent", "btf_func", 19), ("current", "plain", 15),
                                   ("current", "decl_tag", 15), ("current", "btf_func", 15)))),
        "bytes_per_attachable": table("policy,encoding,over,growth,attachable,gained,forgone,bytes_per_gained",
                                      *((p, e, f"plain, {o}", g, a, n, 0, g / n if n else float("nan"))
                                        for p, e, o, g, a, n in (
                                          ("consistent", "plain", "current: today", 60, 15, 0),
                                          ("consistent", "decl_tag", "same policy", 1075, 16, 1),
                                          ("consistent", "decl_tag", "current: today", 1135, 16, 1),
                                          ("consistent", "btf_func", "same policy", 260, 19, 4),
                                          ("current", "decl_tag", "same policy", 731, 15, 0),
                                          ("current", "btf_func", "same policy", 136, 15, 0)))),
        "claims": table("id,of,claim,predicted,kernel,measured,verdict,reason",
                        ("cpumask_weight", "observation", "cpumask_weight has 22 addresses", "22 addresses", "tiny-1.0",
                         "0", "0 here", "it is inlined everywhere"),
                        ("payload", "estimate", "the addresses themselves take roughly 400k", "400,000 bytes",
                         "tiny-1.0", "consistent 200, current 136", "differs", "far less"),
                        ("whole_growth", "estimate", "the whole growth stays under 1 MB", "1,000,000 bytes", "tiny-1.0",
                         "consistent 260, current 136", "holds", "less"),
                        ("extra_funcs", "estimate", "telling FUNCs apart by address adds about 1000 of them",
                         "1,000 FUNCs", "tiny-1.0", "consistent 5, current 0", "holds under current", "made up")),
        "kinds": table("kind,plain,decl_tag,btf_func,shipped", ("INT", 15, 15, 15, 15), ("FUNC", 20, 20, 25, 18),
                       ("DECL_TAG", 0, 25, 0, 0), ("total", 35, 60, 40, 33)),
        "shipped_same": table("written,verdict,kind,ours,shipped,only in ours,only in shipped",
                              *(("under policy current", "different", *row) for row in (
                                  ("all", 35, 33, 4, 2), ("FUNC", 20, 18, 3, 1), ("FUNC_PROTO", 3, 3, 1, 1)))),
        "shipped_kinds": table("kind,ours,shipped,difference,verdict", ("INT", 15, 15, 0, "equal"),
                               ("PTR", 9, 9, 0, "equal"), ("FUNC", 20, 18, 2, "differs")),
        "declarations": table("only in,declaration"),
        "invariants": table("policy,invariant,statement,holds,detail",
                            ("consistent", "2 bytes", "parts sum to the size", True, "1,000 = 1,000"),
                            ("consistent", "3 formula", "growth == its formula", True, "measured +260")),
    }


def png(nbytes, seed=1):
    """A PNG image of about that size: noise in grey, 256 pixels wide."""
    height = max(1, nbytes // 257)
    rows = random.Random(seed).randbytes(256 * height)
    raw = b"".join(b"\0" + rows[256 * i : 256 * i + 256] for i in range(height))
    head = struct.pack(">IIBBBBB", 256, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(raw, 0)), (b"IEND", b"")))


def write(path, tables=None, plots=(("cost", 3000), ("ambiguous", 4000)), **about):
    """Write a report's folder and return the ReportFolder.

    Parameters
    ----------
    path : Path
    tables : dict of str to DataFrame, optional
        `frames()` when None; facts.csv is added.
    plots : iterable of (str, int)
        Name and size of each plot_NAME.png.
    about : dict
        What report.json says otherwise than ABOUT.
    """
    path.mkdir(parents=True, exist_ok=True)
    tables = dict(frames() if tables is None else tables)
    tables["facts"] = findings.facts(tables)
    for name, frame in tables.items():
        (path / f"{name}.csv").write_bytes(measure.csv_bytes(frame))
    for number, (name, nbytes) in enumerate(plots):
        (path / f"plot_{name}.png").write_bytes(png(nbytes, number))
    files = sorted(p.name for p in path.iterdir() if p.name != folder.ABOUT)
    (path / folder.ABOUT).write_text(json.dumps(ABOUT | about | {"files": [*files, folder.ABOUT]}))
    return folder.read(path)
