"""The addresses that a .btf file gives its FUNCs, in whichever way it writes them; and what an encoding's id names."""

from __future__ import annotations

import numpy as np

from harness import encodings as enc
from harness.btf.wire import WHOLE
from harness.model import Kind

ADDRESS_TAGS = (b"address=0x", b"addr=0x")
"""What the name of a DECL_TAG begins with that is an address, in both spellings of the RFC of May 2023; then come 1 to
MAX_DIGITS hex digits in lower case."""

MAX_DIGITS = 16

DIGIT = np.full(256, 16, np.uint64)
"""Value of each byte as a hex digit, 16 if it is none."""
DIGIT[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint64)


def func_addresses(file):
    """The addresses that a BtfFile gives its FUNCs: (func, address), int64 and uint64 (pairs,), sorted, each once.

    One for each DECL_TAG 'address=0x...' or 'addr=0x...' on a FUNC as a whole, and one for each FUNC that kind_flag
    adds it to.
    """
    types = file.types
    kind, start = types.kind(), types.row_starts()
    funcs, carried = file.trailing_values()
    tags = np.flatnonzero(kind == Kind.DECL_TAG)
    target, component = types.words[start[tags] + 2].astype(np.int64), types.words[start[tags] + 3]
    valid = (target > 0) & (target <= types.n_types)
    whole = valid & (component == WHOLE) & (kind[np.where(valid, target, 1) - 1] == Kind.FUNC)
    tagged, found = _tag_addresses(file.strings.blob, types.words[start[tags[whole]]])
    func = np.concatenate([funcs, target[whole][tagged]])
    address = np.concatenate([carried, found])
    order = np.lexsort((address, func))
    func, address = func[order], address[order]
    new = np.ones(len(func), bool)
    new[1:] = (func[1:] != func[:-1]) | (address[1:] != address[:-1])
    return func[new], address[new]


def _tag_addresses(blob, offsets):
    """Which of some names are addresses as in ADDRESS_TAGS, int64 (n,), and these addresses, uint64 (n,)."""
    offsets = np.where(offsets < len(blob), offsets, 0).astype(np.int64)  # beyond the section nothing is said
    ends = np.flatnonzero(blob == 0)
    n_bytes = ends[np.searchsorted(ends, offsets)] - offsets
    good, address = np.zeros(len(offsets), bool), np.zeros(len(offsets), np.uint64)
    for prefix in ADDRESS_TAGS:
        n_digits = n_bytes - len(prefix)
        rows = np.flatnonzero((n_digits >= 1) & (n_digits <= MAX_DIGITS))
        head = blob[offsets[rows, None] + np.arange(len(prefix))]
        rows = rows[(head == np.frombuffer(prefix, np.uint8)).all(axis=1)]
        at, fine, value = offsets[rows] + len(prefix), np.ones(len(rows), bool), np.zeros(len(rows), np.uint64)
        for k in range(int(n_digits[rows].max(initial=0))):
            more = k < n_digits[rows]
            digit = DIGIT[blob[np.where(more, at + k, 0)]]
            fine &= ~more | (digit < 16)
            value = np.where(more, value << np.uint64(4) | digit, value)
        good[rows], address[rows] = fine, value
    rows = np.flatnonzero(good)
    return rows, address[rows]


def identity(encoding):
    """What makes an encoding's FUNCs the same, see harness.encodings.Encoding; also of a file that is none of ours."""
    return enc.REGISTRY[encoding].identity if encoding in enc.REGISTRY else "proto"
