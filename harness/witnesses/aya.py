"""aya-obj, the Rust library: what it makes of a file, by a small program that parses it and writes it again."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from harness import encodings as enc
from harness.errors import BtfFormatError
from harness.kernels import cache, tools
from harness.witnesses.consumer import ACCEPTED, NOT_TRIED, WRONG, Answer, Consumer, Version
from harness.witnesses.content import Content
from harness.witnesses.program import ended, find_program, last_lines, run, run_long

SOURCE = Path(__file__).parent / "inside" / "aya.rs"

MANIFEST = """\
[package]
name = "reader"
version = "0.1.0"
edition = "2021"

[dependencies]
aya-obj = "*"
object = { version = "*", default-features = false }
"""

BUILD_TIMEOUT_S = 800

TOOL = "aya-obj"


def versions():
    """Each version that `btf-harness tools` has fetched, its reader compiled by this machine's cargo."""
    found = [one for one in reversed(tools.fetched()) if one.name == TOOL]
    if not found:
        return [Version("", None, f"no Rust library is fetched; `btf-harness tools {TOOL} --suite SUITE` fetches one")]
    return [_version(tool) for tool in found]


def _version(tool):
    number = tool.version.split("-")[0]
    if find_program("cargo") is None:
        return Version(number, None, "cargo is not installed (package cargo)")
    try:
        return Version(number, reader(tool))
    except OSError as error:
        return Version(number, None, f"its reader cannot be compiled: {error}")


def reader(tool):
    """Path of the program that reads with a fetched library, compiled once and kept in the cache.

    Raises
    ------
    OSError
        It cannot be compiled.
    """
    source = SOURCE.read_bytes() + MANIFEST.encode()
    kept = cache.root() / "consumers" / f"{tool.path.parent.name}_{hashlib.sha256(source).hexdigest()[:12]}"
    if kept.is_file():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        place = Path(folder)
        (place / "src").mkdir()
        shutil.copy(SOURCE, place / "src" / "main.rs")
        (place / "Cargo.toml").write_text(MANIFEST)
        status, _, stderr = run(tool.path, "build", "--manifest-path", place / "Cargo.toml", timeout_s=BUILD_TIMEOUT_S,
                                environment={"CARGO_HOME": f"{folder}/home", "CARGO_TARGET_DIR": f"{folder}/target"})
        if status != 0:
            raise OSError(last_lines(stderr, folder) or f"cargo build: {status}")
        os.replace(place / "target" / "debug" / "reader", kept)
    return kept


def read(program, case):
    """The Answer of the library to a Case: what is in the file that it writes again, as this program reads it."""
    if case.base:
        return Answer(NOT_TRIED, "aya-obj takes no base")
    with tempfile.TemporaryDirectory(prefix="btf-harness-") as folder:
        out = Path(folder, "again.btf")
        status, _, stderr = run_long(program, case.path, out)
        if status != 0:
            return ended(status, stderr, case.path)
        try:
            content = Content(enc.parse(out.read_bytes(), out.name))
        except BtfFormatError as error:
            return Answer(WRONG, f"what it makes of it cannot be read: {error}")
    return Answer(ACCEPTED, seen={what: content.of(what) for what in ("types", "FUNC", "tags", "parameters")})


CONSUMER = Consumer(name="aya-obj", versions=versions, open=read, rank=65)
