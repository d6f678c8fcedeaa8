"""What a BTF file holds, or in what two differ, as tables like those of bloaty."""

from __future__ import annotations

from harness.measure.stat import DUPLICATE, FILE, TYPES, difference, in_order
from harness.text.plain import aligned, ascii_text

HEADS = "TYPES", "BYTES"


def to_text(new, old=None, sort="size", shown=0):
    """The tables as ASCII text, str.

    Parameters
    ----------
    new : harness.measure.stat.Stat
    old : Stat, optional
        What `new` is compared with.
    sort : {"size", "name", "count"}
    shown : int
        Rows before the rest becomes one; 0 for all.
    """
    if old is None:
        rows = [row for row in in_order(new.parts(), sort) if row.nbytes or row.part == FILE]
        return "\n".join([*_headed(new), "", *_table(rows, shown, _whole), "", *_waste(new, sort)]) + "\n"
    rows = [row for row in in_order(difference(new.parts(), old.parts()), sort)
            if row.count_delta and row.part == TYPES or row.nbytes_delta or row.part == FILE]
    return "\n".join([*_headed(new, "NEW  "), *_headed(old, "OLD  "), "", *_table(rows, shown, _changed), "",
                      *_waste_of_two(new, old, sort)]) + "\n"


def _headed(stat, mark=""):
    """Lines about a file: where it is, and what its header says."""
    header = stat.file.header
    layout = f"a layout section of {header.layout_len:,}" if header.layout_len else "no layout section"
    lines = [f"{mark}{stat.path}", f"{' ' * len(mark)}{stat.file.byteorder} endian, header of {header.hdr_len} bytes, "
             f"{layout}, {stat.waste.strings.count:,} strings"]
    if stat.base is not None:
        lines.append(f"{' ' * len(mark)}over {stat.base}: type_ids from {stat.file.types.first_id:,} on")
    return map(ascii_text, lines)


def _sum(rows, label):
    """One row with the types and bytes of several, without their percentage."""
    form = type(rows[0])
    total = {field: sum(getattr(row, field) for row in rows if row.part == TYPES or "nbytes" in field)
             for field in form._fields[2:-1]}
    return form(TYPES, label, **total, **{form._fields[-1]: None})


def _table(rows, shown, cells):
    """A table of rows, the last of which is their sum: lines."""
    total = rows[-1]
    rows = rows[:-1]
    if shown and len(rows) > shown:
        rest = rows[shown:]
        rows = [*rows[:shown], _sum(rest, f"[{len(rest)} {'Others' if len(rest) > 1 else 'Other'}]")]
    rows = [*rows, total._replace(kind="TOTAL", part=TYPES)]
    table = [cells(row, total) for row in rows]
    width = [max(len(line[k]) for line in table) for k in range(4)]
    half = [max(width[k] + 2 + width[k + 1], len(head)) for k, head in zip((0, 2), HEADS, strict=True)]
    lines = ["  ".join(("", *(head.center(n).rstrip().ljust(n) for head, n in zip(HEADS, half, strict=True)))).rstrip(),
             "  ".join(("", *("-" * n for n in half)))]
    for row, line in zip(rows, table, strict=True):
        parts = (f"{line[k]:>{width[k]}}  {line[k + 1]:>{width[k + 1]}}".rjust(n) for k, n in zip((0, 2), half,
                                                                                                strict=True))
        lines.append("  ".join(("", *parts, row.label)))
    return lines


def _whole(row, total):
    """Cells of a Row: percent and types, percent and bytes."""
    types = (_percent(row.count, total.count), f"{row.count:,}") if row.part == TYPES else ("", "")
    return *types, _percent(row.nbytes, total.nbytes), f"{row.nbytes:,}"


def _percent(part, whole):
    return f"{100 * part / whole:.1f}%" if whole else ""


def _changed(row, _):
    """Cells of a Change: what a file gained, or lost."""
    types = _gain(row.count_delta, row.old_count, row.count) if row.part == TYPES else ("", "")
    return *types, *_gain(row.nbytes_delta, row.old_nbytes, row.nbytes)


def _gain(delta, before, after):
    if not delta:
        return "[ = ]", "0"
    if not before:
        return "[NEW]", f"{delta:+,}"
    return f"{100 * delta / before:+.1f}%" if after else "[DEL]", f"{delta:+,}"


def _waste(stat, sort):
    """Lines about the waste of a file."""
    rows = [(row.label if row.part != DUPLICATE or not row.kind else f"- {row.kind}", row.count, row.nbytes,
             _percent(row.nbytes, stat.account.total_nbytes)) for row in _with_sum(stat.wasted(), sort)]
    return aligned(("waste", "count", "bytes", "of the file"), rows).splitlines()


def _waste_of_two(new, old, sort):
    rows = [(row.label if row.part != DUPLICATE or not row.kind else f"- {row.kind}", row.count, row.old_count,
             row.nbytes, row.old_nbytes, f"{row.nbytes_delta:+,}")
            for row in _with_sum(difference(new.wasted(), old.wasted()), sort)]
    return aligned(("waste", "count", "in OLD", "bytes", "in OLD", "change"), rows).splitlines()


def _with_sum(rows, sort):
    """Rows of waste, with one of all duplicate types before those of their kinds."""
    kinds = in_order([row for row in rows if row.part == DUPLICATE], sort)
    rows = [row for row in rows if row.part != DUPLICATE]
    if not kinds:
        return [*rows, rows[0]._replace(part=DUPLICATE, **dict.fromkeys(rows[0]._fields[2:], 0))]
    return [*rows, _sum([row._replace(part=TYPES) for row in kinds], "")._replace(part=DUPLICATE), *kinds]
