"""The verb that executes: what consumers, a build and a reader make of the files of a result."""

from __future__ import annotations

import sys

from harness import process
from harness.cli.options import Once, add_forms


def add_matrix(verb):
    """Options of `matrix`."""
    p = verb("matrix", "have every consumer open every file: matrix.csv, survival.csv, usage.csv", run_matrix,
             "Consumers are the running kernel, libbpf, bpftool, pahole and others, each in every version that is\n"
             "installed or that `btf-harness tools` has fetched. A cell is what happened: accepted, refused, accepted\n"
             "but wrong (what it found differs from what is there), failed (crashed, timed out), or not tried.\n"
             "survival.csv: which addresses are kept by dedup, name sort, byte swap and under a split BTF. usage.csv:\n"
             "time and memory of a reader. Both are written unless --consumer or --encoding is given.\n\n"
             "examples:\n  btf-harness matrix out\n  btf-harness matrix out --consumer bpftool --encoding btf_func")
    p.add_argument("folder", metavar="DIR", help="a directory that encode wrote, or a report")
    p.add_argument("--consumer", action="append", metavar="NAME",
                   help="only this one, may be given several times (an unknown name lists all)")
    p.add_argument("--encoding", action="append", metavar="NAME",
                   help="only this file, may be given several times; shipped is the kernel's own")
    p.add_argument("--policy", metavar="POLICY", action=Once,
                   help="whose files, where there are several (default: sound, else the first)")
    p.add_argument("--again", action="store_true",
                   help="ask anew; otherwise answers about the same bytes by the same program are kept in the cache")
    add_forms(p, "print the rows of matrix.csv")


def run_matrix(args):
    """`matrix`; of some consumers or files, their rows of matrix.csv become new."""
    from harness import results, witnesses
    from harness.text.matrix import survival_text, to_text
    from harness.witnesses.opening import renewed
    from harness.witnesses.survival import survival
    from harness.witnesses.usage import usage

    for name in args.consumer or ():
        witnesses.consumer(name)
    folder = results.load(args.folder)
    process.check_folder(folder.path)
    result = folder.some(results.HEADLINE) if args.policy is None else folder[args.policy]
    table = witnesses.matrix(result, args.consumer, args.encoding, args.again)
    path = folder.keep_executed("matrix", renewed(folder.executed("matrix"), table))
    survived = None
    if not args.consumer and not args.encoding:
        survived = survival(result, again=args.again)
        folder.keep_executed("survival", survived)
        folder.keep_executed("usage", usage(result))
    if args.csv:
        sys.stdout.write(results.csv_bytes(table).decode("utf-8", "surrogateescape"))
    elif args.json:
        sys.stdout.write(results.to_json(table.to_dict("records")))
    else:
        sys.stdout.write(to_text(table))
        if survived is not None and len(survived):
            sys.stdout.write("\n" + survival_text(survived))
        if not args.quiet:
            sys.stdout.flush()
            print(path, file=sys.stderr)
