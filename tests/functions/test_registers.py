"""Register rules: compiled C on this machine's architecture, and DWARF stated in Python for the others."""

import json
import platform

import numpy as np
import pytest

from harness import results, run
from harness.btf import reader
from harness.functions import Fault, conventions, rules_of
from harness.functions.registers import faults_of
from tests.fixtures.build import program
from tests.fixtures.handmade import (
    EM_MIPS,
    EM_PPC,
    EM_PPC64,
    EM_SPARCV9,
    Function,
    Param,
    encode,
    faults,
    prepare,
    reasons,
)
from tests.writers.dwarf import Expr, Locations
from tests.writers.elf import EM_386, EM_AARCH64, EM_ARM, EM_RISCV, EM_S390, EM_X86_64

FINE = Fault(0)
UNEXPECTED, OPTIMIZED = Fault.UNEXPECTED_REGISTER, Fault.OPTIMIZED_PARAMETER
REORDERED, UNCERTAIN = Fault.REORDERED_PARAMETERS, Fault.UNCERTAIN_LOCATION
CLANG = "Debian clang version 14.0.6"

X86_64, AARCH64 = (5, 4, 1, 2, 8, 9), tuple(range(8))

NUMBERED = {
    "x86-64": ({"machine": EM_X86_64}, X86_64),
    "arm64": ({"machine": EM_AARCH64}, AARCH64),
    "arm64 big endian": ({"machine": EM_AARCH64, "byteorder": "big"}, AARCH64),
    "arm": ({"machine": EM_ARM, "bits": 32}, tuple(range(8))),
    "s390x": ({"machine": EM_S390, "byteorder": "big"}, (2, 3, 4, 5, 6)),
}
COUNTED = {
    "ppc64le": ({"machine": EM_PPC64}, tuple(range(3, 11))),
    "ppc64 big endian": ({"machine": EM_PPC64, "byteorder": "big"}, tuple(range(3, 11))),
    "ppc": ({"machine": EM_PPC, "bits": 32, "byteorder": "big"}, tuple(range(3, 11))),
    "riscv64": ({"machine": EM_RISCV}, tuple(range(10, 18))),
    "mips64": ({"machine": EM_MIPS}, tuple(range(4, 12))),
    "sparc64": ({"machine": EM_SPARCV9, "byteorder": "big"}, tuple(range(8, 14))),
}
MACHINES = {**NUMBERED, **COUNTED}
"""Options of `prepare` and the registers of the first arguments, by each machine's ABI."""

machines = pytest.mark.parametrize("machine", MACHINES)
numbered = pytest.mark.parametrize("machine", NUMBERED)
counted = pytest.mark.parametrize("machine", COUNTED)


def names(n):
    return [chr(ord("a") + i) for i in range(n)]


def one(tmp_path, function, **how):
    """Fault of one function under the newest rules."""
    return faults(prepare(tmp_path, function, **how))[function.name]


# Every machine


@machines
@pytest.mark.parametrize("version", [4, 5])
def test_machines__arguments_in_their_registers_are_right(tmp_path, machine, version):
    how, registers = MACHINES[machine]
    made = [Function(f"f{n}", [Param(name, "long", r) for name, r in zip(names(n), registers, strict=False)])
            for n in range(len(registers) + 1)]
    prepared = prepare(tmp_path, *made, version=version, **how)
    assert set(faults(prepared).values()) == {FINE}
    assert set(map(tuple, reasons(prepared).values())) == {("",)}


@machines
def test_machines__arguments_behind_the_registers_may_be_anywhere(tmp_path, machine):
    how, registers = MACHINES[machine]
    params = [Param(name, "int", r) for name, r in zip(names(8), registers, strict=False)]
    behind = [Param("y", "long", Expr(("fbreg", 0))), Param("z", "long", 13)]
    assert one(tmp_path, Function("f", params + behind), **how) == FINE


@numbered
def test_machines__swapped_arguments_are_unexpected(tmp_path, machine):
    how, registers = MACHINES[machine]
    made = Function("f", [Param("a", "long", registers[1]), Param("b", "long", registers[0])])
    prepared = prepare(tmp_path, made, **how)
    assert faults(prepared)["f"] == UNEXPECTED
    assert reasons(prepared, "all") == {"f": [""]}
    assert reasons(prepared, "consistent") == reasons(prepared, "current") == {"f": ["unexpected register"]}


@counted
def test_machines__swapped_arguments_pass_where_registers_have_no_numbers(tmp_path, machine):
    how, registers = MACHINES[machine]
    made = Function("f", [Param("a", "long", registers[1]), Param("b", "long", registers[0])])
    assert one(tmp_path, made, **how) == FINE


@numbered
@pytest.mark.parametrize("last", [False, True])
def test_machines__each_register_is_compared(tmp_path, machine, last):
    how, registers = MACHINES[machine]
    made = []
    for wrong in range(len(registers)):
        params = [Param(name, "long", r) for name, r in zip(names(8), registers, strict=False)]
        params[wrong].place = 31
        made.append(Function(f"f{wrong}", params[: wrong + 1] if last else params))
    assert set(faults(prepare(tmp_path, *made, **how)).values()) == {UNEXPECTED}


@machines
def test_machines__a_parameter_without_location_is_optimized_out(tmp_path, machine):
    how, registers = MACHINES[machine]
    assert one(tmp_path, Function("f", [Param("a", "long", registers[0]), Param("b", "long")]), **how) == OPTIMIZED


@machines
def test_machines__a_place_that_is_no_register_is_optimized_out(tmp_path, machine):
    how, registers = MACHINES[machine]
    places = [Expr(("fbreg", -16)), Expr(("lit", 0), "stack_value"), Expr(), Expr(("breg", 7, 8)), b"\1", Locations([])]
    made = [Function(f"f{n}", [Param("a", "long", place), Param("b", "long", registers[1])])
            for n, place in enumerate(places)]  # fmt: skip
    assert list(faults(prepare(tmp_path, *made, **how)).values()) == [OPTIMIZED] * len(places)


@machines
def test_machines__a_constant_is_optimized_out(tmp_path, machine):
    how, _ = MACHINES[machine]
    for producer in ("GNU C11 12.2.0", CLANG):
        assert one(tmp_path, Function("f", [Param("a", "long", const=5)]), producer=producer, **how) == OPTIMIZED


@machines
def test_machines__entry_values_and_plain_values_of_registers_count(tmp_path, machine):
    how, registers = MACHINES[machine]
    entry_value = Expr(("entry_value", Expr(("reg", registers[0]))), "stack_value")
    made = Function("f", [Param("a", "long", Locations([(0, 4, Expr(("fbreg", 0))), (4, 8, entry_value)])),
                          Param("b", "long", Expr(("breg", registers[1], 0), "stack_value"))])  # fmt: skip
    assert one(tmp_path, made, **how) == FINE


# Several registers for one parameter, or none


@pytest.mark.parametrize("type", ["struct pair", "struct pair_t", "const struct pair", "union either", "__int128"])
def test_slots__two_words_take_two_registers(tmp_path, type):
    wide = Expr(("reg", 5), ("piece", 8), ("reg", 4), ("piece", 8))
    prepared = prepare(tmp_path, Function("right", [Param("a", type, wide), Param("b", "long", 1)]),
                       Function("left", [Param("a", type, wide), Param("b", "long", 4)]))
    assert faults(prepared)["right"] == FINE
    # a struct excuses wrong registers
    assert faults(prepared)["left"] == (FINE if "struct" in type else UNEXPECTED)


def test_slots__on_s390x_one_register_carries_any_aggregate(tmp_path):
    how, _ = MACHINES["s390x"]
    made = [Function(name, [Param("a", "union either", 2), Param("b", "long", r)]) for name, r in (("f", 3), ("g", 4))]
    assert faults(prepare(tmp_path, *made, **how)) == {"f": FINE, "g": UNEXPECTED}


def test_slots__more_than_two_words_are_in_memory_and_still_count_one(tmp_path):
    memory = Expr(("fbreg", 0))
    prepared = prepare(tmp_path, Function("f", [Param("s", "struct large", memory), Param("b", "long", 5)]),
                       Function("g", [Param("s", "struct large", memory), Param("b", "long", 4)]))
    assert faults(prepared) == {"f": OPTIMIZED, "g": OPTIMIZED}
    by_clang = prepare(tmp_path, Function("f", [Param("s", "struct large", memory), Param("b", "long", 5)]),
                       producer=CLANG)
    assert faults(by_clang) == {"f": FINE}


def test_slots__a_struct_anywhere_excuses_wrong_registers(tmp_path):
    def function(name, type):
        return Function(name, [Param("a", "long", 4), Param("b", "long", 5), Param("s", type, 1)])

    kinds = {"struct small": FINE, "struct small_t": FINE, "const struct pair": FINE,
             "struct small*": UNEXPECTED, "union either": UNEXPECTED, "int": UNEXPECTED}  # fmt: skip
    prepared = prepare(tmp_path, *(function(f"f{n}", type) for n, type in enumerate(kinds)))
    assert list(faults(prepared).values()) == list(kinds.values())


def test_slots__a_piece_in_a_wrong_register_is_unexpected(tmp_path):
    made = Function("f", [Param("a", "__int128", Expr(("reg", 4), ("piece", 8), ("reg", 1), ("piece", 8)))])
    assert one(tmp_path, made) == UNEXPECTED


# Abstract and concrete DIEs


def test_origins__what_the_concrete_die_knows_is_shared(tmp_path):
    origin = [Param("a"), Param("b", "int")]
    prepared = prepare(tmp_path, Function("f", [Param("a", place=5), Param("b", "int", 4)], origin),
                       Function("only_origin", [Param("a"), Param("b", "int", 4)], [Param("a", place=5), origin[1]]))
    assert faults(prepared) == {"f": FINE, "only_origin": OPTIMIZED}
    assert reasons(prepared) == {"f": [""], "only_origin": [""]}
    found = faults_of(prepared, rules_of("2026-07"))
    assert found.flags.tolist() == [0, 0, 0, OPTIMIZED]  # abstract, concrete, abstract, concrete


def test_origins__a_wrong_register_is_one_of_the_abstract_die_too(tmp_path):
    prepared = prepare(tmp_path, Function("f", [Param("a", place=4)], [Param("a")]))
    found = faults_of(prepared, rules_of("2026-07"))
    assert found.flags.tolist() == [UNEXPECTED, UNEXPECTED]


@machines
def test_origins__another_order_is_reordered(tmp_path, machine):
    how, registers = MACHINES[machine]
    origin = [Param(name) for name in names(3)]
    params = [Param("a", place=registers[0]), Param("c", place=registers[1]), Param("b")]
    prepared = prepare(tmp_path, Function("f", params, origin, symbols=["f.constprop.0"]), **how)
    assert REORDERED in faults(prepared)["f"] and OPTIMIZED in faults(prepared)["f"]
    assert reasons(prepared) == {"f": ["optimized parameters"]}
    assert not faults(prepared, "1.31")["f"] & REORDERED


@pytest.mark.parametrize(("order", "reordered"), [("abc", False), ("ab", False), ("a", False), ("", False),
                                                  ("acb", True), ("bca", True), ("bc", True), ("ac", True)])
def test_origins__each_parameter_s_place_is_compared(tmp_path, order, reordered):
    params = [Param(name, place=X86_64[n]) for n, name in enumerate(order)]
    flags = one(tmp_path, Function("f", params, [Param(name) for name in "abc"]))
    assert bool(flags & REORDERED) == reordered


def parameters_in_btf(prepared, policy="all", **options):
    """Names of the parameters of each FUNC of `plain`."""
    btf = reader.parse(encode(prepared, policy, **options).files["plain"])
    out = {}
    for type_id in range(1, btf.types.n_types + 1):
        row = btf.types.row(type_id)
        if int(row[1]) >> 24 & 0x1F == 12:
            proto = btf.types.row(int(row[2]))
            out[btf.name(type_id).decode()] = [btf.strings.get(int(name)).decode() for name in proto[3::2]]
    return out


@machines
def test_origins__what_a_reordered_clone_does_not_take_is_not_in_its_prototype(tmp_path, machine):
    how, registers = MACHINES[machine]
    origin = [Param(name) for name in names(4)]
    params = [Param("a", place=registers[0]), Param("c", place=registers[1]), Param("b"), Param("d", const=3)]
    kept = [Param("a", place=registers[0]), Param("b"), Param("c", place=registers[1]), Param("d", const=3)]
    prepared = prepare(tmp_path, Function("moved", params, origin, symbols=["moved.isra.0"]),
                       Function("still", kept, origin, symbols=["still.isra.0"]),
                       Function("variadic", params[:3], origin[:3], variadic=True), **how)  # fmt: skip
    assert parameters_in_btf(prepared) == {"moved": ["a", "c"], "still": names(4), "variadic": ["a", "c", ""]}
    assert parameters_in_btf(prepared, rules="1.31")["moved"] == ["a", "c", "b", "d"]


def test_origins__clones_without_a_parameter_are_left_out_and_others_are_not(tmp_path):
    origin, params = [Param("a"), Param("b")], [Param("a", place=5), Param("b")]
    symbols = {"isra": ["isra.isra.0"], "constprop": ["constprop.constprop.0"], "both": ["both", "both.constprop.1"],
               "plain": ["plain"], "lto": ["lto.lto_priv.0"], "llvm": ["llvm.llvm.12"]}  # fmt: skip
    prepared = prepare(tmp_path, *(Function(name, params, origin, symbols=s) for name, s in symbols.items()))
    assert set(faults(prepared).values()) == {OPTIMIZED}
    left_out = {name for name, why in reasons(prepared).items() if why == ["optimized parameters"]}
    assert left_out == {"isra", "constprop", "both"}
    assert {why for name in symbols.keys() - left_out for why in reasons(prepared)[name]} == {""}
    assert {why for each in reasons(prepared, rules="1.31").values() for why in each} == {""}


# clang


def test_clang__without_nocall_only_registers_are_compared(tmp_path):
    places = {"stack": (Expr(("fbreg", 0)), 4), "nowhere": (None, 4), "swapped": (4, 5), "right": (5, 4)}
    made = [Function(name, [Param("a", place=a), Param("b", place=b)]) for name, (a, b) in places.items()]
    by_clang = faults(prepare(tmp_path, *made, producer=CLANG))
    assert by_clang == {"stack": FINE, "nowhere": OPTIMIZED, "swapped": UNEXPECTED, "right": FINE}
    assert faults(prepare(tmp_path, *made))["stack"] == OPTIMIZED


def test_clang__any_register_of_a_wide_parameter_is_right(tmp_path):
    made = Function("f", [Param("a", "__int128", Expr(("piece", 8), ("reg", 4), ("piece", 8))), Param("b", place=1)])
    assert one(tmp_path, made, producer=CLANG) == FINE
    assert one(tmp_path, made) == UNEXPECTED


def test_clang__nocall_is_judged_as_gcc_s_and_left_out_without_a_parameter(tmp_path):
    def functions(nocall):
        origin = [Param("a"), Param("b")]
        return [Function("stack", [Param("a", place=5), Param("b", place=Expr(("fbreg", 0)))], origin, nocall=nocall),
                Function("gone", [Param("a", place=5), Param("b")], origin, nocall=nocall),
                Function("right", [Param("a", place=5), Param("b", place=4)], origin, nocall=nocall)]  # fmt: skip

    changed = prepare(tmp_path, *functions(True), producer=CLANG)
    assert faults(changed) == {"stack": OPTIMIZED, "gone": OPTIMIZED, "right": FINE}
    assert reasons(changed) == {"stack": ["optimized parameters"], "gone": ["optimized parameters"], "right": [""]}
    same = prepare(tmp_path, *functions(False), producer=CLANG)
    assert faults(same) == {"stack": FINE, "gone": OPTIMIZED, "right": FINE}
    assert set(map(tuple, reasons(same).values())) == {("",)}


@counted
def test_clang__registers_pass_where_they_have_no_numbers(tmp_path, machine):
    how, registers = MACHINES[machine]
    assert one(tmp_path, Function("f", [Param("a", place=registers[0])]), producer=CLANG, **how) == FINE


def test_clang__nocall_of_another_compiler_is_nothing(tmp_path):
    made = Function("f", [Param("a", place=5), Param("b")], [Param("a"), Param("b")], nocall=True)
    assert reasons(prepare(tmp_path, made)) == {"f": [""]}


# Packed structs by value


PACKED = {"struct packed": True, "struct odd": True, "struct holes": False, "struct chars": False,
          "struct small": False, "struct": False, "union either": False, "struct packed*": False,
          "struct packed_t": False, "const struct packed": False}
"""Whether a parameter of a type is a packed struct by value: of a name, and itself no typedef."""


@machines
def test_uncertain__packed_structs_behind_the_registers(tmp_path, machine):
    how, registers = MACHINES[machine]
    params = [Param(name, "long", r) for name, r in zip(names(8), registers, strict=False)]
    made = []
    for n, type in enumerate(PACKED):
        made += [Function(f"behind{n}", [*params, Param("s", type, Expr(("fbreg", 0)))]),
                 Function(f"last{n}", [*params[:-1], Param("s", type, registers[-1])])]
    prepared = prepare(tmp_path, *made, **how)
    found, why = faults(prepared), reasons(prepared)
    assert {type: UNCERTAIN in found[f"behind{n}"] for n, type in enumerate(PACKED)} == PACKED
    assert {type: why[f"behind{n}"] == ["uncertain parameter location"] for n, type in enumerate(PACKED)} == PACKED
    assert not any(UNCERTAIN in found[f"last{n}"] for n in range(len(PACKED)))
    assert not any(UNCERTAIN in flags for flags in faults(prepared, "1.25").values())


# Machines without a rule


def test_unsupported__is_never_judged_by_register_and_says_so(tmp_path):
    made = [Function("swapped", [Param("a", place=2), Param("b", place=0)]),
            Function("stack", [Param("a", place=Expr(("fbreg", 0))), Param("b", place=Expr(("fbreg", 4)))]),
            Function("clone", [Param("a", place=2)], symbols=["clone.isra.0"])]  # fmt: skip
    prepared = prepare(tmp_path, *made, machine=EM_386, bits=32)
    assert set(faults(prepared).values()) == {FINE}
    assert set(map(tuple, reasons(prepared).values())) == {("",)}
    encoded = run.encode(prepared, "current", ["plain"])
    assert encoded.faults.convention.registers == () and not encoded.faults.convention.numbered


def test_unsupported__has_no_registers_for_a_packed_struct_to_be_in(tmp_path):
    made = Function("f", [Param("s", "struct packed", Expr(("fbreg", 0)))])
    prepared = prepare(tmp_path, made, machine=EM_386, bits=32)
    assert faults(prepared) == {"f": UNCERTAIN} and reasons(prepared) == {"f": ["uncertain parameter location"]}


@pytest.mark.parametrize(("how", "says"), [({"machine": EM_386, "bits": 32}, "unsupported"), (COUNTED["riscv64"][0],
                                           "counted"), (NUMBERED["s390x"][0], "numbered")])  # fmt: skip
def test_unsupported__the_manifest_says_how_registers_were_judged(tmp_path, how, says):
    prepared = prepare(tmp_path, Function("f", [Param("a", place=2)]), **how)
    results.save(tmp_path / "out", prepared, run.encode(prepared, "current", ["plain"]))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["policies"]["current"]["registers"] == says


def test_conventions__are_of_known_machines_and_of_distinct_registers():
    for machine, convention in conventions.CONVENTIONS.items():
        assert machine.startswith("EM_") and convention.source
        assert 5 <= len(convention.registers) <= 8
        assert not convention.numbered or len(set(convention.registers)) == len(convention.registers)
    assert conventions.convention("EM_386") is conventions.NONE is conventions.convention(77)


# Compiled C


here = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the compiled cases are x86-64's")


@pytest.fixture(scope="module", params=["-gdwarf-4", "-gdwarf-5"])
def compiled(request):
    return run.prepare(program("registers", debug=request.param).path, threads=1)


@here
@pytest.mark.parametrize("name", ["plain", "ignores_first", "six", "variadic", "in_two", "padded_seventh", "old_style",
                                  "both_ways"])  # fmt: skip
def test_compiled__what_keeps_the_convention_is_fine(compiled, name):
    assert faults(compiled)[name] == FINE
    assert reasons(compiled, "consistent")[name] == reasons(compiled, "current")[name] == [""]


@here
@pytest.mark.parametrize("name", ["nine", "in_memory", "wide", "packed_sixth"])
def test_compiled__a_parameter_on_the_stack_leaves_no_function_out(compiled, name):
    assert not faults(compiled)[name] & (UNEXPECTED | REORDERED | UNCERTAIN)
    assert reasons(compiled, "current")[name] == [""]


@here
def test_compiled__a_struct_in_memory_has_no_register(compiled):
    assert faults(compiled)["in_memory"] == OPTIMIZED


@here
def test_compiled__a_packed_struct_behind_the_registers_is_uncertain(compiled):
    assert UNCERTAIN in faults(compiled)["packed_seventh"]
    for policy in ("consistent", "current"):
        assert reasons(compiled, policy)["packed_seventh"] == ["uncertain parameter location"]
    assert reasons(compiled, "all")["packed_seventh"] == [""]


@here
def test_compiled__a_packed_struct_may_end_in_a_bit_field(compiled):
    assert UNCERTAIN in faults(compiled)["packed_bits_seventh"]


@here
def test_compiled__a_parameter_without_a_name_leaves_its_function_out(compiled):
    for policy in ("all", "consistent", "current"):
        assert reasons(compiled, policy)["unnamed"] == ["unnamed parameter"]


@here
def test_compiled__an_inline_with_code_takes_its_parameters_from_its_origin(compiled):
    f = compiled.dies
    rows = [die for die in compiled.instances.die.tolist()
            if compiled.strings.get(int(f.name_off[die])) == b"both_ways"]  # fmt: skip
    assert rows
    for die in rows:
        params = range(int(f.param_start[die]), int(f.param_start[die + 1]))
        assert all(f.param_origin[p] >= 0 and f.param_reg[p] == X86_64[k] for k, p in enumerate(params))
        assert len(params) == 2


def clones(prepared):
    """Names of the clones found, and how many parameters of their DIEs are in no register."""
    t, f = prepared.instances, prepared.dies
    out = {}
    for i in np.flatnonzero(t.clone).tolist():
        params = slice(int(f.param_start[t.die[i]]), int(f.param_start[t.die[i] + 1]))
        name = prepared.strings.get(int(t.name_off[i])).decode()
        out[name] = int((f.param_reg[params] < 0).sum())
    return out


@here
@pytest.mark.parametrize("options", [(), ("-fno-ipa-cp",)], ids=["constprop", "isra"])
def test_compiled__clones_without_a_parameter_are_left_out(options):
    prepared = run.prepare(program("registers", extra=options).path, threads=1)
    found = clones(prepared)
    if not found:
        pytest.skip("this compiler makes no clones of it")
    flags = faults(prepared)
    for name, n_missing in found.items():
        assert bool(n_missing) == bool(flags[name] & OPTIMIZED), name
        why = reasons(prepared, "current")[name]
        assert reasons(prepared, "consistent")[name] == why
        assert (why == [""]) == (flags[name] == FINE), (name, why)
        if n_missing:
            assert why == ["optimized parameters"]
            assert reasons(prepared, "current", rules="1.24")[name] == ["symbol with a suffix"]
    # one that lost its middle parameter has the last one where the middle one would be
    for name in {"middle_constant", "middle_unused"} & {name for name, n in found.items() if n == 1}:
        assert flags[name] & (REORDERED | UNEXPECTED), name
    proto = parameters_in_btf(prepared)
    for name, n_missing in found.items():
        assert len(proto[name]) == 3 - n_missing * bool(flags[name] & REORDERED), name


@pytest.mark.parametrize("compiler", ["s390x-linux-gnu-gcc", "arm-linux-gnueabihf-gcc"])
def test_compiled__for_other_machines(compiler):
    prepared = run.prepare(program("registers", compiler=compiler).path, threads=1)
    found = faults(prepared)
    for name in ("plain", "ignores_first", "both_ways", "old_style"):
        assert found[name] == FINE, name
    # arm passes two longs behind the fourth on the stack, though pahole expects eight registers
    assert found["six"] & ~OPTIMIZED == found["nine"] & ~OPTIMIZED == FINE
    uncertain = {name for name in found if found[name] & UNCERTAIN}
    assert uncertain - {"packed_bits_seventh"} == (
        {"packed_sixth", "packed_seventh"} if "s390x" in compiler else set())
