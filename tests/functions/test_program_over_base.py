"""A program whose types continue a base, as a module's do the kernel's: the same faults, prototypes and selection."""

import dataclasses

import numpy as np
import pytest

from harness import run
from harness.functions import POLICIES, RULES, faults_of
from harness.functions.prototypes import prototypes_of
from tests.fixtures.build import KEPT, program
from tests.split import types_over


@pytest.fixture(scope="module", params=["several_units", "clones", KEPT[0].name])
def prepared(request):
    path = next((kept.path for kept in KEPT if kept.name == request.param), None) or program(request.param).path
    return run.prepare(path, threads=1)


def followed(prepared, version):
    """The program as one that was read with a version's rules: its types have the same forms under all."""
    return dataclasses.replace(prepared, forms=RULES[version].forms)


def over_a_base(prepared, n):
    """The same program, the first n types of which are in a base."""
    return dataclasses.replace(prepared, types=types_over(prepared.types, n), common=types_over(prepared.common, n),
                               places=prepared.places[n:],
                               met=type(prepared.met)(*(column[n:] for column in prepared.met)), _made={})


def used(prototypes):
    """The Prototypes without the words that stay free where parameters are dropped."""
    return prototypes._replace(words=prototypes.words[: prototypes.start[-1]])


def renumbered(ids, others):
    """Whether there is a renumbering that turns some ids into others."""
    both = set(zip(ids.tolist(), others.tolist(), strict=True))
    return len(set(ids.tolist())) == len(set(others.tolist())) == len(both)


@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("version", RULES)
def test_program__over_a_base_has_the_same_faults_and_prototypes(prepared, part, version):
    prepared = followed(prepared, version)
    split = over_a_base(prepared, int(part * prepared.types.n_types))
    rules = RULES[version]
    assert (faults_of(split, rules).flags == faults_of(prepared, rules).flags).all()
    ours, theirs = (used(prototypes_of(p, rules)) for p in (split, prepared))
    assert all(np.array_equal(mine, other) for mine, other in zip(ours, theirs, strict=True))
    for policy in POLICIES:
        mine, whole = (run.encode(p, policy, ["plain", "decl_tag", "btf_func"], version) for p in (split, prepared))
        assert (mine.selection.reason == whole.selection.reason).all()
        for ids, others in ((mine.proto_id, whole.proto_id), (mine.func_id, whole.func_id)):
            # 1.24 puts functions among the types of their units, but not into a base
            assert renumbered(ids, others) if rules.forms.by_unit else (ids == others).all()
