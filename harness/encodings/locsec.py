"""A LOCSEC per ELF section with an entry for each function's address: the kind that bpf-next took for inline sites.

An entry is `{func, loc_proto, offset}`; an inline site names the LOC_PROTO of its parameters there, a function's own
entry has none and so 0 (Alan Maguire, May 2025: "type=FUNC, offset=address, loc=0"). The offset counts from where the
ELF section is at run time, so nothing is to be relocated.
"""

import numpy as np

from harness.btf.wire import LAYOUT_ENTRY_NBYTES
from harness.encodings.encoding import Encoding, Written, in_order
from harness.encodings.formulas import LAYOUT_SECTION, MERGED, NO_OFFSET
from harness.encodings.image import u32_offsets
from harness.encodings.own import are_funcs
from harness.encodings.pairs import addressed, func_rows
from harness.model import STANDARD, Kind, TypeTable, concatenate, info_word
from harness.model import words as wd
from harness.model.layout import HEAD_WORDS, LAST_KIND

LAYOUT = STANDARD.with_kinds(Kind.LOCSEC)


def locations(pairs, func_id):
    """What LOCSECs say of some pairs: list of (name of the section, uint32 (n, 3)), by section, offset and FUNC."""
    out = []
    pair = addressed(pairs, func_id)
    for section in np.unique(pairs.section[pair]).tolist():
        if section not in pairs.image.sections:
            continue  # code in a section that is not executable, or in none
        name, start = pairs.image.sections[section]
        mine = pair[pairs.section[pair] == section]
        offset, fits = u32_offsets(pairs.address[mine], np.uint64(start))
        entries = np.column_stack([func_id[mine], np.zeros(len(mine), np.int64), offset])[fits]
        if len(entries):
            out.append((name, entries[np.lexsort((entries[:, 0], entries[:, 2]))].astype(np.uint32)))
    return out


def rows(found, name_off):
    """LOCSECs of `locations`, a TypeTable."""
    words = [np.concatenate([[off, info_word(Kind.LOCSEC, len(entries)), 0], entries.ravel()]).astype(np.uint32)
             for off, (_, entries) in zip(name_off, found, strict=True)]
    return TypeTable.of(np.concatenate([*words, np.zeros(0, np.uint32)]), np.cumsum([0, *map(len, words)]))


def names(found):
    """The distinct names of the sections, each with its NUL, bytes, and the offset of each section's."""
    distinct = list(dict.fromkeys(name for name, _ in found))
    texts = [name.encode("utf-8", "surrogateescape") + b"\0" for name in distinct]
    start = dict(zip(distinct, np.cumsum([0, *map(len, texts)]).tolist(), strict=False))
    return b"".join(texts), [start[name] for name, _ in found]


def write(pairs, first_id, first_off):
    """FUNCs as today, and the LOCSECs."""
    table, func_id, _ = func_rows(pairs, first_id)
    found = locations(pairs, func_id)
    strings, at = names(found)
    table = concatenate([table, rows(found, [first_off + off for off in at])])
    return Written(table, func_id, np.frombuffer(strings, np.uint8))


def read(file, sections, image):
    """The entries, their offsets from their sections."""
    return read_locations(file, image)


def read_locations(file, image):
    """The Addresses in the LOCSECs of a BtfFile; of several sections with one name, the first's are the first LOCSEC's.

    Only of a relocatable file can it matter which is which, and there all begin at 0. An entry with a loc_proto is of
    an inline site, and no FUNC's own.

    Raises
    ------
    BtfFormatError
        A LOCSEC has the name of no section with code, or an entry of a type that is no FUNC.
    """
    start = {}
    for name, address in image.sections.values():
        start.setdefault(name, []).append(address)
    func, address = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    row_start = file.types.row_starts()
    for type_id in file.types.ids_of(Kind.LOCSEC).tolist():
        at, name = int(row_start[type_id - file.types.first_id]), file.name(type_id)
        begins = start.get(name.decode("utf-8", "surrogateescape"))
        if not begins:
            raise file.wrong(f"expected the name of a section with code, found {name!r}",
                             file.word_offset(at + wd.NAME))
        begin = begins.pop(0) if len(begins) > 1 else begins[0]
        entries = file.types.row(type_id)[HEAD_WORDS:].reshape(-1, 3).astype(np.int64)
        strange = np.flatnonzero(~are_funcs(file, entries[:, wd.LOC_FUNC]))
        if len(strange):
            k = int(strange[0])
            raise file.wrong(f"expected the type_id of a FUNC, found {entries[k, wd.LOC_FUNC]}",
                             file.word_offset(at + HEAD_WORDS + 3 * k + wd.LOC_FUNC))
        own = entries[entries[:, wd.LOC_PROTO] == 0]
        func.append(own[:, wd.LOC_FUNC])
        address.append(own[:, wd.LOC_OFFSET].astype(np.uint64) + np.uint64(begin))
    return in_order(np.concatenate(func), np.concatenate(address))


def told(functions):
    """Those in a section with code, within 4 GiB after its beginning."""
    return functions[functions.section_offset != NO_OFFSET]


def growth(functions):
    """What the LOCSECs take, and where all files have a layout section, its entries up to their kind."""
    more = LAYOUT_ENTRY_NBYTES * (Kind.LOCSEC - LAST_KIND) if functions.attrs.get(LAYOUT_SECTION) else 0
    return nbytes(functions) + (more if len(told(functions)) else 0)


def nbytes(functions):
    """12 bytes per section and 12 per (FUNC, address), and the names of the sections."""
    mine = told(functions)
    return 12 * mine.shndx.nunique() + 12 * len(mine.drop_duplicates([*MERGED, "place"])) + sum(
        len(name.encode("utf-8", "surrogateescape")) + 1 for name in set(mine.section))


ENCODING = Encoding(
    name="locsec",
    summary="a LOCSEC per ELF section with {func, loc_proto 0, offset in the section} per address",
    proposed="Alan Maguire, location kinds of 2025 and 2026; bpf-next has them for inline sites",
    formula="12 per ELF section + 12 per (FUNC, address) pair + the sections' names",
    write=write,
    read=read,
    growth=growth,
    told=told,
    kinds=(Kind.LOCSEC,),
    colour="#D95F02",
    rank=11,
    stores="section offset",
    default=False,
    layout=LAYOUT,
)
