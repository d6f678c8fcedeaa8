"""Verbs that fetch, or make what cannot be fetched: kernels, fetch, build, tools."""

from __future__ import annotations

from harness.errors import UsageError


def add_kernels(verb):
    """Options of `kernels`."""
    verb("kernels", "list the kernels in the catalogue and in the cache", run_kernels)


def run_kernels(args):
    """`kernels`: catalogue and cache, tab separated."""
    from harness import kernels

    cached = kernels.cached()
    default = kernels.default_name()
    print("name\tarchitecture\tcached\tpath")
    for entry in kernels.catalogue():
        mine = [k for k in cached if k.name == entry.name]
        star = " (default)" if entry.name == default else ""
        labels = ", ".join(k.label for k in mine) or "-"
        print(f"{entry.name}{star}\t{entry.architecture}\t{labels}\t{mine[0].path if mine else '-'}")
    known = {entry.name for entry in kernels.catalogue()}
    for k in cached:
        if k.name not in known:
            print(f"{k.name}\t{k.provenance.get('architecture', '-')}\t{k.label}\t{k.path}")


def add_fetch(verb):
    """Options of `fetch`."""
    p = verb("fetch", "fetch a kernel and print the path of its vmlinux", run_fetch,
             "examples:\n  btf-harness fetch linux-image-6.1.0-56-cloud-amd64-dbg\n"
             "  btf-harness fetch linux-image-7.2.13+deb14-rt-amd64-dbg --suite sid")
    p.add_argument("name", nargs="?", metavar="NAME",
                   help="a catalogue name or an exact package name; without one, the newest default that can be had")
    p.add_argument("--name", action="store_true", dest="print_name", help="print the kernel's name, not its path")
    p.add_argument("--suite", metavar="SUITE",
                   help="where the package is: a suite of Debian such as sid or trixie-backports, in the archive that "
                        "this machine uses (default: the machine's own suites)")
    p.add_argument("--refresh", action="store_true", help="look for a newer version even if one is cached")


def run_fetch(args):
    """`fetch`."""
    from harness import kernels

    if args.name is None:
        for option, value in (("suite", args.suite), ("refresh", args.refresh)):
            if value:
                raise UsageError("needs the NAME of a kernel", option)
        kernel = kernels.fetch_default(progress=not args.quiet)
    else:
        kernel = kernels.fetch(args.name, refresh=args.refresh, progress=not args.quiet, suite=args.suite)
    print(kernel.name if args.print_name else kernel.path)


def add_build(verb):
    """Options of `build`."""
    p = verb("build", "build a kernel with clang, which no distribution offers, and print its path", run_build,
             "From Debian's source package and with the programs of this machine, into the cache: half an hour on two\n"
             "processors. Where it was ended, the next run goes on. One that is built is not built again.")
    p.add_argument("--lto", choices=("none", "thin"), default="none",
                   help="link-time optimization: none (the default), or thin for ThinLTO")
    p.add_argument("--suite", metavar="SUITE", help="where the source package is, as for fetch (default: "
                                                    "trixie-backports)")


def run_build(args):
    """`build`."""
    from harness.kernels import building
    from harness.kernels.progress import say

    kernel = building.build(args.lto, args.suite or building.SUITE, progress=not args.quiet)
    print(kernel.path, flush=True)
    say(f"it is called {kernel.name}, so: btf-harness encode {kernel.name} -o DIR", not args.quiet)


def add_tools(verb):
    """Options of `tools`."""
    p = verb("tools", "fetch another version of pahole, bpftool, libbpf ... and print what starts it", run_tools,
             "A tool is unpacked into the cache with the libraries it needs and installs nothing. libbpf and drgn\n"
             "come with a Python that finds them, as ctypes.CDLL('libbpf.so.1'), cilium-ebpf with a Go compiler;\n"
             "aya-obj needs a cargo on this machine. Without names, lists the tools in the cache.\n\n"
             "example:\n  $(btf-harness tools pahole --suite sid) --version")
    p.add_argument("names", nargs="*", metavar="NAME",
                   help="pahole, bpftool, libbpf, llvm, bpftrace, drgn, cilium-ebpf, aya-obj")
    p.add_argument("--suite", metavar="SUITE", help="as for fetch: the newest version that this suite has")


def run_tools(args):
    """`tools`: the paths of the named ones; without names those in the cache, tab separated."""
    from harness.kernels import tools

    for name in args.names:
        if name not in tools.TOOLS:
            raise UsageError(f"NAME: expected one of {', '.join(tools.TOOLS)}, found {name!r}")
    if args.suite and not args.names:
        raise UsageError(f"--suite: needs the name of a tool: {', '.join(tools.TOOLS)}")
    for name in args.names:
        print(tools.fetch(name, args.suite, progress=not args.quiet).path)
    if not args.names:
        print("name\tversion\tarchitecture\tsuite\tpath")
        for tool in tools.fetched():
            print(f"{tool.name}\t{tool.version}\t{tool.architecture}\t{tool.suite or '-'}\t{tool.path}")
