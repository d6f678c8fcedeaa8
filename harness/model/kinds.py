"""The kinds of BTF types (Documentation/bpf/btf.rst 2.2; include/uapi/linux/btf.h, v6.12)."""

from enum import IntEnum


class Kind(IntEnum):
    """BTF_KIND_*, with the numbers of the wire format.

    The location kinds are in no released kernel (bpf-next, September 2026), and FUNC_ADDR was never proposed under a
    number: files have them only in the layout of an encoding, see harness.model.layout.Layout.with_kinds.
    """

    VOID = 0
    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19
    LOC_PARAM = 20
    LOC_PROTO = 21
    LOCSEC = 22
    FUNC_ADDR = 23
