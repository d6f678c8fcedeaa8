"""The running kernel: which files does bpf(BPF_BTF_LOAD) accept, and why does it refuse the others?"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import re
import struct
import sys

from harness.results.executed import ACCEPTED
from harness.witnesses.consumer import NOT_TRIED as NOT_TRIED_CELL
from harness.witnesses.consumer import REFUSED as REFUSED_CELL
from harness.witnesses.consumer import Answer, Consumer, Version
from harness.witnesses.witness import LOADED, NOT_ASKED, NOT_PERMITTED, REFUSED, Found, Reader

MAX_BTF_NBYTES = 16 << 20
"""BTF_MAX_SIZE: what BPF_BTF_LOAD accepts (include/linux/btf.h, v6.18)."""

BPF_BTF_LOAD = 18
"""enum bpf_cmd (include/uapi/linux/bpf.h, v6.12)."""

BPF_SYSCALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "loongarch64": 280, "ppc64le": 361, "ppc64": 361,
               "s390x": 351, "armv7l": 386, "armv6l": 386, "i686": 357, "i386": 357}
"""Number of bpf(2) by machine as uname says it (arch/*/syscall tables, v6.12)."""

LOG_NBYTES = 64 << 20

BYTEORDER = {b"\x9f\xeb": "little", b"\xeb\x9f": "big"}
"""By the first two bytes of a file."""


def _release():
    """The running kernel's version without what its builder added, str."""
    release = re.match(r"\d+(\.\d+)*", platform.release())
    return release[0] if release else ""


def find():
    """The Found of the running kernel; `how` is the number of bpf(2)."""
    label = f"{platform.system()} {_release()}, BPF_BTF_LOAD".replace(" ,", ",")
    number = BPF_SYSCALL.get(platform.machine())
    if platform.system() != "Linux" or number is None or struct.calcsize("P") not in (4, 8):
        return Found(label, None, f"the number of bpf(2) on {platform.machine()} is not known")
    return Found(label, number)


def ask(number, path):
    """What bpf(BPF_BTF_LOAD) says about a file: (verdict, words); nothing stays loaded."""
    data = path.read_bytes()
    order = BYTEORDER.get(data[:2], sys.byteorder)
    if order != sys.byteorder:
        return NOT_ASKED, f"the file is {order}-endian, this machine is not"
    return load_into_kernel(data, number)


def load_into_kernel(data, number):
    """Load BTF (bytes) into the running kernel and release it: (verdict, words); `number` is that of bpf(2).

    First without a log, since a log that does not fit is an error of its own; after a refusal, again with a log, whose
    last line says why.
    """
    fd, code = _btf_load(data, number, None)
    if fd >= 0:
        os.close(fd)
        return LOADED, ""
    if code in (errno.EPERM, errno.EACCES):
        return NOT_PERMITTED, f"{errno.errorcode[code]}: loading BTF needs root or CAP_BPF"
    if code == errno.ENOSYS:
        return NOT_ASKED, "this kernel has no bpf(2)"
    words = errno.errorcode.get(code, str(code))
    if len(data) > MAX_BTF_NBYTES:
        return REFUSED, f"{words}: {len(data):,} bytes, more than the {MAX_BTF_NBYTES:,} that kernels accept"
    for nbytes in (LOG_NBYTES, MAX_BTF_NBYTES - 1):  # older kernels take less room for the log
        log = (ctypes.c_char * nbytes).from_buffer(mmap.mmap(-1, nbytes))  # zeros, of which few pages are touched
        fd, _ = _btf_load(data, number, log)
        if fd >= 0:
            os.close(fd)
        said = _last_line(log.value)
        if said:
            return REFUSED, f"{words}: {said}"
    return REFUSED, words


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


def versions():
    """The running kernel, one Version."""
    found = find()
    return [Version(_release(), found.how, found.missing)]


def load(number, case):
    """The Answer of bpf(BPF_BTF_LOAD) to a Case; it tells nothing of what it found."""
    verdict, words = ask(number, case.path)
    return Answer({LOADED: ACCEPTED, REFUSED: REFUSED_CELL}.get(verdict, NOT_TRIED_CELL), words)


WITNESS = Reader(name="kernel", find=find, ask=ask, rank=20)

def identity(number):
    """What tells this kernel, and what this process may do, from others: list; None where that cannot be read."""
    try:
        with open("/proc/version") as version, open("/proc/self/status") as status:
            may = next((line.split()[1] for line in status if line.startswith("CapEff:")), None)
            return [platform.machine(), platform.release(), version.read(), may, os.readlink("/proc/self/ns/user")]
    except OSError:
        return None


CONSUMER = Consumer(name="kernel", versions=versions, open=load, rank=10, identity=identity, no_base=(
    "BPF_BTF_LOAD takes no base: the kernel opens split BTF of its modules only"))
