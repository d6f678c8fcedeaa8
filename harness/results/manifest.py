"""manifest.json: what a result folder holds, and what it was made from.

==================  ================================================================================================
schema              7
harness             version of btf-harness that wrote it
kernel              label, build_id (or null, and then sha256 of the ELF file), machine, bits, byteorder, relocatable,
                    release (of Linux, or null), base (address of the first byte), code_sections (index, name and
                    address of each section with code), shipped_unusable (why its own .BTF is set aside, or null),
                    kfuncs_unusable (the same of .BTF_ids), kfunc_flags_unsure (why the flags of kfuncs may be those of
                    others, or null), provenance
tables              by name of the kernel's tables, functions.csv and inlined.csv: sha256
shipped             name of the file with the kernel's own .BTF section, or null
like                file, bytes, sha256, rules and quirks of the baseline as the pahole that wrote that section
                    makes it, or null
fallback            whether an unmatched function gets the address of its name's only symbol
funnel              what was counted on the way from DIEs and symbols to instances
variables_skipped   per-CPU variables that became no VAR, by reason
policies            by name, sorted:
- selection         name of its selection.csv
- sha256            of that file
- rules, quirks     version of pahole whose rules it follows, and the pahole bugs that it reproduces
- kernel_step       version of the kernel's own step that was done after pahole's, or null
- layout_section    whether the files of its encodings have one (harness.btf.kind_sizes)
- added             file and sha256 of its added.csv, or null
- registers         numbered, counted or unsupported: what the rules know about the machine's registers
- functions         instances, encoded, skipped (by reason), added (by the step), names, funcs, pairs, addresses
- encodings         by name: section, file, bytes, sha256 of .BTF, and as `sections` those of the encoding's own
sha256              of all the above, so that no field can be edited unnoticed
==================  ================================================================================================

Names of files are relative to the folder and stay in it. A folder of one policy has its files next to the
manifest, one of several in a subfolder for each; readers go by the names.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePosixPath

from harness import encodings as enc
from harness.errors import MeasureError

NAME = "manifest.json"

SCHEMA = 7
"""Version of the manifest and of the files that it names.

History: 1, first; 2, rules and quirks, columns of functions.csv; 3, one instances table for all policies, each with a
selection of its own, in one manifest; annotations (tags) in the selection, sections of encodings; formulas count from
the tables, so that predicted_growth is gone; 4, the manifest has a sha256 of itself; 5, functions.csv has the index of
the section that an instance is in (shndx); 6, kernel_step, what it adds beside the instances (added.csv); like;
layout_section, false where it is missing; 7, base and code_sections of the kernel.
"""

SHIPPED = "shipped"
"""The kernel's own .BTF section, where an encoding's name is expected."""

DIGEST = "sha256"

BASELINE = enc.names()[0]
"""The encoding that the others are measured against: the first of the registry."""


def write_manifest(manifest):
    """A manifest, dict, as the bytes of the file, with its sha256."""
    return (json.dumps({**manifest, DIGEST: _digest(manifest)}, indent=1) + "\n").encode()


def _digest(manifest):
    """sha256 of a manifest's fields, whatever the order and the layout of its text."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_manifest(path, data):
    """The manifest in the bytes of a file, dict, without its sha256.

    Parameters
    ----------
    path : Path
        For errors.
    data : bytes

    Raises
    ------
    MeasureError
        It is malformed, of another schema, names files outside its folder, or was edited.
    """
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MeasureError(f"expected JSON, found: {error}", path) from error
    if not isinstance(manifest, dict):
        raise MeasureError("expected a JSON object", path)
    if manifest.get("schema") != SCHEMA:
        raise MeasureError(f"expected a manifest of schema {SCHEMA}, found {manifest.get('schema')!r}: encode the "
                           "kernel again with this version of btf-harness", path)
    digest = manifest.pop(DIGEST, None)
    found = _digest(manifest)  # before defaults are filled in
    _shape(path, manifest, {"harness": str, "kernel": dict, "tables": dict, "funnel": dict,
                           "variables_skipped": dict, "policies": dict})
    kernel = manifest["kernel"]
    _shape(path, kernel, {"label": str, "machine": str, "bits": int, "base": int, "code_sections": list}, "kernel.")
    for one in kernel["code_sections"]:
        if not isinstance(one, list) or [type(field) for field in one] != [int, str, int]:
            raise MeasureError(f"expected kernel.code_sections of index, name and address, found {one!r}", path)
    if kernel["bits"] not in (32, 64):
        raise MeasureError(f"expected kernel.bits to be 32 or 64, found {kernel['bits']}", path)
    if not isinstance(kernel.get("build_id") or kernel.get("sha256"), str):
        raise MeasureError("expected kernel.build_id or kernel.sha256 of type str, found neither", path)
    if not isinstance(kernel.setdefault("provenance", {}), dict):
        raise MeasureError("expected kernel.provenance to be an object", path)
    _counts(path, "funnel", {key: n for key, n in manifest["funnel"].items() if not isinstance(n, dict)})
    if not isinstance(manifest.setdefault("shipped", None), str | None):
        raise MeasureError("expected shipped to be a file's name or null", path)
    if not isinstance(manifest.setdefault("like", None), dict | None):
        raise MeasureError("expected like to be an object or null", path)
    if manifest["like"] is not None:
        _shape(path, manifest["like"],
               {"file": str, "bytes": int, "sha256": str, "rules": str, "quirks": list}, "like.")
        _inside(path, manifest["like"]["file"])
    _inside(path, *filter(None, [manifest["shipped"]]), *manifest["tables"])
    if not manifest["policies"]:
        raise MeasureError("expected policies, found none", path)
    for name, entry in manifest["policies"].items():
        _policy(path, name, entry)
    if digest != found:
        raise MeasureError(f"expected fields with the sha256 {digest}, as the manifest says, found {found}: it was "
                           "edited", path)
    return manifest


def _policy(path, name, entry):
    where = f"policies.{name}."
    _word(path, name)
    if not isinstance(entry, dict):
        raise MeasureError(f"expected {where[:-1]} to be an object", path)
    _shape(path, entry, {"selection": str, "rules": str, "quirks": list, "registers": str, "functions": dict,
                         "encodings": dict}, where)
    _shape(path, entry["functions"], {"instances": int, "encoded": int, "skipped": dict, "funcs": int},
           f"{where}functions.")
    _counts(path, f"{where}functions.skipped", entry["functions"]["skipped"])
    if not all(isinstance(quirk, str) for quirk in entry["quirks"]):
        raise MeasureError(f"expected {where}quirks to be names, found {entry['quirks']!r}", path)
    if not isinstance(entry.setdefault("kernel_step", None), str | None):
        raise MeasureError(f"expected {where}kernel_step to be a version or null, found {entry['kernel_step']!r}", path)
    if not isinstance(entry.setdefault("layout_section", False), bool):
        raise MeasureError(f"expected {where}layout_section to be true or false, found {entry['layout_section']!r}",
                           path)
    if entry.setdefault("added", None) is not None:
        if not isinstance(entry["added"], dict):
            raise MeasureError(f"expected {where}added to be an object or null", path)
        _shape(path, entry["added"], {"file": str, "sha256": str}, f"{where}added.")
        _inside(path, entry["added"]["file"])
    _inside(path, entry["selection"])
    encodings = entry["encodings"]
    if BASELINE not in encodings:
        raise MeasureError(f"expected the encoding {BASELINE}, the baseline, found {', '.join(encodings)}", path)
    if SHIPPED in encodings:
        raise MeasureError(f"expected no encoding of the name {SHIPPED}", path)
    for encoding, about in encodings.items():
        at = f"{where}encodings.{encoding}."
        _word(path, encoding)
        if not isinstance(about, dict):
            raise MeasureError(f"expected {at[:-1]} to be an object", path)
        _shape(path, about, {"sections": list}, at)
        for part in files_of(about):
            if not isinstance(part, dict):
                raise MeasureError(f"expected {at}sections to be objects", path)
            _shape(path, part, {"section": str, "file": str, "bytes": int, "sha256": str}, at)
            _inside(path, part["file"])


def files_of(entry):
    """The files of an encoding's entry, list of dict: section, file, bytes, sha256; that of .BTF first."""
    return [entry, *entry["sections"]]


def _shape(path, mapping, fields, where=""):
    for key, kind in fields.items():
        if not isinstance(mapping.get(key), kind) or isinstance(mapping.get(key), bool):
            raise MeasureError(f"expected {where}{key} of type {kind.__name__}, found {mapping.get(key)!r}", path)


def _counts(path, where, numbers):
    for key, n in numbers.items():
        if type(n) is not int:
            raise MeasureError(f"expected {where}.{key} of type int, found {n!r}", path)


def _word(path, name):
    """Check a name of a policy or an encoding, which may become a file name."""
    if not name or name != PurePosixPath(name).name or "\0" in name:
        raise MeasureError(f"expected names of policies and encodings, found {name!r}", path)


def _inside(path, *names):
    for name in names:
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts or "\0" in name or not parts.name:
            raise MeasureError(f"expected names of files in this folder, found {name!r}", path)
