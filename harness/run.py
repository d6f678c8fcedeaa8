"""The stages in order: an ELF file in, one result folder out. What the command line and notebooks call.

A result folder holds <encoding>.btf for each encoding, shipped.btf (the kernel's own .BTF section, when it has one),
functions.csv (one row per function instance) and manifest.json, which names them and says what they were made from.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness import __version__, btf, warm
from harness import encodings as enc
from harness.dedup import dedup_types
from harness.dwarf import walk
from harness.dwarf import walk_tables as wt
from harness.elf import ElfImage
from harness.errors import EncodeError
from harness.functions import POLICIES, Match, build_prototypes, join, select
from harness.functions.policies import REASON_TEXT, Reason
from harness.functions.variables import per_cpu_variables
from harness.model import Kind, StringTable, TypeTable, concatenate, info_word

SCHEMA = 1
"""Version of manifest.json and functions.csv. History: 1, first."""

FUNCTION_COLUMNS = ("name", "address", "symbol", "match", "unit", "external", "elf_addresses", "proto", "func",
                    "reason")


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
    texts : (list of str, list of str, list of str)
        CSV fields of each instance's name, ELF symbol ('' if none) and unit.
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
    texts: tuple
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
    proto, func : uint32 (instances,)
        FUNC_PROTO and FUNC in `plain` of each instance, 0 if it is not encoded.
    """

    policy: str
    files: dict
    predicted: dict
    selection: object
    pairs: object
    proto: np.ndarray
    func: np.ndarray


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
        walked = walk(image, threads, progress.stage("walk over units"))
        with ThreadPoolExecutor(1) as executor:
            # dedup needs one core and no Python; the functions are joined on the other meanwhile
            deduplicated = executor.submit(dedup_types, walked.types, walked.strings, in_place=True, threads=threads,
                                           progress=progress.stage("dedup"))
            walked = walked._replace(types=None)
            symbols = image.symbols()
            table = join(walked, symbols, fallback=fallback)
            texts = _texts(walked, table, symbols)
            types, id_map = deduplicated.result()
            del deduplicated
        progress.stage("functions")(0, 1)
        variables = per_cpu_variables(walked, image, symbols, types, id_map, len(walked.strings.blob))
        base = concatenate([types, variables.types]) if len(variables.types.words) else types
        tags = _type_tags(walked.decl_tags, id_map, variables.type_id)
        if tags is not None:
            base = concatenate([base, tags])
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
    blob = np.concatenate([walked.strings.blob, variables.strings])
    return Prepared(about, walked, id_map, types, base, blob, table, texts, shipped, variables.skipped)


def _texts(walked, table, symbols):
    """CSV fields of each instance's name, symbol and unit: three lists of str."""
    strings = _Strings(walked.strings.blob)
    matched = [""] * len(table.symbol)
    if len(symbols.name):
        matched = _Strings(symbols.strtab).fields(symbols.name[np.maximum(table.symbol, 0)])
        for i in np.flatnonzero(table.symbol < 0).tolist():
            matched[i] = ""
    units = strings.fields(walked.unit_name)
    return strings.fields(table.name), matched, [units[u] for u in walked.functions.unit[table.die].tolist()]


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


def encode(prepared, policy="consistent", encodings=None):
    """Encode a prepared kernel under one policy.

    Parameters
    ----------
    prepared : Prepared
    policy : str
        all, consistent or current.
    encodings : list of str, optional
        Names in the registry; the default ones when None. `plain` is always made: the others are measured against it.

    Returns
    -------
    Encoded
    """
    if policy not in POLICIES:
        raise EncodeError(f"expected a policy of {', '.join(POLICIES)}, found {policy!r}")
    chosen = [enc.encoding(name) for name in (encodings or enc.default_names())]
    if all(e.name != "plain" for e in chosen):
        chosen.insert(0, enc.encoding("plain"))
    table, walked = prepared.table, prepared.walk
    selection = select(policy, table, walked, prepared.types, prepared.id_map)
    kept = np.flatnonzero(selection.reason == Reason.ENCODED)
    strings = _Strings(prepared.strings)
    # prototypes are numbered in the order of the functions, so sort those first
    rank = strings.rank(table.name[kept])
    kept = kept[np.lexsort((table.address[kept], rank))]
    prototypes = build_prototypes(table.die[kept], walked, prepared.base, prepared.id_map)
    common = concatenate([prepared.base, prototypes.types])
    has_address = table.address[kept] != 0
    tags_by_die = {}
    for name, space, target, component in zip(*(c.tolist() for c in walked.decl_tags), strict=True):
        if space == wt.T_FUNC:
            tags_by_die.setdefault(target, []).append((name, component))
    tags = [(i, name, component) for i, die in enumerate(table.die[kept].tolist())
            for name, component in tags_by_die.get(die, ())] if tags_by_die else []
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
    return Encoded(policy, files, predicted, selection, pairs, proto, func)


UNSAFE = re.compile(r'[,"\r\n]').search


class _Strings:
    """Strings of a blob as Python bytes, many at a time."""

    def __init__(self, blob):
        self._text = blob.tobytes()

    def list(self, offsets):
        text = self._text
        return [text[o : text.index(b"\0", o)] for o in offsets.tolist()]

    def array(self, offsets):
        return np.array(self.list(offsets) or [b""], dtype=bytes)[: len(offsets)]

    def fields(self, offsets):
        """The strings as CSV fields (RFC 4180)."""
        out = [s.decode("utf-8", "surrogateescape") for s in self.list(offsets)]
        return ['"' + s.replace('"', '""') + '"' if UNSAFE(s) else s for s in out]

    def rank(self, offsets):
        """Rank of each string among them, by content."""
        distinct, inverse = np.unique(offsets, return_inverse=True)
        rank = np.empty(len(distinct), np.int64)
        rank[np.argsort(self.array(distinct), kind="stable")] = np.arange(len(distinct))
        return rank[inverse]


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
    outputs["functions.csv"] = functions_csv(prepared, encoded)
    manifest = {
        "schema": SCHEMA,
        "harness": __version__,
        "kernel": prepared.kernel,
        "policy": encoded.policy,
        "fallback": bool((prepared.table.match == Match.FALLBACK).any()),
        "encodings": {name: {"file": f"{name}.btf", "bytes": len(data),
                             "sha256": hashlib.sha256(data).hexdigest(),
                             "predicted_growth": encoded.predicted[name]}
                      for name, data in encoded.files.items()},
        "shipped": "shipped.btf" if prepared.shipped is not None else None,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in outputs.items()
                   if name in ("functions.csv", "shipped.btf")},
        "functions": _function_counts(prepared, encoded),
        "funnel": prepared.table.counts,
        "variables_skipped": dict(sorted(prepared.skipped_variables.items())),
    }
    outputs["manifest.json"] = (json.dumps(manifest, indent=1) + "\n").encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise EncodeError(f"the folder cannot be made: {err.strerror}", folder) from err
    for name, data in outputs.items():
        btf.write(folder / name, data)
    return folder


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


def functions_csv(prepared, encoded):
    """functions.csv as bytes: one row per function instance, FUNCTION_COLUMNS.

    name; address (hex, of its entry); symbol (matched ELF symbol); match (exact, suffix, part, fallback, none); unit
    (source file of its compile unit); external (1 or 0); elf_addresses (distinct addresses of symbols with this base
    name); proto and func (type_ids in every file and in plain.btf, 0 if not encoded); reason (why not, or empty).
    """
    table, walked = prepared.table, prepared.walk
    names, symbols, units = prepared.texts
    external = ((walked.functions.flags[table.die] & wt.FN_EXTERNAL) != 0).astype(int).tolist()
    match = [m.name.lower() for m in Match]
    reasons = [REASON_TEXT[r] for r in Reason]
    row = f"%s,0x%0{prepared.kernel['bits'] // 4}x,%s,%s,%s,%d,%d,%d,%d,%s".__mod__
    lines = map(row, zip(names, table.address.tolist(), symbols,
                         map(match.__getitem__, table.match.tolist()), units, external, table.n_addresses.tolist(),
                         encoded.proto.tolist(), encoded.func.tolist(),
                         map(reasons.__getitem__, encoded.selection.reason.tolist()), strict=True))
    return "\n".join([",".join(FUNCTION_COLUMNS), *lines, ""]).encode("utf-8", "surrogateescape")
