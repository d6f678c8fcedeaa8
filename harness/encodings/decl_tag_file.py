"""For each place where a FUNC is defined, a DECL_TAG with the source file, and the unit where that is another file.

An address is of one build; a file stays. Yafang Shao asked for it in the thread of May 2023. A `static inline` of a
header has one file and many units, so the unit is given, too: it tells all instances apart.
"""

import numpy as np

from harness.encodings.decl_tag import tags_of_funcs
from harness.encodings.encoding import Encoding, Sources, Written
from harness.encodings.formulas import APART
from harness.encodings.pairs import func_rows
from harness.model import Kind, changes, concatenate, decl_tags

FILE, UNIT = "file=", "unit="


def source_text(file, unit):
    """What a tag says of a function: `file=include/linux/cpumask.h unit=kernel/workqueue.c`; str, empty if unknown."""
    return " ".join(([FILE + file] if file else []) + ([UNIT + unit] if unit and unit != file else []))


def write(pairs, first_id, first_off):
    """One DECL_TAG per (FUNC, source)."""
    table, func_id, _ = func_rows(pairs, first_id)
    source = [source_text(file, unit).encode("utf-8", "surrogateescape")
              for file, unit in zip(pairs.file, pairs.unit, strict=True)]
    rows = np.array([i for i, text in enumerate(source) if text], np.int64)
    texts = sorted({text for text in source if text})
    number = {text: i for i, text in enumerate(texts)}
    which = np.array([number[source[i]] for i in rows.tolist()], np.int64)
    order = np.lexsort((which, func_id[rows]))
    rows, which = rows[order], which[order]
    new = changes(func_id[rows], which) if len(rows) else np.zeros(0, bool)
    start = np.cumsum([0, *(len(text) + 1 for text in texts)])
    tags = decl_tags(first_off + start[which[new]], func_id[rows[new]])
    strings = np.frombuffer(b"".join(text + b"\0" for text in texts), np.uint8)
    return Written(concatenate([table, tags]), func_id, strings)


def read(file, sections, image):
    """The sources in names of DECL_TAGs."""
    name_off, target_id = tags_of_funcs(file)
    texts = [file.strings.get(at).decode("utf-8", "surrogateescape") for at in name_off.tolist()]
    own = np.array([text.startswith((FILE, UNIT)) for text in texts], bool)
    text = np.array(texts, object)[own] if len(texts) else np.zeros(0, object)
    return Sources(target_id[own], text)


def told(functions):
    """Those of which a source is known, of a (FUNC, place) the first."""
    first = functions.drop_duplicates(APART)
    text = [source_text(file, unit) for file, unit in zip(first.file, first.unit, strict=True)]
    return first.assign(text=text)[np.array(text, object) != ""]


def growth(functions):
    """16 bytes per (FUNC, source), and each distinct source's string."""
    tagged = told(functions).drop_duplicates(["name", "proto_id", "text"])
    return 16 * len(tagged) + sum(len(text.encode("utf-8", "surrogateescape")) + 1 for text in set(tagged.text))


ENCODING = Encoding(
    name="decl_tag_file",
    summary="one DECL_TAG 'file=<path> unit=<path>' per source of a FUNC, and no address",
    proposed="Yafang Shao, bpf list, May 2023",
    formula="16 per (FUNC, source) + the text and 1 per distinct source",
    write=write,
    read=read,
    growth=growth,
    told=told,
    kinds=(Kind.DECL_TAG,),
    colour="#66A61E",
    rank=10,
    stores="source file",
    default=False,
)
