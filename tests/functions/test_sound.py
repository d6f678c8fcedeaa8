"""Policy `sound`: each instance is judged by its own faults, whatever others of its name look like."""

import subprocess

import numpy as np
import pytest

from harness import encodings, measure, results, run
from harness.functions import Fault
from harness.functions.policies import REASON_TEXT, Reason
from tests.fixtures.build import find

UNITS = {
    "a.c": """struct dev { int id; };
static __attribute__((noipa)) long wakeup_show(struct dev *d, char *buf) { buf[0] = d->id; return d->id + 1; }
long a(struct dev *d, char *buf) { return wakeup_show(d, buf) + wakeup_show(d + 1, buf + 1); }
""",
    "b.c": """struct kobj { long n; };
static __attribute__((noipa)) int wakeup_show(struct kobj *k, int attr, char *buf) { buf[attr] = k->n; return attr; }
int b(struct kobj *k, char *buf) { return wakeup_show(k, 3, buf) + wakeup_show(k + 1, k->n, buf); }
""",
    # one call site passes a constant, so gcc makes clones without the parameter
    "c.c": """extern int other(int);
static __attribute__((noinline)) int jhash(const int *key, int length, int initval) {
  int i, h = initval; for (i = 0; i < length; i++) h = other(h * 31 + key[i]); return h; }
int c(const int *key) { return jhash(key, 3, 7) + jhash(key + 1, 3, 7); }
""",
    "d.c": """extern int other(int);
static __attribute__((noinline)) int jhash(const int *key, int length, int initval) {
  int i, h = initval; for (i = 0; i < length; i++) h = other(h * 31 + key[i]); return h; }
int d(const int *key, int n, int m) { return jhash(key, n, m) + jhash(key + 1, m, n); }
""",
    "main.c": """struct dev; struct kobj;
long a(struct dev *, char *); int b(struct kobj *, char *); int c(const int *); int d(const int *, int, int);
__attribute__((noinline)) int other(int x) { return x ^ 5; }
int main(int argc, char **argv) { long x[9] = {argc}; char buf[99];
  return a((void *)x, buf) + b((void *)x, buf) + c((void *)x) + d((void *)x, argc, argc + 1); }
""",
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    for name, text in UNITS.items():
        (folder / name).write_text(text)
    subprocess.run([find("gcc"), "-g", "-O2", "-fno-ipa-icf", *UNITS, "-o", "program"], cwd=folder, check=True)
    return run.prepare(folder / "program", threads=1)


def reasons(prepared, policy, name):
    """The reasons of a function's instances, by their units."""
    encoded = run.encode(prepared, policy, ["plain"])
    rows = np.flatnonzero(prepared.described["name"] == name)
    return {prepared.described["unit"][row].rpartition("/")[2]: Reason(int(encoded.selection.reason[row]))
            for row in rows.tolist()}


def test_sound__keeps_functions_of_one_name_and_several_prototypes(prepared):
    assert set(reasons(prepared, "consistent", "wakeup_show").values()) == {Reason.INCONSISTENT_PROTOTYPE}
    assert reasons(prepared, "sound", "wakeup_show") == {"a.c": Reason.ENCODED, "b.c": Reason.ENCODED}


def test_sound__leaves_out_the_clone_and_keeps_the_others_of_its_name(prepared):
    assert reasons(prepared, "all", "jhash") == {"c.c": Reason.ENCODED, "d.c": Reason.ENCODED}
    assert reasons(prepared, "sound", "jhash") == {"c.c": Reason.OPTIMIZED_PARAMETERS, "d.c": Reason.ENCODED}


def test_sound__is_what_the_faults_of_each_instance_say(prepared):
    """The twin: a row of selection.csv is left out exactly where its own faults say so."""
    encoded = run.encode(prepared, "sound", ["plain"])
    every = run.encode(prepared, "all", ["plain"])
    kept = every.selection.reason == Reason.ENCODED
    own = encoded.faults.flags[prepared.instances.die]
    spoilt = (own & (Fault.UNEXPECTED_REGISTER | Fault.UNCERTAIN_LOCATION | Fault.REORDERED_PARAMETERS)) != 0
    spoilt |= prepared.instances.clone & ((own & Fault.OPTIMIZED_PARAMETER) != 0)
    assert ((encoded.selection.reason == Reason.ENCODED) == kept & ~spoilt).all()
    assert spoilt.any() and not spoilt.all()


def test_sound__gives_each_prototype_of_a_name_a_func(prepared, tmp_path):
    encoded = run.encode(prepared, "sound", encodings.names())
    result = results.save(tmp_path, prepared, encoded)["sound"]
    checks = measure.check_invariants(result, measure.measurements(result, False))
    assert checks.holds.all(), checks[~checks.holds]
    rows = result.functions
    assert rows[rows.name == "wakeup_show"].func.nunique() == 2
    assert set(rows.reason) <= set(REASON_TEXT.values())
