"""What is said of DWARF that is malformed: the texts of the kernels' statuses, and the error that they become."""

from __future__ import annotations

from harness.dwarf import state as sc
from harness.errors import DwarfError
from harness.model import StringTable

TEXTS = {
    sc.BAD_ABBREV_TABLE: ".debug_abbrev: expected an abbreviation table, found its end or nonsense at {offset:#x}",
    sc.BAD_ABBREV_FORM: ".debug_abbrev: DW_FORM {detail:#x} is unknown",
    sc.BAD_ABBREV_CODE: "expected an abbreviation code of the unit's table, found {detail}",
    sc.BAD_FORM: "DW_FORM {detail:#x} is unknown",
    sc.PAST_END: "expected a DIE within its unit, found one that reaches past the unit's end",
    sc.BAD_STRING: "expected an offset within the string section, found {detail:#x}",
    sc.TOO_DEEP: "expected DIEs nested at most 4096 deep, found deeper ones",
    sc.BAD_REFERENCE: "expected a reference to a type's DIE, found {detail:#x}",
    sc.REFERENCE_LOOP: "expected a chain of references that ends, found a cycle",
    sc.BAD_INDEX: "expected an index within .debug_addr, found one past its end",
    sc.MISSING_NULL: "expected a null entry that ends the children",
    sc.ROW_MISMATCH: "expected the same members in both passes, found others: DW_AT_sibling lies",
    sc.BAD_RANGES: "expected a range list within its section, found its end or an unknown entry",
    sc.BAD_UNIT_DIE: "expected a unit's DIE, found tag {detail:#x}",
    sc.ABBREV_LIMIT: ".debug_abbrev: expected codes below 131072 and at most 1048576 attributes, found {detail}",
    sc.TOO_MUCH_WORK: "expected a unit that can be read in a time that grows with its size, found DIEs that lead to "
                      "the same ones over and over",
    sc.ARRAY_WITH_TYPES: "expected the dimensions of an array one after another, found types between them",
    sc.ENUM_RANGE: "expected an enumerator that fits the enum's size, found a larger one",
    sc.MEMBER_OUTSIDE: "expected a member within its struct, found one megabytes behind it",
    sc.NAMELESS: "expected a base type with a name, found one without",
}
IN_ABBREV = {sc.BAD_ABBREV_TABLE, sc.ABBREV_LIMIT, sc.BAD_ABBREV_FORM}


def unit_error(status, units, info, strings):
    """The DwarfError of a unit that the kernels report.

    Parameters
    ----------
    status : int64 (4,)
        Status, section offset, what was found, and the unit, as index_units and fill_units leave it.
    units : int64 (units, U_COLUMNS)
    info : harness.dwarf.sections.InfoBytes
    strings : uint8
        The blob that the unit's name is an offset in, unless it stands in a pool.
    """
    code, offset, detail, unit = (int(x) for x in status)
    text = TEXTS[code].format(detail=detail, offset=offset)
    if code in IN_ABBREV:
        return DwarfError(text.partition(": ")[2], info.path(int(units[unit, sc.U_START])), ".debug_abbrev", offset)
    name = units[unit, sc.U_NAME]
    label = None
    if 0 < name < sc.POOL_FLAG:
        label = StringTable(strings).get(int(name)).decode(errors="replace")
    start, stop = int(units[unit, sc.U_START]), int(units[unit, sc.U_STOP])
    within = info.section_offset(start) + min(max(offset, start), stop) - start
    return DwarfError(text, info.path(start), info.section_name(start), within, label)
