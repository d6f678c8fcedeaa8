"""Kfuncs of hand-made files: sets with and without the flag, both byte orders, and files that lie."""

import re
import struct
import time

import numpy as np
import pytest

from harness.elf import ElfImage
from harness.errors import ElfError
from harness.functions.kfuncs import (
    BPF_FASTCALL,
    BPF_KFUNC,
    KF_FASTCALL,
    NAME_LIMIT,
    Kfunc,
    Kfuncs,
    func_name,
    read_kfuncs,
    read_sets,
    tags,
)
from tests.writers.elf import (
    ET_EXEC,
    ET_REL,
    SHT_NOBITS,
    STB_LOCAL,
    STT_NOTYPE,
    STT_OBJECT,
    Elf,
    Section,
    Symbol,
)

ADDRESS = {32: 0xC1000000, 64: 0xFFFFFFFF82AA6BC4}
KFUNCS = 1
CLASSES = [(64, "little"), (64, "big"), (32, "little"), (32, "big")]


class BtfIds:
    """A .BTF_ids section as the kernel's macros make it, and the file that holds it.

    Parameters
    ----------
    resolved : bool
        Write cnt, as resolve_btfids does.
    """

    def __init__(self, bits=64, byteorder="little", e_type=ET_EXEC, resolved=False):
        self.bits, self.byteorder, self.e_type, self.resolved = bits, byteorder, e_type, resolved
        self.data, self.symbols, self.n_funcs = bytearray(), [], 0
        self.base = 0 if e_type == ET_REL else ADDRESS[bits]

    def words(self, *values):
        self.data += struct.pack(f"{'<' if self.byteorder == 'little' else '>'}{len(values)}I", *values)

    def symbol(self, name, offset, size, kind=STT_NOTYPE, section=".BTF_ids"):
        self.symbols.append(Symbol(name, self.base + offset, size, kind, STB_LOCAL, section))

    def func(self, name, *flags):
        """BTF_ID(func, name), or BTF_ID_FLAGS(func, name, flags)."""
        self.n_funcs += 1
        self.symbol(f"__BTF_ID__func__{name}__{self.n_funcs}{700 + self.n_funcs}", len(self.data), 4, STT_OBJECT)
        self.words(0, *flags)
        return self

    def set8(self, name, flags, *pairs, cnt=None, size=None):
        """A set of (function's name, flags); `cnt` and `size` are lies."""
        start = len(self.data)
        self.words((len(pairs) if self.resolved else 0) if cnt is None else cnt, flags)
        for func, word in pairs:
            self.func(func, word)
        self.symbol(f"__BTF_ID__set8__{name}", start, len(self.data) - start if size is None else size)
        return self

    def elf(self, **section):
        made = Section(".BTF_ids", bytes(self.data), address=self.base, align=4, **section)
        return Elf([Section.text(), made, Section.text(".init.text", 0x9000)], self.symbols, bits=self.bits,
                   byteorder=self.byteorder, e_type=self.e_type)

    def found(self, folder, **section):
        """The kfuncs with the flags that are found at their symbols."""
        result = self.read(folder, **section)
        assert result.unusable is None
        return [Kfunc(*kfunc) for kfunc in result.flags.items()]

    def resolve(self, ids):
        """Fill in ids by function's name, and sort the pairs of each set by them, as resolve_btfids does."""
        order = "<" if self.byteorder == "little" else ">"
        at = {s.value - self.base: func_name(s.name.encode()) for s in self.symbols if "__func__" in s.name}
        for symbol in self.symbols:
            if "__set8__" in symbol.name:
                start = symbol.value - self.base
                places = range(start + 8, start + symbol.size, 8)
                pairs = sorted((ids[at[p]], *struct.unpack_from(f"{order}I", self.data, p + 4)) for p in places)
                struct.pack_into(f"{order}I", self.data, start, len(pairs))
                for place, pair in zip(places, pairs, strict=True):
                    struct.pack_into(f"{order}2I", self.data, place, *pair)
        return self

    def read(self, folder, name_of=None, **section):
        with ElfImage(self.elf(**section).write(folder / "vmlinux")) as image:
            return read_kfuncs(image, image.symbols(), name_of)

    def refused(self, folder, match, offset, section=".BTF_ids"):
        unusable = self.read(folder)
        with ElfImage(folder / "vmlinux") as image, pytest.raises(ElfError, match=match) as caught:
            read_sets(image, image.symbols())
        assert unusable == Kfuncs({}, unusable=caught.value.message)
        assert caught.value.path == str(folder / "vmlinux")
        assert (caught.value.section, caught.value.offset) == (section, offset)


@pytest.mark.parametrize("resolved", [False, True])
@pytest.mark.parametrize("e_type", [ET_EXEC, ET_REL])
@pytest.mark.parametrize(("bits", "byteorder"), CLASSES)
def test_kfuncs__are_the_functions_of_marked_sets(tmp_path, bits, byteorder, e_type, resolved):
    ids = BtfIds(bits, byteorder, e_type, resolved)
    ids.func("in_a_list")
    ids.set8("first", KFUNCS, ("bpf_release", 2), ("bpf_acquire", 5))
    ids.set8("fmodret", 0, ("not_a_kfunc", 5))
    ids.set8("other_flag", 2, ("nor_this", 5))
    ids.func("behind_a_set")
    ids.set8("second", KFUNCS | 2, ("bpf_cast", KF_FASTCALL | 0x20), ("bpf__x", 0))
    assert ids.found(tmp_path) == [Kfunc(b"bpf__x", 0), Kfunc(b"bpf_acquire", 5),
                                   Kfunc(b"bpf_cast", KF_FASTCALL | 0x20), Kfunc(b"bpf_release", 2)]


def test_kfuncs__fastcall_adds_a_second_tag():
    assert tags(Kfunc(b"f", KF_FASTCALL)) == (BPF_KFUNC, BPF_FASTCALL) == (b"bpf_kfunc", b"bpf_fastcall")
    assert tags(Kfunc(b"f", ~KF_FASTCALL & 0xFFFFFFFF)) == (BPF_KFUNC,)


def test_kfuncs__a_function_in_two_sets_is_one_kfunc_with_the_flags_of_both(tmp_path):
    ids = BtfIds().set8("a", KFUNCS, ("f", 1), ("g", 4)).set8("b", KFUNCS, ("f", 8), ("f", 1 << 31))
    assert ids.found(tmp_path) == [Kfunc(b"f", 1 << 31 | 9), Kfunc(b"g", 4)]


def test_kfuncs__flags_of_an_unmarked_set_do_not_count(tmp_path):
    ids = BtfIds().set8("a", KFUNCS, ("f", 1)).set8("b", 0, ("f", KF_FASTCALL))
    assert ids.found(tmp_path) == [Kfunc(b"f", 1)]


@pytest.mark.parametrize(("symbol", "name"), [
    (b"__BTF_ID__func__vfs_close__1", b"vfs_close"),
    (b"__BTF_ID__func__bpf__x__123", b"bpf__x"),
    (b"__BTF_ID__func__bpf_x___123", b"bpf_x_"),
    (b"__BTF_ID__func____bpf_x__123", b"__bpf_x"),
    (b"__BTF_ID__func__f__", b"f"),
    (b"__BTF_ID__func__f__x__", b"f__x"),
    (b"__BTF_ID__func__f_1", None),
    (b"__BTF_ID__func__f__x_1", None),
    (b"__BTF_ID__func__f", None),
    (b"__BTF_ID__func__", None),
    (b"__BTF_ID__func___", None),
    (b"__BTF_ID__func____1", None),
    (b"__BTF_ID__struct__f__1", None),
])  # fmt: skip
def test_func_name__is_without_prefix_and_counter(symbol, name):
    assert func_name(symbol) == name


def test_kfuncs__symbols_of_other_sections_and_forms_are_none(tmp_path):
    ids = BtfIds().set8("a", KFUNCS, ("f", 1), ("g", 4))
    ids.symbol("__BTF_ID__func__elsewhere__1", 8, 4, STT_OBJECT, ".init.text")
    ids.symbol("__BTF_ID__func__malformed", 8, 4, STT_OBJECT)
    ids.symbol("__BTF_ID__struct__sk_buff__9", 8, 4, STT_OBJECT)
    ids.symbol("__BTF_ID__set__a", 0, 1 << 20)
    ids.symbol("a", 0, 0)
    assert [k.name for k in ids.found(tmp_path)] == [b"f", b"g"]


def test_kfuncs__none_without_the_section(tmp_path):
    elf = Elf([Section.text()], [Symbol("__BTF_ID__func__f__1", 0x1000, 4)])
    with ElfImage(elf.write(tmp_path / "vmlinux")) as image:
        assert read_kfuncs(image, image.symbols()) == Kfuncs({})


def test_kfuncs__none_without_sets_or_in_empty_ones(tmp_path):
    assert BtfIds().found(tmp_path) == []
    assert BtfIds().func("f", 1).found(tmp_path) == []
    assert BtfIds().set8("a", KFUNCS).func("f", 1).found(tmp_path) == []
    assert BtfIds().set8("a", KFUNCS, ("f", 1), size=0).found(tmp_path) == []


def test_kfuncs__a_set_may_have_two_symbols_and_end_the_section(tmp_path):
    ids = BtfIds().set8("a", KFUNCS, ("f", 1))
    ids.symbol("__BTF_ID__set8__alias", 0, 16)
    assert ids.found(tmp_path) == [Kfunc(b"f", 1)]


def test_kfuncs__words_are_read_from_a_compressed_section(tmp_path):
    assert BtfIds().set8("a", KFUNCS, ("f", 1)).found(tmp_path, compress="zlib") == [Kfunc(b"f", 1)]


@pytest.mark.parametrize("e_type", [ET_EXEC, ET_REL])
@pytest.mark.parametrize(("bits", "byteorder"), CLASSES)
def test_kfuncs__a_count_past_the_section_is_refused(tmp_path, bits, byteorder, e_type):
    ids = BtfIds(bits, byteorder, e_type).func("x").set8("a", KFUNCS, ("f", 1), ("g", 1), cnt=3)
    ids.refused(tmp_path, r"expected at most 2 pairs in __BTF_ID__set8__a, found a cnt of 3$", 4)
    ids = BtfIds(bits, byteorder, e_type).set8("a", KFUNCS, cnt=0xFFFFFFFF)
    ids.refused(tmp_path, r"expected at most 0 pairs in __BTF_ID__set8__a, found a cnt of 4294967295$", 0)


def test_kfuncs__counts_and_sizes_of_unmarked_sets_are_not_asked(tmp_path):
    ids = BtfIds().set8("a", 0, ("f", 1), cnt=1000, size=1 << 40).set8("b", KFUNCS, ("g", 1))
    assert ids.found(tmp_path) == [Kfunc(b"g", 1)]


@pytest.mark.parametrize("size", [7, 12, 24, (1 << 64) - 8])
def test_kfuncs__a_size_past_the_section_or_of_no_whole_pairs_is_refused(tmp_path, size):
    ids = BtfIds().func("x").set8("a", KFUNCS, ("f", 1), size=size)
    ids.refused(tmp_path, f"at most 1 whole pairs and a header, found an st_size of {size} bytes$", 4)


@pytest.mark.parametrize(("offset", "place"), [(-1, 0), (-ADDRESS[64], 0), (9, 9), (16, 16), (1 << 20, 16)])
def test_kfuncs__a_set_outside_the_section_is_refused(tmp_path, offset, place):
    ids = BtfIds().set8("a", KFUNCS, ("f", 1))
    ids.symbol("__BTF_ID__set8__lost", offset, 16)
    ids.refused(tmp_path, f"found __BTF_ID__set8__lost {offset} bytes from the section's start$", place)


def test_kfuncs__functions_outside_the_section_are_in_no_set(tmp_path):
    ids = BtfIds().set8("a", KFUNCS, ("f", 1))
    for k, offset in enumerate((-8, -ADDRESS[64], 16, 1 << 24)):
        ids.symbol(f"__BTF_ID__func__lost{k}__1", offset, 4, STT_OBJECT)
    assert ids.found(tmp_path) == [Kfunc(b"f", 1)]


@pytest.mark.parametrize("offset", [0, 4, 9, 12, 15])
def test_kfuncs__a_function_between_pairs_is_refused(tmp_path, offset):
    ids = BtfIds().func("x").set8("a", KFUNCS, ("f", 1))
    ids.symbol("__BTF_ID__func__askew__1", 4 + offset, 4, STT_OBJECT)
    ids.refused(tmp_path, f"expected kfunc askew at a pair of its set at 0x4, found it {offset} bytes after",
                4 + offset)


def test_kfuncs__overlapping_sets_are_refused(tmp_path):
    ids = BtfIds().set8("a", KFUNCS, ("f", 1), ("g", 1))
    ids.symbol("__BTF_ID__set8__inner", 16, 8)
    ids.refused(tmp_path, r"found one at 0x0 to 0x18 and one to 0x18$", 16)


def test_kfuncs__a_file_without_the_section_s_bytes_is_refused(tmp_path):
    ids = BtfIds().set8("a", KFUNCS, ("f", 1))
    assert "SHT_NOBITS" in ids.read(tmp_path, type=SHT_NOBITS).unusable
    with ElfImage(tmp_path / "vmlinux") as image, pytest.raises(ElfError, match="SHT_NOBITS"):
        read_sets(image, image.symbols())
    ids.symbols = []
    assert ids.found(tmp_path, type=SHT_NOBITS) == []


def test_kfuncs__a_name_longer_than_any_symbol_s_is_refused(tmp_path):
    longest = NAME_LIMIT - len("__BTF_ID__func__" + "__1701")
    assert BtfIds().set8("a", KFUNCS, ("f" * longest, 1)).found(tmp_path) == [Kfunc(b"f" * longest, 1)]
    ids = BtfIds().set8("a", KFUNCS, ("f" * (longest + 1), 1))
    ids.refused(tmp_path, f"at most {NAME_LIMIT} bytes, found __BTF_ID__func__f+[.]{{3}}$", 1, ".strtab")


def test_kfuncs__changed_words_and_symbols_are_read_or_refused(tmp_path):
    rng = np.random.default_rng(1)
    for trial in range(200):
        ids = BtfIds(*CLASSES[trial % 4]).func("x")
        ids.set8("a", KFUNCS, ("f", 1), ("g", 4)).set8("b", 0, ("h", 1)).set8("c", KFUNCS, ("i", 1))
        ids.data[int(rng.integers(len(ids.data)))] ^= int(rng.integers(1, 256))
        at = int(rng.integers(len(ids.symbols)))
        top = (1 << ids.bits) - 1
        symbol = ids.symbols[at]
        ids.symbols[at] = symbol._replace(value=(symbol.value + int(rng.integers(-40, 40))) & top,
                                          size=int(rng.integers(0, 64)))
        found = ids.read(tmp_path)
        assert found.flags.keys() <= {b"f", b"g", b"h", b"i", b"x"} and not (found.unusable and found.flags)


def test_kfuncs__other_symbols_cost_next_to_nothing(tmp_path):
    ids = BtfIds().set8("a", KFUNCS, *((f"f{k}", k) for k in range(500)))
    ids.symbols += [Symbol("main", k) for k in range(150_000)]
    with ElfImage(ids.elf().write(tmp_path / "vmlinux")) as image:
        symbols = image.symbols()
        started = time.process_time()
        found = read_kfuncs(image, symbols).flags
        assert time.process_time() - started < 0.5  # 3 ms on an idle machine
    assert len(found) == 500


IDS = {b"f": 90, b"g": 20, b"h": 50, b"i": 10}
NAME_OF = {type_id: name for name, type_id in IDS.items()}.get


def sets(*where):
    """Two marked sets and one that is not; their functions are in another order by id than in the section."""
    ids = BtfIds(*where).func("x").set8("a", KFUNCS, ("f", 1), ("g", 2), ("h", KF_FASTCALL))
    return ids.set8("b", 0, ("h", 64), ("i", 128)).set8("c", KFUNCS, ("f", 4), ("i", 8))


FLAGS = {b"f": 5, b"g": 2, b"h": KF_FASTCALL, b"i": 8}


@pytest.mark.parametrize(("bits", "byteorder"), CLASSES)
def test_read_kfuncs__flags_belong_to_ids_once_they_are_resolved(tmp_path, bits, byteorder):
    unresolved = sets(bits, byteorder)
    assert unresolved.read(tmp_path, NAME_OF) == unresolved.read(tmp_path) == Kfuncs(FLAGS)
    finished = sets(bits, byteorder).resolve(IDS)
    assert finished.read(tmp_path, NAME_OF) == Kfuncs(FLAGS)
    assert list(finished.read(tmp_path, NAME_OF).flags) == sorted(FLAGS)
    # at the symbols are the flags of other functions of the set
    assert dict(finished.found(tmp_path)) == {b"f": 2 | 8, b"g": KF_FASTCALL, b"h": 1, b"i": 4}


def test_read_kfuncs__ids_without_a_btf_leave_flags_unsure(tmp_path):
    finished = sets().resolve(IDS)
    found = finished.read(tmp_path)
    assert found.flags == dict(finished.found(tmp_path)) and found.unusable is None
    assert found.unsure == "the pairs are sorted by the ids of a .BTF that cannot be read by itself"


@pytest.mark.parametrize(("name_of", "words"), [
    ({20: b"g", 50: b"h", 10: b"i"}.get, r"at 0x4, found \[90\], no FUNC in .BTF"),
    ({20: b"g", 50: b"h", 10: b"i", 90: b"x"}.get, r"at 0x4, found \[90\], the FUNC x in .BTF"),
    ({20: b"g", 50: b"g", 10: b"i", 90: b"f"}.get, r"at 0x4, found \[50\], the FUNC g in .BTF"),
])
def test_read_kfuncs__ids_of_other_functions_leave_flags_unsure(tmp_path, name_of, words):
    found = sets().resolve(IDS).read(tmp_path, name_of)
    assert set(found.flags) == set(FLAGS)
    assert re.search(words, found.unsure)


def test_read_kfuncs__a_pair_without_an_id_is_the_function_that_no_id_names(tmp_path):
    ids = BtfIds().set8("a", KFUNCS, ("f", 1), ("g", 2), ("h", 4))
    assert ids.resolve({**IDS, b"g": 0}).read(tmp_path, NAME_OF) == Kfuncs({b"f": 1, b"g": 2, b"h": 4})
    ids = BtfIds().set8("a", KFUNCS, ("f", 1), ("g", 2 | 8), ("h", 4 | 8))
    found = ids.resolve({**IDS, b"g": 0, b"h": 0}).read(tmp_path, NAME_OF)
    assert found == Kfuncs({b"f": 1, b"g": 8, b"h": 8})  # which of the two has 2 is not known


def test_read_kfuncs__too_many_pairs_without_an_id_leave_flags_unsure(tmp_path):
    ids = BtfIds().set8("a", KFUNCS, ("f", 1), ("g", 2)).resolve({**IDS, b"f": 0})
    del ids.symbols[0]
    assert ids.read(tmp_path, NAME_OF).unsure == (
        "expected 0 pairs of id 0 in the set at 0x0, one for each function that no id names, found 1")


def test_read_kfuncs__a_section_that_cannot_be_read_is_set_aside(tmp_path):
    assert "SHT_NOBITS" in sets().read(tmp_path, NAME_OF, type=SHT_NOBITS).unusable
    found = BtfIds().set8("a", KFUNCS, ("f", 1), cnt=9).read(tmp_path)
    assert found.flags == {} and found.unusable == "expected at most 1 pairs in __BTF_ID__set8__a, found a cnt of 9"


def test_read_kfuncs__changed_bytes_give_names_of_the_sets_or_a_reason(tmp_path):
    rng = np.random.default_rng(2)
    for _ in range(150):
        ids = sets().resolve(IDS)
        for _ in range(int(rng.integers(1, 4))):
            ids.data[int(rng.integers(len(ids.data)))] ^= int(rng.integers(1, 256))
        found = ids.read(tmp_path, NAME_OF)
        assert set(found.flags) <= {b"f", b"g", b"h", b"i", b"x"}
        assert found.unusable is None or not found.flags
