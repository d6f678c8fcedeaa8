"""Verbs that read BTF of any origin: dump, check, same, stat."""

from __future__ import annotations

import sys

from harness.cli.options import Once, add_forms, row_count
from harness.cli.output import EXIT_FAILED, EXIT_OK, Shown, print_csv
from harness.errors import BtfFormatError, UsageError


def add_dump(verb):
    """Options of `dump`."""
    p = verb("dump", "print a .btf file in any encoding, in the format of bpftool btf dump", run_dump)
    p.add_argument("file", metavar="FILE.btf")
    p.add_argument("--format", choices=("raw", "json"), default="raw")


def run_dump(args):
    """`dump`."""
    from harness import btf, encodings

    out = Shown() if sys.stdout.isatty() else sys.stdout.buffer
    (btf.dump_raw if args.format == "raw" else btf.dump_json)(encodings.read(args.file), out)
    sys.stdout.flush()


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
    p.add_argument("--base", metavar="FILE", action=Once,
                   help="what both continue: for modules, the BTF of their kernel")
    p.add_argument("--limit", type=row_count, metavar="N", action=Once, help="rows of each list (default: 20)")
    p.add_argument("--all", action="store_true",
                   help="list all rows, and the types that differ only because of others, too")


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
    p.add_argument("--against", metavar="OLD", dest="old", action=Once,
                   help="what it is compared with, likewise; '-- OLD' is the same")
    p.separator = "--against"
    p.add_argument("--base", metavar="FILE", action=Once,
                   help="what FILE continues, and OLD if it needs a base: for modules, the BTF of their kernel")
    p.add_argument("--old-base", metavar="FILE", action=Once, help="what OLD continues, if that is another")
    p.add_argument("-s", "--sort", metavar="KEY", action=Once, help="sort by size (default), name or count")
    p.add_argument("-n", "--rows", type=row_count, metavar="N", action=Once,
                   help="show N rows and the sum of the others (default: 0, all of them)")
    add_forms(p)


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
        print_csv(columns, [*parts, *waste])
        return
    rows = ([dict(zip(columns, row, strict=True)) for row in table] for table in (parts, waste))
    sys.stdout.write(to_json({**facts, **dict(zip(("parts", "waste"), rows, strict=True))}))
