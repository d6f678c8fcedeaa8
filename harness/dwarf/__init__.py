"""The walk over DWARF units and DIEs, compiled with numba: type rows, function instances, variables."""

from harness.dwarf.walk import Walk, walk

__all__ = ["Walk", "walk"]
