"""A result folder: written at once, read on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness import __version__
from harness import encodings as enc
from harness.errors import MeasureError
from harness.files import make_folder, remove, write
from harness.functions.join import Match
from harness.functions.policies import HEADLINE
from harness.model import NOWHERE
from harness.results import added as ad
from harness.results import executed as ex
from harness.results import forms as fm
from harness.results import instances as ins
from harness.results import manifest as mf
from harness.results import measurements as ms
from harness.results import selection as sel
from harness.results.columns import ADDED_COLUMNS, PLACE
from harness.results.manifest import BASELINE, SHIPPED
from harness.results.result import Once, Result, read_bytes
from harness.results.tables import frame_of

if TYPE_CHECKING:
    import pandas as pd

    from harness.btf import BtfFile
    from harness.program import Program
    from harness.run import Encoded

IN_REPORT = "btf"
"""Where in a report's folder its results are."""

SHIPPED_FILE = f"{SHIPPED}.btf"

LIKE_FILE = "like.btf"
"""The baseline as the pahole that wrote the shipped file makes it."""

TABLES = "tables"
"""What a Program calls `kernel_tables` of itself."""


class Like(NamedTuple):
    """A baseline's file that follows a version of pahole, `rules`, bugs and all."""

    rules: str
    path: Path
    btf: BtfFile


class ResultFolder(Once):
    """The results of one kernel under one or several policies.

    Attributes
    ----------
    path : Path
        Where manifest.json is.
    manifest : dict
        See harness.results.manifest.
    """

    def __init__(self, path, manifest, made=None):
        """`made`: tables that were just written and need not be read: dict of str to dict of arrays."""
        self.path, self.manifest, self._made = Path(path), manifest, made or {}
        self._results, self._selections = {}, {}

    @property
    def kernel(self) -> str:
        """Label of the kernel, for people; not unique, see `labels`."""
        return self.manifest["kernel"]["label"]

    @property
    def key(self) -> str | None:
        """What identifies the kernel: its build id, else the hash of its file."""
        return key_of(self.manifest["kernel"])

    @property
    def bits(self) -> int:
        """Size of the machine's addresses in bits."""
        return self.manifest["kernel"]["bits"]

    @property
    def manifest_path(self) -> Path:
        """Path of manifest.json."""
        return self.path / mf.NAME

    @property
    def instances_path(self) -> Path:
        """Path of functions.csv."""
        return self.path / ins.INSTANCES

    @property
    def measurements_path(self) -> Path:
        """Path of measurements.csv, which is there once something was measured."""
        return self.path / ms.NAME

    @property
    def like(self) -> Like | None:
        """Our baseline as the pahole that wrote the kernel's own .BTF makes it; None where no such file was made.

        Raises
        ------
        MeasureError
            The file is missing or does not match the manifest.
        """
        return self.once(_like)

    @property
    def image(self) -> enc.Image:
        """Where the kernel's code is: what a reader of a file knows beside it.

        Raises
        ------
        MeasureError
            The manifest does not say it.
        """
        kernel = self.manifest["kernel"]
        sections = {index: (name, address) for index, name, address in kernel["code_sections"]}
        return enc.Image(kernel["base"], sections, lambda: self.once(_symbols))

    @property
    def policies(self) -> list[str]:
        """Names of the policies, the headline policy first."""
        return sorted(self.manifest["policies"], key=_headline_first)

    def __getitem__(self, policy: str) -> Result:
        """The Result of a policy.

        Raises
        ------
        MeasureError
            There is none, or a file of it is missing or does not match the manifest.
        """
        if policy not in self.manifest["policies"]:
            raise MeasureError(f"expected a policy that these results have ({', '.join(self.policies)}), found "
                               f"{policy!r}", self.path)
        if policy not in self._results:
            self._results[policy] = self._checked(policy)
        return self._results[policy]

    def results(self) -> list[Result]:
        """The Results of all policies, the headline policy first; raises like `[policy]`."""
        return [self[policy] for policy in self.policies]

    def some(self, policy: str) -> Result:
        """The Result of a policy if present, else of the first one."""
        return self[policy if policy in self.manifest["policies"] else self.policies[0]]

    def _checked(self, policy):
        entries = self.manifest["policies"][policy]["encodings"]
        order = enc.names()
        names = sorted(entries, key=lambda name: (order.index(name) if name in order else len(order), name))
        files, digests = {}, {}
        for name in names:
            files[name] = self.path / entries[name]["file"]
            digests[name] = entries[name]["sha256"]
            if f"{policy}/{name}" not in self._made:
                for about in mf.files_of(entries[name]):
                    check_file(self.path / about["file"], read_bytes(self.path / about["file"]), about)
        if self.manifest["shipped"] is not None:
            files[SHIPPED] = self.path / self.manifest["shipped"]
            digests[SHIPPED] = hashlib.sha256(read_bytes(files[SHIPPED])).hexdigest()
        entry = self.manifest["policies"][policy]
        for name in (ins.INSTANCES, entry["selection"], *([entry["added"]["file"]] if entry["added"] else [])):
            if not (self.path / name).is_file():
                raise MeasureError("expected a file, found none", self.path / name)
        return Result(self, policy, files, digests)

    @cached_property
    def instances(self) -> pd.DataFrame:
        """functions.csv as a DataFrame, INSTANCE_COLUMNS of harness.results.columns.

        Raises
        ------
        MeasureError
            It is malformed, or its rows are not the instances that the manifest counts.
        """
        if ins.INSTANCES in self._made:
            return frame_of(self._made[ins.INSTANCES])
        path = self.instances_path
        table = ins.read_instances(path)
        for policy, entry in self.manifest["policies"].items():
            expected = entry["functions"]["instances"]
            if len(table) != expected:
                raise MeasureError(f"expected {expected} rows, the manifest's instances under {policy}, found "
                                   f"{len(table)}", path)
        return self._unedited(table, path, self.manifest["tables"].get(ins.INSTANCES))

    def selection(self, policy: str) -> pd.DataFrame:
        """selection.csv of a policy as a DataFrame, SELECTION_COLUMNS, its rows those of `instances`.

        Raises
        ------
        MeasureError
            It is malformed, or of other instances.
        """
        if policy not in self._selections:
            name = self.manifest["policies"][policy]["selection"]
            if name in self._made:
                table = frame_of(self._made[name])
            else:
                table = self._unedited(sel.read_selection(self.path / name, self.instances), self.path / name,
                                       self.manifest["policies"][policy].get("sha256"))
            self._selections[policy] = table
        return self._selections[policy]

    def added(self, policy: str) -> pd.DataFrame:
        """added.csv of a policy as a DataFrame, ADDED_COLUMNS; without rows where there is none.

        Raises
        ------
        MeasureError
            It is malformed, or of other instances.
        """
        entry = self.manifest["policies"][policy]["added"]
        if entry is None:
            return frame_of({name: np.zeros(0, object) for name in ADDED_COLUMNS})
        path = self.path / entry["file"]
        return self._unedited(ad.read_added(path, self.instances), path, entry["sha256"])

    @staticmethod
    def _unedited(table, path, digest):
        """The table, if its file is the one that the manifest was written for; what is wrong in it was said before."""
        found = _digest(read_bytes(path))
        if found != digest:
            raise MeasureError(f"expected sha256 {digest}, as the manifest says, found {found}", path)
        return table

    @cached_property
    def inlined(self) -> pd.DataFrame:
        """inlined.csv as a DataFrame, INLINED_COLUMNS.

        Raises
        ------
        MeasureError
            It is missing or malformed.
        """
        if ins.INLINED in self._made:
            return frame_of(self._made[ins.INLINED])
        path = self.path / ins.INLINED
        return self._unedited(ins.read_inlined(path), path, self.manifest["tables"].get(ins.INLINED))

    @cached_property
    def forms(self) -> pd.DataFrame | None:
        """forms.csv as a DataFrame, FORM_COLUMNS, or None where the forms were not made; errors as of `inlined`."""
        if fm.NAME in self._made:
            return frame_of(self._made[fm.NAME])
        return fm.read_forms(self.path / fm.NAME) if (self.path / fm.NAME).is_file() else None

    @property
    def measurements(self) -> pd.DataFrame | None:
        """measurements.csv as a DataFrame, MEASUREMENT_COLUMNS, or None where nothing was measured yet; errors as of
        `inlined`."""
        return ms.read_measurements(self.measurements_path) if self.measurements_path.is_file() else None

    def keep_measurements(self, table: pd.DataFrame) -> Path:
        """Write measurements.csv, a DataFrame as from harness.measure.measurements; returns its Path.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        write(self.measurements_path, ms.write_measurements(table))
        return self.measurements_path

    def executed(self, name: str) -> pd.DataFrame | None:
        """matrix.csv, survival.csv or usage.csv as a DataFrame, or None where that was not executed; errors as of
        `inlined`.

        Parameters
        ----------
        name : {"matrix", "survival", "usage"}
        """
        path = self.path / ex.FILES[name]
        return ex.read_executed(path, name) if path.is_file() else None

    def keep_executed(self, name: str, table: pd.DataFrame) -> Path:
        """Write such a table, a DataFrame as from harness.witnesses; returns its Path; errors as of
        `keep_measurements`."""
        path = self.path / ex.FILES[name]
        write(path, ex.write_executed(table, name))
        return path


def _headline_first(policy):
    return policy != HEADLINE, policy


def key_of(kernel: dict) -> str | None:
    """What identifies a kernel, str: its build id, else the hash of its file; None if neither is known.

    Parameters
    ----------
    kernel : dict
        The manifest's entry, or a report's.
    """
    return kernel.get("build_id") or (f"sha256:{kernel['sha256']}" if kernel.get("sha256") else None)


def labels(kernels: Iterable[tuple[str | None, str]]) -> list[str]:
    """A label for each kernel, list of str: its own, plus the beginning of its key if another has the same label.

    Parameters
    ----------
    kernels : iterable of (str, str)
        Key and label; equal keys mean the same kernel.
    """
    kernels = list(kernels)
    keys: dict[str, set] = {}
    for key, label in kernels:
        keys.setdefault(label, set()).add(key)
    return [label if len(keys[label]) == 1 else f"{label} ({str(key).removeprefix('sha256:')[:8]})"
            for key, label in kernels]


def check_file(path: Path, data: bytes, entry: dict) -> None:
    """Raise unless the bytes of a .btf file are those that the manifest describes.

    Raises
    ------
    MeasureError
    """
    if len(data) != entry["bytes"]:
        raise MeasureError(f"expected {entry['bytes']} bytes, as the manifest says, found {len(data)}", path)
    found = hashlib.sha256(data).hexdigest()
    if found != entry["sha256"]:
        raise MeasureError(f"expected sha256 {entry['sha256']}, as the manifest says, found {found}", path)


BODIES = ("exact", "suffix", "fallback")
"""Matches whose symbol is the function's body."""


def _symbols(folder):
    """By name of function symbols, their addresses, ascending, where functions.csv has them all: dict."""
    table = folder.instances
    found = table[(table.symbol == table.name) & (table.shndx != NOWHERE)].drop_duplicates(["name", *PLACE])
    found = found[found.groupby("name").address.transform("size") == found.symbol_addresses]
    found = found.sort_values(["name", *PLACE[::-1]], kind="stable")
    names, address = found.name.tolist(), found.address.tolist()
    start = [i for i, name in enumerate(names) if not i or name != names[i - 1]]
    return {names[a]: address[a:b] for a, b in zip(start, [*start[1:], len(names)], strict=True)}


def _like(folder):
    about = folder.manifest["like"]
    if about is None:
        return None
    path = folder.path / about["file"]
    data = read_bytes(path)
    check_file(path, data, about)
    return Like(about["rules"], path, enc.parse(data, str(path)))


def _place(path):
    """The manifest of results or of a report in a folder, or None."""
    return next((place for place in (Path(path), Path(path) / IN_REPORT) if (place / mf.NAME).is_file()), None)


def is_results(path: str | PathLike[str]) -> bool:
    """Whether a path is a folder of results or a report with results, of whatever version."""
    return _place(path) is not None or any(Path(path).glob(f"{IN_REPORT}/*/{mf.NAME}"))


def load(path: str | PathLike[str]) -> ResultFolder:
    """The ResultFolder at a path.

    Parameters
    ----------
    path : path-like
        A folder of results, or a report, which has them in btf/.

    Raises
    ------
    MeasureError
        There is none, or its manifest is malformed or of another schema.
    """
    place = _place(path)
    if place is None:
        if is_results(path):
            raise MeasureError("expected a report with one manifest.json in btf/, found one of an older version: make "
                               "the report again", path)
        raise MeasureError(f"expected a result folder or a report, found neither {mf.NAME} nor {IN_REPORT}/{mf.NAME}",
                           path)
    return ResultFolder(place, mf.read_manifest(place / mf.NAME, read_bytes(place / mf.NAME)))


def save(path: str | PathLike[str], program: Program, encoded: Encoded) -> ResultFolder:
    """Write a folder of one policy, its files next to the manifest; returns the ResultFolder.

    Parameters
    ----------
    path : path-like
        Created if missing. Each file is first written under a temporary name, the manifest last.
    program : harness.program.Program
    encoded : harness.run.Encoded

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    return _save(path, program, [encoded], lambda policy: "")


def save_all(path: str | PathLike[str], program: Program, every: Iterable[Encoded],
             forms: list[tuple] | None = None, like: Encoded | None = None) -> ResultFolder:
    """Write a folder of several policies, each in a subfolder; returns the ResultFolder.

    Parameters
    ----------
    path : path-like
        As in `save`.
    program : harness.program.Program
    every : iterable of harness.run.Encoded
        One for each policy; each is written before the next is asked for.
    forms : list of tuple, optional
        As from harness.functions.forms.selection_forms.
    like : harness.run.Encoded, optional
        The kernel encoded as the pahole that wrote its own .BTF does, to compare the baseline's file with that.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    return _save(path, program, every, lambda policy: f"{policy}/", forms, like)


def kernel_tables(described: dict, inlined: dict, bits: int) -> dict[str, bytes]:
    """The policy-independent tables by name; `read_program` can make them while dedup runs."""
    return {ins.INSTANCES: ins.write_instances(described, bits), ins.INLINED: ins.write_inlined(inlined)}


def _save(path, program, every, place, forms=None, like=None):
    path, bits = make_folder(path), program.kernel["bits"]
    _forget(path)
    tables = program.once(TABLES, lambda: kernel_tables(program.described, program.inlined, bits))
    made = {ins.INSTANCES: program.described, ins.INLINED: program.inlined}
    for name, data in tables.items():
        write(path / name, data)
    if program.shipped is not None:
        write(path / SHIPPED_FILE, program.shipped)
    if forms is not None:
        made[fm.NAME] = fm.forms_table(forms)
        write(path / fm.NAME, fm.write_forms(made[fm.NAME]))
    if like is not None:
        write(path / LIKE_FILE, like.files[BASELINE])
    policies = {}
    for encoded in every:
        folder, name = place(encoded.policy), place(encoded.policy) + sel.NAME
        make_folder(path / folder)
        made[name] = sel.selection_of(program, encoded)
        data = sel.write_selection(made[name])
        write(path / name, data)
        more = None
        if len(encoded.added["name"]):
            rows = ad.write_added(encoded.added)
            more = {"file": f"{folder}{ad.NAME}", "sha256": _digest(rows)}
            write(path / more["file"], rows)
        encodings = {encoding: _artifact(encoding, artifact.sections, folder)
                     for encoding, artifact in encoded.artifacts.items()}
        for encoding, artifact in encoded.artifacts.items():
            for about in mf.files_of(encodings[encoding]):
                write(path / about["file"], artifact.sections[about["section"]])
            made[f"{encoded.policy}/{encoding}"] = True
        policies[encoded.policy] = _policy(encoded, name, data, more, encodings)
    manifest = {
        "schema": mf.SCHEMA,
        "harness": __version__,
        "kernel": program.kernel,
        "tables": {name: _digest(data) for name, data in tables.items()},
        "shipped": SHIPPED_FILE if program.shipped is not None else None,
        "like": None if like is None else {
            "file": LIKE_FILE, "bytes": len(like.files[BASELINE]), "sha256": _digest(like.files[BASELINE]),
            "rules": like.rules, "quirks": list(like.quirks)},
        "fallback": bool((program.instances.match == Match.FALLBACK).any()),
        "funnel": program.instances.counts,
        "variables_skipped": dict(sorted(program.skipped_variables.items())),
        "policies": dict(sorted(policies.items())),
    }
    write(path / mf.NAME, mf.write_manifest(manifest))
    return ResultFolder(path, manifest, made)


def _forget(path):
    """Remove what an earlier run left and what could be taken for new results; its manifest first."""
    names = [fm.NAME, ms.NAME, *ex.FILES.values(), SHIPPED_FILE, LIKE_FILE, *(f"{name}.btf" for name in enc.names())]
    try:
        manifest = mf.read_manifest(path / mf.NAME, read_bytes(path / mf.NAME))
    except MeasureError:  # there is none, or it is of another version
        policies = []
    else:
        policies = list(manifest["policies"].values())
    for policy in policies:
        names += [policy["selection"], *([policy["added"]["file"]] if policy["added"] else [])]
        names += [part["file"] for entry in policy["encodings"].values() for part in mf.files_of(entry)]
    for name in (mf.NAME, *names):
        remove(path / name)


def _digest(data):
    return hashlib.sha256(data).hexdigest()


def _artifact(encoding, sections, folder):
    """The manifest's entry for an artifact, dict: the file of its .BTF section, and those of its own sections."""
    files = [{"section": section, "file": f"{folder}{encoding}{'.btf' if section == enc.SECTION else section}",
              "bytes": len(data), "sha256": _digest(data)} for section, data in sections.items()]
    first, *others = files
    return {**first, "sections": others}


def _policy(encoded, selection, data, added, encodings):
    """The manifest's entry for a policy, dict."""
    convention = encoded.faults.convention
    return {
        "selection": selection,
        "sha256": _digest(data),
        "rules": encoded.rules,
        "quirks": list(encoded.quirks),
        "kernel_step": encoded.step,
        "layout_section": encoded.layout_section,
        "added": added,
        "registers": "numbered" if convention.numbered else "counted" if convention.registers else "unsupported",
        "functions": sel.counts_of(encoded),
        "encodings": encodings,
    }


def gather(results: Iterable[Result], path: str | PathLike[str]) -> ResultFolder:
    """Write Results of one kernel into one folder, as `save_all` would have; returns the ResultFolder.

    Parameters
    ----------
    results : list of Result
        Of different policies, from any folders.
    path : path-like

    Raises
    ------
    MeasureError
        Their instances differ, a policy appears twice, only some have layout sections, or a file cannot be read or does
        not match its manifest.
    OutputError
        A file cannot be written.
    """
    results = sorted(results, key=lambda result: _headline_first(result.policy))
    place, first = make_folder(path), results[0].of
    _forget(place)
    tables = {name: read_bytes(first.path / name) for name in (ins.INSTANCES, ins.INLINED)}
    for other in dict.fromkeys(result.of for result in results[1:]):
        if other is not first and read_bytes(other.instances_path) != tables[ins.INSTANCES]:
            raise MeasureError(f"expected the functions of {first.instances_path}, found others", other.instances_path)
    forms = next((result.of.path / fm.NAME for result in results if (result.of.path / fm.NAME).is_file()), None)
    if forms is not None:
        tables[fm.NAME] = read_bytes(forms)
    if first.manifest["shipped"] is not None:
        tables[SHIPPED_FILE] = read_bytes(first.path / first.manifest["shipped"])
    if first.manifest["like"] is not None:
        about = first.manifest["like"]
        tables[LIKE_FILE] = read_bytes(first.path / about["file"])
        check_file(first.path / about["file"], tables[LIKE_FILE], about)
    for name, data in tables.items():
        write(place / name, data)
    policies: dict[str, dict] = {}
    for result in results:
        entry = result.of.manifest["policies"][result.policy]
        if result.policy in policies:
            raise MeasureError(f"expected results of different policies, found {result.policy} twice", result.folder)
        if entry["layout_section"] != next(iter(policies.values()), entry)["layout_section"]:
            raise MeasureError("expected results that all have a layout section or all have none", result.folder)
        make_folder(place / result.policy)
        moved = {**entry, "selection": f"{result.policy}/{sel.NAME}", "encodings": {}}
        write(place / moved["selection"], read_bytes(result.folder / entry["selection"]))
        if entry["added"]:
            moved["added"] = {**entry["added"], "file": f"{result.policy}/{ad.NAME}"}
            write(place / moved["added"]["file"], read_bytes(result.folder / entry["added"]["file"]))
        for name, about in entry["encodings"].items():
            sections = {}
            for part in mf.files_of(about):
                sections[part["section"]] = read_bytes(result.folder / part["file"])
                check_file(result.folder / part["file"], sections[part["section"]], part)
            moved["encodings"][name] = _artifact(name, sections, f"{result.policy}/")
            for part in mf.files_of(moved["encodings"][name]):
                write(place / part["file"], sections[part["section"]])
        policies[result.policy] = moved
    manifest = {**first.manifest, "policies": dict(sorted(policies.items())),
                "shipped": SHIPPED_FILE if first.manifest["shipped"] is not None else None,
                "like": first.manifest["like"] and {**first.manifest["like"], "file": LIKE_FILE}}
    write(place / mf.NAME, mf.write_manifest(manifest))
    return load(place)
