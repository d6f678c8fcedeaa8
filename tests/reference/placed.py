"""Relocatable files whose symbols stand where harness.elf lays their sections out, so that others relocate alike.

pyelftools, readelf and linkers take st_value for a symbol's whole address in a relocatable file, where it counts from
the start of its section. In a copy that has the sections' addresses added to st_value they give the addresses that we
give.
"""

from __future__ import annotations

import atexit
import os
import shutil
import struct
import tempfile

from elftools.elf.elffile import ELFFile


def placed(path, addr=None):
    """The path of such a copy; the path itself of a linked file.

    Parameters
    ----------
    path : path-like
    addr : list of int, optional
        Address of each section; what ElfImage says unless given.
    """
    with open(path, "rb") as stream:
        elf = ELFFile(stream)
        if elf["e_type"] != "ET_REL":
            return path
        if addr is None:
            from harness.elf import ElfImage

            with ElfImage(path) as image:
                addr = [s.addr for s in image.sections]
        table = elf.get_section_by_name(".symtab")
        wide, end = elf.elfclass == 64, "<" if elf.little_endian else ">"
        word, nbytes, at = (end + "Q", 24, 8) if wide else (end + "I", 16, 4)
        stream.seek(0)
        data = bytearray(stream.read())
        for row, symbol in enumerate(table.iter_symbols()):
            shndx = symbol["st_shndx"]
            if isinstance(shndx, int):
                struct.pack_into(word, data, table["sh_offset"] + row * nbytes + at, symbol["st_value"] + addr[shndx])
    folder = tempfile.mkdtemp(prefix="placed-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copy = os.path.join(folder, os.path.basename(path))
    with open(copy, "wb") as stream:
        stream.write(data)
    return copy
