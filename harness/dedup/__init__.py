"""Dedup of types: which rows of a TypeTable are the same, with the semantics of libbpf's btf__dedup.

====================================  ==============================================================================
``dedup_types(types, strings)``       Dedup: the canonical rows, and what each row became
``freeze(types, strings)``            FrozenBase: what ``dedup_types(..., base=...)`` merges with and leaves alone
``with_final_ids(walk, id_map)``      a walk's functions, variables and tags with the ids of the canonical rows
====================================  ==============================================================================
"""

from harness.dedup.final import with_final_ids
from harness.dedup.types import Dedup, FrozenBase, dedup_types, freeze

__all__ = ["Dedup", "FrozenBase", "dedup_types", "freeze", "with_final_ids"]
