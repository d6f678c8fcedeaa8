"""What one function costs in each form, and each (FUNC, address) pair with what a form may pay for it.

A form's formula counts from a frame of encoded functions, so what a function costs is the difference of two: with it,
and without it. Nothing is encoded again, and no share is estimated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness import encodings as enc
from harness.encodings.formulas import APART, MERGED, ambiguous
from harness.errors import UsageError
from harness.functions.annotations import TAG_SEPARATOR
from harness.measure.attach import Status, reached
from harness.measure.columns import COLUMNS, frame
from harness.measure.functions import coded, func_names
from harness.measure.invariants import encoded_functions
from harness.model import NOWHERE

if TYPE_CHECKING:
    import pandas as pd

    from harness.measure.result import Result

COST_OF_COLUMNS = ("encoding", "FUNC", "addresses", "unique_id", "attachable", "bytes_over_plain")

PAIR_COLUMNS = ("name", "proto", "address", "shndx", "section", "unit", "file", "ftrace", "shared_name", "extra_func",
                "extra_tags")


def cost_of(result: Result, name: str) -> pd.DataFrame:
    """What a function costs in each form of a Result, and what it buys.

    Parameters
    ----------
    result : Result
    name : str
        Of a function that the policy encodes; all that have the name are meant. What the kernel's step adds beside a
        kfunc (`_impl`) has a name of its own.

    Returns
    -------
    DataFrame
        COST_OF_COLUMNS, a row per encoding. FUNC: types that have the name. addresses: distinct ones of the name that
        the file gives back. unique_id, attachable: how many of the name's addresses have an id of their own, and how
        many of these fentry could attach to (see harness.measure.attach; an id that another name has there counts,
        too). bytes_over_plain: what the file would be shorter by without the function, beyond what `plain` would be,
        exactly: the growth that the formula predicts with it and without it.

    Raises
    ------
    UsageError
        The policy encodes no function of that name.
    MeasureError, BtfFormatError
        A table or a file of the result cannot be read.
    """
    functions = result.once(encoded_functions)
    mine = (functions.name == name).to_numpy()
    if not mine.any():
        raise UsageError(f"expected a function that the policy {result.policy} encodes, found {name!r}")
    code, address = functions.code.to_numpy()[mine][0], functions.address[mine & (functions.place != NOWHERE)]
    rows = []
    for encoding in result.encodings:
        if encoding not in enc.REGISTRY:
            continue
        form, ids = enc.encoding(encoding), result.btf(encoding).types.func_ids()[func_names(result, encoding) == code]
        given = result.addresses(encoding)
        told = np.unique(given.address[np.isin(given.func_id, ids)])
        at = result.once(reached, encoding)
        at = at[at.index.isin(address)]
        rows.append((encoding, len(ids), len(told), int((at.status == Status.UNIQUE).sum()), int(at.attachable.sum()),
                     result.once(_growth, encoding) - int(form.growth(functions[~mine]))))
    return frame(rows, COST_OF_COLUMNS)


def _growth(result, encoding):
    return int(enc.encoding(encoding).growth(result.once(encoded_functions)))


def pairs(result: Result) -> pd.DataFrame:
    """The distinct (name, FUNC_PROTO, place) that the files of a Result describe.

    Returns
    -------
    DataFrame
        PAIR_COLUMNS, sorted by name and place. unit, file and section are those of the first instance there. ftrace: an
        instance there has a call site; missing where that is not known. shared_name: the name has several places.
        extra_func: a FUNC that only those forms have which tell FUNCs apart by place: `plain` has one FUNC for this
        pair and an earlier one. extra_tags: annotations that this FUNC repeats.

    Notes
    -----
    So `btf_func_ambiguous` pays 8 bytes for each pair with a shared name and a place, 12 for each extra FUNC and 16
    for each extra tag.
    """
    import pandas as pd

    functions = result.once(encoded_functions)
    out = functions.sort_values(["name", "place", "proto_id"], kind="stable").drop_duplicates(APART)
    place, ftrace = coded(result).place, result.functions.ftrace
    with_site = out.place.isin(np.unique(place[ftrace.fillna(False).to_numpy(bool)]))
    unknown = out.place.isin(np.unique(place[ftrace.isna().to_numpy()])) & ~with_site
    several = ambiguous(functions).name.unique()
    out = out.rename(columns={"proto_id": "proto"}).assign(
        ftrace=with_site.astype("boolean").mask(unknown), shared_name=out.name.isin(several),
        extra_func=out.duplicated(MERGED).to_numpy(), extra_tags=_repeated(functions, out.index))
    dtypes = {name: COLUMNS[name].dtype for name in PAIR_COLUMNS}
    return pd.DataFrame(out[list(PAIR_COLUMNS)]).reset_index(drop=True).astype(dtypes)


def _repeated(functions, rows):
    """How many annotations each pair's FUNC has that another of its name and FUNC_PROTO before it has, by index."""
    tagged = functions[functions.tags != ""]
    tagged = tagged.assign(tag=tagged.tags.str.split(TAG_SEPARATOR)).explode("tag")
    tagged = tagged.sort_values(["name", "place", "proto_id"], kind="stable")
    apart = tagged.drop_duplicates([*APART, "tag"])
    again = apart[apart.duplicated([*MERGED, "tag"])]
    n = again.groupby(["name", "proto_id", "place"], observed=True).size()
    key = functions.loc[rows, ["name", "proto_id", "place"]]
    return [int(n.get(k, 0)) for k in key.itertuples(index=False, name=None)] if len(n) else np.zeros(len(rows), int)
