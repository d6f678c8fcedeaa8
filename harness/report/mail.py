"""A report for a mailing list: the body of a cover letter, and a whole mail made of a patch, the body and plots.

ASCII, no line longer than 72 characters, so that it can be quoted. Nothing is sent and no date is added: git
send-email does that.
"""

from __future__ import annotations

import itertools
import textwrap
from typing import NamedTuple

from harness import encodings as enc
from harness.errors import MeasureError
from harness.measure import BASELINE, read_claims
from harness.measure.attach import SAME_POLICY
from harness.report import patch as patches
from harness.report import words
from harness.report.charts import bar_chart
from harness.report.findings import findings, headline, no_call_sites
from harness.report.tables import WIDTH, Table, plain
from harness.text.plain import ascii_text

INDENT = "  "
"""Before tables and charts, so that none of their lines can be taken for a part of a patch."""

DEFAULT_ATTACH = ("bytes", "tradeoff")
"""Plots attached by default."""

LIMIT = 100_000
"""The kernel's lists take mails smaller than this, in bytes as sent: with CR LF at line ends."""

NEAR = 0.95
"""Share of LIMIT above which the headers that servers add might be too much."""

SAID = ("growth", "policy", "policy_funcs", "estimates")
"""Findings that the mail's tables already show."""

PNG = b"\x89PNG\r\n\x1a\n"

PROVENANCE = ("package", "version", "build_id", "machine")
"""Fields of report.json that the mail shows about the kernel."""


class Message(NamedTuple):
    """A mail, and what its sender should know.

    Attributes
    ----------
    data : bytes
        A file for git send-email, git am or a mail program.
    notes : list of str
        One sentence each.
    """

    data: bytes
    notes: list


def body(folder, charts=True, attached=()):
    """A report as the body of a cover letter.

    Parameters
    ----------
    folder : ReportFolder
    charts : bool
        With bar charts.
    attached : sequence of Attachment
        Plots that the body announces.

    Returns
    -------
    str
        ASCII, no line longer than WIDTH, a newline at its end.

    Raises
    ------
    MeasureError
        The report has no encodings.csv, or one of its CSVs cannot be read.
    """
    said = dict(findings(folder, folder.about))
    parts = [*_alarms(folder, said.get("invariants", "")), _filled(words.QUESTION),
             _filled(headline(folder, folder.about)), _origin(folder), _meanings(folder), *_sizes(folder, charts),
             *_policies(folder), *_attachable(folder, charts), *_estimates(folder),
             _list("Findings:", [said[name] for name in said if name not in SAID]), _list("Limits:", words.LIMITS)]
    if attached:
        parts.append(_list("Attached:", [f"{a.name}: {a.words}" for a in attached]))
    return "\n\n".join(filter(None, parts)) + "\n"


def message(folder, patch, attach=DEFAULT_ATTACH, charts=True, subject=None, path=None):
    """A mail of git format-patch with the report in it and plots attached.

    In a cover letter the body takes the place of ``*** BLURB HERE ***``, or follows what was written there. In a patch
    it follows the ``---``, where `git am` does not read: the commit is the same.

    Parameters
    ----------
    folder : ReportFolder
    patch : bytes
        The mail, see harness.report.patch.read.
    attach : sequence of str
        Names of plots, such as bytes for plot_bytes.png.
    charts : bool
        With bar charts.
    subject : str, optional
        For a cover letter: what comes after the brackets.
    path : str, optional
        Of the mail, for errors.

    Returns
    -------
    Message

    Raises
    ------
    MeasureError
        It is no such mail, a subject is given for a patch or is not printable, a plot or a CSV is missing, or the
        message is not below LIMIT.
    """
    mail = patches.read(patch, path)
    notes = []
    if subject is not None:
        mail = mail.with_subject(subject)
    elif patches.SUBJECT.decode() in mail.header("Subject"):
        notes.append(f"the subject is still {patches.SUBJECT.decode()}: git send-email refuses it; --subject sets it")
    attached = [_attachment(folder, name) for name in dict.fromkeys(attach)]
    if attached and not mail.is_cover and not mail.author_in_text:
        notes.append("if someone other than its author sends the patch, the author is lost: git send-email writes the "
                     "From: line above all parts, where git am does not look; git format-patch --from puts it into the "
                     "text")
    mail = mail.with_words(body(folder, charts, attached))
    data = mail.message(attached)
    if _sent(data) >= LIMIT:
        raise MeasureError(_too_large(mail, attached), path)
    if _sent(data) >= NEAR * LIMIT:
        notes.append(f"the message has {_sent(data):,} bytes, close to the lists' limit of {LIMIT:,}, and servers add "
                     "headers on the way")
    if not attached and any(len(line) > patches.MAX_LINE_NBYTES for line in mail.text.split(b"\n")):
        notes.append(f"a line of the patch is longer than {patches.MAX_LINE_NBYTES} bytes: git send-email will encode "
                     "it")
    return Message(data, notes)


def _sent(data):
    """Bytes of a message as sent: without the 'From ' line of a file, and with CR LF."""
    if data.startswith(b"From "):
        data = data[data.index(b"\n") + 1 :]
    return len(data) + data.count(b"\n") - data.count(b"\r\n")


def _too_large(mail, attached):
    """What to say about a message that is too large: its parts, and what to leave out."""
    sizes = [_sent(a.part) for a in attached]
    parts = [f"text {_sent(mail.text):,}", *(f"{a.name} {n:,}" for a, n in zip(attached, sizes, strict=True))]
    found = _sent(mail.message(attached))
    said = f"expected less than {LIMIT:,} bytes as sent, found {found:,} ({', '.join(parts)})"
    indices = range(len(attached))
    fewest = ((n, sum(sizes[i] for i in out), out) for n in indices for out in itertools.combinations(indices, n + 1))
    for _, _, out in sorted(fewest):
        rest = _sent(mail.message([a for i, a in enumerate(attached) if i not in out]))
        if rest < LIMIT:
            names = " and ".join(attached[i].name for i in out)
            return f"{said}: without {names} it has {rest:,}"
    return f"{said}: too large {'even without plots' if attached else 'as it is'}"


def _attachment(folder, name):
    from harness.report.plots import PLOTS

    file = f"plot_{name}.png"
    there = [f for f in folder.about["files"] if f.startswith("plot_") and f.endswith(".png")]
    if file not in there:
        raise MeasureError(f"expected a plot of {', '.join(f[5:-4] for f in there)}, found {name!r}" if there else
                           "expected a report with plots, found none", folder.path)
    data = folder.file(file)
    if name not in PLOTS:
        raise MeasureError(f"expected a plot of {', '.join(PLOTS)}, found {name!r}", folder.path)
    if not data.startswith(PNG):
        raise MeasureError(f"expected a PNG image, found {data[:8]!r}", folder.path / file)
    return patches.Attachment(file, "image/png", ascii_text(PLOTS[name].finding(folder.frame(f"plot_{name}"))), data)


def _alarms(folder, invariants):
    """Warnings that come before everything else."""
    if not folder.about["ok"]:
        yield _filled(invariants if invariants.startswith("FAILED") else
                      "FAILED: an invariant does not hold, so no figure can be trusted.")
    if folder.recorded:
        yield _filled("Recorded: these figures were measured earlier on another machine.")


def _origin(folder):
    """The command, the kernel and the program."""
    about = folder.about
    kernel = about["provenance"]
    rows = [("kernel", about["kernel"]), *((key, kernel[key]) for key in PROVENANCE if kernel.get(key) is not None),
            ("program", f"btf-harness {about['program']}")]
    return "\n\n".join(["Made with:", _command(about["command"]), "\n".join(
        _wrapped(value, f"  {key.replace('_', ' '):<10}", 12) for key, value in rows)])


def _meanings(folder):
    """What the encodings and policies are."""
    known = set(enc.names())
    rows = [(name, enc.encoding(name).summary) for name in folder.about["encodings"] if name in known]
    rows += [(name, words.POLICIES[name]) for name in folder.about["policies"] if name in words.POLICIES]
    room = max((len(name) for name, _ in rows), default=0) + 4
    return "Encodings and policies:\n\n" + "\n".join(
        _wrapped(meaning, f"  {name}".ljust(room), room) for name, meaning in rows) if rows else ""


def _sizes(folder, charts):
    """Bytes, types and FUNCs by encoding."""
    frame = folder["encodings"]
    columns = [c for c in ("encoding", "bytes", "delta", "percent", "types", "FUNC", "extra FUNC") if c in frame]
    base = frame.encoding.iloc[0]
    yield _table("encodings", frame[columns], f"Size under policy {folder.about['policy']}; delta and percent are over "
                 f"{base}:")
    if charts and "plot_bytes" in folder:
        yield _bytes_chart(folder["plot_bytes"], frame)


def signs():
    """Character of each part of a file in the chart of bytes, dict in the order of the stack."""
    kinds = {kind: encoding.sign for kind, encoding in enc.touched_kinds().items()}
    return {"shared types": "#", "FUNC_PROTO": "p", **kinds, "strings": "s", "other": "o"}


def _bytes_chart(stack, frame):
    """Stacked bars of the parts of each file."""
    known = signs()
    present = [part for part in dict.fromkeys(stack.part) if part in known and stack.bytes[stack.part == part].any()]
    wide = stack.pivot(index="encoding", columns="part", values="bytes")[present]
    rows = []
    for i, row in enumerate(frame.itertuples()):
        text = f"{row.bytes:,}" if not i else f"{plain('delta', row.delta)} ({plain('percent', row.percent)})"
        rows.append((row.encoding, wide.loc[row.encoding].tolist(), text))
    chart = bar_chart(rows, WIDTH - len(INDENT), {part: known[part] for part in present})
    return "Bytes by part:\n\n" + _indented(chart)


def _policies(folder):
    """Growth by policy."""
    if "policies" in folder and len(folder.about["policies"]) > 1:
        columns = ["policy", "encoding", "bytes", "delta", "percent", "FUNC", "extra FUNC"]
        yield _table("policies", folder["policies"][columns], "Size by policy; delta and percent are over "
                     f"{BASELINE} of the same policy:")


def _attachable(folder, charts):
    """Functions that fentry could reach, and what each costs."""
    if "attachability" not in folder or "bytes_per_attachable" not in folder:
        return
    prices = folder["bytes_per_attachable"]
    prices = prices[prices.over == SAME_POLICY]
    columns = ["gained", "forgone", "growth", "bytes_per_gained"]
    if not prices.forgone.any():
        columns.remove("forgone")
    frame = folder["attachability"][["policy", "encoding", "attachable"]].merge(
        prices[["policy", "encoding", *columns]], how="left", on=["policy", "encoding"])
    frame = frame.astype({c: "Int64" for c in columns if c != "bytes_per_gained"})
    bound = " (at most: which of them have an ftrace call site is not known)" * no_call_sites(folder)
    yield _table("attachability", frame.rename(columns={"bytes_per_gained": "bytes each"}),
                 f"Addresses that fentry could attach to{bound} through a BTF id if the kernel read addresses in BTF; "
                 f"gained, growth and bytes each are over {BASELINE} of the same policy:")
    priced = prices[prices.gained > 0]
    if charts and len(priced):
        room = max(map(len, priced.policy))
        rows = [(f"{row.policy:<{room}}  {row.encoding}", row.bytes_per_gained, plain("bytes", row.bytes_per_gained))
                for row in priced.itertuples()]
        yield "Bytes per address gained:\n\n" + _indented(bar_chart(rows, WIDTH - len(INDENT)))


def _estimates(folder):
    """The thread's estimates with their verdicts and sources."""
    if "claims" in folder and len(folder["claims"]):
        frame = folder["claims"]
        mails = dict.fromkeys(c["message_id"] for c in read_claims() if c["id"] in set(frame.id))
        yield _table("claims", frame[["claim", "measured", "verdict"]],
                     "The thread's estimates, judged by the tolerances in data/claims.toml:")
        yield "Sources:\n\n" + "\n".join(f"{INDENT}<{ascii_text(mail)}>" for mail in mails) if mails else ""


def _table(name, frame, caption):
    return f"{_filled(caption)}\n\n{_indented(Table(name, frame).text(WIDTH - len(INDENT)))}"


def _indented(text):
    return textwrap.indent(text, INDENT)


def _filled(text):
    return "\n".join(words.wrapped(ascii_text(" ".join(text.split())), WIDTH))


def _list(head, sentences):
    return "\n".join([head, "", *(_wrapped(s, "- ", 2) for s in sentences)]) if sentences else ""


def _wrapped(text, begin, indent):
    """Text behind a begin, further lines indented."""
    return "\n".join(words.wrapped(ascii_text(" ".join(str(text).split())), WIDTH, begin, indent))


def _command(command):
    """A shell command on lines that are short enough, each continued by a backslash."""
    lines = [INDENT]
    for word in ascii_text(command).split():
        if lines[-1].strip() and len(lines[-1]) + len(word) + 3 > WIDTH:
            lines.append(INDENT * 2)
        lines[-1] += (" " if lines[-1].strip() else "") + word
        while len(lines[-1]) > WIDTH - 2:  # a word that is longer than a line goes on where the next one begins
            lines[-1:] = [lines[-1][: WIDTH - 2], lines[-1][WIDTH - 2 :]]
    ends = [" \\" if following.startswith(" ") else "\\" for following in lines[1:]]
    return "\n".join(line + end for line, end in zip(lines, [*ends, ""], strict=True))
