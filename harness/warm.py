"""Gets numba kernels ready, by calling each on nearly empty input.

In one process numba compiles and loads one function at a time. So on the first run a second process compiles the walk's
second pass, about half of all, while this one compiles the rest; the run begins when both are done. On later runs a
thread loads the kernels from the cache while earlier stages run; loading them on first use would leave the other core
idle for half a second in all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

_processes = []
"""Those that were started and may still be compiling."""


def start(stage=lambda text: None):
    """Load kernels in a thread, or on the first run compile them all before it returns, a stage to tell of."""
    from harness import accelerate

    if (os.cpu_count() or 1) < 2 or not accelerate.compiles() or not accelerate.CACHED:
        return  # what another process compiles would be lost, and threads of one process compile in turn
    if not accelerate.first_run():
        threading.Thread(target=load, daemon=True).start()
        return
    try:
        process = subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        return  # then this process compiles each on first use
    _processes.append(process)
    stage("compile kernels")
    _first_pass()
    _rest()
    process.wait()  # if it fails, this process compiles what is missing


def stop():
    """Stop what `start` started if it still runs, when a run ends early."""
    for process in _processes:
        process.terminate()
    _processes.clear()


def load():
    """Call every kernel of an encode, in the order in which they are needed."""
    _first_pass()
    main()
    _rest()


def main():
    """Compile the second pass of the walk."""
    from harness.dwarf.passes import call_second_pass

    call_second_pass()


def rare():
    """Compile what only a few files need: the reader of DIEs that other units refer to."""
    from harness.dwarf.passes import call_far_reader

    call_far_reader()


def _first_pass():
    from harness.dwarf.passes import call_first_pass

    call_first_pass()


def _rest():
    """Names, location lists, line programs, dedup, the join, the writer and the check."""
    import numpy as np

    from harness import btf, encodings
    from harness.dedup import dedup_types
    from harness.dwarf.walk import call_kernels
    from harness.functions import join_kernels as jk
    from harness.functions import register_kernels as rk
    from harness.model import Kind, StringTable, TypeTable, info_word
    from harness.model.sizes import byte_size, element_type, parameter_sizes

    call_kernels()
    types = TypeTable.of([1, info_word(Kind.INT), 4, 32, 0, info_word(Kind.PTR), 1], [0, 4, 7])
    strings = StringTable(np.frombuffer(b"\0int\0", np.uint8).copy())
    types = dedup_types(types, strings).types
    btf.not_identifiers(strings, types.name_off())
    laid = btf.lay_out(types, strings, first_names=types.name_off())
    btf.check(encodings.parse(laid.ordered(np.zeros(2, np.int64)).data()))
    u1, u4, i8 = np.uint8, np.uint32, np.int64
    names, slots = np.array([1], u4), np.zeros(256, u4)
    jk.enter_names(strings.blob, names, slots)
    jk.match_symbols(strings.blob, names, slots, strings.blob, names, np.empty(1, i8), np.empty(1, i8),
                     np.empty(1, u1), np.empty(1, np.uint64))
    types_of, param, none = np.zeros(1, u4), np.zeros(2, i8), np.zeros(0, u4)
    jk.signature_hashes(types_of, param, none, np.empty(1, np.uint64))
    rows, out, start = np.zeros(1, i8), np.empty(8, u4), np.empty(2, i8)
    jk.prototype_rows(rows, types_of, param, none, none, np.zeros(0, u1), out, start)
    jk.unify_prototypes(types.words, types.start, out, start, np.zeros(256, i8), np.empty(1, i8))
    i1, bits = np.zeros(1, np.int8), np.zeros(1, u1)
    parameter_sizes(types, 8)
    byte_size(types, 1, 8)
    element_type(types, 1)
    rk.share(np.full(1, -1, i8), bits, i1)
    rk.by_reached(param, i1, u1(1), i8(8), types_of, i1, bits, bits, u1(0), bits)
    rk.judge(param, bits, bits, bits, bits)
    jk.gather_rows(out, start, rows, np.empty(8, u4), np.empty(3, i8)[1:])


if __name__ == "__main__":
    main()
    rare()
