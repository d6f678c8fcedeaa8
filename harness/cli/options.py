"""What the parsers of all verbs share: errors of one line, options given once, and groups of options."""

from __future__ import annotations

import argparse
import os
import sys

from harness import process
from harness.errors import UsageError

MAX_THREADS = 1024


class Parser(argparse.ArgumentParser):
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


class Once(argparse.Action):
    """An option of one value that refuses a second one instead of forgetting the first."""

    def __call__(self, parser, namespace, values, option_string=None):
        given = vars(namespace).setdefault("_given", set())
        if self.dest in given:
            raise argparse.ArgumentError(self, "given twice; it takes one value")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


class Either(argparse.BooleanOptionalAction):
    """An option and its opposite, of which one may be given, once."""

    def __call__(self, parser, namespace, values, option_string=None):
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, "given twice; one of the two is wanted, once")
        super().__call__(parser, namespace, values, option_string)


def add_manners(p, default):
    """The options that every verb takes, also before the verb."""
    p.add_argument("-q", "--quiet", action="store_true", default=default, help="show no progress")
    p.add_argument("-v", "--verbose", action="store_true", default=default, help="show a traceback on errors")


def add_selection(p):
    """The options that say which pahole's selection of functions is followed."""
    p.add_argument("--rules", metavar="VERSION", action=Once,
                   help="select functions and form types as pahole 1.24, 1.25, 1.30, 1.31, 2026-07 (1436daf) or 1.32 "
                        "(the default) does")
    p.add_argument("--quirk", action="append", default=[], metavar="NAME",
                   help="reproduce a pahole bug: part-flags, no-ranges, patchable-entry, unnumbered-clang, "
                        "kfunc-search or strings; may be given several times")
    p.add_argument("--like", metavar="PAHOLE", action=Once,
                   help="all that a pahole does, such as pahole-1.24: its rules, every bug, and policy current")
    add_kernel_step(p)


def add_kernel_step(p):
    """The option that says whether to do what the kernel's build does after pahole."""
    p.add_argument("--kernel-step", action=Either, default=None,
                   help="do what the kernel's build does to BTF after pahole (resolve_btfids): FUNCs NAME_impl, arena "
                        "pointers, types sorted by name; default: for Linux 7.0 and later")


def _threads(text):
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_THREADS):
        raise argparse.ArgumentTypeError(f"expected a number from 1 to {MAX_THREADS}, found {text!r}")
    return int(text)


def add_threads(p, words=None):
    """The option that says how many threads to use."""
    p.add_argument("--threads", type=_threads, default=os.cpu_count() or 1, metavar="N", help=words)


def add_forms(p, csv="write CSV"):
    """The options that give a verb's tables to another program."""
    forms = p.add_mutually_exclusive_group()
    if csv:
        forms.add_argument("--csv", action="store_true", help=csv)
    forms.add_argument("--json", action="store_true", help="write JSON, addresses as hex text")


def row_count(text):
    """A number of rows, for an option."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"expected a number, found {text!r}")
    return int(text)
