"""What a verb is asked about: a kernel, or results that an earlier verb wrote."""

from __future__ import annotations

import os
from contextlib import contextmanager

from harness.errors import MeasureError, UsageError

KERNEL, RESULTS = "a kernel", "results"


def kind_of(source):
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


def prepare(args, kernel, fallback=True):
    """What `harness.run.prepare` reads of a kernel, its progress shown unless --quiet."""
    from harness import results, run, ui
    from harness.functions import DEFAULT

    meanwhile = {results.TABLES: results.kernel_tables}
    rules = getattr(args, "rules", None) or DEFAULT
    if args.quiet:
        return run.prepare(kernel, args.threads, fallback, meanwhile=meanwhile, rules=rules)
    with ui.Progress(f"{kernel.label}: {kernel.path}") as progress:
        return run.prepare(kernel, args.threads, fallback, progress, meanwhile, rules)


@contextmanager
def result_of(args, source, policy="all", encodings=None, strictly=False):
    """The Result in a folder, or that of a kernel encoded into a temporary one.

    A folder without that policy gives its first one, unless `strictly`.
    """
    from tempfile import TemporaryDirectory

    from harness import kernels, results, run
    from harness.functions import DEFAULT

    if kind_of(source) == RESULTS:
        folder = results.load(source)
        yield folder[policy] if strictly else folder.some(policy)
        return
    kernel = kernels.resolve(source, progress=not args.quiet)
    prepared = prepare(args, kernel)
    encoded = run.encode(prepared, policy, encodings, getattr(args, "rules", None) or DEFAULT,
                         getattr(args, "quirk", ()), kernel_step=getattr(args, "kernel_step", None))
    with TemporaryDirectory(prefix="btf-harness-") as folder:
        try:
            yield results.save(folder, prepared, encoded)[policy]
        except MeasureError as error:
            if error.path is None or not error.path.startswith(folder):
                raise
            raise MeasureError(error.message, kernel.path) from error  # that folder is gone when this is read


def check_selection(args):
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
