
import numpy as np
import pytest

from harness import measure
from harness.errors import MeasureError
from harness.measure.attach import (
    ATTACH_COLUMNS,
    PRICE_COLUMNS,
    RULES,
    UNTRACEABLE_TEXT,
    Status,
    Untraceable,
    attach_frames,
    attachability,
    bytes_per_attachable,
    reached,
    refusals,
    untraceable,
)
from harness.model import Kind, info_word
from tests.measure.folders import INSTANCES, TAKES_INT, TAKES_NODE, any_instances, make, rows, signed

BASE = 0xFFFFFFFF81000000
POLICIES = ("all", "consistent", "current")

# a table of types by name; a prototype is (return, arguments)
TYPES = [
    ("int", [Kind.INT, 0, 4, 32]), ("int128", [Kind.INT, 0, 16, 128]), ("float", [Kind.FLOAT, 0, 8]),
    ("ptr", [Kind.PTR, 0, 0]), ("enum", [Kind.ENUM, 0, 4]), ("enum64", [Kind.ENUM64, 0, 8]),
    ("s16", [Kind.STRUCT, 0, 16]), ("s17", [Kind.STRUCT, 0, 17]), ("s24", [Kind.STRUCT, 0, 24]),
    ("empty", [Kind.STRUCT, 0, 0]), ("u8", [Kind.UNION, 0, 8]), ("u24", [Kind.UNION, 0, 24]),
    ("fwd", [Kind.FWD, 0, 0]), ("array", [Kind.ARRAY, 0, 0, 1, 1, 2]), ("proto", [Kind.FUNC_PROTO, 0, 0]),
    ("const int", [Kind.CONST, 0, 1]), ("t1", [Kind.TYPEDEF, 0, 16]), ("t2", [Kind.VOLATILE, 0, 17]),
    ("t3", [Kind.TYPE_TAG, 0, 18]), ("t4", [Kind.RESTRICT, 0, 19]), ("const s24", [Kind.CONST, 0, 9]),
    ("t24", [Kind.TYPEDEF, 0, 21]), ("void_t", [Kind.TYPEDEF, 0, 0]), ("const s16", [Kind.CONST, 0, 7]),
    ("loop", [Kind.CONST, 0, 25]), ("wild", [Kind.CONST, 0, 9999]),
]
ID = {"void": 0, "beyond": 5000} | {name: n + 1 for n, (name, _) in enumerate(TYPES)}


def verdicts(*protos, **options):
    words = [[0, info_word(kind), *body[1:]] for _, (kind, *body) in TYPES]
    words += [[0, info_word(Kind.FUNC_PROTO, len(arguments)), ID[returned], *(x for a in arguments for x in (0, ID[a]))]
              for returned, arguments in protos]
    why = untraceable(rows(*words), np.arange(len(protos)) + len(TYPES) + 1, **options)
    return [Untraceable(w).name for w in why]


def verdict(returned, *arguments, **options):
    return verdicts((returned, arguments), **options)[0]


def test_untraceable__number_of_arguments():
    assert verdict("int", *["ptr"] * 12) == "TRACEABLE"
    assert verdict("int", *["ptr"] * 13) == "MANY_ARGUMENTS"
    assert verdict("s24", *["ptr"] * 13) == "MANY_ARGUMENTS"
    assert verdict("void") == "TRACEABLE"


def test_untraceable__variadic_is_a_last_argument_of_no_type():
    assert verdict("int", "ptr", "void") == "VARIADIC"
    assert verdict("int", "void") == "VARIADIC"
    assert verdict("int", "void", "ptr") == "EMPTY_ARGUMENT"
    assert verdict("int", "ptr", "void_t") == "ARGUMENT_TYPE"


@pytest.mark.parametrize("argument", ["int", "int128", "ptr", "enum", "enum64", "s16", "u8", "const int", "t1", "t2",
                                      "t3", "t4", "const s16"])
def test_untraceable__takes(argument):
    assert verdict("void", "int", argument, "ptr") == "TRACEABLE"


@pytest.mark.parametrize(("argument", "why"), [
    ("s17", "LARGE_ARGUMENT"), ("s24", "LARGE_ARGUMENT"), ("u24", "LARGE_ARGUMENT"), ("const s24", "LARGE_ARGUMENT"),
    ("t24", "LARGE_ARGUMENT"), ("empty", "EMPTY_ARGUMENT"), ("float", "ARGUMENT_TYPE"), ("fwd", "ARGUMENT_TYPE"),
    ("array", "ARGUMENT_TYPE"), ("proto", "ARGUMENT_TYPE"), ("loop", "ARGUMENT_TYPE"), ("beyond", "ARGUMENT_TYPE"),
    ("wild", "ARGUMENT_TYPE")])
def test_untraceable__refuses(argument, why):
    assert verdict("void", "int", argument, "ptr") == why


@pytest.mark.parametrize(("returned", "why"), [
    ("void", "TRACEABLE"), ("int", "TRACEABLE"), ("t4", "TRACEABLE"), ("ptr", "TRACEABLE"), ("enum64", "TRACEABLE"),
    ("int128", "TRACEABLE"), ("s16", "RETURN_TYPE"), ("const s16", "RETURN_TYPE"), ("u8", "RETURN_TYPE"),
    ("float", "RETURN_TYPE"), ("void_t", "RETURN_TYPE"), ("beyond", "RETURN_TYPE"), ("loop", "RETURN_TYPE")])
def test_untraceable__return_type(returned, why):
    assert verdict(returned, "int") == why


def test_untraceable__gives_the_first_reason_of_each():
    assert verdicts(("int", ("s24", "float")), ("int", ("float", "s24")), ("void", ()), ("s16", ("float",)),
                    ("int", ("int", "empty", "void"))) == [
        "LARGE_ARGUMENT", "ARGUMENT_TYPE", "TRACEABLE", "RETURN_TYPE", "EMPTY_ARGUMENT"]
    assert verdicts() == []


def test_untraceable__words_of_the_trampoline():
    old, middle = (RULES._replace(max_words=words) for words in (
        {"EM_X86_64": 6}, {"EM_X86_64": 12, "EM_AARCH64": 8}))
    assert verdict("int", *["ptr"] * 6, rules=old) == "TRACEABLE"
    assert verdict("int", *["ptr"] * 7, rules=old) == "MANY_WORDS"
    assert verdict("int", *["ptr"] * 5, "s16", rules=old) == "MANY_WORDS"
    assert verdict("int", *["ptr"] * 7, rules=middle) == "TRACEABLE"
    assert verdict("int", *["ptr"] * 9, rules=middle, machine="EM_AARCH64") == "MANY_WORDS"
    assert verdict("int", *["ptr"] * 9, rules=RULES, machine="EM_AARCH64") == "TRACEABLE"
    assert verdict("int", *["s16"] * 7) == "MANY_WORDS"
    assert verdict("int", *["s16"] * 7, machine="EM_S390") == "TRACEABLE"


def test_untraceable__takes_the_aggregates_of_the_rules():
    assert verdict("int", "u8", rules=RULES._replace(aggregates=(Kind.STRUCT,))) == "ARGUMENT_TYPE"
    assert verdict("int", "u8") == "TRACEABLE"


def test_untraceable__what_is_no_prototype():
    types = rows([0, info_word(Kind.INT), 4, 32])
    assert untraceable(types, [0, 1, 2]).tolist() == [Untraceable.RETURN_TYPE] * 3


def test_untraceable__every_reason_has_words():
    assert set(UNTRACEABLE_TEXT) == set(Untraceable)


def slow_statuses(result, encoding):
    """Status by address, the obvious way: over all FUNCs and all rows."""
    file = result.btf(encoding)
    funcs = [(i, file.name(i).decode("utf-8", "surrogateescape"))
             for i in range(1, file.types.n_types + 1) if file.types.kind()[i - 1] == Kind.FUNC]
    given = {}
    for func, address in zip(*(c.tolist() for c in result.addresses(encoding)), strict=True):
        given.setdefault(func, set()).add(address)
    table = result.functions
    table = table[table.match.isin(("exact", "suffix", "fallback")) | (table.reason == "")]
    out = {a: 0 for a in table.address}
    for func, name in funcs:
        found = [(a, Status.UNIQUE if len(given[func]) == 1 else Status.AMBIGUOUS) for a in given.get(func, ())]
        if not found:
            rivals = sum(n == name and i not in given for i, n in funcs)
            for row in table[table.name == name].itertuples():
                if row.reason == "" or encoding == "shipped":
                    alone = row.symbol_addresses == 1 and rivals == 1
                    found.append((row.address, Status.UNREACHABLE if row.symbol != name else
                                  Status.UNIQUE if alone else Status.AMBIGUOUS))
        for address, status in found:
            out[address] = max(out[address], status)
    return dict(sorted(out.items()))


@pytest.mark.parametrize("seed", range(6))
def test_reached__as_its_slow_twin(tmp_path, seed):
    result = measure.load(make(tmp_path / "r", instances=any_instances(seed)))
    for encoding in result.files:
        out = reached(result, encoding)
        assert dict(zip(out.index.tolist(), out.status.tolist(), strict=True)) == slow_statuses(result, encoding)


def test_refusals__names_that_begin_or_end_like_a_denied_one_are_not(tmp_path):
    found = ["migrate_enable", "migrate_enabled", "migrate_enabl", "xmigrate_enable", "rcu_read_unlock_strict", "rcu"]
    instances = [(name, BASE + 16 * i, "exact", TAKES_INT, "") for i, name in enumerate(found)]
    result = measure.load(make(tmp_path / "r", instances=instances))
    assert reached(result, "plain").traceable.tolist() == [False, True, True, True, False, True]
    assert refusals([result]).set_index("reason").functions["(denied by name)"] == 2


def statuses(result, encoding):
    out = reached(result, encoding)
    return {hex(a - BASE): Status(s).name for a, s in out.status.items()}


def test_reached__by_name(tmp_path):
    result = measure.load(make(tmp_path / "r"))
    assert statuses(result, "plain") == {
        "0x0": "UNIQUE", "0x10": "AMBIGUOUS", "0x20": "AMBIGUOUS", "0x30": "UNREACHABLE", "0x40": "UNREACHABLE",
        "0x50": "NONE", "0x60": "NONE", "0x80": "UNIQUE"}
    # shipped has alone, torn and twice, and no policy is known
    assert statuses(result, "shipped") == {
        "0x0": "UNIQUE", "0x10": "AMBIGUOUS", "0x20": "AMBIGUOUS", "0x30": "UNREACHABLE", "0x40": "NONE",
        "0x50": "AMBIGUOUS", "0x60": "AMBIGUOUS", "0x80": "NONE"}


def test_reached__by_address(tmp_path):
    result = measure.load(make(tmp_path / "r"))
    tags = {"0x0": "UNIQUE", "0x10": "AMBIGUOUS", "0x20": "AMBIGUOUS", "0x30": "AMBIGUOUS", "0x40": "UNIQUE",
            "0x50": "NONE", "0x60": "NONE", "0x80": "UNIQUE"}
    assert statuses(result, "decl_tag") == tags
    assert statuses(result, "btf_func") == {a: "UNIQUE" if s == "AMBIGUOUS" else s for a, s in tags.items()}


def test_reached__several_funcs_of_a_name_are_ambiguous(tmp_path):
    instances = [("f", BASE, "exact", TAKES_INT, ""), ("f", BASE + 16, "suffix", TAKES_NODE, "")]
    result = measure.load(make(tmp_path / "r", instances=instances))
    assert statuses(result, "plain") == {"0x0": "AMBIGUOUS", "0x10": "UNREACHABLE"}
    assert statuses(result, "decl_tag") == {"0x0": "UNIQUE", "0x10": "UNIQUE"}


def test_reached__one_tag_per_address_can_cost_what_the_name_gave(tmp_path):
    instances = [("f", BASE, "exact", TAKES_INT, ""), ("f", BASE + 16, "suffix", TAKES_INT, "")]
    result = measure.load(make(tmp_path / "r", instances=instances))
    assert statuses(result, "plain") == {"0x0": "UNIQUE", "0x10": "UNREACHABLE"}
    assert statuses(result, "decl_tag") == {"0x0": "AMBIGUOUS", "0x10": "AMBIGUOUS"}
    price = bytes_per_attachable([result]).set_index("encoding")
    assert price.loc["decl_tag", ["gained", "forgone"]].tolist() == [0, 1]
    assert price.loc["btf_func", ["gained", "forgone"]].tolist() == [1, 0]
    assert np.isnan(price.loc["decl_tag", "bytes_per_net"])


def test_reached__sites_sections_and_denied_names(tmp_path):
    instances = [("good", BASE, "exact", TAKES_INT, ""), ("quiet", BASE + 16, "exact", TAKES_INT, "", {"ftrace": 0}),
                 ("early", BASE + 32, "exact", TAKES_INT, "", {"section": ".init.text"}),
                 ("migrate_enable", BASE + 48, "exact", TAKES_INT, ""),
                 ("unknown", BASE + 64, "exact", TAKES_INT, "", {"ftrace": ""})]
    result = measure.load(make(tmp_path / "r", instances=instances))
    out = reached(result, "plain")
    assert out.with_site.tolist() == [True, False, True, True, False]
    assert out.site_unknown.tolist() == [False, False, False, False, True]
    assert out.at_runtime.tolist() == [True, True, False, True, True]
    assert out.traceable.tolist() == [True, True, True, False, True]
    assert out.attachable.tolist() == [True, False, False, False, True]
    assert refusals([result]).set_index("reason").functions.to_dict() == {
        **dict.fromkeys(UNTRACEABLE_TEXT.values(), 0), "(traceable)": 4, "(denied by name)": 1}


def test_reached__an_address_nobody_knows_is_refused(tmp_path):
    folder = make(tmp_path / "r")
    path = folder / "functions.csv"
    path.write_text(path.read_text().replace("0xffffffff81000040", "0xffffffff81000044"))
    with pytest.raises(MeasureError, match="btf_func.btf: expected addresses of functions.csv, found 0xffffffff81000"):
        reached(measure.load(signed(folder)), "btf_func")


def policies(tmp_path, instances=INSTANCES):
    """`current` leaves out the names with several addresses."""
    dropped = [(*i[:4], "ambiguous address") if i[0] == "twice" else i for i in instances]
    return [measure.load(make(tmp_path / p, p, dropped if p == "current" else instances)) for p in POLICIES]


def test_attachability__parts_sum_to_the_addresses(tmp_path):
    out = attachability(policies(tmp_path))
    assert tuple(out.columns) == ATTACH_COLUMNS
    assert len(out) == 9 and (out.addresses == 8).all()
    assert (out.unique_id + out.ambiguous_id + out.unreachable + out.no_func).equals(out.addresses)
    assert (out.attachable <= out.with_site + out.site_unknown).all()
    for column in ("traceable", "at_runtime"):
        assert (out.attachable <= out[column]).all() and (out[column] <= out.unique_id).all()
    found = out.set_index(["policy", "encoding"])[["unique_id", "ambiguous_id", "unreachable", "no_func"]]
    assert found.loc["all", "plain"].tolist() == [2, 2, 2, 2]
    assert found.loc["all", "btf_func"].tolist() == [6, 0, 0, 2]
    assert found.loc["current", "plain"].tolist() == [2, 0, 1, 5]


def test_bytes_per_attachable__over_the_same_policy_and_today(tmp_path):
    results = policies(tmp_path)
    price = bytes_per_attachable(results)
    assert tuple(price.columns) == PRICE_COLUMNS
    found = price.set_index(["policy", "encoding", "over"])
    same, today = price.over.unique()[::-1]
    assert (same, today) == ("plain, same policy", "plain, current: today")
    by_policy = dict(zip(POLICIES, results, strict=True))

    def growth(policy, encoding, base):
        return (by_policy[policy].files[encoding].stat().st_size - by_policy[base].files["plain"].stat().st_size)

    row = found.loc["all", "btf_func", today]
    assert (row.growth, row.gained, row.forgone) == (growth("all", "btf_func", "current"), 4, 0)
    assert row.bytes_per_gained == row.bytes_per_net == row.growth / 4
    row = found.loc["all", "decl_tag", same]
    assert (row.growth, row.gained) == (growth("all", "decl_tag", "all"), 1)
    row = found.loc["all", "plain", today]
    assert row.gained == 0 and row.growth > 0 and np.isnan(row.bytes_per_gained)
    assert ("current", "plain", today) not in found.index
    without = bytes_per_attachable(results[:2])
    assert set(without.over) == {same} and not (without.encoding == "plain").any()
    both = attach_frames(results)
    assert both[0].equals(attachability(results)) and both[1].equals(price)


def test_attachability__refuses_other_kernels_and_policies_twice(tmp_path):
    results = policies(tmp_path)
    other = measure.load(make(tmp_path / "other", "other", INSTANCES[:3]))
    with pytest.raises(MeasureError, match="expected the functions of one kernel"):
        attachability([results[0], other])
    with pytest.raises(MeasureError, match="expected results of different policies, found all, all"):
        attachability([results[0], results[0]])
