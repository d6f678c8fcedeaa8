"""From the bytes of a .btf file or a .BTF section to tables."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.btf import kind_sizes, reader_kernels, wire
from harness.elf import ElfImage
from harness.elf.constants import ELFMAG
from harness.errors import BtfFormatError
from harness.model import STANDARD, Layout, StringTable, TypeTable, split_info
from harness.model.layout import HEAD_WORDS, INFO_WORD, LAST_KIND


class BtfFile(NamedTuple):
    """One parsed BTF file or section.

    Attributes
    ----------
    header : wire.Header
        As it stands in the file; layout_off and layout_len are 0 if the header has no room for them.
    byteorder : {"little", "big"}
    types : TypeTable
        Words in native byte order, a trailing u64 as (lo32, hi32); names are the file's own name_offs.
    strings : StringTable
        The file's string section as it is.
    file_nbytes : int
        Length of the whole, gaps and trailing bytes included.
    path : str or None
    section : str
        Where it came from, for errors.
    layout : Layout
        The one that it was read in.
    kind_sizes : int64 (entries, 3), or None
        What the layout section says of each kind, see harness.btf.kind_sizes; None where there is none. Reading does
        not depend on it.
    """

    header: wire.Header
    byteorder: str
    types: TypeTable
    strings: StringTable
    file_nbytes: int
    path: str | None = None
    section: str = wire.SECTION
    layout: Layout = STANDARD
    kind_sizes: np.ndarray | None = None

    @property
    def types_start(self) -> int:
        """Byte offset of the first type, counted from the magic."""
        return self.header.hdr_len + self.header.type_off

    @property
    def strings_start(self) -> int:
        """Byte offset of the string section, counted from the magic."""
        return self.header.hdr_len + self.header.str_off

    def name(self, type_id: int) -> bytes:
        """The name of a type, of this file or its base, bytes."""
        return self.strings.get(int(self.types.row(type_id)[0]))

    def trailing_values(self) -> tuple[np.ndarray, np.ndarray]:
        """The field that kind_flag adds to a row, where there is one: (type_ids, values), int64 and uint64 (n,)."""
        columns = self.layout.columns
        n_words = columns.trailing_words[self.types.kind()] * self.types.kind_flag()
        rows = np.flatnonzero(n_words)
        end = self.types.start[2:][rows]
        low = self.types.words[end - n_words[rows]].astype(np.uint64)
        high = np.where(n_words[rows] == 2, self.types.words[end - 1], 0).astype(np.uint64)
        return self.types.first_id + rows, high << np.uint64(32) | low

    def word_offset(self, word: int) -> int:
        """Byte offset of a word of the types, counted from the magic."""
        return self.types_start + wire.WORD_NBYTES * int(word)

    def wrong(self, message: str, offset: int) -> BtfFormatError:
        """A BtfFormatError at a byte offset of this file; the caller raises it."""
        return BtfFormatError(message, self.path, self.section, int(offset))


def read(path: str | PathLike[str], *, layout: Layout | Sequence[Layout] = STANDARD,
         base: BtfFile | None = None) -> BtfFile:
    """The BtfFile at `path`, which is raw BTF and not ELF; `layout` and `base` as for `parse`.

    Raises
    ------
    BtfFormatError
        The file cannot be read or is malformed.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BtfFormatError(f"expected a readable file, found: {error.strerror}", path) from error
    return parse(data, path, layout=layout, base=base)


def data_in(path: str | PathLike[str]) -> bytes:
    """The BTF in a file, as bytes: of an ELF file its .BTF section, of any other the whole.

    Raises
    ------
    BtfFormatError
        The file cannot be read, or is ELF without such a section.
    ElfError
        It is malformed ELF.
    """
    return sections_in(path, ())[wire.SECTION]


def sections_in(path: str | PathLike[str], others: Sequence[str] = wire.OTHER_SECTIONS) -> dict[str, bytes]:
    """What `data_in` gives, under .BTF, and of an ELF file those of some other sections that it has: dict by name.

    Raises
    ------
    BtfFormatError
        As from `data_in`.
    ElfError
        It is malformed ELF.
    """
    try:
        with open(path, "rb") as file:
            if file.read(len(ELFMAG)) != ELFMAG:
                file.seek(0)
                return {wire.SECTION: file.read()}
    except OSError as error:
        raise BtfFormatError(f"expected a readable file, found: {error.strerror}", path) from error
    with ElfImage(path) as image:
        found = {name: image.section(name) for name in (wire.SECTION, *others)}
        if found[wire.SECTION] is None:
            raise BtfFormatError(f"expected a section {wire.SECTION}, found none", path)
        return {name: image.read(section).tobytes() for name, section in found.items() if section is not None}


def parse(data: bytes | bytearray | memoryview, path: str | PathLike[str] | None = None,
          section: str = wire.SECTION, *, layout: Layout | Sequence[Layout] = STANDARD,
          base: BtfFile | None = None) -> BtfFile:
    """The BtfFile in `data`.

    Only what is needed to find every byte is checked; what the types say is left to `check`.

    Parameters
    ----------
    data : bytes-like
        A whole .btf file, or the bytes of an ELF section.
    path, section : optional
        Where the bytes came from, for errors.
    layout : Layout or sequence of Layout
        What the words of a type mean. Of several, the first that fits: all types are whole, and no kind_flag is set
        that means nothing in it; failing that, the first in which all types are whole.
    base : BtfFile, optional
        What these types and strings continue, as a module's BTF does the kernel's: type_ids and string offsets start
        where the base's end.

    Returns
    -------
    BtfFile
        Shares no memory with `data`.

    Raises
    ------
    BtfFormatError
        The bytes are not BTF, are malformed, or differ from the base in byte order. It has the byte offset of what is
        wrong; where no layout fits, that of the layout that got furthest.

    Source
    ------
    Documentation/bpf/btf.rst 2 (BTF Type and String Encoding), v6.12; header of 32 bytes as in libbpf 462733ec; over a
    base as libbpf's btf__new_split reads it, ba451366.
    """
    data = memoryview(data).cast("B")
    path = None if path is None else str(path)

    def wrong(message, offset):
        return BtfFormatError(message, path, section, offset)

    header, byteorder = _header(data, wrong)
    if base is not None and byteorder != base.byteorder:
        raise wrong(f"expected the byte order of the base, {base.byteorder} endian, found {byteorder} endian", 0)
    _check_places(header, len(data), base is not None, wrong)

    strings_start = header.hdr_len + header.str_off
    blob = np.frombuffer(data, np.uint8, header.str_len, strings_start).copy()
    if base is None and blob[0] != 0:
        raise wrong(f"expected a string section that begins with NUL, found {blob[0]:#04x}", strings_start)
    if len(blob) and blob[-1] != 0:
        end = strings_start + header.str_len - 1
        raise wrong(f"expected a string section that ends with NUL, found {blob[-1]:#04x}", end)
    strings = StringTable(blob, None if base is None else base.strings)

    sizes = None
    if header.layout_len:
        layout_start = header.hdr_len + header.layout_off
        sizes = kind_sizes.unpack(data[layout_start : layout_start + header.layout_len], byteorder)
    types_start = header.hdr_len + header.type_off
    n_words = header.type_len // wire.WORD_NBYTES
    file_words = np.frombuffer(data, wire.prefix(byteorder) + "u4", n_words, types_start)
    base_types = None if base is None else base.types
    first_id = 1 if base is None else base.types.next_id
    fallback, refused = None, []
    for candidate in [layout] if isinstance(layout, Layout) else layout:
        words = file_words.astype(np.uint32)
        start = np.empty(n_words // HEAD_WORDS + 2, np.int64)
        status, n_types, at, detail = reader_kernels.find_rows(words, candidate.columns, byteorder == "big", start)
        if status != reader_kernels.OK:
            message = _row_message(status, first_id + n_types, words, at, detail, sizes)
            refused.append((int(at), message))
            continue
        types = TypeTable(words, start[: n_types + 2].copy(), base_types)
        file = BtfFile(header, byteorder, types, strings, len(data), path, section, candidate, sizes)
        if isinstance(layout, Layout) or candidate.columns.kind_flag[types.kind()[types.kind_flag()]].all():
            return file
        fallback = fallback or file
    if fallback is None:
        at, message = max(refused, key=lambda one: one[0])
        raise wrong(message, types_start + wire.WORD_NBYTES * at)
    return fallback


def _header(data, wrong):
    """The header and the byte order, after all checks that need no other field's meaning."""
    field_off = wire.HEADER_FIELD_OFF
    if len(data) < wire.HDR_LEN:
        raise wrong(f"expected a header of {wire.HDR_LEN} bytes, found {len(data)} bytes in all", len(data))
    for byteorder in ("little", "big"):
        end = wire.prefix(byteorder)
        if struct.unpack_from(end + "H", data)[0] == wire.MAGIC:
            break
    else:
        raise wrong(f"expected magic {wire.MAGIC:#06x} in either byte order, found bytes {data[:2].hex(' ')}", 0)
    header = wire.Header(*struct.unpack_from(end + "HBB5I", data))
    if header.version != wire.VERSION:
        raise wrong(f"expected version {wire.VERSION}, found {header.version}", field_off["version"])
    if header.flags != 0:
        raise wrong(f"expected flags 0, found {header.flags:#x}", field_off["flags"])
    if not wire.HDR_LEN <= header.hdr_len <= len(data):
        found = f"expected hdr_len {wire.HDR_LEN} to {len(data)}, the file's size, found {header.hdr_len}"
        raise wrong(found, field_off["hdr_len"])
    known = wire.HDR_LEN
    if header.hdr_len >= wire.HDR_LEN_LAYOUT:
        known = wire.HDR_LEN_LAYOUT
        layout_off, layout_len = struct.unpack_from(end + "2I", data, wire.HDR_LEN)
        header = header._replace(layout_off=layout_off, layout_len=layout_len)
    # a field we do not know could move or describe sections; the kernel refuses such a header too
    unknown = np.flatnonzero(np.frombuffer(data, np.uint8, header.hdr_len - known, known))
    if len(unknown):
        at = known + int(unknown[0])
        raise wrong(f"expected zeros in the header after {known} bytes, found {data[at]:#04x}", at)
    return header, byteorder


def _check_places(header, file_nbytes, has_base, wrong):
    """Every section is inside the file, aligned, and apart from the others; there are strings, if only in a base."""
    field_off = wire.HEADER_FIELD_OFF
    room = file_nbytes - header.hdr_len
    places = []
    for name, align in (("type", wire.ALIGN), ("layout", wire.ALIGN), ("str", 1)):
        off, nbytes = getattr(header, f"{name}_off"), getattr(header, f"{name}_len")
        if off % align:
            raise wrong(f"expected {name}_off a multiple of {align}, found {off}", field_off[f"{name}_off"])
        if nbytes % align:
            raise wrong(f"expected {name}_len a multiple of {align}, found {nbytes}", field_off[f"{name}_len"])
        if off > room:
            found = f"expected {name}_off of at most {room}, the bytes after the header, found {off}"
            raise wrong(found, field_off[f"{name}_off"])
        if nbytes > room - off:
            found = f"expected {name}_len of at most {room - off}, the bytes after {name}_off, found {nbytes}"
            raise wrong(found, field_off[f"{name}_len"])
        if nbytes:
            places.append((off, off + nbytes, name))
    if header.str_len == 0 and not has_base:
        raise wrong("expected a string section of at least one byte, found str_len 0", field_off["str_len"])
    places.sort()
    for (_, stop, before), (off, _, name) in zip(places, places[1:], strict=False):
        if off < stop:
            found = f"expected {name}_off of at least {stop}, where the {before} section ends, found {off}"
            raise wrong(found, field_off[f"{name}_off"])


def _row_message(status, type_id, words, at, detail, sizes):
    if status == reader_kernels.HEAD_CUT:
        return f"[{type_id}]: expected {HEAD_WORDS} words, found the end of the types after {detail}"
    if status == reader_kernels.KIND_UNKNOWN:
        found = f"[{type_id}]: expected kind 1 to {LAST_KIND}, found {detail}"
        if sizes is None or not LAST_KIND < detail < len(sizes):
            return found
        counts = kind_sizes.count_by_kind(words, sizes)
        said = kind_sizes.describe(sizes[detail])
        return (f"{found}, of which the layout section says only how long it is ({said}); "
                f"{counts[LAST_KIND + 1 :].sum():,} of {counts.sum():,} types are of such kinds")
    kind, vlen, _ = split_info(words[at + INFO_WORD])
    left = len(words) - at
    return f"[{type_id}] {kind.name}: expected {detail} words for vlen {vlen}, found the end of the types after {left}"
