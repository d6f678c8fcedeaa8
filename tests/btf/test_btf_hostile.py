"""Damaged files: a result or a BtfFormatError, and nothing else."""

import io
import random
import struct

import btf_trees as trees
import pytest

from harness import btf
from harness.errors import BtfFormatError
from tests.rounds import SHARE, rounds

INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF)
INTERESTING_WORDS = (0, 1, 0xFF, 0xFFFF, 0x10000, 0xFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)


def survive(data):
    """How far `data` gets: 0 refused by parse, 1 dumped, 2 passed the check."""
    try:
        file = trees.parse(data, "damaged.btf")
    except BtfFormatError as error:
        assert error.offset is not None and 0 <= error.offset <= len(data)
        return 0
    assert btf.stat(file).total_nbytes == len(data)
    try:
        btf.check(file)
        sound = True
    except BtfFormatError as error:
        assert 0 <= error.offset < len(data)
        sound = False
    try:
        btf.dump_raw(file, io.BytesIO())
        btf.dump_json(file, io.BytesIO())
    except BtfFormatError:
        assert not sound, "what passes the check can be dumped"
    if sound:
        again = trees.parse(trees.encode(file.types, file.strings, byteorder=file.byteorder))
        btf.check(again)
    return 1 + sound


@pytest.mark.no_cover
@pytest.mark.parametrize("byteorder", ("little", "big"))
def test_hostile__mutations_give_a_result_or_an_error(byteorder):
    rng = random.Random(2026)
    whole = trees.wire(trees.with_addresses(), byteorder)
    reached = [0, 0, 0]
    for _ in range(rounds(2000)):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 1, 1, 2, 8))):
            if rng.random() < 0.5:
                data[rng.randrange(len(data))] = rng.choice((*INTERESTING, rng.randrange(256)))
            else:
                at = rng.randrange(len(data) // 4) * 4
                word = rng.choice((*INTERESTING_WORDS, rng.randrange(60)))
                data[at : at + 4] = struct.pack("<I" if byteorder == "little" else ">I", word)
        reached[survive(bytes(data))] += 1
    assert min(reached) > 50 // SHARE, "the damage must reach parse, check and beyond"


def test_hostile__truncations_are_refused():
    whole = trees.wire(trees.with_addresses())
    for length in range(len(whole)):
        with pytest.raises(BtfFormatError):
            trees.parse(whole[:length])


def test_hostile__truncated_sections_give_a_result_or_an_error():
    whole = trees.wire(trees.with_addresses())
    type_len, str_off, str_len = struct.unpack_from("<3I", whole, 12)
    for length in range(0, type_len, 4):
        survive(whole[:12] + struct.pack("<3I", length, str_off, str_len) + whole[24:])
    for length in range(str_len):
        survive(whole[:20] + struct.pack("<I", length) + whole[24:])


def test_hostile__noise_after_a_sound_header_gives_a_result_or_an_error():
    rng = random.Random(7)
    for _ in range(500):
        n_words = rng.randrange(40)
        words = [rng.choice((rng.randrange(8), rng.randrange(20) << 24 | rng.randrange(4))) for _ in range(n_words)]
        types = struct.pack(f"<{n_words}I", *words)
        strings = b"\0a\0bc\0"
        header = struct.pack("<HBB5I", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings))
        survive(header + types + strings)
