"""Verbs that answer a question about kernels: functions, lookup, compare, claims."""

from __future__ import annotations

import sys

from harness import process
from harness.cli.options import Once, add_forms, add_selection, add_threads
from harness.cli.output import print_rows, say_rows
from harness.cli.sources import KERNEL, check_selection, kind_of, result_of
from harness.errors import UsageError


def add_functions(verb):
    """Options of `functions`."""
    p = verb("functions", "list function instances, or the names behind a count in the funnel", run_functions,
             "examples:\n  btf-harness functions debian-6.1-cloud-amd64 --name 'cpumask_w*'\n"
             "  btf-harness functions out --reason optimized --csv\n"
             "  btf-harness functions ./vmlinux --step elf_no_die")
    p.add_argument("source", metavar="KERNEL|DIR", help="a kernel, a directory that encode wrote, or a report")
    p.add_argument("--policy", default=None, metavar="POLICY", action=Once,
                   help="the policy that gives the reasons: all, sound (default), consistent or current")
    add_selection(p)
    p.add_argument("--name", metavar="GLOB", help="only names that match; * and ? are wildcards")
    p.add_argument("--reason", metavar="TEXT",
                   help="only instances left out for a reason that contains TEXT; '-': only those encoded")
    p.add_argument("--match", metavar="MATCH",
                   help="only this match: exact, suffix, part, fallback, alias, overridden or none")
    p.add_argument("--fault", metavar="FAULT",
                   help="only this fault: unexpected, optimized, reordered, uncertain, or unknown (of assembler)")
    p.add_argument("--class", dest="klass", metavar="CLASS",
                   help="only ambiguous names of this class, such as clone_twins")
    p.add_argument("--step", metavar="STEP",
                   help="list what one count of the funnel counts, such as dies_declared (needs a kernel)")
    add_forms(p, "write all columns as CSV")
    add_threads(p)


def run_functions(args):
    """`functions`."""
    from harness import measure, results
    from harness.functions.steps import check_step
    from harness.measure import choose

    check_selection(args)
    given = kind_of(args.source)
    if args.step is not None:
        check_step(args.step)
        for option, value in (("like", args.like), ("policy", args.policy), ("rules", args.rules),
                              ("quirk", args.quirk), ("kernel-step", args.kernel_step is not None),
                              ("name", args.name), ("reason", args.reason), ("match", args.match),
                              ("fault", args.fault), ("class", args.klass)):
            if value:
                raise UsageError("cannot be combined with --step", option)
        if given != KERNEL:
            raise UsageError(f"expected a kernel, found {given}", "step", args.source)
        print_rows(args, *_step(args))
        return
    for option, value in (("like", args.like), ("rules", args.rules), ("quirk", args.quirk),
                          ("kernel-step", args.kernel_step is not None)):
        if given != KERNEL and value:
            raise UsageError(f"expected a kernel, found {given}", option, args.source)
    with result_of(args, args.source, args.policy or results.HEADLINE, [results.BASELINE], bool(args.policy)) as result:
        names = measure.names_of_class(result, args.klass) if args.klass else None
        table = choose.choose(result.functions, args.name, args.reason, args.match, args.fault, names)
        if args.json:
            sys.stdout.write(results.to_json(results.records(table, result.bits)))
            say_rows(args, table.name.tolist())
            return
        table = results.as_text(table, result.bits)
    columns = list(table.columns) if args.csv else list(choose.SHOWN)
    print_rows(args, columns, [tuple(row) for row in table[columns].itertuples(index=False)])


def _step(args):
    from harness import kernels
    from harness.dwarf import walk
    from harness.elf import ElfImage
    from harness.functions import join
    from harness.functions.steps import rows_of_step

    kernel = kernels.resolve(args.source, progress=not args.quiet)
    declared = args.step == "dies_declared"
    with ElfImage(kernel.path) as image:
        walked = walk(image, args.threads, declarations=declared)
        symbols = image.symbols()
        return rows_of_step(args.step, walked, None if declared else join(walked, symbols, image),
                            symbols, image)


def add_lookup(verb):
    """Options of `lookup`."""
    p = verb("lookup", "show what a tracer gets for a function or an address under each encoding", run_lookup,
             "examples:\n  btf-harness lookup cpumask_weight debian-6.1-cloud-amd64\n"
             "  btf-harness lookup 0xffffffff8103b530 out")
    p.add_argument("query", metavar="NAME|ADDRESS", help="a function, a pattern with * or ?, or an address (0x...)")
    p.add_argument("source", metavar="KERNEL|DIR",
                   help="a kernel (policy all), a directory that encode wrote, or a report")
    add_forms(p, "write the BTF ids as CSV")
    add_threads(p)


def run_lookup(args):
    """`lookup`."""
    from harness import measure
    from harness.text.lookup import to_text

    with result_of(args, args.source) as result:
        found = measure.lookup(result, args.query)
        if args.csv:
            sys.stdout.write(measure.csv_bytes(found.rows, result.bits).decode("utf-8", "surrogateescape"))
        elif args.json:
            from harness.results import to_json
            from harness.text.lookup import tables

            sys.stdout.write(to_json(tables(found)))
        else:
            sys.stdout.write(to_text(found))


def add_compare(verb):
    """Options of `compare`."""
    p = verb("compare", "compare the functions of two builds: which identity survives a rebuild", run_compare,
             "example:\n  btf-harness compare out-6.12.115 out-6.12.117")
    p.add_argument("a", metavar="A", help="a kernel, a directory that encode wrote, or a report")
    p.add_argument("b", metavar="B", help="another build, likewise")
    p.add_argument("-o", "--output", metavar="DIR",
                   help="write the tables as CSV into this directory, and all as a page, and print their paths "
                        "in place of the text")
    add_forms(p, csv=None)
    add_threads(p)


def run_compare(args):
    """`compare`."""
    from harness import files, measure
    from harness.report import comparing
    from harness.report.folder import PAGE, check_no_report, text_of
    from harness.results import to_json
    from harness.text.compare import to_text

    only = [measure.BASELINE]
    if args.output is not None:
        process.check_folder(args.output)
        check_no_report(args.output)
    with result_of(args, args.a, encodings=only) as a, result_of(args, args.b, encodings=only) as b:
        found = measure.compare(a, b)
    if args.output is not None:
        folder = files.make_folder(args.output)
        for name, table in found.tables().items():
            files.write(folder / f"{name}.csv", measure.csv_bytes(table))
        files.write(folder / PAGE, text_of(comparing.render(found)))
        if not args.quiet and not args.json:
            for name in [*(f"{name}.csv" for name in found.tables()), PAGE]:
                print(folder / name)
    if args.json:
        sys.stdout.write(to_json(found.records()))
    elif args.output is None:
        sys.stdout.write(to_text(found))


def add_claims(verb):
    """Options of `claims`."""
    p = verb("claims", "compare the thread's estimates with every kernel measured", run_claims,
             "example:\n  btf-harness claims reports/*/")
    p.add_argument("folders", nargs="+", metavar="DIR", help="directories that encode wrote, or reports")
    p.add_argument("--csv", action="store_true", help="write CSV")


def run_claims(args):
    """`claims`."""
    import textwrap

    from harness import measure

    judged = measure.judge_claims([r for folder in args.folders for r in measure.results_under(folder)])
    if args.csv:
        sys.stdout.write(measure.csv_bytes(judged).decode("utf-8", "surrogateescape"))
        return
    overall = measure.overall_verdicts(judged).set_index("id")
    for name, rows in judged.groupby("id", sort=False):
        print(textwrap.fill(f"{rows.claim.iloc[0]} ({rows.predicted.iloc[0]}): {overall.verdict[name]}", 79))
        for row in rows.itertuples():
            print(textwrap.fill(f"{row.kernel}: {row.measured}: {row.verdict}. {row.reason}", 79,
                                initial_indent="  ", subsequent_indent="    "))
