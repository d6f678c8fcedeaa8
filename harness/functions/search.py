"""The kfuncs that pahole up to 1.30 does not find among the symbols, and so gives no tag.

It sorts the function symbols by what stands before the first '.' of their names, and looks for a kfunc by bisection, by
its whole name. So `f` and `f.cold` are equal to the sort and stay in the order of the symbol table; and where `f.cold`
comes first and bisection meets it, `f` is sought before it and missed. 1.31 sorts by whole names.

Few are missed: 28 of 312 kfuncs of Debian's 7.3.4-cloud-amd64, none of its arm64 kernel. Functions themselves are
sought a second time, without what follows the '.'; none of them is lost, as the names of the shipped files show.

Source: functions_cmp(), elf_functions__collect() and btf_encoder__find_function() in pahole's btf_encoder.c, 1.30;
glibc's qsort(), which is stable wherever memory suffices (stdlib/msort.c), and bsearch(). A name with a character that
sorts before '.', which no C identifier has, would be put elsewhere by functions_cmp().
"""

from __future__ import annotations

import numpy as np

from harness.elf.constants import STT_FUNC
from harness.functions.kfuncs import symbol_name


def not_found(image, symbols, names):
    """Those of some names that the search does not find, frozenset of bytes.

    Parameters
    ----------
    image : harness.elf.ElfImage
    symbols : harness.elf.SymbolTable
    names : iterable of bytes

    Raises
    ------
    ElfError
        The name of a function's symbol is longer than any symbol's.
    """
    names = list(names)
    if not names:
        return frozenset()
    rows = np.flatnonzero(symbols.type == STT_FUNC).tolist()
    ordered = sorted((symbol_name(image, symbols, row) for row in rows), key=_sorted_by)
    return frozenset(name for name in names if not _is_found(name, ordered))


def _sorted_by(name):
    """What the sort compares of a name; all of one that begins with '.'."""
    return name.partition(b".")[0] or name


def _is_found(name, ordered):
    """Whether bisection for a name comes to it."""
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        if name == ordered[middle]:
            return True
        low, high = (low, middle) if name < ordered[middle] else (middle + 1, high)
    return False
