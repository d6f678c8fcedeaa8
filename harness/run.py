"""The stages in order: an ELF file in, its encodings out. What the command line and notebooks call.

harness.results writes the results into a folder and reads them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from harness import btf
from harness import encodings as enc
from harness.errors import BtfFormatError, EncodeError, UsageError
from harness.functions import (
    DEFAULT,
    POLICIES,
    Faults,
    Selection,
    check_quirks,
    faults_of,
    prototypes_of,
    rules_of,
    select,
)
from harness.functions.annotations import tag_texts, tags_of
from harness.functions.forms import selection_forms as forms
from harness.functions.policies import Reason
from harness.model.strings import Strings
from harness.process import workers
from harness.program import Program, Silent
from harness.program import read_program as prepare

__all__ = ["Encoded", "Silent", "encode", "forms", "prepare"]


class Encoded(NamedTuple):
    """A program encoded under one policy.

    Attributes
    ----------
    policy : str
    artifacts : dict of str to Artifact
        By encoding, the baseline first.
    selection : Selection
    pairs : Pairs
    faults : Faults
    signature : int64 (instances,)
        Equal for instances with equal FUNC_PROTOs; counts from 1.
    proto_id, func_id : uint32 (instances,)
        FUNC_PROTO and FUNC of each instance in the baseline, 0 if it is not encoded.
    tags : object (instances,)
        Annotations of each instance, str, as in the column tags of harness.results.columns.
    rules : str
        Version of pahole whose rules the policy followed.
    quirks : tuple of str
    """

    policy: str
    artifacts: dict[str, enc.Artifact]
    selection: Selection
    pairs: enc.Pairs
    faults: Faults
    signature: np.ndarray
    proto_id: np.ndarray
    func_id: np.ndarray
    tags: np.ndarray
    rules: str
    quirks: tuple[str, ...]

    @property
    def files(self) -> dict[str, bytes]:
        """The bytes of each encoding's .BTF section, dict."""
        return {name: artifact.sections[enc.SECTION] for name, artifact in self.artifacts.items()}


def encode(program: Program, policy: str = "consistent", encodings: Sequence[str] | None = None, rules: str = DEFAULT,
           quirks: Iterable[str] = (), kfunc_tags: bool = True) -> Encoded:
    """Encode a program under one policy.

    Parameters
    ----------
    program : Program
        Read with rules whose types have the same forms.
    policy : str
        all, consistent or current.
    encodings : list of str, optional
        Names in the registry; the default ones when None. The baseline is always made: the others are measured against
        it.
    rules : str
        Version of pahole whose selection rules to follow, one of harness.functions.RULES.
    quirks : iterable of str
        pahole bugs to reproduce, of harness.functions.QUIRKS.
    kfunc_tags : bool
        Write a bpf_kfunc DECL_TAG for each kfunc (pahole's decl_tag_kfuncs), if the rules are of a version that can.

    Returns
    -------
    Encoded

    Raises
    ------
    UsageError
        No such policy, encoding, rules or quirk; or the program's types have other forms than the rules'.
    EncodeError
        What an encoding writes is not valid BTF, as where a name is none in BTF or a type is none in C.
    """
    if policy not in POLICIES:
        raise UsageError.choice("policy", POLICIES, policy)
    chosen = enc.chosen(encodings)
    followed, bugs = rules_of(rules), check_quirks(quirks)
    if followed.forms != program.forms:
        raise UsageError(f"expected a program read for {followed.forms}, found {program.forms}", "rules", rules)
    table = program.instances
    selection = select(program, policy, followed, bugs)
    strings = Strings(program.strings.flattened().blob)
    kept = _in_order(table, np.flatnonzero(selection.reason == Reason.ENCODED), strings)
    prototypes = prototypes_of(program, followed, selection.die)
    begun = program.once("laid out", lambda: btf.lay_out(program.common, program.strings,
                                                         byteorder=program.kernel["byteorder"]))
    new, proto_of_kept = prototypes.rows_of(kept, begun.next_id())
    common = begun.then(new)
    tags = tags_of(program, kept, selection.die[kept], strings, kfunc_tags and followed.kfunc_tags)
    pairs, pair_of = enc.make_pairs(table.name_off[kept], proto_of_kept, table.address[kept], table.place.section[kept],
                                    strings.array, tags)
    with workers(2) as executor:
        made = executor.map(lambda encoding: _checked(program, encoding, enc.artifact(encoding, pairs, common)), chosen)
        artifacts = dict(zip([e.name for e in chosen], made, strict=True))

    def of_all(values, dtype):
        out = np.zeros(len(table.die), dtype)
        out[kept] = values
        return out

    return Encoded(policy, artifacts, selection, pairs, faults_of(program, followed, bugs),
                   prototypes_of(program, followed).index + 1,
                   of_all(proto_of_kept, np.uint32), of_all(artifacts[chosen[0].name].func_id[pair_of], np.uint32),
                   tag_texts(program, kept, tags), followed.version, tuple(sorted(bugs)))


def _checked(program, encoding, artifact):
    """The artifact, unless readers would refuse it."""
    if program.types.base is not None:
        return artifact  # what continues another file cannot be read without it
    try:
        btf.check(enc.parse(artifact.sections[enc.SECTION]))
    except BtfFormatError as error:
        raise EncodeError(f"{encoding.name}.btf would not be valid: {error.message}") from error
    return artifact


def _in_order(table, rows, strings):
    """Rows of a FunctionTable by name, address and section: prototypes are numbered in the order of the functions."""
    return rows[np.lexsort((table.place.section[rows], table.address[rows], strings.rank(table.name_off[rows])))]
