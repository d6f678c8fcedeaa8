"""What a run says that it does not cover: nothing of an ordinary kernel, and a line for each thing of others."""

import pytest

from harness.functions.policies import REASON_TEXT, Reason
from harness.results.coverage import uncovered

NO_SYMBOL = REASON_TEXT[Reason.NO_SYMBOL]


def manifest(units=2754, walked=None, other=None, instances=1000, encoded=950, skipped=None, step=None, release=None,
             **funnel):
    other = other or {}
    walked = units - sum(other.values()) if walked is None else walked
    return {"funnel": {"units": units, "units_walked": walked, "units_other_language": other, "subprogram_dies": 7,
                       **funnel},
            "policies": {"all": {"functions": {"instances": instances, "encoded": encoded, "skipped": skipped or {}},
                                 "kernel_step": step}},
            "kernel": {"release": release}}


@pytest.mark.parametrize(("about", "said"), [
    ({}, []),
    ({"other": {"Rust": 6}}, []),
    ({"units": 602, "other": {"Go": 590}},
     ["12 of 602 (2 %) units are read; not 590 of Go: only those of C and assembler are"]),
    ({"units": 3, "other": {"Rust": 1, "C++": 2}, "instances": 0, "encoded": 0},
     ["0 of 3 (0 %) units are read; not 2 of C++, 1 of Rust: only those of C and assembler are",
      "no functions with code among 7 subprogram DIEs"]),
    ({"types_left_out": 1, "members_left_out": 2, "names_left_out": 0, "type_members_left_out": 3},
     ["left out, as BTF has no form for them: 1 type, 5 members"]),
    ({"skipped": {REASON_TEXT[Reason.INEXPRESSIBLE]: 2}}, ["left out, as BTF has no form for them: 2 functions"]),
    ({"dies_without_name": 3, "dies_nameless_code": 2},
     ["2 functions with code and without a name, nor has any DIE that they refer to one"]),
    ({"dies_without_name": 3, "dies_nameless_code": 0}, []),  # clang's scopes of static variables of inlined functions
    ({"encoded": 10, "skipped": {NO_SYMBOL: 900, "partial body": 80, "unexpected register": 10}},
     [f"10 of 1,000 (1 %) functions with code are described; not 900: {NO_SYMBOL}, 80: partial body"]),
    ({"step": "7.0", "release": "7.2.13"}, []),
    ({"step": "7.3"}, ["the kernel's step is that of Linux 7.3: the file does not say its version"]),
    ({"step": "7.3", "release": "6.12.117"},
     ["the kernel's step is that of Linux 7.3: this is 6.12.117, whose build has none"]),
])  # fmt: skip
def test_uncovered__says_what_is_not_ordinary(about, said):
    assert uncovered(manifest(**about), "all") == said
