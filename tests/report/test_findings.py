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
        ("growth", "Under policy consistent, plain takes 1,000 bytes and has 20 FUNCs; decl_tag takes 1,075 bytes "
                   "more (+107.5 %) and has as many FUNCs; btf_func takes 260 bytes more (+26.0 %) and has 5 more "
                   "FUNCs."),
        ("compressed", "Compressed with zstd -19, plain takes 500 bytes, decl_tag 200 more (+40.0 %; uncompressed "
                       "+107.5 %) and btf_func 140 more (+28.0 %; uncompressed +26.0 %)."),
        ("policy", "Over all policies, decl_tag adds 77.8 to 107.5 %, btf_func adds 14.5 to 26.0 %."),
        ("policy_funcs", "btf_func has 5 more FUNCs than plain under consistent and none under current."),
        ("ambiguous", "3 of 43 names share 7 addresses; a has most, 3."),
        ("separated", "Of the 3 names with several addresses, the compile unit tells the instances apart for all, the "
                      "file and line of the definition for 2, and the file alone for 2; 2 have one prototype."),
        ("sites", "Of the 7 addresses that share a name, 4 have an ftrace call site and 1 is in .init or .exit text, "
                  "which is freed after boot."),
        ("attachable", "Under policy consistent, fentry can attach to 15 of 44 addresses through a BTF id of plain; if "
                       "the kernel read addresses, decl_tag would add 1 at about 1.1 kB and btf_func would add 4 at "
                       "about 65 bytes each."),
        ("estimates", "Of the 3 estimates made in the thread of 2023, judged by data/claims.toml, 1 holds (the whole "
                      "growth stays under 1 MB), 1 holds under policy current (telling FUNCs apart by address adds "
                      "about 1000 of them) and 1 does not (the addresses themselves take roughly 400k)."),
        ("consumers", "bpftool v7.1.0 (using libbpf v1.1) and Linux 6.18.44 (BPF_BTF_LOAD) load plain, decl_tag and "
                      "the kernel's own .BTF, and refuse btf_func."),
        ("same", "Written under policy current, plain and the kernel's own .BTF are not the same BTF: 4 types are "
                 "only in plain, 2 only in the kernel's own (FUNC: 3 and 1; FUNC_PROTO: 1 and 1)."),
        ("kinds", "All 2 kinds of type that do not depend on the choice of functions and variables have the same "
                  "counts as in the kernel's own .BTF."),
        ("declarations", "bpftool writes the same C declarations for plain and for the kernel's own .BTF."),
        ("invariants", "All 2 checks of the invariants hold."),
    ]
    assert headline(reports.frames(), ABOUT) == (
        "Under policy consistent, function addresses add 1,075 bytes (+107.5 %) as decl_tag and 260 (+26.0 %) as "
        "btf_func to the 1,000 bytes of plain.")


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
    assert known["estimates of the thread: does not hold"] == 1
    assert facts({"names": reports.frames()["names"]}).number.tolist() == [3, 7]


def test_headline__says_that_only_the_baseline_was_made():
    frames = {name: reports.frames()[name].head(1) for name in ("encodings", "policies")}
    assert headline(frames, ABOUT) == "Only plain was made, 1,000 bytes under policy consistent."
    assert findings(frames, ABOUT) == []


def test_growth__says_what_shrinks():
    base = reports.frames()["encodings"]
    small = base.assign(delta=[0, -1, 0], percent=[0.0, -0.1, 0.0], **{"extra FUNC": [0, -2, 1]})
    assert headline({"encodings": small}, ABOUT).endswith(
        "change the 1,000 bytes of plain by -1 (-0.1 %) as decl_tag and 0 (+0.0 %) as btf_func.")
    assert dict(findings({"encodings": small}, ABOUT))["growth"].endswith(
        "decl_tag takes 1 byte less (-0.1 %) and has 2 fewer FUNCs; btf_func takes no bytes more (+0.0 %) and has 1 "
        "more FUNC.")


def test_compressed__is_left_out_where_nothing_was_compressed():
    bare = reports.frames()["encodings"].drop(columns=["zstd-19", "zstd-19 delta", "zstd-19 percent"])
    assert said("compressed", encodings=bare) is None and said("growth", encodings=bare)


def test_policy__needs_two_and_says_where_they_agree():
    table = reports.frames()["policies"]
    one = table[table.policy == "current"]
    assert said("policy", policies=one) is None
    assert said("policy_funcs", policies=one) == "No encoding has more FUNCs than plain."
    large = table.assign(FUNC=1000 * table.FUNC)
    same = large.assign(percent=[0.0, 5.0, 5.0] * 2)
    assert said("policy", policies=same) == (
        "The choice of functions hardly matters: decl_tag adds 5.0 % under each, btf_func adds 5.0 % under each.")
    near = large.assign(percent=[0.0, 43.3, 8.06, 0.0, 44.15, 8.32])
    assert said("policy", policies=near) == (
        "The choice of functions hardly matters: decl_tag adds 43.3 to 44.1 %, btf_func adds 8.1 to 8.3 %.")
    assert said("policy", policies=large) == (
        "The choice of functions matters: decl_tag adds 77.8 to 107.5 %, btf_func adds 14.5 to 26.0 %.")


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
    ([("a", 2), ("b", 2)], "2 of 43 names share 4 addresses; a and b have most, 2 each."),
    ([(c, 2) for c in "abcd"], "4 of 43 names share 8 addresses; several have most, 2 each."),
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
    assert "fentry can attach to at most " in said("attachable", attachability=attach)
    assert "fentry can attach to at most " not in said("attachable")
    assert said("separated", ambiguous_names=table[table.name == "w"]) is None
    assert said("sites", ambiguous_names=table[table.name == "w"]) is None


def test_attachable__says_what_is_lost_and_that_nothing_is_gained():
    prices = reports.frames()["bytes_per_attachable"]
    assert said("attachable", bytes_per_attachable=prices.assign(gained=0, bytes_per_gained=float("nan"))).endswith(
        "decl_tag would add none and btf_func would add none.")
    assert "decl_tag would add 1 at about 1.1 kB and take 2 away and" in said(
        "attachable", bytes_per_attachable=prices.assign(forgone=2))
    attach = reports.frames()["attachability"]
    assert said("attachable", bytes_per_attachable=prices.head(0)).endswith("through a BTF id of plain.")
    assert said("attachable", attachability=attach[attach.policy == "current"]) is None


def test_estimates__are_told_by_verdict():
    claims = reports.frames()["claims"]
    verdicts = {
        ("holds",) * 3: "3 hold (",
        ("not measured", "not measured", "does not hold"): "1 does not (telling",
        ("not measured", "holds under all", "holds under all"): "2 hold under policy all (",
    }
    for verdict, start in verdicts.items():
        assert f"data/claims.toml, {start}" in said("estimates", claims=claims.assign(verdict=list(verdict)))
    assert "and 2 were not measured (" in said("estimates", claims=claims.assign(
        verdict=["not measured", "not measured", "does not hold"]))
    assert said("estimates", claims=claims.head(0)) is None


def test_consumers__are_told_apart_where_they_disagree():
    table = reports.table("witness,encoding,verdict,words", ("bpftool v7.1.0", "plain", "loaded", ""),
                          ("bpftool v7.1.0", "btf_func", "loaded", ""), ("Linux 6.1", "plain", "loaded", ""),
                          ("Linux 6.1", "btf_func", "not permitted", "EPERM"))
    assert said("consumers", consumers=table) == ("bpftool v7.1.0 loads plain and btf_func; Linux 6.1 loads plain, and "
                                                  "was not permitted to load btf_func.")
    silent = reports.table("witness,encoding,verdict,words", ("bpftool", "-", "not asked", "bpftool is not installed"))
    assert said("consumers", consumers=silent) == "bpftool was not asked."
    assert said("consumers", consumers=silent.head(0)) is None


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
