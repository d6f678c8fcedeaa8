"""Seeded damage to an ELF file: a walk of each version gives a result or one HarnessError.

Run as a program, it prints what became of the versions; a crash of the interpreter is then the caller's to see:

    NUMBA_BOUNDSCHECK=1 python tests/dwarf/elf_mutations.py FILE COUNT SEED
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections import Counter

from harness.dwarf import walk
from harness.elf import ElfImage
from harness.errors import HarnessError

INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF)
FORMS = (1, *range(3, 0x2D))
TAGS = (1, 2, 4, 5, 0x0D, 0x0F, 0x11, 0x13, 0x15, 0x16, 0x17, 0x18, 0x1D, 0x21, 0x24, 0x26, 0x28, 0x2E, 0x34, 0x35,
        0x37, 0x41, 0x47)  # fmt: skip
ATTRIBUTES = (1, 2, 3, 0x0B, 0x0C, 0x0D, 0x11, 0x1C, 0x20, 0x2F, 0x31, 0x37, 0x38, 0x3C, 0x3E, 0x3F, 0x47, 0x49, 0x55,
              0x69, 0x6B, 0x72, 0x73, 0x74)  # fmt: skip
LIMIT_SECONDS = 5


def places(path):
    """Half-open ranges of file offsets to damage, each with a weight: the debug sections, and a little the rest."""
    weights = {".debug_info": 10, ".debug_abbrev": 8, ".debug_types": 5}
    with ElfImage(path) as image:
        made = [
            (s.offset, s.offset + s.nbytes, weights.get(s.name, 1))
            for s in image.sections
            if s.name.startswith((".debug_", ".symtab", ".rela.debug")) and s.nbytes
        ]
        made.sort(key=lambda place: weights[".debug_abbrev"] != place[2])  # the first one is .debug_abbrev
        return [*made, (0, 64, 0.3), (image.file_nbytes - 64 * len(image.sections), image.file_nbytes, 1)]


def damage(whole, where, rng):
    """One damaged version of the bytes `whole`."""
    data = bytearray(whole)
    ranges, weights = [w[:2] for w in where], [w[2] for w in where]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8, 20))):
        start, stop = rng.choices(ranges, weights)[0]
        at = rng.randrange(start, stop)
        how = rng.random()
        if how < 0.3 and start == where[0][0]:
            data[at] = rng.choice(rng.choice((FORMS, FORMS, TAGS, ATTRIBUTES)))
        elif how < 0.6:
            data[at] = rng.choice((*INTERESTING, rng.randrange(256), data[at] ^ 1 << rng.randrange(8)))
        elif how < 0.8:
            word = rng.choice((0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, rng.randrange(stop - start), rng.randrange(64)))
            data[at : at + 4] = word.to_bytes(4, rng.choice(("little", "big")))
        elif how < 0.9:
            n = rng.randrange(1, 16)
            source = rng.randrange(start, stop)
            data[at : at + n] = whole[source : source + n]
        else:
            n = rng.randrange(1, 12)
            data[at : at + n] = rng.choice((b"\xff", b"\x80", b"\0")) * n
        del data[len(whole) :]
    return bytes(data)


def outcome(path):
    """'walked', or the first words of the one error that came of it."""
    try:
        with ElfImage(path) as image:
            walk(image)
            image.symbols()
            image.build_id()
    except HarnessError as error:
        assert error.path == str(path)
        assert str(error)
        return " ".join(w for w in error.message.split()[:7] if not any(c.isdigit() for c in w))
    return "walked"


def run(path, count, seed, versions=damage):
    """Walk `count` damaged versions of a file: a Counter of outcomes."""
    rng = random.Random(seed)
    with open(path, "rb") as stream:
        whole = stream.read()
    where = places(path)
    outcome(path)  # so that no version's time includes the compilation
    seen = Counter()
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        victim = os.path.join(folder, "victim")
        for number in range(count):
            data = versions(whole, where, rng)
            with open(victim, "wb") as stream:
                stream.write(data)
            try:
                found, took_s = timed(victim)
                if took_s >= LIMIT_SECONDS:  # what a version needs first, and no other did, may have been compiled
                    found, took_s = timed(victim)
            except BaseException:
                print(f"version {number} of seed {seed}", file=sys.stderr)
                raise
            assert took_s < LIMIT_SECONDS, f"version {number} of seed {seed} took too long"
            seen[found] += 1
    return seen


def timed(path):
    """The outcome of a file, and its seconds of processor time."""
    started = time.process_time()
    return outcome(path), time.process_time() - started


if __name__ == "__main__":
    for what, n in run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])).most_common():
        print(f"{n:7} {what}")
