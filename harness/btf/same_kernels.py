"""Compiled comparison of two files: types as nodes of one graph, and the coarsest partition that it has.

node         void is 0, the types of a base follow, then those of the first file, then those of the second
edge         a type_id within a row: from the row's node to the one that it names; its label is its place among them
class        nodes that have not been told apart so far

Two types are alike if their rows are, names by their text and type_ids left out, and if what their edges lead to is
alike, label by label. The partition is refined by Hopcroft's rule, in which of the parts of a class only the smaller
have to be looked at again: time grows with edges times log(nodes), however deep the types nest and in whatever cycles.

No output depends on a hash. Source: Hopcroft, "An n log n algorithm for minimizing states in a finite automaton", 1971;
with several edges of one label into a node, Cardon and Crochemore, "Partitioning a graph in O(|A| log |V|)", 1982.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.accelerate import inline, njit
from harness.model import words as wd
from harness.model.hash_kernels import FNV_BASIS, bytes_hash, mix, same_run, string_end
from harness.model.layout_kernels import declared_kind_of, kind_of, n_names, n_references, name_word, reference_word

OK = 0
NAME_PAST_END = 1
ID_PAST_END = 2
STRINGS_OVERLAP = 3

NONE = -1

MAX_OVERLAP = 16
"""Times that each byte of strings may be read on average. Names that end alike may share bytes, but a file that names
each tail of one long string would take quadratic time."""


class Table(NamedTuple):
    """The rows of one table, and how its numbers become those of both.

    Attributes
    ----------
    words, start
        Of the TypeTable.
    first_id, next_id : int
        Of the TypeTable.
    shift : int
        Node minus type_id of what is not a base's.
    first_off, next_off : int
        Of the StringTable.
    text_shift : int
        Index in the text minus offset, of strings that are not a base's.
    """

    words: np.ndarray
    start: np.ndarray
    first_id: int
    next_id: int
    shift: int
    first_off: int
    next_off: int
    text_shift: int


class Strings(NamedTuple):
    """The strings met so far, by content.

    Attributes
    ----------
    text : uint8 (nbytes,)
        Those of the base, the first and the second file, one after the other; each ends with NUL.
    number : int32 (nbytes,)
        By index in the text of a string's first byte: its number, from 1; 0 is "not met yet".
    slot : int32 (slots,)
        Open-addressed hash table, a power of two long and at most half full: number, or 0.
    begin, digest : int64 (strings + 1,)
        By number: index of the first byte, and hash.
    used : int64 (2,)
        How many there are, and how many bytes have been read.
    """

    text: np.ndarray
    number: np.ndarray
    slot: np.ndarray
    begin: np.ndarray
    digest: np.ndarray
    used: np.ndarray


class Rows(NamedTuple):
    """Both files as one graph.

    Attributes
    ----------
    words : uint32 (words,)
        Names as their numbers, type_ids as 0.
    start : int64 (nodes + 1,)
    ref_start : int64 (nodes + 1,)
    refs : int64 (edges,)
        The node that each edge leads to.
    name : int32 (nodes,)
        Number of the type's own name.
    declared : uint8 (nodes,)
        Its kind; of a forward declaration the kind that it declares.
    """

    words: np.ndarray
    start: np.ndarray
    ref_start: np.ndarray
    refs: np.ndarray
    name: np.ndarray
    declared: np.ndarray


class Graph(NamedTuple):
    """The edges, forwards and backwards.

    Attributes
    ----------
    ref_start, refs
        As in Rows.
    source : int64 (edges,)
        The node that each edge comes from.
    in_start : int64 (nodes + 1,)
    in_edge : int64 (edges,)
        The edges into each node.
    """

    ref_start: np.ndarray
    refs: np.ndarray
    source: np.ndarray
    in_start: np.ndarray
    in_edge: np.ndarray


class Partition(NamedTuple):
    """Classes of nodes, each a run of `elems`, and those that others have yet to be split by.

    Attributes
    ----------
    class_of, elems, place : int64 (nodes,)
        Class of each node; nodes by class; where each node is among them.
    first, stop : int64 (nodes,)
        By class: its run.
    marked : int64 (nodes,)
        By class: how many of its first nodes are about to be split off.
    touched : int64 (nodes,)
        Classes with marked nodes.
    queue : int64 (nodes,)
        Classes that others have yet to be split by. One that is split stays there if it was.
    used : int64 (3,)
        Lengths: N_CLASSES, N_QUEUED, N_TOUCHED.
    """

    class_of: np.ndarray
    elems: np.ndarray
    place: np.ndarray
    first: np.ndarray
    stop: np.ndarray
    marked: np.ndarray
    touched: np.ndarray
    queue: np.ndarray
    used: np.ndarray


N_CLASSES, N_QUEUED, N_TOUCHED = 0, 1, 2


class Work(NamedTuple):
    """Room for `refine`.

    Attributes
    ----------
    nodes, hit, count : int64 (nodes,)
        `count` is 0 before and after.
    head, labels : int64 (labels,)
        `head` is NONE before and after.
    following : int64 (edges,)
    """

    nodes: np.ndarray
    hit: np.ndarray
    count: np.ndarray
    head: np.ndarray
    labels: np.ndarray
    following: np.ndarray


@njit
def count_row_parts(words, start):
    """(names, type_ids) in the rows of a table."""
    names, refs = np.int64(0), np.int64(0)
    for row in range(1, len(start) - 1):
        info = words[start[row] + wd.INFO]
        names += n_names(info)
        refs += n_references(info)
    return names, refs


@inline
def number_of(strings, at):
    """Number of the string at an index of the text; it is entered if it is new."""
    known = np.int64(strings.number[at])
    if known:
        return known
    text = strings.text
    stop = string_end(text, at)
    strings.used[1] += stop - at + 1
    digest = np.int64(bytes_hash(text, at, stop))
    mask = np.int64(len(strings.slot) - 1)
    place = digest & mask
    while True:
        known = np.int64(strings.slot[place])
        if known == 0:
            strings.used[0] += 1
            known = strings.used[0]
            strings.slot[place] = known
            strings.begin[known] = at
            strings.digest[known] = digest
            break
        if strings.digest[known] == digest and same_run(text, strings.begin[known], text, at, stop - at + 1):
            break
        place = (place + 1) & mask
    strings.number[at] = known
    return known


@njit
def add_rows(table, strings, rows, node, word, edge):
    """Add the rows of a table, all of known kinds and whole.

    Parameters
    ----------
    table : Table
    strings : Strings
    rows : Rows
        Filled in place from `node`, `word` and `edge` on; the three after the last are those of the next table.

    Returns
    -------
    status, row, word, found : int
        Rows count from 1; `word` is the one that is wrong, in the table.
    """
    for row in range(1, len(table.start) - 1):
        begin, stop = table.start[row], table.start[row + 1]
        info = table.words[begin + wd.INFO]
        kind = kind_of(info)
        rows.start[node] = word
        rows.ref_start[node] = edge
        for k in range(stop - begin):
            rows.words[word + k] = table.words[begin + k]
        for k in range(n_names(info)):
            at = name_word(kind, k)
            off = np.int64(table.words[begin + at])
            if off >= table.next_off:
                return NAME_PAST_END, row, begin + at, off
            number = number_of(strings, off if off < table.first_off else off + table.text_shift)
            rows.words[word + at] = np.uint32(number)
            if k == 0:
                rows.name[node] = number
        if strings.used[1] > MAX_OVERLAP * np.int64(len(strings.text)):
            return STRINGS_OVERLAP, row, begin, strings.used[1]
        for k in range(n_references(info)):
            at = reference_word(kind, k)
            type_id = np.int64(table.words[begin + at])
            if type_id >= table.next_id:
                return ID_PAST_END, row, begin + at, type_id
            rows.words[word + at] = 0
            rows.refs[edge] = type_id if type_id < table.first_id else type_id + table.shift
            edge += 1
        rows.declared[node] = declared_kind_of(info)
        word += stop - begin
        node += 1
    rows.start[node] = word
    rows.ref_start[node] = edge
    return OK, 0, 0, 0


@njit
def classes_of(own, start, seen, slot, example, class_of):
    """Class of each node by a number of its own and a run of numbers; how many classes there are.

    Parameters
    ----------
    own : int64 (nodes,)
    start : int64 (nodes + 1,)
        A node's run is seen[start[node]:start[node + 1]].
    seen : integers
    slot : int64 (slots,)
        NONE; a power of two long and at most half full.
    example : int64 (nodes,)
        A node of each class.
    class_of : int64 (nodes,)
        Filled in place.
    """
    n_classes = np.int64(0)
    mask = np.int64(len(slot) - 1)
    low = np.int64(0xFFFFFFFF)
    for node in range(len(class_of)):
        begin = start[node]
        n = start[node + 1] - begin
        h = mix(FNV_BASIS, np.uint32(own[node] & low))
        for k in range(n):
            h = mix(h, np.uint32(seen[begin + k] & low))
        place = np.int64(h) & mask
        while slot[place] != NONE:
            other = example[slot[place]]
            at = start[other]
            if own[other] == own[node] and start[other + 1] - at == n and same_run(seen, at, seen, begin, n):
                break
            place = (place + 1) & mask
        if slot[place] == NONE:
            slot[place] = n_classes
            example[n_classes] = node
            n_classes += 1
        class_of[node] = slot[place]
    return n_classes


@njit
def turn_edges(graph, kept):
    """Fill `source`, `in_start` and `in_edge` of a Graph with the edges from nodes that are `kept`, bool (nodes,)."""
    n = len(graph.ref_start) - 1
    graph.in_start[:] = 0
    for node in range(n):
        for edge in range(graph.ref_start[node], graph.ref_start[node + 1]):
            graph.source[edge] = node
            if kept[node]:
                graph.in_start[graph.refs[edge] + 1] += 1
    for node in range(n):
        graph.in_start[node + 1] += graph.in_start[node]
    for node in range(n):
        if kept[node]:
            for edge in range(graph.ref_start[node], graph.ref_start[node + 1]):
                target = graph.refs[edge]
                graph.in_edge[graph.in_start[target]] = edge
                graph.in_start[target] += 1
    # each bound has moved to where the next one was
    for node in range(n, 0, -1):
        graph.in_start[node] = graph.in_start[node - 1]
    graph.in_start[0] = 0


@njit
def group(class_of, n_classes, part):
    """Fill a Partition with classes, int64 (nodes,) below n_classes, and queue them all."""
    for c in range(n_classes):
        part.stop[c] = 0
        part.marked[c] = 0
    for c in class_of:
        part.stop[c] += 1
    at = np.int64(0)
    for c in range(n_classes):
        part.first[c] = at
        at += part.stop[c]
        part.stop[c] = part.first[c]
        part.queue[c] = c
    for node in range(len(class_of)):
        c = class_of[node]
        part.class_of[node] = c
        part.place[node] = part.stop[c]
        part.elems[part.stop[c]] = node
        part.stop[c] += 1
    part.used[N_CLASSES] = n_classes
    part.used[N_QUEUED] = n_classes
    part.used[N_TOUCHED] = 0


@inline
def swap_to(part, at, target):
    """Exchange the nodes at two places of `elems`."""
    one, other = part.elems[at], part.elems[target]
    part.elems[at], part.elems[target] = other, one
    part.place[one], part.place[other] = target, at


@inline
def mark(part, node):
    """Mark a node, once, to be split off its class."""
    c = part.class_of[node]
    if part.stop[c] - part.first[c] == 1:
        return
    if part.marked[c] == 0:
        part.touched[part.used[N_TOUCHED]] = c
        part.used[N_TOUCHED] += 1
    swap_to(part, part.place[node], part.first[c] + part.marked[c])
    part.marked[c] += 1


@inline
def split(part):
    """Split the marked nodes off their classes. The smaller part of each is a new class, which is queued."""
    for k in range(part.used[N_TOUCHED]):
        c = part.touched[k]
        first, stop, n = part.first[c], part.stop[c], part.marked[c]
        part.marked[c] = 0
        if n == stop - first:
            continue
        new = part.used[N_CLASSES]
        part.used[N_CLASSES] += 1
        part.marked[new] = 0
        if 2 * n <= stop - first:
            part.first[new], part.stop[new] = first, first + n
            part.first[c] = first + n
        else:
            part.first[new], part.stop[new] = first + n, stop
            part.stop[c] = first + n
        for at in range(part.first[new], part.stop[new]):
            part.class_of[part.elems[at]] = new
        part.queue[part.used[N_QUEUED]] = new
        part.used[N_QUEUED] += 1
    part.used[N_TOUCHED] = 0


@inline
def file_by_label(graph, work, edge, n_labels):
    """Put an edge into the list of its label; how many labels have one."""
    label = edge - graph.ref_start[graph.source[edge]]
    if work.head[label] == NONE:
        work.labels[n_labels] = label
        n_labels += 1
    work.following[edge] = work.head[label]
    work.head[label] = edge
    return n_labels


@inline
def split_sources(graph, part, work, n_nodes):
    """Split classes by which of their nodes have an edge of some label to one of the first nodes of `work.nodes`."""
    n_labels = np.int64(0)
    for k in range(n_nodes):
        node = work.nodes[k]
        for i in range(graph.in_start[node], graph.in_start[node + 1]):
            n_labels = file_by_label(graph, work, graph.in_edge[i], n_labels)
    for k in range(n_labels):
        edge = work.head[work.labels[k]]
        work.head[work.labels[k]] = NONE
        while edge != NONE:
            mark(part, graph.source[edge])
            edge = work.following[edge]
        split(part)


@inline
def split_targets(graph, part, work, n_nodes):
    """Split classes by how many edges of some label their nodes have from the first nodes of `work.nodes`."""
    n_labels = np.int64(0)
    for k in range(n_nodes):
        node = work.nodes[k]
        for edge in range(graph.ref_start[node], graph.ref_start[node + 1]):
            n_labels = file_by_label(graph, work, edge, n_labels)
    for k in range(n_labels):
        edge = work.head[work.labels[k]]
        work.head[work.labels[k]] = NONE
        n_hit = np.int64(0)
        while edge != NONE:
            target = graph.refs[edge]
            if work.count[target] == 0:
                work.hit[n_hit] = target
                n_hit += 1
            work.count[target] += 1
            edge = work.following[edge]
        while n_hit > 0:  # at least one, at least two ...: as many steps as there are edges
            left = np.int64(0)
            for i in range(n_hit):
                target = work.hit[i]
                mark(part, target)
                work.count[target] -= 1
                if work.count[target] > 0:
                    work.hit[left] = target
                    left += 1
            split(part)
            n_hit = left


@inline
def drain(graph, part, work, both):
    """Split classes by those that are queued until none is."""
    while part.used[N_QUEUED] > 0:
        part.used[N_QUEUED] -= 1
        c = part.queue[part.used[N_QUEUED]]
        first = part.first[c]
        n_nodes = part.stop[c] - first
        for k in range(n_nodes):  # the class may itself be split
            work.nodes[k] = part.elems[first + k]
        split_sources(graph, part, work, n_nodes)
        if both:
            split_targets(graph, part, work, n_nodes)


@njit
def refine(graph, part, work, both):
    """Split classes until all nodes of a class have edges of the same labels to the same classes.

    Parameters
    ----------
    graph : Graph
    part : Partition
        With classes in the queue; changed in place.
    work : Work
    both : bool
        Also until they have as many edges of each label from each class.
    """
    drain(graph, part, work, both)


@inline
def take_turns(part, work, c, first_b):
    """Order a class so that nodes of the two files take turns; whether it has as many of each."""
    n_a, n_b = np.int64(0), np.int64(0)
    first, stop = part.first[c], part.stop[c]
    for at in range(first, stop):
        node = part.elems[at]
        if node < first_b:
            work.nodes[n_a] = node
            n_a += 1
        else:
            work.hit[n_b] = node
            n_b += 1
    if n_a != n_b:
        return False
    for k in range(n_a):
        part.elems[first + 2 * k], part.place[work.nodes[k]] = work.nodes[k], first + 2 * k
        part.elems[first + 2 * k + 1], part.place[work.hit[k]] = work.hit[k], first + 2 * k + 1
    return True


@njit
def pair_up(graph, part, work, first_b):
    """Split each class down to one node of each file: one of the first with one of the second, and what follows from
    that, backwards and forwards, for the others; whether each class had as many of both.

    Parameters
    ----------
    graph : Graph
    part : Partition
        Refined both ways; changed in place.
    work : Work
    first_b : int
        The first node of the second file.
    """
    c = np.int64(0)
    while c < part.used[N_CLASSES]:
        while part.stop[c] - part.first[c] > 2:
            first = part.first[c]
            # what splits other classes puts the nodes of this one in another order, and then looks at each of them, too
            if (part.elems[first] < first_b) == (part.elems[first + 1] < first_b):
                if not take_turns(part, work, c, first_b):
                    return False
            one, other = part.elems[first], part.elems[first + 1]
            mark(part, one)
            mark(part, other)
            split(part)
            drain(graph, part, work, True)
        c += 1
    return True


@njit
def first_wrong(rows, first_a, first_b, new_node):
    """The first node of the first file whose row is not that of its counterpart, NONE if there is none.

    Parameters
    ----------
    rows : Rows
    first_a, first_b : int
        The first nodes of both files.
    new_node : int64 (nodes of the first file and before,)
        The counterpart of each; of void and a base's the node itself.
    """
    for node in range(first_a, first_b):
        other = new_node[node]
        begin, at = rows.start[node], rows.start[other]
        n = rows.start[node + 1] - begin
        if rows.start[other + 1] - at != n or not same_run(rows.words, begin, rows.words, at, n):
            return np.int64(node)
        begin, at = rows.ref_start[node], rows.ref_start[other]
        for k in range(rows.ref_start[node + 1] - begin):
            if new_node[rows.refs[begin + k]] != rows.refs[at + k]:
                return np.int64(node)
    return np.int64(NONE)
