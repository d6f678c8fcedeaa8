"""A report goes into a mail that git makes of a patch, and the patch stays what it was."""

import email
import os
import re
import shutil
import subprocess
import textwrap
from email import policy
from pathlib import Path

import pytest

from harness import encodings as enc
from harness.errors import MeasureError
from harness.measure import COLUMNS, VERDICT_COLUMNS, read_claims
from harness.report import mail, words
from harness.report import patch as patches
from harness.report.plots import PLOTS
from tests.report import reports

WHO = "A U Thor <author@example.org>"
HEAD = f"""\
From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
From: {WHO}
Date: Fri, 2 Jan 2026 03:04:05 +0000
"""
COVER = (HEAD + """\
Subject: [PATCH bpf-next 0/2] *** SUBJECT HERE ***

*** BLURB HERE ***

A U Thor (2):
  one
  two

 a.txt | 2 ++
 1 file changed, 2 insertions(+)

base-commit: 91d5f588e32f409aac1315ae8ace706e779f6604
--\x20
2.39.5

""").encode()
DIFF = """\
diff --git a/a.txt b/a.txt
index 7898192..422c2b7 100644
--- a/a.txt
+++ b/a.txt
@@ -1 +1,2 @@
 a
+b
--\x20
2.39.5

"""
PATCH = (HEAD + """\
Subject: [PATCH bpf-next 1/2] one

Why.

Signed-off-by: A U Thor <author@example.org>
---
 a.txt | 1 +
 1 file changed, 1 insertion(+)

""" + DIFF).encode()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return reports.write(tmp_path_factory.mktemp("mail") / "report")


def parsed(data):
    return email.message_from_bytes(data, policy=policy.default)


def the_text(data):
    """The text of a message, bytes, decoded from its transfer encoding only."""
    message = email.message_from_bytes(data)
    part = message.get_payload(0) if message.is_multipart() else message
    return part.get_payload(decode=True)


# --- the body ---------------------------------------------------------------------------------------------------------

def test_body__is_ascii_of_72_columns_and_fits_a_cover_letter(report):
    text = mail.body(report)
    lines = text.split("\n")
    assert max(map(len, lines)) <= 72 and len(lines) < 230 and text.endswith(".\n")
    assert all(" " <= c <= "~" or c == "\n" for c in text) and not re.search(r"[ \t]$", text, re.M)
    assert "\n\n\n" not in text and not re.search(r"[`|]{2}|\*\*|^#|\\_", text, re.M)


def test_body__has_findings_verdict_classes_forms_command_and_limits(report):
    text = " ".join(mail.body(report).split())
    expected = ["Function addresses add 320 bytes", " ".join(words.QUESTION.split()),
                "Policy current: leaves out what consistent does", "Policy consistent: leaves out names",
                "Findings: - If the kernel read addresses: btf_func adds",
                "Each form over today's file, plain under policy current (940 bytes)",
                "decl_tag +1,135 +120.74 % +210 2 568 yes", "added bytes more than today's file",
                "Bytes added to today's file:", "inline_out_of_line 1 3 0", "The thread:",
                "plain BTF without addresses",
                "Made with: make report KERNEL=tiny", "package linux-image-tiny-dbg version 1.0-1 build id 00ff00ff",
                "machine EM_X86_64 program btf-harness 0.1.0", *words.LIMITS]
    places = [text.find(" ".join(part.split())) for part in expected]
    assert -1 not in places, expected[places.index(-1)]
    assert places == sorted(places)
    assert "WRONG" not in text and "true_twins" not in text and "all every instance" not in text


@pytest.mark.parametrize("width", range(14, 60))
def test_wrapped__keeps_a_percent_sign_with_its_number(width):
    text = "grows by 8.23 % (+44.1 %), then by 100 %, in all 5 % of it"
    lines = words.wrapped(text, width, "- ", 2)
    assert " ".join(line.strip() for line in lines) == f"- {text}" and max(map(len, lines)) <= width
    assert not any(line.strip().startswith("%") for line in lines)


def test_body__leaves_charts_out_on_request(report):
    assert "|ttttttttttttsssssssssss" in mail.body(report) and "|t" not in mail.body(report, charts=False)


def test_body__begins_with_what_must_be_known_first(tmp_path):
    broken = reports.frames()["invariants"].assign(holds=[True, False])
    failed = mail.body(reports.write(tmp_path / "a", reports.frames() | {"invariants": broken}, ok=False))
    assert failed.startswith("FAILED: 1 of 2 checks of the invariants does not hold (3 formula), so no\nfigure can")
    assert failed.count("FAILED") == 2
    assert mail.body(reports.write(tmp_path / "b", ok=False)).startswith("FAILED: an invariant does not hold")
    assert mail.body(reports.write(tmp_path / "c", recorded=True)).startswith("Recorded: these figures were measured")


def test_body__does_without_what_was_not_measured(tmp_path):
    frames = {name: frame for name, frame in reports.frames().items() if name == "verdict"}
    text = mail.body(reports.write(tmp_path / "a", frames, policies=["consistent"]))
    assert "Each form over today's file" in text and "estimate" not in text and "Limits:" in text
    only = {"verdict": frames["verdict"].head(1)}
    text = mail.body(reports.write(tmp_path / "b", only, policies=["consistent"], encodings=["plain"], provenance={}))
    assert "No form with addresses was made" in " ".join(text.split())
    with pytest.raises(MeasureError, match=r"expected a table verdict\.csv"):
        mail.body(reports.write(tmp_path / "c", {}))


def test_body__escapes_what_is_not_ascii_and_breaks_long_commands(tmp_path):
    command = f"btf-harness report {'/a/long/folder' * 9}/vmlinux -o reports/r --command xxxxxxxxxxxx"
    text = mail.body(reports.write(tmp_path / "r", kernel="h\u00e9\udce9", command=command,
                                   provenance={"package": "p" * 200, "version": "\u2026"}))
    assert text.isascii() and max(map(len, text.split("\n"))) <= 72 and r"h\xc3\xa9\xe9" in text
    lines = text.split("Made with:\n\n")[1].split("\n\n")[0]
    assert lines.replace("\\\n", "").split() == command.split() and lines.count("\\\n") >= 3
    assert "\n".join(textwrap.wrap("p" * 60, 60)) in text


def test_body__has_no_line_that_could_be_taken_for_a_part_of_a_patch(report):
    for line in mail.body(report).split("\n"):
        assert not re.match(r"diff |Index: |---|\+\+\+|@@|From |>|-- $|[A-Za-z-]+: \S+ <|[a-z-]+-by:", line), line


def tokens(text):
    """Words that have a digit, without the signs around them."""
    return {word for word in (w.strip("()[]<>;:,.%'\"=") for w in text.split()) if re.search(r"\d", word)}


def as_number(token):
    try:
        return float(token.replace(",", ""))
    except ValueError:
        return None


def unexplained(text, folder):
    """Words with digits that no cell of the report's CSVs has, nor the fixed words of the mail."""
    cells = [str(value) for name in folder.about["files"] if name.endswith(".csv") and name != "findings.csv"
             for column in folder[name[:-4]].to_dict("list").values() for value in column]
    heads = [column.replace("-", " -") for name in ("encodings",) for column in folder[name].columns]
    fixed = [words.QUESTION, *words.LIMITS, *words.POLICIES.values(), *heads, "btf-harness", folder.about["command"],
             folder.about["kernel"], folder.about["program"], *map(str, folder.about["provenance"].values()),
             *(enc.encoding(name).summary for name in enc.names()), *(COLUMNS[c].meaning for c in VERDICT_COLUMNS),
             "yes: what is there; no: refused; 2/3: so many versions", "Linux since 7.0",
             *(f"<{c['message_id']}>" for c in read_claims())]
    known = set().union(*map(tokens, [*cells, *fixed]))
    numbers = {as_number(c) for c in cells} | {as_number(token) for token in known}
    rounded = {f"{number / 1000:,.1f}" for number in numbers if number}
    text = re.sub(r"about (\S+) kB", lambda match: "" if match[1] in rounded else match[0], text)
    whole, tenths = ({f"{number:,.{places}f}" for number in numbers if number is not None} for places in (0, 1))
    text = re.sub(r"about ([0-9]+)(?=\s+bytes)", lambda match: "" if match[1] in whole else match[0], text)
    text = re.sub(r"([0-9.]+)\s+to(?=\s+[0-9.]+\s+%)", r"\1 %", text)
    text = re.sub(r"[+]?([0-9.,]+)\s+%", lambda match: "" if match[1] in tenths else match[0], text)
    each = r"([0-9]+)(?=\s+(yes|no)\n)"
    text = re.sub(each, lambda match: "" if match[1] in whole else match[0], text)
    return {token for token in tokens(text) if token not in known and as_number(token) not in numbers - {None}}


def test_body__every_number_is_in_a_csv(report):
    assert unexplained(mail.body(report), report) == set()
    assert unexplained("12,345 of 1,000 (+107.51 %), about 1.2 kB", report) == {"12,345", "+107.51", "1.2"}


# --- the message, without git -----------------------------------------------------------------------------------------

def test_message__puts_the_body_where_the_blurb_was(report):
    made = mail.message(report, COVER, attach=())
    body = mail.body(report).encode()
    assert made.data == COVER.replace(b"*** BLURB HERE ***\n", body)
    assert made.notes == ["the subject is still *** SUBJECT HERE ***: git send-email refuses it; --subject sets it"]


def test_message__follows_what_was_written_into_a_cover_letter(report):
    written = COVER.replace(b"*** BLURB HERE ***", b"My own words (2):\n\n  and code").replace(
        b"*** SUBJECT HERE ***", b"mine")
    body = mail.body(report).encode()
    assert mail.message(report, written, ()).data == written.replace(b"A U Thor (2):", body + b"\nA U Thor (2):")
    bare = written[: written.index(b"A U Thor (2)")] + b"-- \n2.39.5\n"
    assert mail.message(report, bare, ()).data == bare.replace(b"-- \n", body + b"\n-- \n").replace(
        b"code\n\n\n", b"code\n\n")
    assert mail.message(report, written, ()).notes == []


def test_message__takes_a_cover_letter_with_a_diff_to_the_version_before(report):
    cover = COVER.replace(b"-- \n2.39.5", b"Interdiff against v1:\n" + DIFF.encode().rstrip())
    assert mail.message(report, cover, ()).data == cover.replace(b"*** BLURB HERE ***\n", mail.body(report).encode())


@pytest.mark.parametrize(("below", "before"), [
    (b"A (1):\n  x\n\n a | 2 +\n 1 file changed\n create mode 1 a\n\nRange-diff against v1:\n1:  a = 1:  b\n-- \n2\n",
     b"A (1):"),
    (b" a | 2 +\n 1 file changed\n\n\nbase-commit: 0\n-- \n2\n", b" a |"),
    (b"base-commit: 0\n-- \n2\n", b"base-commit"),
    (b"\xc3\xa9 (12):\n  x y\n    z\n\nB (1):\n  x\n\n a => b | Bin 0 -> 3 bytes\n 1 file changed\n", b"\xc3\xa9 (12)"),
    (b"-- \n2\n", b"-- \n"),
    (b"--\nmine\n", b"--\n"),
])
def test_message__comes_before_the_list_of_patches(report, below, before):
    head = HEAD.encode() + b"Subject: [PATCH v2 00/12] x\n\nwords\n\n"
    made = mail.message(report, head + below, ())
    body = mail.body(report).encode()
    assert made.data == head + below[: below.index(before)] + body + b"\n" + below[below.index(before) :]


def test_message__puts_the_body_below_the_dashes_of_a_patch(report):
    made = mail.message(report, PATCH, ())
    assert made.data == PATCH.replace(b"---\n a.txt", b"---\n" + mail.body(report).encode() + b"\n a.txt", 1)
    assert made.notes == []


@pytest.mark.parametrize("eol", [b"\n", b"\r\n"])
@pytest.mark.parametrize("patch", [COVER, PATCH])
def test_message__keeps_headers_and_patch_and_attaches_plots(report, patch, eol):
    extra = b"To: list@example.org\nCc: =?UTF-8?q?J=C3=BCrgen?= <j@example.org>,\n\tk@example.org\n"
    extra += b"Message-ID: <x@y>\nIn-Reply-To: <z@y>\nX-Own: kept\n"
    patch = patch.replace(b"Subject: ", extra + b"Subject: ").replace(b"\n", eol)
    made = mail.message(report, patch).data
    message = email.message_from_bytes(made)
    original = email.message_from_bytes(patch)
    mime = ["MIME-Version", "Content-Type", "Content-Transfer-Encoding"]
    assert [f for f in message.items() if f[0] not in mime] == original.items()
    assert made.startswith(patch[: patch.index(eol * 2)]) and made.count(b"\r") in (0, made.count(b"\n"))
    text, *plots = message.get_payload()
    assert text.get_content_type() == "text/plain" and text["Content-Transfer-Encoding"] == "7bit"
    attached = [patches.Attachment(f"plot_{name}.png", "", PLOTS[name].finding(report[f"plot_{name}"]), b"")
                for name in mail.DEFAULT_ATTACH]
    body = mail.body(report, attached=attached).encode()
    expected = patch.replace(b"\r\n", b"\n").split(b"\n\n", 1)[1]
    expected = expected.replace(b"*** BLURB HERE ***\n", body).replace(b"---\n a.txt", b"---\n" + body + b"\n a.txt", 1)
    assert text.get_payload(decode=True) == expected.replace(b"\n", eol)
    assert [(p.get_content_type(), p.get_filename(), p.get_payload(decode=True)) for p in plots] == [
        ("image/png", f"plot_{name}.png", report.file(f"plot_{name}.png")) for name in ("cost", "ambiguous")]
    assert [" ".join(p["Content-Description"].split()) for p in plots] == [a.words for a in attached]


def test_message__is_the_same_each_time_and_parsed_without_defects(report):
    one, two = (mail.message(report, PATCH).data for _ in range(2))
    assert one == two
    message = parsed(one[one.index(b"\n") + 1 :])
    assert not [d for part in message.walk() for d in part.defects]
    assert {len(line) <= 998 for line in one.split(b"\n")} == {True}
    other = mail.message(report, PATCH.replace(b"Why.", b"Because."))
    assert other.data.split(b"boundary=")[1][:60] != one.split(b"boundary=")[1][:60]


def test_message__takes_any_header_charset_and_declares_one_where_it_knows_it(report):
    mime = b"MIME-Version: 1.0\nContent-Type: text/plain; charset=ISO-8859-1\nContent-Transfer-Encoding: 8bit\n\n"
    latin = PATCH.replace(b"\n\nWhy", b"\n" + mime + b"Why\xe9", 1)
    utf8 = PATCH.replace(b"+b", b"+b\xc3\xa9")
    unknown = PATCH.replace(b"+b", b"+b\xe9")
    for patch, charset in ((latin, "iso-8859-1"), (utf8, "utf-8"), (unknown, None), (PATCH, None)):
        made = mail.message(report, patch).data
        message = email.message_from_bytes(made)
        assert message.get_payload(0).get_content_charset() == charset
        ways = {m["Content-Transfer-Encoding"] for m in (message, message.get_payload(0))}
        assert ways == ({"7bit"} if patch is PATCH else {"8bit"})
        assert made.count(b"charset=") == (charset is not None) and patch[patch.index(b"diff --git") :] in made


@pytest.mark.parametrize("line", [b"+" + b"x" * 999, b"+dos\r", b"+\0", b"+" + b"\xc3\xa9" * 500, b"+a\rb", b"+x=\t "])
def test_message__is_quoted_printable_only_where_mail_would_spoil_the_patch(report, line):
    patch = PATCH.replace(b"+b\n", line + b"\n")
    made = mail.message(report, patch).data
    text = email.message_from_bytes(made).get_payload(0)
    assert text["Content-Transfer-Encoding"] == ("7bit" if line == b"+x=\t " else "quoted-printable")
    assert text.get_payload(decode=True).endswith(patch[patch.index(b" a.txt |") :])
    assert b"\r" not in made and max(map(len, made.split(b"\n"))) <= 998
    alone = mail.message(report, patch, attach=())
    assert alone.data.endswith(patch[patch.index(b" a.txt |") :])
    assert len(alone.notes) == (len(line) > 998)


def test_message__sets_the_subject_of_a_cover_letter(report):
    def subject(text, patch=COVER):
        made = mail.message(report, patch, (), subject=text)
        assert made.notes == []
        return made.data, parsed(made.data[made.data.index(b"\n") + 1 :])["Subject"]

    assert subject("what addresses cost")[1] == "[PATCH bpf-next 0/2] what addresses cost"
    long = "a subject that is so long that its header has to be folded somewhere, since lines have an end"
    data, said = subject(long)
    assert said == f"[PATCH bpf-next 0/2] {long}" and max(map(len, data.split(b"\n")[:9])) <= 76
    data, said = subject("gr\u00f6\u00dfer")
    assert said == "[PATCH bpf-next 0/2] gr\u00f6\u00dfer" and b"Subject: [PATCH bpf-next 0/2] =?utf-8?" in data
    assert subject("x", COVER.replace(b"*** SUBJECT HERE ***", b"old =?UTF-8?q?=C3=BC?=\n more"))[1].endswith("2] x")
    for wrong in ("", " ", "two\nlines", "\x00"):
        with pytest.raises(MeasureError, match="expected a subject of printable characters"):
            mail.message(report, COVER, (), subject=wrong)
    with pytest.raises(MeasureError, match="expected a cover letter for a new subject, found a patch"):
        mail.message(report, PATCH, (), subject="x")


def test_message__warns_that_another_sender_loses_the_author(report):
    assert "git format-patch --from" in mail.message(report, PATCH).notes[0]
    inside = PATCH.replace(b"\n\nWhy", b"\n\nFrom: Other <o@example.org>\n\nWhy", 1)
    assert mail.message(report, inside).notes == [] == mail.message(report, COVER, subject="x").notes


@pytest.mark.parametrize(("data", "found"), [
    (b"", "no empty line between header and text"),
    (b"diff --git a/a b/a\n\n", "'diff --git a/a b/a' in the header"),
    (b"# notes\n\nfree text\n", "'# notes' in the header"),
    (b"\x89PNG\r\n\x1a\n\0\0\n\n", "CR LF and some in LF"),
    (PATCH.replace(b"Date: ", b"X-Date: "), "no Date in the header"),
    (PATCH.replace(b"Subject: ", b"X-Subject: "), "no Subject in the header"),
    (PATCH[: PATCH.index(b"diff")], "neither a patch nor a cover letter"),
    (PATCH.replace(b"\n\n", b"\nContent-Type: multipart/mixed; boundary=x\n\n", 1), "multipart/mixed: write it without "
                                                                                 "--attach"),
    (PATCH.replace(b"\n\n", b"\nContent-Transfer-Encoding: base64\n\n", 1), "Content-Transfer-Encoding base64"),
    (PATCH + PATCH, "2: split them"),
    (PATCH.replace(b"\n", b"\r\n", 3), "CR LF and some in LF"),
])
def test_message__refuses_what_is_no_mail_of_format_patch(report, data, found):
    with pytest.raises(MeasureError) as error:
        mail.message(report, data, path="x.patch")
    assert str(error.value).startswith("x.patch: expected one mail of git format-patch, found ") and found in str(
        error.value)


def test_message__refuses_plots_that_are_not_there(tmp_path, report):
    with pytest.raises(MeasureError, match="expected a plot of ambiguous, cost, found 'nope'"):
        mail.message(report, PATCH, attach=("cost", "nope"))
    bare = reports.write(tmp_path / "bare", plots=())
    with pytest.raises(MeasureError, match="expected a report with plots, found none"):
        mail.message(bare, PATCH)
    assert mail.message(bare, PATCH, ()).data
    (bare.path / "plot_cost.png").write_bytes(b"<svg/>")
    bare.about["files"].append("plot_cost.png")
    with pytest.raises(MeasureError, match=r"plot_cost\.png: expected a PNG image, found b'<svg/>'"):
        mail.message(bare, PATCH, ("cost",))


def test_message__says_what_to_leave_out_of_one_that_is_too_large(tmp_path):
    sizes = (("cost", 30_000), ("ambiguous", 50_000), ("funnel", 20_000))
    folder = reports.write(tmp_path / "r", plots=sizes)
    with pytest.raises(MeasureError, match=(
            r"^p: expected less than 100,000 bytes as sent, found 1[0-9]{2},[0-9]{3} \(text 1?[0-9],[0-9]{3}, "
            r"plot_cost\.png 4[0-9],[0-9]{3}, plot_ambiguous\.png .*\): without plot_ambiguous\.png it has "
            r"[78].,...$")):
        mail.message(folder, PATCH, ("cost", "ambiguous", "funnel"), path="p")
    assert mail.message(folder, PATCH, ("cost", "funnel")).data
    large = PATCH.replace(b"+b\n", b"+" + b"b\n+" * 20_000 + b"\n")
    with pytest.raises(MeasureError, match="without plot_cost.png and plot_funnel.png it has"):
        mail.message(folder, large, ("cost", "funnel"))
    huge = PATCH.replace(b"+b\n", b"+" + b"b\n+" * 40_000 + b"\n")
    with pytest.raises(MeasureError, match="too large even without plots$"):
        mail.message(folder, huge, ("cost", "funnel"))
    with pytest.raises(MeasureError, match=r"found 1[0-9]{2},[0-9]{3} \(text [0-9,]+\): too large as it is$"):
        mail.message(folder, huge, ())


def test_message__counts_bytes_as_they_are_sent(report):
    size = len(mail.message(report, PATCH, ()).data)
    lines = PATCH.count(b"\n") - 1 + mail.body(report).count("\n") + 1
    room = mail.LIMIT - size - lines + len(HEAD.split("\n")[0]) + 1  # the From line is not sent

    def padded(nbytes):
        return PATCH.replace(b"+b\n", b"+b" + b"x" * nbytes + b"\n")

    assert "close to the lists' limit of 100,000" in mail.message(report, padded(room - 1), ()).notes[0]
    with pytest.raises(MeasureError, match="found 100,000"):
        mail.message(report, padded(room), ())


# --- with git ---------------------------------------------------------------------------------------------------------

GIT = shutil.which("git")
EXEC_PATH = subprocess.run([GIT, "--exec-path"], capture_output=True, text=True).stdout.strip() if GIT else ""
needs_git = pytest.mark.skipif(GIT is None, reason="git is not installed: git am was NOT tried")
needs_send_email = pytest.mark.skipif(not Path(EXEC_PATH, "git-send-email").is_file(),
                                      reason="git send-email is not installed: it was NOT tried")


class Repository:
    """A git repository with one commit."""

    def __init__(self, path):
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        (path / "a.txt").write_bytes(b"a\n" * 20)
        (path / "dos.txt").write_bytes(b"one\r\ntwo\r\n")
        self.commit("base")

    def git(self, *arguments, **options):
        done = subprocess.run([GIT, *map(str, arguments)], cwd=self.path, capture_output=True, **options, env={
            **os.environ, "HOME": str(self.path.parent), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "J\u00fcrgen Gro\u00df", "GIT_AUTHOR_EMAIL": "j@example.org", "LC_ALL": "C.UTF-8",
            "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
            "GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@example.org"})
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def commit(self, message):
        self.git("add", "-A")
        self.git("commit", "-q", "--cleanup=verbatim", "-F", "-", input=message.encode())

    def log(self, *arguments):
        """Tree, author, date and message of commits, newest first."""
        return self.git("log", "--format=%T%n%an <%ae> %ad%n%B", *arguments)

    def clone(self, path):
        other = object.__new__(Repository)
        other.path = path
        self.git("clone", "-q", self.path, path)
        return other


COMMITS = {
    "plain": ("one: plain\n\nWhy.\n\nSigned-off-by: A <a@example.org>\n", lambda p: append(p, b"b\n")),
    "utf8": ("two: \u00dcmlaut \u2026\n\nGr\u00f6\u00dfe.\n", lambda p: append(p, b"\xc3\xa9\n")),
    "dashes": ("three: dashes\n\nabove\n---\nbelow, which git am drops\n\nFrom here on.\n-- \nnot a signature\n",
               lambda p: append(p, b"--- x\n+++ y\n@@ -1 +1 @@\n-- \n---\nFrom a@b Mon Sep 17 00:00:00 2001\n")),
    "space": ("four: space\n", lambda p: append(p, b"trailing \t\n\n \n\x0c\n")),
    "latin": ("five: latin\n", lambda p: append(p, b"\xe9\n")),
    "dos": ("six: dos\n", lambda p: (p / "dos.txt").write_bytes(b"one\r\n2\r\nthree\r\n")),
    "long": ("seven: long\n\nFrom now on.\n", lambda p: append(p, b"x" * 3000 + b" \n=3D\n")),
    "binary": ("eight: binary\n", lambda p: (p / "b.bin").write_bytes(bytes(range(256)))),
    "mode": ("nine: mode\n", lambda p: (p / "a.txt").chmod(0o755)),
    "last": ("ten: no newline at the end\n", lambda p: append(p, b"end")),
}


def append(path, data):
    with open(path / "a.txt", "ab") as file:
        file.write(data)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """A repository with COMMITS, a clone to apply mails in, and the mails of git format-patch by name."""
    path = tmp_path_factory.mktemp("git")
    repository = Repository(path / "source")
    mails = {}
    for name, (message, change) in COMMITS.items():
        change(repository.path)
        repository.commit(message)
        mails[name] = repository.git("format-patch", "-1", "--stdout")
    out = repository.git("format-patch", "-q", "--cover-letter", f"-{len(COMMITS)}", "-o", path / "out")
    assert out == b""
    mails["cover"] = next((path / "out").glob("0000-*")).read_bytes()
    return repository, repository.clone(path / "clone"), mails


def applied(series, name, data, *options):
    """What git am makes of a mail on top of the commits before it: tree, author, date and message."""
    clone = series[1]
    shutil.rmtree(clone.path / ".git" / "rebase-apply", ignore_errors=True)
    clone.git("checkout", "-q", "-f", "--detach", f"main~{len(COMMITS) - list(COMMITS).index(name)}")
    clone.git("am", "-q", *options, input=data)
    return clone.log("-1")


@pytest.mark.long
@needs_git
@pytest.mark.parametrize("name", COMMITS)
def test_message__git_am_makes_the_same_commit_of_it(series, report, name):
    data = series[2][name]
    without = applied(series, name, data, "--keep-cr")
    for attach in ((), mail.DEFAULT_ATTACH):
        made = mail.message(report, data, attach).data
        assert applied(series, name, made, "--keep-cr") == without
    assert b"\nContent-Type: image/png" in made
    way = email.message_from_bytes(made).get_payload(0)["Content-Transfer-Encoding"]
    expected = {"plain": "7bit", "utf8": "8bit", "latin": "8bit", "dos": "quoted-printable", "long": "quoted-printable"}
    assert way == expected.get(name, way)


@needs_git
def test_message__of_a_patch_with_cr_lf_applies_even_without_keep_cr(series, report):
    made = mail.message(report, series[2]["dos"]).data
    assert applied(series, "dos", made) == applied(series, "dos", series[2]["dos"], "--keep-cr")


@needs_git
@pytest.mark.parametrize("options", [("-p",), ("--no-stat", "--no-signature"), ("--from=S <s@example.org>",),
                                     ("--interdiff=HEAD~1",), ("--signature=two\nlines",), ("--base=HEAD~9",),
                                     ("--in-reply-to=<x@y>", "--to=l@example.org", "--thread")])
def test_message__goes_into_whatever_format_patch_writes(series, report, options):
    data = series[0].git("format-patch", "-1", "--stdout", *options, "HEAD~8")
    assert mail.body(report).encode().rstrip() in mail.message(report, data, ()).data
    assert applied(series, "utf8", data) == applied(series, "utf8", mail.message(report, data).data)


@pytest.mark.long
@needs_git
def test_message__git_am_applies_a_series_from_one_file(series, report, tmp_path):
    repository, clone, mails = series
    logs = []
    for change in (lambda data: data, lambda data: mail.message(report, data).data):
        (tmp_path / "mbox").write_bytes(b"".join(change(mails[name]) for name in COMMITS))
        clone.git("checkout", "-q", "-f", "--detach", f"main~{len(COMMITS)}")
        clone.git("am", "-q", "--keep-cr", tmp_path / "mbox")
        logs.append(clone.log())
    assert logs[0] == logs[1] and logs[0].count(b"J\xc3\xbcrgen Gro\xc3\x9f <j@example.org>") == len(COMMITS) + 1
    assert logs[0].split(b"\n")[0] == repository.log("-1").split(b"\n")[0]


def sent_on(repository, path, data, sender):
    """What git send-email hands to the mail server, after a dry run: the server is a script that keeps it."""
    (path / "out.eml").write_bytes(data)
    server = path / "server"
    server.write_text(f'#!/bin/sh\nexec cat > "{path}/sent"\n')
    server.chmod(0o755)
    arguments = ("--to=list@example.org", f"--from={sender}", "--confirm=never", "--suppress-cc=all",
                 f"--smtp-server={server}", path / "out.eml")
    assert b"Result: OK" in repository.git("send-email", "--dry-run", *arguments, stdin=subprocess.DEVNULL)
    assert not (path / "sent").exists()
    repository.git("send-email", *arguments, stdin=subprocess.DEVNULL)
    return (path / "sent").read_bytes()


@pytest.mark.long
@needs_git
@needs_send_email
@pytest.mark.parametrize("name", ["cover", "plain", "utf8", "dashes", "latin", "dos", "long"])
def test_message__git_send_email_takes_it_and_hands_it_on_whole(series, report, tmp_path, name):
    data = series[2][name]
    made = mail.message(report, data, subject="what addresses cost" if name == "cover" else None)
    sent = sent_on(series[0], tmp_path, made.data, "J\u00fcrgen Gro\u00df <j@example.org>")
    assert the_text(sent) == the_text(made.data)
    assert [p.get_payload(decode=True) for p in email.message_from_bytes(sent).get_payload()[1:]] == [
        report.file(f"plot_{plot}.png") for plot in mail.DEFAULT_ATTACH]
    if name != "cover":
        # the date is that of sending
        lines, expected = (applied(series, name, d, "--keep-cr").split(b"\n") for d in (sent, data))
        assert lines[0] == expected[0] and lines[2:] == expected[2:]
        assert lines[1].split(b">")[0] == expected[1].split(b">")[0]


@pytest.mark.long
@needs_git
@needs_send_email
@pytest.mark.parametrize(("options", "author"), [
    ((), b"S <s@example.org>"), (("--from=S <s@example.org>",), b"J\xc3\xbcrgen Gro\xc3\x9f <j@example.org>")])
def test_message__warns_that_git_send_email_from_another_loses_the_author(series, report, tmp_path, options, author):
    data = series[0].git("format-patch", "-1", "--stdout", *options, "HEAD~8")
    made = mail.message(report, data)
    assert bool(made.notes) == (options == ())
    sent = sent_on(series[0], tmp_path, made.data, "S <s@example.org>")
    assert applied(series, "utf8", sent).split(b"\n")[1].startswith(author)


@pytest.mark.long
@needs_git
@needs_send_email
def test_message__warns_of_the_subject_because_git_send_email_refuses_it(series, report, tmp_path):
    made = mail.message(report, series[2]["cover"])
    (tmp_path / "out.eml").write_bytes(made.data)
    with pytest.raises(AssertionError, match="SUBJECT HERE"):
        series[0].git("send-email", "--dry-run", "--to=l@example.org", "--from=j@example.org", "--confirm=never",
                      tmp_path / "out.eml", stdin=subprocess.DEVNULL)
    assert made.notes and "*** SUBJECT HERE ***" in made.notes[0]
