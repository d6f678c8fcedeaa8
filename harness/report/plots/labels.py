"""Labels between points and bars: a place for each text where it covers nothing, all in pixels.

Boxes are float64 (n, 4): x0, y0, x1, y1. Lines are float64 (n, 4): from the point x0, y0 to its text x1, y1; NaN for a
text that stands next to its point and needs none.
"""

from __future__ import annotations

from math import cos, nan, pi, sin
from typing import NamedTuple

import numpy as np

PAD = 2.0
"""Pixels free around a text."""

ROUNDS = 4
"""How often labels may choose again, given where the others went."""

PAIRS = 200_000
"""Most pairs of places to compare, which bounds time and memory."""


class Places(NamedTuple):
    """Where one label may stand.

    Attributes
    ----------
    boxes : float64 (places, 4)
    lines : float64 (places, 4)
    cost : float64 (places,)
        How unwelcome each is, in about the pixels by which a label moves away.
    """

    boxes: np.ndarray
    lines: np.ndarray
    cost: np.ndarray


def places(found):
    """Places of (box, line or None, cost) tuples."""
    return Places(np.array([box for box, _, _ in found], float),
                  np.array([line or (nan,) * 4 for _, line, _ in found], float),
                  np.array([cost for _, _, cost in found], float))


def around(x, y, width, height, distances, directions=16):
    """Places of a text around a point, near ones first, from the right on.

    Parameters
    ----------
    x, y : float
        The point.
    width, height : float
        Of the text.
    distances : sequence of float
        Between point and text; those beyond twice the first get a line.
    directions : int
        Places at each distance.

    Returns
    -------
    Places
    """
    found = []
    for distance in distances:
        for i in range(directions):
            angle = 2 * pi * (i // 2 + i % 2) * (-1) ** i / directions  # right, then ever further up and down
            dx, dy = cos(angle), sin(angle)
            # The text's nearest corner or edge lies in that direction, at the distance.
            cx = x + distance * dx + (abs(dx) > 0.2) * width / 2 * (1 if dx > 0 else -1)
            cy = y + distance * dy + (abs(dy) > 0.2) * height / 2 * (1 if dy > 0 else -1)
            box = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
            end = (min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3]))
            line = (x, y, *end) if distance > 2 * distances[0] else None
            found.append((box, line, distance - distances[0] + i / 100))
    return places(found)


def place(candidates, blocked, bounds, rules=()):
    """Choose a place for each label so that together they cost least, as far as a local search finds it.

    Parameters
    ----------
    candidates : list of Places
        Of each label.
    blocked : sequence of box
        What no text and no line may cover; a line may start in a box.
    bounds : box
        What no text may leave.
    rules : sequence of line
        What a text should rather not cover.

    Returns
    -------
    list of (box, line)
        Tuples of float; line is None where there is none.
    """
    kept = max(30, int(PAIRS**0.5) // max(1, len(candidates)))
    known = []
    for p in candidates:
        cost = p.cost + _fixed(p, np.reshape(blocked, (-1, 4)), bounds, np.reshape(rules, (-1, 4)))
        best = np.argsort(cost, kind="stable")[:kept]
        known.append(Places(p.boxes[best], p.lines[best], cost[best]))
    everything = Places(*map(np.concatenate, zip(*known, strict=True)))
    between = _between(everything)
    starts = np.cumsum([0, *(len(p.cost) for p in known)])
    own = [slice(a, b) for a, b in zip(starts, starts[1:], strict=False)]
    best, least = None, np.inf
    n = len(own)
    for order in (np.roll(np.arange(n)[::step], -shift) for shift in range(n) for step in (1, -1)):
        chosen = _search(everything.cost, between, own, order)
        cost = everything.cost[chosen].sum() + between[np.ix_(chosen, chosen)].sum() / 2
        if cost < least - 1e-9:
            best, least = chosen, cost
    boxes, lines = everything.boxes[best].tolist(), everything.lines[best].tolist()
    return [(tuple(box), None if line[0] != line[0] else tuple(line)) for box, line in zip(boxes, lines, strict=True)]


def _search(cost, between, own, order):
    """A place for each label, in turn and given the others', until none moves."""
    chosen = np.full(len(own), -1)
    for _ in range(1 + ROUNDS):
        before = chosen.copy()
        for i in order:
            others = chosen[(chosen >= 0) & (np.arange(len(own)) != i)]
            chosen[i] = own[i].start + np.argmin(cost[own[i]] + between[own[i]][:, others].sum(axis=1))
        if (chosen == before).all():
            break
    return chosen


def _fixed(p, blocked, bounds, rules):
    """What each place costs for what does not move: the bounds, what is blocked, covered rules."""
    boxes = _padded(p.boxes)
    out = np.maximum(bounds[:2] - boxes[:, :2], 0).sum(axis=1) + np.maximum(boxes[:, 2:] - bounds[2:], 0).sum(axis=1)
    covered = overlap(boxes, blocked)
    inside = ((p.lines[:, None, :2] >= blocked[:, :2]) & (p.lines[:, None, :2] <= blocked[:, 2:])).all(axis=2)
    return (np.where(out > 0, 1500 + out, 0) + np.where(covered > 0, 500 + covered, 0).sum(axis=1)
            + 150 * (crosses(p.lines, blocked) & ~inside).sum(axis=1) + 60 * crosses(rules, boxes).sum(axis=0))


def _between(p):
    """What two places cost each other: a text over a text most, then a line through a text, then lines that cross."""
    boxes = _padded(p.boxes)
    area, through = overlap(boxes, p.boxes), crosses(p.lines, boxes)
    return np.where(area > 0, 800 + area, 0) + 300 * through + 300 * through.T + 200 * _cross(p.lines)


def _padded(boxes):
    return boxes + (-PAD, -PAD, PAD, PAD)


def overlap(a, b):
    """Area that each two boxes share: float64 (a, b)."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    return np.maximum(sides, 0).prod(axis=2)


def crosses(lines, boxes):
    """Whether each line passes through each box: bool (lines, boxes). Liang and Barsky's clipping."""
    start, stop = np.zeros((len(lines), len(boxes))), np.ones((len(lines), len(boxes)))
    outside = np.zeros_like(start, bool)
    for axis in (0, 1):
        at, along = lines[:, axis, None], (lines[:, axis + 2] - lines[:, axis])[:, None]
        low, high = boxes[None, :, axis] - at, boxes[None, :, axis + 2] - at
        with np.errstate(divide="ignore", invalid="ignore"):
            one, two = low / along, high / along
        still = along == 0
        outside |= still & ((low >= 0) | (high <= 0))
        start = np.where(still, start, np.maximum(start, np.minimum(one, two)))
        stop = np.where(still, stop, np.minimum(stop, np.maximum(one, two)))
    return ~outside & (start < stop)  # False for NaN


def _cross(lines):
    """Whether each two lines cross between their ends: bool (lines, lines)."""
    x, y = lines[:, None, 0], lines[:, None, 1]
    dx, dy = lines[:, None, 2] - x, lines[:, None, 3] - y

    def side(at_x, at_y):
        return dx * (at_y[None] - y) - dy * (at_x[None] - x)

    apart = side(lines[:, 0], lines[:, 1]) * side(lines[:, 2], lines[:, 3]) < 0
    return apart & apart.T
