"""The tables that every other part hands on: types and strings. Knows neither DWARF nor BTF files."""

from harness.model.kinds import Kind
from harness.model.place import ABSOLUTE, NOWHERE, Place
from harness.model.tables import VOID, StringTable, TypeTable, concatenate, info_word

__all__ = ["ABSOLUTE", "NOWHERE", "VOID", "Kind", "Place", "StringTable", "TypeTable", "concatenate", "info_word"]
