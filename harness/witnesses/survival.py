"""Which addresses survive what is done to a file after it is written: by doing it, and reading the file back.

Rows of SURVIVAL_COLUMNS: policy, encoding, treatment, version, verdict, addresses, kept, merged, lost, unattachable,
message. A file is read back as its encoding reads it; an address is kept if a FUNC of the same name and parameters
still has it, merged if that FUNC now stands for several and did not before, and else lost, as all are where the reader
refuses what it is given (unreadable). A treatment that finds the file as it would leave it, such as a name sort of
types that are in that order, has had nothing to do and shows nothing.

=============  =====================================================================================================
treatment      what is done
=============  =====================================================================================================
dedup          btf__dedup of libbpf once more, as resolve_btfids does
name sort      types in the order of their names, as resolve_btfids does since Linux 7.0: here, and btf__permute
byte swap      the other byte order: here, and btf__set_endianness
base of split  a split BTF is put over the file by libbpf
=============  =====================================================================================================

Sections of an encoding's own that are BTF are deduplicated and swapped over the file's; others stay as they are, since
nothing in a kernel's build knows them. A name sort leaves all of them as they are, so type_ids in them are those of the
order before: they serve only if they are written after it.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness import btf
from harness import encodings as enc
from harness.errors import HarnessError
from harness.measure import ambiguity, attach, functions
from harness.measure.columns import frame
from harness.results import SURVIVAL_COLUMNS, Result
from harness.results.executed import (
    ACCEPTED,
    BASE,
    DEDUP,
    FAILED,
    HERE,
    NOT_TRIED,
    NOTHING,
    REFUSED,
    SORT,
    SWAP,
    UNREADABLE,
    WRONG,
)
from harness.witnesses import libbpf
from harness.witnesses.asking import Silence, ask_each
from harness.witnesses.consumer import Version
from harness.witnesses.content import signatures
from harness.witnesses.inside.libbpf import ABSENT
from harness.witnesses.keeping import Question, ask_once, once
from harness.witnesses.opening import FIND_TIMEOUT_S, MAGICS, OPEN_TIMEOUT_S, WANT
from harness.witnesses.program import ended, last_lines

if TYPE_CHECKING:
    import pandas as pd

KEPT = "survival"
"""Folder of the cache."""

NO_PERMUTE = "this libbpf has no btf__permute"

SORTED = "its types are in the order of their names already"

OLD_IDS = "{} has the type_ids of the order before"

OTHER = {"little": "big", "big": "little"}

NONE = (0, 0, 0, 0)
"""Addresses kept, merged, lost and unattachable, where that is not known."""

FINAL = (ACCEPTED, WRONG, UNREADABLE, REFUSED, NOTHING)
"""Verdicts that will be the same again."""

JUDGES = (attach, ambiguity, functions)
"""Modules whose source decides what is attachable, beside that in harness.witnesses.keeping.SOURCES."""


class Told(NamedTuple):
    """What a file tells of addresses.

    Attributes
    ----------
    pairs : Counter of (str, int or str)
        FUNC with its parameters, and address or source; as often as it is there.
    alone : set of (str, int or str)
        Those whose FUNC stands for no other address.
    """

    pairs: Counter
    alone: set


def told(encoding, file, sections, image):
    """The Told of a BtfFile and the further sections, as an Encoding reads them over an Image."""
    func_id, value = encoding.read(file, sections, image)
    func_id = np.asarray(func_id, np.int64)
    distinct, which, count = np.unique(func_id, return_inverse=True, return_counts=True)
    said = signatures(file, distinct)
    pairs = [(said[k], a) for k, a in zip(which.tolist(), value.tolist(), strict=True)]
    alone = {pair for pair, n in zip(pairs, count[which].tolist(), strict=True) if n == 1}
    return Told(Counter(pairs), alone)


def survival(result: Result, names: Iterable[str] | None = None, again: bool = False) -> pd.DataFrame:
    """What becomes of the addresses in the files of a Result: DataFrame SURVIVAL_COLUMNS.

    What was done to the same bytes by the same version is not done again, see harness.witnesses.keeping.

    Parameters
    ----------
    result : harness.results.Result
    names : iterable of str, optional
        Encodings; by default all that the result has. Those without addresses have no rows.
    again : bool
        Do it anew.
    """
    names = [name for name in (result.encodings if names is None else names) if name in enc.REGISTRY]
    before = cache(lambda name: told(enc.encoding(name), result.btf(name), result.sections(name), result.of.image))
    keys = {name: _key(result, name) for name in names}
    addresses = {name: once(KEPT, ["addresses", keys[name]], lambda name=name: before(name).pairs.total(),
                            lambda n: type(n) is int and n >= 0, again) for name in names}
    names = [name for name in names if addresses[name]]
    (found,) = ask_each([(_versions,)], FIND_TIMEOUT_S)
    versions = [(Version("", None, found.words), False)] if isinstance(found, Silence) else found
    steps = [(SORT, HERE, _sort_here), (SWAP, HERE, _swap_here)]
    for version, permutes in versions:
        steps += [(DEDUP, version, _dedup), (SORT, version if permutes or version.missing else
                                             version._replace(missing=NO_PERMUTE), _sort),
                  (SWAP, version, _swap), (BASE, version, _base)]
    questions = []
    for name in names:
        for what, version, treat in steps:
            if version == HERE or not version.missing:
                here = [HERE] if version == HERE else libbpf.CONSUMER.identity(version.how)
                by = HERE if version == HERE else version.number
                key = here and [what, by, here, addresses[name], keys[name]]
                questions.append(Question(key, partial(_ask, result, name, before, version, treat)))
    answers, rows = iter(ask_once(KEPT, questions, _is_final, OPEN_TIMEOUT_S, again)), []
    for name in names:
        for what, version, _ in steps:
            answer = (NOT_TRIED, NONE, version.missing) if version != HERE and version.missing else next(answers)
            verdict, counts, message = (FAILED, NONE, answer.words) if isinstance(answer, Silence) else answer
            by = version if version == HERE else f"libbpf {version.number}".strip()
            rows.append((result.policy, name, what, by, verdict, addresses[name], *counts, " ".join(message.split())))
    order = {what: k for k, what in enumerate((DEDUP, SORT, SWAP, BASE))}
    place = {name: k for k, name in enumerate(names)}
    rows.sort(key=lambda row: (place[row[1]], order[row[2]]))
    return frame(rows, SURVIVAL_COLUMNS)


def _versions():
    """In the other process: each libbpf, and whether it has btf__permute."""
    return [(version, not version.missing and libbpf.has(version.how, "btf__permute")) for version in libbpf.versions()]


def _key(result, name):
    """What decides what is read from an encoding's file: its bytes, and what its reader knows beside it."""
    kernel = result.of.manifest["kernel"]
    own = [[section, hashlib.sha256(data).hexdigest()] for section, data in result.sections(name).items()]
    judged = [hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest() for module in JUDGES]
    return [name, result.policy, result.sha256[name], own, kernel["base"], kernel["code_sections"],
            result.of.manifest["tables"], judged]


def _ask(result, name, before, version, treat):
    return _survives, result, name, before(name), version, treat


def _is_final(answer):
    """Whether an answer will be the same again: (verdict, (kept, merged, lost, unattachable), message)."""
    return (isinstance(answer, (tuple, list)) and len(answer) == 3 and answer[0] in FINAL
            and isinstance(answer[1], (tuple, list)) and len(answer[1]) == len(NONE)
            and all(type(n) is int and n >= 0 for n in answer[1]) and isinstance(answer[2], str))


class _Stopped(Exception):
    """A treatment did not come to its end: verdict and message."""


def _survives(result, name, before, version, treat):
    """In the other process: (verdict, (kept, merged, lost, unattachable), message) of one treatment of one file."""
    total = before.pairs.total()
    with tempfile.TemporaryDirectory(prefix="btf-harness-") as folder:
        try:
            data, sections = treat(result, name, Path(folder), None if version == HERE else version.how)
        except _Stopped as stop:
            return stop.args[0], (total, 0, 0, 0) if stop.args[0] == NOTHING else NONE, stop.args[1]
    if data == result.files[name].read_bytes() and sections == result.sections(name):
        return ACCEPTED, (total, 0, 0, 0), ""  # who reads the same bytes finds the same
    why = ", ".join(OLD_IDS.format(section) for section in sections) if treat in (_sort, _sort_here) else ""
    try:
        encoding = enc.encoding(name)
        file = btf.parse(data, f"{name}.btf", layout=encoding.layout)
        after = told(encoding, file, sections, result.of.image)
    except (HarnessError, ValueError, IndexError, KeyError) as error:
        return UNREADABLE, (0, 0, total, _unattachable(result, name)), "; ".join(filter(None, [why, str(error)]))
    kept = before.pairs & after.pairs
    merged = sum(n for pair, n in kept.items() if pair in before.alone and pair not in after.alone)
    lost, strange = (before.pairs - kept).total(), (after.pairs - kept).total()
    if not merged and not lost and not strange:
        return ACCEPTED, (total, 0, 0, 0), ""
    message = "; ".join(filter(None, [why, f"{strange:,} that were not there" if strange else ""]))
    return WRONG, (kept.total(), merged, lost, _unattachable(result, name, file, sections)), message


class _Treated(Result):
    """A Result of which one encoding has other bytes."""

    def __init__(self, result, name, file, sections):
        super().__init__(result.of, result.policy, result.files, result.sha256)
        self._parsed, self._own = {name: file}, sections

    def sections(self, name):
        """Those that the treatment left."""
        return self._own


def _unattachable(result, name, file=None, sections=None):
    """How many addresses fentry could attach to by an id of a file as it was, and cannot as it is now; all of them
    where it cannot be read, or says what is not so."""
    before = attach.reached(result, name).attachable.to_numpy()
    try:
        after = attach.reached(_Treated(result, name, file, sections), name).attachable.to_numpy() if file else False
    except HarnessError:
        after = False
    return int((before & ~np.asarray(after, bool)).sum())


def _libbpf(python, verb, path, out, *words):
    """Have libbpf do something to a file; the bytes that it wrote, or a _Stopped."""
    status, _, stderr = libbpf.call(python, verb, path, out, *words)
    if status == ABSENT:
        raise _Stopped(NOT_TRIED, last_lines(stderr, path))
    if status != 0:
        answer = ended(status, stderr, path)
        raise _Stopped(FAILED if WANT.search(answer.message) else answer.verdict, answer.message)
    return out.read_bytes()


def _split(result, name, treat):
    """The further sections of an encoding, those that are BTF treated: dict of str to bytes."""
    return {section: treat(section, data) if data[:2] in MAGICS else data
            for section, data in result.sections(name).items()}


def _paths(result, name):
    """The file of each section of an encoding, dict of str to Path."""
    return dict(zip([enc.SECTION, *result.sections(name)], result.paths(name), strict=True))


def _dedup(result, name, folder, python):
    paths, base = _paths(result, name), folder / "base"
    data = _libbpf(python, "dedup", paths[enc.SECTION], base)
    return data, _split(result, name,
                        lambda section, _: _libbpf(python, "dedup", paths[section], folder / "split", base))


def _swap(result, name, folder, python):
    other, paths = OTHER[result.btf(name).byteorder], _paths(result, name)
    data = _libbpf(python, "endian", paths[enc.SECTION], folder / "base", other)
    return data, _split(result, name, lambda section, data: _swapped(section, data, result.btf(name), other))


def _base(result, name, folder, python):
    return _libbpf(python, "base", result.files[name], folder / "out"), result.sections(name)


def _sort(result, name, folder, python):
    file = result.btf(name)
    ids = _by_name(file).id_map.astype("=u4")
    (folder / "ids").write_bytes(ids.tobytes())
    data = _libbpf(python, "permute", result.files[name], folder / "out", folder / "ids")
    _stop_if_sorted(ids)
    return data, result.sections(name)


def _sort_here(result, name, folder, how):
    ordered = _by_name(result.btf(name))
    _stop_if_sorted(ordered.id_map)
    return ordered.data(), result.sections(name)


def _stop_if_sorted(ids):
    if np.array_equal(ids, np.arange(len(ids))):
        raise _Stopped(NOTHING, SORTED)


def _by_name(file):
    return btf.lay_out(file.types, file.strings, byteorder=file.byteorder, layout=file.layout,
                       layout_section=file.header.layout_len > 0).ordered(by_name=True)


def _swap_here(result, name, folder, how):
    file = result.btf(name)
    other = OTHER[file.byteorder]
    return _in_order(file, other), _split(result, name, lambda section, split: _swapped(section, split, file, other))


def _swapped(section, data, base, order):
    """A split section in another byte order."""
    file = enc.parse(data, section, base=base)
    return _in_order(file, order)


def _in_order(file, order):
    """The bytes of a BtfFile in a byte order."""
    return btf.encode(file.types, file.strings, byteorder=order, layout=file.layout,
                      layout_section=file.header.layout_len > 0)
