"""Per-CPU variables: the VARs of BTF and the DATASEC that lists them (Documentation/bpf/btf.rst 2.2.14, 2.2.15)."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from harness.dwarf import walk_tables as wt
from harness.dwarf.walk import Walk
from harness.elf import ElfImage, SymbolTable
from harness.elf.image import SHF_ALLOC, SHT_NOBITS, SHT_PROGBITS, STT_OBJECT
from harness.model import Kind, StringTable, TypeTable, info_word
from harness.model.sizes import byte_size
from harness.model.strings import begins

PER_CPU = ".data..percpu"

NOT_IN_SOURCE = (b"__UNIQUE_ID", b"__tpstrtab_", b"__exitcall_", b"__gendwarfksyms_ptr_",
                 b"__func_stack_frame_non_standard_")
"""Beginnings of names that macros make up and nobody looks for; pahole leaves out the same (dwarves 1.29)."""

MADE_UP, DISCARDED = "name made by a macro", "discarded"
"""Reasons that most DIEs at address 0, where x86 links per-CPU data, are left out for: no such variable is there."""

OVERLAPPING = "larger than its bytes"
"""Reason for what reaches into the next variable."""

IDENTIFIER = re.compile(rb"[A-Za-z_.][A-Za-z0-9_.]*\Z")

STATIC, GLOBAL = 0, 1


class Variables(NamedTuple):
    """VAR rows, and the DATASEC row that lists them, to append to a base table.

    Attributes
    ----------
    types : TypeTable
        One VAR per variable in the order of the DIEs, then the DATASEC; empty when there is no variable.
    strings : uint8
        What to append to the string blob.
    type_id : dict of int to int
        VAR of each row of walk.variables that became one.
    skipped : dict of str to int
        Top-level variables in the section that did not, by reason.
    """

    types: TypeTable
    strings: np.ndarray
    type_id: dict[int, int]
    skipped: dict[str, int]


def per_cpu_variables(walk: Walk, image: ElfImage, symbols: SymbolTable, types: TypeTable, n_blob: int,
                      variable_at_0: bool = True) -> Variables:
    """The Variables of a file.

    Parameters
    ----------
    walk : harness.dwarf.Walk
        With final type_ids.
    image : harness.elf.ElfImage
    symbols : harness.elf.SymbolTable
    types : TypeTable
        The deduplicated types that the rows will follow.
    n_blob : int
        Length of the string blob, where `strings` will go.
    variable_at_0 : bool
        Whether what is at address 0 gets a VAR, if it is the section's first byte. pahole did not tell it from
        discarded variables before 1.28.
    """
    v = walk.variables
    nothing = Variables(TypeTable.of([], [0]), np.zeros(0, np.uint8), {}, {})
    section = image.section(PER_CPU)
    if section is None or section.nbytes == 0:
        return nothing
    inside = ((v.flags & wt.VF_ADDRESS) != 0) & (v.addr >= np.uint64(section.addr))
    inside &= (v.addr - np.uint64(section.addr)) < np.uint64(section.nbytes)
    for other in image.sections[: section.index]:
        # sections may overlap at address 0, where x86 links per-CPU data: the first one has the variable
        if other.type in (SHT_PROGBITS, SHT_NOBITS) and other.flags & SHF_ALLOC and other.nbytes:
            inside &= ~((v.addr >= np.uint64(other.addr)) & (v.addr - np.uint64(other.addr) < np.uint64(other.nbytes)))
    skipped, rows = {}, []
    first_symbols = None
    candidates = np.flatnonzero(inside)
    made_up = np.any([begins(walk.strings.blob, v.name_off[candidates], prefix) for prefix in NOT_IN_SOURCE], axis=0)
    if made_up.any():
        skipped[MADE_UP] = int(made_up.sum())
    for i in candidates[~made_up].tolist():
        name = walk.strings.get(int(v.name_off[i]))
        offset = int(v.addr[i]) - section.addr
        type_id = int(v.type_id[i])
        size = byte_size(types, type_id, image.bits // 8)
        reason = None
        if v.flags[i] & wt.VF_ARTIFICIAL:
            reason = "artificial"
        elif not name or not IDENTIFIER.match(name):
            reason = "no valid name"
        elif not type_id:
            reason = "void"
        elif not 0 < size < 1 << 32:
            reason = "without size"
        elif not v.addr[i] and not variable_at_0:
            reason = DISCARDED
        elif offset == 0:
            # discarded variables have address 0, too: the symbol table decides
            if first_symbols is None:
                here = (symbols.type == STT_OBJECT) & (symbols.shndx == section.index)
                table = StringTable(symbols.strtab)
                first_symbols = {table.get(int(n)) for n in symbols.name_off[here]}
            if name not in first_symbols:
                reason = DISCARDED
        if reason:
            skipped[reason] = skipped.get(reason, 0) + 1
        else:
            linkage = GLOBAL if v.flags[i] & wt.VF_EXTERNAL else STATIC
            rows.append((i, int(v.name_off[i]), type_id, offset, size, linkage))
    rows = _apart(rows, skipped)
    if not rows:
        return nothing._replace(skipped=skipped)
    first_id = types.next_id
    words, bounds = [], [0]
    for _, name, type_id, _, _, linkage in rows:
        words += [name, info_word(Kind.VAR), type_id, linkage]
        bounds.append(len(words))
    entries = sorted((offset, size, first_id + k) for k, (_, _, _, offset, size, _) in enumerate(rows))
    # no reader before 2026 takes more than 65535 entries; none of the kernels comes near
    words += [n_blob, info_word(Kind.DATASEC, len(entries)), entries[-1][0] + entries[-1][1]]
    for offset, size, var_id in entries:
        words += [var_id, offset, size]
    bounds.append(len(words))
    made = TypeTable.of(words, bounds)
    ids = {row[0]: first_id + k for k, row in enumerate(rows)}
    return Variables(made, np.frombuffer(PER_CPU.encode() + b"\0", np.uint8), ids, skipped)


def _apart(rows, skipped):
    """The rows without those that reach into the next one's bytes, in their order; these are counted in `skipped`.

    clang keeps of an array no more than what is used, and DWARF still has its whole type (DW_OP_piece). No reader
    takes a DATASEC in which variables overlap.
    """
    by_offset = sorted(rows, key=lambda row: (row[3], row[4]))
    cut = {row[0] for row, after in zip(by_offset, by_offset[1:], strict=False) if row[3] + row[4] > after[3]}
    if cut:
        skipped[OVERLAPPING] = len(cut)
    return [row for row in rows if row[0] not in cut]
