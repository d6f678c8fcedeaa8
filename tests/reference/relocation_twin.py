"""Relocations again, slow and obvious: one at a time, each by the meaning of its name.

Names of types come from readelf, fields from pyelftools, so nothing but the ELF format is shared with harness.elf.
"""

from __future__ import annotations

import functools
import re
import subprocess
import tempfile
from pathlib import Path

from elftools.elf.elffile import ELFFile

from tests.fixtures.build import find
from tests.writers.elf import (
    EM_68K,
    EM_386,
    EM_ARM,
    EM_BPF,
    EM_LOONGARCH,
    EM_PPC,
    EM_RISCV,
    ET_REL,
    Elf,
    Relocation,
    Section,
    Symbol,
)

ONLY_32_BITS = (EM_386, EM_68K, EM_ARM, EM_PPC)
NOT_OF_READELF = {
    EM_RISCV: {60: "R_RISCV_SET_ULEB128", 61: "R_RISCV_SUB_ULEB128"},
    EM_LOONGARCH: {102: "R_LARCH_ALIGN", 105: "R_LARCH_ADD6", 106: "R_LARCH_SUB6", 107: "R_LARCH_ADD_ULEB128",
                   108: "R_LARCH_SUB_ULEB128", 109: "R_LARCH_64_PCREL"},
    EM_BPF: {2: "R_BPF_ABS64", 3: "R_BPF_ABS32"},
}
"""Names that readelf 2.40 does not have yet, and those of clang's BPF instead of binutils' own."""


@functools.cache
def type_names(machine):
    """{number: name} of a machine's relocation types as readelf knows them; `machine` is an EM_* number."""
    bits = 32 if machine in ONLY_32_BITS else 64
    numbers = range(256 if bits == 32 else 1200)
    rows = [Relocation(4 * n, "f", n) for n in numbers]
    elf = Elf([Section.text(), Section(".debug_info", bytes(5000), relocations=rows)], [Symbol("f")], bits=bits,
              byteorder="big" if machine in (4, 8, 20, 21, 22, 43) else "little", e_type=ET_REL,
              e_machine=machine)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = elf.write(Path(folder) / "types.o")
        out = subprocess.run([find("readelf"), "-rW", path], capture_output=True, text=True).stdout
    found = re.findall(r"^([0-9a-f]{8,16})  *[0-9a-f]{8,16} +(R_\w+)", out, re.MULTILINE)
    return {int(offset, 16) // 4: name for offset, name in found} | NOT_OF_READELF.get(machine, {})


def meaning(name):
    """(what it does, bits of its place) of a type's name; None of those that are not for data.

    What it does is one of "none", "abs", "pc", "tls", "set", "add", "sub". 0 bits are a ULEB128 number, 6 the low ones
    of a byte.
    """
    stem = re.sub(r"^R_(X86_64|386|AARCH64|ARM|390|PPC64|PPC|RISCV|LARCH|MIPS|SPARC|68K|BPF)_", "", name)
    if stem in ("NONE", "NULL", "RELAX", "ALIGN"):
        return "none", 8
    both = re.fullmatch(r"(ADD|SUB|SET)_?(ULEB128|\d+)", stem)
    if both:
        return both[1].lower(), 0 if both[2] == "ULEB128" else int(both[2])
    tls = re.fullmatch(r"(?:TLS_)?(?:DTPOFF|DTPREL|LDO_?|DTPREL|TLS_LDO_?)(\d+)", stem)
    if tls:
        return "tls", int(tls[1])
    pc = re.fullmatch(r"(?:PC|REL|PREL|DISP)(\d+)|(\d+)_PCREL", stem)
    if pc:
        return "pc", int(pc[1] or pc[2])
    plain = re.fullmatch(r"(?:ABS|ADDR|UADDR|UA)?(\d+)S?", stem)
    return ("abs", int(plain[1])) if plain else None


def relocated(path, name, addr):
    """Bytes of section `name` of a relocatable file.

    Parameters
    ----------
    path : path-like
    name : str
        The first section of that name.
    addr : list of int
        Address of each section.
    """
    with open(path, "rb") as stream:
        elf = ELFFile(stream)
        section = elf.get_section_by_name(name)
        index = next(i for i, s in enumerate(elf.iter_sections()) if s.name == name)
        end = "little" if elf.little_endian else "big"
        known = type_names(_number(path))
        symbols = list(elf.get_section_by_name(".symtab").iter_symbols())
        data = bytearray(section.data())
        for table in elf.iter_sections():
            if table["sh_type"] not in ("SHT_RELA", "SHT_REL") or table["sh_info"] != index:
                continue
            for row in table.iter_relocations():
                symbol = symbols[row["r_info_sym"]]
                does, bits = meaning(known[row["r_info_type"] & (0xFF if known[1].startswith("R_SPARC") else -1)])
                value = symbol["st_value"]
                if isinstance(symbol["st_shndx"], int) and does != "tls":
                    value += addr[symbol["st_shndx"]]
                _apply(data, row["r_offset"], does, bits, value, row.entry.get("r_addend"), addr[index], end)
        return bytes(data)


def _number(path):
    with open(path, "rb") as stream:
        head = stream.read(20)
    return int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")


def _apply(data, at, does, bits, value, addend, section, end):
    if does == "none":
        return
    if bits == 0:
        return _apply_uleb128(data, at, does, value + addend)
    nbytes = (bits + 7) // 8
    there = int.from_bytes(data[at : at + nbytes], end)
    value += there if addend is None else addend
    if does == "pc":
        value -= section + at
    elif does == "add":
        value = there + value
    elif does == "sub":
        value = there - value
    mask = (1 << bits) - 1
    data[at : at + nbytes] = (there & ~mask | value & mask).to_bytes(nbytes, end)


def _apply_uleb128(data, at, does, value):
    there, n = 0, 0
    while True:
        there |= (data[at + n] & 0x7F) << 7 * n
        n += 1
        if data[at + n - 1] < 0x80:
            break
    value = {"set": value, "add": there + value, "sub": there - value}[does] % (1 << 7 * n)
    for k in range(n):
        data[at + k] = value >> 7 * k & 0x7F | (0x80 if k < n - 1 else 0)
