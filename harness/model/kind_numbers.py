"""The numbers of kinds as compiled code takes them: plain int, which numba makes constants of."""

from harness.model.kinds import Kind

INT = int(Kind.INT)
PTR = int(Kind.PTR)
ARRAY = int(Kind.ARRAY)
STRUCT = int(Kind.STRUCT)
UNION = int(Kind.UNION)
ENUM = int(Kind.ENUM)
FWD = int(Kind.FWD)
TYPEDEF = int(Kind.TYPEDEF)
VOLATILE = int(Kind.VOLATILE)
CONST = int(Kind.CONST)
RESTRICT = int(Kind.RESTRICT)
FUNC = int(Kind.FUNC)
FUNC_PROTO = int(Kind.FUNC_PROTO)
VAR = int(Kind.VAR)
DATASEC = int(Kind.DATASEC)
FLOAT = int(Kind.FLOAT)
DECL_TAG = int(Kind.DECL_TAG)
TYPE_TAG = int(Kind.TYPE_TAG)
ENUM64 = int(Kind.ENUM64)
