"""The output of an encoding: named sections, their bytes, and where addresses are in them."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from harness.btf import Laid
from harness.btf.wire import WORD_NBYTES, prefix
from harness.encodings.encoding import Encoding, Final, Fixup
from harness.encodings.order import Order, places_of
from harness.encodings.pairs import Pairs
from harness.errors import EncodeError

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
    id_map : uint32 (next_id,) or None
        type_id in the file by the one before types got another order; None where they did not.
    """

    sections: dict[str, bytes]
    fixups: tuple[Fixup, ...]
    func_id: np.ndarray
    id_map: np.ndarray | None = None


FORM = re.compile(r"u32|u64|lohi|hex[1-9][0-9]*")
"""Forms of a Fixup."""


def artifact(encoding: Encoding, pairs: Pairs, common: Laid, order: Order | None = None, by_name: bool = False,
             layout_section: bool = False) -> Artifact:
    """The Artifact of an encoding.

    Parameters
    ----------
    encoding : Encoding
    pairs : Pairs
    common : harness.btf.Laid
        What all encodings of a program share at their beginning, laid out once.
    order : Order, optional
        Where types stand in the file; by default as they are listed, the encoding's last.
    by_name : bool
        Afterwards sort the types by name, as the kernel's build does since Linux 7.0.
    layout_section : bool
        As in harness.btf.encode.

    Raises
    ------
    EncodeError
        What the encoding writes is not valid BTF; or types get another order, and it does not say where its own
        sections have type_ids; or a layout section is to be written, which cannot describe its types.
    ValueError
        A section of its own has an invalid name, or a fixup is within something or of a form unknown.
    """
    made = encoding.write(pairs, common.next_id(), common.strings.next_off)
    laid = common.then(made.types, made.strings, layout=encoding.layout)._replace(
        layout_section=layout_section or encoding.layout_section)
    func_id, id_map = made.func_id, None
    if order is not None or by_name:
        if made.sections and made.ids is None:
            raise EncodeError(f"{encoding.name} does not say where {', '.join(made.sections)} has type_ids, which get "
                              "another order: Written.ids is for that")
        places = None if order is None else places_of(order, made, pairs, common.next_id())
        made, laid = _renumbered(encoding, made, laid.ordered(places, by_name))
        func_id, id_map = laid.id_map[func_id], laid.id_map
    if made.after is not None:
        final = Final(func_id, laid.next_id(), laid.section_nbytes, common.byteorder)
        made = made._replace(sections={**made.sections, **made.after(final)})
    for name in made.sections:
        if not re.fullmatch(r"\.[\w.-]+", name) or name in (SECTION, ".btf"):
            raise ValueError(f"{encoding.name}: expected a section's name, such as {SECTION}.more, found {name!r}")
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
    return Artifact({SECTION: laid.data(), **made.sections}, tuple(fixups), func_id, id_map)


def _renumbered(encoding, made, ordered):
    """What an encoding has written, and how it is laid out in another order: (Written, Ordered).

    Type_ids that the layout of types does not tell are renumbered, where the encoding says that they are.
    """
    sections, words = dict(made.sections), ordered.words
    for ids in made.ids or ():
        if ids.form != "u32" or ids.within != "types" and ids.within not in sections:
            raise ValueError(f"{encoding.name}: expected type_ids as u32 within types or {', '.join(sections)}, found "
                             f"{ids.form} within {ids.within!r}")
        if ids.within == "types":
            at = (ordered.word_places(ids.at) - ordered.laid.types_start) // WORD_NBYTES
            words[at] = ordered.id_map[words[at]]
        else:
            data = np.frombuffer(sections[ids.within], np.uint8).copy()
            at = np.asarray(ids.at, np.int64)[:, None] + np.arange(WORD_NBYTES)
            order = prefix(ordered.laid.byteorder) + "u4"
            new = ordered.id_map[data[at].view(order).ravel()]
            data[at] = new.astype(order).view(np.uint8).reshape(-1, WORD_NBYTES)
            sections[ids.within] = data.tobytes()
    return made._replace(sections=sections), ordered
