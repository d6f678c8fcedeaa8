"""What encodings read of files: the addresses that are there, and nothing that only looks like one."""

import random
import re

import numpy as np
import pytest

from harness import btf, encodings
from harness.model import Kind, StringTable, info_word
from tests.measure.folders import Blob, rows

BASE = 0xFFFFFFFF81000000
WHOLE = 0xFFFFFFFF
PROTO = [0, info_word(Kind.FUNC_PROTO), 0]


def tag(s, text, target, component=WHOLE):
    return [s(text), info_word(Kind.DECL_TAG), target, component]


def read(name, types, strings):
    layout = encodings.encoding(name).layout
    file = btf.parse(btf.encode(types, StringTable(strings.array()), layout=layout), layout=layout)
    found = encodings.encoding(name).read(file, {}, encodings.Image())
    return list(zip(found.func_id.tolist(), found.address.tolist(), strict=True))


def test_btf_func__reads_what_is_behind_a_func():
    s = Blob()
    types = rows(PROTO, [s("f"), info_word(Kind.FUNC), 1],
                 [s("g"), info_word(Kind.FUNC, 0, 1), 1, 0x81000000, 0xFFFFFFFF], tag(s, "address=0x40", 2))
    assert read("btf_func", types, s) == [(3, BASE)]


@pytest.mark.parametrize(("name", "found"), [("decl_tag", [(2, 0x10), (2, BASE + 0x10)]),
                                             ("decl_tag_short", [(2, 0x20)]), ("plain", [])])
def test_decl_tag__reads_tags_of_its_spelling_on_a_whole_func(name, found):
    s = Blob()
    types = rows(
        PROTO, [s("f"), info_word(Kind.FUNC), 1],
        tag(s, "address=0xffffffff81000010", 2), tag(s, "address=0x10", 2), tag(s, "addr=0x20", 2),
        tag(s, "addr=0x20", 2), tag(s, "bpf_kfunc", 2), tag(s, "address=0x30 ", 2), tag(s, "address=0x40", 1),
        tag(s, "address=0x50", 2, 0), tag(s, "address=0x60", 99))
    assert read(name, types, s) == found
    assert read(name, rows(PROTO), s) == []


@pytest.mark.parametrize(("encoding", "prefix"), [("decl_tag", "address=0x"), ("decl_tag_short", "addr=0x")])
def test_decl_tag__of_any_name_as_a_pattern_finds_them(encoding, prefix):
    pattern = re.compile(prefix.encode() + rb"([0-9a-f]{1,16})\Z")
    rng = random.Random(7)
    names = ["address=0x", "addr=0x", "address=0x" + "0" * 17, "addr=0x" + "f" * 17, "address=0xF", "addr=0x0g",
             "address=0x0123456789abcdef", "addr=0x0123456789abcdef", "addr=0x1 ", "address=0x1:", "a", "", "address=0"]
    names += [rng.choice(("address=0x", "addr=0x", "adr=0x")) + "".join(rng.choices("0123456789abcdefg", k=k % 19))
              for k in range(300)]
    s = Blob()
    whole = [tag(s, name, 2) for name in names]
    inside = [[s("x" + name) + 1, *each[1:]] for name, each in zip(names[:20], whole, strict=False)]
    beyond = [[len(s.data) + 5, *whole[0][1:]]]
    types = rows(PROTO, [s("f"), info_word(Kind.FUNC), 1], *whole, *inside, *beyond)
    file = btf.parse(btf.encode(rows(PROTO), StringTable(s.array())))
    file = file._replace(types=types, strings=StringTable(s.array()))
    expected = {int(found[1], 16) for found in map(pattern.match, (n.encode() for n in names)) if found}
    func, address = encodings.encoding(encoding).read(file, {}, encodings.Image())
    assert len(expected) > 35 and address.tolist() == sorted(expected) and set(func.tolist()) == {2}
    assert address.dtype == np.uint64
