"""Words that every form of a report shares: the question, the policies, the limits; and how lists and lines are made.

All of it is ASCII.
"""

from __future__ import annotations

import textwrap

QUESTION = """\
A function with several addresses, such as a static inline emitted in many compile units, becomes one FUNC per prototype
in BTF, so a tracer cannot say which address it means; since 1.31 pahole leaves such names out. What does it cost to
tell the addresses apart, what does it buy, and who can still read the file?"""

POLICIES = {
    "all": "every instance with code, a prototype and an ELF symbol at its address",
    "sound": "leaves out instances whose own parameters are not where their prototype says, whatever other instances "
             "of the name look like",
    "consistent": "leaves out names whose instances disagree on types or have a parameter in an unexpected place, and "
                  "clones that lack parameters; keeps names with several addresses",
    "current": "leaves out what consistent does (names whose instances disagree on types or have a parameter in an "
               "unexpected place, clones that lack parameters), and names with several addresses, as pahole does since "
               "1.31",
}

LIMITS = (
    "What fentry accepts is judged by the rules of the newest kernel whose source was read, not by those of the kernel "
    "measured. Whether the machine has BPF trampolines is not checked.",
    "plain under current is what pahole of July 2026 writes; the .BTF that a distribution ships may follow older "
    "rules.",
    "Addresses in an encoding count as attachable if a kernel that reads addresses from BTF could reach them; no "
    "kernel does so today.",
    "Addresses are those of the ELF file; what relocating them costs is not counted. In a kernel's build .BTF is made "
    "before the last link, and what lies behind it may move.",
    "Names are looked up among the function symbols of the image. The kernel also looks among variables and, where the "
    "image has none, among the functions of loaded modules.",
    "This is one kernel, one compiler and one configuration.",
    "Consumers answered in the versions named, on the machine where the report was made.",
)


UNBROKEN = "\x01"
"""Stands for a space at which a line must not break, while text is wrapped."""


def wrapped(text, width, begin="", indent=0):
    """Text as lines of at most `width` characters, the first after `begin`, the others indented; list of str.

    A percent sign stays with its number.
    """
    text = begin + " ".join(text.split()).replace(" %", UNBROKEN + "%")
    lines = textwrap.wrap(text, width, subsequent_indent=" " * indent, break_on_hyphens=False)
    return [line.replace(UNBROKEN, " ") for line in lines]


def listed(words):
    """'a', 'a and b', 'a, b and c'; '' if there are none."""
    *most, last = [str(word) for word in words] or [""]
    return f"{', '.join(most)} and {last}" if most else last
