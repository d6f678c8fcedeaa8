"""The walk: everything that the DWARF of a file says that BTF can say. The passes over its units are in passes.py."""

from __future__ import annotations

import re
from itertools import repeat
from typing import NamedTuple

import numpy as np

from harness.dwarf import lines, passes
from harness.dwarf import location_kernels as lk
from harness.dwarf import names_kernels as nk
from harness.dwarf import state as sc
from harness.dwarf import walk_tables as wt
from harness.dwarf.files import DwarfFiles
from harness.dwarf.partial import settle
from harness.dwarf.ranges import bases_of, lists_apart
from harness.dwarf.sections import InfoBytes, OtherSections, padded_contents
from harness.dwarf.skeletons import is_split, lend, line_programs, skeletons_of
from harness.dwarf.units import unit_headers
from harness.dwarf.walk_tables import DeclTags, Functions, Variables
from harness.errors import DwarfError
from harness.model import STANDARD, StringTable, TypeTable
from harness.model.layout import HEAD_WORDS, KIND_MASK, KIND_SHIFT, VLEN_MASK
from harness.process import workers

LANGUAGES = {0x04: "C++", 0x1A: "C++", 0x21: "C++", 0x2B: "C++", 0x3A: "C++", 0x1C: "Rust", 0x16: "Go",
             0x10: "Objective-C"}


class Walk(NamedTuple):
    """Everything the DWARF of a file says that BTF can say, before any dedup.

    Attributes
    ----------
    types : TypeTable
        One row per type DIE, unit after unit, DIE after DIE, but a type that is declared in another before that. If
        there are arrays, the type that they are indexed by comes last.
    unit_type_id : int64 (units + 1,)
        type_id of each unit's first row; the last one is that of the row behind them.
    array_unit : int
        The first unit that has an array, or NO_UNIT: pahole adds the type of indices to this one's, if no unit has had
        an `int` up to here.
    strings : StringTable
        Equal strings have equal offsets.
    functions : Functions
    variables : Variables
    decl_tags : DeclTags
    unit_name_off : uint32 (units,)
        Name of each unit (path of its source file).
    unit_language : int64 (units,)
        DW_LANG_*.
    unit_line_off : int64 (units,)
        Offset of each unit's line number program in .debug_line, -1 if it has none.
    unit_clang : bool (units,)
        Whether DW_AT_producer names clang.
    line_file : int64 (units,)
        In which of the files read together each unit's line number program is; 0 is the input itself.
    importers : (int64 (units + 1,), int64) or None
        The units that each unit stands for (ragged), itself or those that import it; None where there are no partial
        units.
    unit_bases : int64 (units, RANGE_COLUMNS of harness.dwarf.ranges)
        What reading a unit's ranges takes.
    range_lists : dict of int to bytes
        The .debug_rnglists of .dwo files, by file.
    location_lists : (int64 (lists,), int64 (lists, L_COLUMNS), int64 (lists,))
        Parameters that have a location list, where each is, and in which file; of use to `read_location_lists`.
    counts : dict of str to int
        DIEs seen, by what became of them: the DWARF side of the funnel.
    """

    types: TypeTable
    unit_type_id: np.ndarray
    array_unit: int
    strings: StringTable
    functions: Functions
    variables: Variables
    decl_tags: DeclTags
    unit_name_off: np.ndarray
    unit_language: np.ndarray
    unit_line_off: np.ndarray
    unit_clang: np.ndarray
    line_file: np.ndarray
    importers: tuple | None
    unit_bases: np.ndarray
    range_lists: dict
    location_lists: tuple
    counts: dict


def walk(image, threads=1, progress=None, declarations=False, lists=True, nested_arrays=True, files=None):
    """Read all units of an ElfImage, and of the files that it names: a supplementary one, those of split DWARF.

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
    nested_arrays : bool
        Make an ARRAY for each dimension of an array, as C nests them (pahole since 1.32), or one for all, of as many
        elements as they have together.
    files : harness.dwarf.files.DwarfFiles, optional
        Those of the image; opened while it runs if not given.

    Returns
    -------
    Walk

    Raises
    ------
    DwarfError
        No DWARF, or DWARF that lies; names the section and the offset. A file that it names is not there.

    Notes
    -----
    A numba scan of all DIEs of a 6.12 kernel (210 MB) takes some 0.3 s of one core; the tables it fills are as large
    as the raw BTF that pahole hands to its dedup (170 MB).
    """
    if files is None:
        with DwarfFiles(image) as files:
            return walk(image, threads, progress, declarations, lists, nested_arrays, files)
    info, others, units = _headers(files)
    skeletons = skeletons_of(files, info, units)
    if skeletons:
        files.follow(skeletons)
        info, others, units = _headers(files)
        lend(files, info, units, skeletons)
    batches = passes.batches_of(units, passes.BATCH_NBYTES)
    plan = passes.Passes(info, others, units, batches, declarations, nested_arrays, progress)
    with workers(threads) as executor:
        indexed = list(executor.map(plan.index, batches))
        units[[skeleton.unit for skeleton in skeletons], sc.U_STATE] = sc.FOLLOWED
        indexed, importers, unsure = settle(info, units, batches, indexed)
        if unsure:  # read all to see what refers to what
            found, trial = units.copy(), passes.Passes(info, others, units, batches, declarations, nested_arrays)
            tables = passes.make_tables(units, indexed, others.literals[1])
            list(executor.map(trial.fill, batches, indexed, repeat(tables)))
            referring = _references(trial, indexed, tables).between_units()
            units[:] = found
            indexed, importers, _ = settle(info, units, batches, indexed, referring)
        tables = passes.make_tables(units, indexed, others.literals[1])
        filled = list(executor.map(plan.fill, batches, indexed, repeat(tables)))
        plan.string_marks[others.literals] = sc.IS_NAME
        references = _references(plan, indexed, tables) if len(tables.xrefs) else None
        pools = [f.pool for f in filled] + (references.pools if references else [])
        blob, canon, remaps = unify_names(image.path, others.strings, plan.string_marks, pools)
        remaps, far_remaps = remaps[: len(batches)], remaps[len(batches) :]
        list(executor.map(passes.rename_batch, batches, remaps, repeat(tables), repeat(canon)))
        passes.rename_own(tables, canon)
    names, producers = (_unit_names(units[:, column], batches, remaps, canon)
                        for column in (sc.U_NAME, sc.U_PRODUCER))
    decl_tags = _decl_tags(batches, indexed, filled, remaps, canon, tables.slices)
    if references:
        references.rename(far_remaps, canon)
        references.complete()
    fill, strings = tables.fill, StringTable(blob)
    types = TypeTable(fill.types.words, fill.types.start)
    if units[:, sc.U_N_SHORT].any():
        types = shortened(types)
        decl_tags = _of_whole_units(decl_tags, units[:, sc.U_N_MEMBERS_LEFT_OUT], tables.slices[:, wt.SLICE_ID])
    fill.functions.param_origin[:] = _origins(fill.params)
    if importers is not None:  # a partial unit has the producer of a unit that imports it
        start, importer = importers
        producers = producers[importer[start[:-1]]]
    said = {int(p): strings.get(int(p)) for p in np.unique(producers)}
    clang = {p: b"clang" in text for p, text in said.items()}
    lines_only = {p for p, text in said.items() if has_lines_only(text)}
    whole = units[:, sc.U_PARTIAL] == 0
    line_off, line_file = line_programs(units, skeletons)
    walked = Walk(types, tables.slices[:, wt.SLICE_ID].copy(), tables.array_unit, strings, fill.functions,
                  fill.variables, decl_tags, names, units[:, sc.U_LANGUAGE].copy(), line_off,
                  np.array([clang[p] for p in producers.tolist()], bool), line_file, importers, bases_of(units),
                  lists_apart(files), _location_lists(units, fill),
                  _counts(units, fill, int(np.isin(producers[whole], list(lines_only)).sum())))
    if lists:
        read_location_lists(files, walked)
    return walked


def _headers(files):
    """(InfoBytes, OtherSections, headers of the units) of the files that are read together."""
    info = InfoBytes(files)
    others = OtherSections(files, info)
    n_abbrev = [int(unit[sc.SEC_ABBREV_NBYTES]) for unit in others.units]
    if not all(n_abbrev):
        raise DwarfError("expected a .debug_abbrev section, found none", files.parts[n_abbrev.index(0)].image.path)
    return info, others, unit_headers(info, n_abbrev)


def _references(plan, indexed, tables):
    """The References of a walk."""
    from harness.dwarf.far import References  # here, since most files have none

    return References(plan, indexed, tables)


def _of_whole_units(tags, n_left_out, first_id):
    """The DeclTags but for those of members in units of which members were left out: their numbers may be others'."""
    unit = np.minimum(np.searchsorted(first_id, tags.target_id, side="right") - 1, len(n_left_out) - 1)
    lost = (tags.space == wt.T_TYPE) & (tags.component_idx >= 0) & (n_left_out[unit] > 0)
    return DeclTags(*(column[~lost] for column in tags))


def shortened(types):
    """A TypeTable without the words of rows that the second pass has found to need fewer than the first has planned."""
    info = types.info()
    columns = STANDARD.columns
    kind = (info >> np.uint32(KIND_SHIFT)) & np.uint32(KIND_MASK)
    vlen = (info & np.uint32(VLEN_MASK)).astype(np.int64)
    need = HEAD_WORDS + columns.fixed_words[kind] + columns.entry_words[kind] * vlen
    start = np.zeros_like(types.start)
    start[2:] = np.cumsum(need)
    shift = types.start[1:-1] - start[1:-1]
    at = np.arange(int(start[-1]), dtype=np.int64) + np.repeat(shift, need)
    return TypeTable(types.words[at], start)


LEVEL = re.compile(rb"(?:^| )-g(?:gdb)?([0-3]?)(?= |$)")
"""An option that sets the level of debug information, as gcc lists them in DW_AT_producer."""


def has_lines_only(producer):
    """Whether a DW_AT_producer, bytes, says that functions have neither types nor parameters (gcc -g1)."""
    return LEVEL.findall(producer)[-1:] == [b"1"]


def _counts(units, fill, n_lines_only):
    """DIEs seen, by what became of them: a dict."""
    state = units[:, sc.U_STATE]
    skipped = {}
    for language in units[state == sc.OTHER_LANGUAGE, sc.U_LANGUAGE]:
        label = LANGUAGES.get(int(language), f"DW_LANG {int(language):#x}")
        skipped[label] = skipped.get(label, 0) + 1
    return {
        "units": int((~np.isin(state, (sc.NOT_IMPORTED, sc.FOLLOWED))).sum()),
        "units_walked": int((state == sc.WALKED).sum()),
        "units_skeleton": int((state == sc.SKELETON).sum()),
        "units_lines_only": n_lines_only,
        "units_other_language": dict(sorted(skipped.items())),
        "type_dies": int(units[:, sc.U_N_ROWS].sum()),
        "type_dies_unsupported": int(units[:, sc.U_N_UNSUPPORTED].sum()),
        "members_left_out": int(units[:, sc.U_N_MEMBERS_LEFT_OUT].sum()),
        "subprogram_dies": int(units[:, sc.U_N_SUBPROGRAMS].sum()),
        "variable_dies_located": len(fill.variables.name_off),
        "locations_unread": int(np.count_nonzero(fill.functions.param_flags & wt.PF_UNREAD)),
    }


def _unit_names(column, batches, remaps, canon):
    """Names of the units, uint32 (units,), from a column that holds what the second pass has found."""
    out = column.astype(np.uint32)
    for (first, last), remap in zip(batches, remaps, strict=True):
        nk.rename(out[first:last], canon, remap)
    return out


def _decl_tags(batches, indexed, filled, remaps, canon, slices):
    """The DeclTags of all batches; what they hang on was numbered within its batch."""
    tags = []
    for (first, _), (index, _), (_, tag_name_off), remap in zip(batches, indexed, filled, remaps, strict=True):
        nk.rename(tag_name_off, canon, remap)
        base = slices[first, [wt.SLICE_ID, wt.SLICE_FUNC, wt.SLICE_VAR]][index.tag_space]  # as T_* number them
        tags.append(DeclTags(tag_name_off, index.tag_space, base + index.tag_target_id, index.tag_component_idx))
    return DeclTags(*(np.concatenate(c) for c in zip(*tags, strict=True))) if tags else wt.unfilled(DeclTags)


def _origins(params):
    """Rows of the parameters that each takes its type from, int64 (params,); -1 of none that we have."""
    own = np.flatnonzero(params.die_off >= 0)
    own = own[np.argsort(params.die_off[own], kind="stable")]
    out = np.full(len(params.die_off), -1, np.int64)
    taking = np.flatnonzero(params.origin_off >= 0)
    if len(taking):
        target = params.origin_off[taking]
        at = np.minimum(np.searchsorted(params.die_off[own], target), len(own) - 1)
        out[taking] = np.where(params.die_off[own[at]] == target, own[at], -1)
    return out


def _location_lists(units, fill):
    """(rows, wanted, file): the parameters that have a location list, what read_lists must know of each, and which of
    the files it is in."""
    rows = np.flatnonzero(fill.params.location_list_off >= 0)
    func = np.searchsorted(fill.functions.param_start, rows, side="right") - 1
    unit = units[fill.functions.unit[func]]
    by_index = (fill.functions.param_flags[rows] & wt.PF_LIST_INDEX) != 0
    wanted = np.empty((len(rows), lk.L_COLUMNS), np.int64)
    wanted[:, lk.L_LIST_OFF] = fill.params.location_list_off[rows]
    wanted[:, lk.L_VERSION] = unit[:, sc.U_VERSION]
    wanted[is_split(unit) & (unit[:, sc.U_VERSION] < 5), lk.L_VERSION] = lk.SPLIT_4
    wanted[:, lk.L_ADDRESS_SIZE] = unit[:, sc.U_ADDRESS_SIZE]
    wanted[:, lk.L_OFFSET_SIZE] = unit[:, sc.U_OFFSET_SIZE]
    wanted[:, lk.L_BASE] = np.where(by_index, unit[:, sc.U_LOC_BASE], -1)
    return rows, wanted, unit[:, sc.U_FILE]


def _readings(functions):
    """The columns of Functions that say where parameters are."""
    return lk.Reading(functions.param_reg, functions.param_reg_pieces, functions.param_first, functions.param_seen)


def read_location_lists(files, walked):
    """Read the parameters' location lists into the Functions of a walk that left them out.

    Raises
    ------
    DwarfError
        A list leaves its section or has an unknown entry; names the section and the offset.
    """
    rows, wanted, file = walked.location_lists
    for number in np.unique(file).tolist():
        mine = slice(None) if len(files.parts) == 1 else np.flatnonzero(file == number)
        _read_lists(files.parts[number], walked, rows[mine], wanted[mine])


def _read_lists(part, walked, rows, wanted):
    """The same of one file's lists."""
    f = walked.functions
    sections = lk.ListSections(padded_contents(part, "loc"), padded_contents(part, "loclists"),
                               np.int64(not part.image.little_endian))
    status = np.zeros(4, np.int64)
    lk.read_lists(sections, wanted, rows, _readings(f), status)
    if status[0] != sc.OK:
        section = f".debug_{'loc' if status[2] < 5 else 'loclists'}{part.suffix}"
        what = ("lists that overlap little, found many that share their entries" if status[0] == sc.TOO_MUCH_WORK
                else "a location list within its section, found its end or an unknown entry")
        raise DwarfError(f"expected {what}", part.image.path, section, int(status[1]))
    walked.counts["locations_unread"] += int(status[3])


def call_kernels():
    """Call the compiled functions of the walk but for the two passes on nothing at all, which loads them from numba's
    cache."""
    passes.call_renaming()
    empty = np.zeros(sc.PAD, np.uint8)
    lk.read_lists(lk.ListSections(empty, empty, np.int64(0)), np.zeros((0, lk.L_COLUMNS), np.int64),
                  np.zeros(0, np.int64), _readings(wt.unfilled(Functions)), np.zeros(4, np.int64))
    lines.call_kernels()


def unify_names(path, blob, string_marks, pools):
    """Give equal strings equal names: (blob with the pools' strings added, canon, remap of each pool).

    `canon` maps a name to the name of its first equal, uint32 (nbytes of the blob,), or is empty when every name is
    its own: a linker merges .debug_str, so that is the rule. A remap maps an offset in a pool to a name.
    """
    used = sum(p.nbytes for p in pools)
    out = np.zeros(len(blob) + used + sc.PAD, np.uint8)
    out[: len(blob)] = blob
    offsets = np.flatnonzero(string_marks == sc.IS_NAME)
    n_strings = len(offsets) + sum(p.n_strings for p in pools)
    table = np.zeros(1 << max(10, (2 * n_strings).bit_length()), np.uint32)
    canon = np.zeros(len(blob), np.uint32)
    canon[offsets] = offsets
    merged = nk.intern_offsets(out, offsets, table, canon)
    if merged < 0:
        raise DwarfError("expected strings that overlap little, found many long ones that share their ends", path,
                         ".debug_str", 0)
    tail = np.array([len(blob)], np.int64)
    remaps = []
    for pool in pools:
        remap = np.zeros(pool.nbytes, np.uint32)
        nk.intern_pool(out, tail, table, pool.text, pool.nbytes, remap)
        remaps.append(remap)
    return out[: int(tail[0]) + 1], canon if merged else np.zeros(0, np.uint32), remaps
