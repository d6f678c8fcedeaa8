"""The structural check: what a reader may rely on once a file has passed."""

from __future__ import annotations

import numpy as np

from harness.btf import check_kernels as kernels
from harness.btf import kind_sizes, wire
from harness.btf.account import gaps
from harness.btf.reader import BtfFile
from harness.errors import BtfFormatError
from harness.model import STANDARD, Kind, StringTable, TypeTable
from harness.model.layout import MAX_VLEN_BEFORE_2026, SIZE_TYPE_WORD, VLEN_MASK, int_parts

NAME_RULES = np.array([wire.NAME_RULES.get(kind, wire.Name.NONE) for kind in Kind], np.int64)


def check(btf: BtfFile, *, strict: bool = False) -> None:
    """Raise for the first error in what the types say.

    In a sound file all name_offs and type_ids are in range and of the right kind, names are present or absent as the
    kind demands, sizes, offsets, linkages and kind_flags are ones that the kernel takes, no type contains itself, and
    each type is as long as the layout section, where there is one, says of its kind. The rows are checked in order of
    type_id, then the chains, then the lengths.

    Parameters
    ----------
    btf : BtfFile
        If it has a base, the base is checked, too.
    strict : bool
        Also refuse what a stock kernel refuses although it is well formed: a layout that is not the standard one,
        extern linkage, gaps between sections, a file without types.

    Raises
    ------
    BtfFormatError
        It names the type_id, the kind and, unless the type is the base's, the byte offset of the wrong word.

    Notes
    -----
    Linear in types and members.

    Source
    ------
    Documentation/bpf/btf.rst 2.2, v6.12; what kernel/bpf/btf.c asks where that leaves a question open. Unlike the
    kernel, this asks every INT and FLOAT for a name, and leaves out what needs the sizes of other types: whether
    bit-fields fit their base type, and members and elements their struct or array.
    """
    whole = btf.types.flattened()
    types = kernels.Types(
        whole.words,
        whole.start,
        np.concatenate([np.zeros(1, np.uint8), whole.kind()]),
        btf.strings.flattened().blob,
    )
    columns = STANDARD.columns if strict else btf.layout.columns
    rules = kernels.Rules(columns, NAME_RULES)
    if strict:
        _check_whole(btf)
    _raise_for(btf, whole, *kernels.check_rows(types, rules, strict))

    n_ids = len(types.kind)
    path, edge, resolved = (np.empty(n_ids, np.int64) for _ in range(3))
    for through_pointers in (True, False):
        colour = np.zeros(n_ids, np.uint8)
        _raise_for(btf, whole, *kernels.find_loop(types, through_pointers, colour, path, edge, resolved))
    _raise_for(btf, whole, *kernels.check_array_indices(types, resolved))
    _check_kind_sizes(btf)


def rows_are_sound(types: TypeTable, strings: StringTable) -> bool:
    """Whether `check` finds no error in a table's rows by themselves; loops are not looked for."""
    kinds = np.concatenate([np.zeros(1, np.uint8), types.kind()])
    rules = kernels.Rules(STANDARD.columns, NAME_RULES)
    given = kernels.Types(types.words, types.start, kinds, strings.blob)
    return kernels.check_rows(given, rules, False)[0] == kernels.OK


def not_identifiers(strings: StringTable, names: np.ndarray) -> np.ndarray:
    """Which names are there but are none that the kernel takes, bool (names,).

    Parameters
    ----------
    strings : StringTable
    names : uint32 (names,)
        Offsets.
    """
    out = np.zeros(len(names), bool)
    kernels.mark_not_identifiers(strings.blob, names, out)
    return out


def limits(types: TypeTable, strings: StringTable) -> list[str]:
    """Warnings, a list of str, about what is well formed but too large for kernels or older readers.

    Types and bytes of strings count with the base's; vlens are those of the file's own types.

    Parameters
    ----------
    types : TypeTable
    strings : StringTable
        Both of a parsed file.
    """
    warnings = []
    n_types = types.next_id - 1
    if n_types > wire.MAX_TYPE:
        warnings.append(f"{n_types} types exceed the kernel's BTF_MAX_TYPE, {wire.MAX_TYPE}")
    nbytes = strings.next_off
    if nbytes > wire.MAX_NAME_OFFSET:
        warnings.append(f"{nbytes} bytes of strings exceed the kernel's BTF_MAX_NAME_OFFSET, {wire.MAX_NAME_OFFSET}")
    wide = np.flatnonzero(types.vlen() > MAX_VLEN_BEFORE_2026)
    if len(wide):
        largest = int(types.vlen().max())
        warnings.append(
            f"{len(wide)} types have a vlen above {MAX_VLEN_BEFORE_2026}, the largest {largest}:"
            " readers from before 2026 take 16 bits"
        )
    return warnings


def _check_whole(btf):
    if btf.types.n_types == 0:
        raise btf.wrong("expected types, found none", wire.HEADER_FIELD_OFF["type_len"])
    for at, nbytes in gaps(btf):
        where = "after the last section" if at + nbytes == btf.file_nbytes else "between sections"
        raise btf.wrong(f"expected nothing {where}, found {nbytes} byte{'s' * (nbytes != 1)}", at)


def _check_kind_sizes(btf):
    """Nobody checks this of kinds that they know; who does not know one would get out of step."""
    wrong = None if btf.kind_sizes is None else kind_sizes.first_wrong(btf.types, btf.kind_sizes)
    if wrong is not None:
        row, said = wrong
        nbytes = wire.WORD_NBYTES * int(np.diff(btf.types.start[row + 1 :][:2])[0])
        name, word = Kind(int(btf.types.kind()[row])).name, int(btf.types.row_starts()[row])
        raise btf.wrong(f"[{btf.types.first_id + row}] {name}: expected {said} bytes, as the layout section says, "
                        f"found {nbytes}", btf.word_offset(word))


def _raise_for(btf, whole, status, type_id, word):
    """Raise for an error in `whole`, the file's types with its base's before them."""
    if status == kernels.OK:
        return
    kind = Kind(int(whole.kind()[type_id - 1]))
    message = f"[{type_id}] {kind.name}: {_message(btf, whole, status, type_id, kind, int(whole.words[word]))}"
    if type_id < btf.types.first_id:
        raise BtfFormatError(f"in the base: {message}", btf.path, btf.section)
    raise btf.wrong(message, btf.word_offset(word - (len(whole.words) - len(btf.types.words))))


def _message(btf, whole, status, type_id, kind, found):
    """What was expected and what the wrong word says."""
    size = int(whole.row(type_id)[SIZE_TYPE_WORD])

    def target():
        if found == 0:
            return "void"
        return f"{Kind(int(whole.kind()[found - 1])).name} [{found}]"

    match status:
        case kernels.NAME_OFF:
            return f"expected a name_off below {btf.strings.next_off}, found {found}"
        case kernels.NAME_FORBIDDEN:
            return f"expected no name, found name_off {found}"
        case kernels.NAME_REQUIRED:
            return "expected a name, found an empty one"
        case kernels.NAME_IDENTIFIER:
            name = btf.strings.get(found)[: wire.KSYM_NAME_LEN].decode("utf-8", "backslashreplace")
            return f"expected an identifier of at most {wire.KSYM_NAME_LEN} bytes as name, found {name!r}"
        case kernels.KIND_FLAG:
            return "expected kind_flag 0, found 1: Invalid btf_info kind_flag"
        case kernels.VLEN:
            return f"expected vlen 0, found {found & VLEN_MASK}"
        case kernels.TYPE_ID:
            return f"expected a type_id of at most {whole.n_types}, found {found}"
        case kernels.VOID_ID:
            return "expected a type, found void"
        case kernels.SIZE:
            sizes = {Kind.INT: f"1 to {wire.INT_MAX_NBYTES}", Kind.FLOAT: " or ".join(map(str, wire.FLOAT_NBYTES))}
            return f"expected size {sizes.get(kind, ' or '.join(map(str, wire.ENUM_NBYTES)))}, found {found}"
        case kernels.INT_WORD:
            return f"expected zeros in bits 28 to 31 of the encoding, found {found:#010x}"
        case kernels.INT_ENCODING:
            return f"expected at most one of SIGNED, CHAR and BOOL, found encoding {int_parts(found)[0]:#x}"
        case kernels.INT_BITS:
            _, offset, bits = int_parts(found)
            return f"expected at most {8 * size} bits in {size} bytes, found {bits} bits at bit {offset}"
        case kernels.FWD_TYPE:
            return f"expected type 0, found {found}"
        case kernels.ARRAY_SIZE:
            return f"expected size 0, found {found}"
        case kernels.ARRAY_INDEX:
            return f"expected an index type that is an INT, found {target()}"
        case kernels.UNION_OFFSET:
            return f"expected bit offset 0, found offset word {found:#x}"
        case kernels.MEMBER_ORDER:
            return f"expected members by rising offset, found a lower one in offset word {found:#x}"
        case kernels.MEMBER_OUTSIDE:
            return f"expected a member inside {size} bytes, found offset word {found:#x}"
        case kernels.LINKAGE:
            linkage = found & VLEN_MASK if kind == Kind.FUNC else found
            return f"expected linkage static, global or (for programs only) extern, found {linkage}"
        case kernels.NOT_FUNC_PROTO:
            return f"expected a FUNC_PROTO, found {target()}"
        case kernels.NOT_FUNC:
            return f"expected a FUNC, found {target()}"
        case kernels.LOC_PROTO:
            return f"expected a function's own entry, with loc_proto 0, found the inline site of LOC_PROTO [{found}]"
        case kernels.VARARGS_NOT_LAST:
            return "expected void as the last parameter only, found it before"
        case kernels.VARARGS_NAMED:
            return f"expected no name for the variable arguments, found name_off {found}"
        case kernels.NOT_VAR:
            return f"expected a VAR, found {target()}"
        case kernels.VAR_ORDER:
            return f"expected variables in order and without overlap, found offset {found}"
        case kernels.VAR_SIZE:
            return "expected a variable of at least one byte, found size 0"
        case kernels.VAR_OUTSIDE:
            return f"expected a variable inside {size} bytes, found size {found}"
        case kernels.TAG_TARGET:
            return f"expected a struct, union, FUNC, VAR or typedef, found {target()}"
        case kernels.TAG_COMPONENT:
            index = found - (1 << 32) if found >> 31 else found
            return f"expected component_idx -1 or a member or parameter of [{size}], found {index}"
        case kernels.LOOP:
            return f"expected a chain of types that ends, found a loop back to {target()}"
    raise AssertionError(f"status {status} has no message")
