"""A report for a mailing list: the body of a cover letter, and a whole mail made of a patch, the body and plots.

ASCII, no line longer than 72 characters, so that it can be quoted. Nothing is sent and no date is added: git
send-email does that.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from typing import NamedTuple

from harness import encodings as enc
from harness.errors import MeasureError
from harness.measure import BASELINE, CAUSES, COLUMNS, read_claims
from harness.report import patch as patches
from harness.report import words
from harness.report.charts import bar_chart
from harness.report.findings import findings, headline
from harness.report.frames import files_opened
from harness.report.tables import WIDTH, Table, plain, says_nothing
from harness.text.plain import ascii_text

INDENT = "  "
"""Before tables and charts, so that none of their lines can be taken for a part of a patch."""

DEFAULT_ATTACH = ("cost", "ambiguous")
"""Plots attached by default."""

LIMIT = 100_000
"""The kernel's lists take mails smaller than this, in bytes as sent: with CR LF at line ends."""

NEAR = 0.95
"""Share of LIMIT above which the headers that servers add might be too much."""

CHART = "plot_cost.png"
"""The plot that the bar chart stands for where it is not attached."""

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
        With a bar chart, unless the plot of it is attached.
    attached : sequence of Attachment
        Plots that the body announces.

    Returns
    -------
    str
        ASCII, no line longer than WIDTH, a newline at its end.

    Raises
    ------
    MeasureError
        The report has no verdict.csv, or one of its CSVs cannot be read.
    """
    said = dict(findings(folder, folder.about))
    parts = [
        *_alarms(folder, said.get("invariants", "")), _filled(headline(folder, folder.about)),
        _filled(words.QUESTION), *_choices(folder), _list("Findings:", list(said.values())), *_verdict(folder),
        *_chart(folder, charts and CHART not in [a.name for a in attached]), *_ambiguity(folder), *_sources(folder),
        _meanings(folder), _origin(folder), _list("Limits:", words.LIMITS)]
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
        Names of plots, such as cost for plot_cost.png.
    charts : bool
        With a bar chart.
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
    """What the forms are."""
    known = set(enc.names())
    rows = [(name, enc.encoding(name).summary) for name in folder.about["encodings"] if name in known]
    room = max((len(name) for name, _ in rows), default=0) + 4
    return "Forms:\n\n" + "\n".join(
        _wrapped(meaning, f"  {name}".ljust(room), room) for name, meaning in rows) if rows else ""


VERDICT = {
    "added": "added", "added_percent": "percent", "zstd_added": "zstd added", "newly_attachable": "new",
    "bytes_each": "bytes each", "loads": "loads", "ambiguous_id": "unsure", "libbpf": "libbpf",
    "skippable": "skippable", "kaslr": "KASLR", "modules": "modules", "exposes": "exposes", "dedup": "dedup",
    "after_dedup": "new after", "name_sort": "sorted", "misread_by": "misread by",
}
"""Columns of the verdict in a mail, and what they are called there, where there are 72 columns."""


def _verdict(folder):
    """What each form costs and buys, who takes it, and what each column is."""
    frame = folder["verdict"]
    columns = [c for c in VERDICT if c in frame and not says_nothing(frame[c])]
    today = frame.iloc[0]
    names = [f"{row.encoding}, {row.policy}" if row.encoding == BASELINE else row.encoding
             for row in frame.itertuples()]
    shown = frame[columns].rename(columns=VERDICT)
    shown.insert(0, "form", names)
    yield _table("verdict", shown, f"Each form over today's file, {BASELINE} under policy {today.policy} "
                 f"({today.bytes:,} bytes); forms follow policy {folder.about['policy']}:")
    yield "\n".join(_wrapped(_meaning(c), f"{INDENT}{VERDICT[c]}".ljust(14), 14) for c in columns)
    if "matrix" in folder:
        yield _filled(" ".join(files_opened(folder["matrix"])).replace("`", ""))


def _meaning(column):
    """What a column is, with other columns called as in the mail."""
    said = COLUMNS[column].meaning
    for name, head in VERDICT.items():
        if "_" in name or head.isupper():
            said = re.sub(rf"\b{name}\b", head, said)
    return said


def _choices(folder):
    """Which functions the files have."""
    policies = dict.fromkeys([folder["verdict"].policy.iloc[0], folder.about["policy"]])
    said = [f"Policy {name}: {words.POLICIES[name]}." for name in policies if name in words.POLICIES]
    yield _filled(" ".join(said)) if said else ""


PARTS = {"type_bytes": "t", "string_bytes": "s", "section_bytes": "o"}
"""Columns of plot_cost.csv that are stacked, and the sign of each."""


def _chart(folder, charts):
    """Bars of what each form adds."""
    if charts and "plot_cost" in folder and len(folder["plot_cost"]):
        frame = folder["plot_cost"]
        rows = [(row.encoding, [max(0, getattr(row, part)) for part in PARTS],
                 f"{sum(getattr(row, part) for part in PARTS):+,} ({plain('added_percent', row.added_percent)})")
                for row in frame.itertuples()]
        words = {"type_bytes": "types", "string_bytes": "strings", "section_bytes": "sections of its own"}
        chart = bar_chart(rows, WIDTH - len(INDENT), {words[part]: sign for part, sign in PARTS.items()})
        yield "Bytes added to today's file:\n\n" + _indented(chart)


def _ambiguity(folder):
    """Why names are ambiguous, and whether ftrace has a site there."""
    if "ambiguity" in folder:
        frame = folder["ambiguity"]
        frame = frame[frame.names > 0][["class", "names", "addresses", "ftrace_addresses"]]
        yield _table("ambiguity", frame.rename(columns={"ftrace_addresses": "with ftrace site"}),
                     "Names with several addresses, by the first cause that applies:")
        yield "\n".join(_wrapped(cause.meaning, f"{INDENT}{cause.name}".ljust(22), 22) for cause in CAUSES
                        if cause.name in set(frame["class"]))


def _sources(folder):
    """The mails that what is said of the thread stands in."""
    if "claims" in folder and len(folder["claims"]):
        mails = dict.fromkeys(c["message_id"] for c in read_claims() if c["id"] in set(folder["claims"].id))
        yield "The thread:\n\n" + "\n".join(f"{INDENT}<{ascii_text(mail)}>" for mail in mails) if mails else ""


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
