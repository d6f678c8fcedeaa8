"""Where a kernel can be traced at all: the table of ftrace's call sites that the linker collects.

fentry, fexit and kprobe.multi attach to a function through its ftrace site; a function without one (notrace, noinstr,
assembler) cannot be reached by them whatever BTF says about it. The table lies between the symbols __start_mcount_loc
and __stop_mcount_loc (include/asm-generic/vmlinux.lds.h), an address for each site; of a relocatable kernel (arm64)
the addresses are the addends of RELATIVE relocations. Sites of overridden weak functions are 0 or left where no
function is. A module has no such symbols: its table is a section of its own, which the kernel finds by name, and the
addresses are relocations.
"""

from __future__ import annotations

import numpy as np

from harness.elf.constants import SHF_ALLOC, SHT_NOBITS, STT_FUNC
from harness.elf.relative import words_of
from harness.errors import ElfError

MAX_LEAD = np.uint64(64)
"""Most bytes from a site to the function that it stands before; kernels have 8."""

MODULE_TABLES = ("__mcount_loc", "__patchable_function_entries")
"""Sections that may be the table of a module: FTRACE_CALLSITE_SECTION (include/linux/ftrace.h, v6.12). On x86 there may
be both, and the second one is about padding before functions."""


def ftrace_sites(image, symbols):
    """Addresses of the ftrace call sites, uint64 (sites,), ascending; None when the file has no such table.

    Parameters
    ----------
    image : harness.elf.ElfImage
    symbols : harness.elf.SymbolTable

    Raises
    ------
    ElfError
        The table's ends do not lie in one section, its length is no whole number of addresses, or it or a section of
        relocations cannot be read.
    """
    sites = _sites_of_module(image) if image.relocatable else _sites_of_kernel(image, symbols)
    if sites is None:
        return None
    sites = np.unique(sites[sites != 0])
    return sites + _lead(sites, symbols)


def _lead(sites, symbols):
    """Bytes from each site to the function that it belongs to, uint64: 0 where sites are in functions.

    With CONFIG_DYNAMIC_FTRACE_WITH_CALL_OPS, the address of a structure stands before each function, and the table has
    its address (ftrace_call_adjust, arch/arm64/kernel/ftrace.c and arch/riscv/kernel/ftrace.c). How far that is depends
    on the configuration, but it is the same for all: it is what most sites have, if most are in no function.
    """
    functions = symbols.type == STT_FUNC
    value, size = symbols.value[functions], symbols.size[functions]
    entries = np.unique(value)
    if not len(entries) or not len(sites):
        return np.uint64(0)
    ahead = entries[np.minimum(np.searchsorted(entries, sites), len(entries) - 1)] - sites
    order = np.argsort(value, kind="stable")
    nbytes = np.minimum(np.maximum(size[order], np.uint64(1)), ~value[order])  # none ends past the last address
    stop = np.maximum.accumulate(value[order] + nbytes)
    last = np.searchsorted(value[order], sites, side="right") - 1
    inside = (last >= 0) & (sites < stop[np.maximum(last, 0)])
    leads, counts = np.unique(ahead[~inside & (ahead != 0) & (ahead <= MAX_LEAD)], return_counts=True)
    if not len(leads) or counts.max() <= inside.sum():
        return np.uint64(0)
    return leads[np.argmax(counts)]


def _sites_of_module(image):
    """The words of a relocatable file's tables, uint64; None when it has none."""
    nbytes = image.bits // 8
    for name in MODULE_TABLES:
        # an object has one for each section of code
        tables = [s for s in image.sections if s.name == name and s.flags & SHF_ALLOC and s.type != SHT_NOBITS]
        if not tables:
            continue
        sites = []
        for section in tables:
            data = image.read(section, relocated=True)
            if len(data) % nbytes:
                raise ElfError(f"expected addresses of {nbytes} bytes, found {len(data)} bytes in all", image.path,
                               section.name, len(data) // nbytes * nbytes)
            sites.append(image.words(data))
        return np.concatenate(sites)
    return None


def _sites_of_kernel(image, symbols):
    """The words between the table's ends in a linked file, uint64; None when it has no table."""
    start, stop = (_address(symbols, name) for name in (b"__start_mcount_loc", b"__stop_mcount_loc"))
    if start is None or stop is None:
        return None
    nbytes = image.bits // 8
    section = next((s for s in image.sections if s.flags & SHF_ALLOC and s.type != SHT_NOBITS
                    and s.addr <= start < s.addr + s.nbytes), None)
    if section is None:
        return None
    if not start <= stop <= section.addr + section.nbytes or (stop - start) % nbytes:
        raise ElfError(f"expected __stop_mcount_loc after __start_mcount_loc ({start:#x}) in its section, found "
                       f"{stop:#x}", image.path, section.name, start - section.addr)
    sites = words_of(image, section, start - section.addr, stop - section.addr)
    if len(sites) != (stop - start) // nbytes:
        raise ElfError(f"expected the {stop - start} bytes of ftrace's table, found {nbytes * len(sites)}", image.path,
                       section.name, start - section.addr)
    return sites


def has_site(sites, address, size):
    """Which functions have a site in their body, bool (functions,).

    Parameters
    ----------
    sites : uint64 (sites,)
        Ascending, as from `ftrace_sites`.
    address, size : uint64 (functions,)
        In bytes; a function of size 0 counts as one byte.
    """
    stop = address + np.maximum(size, np.uint64(1))
    return np.searchsorted(sites, address) < np.searchsorted(sites, stop)


def _address(symbols, name):
    found = symbols.rows_named(name)
    return int(symbols.value[found[0]]) if len(found) else None
