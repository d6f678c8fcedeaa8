"""Rows of sorted columns: where a new group begins."""

from __future__ import annotations

import numpy as np


def changes(*columns):
    """Rows that differ from the previous one in any column, bool (rows,); the first row counts as different."""
    new = np.ones(len(columns[0]), bool)
    new[1:] = np.any([c[1:] != c[:-1] for c in columns], axis=0)
    return new
