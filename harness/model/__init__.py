"""The tables that every other part hands on: types and strings. Knows neither DWARF nor BTF files."""

from harness.model.kinds import Kind
from harness.model.tables import VOID, StringTable, TypeTable, concatenate, info_word

__all__ = ["VOID", "Kind", "StringTable", "TypeTable", "concatenate", "info_word"]
