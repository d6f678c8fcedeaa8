"""Files that continue a base say the same of their functions as files that hold everything."""

import pandas as pd
import pytest

from harness import measure
from harness.measure.attach import reached, refusals, untraceable
from harness.measure.invariants import round_trip
from harness.measure.lookup import lookup
from harness.measure.wire import types_of_function
from harness.model import Kind
from harness.witnesses.shipped import shipped_names
from tests.measure.folders import any_instances, make
from tests.split import file_over, types_over

N_TYPES = 5
"""The types of tests.measure.folders up to the prototypes, so that all FUNCs and VARs come after the base."""

N_STRINGS = 6
"""Enough that names of FUNCs and of tags are in the base, as a module's may be."""


@pytest.fixture(params=["by hand", 0, 1, 2])
def both(tmp_path, request):
    """A result, and the same one whose files continue a base."""
    how = {} if request.param == "by hand" else {"instances": any_instances(request.param)}
    folder = make(tmp_path / "r", **how)
    whole, split = measure.load(folder), measure.load(folder)
    for name in whole.files:
        split._parsed[name] = file_over(whole.btf(name), N_TYPES, N_STRINGS)
        assert split.btf(name).types.first_id == N_TYPES + 1 and split.btf(name).strings.first_off > 1
    return whole, split


def test_addresses__are_those_of_the_same_funcs(both):
    whole, split = both
    for name in whole.encodings:
        for ours, theirs in zip(whole.addresses(name), split.addresses(name), strict=True):
            assert ours.tolist() == theirs.tolist()
    assert len(split.addresses("decl_tag").func_id) and len(split.addresses("btf_func").func_id)


def test_attach__is_the_same(both):
    whole, split = both
    for name in whole.files:
        pd.testing.assert_frame_equal(reached(whole, name), reached(split, name))
    pd.testing.assert_frame_equal(refusals([whole]), refusals([split]))


@pytest.mark.parametrize("n", range(8))
def test_untraceable__takes_prototypes_and_arguments_of_a_base(tmp_path, n):
    types = measure.load(make(tmp_path / "r")).btf("plain").types
    ids = range(types.next_id + 2)
    assert untraceable(types_over(types, n), ids).tolist() == untraceable(types, ids).tolist()


def test_lookup__is_the_same(both):
    whole, split = both
    for query in ("*", *sorted(set(whole.functions.name))):
        ours, theirs = lookup(whole, query), lookup(split, query)
        for table in ("instances", "rows", "symbols"):
            pd.testing.assert_frame_equal(getattr(ours, table), getattr(theirs, table))


def test_round_trip__holds(both):
    whole, split = both
    assert list(round_trip(whole)) == list(round_trip(split))
    assert all(holds for _, _, holds, _ in round_trip(split))


def test_shipped_names__are_the_same(both):
    whole, split = both
    pd.testing.assert_frame_equal(shipped_names(whole), shipped_names(split))


def test_types_of_function__are_the_same(both):
    whole, split = both
    for encoding in whole.encodings:
        file = whole.btf(encoding)
        for type_id in file.types.ids_of(Kind.FUNC).tolist():
            name = file.name(type_id).decode("utf-8", "surrogateescape")
            assert types_of_function(file, name) == types_of_function(split.btf(encoding), name)


def test_texts__of_a_base_are_among_those_of_the_file(both):
    whole, split = both
    for name in whole.files:
        texts, blob = whole.texts(name), whole.btf(name).strings.blob
        assert dict(texts) == dict(split.texts(name))
        assert [split.texts(name)[off] for off in (1, 2)] == [texts[1], texts[2]] and len(blob) > 2
