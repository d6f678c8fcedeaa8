"""What an encoding is: what it writes for the functions of a program, how that is read back, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness.btf import BtfFile
from harness.encodings.formulas import somewhere
from harness.encodings.image import Image
from harness.encodings.pairs import Pairs
from harness.model import STANDARD, Kind, Layout, TypeTable, changes

if TYPE_CHECKING:
    import pandas as pd

NO_STRINGS = np.zeros(0, np.uint8)


class Fixup(NamedTuple):
    """Where addresses stand that change when the code moves.

    Attributes
    ----------
    within : str
        'types', 'strings', or the name of a section of the encoding's own.
    at : int64 (n,)
        Of types, indices in their words; of strings and sections, byte offsets in them.
    pair : int64 (n,)
        Whose address each is.
    form : str
        'u64' or 'u32' in file byte order; 'lohi', two words of which the low one comes first in either byte order; or
        'hex' and a number of digits, as text: hex16.
    """

    within: str
    at: np.ndarray
    pair: np.ndarray
    form: str


class Final(NamedTuple):
    """Where the types of a file are, once they are laid out and sorted.

    Attributes
    ----------
    func_id : uint32 (pairs,)
        type_id of each pair's FUNC.
    next_id : int
        The first type_id that the file does not have.
    string_nbytes : int
        Length of its string section.
    byteorder : {"little", "big"}
    """

    func_id: np.ndarray
    next_id: int
    string_nbytes: int
    byteorder: str


class Written(NamedTuple):
    """What an encoding writes beyond the types that all files have.

    Attributes
    ----------
    types : TypeTable
        Rows to append, FUNCs among them.
    func_id : uint32 (pairs,)
        type_id of each pair's FUNC.
    strings : uint8
        What to append to the strings that names are offsets into; ends with NUL.
    sections : dict of str to bytes
        Further sections, each of which becomes a file of its own beside the .btf file.
    fixups : tuple of Fixup
    ids : tuple of Fixup, or None
        Where type_ids stand that the layout of types does not tell: in the encoding's own sections, or as values in its
        types; form 'u32', `pair` is not used. They are renumbered when the file's types are put in order. An encoding
        with sections of its own has to say; () is nowhere.
    after : callable, or None
        (Final) -> dict of str to bytes: sections that depend on where the types end up.
    by_address : bool
        The FUNCs of a name stand in the order of the rows, which is that of their addresses. Otherwise those that the
        baseline has stand first.
    """

    types: TypeTable
    func_id: np.ndarray
    strings: np.ndarray = NO_STRINGS
    sections: dict[str, bytes] = {}
    fixups: tuple[Fixup, ...] = ()
    ids: tuple[Fixup, ...] | None = None
    after: Callable[[Final], dict[str, bytes]] | None = None
    by_address: bool = False


class Addresses(NamedTuple):
    """What a file says of where its FUNCs are, each (FUNC, address) once, in that order.

    Attributes
    ----------
    func_id : int64 (n,)
    address : uint64 (n,)
        Of a relocatable file, an offset in a section that the file may not tell.
    """

    func_id: np.ndarray
    address: np.ndarray


class Sources(NamedTuple):
    """What a file says of its FUNCs instead of addresses.

    Attributes
    ----------
    func_id : int64 (n,)
    text : object (n,)
        str.
    """

    func_id: np.ndarray
    text: np.ndarray


NO_ADDRESSES = Addresses(np.zeros(0, np.int64), np.zeros(0, np.uint64))


def in_order(func_id: np.ndarray, address: np.ndarray) -> Addresses:
    """Addresses in their order, each once."""
    order = np.lexsort((address, func_id))
    func_id, address = np.asarray(func_id, np.int64)[order], address[order]
    new = changes(func_id, address)
    return Addresses(func_id[new], address[new])


class Ids(NamedTuple):
    """The FUNCs of a name in a file that gives them addresses.

    Attributes
    ----------
    n_ids : int
    stand_for : tuple of int
        How many addresses each of them stands for; in a relocatable file several sections may have one offset.
    n_given : int
        Addresses that the file gives.
    resolved : str
        What the kernel does with the name alone: a clause.
    """

    n_ids: int
    stand_for: tuple[int, ...]
    n_given: int
    resolved: str

    @property
    def how_many(self) -> str:
        """'one id', '22 ids'."""
        return "one id" if self.n_ids == 1 else f"{self.n_ids} ids"


def said(ids: Ids) -> str:
    """What Ids tell a tracer, where an encoding has no words of its own."""
    addresses = counted(ids.n_given, "address")
    if max(ids.stand_for) == 1:
        return f"{ids.how_many} with {addresses}, one each: a consumer that reads them gets exactly that one"
    return f"{ids.how_many} with {addresses}; for a consumer that does not read them, {ids.resolved}"


def counted(n: int, noun: str) -> str:
    """'1 address', '22 addresses'."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}es" if noun.endswith("s") else f"{n} {noun}s"


class Consequences(NamedTuple):
    """What follows from what an encoding stores, in words for a table.

    Attributes
    ----------
    kaslr : str
        Whether it is right where KASLR has moved the kernel: 'as is', or 'rebase', by whoever loads the file.
    modules : str
        The same of a module, which has no address before it is loaded; 'no' where it says no place in a module.
    exposes : str
        What one who reads it learns of the running kernel.
    """

    kaslr: str
    modules: str
    exposes: str


NOT_SAID = Consequences("", "", "")

STORES = {
    "nothing": Consequences("as is", "as is", "nothing"),
    "address": Consequences("rebase", "rebase", "KASLR offset"),
    "base offset": Consequences("as is", "no", "text layout"),
    "section offset": Consequences("as is", "as is", "text layout"),
    "ordinal": Consequences("as is", "as is", "nothing"),
    "source file": Consequences("as is", "as is", "nothing"),
}
"""What an encoding may store to say which function a FUNC is, and what follows.

KASLR moves the kernel as a whole, so offsets stay; a link-time address is right once the kernel's offset is added to
it, and then tells that offset. Sections of a module are placed when it is loaded, each by itself: an offset within one
stays, one from the kernel's base is of the kernel only.
"""


@dataclass(frozen=True)
class Encoding:
    """One way to write functions and their addresses. What is particular to it stands in its file and nowhere else.

    Attributes
    ----------
    name : str
    summary : str
        One sentence for tables and help.
    formula : str
        What it costs, in words.
    write : callable
        (pairs, first_id, first_off) -> Written; first_id is the type_id of the first row, first_off the offset of its
        first string.
    proposed : str
        Who proposed it, where and when.
    read : callable
        (file, sections, image) -> Addresses or Sources of a BtfFile, of the sections, dict of str to bytes, that
        `write` gave, and of an Image. What is not as it was written is a BtfFormatError, see harness.encodings.own.
    growth : callable
        (functions) -> bytes that the file grows over the baseline, the encoding's own sections counted with it. It
        counts from a DataFrame with a row per encoded instance: name, proto_id (its FUNC_PROTO), place (a number for
        each; NOWHERE for none), address, tags (its annotations, joined by TAG_SEPARATOR), shndx and section (index and
        name of the ELF section), file and unit (of its source), offset (from the image's base, int64, NO_OFFSET where
        32 bits cannot say it), section_offset (the same from its section, if that has code), symbols (how many
        addresses kallsyms has for the name, 0 if the function's symbol has another). It shares no code with `write`, so
        that each is a witness of the other.
    told : callable
        (functions) -> the rows of that frame whose address the file must give back, or, in a column of that name, the
        text.
    kinds : tuple of Kind
        Those of which it may write more or fewer than the baseline; every other kind has equal counts.
    colour : str
        In plots, its own and that of the first kind of `kinds`: '#RRGGBB'.
    rank : int
        Order in tables; the baseline is 0.
    default : bool
        Whether it is made when none is asked for.
    layout : Layout
        What the words of its types mean, where kind_flag adds some.
    layout_section : bool
        Whether its files need one: they have kinds that only it describes.
    tells : callable
        (Ids) -> what a tracer gets who has a function's ids in such a file, in words.
    stores : str
        What says which function a FUNC is, one of STORES: 'nothing', 'address', 'base offset' (from the kernel's base),
        'section offset', 'ordinal' or 'source file'; empty if the encoding does not say.
    only : str
        Which functions it gives what it stores, a clause such as 'where a name is ambiguous'; empty if all.
    beside : bool
        Whether it stands in a section of the encoding's own, so that the file itself is today's.
    """

    name: str
    summary: str
    formula: str
    write: Callable[[Pairs, int, int], Written]
    read: Callable[[BtfFile, dict[str, bytes], Image], Addresses | Sources]
    growth: Callable[[pd.DataFrame], int]
    kinds: tuple[Kind, ...]
    colour: str
    rank: int
    default: bool = True
    layout: Layout = STANDARD
    layout_section: bool = False
    tells: Callable[[Ids], str] = said
    told: Callable[[pd.DataFrame], pd.DataFrame] = somewhere
    proposed: str = ""
    stores: str = ""
    only: str = ""
    beside: bool = False

    @property
    def follows(self) -> Consequences:
        """What follows from what it stores."""
        return STORES.get(self.stores, NOT_SAID)

    @property
    def kaslr(self) -> str:
        """'as is' where what it stores is right wherever KASLR puts the kernel; 'rebase' if it is an address."""
        return self.follows.kaslr

    @property
    def modules(self) -> str:
        """'as is' where it serves modules, too; 'rebase' if an address; 'no' if it counts from the kernel."""
        return self.follows.modules

    @property
    def exposes(self) -> str:
        """What a reader of /sys/kernel/btf/vmlinux, mode 0444, learns of the running kernel that he would not know
        otherwise: where its text is ('KASLR offset', as soon as the addresses are right), or how far functions are from
        each other ('text layout'). 'beside': only who may read the section of its own, which may have other rights."""
        exposed = self.follows.exposes
        return f"{exposed}, beside" if self.beside and exposed not in ("", "nothing") else exposed
