"""The raw, un-deduplicated BTF of compiled programs through ours and libbpf's dedup."""

import pytest

from harness.dwarf import walk
from harness.elf import ElfImage
from tests.dedup import witness
from tests.fixtures.build import program
from tests.reference import wire


@witness.needs_libbpf
@pytest.mark.parametrize("name", ["several_units", "inlines", "forward", "members", "arrays", "enums", "qualifiers"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_dedup__agrees_with_libbpf_on_compiled_programs(name, compiler):
    with ElfImage(program(name, compiler=compiler).path) as image:
        walked = walk(image)
    raw = wire.from_tables(walked.types, walked.strings)
    assert len(raw) > 10
    witness.assert_agrees(raw)
