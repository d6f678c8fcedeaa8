"""A tiny result folder, written by hand as harness.results writes a kernel's."""

from __future__ import annotations

import hashlib
import json
import random

import numpy as np

from harness import btf
from harness import encodings as enc
from harness.model import Kind, StringTable, TypeTable, concatenate, info_word
from harness.results import FUNCTION_COLUMNS, INSTANCE_COLUMNS, SCHEMA, SELECTION_COLUMNS
from harness.results.manifest import write_manifest

INT, POINTER, NODE, TAKES_INT, TAKES_NODE = 1, 2, 3, 4, 5

# name, address, match, prototype, reason, and if need be columns that differ
INSTANCES = [
    ("alone", 0xFFFFFFFF81000000, "exact", TAKES_INT, ""),
    ("twice", 0xFFFFFFFF81000010, "exact", TAKES_INT, ""),
    ("twice", 0xFFFFFFFF81000020, "exact", TAKES_INT, ""),
    ("twice", 0xFFFFFFFF81000030, "suffix", TAKES_INT, ""),
    ("cloned", 0xFFFFFFFF81000040, "suffix", TAKES_NODE, ""),
    ("alias", 0xFFFFFFFF81000000, "exact", TAKES_NODE, ""),
    ("torn", 0xFFFFFFFF81000050, "exact", TAKES_NODE, "inconsistent prototype"),
    ("torn", 0xFFFFFFFF81000060, "exact", TAKES_INT, "inconsistent prototype"),
    ("piece", 0xFFFFFFFF81000070, "part", TAKES_INT, "partial body"),
    ("found", 0xFFFFFFFF81000080, "fallback", TAKES_INT, ""),
]


NAMES = ("a", "Z", "aa", "b.c", "é", "\udcff", "\udcfe\udc80", "shipped", "alone", "twice", "\U0001f600", "_")
"""Names that differ in how they are sorted: code points, not letters, and bytes that are not UTF-8."""

REASONS = ("", "", "", "partial body", "inconsistent prototype", "ambiguous address", "another; reason")


def any_instances(seed, n=60):
    """Instances by chance: names with several addresses, addresses with several names, and the same row twice."""
    rng = random.Random(seed)
    out = []
    for _ in range(n):
        match = rng.choice(("exact", "exact", "suffix", "fallback", "part", "overridden"))
        more = {"symbol_addresses": rng.randint(1, 2), "ftrace": rng.choice(("0", "1", "")),
                "section": rng.choice((".text", ".init.text"))}
        out.append((rng.choice(NAMES), 0xFFFFFFFF81000000 + 16 * rng.randrange(30), match,
                    rng.choice((TAKES_INT, TAKES_NODE)),
                    rng.choice(REASONS) if match != "overridden" else "partial body", more))
    return out


MATCHES = ("none", "exact", "suffix", "part", "alias", "overridden")


class Blob:
    """Strings, each once."""

    def __init__(self):
        self.data, self.known = bytearray(b"\0"), {"": 0}

    def __call__(self, text):
        if text not in self.known:
            self.known[text] = len(self.data)
            self.data += text.encode("utf-8", "surrogateescape") + b"\0"
        return self.known[text]

    def array(self):
        return np.frombuffer(bytes(self.data), np.uint8)


def rows(*words):
    """A TypeTable of rows."""
    start = np.concatenate([[0, 0], np.cumsum([len(w) for w in words])]).astype(np.int64)
    return TypeTable(np.array([x for w in words for x in w], np.uint32), start)


def base_types(s):
    """int, a pointer to a struct node of two members, the struct, and two prototypes."""
    return rows(
        [s("int"), info_word(Kind.INT), 4, 1 << 24 | 32],
        [0, info_word(Kind.PTR), NODE],
        [s("node"), info_word(Kind.STRUCT, 2), 16, s("value"), INT, 0, s("next"), POINTER, 64],
        [0, info_word(Kind.FUNC_PROTO, 1), 0, s("a"), INT],
        [0, info_word(Kind.FUNC_PROTO, 1), INT, s("node"), POINTER],
        [s("counter"), info_word(Kind.VAR), INT, 1],
        [s(".data..percpu"), info_word(Kind.DATASEC, 1), 4, 6, 0, 4],
    )


def shipped_types(s):
    """The same without the variable, with `torn` and without `cloned`, `alias` and `found`."""
    base = base_types(s)
    without = TypeTable(base.words[: base.start[6]], base.start[:7])
    funcs = rows(*([s(name), info_word(Kind.FUNC), proto]
                   for name, proto in (("alone", TAKES_INT), ("torn", TAKES_NODE), ("twice", TAKES_INT))))
    return concatenate([without, funcs])


def columns(instances, instance, func, number):
    """What the tables say of an instance, by column; a sixth field of the instance replaces some of it."""
    name, address, match, proto, reason, *more = instance
    symbol = {"suffix": f"{name}.isra.0", "part": f"{name}.part.0", "none": "", "overridden": ""}.get(match, name)
    same = {i[1] for i in instances if i[0] == name and i[2] in ("exact", "suffix", "fallback")}
    row = {
        "name": name, "address": f"{address:#018x}", "symbol": symbol, "match": match, "binding": "local",
        "section": ".text", "shndx": 1,
        "symbol_addresses": len({i[1] for i in instances if i[0] == name and i[2] == match}),
        "elf_addresses": len(same), "ftrace": 1, "unit": "a.c", "file": "a.c", "line": 1, "inline": 0,
        "die": hex(16 + number), "signature": proto, "faults": "", "proto": 0 if reason else proto, "func": func,
        "tags": "", "reason": reason,
    } | (more[0] if more else {})
    assert tuple(row) == FUNCTION_COLUMNS
    return row


def make(folder, policy="consistent", instances=INSTANCES, shipped=True, label="tiny-1.0", build_id="00ff"):
    """Write a result folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    s = Blob()
    base, extra = base_types(s), shipped_types(s)
    kept = [i for i in instances if not i[4]]
    offsets = np.array([s(i[0]) for i in kept], np.uint32)
    pairs, pair_of = enc.make_pairs(
        offsets, np.array([i[3] for i in kept], np.uint32), np.array([i[1] for i in kept], np.uint64),
        np.ones(len(kept), np.int32),
        lambda names: np.array([bytes(s.data[n : s.data.index(0, n)]) for n in names.tolist()], dtype=bytes), [])
    encodings, func = {}, {}
    for name in enc.default_names():
        e = enc.encoding(name)
        made = enc.artifact(e, pairs, btf.lay_out(base, StringTable(s.array())))
        data = made.sections[enc.SECTION]
        (folder / f"{name}.btf").write_bytes(data)
        encodings[name] = {"section": enc.SECTION, "file": f"{name}.btf", "bytes": len(data),
                           "sha256": hashlib.sha256(data).hexdigest(), "sections": []}
        func[name] = made.func_id
    if shipped:
        (folder / "shipped.btf").write_bytes(btf.encode(extra, StringTable(s.array())))
    plain = func["plain"][pair_of].tolist()
    said = [columns(instances, instance, 0 if instance[4] else plain.pop(0), number)
            for number, instance in enumerate(instances)]
    for file, names in (("functions.csv", INSTANCE_COLUMNS), ("selection.csv", SELECTION_COLUMNS)):
        lines = [",".join(names), *(",".join(str(row[c]) for c in names) for row in said), ""]
        (folder / file).write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    (folder / "inlined.csv").write_text("name,dies,units,declared_inline\ngone,12,3,1\n")
    skipped = {}
    for i in instances:
        if i[4]:
            skipped[i[4]] = skipped.get(i[4], 0) + 1
    fallback = sum(i[2] == "fallback" for i in instances)
    manifest = {
        "schema": SCHEMA,
        "harness": "0.1.0",
        "kernel": {"label": label, "build_id": build_id, "machine": "EM_X86_64", "bits": 64, "byteorder": "little",
                   "base": 0x1000, "code_sections": [[1, ".text", 0x1000]],
                   "provenance": {"package": "tiny|dbg", "version": "1.0"}},
        "tables": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
                   for name in ("functions.csv", "inlined.csv")},
        "fallback": True,
        "variables_skipped": {},
        "shipped": "shipped.btf" if shipped else None,
        "policies": {policy: {
            "selection": "selection.csv",
            "sha256": hashlib.sha256((folder / "selection.csv").read_bytes()).hexdigest(),
            "rules": "2026-07",
            "quirks": [],
            "registers": "numbered",
            "encodings": encodings,
            "functions": {"instances": len(instances), "encoded": len(kept), "skipped": skipped, "pairs": len(kept),
                          "addresses": len({i[1] for i in kept}), "names": len({i[0] for i in kept}),
                          "funcs": len({(i[0], i[3]) for i in kept})},
        }},
        "funnel": {"subprogram_dies": 20 + len(instances) - fallback, "dies_declared": 20,
                   "dies_with_code": len(instances) - fallback, "fallback": fallback,
                   **{f"dies_{m}": sum(i[2] == m for i in instances) for m in MATCHES},
                   "elf_function_symbols": 7, "elf_body": 4, "elf_padding": 3},
    }
    (folder / "manifest.json").write_bytes(write_manifest(manifest))
    return folder


def edit(folder, change):
    """Apply `change` to the manifest of a folder, which gets a new sha256."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["sha256"]
    change(manifest)
    path.write_bytes(write_manifest(manifest))


def of_policy(change):
    """A change of a manifest that makes `change` to what it says of its only policy."""
    return lambda manifest: change(*manifest["policies"].values())


def signed(folder):
    """The folder, its manifest with the hashes of the tables as they are now."""
    digest = lambda name: hashlib.sha256((folder / name).read_bytes()).hexdigest()  # noqa: E731

    def sign(manifest):
        manifest["tables"] = {name: digest(name) for name in manifest["tables"]}
        for entry in manifest["policies"].values():
            entry["sha256"] = digest(entry["selection"])

    edit(folder, sign)
    return folder
