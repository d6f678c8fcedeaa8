"""The dumps against bpftool, byte for byte where it is right."""

import io
import json
import os
import subprocess
from pathlib import Path

import btf_trees as trees
import pytest
from btf_trees import Row

from harness import btf
from harness.errors import BtfFormatError
from harness.model import Kind, TypeTable

BPFTOOL = trees.bpftool()
needs_bpftool = pytest.mark.skipif(BPFTOOL is None, reason="bpftool is not installed: dumps not compared")

# a kernel's BTF: that of the running kernel, and files named in the environment
KERNELS = [p for p in os.environ.get("BTF_TEST_FILES", "").split(os.pathsep) if p]
KERNELS += [p for p in ["/sys/kernel/btf/vmlinux"] if os.access(p, os.R_OK)]


def dump(function, data):
    out = io.BytesIO()
    function(trees.parse(data), out)
    return out.getvalue()


def witness(path, *options, form=()):
    done = subprocess.run([BPFTOOL, *options, "btf", "dump", "file", path, *form], capture_output=True, timeout=120)
    if done.returncode:
        pytest.skip(f"bpftool cannot load {path}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def with_oddities():
    """Every kind, and values that no check lets pass."""
    return [
        *trees.every_kind(),
        Row(Kind.INT, "odd é\t'\"", 3, body=(3 << 24 | 5 << 16 | 8,)),
        Row(Kind.VAR, "v", 1, body=(7,)),
        Row(Kind.FUNC, "f", 18, 9),
        Row(Kind.DATASEC, "ds", 0, 1, body=(5, 0, 0)),
    ]


@needs_bpftool
@pytest.mark.parametrize("byteorder", ("little", "big"))
def test_dump_raw__equals_bpftool_for_every_kind(byteorder, tmp_path):
    path = tmp_path / "all.btf"
    path.write_bytes(trees.wire(with_oddities(), byteorder))
    assert dump(btf.dump_raw, path.read_bytes()) == witness(path, form=("format", "raw"))


def unsigned_enum_values_as_32_bits(document):
    """bpftool 7.1 prints an unsigned ENUM's value above 2**31 sign-extended to 64 bits in JSON, though not as text."""
    for row in document["types"]:
        if row["kind"] == "ENUM" and row["encoding"] == "UNSIGNED":
            for value in row["values"]:
                value["val"] &= 0xFFFFFFFF
    return document


@needs_bpftool
@pytest.mark.parametrize("byteorder", ("little", "big"))
def test_dump_json__equals_bpftool_for_every_kind(byteorder, tmp_path):
    path = tmp_path / "all.btf"
    path.write_bytes(trees.wire(with_oddities(), byteorder))
    ours, theirs = dump(btf.dump_json, path.read_bytes()), witness(path, "-j")
    assert json.loads(ours) == unsigned_enum_values_as_32_bits(json.loads(theirs))
    assert ours == theirs.replace(b'"TOP","val":18446744073709551615', b'"TOP","val":4294967295')


@pytest.mark.long
@pytest.mark.large
@needs_bpftool
@pytest.mark.skipif(not KERNELS, reason="no kernel BTF: neither /sys/kernel/btf/vmlinux nor BTF_TEST_FILES")
@pytest.mark.parametrize("path", KERNELS)
def test_dump__equals_bpftool_for_a_kernel(path):
    data = Path(path).read_bytes()
    btf.check(trees.parse(data, path))
    assert dump(btf.dump_raw, data) == witness(path, form=("format", "raw"))
    theirs = unsigned_enum_values_as_32_bits(json.loads(witness(path, "-j")))
    assert json.loads(dump(btf.dump_json, data)) == theirs


@needs_bpftool
def test_dump__only_a_name_at_offset_0_is_anonymous(tmp_path):
    data = bytearray(trees.wire([Row(Kind.INT, "int", 4, body=(1 << 24 | 32,)), Row(Kind.FWD, "x")]))
    at = data.index(b"x\0", 24)
    data[at : at + 1] = b"\0"
    (tmp_path / "a.btf").write_bytes(data)
    assert dump(btf.dump_raw, bytes(data)) == witness(tmp_path / "a.btf", form=("format", "raw"))
    assert b"[2] FWD '' " in dump(btf.dump_raw, bytes(data))


@pytest.mark.parametrize("byteorder", ("little", "big"))
def test_dump__shows_the_address_of_a_func(byteorder):
    rows = [Row(Kind.FUNC_PROTO), Row(Kind.FUNC, "f", 1, 1, 1, addr=0xFFFFFFFF8103B530)]
    data = trees.wire(rows, byteorder)
    assert dump(btf.dump_raw, data).splitlines() == [
        b"[1] FUNC_PROTO '(anon)' ret_type_id=0 vlen=0",
        b"[2] FUNC 'f' type_id=1 linkage=global addr=0xffffffff8103b530",
    ]
    assert dump(btf.dump_json, data) == (
        b'{"types":[{"id":1,"kind":"FUNC_PROTO","name":"(anon)","ret_type_id":0,"vlen":0,"params":[]},'
        b'{"id":2,"kind":"FUNC","name":"f","type_id":1,"linkage":"global","addr":"0xffffffff8103b530"}]}\n'
    )


def test_dump__equals_the_text_of_bpftool_7_1():
    lines = dump(btf.dump_raw, trees.wire(trees.every_kind())).decode().splitlines()
    for line in (
        "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED",
        "[6] ARRAY '(anon)' type_id=1 index_type_id=12 nr_elems=10",
        "\t'b' type_id=1 bits_offset=3 bitfield_size=5",
        "\t'c' type_id=12 bits_offset=32",
        "[10] ENUM 'small' encoding=UNSIGNED size=4 vlen=3",
        "\t'TOP' val=4294967295",
        "\t'LOW' val=-2147483648",
        "[14] FWD 'later' fwd_kind=union",
        "[16] CONST '(anon)' type_id=0",
        "[23] VAR 'here' type_id=1, linkage=static",
        "\ttype_id=24 offset=16 size=16 (VAR 'there')",
        "[28] DECL_TAG 'address=0xffffffff81000001' type_id=20 component_idx=-1",
        "\t'HUGE' val=18446744073709551615ULL",
        "\t'MIN' val=-9223372036854775808LL",
    ):
        assert line in lines


def test_dump__of_nothing():
    assert dump(btf.dump_raw, trees.wire([])) == b""
    assert dump(btf.dump_json, trees.wire([])) == b'{"types":[]}\n'


def test_dump__writes_text_files_too():
    data = trees.wire(trees.with_addresses()).replace(b"outer", b"oute\xff")
    for function in (btf.dump_raw, btf.dump_json):
        out = io.StringIO()
        function(trees.parse(data), out)
        assert "oute\\xff" in out.getvalue().replace("\\\\", "\\")


def test_dump_json__is_json_whatever_the_names_hold():
    name = 'a"\\\n\x01\x7f\u2028/'
    rows = [Row(Kind.FWD, name), Row(Kind.STRUCT, name, 0)]
    assert [row["name"] for row in json.loads(dump(btf.dump_json, trees.wire(rows)))["types"]] == [name, name]


def test_dump__names_a_name_off_outside_the_strings():
    file = trees.parse(trees.wire([Row(Kind.FWD, "a"), Row(Kind.FWD, "b")]))
    words = file.types.words.copy()
    words[3] = 99
    for function in (btf.dump_raw, btf.dump_json):
        with pytest.raises(BtfFormatError, match="expected a name_off below 5, found 99") as caught:
            function(file._replace(types=TypeTable(words, file.types.start)), io.BytesIO())
        assert caught.value.offset == 24 + 12
