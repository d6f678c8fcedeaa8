"""The kernel's own step from an ELF file to all encodings: by version, switched on and off, before and after ids."""

import dataclasses
import json
import struct
import subprocess

import numpy as np
import pytest

from harness import btf, encodings, measure, results, run
from harness.elf import ElfImage
from harness.encodings import Fixup
from harness.errors import EncodeError, UsageError
from harness.model import Kind
from tests.command import cli
from tests.encodings import outside
from tests.fixtures.build import find, program

COMPILERS = ["gcc", "s390x-linux-gnu-gcc"]


def encode(path, out, *options):
    done = cli("encode", path, "-q", "-o", out, "--policy", "all", *options)
    assert done.returncode == 0, done.stderr
    return json.loads((out / "manifest.json").read_text())


def said(file):
    """{name: C prototype} of the FUNCs of a .btf file, and its DECL_TAGs as (name, target's name)."""
    types = file.types
    funcs = {file.name(i).decode(): btf.declaration(file, i) for i in types.ids_of(Kind.FUNC).tolist()}
    tags = sorted((file.name(i).decode(), file.name(int(types.row(i)[2])).decode())
                  for i in types.ids_of(Kind.DECL_TAG).tolist())
    return funcs, tags


ARENA = 'void __attribute__((btf_type_tag("address_space(1)"))) *'
BEFORE = {
    "other": "int other(int n)", "bpf_put": "int bpf_put(int n)", "bpf_old_impl": "int bpf_old_impl(int n, int m)",
    "bpf_fast": "int bpf_fast(int n, const struct bpf_prog_aux *aux)",
    "bpf_old": "int bpf_old(int n, struct bpf_prog_aux *aux)",
    "bpf_alloc": "void *bpf_alloc(void *p__arena, unsigned int pages)",
}
AFTER = {
    **BEFORE, "bpf_fast": "int bpf_fast(int n)", "bpf_old": "int bpf_old(int n)",
    "bpf_fast_impl": "int bpf_fast_impl(int n, const struct bpf_prog_aux *aux)",
    "bpf_alloc": f"{ARENA}bpf_alloc({ARENA}p__arena, unsigned int pages)",
}
KFUNCS = [("bpf_kfunc", name) for name in ("bpf_alloc", "bpf_fast", "bpf_old", "bpf_put")]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_kernel_step__is_done_for_a_kernel_of_7_3_and_keeps_all_invariants(tmp_path, compiler):
    manifest = encode(program("kfuncs", compiler).path, tmp_path / "out")
    assert manifest["kernel"]["release"] == "7.3.4-fixture"
    entry = manifest["policies"]["all"]
    assert entry["kernel_step"] == "7.3" and entry["functions"]["added"] == 1
    assert entry["functions"]["encoded"] + sum(entry["functions"]["skipped"].values()) == 6
    assert (entry["functions"]["funcs"], entry["functions"]["pairs"], entry["functions"]["addresses"]) == (7, 7, 6)
    result = measure.load(tmp_path / "out")
    checks = measure.check_invariants(result, measure.measurements(result, False))
    assert checks.holds.all(), checks[~checks.holds]
    for name in ("plain", "decl_tag", "btf_func"):
        file = result.btf(name)
        funcs, tags = said(file)
        assert funcs == AFTER
        assert [t for t in tags if not t[0].startswith("address=")] == [
            ("bpf_fastcall", "bpf_fast"), ("bpf_fastcall", "bpf_fast_impl"), *KFUNCS]
        names = [file.name(i) for i in file.types.ids()]
        assert names == sorted(names)
        strict = cli("check", tmp_path / "out" / f"{name}.btf", *(["--strict"] if name != "btf_func" else []))
        assert strict.returncode == 0, strict.stderr
        again = btf.parse(btf.encode(file.types, file.strings, layout=file.layout), layout=[file.layout])
        assert again.types.n_types == file.types.n_types
    # one address, two FUNCs
    file = result.btf("btf_func")
    given = dict(zip((file.name(i).decode() for i in result.addresses("btf_func").func_id.tolist()),
                     result.addresses("btf_func").address.tolist(), strict=True))
    assert given["bpf_fast"] == given["bpf_fast_impl"] and len(set(given.values())) == 6
    added = result.added
    assert added[["name", "tags"]].to_numpy().tolist() == [["bpf_fast_impl", "bpf_fastcall"]]
    assert result.btf("plain").name(int(added.func[0])) == b"bpf_fast_impl"


@pytest.mark.parametrize("compiler", COMPILERS)
def test_kernel_step__switched_off_is_what_pahole_writes(tmp_path, compiler):
    path = program("kfuncs", compiler).path
    manifest = encode(path, tmp_path / "off", "--no-kernel-step")
    assert manifest["policies"]["all"]["kernel_step"] is None and not (tmp_path / "off" / "added.csv").exists()
    assert said(btf.read(tmp_path / "off" / "plain.btf")) == (BEFORE, [("bpf_fastcall", "bpf_fast"), *KFUNCS])


def test_kernel_step__without_the_tags_of_kfuncs_is_the_step_all_the_same(tmp_path):
    manifest = encode(program("kfuncs").path, tmp_path / "out", "--no-kfunc-tags")
    assert manifest["policies"]["all"]["kernel_step"] == "7.3"
    assert said(btf.read(tmp_path / "out" / "plain.btf")) == (AFTER, [])


def versioned(tmp_path, banner):
    """The program with another version in its banner, of the same length."""
    data = program("kfuncs").path.read_bytes()
    assert len(banner) == len(b"7.3.4-fixture")
    path = tmp_path / "vmlinux"
    path.write_bytes(data.replace(b"7.3.4-fixture", banner))
    return path


def test_kernel_step__of_7_0_merges_nothing_and_knows_no_names(tmp_path):
    manifest = encode(versioned(tmp_path, b"7.2.13-fixtur"), tmp_path / "out")
    assert manifest["policies"]["all"]["kernel_step"] == "7.0"
    file = btf.read(tmp_path / "out" / "plain.btf")
    funcs, _ = said(file)
    assert funcs == {**AFTER, "bpf_alloc": f"{ARENA}bpf_alloc(void *p__arena, unsigned int pages)"}
    protos = [file.types.row(i).tobytes() for i in file.types.ids_of(Kind.FUNC_PROTO).tolist()]
    assert sorted(protos.count(p) for p in set(protos)) == [1, 1, 1, 1, 3]  # int (int n), three times


def test_kernel_step__of_7_0_knows_kfuncs_by_the_tags_of_pahole(tmp_path):
    path = versioned(tmp_path, b"7.2.13-fixtur")
    manifest = encode(path, tmp_path / "out", "--rules", "1.25")  # which writes none
    assert manifest["policies"]["all"]["kernel_step"] == "7.0"
    file = btf.read(tmp_path / "out" / "plain.btf")
    assert said(file) == (BEFORE, [])
    names = [file.name(i) for i in file.types.ids()]
    assert names == sorted(names)
    encode(program("kfuncs").path, tmp_path / "new", "--rules", "1.25")
    assert said(btf.read(tmp_path / "new" / "plain.btf"))[0] == AFTER


def without(path, missed):
    """The program as pahole 1.30 reads it, where it does not find these kfuncs."""
    return dataclasses.replace(run.prepare(path, rules="1.30"), kfuncs_not_found=frozenset(missed))


def written(program, **options):
    encoded = run.encode(program, "all", rules="1.30", quirks=["kfunc-search"], **options)
    file = btf.parse(encoded.files["plain"])
    tags = [file.name(int(file.types.row(i)[2])) for i in file.types.ids_of(Kind.DECL_TAG).tolist()
            if file.name(i) == b"bpf_kfunc"]
    return file, tags


def test_kfunc_search__what_pahole_misses_is_tagged_last_by_the_step_of_7_3():
    path = program("kfuncs").path
    file, tags = written(without(path, []))
    assert tags == [b"bpf_alloc", b"bpf_fast", b"bpf_old", b"bpf_put"]
    again, late = written(without(path, [b"bpf_fast", b"bpf_alloc"]))
    assert late == [b"bpf_old", b"bpf_put", b"bpf_alloc", b"bpf_fast"]
    assert said(again) == said(file)


def test_kfunc_search__what_pahole_misses_has_no_tag_without_a_step():
    _, tags = written(without(program("kfuncs").path, [b"bpf_fast"]), kernel_step=False)
    assert tags == [b"bpf_alloc", b"bpf_old", b"bpf_put"]


def test_kfunc_search__the_step_of_7_0_does_not_know_what_pahole_misses(tmp_path):
    file, tags = written(without(versioned(tmp_path, b"7.2.13-fixtur"), [b"bpf_fast"]))
    assert tags == [b"bpf_alloc", b"bpf_old", b"bpf_put"]
    assert said(file)[0]["bpf_fast"] == BEFORE["bpf_fast"] and "bpf_fast_impl" not in said(file)[0]


def test_kfunc_search__needs_a_program_that_was_read_for_it():
    with pytest.raises(UsageError, match="--quirk: expected a program read with the rules 1.30, found one of"):
        run.encode(run.prepare(program("kfuncs").path, rules="1.31"), "all", rules="1.30", quirks=["kfunc-search"])
    encoded = run.encode(run.prepare(program("kfuncs").path), "all", quirks=["kfunc-search"])
    assert encoded.quirks == ("kfunc-search",)


def test_kernel_step__is_not_done_before_7_0_unless_asked_for(tmp_path):
    path = versioned(tmp_path, b"6.19.1-fixtur")
    manifest = encode(path, tmp_path / "off")
    assert manifest["policies"]["all"]["kernel_step"] is None
    assert said(btf.read(tmp_path / "off" / "plain.btf"))[0] == BEFORE
    manifest = encode(path, tmp_path / "on", "--kernel-step")
    assert manifest["policies"]["all"]["kernel_step"] == "7.3"
    assert said(btf.read(tmp_path / "on" / "plain.btf"))[0] == AFTER


def objcopy(*words):
    subprocess.run([find("objcopy"), *map(str, words)], check=True)


def resolved(tmp_path, spoil=lambda pairs: pairs, section=None):
    """The program as the kernel's build leaves it: with .BTF, and the pairs of .BTF_ids sorted by their ids."""
    path = program("kfuncs").path
    encode(path, tmp_path / "first")
    made = tmp_path / "first" / "plain.btf"
    file = btf.read(made)
    ids = {file.name(i): i for i in file.types.ids_of(Kind.FUNC).tolist()}
    flags = {b"bpf_put": 0, b"bpf_old": 1 << 16, b"bpf_fast": 1 << 16 | 1 << 12, b"bpf_alloc": 1 << 13}
    pairs = spoil(sorted((ids[name], word) for name, word in flags.items()))
    (tmp_path / "ids").write_bytes(struct.pack("<2I", len(pairs), 1) + b"".join(struct.pack("<2I", *p) for p in pairs))
    out = tmp_path / "vmlinux"
    if section is not None:
        (tmp_path / "btf").write_bytes(section)
    objcopy("--update-section", f".BTF_ids={tmp_path / 'ids'}", "--add-section",
            f".BTF={made if section is None else tmp_path / 'btf'}", path, out)
    return out


def test_kernel_step__reads_flags_by_the_ids_of_a_finished_kernel(tmp_path):
    path = resolved(tmp_path)
    manifest = encode(path, tmp_path / "out")
    assert manifest["kernel"]["kfunc_flags_unsure"] is None and manifest["policies"]["all"]["kernel_step"] == "7.3"
    for name in ("plain", "decl_tag", "btf_func"):
        assert (tmp_path / "out" / f"{name}.btf").read_bytes() == (tmp_path / "first" / f"{name}.btf").read_bytes()
    # at the symbols they are those of other functions: that is what this is about
    with ElfImage(path) as image:
        data = image.read(image.section(".BTF_ids")).tobytes()
    assert [flags for _, flags in struct.iter_unpack("<2I", data)][1:] == [8192, 69632, 65536, 0]


@pytest.mark.parametrize(("spoil", "section", "words"), [
    (lambda pairs: [(3, flags) for _, flags in pairs], None, "expected the id of a function of the set at 0x0"),
    (lambda pairs: [(0, 1), *pairs[1:]], None, None),
    (lambda pairs: pairs, b"not BTF at all, by any means", "of a .BTF that cannot be read by itself"),
])
def test_kernel_step__is_not_done_where_flags_are_not_known(tmp_path, spoil, section, words):
    path = resolved(tmp_path, spoil, section)
    manifest = encode(path, tmp_path / "out")
    if words is None:  # one pair without an id is that of the one function without an id
        assert manifest["policies"]["all"]["kernel_step"] == "7.3"
        return
    assert words in manifest["kernel"]["kfunc_flags_unsure"]
    assert manifest["policies"]["all"]["kernel_step"] is None
    funcs, tags = said(btf.read(tmp_path / "out" / "plain.btf"))
    assert funcs == BEFORE and [t for t in tags if t[0] == "bpf_kfunc"] == KFUNCS
    done = cli("encode", path, "-q", "-o", tmp_path / "asked", "--kernel-step")
    assert done.returncode == 2 and "--kernel-step: needs the flags of kfuncs" in done.stderr


def test_kernel_step__sections_without_bytes_stop_nothing(tmp_path):
    out = tmp_path / "vmlinux.debug"
    whole = resolved(tmp_path)
    objcopy("--set-section-flags", ".BTF=alloc,load,readonly", "--change-section-address", ".BTF=0x90000000", whole)
    objcopy("--only-keep-debug", whole, out)
    manifest = encode(out, tmp_path / "out")
    assert manifest["kernel"]["release"] is None
    for why in ("kfuncs_unusable", "shipped_unusable"):
        assert "SHT_NOBITS" in manifest["kernel"][why]
    assert said(btf.read(tmp_path / "out" / "plain.btf")) == (BEFORE, [])


@pytest.mark.parametrize("verb", [("report", "-o", "r"), ("functions",)])
@pytest.mark.parametrize("option", ["--kernel-step", "--no-kernel-step"])
def test_kernel_step__is_no_option_for_results(tmp_path, verb, option):
    encode(program("kfuncs").path, tmp_path / "out")
    done = cli(verb[0], tmp_path / "out", *verb[1:], option)
    assert done.returncode == 2 and "--kernel-step: expected a kernel, found results" in done.stderr


def test_kernel_step__lookup_knows_what_it_added(tmp_path):
    encode(program("kfuncs").path, tmp_path / "out")
    rows = measure.lookup(measure.load(tmp_path / "out"), "bpf_fast*").rows
    assert set(rows.name) == {"bpf_fast", "bpf_fast_impl"} and (rows.addresses == 1).all()
    done = cli("lookup", "bpf_fast_impl", tmp_path / "out")
    assert done.returncode == 0 and "int bpf_fast_impl(int n, const struct bpf_prog_aux *aux)" in done.stdout
    assert "the kernel's build adds this FUNC for the code of bpf_fast," in " ".join(done.stdout.split())


def test_kernel_step__results_are_reported_and_moved_whole(tmp_path, undrawn):
    from harness import report

    encode(program("kfuncs").path, tmp_path / "out")
    made = report.render(tmp_path / "out", tmp_path / "report", witnesses=False, threads=1)
    assert made.ok
    assert "what the kernel's build does since Linux 7.3" in (tmp_path / "report" / "report.md").read_text()
    assert results.load(tmp_path / "report")["all"].added.name.tolist() == ["bpf_fast_impl"]
    assert "added by the kernel's step" in (tmp_path / "report" / "funnel.csv").read_text()
    drawn = report.read(tmp_path / "report")["plot_funnel"]
    assert drawn.tail(4).drop(columns="role").to_numpy().tolist() == [
        ["instances encoded", 6], ["_impl of kfuncs", 1], ["same name and prototype as another", 0],
        ["FUNCs in plain", 7]]
    assert (drawn.functions >= 0).all()


def test_kernel_step__a_changed_table_of_what_was_added_is_noticed(tmp_path):
    from harness.errors import MeasureError

    encode(program("kfuncs").path, tmp_path / "out")
    path = tmp_path / "out" / "added.csv"
    text = path.read_text()
    for old, new, words in (("_impl", "_imp", "sha256"), ("0x", "0xf", "expected a DIE of functions.csv")):
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(MeasureError, match=words):
            _ = results.load(tmp_path / "out")["all"].added
    encode(program("kfuncs").path, tmp_path / "out", "--no-kernel-step")
    assert not path.exists()


@pytest.fixture
def with_table(monkeypatch):
    monkeypatch.setattr(encodings, "REGISTRY", dict(encodings.REGISTRY))
    encodings.register(outside.ENCODING)


def test_kernel_step__renumbers_ids_in_the_sections_of_an_encoding_from_outside(with_table, tmp_path, monkeypatch):
    prepared = run.prepare(program("kfuncs").path, threads=1)
    folder = results.save(tmp_path / "out", prepared, run.encode(prepared, "all", ["table"]))
    given, wide = folder["all"].addresses("table"), {}
    file = folder["all"].btf("table")
    for func_id, address in zip(given.func_id.tolist(), given.address.tolist(), strict=True):
        wide[file.name(func_id).decode()] = address
    assert set(wide) == set(AFTER) and wide["bpf_fast"] == wide["bpf_fast_impl"]
    checks = measure.check_invariants(folder["all"], measure.measurements(folder["all"], False))
    assert checks.holds.all()


def test_order__refuses_an_encoding_that_does_not_say_where_its_ids_are(with_table, monkeypatch):
    prepared = run.prepare(program("kfuncs").path, threads=1)
    silent = encodings.encoding("table").write
    table = outside.ENCODING
    monkeypatch.setitem(encodings.REGISTRY, "table", type(table)(**{
        **{f: getattr(table, f) for f in table.__dataclass_fields__},
        "write": lambda *args: silent(*args)._replace(ids=None)}))
    for step in (True, False):
        with pytest.raises(EncodeError, match=r"table does not say where \.BTF\.funcs has type_ids, .*Written\.ids"):
            run.encode(prepared, "all", ["table"], kernel_step=step)
    monkeypatch.setitem(encodings.REGISTRY, "table", type(table)(**{
        **{f: getattr(table, f) for f in table.__dataclass_fields__},
        "write": lambda *args: silent(*args)._replace(ids=(Fixup("nowhere", np.zeros(0), np.zeros(0), "u32"),))}))
    with pytest.raises(ValueError, match="type_ids as u32 within types or .BTF.funcs, found u32 within 'nowhere'"):
        run.encode(prepared, "all", ["table"])
