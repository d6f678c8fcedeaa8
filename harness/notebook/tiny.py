"""The program of notebooks/tiny: compiled on the spot and encoded, so that a reader can look at every byte of it.

Two compile units and a header: a static inline that both emit, and two unrelated static functions of one name. Where no
compiler is, the result that was recorded with data/recorded/tiny takes its place.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from harness.errors import HarnessError, KernelError, MeasureError
from harness.notebook import shown
from harness.notebook.study import RECORDED, root

SOURCES = "notebooks/tiny"
"""C files, each a compile unit, and headers."""

COMPILERS = ("gcc", "clang")

FLAGS = ("-g", "-O2", "-ffreestanding", "-fno-pie", "-fdebug-prefix-map=$PWD=.")
LINK = ("-nostdlib", "-static", "-Wl,-e,0", "-Wl,--build-id=none")
X86 = (("-mcmodel=kernel",), ("-Wl,-Ttext=0xffffffff81000000",))
"""Where a kernel would lie, so that addresses are as long as a kernel's: options to compile and to link with."""

RECORD, PROGRAM = "recorded.json", "tiny.elf"
"""In the recorded result: when it was compiled and with what; and the program itself."""


class Tiny(NamedTuple):
    """The program, encoded under the policy `all`.

    Attributes
    ----------
    result : harness.measure.Result
    commands : list of str
        What compiled it.
    compiler : str
        Its name and version.
    recorded_on : str
        The day when it was recorded, empty when it was compiled just now.
    elf : Path
        The program.
    """

    result: object
    commands: list
    compiler: str
    recorded_on: str
    elf: Path


def make(compiler=None):
    """Compile the program and encode it; without a compiler, what was recorded.

    Parameters
    ----------
    compiler : str, optional
        By default what the environment variable CC says, else gcc, else clang.

    Returns
    -------
    Tiny
        Its files are in a temporary folder, which goes when Python ends.

    Raises
    ------
    HarnessError
        It does not compile, or cannot be encoded; or there is neither a compiler nor a recorded result.
    """
    wanted = compiler or os.environ.get("CC")
    program = next(filter(None, map(shutil.which, [wanted] if wanted else COMPILERS)), None)
    if program is None:
        return recorded()
    folder = Path(tempfile.mkdtemp(prefix="btf-harness-tiny-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return build(program, folder)


def build(program, folder):
    """Compile the program in an empty folder, and encode it into the folder `btf` there.

    Parameters
    ----------
    program : str
        Path of gcc or clang.
    folder : Path

    Returns
    -------
    Tiny

    Raises
    ------
    KernelError
        It does not compile; with the compiler's words.
    HarnessError
        It cannot be encoded.
    """
    from harness import accelerate, results, run

    if accelerate.first_run():
        print("compiling the harness's own kernels for the first time: about a minute", file=sys.stderr, flush=True)
    for path in sorted((root() / SOURCES).iterdir()):
        shutil.copy(path, folder)
    compiling, linking = X86 if platform.machine() == "x86_64" else ((), ())
    name, units = Path(program).name, sorted(p.stem for p in folder.glob("*.c"))
    lines = [[name, *FLAGS, *compiling, "-c", f"{unit}.c", "-o", f"{unit}.o"] for unit in units]
    lines.append([name, *LINK, *linking, *(f"{unit}.o" for unit in units), "-o", "tiny"])
    for line in lines:
        # paths are mapped so that the result does not depend on where it is compiled
        words = [word.replace("$PWD", str(folder)) for word in line[1:]]
        status, said = _run(program, words, folder)
        if status:
            raise KernelError(f"{' '.join(line)}: {said}")
    prepared = run.prepare(folder / "tiny", threads=1)
    made = results.save(folder / "btf", prepared, run.encode(prepared, "all"))
    found = re.search(r"\d+(\.\d+)+", _run(program, ["--version"], folder)[1])
    return Tiny(made["all"], [" ".join(line) for line in lines],
                f"{name} {found[0]}" if found else name, "", folder / "tiny")


def _run(program, words, folder):
    """Exit status of a program, and all that it said."""
    try:
        done = subprocess.run([program, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise KernelError(f"cannot be run: {error.strerror}", program) from error
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()


def recorded():
    """The Tiny of data/recorded.

    Raises
    ------
    MeasureError
        There is none.
    """
    from harness import measure

    folder = root() / RECORDED / "tiny"
    try:
        kept = json.loads((folder / RECORD).read_bytes())
        return Tiny(measure.load(folder), kept["commands"], kept["compiler"], kept["recorded_on"],
                    folder / PROGRAM)
    except (OSError, ValueError, KeyError) as error:
        raise MeasureError("expected a compiler, or a recorded result of the tiny program, found neither",
                           folder) from error


def record(out, compiler="gcc", on=None):
    """Keep the result of the program, as compiled here.

    Parameters
    ----------
    out : path-like
        A folder; its files are replaced.
    compiler : str
    on : str, optional
        The day, YYYY-MM-DD; today by default.

    Raises
    ------
    KernelError
        There is no such compiler, or it does not compile the program.
    """
    from datetime import date

    from harness.files import write

    program = shutil.which(compiler)
    if program is None:
        raise KernelError(f"{compiler} is not installed")
    out = Path(out)
    with tempfile.TemporaryDirectory() as scratch:
        made = build(program, Path(scratch))
        kept = {"recorded_on": on or date.today().isoformat(), "compiler": made.compiler, "commands": made.commands}
        out.mkdir(parents=True, exist_ok=True)
        for path in sorted(made.result.folder.iterdir()):
            write(out / path.name, path.read_bytes())
        write(out / PROGRAM, made.elf.read_bytes())
        write(out / RECORD, (json.dumps(kept, indent=1) + "\n").encode())


def about(program):
    """How a Tiny was made; loud when it is recorded."""
    lines = [f"$ {line}" for line in (*program.commands, "btf-harness encode tiny --policy all -o btf")]
    loud = f"Compiled here by {program.compiler}, and encoded under the policy `all`:"
    if program.recorded_on:
        loud = (f"RECORDED FILES. No compiler was found on this machine: these were compiled by {program.compiler} and "
                f"encoded on {program.recorded_on}, and are kept in {RECORDED}/tiny:")
    return shown.both(shown.note([loud], [], alarm=bool(program.recorded_on)), shown.code("\n".join(lines)))


def source(name):
    """A file of the program."""
    return shown.code(f"/* {SOURCES}/{name} */\n" + (root() / SOURCES / name).read_text().rstrip("\n"))


def dump(result, encoding, *kinds):
    """What `btf-harness dump` prints of a file of a Result: all types, or those of some kinds."""
    from harness import btf

    out = io.StringIO()
    btf.dump_raw(result.btf(encoding), out)
    types = re.split(r"\n(?=\[)", out.getvalue().rstrip("\n"))
    return shown.code("\n".join(t for t in types if not kinds or t.split()[1] in kinds))


def verdicts(result):
    """Who takes each file of a Result: our check, as it is and as strict as a kernel; bpftool; the running kernel.

    Returns
    -------
    DataFrame
        witness, encoding, verdict, words.
    """
    from harness import btf, witnesses
    from harness.measure import frame

    rows = []
    for strict in (False, True):
        for encoding in result.encodings:
            try:
                btf.check(result.btf(encoding), strict=strict)
                verdict, words = "sound", ""
            except HarnessError as error:
                place = "" if error.offset is None else f"{error.section}+{error.offset:#x}: "
                verdict, words = "refused", place + error.message
            rows.append((f"btf-harness check{' --strict' * strict}", encoding, verdict, words))
    asked = witnesses.ask_readers(result)
    return frame([*rows, *asked.itertuples(index=False, name=None)], tuple(asked.columns))
