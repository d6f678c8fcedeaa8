"""The dedup of libbpf, called through ctypes: the outside witness of harness/dedup.

`BTF_HARNESS_LIBBPF` names another build than the system's libbpf.so.1. The environment decides, not an argument:
the dynamic loader takes two builds with one soname for the same library, so a process can trust only the first.
"""

from __future__ import annotations

import ctypes
import functools
import os

from tests.reference import wire

ENVIRONMENT = "BTF_HARNESS_LIBBPF"


class LibbpfError(Exception):
    """libbpf refused the input; carries its errno."""

    def __init__(self, call, code):
        super().__init__(f"{call}: {os.strerror(code)}")
        self.code = code


@functools.cache
def load():
    """The library with its prototypes declared, or None when it is absent or older than 1.0.

    Before 1.0 btf__dedup had three arguments and errors were encoded in pointers. A build named in the environment
    that cannot be loaded is an OSError: who names one does not want it skipped.
    """
    named = os.environ.get(ENVIRONMENT)
    try:
        lib = ctypes.CDLL(named or "libbpf.so.1", use_errno=True)
    except OSError:
        if named:
            raise
        return None
    lib.libbpf_version_string.restype = ctypes.c_char_p
    if lib.libbpf_major_version() < 1:
        return None
    lib.btf__new.restype = ctypes.c_void_p
    lib.btf__new.argtypes = [ctypes.c_char_p, ctypes.c_uint32]
    lib.btf__parse_raw_split.restype = ctypes.c_void_p
    lib.btf__parse_raw_split.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    lib.btf__dedup.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    lib.btf__raw_data.restype = ctypes.c_void_p
    lib.btf__raw_data.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32)]
    lib.btf__free.restype = None
    lib.btf__free.argtypes = [ctypes.c_void_p]
    lib.libbpf_set_print.restype = ctypes.c_void_p
    lib.libbpf_set_print.argtypes = [ctypes.c_void_p]
    lib.libbpf_set_print(None)
    return lib


def available():
    """Whether `dedup` can be called."""
    return load() is not None


def why_not():
    """Text for the reason of a skip: what was looked for and how to supply it."""
    return f"libbpf >= 1.0 not found (looked for ${ENVIRONMENT}, then libbpf.so.1): dedup has no outside witness"


def version():
    """(major, minor) of the loaded library."""
    lib = load()
    return lib.libbpf_major_version(), lib.libbpf_minor_version()


def version_text():
    """Such as "libbpf v1.1"."""
    return "libbpf " + load().libbpf_version_string().decode()


def dedup(raw, base=None):
    """Raw BTF after btf__dedup with default options; over raw `base`, if there is one, which is left as it is.

    Raises
    ------
    LibbpfError
        btf__new, btf__parse_raw_split or btf__dedup refused.
    """
    lib = load()
    below = None
    if base is not None:
        below = lib.btf__new(base, len(base))
        if not below:
            raise LibbpfError("btf__new", ctypes.get_errno())
    try:
        btf = _new_split(lib, raw, below) if below else lib.btf__new(raw, len(raw))
        if not btf:
            raise LibbpfError("btf__parse_raw_split" if below else "btf__new", ctypes.get_errno())
        try:
            result = lib.btf__dedup(btf, None)
            if result < 0:
                raise LibbpfError("btf__dedup", -result)
            size = ctypes.c_uint32()
            data = lib.btf__raw_data(btf, ctypes.byref(size))
            if not data:
                raise LibbpfError("btf__raw_data", ctypes.get_errno())
            return ctypes.string_at(data, size.value)
        finally:
            lib.btf__free(btf)
    finally:
        if below:
            lib.btf__free(below)


def _new_split(lib, raw, below):
    """btf__new_split, which libbpf.so does not export, by way of a file in memory."""
    with open(os.memfd_create("split.btf"), "wb", buffering=0) as file:
        file.write(raw)
        return lib.btf__parse_raw_split(f"/proc/self/fd/{file.fileno()}".encode(), below)


def n_left(types, kind):
    """Number of types of one kind that the library's dedup leaves."""
    return sum(t.kind == kind for t in wire.unpack(dedup(wire.pack(types))))


# The probes below ask the library itself rather than its version: distributions patch, and fixes get backported.


@functools.cache
def confuses_arrays():
    """Whether the loaded build has the ARRAY fault of btf_dedup_identical_types.

    Came with 5ee9fbf7 (May 2025, v1.6): ``a2 = btf_array(t1)`` compares an array with itself, hence any two arrays of
    equal nelems count as identical where the fallback for types repeated within a unit is consulted.
    """
    return n_left(ARRAY_FAULT, wire.Kind.STRUCT) == 1


@functools.cache
def accepts_repeats():
    """Whether a struct merges with one whose unit repeats a pointer type (5ee9fbf7, v1.6)."""
    return n_left(REPEATED_POINTER, wire.Kind.STRUCT) == 1


@functools.cache
def merges_typedefs_as_graphs():
    """Whether typedefs are merged with structs, before forwards are resolved (37027144, Nov 2025, v1.7)."""
    return n_left(FORWARD_BEHIND_TYPEDEF, wire.Kind.TYPEDEF) == 1


# Unit 1: struct s {int a[4]; int b[4];};  unit 2: struct s {int a[4]; unsigned b[4];}. Two structs are right.
ARRAY_FAULT = [
    wire.int_("int", 4, encoding=1),
    wire.array(1, 1, 4),
    wire.struct_("s", ("a", 2, 0), ("b", 2, 128), size=32),
    wire.int_("int", 4, encoding=1),
    wire.int_("unsigned int", 4),
    wire.array(4, 4, 4),
    wire.array(5, 4, 4),
    wire.struct_("s", ("a", 6, 0), ("b", 7, 128), size=32),
]

# struct s {void *a; void *b;}, once with one PTR and once with two.
REPEATED_POINTER = [
    wire.ptr(0),
    wire.struct_("s", ("a", 1), ("b", 1)),
    wire.ptr(0),
    wire.ptr(0),
    wire.struct_("s", ("a", 3), ("b", 4)),
]

# typedef struct s *t, where s is complete, forward, and (in a third unit) something else: as a reference type the
# second typedef stays, since its forward fits two structs; as a graph it equals the first.
FORWARD_BEHIND_TYPEDEF = [
    wire.struct_("s", ("a", 0)),
    wire.ptr(1),
    wire.typedef("t", 2),
    wire.fwd("s"),
    wire.ptr(4),
    wire.typedef("t", 5),
    wire.struct_("s"),
]
