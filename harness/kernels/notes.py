"""The build ID of an ELF file, read directly from its notes, so that a kernel can be named without parsing it."""

from __future__ import annotations

import struct
from typing import NamedTuple

SHT_NOTE = 7
PT_NOTE = 4
NT_GNU_BUILD_ID = 3

# A kernel's notes are a few hundred bytes; a file that claims more is malformed or is a core dump.
MAX_NOTES_NBYTES = 1 << 20
MAX_HEADERS = 1 << 16
MAX_ENTSIZE = 256


class _Layout(NamedTuple):
    """Where the needed fields are, for one ELF class."""

    tables: str  # e_phoff, e_shoff
    tables_at: int
    counts_at: int  # e_phentsize, e_phnum, e_shentsize, e_shnum
    section: str  # sh_type, sh_offset, sh_size, sh_addralign
    segment: str  # p_type, p_offset, p_filesz, p_align


LAYOUTS = {
    1: _Layout("II", 0x1C, 0x2A, "4xI8xII8xI4x", "II8xI8xI"),
    2: _Layout("QQ", 0x20, 0x36, "4xI16xQQ8xQ8x", "I4xQ16xQ8xQ"),
}


def build_id(path):
    """The GNU build ID of an ELF file in hex, or None when the file has none or is not ELF.

    Parameters
    ----------
    path : path-like
        Any file. A malformed one gives None: what is wrong with it is reported when it is parsed.

    Returns
    -------
    str or None

    Notes
    -----
    A kernel's ``.notes`` holds several notes (Xen's, Linux', GNU's), all of which are walked.
    Source: System V ABI, chapters 4 (sections) and 5 (note section); binutils ``ld --build-id``.
    """
    try:
        with open(path, "rb") as file:
            for offset, nbytes, align, order in _note_tables(file):
                file.seek(offset)
                found = _find(file.read(min(nbytes, MAX_NOTES_NBYTES)), align, order)
                if found is not None:
                    return found
    except (OSError, struct.error, ValueError, OverflowError):
        return None
    return None


def _note_tables(file):
    """Offset, size, alignment and byte order of each table of notes: sections first, then segments.

    Sections come first because ``objcopy --only-keep-debug`` leaves segments that point at what it removed.
    """
    head = file.read(64)
    layout = LAYOUTS.get(head[4]) if head[:4] == b"\x7fELF" and len(head) >= 52 else None
    order = {1: "<", 2: ">"}.get(head[5]) if layout else None
    if order is None:
        return
    phoff, shoff = struct.unpack_from(order + layout.tables, head, layout.tables_at)
    phentsize, phnum, shentsize, shnum = struct.unpack_from(order + "4H", head, layout.counts_at)
    tables = ((shoff, shentsize, shnum, layout.section, SHT_NOTE), (phoff, phentsize, phnum, layout.segment, PT_NOTE))
    for start, entsize, count, form, wanted in tables:
        form = order + form
        if not start or not struct.calcsize(form) <= entsize <= MAX_ENTSIZE:
            continue
        if count == 0 and wanted == SHT_NOTE:
            # A file with 0xff00 sections or more keeps their number in sh_size of section 0.
            file.seek(start)
            count = min(struct.unpack_from(form, file.read(entsize))[2], MAX_HEADERS)
        file.seek(start)
        headers = file.read(entsize * count)
        for at in range(0, len(headers) - entsize + 1, entsize):
            kind, offset, nbytes, align = struct.unpack_from(form, headers, at)
            if kind == wanted:
                yield offset, nbytes, align, order


def _find(notes, align, order):
    """The build ID among `notes`, hex, or None."""
    step = 8 if align == 8 else 4
    at = 0
    while at + 12 <= len(notes):
        name_nbytes, desc_nbytes, kind = struct.unpack_from(order + "III", notes, at)
        desc_at = at + -(-(12 + name_nbytes) // step) * step
        desc_stop = desc_at + desc_nbytes
        if desc_stop > len(notes):
            return None
        if kind == NT_GNU_BUILD_ID and notes[at + 12 : at + 12 + name_nbytes] == b"GNU\0" and desc_nbytes:
            return notes[desc_at:desc_stop].hex()
        at += -(-(desc_stop - at) // step) * step
    return None
