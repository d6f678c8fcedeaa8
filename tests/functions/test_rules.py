"""The rules of pahole's versions, its quirks, and the reasons they give, each with a smallest example."""

import dataclasses
from collections import Counter

import pytest

from harness import run
from harness.btf import reader
from harness.errors import UsageError
from harness.functions import DEFAULT, POLICIES, QUIRKS, RULES, Match, check_quirks, rules_of
from harness.functions.policies import REASON_TEXT, Reason
from harness.model import Kind
from harness.model import words as wd
from harness.results.selection import counts_of
from tests.fixtures.build import program
from tests.fixtures.handmade import EM_PPC64, Function, Param, encode, faults, prepare, reasons
from tests.writers.dwarf import Expr, Locations
from tests.writers.elf import EM_AARCH64, EM_ARM, EM_LOONGARCH, EM_RISCV, EM_X86_64

V24, V25, V30, V31, V26_07, V32 = "1.24", "1.25", "1.30", "1.31", "2026-07", "1.32"
KEPT = ""
SHARED, UNEXPECTED, CLASH, UNCERTAIN, REORDERED, OPTIMIZED, AMBIGUOUS, SUFFIXED = (REASON_TEXT[r] for r in (
    Reason.SHARED_NAME, Reason.UNEXPECTED_REGISTER, Reason.INCONSISTENT_PROTOTYPE, Reason.UNCERTAIN_LOCATION,
    Reason.REORDERED_PARAMETERS, Reason.OPTIMIZED_PARAMETERS, Reason.AMBIGUOUS_ADDRESS,
    Reason.SUFFIXED_SYMBOL))  # fmt: skip

FRAME = Expr(("fbreg", 0))


def on_entry(register):
    return Expr(("entry_value", Expr(("reg", register))), "stack_value")


def longs(names, *places):
    return [Param(name, place=place) for name, place in zip(names, places, strict=True)]


def two_of(first, second, **how):
    """Functions f of two units, with one parameter each."""
    return [Function("f", [Param("a", first, 5)], unit=0, **how), Function("f", [Param("a", second, 5)], unit=1, **how)]


SIX = longs("abcdef", 5, 4, 1, 2, 8, 9)

EXAMPLES = {
    "a wrong register": (
        [Function("f", longs("ab", 4, 5))],
        {V24: [KEPT], V25: [UNEXPECTED], V30: [UNEXPECTED], V31: [UNEXPECTED], V26_07: [UNEXPECTED]}),
    "a register behind one that is two words wide": (
        [Function("f", [Param("a", "__int128", Expr(("reg", 5), ("piece", 8), ("reg", 4), ("piece", 8))),
                        Param("b", place=1)])],
        {V24: [KEPT], V25: [UNEXPECTED], V30: [UNEXPECTED], V31: [UNEXPECTED], V26_07: [KEPT]}),
    "a wrong register that is right in an entry value": (
        [Function("f", [Param("a", place=Locations([(0, 4, Expr(("reg", 4))), (4, 8, on_entry(5))]))])],
        {V24: [KEPT], V25: [UNEXPECTED], V30: [KEPT], V31: [KEPT], V26_07: [UNEXPECTED]}),
    "a wrong register in an entry value alone": (
        [Function("f", [Param("a", place=Locations([(0, 4, FRAME), (4, 8, on_entry(4))]))])],
        {V24: [KEPT], V25: [KEPT], V30: [UNEXPECTED], V31: [UNEXPECTED], V26_07: [UNEXPECTED]}),
    "a clone without a parameter": (
        [Function("f", longs("ab", 5, None), longs("ab", None, None), symbols=["f.isra.0"])],
        {V24: [SUFFIXED], V25: [KEPT], V30: [KEPT], V31: [KEPT], V26_07: [OPTIMIZED]}),
    "a clone with all of them": (
        [Function("f", longs("ab", 5, 4), longs("ab", None, None), symbols=["f.constprop.0"])],
        {V24: [SUFFIXED], V25: [KEPT], V30: [KEPT], V31: [KEPT], V26_07: [KEPT]}),
    "parameters in another order": (
        [Function("f", longs("ba", 5, 4), longs("ab", None, None))],
        {V24: [KEPT], V25: [KEPT], V30: [KEPT], V31: [KEPT], V26_07: [REORDERED]}),
    "a packed struct on the stack": (
        [Function("f", [*SIX, Param("s", "struct packed", FRAME)])],
        {V24: [KEPT], V25: [KEPT], V30: [KEPT], V31: [UNCERTAIN], V26_07: [UNCERTAIN]}),
    "one prototype at two addresses": (
        two_of("long", "long"),
        {V24: [KEPT, SHARED], V25: [KEPT, SHARED], V30: [KEPT, SHARED], V31: [AMBIGUOUS] * 2, V26_07: [AMBIGUOUS] * 2}),
    "two prototypes at two addresses": (
        two_of("long", "int"),
        {V24: [KEPT, SHARED], V25: [CLASH] * 2, V30: [CLASH] * 2, V31: [AMBIGUOUS] * 2, V26_07: [AMBIGUOUS] * 2}),
    "two prototypes at one address": (
        two_of("long", "int", address=0x10000),
        {V24: [KEPT, SHARED], V25: [CLASH] * 2, V30: [CLASH] * 2, V31: [CLASH] * 2, V26_07: [CLASH] * 2}),
    "callbacks that take other types": (
        two_of("fn(int)->int*", "fn(long)->int*", address=0x10000),
        {V24: [KEPT, SHARED], V25: [CLASH] * 2, V30: [KEPT, SHARED], V31: [KEPT] * 2, V26_07: [CLASH] * 2}),
    "callbacks that take more": (
        two_of("fn(int)->int*", "fn(int,int)->int*", address=0x10000),
        {V24: [KEPT, SHARED], V25: [CLASH] * 2, V30: [CLASH] * 2, V31: [CLASH] * 2, V26_07: [CLASH] * 2}),
    "callbacks that return other types": (
        two_of("fn(int)->int*", "fn(int)->long*", address=0x10000),
        {V24: [KEPT, SHARED], V25: [CLASH] * 2, V30: [CLASH] * 2, V31: [CLASH] * 2, V26_07: [CLASH] * 2}),
}
"""Functions, and what `current` makes of their instances under each version's rules."""


@pytest.mark.parametrize("example", EXAMPLES)
def test_rules__what_current_says_in_each_version(tmp_path, example):
    functions, expected = EXAMPLES[example]
    prepared = prepare(tmp_path, *functions)
    assert {rules: reasons(prepared, rules=rules)["f"] for rules in RULES} == {**expected, V32: expected[V26_07]}
    assert reasons(prepared)["f"] == expected[V26_07]
    assert {why for rules in RULES for why in reasons(prepared, "all", rules=rules)["f"]} == {KEPT}


def test_rules__each_version_differs_from_the_next_in_some_example():
    versions = [V24, V25, V30, V31, V26_07]
    assert [*versions, V32] == list(RULES) and RULES[V32]._replace(
        version=V26_07, addressed=False, forms=RULES[V26_07].forms, about=RULES[V26_07].about) == RULES[V26_07]
    for older, newer in zip(versions, versions[1:], strict=False):
        assert any(expected[older] != expected[newer] for _, expected in EXAMPLES.values())


def test_rules__consistent_leaves_several_addresses_and_1_24_compares_nothing(tmp_path):
    same, other = two_of("long", "long"), two_of("long", "int")
    for rules in RULES:
        assert reasons(prepare(tmp_path, *same), "consistent", rules=rules) == {"f": [KEPT] * 2}
        expected = KEPT if rules == V24 else CLASH
        assert reasons(prepare(tmp_path, *other), "consistent", rules=rules) == {"f": [expected] * 2}


@pytest.mark.parametrize(("one", "other", "clashes"), [
    ("int", "unsigned", True), ("int", "const int", False), ("char*", "const char*", False), ("char*", "int*", True),
    ("struct small", "struct odd", True), ("struct small", "struct small_t", True), ("char*", "const char*_t", True),
    ("int", "long", True), ("__int128", "struct pair", True)])  # fmt: skip
def test_rules__types_are_compared_and_names_of_parameters_are_not(tmp_path, one, other, clashes):
    prepared = prepare(tmp_path, Function("f", [Param("a", one, 5)], unit=0),
                       Function("f", [Param("another", other, 5)], unit=1))
    assert reasons(prepared, "consistent") == {"f": [CLASH if clashes else KEPT] * 2}


def test_rules__the_number_of_parameters_and_the_return_type_are_compared(tmp_path):
    first = Function("f", [Param("a", place=5)])
    for second in (Function("f", [], unit=1), Function("f", longs("ab", 5, 4), unit=1),
                   Function("f", [Param("a", place=5)], variadic=True, unit=1),
                   Function("f", [Param("a", place=5)], returns="long", unit=1),
                   Function("f", [Param("a", place=5)], returns=None, unit=1)):  # fmt: skip
        assert reasons(prepare(tmp_path, first, second), "consistent") == {"f": [CLASH] * 2}


def test_rules__a_fault_of_one_instance_is_one_of_its_name(tmp_path):
    prepared = prepare(tmp_path, Function("f", longs("ab", 5, 4)), Function("f", longs("ab", 4, 5), unit=1))
    assert reasons(prepared, "consistent") == {"f": [UNEXPECTED] * 2}


def test_rules__how_closely_locations_are_read(tmp_path):
    made = {"first": Expr(("reg", 5)), "value": Expr(("breg", 5, 0), "stack_value"),
            "later": Locations([(0, 4, FRAME), (4, 8, on_entry(5))]), "frame": FRAME, "nothing": Expr()}
    prepared = prepare(tmp_path, *(Function(name, [Param("a", place=place)]) for name, place in made.items()))
    optimized = {rules: {name for name, flags in faults(prepared, rules).items() if flags} for rules in RULES}
    assert optimized == {V24: set(), V25: {"value", "later", "frame"}, V30: {"value", "frame", "nothing"},
                         V31: {"value", "frame", "nothing"}, V26_07: {"frame", "nothing"},
                         V32: {"frame", "nothing"}}  # fmt: skip


def test_rules__1_24_knows_no_function_by_a_suffixed_symbol_elsewhere(tmp_path):
    made = [Function("f", [Param("a", place=5)], symbols=[]), Function("g", symbols=["g", "f.isra.0"])]
    assert KEPT not in reasons(prepare(tmp_path, *made), rules=V24)["f"]


def test_rules__a_function_of_which_only_a_piece_has_a_symbol(tmp_path):
    # such as one whose .part body is another function's, too, so that no DIE has its code
    prepared = prepare(tmp_path, Function("f", [Param("a", place=None)], code=None, symbols=["f.part.0"]),
                       Function("g", [Param("a", place=5)]))
    part = REASON_TEXT[Reason.PARTIAL_BODY]
    assert [Match(m).name for m in prepared.instances.match] == ["EXACT", "PART"]
    for rules in RULES:
        kept = rules in (V25, V30)
        assert reasons(prepared, rules=rules) == {"f": [KEPT if kept else part], "g": [KEPT]}, rules
        assert reasons(prepared, "all", rules=rules)["f"] == [part]
    whole = prepare(tmp_path, Function("f", [Param("a", place=None)], code=None, symbols=["f.part.0", "f"]))
    assert reasons(whole) == {"f": [KEPT]}


def parameters(prepared, **options):
    """Names of the parameters of each FUNC under `current`."""
    btf = reader.parse(encode(prepared, **options).files["plain"])
    out = {}
    for type_id in btf.types.ids_of(Kind.FUNC).tolist():
        entries = wd.entries_of(Kind.FUNC_PROTO, btf.types.row(int(btf.types.row(type_id)[wd.SIZE_TYPE])))
        names = [btf.strings.get(name).decode() for name in entries[:, wd.ENTRY_NAME].tolist()]
        out.setdefault(btf.name(type_id).decode(), []).append(names)
    return out


def test_rules__older_ones_describe_a_function_by_the_first_die_of_its_name(tmp_path):
    # which has no code, and calls its parameter otherwise: such as kernel/sys_ni.c does of system calls
    prepared = prepare(tmp_path, Function("f", [Param("a", place=None)], code=None, symbols=[]),
                       Function("f", [Param("b", place=5)], unit=1))
    for rules in RULES:
        expected = "b" if rules in (V26_07, V32) else "a"
        assert parameters(prepared, rules=rules) == {"f": [[expected]]}, rules
        assert parameters(prepared, policy="consistent", rules=rules) == {"f": [["b"]]}
    ranges = prepare(tmp_path, Function("f", [Param("a", place=None)], code=None, symbols=[]),
                     Function("f", [Param("b", place=5)], unit=1, code="ranges"))
    assert parameters(ranges) == {"f": [["b"]]}
    assert parameters(ranges, quirks=["no-ranges"]) == {"f": [["a"]]}


def test_rules__a_program_of_other_forms_is_refused(tmp_path):
    prepared = prepare(tmp_path, Function("f"))
    with pytest.raises(UsageError, match="--rules: expected a program read for Forms"):
        run.encode(prepared, "current", ["plain"], rules=V24)


# Quirks


def test_quirks__part_flags_lets_a_partial_body_spoil_its_parent(tmp_path):
    prepared = prepare(tmp_path, Function("f", longs("ab", 5, 4)),
                       Function("f", longs("ab", 4, 5), symbols=["f.part.0"]),
                       Function("g", [Param("a", place=5)]), Function("g", [Param("a", "int", 5)], symbols=["g.cold"]))
    part = REASON_TEXT[Reason.PARTIAL_BODY]
    assert reasons(prepared) == {"f": [KEPT, part], "g": [KEPT, part]}
    assert reasons(prepared, quirks=["part-flags"]) == {"f": sorted([UNEXPECTED, part]), "g": sorted([CLASH, part])}


def test_quirks__no_ranges_does_not_see_a_clone_of_several_ranges(tmp_path):
    origin, params = longs("ab", None, None), longs("ab", 5, None)
    prepared = prepare(tmp_path, Function("f", params, origin, symbols=["f.isra.0"], code="ranges"),
                       Function("g", params, origin, symbols=["g.isra.0"]))
    assert reasons(prepared) == {"f": [OPTIMIZED], "g": [OPTIMIZED]}
    assert reasons(prepared, quirks=["no-ranges"]) == {"f": [KEPT], "g": [OPTIMIZED]}
    assert reasons(prepared, quirks=["part-flags"]) == {"f": [OPTIMIZED], "g": [OPTIMIZED]}


CLONE = (longs("ab", 0, None), longs("ab", None, None))
"""Parameters and origin of a clone that lacks its second parameter, where arguments begin in register 0."""


def test_quirks__patchable_entry_does_not_see_a_symbol_before_the_code(tmp_path):
    prepared = prepare(tmp_path, Function("f", *CLONE, symbols=["f.isra.0"], lead=8, address=0x10000),
                       Function("g", [Param("a", place=0)], symbols=["g"], lead=8, address=0x10020),
                       Function("g", [Param("a", place=0)], symbols=["g"], lead=8, address=0x10040, unit=1),
                       Function("behind", [Param("a", place=0)], lead=16, address=0x10060), machine=EM_AARCH64)
    table = prepared.instances
    assert table.address.tolist() == [0x10000, 0x10020, 0x10040, 0x10070, 0x10060]
    assert [Match(m).name for m in table.match] == ["SUFFIX", "EXACT", "EXACT", "OVERRIDDEN", "FALLBACK"]
    assert table.moved.tolist() == [True, True, True, False, False]
    assert reasons(prepared, "consistent")["f"] == [OPTIMIZED]
    assert reasons(prepared, "consistent", quirks=["patchable-entry"])["f"] == [KEPT]


@pytest.mark.parametrize(("rules", "expected"), [(V26_07, "a"), (V32, "b")])
def test_quirks__patchable_entry_since_1_32_prefers_a_die_with_an_address(tmp_path, rules, expected):
    # as pahole 1.32 was seen to do, 1436daf not: the weak system call in sys_ni.c that gcc made an alias has no address
    alias = Function("f", [Param("a", place=None)], code=None, symbols=[])
    moved = [Function("f", [Param(name, place=0)], lead=8, address=address, unit=unit, symbols=symbols)
             for name, address, unit, symbols in (("b", 0x10000, 1, ["f"]), ("c", 0x10040, 2, []))]
    quirks = ["patchable-entry"]
    prepared = prepare(tmp_path, alias, *moved, machine=EM_RISCV)
    assert parameters(prepared, rules=rules) == {"f": [["b"]]}
    assert parameters(prepared, rules=rules, quirks=quirks) == {"f": [[expected]]}
    ranges = prepare(tmp_path, alias, dataclasses.replace(moved[0], code="ranges"), machine=EM_RISCV)
    assert parameters(ranges, rules=rules, quirks=quirks) == {"f": [[expected]]}
    assert parameters(ranges, rules=rules, quirks=[*quirks, "no-ranges"]) == {"f": [["a"]]}


def longs_of_clone(machine):
    return longs("ab", 5 if machine == EM_X86_64 else 0, None), longs("ab", None, None)


@pytest.mark.parametrize("machine", [EM_RISCV, EM_LOONGARCH, EM_PPC64, EM_X86_64])
@pytest.mark.parametrize("lead", [4, 8, 12, 15])
def test_quirks__patchable_entry_is_of_every_machine_and_number_of_nops(tmp_path, machine, lead):
    clone = Function("f", *longs_of_clone(machine), symbols=["f.isra.0"], lead=lead, address=0x10000)
    prepared = prepare(tmp_path, clone, machine=machine)
    assert prepared.instances.address.tolist() == [0x10000] and prepared.instances.moved.tolist() == [True]
    if machine != EM_LOONGARCH:  # no rules are known for its registers
        assert reasons(prepared, "consistent")["f"] == [OPTIMIZED]
    assert reasons(prepared, "consistent", quirks=["patchable-entry"])["f"] == [KEPT]


def test_join__a_thumb_function_s_symbol_is_at_its_address(tmp_path):
    prepared = prepare(tmp_path, Function("f", *CLONE, symbols=["f.isra.0"], lead=-1, address=0x10001),
                       machine=EM_ARM, bits=32)
    assert prepared.instances.address.tolist() == [0x10000]
    assert [Match(m).name for m in prepared.instances.match] == ["SUFFIX"]
    assert reasons(prepared) == {"f": [OPTIMIZED]}


def test_quirks__unnumbered_clang_takes_every_register_for_a_wrong_one(tmp_path):
    prepared = prepare(tmp_path, Function("f", [Param("a", place=10)]), machine=EM_RISCV,
                       producer="Debian clang version 14.0.6")
    assert reasons(prepared) == {"f": [KEPT]}
    assert reasons(prepared, quirks=["unnumbered-clang"]) == {"f": [UNEXPECTED]}


def test_quirks__are_remembered_with_the_rules(tmp_path):
    prepared = prepare(tmp_path, Function("f"))
    encoded = encode(prepared, rules=V31, quirks=["part-flags", "no-ranges"])
    assert (encoded.rules, encoded.quirks) == (V31, ("no-ranges", "part-flags"))
    assert run.encode(prepared, "current", ["plain"]).rules == DEFAULT == V32


# Errors


def test_errors__unknown_rules_and_quirks(tmp_path):
    prepared = prepare(tmp_path, Function("f"))
    for wrong in ("1.26", "", "1.31 ", "2026"):
        expected = f"--rules: expected one of {', '.join(RULES)}, found {wrong!r}"
        for call in (lambda wrong=wrong: rules_of(wrong), lambda wrong=wrong: run.encode(prepared, rules=wrong)):
            with pytest.raises(UsageError) as caught:
                call()
            assert expected in str(caught.value)
    for wrong in (["ranges"], ["part-flags", ""], "part-flags"):
        with pytest.raises(UsageError, match=f"--quirk: expected one of {', '.join(QUIRKS)}, found '"):
            check_quirks(wrong)
        with pytest.raises(UsageError, match="--quirk: expected one of"):
            run.encode(prepared, quirks=wrong)
    assert check_quirks(()) == frozenset() and check_quirks(QUIRKS) == {
        "part-flags", "no-ranges", "patchable-entry", "unnumbered-clang", "kfunc-search", "strings"}


# Reasons


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """Instances that reach every reason under some rules."""
    return prepare(
        tmp_path_factory.mktemp("every"),
        Function("fine", [Param("a", place=5)]),
        Function("unexpected", [Param("a", place=4)]),
        *(Function("clash", [Param("a", type, 5)], unit=0, address=0x11000) for type in ("long", "int")),
        Function("uncertain", [*SIX, Param("s", "struct packed", FRAME)]),
        Function("reordered", longs("ba", 5, 4), longs("ab", None, None)),
        Function("optimized", longs("ab", 5, None), longs("ab", None, None), symbols=["optimized.isra.0"]),
        Function("ambiguous"), Function("ambiguous"),
        Function("unnamed", [Param(None, place=5)]),
        Function("partial"), Function("partial", symbols=["partial.part.0"]),
        Function("alias", symbols=["other_name"]),
        Function("overridden"), Function("overridden", symbols=[]),
        Function("gone", symbols=[]),
        Function("not$expressible"),
    )  # fmt: skip


SELECTIONS = [(policy, rules, quirks) for policy in POLICIES for rules in RULES
              for quirks in ((), ("part-flags", "no-ranges"))]


def test_reasons__each_is_reached(every):
    found = set()
    for policy, rules, quirks in SELECTIONS:
        found |= set(encode(every, policy, rules=rules, quirks=quirks).selection.reason.tolist())
    assert found == set(Reason) - {Reason.NO_SYMTAB} and set(REASON_TEXT) == set(Reason)
    # the same functions in a file without a symbol table
    stripped = dataclasses.replace(every, instances=every.instances._replace(symtab=False))
    assert Reason.NO_SYMTAB in run.encode(stripped, "all", ["plain"]).selection.reason
    assert len(set(REASON_TEXT.values())) == len(Reason)


def test_reasons__of_the_newest_rules(every):
    found = {name: why for name, why in reasons(every).items()}
    text = {r.name: REASON_TEXT[r] for r in Reason}
    assert found == {
        "fine": [KEPT], "unexpected": [UNEXPECTED], "clash": [CLASH] * 2, "uncertain": [UNCERTAIN],
        "reordered": [REORDERED], "optimized": [OPTIMIZED], "ambiguous": [AMBIGUOUS] * 2,
        "unnamed": [text["UNNAMED_PARAMETER"]], "partial": sorted([KEPT, text["PARTIAL_BODY"]]),
        "alias": [text["ALIAS_ONLY"]], "overridden": sorted([KEPT, text["OVERRIDDEN"]]),
        "gone": [text["NO_SYMBOL"]], "not$expressible": [text["INEXPRESSIBLE"]]}  # fmt: skip


@pytest.mark.parametrize(("policy", "rules", "quirks"), SELECTIONS)
def test_reasons__encoded_and_skipped_add_up(every, policy, rules, quirks):
    several = run.prepare(program("several_units").path, threads=1) if policy == "current" and not quirks else None
    for prepared in (every, several):
        if prepared is None:
            continue
        encoded = encode(prepared, policy, rules=rules, quirks=quirks)
        counts = counts_of(encoded)
        assert counts["encoded"] + sum(counts["skipped"].values()) == counts["instances"] == len(prepared.instances.die)
        assert counts["skipped"] == {REASON_TEXT[Reason(r)]: n
                                     for r, n in Counter(encoded.selection.reason.tolist()).items() if r}
        assert (encoded.func_id != 0).sum() == (encoded.proto_id != 0).sum() == counts["encoded"]


def test_reasons__once_keeps_one_instance_of_each_name(every):
    for rules, policy in ((V24, "current"), (V25, "current")):
        for name, why in reasons(every, policy, rules=rules).items():
            assert why.count(KEPT) <= 1 and (SHARED not in why or KEPT in why), name
    assert reasons(every, "consistent", rules=V24)["ambiguous"] == [KEPT] * 2
