"""From tables to the bytes of a .btf file."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.btf import kind_sizes, wire, writer_kernels
from harness.errors import EncodeError
from harness.model import STANDARD, Kind, Layout, StringTable, TypeTable, kind_number
from harness.model.layout import HEAD_WORDS, LAST_KIND, NAME_WORD
from harness.model.strings import Strings

NO_NAMES = np.zeros(0, np.uint32)


def encode(types: TypeTable, strings: StringTable, *, byteorder: str = "little", layout: Layout = STANDARD,
           layout_section: bool = False) -> bytes:
    """The bytes of a BTF file: header, types in table order, and the strings they name.

    The string section holds each referenced string once, by content, in order of first reference (row by row, the
    type's name before its members'), after the empty string. Strings that nothing refers to are left out, so the
    tables may share one big blob between several encodings.

    Tables with a base become a split file: without the base's types and strings, whose offsets stay as they are. A
    name in ``strings.blob`` is written even if the base has an equal one.

    Parameters
    ----------
    types : TypeTable
        Names are offsets in `strings`. Only what is needed to read the file again is checked: use `check` on the
        result.
    strings : StringTable
    byteorder : {"little", "big"}
        Of the file.
    layout : Layout
        What the words of a type mean.
    layout_section : bool
        Also write how long the types of each kind are (harness.btf.kind_sizes), with a header of 32 bytes instead of
        24, as libbpf does if asked.

    Returns
    -------
    bytes

    Raises
    ------
    EncodeError
        Row starts do not rise to the number of words, a row's length does not fit its kind and vlen, a name is outside
        the blob, the blob does not begin and end with NUL, or a section would exceed 4 GiB; or a layout section is
        asked for, and kind_flag makes only some types of a kind longer, or the tables have a base, whose file has it.

    Notes
    -----
    Linear in words and string bytes. The same tables give the same bytes on any machine.
    """
    laid = lay_out(types, strings, byteorder=byteorder, layout=layout, layout_section=layout_section)
    return laid.data()


def lay_out(types: TypeTable, strings: StringTable, *, byteorder: str = "little", layout: Layout = STANDARD,
            layout_section: bool = False, first_names: np.ndarray = NO_NAMES) -> Laid:
    """A Laid: what `encode` makes, before it is bytes, so that files that begin alike share what they have in common.

    Parameters and errors are those of `encode`, but for this one.

    Parameters
    ----------
    first_names : uint32
        Names, offsets as in the types, whose strings come first, in this order, whether or not a type has them.
    """
    blob = np.require(strings.blob, np.uint8, ["C", "W"])  # a read-only view would compile the kernels a second time
    _check_blob(blob, strings.base is not None)
    n_slots = 1 << max(5, int(4 * np.count_nonzero(blob == 0)).bit_length())
    strings = strings._replace(blob=blob)
    return _begun(byteorder, strings, layout_section, first_names, n_slots).then(types, layout=layout)


def _begun(byteorder, strings, layout_section, first_names, n_slots):
    """A Laid without types, with so many slots for strings."""
    while True:
        interned = _interned(strings, n_slots)
        names = writer_kernels.Names(strings.blob, strings.first_off, wire.MAX_SECTION_NBYTES - strings.first_off)
        status, name = writer_kernels.intern_names(first_names, names, interned)
        if status != writer_kernels.STRINGS_FULL:
            break
        n_slots *= 4
    if status != writer_kernels.OK:
        raise EncodeError(f"expected names from {strings.first_off} to {strings.next_off}, and less than "
                          f"{wire.MAX_SECTION_NBYTES} bytes of strings, found {name}")
    n_first = int(interned.used[writer_kernels.N_STRINGS])
    return Laid(byteorder, strings, (), interned, layout_section, first_names, n_first)


class Laid(NamedTuple):
    """Types and the strings that they name, laid out as in a file. Immutable; `then` appends more types.

    Attributes
    ----------
    byteorder : {"little", "big"}
    strings : StringTable
        What names are offsets in.
    parts : tuple of (TypeTable, Layout, uint32)
        The tables laid out so far, one after the other, and their words as the file has them, in native byte order.
    interned : writer_kernels.Interned
    layout_section : bool
        Whether the file has one.
    first_names : uint32
        Names whose strings come first.
    n_first : int
        How many strings that are.
    """

    byteorder: str
    strings: StringTable
    parts: tuple
    interned: writer_kernels.Interned
    layout_section: bool
    first_names: np.ndarray
    n_first: int

    def then(self, types: TypeTable, strings: np.ndarray | None = None, *, layout: Layout = STANDARD) -> Laid:
        """A Laid with further types, whose type_ids continue; this one does not change.

        Parameters
        ----------
        types : TypeTable
        strings : uint8, optional
            Appended to the bytes that names are offsets in; ends with NUL.
        layout : Layout

        Returns
        -------
        Laid

        Raises
        ------
        EncodeError
            As `encode`.
        """
        words = np.ascontiguousarray(types.words, np.uint32)
        start = np.ascontiguousarray(types.start, np.int64)
        n_words = sum(len(part[2]) for part in self.parts) + len(words)
        _check_rows(words, start, n_words)
        table, interned = self.strings, self.interned
        new_off = interned.new_off.copy()
        if strings is not None and len(strings):
            _check_blob(strings, True)
            table = table._replace(blob=np.concatenate([table.blob, strings]))
            new_off = np.concatenate([new_off, np.zeros(len(strings), np.uint32)])
        interned = writer_kernels.Interned(new_off, *(column.copy() for column in interned[1:]))
        out = np.empty(len(words), np.uint32)
        names = writer_kernels.Names(table.blob, table.first_off, wire.MAX_SECTION_NBYTES - table.first_off)
        status, row, detail = writer_kernels.encode_rows(
            words, start, names, layout.columns, wire.prefix(self.byteorder) == ">", interned, out)
        if status == writer_kernels.STRINGS_FULL:  # names that are tails of other strings outnumber the NULs
            return self._larger(table).then(types, layout=layout)
        if status != writer_kernels.OK:
            raise EncodeError(_message(status, row, detail, types, table, self.next_id(types)))
        return self._replace(strings=table, parts=(*self.parts, (types, layout, out)), interned=interned)

    def next_id(self, types: TypeTable | None = None) -> int:
        """type_id of the first type of what comes next; that of `types`, if given, where nothing is laid out yet."""
        if not self.parts:
            return 1 if types is None else types.first_id
        return self.parts[0][0].first_id + sum(part[0].n_types for part in self.parts)

    def _larger(self, strings):
        """The same with four times the room for strings, of a table that may be longer."""
        laid = _begun(self.byteorder, strings, self.layout_section, self.first_names, 4 * len(self.interned.slot))
        for types, layout, _ in self.parts:
            laid = laid.then(types, layout=layout)
        return laid

    def words(self) -> np.ndarray:
        """The words of all types as the file has them, in native byte order."""
        return np.concatenate([part[2] for part in self.parts])

    def data(self) -> bytes:
        """The bytes of the file."""
        return self._file(self.words())

    def _file(self, words):
        section, layout = self.section(), self._layout()
        type_len = len(words) * wire.WORD_NBYTES
        header = wire.Header(wire.MAGIC, wire.VERSION, 0, self.types_start, 0, type_len, type_len + len(layout),
                             len(section), type_len if layout else 0, len(layout))
        file_words = words.astype(wire.prefix(self.byteorder) + "u4", copy=False)
        return b"".join([header.pack(self.byteorder), file_words.data, layout, section.data])

    @property
    def types_start(self) -> int:
        """Byte offset of the first type in the file."""
        return wire.HDR_LEN_LAYOUT if self.layout_section else wire.HDR_LEN

    def _layout(self):
        """The layout section; no bytes where there is none."""
        if not self.layout_section:
            return b""
        if self.strings.base is not None:
            raise EncodeError("expected types without a base, whose file has the layout section of both")
        return kind_sizes.pack(kind_sizes.kind_sizes(part[:2] for part in self.parts), self.byteorder)

    @property
    def section_nbytes(self) -> int:
        """Length of the string section."""
        return int(self.interned.used[1])

    def section(self) -> np.ndarray:
        """The string section, uint8; a split file's begins where its base's ends."""
        interned = self.interned
        n, nbytes = interned.used.tolist()
        section = np.zeros(nbytes, np.uint8)
        writer_kernels.fill_section(self.strings.blob, interned.blob_off[:n], interned.nbytes[:n], interned.off[:n],
                                    section)
        return section

    def ordered(self, place: np.ndarray | None = None, by_name: bool = False) -> Ordered:
        """The same types in another order.

        Parameters
        ----------
        place : int64 (types,), optional
            A number for each type: they are sorted by it, types of one number in the order that they have. Strings
            follow in order of first reference, after those of `first_names`. Without it both stay as they are.
        by_name : bool
            Afterwards sort the types by name, as resolve_btfids does since Linux 7.0: anonymous ones first, then in the
            order of strcmp, types of one name in the order that they had. Strings stay where they are.

        Notes
        -----
        Source: sort_btf_by_name() in tools/bpf/resolve_btfids/main.c, v7.3; btf__permute() in libbpf 1.7.
        """
        words = self.words()
        n_words = np.cumsum([0, *(len(part[2]) for part in self.parts)])
        start = np.concatenate([*(part[0].row_starts() + n for part, n in zip(self.parts, n_words[:-1], strict=True)),
                                n_words[-1:]])
        n_rows, first_id = len(start) - 1, self.parts[0][0].first_id
        if place is not None and len(place) != n_rows:
            raise ValueError(f"expected a place for each of {n_rows} types, found {len(place)}")
        order = np.arange(n_rows) if place is None else np.argsort(place, kind="stable")
        ranks = self._name_ranks(words[start[:-1] + NAME_WORD]) if by_name else None
        off, used = self.interned.off, self.interned.used
        if place is not None:
            off, used = self._new_offs(words, start, order)
        if ranks is not None:
            order = order[np.argsort(ranks[order], kind="stable")]
        id_map = np.arange(first_id + n_rows, dtype=np.uint32)
        id_map[first_id + order] = np.arange(first_id, first_id + n_rows, dtype=np.uint32)
        out, new_start = np.empty_like(words), np.empty(n_rows, np.int64)
        writer_kernels.place_rows(words, start, order, id_map, out, new_start)
        laid = self._replace(interned=self.interned._replace(off=off, used=used))
        return Ordered(laid, self.interned, out, id_map, new_start[n_rows - self.parts[-1][0].n_types :])

    def _new_offs(self, words, start, order):
        """Replace the names in `words`, whose rows are taken in some order, by offsets in the string section that this
        order makes: (int64 (strings,), new offsets by string, int64 (2,), as in Interned)."""
        interned = self.interned
        n, nbytes = interned.used.tolist()
        string_at = np.zeros(nbytes, np.int32)
        string_at[interned.off[:n]] = np.arange(n, dtype=np.int32)
        off, used = np.full(n, -1, np.int64), interned.used.copy()
        off[: self.n_first] = interned.off[: self.n_first]
        if self.n_first < n:
            used[writer_kernels.NBYTES] = interned.off[self.n_first]
        writer_kernels.order_strings(words, start, order, self.strings.first_off, string_at, interned.nbytes, off, used)
        return off, used

    def _name_ranks(self, name_off):
        """Rank of names, offsets as in the file, by their bytes: int64, equal for equal names."""
        distinct, which = np.unique(name_off, return_inverse=True)
        section = self.section()
        if self.strings.base is None:
            starts = np.flatnonzero(section == 0) + 1  # of all strings but the first, each there once
            every = section.tobytes().split(b"\0")
            names = [every[i] for i in np.searchsorted(starts, distinct, side="right").tolist()]
        else:
            names = Strings(np.concatenate([self.strings.base.flattened().blob, section])).list(distinct)
        order = sorted(range(len(names)), key=names.__getitem__)
        new = [k > 0 and names[i] != names[order[k - 1]] for k, i in enumerate(order)]
        rank = np.empty(len(names), np.int64)
        rank[order] = np.cumsum(new)
        return rank[which]

    def word_places(self, words: np.ndarray) -> np.ndarray:
        """Byte offsets in the file of words of the last table laid out, int64 (n,): indices in its `words`."""
        before = sum(len(part[2]) for part in self.parts[:-1])
        return self.types_start + wire.WORD_NBYTES * (before + np.asarray(words, np.int64))

    def string_places(self, offs: np.ndarray) -> np.ndarray:
        """Byte offsets in the file of strings that a type names, int64 (n,): offsets in the blob of `strings`."""
        return self.string_start() - self.strings.first_off + self.interned.new_off[offs].astype(np.int64)

    def string_start(self) -> int:
        """Byte offset of the string section in the file."""
        n_words = sum(len(part[2]) for part in self.parts)
        return self.types_start + wire.WORD_NBYTES * n_words + len(self._layout())


class Ordered(NamedTuple):
    """A Laid whose types have another order in the file.

    Attributes
    ----------
    laid : Laid
        With the offsets that strings have in the file.
    before : writer_kernels.Interned
        Those that they had.
    words : uint32
        Of all types as the file has them, in native byte order.
    id_map : uint32 (next_id,)
        type_id in the file by that of the Laid; a base's keep theirs.
    start : int64 (types of the last table,)
        Index in `words` of each row of the last table that was laid out.
    """

    laid: Laid
    before: writer_kernels.Interned
    words: np.ndarray
    id_map: np.ndarray
    start: np.ndarray

    def data(self) -> bytes:
        """The bytes of the file."""
        return self.laid._file(self.words)

    def next_id(self) -> int:
        """As `Laid.next_id`."""
        return self.laid.next_id()

    @property
    def section_nbytes(self) -> int:
        """As `Laid.section_nbytes`."""
        return self.laid.section_nbytes

    def word_places(self, words: np.ndarray) -> np.ndarray:
        """As `Laid.word_places`."""
        types, words = self.laid.parts[-1][0], np.asarray(words, np.int64)
        row = np.searchsorted(types.row_starts(), words, side="right") - 1
        return self.laid.types_start + wire.WORD_NBYTES * (self.start[row] + words - types.row_starts()[row])

    def string_places(self, offs: np.ndarray) -> np.ndarray:
        """As `Laid.string_places`."""
        first = self.laid.strings.first_off
        n = int(self.before.used[writer_kernels.N_STRINGS])
        string = np.searchsorted(self.before.off[:n], self.before.new_off[offs].astype(np.int64) - first)
        return self.laid.string_start() + self.laid.interned.off[string]


def _check_rows(words, start, n_words):
    if len(start) < 2 or start[0] != 0 or start[1] != 0 or start[-1] != len(words) or np.any(np.diff(start) < 0):
        raise EncodeError("expected row starts that rise from 0, 0 to the number of words")
    if n_words * wire.WORD_NBYTES > wire.MAX_SECTION_NBYTES:
        raise EncodeError(f"expected at most {wire.MAX_SECTION_NBYTES} bytes of types, found {n_words} words")


def _check_blob(blob, goes_on):
    if goes_on:
        if len(blob) and blob[-1] != 0:
            raise EncodeError("expected a string blob that ends with NUL")
    elif len(blob) == 0 or blob[0] != 0 or blob[-1] != 0:
        raise EncodeError("expected a string blob that begins and ends with NUL")


def _interned(strings, n_slots):
    """An Interned of so many slots in which nothing is yet but the empty string, where a section begins with it."""
    n_strings = n_slots // 2
    return writer_kernels.Interned(
        np.zeros(len(strings.blob), np.uint32),
        np.full(n_slots, writer_kernels.EMPTY, np.int32),
        *(np.empty(n_strings, np.int64) for _ in range(4)),
        np.array([0, 1 if strings.base is None else 0], np.int64),
    )


def _message(status, row, detail, types, strings, first_id):
    row_words = int(types.start[row + 1] - types.start[row])
    what = {
        writer_kernels.ROW_SHORT: f"expected at least {HEAD_WORDS} words, found {detail}",
        writer_kernels.KIND_UNKNOWN: f"expected kind 1 to {LAST_KIND}, found {detail}",
        writer_kernels.ROW_LENGTH: f"expected {detail} words by kind and vlen, found {row_words}",
        writer_kernels.NAME_PAST_END: f"expected a name below {strings.next_off}, found {detail}",
        writer_kernels.STRINGS_TOO_LONG: f"expected at most {wire.MAX_SECTION_NBYTES} bytes of strings, found more",
    }[status]
    kind = ""
    if row_words >= HEAD_WORDS:
        number = kind_number(types.info()[row - 1])
        kind = f" {Kind(number).name}" if 0 < number <= LAST_KIND else ""
    return f"[{first_id + row - 1}]{kind}: {what}"
