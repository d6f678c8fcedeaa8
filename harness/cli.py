"""The command line: verbs over the stages; later verbs read only files that earlier ones wrote.

Exit codes: 0 done; 2 the input or the request cannot be used (one line on stderr says why and where); 1 our fault, or
a check of our own figures that failed.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path

EXIT_OK, EXIT_FAULT, EXIT_INPUT = 0, 1, 2

EXAMPLES = """\
examples:
  btf-harness kernels                                   what can be fetched, and what is cached
  btf-harness encode debian-6.12-cloud-amd64 -o out     fetch, encode three ways
  btf-harness encode ./vmlinux -o out --policy all --encoding plain --encoding btf_func
  btf-harness measure out                               out/measurements.csv
  btf-harness report ./vmlinux -o reports/mine          everything, under all three policies
  btf-harness dump out/btf_func.btf | grep cpumask_weight
  btf-harness check out/btf_func.btf
"""


def parser():
    """The argument parser."""
    top = argparse.ArgumentParser(
        prog="btf-harness", description="Encode one Linux kernel's BTF several ways and measure every type and byte.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="store_true", help="print the version and exit")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")

    def verb(name, help, run, epilog=None):
        p = verbs.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", epilog=epilog,
                             formatter_class=argparse.RawDescriptionHelpFormatter)
        p.set_defaults(run=run)
        p.add_argument("-q", "--quiet", action="store_true", help="no progress")
        p.add_argument("-v", "--verbose", action="store_true", help="tracebacks of faults that are ours")
        return p

    def selection(p):
        p.add_argument("--rules", metavar="VERSION",
                       help="follow the selection rules of pahole 1.24, 1.25, 1.31 or 2026-07 (default, 1436daf)")
        p.add_argument("--quirk", action="append", default=[], metavar="NAME",
                       help="repeat a fault of pahole: part-flags, no-ranges, patchable-entry or unnumbered-clang; "
                            "may be repeated")

    kernel = dict(metavar="KERNEL", help="path of an ELF file with DWARF, a catalogue name, or a package name")
    verb("kernels", "list the catalogue and what is cached", run_kernels)
    p = verb("fetch", "fetch a kernel and print the path of its vmlinux", run_fetch,
             "example:\n  btf-harness fetch linux-image-6.1.0-56-cloud-amd64-dbg")
    p.add_argument("name", metavar="NAME", help="a catalogue name or an exact package name")
    p.add_argument("--refresh", action="store_true", help="ask apt again even if one is cached")

    p = verb("encode", "encode a kernel: one .btf per encoding, functions.csv, manifest.json", run_encode,
             "example:\n  btf-harness encode debian-6.12-cloud-amd64 -o out --encoding plain --encoding decl_tag")
    p.add_argument("kernel", **kernel)
    p.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of results, made if need be")
    p.add_argument("--encoding", action="append", metavar="NAME",
                   help="an encoding, may be repeated; default: plain, decl_tag and btf_func; also decl_tag_short")
    p.add_argument("--policy", default="consistent", metavar="POLICY",
                   help="which functions: all, consistent (default) or current")
    p.add_argument("--no-fallback", action="store_true",
                   help="leave functions whose DIEs have no matched address without one")
    selection(p)
    p.add_argument("--no-kfunc-tags", action="store_true", help="leave out the bpf_kfunc DECL_TAGs")
    p.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N",
                   help="threads for the walk; the result does not depend on it")

    p = verb("measure", "measure a result folder: DIR/measurements.csv", run_measure,
             "columns: kernel,policy,encoding,part,kind,count,bytes")
    p.add_argument("folder", metavar="DIR", help="what encode wrote")
    p.add_argument("--no-compression", action="store_true", help="leave out the zstd -19 and xz -9 sizes")

    p = verb("report", "render a report: a page, Markdown, tables (CSV, text, LaTeX), plots (PNG, SVG)", run_report,
             "examples:\n  btf-harness report debian-6.1-cloud-amd64 -o reports/6.1\n"
             "  btf-harness report out -o reports/out")
    p.add_argument("source", metavar="KERNEL|DIR",
                   help="a kernel (all policies are made), what encode wrote, or another report")
    p.add_argument("-o", "--output", required=True, metavar="DIR",
                   help="folder of the report; an older report there is replaced when the new one is whole")
    p.add_argument("--index", action="store_true", help="also write DIR/../index.html, the list of the reports there")
    p.add_argument("--command", metavar="TEXT", help="what the report says it was made with; default: this command")
    p.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N")

    p = verb("index", "write DIR/index.html, the list of the reports in DIR", run_index,
             "example:\n  btf-harness index reports")
    p.add_argument("folder", metavar="DIR", help="folder whose folders are reports")

    p = verb("mail", "print a report as the body of a cover letter, or put it and plots into a patch mail", run_mail,
             "examples:\n  btf-harness mail reports/debian-6.12-cloud-amd64\n"
             "  btf-harness mail reports/debian-6.12-cloud-amd64 --patch 0000-cover-letter.patch -o 0000.eml")
    p.add_argument("folder", metavar="DIR", help="a report's folder")
    p.add_argument("--no-charts", action="store_true", help="without bar charts in text")
    p.add_argument("--patch", type=Path, metavar="FILE", help="what git format-patch wrote: a cover letter or a patch")
    p.add_argument("-o", "--output", type=Path, metavar="OUT.eml", help="with --patch: the message")
    p.add_argument("--attach", action="append", metavar="PLOT",
                   help="with --patch: a plot to attach, may be repeated: bytes, kinds, names, funnel, compressed, "
                        "tradeoff or treemap")
    p.add_argument("--no-attach", action="store_true", help="with --patch: no plots")
    p.add_argument("--subject", metavar="TEXT", help="with --patch: instead of *** SUBJECT HERE ***")

    p = verb("functions", "list function instances, or the names behind a figure of the funnel", run_functions,
             "examples:\n  btf-harness functions debian-6.1-cloud-amd64 --name 'cpumask_w*'\n"
             "  btf-harness functions out --reason optimized --csv\n"
             "  btf-harness functions ./vmlinux --step elf_no_die")
    p.add_argument("source", metavar="KERNEL|DIR", help="a kernel, or what encode wrote")
    p.add_argument("--policy", default=None, metavar="POLICY",
                   help="of a kernel: whose reasons to give: all, consistent (default) or current")
    selection(p)
    p.add_argument("--name", metavar="GLOB", help="functions of this name; * and ? stand for anything")
    p.add_argument("--reason", metavar="TEXT", help="left out for a reason with this text; '-' is the encoded ones")
    p.add_argument("--match", metavar="MATCH", help="exact, suffix, part, fallback, alias, overridden or none")
    p.add_argument("--fault", metavar="FAULT", help="unexpected, optimized, reordered or uncertain")
    p.add_argument("--class", dest="klass", metavar="CLASS", help="names of an ambiguity class, see the README")
    p.add_argument("--step", metavar="STEP", help="of a kernel: what a figure of the funnel counts, as dies_declared")
    p.add_argument("--csv", action="store_true", help="all columns as CSV")
    p.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N")

    p = verb("lookup", "say what a tracer gets for a function or an address, under each encoding", run_lookup,
             "examples:\n  btf-harness lookup cpumask_weight debian-6.1-cloud-amd64\n"
             "  btf-harness lookup 0xffffffff8103b530 out")
    p.add_argument("query", metavar="NAME|ADDRESS", help="a function, a pattern with * or ?, or an address (0x...)")
    p.add_argument("source", metavar="KERNEL|DIR", help="a kernel (policy all), or what encode wrote")
    p.add_argument("--csv", action="store_true", help="the rows as CSV")
    p.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N")

    p = verb("compare", "compare the functions of two builds: which identity survives a rebuild", run_compare,
             "example:\n  btf-harness compare out-6.12.115 out-6.12.117")
    p.add_argument("a", metavar="A", help="a kernel, or what encode wrote")
    p.add_argument("b", metavar="B")
    p.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N")

    p = verb("claims", "hold the thread's estimates against every kernel measured", run_claims,
             "example:\n  btf-harness claims reports/*/")
    p.add_argument("folders", nargs="+", metavar="DIR", help="reports, or what encode wrote")
    p.add_argument("--csv", action="store_true", help="as CSV")

    p = verb("dump", "print a .btf file as bpftool btf dump does, for every form we write", run_dump)
    p.add_argument("file", metavar="FILE.btf")
    p.add_argument("--format", choices=("raw", "json"), default="raw")
    p = verb("check", "check the structure of a .btf file; one line says what is wrong where", run_check)
    p.add_argument("file", metavar="FILE.btf")
    p.add_argument("--strict", action="store_true", help="refuse what today's kernels refuse, such as btf_func")
    return top


def main(argv=None):
    """Run the command line; returns the exit code."""
    from harness.errors import HarnessError

    top = parser()
    args = top.parse_args(argv)
    if args.version:
        from harness import __version__

        print(__version__)
        return EXIT_OK
    if args.verb is None:
        top.print_help()
        return EXIT_INPUT
    try:
        return args.run(args) or EXIT_OK
    except HarnessError as err:
        print(f"btf-harness: {err}", file=sys.stderr)
        return EXIT_INPUT
    except BrokenPipeError:
        # whoever read us has seen enough; keep Python from complaining when it closes stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except KeyboardInterrupt:
        print("btf-harness: interrupted", file=sys.stderr)
        return 130
    except Exception as err:
        if args.verbose:
            raise
        print(f"btf-harness: a fault of ours: {type(err).__name__}: {err} (-v shows where)", file=sys.stderr)
        return EXIT_FAULT


def entry():
    """`main` as a process of its own: ends it without tearing the interpreter down, which takes 0.3 s after a run."""
    gc.disable()  # a process this short makes no cycles worth looking for
    try:
        code = main()
        sys.stdout.flush()
        sys.stderr.flush()
    except SystemExit:
        raise
    except OSError:
        code = EXIT_FAULT
    os._exit(code)


def run_kernels(args):
    """`kernels`: catalogue and cache, tab separated."""
    from harness import kernels

    cached = kernels.cached()
    default = kernels.default_name()
    print("name\tarchitecture\tcached\tpath")
    for entry in kernels.catalogue():
        mine = [k for k in cached if k.name == entry.name]
        star = " (default)" if entry.name == default else ""
        labels = ", ".join(k.label for k in mine) or "-"
        print(f"{entry.name}{star}\t{entry.architecture}\t{labels}\t{mine[0].path if mine else '-'}")
    known = {entry.name for entry in kernels.catalogue()}
    for k in cached:
        if k.name not in known:
            print(f"{k.name}\t{k.provenance.get('architecture', '-')}\t{k.label}\t{k.path}")


def run_fetch(args):
    """`fetch`."""
    from harness import kernels

    print(kernels.fetch(args.name, refresh=args.refresh, progress=not args.quiet).path)


def _prepare(args, kernel, fallback=True):
    from harness import run, ui

    threads = max(1, args.threads)
    if args.quiet:
        return run.prepare(kernel, threads, fallback)
    with ui.Progress(f"{kernel.label}: {kernel.path}") as progress:
        return run.prepare(kernel, threads, fallback, progress)


def run_encode(args):
    """`encode`."""
    from harness import encodings, kernels, run
    from harness.errors import EncodeError
    from harness.functions import DEFAULT, POLICIES, check_quirks, rules_of

    if args.policy not in POLICIES:
        raise EncodeError(f"expected a policy of {', '.join(POLICIES)}, found {args.policy!r}")
    rules_of(args.rules or DEFAULT)
    check_quirks(args.quirk)
    for name in args.encoding or ():
        encodings.encoding(name)
    kernel = kernels.resolve(args.kernel, progress=not args.quiet)
    prepared = _prepare(args, kernel, not args.no_fallback)
    encoded = run.encode(prepared, args.policy, args.encoding, args.rules or DEFAULT, args.quirk,
                         not args.no_kfunc_tags)
    folder = run.write_result(args.output, prepared, encoded)
    if not args.quiet:
        base = len(encoded.files["plain"])
        for name, data in encoded.files.items():
            print(f"{folder / (name + '.btf')}: {len(data)} bytes ({len(data) - base:+d})")


def run_measure(args):
    """`measure`."""
    from harness import measure

    measure.measure(args.folder, compressed=not args.no_compression)
    if not args.quiet:
        print(Path(args.folder) / "measurements.csv")


def run_report(args):
    """`report`."""
    from harness import kernels, report, ui
    from harness.report import summary

    threads, shelf = max(1, args.threads), "../index.html" if args.index else None
    if _is_result(args.source) or _is_report(args.source):
        made = report.render(args.source, args.output, threads=threads, command=args.command, shelf=shelf)
    else:
        kernel = kernels.resolve(args.source, progress=not args.quiet)
        command = args.command or report.command_line(args.source, args.output)
        with nullcontext() if args.quiet else ui.Progress(f"{kernel.label}: {kernel.path}") as progress:
            made = report.make(kernel, args.output, threads, progress, command=command, shelf=shelf)
    listed = None
    if args.index:
        from harness.report import shelf as all_reports

        listed = all_reports.write(os.path.relpath(os.path.join(args.output, os.pardir)))
    if args.quiet:
        print(Path(args.output) / "report.md")
    else:
        summary.show(made, args.output, listed)
    if not made.ok:
        print("btf-harness: an invariant does not hold: see the report", file=sys.stderr)
        return EXIT_FAULT
    return EXIT_OK


def run_index(args):
    """`index`."""
    from harness.report import shelf

    print(shelf.write(args.folder))


def run_mail(args):
    """`mail`."""
    from harness import measure, report
    from harness.errors import MeasureError
    from harness.measure.result import read_bytes
    from harness.report import mail

    if args.patch is None:
        for option in ("output", "attach", "subject"):
            if getattr(args, option):
                raise MeasureError(f"expected --patch with --{option}, found none")
        sys.stdout.write(mail.body(report.read(args.folder), charts=not args.no_charts))
        return
    if args.output is None:
        raise MeasureError("expected -o OUT.eml with --patch, found none")
    patch = read_bytes(args.patch)
    attach = () if args.no_attach else tuple(args.attach or mail.DEFAULT_ATTACH)
    made = mail.message(report.read(args.folder), patch, attach, charts=not args.no_charts, subject=args.subject,
                        path=str(args.patch))
    measure.write(args.output, made.data)
    print(f"{args.output}: {len(made.data):,} bytes")
    for note in made.notes:
        print(f"btf-harness: {note}", file=sys.stderr)


def _is_report(source):
    """Whether a KERNEL|DIR is the folder of a report whose results are there."""
    return any(Path(source).glob("btf/*/manifest.json"))


def _is_result(source):
    """Whether a KERNEL|DIR is a result folder."""
    return (Path(source) / "manifest.json").is_file()


@contextmanager
def _result(args, source, policy="all", encodings=None):
    """The Result of a folder, or of a kernel encoded into a temporary one."""
    from tempfile import TemporaryDirectory

    from harness import kernels, measure, run
    from harness.functions import DEFAULT

    if _is_result(source):
        yield measure.load(source)
        return
    if _is_report(source):  # of a report, its results under that policy
        yield measure.load(Path(source) / "btf" / policy)
        return
    kernel = kernels.resolve(source, progress=not args.quiet)
    prepared = _prepare(args, kernel)
    encoded = run.encode(prepared, policy, encodings, getattr(args, "rules", None) or DEFAULT,
                         getattr(args, "quirk", ()))
    with TemporaryDirectory(prefix="btf-harness-") as folder:
        yield measure.load(run.write_result(folder, prepared, encoded))


def run_functions(args):
    """`functions`."""
    from harness import measure
    from harness.errors import EncodeError
    from harness.functions import DEFAULT, check_quirks, rules_of
    from harness.functions.steps import check_step
    from harness.measure import choose

    check_quirks(args.quirk)
    rules_of(args.rules or DEFAULT)
    if args.step is not None:
        check_step(args.step)
        columns, rows = _step(args)
        _print_rows(args, columns, rows)
        return
    if _is_result(args.source) and args.policy:
        raise EncodeError("expected a kernel or a report for --policy, found a result folder", args.source)
    if (_is_result(args.source) or _is_report(args.source)) and (args.rules or args.quirk):
        raise EncodeError("expected a kernel for --rules and --quirk, found results", args.source)
    with _result(args, args.source, args.policy or "consistent", ["plain"]) as result:
        names = measure.names_of_class(result, args.klass) if args.klass else None
        table = choose.choose(result.functions, args.name, args.reason, args.match, args.fault, names)
    columns = list(table.columns) if args.csv else list(choose.SHOWN)
    _print_rows(args, columns, [tuple(row) for row in table[columns].itertuples(index=False)])


def _step(args):
    from harness import kernels
    from harness.dwarf import walk
    from harness.elf import ElfImage
    from harness.errors import EncodeError
    from harness.functions import join
    from harness.functions.steps import rows_of_step

    if _is_result(args.source):
        raise EncodeError("expected a kernel for --step, found a result folder", args.source)
    kernel = kernels.resolve(args.source, progress=not args.quiet)
    declared = args.step == "dies_declared"
    with ElfImage(kernel.path) as image:
        walked = walk(image, max(1, args.threads), declarations=declared)
        symbols = image.symbols()
        return rows_of_step(args.step, walked, None if declared else join(walked, symbols, machine=image.machine),
                            symbols, image)


def _print_rows(args, columns, rows):
    import csv

    from harness.measure import choose

    if args.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *rows])
    else:
        sys.stdout.write(choose.aligned(columns, rows))
    if not args.quiet:
        sys.stdout.flush()
        names = len({row[0] for row in rows})
        print(f"{len(rows):,} row{'s' * (len(rows) != 1)}, {names:,} name{'s' * (names != 1)}", file=sys.stderr)


def run_lookup(args):
    """`lookup`."""
    from harness import measure

    with _result(args, args.source) as result:
        found = measure.lookup(result, args.query)
        if args.csv:
            sys.stdout.write(measure.csv_bytes(found.rows).decode("utf-8", "surrogateescape"))
        else:
            sys.stdout.write(measure.lookup_text(found))


def run_compare(args):
    """`compare`."""
    from harness import measure

    with _result(args, args.a, encodings=["plain"]) as a, _result(args, args.b, encodings=["plain"]) as b:
        sys.stdout.write(measure.compare_text(measure.compare(a, b)))


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


def run_dump(args):
    """`dump`."""
    from harness import btf, encodings

    (btf.dump_raw if args.format == "raw" else btf.dump_json)(encodings.read(args.file), sys.stdout.buffer)
    sys.stdout.flush()


def run_check(args):
    """`check`."""
    from harness import btf, encodings

    btf.check(encodings.read(args.file), strict=args.strict)
