"""Answers that are kept in the cache from run to run: a JSON file each, found by what decides it.

A file holds the whole key, the answer and a checksum of both, and is not believed if any of them is not as written. A
cache that cannot be read or written costs time and never a result; two processes at once write the same.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from harness.errors import OutputError
from harness.files import write
from harness.paths import cache_home


def recall(folder: str, key: object) -> Any:
    """The answer kept under a key, of JSON's types, or None.

    Parameters
    ----------
    folder : str
        Name of a folder of the cache: what kind of answers.
    key : object
        Of JSON's types: all that decides the answer.
    """
    try:
        entry = json.loads(_place(folder, key).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or entry.keys() != {"key", "answer", "sha256"}:
        return None
    if _text(entry["key"]) != _text(key) or entry["sha256"] != _digest([key, entry["answer"]]):
        return None
    return entry["answer"]


def keep(folder: str, key: object, answer: object) -> None:
    """Keep an answer, of JSON's types, under a key, if the cache can be written; parameters as of `recall`."""
    entry = {"key": key, "answer": answer, "sha256": _digest([key, answer])}
    place = _place(folder, key)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write(place, (json.dumps(entry, indent=1, sort_keys=True) + "\n").encode())
    except (OSError, OutputError):
        pass


def _place(folder, key) -> Path:
    return cache_home() / folder / f"{_digest(key)}.json"


def _text(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _digest(value):
    return hashlib.sha256(_text(value).encode()).hexdigest()
