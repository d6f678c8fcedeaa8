"""Warm `btf-harness encode` of three encodings, and the whole `btf-harness report`, against one plain `pahole -J -j2`.

    python -m tests.acceptance.bench [KERNEL] [RUNS]

All on the same file, in turn, in one run, as whole processes, from start to files written. Prints the medians of wall
seconds and peak memory and their ratios. pahole writes a detached .btf, so none touches the kernel file. PAHOLE names
another pahole than PATH's.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import kernels

FEATURES = "encode_force,var,float,decl_tag,type_tag,enum64,optimized_func,consistent_func"
OLD_FLAGS = ["--btf_encode_force", "--btf_gen_floats"]
FLAGS_SINCE_25 = ["--btf_gen_optimized", "--skip_encoding_btf_inconsistent_proto"]


def timed(command):
    """(wall seconds, peak resident MiB, exit code) of one process, by the operating system's accounting."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    err = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{command[0]} failed: {err.decode(errors='replace')[-400:]}")
    return time.monotonic() - began, usage.ru_maxrss / 1024


def pahole_command(pahole, path, out):
    version = subprocess.run([pahole, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    minor = int(version.lstrip("v").split(".")[1])
    options = [f"--btf_features={FEATURES}", "--lang_exclude=rust"]
    if minor < 26:
        options = OLD_FLAGS + (FLAGS_SINCE_25 if minor >= 25 else [])
    return version, [pahole, "-J", "-j2", *options, f"--btf_encode_detached={out}", str(path)]


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else kernels.default_name()
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    pahole = os.environ.get("PAHOLE") or shutil.which("pahole")
    if not pahole:
        raise SystemExit("bench: no pahole on this machine (Debian: apt-get install pahole)")
    kernel = kernels.resolve(name)
    with tempfile.TemporaryDirectory() as folder:
        version, theirs = pahole_command(pahole, kernel.path, Path(folder) / "pahole.btf")
        ours = [sys.executable, "-m", "harness", "encode", str(kernel.path), "-q", "-o", str(Path(folder) / "ours"),
                "--encoding", "plain", "--encoding", "decl_tag", "--encoding", "btf_func"]
        report = [sys.executable, "-m", "harness", "report", str(kernel.path), "-q", "-o", str(Path(folder) / "report")]
        print(f"{kernel.label}: {runs} runs each after one warm-up, in turn; pahole {version}", flush=True)
        commands = {"encode": ours, "report": report, "pahole": theirs}
        for command in commands.values():
            timed(command)
        rows = [{name: timed(command) for name, command in commands.items()} for _ in range(runs)]
    for verb in ("encode", "report"):
        for k, what, unit in ((0, "wall", "s"), (1, "peak", "MiB")):
            a, b = [r[verb][k] for r in rows], [r["pahole"][k] for r in rows]
            ratio = [x / y for x, y in zip(a, b, strict=True)]
            print(f"  {verb}, {what}: ours {statistics.median(a):.2f} {unit} "
                  f"({min(a):.2f} to {max(a):.2f}), pahole {statistics.median(b):.2f} {unit} "
                  f"({min(b):.2f} to {max(b):.2f}), ratio {statistics.median(ratio):.2f} "
                  f"({min(ratio):.2f} to {max(ratio):.2f})")


if __name__ == "__main__":
    main()
