"""Real kernels against witnesses: their own .BTF, bpftool, an independent reader, and the reference figures.

BTF_HARNESS_KERNELS names them, comma separated (catalogue names, package names, names of built ones or paths); `all` is
the catalogue and what `make clang-kernel` has built.
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
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from harness import btf, encodings, kernels, measure, report, results, run
from harness.btf import same
from harness.dwarf import walk
from harness.elf import ElfImage
from harness.functions import QUIRKS, join, rules_of
from harness.functions.kernel_step import IMPL_SUFFIX, step_of
from harness.functions.kfuncs import KF_IMPLICIT_ARGS
from harness.functions.steps import CLASSES, MATCHES, STEPS, rows_of_step
from harness.kernels import building, names
from harness.measure.stat import stat
from harness.model import Kind, kind_number
from harness.model import words as wd
from harness.report import mail, plots
from harness.results import selection
from harness.results.tables import to_csv
from tests.reference import waste, wire
from tests.report import figures

SHARED = Path(__file__).resolve().parents[3] / "shared"
WANTED = [k for k in os.environ.get("BTF_HARNESS_KERNELS", "").split(",") if k]
if WANTED == ["all"]:
    WANTED = [entry.name for entry in kernels.catalogue()] + [kernel.name for kernel in building.built()]

NAMES = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in WANTED] or [
    pytest.param("", marks=pytest.mark.skip(reason="BTF_HARNESS_KERNELS names no kernel"))]


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
def current(prepared):
    return run.encode(prepared, "current")


@pytest.fixture(scope="module")
def folder(prepared, everything, tmp_path_factory):
    return results.save(tmp_path_factory.mktemp("all"), prepared, everything).path


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
    return {name: count for name, (count, _) in btf.stat(encodings.parse(data)).kinds.items() if count}


def test_kernel__every_file_passes_our_own_check(everything):
    for data in everything.files.values():
        btf.check(encodings.parse(data))


def test_kernel__the_independent_reader_agrees(folder):
    tool = SHARED / "tools" / "btfstat.py"
    if not tool.is_file():
        pytest.skip(f"no {tool}")
    for path in sorted(folder.glob("*.btf")):
        theirs = json.loads(subprocess.run([sys.executable, tool, "--check", path], check=True, capture_output=True,
                                           text=True).stdout)
        ours = btf.stat(encodings.read(path))
        assert theirs["count"] == {k: c for k, (c, _) in ours.kinds.items() if c}
        assert theirs["bytes"] == {k: b for k, (_, b) in ours.kinds.items() if b}
        assert theirs["string_bytes"] == ours.string_nbytes
        assert theirs["file_bytes"] == ours.total_nbytes == path.stat().st_size


@pytest.fixture(scope="module")
def like(kernel, prepared):
    """(the Program, and its baseline) as the pahole that wrote the kernel's own .BTF reads and writes it."""
    pahole = names.pahole_of(kernel.provenance)
    if pahole is None:
        pytest.skip(f"{kernel.label}: no pahole is known that wrote its .BTF")
    same_forms = rules_of(pahole).forms == prepared.forms  # all that a program has of the rules
    program = prepared if same_forms else run.prepare(kernel, threads=2, rules=pahole)
    assert program.shipped is not None
    return program, run.encode(program, "current", ["plain"], pahole, QUIRKS).files["plain"]


SEVERAL_THREADS = {"debian-6.1-cloud-amd64", "debian-6.1-generic-amd64"}
"""Kernels that pahole 1.24 encoded on several threads: each writes a name once, by the first DIE of its units."""

STRINGS_APART = {"debian-7.3-clang-thinlto-amd64"}
"""Kernels whose types are the same at the same places, and whose strings are those of ours in another order."""


def test_kernel__is_the_same_file_as_its_own(kernel, like):
    program, ours = like
    if kernel.name not in SEVERAL_THREADS | STRINGS_APART:
        assert ours == program.shipped
        return
    found = same.compare(ours, program.shipped)
    if kernel.name in STRINGS_APART:
        assert found.is_same and found.changes == ["strings in another order or repeated"]
        assert (found.new_id == np.arange(len(found.new_id))).all() and len(ours) == len(program.shipped)
        return
    theirs = btf.parse(program.shipped)
    more = found.only_b.type_id
    assert not len(found.only_a.type_id) and len(more) < 500
    f, strings = program.dies, program.strings
    of_dies = {}
    for die in range(len(f.name_off)):
        of = f.param_name_off[f.param_start[die] : f.param_start[die + 1]].tolist()
        of_dies.setdefault(strings.get(int(f.name_off[die])), set()).add(tuple(map(strings.get, of)))
    for type_id in more.tolist():
        row = theirs.types.row(type_id)
        if kind_number(row[wd.INFO]) == Kind.FUNC:
            entries = wd.entries_of(Kind.FUNC_PROTO, theirs.types.row(int(row[wd.SIZE_TYPE])))[:, wd.ENTRY_NAME]
            assert tuple(map(theirs.strings.get, entries.tolist())) in of_dies[theirs.name(type_id)]
        else:
            assert kind_number(row[wd.INFO]) == Kind.FUNC_PROTO


def test_kernel__differs_from_its_own_btf_as_an_independent_reader_says(prepared, everything, tmp_path):
    """Under rules that are not those of the pahole that wrote it, so that there are differences to count."""
    tool = SHARED / "tools" / "btfsame.py"
    if prepared.shipped is None or not tool.is_file():
        pytest.skip(f"no .BTF or no {tool}")
    ours = everything.files["plain"]
    (tmp_path / "a").write_bytes(ours)
    (tmp_path / "b").write_bytes(prepared.shipped)
    done = subprocess.run([sys.executable, tool, tmp_path / "a", tmp_path / "b"], capture_output=True, text=True)
    theirs = tuple(int(n) for n in re.findall("[0-9]+", done.stdout.splitlines()[0])[2:])
    found = same.compare(ours, prepared.shipped)
    assert (len(found.only_a.type_id), len(found.only_b.type_id)) == theirs
    assert found.is_same == (done.returncode == 0)


def test_stat__of_its_own_btf_is_what_plain_python_counts(prepared, tmp_path):
    if prepared.shipped is None:
        pytest.skip("no .BTF")
    (tmp_path / "shipped.btf").write_bytes(prepared.shipped)
    found = stat(tmp_path / "shipped.btf")
    types, unread = wire.unpack(prepared.shipped), waste.unread(prepared.shipped)
    assert found.waste.unreferenced == (len(unread), sum(map(len, unread)) + len(unread))
    assert {kind: amount.count for kind, amount in found.waste.duplicates.items()} == waste.duplicates(types)
    assert {kind: n for kind, (n, _) in found.account.kinds.items() if n} == Counter(t.kind.name for t in types)
    assert found.waste.strings == (prepared.shipped.count(b"\0", found.file.strings_start), found.account.string_nbytes)


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


def test_kernel__renders_the_c_declarations_of_its_own_btf(like, tmp_path):
    program, data = like
    if not shutil.which("bpftool"):
        pytest.skip("no bpftool")
    (tmp_path / "ours").write_bytes(data)
    (tmp_path / "theirs").write_bytes(program.shipped)
    ours, theirs = declarations(tmp_path / "ours"), declarations(tmp_path / "theirs")
    # bpftool numbers types that share a name in the order it meets them: which of them is ___2 is no difference
    strip = re.compile(r"___\d+\b")
    assert {strip.sub("", d) for d in ours} == {strip.sub("", d) for d in theirs}
    assert len(ours) == len(theirs)


def test_kernel__growth_equals_the_formula_to_the_byte(folder):
    result = measure.load(folder)
    checks = measure.check_invariants(result, measure.measurements(result, False))
    assert checks.holds.all(), checks[~checks.holds]
    assert (checks.invariant == "3 formula").sum() == len(result.encodings)


def test_kernel__every_form_grows_as_its_formula_says_and_gives_back_what_went_in(prepared, tmp_path):
    """Under the policy that keeps some of a name's instances and leaves others out."""
    encoded = run.encode(prepared, "sound", encodings.names())
    for name, data in encoded.files.items():
        btf.check(btf.parse(data, layout=encodings.encoding(name).layout))
    result = results.save(tmp_path, prepared, encoded)["sound"]
    checks = measure.check_invariants(result, measure.measurements(result, False))
    assert checks.holds.all(), checks[~checks.holds].to_string()
    assert (checks.invariant == "3 formula").sum() == len(encodings.names())
    told = checks[(checks.invariant == "6 round trip") & checks.statement.str.contains("gives back")]
    assert len(told) == len(encodings.names()) - 1  # all but plain


def test_kernel__what_the_baseline_has_has_its_type_ids_in_every_file(prepared, everything):
    """As long as types are not sorted by name."""
    encoded = everything if everything.step is None else run.encode(prepared, "all", kernel_step=False)
    plain, *others = map(encodings.parse, encoded.files.values())
    n = plain.types.n_types
    for file in others:
        assert np.array_equal(plain.types.kind(), file.types.kind()[:n])
        for kinds in (Kind.FUNC_PROTO, Kind.STRUCT, Kind.VAR):
            ids = plain.types.ids_of(kinds)[::97].tolist()
            assert [plain.types.row(i)[2:].tolist() for i in ids] == [file.types.row(i)[2:].tolist() for i in ids]


def test_kernel__encodings_differ_in_functions_alone(everything):
    counts = {name: kinds(data) for name, data in everything.files.items()}
    for other in counts.values():
        assert {k: n for k, n in other.items() if k not in ("FUNC", "DECL_TAG")} == {
            k: n for k, n in counts["plain"].items() if k not in ("FUNC", "DECL_TAG")}


@pytest.mark.parametrize("policy", ["all", "consistent", "current"])
def test_kernel__encoded_and_skipped_functions_add_up(prepared, everything, current, policy):
    made = {"all": everything, "current": current}
    encoded = made[policy] if policy in made else run.encode(prepared, policy, ["plain"])
    counts = selection.counts_of(encoded)
    assert counts["encoded"] + sum(counts["skipped"].values()) == counts["instances"]
    assert counts["instances"] == prepared.instances.counts["dies_with_code"] + prepared.instances.counts["fallback"]


def test_kernel__same_bytes_with_one_thread(kernel, prepared, everything):
    if kernel.name in names.default_names():
        pytest.skip("its report, which has all of this, is made on two threads and on one")
    again = run.prepare(kernel, threads=1)
    other = run.encode(again, "all")
    assert other.files == everything.files
    for table, mine in ((again.described, prepared.described), (again.inlined, prepared.inlined)):
        assert to_csv(table) == to_csv(mine)
    assert (other.selection.reason == everything.selection.reason).all() and (other.func_id == everything.func_id).all()
    assert (other.faults.flags == everything.faults.flags).all() and (other.signature == everything.signature).all()


PAHOLE_S_WAY = ("part-flags", "no-ranges")
"""The faults that the reference figures were made with."""


@pytest.mark.parametrize("policy", ["all", "consistent", "current"])
def test_kernel__pairs_funcs_and_prototypes_equal_the_reference(prepared, policy):
    label = prepared.kernel["label"]
    rows = [r for r in table(reference("encodings.csv"))
            if r["kernel"] == label and r["policy"] == policy]
    if not rows:
        pytest.skip(f"no reference figures of {label}")
    rows = {r["encoding"]: r for r in rows}
    encoded = run.encode(prepared, policy, quirks=PAHOLE_S_WAY)
    plain, wide = kinds(encoded.files["plain"]), kinds(encoded.files["btf_func"])
    assert plain["FUNC"] == int(rows["plain"]["func"])
    assert plain["FUNC_PROTO"] == int(rows["plain"]["func_proto"])
    assert plain.get("DECL_TAG", 0) == int(rows["plain"]["decl_tag"])
    assert wide["FUNC"] == int(rows["btf_func+fallback"]["func"])
    assert wide["FUNC"] - plain["FUNC"] == int(rows["btf_func+fallback"]["extra_funcs"])
    assert int(encoded.pairs.known.sum()) == int(rows["decl_tag+fallback"]["pairs"])


REASONS = {"unexpected register usage for parameter": "unexpected register",
           "inconsistet prototype": "inconsistent prototype", "uncertain parameter location":
           "uncertain parameter location", "reordered parameters": "reordered parameters",
           "optimized parameters": "optimized parameters", "ambiguous address": "ambiguous address"}
"""Our words for pahole's."""


def names_by_reason(folder):
    """Names of a ResultFolder of `current` by reason, those of instances that no symbol matches left aside; '' is the
    encoded ones."""
    rows = folder["current"].functions
    rows = rows[rows.match.isin(("exact", "suffix", "fallback"))]
    return {reason: set(mine.name) for reason, mine in rows.groupby("reason", observed=True)}


@pytest.mark.parametrize("quirks", [PAHOLE_S_WAY, ()], ids=["pahole's way", "ours"])
def test_kernel__names_and_reasons_under_current_are_pahole_s(prepared, current, tmp_path, quirks):
    theirs = {}
    for row in table(reference(f"{prepared.kernel['label']}.names.tsv.xz"), delimiter="\t"):
        theirs.setdefault(REASONS.get(row["skip_reason"], row["skip_reason"]), set()).add(row["name"])
    kept = theirs.pop("-")
    encoded = run.encode(prepared, "current", ["plain"], quirks=quirks) if quirks else current
    ours = names_by_reason(results.save(tmp_path, prepared, encoded))
    mine = ours.pop("")
    if quirks:
        assert mine == kept
        assert ours == theirs
        return
    assert len(mine ^ kept) <= len(kept) / 1000
    rows = results.load(tmp_path)["current"].functions
    bad_pieces = set(rows.name[(rows.match == "part") & (rows.faults != "")])
    by_ranges = set(rows.name[(rows.reason == "optimized parameters") & (rows.match == "suffix")])
    assert mine - kept <= bad_pieces  # spared: only a .part body has the fault
    assert kept - mine <= by_ranges  # a clone whose address pahole does not see


def test_kernel__every_step_of_the_funnel_lists_what_it_counts(kernel):
    with ElfImage(kernel.path) as image:
        walked, symbols = walk(image, 2), image.symbols()
        joined = join(walked, symbols, image)
        for step in STEPS:
            if step != "dies_declared":
                assert len(rows_of_step(step, walked, joined, symbols, image)[1]) == joined.counts[step]
        declared = rows_of_step("dies_declared", walk(image, 2, declarations=True), None, symbols, image)[1]
    c = joined.counts
    assert len(declared) == c["dies_declared"]
    assert c["subprogram_dies"] == sum(c[step] for step in (
        "dies_declared", "dies_without_name", "dies_abstract", "dies_without_code", "dies_discarded", "dies_with_code"))
    assert c["dies_with_code"] == sum(c[step] for step in MATCHES)
    assert c["elf_function_symbols"] == sum(c[step] for step in CLASSES)


def symbols_by_name(path):
    """The addresses of the function symbols of each base name, as readelf prints them; pieces left out."""
    out = {}
    printed = subprocess.run(["readelf", "-sW", path], capture_output=True, text=True, check=True).stdout
    for line in printed.splitlines():
        words = re.sub(r"\[[^]]*\]", "", line).split()  # without st_other, as in [<localentry>: 8]
        if len(words) == 8 and words[3] == "FUNC" and words[6] != "UND":
            base, *suffixes = words[7].split(".")
            if not any(s.startswith(("cold", "part")) for s in suffixes):
                out.setdefault(base, set()).add(int(words[1], 16))
    return out


def test_kernel__instances_are_where_readelf_has_the_symbols_of_their_names(kernel, folder):
    rows = results.load(folder)["all"].functions
    rows = rows[rows.match.isin(["exact", "suffix", "fallback"])]
    of_elf = symbols_by_name(kernel.path)
    found = {name: set(mine.address.tolist()) for name, mine in rows.groupby("name", observed=True)}
    assert not [name for name, addresses in found.items() if not addresses <= of_elf[name]]
    several = {name for name, addresses in of_elf.items() if len(addresses) > 1}
    incomplete = [name for name in several & found.keys() if found[name] != of_elf[name]]
    # assembler and Rust have symbols of the names, too, and of one of several bodies gcc may not say where it is
    assert len(incomplete) <= 4, incomplete


def test_kernel__ids_reach_no_more_addresses_than_there_are(prepared, everything, current, tmp_path):
    found = results.save_all(tmp_path, prepared, [everything, current]).results()
    attach, prices = measure.attach_frames(found)
    assert (attach.unique_id + attach.ambiguous_id + attach.unreachable + attach.no_func == attach.addresses).all()
    assert attach.addresses.nunique() == 1
    every = attach.set_index(["policy", "encoding"])
    assert every.unique_id["all", "btf_func"] == attach.addresses[0]
    gained = prices[prices.gained > 0]
    assert np.allclose(gained.growth, gained.bytes_per_gained * gained.gained)
    names = measure.ambiguity_summary(found[0])
    assert names.names.sum() == len(measure.ambiguous_names(found[0]))
    assert names.equals(measure.ambiguity_summary(found[1]))


def test_kernel__without_the_fallback_pairs_equal_the_reference(kernel, prepared):
    label = prepared.kernel["label"]
    rows = {r["encoding"]: r for r in table(reference("encodings.csv"))
            if r["kernel"] == label and r["policy"] == "all"}
    if not rows:
        pytest.skip(f"no reference figures of {label}")
    bare = run.encode(run.prepare(kernel, threads=2, fallback=False), "all")
    assert int(bare.pairs.known.sum()) == int(rows["decl_tag"]["pairs"])
    assert kinds(bare.files["plain"])["FUNC"] == int(rows["plain"]["func"])
    assert kinds(bare.files["btf_func"])["FUNC"] == int(rows["btf_func"]["func"])


def test_kernel__names_and_addresses_equal_the_reference(prepared, folder):
    label = prepared.kernel["label"]
    theirs = table(reference(f"{label}.functions.csv.xz"))
    ours = table(folder / "functions.csv")
    word = {"exact": "exact", "suffix": "suffix", "part": "part", "none": "none", "alias": "none", "overridden": "none"}

    def rule(text):
        # suffix:.isra, suffix:.constprop, suffix:.part: pahole's table leaves out .part, and so do the figures
        return "part" if ".part" in text or ".cold" in text else text.partition(":")[0]

    wanted = {(r["name"], int(r["addr"], 16), rule(r["class"])) for r in theirs}
    found = {(r["name"], int(r["address"], 16), word[r["match"]]) for r in ours if r["match"] != "fallback"}
    # a name of which only a piece has a symbol, at another function's code: no DIE is there, so the figures lack it
    alone = {row for row in found - wanted if row[2] == "part"}
    assert {name for name, *_ in alone} <= {"do_compat_epoll_pwait", "tl_to_darg"}
    assert found - alone == wanted


def test_kernel__names_equal_those_that_pahole_considers(prepared, folder):
    label = prepared.kernel["label"]
    theirs = {r["name"] for r in table(reference(f"{label}.names.tsv.xz"), delimiter="\t")}
    rows = results.load(folder)["all"].functions
    ours = set(rows.name[rows.reason == ""])
    assert ours == theirs


def test_kernel__bpftool_loads_all_but_btf_func(folder):
    if not shutil.which("bpftool"):
        pytest.skip("no bpftool")
    for path in sorted(folder.glob("*.btf")):
        done = subprocess.run(["bpftool", "btf", "dump", "file", path, "format", "raw"], capture_output=True)
        loads = done.returncode == 0
        big = encodings.read(path).byteorder != sys.byteorder
        if path.name == "btf_func.btf":
            assert not loads
            words = subprocess.run(["bpftool", "-d", "btf", "dump", "file", path], capture_output=True).stderr
            assert b"Unsupported BTF_KIND" in words
        elif not big:
            assert loads
            out = io.BytesIO()
            btf.dump_raw(encodings.read(path), out)
            assert out.getvalue() == done.stdout


def test_kernel__addresses_lie_in_executable_sections(kernel, everything):
    with ElfImage(kernel.path) as image:
        code = [(s.addr, s.addr + s.nbytes) for s in image.sections if s.flags & 4]
    address = everything.pairs.address[everything.pairs.known]
    inside = np.zeros(len(address), bool)
    for start, stop in code:
        inside |= (address >= np.uint64(start)) & (address < np.uint64(stop))
    assert inside.all()


@pytest.fixture(scope="module")
def written(kernel, tmp_path_factory):
    """The kernel's report, and of a default kernel its twin from a second run on one thread."""
    out = tmp_path_factory.mktemp("reports")
    runs = [("one", 2), *([("two", 1)] if kernel.name in names.default_names() else [])]
    for name, threads in runs:
        asked = kernel.name == names.default_names()[0]  # of the others their own tests ask the witnesses
        assert report.make(kernel, out / name, threads, witnesses=asked, command="make report").ok
    return [out / name for name, _ in runs]


def test_kernel__its_report_shows_the_figures_of_its_csvs(written):
    csvs = figures.csvs_of(written[0])
    assert figures.check_report_md(written[0], csvs) >= 15
    assert figures.check_page(written[0], csvs) >= 15
    assert figures.check_text_tables(written[0], csvs) >= 15
    assert figures.check_words(written[0], csvs) > 30


def test_kernel__its_report_is_byte_identical_on_a_second_run(written):
    if len(written) == 1:
        pytest.skip("the files are the same on one thread; the report is made twice of default kernels only")
    one, two = ({p.relative_to(w): p for p in w.rglob("*") if p.is_file()} for w in written)
    assert one.keys() == two.keys() and len(one) > 80
    for name, path in one.items():
        assert path.read_bytes() == two[name].read_bytes(), name


def test_kernel__its_report_fits_mail_and_page(written):
    read = report.read(written[0])
    assert all(len(line) <= 72 for line in mail.body(read).splitlines()) and mail.body(read).isascii()
    assert all(len(read.file(f"plot_{name}.png")) <= 60_000 for name in plots.PLOTS)
    assert len(read.file("index.html")) < 1_000_000


@pytest.fixture(scope="module")
def built(prepared):
    """Our baseline under `current`, and the kernel's own .BTF, which went through the kernel's step."""
    step = step_of(prepared.kernel)
    if step is None or prepared.shipped is None:
        pytest.skip(f"{prepared.kernel['label']} ships no .BTF that the kernel's build has changed")
    encoded = run.encode(prepared, "current", ["plain"], quirks=QUIRKS)
    assert encoded.step == step.version
    return btf.parse(encoded.files["plain"]), btf.parse(prepared.shipped)


def funcs_of(file):
    """type_id of the one FUNC of each name, dict."""
    ids = file.types.ids_of(Kind.FUNC).tolist()
    found = {file.name(i): i for i in ids}
    assert len(found) == len(ids)
    return found


def test_kernel_step__kfuncs_and_their_impls_are_those_of_its_own_btf(prepared, built):
    ours, theirs = map(funcs_of, built)
    names = [name for name in prepared.kfunc_flags if name in theirs]
    assert len(names) > 100
    implicit = [name for name in names if prepared.kfunc_flags[name] & KF_IMPLICIT_ARGS]
    assert implicit
    names += [name + IMPL_SUFFIX for name in implicit]
    said = [{name: btf.declaration(file, ids[name]) for name in names}
            for file, ids in zip(built, (ours, theirs), strict=True)]
    assert said[0] == said[1]


def test_kernel_step__tags_and_pointers_into_arenas_are_those_of_its_own_btf(built):
    tags, arenas = [], []
    for file in built:
        types = file.types
        rows = [types.row(i).tolist() for i in types.ids_of(Kind.DECL_TAG).tolist()]
        tags.append(sorted((file.strings.get(r[0]), r[1], file.name(r[2]), r[3]) for r in rows))
        of = types.ids_of(Kind.TYPE_TAG).tolist()
        arenas.append(sorted((file.name(i), int(types.row(i)[1]), btf.declaration(file, i)) for i in of))
    assert tags[0] == tags[1] and arenas[0] == arenas[1] and arenas[0]


def test_kernel_step__as_many_prototypes_stand_twice_as_in_its_own_btf(built):
    counts = []
    for file in built:
        types = file.types
        rows = [types.row(i).tobytes() for i in types.ids_of(Kind.FUNC_PROTO).tolist()]
        counts.append(len(rows) - len(set(rows)))
    assert counts[0] == counts[1]


def test_kernel_step__types_are_in_the_order_of_its_own_btf(built):
    """All of them where both files are of one pahole, which has the same FUNCs; else those that have nothing to do with
    functions and arrays."""
    ours, theirs = map(funcs_of, built)
    left_out = set() if ours.keys() == theirs.keys() else {Kind.FUNC, Kind.FUNC_PROTO, Kind.DECL_TAG, Kind.ARRAY,
                                                           Kind.CONST}
    listed = []
    for file in built:
        names = [file.name(i) for i in file.types.ids()]
        assert names == sorted(names)
        rows = zip(names, file.types.kind().tolist(), file.types.info().tolist(), strict=True)
        listed.append([row for row in rows if row[1] not in left_out])
    assert listed[0] == listed[1]
