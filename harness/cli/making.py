"""Verbs that make results and what is shown of them: encode, measure, report, index, mail."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path

from harness import process
from harness.cli.options import Once, add_kernel_step, add_selection, add_threads
from harness.cli.output import EXIT_FAILED, EXIT_OK, say_uncovered
from harness.cli.sources import KERNEL, check_selection, kind_of, prepare
from harness.errors import UsageError


def add_encode(verb):
    """Options of `encode`."""
    p = verb("encode", "encode a kernel: write one .btf per encoding, the tables and manifest.json", run_encode,
             "example:\n  btf-harness encode debian-6.12-cloud-amd64 -o out --encoding plain --encoding decl_tag")
    p.add_argument("kernel", metavar="KERNEL",
                   help="path of an ELF file with DWARF, a catalogue name, or a package name")
    p.add_argument("-o", "--output", required=True, metavar="DIR", help="output directory, created if missing")
    p.add_argument("--encoding", action="append", metavar="NAME",
                   help="encoding to write, may be given several times; default: those discussed in 2023 (an unknown "
                        "name lists all)")
    p.add_argument("--policy", metavar="POLICY", action=Once,
                   help="which functions to describe: all, sound (default), consistent or current")
    p.add_argument("--no-fallback", action="store_true",
                   help="do not give a function without a matched DIE the address of its only symbol")
    add_selection(p)
    p.add_argument("--no-kfunc-tags", action="store_true",
                   help="leave out the DECL_TAGs bpf_kfunc and bpf_fastcall, pahole's as well as the kernel step's")
    p.add_argument("--layout", action="store_true",
                   help="also write how long the types of each kind are (layout section, header of 32 bytes), as "
                        "pahole's --btf_features=layout does")
    add_threads(p, "number of threads; the result does not depend on it")


def run_encode(args):
    """`encode`."""
    from harness import encodings, kernels, results, run
    from harness.functions import DEFAULT, HEADLINE
    from harness.report.folder import check_no_report

    check_selection(args)
    for name in args.encoding or ():
        encodings.encoding(name)
    process.check_folder(args.output)
    check_no_report(args.output)
    kernel = kernels.resolve(args.kernel, progress=not args.quiet)
    prepared = prepare(args, kernel, not args.no_fallback)
    policy = args.policy or HEADLINE
    encoded = run.encode(prepared, policy, args.encoding, args.rules or DEFAULT, args.quirk,
                         not args.no_kfunc_tags, args.kernel_step, args.layout)
    saved = results.save(args.output, prepared, encoded)
    if not args.quiet:
        entries = saved.manifest["policies"][policy]["encodings"]
        files = {name: results.files_of(entry) for name, entry in entries.items()}
        sizes = {name: sum(part["bytes"] for part in parts) for name, parts in files.items()}
        for name, parts in files.items():
            paths = ", ".join(str(saved.path / part["file"]) for part in parts)
            print(f"{paths}: {sizes[name]} bytes ({sizes[name] - sizes[results.BASELINE]:+d})")
        say_uncovered(saved, encoded.policy)


def add_measure(verb):
    """Options of `measure`."""
    p = verb("measure", "measure results: write measurements.csv next to manifest.json", run_measure,
             "columns: kernel,policy,encoding,part,kind,count,bytes")
    p.add_argument("folder", metavar="DIR", help="a directory that encode wrote, or a report")
    p.add_argument("--no-compression", action="store_true", help="do not measure the zstd -19 and xz -9 sizes")
    p.add_argument("--json", action="store_true", help="also print the table as JSON, in place of the file's path")


def run_measure(args):
    """`measure`."""
    from harness import measure, results

    folder = results.load(args.folder)
    process.check_folder(folder.path)
    table = measure.measure(folder, compressed=not args.no_compression)
    if args.json:
        sys.stdout.write(results.to_json(results.records(table)))
    elif not args.quiet:
        print(folder.measurements_path)


def add_report(verb):
    """Options of `report`."""
    p = verb("report", "write a report: HTML page, Markdown, tables (CSV, text, LaTeX), plots (PNG, SVG)", run_report,
             "examples:\n  btf-harness report debian-6.1-cloud-amd64 -o reports/6.1\n"
             "  btf-harness report out -o reports/out")
    p.add_argument("source", metavar="KERNEL|DIR",
                   help="a kernel (encoded under every policy), a directory that encode wrote, or another report")
    p.add_argument("-o", "--output", required=True, metavar="DIR",
                   help="output directory, created if missing; a report there is replaced once the new one is complete")
    p.add_argument("--index", action="store_true", help="also write DIR/../index.html, a list of all reports there")
    p.add_argument("--command", metavar="TEXT", help="command line to show in the report; default: this one")
    add_kernel_step(p)
    add_threads(p)


def run_report(args):
    """`report`."""
    from harness import kernels, report, results, ui
    from harness.report import index as all_reports
    from harness.report import summary
    from harness.report.folder import MARKDOWN, check_place

    threads, index = args.threads, f"../{all_reports.NAME}" if args.index else None
    given = kind_of(args.source)
    process.check_folder(Path(os.path.realpath(args.output)).parent if args.output else "")
    check_place(args.output)
    if given != KERNEL:
        if args.kernel_step is not None:
            raise UsageError(f"expected a kernel, found {given}", "kernel-step", args.source)
        made = report.render(args.source, args.output, threads=threads, command=args.command, index=index)
    else:
        kernel = kernels.resolve(args.source, progress=not args.quiet)
        command = args.command or report.command_line(args.source, args.output, args.kernel_step)
        with nullcontext() if args.quiet else ui.Progress(f"{kernel.label}: {kernel.path}") as progress:
            made = report.make(kernel, args.output, threads, progress, command=command, index=index,
                               kernel_step=args.kernel_step)
    listed = all_reports.write(os.path.relpath(os.path.join(args.output, os.pardir))) if args.index else None
    if args.quiet:
        print(Path(args.output) / MARKDOWN)
    else:
        summary.show(made, args.output, listed)
        folder = results.load(args.output)
        say_uncovered(folder, folder.some(results.HEADLINE).policy)
    if not made.ok:
        print("btf-harness: an invariant does not hold; see the report", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


def add_index(verb):
    """Options of `index`."""
    p = verb("index", "write DIR/index.html, a list of the reports in DIR", run_index,
             "example:\n  btf-harness index reports")
    p.add_argument("folder", metavar="DIR", help="a directory that holds reports")


def run_index(args):
    """`index`."""
    from harness.report import index

    print(index.write(args.folder))


def add_mail(verb):
    """Options of `mail`."""
    p = verb("mail", "print a report as the body of a cover letter, or put it into a patch mail with plots", run_mail,
             "examples:\n  btf-harness mail reports/debian-6.12-cloud-amd64\n"
             "  btf-harness mail reports/debian-6.12-cloud-amd64 --patch 0000-cover-letter.patch -o 0000.eml")
    p.add_argument("folder", metavar="DIR", help="a report")
    p.add_argument("--no-charts", action="store_true", help="leave out the bar charts")
    p.add_argument("--patch", type=Path, metavar="FILE", help="a cover letter or a patch from git format-patch")
    p.add_argument("-o", "--output", type=Path, metavar="OUT.eml", help="with --patch: the file to write")
    p.add_argument("--attach", action="append", metavar="PLOT",
                   help="with --patch: attach a plot: bytes, kinds, names, funnel, compressed, tradeoff or treemap; "
                        "may be given several times")
    p.add_argument("--no-attach", action="store_true", help="with --patch: attach no plot")
    p.add_argument("--subject", metavar="TEXT", help="with --patch: the subject, in place of *** SUBJECT HERE ***")


def run_mail(args):
    """`mail`."""
    from harness import files, report
    from harness.report import mail
    from harness.results import read_bytes

    if args.patch is None:
        for option in ("output", "attach", "no-attach", "subject"):
            if getattr(args, option.replace("-", "_")):
                raise UsageError("needs --patch", option)
        sys.stdout.write(mail.body(report.read(args.folder), charts=not args.no_charts))
        return
    if args.output is None:
        raise UsageError("needs -o OUT.eml", "patch")
    if args.attach and args.no_attach:
        raise UsageError("cannot be combined with --no-attach", "attach")
    patch = read_bytes(args.patch)
    attach = () if args.no_attach else tuple(args.attach or mail.DEFAULT_ATTACH)
    made = mail.message(report.read(args.folder), patch, attach, charts=not args.no_charts, subject=args.subject,
                        path=str(args.patch))
    files.write(args.output, made.data)
    print(f"{args.output}: {len(made.data):,} bytes")
    for note in made.notes:
        print(f"btf-harness: {note}", file=sys.stderr)
