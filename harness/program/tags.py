"""Policy-independent DECL_TAGs: annotations of types and variables, and the names of kfuncs' tags."""

from __future__ import annotations

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


def kfunc_tag_names(tagged: dict[bytes, tuple[bytes, ...]],
                    at: int) -> tuple[np.ndarray, dict[bytes, list[int]]]:
    """Strings to append to a blob, and for each kfunc the offsets of its tags' names.

    Parameters
    ----------
    tagged : dict of bytes to tuple of bytes
        Names of the tags of each kfunc.
    at : int
        Length of the blob.

    Returns
    -------
    (uint8 (nbytes,), dict of bytes to list of int)
    """
    where, tail = {}, b""
    for name in dict.fromkeys(name for names in tagged.values() for name in names):
        where[name] = at + len(tail)
        tail += name + b"\0"
    return np.frombuffer(tail, np.uint8), {func: [where[n] for n in names] for func, names in tagged.items()}
