"""What a file could do without: against twins that compare everything with everything, and cases by hand."""

import random
import struct

import btf_trees as trees
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import btf
from harness.btf import same
from harness.errors import BtfFormatError
from tests.dedup import graphs
from tests.reference import waste as twin
from tests.reference import wire
from tests.rounds import rounds
from tests.split import file_over

INT = wire.int_("int", encoding=1)
LIST = [wire.struct_("list_head", ("next", 2), ("prev", 2)), wire.ptr(1)]


def waste_of(types):
    """The Waste of types."""
    return btf.waste(btf.parse(wire.pack(types)))


def with_strings(raw, more):
    """The same file with more bytes after its strings."""
    head = list(struct.unpack_from("<HBBIIIII", raw))
    head[-1] += len(more)
    return struct.pack("<HBBIIIII", *head) + raw[24:] + more


@settings(max_examples=rounds(200), deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs.programs(duplicates=True))
def test_content__has_the_classes_of_the_twin(program):
    file = btf.parse(program.raw())
    first = twin.classes(program.types)
    found = same.content(file).class_of
    assert [int(np.flatnonzero(found == c)[0]) for c in found] == first
    again = [i for i, earlier in enumerate(first) if earlier != i]
    waste = btf.waste(file)
    assert waste.duplicate.count == len(again)
    for kind, amount in waste.duplicates.items():
        mine = [i for i in again if program.types[i - 1].kind.name == kind]
        assert amount == (len(mine), sum(4 * len(file.types.row(i)) for i in mine))
    assert {kind: amount.count for kind, amount in waste.duplicates.items()} == twin.duplicates(program.types)
    assert twin.unread(program.raw()) == [] and waste.unreferenced == (0, 0)


@settings(max_examples=rounds(100), deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs.programs(duplicates=True), st.integers(0, 2**32))
def test_waste__over_a_base_is_that_of_the_rest_of_the_file(program, seed):
    whole = btf.parse(program.raw())
    n = random.Random(seed).choice([0, *program.stops])  # units refer to none but their own types
    file = file_over(whole, n, whole.strings.blob.tobytes().count(b"\0") - 1)
    base = whole._replace(types=file.types.base, strings=file.strings.base)
    first = twin.classes(program.types)
    found = btf.waste(file, base)
    assert found.duplicate.count == sum(first[i] != i for i in range(n + 1, len(first)))
    assert found[:3] == ((0, 0),) * 3


@pytest.mark.parametrize("n", [1, 2, 5])
def test_waste__circles_that_are_alike_are_duplicates_as_a_whole(n):
    types = []
    for _ in range(n):
        at = len(types)
        types += [t.with_refs(lambda r, at=at: r + at) for t in LIST]
    more = n - 1
    assert waste_of(types).duplicates == ({"PTR": (more, 12 * more), "STRUCT": (more, 36 * more)} if more else {})
    odd = wire.struct_("list_head", ("next", len(types) + 2), ("other", len(types) + 2))
    assert waste_of([*types, odd, wire.ptr(len(types) + 1)]).duplicate.count == 2 * more
    # one that leads into a circle of its kind is alike, too
    assert waste_of([*types, wire.ptr(1)]).duplicates["PTR"].count == n


def test_waste__types_are_duplicates_whatever_tags_and_names_of_variables_say():
    types = [INT, wire.struct_("s", ("a", 1)), wire.struct_("s", ("a", 1)), wire.decl_tag("user", 3),
             wire.struct_("t", ("a", 2)), wire.struct_("t", ("a", 3)), wire.struct_("t", ("a", 2), ("b", 3))]
    assert waste_of(types).duplicates == {"STRUCT": (2, 2 * 24)}
    protos = [INT, wire.func_proto(1, ("a", 1)), wire.func_proto(1, ("b", 1)), wire.func("f", 2), wire.func("f", 3)]
    assert waste_of(protos).duplicates == {}


def test_waste__addresses_tell_funcs_apart():
    file = trees.parse(trees.wire(trees.with_addresses()))
    assert "FUNC" not in btf.waste(file).duplicates
    rows = trees.with_addresses()
    assert btf.waste(trees.parse(trees.wire([*rows, rows[-1]]))).duplicates == {"FUNC": (1, 20)}


@pytest.mark.parametrize("order", ("little", "big"))
def test_waste__of_every_kind_there_is_none(order):
    waste = btf.waste(trees.parse(trees.wire(trees.with_addresses(), order)))
    assert waste[1:] == ((0, 0), (0, 0), {})
    assert waste.strings.nbytes == len(trees.parse(trees.wire(trees.with_addresses())).strings.blob)


def test_waste__strings_that_no_name_reads():
    raw = wire.pack([INT, wire.struct_("s", ("a", 1))])
    assert btf.waste(btf.parse(raw))[:2] == ((4, len(b"\0int\0s\0a\0")), (0, 0))
    found = btf.waste(btf.parse(with_strings(raw, b"more\0\0a\0int\0")))
    assert found.strings == (8, 9 + 12) and found.unreferenced == (4, 12) and found.repeated == (0, 0)
    empty = btf.waste(btf.parse(wire.pack([INT])))  # the first, empty string is one that every file has
    assert empty.unreferenced == (0, 0)
    assert btf.waste(btf.parse(wire.pack([]))) == ((1, 1), (0, 0), (0, 0), {})


def test_waste__a_string_is_read_from_its_middle_on():
    """name_off of the second FWD is within the name of the first."""
    section = struct.pack("<6I", 1, 7 << 24, 0, 3, 7 << 24, 0)
    strings = b"\0task\0other\0"
    raw = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 24, 24, len(strings)) + section + strings
    assert btf.waste(btf.parse(raw)) == ((3, 12), (1, 6), (0, 0), {})


def test_waste__strings_that_are_read_and_repeated():
    types, strings = trees.tables(trees.every_kind())  # each mention of a name anew, after litter
    found = btf.waste(trees.parse(trees.encode(types, strings)))
    assert found.repeated == (0, 0)  # the writer writes each once
    file = trees.parse(trees.encode(types, strings))._replace(types=types, strings=strings)
    found = btf.waste(file)
    texts = strings.blob.tobytes().split(b"\0")[:-1]
    mentions = [w for row in trees.every_kind() for w in (row.name, *row.body) if isinstance(w, str)]
    assert found.strings == (len(texts), len(strings.blob)) and found.unreferenced == (2, len(b"litter\0\0"))
    again = [name for i, name in enumerate(mentions) if name in [*mentions[:i], ""]]
    assert found.repeated == (len(again), sum(len(name) + 1 for name in again))


def test_waste__of_a_module_counts_what_its_kernel_has():
    base = wire.pack([INT, wire.ptr(1), wire.struct_("task", ("state", 1))])
    kernel = btf.parse(base)
    module = [wire.ptr(1), wire.ptr(3), wire.struct_("mine", ("state", 1), ("task", 5)), wire.int_("int", encoding=1)]
    raw = wire.pack(module, base=base)
    found = btf.waste(btf.parse(raw, base=kernel), kernel)
    assert found == ((1, 5), (0, 0), (0, 0), {"INT": (1, 16), "PTR": (1, 12)})
    more = btf.waste(btf.parse(with_strings(raw, b"\0state\0"), base=kernel), kernel)
    assert more.unreferenced == (2, 7)
    # a name that the kernel has, too
    section = struct.pack("<3I", len(b"\0int\0task\0state\0"), 7 << 24, 0)
    twice = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 12, 12, 5) + section + b"task\0"
    assert btf.waste(btf.parse(twice, base=kernel), kernel) == ((1, 5), (0, 0), (1, 5), {})
    for wrong in (None, btf.parse(base)):
        with pytest.raises(ValueError, match="the base that it continues"):
            btf.waste(btf.parse(raw, base=kernel), wrong)


def test_waste__what_is_out_of_range_is_an_error_with_its_file():
    data = bytearray(wire.pack([wire.typedef("t", 2), wire.const(0), wire.ptr(1)]))
    struct.pack_into("<I", data, 24 + 8, 7)
    base = btf.parse(bytes(data), "vmlinux")
    with pytest.raises(BtfFormatError, match="vmlinux: .*expected a type_id of at most 3, found 7"):
        btf.waste(base)
    module = btf.parse(wire.pack([wire.ptr(1)], base=bytes(data)), "module.ko", base=base)
    with pytest.raises(BtfFormatError, match="vmlinux: .*expected a type_id of at most 3, found 7"):
        btf.waste(module, base)
    good = btf.parse(wire.pack([INT]), "x.o")
    assert btf.waste(good, also_named=np.array([1, 0])).unreferenced == (0, 0)
    for wrong in (5, -1):
        with pytest.raises(BtfFormatError, match="expected a name in .BTF.ext below 5, found"):
            btf.waste(good, also_named=np.array([wrong]))
