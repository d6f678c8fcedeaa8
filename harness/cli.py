"""The command line: a verb for each stage; later verbs read only files that earlier ones wrote.

Exit codes: 0 done; 2 the input or the request cannot be used, or the output cannot be written (one line on stderr says
why and where); 1 an internal error, an invariant of the report that does not hold, or files that `same` does not find
to be the same; 128 + n ended by signal n.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path

from harness import process
from harness.errors import BtfFormatError, HarnessError, MeasureError, UsageError, visible

EXIT_OK, EXIT_FAILED, EXIT_INPUT = 0, 1, 2

MAX_THREADS = 1024

SILENT, SILENT_IF_QUIET = ("check",), ("encode", "measure")
"""Verbs that write nothing to standard output: always, and with --quiet."""

EXAMPLES = """\
examples:
  btf-harness kernels                                   what can be fetched and what is cached
  btf-harness encode debian-6.12-cloud-amd64 -o out     fetch it and encode it three ways
  btf-harness encode ./vmlinux -o out --policy all --encoding plain --encoding btf_func
  btf-harness measure out                               out/measurements.csv
  btf-harness report ./vmlinux -o reports/mine          everything, under all three policies
  btf-harness dump out/btf_func.btf | grep cpumask_weight
  btf-harness check out/btf_func.btf
  btf-harness same out/plain.btf out/shipped.btf        the same BTF? exit code 1 and what differs if not
  btf-harness stat out/btf_func.btf -- out/plain.btf    what that adds, by kind
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are UsageErrors, so that they take one line like all others.

    Attributes
    ----------
    separator : str or None
        An option that ``--`` stands for; None: what follows ``--`` is no option.
    """

    separator = None

    def parse_known_args(self, args=None, namespace=None):
        if self.separator is not None:
            args = [self.separator if text == "--" else text for text in args]
        return super().parse_known_args(args, namespace)

    def error(self, message):
        raise UsageError(f"{message.removeprefix('argument ')} (see {self.prog} --help)")

    def print_help(self, file=None):
        process.check_stdout()
        sys.stdout.write(self.format_help())  # argparse would hide a full disk


class _Once(argparse.Action):
    """An option of one value that refuses a second one instead of forgetting the first."""

    def __call__(self, parser, namespace, values, option_string=None):
        given = vars(namespace).setdefault("_given", set())
        if self.dest in given:
            raise argparse.ArgumentError(self, "given twice; it takes one value")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


class _Either(argparse.BooleanOptionalAction):
    """An option and its opposite, of which one may be given, once."""

    def __call__(self, parser, namespace, values, option_string=None):
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, "given twice; one of the two is wanted, once")
        super().__call__(parser, namespace, values, option_string)


def parser():
    """The argument parser."""
    top = _Parser(
        prog="btf-harness", description="Encode one Linux kernel's BTF several ways and measure every type and byte.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="store_true", help="print the version and exit")
    _add_manners(top, False)
    verbs = top.add_subparsers(dest="verb", metavar="VERB")

    def verb(name, words, run, epilog=None):
        p = verbs.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".", epilog=epilog,
                             formatter_class=argparse.RawDescriptionHelpFormatter)
        p.set_defaults(run=run)
        _add_manners(p, argparse.SUPPRESS)  # keep what came before the verb
        return p

    for add in (add_kernels, add_fetch, add_tools, add_encode, add_measure, add_report, add_index, add_mail,
                add_functions, add_lookup, add_compare, add_claims, add_dump, add_check, add_same, add_stat):
        add(verb)
    return top


def _add_manners(p, default):
    p.add_argument("-q", "--quiet", action="store_true", default=default, help="show no progress")
    p.add_argument("-v", "--verbose", action="store_true", default=default, help="show a traceback on errors")


def _add_selection(p):
    """The options that say which pahole's selection of functions is followed."""
    p.add_argument("--rules", metavar="VERSION", action=_Once,
                   help="select functions and form types as pahole 1.24, 1.25, 1.30, 1.31, 2026-07 (1436daf) or 1.32 "
                        "(the default) does")
    p.add_argument("--quirk", action="append", default=[], metavar="NAME",
                   help="reproduce a pahole bug: part-flags, no-ranges, patchable-entry or unnumbered-clang; may "
                        "be given several times")
    p.add_argument("--like", metavar="PAHOLE", action=_Once,
                   help="all that a pahole does, such as pahole-1.24: its rules, every bug, and policy current")
    _add_kernel_step(p)


def _add_kernel_step(p):
    """The option that says whether to do what the kernel's build does after pahole."""
    p.add_argument("--kernel-step", action=_Either, default=None,
                   help="do what the kernel's build does to BTF after pahole (resolve_btfids): FUNCs NAME_impl, arena "
                        "pointers, types sorted by name; default: for Linux 7.0 and later")


def _threads(text):
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_THREADS):
        raise argparse.ArgumentTypeError(f"expected a number from 1 to {MAX_THREADS}, found {text!r}")
    return int(text)


def _add_threads(p, words=None):
    p.add_argument("--threads", type=_threads, default=os.cpu_count() or 1, metavar="N", help=words)


def _add_forms(p, csv="write CSV"):
    """The options that give a verb's tables to another program."""
    forms = p.add_mutually_exclusive_group()
    if csv:
        forms.add_argument("--csv", action="store_true", help=csv)
    forms.add_argument("--json", action="store_true", help="write JSON, addresses as hex text")


def main(argv=None):
    """Run the command line; returns the exit code, see the module. Exceptions become one line on stderr.

    Parameters
    ----------
    argv : list of str, optional
        Without the program's name; by default those of the process.
    """
    args = argparse.Namespace(verbose=False)
    try:
        try:
            code = _run(argv, args)
        except SystemExit as done:  # --help
            code = done.code or EXIT_OK
        if sys.stdout is not None:
            process.flush_stdout()
        if process.ended():
            raise process.ended()
        return code
    except process.Ended as end:
        return _failed(end.word, end.code)
    except KeyboardInterrupt:
        return _failed("interrupted", 130)
    except BrokenPipeError:
        # the reader has closed the pipe; keep Python from complaining when it closes stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as err:
        if process.ended():
            return _failed(process.ended().word, process.ended().code)
        if args.verbose:
            import traceback

            traceback.print_exc()
        if isinstance(err, HarnessError):
            return _failed(str(err), EXIT_INPUT)
        if isinstance(err, OSError):
            return _failed(process.words_of(err), EXIT_INPUT)
        more = "" if args.verbose else " (-v shows where)"
        return _failed(f"internal error: {type(err).__name__}: {err}{more}", EXIT_FAILED)


def _run(argv, args):
    top = parser()
    top.parse_args(argv, args)
    if args.version:
        from harness import __version__

        process.check_stdout()
        print(__version__)
        return EXIT_OK
    if args.verb is None:
        top.print_help()
        return EXIT_INPUT
    if args.verb not in SILENT + SILENT_IF_QUIET * args.quiet or getattr(args, "json", False):
        process.check_stdout()
    return args.run(args) or EXIT_OK


def _failed(text, code):
    """Say why in one line and stop the processes that it started; returns the exit code."""
    if "harness.warm" in sys.modules:
        sys.modules["harness.warm"].stop()
    try:
        print(f"btf-harness: {visible(text)}", file=sys.stderr, flush=True)
    except OSError:
        pass  # then the exit code has to do
    return code


def entry():
    """Run `main` as the whole process; it ends without tearing down the interpreter, which takes 0.3 s after a run.

    Does nothing where a worker process of a report runs a script again only for what the script registers.
    """
    if process.is_beginning_worker():
        return
    gc.disable()  # a process this short makes no cycles worth collecting
    process.open_standard_streams()
    process.end_on_signals()
    code = main()
    if code != EXIT_OK:
        process.release_semaphores()  # an exception may have left some
    os._exit(code)


def add_kernels(verb):
    """Options of `kernels`."""
    verb("kernels", "list the kernels in the catalogue and in the cache", run_kernels)


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


def add_fetch(verb):
    """Options of `fetch`."""
    p = verb("fetch", "fetch a kernel and print the path of its vmlinux", run_fetch,
             "examples:\n  btf-harness fetch linux-image-6.1.0-56-cloud-amd64-dbg\n"
             "  btf-harness fetch linux-image-7.2.13+deb14-rt-amd64-dbg --suite sid")
    p.add_argument("name", nargs="?", metavar="NAME",
                   help="a catalogue name or an exact package name; without one, the newest default that can be had")
    p.add_argument("--name", action="store_true", dest="print_name", help="print the kernel's name, not its path")
    p.add_argument("--suite", metavar="SUITE",
                   help="where the package is: a suite of Debian such as sid or trixie-backports, in the archive that "
                        "this machine uses (default: the machine's own suites)")
    p.add_argument("--refresh", action="store_true", help="look for a newer version even if one is cached")


def run_fetch(args):
    """`fetch`."""
    from harness import kernels

    if args.name is None:
        for option, value in (("suite", args.suite), ("refresh", args.refresh)):
            if value:
                raise UsageError("needs the NAME of a kernel", option)
        kernel = kernels.fetch_default(progress=not args.quiet)
    else:
        kernel = kernels.fetch(args.name, refresh=args.refresh, progress=not args.quiet, suite=args.suite)
    print(kernel.name if args.print_name else kernel.path)


def add_tools(verb):
    """Options of `tools`."""
    p = verb("tools", "fetch another version of pahole, bpftool or libbpf and print what starts it", run_tools,
             "A tool is unpacked into the cache with the libraries it needs and installs nothing. libbpf comes with a\n"
             "Python that finds it as ctypes.CDLL('libbpf.so.1'). Without names, lists the tools in the cache.\n\n"
             "example:\n  $(btf-harness tools pahole --suite sid) --version")
    p.add_argument("names", nargs="*", metavar="NAME", help="pahole, bpftool, libbpf")
    p.add_argument("--suite", metavar="SUITE", help="as for fetch: the newest version that this suite has")


def run_tools(args):
    """`tools`: the paths of the named ones; without names those in the cache, tab separated."""
    from harness.kernels import tools

    for name in args.names:
        if name not in tools.TOOLS:
            raise UsageError(f"NAME: expected one of {', '.join(tools.TOOLS)}, found {name!r}")
    if args.suite and not args.names:
        raise UsageError(f"--suite: needs the name of a tool: {', '.join(tools.TOOLS)}")
    for name in args.names:
        print(tools.fetch(name, args.suite, progress=not args.quiet).path)
    if not args.names:
        print("name\tversion\tarchitecture\tsuite\tpath")
        for tool in tools.fetched():
            print(f"{tool.name}\t{tool.version}\t{tool.architecture}\t{tool.suite or '-'}\t{tool.path}")


def _prepare(args, kernel, fallback=True):
    from harness import results, run, ui
    from harness.functions import DEFAULT

    meanwhile = {results.TABLES: results.kernel_tables}
    rules = getattr(args, "rules", None) or DEFAULT
    if args.quiet:
        return run.prepare(kernel, args.threads, fallback, meanwhile=meanwhile, rules=rules)
    with ui.Progress(f"{kernel.label}: {kernel.path}") as progress:
        return run.prepare(kernel, args.threads, fallback, progress, meanwhile, rules)


def _check_selection(args):
    """Put what --like stands for into the other options, and raise a UsageError for an unknown policy, rules or quirk,
    before anything is read."""
    from harness.functions import DEFAULT, POLICIES, QUIRKS, check_quirks, like, rules_of

    if args.like is not None:
        for option, value in (("policy", args.policy), ("rules", args.rules), ("quirk", args.quirk)):
            if value:
                raise UsageError("cannot be combined with --like, which stands for it", option)
        args.policy, args.rules, args.quirk = "current", like(args.like), list(QUIRKS)
    if args.policy is not None and args.policy not in POLICIES:
        raise UsageError.choice("policy", POLICIES, args.policy)
    rules_of(DEFAULT if args.rules is None else args.rules)
    check_quirks(args.quirk)


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
    p.add_argument("--policy", metavar="POLICY", action=_Once,
                   help="which functions to describe: all, consistent (default) or current")
    p.add_argument("--no-fallback", action="store_true",
                   help="do not give a function without a matched DIE the address of its only symbol")
    _add_selection(p)
    p.add_argument("--no-kfunc-tags", action="store_true",
                   help="leave out the DECL_TAGs bpf_kfunc and bpf_fastcall, pahole's as well as the kernel step's")
    p.add_argument("--layout", action="store_true",
                   help="also write how long the types of each kind are (layout section, header of 32 bytes), as "
                        "pahole's --btf_features=layout does")
    _add_threads(p, "number of threads; the result does not depend on it")


def run_encode(args):
    """`encode`."""
    from harness import encodings, kernels, results, run
    from harness.functions import DEFAULT
    from harness.report.folder import check_no_report

    _check_selection(args)
    for name in args.encoding or ():
        encodings.encoding(name)
    process.check_folder(args.output)
    check_no_report(args.output)
    kernel = kernels.resolve(args.kernel, progress=not args.quiet)
    prepared = _prepare(args, kernel, not args.no_fallback)
    policy = args.policy or "consistent"
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
        _say_uncovered(saved, encoded.policy)


def _say_uncovered(folder, policy):
    """Say on stderr what of the file the results of a policy do not cover."""
    from harness.results.coverage import uncovered

    for text in uncovered(folder.manifest, policy):
        print(f"  {visible(text)}", file=sys.stderr)


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
    _add_kernel_step(p)
    _add_threads(p)


def run_report(args):
    """`report`."""
    from harness import kernels, report, results, ui
    from harness.report import index as all_reports
    from harness.report import summary
    from harness.report.folder import MARKDOWN, check_place

    threads, index = args.threads, f"../{all_reports.NAME}" if args.index else None
    given = _kind(args.source)
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
        _say_uncovered(folder, folder.some("consistent").policy)
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


KERNEL, RESULTS = "a kernel", "results"


def _kind(source):
    """What a KERNEL|DIR is: KERNEL (a file or a name) or RESULTS (also those in a report)."""
    from harness import results

    if not source or not os.path.isdir(source):
        return KERNEL
    if results.is_results(source):
        return RESULTS
    from harness.report.folder import ABOUT

    manifest, in_report = results.MANIFEST, f"{results.IN_REPORT}/{results.MANIFEST}"
    if os.path.isfile(os.path.join(source, ABOUT)):
        raise MeasureError(f"expected a report with results, found one without {in_report}", source)
    raise MeasureError("expected a kernel, or a directory that encode or report wrote, found a directory with "
                       f"neither {manifest} nor {in_report}", source)


@contextmanager
def _result(args, source, policy="all", encodings=None, strictly=False):
    """The Result in a folder, or that of a kernel encoded into a temporary one.

    A folder without that policy gives its first one, unless `strictly`.
    """
    from tempfile import TemporaryDirectory

    from harness import kernels, results, run
    from harness.functions import DEFAULT

    if _kind(source) == RESULTS:
        folder = results.load(source)
        yield folder[policy] if strictly else folder.some(policy)
        return
    kernel = kernels.resolve(source, progress=not args.quiet)
    prepared = _prepare(args, kernel)
    encoded = run.encode(prepared, policy, encodings, getattr(args, "rules", None) or DEFAULT,
                         getattr(args, "quirk", ()), kernel_step=getattr(args, "kernel_step", None))
    with TemporaryDirectory(prefix="btf-harness-") as folder:
        try:
            yield results.save(folder, prepared, encoded)[policy]
        except MeasureError as error:
            if error.path is None or not error.path.startswith(folder):
                raise
            raise MeasureError(error.message, kernel.path) from error  # that folder is gone when this is read


def add_functions(verb):
    """Options of `functions`."""
    p = verb("functions", "list function instances, or the names behind a count in the funnel", run_functions,
             "examples:\n  btf-harness functions debian-6.1-cloud-amd64 --name 'cpumask_w*'\n"
             "  btf-harness functions out --reason optimized --csv\n"
             "  btf-harness functions ./vmlinux --step elf_no_die")
    p.add_argument("source", metavar="KERNEL|DIR", help="a kernel, a directory that encode wrote, or a report")
    p.add_argument("--policy", default=None, metavar="POLICY", action=_Once,
                   help="the policy that gives the reasons: all, consistent (default) or current")
    _add_selection(p)
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
    _add_forms(p, "write all columns as CSV")
    _add_threads(p)


def run_functions(args):
    """`functions`."""
    from harness import measure, results
    from harness.functions.steps import check_step
    from harness.measure import choose

    _check_selection(args)
    given = _kind(args.source)
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
        _print_rows(args, *_step(args))
        return
    for option, value in (("like", args.like), ("rules", args.rules), ("quirk", args.quirk),
                          ("kernel-step", args.kernel_step is not None)):
        if given != KERNEL and value:
            raise UsageError(f"expected a kernel, found {given}", option, args.source)
    with _result(args, args.source, args.policy or "consistent", [results.BASELINE], bool(args.policy)) as result:
        names = measure.names_of_class(result, args.klass) if args.klass else None
        table = choose.choose(result.functions, args.name, args.reason, args.match, args.fault, names)
        if args.json:
            sys.stdout.write(results.to_json(results.records(table, result.bits)))
            _say_rows(args, table.name.tolist())
            return
        table = results.as_text(table, result.bits)
    columns = list(table.columns) if args.csv else list(choose.SHOWN)
    _print_rows(args, columns, [tuple(row) for row in table[columns].itertuples(index=False)])


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


def _print_rows(args, columns, rows):
    from harness.text.plain import aligned

    if args.csv:
        _print_csv(columns, rows)
    elif args.json:
        from harness.results import to_json

        sys.stdout.write(to_json([dict(zip(columns, row, strict=True)) for row in rows]))
    else:
        rows = [tuple(map(_bit, row)) for row in rows]
        text = aligned(columns, rows)
        width = process.terminal_width()
        if width is not None and max(map(len, text.splitlines())) > width:
            import pandas as pd

            from harness.report.tables import Table

            text = Table("functions", pd.DataFrame(rows, columns=list(columns))).text(width) + "\n"
        sys.stdout.write(text)
    _say_rows(args, [row[0] for row in rows])


def _print_csv(columns, rows):
    """Write rows as CSV: a bit as 1 or 0, a float with two decimals, and what is unknown as nothing."""
    import csv

    said = ([f"{x:.2f}" if isinstance(x, float) else _bit(x) for x in row] for row in rows)
    csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *said])


def _bit(value):
    """1 or 0 for a bit, any other value as it is."""
    return int(value) if isinstance(value, bool) else value


def _say_rows(args, names):
    """Say on stderr how many rows there are, and how many names."""
    if not args.quiet:
        sys.stdout.flush()
        n, distinct = len(names), len(set(names))
        print(f"{n:,} row{'s' * (n != 1)}, {distinct:,} name{'s' * (distinct != 1)}", file=sys.stderr)


def add_lookup(verb):
    """Options of `lookup`."""
    p = verb("lookup", "show what a tracer gets for a function or an address under each encoding", run_lookup,
             "examples:\n  btf-harness lookup cpumask_weight debian-6.1-cloud-amd64\n"
             "  btf-harness lookup 0xffffffff8103b530 out")
    p.add_argument("query", metavar="NAME|ADDRESS", help="a function, a pattern with * or ?, or an address (0x...)")
    p.add_argument("source", metavar="KERNEL|DIR",
                   help="a kernel (policy all), a directory that encode wrote, or a report")
    _add_forms(p, "write the BTF ids as CSV")
    _add_threads(p)


def run_lookup(args):
    """`lookup`."""
    from harness import measure
    from harness.text.lookup import to_text

    with _result(args, args.source) as result:
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
                   help="write the tables as CSV into this directory, and print their paths in place of the text")
    _add_forms(p, csv=None)
    _add_threads(p)


def run_compare(args):
    """`compare`."""
    from harness import files, measure
    from harness.report.folder import check_no_report
    from harness.results import to_json
    from harness.text.compare import to_text

    only = [measure.BASELINE]
    if args.output is not None:
        process.check_folder(args.output)
        check_no_report(args.output)
    with _result(args, args.a, encodings=only) as a, _result(args, args.b, encodings=only) as b:
        found = measure.compare(a, b)
    if args.output is not None:
        folder = files.make_folder(args.output)
        for name, table in found.tables().items():
            files.write(folder / f"{name}.csv", measure.csv_bytes(table))
            if not args.quiet and not args.json:
                print(folder / f"{name}.csv")
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


def add_dump(verb):
    """Options of `dump`."""
    p = verb("dump", "print a .btf file in any encoding, in the format of bpftool btf dump", run_dump)
    p.add_argument("file", metavar="FILE.btf")
    p.add_argument("--format", choices=("raw", "json"), default="raw")


def run_dump(args):
    """`dump`."""
    from harness import btf, encodings

    out = _Shown() if sys.stdout.isatty() else sys.stdout.buffer
    (btf.dump_raw if args.format == "raw" else btf.dump_json)(encodings.read(args.file), out)
    sys.stdout.flush()


class _Shown:
    """Standard output as a binary file, of which a terminal sees no control characters but the ends of lines."""

    def write(self, data):
        sys.stdout.write("\n".join(map(visible, data.decode("utf-8", "backslashreplace").split("\n"))))


def add_check(verb):
    """Options of `check`."""
    p = verb("check", "check the structure of a .btf file; print one line about the first error", run_check)
    p.add_argument("file", metavar="FILE.btf")
    p.add_argument("--strict", action="store_true",
                   help="also reject what today's kernels reject, such as an address after a FUNC")


def run_check(args):
    """`check`."""
    from harness import btf, encodings

    btf.check(encodings.read(args.file), strict=args.strict)


def add_same(verb):
    """Options of `same`."""
    p = verb("same", "tell whether two files are the same BTF but for the order of types and strings", run_same,
             "Exit code 0 if a renumbering of type_ids and string offsets turns one file into the other; 1 if not: it\n"
             "lists what differs, first the types that differ themselves.\n\n"
             "examples:\n  btf-harness same out/plain.btf out/shipped.btf\n"
             "  btf-harness same ./vmlinux pahole.btf --limit 5\n"
             "  btf-harness same a/nf_nat.btf b/nf_nat.btf --base ./vmlinux")
    p.add_argument("a", metavar="A", help="a .btf file, or an ELF file with a .BTF section")
    p.add_argument("b", metavar="B", help="the other, likewise")
    p.add_argument("--base", metavar="FILE", action=_Once,
                   help="what both continue: for modules, the BTF of their kernel")
    p.add_argument("--limit", type=_rows, metavar="N", action=_Once, help="rows of each list (default: 20)")
    p.add_argument("--all", action="store_true",
                   help="list all rows, and the types that differ only because of others, too")


def _rows(text):
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"expected a number, found {text!r}")
    return int(text)


def run_same(args):
    """`same`."""
    from harness import btf, encodings
    from harness.btf import same
    from harness.text.same import SHOWN, to_text

    if args.all and args.limit is not None:
        raise UsageError("cannot be combined with --all", "limit")
    base = encodings.parse(btf.data_in(args.base), args.base) if args.base is not None else None
    data = [btf.data_in(path) for path in (args.a, args.b)]
    files = [encodings.parse(d, path, base=base) for d, path in zip(data, (args.a, args.b), strict=True)]
    for file in files if base is not None else ():
        if same.stands_alone(file):
            raise BtfFormatError(f"expected types that continue those of {args.base}, found a file that needs no base",
                                 file.path)
    found = same.compare(*files, same_bytes=data[0] == data[1])
    sys.stdout.write(to_text(found, (args.a, args.b), SHOWN if args.limit is None else args.limit, args.all))
    return EXIT_OK if found.is_same else EXIT_FAILED


def add_stat(verb):
    """Options of `stat`."""
    p = verb("stat", "show what a BTF file holds, or what it has more than another, by kind", run_stat,
             "Types and bytes by kind, and what is waste: strings that nothing names, strings and types that occur\n"
             "again. With OLD, the difference: [NEW] and [DEL] mark what only one of the two has.\n\n"
             "examples:\n  btf-harness stat /sys/kernel/btf/vmlinux\n"
             "  btf-harness stat out/btf_func.btf -- out/plain.btf\n"
             "  btf-harness stat nf_nat.ko --base ./vmlinux --json")
    p.add_argument("file", metavar="FILE", help="a .btf file in any encoding, or an ELF file with a .BTF section")
    p.add_argument("--against", metavar="OLD", dest="old", action=_Once,
                   help="what it is compared with, likewise; '-- OLD' is the same")
    p.separator = "--against"
    p.add_argument("--base", metavar="FILE", action=_Once,
                   help="what FILE continues, and OLD if it needs a base: for modules, the BTF of their kernel")
    p.add_argument("--old-base", metavar="FILE", action=_Once, help="what OLD continues, if that is another")
    p.add_argument("-s", "--sort", metavar="KEY", action=_Once, help="sort by size (default), name or count")
    p.add_argument("-n", "--rows", type=_rows, metavar="N", action=_Once,
                   help="show N rows and the sum of the others (default: 0, all of them)")
    _add_forms(p)


def run_stat(args):
    """`stat`."""
    from harness.measure import stat
    from harness.results import to_json
    from harness.text.stat import to_text

    sort = stat.SORTS[0] if args.sort is None else args.sort
    if sort not in stat.SORTS:
        raise UsageError.choice("sort", stat.SORTS, sort)
    if args.rows is not None and (args.csv or args.json):
        raise UsageError(f"cannot be combined with --{'csv' if args.csv else 'json'}, which has every row", "rows")
    if args.old_base is not None and args.old is None:
        raise UsageError("needs --against", "old-base")
    new = stat.stat(args.file, args.base)
    old = None
    if args.old is not None:
        old = stat.stat(args.old, args.base if args.old_base is None else args.old_base, args.old_base is None)
    if not args.csv and not args.json:
        sys.stdout.write(to_text(new, old, sort, args.rows or 0))
        return
    if old is None:
        columns, facts = stat.ROW_COLUMNS, {"file": new.facts()}
        parts, waste = stat.in_order(new.parts(), sort), new.wasted()
    else:
        columns, facts = stat.CHANGE_COLUMNS, {"new": new.facts(), "old": old.facts()}
        parts = stat.in_order(stat.difference(new.parts(), old.parts()), sort)
        waste = stat.difference(new.wasted(), old.wasted())
    if args.csv:
        _print_csv(columns, [*parts, *waste])
        return
    rows = ([dict(zip(columns, row, strict=True)) for row in table] for table in (parts, waste))
    sys.stdout.write(to_json({**facts, **dict(zip(("parts", "waste"), rows, strict=True))}))
