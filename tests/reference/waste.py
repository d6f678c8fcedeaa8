"""What a file could do without, by plain Python over a list of types: for a handful, and in seconds for a kernel."""

from __future__ import annotations

from collections import Counter

from tests.reference import wire


def classes(types):
    """The coarsest partition in which types of a class have the same row and refer to the same classes, by refining it
    until nothing changes: by type_id the first type_id of the class, list of int."""
    own = ["void", *(t.with_refs(lambda _: 0) for t in types)]
    refs = [(), *(tuple(t.refs()) for t in types)]
    known, n_known = [0] * len(own), 0
    while True:
        first = {}
        known = [first.setdefault((own[i], tuple(known[r] for r in refs[i])), i) for i in range(len(own))]
        if len(first) == n_known:
            return known
        n_known = len(first)


def duplicates(types):
    """How many types are alike with one of a smaller type_id, by kind, dict of str to int."""
    return dict(Counter(types[i - 1].kind.name for i, first in enumerate(classes(types)) if first != i))


def unread(raw):
    """The strings that are no name of any type, member, enumerator or parameter, list of bytes; of a file that writes
    each of its strings once."""
    names = {""}
    for t in wire.unpack(raw):
        entries, layout = t.entries()
        names |= {t.name, *(entry[0] for entry in entries if layout[:1] == "N")}
    return [text for text in wire.scan(raw)[2].split(b"\0")[:-1] if text.decode() not in names]
