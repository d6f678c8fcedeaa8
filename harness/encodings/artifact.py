"""The output of an encoding: named sections, their bytes, and where addresses are in them."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from harness.btf import Laid
from harness.encodings.encoding import Encoding, Fixup
from harness.encodings.pairs import Pairs

SECTION = ".BTF"
"""The section that every artifact has."""


class Artifact(NamedTuple):
    """The bytes of one encoding.

    Attributes
    ----------
    sections : dict of str to bytes
        SECTION first, then the encoding's own.
    fixups : tuple of Fixup
        Where addresses are: `within` is a section, `at` are byte offsets in it.
    func_id : uint32 (pairs,)
        type_id of each pair's FUNC.
    """

    sections: dict[str, bytes]
    fixups: tuple[Fixup, ...]
    func_id: np.ndarray


FORM = re.compile(r"u32|u64|lohi|hex[1-9][0-9]*")
"""Forms of a Fixup."""


def artifact(encoding: Encoding, pairs: Pairs, common: Laid) -> Artifact:
    """The Artifact of an encoding.

    Parameters
    ----------
    encoding : Encoding
    pairs : Pairs
    common : harness.btf.Laid
        What all encodings of a program share at their beginning, laid out once.

    Raises
    ------
    EncodeError
        What the encoding writes is not valid BTF.
    ValueError
        A section of its own has an invalid name, or a fixup is within something or of a form unknown.
    """
    made = encoding.write(pairs, common.next_id(), common.strings.next_off)
    for name in made.sections:
        if not re.fullmatch(r"\.[\w.-]+", name) or name in (SECTION, ".btf"):
            raise ValueError(f"{encoding.name}: expected a section's name, such as {SECTION}.more, found {name!r}")
    laid = common.then(made.types, made.strings, layout=encoding.layout)
    fixups = []
    for fixup in made.fixups:
        if not FORM.fullmatch(fixup.form):
            raise ValueError(f"{encoding.name}: expected a fixup's form, u32, u64, lohi or hex16, found {fixup.form!r}")
        if fixup.within == "types":
            fixups.append(fixup._replace(within=SECTION, at=laid.word_places(fixup.at)))
        elif fixup.within == "strings":
            # digits follow the beginning of a string, and only beginnings can be located in the section
            starts = np.flatnonzero(np.concatenate([[0], made.strings[:-1]]) == 0) if len(made.strings) else fixup.at
            start = starts[np.searchsorted(starts, fixup.at, side="right") - 1]
            places = laid.string_places(common.strings.next_off + start) + fixup.at - start
            fixups.append(fixup._replace(within=SECTION, at=places))
        elif fixup.within in made.sections:
            fixups.append(fixup)
        else:
            raise ValueError(f"{encoding.name}: expected a fixup within types, strings or {', '.join(made.sections)}, "
                             f"found {fixup.within!r}")
    return Artifact({SECTION: laid.data(), **made.sections}, tuple(fixups), made.func_id)
