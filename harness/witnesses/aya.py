"""aya-obj, the Rust library: what it makes of a file, by a small program that parses it and writes it again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from harness import encodings as enc
from harness.errors import BtfFormatError
from harness.results.executed import ACCEPTED, WRONG
from harness.witnesses.compiled import compiled, versions_of
from harness.witnesses.consumer import Answer, Consumer
from harness.witnesses.content import Content
from harness.witnesses.program import ended, find_program, run_long

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

TOOL = "aya-obj"


def versions():
    """Each version that `btf-harness tools` has fetched, its reader compiled by this machine's cargo."""
    return versions_of(TOOL, "Rust", reader, lambda version: version.split("-")[0],
                       lambda: "" if find_program("cargo") else "cargo is not installed (package cargo)")


def reader(tool):
    """Path of the program that reads with a fetched library; errors as of `compiled`."""
    return compiled(tool, SOURCE.read_bytes() + MANIFEST.encode(), _build)


def _build(folder):
    (folder / "src").mkdir()
    shutil.copy(SOURCE, folder / "src" / "main.rs")
    (folder / "Cargo.toml").write_text(MANIFEST)
    return (folder / "target" / "debug" / "reader", ("build", "--manifest-path", folder / "Cargo.toml"),
            {"CARGO_HOME": f"{folder}/home", "CARGO_TARGET_DIR": f"{folder}/target"})


def read(program, case):
    """The Answer of the library to a Case: what is in the file that it writes again, as this program reads it."""
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


CONSUMER = Consumer(name="aya-obj", versions=versions, open=read, rank=65, no_base="aya-obj takes no base")
