"""What every form of a report says in the same words: the question, the policies, the limits; words in a row. ASCII."""

QUESTION = """\
A function that appears at several addresses, such as a static inline emitted in many compile units, becomes one FUNC
per prototype in BTF, which cannot say which address a tracer means; pahole since 1.31 leaves such names out. What
does it cost to give every function its address, in types and in bytes, and who can still read the file?"""

POLICIES = {
    "all": "every instance with code, a prototype and an ELF symbol at its address",
    "consistent": "without names whose instances disagree on types or have a parameter where it is not expected, and "
                  "without clones that lack parameters; names with several addresses stay",
    "current": "also without names that have more than one address, as pahole does since 1.31",
}

LIMITS = (
    "What fentry takes is judged by the rules of the newest kernel that was read, not by those of the kernel measured; "
    "whether the machine has BPF trampolines at all is not judged.",
    "plain under current is what pahole of July 2026 writes; the .BTF that a distribution ships may follow older "
    "rules.",
    "Attachable addresses of decl_tag and btf_func are those that a kernel could reach which reads them; none does "
    "today.",
    "Addresses are those of the ELF file. A kernel that randomizes its base needs them relocated; what that would cost "
    "is not counted.",
    "The encodings are those of the thread of 2023; the location kinds that bpf-next took in 2026 could carry the "
    "address of a body too and are not measured.",
    "One kernel, one compiler, one configuration.",
    "The words of consumers are those of the versions named, on the machine where the report was made.",
)


def listed(words):
    """'a', 'a and b', 'a, b and c'; '' of none."""
    *most, last = [str(word) for word in words] or [""]
    return f"{', '.join(most)} and {last}" if most else last
