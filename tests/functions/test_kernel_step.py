"""The kernel's own step on made-up functions: implicit arguments, arenas, what merges, and where nothing is done."""

from types import SimpleNamespace

import numpy as np
import pytest

from harness import btf
from harness.errors import EncodeError, UsageError
from harness.functions.kernel_step import ARENA, STEPS, step_names, step_of, stepped
from harness.functions.kfuncs import (
    KF_ARENA_ARG1,
    KF_ARENA_ARG2,
    KF_ARENA_RET,
    KF_FASTCALL,
    KF_IMPLICIT_ARGS,
)
from harness.functions.prototypes import Prototypes
from harness.model import Kind, StringTable, TypeTable, concatenate, info_word

OLD, NEW = STEPS
INT, VOID_PTR, AUX, AUX_PTR, CONST_AUX, CONST_AUX_PTR, META, META_PTR, AUX_T, AUX_T_PTR = range(1, 11)


class Made:
    """Functions with these prototypes: name, return type, (parameter's name, type)..., and KF_* flags by name."""

    def __init__(self, functions, flags, more=()):
        self.blob, self.at = bytearray(b"\0"), {b"": 0}
        common = self.table([
            (b"int", info_word(Kind.INT), 4, 32), (b"", info_word(Kind.PTR), 0),
            (b"bpf_prog_aux", info_word(Kind.STRUCT), 0), (b"", info_word(Kind.PTR), AUX),
            (b"", info_word(Kind.CONST), AUX), (b"", info_word(Kind.PTR), CONST_AUX),
            (b"btf_struct_meta", info_word(Kind.STRUCT), 0), (b"", info_word(Kind.PTR), META),
            (b"aux_t", info_word(Kind.TYPEDEF), AUX), (b"", info_word(Kind.PTR), AUX_T), *more])
        rows = [tuple(self.proto(*function[1:])) for function in functions]
        distinct = sorted(set(rows), key=rows.index)
        index = np.array([distinct.index(row) for row in rows], np.int64)
        first = np.array([rows.index(row) for row in distinct], np.int64)
        self.prototypes = Prototypes(np.concatenate([np.array(r, np.uint32) for r in rows]),
                                     np.cumsum([0, *map(len, rows)]), index, first, np.zeros(len(distinct), np.uint32))
        name_off = np.array([self.off(function[0]) for function in functions], np.uint32)
        names = {name: self.off(name) for name in step_names(flags)}
        self.program = SimpleNamespace(common=common, strings=StringTable(np.frombuffer(bytes(self.blob), np.uint8)),
                                       instances=SimpleNamespace(name_off=name_off), kfunc_flags=flags,
                                       step_names=names)
        self.kept = np.arange(len(functions))

    def off(self, name):
        if name not in self.at:
            self.at[name] = len(self.blob)
            self.blob += name + b"\0"
        return self.at[name]

    def table(self, rows):
        words = [[self.off(row[0]), *row[1:]] for row in rows]
        return TypeTable.of(np.concatenate([np.array(w, np.uint32) for w in words]), np.cumsum([0, *map(len, words)]))

    def proto(self, returns, *params):
        return [0, info_word(Kind.FUNC_PROTO, len(params)), returns,
                *(word for name, type_id in params for word in (self.off(name), type_id))]

    def after(self, step, tags=()):
        """{name: (return, parameters...)} as C after the step, and its Stepped."""
        first_id = self.program.common.next_id
        made = stepped(self.program, step, self.prototypes, self.kept, first_id, list(tags))
        types = concatenate([self.program.common, made.types])
        strings = self.program.strings
        file = btf.parse(btf.encode(types, strings))
        btf.check(file)
        said = {strings.get(int(off)).decode(): btf.declaration(file, int(proto)) for off, proto in
                zip(made.name_off, made.proto_id, strict=True)}
        return said, made


def kinds(made):
    return [Kind(k).name for k in made.types.kind().tolist()]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.version)
@pytest.mark.parametrize("type_id", [AUX_PTR, CONST_AUX_PTR, META_PTR])
def test_step__a_kfunc_ends_before_what_the_verifier_passes_and_impl_keeps_it(step, type_id):
    made = Made([(b"kf", INT, (b"a", INT), (b"aux", type_id), (b"b", INT))], {b"kf": KF_IMPLICIT_ARGS})
    said, out = made.after(step)
    assert said["kf"] == "int (int a)"
    assert said["kf_impl"].startswith("int (int a, ") and said["kf_impl"].endswith(", int b)")
    assert out.row.tolist() == [0, 0]
    assert kinds(out) == ["FUNC_PROTO", "FUNC_PROTO"]


def test_step__a_typedef_of_an_implicit_type_and_a_struct_by_value_are_not_implicit():
    made = Made([(b"kf", INT, (b"a", AUX_T_PTR), (b"b", AUX), (b"c", VOID_PTR))], {b"kf": KF_IMPLICIT_ARGS})
    said, out = made.after(NEW)
    assert said["kf"] == said["kf_impl"] and out.proto_id[0] == out.proto_id[1]
    said, out = made.after(OLD)
    assert said["kf"] == said["kf_impl"] and out.proto_id[0] != out.proto_id[1]  # as it is in Linux 7.2


def test_step__without_the_flag_and_without_a_kfunc_nothing_changes():
    made = Made([(b"kf", INT, (b"aux", AUX_PTR)), (b"f", INT, (b"aux", AUX_PTR))], {b"kf": KF_FASTCALL})
    said, out = made.after(NEW)
    assert set(said) == {"kf", "f"} and said["kf"] == said["f"] == "int (struct bpf_prog_aux *aux)"
    assert kinds(out) == ["FUNC_PROTO"] and out.row.tolist() == [0, 1]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.version)
def test_step__an_impl_that_is_there_stays_and_the_kfunc_is_still_shortened(step):
    made = Made([(b"kf", INT, (b"a", INT), (b"aux", AUX_PTR)), (b"kf_impl", INT, (b"x", INT))],
                {b"kf": KF_IMPLICIT_ARGS})
    said, out = made.after(step)
    assert said == {"kf": "int (int a)", "kf_impl": "int (int x)"} and out.row.tolist() == [0, 1]


def test_step__new_prototypes_merge_with_equal_ones_since_7_3():
    functions = [(b"a", INT, (b"n", INT)), (b"kf", INT, (b"n", INT), (b"aux", AUX_PTR)),
                 (b"kg", INT, (b"n", INT), (b"aux", META_PTR))]
    flags = {b"kf": KF_IMPLICIT_ARGS, b"kg": KF_IMPLICIT_ARGS}
    said, out = Made(functions, flags).after(NEW)
    assert len(set(out.proto_id[:3].tolist())) == 1 and kinds(out) == ["FUNC_PROTO"] * 3
    said, out = Made(functions, flags).after(OLD)
    assert said["a"] == said["kf"] == said["kg"] == "int (int n)"
    assert len(set(out.proto_id[:3].tolist())) == 3 and kinds(out) == ["FUNC_PROTO"] * 5


def test_step__of_equal_prototypes_the_one_that_btf_dedup_comes_to_first_stays():
    """It goes by ids and follows references at once, so the kfunc's own comes before that of a function behind it."""
    functions = [(b"kf", INT, (b"n", INT), (b"aux", AUX_PTR)), (b"m", INT), (b"z", INT, (b"n", INT))]
    made = Made(functions, {b"kf": KF_IMPLICIT_ARGS})
    said, out = made.after(NEW)
    first = made.program.common.next_id
    assert kinds(out) == ["FUNC_PROTO"] * 3 and said["kf"] == said["z"] == "int (int n)" and said["m"] == "int (void)"
    assert (out.proto_id - first).tolist() == [2, 1, 2, 0]
    made = Made([functions[2], *functions[:2]], {b"kf": KF_IMPLICIT_ARGS})  # before it: that one stays
    _, out = made.after(NEW)
    assert (out.proto_id - first).tolist() == [0, 0, 2, 1]


def test_step__parameter_names_tell_prototypes_apart():
    made = Made([(b"a", INT, (b"n", INT)), (b"kf", INT, (b"m", INT), (b"aux", AUX_PTR))], {b"kf": KF_IMPLICIT_ARGS})
    _, out = made.after(NEW)
    assert out.proto_id[0] != out.proto_id[1]


TAGGED = 'void __attribute__((btf_type_tag("address_space(1)"))) *'


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.version)
def test_step__flags_say_what_points_into_an_arena(step):
    flags = {b"ret": KF_ARENA_RET, b"one": KF_ARENA_ARG1, b"two": KF_ARENA_ARG2, b"all": 7 << 13}
    made = Made([(name, VOID_PTR, (b"p", VOID_PTR), (b"q", VOID_PTR)) for name in sorted(flags)], flags)
    said, out = made.after(step)
    assert said == {
        "ret": f"{TAGGED}(void *p, void *q)", "one": f"void *({TAGGED}p, void *q)",
        "two": f"void *(void *p, {TAGGED}q)", "all": f"{TAGGED}({TAGGED}p, {TAGGED}q)"}
    rows = [out.types.row(i) for i in out.types.ids_of(Kind.TYPE_TAG).tolist()]
    assert [(made.program.strings.get(int(r[0])), int(r[1]), int(r[2])) for r in rows] == [
        (ARENA, info_word(Kind.TYPE_TAG, 0, 1), 0)]  # one pointer for all
    # before 7.3 pahole wrote them, and the prototype without them is nobody's
    assert kinds(out).count("FUNC_PROTO") == (5 if step is NEW else 4)


def test_step__names_of_parameters_say_it_since_7_3():
    made = Made([(b"kf", INT, (b"a__arena", VOID_PTR), (b"b__arena__nullable", VOID_PTR), (b"c__arena_", VOID_PTR),
                  (b"d", INT))], {b"kf": 0})
    assert made.after(NEW)[0]["kf"] == f"int ({TAGGED}a__arena, {TAGGED}b__arena__nullable, void *c__arena_, int d)"
    assert made.after(OLD)[0]["kf"] == "int (void *a__arena, void *b__arena__nullable, void *c__arena_, int d)"


def test_step__impl_has_arena_pointers_only_where_pahole_wrote_them():
    flags = {b"kf": KF_IMPLICIT_ARGS | KF_ARENA_ARG1}
    made = Made([(b"kf", INT, (b"p", VOID_PTR), (b"aux", AUX_PTR))], flags)
    said, _ = made.after(NEW)
    assert said == {"kf": f"int ({TAGGED}p)", "kf_impl": "int (void *p, struct bpf_prog_aux *aux)"}
    said, _ = made.after(OLD)
    assert said == {"kf": f"int ({TAGGED}p)", "kf_impl": f"int ({TAGGED}p, struct bpf_prog_aux *aux)"}


def test_step__types_are_added_in_the_order_of_the_build():
    made = Made([(b"kf", VOID_PTR, (b"p__arena", AUX_PTR))], {b"kf": KF_ARENA_RET})
    assert kinds(made.after(NEW)[1]) == ["FUNC_PROTO", "TYPE_TAG", "PTR", "FUNC_PROTO", "TYPE_TAG", "PTR"]


def test_step__types_of_pahole_are_in_the_order_of_the_functions():
    made = Made([(b"a", INT, (b"n", INT)), (b"kf", VOID_PTR, (b"p", VOID_PTR)), (b"kg", INT), (b"kh", AUX_PTR),
                 (b"l", INT, (b"m", INT))], {b"kf": KF_ARENA_RET, b"kg": KF_IMPLICIT_ARGS, b"kh": KF_ARENA_RET})
    said, out = made.after(OLD)
    assert kinds(out) == ["FUNC_PROTO", "TYPE_TAG", "PTR", "FUNC_PROTO", "FUNC_PROTO", "TYPE_TAG", "PTR", "FUNC_PROTO",
                          "FUNC_PROTO", "FUNC_PROTO"]
    first = made.program.common.next_id
    assert (out.proto_id - first).tolist() == [0, 3, 9, 7, 8, 4]
    assert said["kf"] == f"{TAGGED}(void *p)" and said["l"] == "int (int m)" and said["kg"] == said["kg_impl"]


def test_step__without_functions_is_nothing():
    made = Made([(b"a", INT)], {b"kf": KF_ARENA_RET})
    made.kept = made.kept[:0]
    for step in STEPS:
        _, out = made.after(step)
        assert kinds(out) == [] and len(out.proto_id) == len(out.row) == len(out.name_off) == 0


def test_step__tagged_types_that_are_there_are_used():
    rows = [(ARENA, info_word(Kind.TYPE_TAG, 0, 1), 0), (b"", info_word(Kind.PTR), 11)]
    made = Made([(b"f", INT, (b"p__arena", 12)), (b"kf", INT, (b"p__arena", VOID_PTR))], {b"kf": 0}, rows)
    _, out = made.after(NEW)
    assert out.proto_id[0] == out.proto_id[1] and kinds(out) == ["FUNC_PROTO", "FUNC_PROTO"]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.version)
@pytest.mark.parametrize("flag", [KF_ARENA_RET, KF_ARENA_ARG1])
def test_step__an_arena_that_is_no_pointer_is_refused(step, flag):
    made = Made([(b"kf", INT, (b"n", INT))], {b"kf": flag})
    with pytest.raises(EncodeError, match="kfunc kf: expected a pointer where .BTF_ids says"):
        made.after(step)


def test_step__a_second_argument_that_is_not_there_is_none():
    made = Made([(b"kf", INT, (b"n", INT))], {b"kf": KF_ARENA_ARG2})
    assert made.after(NEW)[0] == {"kf": "int (int n)"}


def test_step__impl_has_the_tags_of_the_kfunc_but_bpf_kfunc():
    made = Made([(b"a", INT), (b"kf", INT, (b"aux", AUX_PTR))], {b"kf": KF_IMPLICIT_ARGS | KF_FASTCALL})
    at = made.program.step_names
    tags = [(0, 1, -1), (1, 1, 0), (1, at[b"bpf_kfunc"], -1), (1, at[b"bpf_fastcall"], -1)]
    _, out = made.after(NEW, tags)
    assert out.tags == [*tags, (2, 1, 0), (2, at[b"bpf_fastcall"], -1)]


def test_step__every_instance_of_a_kfunc_has_an_impl_and_one_prototype_for_each_of_its_own():
    functions = [(b"kf", INT, (b"aux", AUX_PTR)), (b"kf", INT, (b"aux", AUX_PTR)), (b"kf", INT, (b"aux", META_PTR))]
    for step, n in ((NEW, 1), (OLD, 2)):
        _, out = Made(functions, {b"kf": KF_IMPLICIT_ARGS}).after(step)
        assert out.row.tolist() == [0, 1, 2, 0, 1, 2]
        assert out.proto_id[0] == out.proto_id[1] and len(set(out.proto_id[:3].tolist())) == n
        assert len(set(out.proto_id[3:].tolist())) == 2


@pytest.mark.parametrize(("release", "asked", "version"), [
    ("6.12.117+deb12-cloud-amd64", None, None), ("6.19.1", None, None), ("7.0.0-rc1", None, "7.0"),
    ("7.2.13+deb14-cloud-amd64", None, "7.0"), ("7.3.4", None, "7.3"), ("7.10.0", None, "7.3"), ("10.0", None, "7.3"),
    (None, None, None), ("7.3.4", False, None), ("6.1.0", True, "7.3"), ("7.1.2", True, "7.0"), (None, True, "7.3"),
])  # fmt: skip
def test_step_of__goes_by_the_release(release, asked, version):
    step = step_of({"release": release}, asked)
    assert (step and step.version) == version


@pytest.mark.parametrize("why", ["kfuncs_unusable", "kfunc_flags_unsure"])
def test_step_of__is_none_where_flags_are_not_known_and_refused_where_it_is_asked_for(why):
    kernel = {"release": "7.3.4", why: "no bytes"}
    assert step_of(kernel) is None and step_of(kernel, False) is None
    with pytest.raises(UsageError, match="--kernel-step: needs the flags of kfuncs, .*: no bytes"):
        step_of(kernel, True)
