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

from harness import process
from harness.cli.asking import add_claims, add_compare, add_functions, add_lookup
from harness.cli.executing import add_matrix
from harness.cli.fetching import add_build, add_fetch, add_kernels, add_tools
from harness.cli.inspecting import add_check, add_dump, add_same, add_stat
from harness.cli.making import add_encode, add_index, add_mail, add_measure, add_report
from harness.cli.options import Parser, add_manners
from harness.cli.output import EXIT_FAILED, EXIT_INPUT, EXIT_OK
from harness.errors import HarnessError, visible

SILENT, SILENT_IF_QUIET = ("check",), ("encode", "measure")
"""Verbs that write nothing to standard output: always, and with --quiet."""

EXAMPLES = """\
examples:
  btf-harness kernels                                   what can be fetched and what is cached
  btf-harness encode debian-6.12-cloud-amd64 -o out     fetch it and encode it three ways
  btf-harness encode ./vmlinux -o out --policy all --encoding plain --encoding btf_func
  btf-harness measure out                               out/measurements.csv
  btf-harness report ./vmlinux -o reports/mine          everything: every form, every policy
  btf-harness dump out/btf_func.btf | grep cpumask_weight
  btf-harness check out/btf_func.btf
  btf-harness same out/plain.btf out/shipped.btf        the same BTF? exit code 1 and what differs if not
  btf-harness stat out/btf_func.btf -- out/plain.btf    what that adds, by kind
"""


def parser():
    """The argument parser."""
    top = Parser(
        prog="btf-harness", description="Encode one Linux kernel's BTF several ways and measure every type and byte.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--version", action="store_true", help="print the version and exit")
    add_manners(top, False)
    verbs = top.add_subparsers(dest="verb", metavar="VERB")

    def verb(name, words, run, epilog=None):
        p = verbs.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".", epilog=epilog,
                             formatter_class=argparse.RawDescriptionHelpFormatter)
        p.set_defaults(run=run)
        add_manners(p, argparse.SUPPRESS)  # keep what came before the verb
        return p

    for add in (add_kernels, add_fetch, add_build, add_tools, add_encode, add_measure, add_report, add_index, add_mail,
                add_functions, add_lookup, add_compare, add_claims, add_matrix, add_dump, add_check, add_same,
                add_stat):
        add(verb)
    return top


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
