"""Partial units (DWARF 5 section 3.1.1): what several units share, which they import. dwz makes them.

A partial unit has no language of its own: its language is that of the units that import it, and it is read if one of
those is. Those of a supplementary file that nobody imports (dwz does not always say so) are read if a unit that is read
refers to them, also by way of others: the rest are of other programs.
"""

from __future__ import annotations

import numpy as np

from harness.dwarf import state as sc
from harness.dwarf import walk_tables as wt
from harness.errors import DwarfError


def settle(info, units, batches, indexed, referring=None):
    """Decide which partial units are read, in place: their U_STATE and U_LANGUAGE, and the Index of each batch.

    Parameters
    ----------
    info : harness.dwarf.sections.InfoBytes
    units : int64 (units, U_COLUMNS)
        As the first pass leaves them.
    batches : list of (int, int)
    indexed : list of harness.dwarf.passes.Indexed
    referring : (int64 (n,), int64 (n,)), optional
        Units, and the others that each refers to.

    Returns
    -------
    indexed : list of harness.dwarf.passes.Indexed
        Without what is not read.
    importers : (int64 (units + 1,), int64) or None
        The units that each unit stands for (ragged), which of a partial unit are those that import it, also by way of
        others, and of each other one, or one that none imports, itself. None if there is no partial unit.
    unsure : bool
        Whether some units are read for now, since it is not known what refers to them.

    Raises
    ------
    DwarfError
        All units are partial: the file is no program.
    """
    partial = units[:, sc.U_PARTIAL] != 0
    if not partial.any():
        return indexed, None, False
    if partial.all():
        raise DwarfError("expected a program, found partial units alone, which the units of other files import: is "
                         "this a supplementary file (dwz -m)?", info.path(0), info.section_name(0), 0)
    imports = _imports(units, partial, indexed)
    importers = _importers(partial, imports)
    unsure = [u for u in np.flatnonzero(partial & (units[:, sc.U_FILE] != 0)).tolist() if not importers[u]]
    if referring is not None and unsure:
        alone = np.isin(referring[1], unsure)
        for u, other in zip(*(each[alone].tolist() for each in referring), strict=True):
            imports.setdefault(u, []).append(other)
        importers = _importers(partial, imports)
    for u in np.flatnonzero(partial).tolist():
        _settle_unit(units, u, np.array(importers[u], np.int64), referring is not None)
    dropped = partial & (units[:, sc.U_STATE] != sc.WALKED)
    made = [ix._replace(index=without(ix.index, units[first:last], dropped[first:last]))
            if dropped[first:last].any() else ix for (first, last), ix in zip(batches, indexed, strict=True)]
    counted = [sc.U_N_ROWS, sc.U_N_WORDS, sc.U_N_FUNCS, sc.U_N_PARAMS, sc.U_N_VARS, sc.U_N_XREFS, sc.U_N_SUBPROGRAMS,
               sc.U_N_UNSUPPORTED, sc.U_N_TAGS, sc.U_N_IMPORTS]
    units[np.ix_(dropped, counted)] = 0
    stands = [each or [u] for u, each in enumerate(importers)]
    start = np.zeros(len(units) + 1, np.int64)
    np.cumsum([len(each) for each in stands], out=start[1:])
    return made, (start, np.concatenate(stands)), bool(unsure) and referring is None


def _settle_unit(units, u, importers, sure):
    """Decide whether partial unit `u` is read, which the whole units `importers` import; if `sure`, these are all."""
    if units[u, sc.U_LANGUAGE] != 0:
        return  # it says so itself
    if not len(importers):
        if units[u, sc.U_FILE] != 0 and sure:
            units[u, sc.U_STATE] = sc.NOT_IMPORTED
        return
    read = importers[units[importers, sc.U_STATE] == sc.WALKED]
    model = read[0] if len(read) else importers[0]
    units[u, [sc.U_LANGUAGE, sc.U_STATE]] = units[model, [sc.U_LANGUAGE, sc.U_STATE]]


def _imports(units, partial, indexed):
    """The partial units that each unit imports, dict of lists."""
    target = np.concatenate([ix.index.import_off for ix in indexed])
    importing = np.repeat(np.arange(len(units)), units[:, sc.U_N_IMPORTS])
    at = np.minimum(np.searchsorted(units[:, sc.U_DIE_OFF], target), len(units) - 1)
    known = (units[at, sc.U_DIE_OFF] == target) & partial[at]
    imports = {}
    for u, imported in zip(importing[known].tolist(), at[known].tolist(), strict=True):
        imports.setdefault(u, []).append(imported)
    return imports


def _importers(partial, imports):
    """The whole units that import each unit, list of lists, ascending; of a whole unit itself."""
    n = len(partial)
    found = [[] if partial[u] else [u] for u in range(n)]
    for u in range(n):
        if not partial[u] and u in imports:
            seen, left = set(), list(imports[u])
            while left:
                imported = left.pop()
                if imported not in seen:
                    seen.add(imported)
                    left += imports.get(imported, [])
            for imported in seen:
                found[imported].append(u)
    return found


def without(index, units, dropped):
    """An Index without the rows of the units that are `dropped`, bool (units of the batch,)."""
    keep = {axis: np.repeat(~dropped, units[:, column])
            for axis, column in (("row", sc.U_N_ROWS), ("func", sc.U_N_FUNCS), ("var", sc.U_N_VARS),
                                 ("tag", sc.U_N_TAGS), ("import", sc.U_N_IMPORTS))}
    made = index._replace(**{name: column[keep[name.partition("_")[0]]] for name, column in index._asdict().items()
                             if name != "used"})
    spaces = {wt.T_TYPE: "row", wt.T_FUNC: "func", wt.T_VAR: "var"}
    for space, axis in spaces.items():
        mine = made.tag_space == space
        made.tag_target_id[mine] -= np.cumsum(~keep[axis])[made.tag_target_id[mine]]
    return made
