"""The RFC of May 2023: a DECL_TAG named after each address, pointing at the FUNC.

The thread's example writes `address=0x` and 16 digits, 27 bytes with its NUL; the patch itself wrote `addr=0x` and as
many digits as it takes (`--btf_gen_func_addr`, 17 May 2023). Both are here; tables count the first.
"""

import numpy as np

from harness.encodings.encoding import Encoding, FunctionRows, addressed, distinct_funcs, func_rows
from harness.model import Kind, TypeTable, concatenate, info_word

WHOLE = 0xFFFFFFFF  # component_idx -1: the tag means the function, not a parameter


def padded(addresses):
    """`address=0x%016x` of each address, the form of the thread's example: list of bytes."""
    shifts = np.arange(60, -1, -4, dtype=np.uint64)
    digits = ((addresses[:, None] >> shifts) & np.uint64(15)).astype(np.uint8)
    text = np.empty((len(addresses), 26), np.uint8)
    text[:, :10] = np.frombuffer(b"address=0x", np.uint8)
    text[:, 10:] = digits + np.where(digits < 10, ord("0"), ord("a") - 10).astype(np.uint8)
    return text.view("S26").ravel().tolist()


def padded_nbytes(addresses):
    """Bytes of those strings with their NULs."""
    return 27 * len(addresses)


def short(addresses):
    """`addr=0x%x` of each address, the form of the thread's patch: list of bytes."""
    return [b"addr=0x%x" % a for a in addresses.tolist()]


def short_nbytes(addresses):
    """Bytes of those strings with their NULs."""
    return sum(8 + len(f"{a:x}") for a in addresses.tolist())


def tagged(texts):
    """The `rows` of an encoding whose tags are named by `texts`."""

    def rows(pairs, first_id, n_blob):
        table, func = func_rows(pairs, first_id, "proto")
        target, address = addressed(pairs, func)
        distinct, which = np.unique(address, return_inverse=True)
        strings = texts(distinct)
        ends = np.cumsum([len(s) + 1 for s in strings], dtype=np.int64)
        name = n_blob + np.concatenate([[0], ends])[:-1]
        words = np.empty((len(target), 4), np.uint32)
        words[:, 0] = name[which]
        words[:, 1] = info_word(Kind.DECL_TAG)
        words[:, 2] = target
        words[:, 3] = WHOLE
        starts = np.concatenate([[0], 4 * np.arange(len(target) + 1, dtype=np.int64)])
        tags = TypeTable(words.ravel(), starts)
        blob = np.frombuffer(b"\0".join([*strings, b""]), np.uint8)
        return FunctionRows(concatenate([table, tags]), blob, func)

    return rows


def cost(nbytes):
    """The `growth` of an encoding: 16 per pair, and the strings of the distinct addresses."""

    def growth(pairs):
        func, _ = distinct_funcs(pairs, "proto")
        target, address = addressed(pairs, func)
        return 16 * len(target) + nbytes(np.unique(address))

    return growth


ENCODINGS = [
    Encoding(
        name="decl_tag",
        summary="one DECL_TAG 'address=0x<16 digits>' per address of a FUNC",
        identity="proto",
        rows=tagged(padded),
        growth=cost(padded_nbytes),
        formula="16 per (FUNC, address) pair + 27 per distinct address",
        rank=1,
    ),
    Encoding(
        name="decl_tag_short",
        summary="one DECL_TAG 'addr=0x<digits>' per address of a FUNC, as the patch of 2023 wrote them",
        identity="proto",
        rows=tagged(short),
        growth=cost(short_nbytes),
        formula="16 per (FUNC, address) pair + 8 and the digits per distinct address",
        rank=2,
        default=False,
    ),
]
