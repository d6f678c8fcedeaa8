"""cilium/ebpf, the Go library: what it finds in a file, by a small program that is compiled with each version of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from harness.kernels import cache, tools
from harness.witnesses.consumer import Consumer, Version
from harness.witnesses.program import as_counts, ended, last_lines, run, run_long

SOURCE = Path(__file__).parent / "inside" / "cilium.go"

BUILD_TIMEOUT_S = 800
"""Go compiles its own library too, half a minute of one core."""

TOOL = "cilium-ebpf"


def versions():
    """Each version that `btf-harness tools` has fetched, its reader compiled."""
    found = [one for one in reversed(tools.fetched()) if one.name == TOOL]
    if not found:
        return [Version("", None, f"no Go library is fetched; `btf-harness tools {TOOL} --suite SUITE` fetches one")]
    return [_version(tool) for tool in found]


def _version(tool):
    number = tool.version.split("+")[0].split("-")[0]
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
    source = SOURCE.read_bytes()
    kept = cache.root() / "consumers" / f"{tool.path.parent.name}_{hashlib.sha256(source).hexdigest()[:12]}"
    if kept.is_file():
        return kept
    root = tool.path.parent / "root"
    go_roots = sorted((root / "usr" / "lib").glob("go-*"))
    if not go_roots:
        raise OSError("expected a Go compiler beside it, found none")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        place = Path(folder, "src", "reader")
        place.mkdir(parents=True)
        shutil.copy(SOURCE, place / "main.go")
        library = root / "usr" / "share" / "gocode"
        status, out, stderr = run(tool.path, "build", "-o", f"{folder}/out", "reader", timeout_s=BUILD_TIMEOUT_S,
                                  environment={
            "GOROOT": str(go_roots[-1]), "GOPATH": f"{folder}{os.pathsep}{library}", "GOCACHE": f"{folder}/cache",
            "GO111MODULE": "off", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOENV": "off"})
        if status != 0:
            raise OSError(last_lines(stderr or out, folder) or f"go build: {status}")
        os.replace(f"{folder}/out", kept)
    return kept


def read(program, case):
    """The Answer of the library to a Case: types, FUNCs and tags."""
    base = [case.base_path] if case.base_path is not None else []
    status, out, stderr = run_long(program, case.path, *base)
    return as_counts(out) if status == 0 else ended(status, stderr, case.path)


CONSUMER = Consumer(name="cilium/ebpf", versions=versions, open=read, rank=60)
