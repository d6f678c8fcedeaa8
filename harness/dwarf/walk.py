"""Plans the walk: reads sections, shares units among threads, checks, raises. The loops are in the *_kernels files."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from harness.dwarf import die_kernels as dk
from harness.dwarf import fill_kernels as fk
from harness.dwarf import index_kernels as ik
from harness.dwarf import lines
from harness.dwarf import location_kernels as lk
from harness.dwarf import names_kernels as nk
from harness.dwarf import walk_tables as wt
from harness.dwarf.units import unit_headers
from harness.errors import DwarfError
from harness.model import Kind, StringTable, TypeTable, info_word

BATCH_NBYTES = 4 << 20
"""A thread takes about this much of .debug_info at a time."""

FAULTS = {
    dk.BAD_ABBREV_TABLE: ".debug_abbrev: expected an abbreviation table, found its end or nonsense at {offset:#x}",
    dk.BAD_ABBREV_FORM: ".debug_abbrev: DW_FORM {detail:#x} is unknown",
    dk.BAD_ABBREV_CODE: "expected an abbreviation code of the unit's table, found {detail}",
    dk.BAD_FORM: "DW_FORM {detail:#x} is unknown",
    dk.PAST_END: "expected a DIE within its unit, found one that reaches past the unit's end",
    dk.BAD_STRING: "expected an offset within the string section, found {detail:#x}",
    dk.TOO_DEEP: "expected DIEs nested at most 4096 deep, found deeper ones",
    dk.BAD_REFERENCE: "expected a reference to a type's DIE, found {detail:#x}",
    dk.REFERENCE_LOOP: "expected a chain of references that ends, found a cycle",
    dk.BAD_INDEX: "expected an index within .debug_addr, found one past its end",
    dk.MISSING_NULL: "expected a null entry that ends the children",
    dk.ROW_MISMATCH: "expected the same members in both passes, found others: DW_AT_sibling lies",
    dk.BAD_RANGES: "expected a range list within its section, found its end or an unknown entry",
    dk.BAD_UNIT_DIE: "expected a unit's DIE, found tag {detail:#x}",
    dk.ABBREV_LIMIT: ".debug_abbrev: expected codes below 131072 and at most 1048576 attributes, found {detail}",
    dk.TOO_MUCH_WORK: "expected a unit that can be read in a time that grows with its size, found DIEs that lead to "
                      "the same ones over and over",
    dk.ENUM_RANGE: "expected an enumerator that fits the enum's size, found a larger one",
}
IN_ABBREV = {dk.BAD_ABBREV_TABLE, dk.ABBREV_LIMIT, dk.BAD_ABBREV_FORM}

LANGUAGES = {0x04: "C++", 0x1A: "C++", 0x21: "C++", 0x2B: "C++", 0x3A: "C++", 0x1C: "Rust", 0x16: "Go",
             0x10: "Objective-C"}


class Functions(NamedTuple):
    """One row per subprogram DIE that is no declaration.

    Attributes
    ----------
    off : int64 (funcs,)
        Offset of the DIE in .debug_info, bytes.
    unit : int32 (funcs,)
    name : uint32 (funcs,)
        Offset in the string blob; 0 is nameless.
    entry : uint64 (funcs,)
        DW_AT_low_pc, else the first address of DW_AT_ranges; meaningful where `flags` has LOW_PC or RANGES.
    flags : uint16 (funcs,)
        FN_* of walk_tables.
    type : uint32 (funcs,)
        type_id of what it returns.
    param : int64 (funcs + 1,)
        Function f has the parameters param[f] to param[f + 1], half-open.
    file, line : uint32 (funcs,)
        DW_AT_decl_file (a number in the unit's line table), NO_FILE of line_kernels if unknown; and DW_AT_decl_line, 0
        if unknown.
    param_name, param_type, param_flags : uint32, uint32, uint8 (params,)
        Name, type_id and PF_* flags; an ellipsis has neither name nor type.
    param_origin : int64 (params,)
        The parameter whose type and name it takes (DW_AT_abstract_origin), -1 if it has its own.
    param_reg, param_reg_pieces, param_first : int8 (params,)
    param_seen : uint64 (params,)
        What its location says, as harness.dwarf.location_kernels explains.
    """

    off: np.ndarray
    unit: np.ndarray
    name: np.ndarray
    entry: np.ndarray
    flags: np.ndarray
    type: np.ndarray
    file: np.ndarray
    line: np.ndarray
    param: np.ndarray
    param_name: np.ndarray
    param_type: np.ndarray
    param_flags: np.ndarray
    param_origin: np.ndarray
    param_reg: np.ndarray
    param_reg_pieces: np.ndarray
    param_first: np.ndarray
    param_seen: np.ndarray


class Variables(NamedTuple):
    """One row per top-level variable DIE with a location: name, type_id, address, VF_* flags, unit."""

    name: np.ndarray
    type: np.ndarray
    addr: np.ndarray
    flags: np.ndarray
    unit: np.ndarray


class DeclTags(NamedTuple):
    """btf_decl_tag annotations: name, what they hang on (T_*), its type_id or row, component_idx."""

    name: np.ndarray
    space: np.ndarray
    target: np.ndarray
    component: np.ndarray


class Walk(NamedTuple):
    """Everything the DWARF of a file says that BTF can say, before any dedup.

    Attributes
    ----------
    types : TypeTable
        One row per type DIE, unit after unit, DIE after DIE.
    strings : StringTable
        Equal strings have equal offsets.
    functions : Functions
    variables : Variables
    decl_tags : DeclTags
    unit_name : uint32 (units,)
        Name of each unit (path of its source file).
    unit_language : int64 (units,)
        DW_LANG_*.
    unit_line : int64 (units,)
        Offset of each unit's line number program in .debug_line, -1 if it has none.
    unit_clang : bool (units,)
        Whether DW_AT_producer names clang.
    location_lists : (int64 (lists,), int64 (lists, L_COLUMNS))
        Parameters that have a location list, and where each is; of use to `read_location_lists`.
    counts : dict of str to int
        DIEs seen, by what became of them: the DWARF side of the funnel.
    """

    types: TypeTable
    strings: StringTable
    functions: Functions
    variables: Variables
    decl_tags: DeclTags
    unit_name: np.ndarray
    unit_language: np.ndarray
    unit_line: np.ndarray
    unit_clang: np.ndarray
    location_lists: tuple
    counts: dict


class InfoBytes:
    """.debug_info, and behind it .debug_types of DWARF 4, as one run of bytes that is read piece by piece."""

    def __init__(self, image):
        self.path = image.path
        self.little_endian = image.little_endian
        self._image = image
        info = image.debug_section("info")
        if info is None or info.nbytes == 0:
            raise DwarfError(
                "expected a .debug_info section, found none: this file carries no DWARF. Install the package with "
                "the kernel's debug symbols (Debian: linux-image-<version>-dbg; Fedora: kernel-debuginfo; Ubuntu: "
                "linux-image-unsigned-<version>-dbgsym) and pass the path of its vmlinux", image.path)
        self._info = info
        self._types = image.debug_section("types")
        for section in (info, self._types):
            n = sum(section is not None and section.name == other.name for other in image.sections)
            if n > 1:
                raise DwarfError(f"expected one section of that name, found {n}: the object has type units in groups; "
                                 "link it (ld -r merges them) or compile without -fdebug-types-section", image.path,
                                 section.name)
        self._plain = image.is_plain(info)
        if self._plain:
            image.check(info)
            self.n_info = info.nbytes
        else:
            self._bytes = image.read(info)
            self.n_info = len(self._bytes)
        self._types_bytes = image.read(self._types) if self._types is not None else np.zeros(0, np.uint8)
        self.nbytes = self.n_info + len(self._types_bytes)

    def read(self, start, stop, pad=0, out=None):
        """Bytes [start, stop) and `pad` zeros behind them, uint8; a view of `out` if given, which must be as long."""
        n = stop - start
        out = np.empty(n + pad, np.uint8) if out is None else out[: n + pad]
        out[n:] = 0
        split = min(max(start, self.n_info), stop)
        if start < split:
            if self._plain:
                self._image.pread(self._info, start, split, out[: split - start])
            else:
                out[: split - start] = self._bytes[start:split]
        if split < stop:
            out[split - start : n] = self._types_bytes[split - self.n_info : stop - self.n_info]
        return out

    def head(self, at, nbytes):
        """Up to `nbytes` bytes from `at` on, as bytes; cheaper than `read` for a few of them."""
        stop = min(at + nbytes, self.section_stop(at))
        if self._plain and at < self.n_info:
            return self._image.pread_bytes(self._info, at, stop)
        return self.read(at, stop).tobytes()

    def in_types(self, at):
        """Whether an offset lies in .debug_types."""
        return at >= self.n_info

    def section_stop(self, at):
        """End of the section that offset `at` lies in."""
        return self.nbytes if self.in_types(at) else self.n_info

    def section_name(self, at):
        """Name of the section that offset `at` lies in."""
        return self._types.name if self.in_types(at) else self._info.name

    def section_offset(self, at):
        """Offset within that section."""
        return at - self.n_info if self.in_types(at) else at


def _contents(image, name):
    """All bytes of section .debug_<name>, uint8; empty if there is none."""
    section = image.debug_section(name)
    return image.read(section) if section is not None and section.nbytes else np.zeros(0, np.uint8)


LITERALS = (b"__SANITIZED_FAKE_INT__", b"int")


class _Side:
    """All sections but .debug_info in one array, and where each lies in it.

    Attributes
    ----------
    side : uint8 (nbytes,)
        PAD zeros stand behind each section.
    geo : int64 (G_COLUMNS,)
        The columns G_* that do not change from unit to unit.
    blob : uint8
        The part of `side` that holds the strings: name n is the string at blob[n], and blob[0] is the empty string.
    names : list of int
        Names of LITERALS.
    """

    def __init__(self, image):
        geo = np.zeros(dk.G_COLUMNS, np.int64)
        pad = np.zeros(dk.PAD, np.uint8)
        strs, line_strs = _contents(image, "str"), _contents(image, "line_str")
        nul = np.zeros(1, np.uint8)
        parts = [nul, strs, nul, line_strs, nul]
        geo[dk.G_STRS] = 1
        geo[dk.G_N_STR] = len(strs)
        geo[dk.G_N_STRS] = len(strs) + len(line_strs) + 2
        self.names = []
        at = 1 + int(geo[dk.G_N_STRS])
        for literal in LITERALS:
            parts.append(np.frombuffer(literal + b"\0", np.uint8))
            self.names.append(at)
            at += len(literal) + 1
        parts.append(pad)
        at += dk.PAD
        self.n_blob = at
        if at >= dk.POOL_FLAG:
            raise DwarfError(f"expected string sections below 2 GiB, found {at} bytes", image.path)
        for name, where, length in (("abbrev", dk.G_ABBREV, dk.G_N_ABBREV),
                                    ("str_offsets", dk.G_STR_OFFSETS, dk.G_N_STR_OFFSETS),
                                    ("addr", dk.G_ADDR, dk.G_N_ADDR), ("ranges", dk.G_RANGES, dk.G_N_RANGES),
                                    ("rnglists", dk.G_RNGLISTS, dk.G_N_RNGLISTS)):
            data = _contents(image, name)
            geo[where], geo[length] = at, len(data)
            parts += [data, pad]
            at += len(data) + dk.PAD
        geo[dk.G_BIG] = 0 if image.little_endian else 1
        self.side = np.concatenate(parts)
        self.geo = geo

    @property
    def blob(self):
        return self.side[: self.n_blob]


class _Scratch(threading.local):
    """What one thread reuses for every batch."""

    codes = None

    def get(self):
        if self.codes is None:
            self.codes = np.zeros(dk.MAX_CODE * dk.A_COLUMNS, np.int32)
            self.specs = np.empty(dk.MAX_SPECS * dk.X_COLUMNS, np.int64)
            self.die = np.zeros(dk.DIE_WORDS, np.uint64)
            self.die2 = np.zeros(dk.DIE_WORDS, np.uint64)
            self.stack = (np.zeros(wt.MAX_DEPTH + 1, np.uint8), np.zeros(wt.MAX_DEPTH + 1, np.int64))
            self.found = np.zeros(wt.MAX_CHAIN, np.int64)
            self._info = np.empty(0, np.uint8)
            self._index = None
        return self

    def info(self, nbytes):
        """A buffer for .debug_info: fresh pages for every batch would cost more than reading into them."""
        if len(self._info) < nbytes:
            self._info = np.empty(nbytes, np.uint8)
        return self._info

    def index(self, n):
        """A wt.Index for up to `n` DIEs of each sort; untouched pages cost nothing."""
        if self._index is None or len(self._index.row_off) < n:
            u1, u4 = np.uint8, np.uint32
            self._index = wt.Index(*(np.empty(n, t) for t in (u4, u1, u4, u4, u4, u4, u4, u1, np.int64, np.int32)),
                                   np.zeros(4, np.int64))
        return self._index


class _Pool(NamedTuple):
    """A batch's strings that stand in .debug_info itself; bytes used and strings held once it is filled."""

    text: np.ndarray
    slots: np.ndarray
    nbytes: int = 0
    n_strings: int = 0


def _pool(nbytes):
    return _Pool(np.zeros(nbytes + dk.PAD, np.uint8), np.zeros(1 << max(10, int(nbytes // 4).bit_length()), np.uint32))


def _batches(units):
    """Half-open runs of units of about BATCH_NBYTES each."""
    out, first = [], 0
    for u in range(len(units)):
        if units[u, dk.U_STOP] - units[first, dk.U_START] >= BATCH_NBYTES or u + 1 == len(units):
            out.append((first, u + 1))
            first = u + 1
    return out


def walk(image, threads=1, progress=None, declarations=False, lists=True):
    """Read all units of an ElfImage.

    Parameters
    ----------
    image : harness.elf.ElfImage
    threads : int
        Threads to share the units among; the result does not depend on it.
    progress : callable, optional
        Called with (bytes done, bytes in all).
    declarations : bool
        List subprograms that are declarations, too, with FN_DECLARATION: for the names behind a count, nothing else.
    lists : bool
        Read the parameters' location lists. If not, their columns are not filled before `read_location_lists`, which a
        caller may run beside other work.

    Returns
    -------
    Walk

    Raises
    ------
    DwarfError
        No DWARF, or DWARF that lies; names the section and the offset.

    Notes
    -----
    A numba scan of all DIEs of a 6.12 kernel (210 MB) takes some 0.3 s of one core; the tables it fills are as large
    as the raw BTF that pahole hands to its dedup (170 MB).
    """
    info = InfoBytes(image)
    side = _Side(image)
    if side.geo[dk.G_N_ABBREV] == 0:
        raise DwarfError("expected a .debug_abbrev section, found none", image.path)
    units = unit_headers(info, int(side.geo[dk.G_N_ABBREV]))
    seen = np.zeros(side.n_blob, np.uint8)
    fake_int, int_name = side.names

    def geometry(base):
        geo = side.geo.copy()
        geo[dk.G_DECLARATIONS] = declarations
        geo[dk.G_INFO_BASE] = base
        return geo

    def fault_of(status, geo):
        if geo[dk.G_WORK] < 0:
            status[0] = dk.TOO_MUCH_WORK  # whatever a kernel then could not do
        return status

    def raise_fault(status):
        code, offset, detail, unit = (int(x) for x in status)
        name = units[unit, dk.U_NAME]
        text = FAULTS[code].format(detail=detail, offset=offset)
        if code in IN_ABBREV:
            raise DwarfError(text.partition(": ")[2], image.path, ".debug_abbrev", offset)
        label = None
        if 0 < name < dk.POOL_FLAG:
            label = StringTable(side.blob).get(int(name)).decode(errors="replace")
        start = int(units[unit, dk.U_START])
        within = info.section_offset(start) + min(max(offset, start), int(units[unit, dk.U_STOP])) - start
        raise DwarfError(text, image.path, info.section_name(start), within, label)

    scratch = _Scratch()
    batches = _batches(units)
    total = 2 * info.nbytes
    done = [0]
    lock = threading.Lock()

    def advance(n):
        if progress is not None:
            with lock:
                done[0] += n
                progress(done[0], total)

    def index_batch(batch):
        first, last = batch
        s = scratch.get()
        start, stop = int(units[first, dk.U_START]), int(units[last - 1, dk.U_STOP])
        data = info.read(start, stop, dk.PAD, s.info(stop - start + dk.PAD))
        n = stop - start + 1
        pool_nbytes = 1 << 16
        while True:
            pool = _pool(pool_nbytes)
            out = s.index(n)
            status = np.zeros(4, np.int64)
            geo = geometry(start)
            ik.index_units(data, side.side, geo, s.codes, s.specs, units, first, last, s.die, pool.text,
                           pool.slots, seen, out, *s.stack, s.found, status)
            if status[0] != dk.POOL_FULL:
                break
            pool_nbytes *= 8
        if status[0] != dk.OK:
            return fault_of(status, geo)
        r, f, v, t = (int(x) for x in out.used)
        ends = (r, r, r, f, f, v, t, t, t, t)
        advance(stop - start)
        return wt.Index(*(a[:e].copy() for a, e in zip(out[:10], ends, strict=True)), out.used.copy()), pool_nbytes

    with ThreadPoolExecutor(max(1, threads)) as executor:
        indexed = []
        for result in executor.map(index_batch, batches):
            if not isinstance(result, tuple):
                raise_fault(result)
            indexed.append(result)

        n_arrays = sum(int(np.count_nonzero(ix.row_kind == Kind.ARRAY)) for ix, _ in indexed)
        first_id = 2 if n_arrays else 1  # every array needs an index type; ours is type 1 and dedups with the units'
        columns = [dk.U_ROWS, dk.U_WORDS, dk.U_FUNCS, dk.U_PARAMS, dk.U_VARS, dk.U_XREFS]
        offsets = np.zeros((len(units) + 1, 6), np.int64)
        np.cumsum(units[:, columns], axis=0, out=offsets[1:])
        offsets[:, 0] += first_id
        offsets[:, 1] += 4 * (first_id - 1)
        end_id, n_words, n_funcs, n_params, n_vars, n_xrefs = (int(x) for x in offsets[-1])
        words = np.empty(n_words, np.uint32)
        start = np.zeros(end_id + 1, np.int64)
        start[-1] = n_words
        if n_arrays:
            words[:4] = int_name, info_word(Kind.INT), 4, (1 << 24) | 32
        u1, u4, i8 = np.uint8, np.uint32, np.int64
        fill = wt.Fill(
            words, start, np.empty(n_funcs, i8), np.empty(n_funcs, np.int32), np.empty(n_funcs, u4),
            np.empty(n_funcs, np.uint64), np.empty(n_funcs, np.uint16), np.empty(n_funcs, u4),
            np.empty(n_funcs, u4), np.empty(n_funcs, u4),
            np.empty(n_funcs + 1, i8), np.empty(n_params, u4), np.empty(n_params, u4), np.empty(n_params, u1),
            np.empty(n_params, i8), np.empty(n_params, i8), np.empty(n_params, i8), np.empty(n_params, np.int8),
            np.empty(n_params, np.int8), np.empty(n_params, np.int8), np.empty(n_params, np.uint64),
            np.empty(n_vars, u4), np.empty(n_vars, u4), np.empty(n_vars, np.uint64), np.empty(n_vars, u1),
            np.empty(n_vars, np.int32), np.zeros(0, u4))
        xrefs = np.empty(4 * n_xrefs, np.uint64)
        fill.func_param[n_funcs] = n_params

        def fill_batch(item):
            (first, last), (index, pool_nbytes) = item
            s = scratch.get()
            a, b = int(units[first, dk.U_START]), int(units[last - 1, dk.U_STOP])
            data = info.read(a, b, dk.PAD, s.info(b - a + dk.PAD))
            longest = int((units[first:last, dk.U_STOP] - units[first:last, dk.U_START]).max())
            slot = np.empty(longest, np.uint32)
            tag_name = np.zeros(len(index.tag_off), np.uint32)
            mine = fill._replace(tag_name=tag_name)
            while True:
                pool = _pool(pool_nbytes)
                geo = geometry(a)
                status = np.zeros(4, np.int64)
                fk.fill_units(data, side.side, geo, s.codes, s.specs, units, first, last, s.die, s.die2, pool.text,
                              pool.slots, seen, slot, xrefs, index, mine, offsets, np.uint32(fake_int), np.uint32(1),
                              status)
                if status[0] != dk.POOL_FULL:
                    break
                pool_nbytes *= 8
            if status[0] != dk.OK:
                return fault_of(status, geo)
            advance(b - a)
            return pool._replace(nbytes=int(geo[dk.G_POOL_NBYTES]), n_strings=int(geo[dk.G_POOL_STRINGS])), tag_name

        filled = []
        for result in executor.map(fill_batch, zip(batches, indexed, strict=True)):
            if not isinstance(result, tuple):
                raise_fault(result)
            filled.append(result)
        seen[fake_int - 1] = seen[int_name - 1] = 1

        blob, canon, remaps = _unify_names(image.path, side.blob, seen, [pool for pool, _ in filled])

        def rename_batch(item):
            (first, last), remap = item
            lo, hi = offsets[first], offsets[last]
            nk.rename_rows(words, start, lo[0], hi[0], canon, remap)
            nk.rename(fill.func_name[lo[2]:hi[2]], canon, remap)
            nk.rename(fill.param_name[lo[3]:hi[3]], canon, remap)
            nk.rename(fill.var_name[lo[4]:hi[4]], canon, remap)

        list(executor.map(rename_batch, zip(batches, remaps, strict=True)))

    unit_name = np.zeros(len(units), np.uint32)
    unit_producer = np.zeros(len(units), np.uint32)
    tags = []
    for (first, last), (index, _), (_, tag_name), remap in zip(batches, indexed, filled, remaps, strict=True):
        unit_name[first:last] = units[first:last, dk.U_NAME]
        nk.rename(unit_name[first:last], canon, remap)
        unit_producer[first:last] = units[first:last, dk.U_PRODUCER]
        nk.rename(unit_producer[first:last], canon, remap)
        nk.rename(tag_name, canon, remap)
        base = np.array([offsets[first, 0], offsets[first, 2], offsets[first, 4]])[index.tag_space]
        tags.append(DeclTags(tag_name, index.tag_space, base + index.tag_target, index.tag_component))
    decl_tags = DeclTags(*(np.concatenate(c) for c in zip(*tags, strict=True))) if tags else DeclTags(
        *(np.zeros(0, t) for t in (np.uint32, np.uint8, np.int64, np.int32)))
    if n_xrefs:
        _resolve_xrefs(image, info, units, offsets, indexed, batches, fill, xrefs.reshape(-1, 4))

    walked = units[:, dk.U_STATE] == dk.WALKED
    skipped = {}
    for language in units[units[:, dk.U_STATE] == dk.OTHER_LANGUAGE, dk.U_LANGUAGE]:
        label = LANGUAGES.get(int(language), f"DW_LANG {int(language):#x}")
        skipped[label] = skipped.get(label, 0) + 1
    counts = {
        "units": len(units),
        "units_walked": int(walked.sum()),
        "units_skeleton": int((units[:, dk.U_STATE] == dk.SKELETON).sum()),
        "units_other_language": dict(sorted(skipped.items())),
        "type_dies": int(units[:, dk.U_ROWS].sum()),
        "type_dies_unsupported": int(units[:, dk.U_UNSUPPORTED].sum()),
        "subprogram_dies": int(units[:, dk.U_SUBPROGRAMS].sum()),
        "variable_dies_located": n_vars,
        "locations_unread": int(np.count_nonzero(fill.param_flags & wt.PF_UNREAD)),
    }
    functions = Functions(fill.func_off, fill.func_unit, fill.func_name, fill.func_entry, fill.func_flags,
                          fill.func_type, fill.func_file, fill.func_line, fill.func_param, fill.param_name,
                          fill.param_type, fill.param_flags, _origins(fill), fill.param_reg, fill.param_reg_pieces,
                          fill.param_first, fill.param_seen)
    strings = StringTable(blob)
    clang = {int(p): b"clang" in strings.get(int(p)) for p in np.unique(unit_producer)}
    variables = Variables(fill.var_name, fill.var_type, fill.var_addr, fill.var_flags, fill.var_unit)
    walked = Walk(TypeTable(words, start), strings, functions, variables, decl_tags, unit_name,
                  units[:, dk.U_LANGUAGE].copy(), units[:, dk.U_LINE].copy(),
                  np.array([clang[p] for p in unit_producer.tolist()], bool), _wanted_lists(units, fill), counts)
    if lists:
        read_location_lists(image, walked)
    return walked


def _origins(fill):
    """Rows of the parameters that each takes its type from, int64 (params,); -1 of none that we have."""
    own = np.flatnonzero(fill.param_off >= 0)
    own = own[np.argsort(fill.param_off[own], kind="stable")]
    out = np.full(len(fill.param_off), -1, np.int64)
    taking = np.flatnonzero(fill.param_origin >= 0)
    if len(taking):
        target = fill.param_origin[taking]
        at = np.minimum(np.searchsorted(fill.param_off[own], target), len(own) - 1)
        out[taking] = np.where(fill.param_off[own[at]] == target, own[at], -1)
    return out


def _wanted_lists(units, fill):
    rows = np.flatnonzero(fill.param_list >= 0)
    func = np.searchsorted(fill.func_param, rows, side="right") - 1
    geometry = units[fill.func_unit[func]]
    by_index = (fill.param_flags[rows] & wt.PF_LIST_INDEX) != 0
    wanted = np.empty((len(rows), lk.L_COLUMNS), np.int64)
    wanted[:, lk.L_OFFSET] = fill.param_list[rows]
    wanted[:, lk.L_VERSION] = geometry[:, dk.U_VERSION]
    wanted[:, lk.L_ADDRESS_SIZE] = geometry[:, dk.U_ADDRESS_SIZE]
    wanted[:, lk.L_OFFSET_SIZE] = geometry[:, dk.U_OFFSET_SIZE]
    wanted[:, lk.L_BASE] = np.where(by_index, geometry[:, dk.U_LOC_BASE], -1)
    return rows, wanted


def read_location_lists(image, walked):
    """Read the parameters' location lists into the Functions of a walk that left them out.

    Raises
    ------
    DwarfError
        A list leaves its section or has an unknown entry; names the section and the offset.
    """
    rows, wanted = walked.location_lists
    if not len(rows):
        return
    f = walked.functions
    loc, lists = _padded(image, "loc"), _padded(image, "loclists")
    status = np.zeros(4, np.int64)
    lk.read_lists(loc, np.int64(len(loc) - dk.PAD), lists, np.int64(len(lists) - dk.PAD), wanted, rows,
                  np.int64(not image.little_endian), f.param_reg, f.param_reg_pieces, f.param_first, f.param_seen,
                  status)
    if status[0] != dk.OK:
        section = ".debug_loc" if status[2] < 5 else ".debug_loclists"
        what = ("lists that overlap little, found many that share their entries" if status[0] == dk.TOO_MUCH_WORK
                else "a location list within its section, found its end or an unknown entry")
        raise DwarfError(f"expected {what}", image.path, section, int(status[1]))
    walked.counts["locations_unread"] += int(status[3])


def _padded(image, name):
    """All bytes of section .debug_<name> and PAD zeros behind them."""
    section = image.debug_section(name)
    if section is not None and section.nbytes and image.is_plain(section):
        image.check(section)
        out = np.empty(section.nbytes + dk.PAD, np.uint8)
        image.pread(section, 0, section.nbytes, out[: section.nbytes])
        out[section.nbytes :] = 0
        return out
    return np.concatenate([_contents(image, name), np.zeros(dk.PAD, np.uint8)])


def call_kernels():
    """Call the compiled functions of the walk on no units at all, which loads them from numba's cache."""
    u1, u4, i8 = np.uint8, np.uint32, np.int64
    s = _Scratch().get()
    nothing, side, seen, pool = np.zeros(dk.PAD, u1), np.zeros(dk.PAD, u1), np.zeros(1, u1), _pool(64)
    units, geo = np.zeros((0, dk.U_COLUMNS), i8), np.zeros(dk.G_COLUMNS, i8)
    status, slot = np.zeros(4, i8), np.zeros(1, u4)
    ik.index_units(nothing, side, geo, s.codes, s.specs, units, 0, 0, s.die, pool.text, pool.slots, seen, s.index(1),
                   *s.stack, s.found, status)
    i1 = np.int8
    dtypes = (u4, i8, i8, np.int32, u4, np.uint64, np.uint16, u4, u4, u4, i8, u4, u4, u1, i8, i8, i8, i1, i1, i1,
              np.uint64, u4, u4, np.uint64, u1, np.int32, u4)
    fill = wt.Fill(*(np.zeros(0, t) for t in dtypes))
    fk.fill_units(nothing, side, geo, s.codes, s.specs, units, 0, 0, s.die, s.die2, pool.text, pool.slots, seen, slot,
                  np.zeros(0, np.uint64), s.index(1), fill, np.zeros((1, 6), i8), u4(0), u4(1), status)
    empty, start = np.zeros(0, u4), np.zeros(2, i8)
    lk.read_lists(nothing, i8(0), nothing, i8(0), np.zeros((0, lk.L_COLUMNS), i8), np.zeros(0, i8), i8(0),
                  np.zeros(0, i1), np.zeros(0, i1), np.zeros(0, i1), np.zeros(0, np.uint64), status)
    nk.intern_offsets(side, np.zeros(0, i8), np.zeros(1024, u4), empty)
    nk.intern_pool(side, np.zeros(1, i8), np.zeros(1024, u4), side, 0, empty)
    nk.rename_rows(empty, start, np.int64(1), np.int64(1), empty, empty)
    nk.rename(empty, empty, empty)
    lines.call_kernels()


def _unify_names(path, blob, seen, pools):
    """Give equal strings equal names: (blob with the pools' strings added, canon, remap of each pool).

    `canon` maps a name to the name of its first equal, uint32 (nbytes of the blob,), or is empty when every name is
    its own: a linker merges .debug_str, so that is the rule. A remap maps an offset in a pool to a name.
    """
    used = sum(p.nbytes for p in pools)
    out = np.zeros(len(blob) + used + dk.PAD, np.uint8)
    out[: len(blob)] = blob
    offsets = np.flatnonzero(seen == dk.NAME) + 1
    n_strings = len(offsets) + sum(p.n_strings for p in pools)
    slots = np.zeros(1 << max(10, (2 * n_strings).bit_length()), np.uint32)
    canon = np.zeros(len(blob), np.uint32)
    canon[offsets] = offsets
    merged = nk.intern_offsets(out, offsets, slots, canon)
    if merged < 0:
        raise DwarfError("expected strings that overlap little, found many long ones that share their ends", path,
                         ".debug_str", 0)
    tail = np.array([len(blob)], np.int64)
    remaps = []
    for pool in pools:
        remap = np.zeros(pool.nbytes, np.uint32)
        nk.intern_pool(out, tail, slots, pool.text, pool.nbytes, remap)
        remaps.append(remap)
    return out[: int(tail[0]) + 1], canon if merged else np.zeros(0, np.uint32), remaps


def _resolve_xrefs(image, info, units, offsets, indexed, batches, fill, xrefs):
    """Replace references into other units (DW_FORM_ref_addr) and to type units (DW_FORM_ref_sig8) by type_ids."""
    row_die = np.concatenate([
        np.repeat(units[first:last, dk.U_START], units[first:last, dk.U_ROWS]) + index.row_off
        for (first, last), (index, _) in zip(batches, indexed, strict=True)])
    kinds = np.concatenate([index.row_kind for index, _ in indexed])
    used = units[:, dk.U_XREFS]  # by now what each unit noted, not what it might have
    own = np.flatnonzero(kinds != wt.K_GNU_TYPE_TAG)
    die, first_id = row_die[own], int(offsets[0, 0])
    type_units = units[:, dk.U_TYPE] == 2
    by_signature = dict(zip(units[type_units, dk.U_SIGNATURE].view(np.uint64).tolist(),
                            units[type_units, dk.U_TYPE_DIE].tolist(), strict=True))
    spaces = {int(wt.X_WORDS): fill.words, int(wt.X_FUNC): fill.func_type, int(wt.X_PARAM): fill.param_type,
              int(wt.X_VAR): fill.var_type}
    for u in np.flatnonzero(used):
        lo = int(offsets[u, 5])
        for space, at, target, is_signature in xrefs[lo : lo + int(used[u])].tolist():
            if is_signature:
                target = by_signature.get(target, -1)
                if target < 0:
                    continue  # the type unit is in another file (split DWARF): void, as for every missing type
            if target >= info.nbytes:
                where = int(units[u, dk.U_START])
                raise DwarfError(f"expected a reference to a type's DIE, found {target:#x}", image.path,
                                 info.section_name(where), info.section_offset(where))
            k = int(np.searchsorted(die, target))
            if k >= len(die) or die[k] != target:
                continue  # a DIE without BTF form in another unit: void
            spaces[space][at] = first_id + int(own[k])
