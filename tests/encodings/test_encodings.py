"""Every registered encoding: its rows, its formula, its neutrality."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness import btf, encodings, measure, results, run
from harness.encodings import make_pairs
from harness.errors import EncodeError
from harness.functions import POLICIES
from harness.model import NOWHERE, STANDARD, Kind, TypeTable
from tests.fixtures.build import KEPT, program


@pytest.fixture(scope="module")
def prepared():
    return run.prepare(program("several_units").path, threads=1)


def encoded(prepared, policy="all"):
    return run.encode(prepared, policy, encodings.names())


def funcs(data):
    parsed = encodings.parse(data)
    kinds = parsed.types.kind()
    return [parsed.types.row(i + 1) for i in np.flatnonzero(kinds == Kind.FUNC)], parsed


def test_registry__finds_each_file_and_puts_the_baseline_first():
    assert encodings.names()[0] == "plain"
    assert set(encodings.default_names()) == {"plain", "decl_tag", "btf_func"}


def test_stores__is_said_by_every_encoding_and_follows_from_what_it_writes(prepared):
    made = encoded(prepared)
    for name, artifact in made.artifacts.items():
        e = encodings.encoding(name)
        assert e.stores in encodings.STORES, name
        assert (e.stores == "address") == bool(artifact.fixups), name  # only what is to be relocated is an address
        assert (e.stores == "nothing") == (name == "plain")
        assert e.beside == (len(artifact.sections) > 1), name
        for text in (e.kaslr, e.modules, e.exposes):
            assert text and text.isascii() and len(text) <= 60, name


def test_stores__says_what_kaslr_modules_and_a_reader_make_of_it():
    def of(name):
        e = encodings.encoding(name)
        return e.stores, e.kaslr, e.modules, e.exposes

    rebased = "KASLR offset"
    assert of("plain") == ("nothing", "as is", "as is", "nothing")
    assert of("decl_tag") == of("func_addr_kind") == ("address", "rebase", "rebase", rebased)
    assert of("btf_func32") == ("base offset", "as is", "no", "text layout")
    assert of("sidecar") == ("base offset", "as is", "no", "text layout, beside")
    assert of("locsec") == ("section offset", "as is", "as is", "text layout")
    assert of("func_per_address") == ("ordinal", "as is", "as is", "nothing")
    assert of("decl_tag_file") == ("source file", "as is", "as is", "nothing")
    silent = replace(encodings.encoding("decl_tag"), stores="")
    assert (silent.kaslr, silent.modules, silent.exposes) == ("", "", "")


@pytest.mark.parametrize("policy", POLICIES)
def test_encodings__keep_the_invariants_and_grow_as_their_formula_says(prepared, policy, tmp_path):
    result = results.save(tmp_path, prepared, encoded(prepared, policy))[policy]
    checks = measure.check_invariants(result, measure.measurements(result, False))
    assert checks.holds.all(), checks[~checks.holds]
    assert (checks.invariant == "3 formula").sum() == len(encodings.names())


def addresses_at(data, fixup):
    """What stands in some bytes where a fixup says that addresses are."""
    for at in fixup.at.tolist():
        if fixup.form.startswith("hex"):
            text = data[at : at + int(fixup.form[3:])]
            assert data[at + len(text)] == 0 and data[at - 2 : at] == b"0x"
            yield int(text, 16)
        else:
            order = "big" if data[:2] == b"\xeb\x9f" else "little"
            if fixup.form == "lohi":
                low, high = (int.from_bytes(data[k : k + 4], order) for k in (at, at + 4))
                yield low | high << 32
            else:
                assert fixup.form == "u64"
                yield int.from_bytes(data[at : at + 8], order)


@pytest.mark.parametrize("name", ["several_units", *(kept.name for kept in KEPT)])
def test_fixups__say_where_each_address_stands(name):
    path = next((kept.path for kept in KEPT if kept.name == name), None) or program(name).path
    result = run.encode(run.prepare(path, threads=1), "all", encodings.names())
    for encoding, made in result.artifacts.items():
        found = set()
        for fixup in made.fixups:
            standing = list(addresses_at(made.sections[fixup.within], fixup))
            assert standing == result.pairs.address[fixup.pair].tolist(), encoding
            found.update(standing)
        pairs = result.pairs
        absolute = {"decl_tag": pairs.known, "decl_tag_short": pairs.known, "btf_func": pairs.known,
                    "func_addr_kind": pairs.known,
                    "decl_tag_ambiguous": pairs.known & pairs.ambiguous,
                    "btf_func_ambiguous": pairs.known & pairs.ambiguous,
                    "btf_func_needed": pairs.known & ~pairs.by_name}.get(encoding, np.zeros(len(pairs.known), bool))
        assert found == set(pairs.address[absolute].tolist())


def test_layout_section__of_every_encoding_is_true_and_counted(prepared, tmp_path):
    some = ("btf_func_ambiguous", "btf_func_needed")  # whose FUNCs differ in length
    names = [name for name in encodings.names() if name not in some]
    plain, made = encoded(prepared), run.encode(prepared, "all", names, layout_section=True)
    last = {"locsec": Kind.LOCSEC, "func_addr_kind": Kind.FUNC_ADDR}
    for name, data in made.files.items():
        file = encodings.parse(data)
        section = 4 + 4 * last.get(name, Kind.ENUM64)
        new = not encodings.encoding(name).layout_section
        assert len(data) == len(plain.files[name]) + (8 + section) * new, name
        assert file.kind_sizes[Kind.FUNC].tolist() == [{"btf_func": 8, "btf_func32": 4}.get(name, 0), 0, 0]
        for fixup in made.artifacts[name].fixups:
            assert list(addresses_at(data, fixup)) == made.pairs.address[fixup.pair].tolist(), name
    folder = results.save(tmp_path, prepared, made)
    assert folder.manifest["policies"]["all"]["layout_section"]
    result = results.load(tmp_path)["all"]
    table = measure.measurements(result, False)
    assert table[table.part == "layout"].bytes.tolist() == [4 + 4 * last.get(name, Kind.ENUM64) for name in made.files]
    assert measure.check_invariants(result, table).holds.all()


def test_layout_section__that_cannot_describe_an_encoding_is_refused(prepared, monkeypatch):
    of = encodings.make_pairs

    def some_without_place(*given):
        pairs, pair = of(*given)
        section = pairs.section.copy()
        section[0] = NOWHERE
        return pairs._replace(section=section), pair

    monkeypatch.setattr(run.enc, "make_pairs", some_without_place)
    assert run.encode(prepared, "all", ["decl_tag"], layout_section=True).layout_section
    with pytest.raises(EncodeError, match=r"^btf_func.btf: a layout section has one size for all FUNCs, and of \d+ "
                                          r"only \d+ have 8 bytes more: leave out --layout or this encoding$"):
        run.encode(prepared, "all", ["btf_func"], layout_section=True)


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_laid_out__in_pieces_is_the_same_bytes_as_at_once(prepared, byteorder):
    parsed = encodings.parse(encoded(prepared).files["btf_func"])
    layout = encodings.encoding("btf_func").layout
    whole = btf.encode(parsed.types, parsed.strings, byteorder=byteorder, layout=layout)
    cut = parsed.types.n_types // 2
    words, start = parsed.types.words, parsed.types.start
    first = TypeTable(words[: start[cut + 1]], start[: cut + 2])
    second = TypeTable(words[start[cut + 1] :], np.concatenate([[0], start[cut + 1 :] - start[cut + 1]]))
    begun = btf.lay_out(first, parsed.strings, byteorder=byteorder, layout=layout)
    before = begun.data()
    assert begun.then(second, layout=layout).data() == whole
    assert begun.data() == before  # what goes on leaves what it began with as it was
    more = begun.then(second, np.frombuffer(b"unused\0", np.uint8), layout=layout)
    assert more.data() == whole and more.next_id() == parsed.types.next_id


def test_encodings__pass_the_structural_check(prepared):
    for data in encoded(prepared).files.values():
        btf.check(encodings.parse(data))


def test_plain__has_one_func_per_name_and_prototype(prepared):
    rows, _ = funcs(encoded(prepared).files["plain"])
    keys = [(int(r[0]), int(r[2])) for r in rows]
    assert len(keys) == len(set(keys))


def test_btf_func__has_one_func_per_address_and_carries_it(prepared):
    result = encoded(prepared)
    rows, _ = funcs(result.files["btf_func"])
    addresses = sorted(int(r[3]) | int(r[4]) << 32 for r in rows)
    assert addresses == sorted(result.pairs.address.tolist())
    assert len(rows) > len(funcs(result.files["plain"])[0])


@pytest.mark.parametrize("name, form", [("decl_tag", rb"address=0x[0-9a-f]{16}\Z"),
                                        ("decl_tag_short", rb"addr=0x[1-9a-f][0-9a-f]*\Z")])
def test_decl_tag__names_every_address_of_its_func(prepared, name, form):
    result = encoded(prepared)
    parsed = encodings.parse(result.files[name])
    tags = [parsed.types.row(i + 1) for i in np.flatnonzero(parsed.types.kind() == Kind.DECL_TAG)]
    found = {(int(t[2]), parsed.strings.get(int(t[0]))) for t in tags}
    assert len(found) == len(tags) == len(result.pairs.address)
    assert all(re.match(form, text) for _, text in found)
    assert {int(text.partition(b"0x")[2], 16) for _, text in found} == set(result.pairs.address.tolist())
    assert {int(t[3]) for t in tags} == {0xFFFFFFFF}


def formula_frame(pairs, names):
    return pd.DataFrame({"name": names, "proto_id": pairs.proto_id, "address": pairs.address,
                         "place": np.where(pairs.known, pairs.address.astype(np.int64), NOWHERE), "tags": "",
                         "offset": pairs.address.astype(np.int64), "symbols": 1, "file": "a.c", "unit": "b.c",
                         "section_offset": 0, "shndx": 1, "section": ".text"})


def test_pairs__two_names_at_one_address_share_the_string_but_not_the_tag():
    names, protos = np.array([1, 5], np.uint32), np.array([7, 7], np.uint32)
    address, section = np.array([0x1000, 0x1000], np.uint64), np.ones(2, np.int32)
    pairs, _ = make_pairs(names, protos, address, section, lambda n: np.array([b"a", b"b"])[: len(n)], [])
    functions = formula_frame(pairs, ["a", "b"])
    growth = {n: encodings.encoding(n).growth(functions) for n in encodings.names()}
    assert growth == {
        "plain": 0, "decl_tag": 2 * 16 + 27, "decl_tag_short": 2 * 16 + len("addr=0x1000") + 1, "btf_func": 2 * 8,
        "btf_func_ambiguous": 0, "btf_func_needed": 0, "decl_tag_ambiguous": 0, "func_per_address": 0,
        "decl_tag_offset": 2 * 16 + len("offset=0x1000") + 1, "btf_func32": 2 * 4,
        "locsec": 12 + 2 * 12 + len(".text") + 1, "locsec_split": 24 + 12 + 2 * 12 + len(".text") + 1,
        "func_addr_kind": 2 * 8 + 8 + 4 * 24, "decl_tag_file": 2 * 16 + len("file=a.c unit=b.c") + 1,
        "sidecar": 2 * 4, "sidecar_uleb": 2 * 4 + 2 + 1}


def test_btf_func__a_function_without_an_address_stays_as_it_was():
    names, protos = np.array([1], np.uint32), np.array([7], np.uint32)
    pairs, _ = make_pairs(names, protos, np.zeros(1, np.uint64), np.full(1, NOWHERE, np.int32),
                          lambda n: np.array([b"a"]), [])
    functions = formula_frame(pairs, ["a"])
    assert encodings.encoding("btf_func").growth(functions) == 0
    assert encodings.encoding("btf_func").write(pairs, 1, 0).types.kind_flag().tolist() == [False]
    assert encodings.encoding("decl_tag").growth(functions) == 0


def test_btf_func__an_annotation_is_one_of_each_func_that_it_becomes():
    functions = pd.DataFrame({"name": ["f", "f", "g"], "proto_id": [7, 7, 7], "address": [16, 32, 48],
                              "place": [0, 1, 2], "tags": ["bpf_kfunc|x@1", "bpf_kfunc|x@1", "bpf_kfunc"]})
    assert encodings.encoding("btf_func").growth(functions) == 3 * 8 + 12 + 2 * 16


def test_annotations__of_functions_members_and_variables_become_decl_tags():
    with_tags = run.prepare(program("btf_tags", compiler="clang").path, threads=1)
    data = run.encode(with_tags, "all", ["plain"]).files["plain"]
    parsed = encodings.parse(data)
    btf.check(parsed)
    kinds = parsed.types.kind()
    targets = {Kind(int(kinds[int(parsed.types.row(i + 1)[2]) - 1])).name
               for i in np.flatnonzero(kinds == Kind.DECL_TAG)}
    assert "STRUCT" in targets
    assert "FUNC" in targets


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.name)
def test_encodings__committed_objects_keep_their_byte_order(kept):
    other = run.prepare(kept.path, threads=1)
    assert other.kernel["byteorder"] == ("big" if "s390x" in kept.name else "little")
    for data in run.encode(other, "all").files.values():
        parsed = encodings.parse(data)
        btf.check(parsed)
        assert parsed.byteorder == other.kernel["byteorder"]


def test_layouts__are_the_standard_and_what_encodings_add_to_it():
    assert encodings.layouts()[0] == STANDARD
    assert set(encodings.layouts()) == {encodings.encoding(name).layout for name in encodings.names()}
    assert encodings.encoding("plain").layout == encodings.encoding("decl_tag").layout == STANDARD


def test_read__finds_the_layout_of_every_encoding(prepared, tmp_path):
    result = run.encode(prepared, encodings=encodings.names())
    for name, data in result.files.items():
        path = tmp_path / f"{name}.btf"
        path.write_bytes(data)
        file = encodings.read(path)
        assert file.layout == encodings.encoding(name).layout == encodings.parse(data).layout
        btf.check(file)


def test_btf__knows_no_encoding():
    """Its sources name neither an encoding nor what one adds to the wire."""
    extended = [encodings.encoding(name) for name in encodings.names() if encodings.encoding(name).layout != STANDARD]
    words = {e.name for e in extended} | {t.struct for e in extended for k in Kind if (t := e.layout[k].trailing)}
    for path in Path(btf.__file__).parent.glob("*.py"):
        text = path.read_text()
        assert words and not any(re.search(rf"\b{word}\b", text) for word in words), path
        assert "import encodings" not in text and "addr=" not in text, path
