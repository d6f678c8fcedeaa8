"""What consumers make of a form, and builds of its addresses, in the words of tables: from matrix.csv and survival.csv.

A consumer that misreads today's file, `plain` or the kernel's own, misreads it in a form as well: that is no fault of
the form. So what is said of a form is what it adds, see `added_faults`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness import encodings as enc
from harness.measure.result import BASELINE, SHIPPED
from harness.model import STANDARD
from harness.model.layout import LAST_KIND
from harness.results.executed import (
    ACCEPTED,
    BASE_ALONE,
    DEDUP,
    FAILED,
    HERE,
    NOT_TRIED,
    NOTHING,
    PARTLY,
    REFUSED,
    SPLIT_WITH_LAYOUT,
    UNREADABLE,
    WITH_BASE,
    WITH_LAYOUT,
    WRONG,
)

if TYPE_CHECKING:
    import pandas as pd

NOT_KNOWN = "-"
"""In a column of words: not executed, or there is nothing to tell."""

YES, NO, NONE = "yes", "no", "none"

KERNEL, LIBBPF = "kernel", "libbpf"
"""Consumers whose answers have columns of their own."""

NOT_NEEDED, SKIPPED = "no need", "with layout"
"""In the column `skippable`."""

ANYWAY = "wrong anyway"
"""Of a form that a consumer misreads as it misreads today's file."""

ALL, SORTED = "all", "already sorted"
"""What becomes of addresses: all are kept; nothing was to be done."""

AS_WRITTEN = ("", WITH_BASE)
"""In the column `opened`: a form as a user has it. What a split file is over is today's file."""

TAKEN = (ACCEPTED, PARTLY)


def short(version):
    """1.7 of 1.7.0: what tells the versions of one consumer apart."""
    return ".".join(version.split(".")[:2])


def ways(row):
    """In which ways a row of the matrix is wrong, set of str: the column `differs` without its numbers, else the words
    of a consumer that gave it up itself."""
    return {way.rpartition(" ")[0] for way in row.differs.split("; ")} if row.differs else {row.message}


def added_faults(matrix) -> pd.Series:
    """The verdict of each row of a matrix, ANYWAY in place of WRONG where the form adds nothing to it.

    That is so where the same version of the consumer misreads `plain` of that policy or the kernel's own file in each
    of these ways. Those files' own rows stay WRONG.

    Parameters
    ----------
    matrix : DataFrame
        MATRIX_COLUMNS.
    """
    today = matrix.encoding.isin((BASELINE, SHIPPED)) & (matrix.verdict == WRONG)
    known: dict[tuple, set] = {}
    for row in matrix[today].itertuples():
        known.setdefault((row.policy, row.consumer, row.version), set()).update(ways(row))
    out = matrix.verdict.astype("str")
    out[[row.verdict == WRONG and row.encoding not in (BASELINE, SHIPPED)
         and ways(row) <= known.get((row.policy, row.consumer, row.version), set())
         for row in matrix.itertuples()]] = ANYWAY
    return out


def taken(name, matrix):
    """loads, libbpf, misread_by of a form, str each: what the running kernel, each libbpf and all others did with it.

    Parameters
    ----------
    name : str
        An encoding.
    matrix : DataFrame or None
        MATRIX_COLUMNS.
    """
    if matrix is None:
        return NOT_KNOWN, NOT_KNOWN, NOT_KNOWN
    opened = matrix[(matrix.encoding == name) & matrix.opened.isin(AS_WRITTEN)]
    verdicts = added_faults(matrix)[opened.index]
    return (_loads(opened[opened.consumer == KERNEL]), _versions(opened[opened.consumer == LIBBPF]),
            who(opened[verdicts == WRONG]) or NONE)


def _loads(rows):
    verdicts = set(rows.verdict)
    if not verdicts or verdicts - {ACCEPTED, PARTLY, WRONG, REFUSED}:
        return NOT_KNOWN
    return YES if verdicts == {ACCEPTED} else NO


def _versions(rows):
    """The versions that take all files, as '1.5, 1.7'."""
    tried = rows[rows.verdict.isin([ACCEPTED, PARTLY, WRONG, REFUSED])]
    if not len(tried):
        return NOT_KNOWN
    good = tried.verdict.eq(ACCEPTED).groupby(tried.version, sort=False).all()
    return ", ".join(short(version) for version in good.index[good]) or NONE


def who(rows):
    """The consumers of some rows with their versions: 'llvm 19.1, 21.1; pahole 1.30'; '' without rows."""
    versions: dict[str, list] = {}
    for consumer, version in dict.fromkeys(zip(rows.consumer, map(short, rows.version), strict=True)):
        versions.setdefault(consumer, []).append(version)
    return "; ".join(f"{consumer} {', '.join(those)}".strip() for consumer, those in versions.items())


def skippable(result, name, matrix):
    """Whether a reader that does not know what a form adds to types can step over it with the help of a layout section.

    NOT_NEEDED where all types are of today's forms; SKIPPED if some version of a consumer took the file with a layout
    section, and not without; NO if none did, also since they know the kind and look up those only that they do not
    know. NOT_KNOWN where nothing was executed, or by nobody who reads layout sections.

    Parameters
    ----------
    result : Result
    name : str
    matrix : DataFrame or None
    """
    file = result.btf(name)
    split = [enc.parse(data, section, base=file) for section, data in result.sections(name).items()
             if data[:2] == result.files[name].read_bytes()[:2]]
    files = [file, *split]
    if all(one.layout is STANDARD and (one.types.kind() <= LAST_KIND).all() for one in files):
        return NOT_NEEDED
    if matrix is not None:
        rows = matrix[(matrix.encoding == name) & (matrix.opened != BASE_ALONE)]
        has_layout = rows.opened.isin([WITH_LAYOUT, SPLIT_WITH_LAYOUT])
        has_layout |= (rows.opened == "") & (file.header.layout_len > 0)
        took = [set(zip(mine.consumer, mine.version, strict=True))
                for mine in (rows[which & rows.verdict.isin(TAKEN)] for which in (has_layout, ~has_layout))]
        if took[0] - took[1]:
            return SKIPPED
    known = [(one.layout.columns.trailing_words > 0) & (np.arange(len(one.layout.columns.trailing_words)) <= LAST_KIND)
             for one in files]
    if any(mine[one.types.kind()[one.types.kind_flag()]].any() for mine, one in zip(known, files, strict=True)):
        return NO
    if matrix is None or not (matrix.opened.isin([WITH_LAYOUT, SPLIT_WITH_LAYOUT]) & matrix.verdict.isin(TAKEN)).any():
        return NOT_KNOWN
    return NO


def _row(survival, name, treatment):
    """The row that tells what a treatment does: our own, else that of the newest version; None if nobody could."""
    rows = survival[(survival.encoding == name) & (survival.treatment == treatment)
                    & survival.verdict.isin([ACCEPTED, WRONG, UNREADABLE, REFUSED, NOTHING])]
    if not len(rows):
        return None
    ours = rows[rows.version == HERE]
    return (ours if len(ours) else rows).iloc[-1]


def survived(survival, name, treatment):
    """What becomes of a form's addresses, in words: ALL, REFUSED, UNREADABLE, SORTED, '756 lost, 2 merged' or
    NOT_KNOWN."""
    row = None if survival is None else _row(survival, name, treatment)
    if row is None:
        return NOT_KNOWN
    if row.verdict == ACCEPTED:
        return ALL
    if row.verdict == WRONG:
        words = [f"{n:,} {what}" for n, what in ((row.lost, "lost"), (row.merged, "merged")) if n]
        return ", ".join(words) or f"{row.kept:,} kept, and others"
    return SORTED if row.verdict == NOTHING else row.verdict


def after_dedup(survival, name, newly_attachable):
    """How many of a form's newly attachable functions still are when libbpf has deduplicated its file; None where it
    refuses it, or was not asked.

    What a dedup takes away are FUNCs of names with several addresses, none of which is attachable today.
    """
    row = None if survival is None else _row(survival, name, DEDUP)
    if row is None or row.verdict not in (ACCEPTED, WRONG, UNREADABLE):
        return None
    return max(0, int(newly_attachable - row.unattachable))


def survivors(survival) -> pd.DataFrame:
    """What becomes of the addresses of each form, a row each, treatment by treatment: DataFrame encoding, and a column
    of words for each treatment, see `survived`.

    Parameters
    ----------
    survival : DataFrame
        As from harness.witnesses.
    """
    import pandas as pd

    treatments = list(dict.fromkeys(survival.treatment))
    return pd.DataFrame([{"encoding": name, **{what: survived(survival, name, what) for what in treatments}}
                         for name in dict.fromkeys(survival.encoding)], columns=["encoding", *treatments]).astype("str")


SAID = {ACCEPTED: YES, REFUSED: NO, WRONG: "WRONG", PARTLY: "part", FAILED: FAILED, NOT_TRIED: NOT_KNOWN,
        ANYWAY: "as plain", NOTHING: "nothing", UNREADABLE: UNREADABLE}
"""Words for a verdict, in a table with a column per consumer."""

NAMED = (WRONG, ANYWAY, UNREADABLE, PARTLY, FAILED)
"""Verdicts whose versions are named where others said something else."""

LEGEND = ("yes: every version accepts it, and what it tells is there; no: refused; part: one operation works, another "
          "does not; WRONG: accepts it and tells of something else; as plain: so it does of plain or the kernel's own "
          "file, in the same way; failed: crashed or timed out; -: not tried; 2/3: so many versions accept it, and "
          "those that are not named refuse it")


def cell(told):
    """One word for what all versions of a consumer did with a file, or how many accept it and who does something else.

    Parameters
    ----------
    told : iterable of (str, str)
        Verdict, as from `added_faults`, and version.
    """
    tried = [(verdict, version) for verdict, version in told if verdict != NOT_TRIED]
    verdicts = dict.fromkeys(verdict for verdict, _ in tried)
    if not tried or NOTHING in verdicts or len(verdicts) == 1:
        return SAID[NOT_TRIED if not tried else NOTHING if NOTHING in verdicts else tried[0][0]]
    said = [f"{sum(verdict == ACCEPTED for verdict, _ in tried)}/{len(tried)}"]
    for one in NAMED:
        which = [short(version) for verdict, version in tried if verdict == one]
        said += [f"{SAID[one]} {', '.join(which)}"] if which else []
    return ", ".join(said)
