"""The tables that every other part hands on: types and strings. Knows neither DWARF nor BTF files."""

from harness.model.grouping import changes
from harness.model.kinds import Kind
from harness.model.layout import (
    MAX_HOPS,
    MODIFIERS,
    STANDARD,
    Layout,
    declared_kind,
    info_word,
    kind_number,
    split_info,
)
from harness.model.place import ABSOLUTE, NOWHERE, Place
from harness.model.tables import VOID, StringTable, TypeTable, concatenate, decl_tags

__all__ = [
    "ABSOLUTE",
    "MAX_HOPS",
    "MODIFIERS",
    "NOWHERE",
    "STANDARD",
    "VOID",
    "Kind",
    "Layout",
    "Place",
    "StringTable",
    "TypeTable",
    "changes",
    "concatenate",
    "decl_tags",
    "declared_kind",
    "info_word",
    "kind_number",
    "split_info",
]
