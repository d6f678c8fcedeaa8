"""The names in a .BTF.ext section, which are offsets in the strings of the .BTF section beside it."""

from __future__ import annotations

import struct

import numpy as np

from harness.btf import wire
from harness.errors import BtfFormatError

HDR_LEN = 24
HDR_LEN_CORE_RELO = 32

SECTION_WORDS = 2
"""Words before the records of an ELF section: its name, and how many there are."""

NAME_WORDS = {"func_info": (), "line_info": (1, 2), "core_relo": (2,)}
"""Which words of a record are offsets of strings, by part."""

MIN_RECORD_NBYTES = {"func_info": 8, "line_info": 16, "core_relo": 16}


def name_offs(data: bytes, byteorder: str, path: str | None = None) -> np.ndarray:
    """Offsets of the strings that a .BTF.ext section names, int64 (n,), as they come.

    Parameters
    ----------
    data : bytes
        The section.
    byteorder : {"little", "big"}
        Of the .BTF beside it.
    path : str, optional
        For errors.

    Raises
    ------
    BtfFormatError
        It is malformed.

    Source
    ------
    Documentation/bpf/btf.rst 4.2 (.BTF.ext section), v6.12; records: struct bpf_func_info and bpf_line_info of
    include/uapi/linux/bpf.h, struct bpf_core_relo there.
    """
    end = wire.prefix(byteorder)

    def wrong(message, offset):
        return BtfFormatError(message, path, wire.EXT_SECTION, offset)

    if len(data) < HDR_LEN:
        raise wrong(f"expected a header of {HDR_LEN} bytes, found {len(data)} bytes in all", len(data))
    magic, version, _, hdr_len = struct.unpack_from(end + "HBBI", data)
    if magic != wire.MAGIC:
        raise wrong(f"expected magic {wire.MAGIC:#06x} in the byte order of {wire.SECTION}, found {magic:#06x}", 0)
    if version != wire.VERSION:
        raise wrong(f"expected version {wire.VERSION}, found {version}", 2)
    if not HDR_LEN <= hdr_len <= len(data):
        raise wrong(f"expected hdr_len {HDR_LEN} to {len(data)}, the section's size, found {hdr_len}", 4)
    found = []
    for k, (part, name_words) in enumerate(NAME_WORDS.items()):
        if part == "core_relo" and hdr_len < HDR_LEN_CORE_RELO:
            break
        off, nbytes = struct.unpack_from(end + "2I", data, 8 + 8 * k)
        if not nbytes:
            continue
        start, room = hdr_len + off, len(data) - hdr_len
        if off > room or nbytes > room - off or off % 4 or nbytes % 4:
            raise wrong(f"expected whole words of {part} among the {room} bytes after the header, found {nbytes} bytes "
                        f"from {off} on", 8 + 8 * k)
        words = np.frombuffer(data, end + "u4", nbytes // 4, start).astype(np.int64)
        record_nbytes = int(words[0])
        if record_nbytes < MIN_RECORD_NBYTES[part] or record_nbytes % 4:
            raise wrong(f"expected {part} records of whole words and at least {MIN_RECORD_NBYTES[part]} bytes, found "
                        f"{record_nbytes}", start)
        at, n_words = 1, record_nbytes // 4
        while at < len(words):
            left = len(words) - at
            n = int(words[at + 1]) if left >= SECTION_WORDS else 0
            if not n or n * n_words > left - SECTION_WORDS:
                raise wrong(f"expected a section's name and {part} records of {record_nbytes} bytes, found {n} records "
                            f"and {4 * left} bytes", start + 4 * at)
            records = words[at + SECTION_WORDS : at + SECTION_WORDS + n * n_words].reshape(n, n_words)
            found += [words[at : at + 1], *(records[:, word] for word in name_words)]
            at += SECTION_WORDS + n * n_words
    return np.concatenate([np.zeros(0, np.int64), *found])
