"""The build ID of handmade ELF files."""

from __future__ import annotations

import pytest
from debian_packages import BUILD_ID, make_elf, note

from harness.kernels.notes import build_id


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("where", [{"as_segment": False}, {"as_section": False}, {}])
def test_build_id__is_found_behind_other_notes(tmp_path, bits, order, where):
    path = tmp_path / "vmlinux"
    path.write_bytes(make_elf(bits, order, **where))
    assert build_id(path) == BUILD_ID.hex()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x7fELF",
        b"\x7fELF" + b"\xff" * 60,
        b"\x7fELF\x02\x01" + b"\xff" * 300,
        b"#!/bin/sh\n" * 20,
        make_elf(as_section=False, as_segment=False),
        make_elf(notes=note("<", b"GNU\0", 1, b"abcd")),
        make_elf(notes=b"\4\0\0\0\xff\xff\xff\xff\3\0\0\0GNU\0"),
        make_elf(notes=b"\xff" * 64),
        make_elf()[:130],
    ],
)
def test_build_id__is_none_where_there_is_none(tmp_path, content):
    path = tmp_path / "vmlinux"
    path.write_bytes(content)
    assert build_id(path) is None


def test_build_id__of_a_missing_file_is_none(tmp_path):
    assert build_id(tmp_path / "none") is None


def test_build_id__survives_every_truncation_and_flipped_byte(tmp_path):
    path, whole = tmp_path / "vmlinux", make_elf()
    for at in range(len(whole)):
        for content in (whole[:at], whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]):
            path.write_bytes(content)
            assert build_id(path) is None or len(build_id(path)) % 2 == 0
