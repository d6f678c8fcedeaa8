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
    HEADLINE,
    POLICIES,
    SEARCH,
    STRINGS,
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
from harness.functions.kernel_step import step_of, stepped, unstepped
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
    step : str or None
        Version of the kernel's own step, as in harness.functions.kernel_step.
    added : dict of str to array (added,)
        ADDED_COLUMNS of harness.results.columns: the functions that the step adds.
    layout_section : bool
        Whether the files have one.
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
    step: str | None
    added: dict[str, np.ndarray]
    layout_section: bool = False

    @property
    def files(self) -> dict[str, bytes]:
        """The bytes of each encoding's .BTF section, dict."""
        return {name: artifact.sections[enc.SECTION] for name, artifact in self.artifacts.items()}


def encode(program: Program, policy: str = HEADLINE, encodings: Sequence[str] | None = None, rules: str = DEFAULT,
           quirks: Iterable[str] = (), kfunc_tags: bool = True, kernel_step: bool | None = None,
           layout_section: bool = False) -> Encoded:
    """Encode a program under one policy.

    Parameters
    ----------
    program : Program
        Read with rules whose types have the same forms.
    policy : str
        all, sound, consistent or current.
    encodings : list of str, optional
        Names in the registry; the default ones when None. The baseline is always made: the others are measured against
        it.
    rules : str
        Version of pahole whose selection rules to follow, one of harness.functions.RULES.
    quirks : iterable of str
        pahole bugs to reproduce, of harness.functions.QUIRKS.
    kfunc_tags : bool
        Write a bpf_kfunc DECL_TAG for each kfunc: pahole's decl_tag_kfuncs, if the rules are of a version that can, and
        the kernel's step since Linux 7.3.
    kernel_step : bool, optional
        Do what the kernel's build does after pahole, see harness.functions.kernel_step. If None, where it does so: from
        Linux 7.0 on.
    layout_section : bool
        Write how long the types of each kind are into each file, see harness.btf.kind_sizes: pahole's `layout`.

    Returns
    -------
    Encoded

    Raises
    ------
    UsageError
        No such policy, encoding, rules or quirk; the program's types have other forms than the rules'; or the kernel's
        step is asked for, and the flags of kfuncs are not known.
    EncodeError
        What an encoding writes is not valid BTF, as where a name is none in BTF or a type is none in C; or the step
        does not fit the kernel's types or an encoding; or a layout section cannot describe an encoding's types.
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
    step = step_of(program.kernel, kernel_step)
    known = followed.kfunc_tags or step is not None and step.merges  # before, the step knows kfuncs by pahole's tags
    first_id = begun.next_id()
    # kfuncs that pahole does not find get their tags from the kernel's step, where that tags them itself
    missed: frozenset[bytes] = _missed(program, followed, bugs)
    late: frozenset[bytes] = frozenset()
    if step is not None and step.merges:
        missed, late = late, missed
    tagged = program.kfunc_tags.keys() - missed if kfunc_tags and known else ()
    tags = tags_of(program, kept, selection.die[kept], strings, tagged)
    made = (stepped(program, step, prototypes, kept, first_id, tags, missed) if step is not None and known else
            unstepped(program, prototypes, kept, first_id, tags))
    row, name_off, proto_id = made.row, made.name_off, made.proto_id
    sections = {index: (name, address) for index, name, address in program.kernel["code_sections"]}
    pairs, pair_of = enc.make_pairs(name_off, proto_id, table.address[row], table.place.section[row], strings.array,
                                    made.tags, enc.Image(program.kernel["base"], sections),
                                    program.described["file"][row], program.described["unit"][row],
                                    _symbols_named(program, row, strings.texts(name_off)))

    order = enc.order_of(program, made, selection.die[kept], pairs, pair_of, late)
    if STRINGS in bugs and not (step is not None and step.merges):  # merging leaves only what types have
        met = enc.names_met(program, followed, faults_of(program, followed, bugs), made, pairs, order)
        begun = btf.lay_out(program.common, program.strings, byteorder=program.kernel["byteorder"], first_names=met)
    common = begun.then(made.types)

    def written(encoding):
        return _checked(program, encoding,
                        _artifact(encoding, pairs, common, order, step is not None, layout_section))

    with workers(2) as executor:
        artifacts = dict(zip([e.name for e in chosen], executor.map(written, chosen), strict=True))
    baseline = artifacts[chosen[0].name]
    # what encodings have beyond the baseline has a name or stands behind it, so a FUNC_PROTO has one id in all
    proto_id = baseline.id_map[proto_id]
    pairs = pairs._replace(proto_id=baseline.id_map[pairs.proto_id])
    func_id, texts, n = baseline.func_id[pair_of], tag_texts(program, len(row), made.tags), len(kept)

    def of_all(values):
        out = np.full(len(table.die), "", object) if values.dtype == object else np.zeros(len(table.die), values.dtype)
        out[kept] = values[:n]
        return out

    added = {"name": strings.texts(name_off[n:]), "die": program.described["die"][row[n:]], "proto": proto_id[n:],
             "func": func_id[n:], "tags": texts[n:]}
    return Encoded(policy, artifacts, selection, pairs, faults_of(program, followed, bugs),
                   prototypes_of(program, followed).index + 1, of_all(proto_id), of_all(func_id), of_all(texts),
                   followed.version, tuple(sorted(bugs)), None if step is None else step.version, added,
                   layout_section)


def _symbols_named(program, row, names):
    """How many addresses kallsyms has for each function's name, as Pairs.symbols: int32 (functions,)."""
    named = program.described["symbol"][row] == names
    return np.where(named, program.instances.symbol_addresses[row], 0).astype(np.int32)


def _missed(program, rules, bugs):
    """Names of the kfuncs that pahole does not find, frozenset of bytes."""
    if SEARCH not in bugs or not rules.by_prefix or not rules.kfunc_tags:
        return frozenset()
    if program.kfuncs_not_found is None:
        raise UsageError(f"expected a program read with the rules {rules.version}, found one of another version",
                         "quirk", SEARCH)
    return program.kfuncs_not_found


def _artifact(encoding, pairs, common, order, by_name, layout_section):
    try:
        return enc.artifact(encoding, pairs, common, order, by_name, layout_section)
    except EncodeError as error:
        if not layout_section:
            raise
        raise EncodeError(f"{encoding.name}.btf: {error.message}: leave out --layout or this encoding") from error


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
