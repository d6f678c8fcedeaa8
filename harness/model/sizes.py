"""Sizes of types, for variables and for members of structs, and what stands behind a type."""

from __future__ import annotations

import numpy as np

from harness.model import sizes_kernels


def byte_size(types, type_id, pointer_nbytes):
    """Size of a type in bytes as C's sizeof gives it, int, 0 if it has none.

    Parameters
    ----------
    types : TypeTable
    type_id : int
        In the table or its base.
    pointer_nbytes : int
        Size of a pointer in bytes.
    """
    whole = types.flattened()
    return int(sizes_kernels.byte_size(whole.words, whole.start, np.int64(type_id), np.int64(pointer_nbytes)))


def element_type(types, type_id):
    """What stands behind the typedefs, modifiers and arrays of a type, int: 0 for void, sizes_kernels.NO_TYPE where the
    chain leaves the table or is too long. Parameters as of `byte_size`."""
    whole = types.flattened()
    return int(sizes_kernels.element_type(whole.words, whole.start, np.int64(type_id)))


def parameter_sizes(types, pointer_nbytes):
    """What `sizes_kernels.parameter_sizes` says of the types of a table and its bases, by type_id.

    Returns
    -------
    (uint32 (next_id,), uint8 (next_id,)) : size in bytes as a parameter, and whether it is a struct.
    """
    whole = types.flattened()
    size, is_struct = np.zeros(whole.next_id, np.uint32), np.zeros(whole.next_id, np.uint8)
    sizes_kernels.parameter_sizes(whole.words, whole.start, np.int64(pointer_nbytes), size, is_struct)
    return size, is_struct


def behind_modifiers(types, longest):
    """What stands behind the typedefs and modifiers of each type of a table and its bases, by type_id.

    Parameters
    ----------
    types : TypeTable
    longest : int
        How many types a chain may have.

    Returns
    -------
    int64 (next_id,)
        0 for void; sizes_kernels.NO_TYPE where a chain leaves the table or is too long.
    """
    whole = types.flattened()
    out = np.zeros(whole.next_id, np.int64)
    sizes_kernels.behind_modifiers(whole.words, whole.start, np.int64(longest), out)
    return out
