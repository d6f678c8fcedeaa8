"""Tables to the bytes of a .btf file."""

from __future__ import annotations

import numpy as np

from harness.btf import wire, writer_kernels
from harness.errors import EncodeError
from harness.model import STANDARD, Kind, Layout, StringTable, TypeTable, kind_number
from harness.model.layout import HEAD_WORDS, N_KINDS


def encode(types: TypeTable, strings: StringTable, *, byteorder: str = "little", layout: Layout = STANDARD) -> bytes:
    """The bytes of a BTF file: 24-byte header, types in table order, and the strings they name.

    The string section holds each referenced string once, by content, in order of first reference (row by row, the
    type's name before its members'), after the empty string. Strings that nothing refers to are left out, so the
    tables may share one big blob between several encodings.

    Tables over a base become a file over it: without the base's types and strings, whose offsets stay as they are. A
    name in ``strings.blob`` is written though the base may have an equal one.

    Parameters
    ----------
    types : TypeTable
        Names are offsets in `strings`. Nothing is checked but what the format needs to be read again: use `check` on
        the result.
    strings : StringTable
    byteorder : {"little", "big"}
        Of the file.
    layout : Layout
        What the words of a type mean.

    Returns
    -------
    bytes

    Raises
    ------
    EncodeError
        A row's length does not fit its kind and vlen, a name is outside the blob, or a section would exceed 4 GiB.

    Notes
    -----
    Linear in words and string bytes. The same tables give the same bytes on any machine.
    """
    swapped = wire.prefix(byteorder) == ">"
    words = np.ascontiguousarray(types.words, np.uint32)
    start = np.ascontiguousarray(types.start, np.int64)
    # a read-only view of bytes would compile the kernels a second time
    blob = np.require(strings.blob, np.uint8, ["C", "W"])
    _check_tables(words, start, blob, strings.base is not None)

    n_slots = 1 << max(4, int(2 * np.count_nonzero(blob == 0)).bit_length())
    while True:
        interned = _interned(len(blob), n_slots)
        out = np.empty(len(words), np.uint32)
        status, row, detail, n_strings, section_nbytes = writer_kernels.encode_rows(
            words,
            start,
            blob,
            strings.first_off,
            layout.columns,
            swapped,
            wire.MAX_SECTION_NBYTES - strings.first_off,
            interned,
            out,
        )
        if status != writer_kernels.STRINGS_FULL:
            break
        n_slots *= 4  # names that are tails of other strings outnumber the NULs
    if status != writer_kernels.OK:
        raise EncodeError(_message(status, row, detail, types, strings))

    section = np.zeros(section_nbytes, np.uint8)
    writer_kernels.fill_section(
        blob, interned.blob_off[:n_strings], interned.nbytes[:n_strings], interned.off[:n_strings], section
    )
    type_len = len(out) * wire.WORD_NBYTES
    header = wire.Header(wire.MAGIC, wire.VERSION, 0, wire.HDR_LEN, 0, type_len, type_len, len(section))
    file_words = out.astype(wire.prefix(byteorder) + "u4", copy=False)
    return b"".join([header.pack(byteorder), file_words.data, section.data])


def _check_tables(words, start, blob, has_base):
    if len(start) < 2 or start[0] != 0 or start[1] != 0 or start[-1] != len(words) or np.any(np.diff(start) < 0):
        raise EncodeError("expected row starts that rise from 0, 0 to the number of words")
    if len(words) * wire.WORD_NBYTES > wire.MAX_SECTION_NBYTES:
        raise EncodeError(f"expected at most {wire.MAX_SECTION_NBYTES} bytes of types, found {len(words)} words")
    if has_base:
        if len(blob) and blob[-1] != 0:
            raise EncodeError("expected a string blob that ends with NUL")
    elif len(blob) == 0 or blob[0] != 0 or blob[-1] != 0:
        raise EncodeError("expected a string blob that begins and ends with NUL")


def _interned(blob_nbytes, n_slots):
    n_strings = n_slots // 2
    return writer_kernels.Interned(
        np.zeros(blob_nbytes, np.uint32),
        np.full(n_slots, writer_kernels.EMPTY, np.int32),
        *(np.empty(n_strings, np.int64) for _ in range(4)),
    )


def _message(status, row, detail, types, strings):
    row_words = int(types.start[row + 1] - types.start[row])
    what = {
        writer_kernels.ROW_SHORT: f"expected at least {HEAD_WORDS} words, found {detail}",
        writer_kernels.KIND_UNKNOWN: f"expected kind 1 to {N_KINDS - 1}, found {detail}",
        writer_kernels.ROW_LENGTH: f"expected {detail} words by kind and vlen, found {row_words}",
        writer_kernels.NAME_PAST_END: f"expected a name below {strings.next_off}, found {detail}",
        writer_kernels.STRINGS_TOO_LONG: f"expected at most {wire.MAX_SECTION_NBYTES} bytes of strings, found more",
    }[status]
    kind = ""
    if row_words >= HEAD_WORDS:
        number = kind_number(types.info()[row - 1])
        kind = f" {Kind(number).name}" if 0 < number < N_KINDS else ""
    return f"[{types.first_id + row - 1}]{kind}: {what}"
