"""Every field of every section header set to every nasty value: a result or one HarnessError, in little memory.

Run as a program, so that the limit of memory is its own:

    python tests/elf/header_mutations.py VALUES WALK_EVERY FILE...

reads all there is in each version of the files, walks one of WALK_EVERY versions (0: none), and prints what became of
them. Each field gets HUGE and VALUES of the others in turn (0: all of them). Memory for 63 PiB, or for 1 GiB, is
refused to it.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
import tempfile
import time
from collections import Counter

import numpy as np

from harness import warm
from harness.dwarf import walk
from harness.dwarf.lines import source_files
from harness.elf import ElfImage
from harness.elf.constants import SHT_NOBITS
from harness.errors import HarnessError
from harness.functions.ftrace import ftrace_sites
from harness.functions.kfuncs import read_sets

LIMIT_NBYTES = 700 << 20
LIMIT_SECONDS = 5
HUGE = 63 << 50
FORMATS = {1: "10I", 2: "IIQQQQIIQQ"}


def versions(whole, n_values):
    """(what was changed, bytes) of every version of an ELF file."""
    wide, end = whole[4] == 2, "<" if whole[5] == 1 else ">"
    layout = struct.Struct(end + FORMATS[whole[4]])
    shoff = struct.unpack_from(end + ("Q" if wide else "I"), whole, 40 if wide else 32)[0]
    n_sections = struct.unpack_from(end + "H", whole, 60 if wide else 48)[0]
    n = len(whole)
    nasty = (0, 1, 2, 4, 8, 9, 11, 18, 1 << 11, n_sections - 1, n_sections, n - 1, n, n + 1, 1 << 20, 1 << 31,
             0xFFFFFFFF, 1 << 63, (1 << 64) - 1)  # fmt: skip
    turn = 0
    for i in range(n_sections):
        at = shoff + i * layout.size
        header = layout.unpack_from(whole, at)
        for field, value in enumerate(header):
            bits = 32 if not wide or field in (0, 1, 6, 7) else 64
            others = sorted({v % (1 << bits) for v in (*nasty, value + 1, value - 1, 2 * value)} - {value, HUGE})
            if n_values:
                others = [others[(turn + k) % len(others)] for k in range(n_values)]
                turn += n_values
            for other in [HUGE % (1 << bits), *others]:
                data = bytearray(whole)
                layout.pack_into(data, at, *header[:field], other, *header[field + 1 :])
                yield (i, field, other), data


def use(path, walked):
    """Everything there is to ask of a file; a HarnessError of one part does not keep the others from being asked."""
    errors = []

    def ask(question, *args):
        try:
            return question(*args)
        except HarnessError as error:
            assert error.path == path and str(error)
            errors.append(error)

    image = ask(ElfImage, path)
    if image is None:
        return False
    with image:
        symbols = ask(image.symbols)
        ask(image.build_id)
        for section in image.sections:
            if section.type not in (0, SHT_NOBITS):
                ask(image.read, section)
        image.place(np.zeros(1, np.uint64))
        if symbols is not None:
            ask(ftrace_sites, image, symbols)
            ask(read_sets, image, symbols)
        if walked:
            found = ask(walk, image)
            if found is not None:
                ask(source_files, image, found.unit_line_off, found.functions.unit, found.functions.file)
    return not errors


def main(n_values, every, paths):
    warm.load()
    for path in paths:
        assert use(path, every), f"{path} itself is refused"
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + LIMIT_NBYTES, resource.RLIM_INFINITY))
    seen = Counter()
    with tempfile.TemporaryDirectory(prefix="headers-") as folder:
        victim = os.path.join(folder, "victim")
        number = 0
        for path in paths:
            with open(path, "rb") as stream:
                whole = stream.read()
            for what, data in versions(whole, n_values):
                number += 1
                with open(victim, "wb") as stream:
                    stream.write(data)
                started = time.process_time()
                try:
                    seen["read" if use(victim, bool(every) and number % every == 0) else "refused"] += 1
                except BaseException:
                    print(f"{path}: section, field, value {what}", file=sys.stderr)
                    raise
                assert time.process_time() - started < LIMIT_SECONDS, (path, what)
    for what, n in sorted(seen.items()):
        print(what, n)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
