"""What clang does to functions: ThinLTO renames static ones, hashes have symbols, inlined ones leave scopes."""

import subprocess

import pytest
from elftools.elf.elffile import ELFFile

from harness import measure, results, run
from harness.functions import Match
from harness.results.coverage import uncovered
from tests.fixtures.build import find
from tests.fixtures.handmade import reasons

SOURCES = {
    "a.c": """struct s { int a; long b[4]; };
typedef int (*callback)(struct s *, int);
int take(callback f, struct s *x);
int other(struct s *x);
static __attribute__((noinline)) int helper(struct s *x, int n) { return x->a + n * 3 + (int)x->b[n & 3]; }
static __attribute__((noinline)) int twin(struct s *x) { return x->a * 7; }
int get(struct s *x) { return helper(x, x->a) + take(helper, x) + twin(x) + other(x); }
int main(int argc, char **argv) { struct s x = {argc, {1, 2, 3, 4}}; return get(&x); }
""",
    "b.c": """struct s { int a; long b[4]; };
typedef int (*callback)(struct s *, int);
int once(struct s *x);
int take(callback f, struct s *x) { return f(x, 1); }
static __attribute__((noinline)) int twin(struct s *x) { return x->a * 9; }
int other(struct s *x) { return twin(x) + once(x); }
""",
    "c.c": """struct s { int a; long b[4]; };
static __attribute__((noinline)) int promoted(struct s *x, int n) { return x->a + n; }
static __attribute__((noinline)) int lacking(struct s *x, int unused, int n) { return x->a - n; }
int once(struct s *x) { return promoted(x, x->a) + promoted(x, 7) + lacking(x, 1, x->a) + lacking(x, 2, 9); }
""",
}

ENTRIES = {
    "hashes and landing pads": ("-fsanitize=kcfi", "-fcf-protection=branch", "-pg", "-mfentry"),
    "room for patching": ("-fpatchable-function-entry=16,11",),
    "bare": (),
}


@pytest.fixture(scope="module", params=ENTRIES)
def linked(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("thin")
    for name, text in SOURCES.items():
        (folder / name).write_text(text)
    (folder / "f.c").write_text("void __fentry__(void) {}\n")
    clang, lld = find("clang-19"), find("ld.lld-19")
    for name in (*SOURCES, "f.c"):
        options = ("-g", "-flto=thin", *ENTRIES[request.param]) if name in SOURCES else ()
        subprocess.run([clang, "-O2", *options, "-ffreestanding", "-c", folder / name, "-o", folder / f"{name}.o"],
                       check=True)
    objects = [folder / f"{name}.o" for name in (*SOURCES, "f.c")]
    subprocess.run([lld, "-e", "main", *objects, "-o", folder / "linked"], check=True)
    return folder / "linked"


def symbols_of(path):
    with open(path, "rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {s["st_value"]: s.name for s in table.iter_symbols()
                if s["st_info"]["type"] == "STT_FUNC" and not s.name.startswith("__")}


def test_thinlto__every_function_is_where_its_symbol_is(linked):
    prepared = run.prepare(linked, threads=1)
    symbols = symbols_of(linked)
    table, counts = prepared.instances, prepared.instances.counts
    names = [prepared.strings.get(int(off)).decode() for off in table.name_off]
    assert dict(zip(table.address.tolist(), names, strict=True)) == {
        address: symbol.partition(".")[0] for address, symbol in symbols.items()}
    renamed = [symbol for symbol in symbols.values() if ".llvm." in symbol]
    assert {symbol.partition(".")[0] for symbol in renamed} >= {"promoted", "lacking"}
    assert counts["dies_promoted"] == counts["dies_suffix"] == len(renamed)
    assert set(table.match.tolist()) == {Match.EXACT, Match.SUFFIX}
    assert counts["elf_body"] == len(symbols)
    assert counts["elf_function_symbols"] == len(symbols) + counts["elf_cfi"] + 1  # and __fentry__


def test_thinlto__renamed_functions_are_kept_and_are_no_clones(linked, tmp_path):
    prepared = run.prepare(linked, threads=1)
    why = reasons(prepared, "current")
    assert why["twin"] == ["ambiguous address"] * 2 and why["promoted"] == why["helper"] == [""]
    assert why["lacking"] == ["optimized parameters"]
    result = results.save(tmp_path / "out", prepared, run.encode(prepared, "all"))["all"]
    names = measure.ambiguous_names(result).set_index("name")
    assert names["class"].to_dict() == {"twin": "same_prototype"} and names.suffixed_addresses["twin"] == 1


def test_clang__the_scope_of_an_inlined_function_s_static_variable_is_no_lost_function(tmp_path):
    """A subprogram DIE without a name, code or origin, which holds the variable's DIE."""
    (tmp_path / "a.c").write_text(
        "static inline int gone(int n) { static void *__attribute__((used)) kept = &kept; return n; }\n"
        "int user(int n) { return gone(n); }\n")
    subprocess.run([find("clang-19"), "-g", "-O2", "-c", tmp_path / "a.c", "-o", tmp_path / "a.o"], check=True)
    prepared = run.prepare(tmp_path / "a.o", threads=1)
    counts = prepared.instances.counts
    assert (counts["dies_without_name"], counts["dies_nameless_code"]) == (1, 0)
    manifest = results.save(tmp_path / "out", prepared, run.encode(prepared, "current")).manifest
    assert uncovered(manifest, "current") == []
