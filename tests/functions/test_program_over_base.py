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


@pytest.fixture(scope="module", params=RULES)
def whole(request, prepared):
    """(a version's rules, the program as one that was read with them, by policy what it is encoded as)

    Its types have the same forms under all rules.
    """
    program = dataclasses.replace(prepared, forms=RULES[request.param].forms)
    return RULES[request.param], program, {policy: encoded(program, policy, request.param) for policy in POLICIES}


def encoded(program, policy, version):
    return run.encode(program, policy, ["plain", "decl_tag", "btf_func"], version)


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
def test_program__over_a_base_has_the_same_faults_and_prototypes(whole, part):
    rules, program, by_policy = whole
    split = over_a_base(program, int(part * program.types.n_types))
    assert (faults_of(split, rules).flags == faults_of(program, rules).flags).all()
    ours, theirs = (used(prototypes_of(p, rules)) for p in (split, program))
    assert all(np.array_equal(mine, other) for mine, other in zip(ours, theirs, strict=True))
    for policy, theirs in by_policy.items():
        mine = encoded(split, policy, rules.version)
        assert (mine.selection.reason == theirs.selection.reason).all()
        for ids, others in ((mine.proto_id, theirs.proto_id), (mine.func_id, theirs.func_id)):
            # 1.24 puts functions among the types of their units, but not into a base
            assert renumbered(ids, others) if rules.forms.by_unit else (ids == others).all()
