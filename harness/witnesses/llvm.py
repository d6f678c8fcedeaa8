"""LLVM's reader of BTF (BTFParser, since LLVM 18): which name does it give each type_id?

It reads the .BTF of BPF objects, to print the CO-RE relocations of .BTF.ext in `llvm-objdump -dr`. So the file is put
into such an object, in which the code has one instruction for each type, with a relocation that names the type.
"""

from __future__ import annotations

import re
import struct
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from harness import btf
from harness.btf.wire import MAGIC, prefix
from harness.errors import MeasureError
from harness.results.executed import ACCEPTED, NOT_TRIED, REFUSED
from harness.witnesses.consumer import Answer, Case, Consumer
from harness.witnesses.content import MODIFIERS
from harness.witnesses.program import (
    READS,
    ended,
    fetched,
    find_program,
    last_lines,
    only_reading,
    run,
    run_long,
    tiny_file,
)

EXIT = b"\x95" + bytes(7)
"""The instruction `exit` of BPF."""

EM_BPF, ET_REL, SHT_PROGBITS, SHT_STRTAB, SHT_SYMTAB, SHF_CODE = 247, 1, 1, 3, 2, 6

FIELD_BYTE_OFFSET = 0
"""Kind of a CO-RE relocation, of which any access string that is a number will do."""

NO_READER = "this LLVM has no BTF reader: llvm-objdump -dr prints no CO-RE relocation"

SAID = re.compile(r"CO-RE <byte_off> (\[\d+\] .*?)::")


def versions():
    """Each llvm-objdump: the installed one and those that `btf-harness tools` has fetched."""
    return [only_reading(version, "llvm", _reads)
            for version in fetched("llvm", find_program("llvm-objdump"), number, "llvm")]


def _reads(program):
    """What an LLVM makes of a file of one struct: READS, NO_READER, or '' if it refuses it or fails."""
    with tiny_file() as path:
        answer = read(program, Case("", "", path, None, btf.read(path)))
    return READS if answer.verdict == ACCEPTED else NO_READER if answer.message == NO_READER else ""


def number(program):
    """The version of an llvm-objdump: '19.1.7'."""
    found = re.search(r"version (\S+)", run(program, "--version")[1])
    return found[1] if found else "?"


def read(program, case):
    """The Answer of LLVM to a Case: the name of each type but modifiers, by type_id."""
    try:
        made = bpf_object(case.file, case.path.read_bytes())
    except MeasureError as error:
        return Answer(NOT_TRIED, error.message)
    with tempfile.TemporaryDirectory(prefix="btf-harness-") as folder:
        place = Path(folder, "in.bpf.o")
        place.write_bytes(made)
        status, out, stderr = run_long(program, "-dr", "--no-show-raw-insn", place)
    if status != 0:
        return ended(status, stderr, place)
    names = Counter(SAID.findall(out))
    if names:
        return Answer(ACCEPTED, seen={"numbered": names}, note=last_lines(stderr, place))
    if "CO-RE" in out or stderr.strip():
        return Answer(REFUSED, last_lines(stderr, place) or next(line for line in out.splitlines() if "CO-RE" in line))
    return Answer(NOT_TRIED, NO_READER)


def bpf_object(file, data):
    """A BPF object with some BTF and an instruction with a CO-RE relocation for each type but modifiers, bytes.

    Parameters
    ----------
    file : BtfFile
    data : bytes
        The same, as it is in the file.

    Raises
    ------
    MeasureError
        The strings of the file have none that can name the code's section, or none that ends in a digit.

    Source
    ------
    struct btf_ext_header and bpf_core_relo in libbpf's and the kernel's include/uapi/linux/bpf.h, v6.12.
    """
    end = prefix(file.byteorder)
    blob = file.strings.blob
    ends = np.flatnonzero(blob == 0)[1:]  # the first is of the empty string
    starts = np.concatenate([[0], ends[:-1]]) + 1
    digits = ends[np.isin(blob[ends - 1], np.frombuffer(b"0123456789", np.uint8))]
    long = np.flatnonzero(ends - starts > 1)
    if not len(digits) or not len(long):
        raise MeasureError("the file has no string that a CO-RE relocation could use")
    name_off, access_off = int(starts[long[0]]), int(digits[0]) - 1
    ids = np.flatnonzero(~np.isin(file.types.kind(), MODIFIERS)) + file.types.first_id
    n = len(ids)
    relos = np.column_stack([8 * np.arange(n), ids, np.full(n, access_off), np.full(n, FIELD_BYTE_OFFSET)])
    info = struct.pack(f"{end}III", 16, name_off, n) + relos.astype(f"{end}u4").tobytes()
    ext = struct.pack(f"{end}HBB7I", MAGIC, 1, 0, 32, 0, 0, 0, 0, 0, len(info)) + info
    code = file.strings.get(name_off)
    sections = [(code, SHT_PROGBITS, SHF_CODE, EXIT * n, 0, 0), (b".BTF", SHT_PROGBITS, 0, data, 0, 0),
                (b".BTF.ext", SHT_PROGBITS, 0, ext, 0, 0), (b".symtab", SHT_SYMTAB, 0, bytes(24), 5, 24),
                (b".strtab", SHT_STRTAB, 0, b"\0", 0, 0)]
    names = b"\0" + b"".join(name + b"\0" for name, *_ in sections) + b".shstrtab\0"
    sections.append((b".shstrtab", SHT_STRTAB, 0, names, 0, 0))
    body, headers, name_at = b"", bytes(64), 1
    for name, kind, flags, content, link, entry in sections:
        body += bytes(-len(body) % 8)
        headers += struct.pack(f"{end}IIQQQQIIQQ", name_at, kind, flags, 0, 64 + len(body), len(content), link, 0, 8,
                               entry)
        body += content
        name_at += len(name) + 1
    body += bytes(-len(body) % 8)
    ident = b"\x7fELF\x02" + (b"\x01" if end == "<" else b"\x02") + b"\x01" + bytes(9)
    elf = struct.pack(f"{end}HHIQQQIHHHHHH", ET_REL, EM_BPF, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64,
                      len(sections) + 1, len(sections))
    return ident + elf + body + headers


CONSUMER = Consumer(name="llvm", versions=versions, open=read, rank=70, no_base="LLVM's reader takes no base")
