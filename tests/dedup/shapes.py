"""Types compared by what they say rather than by id: colour refinement over one or several type graphs."""

from __future__ import annotations

from collections import Counter

from harness.model import Kind


def local(t):
    """All of a type but what it refers to."""
    return t.with_refs(lambda _: 0)


def colours(*graphs, content=local, follow=lambda graph, type_id: type_id):
    """Colour of each type of each graph; two types have one colour exactly if no finite walk tells them apart.

    Parameters
    ----------
    graphs : list of wire.Type each
    content : callable
        What of a type counts as its own, apart from references.
    follow : callable
        (graph index, type_id) → type_id that a reference stands for.

    Returns
    -------
    list of list of int
        Colour by type_id - 1. Colours are comparable between the graphs of one call only.
    """
    names = {}
    colour = [[0] + [names.setdefault(content(t), len(names) + 1) for t in graph] for graph in graphs]
    n_colours = len(names)
    while True:
        names, refined = {}, []
        for n, graph in enumerate(graphs):
            row = [0]
            for i, t in enumerate(graph):
                refs = tuple(colour[n][follow(n, r)] for r in t.refs())
                row.append(names.setdefault((colour[n][i + 1], refs), len(names) + 1))
            refined.append(row)
        colour = refined
        if len(names) == n_colours:
            return [row[1:] for row in colour]
        n_colours = len(names)


def by_kind(types):
    """Counter of kinds."""
    return Counter(t.kind.name for t in types)


def differences(left, right):
    """Types of either graph that the other lacks, as (kind, name, surplus on the left); empty when shapes agree."""
    left_colours, right_colours = colours(left, right)
    surplus = Counter(left_colours)
    surplus.subtract(right_colours)
    label = dict(zip(left_colours + right_colours, [(t.kind.name, t.name) for t in left + right], strict=True))
    return sorted((*label[c], n) for c, n in surplus.items() if n)


def coarsest(types):
    """Colour of each input type in the coarsest merge that one definition per name allows.

    The answer dedup should reach when no name has two definitions: a forward declaration counts as its definition,
    whichever unit that is in, and types merge unless something reachable tells them apart. VARs never merge.
    """
    tags, enums = {}, {}
    for i, t in enumerate(types, 1):
        if t.kind in (Kind.STRUCT, Kind.UNION) and t.name:
            tags.setdefault((t.kind, t.name), i)
    for i, t in sorted(enumerate(types, 1), key=lambda pair: not pair[1].body):
        if t.kind in (Kind.ENUM, Kind.ENUM64):  # where nobody defines it, a forward of either kind stands for all
            enums.setdefault(t.name, i)

    def definition(type_id):
        if not type_id:
            return 0
        t = types[type_id - 1]
        if t.kind == Kind.FWD:
            return tags.get((Kind.UNION if t.kind_flag else Kind.STRUCT, t.name), type_id)
        if t.kind in (Kind.ENUM, Kind.ENUM64) and not t.body:
            return enums[t.name]
        return type_id

    found = colours(types, follow=lambda _, type_id: definition(type_id))[0]
    return [-i if t.kind == Kind.VAR else found[definition(i) - 1] for i, t in enumerate(types, 1)]
