"""The release of Linux, from the banner of a kernel or the vermagic of a module."""

import pytest

from harness.elf import ElfImage
from harness.program.release import release
from tests.writers.elf import ET_REL, SHT_NOBITS, STT_OBJECT, Elf, Section, Symbol

BANNER = b"Linux version 7.3.4+deb13-cloud-amd64 (debian-kernel@lists.debian.org) (gcc) #1 SMP\n\0"
AT = 0x20000


def found(tmp_path, data=BANNER, symbols=None, modinfo=None, e_type=2, bits=64, **section):
    base = 0 if e_type == ET_REL else AT
    sections = [Section.text(), Section(".rodata", b"\0" * 16 + data, address=base, flags=2, **section)]
    if modinfo is not None:
        sections.append(Section(".modinfo", modinfo))
    if symbols is None:
        symbols = [Symbol("linux_banner", base + 16, len(data), STT_OBJECT, section=".rodata")]
    elf = Elf(sections, symbols, e_type=e_type, bits=bits)
    with ElfImage(elf.write(tmp_path / "vmlinux")) as image:
        return release(image, image.symbols())


@pytest.mark.parametrize("e_type", [2, ET_REL])
@pytest.mark.parametrize("bits", [32, 64])
def test_release__is_the_word_after_linux_version(tmp_path, e_type, bits):
    assert found(tmp_path, e_type=e_type, bits=bits) == "7.3.4+deb13-cloud-amd64"


@pytest.mark.parametrize("data", [b"", b"Linux version", b"Linux version x\0", b"Something 7.3.4 else\0", b"\0",
                                  b"Linux version \xff7.3"])
def test_release__of_what_is_no_banner_is_not_known(tmp_path, data):
    assert found(tmp_path, data) is None


def test_release__ends_at_a_blank_and_with_the_bytes(tmp_path):
    assert found(tmp_path, b"Linux version 10.0") == "10.0"
    assert found(tmp_path, b"Linux version 6.1.0-56\x80") == "6.1.0-56"
    assert len(found(tmp_path, b"Linux version 6.1" + b"x" * 1000)) < 256


@pytest.mark.parametrize("symbols", [
    [], [Symbol("linux_banner", 1 << 40, 8, STT_OBJECT, section=".rodata")],
    [Symbol("linux_banner", AT - 1, 8, STT_OBJECT, section=".rodata")],
    [Symbol("linux_banner", AT + 16, 8, STT_OBJECT, section=0xFFF1)],
    [Symbol("linux_bann", AT + 16, 8, STT_OBJECT, section=".rodata")],
])  # fmt: skip
def test_release__needs_the_symbol_in_a_section(tmp_path, symbols):
    assert found(tmp_path, symbols=symbols) is None


def test_release__is_not_known_where_the_section_has_no_bytes(tmp_path):
    assert found(tmp_path, b"", type=SHT_NOBITS, size=200) is None


def test_release__of_a_module_is_its_vermagic(tmp_path):
    info = b"license=GPL\0vermagic=7.2.13+deb14-amd64 SMP preempt mod_unload \0name=x\0"
    assert found(tmp_path, symbols=[], modinfo=info) == "7.2.13+deb14-amd64"
    assert found(tmp_path, symbols=[], modinfo=b"vermagic=") is None
    assert found(tmp_path, symbols=[], modinfo=b"xvermagic=7.2\0") is None
