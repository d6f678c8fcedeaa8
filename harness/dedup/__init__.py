"""Dedup of types: which rows of a TypeTable say the same, with the semantics of libbpf's btf__dedup."""

from harness.dedup.final import with_final_ids
from harness.dedup.types import Dedup, dedup_types

__all__ = ["Dedup", "dedup_types", "with_final_ids"]
