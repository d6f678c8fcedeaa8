"""What encodings keep beside or in types of their own, read back: whole, and where it is cut, changed or a trap."""

import random

import numpy as np
import pytest

from harness import btf, encodings, measure, results, run
from harness.encodings import make_pairs, sidecar
from harness.errors import BtfFormatError, HarnessError
from harness.model import NOWHERE, Kind, StringTable, info_word
from tests.fixtures.build import program
from tests.fixtures.handmade import TEXT, Function, Param, prepare
from tests.measure.folders import Blob, rows

IMAGE = encodings.Image(0x1000, {1: (".text", 0x1000)}, lambda: {"f": [0x1000, 0x2000]})


@pytest.fixture(scope="module")
def made():
    prepared = run.prepare(program("several_units").path, threads=1)
    encoded = run.encode(prepared, "all", encodings.names())
    kernel = prepared.kernel
    sections = {index: (name, address) for index, name, address in kernel["code_sections"]}
    return encoded, encodings.Image(kernel["base"], sections)


def parsed(name, data):
    return btf.parse(data, f"{name}.btf", layout=encodings.encoding(name).layout)


def read(name, file, sections, image):
    return encodings.encoding(name).read(file, sections, image)


def mutations(data, seed):
    """Random cuts and changes, and every short cut."""
    rng = random.Random(seed)
    yield from (data[:n] for n in range(min(len(data), 24)))
    for _ in range(150):
        at = rng.randrange(len(data))
        yield data[:at]
        yield data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        yield data[:at] + data[at + rng.randrange(1, 9) :]
        yield data[:at] + rng.randbytes(rng.randrange(1, 9)) + data[at:]
        yield rng.randbytes(len(data))


@pytest.mark.parametrize("name", [name for name in encodings.names() if encodings.encoding(name).beside])
def test_sections__that_are_torn_are_read_or_refused_with_their_place(made, name):
    encoded, image = made
    (section,) = [s for s in encoded.artifacts[name].sections if s != encodings.SECTION]
    data = encoded.artifacts[name].sections[section]
    file = parsed(name, encoded.files[name])
    funcs, refused = set(file.types.func_ids().tolist()), 0
    assert set(read(name, file, {section: data}, image).func_id.tolist()) == funcs
    for other in mutations(data, name):
        try:
            found = read(name, file, {section: other}, image)
        except BtfFormatError as error:
            assert str(error).startswith(f"{name}.btf: {section}+0x") and "expected" in str(error), str(error)
            refused += 1
        else:
            assert set(found.func_id.tolist()) <= funcs and found.address.dtype == np.uint64
    assert refused > 100
    with pytest.raises(BtfFormatError, match=rf"{name}.btf: {section}: expected a section of that name beside .BTF, "):
        read(name, file, {}, image)


@pytest.mark.parametrize("name", encodings.names())
def test_files__that_are_torn_are_read_or_refused(made, name):
    encoded, image = made
    artifact = encoded.artifacts[name]
    own = {section: data for section, data in artifact.sections.items() if section != encodings.SECTION}
    n = 0
    for other in mutations(encoded.files[name], name):
        try:
            file = parsed(name, other)
            found = read(name, file, own, image)
        except HarnessError as error:
            assert "expected" in str(error)
        else:
            n += 1
            assert set(found.func_id.tolist()) <= set(file.types.func_ids().tolist())
    assert n


def of_one_func(name, section, data, image=IMAGE):
    s = Blob()
    types = rows([0, info_word(Kind.FUNC_PROTO), 0], [s("f"), info_word(Kind.FUNC), 1])
    file = btf.parse(btf.encode(types, StringTable(s.array())), "x.btf")
    found = read(name, file, {section: data}, image)
    return list(zip(found.func_id.tolist(), found.address.tolist(), strict=True))


def words(*numbers):
    return np.array(numbers, "<u4").tobytes()


@pytest.mark.parametrize(("data", "found"), [
    (words(0), [(2, 0x1000)]), (words(0xFFFFFFFF), []), (words(1, 2, 7, 2, 3), [(2, 0x1001), (2, 0x1003), (2, 0x1007)]),
])
def test_sidecar__is_a_table_and_what_is_more(data, found):
    assert of_one_func("sidecar", sidecar.SECTION, data) == found


@pytest.mark.parametrize(("data", "words_"), [
    (b"", "+0x0: expected 4 bytes for each of 1 FUNCs and 8 for each further address, found 0 bytes"),
    (words(0, 2), "+0x8: expected 4 bytes for each of 1 FUNCs and 8 for each further address, found 8 bytes"),
    (words(0, 2, 1, 1, 1), "+0xc: expected the type_id of a FUNC, found 1"),
    (words(0, 99, 1), "+0x4: expected the type_id of a FUNC, found 99"),
    (words(0, 0, 1), "+0x4: expected the type_id of a FUNC, found 0"),
])
def test_sidecar__that_is_malformed_says_where(data, words_):
    with pytest.raises(BtfFormatError) as error:
        of_one_func("sidecar", sidecar.SECTION, data)
    assert str(error.value) == f"x.btf: .BTF.addresses{words_}"


ENDS = "expected an ULEB128 number and a type_id of 4 bytes, found the end of the section"


@pytest.mark.parametrize(("data", "expected"), [
    (b"\x05" + words(2), [(2, 0x1005)]), (b"\x85\x01" + words(2) + b"\x01" + words(2), [(2, 0x1085), (2, 0x1086)]),
    (b"", []), (b"\xff\xff\xff\xff\x0f" + words(2), [(2, 0x100000FFF)]),
    (b"\x05" + words(2)[:3], f"+0x0: {ENDS}"), (b"\x05" + words(2) + b"\x80", f"+0x5: {ENDS}"),
    (b"\x80" * 4, f"+0x0: {ENDS}"), (b"\xff" * 30, "+0x0: expected an offset of 32 bits, found 0x7ffffffffff"),
    (b"\xff\xff\xff\xff\x1f" + words(2), "+0x0: expected an offset of 32 bits, found 0x1ffffffff"),
    (b"\xff\xff\xff\xff\x0f" + words(2) + b"\x01" + words(2), "+0x9: expected an offset of 32 bits, found 0x100000000"),
    (b"\x05" + words(2) + b"\x85\x01" + words(1), "+0x7: expected the type_id of a FUNC, found 1"),
])
def test_sidecar_uleb__is_distances_and_ids_or_says_where_it_is_not(data, expected):
    if isinstance(expected, list):
        assert of_one_func("sidecar_uleb", sidecar.SECTION, data) == expected
        return
    with pytest.raises(BtfFormatError) as error:
        of_one_func("sidecar_uleb", sidecar.SECTION, data)
    assert str(error.value).startswith(f"x.btf: .BTF.addresses{expected}")


def locsec(name, *entries):
    s = Blob()
    types = rows([0, info_word(Kind.FUNC_PROTO), 0], [s("f"), info_word(Kind.FUNC), 1],
                 [s(name), info_word(Kind.LOCSEC, len(entries)), 0, *sum(entries, ())])
    layout = encodings.encoding("locsec").layout
    file = btf.parse(btf.encode(types, StringTable(s.array()), layout=layout), "x.btf", layout=layout)
    found = read("locsec", file, {}, IMAGE)
    return list(zip(found.func_id.tolist(), found.address.tolist(), strict=True))


def test_locsec__tells_functions_and_no_inline_sites():
    assert locsec(".text", (2, 0, 8), (2, 0, 16), (2, 1, 24)) == [(2, 0x1008), (2, 0x1010)]


@pytest.mark.parametrize(("made_of", "words_"), [
    ((".data", (2, 0, 8)), "+0x30: expected the name of a section with code, found b'.data'"),
    ((".text", (2, 0, 8), (1, 0, 8)), "+0x48: expected the type_id of a FUNC, found 1"),
    ((".text", (77, 0, 8)), "+0x3c: expected the type_id of a FUNC, found 77"),
])
def test_locsec__that_is_malformed_says_where(made_of, words_):
    with pytest.raises(BtfFormatError) as error:
        locsec(*made_of)
    assert str(error.value) == f"x.btf: .BTF{words_}"


def test_decl_tag_offset__of_more_than_32_bits_is_someone_elses():
    s = Blob()
    types = rows([0, info_word(Kind.FUNC_PROTO), 0], [s("f"), info_word(Kind.FUNC), 1],
                 *([s(f"offset=0x{at:x}"), info_word(Kind.DECL_TAG), 2, 0xFFFFFFFF]
                   for at in (0, 0xFFFFFFFF, 1 << 32, (1 << 64) - 1)))
    file = btf.parse(btf.encode(types, StringTable(s.array())))
    assert read("decl_tag_offset", file, {}, IMAGE).address.tolist() == [0x1000, 0x100000FFF]


def linkages(file, name):
    return sorted(int(file.types.row(i)[1]) & 0xFFFFFF for i in file.types.func_ids().tolist() if file.name(i) == name)


def test_func_per_address__two_prototypes_at_one_address_are_no_ordinals(tmp_path):
    """f has two addresses, of which `sound` leaves one out, and two prototypes at the other: FUNCs as many as symbols.
    """
    prepared = prepare(tmp_path, Function("f", [Param("a", "long", 5)], unit=0, address=TEXT),
                       Function("f", [Param("a", "int", 5)], unit=1, address=TEXT),
                       Function("f", [Param("a", "long", 0)], unit=2, address=TEXT + 0x40),
                       Function("g", [Param("a", "long", 5)], unit=3, address=TEXT + 0x60),
                       Function("g", [Param("a", "int", 5)], unit=4, address=TEXT + 0x80))
    encoded = run.encode(prepared, "sound", encodings.names())
    result = results.save(tmp_path / "out", prepared, encoded)["sound"]
    assert result.of.image.symbols() == {"f": [TEXT, TEXT + 0x40], "g": [TEXT + 0x60, TEXT + 0x80]}
    file = result.btf("func_per_address")
    assert linkages(file, b"f") == [1, 1] and linkages(file, b"g") == [0, 0]
    assert given(result, "func_per_address") == [(b"g", TEXT + 0x60), (b"g", TEXT + 0x80)]
    checks = measure.check_invariants(result, measure.measurements(result, False))
    assert checks.holds.all(), checks[~checks.holds].to_string()


def test_func_per_address__counts_symbols_of_exactly_the_name(tmp_path):
    """f has two symbols, of which `sound` leaves one out, and a clone: FUNCs as many as symbols, but not of these."""
    param = [Param("a", "long", 5)]
    prepared = prepare(tmp_path, Function("f", param, unit=0, address=TEXT),
                       Function("f", [Param("a", "long", 0)], unit=1, address=TEXT + 0x20),
                       Function("f", param, unit=2, address=TEXT + 0x40, symbols=["f.isra.0"]),
                       Function("g", param, unit=3, address=TEXT + 0x60, symbols=["g.isra.0"]),
                       Function("h", param, unit=4, address=TEXT + 0x80))
    result = results.save(tmp_path / "out", prepared, run.encode(prepared, "sound", encodings.names()))["sound"]
    assert result.of.image.symbols() == {"f": [TEXT, TEXT + 0x20], "h": [TEXT + 0x80]}
    file = result.btf("func_per_address")
    assert linkages(file, b"f") == [1, 1] and linkages(file, b"g") == [1] and linkages(file, b"h") == [0]
    assert given(result, "func_per_address") == [(b"h", TEXT + 0x80)]
    # an address where the name alone is not enough: one of two that kallsyms has, and two that it does not have
    assert given(result, "btf_func_needed") == [(b"f", TEXT), (b"f", TEXT + 0x40), (b"g", TEXT + 0x60)]
    assert given(result, "btf_func_ambiguous") == [(b"f", TEXT), (b"f", TEXT + 0x40)]
    checks = measure.check_invariants(result, measure.measurements(result, False))
    assert checks.holds.all(), checks[~checks.holds].to_string()


def given(result, encoding):
    file, told = result.btf(encoding), result.told(encoding)
    return sorted((file.name(i), a) for i, a in zip(told.func_id.tolist(), told.address.tolist(), strict=True))


@pytest.mark.parametrize(("address", "section", "proto", "linkage"), [
    ([0x1000, 0x2000], [1, 1], [1, 1], [0, 0]), ([0x1000, 0x2000], [1, 1], [1, 2], [0, 0]),
    ([0x1000, 0x1000], [1, 1], [1, 2], [1, 1]), ([0x1000, 0x1000], [1, 2], [1, 1], [0, 0]),
    ([0x1000, 0], [1, NOWHERE], [1, 1], [1, 1]), ([0, 0], [NOWHERE, NOWHERE], [1, 2], [1, 1]),
    ([0x1000], [1], [1], [0]),
])
def test_func_per_address__counts_only_where_each_place_has_one(address, section, proto, linkage):
    n = len(address)
    pairs, _ = make_pairs(np.ones(n, np.uint32), np.array(proto, np.uint32), np.array(address, np.uint64),
                          np.array(section, np.int32), lambda offsets: np.array([b"f"]), [])
    types = encodings.encoding("func_per_address").write(pairs, 3, 0).types
    assert types.vlen().tolist() == linkage


def test_func_per_address__of_linkage_global_is_not_counted():
    for kinds, found in (((0, 0), [(2, 0x1000), (3, 0x2000)]), ((1, 1), []), ((0, 1), [])):
        s = Blob()
        types = rows([0, info_word(Kind.FUNC_PROTO), 0], *([s("f"), info_word(Kind.FUNC, kind), 1] for kind in kinds))
        file = btf.parse(btf.encode(types, StringTable(s.array())))
        told = read("func_per_address", file, {}, IMAGE)
        assert list(zip(told.func_id.tolist(), told.address.tolist(), strict=True)) == found
