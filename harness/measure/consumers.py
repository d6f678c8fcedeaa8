"""Who can load each file: bpftool (libbpf's reader) and the running kernel, and with which words they refuse."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from harness.measure.columns import frame

CONSUMER_COLUMNS = ("witness", "encoding", "verdict", "words")

TIMEOUT_S = 120

MAX_BTF_NBYTES = 16 << 20
"""BTF_MAX_SIZE: what BPF_BTF_LOAD accepts (include/linux/btf.h, v6.18)."""

BPF_BTF_LOAD = 18
"""enum bpf_cmd (include/uapi/linux/bpf.h, v6.12)."""

BPF_SYSCALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "loongarch64": 280, "ppc64le": 361, "ppc64": 361,
               "s390x": 351, "armv7l": 386, "armv6l": 386, "i686": 357, "i386": 357}
"""Number of bpf(2) by machine as uname says it (arch/*/syscall tables, v6.12)."""

LOG_NBYTES = 64 << 20

AT_ONCE = 2
"""Runs of bpftool at a time; each keeps a core busy."""


def ask_consumers(result, bpftool=None):
    """What bpftool and the running kernel say to each file of a Result: DataFrame CONSUMER_COLUMNS.

    Nothing stays loaded: the descriptor that the kernel returns is closed at once.

    Parameters
    ----------
    result : Result
    bpftool : str, optional
        The program; looked for on the path and in the sbin folders when None.
    """
    with ThreadPoolExecutor(1) as pool:
        kernel = pool.submit(lambda: list(ask_kernel(result)))
        rows = list(ask_bpftool(result, bpftool))
    return frame(rows + kernel.result(), CONSUMER_COLUMNS)


def find_bpftool():
    """The path of bpftool, or None."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which("bpftool", path=places)


def bpftool_version(program):
    """How bpftool names itself and its libbpf, one line."""
    status, out, _ = run(program, "version")
    lines = out.splitlines()
    if status != 0 or not lines:
        return "bpftool"
    return ", ".join(line.strip() for line in lines[:2]).replace(str(program), "bpftool")


def run(program, *arguments, output=True):
    """Run a program to its end: (exit status or a str saying why there is none, stdout, stderr), as text.

    Standard output goes into a file, or with output=False nowhere: bpftool writes each line by itself, and a reader at
    the other end of a pipe would be woken up for each of half a million.
    """
    try:
        with tempfile.TemporaryFile() as out:
            done = subprocess.run([program, *map(str, arguments)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  stdout=out if output else subprocess.DEVNULL, timeout=TIMEOUT_S, check=False,
                                  env={**os.environ, "LC_ALL": "C"})
            out.seek(0)
            stdout = out.read()
    except subprocess.TimeoutExpired:
        return f"no end within {TIMEOUT_S} s", "", ""
    except OSError as error:
        return f"cannot be run: {error.strerror}", "", ""
    return done.returncode, stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def ask_bpftool(result, program=None):
    """Rows of `bpftool btf dump file F format raw`."""
    program = program or find_bpftool()
    if program is None:
        yield ("bpftool", "-", "not asked", "bpftool is not installed")
        return
    name = bpftool_version(program)

    def ask(path):
        return run(program, "btf", "dump", "file", path, "format", "raw", output=False)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(ask, result.files.values()))
    for (encoding, path), (status, _, stderr) in zip(result.files.items(), answers, strict=True):
        said = [line.strip() for line in stderr.splitlines() if line.strip()]
        words = said[-1].replace(str(path), path.name) if said else ""
        if status == 0:
            yield (name, encoding, "loaded", words)
        else:
            yield (name, encoding, "refused", f"exit {status}: {words}" if isinstance(status, int) else status)


def ask_kernel(result):
    """Rows of bpf(BPF_BTF_LOAD) on the running kernel."""
    release = re.match(r"\d+(\.\d+)*", platform.release())
    name = f"{platform.system()} {release[0] if release else ''}, BPF_BTF_LOAD".replace(" ,", ",")
    number = BPF_SYSCALL.get(platform.machine())
    if platform.system() != "Linux" or number is None or struct.calcsize("P") not in (4, 8):
        yield (name, "-", "not asked", f"the number of bpf(2) on {platform.machine()} is not known here")
        return
    for encoding, path in result.files.items():
        order = result.btf(encoding).byteorder
        if order != sys.byteorder:
            yield (name, encoding, "not asked", f"the file is {order}-endian, this machine is not")
            continue
        yield (name, encoding, *load_into_kernel(path.read_bytes(), number))


def load_into_kernel(data, number):
    """Load BTF into the running kernel and let go of it: (verdict, words).

    Asked first without a log, since a log that does not fit is an error of its own; after a refusal again with one,
    whose last line says why.
    """
    fd, code = _btf_load(data, number, None)
    if fd >= 0:
        os.close(fd)
        return "loaded", ""
    if code in (errno.EPERM, errno.EACCES):
        return "not permitted", f"{errno.errorcode[code]}: loading BTF needs root or CAP_BPF"
    if code == errno.ENOSYS:
        return "not asked", "this kernel has no bpf(2)"
    words = errno.errorcode.get(code, str(code))
    if len(data) > MAX_BTF_NBYTES:
        return "refused", f"{words}: {len(data):,} bytes, more than the {MAX_BTF_NBYTES:,} that kernels take"
    for nbytes in (LOG_NBYTES, MAX_BTF_NBYTES - 1):  # older kernels take less room for the log
        log = (ctypes.c_char * nbytes).from_buffer(mmap.mmap(-1, nbytes))  # zeros, of which few pages are touched
        fd, _ = _btf_load(data, number, log)
        if fd >= 0:
            os.close(fd)
        said = _last_line(log.value)
        if said:
            return "refused", f"{words}: {said}"
    return "refused", words


def _last_line(data):
    """The last line of a log that is not blank, stripped, or an empty str; the log of a kernel's BTF has 100,000."""
    for line in reversed(data.split(b"\n")):
        said = [part for part in line.decode("utf-8", "replace").splitlines() if part.strip()]
        if said:
            return said[-1].strip()
    return ""


def _btf_load(data, number, log):
    """bpf(BPF_BTF_LOAD): (descriptor or -1, errno)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    buffer = (ctypes.c_char * len(data)).from_buffer_copy(data)
    # union bpf_attr: btf, btf_log_buf, btf_size, btf_log_size, btf_log_level, btf_log_true_size (v6.4)
    attr = struct.pack("=QQIIII", ctypes.addressof(buffer), ctypes.addressof(log) if log else 0, len(data),
                       len(log) if log else 0, 1 if log else 0, 0)
    place = ctypes.create_string_buffer(attr, len(attr))
    fd = libc.syscall(ctypes.c_long(number), ctypes.c_int(BPF_BTF_LOAD), place, ctypes.c_uint(len(attr)))
    return fd, ctypes.get_errno() if fd < 0 else 0
