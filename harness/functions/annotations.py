"""Annotations of function instances: their btf_decl_tags, and those that mark kfuncs."""

from __future__ import annotations

import numpy as np

from harness.dwarf import walk_tables as wt

TAG_SEPARATOR = "|"
"""Between the annotations of an instance in one text."""


def tags_of(program, kept, dies, strings, kfuncs):
    """Annotations of some instances: list of (index in `kept`, name_off, component_idx).

    Parameters
    ----------
    program : harness.program.Program
    kept : int64 (n,)
        Rows of program.instances.
    dies : int64 (n,)
        The DIE that describes each, a row of program.dies.
    strings : harness.model.strings.Strings
        Those of the program.
    kfuncs : collection of bytes
        Names of those of program.kfunc_tags that get their tags, such as bpf_kfunc.
    """
    table = program.instances
    by_die = {}
    for name_off, space, target_id, component_idx in zip(*(c.tolist() for c in program.tags), strict=True):
        if space == wt.T_FUNC:
            by_die.setdefault(target_id, []).append((name_off, component_idx))
    tags = [(i, name_off, component_idx) for i, die in enumerate(dies.tolist())
            for name_off, component_idx in by_die.get(die, ())] if by_die else []
    if kfuncs:
        names = strings.array(table.name_off[kept])
        for i in np.flatnonzero(np.isin(names, np.array(sorted(kfuncs)))).tolist():
            tags += [(i, name_off, -1) for name_off in program.kfunc_tags[names[i]]]
    return tags


def tag_texts(program, n, tags):
    """Annotations of n functions as one text for each, object (n,): name, or name@component, each once, sorted.

    Parameters
    ----------
    program : harness.program.Program
    n : int
    tags : list of (int, int, int)
        Function, name_off, component_idx, as from `tags_of`.
    """
    of = {}
    for i, name_off, component_idx in tags:
        text = program.strings.get(name_off).decode("utf-8", "surrogateescape")
        text = text.replace("%", "%25").replace(TAG_SEPARATOR, "%7C")
        of.setdefault(i, set()).add(text if component_idx < 0 else f"{text}@{component_idx}")
    out = np.full(n, "", object)
    for row, texts in of.items():
        out[row] = TAG_SEPARATOR.join(sorted(texts))
    return out
