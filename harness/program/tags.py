"""Policy-independent DECL_TAGs: annotations of types and variables; and names of kfuncs' tags."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from harness.dwarf import walk_tables as wt
from harness.dwarf.walk import DeclTags
from harness.model import TypeTable, decl_tags


def type_tags(tags: DeclTags, var_ids: dict[int, int]) -> TypeTable | None:
    """DECL_TAG rows for annotations on types and variables, each once: a TypeTable, or None when there are none.

    Parameters
    ----------
    tags : harness.dwarf.walk.DeclTags
        With final type_ids.
    var_ids : dict of int to int
        VAR of each row of the walk's variables that became one.
    """
    found = set()
    for name_off, space, target_id, component_idx in zip(*(c.tolist() for c in tags), strict=True):
        if space == wt.T_TYPE:
            found.add((target_id, component_idx, name_off))
        elif space == wt.T_VAR and target_id in var_ids:
            found.add((var_ids[target_id], component_idx, name_off))
    if not found:
        return None
    target_id, component_idx, name_off = np.array(sorted(found), np.int64).T
    return decl_tags(name_off, target_id, component_idx)


def names_at(names: Iterable[bytes], at: int) -> tuple[np.ndarray, dict[bytes, int]]:
    """Names to append to a blob of strings, and where each is.

    Parameters
    ----------
    names : iterable of bytes
    at : int
        Length of the blob.

    Returns
    -------
    (uint8 (nbytes,), dict of bytes to int)
    """
    where, tail = {}, []
    for name in dict.fromkeys(names):
        where[name] = at
        tail.append(name + b"\0")
        at += len(name) + 1
    return np.frombuffer(b"".join(tail), np.uint8), where
