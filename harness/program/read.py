"""From an ELF file to a Program: walk, dedup, the join with symbols, variables and tags."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

import numpy as np

from harness import btf, warm
from harness.dedup import dedup_types, with_final_ids
from harness.dwarf import walk
from harness.dwarf.files import DwarfFiles
from harness.dwarf.lines import function_sources
from harness.dwarf.walk import read_location_lists
from harness.elf import ElfImage
from harness.errors import BtfFormatError, DwarfError, ElfError, EncodeError
from harness.functions import DEFAULT, join, rules_of
from harness.functions.ftrace import ftrace_sites
from harness.functions.join import ASSEMBLER
from harness.functions.kernel_step import step_names
from harness.functions.kfuncs import Kfunc, read_kfuncs, tags
from harness.functions.listing import describe, inlined
from harness.functions.search import not_found
from harness.kernels import Kernel
from harness.model import Kind, StringTable, concatenate, kind_number
from harness.model import words as wd
from harness.process import workers
from harness.program.base import code_sections, image_base
from harness.program.expressible import express_functions, expressible, tags_of_whole
from harness.program.places import places_of_common, places_of_types
from harness.program.program import Program
from harness.program.release import release
from harness.program.tags import names_at, type_tags
from harness.program.variables import per_cpu_variables


class Silent:
    """Progress that shows nothing; harness.ui has one that does."""

    def stage(self, text: str) -> Callable[[int, int], None]:
        """Begin a stage; returns a callable (done, total)."""
        return lambda done, total: None

    def done(self) -> None:
        """End the last stage."""


def read_program(kernel: Kernel | str | os.PathLike[str], threads: int = 2, fallback: bool = True,
                 progress: Silent | None = None, meanwhile: dict[str, Callable] | None = None,
                 rules: str = DEFAULT) -> Program:
    """Read a file's DWARF and symbols, and deduplicate its types.

    Parameters
    ----------
    kernel : harness.kernels.Kernel or path-like
    threads : int
        The result does not depend on it.
    fallback : bool
        Give a function with no matched DIE the address of its only symbol.
    progress : Silent, optional
        Told of the stages, such as a harness.ui.Progress; silent by default.
    meanwhile : dict of str to callable, optional
        (described, inlined, bits) -> anything, called while dedup runs, which needs no Python. What they return,
        `Program.once` has under their names.
    rules : str
        Version of pahole whose forms of types to follow, one of harness.functions.RULES; and whose search for kfuncs.

    Returns
    -------
    Program

    Raises
    ------
    ElfError
        The file cannot be read, is not ELF, or lacks what is needed.
    DwarfError
        Its DWARF is missing or malformed.
    EncodeError
        Its types cannot be deduplicated.
    """
    progress = progress or Silent()
    followed = rules_of(rules)
    forms = followed.forms
    path = os.fspath(kernel.path if isinstance(kernel, Kernel) else kernel)
    with ElfImage(path) as image, DwarfFiles(image) as files:
        if threads > 1:
            warm.start(progress.stage)
        walked = walk(image, threads, progress.stage("walk over units"), lists=False, nested_arrays=forms.nested_arrays,
                      files=files)
        _check_complete(walked.counts, image.path)
        with workers(1) as executor:
            # dedup needs one core and no Python; meanwhile the functions are joined on the other
            deduplicated = executor.submit(dedup_types, walked.types, walked.strings, in_place=True, threads=threads,
                                           progress=progress.stage("dedup"))
            walked = walked._replace(types=None)
            read_location_lists(files, walked)
            symbols = image.symbols()
            table = join(walked, symbols, image, fallback=fallback)
            sources = function_sources(files, walked, table.die)
            described = describe(walked, table, symbols, image, sources, ftrace_sites(image, symbols))
            without = inlined(walked, table)
            file, shipped, unusable = shipped_btf(image)
            kfuncs = read_kfuncs(image, symbols, None if file is None else names_of_funcs(file))
            missed = not_found(image, symbols, kfuncs.flags) if followed.by_prefix else None
            del file
            made = {name: make(described, without, image.bits) for name, make in (meanwhile or {}).items()}
            try:
                dedup = deduplicated.result()
            except EncodeError as error:
                error.path = image.path
                raise
            del deduplicated
        progress.stage("functions")(0, 1)
        walked = with_final_ids(walked, dedup.id_map)
        types, places = dedup.types, places_of_types(walked, dedup)
        del dedup
        types, places, walked = _expressed(types, places, walked, table.counts)
        variables = per_cpu_variables(walked, image, symbols, types, len(walked.strings.blob), forms.variable_at_0)
        on_types = type_tags(walked.decl_tags, variables.type_id)
        common = concatenate([types, *([variables.types] if len(variables.types.words) else []),
                              *([on_types] if on_types is not None else [])])
        stands = places_of_common(places.types, variables.type_id, walked.variables.unit, on_types,
                                  len(walked.unit_name_off))
        about = {
            "label": getattr(kernel, "label", None) or os.path.basename(path),
            **_identity(image, path),
            "machine": image.machine,
            "bits": image.bits,
            "byteorder": image.byteorder,
            "relocatable": image.relocatable,
            "release": release(image, symbols),
            "base": image_base(image, symbols),
            "code_sections": [list(section) for section in code_sections(image)],
            "shipped_unusable": unusable,
            "kfuncs_unusable": kfuncs.unusable,
            "kfunc_flags_unsure": kfuncs.unsure,
            "provenance": _provenance(kernel),
        }
    progress.done()
    tail, at = names_at(step_names(kfuncs.flags), len(walked.strings.blob) + len(variables.strings))
    strings = StringTable(np.concatenate([walked.strings.blob, variables.strings, tail]))
    tagged = {name: [at[tag] for tag in tags(Kfunc(name, flags))] for name, flags in kfuncs.flags.items()}
    return Program(about, forms, types, common, stands, places, strings, walked.functions, table, walked.decl_tags,
                   walked.unit_name_off, walked.unit_clang, np.isin(walked.unit_language, ASSEMBLER), tagged,
                   kfuncs.flags, missed, at, described, without, shipped, variables.skipped, made)


def _check_complete(counts, path):
    """Raise a DwarfError if the file's DWARF lacks what its functions need: what came of it would be wrong."""
    if counts["units_skeleton"]:
        raise DwarfError(f"expected DWARF in the file itself, found {counts['units_skeleton']} of {counts['units']} "
                         "units whose DIEs are in .dwo files (-gsplit-dwarf), which is not supported", path,
                         ".debug_info")
    if counts["units_lines_only"]:
        raise DwarfError(f"expected types, found {counts['units_lines_only']} of {counts['units']} units compiled with "
                         "-g1, whose functions have neither types nor parameters", path, ".debug_info")
    if not counts["type_dies"] and not counts["subprogram_dies"]:
        raise DwarfError(f"expected types or functions, found none in {counts['units']} units (compiled with "
                         "-gline-tables-only?)", path, ".debug_info")


def _expressed(types, places, walked, counts):
    """(the types that BTF can express, their places, the walk with their ids), and in `counts` what was left out."""
    found = expressible(types, walked.strings)
    walked, names = express_functions(walked, found, walked.strings)
    counts.update(names)
    if found is None:
        return types, places, walked
    counts.update(found.counts)
    walked = with_final_ids(walked, found.id_map)
    places = places.of(found.id_map, found.types.n_types)
    return found.types, places, walked._replace(decl_tags=tags_of_whole(walked.decl_tags, found))


def shipped_btf(image: ElfImage) -> tuple[btf.BtfFile | None, bytes | None, str | None]:
    """The file's own .BTF section: (BtfFile, its bytes, why it is set aside), each None where there is none.

    It is a witness, and what the ids of kfuncs mean; what cannot be read by itself, such as a module's, which continues
    the kernel's, is no reason to stop.
    """
    section = image.section(btf.wire.SECTION)
    if section is None or not section.nbytes:
        return None, None, None
    try:
        data = image.read(section).tobytes()
        return btf.parse(data), data, None
    except (BtfFormatError, ElfError) as error:
        return None, None, error.message


def names_of_funcs(file: btf.BtfFile) -> Callable[[int], bytes | None]:
    """A callable: the name of the FUNC with a type_id in a file, or None where the id is not a FUNC's."""
    first, last, end = file.types.first_id, file.types.next_id, file.strings.next_off

    def name_of(type_id):
        if not first <= type_id < last:
            return None
        row = file.types.row(type_id)
        off = int(row[wd.NAME])
        return file.strings.get(off) if kind_number(row[wd.INFO]) == Kind.FUNC and off < end else None

    return name_of


def _identity(image, path):
    """What identifies a kernel, dict: its build id, else the hash of its file."""
    build_id = image.build_id()
    if build_id:
        return {"build_id": build_id}
    with open(path, "rb") as file:
        return {"build_id": None, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _provenance(kernel):
    known = getattr(kernel, "provenance", None) or {}
    return {k: v for k, v in known.items() if isinstance(v, (str, int)) and k != "path"}
