"""Plans the two passes over the units: batches, threads, the tables they fill. The loops are in the *_kernels files."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np

from harness.dwarf import fill_kernels as fk
from harness.dwarf import index_kernels as ik
from harness.dwarf import names_kernels as nk
from harness.dwarf import state as sc
from harness.dwarf import walk_tables as wt
from harness.dwarf.malformed import unit_error
from harness.model import Kind, info_word
from harness.model.layout import IntEncoding, int_word

BATCH_NBYTES = 4 << 20
"""A thread takes about this much of .debug_info at a time."""

POOL_NBYTES = 1 << 16
"""Size of a batch's pool of inline strings before it is known to need more."""

class Scratch(threading.local):
    """What one thread reuses for every batch."""

    def __init__(self):
        self.abbrevs = np.zeros(sc.MAX_CODE * sc.A_COLUMNS, np.int32)
        self.specs = np.empty(sc.MAX_SPECS * sc.SPEC_COLUMNS, np.int64)
        self.die = np.zeros(sc.DIE_WORDS, np.uint64)
        self.other = np.zeros(sc.DIE_WORDS, np.uint64)
        self.around = wt.unfilled(wt.Ancestors, depth=wt.MAX_DEPTH + 1, chain=wt.MAX_CHAIN)
        self._info = np.empty(0, np.uint8)
        self._index = None

    def info(self, nbytes):
        """A buffer for .debug_info: fresh pages for every batch would cost more than reading into them."""
        if len(self._info) < nbytes:
            self._info = np.empty(nbytes, np.uint8)
        return self._info

    def index(self, n):
        """A wt.Index for up to `n` DIEs of each sort; untouched pages cost nothing."""
        if self._index is None or len(self._index.row_off) < n:
            self._index = wt.unfilled(wt.Index, rows=n, funcs=n, vars=n, tags=n, imports=n, used=5)
        return self._index


class Pool(NamedTuple):
    """A batch's strings that stand in .debug_info itself; bytes used and strings held once it is filled."""

    text: np.ndarray
    table: np.ndarray
    nbytes: int = 0
    n_strings: int = 0


def empty_pool(nbytes):
    """A Pool for up to `nbytes` bytes of strings."""
    return Pool(np.zeros(nbytes + sc.PAD, np.uint8), np.zeros(1 << max(10, int(nbytes // 4).bit_length()), np.uint32))


def batches_of(units, nbytes):
    """Half-open runs of units of about `nbytes` each, and of one file."""
    out, first = [], 0
    for u in range(len(units)):
        last = u + 1 == len(units) or units[u + 1, sc.U_FILE] != units[u, sc.U_FILE]
        if last or units[u, sc.U_STOP] - units[first, sc.U_START] >= nbytes:
            out.append((first, u + 1))
            first = u + 1
    return out


class Indexed(NamedTuple):
    """What the first pass leaves of a batch."""

    index: wt.Index
    pool_nbytes: int


class Filled(NamedTuple):
    """What the second pass leaves of a batch, besides its slices of the tables."""

    pool: Pool
    tag_name_off: np.ndarray


class Tables(NamedTuple):
    """What the second pass fills.

    Attributes
    ----------
    fill : Fill
    slices : int64 (units + 1, SLICE_COLUMNS)
        Where each unit's slices begin. Behind the last unit's types is the one that arrays are indexed by, which dedups
        with the units'.
    xrefs : uint64
    array_unit : int
        The first unit that has an array, or NO_UNIT.
    """

    fill: wt.Fill
    slices: np.ndarray
    xrefs: np.ndarray
    array_unit: int


def make_tables(units, indexed, int_name):
    """Unfilled Tables of exactly the size that the first pass has found."""
    array_unit = first_array_unit(units, [ix.index for ix in indexed])
    n_own = 0 if array_unit == wt.NO_UNIT else 1
    slices = np.zeros((len(units) + 1, wt.SLICE_COLUMNS), np.int64)
    columns = [sc.U_N_ROWS, sc.U_N_WORDS, sc.U_N_FUNCS, sc.U_N_PARAMS, sc.U_N_VARS, sc.U_N_XREFS]
    np.cumsum(units[:, columns], axis=0, out=slices[1:])
    slices[:, wt.SLICE_ID] += 1
    end_id, n_words, n_funcs, n_params, n_vars, n_xrefs = (int(x) for x in slices[-1])
    index_type = [int_name, info_word(Kind.INT), 4, int_word(IntEncoding.SIGNED, 32)][: 4 * n_own]
    fill = wt.unfilled(wt.Fill, words=n_words + len(index_type), type_bounds=end_id + n_own + 1, funcs=n_funcs,
                       func_bounds=n_funcs + 1, params=n_params, vars=n_vars)
    fill.types.start[0] = 0
    fill.types.start[end_id:] = [n_words, n_words + len(index_type)][: n_own + 1]
    fill.types.words[n_words:] = index_type
    fill.functions.param_start[-1] = n_params
    return Tables(fill, slices, np.empty(sc.XREF_COLUMNS * n_xrefs, np.uint64), array_unit)


def first_array_unit(units, indexes):
    """The first unit that has an array, of the Index of each batch; NO_UNIT if none has."""
    before = 0
    for index in indexes:
        found = np.flatnonzero(index.row_kind == Kind.ARRAY)
        if len(found):
            return int(np.searchsorted(np.cumsum(units[:, sc.U_N_ROWS]), before + found[0], side="right"))
        before += len(index.row_kind)
    return wt.NO_UNIT


class Passes:
    """The two passes over a file's units, in batches that threads may take in any order.

    Parameters
    ----------
    info : harness.dwarf.sections.InfoBytes
    others : harness.dwarf.sections.OtherSections
    units : int64 (units, U_COLUMNS)
        Headers; the passes fill the other columns.
    batches : list of (int, int)
        Half-open runs of units.
    declarations : bool
        List subprograms that are declarations, too.
    nested_arrays : bool
        Make an ARRAY for each dimension.
    progress : callable or None
        Called with (bytes done, bytes in all).

    Attributes
    ----------
    string_marks : uint8 (nbytes of the string sections,)
        IS_NAME at each string that is a name.
    """

    def __init__(self, info, others, units, batches, declarations=False, nested_arrays=True, progress=None):
        self.info = info
        self.others = others
        self.units = units
        self.batches = batches
        self.string_marks = np.zeros(len(others.strings), np.uint8)
        self._declarations = declarations
        self._nested_arrays = nested_arrays
        self._progress = progress
        self._done = 0
        self._lock = threading.Lock()
        self._scratch = Scratch()

    def _advance(self, batch):
        if self._progress is not None:
            first, last = batch
            with self._lock:
                self._done += int(self.units[last - 1, sc.U_STOP] - self.units[first, sc.U_START])
                self._progress(self._done, 2 * self.info.nbytes)

    def _run(self, kernel, batch, pool_nbytes, *tables, **state):
        """Call a kernel on a batch, with as large a pool as it needs: the Pool, and how large that is.

        `tables` are what the kernel takes between the units and the status, `state` what its State holds besides.
        """
        first, last = batch
        scratch = self._scratch
        start, stop = int(self.units[first, sc.U_START]), int(self.units[last - 1, sc.U_STOP])
        data = self.info.read(start, stop, sc.PAD, scratch.info(stop - start + sc.PAD))
        while True:
            pool = empty_pool(pool_nbytes)
            unit = self.others.units[int(self.units[first, sc.U_FILE])].copy()
            unit[sc.RUN_DECLARATIONS] = self._declarations
            unit[sc.RUN_NESTED_ARRAYS] = self._nested_arrays
            unit[sc.SEC_INFO_BASE] = start
            status = np.zeros(4, np.int64)
            kernel(make_state(scratch, data, self.others.data, unit, pool, self.string_marks, **state), self.units,
                   first, last, *tables, status)
            if status[0] != sc.POOL_FULL:
                break
            pool_nbytes *= 8
        if status[0] != sc.OK:
            if unit[sc.RUN_WORK] < 0:
                status[0] = sc.TOO_MUCH_WORK  # whatever a kernel then could not do
            raise unit_error(status, self.units, self.info, self.others.strings)
        return pool._replace(nbytes=int(unit[sc.RUN_POOL_NBYTES]),
                             n_strings=int(unit[sc.RUN_POOL_STRINGS])), pool_nbytes

    def index(self, batch):
        """The first pass over a batch: Indexed."""
        first, last = batch
        n = int(self.units[last - 1, sc.U_STOP] - self.units[first, sc.U_START]) + 1
        out = self._scratch.index(n)
        _, pool_nbytes = self._run(ik.index_units, batch, POOL_NBYTES, out, self._scratch.around)
        self._advance(batch)
        return Indexed(wt.used_part(out), pool_nbytes)

    def fill(self, batch, indexed, tables):
        """The second pass over a batch: Filled."""
        first, last = batch
        index = indexed.index
        tag_name_off = np.zeros(len(index.tag_off), np.uint32)
        longest = int((self.units[first:last, sc.U_STOP] - self.units[first:last, sc.U_START]).max())
        fill = tables.fill._replace(tag_name_off=tag_name_off)
        pool, _ = self._run(fk.fill_units, batch, indexed.pool_nbytes, index, fill,
                            fk.Plan(tables.slices, np.uint32(self.others.literals[0]),
                                    np.uint32(tables.slices[-1, wt.SLICE_ID])),
                            row_by_off=np.empty(longest, np.uint32), row_off=index.row_off, xrefs=tables.xrefs)
        self._advance(batch)
        return Filled(pool, tag_name_off)

    def read_far(self, batch, facts):
        """Read the DIEs of a batch that other units refer to into `facts`, far_kernels.Facts: the Pool of its names."""
        from harness.dwarf import far_kernels as far  # here, since most files need it not

        return self._run(far.read_far, batch, POOL_NBYTES, facts)[0]


def make_state(scratch, info, sections, unit, pool, string_marks, row_by_off=None, row_off=None, xrefs=None):
    """The State of a batch; the last three only the second pass needs."""
    none = np.zeros(0, np.uint32)
    return sc.State(info, sections, unit, scratch.abbrevs, scratch.specs, scratch.die, scratch.other, pool.text,
                    pool.table, string_marks, none if row_by_off is None else row_by_off,
                    none if row_off is None else row_off, np.zeros(0, np.uint64) if xrefs is None else xrefs)


def rename_batch(batch, remap, tables, canon):
    """Give the rows, functions and variables of a batch the names that unify_names has found."""
    first, last = batch
    begin, end = tables.slices[first], tables.slices[last]
    fill = tables.fill
    nk.rename_rows(fill.types.words, fill.types.start, begin[wt.SLICE_ID], end[wt.SLICE_ID], canon, remap)
    nk.rename(fill.functions.name_off[begin[wt.SLICE_FUNC] : end[wt.SLICE_FUNC]], canon, remap)
    nk.rename(fill.functions.param_name_off[begin[wt.SLICE_PARAM] : end[wt.SLICE_PARAM]], canon, remap)
    nk.rename(fill.variables.name_off[begin[wt.SLICE_VAR] : end[wt.SLICE_VAR]], canon, remap)


def rename_own(tables, canon):
    """The same for the rows behind those of the last unit, which no batch has."""
    start = tables.fill.types.start
    nk.rename_rows(tables.fill.types.words, start, tables.slices[-1, wt.SLICE_ID], np.int64(len(start) - 1), canon,
                   np.zeros(0, np.uint32))


def _nothing():
    """What both passes take of no units at all: Scratch, State, units, Index and status."""
    scratch, pool = Scratch(), empty_pool(64)
    nothing = np.zeros(sc.PAD, np.uint8)
    state = make_state(scratch, nothing, nothing, np.zeros(sc.UNIT_WORDS, np.int64), pool, np.zeros(1, np.uint8))
    return scratch, state, np.zeros((0, sc.U_COLUMNS), np.int64), scratch.index(1), np.zeros(4, np.int64)


def call_first_pass():
    """Call the first pass on no units at all, which loads it from numba's cache."""
    scratch, state, units, index, status = _nothing()
    ik.index_units(state, units, 0, 0, index, scratch.around, status)


def call_second_pass():
    """The same for the second."""
    _, state, units, index, status = _nothing()
    fk.fill_units(state, units, 0, 0, index, wt.unfilled(wt.Fill),
                  fk.Plan(np.zeros((1, wt.SLICE_COLUMNS), np.int64), np.uint32(0), np.uint32(0)), status)


def call_far_reader():
    """The same for the reader of DIEs that other units refer to."""
    from harness.dwarf import far_kernels as far

    _, state, units, _, status = _nothing()
    far.read_far(state, units, 0, 0, wt.unfilled(far.Facts, die_bounds=1), status)


def call_renaming():
    """The same for the names' kernels."""
    nothing, none = np.zeros(sc.PAD, np.uint8), np.zeros(0, np.uint32)
    nk.intern_offsets(nothing, np.zeros(0, np.int64), np.zeros(1024, np.uint32), none)
    nk.intern_pool(nothing, np.zeros(1, np.int64), np.zeros(1024, np.uint32), nothing, 0, none)
    nk.rename_rows(none, np.zeros(2, np.int64), np.int64(1), np.int64(1), none, none)
    nk.rename(none, none, none)
