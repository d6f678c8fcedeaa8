"""The RFC of May 2023: for each address, a DECL_TAG with the address in its name that points at the FUNC.

The thread's example writes `address=0x` and 16 digits, 27 bytes with its NUL; the patch itself wrote `addr=0x` and as
many digits as needed (`--btf_gen_func_addr`, 17 May 2023). Both are here; tables count the first.
"""

import numpy as np

from harness.btf.wire import WHOLE
from harness.encodings.encoding import Encoding, Fixup, Written, counted, in_order
from harness.encodings.formulas import n_pairs, somewhere
from harness.encodings.pairs import addressed, func_rows
from harness.model import Kind, concatenate, decl_tags
from harness.model import words as wd
from harness.model.strings import begins

PADDED, SHORT = b"address=0x", b"addr=0x"

MAX_DIGITS = 16

DIGIT = np.full(256, 16, np.uint64)
"""Value of each byte as a hex digit in lower case, 16 if it is none."""
DIGIT[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint64)


def padded(addresses):
    """`address=0x%016x` of each address, the form of the thread's example: list of bytes."""
    shifts = np.arange(60, -1, -4, dtype=np.uint64)
    digits = ((addresses[:, None] >> shifts) & np.uint64(15)).astype(np.uint8)
    text = np.empty((len(addresses), len(PADDED) + MAX_DIGITS), np.uint8)
    text[:, : len(PADDED)] = np.frombuffer(PADDED, np.uint8)
    text[:, len(PADDED) :] = digits + np.where(digits < 10, ord("0"), ord("a") - 10).astype(np.uint8)
    return text.view(f"S{text.shape[1]}").ravel().tolist()


def short(addresses):
    """`addr=0x%x` of each address, the form of the thread's patch: list of bytes."""
    return [SHORT + b"%x" % a for a in addresses.tolist()]


def write_tags(texts, prefix, selects=None):
    """The `write` of an encoding whose tags are named by `texts`, which begin with `prefix`; of all pairs with a place,
    or of those that `selects` says, bool (pairs,) of Pairs."""

    def write(pairs, first_id, first_off):
        table, func_id, _ = func_rows(pairs, first_id)
        pair = addressed(pairs, func_id)
        if selects is not None:
            pair = pair[selects(pairs)[pair]]
        distinct, which = np.unique(pairs.address[pair], return_inverse=True)
        strings = texts(distinct)
        ends = np.cumsum([len(s) + 1 for s in strings], dtype=np.int64)
        starts = np.concatenate([[0], ends])[:-1]
        tags = decl_tags(first_off + starts[which], func_id[pair])
        _, first = np.unique(which, return_index=True)
        blob = np.frombuffer(b"\0".join([*strings, b""]), np.uint8)
        n_digits = ends - starts - 1 - len(prefix)
        fixups = tuple(Fixup("strings", starts[n_digits == n] + len(prefix), pair[first[n_digits == n]], f"hex{n}")
                       for n in np.unique(n_digits).tolist())
        return Written(concatenate([table, tags]), func_id, blob, fixups=fixups)

    return write


def read_tags(prefix):
    """The `read` of an encoding whose tags are `prefix` and 1 to MAX_DIGITS digits."""

    def read(file, sections, image):
        name_off, target_id = tags_of_funcs(file)
        rows, address = read_names(file.strings.flattened().blob, name_off, prefix)
        return in_order(target_id[rows], address)

    return read


def tags_of_funcs(file):
    """The DECL_TAGs of a BtfFile on FUNCs as wholes: (name_off uint32 (n,), type_id of the FUNC int64 (n,))."""
    types = file.types
    start = types.row_starts()[types.kind() == Kind.DECL_TAG]
    name_off, target_id = types.words[start + wd.NAME], types.words[start + wd.SIZE_TYPE].astype(np.int64)
    own = (types.words[start + wd.COMPONENT_IDX] == WHOLE) & np.isin(target_id, types.func_ids())
    return name_off[own], target_id[own]


def read_names(blob, offsets, prefix):
    """Which of some names are a prefix and an address, int64 (n,), and these addresses, uint64 (n,)."""
    offsets = np.where(offsets < len(blob), offsets, 0).astype(np.int64)  # an offset beyond the section is no name
    ends = np.flatnonzero(blob == 0)
    n_digits = ends[np.searchsorted(ends, offsets)] - offsets - len(prefix)
    rows = np.flatnonzero((n_digits >= 1) & (n_digits <= MAX_DIGITS))
    rows = rows[begins(blob, offsets[rows], prefix)]
    at, good, value = offsets[rows] + len(prefix), np.ones(len(rows), bool), np.zeros(len(rows), np.uint64)
    for k in range(int(n_digits[rows].max(initial=0))):
        more = k < n_digits[rows]
        digit = DIGIT[blob[np.where(more, at + k, 0)]]
        good &= ~more | (digit < 16)
        value = np.where(more, value << np.uint64(4) | digit, value)
    return rows[good], value[good]


def cost(nbytes, told=somewhere):
    """The `growth` of an encoding: 16 per pair told, and the strings of the distinct addresses, `nbytes` each."""

    def growth(functions):
        tagged = told(functions)
        return 16 * n_pairs(tagged) + sum(map(nbytes, tagged.address.drop_duplicates().tolist()))

    return growth


def tells(ids):
    """Tags give all addresses of an id; the id alone selects none of them."""
    total = sum(ids.stand_for)
    tags = counted(ids.n_given, "address") if ids.n_given == total else f"{ids.n_given} of {counted(total, 'address')}"
    if total == 1:
        tagged = "a consumer that reads tags gets the address"
    elif max(ids.stand_for) == 1:
        tagged = "a consumer that reads tags gets the one address of each id"
    else:
        tagged = "a consumer that reads tags gets every address but cannot choose one by id"
    where = "in a tag" if ids.n_given == 1 else "in tags"
    return f"{ids.how_many} for {tags}, {where}: by the id alone {ids.resolved}; {tagged}"


ENCODINGS = [
    Encoding(
        name="decl_tag",
        proposed="Alan Maguire's RFC, bpf list, May 2023: its example",
        summary="one DECL_TAG 'address=0x<16 digits>' per address of a FUNC",
        formula="16 per (FUNC, address) pair + 27 per distinct address",
        write=write_tags(padded, PADDED),
        read=read_tags(PADDED),
        growth=cost(lambda address: 27),
        kinds=(Kind.DECL_TAG,),
        colour="#D55E00",
        rank=1,
        stores="address",
        tells=tells,
    ),
    Encoding(
        name="decl_tag_short",
        proposed="Alan Maguire's RFC, bpf list, May 2023: its patch",
        summary="one DECL_TAG 'addr=0x<digits>' per address of a FUNC, as in the patch of 2023",
        formula="16 per (FUNC, address) pair + 8 + the number of digits per distinct address",
        write=write_tags(short, SHORT),
        read=read_tags(SHORT),
        growth=cost(lambda address: 8 + len(f"{address:x}")),
        kinds=(Kind.DECL_TAG,),
        colour="#E69F00",
        rank=2,
        stores="address",
        default=False,
        tells=tells,
    ),
]
