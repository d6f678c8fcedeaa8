"""What a form costs who reads it: one reader, the same for all, that answers two questions.

Rows of USAGE_COLUMNS: policy, encoding, question, answers, build_ms, index_bytes, peak_bytes, lookup_ns.

- `address to id`: which FUNCs have an address. The file's addresses, as its encoding reads them, sorted, with their
  ids; a look-up is a binary search.
- `name to ids`: which FUNCs have a name. A dict from each name to a range of the ids sorted by it.

Each is measured in a process of its own, one after the other: the time of its thread (not of the clock, so that other
work on the machine matters less; nor of the process, which is counted in ticks under RLIMIT_CPU) to read the file and
build the index, the least of ROUNDS after one that does not count; the bytes of the index; the most memory that it
took beyond what it began with; and the time of a look-up, the least of ROUNDS rounds of LOOKUPS by chance, half of
which find nothing. Times differ from run to run and from machine to machine: they belong to no part of the results that
is the same each time.
"""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness import btf
from harness import encodings as enc
from harness.measure.columns import frame
from harness.model import words as wd
from harness.model.strings import Strings
from harness.process import give_memory_back
from harness.results import SHIPPED, USAGE_COLUMNS
from harness.witnesses.asking import Silence, ask_each
from harness.witnesses.opening import OPEN_TIMEOUT_S

if TYPE_CHECKING:
    import pandas as pd

    from harness.results import Result

ROUNDS = 3

LOOKUPS = 100_000

SEED = 20230517

NS_PER_MS = 1_000_000


class ByAddress:
    """An index from addresses to the type_ids of FUNCs."""

    question = "address to id"

    def __init__(self, encoding, file, sections, image):
        found = encoding.read(file, sections, image)
        func_id, address = found if isinstance(found, enc.Addresses) else enc.NO_ADDRESSES
        order = np.argsort(address, kind="stable")
        self.address, self.func_id = address[order], np.asarray(func_id)[order].astype(np.uint32)
        self.answers = len(np.unique(address))

    def nbytes(self):
        """Bytes of the index."""
        return self.address.nbytes + self.func_id.nbytes

    def keys(self, rng, n):
        """Keys by chance, half of which are not there."""
        if not len(self.address):
            return rng.integers(0, 1 << 63, n).astype(np.uint64)
        found = self.address[rng.integers(0, len(self.address), n)]
        return np.where(rng.random(n) < 0.5, found, found + np.uint64(1))

    def look_up(self, keys):
        """How many FUNCs have these addresses."""
        first = np.searchsorted(self.address, keys, side="left")
        return int((np.searchsorted(self.address, keys, side="right") - first).sum())


class ByName:
    """An index from names to the type_ids of FUNCs."""

    question = "name to ids"

    def __init__(self, encoding, file, sections, image):
        types = file.types
        func_id = types.func_ids()
        name_off = types.words[types.row_starts()[func_id - types.first_id] + wd.NAME]
        order = np.argsort(name_off, kind="stable")
        self.func_id = func_id[order].astype(np.uint32)
        distinct, first = np.unique(name_off[order], return_index=True)
        last = [*first[1:].tolist(), len(order)]
        names = Strings(file.strings.flattened().blob).list(distinct)
        self.place = dict(zip(names, zip(first.tolist(), last, strict=True), strict=True))
        self.answers = len(self.place)

    def nbytes(self):
        """Bytes of the index."""
        entries = sum(sys.getsizeof(name) + sys.getsizeof(place) for name, place in self.place.items())
        return self.func_id.nbytes + sys.getsizeof(self.place) + entries

    def keys(self, rng, n):
        """Keys by chance, half of which are not there."""
        names = list(self.place) or [b"none"]
        chosen = rng.integers(0, len(names), n).tolist()
        return [names[k] if hit else names[k] + b"?" for k, hit in zip(chosen, (rng.random(n) < 0.5).tolist(),
                                                                      strict=True)]

    def look_up(self, keys):
        """How many FUNCs have these names."""
        find, n = self.place.get, 0
        for key in keys:
            place = find(key)
            if place is not None:
                n += place[1] - place[0]
        return n


INDICES = (ByAddress, ByName)


def usage(result: Result, names=None) -> pd.DataFrame:
    """What a reader of the files of a Result needs: DataFrame USAGE_COLUMNS; a file that cannot be measured has no row.

    Parameters
    ----------
    result : harness.results.Result
    names : iterable of str, optional
        Encodings; by default all that the result has.
    """
    names = [name for name in (result.encodings if names is None else names) if name != SHIPPED]
    names = [name for name in names if name in enc.REGISTRY]
    asked = [(name, index) for name in names for index in INDICES]
    answers = ask_each([(_measure, index, name, result.paths(name), list(result.sections(name)), result.of.image)
                        for name, index in asked], OPEN_TIMEOUT_S, at_once=1)
    rows = [(result.policy, name, index.question, *answer)
            for (name, index), answer in zip(asked, answers, strict=True) if not isinstance(answer, Silence)]
    return frame(rows, USAGE_COLUMNS)


def _measure(index, name, paths, sections, image):
    """In the other process: (answers, build_ms, index_bytes, peak_bytes, lookup_ns)."""
    encoding = enc.encoding(name)

    def build():
        first, *others = (Path(path).read_bytes() for path in paths)
        file = btf.parse(first, paths[0], layout=encoding.layout)
        return index(encoding, file, dict(zip(sections, others, strict=True)), image)

    build()  # what is compiled on first use does not count
    gc.collect()
    give_memory_back()
    before = _resident(anew=True)
    made = build()
    peak = max(0, _peak() - before)
    spent = []
    for _ in range(ROUNDS):
        started = time.thread_time_ns()
        made = build()
        spent.append(time.thread_time_ns() - started)
    keys = made.keys(np.random.default_rng(SEED), LOOKUPS)
    lookups = []
    for _ in range(ROUNDS):
        started = time.thread_time_ns()
        made.look_up(keys)
        lookups.append((time.thread_time_ns() - started) / LOOKUPS)
    return made.answers, min(spent) / NS_PER_MS, made.nbytes(), peak, min(lookups)


def _resident(anew=False):
    """Bytes of memory that this process has; `anew`: its peak is counted from here on, where Linux lets it."""
    if anew:
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            pass
    return _status("VmRSS")


def _peak():
    return _status("VmHWM")


def _status(field):
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(f"{field}:")), 0)
