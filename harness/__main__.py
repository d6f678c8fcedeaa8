"""``python -m harness`` is ``btf-harness``."""

from harness.cli import entry

entry()
