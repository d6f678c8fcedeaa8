"""Whether two lists of types are the same but for their order, by trying: slow, exact, for a handful of types."""

from __future__ import annotations

from collections import Counter


def colours(*files):
    """A colour of each type of each file, list of list of int: equal for types that are alike as far as they are
    unfolded, forwards and backwards, until that tells no more of them apart."""
    own = [[None, *(t.with_refs(lambda _: 0) for t in types)] for types in files]
    found = [[0] * len(rows) for rows in own]
    n_known = 0
    while True:
        views = []
        for rows, known, types in zip(own, found, files, strict=True):
            users = [Counter() for _ in rows]
            for i, t in enumerate(types, 1):
                for label, ref in enumerate(t.refs()):
                    users[ref][known[i], label] += 1
            refs = [(), *(tuple(known[ref] for ref in t.refs()) for t in types)]
            views.append([(known[i], rows[i], refs[i], frozenset(users[i].items())) for i in range(len(rows))])
        views = [[(0, None, (), frozenset()), *view[1:]] for view in views]
        number = {view: n for n, view in enumerate(dict.fromkeys(v for file in views for v in file))}
        found = [[number[v] for v in file] for file in views]
        if len(number) == n_known:
            return found
        n_known = len(number)


def renumbering(a, b):
    """By type_id of `a`, that of `b`, list of int, such that each row is the other's; None if there is none.

    a, b : list of wire.Type
    """
    colour_a, colour_b = colours(a, b)
    if Counter(colour_a) != Counter(colour_b):
        return None
    places = {}
    for j, colour in enumerate(colour_b):
        places.setdefault(colour, []).append(j)
    users = [[] for _ in range(len(a) + 1)]
    for i, t in enumerate(a, 1):
        for label, ref in enumerate(t.refs()):
            users[ref].append((i, label))
    order, left = [], sorted(range(1, len(a) + 1), key=lambda i: len(places[colour_a[i]]))
    for start in left:  # what is connected follows, so that a wrong choice is soon found to be one
        waiting = [start]
        while waiting:
            i = waiting.pop()
            if i and i not in order:
                order.append(i)
                waiting += [*a[i - 1].refs(), *(user for user, _ in users[i])]
    new_id, taken = [0] + [None] * len(a), {0}

    def fits(i, j):
        """Whether type i of `a` may be type j of `b`, as far as is known."""
        return (all(new_id[r] == s if new_id[r] is not None else s not in taken
                    for r, s in zip(a[i - 1].refs(), b[j - 1].refs(), strict=True))
                and all(b[new_id[u] - 1].refs()[label] == j for u, label in users[i] if new_id[u] is not None))

    def place(at):
        if at == len(order):
            return all(a[i - 1].with_refs(new_id.__getitem__) == b[new_id[i] - 1] for i in range(1, len(a) + 1))
        i = order[at]
        for j in places[colour_a[i]]:
            if j not in taken:
                new_id[i] = j
                taken.add(j)
                if fits(i, j) and place(at + 1):
                    return True
                new_id[i] = None
                taken.remove(j)
        return False

    return new_id if place(0) else None
