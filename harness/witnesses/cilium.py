"""cilium/ebpf, the Go library: what it finds in a file, by a small program that is compiled with each version of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from harness.witnesses.compiled import compiled, versions_of
from harness.witnesses.consumer import Consumer
from harness.witnesses.program import as_counts, ended, run_long

SOURCE = Path(__file__).parent / "inside" / "cilium.go"

TOOL = "cilium-ebpf"


def versions():
    """Each version that `btf-harness tools` has fetched, its reader compiled."""
    return versions_of(TOOL, "Go", reader, lambda version: version.split("+")[0].split("-")[0])


def reader(tool):
    """Path of the program that reads with a fetched library; errors as of `compiled`, also where no compiler is."""
    root = tool.path.parent / "root"

    def build(folder):
        go_roots = sorted((root / "usr" / "lib").glob("go-*"))
        if not go_roots:
            raise OSError("expected a Go compiler beside it, found none")
        place = folder / "src" / "reader"
        place.mkdir(parents=True)
        shutil.copy(SOURCE, place / "main.go")
        library = root / "usr" / "share" / "gocode"
        return folder / "out", ("build", "-o", folder / "out", "reader"), {
            "GOROOT": str(go_roots[-1]), "GOPATH": f"{folder}{os.pathsep}{library}", "GOCACHE": f"{folder}/cache",
            "GO111MODULE": "off", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOENV": "off"}

    return compiled(tool, SOURCE.read_bytes(), build)


def read(program, case):
    """The Answer of the library to a Case: types, FUNCs and tags."""
    base = [case.base_path] if case.base_path is not None else []
    status, out, stderr = run_long(program, case.path, *base)
    return as_counts(out) if status == 0 else ended(status, stderr, case.path)


CONSUMER = Consumer(name="cilium/ebpf", versions=versions, open=read, rank=60)
