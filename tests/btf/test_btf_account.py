"""Every byte has one label."""

import importlib.util
from pathlib import Path

import btf_trees as trees
import pytest
from btf_trees import with_layout

from harness import btf

BTFSTAT = Path(__file__).resolve().parents[3] / "shared" / "tools" / "btfstat.py"


@pytest.mark.parametrize("byteorder", ("little", "big"))
def test_stat__parts_sum_to_the_file(byteorder):
    for data in (
        trees.wire(trees.with_addresses(), byteorder),
        trees.wire([], byteorder),
        trees.wire(trees.every_kind(), byteorder) + b"trailing",
        with_layout(byteorder),
        with_layout(byteorder, b""),
    ):
        account = btf.stat(trees.parse(data))
        assert account.total_nbytes == len(data)
        assert sum(account.parts().values()) == len(data)


def test_stat__labels_layout_and_padding():
    account = btf.stat(trees.parse(with_layout() + b"??"))
    parts = {label: nbytes for label, nbytes in account.parts().items() if nbytes}
    assert parts == {"header": 32, "FWD": 12, "layout": 80, "strings": 3, "padding": 2}
    assert account.kinds["FWD"] == (1, 12)
    assert account.n_types == 1 and account.type_nbytes == 12


def test_stat__counts_the_address_as_part_of_the_func():
    plain = btf.stat(trees.parse(trees.wire(trees.every_kind())))
    more = btf.stat(trees.parse(trees.wire(trees.with_addresses())))
    assert plain.kinds["FUNC"] == (3, 36)
    assert more.kinds["FUNC"] == (5, 36 + 2 * (12 + 8))
    assert {k: v for k, v in more.kinds.items() if k != "FUNC"} == {k: v for k, v in plain.kinds.items() if k != "FUNC"}


def test_stat__lists_every_kind_in_wire_order():
    kinds = list(btf.stat(trees.parse(trees.wire([]))).kinds)
    assert kinds[0] == "INT" and kinds[-1] == "ENUM64" and len(kinds) == 19


@pytest.mark.skipif(not BTFSTAT.exists(), reason="btfstat.py is not beside the repository: ledger not compared")
@pytest.mark.parametrize("byteorder", ("little", "big"))
def test_stat__equals_an_independent_look(byteorder):
    spec = importlib.util.spec_from_file_location("btfstat", BTFSTAT)
    btfstat = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(btfstat)
    data = trees.wire(trees.with_addresses(), byteorder)
    theirs = btfstat.stat(btfstat.Btf(data))
    ours = btf.stat(trees.parse(data))
    present = {name: row for name, row in ours.kinds.items() if row[0]}
    assert theirs["count"] == {name: count for name, (count, _) in present.items()}
    assert theirs["bytes"] == {name: nbytes for name, (_, nbytes) in present.items()}
    assert theirs["header_bytes"] == ours.header_nbytes
    assert theirs["string_bytes"] == ours.string_nbytes
    assert theirs["type_bytes"] == ours.type_nbytes
    assert theirs["file_bytes"] == ours.total_nbytes
    assert theirs["func_with_addr"] == 2
    btfstat.check(btfstat.Btf(data))
