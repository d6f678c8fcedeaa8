"""Real kernels against witnesses: their own .BTF, bpftool, an independent reader, and the reference figures.

BTF_HARNESS_KERNELS names them, comma separated (catalogue names, package names or paths); `all` is the catalogue.
Without it everything here is skipped: a kernel is a download of some hundred MB.
"""

import csv
import io
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import btf, kernels, run

SHARED = Path(__file__).resolve().parents[3] / "shared"
WANTED = [k for k in os.environ.get("BTF_HARNESS_KERNELS", "").split(",") if k]
if WANTED == ["all"]:
    WANTED = [entry.name for entry in kernels.catalogue()]

DIFFER = {"FUNC", "FUNC_PROTO", "VAR", "DATASEC", "DECL_TAG"}
"""Kinds that depend on which functions and variables are selected, and by which version of pahole."""

NAMES = WANTED or [pytest.param("", marks=pytest.mark.skip(reason="BTF_HARNESS_KERNELS names no kernel"))]


@pytest.fixture(scope="module", params=NAMES)
def kernel(request):
    return kernels.resolve(request.param, progress=False)


@pytest.fixture(scope="module")
def prepared(kernel):
    return run.prepare(kernel, threads=2)


@pytest.fixture(scope="module")
def everything(prepared):
    return run.encode(prepared, "all")


@pytest.fixture(scope="module")
def folder(prepared, everything, tmp_path_factory):
    return run.write_result(tmp_path_factory.mktemp("all"), prepared, everything)


def reference(name):
    path = SHARED / "reference" / name
    if not path.is_file():
        pytest.skip(f"no reference figures at {path}")
    return path


def table(path, **options):
    """The rows of a CSV file, compressed or not."""
    data = path.read_bytes()
    text = (lzma.decompress(data) if path.suffix == ".xz" else data).decode()
    return list(csv.DictReader(io.StringIO(text), **options))


def kinds(data):
    return {name: count for name, (count, _) in btf.stat(btf.parse(data)).kinds.items() if count}


def test_kernel__every_file_passes_our_own_check(everything):
    for data in everything.files.values():
        btf.check(btf.parse(data))


def test_kernel__the_independent_reader_agrees(folder):
    tool = SHARED / "tools" / "btfstat.py"
    if not tool.is_file():
        pytest.skip(f"no {tool}")
    for path in sorted(folder.glob("*.btf")):
        theirs = json.loads(subprocess.run([sys.executable, tool, "--check", path], check=True, capture_output=True,
                                           text=True).stdout)
        ours = btf.stat(btf.read(path))
        assert theirs["count"] == {k: c for k, (c, _) in ours.kinds.items() if c}
        assert theirs["bytes"] == {k: b for k, (_, b) in ours.kinds.items() if b}
        assert theirs["string_bytes"] == ours.string_nbytes
        assert theirs["file_bytes"] == ours.total_nbytes == path.stat().st_size


def test_kernel__types_have_the_counts_of_its_own_btf(prepared, everything):
    if prepared.shipped is None:
        pytest.skip(f"{prepared.kernel['label']} ships no .BTF")
    ours, theirs = kinds(everything.files["plain"]), kinds(prepared.shipped)
    assert {k: n for k, n in ours.items() if k not in DIFFER} == {k: n for k, n in theirs.items() if k not in DIFFER}


def declarations(path):
    """Top-level C declarations as bpftool renders them, as a set.

    A forward declaration of a type that the same text defines is left out: bpftool writes one wherever its order of
    types happens to need it.
    """
    text = subprocess.run(["bpftool", "btf", "dump", "file", path, "format", "c"], check=True, capture_output=True,
                          text=True).stdout
    found, block = set(), []
    for line in text.splitlines():
        if not block and not line.strip():
            continue
        block.append(line)
        if line.endswith(";") and not line.startswith("\t"):
            found.add("\n".join(block))
            block = []
    defined = {d.partition(" {")[0] for d in found if " {" in d.partition("\n")[0]}
    return {d for d in found if d.rstrip(";") not in defined}


def test_kernel__renders_the_c_declarations_of_its_own_btf(prepared, folder):
    if prepared.shipped is None:
        pytest.skip(f"{prepared.kernel['label']} ships no .BTF")
    if not shutil.which("bpftool"):
        pytest.skip("no bpftool")
    ours, theirs = declarations(folder / "plain.btf"), declarations(folder / "shipped.btf")
    # bpftool numbers types that share a name in the order it meets them: which of them is ___2 is no difference
    strip = re.compile(r"___\d+\b")
    assert {strip.sub("", d) for d in ours} == {strip.sub("", d) for d in theirs}
    assert len(ours) == len(theirs)


def test_kernel__growth_equals_the_formula_to_the_byte(everything):
    base = len(everything.files["plain"])
    for name, data in everything.files.items():
        assert len(data) - base == everything.predicted[name]


def test_kernel__encodings_differ_in_functions_alone(everything):
    counts = {name: kinds(data) for name, data in everything.files.items()}
    for other in counts.values():
        assert {k: n for k, n in other.items() if k not in ("FUNC", "DECL_TAG")} == {
            k: n for k, n in counts["plain"].items() if k not in ("FUNC", "DECL_TAG")}


@pytest.mark.parametrize("policy", ["all", "consistent", "current"])
def test_kernel__encoded_and_skipped_functions_add_up(prepared, policy):
    encoded = run.encode(prepared, policy, ["plain"])
    counts = run._function_counts(prepared, encoded)
    assert counts["encoded"] + sum(counts["skipped"].values()) == counts["instances"]
    assert counts["instances"] == prepared.table.counts["dies_with_code"] + prepared.table.counts["fallback"]


def test_kernel__same_bytes_with_one_thread(kernel, prepared, everything):
    again = run.prepare(kernel, threads=1)
    other = run.encode(again, "all")
    assert other.files == everything.files
    assert run.functions_csv(again, other) == run.functions_csv(prepared, everything)


def test_kernel__pairs_and_funcs_equal_the_reference(prepared, everything):
    label = prepared.kernel["label"]
    rows = [r for r in table(reference("encodings.csv"))
            if r["kernel"] == label and r["policy"] == "all"]
    if not rows:
        pytest.skip(f"no reference figures of {label}")
    rows = {r["encoding"]: r for r in rows}
    plain, wide = kinds(everything.files["plain"])["FUNC"], kinds(everything.files["btf_func"])["FUNC"]
    assert plain == int(rows["plain"]["func"])
    assert wide == int(rows["btf_func+fallback"]["func"])
    assert wide - plain == int(rows["btf_func+fallback"]["extra_funcs"])
    assert int(everything.pairs.has_address.sum()) == int(rows["decl_tag+fallback"]["pairs"])


def test_kernel__without_the_fallback_pairs_equal_the_reference(kernel, prepared):
    label = prepared.kernel["label"]
    rows = {r["encoding"]: r for r in table(reference("encodings.csv"))
            if r["kernel"] == label and r["policy"] == "all"}
    if not rows:
        pytest.skip(f"no reference figures of {label}")
    bare = run.encode(run.prepare(kernel, threads=2, fallback=False), "all")
    assert int(bare.pairs.has_address.sum()) == int(rows["decl_tag"]["pairs"])
    assert kinds(bare.files["plain"])["FUNC"] == int(rows["plain"]["func"])
    assert kinds(bare.files["btf_func"])["FUNC"] == int(rows["btf_func"]["func"])


def test_kernel__names_and_addresses_equal_the_reference(prepared, folder):
    label = prepared.kernel["label"]
    theirs = table(reference(f"{label}.functions.csv.xz"))
    ours = table(folder / "functions.csv")
    word = {"exact": "exact", "suffix": "suffix", "part": "part", "none": "none"}

    def rule(text):
        # suffix:.isra, suffix:.constprop, suffix:.part: pahole's table leaves out .part, and so do the figures
        return "part" if ".part" in text or ".cold" in text else text.partition(":")[0]

    wanted = {(r["name"], int(r["addr"], 16), rule(r["class"])) for r in theirs}
    found = {(r["name"], int(r["address"], 16), word[r["match"]]) for r in ours if r["match"] != "fallback"}
    assert found == wanted


def test_kernel__names_equal_those_that_pahole_considers(prepared, folder):
    label = prepared.kernel["label"]
    theirs = {r["name"] for r in table(reference(f"{label}.names.tsv.xz"), delimiter="\t")}
    ours = {r["name"] for r in table(folder / "functions.csv") if not r["reason"]}
    assert ours == theirs


def test_kernel__bpftool_loads_all_but_btf_func(folder):
    if not shutil.which("bpftool"):
        pytest.skip("no bpftool")
    for path in sorted(folder.glob("*.btf")):
        done = subprocess.run(["bpftool", "btf", "dump", "file", path, "format", "raw"], capture_output=True)
        loads = done.returncode == 0
        big = btf.read(path).byteorder != sys.byteorder
        if path.name == "btf_func.btf":
            assert not loads
            words = subprocess.run(["bpftool", "-d", "btf", "dump", "file", path], capture_output=True).stderr
            assert b"Unsupported BTF_KIND" in words
        elif not big:
            assert loads
            out = io.BytesIO()
            btf.dump_raw(btf.read(path), out)
            assert out.getvalue() == done.stdout


def test_kernel__addresses_lie_in_executable_sections(kernel, everything):
    from harness.elf import ElfImage

    with ElfImage(kernel.path) as image:
        code = [(s.addr, s.addr + s.nbytes) for s in image.sections if s.flags & 4]
    address = everything.pairs.address[everything.pairs.has_address]
    inside = np.zeros(len(address), bool)
    for start, stop in code:
        inside |= (address >= np.uint64(start)) & (address < np.uint64(stop))
    assert inside.all()
