"""The search for kfuncs among symbols against pahole's comparison, glibc's sort and its bisection, written out."""

from types import SimpleNamespace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.elf.constants import STT_FUNC
from harness.functions.search import not_found
from tests.rounds import rounds

STT_OBJECT = 1
NAMES = st.lists(st.text("ab_.", min_size=1, max_size=5).map(str.encode), max_size=40)


def symbols_of(names, kind=STT_FUNC):
    blob, off = b"\0", []
    for name in names:
        off.append(len(blob))
        blob += name + b"\0"
    return SimpleNamespace(name_off=np.array(off, np.uint32), type=np.full(len(names), kind, np.uint8),
                           strtab=np.frombuffer(blob, np.uint8))


def search(names, wanted, kind=STT_FUNC):
    return not_found(SimpleNamespace(path="file"), symbols_of(names, kind), wanted)


def compared(a, b):
    """functions_cmp() of two (name, length of the prefix)."""
    if a[1] and a[1] == b[1]:
        one, other = a[0][: a[1]], b[0][: b[1]]
    else:
        one, other = a[0], b[0]
    return (one > other) - (one < other)


def merge_sorted(entries):
    if len(entries) <= 1:
        return entries
    one, other = merge_sorted(entries[: len(entries) // 2]), merge_sorted(entries[len(entries) // 2 :])
    out = []
    while one and other:
        out.append(one.pop(0) if compared(one[0], other[0]) <= 0 else other.pop(0))
    return out + one + other


def bisected(name, entries):
    low, high = 0, len(entries)
    while low < high:
        middle = (low + high) // 2
        way = compared((name, 0), entries[middle])
        if not way:
            return True
        low, high = (low, middle) if way < 0 else (middle + 1, high)
    return False


@settings(max_examples=rounds(400), derandomize=True, deadline=None, database=None,
          suppress_health_check=list(HealthCheck))
@given(NAMES)
def test_search__agrees_with_pahole_s_sort_and_bisection(names):
    entries = merge_sorted([(name, len(name.partition(b".")[0])) for name in names])
    wanted = {*names, b"a", b"ab", b"b_"}
    assert search(names, wanted) == {name for name in wanted if not bisected(name, entries)}


def test_search__misses_a_name_behind_one_with_a_suffix_where_bisection_meets_that():
    assert search([b"f.cold", b"f", b"g"], [b"f", b"g"]) == set()  # met first
    assert search([b"f.cold", b"f"], [b"f"]) == set()
    assert search([b"f", b"f.cold"], [b"f"]) == set()
    assert search([b"e", b"f.cold", b"f"], [b"e", b"f"]) == {b"f"}
    assert search([b"e", b"f", b"f.cold"], [b"e", b"f"]) == set()


def test_search__knows_functions_alone():
    assert search([b"f"], [b"f"], STT_OBJECT) == {b"f"}
    assert search([b"f"], []) == set()
