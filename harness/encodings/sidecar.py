"""A table of addresses beside BTF, which stays as it is today.

`sidecar`: for each FUNC in the order of its type_id the offset from the kernel's base of its first address, a u32;
then, for each further address, the type_id and the offset, two u32. `sidecar_uleb`: all (offset, FUNC) pairs by offset,
each as the distance from the one before, ULEB128, and the type_id of the FUNC, a u32.
"""

import numpy as np

from harness.btf.wire import WORD_NBYTES, prefix
from harness.encodings.encoding import Encoding, Written, in_order
from harness.encodings.formulas import MERGED, near
from harness.encodings.own import OwnSection
from harness.encodings.pairs import addressed, func_rows
from harness.model import changes

SECTION = ".BTF.addresses"

NO_OFFSET = 0xFFFFFFFF
"""Of a FUNC without an address."""

ULEB128_MAX_BITS = 35
"""Of a number of 32 bits."""


def pairs_in(pairs, func_id):
    """(FUNC, offset) of a file's pairs, those within 32 bits, by FUNC and offset: uint32 (n,) each."""
    pair = addressed(pairs, func_id)
    offset, fits = pairs.image.offsets(pairs.address[pair])
    fits &= offset != NO_OFFSET
    func_id, offset = func_id[pair][fits], offset[fits]
    order = np.lexsort((offset, func_id))
    func_id, offset = func_id[order], offset[order]
    new = changes(func_id, offset)
    return func_id[new], offset[new]


def write_by_func(pairs, first_id, first_off):
    """FUNCs as today, and the table in the order of their type_ids."""
    table, func_id, _ = func_rows(pairs, first_id)

    def after(final):
        func, offset = pairs_in(pairs, final.func_id)
        every = np.unique(final.func_id)
        first = changes(func)
        table = np.full(len(every), NO_OFFSET, np.uint32)
        table[np.searchsorted(every, func[first])] = offset[first]
        more = np.column_stack([func[~first], offset[~first]]).ravel()
        order = prefix(final.byteorder) + "u4"
        return {SECTION: np.concatenate([table, more]).astype(order).tobytes()}

    return Written(table, func_id, after=after)


def read_by_func(file, sections, image):
    """The offsets, from the base.

    Raises
    ------
    BtfFormatError
        The section is not there, has another length than its entries, or names a type that is no FUNC.
    """
    own, funcs = OwnSection(file, sections, SECTION), file.types.func_ids()
    n_more, rest = divmod(len(own.data) - WORD_NBYTES * len(funcs), 2 * WORD_NBYTES)
    if n_more < 0 or rest:
        raise own.wrong(f"expected {WORD_NBYTES} bytes for each of {len(funcs)} FUNCs and {2 * WORD_NBYTES} for each "
                        f"further address, found {len(own.data)} bytes", len(own.data))
    words = np.frombuffer(own.data, prefix(file.byteorder) + "u4").astype(np.int64)
    first, more = words[: len(funcs)], words[len(funcs) :].reshape(-1, 2)
    own.check_funcs(more[:, 0], WORD_NBYTES * (len(funcs) + 2 * np.arange(n_more)))
    has = first != NO_OFFSET
    func, offset = np.concatenate([funcs[has], more[:, 0]]), np.concatenate([first[has], more[:, 1]])
    return in_order(func, offset.astype(np.uint64) + np.uint64(image.base))


def told(functions):
    """Those within 4 GiB after the base, its last byte aside, which stands for no address."""
    return near(functions)[lambda f: f.offset != NO_OFFSET]


def growth_by_func(functions):
    """4 bytes per FUNC, 8 for each further address."""
    mine = told(functions)
    n_funcs = len(functions.drop_duplicates(MERGED))
    return 4 * n_funcs + 8 * (len(mine.drop_duplicates([*MERGED, "offset"])) - len(mine.drop_duplicates(MERGED)))


def write_by_address(pairs, first_id, first_off):
    """FUNCs as today, and the table by address."""
    table, func_id, _ = func_rows(pairs, first_id)

    def after(final):
        func, offset = pairs_in(pairs, final.func_id)
        order = np.lexsort((func, offset))
        func, step = func[order], np.diff(offset[order].astype(np.int64), prepend=0)
        ids = func.astype(prefix(final.byteorder) + "u4").tobytes()
        entries = (uleb128(n) + ids[WORD_NBYTES * i : WORD_NBYTES * (i + 1)] for i, n in enumerate(step.tolist()))
        return {SECTION: b"".join(entries)}

    return Written(table, func_id, after=after)


def uleb128(n):
    """A number from 0 on as ULEB128, bytes (DWARF 5, 7.6)."""
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def read_by_address(file, sections, image):
    """The pairs, their offsets from the base.

    Raises
    ------
    BtfFormatError
        The section is not there, ends within an entry, or has an offset beyond 32 bits or a type that is no FUNC.
    """
    own = OwnSection(file, sections, SECTION)
    data, at, offset, func, address, places = own.data, 0, 0, [], [], []
    while at < len(data):
        begin, step, shift = at, 0, 0
        while at < len(data) and data[at] & 0x80 and shift < ULEB128_MAX_BITS:
            step |= (data[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
        if at + 1 + WORD_NBYTES > len(data):
            raise own.wrong(f"expected an ULEB128 number and a type_id of {WORD_NBYTES} bytes, found the end of the "
                            "section", begin)
        offset += step | data[at] << shift
        if offset > NO_OFFSET:
            raise own.wrong(f"expected an offset of 32 bits, found {offset:#x}", begin)
        places.append(at + 1)
        func.append(int.from_bytes(data[at + 1 : at + 1 + WORD_NBYTES], file.byteorder))
        address.append(offset)
        at += 1 + WORD_NBYTES
    func_id = np.array(func, np.int64)
    own.check_funcs(func_id, np.array(places, np.int64))
    return in_order(func_id, np.array(address, np.uint64) + np.uint64(image.base))


def growth_by_address(functions):
    """4 bytes per (FUNC, address), and the ULEB128 of its distance from the one before."""
    offsets = sorted(told(functions).drop_duplicates([*MERGED, "offset"]).offset.tolist())
    steps = [b - a for a, b in zip([0, *offsets], offsets, strict=False)]
    return sum(4 + max(1, -(-n.bit_length() // 7)) for n in steps)


ENCODINGS = [
    Encoding(
        name="sidecar",
        summary="BTF as today, and beside it a table of u32 offsets from the kernel's base in the order of the FUNCs",
        proposed="as ORC and BTF.ext tables are: outside BTF, with access rights of its own",
        formula="4 per FUNC + 8 per further address of a FUNC",
        write=write_by_func,
        read=read_by_func,
        growth=growth_by_func,
        told=told,
        kinds=(),
        colour="#AA4499",
        rank=14,
        stores="base offset",
        beside=True,
        default=False,
    ),
    Encoding(
        name="sidecar_uleb",
        summary="BTF as today, and beside it all addresses in order, as ULEB128 distances, each with its FUNC",
        proposed="as kallsyms packs its table",
        formula="4 per (FUNC, address) pair + the ULEB128 of the distance from the one before",
        write=write_by_address,
        read=read_by_address,
        growth=growth_by_address,
        told=told,
        kinds=(),
        colour="#882255",
        rank=15,
        stores="base offset",
        beside=True,
        default=False,
    ),
]
