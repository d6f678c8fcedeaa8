"""The stages in order: an ELF file in, one result folder out. What the command line and notebooks call.

A result folder holds <encoding>.btf for each encoding, shipped.btf (the kernel's own .BTF section, when it has one),
functions.csv (one row per function instance), inlined.csv (names without any) and manifest.json, which names
them and says what they were made from.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness import __version__, btf, warm
from harness import encodings as enc
from harness.dedup import dedup_types
from harness.dwarf import walk
from harness.dwarf import walk_tables as wt
from harness.dwarf.lines import source_files
from harness.dwarf.walk import read_location_lists
from harness.elf import ElfImage
from harness.errors import EncodeError, UsageError
from harness.functions import (
    DEFAULT,
    POLICIES,
    Match,
    build_prototypes,
    check_quirks,
    join,
    read_faults,
    rules_of,
    select,
)
from harness.functions.forms import forms_csv, selection_forms
from harness.functions.ftrace import ftrace_sites
from harness.functions.kfuncs import kfuncs, tags
from harness.functions.listing import Strings, describe, functions_csv, inlined_csv
from harness.functions.policies import REASON_TEXT, Reason
from harness.functions.variables import per_cpu_variables
from harness.model import Kind, StringTable, TypeTable, concatenate, info_word

SCHEMA = 2
"""Version of manifest.json and functions.csv. History: 1, first; 2, rules and quirks, columns of functions.csv."""


FORMS = "selection.csv"


class Prepared(NamedTuple):
    """A kernel read, deduplicated and joined: what all policies and encodings share.

    Attributes
    ----------
    kernel : dict
        What the file is: label, build_id, machine, bits, byteorder, and where it came from.
    walk : Walk
        Without its types, which dedup has consumed.
    id_map : uint32 (types + 1,)
        From the walk's type_ids to `types`.
    types : TypeTable
        The deduplicated types.
    base : TypeTable
        Those, then VARs and DATASEC, then DECL_TAGs on types and variables: what every file begins with.
    strings : uint8
        The blob that all names are offsets into.
    table : FunctionTable
    described : list of str
        What functions.csv says of each instance under any policy, as harness.functions.listing.describe gives it.
    inlined : bytes
        inlined.csv, as harness.functions.listing.inlined_csv gives it.
    kfuncs : dict of bytes to list of int
        Names (offsets in `strings`) of the DECL_TAGs of each function that BPF programs may call.
    shipped : bytes or None
        The .BTF section of the file.
    skipped_variables : dict of str to int
    """

    kernel: dict
    walk: object
    id_map: np.ndarray
    types: TypeTable
    base: TypeTable
    strings: np.ndarray
    table: object
    described: list
    inlined: bytes
    kfuncs: dict
    shipped: bytes | None
    skipped_variables: dict


class Encoded(NamedTuple):
    """A kernel encoded under one policy.

    Attributes
    ----------
    policy : str
    files : dict of str to bytes
        The .btf file of each encoding.
    predicted : dict of str to int
        Bytes each encoding's formula says it grows over `plain`.
    selection : Selection
    pairs : Pairs
    faults : Faults
    signature : int64 (instances,)
        Equal for instances with equal FUNC_PROTOs; counts from 1.
    proto, func : uint32 (instances,)
        FUNC_PROTO and FUNC in `plain` of each instance, 0 if it is not encoded.
    rules : str
        Version of pahole whose rules the policy followed.
    quirks : tuple of str
    """

    policy: str
    files: dict
    predicted: dict
    selection: object
    pairs: object
    faults: object
    signature: np.ndarray
    proto: np.ndarray
    func: np.ndarray
    rules: str
    quirks: tuple


class Silent:
    """Progress that says nothing; see harness.ui for one that does."""

    def stage(self, text):
        """Begin a stage; returns a callable (done, total)."""
        return lambda done, total: None

    def done(self):
        """End the last stage."""


def prepare(kernel, threads=2, fallback=True, progress=None):
    """Read a kernel's DWARF and symbols, and deduplicate its types.

    Parameters
    ----------
    kernel : harness.kernels.Kernel or path-like
    threads : int
        The result does not depend on it.
    fallback : bool
        Give a function none of whose DIEs has a matched address the address of its only symbol.
    progress : Silent, optional

    Raises
    ------
    HarnessError
    """
    progress = progress or Silent()
    path = getattr(kernel, "path", kernel)
    if threads > 1:
        warm.start()
    with ElfImage(path) as image:
        walked = walk(image, threads, progress.stage("walk over units"), lists=False)
        with ThreadPoolExecutor(1) as executor:
            # dedup needs one core and no Python; the functions are joined on the other meanwhile
            deduplicated = executor.submit(dedup_types, walked.types, walked.strings, in_place=True, threads=threads,
                                           progress=progress.stage("dedup"))
            walked = walked._replace(types=None)
            read_location_lists(image, walked)
            symbols = image.symbols()
            table = join(walked, symbols, fallback=fallback, machine=image.machine)
            sources = source_files(image, walked.unit_line, walked.functions.unit[table.die],
                                   walked.functions.file[table.die])
            described = describe(walked, table, symbols, image, sources, ftrace_sites(image, symbols))
            inlined = inlined_csv(walked, table)
            tagged = {k.name: tags(k) for k in kfuncs(image, symbols)}
            types, id_map = deduplicated.result()
            del deduplicated
        progress.stage("functions")(0, 1)
        variables = per_cpu_variables(walked, image, symbols, types, id_map, len(walked.strings.blob))
        base = concatenate([types, variables.types]) if len(variables.types.words) else types
        type_tags = _type_tags(walked.decl_tags, id_map, variables.type_id)
        if type_tags is not None:
            base = concatenate([base, type_tags])
        section = image.section(".BTF")
        shipped = image.read(section).tobytes() if section is not None and section.nbytes else None
        about = {
            "label": getattr(kernel, "label", None) or os.path.basename(os.fspath(path)),
            "build_id": image.build_id(),
            "machine": image.machine,
            "bits": image.bits,
            "byteorder": image.byteorder,
            "provenance": _provenance(kernel),
        }
    progress.done()
    tail, tagged = _kfunc_tag_names(tagged, len(walked.strings.blob) + len(variables.strings))
    blob = np.concatenate([walked.strings.blob, variables.strings, tail])
    return Prepared(about, walked, id_map, types, base, blob, table, described,
                    inlined, tagged, shipped, variables.skipped)


def _kfunc_tag_names(tagged, at):
    """Bytes to append to a blob of length `at`, and for each kfunc the offsets of its tags' names in them."""
    where, tail = {}, b""
    for name in dict.fromkeys(name for names in tagged.values() for name in names):
        where[name] = at + len(tail)
        tail += name + b"\0"
    return np.frombuffer(tail, np.uint8), {func: [where[n] for n in names] for func, names in tagged.items()}


def _provenance(kernel):
    known = getattr(kernel, "provenance", None) or {}
    return {k: v for k, v in known.items() if isinstance(v, (str, int)) and k != "path"}


def _type_tags(tags, id_map, var_ids):
    """DECL_TAG rows for annotations on types and variables, each once; None when there are none."""
    found = set()
    for name, space, target, component in zip(*(c.tolist() for c in tags), strict=True):
        if space == wt.T_TYPE:
            found.add((int(id_map[target]), component, name))
        elif space == wt.T_VAR and target in var_ids:
            found.add((var_ids[target], component, name))
    if not found:
        return None
    words = np.array([[name, info_word(Kind.DECL_TAG), target, component & 0xFFFFFFFF]
                      for target, component, name in sorted(found)], np.uint32)
    starts = np.concatenate([[0], 4 * np.arange(len(words) + 1, dtype=np.int64)])
    return TypeTable(words.ravel(), starts)


def encode(prepared, policy="consistent", encodings=None, rules=DEFAULT, quirks=(), kfunc_tags=True):
    """Encode a prepared kernel under one policy.

    Parameters
    ----------
    prepared : Prepared
    policy : str
        all, consistent or current.
    encodings : list of str, optional
        Names in the registry; the default ones when None. `plain` is always made: the others are measured against it.
    rules : str
        Version of pahole whose selection rules to follow, one of harness.functions.RULES.
    quirks : iterable of str
        pahole bugs to reproduce, of harness.functions.QUIRKS.
    kfunc_tags : bool
        Write a bpf_kfunc DECL_TAG for each kfunc (pahole's decl_tag_kfuncs).

    Returns
    -------
    Encoded
    """
    if policy not in POLICIES:
        raise UsageError.choice("policy", POLICIES, policy)
    chosen = [enc.encoding(name) for name in (encodings or enc.default_names())]
    if all(e.name != "plain" for e in chosen):
        chosen.insert(0, enc.encoding("plain"))
    table, walked = prepared.table, prepared.walk
    rules, quirks = rules_of(rules), check_quirks(quirks)
    faults = read_faults(walked, prepared.types, prepared.id_map, prepared.kernel["machine"], prepared.kernel["bits"],
                         rules, quirks)
    selection = select(policy, table, walked, prepared.types, prepared.id_map, faults, rules, quirks)
    kept = np.flatnonzero(selection.reason == Reason.ENCODED)
    strings = Strings(prepared.strings)
    # prototypes are numbered in the order of the functions, so sort those first
    rank = strings.rank(table.name[kept])
    kept = kept[np.lexsort((table.address[kept], rank))]
    prototypes = build_prototypes(table.die[kept], walked, prepared.base, prepared.id_map, faults.dropped)
    common = concatenate([prepared.base, prototypes.types])
    has_address = table.address[kept] != 0
    tags_by_die = {}
    for name, space, target, component in zip(*(c.tolist() for c in walked.decl_tags), strict=True):
        if space == wt.T_FUNC:
            tags_by_die.setdefault(target, []).append((name, component))
    tags = [(i, name, component) for i, die in enumerate(table.die[kept].tolist())
            for name, component in tags_by_die.get(die, ())] if tags_by_die else []
    if kfunc_tags and prepared.kfuncs:
        names = strings.array(table.name[kept])
        for i in np.flatnonzero(np.isin(names, np.array(list(prepared.kfuncs)))).tolist():
            tags += [(i, name, -1) for name in prepared.kfuncs[names[i]]]
    pairs, pair_of = enc.make_pairs(table.name[kept], prototypes.type_id, table.address[kept], has_address,
                                    strings.array, tags)

    def make(e):
        rows = e.rows(pairs, common.n_types + 1, len(prepared.strings))
        types = concatenate([common, rows.types])
        blob = np.concatenate([prepared.strings, rows.strings]) if len(rows.strings) else prepared.strings
        return btf.encode(types, StringTable(blob), byteorder=prepared.kernel["byteorder"]), rows.func

    with ThreadPoolExecutor(2) as executor:
        made = dict(zip([e.name for e in chosen], executor.map(make, chosen), strict=True))
    files = {name: data for name, (data, _) in made.items()}
    predicted = {e.name: int(e.growth(pairs)) for e in chosen}
    func = np.zeros(len(table.die), np.uint32)
    func[kept] = made["plain"][1][pair_of]
    proto = np.zeros(len(table.die), np.uint32)
    proto[kept] = prototypes.type_id
    every = build_prototypes(table.die, walked, prepared.base, prepared.id_map, faults.dropped).type_id
    _, first, signature = np.unique(every, return_index=True, return_inverse=True)
    signature = np.argsort(np.argsort(first))[signature] + 1
    return Encoded(policy, files, predicted, selection, pairs, faults, signature, proto, func, rules.version,
                   tuple(sorted(quirks)))


def write_result(folder, prepared, encoded):
    """Write a result folder; every file under a temporary name first, the manifest last. Returns its Path.

    Raises
    ------
    EncodeError
        The folder cannot be written.
    """
    folder = Path(folder)
    outputs = {f"{name}.btf": data for name, data in encoded.files.items()}
    if prepared.shipped is not None:
        outputs["shipped.btf"] = prepared.shipped
    outputs["functions.csv"] = functions_csv(prepared.described, prepared.table, encoded.faults, encoded.signature,
                                             encoded.proto, encoded.func, encoded.selection)
    outputs["inlined.csv"] = prepared.inlined
    manifest = {
        "schema": SCHEMA,
        "harness": __version__,
        "kernel": prepared.kernel,
        "policy": encoded.policy,
        "rules": encoded.rules,
        "quirks": list(encoded.quirks),
        "registers": "numbered" if encoded.faults.convention.numbered else
                     "counted" if encoded.faults.convention.registers else "unsupported",
        "fallback": bool((prepared.table.match == Match.FALLBACK).any()),
        "encodings": {name: {"file": f"{name}.btf", "bytes": len(data),
                             "sha256": hashlib.sha256(data).hexdigest(),
                             "predicted_growth": encoded.predicted[name]}
                      for name, data in encoded.files.items()},
        "shipped": "shipped.btf" if prepared.shipped is not None else None,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in outputs.items()
                   if name in ("functions.csv", "inlined.csv", "shipped.btf")},
        "functions": _function_counts(prepared, encoded),
        "funnel": prepared.table.counts,
        "variables_skipped": dict(sorted(prepared.skipped_variables.items())),
    }
    outputs["manifest.json"] = (json.dumps(manifest, indent=1) + "\n").encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise EncodeError(f"the directory cannot be created: {err.strerror}", folder) from err
    for name, data in outputs.items():
        btf.write(folder / name, data)
    return folder


def write_forms(folder, prepared):
    """Write selection.csv, how many functions each form of the rules keeps, next to result folders; returns its Path.

    Raises
    ------
    EncodeError
        The folder cannot be written.
    """
    kernel = prepared.kernel
    rows = selection_forms(prepared.walk, prepared.table, prepared.types, prepared.id_map, kernel["machine"],
                           kernel["bits"])
    path = Path(folder) / FORMS
    btf.write(path, forms_csv(rows))
    return path


def _function_counts(prepared, encoded):
    reason = encoded.selection.reason
    skipped = {REASON_TEXT[Reason(r)]: int(n) for r, n in zip(*np.unique(reason, return_counts=True), strict=True)
               if r != Reason.ENCODED}
    pairs = encoded.pairs
    return {
        "instances": len(reason),
        "encoded": int((reason == Reason.ENCODED).sum()),
        "skipped": skipped,
        "pairs": int(pairs.has_address.sum()),
        "addresses": len(np.unique(pairs.address[pairs.has_address])),
        "names": len(np.unique(pairs.name)),
        "funcs": int(enc.encoding("plain").rows(pairs, 1, 0).func.max(initial=0)),
    }
