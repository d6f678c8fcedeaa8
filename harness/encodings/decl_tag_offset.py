"""For each address, a DECL_TAG with its offset from the kernel's base: shorter, and nothing for KASLR to relocate."""

import numpy as np

from harness.encodings.decl_tag import read_names, tags_of_funcs, tells, write_tags
from harness.encodings.encoding import Encoding, in_order
from harness.encodings.formulas import n_pairs, near
from harness.model import Kind

PREFIX = b"offset=0x"


def write(pairs, first_id, first_off):
    """One DECL_TAG per (FUNC, place) within 4 GiB after the base, `offset=0x%x`."""
    offset, fits = pairs.image.offsets(pairs.address)
    counted = pairs._replace(address=offset.astype(np.uint64))
    texts = write_tags(lambda offsets: [PREFIX + b"%x" % at for at in offsets.tolist()], PREFIX, lambda pairs: fits)
    return texts(counted, first_id, first_off)._replace(fixups=())


def read(file, sections, image):
    """The offsets in names of DECL_TAGs, from the base; a tag with a longer number is someone else's."""
    name_off, target_id = tags_of_funcs(file)
    rows, offset = read_names(file.strings.flattened().blob, name_off, PREFIX)
    fits = offset <= np.uint64(0xFFFFFFFF)
    return in_order(target_id[rows[fits]], offset[fits] + np.uint64(image.base))


def growth(functions):
    """16 bytes per pair, and each distinct offset's string."""
    tagged = near(functions)
    return 16 * n_pairs(tagged) + sum(len(f"offset=0x{at:x}") + 1 for at in tagged.offset.drop_duplicates().tolist())


ENCODING = Encoding(
    name="decl_tag_offset",
    summary="one DECL_TAG 'offset=0x<digits>' from the kernel's base per address of a FUNC",
    proposed="the RFC of May 2023 with offsets from a base, as Jiri Olsa asked in its thread",
    formula="16 per (FUNC, address) pair + 10 + the number of digits per distinct offset",
    write=write,
    read=read,
    growth=growth,
    told=near,
    kinds=(Kind.DECL_TAG,),
    colour="#A6761D",
    rank=8,
    stores="base offset",
    default=False,
    tells=tells,
)
