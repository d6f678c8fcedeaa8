"""An encoding that is defined outside the package: a table of addresses as one ENUM64, and the FUNCs in a section."""

import numpy as np

from harness.encodings import Addresses, Encoding, Fixup, Written
from harness.encodings.pairs import addressed, func_rows
from harness.model import NOWHERE, Kind, TypeTable, concatenate, info_word

TABLE = b"func_addresses"
SECTION = ".BTF.funcs"


def write(pairs, first_id, first_off):
    table, func, _ = func_rows(pairs, first_id)
    pair = addressed(pairs, func)
    address = pairs.address[pair]
    entries = np.column_stack([pairs.name_off[pair], address & np.uint64(0xFFFFFFFF), address >> np.uint64(32)])
    words = np.concatenate([[first_off, info_word(Kind.ENUM64, len(pair)), 8], entries.ravel()]).astype(np.uint32)
    types = concatenate([table, TypeTable(words, np.array([0, 0, len(words)], np.int64))])
    at = len(table.words) + 3 + 3 * np.arange(len(pair)) + 1
    return Written(types, func, np.frombuffer(TABLE + b"\0", np.uint8), {SECTION: func[pair].astype("<u4").tobytes()},
                   (Fixup("types", at, np.asarray(pair), "lohi"),),
                   (Fixup(SECTION, 4 * np.arange(len(pair)), np.asarray(pair), "u32"),))


def read(file, sections, image):
    kinds = file.types.kind()
    table = next(i for i in np.flatnonzero(kinds == Kind.ENUM64) if file.name(int(i) + 1) == TABLE)
    entries = file.types.row(int(table) + 1)[3:].reshape(-1, 3).astype(np.uint64)
    func = np.frombuffer(sections[SECTION], "<u4").astype(np.int64)
    address = entries[:, 2] << np.uint64(32) | entries[:, 1]
    order = np.lexsort((address, func))
    return Addresses(func[order], address[order])


def growth(functions):
    n_pairs = len(functions[functions.place != NOWHERE][["name", "proto_id", "place"]].drop_duplicates())
    return 12 + len(TABLE) + 1 + (12 + 4) * n_pairs


ENCODING = Encoding(
    name="table",
    summary="one ENUM64 with an enumerator per address, and the FUNCs in a section of their own",
    formula="27 + 16 per (FUNC, address) pair",
    write=write,
    read=read,
    growth=growth,
    kinds=(Kind.ENUM64,),
    colour="#CC79A7",
    rank=9,
    stores="address",
)
