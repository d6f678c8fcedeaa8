"""One kernel or module, read and deduplicated."""

from harness.program.program import Program
from harness.program.read import Silent, read_program

__all__ = ["Program", "Silent", "read_program"]
