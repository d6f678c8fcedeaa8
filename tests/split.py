"""Tables cut in two: the same types and strings, the first of them in a base."""

from __future__ import annotations

import numpy as np

from harness.model import StringTable, TypeTable


def types_over(types, n):
    """The same types, of which the first n are in a base."""
    at = int(types.start[n + 1])
    base = TypeTable(types.words[:at], types.start[: n + 2])
    return TypeTable(types.words[at:], np.concatenate([[0], types.start[n + 1 :] - at]), base)


def strings_over(strings, n):
    """The same strings, of which the first n, without the empty one, are in a base."""
    at = int(np.flatnonzero(strings.blob == 0)[n]) + 1
    return StringTable(strings.blob[at:], StringTable(strings.blob[:at]))


def file_over(file, n, n_strings):
    """A BtfFile that reads the same over a base."""
    return file._replace(types=types_over(file.types, n), strings=strings_over(file.strings, n_strings))
