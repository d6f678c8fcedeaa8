"""The RFC of May 2023: a DECL_TAG named after each address, pointing at the FUNC.

The thread's example writes `address=0x` and 16 digits, 27 bytes with its NUL; the patch itself wrote `addr=0x` and as
many digits as it takes (`--btf_gen_func_addr`, 17 May 2023). Both are here; tables count the first.
"""

import numpy as np

from harness.encodings.encoding import Encoding, FunctionRows, addressed, distinct_funcs, func_rows
from harness.model import Kind, TypeTable, concatenate, info_word

WHOLE = 0xFFFFFFFF  # component_idx -1: the tag means the function, not a parameter


def padded(address):
    """`address=0x%016x`, the form of the thread's example."""
    return b"address=0x%016x" % address


def short(address):
    """`addr=0x%x`, the form of the thread's patch."""
    return b"addr=0x%x" % address


def tagged(text):
    """The `rows` of an encoding whose tags are named by `text`."""

    def rows(pairs, first_id, n_blob):
        table, func = func_rows(pairs, first_id, "proto")
        target, address = addressed(pairs, func)
        distinct, which = np.unique(address, return_inverse=True)
        strings = [text(a) + b"\0" for a in distinct.tolist()]
        ends = np.cumsum([len(s) for s in strings]) if strings else np.zeros(0, np.int64)
        name = n_blob + np.concatenate([[0], ends[:-1]]) if strings else np.zeros(0, np.int64)
        words = np.empty((len(target), 4), np.uint32)
        words[:, 0] = name[which]
        words[:, 1] = info_word(Kind.DECL_TAG)
        words[:, 2] = target
        words[:, 3] = WHOLE
        starts = np.concatenate([[0], 4 * np.arange(len(target) + 1, dtype=np.int64)])
        tags = TypeTable(words.ravel(), starts)
        return FunctionRows(concatenate([table, tags]), np.frombuffer(b"".join(strings), np.uint8), func)

    return rows


def cost(text):
    """The `growth` of an encoding whose tags are named by `text`: 16 per pair, and each distinct address's string."""

    def growth(pairs):
        func, _ = distinct_funcs(pairs, "proto")
        target, address = addressed(pairs, func)
        return 16 * len(target) + sum(len(text(a)) + 1 for a in set(address.tolist()))

    return growth


ENCODINGS = [
    Encoding(
        name="decl_tag",
        summary="one DECL_TAG 'address=0x<16 digits>' per address of a FUNC",
        identity="proto",
        rows=tagged(padded),
        growth=cost(padded),
        formula="16 per (FUNC, address) pair + 27 per distinct address",
        rank=1,
    ),
    Encoding(
        name="decl_tag_short",
        summary="one DECL_TAG 'addr=0x<digits>' per address of a FUNC, as the patch of 2023 wrote them",
        identity="proto",
        rows=tagged(short),
        growth=cost(short),
        formula="16 per (FUNC, address) pair + 8 and the digits per distinct address",
        rank=2,
        default=False,
    ),
]
