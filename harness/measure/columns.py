"""Every column of the frames that measure returns, declared once: dtype, unit and meaning.

Columns that are also in the tables of a result folder are declared in harness.results.columns.
"""

from __future__ import annotations

from harness import results
from harness.model import Kind
from harness.results import MEASUREMENT_COLUMNS, Column, csv_bytes

__all__ = ["COLUMNS", "MEASUREMENT_COLUMNS", "OF_A_FILE", "Column", "columns_of", "csv_bytes", "frame"]

COLUMNS = {name: column._replace(dtype="str") if column.dtype == "category" else column
           for name, column in results.COLUMNS.items()} | {
    "delta": Column("int64", "bytes", "bytes more than the baseline of the same policy"),
    "percent": Column("float64", "percent", "delta in percent of the baseline; of two files, in percent of old_bytes"),
    "types": Column("int64", "types", "all types of a file"),
    "extra FUNC": Column("int64", "types", "more FUNCs than in the baseline of the same policy"),
    "added": Column("int64", "bytes", "bytes more than today's file, the baseline under the policy of pahole"),
    "added_percent": Column("float64", "percent", "added, in percent of today's file"),
    "zstd_added": Column("Int64", "bytes", "the same of both files compressed with zstd -19; empty if not measured"),
    "zstd_percent": Column("float64", "percent", "that in percent of today's file compressed"),
    "xz_added": Column("Int64", "bytes", "the same of both files compressed with xz -9; empty if not measured"),
    "xz_percent": Column("float64", "percent", "that in percent of today's file compressed"),
    "types_added": Column("int64", "types", "types more than in today's file"),
    "newly_attachable": Column("int64", "addresses", "function addresses that fentry of a kernel that reads the file "
                                                     "could attach to, and not with today's"),
    "no_longer": Column("int64", "addresses", "function addresses that fentry can attach to with today's file only"),
    "bytes_each": Column("float64", "bytes per function", "added / newly_attachable; empty where it makes none so"),
    "loads": Column("str", "", "whether the running kernel (the machine's, not the one measured) takes the file "
                               "(BPF_BTF_LOAD): yes, no, or - if not asked"),
    "libbpf": Column("str", "", "versions of libbpf that take it and read what is there; none; or - if not asked"),
    "misread_by": Column("str", "", "consumers that take it and read something else than is there, in a way in which "
                                    "they do not misread plain or the kernel's own file; of plain, those that misread "
                                    "it: a dangerous answer; none; or - if not asked"),
    "skippable": Column("str", "", "whether a reader that does not know the form's types stepped over them. with "
                                   "layout: one did that got a layout section (encode --layout), and without it none; "
                                   "no: none did; no need: they are of today's forms; -: not asked"),
    "kaslr": Column("str", "", "whether what it says is right where KASLR has moved the kernel: as is, or after a "
                               "rebase"),
    "exposes": Column("str", "", "what a reader of /sys/kernel/btf/vmlinux (mode 0444) learns of the running "
                                 "kernel; KASLR offset: once its addresses are right; beside: who may read the "
                                 "form's own section"),
    "dedup": Column("str", "", "what becomes of the addresses when libbpf dedups the file: a FUNC of the same name "
                               "and parameters still has all; none has so many (lost), or one that now stands for "
                               "several (merged); the file is refused; or what is left, when read back (unreadable)"),
    "after_dedup": Column("Int64", "addresses", "of newly_attachable, those that still are after it; empty if refused"),
    "name_sort": Column("str", "", "as dedup, when its types are sorted by name; already sorted: they were, which "
                                   "tests nothing"),
    "modules": Column("str", "", "as kaslr, of a module, which has no address before it is loaded"),
    "bytes_over_plain": Column("int64", "bytes", "what the file would be shorter by without the function, beyond what "
                                                 "plain would be"),
    "shared_name": Column("bool", "", "the function's name has several places"),
    "extra_func": Column("bool", "", "only forms that tell FUNCs apart by place have this FUNC: plain has one FUNC for "
                                     "this pair and an earlier one"),
    "extra_tags": Column("int64", "types", "DECL_TAGs that this FUNC repeats"),
    "type_bytes": Column("int64", "bytes", "bytes of types more than in today's file"),
    "string_bytes": Column("int64", "bytes", "bytes of strings more than in today's file"),
    "section_bytes": Column("int64", "bytes", "all other bytes more than in today's file: sections of the form's own"),
    "share": Column("float64", "percent", "bytes in percent of the file"),
    "old_count": Column("int64", "types", "count in the file that another is compared with"),
    "old_bytes": Column("int64", "bytes", "bytes in that file"),
    "count_delta": Column("int64", "types", "count minus old_count"),
    "bytes_delta": Column("int64", "bytes", "bytes minus old_bytes"),
    "stage": Column("str", "", "stage of the funnel from DIEs to functions"),
    "functions": Column("int64", "functions", "subprogram DIEs, functions or symbols, as the row says"),
    "exact": Column("int64", "addresses", "addresses whose symbol has exactly this name"),
    "suffix": Column("int64", "addresses", "addresses whose symbol has the name and a suffix such as .isra.0"),
    "reasons": Column("str", "", "reasons why instances of the name are left out"),
    "id": Column("str", "", "short name of a claim"),
    "of": Column("str", "", "what the claim is: an observation on one kernel, or an estimate for all"),
    "claim": Column("str", "", "what was claimed"),
    "predicted": Column("str", "", "the claimed value with its unit"),
    "measured": Column("str", "", "the measured value of each policy"),
    "invariant": Column("str", "", "number and short name"),
    "statement": Column("str", "", "what must hold"),
    "holds": Column("bool", "", "whether it does"),
    "witness": Column("str", "", "program or kernel that was asked"),
    "words": Column("str", "", "its answer"),
    "ours": Column("int64", "types", "types in our baseline"),
    "written": Column("str", "", "how our baseline was written: like a pahole, or under a policy"),
    "shipped": Column("int64", "types", "types in the kernel's own .BTF section"),
    "difference": Column("int64", "types", "ours minus shipped"),
    "only in ours": Column("int64", "types", "types that our baseline alone has, or has more often"),
    "only in shipped": Column("int64", "types", "types that the shipped section alone has, or has more often"),
    "only in": Column("str", "", "the file that has it: ours or shipped"),
    "examples": Column("str", "", "some of these names"),
    "times": Column("int64", "types", "how many more that file has"),
    "declaration": Column("str", "", "a C declaration as bpftool writes it, on one line"),
    "in A": Column("int64", "functions", "matched instances in the first build"),
    "in B": Column("int64", "functions", "matched instances in the second build"),
    "build": Column("str", "", "A or B: which of two builds"),
    "build_id": Column("str", "", "build id of a kernel, or empty"),
    "change": Column("int64", "functions", "matched instances in the second build minus those in the first"),
    "group": Column("str", "", "all instances, or those of ambiguous names: several addresses in either build"),
    "identity": Column("str", "", "columns that together should identify one instance"),
    "findable": Column("int64", "functions", "instances whose key is unique in both builds: right + wrong + unknown"),
    "right": Column("int64", "functions", "instances whose key finds their counterpart"),
    "wrong": Column("int64", "functions", "instances whose key finds another function, or another's counterpart"),
    "unknown": Column("int64", "functions", "instances without a known counterpart whose key finds one of that name"),
    "ambiguous": Column("int64", "functions", "instances whose key is not unique in at least one build"),
    "lost": Column("int64", "functions", "of two builds: instances whose key the second does not have; in "
                                         f"survival.csv, addresses: {results.COLUMNS['lost'].meaning}"),
    "gone": Column("int64", "functions", "those whose function the second build does not have either"),
    "right share": Column("float64", "percent", "right in percent of instances"),
    "moved": Column("int64", "functions", "counterparts in the same section at another address"),
    "unmoved": Column("int64", "functions", "counterparts in the same section at the same address"),
    "resectioned": Column("int64", "functions", "counterparts in another section"),
    "shifts": Column("int64", "", "distinct differences in address among those moved"),
    "usual shift": Column("int64", "bytes", "the most common shift, second build minus first; 0 if none moved"),
    "shifted": Column("int64", "functions", "instances that moved by exactly that"),
    "shifted share": Column("float64", "percent", "shifted in percent of moved"),
    "paired": Column("int64", "functions", "instances of the name or section with a counterpart"),
    "renumbered": Column("int64", "functions", "paired instances whose ordinal among the name's addresses changed"),
    "order changed": Column("bool", "", "their order by address changed; if not, others before them came or went"),
    "class": Column("str", "", "first cause of ambiguity that applies to the name"),
    "signatures": Column("int64", "prototypes", "distinct prototypes of the instances"),
    "suffixed_addresses": Column("int64", "addresses", "addresses whose symbol has a suffix"),
    "init_addresses": Column("int64", "addresses", "addresses in .init or .exit text, freed after boot"),
    "runtime_addresses": Column("int64", "addresses", "addresses still there after boot"),
    "ftrace_addresses": Column("int64", "addresses", "addresses with an ftrace call site"),
    "file_separates": Column("bool", "", "no two instances are defined in the same file"),
    "unit_separates": Column("bool", "", "no two instances are in the same compile unit"),
    "file_line_separates": Column("bool", "", "no two instances are defined on the same line of the same file"),
    "true_twins": Column("bool", "", "one definition, several addresses in one unit"),
    "compiled_twice": Column("bool", "", "one definition in a source file, compiled in several units"),
    "inline_out_of_line": Column("bool", "", "one inline definition, emitted in several units"),
    "clone_twins": Column("bool", "", "several addresses, at least one of them a clone's"),
    "same_prototype": Column("bool", "", "several instances, one prototype"),
    "different_prototype": Column("bool", "", "several instances, several prototypes"),
    "weak_strong": Column("bool", "", "a weak definition of the name was overridden at link time"),
    "alias": Column("bool", "", "other names have the same address"),
    "one_prototype_names": Column("int64", "names", "names with one prototype"),
    "file_separates_names": Column("int64", "names", "names whose instances the file of the definition tells apart"),
    "file_line_separates_names": Column("int64", "names", "names whose instances the file and line tell apart"),
    "unit_separates_names": Column("int64", "names", "names whose instances the compile unit tells apart"),
    "aliases": Column("str", "", "the names at an address"),
    "unique_id": Column("int64", "addresses", "addresses with a BTF id that stands for no other address"),
    "ambiguous_id": Column("int64", "addresses", "described, but the id stands for several addresses, or the name has "
                                                 "several ids"),
    "unreachable": Column("int64", "addresses", "described by a FUNC whose exact name no symbol has"),
    "no_func": Column("int64", "addresses", "not described by any FUNC"),
    "traceable": Column("int64", "addresses", "unique ones whose prototype fentry accepts"),
    "with_site": Column("int64", "addresses", "unique ones with an ftrace call site"),
    "site_unknown": Column("int64", "addresses", "unique ones in a file that has no table of ftrace call sites"),
    "at_runtime": Column("int64", "addresses", "unique ones still there after boot"),
    "attachable": Column("int64", "addresses", "unique, traceable, not known to be without a call site, and still "
                                               "there after boot"),
    "over": Column("str", "", "the file that growth is relative to"),
    "growth": Column("int64", "bytes", "bytes more than that file"),
    "gained": Column("int64", "addresses", "attachable in this file only"),
    "forgone": Column("int64", "addresses", "attachable in the other file only"),
    "bytes_per_gained": Column("float64", "bytes per function", "growth / gained"),
    "bytes_per_net": Column("float64", "bytes per function", "growth / (gained - forgone)"),
    "prototypes": Column("int64", "types", "distinct FUNC_PROTOs"),
    "type_id": Column("uint32", "", "type_id of a FUNC in its file"),
    "prototype": Column("str", "", "the FUNC as a C prototype on one line"),
    "linkage": Column("str", "", "linkage of the FUNC: static, global or extern"),
    "given": Column("bool", "", "the file gives the FUNC this address"),
    "what": Column("str", "", "what is counted"),
    "ambiguous names": Column("int64", "functions", "the same for names with several addresses in either build"),
    "named": Column("str", "", "the names with that many addresses, if only a few have the most; else empty"),
    "step": Column("str", "", "step on the way from DIEs to FUNCs"),
    "role": Column("str", "", "total: the sum so far; removed or added: what the step changes"),
    "form": Column("str", "", "raw, or a compressor's name"),
    "today": Column("bool", "", "whether pahole writes this today: the baseline under its policy"),
    "fact": Column("str", "", "what is counted for a sentence of the report"),
    "number": Column("int64", "", "the count"),
    "finding": Column("str", "", "short name of a finding"),
    "sentence": Column("str", "", "the finding in words"),
    "zstd-19": Column("int64", "bytes", "size of the file compressed with zstd -19"),
    "zstd-19 delta": Column("int64", "bytes", "bytes more than the baseline of the same policy, both compressed"),
    "zstd-19 percent": Column("float64", "percent", "that in percent of the compressed baseline"),
    "xz-9": Column("int64", "bytes", "size of the file compressed with xz -9"),
    "xz-9 delta": Column("int64", "bytes", "bytes more than the baseline of the same policy, both compressed"),
    "xz-9 percent": Column("float64", "percent", "that in percent of the compressed baseline"),
    "figures": Column("str", "", "measured (from a report), or recorded and when"),
    "item": Column("str", "", "what the bytes belong to: header, a type as '[type_id] KIND', or string"),
    "file_offset": Column("int64", "bytes", "where they begin, counted from the magic"),
    "raw": Column("str", "", "the bytes as they are in the file, in hex"),
    "field": Column("str", "", "struct and field of include/uapi/linux/btf.h"),
    "value": Column("str", "", "a value as text; for a field, the number in its bytes"),
    "meaning": Column("str", "", "what the value stands for"),
} | {kind.name: Column("int64", "types", f"types of kind {kind.name}") for kind in Kind}
"""Column of each name. Categories of a result folder are plain text here, since frames may hold other words."""

OF_A_FILE = Column("int64", "types or bytes", "what the row counts, in the file of the encoding of that name")
"""Column for each file of tables that put the files side by side, see `columns_of`."""


def columns_of(files=()):
    """COLUMNS, and OF_A_FILE under the names of some files: dict of str to Column.

    Parameters
    ----------
    files : iterable of str
        Names of encodings, also of those that are not in the registry.
    """
    return {**dict.fromkeys(files, OF_A_FILE), **COLUMNS}


def frame(rows, columns):
    """A DataFrame of tuples, each column in its registered dtype.

    Parameters
    ----------
    rows : iterable of tuple
    columns : sequence of str
        Names in COLUMNS.
    """
    import pandas as pd

    out = pd.DataFrame(list(rows), columns=list(columns))
    return out.astype({name: COLUMNS[name].dtype for name in columns})
