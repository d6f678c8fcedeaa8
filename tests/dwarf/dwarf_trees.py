"""DIEs that several tests use, and one file with every rare construct."""

from __future__ import annotations

from tests.writers.dwarf import CU, DIE, Address, Attr, Dwarf, Expr, Ranges, Sibling

GNU_ANNOTATION, AT_GNU_ANNOTATION, LLVM_ANNOTATION = 0x6001, 0x2139, 0x6000
RUST, CXX = 0x1C, 0x1A


def base(name="int", size=4, encoding=5):
    """A base type."""
    return DIE("base_type", name=name, byte_size=size, encoding=encoding)


def gnu(what, text, following=None):
    """gcc's annotation DIE, chained to the one that follows."""
    die = DIE(GNU_ANNOTATION, name=what, const_value=text)
    return die if following is None else die.set(Attr(AT_GNU_ANNOTATION, "ref4", following))


def annotated(die, annotation):
    """The DIE, with the head of a chain of annotations."""
    return die.set(Attr(AT_GNU_ANNOTATION, "ref4", annotation))


def llvm(what, text):
    """clang's annotation DIE, a child of what it is about."""
    return DIE(LLVM_ANNOTATION, name=what, const_value=text)


def kitchen_sink(**how):
    """A file that reaches every branch of the walk at least once."""
    int_, long_ = base(), base("long", 8)
    odd = base("DW_ATE_unsigned_24", 3, 7)
    real = base("double", 8, 4)
    atomic = DIE("atomic_type", type=int_)
    chain = gnu("btf_type_tag", "user", gnu("other", "x", gnu("btf_type_tag", "rcu")))
    second = chain.attributes[-1].value
    decl = gnu("btf_decl_tag", "slow", gnu("btf_decl_tag", "old"))
    pointer = annotated(DIE("pointer_type", type=int_), chain)
    again = annotated(DIE("pointer_type", type=atomic), chain)
    tagged = DIE("pointer_type", llvm("btf_type_tag", "user"), llvm("btf_type_tag", "rcu"), type=int_)
    inner = DIE("structure_type", DIE("member", name="n", type=int_, data_member_location=0), name="inner", byte_size=4)
    point = DIE(
        "structure_type", Attr("sibling", "ref4", Sibling), name="point", byte_size=24,
        children=[
            inner,
            annotated(DIE("member", name="x", type=pointer, data_member_location=Expr(("plus_uconst", 8))), decl),
            DIE("member", name="b", type=int_, bit_size=3, data_bit_offset=128),
            DIE("member", name="c", type=int_, bit_size=5, bit_offset=2, byte_size=4, data_member_location=20),
            DIE("member", llvm("btf_decl_tag", "m"), name="d", type=long_, data_member_location=0),
        ],
    )  # fmt: skip
    union = annotated(DIE("union_type", DIE("member", name="u", type=real), name="either", byte_size=8), decl)
    forward = DIE("structure_type", name="later", declaration=True)
    array = DIE(
        "array_type", DIE("subrange_type", type=long_, upper_bound=4), DIE("subrange_type", count=3), type=inner
    )
    enum = DIE(
        "enumeration_type",
        DIE("enumerator", name="A", const_value=-1),
        DIE("enumerator", Attr("name", "string", "B in line"), const_value=7),
        name="e",
        byte_size=4,
        type=int_,
    )
    big = DIE("enumeration_type", DIE("enumerator", name="C", const_value=2**40), byte_size=8, type=long_)
    proto = DIE("subroutine_type", DIE("formal_parameter", type=pointer), DIE("unspecified_parameters"), type=long_)
    alias = DIE("typedef", llvm("btf_decl_tag", "t"), name="point_t", type=point)
    quals = [DIE(f"{q}_type", type=alias) for q in ("const", "volatile", "restrict")]
    abstract = DIE(
        "subprogram",
        DIE("formal_parameter", name="y", type=int_),
        DIE("formal_parameter", name="z"),
        name="inlined",
        inline=1,
        type=quals[0],
        prototyped=True,
    )
    concrete = DIE(
        "subprogram",
        DIE("lexical_block", DIE("pointer_type")),
        DIE("formal_parameter", abstract_origin=abstract.children[1]),
        DIE("formal_parameter", Attr("location", "exprloc", Expr(("reg", 5))), abstract_origin=abstract.children[0]),
        abstract_origin=abstract,
        ranges=Ranges([(0x3000, 0x3000), ("base_address", 0x1000), (0x2000, 0x2008)]),
    )
    declared = DIE("subprogram", name="declared", external=True, declaration=True, type=int_)
    defined = annotated(
        DIE(
            "subprogram",
            annotated(DIE("formal_parameter", name="p", type=again), decl),
            specification=declared,
            low_pc=Address(0x5000),
        ),
        decl,
    )
    variable = DIE(
        "variable", llvm("btf_decl_tag", "v"), name="var", type=proto, external=True, location=Expr(("addr", 0x8000))
    )
    moved = DIE("variable", name="moved", type=array, location=Expr(("addrx", Address(0x9000)), ("plus_uconst", 8)))
    implicit = DIE(
        "base_type",
        Attr("byte_size", "implicit_const", 2),
        Attr("encoding", ("indirect", "udata"), 7),
        Attr("name", "strx1", "short"),
    )
    signed = DIE("structure_type", name="in_type_unit", byte_size=4)
    of_signed = DIE("pointer_type", type=signed)
    elsewhere = DIE("typedef", name="elsewhere", type=int_)
    units = [
        CU([int_, long_, odd, real, atomic, decl, decl.attributes[-1].value, chain, second, second.attributes[-1].value,
            pointer, again, tagged, point, union, forward, array, enum, big, proto, alias, *quals, abstract, concrete,
            declared, defined, variable, moved, implicit, of_signed], name="main.c", low_pc=0),
        CU([elsewhere], name="other.c"),
        CU([signed], kind="type", signature=0x1122334455667788),
        CU([], Attr("name", "string", "a.rs"), language=RUST),
    ]  # fmt: skip
    return Dwarf(units, **how)
