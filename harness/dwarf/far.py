"""References that leave their unit: DW_FORM_ref_addr (LTO, dwz), those into a supplementary file, and to type units.

The second pass reads one unit at a time and notes what it finds to be in another. When all units are read, the DIEs
that are no rows of a table are read where they stand, and what was noted is completed: types, functions' and
parameters' and variables' origins, and what a row takes from a type.
"""

from __future__ import annotations

import numpy as np

from harness.dwarf import constants as dw
from harness.dwarf import far_kernels as fk
from harness.dwarf import names_kernels as nk
from harness.dwarf import state as sc
from harness.dwarf import walk_tables as wt
from harness.dwarf.line_kernels import NO_FILE
from harness.errors import DwarfError
from harness.model import Kind
from harness.model import words as wd
from harness.model.layout import BIT_OFFSET_MASK, KFLAG_SHIFT, KIND_MASK, KIND_SHIFT, IntEncoding

MOST_ROUNDS = 64
"""How often DIEs may lead to further ones in other units."""

TYPES = (int(sc.XREF_WORDS), int(sc.XREF_FUNC), int(sc.XREF_PARAM), int(sc.XREF_VAR))
OF_TYPES = (*TYPES, int(sc.XREF_SIGN), int(sc.XREF_BITS))
THROUGH = (Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPEDEF, Kind.TYPE_TAG)
NONE = -1
NO_TYPE_UNIT = -2
"""Instead of where a type is: its type unit is in no file that we have."""


class References:
    """What a walk's second pass has noted, and the DIEs that it leads to.

    Parameters
    ----------
    plan : harness.dwarf.passes.Passes
    indexed : list of harness.dwarf.passes.Indexed
    tables : harness.dwarf.passes.Tables

    Attributes
    ----------
    pools : list of harness.dwarf.passes.Pool
        Strings that names of DIEs stand in, to be unified with all others.

    Raises
    ------
    DwarfError
        A reference leads to no DIE, or to one that is no type; or round in a circle.
    """

    def __init__(self, plan, indexed, tables):
        self._plan, self._units, self._tables = plan, plan.units, tables
        xrefs = tables.xrefs.reshape(-1, sc.XREF_COLUMNS)
        used = self._units[:, sc.U_N_XREFS]  # by now what each unit noted, not what it might have
        mine = np.repeat(tables.slices[:-1, wt.SLICE_XREF], used) + _ramp(used)
        self._unit = np.repeat(np.arange(len(used)), used)
        self._space, self._index = (xrefs[mine, c].astype(np.int64) for c in (sc.XREF_SPACE, sc.XREF_INDEX))
        self._more = xrefs[mine, sc.XREF_MORE]
        self._first_id = int(tables.slices[0, wt.SLICE_ID])
        row_die = np.concatenate([
            np.repeat(self._units[first:last, sc.U_START], self._units[first:last, sc.U_N_ROWS]) + ix.index.row_off
            for (first, last), ix in zip(plan.batches, indexed, strict=True)])
        kinds = np.concatenate([ix.index.row_kind for ix in indexed])
        rows = np.flatnonzero(kinds < wt.NAMES_NO_ROW)
        self._rows = rows[np.argsort(row_die[rows], kind="stable")]  # a type in another comes before that
        self._row_die = row_die[self._rows]
        self._read_signatures()
        target = xrefs[mine, sc.XREF_TARGET]
        by_signature = ((self._more & sc.FAR_SIGNATURE) != 0) & (self._space != int(sc.XREF_BITS))
        self._target = np.where(by_signature, self._type_units(target), np.minimum(target, sc.MAX_OFF).view(np.int64))
        self.pools, self._pool_of = [], []
        self._facts = wt.unfilled(fk.Facts, die_bounds=1)
        self._facts.param_start[0] = 0
        self._read()

    def _read_signatures(self):
        of_types = np.isin(self._units[:, sc.U_UNIT_TYPE], (dw.DW_UT_type, dw.DW_UT_split_type))
        type_units = self._units[of_types]
        signature = type_units[:, sc.U_SIGNATURE].view(np.uint64)
        order = np.argsort(signature, kind="stable")
        # of equal ones the last
        self._signature, self._type_die = signature[order], type_units[order, sc.U_TYPE_DIE_OFF]

    def _type_units(self, signatures):
        """Where the types with some signatures are, int64; NO_TYPE_UNIT of those that are in no file that we have."""
        if not len(self._signature):
            return np.full(len(signatures), NO_TYPE_UNIT, np.int64)
        at = np.maximum(np.searchsorted(self._signature, signatures, side="right") - 1, 0)
        return np.where(self._signature[at] == signatures, self._type_die[at], NO_TYPE_UNIT)

    def _type_of(self, offs):
        """type_ids of the rows whose DIEs are at some offsets, NONE where there is no row."""
        if not len(self._row_die):
            return np.full(len(offs), NONE, np.int64)
        at = np.minimum(np.searchsorted(self._row_die, offs), len(self._row_die) - 1)
        return np.where(self._row_die[at] == offs, self._first_id + self._rows[at], NONE)

    def between_units(self):
        """Which units refer to which others: (units, others), int64 each, with repeats."""
        facts = self._facts
        unit = np.concatenate([self._unit, facts.unit, facts.unit])
        target = np.concatenate([self._target, self._type_targets(facts), facts.next_off])
        return unit[target >= 0], self._unit_of(target[target >= 0])

    # Reading

    def _read(self):
        """Read every DIE that is referred to and is no row, and those that they refer to."""
        of_type = np.isin(self._space, OF_TYPES)
        self._check(self._target, self._unit)
        wanted = self._wanted_parameters()
        ask = np.concatenate([self._not_rows(self._target[of_type]), self._target[~of_type]])
        for _ in range(MOST_ROUNDS):
            ask = np.setdiff1d(ask, self._facts.off)
            if not len(ask):
                return
            new = self._read_dies(ask, wanted)
            ask = self._type_targets(new)
            self._check(ask, new.unit)
            self._check(new.next_off, new.unit)
            ask = np.concatenate([self._not_rows(ask), new.next_off[new.next_off >= 0]])
        raise self._wrong(int(ask[0]), "a chain of references that ends, found one of very many units")

    def _not_rows(self, offs):
        offs = offs[offs >= 0]
        return offs[self._type_of(offs) == NONE]

    def _type_targets(self, facts):
        """Where the type of each DIE is, NONE without one, NO_TYPE_UNIT."""
        return np.where(facts.signature != 0, self._type_units(facts.signature), facts.type_off)

    def _unit_of(self, offs):
        return np.searchsorted(self._units[:, sc.U_START], offs, side="right") - 1

    def _check(self, offs, units):
        """Raise a DwarfError if an offset (those below 0 aside) is that of no DIE; `units` say which refer to it."""
        unit = self._unit_of(offs)
        within = (offs >= self._units[unit, sc.U_DIE_OFF]) & (offs < self._units[unit, sc.U_STOP])
        wrong = np.flatnonzero((offs >= 0) & ~within)
        if not len(wrong):
            return
        off, start = int(offs[wrong[0]]), int(self._units[units[wrong[0]], sc.U_START])
        info = self._plan.info
        what = f"a reference to a type's DIE, found {off:#x}"
        if off >= int(sc.MAX_OFF):
            what = "a reference to a DIE, found one into a supplementary file, which this file does not name (dwz -m)"
        raise DwarfError(f"expected {what}", info.path(start), info.section_name(start), info.section_offset(start))

    def _wrong(self, off, what):
        info = self._plan.info
        return DwarfError(f"expected {what}", info.path(off), info.section_name(off), info.section_offset(off))

    def _wanted_parameters(self):
        """(offsets of functions' origins, ascending; how many of the parameters of each are asked for)."""
        mine = (self._space == int(sc.XREF_FUNC_ORIGIN)) & ((self._more & sc.FAR_FIRST) != 0)
        f = self._tables.fill.functions
        funcs = self._index[mine]
        origins, which = np.unique(self._target[mine], return_inverse=True)
        n = np.zeros(len(origins), np.int64)
        np.maximum.at(n, which, f.param_start[funcs + 1] - f.param_start[funcs])
        return origins, n

    def _read_dies(self, offs, wanted):
        """Read the DIEs at some offsets, ascending: Facts, which are entered among the others, too."""
        origins, n = wanted
        n_params = np.zeros(len(offs), np.int64)
        at = np.searchsorted(offs, origins)
        here = at < len(offs)
        here[here] = offs[at[here]] == origins[here]
        n_params[at[here]] = n[here]
        facts = wt.unfilled(fk.Facts, dies=len(offs), die_bounds=len(offs) + 1, params=int(n_params.sum()))
        facts.off[:] = offs
        facts.unit[:] = self._unit_of(offs)
        facts.param_start[0] = 0
        np.cumsum(n_params, out=facts.param_start[1:])
        pool_of = np.zeros(len(offs), np.int64)
        starts = np.searchsorted(facts.unit, [first for first, _ in self._plan.batches] + [len(self._units)])
        for batch, first, last in zip(self._plan.batches, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            if first < last:
                part = type(facts)(*(c[first:last] for c in facts[:10]), facts.param_start[first : last + 1],
                                   facts.param_off)
                self.pools.append(self._plan.read_far(batch, part))
                pool_of[first:last] = len(self.pools) - 1
        self._enter(facts, pool_of)
        return facts

    def _enter(self, new, pool_of):
        """Put Facts among those that there are, in the order of their offsets."""
        old, n_old = self._facts, len(self._facts.param_off)
        order = np.argsort(np.concatenate([old.off, new.off]), kind="stable")
        columns = [np.concatenate([a, b])[order] for a, b in zip(old[:10], new[:10], strict=True)]
        counts = np.concatenate([np.diff(old.param_start), np.diff(new.param_start)])[order]
        firsts = np.concatenate([old.param_start[:-1], new.param_start[:-1] + n_old])[order]
        params = np.concatenate([old.param_off, new.param_off])[np.repeat(firsts, counts) + _ramp(counts)]
        self._facts = fk.Facts(*columns, np.concatenate([[0], np.cumsum(counts)]), params)
        self._pool_of = np.concatenate([np.array(self._pool_of, np.int64), pool_of])[order]

    # Completing

    def rename(self, remaps, canon):
        """Give the DIEs the names that unify_names has found; `remaps` are those of the pools."""
        for k, remap in enumerate(remaps):
            mine = np.flatnonzero(self._pool_of == k)
            names = self._facts.name_off[mine]
            nk.rename(names, canon, remap)
            self._facts.name_off[mine] = names

    def complete(self):
        """Complete the tables, whose names are final: types, origins, and what rows take from types."""
        fill = self._tables.fill
        self._fact_types = self._type_targets(self._facts)
        for space, column in zip(TYPES, (fill.types.words, fill.functions.type_id, fill.functions.param_type_id,
                                         fill.variables.type_id), strict=True):
            mine = self._space == space
            column[self._index[mine]] = self._types_at(self._target[mine])
        self._complete_functions(fill.functions)
        self._complete_parameters(fill.functions)
        self._complete_variables(fill.variables)
        self._complete_rows(fill.types)

    def _types_at(self, target):
        """type_ids of what references mean, uint32; 0, void, for none."""
        ids, target = np.zeros(len(target), np.uint32), target.copy()
        left = np.flatnonzero(target >= 0)
        for _ in range(MOST_ROUNDS):
            row = self._type_of(target[left])
            found = row != NONE
            ids[left[found]] = row[found]
            left = left[~found]
            if not len(left):
                return ids
            k = np.searchsorted(self._facts.off, target[left])
            cls = self._facts.cls[k]
            stands = (cls == sc.C_ALIAS) | (self._facts.signature[k] != 0)  # for another type
            unread = self._units[self._facts.unit[k], sc.U_STATE] == sc.OTHER_LANGUAGE
            wrong = np.flatnonzero(~stands & (cls != sc.C_VOID) & ~unread)
            if len(wrong):
                raise self._wrong(int(target[left[wrong[0]]]), "a type's DIE in a unit that is read, found a reference "
                                  "to another one")
            target[left] = np.where(stands, self._fact_types[k], NONE)
            left = left[target[left] >= 0]
        raise self._wrong(int(target[left[0]]), "a chain of references that ends, found a cycle")

    def _chains(self, space):
        """Follow the origins of a sort, hop by hop: (which of them, their rows, rows of the facts) at each."""
        mine = np.flatnonzero(self._space == int(space))
        index, k = self._index[mine], np.searchsorted(self._facts.off, self._target[mine])
        which = np.arange(len(mine))
        for _ in range(sc.MAX_HOPS + 1):
            if not len(which):
                return
            yield which, index[which], k
            further = self._facts.next_off[k] >= 0
            which, k = which[further], np.searchsorted(self._facts.off, self._facts.next_off[k[further]])
        if len(which):
            raise self._wrong(int(self._facts.off[k[0]]), "a chain of references that ends, found a cycle")

    def _mores(self, space):
        return self._more[self._space == int(space)]

    def _take_types(self, column, rows, typed, which, k):
        """Give those rows a type that have none yet; `typed` says which do."""
        mine = ~typed[which] & (self._fact_types[k] != NONE)
        column[rows[mine]] = self._types_at(self._fact_types[k[mine]])
        typed[which[mine]] = True

    def _take_names(self, column, rows, k):
        nameless = column[rows] == 0
        column[rows[nameless]] = self._facts.name_off[k[nameless]]

    def _complete_functions(self, f):
        facts, more = self._facts, self._mores(sc.XREF_FUNC_ORIGIN)
        typed, nocall = (more & sc.FAR_TYPED) != 0, (more & sc.FAR_FIRST) != 0
        for which, rows, k in self._chains(sc.XREF_FUNC_ORIGIN):
            first = nocall[which]
            f.flags[rows] |= facts.flags[k] & np.uint16(wt.FN_EXTERNAL | wt.FN_DECLARED_INLINE)
            f.flags[rows[first]] |= facts.flags[k[first]] & np.uint16(wt.FN_NOCALL)
            nocall[:] = False
            self._take_names(f.name_off, rows, k)
            placed = (f.file[rows] == NO_FILE) & (facts.file[k] != NO_FILE)
            f.file[rows[placed]], f.line[rows[placed]] = facts.file[k[placed]], facts.line[k[placed]]
            f.file_unit[rows[placed]] = facts.unit[k[placed]]
            self._take_types(f.type_id, rows, typed, which, k)

    def _complete_parameters(self, f):
        more = self._mores(sc.XREF_PARAM_ORIGIN)
        typed = (more & sc.FAR_TYPED) != 0
        for which, rows, k in self._chains(sc.XREF_PARAM_ORIGIN):
            self._take_names(f.param_name_off, rows, k)
            self._take_types(f.param_type_id, rows, typed, which, k)
        mine = self._space == int(sc.XREF_PARAM_ORIGIN)
        params = self._index[mine]
        owner = np.searchsorted(f.param_start, params, side="right") - 1
        unnamed = np.unique(owner[f.param_name_off[params] == 0])
        f.flags[unnamed] |= np.uint16(wt.FN_UNNAMED_PARAM)
        first = (more & sc.FAR_FIRST) != 0
        expected = self._expected(f, params[first], owner[first])
        reordered = np.unique(owner[first][self._target[mine][first] != expected])
        f.flags[reordered] |= np.uint16(wt.FN_REORDERED)

    def _expected(self, f, params, owner):
        """Where the origin of each parameter is if it stands where the function's own origin has it, else NONE."""
        mine = (self._space == int(sc.XREF_FUNC_ORIGIN)) & ((self._more & sc.FAR_FIRST) != 0)
        funcs, out = self._index[mine], np.full(len(params), NONE, np.int64)
        if not len(funcs):
            return out
        order = np.argsort(funcs)
        at = order[np.minimum(np.searchsorted(funcs[order], owner), len(funcs) - 1)]
        here = funcs[at] == owner
        k = np.searchsorted(self._facts.off, self._target[mine][at[here]])
        nth = params[here] - f.param_start[owner[here]]
        out[here] = self._facts.param_off[self._facts.param_start[k] + nth]
        return out

    def _complete_variables(self, v):
        typed = (self._mores(sc.XREF_VAR_ORIGIN) & sc.FAR_TYPED) != 0
        for which, rows, k in self._chains(sc.XREF_VAR_ORIGIN):
            external = (self._facts.flags[k] & wt.FN_EXTERNAL) != 0
            v.flags[rows[external]] |= np.uint8(wt.VF_EXTERNAL)
            self._take_names(v.name_off, rows, k)
            self._take_types(v.type_id, rows, typed, which, k)

    def _complete_rows(self, types):
        words = types.words
        for space in (int(sc.XREF_SIGN), int(sc.XREF_BITS)):
            mine = np.flatnonzero(self._space == space)
            ids = self._types_at(self._target[mine])
            known = {type_id: _underneath(types, type_id) for type_id in set(ids.tolist())}
            for x, type_id in zip(mine.tolist(), ids.tolist(), strict=True):
                signed, nbytes = known[type_id]
                at = int(self._index[x])
                if space == sc.XREF_SIGN:
                    words[at] |= np.uint32(signed << KFLAG_SHIFT)
                    continue
                where = int(self._more[x : x + 1].view(np.int64)[0]) + 8 * nbytes
                if not nbytes or not 0 <= where <= BIT_OFFSET_MASK:
                    raise self._wrong(int(self._units[self._unit[x], sc.U_START]), "bit-fields within 2 MiB of their "
                                      "struct, of types with a size, found another one")
                words[at] |= np.uint32(where)


def _underneath(types, type_id):
    """(whether a type is a signed integer, its bytes or 0), through typedefs and qualifiers."""
    for _ in range(MOST_ROUNDS):
        if type_id == 0:
            break
        row = types.words[int(types.start[type_id]) :]
        kind = Kind(int(row[wd.INFO]) >> KIND_SHIFT & KIND_MASK)
        if kind not in THROUGH:
            signed = kind == Kind.INT and int(row[wd.INT_DATA]) >> 24 & IntEncoding.SIGNED
            sized = kind in (Kind.INT, Kind.ENUM, Kind.ENUM64)
            return bool(signed), int(row[wd.SIZE_TYPE]) if sized else 0
        type_id = int(row[wd.SIZE_TYPE])
    return False, 0


def _ramp(counts):
    """0, 1, ... of each of some counts, one behind the other."""
    ends = np.cumsum(counts)
    return np.arange(int(ends[-1]) if len(ends) else 0, dtype=np.int64) - np.repeat(ends - counts, counts)
