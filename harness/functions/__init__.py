"""Function instances: DWARF subprograms joined with ELF symbols, classes, selection policies, the funnel."""

from harness.functions.join import FunctionTable, Match, SymbolClass, join
from harness.functions.policies import POLICIES, Reason, Selection, select
from harness.functions.prototypes import Prototypes, build_prototypes
from harness.functions.registers import Fault, Faults, read_faults
from harness.functions.rules import DEFAULT, QUIRKS, RULES, check_quirks, rules_of

__all__ = ["DEFAULT", "POLICIES", "QUIRKS", "RULES", "Fault", "Faults", "FunctionTable", "Match", "Prototypes",
           "Reason", "Selection", "SymbolClass", "build_prototypes", "check_quirks", "join", "read_faults", "rules_of",
           "select"]
