"""The order of Debian package versions, without dpkg."""

from __future__ import annotations

import functools
import re


def _weight(character):
    # A tilde sorts before the end of the text, letters before everything else that is not a digit.
    if character == "~":
        return -1
    if character == "":
        return 0
    return ord(character) if character.isalpha() else ord(character) + 256


def _compare_part(left, right):
    """Compare two upstream versions, or two revisions: alternating non-digit and digit runs."""
    while left or right:
        left_text, right_text = (re.match(r"[^0-9]*", part).group() for part in (left, right))
        for index in range(max(len(left_text), len(right_text))):
            difference = _weight(left_text[index : index + 1]) - _weight(right_text[index : index + 1])
            if difference:
                return difference
        left, right = left[len(left_text) :], right[len(right_text) :]
        left_digits, right_digits = (re.match(r"[0-9]*", part).group() for part in (left, right))
        difference = int(left_digits or 0) - int(right_digits or 0)
        if difference:
            return difference
        left, right = left[len(left_digits) :], right[len(right_digits) :]
    return 0


def split(version):
    """Epoch, upstream version and revision of a Debian version.

    Parameters
    ----------
    version : str
        ``[epoch:]upstream[-revision]``.

    Returns
    -------
    tuple of (int, str, str)

    Notes
    -----
    Source: Debian Policy 4.6 section 5.6.12 (Version).
    """
    epoch, colon, rest = version.partition(":")
    if not (colon and epoch.isdigit()):
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    return (int(epoch), upstream, revision) if dash else (int(epoch), rest, "")


def compare(left, right):
    """Negative, zero or positive as `left` is older than, equal to or newer than `right`.

    Parameters
    ----------
    left, right : str
        Debian versions.

    Notes
    -----
    Source: Debian Policy 4.6 section 5.6.12 (Version), the sorting algorithm; same answers as
    ``dpkg --compare-versions``.
    """
    left_epoch, left_upstream, left_revision = split(left)
    right_epoch, right_upstream, right_revision = split(right)
    return (
        left_epoch - right_epoch
        or _compare_part(left_upstream, right_upstream)
        or _compare_part(left_revision, right_revision)
    )


sort_key = functools.cmp_to_key(compare)
