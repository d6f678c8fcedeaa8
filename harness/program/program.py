"""One kernel or module, read and deduplicated: the only thing that policies and encodings see."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from harness.dwarf.walk import DeclTags, Functions
from harness.functions.join import FunctionTable
from harness.functions.rules import Forms
from harness.model import StringTable, TypeTable
from harness.program.places import Places

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Program:
    """What was read from a file. All type_ids in it are final: they are those of `types`.

    Attributes
    ----------
    kernel : dict
        What the file is: label, build_id (without one, sha256), machine (as EM_X86_64), bits (32 or 64: the size of an
        address), byteorder ('little' or 'big'), relocatable (a module or an object, not linked), release (of Linux, as
        uname says, or None), base (address of its first byte, see harness.program.base), code_sections (index, name and
        address of each section with code), shipped_unusable (why its own .BTF section is set aside, or None),
        kfuncs_unusable (the same of .BTF_ids), kfunc_flags_unsure (why the flags of kfuncs may be those of others, or
        None), and provenance.
    forms : Forms
        What became of its types and variables.
    types : TypeTable
        The deduplicated types.
    common : TypeTable
        Those, then the VARs and the DATASEC, then DECL_TAGs on types and variables: what every file has.
    places : int64 (common types,)
        Where these stand in a file, as harness.program.places says.
    met : Places
        Where pahole comes to the types.
    strings : StringTable
        The strings that all names are offsets into.
    dies : Functions
        The subprogram DIEs.
    instances : FunctionTable
        Those that have code, joined with the symbols.
    tags : DeclTags
        btf_decl_tag annotations of types, subprogram DIEs and variables.
    unit_name_off : uint32 (units,)
        Path of each compile unit's source file.
    unit_clang : bool (units,)
        Whether clang compiled it.
    unit_assembler : bool (units,)
        Whether it is assembler.
    kfunc_tags : dict of bytes to list of int
        By name of a function that BPF programs may call: the names of its DECL_TAGs, offsets in `strings`.
    kfunc_flags : dict of bytes to int
        By the same names: KF_* flags.
    kfuncs_not_found : frozenset of bytes, or None
        Those that pahole would not find among the symbols; None unless it was read with rules of a version that looks
        for them so (Rules.by_prefix).
    step_names : dict of bytes to int
        Offsets in `strings` of what harness.functions.kernel_step names.
    described, inlined : dict of str to array
        What is known about each instance under any policy, and about names without one, as harness.functions.listing
        gives it.
    shipped : bytes or None
        The file's own .BTF section, where it is BTF by itself.
    skipped_variables : dict of str to int
        Variables of the per-CPU section that have no VAR, by reason.
    """

    kernel: dict
    forms: Forms
    types: TypeTable
    common: TypeTable
    places: np.ndarray
    met: Places
    strings: StringTable
    dies: Functions
    instances: FunctionTable
    tags: DeclTags
    unit_name_off: np.ndarray
    unit_clang: np.ndarray
    unit_assembler: np.ndarray
    kfunc_tags: dict[bytes, list[int]]
    kfunc_flags: dict[bytes, int]
    kfuncs_not_found: frozenset[bytes] | None
    step_names: dict[bytes, int]
    described: dict[str, np.ndarray]
    inlined: dict[str, np.ndarray]
    shipped: bytes | None
    skipped_variables: dict[str, int]
    _made: dict = field(default_factory=dict, repr=False)

    @property
    def address_nbytes(self) -> int:
        """Size of an address in bytes."""
        return self.kernel["bits"] // 8

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make()` returns, called only the first time for this key: what several policies share."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]
