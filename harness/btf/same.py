"""Whether two files are the same BTF: whether a renumbering of type_ids and string offsets turns one into the other.

It is decided exactly. If some type of one file, unfolded, is not in the other as many times, the files differ. If none
is, a renumbering is built and each row compared under it. Only where types occur several times and are told apart by
nothing but their place among others might neither be found; then that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, IntEnum
from typing import NamedTuple

import numpy as np

from harness.btf import same_kernels as kernels
from harness.btf.account import gaps
from harness.btf.kind_sizes import describe
from harness.btf.reader import BtfFile, parse
from harness.errors import BtfFormatError
from harness.model import STANDARD, Kind, Layout, changes
from harness.model.layout import N_KINDS

ROUNDS = 64
"""How deep to look for what tells types apart, where they differ in nothing that a declaration shows."""


class Verdict(Enum):
    """What a comparison came to; UNDECIDED: the types are alike, but no renumbering was found."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


class Cause(IntEnum):
    """Why a type is only in one file: its own declaration is; it has no name and belongs to such a one; or it refers to
    types that are only in one file."""

    ITSELF = 0
    PART = 1
    REFERENCE = 2


class Only(NamedTuple):
    """The types that only one of two files has, or has more often.

    Attributes
    ----------
    type_id : int64 (n,)
        Ascending. Of equal types the last ones.
    cause : int8 (n,)
        A Cause each.
    """

    type_id: np.ndarray
    cause: np.ndarray


class Same(NamedTuple):
    """A comparison of two files.

    Attributes
    ----------
    a, b : BtfFile
    verdict : Verdict
    same_bytes : bool or None
        Whether the files are equal byte for byte; None if that is not known.
    new_id : int64 (next_id,) or None
        Where the files are the same: by type_id in A, that in B.
    only_a, only_b : Only
        Both are empty unless the files differ. Where they are even then, types that occur several times are referred to
        in another way.
    header : list of str
        How headers and layout sections differ, which makes no difference to types.
    changes : list of str
        Of files that are the same, how types and strings are arranged in another way.
    """

    a: BtfFile
    b: BtfFile
    verdict: Verdict
    same_bytes: bool | None
    new_id: np.ndarray | None
    only_a: Only
    only_b: Only
    header: list[str]
    changes: list[str]

    @property
    def is_same(self) -> bool:
        """Whether the files are known to be the same BTF."""
        return self.verdict is Verdict.SAME

    def kinds(self) -> dict[str, tuple[int, int, int, int]]:
        """By kind, in wire order, as far as there are any: types in A, in B, only in A, only in B."""
        counts = [np.bincount(f.types.kind(), minlength=N_KINDS) for f in (self.a, self.b)]
        counts += [np.bincount(f.types.kind()[only.type_id - f.types.first_id], minlength=N_KINDS)
                   for f, only in ((self.a, self.only_a), (self.b, self.only_b))]
        table = np.array(counts).T
        return {kind.name: tuple(table[kind].tolist()) for kind in Kind if table[kind].any()}


def compare(a: BtfFile | bytes, b: BtfFile | bytes, *, base: BtfFile | None = None,
            layout: Layout | Sequence[Layout] = STANDARD, same_bytes: bool | None = None) -> Same:
    """Compare two files.

    Two types are alike if all that their rows say is, trailing fields included, and the types that they refer to are
    alike, cycles and all. Offsets of strings and type_ids do not matter, nor does the order of types, the byte order,
    the length of the header, a layout section, strings that nothing refers to, or gaps.

    Parameters
    ----------
    a, b : BtfFile, or bytes to be parsed
        Any rows that `parse` takes, whether or not they pass `check`.
    base : BtfFile, optional
        What both continue. Its type_ids keep their meaning, so it is not compared.
    layout : Layout or sequence of Layout
        For bytes, as in `parse`.
    same_bytes : bool, optional
        Whether the files are equal byte for byte, if they are not given as bytes.

    Returns
    -------
    Same

    Raises
    ------
    BtfFormatError
        A file is malformed, a name_off or type_id is out of range, or many names are tails of one long string.

    Notes
    -----
    Time grows with type_ids times the logarithm of types. Two files of 5 MB take 0.3 s.

    Source
    ------
    Documentation/bpf/btf.rst 2 (BTF Type and String Encoding), v6.12; see `same_kernels` for the algorithm.
    """
    if not isinstance(a, BtfFile) and not isinstance(b, BtfFile):
        same_bytes = bytes(a) == bytes(b)
    a, b = (f if isinstance(f, BtfFile) else parse(f, name, layout=layout, base=base)
            for f, name in ((a, "A"), (b, "B")))
    graph = _Graph.of_two(a, b)
    part = graph.partition(graph.own, graph.n_own)
    graph.refine(part, False)
    only_a = only_b = Only(np.zeros(0, np.int64), np.zeros(0, np.int8))
    new_id = None
    surplus = graph.surplus(part.class_of)
    if surplus.any():
        verdict = Verdict.DIFFERENT
        only_a, only_b = _only(graph, part.class_of, surplus)
    else:
        n_classes = int(part.used[kernels.N_CLASSES])
        if n_classes != graph.first_b:  # some types occur several times: what refers to them tells them apart
            part = graph.partition(part.class_of, n_classes)
            graph.refine(part, True)
        if graph.surplus(part.class_of).any():
            verdict = Verdict.DIFFERENT
        else:
            new_id = graph.renumbering(part)
            verdict = Verdict.UNDECIDED if new_id is None else Verdict.SAME
    return Same(a, b, verdict, same_bytes, new_id, only_a, only_b, _header(a, b),
                _changes(a, b, new_id) if new_id is not None and not same_bytes else [])


class Content(NamedTuple):
    """Which types and strings of one file are alike.

    Attributes
    ----------
    class_of : int64 (next_id,)
        By type_id, those of a base too: equal for types that are alike.
    string : int32 (next_off,)
        By offset of a string, those of a base too: equal for names of one text, from 1 on; 0 where no name begins.
    """

    class_of: np.ndarray
    string: np.ndarray


def content(btf: BtfFile, base: BtfFile | None = None) -> Content:
    """The Content of a file: which of its types are alike, in the sense of `compare`, cycles and all.

    Parameters
    ----------
    btf : BtfFile
    base : BtfFile, optional
        What it continues. Its types are compared, too.

    Raises
    ------
    BtfFormatError
        As from `compare`, in either file.
    """
    graph = _Graph.of_one(btf, base)
    part = graph.partition(graph.own, graph.n_own)
    graph.refine(part, False)
    return Content(part.class_of, graph.string)


def stands_alone(btf: BtfFile) -> bool:
    """Whether a file that was read over a base needs none: its strings begin with the empty one, and all names and
    type_ids are in range without the base.

    No file that continues another is like that but by a rare chance; a whole file would be misread over a base, whose
    types its type_ids would mean.
    """
    if btf.types.base is None:
        return True
    if not len(btf.strings.blob) or btf.strings.blob[0] != 0:
        return False
    try:
        _Graph.of_one(btf._replace(types=btf.types._replace(base=None), strings=btf.strings._replace(base=None)), None)
    except BtfFormatError:
        return False
    return True


class _Graph:
    """Files as one graph; see `same_kernels`.

    Attributes
    ----------
    n_nodes, first_a, first_b : int
        How many nodes there are, and the first of each of two files.
    rows : kernels.Rows
    string : int32 (nbytes,)
        By index in the text of all files: number of the name that begins there, or 0.
    own : int64 (nodes,)
        Class of each node by the words of its row.
    n_own : int
    named : bool (nodes,)
        Whether a declaration says the type's name instead of what it is.
    """

    @classmethod
    def of_two(cls, a, b):
        """The graph of two files over one base, whose types are nodes without rows."""
        base, base_strings = a.types.base, a.strings.base
        if base is not b.types.base or base_strings is not b.strings.base:
            raise ValueError("expected files over one base")
        texts = [] if base is None else [base_strings.flattened().blob]
        shifts = (0, 0), (a.types.n_types, len(a.strings.blob))
        return cls((a, b), np.concatenate([*texts, a.strings.blob, b.strings.blob]), shifts, a.types.first_id)

    @classmethod
    def of_one(cls, btf, base):
        """The graph of a file and its base: nodes are type_ids, and the text is that of both."""
        files = (btf,) if base is None else (base, btf)
        for file, below in zip(files, (None, *files), strict=False):
            tables = (None, None) if below is None else (below.types, below.strings)
            if file.types.base is not tables[0] or file.strings.base is not tables[1]:
                raise ValueError("expected a file and the base that it continues, which continues none")
        return cls(files, np.concatenate([f.strings.blob for f in files]), ((0, 0),) * len(files), 1)

    def __init__(self, files, text, shifts, first):
        bounds = np.cumsum([first, *(f.types.n_types for f in files)]).tolist()
        self.first_a, self.first_b, self.n_nodes = bounds[0], bounds[1], bounds[-1]
        tables = [(f, kernels.Table(np.ascontiguousarray(f.types.words), f.types.start, f.types.first_id,
                                    f.types.next_id, shift, f.strings.first_off, f.strings.next_off, text_shift))
                  for f, (shift, text_shift) in zip(files, shifts, strict=True)]
        counts = np.array([kernels.count_row_parts(f.types.words, f.types.start) for f in files])
        n_names, n_refs = counts.sum(axis=0).tolist()
        n_strings = min(n_names, len(text))
        strings = kernels.Strings(text, np.zeros(len(text), np.int32), np.zeros(_slots(n_strings), np.int32),
                                  np.empty(n_strings + 1, np.int64), np.empty(n_strings + 1, np.int64),
                                  np.zeros(2, np.int64))
        n_words = sum(len(f.types.words) for f in files)
        self.rows = rows = kernels.Rows(
            np.empty(n_words, np.uint32), np.zeros(self.n_nodes + 1, np.int64), np.zeros(self.n_nodes + 1, np.int64),
            np.empty(n_refs, np.int64), np.zeros(self.n_nodes, np.int32), np.zeros(self.n_nodes, np.uint8))
        node, word, edge = self.first_a, 0, 0
        for n, (file, table) in enumerate(tables):
            _raise_for(file, *kernels.add_rows(table, strings, rows, node, word, edge))
            node, word, edge = node + file.types.n_types, word + len(file.types.words), edge + int(counts[n, 1])
        self.string = strings.number
        # void and nodes without rows each have a class of their own: their type_ids do not change
        self.own, self.n_own = self._classes(np.minimum(np.arange(self.n_nodes), self.first_a), rows.start, rows.words)
        self.named = ~np.isin(rows.name, (0, strings.number[0]))  # 0: of void and a base
        self.named &= np.array([kind != Kind.TYPE_TAG for kind in Kind])[rows.declared]
        self._graph = kernels.Graph(rows.ref_start, rows.refs, np.empty(n_refs, np.int64),
                                    np.empty(self.n_nodes + 1, np.int64), np.empty(n_refs, np.int64))
        n_labels = int(np.diff(rows.ref_start).max())
        self._work = kernels.Work(*(np.zeros(self.n_nodes, np.int64) for _ in range(3)),
                                  np.full(n_labels + 1, kernels.NONE, np.int64), np.empty(n_labels + 1, np.int64),
                                  np.empty(n_refs, np.int64))

    def _classes(self, own, start, seen):
        """Class of each node by a number of its own and what is `seen`: (int64 (nodes,), how many there are)."""
        class_of = np.empty(self.n_nodes, np.int64)
        n = kernels.classes_of(own, start, seen, np.full(_slots(self.n_nodes), kernels.NONE, np.int64),
                               np.empty(self.n_nodes, np.int64), class_of)
        return class_of, n

    def partition(self, class_of, n_classes):
        """A Partition with these classes, all of them queued."""
        part = kernels.Partition(*(np.empty(self.n_nodes, np.int64) for _ in range(8)), np.zeros(3, np.int64))
        kernels.group(class_of, n_classes, part)
        return part

    def refine(self, part, both, kept=None):
        """Refine a Partition by the edges into its classes; by those of `kept` nodes only, or `both` ways."""
        kernels.turn_edges(self._graph, np.ones(self.n_nodes, bool) if kept is None else kept)
        kernels.refine(self._graph, part, self._work, both)

    def surplus(self, class_of):
        """By class, how many more nodes of it the first file has, int64."""
        n = [np.bincount(c, minlength=self.n_nodes) for c in
             (class_of[self.first_a : self.first_b], class_of[self.first_b :])]
        return n[0] - n[1]

    def renumbering(self, part):
        """By type_id of the first file, that of the second: int64 (first_b,); None where no row-by-row equal one was
        found. The Partition is balanced, and changes."""
        if not kernels.pair_up(self._graph, part, self._work, self.first_b):
            return None
        new_node = np.arange(self.first_b)
        partner = np.empty(self.n_nodes, np.int64)
        partner[part.class_of[self.first_b :]] = np.arange(self.first_b, self.n_nodes)
        new_node[self.first_a :] = partner[part.class_of[self.first_a : self.first_b]]
        if kernels.first_wrong(self.rows, self.first_a, self.first_b, new_node) != kernels.NONE:
            return None
        new_id = new_node.copy()
        new_id[self.first_a :] -= self.first_b - self.first_a
        return new_id

    def views(self, seen):
        """Class of each node by its row and by what is `seen` along each edge, int64 (edges,)."""
        return self._classes(self.own, self.rows.ref_start, seen)[0]


def _slots(n):
    """Slots of a hash table for n entries."""
    return 1 << max(4, (2 * n).bit_length())


def _raise_for(file, status, row, word, found):
    if status == kernels.OK:
        return
    type_id = file.types.first_id + row - 1
    if status == kernels.NAME_PAST_END:
        expected = f"expected a name_off below {file.strings.next_off}, found {found}"
    elif status == kernels.ID_PAST_END:
        expected = f"expected a type_id of at most {file.types.next_id - 1}, found {found}"
    else:
        expected = "expected names that share few bytes, found many that are tails of one long string"
    raise file.wrong(f"[{type_id}] {Kind(int(file.types.kind()[row - 1])).name}: {expected}", file.word_offset(word))


def _only(graph, class_of, surplus):
    """An Only for each file, of the classes that one has more nodes of."""
    left = _left_over(graph, class_of, surplus)
    differ = surplus[class_of] != 0
    differ[: graph.first_a] = False
    cause = np.full(graph.n_nodes, Cause.REFERENCE, np.int8)
    cause[_themselves(graph, class_of, differ, left)] = Cause.ITSELF
    _mark_parts(graph, left, cause)
    found = []
    for first, stop, first_id in ((graph.first_a, graph.first_b, graph.first_a),
                                  (graph.first_b, graph.n_nodes, graph.first_a)):
        nodes = left[(left >= first) & (left < stop)]
        found.append(Only(nodes - first + first_id, cause[nodes]))
    return found


def _left_over(graph, class_of, surplus, among=None):
    """The nodes that have no equal in the other file, int64 (n,), ascending: of each class as many as its surplus, the
    last ones; of those `among` which it was counted."""
    nodes = np.arange(graph.first_a, graph.n_nodes) if among is None else among
    c = class_of[nodes]
    mine = np.where(nodes >= graph.first_b, -surplus[c], surplus[c])
    nodes, c, mine = nodes[mine > 0], c[mine > 0], mine[mine > 0]
    order = np.lexsort((-nodes, c))  # a class has a surplus in one file only
    new = changes(c[order]) if len(order) else np.zeros(0, bool)
    rank = np.arange(len(order)) - np.flatnonzero(new)[np.cumsum(new) - 1] if len(order) else order
    return np.sort(nodes[order][rank < mine[order]])


def _themselves(graph, class_of, differ, left):
    """Those of the nodes left over that differ themselves, int64 (n,).

    What a type refers to counts as it is declared: as itself where both files have it as often, else by its kind and
    name. Of a type with a name, the types without one that it refers to are part of its declaration, like the pointers
    in a prototype; of one without, they are types by themselves. Where nothing differs in this way, as where two types
    of one name have changed places, the first difference that shows further on counts.
    """
    rows, edges = graph.rows, graph.rows.refs
    n = graph.n_nodes
    by_name = np.where(graph.named, rows.name, 0).astype(np.int64) * N_KINDS + rows.declared
    by_name = np.unique(by_name, return_inverse=True)[1]
    as_declared, shown = np.unique(np.where(graph.named, by_name, n + graph.own), return_inverse=True)
    part = graph.partition(shown.astype(np.int64), len(as_declared))
    graph.refine(part, False, ~graph.named)
    named_source = np.repeat(graph.named, np.diff(rows.ref_start))
    seen = np.where(differ[edges], np.where(named_source, n + part.class_of[edges], 2 * n + by_name[edges]),
                    class_of[edges])
    for _ in range(ROUNDS):
        view = graph.views(seen)
        found = _left_over(graph, view, _surplus_of(graph, view, left), left)
        if len(found):
            return found
        seen = np.where(differ[edges], n + view[edges], class_of[edges])
    return left


def _surplus_of(graph, class_of, nodes):
    """By class, how many more of some nodes are the first file's."""
    in_b = nodes >= graph.first_b
    return (np.bincount(class_of[nodes[~in_b]], minlength=graph.n_nodes)
            - np.bincount(class_of[nodes[in_b]], minlength=graph.n_nodes))


def _mark_parts(graph, left, cause):
    """Give Cause.PART to the nodes left over that have no name and are part of the declaration of one that has and
    differs itself, or refer to such a one like the pointers to a new struct."""
    rows = graph.rows
    nameless = np.zeros(graph.n_nodes, bool)
    nameless[left] = True
    nameless &= ~graph.named
    own = np.zeros(graph.n_nodes, bool)
    own[left[(cause[left] == Cause.ITSELF) & graph.named[left]]] = True
    source, target = np.repeat(np.arange(graph.n_nodes), np.diff(rows.ref_start)), rows.refs
    for origin, reached in ((source, target), (target, source)):
        # within a chain of types without a name, which in C is short
        useful = nameless[reached] & (own[origin] | nameless[origin])
        origin, reached = origin[useful], reached[useful]
        known = own.copy()
        for _ in range(ROUNDS):
            new = reached[known[origin] & ~known[reached]]
            if not len(new):
                break
            known[new] = True
        cause[known & ~own] = Cause.PART


def _header(a, b):
    """How headers and layout sections differ, list of str."""
    found = []
    if a.byteorder != b.byteorder:
        found.append(f"A is {a.byteorder} endian, B is {b.byteorder} endian")
    if a.header.hdr_len != b.header.hdr_len:
        found.append(f"header of {a.header.hdr_len} bytes in A, {b.header.hdr_len} in B")
    if a.header.layout_len != b.header.layout_len:
        found.append(f"layout section of {a.header.layout_len} bytes in A, {b.header.layout_len} in B")
    elif a.kind_sizes is not None and b.kind_sizes is not None:
        for kind in np.flatnonzero((a.kind_sizes != b.kind_sizes).any(axis=1))[:1].tolist():
            ours, theirs = (describe(f.kind_sizes[kind]) for f in (a, b))
            found.append(f"layout section gives kind {kind} {ours} in A, {theirs} in B")
    padding = [sum(nbytes for _, nbytes in gaps(f)) for f in (a, b)]
    if padding[0] != padding[1]:
        found.append(f"{padding[0]} bytes between or after the sections in A, {padding[1]} in B")
    return found


def _changes(a, b, new_id):
    """How files that are the same are arranged in another way, list of str."""
    found = []
    if (new_id != np.arange(len(new_id))).any():
        found.append("types in another order")
    if not np.array_equal(a.strings.blob, b.strings.blob):
        ours, theirs = ({*f.strings.blob.tobytes().split(b"\0")} - {b""} for f in (a, b))
        counts = [(len(ours - theirs), "A"), (len(theirs - ours), "B")]
        said = [f"{n:,} string{'s' * (n != 1)} only in {name}" for n, name in counts if n]
        found += said or ["strings in another order or repeated"]
    return found
