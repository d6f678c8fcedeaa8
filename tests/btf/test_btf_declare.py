"""Types of a file as C declarations, held against the C source of a program."""

import shutil
import subprocess

import numpy as np
import pytest

from harness import btf, run
from harness.btf import declaration
from harness.errors import BtfFormatError
from harness.model import Kind, StringTable, concatenate, info_word
from tests.measure.folders import Blob, base_types, rows
from tests.reference import wire

PROTOTYPES = """
void nothing(void)
int number(int a)
long unsigned int sizes(char a, signed char b, short unsigned int c, long long int d)
_Bool floats(float a, double b)
struct node *strukt(struct node *a, union either *b, enum colour c)
struct opaque *forward(struct opaque *a)
const char *text(const char *const a, volatile int *b, const volatile long int *c)
void *copy(void *restrict to, const void *restrict from)
number_t typedefed(number_t a, const number_t *b, handler_t c, anonymous_t *d)
int print(const char *format, ...)
void callback(int (*fn)(int, void *))
void callbacks(void (*const a)(void), int (*b)(const char *, ...))
int (*returns_function(int a))(char *, long int)
int (*returns_array(void))[4]
void arrays(int (*a)[3], int (*b)[5], const char (*c)[8])
void pointers(int ***a, char **const *b, const struct node *const *c)
void function_of_functions(void (*a)(void (*)(int), int (*(*)(void))[2]))
void array_of_functions(int (*(*a)[4])(int))
void pointer_to_function_pointer(int (**a)(void))
struct node by_value(struct node a, union either b)
unsigned int const_elements(const int (*a)[4], handler_t *const b)
"""

TYPES = """
struct node { int value; struct node *next; };
union either { int i; char c; };
enum colour { RED, GREEN };
typedef int number_t;
typedef int (*handler_t)(int);
typedef struct { int x; } anonymous_t;
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """BTF of PROTOTYPES, each with a body."""
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("gcc is not installed")
    folder = tmp_path_factory.mktemp("prototypes")
    bodies = [f"__attribute__((noinline)) {p} {{ for (;;) ; }}" for p in PROTOTYPES.strip().splitlines()]
    source = TYPES + "\n".join(bodies)
    (folder / "p.c").write_text(source)
    subprocess.run([gcc, "-g", "-O1", "-std=gnu11", "-w", "-fno-pie", "-no-pie", "-nostdlib", "-static", "-Wl,-e,0",
                    "-fno-builtin", folder / "p.c", "-o", folder / "p.elf"], check=True)
    encoded = run.encode(run.prepare(folder / "p.elf", threads=1), "all", ["plain"])
    return btf.parse(encoded.files["plain"])


@pytest.mark.parametrize("prototype", PROTOTYPES.strip().splitlines())
def test_declaration__is_what_the_source_says(compiled, prototype):
    found = [declaration(compiled, i + 1) for i in np.flatnonzero(compiled.types.kind() == Kind.FUNC).tolist()]
    assert prototype in found


def handmade(*made):
    """BTF of the tiny types and these rows: name, info and words; None is a name."""
    s = Blob()
    base = base_types(s)
    types = concatenate([base, rows(*([s(w) if isinstance(w, str) else w for w in row] for row in made))])
    return btf.parse(btf.encode(types, StringTable(s.array())))


def test_declaration__type_tags_are_the_kernel_s_macros():
    file = handmade(["user", info_word(Kind.TYPE_TAG), 3], ["", info_word(Kind.PTR), 8],
                    ["rcu", info_word(Kind.TYPE_TAG), 9], ["", info_word(Kind.PTR), 10],
                    ["a b", info_word(Kind.TYPE_TAG), 1], ["", info_word(Kind.CONST), 8])
    assert declaration(file, 9) == "struct node __user *"
    assert declaration(file, 11) == "struct node __user *__rcu *"
    assert declaration(file, 12) == 'int __attribute__((btf_type_tag("a b")))'
    assert declaration(file, 13) == "const struct node __user"


def test_declaration__what_only_btf_has():
    file = handmade(["", info_word(Kind.STRUCT), 0], ["u", info_word(Kind.FWD, 0, 1), 0],
                    ["e", info_word(Kind.ENUM64), 8], ["", info_word(Kind.FUNC_PROTO, 1), 0, 0, 0],
                    ["", info_word(Kind.CONST), 4], ["", info_word(Kind.PTR), 12],
                    ["", info_word(Kind.ARRAY), 0, 1, 1, 3], ["", info_word(Kind.CONST), 14],
                    ["d", info_word(Kind.FLOAT), 8], ["", info_word(Kind.ARRAY), 0, 14, 1, 2])
    assert [declaration(file, i) for i in (0, 8, 9, 10, 11, 14, 15, 16, 17)] == [
        "void", "struct {...}", "union u", "enum e", "void (void)", "int [3]", "const int [3]", "d", "int [2][3]"]
    assert declaration(file, 13) == "void (*)(int a)"


@pytest.mark.parametrize(("made", "message"), [
    (["", info_word(Kind.PTR), 99], "expected a type_id of at most 8, found 99"),
    (["", info_word(Kind.PTR), 8], "expected an end after"),
    (["", info_word(Kind.FUNC_PROTO, 1), 0, 0, 8], "expected prototypes at most"),
    (["", info_word(Kind.PTR), 6], "expected a type that a declaration can have, found VAR"),
])
def test_declaration__of_malformed_types_is_an_error(made, message):
    with pytest.raises(BtfFormatError, match=message):
        declaration(handmade(made), 8)


def test_declaration__of_prototypes_that_double_at_each_step_is_an_error():
    types = [wire.int_("int"), *(wire.func_proto(n, ("a", n), ("b", n)) for n in range(1, 40))]
    with pytest.raises(BtfFormatError, match="expected at most 4096 parameters in one declaration"):
        btf.declaration(btf.parse(wire.pack(types)), len(types))
