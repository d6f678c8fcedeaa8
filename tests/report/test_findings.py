"""Each finding says what the frames say, in good grammar for none, one and many, and nothing of what is missing."""

import pandas as pd
import pytest

from harness.report.findings import FACTS, SENTENCES, facts, findings, headline
from tests.report import reports

ABOUT = reports.ABOUT


def said(name, **frames):
    """One finding of the small report with some frames replaced; None when there is none."""
    return dict(findings(reports.frames() | frames, ABOUT)).get(name)


def changed(name, **columns):
    """A frame of the small report with some columns replaced."""
    return {name: reports.frames()[name].assign(**columns)}


def test_findings__say_what_the_frames_say():
    assert findings(reports.frames(), ABOUT) == [
        ("cost", "If the kernel read addresses: btf_func adds 320 bytes (+34.0 %, +30.0 % compressed) for 4 newly "
                 "attachable, about 80 bytes each; decl_tag adds 1,135 bytes (+120.7 %, +42.0 % compressed) for 2 "
                 "newly attachable, about 568 bytes each; 60 bytes of each only add functions that today's file leaves "
                 "out, 1 of them attachable without an address; decl_tag serves fewer, if one attaches by the id of a "
                 "FUNC: functions of one name and prototype share it."),
        ("cheapest", "Of all forms these cost least for each newly attachable function: btf_func_ambiguous (3 at about "
                     "27 bytes each), btf_func (4 at about 80 bytes each) and decl_tag (2 at about 568 bytes each)."),
        ("today", "Today's file, plain under policy current, takes 940 bytes; fentry can attach to 15 of 44 function "
                  "addresses through its ids."),
        ("ambiguous", "3 of 43 names have several addresses, 7 in all; a has most, 3."),
        ("sites", "Of the 7 addresses that share a name, 4 have an ftrace call site and 1 is in .init or .exit text, "
                  "which is freed after boot."),
        ("separated", "Of the 3 names with several addresses, the compile unit tells the instances apart for all, the "
                      "file and line of the definition for 2, and the file alone for 2; 2 have one prototype."),
        ("consumers", "Linux 6.18.44 loads plain, decl_tag and the kernel's own .BTF, and refuses btf_func."),
        ("misread", "Accepted, and read as something else than is there: btf_func by llvm 19; decl_tag by llvm 19 and "
                    "pahole 1.30."),
        ("survives", "What builds do: libbpf's dedup refuses btf_func_ambiguous and btf_func and keeps all others; the "
                     "name sort of Linux 7.0 loses 5 addresses of decl_tag and keeps all others."),
        ("policy", "Over all policies, decl_tag adds 77.8 to 107.5 %, btf_func adds 14.5 to 26.0 %."),
        ("estimates", "Of the 3 estimates made in the thread of 2023, judged by data/claims.toml, 1 holds (the whole "
                      "growth stays under 1 MB), 1 holds under policy current (telling FUNCs apart by address adds "
                      "about 1000 of them: consistent 5, current 0) and 1 differs (the addresses themselves take "
                      "roughly 400k: consistent 200, current 136). Seen in the thread on one kernel: cpumask_weight "
                      "has 22 addresses (0 here)."),
        ("same", "Written under policy current, plain and the kernel's own .BTF are not the same BTF: 4 types are "
                 "only in plain, 2 only in the kernel's own (FUNC: 3 and 1; FUNC_PROTO: 1 and 1)."),
        ("kinds", "All 2 kinds of type that do not depend on the choice of functions and variables have the same "
                  "counts as in the kernel's own .BTF."),
        ("declarations", "bpftool writes the same C declarations for plain and for the kernel's own .BTF."),
        ("invariants", "All 2 checks of the invariants hold."),
    ]
    assert headline(reports.frames(), ABOUT) == (
        "Function addresses add 320 bytes (+34.0 %) as btf_func (Linux 6.18.44 refuses it) and 1,135 (+120.7 %) as "
        "decl_tag (Linux 6.18.44 loads it) to today's 940; given only where a name is ambiguous, they add 80 "
        "(+8.51 %) as btf_func_ambiguous (Linux 6.18.44 refuses it), 60 of that for functions that today's file "
        "leaves out; a kernel that read them could attach to 3 more functions instead of 4.")


def test_findings__say_the_same_of_frames_and_of_the_written_report(tmp_path):
    folder = reports.write(tmp_path / "r")
    assert findings(folder, folder.about) == findings(reports.frames(), ABOUT)
    assert headline(folder, folder.about) == headline(reports.frames(), ABOUT)
    assert facts(folder).equals(facts(reports.frames()))


def test_findings__need_no_frame_but_their_own():
    whole = dict(findings(reports.frames(), ABOUT))
    for name, (needs, _) in SENTENCES.items():
        frames = {key: frame for key, frame in reports.frames().items() if key in needs}
        assert name not in dict(findings({}, ABOUT)), name
        if needs:
            assert dict(findings(frames, ABOUT))[name].split()[0] == whole[name].split()[0]
    assert findings({}, ABOUT) == [] and len(facts({})) == 0


def test_facts__are_sums_and_counts_each_once():
    table = facts(reports.frames())
    assert list(table.columns) == ["fact", "number"] and str(table.number.dtype) == "int64" and table.fact.is_unique
    known = dict(zip(table.fact, table.number, strict=True))
    assert len(known) == len(FACTS) + 3  # and one for each verdict
    assert known["matched names"] == 43 and known["addresses of names with several addresses"] == 7
    assert known["estimates of the thread: differs"] == 1
    assert known["names with one address, class weak_strong"] == 1
    assert facts({"names": reports.frames()["names"]}).number.tolist() == [3, 7]


def test_headline__says_that_only_the_baseline_was_made():
    rows = reports.frames()["verdict"]
    for n in (1, 2):
        assert headline({"verdict": rows.head(n)}, ABOUT) == (
            "No form with addresses was made; today's file, plain under policy current, has 940 bytes.")
    assert dict(findings({"verdict": rows.head(1)}, ABOUT)).keys() == {"today", "misread"}


def test_headline__says_what_shrinks_and_nothing_of_who_was_not_asked():
    rows = reports.frames()["verdict"].assign(loads="-", added=[0, 0, 1, -1, 5],
                                              added_percent=[0.0, 0.0, 0.1, -0.1, 0.5])
    assert headline({"verdict": rows}, ABOUT).startswith(
        "Function addresses add -1 bytes (-0.1 %) as btf_func and 5 (+0.5 %) as decl_tag to today's 940")


def test_cost__says_what_buys_nothing_and_what_is_lost():
    rows = reports.frames()["verdict"]
    none = rows.assign(newly_attachable=0, bytes_each=float("nan"), zstd_percent=float("nan"), no_longer=2)
    assert said("cost", verdict=none) == (
        "If the kernel read addresses: btf_func adds 320 bytes (+34.0 %) and makes no function attachable, and takes 2 "
        "away; decl_tag adds 1,135 bytes (+120.7 %) and makes no function attachable, and takes 2 away; 60 bytes of "
        "each only add functions that today's file leaves out.")
    assert said("cheapest", verdict=none) is None
    assert said("misread", verdict=rows.assign(misread_by="none")) == "No consumer misreads a form that it accepts."
    assert said("misread", verdict=rows.assign(misread_by="-")) is None
    assert said("survives", verdict=rows.assign(dedup="-", name_sort="-")) is None


def survives(**columns):
    """What is said of forms btf_func_ambiguous, btf_func and decl_tag."""
    rows = reports.frames()["verdict"]
    return said("survives", verdict=rows.assign(**{name: ["-", "-", *words] for name, words in columns.items()}))


def test_survives__says_what_is_lost_and_how_much_of_what_is_bought_stays():
    rows = reports.frames()["verdict"].assign(dedup=["-", "-", "756 lost", "3 lost, 2 merged", "all"],
                                              after_dedup=[None, None, 1, 4, 2], name_sort="-")
    assert said("survives", verdict=rows) == (
        "What builds do: libbpf's dedup loses 756 addresses of btf_func_ambiguous, which leaves 1 of 3 newly "
        "attachable, loses 3 and merges 2 addresses of btf_func and keeps all others.")


def test_survives__of_what_is_sorted_already_says_no_more():
    assert survives(dedup=["all"] * 3, name_sort=["already sorted"] * 3) == (
        "What builds do: libbpf's dedup keeps every address; the name sort of Linux 7.0 finds the types in its order "
        "already.")
    assert survives(dedup=["-"] * 3, name_sort=["all", "unreadable", "unreadable"]) == (
        "What builds do: the name sort of Linux 7.0 leaves btf_func and decl_tag unreadable and keeps all others.")


def test_misread__what_a_consumer_misreads_of_plain_is_not_the_form_s():
    rows = reports.frames()["verdict"]
    own = rows.assign(misread_by=["pahole 1.30", "pahole 1.30", "none", "llvm 19", "none"])
    assert said("misread", verdict=own) == (
        "Accepted, and read as something else than is there: btf_func by llvm 19. pahole 1.30 misreads plain itself, "
        "and each form like it.")
    assert said("misread", verdict=own.assign(misread_by=["pahole 1.30", "pahole 1.30", *["none"] * 3])) == (
        "No consumer misreads a form that it accepts, but for what it misreads of plain: pahole 1.30 misreads plain "
        "itself, and each form like it.")


def test_policy__needs_two_and_says_where_they_agree():
    table = reports.frames()["policies"]
    one = table[table.policy == "current"]
    assert said("policy", policies=one) is None
    large = table.assign(FUNC=1000 * table.FUNC)
    same = large.assign(percent=[0.0, 5.0, 5.0] * 2)
    assert said("policy", policies=same) == (
        "The choice of functions hardly matters for the growth: over plain of the same policy, "
        "decl_tag adds 5.0 % under each, btf_func adds 5.0 % under each.")
    near = large.assign(percent=[0.0, 43.3, 8.06, 0.0, 44.15, 8.32])
    assert said("policy", policies=near) == (
        "The choice of functions hardly matters for the growth: over plain of the same policy, "
        "decl_tag adds 43.3 to 44.1 %, btf_func adds 8.1 to 8.3 %.")
    assert said("policy", policies=large) == (
        "The choice of functions matters for the growth: over plain of the same policy, decl_tag adds 77.8 to 107.5 %, "
        "btf_func adds 14.5 to 26.0 %.")


@pytest.mark.parametrize("funcs", [[3] * 6, [3, 3, 3, 2, 2, 2], [5000, 5000, 5020] * 2,
                                   [999, 999, 999, 2000, 2000, 2000]])
def test_policy__judges_no_choice_of_a_few_functions_nor_one_that_no_policy_makes(funcs):
    table = reports.frames()["policies"]
    near = table.assign(percent=[0.0, 43.3, 8.06, 0.0, 44.15, 8.32], FUNC=funcs)
    assert said("policy", policies=near) == (
        "Over all policies, decl_tag adds 43.3 to 44.1 %, btf_func adds 8.1 to 8.3 %.")


@pytest.mark.parametrize(("rows", "sentence"), [
    ([], "None of 43 names has several addresses."),
    ([("a", 2)], "1 of 43 names has several addresses: a, 2."),
    ([("a", 2), ("b", 2)], "2 of 43 names have several addresses, 4 in all; a and b have most, 2 each."),
    ([(c, 2) for c in "abcd"], "4 of 43 names have several addresses, 8 in all; 4 have most, 2 each."),
])
def test_ambiguous__counts_names(rows, sentence):
    assert said("ambiguous", names=pd.DataFrame(rows, columns=["name", "addresses"]).astype(
        {"addresses": "int64"})) == sentence


def test_separated__speaks_of_one_name_of_none_and_of_all():
    table = reports.frames()["ambiguous_names"]
    one = table[table.name == "a"].assign(unit_separates=False)
    assert said("separated", ambiguous_names=one) == (
        "Of the 1 name with several addresses, the compile unit tells the instances apart for none, the file and line "
        "of the definition for none, and the file alone for none; it has one prototype.")
    assert said("sites", ambiguous_names=one) == (
        "Of the 3 addresses that share a name, none has an ftrace call site and none is in .init or .exit text, which "
        "is freed after boot.")
    attach = reports.frames()["attachability"].assign(site_unknown=5, with_site=0)
    assert said("sites", ambiguous_names=one.assign(ftrace_addresses=0), attachability=attach) == (
        "Of the 3 addresses that share a name, none is in .init or .exit text, which is freed after boot; the kernel "
        "has no table of ftrace call sites.")
    assert "fentry can attach to at most " in said("today", attachability=attach)
    assert "fentry can attach to at most " not in said("today")
    assert said("separated", ambiguous_names=table.head(0)) is None
    assert said("sites", ambiguous_names=table.head(0)) is None


def test_estimates__are_told_by_verdict():
    claims = reports.frames()["claims"]
    verdicts = {
        ("holds",) * 3: "3 hold (",
        ("not measured", "not measured", "differs"): "1 differs (telling",
        ("not measured", "holds under all", "holds under all"): "2 hold under policy all (",
    }
    for verdict, start in verdicts.items():
        assert f"data/claims.toml, {start}" in said("estimates", claims=claims.assign(verdict=["31 here", *verdict]))
    assert "and 2 were not measured (" in said("estimates", claims=claims.assign(
        verdict=["0 here", "not measured", "not measured", "differs"]))
    assert said("estimates", claims=claims.head(1)) == (
        "Seen in the thread on one kernel: cpumask_weight has 22 addresses (0 here).")
    assert said("estimates", claims=claims.head(0)) is None


def test_consumers__a_split_file_is_loaded_if_its_base_and_it_are():
    rows = reports.frames()["matrix"].head(1)
    split = pd.concat([rows, rows.assign(opened="with base", verdict="refused"),
                       rows.assign(opened="without base", verdict="failed"),
                       rows.assign(opened="with layout", verdict="failed")])
    assert said("consumers", matrix=split) == "Linux 6.18.44 refuses plain."
    silent = rows.assign(verdict="not tried")
    assert said("consumers", matrix=silent) is None and said("consumers", matrix=silent.head(0)) is None


def test_kinds__names_those_that_differ():
    assert said("kinds", **changed("shipped_kinds", difference=[0, -3, 2])) == (
        "1 of 2 kinds of type that do not depend on the choice of functions and variables has the same count as in the "
        "kernel's own .BTF; these differ: PTR (-3).")
    assert said("kinds", **changed("shipped_kinds", difference=[1, -3, 2])).startswith("None of 2 kinds of type")
    assert said("kinds", shipped_kinds=reports.frames()["shipped_kinds"].head(1)).startswith(
        "The 1 kind of type that does not depend on the choice of functions and variables has the same count")
    bare = {"kinds": reports.frames()["kinds"].drop(columns="shipped")}
    assert dict(findings(bare, ABOUT))["kinds"] == "The kernel has no .BTF section to compare with."


def test_declarations__counts_those_in_one_file_only():
    table = reports.table("only in,declaration", ("ours", "struct a;"))
    assert said("declarations", declarations=table).endswith(".BTF, except for 1 that only one of them has.")


def test_invariants__fail_loudly():
    assert said("invariants", **changed("invariants", holds=[True, False])) == (
        "FAILED: 1 of 2 checks of the invariants does not hold (3 formula), so no figure can be trusted.")


def test_findings__say_of_the_kernel_s_own_btf_whether_it_is_the_same():
    frame = reports.frames()["shipped_same"]
    whole = frame.head(1).assign(ours=7, shipped=7, **{"only in ours": 0, "only in shipped": 0})
    begin = "Written under policy current, plain and the kernel's own .BTF are "
    alike = "7 types, each as often in both"
    for verdict, words in (
            ("same bytes", "the same file, byte for byte, of 7 types."),
            ("same", f"the same BTF: {alike}, and a renumbering that turns one file into the other."),
            ("undecided", f"not known to be the same BTF: {alike}, but no renumbering was found."),
            ("different", f"not the same BTF: {alike}, but those that occur several times are referred to in another "
                          "way.")):
        assert said("same", shipped_same=whole.assign(verdict=verdict)) == begin + words
    one = frame.head(2).assign(**{"only in ours": [1, 1], "only in shipped": [0, 0]})
    assert said("same", shipped_same=one) == (
        f"{begin}not the same BTF: 1 type is only in plain, none only in the kernel's own (FUNC: 1 and 0).")
    many = pd.concat([frame] + [frame.tail(1).assign(kind=kind) for kind in ("VAR", "PTR", "ENUM")])
    assert said("same", shipped_same=many).endswith("; PTR: 1 and 1; ...).")
