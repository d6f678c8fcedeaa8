"""`locsec` in a split BTF of its own, over a file that stays as it is today: as the kernel's inline BTF is kept."""


from harness import btf
from harness.btf.wire import HDR_LEN
from harness.encodings import locsec
from harness.encodings.encoding import Encoding, Written
from harness.encodings.own import OwnSection
from harness.encodings.pairs import func_rows

SECTION = ".BTF.locations"


def write(pairs, first_id, first_off):
    """FUNCs as today; the LOCSECs, whose type_ids and strings continue the file's, in a section of their own."""
    table, func_id, _ = func_rows(pairs, first_id)

    def after(final):
        found = locsec.locations(pairs, final.func_id)
        strings, at = locsec.names(found)
        rows = locsec.rows(found, [final.string_nbytes + off for off in at])
        return {SECTION: split_file(rows, strings, final.byteorder)}

    return Written(table, func_id, after=after)


def split_file(rows, strings, byteorder):
    """The bytes of a split file: its strings are written as they are, since names count from the base's beginning."""
    words = rows.words.astype(btf.wire.prefix(byteorder) + "u4").tobytes()
    header = btf.wire.Header(btf.wire.MAGIC, btf.wire.VERSION, 0, HDR_LEN, 0, len(words), len(words), len(strings))
    return header.pack(byteorder) + words + strings


def read(file, sections, image):
    """The entries of the split file; errors as of `locsec`'s, and where the section is not there or no BTF."""
    data = OwnSection(file, sections, SECTION).data
    return locsec.read_locations(btf.parse(data, file.path, SECTION, base=file, layout=locsec.LAYOUT), image)


def growth(functions):
    """A header, and the LOCSECs."""
    return HDR_LEN + locsec.nbytes(functions)


ENCODING = Encoding(
    name="locsec_split",
    summary="the same LOCSECs in a split BTF beside the file, which stays as today",
    proposed="as Eduard Zingerman's main and inline BTF, October 2026",
    formula="24 + 12 per ELF section + 12 per (FUNC, address) pair + the sections' names",
    write=write,
    read=read,
    growth=growth,
    told=locsec.told,
    kinds=(),
    colour="#7570B3",
    rank=12,
    stores="section offset",
    beside=True,
    default=False,
)
