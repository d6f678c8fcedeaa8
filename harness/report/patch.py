"""A mail from git format-patch: read, filled with text where git leaves room for it, and given attachments.

What git wrote is kept byte for byte: headers, the patch, the signature. Words go where `git am` does not read them: in
a cover letter, which it does not apply, or below the ``---`` that ends the commit message (mailinfo.c, patchbreak()).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import textwrap
from dataclasses import dataclass, replace
from email.header import Header
from email.parser import BytesHeaderParser
from typing import NamedTuple

from harness.errors import MeasureError

FROM_LINE = re.compile(rb"^From \S+ +\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}$", re.M)
"""The start of each mail in a file of several; git format-patch writes the commit and always the same date."""

FIELD = re.compile(rb"[!-9;-~]+:")
BLURB, SUBJECT = b"*** BLURB HERE ***", b"*** SUBJECT HERE ***"
PREFIX = re.compile(r"(\[[^\]]*\] *)*")
COVER = re.compile(r"\[[^\]]*\b0+/\d+[^\]]*\]")
MIME = (b"mime-version", b"content-type", b"content-transfer-encoding")

DIFF = re.compile(rb"diff --git |diff --cc |diff --combined ")
SIGNATURE = re.compile(rb"-- ?$")
SHORTLOG = re.compile(rb"\S.* \(\d+\):$")
STAT, STAT_SUM = re.compile(rb" .* \| "), re.compile(rb" \d+ files? changed")

MAX_LINE_NBYTES = 998
"""Longest line that SMTP accepts, in bytes without its end (RFC 5322 section 2.1.1); git send-email refuses more."""


class Attachment(NamedTuple):
    """A file to attach.

    Attributes
    ----------
    name : str
        File name, ASCII.
    kind : str
        Such as image/png.
    words : str
        What it shows, for those who cannot see it; ASCII.
    data : bytes
    """

    name: str
    kind: str
    words: str
    data: bytes

    @property
    def part(self):
        """The part of the message, bytes: headers and base64."""
        described = textwrap.wrap(f"Content-Description: {self.words}", 76, break_on_hyphens=False)
        head = [f'Content-Type: {self.kind}; name="{self.name}"', "Content-Transfer-Encoding: base64",
                f'Content-Disposition: attachment; filename="{self.name}"', "\n ".join(described)]
        return "\n".join([*head, "", ""]).encode() + base64.encodebytes(self.data)


@dataclass(frozen=True)
class Patch:
    """A mail of git format-patch; see `read`.

    Attributes
    ----------
    begin : bytes
        The line ``From <commit> ...`` that separates mails in a file, with its end, or empty.
    fields : list of bytes
        Header fields as they are, those of several lines with the line ends between.
    text : bytes
        All below the header, lines ended by one '\\n'.
    crlf : bool
        Whether the lines of the file, all of them, end in CR LF.
    path : str or None
        For errors.
    """

    begin: bytes
    fields: list
    text: bytes
    crlf: bool
    path: str | None

    def header(self, name):
        """The value of a header field as it is in the file, unfolded, or ''."""
        return next((" ".join(value.split()) for key, value in map(_split, self.fields) if key == name.lower()), "")

    @property
    def is_cover(self):
        """Whether it is a cover letter: number 0, or with the place for a blurb and without a patch."""
        return bool(COVER.search(self.header("Subject"))) or (BLURB in self.text.split(b"\n") and not self.has_diff)

    @property
    def has_diff(self):
        """Whether there is a diff, which in a cover letter may be one to an older version."""
        return any(map(DIFF.match, self.text.split(b"\n")))

    @property
    def author_in_text(self):
        """Whether the text begins with the author's ``From:`` line."""
        return self.text.startswith(b"From: ")

    def with_subject(self, subject):
        """The Patch with the text of the subject replaced; what is in brackets before it is kept.

        Raises
        ------
        MeasureError
            It is no cover letter (a patch's subject is the commit's), or `subject` is blank or not printable.
        """
        if not self.is_cover:
            raise MeasureError("expected a cover letter for a new subject, found a patch, whose subject is the "
                               "commit's", self.path)
        if not subject.strip() or not subject.isprintable():
            raise MeasureError(f"expected a subject of printable characters, found {subject!r}", self.path)
        header = Header(maxlinelen=76, header_name="Subject")
        prefix = PREFIX.match(self.header("Subject"))[0].strip()
        if prefix:
            header.append(prefix, "us-ascii")
        header.append(subject.strip(), "us-ascii" if subject.isascii() else "utf-8")
        field = b"Subject: " + header.encode().encode()
        return replace(self, fields=[field if _split(f)[0] == "subject" else f for f in self.fields])

    def with_words(self, words):
        """The Patch with words in its text.

        In a cover letter they take the place of ``*** BLURB HERE ***``; if that was replaced already, they follow what
        was written, before the list of patches. In a patch they follow the ``---``.

        Parameters
        ----------
        words : str
            ASCII, ending in a newline.
        """
        lines = self.text.split(b"\n")
        words = words.encode("ascii").rstrip(b"\n").split(b"\n")
        if not self.is_cover:
            at, dashed = _below_message(lines)
            lines[at:at] = [*([] if dashed else [b"---"]), *words, b""]
        elif BLURB in lines:
            at = lines.index(BLURB)
            lines[at : at + 1] = words
        else:
            at = _above_shortlog(lines)
            before = [b""] if at and lines[at - 1] else []
            lines[at:at] = [*before, *words, b""]
        return replace(self, text=b"\n".join(lines))

    def message(self, attachments=()):
        """The mail as a file, bytes: with attachments as multipart/mixed, the text first, else with its single part.

        Parameters
        ----------
        attachments : sequence of Attachment

        Notes
        -----
        With attachments, the text goes as 7bit or 8bit, in the charset that git gave it, and so stays readable in the
        raw mail. Only where a line is too long for SMTP, or has a CR or NUL that SMTP would lose, is it
        quoted-printable, which `git am` decodes. The boundary is a hash of the content.
        """
        fields, data = self.fields, self.text
        if attachments:
            fields, data = self._parts(attachments)
        data = b"\n".join([*fields, b"", data])
        if self.crlf:
            data = data.replace(b"\n", b"\r\n")
        return self.begin + data

    def _parts(self, attachments):
        quoted = b"\r" in self.text or b"\0" in self.text or any(
            len(line) > MAX_LINE_NBYTES for line in self.text.split(b"\n"))
        wide = not self.text.isascii() and not quoted
        way = b"quoted-printable" if quoted else b"8bit" if wide else b"7bit"
        kind = self.header("Content-Type").encode("utf-8", "surrogateescape")
        kind = kind or b"text/plain" + (b"; charset=UTF-8" if not self.text.isascii() and _is_utf8(self.text) else b"")
        text = b"\n".join(map(_quoted, self.text.split(b"\n"))) if quoted else self.text
        text = b"Content-Type: " + kind + b"\nContent-Transfer-Encoding: " + way + b"\n\n" + text
        parts = [text, *(a.part for a in attachments)]
        boundary = _boundary(parts)
        fields = [f for f in self.fields if _split(f)[0].encode() not in MIME]
        fields += [b"MIME-Version: 1.0", b'Content-Type: multipart/mixed; boundary="' + boundary + b'"',
                   b"Content-Transfer-Encoding: " + (b"8bit" if wide else b"7bit")]
        # the newline before a boundary is the boundary's, so that the text keeps its own
        return fields, b"".join(b"--" + boundary + b"\n" + p + b"\n" for p in parts) + b"--" + boundary + b"--\n"


def read(data, path=None):
    """The Patch in the bytes of a file.

    Parameters
    ----------
    data : bytes
        One mail of git format-patch: a cover letter, or a patch.
    path : str, optional
        Of the file, for errors.

    Raises
    ------
    MeasureError
        It is no such mail, is encoded or has parts already, or there are several.
    """
    def refuse(found):
        raise MeasureError(f"expected one mail of git format-patch, found {found}", path)

    crlf = data.split(b"\n", 1)[0].endswith(b"\r")
    if crlf:
        if data.count(b"\n") != data.count(b"\r\n"):
            refuse("some lines that end in CR LF and some in LF alone")
        data = data.replace(b"\r\n", b"\n")
    mails = FROM_LINE.findall(data)
    if len(mails) > 1:
        refuse(f"{len(mails)}: split them with git mailsplit")
    begin, rest = b"", data
    if data.startswith(b"From "):
        begin, _, rest = data.partition(b"\n")
        begin += b"\r\n" if crlf else b"\n"
    head, blank, text = rest.partition(b"\n\n")
    if not blank:
        refuse("no empty line between header and text")
    fields = []
    for line in head.split(b"\n"):
        if line[:1] in b" \t" and fields:
            fields[-1] += b"\n" + line
        elif FIELD.match(line):
            fields.append(line)
        else:
            refuse(f"{line[:60].decode('ascii', 'backslashreplace')!r} in the header")
    patch = Patch(begin, fields, text, crlf, path)
    for name in ("From", "Subject", "Date"):
        if not patch.header(name):
            refuse(f"no {name} in the header")
    mime = BytesHeaderParser().parsebytes(head)
    if mime.get_content_type() != "text/plain":
        refuse(f"{mime.get_content_type()}: write it without --attach and --inline")
    way = str(mime.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    if way not in ("7bit", "8bit"):
        refuse(f"Content-Transfer-Encoding {way}")
    if not patch.is_cover and not patch.has_diff:
        refuse("neither a patch nor a cover letter")
    return patch


def _split(field):
    """(lower-case name, value) of a header field."""
    name, _, value = field.decode("utf-8", "surrogateescape").partition(":")
    return name.lower(), value


def _below_message(lines):
    """Index of the line below the commit message, and whether a ``---`` is before it.

    The last ``---`` above the first diff is git's: one above it is the message's own. Without a diffstat git writes
    none, and the diff itself ends the message.
    """
    diff = next(i for i, line in enumerate(lines) if DIFF.match(line))
    dashes = [i for i, line in enumerate(lines[:diff]) if line == b"---"]
    return (dashes[-1] + 1, True) if dashes else (diff, False)


def _above_shortlog(lines):
    """Index of the line where a cover letter's list of patches begins, else its diffstat, else its signature."""
    marks = [i for i, line in enumerate(lines) if SIGNATURE.match(line)]
    end = marks[-1] if marks else len(lines)
    sums = [i for i, line in enumerate(lines[:end]) if STAT_SUM.match(line)]
    at = sums[-1] if sums else next((i for i, line in enumerate(lines[:end]) if line.startswith(b"base-commit: ")), end)
    while sums and at and STAT.match(lines[at - 1]):
        at -= 1
    shortlog = at
    for i in range(at - 1, -1, -1):
        if SHORTLOG.match(lines[i]) and lines[i + 1].startswith(b"  "):
            shortlog = i
        elif lines[i] and not lines[i].startswith(b"  "):
            break
    return shortlog


def _quoted(line):
    """A line in quoted-printable, soft breaks in LF (RFC 2045 section 6.7)."""
    return binascii.b2a_qp(line, istext=False)


def _is_utf8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _boundary(parts):
    """A boundary that no part contains, from a hash of them."""
    digest = hashlib.sha256(b"\n".join(parts))
    while True:
        boundary = b"=_btf-harness-" + digest.hexdigest()[:40].encode()
        if not any(boundary in part for part in parts):
            return boundary
        digest.update(b"again")
