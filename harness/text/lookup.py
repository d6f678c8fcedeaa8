"""A Lookup as text for a terminal."""

from __future__ import annotations

import textwrap

from harness.results import records
from harness.text.plain import ascii_text
from harness.text.tracer import counted, hex_address, rows_by, verdicts

WIDTH = 80
"""Columns of the text."""


def to_text(lookup):
    """A Lookup as ASCII text for 80 columns, str; paths that do not fit are shortened at the front to '...'."""
    title = f"{lookup.query} in {lookup.kernel}, policy {lookup.policy}"
    title += f", rules of pahole {lookup.rules}" if lookup.rules else ""
    lines = [*_wrap(title, ""), "=" * min(WIDTH, len(title))]
    if lookup.found == "nearest":
        lines += _wrap("No known function begins at this address. Shown is the nearest entry below it, "
                       f"{lookup.distance} ({lookup.distance:#x}) bytes before; where that function ends is not "
                       "known.", "")
    elif lookup.found == "symbol":
        lines += _wrap("This is an ELF symbol; BTF has the function under its name without the suffix.", "")
    instances, ids = rows_by(lookup.instances, "name"), rows_by(lookup.rows, "name")
    said = {}
    for name, way, verdict in verdicts(lookup):
        said.setdefault(name, []).append((way, verdict))
    for name, mine in said.items():
        lines += ["", name, "-" * min(WIDTH, len(name))]
        if name in instances:
            lines += ["", *_instances_text(lookup, instances[name])]
        lines += ["", "BTF ids", *_ids_text(lookup, ids.get(name, []))]
        lines += ["", "What a tracer gets", *_verdicts_text(mine)]
    return "\n".join(map(ascii_text, lines)) + "\n"


def tables(lookup):
    """A Lookup as an object of facts and tables for `harness.results.to_json`, dict.

    instances, ids and symbols are those of the Lookup, an address that the file does not give null; added: functions of
    the kernel's step and whose code they are; verdicts: what a tracer gets, by name and way.
    """
    ids = [row if row["given"] else {**row, "address": None} for row in records(lookup.rows, lookup.bits)]
    return {
        "query": lookup.query, "found": lookup.found, "distance": lookup.distance, "kernel": lookup.kernel,
        "policy": lookup.policy, "rules": lookup.rules, "instances": records(lookup.instances, lookup.bits), "ids": ids,
        "symbols": records(lookup.symbols, lookup.bits),
        "added": [{"name": name, "code_of": other} for name, other in lookup.added.items()],
        "verdicts": [{"name": name, "way": way, "verdict": verdict} for name, way, verdict in verdicts(lookup)],
    }


def _wrap(text, indent, hang=None):
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent if hang is None else hang,
                         break_on_hyphens=False)


def _shorten(path, room):
    return path if len(path) <= room else "..." + path[len(path) - room + 3 :]


def _instances_text(lookup, rows):
    """Instances; those that differ only in address and unit share a heading."""
    groups = {}
    for row in rows:
        own = row.file == row.unit or not row.file
        key = (row.symbol, row.match, row.section, row.ftrace, row.signature, row.faults, row.reason,
               "" if own else f"{row.file}:{row.line}")
        place = f"{row.unit}:{row.line}" if own and row.line else row.unit
        groups.setdefault(key, []).append((row.address, place, row.shndx))
    sites = {False: "no ftrace site", True: "ftrace site", None: "ftrace unknown"}
    places = {(row.shndx, row.address) for row in rows}
    lines = [", ".join((counted(len(rows), "instance"), counted(len(places), "address"),
                        counted(len({row.signature for row in rows}), "signature")))]
    for (symbol, match, section, ftrace, signature, faults, reason, where), members in groups.items():
        n_places = len({(address, shndx) for address, _, shndx in members})
        head = f"{symbol or 'no symbol'} ({match}), {counted(n_places, 'address')}"
        if n_places != len(members):
            head += f", {counted(len(members), 'instance')}"
        facts = [section or "no section", sites[ftrace], f"signature {signature}"]
        facts += [f"parameters {faults}"] if faults else []
        facts += [f"left out: {reason}"] if reason else []
        facts += [_shorten(where, WIDTH - 4)] if where else []
        lines += _wrap(head, "  ", "    ") + _wrap("; ".join(facts), "    ")
        for address, place, _ in members:
            text = hex_address(lookup, address)
            lines.append(f"      {text}  " + _shorten(place, WIDTH - 8 - len(text)))
    return lines


def _ids_text(lookup, rows):
    """The ids of each file, one prototype at a time; every address."""
    by_file = {}
    for row in rows:
        ids = by_file.setdefault(row.encoding, {}).setdefault(row.prototype, {})
        ids.setdefault(row.type_id, []).append(row)
    width = max(map(len, lookup.encodings)) + 2
    lines = []
    for encoding in lookup.encodings:
        label, indent = f"  {encoding:<{width}}", " " * (width + 4)
        if encoding not in by_file:
            lines.append(label + "no FUNC")
            continue
        for prototype, ids in by_file[encoding].items():
            lines += _wrap(prototype, label, indent + "  ")
            label = " " * (width + 2)
            singles = []
            for type_id, tagged in ids.items():
                addresses = [hex_address(lookup, row.address) for row in tagged if row.given]
                linkage, stands_for = tagged[0].linkage, tagged[0].addresses
                if len(addresses) == stands_for == 1:
                    singles.append((f"[{type_id}] {addresses[0]}", linkage))
                    continue
                known = "no address in the file"
                if addresses:
                    known = counted(stands_for, "address")
                    known = f"{len(addresses)} of {known}" if len(addresses) < stands_for else known
                elif stands_for > 1:
                    known += f"; stands for {counted(stands_for, 'address')}"
                lines.append(f"{indent}[{type_id}] {linkage}, {known}")
                lines += _grid(addresses, indent + "  ")
            if len(singles) > 1:
                linkages = ", ".join(dict.fromkeys(linkage for _, linkage in singles))
                lines.append(f"{indent}{len(singles)} ids, {linkages}, each with its own address")
                lines += _grid([text for text, _ in singles], indent + "  ")
            elif singles:
                lines.append(indent + ", ".join(singles[0]))
    return lines


def _grid(cells, indent):
    """Cells side by side, in rows, as many as fit."""
    if not cells:
        return []
    width = max(map(len, cells)) + 2
    n = max(1, (WIDTH - len(indent) + 2) // width)
    return [(indent + "".join(f"{c:<{width}}" for c in cells[i : i + n])).rstrip() for i in range(0, len(cells), n)]


def _verdicts_text(rows):
    width = max(len(way) for way, _ in rows) + 2
    lines = []
    for way, verdict in rows:
        lines += _wrap(verdict, f"  {way:<{width}}", " " * (width + 2))
    return lines
