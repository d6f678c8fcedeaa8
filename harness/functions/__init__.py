"""Function instances: DWARF subprograms joined with ELF symbols, classes, selection policies, the funnel."""

from harness.functions.join import FunctionTable, Match, SymbolClass, join
from harness.functions.policies import HEADLINE, POLICIES, Reason, Selection, select
from harness.functions.prototypes import Prototypes, prototypes_of
from harness.functions.registers import Fault, Faults, faults_of, read_faults
from harness.functions.rules import DEFAULT, QUIRKS, RULES, SEARCH, STRINGS, Rules, check_quirks, like, rules_of

__all__ = ["DEFAULT", "HEADLINE", "POLICIES", "QUIRKS", "RULES", "SEARCH", "STRINGS", "Fault", "Faults",
           "FunctionTable", "Match", "Prototypes", "Reason", "Rules", "Selection", "SymbolClass", "check_quirks",
           "faults_of", "join", "like", "prototypes_of", "read_faults", "rules_of", "select"]
