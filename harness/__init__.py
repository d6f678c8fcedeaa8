"""Encode one Linux kernel's BTF several ways, and measure every type and every byte.

The parts, in the order in which data flows through them; imports go the same way::

    kernels, model -> elf -> dwarf -> dedup -> functions -> btf -> program -> encodings -> run -> results
        -> measure -> witnesses, text -> report -> notebook, cli

The verbs of the command line, from Python::

    from harness import btf, encodings, kernels, measure, report, results, run

    kernel = kernels.resolve("debian-6.12-cloud-amd64")      # or a path: harness.kernels.Kernel
    prepared = run.prepare(kernel, threads=2)                # walk, dedup, join: shared by all encodings
    encoded = run.encode(prepared, policy="sound")      # encoded.files["plain"]: bytes of a .btf file
    results.save("out", prepared, encoded)                   # *.btf, shipped.btf, functions.csv, manifest.json
    frame = measure.measure("out")                           # and out/measurements.csv
    report.render(["out"], "reports/mine")                   # report.md, *.csv, *.png, *.svg

    parsed = encodings.read("out/btf_func.btf")              # BtfFile: types, strings
    btf.check(parsed)                                        # raises for the first error
    btf.stat(parsed)                                         # types and bytes by kind, every byte once

Input that cannot be used raises a `harness.errors.HarnessError` that gives file, section, offset, expected and found.
"""

__version__ = "0.1.0"
