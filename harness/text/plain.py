"""Plain text: printable ASCII, and rows with aligned columns."""

from __future__ import annotations

from harness.errors import visible


def ascii_text(text):
    """Text in printable ASCII: other bytes of its UTF-8 as ``\\xNN``, and a backslash doubled to avoid confusion.

    Bytes that were no UTF-8 to begin with (surrogateescape) come out as they were.
    """
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join("\\\\" if c == "\\" else c if " " <= c <= "~" else _bytes_of(c) for c in text)


def _bytes_of(character):
    try:
        data = character.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        data = character.encode("utf-8", "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in data)


def aligned(columns, rows):
    """Rows as text with aligned columns, str: integers to the right, with thousands separators; ends in a newline."""
    cells = [[f"{value:,}" if isinstance(value, int) else visible(str(value)) for value in row] for row in rows]
    right = [all(isinstance(row[k], int) for row in rows) and bool(rows) for k in range(len(columns))]
    width = [max([len(c), *(len(row[k]) for row in cells)]) for k, c in enumerate(columns)]
    lines = ["  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, width, right, strict=True)).rstrip()
             for row in [list(columns), *cells]]
    return "\n".join(lines) + "\n"
