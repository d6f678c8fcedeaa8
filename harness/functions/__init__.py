"""Function instances: DWARF subprograms joined with ELF symbols, classes, selection policies, the funnel."""

from harness.functions.join import FunctionTable, Match, join
from harness.functions.policies import POLICIES, Reason, Selection, select
from harness.functions.prototypes import Prototypes, build_prototypes

__all__ = ["POLICIES", "FunctionTable", "Match", "Prototypes", "Reason", "Selection", "build_prototypes", "join",
           "select"]
