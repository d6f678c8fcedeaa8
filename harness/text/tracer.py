"""What a tracer that asks for a function gets, in words: from the kernel as it is, and from each file's ids.

The verdicts follow from the symbols, the files, and what the kernel does:

- fentry and fexit by BTF id: the verifier takes the FUNC's name and asks kallsyms_lookup_name for it, which gives the
  first symbol of exactly that name, or -ENOENT (bpf_check_attach_target, kernel/bpf/verifier.c, v5.5 to v6.17);
- they, and kprobe.multi, need an ftrace site (see harness.functions.ftrace);
- kprobe events by a name that several symbols have: -EADDRNOTAVAIL (b022f0c7, "tracing/kprobes: Return EADDRNOTAVAIL
  when func matches several symbols", v6.6); kprobe events on a function without an ftrace site: -EINVAL without
  CONFIG_KPROBE_EVENTS_ON_NOTRACE (within_notrace_func, kernel/trace/trace_kprobe.c).
"""

from __future__ import annotations

from collections import Counter

from harness import encodings as enc
from harness.encodings.encoding import Ids, counted, said

AMBIGUOUS_SINCE = "1.31"
"""The first pahole that leaves out names with several addresses (09c1e9c)."""


def rows_by(frame, *columns):
    """Rows of a frame as named tuples, grouped by columns in the order of the rows: dict of list.

    Keys are values, of several columns tuples of them; a missing bool is None.
    """
    bits = [name for name in frame.columns if frame[name].dtype == "boolean"]
    frame = frame.assign(**{name: frame[name].to_numpy(object, na_value=None) for name in bits})
    groups = {}
    for row in frame.itertuples(index=False):
        key = tuple(getattr(row, c) for c in columns)
        groups.setdefault(key if len(key) > 1 else key[0], []).append(row)
    return groups


def hex_address(lookup, address):
    """An address in hex, as wide as the machine's are."""
    return f"0x{address:0{lookup.bits // 4}x}"


def verdicts(lookup):
    """Yields (name, way, verdict), str, by name: the kernel's ways first and then each file's.

    A way is what a verdict is about: instances, policy, pahole, kprobe, ftrace, arguments, section, or fentry by a
    file's ids. `lookup` is a harness.measure.lookup.Lookup.
    """
    shown, ids = rows_by(lookup.instances, "name"), rows_by(lookup.rows, "name", "encoding")
    symbols = {}
    for row in lookup.symbols.itertuples(index=False):
        known = symbols.setdefault(row.symbol, (set(), row.symbol_addresses))
        known[0].add((row.shndx, row.address))
    for name in sorted({*shown, *(n for n, _ in ids)}):
        mine = shown.get(name, [])
        yield from ((name, *v) for v in _kernel_verdicts(lookup, name, mine, symbols))
        for encoding in lookup.encodings:
            verdict = _file_verdict(lookup, mine, symbols.get(name), ids.get((name, encoding)), encoding)
            yield name, f"fentry, {encoding}", verdict


def _which(n, total):
    """n of total instances in words, as the subject of a sentence."""
    if total == 1:
        return "the instance"
    if n == total == 2:
        return "both instances"
    return f"all {total} instances" if n == total else f"{n} of {total} instances"


def _kernel_verdicts(lookup, name, shown, symbols):
    """(way, verdict): what does not depend on the encoding."""
    if name in lookup.added and not shown:
        code = lookup.added[name]
        yield "instances", f"the kernel's build adds this FUNC for the code of {code}, under whose name the symbol is"
        return
    if not shown:
        yield "instances", "DWARF has no code under this name; only the FUNC is known"
        return
    total = len(shown)
    left_out = Counter(row.reason for row in shown if row.reason)
    n_out = left_out.total()
    several = max(row.elf_addresses for row in shown)
    words = lookup.policy
    if lookup.policy != "all" and lookup.rules:
        words += f" with the rules of pahole {lookup.rules}"
    if n_out:
        reasons = "; ".join(f"{n} x {r}" if total > 1 else r for r, n in sorted(left_out.items()))
        yield "policy", f"{words} leaves out {_which(n_out, total)}: {reasons}"
    else:
        yield "policy", f"{words} keeps {_which(total, total)}"
    if several > 1 and not (lookup.policy == "current" and n_out):
        yield "pahole", (f"pahole since {AMBIGUOUS_SINCE} leaves the name out: ignoring suffixes, its symbols have "
                         f"{several} addresses")
    for symbol in dict.fromkeys([name, *sorted({row.symbol for row in shown} - {"", name})]):
        if symbol not in symbols:
            yield "kprobe", f"{symbol}: no known function has a symbol of exactly this name (-ENOENT)"
        elif symbols[symbol][1] > 1:
            yield "kprobe", (f"{symbol}: {symbols[symbol][1]} addresses, so -EADDRNOTAVAIL since v6.6 "
                             "(b022f0c7, also in stable trees); before, the first that kallsyms lists")
        else:
            yield "kprobe", f"{symbol}: its only address, {hex_address(lookup, min(symbols[symbol][0])[1])}"
    without = sum(row.ftrace is False for row in shown)
    if without:
        verb = "has" if without == 1 else "have"
        yield "ftrace", (f"{_which(without, total)} {verb} no ftrace site (notrace, as every 'inline' of the kernel "
                         "is, or assembler): fentry and kprobe.multi cannot attach there whatever BTF says; kprobe "
                         "events can only with CONFIG_KPROBE_EVENTS_ON_NOTRACE")
    unknown = sum(row.ftrace is None for row in shown)
    if unknown:
        yield "ftrace", f"{_which(unknown, total)}: whether there is an ftrace site is not known"
    unknown = sum(row.faults == "unknown" for row in shown)
    if unknown:
        yield "arguments", f"{_which(unknown, total)}: assembler, whose prototype is not known"
    faults = [row.faults for row in shown if row.faults not in ("", "unknown")]
    if faults:
        words = ", ".join(sorted({word for text in faults for word in text.split("+")}))
        yield "arguments", f"{_which(len(faults), total)}: arguments may not be where a prototype says ({words})"
    gone = [row.section for row in shown if row.section.startswith((".init", ".exit"))]
    if gone:
        yield "section", f"{_which(len(gone), total)} in {', '.join(sorted(set(gone)))}: gone after boot"


def _file_verdict(lookup, shown, exact, rows, encoding):
    """What fentry by BTF id gets from one file.

    Parameters
    ----------
    shown, rows : list of named tuples
        Of Lookup.instances and Lookup.rows, the latter None if the file has no FUNC of this name.
    exact : (set of (shndx, address), int) or None
        Known places of the symbol of exactly this name, and how many it has.
    """
    if rows is None:
        return "no FUNC, so no id to attach by"
    ids = list(dict.fromkeys(row.type_id for row in rows))
    given = {row.address for row in rows if row.given}
    at = None
    if exact is None:
        resolved = ("the kernel finds no symbol of exactly this name (-ENOENT)" if shown else
                    "its symbol is not known")
    elif exact[1] == 1:
        at = min(exact[0])
        resolved = f"the kernel looks the name up and finds its one symbol, {hex_address(lookup, at[1])}"
    else:
        resolved = (f"the kernel looks the name up and takes the first of {exact[1]} that kallsyms lists; "
                    "the id cannot select another")
    site = {(row.shndx, row.address): row.ftrace for row in shown}
    if not given:
        text = f"{Ids(len(ids), (), 0, resolved).how_many} without an address; {resolved}"
        if len(ids) > 1 and exact is not None:
            text += "; every id leads there, so all prototypes but one are wrong"
        others = len(set(site) - {at})
        if at is not None and site.get(at) is False:
            text += ", where fentry cannot attach"
        elif at is not None and others:
            text += f", never the other {counted(others, 'address')} shown"
        return text
    # of a relocatable file an address is an offset, which several sections may have
    sites = [has for (_, address), has in site.items() if address in given]
    traceable = ""
    if len(sites) == 1 and sites[0] is not None:
        traceable = "; there is an ftrace site" if sites[0] else "; there is no ftrace site"
    elif any(has is not None for has in sites):
        traceable = f"; ftrace site at {sites.count(True)} of {counted(len(sites), 'address')}"
    stand_for = {row.type_id: row.addresses for row in rows}
    of = Ids(len(ids), tuple(stand_for.values()), sum(row.given for row in rows), resolved)
    tells = enc.REGISTRY[encoding].tells if encoding in enc.REGISTRY else said
    return tells(of) + traceable
